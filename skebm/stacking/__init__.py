"""Stacking networks."""

from .dsn import DSNClassifier, DSNRegressor

__all__ = ["DSNClassifier", "DSNRegressor"]
