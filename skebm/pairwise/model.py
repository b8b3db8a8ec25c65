"""A machine of coupled pairs with visible and hidden units, and its functions of rows of data."""

import numpy as np

from .._source import for_each_chunk
from ..kernels.conditionals import conditional_losses
from ..kernels.products import multiply
from .hidden_units import HiddenUnits


class PairwiseModel:
    """Functions of rows of visible states of -1 and 1.

    Parameters
    ----------
    machine : PairwiseMachine
        The visible units come first, then the hidden units.
    n_visible : int
    """

    def __init__(self, machine, n_visible):
        self.machine, self.n_visible = machine, n_visible
        W, b = machine.weights, machine.bias[0]
        seen, unseen = slice(0, n_visible), slice(n_visible, None)
        self._among_visible = np.ascontiguousarray(W[seen, seen])
        self._to_hidden = np.ascontiguousarray(W[seen, unseen])
        self._bias, self._bias_of_hidden = b[seen], b[unseen]
        self.hidden = HiddenUnits(np.ascontiguousarray(W[unseen, unseen]))

    @property
    def n_hidden(self):
        """Number of hidden units."""
        return self._to_hidden.shape[1]

    def hidden_fields(self, visible):
        """Input of the hidden units from visible states and biases."""
        out = np.empty((len(visible), self.n_hidden), dtype=visible.dtype)
        for_each_chunk(
            lambda part: multiply(visible[part], self._to_hidden, out[part]), len(visible)
        )
        return out + self._bias_of_hidden

    def visible_fields(self, visible):
        """Input of each visible unit from the other visible units, without its bias."""
        out = np.empty_like(visible)
        for_each_chunk(
            lambda part: multiply(visible[part], self._among_visible, out[part]), len(visible)
        )
        return out

    def log_masses(self, visible):
        """log of the sum over hidden states of exp(-E), for each row; in nats, float64."""
        fields = self.visible_fields(visible) / 2 + self._bias
        of_visible = np.einsum("ij,ij->i", visible, fields, dtype=np.float64)
        of_visible -= self.machine.offset
        if not self.n_hidden:
            return of_visible
        return of_visible + self.hidden.log_partition(self.hidden_fields(visible))

    def hidden_means(self, visible):
        """Mean state of each hidden unit given each row."""
        return self.hidden.means(self.hidden_fields(visible))

    def moments_given(self, visible):
        """States of all units given rows, with means for hidden units, and correlations.

        Returns
        -------
        states : ndarray of shape (n_rows, n_units)
        correlations : ndarray of shape (n_units, n_units)
            Mean of x x' over the hidden states of each row, and mean over the rows.
        """
        means, among_hidden = self.hidden.moments(self.hidden_fields(visible))
        states = np.hstack([visible, means])
        found = correlations(states)
        found[self.n_visible :, self.n_visible :] = among_hidden
        return states, found

    def conditional_fields(self, visible):
        """Half the log-odds of each visible unit being 1 given all other visible ones.

        Exact if the sum over hidden units is exact; otherwise the difference of two bounds.
        """
        fields = self.visible_fields(visible) + self._bias
        if not self.n_hidden:
            return fields
        inputs = self.hidden_fields(visible)
        as_is = self.hidden.log_partition(inputs)
        for i in range(self.n_visible):
            state = visible[:, i]
            flipped = inputs - 2 * state[:, None] * self._to_hidden[i]
            fields[:, i] += state * (as_is - self.hidden.log_partition(flipped)) / 2
        return fields

    def pseudo_log_likelihood(self, visible):
        """Sum over visible units of log p(unit | all other visible units), for each row."""
        fields, losses = self.conditional_fields(visible), np.empty(len(visible))
        bias = np.zeros(self.n_visible, dtype=visible.dtype)
        for_each_chunk(
            lambda part: conditional_losses(visible[part], bias, fields[part], losses[part]),
            len(visible),
        )
        return -losses

    def conditional_means(self, visible):
        """Mean state of each visible unit given all other visible units."""
        return np.tanh(self.conditional_fields(visible))

    def walk(self, states, n_steps, streams, free=None):
        """States of all units after sweeps of Gibbs sampling, in place."""
        address = streams.seed, streams.take(n_steps)
        return self.machine.run(states, np.ones(n_steps), address, free)

    def tempered_walk(self, states, n_steps, streams, ladder, free=None):
        """Like :meth:`walk`, with replicas at temperatures that adapt in the first half."""
        X = np.repeat(states[None], len(ladder.betas), axis=0)
        for n_sweeps, adapt in ((n_steps // 2, True), (n_steps - n_steps // 2, False)):
            address = streams.seed, streams.take(ladder.n_streams * n_sweeps)
            ladder.run(self.machine, X, n_sweeps, address, free, adapt)
        return X[-1]

    def means_beside(self, states, free=None):
        """Mean of each visible unit given the states of all others; for fixed units, the state."""
        means = np.tanh(self.machine.fields(states)[:, : self.n_visible])
        if free is None:
            return means
        return np.where(free[:, : self.n_visible], means, states[:, : self.n_visible])

    def means_by_walk(self, states, free, n_steps, streams):
        """Means of the free visible units over the second half of a walk.

        The average is over the means of a unit given all others, not over its states.
        """
        n_skipped = n_steps // 2
        self.walk(states, n_skipped, streams, free)
        means = np.zeros((len(states), self.n_visible))
        for _ in range(n_steps - n_skipped):
            self.walk(states, 1, streams, free)
            means += self.means_beside(states)
        return means / (n_steps - n_skipped)


def correlations(states):
    """Mean of x x' over rows x."""
    out = np.empty((states.shape[1], states.shape[1]), dtype=states.dtype)
    return multiply(states.T, states, out) / states.dtype.type(len(states))
