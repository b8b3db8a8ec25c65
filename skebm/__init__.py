"""Energy-based models for scikit-learn."""

from ._version import __version__, show_versions
from .boltzmann import BernoulliRBM, GaussianRBM, MixedRBM, RBMImputer
from .deep import (
    DBNClassifier,
    DBNRegressor,
    DeepAutoencoder,
    DeepBeliefNetwork,
    GenerativeDBNClassifier,
)
from .memory import HopfieldMemory
from .ratings import RatingKFold, RatingRBM, RatingSamples, ratings_matrix
from .stacking import DSNClassifier, DSNRegressor

__all__ = [
    "BernoulliRBM",
    "DBNClassifier",
    "DBNRegressor",
    "DSNClassifier",
    "DSNRegressor",
    "DeepAutoencoder",
    "DeepBeliefNetwork",
    "GaussianRBM",
    "GenerativeDBNClassifier",
    "HopfieldMemory",
    "MixedRBM",
    "RBMImputer",
    "RatingKFold",
    "RatingRBM",
    "RatingSamples",
    "__version__",
    "ratings_matrix",
    "show_versions",
]
