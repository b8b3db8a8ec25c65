"""Statistics of rows, against float64 arithmetic on dense arrays."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse

from skebm import _rows
from skebm._rows import (
    JoinedRows,
    StandardizedRows,
    as_rows,
    mean_and_common_scale,
    mean_and_scale,
    numbers_by_weight,
)

each_storage = pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])


@each_storage
def test_means_and_variances_of_float32_are_summed_in_float64(storage):
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(60_000), rng.normal(1e4, 1, 60_000)]).astype(np.float32)
    rows = as_rows(storage(X))
    wide = X.astype(np.float64)
    for got, expected in [(rows.mean(), wide.mean(axis=0)), (rows.variance(), wide.var(axis=0))]:
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_sums_of_csr_columns_are_those_of_all_parts(monkeypatch):
    monkeypatch.setattr(_rows, "_VALUES", 7)
    X = np.random.default_rng(0).integers(0, 3, (30, 5)).astype(float)
    rows = as_rows(scipy.sparse.csr_matrix(X))
    assert rows.data.data.size % 7 > 0
    np.testing.assert_allclose(rows.mean(), X.mean(axis=0), rtol=1e-15)


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
    np.testing.assert_allclose(rows.mean(), 0, rtol=0, atol=1e-12)
    some = rows.take(np.array([7, 3]), np.empty((2, 4)))
    np.testing.assert_allclose(some, expected[[7, 3]], rtol=1e-12)
    weights = np.random.default_rng(1).normal(size=(4, 3))
    product = rows.times(weights, slice(10, 30), np.empty((20, 3)))
    np.testing.assert_allclose(product, expected[10:30] @ weights, rtol=0, atol=1e-12)


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
