"""Ways to learn weights of pairs and biases: by descent over all rows, in closed form, by steps.

A way is one class in ``WAYS``. Its ``iterations()`` yield what was measured of each iteration;
``machine`` is then what has been learned so far.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from .._quasi_newton import descend
from .._random import RandomStreams
from .._schedules import DECAYS, last_stage, stage_at
from .._solvers import NO_DECAY, SolverSettings, stochastic_solver
from .chains import Annealed, FromData, Persistent, Tempered
from .inverse_ising import means_and_covariances, naive_mean_field, thouless_anderson_palmer
from .machine import PairwiseMachine
from .model import correlations
from .objectives import Likelihood, Penalised, Prior
from .parameters import PairwiseParameters
from .pseudo_likelihood import PseudoLikelihood


@dataclass(frozen=True)
class Task:
    """What is to be learned.

    Attributes
    ----------
    visible : ndarray of shape (n_rows, n_visible)
        Of -1 and 1.
    pairs : PairwiseParameters
        Which units are connected, the visible ones first.
    start : ndarray of shape (n_parameters,)
        Weights and biases to start from.
    alpha : float
        Strength of the penalty.
    parameters : estimator
        Each way reads its own.
    streams : RandomStreams
    before : object, default=None
        ``state`` of the training that goes on, of a way that is carried out in minibatches.
    """

    visible: np.ndarray
    pairs: PairwiseParameters
    start: np.ndarray
    alpha: float
    parameters: Any
    streams: RandomStreams
    before: Any = None

    @property
    def n_rows(self):
        """Number of rows."""
        return len(self.visible)

    @property
    def n_hidden(self):
        """Number of hidden units."""
        return len(self.pairs.offsets) - self.visible.shape[1]

    @property
    def l1(self):
        """Strength of L1."""
        return self.alpha * self.parameters.l1_ratio

    @property
    def l2(self):
        """Strength of L2."""
        return self.alpha * (1 - self.parameters.l1_ratio)


class Way:
    """What an estimator asks of every way to learn; a subclass answers.

    Attributes
    ----------
    takes_hidden_units, takes_any_connections, takes_l1 : bool
        What it can be asked for.
    in_minibatches : bool
        Whether it can go on with other rows.
    has_converged : bool
        Whether further iterations would bring next to nothing.
    state : object
        What further training goes on from, besides weights and biases.
    fitted_attributes : dict
        What the estimator publishes, besides weights and biases.
    """

    takes_hidden_units = True
    takes_any_connections = True
    takes_l1 = True
    in_minibatches = False
    has_converged = True
    state = None
    fitted_attributes: ClassVar = {}

    def __init__(self, task):
        self._task = task
        self._vector = task.start.copy()

    @property
    def machine(self):
        """What has been learned so far."""
        weights, bias = self._task.pairs.weights_and_bias(self._vector)
        return PairwiseMachine(weights, bias)

    def iterations(self):
        """Go from iteration to iteration, and yield a dict of what was measured of each."""
        raise NotImplementedError


class Descent(Way):
    """Down a loss of all rows by L-BFGS, to a minimum."""

    n_tellers = 1  # How many units tell of the weight of a pair: which curvature that has.

    def loss(self):
        """What takes weights and biases and returns a loss with its gradients."""
        raise NotImplementedError

    def iterations(self):
        """See :class:`Way`; measured is the loss, with the penalty."""
        task, pairs, p = self._task, self._task.pairs, self._task.parameters
        loss = Penalised(self.loss(), pairs, self._vector.dtype, task.n_rows, task.l2)
        is_weight = np.arange(pairs.n_parameters) < pairs.n_pairs
        curvature = pairs.products(1 - np.square(pairs.offsets))
        curvature = curvature * np.where(is_weight, self.n_tellers, 1) + np.where(
            is_weight, task.l2, 1 / task.n_rows
        )
        tol = p.tol * len(pairs.offsets)
        l1 = np.where(is_weight, task.l1, 0.0)
        points = descend(loss, self._vector.astype(np.float64), curvature, l1)
        self.has_converged = next(points).expected_gain <= tol
        for _ in range(p.max_iter):
            point = None if self.has_converged else next(points, None)
            if point is None:
                self.has_converged = True  # as far as rounding tells
                return
            self._vector = point.parameters.astype(self._vector.dtype)
            self.has_converged = point.expected_gain <= tol
            yield {"loss": point.loss}


class Exact(Descent):
    """The likelihood, by sums over all states."""

    def loss(self):
        """See :class:`Descent`."""
        return Likelihood(self._task.visible, self._task.n_hidden)


class OfConditionals(Descent):
    """The pseudo-likelihood."""

    takes_hidden_units = False
    n_tellers = 2

    def loss(self):
        """See :class:`Descent`."""
        return PseudoLikelihood(self._task.visible)


class ClosedForm(Way):
    """A formula of means and covariances.

    Parameters
    ----------
    formula : callable
        See :mod:`skebm.pairwise.inverse_ising`.
    task : Task
    """

    takes_hidden_units = False
    takes_any_connections = False
    takes_l1 = False

    def __init__(self, formula, task):
        super().__init__(task)
        self._formula = formula

    def iterations(self):
        """See :class:`Way`; there is one, and nothing to measure."""
        mean, covariances = means_and_covariances(self._task.visible)
        weights, bias = self._formula(mean, covariances, self._task.l2)
        self._vector = self._task.pairs.vector(weights, bias).astype(self._vector.dtype)
        yield {}


class Steps(Way):
    """Steps on minibatches along the gradient of the likelihood, as chains tell it.

    Parameters
    ----------
    kind : subclass of PairwiseChains
    task : Task
    """

    in_minibatches = True

    def __init__(self, kind, task):
        super().__init__(task)
        p = task.parameters
        wanted = SolverSettings(
            p.solver,
            momentum=0.0,  # that of an epoch is set for each step
            nesterovs_momentum=p.nesterovs_momentum,
            beta_1=p.beta_1,
            beta_2=p.beta_2,
            epsilon=p.epsilon,
        )
        before, solver = task.before or (None, None)
        if solver is None or solver.settings != wanted:
            solver = stochastic_solver(self._vector, wanted)
        self._solver = solver.copy()
        self._chains = kind.prepare(p, task.pairs.offsets, task.start.dtype, task.streams, before)
        self._prior = Prior(task.pairs.n_pairs, task.n_rows, 0.0)

    @property
    def state(self):
        """See :class:`Way`."""
        return self._chains.copy(), self._solver.copy()

    @property
    def fitted_attributes(self):
        """See :class:`Way`."""
        return self._chains.fitted_attributes()

    def iterations(self):
        """See :class:`Way`; an iteration is an epoch."""
        p = self._task.parameters
        for epoch in range(p.n_iter):
            rate_factor = DECAYS[p.learning_rate_schedule](epoch, p.n_iter)
            self.run_epoch(partial(stage_at, epoch, p.n_iter), rate_factor)
            yield {}

    def run_epoch(self, now=last_stage, rate_factor=1.0):
        """A step for each minibatch of the rows.

        Parameters
        ----------
        now : callable
            Gives the value of a parameter that may be a sequence.
        rate_factor : float
        """
        task, p = self._task, self._task.parameters
        rate = rate_factor * now(p.learning_rate)
        momentum, n_sweeps = now(p.momentum), now(p.n_gibbs_steps)
        order = np.arange(task.n_rows)
        if p.shuffle:
            order = task.streams.generator().permutation(order)
        for start in range(0, task.n_rows, p.batch_size):
            minibatch = task.visible[order[start : start + p.batch_size]]
            gradient = self._gradient(minibatch, n_sweeps)
            self._step(gradient, rate, momentum)

    def _gradient(self, visible, n_sweeps):
        """Of the loss."""
        machine, streams, pairs = self.machine, self._task.streams, self._task.pairs
        of_data, joint = self._chains.given_data(machine, visible, n_sweeps, streams)
        of_model = self._chains.of_model(machine, of_data, n_sweeps, streams)
        of_pairs = (correlations(of_model) - joint) / 2
        of_bias = of_model.mean(axis=0) - of_data.mean(axis=0)
        gradient = pairs.gradient(of_pairs, of_bias) + self._prior.gradient(self._vector)
        return gradient.astype(self._vector.dtype)

    def _step(self, gradient, rate, momentum):
        task, n_pairs = self._task, self._task.pairs.n_pairs
        weights, biases = slice(0, n_pairs), slice(n_pairs, len(gradient))
        self._solver.begin_step(rate, momentum)
        decay = 1 - rate * task.l2, rate * task.l1
        self._solver.move(self._vector, weights, gradient[weights], decay)
        self._solver.move(self._vector, biases, gradient[biases], NO_DECAY)


WAYS = {
    "exact": Exact,
    "pseudo_likelihood": OfConditionals,
    "mean_field": partial(ClosedForm, naive_mean_field),
    "tap": partial(ClosedForm, thouless_anderson_palmer),
    "pcd": partial(Steps, Persistent),
    "cd": partial(Steps, FromData),
    "pt": partial(Steps, Tempered),
    "annealing": partial(Steps, Annealed),
}
