"""Ratings as they come, and as kernels read them."""

from typing import NamedTuple

import numpy as np
import scipy.sparse

from ..kernels.ratings import Rows

# Of more values than these, the levels are as many that are evenly spaced.
MOST_LEVELS = 32

NO_RATINGS = "There are no ratings: all entries are missing."


class RatingsMatrix(NamedTuple):
    """What :func:`ratings_matrix` returns.

    Attributes
    ----------
    X : csr_array of shape (n_users, n_items)
        Ratings; what is stored is rated.
    users : ndarray of shape (n_users,)
        What the table calls the rows.
    items : ndarray of shape (n_items,)
        What the table calls the columns.
    """

    X: scipy.sparse.csr_array
    users: np.ndarray
    items: np.ndarray


def ratings_matrix(frame, *, user="user", item="item", rating="rating", users=None, items=None):
    """Turn a table with a line for each rating into a matrix with a row for each user.

    Parameters
    ----------
    frame : DataFrame or mapping of str to array-like of shape (n_ratings,)
        The table. Where a user rates an item twice, the last line counts.
    user, item, rating : str, default="user", "item", "rating"
        Names of its columns.
    users, items : array-like, default=None
        What the rows and the columns stand for, in their order: those of another table, so that
        both matrices fit one model. Lines about others are left out. None takes those of this
        table, sorted.

    Returns
    -------
    table : RatingsMatrix
        With ``X``, a CSR array of shape (n_users, n_items) in which what is stored is rated, and
        ``users`` and ``items``, what its rows and columns stand for.

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
    users, rows = _numbered(columns[0], users)
    items, places = _numbered(columns[1], items)
    kept = (rows >= 0) & (places >= 0)
    rows, places, ratings = rows[kept], places[kept], columns[2][kept]
    if ratings.dtype not in (np.float32, np.float64):
        ratings = ratings.astype(np.float64)
    # A stable order by row and item, of which the last one of its kind counts.
    order = np.lexsort((places, rows))
    rows, places, ratings = rows[order], places[order], ratings[order]
    is_last = np.ones(len(rows), dtype=bool)
    is_last[:-1] = (np.diff(rows) != 0) | (np.diff(places) != 0)
    shape = len(users), len(items)
    entries = ratings[is_last], (rows[is_last], places[is_last])
    return RatingsMatrix(scipy.sparse.csr_array(entries, shape=shape), users, items)


def _numbered(values, names):
    """Names, and the number of each value among them; -1 where there is none."""
    if names is None:
        return np.unique(values, return_inverse=True)
    names = np.asarray(names)
    order = np.argsort(names)
    places = np.searchsorted(names, values, sorter=order).clip(max=len(names) - 1)
    numbers = order[places]
    return names, np.where(names[numbers] == values, numbers, -1)


def as_csr(X):
    """The ratings of a validated matrix, stored row by row with sorted columns.

    Of a dense one, all that is not NaN; of a sparse one, all that is stored.
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
            "The matrix of ratings has some entries twice, which a sparse matrix takes for their "
            "sum. Keep one rating of an item by a user, see skebm.ratings_matrix."
        )
    return X


def scale_of(values, dtype):
    """The levels of the ratings that are there, in their order, and whether they had to be cut."""
    levels = np.unique(values[~np.isnan(values)])
    if len(levels) == 0:
        raise ValueError(NO_RATINGS)
    is_cut = len(levels) > MOST_LEVELS
    if is_cut:
        levels = np.linspace(levels[0], levels[-1], MOST_LEVELS)
    return levels.astype(dtype), is_cut


def as_rows(X, scale):
    """The ratings of a CSR matrix as levels of a scale, the nearest one of each, for kernels."""
    middles = (scale[1:] + scale[:-1]) / 2
    levels = np.searchsorted(middles, X.data, side="right").astype(np.int32)
    levels[np.isnan(X.data)] = -1
    return Rows(X.indptr.astype(np.int64), X.indices.astype(np.int32), levels)
