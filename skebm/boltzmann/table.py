"""Tables whose columns are of several kinds, as rows of visible units and back.

A column is binary (one unit), a choice among categories (a group of units exactly one of which is
on) or real (one unit). Binary columns come first among the units, then choices, then real ones, so
that each kind is one stretch.
"""

from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

# Numbers are categories where they are whole, so few, and each of them so often on average: of
# twenty rows nothing says that ten numbers are not a quantity.
_MOST_NUMBERS = 10
_LEAST_ROWS = 5

KINDS = "binary", "choice", "real"


class Column(NamedTuple):
    """What a column of a table is.

    Attributes
    ----------
    name : str or int
        Its name in the table, or its position.
    kind : {"binary", "choice", "real"}
    categories : list or None
        Of a binary column, the value of the state 0 and that of 1; of a choice, in the order of its
        units. None of a real one.
    limits : tuple (low, high) or None
        Of whole numbers, what their type can hold; None for other values.
    """

    name: object
    kind: str
    categories: list | None
    limits: tuple | None

    @property
    def n_units(self):
        """Number of visible units."""
        return len(self.categories) if self.kind == "choice" else 1


class TableEncoder:
    """Rows of a table as states of visible units, and states as rows of a table.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        What columns the table has, and their categories.
    categories : "auto", "declared" or dict
        See :class:`~skebm.boltzmann.mixed.MixedRBM`.
    name : str
        Of the estimator that the user called, for messages.
    missing_values : object, default=np.nan
        What marks a missing entry, beside NaN, None and what else a DataFrame has for it.

    Attributes
    ----------
    columns : list of Column
        In the order of the table.
    places : list of slice
        Where the units of each column are.
    n_units : int
    """

    def __init__(self, X, categories, name, missing_values=np.nan):
        self._name, self._missing_values = name, missing_values
        self._template = _template_of(X)
        names = _names_of(X)
        default = categories if isinstance(categories, str) else "auto"
        given = self._given(categories, names)
        self.columns = [
            _described(name_of_column, values, given.get(number, default))
            for number, (name_of_column, values) in enumerate(
                zip(names, self._read(X), strict=True)
            )
        ]
        self.places, end = [None] * len(self.columns), 0
        for kind in KINDS:
            for number in self.of_kind(kind):
                self.places[number] = slice(end, end + self.columns[number].n_units)
                end = self.places[number].stop
        self.n_units = end

    def of_kind(self, kind):
        """Numbers of the columns of a kind."""
        return [number for number, column in enumerate(self.columns) if column.kind == kind]

    @property
    def is_real(self):
        """Which units stand for real numbers."""
        return self.of_units([column.kind == "real" for column in self.columns])

    @property
    def unit_names(self):
        """Names of the units: of the column, and with it the category that a unit stands for."""
        names = np.empty(self.n_units, dtype=object)
        for column, place in zip(self.columns, self.places, strict=True):
            stem = column.name if isinstance(column.name, str) else f"x{column.name}"
            on = {"real": [], "binary": column.categories and column.categories[1:]}
            on = on.get(column.kind, column.categories)
            names[place] = [f"{stem}_{value}" for value in on] or [stem]
        return names

    def of_units(self, mask):
        """For each unit what an array (..., n_columns) says of its column."""
        mask = np.asarray(mask)
        out = np.empty((*mask.shape[:-1], self.n_units), dtype=mask.dtype)
        for number, place in enumerate(self.places):
            out[..., place] = mask[..., [number]]
        return out

    def number_of(self, column):
        """Position of a column that is called by its name or its position."""
        names = [column.name for column in self.columns]
        if isinstance(column, str) and column in names:
            return names.index(column)
        is_int = isinstance(column, (int, np.integer)) and not isinstance(column, bool)
        if is_int and -len(names) <= column < len(names):
            return int(column) % len(names)
        raise ValueError(f"{self._name} has no column {column!r}; its columns are {names}.")

    def encode(self, X, dtype, unknown="error"):
        """States of the visible units, NaN for missing entries.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_features)
        dtype : dtype
        unknown : {"error", "missing"}
            What becomes of a category that the encoder does not know.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
        """
        out = np.empty((len(X), self.n_units), dtype=dtype)
        for column, place, values in zip(self.columns, self.places, self._read(X), strict=True):
            if column.kind == "real":
                out[:, place.start] = self._numbers(column, values)
                continue
            codes = self._codes(column, values, unknown)
            if column.kind == "choice":
                out[:, place] = codes[:, None] == np.arange(column.n_units)
            else:
                out[:, place.start] = codes
            out[codes < 0, place] = np.nan
        return out

    def known(self, X):
        """Which entries of a table are there and no unknown categories, an array of bool."""
        pairs = zip(self.columns, self._read(X), strict=True)
        return np.column_stack(
            [
                ~values.is_missing
                if column.kind == "real"
                else self._codes(column, values, "missing") >= 0
                for column, values in pairs
            ]
        )

    def decode(self, states, like=None):
        """A table of the kind that the encoder has seen, from visible states or their means.

        Of the categories of a choice it has the one with the largest value.

        Parameters
        ----------
        states : ndarray of shape (n_samples, n_units)
        like : DataFrame or ndarray of shape (n_samples, n_features), default=None
            The table that some of the states are from. What is known of it stays as it is, and so
            does the index of its rows.
        """
        columns = [
            _values_of(column, states[:, place])
            for column, place in zip(self.columns, self.places, strict=True)
        ]
        if like is not None:
            pairs = zip(columns, self._read(like), self.known(like).T, strict=True)
            for column, values, is_known in pairs:
                column[is_known] = values.values[is_known]
        return _table(self._template if like is None else like, columns)

    def _read(self, X):
        return _read(X, self._missing_values)

    def _given(self, categories, names):
        """The categories that the user has given, by the position of the column."""
        if isinstance(categories, str):
            return {}
        given = {}
        for key, values in categories.items():
            if key in names:
                given[names.index(key)] = values
            else:
                raise ValueError(
                    f"The 'categories' parameter of {self._name} names a column, {key!r}, that X "
                    f"does not have; its columns are {names}."
                )
        return given

    def _numbers(self, column, values):
        if values.numbers is None:
            known = values.values[~values.is_missing]
            wrong = next(value for value in known if not _is_number(value))
            raise ValueError(
                f"Column {column.name!r} was numeric when {self._name} was fitted, but now has the "
                f"value {wrong!r}."
            )
        if np.isinf(values.numbers).any():
            raise ValueError(f"Input X contains infinity, in column {column.name!r}.")
        return values.numbers

    def _codes(self, column, values, unknown):
        """Number of the category of each row; -1 where it is missing."""
        of_category = {value: code for code, value in enumerate(column.categories)}
        listed = values.plain()
        codes = np.array([of_category.get(value, -1) for value in listed], dtype=np.intp)
        codes[values.is_missing] = -1
        is_new = (codes < 0) & ~values.is_missing
        if unknown == "error" and is_new.any():
            found = sorted({repr(listed[row]) for row in np.flatnonzero(is_new)[:1000]})
            raise ValueError(
                f"Found unknown categories [{', '.join(found)}] in column {column.name!r} during "
                f"transform. {self._name} knows {column.categories}. List all categories in the "
                "parameter 'categories', or set handle_unknown='missing'."
            )
        return codes


class _Values(NamedTuple):
    """The values of a column, and which of them are missing.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
    is_missing : ndarray of bool, of shape (n_rows,)
    numbers : ndarray of float, of shape (n_rows,), or None
        NaN where they are missing; None where some of the values are no numbers.
    dtype : dtype
        Of the values without gaps, with which whole numbers may become floats.
    declared : list or None
        Categories that the type of the column names.
    """

    values: np.ndarray
    is_missing: np.ndarray
    numbers: np.ndarray | None
    dtype: np.dtype
    declared: list | None

    @classmethod
    def of(cls, name, column, missing_values):
        values = np.asarray(column)
        if values.dtype.kind in "mMV":
            raise ValueError(
                f"Column {name!r} has the dtype {values.dtype}, which is neither a number nor a "
                "category. Convert it first, for example dates to numbers of days."
            )
        if hasattr(column, "isna"):
            is_missing = np.asarray(column.isna())
        elif hasattr(column, "is_null"):
            is_missing = np.asarray(column.is_null())
        else:
            is_missing = np.zeros(len(values), dtype=bool)
        if values.dtype.kind == "f":
            is_missing = is_missing | np.isnan(values)
        elif values.dtype.kind == "O":
            is_missing = is_missing | np.array([_is_nothing(value) for value in values], dtype=bool)
        if not _is_nothing(missing_values):
            is_missing = is_missing | (values == missing_values)
        declared = getattr(column.dtype, "categories", None)
        declared = declared.to_numpy().tolist() if hasattr(declared, "to_numpy") else None
        numbers = _as_numbers(values, is_missing)
        return cls(values, is_missing, numbers, _dtype_of_known(column, values), declared)

    def plain(self):
        """The values as a list of Python's own objects."""
        return self.values.tolist()


def _is_nothing(value):
    """Whether a value is None, NaN, or pandas' NA, of which no comparison is true or false."""
    is_nan = isinstance(value, Real) and value != value
    return value is None or is_nan or type(value).__name__ == "NAType"


def _dtype_of_known(column, values):
    if isinstance(column.dtype, np.dtype):
        return values.dtype
    return np.asarray(column.dropna() if hasattr(column, "dropna") else column.drop_nulls()).dtype


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _as_numbers(values, is_missing):
    """Values as floats, or None where some are no numbers."""
    known = values[~is_missing]
    if values.dtype.kind not in "fiuO" or not all(map(_is_number, known)):
        return None
    dtype = values.dtype if values.dtype.kind == "f" else np.float64
    numbers = np.full(len(values), np.nan, dtype=dtype)
    numbers[~is_missing] = known.astype(dtype)
    return numbers


def _described(name, values, given):
    """The :class:`Column` that some values are, or that the user says they are."""
    known = values.values[~values.is_missing]
    limits = None
    if values.dtype.kind in "iu":
        limits = np.iinfo(values.dtype).min, np.iinfo(values.dtype).max
    elif values.dtype.kind == "O" and not any(isinstance(value, float) for value in known):
        limits = -np.inf, np.inf
    if isinstance(given, str):
        given = _found(values, known, few_numbers=given == "auto")
    if given is None:
        return Column(name, "real", None, limits)
    categories = given.tolist() if hasattr(given, "tolist") else list(given)
    if not categories:
        raise ValueError(
            f"Column {name!r} has no known value, and so no categories. Leave it out, or list its "
            "categories in the parameter 'categories'."
        )
    return Column(name, "binary" if len(categories) == 2 else "choice", categories, limits)


def _found(values, known, few_numbers):
    """Categories of a column of which nothing is said, or None where it is one of numbers.

    Whole numbers, of which there are few, are categories where ``few_numbers``.
    """
    if values.declared is not None:
        return values.declared
    if values.values.dtype.kind == "b" or (len(known) and {*map(type, known)} == {bool}):
        return [False, True]
    if values.numbers is None:
        distinct = set(known.tolist())
        try:
            return sorted(distinct)
        except TypeError:
            return sorted(distinct, key=lambda value: (type(value).__name__, value))
    numbers = np.unique(values.numbers[~values.is_missing])
    n_numbers = len(numbers)
    are_few = few_numbers and n_numbers <= _MOST_NUMBERS and n_numbers * _LEAST_ROWS <= len(known)
    if n_numbers == 2 or (n_numbers > 2 and are_few and (numbers == np.rint(numbers)).all()):
        return sorted(set(known.tolist()))
    return None


def _values_of(column, states):
    """The values of a column, from the states of its units."""
    if column.kind == "real" and column.limits is None:
        return states[:, 0].copy()
    if column.kind == "real":
        low, high = column.limits
        return _objects([min(max(int(v), low), high) for v in np.rint(states[:, 0]).tolist()])
    codes = states.argmax(axis=1) if column.kind == "choice" else (states[:, 0] > 0.5).astype(int)
    return _objects(column.categories)[codes]


def _objects(values):
    """An array of these objects, each of which stays what it is."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def missing_entries(X, missing_values):
    """Which entries of a table are missing, as an array of bool of its shape."""
    return np.column_stack([values.is_missing for values in _read(X, missing_values)])


def checked_table(estimator, X, reset):
    """A DataFrame as it is, anything else as an ndarray; the names of its columns are checked.

    Raises
    ------
    ValueError
        In scikit-learn's words.
    """
    if not is_frame(X):
        if isinstance(X, (list, tuple)) and np.asarray(X).dtype.kind in "US":
            X = np.asarray(X, dtype=object)  # numbers would become texts
        return validate_data(estimator, X, dtype=None, ensure_all_finite=False, reset=reset)
    names = _names_of(X)
    if len(set(names)) < len(names):
        raise ValueError(
            f"{type(estimator).__name__} needs columns with different names. Those of X are "
            f"{names}."
        )
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    for size, name in zip(X.shape, ("sample", "feature"), strict=True):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {name}(s) (shape={X.shape}) while a minimum of 1 is required "
                f"by {type(estimator).__name__}."
            )
    return X


def dtype_of(X):
    """float32 for a table of nothing else, float64 for any other."""
    dtypes = {*X.dtypes} if is_frame(X) else {X.dtype}
    return np.dtype(np.float32 if dtypes == {np.dtype(np.float32)} else np.float64)


def is_frame(X):
    """Whether a table is a DataFrame, of pandas or polars or their like."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def _read(X, missing_values):
    for name, column in zip(_names_of(X), columns_of(X), strict=True):
        yield _Values.of(name, column, missing_values)


def _template_of(X):
    """What knows the class of a table, and names and types of columns, and keeps none of its rows.

    Of an array it has one row, as strides of no rows do not outlive a copy.
    """
    if not is_frame(X):
        return np.zeros((1, X.shape[1]), dtype=X.dtype)
    return X[:0].copy() if hasattr(X, "copy") else X.clear()


def _names_of(X):
    return list(X.columns) if is_frame(X) else list(range(X.shape[1]))


def columns_of(X):
    """The columns of a table, as series or arrays."""
    n_columns = X.shape[1]
    if hasattr(X, "iloc"):
        return [X.iloc[:, number] for number in range(n_columns)]
    return [X[:, number] for number in range(n_columns)]


def _table(like, columns):
    """A table of the class, the names and the types of another one, from arrays of its columns."""
    if not is_frame(like):
        dtype = like.dtype
        if dtype.kind == "U":  # which has room for as many letters as there were
            dtype = np.result_type(dtype, *(np.array(c.tolist()).dtype for c in columns))
        out = np.empty((len(columns[0]), len(columns)), dtype=dtype)
        for number, column in enumerate(columns):
            out[:, number] = column
        return out
    make = type(like)
    by_name = dict(zip(like.columns, columns, strict=True))
    if hasattr(like, "schema"):
        lists = {name: column.tolist() for name, column in by_name.items()}
        return make(lists, schema=like.schema, strict=False)
    index = like.index if len(like) == len(columns[0]) else None
    return make(by_name, index=index, columns=like.columns).astype(like.dtypes)


def taken(X, are_taken):
    """A table of those columns for which an array of bool has True."""
    if hasattr(X, "iloc"):
        return X.iloc[:, np.flatnonzero(are_taken)]
    return X[:, np.flatnonzero(are_taken).tolist()]


def table_of(like, columns, names):
    """Columns beside each other, as a table of the class of another one and with its index."""
    if not is_frame(like):
        return np.column_stack(columns)
    table = type(like)(dict(zip(names, columns, strict=True)))
    if hasattr(like, "index"):
        table.index = like.index
    return table
