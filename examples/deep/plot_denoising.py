"""
===========================
Removing noise from images
===========================

A denoising autoencoder sees noisy rows in training and has to give back the clean ones. So it
learns what the data look like, and what noise is. This example adds noise to digits and compares
:class:`skebm.DeepAutoencoder`, trained with and without such noise, with principal component
analysis (PCA), which removes noise by keeping few components.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skebm import DeepAutoencoder
from skebm.plotting import ReconstructionsDisplay

images = (load_digits().data / 16).astype(np.float32)
rows, test = train_test_split(images, test_size=400, random_state=0)
train, validation = train_test_split(rows, test_size=300, random_state=0)


def with_noise(images, level, seed):
    """Normal noise on each pixel, and grey values kept between 0 and 1."""
    noise = np.random.default_rng(seed).normal(0, level, images.shape)
    return (images + noise).clip(0, 1).astype(np.float32)


def errors(reconstructions, images):
    """Squared error of each image, summed over its pixels."""
    return np.square(reconstructions - images).sum(axis=1)


# %%
# Three ways to remove noise
# --------------------------
#
# The number of components of PCA is the best one for some digits that are neither trained on nor
# tested. The two autoencoders differ in one parameter: with ``corruption``, new noise is added to
# the rows in each step of the training, and the clean rows are to be given back.

LEVEL = 0.4


def by_pca(rows, n_components):
    pca = PCA(n_components).fit(train)
    return pca.inverse_transform(pca.transform(rows))


noisy = with_noise(validation, LEVEL, seed=1)
n_components = min(range(2, 31), key=lambda n: errors(by_pca(noisy, n), validation).mean())
print(f"PCA keeps {n_components} components")


def autoencoder(**parameters):
    settings = {"max_iter": 60, "batch_size": 50, "tol": 0.0, "random_state": 0} | parameters
    return DeepAutoencoder((256, 32), **settings).fit(train)


METHODS = {
    "PCA": partial(by_pca, n_components=n_components),
    "autoencoder": autoencoder().reconstruct,
    "denoising": autoencoder(corruption="gaussian", corruption_level=LEVEL).reconstruct,
}

noisy = with_noise(test, LEVEL, seed=2)
print("squared error of a test image, summed over pixels; mean and its standard error")
by_name = {"noisy": noisy} | {name: method(noisy) for name, method in METHODS.items()}
for name, rows in by_name.items():
    of_rows = errors(rows, test)
    print(f"    {name:<12} {of_rows.mean():.2f} +- {of_rows.std() / np.sqrt(len(test)):.2f}")

# %%
# The autoencoder that was trained on clean digits takes noise for strokes. PCA leaves grey shadows.
# The denoising autoencoder has the smallest error: it keeps strokes that are likely for a digit,
# and where the noise leaves several possible, it returns their mean, which is blurred.

some = {name: rows[:10] for name, rows in by_name.items()}
ReconstructionsDisplay(test[:10], some).plot(im_kw={"vmin": 0, "vmax": 1})

# %%
# Other levels of noise
# ---------------------
#
# The autoencoder was trained at one level of noise, which is marked by a vertical line. At higher
# levels it is better than PCA as well, at the lowest ones hardly. It corrects whatever it gets: if
# there is little noise, the autoencoder that was trained on clean digits changes them less. Train
# at the level of noise that you expect. The bars are standard errors over the test images; most are
# smaller than the marks.

LEVELS = np.arange(0, 0.81, 0.1)
_, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
STYLES = ("s--", "^:", "o-")
COLOURS = ("#D55E00", "#009E73", "#0072B2")
for (name, method), style, colour in zip(METHODS.items(), STYLES, COLOURS, strict=True):
    of_rows = np.array([errors(method(with_noise(test, level, 2)), test) for level in LEVELS])
    means, standard_errors = of_rows.mean(axis=1), of_rows.std(axis=1) / np.sqrt(len(test))
    ax.errorbar(LEVELS, means, standard_errors, fmt=style, color=colour, capsize=3, label=name)
ax.axvline(LEVEL, color="0.6", lw=0.8)
ax.set(xlabel="standard deviation of the noise", ylabel="squared error of an image", ylim=0)
ax.spines[["top", "right"]].set_visible(False)
ax.grid(color="0.9")
ax.legend()
plt.show()
