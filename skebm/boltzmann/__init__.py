"""Boltzmann machines."""

from .annealing import simulated_annealing
from .bernoulli import BernoulliRBM
from .fully_connected import BoltzmannMachine
from .gaussian import GaussianRBM
from .imputer import RBMImputer
from .mixed import MixedRBM
from .partition import LogPartition

__all__ = [
    "BernoulliRBM",
    "BoltzmannMachine",
    "GaussianRBM",
    "LogPartition",
    "MixedRBM",
    "RBMImputer",
    "simulated_annealing",
]
