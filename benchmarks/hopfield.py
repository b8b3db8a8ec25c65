"""What HopfieldMemory holds, and how fast.

    python benchmarks/hopfield.py --data mnist.npz --figure hopfield.png
    python benchmarks/hopfield.py --cases capacity speed

The cases:

- `capacity`: random patterns of 1000 units, ten draws. Share of the stored patterns that a start
  with 10 % of its units flipped comes back to, to within 2 %, against the load, for each rule.
- `retrieval`: the benchmark of Millidge et al., "Universal Hopfield networks", ICML 2022, on
  MNIST in [0, 1]: store N images, recall each from a noisy or masked copy in one step. A retrieval
  counts when the squared error is at most 60. Mean of five disjoint draws.
- `unlearning`: patterns that Hebb's rule cannot hold, against the number of dreams.
- `speed`: recall beside a NumPy loop and beside one matrix product; storing MNIST beside BLAS.
- `large`: a memory of 10,000 units in float32.

"wanted" is what the project wants, for reading only.
"""

import argparse
import sys
import time
import warnings
from functools import partial

import numpy as np
from scipy.linalg import get_blas_funcs
from sklearn.exceptions import ConvergenceWarning

from _data import add_data_option, grey_levels, load_mnist
from _machine import print_machine
from _memory import allocation_peak
from _timing import Contender, print_ratios, take_turns
from skebm import HopfieldMemory

N_UNITS = 1000
N_DRAWS = 10
FLIPPED = 0.1
# More queries make a dense memory of thousands of patterns slow, and the mean hardly better.
MOST_QUERIES = 200

CAPACITY = {
    "hebb": ({}, [0.06, 0.1, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.2]),
    "storkey": ({}, [0.14, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5]),
    "pseudo_inverse": ({}, [0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6]),
    "dreaming": ({"sleep_time": 10.0}, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
    "dense": ({"order": 3}, [1.0, 2.0, 5.0, 10.0, 15.0]),
}
WANTED_CAPACITY = {
    "hebb": "falls through 0.5 between 0.12 and 0.16",
    "storkey": "later than hebb",
    "pseudo_inverse": "holds to at least 0.4",
    "dreaming": "holds to at least 0.4",
    "dense": "thousands of patterns",
}

SIMILARITIES = ("dot", "euclidean", "manhattan")
N_IMAGES = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
NOISE = 0.5
NOISES = (0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0)
MASKS = (0.1, 0.3, 0.5, 0.7, 0.9)
N_NOISED, N_MASKED = 100, 50
LARGEST_ERROR = 60.0
N_IMAGE_DRAWS = 5
# Images are blended where beta is small, and the nearest counts alone where it is large.
BETA, BETAS = 0.3, (0.1, 0.3, 1.0, 10.0, 1000.0)

DREAMS = (0, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 10_000)
DREAMING_UNITS, DREAMING_LOADS, DREAMING_RATE, DREAMING_DRAWS = 500, (0.14, 0.2, 0.3), 0.01, 3


def main():
    options = parse_options()
    sys.stdout.reconfigure(line_buffering=True)
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "(?s).*more than the capacity", UserWarning)
    print_machine()
    curves = {name: CASES[name](options) for name in options.cases}
    if options.figure:
        save_figure(curves, options.figure)


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=5, help="turns of each timing")
    parser.add_argument("--figure", metavar="PATH", help="save the curves as a picture")
    return parser.parse_args()


def random_patterns(rng, n_patterns, n_units):
    return rng.choice(np.array([-1, 1], dtype=np.float32), size=(n_patterns, n_units))


def flipped(rng, X, share):
    return np.where(rng.random(X.shape) < share, -X, X)


# Capacity --------------------------------------------------------------------


def measure_capacity(options):
    print(f"\nShare recalled, {N_UNITS} units, {FLIPPED:.0%} flipped, mean of {N_DRAWS} draws")
    curves = {}
    for rule, (params, loads) in CAPACITY.items():
        start = time.perf_counter()
        shares = [mean_share_recalled(rule, params, load) for load in loads]
        seconds = time.perf_counter() - start
        print(f"  {rule}, wanted: {WANTED_CAPACITY[rule]} ({seconds:.0f} s)")
        print("    load " + "".join(f"{load:8.2f}" for load in loads))
        print("    share" + "".join(f"{share:8.3f}" for share in shares))
        curves[rule] = loads, shares
    print("    hebb falls through 0.5 at a load of " + f"{crossing(*curves['hebb']):.3f}")
    measure_softmax()
    return curves


def mean_share_recalled(rule, params, load):
    shares = []
    for draw in range(N_DRAWS):
        rng = np.random.default_rng(draw)
        X = random_patterns(rng, round(load * N_UNITS), N_UNITS)
        chosen = rng.permutation(len(X))[:MOST_QUERIES]
        memory = HopfieldMemory(rule, random_state=draw, match_tol=0.02, **params).fit(X)
        shares.append(memory.score(flipped(rng, X[chosen], FLIPPED), chosen))
    return np.mean(shares)


def crossing(loads, shares):
    """Load at which the share falls through one half, interpolated."""
    return np.interp(-0.5, -np.asarray(shares), loads)


def measure_softmax():
    rng = np.random.default_rng(0)
    X = random_patterns(rng, 10_000, N_UNITS)
    Q = flipped(rng, X, FLIPPED)
    recalled = HopfieldMemory("softmax", max_iter=1).fit(X).recall(Q)
    exact = np.mean(recalled.states == X)
    print(
        f"  softmax, wanted: holds 10,000 exactly in one step\n    10,000 patterns, one step, "
        f"beta 1: {exact:.6%} of the units exact, {recalled.converged.mean():.2%} of rows at rest"
    )


# Retrieval -------------------------------------------------------------------


def measure_retrieval(options):
    images = grey_levels(load_mnist(options.data)["X_train"])
    images = images[np.random.default_rng(0).permutation(len(images))]
    curves = {
        "images": retrieval_curve(
            f"N images, noise {NOISE}, beta {BETA} here and below",
            N_IMAGES,
            images,
            lambda n: (n, noise_of(NOISE), BETA),
        ),
        "noise": retrieval_curve(
            f"noise at N = {N_NOISED}",
            NOISES,
            images,
            lambda sigma: (N_NOISED, noise_of(sigma), BETA),
        ),
        "mask": retrieval_curve(
            f"masked share of the rows at N = {N_MASKED}",
            MASKS,
            images,
            lambda share: (N_MASKED, partial(masked, share=share), BETA),
        ),
        "beta": retrieval_curve(
            f"beta, at N = {N_IMAGES[-1]}, noise {NOISE}",
            BETAS,
            images,
            lambda beta: (N_IMAGES[-1], noise_of(NOISE), beta),
        ),
    }
    at_most = {name: curves["images"][name][-1] for name in SIMILARITIES}
    fine = at_most["manhattan"] >= at_most["euclidean"] >= at_most["dot"]
    print(f"  manhattan >= euclidean >= dot at N = {N_IMAGES[-1]}: {'yes' if fine else 'NO'}")
    return curves


def retrieval_curve(title, values, images, setting):
    print(f"\nShare of MNIST images retrieved in one step: {title}")
    print(" " * 12 + "".join(f"{value:8}" for value in values))
    curves = {}
    for similarity in SIMILARITIES:
        shares = [share_retrieved(similarity, images, *setting(value)) for value in values]
        print(f"  {similarity:<10}" + "".join(f"{share:8.4f}" for share in shares))
        curves[similarity] = shares
    return {"values": values, **curves}


def noise_of(sigma):
    return partial(noisy, sigma=sigma)


def share_retrieved(similarity, images, n_images, damage, beta):
    shares = []
    for draw in range(N_IMAGE_DRAWS):
        X = images[draw * n_images : (draw + 1) * n_images]
        memory = HopfieldMemory("softmax", similarity=similarity, beta=beta, max_iter=1).fit(X)
        recalled = memory.transform(damage(np.random.default_rng(draw), X))
        errors = np.square(recalled - X).sum(axis=1)
        shares.append(np.mean(errors <= LARGEST_ERROR))
    return np.mean(shares)


def noisy(rng, X, sigma):
    noise = rng.normal(scale=sigma, size=X.shape).astype(X.dtype)
    return np.clip(np.abs(X + noise), 0, 1)


def masked(rng, X, share):
    """Return images whose upper rows of pixels are dark."""
    Q = X.reshape(-1, 28, 28).copy()
    Q[:, : round(share * 28)] = 0
    return Q.reshape(X.shape)


# Unlearning ------------------------------------------------------------------


def measure_unlearning(options):
    print(
        f"\nUnlearning: share of wrong units after recall from {FLIPPED:.0%} flipped, "
        f"{DREAMING_UNITS} units, rate {DREAMING_RATE}, mean of {DREAMING_DRAWS} draws"
    )
    print("  dreams  " + "".join(f"{n:8}" for n in DREAMS))
    curves = {}
    for load in DREAMING_LOADS:
        errors = np.mean([errors_of_dreams(load, d) for d in range(DREAMING_DRAWS)], axis=0)
        print(f"  load {load:<5}" + "".join(f"{error:8.4f}" for error in errors))
        curves[load] = errors
    return curves


def errors_of_dreams(load, draw):
    rng = np.random.default_rng(draw)
    X = random_patterns(rng, round(load * DREAMING_UNITS), DREAMING_UNITS)
    Q = flipped(rng, X, FLIPPED)
    memory = HopfieldMemory(random_state=draw).fit(X)
    errors = []
    for more in np.diff(DREAMS, prepend=0):
        memory.unlearn(int(more), DREAMING_RATE)
        errors.append(np.mean(memory.transform(Q) != X))
    return errors


# Speed -----------------------------------------------------------------------


def measure_speed(options):
    recall_speed(options)
    storing_speed(options)


def recall_speed(options):
    rng = np.random.default_rng(0)
    X = random_patterns(rng, 100, N_UNITS)
    Q = flipped(rng, X[rng.integers(100, size=1000)], FLIPPED)
    memory = HopfieldMemory(random_state=0).fit(X)
    recalled = memory.recall(Q)
    n_sweeps = recalled.n_steps.max()
    weights, few = memory.weights_, Q[:20]
    product = np.empty_like(Q)
    timings = take_turns(
        [
            Contender("skebm", partial(memory.transform, Q)),
            Contender("NumPy loop", partial(numpy_recall, weights, few), len(few) / len(Q)),
            Contender("one matrix product", partial(np.matmul, Q, weights, out=product)),
        ],
        options.repeats,
    )
    wanted = {"NumPy loop": "50 or more", "one matrix product": f"1/{n_sweeps} or more"}
    print_ratios(
        f"Asynchronous recall of 1000 rows, {N_UNITS} units, load 0.1, to rest: "
        f"{recalled.n_steps.mean():.2f} sweeps a row, at most {n_sweeps}",
        timings,
        "skebm",
        wanted,
    )
    same = np.mean(numpy_recall(weights, few) == memory.transform(few))
    a_sweep = timings["skebm"].seconds / recalled.n_steps.mean()
    ratio = timings["one matrix product"].seconds / a_sweep
    print(f"  product / our sweep: {ratio:.2f}, wanted 1 or more; same units: {same:.4f}")


def numpy_recall(weights, X):
    """Recall row by row as it is written in textbooks."""
    X = X.copy()
    rng = np.random.default_rng(0)
    for x in X:
        changed = True
        while changed:
            changed = False
            for i in rng.permutation(len(x)):
                field = weights[i] @ x
                if field * x[i] < 0:
                    x[i] = -x[i]
                    changed = True
    return X


def storing_speed(options):
    images = load_mnist(options.data)["X_train"]
    X = np.where(images > 127, np.float32(1), np.float32(-1))
    memory = HopfieldMemory()
    (syrk,) = get_blas_funcs(("syrk",), (X,))
    timings = take_turns(
        [
            Contender("fit", partial(memory.fit, X)),
            # NumPy sees that the factors are one array and computes only half of the product.
            Contender("X.T @ X in NumPy", lambda: X.T @ X),
            Contender("syrk of SciPy", partial(syrk, 1.0, X.T)),
        ],
        options.repeats,
    )
    print_ratios(
        f"Storing {X.shape[0]} MNIST rows of {X.shape[1]} units by Hebb's rule, float32",
        timings,
        "fit",
        {"X.T @ X in NumPy": "1 or more: the speed of BLAS"},
    )


def measure_large(options):
    n_units = 10_000
    rng = np.random.default_rng(0)
    X = random_patterns(rng, 500, n_units)
    Q = flipped(rng, X[:100], FLIPPED)
    memory = HopfieldMemory(random_state=0)
    print(f"\n{n_units} units, 500 patterns, float32")
    for name, run in [
        ("fit", lambda: memory.fit(X)),
        ("partial_fit of one row", lambda: memory.partial_fit(X[:1])),
        ("forget one row", lambda: memory.forget(X[:1])),
        ("recall of 100 rows", lambda: memory.transform(Q)),
        ("unlearn, 3 dreams", lambda: memory.unlearn(3)),
    ]:
        start = time.perf_counter()
        run()
        print(f"  {name:<24}{time.perf_counter() - start:8.2f} s")
    weights = memory.weights_.nbytes / 2**20
    print(f"  weights {weights:.0f} MiB; recalled {memory.score(Q, np.arange(100)):.2f}")
    peak = allocation_peak(lambda: HopfieldMemory().fit(X).transform(Q)) / 2**20
    print(f"  most memory that fit and recall of another one hold: {peak:.0f} MiB")


CASES = {
    "capacity": measure_capacity,
    "retrieval": measure_retrieval,
    "unlearning": measure_unlearning,
    "speed": measure_speed,
    "large": measure_large,
}


# Figure ----------------------------------------------------------------------

# The palette of Okabe and Ito, which colour-blind readers can tell apart, and a marker for each.
LOOKS = list(zip(["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"], "os^Dv", strict=True))


def save_figure(curves, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = [(draw, curves[name]) for name in curves for draw in PANELS.get(name, [])]
    if not panels:
        print("\nNone of these cases has curves to draw.")
        return
    n_columns = min(3, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(5 * n_columns, 4 * n_rows), layout="constrained", squeeze=False
    )
    for axis, (draw, curve) in zip(axes.flat, panels, strict=False):
        draw(axis, curve)
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    figure.savefig(path, dpi=120)
    print(f"\nSaved {path}")


def draw_lines(axis, lines):
    """Draw (label, x, y) lines, each with its own colour and marker.

    Markers shrink from line to line, so that none hides the one below it.
    """
    for number, ((label, x, y), (color, marker)) in enumerate(zip(lines, LOOKS, strict=False)):
        axis.plot(x, y, color=color, marker=marker, markersize=9 - 1.5 * number, label=label)


def mark(axis, ticks, scale="log", **scaling):
    """Write the numbers themselves on a logarithmic axis, not powers of ten."""
    axis.set_xscale(scale, **scaling)
    axis.set(xticks=ticks, xticklabels=[f"{tick:g}" for tick in ticks])
    axis.minorticks_off()


def draw_capacity(axis, curves):
    draw_lines(axis, [(rule.replace("_", "-"), *curve) for rule, curve in curves.items()])
    mark(axis, (0.1, 0.2, 0.5, 1, 2, 5, 10))
    axis.set(
        title=f"Random patterns, {N_UNITS} units, {FLIPPED:.0%} flipped",
        xlabel="stored patterns per unit",
        ylabel="share of patterns recalled",
    )


def draw_unlearning(axis, curves):
    draw_lines(axis, [(f"{load} patterns per unit", DREAMS, y) for load, y in curves.items()])
    mark(axis, (0, 100, 300, 1000, 3000, 10_000), "symlog", linthresh=DREAMS[1])
    axis.set(
        title=f"Unlearning, Hebb's rule, {DREAMING_UNITS} units",
        xlabel="dreams",
        ylabel="share of wrong units after recall",
    )


def draw_retrieval(axis, curves, name, title, xlabel, ticks=None):
    curve = curves[name]
    draw_lines(
        axis, [(similarity, curve["values"], curve[similarity]) for similarity in SIMILARITIES]
    )
    axis.set(title=title, xlabel=xlabel, ylabel="share of images retrieved", ylim=(-0.03, 1.03))
    if ticks:
        mark(axis, ticks)


PANELS = {
    "capacity": [draw_capacity],
    "unlearning": [draw_unlearning],
    "retrieval": [
        partial(
            draw_retrieval,
            name="images",
            title=f"MNIST, noise {NOISE}, one step, beta {BETA}",
            xlabel="stored images",
            ticks=(2, 10, 50, 200, 1000),
        ),
        partial(
            draw_retrieval,
            name="noise",
            title=f"MNIST, {N_NOISED} images, beta {BETA}",
            xlabel="standard deviation of the noise",
        ),
        partial(
            draw_retrieval,
            name="mask",
            title=f"MNIST, {N_MASKED} images, beta {BETA}",
            xlabel="share of the rows of pixels that is dark",
        ),
        partial(
            draw_retrieval,
            name="beta",
            title=f"MNIST, {N_IMAGES[-1]} images, noise {NOISE}",
            xlabel="beta",
            ticks=BETAS,
        ),
    ],
}


if __name__ == "__main__":
    main()
