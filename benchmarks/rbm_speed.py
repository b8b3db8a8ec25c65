"""Speed of BernoulliRBM beside scikit-learn, PyTorch and bare matrix products.

    python benchmarks/rbm_speed.py --data mnist.npz
    python benchmarks/rbm_speed.py --cases pcd-10 transform --rows 6000

Training: seconds an epoch on the grey pixels of MNIST as they are (numbers in [0, 1]),
784 -> 500 units unless a title says otherwise, learning rate 0.05, on all cores, of

- skebm with its defaults, which do more than the peers do (they shuffle the rows and
  record the progress), timed around `fit` for `--epochs` epochs, so set-up counts too.
  The line below it is what `history_` says of the same fit: training and monitoring alone;
- scikit-learn's BernoulliRBM, timed around `fit` on the first `--peer-rows` rows and
  scaled up by the row: its time does not depend on the values of the data;
- the same step written by hand in PyTorch, where that is installed;
- five bare matrix products, as many as a step has.

All have run a few batches before, so that no compilation is counted. Then they run in
turns, `--repeats` times, and the fastest turn of each counts. The ratio is the time
divided by ours; "wanted" is the ratio that the project wants, for reading only.

The other cases: `transform` and `score` use a fitted model; `overhead` is the time outside
compiled code; `paths` compares the models that the two ways of training lead to; `scaling`
doubles the rows
and the units of either layer, for time and for memory; `startup` imports and compiles
in new processes.
"""

import argparse
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numba.core.dispatcher import Dispatcher
from scipy import sparse
from scipy.linalg import get_blas_funcs

from _data import add_data_option, grey_levels, load_grey_digits, load_mnist
from _machine import n_usable_cores, print_machine
from _memory import allocation_peak, process_peak
from _peers import LEARNING_RATE, FiveProducts, TorchRBM, fit_sklearn, torch
from _startup import compile_seconds, import_seconds
from _timing import Contender, growth_exponent, print_ratios, take_turns
from skebm import BernoulliRBM
from skebm.boltzmann import couplings, fused, gradient, machine, units

OURS = "skebm"
SKLEARN = "scikit-learn"
TORCH = "PyTorch"
PRODUCTS = "five products"

N_HIDDEN = 500
WARM_UP_BATCHES = 20
# An epoch of the digits takes milliseconds; a turn has to be longer than the jitter.
DIGITS_EPOCHS = 20
MIB = 2**20


@dataclass
class Training:
    """One comparison of training times."""

    algorithm: str
    batch_size: int
    wanted: dict = field(default_factory=dict)
    data: str = "mnist"
    n_hidden: int = N_HIDDEN
    dtype: type = np.float32

    def title(self, X):
        return (
            f"{self.algorithm.upper()}-1, batch {self.batch_size}, {self.data}, "
            f"{X.shape[1]} -> {self.n_hidden}, {X.shape[0]} rows, {X.dtype}: one epoch"
        )


TRAINING = {
    "pcd-10": Training(
        "pcd",
        10,
        {SKLEARN: "3, then 8, aim 12", TORCH: "2.5, aim 4", PRODUCTS: "2.5, aim 4"},
    ),
    "cd-10": Training("cd", 10, {TORCH: "2.5, aim 4", PRODUCTS: "2.5, aim 4"}),
    "pcd-100": Training(
        "pcd",
        100,
        {SKLEARN: "2.4, then 3, aim 4", TORCH: "1.8, aim 2.5", PRODUCTS: "1, aim 1.4"},
    ),
    "cd-100": Training("cd", 100, {TORCH: "1.8, aim 2.5", PRODUCTS: "1, aim 1.4"}),
    "pcd-1000": Training(
        "pcd",
        1000,
        {SKLEARN: "2, aim 2.5", TORCH: "1.5, aim 2", PRODUCTS: "0.9, aim 1.1"},
    ),
    "digits-10": Training(
        "pcd",
        10,
        {SKLEARN: "6, aim 10", TORCH: "6, aim 10"},
        data="digits",
        n_hidden=100,
    ),
    "pcd-10-float64": Training("pcd", 10, {SKLEARN: "8"}, dtype=np.float64),
    "pcd-100-float64": Training("pcd", 100, dtype=np.float64),
    "no-zeros-10": Training("pcd", 10, data="uniform noise"),
    "no-zeros-100": Training("pcd", 100, data="uniform noise"),
}


def main():
    options = parse_options()
    sys.stdout.reconfigure(line_buffering=True)  # show each table as soon as it is there
    print_machine()
    pixels = load_mnist(options.data)["X_train"][: options.rows]
    if torch is not None:
        torch.set_num_threads(n_usable_cores())
    for name in options.cases:
        if name in TRAINING:
            compare_training(TRAINING[name], pixels, options)
        else:
            OTHER_CASES[name](pixels, options)


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*TRAINING, *OTHER_CASES]
    add_data_option(parser)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--peer-rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=names, default=names)
    return parser.parse_args()


# Training


def fit_ours(X, n_epochs=1, seed=0, **parameters):
    return BernoulliRBM(
        **{"n_components": N_HIDDEN, **parameters},
        learning_rate=LEARNING_RATE,
        n_iter=n_epochs,
        random_state=seed,
    ).fit(X)


def compare_training(case, pixels, options):
    X = training_data(case, pixels)
    for contender in training_contenders(case, X[: WARM_UP_BATCHES * case.batch_size]):
        contender.run()

    n_epochs = DIGITS_EPOCHS if case.data == "digits" else options.epochs
    timings = take_turns(training_contenders(case, X, n_epochs, options.peer_rows), options.repeats)
    print_ratios(case.title(X), timings, OURS, case.wanted)
    print_own_clock(timings[OURS].result)
    if case.algorithm == "pcd" and options.peer_rows < len(X):
        print(f"  ({SKLEARN}: timed on {options.peer_rows} rows and scaled)")


def training_data(case, pixels):
    if case.data == "digits":
        return load_grey_digits(case.dtype)
    if case.data == "uniform noise":
        return np.random.default_rng(0).random(pixels.shape, dtype=case.dtype)
    return grey_levels(pixels, case.dtype)


def training_contenders(case, X, n_epochs=1, peer_rows=None):
    size = {"n_hidden": case.n_hidden, "batch_size": case.batch_size}
    ours = partial(
        fit_ours,
        X,
        n_epochs,
        n_components=case.n_hidden,
        batch_size=case.batch_size,
        algorithm=case.algorithm,
    )
    contenders = [Contender(OURS, ours, n_epochs)]
    if case.algorithm == "pcd":  # scikit-learn has no CD
        contenders.append(sklearn_contender(X[:peer_rows], len(X), n_epochs, size))
    if torch is not None:
        by_hand = TorchRBM(X, algorithm=case.algorithm, **size)
        contenders.append(Contender(TORCH, by_hand.epoch))
    contenders.append(Contender(PRODUCTS, FiveProducts(X, **size).epoch))
    return contenders


def sklearn_contender(X, n_rows, n_epochs, size):
    if len(X) < n_rows:
        n_epochs = 1
    fit = partial(fit_sklearn, X, n_epochs=n_epochs, **size)
    return Contender(SKLEARN, fit, n_epochs * len(X) / n_rows)


def print_own_clock(rbm):
    seconds = rbm.history_["seconds"]
    print(
        f"  ({OURS}: by its own history_ {np.mean(seconds):.3f} s, from "
        f"{min(seconds):.3f} to {max(seconds):.3f} over {len(seconds)} epochs)"
    )


def compare_csr_training(pixels, options):
    """Train on the same rows, stored as a CSR matrix and stored densely."""
    X = grey_levels(pixels)
    X_csr = sparse.csr_matrix(X)
    dense = "skebm, dense rows"
    density = X_csr.nnz / X.size
    for batch_size in (10, 100):
        contenders = [
            Contender(name, partial(fit_ours, rows, batch_size=batch_size))
            for name, rows in [(OURS, X_csr), (dense, X)]
        ]
        timings = take_turns(contenders, options.repeats)
        title = f"PCD-1, batch {batch_size}, CSR with {density:.0%} stored: one epoch"
        print_ratios(title, timings, OURS, {dense: "1"})


# The fitted model


def compare_transform(pixels, options):
    """Transform all rows at once, from dense and from CSR."""
    X = grey_levels(pixels)
    ours = fit_ours(X[:1000])
    product = "one product"
    rivals = [
        Contender(SKLEARN, partial(fit_sklearn(X[:1000], N_HIDDEN, 10).transform, X)),
        Contender(product, partial(hidden_product, X, ours.components_)),
    ]
    for kind, rows, wanted in [
        ("dense", X, {SKLEARN: "1", product: "0.87"}),
        ("CSR", sparse.csr_matrix(X), {product: "1"}),
    ]:
        ours.transform(rows[:1000])
        contenders = [Contender(OURS, partial(ours.transform, rows)), *rivals]
        timings = take_turns(contenders, options.repeats)
        title = f"transform of {len(X)} {kind} rows; the others' are dense"
        print_ratios(title, timings, OURS, wanted)


def hidden_product(X, components):
    """Do the matrix product of `transform`, into a new array as that one has to."""
    gemm = get_blas_funcs("gemm", (X,))
    product = np.empty((len(X), len(components)), dtype=X.dtype)
    weights_T = np.asarray(components, order="F")
    gemm(1, weights_T, X.T, c=product.T, overwrite_c=1)
    return product


def time_score(pixels, options):
    """Time the exact pseudo-likelihood of 1000 rows."""
    X = grey_levels(pixels[:1000])
    rbm = fit_ours(X)
    rbm.score_samples(X[:10])
    contender = Contender(OURS, partial(rbm.score_samples, X))
    seconds = take_turns([contender], options.repeats)[OURS].seconds
    print(f"\nscore_samples of {len(X)} rows: {seconds:.3f} s (wanted: at most 1)")


# Where the time goes, and whether both ways lead to the same place


def measure_overhead(pixels, options):
    """Print the share of a fit that is spent outside the compiled loop and its measurements.

    The compiled functions that an epoch calls from Python are replaced by ones that add up
    their own time.
    """
    X = grey_levels(pixels)
    print("\nShare of a fit outside compiled code, PCD-1")
    for batch_size, wanted in [(10, "10 %"), (100, "5 %")]:
        fit_ours(X[:1000], batch_size=batch_size)
        with timed_kernels() as inside:
            start = time.perf_counter()
            fit_ours(X, options.epochs, batch_size=batch_size)
            seconds = time.perf_counter() - start
        share = 1 - inside["seconds"] / seconds
        print(
            f"  batch {batch_size:<4} {share:>6.1%}   of {seconds:.2f} s (wanted: below {wanted})"
        )


@contextmanager
def timed_kernels():
    """Yield a dict whose "seconds" add up the compiled calls of this thread."""
    inside = {"seconds": 0.0}
    this_thread = threading.get_ident()

    def timed(kernel):
        def run(*arguments):
            start = time.perf_counter()
            try:
                return kernel(*arguments)
            finally:
                if threading.get_ident() == this_thread:
                    inside["seconds"] += time.perf_counter() - start

        return run

    replaced = []
    for module in [fused, gradient, couplings, machine, units]:
        for name, value in list(vars(module).items()):
            if isinstance(value, Dispatcher):
                replaced.append((module, name, value))
                setattr(module, name, timed(value))
    try:
        yield inside
    finally:
        for module, name, value in replaced:
            setattr(module, name, value)


def compare_paths(pixels, options):
    """Train ten epochs by sparse steps and by matrix products: the models must be as good."""
    X = grey_levels(pixels)
    held_out, X = X[-1000:], X[:-1000]
    print("\nPseudo-log-likelihood of 1000 rows held out, PCD-1, batch 100, 10 epochs, 3 seeds")
    choose = fused.is_faster
    try:
        for way, is_sparse in [("sparse steps", True), ("matrix products", False)]:
            fused.is_faster = lambda *_, is_sparse=is_sparse: is_sparse
            scores = [
                fit_ours(X, 10, batch_size=100, seed=seed).score(held_out) for seed in range(3)
            ]
            print(f"  {way:<16} {np.mean(scores):.2f}, from {min(scores):.2f} to {max(scores):.2f}")
    finally:
        fused.is_faster = choose


# Growth


def measure_scaling(pixels, options):
    """Double the rows and the units of either layer, one at a time."""
    X = grey_levels(pixels)
    for batch_size in (10, 100):
        print(f"\nGrowth of an epoch, PCD-1, batch {batch_size} (exponent 1 is linear)")
        print_growth("rows", rows_doubled(X, batch_size), options.repeats)
        few = X[: len(X) // 8]
        print_growth("visible", visible_doubled(few, batch_size), options.repeats)
        print_growth("hidden", hidden_doubled(few, batch_size), options.repeats)
    print_memory(X)


def rows_doubled(X, batch_size):
    return {
        n: partial(fit_ours, X[:n], batch_size=batch_size)
        for n in [len(X) // 8, len(X) // 4, len(X) // 2, len(X)]
    }


def visible_doubled(X, batch_size):
    # Pixels in random order: every part of them is as dense as the whole.
    n_pixels = X.shape[1]
    order = np.random.default_rng(0).permutation(n_pixels)
    pixels = np.concatenate([order, order])
    return {
        n: partial(fit_ours, X[:, pixels[:n]].copy(), batch_size=batch_size)
        for n in [n_pixels // 4, n_pixels // 2, n_pixels, 2 * n_pixels]
    }


def hidden_doubled(X, batch_size):
    return {
        n: partial(fit_ours, X, batch_size=batch_size, n_components=n)
        for n in [N_HIDDEN // 4, N_HIDDEN // 2, N_HIDDEN, 2 * N_HIDDEN]
    }


def print_growth(what, fits, n_repeats):
    contenders = [Contender(str(size), fit) for size, fit in fits.items()]
    seconds = [timing.seconds for timing in take_turns(contenders, n_repeats).values()]
    points = ", ".join(f"{size}: {s:.3f} s" for size, s in zip(fits, seconds, strict=True))
    exponent = growth_exponent(list(fits), seconds)
    print(f"  {what:<8} exponent {exponent:.2f}   {points}")


def print_memory(X):
    """Print what `fit` allocates beyond the rows, which are there before it starts."""
    model = fit_ours(X[:1000]).components_.nbytes
    print(f"\nMemory of a fit, batch 10; the weights are {model / MIB:.1f} MiB")
    print("     rows   rows MiB   peak of NumPy MiB   growth of the process MiB")
    for n in [len(X) // 8, len(X) // 4, len(X) // 2, len(X)]:
        before = process_peak()
        allocated = allocation_peak(partial(fit_ours, X[:n]))
        growth = process_peak() - before
        print(f"{n:>9}{X[:n].nbytes / MIB:>11.1f}{allocated / MIB:>20.1f}{growth / MIB:>28.1f}")


# Starting


def time_startup(pixels, options):
    """Import and compile in new processes."""
    empty, warm = compile_seconds()
    imported = import_seconds(options.repeats)
    print("\nStarting, in a new process")
    print(f"  compiled by the first fit, empty cache {empty:>7.2f} s (wanted: at most 10)")
    print(f"  the same, warm cache                   {warm:>7.2f} s (wanted: at most 1)")
    print(f"  import, after sklearn and numba        {imported:>7.2f} s (wanted: at most 0.5)")


OTHER_CASES = {
    "csr": compare_csr_training,
    "transform": compare_transform,
    "score": time_score,
    "overhead": measure_overhead,
    "paths": compare_paths,
    "scaling": measure_scaling,
    "startup": time_startup,
}

if __name__ == "__main__":
    main()
