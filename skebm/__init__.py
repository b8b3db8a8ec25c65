"""Energy-based models for scikit-learn."""

from ._version import __version__, show_versions
from .boltzmann import BernoulliRBM, GaussianRBM
from .deep import DBNClassifier, DBNRegressor, DeepAutoencoder
from .memory import HopfieldMemory
from .stacking import DSNClassifier, DSNRegressor

__all__ = [
    "BernoulliRBM",
    "DBNClassifier",
    "DBNRegressor",
    "DSNClassifier",
    "DSNRegressor",
    "DeepAutoencoder",
    "GaussianRBM",
    "HopfieldMemory",
    "__version__",
    "show_versions",
]
