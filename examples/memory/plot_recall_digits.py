"""
=======================================
Remembering digits, and what goes wrong
=======================================

An associative memory stores rows and, given a damaged one, answers with the row that it is
reminded of. Here :class:`skebm.HopfieldMemory` stores one scanned digit of each kind and gets them
back with 15 % of the pixels flipped or with the lower half hidden. Where it fails it ends in a
*spurious* state, a memory of something that never happened.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skebm import HopfieldMemory
from skebm.plotting import EnergyPathsDisplay, RecallDisplay, ReconstructionsDisplay

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
#
# Hebb's rule answers nearly every digit with the same blend of them all.

answers = {"flipped": flipped}
answers |= {rule: memory.transform(flipped) for rule, memory in memories.items()}
ReconstructionsDisplay(patterns, answers).plot()

# %%
# The way down
# ------------
#
# Recall changes one pixel after the other, whenever that lowers the energy. A *sweep* has visited
# each once. A dashed line came to rest in a state that nobody stored: recall has found a minimum,
# but not one that means anything. It may well be shallow, and still no single pixel leads out of
# it. Under the pseudo-inverse rule all patterns have the same energy, and every line ends there.

_, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, rule in zip(axes, ["storkey", "pseudo_inverse"], strict=True):
    EnergyPathsDisplay.from_estimator(memories[rule], flipped, ax=ax)
    ax.set_title(rule)

# %%
# Half a digit is enough
# ----------------------
#
# What is known can be clamped, so that only the missing half moves. It starts at random.

RecallDisplay.from_estimator(
    memories["pseudo_inverse"], halved[:5], clamp=~np.isnan(halved[:5]), random_state=0
)
plt.show()
