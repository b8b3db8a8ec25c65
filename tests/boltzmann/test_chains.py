"""Negative phases: what each class promises, and that one class is all a new one takes.

Their steps are compared with a twin in test_gradient.py and test_gaussian_units.py.
"""

import copy

import numpy as np
import pytest

import enumeration
from skebm import BernoulliRBM
from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows
from skebm.boltzmann.chains import ALGORITHMS, Chains
from skebm.boltzmann.learner import Learner, Settings, new_solvers
from skebm.boltzmann.machine import Machine
from skebm.boltzmann.units import BernoulliUnits

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def binary_rows(n_rows=40, n_features=6):
    return (np.random.default_rng(0).random((n_rows, n_features)) < 0.4).astype(np.float64)


def prepared(algorithm, machine, streams, before=None, **params):
    base = tuple(BernoulliUnits(0 * units.bias) for units in (machine.visible, machine.hidden))
    parameters = BernoulliRBM(**{"n_chains": 5, "n_replicas": 3} | params)
    return ALGORITHMS[algorithm].prepare(parameters, machine, base, streams, before)


@each_algorithm
@pytest.mark.parametrize("k", [1, 3])
def test_no_random_number_serves_twice(algorithm, k, monkeypatch):
    W, b, c = enumeration.make_model(4, 3)
    machine = Machine.restricted(W, BernoulliUnits(b), BernoulliUnits(c))
    streams = RandomStreams(7)
    phase = prepared(algorithm, machine, streams)
    n_chains = phase.n_chains(6)
    assert n_chains == (6 if algorithm == "cd" else 5)

    drawn = []
    draw = BernoulliUnits.sample

    def recording(self, mean, address, *args, **options):
        _, stream, first_row = address
        drawn.extend((stream, first_row + row) for row in range(len(mean)))
        return draw(self, mean, address, *args, **options)

    monkeypatch.setattr(BernoulliUnits, "sample", recording)
    X = binary_rows(6, 4)
    v, h = np.full((n_chains, 4), np.nan), np.full((n_chains, 3), np.nan)
    stream = streams.take(phase.n_streams(k))
    data = X, machine.odd_mean(X, np.empty((6, 3)))
    phase.advance(machine, data, (v, h), k, (streams.seed, stream))

    used = {stream for stream, _ in drawn}
    assert used <= set(range(stream, streams.next_stream))
    assert len(used) == 2 * k, "one stream for each draw of a layer"
    assert len(set(drawn)) == len(drawn)
    assert set(np.unique(v)) <= {0, 1}
    np.testing.assert_allclose(h, 1 / (1 + np.exp(-(v @ W + c))), rtol=1e-12)


@each_algorithm
def test_chains_go_on_where_an_earlier_phase_left_as_many(algorithm):
    W, b, c = enumeration.make_model(4, 3)
    machine = Machine.restricted(W, BernoulliUnits(b), BernoulliUnits(c))
    streams = RandomStreams(7)
    before = prepared(algorithm, machine, streams)
    taken = streams.next_stream
    after = prepared(algorithm, machine, streams, before)
    assert after.states is before.states
    assert streams.next_stream == taken

    others = prepared(algorithm, machine, streams, before, n_chains=4)
    if algorithm != "cd":
        assert others.states.shape[-2:] == (4, 3)
        assert streams.next_stream == taken + 1


@pytest.mark.parametrize("algorithm", ["pcd", "pt"])
def test_training_goes_on_from_the_chains_that_are_published(algorithm):
    X = binary_rows()
    rbm = BernoulliRBM(4, algorithm=algorithm, n_replicas=3, random_state=0).partial_fit(X)
    rbm.components_ *= 100  # or draws would hardly depend on the chains
    in_place, replaced = copy.deepcopy(rbm), copy.deepcopy(rbm)
    in_place.h_samples_[:] = 1
    replaced.h_samples_ = np.ones_like(rbm.h_samples_)
    for model in (rbm, in_place, replaced):
        model.partial_fit(X)
    assert np.array_equal(in_place.components_, replaced.components_)
    assert not np.array_equal(in_place.components_, rbm.components_)


class Exact(Chains):
    """Every chain is drawn from the model itself: a phase that nobody has foreseen."""

    def n_chains(self, n_data):
        return 40_000

    def n_streams(self, n_gibbs_steps):
        return 1

    def advance(self, machine, data, chains, n_gibbs_steps, address, given):
        parameters = machine.weights, machine.visible.bias, machine.hidden.bias
        v, h = chains
        v[:], _ = enumeration.Enumeration(*parameters).draw(len(v), np.random.default_rng(address))
        machine.odd_mean(v, h)


def test_a_new_phase_is_one_class():
    W, b, c = enumeration.make_model(4, 3, scale=2)
    machine = Machine.restricted(W.copy(), BernoulliUnits(b.copy()), BernoulliUnits(c.copy()))
    X = np.array([[0.0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1]])
    rate = 1e-9
    settings = Settings(
        learning_rate=rate,
        batch_size=3,
        n_gibbs_steps=1,
        momentum=0.0,
        l2=0.0,
        l1=0.0,
        sparsity_target=None,
        sparsity_cost=0.0,
        centered=False,
    )
    offsets = np.full(4, 0.5), np.full(3, 0.5)
    learner = Learner(machine, Exact(), offsets, new_solvers(machine), 0, RandomStreams(3))
    learner.run_epoch(as_rows(X), np.arange(3), settings)

    after = machine.weights, machine.visible.bias, machine.hidden.bias
    expected = enumeration.finite_differences(
        lambda *parameters: enumeration.Enumeration(*parameters).log_likelihood(X).mean(),
        [W, b, c],
    )
    for new, old, wanted in zip(after, (W, b, c), expected, strict=True):
        # A mean of n numbers between 0 and 1 has at most this standard error.
        tolerance = 4.5 * 0.5 / np.sqrt(40_000)
        np.testing.assert_allclose((new - old) / rate, wanted, rtol=0, atol=tolerance)
