"""Rows in chunks, for data that are larger than memory: what ``skebm.stream`` returns.

A stream knows where its chunks come from and which functions are applied to them; it stores no
chunk. It yields arrays or tables. Training reads a stream through
:class:`skebm._streamed_rows.StreamedRows`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

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

# Rows of a chunk of an array, and of a window.
_ROWS_OF_CHUNK, _ROWS_OF_WINDOW = 1000, 10_000


def stream(
    source: Any,
    y: Any = None,
    *,
    target: str | int | Sequence[str | int] | None = None,
    window: int = _ROWS_OF_WINDOW,
    chunk_size: int = _ROWS_OF_CHUNK,
    dtype: DTypeLike | None = None,
) -> "Stream":
    """Describe rows that are read in chunks, once per epoch, and are never all in memory.

    Pass the result to an estimator in place of ``X``. See :ref:`the user guide <large_data>`.

    Parameters
    ----------
    source : array-like, str or path, callable, or sequence of chunks
        Where the rows come from. A two-dimensional array, such as a memory map
        (``np.load(path, mmap_mode="r")``) or a data set of h5py. The name of a folder, a pattern
        with ``*`` or the name of a file, for ``.npy``, ``.npz`` and ``.parquet`` files; they are
        read in the order of their names. A callable without arguments that returns a new iterator
        of chunks in each call. Or a list of chunks. A chunk is an array, a sparse matrix or a
        DataFrame, all with the same columns, or a pair of one of these and its targets.
    y : array-like, str or path, callable, or sequence of chunks, default=None
        Targets, if they are not in ``source``: one value or one row of values for each row.
    target : str, int or list of these, default=None
        Names or indices of the columns of ``source`` that are targets and not features.
    window : int, default=10000
        Smallest number of rows that are in memory at the same time in training. Whole chunks are
        collected until there are this many rows, which are then shuffled. Which chunks form a
        window is random and changes in each epoch; only the chunks of a callable stay in their
        order.
    chunk_size : int, default=1000
        Rows per chunk of an array or of a ``.npy`` file.
    dtype : dtype, default=None
        The dtype to which every chunk is converted when it is read, such as ``"float32"``. None is
        that of the first chunk, which must be able to represent the values of the others.
        Estimators of tables, such as :class:`MixedRBM`, read each column of a DataFrame with its
        own dtype.

    Returns
    -------
    stream : Stream
        An object with the attributes ``shape``, ``dtype``, ``feature_names`` and ``y``, and the
        methods ``map`` and ``tables``. Iterating over it yields its chunks, any number of times.

    Raises
    ------
    TypeError, ValueError
        If the source is none of these, can be read only once, or has no rows. If an error occurs
        while it is read, the message gives the index of the chunk, counted from 0.

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
            raise ValueError(
                f"The {name!r} parameter of stream must be an int >= 1. Got {value!r}."
            )
    if y is not None and target is not None:
        raise ValueError("Pass the targets of a stream as 'y' or as 'target', not as both.")
    if is_stream(source):
        raise TypeError(
            "The source of this stream is a stream already. Use it as it is, or its method map."
        )
    pieces, again = pieces_of(source, int(chunk_size))
    chunks = Chunks(pieces, again, target, dtype)
    made = Stream(chunks, int(window), Targets(chunks, reader_of_targets(y)))
    chunks.read_first()  # so that an error is raised here, and not in ``fit``
    return made


def is_stream(X):
    """Whether data are a stream, and not an array."""
    return isinstance(X, Stream)


def targets_of(X, y):
    """The targets: ``y`` or, if it is None, the targets of the stream."""
    return X.y if y is None and is_stream(X) else y


class Stream:
    """Rows that are read in chunks, the result of :func:`skebm.stream`.

    Parameters
    ----------
    chunks : Chunks
    window : int
        Smallest number of rows that are in memory at the same time.
    targets : Targets
    functions : tuple of callable
        Functions that are applied to each chunk, see ``map_named``.
    numbers : ndarray of int, default=None
        Indices of the selected rows among all rows of the chunks, ascending. None is all rows.
    is_of_tables : bool, default=False
        Whether chunks are what :meth:`tables` says, and not arrays or CSR matrices.

    Attributes
    ----------
    shape : tuple of two ints
        Numbers of rows and of columns.
    dtype : dtype
    feature_names : list of str or None
        Names of the columns, if chunks are DataFrames.
    y : ndarray or None
        Targets of all rows, in memory.
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

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            "A stream is not an array: its rows are read in chunks. Pass it to an estimator of "
            "skebm, apply a function to each chunk by its method map, or join the chunks: "
            "np.concatenate(list(stream))."
        )

    @property
    def first(self):
        """The first row, after all functions of the stream: an array or a sparse matrix."""
        return self.read_first()

    def read_first(self):
        """Read the first row and apply all functions to it, and raise an error if this fails."""
        if self._first is None:
            where = Where(self._chunks.first.name, np.arange(1))
            self._first = _made_by(self._all_functions, self._chunks.first.head, where)
        return self._first

    @property
    def _all_functions(self):
        """All functions, of which the first converts the user's chunks to arrays or tables."""
        to_arrays = self._chunks.to_table if self.is_of_tables else self._chunks.to_matrix
        return (to_arrays, *self._functions)

    @property
    def n_rows(self) -> int:
        """Number of rows. If it is not known, a pass over all chunks counts them."""
        return self._chunks.count() if self._numbers is None else len(self._numbers)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and of columns."""
        return self.n_rows, self.first.shape[1]

    @property
    def ndim(self) -> int:
        """Number of dimensions, which is two."""
        return 2

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the chunks; of a DataFrame, one that holds the values of all columns."""
        first = self.first
        return first.dtype if hasattr(first, "dtype") else first.to_numpy().dtype

    @property
    def feature_names(self) -> list[str] | None:
        """Names of the columns of the chunks; None if there are none, or after ``map``."""
        return None if self._functions else self._chunks.names

    @property
    def head(self):
        """The first row, from which estimators take names and number of the features."""
        return self.first if self._functions else self._chunks.head

    def with_names(self, X):
        """A chunk as a DataFrame if the columns have names, otherwise as it is."""
        if self.is_of_tables or self.feature_names is None:
            return X
        return type(self.head)(X, columns=self.feature_names)

    @property
    def y(self) -> NDArray[Any] | None:
        """Targets of all rows, or None."""
        y = self._targets.of_all()
        return y if y is None or self._numbers is None else y[self._numbers]

    def map(self, function: Callable[[Any], Any]) -> "Stream":
        """A stream with the same rows, whose chunks pass through a function when they are read.

        Parameters
        ----------
        function : callable
            It takes an array or a sparse matrix and returns another one with as many rows. Each
            row of the result must depend on the same row of the argument only, as for
            ``StandardScaler.transform``.

        Returns
        -------
        stream : Stream
        """
        return self.map_named(partial(_unnamed, function))

    def map_named(self, function):
        """The same for ``function(X, where)``, which is also told which rows these are.

        ``where`` has the attributes ``name``, the name of the chunk in messages, and ``numbers``,
        the indices of its rows among all rows of the chunks.
        """
        functions = (*self._functions, function)
        return self._with(functions, self._numbers, self.is_of_tables)

    def tables(self):
        """A stream of the same rows whose chunks are DataFrames if the user's chunks are.

        For arrays, chunks are arrays of any dtype. Results of functions are unchanged.

        Returns
        -------
        stream : Stream
        """
        return self if self._functions else self._with((), self._numbers, True)

    def _with(self, functions, numbers, is_of_tables):
        parts = self._chunks, self.window, self._targets
        return Stream(*parts, functions, numbers, is_of_tables)

    def __getitem__(self, numbers: Any) -> "Stream":
        """A stream of the rows with these indices, ascending ints or an array of bool.

        With this, scikit-learn's searches and cross-validation accept streams.
        """
        if isinstance(numbers, tuple):  # as scikit-learn writes it, with all columns
            numbers, *_ = numbers
        numbers = np.asarray(numbers)
        if numbers.dtype == bool:
            numbers = np.flatnonzero(numbers)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or (np.diff(numbers) < 0).any():
            raise IndexError(
                "Rows of a stream are selected by an array of ints in ascending order, or of bool. "
                "For cross-validation use a splitter whose indices are ascending, such as KFold."
            )
        if self._numbers is not None:
            numbers = self._numbers[numbers]
        return self._with(self._functions, numbers, self.is_of_tables)

    def take(self, numbers):
        """The rows with these indices, in any order, as an array or a CSR matrix."""
        in_order = np.argsort(numbers, kind="stable")
        found = list(self[np.asarray(numbers)[in_order]].each(_itself))
        places = np.empty_like(in_order)
        places[in_order] = np.arange(len(in_order))
        return rows_at(stacked(found), places) if found else self.first[:0]

    def each(self, function):
        """Yield the results of a function of each chunk, in order; workers may compute them."""
        portions = self.portions()
        if portions is None:
            return map(function, self)
        return workplace(self.is_of_dask).map(function, self._items(portions))

    def total(self, function, add):
        """The sum of the results of a function of each chunk.

        The order of the additions depends on the number of chunks only. ``add(a, b)`` returns the
        sum of two results, and may change ``a``.
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
        """A function from a chunk of the source to the rows of this stream; can be pickled."""
        return Recipe(self._chunks.reader, self._all_functions)

    def portions(self):
        """A list of Portion, if chunks can be read in any order; otherwise None."""
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

    def __iter__(self) -> Iterator[Any]:
        return (X for _, X in self.parts())

    def parts(self, generator=None):
        """Go through the chunks once.

        Parameters
        ----------
        generator : numpy Generator, default=None
            Source of a random order of the chunks, if they can be read in any order.

        Yields
        ------
        start : int
            Index of the first row of the chunk.
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
    """A chunk of a stream that can be read at any time, in this process or in another.

    Attributes
    ----------
    read : callable or None
        Returns the chunk, as the user has it.
    start_in_all : int
        Index of its first row among all rows of the chunks.
    n_in_chunk : int
        Number of its rows.
    name : str
    kept : ndarray of int, or None
        Its rows that are in the stream. None: all.
    start : int
        Index of the first of these in the stream.
    """

    read: Callable
    start_in_all: int
    n_in_chunk: int
    name: str
    kept: np.ndarray | None
    start: int

    @property
    def n_rows(self):
        """Number of its rows that are in the stream."""
        return self.n_in_chunk if self.kept is None else len(self.kept)

    @property
    def numbers(self):
        """Indices of these rows in the stream."""
        return np.arange(self.start, self.start + self.n_rows)

    def without_read(self):
        """The same without the function that reads the chunk."""
        return self._replace(read=None)


class Recipe(NamedTuple):
    """A function from chunks, as the user passed them, to rows of a stream."""

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
    """Origin of some rows of a stream.

    Attributes
    ----------
    name : str
        Name of the chunk.
    numbers : ndarray of int
        Indices of the rows among all rows of the chunks.
    """

    name: str
    numbers: np.ndarray

    @contextmanager
    def in_messages(self):
        """Context manager that adds the name of the chunk to errors in the values of the rows."""
        try:
            yield
        except ValueError as error:
            raise ValueError(f"{self.name} of the stream: {error}") from error


def _unnamed(function, X, _):
    return function(X)


def _made_by(functions, X, where):
    """Apply functions to some rows, one after another."""
    for function in functions:
        X = function(X, where)
    return X


def made_of(X, function):
    """Apply a function to data; for a stream, the result is a stream."""
    return X.map(function) if is_stream(X) else function(X)


def total_of(X, function, add):
    """Apply a function to data; for a stream, the result is the sum over the chunks."""
    return X.total(function, add) if is_stream(X) else function(X)
