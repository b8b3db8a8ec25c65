"""
===================================
Many digits, few labels
===================================

Labels are dear, rows are not. :class:`skebm.DBNClassifier` pre-trains its layers on all rows,
labelled or not, before it learns the labels of a few. This example asks what that is worth, against
the same network from random weights.
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
# Of 1400 training digits, 20 to 1000 keep their label; the others get -1, which ``unlabeled`` is
# told to mean that there is none. The two networks have the same layers and the same fine-tuning,
# and each is trained on three draws of the labels.

pixels, digits = load_digits(return_X_y=True)
train, test, train_digits, test_digits = train_test_split(
    (pixels / 16).astype(np.float32), digits, train_size=1400, stratify=digits, random_state=0
)

N_LABELS = [20, 50, 100, 300, 1000]
N_DRAWS = 3
NETWORKS = {
    "pre-trained": {"pretrain": True, "rbm_n_iter": 30},
    "random start": {"pretrain": False},
}


def hide_all_but(n_labels, seed):
    """Labels of the training digits, -1 for all but a few of each kind."""
    kept, _ = train_test_split(
        np.arange(len(train)), train_size=n_labels, stratify=train_digits, random_state=seed
    )
    labels = np.full(len(train), -1)
    labels[kept] = train_digits[kept]
    return labels


accuracies = {name: np.zeros((len(N_LABELS), N_DRAWS)) for name in NETWORKS}
for i, n_labels in enumerate(N_LABELS):
    for draw in range(N_DRAWS):
        labels = hide_all_but(n_labels, draw)
        for name, params in NETWORKS.items():
            network = DBNClassifier(
                (100, 100), batch_size=20, max_iter=60, unlabeled=-1, random_state=draw, **params
            )
            network.fit(train, labels)
            accuracies[name][i, draw] = network.score(test, test_digits)

print(f"{'labels':<14}" + "".join(f"{n_labels:>7}" for n_labels in N_LABELS))
for name, values in accuracies.items():
    print(f"{name:<14}" + "".join(f"{mean:7.3f}" for mean in values.mean(axis=1)))

# %%
# What it is worth
# ----------------

_, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
for (name, values), style, colour in zip(
    accuracies.items(), ["o-", "s--"], ["#0072B2", "#D55E00"], strict=True
):
    ax.plot(N_LABELS, values.mean(axis=1), style, color=colour, label=name)
    ax.fill_between(
        N_LABELS, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, lw=0
    )
ax.set_xscale("log")
ax.set_xticks(N_LABELS, N_LABELS)
ax.minorticks_off()
ax.set(xlabel="labels", ylabel="accuracy on test digits, and its range")
ax.spines[["top", "right"]].set_visible(False)
ax.grid(color="0.9")
ax.legend()
plt.show()
