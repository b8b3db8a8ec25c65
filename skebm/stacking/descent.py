"""Full-batch descent that never raises the error: limited-memory BFGS with backtracking."""

import numpy as np

# Number of pairs of steps and changes of the gradient from which the curvature is estimated.
_N_PAIRS = 7
# Share of the decrease predicted by the slope that a step has to reach (Armijo).
_SUFFICIENT = 1e-4
# Largest number of halvings of a step. A smaller step would be lost in rounding.
_MOST_HALVINGS = 12
# Length of the first step, relative to the weights, when the curvature is not yet known.
_FIRST_STEP = 0.01


def descend(error, point, max_iter):
    """Yield points of decreasing error: at most ``max_iter``, fewer if no step lowers the error.

    The directions are those of L-BFGS: J. Nocedal and S. J. Wright, "Numerical Optimization",
    second edition, algorithm 7.4. Pairs of negative curvature are left out, so each direction is a
    descent direction.

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
            # No step along this direction lowers the error: restart from the negative gradient.
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
    """Negative product of the estimated inverse Hessian and the gradient."""
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
    """The step and the point that it leads to; None if no step along the direction is accepted."""
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
