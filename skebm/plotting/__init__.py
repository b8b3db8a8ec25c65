"""Displays: what models have learned, and what they do, as pictures.

Each is made by ``from_estimator``, or from plain arrays and drawn by ``plot``. Only these need
matplotlib, and only when they draw.
"""

from .components import ComponentsDisplay
from .couplings import CouplingsDisplay
from .energy_paths import EnergyPathsDisplay
from .history import HistoryDisplay
from .module_error import ModuleErrorDisplay
from .recall import RecallDisplay
from .reconstructions import ReconstructionsDisplay
from .samples import SamplesDisplay

__all__ = [
    "ComponentsDisplay",
    "CouplingsDisplay",
    "EnergyPathsDisplay",
    "HistoryDisplay",
    "ModuleErrorDisplay",
    "RecallDisplay",
    "ReconstructionsDisplay",
    "SamplesDisplay",
]
