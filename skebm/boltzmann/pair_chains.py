"""Where a learning step gets its states from: given data, and from the model itself.

One class for each algorithm, as in :mod:`skebm.boltzmann.chains` for machines of layers.
"""

import numpy as np

from .hidden_units import HiddenUnits

# Of each sweep of the annealing of [1]_, in units of the temperature that statistics are taken at.
#
# .. [1] D. H. Ackley, G. E. Hinton and T. J. Sejnowski, "A learning algorithm for Boltzmann
#    machines", Cognitive Science 9, 1985.
TEMPERATURES_OF_1985 = (2.0, 2.0, 1.5, 1.5, 1.2, 1.2, 1.0, 1.0, 1.0, 1.0)


class PairChains:
    """States of both phases of a step.

    Parameters
    ----------
    states : ndarray of shape (n_chains, n_units) or None
        Of chains that persist; changed in place.
    n_chains : int or None
        Chains of the free phase; None is as many as a minibatch has rows.
    temperatures : sequence of float
        Of "annealing".
    """

    def __init__(self, states, n_chains, temperatures):
        self.states = states
        self._n_chains = n_chains
        self._temperatures = temperatures

    @classmethod
    def persists(cls):
        """Whether chains go on from step to step."""
        return False

    def copy(self):
        """The same chains with states of their own."""
        states = None if self.states is None else self.states.copy()
        return type(self)(states, self._n_chains, self._temperatures)

    def given_data(self, machine, visible, n_sweeps, streams):
        """States of all units where the visible ones are data.

        Means stand for states that are drawn where they have the same expectation, or are the best
        that is known.
        """
        n_visible = visible.shape[1]
        W, b = machine.weights, machine.bias[0]
        fields = visible @ W[:n_visible, n_visible:] + b[n_visible:]
        hidden = HiddenUnits(np.ascontiguousarray(W[n_visible:, n_visible:])).means(fields)
        return np.hstack([visible, hidden])

    def of_model(self, machine, of_data, n_sweeps, streams):
        """States of all units that the model has drawn.

        Parameters
        ----------
        machine : PairwiseMachine
        of_data : ndarray of shape (n_rows, n_units)
            What :meth:`given_data` has returned.
        n_sweeps : int
        streams : RandomStreams
        """
        raise NotImplementedError


class Persistent(PairChains):
    """Chains go on where the last step left them."""

    @classmethod
    def persists(cls):
        return True

    def of_model(self, machine, of_data, n_sweeps, streams):
        machine.run(self.states, np.ones(n_sweeps), (streams.seed, streams.take(n_sweeps)))
        return self.states


class FromData(PairChains):
    """Chains start at the data: contrastive divergence."""

    def of_model(self, machine, of_data, n_sweeps, streams):
        uniform = streams.generator().random(of_data.shape)
        states = np.where(2 * uniform - 1 < of_data, 1, -1).astype(of_data.dtype)
        return machine.run(states, np.ones(n_sweeps), (streams.seed, streams.take(n_sweeps)))


class Annealed(PairChains):
    """Both phases are brought to equilibrium from random states by cooling, in each step.

    Then states are taken after each of some sweeps.
    """

    def given_data(self, machine, visible, n_sweeps, streams):
        states = machine.random_states(len(visible), (streams.seed, streams.take(), 0))
        n_visible = visible.shape[1]
        states[:, :n_visible] = visible
        is_hidden = np.arange(machine.n_units)[None] >= n_visible
        return self._annealed(machine, states, n_sweeps, streams, is_hidden)

    def of_model(self, machine, of_data, n_sweeps, streams):
        n_chains = self._n_chains or len(of_data) // n_sweeps
        states = machine.random_states(n_chains, (streams.seed, streams.take(), 0))
        return self._annealed(machine, states, n_sweeps, streams)

    def _annealed(self, machine, states, n_sweeps, streams, free=None):
        temperatures = np.asarray(self._temperatures, dtype=np.float64)
        address = streams.seed, streams.take(len(temperatures))
        machine.run(states, temperatures, address, free)
        taken = []
        for _ in range(n_sweeps):
            machine.run(states, np.ones(1), (streams.seed, streams.take()), free)
            taken.append(states.copy())
        return np.concatenate(taken)


CHAINS = {"pcd": Persistent, "cd": FromData, "annealing": Annealed}
