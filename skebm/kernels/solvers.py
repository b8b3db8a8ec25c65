"""One step of each stochastic solver on a slice of the parameters, and weight decay.

The kernels of solvers have one signature::

    parameters   the stretch, of shape (n,)
    gradient     of the loss, which the step goes down, of shape (n,)
    averages     what the solver carries from step to step: rows as long as all parameters
    first        where in these rows the stretch begins
    numbers      of the step, of the type of the parameters

Gradient descent and the decay are ``rounded``, because the compiled loop of RBMs takes the same
steps and must give identical results.
"""

import numpy as np

from ._jit import kernel, rounded


@rounded
def decay(parameters, keep):
    """L2: multiply each parameter by ``keep``."""
    keep = parameters.dtype.type(keep)
    for i in range(parameters.shape[0]):
        parameters[i] *= keep


@rounded
def shrink_towards_zero(parameters, l1):
    """L1: move each parameter towards zero by ``l1``, but not beyond.

    This is the proximal step and gives exact zeros.
    """
    zero, l1 = parameters.dtype.type(0), parameters.dtype.type(l1)
    for i in range(parameters.shape[0]):
        parameters[i] = np.sign(parameters[i]) * max(abs(parameters[i]) - l1, zero)


@rounded
def descend(parameters, gradient, averages, first, numbers):
    """Gradient descent. Number: rate."""
    rate = numbers[0]
    for i in range(parameters.shape[0]):
        parameters[i] -= rate * gradient[i]


@rounded
def descend_with_momentum(parameters, gradient, averages, first, numbers):
    """Polyak's momentum: the step is momentum times the last one, plus one along the gradient.

    Average: the last step. Numbers: rate, momentum.
    """
    velocity = averages[0, first : first + parameters.shape[0]]
    rate, momentum = numbers[0], numbers[1]
    for i in range(parameters.shape[0]):
        velocity[i] = momentum * velocity[i] - rate * gradient[i]
        parameters[i] += velocity[i]


@rounded
def descend_with_nesterov(parameters, gradient, averages, first, numbers):
    """Nesterov's momentum; the parameters are the point at which the next gradient is taken.

    Average and numbers: as for Polyak's momentum.
    """
    velocity = averages[0, first : first + parameters.shape[0]]
    rate, momentum = numbers[0], numbers[1]
    for i in range(parameters.shape[0]):
        velocity[i] = momentum * velocity[i] - rate * gradient[i]
        parameters[i] += momentum * velocity[i] - rate * gradient[i]


@kernel
def descend_adagrad(parameters, gradient, averages, first, numbers):
    """AdaGrad: the gradient is divided by the root of the sum of all squared gradients so far.

    Average: this sum. Numbers: rate, epsilon.
    """
    squares = averages[0, first : first + parameters.shape[0]]
    rate, epsilon = numbers[0], numbers[1]
    for i in range(parameters.shape[0]):
        squares[i] += gradient[i] * gradient[i]
        parameters[i] -= rate * gradient[i] / (np.sqrt(squares[i]) + epsilon)


@kernel
def descend_rmsprop(parameters, gradient, averages, first, numbers):
    """RMSprop: the gradient is divided by the root of a moving average of its squares.

    Average: this one. Numbers: rate, decay rate of the average, epsilon.
    """
    squares = averages[0, first : first + parameters.shape[0]]
    rate, kept, epsilon = numbers[0], numbers[1], numbers[2]
    rest = parameters.dtype.type(1) - kept
    for i in range(parameters.shape[0]):
        squares[i] = kept * squares[i] + rest * gradient[i] * gradient[i]
        parameters[i] -= rate * gradient[i] / (np.sqrt(squares[i]) + epsilon)


@kernel
def descend_adam(parameters, gradient, averages, first, numbers):
    """Adam: a moving average of the gradients is divided by the root of one of their squares.

    Averages: these two. Numbers: rate, which includes the corrections for the initial zeros of the
    averages; decay rates of both averages; epsilon.
    """
    means = averages[0, first : first + parameters.shape[0]]
    squares = averages[1, first : first + parameters.shape[0]]
    rate, kept_1, kept_2, epsilon = numbers[0], numbers[1], numbers[2], numbers[3]
    rest_1, rest_2 = parameters.dtype.type(1) - kept_1, parameters.dtype.type(1) - kept_2
    for i in range(parameters.shape[0]):
        means[i] = kept_1 * means[i] + rest_1 * gradient[i]
        squares[i] = kept_2 * squares[i] + rest_2 * gradient[i] * gradient[i]
        parameters[i] -= rate * means[i] / (np.sqrt(squares[i]) + epsilon)
