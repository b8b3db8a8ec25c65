"""Which stored pattern a state is equal to, or nearly equal to."""

from collections import defaultdict

import numpy as np

from .._source import for_each_chunk
from ..kernels.products import multiply

# Codes that predict returns for states that are not stored patterns.
SPURIOUS = -1
REVERSED = -2

# What find_rows returns for rows that are not stored.
NOT_STORED = -1

_ROWS = 256
_PATTERNS = 2048


def match_spins(X, patterns, share):
    """Index of the stored pattern that each row matches, or ``REVERSED`` or ``SPURIOUS``.

    Up to a ``share`` of the units may differ. If several patterns match, it is the nearest one,
    and of equally near ones the first. If a pattern and a reversed pattern are equally near, it is
    the pattern.
    """
    found = np.full(len(X), SPURIOUS, dtype=np.int64)
    if len(patterns) == 0:
        return found
    # An overlap of N - 2 d says that d units differ.
    least = (1 - 2 * share) * X.shape[1]

    def match(rows):
        best, index, lowest = _extreme_overlaps(X[rows], patterns)
        found[rows] = np.where(lowest <= -least, REVERSED, SPURIOUS)
        found[rows] = np.where(best >= least, index, found[rows])

    for_each_chunk(match, len(X), _ROWS)
    return found


def _extreme_overlaps(X, patterns):
    best = np.full(len(X), -np.inf)
    lowest = np.full(len(X), np.inf)
    index = np.zeros(len(X), dtype=np.int64)
    every = np.arange(len(X))
    for start in range(0, len(patterns), _PATTERNS):
        part = patterns[start : start + _PATTERNS].astype(X.dtype)
        overlaps = multiply(X, part.T, np.empty((len(X), len(part)), dtype=X.dtype))
        first = overlaps.argmax(axis=1)
        better = overlaps[every, first] > best
        index[better] = start + first[better]
        np.maximum(best, overlaps[every, first], out=best)
        np.minimum(lowest, overlaps.min(axis=1), out=lowest)
    return best, index, lowest


def match_real(X, patterns, nearest, share):
    """Index of the most similar pattern if the row matches it, otherwise ``SPURIOUS``.

    A row matches if it differs from the pattern by at most ``share`` of the range of the stored
    values, on average over the units. For values of -1 and 1, this is the share of the units that
    differ.
    """
    distance = np.abs(X - patterns[nearest]).mean(axis=1)
    allowed = share * (patterns.max() - patterns.min())
    return np.where(distance <= allowed, nearest, SPURIOUS)


def find_rows(rows, patterns):
    """Index of a stored pattern that is equal to each row.

    No index is used twice; of equal patterns, the one that was stored last is used first.

    Returns
    -------
    ndarray of int of shape (n_rows,)
        ``NOT_STORED`` if there is no such pattern, or none that has not been used yet.
    """
    places = defaultdict(list)
    for number, pattern in enumerate(patterns):
        places[pattern.tobytes()].append(number)
    keys = (row.tobytes() for row in np.asarray(rows, dtype=patterns.dtype))
    found = [places[key].pop() if places[key] else NOT_STORED for key in keys]
    return np.array(found, dtype=np.int64)
