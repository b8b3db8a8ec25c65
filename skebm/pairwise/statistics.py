"""Counts over rows of -1 and 1: integers, which do not depend on how rows are divided into chunks.

Some losses need nothing else of the data, so one pass over the rows is enough.
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
    """The distinct states of the rows, as :class:`States`; for few units."""
    return rows.total_of_parts(States.of, States.joined)


class States(NamedTuple):
    """Distinct states of a few units, and how often each occurs.

    Attributes
    ----------
    numbers : ndarray of int of shape (n_states,)
        Ascending. Bit k is set if unit k is 1, as in
        :func:`skebm.pairwise.machine.all_states`.
    counts : ndarray of int of shape (n_states,)
    """

    numbers: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, rows):
        """The states of rows in memory."""
        numbers = (rows.data.X > 0) @ (1 << np.arange(rows.shape[1]))
        return cls(*np.unique(numbers, return_counts=True))

    def joined(self, other):
        """The states of these rows and others together."""
        together = np.concatenate([self.numbers, other.numbers])
        numbers, places = np.unique(together, return_inverse=True)
        counts = np.zeros(len(numbers), dtype=self.counts.dtype)
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        return States(numbers, counts)


def _column_sums(rows):
    return rows.data.X.sum(axis=0, dtype=np.float64)


def _counts_of_part(rows):
    return Counts.of(rows.data.X)
