"""
======================
Completing digits
======================

A restricted Boltzmann machine is a distribution over whole images. So it can draw new ones, and it
can do what a classifier cannot: given a part of an image, draw the rest. Nobody has to decide in
advance which part will be missing.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split

from skebm import BernoulliRBM
from skebm.plotting import HistoryDisplay, ReconstructionsDisplay, SamplesDisplay

# %%
# A model of digits
# -----------------
#
# Pixels become 0 and 1 at half of the full ink, so that the model is one of what we look at. For
# samples, take persistent chains (the default) and the centred gradient; a little weight decay
# keeps the chains moving. Rows that are held out tell whether training goes too far.

images = load_digits().data
pixels = (images > 7.5).astype(np.float32)
train, test = train_test_split(pixels, test_size=300, random_state=0)
rbm = BernoulliRBM(
    100,
    learning_rate=0.1,
    learning_rate_schedule="linear",
    n_iter=100,
    n_chains=50,
    alpha=1e-3,
    centered=True,
    early_stopping=True,
    random_state=0,
).fit(train)
HistoryDisplay.from_estimator(rbm)

# sphinx_gallery_thumbnail_number = 2

# %%
# Out of nothing
# --------------
#
# Chains start at random pixels. Each row of the picture is one chain; drawn are the means of the
# pixels given the hidden units. A chain moves from one digit to another as it goes on.

SamplesDisplay.from_estimator(
    rbm, n_chains=8, steps=[0, 1, 10, 100, 300, 1000, 3000], means=True, random_state=0
)

# %%
# Out of the upper half
# ---------------------
#
# With ``clamp``, pixels that are known stay as they are and the chain moves the others. An upper
# half can belong to several digits. Here are three such, and three chains from each.

upper = np.arange(64) < 32
start = np.repeat(test[[19, 8, 31]], 3, axis=0)
start[:, ~upper] = np.random.default_rng(0).random((len(start), 32)) < 0.5
SamplesDisplay.from_estimator(
    rbm, steps=[0, 1, 10, 100, 300, 1000], init=start, clamp=upper, random_state=0
)

# %%
# The best guess
# --------------
#
# :meth:`~skebm.BernoulliRBM.impute` averages over such a chain. We compare it, on digits that were
# not trained on, with two ways to guess the missing half that scikit-learn has. It does nearly as
# well as nearest neighbours, which have to keep all of the training digits.

missing = np.where(upper, test, np.nan)
imputers = {"mean": SimpleImputer(), "neighbours": KNNImputer(n_neighbors=20)}
filled = {name: imputer.fit(train).transform(missing) for name, imputer in imputers.items()}
filled["RBM"] = rbm.impute(missing, n_steps=400, random_state=0)
for name, rows in filled.items():
    error = np.square(rows - test)[:, ~upper].mean()
    print(f"{name:<11} mean squared error of a missing pixel: {error:.4f}")

some = {"given": missing[:10]} | {name: rows[:10] for name, rows in filled.items()}
ReconstructionsDisplay(test[:10], some).plot()
plt.show()
