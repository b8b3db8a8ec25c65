"""Training: epochs of a learner, measurements, and early stopping."""

import time

import numpy as np

from .._parallel import Lesson


class Trainer:
    """Training of a machine, epoch by epoch.

    Parameters
    ----------
    model : Model
        The initial model of the learner; defines the base units with the means of the data.
    learner : Learner
        Changed in place.
    rows : Source
        Visible states.
    monitor : Monitor, default=None
        Measures after each epoch; None if there are steps only.
    shuffle : bool
        Whether to visit the rows in a new order in each epoch.
    divergence : Exception
        Raised if weights or measurements are not finite, or weights are too large.

    Attributes
    ----------
    history : dict of str to list of float
        Measurements of each epoch, and its duration in "seconds".
    is_over : bool
        Whether the monitor has stopped the training.
    """

    def __init__(self, model, learner, rows, monitor, *, shuffle, divergence):
        self.learner = learner
        self.history = {}
        self.is_over = False
        self._model = model
        self._course = rows.course(learner)
        self._monitor = monitor
        self._shuffle = shuffle
        self._divergence = divergence
        if self.is_watched and learner.n_updates:
            # The dead units of the last measurement, if training continues.
            monitor.find_dead_units(learner.machine)

    @property
    def is_watched(self):
        """Whether there is a monitor, and therefore a history."""
        return self._monitor is not None

    @property
    def model(self):
        """The present model, with the arrays of the learner."""
        return self._model.with_machine(self.learner.machine, self.learner.offsets)

    @property
    def rate_factor(self):
        """Factor of the learning rates: 1, except in data-parallel training."""
        return self._course.rate_factor

    def run_epoch(self, settings, after_round=None):
        """Replace dead units, train once on the rows, and measure; returns a dict.

        ``after_round`` is called after each round, if training is in rounds, when the model is
        complete.
        """
        start = time.perf_counter()
        self._monitor.restart_dead_units(self.learner)
        self.take_steps(settings, after_round)
        measured = self._monitor.measure(self.learner.machine)
        self._refuse_divergence(not np.isfinite([*measured.values()]).all())
        self.is_over = self._monitor.should_stop(self.learner.machine, measured)
        measured["seconds"] = time.perf_counter() - start
        for name, value in measured.items():
            self.history.setdefault(name, []).append(value)
        return measured

    def take_steps(self, settings, after_round=None):
        """Train once on the rows that the monitor has not held out."""
        learner = self.learner
        generator = learner.streams.generator() if self._shuffle else None
        numbers = self._monitor.training if self.is_watched else None
        learner.chains.start_epoch(lambda: self.model.base)
        with np.errstate(all="ignore"):
            self._course.run(Lesson(settings), generator, numbers, after_round)
            self._refuse_divergence(learner.machine.has_diverged())

    def go_back_to_best(self):
        """Restore the best machine that the monitor has kept; returns whether there is one."""
        best = self._monitor.best_machine
        if best is not None:
            self.learner.machine = best
        return best is not None

    def _refuse_divergence(self, has_diverged):
        if has_diverged:
            raise self._divergence
