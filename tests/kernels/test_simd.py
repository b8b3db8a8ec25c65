"""Vectors against NumPy, lane by lane."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from skebm.kernels.simd import LINE_BYTES, load, multiply_add, n_lanes, spread, store, total

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@njit
def multiply_add_in_place(factor, rows, row, out, to, column):
    sums = multiply_add(spread(factor), load(rows, row, column), load(out, to, column))
    store(out, to, column, sums)


@njit
def sum_of_vector(rows, row, column):
    return total(load(rows, row, column))


@njit
def lanes_of(rows):
    return n_lanes(rows)


@each_dtype
@pytest.mark.parametrize("column", [0, 1, 5])  # on a cache line and not
def test_a_vector_is_the_numbers_from_a_place_on_and_no_others(column, dtype):
    n = LINE_BYTES // np.dtype(dtype).itemsize
    rows = np.arange(3 * 40, dtype=dtype).reshape(3, 40)
    out = 1000 + rows
    expected = out.copy()
    expected[1, column : column + n] += 3 * rows[2, column : column + n]
    multiply_add_in_place(dtype(3), rows, 2, out, 1, column)
    assert np.array_equal(out, expected)
    assert lanes_of(rows) == n


@each_dtype
def test_total_is_the_sum_of_the_lanes(dtype):
    n = LINE_BYTES // np.dtype(dtype).itemsize
    rows = np.random.default_rng(0).integers(-99, 99, (2, 30)).astype(dtype)
    assert sum_of_vector(rows, 1, 4) == rows[1, 4 : 4 + n].sum()
    assert isinstance(sum_of_vector(rows, 1, 4), float)


def test_what_is_not_contiguous_has_no_vectors():
    with pytest.raises(TypingError, match="A vector is part of a C-contiguous array"):
        sum_of_vector(np.zeros((20, 20)).T, 1, 4)
