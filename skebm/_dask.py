"""Dask arrays and dataframes as data: lazy results, scores, and streams for training.

Dask is imported only if an object of Dask is passed, that is, when the user has already imported
it.
"""

import sys
import warnings
from collections import Counter
from contextlib import contextmanager
from functools import partial
from inspect import signature
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import scipy.sparse
from sklearn import config_context, get_config
from sklearn.base import is_regressor

from ._chunks import Chunks, Piece, Targets
from ._streams import Stream


def is_dask(X):
    """Whether ``X`` is a collection of Dask, such as an array or a dataframe."""
    dask = sys.modules.get("dask")
    return dask is not None and dask.is_dask_collection(X)


# Lazy answers ----------------------------------------------------------------


class _Call(NamedTuple):
    """A method call whose rows are passed later.

    Attributes
    ----------
    method : str
    options : dict
        Arguments other than the rows.
    config : dict
        scikit-learn's configuration in the thread of the caller; other threads have their own.
    """

    method: str
    options: dict
    config: dict

    def of(self, model, rows, **more):
        """The result of the method of a model for some rows."""
        with config_context(**self.config):
            return getattr(model, self.method)(rows, **self.options, **more)


def answer_of_dask(estimator, method, X, *args, **kwargs):
    """Result of a method for each row of data of Dask, as a lazy array or dataframe of Dask.

    No data are computed. The result has the same chunks, and the graph contains one copy of the
    model in its present state.
    """
    options = arguments(estimator, method, X, *args, **kwargs)
    call = _Call(method.__name__, options, get_config())
    scales = "log_partition" in signature(method).parameters and "log_partition" not in call.options
    X, model = in_whole_rows(estimator, X), estimator.without_training_state()
    example = _answer_for_one_row(model, X, call, {"log_partition": 0.0} if scales else {})
    given = {"model": _sent_once(model), "call": call, "nothing": example[:0]}
    if scales:
        given["log_partition"] = _later(_log_partition_of, given["model"])
    if not _is_array(X):
        return X.map_partitions(_answer_for_partition, meta=example[:0], **given)
    if not isinstance(example, np.ndarray):
        return _frame_of_answers(X, example[:0], given)
    columns = tuple((n,) for n in example.shape[1:])
    return X.map_blocks(
        _answer_for_block,
        name=f"{type(model).__name__}.{call.method}-{uuid4().hex}",
        chunks=(X.chunks[0], *columns),
        drop_axis=() if columns else 1,
        meta=example[:0],
        dtype=example.dtype,
        **given,
    )


def arguments(estimator, method, *args, **kwargs):
    """Arguments of a call other than the rows, by name, without those that are None."""
    _, _, *others = signature(method).bind(estimator, *args, **kwargs).arguments.items()
    return {name: value for name, value in others if value is not None}


def _frame_of_answers(X, meta, given):
    from dask.dataframe import from_delayed

    blocks = enumerate(_blocks(X))
    return from_delayed(
        [_later(_answer_for_chunk, block, number=number, **given) for number, block in blocks],
        meta=meta,
    )


def _answer_for_block(block, *, block_id, **given):
    return _answer_for_chunk(block, number=block_id[0], **given)


def _answer_for_partition(part, *, partition_info=None, **given):
    return _answer_for_chunk(part, number=partition_info["number"], **given)


def _answer_for_chunk(rows, *, number, model, call, nothing, log_partition=None):
    """The result for the rows of one chunk, with the dtype that was announced."""
    if not rows.shape[0]:
        return nothing
    more = {} if log_partition is None else {"log_partition": log_partition}
    with chunk_named(number):
        answer = call.of(model, rows, **more)
    return answer.astype(nothing.dtype, copy=False) if isinstance(answer, np.ndarray) else answer


def _answer_for_one_row(model, X, call, more):
    """Result of a method for an example row with the dtypes of ``X``, of which no row is computed.

    The example is a row of zeros or, for models that reject zeros, of missing values.
    """
    errors = []
    for row in _rows_such_as(X):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return call.of(model, row, **more)
        except ValueError as error:
            errors.append(error)
    raise errors[0]


def _rows_such_as(X):
    if _is_array(X):
        from dask.array.utils import meta_from_array

        shape, dtype = (1, X.shape[1]), X.dtype
        if scipy.sparse.issparse(meta_from_array(X)):
            yield scipy.sparse.csr_array(shape, dtype=dtype)
            return
        yield np.zeros(shape, dtype)
        if dtype.kind in "fO":
            yield np.full(shape, np.nan, dtype)
        return
    from dask.dataframe.utils import make_meta, meta_nonempty

    meta = make_meta(X)
    yield meta_nonempty(meta).iloc[:1]
    yield meta.reindex([0])


def _later(function, *args, **kwargs):
    from dask import delayed

    return delayed(function)(*args, **kwargs)


def _sent_once(model):
    """A model as one node of a graph, which is sent to a worker once for all chunks."""
    from dask import delayed

    return delayed(model, name=f"{type(model).__name__}-{uuid4().hex}", traverse=False)


def _log_partition_of(model):
    return model.__skebm_log_partition__()


# Scores ----------------------------------------------------------------------


def score_of_dask(estimator, method, X, *args, **kwargs):
    """The score of data of Dask, from sums over the rows of each chunk."""
    options = arguments(estimator, method, X, *args, **kwargs)
    X, model = in_whole_rows(estimator, X), estimator.without_training_state()
    y, sample_weight = options.get("y"), options.get("sample_weight")
    if is_regressor(estimator):
        sums_of = _Fit.of
    elif y is not None and hasattr(estimator, "predict"):
        sums_of = _Mean.of_right_answers
    else:
        sums_of, y = _Mean.of_scores, None
    once = _sent_once(model)
    sums = [
        _later(_sums_of_chunk, sums_of, once, number, *parts)
        for number, parts in enumerate(zip(*row_blocks(X, y, sample_weight), strict=True))
    ]
    while len(sums) > 1:  # a tree whose shape depends on the number of chunks only
        sums = [_later(_joined, *sums[k : k + 2]) for k in range(0, len(sums), 2)]
    total = sums[0].compute()
    if total is None:
        raise ValueError(f"{type(estimator).__name__}.score got data of Dask without a single row.")
    return total.score()


def _sums_of_chunk(sums_of, model, number, X, y, weights):
    if not X.shape[0]:
        return None
    with chunk_named(number):
        y = None if y is None else np.asarray(y)
        weights = np.ones(X.shape[0]) if weights is None else np.asarray(weights, np.float64)
        return sums_of(model, X, y, weights)


def _joined(first, second=None):
    """The sums over two chunks, each of which may have no rows."""
    return first if second is None else second if first is None else first.joined(second)


class _Mean(NamedTuple):
    """A weighted sum of one number per row, and the sum of the weights."""

    total: float
    weight: float

    @classmethod
    def of_scores(cls, model, X, y, weights):
        return cls(float(weights @ model.score_samples(X)), float(weights.sum()))

    @classmethod
    def of_right_answers(cls, model, X, y, weights):
        answers = np.asarray(model.predict(X))
        return cls(float(weights @ (answers == y.reshape(answers.shape))), float(weights.sum()))

    def joined(self, other):
        return _Mean(self.total + other.total, self.weight + other.weight)

    def score(self):
        return self.total / self.weight


class _Fit(NamedTuple):
    """Sums of squares for R², for each output: around the predictions, and around the mean."""

    weight: float
    mean: np.ndarray
    around_mean: np.ndarray
    around_predictions: np.ndarray

    @classmethod
    def of(cls, model, X, y, weights):
        y = y.reshape(len(y), -1).astype(np.float64)
        predictions = np.asarray(model.predict(X), np.float64).reshape(y.shape)
        mean = np.average(y, axis=0, weights=weights)
        squares = (weights @ np.square(y - of) for of in (mean, predictions))
        return cls(float(weights.sum()), mean, *squares)

    def joined(self, other):
        weight = self.weight + other.weight
        gap, share = other.mean - self.mean, other.weight / weight
        between = np.square(gap) * self.weight * share
        return _Fit(
            weight,
            self.mean + share * gap,
            self.around_mean + other.around_mean + between,
            self.around_predictions + other.around_predictions,
        )

    def score(self):
        """R², averaged over outputs; constant outputs count as 1 or 0, as in scikit-learn."""
        varies = self.around_mean > 0
        share = self.around_predictions / np.where(varies, self.around_mean, 1)
        return float(np.where(varies, 1 - share, self.around_predictions == 0).mean())


# Rows to learn from ----------------------------------------------------------

# Smallest number of rows that are in memory together in training; see skebm.stream.
_ROWS_OF_WINDOW = 10_000


def as_stream(estimator, X, args, kwargs):
    """The arguments of ``fit``, with a stream in place of data of Dask.

    Targets and weights are computed, because they have only one or a few numbers per row.
    """
    X = in_whole_rows(estimator, X)
    chunks = _DaskChunks(X)
    stream = Stream(chunks, _ROWS_OF_WINDOW, Targets(chunks, None))
    args = [_computed(value) for value in args]
    return stream, args, {name: _computed(value) for name, value in kwargs.items()}


def _computed(value):
    return np.asarray(value.compute()) if is_dask(value) else value


class _Block:
    """A chunk of data of Dask, with only the part of the graph that it needs.

    Parameters
    ----------
    key : key of Dask
    graph : dict
        The graph of all chunks.
    is_alone : bool
        Whether no other chunk needs its dependencies, and none of these has been computed.
    """

    def __init__(self, key, graph, is_alone):
        self._key, self._graph, self._is_alone = key, graph, is_alone

    @property
    def delayed(self):
        """The chunk as a Delayed object."""
        from dask.delayed import Delayed

        return Delayed(self._key, self._own_graph())

    @property
    def alone(self):
        """A picklable function that computes the chunk in the thread that calls it; or None."""
        from dask import get

        return partial(get, self._own_graph(), self._key) if self._is_alone else None

    def __call__(self):
        """The chunk itself."""
        return self.delayed.compute()

    def _own_graph(self):
        from dask.optimization import cull

        return cull(self._graph, [self._key])[0]


def _blocks_alone(keys, graph):
    """Whether each of some chunks can be computed in one task: see :class:`_Block`."""
    from dask.optimization import cull

    n_chunks, found = Counter(), []
    for key in keys:
        n_chunks.update(cull(graph, [key])[0].keys())
    for key in keys:
        part, _ = cull(graph, [key])
        found.append(all(n_chunks[key] == 1 for key in part) and _is_to_compute(part))
    return found


def _is_to_compute(graph):
    """Whether the tasks of a graph depend only on each other, not on arrays or data on workers."""
    return all(
        hasattr(task, "dependencies") and graph.keys() >= task.dependencies
        for task in graph.values()
    )


class _DaskChunks(Chunks):
    """The chunks of a ``dask.array`` or ``dask.dataframe``, each with all columns."""

    is_of_dask = True

    def __init__(self, X):
        blocks = row_blocks(X)[0]
        graph = dict(blocks[0].dask)
        # A chunk may have another dtype than the one that is announced.
        dtype = X.dtype if _is_array(X) and X.dtype.kind == "f" else None
        keys = [block.key for block in blocks]
        pieces = [
            Piece(_Block(key, graph, is_alone))
            for key, is_alone in zip(keys, _blocks_alone(keys, graph), strict=True)
        ]
        super().__init__(pieces, None, None, dtype)
        if _is_array(X) and not np.isnan(X.chunks[0]).any():
            self._sizes = list(X.chunks[0])

    def _heads(self):
        for number, piece in enumerate(self._pieces):
            yield f"Chunk {number}", _later(_head, piece.read.delayed).compute()

    def count(self):
        """Number of rows; if Dask does not know it, the workers count them."""
        if self._sizes is None:
            import dask

            counts = [_later(_n_rows, piece.read.delayed) for piece in self._pieces]
            self._sizes = list(dask.compute(*counts))
        return self.n_rows


def _n_rows(chunk):
    return chunk.shape[0]


def _head(chunk):
    return chunk[:1]


# Chunks of data of Dask ------------------------------------------------------


@contextmanager
def chunk_named(number):
    """Add the index of the chunk, counted from 0, to the message of an error in its rows."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"In chunk {number} of the data: {error}") from error


def _is_array(X):
    from dask.array import Array

    return isinstance(X, Array)


def _is_frame(X):
    dataframe = sys.modules.get("dask.dataframe")
    return dataframe is not None and isinstance(X, dataframe.DataFrame)


def in_whole_rows(estimator, X):
    """Data of Dask, rechunked so that each chunk has all columns.

    Raises
    ------
    TypeError, ValueError
        If they are not a table, or if the number of columns is unknown.
    """
    if _is_frame(X):
        return X
    name = type(estimator).__name__
    if not _is_array(X):
        raise TypeError(
            f"{name} takes dask.array.Array and dask.dataframe.DataFrame, "
            f"got {type(X).__module__}.{type(X).__name__}."
        )
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D dask.array instead, in {name}.")
    if np.isnan(X.shape[1]):
        raise ValueError(
            f"{name} got a dask.array with an unknown number of columns. Call its method "
            "compute_chunk_sizes() first."
        )
    return X if X.numblocks[1] == 1 else X.rechunk({1: -1})


def row_blocks(X, *others):
    """The chunks of rows of some data, as lists of Delayed objects in the same order.

    Parameters
    ----------
    X : dask.array.Array or dask.dataframe.DataFrame
        With all columns in each chunk.
    *others : collection of Dask, array-like or None
        One or more values for each row of ``X``. For None, the list has one None per chunk.
    """
    blocks = _blocks(X)
    return [blocks, *(_beside(X, len(blocks), other) for other in others)]


def _blocks(X):
    """A list of Delayed objects, in the order of the rows."""
    # With Dask's optimisation, the results of persist() would be lost.
    blocks = X.to_delayed(optimize_graph=False)
    return list(blocks.ravel()) if _is_array(X) else blocks


def _beside(X, n_blocks, other):
    if other is None:
        return [None] * n_blocks
    sizes = X.chunks[0] if _is_array(X) else (np.nan,)
    if not is_dask(other):
        if np.isnan(sizes).any():
            raise ValueError(
                "The sizes of the chunks of X are unknown. So y and sample_weight must be data of "
                "Dask with the same chunks. Or call X.compute_chunk_sizes() first."
            )
        ends = np.cumsum(sizes)
        return [other[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    if _is_array(other):
        if not np.isnan(sizes).any() and not np.isnan(other.chunks[0]).any():
            other = other.rechunk({0: sizes})
        if other.ndim > 1:
            other = other.rechunk({1: -1})
    found = _blocks(other)
    if len(found) != n_blocks:
        raise ValueError(
            f"X has {n_blocks} chunks of rows, but y or sample_weight has {len(found)}. If the "
            "sizes of chunks are unknown, both need the same chunks; compute_chunk_sizes() "
            "computes them."
        )
    return found
