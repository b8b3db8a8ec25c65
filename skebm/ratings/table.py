"""Conversion of ratings between tables, matrices and the arrays that kernels use."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from .._validation import is_nothing, warn_caller
from ..kernels.ratings import Rows

# If there are more distinct values, the levels are this many evenly spaced ones.
MOST_LEVELS = 32

NO_RATINGS = (
    "There are no ratings: all entries are missing. Ratings are the stored entries of a sparse "
    "matrix, or the entries of an array that are not NaN."
)


class RatingsMatrix(NamedTuple):
    """The result of :func:`ratings_matrix`.

    Attributes
    ----------
    X : csr_array of shape (n_users, n_items)
        Ratings. Entries that are not stored are not rated.
    users : ndarray of shape (n_users,)
        The user of each row, as named in the table.
    items : ndarray of shape (n_items,)
        The item of each column, as named in the table.
    """

    X: scipy.sparse.csr_array
    users: NDArray[Any]
    items: NDArray[Any]


def ratings_matrix(
    frame: Any,
    *,
    user: str = "user",
    item: str = "item",
    rating: str = "rating",
    users: ArrayLike | None = None,
    items: ArrayLike | None = None,
) -> RatingsMatrix:
    """Convert a table with one line per rating to a matrix with one row per user.

    Parameters
    ----------
    frame : DataFrame or mapping of str to array-like of shape (n_ratings,)
        The table. If a user rates an item twice, the last line is used.
    user, item, rating : str, default="user", "item", "rating"
        Names of the columns of the table.
    users, items : array-like, default=None
        The users of the rows and the items of the columns, in this order. Pass those of an earlier
        table, so that both matrices fit the same model; lines with other users or items are then
        left out. None uses all users and items of this table, sorted.

    Returns
    -------
    table : RatingsMatrix
        A named tuple of ``X``, a CSR array of shape (n_users, n_items) whose stored entries are
        the ratings, ``users``, the user of each row, and ``items``, the item of each column.

    Examples
    --------
    >>> import skebm
    >>> table = {"user": ["ann", "bob", "ann"], "item": [7, 7, 9], "rating": [5.0, 3.0, 1.0]}
    >>> X, users, items = skebm.ratings_matrix(table)
    >>> X.toarray()
    array([[5., 1.],
           [3., 0.]])
    >>> users.tolist(), items.tolist()
    (['ann', 'bob'], [7, 9])
    """
    names = {"user": user, "item": item, "rating": rating}
    columns = [_column(frame, of, name) for of, name in names.items()]
    check_consistent_length(*columns)
    names_of_rows, rows = _numbered(columns[0], users, "users", user)
    names_of_columns, places = _numbered(columns[1], items, "items", item)
    kept = (rows >= 0) & (places >= 0)
    if len(kept) and not kept.any():
        warn_caller(
            f"ratings_matrix leaves out all {len(kept)} lines: none has one of the given users and "
            "items. Texts and numbers are different names."
        )
    rows, places, ratings = rows[kept], places[kept], columns[2][kept]
    if ratings.dtype not in (np.float32, np.float64):
        ratings = ratings.astype(np.float64)
    # The sort is stable, so the last line of equal pairs stays the last one.
    order = np.lexsort((places, rows))
    rows, places, ratings = rows[order], places[order], ratings[order]
    is_last = np.ones(len(rows), dtype=bool)
    is_last[:-1] = (np.diff(rows) != 0) | (np.diff(places) != 0)
    shape = len(names_of_rows), len(names_of_columns)
    entries = ratings[is_last], (rows[is_last], places[is_last])
    X = scipy.sparse.csr_array(entries, shape=shape)
    return RatingsMatrix(X, names_of_rows, names_of_columns)


def _column(frame, of, name):
    """A column of the table; ``of`` is the parameter that has its name."""
    try:
        return np.asarray(frame[name])
    except Exception as error:  # libraries of tables have different errors
        raise ValueError(
            f"The table of ratings has no column {name!r}. Pass the name of the column to "
            f"ratings_matrix by {of!r}. Its columns are {list(frame)}."
        ) from error


def _numbered(values, names, of, column):
    """Names, and the index of each value among them; -1 for values that are not among them.

    ``of`` and ``column`` are the names of the parameter and of the column, for messages.
    """
    is_missing = np.array([is_nothing(v) for v in values]) if values.dtype.kind in "fO" else False
    if np.any(is_missing):
        raise ValueError(
            f"The column {column!r} of the table of ratings has {np.sum(is_missing)} missing "
            "values. Leave out these lines first."
        )
    if names is None:
        return np.unique(values, return_inverse=True)
    names = np.asarray(names)
    if len(np.unique(names)) < len(names):
        raise ValueError(f"The {of!r} parameter of ratings_matrix names some {of} twice.")
    if not len(names):
        return names, np.full(len(values), -1)
    order = np.argsort(names)
    places = np.searchsorted(names, values, sorter=order).clip(max=len(names) - 1)
    numbers = order[places]
    return names, np.where(names[numbers] == values, numbers, -1)


def as_csr(X, name):
    """The ratings of a validated matrix as a CSR array with sorted columns.

    Ratings are all entries of a dense matrix that are not NaN, or all stored entries of a sparse
    one. ``name`` is that of the class that the user called, for messages.
    """
    if not scipy.sparse.issparse(X):
        rows, columns = np.nonzero(~np.isnan(X))
        indptr = np.zeros(X.shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=X.shape[0]), out=indptr[1:])
        return scipy.sparse.csr_array((X[rows, columns], columns, indptr), shape=X.shape)
    if not X.has_sorted_indices:
        X = X.sorted_indices()
    if not X.has_canonical_format:
        row, column = _first_repeated(X)
        raise ValueError(
            f"The sparse matrix of ratings stores two ratings of row {row} and column {column}, "
            f"but {name} needs one rating per user and item. skebm.ratings_matrix makes a matrix "
            "with the last rating of each pair."
        )
    return X


def _first_repeated(X):
    """Row and column of the first entry of a sorted CSR matrix that is stored twice."""
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    is_repeated = (np.diff(rows) == 0) & (np.diff(X.indices) == 0)
    first = int(is_repeated.argmax())
    return int(rows[first]), int(X.indices[first])


def warned_of_other_levels(scale, name, X):
    """The same CSR matrix of ratings, after a warning if some are far beyond the scale.

    ``name`` is that of the estimator that the user called.
    """
    room = np.diff(scale).max(initial=0) / 2
    low = np.fmin.reduce(X.data, initial=scale[0])
    high = np.fmax.reduce(X.data, initial=scale[-1])
    if low < scale[0] - room or high > scale[-1] + room:
        warn_caller(
            f"The possible ratings of {name} are {scale[0]:g} to {scale[-1]:g}, but X has ratings "
            f"from {low:g} to {high:g}. They are replaced by the nearest possible ones, which the "
            "parameter 'rating_scale' sets."
        )
    return X


def as_rows(X, scale):
    """The ratings of a CSR matrix as indices of the nearest levels of a scale, for kernels."""
    middles = (scale[1:] + scale[:-1]) / 2
    levels = np.searchsorted(middles, X.data, side="right").astype(np.int32)
    levels[np.isnan(X.data)] = -1
    return Rows(X.indptr.astype(np.int64), X.indices.astype(np.int32), levels)
