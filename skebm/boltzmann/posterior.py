"""The posterior: states of all layers given data.

A posterior is a function of a machine, a minibatch, and room for even and odd states: it copies the
data there and fills in whatever is not data. One that is not exact is one more function here.

.. [1] R. Salakhutdinov and G. Hinton, "Deep Boltzmann machines", AISTATS 2009.
"""

from dataclasses import dataclass

import numpy as np

from .._threads import blocks_of, for_each, n_jobs_for

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
        visible = np.empty((len(batch), machine.n_visible), dtype=machine.dtype)
        batch.take(visible)
        even[:, machine.places[0]] = visible
        outcomes = []

        def one_block(block):
            states = _Means(machine, visible[block])
            outcomes.append(states.settle(self.n_steps, self.tol))
            states.write(even[block], odd[block])

        n_weights = machine.coupling.n_weights * self.n_steps
        for_each(
            one_block,
            blocks_of(len(visible), _SMALLEST_BLOCK),
            n_jobs_for(len(visible) * n_weights),
        )
        n_steps, changes = zip(*outcomes, strict=True)
        return max(n_steps), max(changes)


class _Means:
    """Means of the layers of a machine over some rows, whose visible ones stay as they are."""

    def __init__(self, machine, visible):
        self._machine = machine
        # What the data put into the first hidden layer, for all sweeps.
        self._of_data = machine.couplings[0].up(visible)
        self._layers = [visible]
        top = len(machine.layers) - 1
        for number in range(1, top + 1):
            inputs = self._of_data if number == 1 else self._from_below(number, self._layers)
            # Twice the input from below, in place of that from above, which is not known yet.
            inputs = 2 * inputs if number < top else inputs.copy()
            self._layers.append(machine.layers[number].mean(inputs))

    def settle(self, n_steps, tol):
        """Sweeps over the hidden layers; how many there were, and the largest change in the last.

        A row is left out once it has settled: what comes of it does not depend on the others.
        """
        top = len(self._layers) - 1
        if top == 1:
            return 1, 0.0
        n_taken, largest, moving = 0, np.inf, np.arange(len(self._of_data))
        while n_taken < n_steps and len(moving):
            change = self._sweep(moving)
            n_taken, largest, moving = n_taken + 1, float(change.max()), moving[change > tol]
        return n_taken, largest

    def _sweep(self, rows):
        """Move the means of some rows; the change of each, mean over the units of a layer."""
        top, of_all = len(self._layers) - 1, len(rows) == len(self._of_data)
        layers = self._layers if of_all else [states[rows] for states in self._layers]
        of_data = self._of_data if of_all else self._of_data[rows]
        change = np.zeros(len(rows))
        for number in (*range(1, top + 1, 2), *range(2, top + 1, 2)):
            below = of_data if number == 1 else self._from_below(number, layers)
            inputs = below
            if number < top:
                inputs = below + self._machine.couplings[number].down(layers[number + 1])
            mean = self._machine.layers[number].mean(inputs)
            np.maximum(change, np.abs(mean - layers[number]).mean(axis=1), out=change)
            layers[number] = mean
        if not of_all:
            for states, some in zip(self._layers[1:], layers[1:], strict=True):
                states[rows] = some
        return change

    def _from_below(self, number, layers):
        return self._machine.couplings[number - 1].up(layers[number - 1])

    def write(self, even, odd):
        """Write the means of all hidden layers to arrays of both sides."""
        places = self._machine.places
        for number, mean in enumerate(self._layers[1:], start=1):
            (even, odd)[number % 2][:, places[number]] = mean


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
        outcome = self._mean_field(machine, batch, even, odd)
        if machine.n_visible == machine.n_even:
            return outcome
        data = even[:, machine.places[0]].copy()
        for step in range(self._n_steps):
            if step > 0:
                machine.odd.sample(odd, self._address())
                machine.even_mean(odd, even)
            machine.even.sample(even, self._address())
            even[:, machine.places[0]] = data
            machine.odd_mean(even, odd)
        return outcome

    def _address(self):
        return self._streams.seed, self._streams.take(), 0
