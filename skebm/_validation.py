"""Checks of constructor parameters, and the promise that a failure changes nothing."""

import sys
import warnings
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real

import numpy as np
import scipy.sparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from ._dask import is_dask
from ._source import for_each_chunk
from ._streams import is_stream

# What ``validate_data`` keeps: the types of data that are computed with as they are.
FLOATS = (np.float64, np.float32)

# Values of data of which several threads are worth waking to find one that is not finite.
_LARGE = 2**20

# Modules that stand between a caller and our code; scikit-learn wraps methods.
_OURS = ("skebm.", "sklearn.")


class InvalidParameterError(ValueError, TypeError):
    """A constructor parameter has a value outside its range, or of the wrong type."""


_LARGEST_INT = 2**63 - 1


class Check:
    """What a parameter may be: ``admits(value)``, and as a string a name of what it admits.

    Attributes
    ----------
    is_per_layer : bool
        Whether a parameter can have one value for each layer.
    """

    is_per_layer = False

    def hint_for(self, value):
        """A sentence to add to the error for a value; empty if there is nothing to add."""
        return ""


class Number(Check):
    """A number in a range, such as ``Number(Real, "(0, inf)")``; brackets say what is included."""

    def __init__(self, kind, interval):
        self.kind = kind
        self.interval = interval
        low, high = interval[1:-1].split(",")
        self._low, self._high = float(low), float(high)

    def admits(self, value):
        """Whether ``value`` is such a number."""
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, self.kind):
            return False
        try:
            value = plain(value) if self.kind is Integral else float(value)
        except OverflowError:
            return False
        if self.kind is Integral and abs(value) > _LARGEST_INT:
            return False
        above = value >= self._low if self.interval[0] == "[" else value > self._low
        below = value <= self._high if self.interval[-1] == "]" else value < self._high
        return above and below

    def __str__(self):
        name = "an int" if self.kind is Integral else "a float"
        return f"{name} in the range {self.interval}"


def is_sequence(value):
    """Whether a parameter has several values: a list, a tuple, or what NumPy takes for an array."""
    return isinstance(value, (list, tuple)) or np.ndim(value) > 0


def plain(value):
    """A parameter as Python's own int, float or bool, or as a list of these.

    Numbers of NumPy's smaller types overflow where Python's do not, and kernels take neither
    fractions nor the types that are wider than float64.
    """
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    for kind, make in (((bool, np.bool_), bool), (Integral, int), (Real, float)):
        if isinstance(value, kind):
            return make(value)
    return value


class PlainParameters:
    """The parameters of an estimator as they are computed with, see :func:`plain`."""

    def __init__(self, estimator):
        self._estimator = estimator

    def __getattr__(self, name):
        return plain(getattr(self._estimator, name))


def keep_parameters(estimator, arguments):
    """Keep the arguments of its constructor, which are the ``locals()`` there, in an estimator."""
    vars(estimator).update((name, value) for name, value in arguments.items() if name != "self")


class HasPlainParameters:
    """Mixin: an estimator that reads its own parameters as plain numbers."""

    @property
    def _parameters(self):
        return PlainParameters(self)


class Schedule(Check):
    """A number in a range, or a sequence of such numbers over the epochs."""

    def __init__(self, kind, interval):
        self._number = Number(kind, interval)

    def admits(self, value):
        """Whether ``value`` is such a number or a sequence of them."""
        if is_sequence(value):
            return len(value) > 0 and all(self._number.admits(item) for item in value)
        return self._number.admits(value.item() if isinstance(value, np.ndarray) else value)

    def __str__(self):
        return f"{self._number}, or a sequence of such numbers"


class PerLayer(Check):
    """What another check admits, or a sequence of such values, one for each layer."""

    is_per_layer = True

    def __init__(self, check):
        self._check = check

    def admits(self, value):
        """Whether ``value`` is such a value or a sequence of them."""
        if is_sequence(value):
            return len(value) > 0 and all(self._check.admits(item) for item in value)
        return self._check.admits(value)

    def __str__(self):
        return f"{self._check}, or a sequence with one for each hidden layer"


class Options(Check):
    """One of a few strings."""

    def __init__(self, *values):
        self._values = values

    def admits(self, value):
        """Whether ``value`` is one of the strings."""
        return isinstance(value, str) and value in self._values

    def __str__(self):
        return "a str among {" + ", ".join(map(repr, self._values)) + "}"


class Flag(Check):
    """True or False."""

    def admits(self, value):
        """Whether ``value`` is a boolean."""
        return isinstance(value, (bool, np.bool_))

    def __str__(self):
        return "an instance of 'bool'"


class BatchSize(Check):
    """A number of rows, or "auto"."""

    def admits(self, value):
        """Whether ``value`` is "auto" or a positive int."""
        return (isinstance(value, str) and value == "auto") or Number(Integral, "[1, inf)").admits(
            value
        )

    def __str__(self):
        return "'auto' or an int in the range [1, inf)"


class Scalar(Check):
    """Any one value."""

    def admits(self, value):
        """Whether ``value`` is not an array of any kind."""
        return np.ndim(value) == 0

    def __str__(self):
        return "a number or a str"


class ClassWeights(Check):
    """What scikit-learn takes for ``class_weight``."""

    def admits(self, value):
        """Whether ``value`` is None, "balanced" or a dict of weights."""
        if isinstance(value, dict):
            return all(Number(Real, "[0, inf)").admits(weight) for weight in value.values())
        return value is None or (isinstance(value, str) and value == "balanced")

    def __str__(self):
        return "'balanced', a dict of numbers in the range [0, inf) or None"


class WithHint(Check):
    """What another check admits, and what to say of values that are meant for another parameter.

    Parameters
    ----------
    check : check
    kind : type
        Of values that are meant for another parameter.
    hint : str
        Which one that is.
    """

    def __init__(self, check, kind, hint):
        self._check = check
        self._kind = kind
        self._hint = hint
        self.is_per_layer = check.is_per_layer

    def admits(self, value):
        """Whether the other check admits the value."""
        return self._check.admits(value)

    def hint_for(self, value):
        """A sentence to add to the error for a value; empty if there is nothing to add."""
        return f" {self._hint}" if isinstance(value, self._kind) else ""

    def __str__(self):
        return str(self._check)


class Optional(Check):
    """None, or what another check admits."""

    def __init__(self, check):
        self._check = check

    def admits(self, value):
        """Whether ``value`` is None or admitted by the other check."""
        return value is None or self._check.admits(value)

    def __str__(self):
        return f"{self._check} or None"


class AnyOf(Check):
    """What at least one of several checks admits."""

    def __init__(self, *checks):
        self._checks = checks

    def admits(self, value):
        """Whether one of the checks admits ``value``."""
        return any(check.admits(value) for check in self._checks)

    def __str__(self):
        return " or ".join(map(str, self._checks))


class Instance(Check):
    """An instance of a class."""

    def __init__(self, cls):
        self._class = cls

    def admits(self, value):
        """Whether ``value`` is an instance of the class."""
        return isinstance(value, self._class)

    def __str__(self):
        return f"an instance of {self._class.__name__!r}"


class MissingValue(Check):
    """A number that marks what is missing, or NaN."""

    def admits(self, value):
        """Whether ``value`` is a finite number or NaN."""
        return Number(Real, "(-inf, inf)").admits(value) or (
            isinstance(value, Real) and bool(np.isnan(value))
        )

    def __str__(self):
        return "a finite number or NaN"


class Verbosity(Check):
    """A boolean or a count."""

    def admits(self, value):
        """Whether ``value`` is a boolean or a non-negative int."""
        return isinstance(value, (bool, np.bool_, Integral)) and value >= 0

    def __str__(self):
        return "an int in the range [0, inf) or an instance of 'bool'"


class Randomness(Check):
    """What scikit-learn takes for ``random_state``."""

    def admits(self, value):
        """Whether ``value`` is None, a seed, or NumPy's global or another RandomState."""
        if value is None or value is np.random or isinstance(value, np.random.RandomState):
            return True
        return Number(Integral, "[0, 4294967295]").admits(value)

    def __str__(self):
        return (
            "an int in the range [0, 4294967295], an instance of 'numpy.random.RandomState' or None"
        )


def check_parameters(estimator, checks):
    """Raise an error that names the first parameter whose value its check does not admit.

    Parameters
    ----------
    estimator : estimator
    checks : dict of str to check
        A check has ``admits(value)`` and, as a string, names what it admits.

    Raises
    ------
    InvalidParameterError
    """
    for name, check in checks.items():
        _check_value(estimator, name, getattr(estimator, name), check)


def check_argument(estimator, name, value, check):
    """Raise an error that names the estimator, the argument and the value if it is not admitted.

    Parameters
    ----------
    estimator : estimator or function
        Whose argument it is.
    name : str
    value : object
    check : check

    Returns
    -------
    value : object
        The argument as it is computed with, see :func:`plain`.

    Raises
    ------
    InvalidParameterError
    """
    _check_value(estimator, name, value, check)
    return plain(value)


def _check_value(owner, name, value, check):
    if not check.admits(value):
        raise InvalidParameterError(
            f"The {name!r} parameter of {_name_of(owner)} must be {check}. "
            f"Got {value!r} instead.{check.hint_for(value) or _hint_for_size(value)}"
        )


def _name_of(owner):
    """The name of a function, or that of the class of an estimator."""
    return getattr(owner, "__name__", type(owner).__name__)


def _hint_for_size(value):
    numbers = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(number, int) and abs(number) > _LARGEST_INT for number in numbers):
        return f" Integers above {_LARGEST_INT} do not fit into 64 bits."
    return ""


def check_targets_are_there(estimator, y):
    """Raise an error, in scikit-learn's words, where no targets were passed."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )


def validated(estimator, X, *arrays, **options):
    """What scikit-learn's ``validate_data`` makes of data, in the order of bytes of the machine.

    Kernels know no other, which pandas and memory maps may come in. Of a stream, a stream whose
    chunks are checked when they are read. Data of Dask are refused here: methods that can do with a
    chunk at a time are not called with all of them.
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
    checked = validate_data(estimator, X, *arrays, **options)
    return (native(checked[0]), *checked[1:]) if arrays else native(checked)


def _validated_stream(estimator, X, *arrays, **options):
    reset = options.pop("reset", True)
    of_y = {name: options.pop(name) for name in ("multi_output", "y_numeric") if name in options}
    validate_data(estimator, X.head, reset=reset, skip_check_array=True)
    checked = X.map_named(partial(_checked_chunk, options, type(estimator).__name__))
    # One type for all chunks: that which the first one has come to.
    options = options | {"dtype": checked.dtype}
    checked = X.map_named(partial(_checked_chunk, options, type(estimator).__name__))
    if not arrays:
        return checked
    targets = [
        validate_data(estimator, X="no_validation", y=y, reset=False, **of_y) for y in arrays
    ]
    check_consistent_length(checked, *targets)
    return (checked, *targets)


def _checked_chunk(options, estimator, X, where):
    """A chunk of a stream, checked as an array is; errors begin with the name of the chunk."""
    if _is_as_wanted(X, options):
        return X
    with where.in_messages():
        return native(check_array(X, estimator=estimator, input_name="X", **options))


def _is_as_wanted(X, options):
    """Whether there is nothing for scikit-learn to do: for each chunk, it would take long to see.

    What is not sure is left to it.
    """
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype != options.get("dtype"):
        return False
    if X.dtype not in FLOATS or not X.flags.c_contiguous:
        return False
    with np.errstate(all="ignore"):
        return bool(np.isfinite(X.sum()))


def validated_with_gaps(estimator, X, missing_values, **options):
    """The same of data some of which are missing, with NaN in their place.

    Parameters
    ----------
    estimator : estimator
    X : array-like or sparse matrix
    missing_values : float
        What marks them in ``X``.
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
    """A copy of validated data with NaN in the place of another mark."""
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
    """Whether a large array needs no look by scikit-learn, which looks with one thread alone."""
    if type(X) is not np.ndarray or X.ndim != 2 or X.size < _LARGE:
        return False
    if X.dtype not in (dtypes if isinstance(dtypes, (list, tuple)) else [dtypes]):
        return False  # what is finite may not be so as another type
    sums = []

    def add_up(part):
        with np.errstate(all="ignore"):
            sums.append(X[part].sum())

    for_each_chunk(add_up, len(X))
    return bool(np.isfinite(sums).all())


def native(X):
    """An array or a sparse matrix in the order of bytes of the machine."""
    return X.astype(X.dtype.newbyteorder("="), copy=False)


def row_weights(sample_weight, X):
    """How much each row of ``X`` counts, checked: an array of its own, with the dtype of ``X``.

    Raises
    ------
    ValueError
        In scikit-learn's words.
    """
    if sample_weight is None or np.isscalar(sample_weight):
        sample_weight = np.full(X.shape[0], 1.0 if sample_weight is None else sample_weight)
    weights = check_array(sample_weight, ensure_2d=False, dtype=X.dtype, input_name="sample_weight")
    # Of a pandas series, scikit-learn's copy may be one that cannot be written to.
    weights = np.array(weights)
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    if weights.shape != (X.shape[0],):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(X.shape[0],)}!")
    if weights.min() < 0:
        raise ValueError("Negative values in data passed to `sample_weight`")
    return weights


def check_mask(name, mask, shape):
    """An array of bool for data of ``shape`` (n_rows, n_columns): of all rows, or of each.

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
    """Whether some of the parameters are no finite numbers, or too large to learn on.

    That is where a change by 1 would be lost in rounding.
    """
    return not all((np.abs(a) < 1 / np.finfo(a.dtype).eps).all() for a in arrays)


def divergence(estimator, rate, value):
    """The error of training whose weights have diverged.

    Parameters
    ----------
    estimator, rate : str
        Names of the estimator that the user called, and of its learning rate.
    value : object
        What that is.
    """
    return ValueError(
        f"The weights of {estimator} are no longer finite, or have become too large to compute "
        f"with. Lower the {rate!r} parameter, {value!r}, or scale the data."
    )


def warn_caller(message, category=UserWarning):
    """Warn about the line that called into skebm, however many frames of ours are in between."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def warn_of_range(name, rows):
    """Warn if some of the rows have values that are no probabilities.

    Parameters
    ----------
    name : str
        Of the estimator that the user called.
    rows : Source
    """
    if not are_probabilities(rows):
        low, high = rows.range()
        warn_caller(
            f"{name} is meant for values between 0 and 1, but the data range from {low:.6g} to "
            f"{high:.6g}. Scale them, for example by sklearn.preprocessing.MinMaxScaler."
        )


def are_probabilities(rows):
    """Whether all values are in [0, 1], which a scaler may leave by a rounding error."""
    low, high = rows.range()
    slack = 8 * np.finfo(rows.dtype).eps
    return low >= -slack and high <= 1 + slack


def warn_of_grey(name, rows):
    """Warn if some of the rows have values besides 0 and 1, and so no probability.

    Parameters
    ----------
    name : str
        Of what asks for the probability.
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
    """Undo what happens to the attributes of ``estimator`` if the block is left by an exception.

    Yields a function to call when a whole piece of work is done: the state of that moment is
    then what the estimator goes back to. An interrupt counts as an exception.
    """
    saved = dict(vars(estimator))

    def commit():
        nonlocal saved
        saved = dict(vars(estimator))

    try:
        yield commit
    except BaseException:
        # One step: an interrupt may come between any two.
        estimator.__dict__ = saved
        raise
