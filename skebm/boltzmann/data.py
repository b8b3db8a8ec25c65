"""Data of a Boltzmann machine: how they are read, and how results are converted back.

From its first training on, an estimator has an object of one of these classes. Only this object
depends on whether data are numbers or tables: machines, models and training use rows of numbers,
one number per visible unit. It reads parameters of the estimator by name, and is never changed.
"""

from typing import ClassVar

import numpy as np

from .._checks import AnyOf, Instance, Options, PlainParameters, Scalar
from .._streamed_rows import as_rows, rows_with_gaps
from .._validation import FLOATS, validated, validated_with_gaps
from .table import TableEncoder, checked_table, dtype_of

# Valid parameters for reading tables.
TABLE_CHECKS = {
    "categories": AnyOf(Options("auto", "declared"), Instance(dict)),
    "handle_unknown": Options("error", "missing"),
    "missing_values": Scalar(),
}


class Numbers:
    """Arrays or sparse matrices of numbers, one column per visible unit.

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
        """The kind of the data of a first training."""
        return cls()

    def fitted_attributes(self):
        """Fitted attributes of the estimator for the data, by name."""
        return {}

    def rows(self, estimator, X, dtype=FLOATS, order=None, reset=False):
        """The validated data as rows, some values of which may be missing.

        Parameters
        ----------
        estimator : estimator
            Its parameter ``missing_values`` is used, and its name in messages.
        X : object
            The data that the user passed.
        dtype : dtype or list of dtypes, optional
            The dtype of the rows, or dtypes that are kept.
        order : {"C"} or None
            Memory order of an array. None: any.
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
        """The validated data, and their numbers, with NaN for missing values."""
        missing_values = PlainParameters(estimator).missing_values
        options = {"dtype": FLOATS, "order": "C", "reset": False}
        X = validated_with_gaps(estimator, X, missing_values, **options)
        return X, X

    def whole(self, estimator, X):
        """The validated data as an array of numbers, none of which may be missing."""
        return validated(estimator, X, dtype=FLOATS, order="C", reset=False)

    def given_back(self, numbers, like=None):
        """Data in the form of the user's data, from an array of numbers.

        Known values of ``like``, validated data, are kept.
        """
        return numbers

    def of_units(self, mask):
        """Expand a boolean array (..., n_features) to the visible units."""
        return mask

    def names_of(self, units):
        """Names or positions of the features of visible units, which are given by index."""
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
        """The columns of a first training, by ``categories`` and ``missing_values``."""
        X = checked_table(estimator, X, reset=True)
        how = estimator.categories, type(estimator).__name__, estimator.missing_values
        return cls(TableEncoder(X, *how))

    def fitted_attributes(self):
        """Fitted attributes of the estimator for the data, by name."""
        return {
            "encoder_": self.encoder,
            "categories_": [column.categories for column in self.encoder.columns],
            "unit_names_": self.encoder.unit_names,
        }

    def rows(self, estimator, X, dtype=FLOATS, order=None, reset=False):
        """Rows of numbers; of several dtypes, the one that fits the columns of the table."""
        X = checked_table(estimator, X, reset)
        if isinstance(dtype, (list, tuple)):
            dtype = self.encoder.dtype if reset else dtype_of(X)
        return rows_with_gaps(self._encoded(estimator, X, dtype))

    def with_gaps(self, estimator, X):
        """The validated data, and their numbers, with NaN for missing values."""
        X = checked_table(estimator, X, reset=False)
        return X, self._encoded(estimator, X, dtype_of(X))

    def whole(self, estimator, X):
        """The validated data as an array of numbers, none of which may be missing."""
        _, numbers = self.with_gaps(estimator, X)
        if np.isnan(numbers).any():
            raise ValueError("init has missing entries. Fill them in first, by impute.")
        return numbers

    def given_back(self, numbers, like=None):
        """A table of the same kind as in the first training, from an array of numbers."""
        return self.encoder.decode(numbers, like=like)

    def of_units(self, mask):
        """Expand a boolean array (..., n_columns) to the visible units."""
        return self.encoder.of_units(mask)

    def names_of(self, units):
        """Names of the columns of visible units, which are given by index."""
        pairs = zip(self.encoder.columns, self.encoder.places, strict=True)
        return [column.name for column, place in pairs if place.start in units]

    def _encoded(self, estimator, X, dtype):
        return self.encoder.encode(X, dtype, estimator.handle_unknown)
