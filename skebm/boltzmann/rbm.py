"""What every restricted Boltzmann machine shares as an estimator."""

import copy
import time
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .._callbacks import CallbackSupportMixin, with_callbacks
from .._random import RandomStreams
from .._rows import DenseRows, as_rows, for_each_chunk
from .._schedules import DECAYS, last_stage, stage_at
from .._threads import one_blas_thread
from .._validation import (
    FLOATS,
    Flag,
    Number,
    Optional,
    Options,
    Randomness,
    Schedule,
    Verbosity,
    all_or_nothing,
    check_argument,
    check_mask,
    check_parameters,
)
from .._version import VersionStamp
from .gradient import OFFSET_RATE, Learner, Settings
from .monitor import Monitor
from .negative_phase import NEGATIVE_PHASES
from .partition import (
    MOST_UNITS,
    MOST_UNITS_ON_DEMAND,
    LogPartition,
    annealed_log_partition,
    enumerable,
    exact_log_partition,
    inverse_temperatures,
)
from .path import Path
from .tempering import N_STREAMS, Tempering
from .units import BernoulliUnits


class BaseRBM(
    VersionStamp,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Training, transformation, sampling and scoring, whatever the visible units are.

    A subclass says what its machine is: at the start of training (``_initial_machine``), in the
    fitted attributes (``_publish_machine``) and from them (``_machine``); and which visible units
    have given means and know nothing of each other (``_visible_base_rate``). Where the machine does
    not see the data as they come, it also says how to get from the data to the visible states
    (``_to_states``), back (``_to_data``), and what that does to a density (``_log_scale``).
    """

    _parameter_checks: ClassVar = {
        "n_components": Number(Integral, "[1, inf)"),
        "learning_rate": Schedule(Real, "(0, inf)"),
        "batch_size": Number(Integral, "[1, inf)"),
        "n_iter": Number(Integral, "[0, inf)"),
        "verbose": Verbosity(),
        "random_state": Randomness(),
        "algorithm": Options(*NEGATIVE_PHASES),
        "n_gibbs_steps": Schedule(Integral, "[1, inf)"),
        "n_chains": Optional(Number(Integral, "[1, inf)")),
        "n_replicas": Number(Integral, "[2, inf)"),
        "learning_rate_schedule": Options(*DECAYS),
        "momentum": Schedule(Real, "[0, 1)"),
        "alpha": Number(Real, "[0, inf)"),
        "l1_ratio": Number(Real, "[0, 1]"),
        "sparsity_target": Optional(Number(Real, "(0, 1)")),
        "sparsity_cost": Number(Real, "[0, inf)"),
        "centered": Flag(),
        "shuffle": Flag(),
        "early_stopping": Flag(),
        "validation_fraction": Number(Real, "(0, 1)"),
        "n_iter_no_change": Number(Integral, "[1, inf)"),
        "tol": Number(Real, "[0, inf)"),
        "reconstruction_tol": Optional(Number(Real, "[0, inf)")),
        "warm_start": Flag(),
    }

    def __init__(
        self,
        n_components=256,
        *,
        learning_rate=0.1,
        batch_size=10,
        n_iter=10,
        verbose=0,
        random_state=None,
        algorithm="pcd",
        n_gibbs_steps=1,
        n_chains=None,
        n_replicas=10,
        learning_rate_schedule="constant",
        momentum=0.0,
        alpha=0.0,
        l1_ratio=0.0,
        sparsity_target=None,
        sparsity_cost=0.1,
        centered=False,
        shuffle=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        reconstruction_tol=None,
        warm_start=False,
    ):
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.algorithm = algorithm
        self.n_gibbs_steps = n_gibbs_steps
        self.n_chains = n_chains
        self.n_replicas = n_replicas
        self.learning_rate_schedule = learning_rate_schedule
        self.momentum = momentum
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.centered = centered
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.reconstruction_tol = reconstruction_tol
        self.warm_start = warm_start

    # Training

    def fit(self, X, y=None):
        """Fit the model to the data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If a parameter or the data is not valid, or if the weights cease to be finite. The
            estimator is then as it was, or as the last whole epoch left it.
        """
        return self._fit(X, y, self._report)

    @with_callbacks
    def _fit(self, X, y, report):
        """Fit, and call ``report(epoch, measured)`` after each epoch, counted from 1."""
        check_parameters(self, self._parameter_checks)
        progress = self._init_callback_context(max_subtasks=self.n_iter)
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with all_or_nothing(self) as commit:
            resume = self.warm_start and hasattr(self, "components_")
            rows = self._training_rows(X, first_time=not resume)
            learner = self._resumed_learner() if resume else self._initial_learner(rows)
            self._run_epochs(rows, learner, progress, commit, report)
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def partial_fit(self, X, y=None):
        """Go on training with more data, once over its rows in minibatches.

        Where a parameter is a sequence over the epochs, its last value holds;
        ``learning_rate_schedule`` has no part in it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`; the estimator is then as it was.
        """
        check_parameters(self, self._parameter_checks)
        with all_or_nothing(self):
            first_time = not hasattr(self, "components_")
            rows = self._training_rows(X, first_time)
            learner = self._initial_learner(rows) if first_time else self._resumed_learner()
            order = self._order(np.arange(rows.shape[0]), learner)
            self._run_epoch(rows, order, learner, self._settings(last_stage, rate_factor=1.0))
            self._publish(learner)
        return self

    def _training_rows(self, X, first_time):
        dtype = FLOATS if first_time else self.components_.dtype
        X = validate_data(self, X, accept_sparse="csr", dtype=dtype, order="C", reset=first_time)
        rows = as_rows(X)
        self._inspect(rows, first_time)
        return self._to_states(rows)

    def _inspect(self, rows, first_time):
        """Look at training data before anything is made of them."""

    def _to_states(self, rows):
        """Visible states of the machine, from rows of data."""
        return rows

    def _to_data(self, states):
        """Data from visible states of the machine, which may be changed in place."""
        return states

    def _log_scale(self):
        """Log of the factor between a volume of data and that of its visible states."""
        return 0.0

    def _initial_learner(self, rows):
        random_state = check_random_state(self.random_state)
        mean = rows.mean()
        machine = self._initial_machine(rows, mean, random_state)
        offsets = mean.astype(rows.dtype), np.full(self.n_components, 0.5, dtype=rows.dtype)
        streams = RandomStreams.from_random_state(random_state)
        return self._learner(machine, None, offsets, None, streams)

    def _resumed_learner(self):
        if self.n_components != len(self.components_):
            raise ValueError(
                f"The 'n_components' parameter of {type(self).__name__} is {self.n_components!r}, "
                f"but the model to go on with has {len(self.components_)} hidden units. Fit anew "
                "with warm_start=False, or leave n_components as it was."
            )
        state = self._training_state
        before = copy.deepcopy(state["negative_phase"])
        if hasattr(self, "h_samples_"):
            before.chains = self.h_samples_.copy()
        return self._learner(
            self._machine(self.components_.dtype).copy(),
            before,
            tuple(offset.copy() for offset in state["offsets"]),
            None if state["velocity"] is None else tuple(v.copy() for v in state["velocity"]),
            replace(self._streams),
        )

    def _learner(self, machine, phase_before, offsets, velocity, streams):
        """A learner with what the parameters ask for and is missing from an earlier one."""
        phase = NEGATIVE_PHASES[self.algorithm].prepare(
            self, machine, self._base_rate(offsets), streams, phase_before
        )
        if velocity is None and np.any(self.momentum):
            velocity = tuple(
                np.zeros_like(parameter)
                for parameter in (machine.weights, machine.visible.bias, machine.hidden.bias)
            )
        return Learner(machine, phase, offsets, velocity, streams)

    def _run_epochs(self, rows, learner, progress, commit, report):
        training, held_out = self._split(rows.shape[0], learner.streams)
        monitor = Monitor(
            rows,
            training,
            held_out,
            self.n_iter_no_change,
            self.tol,
            self.reconstruction_tol,
            self._log_scale(),
        )
        history = {}
        self._publish(learner, history, n_iter=0)
        for epoch in range(self.n_iter):
            task = progress.subcontext(task_name="epoch")
            task.call_on_fit_task_begin(estimator=self)
            start = time.perf_counter()
            order = self._order(training, learner)
            settings = self._settings(
                partial(stage_at, epoch, self.n_iter),
                DECAYS[self.learning_rate_schedule](epoch, self.n_iter),
            )
            self._run_epoch(rows, order, learner, settings)
            measured = monitor.measure(learner.machine)
            measured["seconds"] = time.perf_counter() - start
            for name, value in measured.items():
                history.setdefault(name, []).append(value)
            self._publish(learner, history, n_iter=epoch + 1)
            commit()
            report(epoch + 1, measured)
            stop = monitor.should_stop(learner.machine, measured)
            if task.call_on_fit_task_end(estimator=self) or stop:
                break
        if monitor.best_machine is not None:
            learner.machine = monitor.best_machine
            self._publish(learner, history, n_iter=self.n_iter_)

    def _run_epoch(self, rows, order, learner, settings):
        learner.negative_phase.start_epoch(self._base_rate(learner.offsets))
        with np.errstate(all="ignore"):
            learner.run_epoch(rows, order, settings)
            finite = learner.machine.is_finite()
        if not finite:
            raise ValueError(
                f"The weights of {type(self).__name__} are no longer finite. Lower the "
                f"'learning_rate' parameter, {self.learning_rate!r}, or scale the data."
            )

    def _split(self, n_rows, streams):
        """Numbers of the rows to train on and of those held out."""
        if not self.early_stopping:
            return np.arange(n_rows), np.arange(0)
        n_held_out = int(np.ceil(self.validation_fraction * n_rows))
        if n_held_out >= n_rows:
            raise ValueError(
                f"The 'validation_fraction' parameter of {type(self).__name__}, "
                f"{self.validation_fraction!r}, leaves none of the {n_rows} rows to train on."
            )
        shuffled = streams.generator().permutation(n_rows)
        return np.sort(shuffled[n_held_out:]), shuffled[:n_held_out]

    def _order(self, numbers, learner):
        return learner.streams.generator().permutation(numbers) if self.shuffle else numbers

    def _settings(self, now, rate_factor):
        """What holds in an epoch; ``now`` gives the value of what may be a sequence."""
        return Settings(
            learning_rate=rate_factor * now(self.learning_rate),
            batch_size=self.batch_size,
            n_gibbs_steps=now(self.n_gibbs_steps),
            momentum=now(self.momentum),
            l2=self.alpha * (1 - self.l1_ratio),
            l1=self.alpha * self.l1_ratio,
            sparsity_target=self.sparsity_target,
            sparsity_cost=self.sparsity_cost,
            centered=self.centered,
        )

    def _publish(self, learner, history=None, n_iter=None):
        """Copy what has been learned into the fitted attributes."""
        machine = learner.machine.copy()
        self._publish_machine(machine)
        if hasattr(self, "_training_state"):
            for name in self._training_state["negative_phase"].fitted_attributes():
                vars(self).pop(name, None)
        self._training_state = copy.deepcopy(
            {
                "offsets": learner.offsets,
                "velocity": learner.velocity,
                "negative_phase": learner.negative_phase,
            }
        )
        vars(self).update(self._training_state["negative_phase"].fitted_attributes())
        self._streams = replace(learner.streams)
        self._n_features_out = len(self.components_)
        if history is not None:
            self.history_ = copy.deepcopy(history)
            self.n_iter_ = n_iter
        self._stamp_version()

    def _report(self, epoch, measured):
        if self.verbose:
            print(
                f"[{type(self).__name__}] Iteration {epoch}, "
                f"pseudo-likelihood = {measured['pseudo_likelihood']:.2f}, "
                f"time = {measured['seconds']:.2f}s",
                flush=True,
            )

    # Use

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
        H = check_array(X, dtype=FLOATS, estimator=self)
        n_components = len(self.components_)
        if H.shape[1] != n_components:
            raise ValueError(
                f"X has {H.shape[1]} features, but {type(self).__name__}.inverse_transform is "
                f"expecting {n_components} features as input."
            )
        return self._to_data(self._machine(H.dtype).inverse_transform(DenseRows(H)))

    def gibbs(self, X, n_steps=1, *, random_state=None):
        """Visible states after some steps of Gibbs sampling, each of both layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states to start from.
        n_steps : int, default=1
            Number of steps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. With None, calls go on with the estimator's own
            numbers, so that one call after another is one chain.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states, of the type of ``X``.
        """
        rows = self._rows(X)
        check_argument(self, "n_steps", n_steps, Number(Integral, "[0, inf)"))
        return self._to_data(self._walk(_all_of(rows), n_steps, random_state))

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
            None starts each chain at random, every unit drawn by its bias alone.
        clamp : array-like of bool, of shape (n_features,) or (n_rows, n_features), default=None
            Visible units that keep the value which they have in ``init``.
        algorithm : {"gibbs", "pt"}, default="gibbs"
            "pt" is parallel tempering: each chain has ``n_replicas`` replicas, at temperatures
            from that of the model to one where all units are independent, and they swap states
            after each step. This takes ``n_replicas`` times as long, and leads from one mode to
            another where plain Gibbs sampling stays in the one that it started in. The
            temperatures adapt during the first half of the steps.
        random_state : int, RandomState instance or None, default=None
            As for :meth:`gibbs`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states.
        """
        check_is_fitted(self)
        count = Number(Integral, "[1, inf)")
        check_argument(self, "n_samples", n_samples, Optional(count))
        check_argument(self, "n_steps", n_steps, Number(Integral, "[0, inf)"))
        check_argument(self, "algorithm", algorithm, Options("gibbs", "pt"))
        walk = self._walk if algorithm == "gibbs" else self._walk_tempered
        if init is None:
            if clamp is not None:
                raise ValueError("clamp needs init, the states that clamped units keep.")
            streams = self._draws(random_state)
            machine = self._machine(self.components_.dtype)
            address = streams.seed, streams.take(), 0
            states = machine.visible.base_rate(n_samples or 1, address)
            return self._to_data(walk(states, n_steps, streams))
        init = self._dense(init)
        turns = np.arange(n_samples or len(init)) % len(init)
        states = _all_of(self._to_states(as_rows(init)))[turns]
        mask = None if clamp is None else check_mask("clamp", clamp, init.shape)
        keep = None if clamp is None else np.broadcast_to(mask, init.shape)[turns]
        samples = self._to_data(walk(states, n_steps, random_state, keep))
        return samples if keep is None else np.where(keep, init[turns], samples)

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
            As for :meth:`gibbs`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            ``X`` with each NaN replaced by the estimated expectation of its unit.
        """
        check_argument(self, "n_steps", n_steps, Number(Integral, "[1, inf)"))
        X = self._dense(X, ensure_all_finite="allow-nan")
        missing = np.isnan(X)
        streams = self._draws(random_state)
        machine = self._machine(X.dtype)
        start = machine.visible.base_rate(len(X), (streams.seed, streams.take(), 0))
        np.copyto(start, _all_of(self._to_states(as_rows(X))), where=~missing)
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
            As for :meth:`gibbs`.

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
        check_argument(self, "n_temperatures", n_temperatures, Number(Integral, "[2, inf)"))
        check_argument(self, "n_chains", n_chains, Number(Integral, "[2, inf)"))
        check_argument(self, "n_burn_in", n_burn_in, Number(Integral, "[0, inf)"))
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
        path = Path(machine, *self._base_rate(self._training_state["offsets"]))
        result = annealed_log_partition(path, betas, n_chains, rows, n_burn_in, streams)
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
        check_argument(self, "log_partition", log_partition, Optional(_LogOfPartition()))
        if log_partition is None:
            log_partition = self.log_partition(random_state=0)
        if isinstance(log_partition, LogPartition):
            log_partition = log_partition.estimate
        return -self._machine(rows.dtype).free_energy(rows) - float(log_partition)

    def _base_rate(self, offsets):
        """Layers of units that have the means of the data and know nothing of each other."""
        visible_mean, hidden_mean = offsets
        # As many rows as take part in a moving average.
        dtype, n_rows = visible_mean.dtype, self.batch_size / OFFSET_RATE
        visible = self._visible_base_rate(visible_mean, n_rows)
        return visible.copy(dtype), BernoulliUnits.from_mean(hidden_mean, n_rows).copy(dtype)

    def _rows(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=FLOATS, reset=False)
        return self._to_states(as_rows(X))

    def _dense(self, X, **options):
        check_is_fitted(self)
        return validate_data(self, X, dtype=FLOATS, order="C", reset=False, **options)

    def _draws(self, random_state):
        """Streams to draw from: the estimator's own, going on, or new ones."""
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
        base = (
            units.copy(states.dtype) for units in self._base_rate(self._training_state["offsets"])
        )
        betas = getattr(self, "betas_", np.linspace(0, 1, self.n_replicas))
        tempering = Tempering(tuple(base), betas.astype(np.float64))
        fixed = None if keep is None else (keep, states)
        with one_blas_thread():
            h = tempering.hidden_states(machine, states, (streams.seed, streams.take(), 0))
            for n_sweeps, adapt in ((n_steps // 2, True), (n_steps - n_steps // 2, False)):
                stream = streams.take(N_STREAMS * n_sweeps)
                v = tempering.run(machine, h, n_sweeps, (streams.seed, stream), fixed, adapt)
        return v[-1] if n_steps else states

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _all_of(rows):
    return rows.take(np.arange(rows.shape[0]), np.empty(rows.shape, dtype=rows.dtype))


class _LogOfPartition:
    """A partition function, as an object of ours or as its logarithm."""

    def admits(self, value):
        """Whether ``value`` is either."""
        return isinstance(value, LogPartition) or Number(Real, "(-inf, inf)").admits(value)

    def __str__(self):
        return "a LogPartition, a float in the range (-inf, inf)"
