"""The restricted Boltzmann machine itself: two layers of units and the weights between them."""

import numpy as np

from .._helpers import stop_if_abandoned
from .._source import CHUNK, for_each_chunk
from .._threads import blocks_of, for_each, n_jobs_for
from .._validation import have_diverged
from ..kernels.products import multiply

# Fewer rows than this are not worth waking a second thread for.
_SMALLEST_BLOCK = 32

# Weights that are visited before another thread is worth waking, where each row visits them all.
_WEIGHTS_PER_CHUNK = 4e6


class Machine:
    """Energy E(v, h) = -v W h + (energies of the two layers), and what follows from it.

    Parameters
    ----------
    weights : ndarray of shape (n_visible, n_hidden), C-contiguous
        Row i holds the weights of visible unit i: a sparse row of data touches few rows of it.
    visible, hidden : layers of units
        See :mod:`skebm.boltzmann.units`.
    """

    def __init__(self, weights, visible, hidden):
        self.weights = weights
        self.visible = visible
        self.hidden = hidden

    @property
    def dtype(self):
        """Type of the parameters and of all that is computed from them."""
        return self.weights.dtype

    def copy(self):
        """The same machine with arrays of its own."""
        return Machine(
            self.weights.copy(), self.visible.copy(self.dtype), self.hidden.copy(self.dtype)
        )

    def is_finite(self):
        """Whether every parameter is a finite number."""
        return all(np.isfinite(parameter).all() for parameter in self._parameters())

    def has_diverged(self):
        """Whether a parameter is not finite, or so large that nothing can be computed with it."""
        return have_diverged(*self._parameters()) or not self.visible.bear(self.weights)

    def _parameters(self):
        return self.weights, *self.visible.parameters, *self.hidden.parameters

    # A pass from one layer to the other is a product, a mean, and perhaps a draw, each over the
    # one before and while it is in the cache.

    def hidden_mean(self, v, out):
        """Mean hidden states given visible states ``v`` (n_rows, n_visible)."""
        return _pass(v, self.weights, self.hidden, out)

    def visible_mean(self, h, out):
        """Mean visible states given hidden states ``h`` (n_rows, n_hidden)."""
        return _pass(h, self.weights.T, self.visible, out)

    def sample_hidden(self, v, address, out):
        """Hidden states drawn given visible states; ``address`` is (seed, stream, first row)."""
        return _pass(v, self.weights, self.hidden, out, address)

    def sample_visible(self, h, address, out, previous=None):
        """Visible states drawn given hidden states; ``address`` is (seed, stream, first row).

        Units with inertia move on from the ``previous`` states, which may be in ``out``.
        """
        if previous is not None:
            previous = previous.copy() if self.visible.inertia else None
        return _pass(h, self.weights.T, self.visible, out, address, previous)

    def walk(self, v, n_steps, address, keep=None):
        """Run Gibbs chains from ``v``, in place, yielding the visible means of each step.

        Takes ``2 * n_steps`` streams from ``address`` (seed, first stream, first row) on. Where
        the boolean mask ``keep`` is true, states stay as they are.
        """
        seed, stream, first_row = address
        h = np.empty((len(v), self.weights.shape[1]), dtype=self.dtype)
        mean = np.empty_like(v)
        fixed = None if keep is None else v.copy()
        for step in range(n_steps):
            stop_if_abandoned()
            self.sample_hidden(v, (seed, stream + 2 * step, first_row), h)
            self.visible_mean(h, mean)
            self.visible.sample(mean, (seed, stream + 2 * step + 1, first_row), v, previous=v)
            if keep is not None:
                np.copyto(v, fixed, where=keep)
            yield mean

    def run(self, v, n_steps, address, keep=None):
        """Run Gibbs chains from ``v``, in place: see :meth:`walk`."""
        seed, stream, first_row = address

        def run(part):
            kept = None if keep is None else keep[part]
            for _ in self.walk(v[part], n_steps, (seed, stream, first_row + part.start), kept):
                pass

        for_each_chunk(run, len(v))
        return v

    # Of whole data sets, dense or sparse, chunk by chunk.

    def transform(self, rows):
        """Mean hidden states of all rows, of shape (n_rows, n_hidden)."""
        return self._pass_all(rows, self.weights, self.hidden)

    def inverse_transform(self, rows):
        """Mean visible states given rows of hidden states, of shape (n_rows, n_visible)."""
        return self._pass_all(rows, self.weights.T, self.visible)

    def free_energy(self, rows):
        """-log of the sum over hidden states of exp(-E(v, h)), for each row; nats."""

        def free_energy(v, inputs):
            return self.visible.energy(v) - self.hidden.log_partition(inputs)

        return self._of_each_row(free_energy, rows)

    def pseudo_log_likelihood(self, rows):
        """Sum over visible units i of log p(v_i | the other visible units), for each row; nats.

        Exact and deterministic: no unit is left out and none is drawn.
        """

        def pseudo_log_likelihood(v, inputs):
            inputs += self.hidden.bias
            return self.visible.conditional_log_likelihood(v, inputs, self.weights)

        return self._of_each_row(pseudo_log_likelihood, rows)

    def reconstruction_error(self, rows):
        """Squared error of the mean visible states given mean hidden states, summed over units."""

        def reconstruction_error(v, inputs):
            back = self.visible_mean(self.hidden.mean(inputs), np.empty_like(v))
            return np.square(back - v).sum(axis=1)

        return self._of_each_row(reconstruction_error, rows)

    def _pass_all(self, rows, weights, units):
        out = np.empty((rows.shape[0], weights.shape[1]), dtype=self.dtype)

        def transform(part):
            units.mean(rows.times(weights, part, out[part]))

        for_each_chunk(transform, rows.shape[0])
        return out

    def _of_each_row(self, function, rows):
        """``function(visible states, inputs of the hidden units)`` of all rows."""
        out = np.empty(rows.shape[0], dtype=self.dtype)

        def evaluate(part):
            n_rows = part.stop - part.start
            v = np.empty((n_rows, rows.shape[1]), dtype=self.dtype)
            rows.take(np.arange(part.start, part.stop), v)
            inputs = np.empty((n_rows, self.weights.shape[1]), dtype=self.dtype)
            out[part] = function(v, multiply(v, self.weights, inputs))

        size = min(max(8, int(_WEIGHTS_PER_CHUNK / self.weights.size)), CHUNK)
        for_each_chunk(evaluate, rows.shape[0], size)
        return out


def _pass(states, weights, units, out, address=None, previous=None):
    """Means of ``units`` given the ``states`` of the other layer, or draws at an address."""

    def one_block(block):
        units.mean(multiply(states[block], weights, out[block]))
        if address is not None:
            seed, stream, first_row = address
            before = None if previous is None else previous[block]
            units.sample(out[block], (seed, stream, first_row + block.start), previous=before)

    n_jobs = n_jobs_for(len(states) * weights.size)
    for_each(one_block, blocks_of(len(states), _SMALLEST_BLOCK), n_jobs)
    return out
