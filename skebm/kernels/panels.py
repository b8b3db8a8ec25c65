"""Matrix products with few rows, with sums in registers and without copies of the factors.

BLAS first copies both factors to memory where its inner loop reads them in order. With few rows
this takes most of the time: ten rows of 500 numbers times 500 x 1000 weights take 0.25 ms with
BLAS, and 0.11 ms here; a hundred rows 1.06 and 0.90 ms (one thread of an AMD EPYC with AVX-512,
float32).

A block of 24 vectors of sums, six rows by four vectors, fits in 32 registers together with the
factors. If the number of rows or columns is not a multiple of a block, the last block overlaps the
one before and computes the same sums again. The order of each sum does not depend on other rows.
"""

import numpy as np

from . import products
from ._jit import inlined, kernel
from .simd import (
    HAS_AVX512,
    LINE_BYTES,
    add_scaled_row,
    load,
    multiply_add,
    n_lanes,
    spread,
    store_row,
    total,
)
from .simd import multiply as multiply_lanes

_ROWS, _VECTORS = 6, 4

# With more rows BLAS is as fast: for the second factor as it is, and transposed.
_MOST_ROWS, _MOST_ROWS_TRANSPOSED = 128, 64

# Largest number of terms of a sum: a panel of four vectors must stay in the cache.
_MOST_TERMS = 2048

_U0, _U1, _U2, _U3, _U4, _U5 = (np.uintp(number) for number in range(_ROWS))


def multiply(a, b, out):
    """``out = a @ b``, by BLAS if it is faster or if there is no AVX-512.

    Both factors are C- or Fortran-contiguous, ``out`` is C-contiguous.
    """
    n_rows, n_columns = out.shape
    lanes, n_terms = LINE_BYTES // out.itemsize, a.shape[1]
    if HAS_AVX512 and n_rows >= _ROWS and n_terms <= _MOST_TERMS and a.flags.c_contiguous:
        if n_rows <= _MOST_ROWS and n_columns >= _VECTORS * lanes and b.flags.c_contiguous:
            _multiply(a, b, out)
            return out
        is_wide = n_terms >= lanes and n_columns >= _VECTORS
        if n_rows <= _MOST_ROWS_TRANSPOSED and is_wide and b.flags.f_contiguous:
            _multiply_by_transposed(a, b.T, out)
            return out
    return products.multiply(a, b, out)


def multiply_transposed(a, columns, b, out):
    """``out = a[:, columns].T @ b``, for a slice of the columns; all arrays are C-contiguous."""
    n_rows, n_columns = out.shape
    is_wide = n_rows >= _ROWS and n_columns >= _VECTORS * (LINE_BYTES // out.itemsize)
    if HAS_AVX512 and is_wide and len(a) <= _MOST_TERMS:
        _multiply_transposed(a, columns.start, b, out)
        return out
    return products.multiply(np.ascontiguousarray(a[:, columns]).T, b, out)


@kernel
def _multiply(a, b, out):
    n_rows, n_columns = out.shape
    width = _VECTORS * n_lanes(out)
    for j in range(0, n_columns, width):
        for r in range(0, n_rows, _ROWS):
            _block(a, b, min(r, n_rows - _ROWS), min(j, n_columns - width), out)


@inlined
def _block(a, b, r, j, out):
    """Rows from ``r`` on and columns from ``j`` on."""
    r, zero = np.uintp(r), spread(a.dtype.type(0))
    none = (zero, zero, zero, zero)
    s0, s1, s2, s3, s4, s5 = none, none, none, none, none, none
    for k in range(a.shape[1]):
        k = np.uintp(k)
        s0 = add_scaled_row(spread(a[r, k]), b, k, j, s0)
        s1 = add_scaled_row(spread(a[r + _U1, k]), b, k, j, s1)
        s2 = add_scaled_row(spread(a[r + _U2, k]), b, k, j, s2)
        s3 = add_scaled_row(spread(a[r + _U3, k]), b, k, j, s3)
        s4 = add_scaled_row(spread(a[r + _U4, k]), b, k, j, s4)
        s5 = add_scaled_row(spread(a[r + _U5, k]), b, k, j, s5)
    _store(s0, s1, s2, s3, s4, s5, out, r, j)


@kernel
def _multiply_transposed(a, first, b, out):
    n_rows, n_columns = out.shape
    width = _VECTORS * n_lanes(out)
    for j in range(0, n_columns, width):
        for r in range(0, n_rows, _ROWS):
            _transposed_block(a, first, b, min(r, n_rows - _ROWS), min(j, n_columns - width), out)


@inlined
def _transposed_block(a, first, b, r, j, out):
    """The same, the rows being columns of ``a`` from ``first`` on."""
    at, zero = np.uintp(first + r), spread(a.dtype.type(0))
    none = (zero, zero, zero, zero)
    s0, s1, s2, s3, s4, s5 = none, none, none, none, none, none
    for k in range(a.shape[0]):
        k = np.uintp(k)
        s0 = add_scaled_row(spread(a[k, at]), b, k, j, s0)
        s1 = add_scaled_row(spread(a[k, at + _U1]), b, k, j, s1)
        s2 = add_scaled_row(spread(a[k, at + _U2]), b, k, j, s2)
        s3 = add_scaled_row(spread(a[k, at + _U3]), b, k, j, s3)
        s4 = add_scaled_row(spread(a[k, at + _U4]), b, k, j, s4)
        s5 = add_scaled_row(spread(a[k, at + _U5]), b, k, j, s5)
    _store(s0, s1, s2, s3, s4, s5, out, np.uintp(r), j)


@inlined
def _store(s0, s1, s2, s3, s4, s5, out, r, j):
    store_row(out, r, j, s0)
    store_row(out, r + _U1, j, s1)
    store_row(out, r + _U2, j, s2)
    store_row(out, r + _U3, j, s3)
    store_row(out, r + _U4, j, s4)
    store_row(out, r + _U5, j, s5)


@kernel
def _multiply_by_transposed(a, b, out):
    """``out = a @ b.T``: each sum along two rows, a vector of them at a time."""
    n_rows, n_columns = out.shape
    lanes, n_terms = n_lanes(out), a.shape[1]
    # The remainder after whole vectors is in the last lanes of a vector that ends with the rows.
    n_left = n_terms % lanes
    is_left = np.zeros((1, lanes), out.dtype)
    for lane in range(lanes - n_left, lanes):
        is_left[0, lane] = 1
    for i in range(0, n_columns, _VECTORS):
        for r in range(0, n_rows, _ROWS):
            _dot_block(
                a, b, min(r, n_rows - _ROWS), min(i, n_columns - _VECTORS), n_left, is_left, out
            )


@inlined
def _dot_block(a, b, r, i, n_left, is_left, out):
    """Rows from ``r`` on and columns from ``i`` on."""
    r, i, lanes, n_terms = np.uintp(r), np.uintp(i), n_lanes(out), a.shape[1]
    zero = spread(a.dtype.type(0))
    none = (zero, zero, zero, zero)
    s0, s1, s2, s3, s4, s5 = none, none, none, none, none, none
    for start in range(0, n_terms - n_left, lanes):
        k = np.uintp(start)
        of_b = _four_rows(b, i, k)
        s0 = _add_products(load(a, r, k), of_b, s0)
        s1 = _add_products(load(a, r + _U1, k), of_b, s1)
        s2 = _add_products(load(a, r + _U2, k), of_b, s2)
        s3 = _add_products(load(a, r + _U3, k), of_b, s3)
        s4 = _add_products(load(a, r + _U4, k), of_b, s4)
        s5 = _add_products(load(a, r + _U5, k), of_b, s5)
    if n_left > 0:
        k, mask = np.uintp(n_terms - lanes), load(is_left, _U0, _U0)
        of_b = _four_rows(b, i, k)
        s0 = _add_products(multiply_lanes(mask, load(a, r, k)), of_b, s0)
        s1 = _add_products(multiply_lanes(mask, load(a, r + _U1, k)), of_b, s1)
        s2 = _add_products(multiply_lanes(mask, load(a, r + _U2, k)), of_b, s2)
        s3 = _add_products(multiply_lanes(mask, load(a, r + _U3, k)), of_b, s3)
        s4 = _add_products(multiply_lanes(mask, load(a, r + _U4, k)), of_b, s4)
        s5 = _add_products(multiply_lanes(mask, load(a, r + _U5, k)), of_b, s5)
    _store_totals(s0, out, r, i)
    _store_totals(s1, out, r + _U1, i)
    _store_totals(s2, out, r + _U2, i)
    _store_totals(s3, out, r + _U3, i)
    _store_totals(s4, out, r + _U4, i)
    _store_totals(s5, out, r + _U5, i)


@inlined
def _four_rows(b, i, k):
    return load(b, i, k), load(b, i + _U1, k), load(b, i + _U2, k), load(b, i + _U3, k)


@inlined
def _add_products(x, of_b, sums):
    return (
        multiply_add(x, of_b[0], sums[0]),
        multiply_add(x, of_b[1], sums[1]),
        multiply_add(x, of_b[2], sums[2]),
        multiply_add(x, of_b[3], sums[3]),
    )


@inlined
def _store_totals(sums, out, r, i):
    out[r, i], out[r, i + _U1] = total(sums[0]), total(sums[1])
    out[r, i + _U2], out[r, i + _U3] = total(sums[2]), total(sums[3])
