"""Fits of streams beside fits of the same rows in an array: seconds, memory and quality.

    python benchmarks/streams.py --data mnist.npz
    python benchmarks/streams.py --cases rbm-10 --repeats 5

MNIST is written to a file, which stays in the cache of the system. Each case is fitted to the array
and to a stream of the memory map, in turns. The fastest of each counts, and the ratios say more
than the seconds. Then a process of its own fits each, and says by how much memory it has grown: of
an array, by the array itself, too. "score" is on 10,000 images that are not learned from: the mean
pseudo-log-likelihood in nats of RBMs and general machines, the share of right labels of the others.
"""

import argparse
import multiprocessing
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

import skebm
from _data import add_data_option, grey_levels, load_mnist
from _machine import print_machine
from _memory import process_memory, process_peak
from _timing import Contender, take_turns

CASES = {
    "rbm-10": lambda: skebm.BernoulliRBM(256, n_iter=1, batch_size=10, random_state=0),
    "rbm-100": lambda: skebm.BernoulliRBM(256, n_iter=1, batch_size=100, random_state=0),
    "dbn": lambda: skebm.DBNClassifier(
        (256, 128), rbm_n_iter=1, rbm_batch_size=100, batch_size=100, max_iter=3, random_state=0
    ),
    "dsn": lambda: skebm.DSNClassifier(256, n_modules=2, max_iter=3, random_state=0),
    "bm-tap": lambda: skebm.BoltzmannMachine(algorithm="tap", binarize=0.5),
    "bm-pl": lambda: skebm.BoltzmannMachine(algorithm="pseudo_likelihood", binarize=0.5, tol=0.01),
    "bm-pcd": lambda: skebm.BoltzmannMachine(
        algorithm="pcd", binarize=0.5, n_iter=1, batch_size=500, random_state=0
    ),
}


def has_targets(name):
    """Whether the model of a case predicts something."""
    return name.startswith("d")


def fit(name, X, y):
    """Fit the model of a case, and return it."""
    model = CASES[name]()
    return model.fit(X, y) if has_targets(name) else model.fit(X)


def data_of(kind, path, window):
    """Rows of the file: in an array, or as a stream of its memory map."""
    if kind == "array":
        return np.load(path)
    return skebm.stream(np.load(path, mmap_mode="r"), window=window)


def growth(name, kind, path, y, window, results):
    """Put into a queue by how many megabytes a process grows that reads the file and fits."""
    few = np.load(path, mmap_mode="r")[:500].copy()
    fit(name, few, y[:500])  # compiles
    before = process_memory()
    fit(name, data_of(kind, path, window), y)
    results.put((process_peak() - before) / 2**20)


def grown(*args):
    """What :func:`growth` finds in a new process."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=growth, args=(*args, results))
    process.start()
    found = results.get()
    process.join()
    return found


def main():
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data_option(parser)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=3, help="turns of each; the fastest counts")
    parser.add_argument("--window", type=int, default=10_000, help="rows in memory together")
    options = parser.parse_args()
    data = load_mnist(options.data)
    X_test, y = grey_levels(data["X_test"]), data["y_train"]
    print_machine()
    print(
        f"\n{'case':8} {'array s':>8} {'stream s':>8} {'ratio':>6} {'array MB':>9} {'stream MB':>9}"
        f" {'array score':>12} {'stream score':>12}"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mnist.npy"
        np.save(path, grey_levels(data["X_train"]))
        for name in options.cases:
            kinds = {kind: data_of(kind, path, options.window) for kind in ("array", "stream")}
            contenders = [Contender(kind, partial(fit, name, X, y)) for kind, X in kinds.items()]
            for X in kinds.values():
                fit(name, X[np.arange(500)], y[:500])  # compiles
            timings = take_turns(contenders, options.repeats)
            array, streamed = (timings[kind].seconds for kind in kinds)
            scores = []
            for kind in kinds:
                model = timings[kind].result
                y_test = (data["y_test"],) if has_targets(name) else ()
                scores.append(model.score(X_test, *y_test))
            megabytes = [grown(name, kind, path, y, options.window) for kind in kinds]
            print(
                f"{name:8} {array:8.2f} {streamed:8.2f} {streamed / array:6.2f} "
                f"{megabytes[0]:9.0f} {megabytes[1]:9.0f} {scores[0]:12.4f} {scores[1]:12.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
