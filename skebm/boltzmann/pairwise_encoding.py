"""Weights and biases of one machine, for states of -1 and 1 and for states of 0 and 1.

With s = 2 x - 1, the energy -1/2 s J s - h s is -1/2 x W x - b x plus a constant, where W = 4 J and
b_i = 2 h_i - 2 sum over j of J_ij.
"""

import numpy as np

from .._encodings import SPIN


def as_given(weights, bias, encoding):
    """Weights and biases for states of an encoding, from those for -1 and 1."""
    if encoding == SPIN:
        return weights.copy(), bias.copy()
    return 4 * weights, 2 * (bias - weights.sum(axis=1))


def as_spins(weights, bias, encoding):
    """Weights and biases for -1 and 1 from those for states of an encoding."""
    if encoding == SPIN:
        return weights, bias
    return weights / 4, bias / 2 + weights.sum(axis=1) / 4


def energy_shift(weights, bias, encoding):
    """Energy of a state in the encoding less that of -1 and 1, for which both arrays are."""
    if encoding == SPIN:
        return 0.0
    return float(weights.sum(dtype=np.float64) / 2 - bias.sum(dtype=np.float64))


def means_as_given(means, encoding):
    """Means of states in the encoding from those of -1 and 1."""
    return means if encoding == SPIN else (means + 1) / 2
