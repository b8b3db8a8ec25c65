"""A long training while it runs: what callbacks and persons see of it, what of it is to stay."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Work(NamedTuple):
    """A call of ``fit`` or ``partial_fit`` while it runs.

    Attributes
    ----------
    progress : callback context
    commit : callable
        To be called when what is there is to stay, whatever comes.
    is_first : bool
        Whether it starts afresh and does not go on with what is fitted.
    """

    progress: Any
    commit: Callable
    is_first: bool


class StageReport:
    """Prints a line after each epoch of a stage of training.

    Parameters
    ----------
    estimator : estimator
        Whose class is named; nothing is printed unless its ``verbose`` is true.
    stage : str
        Such as "Layer 1 of 3".
    n_epochs : int
        As many as the stage may have.
    """

    def __init__(self, estimator, stage, n_epochs):
        self._name = type(estimator).__name__
        self._is_wanted = bool(estimator.verbose)
        self._stage = stage
        self._n_epochs = n_epochs
        self._seconds = 0.0

    def __call__(self, epoch, measured):
        """Take what was measured in an epoch, counted from 1; it has "seconds" among it."""
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
