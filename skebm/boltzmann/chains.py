"""Gibbs chains that stand in for the model in the gradient, in one class for each algorithm.

What sets them apart is where the chains of a step start: at the data (CD), where the last step
left them (PCD), or there with replicas at other temperatures to swap states with (PT).

A new algorithm is one more subclass of ``Chains`` in ``ALGORITHMS``.
"""

import math

import numpy as np

from .machine import NOTHING_GIVEN
from .tempering import N_STREAMS, Tempering


class Chains:
    """What a learner asks of every algorithm; a subclass answers.

    One object serves one training, and keeps what goes on from step to step. It is made of plain
    arrays, so that it can be copied and pickled with the estimator.

    Attributes
    ----------
    states : ndarray of shape (..., n_chains, n_odd), or None if no chain persists
        Odd states of the persistent chains; changed in place.
    tempering : Tempering or None
        Temperatures of replicas, where there are some.
    kind : {"from data", "persistent", "other"}
        What :mod:`skebm.boltzmann.fused` asks for.
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
            Each algorithm reads its own of ``n_chains``, ``n_replicas`` and ``batch_size``.
        machine : Machine
        base : tuple of two layers of units
            Units that have the means of the data and know nothing of each other.
        streams : RandomStreams
            For chains that have to be started.
        before : Chains, default=None
            Those of the training to go on with, of any algorithm: what still fits is taken over.
        """
        raise NotImplementedError

    def copy(self):
        """The same chains with arrays of their own."""
        return self

    def beside(self, others):
        """These chains, with what they know of all data as others know it."""
        return self

    def start_epoch(self, find_base):
        """``find_base()`` gives the base units as the means of the data are known by now."""

    def n_chains(self, n_data):
        """Number of chains of a step that sees ``n_data`` rows."""
        raise NotImplementedError

    def n_streams(self, n_gibbs_steps):
        """Streams of random numbers that a step of learning takes."""
        raise NotImplementedError

    def advance(self, machine, data, chains, n_gibbs_steps, address, given=NOTHING_GIVEN):
        """Fill in the states of the chains at the end of this step.

        Their last odd states enter as probabilities: the expectation is the same as that of
        samples, the variance smaller. Even states stay samples: as probabilities they would bias
        what the odd units see, and cost the sparse products their zeros.

        Parameters
        ----------
        machine : Machine
        data : tuple of two ndarrays, of shapes (n_data, n_even) and (n_data, n_odd)
            States of the data, and means given these.
        chains : tuple of two ndarrays, of shapes (n_chains, n_even) and (n_chains, n_odd)
            Room for the states of the chains, and the means given these.
        n_gibbs_steps : int
        address : tuple of int
            Seed and first stream.
        given : Given
            What is given with the even states of each chain.
        """
        raise NotImplementedError

    def fitted_attributes(self):
        """What the estimator publishes of the chains, by name."""
        return {}


class CD(Chains):
    """Contrastive divergence: chains start at the data, and none outlives its step.

    Units with inertia move on from the data, since that is where their chain starts.
    """

    kind = "from data"

    @classmethod
    def prepare(cls, parameters, machine, base, streams, before=None):
        """Nothing is kept, so there is nothing to prepare."""
        return cls()

    def n_chains(self, n_data):
        """One chain from each row."""
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
        """Odd states that chains from the data begin with."""
        machine.odd.sample(h_data, address, out=out)


class PCD(Chains):
    """Persistent contrastive divergence: chains go on where the last step left them.

    Only their hidden states are kept, so units with inertia have nothing to move on from at the
    first draw of a step.

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
        """As many chains as the parameters say."""
        n_chains = parameters.n_chains or parameters.batch_size
        return cls(_hidden_states((n_chains,), base, streams, before))

    def copy(self):
        """The same chains with arrays of their own."""
        return type(self)(self.states.copy())

    def n_chains(self, n_data):
        """As many as there are, whatever the data."""
        return len(self.states)

    def n_streams(self, n_gibbs_steps):
        """One for each draw of a layer."""
        return 2 * n_gibbs_steps

    def advance(self, machine, data, chains, n_gibbs_steps, address, given=NOTHING_GIVEN):
        """Steps from the odd states that were kept, and the ones to keep."""
        (v, h), (seed, stream), with_both = chains, address, (given, NOTHING_GIVEN)
        machine.advance(self.states, v, n_gibbs_steps, (seed, stream, 0), given=with_both)
        machine.odd_mean(v, h)
        machine.odd.sample(h, (seed, stream + 2 * n_gibbs_steps - 1, 0), out=self.states)

    def fitted_attributes(self):
        """The chains."""
        return {"h_samples_": self.states}


class PT(Chains):
    """Parallel tempering: persistent chains that swap states with replicas of themselves.

    All draws are independent of the states before, with inertia or without.

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
        """As many replicas of as many chains as the parameters say."""
        n_replicas, n_chains = parameters.n_replicas, parameters.n_chains or parameters.batch_size
        states = _hidden_states((n_replicas, n_chains), base, streams, before)
        if before is not None and before.tempering and len(before.tempering.betas) == n_replicas:
            return cls(states, before.tempering)
        return cls(states, Tempering(base, np.linspace(0, 1, n_replicas)))

    def copy(self):
        """The same chains with arrays of their own."""
        return type(self)(self.states.copy(), self.tempering.copy())

    def beside(self, others):
        """These chains, with hottest replicas as others have them."""
        self.tempering.base = others.tempering.base
        return self

    def start_epoch(self, find_base):
        """Let the hottest replicas be units with the means of the data as they are now known."""
        self.tempering.base = find_base()

    def n_chains(self, n_data):
        """As many as there are, whatever the data; their replicas do not count."""
        return self.states.shape[1]

    def n_streams(self, n_gibbs_steps):
        """Those of as many sweeps."""
        return N_STREAMS * n_gibbs_steps

    def advance(self, machine, data, chains, n_gibbs_steps, address, given=NOTHING_GIVEN):
        """Sweeps of all replicas, of which the model's own count."""
        v, h = chains
        # Clamped units add the same energy to both replicas of a swap, so they are left out.
        clamped = None
        if given.known is not None:
            clamped = ~given.known, 0 if given.absent is None else given.absent
        v[:] = self.tempering.run(machine, self.states, n_gibbs_steps, address, clamped)[-1]
        machine.odd_mean(v, h)

    def fitted_attributes(self):
        """The chains, and the temperatures with what they have led to."""
        dtype = self.states.dtype
        return {
            "h_samples_": self.states,
            "betas_": self.tempering.betas.astype(dtype),
            "swap_rates_": self.tempering.swap_rates.astype(dtype),
        }


# By the names that the estimators have for them.
ALGORITHMS = {"pcd": PCD, "cd": CD, "pt": PT}


def _hidden_states(shape, base, streams, before):
    """States of chains where earlier ones left them, or new ones where there are not so many."""
    if before is not None and before.states is not None and before.states.shape[:-1] == shape:
        return before.states
    address = streams.seed, streams.take(), 0
    _, hidden = base
    return hidden.base_rate(math.prod(shape), address).reshape(*shape, -1)
