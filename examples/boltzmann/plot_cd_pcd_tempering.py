"""
=========================================
CD, PCD and parallel tempering compared
=========================================

The gradient of the log-likelihood needs samples of the model, and the algorithms differ in where
they get them. Contrastive divergence (CD) takes a few Gibbs steps from the data, persistent
contrastive divergence (PCD) goes on with the chains of the last update, and parallel tempering (PT)
also swaps the states of chains at several temperatures. This example trains the same small RBM by
each of them. It is so small that its log-likelihood is exact after any epoch.
"""

import matplotlib.pyplot as plt
import numpy as np

from skebm import BernoulliRBM

# %%
# Bars and stripes
# ----------------
#
# The rows are images of 4 x 4 pixels in which each line is all on or all off. The lines are
# horizontal in half of the images and vertical in the others. There are 30 different images, and
# each is equally likely, so no model can have more than -log 30 nats per row. The images differ
# from each other in four pixels or more, which makes it hard for a Gibbs chain to go from one to
# another.

SIDE = 4
lines = (np.arange(2**SIDE)[:, None] >> np.arange(SIDE)) & 1
stripes = np.repeat(lines, SIDE, axis=1)
bars = np.tile(lines, SIDE)
X = np.unique(np.concatenate([stripes, bars]), axis=0).astype(np.float32)
best = -np.log(len(X))

# sphinx_gallery_thumbnail_number = 2
figure, axes = plt.subplots(2, 10, figsize=(6.5, 1.6), layout="constrained")
for ax, image in zip(axes.flat, X[5:25], strict=True):
    ax.imshow(image.reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])

# %%
# Four ways to learn, at two learning rates
# -----------------------------------------
#
# ``partial_fit`` goes once over its rows, and parameters may be changed between two of its calls.
# So we can measure the likelihood on the way, and let the learning rate fall to zero, as ``fit``
# does. An epoch has each image twelve times. Everything is repeated for three random starts.

N_EPOCHS, N_SEEDS = 200, 3
ALGORITHMS = {
    "CD, 1 step": {"algorithm": "cd"},
    "CD, 10 steps": {"algorithm": "cd", "n_gibbs_steps": 10},
    "PCD": {"algorithm": "pcd"},
    "PT, 5 temperatures": {"algorithm": "pt", "n_replicas": 5},
}
RATES = [0.1, 0.3]
MEASURED = np.arange(20, N_EPOCHS + 1, 20)
rows = np.repeat(X, 12, axis=0)


def log_likelihoods(parameters, rate, seed):
    """Log-likelihood of the images, mean over them, after each of the epochs MEASURED."""
    rbm = BernoulliRBM(16, batch_size=30, random_state=seed, **parameters)
    values = []
    for epoch in range(N_EPOCHS):
        rbm.set_params(learning_rate=rate * (1 - epoch / N_EPOCHS)).partial_fit(rows)
        if epoch + 1 in MEASURED:
            values.append(rbm.log_likelihood(X).mean())
    return values


curves = {
    (rate, name): np.array([log_likelihoods(parameters, rate, seed) for seed in range(N_SEEDS)])
    for rate in RATES
    for name, parameters in ALGORITHMS.items()
}

print(
    f"nats per row after {N_EPOCHS} epochs, at most {best:.2f}; mean and spread of {N_SEEDS} runs"
)
for (rate, name), values in curves.items():
    end = values[:, -1]
    print(f"    rate {rate}   {name:<20}{end.mean():6.2f} +- {end.std(ddof=1):.2f}")

# %%
# What they reach
# ---------------
#
# The bars are standard deviations over the random starts; the dotted line is the likelihood of the
# best model there can be.
#
# At the lower rate, PCD, tempering and ten steps of CD are alike, and about 0.6 nats better than
# one step of CD. The gradient of the latter is biased, because a chain of one step stays near the
# data. The bias gets smaller with the number of steps.
#
# At the higher rate, all but PCD come further in the same number of epochs. The model then changes
# faster than single chains can follow: they stay in a few of the images, the gradient pushes these
# away, and the likelihood falls. It recovers in part as the rate falls. With tempering, chains
# change from one image to another by way of the higher temperatures. They keep up with the model,
# and end nearest to the data, but each step costs as many Gibbs steps as there are temperatures.
#
# So with PCD, use a lower learning rate or more epochs, and look at the samples. Where chains mix
# well, as on many images, the algorithms hardly differ, see :ref:`parameters`.

figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.7), layout="constrained", sharey=True)
COLOURS = ["#0072B2", "#56B4E9", "#D55E00", "#009E73"]
MARKERS = "osD^"
for ax, rate in zip(axes, RATES, strict=True):
    for name, colour, marker in zip(ALGORITHMS, COLOURS, MARKERS, strict=True):
        values = curves[rate, name]
        ax.errorbar(
            MEASURED,
            values.mean(axis=0),
            values.std(axis=0, ddof=1),
            fmt=f"{marker}-",
            color=colour,
            markersize=4,
            capsize=2,
            label=name,
        )
    ax.axhline(best, color="0.4", ls=":", label="the data")
    ax.set(title=f"learning rate {rate}, falling", xlabel="epoch", ylim=(-11, -3.1))
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9")
axes[0].set_ylabel("log-likelihood, nats per row")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()
