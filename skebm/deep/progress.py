"""Progress of training: callbacks, printed reports, and which results are kept."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Work(NamedTuple):
    """State of a call of ``fit`` or ``partial_fit``.

    Attributes
    ----------
    progress : callback context
    commit : callable
        Called when the present state is to be kept, even if an error follows.
    is_first : bool
        Whether training starts from scratch, and does not continue from a fitted state.
    """

    progress: Any
    commit: Callable
    is_first: bool


class StageReport:
    """Prints a line after each epoch of a stage of training.

    Parameters
    ----------
    estimator : estimator
        The name of its class is printed; nothing is printed unless its ``verbose`` is true.
    stage : str
        Name of the stage, such as "Layer 1 of 3".
    n_epochs : int
        Largest number of epochs of the stage.
    """

    def __init__(self, estimator, stage, n_epochs):
        self._name = type(estimator).__name__
        self._is_wanted = bool(estimator.verbose)
        self._stage = stage
        self._n_epochs = n_epochs
        self._seconds = 0.0

    def __call__(self, epoch, measured):
        """Report the measurements, which include "seconds", of an epoch, counted from 1."""
        self._seconds += measured["seconds"]
        if not self._is_wanted:
            return
        left = self._seconds / epoch * (self._n_epochs - epoch)
        values = ", ".join(
            f"{name.replace('_', ' ')} = {value:.4f}"
            for name, value in measured.items()
            if name != "seconds"
        )
        print(
            f"[{self._name}] {self._stage}, epoch {epoch} of {self._n_epochs}: {values}, "
            f"{left:.0f} s left",
            flush=True,
        )
