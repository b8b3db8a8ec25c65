"""Patterns of -1 and 1 as bits, 64 patterns per word, for fast counting.

The number of patterns in which two units differ is the number of ones in the exclusive or of their
words. A processor counts the ones of whole vectors of words in one instruction, so that sums over
patterns take a fraction of the time of the equivalent matrix product.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from ._jit import kernel

WORD_BITS = 64


@intrinsic
def _population_count(typing_context, word):
    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return word(word), generate


def count_ones(word):
    """Number of ones in the binary form of an unsigned integer."""
    return int(word).bit_count()


@overload(count_ones)
def _count_ones(word):
    if isinstance(word, types.Integer):
        return lambda word: _population_count(word)
    return None


@kernel
def pack_patterns(X, words):
    """Set bit k of ``words[w, j]`` if ``X[64 w + k, j]`` is positive; unused bits are 0."""
    for w in range(words.shape[0]):
        packed = words[w]
        for j in range(packed.shape[0]):
            packed[j] = 0
        part = X[WORD_BITS * w : WORD_BITS * (w + 1)]
        for k in range(part.shape[0]):
            row, place = part[k], np.uint64(k)
            for j in range(packed.shape[0]):
                packed[j] |= np.uint64(row[j] > 0) << place


@kernel
def count_differences(words, i, counts):
    """Write the number of patterns in which unit ``i`` differs from each of the first units."""
    n = counts.shape[0]
    for j in range(n):
        counts[j] = 0
    w = 0
    # Four words at a time: each pass reads and writes all counts.
    while w + 4 <= words.shape[0]:
        r0, r1, r2, r3 = words[w][:n], words[w + 1][:n], words[w + 2][:n], words[w + 3][:n]
        b0, b1, b2, b3 = words[w, i], words[w + 1, i], words[w + 2, i], words[w + 3, i]
        for j in range(n):
            first = count_ones(b0 ^ r0[j]) + count_ones(b1 ^ r1[j])
            second = count_ones(b2 ^ r2[j]) + count_ones(b3 ^ r3[j])
            counts[j] += first + second
        w += 4
    while w < words.shape[0]:
        row, bits = words[w][:n], words[w, i]
        for j in range(n):
            counts[j] += count_ones(bits ^ row[j])
        w += 1


@kernel
def add_correlations(words, n_patterns, sign, first, W):
    """Add ``sign`` times the sum of x_i x_j over the patterns, below the diagonal.

    ``W`` are rows of the matrix, from row ``first`` on.
    """
    counts = np.empty(words.shape[1], dtype=np.uint64)
    for r in range(W.shape[0]):
        i = first + r
        row, differing = W[r][:i], counts[:i]
        count_differences(words, i, differing)
        for j in range(i):
            row[j] += W.dtype.type(sign * (n_patterns - 2 * np.int64(differing[j])))
