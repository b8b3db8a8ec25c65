"""Parallel tempering: against enumeration, and where one chain does not come out of its mode."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

import enumeration
from skebm import BernoulliRBM
from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows
from skebm.boltzmann import tempering
from skebm.boltzmann.chains import PT
from skebm.boltzmann.learner import Learner, Settings, new_solvers
from skebm.boltzmann.machine import Machine
from skebm.boltzmann.tempering import Tempering
from skebm.boltzmann.units import BernoulliUnits
from surroundings import team_of

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

BETAS = np.array([0.0, 0.35, 0.7, 1.0])


def make_machine(n_visible=3, n_hidden=2, scale=2.5, dtype=np.float64):
    arrays = (x.astype(dtype) for x in enumeration.make_model(n_visible, n_hidden, scale))
    W, b, c = arrays
    return Machine.restricted(W, BernoulliUnits(b), BernoulliUnits(c))


def make_base(machine, seed=1):
    rng = np.random.default_rng(seed)
    return tuple(
        BernoulliUnits(rng.normal(0, 1, n).astype(machine.dtype)) for n in machine.weights.shape
    )


def enumerated(machine, base, betas):
    """The machine at each of the temperatures, enumerated."""
    layers = list(zip(base, (machine.visible, machine.hidden), strict=True))
    return [
        enumeration.Enumeration(
            beta * machine.weights,
            *((1 - beta) * at_0.bias + beta * at_1.bias for at_0, at_1 in layers),
        )
        for beta in betas
    ]


def check_counts(numbers, p):
    expected = len(numbers) * p
    counts = np.bincount(numbers, minlength=len(p))
    often = expected > 5
    assert often.sum() > 3
    z = (counts - expected)[often] / np.sqrt(expected[often])
    assert stats.chi2.sf((z**2).sum(), often.sum()) > 1e-4


# The sweep -------------------------------------------------------------------


@pytest.mark.parametrize("n_sweeps", [1, 2, 3])
def test_sweeps_do_not_move_the_exact_distribution_of_all_replicas(n_sweeps):
    machine = make_machine()
    base = make_base(machine)
    exact = enumerated(machine, base, BETAS)
    rng = np.random.default_rng(0)
    h = np.array([one.draw(100_000, rng)[1] for one in exact])
    tempering = Tempering(base, BETAS.copy())
    v = tempering.run(machine, h, n_sweeps, (5, 100), adapt=False)
    for r, one in enumerate(exact):
        numbers = enumeration.number_of(np.hstack([v[r], h[r]]))
        check_counts(numbers, one.joint.ravel())
    # Neighbours stay independent of each other.
    for a in range(len(BETAS) - 1):
        numbers = 8 * enumeration.number_of(v[a]) + enumeration.number_of(v[a + 1])
        check_counts(numbers, np.outer(exact[a].p_v, exact[a + 1].p_v).ravel())


def test_the_hottest_replica_is_drawn_exactly_whatever_it_was():
    machine = make_machine()
    base = make_base(machine)
    hottest = enumerated(machine, base, [0.0])[0]
    h = np.zeros((3, 50_000, 2))
    # In the first sweep, it is the even pairs that swap: the hottest with the next one.
    tempering = Tempering(base, np.array([0.0, 0.0, 1.0]))
    v = tempering.run(machine, h, 1, (1, 0), adapt=False)
    check_counts(enumeration.number_of(v[0]), hottest.p_v)


def test_swap_rates_are_the_mean_probabilities_of_the_enumeration():
    machine = make_machine()
    base = make_base(machine)
    exact = enumerated(machine, base, BETAS)
    rng = np.random.default_rng(0)
    h = np.array([one.draw(100_000, rng)[1] for one in exact])
    tempering = Tempering(base, BETAS.copy())
    tempering.run(machine, h, 2, (3, 0), adapt=False)
    for a in range(len(BETAS) - 1):
        p, q = exact[a].p_v, exact[a + 1].p_v
        both = np.outer(p, q)
        accepted = np.minimum(1, both.T / both)
        rate = (both * accepted).sum()
        # A pair of neighbours takes part in every second sweep, which is one of the two.
        standard_error = np.sqrt(((both * accepted**2).sum() - rate**2) / h.shape[1])
        assert abs(tempering.swap_rates[a] - rate) < 4.5 * standard_error


@pytest.mark.parametrize(("n_replicas", "n_chains"), [(2, 1), (3, 5), (4, 40)])
def test_even_and_odd_pairs_take_turns(n_replicas, n_chains):
    machine = make_machine()
    tempering = Tempering(make_base(machine), np.linspace(0, 1, n_replicas))
    h = np.zeros((n_replicas, n_chains, 2))
    tempering.run(machine, h, 1, (3, 0))
    assert np.all(tempering.swap_rates[0::2] < 1)
    assert np.all(tempering.swap_rates[1::2] == 1)
    tempering.run(machine, h, 1, (3, 10))
    assert np.all(tempering.swap_rates < 1)
    assert tempering.n_sweeps == 2


def test_sweeps_in_two_calls_are_those_of_one():
    machine = make_machine(5, 4)
    results = []
    for parts in ([5], [2, 3]):
        tempering = Tempering(make_base(machine), BETAS.copy())
        h, stream = np.zeros((4, 7, 4)), 0
        for n_sweeps in parts:
            v = tempering.run(machine, h, n_sweeps, (3, stream))
            stream += 3 * n_sweeps
        results.append((v.tobytes(), h.tobytes(), tempering.swap_rates.tobytes()))
    assert results[0] == results[1]


@each_dtype
def test_same_bits_for_any_number_of_threads(dtype, monkeypatch):
    monkeypatch.setattr(tempering, "_SMALLEST_WORK", 1)
    machine = make_machine(40, 30, scale=0.5, dtype=dtype)
    results = []
    for size in (1, 2, 3):
        helpers = team_of(size, monkeypatch)
        replicas = Tempering(make_base(machine), np.linspace(0, 1, 6))
        h = np.zeros((6, 20, 30), dtype=dtype)
        v = replicas.run(machine, h, 110, (3, 0))
        results.append((v.tobytes(), h.tobytes(), replicas.betas.tobytes()))
        assert helpers.most_offered == size - 1
    assert v.dtype == h.dtype == dtype
    assert results[1:] == results[:1] * 2


# The ladder ------------------------------------------------------------------


def test_temperatures_share_the_rejections():
    # Rejected: 0.6 from 0 to 0.5 and 0.2 from there to 1. Half of 0.8 is at two thirds of 0.5.
    tempering = Tempering(None, np.array([0.0, 0.5, 1]), np.array([0.4, 0.8]))
    tempering._level()
    np.testing.assert_allclose(tempering.betas, [0, 1 / 3, 1])
    np.testing.assert_allclose(tempering.swap_rates, [0.6, 0.6])


def test_temperatures_where_nothing_is_rejected_stay_apart():
    betas = np.linspace(0, 1, 5)
    tempering = Tempering(None, betas.copy(), np.ones(4))
    tempering._level()
    np.testing.assert_allclose(tempering.betas, betas)


def test_the_ladder_adapts_until_swaps_are_equally_likely():
    machine = make_machine(12, 8, scale=1.5)
    betas = np.linspace(0, 1, 6) ** 4  # far from level
    tempering = Tempering(make_base(machine), betas)
    h = np.zeros((6, 40, 8))
    tempering.run(machine, h, 1500, (3, 0))
    tempering.swap_rates[:], tempering.n_sweeps = 1, 0
    tempering.run(machine, h, 1500, (3, 9000), adapt=False)
    assert np.ptp(tempering.swap_rates) < 0.1
    assert tempering.betas[0] == 0
    assert tempering.betas[-1] == 1
    # Which they were not.
    unlevel = Tempering(make_base(machine), np.linspace(0, 1, 6) ** 4)
    unlevel.run(machine, h, 500, (3, 20_000), adapt=False)
    assert np.ptp(unlevel.swap_rates) > 0.3


# Learning --------------------------------------------------------------------


def test_learning_from_exact_replicas_goes_along_the_gradient_of_the_likelihood():
    W, b, c = enumeration.make_model(4, 3, scale=2)
    machine = Machine.restricted(W.copy(), BernoulliUnits(b.copy()), BernoulliUnits(c.copy()))
    base, betas = make_base(machine), np.array([0.0, 0.6, 1.0])
    exact = enumerated(machine, base, betas)
    X = np.array([[0.0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1]])

    n_chains, rate = 40_000, 1e-9
    rng = np.random.default_rng(1)
    chains = np.array([one.draw(n_chains, rng)[1] for one in exact])
    settings = Settings(
        learning_rate=rate,
        batch_size=3,
        n_gibbs_steps=2,
        momentum=0.0,
        l2=0.0,
        l1=0.0,
        sparsity_target=None,
        sparsity_cost=0.0,
        centered=False,
    )
    offsets = np.full(4, 0.5), np.full(3, 0.5)
    phase = PT(chains, Tempering(base, betas.copy()))
    learner = Learner(machine, phase, offsets, new_solvers(machine), 0, RandomStreams(3))
    learner.run_epoch(as_rows(X), np.arange(3), settings)

    found = [
        (after - before) / rate
        for after, before in zip(
            (machine.weights, machine.visible.bias, machine.hidden.bias), (W, b, c), strict=True
        )
    ]
    expected = enumeration.finite_differences(
        lambda *parameters: enumeration.Enumeration(*parameters).log_likelihood(X).mean(),
        [W, b, c],
    )
    for got, wanted in zip(found, expected, strict=True):
        # A mean of n numbers between 0 and 1 has at most this standard error.
        np.testing.assert_allclose(got, wanted, rtol=0, atol=4.5 * 0.5 / np.sqrt(n_chains))


# Two modes -------------------------------------------------------------------

N_UNITS = 8  # of which one half is on in one mode, the other half in the other
SHARE = 0.8


def in_first_mode(v):
    return v[:, : N_UNITS // 2].sum(axis=1) > v[:, N_UNITS // 2 :].sum(axis=1)


def share_of_first_mode(rbm):
    """Probability of the first mode under the model, by enumeration."""
    v = enumeration.all_states(N_UNITS)
    return np.exp(rbm.log_likelihood(v))[in_first_mode(v)].sum()


@cache
def two_modes():
    """Rows of two modes of unequal weight, with one pixel in twenty wrong."""
    rng = np.random.default_rng(0)
    first = np.arange(1000) < SHARE * 1000
    X = np.zeros((1000, N_UNITS))
    X[np.ix_(first, range(N_UNITS // 2))] = 1
    X[np.ix_(~first, range(N_UNITS // 2, N_UNITS))] = 1
    return np.abs(X - (rng.random(X.shape) < 0.05))


def model_of_two_modes(share, X, **params):
    """An estimator whose model has two modes with nothing between them, fit for data like `X`."""
    rbm = BernoulliRBM(2, n_iter=0, random_state=0, **params).fit(X)
    sign = np.repeat([1.0, -1.0], N_UNITS // 2)
    rbm.components_ = np.array([3.0 * sign, -3.0 * sign])
    rbm.intercept_visible_ = np.zeros(N_UNITS)
    rbm.intercept_hidden_ = np.array([np.log(share / (1 - share)), 0.0])
    assert abs(share_of_first_mode(rbm) - share) < 0.01
    return rbm


def test_learning_by_tempering_recovers_the_weights_of_two_modes_where_pcd_does_not():
    # The chains of PCD start one half in each mode, which is what the model has at first. There
    # they stay, whatever weights the modes get, so the first one is given ever more.
    learning = {
        "n_iter": 80,
        "n_gibbs_steps": 2,
        "learning_rate": 0.003,
        "learning_rate_schedule": "cosine",
        "warm_start": True,
    }
    shares = {}
    for algorithm in ("pt", "pcd"):
        X = two_modes()
        rbm = model_of_two_modes(0.5, X, algorithm=algorithm, n_chains=100, batch_size=100)
        shares[algorithm] = share_of_first_mode(rbm.set_params(**learning).fit(X))
    assert abs(shares["pt"] - SHARE) < 0.05
    assert abs(shares["pcd"] - SHARE) > 0.1


def test_tempered_samples_have_the_weights_of_two_modes_where_gibbs_sampling_does_not():
    # Chains start half in one, half in the other, as their start knows but the means of the data.
    X = np.concatenate([two_modes(), 1 - two_modes()])
    rbm = model_of_two_modes(SHARE, X)
    share = share_of_first_mode(rbm)
    found = {
        algorithm: in_first_mode(rbm.sample(1000, 100, algorithm=algorithm, random_state=0)).mean()
        for algorithm in ("pt", "gibbs")
    }
    assert abs(found["pt"] - share) < 4.5 * np.sqrt(share * (1 - share) / 1000)
    assert abs(found["gibbs"] - share) > 0.15


def test_tempered_samples_are_those_of_the_enumeration():
    W, b, c = enumeration.make_model(4, 3)
    rbm = BernoulliRBM(3, n_iter=0, random_state=0, n_replicas=4).fit(np.eye(4))
    rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_ = W.T, b, c
    v = rbm.sample(5000, 60, algorithm="pt", random_state=0)
    check_counts(enumeration.number_of(v), enumeration.Enumeration(W, b, c).p_v)


def test_tempered_samples_keep_what_is_clamped_and_follow_it():
    W, b, c = enumeration.make_model(5, 3)
    exact = enumeration.Enumeration(W, b, c)
    rbm = BernoulliRBM(3, n_iter=0, random_state=0, n_replicas=4).fit(np.eye(5))
    rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_ = W.T, b, c
    start = np.array([[1.0, 0, 1, 0, 0]])
    clamp = np.array([True, True, False, False, False])
    v = rbm.sample(5000, 60, init=start, clamp=clamp, algorithm="pt", random_state=0)
    assert np.all(v[:, :2] == [1, 0])
    agrees = np.all(exact.v[:, :2] == [1, 0], axis=1)
    check_counts(enumeration.number_of(v[:, 2:]), exact.p_v[agrees] / exact.p_v[agrees].sum())


def test_no_step_of_tempered_sampling_is_the_start():
    rbm = model_of_two_modes(SHARE, two_modes())
    assert np.array_equal(rbm.sample(n_steps=0, init=two_modes(), algorithm="pt"), two_modes())


# The estimator ---------------------------------------------------------------


def binary_rows(n_rows=40, n_features=6):
    return (np.random.default_rng(0).random((n_rows, n_features)) < 0.4).astype(np.float64)


def make_rbm(**params):
    params = {"n_components": 4, "n_iter": 3, "random_state": 0, "algorithm": "pt"} | params
    return BernoulliRBM(**params)


@each_dtype
def test_fitted_attributes_of_tempering(dtype):
    rbm = make_rbm(n_replicas=5, batch_size=7).fit(binary_rows().astype(dtype))
    assert rbm.h_samples_.shape == (5, 7, 4)
    assert rbm.betas_.shape == (5,)
    assert rbm.swap_rates_.shape == (4,)
    for array in (rbm.h_samples_, rbm.betas_, rbm.swap_rates_, rbm.components_):
        assert array.dtype == dtype
    assert np.all(np.diff(rbm.betas_) > 0)
    assert np.all((rbm.swap_rates_ > 0) & (rbm.swap_rates_ <= 1))
    # Another algorithm has no replicas, and goes on without.
    rbm.set_params(algorithm="pcd").partial_fit(binary_rows().astype(dtype))
    assert rbm.h_samples_.shape == (7, 4)
    assert not hasattr(rbm, "betas_")
    assert not hasattr(rbm, "swap_rates_")


def test_partial_fits_of_tempering_are_the_epochs_of_fit():
    X = two_modes()[::20]
    params = {"learning_rate": 0.3, "learning_rate_schedule": "constant", "shuffle": False}
    fitted = make_rbm(n_iter=40, **params).fit(X)
    partial = make_rbm(**params)
    for _ in range(40):
        partial.partial_fit(X)
    assert fitted.betas_[1] != np.linspace(0, 1, 10)[1], "the ladder never changed"
    for name in ("components_", "h_samples_", "betas_", "swap_rates_"):
        assert np.array_equal(getattr(fitted, name), getattr(partial, name)), name


def test_another_number_of_replicas_starts_new_ones():
    rbm = make_rbm(warm_start=True).fit(binary_rows())
    rbm.set_params(n_replicas=3).fit(binary_rows())
    assert len(rbm.betas_) == len(rbm.h_samples_) == 3
