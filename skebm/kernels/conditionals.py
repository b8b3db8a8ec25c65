"""Conditional distributions of units that are -1 or 1, each given all the others.

With the field f of a unit, its state s has the probability 1 / (1 + exp(-2 s f)).
"""

import numpy as np

from ._jit import kernel
from .scalar import exp, log


@kernel
def conditional_losses(S, bias, F, losses):
    """Replace the inputs of each unit from the others by the derivatives of its loss.

    The loss of a unit is -log p(s | all others); the derivative is with respect to the field.

    Parameters
    ----------
    S : ndarray of shape (n_rows, n_units)
        States.
    bias : ndarray of shape (n_units,)
    F : ndarray of shape (n_rows, n_units)
        Fields without the bias; changed in place to derivatives.
    losses : ndarray of float64, of shape (n_rows,)
        Sums of losses over the units.
    """
    two, one, zero = S.dtype.type(2), S.dtype.type(1), S.dtype.type(0)
    for r in range(S.shape[0]):
        states, fields = S[r], F[r]
        total = 0.0
        for i in range(states.shape[0]):
            x = -two * states[i] * (fields[i] + bias[i])
            e = exp(-abs(x))
            wrong = (one if x > zero else e) / (one + e)
            total += max(x, zero) + log(one + e)
            fields[i] = -two * states[i] * wrong
        losses[r] = total


@kernel
def log_two_cosh(F, out):
    """Sum over units of log(2 cosh(field)), for each row; ``out`` is float64."""
    two, one = F.dtype.type(2), F.dtype.type(1)
    for r in range(F.shape[0]):
        fields = F[r]
        total = 0.0
        for i in range(fields.shape[0]):
            size = np.abs(fields[i])
            total += size + log(one + exp(-two * size))
        out[r] = total
