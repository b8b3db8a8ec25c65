"""
=====================================
Learning curves and validation curves
=====================================

Would more rows help? Is the network too large, or trained for too long? scikit-learn's displays
answer such questions for any estimator. This example draws them for :class:`skebm.DBNClassifier`
and for an RBM in front of a linear classifier.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    LearningCurveDisplay,
    StratifiedShuffleSplit,
    ValidationCurveDisplay,
)
from sklearn.pipeline import make_pipeline

from skebm import BernoulliRBM, DBNClassifier

# %%
# Shifted digits
# --------------
#
# scikit-learn's digits are shifted by up to one pixel, which makes them harder to classify. Each
# model is scored on four random sets of 500 digits that it was not trained on.

images, digits = load_digits(return_X_y=True)
rng = np.random.default_rng(0)


def moved(images):
    """Rows in [0, 1] of digits that are shifted by up to one pixel."""
    down, right = rng.integers(3, size=(2, len(images)))
    framed = np.pad(images.reshape(-1, 8, 8) / 16, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, (8, 8), axis=(1, 2))
    return windows[np.arange(len(images)), down, right].reshape(-1, 64).astype(np.float32)


X = moved(images)
folds = StratifiedShuffleSplit(4, test_size=500, random_state=0)

# %%
# More rows?
# ----------
#
# A learning curve has the accuracy on the training rows and on those held out, by the number of
# training rows. Where the two curves have met, more rows do not help: this is where the linear
# classifier is heading, which is too simple for shifted digits. Where the curve of the training
# rows is high and the other one still rises, they do help: the network knows all of its training
# rows, and gains accuracy with each doubling of their number.

models = {
    "logistic regression": LogisticRegression(C=1, max_iter=1000),
    "deep belief network": DBNClassifier((200,), batch_size=20, max_iter=30, random_state=0),
}
figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.6), layout="constrained", sharey=True)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    display = LearningCurveDisplay.from_estimator(
        model,
        X,
        digits,
        train_sizes=[100, 200, 400, 800, 1297],
        cv=folds,
        ax=ax,
        score_name="accuracy",
        score_type="both",
        std_display_style="errorbar",
        errorbar_kw={"capsize": 3},
    )
    ax.set(title=name, xscale="log", xlabel="training rows")
    ax.grid(color="0.9")
    print(f"{name}: accuracy on rows held out")
    for n, scores in zip(display.train_sizes, display.test_scores, strict=True):
        print(f"    {n:>5} rows  {scores.mean():.3f} +- {scores.std():.3f}")

# %%
# How many hidden units?
# ----------------------
#
# A validation curve has the same two accuracies, by the value of one parameter. A linear classifier
# on the features of an RBM gains with the number of hidden units, and has not begun to over-fit at
# the end: a layer with even more units would be the next to try.

pipeline = make_pipeline(
    BernoulliRBM(batch_size=20, random_state=0), LogisticRegression(C=1, max_iter=1000)
)
_, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
N_UNITS = [16, 32, 64, 128, 256, 512]
display = ValidationCurveDisplay.from_estimator(
    pipeline,
    X,
    digits,
    param_name="bernoullirbm__n_components",
    param_range=N_UNITS,
    cv=folds,
    ax=ax,
    score_name="accuracy",
    std_display_style="errorbar",
    errorbar_kw={"capsize": 3},
)
ax.set(xscale="log", xlabel="hidden units")
ax.set_xticks(N_UNITS, N_UNITS)
ax.minorticks_off()
ax.grid(color="0.9")
for n, scores in zip(display.param_range, display.test_scores, strict=True):
    print(f"{n:>5} hidden units  {scores.mean():.3f} +- {scores.std():.3f}")
plt.show()
