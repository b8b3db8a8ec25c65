"""Products of few rows against NumPy's, in double precision."""

import numpy as np
import pytest

from skebm.kernels import panels

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Rows of a block and fewer, whole blocks and not, as many as are taken at most, and one more;
# columns and terms of whole vectors and of others.
SHAPES = [(5, 70, 33), (6, 64, 16), (7, 65, 17), (50, 33, 100), (64, 4, 31), (128, 90, 20)]
SHAPES += [(129, 70, 20), (65, 70, 20), (12, 3, 40), (12, 40, 3), (6, 70, 2049)]

each_shape = pytest.mark.parametrize(("n_rows", "n_columns", "n_terms"), SHAPES)
either_way = pytest.mark.parametrize("has_avx512", sorted({False, panels.HAS_AVX512}))


def random(shape, dtype):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def check(found, a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    # Each sum is off by some roundings of its terms.
    atol = 8 * np.finfo(found.dtype).eps * (np.abs(a) @ np.abs(b)).max()
    np.testing.assert_allclose(found, a @ b, atol=atol, rtol=0)


@each_dtype
@each_shape
@either_way
def test_products_are_those_of_numpy(n_rows, n_columns, n_terms, dtype, has_avx512, monkeypatch):
    monkeypatch.setattr(panels, "HAS_AVX512", has_avx512)
    a, b = random((n_rows, n_terms), dtype), random((n_terms, n_columns), dtype)
    for first, second in ((a, b), (a, np.asfortranarray(b)), (np.asfortranarray(a), b)):
        out = np.full((n_rows, n_columns), np.nan, dtype)
        assert panels.multiply(first, second, out) is out
        check(out, a, b)


@each_dtype
@each_shape
@either_way
def test_some_columns_are_transposed(n_rows, n_columns, n_terms, dtype, has_avx512, monkeypatch):
    monkeypatch.setattr(panels, "HAS_AVX512", has_avx512)
    a, b = random((n_terms, n_rows + 9), dtype), random((n_terms, n_columns), dtype)
    columns = slice(4, 4 + n_rows)
    out = np.full((n_rows, n_columns), np.nan, dtype)
    assert panels.multiply_transposed(a, columns, b, out) is out
    check(out, a[:, columns].T, b)


@pytest.mark.skipif(not panels.HAS_AVX512, reason="BLAS multiplies here")
def test_a_row_does_not_depend_on_those_beside_it():
    a, b = random((40, 100), np.float32), random((100, 70), np.float32)
    for second in (b, np.asfortranarray(b)):
        whole, some = (np.empty((n, 70), np.float32) for n in (40, 11))
        panels.multiply(a, second, whole)
        panels.multiply(a[13:24], second, some)
        np.testing.assert_array_equal(whole[13:24], some)
