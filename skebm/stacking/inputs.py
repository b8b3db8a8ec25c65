"""What a module of a stack sees: the data, and the outputs of the modules below."""

import numpy as np
import scipy.sparse

from .._source import JoinedRows, as_rows


class StackInputs:
    """Rows of data to which each module adds its outputs as new features.

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

    def blocks(self):
        """What the next module sees, as matrices that stand side by side."""
        return [self.X] if self._outputs is None else [self.X, self._outputs]

    def matrix(self):
        """What the next module sees, as one matrix: a copy, unless it is the data alone."""
        if self._outputs is None:
            return self.X
        if scipy.sparse.issparse(self.X):
            return scipy.sparse.hstack([self.X, scipy.sparse.csr_array(self._outputs)]).tocsr()
        return np.hstack([self.X, self._outputs])

    def take(self, numbers):
        """A copy of the rows with these numbers."""
        outputs = None if self._outputs is None else self._outputs[numbers]
        return StackInputs(self.X[numbers], self._keep_all, outputs)

    def followed_by(self, outputs):
        """What the module after the next one sees, given ``outputs`` (n_rows, n_outputs)."""
        if self._outputs is not None and self._keep_all:
            outputs = np.hstack([self._outputs, outputs])
        return StackInputs(self.X, self._keep_all, np.ascontiguousarray(outputs))
