"""Simulated annealing: against enumerated ground states, and what it promises of its arguments."""

import joblib
import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array

import naive_hopfield as naive
from skebm import simulated_annealing
from surroundings import global_random_state, team_of

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_units = pytest.mark.parametrize("units", ["spin", "binary"])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def glass(rng, n_units, dtype=np.float64):
    W, b = naive.random_network(rng, n_units)
    return W.astype(dtype), (0.3 * b).astype(dtype)


def states_of(units, n_units):
    states = naive.all_states(n_units)
    return states if units == "spin" else (states + 1) / 2


def energies(W, b, states):
    W, b, states = (np.asarray(a, dtype=np.float64) for a in (W, b, states))
    return -0.5 * np.einsum("si,ij,sj->s", states, W, states) - states @ b


@each_dtype
@each_units
@pytest.mark.parametrize("storage", [np.asarray, csr_array], ids=["dense", "sparse"])
def test_it_finds_the_enumerated_ground_state(rng, dtype, units, storage):
    for seed in range(3):
        W, b = glass(rng, 11, dtype)
        result = simulated_annealing(
            storage(W), b, units=units, n_sweeps=100, n_restarts=20, random_state=seed
        )
        states = states_of(units, 11)
        every = energies(W, b, states)
        assert result.energy == pytest.approx(every.min(), rel=1e-5)
        np.testing.assert_array_equal(result.state, states[every.argmin()])


@pytest.mark.parametrize("share", [0.02, 1.0], ids=["few couplings", "all"])
def test_it_finds_a_planted_ground_state_among_many_units(rng, share):
    # Couplings of the signs of a hidden state: no other but its reverse has as low an energy.
    planted = rng.choice([-1, 1], size=300)
    W = np.triu(rng.random((300, 300)) * (rng.random((300, 300)) < share), 1)
    W = (W + W.T) * np.outer(planted, planted)
    result = simulated_annealing(W, n_sweeps=300, n_restarts=16, random_state=0)
    assert result.energy == pytest.approx(-np.abs(W).sum() / 2)
    if share == 1:
        assert abs((result.state * planted).sum()) == 300


@each_units
def test_what_is_returned(rng, units):
    W, b = glass(rng, 30)
    result = simulated_annealing(W, b, units=units, n_sweeps=25, n_restarts=7, random_state=0)
    assert result.states.shape == (7, 30)
    assert result.states.dtype.kind == "i"
    assert set(np.unique(result.states)) == ({-1, 1} if units == "spin" else {0, 1})
    np.testing.assert_allclose(result.energies, energies(W, b, result.states))
    assert (np.diff(result.energies) >= 0).all()
    np.testing.assert_array_equal(result.state, result.states[0])
    assert result.energy == result.energies[0]
    assert type(result.energy) is float
    assert result.energy_paths.shape == (7, 27)
    np.testing.assert_array_equal(result.energy_paths[:, -1], result.energies)
    assert (result.energy_paths[:, -1] <= result.energy_paths[:, -2] + 1e-9).all()
    assert result.energy_paths[:, :3].mean() > result.energy_paths[:, -3:].mean()
    assert result.temperatures.shape == (25,)
    assert (np.diff(result.temperatures) < 0).all()
    # No flip of one unit leads lower.
    x = result.states if units == "spin" else 2 * result.states - 1
    for i in range(30):
        flipped = x.copy()
        flipped[:, i] *= -1
        flipped = flipped if units == "spin" else (flipped + 1) // 2
        assert (energies(W, b, flipped) >= result.energies - 1e-9).all()


def test_energies_along_the_path_are_those_of_the_states(rng):
    # At a temperature of next to nothing, each sweep is one of steepest descent unit by unit.
    W, b = glass(rng, 12)
    start = rng.choice([-1, 1], size=12)
    result = simulated_annealing(
        W, b, n_sweeps=20, n_restarts=2, temperatures=(1e-9, 1e-9), init=start, random_state=0
    )
    states = naive.settle(W, b, start.astype(float), np.arange(12)[None], np.ones(12, bool), 20)
    expected = [naive.energy(W, b, x) for x in states]
    expected += expected[-1:] * (22 - len(expected))
    np.testing.assert_allclose(result.energy_paths, [expected] * 2)


@each_units
def test_clamped_units_stay_and_the_others_find_their_best(rng, units):
    W, b = glass(rng, 10)
    states = states_of(units, 10)
    init = states[rng.integers(len(states))]
    clamp = np.arange(10) < 4
    result = simulated_annealing(
        W, b, units=units, n_sweeps=100, n_restarts=20, init=init, clamp=clamp, random_state=0
    )
    assert (result.states[:, :4] == init[:4]).all()
    agrees = (states[:, :4] == init[:4]).all(axis=1)
    assert result.energy == pytest.approx(energies(W, b, states)[agrees].min())


def test_slow_cooling_ends_lower_than_a_quench(rng):
    W, _ = glass(rng, 100)
    slow, quenched = (
        simulated_annealing(W, n_sweeps=n, n_restarts=50, random_state=0) for n in (300, 1)
    )
    assert slow.energies.mean() < quenched.energies.mean() - 3 * quenched.energies.std() / 7


def test_temperatures(rng):
    W, _ = glass(rng, 6)

    def temperatures(**options):
        return simulated_annealing(W, n_restarts=1, **options).temperatures

    scales = np.sqrt(np.square(W).sum(axis=1))
    found = temperatures(n_sweeps=3)
    ends = scales.max(), 0.1 * scales.min()
    np.testing.assert_allclose(found, [ends[0], np.sqrt(ends[0] * ends[1]), ends[1]])
    found = temperatures(n_sweeps=3, temperatures=(5, 1), schedule="linear")
    np.testing.assert_allclose(found, [5, 3, 1])
    np.testing.assert_allclose(temperatures(temperatures=[1, 2, 3, 1]), [1, 2, 3, 1])
    np.testing.assert_allclose(simulated_annealing(np.zeros((2, 2))).temperatures, 1)


def test_units_without_couplings_follow_their_bias():
    result = simulated_annealing(np.zeros((3, 3)), [1.0, -2.0, 0.5], random_state=0)
    np.testing.assert_array_equal(result.state, [1, -1, 1])
    assert result.energy == -3.5


@each_dtype
def test_the_same_for_a_seed_for_any_number_of_threads_and_told_of_or_not(
    rng, dtype, monkeypatch, capsys
):
    W, b = glass(rng, 40, dtype)
    before, found = global_random_state(), []
    for size in (1, 2, 3):
        team_of(size, monkeypatch)
        found.append(simulated_annealing(W, b, n_sweeps=30, random_state=3, verbose=size - 1))
    other = simulated_annealing(W, b, n_sweeps=30, random_state=4)
    for name in ("states", "energies", "energy_paths"):
        np.testing.assert_array_equal(found[0][name], found[1][name])
        np.testing.assert_array_equal(found[0][name], found[2][name])
    assert (other.energy_paths != found[0].energy_paths).any()
    assert global_random_state() == before
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20
    assert lines[-1].startswith("[simulated_annealing] Sweep 30 of 30, temperature = ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "ising"}, "'units' parameter of simulated_annealing must be a str among"),
        ({"n_sweeps": 0}, "'n_sweeps' parameter of simulated_annealing must be an int in"),
        ({"n_restarts": 1.5}, "'n_restarts' parameter .* Got 1.5"),
        ({"schedule": "cosine"}, "'schedule' parameter"),
        ({"random_state": -1}, "'random_state' parameter"),
        ({"verbose": -1}, "'verbose' parameter"),
        ({"temperatures": 3.0}, "'temperatures' .* must be the first and the last"),
        ({"temperatures": (3.0, 0.0)}, "'temperatures' .* positive"),
        ({"temperatures": [1.0]}, "'temperatures'"),
        ({"temperatures": [1.0, np.nan, 1.0]}, "'temperatures'"),
        ({"temperatures": "hot"}, "'temperatures'"),
        ({"intercept": [1.0]}, r"'intercept' .* one number per unit, shape \(3,\)"),
        ({"intercept": [1.0, np.inf, 0.0]}, "intercept contains infinity"),
        ({"init": [1, -1]}, r"'init' .* of shape \(3,\) or, with a row per restart, \(100, 3\)"),
        ({"init": [1, 0, 1]}, "'init' .* must be states of -1 and 1, as units='spin'"),
        ({"init": [1, -1, 1], "units": "binary"}, "'init' .* must be states of 0 and 1"),
        ({"init": [1, np.nan, 1]}, "init contains NaN"),
        ({"clamp": [True, False, True]}, "'clamp' .* and 'init' .* pass both"),
        ({"clamp": [1, 0, 1], "init": [1, 1, 1]}, r"'clamp' .* array of bool of shape \(3,\)"),
        ({"clamp": [True], "init": [1, 1, 1]}, r"'clamp' .* array of bool of shape \(3,\)"),
    ],
)
def test_arguments_that_are_not_valid(options, message):
    with pytest.raises(ValueError, match=message):
        simulated_annealing(np.ones((3, 3)) - np.eye(3), **options)


@pytest.mark.parametrize("storage", [np.asarray, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([[0, 1, 1], [1, 0, 1]], r"must be square, .* shape \(2, 3\)"),
        ([[0, 1], [1, 2]], r"zero diagonal. Got 2 at \[1, 1\] .* half of it to the intercept"),
        ([[0, 1], [2, 0]], r"must be symmetric. Got 1 at \[0, 1\] and 2 at \[1, 0\]"),
        ([[0, np.nan], [np.nan, 0]], "weights contains NaN"),
    ],
)
def test_weights_that_are_not_valid(storage, weights, message):
    with pytest.raises(ValueError, match=message):
        simulated_annealing(storage(np.array(weights, dtype=float)))


@pytest.mark.parametrize(
    "make",
    [np.asfortranarray, np.ndarray.tolist, csr_array, coo_array, lambda W: W.astype(">f8")],
    ids=["fortran", "lists", "csr", "coo", "swapped bytes"],
)
def test_weights_of_any_storage(rng, make):
    W, _ = glass(rng, 8)
    expected = simulated_annealing(W, n_sweeps=50, random_state=0)
    weights = make(W)
    before = joblib.hash(weights)
    found = simulated_annealing(weights, n_sweeps=50, random_state=0)
    assert joblib.hash(weights) == before
    np.testing.assert_array_equal(found.state, expected.state)


def test_energies_of_whole_numbers_are_exact(rng):
    W = np.rint(glass(rng, 8)[0]).astype(int)
    found = simulated_annealing(W, n_sweeps=50, random_state=0).energy
    assert found == energies(W, np.zeros(8), naive.all_states(8)).min()
