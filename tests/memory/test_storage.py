"""The rules of storing, against their definitions."""

import math
from fractions import Fraction

import numpy as np
import pytest

import naive_hopfield as naive
from skebm.memory import storage
from skebm.memory.storage import Couplings, Dense, Dreaming, Hebb, Softmax, Storkey

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
with_and_without_bias = pytest.mark.parametrize("always_on", [0, 1])

RULES = {
    "hebb": (Hebb(), naive.hebb),
    "storkey": (Storkey(), naive.storkey),
    "pseudo_inverse": (Dreaming(np.inf), naive.projector),
    "dreaming": (Dreaming(3.0), lambda X: naive.dreaming(X, 3.0)),
}
each_rule = pytest.mark.parametrize("name", RULES)


def make_patterns(n_patterns=7, n_units=12, seed=0):
    return np.random.default_rng(seed).choice([-1, 1], size=(n_patterns, n_units)).astype(np.int8)


def stored(rule, patterns, always_on=0, dtype=np.float64):
    couplings = Couplings.empty(patterns.shape[1], always_on, dtype)
    weights = couplings.weights
    rule.add(couplings, patterns)
    assert couplings.weights is weights
    return couplings


def tolerance(dtype):
    return 1e-4 if dtype == np.float32 else 1e-10


@each_rule
@each_dtype
def test_weights(name, dtype):
    rule, definition = RULES[name]
    patterns = make_patterns()

    couplings = stored(rule, patterns, dtype=dtype)

    expected = naive.without_diagonal(definition(patterns.astype(float)))
    np.testing.assert_allclose(couplings.weights, expected, atol=tolerance(dtype))
    np.testing.assert_array_equal(couplings.weights, couplings.weights.T)
    assert not couplings.weights.diagonal().any()
    assert couplings.weights.dtype == dtype
    assert not couplings.bias.any()


@pytest.mark.parametrize("name", ["hebb", "storkey", "pseudo_inverse"])
def test_a_bias_is_the_weight_to_a_unit_that_is_always_on(name):
    rule, definition = RULES[name]
    patterns = make_patterns()
    couplings = stored(rule, patterns, always_on=1)

    extended = np.column_stack([patterns, np.ones(len(patterns))])
    if name == "pseudo_inverse":
        expected = definition(extended)
        np.testing.assert_allclose(couplings.self_weights, expected.diagonal(), atol=1e-10)
    elif name == "hebb":
        # The extra unit does not count in N: b is the mean of the patterns times their load.
        expected = definition(extended) * 13 / 12
        np.testing.assert_allclose(couplings.bias, patterns.sum(axis=0) / 12)
    else:
        expected = storkey_over(extended, n_units=12)
    expected = naive.without_diagonal(expected)
    np.testing.assert_allclose(couplings.weights, expected[:-1, :-1], atol=1e-10)
    np.testing.assert_allclose(couplings.bias, expected[-1, :-1], atol=1e-10)


def storkey_over(X, n_units):
    """Storkey's rule of the naive module with another N."""
    W = np.zeros((X.shape[1], X.shape[1]))
    for x in X:
        f = W @ x
        h = f[:, None] - W * x
        step = np.outer(x, x) - x[:, None] * h.T - h * x
        W = naive.without_diagonal(W + step / n_units)
    return W


def test_dreaming_with_a_bias():
    patterns = make_patterns()
    couplings = stored(Dreaming(3.0), patterns, always_on=1)
    extended = np.column_stack([patterns, np.ones(len(patterns))])
    expected = naive.dreaming(extended, 3.0, n_units=12)
    np.testing.assert_allclose(couplings.weights, naive.without_diagonal(expected[:-1, :-1]))
    np.testing.assert_allclose(couplings.bias, expected[-1, :-1])


@each_rule
@with_and_without_bias
@each_dtype
def test_row_by_row_is_all_at_once(name, always_on, dtype):
    rule, _ = RULES[name]
    patterns = make_patterns(9, 20)
    together = stored(rule, patterns, always_on, dtype)
    one_by_one = Couplings.empty(20, always_on, dtype)
    for start, stop in [(0, 1), (1, 2), (2, 6), (6, 9)]:
        rule.add(one_by_one, patterns[start:stop])
    for attribute in ["weights", "bias"]:
        one, other = getattr(one_by_one, attribute), getattr(together, attribute)
        if name == "hebb":
            np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, other, atol=tolerance(dtype))


@each_rule
def test_chunks_leave_no_trace(name, monkeypatch):
    rule, _ = RULES[name]
    patterns = make_patterns(9, 20)
    together = stored(rule, patterns, 1)
    monkeypatch.setattr(storage, "_CHUNK", 2)
    monkeypatch.setattr(storage, "_SMALLEST_BLOCK", 4)
    in_chunks = stored(rule, patterns, 1)
    np.testing.assert_allclose(in_chunks.weights, together.weights, atol=1e-12)
    np.testing.assert_allclose(in_chunks.bias, together.bias, atol=1e-12)


def test_hebb_counts_many_patterns_exactly(monkeypatch):
    patterns = make_patterns(200, 20)
    monkeypatch.setattr("skebm._counts._WORDS_AT_A_TIME", 40)
    monkeypatch.setattr("skebm._counts._TRIANGLE_BLOCK", 4)
    couplings = stored(Hebb(), patterns, 1)
    counts = patterns.T.astype(int) @ patterns
    np.testing.assert_array_equal(couplings.weights, naive.without_diagonal(counts / 20))
    np.testing.assert_array_equal(couplings.bias, patterns.sum(axis=0) / 20)


def test_hebb_subtracts_exactly():
    patterns = make_patterns(40, 33)
    expected = stored(Hebb(), patterns[::2], 1, np.float32)
    couplings = stored(Hebb(), patterns, 1, np.float32)
    Hebb().subtract(couplings, patterns[1::2])
    np.testing.assert_array_equal(couplings.weights, expected.weights)
    np.testing.assert_array_equal(couplings.bias, expected.bias)


def test_hebb_after_a_dream_keeps_the_dream():
    patterns = make_patterns(4, 10)
    couplings = stored(Hebb(), patterns[:2], 1)
    couplings.weights += 0.01
    np.fill_diagonal(couplings.weights, 0)
    couplings.bias += 0.01
    couplings.dreamt = True
    Hebb().add(couplings, patterns[2:])
    expected = naive.without_diagonal(naive.hebb(patterns.astype(float)) + 0.01)
    np.testing.assert_allclose(couplings.weights, expected, atol=1e-14)
    np.testing.assert_allclose(couplings.bias, patterns.sum(axis=0) / 10 + 0.01)


def test_dreaming_goes_from_hebb_to_the_projector():
    patterns = make_patterns()
    awake, asleep = stored(Dreaming(0.0), patterns), stored(Dreaming(1e9), patterns)
    np.testing.assert_allclose(awake.weights, stored(Hebb(), patterns).weights, atol=1e-12)
    projector = naive.without_diagonal(naive.projector(patterns.astype(float)))
    np.testing.assert_allclose(asleep.weights, projector, atol=1e-6)


@pytest.mark.parametrize("sleep_time", [0.0, 3.0, np.inf])
@each_dtype
def test_duplicates_and_dependent_patterns(sleep_time, dtype):
    patterns = make_patterns(6, 16)
    # A duplicate, a reversed pattern, and both again in a later step.
    dependent = np.concatenate([patterns, patterns[:1], -patterns[1:2]])
    couplings = stored(Dreaming(sleep_time), dependent, dtype=dtype)
    Dreaming(sleep_time).add(couplings, dependent[-2:])
    everything = np.concatenate([dependent, dependent[-2:]]).astype(float)
    if np.isinf(sleep_time):
        expected = naive.projector(everything)
        np.testing.assert_array_almost_equal(expected, naive.projector(patterns.astype(float)))
    else:
        expected = naive.dreaming(everything, sleep_time)
    expected = naive.without_diagonal(expected)
    np.testing.assert_allclose(couplings.weights, expected, atol=tolerance(dtype))


def test_more_patterns_than_units():
    patterns = make_patterns(40, 10)
    couplings = stored(Dreaming(np.inf), patterns)
    # All of space: the projector is the identity and nothing is left off its diagonal.
    np.testing.assert_allclose(couplings.weights, 0, atol=1e-10)
    np.testing.assert_allclose(couplings.self_weights[:-1], 1)


def test_capacities():
    # Of the reference for N = 1000, in patterns.
    assert Hebb().capacity(1000) * 1000 == pytest.approx(138)
    assert Storkey().capacity(1000) * 1000 == pytest.approx(269, abs=0.5)
    assert Dreaming(np.inf).capacity(1000) == 1
    assert Dreaming(0).capacity(1000) == Hebb().capacity(1000)
    # Hebb's N / (2 ln N) is what order 2 gives; order 3 has 3!! = 3, order 4 has 5!! = 15.
    n = 1000
    for order, factor in [(2, 1), (3, 3), (4, 15)]:
        expected = n ** (order - 1) / (2 * factor * np.log(n))
        assert Dense(order).capacity(n) * n == pytest.approx(expected)
    assert Softmax(1.0, "dot", 1e-4).capacity(n) == np.inf


@pytest.mark.parametrize(("order", "n_units"), [(109, 784), (200, 1000), (30, 64)])
def test_capacity_of_high_orders(order, n_units):
    # In whole numbers, which do not overflow.
    double_factorial = math.prod(range(2 * order - 3, 1, -2))
    ratio = Fraction(n_units ** (order - 2), 2 * double_factorial)
    expected = float(ratio) / np.log(n_units)
    assert Dense(order).capacity(n_units) == pytest.approx(expected, rel=1e-9)


def test_capacity_beyond_floats():
    assert Dense(400).capacity(10_000) == np.inf


@pytest.mark.parametrize("n_units", [1, 2, 3, 10, 11, 1000])
def test_capacity_never_falls_with_the_order(n_units):
    capacities = [Dense(order).capacity(n_units) for order in range(2, 2000)]
    assert (np.diff(capacities) >= 0).all()
    assert capacities[0] > 0
