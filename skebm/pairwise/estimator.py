"""What a machine of coupled pairs is as an estimator: features, samples, scores, likelihoods."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from .._by_chunk import AnswersByChunk
from .._deployment import Deployable
from .._encodings import BINARY, SPIN, encoding_of, from_spins, joint_encoding, to_spins
from .._random import RandomStreams
from .._source import as_rows
from .._validation import (
    FLOATS,
    HasPlainParameters,
    Number,
    Optional,
    Options,
    Randomness,
    check_argument,
    check_mask,
    validated,
)
from .._version import VersionStamp
from ..boltzmann.inference import LOG_PARTITION, annealed, in_nats
from ..boltzmann.partition import LogPartition
from .annealing import simulated_annealing
from .chains import draw, ladder
from .machine import PairwiseMachine
from .model import PairwiseModel
from .path import PairwisePath

# Units of which all states are summed over where nobody asks for it, and where somebody does.
MOST_UNITS, MOST_UNITS_ON_DEMAND = 20, 26

# Samples, and sweeps before them, that covariances of many units are from.
_N_SAMPLES, _N_SWEEPS = 10_000, 200

_COUNT, _COUNT_OR_NONE_AT_ALL = Number(Integral, "[1, inf)"), Number(Integral, "[0, inf)")


class PairwiseEstimator(
    VersionStamp,
    Deployable,
    AnswersByChunk,
    HasPlainParameters,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """A fitted machine of coupled pairs, however it came to be.

    Its fitted attributes are ``weights_`` and ``intercept_`` for states in the encoding
    ``encoding_``, and beside them ``_means``, of independent units as tempering and annealing begin
    with them, ``_streams``, and ``_dtype_of_states``, in which states are returned where none were
    given. The parameters ``binarize`` and ``n_replicas`` are read.
    """

    # The model

    def _model(self, dtype=None):
        """What has been learned, as a :class:`~skebm.pairwise.model.PairwiseModel`."""
        dtype = self.weights_.dtype if dtype is None else dtype
        weights, bias = (
            np.ascontiguousarray(array, dtype=dtype) for array in (self.weights_, self.intercept_)
        )
        make = PairwiseMachine if self.encoding_ == SPIN else PairwiseMachine.of_binary_units
        return PairwiseModel(make(weights, bias), self.n_features_in_)

    def _model_and_states(self, X, gaps_are_fine=False):
        """The model, of the type of data; rows of -1 and 1; and a mask of what is missing."""
        check_is_fitted(self)
        finite = "allow-nan" if gaps_are_fine else True
        X = validated(self, X, reset=False, ensure_all_finite=finite)
        gaps = np.isnan(X) if X.dtype.kind == "f" else np.zeros(X.shape, dtype=bool)
        encoding = self._encoding_with(X, self.encoding_, gaps)
        dtype = X.dtype if X.dtype in FLOATS else self.weights_.dtype
        states = to_spins(X, encoding, self._parameters.binarize, dtype)
        return self._model(dtype), states, gaps, X

    def _as_given(self, states, dtype):
        """States of visible units as users give them."""
        return from_spins(states[:, : self.n_features_in_], self.encoding_, dtype)

    def _means_as_given(self, means):
        """Means of states in the encoding of the data from those of -1 and 1."""
        return means if self.encoding_ == SPIN else (means + 1) / 2

    def _draws(self, random_state):
        """Streams to draw from: see "Random numbers" in the documentation, doc/api.rst."""
        check_argument(self, "random_state", random_state, Randomness())
        if random_state is None:
            return self._streams
        return RandomStreams.from_random_state(check_random_state(random_state))

    def _publish_machine(self, machine):
        weights, bias = machine.weights, machine.bias[0]
        if self.encoding_ == SPIN:
            self.weights_, self.intercept_ = weights.copy(), bias.copy()
        else:  # the other way round: PairwiseMachine.of_binary_units
            self.weights_, self.intercept_ = 4 * weights, 2 * (bias - weights.sum(axis=1))
        n_hidden = len(self.weights_) - self.n_features_in_
        self._n_features_out = n_hidden or self.n_features_in_
        self._stamp_version()

    def _encoding_with(self, X, encoding, gaps=None):
        """Encoding of a model together with these data; of ones alone, 0 and 1."""
        name, found = type(self).__name__, encoding_of(X, gaps)
        return joint_encoding(encoding, found, name, X, self._parameters.binarize) or BINARY

    # Features

    def transform(self, X):
        """Mean states of the hidden units given each row; without any, of each visible unit.

        Exact where hidden units are not connected with each other, or where there are up to 12;
        by mean field beyond. Without hidden units, the mean of each visible unit given all others
        of its row: what the model expects there, whatever the row has.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components) or (n_samples, n_features)
            Means in the encoding of the data: probabilities of being on, or between -1 and 1.
        """
        model, visible, _, _ = self._model_and_states(X)
        means = model.hidden_means(visible) if model.n_hidden else model.conditional_means(visible)
        return self._means_as_given(means)

    # Samples

    def gibbs(self, X, n_steps=1, *, random_state=None):
        """Visible states after some sweeps of Gibbs sampling over all units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states to start from. Hidden units start by one sweep over them alone.
        n_steps : int, default=1
            Number of sweeps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None goes on with the estimator's own, see
            :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states, in the encoding and of the type of ``X``.
        """
        model, visible, _, X = self._model_and_states(X)
        n_steps = check_argument(self, "n_steps", n_steps, _COUNT_OR_NONE_AT_ALL)
        streams = self._draws(random_state)
        states = model.walk(self._joint(model, visible, streams), n_steps, streams)
        return self._as_given(states, _dtype_of_states(X, self.weights_))

    def sample(
        self,
        n_samples=None,
        n_steps=100,
        *,
        init=None,
        clamp=None,
        algorithm="gibbs",
        random_state=None,
    ):
        """Draw visible states from the model.

        Parameters
        ----------
        n_samples : int, default=None
            Number of samples. None is 1, or as many as ``init`` has rows.
        n_steps : int, default=100
            Sweeps of Gibbs sampling from the start of a chain to its sample. Chains need time to
            forget their start.
        init : array-like of shape (n_rows, n_features), default=None
            Visible states to start from, used in turn where there are more samples than rows.
            None starts each chain at random, each unit drawn by the mean of its feature.
        clamp : array-like of bool, of shape (n_features,) or (n_rows, n_features), default=None
            Visible units that keep the value which they have in ``init``.
        algorithm : {"gibbs", "pt"}, default="gibbs"
            "pt" is parallel tempering: each chain has ``n_replicas`` replicas, at temperatures
            from that of the model to one where all units are independent, and they swap states
            after each sweep. This takes ``n_replicas`` times as long, and leads from one mode to
            another where plain Gibbs sampling stays in the one that it started in. The
            temperatures adapt during the first half of the sweeps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states in the encoding of the data.
        """
        check_is_fitted(self)
        n_samples = check_argument(self, "n_samples", n_samples, Optional(_COUNT))
        n_steps = check_argument(self, "n_steps", n_steps, _COUNT_OR_NONE_AT_ALL)
        check_argument(self, "algorithm", algorithm, Options("gibbs", "pt"))
        if clamp is not None and init is None:
            raise ValueError("clamp needs init, the states that clamped units keep.")
        streams = self._draws(random_state)
        if init is None:
            model, dtype, free = self._model(), self._dtype_of_states, None
            means = np.broadcast_to(self._means, (n_samples or 1, model.machine.n_units))
            states = draw(means.astype(self.weights_.dtype), streams)
        else:
            model, visible, _, init = self._model_and_states(init)
            dtype = _dtype_of_states(init, self.weights_)
            turns = np.arange(n_samples or len(visible)) % len(visible)
            free = None
            if clamp is not None:
                clamp = check_mask("clamp", clamp, visible.shape)
                free = np.ones((len(turns), model.machine.n_units), dtype=bool)
                free[:, : model.n_visible] = ~np.broadcast_to(clamp, visible.shape)[turns]
            states = self._joint(model, visible[turns], streams)
        if algorithm == "pt":
            replicas = ladder(self._means.astype(states.dtype), self._parameters.n_replicas)
            replicas.betas[:] = getattr(self, "betas_", replicas.betas)
            states = model.tempered_walk(states, n_steps, streams, replicas, free)
        else:
            states = model.walk(states, n_steps, streams, free)
        return self._as_given(states, dtype)

    def impute(self, X, n_steps=100, *, random_state=None):
        """Fill in missing entries given the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states; NaN marks what is missing.
        n_steps : int, default=100
            Sweeps of Gibbs sampling with the known entries clamped. The first half is thrown
            away; over the second half, the means of the missing units are averaged.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            ``X`` with what is missing replaced by the estimated expectation of its unit.
        """
        n_steps = check_argument(self, "n_steps", n_steps, _COUNT)
        model, visible, gaps, X = self._model_and_states(X, gaps_are_fine=True)
        streams = self._draws(random_state)
        states = model.machine.random_states(len(visible), (streams.seed, streams.take(), 0))
        free = np.ones(states.shape, dtype=bool)
        known = ~gaps
        free[:, : model.n_visible] = gaps
        np.copyto(states[:, : model.n_visible], visible, where=known)
        means = self._means_as_given(model.means_by_walk(states, free, n_steps, streams))
        return np.where(gaps, means, X).astype(states.dtype, copy=False)

    def _joint(self, model, visible, streams):
        """All units where the visible ones are given and the hidden ones drawn by their means."""
        return np.hstack([visible, draw(model.hidden_means(visible), streams)])

    def anneal(
        self,
        n_sweeps=1000,
        n_restarts=100,
        *,
        temperatures=None,
        schedule="geometric",
        init=None,
        clamp=None,
        random_state=None,
    ):
        """Find states of least energy, which are the most likely ones, by simulated annealing.

        Parameters
        ----------
        n_sweeps : int, default=1000
            Sweeps over all units of each restart, each at a temperature of its own.
        n_restarts : int, default=100
            Chains, which are independent of each other.
        temperatures : tuple of two floats or array-like of shape (n_sweeps,), default=None
            The first temperature and the last one, or that of each sweep; the model's own is 1.
            None finds them from the weights, see :func:`simulated_annealing`.
        schedule : {"geometric", "linear"}, default="geometric"
            How the temperature falls from sweep to sweep: by a factor, or by a difference.
        init : array-like of shape (n_features,), default=None
            Visible states to start from, in the encoding of the data; None draws them.
        clamp : array-like of bool of shape (n_features,), default=None
            Visible units that keep the value which they have in ``init``.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        result : :class:`~sklearn.utils.Bunch`
            As of :func:`simulated_annealing`, with ``state`` and ``states`` of all units, the
            visible ones first, in the encoding of the data; energies in nats.

        Raises
        ------
        ValueError
            If an argument is not valid.
        """
        check_is_fitted(self)
        n_visible, n_units = self.n_features_in_, len(self.weights_)
        off = -1 if self.encoding_ == SPIN else 0
        if init is not None:
            states = self._model_and_states(np.reshape(init, (1, -1)))[1]
            init = np.full(n_units, off)
            init[:n_visible] = np.where(states[0] > 0, 1, off)
        if clamp is not None:
            clamped = np.zeros(n_units, dtype=bool)
            clamped[:n_visible] = check_mask("clamp", clamp, (1, n_visible))
            clamp = clamped
        seed = self._draws(random_state).generator().integers(2**31)
        return simulated_annealing(
            self.weights_,
            self.intercept_,
            units="spin" if self.encoding_ == SPIN else "binary",
            n_sweeps=n_sweeps,
            n_restarts=n_restarts,
            temperatures=temperatures,
            schedule=schedule,
            init=init,
            clamp=clamp,
            random_state=np.random.RandomState(seed),
        )

    # Scores of rows

    def energy(self, X, H=None):
        """Energy E(x) of joint states of all units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.
        H : array-like of shape (n_samples, n_components), default=None
            Hidden states, or means of them, in the encoding of the data. None takes what
            :meth:`transform` returns.

        Returns
        -------
        energy : ndarray of shape (n_samples,)
            In nats, of states in the encoding of the data.
        """
        model, visible, _, _ = self._model_and_states(X)
        if H is None or not model.n_hidden:
            hidden = model.hidden_means(visible)
        else:
            hidden = check_array(H, dtype=visible.dtype, input_name="H", estimator=self)
            hidden = hidden if self.encoding_ == SPIN else 2 * hidden - 1
        if hidden.shape != (len(visible), model.n_hidden):
            raise ValueError(
                f"{type(self).__name__}.energy takes hidden states H of shape "
                f"{len(visible), model.n_hidden}. Got an array of shape {hidden.shape}."
            )
        energies = model.machine.energy(np.hstack([visible, hidden]))
        return energies.astype(visible.dtype, copy=False)

    def free_energy(self, X):
        """Free energy F(v) = -log of the sum over hidden states h of exp(-E(v, h)).

        Without hidden units, that is the energy. Exact where hidden units are not connected with
        each other, or where there are up to 12; by mean field beyond: then it is an upper bound.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        F : ndarray of shape (n_samples,)
            Free energies in nats; -F(v) is log p(v) up to a constant of the model.
        """
        model, visible, _, X = self._model_and_states(X)
        return (-model.log_masses(visible)).astype(visible.dtype, copy=False)

    def score_samples(self, X):
        """Pseudo-log-likelihood, the sum over i of log p(v_i | all other v), for each row.

        Deterministic. Hidden units are summed over: exactly as far as :meth:`free_energy` is exact;
        beyond that, each conditional is the one that two bounds differ by.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_samples,)
            In nats.
        """
        model, visible, _, _ = self._model_and_states(X)
        return model.pseudo_log_likelihood(visible).astype(visible.dtype, copy=False)

    def score(self, X, y=None):
        """Mean pseudo-log-likelihood of the rows; the greater, the better.

        What a search over parameters such as ``alpha`` compares on rows that are held out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        score : float
            In nats a row.
        """
        return float(self.score_samples(X).mean())

    def log_partition(
        self,
        method="auto",
        *,
        n_temperatures=10_000,
        n_chains=100,
        X=None,
        n_burn_in=1000,
        random_state=None,
    ):
        """Logarithm of the partition function Z, which turns free energies into likelihoods.

        By a sum over all states it is exact, up to rounding. Annealed importance sampling gives
        bounds in expectation, by chains that are led from independent units with the means of the
        training data to the model, and by chains that are led back; see
        :meth:`BernoulliRBM.log_partition`.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
            "exact" sums over all states, of 26 units at most (time doubles with each). "ais" is
            annealing, in both directions. "auto" is "exact" up to 20 units, and "ais" beyond.
        n_temperatures : int, default=10000
            Inverse temperatures from 0 to 1, half of them above 0.75. Not used by "exact".
        n_chains : int, default=100
            Chains in each direction, two at least. Not used by "exact".
        X : array-like of shape (n_samples, n_features), default=None
            Visible states, such as rows of training data, that the chains of the way back come
            from. None is the end of the way there.
        n_burn_in : int, default=1000
            Sweeps of Gibbs sampling from there to the start of the way back.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        result : LogPartition
            With the attributes ``estimate``, ``lower``, ``upper`` and ``standard_error``, floats
            in nats, for energies of states in the encoding of the data.

        Raises
        ------
        ValueError
            If an argument is not valid, or if there are too many units for "exact".
        """
        check_is_fitted(self)
        check_argument(self, "method", method, Options("auto", "exact", "ais"))
        two_or_more = Number(Integral, "[2, inf)")
        n_temperatures = check_argument(self, "n_temperatures", n_temperatures, two_or_more)
        n_chains = check_argument(self, "n_chains", n_chains, two_or_more)
        n_burn_in = check_argument(self, "n_burn_in", n_burn_in, _COUNT_OR_NONE_AT_ALL)
        streams, machine = self._draws(random_state), self._model().machine
        if method == "exact" and machine.n_units > MOST_UNITS_ON_DEMAND:
            raise ValueError(
                f"The 'method' parameter of {type(self).__name__}.log_partition is 'exact', which "
                f"takes up to {MOST_UNITS_ON_DEMAND} units, and there are {machine.n_units}. Use "
                "'ais'."
            )
        if method == "exact" or (method == "auto" and machine.n_units <= MOST_UNITS):
            value = float(machine.log_partition()[0])
            return LogPartition(value, value, value, 0.0)
        states = None
        if X is not None:
            model, visible, _, _ = self._model_and_states(X)
            states = as_rows(self._joint(model, visible, streams))
        path = PairwisePath(machine, np.arctanh(self._means).astype(machine.dtype))
        how = n_temperatures, n_chains, states, n_burn_in, streams
        return annealed(path, type(self).__name__, *how)

    def log_likelihood(self, X, log_partition=None):
        """Log-likelihood log p(v) = -F(v) - log Z of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.
        log_partition : LogPartition or float, default=None
            What :meth:`log_partition` returned for this model, of which the estimate counts, or a
            number of nats. None calls ``log_partition(random_state=0)`` at each call.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats; a lower bound where :meth:`free_energy` is an upper one.
        """
        free_energies = self.free_energy(X)
        check_argument(self, "log_partition", log_partition, LOG_PARTITION)
        if log_partition is None:
            log_partition = self.__skebm_log_partition__()
        return -free_energies - in_nats(log_partition)

    def __skebm_log_partition__(self):
        """That which likelihoods take where none is given."""
        return self.log_partition(random_state=0)

    @property
    def covariance_(self):
        """Covariances of the visible units in the model."""
        check_is_fitted(self)
        model, n = self._model(), self.n_features_in_
        if model.machine.n_units <= MOST_UNITS:
            moments = model.machine.moments()
            mean, correlations = moments.means[0, :n], moments.correlations[:n, :n]
            covariances = correlations - np.outer(mean, mean)
        else:
            streams = RandomStreams(0)
            address = streams.seed, streams.take(), 0
            states = model.machine.random_states(_N_SAMPLES, address)
            model.walk(states, _N_SWEEPS, streams)
            covariances = np.cov(states[:, :n].astype(np.float64), rowvar=False, bias=True)
        scale = 1.0 if self.encoding_ == SPIN else 0.25
        return (scale * covariances).astype(self.weights_.dtype)

    # Conventions

    def _attributes_for_use(self):
        return {name: a for name, a in vars(self).items() if name != "_training_state"}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _dtype_of_states(X, weights):
    """Type of states that are returned for data."""
    return X.dtype if X.dtype.kind in "biuf" else weights.dtype
