"""Activations of a layer of units, in place, and their slopes.

Feed-forward networks and machines share them. A pass is for the units from ``first`` to ``stop``;
other threads may process the others, or these may have another activation.
"""

from ._jit import kernel
from .scalar import exp, sigmoid
from .sparse import fill, scale


@kernel
def add_bias(inputs, bias, first, stop):
    """Add the bias to each input."""
    b = bias[first:stop]
    for r in range(inputs.shape[0]):
        row = inputs[r, first:stop]
        for j in range(row.shape[0]):
            row[j] += b[j]


@kernel
def logistic(inputs, bias, first, stop):
    """Replace each input x by 1 / (1 + exp(-x - bias))."""
    b = bias[first:stop]
    for r in range(inputs.shape[0]):
        row = inputs[r, first:stop]
        for j in range(row.shape[0]):
            row[j] = sigmoid(row[j] + b[j])


@kernel
def hyperbolic_tangent(inputs, bias, first, stop):
    """Replace each input x by tanh(x + bias), to an absolute error of the last place of 1."""
    b = bias[first:stop]
    two, one = inputs.dtype.type(2), inputs.dtype.type(1)
    for r in range(inputs.shape[0]):
        row = inputs[r, first:stop]
        for j in range(row.shape[0]):
            row[j] = two * sigmoid(two * (row[j] + b[j])) - one


@kernel
def rectify(inputs, bias, first, stop):
    """Replace each input x by max(x + bias, 0)."""
    b, zero = bias[first:stop], inputs.dtype.type(0)
    for r in range(inputs.shape[0]):
        row = inputs[r, first:stop]
        for j in range(row.shape[0]):
            row[j] = max(row[j] + b[j], zero)


@kernel
def softmax(inputs, bias, first, stop):
    """Replace each input by the probability of its unit; one of these units is on."""
    b = bias[first:stop]
    for r in range(inputs.shape[0]):
        row = inputs[r, first:stop]
        exponentials(row, b)
        scale(row, inputs.dtype.type(1 / row.sum()))


@kernel
def exponentials(row, bias):
    """Replace each input by exp(input + bias - greatest), and return the greatest."""
    greatest = row[0] + bias[0]
    for j in range(row.shape[0]):
        row[j] += bias[j]
        greatest = max(greatest, row[j])
    for j in range(row.shape[0]):
        row[j] = exp(row[j] - greatest)
    return greatest


# Slopes, from the values of a layer --------------------------------------------------------------


@kernel
def identity_slope(values, slopes, first, stop):
    """Derivative of the identity."""
    for r in range(slopes.shape[0]):
        fill(slopes[r, first:stop], 1)


@kernel
def logistic_slope(values, slopes, first, stop):
    """Derivative of the logistic function."""
    one = values.dtype.type(1)
    for r in range(values.shape[0]):
        row, slope = values[r, first:stop], slopes[r, first:stop]
        for j in range(row.shape[0]):
            slope[j] = row[j] * (one - row[j])


@kernel
def tangent_slope(values, slopes, first, stop):
    """Derivative of the hyperbolic tangent."""
    one = values.dtype.type(1)
    for r in range(values.shape[0]):
        row, slope = values[r, first:stop], slopes[r, first:stop]
        for j in range(row.shape[0]):
            slope[j] = one - row[j] * row[j]


@kernel
def rectifier_slope(values, slopes, first, stop):
    """Derivative of the rectifier."""
    zero, one = values.dtype.type(0), values.dtype.type(1)
    for r in range(values.shape[0]):
        row, slope = values[r, first:stop], slopes[r, first:stop]
        for j in range(row.shape[0]):
            slope[j] = one if row[j] > zero else zero
