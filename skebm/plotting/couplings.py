"""The weights between the units of a Boltzmann machine, as a matrix of colours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .style import WEIGHTS, axes_for, check_has

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Largest number of units whose names are written beside the matrix.
_MOST_NAMES = 60
_INCHES_OF_A_NAME = 0.17


class CouplingsDisplay:
    """Weights between units, with one row and one column for each unit.

    Given all other units, the two units of a red pair tend to be in the same state, those of a blue
    pair in different states. The units of a white pair do not depend on each other directly.

    Parameters
    ----------
    weights : array-like of shape (n_units, n_units)
        Symmetric weights.
    names : sequence of str, default=None
        Names of the units. None numbers them.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        The matrix of colours.
    order_ : ndarray of int of shape (n_units,)
        Index of the unit in each row of the matrix.
    ax_ : matplotlib Axes
        The axes that contain it.
    figure_ : matplotlib Figure
        The figure that contains the axes.

    See Also
    --------
    ComponentsDisplay : Weights of hidden units, as images.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import BoltzmannMachine
    >>> from skebm.plotting import CouplingsDisplay
    >>> X = np.random.default_rng(0).integers(2, size=(50, 6))
    >>> display = CouplingsDisplay.from_estimator(BoltzmannMachine().fit(X))
    >>> display.order_
    array([0, 1, 2, 3, 4, 5])
    """

    def __init__(self, weights: ArrayLike, *, names: Sequence[str] | None = None) -> None:
        self.weights = weights
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        names: Sequence[str] | None = None,
        grouped: bool = False,
        ax: "Axes | None" = None,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the weights between the visible units of a fitted estimator.

        Parameters
        ----------
        estimator : BoltzmannMachine or HopfieldMemory
            A fitted estimator with an attribute ``weights_``. Hidden units follow after the
            features.
        names : sequence of str, default=None
            Names of the units. None uses the feature names, if the estimator has any.
        grouped : bool, default=False
            As for :meth:`plot`.
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : CouplingsDisplay
            The display, which has been drawn.

        Raises
        ------
        ValueError
            If the estimator has no such weights.
        """
        instead = "Pass a BoltzmannMachine, or a HopfieldMemory whose rule stores weights."
        check_has(estimator, "weights_", cls.__name__, instead)
        if names is None and hasattr(estimator, "feature_names_in_"):
            n_hidden = len(estimator.weights_) - estimator.n_features_in_
            hidden = [f"hidden {number}" for number in range(n_hidden)]
            names = [*estimator.feature_names_in_, *hidden]
        return cls(estimator.weights_, names=names).plot(ax, grouped=grouped, im_kw=im_kw)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        grouped: bool = False,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        grouped : bool, default=False
            Whether to reorder the units by hierarchical clustering, so that units with strong
            weights between them are neighbours. False keeps their order.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : CouplingsDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the weights are not a square matrix, or the number of names is not that of the units.
        """
        name = type(self).__name__
        weights = check_array(self.weights, dtype=(np.float64, np.float32), estimator=name)
        n_units = len(weights)
        names = np.arange(n_units) if self.names is None else np.asarray(self.names)
        if weights.shape != (n_units, n_units) or names.shape != (n_units,):
            raise ValueError(
                f"{name} draws weights of shape (n_units, n_units) with a name for each unit. Got "
                f"weights of shape {weights.shape} and {names.size} names."
            )
        self.order_ = _grouped(weights) if grouped else np.arange(n_units)
        shown = weights[np.ix_(self.order_, self.order_)]
        are_named = self.names is not None and n_units <= _MOST_NAMES
        side = max(4.0, _INCHES_OF_A_NAME * n_units) if are_named else 4.5
        ax = axes_for(self, ax, (side + 1.5, side))
        limit = np.abs(shown).max() or 1.0
        scale: dict[str, Any] = {"cmap": WEIGHTS, "vmin": -limit, "vmax": limit}
        self.image_ = ax.imshow(shown, **scale | (im_kw or {}))
        if are_named:
            ax.set_xticks(range(n_units), names[self.order_], rotation=90, fontsize=7)
            ax.set_yticks(range(n_units), names[self.order_], fontsize=7)
        else:
            ax.set(xlabel="unit", ylabel="unit")
        ax.figure.colorbar(self.image_, ax=ax, label="weight", shrink=0.8)
        return self


def _grouped(weights):
    """An order of the units in which those with strong weights between them are neighbours."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(weights) < 3:
        return np.arange(len(weights))
    sizes = np.abs(weights)
    distances = sizes.max() - sizes
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    return leaves_list(tree)
