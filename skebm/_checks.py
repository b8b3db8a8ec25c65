"""Parameters of estimators: how they are kept, read as plain numbers, and checked."""

from numbers import Integral, Real

import numpy as np

_LARGEST_INT = 2**63 - 1


class InvalidParameterError(ValueError, TypeError):
    """A constructor parameter has a value outside its range, or of the wrong type."""


class Check:
    """Test of a parameter: ``admits(value)`` tests a value, and ``str`` describes valid ones.

    Attributes
    ----------
    is_per_layer : bool
        Whether a parameter can have one value per layer.
    """

    is_per_layer = False

    def hint_for(self, value):
        """A sentence to add to the error for a value; empty if there is nothing to add."""
        return ""


class Number(Check):
    """A number in an interval, such as ``Number(Real, "(0, inf)")``; "[" and "]" are inclusive."""

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
    """Whether a parameter has several values: a list, a tuple, or an array-like for NumPy."""
    return isinstance(value, (list, tuple)) or np.ndim(value) > 0


def plain(value):
    """A parameter as a Python int, float or bool, or as a list of these.

    Numbers of NumPy's smaller dtypes overflow where Python's do not, and kernels accept neither
    Fraction nor dtypes wider than float64.
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
    """The parameters of an estimator as plain numbers, see :func:`plain`."""

    def __init__(self, estimator):
        self._estimator = estimator

    def __getattr__(self, name):
        return plain(getattr(self._estimator, name))


def keep_parameters(estimator, arguments):
    """Store the arguments of a constructor, its ``locals()``, as attributes of the estimator."""
    vars(estimator).update((name, value) for name, value in arguments.items() if name != "self")


class HasPlainParameters:
    """Mixin: an estimator that reads its own parameters as plain numbers."""

    @property
    def _parameters(self):
        return PlainParameters(self)


class Schedule(Check):
    """A number in an interval, or a sequence of such numbers over the epochs."""

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
    """A value that another check admits, or a sequence of such values, one per layer."""

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
    """Values that scikit-learn accepts for ``class_weight``."""

    def admits(self, value):
        """Whether ``value`` is None, "balanced" or a dict of weights."""
        if isinstance(value, dict):
            return all(Number(Real, "[0, inf)").admits(weight) for weight in value.values())
        return value is None or (isinstance(value, str) and value == "balanced")

    def __str__(self):
        return "'balanced', a dict of numbers in the range [0, inf) or None"


class WithHint(Check):
    """Another check, with a hint in the error for values that belong to another parameter.

    Parameters
    ----------
    check : check
    kind : type
        Type of the values that belong to another parameter.
    hint : str
        Sentence that names the other parameter.
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
    """None, or a value that another check admits."""

    def __init__(self, check):
        self._check = check

    def admits(self, value):
        """Whether ``value`` is None or admitted by the other check."""
        return value is None or self._check.admits(value)

    def __str__(self):
        return f"{self._check} or None"


class AnyOf(Check):
    """A value that at least one of several checks admits."""

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
    """A number or NaN that marks missing values."""

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
    """Values that scikit-learn accepts for ``random_state``."""

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
        See :class:`Check`.

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
        The owner of the argument.
    name : str
    value : object
    check : check

    Returns
    -------
    value : object
        The argument as a plain value, see :func:`plain`.

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
    """The name of a function, or of the class of an estimator."""
    return getattr(owner, "__name__", type(owner).__name__)


def _hint_for_size(value):
    numbers = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(number, int) and abs(number) > _LARGEST_INT for number in numbers):
        return f" Integers above {_LARGEST_INT} do not fit into 64 bits."
    return ""
