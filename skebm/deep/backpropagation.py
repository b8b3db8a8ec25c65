"""Backpropagation: the loss of a minibatch, and its gradient.

Rows do not depend on each other until gradients are added up over them. So each block of rows
goes forward and backward through all layers on one thread; then each block of parameters gets its
gradient, which is a matrix product over all rows, on one thread::

    inputs[0] -> layer 0 -> inputs[1] -> layer 1 -> ... -> loss     forward
                 deltas[0] <------------ deltas[1] <- ... <- loss     backward
    gradient of the weights of layer k: inputs[k].T @ deltas[k]

``inputs[k]`` is what goes into layer k; ``deltas[k]`` is the derivative of the loss by what goes
into the activation of layer k.
"""

from typing import NamedTuple

import numpy as np

from .._threads import blocks_of, for_each
from ..kernels import network as kernels
from ..kernels.products import multiply
from .feedforward import ACTIVATIONS

# With fewer rows than this, matrix products are slow.
_FEWEST_ROWS = 32
_FEWEST_WEIGHT_ROWS = 96


class Batch(NamedTuple):
    """Some rows of the training data, and how much each counts.

    Attributes
    ----------
    data, targets : DenseRows or SparseRows
        The whole training data.
    numbers : ndarray of int
        Those of the rows of this batch.
    weights : ndarray of shape (n_rows,)
        Factor of the loss of each row of the batch; of the type of the network.
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

    def address_of(self, block, stream):
        """Address of the first row of a block in one of the streams."""
        seed, first_stream, first_row = self.address
        return seed, first_stream + stream, first_row + block.start


class Part(NamedTuple):
    """A block of parameters: some rows of the weights of a layer, or its bias.

    Attributes
    ----------
    layer : int
        Number of the layer.
    first : int
        Number of the first row of weights, or -1 for the bias.
    place : slice
        Where in the vector of all parameters the block is.
    """

    layer: int
    first: int
    place: slice


class Backpropagation:
    """The passes of training through a network, in work arrays that are made once.

    Parameters
    ----------
    network : Network
    objective : Objective
    most_rows : int
        Largest number of rows of a batch.

    Attributes
    ----------
    parts : list of Part
        The blocks that the parameters are cut into.
    n_streams : int
        Number of streams of random numbers that a batch takes.
    """

    def __init__(self, network, objective, most_rows):
        self.network = network
        self.objective = objective
        layers = network.layers
        n_units = [len(layer.bias) for layer in layers]

        def work_arrays(sizes):
            return [np.empty((most_rows, size), dtype=network.dtype) for size in sizes]

        self._inputs = work_arrays([layers[0].weights.shape[0], *n_units[:-1]])
        self._deltas = work_arrays(n_units)
        self._slopes = work_arrays(n_units[:-1])
        self._targets = work_arrays(n_units[-1:])[0]
        self._losses = np.empty(most_rows)
        self._contraction = None
        if objective.contraction_cost:
            self._contraction = Contraction(network, objective, self._inputs, self._slopes)
        self._products = [list(self._products_of(k)) for k in range(len(layers))]
        self._batch = None
        self.parts = [part for k in range(len(layers)) for part in self._parts_of(k)]
        self.n_streams = 2 * len(layers) + 2

    def _parts_of(self, k):
        if k < self.objective.frozen_layers:
            return
        of_weights, of_bias = self.network.places[k]
        n_inputs, n_units = self.network.layers[k].weights.shape
        if self.network.layers[k].tied_to is None:
            for rows in _even_blocks(n_inputs, _FEWEST_WEIGHT_ROWS):
                start = of_weights.start
                place = slice(start + rows.start * n_units, start + rows.stop * n_units)
                yield Part(k, rows.start, place)
        yield Part(k, -1, of_bias)

    def _products_of(self, k):
        """Pairs of arrays, left and right, with the gradient of layer k's weights the sum of
        ``left.T @ right``."""
        yield self._inputs[k], self._deltas[k]
        for other, layer in enumerate(self.network.layers):
            if layer.tied_to == k:
                yield self._deltas[other], self._inputs[other]
        if self._contraction and k < self.objective.contracted_layers:
            yield self._contraction.tangents[k], self._contraction.deltas[k]

    # Passes over rows

    def run(self, batch):
        """Go forward and backward through all layers.

        Returns
        -------
        loss : float
            Of all rows, each times its weight, and penalties on activities; without penalties on
            weights, see :meth:`gradient`.
        """
        self._batch = batch
        n_rows = len(batch.numbers)
        blocks = _even_blocks(n_rows, _FEWEST_ROWS)
        for_each(self._forward, blocks)
        penalty, pulls = 0.0, {}
        for k in self.objective.sparse_layers:
            of_layer, pulls[k] = self.objective.sparsity(
                self._inputs[k + 1][:n_rows], batch.weights
            )
            penalty += of_layer
        for_each(lambda block: self._backward(block, pulls), blocks)
        return float(self._losses[:n_rows].sum() + penalty)

    def _forward(self, block):
        batch, layers = self._batch, self.network.layers
        inputs = self._inputs[0][block]
        batch.data.take(batch.numbers[block], inputs)
        self._disturb_data(inputs, block)
        for k, layer in enumerate(layers[:-1]):
            values, slopes = self._inputs[k + 1][block], self._slopes[k][block]
            multiply(inputs, layer.weights, values)
            self._add_noise(k, values, block)
            activation = ACTIVATIONS[layer.activation]
            activation.values(values, layer.bias)
            activation.slopes(values, slopes)
            self._drop(k + 1, values, slopes, block)
            inputs = values
        self._compare(inputs, block)
        if self._contraction:
            self._losses[block] += self._contraction.run(block, batch)

    def _compare(self, inputs, block):
        """Compare the outputs with the targets: losses, and the deltas of the last layer."""
        batch, layer = self._batch, self.network.layers[-1]
        targets, deltas = self._targets[block], self._deltas[-1][block]
        batch.targets.take(batch.numbers[block], targets)
        multiply(inputs, layer.weights, deltas)
        self._add_noise(len(self.network.layers) - 1, deltas, block)
        loss = ACTIVATIONS[layer.activation].loss
        loss(deltas, layer.bias, targets, batch.weights[block], self._losses[block])

    def _backward(self, block, pulls):
        """Deltas of all hidden layers that learn, from the last to the first."""
        for k in range(len(self.network.layers) - 2, self.objective.frozen_layers - 1, -1):
            deltas = self._deltas[k][block]
            multiply(self._deltas[k + 1][block], self.network.layers[k + 1].weights.T, deltas)
            if k in pulls:
                deltas += self._batch.weights[block, None] * pulls[k]
            kernels.multiply_by(deltas, self._slopes[k][block])
            if self._contraction:
                self._contraction.add_to(k, deltas, block)

    # Disturbances. A batch has a stream of random numbers for each of them: the dropout of the
    # inputs of each layer, the noise of each layer, the corruption of the data, and the
    # directions along which contraction is measured.

    def _disturb_data(self, inputs, block):
        n_layers = len(self.network.layers)
        if self.objective.corruption:
            self.objective.corruption.apply(inputs, self._batch.address_of(block, 2 * n_layers))
        if self.objective.dropout and self.objective.dropout[0]:
            share = self.objective.dropout[0]
            kernels.mask(inputs, share, 1 / (1 - share), *self._batch.address_of(block, 0))

    def _drop(self, k, values, slopes, block):
        """Drop some inputs of layer ``k``."""
        if self.objective.dropout and self.objective.dropout[k]:
            address = self._batch.address_of(block, k)
            kernels.drop(values, slopes, self.objective.dropout[k], *address)

    def _add_noise(self, k, inputs, block):
        """Add noise to the inputs of the activation of layer ``k``."""
        if self.objective.noise and self.objective.noise[k]:
            address = self._batch.address_of(block, len(self.network.layers) + k)
            kernels.add_normal(inputs, self.objective.noise[k], *address)

    # Gradients

    def gradient(self, part, out):
        """Gradient of the last batch by a part of the parameters.

        Parameters
        ----------
        part : Part
        out : ndarray of shape (n_parameters of the part,)

        Returns
        -------
        penalty : float
            The penalties on these weights, which :meth:`run` leaves out of the loss.
        """
        batch, objective = self._batch, self.objective
        n_rows = len(batch.numbers)
        if part.first < 0:
            kernels.column_sums(self._deltas[part.layer][:n_rows], out)
            return 0.0
        n_units = len(self.network.layers[part.layer].bias)
        out = out.reshape(-1, n_units)
        for number, (left, right) in enumerate(self._products[part.layer]):
            kernels.weight_gradient(left[:n_rows], right[:n_rows], part.first, number > 0, out)
        l1, l2 = (batch.penalty_weight * factor for factor in (objective.l1, objective.l2))
        if not (l1 or l2):
            return 0.0
        weights = self.network.parameters[part.place].reshape(out.shape)
        return kernels.penalize(weights, l1, l2, out)


class Contraction:
    """The penalty on how much the code changes with the data, see :class:`Objective`.

    Along a direction that starts as random normal numbers, the derivative of each layer's values
    is ``tangents[k + 1] = (tangents[k] @ weights) * slopes``. The penalty is the squared length
    of the last one; it goes back by the same rules as the loss, to the weights and, as slopes
    depend on them, to the inputs of the activations.
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

    def run(self, block, batch):
        """Go forward and backward through the encoder; return the penalty of each row."""
        self._draw_directions(block, batch)
        for k, layer in enumerate(self._layers):
            values, slopes = self._values[k][block], self._slopes[k][block]
            change = multiply(self.tangents[k][block], layer.weights, self.tangents[k + 1][block])
            curvatures = ACTIVATIONS[layer.activation].curvatures(values, slopes)
            np.multiply(change, curvatures, out=self._pulls[k][block])
            change *= slopes
        factors = self._cost * batch.weights[block, None]
        penalties = (factors * change**2).sum(axis=1)
        by_tangent = 2 * factors * change
        for k in range(len(self._layers) - 1, -1, -1):
            self._pulls[k][block] *= by_tangent
            deltas = np.multiply(by_tangent, self._slopes[k][block], out=self.deltas[k][block])
            weights = self._layers[k].weights
            by_tangent = multiply(deltas, weights.T, np.empty_like(self.tangents[k][block]))
        return penalties

    def _draw_directions(self, block, batch):
        directions = self.tangents[0][block]
        directions[:] = 0
        kernels.add_normal(directions, 1.0, *batch.address_of(block, self._stream))

    def add_to(self, k, deltas, block):
        """Add to the deltas of layer ``k`` what the penalty has to do with its slopes."""
        if k < len(self._layers):
            deltas += self._pulls[k][block]


def _even_blocks(n, smallest):
    """Blocks of ``range(n)`` whose number is a power of two, to share among that many threads."""
    most = 1
    while 2 * most * smallest <= n and most < 8:
        most *= 2
    return blocks_of(n, smallest, most)
