"""First steps of each solver, against what was published written out for one number."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from skebm.deep.solvers import minimize_by_scipy, stochastic_solver

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

OPTIONS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}


def plain(w, gradients, rates):
    for g, rate in zip(gradients, rates, strict=True):
        w -= rate * g
    return w


def momentum(w, gradients, rates):
    step = 0.0
    for g, rate in zip(gradients, rates, strict=True):
        step = 0.7 * step - rate * g
        w += step
    return w


def nesterov(w, gradients, rates):
    """The look-ahead form: the gradient is taken, and the caller looks, at w + 0.7 step."""
    step, at = 0.0, w
    for g, rate in zip(gradients, rates, strict=True):
        step = 0.7 * step - rate * g
        w += step
        at = w + 0.7 * step
    return at


def adagrad(w, gradients, rates):
    for n, rate in enumerate(rates):
        w -= rate * gradients[n] / (math.sqrt(sum(g**2 for g in gradients[: n + 1])) + 1e-3)
    return w


def rmsprop(w, gradients, rates):
    mean_square = 0.0
    for g, rate in zip(gradients, rates, strict=True):
        mean_square = 0.9 * mean_square + 0.1 * g**2
        w -= rate * g / (math.sqrt(mean_square) + 1e-3)
    return w


def adam(w, gradients, rates):
    """Algorithm 1 of the paper, with the epsilon that makes its section 2 the same."""
    m = v = 0.0
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        epsilon = 1e-3 / math.sqrt(1 - 0.95**t)
        w -= rate * (m / (1 - 0.8**t)) / (math.sqrt(v / (1 - 0.95**t)) + epsilon)
    return w


SOLVERS = {
    "sgd": (plain, {"solver": "sgd", "momentum": 0}),
    "momentum": (momentum, {"solver": "sgd", "momentum": 0.7, "nesterovs_momentum": False}),
    "nesterov": (nesterov, {"solver": "sgd", "momentum": 0.7, "nesterovs_momentum": True}),
    "adagrad": (adagrad, {"solver": "adagrad"}),
    "rmsprop": (rmsprop, {"solver": "rmsprop"}),
    "adam": (adam, {"solver": "adam"}),
}
each_solver = pytest.mark.parametrize("name", SOLVERS)

N = 45
RATES = [0.1, 0.1, 0.05, 0.2]


def make_steps(dtype):
    rng = np.random.default_rng(0)
    return rng.normal(size=N).astype(dtype), rng.normal(size=(len(RATES), N)).astype(dtype)


@each_dtype
@each_solver
def test_first_steps_are_the_published_ones(name, dtype):
    formula, options = SOLVERS[name]
    parameters, gradients = make_steps(dtype)
    expected = [
        formula(float(w), g.tolist(), RATES) for w, g in zip(parameters, gradients.T, strict=True)
    ]
    solver = stochastic_solver(parameters, SimpleNamespace(**OPTIONS, **options))
    for rate, gradient in zip(RATES, gradients, strict=True):
        solver.begin_step(rate)
        # In any order, in any stretches.
        for place in (slice(30, N), slice(0, 7), slice(7, 30)):
            solver.move(parameters, place, gradient[place])
    assert parameters.dtype == dtype
    atol = 30 * np.finfo(dtype).eps
    np.testing.assert_allclose(parameters, expected, rtol=0, atol=atol)


@each_solver
def test_a_copy_goes_on_alone(name):
    _, options = SOLVERS[name]
    parameters, gradients = make_steps(np.float64)
    everything = slice(0, N)

    def go_on(solver, parameters, gradients):
        for rate, gradient in zip(RATES, gradients, strict=False):
            solver.begin_step(rate)
            solver.move(parameters, everything, gradient)

    solver = stochastic_solver(parameters, SimpleNamespace(**OPTIONS, **options))
    go_on(solver, parameters, gradients[:2])
    copy, copied = solver.copy(), parameters.copy()
    go_on(solver, parameters, gradients[2:])
    go_on(copy, copied, gradients[2:])
    assert np.array_equal(copied, parameters)


def quadratic(dtype):
    """A valley and its lowest point."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(9, 6))
    H, lowest = A.T @ A, rng.normal(size=6)

    def function(x):
        assert x.dtype == dtype
        d = x.astype(np.float64) - lowest
        return d @ H @ d / 2, (H @ d).astype(dtype)

    return function, lowest


@each_dtype
@pytest.mark.parametrize("solver", ["lbfgs", "cg"])
def test_scipy_finds_the_lowest_point(solver, dtype):
    function, lowest = quadratic(dtype)
    x, losses = np.zeros(6, dtype=dtype), []

    def goes_on(at, loss):
        losses.append(loss)
        return True

    loss = minimize_by_scipy(function, x, solver, 100, goes_on)
    assert x.dtype == dtype
    np.testing.assert_allclose(x, lowest, rtol=0, atol=1e-3 if dtype == np.float32 else 1e-6)
    assert loss == losses[-1] == min(losses)
    assert loss < 1e-6


@pytest.mark.parametrize("solver", ["lbfgs", "cg"])
def test_scipy_ends_after_so_many_iterations_or_when_told_to(solver):
    function, _ = quadratic(np.float64)
    for n_iterations, n_wanted in [(3, 100), (100, 3)]:
        losses, x = [], np.zeros(6)

        def goes_on(at, loss, losses=losses, n_wanted=n_wanted):
            losses.append(loss)
            return len(losses) < n_wanted

        loss = minimize_by_scipy(function, x, solver, n_iterations, goes_on)
        assert len(losses) == 3
        assert loss == losses[-1] == pytest.approx(function(x)[0])
