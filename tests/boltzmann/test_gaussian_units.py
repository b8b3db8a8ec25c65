"""Gaussian units in machines and learners: against mixtures, integrals and a naive twin."""

import numpy as np
import pytest
from scipy import stats

import enumeration
import naive
from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows
from skebm.boltzmann.chains import CD, PCD
from skebm.boltzmann.gradient import norm_of_weights
from skebm.boltzmann.learner import Learner, Settings, _shrinkage, new_solvers
from skebm.boltzmann.machine import Machine
from skebm.boltzmann.units import BernoulliUnits, GaussianUnits

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_inertia = pytest.mark.parametrize("inertia", [0.0, 0.6])

# One test in 10,000 fails by chance, and none did at this seed.
SMALLEST_P = 1e-4


def make_machine(model, dtype=np.float64, inertia=0.0):
    W, b, c, s = model
    weights = np.ascontiguousarray(W / s[:, None], dtype=dtype)
    visible = GaussianUnits(b, np.log(s), inertia).copy(dtype)
    return Machine.restricted(weights, visible, BernoulliUnits(c.astype(dtype)))


def exact_and_machine(n_visible, n_hidden, dtype=np.float64, seed=0, **options):
    model = enumeration.make_gaussian_model(n_visible, n_hidden, seed=seed)
    return enumeration.GaussianMixture(*model), make_machine(model, dtype, **options)


def grid_over(mixture, n_points=401):
    """Points of a square around all components of two units, and the area of one."""
    low = (mixture.mean - 9 * np.sqrt(mixture.s)).min(axis=0)
    high = (mixture.mean + 9 * np.sqrt(mixture.s)).max(axis=0)
    axes = [np.linspace(a, b, n_points) for a, b in zip(low, high, strict=True)]
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2), cell


# Exact quantities ------------------------------------------------------------


def test_the_mixture_is_the_integral_of_the_energy():
    mixture, _ = exact_and_machine(2, 3)
    v, cell = grid_over(mixture)
    total = np.exp(-mixture.energy(v)).sum() * cell
    assert np.log(total) == pytest.approx(mixture.log_z, abs=1e-9)


@each_dtype
def test_free_energy_and_conditionals_are_those_of_the_mixture(dtype):
    mixture, machine = exact_and_machine(5, 4, dtype)
    v, h = mixture.draw(50, np.random.default_rng(0))
    rows = as_rows(np.ascontiguousarray(v, dtype=dtype))
    tolerance = {"rtol": 0, "atol": 1e-4 if dtype == np.float32 else 1e-11}
    np.testing.assert_allclose(machine.free_energy(rows), mixture.free_energy(v), **tolerance)
    np.testing.assert_allclose(machine.transform(rows), mixture.mean_hidden(v), **tolerance)
    back = machine.inverse_transform(as_rows(h.astype(dtype)))
    np.testing.assert_allclose(back, mixture.b + h @ mixture.W.T, **tolerance)


@each_dtype
def test_log_partition_of_inputs_is_an_integral(dtype):
    mixture, machine = exact_and_machine(1, 3, dtype)
    inputs = np.array([[-2.5], [0.0], [1.5]], dtype=dtype)
    s = np.linspace(-40, 40, 200001)
    exponents = s * inputs.astype(float) - np.square(s - mixture.b) / (2 * mixture.s)
    expected = np.log(np.exp(exponents).sum(axis=1) * (s[1] - s[0]))
    got = machine.visible.log_partition(inputs)
    np.testing.assert_allclose(got, expected, rtol=2e-6 if dtype == np.float32 else 1e-10)


@each_dtype
@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0])
def test_pseudo_likelihood_is_that_of_numerical_integrals(scale, dtype):
    W, b, c, s = enumeration.make_gaussian_model(4, 6, scale)
    mixture = enumeration.GaussianMixture(W, b, c, s)
    machine = make_machine((W, b, c, s), dtype)
    v = mixture.draw(20, np.random.default_rng(0))[0]
    v[0] += 30  # far away from everything
    expected = np.zeros(len(v))
    for i in range(4):
        # Twenty points to a deviation, far beyond the outermost component.
        reach = 12 * np.sqrt(s[i])
        points = np.arange(
            min(mixture.mean[:, i].min(), v[:, i].min()) - reach,
            max(mixture.mean[:, i].max(), v[:, i].max()) + reach,
            np.sqrt(s[i]) / 20,
        )
        for r, row in enumerate(v):
            moved = np.repeat(row[None], len(points), axis=0)
            moved[:, i] = points
            log_ratios = mixture.free_energy(row[None]) - mixture.free_energy(moved)
            largest = log_ratios.max()
            total = np.exp(log_ratios - largest).sum() * np.sqrt(s[i]) / 20
            expected[r] -= largest + np.log(total)
    got = machine.pseudo_log_likelihood(as_rows(v.astype(dtype)))
    assert got.dtype == dtype
    # The inputs of hidden units are rounded: to ten units in the last place of the largest energy.
    size = np.abs(mixture.energy(v)).max()
    atol = max(10 * size * np.finfo(dtype).eps, 1e-8)
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol)


def test_pseudo_likelihood_of_no_weights_is_the_density_of_independent_normals():
    W, b, c, s = enumeration.make_gaussian_model(4, 3)
    machine = make_machine((0 * W, b, c, s))
    v = np.random.default_rng(0).normal(0, 3, (30, 4))
    expected = stats.norm.logpdf(v, b, np.sqrt(s)).sum(axis=1)
    np.testing.assert_allclose(machine.pseudo_log_likelihood(as_rows(v)), expected, rtol=1e-10)


def test_units_between_have_the_mixed_energy_up_to_a_number():
    base = GaussianUnits(np.array([1.0]), np.array([0.4]))
    units = GaussianUnits(np.array([-2.0]), np.array([-1.1]))
    v = np.linspace(-5, 5, 11)[:, None]
    for beta in (0.0, 0.3, 1.0):
        mixed = units.between(base, beta).energy(v)
        gap = mixed - (1 - beta) * base.energy(v) - beta * units.energy(v)
        np.testing.assert_allclose(gap, gap[0], rtol=0, atol=1e-12)


# Sampling --------------------------------------------------------------------


def check_against_the_mixture(v, mixture):
    for unit in range(v.shape[1]):
        p = stats.kstest(v[:, unit], lambda x, unit=unit: mixture.distribution(x, unit)).pvalue
        assert p > SMALLEST_P


@each_dtype
@each_inertia
@pytest.mark.parametrize("n_steps", [1, 4])
def test_walking_does_not_move_the_exact_distribution(n_steps, inertia, dtype):
    mixture, machine = exact_and_machine(3, 3, dtype, inertia=inertia)
    start, _ = mixture.draw(20000, np.random.default_rng(1))
    v = start.astype(dtype)
    for _ in machine.walk(v, n_steps, (5, 0, 0)):
        pass
    assert not np.any(v == start)
    check_against_the_mixture(v.astype(float), mixture)
    # And so are pairs of units, whose correlation the marginal distributions do not see.
    exact = mixture.draw(20000, np.random.default_rng(2))[0]
    for direction in np.random.default_rng(3).normal(size=(4, 3)):
        assert stats.ks_2samp(v @ direction, exact @ direction).pvalue > SMALLEST_P


def test_a_step_without_inertia_forgets_where_it_was_and_one_with_it_does_not():
    mixture, _ = exact_and_machine(3, 3)
    for inertia in (0.0, 0.6):
        _, machine = exact_and_machine(3, 3, inertia=inertia)
        # No weights: what is left of the start is the inertia alone.
        machine.weights[:] = 0
        start = np.full((20000, 3), 50.0)
        v = start.copy()
        for _ in machine.walk(v, 1, (5, 0, 0)):
            pass
        expected = mixture.b + inertia * (50 - mixture.b)
        deviation = np.sqrt(mixture.s * (1 - inertia**2))
        p = stats.kstest(((v - expected) / deviation).ravel(), "norm").pvalue
        assert p > SMALLEST_P


def test_draws_do_not_depend_on_how_rows_are_cut():
    _, machine = exact_and_machine(3, 3)
    h = np.random.default_rng(0).integers(2, size=(70, 3)).astype(float)
    whole = machine.sample_even(h, (9, 4, 0), np.empty((70, 3)))
    parts = [
        machine.sample_even(h[a:b], (9, 4, a), np.empty((b - a, 3)))
        for a, b in [(0, 1), (1, 40), (40, 70)]
    ]
    assert np.array_equal(whole, np.concatenate(parts))


# Learning --------------------------------------------------------------------

N_ROWS, N_VISIBLE, N_HIDDEN = 22, 131, 37

PLAIN = {
    "learning_rate": 0.05,
    "batch_size": 7,
    "n_gibbs_steps": 1,
    "momentum": 0.0,
    "l2": 0.0,
    "l1": 0.0,
    "sparsity_target": None,
    "sparsity_cost": 0.5,
    "centered": True,
    "variance_rate": 0.03,
}
CASES = {
    "CD": {},
    "CD-3": {"n_gibbs_steps": 3},
    "PCD": {"persistent": True},
    "not centred": {"centered": False},
    "fixed variances": {"variance_rate": 0.0},
    "clipped": {"max_gradient_norm": 0.5},
    "clipped, not centred": {"max_gradient_norm": 0.5, "centered": False},
    "momentum": {"momentum": 0.8},
    "L2": {"l2": 0.3},
    "sparsity": {"sparsity_target": 0.1},
    "inertia": {"inertia": 0.6},
    "CD-3, inertia": {"inertia": 0.6, "n_gibbs_steps": 3},
    "PCD-2, inertia": {"inertia": 0.6, "n_gibbs_steps": 2, "persistent": True},
}


# Steps before the epoch: momentum may be 0.7 by then.
N_UPDATES = 133


def make_problem(case):
    options = PLAIN | CASES[case]
    inertia = options.pop("inertia", 0.0)
    persistent = options.pop("persistent", False)
    rng = np.random.default_rng(0)
    parameters = (
        rng.normal(0, 0.2, (N_VISIBLE, N_HIDDEN)),
        rng.normal(0, 0.5, N_VISIBLE),
        rng.normal(0, 0.5, N_HIDDEN),
        rng.normal(0, 0.5, N_VISIBLE),
    )
    chains = rng.integers(2, size=(7, N_HIDDEN)).astype(float) if persistent else None
    offsets = rng.normal(0, 0.3, N_VISIBLE), rng.random(N_HIDDEN)
    return (
        rng.normal(0, 1.5, (N_ROWS, N_VISIBLE)),
        Settings(**options),
        parameters,
        chains,
        (
            offsets,
            inertia,
        ),
    )


def run_twin(case):
    X, settings, parameters, chains, (offsets, inertia) = make_problem(case)
    twin = naive.GaussianLearner(parameters, chains, offsets, 2**40 + 9, 5, inertia, N_UPDATES)
    twin.run_epoch(X, np.arange(N_ROWS), settings)
    return twin


@pytest.mark.parametrize("case", CASES)
def test_an_epoch_is_that_of_the_twin(case):
    X, settings, (W, b, c, z), chains, (offsets, inertia) = make_problem(case)
    twin = run_twin(case)
    weights = W / np.exp(z)[:, None]
    machine = Machine.restricted(
        weights, GaussianUnits(b.copy(), z.copy(), inertia), BernoulliUnits(c.copy())
    )
    copies = tuple(offset.copy() for offset in offsets)
    phase = CD() if chains is None else PCD(chains)
    streams = RandomStreams(2**40 + 9, 5)
    learner = Learner(machine, phase, copies, new_solvers(machine), N_UPDATES, streams)
    learner.run_epoch(as_rows(X), np.arange(N_ROWS), settings)

    variance = np.exp(machine.visible.log_variance)[:, None]
    got = machine.weights * variance, machine.visible.bias, machine.hidden.bias
    for x, y in zip(
        (*got, machine.visible.log_variance, *learner.offsets),
        (twin.W, twin.b, twin.c, twin.z, *twin.offsets),
        strict=True,
    ):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-10)
    if twin.chains is not None:
        assert np.array_equal(phase.states, twin.chains)
    assert learner.streams.next_stream == twin.next_stream


def test_the_twin_has_every_kind_of_step_in_it():
    def parameters(case):
        twin = run_twin(case)
        return np.concatenate([p.ravel() for p in (twin.W, twin.b, twin.c, twin.z)])

    for case, options in CASES.items():
        if options:
            assert not np.allclose(parameters(case), parameters("CD"), atol=1e-3), case


def test_the_gradient_is_that_of_the_exact_log_likelihood():
    """Both phases exact: rows of data, and points of a grid that weigh as much as their density."""
    model = W, b, c, s = enumeration.make_gaussian_model(2, 3)
    z = np.log(s)
    mixture = enumeration.GaussianMixture(*model)
    machine = make_machine(model)
    X = mixture.draw(6, np.random.default_rng(4))[0] + 0.5
    v, cell = grid_over(mixture)
    p = np.exp(mixture.log_likelihood(v)) * cell
    states = np.concatenate([X, v])
    row_weights = np.concatenate([np.full(len(X), 1 / len(X)), -p])
    h = machine.odd_mean(states.copy(), np.empty((len(states), 3)))
    inputs = (h * row_weights[:, None]) @ machine.weights.T
    scaled = states.copy()
    machine.visible.over_variance(scaled)

    def log_likelihood(W, b, c, z):
        return enumeration.GaussianMixture(W, b, c, np.exp(z)).log_likelihood(X).mean()

    expected = enumeration.finite_differences(log_likelihood, (W, b, c, z))
    got = (
        scaled.T @ (h * row_weights[:, None]),
        row_weights @ scaled,
        row_weights @ h,
        machine.visible.log_variance_gradient(states, inputs, row_weights),
    )
    for x, y in zip(got, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_rows", [3, 40])
def test_a_gradient_is_shortened_to_the_norm_given(n_rows):
    rng = np.random.default_rng(0)
    v, h = rng.normal(size=(n_rows, 20)), rng.normal(size=(n_rows, 15))
    layers = GaussianUnits(np.zeros(20), np.zeros(20)), BernoulliUnits(np.zeros(15))
    norm = norm_of_weights(Machine.restricted(np.zeros((20, 15)), *layers), v, h)
    assert norm == pytest.approx(np.linalg.norm(v.T @ h), rel=1e-12)
    assert _shrinkage(norm, norm / 3) == pytest.approx(1 / 3, rel=1e-12)
    assert _shrinkage(norm, norm * 1.01) == _shrinkage(None, np.inf) == 1


def test_a_log_variance_keeps_within_bounds_and_means_stay():
    units = GaussianUnits(np.zeros(3), np.array([-5.0, 0.0, 4.0]))
    before = units.variance
    factor = units.move_log_variance(np.array([-100.0, 0.1, 100.0]))
    np.testing.assert_allclose(units.variance, [1e-4, np.exp(0.1), 1e2])
    np.testing.assert_allclose(factor * units.variance, before)
