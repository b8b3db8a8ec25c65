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
def add_scaled_rows(indices, values, W, out):
    """Add ``values[k] * W[indices[k]]`` over k to ``out``, four rows in one pass over it."""
    n = indices.shape[0]
    n_columns = out.shape[0]
    k = 0
    while k + 4 <= n:
        a0, a1, a2, a3 = values[k], values[k + 1], values[k + 2], values[k + 3]
        w0, w1, w2, w3 = W[indices[k]], W[indices[k + 1]], W[indices[k + 2]], W[indices[k + 3]]
        for j in range(n_columns):
            out[j] += a0 * w0[j] + a1 * w1[j] + a2 * w2[j] + a3 * w3[j]
        k += 4
    while k < n:
        a, w = values[k], W[indices[k]]
        for j in range(n_columns):
            out[j] += a * w[j]
        k += 1


@kernel
def csr_times(data, indices, indptr, first, W, out):
    """Product of the CSR rows from ``first`` on with ``W``, as many rows as ``out`` has."""
    for r in range(out.shape[0]):
        out[r] = 0
        start, stop = indptr[first + r], indptr[first + r + 1]
        add_scaled_rows(indices[start:stop], data[start:stop], W, out[r])


@kernel
def gather_csr_rows(data, indices, indptr, rows, out):
    """Write the CSR rows with the numbers ``rows`` into the dense ``out``."""
    for r in range(rows.shape[0]):
        out[r] = 0
        for k in range(indptr[rows[r]], indptr[rows[r] + 1]):
            out[r, indices[k]] += data[k]
