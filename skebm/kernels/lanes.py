"""Chains of units of -1 and 1 side by side: each has a lane of the vectors, and all draw at once.

The same unit is drawn in all of them at the same time, from fields that are summed up anew. That
costs what the couplings of a unit cost, whether it flips or not, but no branch and, of vectors, a
sixteenth of each: where units have a few hundred couplings or fewer, it is several times as fast as
:func:`~skebm.kernels.spins.heat`, which is called in the same way and draws the same numbers.
"""

import numpy as np

from ._jit import kernel
from .random import fill_uniform_of_rows
from .scalar import sigmoid
from .simd import add_scaled_row, load_row, n_lanes, spread, store_row

# Two vectors: a weight that is loaded serves both.
_WIDTH = (0,) * 2


@kernel
def spread_rows(array, first, n_rows, out):
    """Write rows of ``array`` from ``first`` on to the columns of ``out``.

    Columns without a row of their own repeat the last one. An array of one row is that of all.
    """
    for lane in range(out.shape[1]):
        row = array[(first + min(lane, n_rows - 1)) % array.shape[0]]
        for i in range(out.shape[0]):
            out[i, lane] = row[i]


@kernel
def heat_side_by_side(W, B, base, orders, free, temperatures, address, X, energies, paths, done):
    """Sweeps of stochastic units, P(x_i = 1) = sigmoid(2 (base_i + h_i / T)), one for each T.

    Parameters are those of :func:`~skebm.kernels.spins.heat`, with ``W`` as ``CsrData``, and with
    the ``energies`` of the rows, float64, which are kept up to date in place of the fields.
    """
    seed, stream, first_row = address
    n_rows, n_units = X.shape
    width = 2 * n_lanes(X)
    shape = n_units, width
    x, b = np.empty(shape, dtype=X.dtype), np.empty(shape, dtype=X.dtype)
    u, may = np.empty(shape, dtype=X.dtype), np.empty(shape, dtype=X.dtype)
    h, fall, energy = np.empty((1, width), X.dtype), np.empty(width, X.dtype), np.empty(width)
    one = X.dtype.type(1)
    for first in range(0, n_rows, width):
        n = min(width, n_rows - first)
        spread_rows(X, first, n, x)
        spread_rows(B, first, n, b)
        spread_rows(free, first, n, may)
        for lane in range(n):
            energy[lane] = energies[first + lane]
        for sweep in range(temperatures.shape[0]):
            steepness = X.dtype.type(2.0 / temperatures[sweep])
            fill_uniform_of_rows(seed, stream + sweep, first_row + first, u)
            order = orders[sweep % orders.shape[0]]
            for lane in range(width):
                fall[lane] = 0
            for k in range(n_units):
                i = order[k]
                twice_base = base[i] + base[i]
                sums = load_row(b, i, 0, _WIDTH)
                for p in range(W.indptr[i], W.indptr[i + 1]):
                    neighbour = np.int64(W.indices[p])
                    sums = add_scaled_row(spread(W.data[p]), x, neighbour, 0, sums)
                store_row(h, 0, 0, sums)
                for lane in range(width):
                    p_on = sigmoid(steepness * h[0, lane] + twice_base)
                    new = one if u[i, lane] < p_on else -one
                    change = (new - x[i, lane]) * may[i, lane]
                    x[i, lane] += change
                    fall[lane] += change * h[0, lane]
            for lane in range(n):
                energy[lane] -= fall[lane]
            if paths.shape[1] > 0:
                for lane in range(n):
                    paths[first + lane, done + sweep + 1] = energy[lane]
        last = done + temperatures.shape[0]
        for lane in range(n):
            energies[first + lane] = energy[lane]
            for i in range(n_units):
                X[first + lane, i] = x[i, lane]
            for step in range(last + 1, paths.shape[1]):
                paths[first + lane, step] = energy[lane]
