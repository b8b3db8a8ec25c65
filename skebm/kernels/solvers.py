"""One step of each stochastic solver, over a stretch of the parameters and of its own state.

``gradient`` is of the loss, which the step goes down. Numbers are of the type of the parameters.
"""

import numpy as np

from ._jit import kernel


@kernel
def descend(parameters, gradient, rate):
    """Plain gradient descent."""
    for i in range(parameters.shape[0]):
        parameters[i] -= rate * gradient[i]


@kernel
def descend_with_momentum(parameters, gradient, velocity, rate, momentum):
    """Polyak's heavy ball: the step is the last one, shortened, and one along the gradient."""
    for i in range(parameters.shape[0]):
        velocity[i] = momentum * velocity[i] - rate * gradient[i]
        parameters[i] += velocity[i]


@kernel
def descend_with_nesterov(parameters, gradient, velocity, rate, momentum):
    """Nesterov's momentum; the parameters are the point that the next gradient is taken at."""
    for i in range(parameters.shape[0]):
        velocity[i] = momentum * velocity[i] - rate * gradient[i]
        parameters[i] += momentum * velocity[i] - rate * gradient[i]


@kernel
def descend_adagrad(parameters, gradient, squares, rate, epsilon):
    """AdaGrad: divided by the root of the sum of the squares of all gradients so far."""
    for i in range(parameters.shape[0]):
        squares[i] += gradient[i] * gradient[i]
        parameters[i] -= rate * gradient[i] / (np.sqrt(squares[i]) + epsilon)


@kernel
def descend_rmsprop(parameters, gradient, squares, rate, decay, epsilon):
    """RMSprop: divided by the root of a moving average of the squares of the gradients."""
    rest = parameters.dtype.type(1) - decay
    for i in range(parameters.shape[0]):
        squares[i] = decay * squares[i] + rest * gradient[i] * gradient[i]
        parameters[i] -= rate * gradient[i] / (np.sqrt(squares[i]) + epsilon)


@kernel
def descend_adam(parameters, gradient, means, squares, rate, decay_1, decay_2, epsilon):
    """Adam: a moving average of the gradients, divided by the root of one of their squares.

    ``rate`` includes the corrections for the averages having started at zero.
    """
    rest_1, rest_2 = parameters.dtype.type(1) - decay_1, parameters.dtype.type(1) - decay_2
    for i in range(parameters.shape[0]):
        means[i] = decay_1 * means[i] + rest_1 * gradient[i]
        squares[i] = decay_2 * squares[i] + rest_2 * gradient[i] * gradient[i]
        parameters[i] -= rate * means[i] / (np.sqrt(squares[i]) + epsilon)
