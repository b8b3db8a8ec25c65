"""Boltzmann machines."""

from .bernoulli import BernoulliRBM
from .gaussian import GaussianRBM
from .imputer import RBMImputer
from .mixed import MixedRBM
from .partition import LogPartition

__all__ = [
    "BernoulliRBM",
    "GaussianRBM",
    "LogPartition",
    "MixedRBM",
    "RBMImputer",
]
