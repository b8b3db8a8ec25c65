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
from .._rows import DenseRows, as_rows, chunks
from .._schedules import DECAYS, last_stage, stage_at
from .._threads import for_each, one_blas_thread
from .._validation import (
    Flag,
    Number,
    Optional,
    Options,
    Randomness,
    Schedule,
    Verbosity,
    all_or_nothing,
    check_argument,
    check_parameters,
)
from .._version import VersionStamp
from .gradient import Learner, Settings
from .monitor import Monitor

_FLOATS = (np.float64, np.float32)


class BaseRBM(
    VersionStamp,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Training, transformation, sampling and scoring, whatever the visible units are.

    A subclass says what its machine is: at the start of training (``_initial_machine``), in the
    fitted attributes (``_publish_machine``) and from them (``_machine``). Where the machine does
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
        "algorithm": Options("pcd", "cd"),
        "n_gibbs_steps": Schedule(Integral, "[1, inf)"),
        "n_chains": Optional(Number(Integral, "[1, inf)")),
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
        dtype = _FLOATS if first_time else self.components_.dtype
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
        machine = self._initial_machine(rows, random_state)
        mean = rows.mean()
        offsets = mean.astype(rows.dtype), np.full(self.n_components, 0.5, dtype=rows.dtype)
        streams = RandomStreams.from_random_state(random_state)
        return self._learner(machine, None, offsets, None, streams)

    def _resumed_learner(self):
        state = self._training_state
        chains = getattr(self, "h_samples_", None)
        return self._learner(
            self._machine(self.components_.dtype).copy(),
            None if chains is None else chains.copy(),
            tuple(offset.copy() for offset in state["offsets"]),
            None if state["velocity"] is None else tuple(v.copy() for v in state["velocity"]),
            replace(self._streams),
        )

    def _learner(self, machine, chains, offsets, velocity, streams):
        """A learner with what the algorithm needs and what is missing from an earlier one."""
        if self.algorithm == "pcd":
            n_chains = self.n_chains or self.batch_size
            if chains is None or len(chains) != n_chains:
                chains = machine.hidden.base_rate(n_chains, (streams.seed, streams.take(), 0))
        else:
            chains = None
        if velocity is None and np.any(self.momentum):
            velocity = tuple(
                np.zeros_like(parameter)
                for parameter in (machine.weights, machine.visible.bias, machine.hidden.bias)
            )
        return Learner(machine, chains, offsets, velocity, streams)

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
            persistent=self.algorithm == "pcd",
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
        self._publish_machine(learner.machine.copy())
        vars(self).pop("h_samples_", None)
        if learner.chains is not None:
            self.h_samples_ = learner.chains.copy()
        self._training_state = copy.deepcopy(
            {"offsets": learner.offsets, "velocity": learner.velocity}
        )
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
        H = check_array(X, dtype=_FLOATS, estimator=self)
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

    def sample(self, n_samples=None, n_steps=100, *, init=None, clamp=None, random_state=None):
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
        if init is None:
            if clamp is not None:
                raise ValueError("clamp needs init, the states that clamped units keep.")
            streams = self._draws(random_state)
            machine = self._machine(self.components_.dtype)
            address = streams.seed, streams.take(), 0
            states = machine.visible.base_rate(n_samples or 1, address)
            return self._to_data(self._walk(states, n_steps, streams))
        init = self._dense(init)
        turns = np.arange(n_samples or len(init)) % len(init)
        states = _all_of(self._to_states(as_rows(init)))[turns]
        keep = None if clamp is None else np.broadcast_to(_as_mask(clamp, init), init.shape)[turns]
        samples = self._to_data(self._walk(states, n_steps, random_state, keep))
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

        with one_blas_thread():
            for_each(fill, chunks(len(X)))
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

    def _rows(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=_FLOATS, reset=False)
        return self._to_states(as_rows(X))

    def _dense(self, X, **options):
        check_is_fitted(self)
        return validate_data(self, X, dtype=_FLOATS, order="C", reset=False, **options)

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
        stream = streams.take(2 * n_steps)
        machine = self._machine(states.dtype)

        def walk(part):
            kept = None if keep is None else keep[part]
            for _ in machine.walk(states[part], n_steps, (streams.seed, stream, part.start), kept):
                pass

        with one_blas_thread():
            for_each(walk, chunks(len(states)))
        return states

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _all_of(rows):
    return rows.take(np.arange(rows.shape[0]), np.empty(rows.shape, dtype=rows.dtype))


def _as_mask(clamp, states):
    mask = np.asarray(clamp)
    if mask.dtype != bool or mask.shape not in (states.shape, states.shape[1:]):
        raise ValueError(
            f"clamp must be an array of bool of shape {states.shape[1:]} or {states.shape}. "
            f"Got an array of {mask.dtype} of shape {mask.shape} instead."
        )
    return mask
