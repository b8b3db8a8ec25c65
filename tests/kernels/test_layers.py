import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.special import softmax as shares

import naive
from skebm.kernels.activations import logistic, softmax
from skebm.kernels.layers import (
    bernoulli_flip_log_odds,
    bernoulli_log_partition,
    sample_bernoulli,
    sample_softmax,
    softmax_log_partition,
    softmax_of_groups,
)

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@each_dtype
def test_mean_is_the_probability_of_the_state_1(dtype):
    rng = np.random.default_rng(0)
    inputs, bias = rng.normal(0, 5, (9, 13)).astype(dtype), rng.normal(0, 2, 13).astype(dtype)
    expected = np.empty((9, 13))
    for r, i in np.ndindex(9, 13):
        x = np.float64(inputs[r, i]) + np.float64(bias[i])
        expected[r, i] = np.exp(x) / (np.exp(0) + np.exp(x))
    logistic(inputs, bias, 0, 13)
    # The sum of input and bias, of up to 20, is rounded before it is an exponent.
    np.testing.assert_allclose(inputs, expected, rtol=30 * np.finfo(dtype).eps)


@each_dtype
def test_states_are_drawn_at_their_addresses(dtype):
    rng = np.random.default_rng(1)
    p = rng.random((5, 11)).astype(dtype)
    seed, stream, first_row = 2**40 + 3, 2**33 + 1, 70
    expected = np.empty((5, 11))
    for r, i in np.ndindex(5, 11):
        expected[r, i] = naive.uniform(seed, stream, first_row + r, i, dtype) < p[r, i]
    out = np.full((5, 11), np.nan, dtype=dtype)
    sample_bernoulli(p, seed, stream, first_row, 0, out)
    assert np.array_equal(out, expected)
    sample_bernoulli(p, seed, stream, first_row, 0, p)  # in place, too
    assert np.array_equal(p, expected)


@each_dtype
def test_units_beside_others_draw_at_columns_of_their_own(dtype):
    p = np.random.default_rng(1).random((5, 11)).astype(dtype)
    out, expected = np.empty_like(p), np.empty((5, 11))
    sample_bernoulli(p, 7, 1, 2, 8, out)
    for r, i in np.ndindex(5, 11):
        expected[r, i] = naive.uniform(7, 1, 2 + r, 8 + i, dtype) < p[r, i]
    assert np.array_equal(out, expected)


@each_dtype
def test_certain_states_are_never_missed(dtype):
    # As no uniform number is 0 or 1, probability 0 is never on and 1 never off.
    p = np.tile(np.array([0, 1], dtype=dtype), (500, 50))
    out = np.empty_like(p)
    sample_bernoulli(p, 1, 2, 0, 0, out)
    assert np.array_equal(out, p)


@each_dtype
def test_log_partition_is_the_log_of_the_sum_over_states(dtype):
    rng = np.random.default_rng(2)
    inputs, bias = rng.normal(0, 30, (9, 6)).astype(dtype), rng.normal(0, 2, 6).astype(dtype)
    states = np.array([[(n >> i) & 1 for i in range(6)] for n in range(2**6)])
    x = inputs.astype(np.float64) + bias
    expected = logsumexp(x @ states.T, axis=1)
    out = np.empty(9, dtype=dtype)
    bernoulli_log_partition(inputs, bias, out)
    np.testing.assert_allclose(out, expected, rtol=4 * np.finfo(dtype).eps)


@each_dtype
def test_probabilities_of_a_choice_are_shares_of_exponentials(dtype):
    rng = np.random.default_rng(4)
    inputs, bias = rng.normal(0, 30, (9, 6)).astype(dtype), rng.normal(0, 2, 6).astype(dtype)
    expected = shares(inputs.astype(np.float64) + bias, axis=1)
    softmax(inputs, bias, 0, 6)
    # Exponents of up to 100 are rounded before the exponential.
    np.testing.assert_allclose(inputs, expected, rtol=200 * np.finfo(dtype).eps, atol=1e-30)


@each_dtype
def test_choices_are_the_shares_that_their_random_number_falls_in(dtype):
    rng = np.random.default_rng(5)
    p = np.hstack([rng.dirichlet(np.ones(size), 40) for size in (5, 3)]).astype(dtype)
    out = np.empty_like(p)
    sample_softmax(p, np.array([0, 5, 8]), 3, 2**33 + 1, 70, 4, out)
    for group, columns in enumerate([slice(0, 5), slice(5, 8)]):
        uniform = [naive.uniform(3, 2**33 + 1, 70 + r, 2**31 + 4 + group, dtype) for r in range(40)]
        pairs = zip(p[:, columns], uniform, strict=True)
        chosen = [(np.cumsum(row) <= u).sum() for row, u in pairs]
        size = columns.stop - columns.start
        assert len(set(chosen)) == size
        np.testing.assert_array_equal(out[:, columns], np.eye(size)[chosen])


@each_dtype
def test_groups_are_choices_apart(dtype):
    rng = np.random.default_rng(8)
    inputs, bias = rng.normal(0, 9, (9, 6)).astype(dtype), rng.normal(0, 2, 6).astype(dtype)
    starts, x, out = np.array([0, 2, 6]), inputs.astype(np.float64) + bias, np.empty(9)
    eps = np.finfo(dtype).eps
    softmax_log_partition(inputs, bias, starts, out)
    np.testing.assert_allclose(out, logsumexp(x[:, :2], 1) + logsumexp(x[:, 2:], 1), atol=100 * eps)
    softmax_of_groups(inputs, bias, starts)
    expected = np.hstack([shares(x[:, :2], axis=1), shares(x[:, 2:], axis=1)])
    np.testing.assert_allclose(inputs, expected, atol=100 * eps)


@each_dtype
def test_what_is_outside_of_the_bounds_is_left_alone(dtype):
    rng = np.random.default_rng(6)
    inputs, bias = rng.normal(0, 3, (9, 13)).astype(dtype), rng.normal(0, 2, 13).astype(dtype)
    some = slice(4, 10)

    def check(found, expected):
        np.testing.assert_array_equal(np.delete(found, some, 1), np.delete(inputs, some, 1))
        np.testing.assert_allclose(found[:, some], expected, rtol=40 * np.finfo(dtype).eps)

    x = inputs[:, some].astype(np.float64) + bias[some]
    for activation, expected in ((logistic, naive.sigmoid(x)), (softmax, shares(x, axis=1))):
        values = inputs.copy()
        activation(values, bias, 4, 10)
        check(values, expected)


@each_dtype
@pytest.mark.parametrize("n_safe", [1, 2, 100])
@pytest.mark.parametrize("n_hidden", [7, 16, 55])  # less than the lanes, as many, three times more
def test_log_odds_of_a_flip_are_the_difference_of_two_free_energies(n_hidden, n_safe, dtype):
    rng = np.random.default_rng(3)
    W = rng.normal(0, 2, (6, n_hidden)).astype(dtype)
    b, c = rng.normal(0, 1, 6).astype(dtype), rng.normal(0, 1, n_hidden).astype(dtype)
    v = (rng.random((20, 6)) < 0.5).astype(dtype)
    v[10:] = rng.random((10, 6))  # grey: compared with their mirror image
    v[14:, ::2] = [[0], [0.25], [0.25], [0], [0.75], [0.25]]

    wide = np.longdouble  # the difference of two sums loses digits

    def free_energy(row):
        x = row @ W.astype(wide) + c
        return -row @ b.astype(wide) - np.logaddexp(0, x).sum()

    expected = np.empty((20, 6))
    for r, i in np.ndindex(20, 6):
        row = v[r].astype(wide)
        flipped = row.copy()
        flipped[i] = 1 - row[i]
        expected[r, i] = free_energy(flipped) - free_energy(row)
    out = np.empty_like(v)
    bernoulli_flip_log_odds(v, v @ W + c, W, b, n_safe, out)
    # Of numbers of the size of the hidden inputs, which are rounded.
    size = np.abs(v @ W + c).sum(axis=1).max()
    np.testing.assert_allclose(out, expected, rtol=0, atol=size * np.finfo(dtype).eps)
