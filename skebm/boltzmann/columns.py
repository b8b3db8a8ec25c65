"""Columns of tables: their values, and their kinds, which one pass over the rows finds.

Summaries of some rows can be joined with those of others. Tables that are read in chunks therefore
become the same visible units as those in memory.
"""

from collections import Counter
from collections.abc import Hashable
from datetime import date, time, timedelta
from functools import partial
from numbers import Real
from typing import NamedTuple

import numpy as np

from .._chunks import stacked
from .._streams import is_stream
from .._validation import is_nothing

# Numbers are categories if they are whole, at most this many, and each in this many rows on
# average. With few rows, a quantity could also have few different values. Of two numbers, the rarer
# one is in this many rows: a quantity that is nearly always 0 has further values in other rows.
_MOST_NUMBERS = 10
_LEAST_ROWS = 5


class Column(NamedTuple):
    """Description of a column of a table.

    Attributes
    ----------
    name : str or int
        Its name in the table, or its position.
    kind : {"binary", "choice", "real"}
    categories : list or None
        Values for the states 0 and 1 of a binary column, or for the units of a choice in their
        order. None for a real one.
    limits : tuple (low, high) or None
        Range of the dtype of whole numbers; None for other values.
    """

    name: object
    kind: str
    categories: list | None
    limits: tuple | None

    @property
    def n_units(self):
        """Number of visible units."""
        return len(self.categories) if self.kind == "choice" else 1


class Values(NamedTuple):
    """The values of a column, and a mask of the missing ones.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
    is_missing : ndarray of bool, of shape (n_rows,)
    column : series or ndarray of shape (n_rows,)
        The column of the table.
    """

    values: np.ndarray
    is_missing: np.ndarray
    column: object

    @classmethod
    def of(cls, name, column, missing_values):
        """The values of a column of a table; error messages contain its name."""
        values = np.asarray(column)
        refused = _neither_numbers_nor_categories(values)
        if refused:
            raise ValueError(
                f"Column {name!r} has values of {refused}, which are neither numbers nor "
                "categories. Convert it first, for example dates to numbers of days, and lists to "
                "several columns."
            )
        if hasattr(column, "isna"):
            is_missing = np.asarray(column.isna())
        elif values.dtype.kind == "O":
            is_missing = np.array([is_nothing(value) for value in values], dtype=bool)
        else:
            is_missing = np.zeros(len(values), dtype=bool)
        if hasattr(column, "is_null"):
            is_missing = is_missing | np.asarray(column.is_null())
        if values.dtype.kind == "f":
            is_missing = is_missing | np.isnan(values)
        if not is_nothing(missing_values):
            is_missing = is_missing | (values == missing_values)
        return cls(values, is_missing, column)

    def declared(self):
        """Categories that the dtype of the column declares, or None."""
        declared = getattr(self.column.dtype, "categories", None)
        return declared.to_numpy().tolist() if hasattr(declared, "to_numpy") else None

    def dtype_of_known(self):
        """The dtype of the known values; with missing values, whole numbers may be floats."""
        column = self.column
        if isinstance(column.dtype, np.dtype):
            return self.values.dtype
        without_gaps = column.dropna() if hasattr(column, "dropna") else column.drop_nulls()
        return np.asarray(without_gaps).dtype

    def known(self):
        """The values that are not missing."""
        return self.values[~self.is_missing]

    def plain(self):
        """The values as a list of Python objects."""
        return self.values.tolist()

    def numbers(self):
        """The values as floats, with NaN if they are missing; None if some are not numbers."""
        known, dtype = self.known(), self.values.dtype
        if not _are_numbers(dtype, _types_of(known)):
            return None
        numbers = np.full(len(self.values), np.nan, dtype if dtype.kind == "f" else np.float64)
        numbers[~self.is_missing] = known.astype(numbers.dtype)
        return numbers

    def first_no_number(self):
        """The first known value that is not a number, or None."""
        return next((v for v in self.known().tolist() if not _is_number(type(v))), None)


def _neither_numbers_nor_categories(values):
    """The dtype of an array, or the type of some of its values, if it cannot be modelled."""
    if values.dtype.kind in "mMVc":
        return f"the dtype {values.dtype}"
    for kind in set(map(type, values)) if values.dtype.kind == "O" else ():
        is_time = issubclass(kind, (date, time, timedelta)) and kind.__name__ != "NaTType"
        if is_time or kind.__name__ == "Period" or not issubclass(kind, Hashable):
            return f"the type {kind.__name__}"
    return None


def _types_of(known):
    """The types of the values of an array as Python objects."""
    if known.dtype.kind == "O":
        return frozenset(map(type, known))
    return frozenset(type(value) for value in known[:1].tolist())


def _are_numbers(dtype, types):
    """Whether the values of an array, of these types, are numbers."""
    return dtype.kind in "fiuO" and all(map(_is_number, types))


def _is_number(t):
    return issubclass(t, Real) and not issubclass(t, (bool, np.bool_))


class ColumnSummary(NamedTuple):
    """Statistics of a column from one pass over some rows.

    Attributes
    ----------
    n_known : int
        Number of values that are not missing.
    dtype : dtype
        Their dtype.
    types : frozenset of type
        Their types as Python objects.
    distinct : Counter or None
        The distinct ones and their numbers of rows; None if they are numbers and too many to be
        categories.
    declared : list or None
        Categories that the dtype of the column declares.
    no_number : str or None
        A value that is not a number, and its place, for messages.
    """

    n_known: int
    dtype: np.dtype
    types: frozenset
    distinct: Counter | None
    declared: list | None
    no_number: str | None

    @classmethod
    def of(cls, values, place):
        """Summary of :class:`Values`; ``place`` names their place in messages."""
        known = values.known()
        types = _types_of(known)
        no_number = None
        if not _are_numbers(known.dtype, types):
            no_number = f"{values.first_no_number()!r} in {place}"
        found = values.dtype_of_known(), types, _distinct(known), values.declared(), no_number
        return cls(len(known), *found).without_many_numbers()

    def joined(self, other):
        """The summary of the column in these rows and others together."""
        distinct = declared = None
        if self.distinct is not None and other.distinct is not None:
            distinct = self.distinct + other.distinct
        if self.declared is not None and other.declared is not None:
            declared = union(self.declared, other.declared)
        return ColumnSummary(
            self.n_known + other.n_known,
            _common_dtype(self.dtype, other.dtype),
            self.types | other.types,
            distinct,
            declared,
            self.no_number or other.no_number,
        ).without_many_numbers()

    def without_many_numbers(self):
        """The same, without distinct values if these are numbers and too many to be categories."""
        are_few = self.distinct is None or len(self.distinct) <= _MOST_NUMBERS
        return self if are_few or not self.are_numbers else self._replace(distinct=None)

    @property
    def are_numbers(self):
        """Whether all known values are numbers."""
        return _are_numbers(self.dtype, self.types)

    def described(self, name, given):
        """The :class:`Column`, from the values or as the user declares it.

        Parameters
        ----------
        name : str or int
            Name of the column in the table.
        given : "auto", "declared", list of categories or None
            See the parameter ``categories`` of :class:`~skebm.boltzmann.mixed.MixedRBM`.
        """
        limits = None
        if self.dtype.kind in "iu":
            limits = np.iinfo(self.dtype).min, np.iinfo(self.dtype).max
        elif self.dtype.kind == "O" and not any(issubclass(t, float) for t in self.types):
            limits = -np.inf, np.inf
        if isinstance(given, str):
            given = self._categories(name, few_numbers=given == "auto")
        if given is None:
            return Column(name, "real", None, limits)
        categories = given.tolist() if hasattr(given, "tolist") else list(given)
        if not categories:
            raise ValueError(
                f"Column {name!r} has no known value, and so no categories. Leave it out, or list "
                "its categories in the parameter 'categories'."
            )
        return Column(name, "binary" if len(categories) == 2 else "choice", categories, limits)

    def _categories(self, name, few_numbers):
        """Categories of a column that the user does not declare, or None for a column of numbers.

        Columns with few whole numbers have categories if ``few_numbers``.
        """
        if self.declared is not None:
            return self.declared
        if self.dtype.kind == "b" or self.types == {bool}:
            return [False, True]
        if not self.are_numbers:
            if self.distinct is None:
                raise ValueError(
                    f"Column {name!r} is one of numbers in most chunks, and has {self.no_number}. "
                    "Say what marks a missing entry by 'missing_values', or what the column is by "
                    "'categories'."
                )
            return _in_order(self.distinct)
        if self.distinct is None:
            return None
        n_numbers = len(self.distinct)
        are_few = few_numbers and n_numbers * _LEAST_ROWS <= self.n_known
        are_whole = all(float(value).is_integer() for value in self.distinct)
        are_two = n_numbers == 2 and min(self.distinct.values()) >= _LEAST_ROWS
        if are_two or (n_numbers > 2 and are_few and are_whole):
            distinct = sorted(self.distinct)
            # Ints of some rows are floats if other rows have missing values.
            return np.array(distinct, self.dtype).tolist() if self.dtype.kind == "f" else distinct
        return None


def _distinct(known):
    """Distinct values of an array and their numbers of rows.

    None if they are numbers and too many to be categories.
    """
    if known.dtype.kind == "O":
        return Counter(known.tolist())
    distinct, n_rows = np.unique(known, return_counts=True)
    are_many = known.dtype.kind in "fiu" and len(distinct) > _MOST_NUMBERS
    return None if are_many else Counter(dict(zip(distinct.tolist(), n_rows.tolist(), strict=True)))


def union(categories, others):
    """Categories, followed by those of the others that are not among them."""
    known = set(categories)
    return [*categories, *(value for value in others if value not in known)]


def _common_dtype(a, b):
    """The common dtype of a column whose values have different dtypes in some rows."""
    if a == b:
        return a
    have_common = all(dtype.kind in "fiu" for dtype in (a, b)) or a.kind == b.kind == "U"
    return np.result_type(a, b) if have_common else np.dtype(object)


def _in_order(distinct):
    try:
        return sorted(distinct)
    except TypeError:
        return sorted(distinct, key=lambda value: (type(value).__name__, value))


class TableSummary(NamedTuple):
    """Statistics of a table from one pass over some rows; those of two sets of rows can be joined.

    Attributes
    ----------
    n_rows : int
    template : DataFrame or ndarray
        A table of the same class, columns and dtypes, without the rows.
    columns : list of ColumnSummary
    place : str
        Place of the first rows, for messages.
    """

    n_rows: int
    template: object
    columns: list
    place: str

    @classmethod
    def of(cls, X, missing_values):
        """Summary of a table, or of all chunks of a stream of tables."""
        if is_stream(X):
            summaries = X.map_named(partial(_summary_of_chunk, missing_values))
            return summaries.total(_itself, cls.joined)
        return cls.of_rows(X, missing_values, "X")

    @classmethod
    def of_rows(cls, X, missing_values, place):
        """Summary of rows in memory."""
        columns = [ColumnSummary.of(values, place) for values in read_columns(X, missing_values)]
        return cls(len(X), _template_of(X), columns, place)

    def joined(self, other):
        """The summary of these rows and others together."""
        pairs = zip(self.columns, other.columns, strict=True)
        return TableSummary(
            self.n_rows + other.n_rows,
            _joined_templates(self.template, other.template, other.place),
            [one.joined(another) for one, another in pairs],
            self.place,
        )

    @property
    def n_known(self):
        """Number of values of each column that are not missing."""
        return np.array([column.n_known for column in self.columns])


def _summary_of_chunk(missing_values, X, where):
    with where.in_messages():
        return TableSummary.of_rows(X, missing_values, where.name)


def _itself(summary):
    return summary


def _joined_templates(one, other, place):
    """The template for the rows of both; ``place`` is the place of the other ones.

    Columns have the dtypes that pandas gives them when the tables are concatenated. Declared
    categories that differ between chunks are united.
    """
    if not is_frame(one):
        return np.zeros(one.shape, np.result_type(one, other))
    shared = {}
    for name, *types in zip(names_of(one), one.dtypes, other.dtypes, strict=True):
        if types[0] != types[1] and all(hasattr(dtype, "categories") for dtype in types):
            shared[name] = _joined_categories(name, *types, place)
    return stacked([table.astype(shared) for table in (one, other)])


def _joined_categories(name, one, other, place):
    """A categorical dtype with the categories of two others."""
    categories, others = list(one.categories), list(other.categories)
    if one.ordered or other.ordered:
        raise ValueError(
            f"{place} of the stream has the ordered categories {others} in column {name!r}, but "
            f"chunks before it have {categories}. All chunks must have the same ones."
        )
    return type(one)(union(categories, others))


# Tables ----------------------------------------------------------------------


def is_frame(X):
    """Whether a table is a DataFrame, of pandas or polars or their like."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def read_columns(X, missing_values):
    """Yield the :class:`Values` of each column of a table."""
    for name, column in zip(names_of(X), columns_of(X), strict=True):
        yield Values.of(name, column, missing_values)


def names_of(X):
    """Names of the columns of a table, or their positions."""
    return list(X.columns) if is_frame(X) else list(range(X.shape[1]))


def columns_of(X):
    """The columns of a table, as series or arrays."""
    n_columns = X.shape[1]
    if hasattr(X, "iloc"):
        return [X.iloc[:, number] for number in range(n_columns)]
    return [X[:, number] for number in range(n_columns)]


def _template_of(X):
    """A table of the same class, column names and dtypes, without the rows.

    For an array it has one row, because a copy of an empty array does not keep the strides.
    """
    if not is_frame(X):
        return np.zeros((1, X.shape[1]), dtype=X.dtype)
    return X[:0].copy() if hasattr(X, "copy") else X.clear()
