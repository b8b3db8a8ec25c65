"""Minibatch descent of hidden and output weights together: fast while far from a minimum.

A step on a hundred rows takes a thousandth of the time of a step on all rows, and early in training
it is almost as good. The final output weights are discarded: the solve finds better ones.
"""

import numpy as np

from .._rows import DenseRows
from .._schedules import DECAYS
from .._solvers import SolverSettings, in_one_vector, place_of_rows, stochastic_solver
from .._source import chunks
from ..kernels.network import mask
from ..kernels.products import multiply
from .reduced_error import Blame, outputs_of


class WarmUp:
    """Steps of Adam on minibatches, with a learning rate that falls to zero along a cosine.

    Parameters
    ----------
    examples : Examples or StreamedExamples
    penalty : Penalty
    point : Point
        Initial point; it is not changed.
    learning_rate : float
    batch_size : int
    input_dropout : float
        Probability with which a feature is dropped from a row of a minibatch.
    streams : RandomStreams
    """

    def __init__(
        self, examples, penalty, point, *, learning_rate, batch_size, input_dropout, streams
    ):
        self._examples = examples
        self._penalty = penalty
        start = [point.layer.weights, point.layer.bias, point.coef, point.intercept]
        self._parameters, views, self._places = in_one_vector(start)
        weights, bias, self._coef, self._intercept = views
        self._layer = point.layer.with_parameters(weights, bias)
        self._solver = stochastic_solver(self._parameters, SolverSettings("adam"))
        self._learning_rate = learning_rate
        self._batch_size = batch_size
        self._input_dropout = input_dropout
        self._streams = streams

    def run(self, n_epochs):
        """Run ``n_epochs`` epochs, each in a new order of the rows, and return the layer."""
        n_steps = n_epochs * -(-self._examples.n_rows // self._batch_size)
        number = 0
        for _ in range(n_epochs):
            for examples, order in self._examples.passes(self._streams.generator()):
                for part in chunks(len(order), self._batch_size):
                    # A stream has some more steps, as no minibatch spans two windows.
                    fall = DECAYS["cosine"](min(number, n_steps - 1), n_steps)
                    self._step(examples, order[part], self._learning_rate * fall)
                    number += 1
        # Copies, so that the vector with the output weights can be freed.
        return self._layer.with_parameters(self._layer.weights.copy(), self._layer.bias.copy())

    def _step(self, examples, numbers, rate):
        layer = self._layer
        X, targets, weights = self._batch(examples, numbers)
        activities = layer.activities(DenseRows(X), slice(0, len(X)))
        residuals = outputs_of(layer, activities, self._coef, self._intercept)
        residuals -= targets.T
        residuals *= weights
        noise = self._penalty.noise
        alpha = self._penalty.alpha * len(X) / self._examples.n_rows
        shrinkage = np.square(self._coef).sum(axis=1) * layer.dtype.type(noise)
        blame = Blame(self._coef, residuals, shrinkage, weights)
        by_bias = np.zeros_like(layer.bias)
        of_weights, of_bias, of_coef, of_intercept = self._places
        self._solver.begin_step(rate)

        def move_rows(place, rows, gradient):
            place = place_of_rows(place, rows, gradient.size // len(gradient))
            self._solver.move(self._parameters, place, gradient.ravel())

        def move(block):
            h, coef = activities[block], self._coef[block]
            by_weights = np.empty_like(layer.weights[block])
            slopes = blame.slopes(block, activities, by_bias, np.empty_like(h))
            multiply(slopes, X, by_weights)
            by_coef = multiply(h, residuals.T, np.empty_like(coef))
            squares = np.square(h) @ weights
            by_coef += (alpha + noise * squares).astype(layer.dtype)[:, None] * coef
            move_rows(of_weights, block, by_weights)
            move_rows(of_bias, block, by_bias[block])
            move_rows(of_coef, block, by_coef)

        layer.for_each_block(move)
        self._solver.move(self._parameters, of_intercept, residuals.sum(axis=1))

    def _batch(self, examples, numbers):
        """Rows with these numbers, with some features dropped; their targets and weights."""
        dtype = self._layer.dtype
        X = examples.rows.take(numbers, np.empty((len(numbers), examples.rows.shape[1]), dtype))
        if self._input_dropout:
            kept = 1 - self._input_dropout
            mask(X, self._input_dropout, 1 / kept, self._streams.seed, self._streams.take(), 0)
        weights = np.ones(len(numbers), dtype)
        if examples.weights is not None:
            weights = examples.weights[numbers]
        return X, examples.targets[numbers], weights
