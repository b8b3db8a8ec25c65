"""The centred gradient beside the plain one and scikit-learn's: likelihood and features.

    python benchmarks/rbm_centering.py --data mnist.npz

Three tables, each the mean over three seeds:

- the exact log-likelihood (nats a row) of scikit-learn's digits, thresholded at one half, for
  12 hidden units: the partition function is a sum over their 4096 states;
- the pseudo-log-likelihood of MNIST pixels held out (nats a row, first 20,000 training rows,
  500 hidden units, 5 epochs);
- the accuracy of a linear SVM on the features of 256 hidden units, digits moved by up to one
  pixel in each direction, one third of them held out.

Held-out rows serve for the comparison only; nothing is chosen by them.
"""

import argparse
import itertools

import numpy as np
from scipy.special import logsumexp
from sklearn import neural_network
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from _data import add_data_option, load_mnist
from _machine import print_machine
from skebm import BernoulliRBM

SEEDS = range(3)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    options = parser.parse_args()
    print_machine()
    compare_likelihood()
    compare_pseudo_likelihood(options.data)
    compare_features()


def models(**parameters):
    return {
        "centred": lambda seed: BernoulliRBM(centered=True, random_state=seed, **parameters),
        "plain": lambda seed: BernoulliRBM(centered=False, random_state=seed, **parameters),
        "scikit-learn": lambda seed: neural_network.BernoulliRBM(random_state=seed, **parameters),
    }


def print_table(title, score, settings):
    """Print the mean of ``score(model)`` over the seeds, a line for each of the settings."""
    print(f"\n{title}")
    print(f"{'learning rate':>14}{'epochs':>8}{'centred':>10}{'plain':>10}{'scikit-learn':>14}")
    for parameters in settings:
        means = [
            np.mean([score(make(seed)) for seed in SEEDS]) for make in models(**parameters).values()
        ]
        print(
            f"{parameters['learning_rate']:>14}{parameters['n_iter']:>8}"
            f"{means[0]:>10.3f}{means[1]:>10.3f}{means[2]:>14.3f}",
            flush=True,
        )


def compare_likelihood():
    X = (load_digits().data >= 8).astype(float)
    train, test = train_test_split(X, test_size=0.25, random_state=0)
    print_table(
        "exact log-likelihood, digits, 12 hidden units",
        lambda model: exact_log_likelihood(model.fit(train), test).mean(),
        [
            {"n_components": 12, "learning_rate": rate, "n_iter": n_iter}
            for rate, n_iter in itertools.product([0.1, 0.03, 0.01], [10, 50])
        ],
    )


def exact_log_likelihood(model, X):
    """Log-likelihood of each row, by the sum over all states of the hidden units."""
    weights, b, c = model.components_, model.intercept_visible_, model.intercept_hidden_
    states = np.array(list(itertools.product([0, 1], repeat=len(c))), dtype=float)
    log_z = logsumexp(states @ c + np.logaddexp(0, states @ weights + b).sum(axis=1))
    return X @ b + np.logaddexp(0, X @ weights.T + c).sum(axis=1) - log_z


def compare_pseudo_likelihood(path):
    mnist = load_mnist(path)
    train, test = (
        mnist[part][:n] / np.float32(255) for part, n in [("X_train", 20_000), ("X_test", 1000)]
    )
    print_table(
        "pseudo-log-likelihood, MNIST, 500 hidden units",
        lambda model: exact_pseudo_log_likelihood(model.fit(train), test),
        [
            {"n_components": 500, "learning_rate": rate, "n_iter": 5, "batch_size": 20}
            for rate in [0.1, 0.03, 0.01]
        ],
    )


def exact_pseudo_log_likelihood(model, X):
    """Mean pseudo-log-likelihood: scikit-learn's weights are scored by our exact formula."""
    scorer = BernoulliRBM(2, n_iter=0).fit(X)
    for name in ["components_", "intercept_visible_", "intercept_hidden_"]:
        setattr(scorer, name, getattr(model, name))
    return scorer.score(X)


def compare_features():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        moved(X / 16), y, test_size=1 / 3, random_state=0
    )

    def accuracy(model):
        svm = LinearSVC(C=10, max_iter=300).fit(model.fit_transform(X_train), y_train)
        return svm.score(model.transform(X_test), y_test)

    print_table(
        "accuracy of a linear SVM, moved digits, 256 hidden units",
        accuracy,
        [
            {"n_components": 256, "learning_rate": rate, "n_iter": n_iter}
            for rate, n_iter in itertools.product([0.1, 0.03], [10, 60])
        ],
    )


def moved(X):
    """The 8 x 8 images, each moved by up to one pixel in each direction, empty pixels moved in."""
    rng = np.random.default_rng(0)
    padded = np.pad(X.reshape(-1, 8, 8), [(0, 0), (1, 1), (1, 1)])
    starts = rng.integers(0, 3, (len(X), 2))
    return np.array(
        [image[i : i + 8, j : j + 8].ravel() for image, (i, j) in zip(padded, starts, strict=True)]
    )


if __name__ == "__main__":
    main()
