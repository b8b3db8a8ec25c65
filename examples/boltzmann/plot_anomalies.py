"""
===========================
Anomalies by free energy
===========================

The free energy of a row is minus the logarithm of its probability, up to a constant. Rows unlike
the training data therefore have a high free energy, and an RBM can be used as an anomaly detector:
only ``free_energy`` is needed.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skebm import GaussianRBM
from skebm.plotting import ReconstructionsDisplay

# %%
# A digit that is not in the training data
# ----------------------------------------
#
# We leave all images of one digit out of the training set, and check whether those in the test set
# can be told from the others. This is done for each digit in turn. Grey levels are real numbers, so
# we use a :class:`skebm.GaussianRBM`. For comparison, scikit-learn's isolation forest gets the same
# rows.
#
# The area under the ROC curve needs no threshold. It is the probability that an image of the new
# digit scores higher than one of the known digits; 0.5 is chance.

pixels, kinds = load_digits(return_X_y=True)
train, test, train_kinds, test_kinds = train_test_split(
    pixels.astype(np.float32), kinds, test_size=600, stratify=kinds, random_state=0
)

FREE_ENERGY, FOREST = "free energy", "isolation forest"
areas = {FREE_ENERGY: [], FOREST: []}
machines = []
for kind in range(10):
    known = train[train_kinds != kind]
    rbm = GaussianRBM(100, n_iter=20, n_gibbs_steps=1, random_state=0).fit(known)
    forest = IsolationForest(n_estimators=200, random_state=0).fit(known)
    for name, scores in {
        FREE_ENERGY: rbm.free_energy(test),
        FOREST: -forest.score_samples(test),
    }.items():
        areas[name].append(roc_auc_score(test_kinds == kind, scores))
    machines.append(rbm)

print(f"{'new kind':<18}" + "".join(f"{kind:>6}" for kind in range(10)) + "  mean")
for name, values in areas.items():
    print(f"{name:<18}" + "".join(f"{area:6.2f}" for area in [*values, np.mean(values)]))

# %%
_, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
ax.plot(areas[FREE_ENERGY], "o", color="#0072B2", label=FREE_ENERGY)
ax.plot(areas[FOREST], "s", color="#D55E00", mfc="white", label=FOREST)
ax.set(xlabel="digit that is new", ylabel="area under the ROC curve", xticks=range(10))
ax.spines[["top", "right"]].set_visible(False)
ax.grid(axis="y", color="0.9")
ax.set_axisbelow(True)
ax.legend()

# %%
# The scale of free energy
# ------------------------
#
# When four is the new digit, most fours have a higher free energy than most of the others. (A few
# images of either kind are so unusual that they lie outside the plot.) Free energy has no zero and
# no natural threshold: only differences have a meaning, and only under one model.

NEW = 4
rbm = machines[NEW]
energies = rbm.free_energy(test)
is_new = test_kinds == NEW

_, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
bins = np.linspace(energies.min(), np.quantile(energies, 0.97), 40)
weights = [np.full(n, 1 / n) for n in (np.sum(~is_new), np.sum(is_new))]
ax.hist(energies[~is_new], bins, weights=weights[0], color="#0072B2", label="known kinds")
ax.hist(
    energies[is_new], bins, weights=weights[1], histtype="step", color="#D55E00", lw=2, label="4"
)
ax.set(xlabel="free energy, nats", ylabel="share of the digits")
ax.spines[["top", "right"]].set_visible(False)
ax.legend()

# %%
# Reconstructions
# ---------------
#
# Reconstructions move rows towards what the model knows. The most ordinary digits hardly change.
# Fours become blurred, and more like a six, a nine or a zero.

fours = np.flatnonzero(is_new)[:10]
figure, axes = plt.subplots(2, 1, figsize=(6.5, 3.6), layout="constrained")
for ax, title, some in [
    (axes[0], "lowest free energy", np.argsort(energies)[:10]),
    (axes[1], "fours, which are new", fours),
]:
    ReconstructionsDisplay.from_estimator(rbm, test[some], ax=ax, im_kw={"vmin": 0, "vmax": 16})
    ax.set_title(title)
plt.show()
