"""
======================
Completing digits
======================

A restricted Boltzmann machine is a distribution over whole images. It can generate new images, and
it can do what a classifier cannot: complete an image of which only a part is known. Which part will
be missing does not have to be decided before training.
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
# Pixels are thresholded to 0 and 1 at half of the maximum. For samples, we use persistent chains
# (the default), the centred gradient, and a little weight decay, which helps the chains to move.
# Rows held out show whether training goes on for too long.

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
# New digits
# ----------
#
# The chains start at random pixels. Each row of the figure is one chain; it shows the means of the
# pixels given the hidden units. As a chain continues, it moves from one digit to another.

SamplesDisplay.from_estimator(
    rbm, n_chains=8, steps=[0, 1, 10, 100, 300, 1000, 3000], means=True, random_state=0
)

# %%
# Completing the lower half
# -------------------------
#
# With ``clamp``, known pixels keep their values while the chain changes the others. The same upper
# half can belong to different digits. Here are three upper halves, with three chains each.

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
# :meth:`~skebm.BernoulliRBM.impute` averages over such a chain. On digits that were not used for
# training, we compare it with two imputers of scikit-learn. It does nearly as well as nearest
# neighbours, which have to store all of the training digits.

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
