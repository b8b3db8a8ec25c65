"""The look of all displays, and the only place that imports matplotlib."""

from sklearn.utils.validation import check_is_fitted

# Colours that people who do not see all colours tell apart. M. Okabe and K. Ito, "Color universal
# design", 2008.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
GREY = "#7F7F7F"
_CYCLE = (BLUE, VERMILION, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
_FRAME = "0.75"
_GRID = "0.9"

# What an image shows: ink on paper, and weights, which are white where they are zero.
INK = "gray_r"
WEIGHTS = "RdBu_r"
# Of pixels that have no value.
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
    """The axes given, or new ones of a size in inches; they become attributes of the display."""
    plt = pyplot(type(display).__name__)
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def next_colour(ax):
    """The first colour that no line in these axes has, or in turn once all are taken."""
    taken = [line.get_color() for line in ax.lines]
    return min(_CYCLE, key=taken.count)


def tidy_lines(ax):
    """Take from axes with lines what shows no data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=_GRID)
    ax.set_axisbelow(True)


def count_in_whole_numbers(axis):
    """Put the ticks of an axis at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def image_map(name):
    """A colour map, given its name, in which missing values have a colour of their own."""
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad=MISSING)


def frames(corners, width, height):
    """Thin frames around tiles, given their upper left corners, as one artist."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    tiles = [Rectangle(corner, width, height) for corner in corners]
    return PatchCollection(tiles, facecolor="none", edgecolor=_FRAME, linewidth=0.6)


def check_has(estimator, attribute, display, instead):
    """Raise an error unless the estimator is fitted and has what a display draws.

    Parameters
    ----------
    estimator : estimator
    attribute : str
    display : str
        Name of the display.
    instead : str
        A sentence that says what to do.
    """
    if hasattr(estimator, "get_params"):
        check_is_fitted(estimator)
    if not hasattr(estimator, attribute):
        raise ValueError(
            f"{display} draws the attribute {attribute!r}, which {type(estimator).__name__} does "
            f"not have. {instead}"
        )
