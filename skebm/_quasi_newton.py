"""Full-batch minimisation of a loss with or without an L1 penalty.

L-BFGS [1]_ and its extension to L1, OWL-QN [2]_. At zero, the penalty has two one-sided
derivatives. If the loss decreases in one direction, that derivative is used; otherwise the
parameter stays zero. A step stops at zero where a parameter would change its sign, so that
parameters become exactly zero.

.. [1] J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of
   Computation 35, 1980.
.. [2] G. Andrew and J. Gao, "Scalable training of L1-regularized log-linear models", ICML 2007.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

# Number of steps from which the second derivatives are estimated.
_MEMORY = 10

# Smallest decrease of the loss in a step, as a share of the decrease that the gradient predicts;
# and how often a step is halved before the line search fails.
_SUFFICIENT = 1e-4
_HALVINGS = 30


@dataclass(frozen=True)
class Point:
    """State of a search.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
    loss : float
        Loss including the penalty.
    expected_gain : float
        Expected decrease of the loss to the minimum, from the gradient and the estimate of the
        second derivatives.
    """

    parameters: np.ndarray
    loss: float
    expected_gain: float


def descend(function, parameters, curvature, l1):
    """Yield one :class:`Point` after another, each with a lower loss, until none is found.

    Parameters
    ----------
    function : callable
        Takes parameters; returns the loss without L1, and its gradient.
    parameters : ndarray of float64, of shape (n_parameters,)
        Where to start.
    curvature : ndarray of shape (n_parameters,)
        A positive estimate of the second derivative with respect to each parameter. It sets the
        scale of the first step, and of directions without further information.
    l1 : ndarray of shape (n_parameters,)
        The penalty is ``sum(l1 * abs(parameters))``.

    Yields
    ------
    Point
        The first one is the start.
    """
    penalised = l1 > 0
    smooth, gradient = function(parameters)
    loss = smooth + _penalty(l1, parameters)
    steps = deque(maxlen=_MEMORY)
    while True:
        slope = _slope(parameters, gradient, l1)
        direction = -_times_inverse_hessian(slope, steps, curvature)
        direction[penalised & (direction * slope >= 0)] = 0
        expected = -float(direction @ slope)
        yield Point(parameters, loss, expected / 2)
        orthant = np.where(parameters != 0, np.sign(parameters), -np.sign(slope))
        length, found = 1.0, None
        for _ in range(_HALVINGS if expected > 0 else 0):
            new = parameters + length * direction
            new[penalised & (new * orthant < 0)] = 0
            new_smooth, new_gradient = function(new)
            new_loss = new_smooth + _penalty(l1, new)
            if new_loss <= loss + _SUFFICIENT * float(slope @ (new - parameters)):
                found = new, new_gradient, new_loss
                break
            length /= 2
        if found is None and not steps:
            return
        if found is None:
            steps.clear()  # the estimate of the second derivatives was misleading
            continue
        step, change = found[0] - parameters, found[1] - gradient
        if float(step @ change) > 0:
            steps.append((step, change))
        parameters, gradient, loss = found


def _penalty(l1, parameters):
    return float(l1 @ np.abs(parameters))


def _slope(parameters, gradient, l1):
    """Gradient with the penalty; at 0, the one-sided derivative that decreases the loss, or 0."""
    at_zero = np.sign(gradient) * np.maximum(np.abs(gradient) - l1, 0)
    return np.where(parameters != 0, gradient + l1 * np.sign(parameters), at_zero)


def _times_inverse_hessian(vector, steps, curvature):
    """The vector times the inverse Hessian, as estimated from the last steps."""
    result, shares = vector.copy(), []
    for step, change in reversed(steps):
        share = float(step @ result) / float(step @ change)
        result -= share * change
        shares.append(share)
    result /= curvature
    if steps:
        step, change = steps[-1]
        result *= float(step @ change) / float(change @ (change / curvature))
    for (step, change), share in zip(steps, reversed(shares), strict=True):
        result += (share - float(change @ result) / float(step @ change)) * step
    return result
