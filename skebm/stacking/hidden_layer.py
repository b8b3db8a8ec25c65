"""A layer of sigmoid units and its activities for rows of data."""

import numpy as np

from .._threads import blocks_of, for_each
from ..kernels.stacking import activate_units

# Units per block of work of a thread. With fewer, BLAS is slower; with more, there are too few
# blocks to divide among threads.
_UNITS_PER_BLOCK = 256
_SMALLEST_BLOCK = 32


class HiddenLayer:
    """Units with the activities sigmoid(weights @ x + bias) for a row x.

    Arrays of activities have one row per unit and one column per row of data, so that a block of
    units is contiguous in each of them.

    Parameters
    ----------
    weights : ndarray of shape (n_units, n_features), C-contiguous
    bias : ndarray of shape (n_units,)
    n_jobs : int or None
        See :func:`skebm._threads.for_each`.
    """

    def __init__(self, weights, bias, n_jobs=None):
        self.weights = weights
        self.bias = bias
        self.n_units, self.n_features = weights.shape
        self.blocks = blocks_of(
            self.n_units, _SMALLEST_BLOCK, max(8, self.n_units // _UNITS_PER_BLOCK)
        )
        self._n_jobs = n_jobs

    def with_parameters(self, weights, bias):
        """A layer like this one with other weights and biases."""
        return HiddenLayer(weights, bias, self._n_jobs)

    @property
    def dtype(self):
        """Dtype of the parameters and of the activities."""
        return self.weights.dtype

    @property
    def lower_tiles(self):
        """Pairs of slices that cover the lower triangle of a matrix over all pairs of units."""
        below = [(a, b) for n, a in enumerate(self.blocks) for b in self.blocks[:n]]
        # Half of a tile on the diagonal is above the diagonal: such tiles are divided again.
        return below + [tile for block in self.blocks for tile in _lower_quarters(block)]

    def for_each(self, function, pieces):
        """Call ``function(piece)`` for each piece of the work, on several threads."""
        for_each(function, pieces, self._n_jobs)

    def for_each_block(self, function):
        """Call ``function(block)`` for each block of units, on several threads."""
        self.for_each(function, self.blocks)

    def activities(self, rows, part, out=None):
        """Activities for the rows in the slice ``part``, of shape (n_units, n_rows)."""
        if out is None:
            out = np.empty((self.n_units, part.stop - part.start), dtype=self.dtype)

        def activate(block):
            rows.inputs_of_units(self.weights[block], part, out[block])
            activate_units(out[block], self.bias[block])

        self.for_each_block(activate)
        return out


def _lower_quarters(block):
    if block.stop - block.start == 1:
        return [(block, block)]
    middle = (block.start + block.stop) // 2
    first, second = slice(block.start, middle), slice(middle, block.stop)
    return [(first, first), (second, first), (second, second)]
