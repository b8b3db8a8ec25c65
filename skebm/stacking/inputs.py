"""Inputs of a module of a stack: the data and the outputs of the modules below."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse

from .._reduction import tree_sum
from .._rows import JoinedRows
from .._streamed_rows import as_rows
from .._streams import is_stream


def stack_inputs(X, keep_all):
    """Inputs of the lowest module: an array, a CSR matrix or a stream.

    Parameters
    ----------
    X : ndarray, CSR matrix or stream of shape (n_rows, n_features)
    keep_all : bool
        Whether a module sees the outputs of all modules below, or only those of the last one.
    """
    return StreamedInputs(X, X.shape[1], keep_all) if is_stream(X) else StackInputs(X, keep_all)


@dataclass
class Columns:
    """Sums, minima and maxima of features over some rows; those of two sets can be joined.

    Attributes
    ----------
    sums : ndarray of shape (n_features,)
        Weighted sums of the features.
    weight : float
        Sum of the weights.
    low, high : ndarray of shape (n_features,)
        Minima and maxima of the features.
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
        """The columns of these rows and of other rows together."""
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
    """The data and the outputs as one matrix."""
    if scipy.sparse.issparse(X):
        return scipy.sparse.hstack([X, scipy.sparse.csr_array(outputs)]).tocsr()
    return np.hstack([X, outputs])


class StackInputs:
    """Rows of data in memory to which each module adds its outputs as new features.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
    keep_all : bool
        Whether a module sees the outputs of all modules below, or only those of the last one.
    outputs : ndarray of shape (n_rows, n_outputs), default=None
        Outputs of the modules below so far.
    """

    def __init__(self, X, keep_all, outputs=None):
        self.X = X
        self._keep_all = keep_all
        self._data = as_rows(X)
        self._outputs = outputs

    @property
    def rows(self):
        """Inputs of the next module, without a copy of the data."""
        return self._data if self._outputs is None else JoinedRows(self._data, self._outputs)

    def columns(self, weights):
        """:class:`Columns` of the inputs of the next module, for weights of the rows or None."""
        if self._outputs is None:
            return _columns_of(self.X, weights)
        parts = [_columns_of(block, weights) for block in (self.X, self._outputs)]
        sums, low, high = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("sums", "low", "high")
        )
        return Columns(sums, parts[0].weight, low, high)

    def made_of_matrix(self, function):
        """``function(matrix)`` of the inputs of the next module, as one matrix."""
        return function(self.X if self._outputs is None else _side_by_side(self.X, self._outputs))

    def take(self, numbers):
        """A copy of the rows with these numbers."""
        outputs = None if self._outputs is None else self._outputs[numbers]
        return StackInputs(self.X[numbers], self._keep_all, outputs)

    def followed_by(self, outputs_of):
        """Inputs of the module after the next one.

        ``outputs_of(rows)`` returns the outputs (n_rows, n_outputs) of the next module for its
        input rows.
        """
        outputs = outputs_of(self.rows)
        if self._outputs is not None and self._keep_all:
            outputs = np.hstack([self._outputs, outputs])
        return StackInputs(self.X, self._keep_all, np.ascontiguousarray(outputs))


class StreamedInputs:
    """:class:`StackInputs` of a stream: outputs of the modules below are computed during reading.

    Parameters
    ----------
    X : stream of shape (n_rows, n_inputs)
        Inputs of the next module.
    n_features : int
        Number of columns of the data.
    keep_all : bool
        See :class:`StackInputs`.
    """

    def __init__(self, X, n_features, keep_all):
        self.X, self._n_features, self._keep_all = X, n_features, keep_all
        self._columns = None

    @property
    def rows(self):
        """Inputs of the next module."""
        return as_rows(self.X)

    def columns(self, weights):
        """:class:`Columns` of the inputs of the next module, for weights of the rows or None.

        Without weights the result is kept, as computing it takes a pass over the stream.
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
        """A stream of ``function(matrix)`` for each chunk of the inputs of the next module."""
        return self.X.map(function)

    def take(self, numbers):
        """The rows with these numbers, in ascending order, as a stream."""
        return StreamedInputs(self.X[numbers], self._n_features, self._keep_all)

    def followed_by(self, outputs_of):
        """Inputs of the module after the next one, see :class:`StackInputs`."""
        n_kept = None if self._keep_all else self._n_features
        X = self.X.map(partial(_with_outputs, outputs_of, n_kept))
        return StreamedInputs(X, self._n_features, self._keep_all)


def _with_outputs(outputs_of, n_kept, X):
    """Some rows, or their first ``n_kept`` columns, followed by the outputs of a module for them.

    The result is sparse if the rows are.
    """
    kept = X if n_kept is None else X[:, :n_kept]
    return _side_by_side(kept, outputs_of(as_rows(X)))
