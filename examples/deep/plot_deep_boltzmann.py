"""
====================================
Digits from a deep Boltzmann machine
====================================

:class:`skebm.DeepBoltzmannMachine` is a model of data with several hidden layers, all of which
learn together. This example trains one with two hidden layers on small digits, shows what the
units of each layer stand for, and draws new digits beside real ones.
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
# Pixels become 0 and 1 at half of the full ink. The layers are first trained one after the other,
# ``pretrain=True``, and then together. The machine is to be a good density model, so its chains
# are persistent, ``algorithm="pcd"``, and there are 100 of them, with five steps of Gibbs sampling
# for each update.

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
# How likely are digits that the machine has not seen? The score is a lower bound of the
# log-likelihood. The partition function that it needs is estimated between a lower and an upper
# bound, and the upper one is used here. For comparison: the same machine without its second layer,
# which is an RBM, and pixels that are independent of each other, each with its own mean.

means = np.clip(train.mean(axis=0), 1e-3, 1 - 1e-3)
independent = np.where(test > 0, np.log(means), np.log(1 - means)).sum(axis=1)
print("log-likelihood of test digits, nats per row:")
print(f"    independent pixels                {independent.mean():7.2f}")
for name, model in [("one hidden layer", one_layer), ("two hidden layers, lower bound", dbm)]:
    log_z = model.log_partition(n_temperatures=1000, n_chains=50, random_state=0)
    score = model.score_samples(test, log_z.upper).mean()
    print(f"    {name:33} {score:7.2f} (log Z: {log_z.lower:.2f} to {log_z.upper:.2f})")

# %%
# Both machines are far better than independent pixels. The second layer adds nothing that the bound
# would show, although training took more epochs with it: one layer is enough for images as small
# as these. What the second layer has learned can be seen all the same.
#
# What each layer stands for
# --------------------------
#
# A unit of the first hidden layer is its weights to the pixels: red pixels switch it on, blue ones
# switch it off. A unit of the second layer has no weights to pixels. Its image is what
# ``inverse_transform`` returns when this unit is on and all other units of its layer are off: the
# means of the pixels, by mean field of the first layer. Shown are the 36 units of the first layer
# with the largest weights, and the 36 units of the second that differ most from row to row. Units
# of the first layer answer to some pixels in contrast to others. Several units of the second layer
# stand for something like a whole digit; the images of most others are an average digit with small
# changes.

second = dbm.transform(train)
most_active = np.argsort(-second.std(axis=0))[:36]
images_of_second = dbm.inverse_transform(np.eye(48, dtype=np.float32)[most_active])
figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.5), layout="constrained")
ComponentsDisplay.from_estimator(dbm, units=36, ax=axes[0], own_scales=True)
axes[0].set_title("first layer: weights")
SamplesDisplay(images_of_second.reshape(6, 6, 64)).plot(axes[1])
axes[1].set(title="second layer: one unit on", xlabel="", ylabel="")

# %%
# Real digits and drawn ones
# --------------------------
#
# Each drawn digit is the last state of its own chain of 1000 steps of Gibbs sampling, which starts
# at random. Neither the real nor the drawn digits are selected.

drawn = dbm.sample(300, n_steps=1000, random_state=0)
figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.5), layout="constrained")
for ax, title, rows in zip(axes, ["real", "drawn"], [test, drawn], strict=True):
    SamplesDisplay(rows[:64].reshape(8, 8, 64)).plot(ax)
    ax.set(title=title, xlabel="", ylabel="")

# %%
# How good are they?
# ------------------
#
# Most of the drawn digits can be read; some have pixels that do not belong there, and some are no
# digit. A measure of this: for each drawn digit, take the training digit that is nearest to it,
# and count the pixels in which the two differ. Real digits that the machine has not seen differ in
# about three pixels, drawn ones in about four, rows of independent pixels in about eight. By the
# label of the nearest training digit, all ten digits are drawn.

judge = KNeighborsClassifier(1).fit(train, train_digits)
noise = np.random.default_rng(0).random(drawn.shape) < means
print("pixels that differ from the nearest training digit, of 64, mean:")
for name, rows in [("real test digits", test), ("drawn digits", drawn), ("independent", noise)]:
    print(f"    {name:18} {np.square(judge.kneighbors(rows)[0]).mean():5.2f}")
counts = np.bincount(judge.predict(drawn), minlength=10)
print("drawn digits by the label of the nearest one, from 0 to 9:", *counts)
plt.show()
