"""Solvers: how a vector of parameters goes down a loss.

A stochastic solver moves a stretch of the parameters as soon as the gradient of that stretch is
known, while both are in the cache of a processor. SciPy's solvers want the loss and the whole
gradient of many rows instead, and find the length of each step by themselves.
"""

import copy
import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from .kernels import solvers as kernels

# Neither L2 nor L1, see Solver.move.
NO_DECAY = 1.0, 0.0


@dataclass(frozen=True)
class SolverSettings:
    """Which solver, and its numbers; names and meanings are those of scikit-learn's MLPClassifier.

    Attributes
    ----------
    solver : {"sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"}
    momentum : float
        Of "sgd": share of the last step that the next one includes.
    nesterovs_momentum : bool
    beta_1, beta_2 : float
        Of "adam": shares of the averages of gradients and of their squares that are kept.
    epsilon : float
        What "adagrad", "rmsprop" and "adam" add to a divisor.
    """

    solver: str = "adam"
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    @classmethod
    def of_minibatches(cls, parameters):
        """Those of an estimator; its momentum, which may change, is set for each step."""
        return cls(
            parameters.solver,
            momentum=0.0,
            nesterovs_momentum=parameters.nesterovs_momentum,
            beta_1=parameters.beta_1,
            beta_2=parameters.beta_2,
            epsilon=parameters.epsilon,
        )


class Solver:
    """Steps against gradients over a vector of parameters, a stretch at a time.

    All that is carried from step to step are arrays and numbers, to be copied and pickled.

    Parameters
    ----------
    parameters : ndarray of shape (n_parameters,)
        Only their number and type matter here.
    settings : SolverSettings

    Attributes
    ----------
    averages : ndarray of shape (n_averages, n_parameters)
        What is carried from step to step, beside each parameter.
    """

    kind = "stochastic"
    n_averages = 0
    kernel = None  # see skebm.kernels.solvers

    def __init__(self, parameters, settings):
        self.settings = settings
        self.averages = np.zeros((self.n_averages, len(parameters)), parameters.dtype)
        self._n_steps = 0
        self._numbers = None

    def copy(self):
        """The same solver with averages of its own."""
        twin = copy.copy(self)
        twin.averages = self.averages.copy()
        return twin

    def begin_step(self, rate, momentum=None):
        """Make ready for :meth:`move`, which is then called for each stretch of the parameters.

        Parameters
        ----------
        rate : float
            Learning rate.
        momentum : float, default=None
            That of this step, for solvers that have some. None takes that of the settings.
        """
        self._n_steps += 1
        with np.errstate(over="ignore"):
            self._numbers = np.array(self._step_numbers(rate, momentum), self.averages.dtype)

    def move(self, parameters, place, gradient, decay=NO_DECAY):
        """Move a stretch of the parameters; stretches may come in any order, from any thread.

        Parameters
        ----------
        parameters : ndarray of shape (n_parameters,)
        place : slice
            Where in ``parameters`` the stretch is.
        gradient : ndarray of shape (n,)
            Of the loss, by the parameters of the stretch.
        decay : tuple of two floats
            ``(keep, l1)``: before the step, the share ``keep`` of each parameter is kept (L2);
            after it, each is moved by ``l1`` towards zero, where it stops (L1).
        """
        keep, l1 = decay
        stretch = parameters[place]
        if keep != 1:
            kernels.decay(stretch, keep)
        self.kernel(stretch, gradient, self.averages, place.start, self._numbers)
        if l1:
            kernels.shrink_towards_zero(stretch, l1)

    def forget(self, places):
        """Have no averages of some parameters, which are others from now on.

        Parameters
        ----------
        places : slice, or ndarray of int or bool
            Which of the parameters.
        """
        self.averages[:, places] = 0

    def _step_numbers(self, rate, momentum):
        """What the kernel takes last."""
        raise NotImplementedError


class GradientDescent(Solver):
    """Steps of the learning rate times the gradient, and with momentum, of a share of the last:
    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.

    Momentum may come and go. What comes back starts from a step of zero.
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
    """I. Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013; rewritten so that the parameters are the point where the gradient is taken."""

    kind = "stochastic"
    _kernel_with_momentum = staticmethod(kernels.descend_with_nesterov)


class AdaGrad(Solver):
    """J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12, 2011."""

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
    """D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, in the
    order of operations that its section 2 recommends; with a decay, the AdamW of I. Loshchilov and
    F. Hutter, "Decoupled weight decay regularization", ICLR 2019."""

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

# No gain is too small for SciPy, and a gradient only if it is next to nothing: it is our caller
# who knows when to stop.
_SCIPY_TOLERANCES = {"lbfgs": {"gtol": 1e-8, "ftol": 0.0}, "cg": {"gtol": 1e-8}}


def stochastic_solver(parameters, settings):
    """The solver that ``settings.solver`` names, see :class:`Solver`."""
    sgd = Nesterov if settings.nesterovs_momentum else GradientDescent
    solvers = {"sgd": sgd, "adagrad": AdaGrad, "rmsprop": RMSprop, "adam": Adam}
    return solvers[settings.solver](parameters, settings)


def in_one_vector(arrays):
    """Copy arrays into a vector of parameters, as a solver wants them.

    Parameters
    ----------
    arrays : list of ndarray
        Of one type.

    Returns
    -------
    parameters : ndarray of shape (n_parameters,)
    views : list of ndarray
        The parts of ``parameters`` in the shapes of the arrays.
    places : list of slice
        Where in ``parameters`` these are.
    """
    parameters = np.concatenate([array.ravel() for array in arrays])
    ends = np.cumsum([array.size for array in arrays]).tolist()
    places = [slice(end - array.size, end) for array, end in zip(arrays, ends, strict=True)]
    views = [
        parameters[place].reshape(array.shape) for array, place in zip(arrays, places, strict=True)
    ]
    return parameters, views, places


def place_of_rows(place, rows, n_columns):
    """Where the rows in the slice ``rows`` of a matrix are whose own place is ``place``."""
    return slice(place.start + rows.start * n_columns, place.start + rows.stop * n_columns)


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
