"""Log-likelihood of MNIST under `BernoulliRBM`, exact or between the bounds of annealing.

    python benchmarks/rbm_likelihood.py --data mnist.npz             # both cases
    python benchmarks/rbm_likelihood.py --data mnist.npz --case 16   # minutes

- 16: 16 hidden units, whose 65,536 states are summed over, so the likelihoods are exact. Pixels
  are on where they are at least one half; "flipped" turns them all over. As published: PCD-1, 50
  epochs, a constant learning rate of 0.01, batches and chains of 100, with the centred gradient
  and the plain one.
- 500: 500 hidden units, likelihoods by annealing. Pixels are drawn with their grey levels as
  probabilities, anew in each epoch, and once for the rows that are scored.

All likelihoods are means over rows, in nats; test rows serve for the result only. What the case
500 trains with was chosen on 10,000 rows held out of the training data, with `--validate`.
"""

import argparse
import time

import numpy as np

from _data import add_data_option, grey_levels, load_mnist
from _machine import print_machine
from skebm import BernoulliRBM

N_HELD_OUT = 10_000


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    parser.add_argument("--case", choices=["16", "500"], help="one case instead of both")
    parser.add_argument("--seeds", type=int, default=1, help="runs of the case 16 (default 1)")
    parser.add_argument("--epochs", type=int, default=N_EPOCHS, help="of the case 500")
    parser.add_argument("--algorithm", choices=["pcd", "pt"], default="pcd", help="case 500")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE, help="case 500")
    parser.add_argument("--chains", type=int, default=N_CHAINS, help="case 500")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="case 500")
    parser.add_argument("--gibbs-steps", type=int, default=1, help="case 500")
    parser.add_argument("--temperatures", type=int, default=10_000, help="of annealing")
    parser.add_argument(
        "--validate", action="store_true", help="score training rows held out, not test rows"
    )
    options = parser.parse_args()
    print_machine()
    mnist = load_mnist(options.data)
    train, test = mnist["X_train"], mnist["X_test"]
    if options.validate:
        train, test = train[:-N_HELD_OUT], train[-N_HELD_OUT:]
    train, test = grey_levels(train), grey_levels(test)
    if options.case != "500":
        compare_exact(train, test, options.seeds)
    if options.case != "16":
        bound(train, test, options)


# 16 hidden units -------------------------------------------------------------


def compare_exact(train, test, n_seeds):
    print("\nexact log-likelihood, 16 hidden units, thresholded pixels")
    print(f"{'pixels':>10}{'gradient':>10}{'train':>10}{'test':>10}{'seconds':>10}")
    train, test = (np.float32(X >= 0.5) for X in (train, test))
    for pixels, flip in (("as is", False), ("flipped", True)):
        for gradient, centered in (("centred", True), ("plain", False)):
            for seed in range(n_seeds):
                start = time.perf_counter()
                rbm = BernoulliRBM(
                    16,
                    learning_rate=0.01,
                    learning_rate_schedule="constant",
                    batch_size=100,
                    n_iter=50,
                    centered=centered,
                    random_state=seed,
                ).fit(1 - train if flip else train)
                seconds = time.perf_counter() - start
                log_partition = rbm.log_partition("exact")
                of_train, of_test = (
                    rbm.log_likelihood(1 - X if flip else X, log_partition).mean()
                    for X in (train, test)
                )
                print(
                    f"{pixels:>10}{gradient:>10}{of_train:>10.2f}{of_test:>10.2f}{seconds:>10.1f}",
                    flush=True,
                )


# 500 hidden units ------------------------------------------------------------

N_EPOCHS = 600
LEARNING_RATE = 0.15
N_CHAINS = 100
BATCH_SIZE = 100


def bound(train, test, options):
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    rbm = train_on_draws(train, options, rng)
    seconds = time.perf_counter() - start
    print(f"\n500 hidden units, drawn pixels: {options.epochs} epochs in {seconds:.0f} s")
    test, some = draw(test, rng), draw(train[:1000], rng)
    print(f"{'way back from':>16}{'lower':>10}{'estimate':>10}{'upper':>10}{'seconds':>10}")
    for name, X in (("the way there", None), ("training rows", some)):
        start = time.perf_counter()
        result = rbm.log_partition("ais", n_temperatures=options.temperatures, X=X, random_state=0)
        seconds = time.perf_counter() - start
        # The upper bound of the partition function is the lower one of the likelihood.
        lower, estimate, upper = (
            rbm.log_likelihood(test, value).mean()
            for value in (result.upper, result.estimate, result.lower)
        )
        print(f"{name:>16}{lower:>10.2f}{estimate:>10.2f}{upper:>10.2f}{seconds:>10.1f}")
    print(f"standard error of the last estimate: {result.standard_error:.2f}")


def train_on_draws(train, options, rng):
    """An RBM trained on new draws of the pixels in each epoch, the learning rate falling to 0."""
    rbm = BernoulliRBM(
        500,
        batch_size=options.batch_size,
        n_chains=options.chains,
        algorithm=options.algorithm,
        n_gibbs_steps=options.gibbs_steps,
        centered=True,
        random_state=0,
    )
    for epoch in range(options.epochs):
        rate = options.learning_rate * (1 - epoch / options.epochs)
        rbm.set_params(learning_rate=rate).partial_fit(draw(train, rng))
    return rbm


def draw(probabilities, rng):
    """Binary pixels."""
    states = rng.random(probabilities.shape, dtype=np.float32) < probabilities
    return states.astype(np.float32)


if __name__ == "__main__":
    main()
