"""Partition functions: against enumeration, and annealing against what it rests on."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from scipy import stats
from scipy.special import expit, logsumexp, softmax

import annealing
import enumeration
from skebm import BernoulliRBM, BoltzmannMachine
from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows
from skebm.boltzmann import partition
from skebm.boltzmann import path as path_module
from skebm.boltzmann.machine import Machine
from skebm.boltzmann.partition import (
    LogPartition,
    anneal,
    annealed_log_partition,
    exact_log_partition,
    inverse_temperatures,
)
from skebm.boltzmann.path import TemperaturePath
from skebm.boltzmann.summation import enumerable, exact_samples
from skebm.boltzmann.units import BernoulliUnits
from surroundings import team_of

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def only_path(n_visible, n_hidden, scale=2.5, dtype=np.float64, seed=0):
    """A path from one random machine to another."""
    W, b, c = (x.astype(dtype) for x in enumeration.make_model(n_visible, n_hidden, scale, seed))
    rng = np.random.default_rng(seed + 1)
    base = (BernoulliUnits(rng.normal(0, 1, n).astype(dtype)) for n in (n_visible, n_hidden))
    return TemperaturePath(Machine.restricted(W, BernoulliUnits(b), BernoulliUnits(c)), *base)


def make_path(*args, **kwargs):
    """A path to a machine, and the exact quantities of that machine after rounding."""
    path = only_path(*args, **kwargs)
    return path, enumerated_at(path, 1.0)


def enumerated_at(path, beta):
    """The machine on the path, enumerated."""
    machine = path.machine
    b, c = (
        (1 - beta) * np.float64(base.bias) + beta * np.float64(own.bias)
        for base, own in ((path.even, machine.visible), (path.odd, machine.hidden))
    )
    return enumeration.Enumeration(beta * np.float64(machine.weights), b, c)


# Exact -----------------------------------------------------------------------


@each_dtype
# The last two have more states than are summed over in one go.
@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (5, 5), (1, 4), (10, 11), (11, 10)])
def test_exact_is_the_sum_over_all_states(shape, dtype):
    path, exact = make_path(*shape, dtype=dtype)
    result = exact_log_partition(path.machine)
    # Sums of about ten numbers of up to the largest energy, of which the eps counts.
    size = np.abs(exact.energy(exact.v)).max()
    assert abs(result.estimate - exact.log_z) < 20 * size * np.finfo(dtype).eps
    assert result == LogPartition(result.estimate, result.estimate, result.estimate, 0.0)


@each_dtype
@pytest.mark.parametrize("n_hidden", [0, 4])
def test_no_weights_or_no_hidden_units_are_exact(n_hidden, dtype):
    b, c = np.arange(5.0) - 2, np.linspace(-3, 1, n_hidden)
    expected = np.log(1 + np.exp(b)).sum() + np.log(1 + np.exp(c)).sum()
    tolerance = 1e-10 if dtype == np.float64 else 1e-5
    visible, hidden = BernoulliUnits(b.astype(dtype)), BernoulliUnits(c.astype(dtype))
    machine = Machine.restricted(np.zeros((5, n_hidden), dtype=dtype), visible, hidden)
    # Where the hidden units of the path start is of no account, as no visible unit hears of it.
    path = TemperaturePath(machine, visible, BernoulliUnits(np.ones_like(hidden.bias)))
    results = (
        exact_log_partition(machine),
        annealed_log_partition(path, inverse_temperatures(50), 7, None, 3, RandomStreams(1)),
    )
    for result in results:
        assert [result.lower, result.estimate, result.upper] == pytest.approx(
            [expected] * 3, rel=0, abs=tolerance
        )
        assert result.standard_error < tolerance


def beside(path, other):
    """A path to two machines that have nothing to do with each other."""

    def joined(layer, of_other):
        return BernoulliUnits(np.concatenate([layer.bias, of_other.bias]))

    one, two = path.machine, other.machine
    weights = np.zeros(np.add(one.weights.shape, two.weights.shape))
    weights[: one.weights.shape[0], : one.weights.shape[1]] = one.weights
    weights[one.weights.shape[0] :, one.weights.shape[1] :] = two.weights
    machine = Machine.restricted(
        weights, joined(one.visible, two.visible), joined(one.hidden, two.hidden)
    )
    return TemperaturePath(machine, joined(path.even, other.even), joined(path.odd, other.odd))


def test_disjoint_machines_add_up():
    (one, of_one), (two, of_two) = make_path(5, 4), make_path(4, 6, seed=7)
    both = beside(one, two)
    expected = of_one.log_z + of_two.log_z
    assert exact_log_partition(both.machine).estimate == pytest.approx(expected, abs=1e-10)
    result = annealed_log_partition(both, inverse_temperatures(500), 200, None, 0, RandomStreams(1))
    assert abs(result.estimate - expected) < 4 * result.standard_error < 0.2


@pytest.mark.parametrize("shape", [(4, 3), (3, 4)], ids=["by hidden", "by visible"])
def test_exact_samples_come_from_the_machine(shape):
    path, exact = make_path(*shape, scale=1.5)
    v = exact_samples(path.machine, 50_000, RandomStreams(3))
    counts = np.bincount(enumeration.number_of(v), minlength=len(exact.p_v))
    expected = len(v) * exact.p_v
    assert expected.min() > 5
    assert stats.chisquare(counts, expected).pvalue > 1e-3


# The path --------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_the_path_mixes_the_energies(beta):
    path, exact = make_path(4, 3)
    here, mixed = path.at(beta), enumerated_at(path, beta)
    log_mass = here.log_mass(path.even_gap(exact.v), exact.v @ path.machine.weights)
    # All betas share the energy of the base.
    log_mass -= path.even.energy(exact.v)
    np.testing.assert_allclose(log_mass, np.log(mixed.p_v) + mixed.log_z, rtol=1e-12)
    of_base = enumerated_at(path, 0.0)
    assert path.log_partition_of_base() == pytest.approx(of_base.log_z, abs=1e-12)


@each_dtype
def test_the_path_keeps_the_type(dtype):
    path, _ = make_path(4, 3, dtype=dtype)
    for beta in inverse_temperatures(3):
        here = path.at(beta)
        assert here.even.bias.dtype == here.odd.bias.dtype == dtype


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_states_on_the_path_follow_the_mixed_conditionals(beta):
    path, _ = make_path(4, 3, scale=1.5)
    mixed = enumerated_at(path, beta)
    v, h = mixed.draw(100_000, np.random.default_rng(0))
    here, address = path.at(beta), (5, 0, 0)
    new_h = here.sample_odd(v @ path.machine.weights, address, np.empty_like(h))
    new_v = here.sample_even(h @ path.machine.weights.T, address, np.empty_like(v))
    for pair in ((v, new_h), (new_v, h)):
        numbers = enumeration.number_of(np.hstack(pair))
        expected = len(v) * mixed.joint.ravel()
        counts = np.bincount(numbers, minlength=len(expected))
        often = expected > 5
        z = (counts - expected)[often] / np.sqrt(expected[often])
        assert stats.chi2.sf((z**2).sum(), often.sum()) > 1e-3


# Annealing -------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "n_temperatures"), [((3, 2), 4), ((10, 8), 40)])
@pytest.mark.parametrize("way", ["there", "back"])
def test_the_mean_weight_is_the_ratio_of_both_partition_functions(shape, n_temperatures, way):
    path, exact = make_path(*shape, scale=1.5)
    betas, n_chains, streams = inverse_temperatures(n_temperatures), 20_000, RandomStreams(2)
    log_ratio = exact.log_z - path.log_partition_of_base()
    if way == "there":
        v = path.even.base_rate(n_chains, (streams.seed, streams.take(), 0))
    else:
        betas, log_ratio = betas[::-1], -log_ratio
        v, _ = exact.draw(n_chains, np.random.default_rng(0))
    shares = np.exp(anneal(path, betas, v, streams) - log_ratio)
    standard_error = shares.std() / np.sqrt(n_chains)
    assert standard_error < 0.1, "too few chains to tell anything"
    assert abs(shares.mean() - 1) < 4.5 * standard_error


@pytest.mark.parametrize("shape", [(3, 2), (10, 8)])
def test_bounds_hold_in_expectation_and_by_more_than_noise(shape):
    path, exact = make_path(*shape)
    betas, streams = inverse_temperatures(3), RandomStreams(4)
    results = [annealed_log_partition(path, betas, 5, None, 0, streams) for _ in range(400)]
    for errors in (
        np.array([exact.log_z - result.lower for result in results]),
        np.array([result.upper - exact.log_z for result in results]),
    ):
        assert errors.mean() > 3 * errors.std() / np.sqrt(len(errors)) > 0


def test_annealing_leads_to_samples_of_the_machine():
    path, exact = make_path(4, 3, scale=1.5)
    streams = RandomStreams(3)
    v = path.even.base_rate(40_000, (streams.seed, streams.take(), 0))
    weights = softmax(anneal(path, inverse_temperatures(20), v, streams))
    found = np.bincount(enumeration.number_of(v), weights, minlength=16)
    standard_error = np.sqrt(
        np.bincount(enumeration.number_of(v), weights**2, minlength=16)
        + found**2 * (weights**2).sum()
    )
    assert np.all(np.abs(found - exact.p_v) < 4.5 * standard_error)
    assert standard_error.max() < 0.01


@each_dtype
def test_many_temperatures_come_within_a_twentieth_of_a_nat(dtype, monkeypatch):
    path, exact = trained_on_bars(dtype)
    ways = annealing.watch(monkeypatch)
    result = annealed_log_partition(
        path, inverse_temperatures(5_000), 100, None, 0, RandomStreams(1)
    )
    annealing.assert_bounds_are_near(result, exact, ways, most=0.05)


def trained_on_bars(dtype):
    """The path to a trained machine with 16 hidden units, and its exact log Z in float64."""
    rng = np.random.default_rng(0)
    bars = rng.random((500, 6)) < 0.3
    X = np.repeat(bars, 6, axis=1).astype(dtype)
    X[rng.random(X.shape) < 0.02] = 1
    rbm = BernoulliRBM(16, learning_rate=0.1, n_iter=20, centered=True, random_state=0).fit(X)
    W, b, c = (
        np.float64(x) for x in (rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_)
    )
    h = enumeration.all_states(16)
    exact = logsumexp(h @ c + np.logaddexp(0, h @ W.T + b).sum(axis=1))
    assert np.abs(W).max() > 2, "hardly trained"
    model = rbm.__skebm_model__(dtype)
    return TemperaturePath(model.machine, *model.base), exact


def test_annealing_starts_from_what_was_fitted_whatever_the_parameters_are_now():
    X = np.repeat([[1.0, 0, 0, 1]], 20, axis=0)
    rbm = BernoulliRBM(3, batch_size=1, n_iter=2, random_state=0).fit(X)
    options = {"method": "ais", "n_temperatures": 3, "n_chains": 5, "random_state": 0}
    before = rbm.log_partition(**options)
    assert rbm.set_params(batch_size=1000).log_partition(**options) == before


@pytest.mark.parametrize("start", ["end of the way there", "rows"])
def test_where_no_layer_can_be_enumerated_chains_make_the_samples(start, monkeypatch):
    path, exact = make_path(10, 8, scale=1.0)
    monkeypatch.setattr(path_module, "enumerable", lambda machine: False)
    ways = annealing.watch(monkeypatch)
    rows = None if start != "rows" else as_rows(np.eye(10, dtype=np.float32)[:7])
    result = annealed_log_partition(
        path, inverse_temperatures(300), 200, rows, 50, RandomStreams(1)
    )
    annealing.assert_bounds_are_near(result, exact.log_z, ways, most=0.1)


def test_rows_are_where_the_way_back_starts(monkeypatch):
    # Without a step of burn-in, the weight of one short way back is that of its row.
    path, exact = make_path(4, 3)
    monkeypatch.setattr(path_module, "enumerable", lambda machine: False)
    row = np.array([[1.0, 0, 1, 1]])
    result = annealed_log_partition(path, np.array([0.0, 1]), 5, as_rows(row), 0, RandomStreams(1))
    mass_here = -exact.free_energy(row)[0]
    mass_at_base = -enumerated_at(path, 0.0).free_energy(row)[0]
    expected = path.log_partition_of_base() + mass_here - mass_at_base
    assert result.upper == pytest.approx(expected, abs=1e-12)


def test_bennetts_estimate_is_between_and_its_error_is_known():
    # Normal log-weights of both ways, which agree with each other as those of annealing do:
    # reversing the way multiplies the density of a log-weight w by exp(w) / ratio.
    rng = np.random.default_rng(0)
    log_ratio, deviation, n_chains = 12.0, 1.5, 50
    found = []
    for _ in range(400):
        there = rng.normal(log_ratio - deviation**2 / 2, deviation, n_chains)
        back = rng.normal(-log_ratio - deviation**2 / 2, deviation, n_chains)
        found.append(partition._combine(there, back))
        ratio = found[-1][0]
        assert expit(there - ratio).sum() == pytest.approx(expit(back + ratio).sum(), rel=1e-6)
    estimates, standard_errors = np.array(found).T
    assert abs(estimates.mean() - log_ratio) < 4 * estimates.std() / 20
    # The standard error of a standard deviation of n numbers is a share 1 / sqrt(2 n) of it.
    tolerance = 4.5 / np.sqrt(2 * len(estimates))
    assert standard_errors.mean() == pytest.approx(estimates.std(), rel=tolerance)


def test_ways_that_never_met_are_combined_in_the_middle():
    ratio, standard_error = partition._combine(np.full(10, -500.0), np.full(10, -700.0))
    assert ratio == pytest.approx(100)
    assert standard_error == 0


# The same bits ---------------------------------------------------------------


def annealed_wide(dtype):
    path = only_path(12, 30, scale=0.3, dtype=dtype)
    return annealed_log_partition(path, inverse_temperatures(12), 110, None, 3, RandomStreams(9))


@each_dtype
def test_same_result_for_any_number_of_threads(dtype, monkeypatch):
    results = []
    for size in (1, 2, 3):
        helpers = team_of(size, monkeypatch)
        results.append(annealed_wide(dtype))
        assert helpers.most_offered == size - 1
    assert results[1:] == results[:1] * 2


@each_dtype
def test_same_result_however_the_way_is_cut_into_calls(dtype, monkeypatch):
    whole = annealed_wide(dtype)
    monkeypatch.setattr(partition, "_WEIGHTS_PER_CALL", 1)
    assert annealed_wide(dtype) == whole


# As methods ------------------------------------------------------------------


def make_rbm(n_visible=5, n_hidden=4, dtype=np.float64, **params):
    """A fitted estimator with the weights of an enumerated model."""
    W, b, c = (x.astype(dtype) for x in enumeration.make_model(n_visible, n_hidden))
    X = (np.random.default_rng(0).random((30, n_visible)) < 0.5).astype(dtype)
    rbm = BernoulliRBM(n_hidden, n_iter=0, random_state=0, **params).fit(X)
    rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_ = W.T, b, c
    return rbm, enumeration.Enumeration(W, b, c)


@each_dtype
def test_likelihoods_are_those_of_the_enumeration(dtype):
    rbm, exact = make_rbm(dtype=dtype)
    found = rbm.log_likelihood(exact.v.astype(dtype))
    assert found.dtype == dtype
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(found, np.log(exact.p_v), rtol=0, atol=tolerance)


def test_a_partition_function_computed_before_is_used():
    rbm, exact = make_rbm()
    result = LogPartition(estimate=3.0, lower=2.0, upper=5.0, standard_error=1.0)
    energies = exact.free_energy(exact.v)
    for given, value in ((result, 3), (result.upper, 5), (np.float32(2), 2), (0, 0)):
        np.testing.assert_allclose(rbm.log_likelihood(exact.v, given), -energies - value)


def test_likelihoods_that_need_annealing_are_the_same_at_each_call(monkeypatch):
    rbm = BernoulliRBM(21, n_iter=1, random_state=0).fit(np.eye(22))
    monkeypatch.setattr(
        "skebm.boltzmann.inference.inverse_temperatures", lambda n: inverse_temperatures(n // 500)
    )
    before = rbm._streams.next_stream
    X = np.eye(22)
    assert np.array_equal(rbm.log_likelihood(X), rbm.log_likelihood(X))
    assert rbm._streams.next_stream == before


def test_methods_of_both_kinds_agree():
    rbm, exact = make_rbm(8, 7)
    assert rbm.log_partition().standard_error == 0
    assert rbm.log_partition("exact").estimate == pytest.approx(exact.log_z, abs=1e-10)
    result = rbm.log_partition("ais", n_temperatures=300, n_chains=200, random_state=0)
    assert 0 < result.standard_error < 0.1
    assert abs(result.estimate - exact.log_z) < 4 * result.standard_error
    assert rbm.log_partition("ais", n_temperatures=300, n_chains=200, random_state=0) == result


def test_auto_enumerates_up_to_twenty_units():
    for shape, exact in (((25, 20), True), ((20, 25), True), ((21, 21), False)):
        W, b, c = (np.zeros(s) for s in (shape, shape[0], shape[1]))
        machine = Machine.restricted(W, BernoulliUnits(b), BernoulliUnits(c))
        assert enumerable(machine) == exact


def test_exact_is_refused_where_both_layers_are_large():
    rbm = BernoulliRBM(31, n_iter=0).fit(np.eye(31))
    with pytest.raises(ValueError, match=r"BernoulliRBM\.log_partition is 'exact'.* at most 30"):
        rbm.log_partition("exact")


# What cannot be trusted ------------------------------------------------------


def test_bounds_that_cross_are_said_and_the_estimate_is_the_one_that_holds():
    X = (np.random.default_rng(0).random((50, 24)) < 0.5).astype(float)
    rbm = BernoulliRBM(24, n_iter=1, random_state=0).fit(X)
    # Two modes: nearly all of the mass is where all units are on.
    rbm.components_ = np.ones((24, 24))
    rbm.intercept_hidden_, rbm.intercept_visible_ = np.full(24, -12.0), np.full(24, -8.0)
    options = {"method": "ais", "n_temperatures": 500, "n_burn_in": 0, "random_state": 0}
    fine = rbm.log_partition(X=np.ones((5, 24)), **options)
    with pytest.warns(UserWarning, match="bounds of BernoulliRBM.log_partition cross"):
        astray = rbm.log_partition(X=np.zeros((5, 24)), **options)
    assert astray.upper < astray.lower - 10
    assert astray.estimate == astray.lower == pytest.approx(fine.estimate, abs=1)
    assert astray.standard_error >= astray.lower - astray.upper


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
def test_data_that_are_no_states_have_no_likelihood(storage):
    X = np.random.default_rng(0).integers(0, 2, (20, 4)).astype(float)
    rbm = BernoulliRBM(3, n_iter=1, random_state=0).fit(X)
    with warnings.catch_warnings(action="error"):
        rbm.log_likelihood(storage(X))
    for other in (0.5 * X, 16 * X):
        with pytest.warns(UserWarning, match=r"BernoulliRBM.log_likelihood .* Binarize the data"):
            rbm.log_likelihood(storage(other))


@pytest.mark.parametrize(
    "model", [BernoulliRBM(3, n_iter=1, random_state=0), BoltzmannMachine()], ids=type
)
def test_log_z_is_computed_once_for_the_same_model(model, monkeypatch):
    X = np.random.default_rng(0).integers(0, 2, (20, 4)).astype(float)
    model.fit(X)
    kind, n_calls = type(model), []
    log_partition = kind.log_partition

    def counted(self, *args, **kwargs):
        n_calls.append(self)
        return log_partition(self, *args, **kwargs)

    monkeypatch.setattr(kind, "log_partition", counted)
    before = model.log_likelihood(X)
    np.testing.assert_array_equal(model.log_likelihood(X[:3]), before[:3])
    assert len(n_calls) == 1
    X[:, 0] = 1 - X[:, 0]
    after = model.fit(X).log_likelihood(X)
    np.testing.assert_allclose(after, model.log_likelihood(X, model.log_partition("exact")))
    assert len(n_calls) == 3
