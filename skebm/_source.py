"""Sources of data: what models may ask of rows, wherever these are.

Rows are in memory (:mod:`skebm._rows`) and can be indexed in any order, or they are read chunk by
chunk, any number of times (:mod:`skebm._streamed_rows`). Training uses only what both have in
common, :class:`Source`.
"""

from typing import NamedTuple

import numpy as np

from ._parallel import InTurn
from ._reduction import tree_sum
from ._threads import for_each, one_blas_thread

# Number of rows per chunk: enough for BLAS to run at full speed, few enough that the result of one
# operation is still in the cache when the next one reads it.
CHUNK = 512
_SMALLEST_CHUNK, _MANY_CHUNKS = 128, 64

# With integer weights rows are repeated, up to this multiple of the number of rows.
_MOST_REPETITIONS = 10

# Number of values in the dense copy of rows that each thread processes at a time.
_NUMBERS_AT_A_TIME = 2**22


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
    return rows.at(np.arange(rows.shape[0]))


def evenly_spaced(numbers, most):
    """At most ``most`` of the numbers, evenly spaced."""
    return numbers[:: max(1, -(-len(numbers) // most))]


class Moments(NamedTuple):
    """Mean and variance of each column, in float64."""

    mean: np.ndarray
    variance: np.ndarray

    def standardized(self, mean, scale):
        """Those of the columns less ``mean``, divided by ``scale``."""
        return Moments((self.mean - mean) / scale, self.variance / scale**2)


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
