"""Deep networks, made of RBMs."""

from .autoencoder import DeepAutoencoder
from .dbm import DeepBoltzmannMachine
from .dbm_classifier import DBMClassifier
from .dbn import DBNClassifier, DBNRegressor
from .generative_dbn import DeepBeliefNetwork, GenerativeDBNClassifier

__all__ = [
    "DBMClassifier",
    "DBNClassifier",
    "DBNRegressor",
    "DeepAutoencoder",
    "DeepBeliefNetwork",
    "DeepBoltzmannMachine",
    "GenerativeDBNClassifier",
]
