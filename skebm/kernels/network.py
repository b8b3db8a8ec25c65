"""Passes over the units of one layer of a feed-forward network, and over its weights.

A pass is for the units from ``first`` to ``stop``; other threads may process the others. A forward
pass (:mod:`skebm.kernels.activations`) also stores the slopes of the values of a layer: their
derivatives with respect to the inputs of the activation. A backward pass multiplies by them.
"""

import numpy as np

from ._jit import kernel
from .activations import exponentials
from .random import fill_normal, fill_uniform
from .scalar import exp, sigmoid
from .sparse import add_scaled, dot, fill, scale

# Outputs: loss and its derivative with respect to inputs -----------------------------------------
#
# Each output is the mean of a family of distributions whose natural parameter is the input: the
# derivative of -log p(target) with respect to the input is output - target for all of them.


@kernel
def softmax_loss(inputs, bias, targets, weights, losses):
    """Cross-entropy of each row times its weight; ``inputs`` is replaced by the derivative.

    ``targets`` are probabilities of the classes, which add up to 1.
    """
    for r in range(inputs.shape[0]):
        row, target, weight = inputs[r], targets[r], weights[r]
        log_likelihood = 0.0
        for j in range(row.shape[0]):
            log_likelihood += target[j] * (row[j] + bias[j])
        greatest = exponentials(row, bias)
        total = row.sum()
        losses[r] = weight * (np.log(total) + greatest - log_likelihood)
        for j in range(row.shape[0]):
            row[j] = weight * (row[j] / total - target[j])


# As many factors between 1 and 2 as a float32 can hold the product of.
_N_FACTORS = 64


@kernel
def _binary_cross_entropy(row, target):
    """Sum over outputs of log(1 + exp(x)) - target x, of inputs x."""
    zero, one = row.dtype.type(0), row.dtype.type(1)
    total = 0.0
    for start in range(0, row.shape[0], _N_FACTORS):
        x, t = row[start : start + _N_FACTORS], target[start : start + _N_FACTORS]
        # log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)); one logarithm serves many factors.
        linear, product = zero, one
        for j in range(x.shape[0]):
            linear += max(x[j], zero) - t[j] * x[j]
            product *= one + exp(-abs(x[j]))
        total += linear + np.log(product)
    return total


@kernel
def logistic_loss(inputs, bias, targets, weights, losses):
    """Cross-entropy of each row, summed over outputs, times its weight; derivative as above.

    ``targets`` are probabilities.
    """
    for r in range(inputs.shape[0]):
        row, target, weight = inputs[r], targets[r], weights[r]
        for j in range(row.shape[0]):
            row[j] += bias[j]
        losses[r] = weight * _binary_cross_entropy(row, target)
        for j in range(row.shape[0]):
            row[j] = weight * (sigmoid(row[j]) - target[j])


@kernel
def squared_loss(inputs, bias, targets, weights, losses):
    """Half the squared error of each row, summed over outputs, times its weight; as above."""
    for r in range(inputs.shape[0]):
        row, target, weight = inputs[r], targets[r], weights[r]
        for j in range(row.shape[0]):
            row[j] += bias[j] - target[j]
        losses[r] = weight * dot(row, row) / 2
        scale(row, weight)


# Corruption and noise ---------------------------------------------------------------------------
#
# Numbers are drawn at the addresses (seed, stream, first_row + row, unit); ``first`` must be a
# multiple of four.


@kernel
def drop(values, slopes, share, seed, stream, first_row, first, stop):
    """Dropout: set a random share of the values to zero, and scale the others up.

    The expectation of a value does not change. Its slope is scaled in the same way.
    """
    zero, kept = values.dtype.type(0), values.dtype.type(1 / (1 - share))
    uniform = np.empty(stop - first, dtype=values.dtype)
    for r in range(values.shape[0]):
        fill_uniform(seed, stream, first_row + r, first, uniform)
        row, slope = values[r, first:stop], slopes[r, first:stop]
        for j in range(row.shape[0]):
            factor = zero if uniform[j] < share else kept
            row[j] *= factor
            slope[j] *= factor


@kernel
def add_normal(values, deviation, seed, stream, first_row, first, stop):
    """Add normal numbers with this standard deviation."""
    normal = np.empty(stop - first, dtype=values.dtype)
    for r in range(values.shape[0]):
        fill_normal(seed, stream, first_row + r, first, normal)
        add_scaled(values.dtype.type(deviation), normal, values[r, first:stop])


@kernel
def mask(values, share, factor, seed, stream, first_row):
    """Set a random share of the values to zero, and multiply the others by ``factor``."""
    zero, factor = values.dtype.type(0), values.dtype.type(factor)
    uniform = np.empty(values.shape[1], dtype=values.dtype)
    first_column = np.int64(0)
    for r in range(values.shape[0]):
        fill_uniform(seed, stream, first_row + r, first_column, uniform)
        row = values[r]
        for j in range(row.shape[0]):
            row[j] *= zero if uniform[j] < share else factor


@kernel
def salt_and_pepper(values, share, low, high, seed, stream, first_row):
    """Set a random share of the values, half to ``low`` and half to ``high``."""
    low, high = values.dtype.type(low), values.dtype.type(high)
    uniform = np.empty(values.shape[1], dtype=values.dtype)
    first_column = np.int64(0)
    for r in range(values.shape[0]):
        fill_uniform(seed, stream, first_row + r, first_column, uniform)
        row = values[r]
        for j in range(row.shape[0]):
            extreme = low if uniform[j] < share / 2 else high
            row[j] = extreme if uniform[j] < share else row[j]


# Backward ---------------------------------------------------------------------------------------


@kernel
def multiply_by(values, factors, first, stop):
    """Multiply each value by its factor, in place."""
    for r in range(values.shape[0]):
        row, factor = values[r, first:stop], factors[r, first:stop]
        for j in range(row.shape[0]):
            row[j] *= factor[j]


@kernel
def column_sums(rows, out):
    """Sum of each column."""
    fill(out, 0)
    for r in range(rows.shape[0]):
        add_scaled(rows.dtype.type(1), rows[r], out)


@kernel
def penalize(weights, l1, l2, gradient):
    """Add to the gradient that of ``l1 |w| + l2 w^2 / 2``, summed over weights; return the sum."""
    l1, l2 = weights.dtype.type(l1), weights.dtype.type(l2)
    total = 0.0
    for i in range(weights.shape[0]):
        w, g = weights[i], gradient[i]
        absolute, squared = weights.dtype.type(0), weights.dtype.type(0)
        for j in range(w.shape[0]):
            absolute += abs(w[j])
            squared += w[j] * w[j]
            g[j] += l1 * np.sign(w[j]) + l2 * w[j]
        total += l1 * absolute + l2 * squared / 2
    return total


@kernel
def limit_norms(weights, first, stop, limit):
    """Scale down the columns from ``first`` to ``stop`` whose Euclidean norm is above ``limit``."""
    squares = np.zeros(stop - first, dtype=weights.dtype)
    for i in range(weights.shape[0]):
        w = weights[i, first:stop]
        for j in range(w.shape[0]):
            squares[j] += w[j] * w[j]
    one, limit = weights.dtype.type(1), weights.dtype.type(limit)
    above = False
    for j in range(squares.shape[0]):
        above |= squares[j] > limit * limit
        squares[j] = min(one, limit / np.sqrt(squares[j]))
    if above:
        for i in range(weights.shape[0]):
            w = weights[i, first:stop]
            for j in range(w.shape[0]):
                w[j] *= squares[j]
