"""Machines of units any two of which may be coupled: against sums over all states, one by one."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import naive_hopfield as naive
from pairs import Sum, assert_frequencies, network, use
from skebm._random import RandomStreams
from skebm.pairwise import machine as pairwise
from skebm.pairwise.machine import PairwiseMachine
from surroundings import team_of

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_storage = pytest.mark.parametrize("storage", [np.asarray, csr_array], ids=["dense", "sparse"])
each_engine = pytest.mark.parametrize("engine", ["one by one", "side by side"])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# Energies and what is clamped ------------------------------------------------


@each_dtype
@each_storage
def test_energy(rng, dtype, storage):
    W, b = network(rng, 7, dtype=dtype)
    X = rng.choice([-1, 1], size=(20, 7)).astype(dtype)
    expected = [naive.energy(W.astype(float), b.astype(float), x) for x in X]
    machine = PairwiseMachine(storage(W), b, offset=3.0)
    assert machine.energy(X).dtype == np.float64
    np.testing.assert_allclose(machine.energy(X), np.add(expected, 3), rtol=1e-5)


@each_dtype
@each_storage
def test_energies_of_binary_units(rng, dtype, storage):
    W, b = network(rng, 6, dtype=dtype)
    S = rng.choice([0, 1], size=(20, 6)).astype(dtype)
    expected = [naive.energy(W.astype(float), b.astype(float), s) for s in S]
    machine = PairwiseMachine.of_binary_units(storage(W), b)
    np.testing.assert_allclose(machine.energy(2 * S - 1), expected, atol=1e-5)


@each_dtype
@each_storage
def test_fields_are_half_of_what_turning_a_unit_off_costs(rng, dtype, storage):
    W, b = network(rng, 6, dtype=dtype)
    X = rng.choice([-1, 1], size=(300, 6)).astype(dtype)
    machine = PairwiseMachine(storage(W), b)
    for i in range(6):
        on, off = X.copy(), X.copy()
        on[:, i], off[:, i] = 1, -1
        cost = machine.energy(off) - machine.energy(on)
        np.testing.assert_allclose(machine.fields(X)[:, i], cost / 2, atol=1e-5)


@each_storage
def test_a_machine_given_some_of_its_units_has_the_energies_of_all(rng, storage):
    W, b = network(rng, 8)
    X = rng.choice([-1.0, 1.0], size=(30, 8))
    clamped = rng.random(8) < 0.5
    machine = PairwiseMachine(storage(W), b)
    given = machine.given(X, clamped)
    free = np.ascontiguousarray(X[:, ~clamped])
    np.testing.assert_allclose(given.energy(free), machine.energy(X))
    # And given a unit more.
    more = np.arange(free.shape[1]) == 0
    rest = np.ascontiguousarray(free[:, 1:])
    np.testing.assert_allclose(given.given(free, more).energy(rest), machine.energy(X))


# By enumeration --------------------------------------------------------------


@each_dtype
@each_storage
@pytest.mark.parametrize("at_once", [1, 3, 14])
def test_moments_of_all_units(rng, dtype, storage, at_once, monkeypatch):
    monkeypatch.setattr(pairwise, "_UNITS_AT_ONCE", at_once)
    W, b = network(rng, 6, scale=3, dtype=dtype)
    exact = Sum(W.astype(float), b.astype(float))
    machine = PairwiseMachine(storage(W), b, offset=0.5)
    moments = machine.moments()
    np.testing.assert_allclose(machine.log_partition(), [exact.log_z - 0.5], rtol=1e-13)
    np.testing.assert_allclose(moments.log_partition, [exact.log_z - 0.5], rtol=1e-13)
    np.testing.assert_allclose(moments.means, [exact.means], atol=1e-12)
    np.testing.assert_allclose(moments.correlations, exact.correlations, atol=1e-12)


@pytest.mark.parametrize("at_once", [2, 14])
@pytest.mark.parametrize("n_clamped", [0, 3, 7])
def test_moments_where_some_units_are_clamped(rng, n_clamped, at_once, monkeypatch):
    monkeypatch.setattr(pairwise, "_UNITS_AT_ONCE", at_once)
    W, b = network(rng, 7, scale=2)
    exact = Sum(W, b)
    X = rng.choice([-1.0, 1.0], size=(5, 7))
    clamped = np.isin(np.arange(7), rng.permutation(7)[:n_clamped])
    weight = rng.random(5)
    found = PairwiseMachine(W, b).moments_given(X, clamped, weight)
    log_z, means, correlations = map(
        np.array, zip(*[exact.given(x, clamped) for x in X], strict=True)
    )
    np.testing.assert_allclose(found.log_partition, log_z, rtol=1e-12)
    np.testing.assert_allclose(found.means, means, atol=1e-12)
    expected = np.average(correlations, axis=0, weights=weight)
    np.testing.assert_allclose(found.correlations, expected, atol=1e-12)


def test_log_partition_of_huge_energies_is_finite(rng):
    W, b = network(rng, 5, scale=1000)
    exact = Sum(W, b)
    moments = PairwiseMachine(W, b).moments()
    np.testing.assert_allclose(moments.log_partition, [exact.log_z], rtol=1e-13)
    np.testing.assert_allclose(moments.means, [exact.means], atol=1e-12)


def test_many_units_at_a_bias_alone_have_a_known_partition_function(rng):
    b = rng.normal(size=18)
    moments = PairwiseMachine(np.zeros((18, 18)), b).moments()
    np.testing.assert_allclose(moments.log_partition, [np.logaddexp(b, -b).sum()], rtol=1e-13)
    np.testing.assert_allclose(moments.means, [np.tanh(b)], atol=1e-12)
    off = ~np.eye(18, dtype=bool)
    expected = np.outer(np.tanh(b), np.tanh(b))
    np.testing.assert_allclose(moments.correlations[off], expected[off], atol=1e-12)


def test_exact_samples(rng):
    W, b = network(rng, 5, scale=2)
    X = PairwiseMachine(W, b).exact_samples(20_000, RandomStreams(1))
    assert_frequencies(X, Sum(W, b).p)


# Chains ----------------------------------------------------------------------


@each_dtype
@each_storage
def test_both_engines_draw_what_the_definition_draws(rng, dtype, storage, monkeypatch):
    W, b = network(rng, 19, scale=2, dtype=dtype)
    start = rng.choice([-1, 1], size=(37, 19)).astype(dtype)
    temperatures, seed, stream = np.array([4.0, 2.0, 1.0, 0.4]), 5, 7
    uniform = np.empty((4, 37, 19), dtype=dtype)
    for sweep in range(4):
        for row in range(37):
            pairwise.spins.fill_uniform(seed, stream + sweep, row, 0, uniform[sweep, row])

    def energy_of(x):
        return naive.energy(W.astype(float), b.astype(float), x)

    order = np.arange(19)[None]
    expected = [
        naive.heat(energy_of, start[r].astype(float), order, temperatures, uniform[:, r], False)
        for r in range(37)
    ]
    for engine in ("one by one", "side by side"):
        use(engine, monkeypatch)
        X = start.copy()
        PairwiseMachine(storage(W), b).run(X, temperatures, (seed, stream))
        np.testing.assert_array_equal(X, expected, err_msg=engine)


@each_engine
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_chains_have_the_stationary_distribution_of_their_temperature(
    rng, engine, temperature, monkeypatch
):
    use(engine, monkeypatch)
    W, b = network(rng, 5)
    machine = PairwiseMachine(W, b)
    X = machine.random_states(40_000, (1, 0, 0))
    assert_frequencies(X, np.full(32, 1 / 32))
    machine.run(X, np.full(60, temperature), (1, 1))
    assert_frequencies(X, Sum(W, b, temperature).p)


@each_engine
def test_a_sweep_leaves_the_exact_distribution(rng, engine, monkeypatch):
    use(engine, monkeypatch)
    W, b = network(rng, 5, scale=3)
    machine = PairwiseMachine(csr_array(W), b)
    X = machine.exact_samples(40_000, RandomStreams(3))
    machine.run(X, np.ones(1), (2, 0))
    assert_frequencies(X, Sum(W, b).p)


@each_engine
def test_chains_with_clamped_units(rng, engine, monkeypatch):
    # Half of the rows clamp two units to one pair of states, half of them three to others.
    use(engine, monkeypatch)
    W, b = network(rng, 6)
    first, second = np.array([1, -1, 0, 0, 0, 0.0]), np.array([0, 0, 0, 1, 1, -1.0])
    n_rows = 20_000
    given = np.repeat([first, second], n_rows, axis=0)
    machine = PairwiseMachine(W, b)
    X = np.where(given, given, machine.random_states(2 * n_rows, (1, 0, 0)))
    machine.run(X, np.ones(40), (1, 1), free=given == 0)
    exact = Sum(W, b)
    for x, rows in ((first, X[:n_rows]), (second, X[n_rows:])):
        assert (rows[:, x != 0] == x[x != 0]).all()
        agrees = (exact.states[:, x != 0] == x[x != 0]).all(axis=1)
        assert_frequencies(rows, np.where(agrees, exact.p, 0) / exact.p[agrees].sum())


@each_engine
def test_a_machine_given_some_units_draws_the_others_as_if_these_were_clamped(
    rng, engine, monkeypatch
):
    use(engine, monkeypatch)
    W, b = network(rng, 7)
    machine = PairwiseMachine(W, b)
    X = machine.random_states(50, (1, 0, 0))
    clamped = np.arange(7) >= 4  # the last ones, so that the others have the same random numbers
    rest = np.ascontiguousarray(X[:, :4])
    machine.given(X, clamped).run(rest, np.ones(9), (1, 1))
    machine.run(X, np.ones(9), (1, 1), free=~clamped[None])
    np.testing.assert_array_equal(rest, X[:, :4])


@each_dtype
@each_engine
def test_the_same_states_for_any_number_of_threads(rng, dtype, engine, monkeypatch):
    use(engine, monkeypatch)
    W, b = network(rng, 40, dtype=dtype)
    states = []
    for size in (1, 2, 3):
        helpers = team_of(size, monkeypatch)
        machine = PairwiseMachine(W, b)
        X = machine.random_states(300, (1, 0, 0))
        states.append(machine.run(X, np.ones(5), (1, 1)))
        assert helpers.most_offered == size - 1
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])


def test_a_row_does_not_depend_on_those_beside_it(rng):
    W, b = network(rng, 30)
    machine = PairwiseMachine(W, b)
    many = machine.random_states(64, (1, 0, 0))
    few = many[:17].copy()
    machine.run(many, np.ones(8), (1, 1))
    machine.run(few, np.ones(8), (1, 1))
    np.testing.assert_array_equal(few, many[:17])


def test_calls_are_cut_without_a_trace(rng, monkeypatch):
    W, b = network(rng, 20)
    machine = PairwiseMachine(W, b)
    states = []
    for visits in (1e7, 1):
        monkeypatch.setattr("skebm._spins._VISITS_PER_CALL", visits)
        X = machine.random_states(40, (1, 0, 0))
        states.append(machine.run(X, np.linspace(3, 1, 7), (1, 1)))
    np.testing.assert_array_equal(*states)


def test_chains_in_which_few_units_flip_go_on_one_by_one(rng, monkeypatch):
    # Nothing is to be seen of it but the time: the states are the same.
    monkeypatch.setattr("skebm._spins._VISITS_PER_CALL", 1)
    W, b = network(rng, 20)
    temperatures, states, asked = np.geomspace(5, 0.1, 30), [], []
    for many in (10**9, 10):
        monkeypatch.setattr(pairwise, "_MANY_UNITS", many)
        machine = PairwiseMachine(W, b)
        faster = machine.faster_engine
        machine.faster_engine = lambda *args, f=faster: asked.append(f(*args)) or asked[-1]
        X = machine.random_states(32, (1, 0, 0))
        states.append(machine.run(X, temperatures, (1, 1)))
    np.testing.assert_array_equal(*states)
    assert len(set(map(type, asked))) == 2
    assert type(asked[-1]) is not type(asked[0])


# Mean field ------------------------------------------------------------------


@each_dtype
@each_storage
def test_mean_field_is_a_fixed_point_with_a_bound(rng, dtype, storage):
    W, b = network(rng, 8, dtype=dtype)
    exact = Sum(W.astype(float), b.astype(float))
    found = PairwiseMachine(storage(W), b, offset=2.0).mean_field(tol=1e-5)
    m = found.means[0].astype(float)
    np.testing.assert_allclose(m, np.tanh(W @ m + b), atol=1e-4)
    p = (1 + m) / 2
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum()
    expected = entropy - naive.energy(W.astype(float), b.astype(float), m) - 2
    np.testing.assert_allclose(found.bound, [expected], rtol=1e-5)
    assert found.bound < exact.log_z - 2
    assert found.bound > exact.log_z - 2 - 2
    assert found.means.dtype == dtype


def test_mean_field_of_independent_units_is_exact(rng):
    b = rng.normal(size=6) * 3
    found = PairwiseMachine(np.zeros((6, 6)), b).mean_field()
    np.testing.assert_allclose(found.means, [np.tanh(b)], atol=1e-4)
    np.testing.assert_allclose(found.bound, [np.logaddexp(b, -b).sum()], atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_no_sweep_of_mean_field_lowers_the_bound(seed):
    # Strong frustrated couplings, where updating all units together would swing.
    W, b = network(np.random.default_rng(seed), 15, scale=5)
    bounds = [PairwiseMachine(W, b).mean_field(max_iter=n, tol=0).bound[0] for n in range(1, 30)]
    assert np.diff(bounds).min() > -1e-9
    assert bounds[-1] > bounds[0]


def test_mean_field_of_units_given_others_for_each_row(rng):
    W, b = network(rng, 9)
    X = rng.choice([-1.0, 1.0], size=(40, 9))
    clamped = np.arange(9) < 5
    found = PairwiseMachine(W, b).given(X, clamped).mean_field(tol=1e-9)
    exact = PairwiseMachine(W, b).moments_given(X, clamped)
    assert (found.bound <= exact.log_partition + 1e-9).all()
    for x, m in zip(X, found.means, strict=True):
        fields = W[5:, :5] @ x[:5] + W[5:, 5:] @ m + b[5:]
        np.testing.assert_allclose(m, np.tanh(fields), atol=1e-7)


def test_mean_field_goes_on_from_where_it_was(rng):
    W, b = network(rng, 12)
    machine = PairwiseMachine(W, b)
    first = machine.mean_field(tol=1e-8)
    again = machine.mean_field(start=first.means, tol=1e-8)
    assert first.n_sweeps[0] > 2
    assert again.n_sweeps[0] <= 2
    np.testing.assert_allclose(again.means, first.means, atol=1e-7)
