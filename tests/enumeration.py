"""Exact quantities of small restricted Boltzmann machines, from the energy of every joint state.

All that is used is E(v, h) = -v·W·h - b·v - c·h and that p(v, h) is proportional to exp(-E): no
conditional, free energy or gradient is written down here, so none can be wrong in the same way
as in the package.
"""

import itertools

import numpy as np
from scipy.special import logsumexp, softmax
from scipy.stats import norm


def all_states(n_units):
    """Every binary state, of shape (2**n_units, n_units); row i spells i in binary."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=n_units)))


def number_of(states):
    """Row of `all_states` that holds each of the states."""
    n_units = states.shape[1]
    return states.astype(int) @ (2 ** np.arange(n_units)[::-1])


class Enumeration:
    """A machine with weights W (n_visible, n_hidden) and biases b, c, summed over all states."""

    def __init__(self, W, b, c):
        self.W, self.b, self.c = (np.asarray(x, dtype=np.float64) for x in (W, b, c))
        self.v = all_states(len(b))
        self.h = all_states(len(c))
        minus_energy = -self.energy(self.v)
        self.log_z = logsumexp(minus_energy)
        self.joint = np.exp(minus_energy - self.log_z)  # (2**n_visible, 2**n_hidden)
        self.p_v = self.joint.sum(axis=1)
        self.p_h = self.joint.sum(axis=0)

    def energy(self, v):
        """E(v, h) for rows of v, which may be any real numbers, and all h."""
        return -(v @ self.W @ self.h.T) - (v @ self.b)[:, None] - self.h @ self.c

    def free_energy(self, v):
        return -logsumexp(-self.energy(v), axis=1)

    def log_likelihood(self, v):
        """log p(v) of each row; rows of real numbers are taken by their free energy."""
        return -self.free_energy(v) - self.log_z

    def hidden_given(self, v):
        """p(h | v) for rows of v and all h."""
        return softmax(-self.energy(v), axis=1)

    def mean_hidden(self, v):
        return self.hidden_given(v) @ self.h

    def visible_given_hidden(self):
        """p(v | h) for all h (rows) and all v (columns)."""
        return (self.joint / self.p_h).T

    def gibbs_step(self):
        """p(v' | v) of one step v -> h -> v', for all v (rows) and all v' (columns)."""
        return self.hidden_given(self.v) @ self.visible_given_hidden()

    def draw(self, n_rows, rng):
        """(v, h) drawn from the joint distribution itself."""
        numbers = rng.choice(self.joint.size, size=n_rows, p=self.joint.ravel())
        i, j = np.unravel_index(numbers, self.joint.shape)
        return self.v[i], self.h[j]


def log_likelihood_of_wide(X, W, b, c):
    """log p of each row where there are too many visible states to sum over, but few hidden ones.

    Given one layer the units of the other are independent, so that a sum over all its states is
    a product: of one factor exp(0) + exp(input) a unit.
    """
    h = all_states(len(c))
    log_z = logsumexp(h @ c + np.logaddexp(0, h @ W.T + b).sum(axis=1))
    return X @ b + np.logaddexp(0, X @ W + c).sum(axis=1) - log_z


def finite_differences(function, parameters, step=1e-5):
    """Central differences of ``function(*parameters)`` by every number of every array."""
    gradients = []
    for which, parameter in enumerate(parameters):
        gradient = np.zeros_like(parameter)
        for index in np.ndindex(parameter.shape):
            values = []
            for sign in (1, -1):
                moved = [p.copy() for p in parameters]
                moved[which][index] += sign * step
                values.append(function(*moved))
            gradient[index] = (values[0] - values[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def make_model(n_visible, n_hidden, scale=2.5, seed=0):
    """W, b, c with weights strong enough that a slip in a formula shows."""
    rng = np.random.default_rng(seed)
    W = rng.normal(0, scale, (n_visible, n_hidden))
    return W, rng.normal(0, 1, n_visible), rng.normal(0, 1, n_hidden)


class GaussianMixture:
    """A machine with real-valued visible units, as the mixture over its hidden states that it is.

    All that is used is E(v, h) = sum (v - b)^2 / (2 s) - (v / s) W h - c h, with variances s, and
    the integral of a Gaussian function.
    """

    def __init__(self, W, b, c, s):
        self.W, self.b, self.c, self.s = (np.asarray(x, dtype=np.float64) for x in (W, b, c, s))
        self.h = all_states(len(c))
        # exp(-E) = mass(h) N(v; mean(h), s): complete the square.
        self.mean = self.b + self.h @ self.W.T
        squares = (self.mean**2 - self.b**2) / (2 * self.s)
        log_width = 0.5 * np.log(2 * np.pi * self.s).sum()
        self.log_mass = squares.sum(axis=1) + self.h @ self.c + log_width
        self.log_z = logsumexp(self.log_mass)
        self.p_h = softmax(self.log_mass)

    def energy(self, v):
        """E(v, h) for rows of v and all h."""
        alone = np.square(v - self.b) / (2 * self.s)
        return alone.sum(axis=1)[:, None] - (v / self.s) @ self.W @ self.h.T - self.h @ self.c

    def free_energy(self, v):
        return -logsumexp(-self.energy(v), axis=1)

    def log_likelihood(self, v):
        return -self.free_energy(v) - self.log_z

    def mean_hidden(self, v):
        return softmax(-self.energy(v), axis=1) @ self.h

    def draw(self, n_rows, rng):
        """(v, h) drawn from the joint distribution itself."""
        numbers = rng.choice(len(self.h), size=n_rows, p=self.p_h)
        v = rng.normal(self.mean[numbers], np.sqrt(self.s))
        return v, self.h[numbers]

    def distribution(self, v, unit):
        """P(V_unit <= v), for an array of v."""
        return norm.cdf(v[:, None], self.mean[:, unit], np.sqrt(self.s[unit])) @ self.p_h


def make_gaussian_model(n_visible, n_hidden, scale=1.5, seed=0):
    """W, b, c, s with means far apart, so that hidden states are told apart by some rows only."""
    W, b, c = make_model(n_visible, n_hidden, scale, seed)
    return W, b, c, np.exp(np.random.default_rng(seed + 1).normal(0, 0.7, n_visible))
