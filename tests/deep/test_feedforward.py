"""Networks in use."""

import numpy as np
import pytest
import scipy.sparse

from skebm._streamed_rows import as_rows
from skebm.deep.feedforward import Layer, Network, activations

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

FORMULAS = {
    "identity": lambda x: x,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True),
}


def make_layers(dtype=np.float64, last="softmax"):
    rng = np.random.default_rng(0)
    activations = ["logistic", "tanh", "relu", "identity", last]
    sizes = [7, 5, 6, 4, 5, 3]
    return [
        Layer(
            rng.normal(size=(n_in, n_out)).astype(dtype),
            rng.normal(size=n_out).astype(dtype),
            activation,
        )
        for n_in, n_out, activation in zip(sizes, sizes[1:], activations, strict=False)
    ]


@each_dtype
@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("last", FORMULAS)
def test_activations_of_each_layer(last, storage, dtype):
    layers = make_layers(dtype, last)
    X = np.clip(np.random.default_rng(1).normal(size=(1100, 7)), 0, None).astype(dtype)
    network = Network(layers)
    values = X.astype(np.float64)
    for n, layer in enumerate(layers, start=1):
        values = FORMULAS[layer.activation](values @ layer.weights + layer.bias)
        got = activations(network.layers[:n], as_rows(storage(X)))
        assert got.dtype == dtype
        atol = 100 * np.finfo(dtype).eps * np.abs(values).max()
        np.testing.assert_allclose(got, values, rtol=0, atol=atol)
    assert np.array_equal(activations(network.layers, as_rows(storage(X))), got)


def test_parameters_are_one_vector_and_the_arrays_views_of_it():
    layers = make_layers()
    network = Network(layers)
    assert len(network.parameters) == sum(x.weights.size + x.bias.size for x in layers)
    for layer, given, (of_weights, of_bias) in zip(
        network.layers, layers, network.places, strict=True
    ):
        assert np.array_equal(layer.weights, given.weights)
        assert np.array_equal(layer.bias, given.bias)
        assert not np.shares_memory(layer.weights, given.weights)
        assert np.array_equal(network.parameters[of_weights], layer.weights.ravel())
        assert np.array_equal(network.parameters[of_bias], layer.bias)
    network.parameters[:] = 3
    assert all((x.weights == 3).all() and (x.bias == 3).all() for x in network.layers)


def make_tied():
    rng = np.random.default_rng(0)
    shapes = {0: (5, 3), 1: (3, 2)}
    return [
        Layer(rng.normal(size=shapes[0]), rng.normal(size=3), "tanh"),
        Layer(rng.normal(size=shapes[1]), rng.normal(size=2), "identity"),
        Layer(None, rng.normal(size=3), "tanh", tied_to=1),
        Layer(None, rng.normal(size=5), "identity", tied_to=0),
    ]


def test_tied_weights_are_the_transpose_and_stand_in_the_vector_once():
    network = Network(make_tied())
    assert len(network.parameters) == 5 * 3 + 3 + 3 * 2 + 2 + 3 + 5
    network.layers[0].weights[4, 1] = 7
    assert network.layers[3].weights[1, 4] == 7
    copy = network.copy()
    copy.layers[1].weights[0, 1] = 9
    assert copy.layers[2].weights[1, 0] == 9
    assert network.layers[2].weights[1, 0] != 9
    X = np.random.default_rng(1).normal(size=(4, 5))
    code = np.tanh(X @ network.layers[0].weights + network.layers[0].bias)
    code = code @ network.layers[1].weights + network.layers[1].bias
    back = np.tanh(code @ network.layers[1].weights.T + network.layers[2].bias)
    back = back @ network.layers[0].weights.T + network.layers[3].bias
    np.testing.assert_allclose(activations(network.layers, as_rows(X)), back, rtol=0, atol=1e-13)
