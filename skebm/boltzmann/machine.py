"""A Boltzmann machine: layers of units, and couplings between adjacent layers.

Only units of adjacent layers are connected. Therefore all even layers are independent of each other
given the odd ones, and the other way round: for any number of layers, one half step of Gibbs
sampling draws all even layers, and the next one all odd layers. Arrays of states contain all even
layers, or all odd ones. A restricted Boltzmann machine has two layers, of which the visible one is
even and the hidden one odd.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from .._helpers import stop_if_abandoned
from .._source import CHUNK, for_each_chunk
from .._threads import blocks_of, for_each, n_jobs_for
from .._validation import have_diverged
from .conditionals import conditional_log_likelihood
from .couplings import Dense, between_even_and_odd
from .units import places_of, side_by_side

# With fewer rows than this, one thread is used.
_SMALLEST_BLOCK = 32

# Number of visited weights per chunk, so that threads pay off: if each row visits all weights, and
# if it integrates over each unit, which takes a hundred times as long.
_WEIGHTS_PER_CHUNK = 4e6
_INTEGRALS_PER_CHUNK = 4e4


class Given(NamedTuple):
    """Conditions for the rows of a pass, in addition to the states from which it starts.

    Attributes
    ----------
    known : ndarray of bool, of shape (n_rows, n_units), or None
        Known units of each row.
    absent : ndarray of shape (n_rows, n_units), or None
        Fixed states of the others. None: 0, so that they have no effect.
    fields : ndarray of shape (n_rows, n_units), or None
        Added to the inputs, like a bias that differs between rows.
    """

    known: np.ndarray | None = None
    absent: np.ndarray | None = None
    fields: np.ndarray | None = None

    def of_rows(self, block):
        """The same for a slice of the rows."""
        if self is NOTHING_GIVEN:
            return self
        return Given(*(None if array is None else array[block] for array in self))


NOTHING_GIVEN = Given()


class Machine:
    """A machine with layers, given by its energy.

    E = -(sum over couplings of lower states, weights and upper states) + (energies of the layers).

    Parameters
    ----------
    layers : list of layers of units
        From the lowest to the highest, see :mod:`skebm.boltzmann.units`. If there are more than
        two, their biases become views of those of ``even`` and ``odd``.
    couplings : list of couplings
        Between each layer and the next, see :mod:`skebm.boltzmann.couplings`.
    smallest_block : int or inf, optional
        Smallest number of rows per thread in a pass from one layer to the other.

    Attributes
    ----------
    even, odd : layers of units
        All even layers side by side, and all odd ones.
    coupling : coupling
        Between these two; the even one is the lower one.
    places : list of slice
        Slice of each layer in the units of ``even`` or ``odd``.
    """

    def __init__(self, layers, couplings, smallest_block=_SMALLEST_BLOCK):
        self.layers, self.couplings = layers, couplings
        self.even, self.odd = side_by_side(layers[::2]), side_by_side(layers[1::2])
        self.places = places_of(layers)
        self.coupling = between_even_and_odd(couplings, self.places)
        self._smallest_block = smallest_block

    def __reduce__(self):
        # Pickles restore the biases of more than two layers as views of those of both sides.
        return Machine, (self.layers, self.couplings, self._smallest_block)

    @classmethod
    def restricted(cls, weights, visible, hidden, copies=(1, 1)):
        """A restricted Boltzmann machine.

        Parameters
        ----------
        weights : ndarray of shape (n_visible, n_hidden), C-contiguous
            Row i holds the weights of visible unit i: a sparse row of data touches few rows of it.
        visible, hidden : layers of units
        copies : tuple of two int, default=(1, 1)
            Numbers of layers for which they count, see :class:`~skebm.boltzmann.couplings.Dense`.
        """
        return cls([visible, hidden], [Dense(weights, copies)])

    @property
    def visible(self):
        """The lowest layer."""
        return self.layers[0]

    @property
    def n_visible(self):
        """Number of units in the lowest layer, which are the first of the even ones."""
        return self.places[0].stop

    def visible_of(self, even):
        """The part of an array (..., n_even) for the visible units; in an RBM the array itself."""
        return even if self.n_visible == self.n_even else even[..., self.places[0]].copy()

    def even_of(self, visible, fill):
        """An array (..., n_even) with these values for the visible units, and ``fill`` elsewhere.

        In an RBM all even units are visible, and this is the array itself.
        """
        if self.n_visible == self.n_even:
            return visible
        even = np.full((*visible.shape[:-1], self.n_even), fill, dtype=visible.dtype)
        even[..., self.places[0]] = visible
        return even

    @property
    def hidden(self):
        """The lowest hidden layer."""
        return self.layers[1]

    @property
    def weights(self):
        """Weights of the lowest coupling, to be changed in place."""
        return self.couplings[0].weights

    @property
    def dtype(self):
        """The dtype of the parameters and of all results."""
        return self.weights.dtype

    @property
    def n_even(self):
        """Number of units in the even layers."""
        return len(self.even.bias)

    @property
    def n_odd(self):
        """Number of units in the odd layers."""
        return len(self.odd.bias)

    @property
    def n_units(self):
        """Numbers of units of both sides."""
        return self.n_even, self.n_odd

    def copy(self):
        """A copy of the machine with its own arrays."""
        layers = [layer.copy(self.dtype) for layer in self.layers]
        return Machine(layers, [coupling.copy() for coupling in self.couplings])

    def on_one_thread(self):
        """The same machine with the same arrays, for callers that divide rows among threads."""
        twin = Machine.__new__(Machine)
        vars(twin).update(vars(self), _smallest_block=math.inf)
        return twin

    def is_finite(self):
        """Whether all parameters are finite."""
        return all(np.isfinite(parameter).all() for parameter in self.parameters)

    def has_diverged(self):
        """Whether a parameter is not finite, or too large for computations."""
        if have_diverged(*self.parameters):
            return True
        return not self.even.tolerate(self.coupling.largest_inputs_of_lower())

    def neighbours(self, even, odd):
        """For each coupling, the parts of arrays for the layers below and above it.

        Parameters
        ----------
        even : ndarray of shape (..., n_even)
        odd : ndarray of shape (..., n_odd)

        Yields
        ------
        lower, upper : ndarray of shapes (..., n_lower) and (..., n_upper)
            Views, if they are vectors or if there are two layers.
        """
        if len(self.layers) == 2:
            return [(even, odd)]
        sides = even, odd
        layers = [sides[number % 2][..., place] for number, place in enumerate(self.places)]
        return itertools.pairwise(np.ascontiguousarray(of_layer) for of_layer in layers)

    @property
    def parameters(self):
        """All arrays of parameters: those of the couplings, of the even and of the odd units."""
        of_couplings = [coupling.weights for coupling in self.couplings]
        return [*of_couplings, *self.even.parameters, *self.odd.parameters]

    def energy(self, even, odd, known=None):
        """Energy of states of both sides, for each row; nats.

        Without the own energies of even units that are not ``known``, a mask.
        """
        joint = np.einsum("ij,ij->i", self.inputs_of_odd(even), odd)
        return self.even.energy(even, known) + self.odd.energy(odd) - joint

    # A pass from one side to the other is a product, a mean and possibly a draw, in the same memory
    # and while it is in the cache.

    def inputs_of_odd(self, even, out=None):
        """Inputs of the odd units from even states, in a new array if no ``out``."""
        return self.coupling.up(even, out)

    def inputs_of_even(self, odd, out=None):
        """Inputs of the even units from odd states, in a new array if no ``out``."""
        return self.coupling.down(odd, out)

    def odd_mean(self, even, out, given=NOTHING_GIVEN):
        """Mean odd states given even states (n_rows, n_even)."""
        return self._pass(even, self.inputs_of_odd, self.odd, out, given=given)

    def even_mean(self, odd, out, given=NOTHING_GIVEN):
        """Mean even states given odd states (n_rows, n_odd)."""
        return self._pass(odd, self.inputs_of_even, self.even, out, given=given)

    def sample_odd(self, even, address, out, given=NOTHING_GIVEN):
        """Odd states drawn given even states; ``address`` is (seed, stream, first row)."""
        return self._pass(even, self.inputs_of_odd, self.odd, out, address, given=given)

    def sample_even(self, odd, address, out, previous=None, mean=None, given=NOTHING_GIVEN):
        """Even states drawn given odd states; ``address`` is (seed, stream, first row).

        Units with inertia continue from the ``previous`` states, which may be in ``out``. The means
        are written to the array ``mean``, if there is one.
        """
        if previous is not None:
            previous = previous.copy() if self.even.inertia else None
        return self._pass(
            odd, self.inputs_of_even, self.even, out, address, previous, mean, given=given
        )

    def _pass(
        self,
        states,
        inputs_of,
        units,
        out,
        address=None,
        previous=None,
        mean=None,
        given=NOTHING_GIVEN,
    ):
        """Means of ``units`` given the ``states`` of the other side, or draws at an address."""
        mean = out if mean is None else mean

        def one_block(block):
            inputs = inputs_of(states[block], mean[block])
            here = None if address is None else (*address[:2], address[2] + block.start)
            before = None if previous is None else previous[block]
            settle(units, inputs, here, out[block], before, given.of_rows(block))

        n_jobs = n_jobs_for(len(states) * self.coupling.n_weights)
        for_each(one_block, blocks_of(len(states), self._smallest_block), n_jobs)
        return out

    # Gibbs sampling

    def alternate(
        self, odd, even, n_steps, address, previous=None, mean=None, given=(NOTHING_GIVEN,) * 2
    ):
        """Draw both sides in turn, starting from odd states, in place; yield after the even ones.

        Takes ``2 * n_steps - 1`` streams from ``address`` (seed, first stream, first row) on.

        Parameters
        ----------
        odd : ndarray of shape (n_rows, n_odd)
            States to start from.
        even : ndarray of shape (n_rows, n_even)
            An array for the even states.
        n_steps : int
            Number of draws of the even states.
        address : tuple of int
        previous : ndarray of shape (n_rows, n_even), default=None
            Previous even states, if there are any.
        mean : ndarray of shape (n_rows, n_even), default=None
            An array for the means from which even states are drawn, if they are needed.
        given : pair of Given
            Conditions for the rows of even and of odd states.
        """
        seed, stream, first_row = address
        with_even, with_odd = given
        for step in range(n_steps):
            stop_if_abandoned()
            if step > 0:
                here = seed, stream + 2 * step - 1, first_row
                self.sample_odd(even, here, odd, with_odd)
            here = seed, stream + 2 * step, first_row
            self.sample_even(odd, here, even, previous, mean, with_even)
            previous = even
            yield

    def advance(self, odd, even, n_steps, address, previous=None, given=(NOTHING_GIVEN,) * 2):
        """Draw both sides in turn, in place, to the even states of the last step.

        Parameters: see :meth:`alternate`.
        """
        for _ in self.alternate(odd, even, n_steps, address, previous, given=given):
            pass

    def walk(self, even, n_steps, address, keep=None):
        """Run Gibbs chains from even states, in place; yield their means in each step.

        Takes ``2 * n_steps`` streams from ``address`` (seed, first stream, first row) on. Where the
        boolean mask ``keep`` is true, states do not change.
        """
        seed, stream, first_row = address
        mean = np.empty_like(even)
        fixed = None if keep is None else even.copy()
        odd = self.sample_odd(even, address, np.empty((len(even), self.n_odd), dtype=self.dtype))
        following = seed, stream + 1, first_row
        for _ in self.alternate(odd, even, n_steps, following, previous=even, mean=mean):
            if keep is not None:
                np.copyto(even, fixed, where=keep)
            yield mean

    def run(self, even, n_steps, address, keep=None):
        """Run Gibbs chains from even states, in place: see :meth:`walk`."""
        seed, stream, first_row = address

        def run(part):
            kept = None if keep is None else keep[part]
            here = seed, stream, first_row + part.start
            for _ in self.walk(even[part], n_steps, here, kept):
                pass

        for_each_chunk(run, len(even))
        return even

    # For whole data sets, dense or sparse, chunk by chunk.

    def transform(self, rows):
        """Mean odd states given rows of even states, of shape (n_rows, n_odd)."""
        return self._pass_all(rows, self.coupling.up_rows, self.odd)

    def inverse_transform(self, rows):
        """Mean even states given rows of odd states, of shape (n_rows, n_even)."""
        return self._pass_all(rows, self.coupling.down_rows, self.even)

    def free_energy(self, rows):
        """-log of the sum over odd states of exp(-E(even, odd)), for each row; nats.

        For a row with unknown values, the free energy of the known even units; the others are fixed
        at their placeholders.
        """

        def free_energy(even, inputs, known):
            return self.even.energy(even, known) - self.odd.log_partition(inputs)

        return self._of_each_row(free_energy, rows)

    def pseudo_log_likelihood(self, rows):
        """Sum over visible units i of log p(v_i | the other visible units), for each row; nats.

        Exact and deterministic: no unit is left out and none is drawn. For a row with unknown
        values, the sum is over the known units; the others are fixed at their placeholders.
        """

        def pseudo_log_likelihood(v, inputs, known):
            inputs += self.hidden.bias
            return conditional_log_likelihood(self, v, inputs, known)

        integrates = any(kind == "real" for kind, _ in self.visible.parts)
        return self._of_each_row(
            pseudo_log_likelihood, rows, *((_INTEGRALS_PER_CHUNK, 1) if integrates else ())
        )

    def reconstruction_error(self, rows):
        """Squared error of the mean visible states given mean hidden states, summed over units.

        Only known units are included.
        """

        def reconstruction_error(v, inputs, known):
            back = self.even_mean(self.odd.mean(inputs), np.empty_like(v))
            return np.square(back - v).sum(axis=1, where=True if known is None else known)

        return self._of_each_row(reconstruction_error, rows)

    def _pass_all(self, rows, inputs_of_rows, units):
        out = np.empty((rows.shape[0], len(units.bias)), dtype=self.dtype)

        def transform(part):
            settle(units, inputs_of_rows(rows, part, out[part]))

        for_each_chunk(transform, rows.shape[0])
        return out

    def _of_each_row(self, function, rows, weights_per_chunk=_WEIGHTS_PER_CHUNK, fewest=8):
        """``function(even states, inputs of the odd units, known even units)`` for all rows."""
        out = np.empty(rows.shape[0], dtype=self.dtype)

        def evaluate(part):
            even = np.empty((part.stop - part.start, rows.shape[1]), dtype=self.dtype)
            batch = rows.batch(np.arange(part.start, part.stop))
            batch.take(even)
            out[part] = function(even, self.inputs_of_odd(even), batch.known)

        size = min(max(fewest, int(weights_per_chunk / self.coupling.n_weights)), CHUNK)
        for_each_chunk(evaluate, rows.shape[0], size)
        return out


def upside_down(machine, number):
    """A layer and all layers below it as a machine whose visible layer is the former."""
    layers = [layer.copy(machine.dtype) for layer in machine.layers[number::-1]]
    couplings = machine.couplings[:number][::-1]
    return Machine(layers, [coupling.turned() for coupling in couplings])


def hidden_machine(machine):
    """The hidden layers as a separate machine, in which the odd layers become the even ones.

    It has the same weights, and copies of the biases. If the visible units of the whole machine are
    held fixed, their inputs to the first hidden layer are fields of the rows, see :class:`Given`.
    """
    layers = [layer.copy(machine.dtype) for layer in machine.layers[1:]]
    return Machine(layers, machine.couplings[1:])


def settle(units, inputs, address=None, out=None, previous=None, given=NOTHING_GIVEN):
    """Means of units given their inputs, in place; with an address, states drawn from the means.

    This is every half step of Gibbs sampling, and every pass through a directed connection.

    Parameters
    ----------
    units : layer of units
    inputs : ndarray of shape (n_rows, n_units)
        Changed in place.
    address : tuple of int, default=None
        (seed, stream, first row) of the random numbers; None gives means.
    out : ndarray of shape (n_rows, n_units), default=None
        An array for the states; None writes them over the means.
    previous : ndarray of shape (n_rows, n_units), default=None
        Previous states, from which units with inertia continue.
    given : Given
        Known units of each row, and fields that are added to the inputs.
    """
    if given.fields is not None:
        inputs += given.fields
    states = units.mean(inputs)
    if address is not None:
        states = units.sample(states, address, out=out, previous=previous)
    if given.known is not None:
        absent = 0 if given.absent is None else given.absent
        np.copyto(states, absent, where=~given.known)
    return states
