"""
==========================
A network that grows
==========================

A deep stacking network is built from the bottom up. Each module is a small network that predicts by
itself; the next one sees the data and that prediction, and does better. Training of one module ends
before that of the next begins, so one can stop whenever it is good enough.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skebm import DSNClassifier
from skebm.plotting import ModuleErrorDisplay

# %%
# Digits off their place
# ----------------------
#
# The digits of scikit-learn are moved by up to one pixel, which makes them harder.

rng = np.random.default_rng(0)
images, digits = load_digits(return_X_y=True)
framed = np.pad(images.reshape(-1, 8, 8) / 16, ((0, 0), (1, 1), (1, 1)))
windows = np.lib.stride_tricks.sliding_window_view(framed, (8, 8), axis=(1, 2))
down, right = rng.integers(3, size=(2, len(digits)))
pixels = windows[np.arange(len(digits)), down, right].reshape(-1, 64)
train, test, train_digits, test_digits = train_test_split(
    pixels, digits, test_size=1 / 3, stratify=digits, random_state=0
)

# %%
# Whose word to trust
# -------------------
#
# The outputs of a module are better for the rows that it was fitted to than for any others. A module
# above that learns from them trusts them too much. With ``cv``, it is shown predictions by modules
# that have not seen the row. Training error then falls more slowly, and test error further.

plain, crossed = (
    DSNClassifier(50, n_modules=6, dropout=0.0, max_iter=20, cv=cv, random_state=0).fit(
        train, train_digits
    )
    for cv in (None, 5)
)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
for ax, (title, dsn) in zip(axes, {"cv=None": plain, "cv=5": crossed}.items(), strict=True):
    for name, X, y in [("training", train, train_digits), ("test", test, test_digits)]:
        display = ModuleErrorDisplay.from_estimator(dsn, X, y, name=name, ax=ax)
        errors = "".join(f"{error:8.3f}" for error in display.line_.get_ydata())
        print(f"{title:<8} {name:<9}{errors}")
    ax.set_title(title)
axes[1].set_ylabel("")
plt.show()
