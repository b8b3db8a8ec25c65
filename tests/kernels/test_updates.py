import numpy as np
import pytest

from skebm.kernels.updates import (
    move_average,
    phase_difference,
    subtract_projection,
    weigh_phases,
)

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def close(got, expected):
    """Sums of about ten numbers of size 1, in two orders."""
    np.testing.assert_allclose(got, expected, rtol=0, atol=20 * np.finfo(got.dtype).eps)


def normal(*shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@each_dtype
@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_average_moves_towards_the_mean_by_the_rate(rate, dtype):
    rows, average = normal(6, 5, dtype=dtype), normal(5, dtype=dtype, seed=1)
    expected = average + rate * (rows.mean(axis=0) - average)
    move_average(average, rows, rate)
    close(average, expected)


@each_dtype
@pytest.mark.parametrize("n_data", [1, 4, 6])
def test_phase_difference_is_one_mean_less_the_other(n_data, dtype):
    rows, out = normal(7, 5, dtype=dtype), np.full(5, np.nan, dtype=dtype)
    phase_difference(rows, n_data, out)
    close(out, rows[:n_data].mean(axis=0) - rows[n_data:].mean(axis=0))


@each_dtype
@pytest.mark.parametrize("n_data", [1, 4, 6])
def test_weighed_phases_add_up_to_the_difference_of_two_means_of_products(n_data, dtype):
    v, h = normal(7, 5, dtype=dtype), normal(7, 3, dtype=dtype, seed=1)
    expected = np.mean([np.outer(v[r], h[r]) for r in range(n_data)], axis=0)
    expected -= np.mean([np.outer(v[r], h[r]) for r in range(n_data, 7)], axis=0)
    weigh_phases(h, n_data)
    close(v.T @ h, expected)


@each_dtype
def test_projection_is_subtracted(dtype):
    a, b = normal(4, 5, dtype=dtype), normal(4, 3, dtype=dtype, seed=1)
    offset, out = normal(3, dtype=dtype, seed=2), normal(5, dtype=dtype, seed=3)
    expected = out.copy()
    for i in range(5):
        for r in range(4):
            for j in range(3):
                expected[i] -= a[r, i] * b[r, j] * offset[j]
    subtract_projection(a, b, offset, out)
    close(out, expected)
