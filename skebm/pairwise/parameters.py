"""Weights of pairs of units and biases as one vector, which solvers change."""

import numpy as np


class PairwiseParameters:
    """Which pairs of units are connected, and where their weights stand in the vector.

    The energy is -sum over pairs of w_ij (s_i - m_i)(s_j - m_j) - sum of c_i s_i: from states of -1
    and 1 their offsets m are subtracted, the means of the data. The bias without offsets is
    b = c - W m. With offsets, the gradients by weights and by biases are nearly independent of each
    other where most units are usually on or usually off, so that learning takes fewer steps:
    J. Melchior, A. Fischer and L. Wiskott, "How to center deep Boltzmann machines", JMLR 17, 2016.

    Parameters
    ----------
    connected : ndarray of bool, of shape (n_units, n_units)
        Symmetric; the diagonal does not matter.
    offsets : ndarray of shape (n_units,)

    Attributes
    ----------
    n_pairs : int
        The weights of the pairs come first, then the biases.
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
        """The vector of these weights and biases without offsets."""
        return np.concatenate(
            [weights[self._first, self._second], bias + weights @ self.offsets]
        ).astype(weights.dtype)

    def gradient(self, of_pairs, of_bias):
        """The gradient by the vector.

        Parameters
        ----------
        of_pairs : ndarray of shape (n_units, n_units)
            Gradient by each weight alone, w_ij and w_ji being two: their sum counts.
        of_bias : ndarray of shape (n_units,)
            By biases without offsets.
        """
        i, j, m = self._first, self._second, self.offsets
        by_weights = of_pairs[i, j] + of_pairs[j, i] - of_bias[i] * m[j] - of_bias[j] * m[i]
        return np.concatenate([by_weights, of_bias])

    def products(self, values):
        """The product of the values of both units of each pair, then the values themselves."""
        return np.concatenate([values[self._first] * values[self._second], values])
