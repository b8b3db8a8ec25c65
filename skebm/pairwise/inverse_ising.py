"""Weights of a fully visible Boltzmann machine from means and correlations, in closed form.

For weak weights, the off-diagonal entries of the inverse of the covariance matrix are the negative
weights: naive mean field [1]_. The next term of the same expansion is that of Thouless, Anderson
and Palmer [2]_. Both are fast, and accurate if weights are weak.

.. [1] H. J. Kappen and F. B. Rodríguez, "Efficient learning in Boltzmann machines using linear
   response theory", Neural Computation 10, 1998.
.. [2] T. Tanaka, "Mean-field theory of Boltzmann machine learning", Physical Review E 58, 1998.
.. [3] J. P. Barton, S. Cocco, E. De Leonardis and R. Monasson, "Large pseudocounts and L2-norm
   penalties are necessary for the mean-field inference of Ising and Potts models", Physical
   Review E 90, 2014.
"""

import numpy as np


def means_and_covariances(counts):
    """Means and covariances of counted rows, plus half a row of each state of each unit.

    No variance is then zero.

    Parameters
    ----------
    counts : Counts
    """
    of_data, moments = counts.moments()
    share = counts.n_patterns / (counts.n_patterns + 1)
    mean, covariances = share * of_data, share * (moments - np.outer(of_data, of_data))
    np.fill_diagonal(covariances, 1 - np.square(mean))
    return mean, covariances


def naive_mean_field(mean, covariances, l2):
    """Weights and biases by naive mean field.

    Parameters
    ----------
    mean : ndarray of shape (n_units,)
    covariances : ndarray of shape (n_units, n_units)
    l2 : float
        The penalty is ``l2 / 2`` times the sum over pairs of the square of the weight times the
        standard deviations of both units, as in [3]_.
    """
    weights = -_inverse(covariances, l2)
    np.fill_diagonal(weights, 0)
    return weights, np.arctanh(mean) - weights @ mean


def thouless_anderson_palmer(mean, covariances, l2):
    """Weights and biases by the TAP equations [2]_; arguments as in :func:`naive_mean_field`."""
    inverse = _inverse(covariances, l2)
    products = np.outer(mean, mean)
    # Of the two roots, the one that becomes naive mean field for small means. If there is no real
    # root, the discriminant is set to 0.
    root = np.sqrt(np.maximum(1 - 8 * products * inverse, 0))
    weights = -2 * inverse / (1 + root)
    np.fill_diagonal(weights, 0)
    reaction = mean * (np.square(weights) @ (1 - np.square(mean)))
    return weights, np.arctanh(mean) - weights @ mean + reaction


def _inverse(covariances, l2):
    """Inverse of the covariances with a penalty on the sum of its squares, see [3]_.

    For an eigenvalue c of the correlations, the inverse a maximises log(a) - c a - l2 a^2 / 2.
    """
    deviations = np.sqrt(np.diag(covariances))
    scales = np.outer(deviations, deviations)
    values, vectors = np.linalg.eigh(covariances / scales)
    inverse_values = 2 / (values + np.sqrt(np.square(values) + 4 * l2))
    return (vectors * inverse_values) @ vectors.T / scales
