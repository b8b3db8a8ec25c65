"""Chains of units of -1 and 1 in vector lanes: each chain has one lane, and all draw at once.

The same unit is drawn in all of them at the same time, from fields that are summed again. This
costs a pass over the couplings of a unit, whether it flips or not, but no branch, and only one lane
of each vector per chain. If units have up to about a thousand couplings, it is faster than
:func:`~skebm.kernels.spins.heat`, which has the same interface and draws the same numbers.
"""

import numpy as np
from numba import types
from numba.extending import overload

from ._jit import kernel
from .random import fill_uniform_of_rows
from .scalar import sigmoid
from .simd import add_scaled_row, load_row, n_lanes, spread, store_row

# Two vectors, so that each loaded weight is used twice.
_WIDTH = (0,) * 2

# Number of units per block, whose fields are summed together if all units are coupled: loaded
# states are used for all of them. More sums do not fit in the registers.
_BLOCK = 8


def fields_of_block(W, order, first, n, x, b, h):
    """Write the fields of ``n`` units, in ``order`` from ``first`` on, to the rows of ``h``."""
    raise NotImplementedError


@overload(fields_of_block, jit_options={"nogil": True})
def _fields_of_block(W, order, first, n, x, b, h):
    if isinstance(W, types.Array):
        return _fields_of_full
    return _fields_of_lists


def _fields_of_lists(W, order, first, n, x, b, h):
    for k in range(n):
        i = order[first + k]
        sums = load_row(b, i, 0, _WIDTH)
        for p in range(W.indptr[i], W.indptr[i + 1]):
            sums = add_scaled_row(spread(W.data[p]), x, np.int64(W.indices[p]), 0, sums)
        store_row(h, k, 0, sums)


def _fields_of_full(W, order, first, n, x, b, h):
    if n < _BLOCK:
        for k in range(n):
            i = order[first + k]
            sums = load_row(b, i, 0, _WIDTH)
            for j in range(W.shape[1]):
                sums = add_scaled_row(spread(W[i, j]), x, j, 0, sums)
            store_row(h, k, 0, sums)
        return
    i0, i1, i2, i3 = order[first], order[first + 1], order[first + 2], order[first + 3]
    i4, i5, i6, i7 = order[first + 4], order[first + 5], order[first + 6], order[first + 7]
    s0, s1 = load_row(b, i0, 0, _WIDTH), load_row(b, i1, 0, _WIDTH)
    s2, s3 = load_row(b, i2, 0, _WIDTH), load_row(b, i3, 0, _WIDTH)
    s4, s5 = load_row(b, i4, 0, _WIDTH), load_row(b, i5, 0, _WIDTH)
    s6, s7 = load_row(b, i6, 0, _WIDTH), load_row(b, i7, 0, _WIDTH)
    for j in range(W.shape[1]):
        s0 = add_scaled_row(spread(W[i0, j]), x, j, 0, s0)
        s1 = add_scaled_row(spread(W[i1, j]), x, j, 0, s1)
        s2 = add_scaled_row(spread(W[i2, j]), x, j, 0, s2)
        s3 = add_scaled_row(spread(W[i3, j]), x, j, 0, s3)
        s4 = add_scaled_row(spread(W[i4, j]), x, j, 0, s4)
        s5 = add_scaled_row(spread(W[i5, j]), x, j, 0, s5)
        s6 = add_scaled_row(spread(W[i6, j]), x, j, 0, s6)
        s7 = add_scaled_row(spread(W[i7, j]), x, j, 0, s7)
    store_row(h, 0, 0, s0)
    store_row(h, 1, 0, s1)
    store_row(h, 2, 0, s2)
    store_row(h, 3, 0, s3)
    store_row(h, 4, 0, s4)
    store_row(h, 5, 0, s5)
    store_row(h, 6, 0, s6)
    store_row(h, 7, 0, s7)


def feel_in_block(W, i, others, change, h):
    """Update the fields of other units of a block after the changes of a unit."""
    raise NotImplementedError


@overload(feel_in_block, jit_options={"nogil": True})
def _feel_in_block(W, i, others, change, h):
    if isinstance(W, types.Array):

        def feel_others(W, i, others, change, h):
            for k in range(others.shape[0]):
                w = W[i, others[k]]
                for lane in range(change.shape[0]):
                    h[k, lane] += w * change[lane]

        return feel_others
    # Blocks of one unit have no others.
    return lambda W, i, others, change, h: None


def units_of_block(W):
    """Number of units per block."""
    raise NotImplementedError


@overload(units_of_block)
def _units_of_block(W):
    size = _BLOCK if isinstance(W, types.Array) else 1
    return lambda W: size


@kernel
def spread_rows(array, first, n_rows, out):
    """Write rows of ``array`` from ``first`` on to the columns of ``out``.

    Columns without a row repeat the last one. An array of one row holds for all.
    """
    for lane in range(out.shape[1]):
        row = array[(first + min(lane, n_rows - 1)) % array.shape[0]]
        for i in range(out.shape[0]):
            out[i, lane] = row[i]


@kernel
def heat_side_by_side(W, B, base, orders, free, temperatures, address, X, energies, paths, done):
    """Sweeps of stochastic units, P(x_i = 1) = sigmoid(2 (base_i + h_i / T)), one for each T.

    Returns the number of flips. Parameters are those of :func:`~skebm.kernels.spins.heat`, with the
    ``energies`` of the rows, float64, which are kept up to date in place of the fields.
    """
    seed, stream, first_row = address
    n_rows, n_units = X.shape
    width = 2 * n_lanes(X)
    shape = n_units, width
    x, b = np.empty(shape, dtype=X.dtype), np.empty(shape, dtype=X.dtype)
    u, may = np.empty(shape, dtype=X.dtype), np.empty(shape, dtype=X.dtype)
    size = units_of_block(W)
    h, change = np.empty((size, width), X.dtype), np.empty(width, X.dtype)
    fall, energy, squares = np.empty(width, X.dtype), np.empty(width), np.empty(width, X.dtype)
    n_flips = 0
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
                squares[lane] = 0
            for k in range(0, n_units, size):
                block = order[k : k + size]
                fields_of_block(W, order, k, block.shape[0], x, b, h)
                for m in range(block.shape[0]):
                    i = block[m]
                    twice_base = base[i] + base[i]
                    for lane in range(width):
                        p_on = sigmoid(steepness * h[m, lane] + twice_base)
                        new = one if u[i, lane] < p_on else -one
                        change[lane] = (new - x[i, lane]) * may[i, lane]
                        x[i, lane] += change[lane]
                        fall[lane] += change[lane] * h[m, lane]
                        squares[lane] += change[lane] * change[lane]
                    feel_in_block(W, i, block[m + 1 :], change, h[m + 1 :])
            for lane in range(n):
                energy[lane] -= fall[lane]
                n_flips += int(squares[lane]) // 4
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
    return n_flips
