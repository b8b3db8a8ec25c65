"""What the data of a Boltzmann machine are, how they are read, and how they are given back.

An estimator has one of these parts from its first training on. It is all that knows whether users
have numbers or tables: machines, models and training see rows of numbers, one for each visible
unit. A part reads the parameters of the estimator that asks, by their names, and is not changed.
"""

from typing import ClassVar

import numpy as np

from .._source import as_rows, rows_with_gaps
from .._validation import (
    FLOATS,
    AnyOf,
    Instance,
    Options,
    PlainParameters,
    Scalar,
    validated,
    validated_with_gaps,
)
from .table import TableEncoder, checked_table, dtype_of

# What the parameters may be by which tables are read.
CHECKS_OF_TABLES = {
    "categories": AnyOf(Options("auto", "declared"), Instance(dict)),
    "handle_unknown": Options("error", "missing"),
    "missing_values": Scalar(),
}


class Numbers:
    """Arrays or sparse matrices of numbers, one for each visible unit.

    Attributes
    ----------
    are_tables : bool
        Whether the data may be DataFrames and texts, and are never sparse.
    admit_gaps : bool
        Whether values may be missing.
    """

    are_tables: ClassVar = False
    admit_gaps: ClassVar = True

    @classmethod
    def of(cls, estimator, X):
        """What the data of a first training are."""
        return cls()

    def fitted_attributes(self):
        """What an estimator publishes of the data, by name."""
        return {}

    def rows(self, estimator, X, dtype=FLOATS, order=None, reset=False):
        """The data, validated, as rows, some values of which may not be known.

        Parameters
        ----------
        estimator : estimator
            Whose parameters say what marks a missing value, and whose messages these are.
        X : object
            What a user passed.
        dtype : dtype or list of dtypes, optional
            That of the rows, or those that may stay as they are.
        order : {"C"} or None
            Of an array in memory. None: any.
        reset : bool
            Whether to remember the number and the names of the features, or to check them.

        Returns
        -------
        Rows
        """
        options = {"accept_sparse": "csr", "dtype": dtype, "order": order, "reset": reset}
        if not self.admit_gaps:
            return as_rows(validated(estimator, X, **options))
        missing_values = PlainParameters(estimator).missing_values
        return rows_with_gaps(validated_with_gaps(estimator, X, missing_values, **options))

    def with_gaps(self, estimator, X):
        """What a user passed, validated, and the numbers that it stands for, NaN for gaps."""
        missing_values = PlainParameters(estimator).missing_values
        options = {"dtype": FLOATS, "order": "C", "reset": False}
        X = validated_with_gaps(estimator, X, missing_values, **options)
        return X, X

    def whole(self, estimator, X):
        """The data, validated, as an array of numbers, none of which may be missing."""
        return validated(estimator, X, dtype=FLOATS, order="C", reset=False)

    def given_back(self, numbers, like=None):
        """Data as users have them, from an array of numbers.

        ``like`` are validated data whose known values are to stay what they are.
        """
        return numbers

    def of_units(self, mask):
        """For each visible unit what an array of bool (..., n_features) says of its feature."""
        return mask

    def names_of(self, units):
        """What users call the features that some visible units, by their numbers, stand for."""
        return units.tolist()


class WholeNumbers(Numbers):
    """Numbers none of which may be missing."""

    admit_gaps: ClassVar = False


class Table:
    """Tables whose columns become visible units. Methods: see :class:`Numbers`.

    Parameters
    ----------
    encoder : TableEncoder
    """

    are_tables: ClassVar = True
    admit_gaps: ClassVar = True

    def __init__(self, encoder):
        self.encoder = encoder

    @classmethod
    def of(cls, estimator, X):
        """What the data of a first training are, by ``categories`` and ``missing_values``."""
        X = checked_table(estimator, X, reset=True)
        how = estimator.categories, type(estimator).__name__, estimator.missing_values
        return cls(TableEncoder(X, *how))

    def fitted_attributes(self):
        """What an estimator publishes of the data, by name."""
        return {
            "encoder_": self.encoder,
            "categories_": [column.categories for column in self.encoder.columns],
            "unit_names_": self.encoder.unit_names,
        }

    def rows(self, estimator, X, dtype=FLOATS, order=None, reset=False):
        """Rows of numbers, of one of several types by the columns of the table."""
        X = checked_table(estimator, X, reset)
        if isinstance(dtype, (list, tuple)):
            dtype = self.encoder.dtype if reset else dtype_of(X)
        return rows_with_gaps(self._encoded(estimator, X, dtype))

    def with_gaps(self, estimator, X):
        """What a user passed, validated, and the numbers that it stands for, NaN for gaps."""
        X = checked_table(estimator, X, reset=False)
        return X, self._encoded(estimator, X, dtype_of(X))

    def whole(self, estimator, X):
        """The data, validated, as an array of numbers, none of which may be missing."""
        _, numbers = self.with_gaps(estimator, X)
        if np.isnan(numbers).any():
            raise ValueError("init has missing entries. Fill them in first, by impute.")
        return numbers

    def given_back(self, numbers, like=None):
        """A table of the kind that the first training has seen, from an array of numbers."""
        return self.encoder.decode(numbers, like=like)

    def of_units(self, mask):
        """For each visible unit what an array of bool (..., n_columns) says of its column."""
        return self.encoder.of_units(mask)

    def names_of(self, units):
        """Names of the columns that some visible units, by their numbers, stand for."""
        pairs = zip(self.encoder.columns, self.encoder.places, strict=True)
        return [column.name for column, place in pairs if place.start in units]

    def _encoded(self, estimator, X, dtype):
        return self.encoder.encode(X, dtype, estimator.handle_unknown)
