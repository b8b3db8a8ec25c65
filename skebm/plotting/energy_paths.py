"""The energies of rows during recall by an associative memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .._deployment import twin_of
from .style import BLUE, GREEN, GREY, VERMILION, axes_for, count_in_whole_numbers, tidy_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

STORED, REVERSED, SPURIOUS = "a stored pattern", "a reversed pattern", "a spurious state"

# With different dashes, so that colours are not needed to distinguish them.
_STYLES: dict[str | None, dict[str, Any]] = {
    STORED: {"color": BLUE, "linestyle": "-"},
    REVERSED: {"color": GREEN, "linestyle": "-."},
    SPURIOUS: {"color": VERMILION, "linestyle": "--"},
    None: {"color": GREY, "linestyle": "-"},
}


class EnergyPathsDisplay:
    """Energies of rows before recall and after each sweep, one line per row.

    Parameters
    ----------
    energies : array-like of shape (n_samples, n_sweeps + 1)
        Energies before the first sweep and after each sweep.
    endings : sequence of str, of length n_samples, default=None
        The state in which the recall of each row ends: "a stored pattern", "a reversed pattern" or
        "a spurious state".

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        One for each row.
    ax_ : matplotlib Axes
        The axes that contain them.
    figure_ : matplotlib Figure
        The figure that contains the axes.

    See Also
    --------
    RecallDisplay : The states that have these energies.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import HopfieldMemory
    >>> from skebm.plotting import EnergyPathsDisplay
    >>> X = np.random.default_rng(0).choice([-1, 1], size=(3, 36))
    >>> memory = HopfieldMemory(random_state=0).fit(X)
    >>> damaged = np.where(np.arange(36) < 9, -X, X)
    >>> display = EnergyPathsDisplay.from_estimator(memory, damaged)
    >>> len(display.lines_)
    3
    """

    def __init__(self, energies: ArrayLike, *, endings: Sequence[str | None] | None = None) -> None:
        self.energies = energies
        self.endings = endings

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        clamp: ArrayLike | None = None,
        missing: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        ax: "Axes | None" = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Recall rows and draw their energies.

        Parameters
        ----------
        estimator : HopfieldMemory
            A fitted memory. With a positive temperature, the legend names the minimum that a row
            would reach from its last state at temperature zero.
        X : array-like of shape (n_samples, n_features)
            States to start from. NaN marks missing entries.
        clamp : array-like of bool, of shape (n_features,) or (n_samples, n_features), default=None
            Units that keep the state that they have in ``X``.
        missing : array-like of bool, of shape (n_features,) or (n_samples, n_features), \
default=None
            Further missing entries. All missing entries start at random values.
        random_state : int, RandomState instance or None, default=None
            As for :meth:`skebm.HopfieldMemory.recall`.
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        line_kw : dict, default=None
            Keyword arguments of ``plot`` for all lines.

        Returns
        -------
        display : EnergyPathsDisplay
            The display, which has been drawn.
        """
        recalled = estimator.recall(X, clamp=clamp, missing=missing, random_state=random_state)
        endings = _endings(estimator, recalled.states)
        return cls(recalled.energies, endings=endings).plot(ax, line_kw=line_kw)

    def plot(self, ax: "Axes | None" = None, *, line_kw: dict[str, Any] | None = None) -> Self:
        """Draw the paths.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        line_kw : dict, default=None
            Keyword arguments of ``plot`` for all lines.

        Returns
        -------
        display : EnergyPathsDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the number of endings is not that of the rows, or an ending is unknown.
        """
        name = type(self).__name__
        energies = check_array(self.energies, dtype=(np.float64, np.float32), estimator=name)
        given = self.endings
        endings: list[str | None] = [None] * len(energies) if given is None else list(given)
        if len(endings) != len(energies) or not set(endings) <= set(_STYLES):
            raise ValueError(
                f"The 'endings' parameter of {name} must have, for each of the {len(energies)} "
                f"rows, one of {[ending for ending in _STYLES if ending]}. Got {self.endings!r} "
                "instead."
            )
        ax = axes_for(self, ax)
        sweeps = np.arange(energies.shape[1])
        self.lines_: list[Line2D] = []
        for path, ending in zip(energies, endings, strict=True):
            options = _STYLES[ending] | {"marker": ".", "alpha": 0.7} | (line_kw or {})
            self.lines_ += ax.plot(sweeps, path, **options)
        tidy_lines(ax)
        count_in_whole_numbers(ax.xaxis)
        ax.set(xlabel="sweeps", ylabel="energy")
        found = [ending for ending in _STYLES if ending in endings and ending]
        if found:
            handles = [self.lines_[endings.index(ending)] for ending in found]
            ax.legend(handles, found, title="ends in")
        return self


def _endings(memory, states):
    """Endings of rows: the patterns or states to which their states lead at temperature zero."""
    # Without labels, since a label may be equal to the code of a spurious state.
    at_rest = twin_of(memory, vars(memory) | {"temperature": 0.0, "labels_": None})
    codes = {-1: SPURIOUS, -2: REVERSED}
    return [codes.get(number, STORED) for number in at_rest.predict(states).tolist()]
