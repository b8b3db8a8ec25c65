"""Solvers, which minimise a loss over a vector of parameters.

A stochastic solver updates a slice of the parameters as soon as the gradient of that slice is
known, while both are in the cache. SciPy's solvers need the loss and the whole gradient on many
rows instead, and find the length of each step by a line search.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from .kernels import solvers as kernels

# Neither L2 nor L1, see Solver.move.
NO_DECAY = 1.0, 0.0


@dataclass(frozen=True)
class SolverSettings:
    """Name and hyperparameters of a solver; names and meanings are those of MLPClassifier.

    Attributes
    ----------
    solver : {"sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"}
    momentum : float
        For "sgd": share of the last step that the next one includes.
    nesterovs_momentum : bool
    beta_1, beta_2 : float
        For "adam": decay rates of the averages of gradients and of their squares.
    epsilon : float
        Constant that "adagrad", "rmsprop" and "adam" add to the denominator.
    """

    solver: str = "adam"
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    @classmethod
    def of_minibatches(cls, parameters):
        """Settings of an estimator; its momentum, which may change, is set for each step."""
        return cls(
            parameters.solver,
            momentum=0.0,
            nesterovs_momentum=parameters.nesterovs_momentum,
            beta_1=parameters.beta_1,
            beta_2=parameters.beta_2,
            epsilon=parameters.epsilon,
        )


class Solver:
    """Gradient steps on a vector of parameters, one slice at a time.

    The state consists of arrays and numbers only, so that it can be copied and pickled.

    Parameters
    ----------
    parameters : ndarray of shape (n_parameters,)
        Only their number and dtype are used.
    settings : SolverSettings

    Attributes
    ----------
    averages : ndarray of shape (n_averages, n_parameters)
        State of the solver for each parameter.
    """

    kind = "stochastic"
    n_averages = 0
    kernel: Any = None  # see skebm.kernels.solvers

    def __init__(self, parameters, settings):
        self.settings = settings
        self.averages = np.zeros((self.n_averages, len(parameters)), parameters.dtype)
        self._n_steps = 0
        self._numbers = None

    def copy(self):
        """A copy of the solver with its own averages."""
        twin = copy.copy(self)
        twin.averages = self.averages.copy()
        return twin

    def begin_step(self, rate, momentum=None):
        """Prepare for :meth:`move`, which is then called for each slice of the parameters.

        Parameters
        ----------
        rate : float
            Learning rate.
        momentum : float, default=None
            Momentum of this step, for solvers with momentum. None is that of the settings.
        """
        self._n_steps += 1
        with np.errstate(over="ignore"):
            self._numbers = np.array(self._step_numbers(rate, momentum), self.averages.dtype)

    def move(self, parameters, place, gradient, decay=NO_DECAY):
        """Update a slice of the parameters; slices may come in any order, from any thread.

        Parameters
        ----------
        parameters : ndarray of shape (n_parameters,)
        place : slice
            The slice of ``parameters``.
        gradient : ndarray of shape (n,)
            Gradient of the loss with respect to the parameters of the slice.
        decay : tuple of two floats
            ``(keep, l1)``: before the step, each parameter is multiplied by ``keep`` (L2); after
            it, each is moved by ``l1`` towards zero, but not beyond (L1).
        """
        keep, l1 = decay
        stretch = parameters[place]
        if keep != 1:
            kernels.decay(stretch, keep)
        self.kernel(stretch, gradient, self.averages, place.start, self._numbers)
        if l1:
            kernels.shrink_towards_zero(stretch, l1)

    def forget(self, places):
        """Reset the averages of some parameters, because these are replaced by others.

        Parameters
        ----------
        places : slice, or ndarray of int or bool
            Indices of the parameters.
        """
        self.averages[:, places] = 0

    def _step_numbers(self, rate, momentum):
        """The last argument of the kernel."""
        raise NotImplementedError


class GradientDescent(Solver):
    """Steps of the learning rate times the gradient, plus momentum times the last step.

    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
    Momentum may be zero in some steps. After that, it starts again from a step of zero.
    """

    kind = "gradient descent"
    _kernel_with_momentum = staticmethod(kernels.descend_with_momentum)

    @property
    def kernel(self):
        """The kernel for a step with or without momentum."""
        return self._kernel_with_momentum if len(self.averages) else kernels.descend

    def begin_step(self, rate, momentum=None):
        """See :meth:`Solver.begin_step`."""
        momentum = self.settings.momentum if momentum is None else momentum
        if bool(momentum) != bool(len(self.averages)):
            shape = int(bool(momentum)), self.averages.shape[1]
            self.averages = np.zeros(shape, self.averages.dtype)
        super().begin_step(rate, momentum)

    def _step_numbers(self, rate, momentum):
        return rate, momentum


class Nesterov(GradientDescent):
    """Nesterov's momentum, rewritten so that the gradient is taken at the parameters.

    I. Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013.
    """

    kind = "stochastic"
    _kernel_with_momentum = staticmethod(kernels.descend_with_nesterov)


class AdaGrad(Solver):
    """AdaGrad.

    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12, 2011.
    """

    n_averages = 1
    kernel = staticmethod(kernels.descend_adagrad)

    def _step_numbers(self, rate, momentum):
        return rate, self.settings.epsilon


class RMSprop(Solver):
    """T. Tieleman and G. Hinton, "Lecture 6.5: RMSprop", Coursera, 2012."""

    n_averages = 1
    kernel = staticmethod(kernels.descend_rmsprop)

    def _step_numbers(self, rate, momentum):
        return rate, 0.9, self.settings.epsilon


class Adam(Solver):
    """Adam; with a decay, AdamW.

    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, in the order
    of operations that its section 2 recommends; I. Loshchilov and F. Hutter, "Decoupled weight
    decay regularization", ICLR 2019.
    """

    n_averages = 2
    kernel = staticmethod(kernels.descend_adam)

    def _step_numbers(self, rate, momentum):
        beta_1, beta_2 = self.settings.beta_1, self.settings.beta_2
        bias_1, bias_2 = 1 - beta_1**self._n_steps, 1 - beta_2**self._n_steps
        return rate * math.sqrt(bias_2) / bias_1, beta_1, beta_2, self.settings.epsilon


_SCIPY_NAMES = {"lbfgs": "L-BFGS-B", "cg": "CG"}
SCIPY_SOLVERS = tuple(_SCIPY_NAMES)
STOCHASTIC_SOLVERS = "sgd", "adagrad", "rmsprop", "adam"
SOLVERS = (*STOCHASTIC_SOLVERS, *SCIPY_SOLVERS)

# SciPy does not stop because of a small gain, and because of a small gradient only if it is nearly
# zero: the caller decides when to stop.
_SCIPY_TOLERANCES = {"lbfgs": {"gtol": 1e-8, "ftol": 0.0}, "cg": {"gtol": 1e-8}}


def stochastic_solver(parameters, settings):
    """The solver that ``settings.solver`` names, see :class:`Solver`."""
    sgd = Nesterov if settings.nesterovs_momentum else GradientDescent
    solvers = {"sgd": sgd, "adagrad": AdaGrad, "rmsprop": RMSprop, "adam": Adam}
    return solvers[settings.solver](parameters, settings)


def in_one_vector(arrays):
    """Copy arrays into a vector of parameters for a solver.

    Parameters
    ----------
    arrays : list of ndarray
        All of the same dtype.

    Returns
    -------
    parameters : ndarray of shape (n_parameters,)
    views : list of ndarray
        The parts of ``parameters`` in the shapes of the arrays.
    places : list of slice
        Slices of ``parameters`` for each of them.
    """
    parameters = np.concatenate([array.ravel() for array in arrays])
    ends = np.cumsum([array.size for array in arrays]).tolist()
    places = [slice(end - array.size, end) for array, end in zip(arrays, ends, strict=True)]
    views = [
        parameters[place].reshape(array.shape) for array, place in zip(arrays, places, strict=True)
    ]
    return parameters, views, places


def place_of_rows(place, rows, n_columns):
    """The slice of the parameters for the rows ``rows`` of a matrix that is at ``place``."""
    return slice(place.start + rows.start * n_columns, place.start + rows.stop * n_columns)


def minimize_by_scipy(function, parameters, solver, n_iterations, goes_on):
    """Minimise a loss with SciPy, for up to ``n_iterations`` iterations, each with one line search.

    Parameters
    ----------
    function : callable
        Takes a vector of parameters; returns the loss, a number, and its gradient, a vector.
    parameters : ndarray of shape (n_parameters,)
        The start; changed in place to the result.
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
