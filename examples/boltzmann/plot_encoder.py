"""
======================================
A Boltzmann machine learns a code
======================================

Two groups of four units are to agree which one of the four is on, but no weight joins one group
with the other. All they have in common are two hidden units. To pass the message on, these have to
find a code of two bits for the four messages. Nobody tells them which one. This is the encoder by
which D. H. Ackley, G. E. Hinton and T. J. Sejnowski showed in 1985 that a network with hidden units
can learn.
"""

import matplotlib.pyplot as plt
import numpy as np

from skebm import BoltzmannMachine
from skebm.plotting import CouplingsDisplay

# %%
# The network
# -----------
#
# Units 0 to 3 are one group, 4 to 7 the other, 8 and 9 are hidden. A mask says who is connected.

messages = np.eye(4)
patterns = np.hstack([messages, messages])
group = np.array([0] * 4 + [1] * 4 + [2] * 2)
connected = (group[:, None] == group) | (group[:, None] == 2) | (group == 2)
np.fill_diagonal(connected, False)

machine = BoltzmannMachine(
    2,
    connected,
    algorithm="annealing",
    n_gibbs_steps=10,
    solver="rmsprop",
    learning_rate=0.05,
    alpha=0.0,
    batch_size=8,
    random_state=3,
)

# %%
# Two phases
# ----------
#
# In each cycle, the patterns are clamped to the visible units, and the hidden ones are annealed;
# then all units are annealed alone. Weights between units that are on together more often in the
# first phase than in the second one grow, the others shrink. As in 1985, some bits of the patterns
# are wrong in each cycle, which keeps weights from growing without end.

rng = np.random.default_rng(0)
twice = np.tile(patterns, (2, 1))
codes, shares = [], []
for _ in range(400):
    wrong = rng.random(twice.shape) < np.where(twice > 0, 0.15, 0.05)
    machine.partial_fit(np.abs(twice - wrong))
    codes.append(machine.transform(patterns))
    # Of each message at one end, how often is it the one at the other?
    both = np.hstack([np.tile(messages, (4, 1)), np.repeat(messages, 4, axis=0)])
    masses = np.exp(-machine.free_energy(both)).reshape(4, 4)
    shares.append(np.diag(masses) / masses.sum(axis=0))
codes, shares = np.array(codes), np.array(shares)

# %%
# Left: the probability of the right message, as a share of that of all four messages. Right: the
# code. The lines show the two hidden units during training: each message moves to its own corner.

fig, (left, right) = plt.subplots(1, 2, figsize=(6.5, 3.5), layout="constrained")
for number in range(4):
    left.plot(shares[:, number], linewidth=0.9, label=f"message {number}")
    right.plot(*codes[:, number].T, alpha=0.5, linewidth=0.8)
    right.plot(*codes[-1, number], "o", color=right.lines[-1].get_color())
    name = f"message {number}"
    right.annotate(name, codes[-1, number], textcoords="offset points", xytext=(6, 6))
left.set(xlabel="cycles", ylabel="share of the right message", ylim=(0, 1.02))
left.legend()
right.set(xlabel="first hidden unit", ylabel="second hidden unit")
right.set(xlim=(-0.1, 1.6), ylim=(-0.1, 1.2))
plt.show()

# %%
print(codes[-1].round(2))

# %%
# The weights say the same: to the hidden units, a unit of the first group has weights of the same
# signs as its partner in the second group, and as no other.

names = [f"{'first' if g == 0 else 'second'} {k % 4}" for k, g in enumerate(group[:8])]
CouplingsDisplay.from_estimator(machine, names=[*names, "hidden 0", "hidden 1"])
plt.show()
