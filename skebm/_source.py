"""Sources of data, whose rows models read without asking how they are stored.

:class:`Rows` can be asked for by number, in any order; :class:`StreamedRows` are read chunk by
chunk, again and again. What both have in common, :class:`Source`, is all that training asks.
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

# Rows that are worked on at a time: enough for BLAS to run at full speed, few enough that the
# result of one pass is still in the cache when the next pass reads it.
CHUNK = 512
_SMALLEST_CHUNK, _MANY_CHUNKS = 128, 64

# Rows are repeated by weights that are whole numbers, up to so many times the number of rows.
_MOST_REPETITIONS = 10

# Stored values that are added up at a time.
_VALUES = 2**18

# Numbers of a dense copy of rows that are worked on at a time, by each thread.
_NUMBERS_AT_A_TIME = 2**22

# The smallest number with all digits: not zero where a square is.
_TINY = np.finfo(np.float64).tiny


def as_rows(X):
    """Wrap validated data, an ndarray, a CSR matrix or a stream of floats."""
    if is_stream(X):
        return StreamedRows(X, as_rows)
    return SparseRows(X) if scipy.sparse.issparse(X) else DenseRows(X)


def rows_with_gaps(X):
    """Wrap the same, of which NaN marks values that are not known."""
    if is_stream(X):
        return StreamedRows(X, rows_with_gaps)
    rows, values = as_rows(X), X.data if scipy.sparse.issparse(X) else X
    has_gaps = any(np.isnan(values[part].min()) for part in chunks(len(values), _VALUES))
    return KnownRows(rows, NotNaN(rows)) if has_gaps else rows


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


def for_each_chunk(function, n_rows, size=None):
    """Call ``function(slice)`` for chunks of ``n_rows`` rows, on as many threads as are idle.

    BLAS runs on one thread inside: see :func:`skebm._threads.one_blas_thread`.

    Parameters
    ----------
    function : callable
    n_rows : int
    size : int, default=None
        Rows in a chunk. None are those that BLAS likes, or fewer where chunks would be too few for
        many threads to be done at about the same time.
    """
    if size is None:
        size = max(_SMALLEST_CHUNK, min(CHUNK, 4 * (n_rows // (4 * _MANY_CHUNKS))))
    with one_blas_thread():
        for_each(function, chunks(n_rows, size))


def of_parts(function, rows):
    """``function(rows)``, an array with one entry for each row, of one part after another."""
    return np.concatenate(list(rows.each_part(function)))


def all_of(rows):
    """All rows as an array of their own."""
    return _taken(rows, np.arange(rows.shape[0]))


def evenly_spaced(numbers, most):
    """At most so many of the numbers, evenly spaced among them."""
    return numbers[:: max(1, -(-len(numbers) // most))]


def _taken(rows, numbers):
    """The rows with these numbers, as an array of their own."""
    return rows.take(numbers, np.empty((len(numbers), rows.shape[1]), dtype=rows.dtype))


def _read_only(array):
    """A view that cannot be written to.

    A kernel is compiled anew for arrays that can be written to and for those that cannot, such
    as joblib's memory maps, and two compilations may round differently: let all be of one kind.
    """
    view = array.view()
    view.flags.writeable = False
    return view


class Moments(NamedTuple):
    """Mean and variance of each column, in float64."""

    mean: np.ndarray
    variance: np.ndarray


class Summary(NamedTuple):
    """What is found of rows in one pass over them; two of them add up to that of all rows."""

    n_rows: int
    n_known: np.ndarray
    moments: Moments
    low: float
    high: float
    is_binary: bool

    @classmethod
    def of(cls, rows):
        """That of rows in memory."""
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
    """Rows that are in memory together, and in which order they are to be taken.

    Attributes
    ----------
    rows : Rows
    order : ndarray of int
        Numbers of rows of the window.
    places : ndarray of int, or None
        The number that each row of the window has among all rows. None: all rows are here.
    """

    rows: object
    order: np.ndarray
    places: np.ndarray | None = None

    def in_order(self, order):
        """The same rows, others of which are to be taken, or in another order."""
        return self._replace(order=order)


class Source:
    """Where the rows of data come from that a model is trained on.

    A subclass has ``in_chunks``, ``each_part``, ``total_of_parts``, ``subset``, ``passes``,
    ``with_absent`` and ``standardized``. Statistics of all values then come from one pass, whose
    results are kept.

    Attributes
    ----------
    shape : tuple of two ints
    dtype : dtype
    known : Rows of bool, of the same shape, or None
        Which values are known. None: all are.
    absent : ndarray of shape (n_columns,), or None
        What stands in the place of the others when they are taken. None: 0.
    """

    known = absent = None

    # Kept by hand: on Python 3.11, functools.cached_property has one lock for all instances, and a
    # child that is forked off while another thread holds it waits for ever.
    _kept_summary = None

    def in_chunks(self):
        """All rows in their order, some at a time, each time as rows of an array or CSR matrix."""
        raise NotImplementedError

    def each(self, function):
        """What a function makes of all rows in their order, some at a time; see ``in_chunks``."""
        return map(function, self.in_chunks())

    def each_part(self, function):
        """What a function makes of all rows in their order, as :class:`Rows`: as many at a time as
        are in memory."""
        raise NotImplementedError

    def total_of_parts(self, function, add):
        """The sum of the same, as a tree; computed where the rows are.

        ``add(a, b)`` returns the sum of two, and may change ``a`` for it.
        """
        raise NotImplementedError

    def subset(self, numbers):
        """The rows with these numbers, on their own."""
        raise NotImplementedError

    def course(self, learner):
        """How a learner goes through the data in an epoch, see :class:`skebm._parallel.InTurn`."""
        return InTurn(self, learner)

    def passes(self, generator=None, numbers=None):
        """Go through the data once, as training does in an epoch.

        Parameters
        ----------
        generator : numpy Generator, default=None
            What the rows are shuffled by; None leaves them in their order.
        numbers : ndarray of int, default=None
            Numbers of the rows to go through; None for all. Without a generator rows in memory are
            taken in the order of the numbers, those of a stream in their own.

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
    """Rows that can be asked for by their numbers.

    A subclass has ``shape``, ``dtype``, ``take`` and ``subset``, and that is enough. All else has
    defaults here that go through ``take``, a few rows at a time. A subclass replaces those for
    which its storage has a better way, and declares what it has beyond plain rows.

    Attributes
    ----------
    storage : {"array", "csr"} or None
        What ``data`` are; None where there is nothing that compiled loops could read.
    data : DenseData, CsrData or None
        What compiled loops read.
    density : float
        Share of the values that are not zero, about.
    """

    storage = data = None
    density = 1.0

    def take(self, numbers, out):
        """Copy the rows with these numbers to ``out``, which is returned."""
        raise NotImplementedError

    def summary(self):
        """:class:`Summary` of the rows."""
        return Summary(
            self.shape[0], self.n_known(), self.moments(), *self.range(), self.is_binary()
        )

    def batch(self, numbers):
        """The rows with these numbers as a :class:`Batch`."""
        return Batch(self, numbers)

    def with_absent(self, absent):
        """The same rows with other values, an array, in the place of those that are not known."""
        return self if self.known is None else KnownRows(self, self.known, absent)

    def each_part(self, function):
        """What a function makes of all rows: of these, at once."""
        return [function(self)]

    def total_of_parts(self, function, add):
        """The sum of the same: that of all rows."""
        return function(self)

    def standardized(self, mean, scale):
        """:class:`StandardizedRows` of these."""
        return StandardizedRows(self, mean, scale)

    def passes(self, generator=None, numbers=None):
        """Go through the data once: see :class:`Source`. All data are one window."""
        if numbers is None:
            numbers = np.arange(self.shape[0])
        yield Window(self, numbers if generator is None else generator.permutation(numbers))

    def in_chunks(self):
        """All rows in their order, some at a time, as rows of an array."""
        for _, values in self._few_at_a_time(slice(0, self.shape[0])):
            yield DenseRows(values)

    def times(self, weights, part, out):
        """Product of the rows in the slice ``part`` with ``weights``, written to ``out``."""
        for there, values in self._few_at_a_time(part):
            multiply(values, weights, out[there])
        return out

    def inputs_of_units(self, weights, part, out):
        """Product of ``weights``, one unit a row, with the rows in the slice ``part`` as columns.

        Written to ``out`` (n_units, n_rows).
        """
        for there, values in self._few_at_a_time(part):
            some = np.empty((len(weights), len(values)), dtype=out.dtype)
            out[:, there] = multiply(weights, values.T, some)
        return out

    def add_gradient(self, slopes, part, out):
        """Add to ``out`` (n_units, n_features) the product of ``slopes`` (n_units, n_rows)
        with the rows in the slice ``part``."""
        for there, values in self._few_at_a_time(part):
            add_product(np.ascontiguousarray(slopes[:, there]), values, out)

    def _few_at_a_time(self, part):
        """Where in the slice ``part`` some rows are, and a dense copy of them."""
        for some in chunks(part.stop - part.start, fitting_rows(self.shape[1])):
            yield some, _taken(self, np.arange(part.start + some.start, part.start + some.stop))


class Batch:
    """A minibatch: some of the rows, and what these declare of each.

    ``known`` and ``absent`` are arrays, one row of them for each of the minibatch, or None as those
    of :class:`Rows` are.
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
        """Which values are known."""
        return None if self._rows.known is None else _taken(self._rows.known, self._numbers)

    @property
    def absent(self):
        """What stands in the place of values that are not known."""
        absent = self._rows.absent
        return None if absent is None else np.broadcast_to(absent, (len(self), len(absent)))


class DenseRows(Rows):
    """Rows of an ndarray, in whatever order its memory is."""

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
        # With the default mode, "raise", NumPy would go through a buffer of its own.
        return self._X.take(numbers, axis=0, out=out, mode="clip")

    def subset(self, numbers):
        return _declared_of(self, DenseRows(self._X[numbers]), numbers)

    def summary(self):
        """:class:`Summary` of the rows, few enough to stay in the cache, on one thread."""
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
        """:class:`Moments` of the columns, in two passes: no digits are lost to large means."""
        if self._kept_moments is None:  # for a model that scales its data and then starts from them
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
        """Share of the values that are not zero, in rows evenly spaced over the data."""
        if self._density is None:  # kept by hand, as the summary of a source is
            some = self._X[:: -(-len(self._X) // CHUNK)]
            self._density = np.count_nonzero(some) / some.size
        return self._density


class SparseRows(Rows):
    """Rows of a CSR matrix, of which only those asked for are ever made dense."""

    storage = "csr"

    def __init__(self, X):
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        self._X = X
        places = X.indices, X.indptr
        # With 64 bits, as some operations of SciPy leave them, kernels would be compiled anew.
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
        """The rows with these numbers, on their own, and as sparse as they are."""
        return _declared_of(self, SparseRows(self._X[numbers]), numbers)

    def moments(self):
        X, n_rows = self._X, self.shape[0]
        mean = self._column_sums(X.data) / n_rows
        n_zeros = n_rows - self._column_sums(np.ones(X.nnz))
        from_mean = X.data - mean[X.indices]
        sums = self._column_sums(from_mean) - n_zeros * mean
        squares = np.where(from_mean != 0, np.maximum(np.square(from_mean), _TINY), 0)
        with np.errstate(invalid="ignore"):  # none of something infinite
            of_zeros = np.where(n_zeros, n_zeros * mean**2, 0)
        squares = self._column_sums(squares) + of_zeros
        return Moments(mean, _variance_of(sums, squares, n_rows))

    def _column_sums(self, values):
        """Sums of numbers at the places of what is stored, in float64 for any type."""
        sums = np.zeros(self.shape[1])
        for part in chunks(self._X.nnz, _VALUES):  # which NumPy copies, to wider types
            sums += np.bincount(self._X.indices[part], values[part], minlength=self.shape[1])
        return sums

    def range(self):
        return self._X.min(), self._X.max()

    def is_binary(self):
        return _are_binary(self._X.data)

    @property
    def density(self):
        """Share of the values that are not zero."""
        return self._X.nnz / max(1, self.shape[0] * self.shape[1])


def _declared_of(rows, others, numbers=None):
    """Have ``others`` declare what ``rows`` do: the same rows, or those with the numbers given."""
    others.absent, others.known = rows.absent, rows.known
    if numbers is not None and rows.known is not None:
        others.known = rows.known.subset(numbers)
    return others


def _are_binary(values):
    return bool(((values == 0) | (values == 1)).all())


def _add_up_squares(X, mean, sums, squares):
    """Add sums of the columns of ``X`` less their mean, and of the squares, to two arrays.

    Squares add up to more than zero also where all of them are too small for a float64.
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
    """Variance, from sums of differences to what is nearly the mean, and of their squares.

    Infinite where these leave the range of float64, of which both may do so.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        variance = squares / n_rows - np.square(sums / n_rows)
    return np.maximum(np.where(np.isnan(variance), np.inf, variance), 0)


class StandardizedRows(Rows):
    """Rows of another kind, each column less its mean and over its scale as it is read.

    In the place of a value that is not known is 0, the mean.

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
    """Rows of data with some more columns to their right, all known, and no copy of the data.

    Parameters
    ----------
    rows : Rows
    columns : ndarray of shape (n_rows, n_columns)
        Of the type of the rows.
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
    """Rows of which not all values are known.

    Parameters
    ----------
    rows : Rows
        Whatever stands in the place of a value that is not known, such as NaN, is never used.
    known : Rows of bool, of the same shape
    absent : ndarray of shape (n_columns,), default=None
        What is given for values that are not known, the array itself; None is 0.
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
        """:class:`Moments` of the known values of each column; of none, these are 0."""
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
        """Smallest and largest value that is known."""
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
    """Which values of other rows are not NaN, as rows of bool."""

    dtype = np.dtype(bool)

    def __init__(self, rows):
        self._rows, self.shape = rows, rows.shape

    def take(self, numbers, out):
        return np.logical_not(np.isnan(_taken(self._rows, numbers), out=out), out=out)

    def subset(self, numbers):
        return NotNaN(self._rows.subset(numbers))


class StreamedRows(Source):
    """Rows of a stream, of which a window at a time is in memory.

    An epoch goes from window to window, and rows are shuffled inside of windows only. Minibatches
    do not reach from one into the next. The chunks that share a window are drawn anew in each
    epoch, unless all rows fit into one: training is then that on an array.

    Parameters
    ----------
    stream : skebm._streams.Stream
        Of floats, validated.
    rows_of : callable
        Makes :class:`Rows` of an array or a CSR matrix.
    moments : callable, default=None
        Returns the :class:`Moments`, where they follow from those of other rows.
    summary : default=None
        What a pass over the same rows has found.
    """

    def __init__(self, stream, rows_of, moments=None, summary=None):
        self._stream, self._rows_of = stream, rows_of
        self._moments, self._kept_summary = moments, summary
        first = rows_of(stream.first)
        self._n_columns, self.dtype = first.shape[1], first.dtype

    @property
    def shape(self):
        """Numbers of rows, which a first pass counts, and of columns."""
        return self._stream.n_rows, self._n_columns

    def in_chunks(self):
        return map(self._rows_of, self._stream)

    def each(self, function):
        """What a function makes of the rows of each chunk; computed where the chunks are."""
        return self._stream.each(partial(_viewed, self._rows_of, function))

    def each_part(self, function):
        """The same: chunks are what is in memory."""
        return self.each(function)

    def total_of_parts(self, function, add):
        """The sum of the same, as a tree whose shape depends on the number of chunks alone."""
        return self._stream.total(partial(_viewed, self._rows_of, function), add)

    def course(self, learner):
        """How a learner goes through the data in an epoch: in turn, or in rounds of several parts.

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
        """Number of chunks with rows, where they can be had in any order."""
        return len(self._stream.portions())

    def dealt_out(self, n_parts, generator=None, numbers=None, beside=None):
        """The chunks, dealt out to parts, as each of these is to go through its own.

        Parameters
        ----------
        n_parts : int
            There are fewer where there are fewer chunks. Which chunks a part has depends on nothing
            but their sizes.
        generator, numbers
            See :meth:`Source.passes`.
        beside : callable, default=None
            ``beside(numbers of rows)`` returns what belongs to some rows.

        Returns
        -------
        parts : list of list of tuple (int, Item)
            Windows: how many of its rows are taken; and an item that is the :class:`Window` and
            what belongs to its rows, or None. The first part has the most rows.
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
        """``function((window, what belongs to its rows))`` of each window, in their order."""
        items = self._windows_in_order(beside)
        if items is None:
            return map(function, self._passed(beside))
        return workplace(self._stream.is_of_dask).map(function, items)

    def total(self, function, add, beside=None):
        """The sum of the same, as a tree; computed where the chunks are."""
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
        """The rows with these numbers, in memory."""
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
        """Go through the data once, a window at a time: see :class:`Source`."""
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
        """The window that some chunks are together, unless it has none of the numbers."""
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
    """Chunks that become a window: dense ones are copied to their place as they come.

    Parameters
    ----------
    n_wanted : int
        Rows of the window; the last chunk may bring some more.

    Attributes
    ----------
    bounds : list of tuple (start, stop)
        Numbers of the rows of each chunk among all rows.
    """

    def __init__(self, n_wanted):
        self._n_wanted = n_wanted
        self.n_rows, self.bounds, self._parts, self._room = 0, [], [], None

    def add(self, start, X):
        """Take a chunk in, whose first row has the number ``start``."""
        stop = self.n_rows + X.shape[0]
        if scipy.sparse.issparse(X) or (not self.n_rows and stop >= self._n_wanted):
            self._parts.append(X)
        else:
            if self._room is None or stop > len(self._room):
                # As many as chunks of this size are together, which mostly is what they are.
                n_rows = max(stop, -(-self._n_wanted // len(X)) * len(X))
                room = np.empty((n_rows, X.shape[1]), X.dtype)
                if self.n_rows:
                    room[: self.n_rows] = self.array()
                self._room = room
            self._room[self.n_rows : stop] = X
        self.bounds.append((start, start + X.shape[0]))
        self.n_rows = stop

    def array(self):
        """All of them, as one array or CSR matrix."""
        return stacked(self._parts) if self._room is None else self._room[: self.n_rows]


def _viewed(rows_of, view, X):
    return view(rows_of(X))


class _WindowFacts(NamedTuple):
    """What is to be known of the chunks of a window.

    Attributes
    ----------
    portions : list of Portion
    orders : list of ndarray of int, or None
        For each, which of its rows are taken. None: all.
    beside : object
        What belongs to the rows.
    """

    portions: list
    orders: list
    beside: object


class _WindowRecipe(NamedTuple):
    """What makes windows of chunks, as the user has them, and has what belongs to their rows."""

    recipe: object
    rows_of: object

    def item(self, window, beside):
        """How many rows to take, and an item, for a list of (portion, order, number of rows)."""
        portions, orders, sizes = zip(*window, strict=True)
        if beside is not None:
            beside = beside(np.concatenate([portion.numbers for portion in portions]))
        facts = _WindowFacts([portion.without_read() for portion in portions], orders, beside)
        return sum(sizes), Item([portion.read for portion in portions], self, facts)

    def __call__(self, facts, *chunks):
        """The window, and what belongs to its rows."""
        orders, n_before = [], 0
        for portion, order in zip(facts.portions, facts.orders, strict=True):
            orders.append(n_before + (np.arange(portion.n_rows) if order is None else order))
            n_before += portion.n_rows
        places = np.concatenate([portion.numbers for portion in facts.portions])
        X = stacked([self.recipe(*pair) for pair in zip(facts.portions, chunks, strict=True)])
        return Window(self.rows_of(X), np.concatenate(orders), places), facts.beside


def _to_learn_from(portion, numbers):
    """Which rows of a portion are among those with the numbers, None for all; and how many."""
    if numbers is None:
        return None, portion.n_rows
    order = numbers_between(numbers, portion.start, portion.start + portion.n_rows)
    return order, len(order)


def _windows(chunks, n_in_window):
    """Chunks, tuples that begin with a portion, in groups of so many rows at least."""
    windows, n_rows = [], n_in_window
    for chunk in chunks:
        if n_rows >= n_in_window:
            windows.append([])
            n_rows = 0
        windows[-1].append(chunk)
        n_rows += chunk[0].n_rows
    return windows
