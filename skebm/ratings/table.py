"""Conversion of ratings between tables, matrices and the arrays that kernels use."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

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
    columns = [np.asarray(frame[name]) for name in (user, item, rating)]
    names_of_rows, rows = _numbered(columns[0], users)
    names_of_columns, places = _numbered(columns[1], items)
    kept = (rows >= 0) & (places >= 0)
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


def _numbered(values, names):
    """Names, and the index of each value among them; -1 for values that are not among them."""
    if names is None:
        return np.unique(values, return_inverse=True)
    names = np.asarray(names)
    order = np.argsort(names)
    places = np.searchsorted(names, values, sorter=order).clip(max=len(names) - 1)
    numbers = order[places]
    return names, np.where(names[numbers] == values, numbers, -1)


def as_csr(X):
    """The ratings of a validated matrix as a CSR array with sorted columns.

    Ratings are all entries of a dense matrix that are not NaN, or all stored entries of a sparse
    one.
    """
    if not scipy.sparse.issparse(X):
        rows, columns = np.nonzero(~np.isnan(X))
        indptr = np.zeros(X.shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=X.shape[0]), out=indptr[1:])
        return scipy.sparse.csr_array((X[rows, columns], columns, indptr), shape=X.shape)
    if not X.has_sorted_indices:
        X = X.sorted_indices()
    if not X.has_canonical_format:
        raise ValueError(
            "The sparse matrix of ratings stores some entries twice, and would use their sum. Keep "
            "one rating per user and item: skebm.ratings_matrix does this."
        )
    return X


def as_rows(X, scale):
    """The ratings of a CSR matrix as indices of the nearest levels of a scale, for kernels."""
    middles = (scale[1:] + scale[:-1]) / 2
    levels = np.searchsorted(middles, X.data, side="right").astype(np.int32)
    levels[np.isnan(X.data)] = -1
    return Rows(X.indptr.astype(np.int64), X.indices.astype(np.int32), levels)
