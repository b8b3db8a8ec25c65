"""Ways to learn weights of pairs and biases: by descent over all rows, in closed form, by steps.

Each is run by ``iterations()``, which yields what was measured of each iteration; ``machine`` is then
what has been learned so far.
"""

from dataclasses import dataclass

import numpy as np

from .._quasi_newton import descend
from .._solvers import NO_DECAY
from ..kernels.products import multiply
from .pair_objectives import Prior
from .pairwise import PairwiseMachine


class Descent:
    """Down a loss of all rows, by L-BFGS.

    Parameters
    ----------
    loss : callable
        A :class:`~skebm.boltzmann.pair_objectives.Penalised` loss.
    parameters : PairParameters
    vector : ndarray of shape (n_parameters,)
        Where to start.
    curvature : ndarray of shape (n_parameters,)
        See :func:`skebm._quasi_newton.descend`.
    l1 : float
        The penalty is this times the sum of the sizes of the weights.
    max_iter : int
    tol : float
        The search ends where no more than this is expected to be gained; nats per row.
    """

    def __init__(self, loss, parameters, vector, curvature, l1, max_iter, tol):
        self._loss, self._parameters, self._dtype = loss, parameters, vector.dtype
        self._curvature = curvature
        self._l1 = np.where(np.arange(len(vector)) < parameters.n_pairs, l1, 0.0)
        self._max_iter, self._tol = max_iter, tol
        self.vector = vector
        self.has_converged = False

    @property
    def machine(self):
        """What has been learned so far."""
        weights, bias = self._parameters.weights_and_bias(self.vector)
        return PairwiseMachine(weights, bias)

    def iterations(self):
        """Yield the loss after each iteration."""
        start = self.vector.astype(np.float64)
        points = descend(self._loss, start, self._curvature, self._l1)
        self.has_converged = next(points).expected_gain <= self._tol
        for _ in range(self._max_iter):
            point = None if self.has_converged else next(points, None)
            if point is None:  # a minimum, as far as rounding tells
                self.has_converged = True
                return
            self.vector = point.parameters.astype(self._dtype)
            self.has_converged = point.expected_gain <= self._tol
            yield {"loss": point.loss}


class ClosedForm:
    """Weights and biases that a formula gives.

    Parameters
    ----------
    formula : callable
        Returns weights and biases.
    dtype : dtype
    """

    has_converged = True

    def __init__(self, formula, dtype):
        self._formula, self._dtype = formula, dtype

    def iterations(self):
        """Compute them; there is nothing to measure."""
        weights, bias = (array.astype(self._dtype) for array in self._formula())
        self.machine = PairwiseMachine(weights, bias)
        yield {}


@dataclass(frozen=True)
class StepSettings:
    """What a step depends on besides the model and the data; constant in an epoch."""

    learning_rate: float
    momentum: float
    n_gibbs_steps: int
    batch_size: int
    l2: float
    l1: float


class Steps:
    """Steps on minibatches along the gradient of the likelihood, as chains tell it.

    Parameters
    ----------
    visible : ndarray of shape (n_rows, n_visible)
    parameters : PairParameters
    vector : ndarray of shape (n_parameters,)
        Where to start; changed in place.
    chains : PairChains
    solver : Solver
    streams : RandomStreams
    shuffle : bool
    """

    def __init__(self, visible, parameters, vector, chains, solver, streams, shuffle):
        self.vector, self.chains, self.solver, self.streams = vector, chains, solver, streams
        self._visible, self._parameters, self._shuffle = visible, parameters, shuffle
        self._prior = Prior(parameters.n_pairs, len(visible), 0.0)

    @property
    def machine(self):
        """What has been learned so far."""
        weights, bias = self._parameters.weights_and_bias(self.vector)
        return PairwiseMachine(weights, bias)

    def run_epoch(self, settings):
        """A step for each minibatch of the rows."""
        n_rows = len(self._visible)
        order = np.arange(n_rows)
        if self._shuffle:
            order = self.streams.generator().permutation(n_rows)
        for start in range(0, n_rows, settings.batch_size):
            self._step(self._visible[order[start : start + settings.batch_size]], settings)

    def _step(self, visible, settings):
        machine, n_sweeps = self.machine, settings.n_gibbs_steps
        of_data = self.chains.given_data(machine, visible, n_sweeps, self.streams)
        of_model = self.chains.of_model(machine, of_data, n_sweeps, self.streams)
        of_pairs = _correlations(of_model) - _correlations(of_data)
        of_bias = of_model.mean(axis=0) - of_data.mean(axis=0)
        gradient = self._parameters.gradient(of_pairs / 2, of_bias)
        gradient = (gradient + self._prior.gradient(self.vector)).astype(self.vector.dtype)
        rate, n_pairs = settings.learning_rate, self._parameters.n_pairs
        self.solver.begin_step(rate, settings.momentum)
        weights, biases = slice(0, n_pairs), slice(n_pairs, len(gradient))
        decay = 1 - rate * settings.l2, rate * settings.l1
        self.solver.move(self.vector, weights, gradient[weights], decay)
        self.solver.move(self.vector, biases, gradient[biases], NO_DECAY)


def _correlations(states):
    out = np.empty((states.shape[1], states.shape[1]), dtype=states.dtype)
    return multiply(states.T, states, out) / states.dtype.type(len(states))
