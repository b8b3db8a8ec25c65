"""Errors are measured in units in the last place, against NumPy in a wider type."""

import numpy as np
import pytest
from numba import njit

from skebm.kernels.scalar import cos_turn, exp, log, sigmoid, sin_turn, softplus

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Where long double is no longer than double, there is nothing to measure float64 against.
WIDE = {np.float32: np.float64, np.float64: np.longdouble}
needs_wider = pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="no wider type here")
each_measurable_dtype = pytest.mark.parametrize(
    "dtype", [np.float32, pytest.param(np.float64, marks=needs_wider)]
)

# Beyond these, exp is clipped: exp(lowest) is still a normal number, exp(highest) still finite.
RANGE = {np.float32: (-87.0, 88.0), np.float64: (-708.0, 709.0)}


@njit
def exp_of(x, out):
    for i in range(len(x)):
        out[i] = exp(x[i])


@njit
def sigmoid_of(x, out):
    for i in range(len(x)):
        out[i] = sigmoid(x[i])


@njit
def softplus_of(x, out):
    for i in range(len(x)):
        out[i] = softplus(x[i])


@njit
def log_of(x, out):
    for i in range(len(x)):
        out[i] = log(x[i])


@njit
def turn_of(x, cosine, sine):
    for i in range(len(x)):
        cosine[i], sine[i] = cos_turn(x[i]), sin_turn(x[i])


def apply(function, values, dtype):
    x = np.asarray(values, dtype=dtype)
    out = np.empty_like(x)
    function(x, out)
    return out


def arguments(dtype, low, high):
    """Numbers of every size: even steps, both sides of 0 down to the smallest, and the ends."""
    even = np.linspace(low, high, 200_001)
    tiny = np.geomspace(np.finfo(dtype).tiny, 1, 2000)
    # Half-way between two powers of two, the argument of the series is largest.
    edges = (np.arange(-150, 150) + 0.5) * np.log(2)
    around = [np.nextafter(edges.astype(dtype), dtype(to)) for to in (-np.inf, np.inf)]
    x = np.concatenate([even, tiny, -tiny, [0.0, -0.0], edges, *around])
    return np.unique(x[(x >= low) & (x <= high)].astype(dtype))


def worst_error(got, exact):
    """Largest error in units in the last place of the type of ``got``."""
    return np.max(np.abs(got - exact) / np.spacing(np.abs(exact).astype(got.dtype)))


@each_measurable_dtype
def test_exp_is_right_to_one_and_a_half_units_in_the_last_place(dtype):
    x = arguments(dtype, *RANGE[dtype])
    assert worst_error(apply(exp_of, x, dtype), np.exp(x.astype(WIDE[dtype]))) < 1.5


@each_measurable_dtype
def test_sigmoid_is_right_to_three_units_in_the_last_place(dtype):
    # Down to where it is the smallest normal number.
    x = arguments(dtype, RANGE[dtype][0], -RANGE[dtype][0])
    exact = 1 / (1 + np.exp(-x.astype(WIDE[dtype])))
    assert worst_error(apply(sigmoid_of, x, dtype), exact) < 3


@each_measurable_dtype
def test_softplus_is_right_to_two_units_in_the_last_place(dtype):
    x = arguments(dtype, RANGE[dtype][0], 1000)
    wide = x.astype(WIDE[dtype])
    exact = np.maximum(wide, 0) + np.log1p(np.exp(-np.abs(wide)))
    assert worst_error(apply(softplus_of, x, dtype), exact) < 2


@each_dtype
def test_exp_is_clipped_to_its_range(dtype):
    low, high = RANGE[dtype]
    largest = np.finfo(dtype).max
    ends = apply(exp_of, [low, high], dtype)
    beyond = apply(exp_of, [-np.inf, -largest, 2 * low, 2 * high, largest, np.inf], dtype)
    assert np.array_equal(beyond, ends[[0, 0, 0, 1, 1, 1]])
    # Nothing vanishes and nothing overflows: a product of such numbers is the caller's worry.
    assert ends[0] >= np.finfo(dtype).tiny
    assert np.isfinite(ends[1])


@each_dtype
def test_sigmoid_reaches_its_limits_at_infinity(dtype):
    low, half, high = apply(sigmoid_of, [-np.inf, 0, np.inf], dtype)
    assert 0 <= low < 4 * np.finfo(dtype).tiny
    assert (half, high) == (0.5, 1)


@each_dtype
def test_sigmoid_never_leaves_the_unit_interval_and_never_falls(dtype):
    low, high = RANGE[dtype]
    x = np.linspace(2 * low, 2 * high, 100_001)
    y = apply(sigmoid_of, x, dtype)
    assert y.min() >= 0
    assert y.max() <= 1
    # exp may waver by a unit in the last place, so a step back by rounding is allowed.
    assert np.all(np.diff(y) >= -2 * np.spacing(y[:-1]))


@each_dtype
def test_softplus_of_large_numbers_is_the_number(dtype):
    x = np.array([100, 1e4, 1e30, np.finfo(dtype).max], dtype=dtype)
    assert np.array_equal(apply(softplus_of, x, dtype), x)
    almost_nothing = apply(softplus_of, -x, dtype)
    assert np.all((almost_nothing >= 0) & (almost_nothing < 1e-37))


@each_dtype
def test_softplus_of_infinities_is_its_limits(dtype):
    nothing, infinite = apply(softplus_of, [-np.inf, np.inf], dtype)
    assert infinite == np.inf
    assert 0 <= nothing < 4 * np.finfo(dtype).tiny


@each_dtype
@pytest.mark.parametrize("function", [exp_of, sigmoid_of, softplus_of])
def test_nan_stays_nan(function, dtype):
    # Among numbers, as a vector instruction would meet it, and at each place of the vector.
    for place in range(16):
        x = np.zeros(16)
        x[place] = np.nan
        assert np.array_equal(np.isnan(apply(function, x, dtype)), np.isnan(x))


@each_measurable_dtype
def test_log_is_right_to_one_unit_in_the_last_place(dtype):
    wide = WIDE[dtype]
    around_one = 1 + np.linspace(-0.5, 0.5, 100_001)
    x = np.concatenate([np.geomspace(np.finfo(dtype).tiny, np.finfo(dtype).max / 2, 100_001)])
    x = np.concatenate([x, around_one, np.sqrt(0.5) * 2.0 ** np.arange(-20, 20)]).astype(dtype)
    got = apply(log_of, x, dtype)
    exact = np.log(x.astype(wide))
    # Next to 1 the logarithm is as small as one likes: relative to the two parts of the sum.
    assert np.all(np.abs(got - exact) <= 2 * np.spacing(np.abs(exact).astype(dtype)))
    assert got[x == 1] == 0


@each_measurable_dtype
def test_cosine_and_sine_of_a_turn_are_right_to_some_units_in_the_last_place_of_one(dtype):
    x = np.linspace(-0.5, 0.5, 200_001).astype(dtype)
    cosine, sine = np.empty_like(x), np.empty_like(x)
    turn_of(x, cosine, sine)
    angle = 2 * WIDE[dtype](np.pi) * x.astype(WIDE[dtype])
    if dtype == np.float64:
        angle = 2 * np.longdouble("3.14159265358979323846264338") * x.astype(np.longdouble)
    for got, exact in [(cosine, np.cos(angle)), (sine, np.sin(angle))]:
        assert np.max(np.abs(got - exact)) < 8 * np.finfo(dtype).eps
