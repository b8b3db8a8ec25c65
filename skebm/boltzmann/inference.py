"""What can be done with a trained restricted Boltzmann machine."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from .._random import RandomStreams
from .._source import DenseRows, all_of, as_rows, for_each_chunk
from .._threads import one_blas_thread
from .._validation import (
    FLOATS,
    AnyOf,
    Instance,
    Number,
    Optional,
    Options,
    Randomness,
    check_argument,
    check_mask,
    native,
    validated,
    warn_caller,
)
from .partition import (
    MOST_CROSSING,
    MOST_UNITS,
    MOST_UNITS_ON_DEMAND,
    LogPartition,
    annealed_log_partition,
    enumerable,
    exact_log_partition,
    inverse_temperatures,
)
from .path import TemperaturePath
from .tempering import N_STREAMS, Tempering

# What a method takes for the logarithm of a partition function; None has it find that out.
LOG_PARTITION = Optional(AnyOf(Instance(LogPartition), Number(Real, "(-inf, inf)")))


# A transformer itself: scikit-learn wraps ``transform`` in the class that defines it.
class InferenceMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Features, samples and likelihoods of the estimator that has :class:`BaseRBM`'s attributes.

    Each method validates its data, makes the machine anew from the fitted attributes
    (``_machine``), and lets it do the work.
    """

    # Features

    def transform(self, X):
        """Mean hidden activities, the probabilities P(h = 1 | v = X).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            Probabilities, of the type of ``X``.
        """
        rows = self._rows(X)
        return self._machine(rows.dtype).transform(rows)

    def inverse_transform(self, X):
        """Mean visible states given hidden activities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Hidden activities, states or probabilities.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Means of the visible units, of the type of ``X``.
        """
        check_is_fitted(self)
        H = native(check_array(X, dtype=FLOATS, estimator=self))
        n_components = len(self.components_)
        if H.shape[1] != n_components:
            raise ValueError(
                f"X has {H.shape[1]} features, but {type(self).__name__}.inverse_transform is "
                f"expecting {n_components} features as input."
            )
        return self._to_data(self._machine(H.dtype).inverse_transform(DenseRows(H)))

    # Samples

    def gibbs(self, X, n_steps=1, *, random_state=None):
        """Visible states after some steps of Gibbs sampling, each of both layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states to start from.
        n_steps : int, default=1
            Number of steps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None goes on with the estimator's own, see
            :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states, of the type of ``X``.
        """
        rows = self._rows(X)
        n_steps = check_argument(self, "n_steps", n_steps, Number(Integral, "[0, inf)"))
        return self._to_data(self._walk(all_of(rows), n_steps, random_state))

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
            Steps of Gibbs sampling from the start of a chain to its sample. Chains need time to
            forget their start.
        init : array-like of shape (n_rows, n_features), default=None
            Visible states to start from, used in turn where there are more samples than rows.
            None starts each chain at random, each unit drawn by the mean of its feature.
        clamp : array-like of bool, of shape (n_features,) or (n_rows, n_features), default=None
            Visible units that keep the value which they have in ``init``.
        algorithm : {"gibbs", "pt"}, default="gibbs"
            "pt" is parallel tempering: each chain has ``n_replicas`` replicas, at temperatures
            from that of the model to one where all units are independent, and they swap states
            after each step. This takes ``n_replicas`` times as long, and leads from one mode to
            another where plain Gibbs sampling stays in the one that it started in. The
            temperatures adapt during the first half of the steps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states.
        """
        check_is_fitted(self)
        count = Number(Integral, "[1, inf)")
        n_samples = check_argument(self, "n_samples", n_samples, Optional(count))
        n_steps = check_argument(self, "n_steps", n_steps, Number(Integral, "[0, inf)"))
        check_argument(self, "algorithm", algorithm, Options("gibbs", "pt"))
        walk = self._walk if algorithm == "gibbs" else self._walk_tempered
        if init is None:
            if clamp is not None:
                raise ValueError("clamp needs init, the states that clamped units keep.")
            streams = self._draws(random_state)
            states = self._draw_by_means(n_samples or 1, self.components_.dtype, streams)
            return self._to_data(walk(states, n_steps, streams))
        init = self._dense(init)
        turns = np.arange(n_samples or len(init)) % len(init)
        states = all_of(self._to_states(as_rows(init)))[turns]
        mask = None if clamp is None else check_mask("clamp", clamp, init.shape)
        keep = None if clamp is None else np.broadcast_to(mask, init.shape)[turns]
        samples = self._to_data(walk(states, n_steps, random_state, keep))
        return samples if keep is None else np.where(keep, init[turns], samples)

    def _draw_by_means(self, n_rows, dtype, streams):
        """Visible states drawn feature by feature, by the means of the data alone."""
        visible, _ = self._fitted_base_rate()
        return visible.copy(dtype).base_rate(n_rows, (streams.seed, streams.take(), 0))

    def impute(self, X, n_steps=100, *, random_state=None):
        """Fill in missing entries given the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states; NaN marks what is missing.
        n_steps : int, default=100
            Steps of Gibbs sampling with the known entries clamped. The first half is thrown
            away; over the second half, the means of the missing units are averaged.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            ``X`` with each NaN replaced by the estimated expectation of its unit.
        """
        n_steps = check_argument(self, "n_steps", n_steps, Number(Integral, "[1, inf)"))
        X = self._dense(X, ensure_all_finite="allow-nan")
        missing = np.isnan(X)
        streams = self._draws(random_state)
        machine = self._machine(X.dtype)
        start = self._draw_by_means(len(X), X.dtype, streams)
        np.copyto(start, all_of(self._to_states(as_rows(X))), where=~missing)
        means = np.zeros_like(start)
        stream = streams.take(2 * n_steps)
        n_skipped = n_steps // 2

        def fill(part):
            address = streams.seed, stream, part.start
            walk = machine.walk(start[part], n_steps, address, keep=~missing[part])
            for step, mean in enumerate(walk):
                if step >= n_skipped:
                    means[part] += mean
            means[part] /= n_steps - n_skipped

        for_each_chunk(fill, len(X))
        return np.where(missing, self._to_data(means), X)

    # Scores of rows

    def free_energy(self, X):
        """Free energy F(v) = -log of the sum over h of exp(-E(v, h)).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        F : ndarray of shape (n_samples,)
            Free energies in nats; -F(v) is log p(v) up to a constant of the model.
        """
        rows = self._rows(X)
        return self._machine(rows.dtype).free_energy(rows)

    def score_samples(self, X):
        """Pseudo-log-likelihood, the sum over i of log p(v_i | all other v), for each row.

        Exact and deterministic.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_samples,)
            In nats.
        """
        rows = self._rows(X)
        return self._machine(rows.dtype).pseudo_log_likelihood(rows) - self._log_scale()

    def score(self, X, y=None):
        """Mean pseudo-log-likelihood of the rows; the greater, the better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        score : float
            In nats a row.
        """
        return float(self.score_samples(X).mean())

    # Likelihoods

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

        By enumeration it is exact, up to rounding. Annealed importance sampling [1]_ [2]_ gives
        bounds in expectation: a lower one by chains that are led from the data's base-rate model,
        whose units ignore each other and have the means of the training data, to the model over
        many temperatures, and an upper one by chains that are led back [3]_. The estimate between
        them is Bennett's [4]_. More temperatures draw the bounds together, more chains make them
        scatter less.

        The way back has to start at samples of the model. Where a layer has up to 20 units, they
        are exact. Otherwise they are the end of the way there, drawn by its weights, or the end
        of chains from rows of data, and the upper bound is one as far as those are samples of the
        model. Chains from data see modes that the way there missed, but a model far from its
        data can take long to draw them to where its mass is: an upper bound clearly below the
        lower one says so. The lower one is one in any case, and exceeds log Z by t nats with
        probability exp(-t) at most.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
            "exact" sums over the states of the smaller layer of binary units, of which there may
            be 30 at most (time and memory double with each, up to 8 GB). "ais" is annealing, in
            both directions. "auto" is "exact" up to 20 units, and "ais" beyond.
        n_temperatures : int, default=10000
            Inverse temperatures from 0 to 1, half of them above 0.75. Not used by "exact".
        n_chains : int, default=100
            Chains in each direction, two at least. Not used by "exact".
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Visible states, such as rows of training data, that the chains of the way back come
            from. None is the end of the way there.
        n_burn_in : int, default=1000
            Steps of Gibbs sampling from there to the start of the way back.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        result : LogPartition
            With the attributes ``estimate``, ``lower``, ``upper`` and ``standard_error``, floats
            in nats. The bounds hold in expectation, so those of one run can cross by as much as
            they scatter. The standard error is that of the estimate by the scatter of the chains:
            a region that all of them missed is not in it, but parts the bounds. With "exact", the
            first three are equal and the last is 0.

        Raises
        ------
        ValueError
            If an argument is not valid, or a layer with few enough units is missing.

        References
        ----------
        .. [1] R. M. Neal, "Annealed importance sampling", Statistics and Computing 11, 2001.
        .. [2] R. Salakhutdinov and I. Murray, "On the quantitative analysis of deep belief
           networks", ICML 2008.
        .. [3] R. B. Grosse, Z. Ghahramani and R. P. Adams, "Sandwiching the marginal likelihood
           using bidirectional Monte Carlo", arXiv 1511.02543, 2015.
        .. [4] C. H. Bennett, "Efficient estimation of free energy differences from Monte Carlo
           data", Journal of Computational Physics 22, 1976.
        """
        check_is_fitted(self)
        check_argument(self, "method", method, Options("auto", "exact", "ais"))
        n_temperatures = check_argument(
            self, "n_temperatures", n_temperatures, Number(Integral, "[2, inf)")
        )
        n_chains = check_argument(self, "n_chains", n_chains, Number(Integral, "[2, inf)"))
        n_burn_in = check_argument(self, "n_burn_in", n_burn_in, Number(Integral, "[0, inf)"))
        rows = None if X is None else self._rows(X)
        streams = self._draws(random_state)
        machine = self._machine(self.components_.dtype)
        most_units = MOST_UNITS if method == "auto" else MOST_UNITS_ON_DEMAND
        if method != "ais" and enumerable(machine, most_units):
            return exact_log_partition(machine).plus(self._log_scale())
        if method == "exact":
            raise ValueError(
                f"The 'method' parameter of {type(self).__name__}.log_partition is 'exact', which "
                f"needs a layer of at most {MOST_UNITS_ON_DEMAND} binary units. Use 'ais'."
            )
        betas = inverse_temperatures(n_temperatures)
        path = TemperaturePath(machine, *self._fitted_base_rate())
        result = annealed_log_partition(path, betas, n_chains, rows, n_burn_in, streams)
        if result.lower - result.upper > MOST_CROSSING:
            warn_caller(
                f"The bounds of {type(self).__name__}.log_partition cross: the lower one is "
                f"{result.lower:.1f}, the upper one {result.upper:.1f} nats, since its chains did "
                "not come to where the model has its mass. The estimate is the lower bound, and "
                "not to be trusted. Raise 'n_burn_in' and 'n_temperatures'; if that does not help, "
                "training went astray: lower its learning rate."
            )
        return result.plus(self._log_scale())

    def log_likelihood(self, X, log_partition=None):
        """Log-likelihood log p(v) = -F(v) - log Z of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states.
        log_partition : LogPartition or float, default=None
            What :meth:`log_partition` returned for this model, of which the estimate counts, or a
            number of nats: with ``log_partition=result.upper``, likelihoods are lower bounds in
            expectation. None calls ``log_partition(random_state=0)``, which takes a minute or
            more where both layers are large, at each call: nothing is kept.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, of the type of ``X``.
        """
        rows = self._rows(X)
        check_argument(self, "log_partition", log_partition, LOG_PARTITION)
        self._warn_of_no_states(rows)
        if log_partition is None:
            log_partition = self.log_partition(random_state=0)
        return -self._machine(rows.dtype).free_energy(rows) - in_nats(log_partition)

    # What the methods above share

    def _warn_of_no_states(self, rows):
        """Warn where rows are no states of the visible units, so that they have no probability."""

    def _rows(self, X):
        check_is_fitted(self)
        X = validated(self, X, accept_sparse="csr", dtype=FLOATS, reset=False)
        return self._to_states(as_rows(X))

    def _dense(self, X, **options):
        check_is_fitted(self)
        return validated(self, X, dtype=FLOATS, order="C", reset=False, **options)

    def _draws(self, random_state):
        """Streams to draw from: see "Random numbers" in the documentation, doc/api.rst."""
        if isinstance(random_state, RandomStreams):
            return random_state
        check_argument(self, "random_state", random_state, Randomness())
        if random_state is None:
            return self._streams
        return RandomStreams.from_random_state(check_random_state(random_state))

    def _walk(self, states, n_steps, random_state, keep=None):
        """Visible states after Gibbs sampling from ``states``, in place."""
        streams = self._draws(random_state)
        address = streams.seed, streams.take(2 * n_steps), 0
        return self._machine(states.dtype).run(states, n_steps, address, keep)

    def _walk_tempered(self, states, n_steps, random_state, keep=None):
        """Visible states after parallel tempering with all replicas from ``states``."""
        streams = self._draws(random_state)
        machine = self._machine(states.dtype)
        base = (units.copy(states.dtype) for units in self._fitted_base_rate())
        betas = getattr(self, "betas_", np.linspace(0, 1, self._parameters.n_replicas))
        tempering = Tempering(tuple(base), betas.astype(np.float64))
        fixed = None if keep is None else (keep, states)
        with one_blas_thread():
            h = tempering.odd_states(machine, states, (streams.seed, streams.take(), 0))
            for n_sweeps, adapt in ((n_steps // 2, True), (n_steps - n_steps // 2, False)):
                stream = streams.take(N_STREAMS * n_sweeps)
                v = tempering.run(machine, h, n_sweeps, (streams.seed, stream), fixed, adapt)
        return v[-1] if n_steps else states


def in_nats(log_partition):
    """The logarithm of a partition function as a float, which leaves float32 as it is."""
    if isinstance(log_partition, LogPartition):
        log_partition = log_partition.estimate
    return float(log_partition)
