"""Pseudo-likelihood: the product of the probabilities of each unit given all others.

J. Besag, "Statistical analysis of non-lattice data", The Statistician 24, 1975. It needs no
partition function and no samples, and its gradient is exact. For a growing number of rows of a
fully visible Boltzmann machine, its maximum converges to that of the likelihood.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from .._source import chunks
from .._threads import blocks_of, one_blas_thread, run_phases
from ..kernels.blas import GEMM, multiply_transposed
from ..kernels.conditionals import conditional_losses
from ..kernels.products import multiply

# Largest number of fields in memory at a time; and sizes of the pieces of work: rows per chunk, so
# that a chunk stays in the cache between two passes, and smallest number of units per block.
_NUMBERS = 2**22
_ROWS, _SMALLEST_BLOCK = 256, 32


class PseudoLikelihood:
    """The mean over rows of -sum over units of log p(unit | all others).

    Parameters
    ----------
    rows : Source
        Rows of -1 and 1. Each call is one pass over them.
    """

    def __init__(self, rows):
        self._rows = rows

    def __call__(self, weights, bias):
        """Loss, and its gradients with respect to each single weight and each bias."""
        sums = self._rows.total_of_parts(partial(_sums_over, weights, bias), _Sums.joined)
        n_rows = self._rows.shape[0]
        scale = weights.dtype.type(1 / n_rows)
        return sums.loss / n_rows, sums.of_pairs * scale, sums.of_bias * scale


class _Sums(NamedTuple):
    """Sums over rows of the loss and of its gradients."""

    loss: float
    of_pairs: np.ndarray
    of_bias: np.ndarray

    def joined(self, other):
        """The sums over these rows and others together."""
        return _Sums(*(a + b for a, b in zip(self, other, strict=True)))


def _sums_over(weights, bias, rows):
    """The sums over rows in memory."""
    n_rows, n_units = rows.shape
    loss, of_pairs, of_bias = 0.0, np.zeros_like(weights), np.zeros_like(bias)
    size = min(n_rows, max(_ROWS, _NUMBERS // n_units))
    room = np.empty((2, size, n_units), dtype=rows.dtype)
    gemm, units = GEMM[rows.dtype], blocks_of(n_units, _SMALLEST_BLOCK)
    with one_blas_thread():
        for part in chunks(n_rows, size):
            states, slopes = room[:, : part.stop - part.start]
            losses = np.empty(len(states))
            rows.take(np.arange(part.start, part.stop), states)

            def evaluate(some, states=states, slopes=slopes, losses=losses):
                multiply(states[some], weights, slopes[some])
                conditional_losses(states[some], bias, slopes[some], losses[some])

            def add_up(block, states=states, slopes=slopes):
                multiply_transposed(gemm, slopes, states, block.start, True, of_pairs[block])

            run_phases([(evaluate, list(chunks(len(states), _ROWS))), (add_up, units)])
            loss += float(losses.sum())
            of_bias += slopes.sum(axis=0)
    return _Sums(loss, of_pairs, of_bias)
