"""Deep networks, made of RBMs."""

from .autoencoder import DeepAutoencoder
from .dbn import DBNClassifier, DBNRegressor

__all__ = ["DBNClassifier", "DBNRegressor", "DeepAutoencoder"]
