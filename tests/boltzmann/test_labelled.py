"""Binary units beside a label: against the energy of every joint state."""

import itertools

import numpy as np
import pytest
import scipy.sparse
from scipy.special import logsumexp, softmax
from sklearn.datasets import load_digits

import annealing
import naive
from enumeration import all_states
from skebm._messages import messages_of
from skebm._random import RandomStreams
from skebm._rows import DenseRows
from skebm._streamed_rows import as_rows
from skebm.boltzmann.labelled import LabelCD, LabelledRBM, with_labels
from skebm.boltzmann.machine import Machine
from skebm.boltzmann.partition import (
    annealed_log_partition,
    exact_log_partition,
    inverse_temperatures,
)
from skebm.boltzmann.path import TemperaturePath
from skebm.boltzmann.units import BernoulliUnits, SideBySide, SoftmaxUnits

N_FEATURES, N_LABELS, N_HIDDEN = 3, 3, 4


def labelled_states(n_features=N_FEATURES, n_labels=N_LABELS):
    pairs = itertools.product(all_states(n_features), np.eye(n_labels))
    return np.array([np.concatenate(pair) for pair in pairs])


def labelled_units(bias, n_labels):
    features, label = np.split(bias, [-n_labels])
    return SideBySide([BernoulliUnits(features), SoftmaxUnits(label, [n_labels])])


class Enumeration:
    """W, b, c of strong weights, and exp(-E) of all states with one label on."""

    def __init__(self, n_hidden=N_HIDDEN, seed=0):
        rng = np.random.default_rng(seed)
        self.W = rng.normal(0, 1.5, (N_FEATURES + N_LABELS, n_hidden))
        self.b, self.c = rng.normal(size=len(self.W)), rng.normal(size=n_hidden)
        self.v, self.h = labelled_states(), all_states(n_hidden)
        self.minus_energy = self.minus_energy_of(self.v)
        self.joint = softmax(self.minus_energy)
        self.log_z = logsumexp(self.minus_energy)

    def minus_energy_of(self, v):
        return v @ self.W @ self.h.T + (v @ self.b)[:, None] + self.h @ self.c

    def machine(self, dtype=np.float64):
        W, b, c = (x.astype(dtype) for x in (self.W, self.b, self.c))
        return Machine.restricted(W, labelled_units(b, N_LABELS), BernoulliUnits(c))


def test_means_of_visible_units():
    exact = Enumeration()
    machine = exact.machine()
    by_state = (exact.joint / exact.joint.sum(axis=0)).T @ exact.v
    np.testing.assert_allclose(
        machine.even_mean(exact.h, np.empty_like(by_state)), by_state, atol=1e-12
    )


def test_samples_of_visible_units():
    exact, n = Enumeration(), 4000
    machine, expected = exact.machine(), exact.joint / exact.joint.sum(axis=0)
    for number, h in enumerate(exact.h):
        v = np.empty((n, len(exact.b)))
        machine.sample_even(np.tile(h, (n, 1)), (7, number, 0), v)
        found = (v[:, None] == exact.v).all(axis=2).mean(axis=0)
        deviation = np.sqrt(expected[:, number] * (1 - expected[:, number]) / n)
        assert found.sum() == pytest.approx(1)
        # A state that is expected less than once may be found three times all the same.
        assert (np.abs(found - expected[:, number]) < 5 * deviation + 3 / n).all()


def test_the_number_that_chooses_a_label_is_none_of_those_of_the_features():
    v = labelled_units(np.zeros(4), 2).base_rate(50, (3, 1, 0))
    for row, states in enumerate(v):
        numbers = [naive.uniform(3, 1, row, column) for column in (0, 1, 2**31 + 4)]
        np.testing.assert_array_equal(states[:2], [u < 0.5 for u in numbers[:2]])
        assert states[3] == (numbers[2] >= 0.5)


@pytest.mark.parametrize("n_hidden", [4, 7])  # enumerated by the hidden, by the visible layer
def test_free_energies_and_partition_function(n_hidden):
    exact = Enumeration(n_hidden)
    machine = exact.machine()
    log_masses = logsumexp(exact.minus_energy, axis=1)
    np.testing.assert_allclose(-machine.free_energy(DenseRows(exact.v)), log_masses, atol=1e-12)
    assert exact_log_partition(machine).estimate == pytest.approx(exact.log_z, abs=1e-12)
    assert machine.visible.n_states == len(exact.v)
    np.testing.assert_array_equal(machine.visible.states(np.arange(len(exact.v))), exact.v)


def test_annealing_finds_the_partition_function(monkeypatch):
    exact = Enumeration()
    machine = exact.machine()
    bias = np.concatenate([np.full(3, -0.4), np.zeros(3)])
    base = labelled_units(bias, N_LABELS), BernoulliUnits(np.zeros(4))
    path = TemperaturePath(machine, *base)
    betas = inverse_temperatures(500)
    ways = annealing.watch(monkeypatch)
    found = annealed_log_partition(path, betas, 200, None, 10, RandomStreams(1))
    annealing.assert_bounds_are_near(found, exact.log_z, ways, most=0.02)


def test_each_unit_given_the_others():
    exact = Enumeration()
    log_p = logsumexp(exact.minus_energy, axis=1)
    expected = np.zeros(len(exact.v))
    for unit in range(N_FEATURES):
        flipped = exact.v.copy()
        flipped[:, unit] = 1 - flipped[:, unit]
        other = logsumexp(exact.minus_energy_of(flipped), axis=1)
        expected += log_p - np.logaddexp(log_p, other)
    by_features = log_p.reshape(-1, N_LABELS)
    expected += (by_features - logsumexp(by_features, axis=1, keepdims=True)).ravel()
    found = exact.machine().pseudo_log_likelihood(DenseRows(exact.v))
    np.testing.assert_allclose(found, expected, atol=1e-11)


def test_units_of_the_mean_of_data():
    mean = np.array([0.2, 0.8, 0.5, 0.3, 0.2])
    units = SoftmaxUnits(np.zeros(5), [2, 3]).with_mean(mean, 1e9)
    np.testing.assert_allclose(units.mean(np.zeros((1, 5)))[0], mean, atol=1e-8)
    assert np.isfinite(units.bias).all()


def fitted(exact):
    """A LabelledRBM with the weights of an enumerated one."""
    X, y = exact.v[:, :N_FEATURES], exact.v[:, N_FEATURES:]
    rbm = LabelledRBM(N_HIDDEN, n_iter=0, random_state=0).fit(X, y)
    rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_ = exact.W.T, exact.b, exact.c
    return rbm


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
def test_labels_and_hidden_units_given_features(storage):
    exact = Enumeration()
    rows = as_rows(storage(all_states(N_FEATURES)))
    joint = exact.joint.reshape(len(all_states(N_FEATURES)), N_LABELS, -1)
    given = joint / joint.sum(axis=(1, 2), keepdims=True)
    rbm = fitted(exact)
    proba = softmax(rbm.log_masses(rows), axis=1)
    np.testing.assert_allclose(proba, given.sum(axis=2), atol=1e-12)
    np.testing.assert_allclose(rbm.hidden_means(rows), given.sum(axis=1) @ exact.h, atol=1e-12)


def test_chains_from_the_data_draw_the_label_before_they_move_on():
    exact, n = Enumeration(), 4000
    machine, phase = exact.machine(), LabelCD()
    of_features = exact.joint.reshape(2**N_FEATURES, N_LABELS, -1).sum(axis=1)
    hidden_given_features = of_features / of_features.sum(axis=1, keepdims=True)
    visible_given_hidden = exact.joint / exact.joint.sum(axis=0)
    for number in range(0, len(exact.v), 5):
        data = np.tile(exact.v[number], (n, 1))
        v, h = data.copy(), np.empty((n, N_HIDDEN))
        posterior = data, machine.odd_mean(data, np.empty_like(h))
        phase.advance(machine, posterior, (v, h), 1, (7, phase.n_streams(1) * number))
        np.testing.assert_allclose(h, machine.odd_mean(v, np.empty_like(h)), atol=1e-12)
        expected = visible_given_hidden @ hidden_given_features[number // N_LABELS]
        found = (v[:, None] == exact.v).all(axis=2).mean(axis=0)
        assert (np.abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / n)).all()


def test_learning_raises_the_likelihood_of_labels():
    X, y = load_digits(n_class=4, return_X_y=True)
    X, labels = X[:400] / 16, np.eye(4)[y[:400]]
    rbm = LabelledRBM(20, n_iter=15, algorithm="cd", random_state=0).fit(X, labels)
    assert (rbm.log_masses(DenseRows(X)).argmax(axis=1) == y[:400]).mean() > 0.9
    assert rbm.history_["pseudo_likelihood"][-1] > rbm.history_["pseudo_likelihood"][0]
    drawn = rbm.sample(50, random_state=0)
    np.testing.assert_array_equal(drawn[:, -4:].sum(axis=1), 1)
    np.testing.assert_array_equal(with_labels(X, labels)[:, -4:], labels)


def test_partial_fit_is_an_epoch_of_features_and_labels_apart():
    exact = Enumeration()
    X, y = exact.v[:, :N_FEATURES], exact.v[:, N_FEATURES:]
    params = {"n_iter": 2, "learning_rate_schedule": "constant", "random_state": 0}
    whole = LabelledRBM(N_HIDDEN, **params).fit(X, y)
    parts = LabelledRBM(N_HIDDEN, random_state=0).partial_fit(X, y).partial_fit(X, y)
    np.testing.assert_array_equal(parts.components_, whole.components_)
    assert parts.n_labels_ == N_LABELS
    with pytest.raises(ValueError, match="X has 5 features"):
        parts.partial_fit(X, y[:, :2])
    assert parts.n_labels_ == N_LABELS


def test_a_failure_leaves_the_number_of_labels():
    exact = Enumeration()
    X, y = exact.v[:, :N_FEATURES], exact.v[:, N_FEATURES:]
    rbm = LabelledRBM(N_HIDDEN, n_iter=0, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        rbm.fit(np.full_like(X, np.nan), y[:, :2])
    assert rbm.n_labels_ == N_LABELS


def test_an_interrupt_leaves_the_last_whole_epoch():
    exact = Enumeration()
    X, y = exact.v[:, :N_FEATURES], exact.v[:, N_FEATURES:]
    rbm = LabelledRBM(N_HIDDEN, n_iter=5, random_state=0)

    def interrupt(epoch, measured):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), messages_of(rbm, rbm, report=interrupt):
        rbm.fit(X, y)
    assert rbm.n_iter_ == 2
    assert rbm.n_labels_ == N_LABELS
