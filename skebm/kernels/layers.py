"""Passes over rows of units of one kind: samples, log-partition functions, means and energies.

Means of binary units are in :mod:`skebm.kernels.activations`. Random numbers are drawn at the
addresses (stream, first_row + r, column + unit), where 4 divides ``column``, so that several kinds
of units in a layer have different numbers.
"""

import numpy as np

from ._jit import inlined, kernel
from .activations import exponentials, softmax
from .random import fill_normal, fill_uniform
from .scalar import exp, log, sigmoid
from .simd import load, multiply, multiply_add, n_lanes, spread, store
from .sparse import copy


@kernel
def sample_bernoulli(probabilities, seed, stream, first_row, column, out):
    """Draw 0 or 1 for each probability."""
    uniform = np.empty(out.shape[1], dtype=out.dtype)
    for r in range(probabilities.shape[0]):
        fill_uniform(seed, stream, first_row + r, column, uniform)
        p, states = probabilities[r], out[r]
        for i in range(p.shape[0]):
            states[i] = uniform[i] < p[i]


@kernel
def largest_mean_change(new, old, first, stop, out):
    """Raise ``out`` to the mean absolute change of the units of a layer, for each row."""
    for r in range(new.shape[0]):
        a, b = new[r, first:stop], old[r, first:stop]
        total = new.dtype.type(0)
        for i in range(a.shape[0]):
            total += abs(a[i] - b[i])
        out[r] = max(out[r], total / new.dtype.type(a.shape[0]))


# Groups of units of which one is on start at the columns ``starts``; the last entry is the end.


@kernel
def softmax_of_groups(inputs, bias, starts):
    """Replace each input by the probability of its unit."""
    for g in range(starts.shape[0] - 1):
        softmax(inputs, bias, starts[g], starts[g + 1])


# Column of the random numbers for choices, far beyond those of all other units, so that both can be
# drawn at one address.
_COLUMN_OF_CHOICES = np.int64(2**31)


@kernel
def sample_softmax(probabilities, starts, seed, stream, first_row, column, out):
    """Turn one unit of each group on, with one random number per group."""
    uniform = np.empty(starts.shape[0] - 1, dtype=out.dtype)
    for r in range(probabilities.shape[0]):
        fill_uniform(seed, stream, first_row + r, _COLUMN_OF_CHOICES + column, uniform)
        for g in range(starts.shape[0] - 1):
            chosen, total = starts[g], probabilities[r, starts[g]]
            while chosen < starts[g + 1] - 1 and total <= uniform[g]:
                chosen += 1
                total += probabilities[r, chosen]
            for i in range(starts[g], starts[g + 1]):
                out[r, i] = i == chosen


@kernel
def softmax_log_partition(inputs, bias, starts, out):
    """Sum over groups of the log of the sum over their units of exp(input + bias)."""
    row = np.empty(inputs.shape[1], dtype=inputs.dtype)
    for r in range(inputs.shape[0]):
        copy(inputs[r], row)
        out[r] = 0.0
        for g in range(starts.shape[0] - 1):
            group = row[starts[g] : starts[g + 1]]
            greatest = exponentials(group, bias[starts[g] : starts[g + 1]])
            total = 0.0
            for i in range(group.shape[0]):
                total += group[i]
            out[r] += greatest + np.log(total)


# Factors between 1 and 2 whose product is far from overflow in float64.
_FACTORS_A_LOGARITHM = 512


@kernel
def bernoulli_log_partition(inputs, bias, out):
    """Sum over units of log(1 + exp(input + bias)), for each row.

    With a = input + bias, it is max(a, 0) + log(1 + exp(-|a|)). No argument of the logarithm
    exceeds 2, so that one logarithm of a product of many of them is sufficient.
    """
    zero = inputs.dtype.type(0)
    for r in range(inputs.shape[0]):
        total = 0.0
        for start in range(0, bias.shape[0], _FACTORS_A_LOGARITHM):
            some = slice(start, start + _FACTORS_A_LOGARITHM)
            row, row_bias = inputs[r, some], bias[some]
            product = 1.0
            for i in range(row.shape[0]):
                a = row[i] + row_bias[i]
                total += max(a, zero)
                product *= 1.0 + exp(-abs(a))
            total += np.log(product)
        out[r] = total


@kernel
def bernoulli_flip_log_odds(v, hidden_inputs, W, visible_bias, n_safe, out):
    """Log-odds of each row against the same row with one unit flipped, for each unit.

    With delta = 1 - 2 v_i, flipping unit i adds delta W_ij to the input x_j of hidden unit j, and

        F(v flipped) - F(v) = -delta b_i - sum_j log(q_j + p_j exp(delta W_ij)),

    where p_j = sigmoid(x_j) and q_j = 1 - p_j = sigmoid(-x_j). No term of the sum in brackets is
    negative, so that there is no cancellation. One logarithm is used for a product of ``n_safe``
    factors, which can neither overflow nor underflow. Exponentials are the same for all rows with
    the same v_i, so that those for v_i = 0 and for the last other value are kept.
    """
    n_rows, n_visible = v.shape
    n_hidden = W.shape[1]
    number = W.dtype.type
    lanes = n_lanes(W)
    n_columns = n_hidden + -n_hidden % lanes
    # After the last unit, factors are exactly 1.
    p, q = np.empty((n_rows, n_columns), W.dtype), np.empty((n_rows, n_columns), W.dtype)
    w = np.empty(n_columns, W.dtype)
    for r in range(n_rows):
        for j in range(n_hidden):
            p[r, j] = sigmoid(hidden_inputs[r, j])
            q[r, j] = sigmoid(-hidden_inputs[r, j])
        for j in range(n_hidden, n_columns):
            p[r, j], q[r, j] = 0, 1
    for j in range(n_hidden, n_columns):
        w[j] = 0
    exponentials = np.empty((2, n_columns), W.dtype)  # for v_i = 0, and for another value
    products, logs = np.empty((n_rows, lanes), W.dtype), np.empty((n_rows, lanes), W.dtype)
    flat_products, flat_logs = products.reshape(-1), logs.reshape(-1)
    for i in range(n_visible):
        for j in range(n_hidden):
            w[j] = W[i, j]
        _exponentiate(w, number(0), exponentials, 0)
        value = number(0)
        flat_logs[:] = 0
        for start in range(0, n_columns, n_safe * lanes):
            stop = min(start + n_safe * lanes, n_columns)
            for r in range(n_rows):
                if v[r, i] != 0 and v[r, i] != value:
                    value = v[r, i]
                    _exponentiate(w, value, exponentials, 1)
                product = spread(number(1))
                of_value = np.int64(v[r, i] != 0)
                for j in range(start, stop, lanes):
                    e = load(exponentials, of_value, j)
                    product = multiply(product, multiply_add(load(p, r, j), e, load(q, r, j)))
                store(products, r, 0, product)
            for k in range(flat_logs.shape[0]):
                flat_logs[k] += log(flat_products[k])
        for r in range(n_rows):
            log_ratio = np.float64((number(1) - number(2) * v[r, i]) * visible_bias[i])
            for lane in range(lanes):
                log_ratio += logs[r, lane]
            out[r, i] = -log_ratio


@inlined
def _exponentiate(w, value, out, to):
    """Write exp(delta w_j) of all columns j to row ``to`` of ``out``."""
    delta = w.dtype.type(1) - w.dtype.type(2) * value
    for j in range(w.shape[0]):
        out[to, j] = exp(delta * w[j])


@kernel
def standardize(rows, mean, scale):
    """Replace each value x by (x - mean) / scale of its column; the difference in float64."""
    for r in range(rows.shape[0]):
        row = rows[r]
        for i in range(row.shape[0]):
            row[i] = (row[i] - mean[i]) / scale[i]


@kernel
def gaussian_mean(inputs, bias, variance):
    """Replace each input by the mean of its unit."""
    for r in range(inputs.shape[0]):
        row = inputs[r]
        for i in range(row.shape[0]):
            row[i] = bias[i] + variance[i] * row[i]


@kernel
def sample_gaussian(mean, deviation, seed, stream, first_row, column, out):
    """Draw normals with these means and standard deviations."""
    n_rows, n_units = mean.shape
    normal = np.empty(n_units, dtype=out.dtype)
    for r in range(n_rows):
        fill_normal(seed, stream, first_row + r, column, normal)
        m, states = mean[r], out[r]
        for i in range(n_units):
            states[i] = m[i] + deviation[i] * normal[i]


@kernel
def gaussian_log_partition(inputs, bias, variance, out):
    """Sum over units of the log of the integral of exp(-(s - bias)^2 / (2 variance) + s input)."""
    constant = 0.0
    for i in range(bias.shape[0]):
        constant += 0.5 * np.log(2 * np.pi * variance[i])
    for r in range(inputs.shape[0]):
        row = inputs[r]
        total = 0.0
        for i in range(row.shape[0]):
            total += row[i] * (bias[i] + row[i] * variance[i] / 2)
        out[r] = total + constant


@kernel
def gaussian_energy(states, bias, variance, out):
    """Sum over units of (s - bias)^2 / (2 variance), for each row."""
    for r in range(states.shape[0]):
        row = states[r]
        total = 0.0
        for i in range(row.shape[0]):
            from_bias = row[i] - bias[i]
            total += from_bias * from_bias / (2 * variance[i])
        out[r] = total


# For integrals over one visible unit, in standard deviations: the spacing of points, and the margin
# beyond the outermost modes; then the number of spacings in a stride, and the logarithm of the
# largest negligible value. See `gaussian_conditional_log_density`.
_SPACING = 0.8
_MARGIN = 9.0
_STRIDE = 8
_NEGLIGIBLE = -30.0

# Largest difference of means in standard deviations; beyond it, weights have diverged. A stride is
# longer than one deviation, so that this many strides are sufficient.
MOST_DEVIATIONS = 1e6

# As many factors between 1 and 2 as a float32 can hold the product of.
_N_FACTORS = 64


@inlined
def _log_partition_along(x, w, step):
    """Sum over hidden units of log(1 + exp(x + w step)).

    The larger of 0 and the exponent is summed separately, the rest by logarithms of products of
    many factors.
    """
    n = x.shape[0]
    zero, one = x.dtype.type(0), x.dtype.type(1)
    total = 0.0
    for start in range(0, n, _N_FACTORS):
        x_part, w_part = x[start : start + _N_FACTORS], w[start : start + _N_FACTORS]
        linear, product = zero, one
        for j in range(x_part.shape[0]):
            y = x_part[j] + w_part[j] * step
            linear += max(y, zero)
            product *= one + exp(-abs(y))
        total += linear + np.log(np.float64(product))
    return total


@inlined
def _log_density_along(x, w, s, here, bias, variance):
    """f(s) of `gaussian_conditional_log_density`, the inputs x being those at ``here``."""
    return _log_partition_along(x, w, x.dtype.type(s - here)) - (s - bias) ** 2 / (2 * variance)


@inlined
def _mean_along(x, w, step, bias, variance):
    """Mean of a visible unit given the means of the hidden units at x + w step."""
    total = 0.0
    for j in range(x.shape[0]):
        total += w[j] * sigmoid(x[j] + w[j] * step)
    return bias + variance * total


@kernel
def gaussian_conditional_log_density(v, hidden_inputs, W, bias, variance, out):
    """log p(v_i | all other visible units), for each unit i of each row; nats.

    With the other units fixed, the density of one is, up to its integral, the exponential of

        f(s) = -(s - b_i)^2 / (2 variance_i) + sum_j softplus(x_j + W_ij (s - v_i)),

    a mixture of Gaussians of one width. The trapezoidal rule integrates such a mixture up to a
    relative error of 2 exp(-2 pi^2 / spacing^2), here 1e-13.

    Range: the derivative of f is (g(s) - s) / variance_i, where g is the mean of the unit given the
    means of the hidden units at s. g increases with s, so that it maps a bound of the means of the
    mixture to a bound of its modes, beyond which the density falls at least as fast as a Gaussian
    tail. In between, the second term of f is convex and below its chord, so that f is at most
    stride^2 / 8 above its values at both ends of a stride. Negligible strides are left out.
    """
    n_rows, n_visible = v.shape
    n_hidden = W.shape[1]
    real = v.dtype.type
    for i in range(n_visible):
        w, b, s2 = W[i], np.float64(bias[i]), np.float64(variance[i])
        spacing = _SPACING * np.sqrt(s2)
        lowest, highest = b, b
        for j in range(n_hidden):
            lowest += s2 * min(w[j], real(0))
            highest += s2 * max(w[j], real(0))
        for r in range(n_rows):
            x, here = hidden_inputs[r], np.float64(v[r, i])
            margin = _MARGIN * np.sqrt(s2)
            start = _mean_along(x, w, real(lowest - here), b, s2) - margin
            stop = _mean_along(x, w, real(highest - here), b, s2) + margin
            reach = (stop - start) / (_STRIDE * spacing)
            if not 0 <= reach < MOST_DEVIATIONS:
                out[r, i] = np.nan
                continue
            n_strides = np.int64(reach) + 1
            f = np.empty(n_strides + 1)
            for m in range(n_strides + 1):
                f[m] = _log_density_along(x, w, start + _STRIDE * spacing * m, here, b, s2)
            greatest = f.max()
            threshold = greatest + _NEGLIGIBLE - (_STRIDE * _SPACING) ** 2 / 8
            total = 0.0
            for m in range(n_strides):
                if max(f[m], f[m + 1]) > threshold:
                    total += np.exp(f[m] - greatest)
                    for k in range(1, _STRIDE):
                        s = start + spacing * (_STRIDE * m + k)
                        total += np.exp(_log_density_along(x, w, s, here, b, s2) - greatest)
            f_here = _log_density_along(x, w, here, here, b, s2)
            out[r, i] = f_here - greatest - np.log(total * spacing)
