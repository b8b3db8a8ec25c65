"""What single parameters do, on scikit-learn's digits: the evidence of the guide's page on them.

    python benchmarks/parameters_on_digits.py                   # everything: some minutes
    python benchmarks/parameters_on_digits.py --cases rbm dsn

Each table varies one parameter at a time and leaves the others at the values in its title. Numbers
are means over seeds, with the standard error of that mean, which does not contain the choice of
the rows. The cases:

- `start`: starting points for `BernoulliRBM` beside the defaults, on digits held out:
  pseudo-log-likelihood, nats a row, and error of a logistic regression on the features.
- `rbm`: `BernoulliRBM` with 16 hidden units, whose 65,536 states are summed over: exact
  log-likelihood of thresholded digits held out, nats a row; the same of the training rows; share
  of the hidden units that are on in less than 1 % or in more than 99 % of the rows.
- `grbm`: `GaussianRBM` with 16 hidden units, on digits with uniform noise of the width of a grey
  level: the same.
- `dbn`: `DBNClassifier`, error on 597 digits held out, with labels for all or few of the others.
- `dsn`: `DSNClassifier`, error on the same digits, and the squared error of its training rows.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from _machine import print_machine
from skebm import BernoulliRBM, DBNClassifier, DSNClassifier, GaussianRBM

N_HELD_OUT = 597


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print_machine()
    for case in options.cases:
        start = time.perf_counter()
        CASES[case](range(options.seeds))
        print(f"{case}: {time.perf_counter() - start:.0f} s", flush=True)


def split_digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=N_HELD_OUT, stratify=y, random_state=0)


def print_table(title, columns, measure, settings, seeds):
    """Print what ``measure(parameters, seed)`` returns, a line for each of the settings."""
    print(f"\n{title}\n{'':44}" + "".join(f"{column:>20}" for column in columns))
    for parameters in settings:
        name = ", ".join(f"{key}={value}" for key, value in parameters.items()) or "as it is"
        try:
            measured = np.array([measure(parameters, seed) for seed in seeds])
        except ValueError as error:
            print(f"{name:<44}  {str(error)[:90]}", flush=True)
            continue
        errors = measured.std(axis=0, ddof=1) / np.sqrt(len(seeds))
        numbers = zip(measured.mean(axis=0), errors, strict=True)
        cells = [f"{mean:.2f} ± {error:.2f}" for mean, error in numbers]
        print(f"{name:<44}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


def one_at_a_time(**values):
    """The settings as they are, then each value of each parameter alone."""
    return [{}] + [{name: value} for name, some in values.items() for value in some]


def likelihoods(make, train, test, parameters, seed):
    rbm = make(random_state=seed, **parameters).fit(train)
    log_z = rbm.log_partition()
    activity = rbm.transform(train).mean(axis=0)
    return (
        rbm.log_likelihood(test, log_z).mean(),
        rbm.log_likelihood(train, log_z).mean(),
        100 * np.mean((activity < 0.01) | (activity > 0.99)),
    )


def compare_starts(seeds):
    X_train, X_test, y_train, y_test = split_digits()

    def measure(parameters, seed):
        rbm = BernoulliRBM(random_state=seed, **parameters)
        classifier = LogisticRegression(C=100, max_iter=2000)
        classifier.fit(rbm.fit_transform(X_train / 16), y_train)
        error = 1 - classifier.score(rbm.transform(X_test / 16), y_test)
        return rbm.score(X_test / 16), 100 * error

    settings = [
        {},
        {"algorithm": "cd", "n_iter": 20},
        {"algorithm": "cd", "n_iter": 20, "n_components": 64},
        {"algorithm": "cd", "n_iter": 20, "n_components": 1024},
        {"n_iter": 100, "n_chains": 100},
        {"n_iter": 100, "n_chains": 100, "centered": False},
    ]
    columns = ("pseudo-likelihood", "error, %")
    print_table(
        "BernoulliRBM, 256 hidden units, learning_rate=0.1", columns, measure, settings, seeds
    )


LIKELIHOODS = ("held out", "training", "idle units, %")


def compare_rbms(seeds):
    train, test, _, _ = split_digits()
    train, test = (np.where(X >= 8, 1.0, 0.0) for X in (train, test))

    def make(**parameters):
        return BernoulliRBM(16, **{"learning_rate": 0.03, "n_iter": 50} | parameters)

    settings = one_at_a_time(
        learning_rate=[0.003, 0.01, 0.1, 0.3, 1.0],
        algorithm=["cd", "pt"],
        n_chains=[100],
        n_gibbs_steps=[5],
        batch_size=[100],
        momentum=[0.9],
        centered=[False],
        learning_rate_schedule=["constant"],
        alpha=[1e-3, 1e-2],
        n_iter=[10, 200],
    )
    settings += [
        {"algorithm": "cd", "n_gibbs_steps": 5},
        {"learning_rate": 0.3, "learning_rate_schedule": "constant"},
        {"algorithm": "cd", "learning_rate": 0.3},
        {"learning_rate": 0.003, "momentum": 0.9},
        {"momentum": 0.9, "centered": False},
        {"momentum": 0.9, "sparsity_target": 0.2},
        {"learning_rate": 0.3, "batch_size": 100},
        {"learning_rate": 0.3, "centered": False},
        *({"solver": "adam", "learning_rate": rate} for rate in (0.001, 0.003, 0.01)),
        *({"solver": "rmsprop", "learning_rate": rate} for rate in (0.001, 0.003)),
        *({"solver": "adagrad", "learning_rate": rate} for rate in (0.03, 0.1)),
    ]
    title = "BernoulliRBM, PCD-1, learning_rate=0.03, n_iter=50"
    measure = partial(likelihoods, make, train, test)
    print_table(title, LIKELIHOODS, measure, settings, seeds)


def compare_gaussian_rbms(seeds):
    train, test, _, _ = split_digits()
    noise = np.random.default_rng(0)
    train, test = (X + noise.random(X.shape) for X in (train, test))

    def make(**parameters):
        return GaussianRBM(16, **{"n_iter": 50} | parameters)

    settings = one_at_a_time(
        learning_rate=[0.01, 0.1, 0.5],
        n_gibbs_steps=[1],
        algorithm=["pcd"],
        learning_rate_schedule=["constant"],
        learn_variance=[False],
        centered=[False],
        n_iter=[10, 150],
        sampler=["gibbs-langevin"],
        max_gradient_norm=[np.inf],
    )
    settings += [
        {"n_gibbs_steps": 1, "n_iter": 150},
        {"learning_rate": 0.5, "max_gradient_norm": np.inf},
    ]
    title = "GaussianRBM, CD-5, n_iter=50"
    measure = partial(likelihoods, make, train, test)
    print_table(title, LIKELIHOODS, measure, settings, seeds)


def compare_dbns(seeds):
    X_train, X_test, y_train, y_test = split_digits()

    def measure(n_labels, parameters, seed):
        labels = y_train.copy()
        unknown = np.random.default_rng(seed).permutation(len(labels))[n_labels:]
        labels[unknown] = -1
        model = DBNClassifier(unlabeled=-1, random_state=seed, **parameters)
        return (100 * (1 - model.fit(X_train / 16, labels).score(X_test / 16, y_test)),)

    settings = one_at_a_time(
        pretrain=[False],
        rbm_n_iter=[5],
        rbm_learning_rate=[0.02, 1.0],
        learning_rate_init=[0.001, 0.1],
        dropout=[0.0],
        batch_size=[100],
        max_iter=[50, 200],
    )
    for n_labels in (100, len(y_train)):
        title = f"DBNClassifier, {n_labels} labels, error on digits held out, %"
        print_table(title, ("error",), partial(measure, n_labels), settings, seeds)


def compare_dsns(seeds):
    X_train, X_test, y_train, y_test = split_digits()

    def measure(parameters, seed):
        model = DSNClassifier(random_state=seed, **parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X_train / 16, y_train)
        bottom, top = (model.modules_[level].error_after_ for level in (0, -1))
        return 100 * (1 - model.score(X_test / 16, y_test)), bottom, top

    settings = one_at_a_time(
        n_modules=[1, 5],
        n_components=[100],
        max_iter=[0, 60],
        dropout=[0.0, 0.3],
        alpha=[1e-3, "loo"],
        cv=[3],
        early_stopping=[True],
        init=["rbm"],
    )
    columns = ("error, %", "E, bottom module", "E, top module")
    print_table("DSNClassifier", columns, measure, settings, seeds)


CASES = {
    "start": compare_starts,
    "rbm": compare_rbms,
    "grbm": compare_gaussian_rbms,
    "dbn": compare_dbns,
    "dsn": compare_dsns,
}

if __name__ == "__main__":
    main()
