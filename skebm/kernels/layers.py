"""Passes over the rows of one layer of units: means, samples, log-partition functions."""

import numpy as np

from ._jit import kernel
from .random import fill_uniform
from .scalar import exp, sigmoid


@kernel
def bernoulli_mean(inputs, bias):
    """Replace each input by the probability that its unit is on."""
    for r in range(inputs.shape[0]):
        row = inputs[r]
        for i in range(row.shape[0]):
            row[i] = sigmoid(row[i] + bias[i])


@kernel
def sample_bernoulli(probabilities, seed, stream, first_row, out):
    """Draw 0 or 1 for each probability, at the addresses (stream, first_row + r, column)."""
    n_rows, n_units = probabilities.shape
    uniform = np.empty(n_units, dtype=out.dtype)
    first_unit = np.int64(0)
    for r in range(n_rows):
        fill_uniform(seed, stream, first_row + r, first_unit, uniform)
        p, states = probabilities[r], out[r]
        for i in range(n_units):
            states[i] = uniform[i] < p[i]


# Factors between 1 and 2 whose product is far from overflow in float64.
_FACTORS_A_LOGARITHM = 512


@kernel
def bernoulli_log_partition(inputs, bias, out):
    """Sum over units of log(1 + exp(input + bias)), for each row.

    With a = input + bias, it is max(a, 0) + log(1 + exp(-|a|)). No argument of the logarithm is
    above 2, so that one logarithm serves a product of many of them.
    """
    n_units = inputs.shape[1]
    zero = inputs.dtype.type(0)
    for r in range(inputs.shape[0]):
        total = 0.0
        for start in range(0, n_units, _FACTORS_A_LOGARITHM):
            row = inputs[r, start : start + _FACTORS_A_LOGARITHM]
            row_bias = bias[start : start + _FACTORS_A_LOGARITHM]
            product = 1.0
            for i in range(row.shape[0]):
                a = row[i] + row_bias[i]
                total += max(a, zero)
                product *= 1.0 + exp(-abs(a))
            total += np.log(product)
        out[r] = total


@kernel
def bernoulli_flip_log_odds(v, hidden_inputs, W, visible_bias, group, out):
    """Log-odds of each row as it is against the same row with one unit flipped, for each unit.

    With delta = 1 - 2 v_i, flipping unit i adds delta W_ij to the input x_j of hidden unit j, and

        F(v flipped) - F(v) = -delta b_i - sum_j log(q_j + p_j exp(delta W_ij)),

    where p_j = sigmoid(x_j) and q_j = 1 - p_j = sigmoid(-x_j). No term of the sum in brackets is
    negative, so nothing cancels; and one logarithm serves a product of ``group`` factors, as many
    as are sure neither to overflow nor to vanish.
    """
    n_rows, n_visible = v.shape
    n_hidden = W.shape[1]
    p = np.empty(n_hidden, dtype=W.dtype)
    q = np.empty(n_hidden, dtype=W.dtype)
    for r in range(n_rows):
        x = hidden_inputs[r]
        for j in range(n_hidden):
            p[j] = sigmoid(x[j])
            q[j] = sigmoid(-x[j])
        for i in range(n_visible):
            delta = 1 - 2 * v[r, i]
            w = W[i]
            log_ratio = np.float64(delta * visible_bias[i])
            for start in range(0, n_hidden, group):
                product = 1.0
                for j in range(start, min(start + group, n_hidden)):
                    product *= q[j] + p[j] * exp(delta * w[j])
                log_ratio += np.log(product)
            out[r, i] = -log_ratio
