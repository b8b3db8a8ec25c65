"""
=================================
A likelihood between two bounds
=================================

The log-likelihood of a Boltzmann machine needs the partition function Z, a sum over all states.
Annealed importance sampling estimates log Z by chains that go from a model without weights to the
machine. On average the result is too low. Chains that go back from the machine to the model without
weights give a result that is too high on average. If the two meet, both are right. Here we watch
them meet, first beside the exact value, then where there is none.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skebm import BernoulliRBM

pixels = (load_digits().data > 7.5).astype(np.float32)
train, test = train_test_split(pixels, test_size=600, random_state=0)


def machine(n_components):
    return BernoulliRBM(n_components, n_iter=60, batch_size=20, random_state=0).fit(train)


# %%
# Beside the exact value
# ----------------------
#
# With 16 hidden units, Z is a sum over 65,536 states of the hidden layer, and exact.
# ``method="ais"`` asks for annealing all the same. Each of the ``n_temperatures`` costs one Gibbs
# step of each chain. Eight runs with different random numbers show how much the bounds scatter.

N_TEMPERATURES = [3, 10, 30, 100, 300, 1000]
N_RUNS = 8


def bounds(rbm, n_temperatures, seed):
    """The lower and the upper bound of log Z from 50 chains in each direction."""
    with warnings.catch_warnings():
        # It warns if the bounds cross by more than 3 nats, as they may with few temperatures.
        warnings.simplefilter("ignore", UserWarning)
        log_z = rbm.log_partition(
            "ais", n_temperatures=n_temperatures, n_chains=50, random_state=seed
        )
    return log_z.lower, log_z.upper


def bounds_of_runs(rbm):
    """Both bounds, an array of shape (n_temperatures, n_runs, 2)."""
    return np.array([[bounds(rbm, n, seed) for seed in range(N_RUNS)] for n in N_TEMPERATURES])


small = machine(16)
exact = small.log_partition().estimate
of_small = bounds_of_runs(small)


def print_bounds(found):
    print("temperatures   lower bound      upper bound")
    for n, runs in zip(N_TEMPERATURES, found, strict=True):
        (lower, upper), (below, above) = runs.mean(axis=0), runs.std(axis=0, ddof=1)
        print(f"{n:>12}   {lower:.2f} +- {below:.2f}   {upper:.2f} +- {above:.2f}")


print(f"exact log Z: {exact:.2f}")
print_bounds(of_small)

# %%
# Where there is no exact value
# -----------------------------
#
# With 200 hidden units and 64 pixels, the shorter sum has 2^64 terms. The more temperatures, the
# closer are the bounds to each other, and the less they scatter. Chains that go back should start
# at samples of the machine. These are exact with 16 hidden units. Here they are where the chains
# ended that went the other way, so a mode that those never found is missing from both bounds: they
# would meet at a value that is too low. With ``X=train``, chains start at rows of data instead; if
# that gives a higher upper bound, report that one.

large = machine(200)
of_large = bounds_of_runs(large)
print_bounds(of_large)


def draw_bounds(ax, found):
    """Both bounds by the number of temperatures; the bars are the spread of the runs."""
    styles = (("lower bound", "o-", "#0072B2"), ("upper bound", "s-", "#D55E00"))
    for number, (name, style, colour) in enumerate(styles):
        means, spreads = found[..., number].mean(axis=1), found[..., number].std(axis=1, ddof=1)
        ax.errorbar(
            N_TEMPERATURES, means, spreads, fmt=style, color=colour, capsize=3, ms=5, label=name
        )
    ax.set(xscale="log", xlabel="temperatures")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9")


figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.4), layout="constrained")
for ax, found, title in zip(
    axes, (of_small, of_large), ("16 hidden units", "200 hidden units"), strict=True
):
    draw_bounds(ax, found)
    ax.set_title(title)
axes[0].axhline(exact, color="0.3", ls=":", label="exact")
axes[0].set_ylabel("log Z, nats")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %%
# What it means for a likelihood
# ------------------------------
#
# The higher log Z is, the lower is the likelihood. So the upper bound of log Z gives the lower
# bound of the likelihood, and that is the one to report. The two differ by far less than the models
# do. Both are random, so once they have met, they may cross by a few hundredths of a nat.

means = train.mean(axis=0).clip(1e-3, 1 - 1e-3)
independent = np.where(test > 0, np.log(means), np.log(1 - means)).sum(axis=1).mean()
print("log-likelihood of test digits, nats per row")
print(f"    independent pixels              {independent:.2f}")
print(f"    16 hidden units, exact          {small.log_likelihood(test).mean():.2f}")
log_z = large.log_partition(n_temperatures=3000, random_state=0)
for name, value in [("lower", log_z.upper), ("upper", log_z.lower)]:
    print(f"    200 hidden units, {name} bound   {large.log_likelihood(test, value).mean():.2f}")
print(f"    standard error of the bounds    {log_z.standard_error:.2f}")
plt.show()
