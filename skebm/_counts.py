"""Sums over patterns of -1 and 1: integers, whose sum is exact in any order."""

import numpy as np

from ._threads import blocks_of, for_each
from .kernels.bits import WORD_BITS, add_correlations, pack_patterns

# Number of words of bit-packed patterns that stay in the cache while units are compared in pairs.
_WORDS_AT_A_TIME = 2**16
# Rows of a triangle differ in length. With many small blocks, threads get equal amounts of work.
_TRIANGLE_BLOCK, _MOST_TRIANGLE_BLOCKS = 32, 64


class Counts:
    """Sums over some patterns of -1 and 1. Adding two of them is exact.

    Attributes
    ----------
    n_patterns : int
    products : ndarray of shape (n_units, n_units)
        Sum of x x' below the diagonal; entries above it are not used.
    sums : ndarray of shape (n_units,)
        Sum of x.
    """

    def __init__(self, n_patterns, products, sums):
        self.n_patterns, self.products, self.sums = n_patterns, products, sums

    @classmethod
    def of(cls, patterns):
        """Sums over patterns (n_patterns, n_units) of -1 and 1."""
        products = np.zeros((patterns.shape[1],) * 2)
        add_counts(patterns, 1, products)
        return cls(len(patterns), products, patterns.sum(axis=0, dtype=np.int64))

    def __iadd__(self, other):
        self.n_patterns += other.n_patterns
        self.products += other.products
        self.sums += other.sums
        return self

    def add_to_products(self, weights):
        """Add the products to weights, in place."""
        weights += self.products

    def moments(self):
        """Means of x, and of x x' as a whole matrix."""
        below = np.tril(self.products, -1)
        products = below + below.T
        np.fill_diagonal(products, self.n_patterns)
        return self.sums / self.n_patterns, products / self.n_patterns


def add_counts(patterns, sign, weights):
    """Add ``sign * patterns.T @ patterns`` to ``weights`` in place, below the diagonal."""
    size = WORD_BITS * max(1, _WORDS_AT_A_TIME // len(weights))
    for start in range(0, len(patterns), size):
        _add_counts_of_part(patterns[start : start + size], sign, weights)


def _add_counts_of_part(patterns, sign, weights):
    n_patterns, n_units = patterns.shape
    words = np.empty((-(-n_patterns // WORD_BITS), n_units), dtype=np.uint64)
    pack_patterns(patterns, words)

    def add_to(block):
        add_correlations(words, n_patterns, sign, block.start, weights[block])

    for_each(add_to, blocks_of(n_units, _TRIANGLE_BLOCK, _MOST_TRIANGLE_BLOCKS))
