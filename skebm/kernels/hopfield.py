"""Learning in memories of units that are -1 or 1, and recall in those that store patterns.

Recall with weights is in ``spins.py``, and names are the same as there: ``x`` the states of one
row, ``W`` the weights, ``b`` the bias, ``free`` the units that may change.
"""

import numpy as np

from ._jit import kernel
from .random import fill_uniform
from .scalar import exp, sigmoid
from .sparse import add_scaled
from .spins import random_spins, record, same_numbers, settle_row

# Learning


@kernel
def scale_to_counts(W, n_units):
    """Convert weights, which are counts divided by ``n_units``, back to counts, exactly."""
    for i in range(W.shape[0]):
        row = W[i]
        for j in range(row.shape[0]):
            row[j] = np.rint(row[j] * n_units)


@kernel
def mirror_lower(W, block):
    """Copy the lower triangle to the upper one, in square blocks that stay in the cache."""
    n = W.shape[0]
    for top in range(0, n, block):
        for left in range(0, top + 1, block):
            for i in range(top, min(top + block, n)):
                for j in range(left, min(left + block, i)):
                    W[j, i] = W[i, j]


@kernel
def storkey_step(W, first, x, f, growth, n_units):
    """Add one pattern by Storkey's rule to the rows of ``W`` from ``first`` on.

    Storkey's increment, w_ij += (x_i x_j - x_i h_ji - h_ij x_j) / N, has fields that leave out two
    units, h_ij = f_i - w_ij x_j with f = W x. With ``growth`` = 1 + 2 / N, this is W <- growth W +
    (x x' - x f' - f x') / N.
    """
    n = W.shape[1]
    for i in range(W.shape[0]):
        row = W[i]
        x_i, f_i = x[first + i], f[first + i]
        for j in range(n):
            row[j] = growth * row[j] + (x_i * x[j] - (x_i * f[j] + f_i * x[j])) / n_units
        row[first + i] = 0


@kernel
def dream(W, b, step, bias_step, orders, free, max_iter, rounding, address, n_dreams):
    """Settle from random states, and unlearn each state that was found.

    Hopfield, Feinstein and Palmer, 1983. Dream d starts from row ``first row + d`` of ``address``
    (seed, stream, first row).
    """
    seed, stream, first_row = address
    n = W.shape[0]
    X = np.empty((1, n), dtype=W.dtype)
    everywhere = np.ones((1, n), dtype=np.bool_)
    h = np.empty(n, dtype=W.dtype)
    no_path, zero = np.empty(0, dtype=W.dtype), np.int64(0)
    for d in range(n_dreams):
        random_spins((seed, stream, first_row + d), everywhere, X)
        x = X[0]
        np.dot(W, x, h)
        add_scaled(b.dtype.type(1), b, h)
        settle_row(W, b, orders, free[0], max_iter, rounding, x, h, no_path, zero)
        for i in range(n):
            add_scaled(-step * x[i], x, W[i])
            W[i, i] = 0
        add_scaled(-bias_step, x, b)


# Dense memories: the patterns are stored, and a unit compares two energies.


@kernel
def dense_field(column, s, x_i, inverse_n, coefficients, odd, a, p):
    """Field of one unit, half the energy decrease from -1 to 1, and its scale.

    With E = -(N / n) sum_k (s_k / N)^n, overlaps s_k = xi_k x, and a_k the overlap without this
    unit, in units of N, the field is

        sum_k xi_ki sum_(j odd) binomial(n, j) / n N^(1 - j) a_k^(n - j),

    an expansion of the difference of two powers without cancellation. ``coefficients`` are those of
    the inner sum, from the highest power to the lowest; ``odd`` is 1 if all its powers are odd.
    ``a`` and ``p`` are scratch space for a part of the patterns, small enough for the cache.
    """
    total, scale = 0.0, 0.0
    n_patterns, size = s.shape[0], a.shape[0]
    for start in range(0, n_patterns, size):
        n = min(size, n_patterns - start)
        xi, overlaps = column[start : start + n], s[start : start + n]
        for k in range(n):
            a[k] = (overlaps[k] - xi[k] * x_i) * inverse_n
            p[k] = coefficients[0]
        for term in range(1, coefficients.shape[0]):
            c = coefficients[term]
            for k in range(n):
                p[k] = p[k] * (a[k] * a[k]) + c
        if odd:
            for k in range(n):
                p[k] *= a[k]
        part, part_scale = s.dtype.type(0), s.dtype.type(0)
        for k in range(n):
            part += xi[k] * p[k]
            part_scale += abs(p[k])
        total += part
        scale += part_scale
    return s.dtype.type(total), s.dtype.type(scale)


@kernel
def dense_energy(s, inverse_n, order):
    """E = -(N / n) sum_k (s_k / N)^n."""
    total = 0.0
    for k in range(s.shape[0]):
        power = 1.0
        m = s[k] * inverse_n
        for _ in range(order):
            power *= m
        total += power
    return -total / (inverse_n * order)


@kernel
def dense_energies(S, inverse_n, order, out):
    """Energy of each row of overlaps."""
    for r in range(S.shape[0]):
        out[r] = dense_energy(S[r], inverse_n, order)


@kernel
def overlap_flip(column, i, x, s):
    """Flip unit ``i``, and update the overlaps of all patterns with the row."""
    x[i] = -x[i]
    change = x[i] + x[i]
    for k in range(s.shape[0]):
        s[k] += change * column[k]


@kernel
def overlap_flips(columns, flips, x, s):
    """Flip all units of the list."""
    for k in range(flips.shape[0]):
        overlap_flip(columns[flips[k]], flips[k], x, s)


@kernel
def dense_sweep(columns, polynomial, order, may, rule, uniform, x, s, flips, a, p):
    """One sweep over the units; returns the number of units to flip, which are listed in ``flips``.

    ``rule`` is (steepness, rounding, together); a steepness of zero means temperature zero. Units
    flip immediately, except with ``together``, when the caller flips them.
    """
    inverse_n, coefficients, odd = polynomial
    steepness, rounding, together = rule
    one = s.dtype.type(1)
    n_flips = 0
    for k in range(order.shape[0]):
        i = order[k]
        if not may[i]:
            continue
        field, scale = dense_field(columns[i], s, x[i], inverse_n, coefficients, odd, a, p)
        if steepness > 0:
            new = one if uniform[i] < sigmoid(steepness * field) else -one
            wrong = new != x[i]
        else:
            wrong = x[i] * field < -rounding * scale
        if wrong:
            flips[n_flips] = i
            n_flips += 1
            if not together:
                overlap_flip(columns[i], i, x, s)
    return n_flips


@kernel
def dense_heat(
    columns, polynomial, power, orders, free, temperatures, address, together, X, S, paths, done
):
    """Sweeps of stochastic units, like :func:`~skebm.kernels.spins.heat`."""
    seed, stream, first_row = address
    n_units = X.shape[1]
    uniform = np.empty(n_units, dtype=X.dtype)
    flips = np.empty(n_units, dtype=np.int64)
    a, p = np.empty(1024, dtype=X.dtype), np.empty(1024, dtype=X.dtype)
    for r in range(X.shape[0]):
        for sweep in range(temperatures.shape[0]):
            fill_uniform(seed, stream + sweep, first_row + r, np.int64(0), uniform)
            rule = (X.dtype.type(2.0 / temperatures[sweep]), X.dtype.type(0), together)
            order = orders[sweep % orders.shape[0]]
            may = free[r % free.shape[0]]
            x, s = X[r], S[r]
            n = dense_sweep(columns, polynomial, order, may, rule, uniform, x, s, flips, a, p)
            if together:
                overlap_flips(columns, flips[:n], x, s)
            if paths.shape[1] > 0:
                paths[r, done + sweep + 1] = dense_energy(s, polynomial[0], power)
        if paths.shape[1] > 0:
            last = dense_energy(S[r], polynomial[0], power)
            record(paths[r], done + temperatures.shape[0], last)


@kernel
def dense_settle(
    columns,
    polynomial,
    power,
    orders,
    free,
    max_iter,
    rounding,
    together,
    X,
    S,
    paths,
    done,
    n_steps,
    converged,
    cycled,
):
    """Recall at temperature zero, after ``done`` steps of another kind.

    Steps that changed nothing are not counted.
    """
    n_units = X.shape[1]
    lists = np.empty((2, n_units), dtype=np.int64)
    a, p = np.empty(1024, dtype=X.dtype), np.empty(1024, dtype=X.dtype)
    rule = (X.dtype.type(0), X.dtype.type(rounding), together)
    for r in range(X.shape[0]):
        may = free[r % free.shape[0]]
        n_last = 0
        for step in range(max_iter + 1):
            order = orders[0 if together else step % orders.shape[0]]
            now = lists[step % 2]
            if step == max_iter:
                # One more sweep on a copy, to test whether the row is stable now.
                x, s = X[r].copy(), S[r].copy()
            else:
                x, s = X[r], S[r]
            n_now = dense_sweep(columns, polynomial, order, may, rule, x, x, s, now, a, p)
            last = lists[1 - step % 2]
            cycled[r] = together and n_now > 0 and same_numbers(now[:n_now], last[:n_last])
            converged[r] = n_now == 0
            if converged[r] or cycled[r] or step == max_iter:
                n_steps[r] = done + step
                break
            if together:
                overlap_flips(columns, now[:n_now], x, s)
            n_last = n_now
            if paths.shape[1] > 0:
                record(paths[r], done + step + 1, dense_energy(s, polynomial[0], power))


# Softmax memories: states are real numbers.


@kernel
def manhattan(X, patterns, out):
    """Minus the sum of absolute differences of each row and each pattern."""
    for r in range(X.shape[0]):
        x = X[r]
        for k in range(patterns.shape[0]):
            pattern = patterns[k]
            total = x.dtype.type(0)
            for i in range(x.shape[0]):
                total += abs(x[i] - pattern[i])
            out[r, k] = -total


@kernel
def softmax(S, beta, log_sums):
    """Replace each row of similarities by its softmax; log_sums = log(sum(exp(beta s))) / beta."""
    for r in range(S.shape[0]):
        s = S[r]
        largest = s[0]
        for k in range(s.shape[0]):
            largest = max(largest, s[k])
        total = s.dtype.type(0)
        for k in range(s.shape[0]):
            s[k] = exp(beta * (s[k] - largest))
            total += s[k]
        for k in range(s.shape[0]):
            s[k] /= total
        log_sums[r] = largest + np.log(total) / beta


@kernel
def step_to(new, free, X, change):
    """Set the free entries of ``X`` to ``new``; ``change`` is the largest change of each row."""
    for r in range(X.shape[0]):
        x, target, may = X[r], new[r], free[r % free.shape[0]]
        largest = x.dtype.type(0)
        for i in range(x.shape[0]):
            value = target[i] if may[i] else x[i]
            largest = max(largest, abs(value - x[i]))
            x[i] = value
        change[r] = largest
