"""Stacking networks of streams against those of arrays, which they equal but for rounding."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from skebm import BernoulliRBM, DSNClassifier, DSNRegressor, stream
from skebm._reduction import BRANCHES
from skebm._streamed_rows import as_rows
from skebm.stacking.examples import Examples, StreamedExamples
from skebm.stacking.hidden_layer import HiddenLayer
from skebm.stacking.inputs import stack_inputs
from skebm.stacking.reduced_error import Penalty, ReducedError, equations_of, residuals_of

X, Y = load_digits(return_X_y=True)
X, Y = X[:600] / 16, Y[:600]
NUMBERS = np.column_stack([X[:, 20] - X[:, 43], Y])
WEIGHTS = np.random.default_rng(0).integers(0, 3, len(Y)).astype(float)


def small(DSN=DSNClassifier, **options):
    return DSN(**{"n_components": 20, "n_modules": 3, "max_iter": 4, "random_state": 0} | options)


def arrays_of(model):
    names = "components_", "intercept_hidden_", "coef_", "intercept_"
    return [getattr(module, name) for module in model.modules_ for name in names]


def assert_equal_but_for_rounding(model, other, rtol=1e-6):
    assert len(model.modules_) == len(other.modules_)
    for a, b in zip(arrays_of(model), arrays_of(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * np.abs(b).max())
        assert a.dtype == b.dtype


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"alpha": "loo", "stacking": "last", "stack_method": "predict_proba"},
        {"alpha": "gcv", "emphasis": True},
        {"early_stopping": True, "n_iter_no_change": 1},
    ],
    ids=["plain", "loo", "emphasis", "early stopping"],
)
def test_a_network_of_a_stream_is_that_of_the_array(storage, options):
    expected = small(**options).fit(storage(X), Y)
    model = small(**options).fit(stream(storage(X), Y, chunk_size=70, window=150))
    assert_equal_but_for_rounding(model, expected)
    rows = stream(storage(X), chunk_size=70)
    np.testing.assert_allclose(model.predict_proba(rows), expected.predict_proba(X), rtol=1e-6)
    np.testing.assert_allclose(np.concatenate(list(model.transform(rows))), expected.transform(X))
    assert model.score(rows, Y) == expected.score(X, Y)


def test_columns_are_summed_up_once():
    passes = []

    def chunks():
        passes.append(None)
        yield from (X[:300], X[300:])

    inputs = stack_inputs(stream(chunks), True)
    columns, n_passes = inputs.columns(None), len(passes)
    np.testing.assert_allclose(columns.mean, X.mean(axis=0))
    assert inputs.columns(None) is columns
    assert len(passes) == n_passes
    weighted = inputs.columns(WEIGHTS).mean
    np.testing.assert_allclose(weighted, np.average(X, axis=0, weights=WEIGHTS))


def test_rows_have_weights():
    expected = small().fit(X, Y, WEIGHTS)
    model = small().fit(stream(X, chunk_size=70, window=150), Y, WEIGHTS)
    assert_equal_but_for_rounding(model, expected)


def test_a_regressor_standardises_targets_of_all_rows_and_takes_in_more():
    rows = stream(X, NUMBERS, chunk_size=70, window=150)
    expected, model = (
        small(DSNRegressor, early_stopping=True).fit(*data) for data in [(X, NUMBERS), (rows,)]
    )
    assert_equal_but_for_rounding(model, expected)
    np.testing.assert_allclose(model.predict(rows), expected.predict(X), rtol=1e-6)
    assert_equal_but_for_rounding(model.partial_fit(rows), expected.partial_fit(X, NUMBERS))


@pytest.mark.parametrize(
    "options",
    [{"warm_up": 2, "batch_size": 50}, {"init": "rbm", "rbm": BernoulliRBM(n_iter=2)}],
    ids=["warm-up", "rbm"],
)
def test_what_goes_in_minibatches_goes_through_windows(options):
    expected = small(**options).fit(X, Y)
    one_window = small(**options).fit(stream(X, Y, chunk_size=70))
    assert_equal_but_for_rounding(one_window, expected)
    model = small(**options).fit(stream(X, Y, chunk_size=70, window=150))
    assert model.score(X, Y) == pytest.approx(expected.score(X, Y), abs=0.03)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_same_chunks_give_the_same_bits(n_jobs):
    model = small(n_jobs=n_jobs).fit(stream(X, Y, chunk_size=70, window=70))
    again = small().fit(stream([X[i : i + 70] for i in range(0, 600, 70)], Y, window=1))
    assert all(map(np.array_equal, arrays_of(model), arrays_of(again)))


def test_sums_of_chunks_that_were_made_apart_add_up_to_the_same_bits():
    """As elsewhere they are added up: level by level."""
    rng, targets = np.random.default_rng(0), NUMBERS
    layer = HiddenLayer(rng.normal(size=(12, 64)), rng.normal(size=12))
    examples = StreamedExamples(as_rows(stream(X, chunk_size=17, window=1)), targets)
    point = ReducedError(examples, Penalty(0.3, 0.1)).at(layer)
    parts = [Examples(as_rows(X[i : i + 17]), targets[i : i + 17]) for i in range(0, len(X), 17)]
    functions = (
        partial(equations_of, layer),
        partial(residuals_of, layer, point.coef, point.intercept, 0.1),
    )
    for function, expected in zip(functions, (point.equations, None), strict=True):
        sums = [function(part) for part in parts]
        while len(sums) > 1:
            groups = [sums[i : i + BRANCHES] for i in range(0, len(sums), BRANCHES)]
            for first, *others in groups:
                for other in others:
                    first += other
            sums = [group[0] for group in groups]
        if expected is None:
            assert sums[0].squared_error == point.squared_error
            assert np.array_equal(2 * sums[0].by_weights, point.gradient[0])
        else:
            assert np.array_equal(sums[0].gram, expected.gram)
            assert np.array_equal(sums[0].cross, expected.cross)


def test_neither_rows_nor_targets_nor_activities_are_held():
    rng = np.random.default_rng(0)
    data, y = rng.random((60_000, 60), dtype=np.float32), rng.integers(20, size=60_000)
    rows = stream(data, y, chunk_size=500, window=1000)
    model = small(n_modules=2, n_components=30, max_iter=1)
    model.fit(stream(data[:1000], np.arange(1000) % 20))  # compiles
    tracemalloc.start()
    model.fit(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < data.nbytes / 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": 3}, "'cv' parameter of DSNClassifier needs all rows in memory"),
        ({"final_estimator": SVC()}, "'final_estimator' parameter of DSNClassifier needs all"),
    ],
)
def test_what_needs_all_rows_says_so(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options).fit(stream(X, Y))


def test_a_stream_without_targets_is_refused():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        small().fit(stream(X))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(stream(X), Y[:-1])
    with pytest.raises(ValueError, match="leaves none of the 1 rows to train on"):
        small(DSNRegressor, early_stopping=True).fit(stream(X[:1], NUMBERS[:1]))
