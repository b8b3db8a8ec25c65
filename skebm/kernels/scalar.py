"""Scalar functions that vectorise when a kernel calls them in a loop.

Numba has no vector math library, so that ``math.exp`` in a loop is one call per element. The
functions here consist of arithmetic only, and compile to vector instructions.
"""

import math

import numpy as np
from numba import types
from numba.extending import overload

# No reordering here: it would add the two parts of log 2, which must be separate.
_ARITHMETIC = {"fastmath": {"contract"}, "error_model": "numpy"}

# log 2 in two parts; the first one has so few bits that n times it is exact (Cody and Waite).
_LOG2_E = 1.4426950408889634
_LOG_2_HIGH = 0.693359375
_LOG_2_LOW = -2.121944400546905827679e-4

_F32 = np.float32
_LOG2_E_32, _HIGH_32, _LOW_32 = _F32(_LOG2_E), _F32(_LOG_2_HIGH), _F32(_LOG_2_LOW)
_INVERSE_FACTORIALS = [1.0 / math.factorial(n) for n in range(14)]
(_, _, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13) = _INVERSE_FACTORIALS
(_D2, _D3, _D4, _D5, _D6, _D7) = [_F32(c) for c in _INVERSE_FACTORIALS[2:8]]
_HALF_32, _ONE_32 = _F32(0.5), _F32(1.0)
(_A3, _A5, _A7, _A9, _A11, _A13, _A15, _A17, _A19, _A21) = [1.0 / n for n in range(3, 23, 2)]
(_A3_32, _A5_32, _A7_32, _A9_32) = [_F32(a) for a in (_A3, _A5, _A7, _A9)]
_SQRT_HALF_BITS_32 = _F32(math.sqrt(0.5)).view(np.int32)
_SQRT_HALF_BITS_64 = np.float64(math.sqrt(0.5)).view(np.int64)
_LOWEST_32, _HIGHEST_32 = _F32(-87.0), _F32(88.0)
_BIAS_32, _SHIFT_32 = np.int32(127), np.int32(23)
_BIAS_64, _SHIFT_64 = np.int64(1023), np.int64(52)


def exp(x):
    """Exponential of a float32 or float64, of the same type, to about one unit in the last place.

    x = n log 2 + r with abs(r) <= log(2) / 2: the series of exp(r) times 2**n, which is constructed
    from its exponent bits. Arguments outside the range of the type are clipped.
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


def log(x):
    """Natural logarithm of a positive normal float32 or float64, of the same type.

    x = m 2**n with sqrt(1/2) <= m < sqrt(2), and log(m) = 2 artanh(s) with s = (m - 1) / (m + 1),
    whose series converges fast as abs(s) < 0.172.
    """
    return np.log(x)


@overload(log, jit_options=_ARITHMETIC)
def _log(x):
    if x == types.float32:

        def log_32(x):
            bits = np.float32(x).view(np.int32)
            n = (bits - _SQRT_HALF_BITS_32) >> _SHIFT_32
            m = np.int32(bits - (n << _SHIFT_32)).view(np.float32)
            s = (m - _ONE_32) / (m + _ONE_32)
            t = s * s
            series = (((_A9_32 * t + _A7_32) * t + _A5_32) * t + _A3_32) * t * s + s
            return np.float32(n) * _HIGH_32 + (np.float32(n) * _LOW_32 + (series + series))

        return log_32

    def log_64(x):
        bits = np.float64(x).view(np.int64)
        n = (bits - _SQRT_HALF_BITS_64) >> _SHIFT_64
        m = np.int64(bits - (n << _SHIFT_64)).view(np.float64)
        s = (m - 1.0) / (m + 1.0)
        t = s * s
        series = (((((_A21 * t + _A19) * t + _A17) * t + _A15) * t + _A13) * t + _A11) * t
        series = ((((series + _A9) * t + _A7) * t + _A5) * t + _A3) * t * s + s
        return np.float64(n) * _LOG_2_HIGH + (np.float64(n) * _LOG_2_LOW + (series + series))

    return log_64


def sin_turn(x):
    """Sine of x turns, that is of 2 pi x, for abs(x) <= 1/2; float32 or float64, same type.

    The sine and the cosine of a quarter of the angle are short series; the angle is then doubled
    twice. The error is a few units in the last place of 1.
    """
    return np.sin(2 * np.pi * x)


def cos_turn(x):
    """Cosine of x turns, see ``sin_turn``."""
    return np.cos(2 * np.pi * x)


@overload(sin_turn, jit_options=_ARITHMETIC)
def _sin_turn(x):
    return _turn_functions(x)[0]


@overload(cos_turn, jit_options=_ARITHMETIC)
def _cos_turn(x):
    return _turn_functions(x)[1]


def _turn_functions(x):
    """Implementations of ``sin_turn`` and ``cos_turn`` for the type of ``x``."""
    real = np.float32 if x == types.float32 else np.float64
    quarter, one, two = real(np.pi / 2), real(1), real(2)
    s3, s5, s7, s9, s11, s13 = (
        real((-1) ** n * _INVERSE_FACTORIALS[2 * n + 1]) for n in range(1, 7)
    )
    c2, c4, c6, c8, c10, c12 = (real((-1) ** n * _INVERSE_FACTORIALS[2 * n]) for n in range(1, 7))
    c14, s15, c16 = (
        real(-1 / math.factorial(14)),
        real(-1 / math.factorial(15)),
        real(1 / math.factorial(16)),
    )

    def sin_of(x):
        angle = x * quarter
        t = angle * angle
        odd = ((((((s15 * t + s13) * t + s11) * t + s9) * t + s7) * t + s5) * t + s3) * t
        sine = odd * angle + angle
        even = (
            ((((((c16 * t + c14) * t + c12) * t + c10) * t + c8) * t + c6) * t + c4) * t + c2
        ) * t
        cosine = even + one
        sine, cosine = two * sine * cosine, one - two * sine * sine
        return two * sine * cosine

    def cos_of(x):
        angle = x * quarter
        t = angle * angle
        odd = ((((((s15 * t + s13) * t + s11) * t + s9) * t + s7) * t + s5) * t + s3) * t
        sine = odd * angle + angle
        even = (
            ((((((c16 * t + c14) * t + c12) * t + c10) * t + c8) * t + c6) * t + c4) * t + c2
        ) * t
        cosine = even + one
        sine = two * sine * cosine
        return one - two * sine * sine

    return sin_of, cos_of


def unit_interval(bits, like):
    """A number strictly between 0 and 1, of the type of ``like``, from 32 random bits.

    The interval is divided into equal cells, and the middle of a cell is returned: 2**23 cells for
    float32, so that the middle is exact, and 2**32 for float64.
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
