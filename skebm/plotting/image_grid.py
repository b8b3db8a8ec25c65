"""Rows of data as images, in a grid in one pair of axes."""

import math
from numbers import Integral

import numpy as np
from sklearn.utils import check_array

from .style import INK, frames, image_map

# Space between two tiles, as a share of the width of a tile.
_GAP = 0.12
# Inches of a tile, and of the space for the labels of rows and columns.
_TILE = 0.7
_LABELS = 0.6
_WIDEST, _HIGHEST = 6.5, 10.0


def image_shape_of(n_features, image_shape, name):
    """Height and width of the image of a row: as given, or those of a square.

    Raises
    ------
    ValueError
        If the shape does not fit, or is not given and the image would not be a square.
    """
    if image_shape is None:
        side = math.isqrt(n_features)
        if side * side != n_features:
            raise ValueError(
                f"The 'image_shape' parameter of {name} is needed, because {n_features} features "
                "do not form a square image. Pass a height and a width whose product is "
                f"{n_features}."
            )
        return side, side
    if not _is_shape(image_shape) or math.prod(image_shape) != n_features:
        raise ValueError(
            f"The 'image_shape' parameter of {name} must be a height and a width whose product "
            f"is the number of features, {n_features}. Got {image_shape!r} instead."
        )
    return tuple(image_shape)


def _is_shape(value):
    is_pair = isinstance(value, (tuple, list, np.ndarray)) and len(value) == 2
    return is_pair and all(isinstance(side, Integral) and side > 0 for side in value)


def sequences_of_images(states, image_shape, name):
    """States as images, of shape (n_sequences, n_times, height, width).

    Raises
    ------
    ValueError
        If they are not an array with three dimensions, or the image shape does not fit.
    """
    states = check_array(
        states,
        dtype=(np.float64, np.float32),
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite="allow-nan",
        estimator=name,
    )
    if states.ndim != 3:
        raise ValueError(
            f"The 'states' parameter of {name} must have three dimensions, the last of them the "
            f"features. Got the shape {states.shape} instead."
        )
    shape = image_shape_of(states.shape[2], image_shape, name)
    return states.reshape(*states.shape[:2], *shape)


def grid_size(n_rows, n_columns):
    """Width and height, in inches, of a figure for this number of tiles."""
    width, height = (_TILE * n + _LABELS for n in (n_columns, n_rows))
    factor = min(1, _WIDEST / width, _HIGHEST / height)
    return width * factor, height * factor


def draw_image_grid(ax, images, limits, *, row_labels=None, column_labels=None, im_kw=None):
    """Draw each image as a tile of a grid.

    Parameters
    ----------
    ax : matplotlib Axes
    images : ndarray of shape (n_rows, n_columns, height, width)
        NaN is a missing pixel; a tile in which all pixels are missing is not drawn.
    limits : tuple of two, each a float or ndarray of shape (n_rows, n_columns)
        Values at the two ends of the colour scale, for all images or for each image.
    row_labels, column_labels : sequence of str, default=None
    im_kw : dict, default=None
        Keyword arguments of ``imshow``, which replace those of this function.

    Returns
    -------
    artists : ndarray of shape (n_rows, n_columns)
        The AxesImage of each tile; None for tiles that are not drawn.
    """
    n_rows, n_columns, height, width = images.shape
    step_x, step_y = width * (1 + _GAP), height + width * _GAP
    options = {"cmap": INK, "interpolation": "nearest"} | (im_kw or {})
    if isinstance(options["cmap"], str):
        options["cmap"] = image_map(options["cmap"])

    artists = np.full((n_rows, n_columns), None)
    low, high = (np.broadcast_to(limit, artists.shape) for limit in limits)
    corners = []
    for place in zip(*np.nonzero(~np.isnan(images).all(axis=(2, 3))), strict=True):
        left, top = place[1] * step_x, place[0] * step_y
        extent = left, left + width, top + height, top
        scale = {"vmin": low[place], "vmax": high[place]}
        artists[place] = ax.imshow(images[place], extent=extent, **(scale | options))
        corners.append((left, top))
    ax.add_collection(frames(corners, width, height))

    margin = width * _GAP / 2
    ax.set(
        xlim=(-margin, n_columns * step_x - margin),
        ylim=(n_rows * step_y - margin, -margin),
        aspect="equal",
    )
    _label(ax.set_xticks, column_labels, step_x * np.arange(n_columns) + width / 2)
    _label(ax.set_yticks, row_labels, step_y * np.arange(n_rows) + height / 2)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return artists


def range_of(images):
    """The smallest and the largest value, ignoring NaN."""
    return np.nanmin(images), np.nanmax(images)


def _label(set_ticks, labels, places):
    if labels is None:
        set_ticks([])
    else:
        set_ticks(places, labels)
