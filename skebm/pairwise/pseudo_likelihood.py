"""Pseudo-likelihood: how likely each unit is given all the others.

J. Besag, "Statistical analysis of non-lattice data", The Statistician 24, 1975. It needs no
partition function and no samples, its gradient is exact, and for more and more rows of a fully
visible Boltzmann machine its maximum is where that of the likelihood is.
"""

import numpy as np

from .._source import chunks
from .._threads import blocks_of, one_blas_thread, run_phases
from ..kernels.blas import GEMM, multiply_transposed
from ..kernels.conditionals import conditional_losses
from ..kernels.products import multiply

# Numbers of fields that are kept at a time, and how the work on them is cut: rows of a chunk, as
# many as stay in the cache between two passes, and units of a block.
_NUMBERS = 2**24
_ROWS, _SMALLEST_BLOCK = 256, 32


class PseudoLikelihood:
    """The mean over rows of -sum over units of log p(unit | all others).

    Parameters
    ----------
    states : ndarray of shape (n_rows, n_units)
        Of -1 and 1.
    """

    def __init__(self, states):
        self._states = states

    def __call__(self, weights, bias):
        """Loss, and its gradient by each weight alone and by each bias."""
        S = self._states
        n_rows, n_units = S.shape
        of_pairs, of_bias = np.zeros_like(weights), np.zeros_like(bias)
        losses = np.empty(n_rows)
        size = min(n_rows, max(_ROWS, _NUMBERS // n_units))
        room = np.empty((size, n_units), dtype=S.dtype)
        gemm, units = GEMM[S.dtype], blocks_of(n_units, _SMALLEST_BLOCK)
        with one_blas_thread():
            for part in chunks(n_rows, size):
                states, slopes, of_rows = S[part], room[: part.stop - part.start], losses[part]

                def evaluate(rows, states=states, slopes=slopes, of_rows=of_rows):
                    multiply(states[rows], weights, slopes[rows])
                    conditional_losses(states[rows], bias, slopes[rows], of_rows[rows])

                def add_up(block, states=states, slopes=slopes):
                    multiply_transposed(gemm, slopes, states, block.start, True, of_pairs[block])

                run_phases([(evaluate, list(chunks(len(states), _ROWS))), (add_up, units)])
                of_bias += slopes.sum(axis=0)
        scale = weights.dtype.type(1 / n_rows)
        return float(losses.mean()), of_pairs * scale, of_bias * scale
