"""Measurements after each epoch, and early stopping."""

import numpy as np

from .._source import all_of, evenly_spaced
from .._stopping import Patience
from .initial import ACTIVITY, dead_units, restart_units

# Exact pseudo-likelihoods need a pass over all units for each unit of each row. Therefore few rows
# are measured, always the same ones, so that differences between epochs have no sampling noise.
N_WATCHED = 50
N_HELD_OUT = 1000

# Number of rows for finding dead hidden units, and the largest number of their values.
_N_OF_MEANS = 256
_VALUES_OF_MEANS = 2**23


class Monitor:
    """Measures the same rows of the data after each epoch, and held-out rows if there are any.

    Parameters
    ----------
    rows : Source
    training : ndarray of int or None
        Indices of the rows to train on. None: all.
    held_out : ndarray of int
        Indices of the held-out rows; may be empty.
    parameters : estimator
        Its ``n_iter_no_change``, ``tol``, ``reconstruction_tol`` and ``sparsity_target`` are used.
    model : Model
        The model of the machine in training.
    """

    def __init__(self, rows, training, held_out, parameters, model):
        self.training = training
        training = range(rows.shape[0]) if training is None else training
        most = max(N_WATCHED, min(_N_OF_MEANS, _VALUES_OF_MEANS // rows.shape[1]))
        self._watched, self._rows_of_means, of_held_out = _subsets(
            rows,
            evenly_spaced(training, N_WATCHED),
            evenly_spaced(training, most),
            evenly_spaced(held_out, N_HELD_OUT),
        )
        self._rows_vary = bool(np.ptp(all_of(self._rows_of_means), axis=0).any())
        self._held_out = of_held_out if len(held_out) else None
        tol = parameters.tol
        self._patience = Patience(
            parameters.n_iter_no_change, lambda score, best: score > best + tol
        )
        self._reconstruction_tol = parameters.reconstruction_tol
        self._model = model
        self._activity = parameters.sparsity_target or ACTIVITY
        self.best_machine = None
        self.dead_units = np.zeros(0, dtype=bool)

    def measure(self, machine):
        """Measurements of this epoch, a dict of numbers; see ``history_`` of the estimators."""
        watched = self._watched
        self.find_dead_units(machine)
        measured = {
            "reconstruction_error": float(machine.reconstruction_error(watched).mean()),
            "pseudo_likelihood": self._pseudo_likelihood(machine, watched),
            "dead_units": float(self.dead_units.mean()),
        }
        if self._held_out is not None:
            score = self._pseudo_likelihood(machine, self._held_out)
            gap = machine.free_energy(self._held_out).mean() - machine.free_energy(watched).mean()
            measured["validation_pseudo_likelihood"] = score
            measured["free_energy_gap"] = float(gap)
        return measured

    def find_dead_units(self, machine):
        """Set ``dead_units``, a mask; no unit is dead if all rows are the same."""
        means = machine.transform(self._rows_of_means)
        self.dead_units = dead_units(means) & self._rows_vary

    def restart_dead_units(self, learner):
        """Replace the hidden units that were dead in the last measurement."""
        if self.dead_units.any():
            rows = self._rows_of_means
            means = learner.machine.transform(rows)
            known = None if rows.known is None else all_of(rows.known)
            restart_units(learner, self.dead_units, all_of(rows), means, self._activity, known)

    def _score(self, measured):
        """The measurement that should increase from epoch to epoch."""
        return measured["validation_pseudo_likelihood"]

    def _pseudo_likelihood(self, machine, rows):
        of_states = float(machine.pseudo_log_likelihood(rows).mean())
        return of_states - float(np.mean(self._model.log_scale_of(rows)))

    def should_stop(self, machine, measured):
        """Whether training should stop after this epoch; keeps the best machine so far."""
        reached = (
            self._reconstruction_tol is not None
            and measured["reconstruction_error"] <= self._reconstruction_tol
        )
        if self._held_out is None:
            return reached
        if self._patience.take(self._score(measured)):
            self.best_machine = machine.copy()
        return reached or self._patience.is_over


def _subsets(rows, *numbers):
    """The rows for each of several arrays of indices, read in one pass over all rows."""
    together = np.unique(np.concatenate(numbers))
    found = rows.subset(together)
    return [found.subset(np.searchsorted(together, of_one)) for of_one in numbers]
