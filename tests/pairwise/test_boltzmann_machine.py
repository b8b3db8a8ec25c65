"""The general Boltzmann machine against sums over all states, from nothing but its energy."""

import itertools
import re

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit, logsumexp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from skebm import BernoulliRBM, BoltzmannMachine, HopfieldMemory
from skebm._counts import Counts
from skebm._quasi_newton import descend
from skebm._random import RandomStreams
from skebm._solvers import SolverSettings, stochastic_solver
from skebm._streamed_rows import as_rows
from skebm.pairwise import chains as pairwise_chains
from skebm.pairwise.inverse_ising import (
    means_and_covariances,
    naive_mean_field,
    thouless_anderson_palmer,
)
from skebm.pairwise.learning import ALGORITHMS, Task
from skebm.pairwise.machine import PairwiseMachine
from skebm.pairwise.objectives import Likelihood, Penalised
from skebm.pairwise.parameters import PairwiseParameters
from skebm.pairwise.pseudo_likelihood import PseudoLikelihood

each_encoding = pytest.mark.parametrize("encoding", ["spin", "binary"])


def all_states(n_units, low=-1.0):
    return np.array(list(itertools.product([low, 1.0], repeat=n_units)))


def random_machine(n_units, seed=0, scale=0.5):
    rng = np.random.default_rng(seed)
    W = np.triu(rng.normal(scale=scale, size=(n_units, n_units)), 1)
    return W + W.T, rng.normal(scale=scale, size=n_units)


def minus_energies(W, b, states):
    return np.array([0.5 * s @ W @ s + b @ s for s in states])


def log_likelihood(W, b, visible):
    """Of rows, by sums over the states of all units."""
    hidden = all_states(len(b) - visible.shape[1])
    log_z = logsumexp(minus_energies(W, b, all_states(len(b))))
    return np.array(
        [
            logsumexp(minus_energies(W, b, np.hstack([np.tile(v, (len(hidden), 1)), hidden])))
            - log_z
            for v in visible
        ]
    )


def draw(W, b, n_rows, seed=0):
    states = all_states(len(b))
    masses = minus_energies(W, b, states)
    p = np.exp(masses - logsumexp(masses))
    return states[np.random.default_rng(seed).choice(len(states), n_rows, p=p)]


def rows(n_rows=60, n_features=5, seed=0):
    W, b = random_machine(n_features, seed, scale=0.8)
    return draw(W, b, n_rows, seed)


def in_encoding(spins, encoding):
    return spins if encoding == "spin" else (spins + 1) / 2


def fitted_as(weights, intercept, encoding, n_features=None, dtype=np.float64):
    """A machine that has learned these weights."""
    n_units = len(intercept)
    n_features = n_units if n_features is None else n_features
    X = in_encoding(rows(20, n_features), encoding).astype(dtype)
    machine = BoltzmannMachine(n_units - n_features, algorithm="pcd", n_iter=0, random_state=0)
    machine.fit(X)
    machine.weights_, machine.intercept_ = np.asarray(weights, dtype), np.asarray(intercept, dtype)
    return machine


# Losses and gradients ----------------------------------------------------------


def objective(loss, n_units, offsets, l2=0.1, n_rows=60, connected=None):
    connected = np.ones((n_units, n_units), bool) if connected is None else connected
    pairs = PairwiseParameters(connected, offsets)
    return pairs, Penalised(loss, pairs, np.float64, n_rows, l2)


@pytest.mark.parametrize("n_hidden", [0, 2])
def test_the_likelihood_and_its_gradient(n_hidden):
    X, n_units = rows(), 5 + n_hidden
    offsets = np.r_[X.mean(axis=0), np.zeros(n_hidden)]
    pairs, loss = objective(Likelihood(as_rows(X), n_hidden), n_units, offsets, l2=0.1)
    vector = np.random.default_rng(0).normal(size=pairs.n_parameters)

    def expected(vector):
        W, b = pairs.weights_and_bias(vector)
        centred = b + W @ offsets
        bias_prior = -(np.log(expit(2 * centred)) + np.log(expit(-2 * centred))).sum() / 2
        penalty = 0.1 / 2 * np.square(np.triu(W)).sum() + bias_prior / 60
        return penalty - log_likelihood(W, b, X).mean()

    value, gradient = loss(vector)

    np.testing.assert_allclose(value, expected(vector), rtol=1e-10)
    np.testing.assert_allclose(gradient, approx_fprime(vector, expected, 1e-6), atol=1e-4)


def test_the_pseudo_likelihood_and_its_gradient():
    X = rows()
    pairs, loss = objective(PseudoLikelihood(as_rows(X)), 5, X.mean(axis=0), l2=0.0, n_rows=1e300)
    vector = np.random.default_rng(0).normal(size=pairs.n_parameters)

    def expected(vector):
        W, b = pairs.weights_and_bias(vector)
        total = 0.0
        for x, i in itertools.product(X, range(5)):
            other = x.copy()
            other[i] = -x[i]
            masses = minus_energies(W, b, [x, other])
            total += masses[0] - logsumexp(masses)
        return -total / len(X)

    value, gradient = loss(vector)

    np.testing.assert_allclose(value, expected(vector), rtol=1e-10)
    np.testing.assert_allclose(gradient, approx_fprime(vector, expected, 1e-6), atol=1e-4)


def test_the_pseudo_likelihood_of_more_rows_than_are_worked_on_at_a_time(monkeypatch):
    X = rows(600, 40 // 8)
    W, b = random_machine(5)
    whole = PseudoLikelihood(as_rows(X))(W, b)
    monkeypatch.setattr("skebm.pairwise.pseudo_likelihood._NUMBERS", 256 * 5)
    for a, c in zip(whole, PseudoLikelihood(as_rows(X))(W, b), strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("algorithm", ["pcd", "cd", "pt", "annealing"])
def test_the_gradient_of_chains_is_that_of_the_likelihood_in_expectation(algorithm):
    X, n_hidden = rows(200, 4), 2
    offsets = np.r_[X.mean(axis=0), np.zeros(n_hidden)]
    pairs, exact = objective(Likelihood(as_rows(X), n_hidden), 6, offsets, l2=0.0, n_rows=len(X))
    vector = 0.4 * np.random.default_rng(1).normal(size=pairs.n_parameters)
    parameters = BoltzmannMachine(
        n_hidden, n_chains=20_000, n_replicas=3, solver="sgd", n_gibbs_steps=5
    )
    task = Task(as_rows(np.tile(X, (100, 1))), pairs, vector, 0.0, parameters, RandomStreams(0))
    steps = ALGORITHMS[algorithm](task)
    before = steps.machine
    # One step of length 1 without any penalty is the gradient; enough sweeps forget the start.
    parameters.set_params(learning_rate=1.0, batch_size=len(X) * 100, n_gibbs_steps=30)
    steps.take_steps()
    after = steps.machine

    step = pairs.vector(after.weights, after.bias[0]) - pairs.vector(before.weights, before.bias[0])
    np.testing.assert_allclose(step, -exact(vector)[1], atol=0.03)


def test_formulas_of_weak_weights():
    """Of weights that go to zero, the error goes down by their square, and by one order more."""
    errors = []
    for scale in (0.05, 0.1):
        W, b = random_machine(6, seed=3, scale=scale)
        b *= 5
        states = all_states(6)
        masses = minus_energies(W, b, states)
        p = np.exp(masses - logsumexp(masses))
        mean = p @ states
        covariances = (states * p[:, None]).T @ states - np.outer(mean, mean)
        found = [f(mean, covariances, 0.0) for f in (naive_mean_field, thouless_anderson_palmer)]
        errors.append([max(np.abs(w - W).max(), np.abs(c - b).max()) for w, c in found])
    mean_field, tap = np.array(errors).T
    assert tap[0] < mean_field[0] / 3
    assert mean_field[1] > 3 * mean_field[0]
    assert tap[1] > 5 * tap[0]


def test_the_inverse_of_covariances_is_penalised_as_it_says():
    X = rows(100)
    mean, covariances = means_and_covariances(Counts.of(X))
    weights, _ = naive_mean_field(mean, covariances, 0.3)
    deviations = np.sqrt(np.diag(covariances))
    R = covariances / np.outer(deviations, deviations)
    # A maximum of log det A - tr(A R) - l2/2 |A|^2: its gradient is zero.
    values, vectors = np.linalg.eigh(R)
    A = -weights * np.outer(deviations, deviations)
    inverse = vectors @ np.diag(2 / (values + np.sqrt(values**2 + 1.2))) @ vectors.T
    np.testing.assert_allclose(np.linalg.inv(inverse) - R - 0.3 * inverse, 0, atol=1e-10)
    off = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(A[off], inverse[off], atol=1e-10)


# What is learned ---------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["exact", "pseudo_likelihood", "pcd", "pt", "annealing"])
def test_weights_are_found_again(algorithm):
    W, b = random_machine(5, scale=0.4)
    X = draw(W, b, 20_000)
    options = {"n_iter": 20, "n_chains": 500, "batch_size": 500, "n_replicas": 3}
    machine = BoltzmannMachine(algorithm=algorithm, alpha=0, random_state=0, **options).fit(X)
    np.testing.assert_allclose(machine.weights_, W, atol=0.06)
    np.testing.assert_allclose(machine.intercept_, b, atol=0.06)


def test_the_exact_maximum_has_the_moments_of_the_data():
    X = rows(1000)
    machine = BoltzmannMachine(algorithm="exact", alpha=0, tol=1e-14).fit(X)
    moments = PairwiseMachine(machine.weights_, machine.intercept_).moments()
    np.testing.assert_allclose(moments.correlations, X.T @ X / 1000, atol=5e-3)
    np.testing.assert_allclose(machine.covariance_, np.cov(X.T, bias=True), atol=5e-3)


def test_hidden_units_raise_the_likelihood():
    # Parity of three units: no weights between visible units tell of it.
    X = all_states(3)
    X = np.tile(X[X.prod(axis=1) > 0], (50, 1))
    alone = BoltzmannMachine(alpha=1e-3).fit(X)
    hidden = BoltzmannMachine(2, alpha=1e-3, random_state=0).fit(X)
    assert alone.log_likelihood(X).mean() < -2
    assert hidden.log_likelihood(X).mean() > -1.45  # log 4 = 1.386


@pytest.mark.parametrize("n_components", [0, 2])
@pytest.mark.parametrize("algorithm", ["exact", "pcd"])
def test_both_encodings_are_one_model(algorithm, n_components):
    X = rows(100)
    options = {"algorithm": algorithm, "n_iter": 3, "random_state": 0, "l1_ratio": 0.3}
    of_spins, of_bits = (
        BoltzmannMachine(n_components, **options).fit(in_encoding(X, encoding))
        for encoding in ("spin", "binary")
    )
    np.testing.assert_allclose(of_bits.weights_, 4 * of_spins.weights_, atol=1e-8)
    bits = (X + 1) / 2
    for method in ("score_samples", "log_likelihood"):
        a, b = getattr(of_spins, method)(X), getattr(of_bits, method)(bits)
        np.testing.assert_allclose(a, b, atol=1e-8)
    np.testing.assert_allclose((of_spins.transform(X) + 1) / 2, of_bits.transform(bits), atol=1e-8)
    np.testing.assert_allclose(of_spins.covariance_, 4 * of_bits.covariance_, atol=1e-8)
    samples = [m.sample(20, 5, random_state=0) for m in (of_spins, of_bits)]
    np.testing.assert_array_equal((samples[0] + 1) / 2, samples[1])


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float32, np.float64])
def test_states_come_back_as_they_came(dtype):
    X = in_encoding(rows(), "binary").astype(dtype)
    machine = BoltzmannMachine(random_state=0).fit(X)
    for states in (machine.sample(4, 2), machine.gibbs(X), machine.sample(init=X, n_steps=1)):
        assert states.dtype == dtype
        assert set(np.unique(states)) <= {0, 1}
    assert machine.transform(X).dtype == (np.float32 if dtype == np.float32 else np.float64)


def test_numbers_above_the_threshold_are_on():
    X = np.random.default_rng(0).normal(size=(50, 4))
    a = BoltzmannMachine(binarize=0.5).fit(X)
    b = BoltzmannMachine().fit((X > 0.5).astype(float))
    assert a.encoding_ == "threshold"
    np.testing.assert_array_equal(a.weights_, b.weights_)
    with pytest.raises(ValueError, match="binarize=None takes rows of -1 and 1 or of 0 and 1"):
        BoltzmannMachine(binarize=None).fit(X)


def test_connections_that_are_not_there():
    mask = np.zeros((7, 7), bool)
    mask[0, 1] = mask[1, 0] = mask[2, 5] = mask[5, 2] = mask[6, 6] = True
    for algorithm in ("exact", "pcd"):
        machine = BoltzmannMachine(2, mask, algorithm=algorithm, n_iter=2, random_state=0)
        machine.fit(rows(100))
        off = mask & ~np.eye(7, dtype=bool)
        assert (machine.weights_[off] != 0).all()
        assert (machine.weights_[~off] == 0).all()


def test_l1_makes_weights_zero_and_is_a_minimum():
    X = rows(300, 6)
    weak, strong = (
        BoltzmannMachine(algorithm="pseudo_likelihood", alpha=alpha, l1_ratio=1, tol=1e-12).fit(X)
        for alpha in (0.02, 0.2)
    )
    n_zero = [np.count_nonzero(m.weights_ == 0) - 6 for m in (weak, strong)]
    assert n_zero[0] < n_zero[1]
    # Of a weight that is zero the slope is at most alpha, of another exactly that.
    offsets = X.mean(axis=0) * 300 / 301
    pairs, loss = objective(PseudoLikelihood(as_rows(X)), 6, offsets, l2=0.0, n_rows=300)
    vector = pairs.vector(strong.weights_, strong.intercept_)
    slopes, weights = loss(vector)[1][: pairs.n_pairs], vector[: pairs.n_pairs]
    assert (np.abs(slopes) <= 0.2 + 1e-4).all()
    np.testing.assert_allclose(
        slopes[weights != 0], -0.2 * np.sign(weights[weights != 0]), atol=1e-4
    )


def test_alpha_is_found_by_cross_validation():
    W, b = random_machine(8, scale=0.4)
    X = draw(W, b, 80)
    search = GridSearchCV(BoltzmannMachine(), {"alpha": [1e-4, 0.1, 100.0]}).fit(X)
    assert search.best_params_["alpha"] == 0.1
    truth = fitted_as(W, b, "spin")
    test = draw(W, b, 2000, seed=1)
    assert search.score(test) < truth.score(test)


def test_auto_takes_what_fits():
    few, many = rows(30), np.tile(rows(30), (1, 5))
    assert BoltzmannMachine().fit(few).algorithm_ == "exact"
    assert BoltzmannMachine().fit(many).algorithm_ == "pseudo_likelihood"
    assert BoltzmannMachine(2, n_iter=1).fit(many).algorithm_ == "pcd"
    assert BoltzmannMachine().fit(many).alpha_ == 25 / 30


def test_a_unit_that_never_changes():
    X = rows(40)
    X[:, 2] = -1
    for algorithm in ("exact", "pseudo_likelihood", "mean_field", "tap", "pcd"):
        machine = BoltzmannMachine(algorithm=algorithm, n_iter=5, random_state=0).fit(X)
        assert np.isfinite(machine.weights_).all()
        assert (machine.sample(50, random_state=0)[:, 2] == -1).mean() > 0.8


# What a machine can be asked ----------------------------------------------------


@each_encoding
def test_energies_and_likelihoods(encoding):
    low = -1.0 if encoding == "spin" else 0.0
    W, b = random_machine(6, scale=1.0)
    machine = fitted_as(W, b, encoding, n_features=4)
    visible, hidden = all_states(4, low), all_states(2, low)
    masses = np.array(
        [minus_energies(W, b, np.hstack([np.tile(v, (4, 1)), hidden])) for v in visible]
    )
    np.testing.assert_allclose(machine.free_energy(visible), -logsumexp(masses, axis=1))
    pairs = np.repeat(visible, 4, axis=0), np.tile(hidden, (16, 1))
    np.testing.assert_allclose(machine.energy(*pairs), -masses.ravel(), atol=1e-12)
    log_p = logsumexp(masses, axis=1) - logsumexp(masses)
    np.testing.assert_allclose(machine.log_likelihood(visible), log_p)
    result = machine.log_partition()
    assert result.estimate == pytest.approx(logsumexp(masses))
    p_hidden = np.exp(masses - logsumexp(masses, axis=1)[:, None])
    np.testing.assert_allclose(machine.transform(visible), p_hidden @ hidden, atol=1e-12)

    conditional = np.zeros(16)
    for i in range(4):
        other = visible.copy()
        other[:, i] = 1 + low - other[:, i]
        numbers = [np.flatnonzero((visible == o).all(axis=1))[0] for o in other]
        conditional += log_p - np.logaddexp(log_p, log_p[numbers])
    np.testing.assert_allclose(machine.score_samples(visible), conditional)
    assert machine.score(visible) == pytest.approx(conditional.mean())


def test_without_hidden_units_transform_is_the_mean_given_the_others():
    W, b = random_machine(4)
    machine = fitted_as(W, b, "spin")
    x = all_states(4)
    np.testing.assert_allclose(machine.transform(x), np.tanh(x @ W + b))
    np.testing.assert_allclose(machine.energy(x), machine.free_energy(x))


def test_hidden_units_by_mean_field_give_a_bound(monkeypatch):
    W, b = random_machine(7, scale=0.4)
    machine, x = fitted_as(W, b, "spin", n_features=4), all_states(4)
    exact = machine.free_energy(x), machine.transform(x), machine.score_samples(x)
    monkeypatch.setattr("skebm.pairwise.hidden_units.MOST_ENUMERATED", 2)
    bound = machine.free_energy(x)
    assert (bound >= exact[0] - 1e-9).all()
    np.testing.assert_allclose(bound, exact[0], atol=0.3)
    np.testing.assert_allclose(machine.transform(x), exact[1], atol=0.3)
    np.testing.assert_allclose(machine.score_samples(x), exact[2], atol=0.5)


def test_a_restricted_machine_is_a_restricted_boltzmann_machine():
    X = (np.random.default_rng(0).random((80, 6)) < 0.4).astype(float)
    rbm = BernoulliRBM(3, n_iter=5, random_state=0).fit(X)
    machine = BoltzmannMachine(3, "restricted", n_iter=0, random_state=0, algorithm="pcd").fit(X)
    W = np.zeros((9, 9))
    W[6:, :6], W[:6, 6:] = rbm.components_, rbm.components_.T
    machine.weights_ = W
    machine.intercept_ = np.r_[rbm.intercept_visible_, rbm.intercept_hidden_]
    exact = {"rtol": 1e-12, "atol": 1e-12}
    for method in ("free_energy", "score_samples", "transform", "log_likelihood"):
        a, b = getattr(machine, method)(X), getattr(rbm, method)(X)
        np.testing.assert_allclose(a, b, err_msg=method, **exact)
    a, b = machine.log_partition().estimate, rbm.log_partition().estimate
    assert a == pytest.approx(b, rel=1e-12)


@pytest.mark.parametrize("algorithm", ["gibbs", "pt"])
@each_encoding
def test_samples(encoding, algorithm):
    W, b = random_machine(4, scale=0.5)
    low = -1.0 if encoding == "spin" else 0.0
    machine, states = fitted_as(W, b, encoding, n_features=3), all_states(4, low)
    masses = minus_energies(W, b, states)
    p = np.exp(masses - logsumexp(masses)).reshape(8, 2).sum(axis=1)
    drawn = machine.sample(20_000, 30, algorithm=algorithm, random_state=0)
    numbers = ((drawn > 0) @ [4, 2, 1]).astype(int)
    np.testing.assert_allclose(np.bincount(numbers, minlength=8) / 20_000, p, atol=0.015)

    init, clamp = np.array([[1.0, low, 1.0]]), np.array([True, False, True])
    drawn = machine.sample(20_000, 30, init=init, clamp=clamp, algorithm=algorithm, random_state=0)
    assert (drawn[:, [0, 2]] == 1).all()
    given = p[[5, 7]] / p[[5, 7]].sum()
    assert (drawn[:, 1] > 0).mean() == pytest.approx(given[1], abs=0.015)
    filled = machine.impute([[1.0, np.nan, 1.0]], 20_000, random_state=0)
    assert filled[0, 1] == pytest.approx(low * given[0] + given[1], abs=0.02)
    moved = machine.gibbs(np.tile(init, (20_000, 1)), 30, random_state=0)
    assert (moved[:, 1] > 0).mean() == pytest.approx(p.reshape(2, 2, 2)[:, 1].sum(), abs=0.015)


def test_log_partition_by_annealing():
    X = rows(200, 6)
    machine = BoltzmannMachine(3, random_state=0).fit((X + 1) / 2)
    exact = machine.log_partition("exact").estimate
    for options in ({}, {"X": (X + 1) / 2, "n_burn_in": 10}):
        found = machine.log_partition("ais", n_temperatures=500, random_state=0, **options)
        assert found.lower - 0.2 < exact < found.upper + 0.2
        assert found.estimate == pytest.approx(exact, abs=5 * found.standard_error + 1e-3)


def test_covariances_of_many_units_are_from_samples(monkeypatch):
    machine = BoltzmannMachine(random_state=0).fit(rows(300))
    exact = machine.covariance_
    monkeypatch.setattr("skebm.pairwise.estimator.MOST_UNITS", 2)
    np.testing.assert_allclose(machine.covariance_, exact, atol=0.05)
    np.testing.assert_array_equal(machine.covariance_, machine.covariance_)


@each_encoding
def test_anneal_finds_the_most_likely_state(encoding):
    low = -1.0 if encoding == "spin" else 0.0
    W, b = random_machine(8, scale=1.0)
    machine, states = fitted_as(W, b, encoding, n_features=6), all_states(8, low)
    energies = -minus_energies(W, b, states)
    found = machine.anneal(100, 20, random_state=0)
    assert found.energy == pytest.approx(energies.min())
    np.testing.assert_array_equal(found.state, states[energies.argmin()])

    init, clamp = states[0, :6], np.arange(6) < 2
    allowed = (states[:, :2] == init[:2]).all(axis=1)
    found = machine.anneal(100, 20, init=init, clamp=clamp, random_state=0)
    assert found.energy == pytest.approx(energies[allowed].min())


@pytest.mark.parametrize("fit_intercept", [False, True])
@each_encoding
def test_from_memory(encoding, fit_intercept):
    X = in_encoding(rows(4, 12), encoding)
    memory = HopfieldMemory(fit_intercept=fit_intercept, random_state=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skebm.memory.hopfield.warn_caller", lambda *_, **__: None)
        memory.fit(X)
    machine = BoltzmannMachine.from_memory(memory, temperature=0.5)
    assert machine.encoding_ == encoding
    assert machine.n_features_in_ == 12
    other = in_encoding(rows(10, 12, seed=1), encoding)
    difference = machine.energy(other) - memory.energy(other) / 0.5
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)  # of 0 and 1, a constant
    assert machine.sample(3).shape == (3, 12)
    assert machine.score(X) < 0


def test_from_memory_says_what_it_cannot_take():
    X = rows(4, 12)
    with pytest.raises(ValueError, match="takes a memory with weights"):
        BoltzmannMachine.from_memory(HopfieldMemory("dense").fit(X))
    memory = HopfieldMemory("pseudo_inverse").fit(X)
    with pytest.raises(ValueError, match="'temperature' parameter of BoltzmannMachine"):
        BoltzmannMachine.from_memory(memory, temperature=0)
    with pytest.raises(ValueError, match="a memory has no hidden units"):
        BoltzmannMachine.from_memory(memory, n_components=2)


# Training, going on and breaking off ----------------------------------------------


def test_history_and_progress(capsys):
    X = rows(100)
    machine = BoltzmannMachine(verbose=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == machine.n_iter_ == len(machine.history_["loss"])
    assert re.match(r"\[BoltzmannMachine\] Iteration 1, pseudo-likelihood = -", lines[0])
    assert (np.diff(machine.history_["loss"]) <= 0).all()
    assert set(machine.history_) == {"loss", "pseudo_likelihood", "seconds"}
    assert machine.history_["pseudo_likelihood"][-1] == pytest.approx(machine.score(X[::2]))


@pytest.mark.parametrize("algorithm", ["exact", "pcd", "pt"])
def test_warm_start_goes_on(algorithm):
    X = rows(300)
    options = {"alpha": 0, "random_state": 0, "learning_rate_schedule": "constant"}
    options |= {"n_components": 1, "algorithm": algorithm, "shuffle": False}
    with pytest.warns(ConvergenceWarning) if algorithm == "exact" else _nothing():
        machine = BoltzmannMachine(n_iter=2, max_iter=3, warm_start=True, **options).fit(X)
    first = machine.score(X)
    machine.set_params(max_iter=200, n_iter=2).fit(X)
    assert machine.score(X) > first
    if algorithm != "exact":
        whole = BoltzmannMachine(n_iter=4, **options).fit(X)
        np.testing.assert_allclose(machine.weights_, whole.weights_, atol=1e-10)
    with pytest.raises(ValueError, match="'n_components' parameter of BoltzmannMachine is 2"):
        machine.set_params(n_components=2).fit(X)


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def test_partial_fit_is_an_epoch():
    X = rows(120)
    options = {"algorithm": "pcd", "random_state": 0, "learning_rate_schedule": "constant"}
    by_parts = BoltzmannMachine(1, alpha=0.1, **options).partial_fit(X).partial_fit(X)
    whole = BoltzmannMachine(1, alpha=0.1, n_iter=2, **options).fit(X)
    np.testing.assert_allclose(by_parts.weights_, whole.weights_, atol=1e-12)
    assert BoltzmannMachine().partial_fit(X).algorithm_ == "pcd"
    with pytest.raises(ValueError, match="needs all rows at once"):
        BoltzmannMachine(algorithm="exact").partial_fit(X)


def test_an_interrupt_leaves_the_last_whole_iteration(monkeypatch):
    X, machine = rows(100), BoltzmannMachine(algorithm="pcd", n_iter=5, random_state=0)
    run, n_runs = PairwiseMachine.run, []

    def interrupted(self, *args):
        n_runs.append(None)
        if len(n_runs) == 3:
            raise KeyboardInterrupt
        return run(self, *args)

    monkeypatch.setattr(PairwiseMachine, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.fit(X)
    monkeypatch.undo()
    assert machine.n_iter_ == 2
    assert machine.sample(3).shape == (3, 5)


def test_divergence_is_an_error_that_changes_nothing():
    X = rows(100)
    machine = BoltzmannMachine(algorithm="pcd", solver="sgd", random_state=0).fit(X)
    weights = machine.weights_
    machine.set_params(learning_rate=1e30, alpha=0)
    with pytest.raises(ValueError, match=re.escape("Lower the 'learning_rate' parameter, 1e+30")):
        machine.fit(X)
    assert machine.weights_ is weights


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"connections": "some"},
            "'connections' parameter of BoltzmannMachine must be a str among",
        ),
        ({"connections": np.ones((5, 4), bool)}, "symmetric array of bool"),
        ({"connections": np.triu(np.ones((5, 5), bool))}, "symmetric array of bool"),
        ({"connections": np.ones((4, 4), bool)}, "for each of the 5 units, 5 visible and 0"),
        (
            {"algorithm": "pseudo_likelihood", "n_components": 2},
            "does not support hidden units, but the",
        ),
        ({"algorithm": "tap", "connections": np.zeros((5, 5))}, "only supports connections='full'"),
        ({"algorithm": "mean_field", "l1_ratio": 0.5}, "does not support L1, but the"),
        ({"algorithm": "exact", "n_components": 40}, "takes up to 26 units. Got 45 units"),
        ({"algorithm": "pcd", "alpha": 100.0, "learning_rate": 0.5}, "is too large for the"),
        ({"learning_rate": "linear"}, "parameter 'learning_rate_schedule'"),
        ({"temperatures": [1.0, -2.0]}, "a sequence of floats in the range"),
    ],
)
def test_errors(params, message):
    machine = BoltzmannMachine(**params)
    with pytest.raises(ValueError, match=re.escape(message)):
        machine.fit(rows())
    assert not hasattr(machine, "weights_")


def test_errors_of_fitted_machines():
    X = rows()
    machine = BoltzmannMachine(2, random_state=0).fit(X)
    with pytest.raises(ValueError, match="NaN"):
        machine.fit(np.where(X > 0, np.nan, X))
    with pytest.raises(ValueError, match="clamp needs init"):
        machine.sample(clamp=np.ones(5, bool))
    with pytest.raises(ValueError, match=r"takes hidden states H of shape \(60, 2\)"):
        machine.energy(X, np.ones((60, 3)))
    with pytest.raises(ValueError, match=r"was fitted on rows of -1 and 1\. Got 0 and 1"):
        machine.score((X + 1) / 2)
    big = clone(machine).set_params(n_components=30, n_iter=1).fit(X)
    with pytest.raises(ValueError, match="takes up to 26 units, and there are 35"):
        big.log_partition("exact")


def test_a_search_that_has_not_ended_says_so():
    with pytest.warns(ConvergenceWarning, match="had not converged after 1 iterations"):
        BoltzmannMachine(max_iter=1, alpha=0).fit(rows())


def test_a_search_ends_where_no_lower_loss_is_found(monkeypatch):
    def three_points(*args):
        return itertools.islice(descend(*args), 3)

    monkeypatch.setattr("skebm.pairwise.learning.descend", three_points)
    losses = BoltzmannMachine(tol=0).fit(rows()).history_["loss"]
    assert losses[0] > losses[1] == losses[2]
    assert len(losses) == 3
    assert BoltzmannMachine(tol=1e3).fit(rows()).n_iter_ == 0


def test_samples_of_as_many_replicas_as_there_are_now():
    machine = BoltzmannMachine(algorithm="pt", n_replicas=3, n_iter=1, random_state=0).fit(rows())
    assert machine.set_params(n_replicas=5).sample(4, 3, algorithm="pt").shape == (4, 5)


def test_solver_and_chains_are_taken_over_only_where_they_fit():
    X = rows(100)
    machine = BoltzmannMachine(algorithm="pcd", n_iter=1, random_state=0, warm_start=True).fit(X)
    for params in ({"n_chains": 7}, {"solver": "sgd"}, {"algorithm": "pt"}, {"algorithm": "cd"}):
        machine.set_params(**params).fit(X)
    assert not hasattr(machine, "betas_")
    settings = SolverSettings("adam", momentum=0.0)
    assert stochastic_solver(np.zeros(3), settings).settings == settings
    assert set(ALGORITHMS) >= {"pcd", "cd", "pt", "annealing"}
    assert pairwise_chains.draw(np.array([[1.0, -1.0]]), RandomStreams(0)).tolist() == [[1, -1]]
