"""Rows of data, and their reconstructions by models."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .image_grid import draw_image_grid, grid_size, image_shape_of, range_of
from .style import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOATS = (np.float64, np.float32)


class ReconstructionsDisplay:
    """Rows of data as images, each above its reconstructions by one or several models.

    Parameters
    ----------
    originals : array-like of shape (n_samples, n_features)
        Rows of data. NaN, a missing pixel, is drawn in a separate colour.
    reconstructions : array-like of shape (n_samples, n_features), or dict of str to array-like
        Reconstructions by a model. A dict has those of several models, by the names to write
        beside them.
    image_shape : tuple of int, default=None
        Height and width of the images, in pixels. None means square images.

    Attributes
    ----------
    images_ : ndarray of shape (1 + n_models, n_samples)
        The AxesImage of each original, in the first row, and of each reconstruction.
    ax_ : matplotlib Axes
        The axes that contain them.
    figure_ : matplotlib Figure
        The figure that contains the axes.

    See Also
    --------
    RecallDisplay : The recall of an associative memory, sweep by sweep.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import BernoulliRBM
    >>> from skebm.plotting import ReconstructionsDisplay
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(n_components=20, random_state=0).fit(X)
    >>> display = ReconstructionsDisplay.from_estimator(rbm, X[:8])
    >>> display.images_.shape
    (2, 8)
    """

    def __init__(
        self,
        originals: ArrayLike,
        reconstructions: ArrayLike | dict[str, ArrayLike],
        *,
        image_shape: tuple[int, int] | None = None,
    ) -> None:
        self.originals = originals
        self.reconstructions = reconstructions
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        image_shape: tuple[int, int] | None = None,
        ax: "Axes | None" = None,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw rows and their reconstructions by a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with ``reconstruct``, or an estimator or pipeline with ``transform``
            and ``inverse_transform``.
        X : array-like of shape (n_samples, n_features)
            Rows of data.
        image_shape : tuple of int, default=None
            Height and width of the images, in pixels. None means square images.
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : ReconstructionsDisplay
            The display, which has been drawn.

        Raises
        ------
        ValueError
            If the shape does not fit the number of features.
        """
        if hasattr(estimator, "reconstruct"):
            reconstructions = estimator.reconstruct(X)
        else:
            reconstructions = estimator.inverse_transform(estimator.transform(X))
        return cls(X, reconstructions, image_shape=image_shape).plot(ax, im_kw=im_kw)

    def plot(self, ax: "Axes | None" = None, *, im_kw: dict[str, Any] | None = None) -> Self:
        """Draw the rows and their reconstructions, all with the same colour scale.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : ReconstructionsDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the shape does not fit the number of features, or the arrays do not have the same
            shape.
        """
        name = type(self).__name__
        originals = _rows(self.originals, name)
        named = self.reconstructions
        if not isinstance(named, dict):
            named = {"reconstruction": named}
        lines = {"original": originals}
        for label, rows in named.items():
            lines[label] = _rows(rows, name)
            if lines[label].shape != originals.shape:
                raise ValueError(
                    f"The 'reconstructions' parameter of {name} must have the shape of "
                    f"'originals', {originals.shape}. Got {lines[label].shape} instead."
                )
        shape = image_shape_of(originals.shape[1], self.image_shape, name)
        tiles = np.stack(list(lines.values())).reshape(len(lines), -1, *shape)
        ax = axes_for(self, ax, grid_size(*tiles.shape[:2]))
        self.images_ = draw_image_grid(
            ax, tiles, range_of(tiles), row_labels=list(lines), im_kw=im_kw
        )
        return self


def _rows(rows, name):
    return check_array(rows, dtype=_FLOATS, ensure_all_finite="allow-nan", estimator=name)
