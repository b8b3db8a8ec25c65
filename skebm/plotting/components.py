"""The weights of hidden units, as images."""

import math
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .image_grid import draw_image_grid, grid_size, image_shape_of
from .style import WEIGHTS, axes_for, check_has

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ComponentsDisplay:
    """Weights of hidden units, one image per unit.

    Red pixels switch a unit on, blue pixels switch it off, white pixels have no influence.

    Parameters
    ----------
    components : array-like of shape (n_components, n_features)
        Weights.
    image_shape : tuple of int, default=None
        Height and width of the images, in pixels. None means square images.

    Attributes
    ----------
    images_ : ndarray of shape (n_rows, n_columns)
        The AxesImage of each unit; None in the empty places of the last row.
    ax_ : matplotlib Axes
        The axes that contain them.
    figure_ : matplotlib Figure
        The figure that contains the axes.

    See Also
    --------
    ReconstructionsDisplay : Rows of data as all units together reconstruct them.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import BernoulliRBM
    >>> from skebm.plotting import ComponentsDisplay
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(n_components=20, random_state=0).fit(X)
    >>> display = ComponentsDisplay.from_estimator(rbm)
    >>> display.images_.shape
    (4, 5)
    """

    def __init__(
        self,
        components: ArrayLike,
        *,
        image_shape: tuple[int, int] | None = None,
    ) -> None:
        self.components = components
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        units: int | ArrayLike = 100,
        image_shape: tuple[int, int] | None = None,
        own_scales: bool = False,
        ax: "Axes | None" = None,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the weights of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with weights to its features: an RBM, or an estimator of scikit-learn
            with an attribute ``components_``, such as :class:`~sklearn.decomposition.PCA`; the
            lowest module of a stacking network, or the network itself, whose lowest module is
            drawn; or another deep model, whose lowest layer is drawn, as it is after fine-tuning.
            For a generative model, these are its weights in the downward direction.
        units : int or array-like of int, default=100
            The units to draw. An int: at most this number, those with the largest weights
            (Euclidean norm), the largest first. An array: the units with these indices.
        image_shape : tuple of int, default=None
            Height and width of the images, in pixels. None means square images.
        own_scales : bool, default=False
            Whether each unit has a separate colour scale.
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : ComponentsDisplay
            The display, which has been drawn.

        Raises
        ------
        ValueError
            If the estimator has no such weights, the shape does not fit the number of features, or
            ``units`` is an int below 1.
        """
        if isinstance(units, Integral) and units < 1:
            raise ValueError(
                f"The 'units' parameter of {cls.__name__}.from_estimator must be an int in the "
                f"range [1, inf), or an array of int. Got {units!r} instead."
            )
        components = _lowest_weights(estimator, cls.__name__)
        components = components[_numbers(units, components)]
        display = cls(components, image_shape=image_shape)
        return display.plot(ax, own_scales=own_scales, im_kw=im_kw)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        own_scales: bool = False,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        own_scales : bool, default=False
            Whether each unit has a separate colour scale.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : ComponentsDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the shape does not fit the number of features.
        """
        name = type(self).__name__
        components = check_array(self.components, dtype=(np.float64, np.float32), estimator=name)
        shape = image_shape_of(components.shape[1], self.image_shape, name)
        n_units = len(components)
        n_columns = math.ceil(math.sqrt(n_units))
        n_rows = math.ceil(n_units / n_columns)
        tiles = np.full((n_rows * n_columns, *shape), np.nan, dtype=components.dtype)
        tiles[:n_units] = components.reshape(-1, *shape)

        tiles = tiles.reshape(n_rows, n_columns, *shape)

        strongest = np.abs(tiles).max(axis=(2, 3))
        if not own_scales:
            strongest = np.nanmax(strongest)
        limit = np.where(strongest > 0, strongest, 1)
        ax = axes_for(self, ax, grid_size(n_rows, n_columns))
        options = {"cmap": WEIGHTS} | (im_kw or {})
        self.images_ = draw_image_grid(ax, tiles, (-limit, limit), im_kw=options)
        return self


def _lowest_weights(estimator, display):
    """Weights between the features and the lowest layer of units, one row per unit."""
    if getattr(estimator, "modules_", None):
        return estimator.modules_[0].components_
    if getattr(estimator, "coefs_", None):
        return estimator.coefs_[0].T
    if getattr(estimator, "generative_coefs_", None):
        return estimator.generative_coefs_[0]
    if getattr(estimator, "rbms_", None):  # one layer, whose RBM may have units for a label as well
        return estimator.rbms_[0].components_[:, : estimator.n_features_in_]
    instead = "Pass an estimator, or a part of one, that has weights to its features."
    check_has(estimator, "components_", display, instead)
    return estimator.components_


def _numbers(units, components):
    if not isinstance(units, Integral):
        return np.asarray(units)
    strength = np.linalg.norm(components, axis=1)
    return np.argsort(-strength, kind="stable")[:units]
