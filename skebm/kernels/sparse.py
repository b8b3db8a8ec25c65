"""Products with sparse rows, which cost what their non-zeros cost."""

from typing import NamedTuple

import numpy as np

from ._jit import kernel


class DenseData(NamedTuple):
    """Rows of an ndarray."""

    X: np.ndarray


class CsrData(NamedTuple):
    """Rows of a CSR matrix in canonical format."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray


@kernel
def first_not_below(numbers, start, stop, low):
    """First place from ``start`` on, up to ``stop``, whose number is not below ``low``; sorted."""
    while start < stop:
        middle = (start + stop) // 2
        if numbers[middle] < low:
            start = middle + 1
        else:
            stop = middle
    return start


@kernel
def fill(row, value):
    """Set every element of ``row``."""
    for j in range(row.shape[0]):
        row[j] = value


@kernel
def scale(row, factor):
    """Multiply every element of ``row``, in place."""
    for j in range(row.shape[0]):
        row[j] *= factor


@kernel
def dot(x, y):
    """Product of two rows."""
    total = x.dtype.type(0)
    for j in range(x.shape[0]):
        total += x[j] * y[j]
    return total


@kernel
def add_scaled(factor, row, out):
    """Add ``factor * row`` to ``out``."""
    for j in range(out.shape[0]):
        out[j] += factor * row[j]


@kernel
def add_scaled_rows(numbers, factors, rows, out):
    """Add ``factors[k] * rows[numbers[k]]`` over k to ``out``, several rows in one pass over it."""
    n = numbers.shape[0]
    n_columns = out.shape[0]
    k = 0
    while k + 8 <= n:
        a0, a1, a2, a3 = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
        a4, a5, a6, a7 = factors[k + 4], factors[k + 5], factors[k + 6], factors[k + 7]
        r0, r1, r2, r3 = (
            rows[numbers[k]],
            rows[numbers[k + 1]],
            rows[numbers[k + 2]],
            rows[numbers[k + 3]],
        )
        r4, r5, r6, r7 = (
            rows[numbers[k + 4]],
            rows[numbers[k + 5]],
            rows[numbers[k + 6]],
            rows[numbers[k + 7]],
        )
        for j in range(n_columns):
            first = a0 * r0[j] + a1 * r1[j] + a2 * r2[j] + a3 * r3[j]
            out[j] += first + a4 * r4[j] + a5 * r5[j] + a6 * r6[j] + a7 * r7[j]
        k += 8
    while k + 4 <= n:
        a0, a1, a2, a3 = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
        r0, r1, r2, r3 = (
            rows[numbers[k]],
            rows[numbers[k + 1]],
            rows[numbers[k + 2]],
            rows[numbers[k + 3]],
        )
        for j in range(n_columns):
            out[j] += a0 * r0[j] + a1 * r1[j] + a2 * r2[j] + a3 * r3[j]
        k += 4
    while k < n:
        add_scaled(factors[k], rows[numbers[k]], out)
        k += 1


@kernel
def csr_times(data, indices, indptr, first, W, out):
    """Product of the CSR rows from ``first`` on with ``W``, as many rows as ``out`` has."""
    for r in range(out.shape[0]):
        fill(out[r], 0)
        start, stop = indptr[first + r], indptr[first + r + 1]
        add_scaled_rows(indices[start:stop], data[start:stop], W, out[r])


@kernel
def gather_csr_rows(data, indices, indptr, rows, out):
    """Write the CSR rows with the numbers ``rows`` into the dense ``out``."""
    for r in range(rows.shape[0]):
        fill(out[r], 0)
        for k in range(indptr[rows[r]], indptr[rows[r] + 1]):
            out[r, indices[k]] += data[k]
