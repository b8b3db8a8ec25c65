"""
==============================================
What contrastive divergence does to the energy
==============================================

Training lowers the energy of the data and raises the energy of states that the model prefers.
Contrastive divergence finds such states by a few steps of Gibbs sampling that start from the data.
With two features the whole energy surface can be plotted, and one can see which states a few steps
do not reach.
"""

import matplotlib.pyplot as plt
import numpy as np

from skebm import GaussianRBM

# %%
# The data are three clusters in the plane. The model is a :class:`skebm.GaussianRBM` with eight
# hidden units, few enough for its likelihood to be exact. We look at it before training, after two
# epochs, and after forty, with one step of Gibbs sampling per update (CD-1); and after forty epochs
# with twenty steps (CD-20).

rng = np.random.default_rng(0)
centres = np.array([[-2, -1.5], [2, -1.5], [0, 2]])
SPREAD = 0.35
X = centres[rng.integers(3, size=600)] + SPREAD * rng.normal(size=(600, 2))


def train(n_gibbs_steps, n_iter):
    rbm = GaussianRBM(
        8,
        learning_rate=0.05,
        n_gibbs_steps=n_gibbs_steps,
        n_iter=n_iter,
        batch_size=20,
        variances=0.3,
        random_state=0,
    )
    return rbm.fit(X)


stages = {
    "before training": train(1, n_iter=0),
    "CD-1, 2 epochs": train(1, n_iter=2),
    "CD-1, 40 epochs": train(1, n_iter=40),
    "CD-20, 40 epochs": train(20, n_iter=40),
}

# %%
# Numbers first
# -------------
#
# A grid covers the whole plane, so we can also compute how much probability the model assigns to
# regions without data: further than five standard deviations from each cluster.

side = np.linspace(-4.5, 4.5, 120)
plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
distances = np.linalg.norm(plane[:, None] - centres, axis=-1)
far_off = distances.min(axis=1) > 5 * SPREAD
cell = (side[1] - side[0]) ** 2

for title, rbm in stages.items():
    density = np.exp(rbm.log_likelihood(plane))
    print(
        f"{title:<18} log-likelihood: {rbm.log_likelihood(X).mean():6.2f} nats per row   "
        f"far from all data: {density[far_off].sum() * cell:4.0%}"
    )

# %%
# The surfaces
# ------------
#
# Dark is low free energy. White dots are data. An arrow leads from a row to the state after one
# step of Gibbs sampling.
#
# A hidden unit that is on adds its weights to the mean, so the valleys of the energy lie at sums of
# weights. Once three of them are at the clusters, other sums of weights produce valleys where there
# are no data. CD-1 hardly changes these false valleys: its arrows stay inside their cluster, so the
# chains do not reach them. With twenty steps some chains do, and most of the probability in the
# false valleys disappears. Persistent chains (``algorithm="pcd"``) and parallel tempering
# (``"pt"``) are other ways to reach them.

figure, axes = plt.subplots(
    2, 2, figsize=(6.5, 5.8), layout="constrained", sharex=True, sharey=True
)
for ax, (title, rbm) in zip(axes.flat, stages.items(), strict=True):
    energy = -rbm.log_likelihood(plane).reshape(len(side), -1)
    surface = ax.contourf(
        side, side, energy, levels=np.linspace(0, 12, 25), cmap="viridis", extend="max"
    )
    ax.plot(*X[::3].T, ".", color="white", markersize=2)
    start = X[:40]
    step = rbm.gibbs(start, random_state=0) - start
    ax.quiver(
        *start.T, *step.T, angles="xy", scale_units="xy", scale=1, color="#E69F00", width=0.006
    )
    ax.set(title=title, aspect="equal", xticks=[-4, 0, 4], yticks=[-4, 0, 4])
figure.colorbar(surface, ax=axes, label="free energy + log Z, nats", ticks=[0, 3, 6, 9, 12])
plt.show()
