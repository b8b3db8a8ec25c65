"""A minimum found from losses and gradients of all rows, with an L1 penalty or without.

L-BFGS [1]_ and its extension to L1, OWL-QN [2]_. Where a parameter is zero, the penalty has two
slopes; the one that goes down counts, and if both go up, the parameter stays. A step ends where a
parameter would change its sign, so that parameters become zero and not just small.

.. [1] J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of
   Computation 35, 1980.
.. [2] G. Andrew and J. Gao, "Scalable training of L1-regularized log-linear models", ICML 2007.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

# Steps from which the second derivatives are known.
_MEMORY = 10

# Share of the gain that the slope promises which a step has to bring; and how often a step is
# halved before it is given up.
_SUFFICIENT = 1e-4
_HALVINGS = 30


@dataclass(frozen=True)
class Point:
    """Where a search is.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
    loss : float
        With the penalty.
    expected_gain : float
        How much lower a minimum is expected to be, from the slopes and what is known of the
        second derivatives.
    """

    parameters: np.ndarray
    loss: float
    expected_gain: float


def descend(function, parameters, curvature, l1):
    """Yield one :class:`Point` after the other, each with a lower loss, until none is found.

    Parameters
    ----------
    function : callable
        Takes parameters; returns the loss without L1, and its gradient.
    parameters : ndarray of float64, of shape (n_parameters,)
        Where to start.
    curvature : ndarray of shape (n_parameters,)
        A positive guess of the second derivative by each parameter, which sets the scale of the
        first step and of those parameters that nothing is known of.
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
            steps.clear()  # what was learned of the second derivatives has led astray
            continue
        step, change = found[0] - parameters, found[1] - gradient
        if float(step @ change) > 0:
            steps.append((step, change))
        parameters, gradient, loss = found


def _penalty(l1, parameters):
    return float(l1 @ np.abs(parameters))


def _slope(parameters, gradient, l1):
    """The gradient with the penalty; where that has two slopes, the one that goes down, or 0."""
    at_zero = np.sign(gradient) * np.maximum(np.abs(gradient) - l1, 0)
    return np.where(parameters != 0, gradient + l1 * np.sign(parameters), at_zero)


def _times_inverse_hessian(vector, steps, curvature):
    """The vector times the inverse of the second derivatives, as the last steps tell them."""
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
