"""Rows of a stream, and the rows of any data that a user may pass."""

from functools import partial
from operator import methodcaller
from typing import NamedTuple

import numpy as np
import scipy.sparse

from ._chunks import numbers_between, stacked
from ._cluster import Item, workplace
from ._parallel import InRounds, InTurn, evenly, sharing
from ._reduction import tree_sum
from ._rows import VALUES_AT_A_TIME, DenseRows, KnownRows, NotNaN, SparseRows
from ._source import Source, Window, chunks
from ._streams import is_stream


def as_rows(X):
    """Wrap validated data, an ndarray, a CSR matrix or a stream of floats."""
    if is_stream(X):
        return StreamedRows(X, as_rows)
    return SparseRows(X) if scipy.sparse.issparse(X) else DenseRows(X)


def rows_with_gaps(X):
    """Wrap the same; NaN marks values that are not known."""
    if is_stream(X):
        return StreamedRows(X, rows_with_gaps)
    rows, values = as_rows(X), X.data if scipy.sparse.issparse(X) else X
    has_gaps = any(np.isnan(values[part].min()) for part in chunks(len(values), VALUES_AT_A_TIME))
    return KnownRows(rows, NotNaN(rows)) if has_gaps else rows


class StreamedRows(Source):
    """Rows of a stream, of which one window at a time is in memory.

    An epoch is a sequence of windows. Rows are shuffled within windows only, and no minibatch
    extends over two windows. The chunks of a window are drawn again in each epoch, unless all rows
    fit into one window; training is then the same as on an array.

    Parameters
    ----------
    stream : skebm._streams.Stream
        Of floats, validated.
    rows_of : callable
        Converts an array or a CSR matrix to :class:`Rows`.
    moments : callable, default=None
        Returns the :class:`Moments`, if they follow from those of other rows.
    summary : default=None
        Summary of the same rows, if it is known.
    """

    def __init__(self, stream, rows_of, moments=None, summary=None):
        self._stream, self._rows_of = stream, rows_of
        self._moments, self._kept_summary = moments, summary
        first = rows_of(stream.first)
        self._n_columns, self.dtype = first.shape[1], first.dtype

    @property
    def shape(self):
        """Numbers of rows, which may need a pass over the data, and of columns."""
        return self._stream.n_rows, self._n_columns

    def in_chunks(self):
        return map(self._rows_of, self._stream)

    def each(self, function):
        """Results of a function for the rows of each chunk; workers may compute them."""
        return self._stream.each(partial(_viewed, self._rows_of, function))

    def each_part(self, function):
        """The same as :meth:`each`."""
        return self.each(function)

    def total_of_parts(self, function, add):
        """The sum of the same, as a tree whose shape depends only on the number of chunks."""
        return self._stream.total(partial(_viewed, self._rows_of, function), add)

    def course(self, learner):
        """The object that runs epochs of a learner: by windows, or in rounds of several parts.

        See :mod:`skebm._parallel`.
        """
        how = sharing(self._stream.is_of_dask)
        if how is None:
            return InTurn(self, learner)
        if self._stream.portions() is None:
            raise ValueError(
                "Data-parallel training needs chunks that can be read in any order, but a callable "
                "returns them in its own order. Make the stream from an array, files or a list."
            )
        return InRounds(self, learner, *how)

    @property
    def n_chunks(self):
        """Number of chunks with rows, if they can be read in any order."""
        return len(self._stream.portions())

    def dealt_out(self, n_parts, generator=None, numbers=None, beside=None):
        """Distribute the chunks among parts, and collect those of each part in windows.

        Parameters
        ----------
        n_parts : int
            At most one per chunk. The assignment of chunks depends only on their sizes.
        generator, numbers
            See :meth:`Source.passes`.
        beside : callable, default=None
            ``beside(row indices)`` returns further data for these rows.

        Returns
        -------
        parts : list of list of tuple (int, Item)
            For each window, the number of rows that are used, and an item for the :class:`Window`
            and the further data for its rows, or None. The first part has the most rows.
        """
        portions = self._stream.portions()
        numbers = None if numbers is None else np.sort(numbers)
        chunks = [(portion, *_to_learn_from(portion, numbers)) for portion in portions]
        parts, recipe = [], _WindowRecipe(self._stream.recipe, self._rows_of)
        for part in evenly([n_rows for *_, n_rows in chunks], n_parts):
            in_order = part if generator is None else generator.permutation(part)
            windows = _windows([chunks[k] for k in in_order if chunks[k][-1]], self._stream.window)
            parts.append([recipe.item(window, beside) for window in windows])
        return parts

    def each_window(self, function, beside=None):
        """Results of ``function((window, further data))`` for each window, in order."""
        items = self._windows_in_order(beside)
        if items is None:
            return map(function, self._passed(beside))
        return workplace(self._stream.is_of_dask).map(function, items)

    def total(self, function, add, beside=None):
        """The sum of the same, as a tree; workers may compute it."""
        items = self._windows_in_order(beside)
        if items is None:
            return tree_sum(map(function, self._passed(beside)), add)
        return workplace(self._stream.is_of_dask).total(function, items, add)

    def _windows_in_order(self, beside):
        if self._stream.portions() is None:
            return None
        (part,) = self.dealt_out(1, beside=beside)
        return [item for _, item in part]

    def _passed(self, beside):
        for window in self.passes():
            yield window, None if beside is None else beside(window.places)

    def subset(self, numbers):
        """The rows at these indices, in memory."""
        return self._rows_of(self._stream.take(numbers))

    def with_absent(self, absent):
        """The same rows with other values, an array, in the place of those that are not known."""
        rows_of = partial(_viewed, self._rows_of, methodcaller("with_absent", absent))
        return StreamedRows(self._stream, rows_of, self._moments, self._kept_summary)

    def standardized(self, mean, scale):
        """The same rows, each column less its mean and over its scale as it is read."""
        rows_of = partial(_viewed, self._rows_of, methodcaller("standardized", mean, scale))
        moments = partial(self._standardized_moments, mean, scale)
        return StreamedRows(self._stream, rows_of, moments)

    def moments(self):
        """:class:`Moments` of the columns."""
        return super().moments() if self._moments is None else self._moments()

    def _standardized_moments(self, mean, scale):
        return self.moments().standardized(mean, scale)

    def n_known(self):
        """Number of known values of each column."""
        return self._summary().n_known

    def first(self):
        """First known value of each column; 0 where none is known."""
        first, is_found = np.zeros(self.shape[1]), np.zeros(self.shape[1], dtype=bool)
        for rows in self.in_chunks():
            new = ~is_found & (rows.n_known() > 0)
            first[new] = rows.first()[new]
            is_found |= new
            if is_found.all():
                break
        return first

    def passes(self, generator=None, numbers=None):
        """Iterate over the data once, one window at a time: see :class:`Source`."""
        n_rows, n_in_window = self.shape[0], self._stream.window
        numbers = None if numbers is None else np.sort(numbers)
        gathered = _Gathered(n_in_window)
        for start, X in self._stream.parts(generator if n_rows > n_in_window else None):
            gathered.add(start, X)
            if gathered.n_rows >= n_in_window:
                yield from self._window(gathered, generator, numbers)
                gathered = _Gathered(n_in_window)
        if gathered.n_rows:
            yield from self._window(gathered, generator, numbers)

    def _window(self, gathered, generator, numbers):
        """Yield the window of some chunks, unless it contains none of the rows in ``numbers``."""
        order, n_before = [], 0
        for start, stop in gathered.bounds:
            if numbers is not None:
                order.append(n_before + numbers_between(numbers, start, stop))
            n_before += stop - start
        order = np.arange(n_before) if numbers is None else np.concatenate(order)
        if len(order):
            if generator is not None:
                order = generator.permutation(order)
            places = np.concatenate([np.arange(*bounds) for bounds in gathered.bounds])
            yield Window(self._rows_of(gathered.array()), order, places)


class _Gathered:
    """Chunks that are collected for a window; dense ones are copied to their place immediately.

    Parameters
    ----------
    n_wanted : int
        Number of rows of the window; the last chunk may exceed it.

    Attributes
    ----------
    bounds : list of tuple (start, stop)
        Range of the rows of each chunk among all rows.
    """

    def __init__(self, n_wanted):
        self._n_wanted = n_wanted
        self.n_rows, self.bounds, self._parts, self._room = 0, [], [], None

    def add(self, start, X):
        """Add a chunk whose first row has the index ``start``."""
        stop = self.n_rows + X.shape[0]
        if scipy.sparse.issparse(X) or (not self.n_rows and stop >= self._n_wanted):
            self._parts.append(X)
        else:
            if self._room is None or stop > len(self._room):
                # Enough rows if all chunks have this size, which is the usual case.
                n_rows = max(stop, -(-self._n_wanted // len(X)) * len(X))
                room = np.empty((n_rows, X.shape[1]), X.dtype)
                if self.n_rows:
                    room[: self.n_rows] = self.array()
                self._room = room
            self._room[self.n_rows : stop] = X
        self.bounds.append((start, start + X.shape[0]))
        self.n_rows = stop

    def array(self):
        """All rows, as one array or CSR matrix."""
        return stacked(self._parts) if self._room is None else self._room[: self.n_rows]


def _viewed(rows_of, view, X):
    return view(rows_of(X))


class _WindowFacts(NamedTuple):
    """Arguments of a :class:`_WindowRecipe` for one window.

    Attributes
    ----------
    portions : list of Portion
    orders : list of ndarray of int, or None
        For each, the rows that are used. None: all.
    beside : object
        Further data for the rows.
    """

    portions: list
    orders: list
    beside: object


class _WindowRecipe(NamedTuple):
    """Makes a window, with further data for its rows, from chunks as the user passed them."""

    recipe: object
    rows_of: object

    def item(self, window, beside):
        """Number of used rows, and an item, for a list of (portion, order, number of rows)."""
        portions, orders, sizes = zip(*window, strict=True)
        if beside is not None:
            beside = beside(np.concatenate([portion.numbers for portion in portions]))
        facts = _WindowFacts([portion.without_read() for portion in portions], orders, beside)
        return sum(sizes), Item([portion.read for portion in portions], self, facts)

    def __call__(self, facts, *chunks):
        """The window, and the further data for its rows."""
        orders, n_before = [], 0
        for portion, order in zip(facts.portions, facts.orders, strict=True):
            orders.append(n_before + (np.arange(portion.n_rows) if order is None else order))
            n_before += portion.n_rows
        places = np.concatenate([portion.numbers for portion in facts.portions])
        X = stacked([self.recipe(*pair) for pair in zip(facts.portions, chunks, strict=True)])
        return Window(self.rows_of(X), np.concatenate(orders), places), facts.beside


def _to_learn_from(portion, numbers):
    """Rows of a portion that are in ``numbers``, or None for all; and how many they are."""
    if numbers is None:
        return None, portion.n_rows
    order = numbers_between(numbers, portion.start, portion.start + portion.n_rows)
    return order, len(order)


def _windows(chunks, n_in_window):
    """Group chunks, tuples that begin with a portion, into windows of at least so many rows."""
    windows, n_rows = [], n_in_window
    for chunk in chunks:
        if n_rows >= n_in_window:
            windows.append([])
            n_rows = 0
        windows[-1].append(chunk)
        n_rows += chunk[0].n_rows
    return windows
