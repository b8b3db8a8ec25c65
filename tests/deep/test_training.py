"""Training, against scikit-learn's networks, closed forms, and itself cut in other ways."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skebm._random import RandomStreams
from skebm._rows import Rows
from skebm._streamed_rows import as_rows
from skebm.deep.feedforward import Layer, Network, activations
from skebm.deep.objective import Corruption, Objective
from skebm.deep.training import Learner, TrainingData, TrainingSettings, train
from surroundings import team_of

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def make_network(sizes, activations, dtype=np.float64, scale=0.5):
    rng = np.random.default_rng(0)
    layers = [
        Layer(
            rng.normal(0, scale, (n_in, n_out)).astype(np.float32).astype(dtype),
            rng.normal(0, scale, n_out).astype(np.float32).astype(dtype),
            activation,
        )
        for n_in, n_out, activation in zip(sizes, sizes[1:], activations, strict=False)
    ]
    return Network(layers)


def make_data(n_rows=30, n_features=6, n_outputs=3, dtype=np.float64, **options):
    rng = np.random.default_rng(1)
    X = rng.random((n_rows, n_features)).astype(np.float32).astype(dtype)
    T = np.eye(n_outputs, dtype=dtype)[rng.integers(n_outputs, size=n_rows)]
    return TrainingData(as_rows(X), as_rows(T), np.arange(n_rows), **options)


def fit(network, data, settings, **options):
    """Measurements of all epochs."""
    history = []

    def after_epoch(measured):
        history.append(measured)
        return False

    learner = Learner(network, settings, RandomStreams(7))
    train(learner, data, **{"after_epoch": after_epoch} | options)
    return history


def losses_of(history):
    return [measured["loss"] for measured in history]


# Beside scikit-learn ---------------------------------------------------------

MLPS = {
    "adam": {"solver": "adam", "beta_1": 0.8, "beta_2": 0.95, "learning_rate_init": 0.01},
    "sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.2},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.1},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.1},
}
TARGETS = {"softmax": 3, "logistic": 2, "identity": 0}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("hidden", ["logistic", "tanh", "relu", "identity"])
@pytest.mark.parametrize("name", MLPS)
@pytest.mark.parametrize("output", TARGETS)
def test_training_is_that_of_scikit_learn(output, name, hidden):
    rng = np.random.default_rng(0)
    X, n_classes = rng.normal(size=(33, 5)), TARGETS[output]
    y = rng.integers(n_classes, size=33) if n_classes else rng.normal(size=33)
    T = np.eye(n_classes)[y] if output == "softmax" else y[:, None].astype(np.float64)
    shared = {"batch_size": 10, "shuffle": False, **MLPS[name]}

    # No step leads anywhere in the first fit; the second starts from its weights.
    mlp = (MLPClassifier if n_classes else MLPRegressor)(
        hidden_layer_sizes=(7, 4),
        activation=hidden,
        alpha=0.3,
        max_iter=1,
        warm_start=True,
        random_state=0,
    )
    mlp.set_params(**shared | {"learning_rate_init": 1e-300}).fit(X, y)
    layers = [
        Layer(weights, bias, activation)
        for weights, bias, activation in zip(
            mlp.coefs_, mlp.intercepts_, [hidden, hidden, output], strict=True
        )
    ]
    network = Network(layers)
    mlp.set_params(**shared, max_iter=4).fit(X, y)

    settings = TrainingSettings(objective=Objective(l2=0.3), max_iter=4, **shared)
    data = TrainingData(as_rows(X), as_rows(T), np.arange(33))
    losses = losses_of(fit(network, data, settings))

    # The curve goes on over both fits of scikit-learn.
    np.testing.assert_allclose(losses, mlp.loss_curve_[1:], rtol=1e-11)
    for layer, coef, intercept in zip(network.layers, mlp.coefs_, mlp.intercepts_, strict=True):
        np.testing.assert_allclose(layer.weights, coef, rtol=0, atol=1e-11)
        np.testing.assert_allclose(layer.bias, intercept, rtol=0, atol=1e-11)


@pytest.mark.parametrize("n_rows", [40, 2300])  # one block of rows, and three
@pytest.mark.parametrize("solver", ["lbfgs", "cg"])
def test_scipys_solvers_reach_the_ridge(solver, n_rows):
    rng = np.random.default_rng(0)
    X, T, weights = rng.normal(size=(n_rows, 5)), rng.normal(size=(n_rows, 2)), rng.random(n_rows)
    numbers = np.arange(3, n_rows)
    ridge = Ridge(alpha=2.5).fit(X[3:], T[3:], weights[3:])

    network = make_network((5, 2), ("identity",))
    data = TrainingData(as_rows(X), as_rows(T), numbers, weights)
    settings = TrainingSettings(
        objective=Objective(l2=2.5), solver=solver, batch_size=n_rows, max_iter=40, tol=0.0
    )
    history = fit(network, data, settings)
    np.testing.assert_allclose(network.layers[0].weights, ridge.coef_.T, rtol=0, atol=1e-6)
    np.testing.assert_allclose(network.layers[0].bias, ridge.intercept_, rtol=0, atol=1e-6)
    assert np.diff(losses_of(history)).max() < 1e-12


def test_cg_searches_on_large_minibatches():
    data = make_data(60)
    settings = TrainingSettings(solver="cg", batch_size=20, max_iter=5, n_line_searches=2)
    first, last = (
        losses_of(fit(make_network((6, 5, 3), ("tanh", "softmax")), data, s))[-1]
        for s in (replace(settings, max_iter=1), settings)
    )
    assert last < 0.95 * first


# The same bits ---------------------------------------------------------------

EVERYTHING = Objective(
    l1=0.01,
    l2=0.02,
    dropout=(0.2, 0.0, 0.3),
    noise=(0.1, 0.3, 0.0),
    corruption=Corruption("masking", 0.3),
    sparse_layers=(1,),
    sparsity_cost=0.1,
    contracted_layers=1,
    contraction_cost=0.1,
)
SETTINGS = {
    "adam": {},
    "clipped": {"max_gradient_norm": 0.1},
    "limited": {"max_norm": 0.5, "solver": "sgd"},
    "cg": {"solver": "cg", "batch_size": 150, "n_line_searches": 1, "max_iter": 1},
    "lbfgs": {"solver": "lbfgs"},
}


@each_dtype
@pytest.mark.parametrize("name", SETTINGS)
def test_same_bits_for_any_number_of_threads(name, dtype, monkeypatch):
    settings = TrainingSettings(
        **{"objective": EVERYTHING, "batch_size": 70, "max_iter": 2} | SETTINGS[name]
    )
    data = make_data(151, 201, 202, dtype)
    states = set()
    for size in (1, 2, 3):
        helpers = team_of(size, monkeypatch)
        network = make_network((201, 199, 205, 202), ("logistic", "tanh", "softmax"), dtype, 0.1)
        losses = losses_of(fit(network, data, settings))
        assert helpers.most_offered == size - 1, "another team than wanted"
        states.add((network.parameters.tobytes(), *losses))
    assert len(states) == 1


@each_dtype
def test_sparse_data_are_the_same_as_dense_data(dtype):
    X = np.clip(np.random.default_rng(0).normal(size=(50, 6)), 0, None).astype(dtype)
    networks = []
    for storage in (np.asarray, scipy.sparse.csr_matrix):
        rows = as_rows(storage(X))
        networks.append(make_network((6, 4, 6), ("logistic", "identity"), dtype))
        data = TrainingData(rows, rows, np.arange(50))
        fit(
            networks[-1],
            data,
            TrainingSettings(objective=Objective(dropout=(0.1, 0.2)), max_iter=3),
        )
    dense, sparse = networks
    assert sparse.parameters.dtype == dtype
    assert sparse.parameters.tobytes() == dense.parameters.tobytes()


# Weights of rows -------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_row_of_weight_two_is_two_rows(solver):
    rng = np.random.default_rng(0)
    X, T = rng.random((12, 6)), np.eye(3)[rng.integers(3, size=12)]
    weights = rng.integers(3, size=12).astype(np.float64)
    twice = np.repeat(np.arange(12), weights.astype(int))
    networks = [make_network((6, 4, 3), ("tanh", "softmax")) for _ in range(2)]
    settings = TrainingSettings(
        objective=Objective(l2=0.5, l1=0.1), solver=solver, batch_size=50, max_iter=5
    )
    weighted, repeated = networks
    fit(weighted, TrainingData(as_rows(X), as_rows(T), np.arange(12), weights), settings)
    fit(
        repeated,
        TrainingData(as_rows(X[twice]), as_rows(T[twice]), np.arange(len(twice))),
        settings,
    )
    np.testing.assert_allclose(weighted.parameters, repeated.parameters, rtol=0, atol=1e-8)


def test_weights_of_all_rows_alike_do_not_matter_without_penalties():
    networks = [make_network((6, 4, 3), ("tanh", "softmax")) for _ in range(2)]
    for network, weights in zip(networks, (None, np.full(30, 4.0)), strict=True):
        fit(network, make_data(weights=weights), TrainingSettings(batch_size=8, max_iter=3))
    assert np.array_equal(*(network.parameters for network in networks))


def test_rows_that_are_not_to_be_learned_from_have_no_part_in_it():
    network, other = (make_network((6, 4, 3), ("tanh", "softmax")) for _ in range(2))
    data = make_data()
    X, T = data.inputs.take(data.numbers, np.empty((30, 6))), np.full((30, 3), np.nan)
    T[5:25] = data.targets.take(data.numbers, np.empty((30, 3)))[5:25]
    settings = TrainingSettings(batch_size=7, max_iter=3, shuffle=False)
    fit(network, TrainingData(as_rows(X), as_rows(T), np.arange(5, 25)), settings)
    fit(other, TrainingData(as_rows(X[5:25]), as_rows(T[5:25]), np.arange(20)), settings)
    assert np.array_equal(network.parameters, other.parameters)


# Limits ----------------------------------------------------------------------


def test_norms_of_the_weights_into_each_unit_are_limited():
    data = make_data(50, 150, 110)
    settings = TrainingSettings(solver="sgd", learning_rate_init=0.5, batch_size=10, max_iter=2)
    free, limited = (
        make_network((150, 130, 110), ("tanh", "softmax"), scale=0.1) for _ in range(2)
    )
    fit(free, data, settings)
    fit(limited, data, replace(settings, max_norm=1.0))
    norms = [np.linalg.norm(layer.weights, axis=0) for layer in limited.layers]
    assert all(norm.max() <= 1 + 1e-9 for norm in norms)
    # Those that need no limit have none.
    assert all(norm.min() < 0.99 for norm in norms)
    assert any(np.linalg.norm(layer.weights, axis=0).max() > 1.2 for layer in free.layers)


def test_the_gradient_is_scaled_back_to_the_greatest_norm():
    data = make_data()
    settings = TrainingSettings(
        solver="sgd", momentum=0.0, learning_rate_init=1.0, batch_size=30, max_iter=1
    )

    def step(max_gradient_norm):
        network = make_network((6, 4, 3), ("tanh", "softmax"))
        before = network.parameters.copy()
        fit(network, data, replace(settings, max_gradient_norm=max_gradient_norm))
        return network.parameters - before

    gradient = step(None)
    norm = np.linalg.norm(gradient)
    np.testing.assert_allclose(step(norm / 3), gradient / 3, rtol=0, atol=1e-14)
    np.testing.assert_allclose(step(norm * 1.01), gradient, rtol=0, atol=1e-14)


def test_a_minibatch_without_a_gradient_moves_nothing():
    data = make_data()
    weights = np.array([0.0] * 29 + [1.0])
    data = TrainingData(data.inputs, data.targets, np.arange(30), weights)
    settings = TrainingSettings(
        solver="sgd", momentum=0.0, batch_size=10, shuffle=False, max_iter=1
    )
    free, limited = (make_network((6, 4, 3), ("tanh", "softmax")) for _ in range(2))
    fit(free, data, settings)
    fit(limited, data, replace(settings, max_gradient_norm=1e6))
    np.testing.assert_array_equal(limited.parameters, free.parameters)


# Epochs ----------------------------------------------------------------------


def test_rates_of_the_schedules():
    data = make_data()
    settings = TrainingSettings(solver="sgd", momentum=0.0, batch_size=30, learning_rate_init=1e-6)

    def factors(schedule):
        network = make_network((6, 4, 3), ("tanh", "softmax"))
        at = [network.parameters.copy()]
        fit(
            network,
            data,
            replace(settings, learning_rate=schedule, max_iter=4, tol=0.0),
            after_epoch=lambda _: at.append(network.parameters.copy()),
        )
        lengths = np.linalg.norm(np.diff(at, axis=0), axis=1)
        return lengths / lengths[0]

    np.testing.assert_allclose(factors("constant"), 1, atol=1e-4)
    np.testing.assert_allclose(factors("linear"), [1, 0.75, 0.5, 0.25], atol=1e-4)
    np.testing.assert_allclose(factors("invscaling"), 1 / np.sqrt([1, 2, 3, 4]), atol=1e-4)
    cosine = (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    np.testing.assert_allclose(factors("cosine"), cosine, atol=1e-4)


def test_adaptive_divides_by_five_where_others_stop():
    data = make_data()
    settings = TrainingSettings(solver="sgd", momentum=0.0, batch_size=30, learning_rate_init=1e-3)
    # Nothing is ever enough of a gain, but for the first epoch.
    settings = replace(settings, tol=1.0, n_iter_no_change=2, max_iter=100)
    stopped = fit(make_network((6, 4, 3), ("tanh", "softmax")), data, settings)
    assert len(stopped) == 4

    network = make_network((6, 4, 3), ("tanh", "softmax"))
    at = [network.parameters.copy()]
    fit(
        network,
        data,
        replace(settings, learning_rate="adaptive"),
        after_epoch=lambda _: at.append(network.parameters.copy()),
    )
    lengths = np.linalg.norm(np.diff(at, axis=0), axis=1)
    # From 1e-3 it takes five divisions to get to 1e-6 or below; the last rate has its epochs too.
    assert len(lengths) == 4 + 5 * 3
    np.testing.assert_allclose(
        lengths[[0, 4, 7, 10]] / lengths[0], [1, 0.2, 0.04, 0.008], rtol=1e-2
    )


@pytest.mark.parametrize(
    ("n_rows", "expected"), [(7, 7), (150, 20), (2500, 25), (10_000, 100), (60_000, 100)]
)
def test_size_of_a_minibatch_that_is_left_open(n_rows, expected):
    assert TrainingSettings().rows_in_minibatch(n_rows) == expected
    assert TrainingSettings(solver="cg").rows_in_minibatch(n_rows) == min(n_rows, 1000)
    assert TrainingSettings(batch_size=300).rows_in_minibatch(n_rows) == min(n_rows, 300)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_learning_rate_that_falls_to_zero_does_so(schedule):
    settings = TrainingSettings(learning_rate=schedule, tol=1.0, n_iter_no_change=2, max_iter=9)
    network = make_network((6, 4, 3), ("tanh", "softmax"))
    assert len(fit(network, make_data(), settings)) == 9
    # Scores of rows held out still end it: the parameters of the best epoch are kept.
    assert len(fit(network, make_data(), settings, validate=lambda _: 0.5)) == 4
    # The line searches of L-BFGS know no learning rate.
    assert len(fit(network, make_data(), replace(settings, solver="lbfgs"))) < 9


def test_the_parameters_with_the_highest_validation_score_are_kept():
    network = make_network((6, 4, 3), ("tanh", "softmax"))
    scores, at = iter([0.1, 0.5, 0.8, 0.4, 0.3, 0.8, 0.2, 0.9]), []

    def validate(network):
        at.append(network.parameters.copy())
        return next(scores)

    settings = TrainingSettings(max_iter=8, n_iter_no_change=3)
    history = fit(network, make_data(), settings, validate=validate)
    # Without a gain for one epoch more than three: those with 0.4, 0.3, 0.8 and 0.2.
    assert [m["validation_score"] for m in history] == [0.1, 0.5, 0.8, 0.4, 0.3, 0.8, 0.2]
    assert np.array_equal(network.parameters, at[2])


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "cg"])
def test_each_epoch_is_measured_and_reported(solver):
    network = make_network((6, 4, 3), ("tanh", "softmax"))
    settings = TrainingSettings(solver=solver, max_iter=50, learning_rate_init=0.01)
    history = []

    def after_epoch(measured):
        history.append(measured)
        return len(history) == 3

    fit(network, make_data(), settings, after_epoch=after_epoch)
    losses = losses_of(history)
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert all(0 < measured["seconds"] < 60 for measured in history)


def test_rows_come_in_a_new_order_in_each_epoch():
    orders = []

    class Watched(Rows):
        shape, dtype = (30, 6), np.dtype(np.float64)

        def take(self, numbers, out):
            orders.append(numbers)
            out[:] = 0.5
            return out

    data = make_data()
    data.inputs = Watched()
    network = make_network((6, 4, 3), ("tanh", "softmax"))
    fit(network, data, TrainingSettings(batch_size=12, max_iter=2))
    first, second = np.concatenate(orders[:3]), np.concatenate(orders[3:])
    assert [len(order) for order in orders] == [12, 12, 6] * 2
    assert np.array_equal(np.sort(first), np.arange(30))
    assert np.array_equal(np.sort(second), np.arange(30))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.arange(30))


def test_parameters_that_are_not_finite_are_an_error():
    network = make_network((6, 4, 6), ("relu", "identity"), np.float32, scale=3.0)
    rows = make_data(dtype=np.float32).inputs
    settings = TrainingSettings(solver="sgd", learning_rate_init=1e6, max_iter=20)
    with pytest.raises(FloatingPointError, match="no longer finite"):
        fit(network, TrainingData(rows, rows, np.arange(30)), settings)


@pytest.mark.parametrize("solver", ["adam", "sgd", "adagrad", "rmsprop", "cg", "lbfgs"])
def test_every_solver_learns_to_tell_three_classes(solver):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=300)
    X = rng.normal(size=(300, 2)) * 0.3 + np.array([[1, 0], [-1, 1], [-1, -1]])[y]
    rates = {"sgd": 0.1, "adagrad": 0.05, "rmsprop": 0.01}
    settings = TrainingSettings(
        solver=solver, learning_rate_init=rates.get(solver, 0.01), max_iter=20, batch_size=30
    )
    network = make_network((2, 5, 3), ("logistic", "softmax"))
    fit(network, TrainingData(as_rows(X), as_rows(np.eye(3)[y]), np.arange(300)), settings)
    assert np.mean(activations(network.layers, as_rows(X)).argmax(axis=1) == y) > 0.97
