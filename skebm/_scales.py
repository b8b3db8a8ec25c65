"""Means and scales for standardisation, and checks that numbers are in a usable range."""

import numpy as np

# A column whose deviation is at most this share of its mean is constant up to rounding. For float32
# it is a unit in the last place; for float64 more, because models keep sums of means divided by
# deviations, which lose as many digits.
_NOISE = {np.dtype(np.float32): 2.0**-23, np.dtype(np.float64): 2.0**-46}

# Ranges of deviations by which data can be divided, and models multiplied, without loss of
# precision; and the same for their squares.
_SCALES = {np.dtype(np.float32): (1e-33, 1e35), np.dtype(np.float64): (1e-150, 1e150)}
_SCALES_TO_SQUARE = {np.dtype(np.float32): (1e-15, 1e15), np.dtype(np.float64): (1e-150, 1e150)}


def mean_and_deviation(rows, name):
    """Mean and standard deviation of each column; deviations that are only rounding noise are 0.

    Parameters
    ----------
    rows : Source
    name : str
        Name of the estimator that the user called.

    Returns
    -------
    mean, deviation : ndarray of float64, of shape (n_columns,)
        The mean of a constant column is exactly its value.

    Raises
    ------
    ValueError
        If the numbers are too large, or too small, to be scaled.
    """
    mean, variance = _moments(rows)
    deviation = np.sqrt(variance)
    check_scales(name, "features", deviation, rows.dtype)
    return mean, deviation


def mean_and_scale(rows, name):
    """The same with 1 in place of deviations of 0, so that columns can be divided by them."""
    mean, deviation = mean_and_deviation(rows, name)
    return mean, np.where(deviation > 0, deviation, 1)


def mean_and_common_scale(rows, name):
    """Mean of each column, and for all columns the root of their mean variance.

    The scale is 1 if all columns are constant up to rounding. See :func:`mean_and_deviation`.

    Returns
    -------
    mean, scale : ndarray of float64, of shape (n_columns,)
    """
    mean, variance = _moments(rows)
    scale = np.sqrt(variance.mean()) if variance.any() else 1.0
    check_scales(name, "features", np.atleast_1d(scale), rows.dtype, to_square=True)
    return mean, np.full_like(mean, scale)


def _moments(rows):
    """Mean and variance of each column; the variance is exactly 0 if it is only rounding noise."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, variance = rows.moments()
        is_constant = deviation_but_for_noise(mean, variance, rows.dtype) == 0
    return np.where(is_constant, rows.first(), mean), np.where(is_constant, 0, variance)


def deviation_but_for_noise(mean, variance, dtype):
    """Standard deviations of numbers of a dtype; 0 where they are only rounding noise."""
    deviation = np.sqrt(variance)
    return np.where(deviation <= _NOISE[dtype] * np.abs(mean), 0, deviation)


def check_scales(name, what, sizes, dtype, to_square=False):
    """Raise an error if numbers are too large, or too small, to be scaled.

    Parameters
    ----------
    name : str
        Name of the estimator that the user called.
    what : str
        Name of the numbers, such as "features".
    sizes : ndarray
        Standard deviations or similar; 0 means that there is no scale, and is valid.
    dtype : dtype
        The dtype of the computation.
    to_square : bool, default=False
        Whether squares of the sizes are also computed.
    """
    low, high = (_SCALES_TO_SQUARE if to_square else _SCALES)[np.dtype(dtype)]
    # In this form NaN, the difference of two infinities, counts as outside.
    outside = ~((sizes == 0) | ((sizes >= low) & (sizes <= high)))
    if outside.any():
        which = "small" if sizes[outside][0] < low else "large"
        raise ValueError(
            f"{name} cannot compute with {what} whose size or standard deviation is too {which} "
            f"for {dtype}: below {low:g} or above {high:g}. Got {sizes[outside][0]:.3g}, in "
            f"{np.count_nonzero(outside)} of {len(sizes)}. Divide them by a constant of their own "
            "size first."
        )
