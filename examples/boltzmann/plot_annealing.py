"""
====================
Cooling a spin glass
====================

In a spin glass, units on a lattice want to be like some of their neighbours and unlike others, at
random, and not all of these wishes can be met at once. Very many states cannot be made better by
flipping one unit, and few of them are good. :func:`skebm.simulated_annealing` looks for the best.
Here we watch it cool a glass fast and slowly, look at what it finds, and cut a graph in two with
it.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import csr_array

from skebm import simulated_annealing

SIDE = 32

# %%
# A spin glass
# ------------
#
# A coupling of 1 wants two neighbours alike, one of -1 wants them to differ. The energy is minus
# the couplings that are satisfied plus those that are not.

rng = np.random.default_rng(0)
sites = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
first = np.concatenate([sites.ravel(), sites.ravel()])
second = np.concatenate([np.roll(sites, -1, axis).ravel() for axis in (0, 1)])
couplings = rng.choice([-1.0, 1.0], size=len(first))
weights = csr_array((couplings, (first, second)), shape=(SIDE * SIDE,) * 2)
weights = weights + weights.T

# %%
# Quenched or cooled
# ------------------
#
# A quench, here after one sweep, goes downhill at once, and ends where it first can go no further.
# A chain that is cooled can also go uphill, as long as it is warm. The slower it cools, the lower
# it ends. There are 32 restarts of each.

SWEEPS = (1, 10, 100, 1000, 10_000)
results = {
    n: simulated_annealing(weights, n_sweeps=n, n_restarts=32, random_state=0) for n in SWEEPS
}
for n, result in results.items():
    per_site = result.energies / SIDE**2
    print(f"{n:>6} sweeps: energy per site {per_site.mean():.4f}, at best {per_site.min():.4f}")

figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.4), layout="constrained")
colors = ("#999999", "#56B4E9", "#009E73", "#E69F00", "#CC79A7")
for (n, result), color in zip(results.items(), colors, strict=True):
    if n > 1:
        mean = result.energy_paths[:, 1:-1].mean(axis=0) / SIDE**2
        axes[0].plot(result.temperatures, mean, color=color, label=f"{n:,} sweeps")
axes[0].set(xlabel="temperature", ylabel="energy per site")
axes[0].invert_xaxis()
axes[0].legend(frameon=False)
axes[1].errorbar(
    SWEEPS,
    [result.energies.mean() / SIDE**2 for result in results.values()],
    [result.energies.std() / SIDE**2 for result in results.values()],
    fmt="o-",
    color="#0072B2",
    capsize=3,
)
axes[1].plot(SWEEPS, [r.energy / SIDE**2 for r in results.values()], "v", color="#D55E00")
axes[1].set(xlabel="sweeps", ylabel="energy per site at the end", xscale="log")
axes[1].legend(["the best of 32", "mean and spread"], frameon=False)
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)

# %%
# What is found
# -------------
#
# States of a glass look like noise, good ones and bad ones. Comparing two of them tells more: red
# is where they are alike, blue where one is the reverse of the other. Two good states agree over
# large regions, up to reversal: what is inside of a region is settled, and only which regions are
# reversed is not. A quenched state has settled much smaller ones.

result = results[1000]
figure, axes = plt.subplots(2, 2, figsize=(4.8, 5.2), layout="constrained")
quenched = results[1].state.reshape(SIDE, SIDE)
best, other = (state.reshape(SIDE, SIDE) for state in result.states[[0, 12]])
pictures = (
    ("quenched", quenched, "gray"),
    ("annealed", best, "gray"),
    ("quenched, annealed", quenched * best, "RdBu_r"),
    ("two annealed ones", best * other, "RdBu_r"),
)
for ax, (title, picture, colors) in zip(axes.flat, pictures, strict=True):
    ax.imshow(picture, cmap=colors)
    ax.set_title(title, fontsize=10)
    ax.axis("off")

# %%
# The largest cut
# ---------------
#
# What else can be written as an energy of pairs? To cut a graph into two parts such that as many
# edges as possible go across, each edge wants its ends to differ: its coupling is -1. Here the
# nodes lie in a plane and are joined with those that are near.

places = rng.random((150, 2))
distances = np.linalg.norm(places[:, None] - places, axis=-1)
adjacency = ((distances < 0.13) & (distances > 0)).astype(float)
result = simulated_annealing(-adjacency, random_state=0)
n_edges = adjacency.sum() / 2
n_cut = (n_edges - result.energy) / 2
at_random = n_edges / 2
print(f"{n_cut:.0f} of {n_edges:.0f} edges cut; a random cut has {at_random:.0f} on average")

figure, ax = plt.subplots(figsize=(4.6, 4.6), layout="constrained")
for a, b in zip(*np.nonzero(np.triu(adjacency)), strict=True):
    is_cut = result.state[a] != result.state[b]
    ax.plot(
        *places[[a, b]].T,
        color="0.75" if is_cut else "#D55E00",
        lw=0.8 if is_cut else 1.6,
        zorder=1,
    )
colors = np.where(result.state == 1, "#0072B2", "#F0E442")
ax.scatter(*places.T, c=colors, edgecolors="0.2", s=36, zorder=2)
ax.set_title("in red: edges that are not cut", fontsize=10)
ax.set_aspect("equal")
ax.axis("off")
plt.show()
