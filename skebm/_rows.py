"""Rows of data, dense or sparse, behind one face: models read them and never ask which."""

import numpy as np
import scipy.sparse

from ._threads import blocks_of, for_each, one_blas_thread
from .kernels.layers import standardize
from .kernels.products import add_product, multiply
from .kernels.sparse import (
    CsrData,
    DenseData,
    add_transposed_csr_times,
    csr_times,
    gather_csr_rows,
)

# Rows that are worked on at a time: enough for BLAS to run at full speed, few enough that the
# result of one pass is still in the cache when the next pass reads it.
CHUNK = 512

# Stored values that are added up at a time.
_VALUES = 2**18

# A column whose deviation is smaller than this share of its mean is rounding noise.
_SMALLEST_DEVIATION = 1e-7


def as_rows(X):
    """Wrap validated data, an ndarray or a CSR matrix of floats."""
    return SparseRows(X) if scipy.sparse.issparse(X) else DenseRows(X)


def chunks(n_rows, size=CHUNK):
    """Slices that cover ``n_rows`` rows, ``size`` at a time."""
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def for_each_chunk(function, n_rows, size=CHUNK):
    """Call ``function(slice)`` for chunks of ``n_rows`` rows, on as many threads as are idle.

    BLAS runs on one thread inside: see :func:`skebm._threads.one_blas_thread`.
    """
    with one_blas_thread():
        for_each(function, chunks(n_rows, size))


def _read_only(array):
    """A view that cannot be written to.

    A kernel is compiled anew for arrays that can be written to and for those that cannot, such
    as joblib's memory maps, and two compilations may round differently: let all be of one kind.
    """
    view = array.view()
    view.flags.writeable = False
    return view


class DenseRows:
    """Rows of an ndarray, in whatever order its memory is.

    Attributes
    ----------
    data : DenseData
        What kernels read.
    """

    def __init__(self, X):
        self._X = X
        self._density = None
        self.data = DenseData(_read_only(X))
        self.shape, self.dtype = X.shape, X.dtype

    def times(self, weights, part, out):
        """Product of the rows in the slice ``part`` with ``weights``, written to ``out``."""
        return multiply(np.ascontiguousarray(self._X[part]), weights, out)

    def inputs_of_units(self, weights, part, out):
        """Product of ``weights``, one unit a row, with the rows in the slice ``part`` as columns.

        Written to ``out`` (n_units, n_rows).
        """
        return multiply(weights, np.ascontiguousarray(self._X[part]).T, out)

    def add_gradient(self, slopes, part, out):
        """Add to ``out`` (n_units, n_features) the product of ``slopes`` (n_units, n_rows)
        with the rows in the slice ``part``."""
        add_product(slopes, np.ascontiguousarray(self._X[part]), out)

    def take(self, numbers, out):
        """Copy the rows with these numbers to ``out``."""
        # With the default mode, "raise", NumPy would go through a buffer of its own.
        return self._X.take(numbers, axis=0, out=out, mode="clip")

    def mean(self):
        """Mean of each column."""
        n_rows, n_columns = self.shape
        blocks = blocks_of(n_rows, CHUNK)
        sums = np.empty((len(blocks), n_columns))

        def add_up(k):
            self._X[blocks[k]].sum(axis=0, dtype=np.float64, out=sums[k])

        for_each(add_up, range(len(blocks)))
        return sums.sum(axis=0) / n_rows

    def variance(self):
        """Variance of each column."""
        return self._X.var(axis=0, dtype=np.float64)

    def range(self):
        """Smallest and largest value."""
        return self._X.min(), self._X.max()

    @property
    def density(self):
        """Share of the values that are not zero, in rows evenly spaced over the data."""
        # Kept by hand: on Python 3.11, functools.cached_property has one lock for all instances,
        # and a child that is forked off while another thread holds it waits for ever.
        if self._density is None:
            some = self._X[:: -(-len(self._X) // CHUNK)]
            self._density = np.count_nonzero(some) / some.size
        return self._density


class SparseRows:
    """Rows of a CSR matrix, of which only those asked for are ever made dense.

    Attributes
    ----------
    data : CsrData
        What kernels read.
    """

    def __init__(self, X):
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        self._X = X
        self.data = CsrData(*map(_read_only, (X.data, X.indices, X.indptr)))
        self.shape, self.dtype = X.shape, X.dtype

    def times(self, weights, part, out):
        """Product of the rows in the slice ``part`` with ``weights``, written to ``out``."""
        csr_times(*self.data, part.start, weights, out)
        return out

    def inputs_of_units(self, weights, part, out):
        """Product of ``weights``, one unit a row, with the rows in the slice ``part`` as columns.

        Written to ``out`` (n_units, n_rows).
        """
        by_row = np.empty(out.shape[::-1], dtype=out.dtype)
        out[:] = self.times(np.ascontiguousarray(weights.T), part, by_row).T
        return out

    def add_gradient(self, slopes, part, out):
        """Add to ``out`` (n_units, n_features) the product of ``slopes`` (n_units, n_rows)
        with the rows in the slice ``part``."""
        by_feature = np.zeros(out.shape[::-1], dtype=out.dtype)
        slopes_by_row = np.ascontiguousarray(slopes.T)
        add_transposed_csr_times(*self.data, part.start, slopes_by_row, by_feature)
        out += by_feature.T

    def take(self, numbers, out):
        """Copy the rows with these numbers to ``out``."""
        gather_csr_rows(*self.data, numbers, out)
        return out

    def mean(self):
        """Mean of each column."""
        return self._column_sums(self._X.data) / self.shape[0]

    def variance(self):
        """Variance of each column."""
        X, mean = self._X, self.mean()
        n_zeros = self.shape[0] - self._column_sums(np.ones(X.nnz))
        squares = self._column_sums(np.square(X.data - mean[X.indices])) + n_zeros * mean**2
        return squares / self.shape[0]

    def _column_sums(self, values):
        """Sums of numbers at the places of what is stored, in float64 for any type."""
        sums = np.zeros(self.shape[1])
        for part in chunks(self._X.nnz, _VALUES):  # which NumPy copies, to wider types
            sums += np.bincount(self._X.indices[part], values[part], minlength=self.shape[1])
        return sums

    def range(self):
        """Smallest and largest value."""
        return self._X.min(), self._X.max()

    @property
    def density(self):
        """Share of the values that are not zero."""
        return self._X.nnz / max(1, self.shape[0] * self.shape[1])


def mean_and_scale(rows):
    """Mean of each column, and its standard deviation, or 1 where that is but rounding noise.

    Returns
    -------
    mean, scale : ndarray of float64, of shape (n_columns,)
    """
    mean, scale = rows.mean(), np.sqrt(rows.variance())
    scale[scale <= _SMALLEST_DEVIATION * np.abs(mean)] = 1.0
    return mean, scale


def mean_and_common_scale(rows):
    """Mean of each column, and for all columns the root of their mean variance.

    Or 1 where that is but rounding noise.

    Returns
    -------
    mean, scale : ndarray of float64, of shape (n_columns,)
    """
    mean, deviation = rows.mean(), np.sqrt(rows.variance().mean())
    if deviation <= _SMALLEST_DEVIATION * np.abs(mean).max():
        deviation = 1.0
    return mean, np.full_like(mean, deviation)


class StandardizedRows:
    """Rows of another kind, each column less its mean and over its scale as it is read.

    Parameters
    ----------
    rows : DenseRows or SparseRows
    mean, scale : ndarray of float64, of shape (n_columns,)
    """

    def __init__(self, rows, mean, scale):
        self._rows, self._mean, self._scale = rows, mean, scale
        self.shape, self.dtype = rows.shape, rows.dtype

    def times(self, weights, part, out):
        """Product of the rows in the slice ``part`` with ``weights``, written to ``out``."""
        some = np.empty((part.stop - part.start, self.shape[1]), dtype=self.dtype)
        return multiply(self.take(np.arange(part.start, part.stop), some), weights, out)

    def take(self, numbers, out):
        """Copy the rows with these numbers to ``out``."""
        standardize(self._rows.take(numbers, out), self._mean, self._scale)
        return out

    def mean(self):
        """Mean of each column."""
        return (self._rows.mean() - self._mean) / self._scale

    # Share of the values that are not zero: nearly none is.
    density = 1.0


class JoinedRows:
    """Rows of data with some more columns to their right, and no copy of the data.

    Parameters
    ----------
    rows : DenseRows or SparseRows
    columns : ndarray of shape (n_rows, n_columns)
        Of the type of the rows.
    """

    def __init__(self, rows, columns):
        self._parts = rows, DenseRows(columns)
        self._n_left = rows.shape[1]
        self.shape = rows.shape[0], rows.shape[1] + columns.shape[1]
        self.dtype = rows.dtype

    def inputs_of_units(self, weights, part, out):
        """Product of ``weights``, one unit a row, with the rows in the slice ``part`` as columns.

        Written to ``out`` (n_units, n_rows).
        """
        left, right = self._parts
        left.inputs_of_units(np.ascontiguousarray(weights[:, : self._n_left]), part, out)
        out += right.inputs_of_units(
            np.ascontiguousarray(weights[:, self._n_left :]), part, np.empty_like(out)
        )
        return out

    def add_gradient(self, slopes, part, out):
        """Add to ``out`` (n_units, n_features) the product of ``slopes`` (n_units, n_rows)
        with the rows in the slice ``part``."""
        left, right = self._parts
        left.add_gradient(slopes, part, out[:, : self._n_left])
        right.add_gradient(slopes, part, out[:, self._n_left :])

    def take(self, numbers, out):
        """Copy the rows with these numbers to ``out``."""
        n_left = self._n_left
        for rows, columns in zip(self._parts, (slice(n_left), slice(n_left, None)), strict=True):
            taken = np.empty((len(numbers), rows.shape[1]), dtype=self.dtype)
            out[:, columns] = rows.take(numbers, taken)
        return out
