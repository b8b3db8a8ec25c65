"""The posterior: states of all layers given data.

A posterior is a function of a machine, a minibatch, and arrays for even and odd states: it copies
the data there and fills in the hidden states.

.. [1] R. Salakhutdinov and G. Hinton, "Deep Boltzmann machines", AISTATS 2009.
"""

from dataclasses import dataclass

import numpy as np

from .._threads import blocks_of, for_each, n_jobs_for
from ..kernels.layers import largest_mean_change
from .machine import NOTHING_GIVEN, Given, hidden_machine

# Smallest number of rows per thread; fewer make matrix products slow.
_SMALLEST_BLOCK = 32


def exact_posterior(machine, batch, even, odd):
    """Mean odd states given the even ones, which are all data, as in an RBM.

    Even units that are not known in a row are fixed at the values of the minibatch.
    """
    batch.take(even)
    machine.odd_mean(even, odd)


@dataclass(frozen=True)
class MeanField:
    """Mean-field approximation of the posterior: means of all hidden layers [1]_.

    It finds the distribution of independent units with the smallest divergence from the posterior,
    or a local minimum: given the means of the even layers, the optimal ones of all odd layers are
    known, and the other way round. Therefore no half sweep decreases the bound on the
    log-likelihood, and there are no oscillations. With one hidden layer it is exact after one
    sweep.

    Attributes
    ----------
    n_steps : int
        Largest number of sweeps.
    tol : float
        A row is finished when the mean change of the units of each layer in a sweep is at most
        this.
    """

    n_steps: int
    tol: float

    def __call__(self, machine, batch, even, odd):
        """Fill in the data and the means of the hidden layers; returns (sweeps, last change).

        Both are the largest over the rows.
        """
        return _fill_in(machine, batch, even, odd, self.settle, self.n_steps)

    def settle(self, held, first_row=0):
        """Means of the hidden layers of a :class:`_Held` machine; returns (sweeps, last change)."""
        n_taken, largest, moving, rows = 0, np.inf, held, np.arange(len(held.fields))
        while n_taken < self.n_steps and len(rows):
            change = moving.sweep()
            n_taken, largest = n_taken + 1, float(change.max())
            goes_on = change > self.tol
            if not goes_on.all():
                held.write_rows(rows, moving)
                rows, moving = rows[goes_on], moving.of_rows(goes_on)
        held.write_rows(rows, moving)
        return n_taken, largest


class Drawn:
    """States of the posterior for learning: mean field, then Gibbs sampling with fixed data.

    Units that are independent in the mean-field distribution are dependent in the posterior. The
    chains of the model include this dependence between layers. If the states of the data do not,
    weights between hidden layers become smaller until activities are the same for all rows.

    The odd layers become means given the even ones, like those of the chains.

    Parameters
    ----------
    mean_field : MeanField
        The mean field from which sampling starts.
    n_steps : int
        Number of draws of the even layers.
    streams : RandomStreams
    """

    def __init__(self, mean_field, n_steps, streams):
        self._mean_field = mean_field
        self._n_steps = n_steps
        self._streams = streams

    def __call__(self, machine, batch, even, odd):
        """Fill in the data and states of the hidden layers; returns what mean field returns."""
        stream = self._streams.take(2 * self._n_steps)

        def settle_and_draw(held, first_row):
            outcome = self._mean_field.settle(held)
            if self._n_steps:
                held.draw(self._n_steps, (self._streams.seed, stream, first_row))
            return outcome

        n_passes = self._mean_field.n_steps + self._n_steps
        return _fill_in(machine, batch, even, odd, settle_and_draw, n_passes)


def _fill_in(machine, batch, even, odd, find, n_passes):
    """Fill in the data, and the hidden states from ``find(held machine, first row)``.

    ``find`` is called for blocks of rows and returns (sweeps, last change). The result is the
    largest of all. Each row needs at most ``n_passes`` passes over the weights.
    """
    if len(machine.layers) == 2:
        exact_posterior(machine, batch, even, odd)
        return 1, 0.0
    visible = np.empty((len(batch), machine.n_visible), dtype=machine.dtype)
    batch.take(visible)
    even[:, machine.places[0]] = visible
    hidden, outcomes = hidden_machine(machine).on_one_thread(), []

    def one_block(block):
        held = _Held.at(hidden, machine.couplings[0].up(visible[block]))
        outcomes.append(find(held, block.start))
        odd[block], even[block, machine.n_visible :] = held.even, held.odd

    n_products = len(visible) * machine.coupling.n_weights * n_passes
    for_each(one_block, blocks_of(len(visible), _SMALLEST_BLOCK), n_jobs_for(n_products))
    n_steps, changes = zip(*outcomes, strict=True)
    return max(n_steps), max(changes)


class _Held:
    """States of the hidden layers for some rows whose visible units are fixed at data.

    The inputs of the lowest hidden layer from the data are computed once for all passes.

    Parameters
    ----------
    hidden : Machine
        The hidden layers only.
    fields : ndarray of shape (n_rows, n_even of ``hidden``)
        Inputs of its even layers from the visible units.
    even, odd : ndarray of shapes (n_rows, n_even) and (n_rows, n_odd) of ``hidden``
        Their states, or means.
    """

    def __init__(self, hidden, fields, even, odd):
        self.fields, self.even, self.odd = fields, even, odd
        self._hidden = hidden
        self._given = Given(fields=fields), NOTHING_GIVEN
        self._room = np.empty_like(even), np.empty_like(odd)

    @classmethod
    def at(cls, hidden, inputs):
        """Initial means by one pass up, from the inputs of the lowest hidden layer from data.

        Inputs from the layer below count twice, because those from the layer above are not known
        yet.
        """
        sides = [np.empty((len(inputs), n), dtype=hidden.dtype) for n in hidden.n_units]
        fields, top = hidden.even_of(inputs, 0), len(hidden.layers) - 1
        for number, units in enumerate(hidden.layers):
            mean = units.mean(2 * inputs if number < top else inputs.copy())
            sides[number % 2][:, hidden.places[number]] = mean
            if number < top:
                inputs = hidden.couplings[number].up(mean)
        return cls(hidden, fields, *sides)

    def of_rows(self, chosen):
        """The same for some of the rows, in new arrays."""
        return _Held(self._hidden, self.fields[chosen], self.even[chosen], self.odd[chosen])

    def write_rows(self, rows, some):
        """Copy the states of some rows from ``some``, which contains only these rows."""
        if some is not self:
            self.even[rows], self.odd[rows] = some.even, some.odd

    def sweep(self):
        """Update all means, those of the even layers first; return the change of each row.

        The change is the mean over the units of a layer, and the largest of all layers.
        """
        hidden, (even, odd) = self._hidden, self._room
        hidden.even_mean(self.odd, even, self._given[0])
        hidden.odd_mean(even, odd)
        change = np.zeros(len(even), dtype=even.dtype)
        for number, place in enumerate(hidden.places):
            pair = (even, self.even) if number % 2 == 0 else (odd, self.odd)
            largest_mean_change(*pair, place.start, place.stop, change)
        self._room, self.even, self.odd = (self.even, self.odd), even, odd
        return change

    def draw(self, n_steps, address):
        """Gibbs steps from means: draws of the odd layers, and means of the even ones given these.

        Takes ``2 * n_steps`` streams from ``address`` (seed, first stream, first row) on.
        """
        hidden, (drawn, _), (seed, stream, first_row) = self._hidden, self._room, address
        hidden.odd.sample(self.odd, address)
        following = seed, stream + 1, first_row
        for _ in hidden.alternate(
            self.odd, drawn, n_steps, following, mean=self.even, given=self._given
        ):
            pass
