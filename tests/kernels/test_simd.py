"""Vectors against NumPy, lane by lane."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from skebm.kernels.simd import (
    LINE_BYTES,
    PACKS_LANES,
    add_scaled_row,
    load,
    load_row,
    multiply,
    multiply_add,
    n_lanes,
    spread,
    store,
    store_nonzero,
    store_row,
    total,
)

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@njit
def multiply_add_in_place(factor, rows, row, out, to, column):
    sums = multiply_add(spread(factor), load(rows, row, column), load(out, to, column))
    store(out, to, column, sums)


@njit
def multiply_in_place(rows, row, out, to, column):
    store(out, to, column, multiply(load(rows, row, column), load(out, to, column)))


@njit
def add_three_vectors(factor, rows, row, out, to, column):
    sums = load_row(out, to, column, (0, 0, 0))
    store_row(out, to, column, add_scaled_row(spread(factor), rows, row, column, sums))


@njit
def list_nonzero(*arguments):
    return store_nonzero(*arguments)


@njit
def total_of_lanes(rows, row, column):
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

    expected[1, column : column + n] *= rows[2, column : column + n]
    multiply_in_place(rows, 2, out, 1, column)
    assert np.array_equal(out, expected)


@each_dtype
@pytest.mark.parametrize("column", [0, 1, 5])
def test_a_total_is_the_sum_of_the_lanes(column, dtype):
    n = LINE_BYTES // np.dtype(dtype).itemsize
    rows = np.arange(3 * 40, dtype=dtype).reshape(3, 40)
    assert total_of_lanes(rows, 2, column) == rows[2, column : column + n].sum()


@each_dtype
@pytest.mark.parametrize("column", [0, 1, 5])
def test_a_tuple_of_vectors_is_the_numbers_of_as_many_neighbours(column, dtype):
    n = 3 * LINE_BYTES // np.dtype(dtype).itemsize
    rows = np.arange(3 * 60, dtype=dtype).reshape(3, 60)
    out = 1000 + rows
    expected = out.copy()
    expected[1, column : column + n] += 3 * rows[2, column : column + n]
    add_three_vectors(dtype(3), rows, 2, out, 1, column)
    assert np.array_equal(out, expected)


@pytest.mark.skipif(not PACKS_LANES, reason="this processor does not pack lanes")
@each_dtype
@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_lanes_that_are_not_zero_are_listed_in_their_order(share, dtype):
    n = LINE_BYTES // np.dtype(dtype).itemsize
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(4, 40)) * (rng.random((4, 40)) < share)).astype(dtype)
    rows[2, 4] = -0.0  # a zero as well
    numbers, values = np.full((3, 50), -1, np.int32), np.full((3, 50), -1, dtype)
    expected = [j for j in range(4, 4 + n) if rows[2, j] != 0]

    assert list_nonzero(rows, 2, 4, numbers, values, 1, 7) == len(expected)
    assert np.array_equal(numbers[1, 7 : 7 + len(expected)], expected)
    assert np.array_equal(values[1, 7 : 7 + len(expected)], rows[2, expected])
    for array in (numbers, values):  # no more than a vector is written
        array[1, 7 : 7 + n] = -1
        assert np.all(array == -1)


def test_what_is_not_contiguous_has_no_vectors():
    with pytest.raises(TypingError, match="A vector is part of a C-contiguous array"):
        multiply_in_place(np.zeros((20, 20)).T, 1, np.zeros((20, 20)), 0, 0)
    with pytest.raises(TypingError, match="A vector is part of a C-contiguous array"):
        multiply_in_place(np.zeros((20, 20)), 1, np.zeros((20, 20)).T, 0, 0)
