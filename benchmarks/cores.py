"""How much faster several cores are than one.

    python benchmarks/cores.py
    python benchmarks/cores.py --cores 1 2 4 --cases rbm-1000 transform --rows 6000
    python benchmarks/cores.py --data mnist.npz --beside ../other/checkout

Seconds of each case on so many cores, in processes of their own that may run on no others, and how
many times faster that is than on the first number of cores. The first case is the bound that the
machine sets: its cores may share more than they seem to. Without `--data`, the rows are numbers
in [0, 1] of which as many are zero as in MNIST. The fastest of `--repeats` turns counts. With
`--beside`, the code of another checkout is timed in turns with this one, on the same machine.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from _data import add_data_option, grey_levels, load_mnist
from _machine import n_usable_cores, print_machine
from skebm import BernoulliRBM, DBNClassifier, DeepAutoencoder, DSNClassifier, GaussianRBM
from skebm._threads import for_each, one_blas_thread
from skebm.kernels.products import multiply

N_COLUMNS, N_CLASSES, DENSITY = 784, 10, 0.19
HERE = Path(__file__).parents[1]


def rbm_seconds(rbm, X):
    """Seconds of the fastest epoch."""
    return min(rbm.fit(X).history_["seconds"])


def epoch_seconds(network, X, y):
    """Seconds of the fastest epoch of fine-tuning."""
    return min(network.fit(X, y).history_["seconds"])


def rbm_1000(X, y):
    """BernoulliRBM, batch 1000, rows without zeros: matrix products."""
    X = np.clip(X, np.float32(0.01), None)
    return rbm_seconds(BernoulliRBM(500, batch_size=1000, n_iter=3, random_state=0), X)


def gaussian_1000(X, y):
    """GaussianRBM, batch 1000."""
    return rbm_seconds(GaussianRBM(500, batch_size=1000, n_iter=3, random_state=0), X)


def wide_100(X, y):
    """BernoulliRBM, 784 -> 4000, batch 100, a fifth of the rows."""
    rbm = BernoulliRBM(4000, batch_size=100, n_iter=2, random_state=0)
    return rbm_seconds(rbm, X[: len(X) // 5])


def dbn(X, y):
    """DBNClassifier (500, 500, 2000), batch 100: an epoch of fine-tuning."""
    options = {"pretrain": False, "batch_size": 100, "max_iter": 2, "random_state": 0}
    return epoch_seconds(DBNClassifier((500, 500, 2000), **options), X, y)


def autoencoder(X, y):
    """DeepAutoencoder (500, 250, 30), batch 100: an epoch of fine-tuning."""
    options = {"pretrain": False, "batch_size": 100, "max_iter": 2, "random_state": 0}
    return epoch_seconds(DeepAutoencoder((500, 250, 30), **options), X, y)


def transform(X, y):
    """BernoulliRBM, 784 -> 500: transform."""
    rbm = BernoulliRBM(500, n_iter=1, random_state=0).fit(X[:1000])
    start = time.perf_counter()
    for _ in range(3):
        rbm.transform(X)
    return (time.perf_counter() - start) / 3


def dsn(X, y):
    """DSNClassifier, two modules of 500 units, ten steps: a fit."""
    network = DSNClassifier(500, n_modules=2, max_iter=10, random_state=0)
    start = time.perf_counter()
    network.fit(X, y)
    return time.perf_counter() - start


def products(X, y):
    """Bare products of 512 rows with 784 x 500 weights: what the machine can do."""
    weights = np.ones((N_COLUMNS, 500), np.float32)
    rooms = [np.empty((512, 500), np.float32) for _ in range(128)]

    def multiply_some(number):
        multiply(X[:512], weights, rooms[number])

    with one_blas_thread():
        for_each(multiply_some, range(128))
        start = time.perf_counter()
        for_each(multiply_some, range(128))
    return time.perf_counter() - start


CASES = {
    "products": products,
    "rbm-1000": rbm_1000,
    "gaussian-1000": gaussian_1000,
    "wide-100": wide_100,
    "dbn": dbn,
    "autoencoder": autoencoder,
    "transform": transform,
    "dsn": dsn,
}


def main():
    """Print a table, or, in a process of its own, the seconds of some cases."""
    options = parse_options()
    X, y = load(options)
    if options.time_here:
        print(json.dumps({case: CASES[case](X, y) for case in options.cases}))
        return
    sys.stdout.reconfigure(line_buffering=True)
    print_machine()
    checkouts = [HERE, *([Path(options.beside).resolve()] if options.beside else [])]
    for checkout in checkouts:  # compiled before anything is timed
        run_once(checkout, 1, options, rows=2000)
    for case in options.cases:
        print(f"\n{CASES[case].__doc__.splitlines()[0]} {len(X)} rows")
        print_case(case, checkouts, options)


def print_case(case, checkouts, options):
    """Time one case and print a line for each checkout."""
    print(f"  {'cores':<28}" + "".join(f"{n:>16}" for n in options.cores))
    seconds = {checkout: [np.inf] * len(options.cores) for checkout in checkouts}
    for _ in range(options.repeats):
        for place, n_cores in enumerate(options.cores):
            for checkout in checkouts:
                taken = run_once(checkout, n_cores, options, cases=[case])[case]
                seconds[checkout][place] = min(seconds[checkout][place], taken)
    for checkout in checkouts:
        first = seconds[checkout][0]
        cells = [f"{taken:>9.3f} ({first / taken:4.1f})" for taken in seconds[checkout]]
        name = "here" if checkout == HERE else "beside"
        print(f"  {name:<28}" + "".join(f"{cell:>16}" for cell in cells))


def run_once(checkout, n_cores, options, rows=None, cases=None):
    """Seconds of each case in a new process on the first cores."""
    cores = set(sorted(os.sched_getaffinity(0))[:n_cores])
    arguments = ["--time-here", "--rows", str(rows or options.rows)]
    arguments += ["--cases", *(cases or options.cases)]
    if options.data:
        arguments += ["--data", options.data]
    result = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(checkout), os.environ.get("PYTHONPATH", "")])}
        | dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(n_cores)),
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(result.stdout)


def load(options):
    """Rows and labels."""
    if options.data:
        data = load_mnist(options.data)
        return grey_levels(data["X_train"][: options.rows]), data["y_train"][: options.rows]
    rng = np.random.default_rng(0)
    y = rng.integers(N_CLASSES, size=options.rows)
    is_on = rng.random((N_CLASSES, N_COLUMNS), dtype=np.float32)[y] < 2 * DENSITY
    is_on &= rng.random(is_on.shape, dtype=np.float32) < 0.5
    return rng.random(is_on.shape, dtype=np.float32) * is_on, y


def parse_options():
    """Read the command line."""
    cores = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= n_usable_cores()]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--cores", type=int, nargs="+", default=cores)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--beside", metavar="FOLDER", help="another checkout of the project")
    parser.add_argument("--time-here", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
