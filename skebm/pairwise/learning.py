"""Ways to learn weights of pairs and biases: by descent over all rows, in closed form, by steps.

A way is one class in ``WAYS``. As long as it is not over, ``iterate()`` goes on, and ``machine`` is
then what has been learned so far.
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
    """What is to be learned.

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
        Each way reads its own.
    streams : RandomStreams
    before : object, default=None
        ``state`` of the training that goes on, of a way that is carried out in minibatches.
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
        """Strength of L1."""
        return self.alpha * self.parameters.l1_ratio

    @property
    def l2(self):
        """Strength of L2."""
        return self.alpha * (1 - self.parameters.l1_ratio)


class Way:
    """What is asked of every way to learn; a subclass answers.

    Attributes
    ----------
    takes_hidden_units, takes_any_connections, takes_l1 : bool
        What it can be asked for.
    in_minibatches : bool
        Whether it can go on with other rows, by ``take_steps()``.
    is_over : bool
        Whether there is no iteration to come.
    has_converged : bool
        Whether further iterations would bring next to nothing.
    state : object
        What further training goes on from, besides weights and biases.
    fitted_attributes : dict
        What the estimator publishes, besides weights and biases.
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
        """What has been learned so far."""
        weights, bias = self._task.pairs.weights_and_bias(self._vector)
        return PairwiseMachine(weights, bias)

    @property
    def streams(self):
        """Where random numbers go on."""
        return self._task.streams

    def iterate(self, after_round=None):
        """Do one iteration, and return a dict of what was measured of it.

        ``after_round`` is called, where learning goes in rounds, when there is a machine that may
        stay.
        """
        raise NotImplementedError


class Descent(Way):
    """Down a loss of all rows by L-BFGS, to a minimum."""

    n_tellers = 1  # How many units tell of the weight of a pair: which curvature that has.

    def __init__(self, task):
        super().__init__(task)
        pairs, p = task.pairs, task.parameters
        loss = Penalised(self.loss(), pairs, self._vector.dtype, task.n_rows, task.l2)
        is_weight = np.arange(pairs.n_parameters) < pairs.n_pairs
        curvature = pairs.products(1 - np.square(pairs.offsets))
        curvature = curvature * np.where(is_weight, self.n_tellers, 1) + np.where(
            is_weight, task.l2, 1 / task.n_rows
        )
        l1 = np.where(is_weight, task.l1, 0.0)
        self._points = descend(loss, self._vector.astype(np.float64), curvature, l1)
        self._tol, self._n_left = p.tol * len(pairs.offsets), p.max_iter
        self._point = next(self._points)

    def loss(self):
        """What takes weights and biases and returns a loss with its gradients."""
        raise NotImplementedError

    @property
    def has_converged(self):
        """See :class:`Way`. Where no lower loss is found, rounding hides any further gain."""
        return self._points is None or self._point.expected_gain <= self._tol

    @property
    def is_over(self):
        """See :class:`Way`."""
        return self.has_converged or not self._n_left

    def iterate(self, after_round=None):
        """See :class:`Way`; measured is the loss, with the penalty."""
        self._n_left -= 1
        point = next(self._points, None)
        if point is None:
            self._points = None
        else:
            self._point = point
            self._vector = point.parameters.astype(self._vector.dtype)
        return {"loss": self._point.loss}


class Exact(Descent):
    """The likelihood, by sums over all states."""

    def loss(self):
        """See :class:`Descent`."""
        return Likelihood(self._task.rows, self._task.n_hidden)


class OfConditionals(Descent):
    """The pseudo-likelihood."""

    takes_hidden_units = False
    n_tellers = 2

    def loss(self):
        """See :class:`Descent`."""
        return PseudoLikelihood(self._task.rows)


class ClosedForm(Way):
    """A formula of means and covariances; there is one iteration, and nothing to measure.

    A subclass has ``formula``, see :mod:`skebm.pairwise.inverse_ising`.
    """

    takes_hidden_units = False
    takes_any_connections = False
    takes_l1 = False

    def iterate(self, after_round=None):
        """See :class:`Way`."""
        mean, covariances = means_and_covariances(counts_of(self._task.rows))
        weights, bias = self.formula(mean, covariances, self._task.l2)
        self._vector = self._task.pairs.vector(weights, bias).astype(self._vector.dtype)
        self.is_over = True
        return {}


class MeanField(ClosedForm):
    """Naive mean field."""

    formula = staticmethod(naive_mean_field)


class Tap(ClosedForm):
    """The equations of Thouless, Anderson and Palmer."""

    formula = staticmethod(thouless_anderson_palmer)


class Steps(Way):
    """Steps on minibatches along the gradient of the likelihood; an iteration is an epoch.

    A subclass has ``kind_of_chains``, which tell the gradient.
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
        """See :class:`Way`."""
        return self._learner.machine

    @property
    def streams(self):
        """See :class:`Way`."""
        return self._learner.streams

    @property
    def state(self):
        """See :class:`Way`."""
        return self._learner.chains.copy(), self._learner.solver.copy()

    @property
    def fitted_attributes(self):
        """See :class:`Way`."""
        return self._learner.chains.fitted_attributes()

    @property
    def is_over(self):
        """See :class:`Way`."""
        return self._epoch >= self._task.parameters.n_iter

    def iterate(self, after_round=None):
        """See :class:`Way`."""
        epoch, p = self._epoch, self._task.parameters
        rate_factor = DECAYS[p.learning_rate_schedule](epoch, p.n_iter)
        self.take_steps(partial(stage_at, epoch, p.n_iter), rate_factor, after_round)
        self._epoch += 1
        return {}

    def take_steps(self, now=last_stage, rate_factor=1.0, after_round=None):
        """A step for each minibatch of the rows.

        Parameters
        ----------
        now : callable
            Gives the value of a parameter that may be a sequence.
        rate_factor : float
        after_round : callable, default=None
            See :class:`Way`.
        """
        task, p = self._task, self._task.parameters
        rate = rate_factor * self._course.rate_factor * now(p.learning_rate)
        lesson = Lesson(p.batch_size, rate, now(p.momentum), now(p.n_gibbs_steps), task.l1, task.l2)
        generator = self.streams.generator() if p.shuffle else None
        self._course.run(lesson, generator, after_round=after_round)


class PersistentSteps(Steps):
    """With persistent chains."""

    kind_of_chains = Persistent


class DataSteps(Steps):
    """With chains that start at the data."""

    kind_of_chains = FromData


class TemperedSteps(Steps):
    """With persistent chains at several temperatures."""

    kind_of_chains = Tempered


class AnnealedSteps(Steps):
    """With chains that are cooled in each step."""

    kind_of_chains = Annealed


WAYS = {
    "exact": Exact,
    "pseudo_likelihood": OfConditionals,
    "mean_field": MeanField,
    "tap": Tap,
    "pcd": PersistentSteps,
    "cd": DataSteps,
    "pt": TemperedSteps,
    "annealing": AnnealedSteps,
}


class Training:
    """A way to learn that is watched or not, for whoever publishes what it has learned.

    Parameters
    ----------
    way : Way
    watched : ndarray of shape (n_rows, n_visible), default=None
        Rows that are scored after each iteration. None: nothing is measured.

    Attributes
    ----------
    way : Way
    history : dict of str to list of float, or None
        What was measured in each iteration.
    """

    def __init__(self, way, watched=None):
        self.way = way
        self.history = None if watched is None else {}
        self._watched = watched

    @property
    def is_over(self):
        """Whether there is no iteration to come."""
        return self.way.is_over

    def iterate(self, after_round):
        """Do one iteration, and measure; returns a dict. ``after_round``: see :class:`Way`."""
        start = time.perf_counter()
        with np.errstate(all="ignore"):
            measured = self.way.iterate(after_round)
            model = PairwiseModel(self.way.machine, self._watched.shape[1])
            measured["pseudo_likelihood"] = float(model.pseudo_log_likelihood(self._watched).mean())
        measured["seconds"] = time.perf_counter() - start
        for name, value in measured.items():
            self.history.setdefault(name, []).append(value)
        return measured
