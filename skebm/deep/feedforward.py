"""Feed-forward networks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .._solvers import in_one_vector
from .._source import chunks, fitting_rows
from .._threads import for_each, one_blas_thread
from ..kernels import network
from ..kernels.activations import (
    add_bias,
    hyperbolic_tangent,
    identity_slope,
    logistic,
    logistic_slope,
    rectifier_slope,
    rectify,
    softmax,
    tangent_slope,
)
from ..kernels.products import multiply


class Activation(NamedTuple):
    """Activation function of the units of a layer.

    Attributes
    ----------
    values : callable
        ``values(inputs, bias, first, stop)`` replaces the inputs of the units from ``first`` to
        ``stop`` by their values.
    slopes : callable or None
        ``slopes(values, out, first, stop)`` is the derivative of the values with respect to the
        inputs. None: the units can only be outputs.
    curvatures : callable or None
        ``curvatures(values, slopes)`` returns the second derivative.
    loss : callable or None
        ``loss(inputs, bias, targets, weights, losses)`` is the loss for these outputs, see
        :mod:`skebm.kernels.network`. None: the units can only be hidden.
    """

    values: Callable
    slopes: Callable | None = None
    curvatures: Callable | None = None
    loss: Callable | None = None


def _no_curvatures(values, slopes):
    return np.zeros_like(values)


ACTIVATIONS = {
    "identity": Activation(
        values=add_bias,
        slopes=identity_slope,
        curvatures=_no_curvatures,
        loss=network.squared_loss,
    ),
    "logistic": Activation(
        values=logistic,
        slopes=logistic_slope,
        curvatures=lambda values, slopes: slopes * (1 - 2 * values),
        loss=network.logistic_loss,
    ),
    "tanh": Activation(
        values=hyperbolic_tangent,
        slopes=tangent_slope,
        curvatures=lambda values, slopes: -2 * slopes * values,
    ),
    "relu": Activation(values=rectify, slopes=rectifier_slope, curvatures=_no_curvatures),
    "softmax": Activation(values=softmax, loss=network.softmax_loss),
}


@dataclass(frozen=True)
class Layer:
    """Units with the values ``activation(inputs @ weights + bias)``.

    Parameters
    ----------
    weights : ndarray of shape (n_inputs, n_units), or None with ``tied_to``
    bias : ndarray of shape (n_units,)
    activation : {"identity", "logistic", "tanh", "relu", "softmax"}
    tied_to : int, default=None
        Index of the layer whose transposed weights this layer uses.
    """

    weights: np.ndarray | None
    bias: np.ndarray
    activation: str
    tied_to: int | None = None

    def empty(self, n_rows):
        """An empty array for rows of values of these units."""
        return np.empty((n_rows, len(self.bias)), dtype=self.bias.dtype)

    def activate(self, inputs):
        """Replace inputs, which do not include the bias, by values."""
        ACTIVATIONS[self.activation].values(inputs, self.bias, 0, len(self.bias))
        return inputs


class Network:
    """Layers of units, with all parameters in one vector.

    Parameters
    ----------
    layers : list of Layer
        Their arrays are copied. The activation of the last one determines the loss: the
        cross-entropy of classes for "softmax", that of each output for "logistic", half the squared
        error, summed over outputs, for "identity".

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        Weights and bias of each layer in turn; tied weights are contained once.
    layers : list of Layer
        Their arrays are views of ``parameters``.
    places : list of tuple of two slices
        Slices of ``parameters`` for the weights and the bias of each layer; that of tied weights is
        empty.
    """

    def __init__(self, layers):
        # A layer with tied weights has no weights of its own.
        arrays = [
            array
            for layer in layers
            for array in (
                layer.bias[:0] if layer.tied_to is not None else layer.weights,
                layer.bias,
            )
        ]
        self.parameters, views, places = in_one_vector(arrays)
        self.places = list(zip(places[::2], places[1::2], strict=True))
        self.layers = []
        for layer, weights, bias in zip(layers, views[::2], views[1::2], strict=True):
            if layer.tied_to is not None:
                weights = self.layers[layer.tied_to].weights.T
            self.layers.append(replace(layer, weights=weights, bias=bias))

    def __reduce__(self):
        # Pickles restore the arrays of the layers as views of the vector.
        return Network, (self.layers,)

    @property
    def dtype(self):
        """The dtype of the parameters and of all results."""
        return self.parameters.dtype

    def copy(self):
        """A copy of the network."""
        return Network(self.layers)


def activations(layers, rows):
    """Values of the last of several consecutive layers for all rows.

    Parameters
    ----------
    layers : list of Layer
    rows : Rows

    Returns
    -------
    values : ndarray of shape (n_rows, n_units of the last layer)
    """
    out = layers[-1].empty(rows.shape[0])

    def evaluate(part):
        out[part] = layers[-1].activate(_last_inputs(layers, rows, part))

    with one_blas_thread():
        for_each(evaluate, chunks(rows.shape[0]))
    return out


def losses(layers, rows, targets):
    """Loss of each row, see :class:`Network`.

    Parameters
    ----------
    layers : list of Layer
    rows, targets : Rows

    Returns
    -------
    losses : ndarray of shape (n_rows,), float64
    """
    last, out = layers[-1], np.empty(rows.shape[0])

    def evaluate(part, inputs, wanted):
        weights = np.ones(len(wanted), rows.dtype)
        ACTIVATIONS[last.activation].loss(inputs, last.bias, wanted, weights, out[part])

    _compare(layers, rows, targets, evaluate)
    return out


def squared_errors(layers, rows, targets):
    """Squared error of each row, summed over outputs, with the dtype of the rows.

    Parameters are those of :func:`losses`.
    """
    out = np.empty(rows.shape[0], dtype=rows.dtype)

    def evaluate(part, inputs, wanted):
        outputs = layers[-1].activate(inputs)
        outputs -= wanted
        out[part] = np.square(outputs, out=outputs).sum(axis=1)

    _compare(layers, rows, targets, evaluate)
    return out


def _compare(layers, rows, targets, function):
    """Call ``function(part, inputs of the last layer, targets)`` for chunks of the rows."""

    def evaluate(part):
        wanted = layers[-1].empty(part.stop - part.start)
        targets.take(np.arange(part.start, part.stop), wanted)
        function(part, _last_inputs(layers, rows, part), wanted)

    with one_blas_thread():
        for_each(evaluate, chunks(rows.shape[0], fitting_rows(targets.shape[1])))


def _last_inputs(layers, rows, part):
    """Inputs of the last layer, without the bias, for the rows in a slice."""
    first, n_rows = layers[0], part.stop - part.start
    inputs = rows.times(first.weights, part, first.empty(n_rows))
    for below, layer in pairwise(layers):
        inputs = multiply(below.activate(inputs), layer.weights, layer.empty(n_rows))
    return inputs
