"""Training of a model for ratings: epochs, measurements after each epoch, and early stopping."""

import time
from functools import partial

import numpy as np

from .._parallel import Lesson
from .._stopping import Patience
from .._streams import total_of
from .._validation import have_diverged
from .model import Errors, errors_of
from .rows import some_ratings_of
from .table import as_rows

# Fewest ratings whose error says something.
_FEWEST_WATCHED = 100


class Monitor:
    """Predicts some ratings after each epoch, each from the others of its row.

    Parameters
    ----------
    rows : RatingRows or StreamedRows
        The rows of the training.
    parts : Parts or stream of these, or None
        Ratings of the same rows, some of which are held out.
    n_without_gain : int
        Number of epochs to wait for a lower error of the ratings held out.
    tol : float
        Smallest decrease of the error that counts.
    """

    def __init__(self, rows, parts, n_without_gain, tol):
        self._watched, self._parts = some_ratings_of(rows), parts
        self._patience = Patience(n_without_gain, lambda score, best: score > best + tol)
        self.best_model = None

    @property
    def deviation(self):
        """Standard deviation of the ratings that are predicted.

        It is infinite if they are few or all the same.
        """
        ratings = self._watched[1].data
        are_few = len(ratings) < _FEWEST_WATCHED
        return np.inf if are_few else float(ratings.std()) or np.inf

    @property
    def is_over(self):
        """Whether there was no improvement for too many epochs."""
        return self._patience.is_over

    def measure(self, model):
        """Errors of this epoch, by their names in ``history_``; keeps the best model."""
        rows, asked = self._watched
        measured = {"rmse": errors_of(model, rows.ratings, asked).rmse}
        if self._parts is not None:
            error = errors_of_parts(model, self._parts).rmse
            measured["validation_rmse"] = error
            if self._patience.take(-error):
                self.best_model = model.copy()
        return measured


def errors_of_parts(model, parts):
    """:class:`Errors` of the ratings to predict in :class:`Parts`, or in a stream of these."""
    return total_of(parts, partial(_errors_of_parts, model), Errors.joined)


def _errors_of_parts(model, parts):
    return errors_of(model, as_rows(parts.known, model.levels), parts.asked)


class Training:
    """The training of a model, epoch by epoch.

    Parameters
    ----------
    learner : Learner
        Changed in place.
    rows : RatingRows or StreamedRows
    monitor : Monitor or None
        Measures errors after each epoch. None if only steps are taken.
    divergence : Exception
        Raised if weights are no longer finite.

    Attributes
    ----------
    history : dict of str to list of float
        Measurements after each epoch, and its duration, "seconds".
    """

    def __init__(self, learner, rows, monitor, divergence):
        self.learner, self.history = learner, {}
        self._course, self._monitor, self._divergence = rows.course(learner), monitor, divergence

    @property
    def is_watched(self):
        """Whether there is a monitor, and therefore a history."""
        return self._monitor is not None

    @property
    def is_over(self):
        """Whether no further epoch is to be run."""
        return self.is_watched and self._monitor.is_over

    @property
    def rate_factor(self):
        """Factor of learning rates: 1 unless training is data-parallel."""
        return self._course.rate_factor

    def run_epoch(self, settings, after_round=None):
        """Train for one epoch; returns a dict of the measurements."""
        start = time.perf_counter()
        self.take_steps(settings, after_round)
        measured = self._monitor.measure(self.learner.model)
        measured["seconds"] = time.perf_counter() - start
        for name, value in measured.items():
            self.history.setdefault(name, []).append(value)
        return measured

    def take_steps(self, settings, after_round=None):
        """Train for one epoch, in minibatches in a new order, without measurements."""
        generator = self.learner.streams.generator()
        with np.errstate(all="ignore"):
            self._course.run(Lesson(settings), generator, after_round=after_round)
        if have_diverged(*self.learner.model.weights):
            raise self._divergence

    def errors_at_end(self):
        """Error of training ratings after the last epoch, and their standard deviation."""
        return self.history.get("rmse", [0.0])[-1], self._monitor.deviation

    def go_back_to_best(self):
        """Restore the best model that the monitor has kept; returns whether there is one."""
        best = self._monitor.best_model
        if best is not None:
            self.learner.model = best
        return best is not None
