"""Targets: standardised for regressors, and encoded only when needed if rows are a stream."""

import numpy as np

from ._rows import DenseRows, Rows
from ._scales import check_scales, deviation_but_for_noise


class LazyTargets(Rows):
    """Encoded targets of many rows, which are computed only when they are needed.

    ``numpy.asarray`` computes them. Indexing and ``subset`` select rows without computing them.

    Parameters
    ----------
    y : ndarray of shape (n_rows, ...)
        Targets as the user passed them.
    encode : callable
        Takes some rows of ``y`` and returns their encoded targets, (n_rows, n_targets).
    n_targets : int
    dtype : dtype
        Of the encoded targets.
    """

    def __init__(self, y, encode, n_targets, dtype):
        self._y, self._encode = y, encode
        self.shape, self.dtype = (len(y), n_targets), np.dtype(dtype)

    def __len__(self):
        return len(self._y)

    def __getitem__(self, numbers):
        return self.subset(numbers)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._encode(self._y), dtype=self.dtype if dtype is None else dtype)

    def take(self, numbers, out):
        """Copy the targets of the rows at these indices to ``out``, which is returned."""
        out[:] = self._encode(self._y[numbers])
        return out

    def made(self, numbers):
        """All rows as an array: targets at these indices, and zeros elsewhere."""
        targets = np.zeros(self.shape, dtype=self.dtype)
        targets[numbers] = self._encode(self._y[numbers])
        return DenseRows(targets)

    def subset(self, numbers):
        """The targets of these rows, not computed yet."""
        return LazyTargets(self._y[numbers], self._encode, self.shape[1], self.dtype)


class TargetScale:
    """Mean and standard deviation of each column of the targets.

    Parameters
    ----------
    mean, deviation : ndarray of shape (n_outputs,)
        The deviation is 1 where the targets are constant.
    """

    def __init__(self, mean, deviation):
        self.mean = mean
        self.deviation = deviation

    @classmethod
    def of(cls, y, weights, dtype, name):
        """Mean and deviation of targets of shape (n_samples, n_outputs).

        Parameters
        ----------
        y : ndarray of shape (n_samples, n_outputs)
        weights : ndarray of shape (n_samples,) or None
        dtype : dtype
            Of the model.
        name : str
            Name of the estimator that the user called.

        Raises
        ------
        ValueError
            If the numbers are too large, or too small, to be scaled.
        """
        y = y.astype(np.float64)
        if weights is not None:
            y, weights = y[weights > 0], weights[weights > 0]
        largest = np.abs(y).max(axis=0)
        # Squares of numbers outside this range would overflow or underflow.
        is_extreme = (largest > 0) & ((largest < 1e-100) | (largest > 1e100))
        unit = np.where(is_extreme, largest, 1.0)
        y = y / unit
        mean = np.average(y, axis=0, weights=weights)
        variance = np.average(np.square(y - mean), axis=0, weights=weights)
        deviation = unit * deviation_but_for_noise(mean, variance, y.dtype)
        mean = unit * mean
        check_scales(name, "targets", deviation, dtype)
        check_scales(name, "targets", np.where(largest > 1, largest, 0), dtype)
        return cls(mean.astype(dtype), np.where(deviation > 0, deviation, 1).astype(dtype))

    def standardize(self, y, dtype):
        """Targets of shape (n_samples, n_outputs) as a model learns them."""
        return ((y - self.mean) / self.deviation).astype(dtype, order="C")

    def restore(self, outputs):
        """Outputs of a model, of shape (n_samples, n_outputs), in the units of the targets."""
        y = outputs * self.deviation.astype(outputs.dtype)
        y += self.mean.astype(outputs.dtype)
        return y
