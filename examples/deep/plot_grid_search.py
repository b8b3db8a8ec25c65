"""
=====================================
A grid search over a whole stack
=====================================

A deep belief network has parameters of pre-training and of fine-tuning. It is a single estimator,
so :class:`~sklearn.model_selection.GridSearchCV` can search over all of them, and judges them by
the accuracy of the whole network: an RBM that reconstructs well does not necessarily lead to a good
classifier.
"""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skebm import DBNClassifier

# %%
# Two layers, two stages
# ----------------------
#
# Parameters of pre-training start with ``rbm_``. One value holds for both layers, and a tuple has
# one value per layer. The search also chooses how deep the network is, and how much dropout to use
# in fine-tuning.

pixels, digits = load_digits(return_X_y=True)
train, test, train_digits, test_digits = train_test_split(
    pixels.astype(np.float32), digits, test_size=1 / 3, stratify=digits, random_state=0
)
model = make_pipeline(
    MinMaxScaler(),
    DBNClassifier(rbm_n_iter=10, batch_size=20, max_iter=40, random_state=0),
)
grid = {
    "dbnclassifier__hidden_layer_sizes": [(100,), (100, 100)],
    "dbnclassifier__rbm_learning_rate": [0.03, 0.1, 0.3],
    "dbnclassifier__dropout": [0.0, 0.2],
}
search = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(train, train_digits)

best = {name.removeprefix("dbnclassifier__"): v for name, v in search.best_params_.items()}
print(f"best of {len(search.cv_results_['params'])}: {best}")
print(f"accuracy in cross-validation: {search.best_score_:.3f}")
print(f"accuracy on test digits:      {search.score(test, test_digits):.3f}")

# %%
# The whole grid
# --------------
#
# Here two layers are more accurate than one at each learning rate, though at 0.03 by less than
# 0.002. Neither the rate nor the dropout has a clear effect. The bars are standard deviations over
# the three folds. All twelve accuracies lie within 0.01 of each other, which is a dozen of the
# roughly 1200 training digits: use more rows, or repeat the search with other folds, before you
# rely on such a difference.

results = search.cv_results_
figure, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
COLOURS = {(100,): "#0072B2", (100, 100): "#D55E00"}
STYLES = {0.0: "o--", 0.2: "s-"}
# Side by side, so that bars do not hide each other.
SHIFTS = dict(zip(product(COLOURS, STYLES), (0.94, 0.98, 1.02, 1.06), strict=True))
for sizes, colour in COLOURS.items():
    for dropout, style in STYLES.items():
        chosen = [
            i
            for i, params in enumerate(results["params"])
            if params["dbnclassifier__hidden_layer_sizes"] == sizes
            and params["dbnclassifier__dropout"] == dropout
        ]
        rates = [results["params"][i]["dbnclassifier__rbm_learning_rate"] for i in chosen]
        ax.errorbar(
            np.array(rates) * SHIFTS[sizes, dropout],
            results["mean_test_score"][chosen],
            results["std_test_score"][chosen],
            fmt=style,
            color=colour,
            capsize=3,
            label=f"{sizes}, dropout {dropout}",
        )
ax.set(xlabel="learning rate of pre-training", ylabel="accuracy in cross-validation")
ax.spines[["top", "right"]].set_visible(False)
ax.grid(color="0.9")
ax.set_xscale("log")
rates = grid["dbnclassifier__rbm_learning_rate"]
ax.set_xticks(rates, rates)
ax.minorticks_off()
figure.legend(title="hidden layers", loc="outside lower center", ncols=2)
plt.show()
