"""Cases of ``boltzmann_machine.py`` that are about learning; that file describes them."""

import itertools
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skebm import BoltzmannMachine
from skebm._random import RandomStreams
from skebm.pairwise.machine import PairwiseMachine

# Encoders -----------------------------------------------------------------------

# Noise of the clamped units in [1]: how often one that is on is off; as many others are on instead.
#
# [1] D. H. Ackley, G. E. Hinton and T. J. Sejnowski, "A learning algorithm for Boltzmann machines",
#     Cognitive Science 9, 1985.
NOISE = 0.15
# units at each end, hidden ones, runs, most cycles, steps, wanted
ENCODERS = (
    (4, 2, 50, 1810, 0.05, "50"),
    (8, 3, 20, 4000, 0.03, "18"),
    (40, 10, 5, 800, 0.05, "5"),
)
# Share of completions that were right in [1], 40-10-40.
SOLVED = 0.986


def encoders(options):
    """Run the encoders until they are solved, or for as many cycles as there are."""
    print("\nencoders: a cycle is one step, after both phases have seen each pattern twice")
    print(f"  {'':<12}{'runs':>6}{'solved':>8}{'wanted':>8}{'cycles: median, most':>24}{'s':>8}")
    for n_ends, n_hidden, n_runs, most, rate, wanted in ENCODERS:
        n_runs = min(n_runs, options.runs)
        start = time.perf_counter()
        cycles = [encoder(n_ends, n_hidden, most, rate, seed) for seed in range(n_runs)]
        solved = [c for c in cycles if c is not None]
        name = f"{n_ends}-{n_hidden}-{n_ends}"
        spread = f"{np.median(solved):.0f}, {max(solved)}" if solved else "none"
        seconds = time.perf_counter() - start
        print(f"  {name:<12}{n_runs:>6}{len(solved):>8}{wanted:>8}{spread:>24}{seconds:>8.0f}")


def encoder(n_ends, n_hidden, most, rate, seed):
    """Number of cycles after which a network is solved; None if it is not after so many."""
    n_units = 2 * n_ends + n_hidden
    connected = ~np.eye(n_units, dtype=bool)
    one, other = slice(0, n_ends), slice(n_ends, 2 * n_ends)
    connected[one, other] = connected[other, one] = False
    patterns = np.tile(np.eye(n_ends), (2, 2))
    machine = BoltzmannMachine(
        n_hidden,
        connected,
        algorithm="annealing",
        n_gibbs_steps=10,
        learning_rate=rate,
        solver="rmsprop",
        alpha=0.0,
        batch_size=len(patterns),
        random_state=seed,
    )
    rng = np.random.default_rng(seed)
    for cycle in range(1, most + 1):
        uniform = rng.random(patterns.shape)
        noisy = np.where(patterns > 0, uniform >= NOISE, uniform < NOISE / (n_ends - 1))
        machine.partial_fit(noisy.astype(np.float64))
        if cycle % 10 == 0 and is_solved(machine, n_ends, seed):
            return cycle
    return None


def is_solved(machine, n_ends, seed):
    """Whether one end, clamped, brings about the right pattern at the other.

    Of few units, whether that is more likely than any other state there; of many, whether at least
    so many of 20 slow annealings from each pattern end there.
    """
    pattern = np.eye(n_ends)
    if len(machine.weights_) <= 20:
        rows = np.array(list(itertools.product(pattern, all_bits(n_ends)))).reshape(-1, 2 * n_ends)
        best = machine.free_energy(rows).reshape(n_ends, -1).min(axis=1)
        return bool((machine.free_energy(np.hstack([pattern, pattern])) <= best + 1e-9).all())
    ends = []
    for row in pattern:
        found = machine.anneal(
            100,
            20,
            temperatures=(4.0, 1.0),
            init=np.r_[row, 0 * row],
            clamp=np.arange(2 * n_ends) < n_ends,
            random_state=seed,
        )
        ends.append((found.states[:, n_ends : 2 * n_ends] == row).all(axis=1))
    return np.mean(ends) >= SOLVED


def all_bits(n_units):
    return (np.arange(2**n_units)[:, None] >> np.arange(n_units)) & 1


# A table of answers --------------------------------------------------------------


def nltcs(options):
    """Exact log-likelihoods of the 16 columns of NLTCS."""
    if options.tables is None:
        print("\nnltcs: left out, as --tables does not say where the table is")
        return
    with np.load(options.tables) as archive:
        train, valid, test = (archive[f"nltcs_{part}"] for part in ("train", "valid", "test"))
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("\nnltcs: exact log-likelihood, nats per row; parameters by the rows for validation")
    candidates = {
        "fully visible": [(0, alpha, 0) for alpha in (0.0, 1e-4, 1e-3, 1e-2)],
        "with hidden units": [
            (n_hidden, alpha, seed)
            for n_hidden, alpha in ((4, 3e-4), (4, 1e-3), (5, 1e-3), (6, 1e-3))
            for seed in range(min(options.runs, 8))
        ],
    }
    for name, settings in candidates.items():
        found = []
        start = time.perf_counter()
        for n_hidden, alpha, seed in settings:
            machine = BoltzmannMachine(n_hidden, algorithm="exact", alpha=alpha, max_iter=400)
            machine.set_params(random_state=seed).fit(train)
            log_z = machine.log_partition("exact")
            score = machine.log_likelihood(valid, log_z).mean()
            found.append((score, n_hidden, alpha, machine.log_likelihood(test, log_z).mean()))
        score, n_hidden, alpha, of_test = max(found)
        print(
            f"  {name}: test {of_test:.4f}, validation {score:.4f}, {n_hidden} hidden units, "
            f"alpha={alpha:g}; {len(found)} fits in {time.perf_counter() - start:.0f} s"
        )
    default = BoltzmannMachine().fit(train)
    print(f"  BoltzmannMachine() as it comes: test {default.log_likelihood(test).mean():.4f}")
    print("  wanted: -6.02; aim with hidden units: -5.99")


# Spin glasses ---------------------------------------------------------------------


def ising(options):
    """Errors of couplings of a glass of 16 spins from samples, for each way of learning."""
    ways = "exact", "pseudo_likelihood", "tap", "mean_field", "pcd"
    print("\nising: relative error of couplings of 16 spins, 10,000 samples, mean of 5 glasses")
    print("  beta  " + "".join(f"{name:>19}" for name in (*ways, "by hand")))
    for beta in (0.2, 0.4, 0.6, 0.8, 1.0, 1.2):
        errors = np.zeros((5, len(ways) + 1))
        for seed in range(5):
            J, h = glass(seed, 16, beta)
            X = PairwiseMachine(J, h).exact_samples(10_000, RandomStreams(seed))
            for k, way in enumerate(ways):
                fitted = BoltzmannMachine(algorithm=way, alpha=0, random_state=0).fit(X)
                errors[seed, k] = relative_error(fitted.weights_, J)
            errors[seed, -1] = relative_error(-np.linalg.inv(np.cov(X.T)), J)
        print(f"  {beta:<6}" + "".join(f"{error:>19.4f}" for error in errors.mean(axis=0)))


def glass(seed, n_spins, beta):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n_spins, n_spins)), 1) * beta / np.sqrt(n_spins)
    return J + J.T, 0.2 * beta * rng.normal(size=n_spins)


def relative_error(found, J):
    pairs = np.triu_indices(len(J), 1)
    return np.linalg.norm(found[pairs] - J[pairs]) / np.linalg.norm(J[pairs])


SIDE = 8


def lattice(options):
    """Which of the 112 edges of a square lattice of 64 spins are found."""
    print(
        "\nlattice: 8 x 8 spins, 112 edges, beta = 0.6, 5,000 exact samples; alpha by three folds"
    )
    print("  of the samples, then weights below the largest gap between their sizes are left out")
    print(f"  {'':<22}{'alpha':>8}{'by L1: missed, false':>24}{'with the gap':>16}{'s':>7}")
    for kind, seed in itertools.product(("ferromagnet", "glass"), range(3)):
        rng = np.random.default_rng(seed)
        J = couplings_of_lattice(rng, kind, 0.6)
        X, start = samples_of_lattice(J, 5000, rng), time.perf_counter()
        machine = BoltzmannMachine(algorithm="pseudo_likelihood", l1_ratio=1.0)
        search = GridSearchCV(machine, {"alpha": [0.003, 0.01, 0.02, 0.03, 0.05, 0.1]}, cv=3)
        sizes = np.abs(np.triu(search.fit(X).best_estimator_.weights_, 1))
        ordered = np.sort(sizes[sizes > 0])
        cut = ordered[np.argmax(np.diff(ordered)) + 1]
        truth = np.triu(J, 1) != 0
        missed, false, missed_then, false_then = (
            np.count_nonzero(wrong)
            for edges in (sizes > 0, sizes >= cut)
            for wrong in (truth & ~edges, edges & ~truth)
        )
        print(
            f"  {kind + ' ' + str(seed):<22}{search.best_params_['alpha']:>8g}"
            f"{f'{missed}, {false}':>24}{f'{missed_then}, {false_then}':>16}"
            f"{time.perf_counter() - start:>7.0f}"
        )
    print("  wanted: 0, 0")


def couplings_of_lattice(rng, kind, beta):
    number = np.arange(SIDE**2).reshape(SIDE, SIDE)
    first = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    second = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    signs = np.ones(len(first)) if kind == "ferromagnet" else rng.choice([-1, 1], len(first))
    J = np.zeros((SIDE**2, SIDE**2))
    J[first, second] = J[second, first] = beta * signs
    return J


def samples_of_lattice(J, n_samples, rng):
    """Independent samples, row of spins by row of spins, by transfer matrices."""
    states = 2.0 * all_bits(SIDE) - 1
    rows = np.arange(SIDE**2).reshape(SIDE, SIDE)
    inside = [np.einsum("si,ij,sj->s", states, J[np.ix_(r, r)], states) / 2 for r in rows]
    between = [states @ J[np.ix_(a, b)] @ states.T for a, b in itertools.pairwise(rows)]
    forward = [inside[0]]
    for k in range(SIDE - 1):
        forward.append(np.logaddexp.reduce(forward[-1][:, None] + between[k]) + inside[k + 1])
    drawn = [rng.choice(len(states), n_samples, p=normed(forward[-1]))]
    for k in range(SIDE - 2, -1, -1):
        cumulative = np.cumsum(normed(forward[k][:, None] + between[k]), axis=0)
        below = cumulative[:, drawn[-1]] < rng.random(n_samples)
        drawn.append(np.minimum(below.sum(axis=0), len(states) - 1))
    return np.hstack([states[numbers] for numbers in drawn[::-1]])


def normed(log_masses):
    return np.exp(log_masses - np.logaddexp.reduce(log_masses))


# Speed ---------------------------------------------------------------------------


def speed(options):
    """Seconds of pseudo-likelihood beside those of a logistic regression for each unit."""
    n_rows, n_units, n_timed = 10_000, 1000, 6
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(n_rows, 20)) @ rng.normal(scale=0.25, size=(20, n_units))
    noise = rng.normal(size=(n_rows, n_units)) - rng.normal(scale=0.7, size=n_units)
    X = np.where(factors + noise > 0, 1.0, -1.0)
    print(f"\nspeed: pseudo-likelihood of {n_rows} rows of {n_units} units")
    for dtype in (np.float32, np.float64):
        rows = X.astype(dtype)
        BoltzmannMachine(algorithm="pseudo_likelihood", max_iter=1).fit(rows[:200])
        start = time.perf_counter()
        machine = BoltzmannMachine(algorithm="pseudo_likelihood").fit(rows)
        ours = time.perf_counter() - start
        start = time.perf_counter()
        for unit in range(n_timed):
            # What the penalty of both regressions on the weight of a pair adds up to.
            strength = 1 / (machine.alpha_ * n_rows / 8)
            regression = LogisticRegression(C=strength, max_iter=1000)
            regression.fit(np.delete(rows, unit, axis=1), rows[:, unit])
        theirs = (time.perf_counter() - start) * n_units / n_timed
        print(
            f"  {np.dtype(dtype).name}: {ours:.1f} s in {machine.n_iter_} iterations; "
            f"LogisticRegression {theirs:.0f} s, from {n_timed} units: {theirs / ours:.0f} times"
        )
    print("  wanted: 10 times")


LEARNING_CASES = {
    "encoders": encoders,
    "nltcs": nltcs,
    "ising": ising,
    "lattice": lattice,
    "speed": speed,
}
