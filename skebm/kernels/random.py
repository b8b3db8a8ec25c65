"""Counter-based random numbers: a value is a function of its address only.

The address of a number is (seed, stream, row, column). Numbers can be computed in any order, on any
thread, for any division of the work; there is no state.

The generator is Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
easy as 1, 2, 3", SC 2011.
"""

import numpy as np

from ._jit import inlined, kernel
from .scalar import cos_turn, log, sin_turn, unit_interval

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint32(0x9E3779B9)
_WEYL_1 = np.uint32(0xBB67AE85)
_WORD = np.uint64(32)
_N_ROUNDS = 10


@inlined
def philox(c0, c1, c2, c3, k0, k1):
    """Four random 32-bit words from a counter of four words and a key of two."""
    for _ in range(_N_ROUNDS):
        product_0 = _MULTIPLIER_0 * np.uint64(c0)
        product_1 = _MULTIPLIER_1 * np.uint64(c2)
        c0 = np.uint32(np.uint32(product_1 >> _WORD) ^ c1 ^ k0)
        c2 = np.uint32(np.uint32(product_0 >> _WORD) ^ c3 ^ k1)
        c1 = np.uint32(product_1)
        c3 = np.uint32(product_0)
        # A sum of two uint32 is a uint64 to Numba: without the cast, it would not wrap.
        k0 = np.uint32(k0 + _WEYL_0)
        k1 = np.uint32(k1 + _WEYL_1)
    return c0, c1, c2, c3


@kernel
def fill_uniform(seed, stream, row, first, out):
    """Write the uniforms of columns ``first``, ``first + 1``, ... of a row; 4 divides ``first``.

    One evaluation of the generator gives four neighbouring columns. A kernel passes ``np.int64(0)``
    as ``first``: the constant 0 has another type, for which the function is compiled again.
    """
    c1 = np.uint32(row)
    c2, c3 = np.uint32(stream), np.uint32(stream >> 32)
    k0, k1 = np.uint32(seed), np.uint32(seed >> 32)
    n = out.shape[0]
    block = first // 4
    like = out.dtype.type(0)
    for q in range(n // 4):
        r0, r1, r2, r3 = philox(np.uint32(block + q), c1, c2, c3, k0, k1)
        out[4 * q] = unit_interval(r0, like)
        out[4 * q + 1] = unit_interval(r1, like)
        out[4 * q + 2] = unit_interval(r2, like)
        out[4 * q + 3] = unit_interval(r3, like)
    rest = n - n % 4
    if rest < n:
        words = philox(np.uint32(block + n // 4), c1, c2, c3, k0, k1)
        for i in range(rest, n):
            out[i] = unit_interval(words[i - rest], like)


@kernel
def fill_uniform_of_rows(seed, stream, first_row, out):
    """Write to ``out[i, r]`` the uniform of column i of the row ``first_row + r``."""
    c2, c3 = np.uint32(stream), np.uint32(stream >> 32)
    k0, k1 = np.uint32(seed), np.uint32(seed >> 32)
    n_columns, n_rows = out.shape
    like = out.dtype.type(0)
    for q in range(n_columns // 4):
        for r in range(n_rows):
            r0, r1, r2, r3 = philox(np.uint32(q), np.uint32(first_row + r), c2, c3, k0, k1)
            out[4 * q, r] = unit_interval(r0, like)
            out[4 * q + 1, r] = unit_interval(r1, like)
            out[4 * q + 2, r] = unit_interval(r2, like)
            out[4 * q + 3, r] = unit_interval(r3, like)
    rest = n_columns - n_columns % 4
    if rest < n_columns:
        for r in range(n_rows):
            words = philox(np.uint32(rest // 4), np.uint32(first_row + r), c2, c3, k0, k1)
            for i in range(rest, n_columns):
                out[i, r] = unit_interval(words[i - rest], like)


@kernel
def fill_normal(seed, stream, row, first, out):
    """Write standard normals to the columns ``first``, ``first + 1``, ... of a row; 4 divides it.

    From the uniforms of the same address, by the transformation of Box and Muller: columns
    4q and 4q + 1 give the radius of a pair of normals, 4q + 2 and 4q + 3 its angle.
    """
    n = out.shape[0]
    n_quads = (n + 3) // 4
    uniform = np.empty(4 * n_quads, dtype=out.dtype)
    normal = np.empty(4 * n_quads, dtype=out.dtype)
    fill_uniform(seed, stream, row, first, uniform)
    half, two = out.dtype.type(0.5), out.dtype.type(2)
    quads, pairs = uniform.reshape(n_quads, 4), normal.reshape(n_quads, 4)
    for q in range(n_quads):
        radius = np.sqrt(-two * log(quads[q, 0]))
        turn = quads[q, 2] - half
        pairs[q, 0] = radius * cos_turn(turn)
        pairs[q, 2] = radius * sin_turn(turn)
        radius = np.sqrt(-two * log(quads[q, 1]))
        turn = quads[q, 3] - half
        pairs[q, 1] = radius * cos_turn(turn)
        pairs[q, 3] = radius * sin_turn(turn)
    for i in range(n):
        out[i] = normal[i]
