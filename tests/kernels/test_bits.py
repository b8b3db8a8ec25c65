"""Patterns as bits, against whole numbers and matrix products."""

import numpy as np
import pytest

from skebm.kernels.bits import WORD_BITS, add_correlations, count_differences, pack_patterns


def random_patterns(n_patterns, n_units, dtype=np.int8):
    return np.random.default_rng(0).choice([-1, 1], size=(n_patterns, n_units)).astype(dtype)


def packed(X):
    # What was there before must not shine through.
    words = np.full((-(-len(X) // WORD_BITS), X.shape[1]), 2**64 - 1, dtype=np.uint64)
    pack_patterns(X, words)
    return words


@pytest.mark.parametrize("n_patterns", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_pack(n_patterns, dtype):
    X = random_patterns(n_patterns, 9, dtype)
    words = packed(X)
    for j in range(9):
        number = sum(2**k for k in range(n_patterns) if X[k, j] > 0)
        assert sum(int(word) * 2 ** (64 * w) for w, word in enumerate(words[:, j])) == number


@pytest.mark.parametrize("n_words", [1, 3, 4, 9])
def test_count_differences(n_words):
    X = random_patterns(64 * n_words - 7, 50)
    counts = np.full(30, 5, dtype=np.uint64)
    count_differences(packed(X), 41, counts)
    np.testing.assert_array_equal(counts, (X[:, 41:42] != X[:, :30]).sum(axis=0))


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_correlations(sign, dtype):
    X = random_patterns(300, 40)
    W = np.full((15, 40), 0.5, dtype=dtype)
    add_correlations(packed(X), len(X), sign, 20, W)
    expected = np.tril(X.T.astype(int) @ X, -1)[20:35]
    np.testing.assert_array_equal(W, 0.5 + sign * expected)
