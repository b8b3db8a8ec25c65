from dataclasses import replace

import numpy as np
import pytest

import naive
from skebm._random import RandomStreams
from skebm._source import as_rows
from skebm.stacking.hidden_layer import HiddenLayer
from skebm.stacking.reduced_error import Examples, Penalty, ReducedError
from skebm.stacking.warm_up import WarmUp

N_ROWS, N_FEATURES, N_UNITS, N_TARGETS = 30, 4, 5, 2
N_STEPS = 6


@pytest.mark.parametrize("weighted", [False, True])
def test_steps_are_those_of_adam_down_the_penalised_error(weighted):
    rng = np.random.default_rng(0)
    X, targets = rng.random((N_ROWS, N_FEATURES)), rng.normal(size=(N_ROWS, N_TARGETS))
    weights = rng.random(N_ROWS) if weighted else None
    row_weights = np.ones(N_ROWS) if weights is None else weights
    layer = HiddenLayer(rng.normal(size=(N_UNITS, N_FEATURES)), rng.normal(size=N_UNITS))
    examples, penalty = Examples(as_rows(X), targets, weights), Penalty(0.3, 0.2)
    point = ReducedError(examples, penalty).at(layer)
    # Away from the solution, where every derivative is more than a rounding error.
    point = replace(point, coef=point.coef + rng.normal(size=point.coef.shape))

    def error(W, c, U, b):
        H = naive.sigmoid(X @ W.T + c)
        squares = np.square(H @ U + b - targets).sum(axis=1)
        per_unit = penalty.alpha + penalty.noise * (row_weights @ H**2)
        return row_weights @ squares + per_unit @ np.square(U).sum(axis=1)

    parameters = [layer.weights, layer.bias, point.coef, point.intercept]
    parameters = [parameter.copy() for parameter in parameters]
    means, squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    for t in range(1, N_STEPS + 1):
        rate = 0.1 * (1 + np.cos(np.pi * (t - 1) / N_STEPS)) / 2
        gradients = [np.empty_like(p) for p in parameters]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            for place in np.ndindex(parameter.shape):
                middle = parameter[place]
                ends = []
                for by in (1e-5, -1e-5):
                    parameter[place] = middle + by
                    ends.append(error(*parameters))
                parameter[place] = middle
                # Half the derivative, of the sum over rows: Adam does not see the factor.
                gradient[place] = (ends[0] - ends[1]) / 4e-5
        for p, g, m, s in zip(parameters, gradients, means, squares, strict=True):
            m[:] = 0.9 * m + 0.1 * g
            s[:] = 0.999 * s + 0.001 * g**2
            p -= rate * (m / (1 - 0.9**t)) / np.sqrt(s / (1 - 0.999**t))

    warm_up = WarmUp(
        examples,
        penalty,
        point,
        learning_rate=0.1,
        batch_size=N_ROWS,
        input_dropout=0.0,
        streams=RandomStreams(0),
    )
    warmed = warm_up.run(N_STEPS)
    np.testing.assert_allclose(warmed.weights, parameters[0], atol=1e-6)
    np.testing.assert_allclose(warmed.bias, parameters[1], atol=1e-6)
