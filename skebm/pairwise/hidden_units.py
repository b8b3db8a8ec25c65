"""Sums over the states of hidden units, which may be coupled with each other, given fields."""

import numpy as np

from .._source import for_each_chunk
from ..kernels.conditionals import log_two_cosh
from .machine import PairwiseMachine

# Largest number of coupled hidden units for which each row takes a sum over all of their states.
MOST_ENUMERATED = 12


class HiddenUnits:
    """Hidden units of -1 and 1 given visible states.

    Results are exact if hidden units are not coupled with each other, or if there are at most
    ``MOST_ENUMERATED`` of them. Otherwise they are approximated by independent units (mean field).

    Parameters
    ----------
    weights : ndarray of shape (n_hidden, n_hidden)
        Weights between hidden units.
    """

    def __init__(self, weights):
        self._weights = weights
        self._are_independent = not weights.any()

    @property
    def is_exact(self):
        """Whether log-partition functions are exact; otherwise they are lower bounds."""
        return self._are_independent or len(self._weights) <= MOST_ENUMERATED

    def log_partition(self, fields):
        """log of the sum over their states of exp(-E), or a lower bound; nats.

        Parameters
        ----------
        fields : ndarray of shape (n_rows, n_hidden)
            Input of the hidden units from biases and visible units.

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
        """Mean states, in the dtype of ``fields``."""
        return self.moments(fields)[0]

    def moments(self, fields):
        """Mean states, and the mean over rows of x x'; for independent units, products of means.

        Returns
        -------
        means : ndarray of shape (n_rows, n_hidden)
            Both arrays have the dtype of ``fields``.
        correlations : ndarray of shape (n_hidden, n_hidden)
            Values on the diagonal are not defined.
        """
        if not self._are_independent and self.is_exact:
            found = PairwiseMachine(self._weights, fields).moments()
            return found.means.astype(fields.dtype), found.correlations.astype(fields.dtype)
        if self._are_independent:
            means = np.tanh(fields)
        else:
            means = PairwiseMachine(self._weights, fields).mean_field().means
        return means, means.T @ means / fields.dtype.type(len(means))
