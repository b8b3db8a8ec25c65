"""Products with sparse rows, in time proportional to the number of nonzeros."""

from typing import NamedTuple

import numpy as np

from ._jit import inlined, kernel, part
from .simd import add_scaled_row, load_row, n_lanes, spread, store_row


class DenseData(NamedTuple):
    """Rows of an ndarray."""

    X: np.ndarray


class CsrData(NamedTuple):
    """Rows of a CSR matrix in canonical format."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray


@kernel
def fill(row, value):
    """Set every element of ``row``."""
    for j in range(row.shape[0]):
        row[j] = value


@kernel
def copy(row, out):
    """Write ``row`` to ``out``."""
    for j in range(row.shape[0]):
        out[j] = row[j]


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
def add_listed_rows(numbers, factors, at, start, n, rows, out, to):
    """Add the rows of a list, each times its factor, to row ``to`` of ``out``.

    The list is ``n`` places of row ``at`` of ``numbers`` and ``factors``, from ``start`` on.
    Several rows are added in one pass over ``out``. No array is created for a row, because counting
    references would cost as much as a short list, and more between threads.
    """
    n_columns = out.shape[1]
    k = start
    stop = start + n
    while k + 8 <= stop:
        a0, a1, a2, a3 = factors[at, k], factors[at, k + 1], factors[at, k + 2], factors[at, k + 3]
        r0, r1, r2, r3 = numbers[at, k], numbers[at, k + 1], numbers[at, k + 2], numbers[at, k + 3]
        k += 4
        a4, a5, a6, a7 = factors[at, k], factors[at, k + 1], factors[at, k + 2], factors[at, k + 3]
        r4, r5, r6, r7 = numbers[at, k], numbers[at, k + 1], numbers[at, k + 2], numbers[at, k + 3]
        k += 4
        for j in range(n_columns):
            first = a0 * rows[r0, j] + a1 * rows[r1, j] + a2 * rows[r2, j] + a3 * rows[r3, j]
            second = a4 * rows[r4, j] + a5 * rows[r5, j] + a6 * rows[r6, j] + a7 * rows[r7, j]
            out[to, j] += first + second
    while k + 4 <= stop:
        a0, a1, a2, a3 = factors[at, k], factors[at, k + 1], factors[at, k + 2], factors[at, k + 3]
        r0, r1, r2, r3 = numbers[at, k], numbers[at, k + 1], numbers[at, k + 2], numbers[at, k + 3]
        k += 4
        for j in range(n_columns):
            first = a0 * rows[r0, j] + a1 * rows[r1, j] + a2 * rows[r2, j] + a3 * rows[r3, j]
            out[to, j] += first
    while k < stop:
        a0, r0 = factors[at, k], numbers[at, k]
        for j in range(n_columns):
            out[to, j] += a0 * rows[r0, j]
        k += 1


@part
def add_lists(
    numbers, factors, lengths, first, last, last_full, n_full, rows, base, out, base_of_out
):
    """Add the rows of lists, times factors, to the rows of ``out``.

    List r, from ``first`` to ``last``, is the beginning of row r of ``numbers`` and ``factors``,
    ``lengths[r]`` places of it; its numbers are those of rows after the row ``base`` of ``rows``,
    and its sum goes to the row ``base_of_out + r`` of ``out``. For the lists up to ``last_full``,
    an even number of them, the first ``n_full`` places are neighbouring rows, the same ones in all
    lists: these are processed two lists at a time, four vectors wide, so that each loaded number is
    used for two sums.

    The width of rows is a multiple of that of vectors. Sums stay in registers during a list, eight
    vectors of them or the remaining ones (8 to 10 % faster with 100 units than widths of 8, 4 and
    1). For rows that are not aligned to cache lines this is no faster than :func:`add_listed_rows`.
    """
    lanes, n_columns = n_lanes(out), out.shape[1]
    n_paired = n_columns // (4 * lanes) * (4 * lanes) if n_full > 0 else 0
    for j in range(0, n_paired, 4 * lanes):
        for r in range(first, last_full, 2):
            _add_two_full_lists(numbers, factors, r, n_full, rows, base, out, base_of_out + r, j)
    for r in range(first, last):
        stop, to, j = lengths[np.uintp(r)], base_of_out + r, np.int64(0)
        if stop == 0:
            continue
        if r < last_full and n_paired > 0:
            while j < n_paired:
                _add_list(numbers, factors, r, n_full, stop, rows, base, out, to, j, _FOUR)
                j += 4 * lanes
        while j + 8 * lanes <= n_columns:
            _add_list(numbers, factors, r, 0, stop, rows, base, out, to, j, _EIGHT)
            j += 8 * lanes
        n_left = (n_columns - j) // lanes
        if n_left == 7:
            _add_list(numbers, factors, r, 0, stop, rows, base, out, to, j, _SEVEN)
        elif n_left == 6:
            _add_list(numbers, factors, r, 0, stop, rows, base, out, to, j, _SIX)
        elif n_left == 5:
            _add_list(numbers, factors, r, 0, stop, rows, base, out, to, j, _FIVE)
        elif n_left == 4:
            _add_list(numbers, factors, r, 0, stop, rows, base, out, to, j, _FOUR)
        elif n_left == 3:
            _add_list(numbers, factors, r, 0, stop, rows, base, out, to, j, _THREE)
        elif n_left == 2:
            _add_list(numbers, factors, r, 0, stop, rows, base, out, to, j, _TWO)
        elif n_left == 1:
            _add_list(numbers, factors, r, 0, stop, rows, base, out, to, j, _ONE)


# The lengths of these tuples are numbers of vectors.
_ONE, _TWO, _THREE, _FOUR = (0,) * 1, (0,) * 2, (0,) * 3, (0,) * 4
_FIVE, _SIX, _SEVEN, _EIGHT = (0,) * 5, (0,) * 6, (0,) * 7, (0,) * 8


@inlined
def _add_two_full_lists(numbers, factors, r, n, rows, base, out, to, j):
    """Add the columns of four vectors from ``j`` on, for two full lists."""
    s, t = load_row(out, to, j, _FOUR), load_row(out, to + 1, j, _FOUR)
    lowest = np.uintp(base + numbers[r, 0])
    for k in range(n):
        place, row = np.uintp(k), lowest + np.uintp(k)
        a, b = spread(factors[np.uintp(r), place]), spread(factors[np.uintp(r + 1), place])
        s, t = add_scaled_row(a, rows, row, j, s), add_scaled_row(b, rows, row, j, t)
    store_row(out, to, j, s)
    store_row(out, to + 1, j, t)


@inlined
def _add_list(numbers, factors, r, start, stop, rows, base, out, to, j, width):
    """Add the columns of several vectors from ``j`` on, for a list of rows."""
    sums = load_row(out, to, j, width)
    for k in range(start, stop):
        place = np.uintp(k)
        factor, row = spread(factors[r, place]), base + numbers[r, place]
        sums = add_scaled_row(factor, rows, row, j, sums)
    store_row(out, to, j, sums)


@kernel
def csr_times(data, indices, indptr, first, W, out):
    """Product of the CSR rows from ``first`` on with ``W``, for the number of rows of ``out``."""
    numbers, factors = indices.reshape(1, -1), data.reshape(1, -1)
    for r in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[r, j] = 0
        start, stop = indptr[first + r], indptr[first + r + 1]
        add_listed_rows(numbers, factors, 0, start, stop - start, W, out, r)


@kernel
def add_transposed_csr_times(data, indices, indptr, first, a, out):
    """Add to ``out`` the product of the transposed CSR rows from ``first`` on with ``a``."""
    for r in range(a.shape[0]):
        for k in range(indptr[first + r], indptr[first + r + 1]):
            add_scaled(data[k], a[r], out[indices[k]])


@kernel
def gather_csr_rows(data, indices, indptr, rows, out):
    """Write the CSR rows at the indices ``rows`` to the dense ``out``."""
    for r in range(rows.shape[0]):
        fill(out[r], 0)
        for k in range(indptr[rows[r]], indptr[rows[r] + 1]):
            out[r, indices[k]] += data[k]
