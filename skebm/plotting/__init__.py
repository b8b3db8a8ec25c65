"""Displays: figures of what models have learned, and of what they do.

``from_estimator`` creates a display and draws it. It can also be created from arrays, and drawn by
``plot``. Only displays need matplotlib, and only when they draw.
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
