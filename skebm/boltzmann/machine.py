"""The restricted Boltzmann machine itself: two layers of units and the coupling between them."""

import math

import numpy as np

from .._helpers import stop_if_abandoned
from .._source import CHUNK, for_each_chunk
from .._threads import blocks_of, for_each, n_jobs_for
from .._validation import have_diverged
from .conditionals import conditional_log_likelihood
from .couplings import Dense

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
    smallest_block : int or inf, optional
        Rows that a pass from one layer to the other leaves to one thread at least.
    """

    def __init__(self, weights, visible, hidden, smallest_block=_SMALLEST_BLOCK):
        self.coupling = Dense(weights)
        self.visible = visible
        self.hidden = hidden
        self._smallest_block = smallest_block

    @property
    def weights(self):
        """Weights of the coupling, to be changed in place."""
        return self.coupling.weights

    @property
    def dtype(self):
        """Type of the parameters and of all that is computed from them."""
        return self.weights.dtype

    @property
    def n_visible(self):
        """Number of visible units."""
        return len(self.visible.bias)

    @property
    def n_hidden(self):
        """Number of hidden units."""
        return len(self.hidden.bias)

    def copy(self):
        """The same machine with arrays of its own."""
        return Machine(
            self.weights.copy(), self.visible.copy(self.dtype), self.hidden.copy(self.dtype)
        )

    def on_one_thread(self):
        """The same machine with the same arrays, for callers that have shared out their rows."""
        return Machine(self.weights, self.visible, self.hidden, smallest_block=math.inf)

    def is_finite(self):
        """Whether every parameter is a finite number."""
        return all(np.isfinite(parameter).all() for parameter in self._parameters())

    def has_diverged(self):
        """Whether a parameter is not finite, or so large that nothing can be computed with it."""
        if have_diverged(*self._parameters()):
            return True
        return not self.visible.bear(self.coupling.largest_inputs_of_lower())

    def _parameters(self):
        return self.weights, *self.visible.parameters, *self.hidden.parameters

    # A pass from one layer to the other is a product, a mean, and perhaps a draw, each over the
    # one before and while it is in the cache.

    def inputs_of_hidden(self, v, out=None):
        """What visible states put into the hidden units, in a new array if no ``out``."""
        return self.coupling.up(v, out)

    def inputs_of_visible(self, h, out=None):
        """What hidden states put into the visible units, in a new array if no ``out``."""
        return self.coupling.down(h, out)

    def hidden_mean(self, v, out):
        """Mean hidden states given visible states ``v`` (n_rows, n_visible)."""
        return self._pass(v, self.inputs_of_hidden, self.hidden, out)

    def visible_mean(self, h, out):
        """Mean visible states given hidden states ``h`` (n_rows, n_hidden)."""
        return self._pass(h, self.inputs_of_visible, self.visible, out)

    def sample_hidden(self, v, address, out):
        """Hidden states drawn given visible states; ``address`` is (seed, stream, first row)."""
        return self._pass(v, self.inputs_of_hidden, self.hidden, out, address)

    def sample_visible(self, h, address, out, previous=None, mean=None):
        """Visible states drawn given hidden states; ``address`` is (seed, stream, first row).

        Units with inertia move on from the ``previous`` states, which may be in ``out``. The means
        are left in the array ``mean``, where there is one.
        """
        if previous is not None:
            previous = previous.copy() if self.visible.inertia else None
        return self._pass(
            h, self.inputs_of_visible, self.visible, out, address, previous=previous, mean=mean
        )

    def _pass(self, states, inputs_of, units, out, address=None, previous=None, mean=None):
        """Means of ``units`` given the ``states`` of the other layer, or draws at an address."""
        mean = out if mean is None else mean

        def one_block(block):
            inputs = inputs_of(states[block], mean[block])
            here = None if address is None else (*address[:2], address[2] + block.start)
            before = None if previous is None else previous[block]
            settle(units, inputs, here, out=out[block], previous=before)

        n_jobs = n_jobs_for(len(states) * self.coupling.n_weights)
        for_each(one_block, blocks_of(len(states), self._smallest_block), n_jobs)
        return out

    # Gibbs sampling

    def alternate(self, h, v, n_steps, address, previous=None, mean=None):
        """Draw both layers in turn, from hidden to visible states, in place; yield at the latter.

        Takes ``2 * n_steps - 1`` streams from ``address`` (seed, first stream, first row) on.

        Parameters
        ----------
        h : ndarray of shape (n_rows, n_hidden)
            Where to start from.
        v : ndarray of shape (n_rows, n_visible)
            Room for the visible states.
        n_steps : int
            How often the visible states are drawn.
        address : tuple of int
        previous : ndarray of shape (n_rows, n_visible), default=None
            Visible states of before, where there are some.
        mean : ndarray of shape (n_rows, n_visible), default=None
            Room for the means that visible states are drawn from, where they are asked for.
        """
        seed, stream, first_row = address
        for step in range(n_steps):
            stop_if_abandoned()
            if step > 0:
                self.sample_hidden(v, (seed, stream + 2 * step - 1, first_row), h)
            self.sample_visible(h, (seed, stream + 2 * step, first_row), v, previous, mean)
            previous = v
            yield

    def advance(self, h, v, n_steps, address, previous=None):
        """Draw both layers in turn, in place, to the visible states of the last step.

        Parameters: see :meth:`alternate`.
        """
        for _ in self.alternate(h, v, n_steps, address, previous):
            pass

    def walk(self, v, n_steps, address, keep=None):
        """Run Gibbs chains from ``v``, in place, yielding the visible means of each step.

        Takes ``2 * n_steps`` streams from ``address`` (seed, first stream, first row) on. Where
        the boolean mask ``keep`` is true, states stay as they are.
        """
        seed, stream, first_row = address
        mean = np.empty_like(v)
        fixed = None if keep is None else v.copy()
        h = self.sample_hidden(v, address, np.empty((len(v), self.n_hidden), dtype=self.dtype))
        following = seed, stream + 1, first_row
        for _ in self.alternate(h, v, n_steps, following, previous=v, mean=mean):
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
        return self._pass_all(rows, self.coupling.up_rows, self.hidden)

    def inverse_transform(self, rows):
        """Mean visible states given rows of hidden states, of shape (n_rows, n_visible)."""
        return self._pass_all(rows, self.coupling.down_rows, self.visible)

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
            return conditional_log_likelihood(self, v, inputs)

        return self._of_each_row(pseudo_log_likelihood, rows)

    def reconstruction_error(self, rows):
        """Squared error of the mean visible states given mean hidden states, summed over units."""

        def reconstruction_error(v, inputs):
            back = self.visible_mean(self.hidden.mean(inputs), np.empty_like(v))
            return np.square(back - v).sum(axis=1)

        return self._of_each_row(reconstruction_error, rows)

    def _pass_all(self, rows, inputs_of_rows, units):
        out = np.empty((rows.shape[0], len(units.bias)), dtype=self.dtype)

        def transform(part):
            settle(units, inputs_of_rows(rows, part, out[part]))

        for_each_chunk(transform, rows.shape[0])
        return out

    def _of_each_row(self, function, rows):
        """``function(visible states, inputs of the hidden units)`` of all rows."""
        out = np.empty(rows.shape[0], dtype=self.dtype)

        def evaluate(part):
            v = np.empty((part.stop - part.start, rows.shape[1]), dtype=self.dtype)
            rows.take(np.arange(part.start, part.stop), v)
            out[part] = function(v, self.inputs_of_hidden(v))

        size = min(max(8, int(_WEIGHTS_PER_CHUNK / self.coupling.n_weights)), CHUNK)
        for_each_chunk(evaluate, rows.shape[0], size)
        return out


def settle(units, inputs, address=None, out=None, previous=None):
    """Means of units given their inputs, over these; at an address, states drawn from the means.

    Every half step of Gibbs sampling is one, and so is every pass through a directed connection.

    Parameters
    ----------
    units : layer of units
    inputs : ndarray of shape (n_rows, n_units)
        Changed in place.
    address : tuple of int, default=None
        (seed, stream, first row) of the random numbers; None gives means.
    out : ndarray of shape (n_rows, n_units), default=None
        Room for the states; None draws them over the means.
    previous : ndarray of shape (n_rows, n_units), default=None
        States of before, which units with inertia move on from.
    """
    mean = units.mean(inputs)
    return mean if address is None else units.sample(mean, address, out=out, previous=previous)
