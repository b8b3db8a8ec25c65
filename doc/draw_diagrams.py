"""Draw the diagrams of the user guide: ``python doc/draw_diagrams.py``, in seconds.

One function for each picture, named after its file in ``_static/diagrams``. Names after the command
draw only these: ``python doc/draw_diagrams.py rbm chains``.
"""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle, FancyBboxPatch

FOLDER = Path(__file__).parent / "_static" / "diagrams"

# Narrow enough that the letters stay legible where a telephone shows 390 pixels.
WIDTH = 4.8
VISIBLE, HIDDEN, LABELS, STORED = "#56B4E9", "#E69F00", "#009E73", "#D55E00"
INK, EDGE, PALE, GAP = "#222222", "#9a9a9a", "#f3f3f3", "#f2d7c4"
RADIUS = 0.2

mpl.rcParams |= {
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "svg.hashsalt": "skebm",  # the same picture is the same file
    "mathtext.fontset": "dejavusans",
}


def main():
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or DIAGRAMS:
        figure = DIAGRAMS[name]()
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None}, facecolor="white")
        plt.close(figure)


# Parts of a network ----------------------------------------------------------


def canvas(width, height):
    """Axes without a frame, `width` units wide in a figure of WIDTH inches."""
    figure, ax = plt.subplots(figsize=(WIDTH, WIDTH * height / width))
    figure.subplots_adjust(0, 0, 1, 1)
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.axis("off")
    return figure, ax


def row(n_units, middle, y, step=0.6):
    """Places of the units of a layer."""
    return [(middle + step * (i - (n_units - 1) / 2), y) for i in range(n_units)]


def column(n_units, x, middle=2.15, step=0.46):
    """The same, upright."""
    return [(x, y) for y, _ in row(n_units, middle, x, step)]


def units(ax, places, colour, radius=RADIUS):
    for place in places:
        ax.add_patch(Circle(place, radius, facecolor=colour, edgecolor=INK, lw=0.9, zorder=3))


def join(ax, lower, upper, colour=EDGE, lw=0.8):
    """A line from each unit of one layer to each of another."""
    lines = [(a, b) for a in lower for b in upper if a != b]
    ax.add_collection(LineCollection(lines, colors=colour, linewidths=lw, zorder=1))


def arrow(ax, start, end, colour=INK, lw=1.4, bend=0.0, style="-|>", zorder=4):
    options = {
        "arrowstyle": style,
        "color": colour,
        "lw": lw,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 11,
        "connectionstyle": f"arc3,rad={bend}",
    }
    ax.annotate("", xy=end, xytext=start, arrowprops=options, zorder=zorder)


def box(ax, left, bottom, width, height, text, colour=PALE, **words):
    shape = FancyBboxPatch(
        (left, bottom),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.12",
        facecolor=colour,
        edgecolor=INK,
        lw=0.9,
        zorder=3,
    )
    ax.add_patch(shape)
    say(ax, left + width / 2, bottom + height / 2, text, zorder=4, **words)


def say(ax, x, y, text, ha="center", **words):
    ax.text(x, y, text, **({"ha": ha, "va": "center"} | words))


# All models ------------------------------------------------------------------


def family():
    """Which model is made from which, as a tree."""
    figure, ax = canvas(8, 8.1)
    # How deep in the tree, what is new, and the classes.
    branches = [
        (0, "stores patterns", "HopfieldMemory", STORED),
        (0, "random units, some hidden", "BoltzmannMachine", STORED),
        (0, "two layers", "BernoulliRBM, GaussianRBM", HIDDEN),
        (1, "tables, gaps", "MixedRBM, RBMImputer", HIDDEN),
        (1, "ratings", "RatingRBM", HIDDEN),
        (1, "layers that learn together", "DeepBoltzmannMachine, DBMClassifier", HIDDEN),
        (1, "RBMs in a stack", "DeepBeliefNetwork", HIDDEN),
        (2, "draws rows of a class", "GenerativeDBNClassifier", VISIBLE),
        (2, "fine-tuned for labels", "DBNClassifier, DBNRegressor", VISIBLE),
        (2, "unrolled: codes", "DeepAutoencoder", VISIBLE),
        (1, "ridge regressions in a stack", "DSNClassifier, DSNRegressor", LABELS),
    ]
    last = {}  # the lowest branch so far at each depth
    for number, (depth, what, classes, colour) in enumerate(branches):
        x, y = 0.45 + 0.75 * depth, 7.7 - 0.73 * number
        if depth or number:
            root_x, root_y = last[max(depth - 1, 0)]
            ax.plot([root_x, root_x, x], [root_y, y, y], color=EDGE, lw=1.5, zorder=1)
        units(ax, [(x, y)], colour, 0.16)
        say(ax, x + 0.35, y + 0.17, classes, "left")
        say(ax, x + 0.35, y - 0.16, what, "left", fontsize=9, color="#666666")
        last[depth] = x, y
    return figure


# Memory ----------------------------------------------------------------------


def hopfield():
    figure, ax = canvas(8, 4.3)
    angles = np.linspace(0, 2 * np.pi, 9)[:-1] + np.pi / 8
    places = [(2.3 + 1.75 * np.cos(a), 2.15 + 1.75 * np.sin(a)) for a in angles]
    join(ax, places, places)
    states = [1, -1, 1, 1, -1, -1, 1, -1]
    for place, state in zip(places, states, strict=True):
        units(ax, [place], INK if state > 0 else "white", 0.24)
    ax.plot(*zip(places[0], places[3], strict=True), color=STORED, lw=2, zorder=2)
    say(ax, 4.5, 3.55, "each unit is on (black, +1)\nor off (white, −1)", "left")
    say(
        ax,
        4.5,
        2.35,
        "each pair has one weight\n$w_{ij}$, the same both ways",
        "left",
        color=STORED,
    )
    say(ax, 4.5, 1.0, "a unit takes the sign\nof the weighted sum\nof the others", "left")
    return figure


def energy_valleys():
    """Energies of real states: from one stored pattern to the other, a unit at a time."""
    n_units, rng = 80, np.random.default_rng(3)
    a, b = rng.choice([-1, 1], size=(2, n_units))
    weights = np.outer(a, a) + np.outer(b, b)
    np.fill_diagonal(weights, 0)
    same, other = (rng.permutation(np.flatnonzero(chosen)) for chosen in (a == b, a != b))
    damage = same[:15]
    path = [np.where(np.isin(np.arange(n_units), damage[:k]), -a, a) for k in range(15, 0, -1)]
    path += [np.where(np.isin(np.arange(n_units), other[:k]), b, a) for k in range(len(other))]
    path += [np.where(np.isin(np.arange(n_units), damage[:k]), -b, b) for k in range(16)]
    energies = np.array([-x @ weights @ x / (2 * n_units) for x in path])
    at_a, at_b = 15, 15 + len(other)

    figure, ax = plt.subplots(figsize=(WIDTH, 2.9), layout="constrained")
    numbers = np.arange(len(path))
    ax.plot(numbers, energies, color=VISIBLE, lw=2.5)
    low, high = energies.min(), energies.max()
    room = high - low
    ax.set(ylim=(low - 0.28 * room, high + 0.35 * room), xticks=[], yticks=[])
    ax.set(xlabel="states, each one unit from its neighbour", ylabel="energy")
    ax.spines[["top", "right"]].set_visible(False)
    for place, name in ((at_a, "stored pattern A"), (at_b, "stored pattern B")):
        ax.plot(place, energies[place], "o", color=STORED, ms=9, zorder=3)
        say(ax, place, low - 0.15 * room, name, color=STORED)
    start = 3
    ax.plot(start, energies[start], "o", color=INK, ms=8, zorder=3)
    say(ax, start - 2, energies[start] + 0.22 * room, "A, damaged", "left")
    lift = 0.07 * room
    arrow(
        ax,
        (start + 1.5, energies[start] + lift),
        (at_a - 0.6, energies[at_a] + 2 * lift),
        bend=-0.1,
    )
    say(ax, at_a + 0.8, low + 0.55 * room, "recall")
    return figure


# Boltzmann machines ----------------------------------------------------------


def rbm():
    figure, ax = canvas(8, 3.5)
    visible, hidden = row(6, 2.5, 0.6, 0.8), row(4, 2.5, 2.8, 0.8)
    join(ax, visible, hidden)
    units(ax, visible, VISIBLE, 0.26)
    units(ax, hidden, HIDDEN, 0.26)
    say(ax, 5.1, 2.8, "hidden units $h$:\nfeatures", "left")
    say(ax, 5.1, 1.7, "weights $W$, used\nin both directions", "left")
    say(ax, 5.1, 0.6, "visible units $v$:\none row of data", "left")
    return figure


def general_boltzmann():
    figure, ax = canvas(8, 4.4)
    visible, hidden = row(5, 2.4, 1.2, 0.95), row(3, 2.4, 3.3, 1.3)
    join(ax, visible, hidden)
    for layer, bend in ((visible, 0.5), (hidden, -0.5)):
        for i, first in enumerate(layer):
            for second in layer[i + 1 :]:
                arrow(ax, first, second, STORED, 1.1, bend, style="-", zorder=1)
    units(ax, visible, VISIBLE, 0.26)
    units(ax, hidden, HIDDEN, 0.26)
    say(ax, 5.15, 3.3, "hidden units", "left")
    say(ax, 5.15, 2.65, "weights between\nlayers, as in an RBM,", "left", va="top")
    say(ax, 5.15, 1.9, "and within a layer", "left", va="top", color=STORED)
    say(ax, 5.15, 1.1, "visible units", "left")
    return figure


def deep_boltzmann():
    figure, ax = canvas(8, 4.5)
    layers = [row(6, 2.5, 0.6, 0.8), row(5, 2.5, 2.2, 0.8), row(3, 2.5, 3.8, 0.8)]
    for lower, upper in pairwise(layers):
        join(ax, lower, upper)
    for layer, colour in zip(layers, (VISIBLE, HIDDEN, VISIBLE), strict=True):
        units(ax, layer, colour, 0.26)
    say(ax, 5.1, 3.8, "second hidden layer $h^2$", "left")
    say(ax, 5.1, 2.2, "first hidden layer $h^1$:\ninput from both sides", "left")
    say(ax, 5.1, 0.6, "visible units $v$", "left")
    say(ax, 5.1, 3.0, "$W_2$", "left")
    say(ax, 5.1, 1.4, "$W_1$", "left")
    return figure


def chains():
    """What the three kinds of chains keep from one update of the weights to the next."""
    figure, (cd, pcd, pt) = plt.subplots(
        3, 1, figsize=(WIDTH, 5.3), height_ratios=[1, 1, 1.9], layout="constrained"
    )
    updates = range(5)
    titles = {
        cd: "CD: each update starts again at the data",
        pcd: "PCD: chains go on where they were",
        pt: "PT: replicas at several temperatures swap states",
    }
    for ax, title in titles.items():
        ax.set_title(title, loc="left", fontsize=10.5)
        ax.set(xlim=(-0.75, 4.75), yticks=[], xticks=[])
        ax.spines[["top", "right", "left"]].set_visible(False)
        for update in updates[:-1]:
            ax.axvline(update + 0.5, color="#dddddd", lw=1, zorder=0)
    for update in updates:
        cd.plot(update - 0.25, 0.2, "s", color=VISIBLE, ms=10)
        arrow(cd, (update - 0.12, 0.25), (update + 0.17, 0.72), lw=1.2)
        cd.plot(update + 0.25, 0.8, "o", color=HIDDEN, ms=9)
    cd.set_ylim(-0.15, 1.1)

    heights = [0.3, 0.75, 0.45, 0.2, 0.7]
    pcd.plot(updates, heights, "o", color=HIDDEN, ms=9)
    for update, (old, new) in enumerate(pairwise(heights)):
        arrow(pcd, (update + 0.1, old), (update + 0.9, new), lw=1.2)
    pcd.set_ylim(-0.05, 1.05)

    swaps = {0: (1, 2), 1: (0, 1), 3: (1, 2)}  # after which update, and between which replicas
    for level, colour in enumerate((HIDDEN, "#F2CC80", "#F8E6BF")):
        pt.plot(updates, [level] * 5, "o", color=colour, mec=INK, mew=0.6, ms=9)
        for update in updates[:-1]:
            low, high = swaps.get(update, (None, None))
            goes_to = {low: high, high: low}.get(level, level)
            colour, width = (INK, 1.2) if goes_to == level else (STORED, 1.4)
            arrow(pt, (update + 0.1, level), (update + 0.9, goes_to), colour, width)
    pt.set_ylim(-0.5, 2.5)
    pt.set_yticks(
        range(3), ["the model,\n$\\beta = 1$", "$\\beta = 0.5$", "no weights,\n$\\beta = 0$"]
    )
    pt.tick_params(length=0)
    pt.set_xlabel("updates of the weights →")
    handles = [
        plt.Line2D([], [], ls="", marker="s", color=VISIBLE, ms=9, label="row of data"),
        plt.Line2D([], [], ls="", marker="o", color=HIDDEN, ms=9, label="state for the update"),
        plt.Line2D([], [], color=STORED, lw=1.5, label="swap"),
    ]
    legend = {"ncols": 3, "frameon": False, "handletextpad": 0.4, "columnspacing": 1.2}
    figure.legend(handles=handles, loc="outside lower center", fontsize=9.5, **legend)
    return figure


# Tables, ratings, features ---------------------------------------------------


def table():
    figure, ax = canvas(8, 4.6)
    hidden = row(5, 4, 4.1, 1.1)
    # Name and value of a column, what its units are called, and where they stand.
    columns = [
        ("member", "yes", "binary", [1.0]),
        ("wood", "fir", "one of three", [2.65, 3.2, 3.75]),
        ("height", "17.5", "real", [5.2]),
        ("age", "missing", "at its mean", [7.05]),
    ]
    for name, value, kind, xs in columns:
        group, middle, missing = [(x, 2.1) for x in xs], np.mean(xs), value == "missing"
        join(ax, group, hidden, "#dddddd" if missing else EDGE)
        if len(group) > 1:
            box(ax, xs[0] - 0.33, 1.77, xs[-1] - xs[0] + 0.66, 0.66, "")
        units(ax, group, "white" if missing or len(group) > 1 else VISIBLE, 0.22)
        if len(group) > 1:
            units(ax, group[1:2], VISIBLE, 0.22)
        say(ax, middle, 1.35, kind, color=STORED if missing else INK)
        box(ax, middle - 0.8, 0.12, 1.6, 0.82, f"{name}\n{value}", GAP if missing else PALE)
    units(ax, hidden, HIDDEN, 0.24)
    return figure


def ratings():
    figure, ax = canvas(8, 4.3)
    hidden = row(4, 4, 3.8, 1.2)
    films = ("film 1", "film 2", "film 3", "film 4")
    given = (4, None, 2, None)
    for i, (film, stars) in enumerate(zip(films, given, strict=True)):
        middle = 1.1 + 1.93 * i
        levels = row(5, middle, 1.65, 0.36)
        box(ax, levels[0][0] - 0.2, 1.4, 1.84, 0.5, "", PALE)
        if stars:
            join(ax, levels, hidden, lw=0.5)
        for level, unit in enumerate(levels, 1):
            units(ax, [unit], VISIBLE if level == stars else "white", 0.15)
        say(ax, middle, 0.95, film)
        rated = f"{stars} of 5" if stars else "not rated:\nleft out"
        say(ax, middle, 0.4, rated, color=INK if stars else STORED)
    units(ax, hidden, HIDDEN, 0.22)
    return figure


def features():
    figure, ax = canvas(8, 4.0)
    data, hidden, label = column(6, 1.1, 2.3), column(8, 4.0, 2.3, 0.39), (6.7, 2.3)
    join(ax, data, hidden, lw=0.6)
    join(ax, hidden, [label])
    units(ax, data, VISIBLE, 0.17)
    units(ax, hidden, "white", 0.15)
    units(ax, [hidden[1], hidden[5]], HIDDEN, 0.15)
    units(ax, [label], LABELS, 0.24)
    say(ax, 1.1, 0.4, "data\nin [0, 1]")
    say(ax, 4.0, 0.4, "features:\nmany, few of them on")
    say(ax, 6.7, 1.7, "class")
    say(ax, 2.45, 3.8, "RBM, no labels")
    say(ax, 5.7, 3.8, "linear classifier")
    return figure


# Deep networks ---------------------------------------------------------------


def dbn():
    figure, ax = canvas(8, 5.4)
    sizes, heights = (5, 4, 3), (0.9, 2.2, 3.5)
    for middle in (1.9, 6.0):
        layers = [row(n, middle, y, 0.62) for n, y in zip(sizes, heights, strict=True)]
        for lower, upper in pairwise(layers):
            join(ax, lower, upper)
        units(ax, layers[0], VISIBLE)
        for layer in layers[1:]:
            units(ax, layer, HIDDEN)
        say(ax, middle, 0.35, "data")
    labels = row(2, 6.0, 4.5, 0.62)
    join(ax, layers[-1], labels)
    units(ax, labels, LABELS)
    say(ax, 3.0, 2.85, "RBM 2", "left", color=STORED)
    say(ax, 3.2, 1.55, "RBM 1", "left", color=STORED)
    say(ax, 6.75, 4.5, "labels", "left")
    arrow(ax, (7.6, 4.1), (7.6, 1.0), STORED)
    say(ax, 7.8, 2.55, "error", rotation=90, color=STORED)
    say(ax, 1.9, 5.1, "1. pre-training")
    say(ax, 6.0, 5.1, "2. fine-tuning")
    return figure


def dbn_generative():
    figure, ax = canvas(8, 4.4)
    layers = [row(6, 2.3, 0.6, 0.7), row(4, 2.3, 2.1, 0.8), row(3, 2.3, 3.7, 0.9)]
    join(ax, layers[1], layers[2])
    join(ax, layers[0], layers[1], "#cccccc")
    for upper in layers[1]:
        lower = min(layers[0], key=lambda place: abs(place[0] - upper[0]))
        arrow(ax, (upper[0], upper[1] - 0.28), (lower[0], lower[1] + 0.28), INK)
    units(ax, layers[0], VISIBLE, 0.24)
    units(ax, layers[1], HIDDEN, 0.24)
    units(ax, layers[2], HIDDEN, 0.24)
    say(ax, 4.7, 2.9, "the top two layers are an\nRBM: draw from it by\nGibbs sampling", "left")
    say(ax, 4.7, 1.1, "from there, draw each\nlayer given the one\nabove, once", "left")
    return figure


def autoencoder():
    figure, ax = canvas(8, 3.9)
    layers = [column(7, 0.8), column(5, 2.4), column(3, 4.0), column(5, 5.6), column(7, 7.2)]
    for lower, upper in pairwise(layers):
        join(ax, lower, upper, lw=0.6)
    for layer, colour in zip(layers, (VISIBLE, HIDDEN, STORED, HIDDEN, VISIBLE), strict=True):
        units(ax, layer, colour, 0.17)
    say(ax, 0.8, 0.3, "row")
    say(ax, 2.4, 0.3, "encoder: RBMs")
    say(ax, 4.0, 1.15, "code", color=STORED)
    say(ax, 5.6, 0.3, "decoder")
    say(ax, 7.2, 0.3, "row again")
    return figure


# Stacking --------------------------------------------------------------------


def stacking():
    figure, ax = canvas(8, 4.6)
    for number, left in enumerate((0.2, 2.85, 5.5), 1):
        middle = left + 1.05
        box(ax, left + 0.3, 0.8, 1.5, 0.55, "data $X$", VISIBLE)
        arrow(ax, (middle, 1.35), (middle, 2.4))
        box(ax, left, 2.4, 2.1, 0.75, "hidden\nunits", HIDDEN)
        arrow(ax, (middle, 3.15), (middle, 3.75))
        say(ax, middle + 0.12, 3.43, "ridge", "left")
        box(ax, left + 0.3, 3.75, 1.5, 0.55, f"$Y_{number}$", LABELS)
        say(ax, middle, 0.4, f"module {number}")
        if number > 1:  # what the module below it has said
            xs = [left - 0.85, left - 0.27, left - 0.27, left + 0.35]
            ax.plot(xs, [4.02, 4.02, 1.85, 1.85], color=STORED, lw=1.5)
            arrow(ax, (left + 0.35, 1.85), (left + 0.35, 2.4), STORED)
    return figure


# Practice --------------------------------------------------------------------


def long_fits():
    """The tasks of a deep network's fit, one inside of another, along the time."""
    figure, ax = canvas(8, 4.3)
    box(ax, 0.2, 3.2, 7.6, 0.62, "fit", PALE)
    parts = [(0.2, 1.9, "layer 1", VISIBLE), (2.15, 1.9, "layer 2", VISIBLE)]
    for left, width, name, colour in [*parts, (4.1, 3.7, "fine-tuning", HIDDEN)]:
        box(ax, left, 2.4, width, 0.62, name, colour)
    ends = []
    for number in range(4):
        left = 4.1 + 0.935 * number
        box(ax, left, 1.6, 0.895, 0.62, "epoch", PALE)
        ends.append(left + 0.895)
    for x in ends:
        arrow(ax, (x, 1.5), (x, 1.05), STORED)
    for x in (2.1, 4.05):
        arrow(ax, (x, 2.3), (x, 1.05), STORED)
    say(ax, 4.1, 0.72, "callbacks are called, the model can be used,", color=STORED)
    say(ax, 4.1, 0.34, "and an interrupted fit keeps what is done", color=STORED)
    say(ax, 0.2, 4.08, "time", "left")
    arrow(ax, (0.95, 4.08), (7.8, 4.08), EDGE)
    return figure


def rates():
    """Results by the learning rate: the numbers of the table in ``parameters.rst``."""
    falling = {0.003: -23.97, 0.01: -21.14, 0.03: -19.30, 0.1: -18.39, 0.3: -18.20, 1: -18.71}
    constant = {0.03: -18.91, 0.3: -23.7}
    figure, ax = plt.subplots(figsize=(WIDTH, 3.0), layout="constrained")
    ax.plot(*zip(*falling.items(), strict=True), "o-", color="#0072B2", label="falling rate")
    ax.plot(*zip(*constant.items(), strict=True), "s--", color=STORED, label="constant rate")
    ax.set(xscale="log", xlabel="learning rate", ylabel="log-likelihood of\nrows held out, nats")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9")
    ax.legend(loc="lower center")
    return figure


def windows():
    """From files to minibatches: what is on disk, and what is in memory."""
    figure, ax = canvas(8, 6.3)
    colours = (VISIBLE, HIDDEN, LABELS, "#CC79A7", "#F0E442", EDGE)
    of_window = [3, 1, 4, 4, 1, 3, 1, 4, 3, 3, 4, 1]  # the chunk of each row, shuffled
    say(ax, 0.2, 6.05, "on disk: chunks of rows", "left")
    say(ax, 0.2, 4.4, "some chunks,\nat random", "left", color=STORED)
    box(ax, 0.2, 0.15, 7.6, 3.85, "", "white")
    say(ax, 0.5, 3.66, "in memory", "left")
    box(ax, 0.7, 2.45, 6.6, 0.85, "")
    for number, colour in enumerate(colours):
        middle = 0.775 + 1.29 * number
        box(ax, middle - 0.575, 4.95, 1.15, 0.75, "")
        units(ax, row(4, middle, 5.325, 0.26), colour, 0.11)
        if number in of_window:
            arrow(ax, (middle, 4.95), (4 + 0.6 * (middle - 4), 3.3), STORED)
    for number, chunk in enumerate(of_window):
        place = 1.15 + 0.49 * number + 0.12 * (number // 3), 2.875
        units(ax, [place], colours[chunk], 0.15)
    say(ax, 0.7, 2.15, "a window: their rows, shuffled, in minibatches", "left", color=STORED)
    for number in range(4):
        middle = 1.64 + 1.59 * number
        arrow(ax, (middle, 1.9), (middle, 1.25), STORED)
    box(ax, 0.7, 0.45, 6.6, 0.8, "model: one step for each minibatch", HIDDEN)
    return figure


def rounds():
    """Parts of a cluster that learn from their own chunks, and the mean of what they learn."""
    figure, ax = canvas(8, 4.5)
    say(ax, 4.0, 4.25, "chunks of rows")
    for number, middle in enumerate((1.5, 4.1, 6.7), 1):
        for k in range(3):
            box(ax, middle - 0.95 + 0.66 * k, 3.5, 0.58, 0.45, "", VISIBLE)
        arrow(ax, (middle, 3.5), (middle, 3.15))
        box(ax, middle - 0.95, 2.2, 1.9, 0.95, f"part {number}:\nits own steps", PALE)
        arrow(ax, (middle, 2.2), (middle, 1.6))
    box(ax, 0.55, 0.95, 7.1, 0.65, "mean of what they have learned", HIDDEN)
    ax.plot([0.55, 0.2, 0.2], [1.27, 1.27, 2.67], color=STORED, lw=1.5, zorder=1)
    arrow(ax, (0.2, 2.67), (0.55, 2.67), STORED)
    say(ax, 4.1, 0.45, "the next round of all parts starts from there", color=STORED)
    return figure


def saving():
    """What a fitted estimator is made of, and what of it is left in a copy for use."""
    figure, ax = canvas(8, 4.2)
    box(ax, 0.2, 2.75, 2.5, 0.75, "parameters", PALE)
    box(ax, 0.2, 1.85, 2.5, 0.75, "weights, biases,\nscales", HIDDEN)
    box(ax, 0.2, 0.55, 2.5, 1.15, "chains, averages\nof solvers, sums\nover rows", VISIBLE)
    say(ax, 1.45, 3.85, "fitted estimator")
    box(ax, 5.3, 2.75, 2.5, 0.75, "parameters", PALE)
    box(ax, 5.3, 1.85, 2.5, 0.75, "weights, biases,\nscales", HIDDEN)
    say(ax, 6.55, 3.85, "copy for use")
    arrow(ax, (2.85, 2.65), (5.15, 2.65), STORED)
    say(ax, 4.0, 3.05, "without_training_\nstate()", color=STORED, fontsize=9.5)
    say(ax, 4.0, 1.1, "only further\ntraining\nneeds these", color="#1f77a8")
    return figure


DIAGRAMS = {
    function.__name__: function
    for function in (
        family,
        hopfield,
        energy_valleys,
        rbm,
        chains,
        general_boltzmann,
        table,
        ratings,
        features,
        dbn,
        dbn_generative,
        autoencoder,
        deep_boltzmann,
        stacking,
        long_fits,
        rates,
        windows,
        rounds,
        saving,
    )
}

if __name__ == "__main__":
    main()
