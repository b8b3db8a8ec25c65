"""Energy-based models for scikit-learn."""

from ._version import __version__, show_versions
from .boltzmann import BernoulliRBM

__all__ = ["BernoulliRBM", "__version__", "show_versions"]
