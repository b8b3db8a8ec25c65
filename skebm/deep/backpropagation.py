"""Backpropagation: the loss of a minibatch, and its gradient.

A step is a list of phases, and each phase is divided into independent blocks: blocks of rows of the
minibatch to read data and to compute losses, blocks of units of one layer for the passes through
the network, blocks of rows of weights for gradients. Even with few rows, each thread has an equal
share of the work, and reads only its share of the weights::

    inputs[0] -> layer 0 -> inputs[1] -> layer 1 -> ... -> loss     forward
                 deltas[0] <------------ deltas[1] <- ... <- loss     backward
    gradient of the weights of layer k: inputs[k].T @ deltas[k]

``inputs[k]`` are the inputs of layer k; ``deltas[k]`` is the derivative of the loss with respect to
the inputs of its activation.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from .._solvers import place_of_rows
from .._threads import blocks_of, n_jobs_for, run_phases
from ..kernels import network as kernels
from ..kernels.blas import GEMM, multiply_by_rows, multiply_columns, multiply_transposed
from ..kernels.products import multiply
from .feedforward import ACTIVATIONS

# Smallest sizes of blocks: with smaller ones, threads do not pay off or matrix products are slow.
_FEWEST_ROWS = 16
_FEWEST_UNITS = 64
_FEWEST_WEIGHT_ROWS = 96

# Each block needs several calls from Python, for which threads wait for the GIL.
_MOST_BLOCKS = 4


class Batch(NamedTuple):
    """Some rows of the training data, and their weights.

    Attributes
    ----------
    data, targets : Rows
        The whole training data.
    numbers : ndarray of int
        Indices of the rows of this batch.
    weights : ndarray of shape (n_rows,)
        Factor of the loss of each row of the batch, with the dtype of the network.
    penalty_weight : float
        Factor of the penalties on weights.
    address : tuple of int
        Seed, stream and row from which random numbers are drawn; ``n_streams`` of the
        :class:`Backpropagation` are taken.
    """

    data: object
    targets: object
    numbers: np.ndarray
    weights: np.ndarray
    penalty_weight: float
    address: tuple

    def address_at(self, stream, row=0):
        """Address of a row of the batch in one of its streams."""
        seed, first_stream, first_row = self.address
        return seed, first_stream + stream, first_row + row


class Part(NamedTuple):
    """A block of parameters: some rows of the weights of a layer, or its bias.

    Attributes
    ----------
    layer : int
        Number of the layer.
    first : int
        Index of the first row of weights, or -1 for the bias.
    place : slice
        Slice of the block in the vector of all parameters.
    """

    layer: int
    first: int
    place: slice

    @property
    def size(self):
        """Number of parameters."""
        return self.place.stop - self.place.start


class Backpropagation:
    """Forward and backward passes through a network, in work arrays that are allocated once.

    Parameters
    ----------
    network : Network
    objective : Objective
    most_rows : int
        Largest number of rows of a batch.

    Attributes
    ----------
    parts : list of Part
        The blocks of parameters.
    n_streams : int
        Number of streams of random numbers per batch.
    """

    def __init__(self, network, objective, most_rows):
        self.network = network
        self.objective = objective
        layers = network.layers
        n_units = [len(layer.bias) for layer in layers]

        def work_arrays(sizes):
            return [np.empty((most_rows, size), dtype=network.dtype) for size in sizes]

        self._inputs = work_arrays([len(layers[0].weights), *n_units[:-1]])
        self._slopes = work_arrays(n_units[:-1])
        self._deltas = work_arrays(n_units)
        self._targets = work_arrays(n_units[-1:])[0]
        self._losses = np.empty(most_rows)
        self._penalties, self._pulls, self._weight_penalties = {}, {}, {}
        # Work for one thread is not divided: the overhead of a block is as long as a short product.
        is_small = n_jobs_for(self._n_products(most_rows)) == 1
        self._blocks_of = partial(blocks_of, most=1 if is_small else _MOST_BLOCKS)
        self._contraction = None
        if objective.contraction_cost:
            self._contraction = Contraction(network, objective, self._inputs, self._slopes)
        self._factors = [list(self._factors_of(k)) for k in range(len(layers))]
        self._units = [self._blocks_of(n, _FEWEST_UNITS) for n in n_units]
        self._batch = None
        self.parts = [
            part for k in range(objective.frozen_layers, len(layers)) for part in self._parts_of(k)
        ]
        self.n_streams = 2 * len(layers) + 2

    def _parts_of(self, k):
        of_weights, of_bias = self.network.places[k]
        if self.network.layers[k].tied_to is None:
            n_inputs, n_units = self.network.layers[k].weights.shape
            for rows in self._blocks_of(n_inputs, _FEWEST_WEIGHT_ROWS):
                yield Part(k, rows.start, place_of_rows(of_weights, rows, n_units))
        yield Part(k, -1, of_bias)

    def _factors_of(self, k):
        """Yield pairs of arrays; the gradient of layer k's weights is the sum of left.T @ right."""
        yield self._inputs[k], self._deltas[k]
        for other, layer in enumerate(self.network.layers):
            if layer.tied_to == k:
                yield self._deltas[other], self._inputs[other]
        if self._contraction and k < self.objective.contracted_layers:
            yield self._contraction.tangents[k], self._contraction.deltas[k]

    def _n_products(self, n_rows):
        """Number of multiplications of the forward and backward passes and the gradient."""
        return 3 * n_rows * len(self.network.parameters)

    # Phases

    def run(self, batch, *more_phases):
        """Run the forward and the backward pass through all layers.

        Parameters
        ----------
        batch : Batch
        *more_phases : tuple (function, blocks)
            Further phases for the same threads.

        Returns
        -------
        loss : float
            Weighted sum over all rows, plus penalties on activities; without penalties on weights,
            see :meth:`weight_penalty`.
        """
        self._batch = batch
        self._weight_penalties = {}
        objective, n_rows, n_layers = self.objective, len(batch.numbers), len(self.network.layers)
        rows = self._blocks_of(n_rows, _FEWEST_ROWS)
        phases = [(self._read, rows)]
        phases += [(partial(self._forward, k), self._units[k]) for k in range(n_layers)]
        phases += [(self._compare, rows)]
        if objective.sparse_layers:
            phases += [(self._measure_activity, objective.sparse_layers)]
        if self._contraction:
            phases += [(self._measure_change, rows)]
        for k in range(n_layers - 2, objective.frozen_layers - 1, -1):
            phases += [(partial(self._backward, k), self._units[k])]
        run_phases([*phases, *more_phases], n_jobs_for(self._n_products(n_rows)))
        penalty = sum(self._penalties[k] for k in objective.sparse_layers)
        return float(self._losses[:n_rows].sum() + penalty)

    def _now(self, array):
        """The rows of a work array that belong to this batch."""
        return array[: len(self._batch.numbers)]

    def _read(self, rows):
        """Read some rows of the batch and their targets, and corrupt the data."""
        batch, objective, n_layers = self._batch, self.objective, len(self.network.layers)
        inputs = self._inputs[0][rows]
        batch.data.take(batch.numbers[rows], inputs)
        batch.targets.take(batch.numbers[rows], self._targets[rows])
        if objective.corruption:
            objective.corruption.apply(inputs, batch.address_at(2 * n_layers, rows.start))
        if objective.dropout and objective.dropout[0]:
            share = objective.dropout[0]
            kernels.mask(inputs, share, 1 / (1 - share), *batch.address_at(0, rows.start))

    def _forward(self, k, units):
        """Compute values of some units of layer ``k``, or inputs of the loss for the last layer."""
        layer, n_layers = self.network.layers[k], len(self.network.layers)
        bounds = units.start, units.stop
        is_hidden = k + 1 < n_layers
        values = self._now(self._inputs[k + 1] if is_hidden else self._deltas[k])
        self._multiply(self._inputs[k], layer.weights, bounds, values)
        if self.objective.noise and self.objective.noise[k]:
            address = self._batch.address_at(n_layers + k)
            kernels.add_normal(values, self.objective.noise[k], *address, *bounds)
        if is_hidden:
            slopes = self._now(self._slopes[k])
            ACTIVATIONS[layer.activation].values(values, layer.bias, *bounds)
            ACTIVATIONS[layer.activation].slopes(values, slopes, *bounds)
            if self.objective.dropout and self.objective.dropout[k + 1]:
                address = self._batch.address_at(k + 1)
                kernels.drop(values, slopes, self.objective.dropout[k + 1], *address, *bounds)

    def _compare(self, rows):
        """Compute the loss of some rows, and the deltas of the last layer."""
        layer = self.network.layers[-1]
        loss = ACTIVATIONS[layer.activation].loss
        weights, losses = self._batch.weights[rows], self._losses[rows]
        loss(self._deltas[-1][rows], layer.bias, self._targets[rows], weights, losses)

    def _measure_activity(self, k):
        """Compute the penalty on the mean activities of layer ``k``, and its derivatives."""
        values, weights = self._now(self._inputs[k + 1]), self._batch.weights
        self._penalties[k], self._pulls[k] = self.objective.sparsity(values, weights)

    def _measure_change(self, rows):
        self._losses[rows] += self._contraction.run(rows, self._batch)

    def _backward(self, k, units):
        """Compute the deltas of some units of hidden layer ``k``."""
        bounds = units.start, units.stop
        deltas, following = self._now(self._deltas[k]), self.network.layers[k + 1]
        self._multiply(self._deltas[k + 1], following.weights.T, bounds, deltas)
        if k in self._pulls:
            deltas[:, units] += self._batch.weights[:, None] * self._pulls[k][units]
        kernels.multiply_by(deltas, self._now(self._slopes[k]), *bounds)
        if self._contraction:
            self._contraction.add_to(k, deltas, units)

    def _multiply(self, states, weights, bounds, out):
        """``out[:, first:stop] = states @ weights[:, first:stop]``; weights may be transposed."""
        gemm = GEMM[self.network.dtype]
        if weights.flags.c_contiguous:
            multiply_columns(gemm, self._now(states), weights, *bounds, out)
        else:
            multiply_by_rows(gemm, self._now(states), weights.T, *bounds, out)

    def gradient(self, part, out):
        """Gradient on the last batch with respect to a part of the parameters, including penalties.

        Parameters
        ----------
        part : Part
        out : ndarray of shape (n_parameters of the part,)
        """
        if part.first < 0:
            kernels.column_sums(self._now(self._deltas[part.layer]), out)
            return
        batch, objective, gemm = self._batch, self.objective, GEMM[self.network.dtype]
        out = out.reshape(-1, len(self.network.layers[part.layer].bias))
        for number, (left, right) in enumerate(self._factors[part.layer]):
            left, right = self._now(left), self._now(right)
            multiply_transposed(gemm, left, right, part.first, number > 0, out)
        l1, l2 = objective.l1 * batch.penalty_weight, objective.l2 * batch.penalty_weight
        if l1 or l2:
            weights = self.network.parameters[part.place].reshape(out.shape)
            self._weight_penalties[part.place.start] = kernels.penalize(weights, l1, l2, out)

    def weight_penalty(self):
        """Penalty on weights, not included in :meth:`run`; available after :meth:`gradient`."""
        return sum(self._weight_penalties.get(part.place.start, 0.0) for part in self.parts)


class Contraction:
    """The penalty on how much the code changes with the data, see :class:`Objective`.

    Along a direction of random normal numbers, the derivative of each layer's values is
    ``tangents[k + 1] = (tangents[k] @ weights) * slopes``. The penalty is the squared length of the
    last one. It is backpropagated like the loss, to the weights and, because the slopes depend on
    them, to the inputs of the activations.

    Parameters
    ----------
    network : Network
    objective : Objective
    inputs, slopes : list of ndarray
        Those of :class:`Backpropagation`.

    Attributes
    ----------
    tangents, deltas : list of ndarray
        Factors of the gradient with respect to the weights of each layer.
    """

    def __init__(self, network, objective, inputs, slopes):
        n_layers = objective.contracted_layers
        self._cost = objective.contraction_cost
        self._stream = 2 * len(network.layers) + 1
        self._layers = network.layers[:n_layers]
        self._values, self._slopes = inputs[1 : n_layers + 1], slopes[:n_layers]
        self.tangents = [np.empty_like(array) for array in inputs[: n_layers + 1]]
        self.deltas = [np.empty_like(array) for array in self._slopes]
        self._pulls = [np.empty_like(array) for array in self._slopes]

    def run(self, rows, batch):
        """Run both passes of some rows through the encoder; return their penalties."""
        self._draw_directions(rows, batch)
        for k, layer in enumerate(self._layers):
            values, slopes = self._values[k][rows], self._slopes[k][rows]
            change = multiply(self.tangents[k][rows], layer.weights, self.tangents[k + 1][rows])
            curvatures = ACTIVATIONS[layer.activation].curvatures(values, slopes)
            np.multiply(change, curvatures, out=self._pulls[k][rows])
            change *= slopes
        factors = self._cost * batch.weights[rows, None]
        penalties = (factors * change**2).sum(axis=1)
        by_tangent = 2 * factors * change
        for k in range(len(self._layers) - 1, -1, -1):
            self._pulls[k][rows] *= by_tangent
            deltas = np.multiply(by_tangent, self._slopes[k][rows], out=self.deltas[k][rows])
            weights = self._layers[k].weights
            by_tangent = multiply(deltas, weights.T, np.empty_like(self.tangents[k][rows]))
        return penalties

    def _draw_directions(self, rows, batch):
        directions = self.tangents[0][rows]
        directions[:] = 0
        address = batch.address_at(self._stream, rows.start)
        kernels.add_normal(directions, 1.0, *address, 0, directions.shape[1])

    def add_to(self, k, deltas, units):
        """Add the derivative of the penalty through the slopes to the deltas of layer ``k``."""
        if k < len(self._layers):
            deltas[:, units] += self._pulls[k][: len(deltas), units]
