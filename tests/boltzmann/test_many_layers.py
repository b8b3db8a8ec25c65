"""Machines of two to four layers of several kinds of units, against sums over every joint state."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from enumeration import all_states, finite_differences
from skebm._random import RandomStreams
from skebm._rows import DenseRows
from skebm._solvers import SolverSettings
from skebm.boltzmann.chains import Chains
from skebm.boltzmann.couplings import Dense
from skebm.boltzmann.gradient import centred_gradient
from skebm.boltzmann.learner import Learner, Settings, new_solvers
from skebm.boltzmann.machine import Given, Machine
from skebm.boltzmann.partition import (
    annealed_log_partition,
    exact_log_partition,
    inverse_temperatures,
)
from skebm.boltzmann.path import TemperaturePath
from skebm.boltzmann.summation import exact_samples
from skebm.boltzmann.tempering import N_STREAMS, Tempering
from skebm.boltzmann.units import BernoulliUnits, GaussianUnits, SideBySide, SoftmaxUnits

# Kinds of the units of each layer: "b" is a binary unit, a number is a choice of so many.
SHAPES = {
    "two layers": ["bbb", "bb"],
    "three layers": ["bbb", "bb", "bb"],
    "four layers": ["bb", "bb", "bbb", "b"],
    "choices below": ["bb3", "bb", "b"],
    "choices at both ends": ["32", "bb", "2b"],
}
each_shape = pytest.mark.parametrize("shape", SHAPES)


def layer_of(kinds, rng):
    """Units of the kinds, as few objects as there are runs of one kind."""
    layers = []
    for is_binary, run in itertools.groupby(kinds, lambda kind: kind == "b"):
        sizes = [1 if is_binary else int(kind) for kind in run]
        bias = rng.normal(0, 1, sum(sizes))
        layers.append(BernoulliUnits(bias) if is_binary else SoftmaxUnits(bias, sizes))
    return layers[0] if len(layers) == 1 else SideBySide(layers)


def states_of(kinds):
    """Every state of a layer, spelled out unit by unit."""
    parts = [all_states(1) if kind == "b" else np.eye(int(kind)) for kind in kinds]
    return np.array([np.concatenate(state) for state in itertools.product(*parts)])


class Exact:
    """A machine, and the probabilities of its joint states by nothing but the energy."""

    def __init__(self, shape, seed=0, scale=1.2):
        rng = np.random.default_rng(seed)
        kinds = SHAPES[shape]
        layers = [layer_of(of_layer, rng) for of_layer in kinds]
        sizes = [len(layer.bias) for layer in layers]
        weights = [rng.normal(0, scale, pair) for pair in itertools.pairwise(sizes)]
        self.biases = [layer.bias.copy() for layer in layers]
        self.weights = weights
        self.machine = Machine(layers, [Dense(w.copy()) for w in weights])
        self.states = [states_of(of_layer) for of_layer in kinds]
        self.even = self.side(0)
        self.odd = self.side(1)
        self.log_mass = np.array([[-self.energy(e, o) for o in self.odd] for e in self.even])
        self.log_z = logsumexp(self.log_mass)
        self.joint = np.exp(self.log_mass - self.log_z)

    def side(self, parity):
        """Every joint state of the even layers, or of the odd ones, side by side."""
        chosen = itertools.product(*self.states[parity::2])
        return np.array([np.concatenate(states) for states in chosen])

    def energy(self, even, odd):
        """Of one state, layer by layer."""
        sides, layers = [list(even), list(odd)], []
        for number, bias in enumerate(self.biases):
            side = sides[number % 2]
            layers.append(np.array(side[: len(bias)]))
            del side[: len(bias)]
        energy = -sum(bias @ state for bias, state in zip(self.biases, layers, strict=True))
        for (lower, upper), weights in zip(itertools.pairwise(layers), self.weights, strict=True):
            energy -= lower @ weights @ upper
        return energy


@each_shape
def test_each_side_given_the_other_is_the_enumerated_one(shape):
    exact = Exact(shape)
    machine = exact.machine
    of_odd = (exact.joint / exact.joint.sum(axis=1, keepdims=True)) @ exact.odd
    of_even = (exact.joint / exact.joint.sum(axis=0)).T @ exact.even
    np.testing.assert_allclose(
        machine.odd_mean(exact.even, np.empty_like(of_odd)), of_odd, atol=1e-12
    )
    np.testing.assert_allclose(
        machine.even_mean(exact.odd, np.empty_like(of_even)), of_even, atol=1e-12
    )


@each_shape
def test_free_energies_and_the_partition_function_are_sums(shape):
    exact = Exact(shape)
    found = exact.machine.free_energy(DenseRows(exact.even))
    np.testing.assert_allclose(-found, logsumexp(exact.log_mass, axis=1), atol=1e-11)
    assert exact_log_partition(exact.machine).estimate == pytest.approx(exact.log_z, abs=1e-11)
    assert exact.machine.even.n_states == len(exact.even)
    np.testing.assert_array_equal(exact.machine.even.states(np.arange(len(exact.even))), exact.even)
    np.testing.assert_array_equal(exact.machine.odd.states(np.arange(len(exact.odd))), exact.odd)


def number_of(states, among):
    return (states[:, None] == among).all(axis=2).argmax(axis=1)


def check_counts(numbers, p):
    """Whether numbers are drawn with the probabilities p; rare ones share a cell."""
    counts, expected = np.bincount(numbers, minlength=len(p)), p * len(numbers)
    rare = expected < 5
    counts, expected = (np.append(x[~rare], x[rare].sum()) for x in (counts, expected))
    keep = expected > 0
    assert stats.chisquare(counts[keep], expected[keep], sum_check=False).pvalue > 1e-4


@each_shape
def test_gibbs_steps_keep_the_distribution(shape):
    exact, n = Exact(shape), 20_000
    even = exact_samples(exact.machine, n, RandomStreams(5))
    check_counts(number_of(even, exact.even), exact.joint.sum(axis=1))
    exact.machine.run(even, 2, (11, 0, 0))
    check_counts(number_of(even, exact.even), exact.joint.sum(axis=1))


@pytest.mark.parametrize("shape", ["two layers", "four layers", "choices at both ends"])
def test_one_gibbs_step_is_the_enumerated_one(shape):
    exact, n = Exact(shape), 20_000
    odd_given, even_given = (
        exact.joint / exact.joint.sum(axis=1, keepdims=True),
        (exact.joint / exact.joint.sum(axis=0)).T,
    )
    start = len(exact.even) // 2
    even = np.tile(exact.even[start], (n, 1))
    exact.machine.run(even, 1, (12, 0, 0))
    check_counts(number_of(even, exact.even), odd_given[start] @ even_given)


@each_shape
def test_annealing_goes_through_all_layers(shape):
    exact = Exact(shape)
    zero = Exact(shape, seed=1, scale=0).machine
    path = TemperaturePath(exact.machine, zero.even, zero.odd)
    found = annealed_log_partition(path, inverse_temperatures(300), 300, None, 5, RandomStreams(2))
    assert found.estimate == pytest.approx(exact.log_z, abs=max(0.05, 4 * found.standard_error))
    assert found.standard_error < 0.1


def test_tempering_goes_through_all_layers():
    exact, n = Exact("four layers", scale=2.5), 8000
    zero = Exact("four layers", seed=1, scale=0).machine
    tempering = Tempering((zero.even, zero.odd), np.linspace(0, 1, 5))
    h = tempering.odd_states(exact.machine, np.zeros((n, exact.even.shape[1])), (3, 0, 0))
    v = tempering.run(exact.machine, h, 40, (3, 1), adapt=False)
    check_counts(number_of(v[-1], exact.even), exact.joint.sum(axis=1))
    assert tempering.n_sweeps == 40
    assert N_STREAMS == 3


def test_parts_of_one_layer_draw_numbers_of_their_own():
    halves = [BernoulliUnits(np.zeros(3)), BernoulliUnits(np.zeros(3))]
    both = SideBySide([*halves, SoftmaxUnits(np.zeros(4), [2, 2]), SoftmaxUnits(np.zeros(2), [2])])
    drawn = both.base_rate(4000, (1, 0, 0))
    first = drawn[:, [0, 1, 2, 3, 4, 5, 6, 8, 10]]
    correlation = np.corrcoef(first.T) - np.eye(9)
    assert np.abs(correlation).max() < 5 / np.sqrt(4000)


def test_real_units_beside_others_are_what_they_are_alone():
    rng = np.random.default_rng(0)
    real = GaussianUnits(rng.normal(size=2), rng.normal(size=2), inertia=0.3)
    alone = real.copy(np.float64)
    both = SideBySide([BernoulliUnits(np.zeros(3)), real])
    inputs, states = rng.normal(size=(7, 5)), rng.normal(size=(7, 5))
    some = np.ascontiguousarray(inputs[:, 3:])
    rest = np.logaddexp(0, inputs[:, :3]).sum(axis=1)
    np.testing.assert_allclose(both.log_partition(inputs) - rest, alone.log_partition(some))
    np.testing.assert_allclose(both.energy(states), alone.energy(states[:, 3:].copy()))
    np.testing.assert_allclose(both.variance, [1, 1, 1, *alone.variance])
    gradient = both.log_variance_gradient(states, inputs, np.ones(7))
    np.testing.assert_allclose(gradient[:3], 0)
    np.testing.assert_allclose(
        gradient[3:], alone.log_variance_gradient(states[:, 3:], some, np.ones(7))
    )
    step = np.full(5, 0.1)
    np.testing.assert_allclose(both.move_log_variance(step)[:3], 1)
    alone.move_log_variance(step[3:])
    np.testing.assert_allclose(real.log_variance, alone.log_variance)
    mean = both.mean(inputs.copy())
    np.testing.assert_allclose(mean[:, 3:], alone.mean(some))
    n = 20_000
    drawn = both.sample(np.tile(mean[:1], (n, 1)), (4, 0, 0), previous=np.tile(states[:1], (n, 1)))
    expected = 0.7 * mean[0, 3:] + 0.3 * states[0, 3:]
    deviation = np.sqrt(real.variance * (1 - 0.3**2) / n)
    assert (np.abs(drawn[:, 3:].mean(axis=0) - expected) < 5 * deviation).all()


def test_a_copy_shares_nothing():
    machine = Exact("four layers").machine
    before = [p.copy() for p in machine.parameters]
    twin = machine.copy()
    for array in twin.parameters:
        array += 1
    for array, as_it_was in zip(machine.parameters, before, strict=True):
        np.testing.assert_array_equal(array, as_it_was)
    # What is changed in a layer is changed in its side, and the other way round.
    machine.layers[2].bias[0] = 7
    assert machine.even.bias[machine.places[2].start] == 7


# What is given with the rows --------------------------------------------------


@each_shape
def test_fields_are_biases_that_differ_from_row_to_row(shape):
    exact = Exact(shape)
    machine, rng = exact.machine, np.random.default_rng(3)
    for go, units, states in (
        (machine.odd_mean, machine.odd, exact.even[:6]),
        (machine.even_mean, machine.even, exact.odd[:6]),
    ):
        fields = rng.normal(size=(len(states), len(units.bias)))
        found = go(states, np.empty_like(fields), Given(fields=fields))
        bias = units.bias.copy()
        for row, field in enumerate(fields):
            units.bias[:] = bias + field
            one = go(states[row : row + 1], np.empty((1, len(bias))))
            units.bias[:] = bias
            np.testing.assert_allclose(found[row], one[0], atol=1e-12)


def test_units_that_are_not_there_stay_at_zero_in_every_step():
    exact, rng = Exact("choices below"), np.random.default_rng(4)
    machine, n = exact.machine, 200  # more than one block of rows
    known = rng.random((n, machine.n_even)) < 0.6
    odd = machine.odd.base_rate(n, (1, 0, 0))
    even = np.empty((n, machine.n_even))
    n_steps = 0
    given = Given(known=known), Given()
    for _ in machine.alternate(odd, even, 3, (2, 0, 0), given=given):
        assert not even[~known].any()
        n_steps += 1
    assert n_steps == 3
    assert even[known].any()


# Learning ---------------------------------------------------------------------


def moments(machine, even, odd, offsets):
    """Mean centred products of layers next to each other, and means of both sides."""
    centred = machine.neighbours(even - offsets[0], odd - offsets[1])
    products = [lower.T @ upper / len(even) for lower, upper in centred]
    return products, even.mean(axis=0), odd.mean(axis=0)


@pytest.mark.parametrize("shape", ["two layers", "three layers", "four layers"])
def test_the_gradient_is_centred_coupling_by_coupling(shape):
    exact, rng, n_data, n = Exact(shape), np.random.default_rng(8), 7, 12
    machine = exact.machine
    v, h = rng.random((n + 2, machine.n_even)), rng.random((n + 2, machine.n_odd))
    offsets = rng.random(machine.n_even), rng.random(machine.n_odd)
    of_data = moments(machine, v[:n_data], h[:n_data], offsets)
    of_model = moments(machine, v[n_data:n], h[n_data:n], offsets)
    weights = [a - b for a, b in zip(of_data[0], of_model[0], strict=True)]
    biases = [a - b for a, b in zip(of_data[1:], of_model[1:], strict=True)]
    for number, gradient in enumerate(weights):
        below, above = machine.places[number : number + 2]
        side = number % 2
        biases[side][below] -= gradient @ offsets[1 - side][above]
        biases[1 - side][above] -= gradient.T @ offsets[side][below]

    found = centred_gradient(machine, v, h, n_data, offsets, centered=True)
    pairs = machine.neighbours(found.v, found.h)
    for (lower, upper), expected in zip(pairs, weights, strict=True):
        np.testing.assert_allclose(lower.T @ upper, expected, atol=1e-12)
    np.testing.assert_allclose(found.even, biases[0], atol=1e-12)
    np.testing.assert_allclose(found.odd, biases[1], atol=1e-12)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_every_layer_steps_along_the_gradient_of_the_likelihood(solver):
    """All even layers are data here, so that nothing has to be guessed."""
    exact, n_chains = Exact("four layers"), 40_000
    machine = exact.machine
    X = exact.even[[0, 3, 3, 5, 10, 20]]

    class ExactChains(Chains):
        def n_chains(self, n_data):
            return n_chains

        def n_streams(self, n_gibbs_steps):
            return 1

        def advance(self, machine, data, chains, n_gibbs_steps, address, given):
            chains[0][:] = exact_samples(machine, n_chains, RandomStreams(9))
            machine.odd_mean(*chains)

    def log_likelihood(*arrays):
        weights, biases = arrays[:3], arrays[3:]
        layers = [BernoulliUnits(bias.copy()) for bias in biases]
        moved = Machine(layers, [Dense(w) for w in weights])
        log_z = exact_log_partition(moved).estimate
        return float(-moved.free_energy(DenseRows(X)).mean() - log_z)

    before = [*exact.weights, *exact.biases]
    expected = finite_differences(log_likelihood, before)
    rate = 1e-9
    settings = Settings(rate, len(X), 1, 0.0, 0.0, 0.0, None, 0.0, centered=False)
    solvers = new_solvers(machine, SolverSettings(solver, nesterovs_momentum=False))
    offsets = np.full(machine.n_even, 0.5), np.full(machine.n_odd, 0.5)
    learner = Learner(machine, ExactChains(), offsets, solvers, 0, RandomStreams(3))
    learner.run_epoch(DenseRows(X), np.arange(len(X)), settings)
    after = [*(c.weights for c in machine.couplings), *(layer.bias for layer in machine.layers)]
    for new, old, wanted in zip(after, before, expected, strict=True):
        step = (new - old) / rate
        if solver == "sgd":
            np.testing.assert_allclose(step, wanted, atol=4.5 * 0.5 / np.sqrt(n_chains) * 2)
        else:  # whose first step is as long for every parameter
            sure = np.abs(wanted) > 0.02
            np.testing.assert_allclose(step[sure], np.sign(wanted)[sure], atol=1e-2)
            assert sure.any()
