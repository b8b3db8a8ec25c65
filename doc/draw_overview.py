"""Draw the picture of the README and of the first page: ``python doc/draw_overview.py``.

All of it is computed here, from the digits that come with scikit-learn.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skebm import BernoulliRBM, HopfieldMemory

TARGET = Path(__file__).parent / "_static" / "overview.png"
N_COLUMNS = 7


def main():
    images, kinds = load_digits(return_X_y=True)
    firsts = [np.flatnonzero(kinds == kind)[0] for kind in range(N_COLUMNS)]
    draw(recall(images[firsts]) | imagine(images / 16))


def recall(images):
    """Digits from a memory that holds them."""
    stored = np.where(images > 7.5, 1.0, -1.0)
    rng = np.random.default_rng(0)
    damaged = np.where(rng.random(stored.shape) < 0.15, -stored, stored)
    memory = HopfieldMemory("pseudo_inverse", random_state=0).fit(stored)
    return {
        "15 % flipped": damaged,
        "recalled by\nHopfieldMemory": memory.transform(damaged),
    }


def imagine(images):
    """Digits from an RBM that has seen all but the last few."""
    new = images[-N_COLUMNS:]
    rbm = BernoulliRBM(
        200,
        learning_rate=0.05,
        batch_size=20,
        n_iter=300,
        random_state=0,
        n_chains=100,
        learning_rate_schedule="linear",
        centered=True,
    ).fit(images[:-N_COLUMNS])
    halved = new.copy()
    halved[:, 32:] = np.nan
    drawn = rbm.sample(N_COLUMNS, n_steps=1000, random_state=0)
    return {
        "lower half hidden": halved,
        "filled in by\nBernoulliRBM": rbm.impute(halved, n_steps=1000, random_state=0),
        "what they were": new,
        "drawn by\nBernoulliRBM": rbm.inverse_transform(rbm.transform(drawn)),
    }


def draw(rows):
    figure, axes = plt.subplots(len(rows), N_COLUMNS, figsize=(7, 4.6), layout="constrained")
    colours = plt.get_cmap("gray_r").with_extremes(bad="#f2d7c4")
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images, strict=True):
            lowest = -1 if images.min() < 0 else 0
            axis.imshow(image.reshape(8, 8), cmap=colours, vmin=lowest, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_color("lightgrey")
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=13)
    figure.savefig(TARGET, dpi=110)


if __name__ == "__main__":
    main()
