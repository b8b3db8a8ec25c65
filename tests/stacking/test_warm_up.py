from dataclasses import replace

import numpy as np
import pytest

import naive
from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows
from skebm.stacking.examples import Examples
from skebm.stacking.hidden_layer import HiddenLayer
from skebm.stacking.reduced_error import Penalty, ReducedError
from skebm.stacking.warm_up import WarmUp

# So many units that threads have two blocks of them.
N_ROWS, N_FEATURES, N_UNITS, N_TARGETS = 30, 4, 70, 2
N_STEPS = 6


@pytest.mark.parametrize("input_dropout", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_are_those_of_adam_down_the_penalised_error(weighted, input_dropout):
    rng = np.random.default_rng(0)
    X, targets = rng.random((N_ROWS, N_FEATURES)), rng.normal(size=(N_ROWS, N_TARGETS))
    weights = rng.random(N_ROWS) if weighted else None
    row_weights = np.ones(N_ROWS) if weights is None else weights
    layer = HiddenLayer(rng.normal(size=(N_UNITS, N_FEATURES)), rng.normal(size=N_UNITS))
    examples, penalty = Examples(as_rows(X), targets, weights), Penalty(0.3, 0.2)
    point = ReducedError(examples, penalty).at(layer)
    # Away from the solution, where every derivative is more than a rounding error.
    point = replace(point, coef=point.coef + rng.normal(size=point.coef.shape))

    streams = RandomStreams(3)

    def next_minibatch():
        """All rows in the order of the step, their features as far as they are not dropped."""
        order = streams.generator().permutation(N_ROWS)
        seen = X[order].copy()
        if input_dropout:
            kept = naive.uniforms(3, streams.take(), X.shape) >= input_dropout
            seen *= kept / (1 - input_dropout)
        return seen, targets[order], row_weights[order]

    def error(minibatch, W, c, U, b):
        seen, wanted, weights = minibatch
        H = naive.sigmoid(seen @ W.T + c)
        squares = np.square(H @ U + b - wanted).sum(axis=1)
        per_unit = penalty.alpha + penalty.noise * (weights @ H**2)
        return weights @ squares + per_unit @ np.square(U).sum(axis=1)

    parameters = [layer.weights, layer.bias, point.coef, point.intercept]
    parameters = [parameter.astype(complex) for parameter in parameters]
    means, squares = ([np.zeros(p.shape) for p in parameters] for _ in range(2))
    for t in range(1, N_STEPS + 1):
        rate = 0.1 * (1 + np.cos(np.pi * (t - 1) / N_STEPS)) / 2
        minibatch = next_minibatch()
        gradients = [np.empty(p.shape) for p in parameters]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            for place in np.ndindex(parameter.shape):
                # A tiny complex step: no difference is taken, so that nothing is rounded away.
                parameter[place] += 1e-30j
                # Half the derivative, of the sum over rows: Adam does not see the factor.
                gradient[place] = error(minibatch, *parameters).imag / 2e-30
                parameter[place] = parameter[place].real
        for p, g, m, s in zip(parameters, gradients, means, squares, strict=True):
            m[:] = 0.9 * m + 0.1 * g
            s[:] = 0.999 * s + 0.001 * g**2
            epsilon = 1e-8 / np.sqrt(1 - 0.999**t)
            p -= rate * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + epsilon)

    warm_up = WarmUp(
        examples,
        penalty,
        point,
        learning_rate=0.1,
        batch_size=N_ROWS,
        input_dropout=input_dropout,
        streams=RandomStreams(3),
    )
    warmed = warm_up.run(N_STEPS)
    np.testing.assert_allclose(warmed.weights, parameters[0].real, rtol=0, atol=1e-11)
    np.testing.assert_allclose(warmed.bias, parameters[1].real, rtol=0, atol=1e-11)
