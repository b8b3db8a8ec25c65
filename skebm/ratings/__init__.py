"""Ratings of items by users: a separate machine for each row, with the items that it rates."""

from .folds import RatingKFold, RatingSamples
from .rbm import RatingRBM
from .table import ratings_matrix

__all__ = ["RatingKFold", "RatingRBM", "RatingSamples", "ratings_matrix"]
