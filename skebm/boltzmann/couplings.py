"""Couplings: what the states of one of two neighbouring layers put into the units of the other.

The layers are called the lower and the upper one. A machine asks a coupling for inputs in both
directions and does not know how they come about.
"""

import numpy as np

from ..kernels.products import multiply


class Dense:
    """Every unit of the lower layer is joined to every unit of the upper one.

    Parameters
    ----------
    weights : ndarray of shape (n_lower, n_upper), C- or Fortran-contiguous
        The array itself, not a copy.
    """

    def __init__(self, weights):
        self.weights = weights

    @property
    def n_weights(self):
        """Number of weights, which is the work of one row in either direction."""
        return self.weights.size

    def up(self, lower, out=None):
        """Inputs of the upper layer given states of the lower; in a new array if no ``out``."""
        return _product(lower, self.weights, out)

    def down(self, upper, out=None):
        """Inputs of the lower layer given states of the upper; in a new array if no ``out``."""
        return _product(upper, self.weights.T, out)

    def up_rows(self, rows, part, out):
        """Inputs of the upper layer given the rows in the slice ``part`` of a data set."""
        return rows.times(self.weights, part, out)

    def down_rows(self, rows, part, out):
        """Inputs of the lower layer given the rows in the slice ``part`` of a data set."""
        return rows.times(self.weights.T, part, out)

    def largest_inputs_of_lower(self):
        """Largest input that each lower unit can have, of either sign, from states of 0 and 1."""
        return np.abs(self.weights).sum(axis=1)

    def of_lower(self, units):
        """The same for a slice of the lower units alone."""
        return Dense(self.weights[units])


def _product(states, weights, out):
    if out is None:
        out = np.empty((len(states), weights.shape[1]), dtype=weights.dtype)
    return multiply(states, weights, out)
