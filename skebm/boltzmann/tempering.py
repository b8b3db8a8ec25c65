"""Parallel tempering: chains at many temperatures that swap their states.

Each chain has a replica at every inverse temperature of a ladder from 0, where all units are
independent and a state is drawn exactly, to 1, where the energies are the machine's own. After each
Gibbs step neighbours on the ladder may swap even states; the odd states are then drawn again. In
this way an exactly drawn state can reach the coldest replica, which moves from one mode to another
without crossing the barrier between them.

With F_a the free energy at the inverse temperature a, even states v at a and w at b are swapped
with probability min(1, exp(F_a(v) + F_b(w) - F_a(w) - F_b(v))). This keeps the product of both
distributions invariant. It does not depend on the odd states, so that swaps are accepted more often
than those of both layers.

This is for machines with layers, see :class:`Tempering`. :class:`Ladder` is shared with other
machines.
"""

import math
from functools import partial

import numpy as np

from .._threads import for_each
from ..kernels.random import fill_uniform
from .path import TemperaturePath

# Smallest number of rows per matrix product, because fewer are slow; and smallest number of weights
# that they visit, because waking a thread takes time.
_SMALLEST_BLOCK = 32
_SMALLEST_WORK = 2e6

# Streams of random numbers of a sweep: even states, odd states, swaps.
N_STREAMS = 3

# Rate of the moving average of swap rates.
_RATE_OF_AVERAGES = 0.01

# Number of sweeps between two changes of the ladder.
_SWEEPS_A_CHANGE = 100

# Lower bound of the rejection rate of a pair, so that no two temperatures become equal.
_SMALLEST_REJECTION = 0.01


class Ladder:
    """Temperatures of replicas, and how these swap states.

    Parameters
    ----------
    base : object
        The machine at the inverse temperature 0, in the form of the subclass.
    betas : ndarray of shape (n_replicas,)
        Inverse temperatures, rising from 0 to 1; changed in place, all but the two ends, to make
        all swaps equally likely.
    swap_rates : ndarray of shape (n_replicas - 1,), default=None
        Moving averages of the probabilities of a swap with the next one; changed in place.
    n_sweeps : int, default=0
        Number of sweeps so far: even and odd pairs of neighbours alternate.
    """

    def __init__(self, base, betas, swap_rates=None, n_sweeps=0):
        self.base = base
        self.betas = betas
        self.swap_rates = np.ones(len(betas) - 1) if swap_rates is None else swap_rates
        self.n_sweeps = n_sweeps

    def copy(self):
        """A copy of the ladder with its own arrays."""
        return type(self)(self.base, self.betas.copy(), self.swap_rates.copy(), self.n_sweeps)

    def _swap(self, log_ratio, arrays, n_weights, address):
        """Let every second pair of neighbours swap states, and all arrays that depend on them.

        Parameters
        ----------
        log_ratio : callable
            Takes the indices of two replicas; returns the log ratio of probabilities after and
            before the swap of each pair of states.
        arrays : tuple of ndarrays of shape (n_replicas, n_chains, *)
        n_weights : int
            Number of weights of the machine.
        address : tuple of int
            (seed, stream)
        """
        n_chains = arrays[0].shape[1]
        averaged = max(_RATE_OF_AVERAGES, 1 / (self.n_sweeps // 2 + 1))
        hotter = range(self.n_sweeps % 2, len(self.betas) - 1, 2)

        def swap(group):
            for a in hotter[group]:
                b = a + 1
                probability = np.exp(np.minimum(log_ratio(a, b), 0))
                uniform = np.empty(n_chains)
                fill_uniform(*address, a, 0, uniform)
                done = np.flatnonzero(uniform < probability)
                for states in arrays:
                    states[a, done], states[b, done] = states[b, done], states[a, done]
                self.swap_rates[a] += averaged * (probability.mean() - self.swap_rates[a])

        for_each(swap, groups(len(hotter), n_chains, n_weights))

    def _end_sweep(self, adapt):
        """Count a sweep; returns whether the temperatures have changed."""
        self.n_sweeps += 1
        changes = adapt and self.n_sweeps % _SWEEPS_A_CHANGE == 0
        if changes:
            self._level()
        return changes

    def _level(self):
        """Adapt the temperatures so that all swaps are equally likely.

        The sum of rejection rates between two temperatures is almost independent of the ladder
        between them [1]_. Each pair therefore gets an equal share of the sum.

        .. [1] S. Syed, A. Bouchard-Côté, G. Deligiannidis and A. Doucet, "Non-reversible parallel
           tempering: a scalable highly parallel MCMC scheme", Journal of the Royal Statistical
           Society B 84, 2022.
        """
        rejected = np.maximum(1 - self.swap_rates, _SMALLEST_REJECTION)
        total = np.concatenate([[0], np.cumsum(rejected)])
        shares = np.linspace(0, total[-1], len(total))
        self.betas[1:-1] = np.interp(shares, total, self.betas)[1:-1]
        self.swap_rates[:] = 1 - rejected.mean()


class Tempering(Ladder):
    """Sweeps of the replicas of a machine of layers.

    The base is a tuple of two layers of units, the even and the odd ones at the inverse temperature
    0. Other parameters: see :class:`Ladder`.
    """

    def odd_states(self, machine, v, address):
        """Odd states of all replicas, of shape (n_replicas, *), given the same even ones."""
        seed, stream, _ = address
        inputs = machine.inputs_of_odd(v)
        h = np.empty((len(self.betas), *inputs.shape), dtype=machine.dtype)
        for r, layers in enumerate(self._layers(TemperaturePath(machine, *self.base))):
            layers.sample_odd(inputs, (seed, stream, r * len(v)), h[r])
        return h

    def run(self, machine, h, n_sweeps, address, fixed=None, adapt=True):
        """Sweeps of all replicas from the odd states ``h``, in place.

        Parameters
        ----------
        machine : Machine
        h : ndarray of shape (n_replicas, n_chains, n_odd)
        n_sweeps : int
            Number of sweeps; each uses ``N_STREAMS`` streams.
        address : tuple of int
            (seed, first stream)
        fixed : tuple of two ndarrays of shape (n_chains, n_even), default=None
            A mask of even units to clamp, and the states that they keep.
        adapt : bool, default=True
            Whether the ladder may change.

        Returns
        -------
        v : ndarray of shape (n_replicas, n_chains, n_even)
            Even states from which the odd ones were drawn.
        """
        seed, stream = address
        path = TemperaturePath(machine, *self.base)
        v = np.empty((*h.shape[:2], machine.n_even), dtype=h.dtype)
        inputs = np.empty_like(h)
        layers = self._layers(path)
        for sweep in range(n_sweeps):
            first_stream = stream + N_STREAMS * sweep
            self._sample_even(path, layers, h, v, inputs, (seed, first_stream), fixed)
            ratio = partial(_log_ratio, path, layers, v, inputs)
            n_weights = machine.coupling.n_weights
            self._swap(ratio, (v, inputs), n_weights, (seed, first_stream + 2))
            self._sample_odd(path, layers, inputs, h, (seed, first_stream + 1))
            if self._end_sweep(adapt):
                layers = self._layers(path)
        return v

    def _layers(self, path):
        return [path.at(beta) for beta in self.betas]

    def _sample_even(self, path, layers, h, v, inputs, address, fixed):
        """Draw even states given ``h``, and compute the inputs of the odd units from them."""
        n_chains, machine = h.shape[1], path.machine

        def sample(group):
            states, of_odd = (a[group].reshape(-1, a.shape[2]) for a in (v, inputs))
            of_even = machine.inputs_of_even(h[group].reshape(-1, h.shape[2]))
            of_even = of_even.reshape(v[group].shape)
            for r in range(group.start, group.stop):
                here = (*address, r * n_chains)
                layers[r].sample_even(of_even[r - group.start], here, v[r])
                if fixed is not None:
                    mask, values = fixed
                    np.copyto(v[r], values, where=mask)
            machine.inputs_of_odd(states, of_odd)

        for_each(sample, groups(len(h), n_chains, machine.coupling.n_weights))

    def _sample_odd(self, path, layers, inputs, h, address):
        n_chains = h.shape[1]

        def sample(group):
            for r in range(group.start, group.stop):
                layers[r].sample_odd(inputs[r], (*address, r * n_chains), h[r])

        for_each(sample, groups(len(h), n_chains, path.machine.coupling.n_weights))


def _log_ratio(path, layers, v, inputs, a, b):
    """Log ratio of the probabilities of the even states of two replicas after and before a swap."""
    of_a, of_b = layers[a].log_mass, layers[b].log_mass
    gap_a, gap_b = path.even_gap(v[a]), path.even_gap(v[b])
    log_ratio = of_a(gap_b, inputs[b]) + of_b(gap_a, inputs[a])
    log_ratio -= of_a(gap_a, inputs[a]) + of_b(gap_b, inputs[b])
    return log_ratio


def groups(n, n_chains, n_weights):
    """Slices of ``n`` replicas or pairs of them, each with enough work for a thread."""
    rows = max(_SMALLEST_BLOCK, _SMALLEST_WORK / max(n_weights, 1))
    size = math.ceil(rows / n_chains)
    return [slice(r, min(r + size, n)) for r in range(0, n, size)]
