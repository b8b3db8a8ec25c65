"""Weights of pairs of units and biases as one vector, for solvers."""

import numpy as np


class PairwiseParameters:
    """Which pairs of units are connected, and the places of their weights in the vector.

    The energy is -sum over pairs of w_ij (s_i - m_i)(s_j - m_j) - sum of c_i s_i. The offsets m are
    the means of the data and are subtracted from the states of -1 and 1. The bias without offsets
    is b = c - W m. With offsets, the gradients with respect to weights and biases are nearly
    independent of each other, also if most units are usually on or usually off, so that training
    takes fewer steps: J. Melchior, A. Fischer and L. Wiskott, "How to center deep Boltzmann
    machines", JMLR 17, 2016.

    Parameters
    ----------
    connected : ndarray of bool, of shape (n_units, n_units)
        Symmetric; the diagonal is not used.
    offsets : ndarray of shape (n_units,)

    Attributes
    ----------
    n_pairs : int
        Number of pairs. Their weights come first in the vector, then the biases.
    """

    def __init__(self, connected, offsets):
        self.offsets = offsets
        self._first, self._second = np.nonzero(np.triu(connected, 1))
        self.n_pairs = len(self._first)

    @property
    def n_parameters(self):
        """Length of the vector."""
        return self.n_pairs + len(self.offsets)

    def weights_and_bias(self, vector):
        """Symmetric weights, and biases without offsets."""
        n_units = len(self.offsets)
        weights = np.zeros((n_units, n_units), dtype=vector.dtype)
        weights[self._first, self._second] = vector[: self.n_pairs]
        weights[self._second, self._first] = vector[: self.n_pairs]
        return weights, vector[self.n_pairs :] - weights @ self.offsets.astype(vector.dtype)

    def vector(self, weights, bias):
        """The vector for these weights, and biases without offsets."""
        return np.concatenate(
            [weights[self._first, self._second], bias + weights @ self.offsets]
        ).astype(weights.dtype)

    def gradient(self, of_pairs, of_bias):
        """The gradient with respect to the vector.

        Parameters
        ----------
        of_pairs : ndarray of shape (n_units, n_units)
            Gradient with respect to each single weight. Those of w_ij and w_ji are added.
        of_bias : ndarray of shape (n_units,)
            Gradient with respect to biases without offsets.
        """
        i, j, m = self._first, self._second, self.offsets
        by_weights = of_pairs[i, j] + of_pairs[j, i] - of_bias[i] * m[j] - of_bias[j] * m[i]
        return np.concatenate([by_weights, of_bias])

    def products(self, values):
        """For each pair the product of the values of its units, then the values themselves."""
        return np.concatenate([values[self._first] * values[self._second], values])
