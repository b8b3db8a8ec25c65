"""First steps of each solver, against what was published written out for one number."""

import math
import pickle
import threading

import numpy as np
import pytest

from skebm._solvers import (
    SolverSettings,
    in_one_vector,
    minimize_by_scipy,
    place_of_rows,
    stochastic_solver,
)

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
EVERYTHING = slice(0, N)


def make_solver(parameters, **options):
    return stochastic_solver(parameters, SolverSettings(**OPTIONS, **options))


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
    solver = make_solver(parameters, **options)
    for rate, gradient in zip(RATES, gradients, strict=True):
        solver.begin_step(rate)
        # In any order, in any stretches.
        for place in (slice(30, N), slice(0, 7), slice(7, 30)):
            solver.move(parameters, place, gradient[place])
    assert parameters.dtype == dtype
    atol = 30 * np.finfo(dtype).eps
    np.testing.assert_allclose(parameters, expected, rtol=0, atol=atol)


def go_on(solver, parameters, gradients):
    for rate, gradient in zip(RATES, gradients, strict=False):
        solver.begin_step(rate)
        solver.move(parameters, EVERYTHING, gradient)


@each_dtype
@each_solver
def test_the_same_bits_from_any_number_of_threads(name, dtype):
    _, options = SOLVERS[name]
    parameters, gradients = make_steps(dtype)
    moved, solver = parameters.copy(), make_solver(parameters, **options)
    go_on(make_solver(parameters, **options), parameters, gradients)
    for rate, gradient in zip(RATES, gradients, strict=True):
        solver.begin_step(rate)
        threads = [
            threading.Thread(target=solver.move, args=(moved, place, gradient[place]))
            for place in (slice(30, N), slice(0, 7), slice(7, 30))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert np.array_equal(moved, parameters)


@pytest.mark.parametrize(
    "copied", [lambda solver: solver.copy(), lambda s: pickle.loads(pickle.dumps(s))]
)
@each_solver
def test_a_copy_goes_on_alone(name, copied):
    _, options = SOLVERS[name]
    parameters, gradients = make_steps(np.float64)
    solver = make_solver(parameters, **options)
    go_on(solver, parameters, gradients[:2])
    other, elsewhere = copied(solver), parameters.copy()
    go_on(solver, parameters, gradients[2:])
    go_on(other, elsewhere, gradients[2:])
    assert np.array_equal(elsewhere, parameters)


@each_dtype
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [(1.0, 0.0), (0.75, 0.0), (1.0, 0.4), (0.75, 0.4)])
def test_descent_with_decay_is_the_step_of_one_parameter_to_the_bit(decay, momentum, dtype):
    parameters, gradients = make_steps(dtype)
    expected, velocity = parameters.copy(), np.zeros_like(parameters)
    solver = make_solver(parameters, solver="sgd", momentum=0.0, nesterovs_momentum=False)
    keep, l1 = (dtype(number) for number in decay)
    for rate, gradient in zip(RATES, gradients, strict=True):
        solver.begin_step(rate, momentum)
        solver.move(parameters, EVERYTHING, gradient, decay)
        # NumPy rounds each product, as the kernels have to.
        velocity = dtype(momentum) * velocity - dtype(rate) * gradient
        expected = keep * expected + velocity
        expected = np.sign(expected) * np.maximum(np.abs(expected) - l1, dtype(0))
    assert np.array_equal(parameters, expected)
    assert np.any(parameters == 0) == (decay[1] > 0)


@each_solver
def test_decay_comes_before_the_step_and_shrinkage_after_it(name):
    keep, l1 = 0.75, 0.4
    _, options = SOLVERS[name]
    parameters, gradients = make_steps(np.float64)
    kept = keep * parameters
    solver = make_solver(parameters, **options)
    solver.begin_step(0.1)
    solver.move(parameters, EVERYTHING, gradients[0], (keep, l1))
    go_on(make_solver(kept, **options), kept, gradients[:1])
    expected = np.where(kept > l1, kept - l1, np.where(kept < -l1, kept + l1, 0))
    np.testing.assert_allclose(parameters, expected, rtol=0, atol=1e-15)
    assert 0 < np.count_nonzero(expected) < N


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_momentum_may_come_and_go_and_starts_from_nothing(name):
    formula, options = SOLVERS[name]
    parameters, gradients = make_steps(np.float64)
    solver = make_solver(parameters, **options | {"momentum": 0.0})
    expected = parameters.copy()
    for moves, momentum, steps in [
        (formula, 0.7, slice(0, 1)),
        (plain, None, slice(1, 2)),
        (formula, 0.7, slice(2, 4)),
    ]:
        expected = [
            moves(w, g.tolist(), RATES[steps])
            for w, g in zip(expected, gradients[steps].T, strict=True)
        ]
        for rate, gradient in zip(RATES[steps], gradients[steps], strict=True):
            solver.begin_step(rate, momentum)
            solver.move(parameters, EVERYTHING, gradient)
    np.testing.assert_allclose(parameters, expected, rtol=0, atol=1e-14)


FORGOTTEN = np.arange(N) % 4 == 1


@pytest.mark.parametrize("places", [FORGOTTEN, np.flatnonzero(FORGOTTEN), slice(1, None, 4)])
@pytest.mark.parametrize("name", ["momentum", "nesterov", "adagrad", "rmsprop"])
def test_what_is_forgotten_begins_anew(name, places):
    _, options = SOLVERS[name]
    parameters, gradients = make_steps(np.float64)
    solver = make_solver(parameters, **options)
    go_on(solver, parameters, gradients[:2])
    # Forgets nothing, and forgets all.
    old, new = (
        (solver.copy(), parameters.copy()),
        (make_solver(parameters, **options), parameters.copy()),
    )
    solver.forget(places)
    for going_on, at in ((solver, parameters), old, new):
        go_on(going_on, at, gradients[2:])
    assert np.array_equal(parameters, np.where(FORGOTTEN, new[1], old[1]))
    assert not np.array_equal(new[1], old[1])


@each_dtype
def test_arrays_in_one_vector_are_views_of_it(dtype):
    arrays = [np.arange(6, dtype=dtype).reshape(2, 3).T, np.zeros(0, dtype), np.ones((2, 2), dtype)]
    parameters, views, places = in_one_vector(arrays)
    assert parameters.tolist() == [0, 3, 1, 4, 2, 5, 1, 1, 1, 1]
    assert parameters.dtype == dtype
    for array, view, place in zip(arrays, views, places, strict=True):
        assert np.array_equal(view, array)
        assert np.array_equal(parameters[place], array.ravel())
    parameters[place_of_rows(places[0], slice(1, 3), 2)] = 7
    assert views[0].tolist() == [[0, 3], [7, 7], [7, 7]]
    assert arrays[0].tolist() == [[0, 3], [1, 4], [2, 5]]


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
