"""Deep Boltzmann machines, against sums over all states."""

import itertools
import warnings

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

import skebm
from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows, rows_with_gaps
from skebm.boltzmann.bound_monitor import BoundMonitor
from skebm.boltzmann.couplings import Dense
from skebm.boltzmann.doubled import DoubledBernoulliRBM, HighestRBM, MiddleRBM, joint_machine
from skebm.boltzmann.machine import Machine, upside_down
from skebm.boltzmann.model import Model
from skebm.boltzmann.posterior import Drawn, MeanField
from skebm.boltzmann.units import BernoulliUnits, GaussianUnits
from skebm.boltzmann.variational import (
    is_countable,
    log_mass,
    log_mass_bound,
    posterior_means,
)
from skebm.deep import dbm

# Some fits have more units than so little data has a use for.
pytestmark = pytest.mark.filterwarnings("ignore:.*have nearly the same activity:UserWarning")

TO_THE_END = MeanField(n_steps=500, tol=0)


def states_of(n):
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def random_machine(sizes, scale=1.0, seed=0, gaussian=False):
    rng = np.random.default_rng(seed)
    layers = [BernoulliUnits(rng.normal(size=n) * 0.5) for n in sizes]
    if gaussian:
        layers[0] = GaussianUnits(layers[0].bias, rng.normal(size=sizes[0]) * 0.3)
    pairs = itertools.pairwise(sizes)
    return Machine(layers, [Dense(rng.normal(size=pair) * scale) for pair in pairs])


def model_of(machine, posterior=TO_THE_END):
    means = tuple(np.full(n, 0.4) for n in machine.n_units)
    return Model(machine, means, 10, posterior=posterior)


def energies(machine, layers):
    """-(sum of products), written out: of a binary machine, for states of each layer by row."""
    total = -sum(states @ units.bias for states, units in zip(layers, machine.layers, strict=True))
    for (lower, upper), coupling in zip(itertools.pairwise(layers), machine.couplings, strict=True):
        total = total - ((lower @ coupling.weights) * upper).sum(axis=1)
    return total


def log_masses(machine, v):
    """Log of the sum of exp(-E) over all hidden states, one row of v after the other."""
    sizes = [len(layer.bias) for layer in machine.layers[1:]]
    h = states_of(sum(sizes))
    hidden = np.split(h, np.cumsum(sizes)[:-1], axis=1)
    return np.array(
        [
            logsumexp(-energies(machine, [np.repeat(row[None], len(h), axis=0), *hidden]))
            for row in v
        ]
    )


def hidden_means(machine, v):
    sizes = [len(layer.bias) for layer in machine.layers[1:]]
    h = states_of(sum(sizes))
    hidden = np.split(h, np.cumsum(sizes)[:-1], axis=1)
    means = []
    for row in v:
        log_p = -energies(machine, [np.repeat(row[None], len(h), axis=0), *hidden])
        means.append(np.exp(log_p - logsumexp(log_p)) @ h)
    return np.split(np.array(means), np.cumsum(sizes)[:-1], axis=1)


def means_by_layer(machine, sides):
    """Those of the hidden layers, from the lowest to the highest."""
    pairs = enumerate(machine.places)
    return [sides[number % 2][:, place] for number, place in pairs][1:]


# The posterior


@pytest.mark.parametrize("sizes", [(4, 3), (4, 3, 2), (4, 3, 2, 3), (3, 2, 3, 2, 2)])
def test_mean_field_is_near_the_posterior_of_weak_weights(sizes):
    machine, v = random_machine(sizes, scale=0.05), states_of(sizes[0])
    found = means_by_layer(machine, posterior_means(model_of(machine), as_rows(v)))
    for mean, exact in zip(found, hidden_means(machine, v), strict=True):
        # What mean field leaves out is of second order in the weights.
        np.testing.assert_allclose(mean, exact, atol=5e-3)


def test_mean_field_of_one_hidden_layer_is_exact():
    machine, v = random_machine((4, 3), scale=2), states_of(4)
    model = model_of(machine, MeanField(1, 0))
    _, odd = posterior_means(model, as_rows(v))
    np.testing.assert_allclose(odd, hidden_means(machine, v)[0], rtol=1e-10)
    np.testing.assert_allclose(log_mass_bound(model, as_rows(v)), log_masses(machine, v))


@pytest.mark.parametrize("sizes", [(4, 3, 2), (4, 3, 2, 3)])
def test_means_are_where_each_is_that_of_its_input(sizes):
    machine, v = random_machine(sizes, seed=3), states_of(4)
    even, odd = posterior_means(model_of(machine), as_rows(v))
    np.testing.assert_allclose(machine.odd_mean(even, np.empty_like(odd)), odd, atol=1e-8)
    again = machine.even_mean(odd, np.empty_like(even))
    np.testing.assert_allclose(again[:, 4:], even[:, 4:], atol=1e-8)


def test_no_sweep_lowers_the_bound():
    machine, v = random_machine((5, 4, 4, 3), scale=3, seed=5), states_of(5)
    bounds = [log_mass_bound(model_of(machine, MeanField(n, 0)), as_rows(v)) for n in range(1, 30)]
    assert (np.diff(bounds, axis=0) > -1e-9).all()
    assert (bounds[-1] > bounds[0] + 0.01).any()


def test_sweeps_end_where_nothing_changes():
    machine, v = random_machine((4, 3, 2), scale=0.1), states_of(4)
    room = [np.empty((16, n)) for n in machine.n_units]
    n_steps, change = MeanField(100, 1e-6)(machine, as_rows(v).batch(np.arange(16)), *room)
    assert 1 < n_steps < 20
    assert change <= 1e-6
    n_steps, change = MeanField(2, 0)(machine, as_rows(v).batch(np.arange(16)), *room)
    assert n_steps == 2
    assert change > 0


def test_posterior_does_not_depend_on_threads(monkeypatch):
    machine = random_machine((4, 3, 2), seed=1)
    v = np.random.default_rng(0).random((300, 4))
    means = []
    for n_jobs in (1, 2):
        monkeypatch.setattr("skebm.boltzmann.posterior.n_jobs_for", lambda _, n=n_jobs: n)
        means.append(posterior_means(model_of(machine, MeanField(5, 1e-4)), as_rows(v)))
    np.testing.assert_array_equal(means[0][0], means[1][0])


def test_drawn_states_are_those_of_the_posterior():
    machine, n_rows = random_machine((3, 2, 2), scale=3, seed=1), 20_000
    v = np.repeat(states_of(3)[[2, 5]], n_rows, axis=0)
    even, odd = (np.empty((len(v), n)) for n in machine.n_units)
    drawn = Drawn(TO_THE_END, 20, RandomStreams(0))
    drawn(machine, as_rows(v).batch(np.arange(len(v))), even, odd)
    np.testing.assert_array_equal(even[:, :3], v)
    h = states_of(4)
    for part, row in ((slice(n_rows), v[0]), (slice(n_rows, None), v[-1])):
        log_p = -energies(machine, [np.repeat(row[None], len(h), axis=0), h[:, :2], h[:, 2:]])
        p = np.exp(log_p - logsumexp(log_p))
        found = odd[part].T @ even[part, 3:] / n_rows
        wanted = (h[:, :2] * p[:, None]).T @ h[:, 2:]
        np.testing.assert_allclose(found, wanted, atol=5 * 0.5 / np.sqrt(n_rows))
        # Which mean field is not.
        of_means = hidden_means(machine, row[None])
        assert np.abs(np.outer(of_means[0], of_means[1]) - wanted).max() > 0.05


def test_learning_from_draws_keeps_the_second_layer_alive():
    X = (load_digits().data[:600] > 8).astype(np.float32)
    spread = [
        skebm.DeepBoltzmannMachine(
            (32, 16),
            n_iter=40,
            learning_rate=0.1,
            max_gradient_norm=np.inf,
            n_clamped_steps=n,
            random_state=0,
        )
        .fit(X)
        .transform(X)
        .std(axis=0)
        .mean()
        for n in (0, 3)
    ]
    assert spread[1] > 2 * spread[0]


@pytest.mark.parametrize("sizes", [(8,), (8, 4)])
def test_the_limit_holds_for_any_number_of_layers(sizes):
    X = (load_digits().data[:50] > 8).astype(np.float32)
    start = skebm.DeepBoltzmannMachine(sizes, n_iter=0, random_state=0).fit(X)
    steps = []
    for limit in (1.0, 1e-6):
        model = skebm.DeepBoltzmannMachine(
            sizes, n_iter=1, max_gradient_norm=limit, random_state=0
        ).fit(X)
        steps.append(np.linalg.norm(model.coefs_[0] - start.coefs_[0]))
    assert steps[0] > 1e-3
    assert steps[1] < 1e-5


def test_greedy_and_joint_training_draw_different_numbers(monkeypatch):
    seeds = []
    from_random_state = RandomStreams.from_random_state

    def noted(random_state):
        streams = from_random_state(random_state)
        seeds.append(streams.seed)
        return streams

    monkeypatch.setattr(RandomStreams, "from_random_state", noted)
    skebm.DeepBoltzmannMachine((4, 3), pretrain=True, rbm_n_iter=1, n_iter=1, random_state=0).fit(
        states_of(4)
    )
    assert len(seeds) == len(set(seeds)) == 4  # the machine, two RBMs, and all layers together


# Likelihoods


@pytest.mark.parametrize("sizes", [(4, 3), (4, 3, 2), (4, 2, 3), (4, 3, 2, 3), (3, 2, 3, 2, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_bound_is_below_the_log_mass(sizes, seed):
    machine, v = random_machine(sizes, scale=2, seed=seed), states_of(sizes[0])
    exact, rows = log_masses(machine, v), as_rows(v)
    np.testing.assert_allclose(log_mass(model_of(machine), rows), exact)
    bound = log_mass_bound(model_of(machine), rows)
    assert (bound <= exact + 1e-9).all()
    assert (bound > exact - 5).all()


def test_log_mass_of_real_valued_data_integrates_to_the_partition_function():
    machine = random_machine((1, 2, 2), gaussian=True, seed=2)
    grid = np.linspace(-30, 30, 20_001)[:, None]
    log_masses_there = log_mass(model_of(machine), as_rows(grid))
    total = logsumexp(log_masses_there) + np.log(grid[1, 0] - grid[0, 0])
    from skebm.boltzmann.partition import exact_log_partition

    assert total == pytest.approx(exact_log_partition(machine).estimate, abs=1e-6)


def test_which_machines_are_countable():
    assert is_countable(random_machine((5, 30)))
    assert is_countable(random_machine((5, 20, 300)))
    assert is_countable(random_machine((5, 300, 20)))
    assert not is_countable(random_machine((5, 21, 21)))
    assert is_countable(random_machine((5, 10, 50, 10)))
    assert not is_countable(random_machine((5, 15, 50, 15)))


@pytest.mark.parametrize("sizes", [(4, 3, 2), (4, 3, 2, 3)])
def test_bound_of_gaps_is_that_of_the_known_units(sizes):
    machine = random_machine(sizes, seed=4)
    v = np.array([[1, np.nan, 0, 1], [np.nan, np.nan, 1, 0], [0, 1, 1, 1.0]])
    found = log_mass_bound(model_of(machine), rows_with_gaps(v))
    for row, bound in zip(v, found, strict=True):
        known = ~np.isnan(row)
        layers = [BernoulliUnits(machine.visible.bias[known]), *machine.layers[1:]]
        layers = [layer.copy(np.float64) for layer in layers]
        couplings = [Dense(machine.weights[known].copy()), *machine.couplings[1:]]
        smaller = model_of(Machine(layers, couplings))
        alone = log_mass_bound(smaller, as_rows(row[known][None]))
        assert bound == pytest.approx(alone[0])


def test_energy_of_all_layers():
    machine = random_machine((3, 2, 3, 2))
    layers = np.split(states_of(10), [3, 5, 8], axis=1)
    found = machine.energy(np.hstack(layers[::2]), np.hstack(layers[1::2]))
    np.testing.assert_allclose(found, energies(machine, layers), atol=1e-12)


# Samples


def test_chains_keep_the_distribution_and_what_is_clamped():
    rng = np.random.default_rng(0)
    model = skebm.DeepBoltzmannMachine((3, 2), n_iter=0, random_state=0)
    model.fit(states_of(3)).coefs_[1][:] *= 2
    machine = model.__skebm_model__().machine
    log_p = log_masses(machine, states_of(3))
    p = np.exp(log_p - logsumexp(log_p))
    v = states_of(3)[rng.choice(8, size=20_000, p=p)]
    after = model.gibbs(v, 60, random_state=0)
    counts = np.bincount((after @ [4, 2, 1]).astype(int), minlength=8) / len(v)
    np.testing.assert_allclose(counts, p, atol=5 * np.sqrt(0.25 / len(v)))
    drawn = model.sample(20_000, 60, random_state=1)
    counts = np.bincount((drawn @ [4, 2, 1]).astype(int), minlength=8) / len(v)
    np.testing.assert_allclose(counts, p, atol=5 * np.sqrt(0.25 / len(v)))
    clamped = model.sample(20_000, 60, init=[[1, 0, 1.0]], clamp=[True, False, False])
    assert (clamped[:, 0] == 1).all()
    given = p[4:] / p[4:].sum()
    counts = np.bincount((clamped[:, 1:] @ [2, 1]).astype(int), minlength=4) / len(v)
    np.testing.assert_allclose(counts, given, atol=5 * np.sqrt(0.25 / len(v)))


def test_impute_finds_the_conditional_mean():
    model = skebm.DeepBoltzmannMachine((3, 2), n_iter=0, random_state=0).fit(states_of(3))
    machine = model.__skebm_model__().machine
    log_p = log_masses(machine, states_of(3)[[2, 3, 6, 7]])  # second unit on
    of_first = [logsumexp(log_p[2:]), logsumexp(log_p[:2])]
    wanted = 1 / (1 + np.exp(of_first[1] - of_first[0]))
    X = np.tile([np.nan, 1, np.nan], (200, 1))
    filled = model.impute(X, 400, random_state=0)
    assert filled[:, 0].mean() == pytest.approx(wanted, abs=0.01)
    assert (filled[:, 1] == 1).all()


# Passes down


def test_upside_down_is_the_same_machine():
    machine = random_machine((3, 2, 3))
    turned = upside_down(machine, 2)
    layers = np.split(states_of(8), [3, 5], axis=1)
    np.testing.assert_allclose(
        energies(turned, layers[::-1]), energies(machine, layers), atol=1e-12
    )


def test_inverse_transform_of_the_lowest_layer_is_exact():
    rng = np.random.default_rng(0)
    X = (rng.random((50, 4)) < 0.3).astype(float)
    model = skebm.DeepBoltzmannMachine((3, 2), n_iter=1, random_state=0).fit(X)
    h = states_of(3)
    back = model.inverse_transform(h, layer=0)
    wanted = 1 / (1 + np.exp(-(model.intercepts_[0] + h @ model.coefs_[0].T)))
    np.testing.assert_allclose(back, wanted)
    np.testing.assert_allclose(
        model.reconstruct(X, layer=0), model.inverse_transform(model.transform(X, layer=0), layer=0)
    )
    assert model.inverse_transform(states_of(2)).shape == (4, 4)


# Learning


def bars_and_stripes(n):
    bits = states_of(n)
    return np.vstack([np.kron(bits, np.ones(n)), np.kron(np.ones(n), bits)])


def entropy_of_rows(X):
    counts = np.unique(X, axis=0, return_counts=True)[1] / len(X)
    return -(counts * np.log(counts)).sum()


def test_learns_bars_and_stripes():
    X = bars_and_stripes(3)
    model = skebm.DeepBoltzmannMachine(
        (16, 6),
        algorithm="pcd",
        learning_rate=0.2,
        n_iter=1000,
        batch_size=16,
        n_gibbs_steps=5,
        n_chains=100,
        random_state=0,
    ).fit(X)
    exact, bound = model.log_likelihood(X), model.score_samples(X)
    # benchmarks/mnist_dbm.py goes on until what is missing is a tenth of a nat.
    assert exact.mean() > -entropy_of_rows(X) - 0.35
    assert (bound <= exact + 1e-9).all()


@pytest.mark.parametrize("kinds", [(1, 2), (1, 2, 2)])
def test_greedy_start_joins_what_the_rbms_say(kinds):
    X = (np.random.default_rng(1).random((60, 5)) < 0.4).astype(float)
    sizes = (4, 3, 2)[: len(kinds)]
    model = skebm.DeepBoltzmannMachine(
        sizes, pretrain=True, n_iter=0, rbm_n_iter=3, random_state=0
    ).fit(X)
    lowest, *middle, highest = model.rbms_
    assert isinstance(lowest, DoubledBernoulliRBM)
    assert all(isinstance(rbm, MiddleRBM) for rbm in middle)
    assert isinstance(highest, HighestRBM)
    for weights, rbm in zip(model.coefs_, model.rbms_, strict=True):
        np.testing.assert_array_equal(weights, rbm.components_.T)
    np.testing.assert_array_equal(model.intercepts_[0], lowest.intercept_visible_)
    np.testing.assert_array_equal(model.intercepts_[-1], highest.intercept_hidden_)
    above = model.rbms_[1]
    np.testing.assert_allclose(
        model.intercepts_[1], (lowest.intercept_hidden_ + above.intercept_visible_) / 2
    )


def two_rbms(n_iter=3):
    """RBMs of a greedy start, 5-4-3, as (weights, visible bias, hidden bias), and the machine."""
    X = (np.random.default_rng(1).random((60, 5)) < 0.4).astype(float)
    model = skebm.DeepBoltzmannMachine(
        (4, 3), pretrain=True, n_iter=0, rbm_n_iter=n_iter, rbm_learning_rate=0.5, random_state=0
    ).fit(X)
    rbms = [(r.components_.T, r.intercept_visible_, r.intercept_hidden_) for r in model.rbms_]
    return rbms, model


def test_greedy_start_is_the_geometric_mean_of_the_rbms_priors():
    """Each RBM has a distribution of the layer that they share; the machine, the root of both.

    So its bound for any distribution q of that layer given a row is what the two RBMs say, E_q[log
    p(v | h) + (log p_1(h) + log p_2(h)) / 2] + H(q), plus minus the log of the sum over h of the
    root of p_1 p_2, which is not negative.
    """
    ((W, b, c), (U, c_above, d)), model = two_rbms()
    v, h, g = states_of(5), states_of(4), states_of(3)
    # Two copies of the data beside one hidden layer, and of the highest layer beside one below.
    log_of_data = logsumexp(v @ W @ h.T + (v @ b)[:, None], axis=0)
    log_of_top = logsumexp(g @ U.T @ h.T + (g @ d)[:, None], axis=0)
    log_p1, log_p2 = 2 * log_of_data + h @ c, 2 * log_of_top + h @ c_above
    log_p1, log_p2 = log_p1 - logsumexp(log_p1), log_p2 - logsumexp(log_p2)
    log_root = (log_p1 + log_p2) / 2
    gain = -logsumexp(log_root)
    assert gain > 1e-4
    log_v_given_h = v @ W @ h.T + (v @ b)[:, None] - log_of_data
    of_machine = logsumexp(log_v_given_h + log_root, axis=1) + gain
    np.testing.assert_allclose(model.log_likelihood(v), of_machine)
    # q is the posterior of the lowest RBM, which hears of the data twice.
    log_q = 2 * v @ W @ h.T + h @ c
    log_q -= logsumexp(log_q, axis=1, keepdims=True)
    bound = (np.exp(log_q) * (log_v_given_h + log_root - log_q)).sum(axis=1)
    assert (bound + gain <= of_machine + 1e-9).all()
    np.testing.assert_allclose(model.rbms_[0].transform(v), np.exp(log_q) @ h)


def test_greedy_start_leaves_units_alive():
    X = (load_digits().data / 16).astype(np.float32)
    model = skebm.DeepBoltzmannMachine((256, 256), pretrain=True, n_iter=2, random_state=0).fit(X)
    assert model.history_["dead_units"][-1] < 0.06
    # Mean field is near where draws of the posterior are: layers do not drive each other.
    assert model.transform(X).std(axis=0).mean() > 0.1


def test_highest_rbm_begins_with_the_means_of_its_data():
    """Of the model of two copies of the hidden layer, whose weights are small at first."""
    X = (np.random.default_rng(1).random((500, 6)) < [0.1, 0.3, 0.5, 0.6, 0.7, 0.9]).astype(float)
    rbm, v = HighestRBM(60, n_iter=0, random_state=0).fit(X), states_of(6)
    of_hidden = np.logaddexp(0, v @ rbm.components_.T + rbm.intercept_hidden_).sum(axis=1)
    log_p = v @ rbm.intercept_visible_ + 2 * of_hidden
    p = np.exp(log_p - logsumexp(log_p))
    np.testing.assert_allclose(p @ v, X.mean(axis=0), atol=0.05)


def test_doubled_rbm_is_one_of_two_copies_of_its_data():
    X = (np.random.default_rng(1).random((60, 5)) < 0.4).astype(float)
    rbm = DoubledBernoulliRBM(3, n_iter=2, random_state=0).fit(X)
    twice = 2 * X @ rbm.components_.T + rbm.intercept_hidden_
    np.testing.assert_allclose(rbm.transform(X), 1 / (1 + np.exp(-twice)))
    h = states_of(3)
    once = h @ rbm.components_ + rbm.intercept_visible_
    np.testing.assert_allclose(rbm.inverse_transform(h), 1 / (1 + np.exp(-once)))


def test_joined_machine_keeps_its_own_arrays():
    X = (np.random.default_rng(1).random((60, 5)) < 0.4).astype(float)
    rbms = [DoubledBernoulliRBM(3, n_iter=0).fit(X)]
    rbms.append(HighestRBM(2, n_iter=0).fit(rbms[0].transform(X)))
    machine, _ = joint_machine([rbm.__skebm_model__() for rbm in rbms])
    machine.weights[:] = 0
    machine.layers[1].bias[:] = 0
    assert rbms[0].components_.any()
    assert rbms[0].intercept_hidden_.any()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"algorithm": "cd"},
        {"algorithm": "pt", "n_replicas": 4},
        {"solver": "adam", "learning_rate": 0.01},
        {"momentum": 0.5, "sparsity_target": 0.1, "alpha": 1e-3, "l1_ratio": 0.5},
        {"pretrain": True, "rbm_n_iter": 2},
        {"early_stopping": True},
        {"hidden_layer_sizes": (6, 5, 4)},
        {"hidden_layer_sizes": 6},
    ],
)
def test_settings_learn(options):
    rng = np.random.default_rng(0)
    X = bars_and_stripes(3)[rng.integers(16, size=150)]
    model = skebm.DeepBoltzmannMachine(
        **{"hidden_layer_sizes": (8, 5), "n_iter": 30, "learning_rate": 0.1, "random_state": 0}
        | options
    ).fit(X)
    independent = X.mean(axis=0)
    of_means = (
        independent * np.log(independent) + (1 - independent) * np.log(1 - independent)
    ).sum()
    assert model.score(X) > of_means + 0.1
    assert set(model.history_) >= {"reconstruction_error", "mean_field_steps", "dead_units"}
    assert ("validation_bound" in model.history_) == ("early_stopping" in options)


def test_gaps_sparse_rows_and_real_numbers():
    import scipy.sparse

    rng = np.random.default_rng(0)
    X = bars_and_stripes(3)[rng.integers(16, size=100)]
    dbm = skebm.DeepBoltzmannMachine((8, 5), n_iter=5, random_state=0)
    dense, sparse = dbm.fit(X).coefs_, dbm.fit(scipy.sparse.csr_matrix(X)).coefs_
    np.testing.assert_allclose(dense[1], sparse[1])
    gaps = X.copy()
    gaps[rng.random(X.shape) < 0.2] = np.nan
    model = skebm.DeepBoltzmannMachine((8, 5), n_iter=100, learning_rate=0.1, random_state=0)
    model.fit(gaps)
    filled = model.impute(gaps, random_state=0)
    missing = np.isnan(gaps)
    assert (np.round(filled[missing]) == X[missing]).mean() > 0.6
    assert np.isfinite(model.transform(gaps)).all()
    real = dbm.fit(X @ rng.normal(size=(9, 9)) * 100)
    assert real.visible_units_ == "gaussian"
    assert np.isfinite(real.score_samples(X)).all()
    assert real.sample(5, random_state=0).std() > 10


def test_training_goes_on():
    X = bars_and_stripes(3)
    model = skebm.DeepBoltzmannMachine((6, 4), n_iter=2, warm_start=True, random_state=0).fit(X)
    before = [weights.copy() for weights in model.coefs_]
    model.fit(X)
    assert not np.array_equal(before[1], model.coefs_[1])
    np.testing.assert_allclose(before[1], model.coefs_[1], atol=0.5)
    model.partial_fit(X[:3])
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=(6, 5)).fit(X)


def greedy(**parameters):
    return skebm.DeepBoltzmannMachine(
        (6, 5, 4), pretrain=True, rbm_n_iter=2, n_iter=2, random_state=0, **parameters
    )


def interrupt_at(monkeypatch, call):
    """Raise KeyboardInterrupt in place of the given call of a report, counted from 1."""
    calls = itertools.count(1)

    class Report(dbm.StageReport):
        def __call__(self, epoch, measured):
            if next(calls) == call:
                raise KeyboardInterrupt

    monkeypatch.setattr(dbm, "StageReport", Report)
    monkeypatch.setattr("skebm.deep.pretraining.StageReport", Report)


@pytest.mark.parametrize(("call", "n_layers"), [(1, 0), (3, 1), (6, 2), (7, 3)])
def test_an_interrupt_leaves_what_was_finished(call, n_layers, monkeypatch):
    """Two epochs of each RBM, and then those of all layers, the first of which is kept."""
    X = bars_and_stripes(3)
    whole = greedy().fit(X)
    model = greedy(warm_start=True)
    with monkeypatch.context() as patch:
        interrupt_at(patch, call)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X)
    assert len(getattr(model, "rbms_", [])) == n_layers
    for rbm, same in zip(getattr(model, "rbms_", []), whole.rbms_, strict=False):
        np.testing.assert_array_equal(rbm.components_, same.components_)
    assert hasattr(model, "coefs_") == (call == 7)
    if call < 7:
        with pytest.raises(NotFittedError):
            model.transform(X)
        with pytest.raises(NotFittedError):
            model.score(X)
        model.fit(X)
        assert len(model.rbms_) == 3
        for weights, same in zip(model.coefs_, whole.coefs_, strict=True):
            np.testing.assert_array_equal(weights, same)
    else:
        assert model.n_iter_ == 1


def test_an_interrupt_of_another_fit_leaves_one_of_both(monkeypatch):
    X = bars_and_stripes(3)
    model = greedy(algorithm="pcd").fit(X)
    before = dict(vars(model))
    for call, has_begun in ((2, False), (4, True)):
        with monkeypatch.context() as patch:
            interrupt_at(patch, call)
            with pytest.raises(KeyboardInterrupt):
                model.fit(X)
        if not has_begun:
            assert vars(model) == before
    left = {"coefs_", "intercepts_", "history_", "n_iter_", "h_samples_"} & set(vars(model))
    assert not left
    assert len(model.rbms_) == 1


def test_greedy_training_goes_on_with_what_it_began_with(monkeypatch):
    X = bars_and_stripes(3)
    model = greedy(warm_start=True)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X)
    with pytest.raises(ValueError, match="X has 5 features, but DeepBoltzmannMachine is expecting"):
        model.fit(X[:, :5])
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=(6, 5)).fit(X)
    assert len(model.rbms_) == 1
    assert model.n_features_in_ == 9
    model.set_params(warm_start=False).fit(X)
    assert [len(weights) for weights in model.coefs_] == [9, 6]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("pretrain", [False, True])
def test_of_data_and_dead_units_is_warned_once(pretrain):
    X = load_digits().data[:200] * (3 / 16)
    X[:, 3] = np.nan
    model = skebm.DeepBoltzmannMachine(
        (12, 8),
        visible_units="bernoulli",
        pretrain=pretrain,
        learning_rate=1.0,
        rbm_learning_rate=5.0,
        max_gradient_norm=np.inf,
        n_iter=4,
        rbm_n_iter=4,
        random_state=0,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X)
    messages = [str(warning.message) for warning in caught]
    for part, n in {
        "without any known value": 1,
        "between 0 and 1": 1,
        "hidden units of DeepBoltzmannMachine have nearly the same": int(pretrain),
        "hidden units of layer": 0,
    }.items():
        assert sum(part in message for message in messages) == n, messages
    if pretrain:  # so that a layer had something to warn of
        assert max(rbm.history_["dead_units"][-1] for rbm in model.rbms_) > 0.1


@pytest.mark.filterwarnings("default")
def test_dead_units_of_layers_are_warned_of_where_nobody_else_looks():
    model = greedy(rbm_learning_rate=50.0).set_params(n_iter=0, rbm_n_iter=5)
    with pytest.warns(UserWarning, match=r"hidden units of layer \d of DeepBoltzmannMachine"):
        model.fit(load_digits().data[:100] / 16)


def test_layers_and_their_names():
    X = bars_and_stripes(3)
    model = skebm.DeepBoltzmannMachine((6, 4), n_iter=2, random_state=0).fit(X)
    assert model.transform(X, layer=0).shape == (16, 6)
    np.testing.assert_array_equal(model.transform(X, layer=1), model.transform(X))
    assert list(model.get_feature_names_out()) == [f"deepboltzmannmachine{i}" for i in range(4)]
    with pytest.raises(ValueError, match="layer"):
        model.transform(X, layer=2)
    with pytest.raises(ValueError, match="2 hidden layers"):
        model.energy(X, np.zeros((16, 6)))


def test_log_likelihood_says_what_it_cannot_count():
    X = bars_and_stripes(3)
    model = skebm.DeepBoltzmannMachine((21, 22), n_iter=0, random_state=0).fit(X)
    with pytest.raises(ValueError, match="log_likelihood_bound"):
        model.log_likelihood(X)


def test_monitor_leaves_units_alone():
    assert BoundMonitor.restart_dead_units(None, None) is None
