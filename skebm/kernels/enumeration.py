"""Sums over all states of a few units of -1 and 1, by doubling.

Bit k of the index of a state is set if unit k is 1. The states of the first k + 1 units are those
of the first k twice, with unit k at -1 and then at 1. The energies of all states, and the moments
of a distribution over them, are therefore computed by passes over arrays that double or halve: a
few operations per state, which vectorise. Flipping one unit at a time (a Gray code) would cost one
operation per state and unit.
"""

import numpy as np

from ._jit import kernel
from .scalar import exp


@kernel
def log_masses(W, h, masses, fields):
    """-E = 1/2 x W x + h x of all states; ``fields`` is scratch space for half as many."""
    masses[0] = 0
    size = 1
    for k in range(h.shape[0]):
        fields[0] = h[k]
        for j in range(k):
            fields[0] -= W[k, j]
        width = 1
        for j in range(k):
            step = 2 * W[k, j]
            for s in range(width):
                fields[width + s] = fields[s] + step
            width *= 2
        for s in range(size):
            masses[size + s] = masses[s] + fields[s]
            masses[s] -= fields[s]
        size *= 2


@kernel
def to_probabilities(masses):
    """Replace ``masses`` by values in proportion to exp(masses); return logsumexp, and the sum."""
    largest = masses[0]
    for s in range(masses.shape[0]):
        largest = max(largest, masses[s])
    total = 0.0
    for s in range(masses.shape[0]):
        masses[s] = exp(masses[s] - largest)
        total += masses[s]
    return largest + np.log(total), total


@kernel
def fold(p, n_units, scratch, means, seconds):
    """Sums of p x_i and of p x_i x_j over all states, by halving ``p``, which is overwritten."""
    half = p.shape[0] // 2
    for i in range(n_units - 1, -1, -1):
        total = 0.0
        for s in range(half):
            scratch[s] = p[half + s] - p[s]
            p[s] += p[half + s]
            total += scratch[s]
        means[i] = total
        width = half // 2
        for j in range(i - 1, -1, -1):
            total = 0.0
            for s in range(width):
                total += scratch[width + s] - scratch[s]
                scratch[s] += scratch[width + s]
            seconds[i, j] = total
            seconds[j, i] = total
            width //= 2
        half //= 2


@kernel
def log_partitions(W, H, out):
    """log of the sum of exp(1/2 x W x + h x) over all states x, for each row ``h`` of ``H``."""
    n_states = 1 << H.shape[1]
    masses, fields = np.empty(n_states), np.empty(max(1, n_states // 2))
    for r in range(H.shape[0]):
        log_masses(W, H[r], masses, fields)
        out[r] = to_probabilities(masses)[0]


@kernel
def moments(W, H, weights, out, means, correlations):
    """The same, with the mean state of each row, and the weighted sum of x x' over the rows."""
    n_units = H.shape[1]
    n_states = 1 << n_units
    masses, scratch = np.empty(n_states), np.empty(max(1, n_states // 2))
    seconds = np.empty((n_units, n_units))
    for r in range(H.shape[0]):
        log_masses(W, H[r], masses, scratch)
        out[r], total = to_probabilities(masses)
        fold(masses, n_units, scratch, means[r], seconds)
        weight = weights[r] / total
        for i in range(n_units):
            means[r, i] /= total
            correlations[i, i] += weights[r]
            for j in range(i):
                correlations[i, j] += weight * seconds[i, j]
                correlations[j, i] += weight * seconds[i, j]
