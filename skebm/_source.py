"""Sources of data, with the same interface for all kinds of storage.

:class:`Rows` can be indexed in any order; :class:`StreamedRows` are read chunk by chunk, any number
of times. Training uses only what both have in common, :class:`Source`.
"""

from functools import partial
from operator import methodcaller
from typing import NamedTuple

import numpy as np
import scipy.sparse

from ._chunks import numbers_between, stacked
from ._cluster import Item, workplace
from ._parallel import InRounds, InTurn, evenly, sharing
from ._reduction import tree_sum
from ._streams import is_stream
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
from .kernels.summary import add_up_columns, add_up_squares

# Number of rows per chunk: enough for BLAS to run at full speed, few enough that the result of one
# operation is still in the cache when the next one reads it.
CHUNK = 512
_SMALLEST_CHUNK, _MANY_CHUNKS = 128, 64

# With integer weights rows are repeated, up to this multiple of the number of rows.
_MOST_REPETITIONS = 10

# Number of stored values that are summed at a time.
_VALUES = 2**18

# Number of values in the dense copy of rows that each thread processes at a time.
_NUMBERS_AT_A_TIME = 2**22

# The smallest normal number, in place of squares that underflow to zero.
_TINY = np.finfo(np.float64).tiny


def as_rows(X):
    """Wrap validated data, an ndarray, a CSR matrix or a stream of floats."""
    if is_stream(X):
        return StreamedRows(X, as_rows)
    return SparseRows(X) if scipy.sparse.issparse(X) else DenseRows(X)


def rows_with_gaps(X):
    """Wrap the same; NaN marks values that are not known."""
    if is_stream(X):
        return StreamedRows(X, rows_with_gaps)
    rows, values = as_rows(X), X.data if scipy.sparse.issparse(X) else X
    has_gaps = any(np.isnan(values[part].min()) for part in chunks(len(values), _VALUES))
    return KnownRows(rows, NotNaN(rows)) if has_gaps else rows


def chunks(n_rows, size=CHUNK):
    """Slices that cover ``n_rows`` rows, ``size`` at a time."""
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def fitting_rows(n_columns, most=CHUNK):
    """Number of rows in a dense copy: ``most``, or fewer for wide data."""
    return max(1, min(most, _NUMBERS_AT_A_TIME // max(1, n_columns)))


def numbers_by_weight(weights):
    """Row indices in ascending order, repeated according to the weights.

    With integer weights whose sum is not too large, each row is repeated as often as its weight.
    Otherwise there are as many indices as rows, evenly spaced along the cumulative weights.

    Returns
    -------
    ndarray of int, or None if all weights are the same
    """
    if (weights == weights[0]).all():
        return None
    n_rows, ends = len(weights), np.cumsum(weights, dtype=np.float64)
    if (weights == np.rint(weights)).all() and ends[-1] <= _MOST_REPETITIONS * n_rows:
        return np.repeat(np.arange(n_rows), weights.astype(np.intp))
    places = (np.arange(n_rows) + 0.5) * (ends[-1] / n_rows)
    return np.minimum(np.searchsorted(ends, places, side="right"), np.flatnonzero(weights)[-1])


def for_each_chunk(function, n_rows, size=None):
    """Call ``function(slice)`` for chunks of ``n_rows`` rows, on as many threads as are idle.

    BLAS runs on one thread inside: see :func:`skebm._threads.one_blas_thread`.

    Parameters
    ----------
    function : callable
    n_rows : int
    size : int, default=None
        Rows in a chunk. None chooses enough rows for BLAS, or fewer if there would be too few
        chunks for an even load of many threads.
    """
    if size is None:
        size = max(_SMALLEST_CHUNK, min(CHUNK, 4 * (n_rows // (4 * _MANY_CHUNKS))))
    with one_blas_thread():
        for_each(function, chunks(n_rows, size))


def of_parts(function, rows):
    """Results of ``function(rows)``, one entry per row, concatenated over the parts."""
    return np.concatenate(list(rows.each_part(function)))


def all_of(rows):
    """All rows as a new array."""
    return _taken(rows, np.arange(rows.shape[0]))


def evenly_spaced(numbers, most):
    """At most ``most`` of the numbers, evenly spaced."""
    return numbers[:: max(1, -(-len(numbers) // most))]


def _taken(rows, numbers):
    """The rows at these indices, as a new array."""
    return rows.take(numbers, np.empty((len(numbers), rows.shape[1]), dtype=rows.dtype))


def _read_only(array):
    """A view that cannot be written to.

    A kernel is compiled separately for writeable arrays and for read-only ones, such as joblib's
    memory maps, and the two versions may round differently. Therefore all are read-only.
    """
    view = array.view()
    view.flags.writeable = False
    return view


class Moments(NamedTuple):
    """Mean and variance of each column, in float64."""

    mean: np.ndarray
    variance: np.ndarray


class Summary(NamedTuple):
    """Statistics of rows from one pass over them; those of two sets of rows can be joined."""

    n_rows: int
    n_known: np.ndarray
    moments: Moments
    low: float
    high: float
    is_binary: bool

    @classmethod
    def of(cls, rows):
        """The summary of rows in memory."""
        return rows.summary()

    def joined(self, other):
        """The summary of these rows and others together."""
        n_known = self.n_known + other.n_known
        share = other.n_known / np.maximum(n_known, 1)
        mean, variance = self.moments
        gap = other.moments.mean - mean
        within = (1 - share) * variance + share * other.moments.variance
        return Summary(
            self.n_rows + other.n_rows,
            n_known,
            Moments(mean + share * gap, within + share * (1 - share) * np.square(gap)),
            min(self.low, other.low),
            max(self.high, other.high),
            self.is_binary and other.is_binary,
        )


class Window(NamedTuple):
    """Rows that are in memory at the same time, and the order in which to use them.

    Attributes
    ----------
    rows : Rows
    order : ndarray of int
        Indices into the rows of the window.
    places : ndarray of int, or None
        Index of each row of the window among all rows. None: the window contains all rows.
    """

    rows: object
    order: np.ndarray
    places: np.ndarray | None = None

    def in_order(self, order):
        """The same window with another order."""
        return self._replace(order=order)


class Source:
    """Rows of data on which a model is trained.

    A subclass has ``in_chunks``, ``each_part``, ``total_of_parts``, ``subset``, ``passes``,
    ``with_absent`` and ``standardized``. Statistics of all values are then computed in one pass,
    and kept.

    Attributes
    ----------
    shape : tuple of two ints
    dtype : dtype
    known : Rows of bool, of the same shape, or None
        Marks the known values. None: all are known.
    absent : ndarray of shape (n_columns,), or None
        Values that replace the others when rows are read. None: 0.
    """

    known = absent = None

    # Not a functools.cached_property: on Python 3.11 it has one lock for all instances, and a
    # process that is forked while another thread holds the lock waits forever.
    _kept_summary = None

    def in_chunks(self):
        """Iterate over all rows in order, some at a time, as rows of an array or a CSR matrix."""
        raise NotImplementedError

    def each(self, function):
        """Results of a function for all rows in order, some at a time; see ``in_chunks``."""
        return map(function, self.in_chunks())

    def each_part(self, function):
        """Results of a function for all rows in order, as :class:`Rows` that fit in memory."""
        raise NotImplementedError

    def total_of_parts(self, function, add):
        """The sum of the same, as a tree; workers may compute it.

        ``add(a, b)`` returns the sum of two results, and may change ``a``.
        """
        raise NotImplementedError

    def subset(self, numbers):
        """The rows at these indices."""
        raise NotImplementedError

    def course(self, learner):
        """The object that runs epochs of a learner, see :class:`skebm._parallel.InTurn`."""
        return InTurn(self, learner)

    def passes(self, generator=None, numbers=None):
        """Iterate over the data once, as in an epoch of training.

        Parameters
        ----------
        generator : numpy Generator, default=None
            Source of randomness for shuffling the rows; None keeps their order.
        numbers : ndarray of int, default=None
            Indices of the rows to use; None for all. Without a generator, rows in memory are used
            in the order of ``numbers``, rows of a stream in the order of the stream.

        Yields
        ------
        window : Window
        """
        raise NotImplementedError

    def with_absent(self, absent):
        """The same rows with other values, an array, in the place of those that are not known."""
        raise NotImplementedError

    def standardized(self, mean, scale):
        """The same rows, each column less its mean and over its scale as it is read."""
        raise NotImplementedError

    def moments(self):
        """:class:`Moments` of the columns."""
        return self._summary().moments

    def range(self):
        """Smallest and largest value."""
        summary = self._summary()
        return summary.low, summary.high

    def is_binary(self):
        """Whether all values are 0 or 1."""
        return self._summary().is_binary

    def n_known(self):
        """Number of known values of each column."""
        if self.known is None:
            return np.full(self.shape[1], self.shape[0])
        return sum(all_of(known).sum(axis=0) for known in self.known.in_chunks())

    def first(self):
        """First known value of each column; 0 where none is known."""
        return all_of(self.subset(np.arange(1)))[0]

    def _summary(self):
        if self._kept_summary is None:
            self._kept_summary = tree_sum(self.each(Summary.of), Summary.joined)
        return self._kept_summary


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
            yield some, _taken(self, np.arange(part.start + some.start, part.start + some.stop))


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
        return None if self._rows.known is None else _taken(self._rows.known, self._numbers)

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
        for part in chunks(self._X.nnz, _VALUES):  # NumPy copies them to wider types
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


def _declared_of(rows, others, numbers=None):
    """Copy ``known`` and ``absent`` from ``rows`` to ``others``, the same rows or some of them."""
    others.absent, others.known = rows.absent, rows.known
    if numbers is not None and rows.known is not None:
        others.known = rows.known.subset(numbers)
    return others


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
            out[~_taken(self.known, numbers)] = 0
        return out

    def subset(self, numbers):
        return self._rows.subset(numbers).standardized(self._mean, self._scale)

    def moments(self):
        return _standardized_moments(self._rows.moments(), self._mean, self._scale)


def _standardized_moments(moments, mean, scale):
    return Moments((moments.mean - mean) / scale, moments.variance / scale**2)


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
        np.copyto(out, absent, where=~_taken(self.known, numbers), casting="same_kind")
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
            yield _taken(self, numbers), _taken(self.known, numbers)


class NotNaN(Rows):
    """Rows of bool that mark the values of other rows that are not NaN."""

    dtype = np.dtype(bool)

    def __init__(self, rows):
        self._rows, self.shape = rows, rows.shape

    def take(self, numbers, out):
        return np.logical_not(np.isnan(_taken(self._rows, numbers), out=out), out=out)

    def subset(self, numbers):
        return NotNaN(self._rows.subset(numbers))


class StreamedRows(Source):
    """Rows of a stream, of which one window at a time is in memory.

    An epoch is a sequence of windows. Rows are shuffled within windows only, and no minibatch
    extends over two windows. The chunks of a window are drawn again in each epoch, unless all rows
    fit into one window; training is then the same as on an array.

    Parameters
    ----------
    stream : skebm._streams.Stream
        Of floats, validated.
    rows_of : callable
        Converts an array or a CSR matrix to :class:`Rows`.
    moments : callable, default=None
        Returns the :class:`Moments`, if they follow from those of other rows.
    summary : default=None
        Summary of the same rows, if it is known.
    """

    def __init__(self, stream, rows_of, moments=None, summary=None):
        self._stream, self._rows_of = stream, rows_of
        self._moments, self._kept_summary = moments, summary
        first = rows_of(stream.first)
        self._n_columns, self.dtype = first.shape[1], first.dtype

    @property
    def shape(self):
        """Numbers of rows, which may need a pass over the data, and of columns."""
        return self._stream.n_rows, self._n_columns

    def in_chunks(self):
        return map(self._rows_of, self._stream)

    def each(self, function):
        """Results of a function for the rows of each chunk; workers may compute them."""
        return self._stream.each(partial(_viewed, self._rows_of, function))

    def each_part(self, function):
        """The same as :meth:`each`."""
        return self.each(function)

    def total_of_parts(self, function, add):
        """The sum of the same, as a tree whose shape depends only on the number of chunks."""
        return self._stream.total(partial(_viewed, self._rows_of, function), add)

    def course(self, learner):
        """The object that runs epochs of a learner: by windows, or in rounds of several parts.

        See :mod:`skebm._parallel`.
        """
        how = sharing(self._stream.is_of_dask)
        if how is None:
            return InTurn(self, learner)
        if self._stream.portions() is None:
            raise ValueError(
                "Data-parallel training needs chunks that can be read in any order, but a callable "
                "returns them in its own order. Make the stream from an array, files or a list."
            )
        return InRounds(self, learner, *how)

    @property
    def n_chunks(self):
        """Number of chunks with rows, if they can be read in any order."""
        return len(self._stream.portions())

    def dealt_out(self, n_parts, generator=None, numbers=None, beside=None):
        """Distribute the chunks among parts, and collect those of each part in windows.

        Parameters
        ----------
        n_parts : int
            At most one per chunk. The assignment of chunks depends only on their sizes.
        generator, numbers
            See :meth:`Source.passes`.
        beside : callable, default=None
            ``beside(row indices)`` returns further data for these rows.

        Returns
        -------
        parts : list of list of tuple (int, Item)
            For each window, the number of rows that are used, and an item for the :class:`Window`
            and the further data for its rows, or None. The first part has the most rows.
        """
        portions = self._stream.portions()
        numbers = None if numbers is None else np.sort(numbers)
        chunks = [(portion, *_to_learn_from(portion, numbers)) for portion in portions]
        parts, recipe = [], _WindowRecipe(self._stream.recipe, self._rows_of)
        for part in evenly([n_rows for *_, n_rows in chunks], n_parts):
            in_order = part if generator is None else generator.permutation(part)
            windows = _windows([chunks[k] for k in in_order if chunks[k][-1]], self._stream.window)
            parts.append([recipe.item(window, beside) for window in windows])
        return parts

    def each_window(self, function, beside=None):
        """Results of ``function((window, further data))`` for each window, in order."""
        items = self._windows_in_order(beside)
        if items is None:
            return map(function, self._passed(beside))
        return workplace(self._stream.is_of_dask).map(function, items)

    def total(self, function, add, beside=None):
        """The sum of the same, as a tree; workers may compute it."""
        items = self._windows_in_order(beside)
        if items is None:
            return tree_sum(map(function, self._passed(beside)), add)
        return workplace(self._stream.is_of_dask).total(function, items, add)

    def _windows_in_order(self, beside):
        if self._stream.portions() is None:
            return None
        (part,) = self.dealt_out(1, beside=beside)
        return [item for _, item in part]

    def _passed(self, beside):
        for window in self.passes():
            yield window, None if beside is None else beside(window.places)

    def subset(self, numbers):
        """The rows at these indices, in memory."""
        return self._rows_of(self._stream.take(numbers))

    def with_absent(self, absent):
        """The same rows with other values, an array, in the place of those that are not known."""
        rows_of = partial(_viewed, self._rows_of, methodcaller("with_absent", absent))
        return StreamedRows(self._stream, rows_of, self._moments, self._kept_summary)

    def standardized(self, mean, scale):
        """The same rows, each column less its mean and over its scale as it is read."""
        rows_of = partial(_viewed, self._rows_of, methodcaller("standardized", mean, scale))
        moments = partial(self._standardized_moments, mean, scale)
        return StreamedRows(self._stream, rows_of, moments)

    def moments(self):
        """:class:`Moments` of the columns."""
        return super().moments() if self._moments is None else self._moments()

    def _standardized_moments(self, mean, scale):
        return _standardized_moments(self.moments(), mean, scale)

    def n_known(self):
        """Number of known values of each column."""
        return self._summary().n_known

    def first(self):
        """First known value of each column; 0 where none is known."""
        first, is_found = np.zeros(self.shape[1]), np.zeros(self.shape[1], dtype=bool)
        for rows in self.in_chunks():
            new = ~is_found & (rows.n_known() > 0)
            first[new] = rows.first()[new]
            is_found |= new
            if is_found.all():
                break
        return first

    def passes(self, generator=None, numbers=None):
        """Iterate over the data once, one window at a time: see :class:`Source`."""
        n_rows, n_in_window = self.shape[0], self._stream.window
        numbers = None if numbers is None else np.sort(numbers)
        gathered = _Gathered(n_in_window)
        for start, X in self._stream.parts(generator if n_rows > n_in_window else None):
            gathered.add(start, X)
            if gathered.n_rows >= n_in_window:
                yield from self._window(gathered, generator, numbers)
                gathered = _Gathered(n_in_window)
        if gathered.n_rows:
            yield from self._window(gathered, generator, numbers)

    def _window(self, gathered, generator, numbers):
        """Yield the window of some chunks, unless it contains none of the rows in ``numbers``."""
        order, n_before = [], 0
        for start, stop in gathered.bounds:
            if numbers is not None:
                order.append(n_before + numbers_between(numbers, start, stop))
            n_before += stop - start
        order = np.arange(n_before) if numbers is None else np.concatenate(order)
        if len(order):
            if generator is not None:
                order = generator.permutation(order)
            places = np.concatenate([np.arange(*bounds) for bounds in gathered.bounds])
            yield Window(self._rows_of(gathered.array()), order, places)


class _Gathered:
    """Chunks that are collected for a window; dense ones are copied to their place immediately.

    Parameters
    ----------
    n_wanted : int
        Number of rows of the window; the last chunk may exceed it.

    Attributes
    ----------
    bounds : list of tuple (start, stop)
        Range of the rows of each chunk among all rows.
    """

    def __init__(self, n_wanted):
        self._n_wanted = n_wanted
        self.n_rows, self.bounds, self._parts, self._room = 0, [], [], None

    def add(self, start, X):
        """Add a chunk whose first row has the index ``start``."""
        stop = self.n_rows + X.shape[0]
        if scipy.sparse.issparse(X) or (not self.n_rows and stop >= self._n_wanted):
            self._parts.append(X)
        else:
            if self._room is None or stop > len(self._room):
                # Enough rows if all chunks have this size, which is the usual case.
                n_rows = max(stop, -(-self._n_wanted // len(X)) * len(X))
                room = np.empty((n_rows, X.shape[1]), X.dtype)
                if self.n_rows:
                    room[: self.n_rows] = self.array()
                self._room = room
            self._room[self.n_rows : stop] = X
        self.bounds.append((start, start + X.shape[0]))
        self.n_rows = stop

    def array(self):
        """All rows, as one array or CSR matrix."""
        return stacked(self._parts) if self._room is None else self._room[: self.n_rows]


def _viewed(rows_of, view, X):
    return view(rows_of(X))


class _WindowFacts(NamedTuple):
    """Arguments of a :class:`_WindowRecipe` for one window.

    Attributes
    ----------
    portions : list of Portion
    orders : list of ndarray of int, or None
        For each, the rows that are used. None: all.
    beside : object
        Further data for the rows.
    """

    portions: list
    orders: list
    beside: object


class _WindowRecipe(NamedTuple):
    """Makes a window, with further data for its rows, from chunks as the user passed them."""

    recipe: object
    rows_of: object

    def item(self, window, beside):
        """Number of used rows, and an item, for a list of (portion, order, number of rows)."""
        portions, orders, sizes = zip(*window, strict=True)
        if beside is not None:
            beside = beside(np.concatenate([portion.numbers for portion in portions]))
        facts = _WindowFacts([portion.without_read() for portion in portions], orders, beside)
        return sum(sizes), Item([portion.read for portion in portions], self, facts)

    def __call__(self, facts, *chunks):
        """The window, and the further data for its rows."""
        orders, n_before = [], 0
        for portion, order in zip(facts.portions, facts.orders, strict=True):
            orders.append(n_before + (np.arange(portion.n_rows) if order is None else order))
            n_before += portion.n_rows
        places = np.concatenate([portion.numbers for portion in facts.portions])
        X = stacked([self.recipe(*pair) for pair in zip(facts.portions, chunks, strict=True)])
        return Window(self.rows_of(X), np.concatenate(orders), places), facts.beside


def _to_learn_from(portion, numbers):
    """Rows of a portion that are in ``numbers``, or None for all; and how many they are."""
    if numbers is None:
        return None, portion.n_rows
    order = numbers_between(numbers, portion.start, portion.start + portion.n_rows)
    return order, len(order)


def _windows(chunks, n_in_window):
    """Group chunks, tuples that begin with a portion, into windows of at least so many rows."""
    windows, n_rows = [], n_in_window
    for chunk in chunks:
        if n_rows >= n_in_window:
            windows.append([])
            n_rows = 0
        windows[-1].append(chunk)
        n_rows += chunk[0].n_rows
    return windows
