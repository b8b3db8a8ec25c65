"""Deep networks, made of RBMs."""

from .dbn import DBNClassifier, DBNRegressor

__all__ = ["DBNClassifier", "DBNRegressor"]
