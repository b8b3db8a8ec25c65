"""Gibbs chains that represent the model in the gradient, one class per algorithm.

The algorithms differ in where the chains of a step start: at the data (CD), at their last states
(PCD), or there with replicas at other temperatures to swap states with (PT).

For a new algorithm, add a subclass of ``Chains`` to ``ALGORITHMS``.
"""

import math

import numpy as np

from .machine import NOTHING_GIVEN
from .tempering import N_STREAMS, Tempering


class Chains:
    """Interface of the algorithms.

    An object belongs to one training, and keeps the state between steps. It consists of arrays, so
    that it can be copied and pickled with the estimator.

    Attributes
    ----------
    states : ndarray of shape (..., n_chains, n_odd), or None if no chain persists
        Odd states of the persistent chains; changed in place.
    tempering : Tempering or None
        Temperatures of replicas, if there are any.
    kind : {"from data", "persistent", "other"}
        For :mod:`skebm.boltzmann.fused`.
    """

    states = None
    tempering = None
    kind = "other"

    @classmethod
    def prepare(cls, parameters, machine, base, streams, before=None):
        """The chains at the start of a training.

        Parameters
        ----------
        parameters : estimator
            Each algorithm reads what it needs of ``n_chains``, ``n_replicas`` and ``batch_size``.
        machine : Machine
        base : tuple of two layers of units
            Independent units with the means of the data.
        streams : RandomStreams
            For new chains.
        before : Chains, default=None
            Chains of the training to continue, of any algorithm; states that still fit are reused.
        """
        raise NotImplementedError

    def copy(self):
        """The same chains with arrays of their own."""
        return self

    def beside(self, others):
        """These chains, with the state that depends on all data taken from others."""
        return self

    def start_epoch(self, find_base):
        """``find_base()`` returns base units with the present means of the data."""

    def n_chains(self, n_data):
        """Number of chains of a step on ``n_data`` rows."""
        raise NotImplementedError

    def n_streams(self, n_gibbs_steps):
        """Number of streams of random numbers per learning step."""
        raise NotImplementedError

    def advance(self, machine, data, chains, n_gibbs_steps, address, given=NOTHING_GIVEN):
        """Fill in the states of the chains at the end of this step.

        Their last odd states are probabilities: these have the same expectation as samples, and a
        smaller variance. Even states are samples: probabilities would bias the inputs of the odd
        units, and have no zeros for sparse products.

        Parameters
        ----------
        machine : Machine
        data : tuple of two ndarrays, of shapes (n_data, n_even) and (n_data, n_odd)
            States of the data, and means given these.
        chains : tuple of two ndarrays, of shapes (n_chains, n_even) and (n_chains, n_odd)
            Arrays for the states of the chains, and the means given these.
        n_gibbs_steps : int
        address : tuple of int
            Seed and first stream.
        given : Given
            What is held fixed or added for the even states of each chain.
        """
        raise NotImplementedError

    def fitted_attributes(self):
        """Fitted attributes of the estimator for the chains, by name."""
        return {}


class CD(Chains):
    """Contrastive divergence: chains start at the data in each step.

    Units with inertia continue from the data, where their chain starts.
    """

    kind = "from data"

    @classmethod
    def prepare(cls, parameters, machine, base, streams, before=None):
        """New chains; there is no state to prepare."""
        return cls()

    def n_chains(self, n_data):
        """One chain per row."""
        return n_data

    def n_streams(self, n_gibbs_steps):
        """One for each draw of a layer."""
        return 2 * n_gibbs_steps

    def advance(self, machine, data, chains, n_gibbs_steps, address, given=NOTHING_GIVEN):
        """Steps from the odd states that are drawn given the data."""
        (v_data, h_data), (v, h), (seed, stream) = data, chains, address
        self._start(machine, v_data, h_data, (seed, stream, 0), out=h)
        with_both = given, NOTHING_GIVEN
        machine.advance(h, v, n_gibbs_steps, (seed, stream + 1, 0), v_data, with_both)
        machine.odd_mean(v, h)

    def _start(self, machine, v_data, h_data, address, out):
        """Initial odd states of chains from the data."""
        machine.odd.sample(h_data, address, out=out)


class PCD(Chains):
    """Persistent contrastive divergence: chains continue from their last states.

    Only their hidden states are kept, so that the first draw of a step is without inertia.

    Parameters
    ----------
    states : ndarray of shape (n_chains, n_odd)
        Changed in place.
    """

    kind = "persistent"

    def __init__(self, states):
        self.states = states

    @classmethod
    def prepare(cls, parameters, machine, base, streams, before=None):
        """New or continued chains, in the number that the parameters set."""
        n_chains = parameters.n_chains or parameters.batch_size
        return cls(_hidden_states((n_chains,), base, streams, before))

    def copy(self):
        """The same chains with arrays of their own."""
        return type(self)(self.states.copy())

    def n_chains(self, n_data):
        """The number of persistent chains."""
        return len(self.states)

    def n_streams(self, n_gibbs_steps):
        """One for each draw of a layer."""
        return 2 * n_gibbs_steps

    def advance(self, machine, data, chains, n_gibbs_steps, address, given=NOTHING_GIVEN):
        """Steps from the persistent odd states, which are then replaced."""
        (v, h), (seed, stream), with_both = chains, address, (given, NOTHING_GIVEN)
        machine.advance(self.states, v, n_gibbs_steps, (seed, stream, 0), given=with_both)
        machine.odd_mean(v, h)
        machine.odd.sample(h, (seed, stream + 2 * n_gibbs_steps - 1, 0), out=self.states)

    def fitted_attributes(self):
        """The chains."""
        return {"h_samples_": self.states}


class PT(Chains):
    """Parallel tempering: persistent chains that swap states with replicas of themselves.

    All draws are without inertia.

    Parameters
    ----------
    states : ndarray of shape (n_replicas, n_chains, n_odd)
        Odd states, the last replicas being those of the machine itself; changed in place.
    tempering : Tempering
        The temperatures of the replicas, and how they swap states.
    """

    def __init__(self, states, tempering):
        self.states = states
        self.tempering = tempering

    @classmethod
    def prepare(cls, parameters, machine, base, streams, before=None):
        """New or continued chains and replicas, in the numbers that the parameters set."""
        n_replicas, n_chains = parameters.n_replicas, parameters.n_chains or parameters.batch_size
        states = _hidden_states((n_replicas, n_chains), base, streams, before)
        if before is not None and before.tempering and len(before.tempering.betas) == n_replicas:
            return cls(states, before.tempering)
        return cls(states, Tempering(base, np.linspace(0, 1, n_replicas)))

    def copy(self):
        """The same chains with arrays of their own."""
        return type(self)(self.states.copy(), self.tempering.copy())

    def beside(self, others):
        """These chains, with the hottest replicas of others."""
        self.tempering.base = others.tempering.base
        return self

    def start_epoch(self, find_base):
        """Set the hottest replicas to units with the present means of the data."""
        self.tempering.base = find_base()

    def n_chains(self, n_data):
        """The number of persistent chains, without their replicas."""
        return self.states.shape[1]

    def n_streams(self, n_gibbs_steps):
        """Those of ``n_gibbs_steps`` sweeps."""
        return N_STREAMS * n_gibbs_steps

    def advance(self, machine, data, chains, n_gibbs_steps, address, given=NOTHING_GIVEN):
        """Sweeps of all replicas; the states of the coldest ones are the result."""
        v, h = chains
        # Clamped units add the same energy to both replicas of a swap, so they are left out.
        clamped = None
        if given.known is not None:
            clamped = ~given.known, 0 if given.absent is None else given.absent
        v[:] = self.tempering.run(machine, self.states, n_gibbs_steps, address, clamped)[-1]
        machine.odd_mean(v, h)

    def fitted_attributes(self):
        """The chains, the temperatures and the swap rates."""
        dtype = self.states.dtype
        return {
            "h_samples_": self.states,
            "betas_": self.tempering.betas.astype(dtype),
            "swap_rates_": self.tempering.swap_rates.astype(dtype),
        }


# The algorithms, by value of the parameter ``algorithm``.
ALGORITHMS = {"pcd": PCD, "cd": CD, "pt": PT}


def _hidden_states(shape, base, streams, before):
    """The last states of earlier chains, or new ones if the numbers differ."""
    if before is not None and before.states is not None and before.states.shape[:-1] == shape:
        return before.states
    address = streams.seed, streams.take(), 0
    _, hidden = base
    return hidden.base_rate(math.prod(shape), address).reshape(*shape, -1)
