"""What draws from the posterior do for a deep Boltzmann machine, on digits.

    python benchmarks/digits_dbm.py

Thresholded digits, 300 of them held out; machines that learn from so many steps of draws, beside
one hidden layer. Mean over seeds of the log-likelihood and of the bound, in nats a row, with log Z
by annealing from both sides, and of the standard deviation of the units of the highest layer from
row to row. The likelihood is exact given log Z: the second layer has few enough units to sum over.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from _machine import print_machine
from _parameters import parameters
from skebm import DeepBoltzmannMachine

# The training, but for what is compared.
SETTINGS = {"algorithm": "pcd", "n_chains": 100, "n_gibbs_steps": 5, "n_iter": 60}
MODELS = [((32, 16), 0), ((32, 16), 1), ((32, 16), 3), ((32,), 0)]


def main():
    """Print a line for each model."""
    options = parse_options()
    print_machine()
    X = (load_digits().data > 8).astype(np.float32)
    X, X_new = train_test_split(X, test_size=300, random_state=0)
    settings = SETTINGS | parameters(options.set)
    print(f"{'units':>10}{'steps':>7}{'likelihood':>12}{'bound':>10}{'deviation':>11}{'log Z':>9}")
    for sizes, n_steps in MODELS:
        found = [measure(X, X_new, sizes, n_steps, seed, settings) for seed in range(options.seeds)]
        likelihood, bound, deviation, gap = np.mean(found, axis=0)
        print(
            f"{sizes!s:>10}{n_steps:>7}{likelihood:>12.2f}{bound:>10.2f}{deviation:>11.2f}"
            f"{gap:>9.3f}",
            flush=True,
        )


def measure(X, X_new, sizes, n_steps, seed, settings):
    """Log-likelihood, bound, deviation of the highest layer, and how well log Z is known."""
    model = DeepBoltzmannMachine(sizes, n_clamped_steps=n_steps, random_state=seed, **settings)
    model.fit(X)
    log_z = model.log_partition("ais", n_temperatures=10_000, X=X[:500], random_state=seed)
    scores = (f(X_new, log_z).mean() for f in (model.log_likelihood, model.score_samples))
    return *scores, model.transform(X_new).std(axis=0).mean(), log_z.upper - log_z.lower


def parse_options():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
