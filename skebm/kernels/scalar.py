"""Scalar functions that vectorise when a kernel calls them in a loop.

Numba has no vector math library, so ``math.exp`` in a loop is a call an element. The functions
here are plain arithmetic and compile to vector instructions.
"""

import math

import numpy as np
from numba import types
from numba.extending import overload

# No reordering here: it would add up the two parts of log 2, which are apart for a reason.
_ARITHMETIC = {"fastmath": {"contract"}, "error_model": "numpy"}

# log 2 in two parts, the first of few enough bits that n times it is exact (Cody and Waite).
_LOG2_E = 1.4426950408889634
_LOG_2_HIGH = 0.693359375
_LOG_2_LOW = -2.121944400546905827679e-4

_F32 = np.float32
_LOG2_E_32, _HIGH_32, _LOW_32 = _F32(_LOG2_E), _F32(_LOG_2_HIGH), _F32(_LOG_2_LOW)
_INVERSE_FACTORIALS = [1.0 / math.factorial(n) for n in range(14)]
(_, _, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13) = _INVERSE_FACTORIALS
(_D2, _D3, _D4, _D5, _D6, _D7) = [_F32(c) for c in _INVERSE_FACTORIALS[2:8]]
_HALF_32, _ONE_32 = _F32(0.5), _F32(1.0)
_LOWEST_32, _HIGHEST_32 = _F32(-87.0), _F32(88.0)
_BIAS_32, _SHIFT_32 = np.int32(127), np.int32(23)
_BIAS_64, _SHIFT_64 = np.int64(1023), np.int64(52)


def exp(x):
    """Exponential of a float32 or float64, of the same type, to about one unit in the last place.

    x = n log 2 + r with abs(r) <= log(2) / 2: the series of exp(r) times 2**n, the latter put
    together from its exponent bits. Arguments beyond the range of the type are clipped to it.
    """
    return np.exp(x)


@overload(exp, jit_options=_ARITHMETIC)
def _exp(x):
    if x == types.float32:

        def exp_32(x):
            x = _LOWEST_32 if x < _LOWEST_32 else x
            x = _HIGHEST_32 if x > _HIGHEST_32 else x
            n = np.floor(x * _LOG2_E_32 + _HALF_32)
            r = x - n * _HIGH_32 - n * _LOW_32
            series = ((((_D7 * r + _D6) * r + _D5) * r + _D4) * r + _D3) * r + _D2
            series = series * r * r + r + _ONE_32
            return series * np.int32((np.int32(n) + _BIAS_32) << _SHIFT_32).view(np.float32)

        return exp_32

    def exp_64(x):
        x = -708.0 if x < -708.0 else x
        x = 709.0 if x > 709.0 else x
        n = np.floor(x * _LOG2_E + 0.5)
        r = x - n * _LOG_2_HIGH - n * _LOG_2_LOW
        series = ((((_C13 * r + _C12) * r + _C11) * r + _C10) * r + _C9) * r + _C8
        series = (((((series * r + _C7) * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2
        series = series * r * r + r + 1.0
        return series * np.int64((np.int64(n) + _BIAS_64) << _SHIFT_64).view(np.float64)

    return exp_64


def sigmoid(x):
    """Logistic function of a float32 or float64, of the same type."""
    return 1 / (1 + np.exp(-x))


@overload(sigmoid, jit_options=_ARITHMETIC)
def _sigmoid(x):
    one = _ONE_32 if x == types.float32 else 1.0

    def sigmoid_of(x):
        return one / (one + exp(-x))

    return sigmoid_of


def softplus(x):
    """log(1 + exp(x)) without overflow, of the same type."""
    return np.logaddexp(0, x)


@overload(softplus, jit_options=_ARITHMETIC)
def _softplus(x):
    zero = _F32(0.0) if x == types.float32 else 0.0

    def softplus_of(x):
        return max(x, zero) + math.log1p(exp(-abs(x)))

    return softplus_of


def unit_interval(bits, like):
    """A number strictly between 0 and 1, of the type of ``like``, from 32 random bits.

    The interval is cut into equal cells and the middle of a cell is returned: 2**23 cells where
    the type is float32, so that the middle is exact, 2**32 where it is float64.
    """
    return (bits + 0.5) / 2**32


@overload(unit_interval, jit_options=_ARITHMETIC)
def _unit_interval(bits, like):
    if like == types.float32:
        cell = _F32(2.0**-23)
        spare_bits = np.uint32(9)

        def unit_interval_32(bits, like):
            return (np.float32(np.int32(bits >> spare_bits)) + _HALF_32) * cell

        return unit_interval_32

    def unit_interval_64(bits, like):
        return (np.float64(bits) + 0.5) * 2.0**-32

    return unit_interval_64
