"""Minibatch descent of hidden and output weights together: far from a minimum, cheaper by far.

A step on a hundred rows costs a thousandth of one on all rows and takes a network out of the
state in which it was started almost as far. The output weights that it ends with are thrown away:
the solve finds better ones.
"""

import math

import numpy as np

from .._schedules import DECAYS
from .._source import DenseRows, chunks
from ..kernels.products import multiply
from ..kernels.stacking import adam_step, drop_features
from .reduced_error import Blame, outputs_of

# Of Adam: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
_KEEP_MEAN, _KEEP_SQUARE, _TINY = 0.9, 0.999, 1e-8


class WarmUp:
    """Steps of Adam on minibatches, with a learning rate that falls to zero along a cosine.

    Parameters
    ----------
    examples : Examples
    penalty : Penalty
    point : Point
        Where to start. It stays as it is.
    learning_rate : float
    batch_size : int
    input_dropout : float
        Share of the features that are dropped from each row of a minibatch.
    streams : RandomStreams
    """

    def __init__(
        self, examples, penalty, point, *, learning_rate, batch_size, input_dropout, streams
    ):
        self._examples = examples
        self._penalty = penalty
        self.layer = point.layer.with_parameters(
            point.layer.weights.copy(), point.layer.bias.copy()
        )
        self._coef = point.coef.copy()
        self._intercept = point.intercept.copy()
        self._learning_rate = learning_rate
        self._batch_size = batch_size
        self._input_dropout = input_dropout
        self._streams = streams
        # Vectors as columns or rows of matrices: one kernel moves them all.
        self._adams = [
            Adam(parameter)
            for parameter in (
                self.layer.weights,
                self.layer.bias[:, None],
                self._coef,
                self._intercept[None],
            )
        ]

    def run(self, n_epochs):
        """Go ``n_epochs`` times over the rows, in a new order each time, and return the layer."""
        n_rows = len(self._examples.targets)
        batches = chunks(n_rows, self._batch_size)
        n_steps = n_epochs * len(batches)
        for epoch in range(n_epochs):
            order = self._streams.generator().permutation(n_rows)
            for number, part in enumerate(batches, start=epoch * len(batches)):
                fall = DECAYS["cosine"](number, n_steps)
                self._step(order[part], self._learning_rate * fall, number + 1)
        return self.layer

    def _step(self, numbers, rate, count):
        layer = self.layer
        X, targets, weights = self._batch(numbers)
        activities = layer.activities(DenseRows(X), slice(0, len(X)))
        residuals = outputs_of(layer, activities, self._coef, self._intercept)
        residuals -= targets.T
        residuals *= weights
        noise = self._penalty.noise
        alpha = self._penalty.alpha * len(X) / len(self._examples.targets)
        shrinkage = np.square(self._coef).sum(axis=1) * layer.dtype.type(noise)
        blame = Blame(self._coef, residuals, shrinkage, weights)
        by_bias = np.zeros_like(layer.bias)
        weights_adam, bias_adam, coef_adam, intercept_adam = self._adams

        def move(block):
            h, coef = activities[block], self._coef[block]
            by_weights = np.empty_like(layer.weights[block])
            multiply(blame.slopes(block, activities, by_bias), X, by_weights)
            by_coef = multiply(h, residuals.T, np.empty_like(coef))
            squares = np.square(h) @ weights
            by_coef += (alpha + noise * squares).astype(layer.dtype)[:, None] * coef
            weights_adam.step(block, by_weights, rate, count)
            bias_adam.step(block, by_bias[block][:, None], rate, count)
            coef_adam.step(block, by_coef, rate, count)

        layer.for_each_block(move)
        intercept_adam.step(slice(0, 1), residuals.sum(axis=1)[None], rate, count)

    def _batch(self, numbers):
        """Rows with these numbers, some of their features dropped; their targets and weights."""
        examples, dtype = self._examples, self.layer.dtype
        X = examples.rows.take(numbers, np.empty((len(numbers), examples.rows.shape[1]), dtype))
        if self._input_dropout:
            drop_features(X, self._input_dropout, self._streams.seed, self._streams.take())
        weights = np.ones(len(numbers), dtype)
        if examples.weights is not None:
            weights = examples.weights[numbers]
        return X, examples.targets[numbers], weights


class Adam:
    """Moving averages of the gradient of one parameter, and the steps that follow from them.

    Parameters
    ----------
    parameter : ndarray of two dimensions
        Changed in place.
    """

    def __init__(self, parameter):
        self.parameter = parameter
        self._mean = np.zeros_like(parameter)
        self._square = np.zeros_like(parameter)

    def step(self, part, gradient, rate, count):
        """Move the rows in the slice ``part`` downhill; ``count`` numbers the steps from 1 on."""
        rate *= math.sqrt(1 - _KEEP_SQUARE**count) / (1 - _KEEP_MEAN**count)
        numbers = map(self.parameter.dtype.type, (rate, _KEEP_MEAN, _KEEP_SQUARE, _TINY))
        adam_step(self.parameter[part], gradient, self._mean[part], self._square[part], *numbers)
