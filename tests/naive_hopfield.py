"""Obviously right, slow twins of associative memory: plain NumPy in float64, from definitions."""

import itertools

import numpy as np


def all_states(n_units):
    return np.array(list(itertools.product([-1.0, 1.0], repeat=n_units)))


def random_network(rng, n_units):
    """Symmetric weights with a zero diagonal, and biases."""
    W = rng.normal(size=(n_units, n_units))
    W = W + W.T
    np.fill_diagonal(W, 0)
    return W, rng.normal(size=n_units)


def energy(W, b, x):
    return -0.5 * x @ W @ x - b @ x


def boltzmann(energies, temperature):
    weights = np.exp(-(energies - energies.min()) / temperature)
    return weights / weights.sum()


# Storing ---------------------------------------------------------------------


def without_diagonal(W):
    return W - np.diag(np.diag(W))


def hebb(X):
    """The reference's increment, x_i x_j for each pattern, over N."""
    n_units = X.shape[1]
    W = np.zeros((n_units, n_units))
    for x in X:
        for i, j in itertools.permutations(range(n_units), 2):
            W[i, j] += x[i] * x[j] / n_units
    return W


def storkey(X):
    """Storkey's increment, with fields that leave out two units, as the paper writes it."""
    n_units = X.shape[1]
    W = np.zeros((n_units, n_units))
    for x in X:
        h = np.zeros((n_units, n_units))
        for i, j in itertools.permutations(range(n_units), 2):
            h[i, j] = sum(W[i, k] * x[k] for k in range(n_units) if k not in (i, j))
        step = np.zeros_like(W)
        for i, j in itertools.permutations(range(n_units), 2):
            step[i, j] = (x[i] * x[j] - x[i] * h[j, i] - h[i, j] * x[j]) / n_units
        W = W + step
    return W


def projector(X):
    return X.T @ np.linalg.pinv(X.T)


def dreaming(X, t, n_units=None):
    """Through the overlap matrix; scaled by a number of units that may leave one out."""
    n_units = n_units or X.shape[1]
    C = X @ X.T / n_units
    return X.T @ np.linalg.inv(np.eye(len(X)) + t * C) @ X * (1 + t) / n_units


# Recall ----------------------------------------------------------------------


def settle(W, b, x, orders, free, max_iter):
    """One unit after the other, each field computed anew. States after each sweep that changed."""
    x, states = x.copy(), [x.copy()]
    for sweep in range(max_iter):
        for i in orders[sweep % len(orders)]:
            field = W[i] @ x + b[i]
            if free[i] and field != 0:
                x[i] = np.sign(field)
        if (x == states[-1]).all():
            break
        states.append(x.copy())
    return np.array(states)


def settle_together(W, b, x, max_iter):
    """All units at once: states, and how it ended."""
    states = [x.copy()]
    for _ in range(max_iter):
        field = W @ states[-1] + b
        new = np.where(field == 0, states[-1], np.sign(field))
        if (new == states[-1]).all():
            return np.array(states), "converged"
        if len(states) > 1 and (new == states[-2]).all():
            return np.array(states), "cycled"
        states.append(new)
    return np.array(states), "neither"


def heat(energy_of, x, orders, temperatures, uniforms, together):
    """Sweeps of stochastic units, each by the energies of its two states."""
    x = x.copy()
    for sweep, temperature in enumerate(temperatures):
        before = x.copy()
        for i in orders[sweep % len(orders)]:
            on, off = (before if together else x).copy(), (before if together else x).copy()
            on[i], off[i] = 1, -1
            p = 1 / (1 + np.exp((energy_of(on) - energy_of(off)) / temperature))
            x[i] = 1 if uniforms[sweep][i] < p else -1
    return x


def dense_energy(patterns, order, x):
    n_units = patterns.shape[1]
    return -n_units / order * ((patterns @ x / n_units) ** order).sum()


def settle_dense(patterns, order, x, units):
    """One sweep in which each unit takes the state of lower energy."""
    x = x.copy()
    for i in units:
        flipped = x.copy()
        flipped[i] *= -1
        if dense_energy(patterns, order, flipped) < dense_energy(patterns, order, x) - 1e-9:
            x = flipped
    return x


def similarity(kind, x, pattern):
    return {
        "dot": x @ pattern,
        "euclidean": -0.5 * ((x - pattern) ** 2).sum(),
        "manhattan": -abs(x - pattern).sum(),
    }[kind]


def softmax_step(kind, beta, x, patterns):
    """New state, and energy of the old one."""
    s = np.array([similarity(kind, x, pattern) for pattern in patterns])
    p = np.exp(beta * (s - s.max()))
    log_sum = s.max() + np.log(p.sum()) / beta
    return p @ patterns / p.sum(), (x @ x / 2 if kind == "dot" else 0) - log_sum
