"""
======================
Energy and temperature
======================

At temperature zero, recall only ever lowers the energy, and stops in the first minimum that it
reaches, stored or not. At a higher temperature, noise can move it out of shallow minima. Here
:class:`skebm.HopfieldMemory` starts from random states, once at temperature zero and once with
*annealing*: at a high temperature that is slowly lowered.
"""

import matplotlib.pyplot as plt
import numpy as np

from skebm import HopfieldMemory
from skebm.plotting import EnergyPathsDisplay

# %%
# Eight random patterns in 200 units are well within the capacity of Hebb's rule. But mixtures of
# three patterns are minima as well, of higher energy.

rng = np.random.default_rng(0)
patterns = rng.choice([-1.0, 1.0], size=(8, 200))
start = rng.choice([-1.0, 1.0], size=(60, 200))
memory = HopfieldMemory(random_state=0).fit(patterns)

# %%
# Temperature zero and annealing
# ------------------------------
#
# At the temperature :math:`T`, a unit is on with the probability :math:`1 / (1 + e^{-2 h / T})`,
# where :math:`h` is its field. With a falling ``temperature_schedule`` the last steps are at
# temperature zero. The energy now rises at times, and ends lower.
#
# Without biases, a reversed pattern is as deep a minimum as the pattern. All other final states are
# spurious.

COLD = {"temperature": 0.0}
ANNEALED = {"temperature": 0.8, "temperature_schedule": "linear"}

figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.2), layout="constrained", sharey=True)
for ax, (title, dynamics) in zip(axes, {"cold": COLD, "annealed": ANNEALED}.items(), strict=True):
    memory.set_params(**dynamics)
    ended = memory.predict(start)
    energy = memory.recall(start).energies[:, -1].mean()
    print(
        f"{title:<9} stored or reversed: {np.mean(ended != -1):4.0%}   "
        f"spurious: {np.mean(ended == -1):4.0%}   mean energy: {energy:.1f}"
    )
    EnergyPathsDisplay.from_estimator(memory, start, ax=ax, line_kw={"marker": "", "alpha": 0.4})
    ax.set_title(title)
axes[1].set_ylabel("")

# %%
# How hot is too hot?
# -------------------
#
# At a constant temperature, states are samples of :math:`e^{-E / T}`. We start in a stored pattern
# and measure how much of it is left after 100 sweeps, by the overlap: it is 1 if all units agree,
# and 0 if only half of them do. In theory, with few patterns and many units, the overlap vanishes
# at :math:`T = 1`. With these eight patterns it is lost at a lower temperature. The bars are
# standard deviations over the states, ten for each pattern.

temperatures = np.arange(0, 1.41, 0.1)
stored = np.repeat(patterns, 10, axis=0)
overlaps = []
for temperature in temperatures:
    memory.set_params(temperature=temperature, temperature_schedule="constant")
    states = memory.transform(stored)
    overlaps.append(np.mean(states * stored, axis=1))
print("T:      ", *(f"{temperature:6.1f}" for temperature in temperatures[::2]))
print("overlap:", *(f"{mean:6.2f}" for mean in np.mean(overlaps, axis=1)[::2]))

_, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
ax.errorbar(
    temperatures,
    np.mean(overlaps, axis=1),
    np.std(overlaps, axis=1),
    fmt="o-",
    color="#0072B2",
    capsize=3,
)
ax.set(xlabel="temperature", ylabel="overlap with the stored pattern")
ax.spines[["top", "right"]].set_visible(False)
ax.grid(color="0.9")
plt.show()
