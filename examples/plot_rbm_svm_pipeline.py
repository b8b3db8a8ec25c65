"""
====================================================
RBM features for a linear classifier, by grid search
====================================================

A linear classifier weighs every pixel by itself. That works while each stroke of a digit
falls on the same pixels; it stops working as soon as the digits move. A restricted
Boltzmann machine (RBM) learns, without labels, which pixels go together. Its hidden units
answer to strokes and to their position, and a linear classifier on top of them can tell
digits apart that it could not tell from pixels.

This example puts :class:`skebm.BernoulliRBM` in a scikit-learn pipeline in front of a
linear support vector machine (SVM), tunes both by one grid search, and compares the
result on held-out digits with

- the same SVM on the raw pixels, tuned by the same search;
- the same pipeline with scikit-learn's own
  :class:`~sklearn.neural_network.BernoulliRBM` in the place of ours.
"""

import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MultipleLocator
from sklearn import neural_network
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import LinearSVC

import skebm
from skebm.plotting import ComponentsDisplay

# %%
# Digits that nobody has centred
# ------------------------------
#
# The 1797 handwritten digits that come with scikit-learn were centred in their frames of
# 8 x 8 pixels, and on them a linear SVM on pixels is hard to beat. We undo some of that
# work: every image is moved by one pixel, up, down, left or right, or stays where it is.
# Each image appears once, so no digit is both in the training set and in the test set.

STEPS = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)])


def move(image, step):
    """Move an image by one pixel; what it leaves behind is background."""
    framed = np.pad(image, 1)
    return np.roll(framed, step, axis=(0, 1))[1:-1, 1:-1]


images, digits = load_digits(return_X_y=True)
steps = np.random.default_rng(0).choice(STEPS, size=len(images))
moved = [move(image.reshape(8, 8), step) for image, step in zip(images, steps, strict=True)]
pixels = np.reshape(moved, images.shape)

pixels_train, pixels_test, digits_train, digits_test = train_test_split(
    pixels, digits, test_size=1 / 3, stratify=digits, random_state=0
)

# %%
# Three models and their grids
# ----------------------------
#
# An RBM with Bernoulli units reads each number as the probability that a pixel is on, so
# a :class:`~sklearn.preprocessing.MinMaxScaler` comes first. The two RBMs differ in the
# import and in nothing else: same parameters, same grid, as many passes over the data.
#
# An RBM does not know that its features will be classified, but the grid search does: it
# scores the pipeline as a whole.

SKEBM = "skebm RBM + SVM"
SKLEARN = "scikit-learn RBM + SVM"
PIXELS = "pixels + SVM"

rbms = {
    SKLEARN: neural_network.BernoulliRBM(n_iter=60, random_state=0),
    SKEBM: skebm.BernoulliRBM(n_iter=60, random_state=0),
}
svm = LinearSVC(random_state=0)
svm_grid = {"svm__C": [1, 10, 100]}
rbm_grid = {
    "rbm__n_components": [100, 300],
    "rbm__learning_rate": [0.1, 0.2],
    **svm_grid,
}

candidates = {PIXELS: (Pipeline([("scale", MinMaxScaler()), ("svm", svm)]), svm_grid)}
for name, rbm in rbms.items():
    pipeline = Pipeline([("scale", MinMaxScaler()), ("rbm", rbm), ("svm", svm)])
    candidates[name] = (pipeline, rbm_grid)

# %%
# Tune on the training digits, then look at the test digits once
# --------------------------------------------------------------
#
# The search chooses by cross-validation inside the training set. The seconds are those
# of the whole search; for ours they include the compilation of its kernels if this is
# their first use.

searches, seconds, test_accuracy = {}, {}, {}
for name, (pipeline, grid) in candidates.items():
    start = time.perf_counter()
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2)
    searches[name] = search.fit(pixels_train, digits_train)
    seconds[name] = time.perf_counter() - start
    test_accuracy[name] = search.score(pixels_test, digits_test)

print(f"{'model':<24}{'CV accuracy':>12}{'test accuracy':>15}{'seconds':>9}")
for name, search in searches.items():
    print(f"{name:<24}{search.best_score_:>12.3f}{test_accuracy[name]:>15.3f}{seconds[name]:>9.1f}")
for name, search in searches.items():
    print(f"\n{name}, best of its grid: {search.best_params_}")

# %%
# What the hidden units answer to
# -------------------------------
#
# Each tile shows the weights of one hidden unit as an image, on a scale of its own: red
# pixels switch the unit on, blue pixels switch it off. Most are strokes and edges at
# definite places. The dots compare the models; a bar is one standard error of the
# accuracy on the test digits.
#
# The features help: the linear SVM makes about half as many mistakes on them as on pixels.
# The bars of the two RBMs overlap.


def draw_accuracies(axes):
    """Draw two dots a model: in cross-validation, and on the test digits."""
    names = list(searches)
    rows = np.arange(len(names))
    validation = [searches[name].best_score_ for name in names]
    test = np.array([test_accuracy[name] for name in names])
    error = np.sqrt(test * (1 - test) / len(digits_test))

    style = {"fmt": "o", "markersize": 8}
    axes.errorbar(
        validation, rows + 0.08, mfc="white", color="#0072B2", label="cross-validation", **style
    )
    axes.errorbar(test, rows - 0.08, xerr=error, color="#D55E00", label="test digits", **style)
    axes.set_yticks(rows, [name.replace(" RBM", "\nRBM") for name in names])
    axes.set(ylim=(-0.5, len(names) - 0.5), xlabel="accuracy", title="Accuracy on moved digits")
    axes.xaxis.set_major_locator(MultipleLocator(0.05))
    axes.grid(axis="x", color="lightgrey")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right")


figure = plt.figure(figsize=(10.5, 4.8), layout="constrained")
left, right = figure.subplots(1, 2)
ComponentsDisplay.from_estimator(
    searches[SKEBM].best_estimator_["rbm"], units=36, own_scales=True, ax=left
)
left.set_title("The 36 strongest filters of the best skebm RBM")
draw_accuracies(right)

# A gallery collects the figures that are left open. A script has to save its own.
if "sphinx_gallery" not in sys.modules:
    figure.savefig("rbm_svm_pipeline.png", dpi=150)
