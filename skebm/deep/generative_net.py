"""The model of a deep belief network: directed connections, and a machine on top of them.

The top machine is a distribution over the states of the layer below its hidden units. From there
the generative weights lead down to the data, layer by layer. The posterior of the hidden layers
given data is intractable; the recognition weights give a factorial approximation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._validation import have_diverged
from ..boltzmann.couplings import Dense
from ..boltzmann.machine import Machine, settle


@dataclass
class Connection:
    """Two adjacent layers of units, with separate weights for each direction.

    Attributes
    ----------
    recognition : ndarray of shape (n_below, n_above)
        Weights upwards.
    above : BernoulliUnits
        Units of the layer above, with biases for recognition.
    generation : ndarray of shape (n_above, n_below)
        Weights downwards.
    below : layer of units
        Units of the layer below, with biases for generation.
    """

    recognition: np.ndarray
    above: Any
    generation: np.ndarray
    below: Any

    def recognize(self, states, out, address=None):
        """Means of the layer above given the one below, or states drawn at an address."""
        return settle(self.above, self._inputs_of_above(states, out), address)

    def generate(self, states, out, address=None):
        """Means of the layer below given the one above, or states drawn at an address."""
        return settle(self.below, self._inputs_of_below(states, out), address)

    def recognize_rows(self, rows):
        """Means of the layer above given all rows, dense or sparse, of the one below."""
        return Machine.restricted(self.recognition, self.below, self.above).transform(rows)

    def generate_rows(self, rows):
        """Means of the layer below given all rows of the one above."""
        return Machine.restricted(self.generation, self.above, self.below).transform(rows)

    def draw_above(self, below, addresses):
        """Draw states of the layer above, and compare both layers' log-probabilities.

        Parameters
        ----------
        below : ndarray of shape (n_rows, n_below)
            States of the layer below.
        addresses : list of tuple of int
            (seed, stream, row) of the random numbers of each row.

        Returns
        -------
        above : ndarray of shape (n_rows, n_above)
        log_ratio : ndarray of shape (n_rows,)
            log p(below | above) - log q(above | below), in nats.
        """
        inputs = self._inputs_of_above(below)
        above = settle(self.above, inputs.copy())
        for row, address in enumerate(addresses):
            self.above.sample(above[row : row + 1], address)
        log_ratio = -_log_probability(above, inputs, self.above)
        inputs = self._inputs_of_below(above)
        return above, log_ratio + _log_probability(below, inputs, self.below)

    def _inputs_of_above(self, states, out=None):
        return Dense(self.recognition).up(states, out)

    def _inputs_of_below(self, states, out=None):
        return Dense(self.generation.T).down(states, out)


@dataclass
class GenerativeNet:
    """Connections from the data upwards, and a machine on the highest of these layers.

    The machine may have further visible units after those of this layer, for a label.
    """

    connections: list
    top: Machine

    @property
    def dtype(self):
        """The dtype of the parameters and of all results."""
        return self.top.dtype

    @property
    def parameters(self):
        """The arrays of parameters: of each connection, then of the machine on top."""
        arrays = []
        for c in self.connections:
            arrays += [c.recognition, c.above.bias, c.generation, c.below.bias]
        return [*arrays, self.top.weights, self.top.visible.bias, self.top.hidden.bias]

    def has_diverged(self):
        """Whether a parameter is not finite, or too large for computations."""
        return self.top.has_diverged() or have_diverged(*self.parameters)

    def log_weights(self, v, row_numbers, seed, stream):
        """Log of p*(v, h) / q(h | v) for states h of all hidden layers except the highest.

        They are drawn from the recognition distribution q; the highest layer is summed over. p* is
        the model's distribution without the 1 / Z of the top machine, so that log p(v) + log Z is
        at least the expectation.

        Parameters
        ----------
        v : ndarray of shape (n_rows, n_visible)
        row_numbers : sequence of int
            Row addresses of the random numbers.
        seed, stream : int
            One stream per connection is used.

        Returns
        -------
        log_weights : ndarray of shape (n_rows,)
            In nats, float64.
        """
        log_weights = np.zeros(len(v))
        for k, connection in enumerate(self.connections):
            addresses = [(seed, stream + k, number) for number in row_numbers]
            v, log_ratio = connection.draw_above(v, addresses)
            log_weights += log_ratio
        log_masses = self.top.hidden.log_partition(self.top.inputs_of_odd(v))
        return log_weights + log_masses - self.top.visible.energy(v)

    def copy(self):
        """A copy of the net with its own arrays."""
        connections = [
            Connection(
                c.recognition.copy(),
                c.above.copy(self.dtype),
                c.generation.copy(),
                c.below.copy(self.dtype),
            )
            for c in self.connections
        ]
        return GenerativeNet(connections, self.top.copy())


def connection_of(machine):
    """The connection with the weights of an RBM that is no longer on top."""
    weights = machine.weights.copy()
    return Connection(weights, machine.hidden, np.ascontiguousarray(weights.T), machine.visible)


def _log_probability(states, inputs, units):
    """log p(states | inputs) of each row, in nats; float64."""
    log_masses = np.einsum("ri,ri->r", states, inputs, dtype=np.float64) - units.energy(states)
    return log_masses - units.log_partition(inputs)
