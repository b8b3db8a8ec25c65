"""Annealing and tempering of machines whose units may all be coupled: against enumeration."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import annealing
from pairs import Sum, assert_frequencies, network, use
from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows
from skebm.boltzmann import tempering
from skebm.boltzmann.partition import anneal, annealed_log_partition, inverse_temperatures
from skebm.pairwise import path as pairwise_path
from skebm.pairwise.machine import PairwiseMachine
from skebm.pairwise.path import PairwisePath, PairwiseTempering
from surroundings import team_of

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_engine = pytest.mark.parametrize("engine", ["one by one", "side by side"])

BETAS = np.array([0.0, 0.35, 0.7, 1.0])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def sums_on_path(W, b, base, betas=BETAS):
    return [Sum(beta * W, beta * b + (1 - beta) * base) for beta in betas]


# Annealing -------------------------------------------------------------------


def test_log_partition_of_the_base_is_that_of_independent_units(rng):
    W, b = network(rng, 6)
    base = rng.normal(size=6)
    for bias in (None, base):
        expected = Sum(0 * W, np.zeros(6) if bias is None else bias).log_z
        path = PairwisePath(PairwiseMachine(W, b), bias)
        assert path.log_partition_of_base() == pytest.approx(expected, abs=1e-12)


def test_chains_start_at_samples_of_the_base(rng):
    W, b = network(rng, 5)
    base = rng.normal(size=5)
    X = PairwisePath(PairwiseMachine(W, b), base).start(20_000, RandomStreams(1))
    assert_frequencies(X, Sum(0 * W, base).p)


@each_engine
@pytest.mark.parametrize("way", ["there", "back"])
def test_the_mean_weight_is_the_ratio_of_both_partition_functions(rng, engine, way, monkeypatch):
    use(engine, monkeypatch)
    W, b = network(rng, 6, scale=1.5)
    path = PairwisePath(PairwiseMachine(W, b), rng.normal(size=6))
    betas, streams = inverse_temperatures(12), RandomStreams(2)
    log_ratio = Sum(W, b).log_z - path.log_partition_of_base()
    if way == "there":
        X = path.start(20_000, streams)
    else:
        betas, log_ratio = betas[::-1], -log_ratio
        X = path.exact_samples(20_000, streams)
    shares = np.exp(anneal(path, betas, X, streams) - log_ratio)
    standard_error = shares.std() / np.sqrt(len(shares))
    assert standard_error < 0.1, "too few chains to tell anything"
    assert abs(shares.mean() - 1) < 4.5 * standard_error


@each_dtype
@pytest.mark.parametrize("storage", [np.asarray, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("start", ["exact", "end of the way there", "rows"])
def test_bounds_enclose_the_partition_function(rng, dtype, storage, start, monkeypatch):
    W, b = network(rng, 10, scale=1.5, dtype=dtype)
    machine = PairwiseMachine(storage(W), b, offset=7.0)
    exact = Sum(W.astype(float), b.astype(float)).log_z - 7
    ways = annealing.watch(monkeypatch)
    if start != "exact":
        monkeypatch.setattr(pairwise_path, "MOST_UNITS", 0)
    rows = as_rows(rng.choice([-1, 1], size=(20, 10)).astype(dtype)) if start == "rows" else None
    how = inverse_temperatures(300), 200, rows, 100, RandomStreams(1)
    found = annealed_log_partition(PairwisePath(machine), *how)
    annealing.assert_bounds_are_near(found, exact, ways, most=0.1)


def test_annealing_is_the_same_for_any_number_of_threads_and_any_cut(rng, monkeypatch):
    W, b = network(rng, 30)
    path = PairwisePath(PairwiseMachine(W, b), b)
    found = []
    for size, sweeps in ((1, 100), (2, 100), (3, 100), (1, 7)):
        team_of(size, monkeypatch)
        monkeypatch.setattr(pairwise_path, "_SWEEPS_PER_CALL", sweeps)
        found.append(
            annealed_log_partition(path, inverse_temperatures(40), 110, None, 3, RandomStreams(9))
        )
    assert found[1] == found[2] == found[0]
    # Energies that are kept up to date over more calls are rounded elsewhere.
    assert found[3].lower == pytest.approx(found[0].lower, abs=1e-9)


# Tempering -------------------------------------------------------------------


def replicas_at(exact, n_chains, rng):
    return np.array([e.states[rng.choice(len(e.p), n_chains, p=e.p)] for e in exact])


@each_engine
@pytest.mark.parametrize("n_sweeps", [1, 2])
def test_sweeps_do_not_move_the_exact_distribution_of_all_replicas(
    rng, engine, n_sweeps, monkeypatch
):
    use(engine, monkeypatch)
    W, b = network(rng, 4, scale=2)
    base = rng.normal(size=4)
    exact = sums_on_path(W, b, base)
    X = replicas_at(exact, 50_000, rng)
    ladder = PairwiseTempering(base, BETAS.copy())
    coldest = ladder.run(PairwiseMachine(W, b), X, n_sweeps, (5, 100), adapt=False)
    np.testing.assert_array_equal(coldest, X[-1])
    for states, one in zip(X, exact, strict=True):
        assert_frequencies(states, one.p)
    # Neighbours stay independent of each other.
    for a in range(len(BETAS) - 1):
        both = np.outer(exact[a].p, exact[a + 1].p).ravel()
        assert_frequencies(np.hstack([X[a], X[a + 1]]), both)


def test_swap_rates_are_the_mean_probabilities_of_the_enumeration(rng):
    W, b = network(rng, 4, scale=2)
    base = rng.normal(size=4)
    exact = sums_on_path(W, b, base)
    ladder = PairwiseTempering(base, BETAS.copy())
    ladder.run(PairwiseMachine(W, b), replicas_at(exact, 50_000, rng), 2, (3, 0), adapt=False)
    for a in range(len(BETAS) - 1):
        both = np.outer(exact[a].p, exact[a + 1].p)
        accepted = np.minimum(1, both.T / both)
        rate = (both * accepted).sum()
        standard_error = np.sqrt(((both * accepted**2).sum() - rate**2) / 50_000)
        assert abs(ladder.swap_rates[a] - rate) < 4.5 * standard_error


def ferromagnet(n_units, coupling):
    """A machine of two modes, all up and all down, which single chains do not go between."""
    return PairwiseMachine(coupling * (1 - np.eye(n_units)), np.full(n_units, 0.02))


def test_tempering_goes_between_modes_where_chains_do_not():
    machine = ferromagnet(12, 0.5)
    exact = machine.moments()
    alone = np.ones((500, 12))
    machine.run(alone, np.ones(300), (1, 0))
    X = np.ones((8, 500, 12))
    ladder = PairwiseTempering(np.zeros(12), np.linspace(0, 1, 8))
    coldest = ladder.run(machine, X, 300, (1, 0))
    mean = exact.means.mean()
    standard_error = 1 / np.sqrt(500)
    assert abs(coldest.mean() - mean) < 4.5 * standard_error
    assert alone.mean() - mean > 10 * standard_error


def test_tempering_keeps_what_is_clamped(rng):
    W, b = network(rng, 6)
    exact = Sum(W, b)
    x = np.array([1, -1, 0, 0, 0, 0.0])
    X = np.where(x, x, rng.choice([-1.0, 1.0], size=(4, 20_000, 6)))
    free = np.repeat([x == 0], 20_000, axis=0)
    ladder = PairwiseTempering(np.zeros(6), BETAS.copy())
    coldest = ladder.run(PairwiseMachine(W, b), X, 30, (1, 0), free)
    assert (X[..., :2] == [1, -1]).all()
    agrees = (exact.states[:, :2] == [1, -1]).all(axis=1)
    assert_frequencies(coldest, np.where(agrees, exact.p, 0) / exact.p[agrees].sum())


def test_the_ladder_adapts_until_swaps_are_equally_likely():
    machine = ferromagnet(20, 0.15)
    ladder = PairwiseTempering(np.zeros(20), np.linspace(0, 1, 6) ** 4)
    X = np.ones((6, 40, 20))
    ladder.run(machine, X, 1500, (3, 0))
    ladder.swap_rates[:], ladder.n_sweeps = 1, 0
    ladder.run(machine, X, 1500, (3, 9000), adapt=False)
    assert np.ptp(ladder.swap_rates) < 0.1
    assert (ladder.betas[0], ladder.betas[-1]) == (0, 1)


@each_dtype
@each_engine
def test_tempering_is_the_same_for_any_number_of_threads(rng, dtype, engine, monkeypatch):
    use(engine, monkeypatch)
    monkeypatch.setattr(tempering, "_SMALLEST_WORK", 1)
    W, b = network(rng, 30, dtype=dtype)
    found = []
    for size in (1, 2, 3):
        helpers = team_of(size, monkeypatch)
        ladder = PairwiseTempering(np.zeros(30, dtype), np.linspace(0, 1, 6))
        X = np.ones((6, 40, 30), dtype=dtype)
        ladder.run(PairwiseMachine(W, b), X, 110, (3, 0))
        found.append((X.tobytes(), ladder.betas.tobytes()))
        assert helpers.most_offered == size - 1
    assert found[1] == found[2] == found[0]


def test_sweeps_in_two_calls_are_those_of_one(rng):
    W, b = network(rng, 9)
    found = []
    for parts in ([5], [2, 3]):
        ladder, X, stream = PairwiseTempering(b, BETAS.copy()), np.ones((4, 7, 9)), 0
        for n_sweeps in parts:
            ladder.run(PairwiseMachine(W, b), X, n_sweeps, (3, stream))
            stream += ladder.n_streams * n_sweeps
        found.append((X, ladder.swap_rates))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12)


def test_a_copy_of_a_ladder_has_arrays_of_its_own():
    ladder = PairwiseTempering(np.zeros(3), BETAS.copy())
    copy = ladder.copy()
    copy.betas[1] = 0.5
    assert ladder.betas[1] == BETAS[1]
