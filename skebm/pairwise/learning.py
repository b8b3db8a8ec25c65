"""Training algorithms: descent over all rows, closed forms, and steps on minibatches.

Each algorithm is a class in ``ALGORITHMS``. ``iterate()`` is called until ``is_over``; ``machine``
is the current result after each call.
"""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from .._quasi_newton import descend
from .._random import RandomStreams
from .._schedules import DECAYS, last_stage, stage_at
from .._solvers import SolverSettings, stochastic_solver
from .._source import Source
from .chains import Annealed, FromData, Persistent, Tempered
from .inverse_ising import means_and_covariances, naive_mean_field, thouless_anderson_palmer
from .learner import Learner, Lesson
from .machine import PairwiseMachine
from .model import PairwiseModel
from .objectives import Likelihood, Penalised, Prior
from .parameters import PairwiseParameters
from .pseudo_likelihood import PseudoLikelihood
from .statistics import counts_of


@dataclass(frozen=True)
class Task:
    """Data and settings of a training.

    Attributes
    ----------
    rows : Source
        Visible states, of -1 and 1.
    pairs : PairwiseParameters
        Which units are connected, the visible ones first.
    start : ndarray of shape (n_parameters,)
        Weights and biases to start from.
    alpha : float
        Strength of the penalty.
    parameters : estimator
        Each algorithm uses some of its parameters.
    streams : RandomStreams
    before : object, default=None
        ``state`` of earlier training that is continued, if it was in minibatches.
    """

    rows: Source
    pairs: PairwiseParameters
    start: np.ndarray
    alpha: float
    parameters: Any
    streams: RandomStreams
    before: Any = None

    @property
    def n_rows(self):
        """Number of rows."""
        return self.rows.shape[0]

    @property
    def n_hidden(self):
        """Number of hidden units."""
        return len(self.pairs.offsets) - self.rows.shape[1]

    @property
    def l1(self):
        """Strength of the L1 penalty."""
        return self.alpha * self.parameters.l1_ratio

    @property
    def l2(self):
        """Strength of the L2 penalty."""
        return self.alpha * (1 - self.parameters.l1_ratio)


class Algorithm:
    """Interface of all training algorithms.

    Attributes
    ----------
    takes_hidden_units, takes_any_connections, takes_l1 : bool
        Whether the algorithm supports hidden units, arbitrary connections and L1.
    in_minibatches : bool
        Whether it can continue with other rows, by ``take_steps()``.
    is_over : bool
        Whether no further iteration is to be run.
    has_converged : bool
        Whether further iterations would bring almost no gain.
    state : object
        State for further training, in addition to weights and biases.
    fitted_attributes : dict
        Fitted attributes of the estimator, in addition to weights and biases.
    streams : RandomStreams
    """

    takes_hidden_units = True
    takes_any_connections = True
    takes_l1 = True
    in_minibatches = False
    is_over = False
    has_converged = True
    state = None
    fitted_attributes: ClassVar[dict[str, Any]] = {}

    def __init__(self, task):
        self._task = task
        self._vector = task.start.copy()

    @property
    def machine(self):
        """The machine with the current weights and biases."""
        weights, bias = self._task.pairs.weights_and_bias(self._vector)
        return PairwiseMachine(weights, bias)

    @property
    def streams(self):
        """Streams from which later random numbers are drawn."""
        return self._task.streams

    def iterate(self, after_round=None):
        """Run one iteration, and return a dict of its measurements.

        If training has rounds, ``after_round`` is called after each of them, when the machine is
        in a state that may be kept.
        """
        raise NotImplementedError


class Descent(Algorithm):
    """Minimisation of a loss over all rows by L-BFGS."""

    n_loss_terms = 1  # Loss terms that contain the weight of a pair: a factor of its curvature.

    def __init__(self, task):
        super().__init__(task)
        pairs, p = task.pairs, task.parameters
        loss = Penalised(self.loss(), pairs, self._vector.dtype, task.n_rows, task.l2)
        is_weight = np.arange(pairs.n_parameters) < pairs.n_pairs
        curvature = pairs.products(1 - np.square(pairs.offsets))
        curvature = curvature * np.where(is_weight, self.n_loss_terms, 1) + np.where(
            is_weight, task.l2, 1 / task.n_rows
        )
        l1 = np.where(is_weight, task.l1, 0.0)
        self._points = descend(loss, self._vector.astype(np.float64), curvature, l1)
        self._tol, self._n_left = p.tol * len(pairs.offsets), p.max_iter
        self._point = next(self._points)

    def loss(self):
        """A function that takes weights and biases and returns a loss with its gradients."""
        raise NotImplementedError

    @property
    def has_converged(self):
        """See :class:`Algorithm`. If no lower loss is found, gains are below rounding errors."""
        return self._points is None or self._point.expected_gain <= self._tol

    @property
    def is_over(self):
        """See :class:`Algorithm`."""
        return self.has_converged or not self._n_left

    def iterate(self, after_round=None):
        """See :class:`Algorithm`. The measurement is the loss with the penalty."""
        self._n_left -= 1
        point = next(self._points, None)
        if point is None:
            self._points = None
        else:
            self._point = point
            self._vector = point.parameters.astype(self._vector.dtype)
        return {"loss": self._point.loss}


class Exact(Descent):
    """Maximum likelihood, by sums over all states."""

    def loss(self):
        """See :class:`Descent`."""
        return Likelihood(self._task.rows, self._task.n_hidden)


class MaximumPseudoLikelihood(Descent):
    """Maximum pseudo-likelihood."""

    takes_hidden_units = False
    n_loss_terms = 2

    def loss(self):
        """See :class:`Descent`."""
        return PseudoLikelihood(self._task.rows)


class ClosedForm(Algorithm):
    """A closed form from means and covariances: one iteration, without measurements.

    A subclass has ``formula``, see :mod:`skebm.pairwise.inverse_ising`.
    """

    takes_hidden_units = False
    takes_any_connections = False
    takes_l1 = False

    def iterate(self, after_round=None):
        """See :class:`Algorithm`."""
        mean, covariances = means_and_covariances(counts_of(self._task.rows))
        weights, bias = self.formula(mean, covariances, self._task.l2)
        self._vector = self._task.pairs.vector(weights, bias).astype(self._vector.dtype)
        self.is_over = True
        return {}


class NaiveMeanField(ClosedForm):
    """Naive mean field."""

    formula = staticmethod(naive_mean_field)


class ThoulessAndersonPalmer(ClosedForm):
    """The equations of Thouless, Anderson and Palmer."""

    formula = staticmethod(thouless_anderson_palmer)


class Steps(Algorithm):
    """Steps on minibatches along the gradient of the likelihood; an iteration is an epoch.

    A subclass has ``kind_of_chains``, the class of the chains that estimate the gradient.
    """

    in_minibatches = True

    def __init__(self, task):
        super().__init__(task)
        p, pairs = task.parameters, task.pairs
        wanted = SolverSettings.of_minibatches(p)
        chains, solver = task.before or (None, None)
        if solver is None or solver.settings != wanted:
            solver = stochastic_solver(self._vector, wanted)
        how = p, pairs.offsets, task.start.dtype, task.streams, chains
        self._learner = Learner(
            pairs,
            self._vector,
            solver.copy(),
            self.kind_of_chains.prepare(*how),
            Prior(pairs.n_pairs, task.n_rows, 0.0),
            task.streams,
        )
        self._course = task.rows.course(self._learner)
        self._epoch = 0

    @property
    def machine(self):
        """See :class:`Algorithm`."""
        return self._learner.machine

    @property
    def streams(self):
        """See :class:`Algorithm`."""
        return self._learner.streams

    @property
    def state(self):
        """See :class:`Algorithm`."""
        return self._learner.chains.copy(), self._learner.solver.copy()

    @property
    def fitted_attributes(self):
        """See :class:`Algorithm`."""
        return self._learner.chains.fitted_attributes()

    @property
    def is_over(self):
        """See :class:`Algorithm`."""
        return self._epoch >= self._task.parameters.n_iter

    @property
    def rate_factor(self):
        """Factor of the learning rates: 1, except in data-parallel training."""
        return self._course.rate_factor

    def iterate(self, after_round=None):
        """See :class:`Algorithm`."""
        epoch, p = self._epoch, self._task.parameters
        rate_factor = DECAYS[p.learning_rate_schedule](epoch, p.n_iter)
        self.take_steps(partial(stage_at, epoch, p.n_iter), rate_factor, after_round)
        self._epoch += 1
        return {}

    def take_steps(self, now=last_stage, rate_factor=1.0, after_round=None):
        """Take one step for each minibatch of the rows.

        Parameters
        ----------
        now : callable
            Returns the current value of a parameter that may be a sequence.
        rate_factor : float
        after_round : callable, default=None
            See :class:`Algorithm`.
        """
        task, p = self._task, self._task.parameters
        rate = rate_factor * self.rate_factor * now(p.learning_rate)
        lesson = Lesson(p.batch_size, rate, now(p.momentum), now(p.n_gibbs_steps), task.l1, task.l2)
        generator = self.streams.generator() if p.shuffle else None
        self._course.run(lesson, generator, after_round=after_round)


class PersistentSteps(Steps):
    """Steps with persistent chains."""

    kind_of_chains = Persistent


class DataSteps(Steps):
    """Steps with chains that start at the data."""

    kind_of_chains = FromData


class TemperedSteps(Steps):
    """Steps with persistent chains at several temperatures."""

    kind_of_chains = Tempered


class AnnealedSteps(Steps):
    """Steps with chains that are cooled in each step."""

    kind_of_chains = Annealed


ALGORITHMS = {
    "exact": Exact,
    "pseudo_likelihood": MaximumPseudoLikelihood,
    "mean_field": NaiveMeanField,
    "tap": ThoulessAndersonPalmer,
    "pcd": PersistentSteps,
    "cd": DataSteps,
    "pt": TemperedSteps,
    "annealing": AnnealedSteps,
}


class Training:
    """A training algorithm with optional measurements after each iteration.

    Parameters
    ----------
    algorithm : Algorithm
    watched : ndarray of shape (n_rows, n_visible), default=None
        Rows that are scored after each iteration. With None, nothing is measured.

    Attributes
    ----------
    algorithm : Algorithm
    history : dict of str to list of float, or None
        Measurements of each iteration.
    """

    def __init__(self, algorithm, watched=None):
        self.algorithm = algorithm
        self.history = None if watched is None else {}
        self._watched = watched

    @property
    def is_over(self):
        """Whether no further iteration is to be run."""
        return self.algorithm.is_over

    def iterate(self, after_round):
        """Run one iteration; returns its measurements. ``after_round``: see :class:`Algorithm`."""
        start = time.perf_counter()
        with np.errstate(all="ignore"):
            measured = self.algorithm.iterate(after_round)
            model = PairwiseModel(self.algorithm.machine, self._watched.shape[1])
            measured["pseudo_likelihood"] = float(model.pseudo_log_likelihood(self._watched).mean())
        measured["seconds"] = time.perf_counter() - start
        for name, value in measured.items():
            self.history.setdefault(name, []).append(value)
        return measured
