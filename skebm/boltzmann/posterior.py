"""The posterior: states of all layers given data.

A posterior is a function of a machine, a minibatch, and room for even and odd states: it copies the
data there and fills in whatever is not data. One that is not exact is one more function here.

.. [1] R. Salakhutdinov and G. Hinton, "Deep Boltzmann machines", AISTATS 2009.
"""

from dataclasses import dataclass

import numpy as np

from .._threads import blocks_of, for_each, n_jobs_for
from ..kernels.layers import largest_mean_change
from .machine import NOTHING_GIVEN, Given, hidden_machine

# Rows to a thread; fewer make matrix products slow.
_SMALLEST_BLOCK = 32


def exact(machine, batch, even, odd):
    """Mean odd states given the even ones, all of which are data: those of an RBM.

    Even units that are not known in a row stay at what the minibatch has in their place.
    """
    batch.take(even)
    machine.odd_mean(even, odd)


@dataclass(frozen=True)
class MeanField:
    """Means of all hidden layers that together come nearest to the posterior [1]_.

    Of all distributions whose units know nothing of each other it has the one of least divergence
    from the posterior, or a local minimum: given the means of the even layers, the best ones of all
    odd layers are known, and the other way round. So each half of a sweep raises the bound on the
    log-likelihood, and nothing can swing. With one hidden layer it is exact after one sweep.

    Attributes
    ----------
    n_steps : int
        Sweeps at most.
    tol : float
        A row is left alone once the mean change of the units of each of its layers in a sweep is
        not above this.
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
    """States of the posterior for learning: mean field, then Gibbs sampling with the data held.

    Units that are independent under mean field are not under the posterior. The chains of the model
    show how layers depend on each other; where the data do not show it, weights between hidden
    layers become smaller until these say the same of all rows.

    The odd layers are left as means given the even ones, as those of the chains are.

    Parameters
    ----------
    mean_field : MeanField
        Where it starts.
    n_steps : int
        How often the even layers are drawn.
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
    """Fill in the data, and what ``find(held machine, first row)`` makes of the hidden layers.

    It is called for blocks of rows and returns (sweeps, last change); so does this, the largest of
    all. Each row takes at most ``n_passes`` over the weights.
    """
    if len(machine.layers) == 2:
        exact(machine, batch, even, odd)
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
    """States of the hidden layers over some rows, whose visible units are held at data.

    What the data put into the lowest of these layers is found once for all passes.

    Parameters
    ----------
    hidden : Machine
        The hidden layers alone.
    fields : ndarray of shape (n_rows, n_even of ``hidden``)
        What the visible units put into its even layers.
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
        """With means of one pass up, given what the data put into the lowest hidden layer.

        A layer hears twice of the one below, in place of that above, which is not known yet.
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
        """The same for some of the rows, in arrays of their own."""
        return _Held(self._hidden, self.fields[chosen], self.even[chosen], self.odd[chosen])

    def write_rows(self, rows, some):
        """Take over the states of some rows from the same for them alone."""
        if some is not self:
            self.even[rows], self.odd[rows] = some.even, some.odd

    def sweep(self):
        """Move all means, those of the even layers first; the change of each row.

        That is the mean over the units of a layer, the largest of all layers.
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
