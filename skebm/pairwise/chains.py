"""Sampling in a learning step: states given data, and states of the model.

One class per algorithm, as in :mod:`skebm.boltzmann.chains` for machines with layers.
"""

import numpy as np

from .model import PairwiseModel, correlations
from .path import PairwiseTempering

# Temperature of each sweep of the annealing in [1]_, relative to that at which states are counted.
#
# .. [1] D. H. Ackley, G. E. Hinton and T. J. Sejnowski, "A learning algorithm for Boltzmann
#    machines", Cognitive Science 9, 1985.
TEMPERATURES_OF_1985 = (2.0, 2.0, 1.5, 1.5, 1.2, 1.2, 1.0, 1.0, 1.0, 1.0)


class PairwiseChains:
    """States of both phases of a learning step.

    Attributes
    ----------
    states : ndarray of shape (..., n_chains, n_units), or None if no chain persists
        Changed in place.
    tempering : PairwiseTempering or None
        Temperatures of replicas, only with parallel tempering.
    """

    states = None
    tempering = None

    @classmethod
    def prepare(cls, parameters, offsets, dtype, streams, before=None):
        """The chains at the start of training.

        Parameters
        ----------
        parameters : estimator
            Each algorithm uses some of ``n_chains``, ``n_replicas``, ``batch_size`` and
            ``temperatures``.
        offsets : ndarray of shape (n_units,)
            Means of the units, with which initial states are drawn.
        dtype : dtype
        streams : RandomStreams
        before : PairwiseChains, default=None
            Chains of earlier training, by any algorithm. What still fits is used again.
        """
        return cls()

    def copy(self):
        """A copy that shares no arrays with these chains."""
        return self

    def fitted_attributes(self):
        """Fitted attributes of the estimator that come from the chains, by name."""
        return {}

    def given_data(self, machine, visible, n_sweeps, streams):
        """States of all units given data for the visible units, and their correlations.

        Hidden units are represented by their means: exact ones if possible, otherwise mean field.
        """
        return PairwiseModel(machine, visible.shape[1]).moments_given(visible)

    def of_model(self, machine, of_data, n_sweeps, streams):
        """States of all units, sampled from the model.

        Parameters
        ----------
        machine : PairwiseMachine
        of_data : ndarray of shape (n_rows, n_units)
            States returned by :meth:`given_data`.
        n_sweeps : int
        streams : RandomStreams
        """
        raise NotImplementedError


class Persistent(PairwiseChains):
    """Persistent contrastive divergence: chains continue from their states in the last step.

    Parameters
    ----------
    states : ndarray of shape (n_chains, n_units)
        Changed in place.
    """

    def __init__(self, states):
        self.states = states

    @classmethod
    def prepare(cls, parameters, offsets, dtype, streams, before=None):
        """See :class:`PairwiseChains`."""
        n_chains = parameters.n_chains or parameters.batch_size
        return cls(_states((n_chains,), offsets.astype(dtype), streams, before))

    def copy(self):
        """See :class:`PairwiseChains`."""
        return Persistent(self.states.copy())

    def of_model(self, machine, of_data, n_sweeps, streams):
        """See :class:`PairwiseChains`."""
        address = streams.seed, streams.take(n_sweeps)
        return machine.run(self.states, np.ones(n_sweeps), address)


class Tempered(PairwiseChains):
    """Parallel tempering: persistent chains that swap states with replicas of themselves.

    Parameters
    ----------
    states : ndarray of shape (n_replicas, n_chains, n_units)
        The last replicas are at the temperature of the machine. Changed in place.
    tempering : PairwiseTempering
    """

    def __init__(self, states, tempering):
        self.states, self.tempering = states, tempering

    @classmethod
    def prepare(cls, parameters, offsets, dtype, streams, before=None):
        """See :class:`PairwiseChains`."""
        shape = parameters.n_replicas, parameters.n_chains or parameters.batch_size
        states = _states(shape, offsets.astype(dtype), streams, before)
        if before is not None and before.tempering and len(before.tempering.betas) == shape[0]:
            return cls(states, before.tempering.copy())
        return cls(states, ladder(offsets.astype(dtype), np.linspace(0, 1, shape[0])))

    def copy(self):
        """See :class:`PairwiseChains`."""
        return Tempered(self.states.copy(), self.tempering.copy())

    def of_model(self, machine, of_data, n_sweeps, streams):
        """See :class:`PairwiseChains`."""
        address = streams.seed, streams.take(self.tempering.n_streams * n_sweeps)
        return self.tempering.run(machine, self.states, n_sweeps, address)

    def fitted_attributes(self):
        """See :class:`PairwiseChains`."""
        dtype = self.states.dtype
        return {
            "betas_": self.tempering.betas.astype(dtype),
            "swap_rates_": self.tempering.swap_rates.astype(dtype),
        }


class FromData(PairwiseChains):
    """Contrastive divergence: chains start at the data in each step."""

    def of_model(self, machine, of_data, n_sweeps, streams):
        """See :class:`PairwiseChains`."""
        address = streams.seed, streams.take(n_sweeps)
        return machine.run(draw(of_data, streams), np.ones(n_sweeps), address)


class Annealed(PairwiseChains):
    """Annealing: hidden units given the data, and all units, are cooled from random states.

    This is done in each step. States are then counted after each of some sweeps.

    Parameters
    ----------
    n_chains : int or None
        None is the number of rows.
    temperatures : ndarray
        Temperature of each sweep before states are counted.
    """

    def __init__(self, n_chains, temperatures):
        self._n_chains, self._temperatures = n_chains, temperatures

    @classmethod
    def prepare(cls, parameters, offsets, dtype, streams, before=None):
        """See :class:`PairwiseChains`."""
        temperatures = parameters.temperatures or TEMPERATURES_OF_1985
        return cls(parameters.n_chains, np.array(temperatures, dtype=np.float64))

    def given_data(self, machine, visible, n_sweeps, streams):
        """See :class:`PairwiseChains`; hidden units have sampled states."""
        states = machine.random_states(len(visible), (streams.seed, streams.take(), 0))
        n_visible = visible.shape[1]
        states[:, :n_visible] = visible
        is_hidden = np.arange(machine.n_units)[None] >= n_visible
        states = self._counted(machine, states, n_sweeps, streams, is_hidden)
        return states, correlations(states)

    def of_model(self, machine, of_data, n_sweeps, streams):
        """See :class:`PairwiseChains`."""
        n_chains = self._n_chains or len(of_data) // n_sweeps
        states = machine.random_states(n_chains, (streams.seed, streams.take(), 0))
        return self._counted(machine, states, n_sweeps, streams)

    def _counted(self, machine, states, n_sweeps, streams, free=None):
        address = streams.seed, streams.take(len(self._temperatures))
        machine.run(states, self._temperatures, address, free)
        counted = []
        for _ in range(n_sweeps):
            machine.run(states, np.ones(1), (streams.seed, streams.take()), free)
            counted.append(states.copy())
        return np.concatenate(counted)


def ladder(means, betas):
    """Tempering at these inverse temperatures; units of the hottest replicas have these means."""
    return PairwiseTempering(np.arctanh(means), betas.astype(np.float64))


def _states(shape, means, streams, before):
    """States of the chains of earlier training if their shape fits, otherwise random states."""
    if before is not None and before.states is not None and before.states.shape[:-1] == shape:
        return before.states.copy()
    return draw(np.broadcast_to(means, (*shape, len(means))), streams)


def draw(means, streams):
    """Independent random states of -1 and 1 with these means."""
    uniform = streams.generator().random(means.shape)
    return np.where(2 * uniform - 1 < means, 1, -1).astype(means.dtype)
