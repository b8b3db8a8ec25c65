"""Colours, axes and other things that all displays share; the only module with matplotlib."""

from sklearn.utils.validation import check_is_fitted

# Colours that colour-blind readers can distinguish: M. Okabe and K. Ito, "Color universal design",
# 2008.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
GREY = "#7F7F7F"
_CYCLE = (BLUE, VERMILION, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
_FRAME = "0.75"
_GRID = "0.9"

# Colour maps of data, dark on white, and of weights, which are white where they are zero.
INK = "gray_r"
WEIGHTS = "RdBu_r"
# Colour of missing pixels.
MISSING = "#CFE3F3"

_LINES_SIZE = (5.6, 3.6)


def pyplot(name):
    """Return ``matplotlib.pyplot``, which the class ``name`` needs.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{name} needs matplotlib, which is not installed. Install it, for example with "
            "pip install '.[plot]' in a checkout of skebm."
        ) from error
    return plt


def axes_for(display, ax, size=_LINES_SIZE):
    """The given axes, or new ones of this size in inches, which are set as attributes."""
    plt = pyplot(type(display).__name__)
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def next_colour(ax):
    """The colour that the fewest lines in these axes have."""
    taken = [line.get_color() for line in ax.lines]
    return min(_CYCLE, key=taken.count)


def tidy_lines(ax):
    """Remove the upper and right border of axes, and add a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=_GRID)
    ax.set_axisbelow(True)


def count_in_whole_numbers(axis):
    """Put the ticks of an axis at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def image_map(name):
    """The colour map of this name, with a separate colour for missing values."""
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad=MISSING)


def frames(corners, width, height):
    """Thin frames around tiles with these upper left corners, as one artist."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    tiles = [Rectangle(corner, width, height) for corner in corners]
    return PatchCollection(tiles, facecolor="none", edgecolor=_FRAME, linewidth=0.6)


def check_has(estimator, attribute, display, instead):
    """Raise an error unless the estimator is fitted and has the attribute that a display draws.

    Parameters
    ----------
    estimator : estimator
    attribute : str
    display : str
        Name of the display.
    instead : str
        A sentence that says what to do instead.
    """
    if hasattr(estimator, "get_params"):
        check_is_fitted(estimator)
    if not hasattr(estimator, attribute):
        raise ValueError(
            f"{display} draws the attribute {attribute!r}, which {type(estimator).__name__} does "
            f"not have. {instead}"
        )
