"""Energy-based models for scikit-learn."""

from ._version import __version__, show_versions
from .boltzmann import BernoulliRBM, GaussianRBM
from .deep import DSNClassifier, DSNRegressor
from .memory import HopfieldMemory

__all__ = [
    "BernoulliRBM",
    "DSNClassifier",
    "DSNRegressor",
    "GaussianRBM",
    "HopfieldMemory",
    "__version__",
    "show_versions",
]
