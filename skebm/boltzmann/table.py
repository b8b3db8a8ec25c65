"""Conversion of tables with columns of several kinds to states of visible units, and back.

A column is binary (one unit), a choice among categories (a group of units of which exactly one is
on) or real (one unit). The units of binary columns come first, then those of choices, then those of
real columns, so that each kind is one slice.
"""

from functools import partial

import numpy as np
from sklearn.utils.validation import validate_data

from .._streams import is_stream
from .columns import TableSummary, is_frame, names_of, read_columns

KINDS = "binary", "choice", "real"

# Floats represent whole numbers of up to this size.
_LARGEST_INT = 2**53


class TableEncoder:
    """Converts rows of a table to states of visible units, and back.

    Parameters
    ----------
    X : DataFrame, ndarray or stream of these, of shape (n_samples, n_features)
        Determines the columns and their categories.
    categories : "auto", "declared" or dict
        See :class:`~skebm.boltzmann.mixed.MixedRBM`.
    name : str
        Of the estimator that the user called, for messages.
    missing_values : object, default=np.nan
        Marks missing entries, in addition to NaN, None and other missing values of a DataFrame.

    Attributes
    ----------
    columns : list of Column
        In the order of the table.
    places : list of slice
        Slices of the units for each column.
    n_units : int
    """

    def __init__(self, X, categories, name, missing_values=np.nan):
        self._name, self._missing_values = name, missing_values
        found = TableSummary.of(X, missing_values)
        self._template = found.template
        names = names_of(found.template)
        default = categories if isinstance(categories, str) else "auto"
        given = self._given(categories, names)
        self.columns = [
            summary.described(name_of_column, given.get(number, default))
            for number, (name_of_column, summary) in enumerate(
                zip(names, found.columns, strict=True)
            )
        ]
        self.places, end = [None] * len(self.columns), 0
        for kind in KINDS:
            for number in self.of_kind(kind):
                self.places[number] = slice(end, end + self.columns[number].n_units)
                end = self.places[number].stop
        self.n_units = end

    def of_kind(self, kind):
        """Indices of the columns of a kind."""
        return [number for number, column in enumerate(self.columns) if column.kind == kind]

    @property
    def dtype(self):
        """The dtype of states for the table of the encoder, see :func:`dtype_of`."""
        return dtype_of(self._template)

    @property
    def is_real(self):
        """Mask of the units of real columns."""
        return self.of_units([column.kind == "real" for column in self.columns])

    @property
    def unit_names(self):
        """Names of the units: the name of the column, and the category of the unit."""
        names = np.empty(self.n_units, dtype=object)
        for column, place in zip(self.columns, self.places, strict=True):
            stem = column.name if isinstance(column.name, str) else f"x{column.name}"
            on = {"real": [], "binary": column.categories and column.categories[1:]}
            on = on.get(column.kind, column.categories)
            names[place] = [f"{stem}_{value}" for value in on] or [stem]
        return names

    def of_units(self, mask):
        """Expand an array (..., n_columns) to the units."""
        mask = np.asarray(mask)
        out = np.empty((*mask.shape[:-1], self.n_units), dtype=mask.dtype)
        for number, place in enumerate(self.places):
            out[..., place] = mask[..., [number]]
        return out

    def number_of(self, column):
        """Position of a column, given its name or position."""
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
        X : DataFrame, ndarray or stream of these, of shape (n_samples, n_features)
        dtype : dtype
        unknown : {"error", "missing"}
            Treatment of unknown categories.

        Returns
        -------
        ndarray, or stream of arrays, of shape (n_samples, n_units)
        """
        if is_stream(X):
            return X.map_named(partial(_encoded, self, dtype, unknown))
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
        """Mask of the entries of a table that are neither missing nor unknown categories."""
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
        """A table of the same kind as that of the encoder, from visible states or their means.

        For a choice, it contains the category with the largest value.

        Parameters
        ----------
        states : ndarray of shape (n_samples, n_units)
        like : DataFrame or ndarray of shape (n_samples, n_features), default=None
            The original table. Its known values and the index of its rows are kept.
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

    def has_gaps(self, X):
        """Whether some entries of a table are missing, or unknown categories."""
        return not self.known(X).all()

    def _read(self, X):
        return read_columns(X, self._missing_values)

    def _given(self, categories, names):
        """The categories that the user has declared, by position of the column."""
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
        numbers = values.numbers()
        if numbers is None:
            raise ValueError(
                f"Column {column.name!r} was numeric when {self._name} was fitted, but now has the "
                f"value {values.first_no_number()!r}."
            )
        if values.values.dtype.kind in "iu" and (np.abs(numbers) > _LARGEST_INT).any():
            raise ValueError(
                f"Column {column.name!r} has whole numbers beyond 2**53, which {self._name} could "
                "not tell from their neighbours. Subtract a constant first, or list the numbers in "
                "the parameter 'categories'."
            )
        if np.isinf(numbers).any():
            raise ValueError(f"Input X contains infinity, in column {column.name!r}.")
        return numbers

    def _codes(self, column, values, unknown):
        """Index of the category of each row; -1 if it is missing."""
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
                "parameter 'categories', or None there for a column of real numbers, or set "
                "handle_unknown='missing'."
            )
        return codes


def _encoded(encoder, dtype, unknown, X, where):
    with where.in_messages():
        return encoder.encode(X, dtype, unknown)


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
    """An array of these objects, without conversion."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def missing_entries(X, missing_values):
    """Mask of the missing entries of a table."""
    return np.column_stack([values.is_missing for values in read_columns(X, missing_values)])


def checked_table(estimator, X, reset):
    """A DataFrame unchanged, other data as an ndarray; the names of columns are checked.

    For a stream, the result is a stream of these, whose chunks are checked against the first one
    when they are read.

    Raises
    ------
    ValueError
        If the data are not valid, with scikit-learn's message.
    """
    if is_stream(X):
        checked_table(estimator, X.head, reset)
        return X.tables()
    if hasattr(X, "collect"):
        raise TypeError(
            f"{type(estimator).__name__} needs the values of a table, but X is a "
            f"{type(X).__name__}. Pass X.collect()."
        )
    if not is_frame(X):
        if isinstance(X, (list, tuple)) and np.asarray(X).dtype.kind in "US":
            X = np.asarray(X, dtype=object)  # numbers would become texts
        return validate_data(estimator, X, dtype=None, ensure_all_finite=False, reset=reset)
    names = names_of(X)
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
    """float32 if all columns of the table, or of a stream's first row, are; otherwise float64."""
    X = X.first if is_stream(X) else X
    dtypes = {*X.dtypes} if is_frame(X) else {X.dtype}
    return np.dtype(np.float32 if dtypes == {np.dtype(np.float32)} else np.float64)


def _table(like, columns):
    """A table with the class, names and dtypes of another one, from arrays of its columns."""
    if not is_frame(like):
        dtype = like.dtype
        if dtype.kind == "U":  # the new texts may be longer
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
    """A table of the columns that a mask selects."""
    if hasattr(X, "iloc"):
        return X.iloc[:, np.flatnonzero(are_taken)]
    return X[:, np.flatnonzero(are_taken).tolist()]


def table_of(like, columns, names):
    """Columns as a table with the class and the index of another one."""
    if not is_frame(like):
        return np.column_stack(columns)
    table = type(like)(dict(zip(names, columns, strict=True)))
    if hasattr(like, "index"):
        table.index = like.index
    return table
