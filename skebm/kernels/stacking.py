"""Passes through a hidden layer whose arrays have one row per unit, one column per row of data.

In this layout, a block of units is contiguous in the weights and in the activities, and a thread
can process it without a copy.
"""

from ._jit import kernel
from .scalar import sigmoid


@kernel
def activate_units(inputs, bias):
    """Replace the inputs of each unit (n_units, n_rows) by sigmoid(input + bias)."""
    for j in range(inputs.shape[0]):
        row = inputs[j]
        shift = bias[j]
        for r in range(row.shape[0]):
            row[r] = sigmoid(row[r] + shift)


@kernel
def slopes_of_units(blame, activities, shrinkage, row_weights, bias_slopes):
    """Replace derivatives with respect to activities, ``blame``, by those with respect to inputs.

    Both are (n_units, n_rows). ``shrinkage[j]`` is the factor of a penalty on the squared
    activities of unit j, half of which is added to the derivatives of each row. Sums over the rows
    are added to ``bias_slopes``.
    """
    one = blame.dtype.type(1)
    for j in range(blame.shape[0]):
        slopes, h = blame[j], activities[j]
        shrink = shrinkage[j]
        total = blame.dtype.type(0)
        for r in range(slopes.shape[0]):
            slopes[r] = (slopes[r] + shrink * row_weights[r] * h[r]) * h[r] * (one - h[r])
            total += slopes[r]
        bias_slopes[j] += total


@kernel
def weigh_columns(activities, row_weights, out):
    """``out = activities * row_weights``, unit by unit."""
    for j in range(activities.shape[0]):
        source, target = activities[j], out[j]
        for r in range(source.shape[0]):
            target[r] = source[r] * row_weights[r]


@kernel
def add_row_sums(activities, out):
    """Add the sum of each row of ``activities`` to ``out``, which may be of a wider type."""
    for j in range(activities.shape[0]):
        row = activities[j]
        total = activities.dtype.type(0)
        for r in range(row.shape[0]):
            total += row[r]
        out[j] += total
