"""What estimators answer of a stream: their public methods, called for one chunk after another."""

from functools import partial, wraps
from inspect import isfunction, signature

import numpy as np
from sklearn.utils.metaestimators import available_if

from ._streams import is_stream

# Methods that return many numbers per row: of a stream, another stream, which is read when it is
# needed. And those that return a few: an array of all rows.
FEATURES = ("transform", "inverse_transform", "reconstruct")
ANSWERS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "free_energy",
)


# Methods that know of streams themselves.
_OF_STREAMS = ("fit", "partial_fit", "fit_transform", "fit_predict", "score")


class AnswersByChunk:
    """Mixin: an estimator whose methods take streams, though they are written for arrays.

    Those that cannot be called by chunk, since they draw or look at all rows together, say so. The
    mixin stands before those of scikit-learn that wrap the same methods.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for names, of_stream in ((FEATURES, _stream_of), (ANSWERS, _array_of)):
            for name in names:
                method = vars(cls).get(name)
                if method is not None:
                    setattr(cls, name, _by_chunk(method, of_stream))
        for name, method in list(vars(cls).items()):
            if name not in (*FEATURES, *ANSWERS, *_OF_STREAMS) and _is_asked_of_rows(name, method):
                setattr(cls, name, _by_chunk(method, partial(_refuse, name)))
        if "transform" in vars(cls) and hasattr(cls, "fit_transform"):
            cls.fit_transform = _fit_and_transform(cls.fit_transform)


def _by_chunk(method, of_stream):
    """A method of arrays as one of streams, too."""
    if hasattr(method, "check"):  # what available_if has made of it
        return available_if(method.check)(_by_chunk(method.fn, of_stream))

    @wraps(method)
    def of_any(self, X, *args, **kwargs):
        if is_stream(X):
            return of_stream(X, lambda chunk: method(self, chunk, *args, **kwargs))
        return method(self, X, *args, **kwargs)

    return of_any


def _fit_and_transform(method):
    """scikit-learn's ``fit_transform`` of arrays as one of streams, too."""

    @wraps(method)
    def of_any(self, X, y=None, **fit_params):
        if is_stream(X):
            return self.fit(X, y, **fit_params).transform(X)
        return method(self, X, y, **fit_params)

    return of_any


def _is_asked_of_rows(name, method):
    """Whether this is a public method whose first argument is X."""
    if name.startswith("_") or not isfunction(method):
        return False
    return [*signature(method).parameters][1:2] == ["X"]


def _refuse(name, stream, function):
    raise TypeError(
        f"{name} takes arrays, and X is a stream. Call it for one chunk after another: "
        f"[model.{name}(X) for X in stream]."
    )


def _stream_of(stream, function):
    made = stream.map(partial(_values_of, function, stream.with_names))
    made.first  # noqa: B018 (what would go wrong is said now and not when the stream is read)
    return made


def _array_of(stream, function):
    return np.concatenate([function(stream.with_names(chunk)) for chunk in stream])


def _values_of(function, with_names, chunk):
    """What a function makes of a chunk, as an array also where scikit-learn makes it a frame."""
    values = function(with_names(chunk))
    return values.to_numpy() if hasattr(values, "to_numpy") else values
