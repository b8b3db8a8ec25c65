"""What is measured after each epoch, and when to stop."""

import numpy as np

from .._source import all_of, evenly_spaced
from .._stopping import Patience
from .initial import ACTIVITY, dead_units, restart_units

# Exact pseudo-likelihoods cost a pass over all units for each unit of each row: few rows are
# watched, always the same, so that the differences from epoch to epoch are free of sampling noise.
N_WATCHED = 50
N_HELD_OUT = 1000

# Rows by which a hidden unit is said to be dead, and values that these have at most.
_N_OF_MEANS = 256
_VALUES_OF_MEANS = 2**23


class Monitor:
    """Watches the same rows of the data after each epoch, and held-out rows where there are some.

    Parameters
    ----------
    rows : Source
    training : ndarray of int or None
        Numbers of the rows to train on. None: all, of which there may be many.
    held_out : ndarray of int
        Numbers of those kept apart; may be empty.
    parameters : estimator
        Of which ``n_iter_no_change``, ``tol``, ``reconstruction_tol`` and ``sparsity_target`` are
        read.
    model : Model
        That of the machine in training.
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
        """Have ``dead_units`` say which they are; none is where all rows are the same."""
        means = machine.transform(self._rows_of_means)
        self.dead_units = dead_units(means) & self._rows_vary

    def restart_dead_units(self, learner):
        """Have new hidden units where the last measurement found dead ones."""
        if self.dead_units.any():
            rows = self._rows_of_means
            means = learner.machine.transform(rows)
            known = None if rows.known is None else all_of(rows.known)
            restart_units(learner, self.dead_units, all_of(rows), means, self._activity, known)

    def _score(self, measured):
        """What is to rise from epoch to epoch, of what was measured."""
        return measured["validation_pseudo_likelihood"]

    def _pseudo_likelihood(self, machine, rows):
        of_states = float(machine.pseudo_log_likelihood(rows).mean())
        return of_states - float(np.mean(self._model.log_scale_of(rows)))

    def should_stop(self, machine, measured):
        """Whether this epoch was the last one worth running; keeps the best machine so far."""
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
    """The rows with each of several arrays of numbers, found in one pass over them all."""
    together = np.unique(np.concatenate(numbers))
    found = rows.subset(together)
    return [found.subset(np.searchsorted(together, of_one)) for of_one in numbers]
