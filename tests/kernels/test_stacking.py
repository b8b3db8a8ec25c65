import numpy as np
import pytest

import naive
from skebm.kernels.products import add_product
from skebm.kernels.stacking import (
    activate_units,
    add_row_sums,
    slopes_of_units,
    weigh_columns,
)

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def close(a, b, dtype):
    np.testing.assert_allclose(a, b, rtol=100 * np.finfo(dtype).eps, atol=10 * np.finfo(dtype).eps)


@each_dtype
def test_activities_are_sigmoids_of_input_and_bias(dtype):
    rng = np.random.default_rng(0)
    inputs, bias = rng.normal(0, 3, (5, 37)).astype(dtype), rng.normal(size=5).astype(dtype)
    expected = naive.sigmoid(inputs.astype(float) + bias[:, None])
    activate_units(inputs, bias)
    close(inputs, expected, dtype)


@each_dtype
def test_slopes_are_the_derivatives_by_the_inputs(dtype):
    rng = np.random.default_rng(1)
    inputs, blame = rng.normal(size=(2, 4, 9))
    shrinkage, weights = rng.random(4), rng.random(9)

    def error(x):
        h = naive.sigmoid(x)
        return (blame * h).sum() + (shrinkage[:, None] * weights * h**2).sum() / 2

    expected = np.empty((4, 9))
    for place in np.ndindex(4, 9):
        up, down = inputs.copy(), inputs.copy()
        up[place] += 1e-5
        down[place] -= 1e-5
        expected[place] = (error(up) - error(down)) / 2e-5

    slopes, before = blame.astype(dtype), np.ones(4, dtype)
    slopes_of_units(
        slopes,
        naive.sigmoid(inputs).astype(dtype),
        shrinkage.astype(dtype),
        weights.astype(dtype),
        before,
    )
    np.testing.assert_allclose(slopes, expected, atol=1e-6)
    np.testing.assert_allclose(before, 1 + expected.sum(axis=1), atol=1e-5)


@each_dtype
def test_sums_in_a_wider_type(dtype):
    rng = np.random.default_rng(2)
    a, b = rng.integers(-9, 9, (6, 40)).astype(dtype), rng.integers(-9, 9, (5, 40)).astype(dtype)
    # Whole numbers are exact in either type, so what is there already must survive, to the bit.
    before = 2.0**40 + rng.integers(9, size=(9, 8)).astype(np.float64)
    out = before.copy()
    add_product(a, b.T, out[2:8, 1:6])
    before[2:8, 1:6] += a.astype(int) @ b.astype(int).T
    assert np.array_equal(out, before)

    sums = np.full(6, 2.0**40)
    add_row_sums(a, sums)
    assert np.array_equal(sums, 2.0**40 + a.astype(int).sum(axis=1))


def test_columns_are_weighed():
    rng = np.random.default_rng(3)
    a, weights, out = rng.random((4, 7)), rng.random(7), np.empty((4, 7))
    weigh_columns(a, weights, out)
    assert np.array_equal(out, a * weights)
