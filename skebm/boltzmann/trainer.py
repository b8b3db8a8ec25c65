"""Training: epochs of a learner, what is measured of them, and when to stop."""

import time

import numpy as np

from .._parallel import Lesson


class Trainer:
    """One training of one machine, epoch by epoch, for whoever publishes what it has learned.

    Parameters
    ----------
    model : Model
        What the learner starts from; says which units have the means of the data.
    learner : Learner
        Changed in place.
    rows : Source
        Visible states.
    monitor : Monitor, default=None
        What watches the epochs; None is for steps alone.
    shuffle : bool
        Whether to visit the rows in a new order in each epoch.
    divergence : Exception
        To be raised when weights or measurements are no numbers to go on with.

    Attributes
    ----------
    history : dict of str to list of float
        What was measured in each epoch, and how many "seconds" it took.
    is_over : bool
        Whether the monitor has said to stop.
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
            # As the last measurement of the training that goes on has found them.
            monitor.find_dead_units(learner.machine)

    @property
    def is_watched(self):
        """Whether there is a monitor, and so a history."""
        return self._monitor is not None

    @property
    def model(self):
        """What has been learned so far, in the arrays of the learner."""
        return self._model.with_machine(self.learner.machine, self.learner.offsets)

    @property
    def rate_factor(self):
        """What learning rates are to be multiplied by: 1, but for data-parallel training."""
        return self._course.rate_factor

    def run_epoch(self, settings, after_round=None):
        """Train once on the rows, with new units for dead ones, and measure; returns a dict.

        ``after_round`` is called, where training goes in rounds, when a model is there that may
        stay.
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
        """Train once on the rows, or on those that the monitor has not held out."""
        learner = self.learner
        generator = learner.streams.generator() if self._shuffle else None
        numbers = self._monitor.training if self.is_watched else None
        learner.chains.start_epoch(lambda: self.model.base)
        with np.errstate(all="ignore"):
            self._course.run(Lesson(settings), generator, numbers, after_round)
            self._refuse_divergence(learner.machine.has_diverged())

    def go_back_to_best(self):
        """Take the best machine that the monitor has kept; returns whether there is one."""
        best = self._monitor.best_machine
        if best is not None:
            self.learner.machine = best
        return best is not None

    def _refuse_divergence(self, has_diverged):
        if has_diverged:
            raise self._divergence
