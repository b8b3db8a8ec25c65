"""Base class of all deep networks."""

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from .._by_chunk import AnswersByChunk
from .._callbacks import CallbackSupportMixin
from .._checks import HasPlainParameters
from .._conventions import HasFeaturesOut, HasHistory
from .._deployment import Deployable
from .._version import VersionStamp


class DeepNetwork(
    Deployable,
    AnswersByChunk,
    HasHistory,
    HasFeaturesOut,
    HasPlainParameters,
    VersionStamp,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """A transformer of dense or sparse rows, with callbacks and a version stamp."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
