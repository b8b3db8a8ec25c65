"""Make public methods that take arrays accept streams and data of Dask, too.

With a stream, they are called for one chunk after another; with data of Dask, lazily, on the
workers.
"""

from functools import partial, wraps
from inspect import isfunction, signature
from typing import ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from ._dask import answer_of_dask, arguments, as_stream, is_dask, score_of_dask
from ._streams import is_stream

# FEATURES are methods that return many numbers per row: for a stream, they return another stream,
# which is read when it is needed. ANSWERS return a few numbers per row: an array for all rows.
FEATURES = ("transform", "inverse_transform", "reconstruct")
ANSWERS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "log_likelihood_bound",
    "reconstruction_error",
    "free_energy",
)
# For data of Dask only, because what is the same for all chunks is then computed once.
_ANSWERS_OF_DASK = ("log_likelihood",)


# Methods that handle streams themselves.
_OF_STREAMS = ("fit", "partial_fit", "fit_transform", "fit_predict", "score")


class AnswersByChunk:
    """Mixin: an estimator whose methods for arrays also accept data in chunks.

    Methods that cannot be called chunk by chunk, because they draw random numbers or need all rows
    together, raise an error. The mixin must precede those of scikit-learn that wrap the same
    methods.
    """

    # Whether chunks may be DataFrames whose columns have different dtypes, or texts.
    _reads_tables: ClassVar = False

    def _refuse_chunks(self, method, options):
        """Raise an error where a method cannot be called for one chunk after another.

        This may depend on parameters, and on ``options``, a dict of the arguments other than the
        rows.
        """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for names, of_stream in ((FEATURES, _stream_of), (ANSWERS, _array_of)):
            for name in names:
                method = vars(cls).get(name)
                if method is not None:
                    setattr(cls, name, _by_chunk(method, of_stream))
        for name in _ANSWERS_OF_DASK:
            if name in vars(cls):
                setattr(cls, name, _by_chunk(vars(cls)[name], partial(_refuse, name)))
        for name in ("fit", "partial_fit"):
            if name in vars(cls):
                setattr(cls, name, _by_stream(vars(cls)[name]))
        for name, method in list(vars(cls).items()):
            known = *FEATURES, *ANSWERS, *_ANSWERS_OF_DASK, *_OF_STREAMS
            if name not in known and _is_asked_of_rows(name, method):
                refuse = partial(_refuse, name), partial(_refuse_dask, name)
                setattr(cls, name, _by_chunk(method, *refuse))
        if "transform" in vars(cls) and hasattr(cls, "fit_transform"):
            cls.fit_transform = _fit_and_transform(cls.fit_transform)
        # For estimators that predict, it is scikit-learn's; for others, the mean of score_samples.
        if issubclass(cls, (ClassifierMixin, RegressorMixin)) or hasattr(cls, "score_samples"):
            cls.score = _score_by_chunk(cls.score)
        elif "score" in vars(cls):
            cls.score = _by_stream(cls.score)


def _by_chunk(method, of_stream, of_dask=answer_of_dask):
    """Make a method that takes arrays accept data in chunks, too."""
    if hasattr(method, "check"):  # wrapped by available_if
        return available_if(method.check)(_by_chunk(method.fn, of_stream, of_dask))

    @wraps(method)
    def of_any(self, X, *args, **kwargs):
        if is_stream(X):
            self._refuse_chunks(method.__name__, arguments(self, method, X, *args, **kwargs))
            stream = X.tables() if self._reads_tables else X
            return of_stream(stream, lambda chunk: method(self, chunk, *args, **kwargs))
        if is_dask(X):
            self._refuse_chunks(method.__name__, arguments(self, method, X, *args, **kwargs))
            return of_dask(self, method, X, *args, **kwargs)
        return method(self, X, *args, **kwargs)

    return of_any


def _by_stream(method):
    """Make a method that takes arrays and streams, such as ``fit``, accept data of Dask, too."""
    if hasattr(method, "check"):
        return available_if(method.check)(_by_stream(method.fn))

    @wraps(method)
    def of_any(self, X, *args, **kwargs):
        if is_dask(X):
            X, args, kwargs = as_stream(self, X, args, kwargs)
        return method(self, X, *args, **kwargs)

    return of_any


def _fit_and_transform(method):
    """Make scikit-learn's ``fit_transform`` accept data in chunks, too."""

    @wraps(method)
    def of_any(self, X, y=None, **fit_params):
        if is_stream(X) or is_dask(X):
            return self.fit(X, y, **fit_params).transform(X)
        return method(self, X, y, **fit_params)

    return of_any


def _score_by_chunk(method):
    """Make a ``score`` that takes arrays and streams accept data of Dask, too."""

    @wraps(method)
    def of_any(self, X, *args, **kwargs):
        if is_dask(X):
            return score_of_dask(self, method, X, *args, **kwargs)
        return method(self, X, *args, **kwargs)

    return of_any


def _is_asked_of_rows(name, method):
    """Whether this is a public method whose first argument is X."""
    if name.startswith("_") or not isfunction(method):
        return False
    return [*signature(method).parameters][1:2] == ["X"]


def _refuse(name, stream, function):
    raise TypeError(
        f"{name} takes arrays, but X is a stream. Call it for each chunk: "
        f"[model.{name}(X) for X in stream]."
    )


def _refuse_dask(name, estimator, method, X, *args, **kwargs):
    raise TypeError(
        f"{type(estimator).__name__}.{name} takes arrays, but X is a {type(X).__name__} of Dask. "
        "Pass X.compute() if it fits into memory, or call the method for each chunk by "
        "X.map_blocks."
    )


def _stream_of(stream, function):
    made = stream.map(partial(_values_of, function, stream))
    made.read_first()  # so that an error is raised here, and not when the stream is read
    return made


def _array_of(stream, function):
    return np.concatenate([function(stream.with_names(chunk)) for chunk in stream])


def _values_of(function, stream, chunk):
    """Result of a function for a chunk of a stream.

    It is an array even if scikit-learn makes it a DataFrame, except for streams of tables.
    """
    values = function(stream.with_names(chunk))
    if stream.is_of_tables:
        return values.to_pandas() if hasattr(values, "to_pandas") else values
    return values.to_numpy() if hasattr(values, "to_numpy") else values
