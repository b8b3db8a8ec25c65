"""Training rows of a module: all in memory, or one window of a stream at a time.

Sums over rows are functions of :class:`Examples`. They are called once for rows in memory, and once
for each window of :class:`StreamedExamples`; the sums of the windows are then added as a tree.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from .._source import chunks

# Largest and smallest number of rows in a chunk: enough that adding its sums in float64 is cheap
# compared with computing them. Between these limits, the features of a chunk fit into the cache, as
# each block of units reads them again: with 784 features and 256 units, this saves a sixth of the
# time.
CHUNK, _SMALLEST_CHUNK, _BYTES_OF_CHUNK = 4096, 1024, 3 * 2**20


class ChunkedActivities:
    """Activities of a layer for all rows, one chunk at a time, kept or computed again.

    Parameters
    ----------
    rows : Rows
    n_bytes : float
        Activities are kept if all of them together take no more memory than this.
    """

    def __init__(self, rows, n_bytes=0):
        self._rows = rows
        self._n_bytes = n_bytes
        self._parts = chunks(rows.shape[0], _rows_of_chunk(rows))
        self._rooms = []

    def compute(self, layer):
        """Yield each chunk, as a slice, and its activities (n_units, n_rows)."""
        if not self._rooms:
            self._make_room(layer)
        for number, part in enumerate(self._parts):
            yield part, layer.activities(self._rows, part, self._room(layer, number))

    def again(self, layer):
        """Yield the same chunks and activities as the last :meth:`compute`."""
        if len(self._rooms) < len(self._parts):
            yield from self.compute(layer)
            return
        for number, part in enumerate(self._parts):
            yield part, self._room(layer, number)

    def _make_room(self, layer):
        needed = self._rows.shape[0] * layer.n_units * layer.dtype.itemsize
        parts = self._parts if needed <= self._n_bytes else self._parts[:1]
        self._rooms = [
            np.empty(layer.n_units * (part.stop - part.start), dtype=layer.dtype) for part in parts
        ]

    def _room(self, layer, number):
        part = self._parts[number]
        shape = layer.n_units, part.stop - part.start
        # The last chunk may be shorter than the buffer that all chunks use.
        return self._rooms[number % len(self._rooms)][: shape[0] * shape[1]].reshape(shape)


def _rows_of_chunk(rows):
    fitting = _BYTES_OF_CHUNK // (rows.shape[1] * rows.dtype.itemsize)
    return min(CHUNK, max(_SMALLEST_CHUNK, fitting))


@dataclass
class Examples:
    """Rows in memory, their targets and their weights.

    Attributes
    ----------
    rows : Rows
    targets : ndarray of shape (n_rows, n_targets)
    weights : ndarray of shape (n_rows,), or None
        None if all are 1. Targets and weights have the dtype of the rows.
    activities : ChunkedActivities, default=None
        Activities of the rows. With None they are not kept.
    """

    rows: object
    targets: np.ndarray
    weights: np.ndarray | None = None
    activities: ChunkedActivities | None = None

    def __post_init__(self):
        if self.activities is None:
            self.activities = ChunkedActivities(self.rows)

    @property
    def n_rows(self):
        """Number of rows."""
        return len(self.targets)

    @property
    def n_targets(self):
        """Number of targets per row."""
        return self.targets.shape[1]

    def keeping_activities(self, n_bytes):
        """The same rows; activities are kept if they take at most ``n_bytes`` bytes."""
        return replace(self, activities=ChunkedActivities(self.rows, n_bytes))

    def with_weights(self, weights):
        """The same rows with other weights; the memory for activities is shared."""
        return replace(self, weights=weights)

    def weights_of(self, part):
        """Weights of the rows in a slice, or None."""
        return None if self.weights is None else self.weights[part]

    def weight_left_out(self, part):
        """Weight that is removed when each row in the slice is left out once.

        A row of weight 2 is the same row twice; leaving it out removes one of the two.
        """
        return 1.0 if self.weights is None else np.minimum(self.weights[part], 1)

    def take(self, numbers):
        """The rows with these numbers, in memory."""
        weights = None if self.weights is None else self.weights[numbers]
        return Examples(self.rows.subset(numbers), np.asarray(self.targets[numbers]), weights)

    def in_memory(self, most):
        """All rows; of a stream, at most ``most`` rows, evenly spaced."""
        return self

    def total_weight(self):
        """Sum of the weights of the rows; without weights, the number of rows."""
        return float(self.n_rows if self.weights is None else self.weights.sum(dtype=np.float64))

    def total(self, function):
        """The sum over all rows of ``function(examples)``, whose results are added by ``+=``."""
        return function(self)

    def of_each_row(self, function):
        """``function(examples)``, an array with one entry per row, for all rows."""
        return function(self)

    def passes(self, generator):
        """Pass over the rows once: yield examples, and a random order of their row numbers."""
        yield self, generator.permutation(self.n_rows)


class StreamedExamples:
    """Rows of a stream, their targets and their weights.

    Parameters
    ----------
    rows : StreamedRows
    targets : LazyTargets
    weights : ndarray of shape (n_rows,), or None
    """

    def __init__(self, rows, targets, weights=None):
        self.rows, self.targets, self.weights = rows, targets, weights

    @property
    def n_rows(self):
        """Number of rows."""
        return len(self.targets)

    @property
    def n_targets(self):
        """Number of targets per row."""
        return self.targets.shape[1]

    def keeping_activities(self, n_bytes):
        """The same rows: activities of a stream are never kept."""
        return self

    def with_weights(self, weights):
        """The same rows with other weights."""
        return StreamedExamples(self.rows, self.targets, weights)

    def take(self, numbers):
        """The rows with these numbers, in memory."""
        weights = None if self.weights is None else self.weights[numbers]
        return Examples(self.rows.subset(numbers), np.asarray(self.targets[numbers]), weights)

    def in_memory(self, most):
        """At most ``most`` rows, evenly spaced."""
        return self.take(np.arange(0, self.n_rows, -(-self.n_rows // most)))

    def total_weight(self):
        """Sum of the weights of the rows; without weights, the number of rows."""
        return float(self.n_rows if self.weights is None else self.weights.sum(dtype=np.float64))

    def total(self, function):
        """The sum over all rows of ``function(examples)``, whose results are added by ``+=``.

        Windows are added as a tree, in an order that depends only on their number.
        """
        return self.rows.total(partial(_of_window, function), _add, self._beside)

    def of_each_row(self, function):
        """``function(examples)``, an array with one entry per row, for all rows."""
        found = self.rows.each_window(partial(_of_window, function), self._beside)
        return np.concatenate(list(found))

    def passes(self, generator):
        """Pass over the rows once: yield examples, and a random order of their row numbers."""
        for window in self.rows.passes(generator):
            yield Examples(window.rows, *self._beside(window.places)), window.order

    def _beside(self, numbers):
        """Targets and weights of the rows with these numbers."""
        weights = None if self.weights is None else self.weights[numbers]
        return np.asarray(self.targets[numbers]), weights


def _of_window(function, pair):
    """Call ``function`` on the examples of a window, its rows with their targets and weights."""
    window, beside = pair
    return function(Examples(window.rows, *beside))


def _add(total, part):
    total += part
    return total


def as_examples(rows, targets, weights=None):
    """Examples of rows in memory, or of a stream if the targets are those of a stream."""
    is_lazy = not isinstance(targets, np.ndarray)
    return (StreamedExamples if is_lazy else Examples)(rows, targets, weights)
