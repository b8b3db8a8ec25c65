"""Cross-validation over single ratings, for scikit-learn's searches, whose samples are rows."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.utils import check_array, check_random_state

from .._checks import Number
from .._chunks import with_repeated
from .._typing import MatrixLike, RandomStateLike
from .._validation import FLOATS
from .table import as_csr


class RatingSamples:
    """The ratings of a matrix as samples: each rating is one sample.

    scikit-learn's searches hold out samples, which are usually rows. The samples of this object
    are single ratings. Indexing selects ratings; the result still contains the others. ``fit``
    learns from the selected ratings only. ``score`` predicts the selected ratings, each from all
    other ratings of its row, selected or not.

    Parameters
    ----------
    X : {sparse matrix, array-like} of shape (n_users, n_items)
        Ratings: the stored entries of a sparse matrix, or the entries of an array that are not NaN.

    Attributes
    ----------
    shape : tuple (n_ratings, n_items)
        Number of selected ratings and number of items.

    See Also
    --------
    RatingKFold : Cross-validation over these samples.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skebm import RatingKFold, RatingRBM, RatingSamples
    >>> X = np.random.default_rng(0).integers(1, 6, size=(20, 8)).astype(float)
    >>> X[::3, ::2] = np.nan
    >>> rbm = RatingRBM(n_components=2, n_iter=2, random_state=0)
    >>> search = GridSearchCV(rbm, {"alpha": [0.001, 0.01]}, cv=RatingKFold(3, random_state=0))
    >>> sorted(search.fit(RatingSamples(X)).best_params_)
    ['alpha']
    """

    def __init__(self, X: MatrixLike) -> None:
        name = type(self).__name__
        X = check_array(
            with_repeated(X) if scipy.sparse.issparse(X) else X,
            accept_sparse="csr",
            dtype=FLOATS,
            ensure_all_finite="allow-nan",
            estimator=name,
        )
        self.all_ratings = scipy.sparse.csr_array(as_csr(X, name))
        self.numbers = np.arange(self.all_ratings.nnz)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of selected ratings and number of items."""
        return len(self.numbers), self.all_ratings.shape[1]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, key: Any) -> "RatingSamples":
        key = key[0] if isinstance(key, tuple) else key
        chosen = RatingSamples(self.all_ratings)
        chosen.numbers = self.numbers[key]
        return chosen

    @property
    def chosen_ratings(self) -> scipy.sparse.csr_array:
        """The selected ratings, as a matrix with all rows and items."""
        X, is_chosen = self.all_ratings, np.zeros(self.all_ratings.nnz, dtype=bool)
        is_chosen[self.numbers] = True
        n_before = np.concatenate([[0], np.cumsum(is_chosen)])
        entries = X.data[is_chosen], X.indices[is_chosen], n_before[X.indptr]
        return scipy.sparse.csr_array(entries, shape=X.shape)


class RatingKFold:
    """K-fold cross-validation over single ratings, which are assigned to the folds at random.

    The data have to be :class:`RatingSamples`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    random_state : int, RandomState instance or None, default=None
        Source of the random order in which ratings are assigned to the folds.

    See Also
    --------
    RatingSamples : The data that are split.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import RatingKFold, RatingSamples
    >>> samples = RatingSamples(np.array([[5.0, np.nan, 3.0], [1.0, 2.0, np.nan]]))
    >>> [len(held_out) for _, held_out in RatingKFold(2, random_state=0).split(samples)]
    [2, 2]
    """

    def __init__(self, n_splits: int = 5, *, random_state: RandomStateLike = None) -> None:
        self.n_splits = n_splits
        self.random_state = random_state

    def split(
        self, X: RatingSamples, y: object = None, groups: object = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the indices of the training ratings and of the ratings held out.

        Parameters
        ----------
        X : RatingSamples of shape (n_ratings, n_items)
            The ratings.
        y, groups : None
            Ignored; here for scikit-learn's conventions.

        Yields
        ------
        training, held_out : ndarray of int
            Indices of ratings, sorted.
        """
        n_ratings = X.shape[0]
        if not Number(Integral, f"[2, {n_ratings}]").admits(self.n_splits):
            raise ValueError(
                f"The 'n_splits' parameter of RatingKFold must be an int from 2 to the number of "
                f"ratings, {n_ratings}. Got {self.n_splits!r} instead."
            )
        order = check_random_state(self.random_state).permutation(n_ratings)
        for fold in np.array_split(order, self.n_splits):
            is_held_out = np.zeros(n_ratings, dtype=bool)
            is_held_out[fold] = True
            yield np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        n_splits : int
            The number of folds.
        """
        return self.n_splits
