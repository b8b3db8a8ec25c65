"""Measurements of a machine with several hidden layers after each epoch, and early stopping."""

import numpy as np

from .._threads import one_blas_thread
from .initial import dead_units
from .monitor import Monitor
from .partition import annealed_lower_bound, exact_log_partition
from .summation import enumerable
from .variational import log_mass_bound, posterior_means

# Annealing for the bound of held-out rows, once per epoch.
_N_TEMPERATURES, _N_CHAINS = 500, 50


class BoundMonitor(Monitor):
    """A :class:`Monitor` whose validation score is the bound on the likelihood of held-out rows.

    Dead units are not replaced, because several layers would have to be adapted to a new unit.
    """

    def measure(self, machine):
        """Measurements of this epoch, a dict of numbers; see ``history_`` of the estimator."""
        model, watched = self._model.with_machine(machine), self._watched
        even, odd = (np.empty((watched.shape[0], n), machine.dtype) for n in machine.n_units)
        batch = watched.batch(np.arange(watched.shape[0]))
        with one_blas_thread():
            n_steps, change = model.posterior(machine, batch, even, odd)
        self.find_dead_units(machine)
        measured = {
            "reconstruction_error": self._reconstruction_error(machine, batch, odd),
            "dead_units": float(self.dead_units.mean()),
            "mean_field_steps": n_steps,
            "mean_field_change": change,
        }
        if self._held_out is not None:
            log_mass = log_mass_bound(model, self._held_out).mean()
            log_scale = float(np.mean(model.log_scale_of(self._held_out)))
            measured["validation_bound"] = log_mass - self._log_partition(model) - log_scale
            measured["bound_gap"] = log_mass_bound(model, watched).mean() - log_mass
        return {name: float(value) for name, value in measured.items()}

    @staticmethod
    def _reconstruction_error(machine, batch, odd):
        """Squared error of the mean visible states given the posterior, summed over known units."""
        v = np.empty((len(batch), machine.n_visible), dtype=machine.dtype)
        batch.take(v)
        first = np.ascontiguousarray(odd[:, machine.places[1]])
        back = machine.visible.mean(machine.couplings[0].down(first))
        where = True if batch.known is None else batch.known
        return np.square(back - v).sum(axis=1, where=where).mean()

    def _log_partition(self, model):
        if enumerable(model.machine):
            return exact_log_partition(model.machine).estimate
        return annealed_lower_bound(model, _N_TEMPERATURES, _N_CHAINS)

    def find_dead_units(self, machine):
        """Set ``dead_units``, a mask of the units of all hidden layers, the even ones first."""
        even, odd = posterior_means(self._model.with_machine(machine), self._rows_of_means)
        means = np.hstack([even[:, machine.n_visible :], odd])
        self.dead_units = dead_units(means) & self._rows_vary

    def restart_dead_units(self, learner):
        """Do nothing."""

    def _score(self, measured):
        return measured["validation_bound"]
