"""Conversion of a stack of RBMs to an autoencoder: layers of an encoder and a decoder."""

import math
from dataclasses import replace

import numpy as np
from scipy.linalg import eigh, qr, solve

from .._rows import DenseRows
from .._threads import one_blas_thread
from ..boltzmann.units import BernoulliUnits
from ..kernels.products import multiply
from .feedforward import Layer, activations, losses, squared_errors

# Number of rows from which the initial weights of a linear code are computed.
_N_ROWS_OF_CODE = 10_000

# Initial standard deviation of the inputs of a binary code: the same as that of the noise.
_DEVIATION_OF_BINARY_INPUT = 4.0

# Lower bound of the variance of a unit: units that hardly vary would add noise to a code.
_SMALLEST_VARIANCE = 0.01

# Penalty of the ridge regressions of the decoder, as a share of the mean variance of the values.
_RIDGE = 0.01

# Data are shrunk to probabilities with this distance from 0 and 1, so that log-odds are finite.
_LEAST_PROBABILITY = 0.01


def with_tangents(layer, below, above):
    """The same layer with tanh in place of logistic units below or in it.

    The values of tanh units are ``tanh(x / 2) = 2 sigmoid(x) - 1``. Their mean is closer to zero,
    which makes training easier, and the outputs of the network do not change.

    Parameters
    ----------
    layer : Layer
    below, above : bool
        Whether its inputs are such values; whether its own units, which were logistic, become tanh
        units.
    """
    weights, bias, activation = layer.weights, layer.bias, layer.activation
    if below:
        bias = bias + weights.sum(axis=0, dtype=np.float64).astype(bias.dtype) / 2
        weights = weights / 2
    if above:
        weights, bias, activation = weights / 2, bias / 2, "tanh"
    return Layer(weights, bias, activation)


def sample_of(n_rows):
    """Indices of evenly spaced rows, for the initial weights of a linear code."""
    return np.linspace(0, n_rows - 1, min(n_rows, _N_ROWS_OF_CODE)).astype(np.intp)


def layers_of_linear_code(rows, n_units, activation, rng):
    """Layers of a linear code with the smallest reconstruction error, to first order.

    An RBM with linear hidden units would have a binary layer below them that it reconstructs as
    ``sigmoid(b + (v - m) W W^T)``, ``m`` being the means of the layer, ``b`` their log-odds. To
    first order in the weights this is ``m + (v - m) W W^T D``, with ``D = m (1 - m)``. The weights
    with the smallest squared error, divided by the variance ``D`` of each unit, are ``D^(-1/2) U``,
    where ``U`` are the first principal axes of ``(v - m) D^(-1/2)``. For a layer of real numbers,
    ``D = 1``: this is principal component analysis. A code that is not narrower than the layer gets
    axes in random directions, which lose no information.

    Parameters
    ----------
    rows : Rows
        Values of the layer below.
    n_units : int
        Size of the code.
    activation : {"logistic", "identity"}
        Activation of the decoder layer.
    rng : numpy Generator

    Returns
    -------
    up, down : Layer
    """
    n_rows, n_below = rows.shape
    values = rows.take(np.arange(n_rows), np.empty(rows.shape, dtype=rows.dtype))
    mean = values.mean(axis=0, dtype=np.float64)
    if activation == "logistic":
        bias = BernoulliUnits.from_mean(mean, n_rows).bias
        deviation = np.sqrt(np.maximum(mean * (1 - mean), _SMALLEST_VARIANCE))
    else:
        bias, deviation = mean, np.ones(n_below)
    with one_blas_thread():
        if n_units < n_below:
            values -= mean.astype(rows.dtype)
            values /= deviation.astype(rows.dtype)
            axes = _principal_axes(values, n_units)
        else:
            axes = qr(rng.normal(size=(n_units, n_below)), mode="economic")[0].T
        axes /= deviation[:, None]
        up_bias = -(mean @ axes)
    weights = np.ascontiguousarray(axes, dtype=rows.dtype)
    return (
        Layer(weights, up_bias.astype(rows.dtype), "identity"),
        Layer(np.ascontiguousarray(weights.T), bias.astype(rows.dtype), activation),
    )


def layers_of_binary_code(rows, n_units, activation, rng, tied):
    """Layers of a binary code: the signs of a linear code after a random rotation.

    The rotation distributes the information of a linear code equally among all units. A unit is on
    for half of the rows, and the standard deviation of its input is ``_DEVIATION_OF_BINARY_INPUT``.
    If the weights are ``tied``, they are instead those of the decoder, where the two states of a
    unit represent the mean values of a normal number above and below zero.

    Parameters and results are those of :func:`layers_of_linear_code`.
    """
    up, down = layers_of_linear_code(rows, n_units, activation, rng)
    with one_blas_thread():
        turn = qr(rng.normal(size=(n_units, n_units)))[0]
        axes, up_bias = up.weights @ turn, up.bias @ turn
        turned = Layer(axes.astype(rows.dtype), up_bias.astype(rows.dtype), "identity")
        scores = activations([turned], rows)
    deviation = np.maximum(scores.std(axis=0, dtype=np.float64), _SMALLEST_VARIANCE)
    down_factor = 2 * math.sqrt(2 / math.pi) * deviation
    up_factor = down_factor if tied else _DEVIATION_OF_BINARY_INPUT / deviation
    down_weights = (axes * down_factor).T
    down_bias = down.bias - down_weights.sum(axis=0) / 2

    def layer(weights, bias, activation):
        return Layer(np.ascontiguousarray(weights, rows.dtype), bias.astype(rows.dtype), activation)

    return (
        layer(axes * up_factor, up_bias * up_factor, "logistic"),
        layer(down_weights, down_bias, activation),
    )


def with_best_ways_back(layers, rows):
    """The same encoder layers, each with the decoder layer that best reconstructs its inputs.

    The transposed weights of an RBM reconstruct only as well as it has been trained, and errors of
    several layers add up. Here each decoder layer is the ridge regression of the inputs of the
    units below on the values of a layer; for the data, of the data or their log-odds.

    Parameters
    ----------
    layers : list of tuple of two Layers
        Encoder and decoder layers, from the data to the code.
    rows : DenseRows
        Some of the data.

    Returns
    -------
    layers : list of tuple of two Layers
    """
    values = rows.take(np.arange(rows.shape[0]), np.empty(rows.shape, dtype=rows.dtype))
    wanted = values
    if layers and layers[0][1].activation == "logistic":
        shrunk = _LEAST_PROBABILITY + (1 - 2 * _LEAST_PROBABILITY) * values.clip(0, 1)
        wanted = np.log(shrunk / (1 - shrunk))
    result = []
    for up, down in layers:
        inputs = activations([replace(up, activation="identity")], DenseRows(values))
        values = activations([up], DenseRows(values))
        weights, bias = _ridge(values.astype(np.float64), wanted.astype(np.float64))
        better = Layer(weights.astype(rows.dtype), bias.astype(rows.dtype), down.activation)
        result.append((up, better))
        wanted = inputs
    return result


def _ridge(values, targets):
    """Weights and biases of a ridge regression; the penalty is relative to the mean variance."""
    mean, mean_target = values.mean(axis=0), targets.mean(axis=0)
    centred = values - mean
    with one_blas_thread():
        scatter = centred.T @ centred
        # For constant values, weights are zero with any penalty.
        scatter[np.diag_indices_from(scatter)] += _RIDGE * np.trace(scatter) / len(scatter) or 1.0
        weights = solve(scatter, centred.T @ (targets - mean_target), assume_a="pos")
    return np.ascontiguousarray(weights), mean_target - mean @ weights


def _principal_axes(values, n_axes):
    """The principal axes, one per column, with the largest variance first."""
    n_below = values.shape[1]
    scatter = multiply(values.T, values, np.empty((n_below, n_below), dtype=values.dtype))
    _, axes = eigh(scatter.astype(np.float64), subset_by_index=(n_below - n_axes, n_below - 1))
    axes = axes[:, ::-1]
    # The sign of an axis is arbitrary. To be independent of libraries, its largest entry is
    # positive.
    largest = np.abs(axes).argmax(axis=0)
    return axes * np.sign(axes[largest, np.arange(n_axes)])


class Unrolled:
    """The layers of an encoder and a decoder.

    Parameters
    ----------
    layers : list of Layer
        The first half is the encoder.
    is_binary : bool
        Whether values of the code are rounded to 0 and 1.
    """

    def __init__(self, layers, is_binary):
        self._layers = layers
        self._is_binary = is_binary
        self._n_up = len(layers) // 2

    def encode(self, rows):
        """Codes of all rows."""
        codes = activations(self._layers[: self._n_up], rows)
        return np.round(codes, out=codes) if self._is_binary else codes

    def reconstruct(self, rows):
        """Reconstructions of all rows."""
        return activations(*self._from_code(rows))

    def losses(self, rows):
        """Loss of the reconstruction of each row."""
        layers, start = self._from_code(rows)
        return losses(layers, start, rows)

    def _from_code(self, rows):
        """The layers to evaluate, and their inputs: after rounding, the decoder and the codes."""
        if self._is_binary:
            return self._layers[self._n_up :], DenseRows(self.encode(rows))
        return self._layers, rows

    def squared_errors(self, rows):
        """Squared error of the reconstruction of each row, summed over features."""
        layers, start = self._from_code(rows)
        return squared_errors(layers, start, rows)
