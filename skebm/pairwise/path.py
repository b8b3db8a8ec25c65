"""Annealing and tempering of a machine with weights between any two units.

At the inverse temperature beta, the energy is (1 - beta) times that of a base, a machine of
independent units, plus beta times that of the machine. The difference of the fields of machine and
base, the gap W x + b - base, is updated when units flip.
"""

from functools import partial

import numpy as np

from .._helpers import stop_if_abandoned
from .._threads import for_each, one_blas_thread
from ..boltzmann.summation import MOST_UNITS
from ..boltzmann.tempering import Ladder, groups
from .machine import PairwiseMachine

# Number of sweeps per call of a kernel. Python can be interrupted between two calls.
_SWEEPS_PER_CALL = 100


class PairwisePath:
    """Machines at inverse temperatures from 0, without weights, to 1, the given machine.

    It has the interface of :class:`~skebm.boltzmann.path.TemperaturePath` that annealing uses.

    Parameters
    ----------
    machine : PairwiseMachine
        The machine at the end of the path, with the same bias for all rows.
    base : ndarray of shape (n_units,), default=None
        Bias at the start of the path; None is 0.
    """

    # Number of streams of random numbers per step.
    n_streams = 1

    def __init__(self, machine, base=None):
        self.machine = machine
        self.base = np.zeros(machine.n_units, machine.dtype) if base is None else base
        self._gap = PairwiseMachine(machine.weights, machine.bias - self.base)

    @property
    def dtype(self):
        """Dtype of the states."""
        return self.machine.dtype

    @property
    def n_weights(self):
        """Approximately the largest number of weights that half a step visits."""
        return self.machine.weights.size // 2

    def start(self, n_chains, streams):
        """Samples from the machine without weights."""
        X = np.ones((n_chains, self.machine.n_units), self.dtype)
        with one_blas_thread():
            chains = ChainsOnPath(self._gap, self.base, X)
        chains.sweep([0.0], (streams.seed, streams.take(), 0))
        return X

    def exact_samples(self, n_samples, streams):
        """Independent samples from the machine, or None if it has too many units."""
        if self.machine.n_units > MOST_UNITS:
            return None
        return self.machine.exact_samples(n_samples, streams)

    def burn_in(self, X, n_steps, streams):
        """Run sweeps of the machine on states, in place."""
        self.machine.run(X, np.ones(n_steps), (streams.seed, streams.take(n_steps)))

    def anneal(self, betas, X, log_weights, address):
        """Move states along the path, in place, and add up the logarithms of their weights.

        Parameters
        ----------
        betas : ndarray of shape (n_steps + 1,)
            Inverse temperature of the initial states and of each step.
        X : ndarray of shape (n_rows, n_units)
        log_weights : ndarray of shape (n_rows,)
        address : tuple of int
            (seed, stream, first row)
        """
        seed, stream, first_row = address
        chains = ChainsOnPath(self._gap, self.base, X)
        for first in range(0, len(betas) - 1, _SWEEPS_PER_CALL):
            stop_if_abandoned()
            some = betas[first : first + _SWEEPS_PER_CALL + 1]
            energies = chains.sweep(some[1:], (seed, stream + first, first_row))
            log_weights -= energies[:, :-1] @ np.diff(some)

    def log_partition_of_base(self):
        """Log-partition function of the machine without weights, with the same offset, in nats."""
        of_units = np.logaddexp(self.base, -self.base, dtype=np.float64)
        return float(of_units.sum() - self.machine.offset)


class PairwiseTempering(Ladder):
    """Parallel tempering of a machine with weights between any two units.

    The base is the bias at the inverse temperature 0. For other parameters see
    :class:`~skebm.boltzmann.tempering.Ladder`.
    """

    # Number of streams of random numbers per sweep: for states and for swaps.
    n_streams = 2

    def run(self, machine, X, n_sweeps, address, free=None, adapt=True):
        """Run sweeps of all replicas, in place.

        Parameters
        ----------
        machine : PairwiseMachine
        X : ndarray of shape (n_replicas, n_chains, n_units)
            The last replica is at the temperature of the machine.
        n_sweeps : int
            Number of sweeps. Each uses ``n_streams`` streams.
        address : tuple of int
            (seed, first stream)
        free : ndarray of bool of shape (1, n_units) or (n_chains, n_units), default=None
            Units that may change; None is all. Fixed units are the same in all replicas.
        adapt : bool, default=True
            Whether to adapt the temperatures.

        Returns
        -------
        X : ndarray of shape (n_chains, n_units)
            States of the machine.
        """
        seed, stream = address
        gap = PairwiseMachine(machine.weights, machine.bias - self.base)
        n_replicas, n_chains, n_units = X.shape
        with one_blas_thread():
            chains = ChainsOnPath(gap, self.base, X.reshape(-1, n_units), free)
        kept = chains.kept.reshape(n_replicas, n_chains, *chains.kept.shape[1:])
        energies = np.empty((n_replicas, n_chains))

        def sweep(group, address):
            for r in range(group.start, group.stop):
                rows = slice(r * n_chains, (r + 1) * n_chains)
                here = *address, rows.start
                energies[r] = chains.sweep(self.betas[r : r + 1], here, rows)[:, -1]

        def log_ratio(a, b):
            return (self.betas[b] - self.betas[a]) * (energies[b] - energies[a])

        n_weights = machine.weights.size
        for number in range(n_sweeps):
            here = seed, stream + self.n_streams * number
            for_each(partial(sweep, address=here), groups(n_replicas, n_chains, n_weights))
            self._swap(log_ratio, (X, kept), n_weights, (seed, here[1] + 1))
            self._end_sweep(adapt)
        return X[-1]


class ChainsOnPath:
    """States of chains between a base and a machine, with cached values that are updated.

    Parameters
    ----------
    gap : PairwiseMachine
        Difference of the machine and the base.
    base : ndarray of shape (n_units,)
        Bias of the base.
    X : ndarray of shape (n_rows, n_units)
        States, changed in place.
    free : ndarray of bool of shape (1, n_units) or (n_free, n_units), default=None
        Units that may change. Row i uses row i % n_free.

    Attributes
    ----------
    kept : ndarray of shape (n_rows, *)
        Cached values of the states of each row; they are swapped together with the states.
    """

    def __init__(self, gap, base, X, free=None):
        self._gap, self._base, self._X = gap, base, X
        self._free = gap.all_free() if free is None else free
        self._engine = gap.engine(len(X))
        self.kept = self._engine.begin(X, gap.bias)

    def sweep(self, betas, address, rows=slice(None)):
        """Run one sweep of some rows at each inverse temperature.

        Returns
        -------
        energies : ndarray of shape (n_rows, n_sweeps + 1)
            Energy of the machine minus that of the base, before each sweep and at the end.
        """
        with np.errstate(divide="ignore"):
            temperatures = 1 / np.asarray(betas, dtype=np.float64)
        x, kept, bias = self._X[rows], self.kept[rows], self._gap.bias
        energies = np.empty((len(x), len(temperatures) + 1))
        energies[:, 0] = self._engine.energies(x, kept, bias)
        how = bias, self._base, self._gap.orders(), self._free, temperatures, address
        self._engine.sweep(x, kept, *how, energies, 0, False)
        return energies
