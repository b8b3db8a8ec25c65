"""Rows of ratings for training: in memory, or one window of a stream at a time."""

from functools import partial
from operator import add, attrgetter
from typing import NamedTuple

import numpy as np
import scipy.sparse

from .._source import Source, Window, of_parts
from .._streamed_rows import StreamedRows
from .._streams import is_stream, made_of, total_of
from ..kernels.ratings import choose_at_random
from .table import MOST_LEVELS, NO_RATINGS, as_csr, as_rows

# Largest number of training ratings that are predicted after each epoch, for history_.
_MOST_WATCHED = 1000


class RatingRows(Source):
    """Rows of ratings in memory.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        The rating scale.
    X : csr_array of shape (n_rows, n_items)

    Attributes
    ----------
    X : csr_array of shape (n_rows, n_items)
    ratings : skebm.kernels.ratings.Rows
        The ratings as indices of levels.
    """

    def __init__(self, levels, X):
        self.X, self.ratings, self._levels = X, as_rows(X, levels), levels
        self.shape, self.dtype = X.shape, X.dtype

    def in_chunks(self):
        return [self]

    def each_part(self, function):
        return [function(self)]

    def total_of_parts(self, function, add):
        return function(self)

    def subset(self, numbers):
        """The rows with these numbers."""
        return RatingRows(self._levels, self.X[numbers])

    def passes(self, generator=None, numbers=None):
        """Pass over all rows once, as one window: see :class:`~skebm._source.Source`."""
        numbers = np.arange(self.shape[0]) if numbers is None else numbers
        yield Window(self, numbers if generator is None else generator.permutation(numbers))


def rating_rows(levels, X):
    """Rows of a CSR matrix, or of a stream of such matrices, as indices of the levels."""
    rows_of = partial(RatingRows, levels)
    return StreamedRows(X, rows_of) if is_stream(X) else rows_of(X)


def rating_matrix(X, admits_nan, name):
    """Validated ratings as a CSR matrix; for a stream, a stream of such matrices.

    Parameters
    ----------
    X : ndarray, CSR matrix or stream
    admits_nan : bool
        Whether a sparse matrix may store NaN.
    name : str
        Name of the estimator that the user called, for messages.
    """
    if is_stream(X):
        return X.map_named(partial(_matrix_of_chunk, admits_nan, name))
    if scipy.sparse.issparse(X) and not admits_nan and np.isnan(X.data).any():
        raise ValueError(
            f"The sparse matrix of ratings stores NaN, which {name} accepts only with "
            "conditional=True. Do not store entries that are not rated."
        )
    return as_csr(X, name)


def _matrix_of_chunk(admits_nan, name, X, where):
    with where.in_messages():
        return rating_matrix(X, admits_nan, name)


# Ratings that are held out ---------------------------------------------------


class Parts(NamedTuple):
    """The known ratings of some rows, and the ratings to predict from them.

    Attributes
    ----------
    known, asked : csr_array of shape (n_rows, n_items)
        A known rating is not used in its own prediction.
    """

    known: object
    asked: object

    @classmethod
    def all_of(cls, X):
        """Parts with all ratings known, and each predicted from the others of its row."""
        return cls(X, X)


class Split(NamedTuple):
    """Split into known ratings and ratings held out, by a random number for each row and item.

    It does not depend on how rows are divided into chunks.
    """

    seed: int
    stream: int
    share: float

    def parts(self, X):
        """:class:`Parts` of a CSR matrix; for a stream of matrices, a stream of parts."""
        if is_stream(X):
            return X.map_named(self._parts_of_chunk)
        return self._parts(X, np.arange(X.shape[0]))

    def _parts_of_chunk(self, X, where):
        return self._parts(X, where.numbers)

    def _parts(self, X, numbers):
        is_held_out = np.empty(X.nnz, dtype=bool)
        address = self.seed, self.stream
        choose_at_random(X.indptr, X.indices, numbers, address, self.share, is_held_out)
        is_held_out &= ~np.isnan(X.data)
        return Parts(chosen(X, ~is_held_out), chosen(X, is_held_out))


def known_of(parts):
    """The known ratings; for a stream of parts, a stream of matrices."""
    return made_of(parts, attrgetter("known"))


def n_ratings_of(parts):
    """Number of known ratings and number of ratings to predict: an array of two ints."""
    return total_of(parts, _n_ratings, add)


def _n_ratings(parts):
    return np.array([part.nnz for part in parts])


def chosen(X, is_chosen):
    """The selected stored ratings of a matrix, as a matrix of the same shape."""
    n_before = np.concatenate([[0], np.cumsum(is_chosen)])
    entries = X.data[is_chosen], X.indices[is_chosen], n_before[X.indptr]
    return scipy.sparse.csr_array(entries, shape=X.shape)


# Properties of ratings that training needs -----------------------------------


class Levels(NamedTuple):
    """The distinct ratings of some rows; those of two sets of rows can be joined.

    Attributes
    ----------
    values : ndarray, or None
        Distinct ratings, ascending. None if there are more than ``MOST_LEVELS``.
    low, high : float
        Smallest and largest rating.
    """

    values: np.ndarray | None
    low: float
    high: float

    @classmethod
    def of(cls, X):
        """The levels of a CSR matrix, or of all chunks of a stream."""
        return total_of(X, cls._of_matrix, cls.joined)

    @classmethod
    def _of_matrix(cls, X):
        values = np.unique(X.data[~np.isnan(X.data)])
        ends = (values[0], values[-1]) if len(values) else (np.inf, -np.inf)
        return cls(values, *ends).without_many()

    def joined(self, other):
        """The levels of these rows and others together."""
        values = None
        if self.values is not None and other.values is not None:
            values = np.union1d(self.values, other.values)
        return Levels(values, min(self.low, other.low), max(self.high, other.high)).without_many()

    def without_many(self):
        """The same levels, with None for ``values`` if there are too many."""
        are_many = self.values is not None and len(self.values) > MOST_LEVELS
        return self._replace(values=None) if are_many else self

    def scale(self, dtype):
        """The rating scale: the distinct ratings, or ``MOST_LEVELS`` evenly spaced values.

        Raises
        ------
        ValueError
            If there are no ratings.
        """
        values = self.values
        if values is None:
            values = np.linspace(self.low, self.high, MOST_LEVELS)
        if not len(values):
            raise ValueError(NO_RATINGS)
        return values.astype(dtype)


def some_ratings_of(rows):
    """Some of the known ratings, evenly spaced, and the rows that contain them.

    Returns
    -------
    rows : RatingRows
    asked : csr_array
        Only these ratings, as a matrix of the same shape.
    """
    ends = np.cumsum(of_parts(_n_known_of_rows, rows))
    n_known = ends[-1] if len(ends) else 0
    numbers = np.arange(0, n_known, max(1, -(-n_known // _MOST_WATCHED)))
    owners, places = np.unique(np.searchsorted(ends, numbers, side="right"), return_inverse=True)
    found = rows.subset(owners)
    known = np.flatnonzero(~np.isnan(found.X.data))
    n_before = np.concatenate([[0], np.cumsum(_n_known_of_rows(found))])
    of_row = numbers - np.concatenate([[0], ends])[owners][places]
    is_chosen = np.zeros(found.X.nnz, dtype=bool)
    is_chosen[known[n_before[places] + of_row]] = True
    return found, chosen(found.X, is_chosen)


def _n_known_of_rows(rows):
    """Number of known ratings per row."""
    n_before = np.concatenate([[0], np.cumsum(~np.isnan(rows.X.data))])
    return np.diff(n_before[rows.X.indptr])
