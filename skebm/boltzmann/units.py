"""Layers of units: what a unit does, given its input from the other layer.

A layer knows its parameters and what follows from them: mean and samples given the inputs, the
log-partition function of the inputs, the energy of states on their own, and how likely each unit
is given the others. Two layers of one kind can be mixed (``between``), and one that has few states
enumerated (``n_states``, infinite where there is no counting them, and ``states``). A machine is
made of two layers and the weights between them; a new kind of unit is a new class here. Inputs are
changed in place: ``mean`` turns them into means, ``sample`` means into states.
"""

import numpy as np

from ..kernels.layers import (
    bernoulli_flip_log_odds,
    bernoulli_log_partition,
    bernoulli_mean,
    sample_bernoulli,
)
from ..kernels.products import multiply

# Exponents up to this size, of either sign, neither overflow nor vanish in float64.
_SAFE_EXPONENT = 600.0


class BernoulliUnits:
    """Binary units: p(state = 1 | input) = sigmoid(bias + input).

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Log-odds of each unit when its input is zero.
    """

    def __init__(self, bias):
        self.bias = bias

    @classmethod
    def from_mean(cls, mean, n_rows):
        """Units that are on as often as in ``n_rows`` rows of data with this mean.

        Half a row of each state is added to the data, so that a unit that never changes gets a
        finite bias.
        """
        mean = (np.clip(mean, 0, 1) * n_rows + 0.5) / (n_rows + 1)
        return cls(np.log(mean) - np.log1p(-mean))

    def copy(self, dtype):
        """The same units with parameters of their own, of the type ``dtype``."""
        return type(self)(self.bias.astype(dtype))

    def between(self, base, beta):
        """Units with ``1 - beta`` times the energy of ``base`` and ``beta`` times that of these."""
        return type(self)(base.bias + beta * (self.bias - base.bias))

    @property
    def n_states(self):
        """Number of states of the whole layer."""
        return 2 ** len(self.bias)

    def states(self, numbers):
        """States of the layer by their numbers, the unit on the right being the lowest bit."""
        bits = np.asarray(numbers)[:, None] >> np.arange(len(self.bias))[::-1] & 1
        return bits.astype(self.bias.dtype, order="C")

    def mean(self, inputs):
        """Probabilities of being on, written over ``inputs`` (n_rows, n_units)."""
        bernoulli_mean(inputs, self.bias)
        return inputs

    def sample(self, mean, address, out=None):
        """States drawn at the address (seed, stream, first row), over ``mean`` if no ``out``."""
        out = mean if out is None else out
        sample_bernoulli(mean, *address, out)
        return out

    def log_partition(self, inputs):
        """Log of the sum over the states s of exp(s (bias + input)), summed over units; nats."""
        out = np.empty(len(inputs))  # float64: differences of them are taken, and added up
        bernoulli_log_partition(inputs, self.bias, out)
        return out

    def energy(self, states):
        """Energy of states on their own, -states @ bias, for each row; nats."""
        out = np.empty((len(states), 1), dtype=states.dtype)
        return -multiply(states, self.bias[:, None], out)[:, 0]

    def conditional_log_likelihood(self, states, other_inputs, weights):
        """Sum over units i of log p(state_i | all other units of this layer), for each row; nats.

        The units of the other layer are binary; their inputs, bias included, are given. States
        strictly between 0 and 1 are compared with their mirror image 1 - state, which for 0 and 1
        is the flipped unit.
        """
        largest = np.abs(weights).max() * np.abs(1 - 2 * states).max()
        n_safe = _SAFE_EXPONENT / max(largest, _SAFE_EXPONENT / weights.shape[1])
        group = max(1, int(n_safe))
        log_odds = np.empty_like(states)
        bernoulli_flip_log_odds(states, other_inputs, weights, self.bias, group, log_odds)
        return -np.logaddexp(0, -log_odds).sum(axis=1)

    def base_rate(self, n_rows, address):
        """States drawn with no input at all, of shape (n_rows, n_units)."""
        inputs = np.zeros((n_rows, len(self.bias)), dtype=self.bias.dtype)
        return self.sample(self.mean(inputs), address)
