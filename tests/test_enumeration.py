"""Enumerated machines of several layers against sums that are written out, and integrals."""

import itertools

import numpy as np
import pytest

import enumeration
from enumeration import Binary, Gaussian, LayeredEnumeration, Softmax

RNG = np.random.default_rng(0)
SIZES = 3, 4, 2, 3
BIASES = [RNG.normal(size=n) for n in SIZES]
WEIGHTS = [RNG.normal(0, 1.5, shape) for shape in itertools.pairwise(SIZES)]


# The sum over these is, for a Gaussian function a unit wide, its integral.
VALUES, STEP = np.linspace(-12, 12, 97, retstep=True)


def binary(n_layers):
    return LayeredEnumeration([Binary(b) for b in BIASES[:n_layers]], WEIGHTS[: n_layers - 1])


def masses_by_hand(n_layers):
    """{states of all layers, as one tuple of tuples: exp(-E)}."""
    masses = {}
    for x in itertools.product(*(itertools.product([0, 1], repeat=n) for n in SIZES[:n_layers])):
        minus_energy = sum(np.dot(b, state) for b, state in zip(BIASES, x, strict=False))
        for i, (one, other) in enumerate(itertools.pairwise(x)):
            minus_energy += np.dot(one, WEIGHTS[i]) @ other
        masses[x] = np.exp(minus_energy)
    return masses


@pytest.mark.parametrize("n_layers", [2, 3, 4])
def test_binary_layers_are_the_sums_written_out(n_layers):
    exact, masses = binary(n_layers), masses_by_hand(n_layers)
    z = sum(masses.values())
    assert exact.log_z == pytest.approx(np.log(z))
    np.testing.assert_allclose(exact.joint.ravel(), np.array(list(masses.values())) / z)
    assert exact.joint.shape == tuple(2**n for n in SIZES[:n_layers])
    for layer in range(n_layers):
        mean = sum(mass * np.array(x[layer]) for x, mass in masses.items()) / z
        np.testing.assert_allclose(exact.mean(layer), mean)
        of_states = {}
        for x, mass in masses.items():
            of_states[x[layer]] = of_states.get(x[layer], 0) + mass / z
        np.testing.assert_allclose(exact.marginal(layer), list(of_states.values()))
        rows = np.array(list(of_states))
        np.testing.assert_allclose(
            exact.log_likelihood(rows, layer), np.log(list(of_states.values()))
        )


def test_two_layers_are_the_machines_that_are_enumerated_elsewhere():
    W, b, c, s = enumeration.make_gaussian_model(3, 4)
    machines = [
        (enumeration.Enumeration(W, b, c), Binary(b), enumeration.all_states(3)),
        (enumeration.GaussianMixture(W, b, c, s), Gaussian(b, s), RNG.normal(0, 3, (5, 3))),
    ]
    for expected, visible, v in machines:
        exact = LayeredEnumeration([visible, Binary(c)], [W])
        assert exact.log_z == pytest.approx(expected.log_z)
        np.testing.assert_allclose(exact.log_likelihood(v), expected.log_likelihood(v))
        np.testing.assert_allclose(exact.marginal(1), expected.p_h)
        means = [exact.mean(1, {0: row}) for row in v]
        np.testing.assert_allclose(means, expected.mean_hidden(v))


def test_even_layers_given_odd_ones_are_independent_units():
    exact = binary(4)
    h1, h3 = np.array([1.0, 0, 1, 1]), np.array([0.0, 1, 1])
    inputs = {0: WEIGHTS[0] @ h1, 2: h1 @ WEIGHTS[1] + WEIGHTS[2] @ h3}
    given = {1: h1, 3: h3}
    p = {i: 1 / (1 + np.exp(-BIASES[i] - inputs[i])) for i in (0, 2)}
    for i in (0, 2):
        np.testing.assert_allclose(exact.mean(i, given), p[i])
    units = [np.prod(np.where(exact.states[i] > 0, p[i], 1 - p[i]), axis=1) for i in (0, 2)]
    np.testing.assert_allclose(exact.marginal(0, 2, given=given), np.outer(*units))


def mixed():
    """Three layers: a binary unit, a group of three and a Gaussian unit; binary; a group."""
    visible = [Binary([0.3]), Softmax([0.2, -0.5, 0.1]), Gaussian(np.array([0.7]), np.array([0.6]))]
    layers = [visible, Binary(BIASES[0][:2]), Softmax([0.4, -0.2])]
    return LayeredEnumeration(layers, [RNG.normal(size=(5, 2)), RNG.normal(size=(2, 2))])


def test_kinds_of_units_side_by_side():
    exact = mixed()
    assert [len(states) for states in exact.states] == [2 * 3, 4, 2]
    assert np.array_equal(exact.states[0][4], [1, 0, 1, 0, 0])

    def densities(state):
        rows = np.tile(state, (len(VALUES), 1))
        rows[:, -1] = VALUES
        return np.exp(exact.log_likelihood(rows)) * STEP

    # The density adds up to the probability of the state of the other units, and has their mean.
    found = np.array([densities(state) for state in exact.states[0]])
    np.testing.assert_allclose(found.sum(axis=1), exact.marginal(0))
    assert exact.mean(0)[-1] == pytest.approx((found @ VALUES).sum())
    # Given its neighbours, it is normal, with a mean that weights move.
    h = np.array([1.0, 1])
    assert exact.mean(0, {1: h})[-1] == pytest.approx(0.7 + exact.weights[0][-1] @ h)


def test_gaussian_units_between_two_layers():
    b, s = np.array([0.4]), np.array([1.7])
    exact = LayeredEnumeration(
        [Binary(BIASES[0]), Gaussian(b, s), Binary(BIASES[3])], [WEIGHTS[0][:, :1], WEIGHTS[2][:1]]
    )
    v, h = np.array([1.0, 0, 1]), np.array([0.0, 1, 1])

    found = [exact.minus_energy({0: v, 1: [value], 2: h}).item() for value in VALUES]
    i, j = enumeration.number_of(v[None])[0], enumeration.number_of(h[None])[0]
    assert np.exp(found - exact.log_z).sum() * STEP == pytest.approx(exact.joint[i, 0, j])
    assert exact.mean(1, {0: v, 2: h}) == pytest.approx(
        b + v @ WEIGHTS[0][:, :1] + WEIGHTS[2][:1] @ h
    )


def test_two_gaussian_units_that_are_coupled_are_refused():
    units = Gaussian(np.zeros(1), np.ones(1))
    with pytest.raises(AssertionError, match="coupled"):
        LayeredEnumeration([units, units], [[[0.1]]])


def test_drawn_states_have_the_means_of_the_machine():
    exact, n_rows = mixed(), 20_000
    for layer, rows in enumerate(exact.draw(n_rows, np.random.default_rng(1))):
        standard_error = rows.std(axis=0) / np.sqrt(n_rows)
        assert np.all(np.abs(rows.mean(axis=0) - exact.mean(layer)) < 4.5 * standard_error)
