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


def errors_of_draws(cv):
    """Errors of each module on training and on test rows, one line per draw."""
    training, test = [], []
    for draw in range(N_DRAWS):
        X_train, X_test, y_train, y_test = moved_digits(draw)
        dsn = DSNClassifier(50, n_modules=6, alpha=0.1, dropout=0.05, cv=cv, random_state=draw)
        dsn.fit(X_train, y_train)
        training.append(errors_by_module(dsn, X_train, y_train))
        test.append(errors_by_module(dsn, X_test, y_test))
    return {"training": np.array(training), "test": np.array(test)}


of_cv = {cv: errors_of_draws(cv) for cv in (None, 5)}
figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.4), layout="constrained", sharey=True)
for ax, (cv, found) in zip(axes, of_cv.items(), strict=True):
    for name, errors in found.items():
        means, spreads = errors.mean(axis=0), errors.std(axis=0, ddof=1)
        print(f"cv={cv!s:<5} {name:<9}" + "".join(f"{mean:7.3f}" for mean in means))
        display = ModuleErrorDisplay(means, error_name="share of wrong labels")
        line = display.plot(ax, name=name).line_
        ax.errorbar(*line.get_data(), spreads, fmt="none", ecolor=line.get_color(), capsize=3)
    ax.set(title=f"cv={cv}", ylim=(0, 0.32))
axes[1].set_ylabel("")

gains = of_cv[None]["test"][:, -1] - of_cv[5]["test"][:, -1]
print("test error of the top module, how much lower with cv=5, by draw:")
print(*(f"{gain:.3f}" for gain in gains))

# %%
# The bars show how much the four draws differ, as a standard deviation. Without ``cv``, the error
# on the training rows falls almost to zero, and there is little left to learn for the upper
# modules. With it, the training error falls more slowly and the test error falls further, in each
# of the four draws.

plt.show()
