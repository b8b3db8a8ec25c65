"""Deep belief networks on MNIST: error, and seconds beside the same network in PyTorch.

    python benchmarks/mnist_dbn.py --data mnist.npz --case plain dropout
    python benchmarks/mnist_dbn.py --data mnist.npz --case dropout --choose

All 60,000 training rows are learned from and the 10,000 test rows are predicted, once. With
`--choose` it is the first 50,000 and the last 10,000 of the training rows: parameters are chosen
there and nowhere else. `--set name=value` changes parameters of the estimator, `--rows` takes
fewer rows to learn from.

- `defaults`: DBNClassifier as it comes;
- `plain`, `dropout`: 784-500-500-2000-10, pre-trained by CD-1, without and with dropout;
- `plain-random`, `dropout-random`: the same without pre-training;
- `features`: 1024 hidden units of one RBM, then logistic regression;
- `few`: 1,000 rows with a label and 59,000 without; accuracy, also without pre-training;
- `digits`: the defaults on scikit-learn's digits, five-fold, beside a small grid of MLPs;
- `epoch`: one epoch of fine-tuning, minibatches of 100 rows, Adam, in turns with PyTorch;
- `torch`: the network of `dropout` trained by PyTorch from start to end;
- `generative`: 784-500-500-(2000, 10 labels), the class of lowest free energy: after greedy
  training, and after up-down.
"""

import argparse
import sys
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from _data import add_data_option, grey_levels, load_mnist
from _machine import n_usable_cores, print_machine
from _parameters import parameters
from _peers import TorchNetwork, TorchRBM, torch
from _timing import Contender, print_ratios, take_turns
from skebm import BernoulliRBM, DBNClassifier, GenerativeDBNClassifier

SIZES = (500, 500, 2000)
N_CHOICE_ROWS = 10_000
N_LABELLED = 1000

# Those of the literature, and the learning rates of a few short runs on training rows. A run of
# `dropout` with `--choose` and half the epochs came to 1.39 %; nothing else was tried at this size.
PRETRAINING = {
    "rbm_learning_rate": 0.1,
    "rbm_batch_size": 100,
    "rbm_momentum": 0.5,
    "rbm_alpha": 2e-4,
    "rbm_n_iter": 20,
}
PLAIN = {"learning_rate_init": 3e-4, "learning_rate": "linear", "max_iter": 30}
DROPOUT = {
    "dropout": 0.5,
    "input_dropout": 0.2,
    "learning_rate_init": 1e-3,
    "learning_rate": "linear",
    "max_iter": 120,
}

GENERATIVE = {
    "rbm_learning_rate": 0.1,
    "rbm_batch_size": 100,
    "rbm_momentum": [(0.5, 0.9, 0.9, 0.9)] * len(SIZES),
    "rbm_alpha": 2e-4,
    "rbm_n_iter": (20, 20, 40),
    "learning_rate": 0.1,
    "learning_rate_schedule": "linear",
    "n_gibbs_steps": (1, 2, 3),
    "n_iter": 60,
}

# {case: parameters, the error at most, the aim; in per cent}
CLASSIFIERS = {
    "defaults": ({}, "1.6", ""),
    "plain": ({"hidden_layer_sizes": SIZES, **PRETRAINING, **PLAIN}, "1.25", "1.14"),
    "plain-random": ({"hidden_layer_sizes": SIZES, "pretrain": False, **PLAIN}, "", ""),
    "dropout": ({"hidden_layer_sizes": SIZES, **PRETRAINING, **DROPOUT}, "1.15", "0.92"),
    "dropout-random": ({"hidden_layer_sizes": SIZES, "pretrain": False, **DROPOUT}, "", ""),
}


def main():
    options = parse_options()
    sys.stdout.reconfigure(line_buffering=True)  # show each line as soon as it is there
    print_machine()
    if torch is not None:
        torch.set_num_threads(n_usable_cores())
    data = load_data(options) if set(options.case) != {"digits"} else None
    for case in options.case:
        if case in CLASSIFIERS:
            run_classifier(case, data, options)
        else:
            OTHER_CASES[case](data, options)


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    names = [*CLASSIFIERS, *OTHER_CASES]
    parser.add_argument("--case", nargs="+", choices=names, default=names)
    parser.add_argument("--rows", type=int, default=None)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def load_data(options):
    """Rows to learn from and rows to predict: X, y, X_new, y_new."""
    mnist = load_mnist(options.data)
    X, y = grey_levels(mnist["X_train"]), mnist["y_train"].astype(int)
    X_new, y_new = grey_levels(mnist["X_test"]), mnist["y_test"].astype(int)
    if options.choose:
        X_new, y_new = X[-N_CHOICE_ROWS:], y[-N_CHOICE_ROWS:]
        X, y = X[:-N_CHOICE_ROWS], y[:-N_CHOICE_ROWS]
    return X[: options.rows], y[: options.rows], X_new, y_new


def report(case, error, seconds, at_most="", aim=""):
    wanted = f"   at most {at_most}" if at_most else ""
    wanted += f", aim {aim}" if aim else ""
    print(f"{case:<16}{error:>8.2f} %{seconds:>8.0f} s{wanted}")


def timed_fit(model, *data):
    start = time.perf_counter()
    model.fit(*data)
    return time.perf_counter() - start


def run_classifier(case, data, options):
    X, y, X_new, y_new = data
    chosen, at_most, aim = CLASSIFIERS[case]
    chosen = chosen | parameters(options.set)
    model = DBNClassifier(random_state=options.seed, verbose=options.verbose, **chosen)
    seconds = timed_fit(model, X, y)
    report(case, 100 * (1 - model.score(X_new, y_new)), seconds, at_most, aim)
    tuning = sum(model.history_["seconds"])
    print(f"    of which fine-tuning {tuning:.0f} s, {model.n_iter_} epochs; {chosen}")


def run_features(data, options):
    X, y, X_new, y_new = data
    rbm = BernoulliRBM(
        1024,
        algorithm="cd",
        learning_rate=0.05,
        learning_rate_schedule="linear",
        n_iter=60,
        verbose=options.verbose,
        random_state=options.seed,
    ).set_params(**parameters(options.set))
    start = time.perf_counter()
    features = rbm.fit_transform(X)
    readout = LogisticRegression(C=1.0, max_iter=500).fit(features, y)
    seconds = time.perf_counter() - start
    error = 100 * (1 - readout.score(rbm.transform(X_new), y_new))
    report("features", error, seconds, "1.9", "1.8")


def run_few(data, options):
    X, y, X_new, y_new = data
    few = np.full_like(y, -1)
    few[:N_LABELLED] = y[:N_LABELLED]
    for pretrain in (True, False):
        # Chosen on held-out rows, where it was right on 94.1 %.
        model = DBNClassifier(
            (500, 500),
            dropout=0.5,
            input_dropout=0.2,
            learning_rate_init=0.003,
            pretrain=pretrain,
            unlabeled=-1,
            random_state=options.seed,
            verbose=options.verbose,
        ).set_params(**parameters(options.set))
        seconds = timed_fit(model, X, few)
        name = "few" if pretrain else "few-random"
        report(name, 100 * (1 - model.score(X_new, y_new)), seconds, "6.4", "5.0")


def run_digits(_, options):
    X, y = load_digits(return_X_y=True)
    X = X / 16
    folds = StratifiedKFold(5, shuffle=True, random_state=options.seed)
    grid = {
        "hidden_layer_sizes": [(100,), (256,), (256, 256)],
        "activation": ["logistic", "relu"],
        "alpha": [1e-4, 1e-2],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(MLPClassifier(random_state=options.seed), grid, cv=folds)
        seconds = timed_fit(search, X, y)
    report("digits, MLPs", 100 * (1 - search.best_score_), seconds)
    print(f"    best of {len(search.cv_results_['params'])}: {search.best_params_}")
    for pretrain in (True, False):
        model = DBNClassifier(pretrain=pretrain, random_state=options.seed)
        model.set_params(**parameters(options.set))
        start = time.perf_counter()
        scores = cross_val_score(model, X, y, cv=folds)
        name = "digits" if pretrain else "digits-random"
        report(name, 100 * (1 - scores.mean()), time.perf_counter() - start)


def run_epoch(data, options):
    X, y, *_ = data
    for dropout in (0.0, 0.5):
        model = DBNClassifier(
            SIZES, pretrain=False, dropout=dropout, max_iter=1, random_state=options.seed
        )
        model.fit(X[:1000], y[:1000])  # compiles
        contenders = [Contender("skebm", lambda model=model: model.partial_fit(X, y))]
        if torch is not None:
            peer = TorchNetwork([X.shape[1], *SIZES, 10], dropout=dropout)
            contenders.append(Contender("PyTorch", lambda peer=peer: peer.epoch(X, y)))
        timings = take_turns(contenders, options.repeats)
        print_ratios(
            f"one epoch of {len(X)} rows, dropout {dropout}",
            timings,
            "skebm",
            {"PyTorch": "1.2, aim 2"},
        )


def run_torch(data, options):
    if torch is None:
        print("torch: PyTorch is not installed")
        return
    X, y, X_new, y_new = data
    n_pretraining, n_tuning = 10, 30
    start = time.perf_counter()
    below, arrays = X, []
    for size in SIZES:
        rbm = TorchRBM(below, size, 100, "cd")
        for _ in range(n_pretraining):
            rbm.epoch()
        arrays.append((rbm.weights, rbm.hidden_bias))
        below = torch.from_numpy(below)
        below = torch.sigmoid(below @ rbm.weights.T + rbm.hidden_bias).numpy()
    network = TorchNetwork([X.shape[1], *SIZES, 10], dropout=0.5, input_dropout=0.2, start=arrays)
    for epoch in range(n_tuning):
        network.epoch(X, y, 1e-3 * 0.5 * (1 + np.cos(np.pi * epoch / n_tuning)))
    error = 100 * np.mean(network.predict(X_new) != y_new)
    report("torch", error, time.perf_counter() - start)


def run_generative(data, options):
    X, y, X_new, y_new = data
    model = GenerativeDBNClassifier(SIZES, random_state=options.seed, verbose=options.verbose)
    model.set_params(**GENERATIVE | parameters(options.set))
    seconds = timed_fit(model, X, y)
    report("greedy", 100 * (1 - model.score(X_new, y_new)), seconds)
    model.set_params(fine_tune="up_down", warm_start=True)
    seconds = timed_fit(model, X, y)
    report("up-down", 100 * (1 - model.score(X_new, y_new)), seconds, "2.0", "1.25")
    print(f"    {model.n_iter_} epochs of up-down; {GENERATIVE | parameters(options.set)}")


OTHER_CASES = {
    "generative": run_generative,
    "features": run_features,
    "few": run_few,
    "digits": run_digits,
    "epoch": run_epoch,
    "torch": run_torch,
}


if __name__ == "__main__":
    main()
