"""Sources of data, against arithmetic on dense float64 arrays, and what is trained on them."""

import tracemalloc
from collections import Counter
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
import scipy.sparse

from skebm import BernoulliRBM, GaussianRBM, _rows, _source, stream
from skebm._reduction import BRANCHES, tree_sum
from skebm._rows import JoinedRows, KnownRows, NotNaN, Rows, StandardizedRows
from skebm._scales import mean_and_common_scale, mean_and_scale
from skebm._schedules import last_stage
from skebm._source import all_of, for_each_chunk, numbers_by_weight
from skebm._streamed_rows import as_rows, rows_with_gaps
from skebm.boltzmann.fused import can_run

each_storage = pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])


@each_storage
def test_means_and_variances_of_float32_are_summed_in_float64(storage):
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(60_000), rng.normal(1e4, 1, 60_000)]).astype(np.float32)
    rows = as_rows(storage(X))
    wide = X.astype(np.float64)
    for got, expected in zip(rows.moments(), (wide.mean(axis=0), wide.var(axis=0)), strict=True):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_csr_rows_have_one_type_of_indices_for_which_kernels_are_compiled():
    X = np.random.default_rng(0).integers(3, size=(9, 5)).astype(float)
    short, long = scipy.sparse.csr_matrix(X), scipy.sparse.csr_array(X)
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    rows = [as_rows(each) for each in (short, long)]
    assert {array.dtype for each in rows for array in each.data[1:]} == {np.dtype(np.int32)}
    for each in rows:
        np.testing.assert_array_equal(each.take(np.arange(9), np.empty((9, 5))), X)
    assert long.indices.dtype == np.int64


def test_sums_of_csr_columns_are_those_of_all_parts(monkeypatch):
    monkeypatch.setattr(_rows, "VALUES_AT_A_TIME", 7)
    X = np.random.default_rng(0).integers(0, 3, (30, 5)).astype(float)
    rows = as_rows(scipy.sparse.csr_matrix(X))
    assert rows.data.data.size % 7 > 0
    np.testing.assert_allclose(rows.moments().mean, X.mean(axis=0), rtol=1e-15)


@each_storage
def test_density_is_the_share_of_values_that_are_not_zero(storage):
    X = (np.random.default_rng(0).random((200, 10)) < 0.3).astype(float)
    assert as_rows(storage(X)).density == np.mean(X != 0)


@each_storage
def test_standardized_rows_have_mean_zero_and_products_of_their_own(storage):
    X = np.random.default_rng(0).normal(5, 3, (50, 4)) * (np.arange(4) > 0)
    mean, scale = X.mean(axis=0), np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    rows = StandardizedRows(as_rows(storage(X)), mean, scale)
    expected = (X - mean) / scale
    np.testing.assert_allclose(rows.moments().mean, 0, rtol=0, atol=1e-12)
    some = rows.take(np.array([7, 3]), np.empty((2, 4)))
    np.testing.assert_allclose(some, expected[[7, 3]], rtol=1e-12)
    weights = np.random.default_rng(1).normal(size=(4, 3))
    product = rows.times(weights, slice(10, 30), np.empty((20, 3)))
    np.testing.assert_allclose(product, expected[10:30] @ weights, rtol=0, atol=1e-12)
    for source in (as_rows(storage(X)), as_rows(stream(storage(X), chunk_size=30))):
        standardized = source.standardized(mean, scale)
        np.testing.assert_allclose(standardized.range(), (expected.min(), expected.max()))
        windows = standardized.passes()
        found = np.concatenate([all_of(window.rows) for window in windows])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@each_storage
@pytest.mark.parametrize("n_rows", [3, 700, 20_000])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e-7, -1e9, 1 / 3])
def test_a_constant_column_has_its_value_for_a_mean_and_scale_one(value, n_rows, storage):
    X = np.column_stack([np.arange(n_rows, dtype=float), np.full(n_rows, value)])
    mean, scale = mean_and_scale(as_rows(storage(X)), "Model")
    assert mean[1] == value
    assert scale[1] == 1


def test_noise_of_rounding_is_constant_and_three_digits_are_not():
    rng = np.random.default_rng(0)
    noisy = rng.choice([0.1 + 0.2, 0.3], 500)
    X = np.column_stack([noisy, 1e8 + 1e-3 * rng.normal(size=500)])
    _, scale = mean_and_scale(as_rows(X), "Model")
    assert scale[0] == 1
    assert scale[1] == pytest.approx(X[:, 1].std(), rel=1e-6)


@each_storage
def test_a_common_scale_takes_no_rounding_for_variance(storage):
    X = 1e-3 * np.random.default_rng(0).normal(size=(200, 5))
    wide = np.column_stack([X, np.zeros(200), np.full(200, 7.0)])
    _, scale = mean_and_common_scale(as_rows(storage(wide)), "Model")
    np.testing.assert_allclose(scale, np.sqrt(X.var(axis=0).sum() / 7), rtol=1e-12)
    assert len(scale) == 7


def test_statistics_of_a_memory_map_take_no_copy_of_it():
    X = np.random.default_rng(0).random((40_000, 100), dtype=np.float32)
    tracemalloc.start()
    mean_and_scale(as_rows(X), "Model")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.nbytes / 2


@each_storage
def test_a_subset_has_the_rows_asked_for_and_stays_as_it_is_stored(storage):
    rng = np.random.default_rng(0)
    X, more = rng.integers(0, 2, (20, 5)).astype(float), rng.random((20, 2))
    numbers = np.array([7, 3, 19])
    standardized = StandardizedRows(as_rows(storage(X)), X.mean(axis=0), np.full(5, 2.0))
    joined = JoinedRows(as_rows(storage(X)), more)
    for rows, expected in [
        (as_rows(storage(X)), X[numbers]),
        (standardized, (X[numbers] - X.mean(axis=0)) / 2),
        (joined, np.hstack([X, more])[numbers]),
    ]:
        subset = rows.subset(numbers)
        assert type(subset) is type(rows)
        assert subset.shape == expected.shape
        taken = subset.take(np.arange(3), np.empty(expected.shape))
        np.testing.assert_allclose(taken, expected, rtol=1e-15)


def test_rows_come_as_often_as_their_weights_are_worth():
    assert numbers_by_weight(np.full(4, 0.3)) is None
    assert numbers_by_weight(np.array([2.0, 0.0, 1.0])).tolist() == [0, 0, 2]
    weights = np.random.default_rng(0).random(1000) * (np.arange(1000) < 990)
    numbers = numbers_by_weight(weights)
    counts = np.bincount(numbers, minlength=1000)
    assert len(numbers) == 1000
    assert np.abs(counts - 1000 * weights / weights.sum()).max() < 1
    assert counts[weights == 0].sum() == 0


# Sources that are no more than the protocol asks for


class FourMethods(Rows):
    """All that a source needs."""

    def __init__(self, X):
        self._X = X

    @property
    def shape(self):
        return self._X.shape

    @property
    def dtype(self):
        return self._X.dtype

    def take(self, numbers, out):
        out[:] = self._X[numbers]
        return out

    def subset(self, numbers):
        return FourMethods(self._X[numbers])


def grey_rows(n_rows=300, n_features=12, seed=0):
    return np.random.default_rng(seed).random((n_rows, n_features))


def binary_rows(n_rows=300, n_features=12, seed=0):
    return (grey_rows(n_rows, n_features, seed) < 0.3).astype(float)


def fitted_attributes(model):
    return [model.components_, model.intercept_hidden_, model.intercept_visible_]


@pytest.mark.parametrize("RBM", [BernoulliRBM, GaussianRBM])
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"shuffle": False}])
def test_four_methods_are_enough_to_train_an_rbm_as_on_an_array(RBM, options, monkeypatch):
    X = grey_rows()  # so many and so full that products are faster than lists
    rbm = RBM(5, batch_size=100, n_iter=3, random_state=0, **options)
    expected = fitted_attributes(rbm.fit(X)), rbm.history_["pseudo_likelihood"]
    asked = []

    def few_methods(X):
        asked.append(X)
        return FourMethods(X)

    monkeypatch.setattr("skebm.boltzmann.data.rows_with_gaps", few_methods)
    found = fitted_attributes(rbm.fit(X)), rbm.history_["pseudo_likelihood"]
    assert all(map(np.array_equal, found[0], expected[0]))
    assert found[1] == expected[1]
    assert asked


@each_storage
def test_defaults_that_go_through_take_are_what_storages_do_in_ways_of_their_own(
    storage, monkeypatch
):
    monkeypatch.setattr(_source, "_NUMBERS_AT_A_TIME", 7 * 12)  # rows are taken by sevens
    X, rng = binary_rows(), np.random.default_rng(1)
    rows, plain = as_rows(storage(X)), FourMethods(X)
    part, weights, slopes = slice(20, 90), rng.normal(size=(12, 4)), rng.normal(size=(3, 70))
    for ask in (
        lambda rows: rows.times(weights, part, np.empty((70, 4))),
        lambda rows: rows.inputs_of_units(weights.T.copy(), part, np.empty((4, 70))),
        lambda rows: gradient_of(rows, slopes, part),
        lambda rows: rows.moments(),
        lambda rows: rows.range(),
        lambda rows: rows.is_binary(),
        all_of,
    ):
        np.testing.assert_allclose(ask(plain), ask(rows), rtol=1e-12, atol=1e-12)
    assert FourMethods(X + 1).range() == (1, 2)
    assert not FourMethods(X + 1).is_binary()


def gradient_of(rows, slopes, part):
    out = np.ones((3, 12))
    rows.add_gradient(slopes, part, out)
    return out


def test_moments_of_one_pass_keep_their_digits_beside_a_large_mean():
    X = 1e6 + np.arange(5000.0)[:, None] * [1, 0]
    mean, variance = FourMethods(X).moments()
    assert mean.tolist() == pytest.approx(X.mean(axis=0).tolist(), rel=1e-15)
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-12)


def test_rows_declare_what_they_are():
    X = binary_rows()
    dense, csr = as_rows(X), as_rows(scipy.sparse.csr_matrix(X))
    assert [rows.storage for rows in (dense, csr)] == ["array", "csr"]
    others = StandardizedRows(csr, np.zeros(12), np.ones(12)), JoinedRows(dense, X), FourMethods(X)
    assert {rows.storage for rows in others} == {rows.data for rows in others} == {None}
    for rows in (dense, csr, *others):
        batch = rows.batch(np.array([5, 2]))
        assert len(batch) == 2
        assert rows.known is rows.absent is None
        assert batch.known is batch.absent is None
        assert np.array_equal(batch.take(np.empty((2, rows.shape[1])))[:, :12], X[[5, 2]])


def test_a_minibatch_has_what_its_rows_declare_of_each():
    known, absent = binary_rows() > 0, np.arange(12.0)
    rows = KnownRows(as_rows(grey_rows()), as_rows(known)).with_absent(absent)
    numbers = np.array([7, 0, 299])
    batch = rows.batch(numbers)
    assert np.array_equal(batch.known, known[numbers])
    assert np.array_equal(batch.absent, np.tile(absent, (3, 1)))


def test_no_row_is_listed_that_compiled_loops_do_not_read_whole():
    rbm = BernoulliRBM(5, n_iter=0).fit(binary_rows())
    learner = rbm._training(binary_rows(), None, True, None, None, watched=False).learner
    rows, settings = as_rows(binary_rows()), rbm._settings(last_stage, 1.0)
    assert can_run(learner, rows, settings)
    assert not can_run(learner, rows, replace(settings, max_gradient_norm=1.0))
    assert not can_run(learner, FourMethods(binary_rows()), settings)
    partly = as_rows(binary_rows())
    partly.known = rows
    assert not can_run(learner, partly, settings)


@each_storage
def test_values_that_are_not_known_are_zero_and_count_for_nothing(storage):
    rng = np.random.default_rng(0)
    X, known = rng.normal(5, 2, (700, 6)), rng.random((700, 6)) < 0.6
    known[:, 5] = False
    wrong = np.where(known, X, 1e9 if storage is scipy.sparse.csr_matrix else np.nan)
    rows = KnownRows(as_rows(storage(wrong)), as_rows(known))
    assert np.array_equal(all_of(rows), np.where(known, X, 0))
    mean, variance = rows.moments()
    columns = [X[known[:, j], j] for j in range(5)]
    np.testing.assert_allclose(mean, [*map(np.mean, columns), 0], rtol=1e-12)
    np.testing.assert_allclose(variance, [*map(np.var, columns), 0], rtol=1e-12)
    assert rows.range() == (X[known].min(), X[known].max())
    some = rows.subset(np.array([4, 600]))
    assert np.array_equal(all_of(some), np.where(known, X, 0)[[4, 600]])
    assert np.array_equal(all_of(some.known), known[[4, 600]])


@each_storage
def test_rows_with_nan_are_those_of_the_known_values(storage):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700, 6)) * (rng.random((700, 6)) < 0.5)
    assert type(rows_with_gaps(storage(X))) is type(as_rows(storage(X)))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:600, 2] = X[:, 5] = np.nan
    rows = rows_with_gaps(storage(X))
    assert np.array_equal(all_of(rows), np.nan_to_num(X))
    assert np.array_equal(all_of(rows.known), ~np.isnan(X))
    np.testing.assert_allclose(rows.moments().mean[:5], np.nanmean(X[:, :5], axis=0), rtol=1e-12)
    expected = [X[~np.isnan(X[:, j]), j][0] for j in range(5)]
    assert rows.first().tolist() == [*expected, 0]


def test_one_gap_among_many_values_is_found():
    X = np.ones((1000, 3))
    X[999, 2] = np.nan
    assert rows_with_gaps(X).known is not None
    sparse = scipy.sparse.csr_matrix(X)
    assert rows_with_gaps(sparse).known is not None
    assert rows_with_gaps(scipy.sparse.csr_matrix((3, 4))).known is None


@pytest.mark.parametrize("of_subset", [False, True])
@pytest.mark.parametrize("wrapper", ["known", "standardized", "joined", "dense", "csr"])
def test_whatever_is_around_rows_declares_what_they_do(wrapper, of_subset):
    X, rng = grey_rows(), np.random.default_rng(1)
    X[rng.random(X.shape) < 0.3] = np.nan
    known = ~np.isnan(X)
    if wrapper in ("dense", "csr"):
        rows = as_rows(scipy.sparse.csr_matrix(X) if wrapper == "csr" else X)
        rows.known = as_rows(known)
    else:
        inner = KnownRows(as_rows(X), NotNaN(as_rows(X)))
        rows = {
            "known": lambda: inner,
            "standardized": lambda: StandardizedRows(inner, np.full(12, 3.0), np.full(12, 2.0)),
            "joined": lambda: JoinedRows(inner, np.ones((300, 2))),
        }[wrapper]()
    if wrapper == "joined":
        known = np.hstack([known, np.ones((300, 2), dtype=bool)])
    numbers = np.arange(300)
    if of_subset:
        numbers = np.array([7, 3, 299])
        rows = rows.subset(numbers)
    batch = rows.batch(np.arange(len(numbers)))
    assert np.array_equal(batch.known, known[numbers])
    if wrapper in ("known", "standardized", "joined"):
        filled = rows.with_absent(np.full(rows.shape[1], 5.0))
        some = filled.subset(np.arange(2))
        assert np.array_equal(all_of(some) == 5, ~known[numbers][:2])
        assert np.array_equal(some.batch(np.arange(2)).absent, np.full(some.shape, 5.0))
        assert filled.range() == rows.with_absent(None).range()
        states = all_of(rows)
        assert np.array_equal(states == 0, ~known[numbers])
        assert np.isfinite(states).all()


# Streams


@each_storage
def test_a_stream_has_the_shape_and_statistics_of_its_rows(storage):
    X = np.random.default_rng(0).normal(3, 2, (1000, 4))
    rows = as_rows(stream(storage(X), chunk_size=170))
    assert rows.shape == X.shape
    np.testing.assert_allclose(rows.moments(), [X.mean(axis=0), X.var(axis=0)], rtol=1e-12)
    assert rows.range() == (X.min(), X.max())
    assert not rows.is_binary()
    assert as_rows(stream(storage(np.eye(40)), chunk_size=7)).is_binary()
    numbers = np.array([999, 3, 500, 4])
    assert np.array_equal(all_of(rows.subset(numbers)), X[numbers])
    mean, scale = np.arange(4.0), np.arange(1.0, 5)
    standardized = rows.standardized(mean, scale)
    np.testing.assert_allclose(standardized.moments().mean, (X.mean(axis=0) - mean) / scale)
    np.testing.assert_allclose(all_of(standardized.subset(numbers)), (X[numbers] - mean) / scale)


@each_storage
def test_a_stream_with_gaps_has_the_statistics_of_what_is_known(storage):
    rng = np.random.default_rng(0)
    X = rng.normal(3, 2, (300, 4))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:200, 0] = X[:, 3] = np.nan
    X[:, 2] = np.where(np.isnan(X[:, 2]), np.nan, 7)
    rows, expected = rows_with_gaps(stream(storage(X), chunk_size=50)), rows_with_gaps(storage(X))
    np.testing.assert_allclose(rows.moments(), expected.moments(), rtol=1e-12)
    assert rows.range() == expected.range()
    assert np.array_equal(rows.n_known(), expected.n_known())
    assert np.array_equal(rows.n_known(), (~np.isnan(X)).sum(axis=0))
    assert np.array_equal(rows.first(), expected.first())
    absent = np.arange(4.0)
    for window in rows.with_absent(absent).passes():
        there = window.places[window.order]
        found = all_of(window.rows.subset(window.order))
        assert np.array_equal(found, np.where(np.isnan(X), absent, X)[there])


@each_storage
def test_windows_are_shuffled_inside_and_together_are_all_rows(storage):
    X = np.arange(310.0)[:, None]

    def read():
        return (storage(X)[start : start + 30] for start in range(0, 310, 30))

    rows, generator = as_rows(stream(read, window=100)), np.random.default_rng(0)
    epochs = [list(rows.passes(generator)) for _ in range(2)]
    orders = [[all_of(rows)[order, 0] for rows, order, _ in epoch] for epoch in epochs]
    # Four chunks of thirty are the first with a hundred rows.
    for windows in orders:
        assert [len(window) for window in windows] == [120, 120, 70]
        for window, start in zip(windows, (0, 120, 240), strict=True):
            assert np.array_equal(np.sort(window), np.arange(start, start + len(window)))
    assert not np.array_equal(orders[0][0], orders[1][0])
    in_order = [all_of(rows)[order, 0] for rows, order, _ in rows.passes()]
    assert np.array_equal(np.concatenate(in_order), np.arange(310))


def test_a_pass_through_some_rows_leaves_out_the_others():
    X = np.arange(310.0)[:, None]
    numbers = np.array([0, 7, 119, 250, 309])  # none from the second window
    windows = as_rows(stream(X, chunk_size=30, window=100)).passes(None, numbers)
    found = [all_of(rows)[order, 0].tolist() for rows, order, _ in windows]
    assert found == [[0, 7, 119], [250, 309]]


# Pieces of work and of sums


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
def test_a_variance_beyond_all_numbers_is_infinite(storage):
    X = np.zeros((50, 2))
    # The sum of what is left of the mean is far from zero, too.
    X[:, 0] = 1e300 * np.random.default_rng(0).normal(size=50)
    X[:10, 1] = 1.0
    with np.errstate(over="ignore", invalid="raise"):
        variance = as_rows(storage(X)).moments().variance
    assert variance[0] == np.inf
    assert variance[1] == pytest.approx(0.16)


@pytest.mark.parametrize("n_rows", [1, 100, 1000, 9000, 20_000, 60_000])
def test_chunks_are_enough_for_many_threads_and_not_too_small(n_rows):
    parts = []
    for_each_chunk(parts.append, n_rows)
    parts = sorted(parts, key=lambda part: part.start)
    assert np.array_equal(
        np.concatenate([np.arange(n_rows)[part] for part in parts]), range(n_rows)
    )
    size = parts[0].stop
    assert size == min(n_rows, 128) or len(parts) >= 64
    assert size <= 512
    assert all(part.start % 4 == 0 for part in parts)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 63, 64, 65, 71, 72, 600])
def test_a_tree_adds_up_all_parts_in_one_order(n):
    def level_by_level(parts):
        while len(parts) > 1:
            groups = [parts[i : i + BRANCHES] for i in range(0, len(parts), BRANCHES)]
            parts = [reduce("({}+{})".format, group) for group in groups]
        return parts[0]

    names = [str(number) for number in range(n)]
    assert tree_sum(iter(names), "({}+{})".format) == level_by_level(names)


def test_a_tree_holds_one_sum_a_level():
    alive = Counter()

    class Part:
        def __init__(self):
            alive["now"] += 1
            alive["most"] = max(alive["most"], alive["now"])

        def __del__(self):
            alive["now"] -= 1

    tree_sum((Part() for _ in range(5000)), lambda a, b: a)
    assert alive["most"] <= 2 + len(np.base_repr(5000, BRANCHES))


def test_nothing_has_no_sum():
    with pytest.raises(ValueError, match="nothing to add up"):
        tree_sum([], None)
