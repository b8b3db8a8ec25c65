"""The error of a module, its gradient and its solve, against what NumPy and scikit-learn say."""

import numpy as np
import pytest
import scipy.sparse
from scipy import linalg
from sklearn.linear_model import Ridge

import naive
from skebm._rows import JoinedRows
from skebm._streamed_rows import as_rows
from skebm.stacking import examples
from skebm.stacking.descent import descend
from skebm.stacking.examples import Examples
from skebm.stacking.hidden_layer import HiddenLayer
from skebm.stacking.reduced_error import Penalty, ReducedError

N_ROWS, N_FEATURES, N_UNITS, N_TARGETS = 150, 9, 70, 3

each_chunk = pytest.mark.parametrize("chunk", [4096, 40], ids=["whole", "chunks"])
each_weighting = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.random((N_ROWS, N_FEATURES)) * (rng.random((N_ROWS, N_FEATURES)) < 0.5)
    targets = rng.normal(size=(N_ROWS, N_TARGETS))
    weights = rng.random(N_ROWS)
    layer = HiddenLayer(rng.normal(size=(N_UNITS, N_FEATURES)), rng.normal(size=N_UNITS))
    return X, targets, weights, layer


def error_by_numpy(layer, X, targets, weights, penalty):
    """The error, in the simplest way: a solve with one more column for the intercept."""
    H = naive.sigmoid(X @ layer.weights.T + layer.bias)
    H = np.hstack([H, np.ones((len(H), 1))])
    weights = np.ones(len(H)) if weights is None else weights
    factors = penalty.alpha + penalty.noise * (weights @ H**2)
    factors[-1] = 0
    U = np.linalg.solve(
        H.T @ (weights[:, None] * H) + np.diag(factors), (weights * H.T).dot(targets)
    )
    return weights @ np.square(H @ U - targets).sum(axis=1) + factors @ np.square(U).sum(axis=1)


def moved(layer, name, place, by):
    parameters = {"weights": layer.weights.copy(), "bias": layer.bias.copy()}
    parameters[name][place] += by
    return layer.with_parameters(**parameters)


def as_dense(X):
    return as_rows(X)


def as_sparse(X):
    return as_rows(scipy.sparse.csr_array(X))


def as_joined(X):
    return JoinedRows(as_sparse(X[:, :5]), np.ascontiguousarray(X[:, 5:]))


@each_chunk
@each_weighting
@pytest.mark.parametrize("as_kind", [as_dense, as_sparse, as_joined])
@pytest.mark.parametrize("n_bytes", [0, 1e9], ids=["computed twice", "kept"])
@pytest.mark.parametrize(("alpha", "noise"), [(0.1, 0), (1, 0.3), (10, 0)])
def test_error_and_gradient(problem, chunk, weighted, as_kind, n_bytes, alpha, noise, monkeypatch):
    monkeypatch.setattr(examples, "CHUNK", chunk)
    X, targets, weights, layer = problem
    weights = weights if weighted else None
    penalty = Penalty(alpha, noise)
    point = ReducedError(Examples(as_kind(X), targets, weights), penalty, n_bytes).at(layer)

    def error(layer):
        return error_by_numpy(layer, X, targets, weights, penalty)

    assert point.error == pytest.approx(error(layer), rel=1e-12)
    for name, place in [("weights", (3, 4)), ("weights", (69, 8)), ("bias", (5,))]:
        up, down = (error(moved(layer, name, place, by)) for by in (1e-4, -1e-4))
        gradient = dict(zip(("weights", "bias"), point.gradient, strict=True))
        assert gradient[name][place] == pytest.approx((up - down) / 2e-4, abs=1e-7, rel=1e-6)


@each_chunk
@each_weighting
@pytest.mark.parametrize("alpha", [1e-3, 1, 100])
def test_solve_is_that_of_ridge(problem, chunk, weighted, alpha, monkeypatch):
    monkeypatch.setattr(examples, "CHUNK", chunk)
    X, targets, weights, layer = problem
    weights = weights if weighted else None
    point = ReducedError(Examples(as_rows(X), targets, weights), Penalty(alpha, 0)).at(layer)

    H = naive.sigmoid(X @ layer.weights.T + layer.bias)
    ridge = Ridge(alpha=alpha, solver="svd").fit(H, targets, sample_weight=weights)
    np.testing.assert_allclose(point.coef, ridge.coef_.T, atol=1e-8)
    np.testing.assert_allclose(point.intercept, ridge.intercept_, atol=1e-8)


def test_noise_is_the_mean_over_dropped_units(problem):
    X, targets, _, layer = problem
    point = ReducedError(Examples(as_rows(X), targets), Penalty(0.0, 0.25)).at(layer)
    H = naive.sigmoid(X @ layer.weights.T + layer.bias)

    # Dropping one unit in five and scaling up the others has the relative variance 0.25.
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(2000):
        kept = (rng.random(H.shape) > 0.2) / 0.8
        outputs = (H * kept) @ point.coef + point.intercept
        errors.append(np.square(outputs - targets).sum())
    spread = np.std(errors) / np.sqrt(len(errors))
    assert abs(np.mean(errors) - point.error) < 4 * spread


def test_weight_two_is_a_row_twice(problem):
    X, targets, _, layer = problem
    twice = np.r_[np.arange(N_ROWS), np.arange(10)]
    weights = np.ones(N_ROWS)
    weights[:10] = 2
    penalty = Penalty(0.1, 0.1)
    a = ReducedError(Examples(as_rows(X[twice]), targets[twice]), penalty).at(layer)
    b = ReducedError(Examples(as_rows(X), targets, weights), penalty).at(layer)
    np.testing.assert_allclose(a.coef, b.coef, atol=1e-9)
    np.testing.assert_allclose(a.gradient[0], b.gradient[0], atol=1e-8)


def test_singular_equations_warn_and_have_the_shortest_solution(problem):
    X, targets, _, layer = problem
    weights = layer.weights.copy()
    weights[1] = weights[0]
    weights[2] = 0  # a unit that never changes
    bias = layer.bias.copy()
    bias[1] = bias[0]
    twins = layer.with_parameters(weights[:12], bias[:12])
    error = ReducedError(Examples(as_rows(X), targets), Penalty(0.0, 0.0))
    with pytest.warns(linalg.LinAlgWarning, match="singular"):
        point = error.at(twins)
    H = naive.sigmoid(X @ twins.weights.T + twins.bias)
    expected = np.linalg.lstsq(H - H.mean(axis=0), targets - targets.mean(axis=0), rcond=1e-10)[0]
    np.testing.assert_allclose(point.coef, expected, atol=1e-5)


def test_float32_is_float64_to_rounding(problem):
    X, targets, weights, layer = problem
    penalty = Penalty(1.0, 0.1)
    exact = ReducedError(Examples(as_rows(X), targets, weights), penalty).at(layer)
    single = [array.astype(np.float32) for array in (X, targets, weights)]
    layer = HiddenLayer(layer.weights.astype(np.float32), layer.bias.astype(np.float32))
    point = ReducedError(Examples(as_rows(single[0]), *single[1:]), penalty).at(layer)
    assert point.gradient[0].dtype == point.coef.dtype == np.float32
    np.testing.assert_allclose(point.gradient[0], exact.gradient[0], atol=1e-5)
    assert point.error == pytest.approx(exact.error, rel=1e-6)


@each_weighting
def test_generalised_cross_validation_by_its_definition(problem, weighted):
    X, targets, weights, layer = problem
    error = ReducedError(
        Examples(as_rows(X), targets, weights if weighted else None), Penalty(0.0, 0.0)
    )
    spectrum = error.normal_equations(layer).spectrum(0.0)
    w = weights if weighted else np.ones(N_ROWS)
    H = naive.sigmoid(X @ layer.weights.T + layer.bias)
    H = np.hstack([H, np.ones((N_ROWS, 1))]) * np.sqrt(w)[:, None]
    wanted = targets * np.sqrt(w)[:, None]
    for alpha in (0.01, 1, 100):
        penalty = alpha * np.eye(N_UNITS + 1)
        penalty[-1, -1] = 0
        hat = H @ np.linalg.solve(H.T @ H + penalty, H.T)
        squares = np.square(hat @ wanted - wanted).sum()
        expected = squares / (1 - np.trace(hat) / w.sum()) ** 2
        assert spectrum.generalised_cross_validation(alpha) == pytest.approx(expected, rel=1e-8)


def test_descent_never_rises_and_ends_where_the_gradient_does(problem):
    X, targets, _, layer = problem
    layer = layer.with_parameters(layer.weights[:5].copy(), layer.bias[:5].copy())
    error = ReducedError(Examples(as_rows(X), targets), Penalty(1.0, 0.0))
    start = error.at(layer)
    points = [start, *descend(error, start, 300)]
    errors = [point.error for point in points]
    assert np.all(np.diff(errors) < 0)
    size = np.abs(points[-1].gradient[0]).max()
    assert size < 1e-3 * np.abs(start.gradient[0]).max()
