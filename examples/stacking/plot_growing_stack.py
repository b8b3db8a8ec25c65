"""
==========================
A network that grows
==========================

A deep stacking network is built from the bottom up. Each module is a small network that predicts by
itself. The next module receives the data and this prediction as input, and improves on it. Each
module is trained before the next one starts, so training can stop as soon as the result is good
enough.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skebm import DSNClassifier
from skebm.plotting import ModuleErrorDisplay

# %%
# Shifted digits
# --------------
#
# scikit-learn's digits are shifted by up to one pixel, which makes them harder to classify.
# Everything is repeated for four random draws of the shifts and of the test set.

images, digits = load_digits(return_X_y=True)
N_DRAWS = 4


def moved_digits(seed):
    """Training and test rows of shifted digits, and their labels."""
    down, right = np.random.default_rng(seed).integers(3, size=(2, len(digits)))
    framed = np.pad(images.reshape(-1, 8, 8) / 16, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, (8, 8), axis=(1, 2))
    pixels = windows[np.arange(len(digits)), down, right].reshape(-1, 64)
    return train_test_split(pixels, digits, test_size=1 / 3, stratify=digits, random_state=seed)


# %%
# Out-of-fold predictions
# -----------------------
#
# A module predicts the rows it was fitted to better than any others. A module above that is trained
# on these predictions trusts them too much. With ``cv``, it is trained on out-of-fold predictions,
# made by copies of the module that have not seen the row.
#
# ``staged_predict`` yields the predictions of each module, from the bottom up.


def errors_by_module(dsn, X, y):
    return [np.mean(predicted != y) for predicted in dsn.staged_predict(X)]


def mean_errors(cv):
    """Errors of each module on training and on test rows, mean of the draws."""
    training, test = [], []
    for draw in range(N_DRAWS):
        X_train, X_test, y_train, y_test = moved_digits(draw)
        dsn = DSNClassifier(50, n_modules=6, alpha=0.1, dropout=0.05, cv=cv, random_state=draw)
        dsn.fit(X_train, y_train)
        training.append(errors_by_module(dsn, X_train, y_train))
        test.append(errors_by_module(dsn, X_test, y_test))
    return {"training": np.mean(training, axis=0), "test": np.mean(test, axis=0)}


figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
for ax, cv in zip(axes, [None, 5], strict=True):
    for name, errors in mean_errors(cv).items():
        print(f"cv={cv!s:<5} {name:<9}" + "".join(f"{error:7.3f}" for error in errors))
        ModuleErrorDisplay(errors, error_name="share of wrong labels").plot(ax, name=name)
    ax.set_title(f"cv={cv}")
axes[1].set_ylabel("")

# %%
# Without ``cv``, the error on the training rows falls almost to zero, and there is little left to
# learn for the upper modules. With it, the training error falls more slowly and the test error
# falls further.

plt.show()
