"""Boltzmann machines."""

from .bernoulli import BernoulliRBM

__all__ = ["BernoulliRBM"]
