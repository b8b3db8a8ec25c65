"""Sums over the states of hidden units that may be coupled with each other, given their fields."""

import numpy as np

from .._source import for_each_chunk
from ..kernels.conditionals import log_two_cosh
from .machine import PairwiseMachine

# Hidden units that are coupled, up to which all of their states are summed over for each row.
MOST_ENUMERATED = 12


class HiddenUnits:
    """Hidden units of -1 and 1 given visible states.

    Exact where hidden units are not coupled with each other, or where there are at most
    ``MOST_ENUMERATED`` of them. Others are taken to be independent, with the means that are best
    for that (mean field).

    Parameters
    ----------
    weights : ndarray of shape (n_hidden, n_hidden)
        Between hidden units.
    """

    def __init__(self, weights):
        self._weights = weights
        self._are_independent = not weights.any()

    @property
    def is_exact(self):
        """Whether log-partition functions are exact, and not lower bounds."""
        return self._are_independent or len(self._weights) <= MOST_ENUMERATED

    def log_partition(self, fields):
        """log of the sum over their states of exp(-E), or a lower bound; nats.

        Parameters
        ----------
        fields : ndarray of shape (n_rows, n_hidden)
            What biases and visible units put in.

        Returns
        -------
        ndarray of float64, of shape (n_rows,)
        """
        if self._are_independent:
            out = np.empty(len(fields))
            for_each_chunk(lambda part: log_two_cosh(fields[part], out[part]), len(fields))
            return out
        machine = PairwiseMachine(self._weights, fields)
        return machine.log_partition() if self.is_exact else machine.mean_field().bound

    def means(self, fields):
        """Mean states, of the type of ``fields``."""
        return self.moments(fields)[0]

    def moments(self, fields):
        """Mean states, and the mean over rows of x x'; of independent units, products of means.

        Returns
        -------
        means : ndarray of shape (n_rows, n_hidden)
            Of the type of ``fields``, as the other one.
        correlations : ndarray of shape (n_hidden, n_hidden)
            Without the diagonal, whose entries do not matter.
        """
        if not self._are_independent and self.is_exact:
            found = PairwiseMachine(self._weights, fields).moments()
            return found.means.astype(fields.dtype), found.correlations.astype(fields.dtype)
        if self._are_independent:
            means = np.tanh(fields)
        else:
            means = PairwiseMachine(self._weights, fields).mean_field().means
        return means, means.T @ means / fields.dtype.type(len(means))
