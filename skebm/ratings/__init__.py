"""Ratings of items by users: a machine for each row, with the items that the row rates."""

from .folds import RatingKFold, RatingSamples
from .rbm import RatingRBM
from .table import ratings_matrix

__all__ = ["RatingKFold", "RatingRBM", "RatingSamples", "ratings_matrix"]
