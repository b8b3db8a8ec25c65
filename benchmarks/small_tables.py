"""Small noisy tables: what `DSNRegressor` and the others reach with their defaults.

Prints R2 of the predictions for rows left out, in five shuffled folds, beside ridge regression and
what else a user may pick; and the accuracy of the classifiers beside logistic regression. With
`--before`, also with the settings that were the defaults before: they over-fitted.

    taskset -c 1 python benchmarks/small_tables.py
    python benchmarks/small_tables.py --cases regression --tables diabetes linnerud --before

Parameters were chosen on other tables: those of the package ISLP, and others made from the same
formulas with other random numbers.
"""

import argparse
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_linnerud,
    load_wine,
    make_classification,
    make_friedman1,
    make_friedman2,
    make_friedman3,
    make_regression,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from _machine import print_machine
from skebm import DBNClassifier, DBNRegressor, DSNClassifier, DSNRegressor


def houses(n_rows, seed):
    """Districts made up to be like those of California: skewed columns, places, a capped price."""
    rng = np.random.default_rng(seed)
    towns = rng.uniform(-1, 1, (6, 2))
    place = towns[rng.integers(6, size=n_rows)] + 0.15 * rng.normal(size=(n_rows, 2))
    income, rooms, people = (
        rng.lognormal(mean, deviation, n_rows)
        for mean, deviation in [(1.2, 0.5), (1.6, 0.35), (7, 0.9)]
    )
    age, crowd = rng.integers(1, 52, n_rows), rng.lognormal(1, 0.4, n_rows)
    bedrooms = rooms / 5 * rng.lognormal(0, 0.1, n_rows)
    coast = np.exp(-3 * np.abs(place[:, 0] - 0.4 * place[:, 1]))
    price = 0.45 * income**0.9 * (0.6 + 0.8 * coast) - 0.25 * np.log(crowd) + 0.004 * age
    price += 0.3 * np.sin(4 * place[:, 0]) * np.cos(3 * place[:, 1])
    price += 0.35 * rng.standard_t(4, n_rows)
    X = np.column_stack([income, age, rooms, bedrooms, people, crowd, place])
    return X, price.clip(0.15, 5)


def noise(n_rows):
    """Targets that have nothing to do with the features."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_rows, 5)), rng.normal(size=n_rows)


def linear(n_rows, n_features, deviation):
    return make_regression(n_rows, n_features, n_informative=5, noise=deviation, random_state=0)


REGRESSIONS = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "linnerud": lambda: load_linnerud(return_X_y=True),
    **{
        f"friedman 1, {n} rows": lambda n=n: make_friedman1(n, noise=1.0, random_state=0)
        for n in (10, 30, 100, 1000)
    },
    **{
        f"friedman 2, {n} rows": lambda n=n: make_friedman2(n, noise=125.0, random_state=0)
        for n in (30, 100, 1000)
    },
    **{
        f"friedman 3, {n} rows": lambda n=n: make_friedman3(n, noise=0.1, random_state=0)
        for n in (30, 100, 1000)
    },
    "linear, 10 rows": lambda: linear(10, 5, 10),
    "linear, 30 rows": lambda: linear(30, 20, 10),
    "linear, 100 rows": lambda: linear(100, 20, 50),
    "linear, 1000 rows": lambda: linear(1000, 20, 50),
    "wide, 50 rows": lambda: linear(50, 200, 10),
    "wide, 100 rows": lambda: linear(100, 500, 10),
    "houses, 500 rows": lambda: houses(500, 1),
    "houses, 3000 rows": lambda: houses(3000, 0),
    "noise, 100 rows": lambda: noise(100),
}


def noisy_classes(n_rows, n_classes=2):
    return make_classification(
        n_rows, 20, n_informative=4, n_classes=n_classes, flip_y=0.2, random_state=0
    )


CLASSIFICATIONS = {
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "noisy, 60 rows": lambda: noisy_classes(60),
    "noisy, 200 rows": lambda: noisy_classes(200),
    "noisy, 1000 rows": lambda: noisy_classes(1000, 3),
}


def standardized(model):
    return TransformedTargetRegressor(
        make_pipeline(StandardScaler(), model), transformer=StandardScaler()
    )


KERNEL = ConstantKernel() * RBF(3.0) + WhiteKernel()
REGRESSORS = {
    "DSN": DSNRegressor(random_state=0),
    "DBN": DBNRegressor(random_state=0),
    "ridge": standardized(RidgeCV(np.logspace(-3, 4, 15))),
    "MLP": standardized(MLPRegressor(max_iter=500, random_state=0)),
    "boosting": MultiOutputRegressor(HistGradientBoostingRegressor(random_state=0)),
    "SVR": standardized(MultiOutputRegressor(SVR())),
    "process": standardized(GaussianProcessRegressor(KERNEL, random_state=0)),
}
REGRESSORS_BEFORE = {
    "DSN before": DSNRegressor(alpha=1.0, dropout=0.1, early_stopping=False, random_state=0),
    "DBN before": DBNRegressor(early_stopping=False, alpha=1e-4, random_state=0),
}
CLASSIFIERS = {
    "DSN": DSNClassifier(random_state=0),
    "DBN": DBNClassifier(random_state=0),
    "logistic": make_pipeline(StandardScaler(), LogisticRegressionCV(max_iter=2000)),
    "boosting": HistGradientBoostingClassifier(random_state=0),
    "SVC": make_pipeline(StandardScaler(), SVC()),
}


def compare(tables, models, cv, score):
    """One line per table: the score of the predictions for the rows left out, by each model."""
    print(f"{'':<20}" + "".join(f"{name:>11}" for name in models))
    for title, load in tables.items():
        X, y = load()
        line = ""
        for model in models.values():
            # Peers that predict one target at a time get a column.
            columns = y.reshape(len(y), -1) if score is r2_score else y
            line += f"{score(y, cross_val_predict(clone(model), X, columns, cv=cv)):>11.3f}"
        print(f"{title:<20}{line}", flush=True)


def main():
    titles = [*REGRESSIONS, *CLASSIFICATIONS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cases = ["regression", "classification"]
    parser.add_argument("--cases", nargs="+", choices=cases, default=cases)
    parser.add_argument("--tables", nargs="+", choices=titles, default=titles)
    parser.add_argument("--before", action="store_true", help="the defaults of before, too")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of convergence
    print_machine()
    if "regression" in options.cases:
        print("\nR2 of predictions for rows left out")
        models = REGRESSORS | (REGRESSORS_BEFORE if options.before else {})
        tables = {title: REGRESSIONS[title] for title in options.tables if title in REGRESSIONS}
        compare(tables, models, KFold(5, shuffle=True, random_state=0), r2_score)
    if "classification" in options.cases:
        print("\naccuracy of predictions for rows left out")
        tables = {
            title: CLASSIFICATIONS[title] for title in options.tables if title in CLASSIFICATIONS
        }
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        compare(tables, CLASSIFIERS, folds, accuracy_score)


if __name__ == "__main__":
    main()
