"""
==========================
Edges in photographs
==========================

A :class:`skebm.GaussianRBM` with sparse hidden units, trained on small patches of photographs,
learns edge detectors. Each unit responds to an edge at one place, with one direction and one width,
as do cells of the visual cortex. Principal components of the same patches do not look like this.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from skebm import GaussianRBM
from skebm.plotting import ComponentsDisplay

# %%
# Patches
# -------
#
# From the two photographs that come with scikit-learn, in grey and at half of their size, we cut
# patches of 10 x 10 pixels. We subtract the mean of each patch, leave out patches that are nearly
# uniform, and scale the others to the same contrast.

SIDE = 10


def shrink(photograph):
    """Grey levels in [0, 1], averaged over blocks of 2 x 2 pixels."""
    grey = photograph.mean(axis=2) / 255
    height, width = (side // 2 for side in grey.shape)
    return grey[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))


patches = np.concatenate(
    [
        extract_patches_2d(shrink(photograph), (SIDE, SIDE), max_patches=8000, random_state=0)
        for photograph in load_sample_images().images
    ]
).reshape(-1, SIDE**2)
patches -= patches.mean(axis=1, keepdims=True)
contrasts = patches.std(axis=1, keepdims=True)
patches = (patches / contrasts)[contrasts.ravel() > 0.05]

# %%
# Neighbouring pixels are nearly equal, and a model that has to learn this first learns little else.
# Whitening removes these correlations, here not completely: directions of small variance are mostly
# noise, and stay small.

NOISE = 1.0
variances, directions = np.linalg.eigh(np.cov(patches.T))
whiten = directions / np.sqrt(variances + NOISE) @ directions.T
rows = (patches @ whiten).astype(np.float32)
np.random.default_rng(0).shuffle(rows)
train, test = rows[:-1000], rows[-1000:]

# %%
# Few units at a time
# -------------------
#
# With ``sparsity_target``, each unit is on for about one patch in twenty. ``variances`` are below
# those of the data, which leaves variance for the hidden units to explain from the start.

rbm = GaussianRBM(
    64,
    learning_rate=0.05,
    n_iter=25,
    batch_size=20,
    n_gibbs_steps=1,
    variances=0.5 * float(train.var()),
    sparsity_target=0.05,
    sparsity_cost=1.0,
    random_state=0,
).fit(train)

standardized = (test - train.mean(axis=0)) / train.std(axis=0)
independent = -0.5 * standardized**2 - np.log(train.std(axis=0) * np.sqrt(2 * np.pi))
print(
    f"{len(train)} patches to train on, units are on for {rbm.transform(test).mean():.1%} of others"
)
print("log-density of each pixel given all others, summed over pixels, patches held out:")
print(f"    independent normal pixels {independent.sum(axis=1).mean():8.1f} nats")
print(f"    GaussianRBM               {rbm.score(test):8.1f} nats")

# %%
# What the units respond to
# -------------------------

pca = PCA(64).fit(train)
figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.6), layout="constrained")
for ax, title, model in zip(axes, ["GaussianRBM", "PCA"], [rbm, pca], strict=True):
    ComponentsDisplay.from_estimator(model, units=range(64), ax=ax, own_scales=True)
    ax.set_title(title)
plt.show()
