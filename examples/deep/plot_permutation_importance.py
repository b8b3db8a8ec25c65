"""
=====================================
Which columns a network depends on
=====================================

Permutation importance asks what a fitted model loses if the values of one column are shuffled among
the rows. It needs nothing but ``score``, so it works for a deep belief network as for any other
model. Here the table is generated, so that we know which columns matter, and by how much.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from skebm import DBNRegressor

# %%
# A table with a known answer
# ---------------------------
#
# Ten columns are independent of each other and uniform between 0 and 1. Without noise, the target
# is
#
# .. math:: y = 10 \sin(\pi x_0 x_1) + 20 (x_2 - \tfrac12)^2 + 10 x_3 + 5 x_4 .
#
# The last five columns have nothing to do with it. For comparison, we also fit a linear regression.

X, y = make_friedman1(2000, noise=1.0, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1000, random_state=0)
models = {
    "deep belief network": DBNRegressor((100, 100), batch_size=20, random_state=0),
    "linear regression": LinearRegression(),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    print(f"{name:<20} R² on test rows: {model.score(X_test, y_test):.3f}")

# %%
# Shuffled columns
# ----------------
#
# Each column of the test rows is shuffled twenty times; the importance is the mean loss of R², and
# the black bars are standard deviations over the shuffles. For
# the target itself, the loss follows from the formula. The importances of the network agree with it
# to within 0.06. The linear model finds column 2 unimportant: the target falls with it at first and
# then rises as much, and a line cannot follow. An importance is one of a model, and a model that
# predicts poorly says little about the data.

found = {
    name: permutation_importance(model, X_test, y_test, n_repeats=20, random_state=0)
    for name, model in models.items()
}


def target(X):
    """The target without its noise."""
    of_two = 10 * np.sin(np.pi * X[:, 0] * X[:, 1])
    return of_two + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]


def exact_importances():
    """Of the target itself, from so many rows that chance hardly matters."""
    rng = np.random.default_rng(0)
    rows = rng.random((1_000_000, 10))
    values = target(rows)
    losses = []
    for column in range(10):
        shuffled = rows.copy()
        rng.shuffle(shuffled[:, column])
        losses.append(np.mean((target(shuffled) - values) ** 2))
    return np.array(losses) / (values.var() + 1)


exact = exact_importances()
print(f"{'column':<22}" + "".join(f"{column:6}" for column in range(10)))
print(f"{'target itself':<22}" + "".join(f"{loss:6.2f}" for loss in exact))
for name, result in found.items():
    rounded = result.importances_mean.round(2) + 0.0  # not -0.00
    print(f"{name:<22}" + "".join(f"{loss:6.2f}" for loss in rounded))

_, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
COLOURS = {"deep belief network": "#0072B2", "linear regression": "#E69F00"}
columns = np.arange(10)
for (name, result), shift in zip(found.items(), (-0.2, 0.2), strict=True):
    ax.bar(
        columns + shift,
        result.importances_mean,
        0.4,
        yerr=result.importances_std,
        color=COLOURS[name],
        capsize=2,
        label=name,
    )
ax.plot(columns, exact, "D", color="k", mfc="white", label="the target itself")
ax.set(xlabel="column", ylabel="loss of R² if shuffled", xticks=columns)
ax.spines[["top", "right"]].set_visible(False)
ax.legend()

# %%
# Two columns that say the same
# -----------------------------
#
# Now the table gets one more column: column 3 with a little noise. The network can use either, and
# uses both, though not equally. If one of them is shuffled, the other one still has the
# information, so each seems less important than column 3 was without a twin. Both shuffled
# together show what they are worth. So before you conclude that a column is of no use, look for
# others that say the same, and shuffle them together.

rng = np.random.default_rng(1)


def with_twin(X):
    """The same rows with one more column."""
    return np.column_stack([X, X[:, 3] + rng.normal(0, 0.02, len(X))])


twins_train, twins_test = with_twin(X_train), with_twin(X_test)
model = models["deep belief network"].fit(twins_train, y_train)
result = permutation_importance(model, twins_test, y_test, n_repeats=20, random_state=0)
both = twins_test.copy()
both[:, [3, 10]] = rng.permutation(both[:, [3, 10]])
print(f"R² on test rows: {model.score(twins_test, y_test):.3f}")
print(f"loss if column 3 is shuffled:  {result.importances_mean[3]:.2f}")
print(f"loss if its twin is shuffled:  {result.importances_mean[10]:.2f}")
loss = model.score(twins_test, y_test) - model.score(both, y_test)
print(f"loss if both are, together:    {loss:.2f}")
plt.show()
