"""How a restricted Boltzmann machine is trained: epochs, and what of them is published."""

import copy
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
from sklearn.utils import check_random_state

from .._callbacks import CallbackSupportMixin, with_callbacks
from .._random import RandomStreams
from .._schedules import DECAYS, last_stage, stage_at
from .._solvers import SolverSettings
from .._source import as_rows
from .._threads import one_blas_thread
from .._validation import (
    FLOATS,
    all_or_nothing,
    check_parameters,
    divergence,
    validated,
    warn_caller,
)
from .learner import Learner, Settings, new_solvers
from .monitor import Monitor
from .negative_phase import NEGATIVE_PHASES

# Share of the hidden units that may be dead after the last epoch without a warning.
_MOST_DEAD = 0.1


class TrainingMixin(CallbackSupportMixin):
    """``fit`` and ``partial_fit`` of the estimator that has :class:`BaseRBM`'s parameters.

    Both validate the data, take a learner (a new one, or one that goes on from what is fitted),
    let it run epochs, and publish what it has learned: fitted attributes for the user, and in
    ``_training_state`` and ``_streams`` whatever else the next epoch wants.
    """

    _negative_phases: ClassVar = NEGATIVE_PHASES

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
        self._check()
        progress = self._init_callback_context(max_subtasks=self._parameters.n_iter)
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with all_or_nothing(self) as commit, one_blas_thread():
            resume = self.warm_start and hasattr(self, "components_")
            rows = self._training_rows(X, first_time=not resume)
            learner = self._resumed_learner() if resume else self._initial_learner(rows)
            self._run_epochs(rows, learner, progress, commit, report)
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @with_callbacks
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
        self._check()
        progress = self._init_callback_context(task_name="partial_fit", max_subtasks=1)
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with all_or_nothing(self):
            task = progress.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self)
            first_time = not hasattr(self, "components_")
            rows = self._training_rows(X, first_time)
            learner = self._initial_learner(rows) if first_time else self._resumed_learner()
            every = np.arange(rows.shape[0])
            self._run_epoch(rows, every, learner, self._settings(last_stage, rate_factor=1.0))
            self._publish(learner)
            task.call_on_fit_task_end(estimator=self)
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @contextmanager
    def _part_of(self, owner, prefix, layer):
        """While the block runs, messages of training name the estimator that the user called.

        Parameters
        ----------
        owner : estimator
            Whom this one belongs to.
        prefix : str
            What stands before the name of a parameter in the names of the owner's.
        layer : int
            Which of the owner's hidden layers this one is, counted from 1.
        """
        self._owner = type(owner).__name__, prefix, f"layer {layer} of "
        try:
            yield
        finally:
            del self._owner

    def _names_in_messages(self):
        """The name of an estimator, what its parameters have before the names of ours, and which
        part of it this one is, which is to stand before its name."""
        return getattr(self, "_owner", (type(self).__name__, "", ""))

    def _check(self):
        check_parameters(self, self._parameter_checks)
        decay = (
            float(np.max(self._parameters.learning_rate))
            * self._parameters.alpha
            * (1 - self._parameters.l1_ratio)
        )
        if decay >= 1:
            estimator, prefix, _ = self._names_in_messages()
            raise ValueError(
                f"The '{prefix}alpha' parameter of {estimator}, {self.alpha!r}, is too large for "
                f"the '{prefix}learning_rate' parameter, {self.learning_rate!r}: a step would take "
                f"the share {decay:.3g} from each weight by L2. It must be below 1."
            )

    def _training_rows(self, X, first_time):
        dtype = FLOATS if first_time else self.components_.dtype
        X = validated(self, X, accept_sparse="csr", dtype=dtype, order="C", reset=first_time)
        rows = as_rows(X)
        self._inspect(rows, first_time)
        return self._to_states(rows)

    def _initial_learner(self, rows):
        random_state = check_random_state(self.random_state)
        with np.errstate(over="ignore"):
            moments = rows.moments()
        machine = self._initial_machine(rows, moments, random_state)
        activity = np.full(self._parameters.n_components, self._start_activity(), dtype=rows.dtype)
        streams = RandomStreams.from_random_state(random_state)
        offsets = moments.mean.astype(rows.dtype), activity
        return self._learner(machine, None, offsets, None, 0, streams)

    def _resumed_learner(self):
        if self._parameters.n_components != len(self.components_):
            raise ValueError(
                f"The 'n_components' parameter of {type(self).__name__} is {self.n_components!r}, "
                f"but the model to go on with has {len(self.components_)} hidden units. Fit anew "
                "with warm_start=False, or leave n_components as it was."
            )
        state = self._training_state
        if "negative_phase" not in state:
            raise ValueError(
                f"This {type(self).__name__} is without the state that training would go on from, "
                "see without_training_state. Go on with the model that it is a copy of."
            )
        before = copy.deepcopy(state["negative_phase"])
        if hasattr(self, "h_samples_"):
            before.chains = self.h_samples_.copy()
        return self._learner(
            self._machine(self.components_.dtype).copy(),
            before,
            tuple(offset.copy() for offset in state["offsets"]),
            [solver.copy() for solver in state["solvers"]],
            state["n_updates"],
            replace(self._streams),
        )

    def _learner(self, machine, phase_before, offsets, solvers, n_updates, streams):
        """A learner with what the parameters ask for and is missing from an earlier one."""
        phase = self._negative_phases[self.algorithm].prepare(
            self._parameters,
            machine,
            self._base_rate(offsets, self._parameters.batch_size),
            streams,
            phase_before,
        )
        wanted = self._solver_settings()
        if solvers is None or solvers[0].settings != wanted:
            solvers = new_solvers(machine, wanted)
        return Learner(machine, phase, offsets, solvers, n_updates, streams)

    def _solver_settings(self):
        return SolverSettings("sgd", nesterovs_momentum=False)

    def _run_epochs(self, rows, learner, progress, commit, report):
        training, held_out = self._split(rows.shape[0], learner.streams)
        monitor = Monitor(
            rows,
            training,
            held_out,
            self._parameters.n_iter_no_change,
            self._parameters.tol,
            self._parameters.reconstruction_tol,
            self._log_scale(),
        )
        if learner.n_updates:
            # As the last measurement of the training that goes on has found them.
            monitor.find_dead_units(learner.machine)
        history = {}
        self._publish(learner, history, n_iter=0)
        for epoch in range(self._parameters.n_iter):
            if monitor.dead_units.any():
                monitor.restart_dead_units(learner, self._start_activity())
            task = progress.subcontext(task_name="epoch")
            task.call_on_fit_task_begin(estimator=self)
            start = time.perf_counter()
            settings = self._settings(
                partial(stage_at, epoch, self._parameters.n_iter),
                DECAYS[self.learning_rate_schedule](epoch, self._parameters.n_iter),
            )
            self._run_epoch(rows, training, learner, settings)
            measured = monitor.measure(learner.machine)
            self._refuse_divergence(not np.isfinite([*measured.values()]).all())
            measured["seconds"] = time.perf_counter() - start
            for name, value in measured.items():
                history.setdefault(name, []).append(value)
            self._publish(learner, history, n_iter=epoch + 1)
            commit()
            report(epoch + 1, measured)
            stop = monitor.should_stop(learner.machine, measured)
            if task.call_on_fit_task_end(estimator=self) or stop:
                break
        if history and history["dead_units"][-1] > _MOST_DEAD:
            self._warn_of_dead_units(history["dead_units"][-1])
        if monitor.best_machine is not None:
            learner.machine = monitor.best_machine
            self._publish(learner, history, n_iter=self.n_iter_)

    def _warn_of_dead_units(self, share):
        estimator, prefix, layer = self._names_in_messages()
        names = ["learning_rate", "momentum", *(["alpha"] if self._parameters.alpha else [])]
        to_lower = " or the ".join(f"'{prefix}{name}'" for name in names)
        warn_caller(
            f"{share:.0%} of the hidden units of {layer}{estimator} have nearly the same activity "
            "for all rows, and so tell nothing about them. Steps are too long for these data: "
            f"lower the {to_lower} parameter, or have more rows in a minibatch by "
            f"'{prefix}batch_size'."
        )

    def _run_epoch(self, rows, numbers, learner, settings):
        """Train once on the rows with these numbers."""
        generator = learner.streams.generator() if self.shuffle else None
        learner.negative_phase.start_epoch(
            partial(self._base_rate, learner.offsets, self._parameters.batch_size)
        )
        with np.errstate(all="ignore"):
            for window, order in rows.passes(generator, numbers):
                learner.run_epoch(window, order, settings)
            self._refuse_divergence(learner.machine.has_diverged())

    def _refuse_divergence(self, has_diverged):
        if has_diverged:
            estimator, prefix, _ = self._names_in_messages()
            raise divergence(estimator, f"{prefix}learning_rate", self._parameters.learning_rate)

    def _split(self, n_rows, streams):
        """Numbers of the rows to train on and of those held out."""
        if not self.early_stopping:
            return np.arange(n_rows), np.arange(0)
        n_held_out = int(np.ceil(self._parameters.validation_fraction * n_rows))
        if n_held_out >= n_rows:
            raise ValueError(
                f"The 'validation_fraction' parameter of {type(self).__name__}, "
                f"{self.validation_fraction!r}, leaves none of the {n_rows} rows to train on."
            )
        shuffled = streams.generator().permutation(n_rows)
        return np.sort(shuffled[n_held_out:]), shuffled[:n_held_out]

    def _settings(self, now, rate_factor):
        """What holds in an epoch; ``now`` gives the value of what may be a sequence."""
        return Settings(
            learning_rate=rate_factor * now(self._parameters.learning_rate),
            batch_size=self._parameters.batch_size,
            n_gibbs_steps=now(self._parameters.n_gibbs_steps),
            momentum=now(self._parameters.momentum),
            l2=self._parameters.alpha * (1 - self._parameters.l1_ratio),
            l1=self._parameters.alpha * self._parameters.l1_ratio,
            sparsity_target=self._parameters.sparsity_target,
            sparsity_cost=self._parameters.sparsity_cost,
            centered=self.centered,
        )

    def _publish(self, learner, history=None, n_iter=None):
        """Copy what has been learned into the fitted attributes."""
        machine = learner.machine.copy()
        self._publish_machine(machine)
        if hasattr(self, "_training_state"):
            phase = self._training_state.get("negative_phase")
            for name in () if phase is None else phase.fitted_attributes():
                vars(self).pop(name, None)
        self._training_state = copy.deepcopy(
            {
                "offsets": learner.offsets,
                "batch_size": self._parameters.batch_size,
                "solvers": learner.solvers,
                "n_updates": learner.n_updates,
                "negative_phase": learner.negative_phase,
            }
        )
        vars(self).update(self._training_state["negative_phase"].fitted_attributes())
        self._streams = replace(learner.streams)
        self._n_features_out = len(self.components_)
        if history is not None:
            self.history_ = {name: list(values) for name, values in history.items()}
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
