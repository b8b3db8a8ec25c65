"""
=========================================
Capacity of a memory, and how to raise it
=========================================

The number of patterns that a memory of ``N`` units can hold depends on the storage rule. Beyond
this capacity, patterns are not lost one by one: recall fails for all of them, and in a large memory
at once. This example fills memories until they fail, and then improves the weakest one by
*unlearning*, also called dreaming.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from skebm import HopfieldMemory

N_UNITS = 200


def random_patterns(n_patterns, seed):
    rng = np.random.default_rng(seed)
    patterns = rng.choice([-1.0, 1.0], size=(n_patterns, N_UNITS))
    damaged = np.where(rng.random(patterns.shape) < 0.1, -patterns, patterns)
    return patterns, damaged


def store(rule, patterns, seed):
    memory = HopfieldMemory(rule, random_state=seed)
    with warnings.catch_warnings():
        # fit warns that the load is above the capacity. Here this is intended.
        warnings.simplefilter("ignore", UserWarning)
        return memory.fit(patterns)


# %%
# Filling four memories
# ---------------------
#
# Patterns are random, 10 % of their units are flipped, and a pattern counts as recalled if at most
# 2 % of its units are wrong in the end. ``score`` is the share of recalled patterns. The load is
# the number of patterns per unit.

LOADS = np.array([0.05, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7])
RULES = ["hebb", "storkey", "pseudo_inverse", "dreaming"]
N_DRAWS = 5

recalled = dict.fromkeys(RULES)
for rule in RULES:
    shares = np.zeros((len(LOADS), N_DRAWS))
    for i, load in enumerate(LOADS):
        for draw in range(N_DRAWS):
            patterns, damaged = random_patterns(int(load * N_UNITS), draw)
            memory = store(rule, patterns, draw)
            shares[i, draw] = memory.score(damaged, np.arange(len(patterns)))
    recalled[rule] = shares
    half = LOADS[shares.mean(axis=1) >= 0.5].max()
    print(f"{rule:<15} recalls half of its patterns up to a load of {half:.3g}")

# %%
# Unlearning
# ----------
#
# With 40 patterns, a load of 0.2, Hebb's rule is above its capacity. From a random state, recall
# mostly ends in a spurious state. ``unlearn`` does this many times ("dreams") and each time
# subtracts a little of the state that it reached. Spurious states are reached more often than
# stored ones, so they are weakened more. After too many dreams, the stored patterns are weakened as
# well.

N_DREAMS = 125
patterns, damaged = random_patterns(40, seed=0)
memory = store("hebb", patterns, seed=0)
dreams, shares = [0], [memory.score(damaged, np.arange(40))]
while dreams[-1] < 3000:
    memory.unlearn(N_DREAMS, rate=0.02)
    dreams.append(dreams[-1] + N_DREAMS)
    shares.append(memory.score(damaged, np.arange(40)))
for count in (0, 250, 500, 2000, 3000):
    print(f"after {count:>4} dreams: {shares[dreams.index(count)]:4.0%} of 40 patterns recalled")

# %%
# Comparison
# ----------

figure, (left, right) = plt.subplots(1, 2, figsize=(6.5, 3.9), layout="constrained", sharey=True)
STYLES = ["o-", "s--", "^-.", "D:"]
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"]
for rule, style, colour in zip(RULES, STYLES, COLOURS, strict=True):
    means, spreads = recalled[rule].mean(axis=1), recalled[rule].std(axis=1, ddof=1)
    left.errorbar(LOADS, means, spreads, fmt=style, color=colour, ms=4, capsize=2, label=rule)
left.set(xlabel="load, patterns per unit", ylabel="share of patterns recalled", title="Four rules")
figure.legend(loc="outside lower center", ncols=4)
right.plot(dreams, shares, "o-", color=COLOURS[0])
right.set(xlabel="dreams", title="Unlearning, load 0.2")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9")
plt.show()
