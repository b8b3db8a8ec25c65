"""Networks of units that are -1 or 1, with symmetric weights: recall and stochastic sweeps.

Names follow the equations: ``x`` the states of one row, ``h = W x + b`` its local fields, ``W``
symmetric weights with a zero diagonal, ``b`` the bias. Where a kernel takes ``X`` and ``H``, it
changes both in place and keeps them consistent: a flip reads one row of ``W``, and a unit that does
not flip costs one comparison.

``B`` contains the bias, and ``free`` marks the units that may change: both have one row for all
rows of ``X``, or one per row. ``W`` is an array, or ``CsrData`` where few units are coupled.
"""

import numpy as np
from numba import types
from numba.extending import overload

from ._jit import kernel
from .random import fill_uniform
from .scalar import sigmoid
from .sparse import add_listed_rows, add_scaled


@kernel
def add_bias(H, B):
    """Add the bias to each row."""
    for r in range(H.shape[0]):
        add_scaled(B.dtype.type(1), B[r % B.shape[0]], H[r])


@kernel
def energy_of(x, h, b):
    """E = -1/2 x W x - b x of one row, from its local fields."""
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i] * (h[i] + b[i])
    return -0.5 * total


@kernel
def energies(X, H, B, out):
    """Energy of each row."""
    for r in range(X.shape[0]):
        out[r] = energy_of(X[r], H[r], B[r % B.shape[0]])


@kernel
def record(path, step, energy):
    """Record an energy for this and all later steps; ``path`` may be empty."""
    for k in range(path.shape[0] - step):
        path[step + k] = energy


@kernel
def margin(h, rounding):
    """Fields up to this size count as zero: the rounding error of the largest field."""
    largest = h.dtype.type(0)
    for i in range(h.shape[0]):
        largest = max(largest, abs(h[i]))
    return h.dtype.type(rounding) * largest


def feel(W, i, change, h):
    """Update the fields after a change of unit ``i``."""
    raise NotImplementedError


@overload(feel, jit_options={"nogil": True})
def _feel(W, i, change, h):
    if isinstance(W, types.Array):
        return lambda W, i, change, h: add_scaled(change, W[i], h)

    def feel_of_few(W, i, change, h):
        for k in range(W.indptr[i], W.indptr[i + 1]):
            h[W.indices[k]] += change * W.data[k]

    return feel_of_few


@kernel
def flip(W, i, x, h):
    """Flip unit ``i``, and update all fields that depend on it."""
    x[i] = -x[i]
    feel(W, i, x[i] + x[i], h)


@kernel
def is_stable(x, h, free, tolerance):
    """Whether each free unit agrees with its field."""
    n_wrong = 0
    for i in range(x.shape[0]):
        n_wrong += free[i] and x[i] * h[i] < -tolerance
    return n_wrong == 0


@kernel
def settle_row(W, b, orders, free, max_iter, rounding, x, h, path, done):
    """Flip units in turn until all agree with their fields; return sweeps, and whether they do.

    ``done`` is the number of steps recorded in ``path`` before.
    """
    tolerance = margin(h, rounding)
    for sweep in range(max_iter):
        if is_stable(x, h, free, tolerance):
            return sweep, True
        order = orders[sweep % orders.shape[0]]
        for k in range(order.shape[0]):
            i = order[k]
            if x[i] * h[i] < -tolerance and free[i]:
                flip(W, i, x, h)
        if path.shape[0] > 0:
            record(path, done + sweep + 1, energy_of(x, h, b))
    return max_iter, is_stable(x, h, free, tolerance)


@kernel
def settle(W, B, orders, free, max_iter, rounding, X, H, paths, done, n_steps, converged):
    """Asynchronous recall of each row at temperature zero, after ``done`` steps of another kind."""
    for r in range(X.shape[0]):
        b, may = B[r % B.shape[0]], free[r % free.shape[0]]
        n_sweeps, converged[r] = settle_row(
            W, b, orders, may, max_iter, rounding, X[r], H[r], paths[r], done
        )
        n_steps[r] = done + n_sweeps


@kernel
def flip_together(W, flips, factors, x, h):
    """Flip all units of the list at once; ``factors`` is scratch space."""
    for k in range(flips.shape[0]):
        i = flips[k]
        x[i] = -x[i]
        factors[k] = x[i] + x[i]
    feel_all(W, flips, factors, h)


def feel_all(W, flips, factors, h):
    """Update the fields after the changes of all units of a list."""
    raise NotImplementedError


@overload(feel_all, jit_options={"nogil": True})
def _feel_all(W, flips, factors, h):
    if isinstance(W, types.Array):

        def feel_all_rows(W, flips, factors, h):
            one, first = (1, -1), np.int64(0)
            numbers, factors, fields = flips.reshape(one), factors.reshape(one), h.reshape(one)
            add_listed_rows(numbers, factors, first, first, flips.shape[0], W, fields, first)

        return feel_all_rows

    def feel_all_of_few(W, flips, factors, h):
        for k in range(flips.shape[0]):
            feel(W, flips[k], factors[k], h)

    return feel_all_of_few


@kernel
def sparse_fields(W, X, B, H):
    """H = X W + B for sparse weights."""
    for r in range(X.shape[0]):
        x, b, h = X[r], B[r % B.shape[0]], H[r]
        for i in range(x.shape[0]):
            field = b[i]
            for k in range(W.indptr[i], W.indptr[i + 1]):
                field += W.data[k] * x[W.indices[k]]
            h[i] = field


@kernel
def settle_means(W, max_iter, tol, M, H, n_sweeps):
    """Set the mean of each unit in turn to tanh of its field, until no change exceeds ``tol``.

    ``M`` and ``H`` are as states and fields are elsewhere, and change in place.
    """
    one, two = M.dtype.type(1), M.dtype.type(2)
    for r in range(M.shape[0]):
        m, h = M[r], H[r]
        sweep, moves = 0, True
        while moves and sweep < max_iter:
            moves = False
            for i in range(m.shape[0]):
                change = two * sigmoid(two * h[i]) - one - m[i]
                if abs(change) > tol:
                    m[i] += change
                    feel(W, i, change, h)
                    moves = True
            sweep += 1
        n_sweeps[r] = sweep


@kernel
def same_numbers(a, b):
    """Whether two lists are equal."""
    if a.shape[0] != b.shape[0]:
        return False
    n_different = 0
    for k in range(a.shape[0]):
        n_different += a[k] != b[k]
    return n_different == 0


@kernel
def settle_together(W, B, free, max_iter, rounding, X, H, paths, done, n_steps, converged, cycled):
    """Synchronous recall at temperature zero, after ``done`` steps of another kind.

    With symmetric weights it ends in a fixed point or in a cycle of two states. In a cycle, the
    same units flip in each step, by which it is detected.
    """
    n_units = X.shape[1]
    lists = np.empty((2, n_units), dtype=np.int64)
    factors = np.empty(n_units, dtype=X.dtype)
    for r in range(X.shape[0]):
        x, h, b, may = X[r], H[r], B[r % B.shape[0]], free[r % free.shape[0]]
        tolerance = margin(h, rounding)
        n_last = 0
        for step in range(max_iter + 1):
            now = lists[step % 2]
            n_now = 0
            for i in range(n_units):
                if x[i] * h[i] < -tolerance and may[i]:
                    now[n_now] = i
                    n_now += 1
            converged[r] = n_now == 0
            cycled[r] = n_now > 0 and same_numbers(now[:n_now], lists[1 - step % 2][:n_last])
            if converged[r] or cycled[r] or step == max_iter:
                n_steps[r] = done + step
                break
            flip_together(W, now[:n_now], factors, x, h)
            n_last = n_now
            if paths.shape[1] > 0:
                record(paths[r], done + step + 1, energy_of(x, h, b))


@kernel
def sweep_row(W, base, steepness, order, may, uniform, x, h):
    """Draw units in turn, P(x_i = 1) = sigmoid(2 base_i + s h_i); return the number of flips."""
    one = x.dtype.type(1)
    n_flips = 0
    for k in range(order.shape[0]):
        i = order[k]
        new = one if uniform[i] < sigmoid(steepness * h[i] + (base[i] + base[i])) else -one
        if new != x[i] and may[i]:
            flip(W, i, x, h)
            n_flips += 1
    return n_flips


@kernel
def heat(W, B, base, orders, free, temperatures, address, together, X, H, paths, done):
    """Sweeps of stochastic units, P(x_i = 1) = sigmoid(2 (base_i + h_i / T)), one for each T.

    Returns the number of flips. ``base`` contains fields that the temperature does not scale.
    ``done`` is the number of sweeps recorded in ``paths`` before.

    The random number of unit i in sweep s of row r is, with ``address`` (seed, stream, first row),
    at (seed, stream + s, first row + r, i). With ``together``, all units are drawn given the fields
    before the sweep.
    """
    seed, stream, first_row = address
    n_units = X.shape[1]
    one = X.dtype.type(1)
    uniform = np.empty(n_units, dtype=X.dtype)
    flips = np.empty(n_units, dtype=np.int64)
    factors = np.empty(n_units, dtype=X.dtype)
    n_all = 0
    for r in range(X.shape[0]):
        x, h, b, may = X[r], H[r], B[r % B.shape[0]], free[r % free.shape[0]]
        for sweep in range(temperatures.shape[0]):
            steepness = X.dtype.type(2.0 / temperatures[sweep])
            fill_uniform(seed, stream + sweep, first_row + r, np.int64(0), uniform)
            order = orders[sweep % orders.shape[0]]
            if together:
                n_flips = 0
                for i in range(n_units):
                    p = sigmoid(steepness * h[i] + (base[i] + base[i]))
                    new = one if uniform[i] < p else -one
                    if new != x[i] and may[i]:
                        flips[n_flips] = i
                        n_flips += 1
                flip_together(W, flips[:n_flips], factors, x, h)
            else:
                n_flips = sweep_row(W, base, steepness, order, may, uniform, x, h)
            n_all += n_flips
            if paths.shape[1] > 0:
                paths[r, done + sweep + 1] = energy_of(x, h, b)
        if paths.shape[1] > 0:
            record(paths[r], done + temperatures.shape[0], energy_of(x, h, b))
    return n_all


@kernel
def random_spins(address, where, X):
    """Draw -1 or 1 for the entries that ``where`` marks, at ``address`` (seed, stream, row)."""
    seed, stream, first_row = address
    uniform = np.empty(X.shape[1], dtype=X.dtype)
    for r in range(X.shape[0]):
        fill_uniform(seed, stream, first_row + r, np.int64(0), uniform)
        for i in range(X.shape[1]):
            if where[r, i]:
                X[r, i] = 1 if uniform[i] < 0.5 else -1


@kernel
def count_values(X):
    """Numbers of -1, 0, 1 and NaN in ``X``."""
    n_minus, n_zero, n_one, n_nan = 0, 0, 0, 0
    for r in range(X.shape[0]):
        row = X[r]
        for i in range(row.shape[0]):
            value = row[i]
            n_minus += value == -1
            n_zero += value == 0
            n_one += value == 1
            n_nan += value != value
    return n_minus, n_zero, n_one, n_nan
