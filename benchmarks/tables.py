"""Tables with gaps: what imputers fill in, and what samples of a table are worth.

Prints, for five tables and three ways of losing entries, the error of what `RBMImputer` fills in
beside that of the mean, of `KNNImputer` and of `IterativeImputer`; how well a classifier does on
the filled-in rows; what is learned from the 178 rows of wine of which 18 are complete; and how well
a classifier tells samples of a `MixedRBM` from rows that it has not seen, beside samples of a
Gaussian copula and rows drawn column by column. Parameters were chosen on other tables, those that
mlxtend has.

    taskset -c 1 python benchmarks/tables.py
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _machine import print_machine
from skebm import MixedRBM, RBMImputer

N_DIGITS = 500


def diabetes_with_sex():
    """The raw table: ten measurements, of which sex is a category."""
    data = load_diabetes(as_frame=True, scaled=False)
    frame = data.data.copy()
    frame["sex"] = frame["sex"].map({1.0: "a", 2.0: "b"})
    return frame, (data.target > data.target.median()).to_numpy()


def households(n_rows=600, seed=0):
    """People as a census has them, made up: ages, incomes, trades, and what these depend on."""
    rng = np.random.default_rng(seed)
    trades = np.array(["clerk", "farmer", "nurse", "teacher", "welder"])
    sex = rng.integers(2, size=n_rows)
    age = rng.gamma(9, 4.5, n_rows) + 16
    schooling = np.clip(np.rint(rng.normal(12 - 0.03 * (age - 40), 2.5)), 4, 20)
    leaning = rng.normal(size=(n_rows, 5)) + np.column_stack(
        [
            0.1 * (schooling - 12),
            -0.4 * (schooling - 12) + 0.03 * (age - 45),
            1.5 * sex,
            0.5 * (schooling - 12) + 0.7 * sex,
            -0.3 * (schooling - 12) - 1.5 * sex + 1,
        ]
    )
    trade = leaning.argmax(axis=1)
    hours = rng.normal(38 + 6 * (trade == 1) - 5 * sex, 5)
    log_income = 9 + 0.08 * schooling + 0.012 * (age - 16) + 0.01 * hours - 0.25 * (trade == 1)
    log_income += rng.normal(scale=0.25, size=n_rows)
    married = rng.random(n_rows) < 1 / (1 + np.exp(-0.08 * (age - 32)))
    region = np.where(trade == 1, "country", rng.choice(["city", "country", "town"], n_rows))
    frame = pd.DataFrame(
        {
            "age": age,
            "schooling": schooling + rng.normal(scale=0.01, size=n_rows),
            "hours": hours,
            "log_income": log_income,
            "sex": np.where(sex, "f", "m"),
            "trade": trades[trade],
            "married": np.where(married, "yes", "no"),
            "region": region,
        }
    )
    return frame, log_income > np.median(log_income)


def tables():
    """Yield (name, table, classes of the rows)."""
    for name, load in [("wine", load_wine), ("breast cancer", load_breast_cancer)]:
        data = load(as_frame=True)
        yield name, data.data, data.target.to_numpy()
    yield "diabetes", *diabetes_with_sex()
    X, y = load_digits(return_X_y=True)
    X = pd.DataFrame(X[:N_DIGITS]).add_prefix("pixel")
    yield "digits", X.loc[:, (X > 0).mean() > 0.05], y[:N_DIGITS]  # others may vary in no known row
    yield "households", *households()


def is_real(X):
    """Which columns are of real numbers."""
    return np.array([pd.api.types.is_float_dtype(X[column]) for column in X])


def with_gaps(X, share, at_random, rng):
    """Which entries to take away: all with the same chance, or large values more often."""
    chance = np.full(X.shape, share)
    if not at_random:
        numbers = X.apply(lambda c: c if is_real(c.to_frame()) else pd.factorize(c, sort=True)[0])
        chance = 2 * share * (numbers.rank() / len(X)).to_numpy()
    is_missing = rng.random(X.shape) < chance
    lost = np.flatnonzero(is_missing.all(axis=1))
    is_missing[lost, rng.integers(X.shape[1], size=len(lost))] = False
    return is_missing


class Numbers:
    """A table as an array of numbers: real columns standardised, others one-hot; and back."""

    def __init__(self, X):
        self.X, self.is_real = X, is_real(X)
        self.real = X.columns[self.is_real]
        self.mean, self.std = X[self.real].mean(), X[self.real].std()
        self.categories = {c: sorted(X[c].dropna().unique()) for c in X.columns[~self.is_real]}

    def to(self, X):
        parts = [((X[self.real] - self.mean) / self.std).to_numpy()]
        for column, categories in self.categories.items():
            one_hot = (X[column].to_numpy()[:, None] == np.array(categories)).astype(float)
            one_hot[X[column].isna()] = np.nan
            # Two columns for two categories would say all of each other, both being missing.
            parts.append(one_hot[:, 1:] if len(categories) == 2 else one_hot)
        return np.hstack(parts)

    def back(self, numbers):
        out, start = {}, len(self.real)
        for number, column in enumerate(self.real):
            out[column] = numbers[:, number] * self.std[column] + self.mean[column]
        for column, categories in self.categories.items():
            n_columns = 1 if len(categories) == 2 else len(categories)
            scores = numbers[:, start : start + n_columns]
            chosen = scores.argmax(axis=1) if n_columns > 1 else (scores[:, 0] > 0.5).astype(int)
            out[column] = np.array(categories)[chosen]
            start += n_columns
        return pd.DataFrame(out)[self.X.columns]


def by_numbers(imputer, seed):
    def fill(X):
        numbers = Numbers(X)
        imputer_here = clone(imputer)
        if "random_state" in imputer.get_params():
            imputer_here.set_params(random_state=seed)
        return numbers.back(imputer_here.fit_transform(numbers.to(X)))

    return fill


def imputers(seed):
    trees = ExtraTreesRegressor(10, max_depth=8, min_samples_leaf=3, random_state=seed)
    by_trees = IterativeImputer(trees, max_iter=2, n_nearest_features=12)
    return {
        "mean": by_numbers(SimpleImputer(), seed),
        "KNN": by_numbers(KNNImputer(), seed),
        "Bayes": by_numbers(IterativeImputer(n_nearest_features=12), seed),
        "trees": by_numbers(by_trees, seed),
        "RBM": RBMImputer(random_state=seed).fit_transform,
    }


def errors(X, filled, is_missing):
    """Root mean squared error of real columns over deviations, and share of right categories."""
    real = is_real(X)
    true, found = X.loc[:, real], filled.loc[:, real]
    z = ((true - found) / true.std()).to_numpy()[is_missing[:, real]]
    same = (X.loc[:, ~real] == filled.loc[:, ~real]).to_numpy()[is_missing[:, ~real]]
    return np.sqrt(np.mean(np.square(z))), same.mean() if same.size else np.nan


def accuracy(filled, y):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    X = Numbers(filled).to(filled)
    return cross_val_score(model, X, y, cv=5).mean()


def compare_imputers(names, n_seeds):
    losses = {
        "15 % at random": (0.15, True),
        "40 % at random": (0.40, True),
        "15 % large values": (0.15, False),
    }
    print("\nerror of real columns in deviations / share of right categories / accuracy of a")
    print("logistic regression on the filled-in rows / seconds, means of", n_seeds, "seeds")
    for name, X, y in tables():
        if name not in names:
            continue
        print(
            f"{name}, {len(X)} rows of {X.shape[1]} columns: classifier on the whole table "
            f"{accuracy(X, y):.3f}"
        )
        for loss, (share, at_random) in losses.items():
            found = {}
            for seed in range(n_seeds):
                is_missing = with_gaps(X, share, at_random, np.random.default_rng(seed))
                gappy = X.mask(is_missing)
                for imputer, fill in imputers(seed).items():
                    start = time.perf_counter()
                    filled = fill(gappy)
                    seconds = time.perf_counter() - start
                    row = *errors(X, filled, is_missing), accuracy(filled, y), seconds
                    found.setdefault(imputer, []).append(row)
            line = ""
            for imputer, rows in found.items():
                error, right, of_classes, seconds = np.mean(rows, axis=0)
                line += f"  {imputer} {error:.3f} / {right:.3f} / {of_classes:.3f} / {seconds:.1f}"
            print(f"  {loss:<18}{line}".replace("nan", "-"), flush=True)


def learn_from_gaps(n_seeds, n_complete=18):
    """Wine of which few rows are complete: what is filled in by what was learned."""
    X = load_wine(as_frame=True).data
    rows = {"KNN": [], "RBM, complete rows": [], "RBM, all rows": []}
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        is_missing = with_gaps(X, 0.2, True, rng)
        is_missing[np.arange(len(X)), rng.integers(X.shape[1], size=len(X))] = True
        is_missing[rng.permutation(len(X))[:n_complete]] = False
        gappy = X.mask(is_missing)
        of_complete = RBMImputer(random_state=seed).fit(gappy.dropna())
        filled = {
            "KNN": by_numbers(KNNImputer(), seed)(gappy),
            "RBM, complete rows": of_complete.transform(gappy),
            "RBM, all rows": RBMImputer(random_state=seed).fit_transform(gappy),
        }
        for name, table in filled.items():
            rows[name].append(errors(X, table, is_missing)[0])
    print(f"\nwine, {len(X)} rows, {n_complete} of them complete: error in deviations")
    print("  " + "  ".join(f"{name} {np.mean(found):.3f}" for name, found in rows.items()))


def columns_apart(X, n, rng):
    return pd.DataFrame({c: rng.choice(X[c].to_numpy(), n) for c in X})


def copula(X, n, rng):
    """Normal scores with the correlations of the table; ranks of categories are drawn within."""
    numbers = X.apply(lambda c: c if is_real(c.to_frame()) else pd.factorize(c, sort=True)[0])
    ranks = (numbers + 1e-6 * rng.random(X.shape)).rank() / (len(X) + 1)
    z = rng.multivariate_normal(np.zeros(X.shape[1]), np.corrcoef(norm.ppf(ranks).T), size=n)
    places = np.minimum((norm.cdf(z) * len(X)).astype(int), len(X) - 1)
    return pd.DataFrame({c: X[c].sort_values().to_numpy()[places[:, k]] for k, c in enumerate(X)})


def compare_samples(names, n_seeds):
    """Samples of what was learned from half of the rows, beside the other half."""
    print("\nsamples: accuracy of a forest that tells them from rows not seen (0.5 is best) / root")
    print("mean squared difference of correlations")
    for name, X, _ in tables():
        if name not in names or name == "digits":
            continue
        found = {}
        for seed in range(n_seeds):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(X))
            train, test = (X.iloc[part] for part in np.array_split(order, 2))
            n, numbers = len(test), Numbers(X)
            n_iter = max(20, 60_000 // len(train))
            rbm = MixedRBM(50, n_iter=n_iter, batch_size=20, random_state=seed).fit(train)
            samples = {
                "columns apart": columns_apart(train, n, rng),
                "rows again": train.iloc[rng.integers(len(train), size=n)],
                "copula": copula(train, n, rng),
                "RBM": rbm.sample(n, n_steps=500, random_state=seed),
            }
            for sampler, drawn in samples.items():
                both = np.vstack([numbers.to(test), numbers.to(drawn)])
                forest = RandomForestClassifier(100, random_state=seed)
                told = cross_val_score(forest, both, np.repeat([0, 1], n), cv=5).mean()
                with np.errstate(invalid="ignore", divide="ignore"):
                    a, b = (np.nan_to_num(np.corrcoef(z.T)) for z in (both[:n], both[n:]))
                found.setdefault(sampler, []).append((told, np.sqrt(np.square(a - b).mean())))
        means = {sampler: np.mean(rows, axis=0) for sampler, rows in found.items()}
        line = "".join(f"  {s} {told:.3f} / {gap:.3f}" for s, (told, gap) in means.items())
        print(f"  {name:<14}{line}", flush=True)


def main():
    names = ["wine", "breast cancer", "diabetes", "digits", "households"]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", choices=names, default=names)
    parser.add_argument("--cases", nargs="+", default=["imputers", "complete", "samples"])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of convergence
    print_machine()
    if "imputers" in options.cases:
        compare_imputers(options.tables, options.seeds)
    if "complete" in options.cases:
        learn_from_gaps(options.seeds)
    if "samples" in options.cases:
        compare_samples(options.tables, options.seeds)


if __name__ == "__main__":
    main()
