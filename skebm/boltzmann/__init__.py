"""Boltzmann machines."""

from .bernoulli import BernoulliRBM
from .gaussian import GaussianRBM

__all__ = ["BernoulliRBM", "GaussianRBM"]
