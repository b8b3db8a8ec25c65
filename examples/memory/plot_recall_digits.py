"""
=======================================
Remembering digits, and what goes wrong
=======================================

An associative memory stores rows. Given a damaged row, it returns the stored row that is most
similar. Here :class:`skebm.HopfieldMemory` stores one scanned digit of each kind, and restores the
digits from copies with 15 % of the pixels flipped or with the lower half missing. When it fails, it
ends in a *spurious* state, a minimum of the energy that was never stored.
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
# Images of 8 x 8 pixels are thresholded to -1 and 1 at half of the maximum. We store the first
# digit of each kind with its label, and make two kinds of damaged copies: with pixels flipped at
# random, and with the lower half missing, marked by NaN.

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
# Ten patterns in 64 units exceed the capacity of Hebb's rule (0.138 per unit), and ``fit`` warns.
# Besides, the patterns are not random: most pixels are dark in all of them. Neither matters to the
# pseudo-inverse rule, nor to the rules that keep the patterns themselves. A prediction of -1 means
# a spurious state.

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
# Recalled digits
# ---------------
#
# With Hebb's rule, nearly every digit leads to the same mixture of all digits.

answers = {"flipped": flipped}
answers |= {rule: memory.transform(flipped) for rule, memory in memories.items()}
ReconstructionsDisplay(patterns, answers).plot()

# %%
# Energy during recall
# --------------------
#
# Recall changes one pixel after the other, whenever this lowers the energy. In a *sweep* each pixel
# is visited once. A dashed line ends in a state that was not stored: a minimum of the energy
# without a meaning. Such a minimum may be shallow, and still no change of a single pixel leads out
# of it. Under the pseudo-inverse rule all patterns have the same energy, and every line ends there.

_, axes = plt.subplots(1, 2, figsize=(6.5, 3.2), layout="constrained")
for ax, rule in zip(axes, ["storkey", "pseudo_inverse"], strict=True):
    EnergyPathsDisplay.from_estimator(memories[rule], flipped, ax=ax)
    ax.set_title(rule)

# %%
# Half a digit is enough
# ----------------------
#
# The known half can be clamped, so that only the missing half changes. It starts at random.

RecallDisplay.from_estimator(
    memories["pseudo_inverse"], halved[:5], clamp=~np.isnan(halved[:5]), random_state=0
)
plt.show()
