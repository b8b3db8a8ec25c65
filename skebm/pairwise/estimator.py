"""Estimator of a machine of coupled pairs: features, samples, scores and likelihoods."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_array
from sklearn.utils.validation import check_is_fitted

from .._encodings import BINARY, SPIN, encoding_of, from_spins, joint_encoding, to_spins
from .._random import RandomStreams
from .._streamed_rows import as_rows
from .._typing import Floats, MatrixLike, RandomStateLike
from .._validation import FLOATS, check_mask, validated
from ..boltzmann.base import BaseBoltzmann
from ..boltzmann.inference import annealed
from ..boltzmann.partition import LogPartition
from .annealing import simulated_annealing
from .chains import draw, ladder
from .machine import PairwiseMachine
from .model import PairwiseModel
from .path import PairwisePath

# Largest number of units for sums over all states: by default, and if the user asks for them.
MOST_UNITS, MOST_UNITS_ON_DEMAND = 20, 26

# Number of samples, and of sweeps before them, for covariances of many units.
_N_SAMPLES, _N_SWEEPS = 10_000, 200


class PairwiseEstimator(BaseBoltzmann):
    """Methods of a fitted machine of coupled pairs.

    They use the fitted attributes ``weights_`` and ``intercept_``, for states in the encoding
    ``encoding_``; ``_means``, the means of the independent units with which tempering and annealing
    start; ``_streams``; and ``_dtype_of_states``, the dtype of states that are returned if no
    states were given. The parameters ``binarize`` and ``n_replicas`` are used.
    """

    # The model

    def _model(self, dtype=None):
        """The fitted model, a :class:`~skebm.pairwise.model.PairwiseModel`."""
        dtype = self.weights_.dtype if dtype is None else dtype
        weights, bias = (
            np.ascontiguousarray(array, dtype=dtype) for array in (self.weights_, self.intercept_)
        )
        make = PairwiseMachine if self.encoding_ == SPIN else PairwiseMachine.of_binary_units
        return PairwiseModel(make(weights, bias), self.n_features_in_)

    def _model_and_states(self, X, gaps_are_fine=False):
        """The model in the dtype of X, rows of -1 and 1, a mask of missing entries, and X."""
        check_is_fitted(self)
        finite = "allow-nan" if gaps_are_fine else True
        X = validated(self, X, reset=False, ensure_all_finite=finite)
        gaps = np.isnan(X) if X.dtype.kind == "f" else np.zeros(X.shape, dtype=bool)
        encoding = self._encoding_with(X, self.encoding_, gaps)
        dtype = X.dtype if X.dtype in FLOATS else self.weights_.dtype
        states = to_spins(X, encoding, self._parameters.binarize, dtype)
        return self._model(dtype), states, gaps, X

    def _as_given(self, states, dtype):
        """Visible states in the encoding of the data."""
        return from_spins(states[:, : self.n_features_in_], self.encoding_, dtype)

    def _means_as_given(self, means):
        """Convert means of units of -1 and 1 to the encoding of the data."""
        return means if self.encoding_ == SPIN else (means + 1) / 2

    def _publish_machine(self, machine):
        weights, bias = machine.weights, machine.bias[0]
        if self.encoding_ == SPIN:
            self.weights_, self.intercept_ = weights.copy(), bias.copy()
        else:  # inverse of PairwiseMachine.of_binary_units
            self.weights_, self.intercept_ = 4 * weights, 2 * (bias - weights.sum(axis=1))
        n_hidden = len(self.weights_) - self.n_features_in_
        self._n_features_out = n_hidden or self.n_features_in_
        self._stamp_version()

    def _encoding_with(self, X, encoding, gaps=None):
        """Encoding of the model and these data together; 0 and 1 if all values are 1."""
        name, found = type(self).__name__, encoding_of(X, gaps)
        return joint_encoding(encoding, found, name, X, self._parameters.binarize) or BINARY

    # Features

    def transform(self, X: MatrixLike) -> Any:
        """Mean states of the hidden units given each row.

        Exact if hidden units are not connected with each other, or if there are at most 12;
        otherwise by mean field. Without hidden units, the mean of each visible unit given all
        other units of its row.

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

    def _gibbs(self, X, n_steps, streams):
        model, visible, _, X = self._model_and_states(X)
        states = model.walk(self._joint(model, visible, streams), n_steps, streams)
        return self._as_given(states, _dtype_of_states(X, self.weights_))

    def _sample(self, n_samples, n_steps, streams, init, clamp, betas, mean):
        free = None
        if init is None:
            model, dtype = self._model(), self._dtype_of_states
            means = np.broadcast_to(self._means, (n_samples or 1, model.machine.n_units))
            states = draw(means.astype(self.weights_.dtype), streams)
        else:
            model, visible, _, init = self._model_and_states(init)
            dtype = _dtype_of_states(init, self.weights_)
            turns = np.arange(n_samples or len(visible)) % len(visible)
            if clamp is not None:
                clamp = check_mask("clamp", clamp, visible.shape)
                free = np.ones((len(turns), model.machine.n_units), dtype=bool)
                free[:, : model.n_visible] = ~np.broadcast_to(clamp, visible.shape)[turns]
            states = self._joint(model, visible[turns], streams)
        if betas is None:
            states = model.walk(states, n_steps, streams, free)
        else:
            replicas = ladder(self._means.astype(states.dtype), betas)
            states = model.tempered_walk(states, n_steps, streams, replicas, free)
        if mean:
            return self._means_as_given(model.means_beside(states, free))
        return self._as_given(states, dtype)

    def _impute(self, X, n_steps, streams):
        model, visible, gaps, X = self._model_and_states(X, gaps_are_fine=True)
        states = model.machine.random_states(len(visible), (streams.seed, streams.take(), 0))
        free = np.ones(states.shape, dtype=bool)
        known = ~gaps
        free[:, : model.n_visible] = gaps
        np.copyto(states[:, : model.n_visible], visible, where=known)
        means = self._means_as_given(model.means_by_walk(states, free, n_steps, streams))
        return np.where(gaps, means, X).astype(states.dtype, copy=False)

    def _joint(self, model, visible, streams):
        """States of all units: visible ones as given, hidden ones drawn with their means."""
        return np.hstack([visible, draw(model.hidden_means(visible), streams)])

    def anneal(
        self,
        n_sweeps: int = 1000,
        n_restarts: int = 100,
        *,
        temperatures: ArrayLike | None = None,
        schedule: Literal["geometric", "linear"] = "geometric",
        init: ArrayLike | None = None,
        clamp: ArrayLike | None = None,
        random_state: RandomStateLike = None,
    ) -> Bunch:
        """Find states of low energy, the most probable ones, by simulated annealing.

        Parameters
        ----------
        n_sweeps : int, default=1000
            Number of sweeps over all units of each restart, each at its own temperature.
        n_restarts : int, default=100
            Number of chains, which are independent of each other.
        temperatures : tuple of two floats or array-like of shape (n_sweeps,), default=None
            The first and the last temperature, or the temperature of each sweep. That of the model
            is 1. None computes them from the weights, see :func:`simulated_annealing`.
        schedule : {"geometric", "linear"}, default="geometric"
            Whether the temperature falls by a constant factor or a constant difference per sweep.
        init : array-like of shape (n_features,), default=None
            Visible states to start from, in the encoding of the data. With None they are random.
        clamp : array-like of bool of shape (n_features,), default=None
            Visible units that keep the value that they have in ``init``.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        result : :class:`~sklearn.utils.Bunch`
            As in :func:`simulated_annealing`. ``state`` and ``states`` contain all units, the
            visible ones first, in the encoding of the data. Energies are in nats.

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

    def energy(self, X: MatrixLike, H: MatrixLike | None = None) -> Floats:
        """Energy E(x) of joint states of all units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.
        H : array-like of shape (n_samples, n_components), default=None
            Hidden states, or their means, in the encoding of the data. With None, the result of
            :meth:`transform`.

        Returns
        -------
        energy : ndarray of shape (n_samples,)
            Energies in nats, for states in the encoding of the data.
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

    def free_energy(self, X: MatrixLike) -> Floats:
        """Free energy F(v) = -log of the sum over hidden states h of exp(-E(v, h)).

        Without hidden units, this is the energy. Exact if hidden units are not connected with each
        other, or if there are at most 12; otherwise an upper bound by mean field.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        F : ndarray of shape (n_samples,)
            Free energies in nats; -F(v) is log p(v) plus a constant of the model.
        """
        model, visible, _, X = self._model_and_states(X)
        return (-model.log_masses(visible)).astype(visible.dtype, copy=False)

    def score_samples(self, X: MatrixLike) -> Floats:
        """Pseudo-log-likelihood, the sum over i of log p(v_i | all other v), for each row.

        Deterministic. Hidden units are summed over, exactly if :meth:`free_energy` is exact.
        Otherwise each conditional probability follows from the difference of two bounds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_samples,)
            Pseudo-log-likelihoods in nats.
        """
        model, visible, _, _ = self._model_and_states(X)
        return model.pseudo_log_likelihood(visible).astype(visible.dtype, copy=False)

    def _log_partition(self, method, n_temperatures, n_chains, X, n_burn_in, streams):
        machine = self._model().machine
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

    def log_likelihood(
        self, X: MatrixLike, log_partition: LogPartition | float | None = None
    ) -> Floats:
        """Log-likelihood log p(v) = -F(v) - log Z of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.
        log_partition : LogPartition or float, default=None
            The result of :meth:`log_partition` for this model, of which the estimate is used, or a
            number in nats. None calls ``log_partition(random_state=0)``, and keeps the result until
            the model changes.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats; a lower bound if :meth:`free_energy` is an upper bound.
        """
        return -self.free_energy(X) - self._log_z(log_partition)

    @property
    def covariance_(self) -> Floats:
        """Covariances of the visible units under the model."""
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
    """Dtype of states that are returned for these data."""
    return X.dtype if X.dtype.kind in "biuf" else weights.dtype
