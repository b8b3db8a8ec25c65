"""Checks of data, warnings, and restoring an estimator after an error."""

import sys
import warnings
from contextlib import contextmanager
from functools import partial
from numbers import Real

import numpy as np
import scipy.sparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from ._dask import is_dask
from ._source import for_each_chunk
from ._streams import is_stream

# Dtypes that ``validate_data`` keeps: computations use them without conversion.
FLOATS = (np.float64, np.float32)

# Number of values from which the check for finite values uses several threads.
_LARGE = 2**20

# Modules whose frames are skipped to find the caller; scikit-learn wraps methods.
_OURS = ("skebm.", "sklearn.")


def is_nothing(value):
    """Whether a value of a table is None, NaN, or pandas' NA or NaT."""
    is_nan = isinstance(value, Real) and value != value
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def check_targets_are_there(estimator, y):
    """Raise an error with scikit-learn's message if no targets were passed."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )


def validated(estimator, X, *arrays, **options):
    """Data validated by scikit-learn's ``validate_data``, in native byte order.

    Kernels need native byte order, but pandas and memory maps may have another one. For a stream,
    the result is a stream whose chunks are checked when they are read. Data of Dask raise an error
    here, because methods that can process one chunk at a time are called with chunks.
    """
    if is_stream(X):
        return _validated_stream(estimator, X, *arrays, **options)
    if is_dask(X):
        raise TypeError(
            f"This method of {type(estimator).__name__} needs all rows in memory, but X is a "
            f"{type(X).__name__} of Dask. Pass X.compute() if they fit into memory."
        )
    if _are_surely_finite(X, options.get("dtype")):
        options["ensure_all_finite"] = False
    with _with_remedy(_remedy_for_gaps(estimator)):
        checked = validate_data(estimator, X, *arrays, **options)
    return (native(checked[0]), *checked[1:]) if arrays else native(checked)


def _remedy_for_gaps(estimator):
    """What to do about missing values; None for estimators that can be told what marks them."""
    if hasattr(estimator, "missing_values"):
        return None
    return (
        f"{type(estimator).__name__} does not accept missing values here. Fill them in first, for "
        "example by skebm.RBMImputer in a pipeline; or let a BernoulliRBM or GaussianRBM, which "
        "accept them, be the step before it."
    )


@contextmanager
def _with_remedy(remedy):
    """Context manager that gives the remedy in scikit-learn's error for missing values.

    scikit-learn's message recommends other estimators, which are no alternative to ours.
    """
    try:
        yield
    except ValueError as error:
        first, *_ = str(error).splitlines() or [""]
        if remedy is None or first != "Input X contains NaN.":
            raise
        raise ValueError(f"{first}\n{remedy}") from error


def _validated_stream(estimator, X, *arrays, **options):
    reset = options.pop("reset", True)
    of_y = {name: options.pop(name) for name in ("multi_output", "y_numeric") if name in options}
    validate_data(estimator, X.head, reset=reset, skip_check_array=True)
    how = type(estimator).__name__, _remedy_for_gaps(estimator)
    checked = X.map_named(partial(_checked_chunk, options, *how))
    # One dtype for all chunks: that of the first one after the checks.
    options = options | {"dtype": checked.dtype}
    checked = X.map_named(partial(_checked_chunk, options, *how))
    if not arrays:
        return checked
    targets = [
        validate_data(estimator, X="no_validation", y=y, reset=False, **of_y) for y in arrays
    ]
    check_consistent_length(checked, *targets)
    return (checked, *targets)


def _checked_chunk(options, estimator, remedy, X, where):
    """A chunk of a stream, validated like an array; errors begin with the name of the chunk."""
    if _is_as_wanted(X, options):
        return X
    with where.in_messages(), _with_remedy(remedy):
        return native(check_array(X, estimator=estimator, input_name="X", **options))


def _is_as_wanted(X, options):
    """Whether a chunk needs no check by scikit-learn, which is slow for many chunks.

    If this is not certain, the result is False.
    """
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype != options.get("dtype"):
        return False
    if X.dtype not in FLOATS or not X.flags.c_contiguous:
        return False
    with np.errstate(all="ignore"):
        return bool(np.isfinite(X.sum()))


def validated_with_gaps(estimator, X, missing_values, **options):
    """The same for data with missing values, which are replaced by NaN.

    Parameters
    ----------
    estimator : estimator
    X : array-like or sparse matrix
    missing_values : float
        Marks missing values in ``X``.
    **options
        As for :func:`validated`.
    """
    if np.isnan(missing_values):
        return validated(estimator, X, ensure_all_finite="allow-nan", **options)
    X = validated(estimator, X, **options)
    if is_stream(X):
        return X.map(partial(_with_nan, estimator, missing_values))
    return _with_nan(estimator, missing_values, X)


def _with_nan(estimator, missing_values, X):
    """A copy of validated data with NaN in place of another mark of missing values."""
    is_sparse = scipy.sparse.issparse(X)
    if is_sparse and missing_values == 0:
        raise ValueError(
            f"The 'missing_values' parameter of {type(estimator).__name__} is 0, which sparse data "
            "do not store. Pass a dense array, or mark missing values by NaN."
        )
    X = X.copy()
    values = X.data if is_sparse else X
    values[values == missing_values] = np.nan
    return X


def _are_surely_finite(X, dtypes):
    """Whether a large array is known to be finite, without scikit-learn's check on one thread."""
    if type(X) is not np.ndarray or X.ndim != 2 or X.size < _LARGE:
        return False
    if X.dtype not in (dtypes if isinstance(dtypes, (list, tuple)) else [dtypes]):
        return False  # a finite value may overflow in another dtype
    sums = []

    def add_up(part):
        with np.errstate(all="ignore"):
            sums.append(X[part].sum())

    for_each_chunk(add_up, len(X))
    return bool(np.isfinite(sums).all())


def native(X):
    """An array or a sparse matrix in native byte order."""
    return X.astype(X.dtype.newbyteorder("="), copy=False)


def row_weights(sample_weight, X):
    """Validated weights of the rows of ``X``, as a new array with the dtype of ``X``.

    Raises
    ------
    ValueError
        If the weights are not valid, with scikit-learn's message.
    """
    if sample_weight is None or np.isscalar(sample_weight):
        sample_weight = np.full(X.shape[0], 1.0 if sample_weight is None else sample_weight)
    weights = check_array(sample_weight, ensure_2d=False, dtype=X.dtype, input_name="sample_weight")
    # For a pandas Series, the array that scikit-learn returns may be read-only.
    weights = np.array(weights)
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    if weights.shape != (X.shape[0],):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(X.shape[0],)}!")
    if weights.min() < 0:
        raise ValueError("Negative values in data passed to `sample_weight`")
    return weights


def check_mask(name, mask, shape):
    """A mask for data of ``shape`` (n_rows, n_columns): one for all rows, or one per row.

    Returns
    -------
    ndarray of bool, of shape (n_rows, n_columns) or, if it is the same in all rows, (1, n_columns)

    Raises
    ------
    ValueError
    """
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape not in (shape, shape[1:]):
        raise ValueError(
            f"{name} must be an array of bool of shape {shape[1:]} or {shape}. "
            f"Got an array of {mask.dtype} of shape {mask.shape} instead."
        )
    return np.atleast_2d(mask)


def have_diverged(*arrays):
    """Whether some of the parameters are not finite, or too large for further training.

    Too large means that a change by 1 would be lost in rounding.
    """
    return not all((np.abs(a) < 1 / np.finfo(a.dtype).eps).all() for a in arrays)


def divergence(estimator, rate, value):
    """The error for training whose weights have diverged.

    Parameters
    ----------
    estimator, rate : str
        Names of the estimator that the user called, and of its learning rate.
    value : object
        Its value.
    """
    return ValueError(
        f"The weights of {estimator} are no longer finite, or have become too large to compute "
        f"with. Lower the {rate!r} parameter, {value!r}, or scale the data."
    )


def warn_caller(message, category=UserWarning):
    """Warn at the line that called skebm, however many frames of skebm are in between."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def warn_of_range(name, rows):
    """Warn if some of the rows have values that are not probabilities.

    Parameters
    ----------
    name : str
        Name of the estimator that the user called.
    rows : Source
    """
    if not are_probabilities(rows):
        low, high = rows.range()
        warn_caller(
            f"{name} is meant for values between 0 and 1, but the data range from {low:.6g} to "
            f"{high:.6g}. Scale them, for example by sklearn.preprocessing.MinMaxScaler."
        )


def are_probabilities(rows):
    """Whether all values are in [0, 1], up to a rounding error of a scaler."""
    low, high = rows.range()
    slack = 8 * np.finfo(rows.dtype).eps
    return low >= -slack and high <= 1 + slack


def warn_of_grey(name, rows):
    """Warn if some of the rows have values other than 0 and 1, and therefore no probability.

    Parameters
    ----------
    name : str
        Name of the method that computes the probability.
    rows : Source
    """
    if not rows.is_binary():
        warn_caller(
            f"{name} is the probability of rows of 0 and 1, but the data have other values. For "
            "these the result is not a probability: it may be above 1. Binarize the data first, "
            "for example by (X > 0.5), or use score_samples of an RBM, which accepts values "
            "between 0 and 1."
        )


@contextmanager
def all_or_nothing(estimator):
    """Restore the attributes of ``estimator`` if the block raises an exception.

    Yields a function that is called when a part of the work is complete: from then on, the state at
    that moment is restored. An interrupt counts as an exception.
    """
    saved = dict(vars(estimator))

    def commit():
        nonlocal saved
        saved = dict(vars(estimator))

    try:
        yield commit
    except BaseException:
        # In one step, because an interrupt may come between any two.
        estimator.__dict__ = saved
        raise
