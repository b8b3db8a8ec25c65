"""Encodings of states: -1 and 1, 0 and 1, or numbers that are compared to a threshold."""

import operator
from typing import NamedTuple

import numpy as np

from ._reduction import tree_sum
from ._streams import is_stream
from .kernels.spins import count_values

SPIN = "spin"
BINARY = "binary"
THRESHOLD = "threshold"

_MEANING = {SPIN: "-1 and 1", BINARY: "0 and 1"}


class Values(NamedTuple):
    """Counts of -1, 0, 1 and NaN among some values, and the number of values."""

    n_minus: int
    n_zero: int
    n_one: int
    n_nan: int
    n_all: int

    @classmethod
    def of(cls, X, missing=None):
        """The counts for an array, without the entries that ``missing`` marks."""
        if missing is not None:
            X = X[~missing][None]
        if X.dtype.kind == "f" and X.dtype not in (np.float32, np.float64):
            X = X.astype(np.float64)
        X = X.astype(X.dtype.newbyteorder("="), copy=False)
        return cls(*count_values(np.ascontiguousarray(X)), X.size)

    def joined(self, other):
        """The counts for these and other values together."""
        return Values(*map(operator.add, self, other))

    @property
    def encoding(self):
        """The encoding of the values, see :func:`encoding_of`."""
        n_values = self.n_all - self.n_nan
        if self.n_one == n_values:
            return None
        if self.n_one + self.n_zero == n_values:
            return BINARY
        return SPIN if self.n_one + self.n_minus == n_values else THRESHOLD


def encoding_of(X, missing=None):
    """Encoding of ``X``: "spin", "binary", "threshold", or None if all values are 1.

    Entries that ``missing`` marks, and NaN, are ignored. ``X`` may be a stream.
    """
    if X.dtype == bool:
        return BINARY
    values = X.each(Values.of) if is_stream(X) else [Values.of(X, missing)]
    return tree_sum(values, Values.joined).encoding


def joint_encoding(fitted, found, name, X, binarize):
    """Encoding of data for an estimator that was fitted with the encoding ``fitted``.

    Raises
    ------
    ValueError
        If the data have another encoding, or are not binary and ``binarize`` is None.
    """
    if found == THRESHOLD and binarize is None:
        raise ValueError(
            f"{name} with binarize=None takes rows of -1 and 1 or of 0 and 1. "
            f"Got other values, such as {_other_value(X)}. Set binarize to a threshold."
        )
    if fitted is None or fitted == THRESHOLD:
        return fitted or found
    if found not in (None, fitted):
        got = _MEANING.get(found, f"other values, such as {_other_value(X)}")
        raise ValueError(
            f"This {name} was fitted on rows of {_MEANING[fitted]}. Got {got}. Pass data with the "
            "same two values, or call fit."
        )
    return fitted


def _other_value(X):
    for part in X if is_stream(X) else [X]:
        others = part[~np.isin(part, (-1, 0, 1)) & (part == part)]
        if len(others):
            return others[0].item()
    return "-1 beside 0"


def to_spins(X, encoding, threshold, dtype):
    """States of -1 and 1. Missing entries become -1."""
    # In the other encodings zero separates the two values as well.
    with np.errstate(over="ignore"):  # a threshold outside the range of the dtype is infinite
        on = np.greater(X, threshold if encoding == THRESHOLD else 0)
    # In the memory of the boolean array: with many rows, a copy costs more than the arithmetic.
    spins = on.view(np.int8)
    spins *= 2
    spins -= 1
    return spins.astype(dtype, order="C", copy=False)


def from_spins(spins, encoding, dtype):
    """States in the encoding of the data, with dtype ``dtype``."""
    if encoding == SPIN:
        return spins.astype(dtype, copy=False)
    return (spins > 0).astype(dtype)
