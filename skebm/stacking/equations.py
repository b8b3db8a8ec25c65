"""The convex part of a module: ridge regression from sums over rows.

The rows themselves are not needed: the output weights follow from the sums of products of the
hidden activities with each other and with the targets.
"""

import operator

import numpy as np
from scipy import linalg

from .._validation import warn_caller
from ..kernels.products import multiply

# Relative size below which an eigenvalue, or the square of a pivot, is treated as zero.
_NEGLIGIBLE = 1e-14


class NormalEquations:
    """Weighted sums over rows of hidden activities h and targets t.

    All are float64: in float32, rounding would lose what one row adds to a sum over thousands.

    Parameters
    ----------
    n_units, n_targets : int

    Attributes
    ----------
    gram : ndarray of shape (n_units, n_units)
        Sum of h hᵀ; entries above the diagonal are not used.
    cross : ndarray of shape (n_units, n_targets)
        Sum of h tᵀ.
    unit_sums : ndarray of shape (n_units,)
        Sum of h.
    target_sums, target_squares : ndarray of shape (n_targets,)
        Sums of t and of its squares.
    weight : float
        Sum of the weights of the rows; without weights, the number of rows.
    """

    def __init__(self, n_units, n_targets):
        self.gram = np.zeros((n_units, n_units))
        self.cross = np.zeros((n_units, n_targets))
        self.unit_sums = np.zeros(n_units)
        self.target_sums = np.zeros(n_targets)
        self.target_squares = np.zeros(n_targets)
        self.weight = 0.0

    def __add__(self, other):
        """The sums over the rows of both."""
        total = NormalEquations(*self.cross.shape)
        for name, value in vars(self).items():
            setattr(total, name, value + getattr(other, name))
        return total

    def __iadd__(self, other):
        for name in vars(self):
            setattr(self, name, operator.iadd(getattr(self, name), getattr(other, name)))
        return self

    def solve(self, alpha, noise):
        """Output weights that minimise the squared error plus two penalties.

        Minimises the sum of ``|h @ coef + intercept - t|**2``, plus ``alpha * |coef|**2``, plus
        ``noise * sum(diag(gram) * |coef|**2)``. The last term is the mean increase of the squared
        error if each activity is multiplied by a random number of mean 1 and variance ``noise``,
        as in dropout. The intercept is not penalised.

        Returns
        -------
        coef : ndarray of shape (n_units, n_targets)
        intercept : ndarray of shape (n_targets,)

        Warns
        -----
        scipy.linalg.LinAlgWarning
            If the equations are singular. The solution of smallest norm is then returned.
        """
        factor = self._factor(alpha, noise)
        if factor is None:
            warn_caller(
                f"The equations of {len(self.gram)} hidden units are singular: some are copies or "
                "sums of others. The shortest solution is used. A larger 'alpha' avoids this.",
                linalg.LinAlgWarning,
            )
            return self.spectrum(noise).solve(alpha)
        return self.with_intercept(
            linalg.cho_solve((factor, False), self.centred_cross(), check_finite=False)
        )

    def leverages(self, alpha, noise):
        """A function that returns the leverage of rows, the share of each in its own prediction.

        It takes the activities (n_units, n_rows) of rows that are part of the sums, and returns
        one number per row, per unit of its weight.
        """
        factor = self._factor(alpha, noise)
        if factor is None:
            spectrum = self.spectrum(noise)
            inverse = spectrum.inverse(alpha)[:, None]
            return lambda activities: spectrum.leverages(activities, inverse)[:, 0]

        def leverages(activities):
            centred = activities - (self.unit_sums / self.weight)[:, None]
            solved = linalg.solve_triangular(
                factor, centred, trans="T", overwrite_b=True, check_finite=False
            )
            return np.square(solved).sum(axis=0) + 1 / self.weight

        return leverages

    def _factor(self, alpha, noise):
        """Upper Cholesky factor of the equations; None if they are singular."""
        matrix = self.penalised_gram(noise)
        matrix[np.diag_indices_from(matrix)] += alpha
        try:
            factor = linalg.cholesky(matrix, overwrite_a=True, check_finite=False)
        except linalg.LinAlgError:
            return None
        pivots = np.square(factor.diagonal())
        return factor if pivots.min() > _NEGLIGIBLE * pivots.max() else None

    def spectrum(self, noise):
        """The eigendecomposition of these equations, a :class:`Spectrum`."""
        return Spectrum(self, noise)

    def penalised_gram(self, noise):
        """Gram matrix of the centred activities, with the penalty of the noise.

        Only the upper triangle, in Fortran order, so that LAPACK can overwrite it without a copy.
        """
        matrix = np.outer(self.unit_sums / self.weight, self.unit_sums)
        np.subtract(self.gram, matrix, out=matrix)
        matrix[np.diag_indices_from(matrix)] += noise * self.gram.diagonal()
        return matrix.T

    def centred_cross(self):
        return self.cross - np.outer(self.unit_sums / self.weight, self.target_sums)

    def with_intercept(self, coef):
        return coef, (self.target_sums - self.unit_sums @ coef) / self.weight


class Spectrum:
    """Eigenvalues and eigenvectors of normal equations: solutions for many ``alpha`` at once.

    Parameters
    ----------
    equations : NormalEquations
    noise : float
        See :meth:`NormalEquations.solve`.
    """

    def __init__(self, equations, noise):
        self._equations = equations
        values, self.vectors = linalg.eigh(
            equations.penalised_gram(noise), lower=False, overwrite_a=True, check_finite=False
        )
        self.values = np.maximum(values, 0)
        self._cross = self.vectors.T @ equations.centred_cross()
        # Share of the rows in each eigenvalue, without the penalty.
        penalty = noise * equations.gram.diagonal()
        self._from_rows = np.maximum(self.values - penalty @ np.square(self.vectors), 0)
        self._penalty = penalty

    def inverse(self, alpha):
        """1 / (eigenvalue + alpha) for each eigenvalue; 0 if the divisor is 0 up to rounding."""
        values = self.values + alpha
        kept = values > _NEGLIGIBLE * max(values.max(), np.finfo(float).tiny) * len(values)
        return np.where(kept, 1 / np.where(kept, values, 1), 0)

    def solve(self, alpha):
        """Output weights and intercept for this ``alpha``; of several, those of smallest norm."""
        coef = self.vectors @ (self.inverse(alpha)[:, None] * self._cross)
        return self._equations.with_intercept(coef)

    def generalised_cross_validation(self, alpha):
        """Estimate of the squared error on unseen rows, summed over all rows.

        Golub, Heath and Wahba, "Generalized cross-validation as a method for choosing a good
        ridge parameter", Technometrics 21, 1979.
        """
        equations = self._equations
        rotated = self.inverse(alpha)[:, None] * self._cross
        coef = self.vectors @ rotated
        centred = equations.target_squares - equations.target_sums**2 / equations.weight
        fitted = self.values @ np.square(rotated) - self._penalty @ np.square(coef)
        error = (centred - 2 * (rotated * self._cross).sum(axis=0) + fitted).sum()
        n_parameters = 1 + self.inverse(alpha) @ self._from_rows
        left = max(1 - n_parameters / equations.weight, np.finfo(float).eps)
        return error / left**2

    def leverages(self, activities, inverses):
        """Share of each row in its own prediction, for each column of ``inverses``.

        Parameters
        ----------
        activities : ndarray of shape (n_units, n_rows), C-contiguous
        inverses : ndarray of shape (n_units, n_alphas)
            Result of :meth:`inverse` for each alpha.

        Returns
        -------
        leverages : ndarray of shape (n_rows, n_alphas)
            Per unit of the weight of each row.
        """
        dtype = activities.dtype
        weight = self._equations.weight
        means = self._equations.unit_sums / weight
        rotated = np.empty_like(activities)
        multiply(self.vectors.astype(dtype, order="F").T, activities, rotated)
        rotated -= (self.vectors.T @ means).astype(dtype)[:, None]
        np.square(rotated, out=rotated)
        out = np.empty((rotated.shape[1], inverses.shape[1]), dtype=dtype)
        return multiply(rotated.T, inverses.astype(dtype, order="C"), out) + dtype.type(1 / weight)
