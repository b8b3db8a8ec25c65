"""Solvers: how a vector of parameters goes down a loss.

A stochastic solver moves a stretch of the parameters as soon as the gradient of that stretch is
known, while both are in the cache of a processor. SciPy's solvers want the loss and the whole
gradient of many rows instead, and find the length of each step by themselves.
"""

import copy
import math

import numpy as np
from scipy.optimize import minimize

from ..kernels.solvers import (
    descend,
    descend_adagrad,
    descend_adam,
    descend_rmsprop,
    descend_with_momentum,
    descend_with_nesterov,
)


class StochasticSolver:
    """Steps against the gradients of minibatches.

    Parameters
    ----------
    parameters : ndarray of shape (n_parameters,)
        Only their number and type matter here.
    settings : object
        Has, as attributes, the numbers that the solver takes, under scikit-learn's names.
    """

    n_averages = 0  # vectors that are carried from step to step
    kernel = None

    def __init__(self, parameters, settings):
        self.settings = settings
        self._averages = [np.zeros_like(parameters) for _ in range(self.n_averages)]
        self._n_steps = 0
        self._numbers = ()

    def copy(self):
        """The same solver with averages of its own."""
        twin = copy.copy(self)
        twin._averages = [average.copy() for average in self._averages]
        return twin

    def begin_step(self, learning_rate):
        """Make ready for :meth:`move`, which is then called for each stretch of the parameters."""
        self._n_steps += 1
        self._numbers = self._step_numbers(learning_rate)

    def move(self, parameters, place, gradient):
        """Move the stretch of the parameters in the slice ``place``, whose gradient is given."""
        averages = [average[place] for average in self._averages]
        with np.errstate(over="ignore"):  # threads have settings of their own
            numbers = [parameters.dtype.type(number) for number in self._numbers]
        self.kernel(parameters[place], gradient, *averages, *numbers)

    def _step_numbers(self, learning_rate):
        """What the kernel takes after the arrays."""
        raise NotImplementedError


class GradientDescent(StochasticSolver):
    """Steps of the learning rate times the gradient."""

    kernel = staticmethod(descend)

    def _step_numbers(self, learning_rate):
        return (learning_rate,)


class Momentum(StochasticSolver):
    """B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964."""

    n_averages = 1
    kernel = staticmethod(descend_with_momentum)

    def _step_numbers(self, learning_rate):
        return learning_rate, self.settings.momentum


class Nesterov(Momentum):
    """I. Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013; rewritten so that the parameters are the point where the gradient is taken."""

    kernel = staticmethod(descend_with_nesterov)


class AdaGrad(StochasticSolver):
    """J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12, 2011."""

    n_averages = 1
    kernel = staticmethod(descend_adagrad)

    def _step_numbers(self, learning_rate):
        return learning_rate, self.settings.epsilon


class RMSprop(StochasticSolver):
    """T. Tieleman and G. Hinton, "Lecture 6.5: RMSprop", Coursera, 2012."""

    n_averages = 1
    kernel = staticmethod(descend_rmsprop)

    def _step_numbers(self, learning_rate):
        return learning_rate, 0.9, self.settings.epsilon


class Adam(StochasticSolver):
    """D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, in the
    order of operations that its section 2 recommends."""

    n_averages = 2
    kernel = staticmethod(descend_adam)

    def _step_numbers(self, learning_rate):
        beta_1, beta_2 = self.settings.beta_1, self.settings.beta_2
        bias_1, bias_2 = 1 - beta_1**self._n_steps, 1 - beta_2**self._n_steps
        return learning_rate * math.sqrt(bias_2) / bias_1, beta_1, beta_2, self.settings.epsilon


_SCIPY_NAMES = {"lbfgs": "L-BFGS-B", "cg": "CG"}
SCIPY_SOLVERS = tuple(_SCIPY_NAMES)
SOLVERS = ("sgd", "adagrad", "rmsprop", "adam", *SCIPY_SOLVERS)

# No gain is too small for SciPy, and a gradient only if it is next to nothing: it is our caller
# who knows when to stop.
_SCIPY_TOLERANCES = {"lbfgs": {"gtol": 1e-8, "ftol": 0.0}, "cg": {"gtol": 1e-8}}


def stochastic_solver(parameters, settings):
    """The solver that ``settings.solver`` names."""
    if settings.solver == "sgd":
        if not settings.momentum:
            return GradientDescent(parameters, settings)
        return (Nesterov if settings.nesterovs_momentum else Momentum)(parameters, settings)
    solvers = {"adagrad": AdaGrad, "rmsprop": RMSprop, "adam": Adam}
    return solvers[settings.solver](parameters, settings)


def minimize_by_scipy(function, parameters, solver, n_iterations, goes_on):
    """Let SciPy go down a loss, for up to so many iterations, each a search along one line.

    Parameters
    ----------
    function : callable
        Takes a vector of parameters; returns the loss, a number, and its gradient, a vector.
    parameters : ndarray of shape (n_parameters,)
        Where to start; then, where the search ended.
    solver : {"lbfgs", "cg"}
    n_iterations : int
    goes_on : callable
        Called after each iteration with the parameters and the loss; False ends the search.

    Returns
    -------
    loss : float
        At the end.
    """

    def in_double_precision(vector):
        loss, gradient = function(vector.astype(parameters.dtype))
        return loss, gradient.astype(np.float64)

    def callback(intermediate_result):
        if not goes_on(intermediate_result.x, intermediate_result.fun):
            raise StopIteration

    result = minimize(
        in_double_precision,
        parameters.astype(np.float64),
        jac=True,
        method=_SCIPY_NAMES[solver],
        callback=callback,
        options={"maxiter": n_iterations, **_SCIPY_TOLERANCES[solver]},
    )
    parameters[:] = result.x
    return float(result.fun)
