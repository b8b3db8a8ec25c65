"""
======================================
Couplings behind correlations
======================================

Two columns of a table may be correlated because one has to do with the other, or because both have
to do with a third. A Boltzmann machine without hidden units tells them apart: its weights are what
is left between two units once all others are known. Such maps are made of the spikes of neurons,
of species that share a habitat, of positions of a protein.

Here they are made of measurements of cell nuclei, 30 for each of 569 tissue samples.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV

from skebm import BoltzmannMachine
from skebm.plotting import CouplingsDisplay

# %%
# A table of bits
# ---------------
#
# Each measurement becomes a bit: above its median, or not. So no column says more than another.

data = load_breast_cancer(as_frame=True).data
X = (data > data.median()).astype(int)
print(X.iloc[:3, :4])

# %%
# How strong a penalty?
# ---------------------
#
# L1 makes weights exactly zero. Its strength is found by cross-validation: ``score`` measures
# how well each column of the rows held out is predicted from the other columns.

machine = BoltzmannMachine(algorithm="pseudo_likelihood", l1_ratio=1.0)
search = GridSearchCV(machine, {"alpha": [0.003, 0.01, 0.03, 0.1, 0.3]}, cv=5).fit(X)
for alpha, score in zip(
    search.cv_results_["param_alpha"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"alpha = {alpha:<6} {score:.2f} nats per row")
machine = search.best_estimator_
pairs = np.triu_indices(X.shape[1], 1)
n_pairs, weights = len(pairs[0]), machine.weights_[pairs]
print(f"{np.count_nonzero(weights)} of {n_pairs} pairs are coupled")

# %%
# Correlations and couplings
# --------------------------
#
# Nearly all columns are correlated. Few couplings are strong: a mean goes with the worst value of
# the same measurement, a radius with a perimeter and an area. Rows and columns of the maps are in
# the same order.

correlations = np.corrcoef(X.T) - np.eye(X.shape[1])
fig, axes = plt.subplots(2, 1, figsize=(6.4, 8.8), layout="compressed")
display = CouplingsDisplay.from_estimator(machine, grouped=True, ax=axes[1])
order = display.order_
beside = CouplingsDisplay(correlations[np.ix_(order, order)], names=X.columns[order])
beside.plot(ax=axes[0]).image_.colorbar.set_label("correlation")
for ax, title in zip(axes, ("correlations", "couplings"), strict=True):
    ax.set(title=title, xticks=[])
    ax.tick_params(axis="y", labelsize=8.5)
plt.show()

# %%
# The strongest of them:

strongest = np.argsort(-np.abs(weights))[:8]
for i, j in zip(pairs[0][strongest], pairs[1][strongest], strict=True):
    print(f"{machine.weights_[i, j]:5.1f}  {X.columns[i]}, {X.columns[j]}")

# %%
# What the machine knows, it can use: a measurement that was not taken is filled in by the others.

row = X.iloc[[0]].astype(float)
row["mean radius"] = np.nan
filled = machine.impute(row, random_state=0)
print(f"above the median with probability {filled[0, 0]:.2f}; it was {X.iloc[0, 0]}")
