import numpy as np
import pytest
import scipy.sparse
from numba import njit

from skebm._streamed_rows import as_rows
from skebm.kernels.simd import LINE_BYTES
from skebm.kernels.sparse import (
    add_listed_rows,
    add_lists,
    csr_times,
    gather_csr_rows,
)

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def integers(rng, *shape, dtype):
    """Small integers: sums and products of them are exact in any order."""
    return rng.integers(-8, 9, shape).astype(dtype)


@each_dtype
@pytest.mark.parametrize("n", range(25))  # every remainder of those that are added at once
def test_listed_rows_are_added_scaled(n, dtype):
    rng = np.random.default_rng(n)
    W, out = integers(rng, 12, 7, dtype=dtype), integers(rng, 3, 7, dtype=dtype)
    numbers = rng.integers(12, size=(4, 30))  # repeated ones among them
    factors = integers(rng, 4, 30, dtype=dtype)
    at, start, to = 2, 5, 1

    expected = out.copy()
    for k in range(start, start + n):
        for j in range(7):
            expected[to, j] += factors[at, k] * W[numbers[at, k], j]

    add_listed_rows(numbers, factors, at, start, n, W, out, to)
    assert np.array_equal(out, expected)


BASE, BASE_OF_OUT = 3, 2


@njit
def add(numbers, factors, lengths, first, last, last_full, n_full, rows, out):
    add_lists(
        numbers, factors, lengths, first, last, last_full, n_full, rows, BASE, out, BASE_OF_OUT
    )


def problem_of_lists(n_vectors, dtype):
    """Numbers, factors, rows and sums of seven lists; other rows and sums stand before them."""
    rng = np.random.default_rng(0)
    n_columns = n_vectors * LINE_BYTES // np.dtype(dtype).itemsize
    numbers = rng.integers(12, size=(7, 30)).astype(np.int32)
    factors = integers(rng, 7, 30, dtype=dtype)
    rows, out = (integers(rng, n, n_columns, dtype=dtype) for n in (BASE + 12, BASE_OF_OUT + 7))
    return numbers, factors, rows, out


def add_by_numpy(numbers, factors, lengths, first, last, rows, out):
    for r in range(first, last):
        n = lengths[r]
        out[BASE_OF_OUT + r] += factors[r, :n] @ rows[BASE + numbers[r, :n]]


@each_dtype
@pytest.mark.parametrize("n_vectors", [1, 2, 3, 4, 5, 6, 7, 8, 9, 16])
def test_lists_are_added_scaled_each_to_its_own_row(n_vectors, dtype):
    numbers, factors, rows, out = problem_of_lists(n_vectors, dtype)
    first, last, lengths = 1, 6, np.array([4, 0, 1, 9, 25, 2, 5])
    expected = out.copy()
    add_by_numpy(numbers, factors, lengths, first, last, rows, expected)
    add(numbers, factors, lengths, first, last, first, 0, rows, out)
    assert np.array_equal(out, expected)


@each_dtype
@pytest.mark.parametrize("n_vectors", [1, 4, 7, 8, 11, 13])
@pytest.mark.parametrize("n_lists", [0, 2, 4])
@pytest.mark.parametrize("n_full", [0, 1, 8])
def test_lists_that_begin_with_the_same_rows_are_added_scaled(n_full, n_lists, n_vectors, dtype):
    numbers, factors, rows, out = problem_of_lists(n_vectors, dtype)
    first, last = 1, 6
    lengths = np.array([5, 8, 9, 25, 8, 2 if n_lists < 4 else 8, 5])
    last_full = first + n_lists
    numbers[first:last_full, :n_full] = np.arange(2, 2 + n_full)
    expected = out.copy()
    add_by_numpy(numbers, factors, lengths, first, last, rows, expected)
    add(numbers, factors, lengths, first, last, last_full, n_full, rows, out)
    assert np.array_equal(out, expected)


def make_csr(rng, dtype):
    """Rows of 0 to 19 non-zeros, dense and as kernels see them all: arrays to read only."""
    X = integers(rng, 30, 19, dtype=dtype) * (rng.random((30, 19)) < np.linspace(0, 1, 30)[:, None])
    return X, as_rows(scipy.sparse.csr_matrix(X)).data


@each_dtype
@pytest.mark.parametrize(("first", "n"), [(0, 30), (0, 1), (7, 11), (29, 1), (5, 0)])
def test_csr_product_is_the_dense_product(first, n, dtype):
    rng = np.random.default_rng(1)
    X, csr = make_csr(rng, dtype)
    W = integers(rng, 19, 6, dtype=dtype)
    out = np.full((n, 6), np.nan, dtype=dtype)  # what was there before does not count
    csr_times(*csr, first, W, out)
    assert np.array_equal(out, X[first : first + n] @ W)


@each_dtype
def test_gathered_rows_are_the_dense_rows(dtype):
    rng = np.random.default_rng(2)
    X, csr = make_csr(rng, dtype)
    numbers = rng.integers(30, size=50)
    out = np.full((50, 19), np.nan, dtype=dtype)
    gather_csr_rows(*csr, numbers, out)
    assert np.array_equal(out, X[numbers])
