"""Deep networks, made of RBMs."""

from .autoencoder import DeepAutoencoder
from .dbn import DBNClassifier, DBNRegressor
from .generative_dbn import DeepBeliefNetwork, GenerativeDBNClassifier

__all__ = [
    "DBNClassifier",
    "DBNRegressor",
    "DeepAutoencoder",
    "DeepBeliefNetwork",
    "GenerativeDBNClassifier",
]
