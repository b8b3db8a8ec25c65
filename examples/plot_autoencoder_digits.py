"""
===========================
Digits through a bottleneck
===========================

An autoencoder maps each image to a layer of few units and back, and is trained to reconstruct the
image. The values of that layer are a code, as short as the layer is narrow. Principal component
analysis (PCA) is the best linear code of a given length. :class:`skebm.DeepAutoencoder` is
non-linear.

This example compares the two on the 1797 handwritten digits that come with scikit-learn, on test
images: how well they reconstruct them, and how they arrange the digits in a plane.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skebm import DeepAutoencoder
from skebm.plotting import ReconstructionsDisplay

images, digits = load_digits(return_X_y=True)
images = (images / 16).astype(np.float32)
images_train, images_test, digits_train, digits_test = train_test_split(
    images, digits, test_size=1 / 3, stratify=digits, random_state=0
)

# %%
# Eight numbers for 64 pixels
# ---------------------------
#
# The encoder starts as a stack of RBMs. They are unrolled into an encoder and a decoder, which are
# then trained together.


def autoencoder(code_size):
    return DeepAutoencoder(
        hidden_layer_sizes=(256, 64, code_size),
        rbm_n_iter=20,
        batch_size=50,
        max_iter=100,
        tol=0.0,
        random_state=0,
    ).fit(images_train)


pca, deep = PCA(8).fit(images_train), autoencoder(8)
by_pca = pca.inverse_transform(pca.transform(images_test))
by_deep = deep.inverse_transform(deep.transform(images_test))


def squared_error(reconstructions):
    return np.square(reconstructions - images_test).sum(axis=1).mean()


print("squared error of an image, summed over pixels, on average")
print(f"    PCA, 8 components   {squared_error(by_pca):.2f}")
print(f"    autoencoder         {squared_error(by_deep):.2f}")

# %%
# One image of each digit, and its reconstructions. Those of PCA are sums of a few smooth images and
# have grey shadows; those of the autoencoder consist of strokes.

chosen = [np.flatnonzero(digits_test == digit)[0] for digit in range(10)]
by_name = {"PCA": by_pca[chosen], "autoencoder": by_deep[chosen]}
display = ReconstructionsDisplay(images_test[chosen], by_name).plot(im_kw={"vmin": 0, "vmax": 1})
display.ax_.set_title("Eight numbers per image")

# %%
# Two numbers, for a map
# ----------------------
#
# A code of two units is a map of the digits. Neither method uses labels: the colours of the classes
# were added afterwards.

maps = {"PCA": PCA(2).fit(images_train), "Autoencoder": autoencoder(2)}
fig, axes = plt.subplots(1, 2, figsize=(6.5, 3.8), layout="constrained")
for ax, (name, encoder) in zip(axes, maps.items(), strict=True):
    codes = encoder.transform(images_test)
    neighbours = KNeighborsClassifier(3).fit(encoder.transform(images_train), digits_train)
    accuracy = neighbours.score(codes, digits_test)
    ax.scatter(*codes.T, c=digits_test, cmap="tab10", vmin=-0.5, vmax=9.5, s=8)
    for digit in range(10):
        x, y = np.median(codes[digits_test == digit], axis=0)
        ax.text(x, y, str(digit), fontsize=14, weight="bold", ha="center", va="center")
    ax.set(xticks=[], yticks=[], title=f"{name}\nneighbours right in {accuracy:.0%}")

plt.show()
