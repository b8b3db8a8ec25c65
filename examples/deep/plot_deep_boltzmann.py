"""
====================================
Digits from a deep Boltzmann machine
====================================

:class:`skebm.DeepBoltzmannMachine` is a generative model with several hidden layers that are
trained together. This example trains one with two hidden layers on small digits, shows what the
units of each layer represent, and compares generated digits with real ones.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skebm import DeepBoltzmannMachine
from skebm.plotting import ComponentsDisplay, SamplesDisplay

# %%
# Training
# --------
#
# Pixels are thresholded to 0 and 1 at half of the maximum. With ``pretrain=True`` the layers are
# first trained one after the other, and then together. The aim is a good density model, so the
# chains are persistent, ``algorithm="pcd"``, and there are 100 of them, with five steps of Gibbs
# sampling per update.

images, digits = load_digits(return_X_y=True)
pixels = (images > 7.5).astype(np.float32)
train, test, train_digits, _ = train_test_split(
    pixels, digits, test_size=300, stratify=digits, random_state=0
)
dbm = DeepBoltzmannMachine(
    (48, 48),
    pretrain=True,
    rbm_n_iter=20,
    rbm_learning_rate=0.1,
    rbm_batch_size=20,
    algorithm="pcd",
    n_chains=100,
    n_gibbs_steps=5,
    learning_rate=0.1,
    batch_size=20,
    n_iter=30,
    random_state=0,
).fit(train)
one_layer = clone(dbm).set_params(hidden_layer_sizes=48, pretrain=False).fit(train)

# %%
# How likely are digits that the model has not seen? The score is a lower bound of the
# log-likelihood. The partition function that it needs is estimated between a lower and an upper
# bound; here we use the upper one. For comparison, we also score the same model without its second
# layer, which is an RBM, and independent pixels, each with its own mean.

means = np.clip(train.mean(axis=0), 1e-3, 1 - 1e-3)
independent = np.where(test > 0, np.log(means), np.log(1 - means)).sum(axis=1)
print("log-likelihood of test digits, nats per row:")
print(f"    independent pixels                {independent.mean():7.2f}")
for name, model in [("one hidden layer", one_layer), ("two hidden layers, lower bound", dbm)]:
    log_z = model.log_partition(n_temperatures=1000, n_chains=50, random_state=0)
    score = model.score_samples(test, log_z.upper).mean()
    print(f"    {name:33} {score:7.2f} (log Z: {log_z.lower:.2f} to {log_z.upper:.2f})")

# %%
# Both models are far better than independent pixels. The bound shows no gain from the second layer,
# although with it training took more epochs: one layer is enough for images as small as these. The
# second layer has learned something all the same, as the figure shows.
#
# What each layer represents
# --------------------------
#
# A unit of the first hidden layer is shown by its weights to the pixels: red pixels switch it on,
# blue ones switch it off. A unit of the second layer has no weights to pixels. Its image is what
# ``inverse_transform`` returns when this unit is on and all other units of its layer are off: the
# means of the pixels, by mean field of the first layer. The figure shows the 36 units of the first
# layer with the largest weights, and the 36 units of the second that vary most from row to row.
# Units of the first layer respond to some pixels in contrast to others. Several units of the second
# layer represent something like a whole digit; the images of most others are an average digit with
# small changes.

second = dbm.transform(train)
most_active = np.argsort(-second.std(axis=0))[:36]
images_of_second = dbm.inverse_transform(np.eye(48, dtype=np.float32)[most_active])
figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.5), layout="constrained")
ComponentsDisplay.from_estimator(dbm, units=36, ax=axes[0], own_scales=True)
axes[0].set_title("first layer: weights")
SamplesDisplay(images_of_second.reshape(6, 6, 64)).plot(axes[1])
axes[1].set(title="second layer: one unit on", xlabel="", ylabel="")

# %%
# Real and generated digits
# -------------------------
#
# Each generated digit is the last state of its own chain of 1000 steps of Gibbs sampling, which
# starts at random. Neither the real nor the generated digits are selected.

drawn = dbm.sample(300, n_steps=1000, random_state=0)
figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.5), layout="constrained")
for ax, title, rows in zip(axes, ["real", "drawn"], [test, drawn], strict=True):
    SamplesDisplay(rows[:64].reshape(8, 8, 64)).plot(ax)
    ax.set(title=title, xlabel="", ylabel="")

# %%
# How good are they?
# ------------------
#
# Most of the generated digits can be read; some have wrong pixels, and some are not a digit. To
# measure this, we take the nearest training digit to each generated digit, and count the pixels in
# which the two differ. Real digits that the model has not seen differ in about three pixels,
# generated ones in four to five, rows of independent pixels in about eight. According to the labels
# of the nearest training digits, all ten digits are generated.

judge = KNeighborsClassifier(1).fit(train, train_digits)
noise = np.random.default_rng(0).random(drawn.shape) < means
print("pixels that differ from the nearest training digit, of 64, mean:")
for name, rows in [("real test digits", test), ("drawn digits", drawn), ("independent", noise)]:
    print(f"    {name:18} {np.square(judge.kneighbors(rows)[0]).mean():5.2f}")
counts = np.bincount(judge.predict(drawn), minlength=10)
print("drawn digits by the label of the nearest one, from 0 to 9:", *counts)
plt.show()
