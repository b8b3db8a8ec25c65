"""Rows of data in memory, which can be indexed: dense, sparse, or views of other rows.

A view standardises its rows, appends columns to them, or marks some of their values as not known.
"""

import numpy as np

from ._source import CHUNK, Moments, Source, Summary, Window, chunks, fitting_rows
from ._threads import blocks_of, for_each
from .kernels.layers import standardize
from .kernels.products import add_product, multiply
from .kernels.sparse import (
    CsrData,
    DenseData,
    add_transposed_csr_times,
    csr_times,
    gather_csr_rows,
)
from .kernels.summary import add_up_columns, add_up_squares

# Number of stored values that are processed at a time.
VALUES_AT_A_TIME = 2**18

# The smallest normal number, in place of squares that underflow to zero.
_TINY = np.finfo(np.float64).tiny


class Rows(Source):
    """Rows that can be indexed.

    A subclass must have ``shape``, ``dtype``, ``take`` and ``subset``. All other methods have
    defaults that call ``take`` for a few rows at a time. A subclass overrides those for which its
    storage allows a faster way, and sets the attributes below that apply.

    Attributes
    ----------
    storage : {"array", "csr"} or None
        Kind of ``data``; None if there are no data that compiled loops can read.
    data : DenseData, CsrData or None
        Arrays for compiled loops.
    density : float
        Approximate share of nonzero values.
    """

    storage: str | None = None
    data = None
    density = 1.0

    def take(self, numbers, out):
        """Copy the rows at these indices to ``out``, which is returned."""
        raise NotImplementedError

    def at(self, numbers):
        """The rows at these indices, as a new array."""
        return self.take(numbers, np.empty((len(numbers), self.shape[1]), dtype=self.dtype))

    def summary(self):
        """:class:`Summary` of the rows."""
        return Summary(
            self.shape[0], self.n_known(), self.moments(), *self.range(), self.is_binary()
        )

    def batch(self, numbers):
        """The rows at these indices as a :class:`Batch`."""
        return Batch(self, numbers)

    def with_absent(self, absent):
        """The same rows with other values, an array, in the place of those that are not known."""
        return self if self.known is None else KnownRows(self, self.known, absent)

    def each_part(self, function):
        """The result of a function for all rows, in a list."""
        return [function(self)]

    def total_of_parts(self, function, add):
        """The result of a function for all rows."""
        return function(self)

    def standardized(self, mean, scale):
        """:class:`StandardizedRows` of these."""
        return StandardizedRows(self, mean, scale)

    def passes(self, generator=None, numbers=None):
        """Iterate over the data once: see :class:`Source`. All data are one window."""
        if numbers is None:
            numbers = np.arange(self.shape[0])
        yield Window(self, numbers if generator is None else generator.permutation(numbers))

    def in_chunks(self):
        """Iterate over all rows in order, some at a time, as rows of an array."""
        for _, values in self._few_at_a_time(slice(0, self.shape[0])):
            yield DenseRows(values)

    def times(self, weights, part, out):
        """Product of the rows in the slice ``part`` with ``weights``, written to ``out``."""
        for there, values in self._few_at_a_time(part):
            multiply(values, weights, out[there])
        return out

    def inputs_of_units(self, weights, part, out):
        """Product of ``weights``, one row per unit, with the transposed rows in the slice ``part``.

        Written to ``out`` (n_units, n_rows).
        """
        for there, values in self._few_at_a_time(part):
            some = np.empty((len(weights), len(values)), dtype=out.dtype)
            out[:, there] = multiply(weights, values.T, some)
        return out

    def add_gradient(self, slopes, part, out):
        """Add the product of ``slopes`` with the rows in the slice ``part`` to ``out``.

        The shapes are (n_units, n_rows) of ``slopes`` and (n_units, n_features) of ``out``.
        """
        for there, values in self._few_at_a_time(part):
            add_product(np.ascontiguousarray(slopes[:, there]), values, out)

    def _few_at_a_time(self, part):
        """Yield slices relative to the slice ``part``, and a dense copy of their rows."""
        for some in chunks(part.stop - part.start, fitting_rows(self.shape[1])):
            yield some, self.at(np.arange(part.start + some.start, part.start + some.stop))


class Batch:
    """A minibatch: some of the rows, with their attributes.

    ``known`` and ``absent`` are arrays with one row per row of the minibatch, or None as in
    :class:`Rows`.
    """

    def __init__(self, rows, numbers):
        self._rows, self._numbers = rows, numbers

    def __len__(self):
        return len(self._numbers)

    def take(self, out):
        """Copy the rows to ``out``."""
        return self._rows.take(self._numbers, out)

    @property
    def known(self):
        """A mask of the known values."""
        return None if self._rows.known is None else self._rows.known.at(self._numbers)

    @property
    def absent(self):
        """Values that replace those that are not known."""
        absent = self._rows.absent
        return None if absent is None else np.broadcast_to(absent, (len(self), len(absent)))


class DenseRows(Rows):
    """Rows of an ndarray of any memory order."""

    storage = "array"

    def __init__(self, X):
        self._X = X
        self._density = self._kept_moments = None
        self.data = DenseData(_read_only(X))
        self.shape, self.dtype = X.shape, X.dtype

    def times(self, weights, part, out):
        return multiply(np.ascontiguousarray(self._X[part]), weights, out)

    def inputs_of_units(self, weights, part, out):
        return multiply(weights, np.ascontiguousarray(self._X[part]).T, out)

    def add_gradient(self, slopes, part, out):
        add_product(slopes, np.ascontiguousarray(self._X[part]), out)

    def take(self, numbers, out):
        # With the default mode, "raise", NumPy would use an extra buffer.
        return self._X.take(numbers, axis=0, out=out, mode="clip")

    def subset(self, numbers):
        return _declared_of(self, DenseRows(self._X[numbers]), numbers)

    def summary(self):
        """:class:`Summary` of rows that fit in the cache, on one thread."""
        n_rows, n_columns = self.shape
        sums, left, squares = np.zeros((3, n_columns))
        low, high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
        with np.errstate(over="ignore"):
            n_others = add_up_columns(self.data.X, sums, low, high)
            mean = sums / n_rows
            _add_up_squares(self.data.X, mean, left, squares)
        moments = Moments(mean, _variance_of(left, squares, n_rows))
        return Summary(n_rows, self.n_known(), moments, low.min(), high.max(), n_others == 0)

    def moments(self):
        """:class:`Moments` of the columns, in two passes, to keep precision with large means."""
        if self._kept_moments is None:  # models may need them twice
            mean = self._mean()
            self._kept_moments = Moments(mean, self._variance(mean))
        return self._kept_moments

    def _mean(self):
        n_rows, n_columns = self.shape
        blocks = blocks_of(n_rows, CHUNK, most=4)
        sums = np.empty((len(blocks), n_columns))

        def add_up(k):
            self._X[blocks[k]].sum(axis=0, dtype=np.float64, out=sums[k])

        for_each(add_up, range(len(blocks)))
        return sums.sum(axis=0) / n_rows

    def _variance(self, mean):
        n_rows, n_columns = self.shape
        blocks = blocks_of(n_rows, CHUNK, most=4)
        sums = np.zeros((len(blocks), 2, n_columns))

        def add_up(k):
            _add_up_squares(self.data.X[blocks[k]], mean, *sums[k])

        for_each(add_up, range(len(blocks)))
        return _variance_of(*sums.sum(axis=0), n_rows)

    def range(self):
        return self._X.min(), self._X.max()

    def is_binary(self):
        return all(_are_binary(self._X[part]) for part in chunks(self.shape[0]))

    @property
    def density(self):
        """Share of nonzero values, in rows evenly spaced over the data."""
        if self._density is None:  # not a cached_property, see Source
            some = self._X[:: -(-len(self._X) // CHUNK)]
            self._density = np.count_nonzero(some) / some.size
        return self._density


class SparseRows(Rows):
    """Rows of a CSR matrix; only requested rows are made dense."""

    storage = "csr"

    def __init__(self, X):
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        self._X = X
        places = X.indices, X.indptr
        # With 64-bit indices, which some operations of SciPy return, kernels would be compiled
        # again.
        if max(X.nnz, *X.shape) <= np.iinfo(np.int32).max:
            places = (array.astype(np.int32, copy=False) for array in places)
        self.data = CsrData(*map(_read_only, (X.data, *places)))
        self.shape, self.dtype = X.shape, X.dtype

    def times(self, weights, part, out):
        csr_times(*self.data, part.start, weights, out)
        return out

    def inputs_of_units(self, weights, part, out):
        by_row = np.empty(out.shape[::-1], dtype=out.dtype)
        out[:] = self.times(np.ascontiguousarray(weights.T), part, by_row).T
        return out

    def add_gradient(self, slopes, part, out):
        by_feature = np.zeros(out.shape[::-1], dtype=out.dtype)
        slopes_by_row = np.ascontiguousarray(slopes.T)
        add_transposed_csr_times(*self.data, part.start, slopes_by_row, by_feature)
        out += by_feature.T

    def take(self, numbers, out):
        gather_csr_rows(*self.data, numbers, out)
        return out

    def subset(self, numbers):
        """The rows at these indices, as sparse rows."""
        return _declared_of(self, SparseRows(self._X[numbers]), numbers)

    def moments(self):
        X, n_rows = self._X, self.shape[0]
        mean = self._column_sums(X.data) / n_rows
        n_zeros = n_rows - self._column_sums(np.ones(X.nnz))
        from_mean = X.data - mean[X.indices]
        sums = self._column_sums(from_mean) - n_zeros * mean
        squares = np.where(from_mean != 0, np.maximum(np.square(from_mean), _TINY), 0)
        with np.errstate(invalid="ignore"):  # 0 times infinity
            of_zeros = np.where(n_zeros, n_zeros * mean**2, 0)
        squares = self._column_sums(squares) + of_zeros
        return Moments(mean, _variance_of(sums, squares, n_rows))

    def _column_sums(self, values):
        """Sum of each column over the stored entries, which have these values; in float64."""
        sums = np.zeros(self.shape[1])
        for part in chunks(self._X.nnz, VALUES_AT_A_TIME):  # NumPy copies them to wider types
            sums += np.bincount(self._X.indices[part], values[part], minlength=self.shape[1])
        return sums

    def range(self):
        return self._X.min(), self._X.max()

    def is_binary(self):
        return _are_binary(self._X.data)

    @property
    def density(self):
        """Share of nonzero values."""
        return self._X.nnz / max(1, self.shape[0] * self.shape[1])


class StandardizedRows(Rows):
    """Rows whose columns are standardised when they are read: ``(x - mean) / scale``.

    Values that are not known become 0, the mean.

    Parameters
    ----------
    rows : Rows
    mean, scale : ndarray of float64, of shape (n_columns,)
    """

    def __init__(self, rows, mean, scale):
        self._rows, self._mean, self._scale = rows, mean, scale
        self.shape, self.dtype = rows.shape, rows.dtype
        _declared_of(rows, self).absent = None

    def take(self, numbers, out):
        standardize(self._rows.take(numbers, out), self._mean, self._scale)
        if self.known is not None:
            out[~self.known.at(numbers)] = 0
        return out

    def subset(self, numbers):
        return self._rows.subset(numbers).standardized(self._mean, self._scale)

    def moments(self):
        return self._rows.moments().standardized(self._mean, self._scale)


class JoinedRows(Rows):
    """Rows with further columns appended, all of them known, without a copy of the data.

    Parameters
    ----------
    rows : Rows
    columns : ndarray of shape (n_rows, n_columns)
        With the dtype of the rows.
    """

    def __init__(self, rows, columns):
        self._parts = rows, DenseRows(columns)
        self._n_left = rows.shape[1]
        self.shape = rows.shape[0], rows.shape[1] + columns.shape[1]
        self.dtype = rows.dtype
        _declared_of(rows, self)
        if rows.absent is not None:
            self.absent = np.append(rows.absent, np.zeros(columns.shape[1]))
        if rows.known is not None:
            self.known = JoinedRows(rows.known, np.ones(columns.shape, dtype=bool))

    def inputs_of_units(self, weights, part, out):
        left, right = self._parts
        left.inputs_of_units(np.ascontiguousarray(weights[:, : self._n_left]), part, out)
        out += right.inputs_of_units(
            np.ascontiguousarray(weights[:, self._n_left :]), part, np.empty_like(out)
        )
        return out

    def add_gradient(self, slopes, part, out):
        left, right = self._parts
        left.add_gradient(slopes, part, out[:, : self._n_left])
        right.add_gradient(slopes, part, out[:, self._n_left :])

    def take(self, numbers, out):
        n_left = self._n_left
        for rows, columns in zip(self._parts, (slice(n_left), slice(n_left, None)), strict=True):
            taken = np.empty((len(numbers), rows.shape[1]), dtype=self.dtype)
            out[:, columns] = rows.take(numbers, taken)
        return out

    def subset(self, numbers):
        left, right = self._parts
        return JoinedRows(left.subset(numbers), right.subset(numbers).data.X)


class KnownRows(Rows):
    """Rows with values that are not known.

    Parameters
    ----------
    rows : Rows
        The placeholders of values that are not known, such as NaN, are never used.
    known : Rows of bool, of the same shape
    absent : ndarray of shape (n_columns,), default=None
        Values that replace those that are not known; the array is not copied. None is 0.
    """

    def __init__(self, rows, known, absent=None):
        self._rows = rows
        self.shape, self.dtype = rows.shape, rows.dtype
        _declared_of(rows, self)
        self.known, self.absent = known, absent

    def take(self, numbers, out):
        self._rows.take(numbers, out)
        absent = 0 if self.absent is None else self.absent
        np.copyto(out, absent, where=~self.known.at(numbers), casting="same_kind")
        return out

    def subset(self, numbers):
        some = KnownRows(self._rows.subset(numbers), None)
        return _declared_of(self, some, numbers)

    def with_absent(self, absent):
        others = KnownRows(self._rows, self.known)
        _declared_of(self, others).absent = absent
        return others

    def moments(self):
        """:class:`Moments` of the known values of each column; 0 if no value is known."""
        n_known, sums, squares = np.zeros((3, self.shape[1]))
        for values, known in self._values_and_known():
            n_known += known.sum(axis=0)
            sums += values.sum(axis=0, dtype=np.float64, where=known)
        n_known = np.maximum(n_known, 1)
        mean = sums / n_known
        for values, known in self._values_and_known():
            squares += np.square(np.where(known, values - mean, 0)).sum(axis=0)
        return Moments(mean, squares / n_known)

    def range(self):
        """Smallest and largest known value."""
        low, high = np.inf, -np.inf
        for values, known in self._values_and_known():
            low = min(low, values.min(where=known, initial=np.inf))
            high = max(high, values.max(where=known, initial=-np.inf))
        return low, high

    def first(self):
        """First known value of each column; 0 where none is known."""
        first, is_found = np.zeros(self.shape[1]), np.zeros(self.shape[1], dtype=bool)
        for values, known in self._values_and_known():
            new = ~is_found & known.any(axis=0)
            first[new] = values[known.argmax(axis=0)[new], new.nonzero()[0]]
            is_found |= new
            if is_found.all():
                break
        return first

    def _values_and_known(self):
        for part in chunks(self.shape[0], fitting_rows(self.shape[1])):
            numbers = np.arange(part.start, part.stop)
            yield self.at(numbers), self.known.at(numbers)


class NotNaN(Rows):
    """Rows of bool that mark the values of other rows that are not NaN."""

    dtype = np.dtype(bool)

    def __init__(self, rows):
        self._rows, self.shape = rows, rows.shape

    def take(self, numbers, out):
        return np.logical_not(np.isnan(self._rows.at(numbers), out=out), out=out)

    def subset(self, numbers):
        return NotNaN(self._rows.subset(numbers))


def _declared_of(rows, others, numbers=None):
    """Copy ``known`` and ``absent`` from ``rows`` to ``others``, the same rows or some of them."""
    others.absent, others.known = rows.absent, rows.known
    if numbers is not None and rows.known is not None:
        others.known = rows.known.subset(numbers)
    return others


def _read_only(array):
    """A view that cannot be written to.

    A kernel is compiled separately for writeable arrays and for read-only ones, such as joblib's
    memory maps, and the two versions may round differently. Therefore all are read-only.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def _are_binary(values):
    return bool(((values == 0) | (values == 1)).all())


def _add_up_squares(X, mean, sums, squares):
    """Add the column sums of ``X - mean``, and of its squares, to two arrays.

    The sum of squares is positive even if all squares underflow in float64, unless all are 0.
    """
    for part in chunks(len(X), fitting_rows(X.shape[1])):
        of_part = np.zeros((2, X.shape[1]))
        add_up_squares(X[part], mean, *of_part)
        vanished = np.flatnonzero(of_part[1] == 0)
        if len(vanished):
            varies = np.any(X[part][:, vanished] != mean[vanished], axis=0)
            of_part[1, vanished] = varies * (part.stop - part.start) * _TINY
        sums += of_part[0]
        squares += of_part[1]


def _variance_of(sums, squares, n_rows):
    """Variance, from sums of the differences to an approximate mean, and of their squares.

    It is infinite if one or both of the sums overflow in float64.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        variance = squares / n_rows - np.square(sums / n_rows)
    return np.maximum(np.where(np.isnan(variance), np.inf, variance), 0)
