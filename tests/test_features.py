"""What features are for: with all defaults, a linear classifier does not lose by them.

A small form of the benchmark of features, on tables that come with scikit-learn.
"""

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.preprocessing import minmax_scale

from skebm import (
    BernoulliRBM,
    DeepAutoencoder,
    DeepBeliefNetwork,
    GaussianRBM,
    GenerativeDBNClassifier,
)

# Of the largest table, what is quick enough.
N_ROWS = 600

# Accuracy that features may cost.
SLACK = 0.02

TABLES = {
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "iris": load_iris,
    "digits": load_digits,
}
each_table = pytest.mark.parametrize("name", TABLES)


def table(name):
    X, y = TABLES[name](return_X_y=True)
    return minmax_scale(X[:N_ROWS]), y[:N_ROWS]


def probe(X, y):
    """Accuracy of a linear classifier in three folds."""
    # One row of a small table is half a hundredth in itself.
    n_repeats = 4 if len(y) < 200 else 1
    folds = RepeatedStratifiedKFold(n_splits=3, n_repeats=n_repeats, random_state=0)
    return cross_val_score(LogisticRegression(C=10, tol=1e-3, max_iter=2000), X, y, cv=folds).mean()


@cache
def accuracy_of_raw_data(name):
    return probe(*table(name))


@each_table
@pytest.mark.parametrize("cls", [BernoulliRBM, GaussianRBM])
def test_features_of_an_rbm_lose_next_to_nothing(cls, name):
    X, y = table(name)
    features = cls(random_state=0).fit_transform(X)
    assert probe(features, y) >= accuracy_of_raw_data(name) - SLACK


@each_table
def test_no_layer_of_a_stack_loses_more_than_next_to_nothing(name):
    X, y = table(name)
    # No narrower than the widest table, so that there is room for all of it.
    stack = DeepBeliefNetwork((128, 128), random_state=0).fit(X)
    for layer in range(2):
        features = stack.transform(X, layer=layer)
        assert np.mean(np.ptp(features, axis=0) < 0.05) <= 0.02, "dead units"
        assert probe(features, y) >= accuracy_of_raw_data(name) - SLACK, f"layer {layer}"


@pytest.mark.parametrize("name", ["wine", "digits"])
def test_a_code_keeps_more_than_principal_components_do(name):
    X, _ = table(name)
    n_codes = 30 if name == "digits" else 4
    pca = PCA(n_codes).fit(X)
    error = np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1).mean()
    # Fewer epochs than the defaults, for time.
    model = DeepAutoencoder((500, 250, n_codes), max_iter=50, random_state=0).fit(X)
    assert -model.score(X) < 0.8 * error


@pytest.mark.parametrize("name", ["wine", "iris"])
def test_a_generative_network_tells_classes_apart(name):
    X, y = table(name)
    model = GenerativeDBNClassifier(random_state=0)
    assert cross_val_score(model, X, y, cv=3).mean() >= 0.85
