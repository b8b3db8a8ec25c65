"""Energy-based models for scikit-learn."""

from ._parallel import data_parallel
from ._streams import stream
from ._version import __version__, show_versions
from .boltzmann import BernoulliRBM, GaussianRBM, MixedRBM, RBMImputer
from .deep import (
    DBMClassifier,
    DBNClassifier,
    DBNRegressor,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    GenerativeDBNClassifier,
)
from .memory import HopfieldMemory
from .pairwise import BoltzmannMachine, simulated_annealing
from .ratings import RatingKFold, RatingRBM, RatingSamples, ratings_matrix
from .stacking import DSNClassifier, DSNRegressor

__all__ = [
    "BernoulliRBM",
    "BoltzmannMachine",
    "DBMClassifier",
    "DBNClassifier",
    "DBNRegressor",
    "DSNClassifier",
    "DSNRegressor",
    "DeepAutoencoder",
    "DeepBeliefNetwork",
    "DeepBoltzmannMachine",
    "GaussianRBM",
    "GenerativeDBNClassifier",
    "HopfieldMemory",
    "MixedRBM",
    "RBMImputer",
    "RatingKFold",
    "RatingRBM",
    "RatingSamples",
    "__version__",
    "data_parallel",
    "ratings_matrix",
    "show_versions",
    "simulated_annealing",
    "stream",
]
