"""
=======================================
Remembering digits, and what goes wrong
=======================================

An associative memory stores rows and, given a damaged one, answers with the row that it is
reminded of. Here :class:`skebm.HopfieldMemory` stores one scanned digit of each kind, gets them
back with 15 % of the pixels flipped or with the lower half hidden, and shows what sets its
six rules apart: digits resemble each other, and the oldest rule cannot keep them apart.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skebm import HopfieldMemory

# %%
# Ten digits and their damage
# ---------------------------
#
# Images of 8 x 8 pixels become -1 and 1 at half of the full ink. We store the first digit of
# each kind, label it, and make two kinds of damaged copies: pixels flipped at random, and lower
# halves that are missing, which NaN says.

images, kinds = load_digits(return_X_y=True)
firsts = [np.flatnonzero(kinds == digit)[0] for digit in range(10)]
patterns = np.where(images[firsts] > 7.5, 1.0, -1.0)
digits = np.arange(10)

rng = np.random.default_rng(0)
flipped = np.where(rng.random(patterns.shape) < 0.15, -patterns, patterns)
halved = patterns.copy()
halved[:, 32:] = np.nan

# %%
# Six rules
# ---------
#
# Ten patterns in 64 units are more than Hebb's rule holds (0.138 a unit), and it says so when
# they are stored. Besides, they are anything but random: most pixels are dark in all of them.
# The pseudo-inverse rule minds neither, nor do the rules that keep the patterns themselves.
# What ``predict`` calls -1 is a spurious state, a minimum of the energy that nobody has stored.

RULES = {
    "hebb": {},
    "storkey": {},
    "pseudo_inverse": {},
    "dreaming": {"sleep_time": 10.0},
    "dense": {"order": 10},
    "softmax": {"beta": 1.0},
}

memories = {}
for rule, params in RULES.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        memory = HopfieldMemory(rule, allow_missing=True, random_state=0, **params)
        memories[rule] = memory.fit(patterns, digits)
    print(
        f"{rule:<15} flipped: {memory.score(flipped, digits):4.0%}   "
        f"halved: {memory.score(halved, digits):4.0%}   "
        f"spurious: {np.mean(memory.predict(flipped) == -1):4.0%}"
    )
    for warning in caught:
        print(f"    {warning.message}")

# %%
# What comes back
# ---------------

rows = {"stored": patterns, "flipped": flipped}
rows |= {rule: memory.transform(flipped) for rule, memory in memories.items()}
figure, axes = plt.subplots(len(rows), 10, figsize=(9, 8), layout="constrained")
for line, (name, states) in zip(axes, rows.items(), strict=True):
    for axis, state in zip(line, states, strict=True):
        axis.imshow(state.reshape(8, 8), cmap="gray_r", vmin=-1, vmax=1)
        axis.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
figure.savefig("hopfield_recall.png", dpi=150)

# %%
# The way down
# ------------
#
# ``recall`` tells how a row came to rest. The energy falls with every sweep, and a few sweeps
# are enough. Known pixels can be clamped, so that only the missing half moves.

memory = memories["pseudo_inverse"]
recalled = memory.recall(halved, clamp=~np.isnan(halved))
print(f"sweeps: {recalled.n_steps}, at rest: {recalled.converged.all()}")
print("energies of the first digit: ", np.round(recalled.energies[0], 2))
