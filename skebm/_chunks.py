"""Sources of the chunks of a stream: arrays, files, lists, callables that return iterators."""

import glob
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple
from weakref import ref

import numpy as np
import scipy.sparse

_NOT_AGAIN = (
    "An iterator can be used only once: pass a callable that returns a new one in each call."
)


def numbers_between(numbers, start, stop):
    """Those of ascending numbers that are in [start, stop), minus ``start``."""
    first, end = np.searchsorted(numbers, (start, stop))
    return numbers[first:end] - start


def stacked(tables):
    """Arrays, CSR matrices or DataFrames, stacked vertically."""
    if len(tables) == 1:
        return tables[0]
    if scipy.sparse.issparse(tables[0]):
        return scipy.sparse.vstack(tables, format="csr")
    if _is_frame(tables[0]):
        import pandas as pd

        return pd.concat(tables)
    return np.concatenate(tables)


def rows_at(table, rows):
    """The rows of an array, a CSR matrix or a DataFrame at these indices, or in a slice."""
    return table.iloc[rows] if _is_frame(table) else table[rows]


def with_repeated(X):
    """A sparse matrix as a CSR matrix, in which entries that are stored twice remain.

    SciPy adds such entries of COO matrices up, which is wrong for ratings.
    """
    csr = X.tocsr()
    if X.format != "coo" or csr.nnz == X.nnz:
        return csr
    order = np.argsort(X.row, kind="stable")
    ends = np.cumsum(np.bincount(X.row, minlength=X.shape[0]))
    entries = X.data[order], X.col[order], np.concatenate([[0], ends])
    return type(csr)(entries, shape=X.shape)


class Piece(NamedTuple):
    """A chunk that can be read at any time.

    Attributes
    ----------
    read : callable
        Returns the chunk, as the user has it.
    n_rows : int or None
        Number of its rows, if it is known without reading it.
    name : str
        Name in messages, in addition to its index; may be empty.
    """

    read: Callable
    n_rows: int | None = None
    name: str = ""


class _Chunk(NamedTuple):
    start: int
    X: object
    name: str


class Place(NamedTuple):
    """Location of a chunk that can be read at any time, in this process or in another.

    Attributes
    ----------
    read : callable
        Returns the chunk, as the user has it.
    start : int
        Index of its first row.
    n_rows : int
    name : str
    """

    read: Callable
    start: int
    n_rows: int
    name: str


class Chunks:
    """The chunks of a source, in sequence or in any order, checked to be consistent with the first.

    Parameters
    ----------
    pieces : list of Piece, or None
    again : callable or None
        Returns an iterator of chunks, if there are no pieces.
    target, dtype
        See :func:`skebm.stream`.

    """

    # Whether workers of Dask can read them.
    is_of_dask = False

    def __init__(self, pieces, again, target, dtype):
        self._pieces, self._again = pieces, again
        self._target, self._dtype = target, None if dtype is None else np.dtype(dtype)
        self._first = self._sizes = self._last_iterator = None
        if pieces is not None and all(piece.n_rows is not None for piece in pieces):
            self._sizes = [piece.n_rows for piece in pieces]

    @property
    def first(self):
        """The first row of the first chunk with rows, to which all chunks are compared."""
        return self.read_first()

    def read_first(self):
        """Read the first row, and raise an error if this fails or if there are no rows."""
        if self._first is None:
            for name, chunk in self._heads():
                table, y = _split(chunk, self._target, name)
                if table.shape[0]:
                    head = _first_row(table)
                    X = _matrix(head, self._dtype, name)
                    self._first = _Like(name, head, X, y is not None)
                    return self._first
            raise ValueError("A stream has no rows: all of its chunks are empty.")
        return self._first

    @property
    def reader(self):
        """A function from a chunk and its name to the features; can be pickled."""
        return Reader(self._target, self.first)

    @property
    def to_matrix(self):
        """A function from such features to an array or a CSR matrix; can be pickled."""
        return partial(_matrix_like, self._dtype, self.first.X)

    @property
    def to_table(self):
        """A function from such features to a DataFrame or an array of any dtype; can be pickled."""
        return partial(_table_like, self._dtype, self.first)

    @property
    def names(self):
        """Names of the columns that are features, or None."""
        return _names_of(self.first.head)

    @property
    def head(self):
        """The first row of X, as the user has it."""
        return self.first.head

    @property
    def n_rows(self):
        """Number of rows; None if they have not been counted yet."""
        return None if self._sizes is None else sum(self._sizes)

    def count(self):
        """Number of rows; if necessary, a pass over all chunks counts them."""
        if self._sizes is None:
            for _ in self.in_turn():
                pass
        return self.n_rows

    def targets(self):
        """Targets of all rows; None if the chunks have no targets."""
        if not self.first.has_y:
            return None
        parts, sizes = [], []
        for name, chunk in self._as_given():
            table, y = _split(chunk, self._target, name)
            if table.shape[0] != len(y):
                raise ValueError(
                    f"{name} of a stream has {table.shape[0]} rows, but its y has {len(y)}."
                )
            sizes.append(len(y))
            if len(y):
                parts.append(y)
        if self._sizes is None:
            self._sizes = sizes
        return np.concatenate(parts)

    def in_turn(self, generator=None, numbers=None):
        """Yield each chunk that contains some of the rows with these indices; None is all rows.

        ``generator`` draws the order, if it is not None and chunks can be read in any order.
        """
        if self._pieces is None or self._sizes is None:
            yield from self._one_after_another()
            return
        places = self.places()
        order = np.arange(len(places)) if generator is None else generator.permutation(len(places))
        for place in (places[k] for k in order):
            stop = place.start + place.n_rows
            if numbers is None or len(numbers_between(numbers, place.start, stop)):
                X = self.reader(place.read(), place.name, place.n_rows)
                yield _Chunk(place.start, X, place.name)

    def places(self):
        """The Place of each chunk with rows, if chunks can be read in any order; otherwise None."""
        if self._pieces is None:
            return None
        self.count()
        starts = [0, *accumulate(self._sizes)]
        return [
            Place(piece.read, start, n_rows, self._name(k))
            for k, (piece, start, n_rows) in enumerate(
                zip(self._pieces, starts, self._sizes, strict=False)
            )
            if n_rows
        ]

    def _one_after_another(self):
        sizes, start = [], 0
        for name, chunk in self._as_given():
            X = self.reader(chunk, name) if _n_rows(chunk) else np.empty((0, 0))
            if self._sizes is not None:
                at_first = self._sizes[len(sizes)] if len(sizes) < len(self._sizes) else 0
                check_size(X, at_first, name)
            sizes.append(X.shape[0])
            yield _Chunk(start, X, name)
            start += X.shape[0]
        if self._sizes is not None and sizes != self._sizes:
            raise ValueError(
                f"A stream had {sum(self._sizes)} rows at first and {start} when it was read "
                f"again. What reads it must begin anew at each call. {_NOT_AGAIN}"
            )
        self._sizes = sizes

    def _heads(self):
        """Yield the name of each chunk, and at least its first row."""
        return self._as_given()

    def _as_given(self):
        """Yield the name of each chunk, and the chunk as the user passed it."""
        if self._pieces is not None:
            for k, piece in enumerate(self._pieces):
                yield self._name(k), piece.read()
            return
        chunks = self._again()
        self._refuse_the_same(chunks)
        if not hasattr(chunks, "__iter__"):
            raise TypeError(
                "The callable of a stream must return an iterator of chunks. It returned an "
                f"object of the class {type(chunks).__name__}."
            )
        for k, chunk in enumerate(chunks):
            yield f"Chunk {k}", chunk

    def _refuse_the_same(self, chunks):
        """Raise an error if a callable returns the same iterator as before."""
        if hasattr(chunks, "__next__"):
            if self._last_iterator is not None and self._last_iterator() is chunks:
                raise TypeError(f"The source of a stream can be read only once. {_NOT_AGAIN}")
            with suppress(TypeError):  # for objects without weak references
                self._last_iterator = ref(chunks)

    def __getstate__(self):
        return vars(self) | {"_last_iterator": None}

    def _name(self, k):
        of_piece = self._pieces[k].name
        return f"Chunk {k} ({of_piece})" if of_piece else f"Chunk {k}"


class Reader(NamedTuple):
    """Extracts the features from the user's chunks, and checks them against the first chunk.

    Attributes
    ----------
    target
        See :func:`skebm.stream`.
    like : _Like
    """

    target: object
    like: object

    def __call__(self, chunk, name, n_rows=None):
        """The features of a chunk: an array, a CSR matrix or a DataFrame.

        ``n_rows`` is the number of rows it had when it was first read, if known.
        """
        table, _ = _split(chunk, self.target, name)
        n_columns = self.like.X.shape[1]
        if n_rows is not None:
            check_size(table, n_rows, name)
        if table.shape[1] != n_columns:
            raise ValueError(
                f"{name} of a stream has {table.shape[1]} columns, but the first one has "
                f"{n_columns}."
            )
        names, names_of_first = _names_of(table), _names_of(self.like.head)
        if names != names_of_first:
            raise ValueError(
                f"{name} of a stream has the columns {names}, but the first one has "
                f"{names_of_first}."
            )
        return table


def _matrix_like(dtype, like, table, where):
    """Features as an array or a CSR matrix, of the same kind as that of the first chunk."""
    X, name = _matrix(table, dtype, where.name), where.name
    if scipy.sparse.issparse(X) != scipy.sparse.issparse(like):
        kinds = ["dense", "sparse"][:: -1 if scipy.sparse.issparse(X) else 1]
        raise TypeError(f"{name} of a stream is {kinds[0]}, but the first one is {kinds[1]}.")
    if X.dtype != like.dtype:
        if not np.can_cast(X.dtype, like.dtype, "safe"):
            raise TypeError(
                f"{name} of a stream has the dtype {X.dtype}, but the first one {like.dtype}, "
                "which cannot represent all of its values. Pass a dtype for all chunks, such "
                f"as dtype={str(np.result_type(X, like))!r}."
            )
        X = X.astype(like.dtype)
    return X


def _table_like(dtype, like, table, where):
    """Features as a DataFrame, whose columns keep their dtypes, or as an array.

    Arrays of texts may differ in their maximum length of a text.
    """
    columns, expected = (list(X.columns) if _is_frame(X) else None for X in (table, like.head))
    if columns != expected:
        raise ValueError(
            f"{where.name} of a stream has the columns {columns}, but the first one has {expected}."
        )
    if columns is None:
        are_texts = table.dtype.kind == like.X.dtype.kind == "U"
        return table if are_texts else _matrix_like(dtype, like.X, table, where)
    return table if dtype is None else _converted(table, dtype, where.name)


def check_size(X, n_rows, name):
    """Raise an error if a chunk has another number of rows than when it was first read."""
    if X.shape[0] != n_rows:
        raise ValueError(
            f"{name} of a stream had {n_rows} rows at first and {X.shape[0]} when it was read "
            "again. A source must give the same rows each time."
        )


class _Like(NamedTuple):
    """The first row, as the user passed it and as an array, and whether the chunks include y."""

    name: str
    head: object
    X: object
    has_y: bool


def _n_rows(chunk):
    table = chunk[0] if _is_pair(chunk) else chunk
    return table.shape[0] if hasattr(table, "shape") else len(table)


def _is_pair(chunk):
    return isinstance(chunk, tuple) and len(chunk) == 2


def _split(chunk, target, name):
    """The features of a chunk, and the targets or None."""
    if _is_pair(chunk):
        if target is not None:
            raise ValueError(
                f"{name} of a stream is a pair (X, y), but 'target' was passed as well. Leave it "
                "out, or make each chunk one table."
            )
        return _table(chunk[0], name), np.asarray(chunk[1])
    table = _table(chunk, name)
    if target is None:
        return table, None
    columns, names = np.atleast_1d(np.asarray(target, dtype=object)), _names_of(table)
    n_columns, is_one = table.shape[1], np.ndim(target) == 0
    places = []
    for column in columns:
        if names is not None and column in names:
            places.append(names.index(column))
        elif isinstance(column, (int, np.integer)) and -n_columns <= column < n_columns:
            places.append(int(column) % n_columns)
        else:
            known = f"the columns {names}" if names is not None else f"{n_columns} columns"
            raise ValueError(f"{name} of a stream has no column {column!r}; it has {known}.")
    rest = np.setdiff1d(np.arange(n_columns), places)
    picked = _columns(table, places)
    y = picked.toarray() if scipy.sparse.issparse(picked) else np.asarray(picked)
    return _columns(table, rest), y[:, 0] if is_one else y


def _table(chunk, name):
    """A chunk with rows and columns: a DataFrame, an array, or a sparse matrix."""
    if hasattr(chunk, "to_pandas"):  # pyarrow and polars
        chunk = chunk.to_pandas()
    if scipy.sparse.issparse(chunk):
        return with_repeated(chunk)
    if not _is_frame(chunk):
        chunk = np.asarray(chunk)
        if chunk.ndim != 2:
            raise ValueError(
                f"{name} of a stream must have two dimensions, rows and columns. Got an array of "
                f"shape {chunk.shape}."
            )
    return chunk


def _is_frame(chunk):
    return hasattr(chunk, "iloc") and hasattr(chunk, "columns")


def _names_of(table):
    """Names of the columns, if all of them are strings; otherwise None."""
    if not _is_frame(table):
        return None
    names = list(table.columns)
    return names if all(isinstance(name, str) for name in names) else None


def _columns(table, places):
    return table.iloc[:, places] if _is_frame(table) else table[:, places]


def _first_row(table):
    """A copy of the first row."""
    return (table.iloc[:1] if _is_frame(table) else table[:1]).copy()


def _matrix(table, dtype, name):
    """A table as an array or a CSR matrix of a dtype, in native byte order."""
    X = table.to_numpy() if _is_frame(table) else table
    return _converted(X, X.dtype.newbyteorder("=") if dtype is None else dtype, name)


def _converted(table, dtype, name):
    try:
        return table.astype(dtype, copy=False)
    except ValueError as error:
        raise ValueError(f"{name} of a stream cannot be converted to {dtype}: {error}") from error


def pieces_of(source, chunk_size):
    """A list of pieces and None, or None and a callable that iterates over chunks."""
    if isinstance(source, (str, Path)):
        return _pieces_of_files(source, chunk_size), None
    if callable(source):
        return None, source
    if hasattr(source, "shape") and len(source.shape) == 2:
        return _slices(source, chunk_size), None
    if hasattr(source, "__next__"):
        raise TypeError(f"The source of a stream can be read only once. {_NOT_AGAIN}")
    if isinstance(source, (list, tuple)):
        if not source:
            raise ValueError("A stream has no rows: its source is an empty list.")
        return [Piece(partial(_itself, chunk)) for chunk in source], None
    raise TypeError(
        "The source of a stream must be an array of two dimensions, the name of a folder or of "
        "files, a callable that returns an iterator of chunks, or a list of chunks. Got an object "
        f"of the class {type(source).__name__}."
    )


def _itself(chunk):
    return chunk


def _slices(array, chunk_size, file=None):
    """Pieces of a two-dimensional array, which may be mapped from a file."""
    if scipy.sparse.issparse(array):
        array = with_repeated(array)
    part = _part_of_file(array) or partial(_part, array)
    return [
        Piece(partial(part, start, stop), stop - start, file or f"rows {start} to {stop - 1}")
        for start, stop in _bounds(array.shape[0], chunk_size)
    ]


def _bounds(n_rows, size):
    return [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def _part(array, start, stop):
    return rows_at(array, slice(start, stop))


def _part_of_file(array):
    """A function that maps a part of a memory map's file again; None if it is not of a whole file.

    Pages that were read through a map count as memory of the process until the map is closed.
    """
    is_whole = isinstance(array, np.memmap) and not isinstance(array.base, np.ndarray)
    if not is_whole or array.filename is None or array.mode not in ("r", "c", "r+"):
        return None
    if array.mode == "c":  # changes are in this map alone
        return None
    order = "C" if array.flags.c_contiguous else "F"
    return partial(_part_mapped, array.filename, array.dtype, array.offset, array.shape, order)


def _part_mapped(filename, dtype, offset, shape, order, start, stop):
    array = np.memmap(filename, dtype, "r", offset, shape, order)
    return np.asarray(array[start:stop])


def _pieces_of_files(name, chunk_size):
    path = Path(name)
    if path.is_dir():
        paths = [p for p in sorted(path.iterdir()) if p.suffix in _READERS]
    else:
        paths = [Path(found) for found in sorted(glob.glob(str(path)))]
    if not paths:
        raise FileNotFoundError(
            f"A stream found no files of the kinds {', '.join(sorted(_READERS))} at {str(name)!r}."
        )
    pieces = []
    for path in paths:
        if path.suffix not in _READERS:
            raise ValueError(
                f"A stream cannot read {str(path)!r}. It reads files of the kinds "
                f"{', '.join(sorted(_READERS))}. For other files, pass a callable that returns an "
                "iterator of chunks."
            )
        pieces += _READERS[path.suffix](path, chunk_size)
    return pieces


def _pieces_of_npy(path, chunk_size):
    array = np.load(path, mmap_mode="r")
    if array.ndim != 2:
        raise ValueError(
            f"{path.name} of a stream must have two dimensions, rows and columns. Got an array of "
            f"shape {array.shape}."
        )
    return _slices(array, chunk_size, path.name)


def _pieces_of_npz(path, chunk_size):
    return [Piece(partial(_read_npz, path), None, path.name)]


def _read_npz(path):
    with np.load(path) as arrays:
        names = set(arrays.files)
        if {"format", "shape", "data"} <= names:
            return scipy.sparse.load_npz(path)
        if "X" in names:
            return (arrays["X"], arrays["y"]) if "y" in names else arrays["X"]
        if len(names) == 1:
            return arrays[names.pop()]
    raise ValueError(
        f"{path.name} of a stream contains the arrays {sorted(names)}. It should contain one "
        "array, or X and y, or a sparse matrix saved by scipy.sparse.save_npz."
    )


def _pieces_of_parquet(path, chunk_size):
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        return [Piece(partial(_read_parquet, path), None, path.name)]
    with ParquetFile(path) as file:
        sizes = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
    return [
        Piece(partial(_read_row_group, path, k), n_rows, f"{path.name}, row group {k}")
        for k, n_rows in enumerate(sizes)
    ]


def _read_row_group(path, k):
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        return _as_frame(file.read_row_group(k))


def _as_frame(table):
    try:
        return table.to_pandas()
    except ImportError as error:
        raise ImportError(
            "A stream reads parquet files as DataFrames: install pandas beside pyarrow."
        ) from error


def _read_parquet(path):
    try:
        import pandas as pd

        return pd.read_parquet(path)
    except ImportError as error:
        raise ImportError(
            f"To read {path.name}, a stream needs pyarrow and pandas: install them, for example by "
            "pip install pyarrow pandas."
        ) from error


_READERS = {".npy": _pieces_of_npy, ".npz": _pieces_of_npz, ".parquet": _pieces_of_parquet}


class Targets:
    """Targets of all rows of some chunks, read once.

    Parameters
    ----------
    chunks : Chunks
    read : callable or None
        Returns an array. None: the targets, if any, are in the chunks.
    """

    def __init__(self, chunks, read):
        self._chunks, self._read = chunks, read
        self._y = None

    def of_all(self):
        """An array, or None."""
        if self._y is None:
            self._y = self._chunks.targets() if self._read is None else self._read()
            if self._y is not None and len(self._y) != self._chunks.count():
                n_rows, n_targets = self._chunks.count(), len(self._y)
                self._y = None
                raise ValueError(f"A stream has {n_rows} rows, but its y has {n_targets}.")
        return self._y


def reader_of_targets(y):
    """A function that returns the targets of all rows; None if ``y`` is None."""
    if y is None:
        return None
    if isinstance(y, (str, Path)):
        return partial(np.load, y)
    if callable(y):
        return partial(_joined_parts_of, y)
    if hasattr(y, "__next__"):
        raise TypeError(f"The 'y' of a stream can be read only once. {_NOT_AGAIN}")
    if isinstance(y, (list, tuple)) and all(hasattr(part, "shape") for part in y) and len(y):
        return partial(_joined, y)
    return partial(np.asarray, y)


def _joined_parts_of(read):
    return _joined(read())


def _joined(parts):
    return np.concatenate([np.asarray(part) for part in parts])
