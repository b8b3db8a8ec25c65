"""Training of a network: minibatches, epochs and early stopping."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from .._parallel import TrainedInParts
from .._schedules import DECAYS
from .._solvers import SCIPY_SOLVERS, SolverSettings, minimize_by_scipy, stochastic_solver
from .._source import chunks
from .._stopping import Patience
from .._threads import blocks_of, one_blas_thread, run_phases
from .._validation import have_diverged
from ..kernels.network import limit_norms
from ..kernels.sparse import dot
from .backpropagation import Backpropagation, Batch
from .objective import Objective

# Largest number of rows per pass of a line search. More rows do not make matrix products faster.
_MOST_ROWS = 1000

# Rows per minibatch for batch_size="auto": a hundredth of all, within these bounds, so that there
# are many steps even with few rows. A line search needs a more precise gradient.
_LEAST_BATCH, _LARGEST_BATCH = 20, 100
_BATCH_OF_LINE_SEARCH = 1000

# With fewer units than this, limiting the norms of weights uses one thread.
_FEWEST_UNITS = 64

# Learning rate at which "adaptive" stops, and its divisor, as in scikit-learn.
_SMALLEST_RATE = 1e-6
_RATE_DIVISOR = 5

SCHEDULES = (*DECAYS, "adaptive")


def rows_in_minibatch(batch_size, solver, n_rows):
    """Number of rows per minibatch, if there are ``n_rows`` rows.

    Parameters
    ----------
    batch_size, solver
        See :class:`TrainingSettings`.
    n_rows : int
    """
    if batch_size != "auto":
        return min(batch_size, n_rows)
    if solver == "cg":
        return min(_BATCH_OF_LINE_SEARCH, n_rows)
    return min(max(n_rows // 100, _LEAST_BATCH), _LARGEST_BATCH, n_rows)


# These schedules fall to zero at the last epoch: a loss that is constant before may fall again.
_SCHEDULES_TO_THE_END = ("linear", "cosine")


@dataclass(frozen=True)
class TrainingSettings(SolverSettings):
    """Settings of training in addition to those of the solver; names are those of scikit-learn.

    Attributes
    ----------
    objective : Objective
    learning_rate : {"constant", "linear", "invscaling", "cosine", "adaptive"}
        "adaptive" divides the learning rate by 5 instead of stopping when there is no change.
        Others: see :mod:`skebm._schedules`.
    learning_rate_init : float
    max_iter : int
        Number of epochs; for "lbfgs", of iterations on all rows.
    batch_size : int or "auto"
        Rows in a minibatch. "auto" is a hundredth of all, but 20 at least and 100 at most, and 1000
        for "cg". "lbfgs" uses all rows.
    n_line_searches : int
        Number of line searches of "cg" on each minibatch.
    shuffle : bool
    tol : float
    n_iter_no_change : int
        Number of consecutive epochs without an improvement by ``tol`` before training stops. This
        does not apply to the training loss if ``learning_rate`` falls to zero at ``max_iter``.
    max_norm : float or None
        Largest Euclidean norm of the incoming weights of a unit; larger ones are scaled back after
        each step. Tied weights count for the layer to which they are tied.
    max_gradient_norm : float or None
        Largest Euclidean norm of the gradient of all parameters; a larger one is scaled back.
    """

    objective: Objective = field(default_factory=Objective)
    learning_rate: str = "constant"
    learning_rate_init: float = 1e-3
    max_iter: int = 200
    batch_size: int | str = "auto"
    n_line_searches: int = 3
    shuffle: bool = True
    tol: float = 1e-4
    n_iter_no_change: int = 10
    max_norm: float | None = None
    max_gradient_norm: float | None = None

    def rows_in_minibatch(self, n_rows):
        """Number of rows per minibatch, if there are ``n_rows`` rows."""
        return rows_in_minibatch(self.batch_size, self.solver, n_rows)


class TrainingData:
    """Training data of a network.

    Parameters
    ----------
    inputs : Source
    targets : Rows
        One row of targets for each row of inputs; for an autoencoder, the same object as the
        inputs. If inputs are a stream and not the targets, :class:`~skebm._targets.LazyTargets`.
    numbers : ndarray of int
        Indices of the rows to learn from.
    weights : ndarray of shape (n_rows,), default=None
        Weight of each row; the mean over the rows to learn from is positive. None is 1 for all
        rows.
    mean_weight : float, default=None
        This mean; pass it if the rows are only a part of all. None computes it from the rows.
    """

    def __init__(self, inputs, targets, numbers, weights=None, mean_weight=None):
        self.inputs = inputs
        self.targets = targets
        self.numbers = numbers
        self._weights = np.ones(inputs.shape[0], inputs.dtype) if weights is None else weights
        if mean_weight is None:
            mean_weight = self._weights[numbers].mean(dtype=np.float64)
        self._mean_weight = mean_weight

    def lesson(self, batch_size, learning_rate):
        """The lesson for a pass of a learner through these data in minibatches."""
        is_learned = np.zeros(self.inputs.shape[0], dtype=bool)
        is_learned[self.numbers] = True
        targets = None if self.targets is self.inputs else self.targets
        beside = partial(_beside, targets, self._weights, is_learned)
        return Lesson(batch_size, learning_rate, self._mean_weight, beside)

    def passes(self, generator=None):
        """Iterate over the data once, like :meth:`skebm._source.Source.passes`.

        Yields
        ------
        data : TrainingData
            Rows in memory, to be used in the order of their ``numbers``.
        """
        lesson = self.lesson(None, None)
        for rows, order, places in self.inputs.passes(generator, self.numbers):
            targets, weights = lesson.beside(places)
            targets = rows if targets is None else targets
            yield TrainingData(rows, targets, order, weights, self._mean_weight)

    def of_rows(self, numbers):
        """The same data, to learn only from the rows at these indices."""
        return TrainingData(self.inputs, self.targets, numbers, self._weights, self._mean_weight)

    def batch(self, numbers, address, n_rows=None, penalized=True):
        """The rows at these indices as a minibatch, or as a part of one with ``n_rows`` rows.

        The loss of a minibatch is the weighted sum divided by the mean total weight of a minibatch
        of this size, so that its expectation is the loss of all rows. The penalty on the weights of
        the network is divided by the same number.
        """
        divisor = (n_rows or len(numbers)) * self._mean_weight
        weights = (self._weights[numbers] / divisor).astype(self.inputs.dtype)
        penalty_weight = 1 / divisor if penalized else 0.0
        return Batch(self.inputs, self.targets, numbers, weights, penalty_weight, address)


def _beside(targets, weights, is_learned, places):
    """Targets, or None if they are the rows themselves, and weights of the rows at these indices.

    Targets of rows that are not used for training, which may have none, are zero.
    """
    if places is None:
        return targets, weights
    if targets is not None:
        targets = targets.subset(places).made(np.flatnonzero(is_learned[places]))
    return targets, weights[places]


@dataclass(frozen=True)
class Lesson:
    """How a learner is trained on a window of rows, see :mod:`skebm._parallel`.

    Attributes
    ----------
    batch_size : int
        Rows in a minibatch.
    learning_rate : float
    mean_weight : float
        Mean weight of all rows that are used for training.
    beside : callable
        Returns targets and weights of the rows at given indices.
    """

    batch_size: int
    learning_rate: float
    mean_weight: float
    beside: Callable

    def __getstate__(self):
        # Workers get only the targets and weights of their own rows.
        return vars(self) | {"beside": None}

    def __call__(self, learner, window, beside):
        """Learn from the rows; returns their mean loss."""
        targets, weights = beside
        rows = window.rows
        targets = rows if targets is None else targets
        data = TrainingData(rows, targets, window.order, weights, self.mean_weight)
        with one_blas_thread(), np.errstate(all="ignore"):
            return learner.learn(data, self.batch_size, self.learning_rate)


class Learner(TrainedInParts):
    """A network in training, with the state that is carried from one epoch to the next.

    Parameters
    ----------
    network : Network
        Changed in place.
    settings : TrainingSettings
    streams : RandomStreams
    solver : Solver, default=None
        The solver of earlier training. None creates a new one.
    """

    def __init__(self, network, settings, streams, solver=None):
        self.network = network
        self.settings = settings
        self.streams = streams
        self.solver = solver
        if solver is None and settings.solver not in SCIPY_SOLVERS:
            self.solver = stochastic_solver(network.parameters, settings)

    def run_epoch(self, data, learning_rate, course=None, after_round=None):
        """Learn once from each row, in minibatches.

        Parameters
        ----------
        data : TrainingData
        learning_rate : float
        course : InTurn or InRounds, default=None
            How to run the epoch, see :mod:`skebm._parallel`. None is the default of the data.
        after_round : callable, default=None
            Called after each round, if training is in rounds.

        Returns
        -------
        loss : float
            Mean over the rows of the loss at the time of their steps, including penalties.
        """
        course = data.inputs.course(self) if course is None else course
        size = self.settings.rows_in_minibatch(len(data.numbers))
        generator = self.streams.generator() if self.settings.shuffle else None
        lesson = data.lesson(size, learning_rate * course.rate_factor)
        return course.run(lesson, generator, data.numbers, after_round)

    def learn(self, data, batch_size, learning_rate):
        """Learn once from each row in memory, in the order of ``numbers``; return the mean loss."""
        total, passes = 0.0, self._passes(min(batch_size, len(data.numbers)))
        for part in chunks(len(data.numbers), batch_size):
            numbers = data.numbers[part]
            total += self._learn(passes, data, numbers, learning_rate) * len(numbers)
        return total / len(data.numbers)

    # For data-parallel training

    def shared_arrays(self):
        """Parameters, and averages of the solver."""
        averages = [] if self.solver is None else self.solver.averages
        return [self.network.parameters, *averages]

    def become(self, other):
        """Take the state of another learner; the network stays the same object."""
        self.network.parameters[:] = other.network.parameters
        self.solver, self.streams = other.solver, other.streams

    def _passes(self, n_rows):
        if self.settings.solver in SCIPY_SOLVERS:  # which divide the rows into passes
            n_rows = min(n_rows, _MOST_ROWS)
        return Backpropagation(self.network, self.settings.objective, n_rows)

    def _learn(self, passes, data, numbers, learning_rate):
        """Learn from one minibatch; return its loss (before the step, with stochastic solvers)."""
        if self.settings.solver in SCIPY_SOLVERS:
            loss = self._search(passes, data.of_rows(numbers), self.settings.n_line_searches)
            run_phases(self._limiting_norms())
            return loss
        address = self.streams.seed, self.streams.take(passes.n_streams), 0
        self.solver.begin_step(learning_rate)
        if self.settings.max_gradient_norm is None:
            moving = [(partial(self._move, passes), passes.parts)]
        else:
            moving = self._moving_clipped(passes)
        loss = passes.run(data.batch(numbers, address), *moving, *self._limiting_norms())
        return loss + passes.weight_penalty()

    def _move(self, passes, part):
        """Update a part of the parameters while its gradient is in the cache."""
        gradient = np.empty(part.size, dtype=self.network.dtype)
        passes.gradient(part, gradient)
        self.solver.move(self.network.parameters, part.place, gradient)

    def _moving_clipped(self, passes):
        """Phases that update the parameters with a gradient clipped to the maximum norm."""
        parameters, limit = self.network.parameters, self.settings.max_gradient_norm
        gradient = np.empty_like(parameters)

        def differentiate(part):
            passes.gradient(part, gradient[part.place])

        def clip(parts):
            squares = [float(dot(gradient[part.place], gradient[part.place])) for part in parts]
            norm = math.sqrt(sum(squares))
            if norm > limit:
                gradient[:] *= limit / norm

        def move(part):
            self.solver.move(parameters, part.place, gradient[part.place])

        return [(differentiate, passes.parts), (clip, [passes.parts]), (move, passes.parts)]

    def _limiting_norms(self):
        """Phases that scale back weights whose norms exceed the maximum."""
        limit = self.settings.max_norm
        if limit is None:
            return []

        def phase(layer):
            def scale_back(units):
                limit_norms(layer.weights, units.start, units.stop, limit)

            return scale_back, blocks_of(len(layer.bias), _FEWEST_UNITS)

        layers = self.network.layers[self.settings.objective.frozen_layers :]
        return [phase(layer) for layer in layers if layer.tied_to is None]

    def search(self, data, goes_on):
        """Minimise the loss of all rows with SciPy's solver, while ``goes_on(loss)`` is true.

        Returns
        -------
        loss : float
            The loss at the end.
        """
        with one_blas_thread(), np.errstate(all="ignore"):
            passes = self._passes(len(data.numbers))
            return self._search(passes, data, self.settings.max_iter, goes_on)

    def _search(self, passes, data, n_iterations, goes_on=lambda loss: True):
        """Minimise the loss of the rows with SciPy's solver, with fixed random numbers."""
        parameters = self.network.parameters
        seed, stream = self.streams.seed, self.streams.take(passes.n_streams)

        def add_gradient(part, total):
            gradient = np.empty(part.size, dtype=total.dtype)
            passes.gradient(part, gradient)
            total[part.place] += gradient

        def loss_and_gradient(vector):
            parameters[:] = vector
            loss, gradient, n_rows, start = 0.0, np.zeros_like(parameters), len(data.numbers), 0
            adding = partial(add_gradient, total=gradient), passes.parts
            for window in data.passes():
                for part in chunks(len(window.numbers), _MOST_ROWS):
                    numbers, address = window.numbers[part], (seed, stream, start)
                    batch = window.batch(numbers, address, n_rows, penalized=start == 0)
                    loss += passes.run(batch, adding)
                    loss += passes.weight_penalty()
                    start += len(numbers)
            return loss, gradient

        def after_iteration(vector, loss):
            parameters[:] = vector
            return goes_on(loss)

        return minimize_by_scipy(
            loss_and_gradient, parameters, self.settings.solver, n_iterations, after_iteration
        )


def refuse_divergence(network, measured):
    """Raise FloatingPointError if the parameters or a measurement show divergence."""
    if have_diverged(network.parameters) or not math.isfinite(measured):
        raise FloatingPointError("The parameters are no longer finite.")


class _Watch:
    """What is measured after each epoch of :func:`train`, and whether training continues.

    Attributes
    ----------
    rate : float
        The learning rate, before the factor of the schedule.
    best_parameters : ndarray, or None
        Those with the highest validation score so far, if there is one.
    is_stopped : bool
        Whether ``after_epoch`` has stopped the training.
    """

    def __init__(self, learner, validate, after_epoch):
        settings = learner.settings
        self._settings, self._network = settings, learner.network
        self._validate, self._after_epoch = validate, after_epoch
        self._goes_to_the_end = validate is None and (
            settings.solver != "lbfgs" and settings.learning_rate in _SCHEDULES_TO_THE_END
        )
        # As in scikit-learn, training ends one epoch after n_iter_no_change epochs.
        self._patience = Patience(
            settings.n_iter_no_change + 1, lambda score, best: score >= best + settings.tol
        )
        self._start = time.perf_counter()
        self.rate, self.best_parameters = settings.learning_rate_init, None
        self.is_stopped = False

    def goes_on(self, loss):
        """Measure, report, and decide whether training continues after an epoch of this loss."""
        measured = self._measurements(loss)
        is_best = self._patience.take(measured.get("validation_score", -loss))
        if self._validate is not None and is_best:
            self.best_parameters = self._network.parameters.copy()
        now = time.perf_counter()
        measured["seconds"], self._start = now - self._start, now
        self.is_stopped = self._after_epoch is not None and bool(self._after_epoch(measured))
        if self.is_stopped:
            return False
        if self._patience.is_over and self._can_lower_the_rate():
            self.rate /= _RATE_DIVISOR
            self._patience.renew()
        return self._goes_to_the_end or not self._patience.is_over

    def _measurements(self, loss):
        refuse_divergence(self._network, loss)
        if self._validate is None:
            return {"loss": loss}
        score = self._validate(self._network)
        refuse_divergence(self._network, score)
        return {"loss": loss, "validation_score": score}

    def _can_lower_the_rate(self):
        return self._settings.learning_rate == "adaptive" and self.rate > _SMALLEST_RATE


def train(learner, data, *, validate=None, after_epoch=None, after_round=None):
    """Train for up to ``max_iter`` epochs, or until there is no further improvement.

    Parameters
    ----------
    learner : Learner
        Changed in place.
    data : TrainingData
    validate : callable, default=None
        Takes the network and returns a score (greater is better). Then this score must rise, and
        the parameters with the highest score are kept. None: the loss must fall, and the last
        parameters are kept.
    after_epoch : callable, default=None
        Takes the measurements of an epoch, a dict of numbers: "loss", "seconds" and, with
        ``validate``, "validation_score". Training stops if it returns True.
    after_round : callable, default=None
        Called after each round, if training is in rounds, see :mod:`skebm._parallel`.

    Returns
    -------
    stopped : bool
        Whether ``after_epoch`` stopped the training.

    Raises
    ------
    FloatingPointError
        If the parameters or measurements are no longer finite, or the parameters are too large for
        computations.
    """
    settings, network = learner.settings, learner.network
    if not settings.max_iter:
        return False
    watch = _Watch(learner, validate, after_epoch)
    if settings.solver == "lbfgs":
        refuse_divergence(network, learner.search(data, watch.goes_on))
    else:
        factor = DECAYS.get(settings.learning_rate, DECAYS["constant"])
        course = data.inputs.course(learner)
        for epoch in range(settings.max_iter):
            rate = watch.rate * factor(epoch, settings.max_iter)
            if not watch.goes_on(learner.run_epoch(data, rate, course, after_round)):
                break
    if watch.best_parameters is not None:
        network.parameters[:] = watch.best_parameters
    return watch.is_stopped
