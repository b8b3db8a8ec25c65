"""What is counted of rows of -1 and 1: whole numbers, the same however the rows are cut.

Some losses ask nothing else of the data, so that one pass over the rows is enough for them.
"""

import operator
from typing import NamedTuple

import numpy as np

from .._counts import Counts


def means_of(rows):
    """Mean of each unit, float64."""
    return rows.total_of_parts(_column_sums, operator.iadd) / rows.shape[0]


def counts_of(rows):
    """Sums of x and of x x' over the rows, as :class:`~skebm._counts.Counts`."""
    return rows.total_of_parts(_counts_of_part, operator.iadd)


def states_of(rows):
    """Which states there are among the rows, as :class:`States`; of few units."""
    return rows.total_of_parts(States.of, States.joined)


class States(NamedTuple):
    """Different states of a few units, and how often each is there.

    Attributes
    ----------
    numbers : ndarray of int of shape (n_states,)
        Ascending; bit k says whether unit k is 1, as in
        :func:`skebm.pairwise.machine.all_states`.
    counts : ndarray of int of shape (n_states,)
    """

    numbers: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, rows):
        """Those of rows in memory."""
        numbers = (rows.data.X > 0) @ (1 << np.arange(rows.shape[1]))
        return cls(*np.unique(numbers, return_counts=True))

    def joined(self, other):
        """Those of these rows and others together."""
        together = np.concatenate([self.numbers, other.numbers])
        numbers, places = np.unique(together, return_inverse=True)
        counts = np.zeros(len(numbers), dtype=self.counts.dtype)
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        return States(numbers, counts)


def _column_sums(rows):
    return rows.data.X.sum(axis=0, dtype=np.float64)


def _counts_of_part(rows):
    return Counts.of(rows.data.X)
