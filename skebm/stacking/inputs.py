"""What a module of a stack sees: the data, and the outputs of the modules below."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse

from .._reduction import tree_sum
from .._source import JoinedRows, as_rows
from .._streams import is_stream


def stack_inputs(X, keep_all):
    """What the lowest module sees of an array, of a CSR matrix or of a stream.

    Parameters
    ----------
    X : ndarray, CSR matrix or stream of shape (n_rows, n_features)
    keep_all : bool
        Whether a module sees the outputs of all modules below, or those of the last one only.
    """
    return StreamedInputs(X, X.shape[1], keep_all) if is_stream(X) else StackInputs(X, keep_all)


@dataclass
class Columns:
    """Sums and ends of features over some rows; two of them add up to those of all.

    Attributes
    ----------
    sums : ndarray of shape (n_features,)
        Of the features, each row times its weight.
    weight : float
        Sum of the weights.
    low, high : ndarray of shape (n_features,)
    """

    sums: np.ndarray
    weight: float
    low: np.ndarray
    high: np.ndarray

    @property
    def mean(self):
        """Weighted means."""
        return self.sums / self.weight

    def joined(self, other):
        """Those of these rows and of others together."""
        return Columns(
            self.sums + other.sums,
            self.weight + other.weight,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )


def _columns_of(X, weights=None):
    """:class:`Columns` of an array or a CSR matrix."""
    ends = _ends(X)
    if weights is None:
        return Columns(np.ravel(X.sum(axis=0, dtype=np.float64)), float(X.shape[0]), *ends)
    return Columns(np.ravel(weights @ X), float(weights.sum(dtype=np.float64)), *ends)


def _ends(X):
    """Smallest and largest value of each column."""
    ends = X.min(axis=0), X.max(axis=0)
    if scipy.sparse.issparse(X):
        ends = (end.toarray() for end in ends)
    return [np.ravel(end).astype(np.float64) for end in ends]


def _side_by_side(X, outputs):
    """The data and outputs as one matrix."""
    if scipy.sparse.issparse(X):
        return scipy.sparse.hstack([X, scipy.sparse.csr_array(outputs)]).tocsr()
    return np.hstack([X, outputs])


class StackInputs:
    """Rows of data in memory to which each module adds its outputs as new features.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
    keep_all : bool
        Whether a module sees the outputs of all modules below, or those of the last one only.
    outputs : ndarray of shape (n_rows, n_outputs), default=None
        What the modules below have said so far.
    """

    def __init__(self, X, keep_all, outputs=None):
        self.X = X
        self._keep_all = keep_all
        self._data = as_rows(X)
        self._outputs = outputs

    @property
    def rows(self):
        """What the next module sees, without a copy of the data."""
        return self._data if self._outputs is None else JoinedRows(self._data, self._outputs)

    def columns(self, weights):
        """:class:`Columns` of what the next module sees, for weights of the rows or None."""
        if self._outputs is None:
            return _columns_of(self.X, weights)
        parts = [_columns_of(block, weights) for block in (self.X, self._outputs)]
        sums, low, high = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("sums", "low", "high")
        )
        return Columns(sums, parts[0].weight, low, high)

    def made_of_matrix(self, function):
        """``function(matrix)`` of what the next module sees, as one matrix."""
        return function(self.X if self._outputs is None else _side_by_side(self.X, self._outputs))

    def take(self, numbers):
        """A copy of the rows with these numbers."""
        outputs = None if self._outputs is None else self._outputs[numbers]
        return StackInputs(self.X[numbers], self._keep_all, outputs)

    def followed_by(self, outputs_of):
        """What the module after the next one sees.

        ``outputs_of(rows)`` are the outputs (n_rows, n_outputs) of the next one, given its rows.
        """
        outputs = outputs_of(self.rows)
        if self._outputs is not None and self._keep_all:
            outputs = np.hstack([self._outputs, outputs])
        return StackInputs(self.X, self._keep_all, np.ascontiguousarray(outputs))


class StreamedInputs:
    """The same of a stream: outputs of the modules below are computed as rows are read.

    Parameters
    ----------
    X : stream of shape (n_rows, n_inputs)
        What the next module sees.
    n_features : int
        Number of the columns that are data.
    keep_all : bool
        See :class:`StackInputs`.
    """

    def __init__(self, X, n_features, keep_all):
        self.X, self._n_features, self._keep_all = X, n_features, keep_all
        self._columns = None

    @property
    def rows(self):
        """What the next module sees."""
        return as_rows(self.X)

    def columns(self, weights):
        """:class:`Columns` of what the next module sees, for weights of the rows or None.

        Without weights they are kept: each asking is a pass over the stream.
        """
        if weights is not None:
            return tree_sum(
                (
                    _columns_of(X, weights[start : start + X.shape[0]])
                    for start, X in self.X.parts()
                ),
                Columns.joined,
            )
        if self._columns is None:
            self._columns = tree_sum(self.X.each(_columns_of), Columns.joined)
        return self._columns

    def made_of_matrix(self, function):
        """A stream of ``function(matrix)`` for each chunk of what the next module sees."""
        return self.X.map(function)

    def take(self, numbers):
        """The rows with these numbers, in ascending order, as a stream."""
        return StreamedInputs(self.X[numbers], self._n_features, self._keep_all)

    def followed_by(self, outputs_of):
        """What the module after the next one sees, see :class:`StackInputs`."""
        n_kept = None if self._keep_all else self._n_features
        X = self.X.map(partial(_with_outputs, outputs_of, n_kept))
        return StreamedInputs(X, self._n_features, self._keep_all)


def _with_outputs(outputs_of, n_kept, X):
    """Some rows, or their first ``n_kept`` columns, beside the outputs that a module has for them.

    A sparse matrix remains one.
    """
    kept = X if n_kept is None else X[:, :n_kept]
    return _side_by_side(kept, outputs_of(as_rows(X)))
