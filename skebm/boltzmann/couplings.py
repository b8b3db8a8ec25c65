"""Couplings: inputs from the states of one of two adjacent layers to the units of the other.

The layers are called the lower and the upper one. A coupling computes the inputs of both layers for
a machine, and the gradient for pairs of states for a learner: see :class:`Coupling`. All couplings
of a machine together form another coupling, from its even layers to its odd ones, for inputs only.

Some code for RBMs needs a matrix of weights, and therefore dense couplings: replacing dead hidden
units (:mod:`skebm.boltzmann.initial`), the conditionals of visible units, the compiled loop over
sparse states, and attributes of estimators. It checks the ``kind`` of the coupling if there is an
alternative.
"""

import numpy as np

from .._threads import blocks_of, for_each, n_jobs_for
from ..kernels.panels import multiply, multiply_transposed
from ..kernels.updates import subtract_projection

# Number of lower units whose gradient is computed at once; with fewer, matrix products are slow.
_SMALLEST_BLOCK = 64


class Coupling:
    """Interface of couplings.

    The energy of states x of the lower and y of the upper layer is minus a sum, over the weights,
    of a weight times a product of states of one layer and of the other. The derivatives with
    respect to states are the inputs of units, those with respect to weights the gradient.

    Attributes
    ----------
    weights : ndarray
        Contiguous, of any shape; changed in place by solvers and callers.
    n_weights : int
        Number of pairs of a lower and an upper unit, which measures the work per row.
    kind : {"dense", "repeated", "several", "other"}
        "dense" is a matrix of weights. :mod:`skebm.boltzmann.fused` supports only this kind.
    """

    kind = "other"
    weights = None

    # For machines.

    def up(self, lower, out=None):
        """Inputs of the upper layer given states of the lower; in a new array if no ``out``."""
        raise NotImplementedError

    def down(self, upper, out=None):
        """Inputs of the lower layer given states of the upper; in a new array if no ``out``."""
        raise NotImplementedError

    def up_rows(self, rows, part, out):
        """Inputs of the upper layer given the rows in the slice ``part`` of a data set."""
        raise NotImplementedError

    def down_rows(self, rows, part, out):
        """Inputs of the lower layer given the rows in the slice ``part`` of a data set."""
        raise NotImplementedError

    def largest_inputs_of_lower(self):
        """Largest input that each lower unit can have, of either sign, from states of 0 and 1."""
        raise NotImplementedError

    def copy(self):
        """A copy of the coupling with its own weights."""
        raise NotImplementedError

    def turned(self):
        """The same coupling and weights, with both layers exchanged."""
        raise NotImplementedError

    # For learning. ``lower`` and ``upper`` are pairs of states, one per row, of shapes (n_rows,
    # n_lower) and (n_rows, n_upper). Their gradient is that of the negative energies, summed over
    # the rows.

    def gradient(self, lower, upper, take):
        """Compute the gradient, one slice of the weights at a time.

        ``take`` is called for each slice while its gradient is in the cache.

        Parameters
        ----------
        lower, upper : ndarray
        take : callable
            Takes a slice of the weights in their order, and its gradient, a vector. It is called
            from several threads.
        """
        raise NotImplementedError

    def squared_norm(self, lower, upper):
        """Sum of the squares of the gradient."""
        raise NotImplementedError

    def subtract_from_lower(self, lower, upper, states, out):
        """Subtract inputs of the lower layer from ``out``, with the gradient as weights.

        ``states`` of the upper layer and ``out`` are vectors.
        """
        raise NotImplementedError

    def subtract_from_upper(self, lower, upper, states, out):
        """The same for the upper layer."""
        raise NotImplementedError

    def scale_lower(self, factors):
        """Multiply all weights of each lower unit by its factor, in place."""
        raise NotImplementedError


class Dense(Coupling):
    """Every unit of the lower layer is connected to every unit of the upper one.

    Parameters
    ----------
    weights : ndarray of shape (n_lower, n_upper), C- or Fortran-contiguous
        The array itself, not a copy.
    copies : tuple of two int, default=(1, 1)
        Numbers of layers with the same states and weights for which the lower and the upper one
        count. In pre-training, a layer counts twice if it will have neighbours on both sides.
    """

    def __init__(self, weights, copies=(1, 1)):
        self.weights = weights
        self.copies = copies

    @property
    def kind(self):
        """See :class:`Coupling`: "repeated" if a layer counts more than once."""
        return "dense" if self.copies == (1, 1) else "repeated"

    @property
    def n_weights(self):
        """Number of weights, which is the work of one row in either direction."""
        return self.weights.size

    def copy(self):
        """A copy of the coupling with its own weights."""
        return Dense(self.weights.copy(), self.copies)

    def turned(self):
        """The same coupling and weights, with both layers exchanged."""
        return Dense(self.weights.T, self.copies[::-1])

    def up(self, lower, out=None):
        """Inputs of the upper layer given states of the lower; in a new array if no ``out``."""
        return _times(self.copies[0], _product(lower, self.weights, out))

    def down(self, upper, out=None):
        """Inputs of the lower layer given states of the upper; in a new array if no ``out``."""
        return _times(self.copies[1], _product(upper, self.weights.T, out))

    def up_rows(self, rows, part, out):
        """Inputs of the upper layer given the rows in the slice ``part`` of a data set."""
        return _times(self.copies[0], rows.times(self.weights, part, out))

    def down_rows(self, rows, part, out):
        """Inputs of the lower layer given the rows in the slice ``part`` of a data set."""
        return _times(self.copies[1], rows.times(self.weights.T, part, out))

    def gradient(self, lower, upper, take):
        """Find ``lower.T @ upper``, see :meth:`Coupling.gradient`."""
        n_lower, n_upper = self.weights.shape

        def find(block):
            gradient = np.empty((block.stop - block.start, n_upper), dtype=self.weights.dtype)
            multiply_transposed(lower, block, upper, gradient)
            take(slice(block.start * n_upper, block.stop * n_upper), gradient.reshape(-1))

        n_jobs = n_jobs_for(len(lower) * self.n_weights)
        for_each(find, blocks_of(n_lower, _SMALLEST_BLOCK), n_jobs)

    def squared_norm(self, lower, upper):
        """Sum of the squares of the gradient, which is ``lower.T @ upper``.

        With few rows, it is computed as the sum over all pairs of rows of the products of their
        scalar products, without the gradient itself, which is as large as the weights.
        """
        if len(lower) ** 2 < self.weights.size:
            gram = [_product(states, states.T) for states in (lower, upper)]
            return max(0.0, float(np.vdot(*gram)))
        gradient = np.empty(self.weights.shape, dtype=self.weights.dtype)
        multiply_transposed(lower, slice(0, len(gradient)), upper, gradient)
        return float(np.linalg.norm(gradient)) ** 2

    def subtract_from_lower(self, lower, upper, states, out):
        """Subtract ``lower.T @ (upper @ states)`` from ``out``."""
        subtract_projection(lower, upper, states, out)

    def subtract_from_upper(self, lower, upper, states, out):
        """Subtract ``upper.T @ (lower @ states)`` from ``out``."""
        subtract_projection(upper, lower, states, out)

    def scale_lower(self, factors):
        """Multiply all weights of each lower unit by its factor, in place."""
        np.multiply(self.weights, factors[:, None], out=self.weights)

    def largest_inputs_of_lower(self):
        """Largest input that each lower unit can have, of either sign, from states of 0 and 1."""
        return np.abs(self.weights).sum(axis=1)

    def of_lower(self, units):
        """The same for a slice of the lower units only."""
        return Dense(self.weights[units], self.copies)


class EvenToOdd(Coupling):
    """The couplings of many layers as one: from the even layers, the lower side, to the odd ones.

    It computes inputs only; learning uses the single couplings.

    Parameters
    ----------
    couplings : list of couplings
        Between each layer and the next.
    places : list of slice
        Place of each layer on its side.
    """

    kind = "several"

    def __init__(self, couplings, places):
        self.couplings = couplings
        self._places = places

    @property
    def n_weights(self):
        """Number of weights, which is the work of one row in either direction."""
        return sum(coupling.n_weights for coupling in self.couplings)

    def up(self, even, out=None):
        """Inputs of the odd layers given states of the even ones; in a new array if no ``out``."""
        return self._inputs(even, 0, out)

    def down(self, odd, out=None):
        """Inputs of the even layers given states of the odd ones; in a new array if no ``out``."""
        return self._inputs(odd, 1, out)

    def largest_inputs_of_lower(self):
        """Largest input that each even unit can have, of either sign, from states of 0 and 1."""
        largest = np.zeros(self._n_units(0))
        for number, coupling in enumerate(self.couplings):
            upwards = number % 2 == 0
            of_one = coupling if upwards else coupling.turned()
            largest[self._places[number + 1 - upwards]] += of_one.largest_inputs_of_lower()
        return largest

    def _inputs(self, states, parity, out):
        """Inputs of one side given states of the other, whose layers have this parity."""
        if out is None:
            out = np.empty((len(states), self._n_units(1 - parity)), dtype=states.dtype)
        written = set()
        for number, coupling in enumerate(self.couplings):
            upwards = number % 2 == parity
            below, above = self._places[number : number + 2]
            source, target = (below, above) if upwards else (above, below)
            of_one = coupling.up if upwards else coupling.down
            inputs = of_one(np.ascontiguousarray(states[:, source]))
            if target.start in written:
                out[:, target] += inputs
            else:
                out[:, target] = inputs
                written.add(target.start)
        return out

    def _n_units(self, parity):
        return self._places[parity::2][-1].stop


def between_even_and_odd(couplings, places):
    """One coupling between the even and the odd layers."""
    return couplings[0] if len(couplings) == 1 else EvenToOdd(couplings, places)


def _times(n_copies, inputs):
    if n_copies != 1:
        inputs *= n_copies
    return inputs


def _product(states, weights, out=None):
    if out is None:
        out = np.empty((len(states), weights.shape[1]), dtype=weights.dtype)
    return multiply(states, weights, out)
