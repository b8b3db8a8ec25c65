"""The negative phase: Gibbs chains that stand in for the model, in one class for each algorithm.

What sets them apart is where the chains of a step start: at the data (CD), where the last step
left them (PCD), or there with replicas at other temperatures to swap states with (PT).

A new algorithm is one more subclass of ``NegativePhase`` in ``NEGATIVE_PHASES``.
"""

import math

import numpy as np

from .tempering import N_STREAMS, Tempering


class NegativePhase:
    """What a learner asks of every algorithm; a subclass answers.

    One object serves one training, and keeps what goes on from step to step. It is made of plain
    arrays, so that it can be copied and pickled with the estimator.

    Attributes
    ----------
    chains : ndarray of shape (..., n_chains, n_hidden), or None if no chain persists
        Hidden states of the persistent chains; changed in place.
    in_sparse_loop : bool
        Whether :mod:`skebm.kernels.sparse_steps` has these steps too. It takes ``chains`` to be of
        shape (n_chains, n_hidden), or None for chains that start at the data.
    """

    chains = None
    in_sparse_loop = False

    @classmethod
    def prepare(cls, parameters, machine, base, streams, before=None):
        """The phase at the start of a training.

        Parameters
        ----------
        parameters : estimator
            Each algorithm reads its own of ``n_chains``, ``n_replicas`` and ``batch_size``.
        machine : Machine
        base : tuple of two layers of units
            Units that have the means of the data and know nothing of each other.
        streams : RandomStreams
            For chains that have to be started.
        before : NegativePhase, default=None
            That of the training to go on with, of any algorithm: what still fits is taken over.
        """
        raise NotImplementedError

    def start_epoch(self, find_base):
        """``find_base()`` gives the base units as the means of the data are known by now."""

    def n_chains(self, n_data):
        """Number of chains of a step that sees ``n_data`` rows."""
        raise NotImplementedError

    def n_streams(self, n_gibbs_steps):
        """Streams of random numbers that a step of learning takes."""
        raise NotImplementedError

    def sample(self, machine, v, h, n_data, n_gibbs_steps, address):
        """Fill in everything but the data: chains, and hidden means of data and chains.

        The last hidden states of a chain enter as probabilities: their expectation is the same
        as that of samples, their variance smaller. Visible states stay samples: as probabilities
        they would bias what the hidden units see, and cost the sparse products their zeros.

        Parameters
        ----------
        machine : Machine
        v : ndarray of shape (n_data + n_chains, n_visible)
            The data, and room for the visible states of the chains.
        h : ndarray of shape (n_data + n_chains, n_hidden)
            Room for the hidden means.
        n_data : int
        n_gibbs_steps : int
        address : tuple of int
            Seed and first stream.
        """
        raise NotImplementedError

    def fitted_attributes(self):
        """What the estimator publishes of the phase, by name."""
        return {}


class CD(NegativePhase):
    """Contrastive divergence: chains start at the data, and none outlives its step.

    Units with inertia move on from the data, since that is where their chain starts.
    """

    in_sparse_loop = True

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

    def sample(self, machine, v, h, n_data, n_gibbs_steps, address):
        """Steps from the hidden states that are drawn given the data."""
        seed, stream = address
        v_data, h_data, v_chains, h_chains = v[:n_data], h[:n_data], v[n_data:], h[n_data:]
        machine.odd_mean(v_data, h_data)
        self._start(machine, v_data, h_data, (seed, stream, 0), out=h_chains)
        following = seed, stream + 1, 0
        machine.advance(h_chains, v_chains, n_gibbs_steps, following, previous=v_data)
        machine.odd_mean(v_chains, h_chains)

    def _start(self, machine, v_data, h_data, address, out):
        """Hidden states that chains from the data begin with."""
        machine.hidden.sample(h_data, address, out=out)


class PCD(NegativePhase):
    """Persistent contrastive divergence: chains go on where the last step left them.

    Only their hidden states are kept, so units with inertia have nothing to move on from at the
    first draw of a step.

    Parameters
    ----------
    chains : ndarray of shape (n_chains, n_hidden)
        Hidden states; changed in place.
    """

    in_sparse_loop = True

    def __init__(self, chains):
        self.chains = chains

    @classmethod
    def prepare(cls, parameters, machine, base, streams, before=None):
        """As many chains as the parameters say."""
        n_chains = parameters.n_chains or parameters.batch_size
        return cls(_hidden_states((n_chains,), base, streams, before))

    def n_chains(self, n_data):
        """As many as there are, whatever the data."""
        return len(self.chains)

    def n_streams(self, n_gibbs_steps):
        """One for each draw of a layer."""
        return 2 * n_gibbs_steps

    def sample(self, machine, v, h, n_data, n_gibbs_steps, address):
        """Steps from the hidden states that were kept, and the ones to keep."""
        seed, stream = address
        machine.advance(self.chains, v[n_data:], n_gibbs_steps, (seed, stream, 0))
        machine.odd_mean(v, h)
        last = seed, stream + 2 * n_gibbs_steps - 1, 0
        machine.hidden.sample(h[n_data:], last, out=self.chains)

    def fitted_attributes(self):
        """The chains."""
        return {"h_samples_": self.chains}


class PT(NegativePhase):
    """Parallel tempering: persistent chains that swap states with replicas of themselves.

    All draws are independent of the states before, with inertia or without.

    Parameters
    ----------
    chains : ndarray of shape (n_replicas, n_chains, n_hidden)
        Hidden states, the last replicas being those of the machine itself; changed in place.
    tempering : Tempering
        The temperatures of the replicas, and how they swap states.
    """

    def __init__(self, chains, tempering):
        self.chains = chains
        self.tempering = tempering

    @classmethod
    def prepare(cls, parameters, machine, base, streams, before=None):
        """As many replicas of as many chains as the parameters say."""
        n_replicas, n_chains = parameters.n_replicas, parameters.n_chains or parameters.batch_size
        chains = _hidden_states((n_replicas, n_chains), base, streams, before)
        if isinstance(before, PT) and len(before.tempering.betas) == n_replicas:
            return cls(chains, before.tempering)
        return cls(chains, Tempering(base, np.linspace(0, 1, n_replicas)))

    def start_epoch(self, find_base):
        """Let the hottest replicas be units with the means of the data as they are now known."""
        self.tempering.base = find_base()

    def n_chains(self, n_data):
        """As many as there are, whatever the data; their replicas do not count."""
        return self.chains.shape[1]

    def n_streams(self, n_gibbs_steps):
        """Those of as many sweeps."""
        return N_STREAMS * n_gibbs_steps

    def sample(self, machine, v, h, n_data, n_gibbs_steps, address):
        """Sweeps of all replicas, of which the model's own count."""
        v[n_data:] = self.tempering.run(machine, self.chains, n_gibbs_steps, address)[-1]
        machine.odd_mean(v, h)

    def fitted_attributes(self):
        """The chains, and the temperatures with what they have led to."""
        dtype = self.chains.dtype
        return {
            "h_samples_": self.chains,
            "betas_": self.tempering.betas.astype(dtype),
            "swap_rates_": self.tempering.swap_rates.astype(dtype),
        }


# By the names that the estimators have for them.
NEGATIVE_PHASES = {"pcd": PCD, "cd": CD, "pt": PT}


def _hidden_states(shape, base, streams, before):
    """Chains where an earlier phase left them, or new ones where there are not so many."""
    if before is not None and before.chains is not None and before.chains.shape[:-1] == shape:
        return before.chains
    address = streams.seed, streams.take(), 0
    _, hidden = base
    return hidden.base_rate(math.prod(shape), address).reshape(*shape, -1)
