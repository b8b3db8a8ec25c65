"""Rows in chunks, for data that are larger than memory: what ``skebm.stream`` returns.

A stream says where its chunks come from and what is made of each; it holds none of them. Here are
arrays and tables alone: :class:`skebm._source.StreamedRows` is what training reads of a stream.
"""

from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np

from ._chunks import (
    Chunks,
    Targets,
    numbers_between,
    pieces_of,
    reader_of_targets,
    rows_at,
    stacked,
)
from ._cluster import Item, workplace
from ._reduction import tree_sum

# Rows of a chunk that is cut from an array, and of a window.
_ROWS_OF_CHUNK, _ROWS_OF_WINDOW = 1000, 10_000


def stream(
    source,
    y=None,
    *,
    target=None,
    window=_ROWS_OF_WINDOW,
    chunk_size=_ROWS_OF_CHUNK,
    dtype=None,
):
    """Read rows in chunks, again in each epoch, and never hold all of them in memory.

    What is returned goes where estimators take ``X``. See :ref:`the user guide <large_data>`.

    Parameters
    ----------
    source : array-like, str or path, callable, or sequence of chunks
        A memory map or another array of two dimensions (``np.load(path, mmap_mode="r")``, a data
        set of h5py); the name of a folder, a pattern with ``*`` or the name of a file, for files of
        the kinds ``.npy``, ``.npz`` and ``.parquet``, in the order of their names; a callable
        without arguments that returns a new iterator of chunks each time; or a list of chunks. A
        chunk is an array, a sparse matrix or a DataFrame with the columns of all others, or a pair
        of one and what is to be predicted of its rows.
    y : array-like, str or path, callable, or sequence of chunks, default=None
        What is to be predicted, if it is elsewhere: one value per row, or one row of values.
    target : str, int or list of these, default=None
        Columns of the chunks, by name or by position, that are to be predicted and are not
        features.
    window : int, default=10000
        Rows that are in memory together in training, at least: whole chunks until there are so
        many. Rows are shuffled inside of a window; which chunks come into one is drawn in each
        epoch, unless they come from a callable, which gives them in its own order.
    chunk_size : int, default=1000
        Rows of a chunk, where an array or a ``.npy`` file is cut into some.
    dtype : dtype, default=None
        Type that all chunks are turned into as they are read, such as ``"float32"``. None is that
        of the first chunk, which those of the others must fit into. Estimators of tables, such as
        :class:`MixedRBM`, read the columns of DataFrames with types of their own.

    Returns
    -------
    stream : Stream
        With the attributes ``shape``, ``dtype``, ``feature_names`` and ``y``, and the methods
        ``map`` and ``tables``; it can be iterated over, chunk by chunk, as often as wanted.

    Raises
    ------
    TypeError, ValueError
        If the source is none of these, can be read only once, or has no rows. While it is read,
        an error names the number of the chunk, counted from 0.

    Examples
    --------
    >>> import numpy as np
    >>> import skebm
    >>> X = np.random.default_rng(0).integers(0, 2, (5000, 8)).astype("float32")
    >>> rows = skebm.stream(X, window=2000)
    >>> rows.shape
    (5000, 8)
    >>> rbm = skebm.BernoulliRBM(4, n_iter=1, random_state=0).fit(rows)
    >>> rbm.transform(rows).shape
    (5000, 4)
    """
    for name, value in (("window", window), ("chunk_size", chunk_size)):
        is_number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not is_number or value < 1:
            raise ValueError(f"The {name!r} of a stream must be an int >= 1. Got {value!r}.")
    if y is not None and target is not None:
        raise ValueError("A stream has its targets from 'y' or from 'target', not from both.")
    if is_stream(source):
        raise TypeError("The source of a stream is a stream already.")
    chunks = Chunks(*pieces_of(source, int(chunk_size)), target, dtype)
    made = Stream(chunks, int(window), Targets(chunks, reader_of_targets(y)))
    chunks.first  # noqa: B018 (what cannot be read at all is said now and not in ``fit``)
    return made


def is_stream(X):
    """Whether data are a stream, and not an array."""
    return isinstance(X, Stream)


def targets_of(X, y):
    """What is to be predicted: what was passed or, where that is None, what a stream brings."""
    return X.y if y is None and is_stream(X) else y


class Stream:
    """Rows that are read in chunks: see :func:`skebm.stream`, which makes them.

    Parameters
    ----------
    chunks : Chunks
    window : int
        Rows that are to be in memory together, at least.
    targets : Targets
    functions : tuple of callable
        What is made of each chunk: see ``map_named``.
    numbers : ndarray of int, default=None
        Numbers, among all rows of the chunks, of those that are here, in ascending order.
    is_of_tables : bool, default=False
        Whether chunks are what :meth:`tables` says, and not arrays or CSR matrices.

    Attributes
    ----------
    shape : tuple of two ints
        Numbers of rows and of columns.
    dtype : dtype
    feature_names : list of str or None
        Names of the columns, where chunks are DataFrames.
    y : ndarray or None
        What is to be predicted of each row, all of it in memory.
    window : int
    """

    def __init__(self, chunks, window, targets, functions=(), numbers=None, is_of_tables=False):
        self._chunks, self.window, self.is_of_tables = chunks, window, is_of_tables
        self._targets, self._functions, self._numbers = targets, functions, numbers
        self._first = None

    def __repr__(self):
        _, n_columns = self.first.shape
        n_rows = self._chunks.n_rows if self._numbers is None else len(self._numbers)
        known = "an unknown number of" if n_rows is None else n_rows
        return f"Stream of {known} rows, {n_columns} columns of {self.dtype}"

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "A stream is not an array: it is read in chunks, and never whole. Pass it to an "
            "estimator that takes streams, make something of each chunk by its method map, or "
            "join chunks yourself: np.concatenate(list(stream))."
        )

    @property
    def first(self):
        """The first row of the chunks as the rows here are, in an array or a sparse matrix."""
        if self._first is None:
            where = Where(self._chunks.first.name, np.arange(1))
            self._first = _made_by(self._all_functions, self._chunks.first.head, where)
        return self._first

    @property
    def _all_functions(self):
        """The functions before which is what makes arrays, or tables, of the user's chunks."""
        to_arrays = self._chunks.to_table if self.is_of_tables else self._chunks.to_matrix
        return (to_arrays, *self._functions)

    @property
    def n_rows(self):
        """Number of rows, which the first pass over all chunks has counted."""
        return self._chunks.count() if self._numbers is None else len(self._numbers)

    @property
    def shape(self):
        """Numbers of rows and of columns."""
        return self.n_rows, self.first.shape[1]

    @property
    def ndim(self):
        """Number of dimensions, which is two."""
        return 2

    @property
    def dtype(self):
        """Type of the values; of a DataFrame, one that holds those of all columns."""
        first = self.first
        return first.dtype if hasattr(first, "dtype") else first.to_numpy().dtype

    @property
    def feature_names(self):
        """Names of the columns, or None: they are those of the chunks, as long as these are."""
        return None if self._functions else self._chunks.names

    @property
    def head(self):
        """The first row as estimators look at it for names and numbers of features."""
        return self.first if self._functions else self._chunks.head

    def with_names(self, X):
        """A chunk as estimators know it: a DataFrame where columns have names."""
        if self.is_of_tables or self.feature_names is None:
            return X
        return type(self.head)(X, columns=self.feature_names)

    @property
    def y(self):
        """What is to be predicted of each row, or None."""
        y = self._targets.of_all()
        return y if y is None or self._numbers is None else y[self._numbers]

    def map(self, function):
        """A stream of what a function makes of each chunk, with the same rows, when it is read.

        Parameters
        ----------
        function : callable
            Takes an array or a sparse matrix and returns another, one row for each row and each
            from that row alone, such as ``StandardScaler.transform``.

        Returns
        -------
        stream : Stream
        """
        return self.map_named(partial(_unnamed, function))

    def map_named(self, function):
        """The same with ``function(X, where)``, which says where the rows are from.

        It has the attributes ``name``, what the chunk is called, and ``numbers``, those of its rows
        among all rows of the chunks.
        """
        functions = (*self._functions, function)
        return self._with(functions, self._numbers, self.is_of_tables)

    def tables(self):
        """A stream of the same rows whose chunks are DataFrames where the user has DataFrames.

        Of an array, chunks are arrays of any type. What functions have made stays what it is.

        Returns
        -------
        stream : Stream
        """
        return self if self._functions else self._with((), self._numbers, True)

    def _with(self, functions, numbers, is_of_tables):
        parts = self._chunks, self.window, self._targets
        return Stream(*parts, functions, numbers, is_of_tables)

    def __getitem__(self, numbers):
        """A stream of the rows with these numbers, ints in ascending order or an array of bool.

        So scikit-learn's searches and cross-validation take streams.
        """
        if isinstance(numbers, tuple):  # as scikit-learn writes it, with all columns
            numbers, *_ = numbers
        numbers = np.asarray(numbers)
        if numbers.dtype == bool:
            numbers = np.flatnonzero(numbers)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or (np.diff(numbers) < 0).any():
            raise IndexError(
                "Rows of a stream are picked by an array of ints in ascending order, or of bool. "
                "Of scikit-learn's ways to split rows, those in folds give such numbers."
            )
        if self._numbers is not None:
            numbers = self._numbers[numbers]
        return self._with(self._functions, numbers, self.is_of_tables)

    def take(self, numbers):
        """The rows with these numbers, in any order, as an array or a CSR matrix."""
        in_order = np.argsort(numbers, kind="stable")
        found = list(self[np.asarray(numbers)[in_order]].each(_itself))
        places = np.empty_like(in_order)
        places[in_order] = np.arange(len(in_order))
        return rows_at(stacked(found), places) if found else self.first[:0]

    def each(self, function):
        """What a function makes of each chunk, in their order; computed where the chunks are."""
        portions = self.portions()
        if portions is None:
            return map(function, self)
        return workplace(self.is_of_dask).map(function, self._items(portions))

    def total(self, function, add):
        """The sum of the same, as a tree whose shape depends on the number of chunks alone.

        ``add(a, b)`` returns the sum of two, and may change ``a`` for it.
        """
        portions = self.portions()
        if portions is None:
            return tree_sum(map(function, self), add)
        return workplace(self.is_of_dask).total(function, self._items(portions), add)

    def _items(self, portions):
        recipe = self.recipe
        return [Item([portion.read], recipe, portion.without_read()) for portion in portions]

    @property
    def is_of_dask(self):
        """Whether workers of Dask can read the chunks."""
        return self._chunks.is_of_dask

    @property
    def recipe(self):
        """What makes of a chunk, as the user has it, the rows that are here; can be pickled."""
        return Recipe(self._chunks.reader, self._all_functions)

    def portions(self):
        """The chunks as they can be had in any order, a list of Portion; None if they cannot."""
        places = self._chunks.places()
        if places is None:
            return None
        if self._numbers is None:
            return [Portion(place.read, *place[1:], None, place.start) for place in places]
        portions = []
        for place in places:
            kept = numbers_between(self._numbers, place.start, place.start + place.n_rows)
            if len(kept):
                start = int(np.searchsorted(self._numbers, place.start))
                portions.append(Portion(place.read, *place[1:], kept, start))
        return portions

    def __iter__(self):
        return (X for _, X in self.parts())

    def parts(self, generator=None):
        """Go through the chunks once.

        Parameters
        ----------
        generator : numpy Generator, default=None
            What the order of the chunks is drawn by, where they can be had in any.

        Yields
        ------
        start : int
            Number of the first row of the chunk.
        X : ndarray or CSR matrix
            At least one row.
        """
        for chunk in self._chunks.in_turn(generator, self._numbers):
            start, X = chunk.start, chunk.X
            numbers = np.arange(start, start + X.shape[0])
            if self._numbers is not None:
                here = numbers_between(self._numbers, start, start + X.shape[0])
                X, numbers = rows_at(X, here), start + here
                start = int(np.searchsorted(self._numbers, start))
            if X.shape[0]:
                yield start, _made_by(self._all_functions, X, Where(chunk.name, numbers))


class Portion(NamedTuple):
    """A chunk of a stream that can be read at any time, here or elsewhere.

    Attributes
    ----------
    read : callable or None
        Returns the chunk, as the user has it.
    start_in_all : int
        Number of its first row.
    n_in_chunk : int
        Number of its rows.
    name : str
    kept : ndarray of int, or None
        Which of its rows are in the stream. None: all.
    start : int
        Number that the first of these has in the stream.
    """

    read: Callable
    start_in_all: int
    n_in_chunk: int
    name: str
    kept: np.ndarray | None
    start: int

    @property
    def n_rows(self):
        """Number of rows that are in the stream."""
        return self.n_in_chunk if self.kept is None else len(self.kept)

    @property
    def numbers(self):
        """Numbers of these rows in the stream."""
        return np.arange(self.start, self.start + self.n_rows)

    def without_read(self):
        """The same for those who have the chunk."""
        return self._replace(read=None)


class Recipe(NamedTuple):
    """What makes of chunks, as the user has them, the rows of a stream."""

    reader: Callable
    functions: tuple

    def __call__(self, portion, chunk):
        """The rows of a portion, given its chunk."""
        X, kept = self.reader(chunk, portion.name, portion.n_in_chunk), portion.kept
        if kept is None:
            kept = np.arange(portion.n_in_chunk)
        else:
            X = rows_at(X, kept)
        return _made_by(self.functions, X, Where(portion.name, portion.start_in_all + kept))


def _itself(X):
    return X


class Where(NamedTuple):
    """Where some rows of a stream are from.

    Attributes
    ----------
    name : str
        Of the chunk.
    numbers : ndarray of int
        Those of the rows among all rows of the chunks.
    """

    name: str
    numbers: np.ndarray

    @contextmanager
    def in_messages(self):
        """While the block runs, have an error in the values of the rows name the chunk."""
        try:
            yield
        except ValueError as error:
            raise ValueError(f"{self.name} of the stream: {error}") from error


def _unnamed(function, X, _):
    return function(X)


def _made_by(functions, X, where):
    """What functions, one after the other, make of some rows."""
    for function in functions:
        X = function(X, where)
    return X


def made_of(X, function):
    """What a function makes of data: of a stream, a stream of what it makes of each chunk."""
    return X.map(function) if is_stream(X) else function(X)


def total_of(X, function, add):
    """What a function makes of data: of a stream, the sum of what it makes of each chunk."""
    return X.total(function, add) if is_stream(X) else function(X)
