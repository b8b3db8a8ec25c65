"""Training of a module: from its initial hidden layer to the best one that was found."""

import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np

from .._stopping import Patience
from .descent import descend
from .module import Module, linear_outputs
from .reduced_error import Penalty, ReducedError, outputs_of
from .warm_up import WarmUp

# Candidates for ``alpha`` if it is "loo" or "gcv".
ALPHAS = np.logspace(-3, 4, 15)

# With fewer steps, the curvature would have to be estimated too often.
_STEPS_OF_ONE_EMPHASIS = 5


@dataclass
class Settings:
    """Settings of the training of a module, named like the parameters of the estimators."""

    alpha: float | str
    dropout: float
    warm_up: int
    learning_rate: float
    batch_size: int
    input_dropout: float
    max_iter: int
    tol: float
    n_iter_no_change: int
    emphasis: bool
    n_bytes: float

    @property
    def noise(self):
        """Variance of a unit with dropout, relative to its squared mean."""
        return self.dropout / (1 - self.dropout)


def train_module(layer, training, held_out, settings, streams, report):
    """Solve for the output weights, warm up, fine-tune, and return the module.

    Parameters
    ----------
    layer : HiddenLayer
        Initial hidden layer.
    training : Examples or StreamedExamples
    held_out : the same or None
        If given, the point with the lowest error on these rows is kept.
    settings : Settings
    streams : RandomStreams
    report : callable
        Called with the number of the step, the mean squared error of the training rows, that of
        the rows held out or None, and the time in seconds.

    Returns
    -------
    module : Module
    point : Point
        The point of the module.
    """
    settings = replace(settings, alpha=_alpha_for(layer, training, settings))
    watch = _Watch(training, held_out, settings, report)
    for point in _points(training, layer, settings, streams):
        watch.see(point)
        if watch.is_over():
            break
    return watch.module(watch.best_point), watch.best_point


def cross_validated_module(layer, training, folds, settings, streams, report):
    """A module that has taken as many steps as are best for rows that are left out.

    For each fold, a module is trained without its rows, step by step at the same time and with the
    same penalty. The number of steps is the one with the lowest error on the rows that were left
    out. So many steps are then taken on all rows.

    Parameters
    ----------
    layer, settings, streams, report
        See :func:`train_module`. The report gets the error of the rows left out.
    training : Examples
        All rows.
    folds : list of (Examples, Examples)
        For each fold, the rows to train on and those that are left out.

    Returns
    -------
    module : Module
        Its ``validation_curve_`` is the error of the rows left out.
    point : Point
        The point of the module.
    modules : list of Module
        The module of each fold after so many steps.
    """
    settings = replace(settings, alpha=_alpha_for(layer, training, settings))
    watches = [_Watch(kept, left_out, settings) for kept, left_out in folds]
    paths = [_points(kept, layer, settings, streams) for kept, _ in folds]
    curve, best_modules, patience = [], [], _patience(settings)
    while not patience.is_over:
        have_moved = [_take_step(*pair) for pair in zip(paths, watches, strict=True)]
        if not any(have_moved):
            break
        curve.append(_mean_over_folds(watches, folds))
        if patience.take(-curve[-1]):
            best_modules = [watch.module(watch.last_point) for watch in watches]
    watch = _Watch(training, None, settings, report, curve)
    n_points = 1 + int(np.argmin(curve))
    for point in islice(_points(training, layer, settings, streams), n_points):
        watch.see(point)
    return watch.module(watch.best_point), watch.best_point, best_modules


def _take_step(points, watch):
    """Let the watch see the next point; False if there is none."""
    point = next(points, None)
    if point is not None:
        watch.see(point)
    return point is not None


def _mean_over_folds(watches, folds):
    """Squared error of the rows left out after the last step, mean over the rows of all folds."""
    errors = [watch.held_out_errors[-1] for watch in watches]
    return float(np.average(errors, weights=[left_out.total_weight() for _, left_out in folds]))


def _alpha_for(layer, training, settings):
    if isinstance(settings.alpha, str):
        return choose_alpha(layer, training, settings)
    return settings.alpha


def _points(training, layer, settings, streams):
    """Yield the successive points of a module, of decreasing error."""
    error = ReducedError(training, Penalty(settings.alpha, settings.noise), settings.n_bytes)
    point = error.at(layer)
    yield point
    if settings.warm_up and settings.max_iter:
        warmed = error.at(_warmed_up(point, error, settings, streams))
        # If the learning rate is too high, the warm-up may raise the error: it is then ignored.
        if warmed.error < point.error:
            point = warmed
            yield point
    go_down = _descend_with_emphasis if settings.emphasis else descend
    points = go_down(error, point, settings.max_iter)
    del point, layer  # Each holds a matrix over all pairs of units.
    yield from points


def _descend_with_emphasis(error, point, max_iter):
    """Like :func:`descend`, with more weight for rows that are predicted badly.

    The weight of a row is (1 + squared error / mean squared error) / 2, constant for some steps.
    The point after these steps is yielded if the error without these weights has fallen. If not,
    the remaining steps are taken without them.
    """
    for first in range(0, max_iter, _STEPS_OF_ONE_EMPHASIS):
        weighted = error.with_weights(_emphasis(error.examples, point))
        n_steps = min(_STEPS_OF_ONE_EMPHASIS, max_iter - first)
        found = error.at(_end_of(descend(weighted, weighted.at(point.layer), n_steps), point.layer))
        if found.error >= point.error:
            yield from descend(error, point, max_iter - first)
            return
        point = found
        yield point


def _end_of(points, layer):
    """The layer of the last of the points; ``layer`` if there are none."""
    for point in points:
        layer = point.layer
    return layer


def _emphasis(examples, point):
    """Weights of the rows, larger for rows with a larger squared error."""
    squares = examples.of_each_row(partial(_squared_errors, point))
    given = np.ones_like(squares) if examples.weights is None else examples.weights
    mean = np.average(squares, weights=given)
    return given * (1 + squares / mean) / 2 if mean > 0 else given


def _squared_errors(point, examples):
    """Squared error of each row in memory, summed over the targets."""
    outputs = linear_outputs(point.layer, examples.rows, point.coef, point.intercept)
    return np.square(outputs - examples.targets).sum(axis=1)


def choose_alpha(layer, training, settings):
    """The alpha among :data:`ALPHAS` with the lowest estimated error on unseen rows.

    The estimate is generalised cross-validation or the leave-one-out error. Both need only one
    eigendecomposition for all values.
    """
    error = ReducedError(training, Penalty(0.0, settings.noise))
    spectrum = error.normal_equations(layer).spectrum(settings.noise)
    if settings.alpha == "gcv":
        estimates = [spectrum.generalised_cross_validation(alpha) for alpha in ALPHAS]
    else:
        estimates = _leave_one_out_errors(layer, training, spectrum)
    return float(ALPHAS[np.argmin(estimates)])


def _leave_one_out_errors(layer, training, spectrum):
    """Leave-one-out squared error, summed over the rows, for each alpha."""
    inverses = np.stack([spectrum.inverse(alpha) for alpha in ALPHAS], axis=1)
    solutions = [
        [solved.astype(layer.dtype, order="C") for solved in spectrum.solve(alpha)]
        for alpha in ALPHAS
    ]

    def errors_of(examples):
        errors = np.zeros(len(ALPHAS))
        for part, activities in examples.activities.compute(layer):
            weights = examples.weights_of(part)
            leverages = spectrum.leverages(activities, inverses).T * examples.weight_left_out(part)
            for number, (coef, intercept) in enumerate(solutions):
                outputs = outputs_of(layer, activities, coef, intercept).T
                squares = np.square(outputs - examples.targets[part], dtype=np.float64).sum(axis=1)
                squares /= np.square(np.maximum(1 - leverages[number], np.finfo(float).eps))
                errors[number] += squares.sum() if weights is None else squares @ weights
        return errors

    return training.total(errors_of)


def _warmed_up(point, error, settings, streams):
    warm_up = WarmUp(
        error.examples,
        error.penalty,
        point,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        input_dropout=settings.input_dropout,
        streams=streams,
    )
    return warm_up.run(settings.warm_up)


def _patience(settings):
    """Patience for negative errors. A gain is a relative decrease of the error by more than tol."""
    return Patience(
        settings.n_iter_no_change, lambda score, best: score > best * (1 - settings.tol)
    )


class _Watch:
    """Records the points of a descent, keeps the best and decides when to stop.

    The best is the one with the lowest error on the rows held out; without such rows, the last.
    ``known_errors`` are errors of rows held out that were measured before, one for each point.
    """

    def __init__(self, training, held_out, settings, report=None, known_errors=None):
        self._n_rows = training.total_weight()
        self._held_out = held_out
        self._known_errors = known_errors
        self._alpha = settings.alpha
        self._patience = _patience(settings)
        self._report = report
        self._start = time.perf_counter()
        self._errors, self.held_out_errors = [], []
        self.last_point = self.best_point = self._first_squared_error = None

    def see(self, point):
        """Record a point; raises FloatingPointError if its error is not finite."""
        error = point.error / self._n_rows
        if not np.isfinite(error):
            raise FloatingPointError("The error is no longer finite.")
        squared_error = point.squared_error / self._n_rows
        self._first_squared_error = self._first_squared_error or squared_error
        held_out_error = self._held_out_error(point)
        if held_out_error is not None:
            self.held_out_errors.append(held_out_error)
        self._errors.append(error)
        is_best = self._patience.take(-(error if held_out_error is None else held_out_error))
        self.last_point = point
        if is_best or self._held_out is None:
            self.best_point = point
        if self._report is not None:
            number, seconds = len(self._errors) - 1, time.perf_counter() - self._start
            self._report(number, squared_error, held_out_error, seconds)

    def _held_out_error(self, point):
        """The error of the rows held out, or None if there are none."""
        if self._known_errors is not None:
            return self._known_errors[len(self._errors)]
        if self._held_out is None:
            return None
        error = mean_squared_error(point, self._held_out)
        if not np.isfinite(error):
            raise FloatingPointError("The error of the rows held out is not finite.")
        return error

    def is_over(self):
        """Whether too many points in succession brought no gain."""
        return self._patience.is_over

    def module(self, point):
        """A point that was seen, as a module."""
        return Module(
            components_=point.layer.weights,
            intercept_hidden_=point.layer.bias,
            coef_=point.coef,
            intercept_=point.intercept,
            alpha_=self._alpha,
            error_before_=self._first_squared_error,
            error_after_=point.squared_error / self._n_rows,
            error_curve_=list(self._errors),
            validation_curve_=list(self.held_out_errors),
        )


def mean_squared_error(point, examples):
    """Squared error summed over the targets, mean over the rows."""

    def squared_error_of(some):
        outputs = linear_outputs(point.layer, some.rows, point.coef, point.intercept)
        squares = np.square(outputs - some.targets, dtype=np.float64).sum(axis=1)
        return squares.sum() if some.weights is None else squares @ some.weights

    return float(examples.total(squared_error_of) / examples.total_weight())
