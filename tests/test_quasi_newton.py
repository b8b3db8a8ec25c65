"""L-BFGS with L1 against SciPy, and against what defines a minimum."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from skebm._quasi_newton import descend


def last_point(function, start, l1, curvature=None, most=300):
    l1 = np.broadcast_to(float(l1), start.shape).copy()
    curvature = np.ones_like(start) if curvature is None else curvature
    points = []
    for point in descend(function, start, curvature, l1):
        points.append(point)
        if len(points) > most or point.expected_gain < 1e-14:
            break
    losses = [point.loss for point in points]
    assert (np.diff(losses) <= 0).all(), "the loss went up"
    return points[-1]


def quadratic(n=8, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, n))
    A, b = A @ A.T + np.eye(n), 3 * rng.normal(size=n)
    return A, b, lambda x: (0.5 * x @ A @ x - b @ x, A @ x - b)


def test_a_quadratic():
    A, b, function = quadratic()
    point = last_point(function, np.zeros(8), 0.0)
    np.testing.assert_allclose(point.parameters, np.linalg.solve(A, b), atol=1e-5)


def test_a_curved_valley():
    point = last_point(lambda x: (rosen(x), rosen_der(x)), np.full(5, -1.0), 0.0)
    expected = minimize(rosen, np.full(5, -1.0), jac=rosen_der, method="BFGS", tol=1e-10)
    assert point.loss <= expected.fun + 1e-8


@pytest.mark.parametrize("l1", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("with_curvature", [False, True])
def test_l1_by_the_conditions_of_a_minimum(l1, with_curvature):
    A, _, function = quadratic()
    curvature = np.diag(A).copy() if with_curvature else None
    x = last_point(function, np.zeros(8), l1, curvature).parameters
    slope = function(x)[1]
    zero = x == 0
    assert zero.any() or l1 < 1
    np.testing.assert_allclose(slope[~zero], -l1 * np.sign(x[~zero]), atol=1e-5)
    assert (np.abs(slope[zero]) <= l1 + 1e-9).all()


def test_some_parameters_are_free_of_the_penalty():
    _, b, function = quadratic()
    l1 = np.where(np.arange(8) < 4, 1e6, 0.0)
    points = descend(function, np.zeros(8), np.ones(8), l1)
    x = list(itertools.islice(points, 100))[-1].parameters
    assert (x[:4] == 0).all()
    np.testing.assert_allclose(function(x)[1][4:], 0, atol=1e-6)
    assert b.any()


def test_the_expected_gain_is_what_is_gained():
    A, b, function = quadratic()
    least = function(np.linalg.solve(A, b))[0]
    points = [
        p
        for p, _ in zip(
            descend(function, np.zeros(8), np.ones(8), np.zeros(8)), range(12), strict=False
        )
    ]
    ratios = [p.expected_gain / (p.loss - least) for p in points[3:9]]
    assert 0.1 < np.median(ratios) < 10


def test_at_a_minimum_there_is_no_next_point():
    points = descend(lambda x: (0.5 * float(x @ x), x), np.zeros(3), np.ones(3), np.zeros(3))
    assert next(points).expected_gain == 0
    assert next(points, None) is None
