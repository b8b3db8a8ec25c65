"""Training error of a module as a function of its hidden layer alone.

The output weights are the optimal ones for the hidden layer: a convex problem, solved again at each
evaluation of the error. At this minimum, the derivative of the error with respect to the hidden
weights is the one with the output weights held fixed. The solve itself is not differentiated.

There are two passes over the rows: one for the sums that the solve needs and, after it, one for the
residuals and the gradient. Both are sums over rows, so they can be computed in parts.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..kernels.products import add_product, multiply
from ..kernels.stacking import add_row_sums, slopes_of_units, weigh_columns
from .equations import NormalEquations
from .hidden_layer import HiddenLayer


@dataclass
class Penalty:
    """Strengths of the penalties on the output weights; see :meth:`NormalEquations.solve`."""

    alpha: float
    noise: float


@dataclass
class Point:
    """A hidden layer with its output weights, its error and its gradient.

    Attributes
    ----------
    layer : HiddenLayer
    coef : ndarray of shape (n_units, n_targets)
    intercept : ndarray of shape (n_targets,)
    squared_error : float
        Weighted sum over rows, and sum over targets.
    error : float
        The squared error plus the penalties.
    gradient : tuple of ndarray
        Derivatives of ``error`` with respect to the weights and the bias of the layer.
    equations : NormalEquations
        The equations that the output weights solve.
    """

    layer: HiddenLayer
    coef: np.ndarray
    intercept: np.ndarray
    squared_error: float
    error: float
    gradient: tuple
    equations: NormalEquations


class ReducedError:
    """Evaluates the error of a module and its gradient at a hidden layer.

    Parameters
    ----------
    examples : Examples or StreamedExamples
    penalty : Penalty
    n_bytes : float
        Activities of all rows are kept between the two passes if they take no more memory than
        this; otherwise they are computed twice.
    """

    def __init__(self, examples, penalty, n_bytes=0):
        self.examples = examples.keeping_activities(n_bytes) if n_bytes else examples
        self.penalty = penalty

    def with_weights(self, weights):
        """The same error with other weights of the rows; memory is shared."""
        return ReducedError(self.examples.with_weights(weights), self.penalty)

    def at(self, layer):
        """The :class:`Point` at ``layer``."""
        equations = self.normal_equations(layer)
        squares = equations.gram.diagonal()
        coef, intercept = (
            solved.astype(layer.dtype, order="C")
            for solved in equations.solve(self.penalty.alpha, self.penalty.noise)
        )
        of_rows = partial(residuals_of, layer, coef, intercept, self.penalty.noise)
        residuals = self.examples.total(of_rows)
        sizes = np.square(coef, dtype=np.float64).sum(axis=1)
        penalties = self.penalty.alpha * sizes.sum() + self.penalty.noise * (squares @ sizes)
        squared_error = residuals.squared_error
        error = squared_error + float(penalties)
        gradient = 2 * residuals.by_weights, 2 * residuals.by_bias
        return Point(layer, coef, intercept, squared_error, error, gradient, equations)

    def normal_equations(self, layer):
        """Sums over the rows that determine the output weights."""
        return self.examples.total(partial(equations_of, layer))


def equations_of(layer, examples):
    """Sums over some rows that determine the output weights.

    Parameters
    ----------
    layer : HiddenLayer
    examples : Examples

    Returns
    -------
    NormalEquations
    """
    equations = NormalEquations(layer.n_units, examples.n_targets)
    for part, activities in examples.activities.compute(layer):
        weights = examples.weights_of(part)
        _add_rows(equations, layer, activities, examples.targets[part], weights)
    return equations


@dataclass
class Residuals:
    """Sums over rows at given output weights.

    Attributes
    ----------
    squared_error : float
        Weighted sum over rows, and sum over targets.
    by_weights, by_bias : ndarray
        Half the derivatives of the error with respect to the weights and the bias of the hidden
        layer.
    """

    squared_error: float
    by_weights: np.ndarray
    by_bias: np.ndarray

    def __iadd__(self, other):
        self.squared_error += other.squared_error
        self.by_weights += other.by_weights
        self.by_bias += other.by_bias
        return self


def residuals_of(layer, coef, intercept, noise, examples):
    """Squared error of some rows, and the gradient with the output weights held fixed.

    Parameters
    ----------
    layer : HiddenLayer
    coef, intercept : ndarray
        Output weights.
    noise : float
        See :class:`Penalty`.
    examples : Examples
        Activities that :func:`equations_of` has kept are not computed again.

    Returns
    -------
    Residuals
    """
    found = Residuals(0.0, np.zeros_like(layer.weights), np.zeros_like(layer.bias))
    shrinkage = noise * np.square(coef).sum(axis=1)
    room = np.empty(0, dtype=layer.dtype)
    for part, activities in examples.activities.again(layer):
        if room.size < activities.size:
            room = np.empty(activities.size, dtype=layer.dtype)
        slopes = room[: activities.size].reshape(activities.shape)
        residuals = outputs_of(layer, activities, coef, intercept)
        residuals -= examples.targets[part].T
        weights = examples.weights_of(part)
        if weights is None:
            weights = np.ones(residuals.shape[1], dtype=layer.dtype)
        squares = np.square(residuals, dtype=np.float64).sum(axis=0)
        found.squared_error += float(squares @ weights)
        residuals *= weights
        blame = Blame(coef, residuals, shrinkage, weights)
        _add_gradient(found, layer, activities, blame, examples.rows, part, slopes)
    return found


def _add_gradient(found, layer, activities, blame, rows, part, slopes):
    """Add half the derivatives with respect to weights and bias, for the rows in a slice.

    ``slopes`` is a buffer with the shape of the activities.
    """

    def add_block(block):
        blame.slopes(block, activities, found.by_bias, slopes[block])
        rows.add_gradient(slopes[block], part, found.by_weights[block])

    layer.for_each_block(add_block)


@dataclass
class Blame:
    """Derivatives of the error with respect to the inputs of the hidden units, for some rows.

    Attributes
    ----------
    coef : ndarray of shape (n_units, n_targets)
    residuals : ndarray of shape (n_targets, n_rows)
        Outputs minus targets, times the weights of the rows.
    shrinkage : ndarray of shape (n_units,)
        Factor of the penalty on the squared activities of each unit.
    weights : ndarray of shape (n_rows,)
        Weights of the rows.
    """

    coef: np.ndarray
    residuals: np.ndarray
    shrinkage: np.ndarray
    weights: np.ndarray

    def slopes(self, block, activities, by_bias, out):
        """Half the derivatives for a block of units; their sums over rows are added to ``by_bias``.

        They are with respect to the inputs of the units.
        """
        multiply(self.coef[block], self.residuals, out)
        slopes_of_units(out, activities[block], self.shrinkage[block], self.weights, by_bias[block])
        return out


def outputs_of(layer, activities, coef, intercept):
    """Linear outputs (n_targets, n_rows) for activities (n_units, n_rows).

    Blocks are added in a fixed order, whichever thread computed them.
    """
    parts = {}

    def add_block(block):
        part = np.empty((coef.shape[1], activities.shape[1]), dtype=layer.dtype)
        parts[block.start] = multiply(coef[block].T, activities[block], part)

    layer.for_each_block(add_block)
    out = np.repeat(intercept[:, None], activities.shape[1], axis=1)
    for start in sorted(parts):
        out += parts[start]
    return out


def _add_rows(equations, layer, activities, targets, weights):
    """Add the sums over some rows, one block of units after the other."""
    weighted_targets = targets if weights is None else targets * weights[:, None]
    weighted = activities if weights is None else np.empty_like(activities)

    def weigh(block):
        weigh_columns(activities[block], weights, weighted[block])

    def add_sums(block):
        add_row_sums(weighted[block], equations.unit_sums[block])
        add_product(activities[block], weighted_targets, equations.cross[block])

    def add_tile(tile):
        block, other = tile
        add_product(weighted[block], activities[other].T, equations.gram[block, other])

    if weights is not None:
        layer.for_each_block(weigh)
    layer.for_each_block(add_sums)
    layer.for_each(add_tile, layer.lower_tiles)
    equations.weight += float(len(targets) if weights is None else weights.sum(dtype=np.float64))
    equations.target_sums += weighted_targets.sum(axis=0, dtype=np.float64)
    equations.target_squares += (weighted_targets * targets).sum(axis=0, dtype=np.float64)
