"""
===================================
Many digits, few labels
===================================

Labels are dear, rows are not. :class:`skebm.DBNClassifier` pre-trains its layers on all rows,
labelled or not, before it learns the labels of a few. This example asks what that is worth, against
the same network from random weights, and against a network of another kind.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skebm import DBNClassifier

# %%
# Rows without a label
# --------------------
#
# Digits are moved by up to one pixel at random. Each of 1200 training digits is seen in four such
# places, so there are 4800 rows. Between 50 and 500 of them have a label. The others get -1, which
# ``unlabeled`` is told to mean that there is none.

images, digits = load_digits(return_X_y=True)
images, test_images, digits, test_digits = train_test_split(
    images, digits, train_size=1200, stratify=digits, random_state=0
)


def move(images, rng):
    """Rows in [0, 1] of digits that are moved by up to one pixel."""
    down, right = rng.integers(3, size=(2, len(images)))
    framed = np.pad(images.reshape(-1, 8, 8) / 16, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, (8, 8), axis=(1, 2))
    return windows[np.arange(len(images)), down, right].reshape(-1, 64).astype(np.float32)


rng = np.random.default_rng(0)
rows = np.concatenate([move(images, rng) for _ in range(4)])
test_rows = move(test_images, rng)


def some_labels(n_labels, seed):
    """Labels of all rows, -1 but for a few of the first 1200, of each kind as many."""
    labels = np.full(len(rows), -1)
    kept, _ = train_test_split(
        np.arange(len(images)), train_size=n_labels, stratify=digits, random_state=seed
    )
    labels[kept] = digits[kept]
    return labels


# %%
# Three networks
# --------------
#
# The first two have a layer of 200 logistic units and differ in their first weights alone. The
# third has rectified units, which no RBM here has, and which are known to learn well from random
# weights. Each is trained on two draws of the labels.

NETWORKS = {
    "pre-trained": {"pretrain": True},
    "random start": {"pretrain": False},
    "random start, relu": {"pretrain": False, "activation": "relu"},
}
N_LABELS = [50, 100, 200, 500]
N_DRAWS = 2

accuracies = {name: np.zeros((len(N_LABELS), N_DRAWS)) for name in NETWORKS}
for i, n_labels in enumerate(N_LABELS):
    for draw in range(N_DRAWS):
        labels = some_labels(n_labels, draw)
        for name, params in NETWORKS.items():
            network = DBNClassifier(
                (200,), batch_size=20, max_iter=60, unlabeled=-1, random_state=draw, **params
            )
            network.fit(rows, labels)
            accuracies[name][i, draw] = network.score(test_rows, test_digits)

print(f"{'labels':<20}" + "".join(f"{n_labels:>7}" for n_labels in N_LABELS))
for name, values in accuracies.items():
    print(f"{name:<20}" + "".join(f"{mean:7.3f}" for mean in values.mean(axis=1)))

# %%
# What it is worth
# ----------------
#
# With any number of labels, the logistic network is better for having looked at the rows first, by
# up to an eighth of the digits. Rectified units from random weights are better still: where such
# units will do and nothing is to be drawn, filled in or explained, try them first.

_, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
STYLES = ["o-", "s--", "^:"]
COLOURS = ["#0072B2", "#D55E00", "#009E73"]
for (name, values), style, colour in zip(accuracies.items(), STYLES, COLOURS, strict=True):
    ax.plot(N_LABELS, values.mean(axis=1), style, color=colour, label=name)
ax.set_xscale("log")
ax.set_xticks(N_LABELS, N_LABELS)
ax.minorticks_off()
ax.set(xlabel="labels", ylabel="accuracy on test digits")
ax.spines[["top", "right"]].set_visible(False)
ax.grid(color="0.9")
ax.legend()
plt.show()
