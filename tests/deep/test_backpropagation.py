"""Losses against a naive twin, gradients against its finite differences."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse

import naive_network
from enumeration import finite_differences
from skebm._streamed_rows import as_rows
from skebm.deep.backpropagation import Backpropagation, Batch
from skebm.deep.feedforward import Layer, Network
from skebm.deep.objective import Corruption, Objective

SEED, STREAM = 2**40 + 9, 5
N_ROWS = 7

PLAIN = {"sizes": (5, 4, 3, 3), "activations": ("logistic", "tanh", "softmax")}
CODER = {"sizes": (5, 4, 2, 4, 5), "activations": ("logistic", "identity", "tanh", "logistic")}
TIED = {"tied_to": (None, None, 1, 0)}

CASES = {
    "softmax": PLAIN,
    "logistic": PLAIN | {"activations": ("tanh", "logistic", "logistic")},
    "squared": PLAIN | {"activations": ("tanh", "logistic", "identity")},
    "relu": PLAIN | {"activations": ("relu", "relu", "softmax")},
    "linear hidden": PLAIN | {"activations": ("identity", "identity", "identity")},
    "one layer": {"sizes": (5, 3), "activations": ("softmax",)},
    "L2": PLAIN | {"objective": Objective(l2=0.7)},
    "L1": PLAIN | {"objective": Objective(l1=0.7)},
    "L1 and L2": PLAIN | {"objective": Objective(l1=0.4, l2=0.7)},
    "dropout": PLAIN | {"objective": Objective(dropout=(0.2, 0.5, 0.4))},
    "dropout after tanh": PLAIN
    | {"objective": Objective(dropout=(0.0, 0.5, 0.4))}
    | {"activations": ("tanh", "tanh", "logistic")},
    "dropout after relu": PLAIN
    | {"objective": Objective(dropout=(0.2, 0.5, 0.4))}
    | {"activations": ("relu", "identity", "softmax")},
    "noise": PLAIN | {"objective": Objective(noise=(0.5, 0.0, 1.5))},
    "masking": PLAIN | {"objective": Objective(corruption=Corruption("masking", 0.4))},
    "gaussian": PLAIN | {"objective": Objective(corruption=Corruption("gaussian", 0.4))},
    "salt and pepper": PLAIN
    | {"objective": Objective(corruption=Corruption("salt_and_pepper", 0.7, -1, 2))},
    "masking and dropout": PLAIN
    | {"objective": Objective(corruption=Corruption("masking", 0.4), dropout=(0.3, 0.2, 0.2))},
    "sparsity": PLAIN
    | {"activations": ("logistic", "logistic", "softmax")}
    | {"objective": Objective(sparse_layers=(0, 1), sparsity_target=0.1, sparsity_cost=0.6)},
    "autoencoder": CODER,
    "tied": CODER | TIED,
    "tied, L1 and L2": CODER | TIED | {"objective": Objective(l1=0.4, l2=0.7)},
    "tied, dropout, noise": CODER
    | TIED
    | {"objective": Objective(dropout=(0.2, 0.3, 0.1, 0.5), noise=(0, 1.5, 0, 0))},
    "contraction": CODER | {"objective": Objective(contracted_layers=1, contraction_cost=0.4)},
    "contraction, deep": CODER
    | {"activations": ("tanh", "logistic", "relu", "logistic")}
    | {"objective": Objective(contracted_layers=3, contraction_cost=0.4)},
    "contraction, tied": CODER
    | TIED
    | {"objective": Objective(contracted_layers=2, contraction_cost=0.4, noise=(0.3, 0.2, 0, 0))},
}
each_case = pytest.mark.parametrize("case", CASES)


def draws(objective):
    """Whether the loss has a random part, which is another one for each type of number."""
    return bool(
        objective.noise or objective.contraction_cost or objective.dropout or objective.corruption
    )


CASES_WITHOUT_CHANCE = [
    name for name, case in CASES.items() if not draws(case.get("objective", Objective()))
]


def make_network(sizes, activations, tied_to=None, dtype=np.float64, **_):
    rng = np.random.default_rng(0)
    tied_to = tied_to or [None] * len(activations)
    layers = []
    for k, activation in enumerate(activations):
        weights = rng.normal(0, 0.8, sizes[k : k + 2]).astype(np.float32)
        bias = rng.normal(0, 0.5, sizes[k + 1]).astype(np.float32)
        owned = weights.astype(dtype) if tied_to[k] is None else None
        layers.append(Layer(owned, bias.astype(dtype), activation, tied_to[k]))
    return Network(layers)


def make_data(sizes, activations, n_rows=N_ROWS, **_):
    """Rows, a third of their values zero, targets, and weights of rows."""
    rng = np.random.default_rng(1)
    X = np.clip(rng.random((n_rows, sizes[0])) * 3 - 1, 0, None).astype(np.float32)
    T = rng.random((n_rows, sizes[-1])).astype(np.float32)
    if activations[-1] == "softmax":
        T = np.eye(sizes[-1], dtype=np.float32)[rng.integers(sizes[-1], size=n_rows)]
    return X, T, rng.integers(1, 9, n_rows) / 4


def run(network, objective, X, T, weights, storage=np.asarray):
    """Loss with all penalties, and the gradient by all parameters."""
    divisor = weights.sum()
    dtype = network.dtype
    passes = Backpropagation(network, objective, len(X) + 2)
    rows, targets = as_rows(storage(X.astype(dtype))), as_rows(T.astype(dtype))
    numbers = np.arange(len(X))
    row_weights = (weights / divisor).astype(dtype)
    batch = Batch(rows, targets, numbers, row_weights, 1 / divisor, (SEED, STREAM, 0))
    loss = passes.run(batch)
    gradient = np.full_like(network.parameters, np.nan)
    for part in passes.parts:
        passes.gradient(part, gradient[part.place])
    return loss + passes.weight_penalty(), gradient


def arrays_of(network):
    """The arrays of all layers, in the order in which they stand in the vector of parameters."""
    owned = [(None if x.tied_to is not None else x.weights, x.bias) for x in network.layers]
    return [array for pair in owned for array in pair if array is not None]


@each_case
def test_loss_and_gradient_are_those_of_the_twin(case):
    options = CASES[case]
    network, data = make_network(**options), make_data(**options)
    objective = options.get("objective", Objective())
    tied_to = options.get("tied_to") or [None] * len(network.layers)
    twin = naive_network.Loss(
        options["activations"], tied_to, objective, *data, data[2].sum(), (SEED, STREAM)
    )
    expected = finite_differences(twin, arrays_of(network))

    loss, gradient = run(network, objective, *data)

    assert loss == pytest.approx(twin(*arrays_of(network)), rel=1e-12)
    expected = np.concatenate([array.ravel() for array in expected])
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=2e-9)


@pytest.mark.parametrize("case", CASES_WITHOUT_CHANCE)
def test_single_precision_stays_close_to_double(case):
    options = CASES[case]
    objective, data = options.get("objective", Objective()), make_data(**options)
    expected_loss, expected = run(make_network(**options), objective, *data)
    loss, gradient = run(make_network(**options, dtype=np.float32), objective, *data)
    assert gradient.dtype == np.float32
    assert loss == pytest.approx(expected_loss, rel=2e-6)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


# Sizes at which rows and parameters are cut into several blocks, the last one smaller.
WIDE = {"sizes": (397, 210, 301, 203), "activations": ("logistic", "logistic", "logistic")}
N_WIDE_ROWS = 141
EVERYTHING = Objective(
    l1=0.1,
    l2=0.2,
    dropout=(0.2, 0.0, 0.3),
    noise=(0.1, 0.3, 0.0),
    corruption=Corruption("salt_and_pepper", 0.3),
    sparse_layers=(1,),
    sparsity_cost=0.1,
    contracted_layers=1,
    contraction_cost=0.1,
)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@each_dtype
def test_sparse_rows_are_the_same_as_dense_rows(dtype):
    data = make_data(**WIDE, n_rows=N_WIDE_ROWS)
    dense = run(make_network(**WIDE, dtype=dtype), EVERYTHING, *data)
    sparse = run(make_network(**WIDE, dtype=dtype), EVERYTHING, *data, scipy.sparse.csr_matrix)
    assert sparse[0] == dense[0]
    assert sparse[1].tobytes() == dense[1].tobytes()


@each_dtype
def test_rows_and_parameters_may_be_cut_into_blocks(dtype, monkeypatch):
    data = make_data(**WIDE, n_rows=N_WIDE_ROWS)
    network = make_network(**WIDE, dtype=dtype)
    passes = Backpropagation(network, EVERYTHING, N_WIDE_ROWS)
    assert len(passes.parts) > 2 * len(network.layers), "not cut"
    loss, gradient = run(network, EVERYTHING, *data)
    monkeypatch.setattr("skebm.deep.backpropagation.blocks_of", lambda n, *_, **__: [slice(0, n)])
    whole_loss, whole_gradient = run(network, EVERYTHING, *data)
    # Sums of up to 400 numbers, in another order.
    rounding = 100 * float(np.finfo(dtype).eps)
    assert loss == pytest.approx(whole_loss, rel=rounding)
    atol = rounding * np.abs(whole_gradient).max()
    np.testing.assert_allclose(gradient, whole_gradient, rtol=0, atol=atol)


def test_a_row_of_weight_two_is_two_rows():
    options = CASES["contraction, tied"]
    objective = Objective(l1=0.1, l2=0.2, sparse_layers=(0,), sparsity_cost=0.3)
    X, T, _ = make_data(**options)
    weights = np.array([1.0, 2, 1, 0, 2, 1, 3])
    twice = np.repeat(np.arange(len(X)), weights.astype(int))
    loss, gradient = run(make_network(**options), objective, X, T, weights)
    other_loss, other = run(
        make_network(**options), objective, X[twice], T[twice], np.ones(len(twice))
    )
    assert loss == pytest.approx(other_loss, rel=1e-13)
    np.testing.assert_allclose(gradient, other, rtol=0, atol=1e-13)


@pytest.mark.parametrize("case", ["softmax", "tied, dropout, noise"])
def test_frozen_layers_have_no_part_in_it_and_the_others_are_as_before(case):
    options = CASES[case]
    network, data = make_network(**options), make_data(**options)
    objective = options.get("objective", Objective())
    _, everywhere = run(network, objective, *data)
    _, gradient = run(network, replace(objective, frozen_layers=2), *data)
    first_learning = network.places[2][0].start
    assert np.isnan(gradient[:first_learning]).all()
    assert np.array_equal(gradient[first_learning:], everywhere[first_learning:])
    assert len(gradient[first_learning:]) > 0


def test_random_numbers_are_new_at_each_address():
    options = CASES["dropout"]
    network, (X, T, weights) = make_network(**options), make_data(**options)
    rows, targets = as_rows(X.astype(np.float64)), as_rows(T.astype(np.float64))
    passes = Backpropagation(network, options["objective"], N_ROWS)
    losses = set()
    for address in [(SEED, 0, 0), (SEED, passes.n_streams, 0), (SEED, 0, N_ROWS), (9, 0, 0)]:
        losses.add(passes.run(Batch(rows, targets, np.arange(N_ROWS), weights, 0, address)))
    assert len(losses) == 4
