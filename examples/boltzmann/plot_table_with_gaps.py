"""
=================
A table with gaps
=================

A table of people has categorical and real-valued columns, and a quarter of its entries are missing:
of 442 rows, few are complete. A :class:`skebm.MixedRBM` learns from all rows. It then fills in the
missing entries, generates new rows, and gives the distribution of one column given the others.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

from skebm import MixedRBM, RBMImputer

# %%
# The table
# ---------
#
# These are the diabetes data, not scaled. The sex is a category. We add another one, with an order,
# made from the body mass index. Then a quarter of all entries is removed.

pd.set_option("display.max_columns", None, "display.width", 90)
whole = load_diabetes(as_frame=True, scaled=False).data[["age", "sex", "bmi", "bp", "s3", "s5"]]
whole = whole.rename(columns={"bp": "blood pressure", "s3": "HDL", "s5": "log triglycerides"})
whole["sex"] = whole["sex"].map({1.0: "A", 2.0: "B"})
whole["weight"] = pd.cut(whole["bmi"], [0, 25, 30, 99], labels=["normal", "over", "obese"])
rng = np.random.default_rng(0)
is_missing = rng.random(whole.shape) < 0.25
table = whole.mask(is_missing)
print(table.head())
print(f"{table.dropna().shape[0]} of {len(table)} rows are complete")

# %%
# Filling in missing entries
# --------------------------
#
# Real columns get their expectation, categorical ones the most probable category. Known entries do
# not change.

filled = RBMImputer(random_state=0).fit_transform(table)
print(filled.head())

real = whole.select_dtypes("float")
columns = whole.columns.get_indexer(real.columns)
error = ((filled[real.columns] - real) / real.std()).to_numpy()[is_missing[:, columns]]
of_mean = ((real.mean() - real) / real.std()).to_numpy()[is_missing[:, columns]]
print(f"error in standard deviations: {np.sqrt(np.mean(error**2)):.2f}, ", end="")
print(f"of the mean {np.sqrt(np.mean(of_mean**2)):.2f}")
for column in ("sex", "weight"):
    gaps = is_missing[:, whole.columns.get_loc(column)]
    right = (filled[column] == whole[column])[gaps].mean()
    print(f"{column}: right in {right:.0%} of the gaps, ", end="")
    print(f"the most frequent one in {(whole[column] == whole[column].mode()[0])[gaps].mean():.0%}")

# %%
# New rows
# --------
#
# Samples have the columns and categories of the table, and show how these depend on each other. The
# weight group depends on the body mass index, though less sharply than in the data, where it was
# made from it.

rbm = MixedRBM(50, n_iter=100, batch_size=20, alpha=0.01, random_state=0).fit(filled)
drawn = rbm.sample(442, n_steps=500, random_state=0)
print(drawn.head())

fig, axes = plt.subplots(1, 2, figsize=(6.5, 3.6), sharex=True, sharey=True, layout="constrained")
colours = {"normal": "#0072B2", "over": "#009E73", "obese": "#D55E00"}
for ax, rows, title in zip(axes, (whole, drawn), ("data", "samples"), strict=True):
    for group, colour in colours.items():
        some = rows[rows["weight"] == group]
        ax.scatter(some["bmi"], some["HDL"], s=8, color=colour, label=group)
    ax.set(title=title, xlabel="body mass index, kg/m²")
axes[0].set_ylabel("HDL, mg/dl")
axes[0].legend(title="weight", frameon=False)
fig.suptitle("Columns of the samples belong together")

# %%
# One column given the others
# ---------------------------
#
# This is the density of the blood pressure of the first person in the table at three ages, with all
# other columns unchanged. Nothing is sampled here: these are exact conditional distributions of the
# model.

values = np.linspace(50, 140, 300)
person = whole.iloc[[0]]
fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for age in (25.0, 50.0, 75.0):
    density = rbm.conditional_proba(person.assign(age=age), "blood pressure", values)[0]
    ax.plot(values, density, label=f"at {age:.0f}")
ax.set(
    xlabel="blood pressure, mmHg", ylabel="density per mmHg", title="Blood pressure rises with age"
)
ax.legend(frameon=False)

# %%
# For a categorical column it is the probability of each category.

for bmi in (22.0, 28.0, 34.0):
    p = rbm.conditional_proba(person.assign(bmi=bmi), "weight")[0]
    shares = zip(rbm.categories_[6], p, strict=True)
    print(f"body mass index {bmi:.0f}: " + ", ".join(f"{name} {x:.2f}" for name, x in shares))

plt.show()
