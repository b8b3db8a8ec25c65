"""Contrastive wake-sleep: a step against a slow twin, and what many steps lead to."""

from itertools import pairwise

import numpy as np
import pytest

import naive
from skebm._parallel import InTurn
from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows
from skebm.boltzmann.machine import Machine
from skebm.boltzmann.units import BernoulliUnits, GaussianUnits, SideBySide, SoftmaxUnits
from skebm.deep.generative_net import Connection, GenerativeNet
from skebm.deep.up_down import UpDown, UpDownSettings

# Several blocks of rows and of weights, none full; the last minibatch has 13 rows.
N_ROWS, SIZES, N_HIGHEST = 143, (130, 21, 9), 70
SEED = 2**40 + 5
SETTINGS = UpDownSettings(learning_rate=0.3, batch_size=130, n_gibbs_steps=2)


def make_net(visible, n_labels, dtype):
    rng = np.random.default_rng(0)

    def numbers(*shape):
        return rng.normal(0, 0.5, shape).astype(dtype)

    connections = []
    for n_below, n_above in pairwise(SIZES):
        below = BernoulliUnits(numbers(n_below))
        if visible == "gaussian" and not connections:
            below = GaussianUnits(below.bias, numbers(n_below))
        recognition, generation = numbers(n_below, n_above), numbers(n_above, n_below)
        connections.append(
            Connection(recognition, BernoulliUnits(numbers(n_above)), generation, below)
        )
    features, label = np.split(numbers(SIZES[-1] + n_labels), [SIZES[-1]])
    highest = BernoulliUnits(features)
    if n_labels:
        highest = SideBySide([highest, SoftmaxUnits(label, [n_labels])])
    weights = numbers(SIZES[-1] + n_labels, N_HIGHEST)
    return GenerativeNet(
        connections, Machine.restricted(weights, highest, BernoulliUnits(numbers(N_HIGHEST)))
    )


def make_data(visible, n_labels, dtype):
    rng = np.random.default_rng(1)
    X = (
        rng.random((N_ROWS, SIZES[0]))
        if visible == "bernoulli"
        else rng.normal(size=(N_ROWS, SIZES[0]))
    )
    labels = (
        np.eye(n_labels)[rng.integers(n_labels, size=N_ROWS)] if n_labels else np.empty((N_ROWS, 0))
    )
    return X.astype(dtype), labels.astype(dtype)


class Twin:
    """The same net as plain arrays in float64, one row and one rule at a time."""

    def __init__(self, net):
        wide = net.copy()
        self.R = [c.recognition.astype(float) for c in wide.connections]
        self.r = [c.above.bias.astype(float) for c in wide.connections]
        self.G = [c.generation.astype(float) for c in wide.connections]
        self.g = [c.below.bias.astype(float) for c in wide.connections]
        self.s2 = [
            np.exp(getattr(c.below, "log_variance", np.zeros_like(c.below.bias)).astype(float))
            for c in wide.connections
        ]
        self.is_gaussian = isinstance(wide.connections[0].below, GaussianUnits)
        self.n_labels = len(wide.top.visible.bias) - SIZES[-1]
        self.W, self.b, self.c = (
            x.astype(float) for x in (wide.top.weights, wide.top.visible.bias, wide.top.hidden.bias)
        )

    def parameters(self):
        return [*self.R, *self.r, *self.G, *self.g, self.W, self.b, self.c]

    def below(self, k, above):
        inputs = above @ self.G[k]
        if self.is_gaussian and k == 0:
            return self.g[0] + self.s2[0] * inputs
        return naive.sigmoid(self.g[k] + inputs)

    def above(self, k, below):
        return naive.sigmoid(self.r[k] + below @ self.R[k])

    def step(self, X, labels, stream, n_gibbs_steps, rate, dtype):
        streams = iter(range(stream, stream + 100))

        def draw(p):
            return (naive.uniforms(SEED, next(streams), p.shape, dtype) < p).astype(float)

        n, n_layers = len(X), len(self.R)
        up = [X.astype(float)]
        for k in range(n_layers):
            up.append(draw(self.above(k, up[k])))
        v_first = np.hstack([up[-1], labels])
        h_first = naive.sigmoid(self.c + v_first @ self.W)
        h = h_first
        for _ in range(n_gibbs_steps):
            inputs = self.b + draw(h) @ self.W.T
            v = self.draw_highest(inputs, next(streams), dtype)
            h = naive.sigmoid(self.c + v @ self.W)
        down = [v[:, : v.shape[1] - self.n_labels]]
        for k in range(n_layers - 1, -1, -1):
            mean = self.below(k, down[0])
            if self.is_gaussian and k == 0:
                normal = naive.normals(SEED, next(streams), mean.shape, dtype)
                down.insert(0, mean + np.sqrt(self.s2[0]) * normal)
            else:
                down.insert(0, draw(mean))
        error = np.square(up[0] - self.below(0, up[1])).sum()
        moves = []
        for k in range(n_layers):
            left_below = up[k] - self.below(k, up[k + 1])
            left_above = down[k + 1] - self.above(k, down[k])
            moves += [
                (self.R[k], down[k].T @ left_above),
                (self.r[k], left_above.sum(axis=0)),
                (self.G[k], up[k + 1].T @ (left_below / self.s2[k])),
                (self.g[k], left_below.sum(axis=0)),
            ]
        moves += [
            (self.W, v_first.T @ h_first - v.T @ h),
            (self.b, (v_first - v).sum(axis=0)),
            (self.c, (h_first - h).sum(axis=0)),
        ]
        for parameter, gradient in moves:
            parameter += rate / n * gradient
        return error

    def draw_highest(self, inputs, stream, dtype):
        n_features = inputs.shape[1] - self.n_labels
        v = (naive.uniforms(SEED, stream, inputs.shape, dtype) < naive.sigmoid(inputs)).astype(
            float
        )
        for row in range(len(v)) if self.n_labels else []:
            p = np.exp(inputs[row, n_features:])
            column = 2**31 + n_features + -n_features % 4
            u = naive.uniform(SEED, stream, row, column, dtype)
            v[row, n_features:] = np.arange(self.n_labels) == np.searchsorted(
                np.cumsum(p / p.sum()), u
            )
        return v


@pytest.mark.parametrize(
    ("visible", "n_labels", "dtype", "atol"),
    [
        ("bernoulli", 3, np.float64, 1e-12),
        ("bernoulli", 0, np.float32, 1e-4),
        ("gaussian", 3, np.float64, 1e-12),
    ],
)
def test_an_epoch_is_that_of_a_slow_twin(visible, n_labels, dtype, atol):
    net = make_net(visible, n_labels, dtype)
    twin = Twin(net)
    X, labels = make_data(visible, n_labels, dtype)
    order = np.random.default_rng(2).permutation(N_ROWS)
    learner = UpDown(net, RandomStreams(SEED, 11))
    course = InTurn(as_rows(X), learner)
    found_error = learner.run_epoch(course, labels, SETTINGS, np.random.default_rng(2))

    n_streams = 2 * len(net.connections) + 2 * SETTINGS.n_gibbs_steps
    parts = order[: SETTINGS.batch_size], order[SETTINGS.batch_size :]
    error = sum(
        twin.step(X[part], labels[part], 11 + number * n_streams, 2, 0.3, dtype)
        for number, part in enumerate(parts)
    )
    assert found_error == pytest.approx(error / N_ROWS, rel=1e-4)
    found = [c.recognition for c in net.connections] + [c.above.bias for c in net.connections]
    found += [c.generation for c in net.connections] + [c.below.bias for c in net.connections]
    found += [net.top.weights, net.top.visible.bias, net.top.hidden.bias]
    for a, b in zip(found, twin.parameters(), strict=True):
        np.testing.assert_allclose(a, b, atol=atol)
