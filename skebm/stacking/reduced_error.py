"""Training error of a module as a function of its hidden layer alone.

The output weights are those that are best for the hidden layer: a convex problem, solved from
scratch wherever the error is asked for. As they are a minimum, the derivative of the error by the
hidden weights is the one with the output weights held fixed, and nothing of the solve has to be
differentiated.

Rows are worked on in chunks, twice: once for the sums that the solve needs, and, after it, once
for the residuals and the gradient.
"""

import copy
from dataclasses import dataclass, replace

import numpy as np

from .._source import chunks
from ..kernels.products import add_product, multiply
from ..kernels.stacking import add_row_sums, slopes_of_units, weigh_columns
from .equations import NormalEquations
from .hidden_layer import HiddenLayer

# Rows in a chunk: enough that adding up its sums in float64 is cheap beside making them.
CHUNK = 4096


@dataclass
class Penalty:
    """What is added to the squared error; see :meth:`NormalEquations.solve`."""

    alpha: float
    noise: float


@dataclass
class Examples:
    """Rows to learn from, and what is wanted of them.

    ``rows`` as in :mod:`skebm._source`; ``targets`` (n_rows, n_targets) and ``weights`` (n_rows,),
    None for all 1, of the type of the rows.
    """

    rows: object
    targets: np.ndarray
    weights: np.ndarray | None = None

    def weights_of(self, part):
        """Weights of the rows in a slice, or None."""
        return None if self.weights is None else self.weights[part]

    def weight_left_out(self, part):
        """Weight that is missing when a row in the slice is left out once.

        A row of weight 2 is the same row twice, of which one stays.
        """
        return 1.0 if self.weights is None else np.minimum(self.weights[part], 1)

    def take(self, numbers):
        """The rows with these numbers."""
        rows = self.rows.subset(numbers)
        weights = None if self.weights is None else self.weights[numbers]
        return Examples(rows, self.targets[numbers], weights)

    def total_weight(self):
        """Sum of the weights: without weights, the number of rows."""
        if self.weights is None:
            return float(len(self.targets))
        return float(self.weights.sum(dtype=np.float64))


@dataclass
class Point:
    """The error at a hidden layer, with what belongs to it.

    Attributes
    ----------
    layer : HiddenLayer
    coef : ndarray of shape (n_units, n_targets)
    intercept : ndarray of shape (n_targets,)
    squared_error : float
        Sum over rows and targets, each row times its weight.
    error : float
        The squared error and the penalties.
    gradient : tuple of ndarray
        Derivatives of ``error`` by the weights and by the bias of the layer.
    equations : NormalEquations
        What the output weights were solved from.
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
    examples : Examples
    penalty : Penalty
    n_bytes : float
        Activities of all rows are kept between the two passes if they take no more than this;
        else they are computed twice.
    """

    def __init__(self, examples, penalty, n_bytes=0):
        self.examples = examples
        self.penalty = penalty
        self._activities = ChunkedActivities(examples.rows, n_bytes)

    def with_weights(self, weights):
        """The same error with other weights of the rows, in the same memory."""
        other = copy.copy(self)
        other.examples = replace(self.examples, weights=weights)
        return other

    def at(self, layer):
        """The :class:`Point` at ``layer``."""
        equations = self.normal_equations(layer)
        squares = equations.gram.diagonal()
        coef, intercept = (
            solved.astype(layer.dtype, order="C")
            for solved in equations.solve(self.penalty.alpha, self.penalty.noise)
        )
        squared_error, gradient = self._residual_pass(layer, coef, intercept)
        sizes = np.square(coef, dtype=np.float64).sum(axis=1)
        penalties = self.penalty.alpha * sizes.sum() + self.penalty.noise * (squares @ sizes)
        error = squared_error + float(penalties)
        return Point(layer, coef, intercept, squared_error, error, gradient, equations)

    def normal_equations(self, layer):
        """Sums over the rows from which the output weights follow."""
        examples = self.examples
        equations = NormalEquations(layer.n_units, examples.targets.shape[1])
        for part, activities in self._activities.compute(layer):
            weights = examples.weights_of(part)
            _add_rows(equations, layer, activities, examples.targets[part], weights)
        return equations

    def _residual_pass(self, layer, coef, intercept):
        """Squared error of all rows, and the gradient with the output weights held fixed."""
        examples = self.examples
        gradient = np.zeros_like(layer.weights), np.zeros_like(layer.bias)
        shrinkage = self.penalty.noise * np.square(coef).sum(axis=1)
        squared_error = 0.0
        for part, activities in self._activities.again(layer):
            residuals = outputs_of(layer, activities, coef, intercept)
            residuals -= examples.targets[part].T
            weights = examples.weights_of(part)
            if weights is None:
                weights = np.ones(residuals.shape[1], dtype=layer.dtype)
            squares = np.square(residuals, dtype=np.float64).sum(axis=0)
            squared_error += float(squares @ weights)
            residuals *= weights
            blame = Blame(coef, residuals, shrinkage, weights)
            self._add_gradient(layer, activities, blame, part, gradient)
        for derivatives in gradient:
            derivatives *= 2
        return squared_error, gradient

    def _add_gradient(self, layer, activities, blame, part, gradient):
        """Add half the derivatives by weights and bias, from the rows in a slice."""
        by_weights, by_bias = gradient

        def add_block(block):
            slopes = blame.slopes(block, activities, by_bias)
            self.examples.rows.add_gradient(slopes, part, by_weights[block])

        layer.for_each_block(add_block)


@dataclass
class Blame:
    """What some rows have against the hidden units.

    Attributes
    ----------
    coef : ndarray of shape (n_units, n_targets)
    residuals : ndarray of shape (n_targets, n_rows)
        Outputs less targets, times the weights of the rows.
    shrinkage : ndarray of shape (n_units,)
        Factor of the penalty on the squared activities of each unit.
    weights : ndarray of shape (n_rows,)
        Weights of the rows.
    """

    coef: np.ndarray
    residuals: np.ndarray
    shrinkage: np.ndarray
    weights: np.ndarray

    def slopes(self, block, activities, by_bias):
        """Half the derivatives by the inputs of a block of units; sums are added to ``by_bias``."""
        slopes = np.empty_like(activities[block])
        multiply(self.coef[block], self.residuals, slopes)
        slopes_of_units(
            slopes, activities[block], self.shrinkage[block], self.weights, by_bias[block]
        )
        return slopes


class ChunkedActivities:
    """Activities of a layer for all rows, a chunk at a time, kept or computed again.

    Parameters
    ----------
    rows : Rows
    n_bytes : float
        All are kept if they take no more than this.
    """

    def __init__(self, rows, n_bytes=0):
        self._rows = rows
        self._n_bytes = n_bytes
        self._parts = chunks(rows.shape[0], CHUNK)
        self._rooms = []

    def compute(self, layer):
        """Yield each chunk, a slice, and its activities (n_units, n_rows)."""
        if not self._rooms:
            self._make_room(layer)
        for number, part in enumerate(self._parts):
            yield part, layer.activities(self._rows, part, self._room(layer, number))

    def again(self, layer):
        """Yield the same once more."""
        if len(self._rooms) < len(self._parts):
            yield from self.compute(layer)
            return
        for number, part in enumerate(self._parts):
            yield part, self._room(layer, number)

    def _make_room(self, layer):
        needed = self._rows.shape[0] * layer.n_units * layer.dtype.itemsize
        parts = self._parts if needed <= self._n_bytes else self._parts[:1]
        self._rooms = [
            np.empty(layer.n_units * (part.stop - part.start), dtype=layer.dtype) for part in parts
        ]

    def _room(self, layer, number):
        part = self._parts[number]
        shape = layer.n_units, part.stop - part.start
        # The last chunk may be shorter than the room that it shares with the others.
        return self._rooms[number % len(self._rooms)][: shape[0] * shape[1]].reshape(shape)


def outputs_of(layer, activities, coef, intercept):
    """Linear outputs (n_targets, n_rows) for activities (n_units, n_rows).

    Blocks are added up in their order, whichever thread has computed them.
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
    """Add the sums over some rows, block of units by block of units."""
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
