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

# Whole weights stand for rows so many times while these are not more than so many times all rows.
_MOST_REPETITIONS = 10

# Stored values that are added up at a time.
_VALUES = 2**18

# Numbers of a dense copy of rows that are worked on at a time, by each thread.
_NUMBERS_AT_A_TIME = 2**22

# A column whose deviation is no larger than this share of its mean is constant but for rounding: a
# unit in the last place of float32. Of float64, some more, as models keep sums of means over
# deviations, which lose as many digits.
_NOISE = {np.dtype(np.float32): 2.0**-23, np.dtype(np.float64): 2.0**-46}

# The smallest number with all digits: not zero where a square is.
_TINY = np.finfo(np.float64).tiny

# Deviations that data can be divided by, and models multiplied by, with digits to spare; and those
# of which this holds for the squares.
_SCALES = {np.dtype(np.float32): (1e-33, 1e35), np.dtype(np.float64): (1e-150, 1e150)}
_SCALES_TO_SQUARE = {np.dtype(np.float32): (1e-15, 1e15), np.dtype(np.float64): (1e-150, 1e150)}


def as_rows(X):
    """Wrap validated data, an ndarray or a CSR matrix of floats."""
    return SparseRows(X) if scipy.sparse.issparse(X) else DenseRows(X)


def chunks(n_rows, size=CHUNK):
    """Slices that cover ``n_rows`` rows, ``size`` at a time."""
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def fitting_rows(n_columns, most=CHUNK):
    """How many rows to make a dense copy of at a time: ``most``, of wide data fewer."""
    return max(1, min(most, _NUMBERS_AT_A_TIME // max(1, n_columns)))


def numbers_by_weight(weights):
    """Numbers of rows, each as often as its weight is worth, in their order.

    Of whole numbers, which may add up to some times the rows, that is each row so many times. Of
    others, as many rows as there are, evenly spaced along the sum of the weights.

    Returns
    -------
    ndarray of int, or None where all weights are the same
    """
    if (weights == weights[0]).all():
        return None
    n_rows, ends = len(weights), np.cumsum(weights, dtype=np.float64)
    if (weights == np.rint(weights)).all() and ends[-1] <= _MOST_REPETITIONS * n_rows:
        return np.repeat(np.arange(n_rows), weights.astype(np.intp))
    places = (np.arange(n_rows) + 0.5) * (ends[-1] / n_rows)
    return np.minimum(np.searchsorted(ends, places, side="right"), np.flatnonzero(weights)[-1])


def for_each_chunk(function, n_rows, size=CHUNK):
    """Call ``function(slice)`` for chunks of ``n_rows`` rows, on as many threads as are idle.

    BLAS runs on one thread inside: see :func:`skebm._threads.one_blas_thread`.
    """
    with one_blas_thread():
        for_each(function, chunks(n_rows, size))


def all_of(rows):
    """All rows as an array of their own."""
    return rows.take(np.arange(rows.shape[0]), np.empty(rows.shape, dtype=rows.dtype))


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

    def subset(self, numbers):
        """The rows with these numbers, on their own."""
        return DenseRows(self._X[numbers])

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
        mean = self.mean()
        n_rows, n_columns = self.shape
        blocks, size = blocks_of(n_rows, CHUNK), fitting_rows(n_columns)
        sums = np.zeros((len(blocks), 2, n_columns))

        def add_up(k):
            for start in range(blocks[k].start, blocks[k].stop, size):
                from_mean = self._X[start : min(start + size, blocks[k].stop)] - mean
                sums[k, 0] += from_mean.sum(axis=0)
                sums[k, 1] += _sums_of_squares(from_mean)

        for_each(add_up, range(len(blocks)))
        return _variance_of(*sums.sum(axis=0), n_rows)

    def range(self):
        """Smallest and largest value."""
        return self._X.min(), self._X.max()

    def is_binary(self):
        """Whether all values are 0 or 1."""
        return all(_are_binary(self._X[part]) for part in chunks(self.shape[0]))

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

    def subset(self, numbers):
        """The rows with these numbers, on their own, and as sparse as they are."""
        return SparseRows(self._X[numbers])

    def mean(self):
        """Mean of each column."""
        return self._column_sums(self._X.data) / self.shape[0]

    def variance(self):
        """Variance of each column."""
        X, mean, n_rows = self._X, self.mean(), self.shape[0]
        n_zeros = n_rows - self._column_sums(np.ones(X.nnz))
        from_mean = X.data - mean[X.indices]
        sums = self._column_sums(from_mean) - n_zeros * mean
        squares = np.where(from_mean != 0, np.maximum(np.square(from_mean), _TINY), 0)
        squares = self._column_sums(squares) + n_zeros * mean**2
        return _variance_of(sums, squares, n_rows)

    def _column_sums(self, values):
        """Sums of numbers at the places of what is stored, in float64 for any type."""
        sums = np.zeros(self.shape[1])
        for part in chunks(self._X.nnz, _VALUES):  # which NumPy copies, to wider types
            sums += np.bincount(self._X.indices[part], values[part], minlength=self.shape[1])
        return sums

    def range(self):
        """Smallest and largest value."""
        return self._X.min(), self._X.max()

    def is_binary(self):
        """Whether all values are 0 or 1."""
        return _are_binary(self._X.data)

    @property
    def density(self):
        """Share of the values that are not zero."""
        return self._X.nnz / max(1, self.shape[0] * self.shape[1])


def _are_binary(values):
    return bool(((values == 0) | (values == 1)).all())


def _sums_of_squares(values):
    """Of each column; above zero also where all squares are too small for a float64."""
    sums = np.square(values).sum(axis=0)
    vanished = np.flatnonzero(sums == 0)
    if len(vanished):
        sums[vanished] = np.any(values[:, vanished], axis=0) * len(values) * _TINY
    return sums


def _variance_of(sums, squares, n_rows):
    """Variance, from sums of differences to what is nearly the mean, and of their squares."""
    return np.maximum(squares / n_rows - np.square(sums / n_rows), 0)


def mean_and_deviation(rows, name):
    """Mean of each column, and its standard deviation, exactly 0 where that is but rounding noise.

    Parameters
    ----------
    rows : DenseRows or SparseRows
    name : str
        Of the estimator that the user called.

    Returns
    -------
    mean, deviation : ndarray of float64, of shape (n_columns,)
        A constant column has its value for a mean, exactly.

    Raises
    ------
    ValueError
        If the numbers are too large, or too small, to be scaled.
    """
    mean, variance = _moments(rows)
    deviation = np.sqrt(variance)
    check_scales(name, "features", deviation, rows.dtype)
    return mean, deviation


def mean_and_scale(rows, name):
    """The same with 1 in place of deviations of 0: what columns are divided by."""
    mean, deviation = mean_and_deviation(rows, name)
    return mean, np.where(deviation > 0, deviation, 1)


def mean_and_common_scale(rows, name):
    """Mean of each column, and for all columns the root of their mean variance.

    Or 1 where all columns are constant but for rounding. See :func:`mean_and_deviation`.

    Returns
    -------
    mean, scale : ndarray of float64, of shape (n_columns,)
    """
    mean, variance = _moments(rows)
    scale = np.sqrt(variance.mean()) if variance.any() else 1.0
    check_scales(name, "features", np.atleast_1d(scale), rows.dtype, to_square=True)
    return mean, np.full_like(mean, scale)


def _moments(rows):
    """Mean and variance of each column; of one that is constant but for rounding, exactly 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, variance = rows.mean(), rows.variance()
        is_constant = deviation_but_for_noise(mean, variance, rows.dtype) == 0
    variance[is_constant] = 0
    first = rows.take(np.arange(1), np.empty((1, rows.shape[1]), dtype=rows.dtype))[0]
    mean[is_constant] = first[is_constant]
    return mean, variance


def deviation_but_for_noise(mean, variance, dtype):
    """Standard deviations of numbers of a type; 0 where they are no more than rounding noise."""
    deviation = np.sqrt(variance)
    return np.where(deviation <= _NOISE[dtype] * np.abs(mean), 0, deviation)


def check_scales(name, what, sizes, dtype, to_square=False):
    """Raise an error where numbers are too large, or too small, to be scaled.

    Parameters
    ----------
    name : str
        Of the estimator that the user called.
    what : str
        The numbers, such as "features".
    sizes : ndarray
        Standard deviations or the like; 0 stands for no scale at all, and is fine.
    dtype : dtype
        What is computed in.
    to_square : bool, default=False
        Whether squares of the sizes are computed, too.
    """
    low, high = (_SCALES_TO_SQUARE if to_square else _SCALES)[np.dtype(dtype)]
    # Written so that NaN, the difference of two infinities, is outside.
    outside = ~((sizes == 0) | ((sizes >= low) & (sizes <= high)))
    if outside.any():
        which = "small" if sizes[outside][0] < low else "large"
        raise ValueError(
            f"{name} cannot compute with {what} whose size or standard deviation is too {which} "
            f"for {dtype}: below {low:g} or above {high:g}. Got {sizes[outside][0]:.3g}, in "
            f"{np.count_nonzero(outside)} of {len(sizes)}. Divide them by numbers of their own "
            "size first."
        )


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
        size = fitting_rows(self.shape[1])
        for start in range(part.start, part.stop, size):
            numbers = np.arange(start, min(start + size, part.stop))
            some = np.empty((len(numbers), self.shape[1]), dtype=self.dtype)
            there = slice(start - part.start, start - part.start + len(numbers))
            multiply(self.take(numbers, some), weights, out[there])
        return out

    def take(self, numbers, out):
        """Copy the rows with these numbers to ``out``."""
        standardize(self._rows.take(numbers, out), self._mean, self._scale)
        return out

    def subset(self, numbers):
        """The rows with these numbers, on their own."""
        return StandardizedRows(self._rows.subset(numbers), self._mean, self._scale)

    def mean(self):
        """Mean of each column."""
        return (self._rows.mean() - self._mean) / self._scale

    def variance(self):
        """Variance of each column."""
        return self._rows.variance() / self._scale**2

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

    def subset(self, numbers):
        """The rows with these numbers, on their own."""
        left, right = self._parts
        return JoinedRows(left.subset(numbers), right.subset(numbers).data.X)
