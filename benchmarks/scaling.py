"""Data of Dask, larger than memory: seconds, memory, exactness, what data-parallel training costs.

Each part prints a table. Sizes are parameters, and the defaults are those of the tables in
doc/scaling.rst, but for ``fit``, whose file has 4 million rows there (``--rows 4000000``, 12.5 GB).
Needs ``skebm[dask]``.

    python benchmarks/scaling.py quality --data mnist.npz
    python benchmarks/scaling.py networks --data mnist.npz
    python benchmarks/scaling.py fit --rows 400000 --folder /tmp
    python benchmarks/scaling.py exact
    python benchmarks/scaling.py transform
    python benchmarks/scaling.py rounds
    python benchmarks/scaling.py simulate
"""

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import psutil
from dask.distributed import Client, LocalCluster

import skebm
from _data import add_data_option, grey_levels, load_mnist
from skebm import BernoulliRBM, DBNClassifier, DeepAutoencoder, DSNClassifier, data_parallel

N_FEATURES, N_CLASSES = 784, 10
_ROWS_OF_CHUNK = 10_000


def table(header, rows):
    """Print rows of a table."""
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


# Held-out pseudo-likelihood ----------------------------------------------------------------------


def run_quality(options):
    """After equal epochs, in one process and in rounds of several parts, worked on in turn.

    The rows that are scored are the last 5,000 of the training set, which nobody trains on, unless
    ``--test`` asks for the test set.
    """
    data = load_mnist(options.data)
    X = grey_levels(data["X_train"])
    train, held_out = (X, grey_levels(data["X_test"])) if options.test else (X[:55_000], X[55_000:])
    rows = skebm.stream(train, chunk_size=options.chunk)
    found = []
    for seed in range(options.seeds):
        model = BernoulliRBM(256, n_iter=options.epochs, random_state=seed)
        for n_parts in (None, *options.parts):
            start = time.perf_counter()
            if n_parts is None:
                model.fit(rows)
            else:
                with data_parallel(n_parts, local_steps=options.local_steps):
                    model.fit(rows)
            seconds = time.perf_counter() - start
            name = "one process" if n_parts is None else f"{n_parts} parts"
            found.append((seed, name, f"{model.score(held_out):.2f}", f"{seconds:.0f}"))
            print(*found[-1], flush=True)
    table(["seed", "trained in", "pseudo-likelihood, nats", "seconds here"], found)


def run_networks(options):
    """Networks after equal epochs on 10,000 rows of MNIST, scored on others of its training set."""
    data = load_mnist(options.data)
    X, y = grey_levels(data["X_train"][:12_000]), data["y_train"][:12_000]
    rows, held_out = skebm.stream(X[:10_000], y[:10_000], chunk_size=500, window=500), X[10_000:]
    networks = {
        "DBNClassifier, accuracy": DBNClassifier(
            (100,), pretrain=False, max_iter=10, random_state=0
        ),
        "DeepAutoencoder, minus squared error": DeepAutoencoder(
            (100, 20), rbm_n_iter=2, max_iter=5, random_state=0
        ),
    }
    found = []
    for name, network in networks.items():
        for n_parts in (None, *options.parts):
            sharing = nullcontext() if n_parts is None else data_parallel(n_parts, local_steps=20)
            with sharing:
                network.fit(rows)
            score = network.score(held_out, y[10_000:])
            found.append((name, "one process" if n_parts is None else n_parts, f"{score:.3f}"))
            print(*found[-1], flush=True)
    table(["network", "parts", "held out"], found)


# Seconds and memory ------------------------------------------------------------------------------


def written_file(options):
    """The file of rows: about a fifth of the values are 1, as the rows of ten random patterns."""
    path = Path(options.folder) / f"rows_{options.rows}.npy"
    shape = options.rows, N_FEATURES
    if path.exists() and np.load(path, mmap_mode="r").shape == shape:
        return path
    out = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    patterns = np.random.default_rng(0).random((N_CLASSES, N_FEATURES)) ** 4
    for start in range(0, options.rows, _ROWS_OF_CHUNK):
        rng = np.random.default_rng([1, start])
        part = out[start : start + _ROWS_OF_CHUNK]
        part[:] = rng.random(part.shape, np.float32) < patterns[labels_from(start, len(part))]
    out.flush()
    return path


def labels_from(start, n_rows):
    """Labels of some rows of the file."""
    return np.random.default_rng([2, start]).integers(N_CLASSES, size=n_rows)


def all_labels(n_rows):
    """Labels of all rows of the file."""
    sizes = ((s, min(_ROWS_OF_CHUNK, n_rows - s)) for s in range(0, n_rows, _ROWS_OF_CHUNK))
    return np.concatenate([labels_from(*pair) for pair in sizes])


def lazy_file(path, n_rows):
    """The file as a dask.array whose chunks workers read."""
    sizes = tuple(min(_ROWS_OF_CHUNK, n_rows - s) for s in range(0, n_rows, _ROWS_OF_CHUNK))
    options = {"chunks": (sizes, (N_FEATURES,)), "dtype": np.float32}
    return da.map_blocks(read_chunk, str(path), meta=np.empty((0, 0), np.float32), **options)


def read_chunk(path, block_id=None):
    """One chunk of the file, mapped: who works on it reads it, without a copy."""
    start = block_id[0] * _ROWS_OF_CHUNK
    return np.asarray(np.load(path, mmap_mode="r")[start : start + _ROWS_OF_CHUNK])


MODELS = {
    "RBM, one epoch": lambda: BernoulliRBM(256, n_iter=1, random_state=0),
    "DSN, one module": lambda: DSNClassifier(
        256, n_modules=1, init="random", max_iter=3, random_state=0
    ),
}


def fit(model, X, n_rows):
    """Fit a model of the table, and return it."""
    if isinstance(model, DSNClassifier):
        return model.fit(X, all_labels(n_rows))
    return model.fit(X)


def run_one_fit(options):
    """A process of its own for one fit, which prints the seconds of a second one and the peak."""
    path = written_file(options)
    X_small = np.load(path, mmap_mode="r")[: 2 * _ROWS_OF_CHUNK]
    model = MODELS[options.model]()
    if options.where == "memory map":
        fit(model, skebm.stream(np.array(X_small)), len(X_small))  # compiles
        with Peak() as peak:
            start = time.perf_counter()
            fit(model, skebm.stream(np.load(path, mmap_mode="r")), options.rows)
            seconds = time.perf_counter() - start
    else:
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
        with cluster, Client(cluster):
            rows = lazy_file(path, options.rows)
            with data_parallel(2, local_steps=options.local_steps):
                fit(model, rows[: len(X_small)], len(X_small))
                with Peak() as peak:
                    start = time.perf_counter()
                    fit(model, rows, options.rows)
                    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": peak.gigabytes}), flush=True)


class Peak:
    """Largest resident memory of this process and all below it, looked at each half second."""

    def __enter__(self):
        self.gigabytes, self._ends = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._ends.set()
        self._thread.join()

    def _watch(self):
        this = psutil.Process()
        while not self._ends.wait(0.5):
            total = 0
            for process in [this, *this.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.gigabytes = max(self.gigabytes, total / 1e9)


def run_fit(options):
    """In processes of their own, one after the other, from the same file."""
    written_file(options)
    found = []
    for name in MODELS:
        for where in ("memory map", "two workers"):
            command = [sys.executable, __file__, "one_fit", "--model", name, "--where", where]
            command += ["--rows", str(options.rows), "--folder", options.folder]
            command += ["--local-steps", str(options.local_steps)]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            measured = json.loads(out.splitlines()[-1])
            found.append((name, where, f"{measured['seconds']:.1f}", f"{measured['peak']:.2f}"))
            print(*found[-1], flush=True)
    table(["model", "from", "seconds", "peak of all processes, GB"], found)


# Exactness ---------------------------------------------------------------------------------------


def run_exact(options):
    """A DSN in chunks of several sizes, on 0 (this process), 1 and 2 workers, beside an array."""
    rng = np.random.default_rng(0)
    X = rng.random((options.rows, 50))
    y = (np.tanh(X @ rng.standard_normal((50, 3)))).argmax(axis=1)
    model = DSNClassifier(40, n_modules=2, init="random", max_iter=10, random_state=0)
    beside = model.fit(X, y).modules_[-1].coef_
    found = []
    for n_chunks in (1, 2, 8):
        rows = da.from_array(X, chunks=(-(-len(X) // n_chunks), 50))
        coefs = [model.fit(rows, y).modules_[-1].coef_]
        for n_workers in (1, 2):
            cluster = LocalCluster(
                n_workers=n_workers, threads_per_worker=1, dashboard_address=":0"
            )
            with cluster, Client(cluster):
                coefs.append(model.fit(rows, y).modules_[-1].coef_)
        same = all(np.array_equal(coefs[0], other) for other in coefs)
        off = np.abs(coefs[0] - beside).max() / np.abs(beside).max()
        found.append((n_chunks, "same bits" if same else "not the same", f"{off:.1e}"))
    table(["chunks", "on 0, 1 and 2 workers", "relative to the array"], found)


# Overhead of lazy answers ------------------------------------------------------------------------


def run_transform(options):
    """Seconds per chunk of ``transform`` of a lazy array beside those of its chunks in turn."""
    X = (np.random.default_rng(0).random((_ROWS_OF_CHUNK, N_FEATURES)) < 0.2).astype(np.float32)
    model = BernoulliRBM(256, n_iter=0, random_state=0).fit(X[:1000])
    rows = da.concatenate([da.from_array(X, chunks=X.shape)] * options.chunks)
    plain, lazy = [], []
    for _ in range(options.repeats):
        start = time.perf_counter()
        for _ in range(options.chunks):
            model.transform(X)
        plain.append(time.perf_counter() - start)
        start = time.perf_counter()
        with dask.config.set(scheduler="synchronous"):
            dask.compute(*model.transform(rows).to_delayed().ravel())
        lazy.append(time.perf_counter() - start)
    per_chunk = [1e3 * min(times) / options.chunks for times in (plain, lazy)]
    table(
        ["ms a chunk of 10,000 rows, in turn", "lazily", "overhead"],
        [[f"{ms:.1f}" for ms in (*per_chunk, per_chunk[1] - per_chunk[0])]],
    )


# Rounds ------------------------------------------------------------------------------------------


def run_rounds(options):
    """What a round sends and costs, by the number of parts and the size of the model."""
    rng = np.random.default_rng(0)
    found = []
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster):
        for n_features, n_hidden in ((784, 256), (2000, 1000)):
            X = (rng.random((6400, n_features)) < 0.2).astype(np.float32)
            rows = da.from_array(X, chunks=(6400 // 64, n_features)).persist()
            model = BernoulliRBM(n_hidden, n_iter=1, random_state=0)
            for n_parts in options.parts:
                n_rounds, seconds = time_of_rounds(model, rows, n_parts)
                n_bytes = len(pickle.dumps(model.__skebm_model__().machine))
                found.append(
                    (
                        f"{n_features} x {n_hidden}",
                        n_parts,
                        f"{n_bytes / 1e6:.1f}",
                        n_rounds,
                        f"{1e3 * seconds / n_rounds:.0f}",
                    )
                )
                print(*found[-1], flush=True)
    header = ["units", "parts", "MB of a model", "rounds", "ms a round of one step a part"]
    table(header, found)


def time_of_rounds(model, rows, n_parts):
    """How many rounds of one step an epoch has, and how long it takes."""
    with data_parallel(n_parts, local_steps=1):
        model.set_params(batch_size=100)
        model.fit(rows[:640])
        start = time.perf_counter()
        model.fit(rows)
        seconds = time.perf_counter() - start
    return -(-len(rows) // 100 // n_parts), seconds


# A simulation of rounds ---------------------------------------------------------------------------

# Rows and columns of the data that are simulated, and hidden units.
_HUGE_ROWS, _HUGE_COLUMNS, _HUGE_HIDDEN, _HUGE_BATCH = 10**9, 10**4, 1000, 100


def run_simulate(options):
    """Rounds over many workers, from a step that is measured here and the sizes of what is sent.

    In a round each worker makes its steps. Then groups of eight send what they have learned to one
    of them, which makes a mean, and so on up to one; and that mean goes back, from each that has it
    to one that has not. A worker sends one thing at a time, and receives one at a time.
    """
    rng = np.random.default_rng(0)
    n_steps = 5
    X = (rng.random((n_steps * _HUGE_BATCH, _HUGE_COLUMNS)) < 0.2).astype(np.float32)
    model = BernoulliRBM(_HUGE_HIDDEN, n_iter=0, batch_size=_HUGE_BATCH, random_state=0).fit(X)
    seconds = []
    for _ in range(options.repeats):
        # Of processors, and not by the clock: a worker has one, and here others may work, too.
        start = time.process_time()
        model.partial_fit(X)
        seconds.append(time.process_time() - start)
    step = min(seconds) / n_steps
    n_bytes = len(pickle.dumps(model.__skebm_model__().machine))
    print(f"a step: {step:.3f} s; a model: {n_bytes / 1e6:.1f} MB")
    found = []
    for n_workers in (8, 64, 512):
        for gigabits in (1, 10):
            seconds = n_bytes * 8 / (gigabits * 1e9)
            sending = seconds_of_means(n_workers, seconds, step_of_mean=n_bytes / 4e9)
            n_in_epoch = _HUGE_ROWS / (n_workers * _HUGE_BATCH)
            for local_steps in (1, 50, 1000):
                epoch = n_in_epoch * (step + sending / local_steps)
                found.append(
                    (
                        n_workers,
                        gigabits,
                        local_steps,
                        f"{2 * n_bytes * (n_workers - 1) / 1e9:.2f}",
                        f"{sending:.1f}",
                        f"{local_steps * step:.1f}",
                        f"{epoch / 3600:.1f}",
                        f"{_HUGE_ROWS / _HUGE_BATCH * step / epoch:.1f}",
                    )
                )
    header = ["workers", "Gbit/s", "local steps", "GB sent a round", "s to send", "s of steps"]
    table([*header, "hours an epoch", "times one worker"], found)


def seconds_of_means(n_workers, seconds, step_of_mean):
    """How long means of groups of eight take, and to send the last one back to all."""
    total, left = 0.0, n_workers
    while left > 1:
        in_group = min(8, left)
        # The one that makes the mean has its own.
        total += (in_group - 1) * seconds + in_group * step_of_mean
        left = -(-left // 8)
    n_with_mean = 1
    while n_with_mean < n_workers:
        total, n_with_mean = total + seconds, 2 * n_with_mean
    return total


PARTS = {
    "simulate": run_simulate,
    "quality": run_quality,
    "networks": run_networks,
    "fit": run_fit,
    "one_fit": run_one_fit,
    "exact": run_exact,
    "transform": run_transform,
    "rounds": run_rounds,
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    add_data_option(parser)
    parser.add_argument("--rows", type=int, default=400_000, help="of fit and exact")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="for the file")
    parser.add_argument("--local-steps", type=int, default=None, help="of data_parallel")
    parser.add_argument("--parts", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--epochs", type=int, default=10, help="of quality")
    parser.add_argument("--chunk", type=int, default=2500, help="rows of a chunk, of quality")
    parser.add_argument("--seeds", type=int, default=1, help="of quality")
    parser.add_argument("--test", action="store_true", help="score the test set")
    parser.add_argument("--chunks", type=int, default=10, help="of transform")
    parser.add_argument("--repeats", type=int, default=5, help="of transform")
    parser.add_argument("--model", choices=MODELS)
    parser.add_argument("--where", choices=["memory map", "two workers"])
    options = parser.parse_args()
    if options.local_steps is None:
        options.local_steps = 1000 if "fit" in options.part else 50
    PARTS[options.part](options)


if __name__ == "__main__":
    main()
