"""Kernels of networks of spins and of memories, against slow twins and enumeration."""

import numpy as np
import pytest
from scipy.stats import chisquare

import naive_hopfield as naive
from skebm._spins import Dynamics, Outcome, WeightNetwork
from skebm.kernels import hopfield, spins
from skebm.kernels.random import fill_uniform
from skebm.memory.recall import DenseNetwork

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ROUNDING = 1e-6
SEED = 3


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make_orders(rng, n_orders, n_units):
    return np.array([rng.permutation(n_units) for _ in range(n_orders)])


def make_block(rng, W, b, n_rows, dtype=np.float64):
    """Return the arguments of a kernel: weights, biases, states and their fields."""
    X = rng.choice([-1.0, 1.0], size=(n_rows, len(W)))
    return tuple(np.array(a, dtype=dtype, order="C") for a in (W, b, X, X @ W + b))


def make_report(n_rows, n_columns, dtype=np.float64):
    n_steps = np.zeros(n_rows, dtype=np.int64)
    converged, cycled = np.zeros((2, n_rows), dtype=bool)
    return np.full((n_rows, n_columns), np.nan, dtype=dtype), n_steps, converged, cycled


def uniforms(stream, n_sweeps, row, n_units, dtype=np.float64):
    out = np.empty((n_sweeps, n_units), dtype=dtype)
    for sweep in range(n_sweeps):
        fill_uniform(SEED, stream + sweep, row, 0, out[sweep])
    return out


# Weights ---------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("max_iter", [1, 50])
def test_settle(rng, dtype, max_iter):
    W, b = naive.random_network(rng, 30)
    W, b, X, H = make_block(rng, W, b, 20, dtype)
    orders = make_orders(rng, 4, 30)
    free = rng.random((20, 30)) < 0.8
    start = X.copy()
    paths, n_steps, converged, _ = make_report(20, max_iter + 1, dtype)
    paths[:, 0] = 7

    spins.settle(W, b[None], orders, free, max_iter, ROUNDING, X, H, paths, 0, n_steps, converged)

    W, b = W.astype(float), b.astype(float)
    np.testing.assert_allclose(H, X @ W + b, atol=1e-4)
    for r in range(20):
        states = naive.settle(W, b, start[r].astype(float), orders, free[r], max_iter)
        np.testing.assert_array_equal(X[r], states[-1])
        assert n_steps[r] == len(states) - 1
        after = [naive.energy(W, b, x) for x in states]
        after += after[-1:] * (max_iter + 1 - len(after))
        assert paths[r, 0] == 7
        if n_steps[r] > 0:
            np.testing.assert_allclose(paths[r, 1:], after[1:], rtol=1e-4)
        wrong = (X[r] * (W @ X[r] + b) < 0) & free[r]
        assert converged[r] == (not wrong.any())
    if max_iter == 1:
        assert not converged.all()


@pytest.mark.parametrize("seed", range(10))
@each_dtype
def test_energy_never_rises(seed, dtype):
    # Property: any symmetric weights without self-connections, any biases.
    rng = np.random.default_rng(seed)
    n_units = int(rng.integers(2, 60))
    W, b = naive.random_network(rng, n_units)
    b *= rng.choice([0, 1, 10])
    W, b, X, H = make_block(rng, W, b, 50, dtype)
    orders = make_orders(rng, 1, n_units)
    free = np.ones((1, n_units), dtype=bool)
    for _ in range(4):
        before = X.copy()
        paths, n_steps, converged, _ = make_report(50, 0, dtype)
        spins.settle(W, b[None], orders, free, 1, ROUNDING, X, H, paths, 0, n_steps, converged)
        for old, new in zip(before.astype(float), X.astype(float), strict=True):
            fall = naive.energy(W.astype(float), b.astype(float), old)
            fall -= naive.energy(W.astype(float), b.astype(float), new)
            assert fall > 0 if (old != new).any() else fall == 0


def test_a_field_of_zero_keeps_the_unit(rng):
    W, b, X, H = make_block(rng, np.zeros((5, 5)), np.zeros(5), 8)
    start = X.copy()
    paths, n_steps, converged, cycled = make_report(8, 0)
    free, orders = np.ones((1, 5), dtype=bool), make_orders(rng, 1, 5)
    spins.settle(W, b[None], orders, free, 9, ROUNDING, X, H, paths, 0, n_steps, converged)
    spins.settle_together(W, b[None], free, 9, ROUNDING, X, H, paths, 0, n_steps, converged, cycled)
    np.testing.assert_array_equal(X, start)
    assert converged.all()
    assert n_steps.sum() == 0


@each_dtype
@pytest.mark.parametrize("max_iter", [1, 2, 40])
def test_settle_together(rng, dtype, max_iter):
    W, b = naive.random_network(rng, 12)
    W, b, X, H = make_block(rng, W, b, 200, dtype)
    start = X.copy()
    paths, n_steps, converged, cycled = make_report(200, max_iter + 1, dtype)
    free = np.ones((1, 12), dtype=bool)

    spins.settle_together(
        W, b[None], free, max_iter, ROUNDING, X, H, paths, 0, n_steps, converged, cycled
    )

    W, b = W.astype(float), b.astype(float)
    np.testing.assert_allclose(H, X @ W + b, atol=1e-4)
    for r in range(200):
        # One look more than steps: the kernel says whether the row happens to be at rest.
        states, end = naive.settle_together(W, b, start[r].astype(float), max_iter + 1)
        n = min(len(states) - 1, max_iter)
        end = end if n == len(states) - 1 else "neither"
        np.testing.assert_array_equal(X[r], states[n])
        assert n_steps[r] == n
        assert (converged[r], cycled[r]) == (end == "converged", end == "cycled")
    if max_iter == 40:
        assert cycled.any()
        assert converged.any()


@each_dtype
@pytest.mark.parametrize("together", [False, True])
def test_heat(rng, dtype, together):
    W, b = naive.random_network(rng, 9)
    W, b, X, H = make_block(rng, W, b, 15, dtype)
    start, orders = X.astype(float), make_orders(rng, 2, 9)
    temperatures = np.array([5.0, 3.0, 1.0, 0.5])
    free = np.ones((1, 9), dtype=bool)
    paths = np.empty((15, 5), dtype=dtype)

    how = np.zeros_like(b), orders, free, temperatures, (SEED, 20, 100), together
    spins.heat(W, b[None], *how, X, H, paths, 0)

    def energy_of(x):
        return naive.energy(W.astype(float), b.astype(float), x)

    np.testing.assert_allclose(H, X @ W + b, atol=1e-4)
    for r in range(15):
        u = uniforms(20, 4, 100 + r, 9, dtype)
        expected = naive.heat(energy_of, start[r], orders, temperatures, u, together)
        np.testing.assert_array_equal(X[r], expected)
        np.testing.assert_allclose(paths[r, -1], energy_of(expected), rtol=1e-4)


def test_heat_leaves_clamped_units(rng):
    W, b, X, H = make_block(rng, np.zeros((6, 6)), np.zeros(6), 50)
    start = X.copy()
    free = np.array([[True, False, True, False, True, False]])
    orders, temperatures = make_orders(rng, 1, 6), np.ones(3)
    for together in [False, True]:
        how = np.zeros(6), orders, free, temperatures, (SEED, 0, 0), together
        spins.heat(W, b[None], *how, X, H, X[:, :0], 0)
    np.testing.assert_array_equal(X[:, 1::2], start[:, 1::2])
    assert (X[:, ::2] != start[:, ::2]).any()


def stochastic(max_iter, orders):
    return Dynamics(False, max_iter, np.full(max_iter, 1.0), False, orders, (SEED, 0))


def networks(rng):
    W, b = naive.random_network(rng, 6)
    patterns = rng.choice([-1, 1], size=(5, 6)).astype(np.int8)
    weights = WeightNetwork(W / 3, b / 3), lambda x: naive.energy(W / 3, b / 3, x)
    dense = DenseNetwork(patterns, 3, np.float64), lambda x: naive.dense_energy(patterns, 3, x)
    return {"weights": weights, "dense": dense}


@pytest.mark.parametrize("kind", ["weights", "dense"])
@pytest.mark.parametrize("start", ["exact", "uniform"])
def test_stationary_distribution_at_temperature_one(rng, kind, start):
    network, energy_of = networks(rng)[kind]
    states = naive.all_states(6)
    p = naive.boltzmann(np.array([energy_of(x) for x in states]), 1.0)
    n_rows = 40_000
    # From the exact distribution one sweep must not move it, and from elsewhere it is reached.
    drawn = rng.choice(64, size=n_rows, p=p if start == "exact" else None)
    X = states[drawn].copy()
    n_sweeps = 1 if start == "exact" else 60
    dynamics = stochastic(n_sweeps, make_orders(rng, 5, 6))

    network.recall(X, np.ones((1, 6), dtype=bool), dynamics, Outcome(n_rows, 0, np.float64))

    numbers = ((X > 0) @ (2 ** np.arange(5, -1, -1))).astype(int)
    counts = np.bincount(numbers, minlength=64)
    often = p * n_rows >= 5
    observed = np.append(counts[often], counts[~often].sum())
    expected = np.append(p[often], p[~often].sum()) * n_rows
    kept = expected > 0
    assert chisquare(observed[kept], expected[kept]).pvalue > 1e-3


# Dense -----------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_dense_energy_and_field(rng, dtype, order):
    patterns = rng.choice([-1, 1], size=(2500, 20)).astype(np.int8)
    network = DenseNetwork(patterns, order, dtype)
    x = rng.choice([-1.0, 1.0], size=20)
    inverse_n, coefficients, odd = network._polynomial
    s = (patterns @ x).astype(dtype)
    a, p = np.empty((2, 1024), dtype=dtype)

    expected = naive.dense_energy(patterns, order, x)
    np.testing.assert_allclose(network.energy(x[None].astype(dtype)), [expected], rtol=1e-4)
    for i in range(20):
        on, off = x.copy(), x.copy()
        on[i], off[i] = 1, -1
        difference = naive.dense_energy(patterns, order, off)
        difference -= naive.dense_energy(patterns, order, on)
        column = np.ascontiguousarray(patterns[:, i])
        field, scale = hopfield.dense_field(
            column, s, dtype(x[i]), inverse_n, coefficients, odd, a, p
        )
        np.testing.assert_allclose(field, difference / 2, atol=1e-5 * scale)
        assert scale >= abs(field)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_dense_recall(rng, order):
    patterns = rng.choice([-1, 1], size=(12, 15)).astype(np.int8)
    network = DenseNetwork(patterns, order, np.float64)
    X = rng.choice([-1.0, 1.0], size=(20, 15))
    start, orders = X.copy(), make_orders(rng, 20, 15)
    outcome = Outcome(20, 21, np.float64)
    dynamics = Dynamics(False, 20, np.empty(0), True, orders, (SEED, 0))

    network.recall(X, np.ones((1, 15), dtype=bool), dynamics, outcome)

    for r in range(20):
        x, n_steps = start[r], 0
        for units in orders:
            new = naive.settle_dense(patterns, order, x, units)
            if (new == x).all():
                break
            x, n_steps = new, n_steps + 1
        np.testing.assert_array_equal(X[r], x)
        assert outcome.n_steps[r] == n_steps
        np.testing.assert_allclose(
            outcome.paths[r, n_steps:], naive.dense_energy(patterns, order, x)
        )
        assert (np.diff(outcome.paths[r]) <= 1e-12).all()
    assert outcome.converged.all()


def test_dense_together_finds_cycles():
    # With a pattern of two units and order 2: the first unit wants what the second is.
    patterns = np.array([[1, -1]], dtype=np.int8)
    X = np.array([[1.0, 1.0]])
    outcome = Outcome(1, 0, np.float64)
    dynamics = Dynamics(True, 9, np.empty(0), True, np.arange(2)[None], (SEED, 0))
    DenseNetwork(patterns, 2, np.float64).recall(X, np.ones((1, 2), bool), dynamics, outcome)
    assert outcome.cycled.all()
    assert not outcome.converged.any()


@each_dtype
@pytest.mark.parametrize("max_iter", [1, 2, 40])
@pytest.mark.parametrize("temperature", [0, 1])
def test_dense_together_of_order_two_is_hebb_together(rng, dtype, max_iter, temperature):
    # An odd number of patterns, so that no field is zero.
    patterns = rng.choice([-1, 1], size=(5, 12)).astype(np.int8)
    W = naive.hebb(patterns.astype(float)).astype(dtype)
    start = rng.choice([-1, 1], size=(200, 12)).astype(dtype)
    temperatures = np.full(3 * temperature, 0.5)
    dynamics = Dynamics(True, max_iter, temperatures, True, np.arange(12)[None], (SEED, 0))
    free = np.ones((1, 12), dtype=bool)
    networks = WeightNetwork(W, np.zeros(12, dtype)), DenseNetwork(patterns, 2, dtype)
    states, outcomes = [], []
    for network in networks:
        states.append(start.copy())
        outcomes.append(Outcome(200, dynamics.n_steps + 1, dtype))
        network.recall(states[-1], free, dynamics, outcomes[-1])

    hebb, dense = outcomes
    np.testing.assert_array_equal(*states)
    for name in ["n_steps", "converged", "cycled"]:
        np.testing.assert_array_equal(getattr(dense, name), getattr(hebb, name))
    np.testing.assert_allclose(dense.paths, hebb.paths - len(patterns) / 2, atol=1e-5)
    if max_iter == 40:
        assert hebb.cycled.any()
        assert hebb.converged.any()


# Learning and softmax --------------------------------------------------------


def test_dream(rng):
    W, b = naive.random_network(rng, 8)
    W, b, _, _ = make_block(rng, W, b, 1)
    orders, free = make_orders(rng, 3, 8), np.ones((1, 8), dtype=bool)
    expected_W, expected_b = W.copy(), b.copy()
    for d in range(5):
        x = np.where(uniforms(4, 1, 10 + d, 8)[0] < 0.5, 1.0, -1.0)
        x = naive.settle(expected_W, expected_b, x, orders, free[0], 50)[-1]
        expected_W -= 0.1 * naive.without_diagonal(np.outer(x, x))
        expected_b -= 0.2 * x

    hopfield.dream(W, b, 0.1, 0.2, orders, free, 50, ROUNDING, (SEED, 4, 10), 5)

    np.testing.assert_allclose(W, expected_W)
    np.testing.assert_allclose(b, expected_b)


def test_counts_come_back_exactly(rng):
    counts = rng.integers(-100_000, 100_000, size=(30, 30)).astype(np.float32)
    W = counts.copy()
    for _ in range(50):
        W /= np.float32(30)
        hopfield.scale_to_counts(W, np.float32(30))
    np.testing.assert_array_equal(W, counts)


@pytest.mark.parametrize("block", [1, 7, 64])
def test_mirror_lower(rng, block):
    W = rng.normal(size=(20, 20))
    expected = np.tril(W) + np.tril(W, -1).T
    hopfield.mirror_lower(W, block)
    np.testing.assert_array_equal(W, expected)


@each_dtype
def test_softmax_does_not_overflow(dtype):
    S = np.array([[1000.0, 999.0], [-1e4, -2e4]], dtype=dtype)
    log_sums = np.empty(2, dtype=dtype)
    hopfield.softmax(S, dtype(2), log_sums)
    expected = 1 / (1 + np.exp(-2.0))
    np.testing.assert_allclose(S, [[expected, 1 - expected], [1, 0]], atol=1e-6)
    np.testing.assert_allclose(log_sums, [1000 + np.log1p(np.exp(-2.0)) / 2, -1e4], rtol=1e-6)
