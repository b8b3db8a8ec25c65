"""Full-batch descent that never goes up: limited-memory BFGS with back-tracking."""

import numpy as np

# Pairs of steps and changes of the gradient that the curvature is estimated from.
_N_PAIRS = 7
# Share of the decrease that the slope promises which a step has to reach (Armijo).
_SUFFICIENT = 1e-4
# Halvings of a step after which there is no way down that the arithmetic can see.
_MOST_HALVINGS = 12
# Length of the first step, relative to the weights, before anything is known of the curvature.
_FIRST_STEP = 0.01


def descend(error, point, max_iter):
    """Yield points of ever lower error, at most ``max_iter``, fewer where there is no way down.

    The directions are those of L-BFGS: J. Nocedal and S. J. Wright, "Numerical Optimization",
    second edition, algorithm 7.4. As no pair of negative curvature is taken in, each direction
    goes down.

    Parameters
    ----------
    error : ReducedError
    point : Point
        Where to start.
    max_iter : int
    """
    pairs = []
    for _ in range(max_iter):
        gradient = _flat(point.gradient)
        direction = _direction(gradient, pairs)
        if not pairs:
            size = np.linalg.norm(gradient)
            if size == 0:
                return
            direction *= _FIRST_STEP * np.linalg.norm(point.layer.weights) / size
        found = _backtrack(error, point, direction, gradient)
        if found is None:
            if not pairs:
                return
            # The curvature misleads: forget it and go straight down.
            pairs = []
            continue
        step, point = found
        change = _flat(point.gradient) - gradient
        if step @ change > 0:
            pairs = [*pairs[1 - _N_PAIRS :], (step, change, step @ change)]
        yield point


def _flat(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def _direction(gradient, pairs):
    """Product of the estimated inverse Hessian with the gradient, downwards."""
    direction = -gradient
    factors = []
    for step, change, curvature in reversed(pairs):
        factor = (step @ direction) / curvature
        direction -= factor * change
        factors.append(factor)
    if pairs:
        step, change, curvature = pairs[-1]
        direction *= curvature / (change @ change)
    for (step, change, curvature), factor in zip(pairs, reversed(factors), strict=True):
        direction += (factor - (change @ direction) / curvature) * step
    return direction


def _backtrack(error, point, direction, gradient):
    """The step, and the point that it leads to; None if no step along the direction goes down."""
    slope = float(gradient @ direction)
    layer = point.layer
    for halvings in range(_MOST_HALVINGS):
        factor = 0.5**halvings
        step = direction * direction.dtype.type(factor)
        by_weights = step[: layer.weights.size].reshape(layer.weights.shape)
        by_bias = step[layer.weights.size :]
        moved = error.at(layer.with_parameters(layer.weights + by_weights, layer.bias + by_bias))
        if moved.error <= point.error + _SUFFICIENT * factor * slope and moved.error < point.error:
            return step, moved
    return None
