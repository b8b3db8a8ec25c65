"""Exact quantities of small restricted Boltzmann machines, from the energy of every joint state.

All that is used is E(v, h) = -v·W·h - b·v - c·h and that p(v, h) is proportional to exp(-E): no
conditional, free energy or gradient is written down here, so none can be wrong in the same way
as in the package. `LayeredEnumeration` does the same for any number of layers.
"""

import itertools
from dataclasses import dataclass

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


@dataclass
class Binary:
    """Units of 0 and 1, with the energy -bias·x."""

    bias: np.ndarray

    def states(self):
        return all_states(len(self.bias))

    def minus_energy(self, x):
        return x @ self.bias


@dataclass
class Softmax(Binary):
    """One group of units of which exactly one is 1."""

    def states(self):
        return np.eye(len(self.bias))


@dataclass
class Gaussian(Binary):
    """Real-valued units, with the energy sum (x - bias)^2 / (2 variance)."""

    variance: np.ndarray

    def states(self):
        """One state stands for all: where nothing is given, the integral over them is taken."""
        return np.zeros((1, len(self.bias)))

    def minus_energy(self, x):
        return -(np.square(x - self.bias) / (2 * self.variance)).sum(axis=-1)


def _is_real(units):
    return np.full(len(units.bias), isinstance(units, Gaussian))


def _variance(units):
    return units.variance if isinstance(units, Gaussian) else np.ones(len(units.bias))


class LayeredEnumeration:
    """A machine of layers, each coupled with the next, summed over all joint states.

    ``layers`` is a list of layers, the visible one first; a layer is a kind of units, or a list of
    kinds side by side: ``[Binary(b), Softmax(c), Softmax(d), Gaussian(e, s)]``. ``weights[i]``, of
    shape (units of layer i, units of layer i + 1), add -x_i·W·x_(i+1) to the energies of both; the
    values of a Gaussian unit are divided by its variance there, so that weights move its mean.
    Gaussian units are integrated out, which takes that no two of them are coupled.

    Conditions, ``given``, are ``{layer: row}``: states of whole layers, any real numbers. Arrays
    over joint states have one axis for each layer, of length 1 where the layer is given or has
    Gaussian units only. ``states[i]`` are the states along axis i, (n_states, n_units), in which
    Gaussian units are 0.
    """

    def __init__(self, layers, weights):
        self.layers = [layer if isinstance(layer, list) else [layer] for layer in layers]
        self.weights = [np.asarray(W, dtype=np.float64) for W in weights]
        self.states = [
            np.array(
                [np.hstack(parts) for parts in itertools.product(*(u.states() for u in layer))]
            )
            for layer in self.layers
        ]
        self.bias = [np.hstack([units.bias for units in layer]) for layer in self.layers]
        self.variance, self.is_real = (
            [np.hstack([one_each(units) for units in layer]) for layer in self.layers]
            for one_each in (_variance, _is_real)
        )
        for below, W, above in zip(self.is_real[:-1], self.weights, self.is_real[1:], strict=True):
            assert not W[np.ix_(below, above)].any(), "two Gaussian units are coupled"
        self.log_z = logsumexp(self.minus_energy({}))
        self.joint = self.given({})

    def minus_energy(self, given):
        """log of the unnormalised mass of each joint state, Gaussian units integrated out."""
        states = self._states(given)
        total = np.zeros([len(x) for x in states])
        for i, layer in enumerate(self.layers):
            start = 0
            for units in layer:
                x = states[i][:, start : start + len(units.bias)]
                start += len(units.bias)
                if i in given or not isinstance(units, Gaussian):
                    total += self._along(units.minus_energy(x), i)
            if i not in given:
                total += self._log_integral(i, states)
        for i, W in enumerate(self.weights):
            below, above = (states[j] / self.variance[j] for j in (i, i + 1))
            total += self._along(below @ W @ above.T, i, i + 1)
        return total

    def given(self, given):
        """p(all else | given), an array over joint states that adds up to 1."""
        return softmax(self.minus_energy(given))

    def marginal(self, *layers, given=None):
        """p(states of these layers | given), with one axis for each layer, in rising order."""
        others = tuple(i for i in range(len(self.layers)) if i not in layers)
        return self.given(given or {}).sum(axis=others)

    def mean(self, layer, given=None):
        """E[x | given] of each unit of a layer; real-valued units as well."""
        given = given or {}
        states = self._states(given)
        mean = self.marginal(layer, given=given) @ states[layer]
        if layer not in given:
            inputs = self._mean_of_real(layer, states)  # (joint states..., units)
            weights = self.given(given)[..., None]
            of_real = (inputs * weights).reshape(-1, inputs.shape[-1]).sum(axis=0)
            mean[self.is_real[layer]] = of_real[self.is_real[layer]]
        return mean

    def log_likelihood(self, rows, layer=0):
        """log p of each state of a layer: a probability, a density for Gaussian units."""
        return np.array([logsumexp(self.minus_energy({layer: row})) for row in rows]) - self.log_z

    def draw(self, n_rows, rng):
        """Joint states drawn from the machine itself: a list of rows for each layer."""
        drawn = rng.choice(self.joint.size, size=n_rows, p=self.joint.ravel())
        at = np.unravel_index(drawn, self.joint.shape)
        rows = [x[numbers] for x, numbers in zip(self.states, at, strict=True)]
        for i, is_real in enumerate(self.is_real):
            mean = np.broadcast_to(
                self._mean_of_real(i, self.states), (*self.joint.shape, len(is_real))
            )[at]
            normal = rng.normal(mean, np.sqrt(self.variance[i]))
            rows[i] = np.where(is_real, normal, rows[i])
        return rows

    def _states(self, given):
        return [np.atleast_2d(given.get(i, x)) for i, x in enumerate(self.states)]

    def _along(self, values, *axes):
        """Values over the states of some layers, as an array over joint states."""
        return np.expand_dims(values, [i for i in range(len(self.layers)) if i not in axes])

    def _mean_of_real(self, i, states):
        """Mean of each unit of a layer, were it Gaussian, at each joint state."""
        mean = self.bias[i]
        for j, W in ((i - 1, self.weights[i - 1 : i]), (i + 1, self.weights[i : i + 1])):
            if W and j >= 0:
                mean = mean + self._along(states[j] @ (W[0] if j < i else W[0].T), j)
        return mean

    def _log_integral(self, i, states):
        """log of the integral of exp(-E) over Gaussian units of a layer, by completed squares."""
        real = self.is_real[i]
        mean, b, s = (
            self._mean_of_real(i, states)[..., real],
            self.bias[i][real],
            self.variance[i][real],
        )
        return ((mean**2 - b**2) / (2 * s) + 0.5 * np.log(2 * np.pi * s)).sum(axis=-1)
