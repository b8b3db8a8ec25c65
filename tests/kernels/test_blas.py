"""Products of parts of arrays, against NumPy's, and nothing else touched."""

import numpy as np
import pytest

from skebm.kernels.blas import GEMM, multiply_by_rows, multiply_columns, multiply_transposed

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_part = pytest.mark.parametrize(("first", "stop"), [(0, 9), (0, 4), (3, 8), (8, 9)])


def normal(*shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def close(got, expected):
    """Sums of about ten numbers of size 1, in two orders."""
    np.testing.assert_allclose(got, expected, rtol=0, atol=30 * np.finfo(got.dtype).eps)


@each_dtype
@each_part
def test_columns(first, stop, dtype):
    a, b = normal(5, 7, dtype=dtype), normal(7, 9, dtype=dtype, seed=1)
    out = np.full((5, 9), np.nan, dtype=dtype)
    multiply_columns(GEMM[a.dtype], a, b, first, stop, out)
    close(out[:, first:stop], a @ b[:, first:stop])
    assert np.isnan(np.delete(out, np.s_[first:stop], axis=1)).all()


@each_dtype
@each_part
def test_rows(first, stop, dtype):
    a, b = normal(5, 7, dtype=dtype), normal(9, 7, dtype=dtype, seed=1)
    out = np.full((5, 9), np.nan, dtype=dtype)
    multiply_by_rows(GEMM[a.dtype], a, b, first, stop, out)
    close(out[:, first:stop], a @ b[first:stop].T)
    assert np.isnan(np.delete(out, np.s_[first:stop], axis=1)).all()


@each_dtype
@each_part
@pytest.mark.parametrize("add", [False, True])
def test_transposed(add, first, stop, dtype):
    a, b = normal(5, 9, dtype=dtype), normal(5, 7, dtype=dtype, seed=1)
    start = normal(stop - first, 7, dtype=dtype, seed=2) if add else np.nan
    out = np.full((stop - first, 7), start, dtype=dtype)
    multiply_transposed(GEMM[a.dtype], a, b, first, add, out)
    close(out, a[:, first:stop].T @ b + (start if add else 0))
