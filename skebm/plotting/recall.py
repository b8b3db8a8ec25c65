"""The states of rows during recall by an associative memory, sweep by sweep."""

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from .._deployment import twin_of
from .image_grid import draw_image_grid, grid_size, range_of, sequences_of_images
from .style import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RecallDisplay:
    """Recall of some rows, with one row of images for each: its first state and those after sweeps.

    Parameters
    ----------
    states : array-like of shape (n_samples, n_sweeps + 1, n_features)
        States before the first sweep and after each sweep. NaN, a missing pixel, is drawn in a
        separate colour.
    image_shape : tuple of int, default=None
        Height and width of the images, in pixels. None means square images.

    Attributes
    ----------
    images_ : ndarray of shape (n_samples, n_sweeps + 1)
        The AxesImage of each state.
    ax_ : matplotlib Axes
        The axes that contain them.
    figure_ : matplotlib Figure
        The figure that contains the axes.

    See Also
    --------
    EnergyPathsDisplay : The energies of the same states.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import HopfieldMemory
    >>> from skebm.plotting import RecallDisplay
    >>> X = np.random.default_rng(0).choice([-1, 1], size=(3, 36))
    >>> memory = HopfieldMemory(random_state=0).fit(X)
    >>> damaged = np.where(np.arange(36) < 9, -X, X)
    >>> display = RecallDisplay.from_estimator(memory, damaged)
    >>> len(display.images_)
    3
    """

    def __init__(self, states: ArrayLike, *, image_shape: tuple[int, int] | None = None) -> None:
        self.states = states
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        clamp: ArrayLike | None = None,
        missing: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        image_shape: tuple[int, int] | None = None,
        ax: "Axes | None" = None,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Recall rows and draw their states.

        Parameters
        ----------
        estimator : HopfieldMemory
            A fitted memory with ``temperature=0``.
        X : array-like of shape (n_samples, n_features)
            States to start from. NaN marks missing entries.
        clamp : array-like of bool, of shape (n_features,) or (n_samples, n_features), default=None
            Units that keep the state that they have in ``X``.
        missing : array-like of bool, of shape (n_features,) or (n_samples, n_features), \
default=None
            Further missing entries. All missing entries start at random values.
        random_state : int, RandomState instance or None, default=None
            As for :meth:`skebm.HopfieldMemory.recall`.
        image_shape : tuple of int, default=None
            Height and width of the images, in pixels. None means square images.
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : RecallDisplay
            The display, which has been drawn.

        Raises
        ------
        ValueError
            If the memory has a positive temperature, because states after fewer sweeps then cannot
            be computed by a shorter recall. Or if the shape does not fit the number of features.
        """
        if estimator.temperature > 0:
            raise ValueError(
                f"{cls.__name__}.from_estimator shows recall at temperature zero. The "
                f"'temperature' parameter of {type(estimator).__name__} is "
                f"{estimator.temperature!r}: set it to 0."
            )
        if random_state is not None:
            # With one seed, all recalls visit the units in the same order.
            random_state = int(check_random_state(random_state).randint(2**32, dtype=np.uint32))
        given = {"clamp": clamp, "missing": missing, "random_state": random_state}
        states = _states_after_sweeps(estimator, X, given)
        return cls(states, image_shape=image_shape).plot(ax, im_kw=im_kw)

    def plot(self, ax: "Axes | None" = None, *, im_kw: dict[str, Any] | None = None) -> Self:
        """Draw the states, all with the same colour scale.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : RecallDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the shape does not fit the number of features.
        """
        tiles = sequences_of_images(self.states, self.image_shape, type(self).__name__)
        labels = ["start", *map(str, range(1, tiles.shape[1]))]
        ax = axes_for(self, ax, grid_size(*tiles.shape[:2]))
        self.images_ = draw_image_grid(
            ax, tiles, range_of(tiles), column_labels=labels, im_kw=im_kw
        )
        ax.set_xlabel("sweeps")
        return self


def _states_after_sweeps(memory, X, given):
    """States before recall and after each sweep, from recalls with a smaller ``max_iter``."""
    n_sweeps = memory.recall(X, **given).n_steps.max()
    states = [_start(memory, X, given["missing"])]
    for count in range(1, n_sweeps + 1):
        cut_short = twin_of(memory, vars(memory) | {"max_iter": count})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            states.append(cut_short.recall(X, **given).states)
    return np.stack(states, axis=1)


def _start(memory, X, missing):
    """Rows with the two values of the recalled states, and NaN for missing entries."""
    start = np.array(X, dtype=np.float64)
    unknown = np.isnan(start)
    if missing is not None:
        unknown |= missing
    if memory.encoding_ == "threshold":
        start = (start > memory.binarize).astype(np.float64)
    start[unknown] = np.nan
    return start
