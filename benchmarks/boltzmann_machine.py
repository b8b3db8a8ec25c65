"""The general Boltzmann machine: how fast its chains are, what it finds and what it learns.

    python benchmarks/boltzmann_machine.py
    python benchmarks/boltzmann_machine.py --cases sweeps

The cases:

- `sweeps`: sweeps over 1,000 chains of 1,000 units, unit by unit, beside a NumPy loop over chains
  and units, and beside one over units that draws all chains at once. The first is timed on a few
  chains and scaled up. Full couplings at three temperatures; and a square lattice.
- `ground`: states of least energy of 100 units, on 100 instances of each kind: share of the
  instances at the exact minimum, and seconds per instance. The minimum of a planar lattice is found
  by dynamic programming; elsewhere it is the lowest energy known, of long annealing and of
  parallel tempering.
- `encoders`: 4-2-4, 8-3-8 and 40-10-40 by the learning of 1985, both phases annealed, with noise
  on the clamped units: how many runs are solved, and after how many cycles. Wanted: as many as
  published, within the published numbers of cycles.
- `nltcs`: exact log-likelihood of a table of 16 binary columns, fully visible and with hidden
  units, parameters chosen on the rows for validation.
- `ising`: couplings of a glass of 16 spins found again from samples, by each way of learning.
- `lattice`: edges of a lattice of 64 spins found by L1.
- `speed`: 1000 units and 10,000 rows, beside a logistic regression for each unit.

"wanted" is what the project wants, for reading only.
"""

import argparse
import sys
import time

import numpy as np
from scipy.sparse import csr_array

from _boltzmann_learning import LEARNING_CASES
from _machine import print_machine
from _timing import Contender, take_turns
from skebm import simulated_annealing
from skebm.pairwise.machine import PairwiseMachine
from skebm.pairwise.path import PairwiseTempering

N_CHAINS, N_UNITS = 1000, 1000
# What the loops over NumPy arrays are timed on, to be scaled up.
FEW_CHAINS = 50
SIDE = 10


def main():
    options = parse_options()
    sys.stdout.reconfigure(line_buffering=True)
    print_machine()
    for name in options.cases:
        CASES[name](options)


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=3, help="turns of each timing")
    parser.add_argument("--instances", type=int, default=100, help="of `ground`, of each kind")
    parser.add_argument(
        "--tables", metavar="FILE", help="an .npz with the arrays nltcs_train, _valid and _test"
    )
    parser.add_argument("--runs", type=int, default=50, help="most runs of each encoder, and fits")
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of `ground`"
    )
    return parser.parse_args()


# Couplings -------------------------------------------------------------------


def glass(rng, n_units):
    """Normal couplings between all units, of a variance of 1 / n: they freeze at about 1."""
    W = np.triu(rng.normal(size=(n_units, n_units)) / np.sqrt(n_units), 1)
    return W + W.T


def lattice(rng, side, draw, periodic=False):
    """Couplings between neighbours in a square lattice."""
    numbers = np.arange(side**2).reshape(side, side)
    W = np.zeros((side**2, side**2))
    for axis in (0, 1):
        first, second = numbers, np.roll(numbers, -1, axis)
        if not periodic:
            first, second = (np.delete(a, -1, axis) for a in (first, second))
        W[first.ravel(), second.ravel()] = draw(first.size)
    return W + W.T


def cut_of_graph(rng, n_units):
    """Weights of which the least energy is the largest cut of a random graph, half of all edges."""
    edges = np.triu(rng.random((n_units, n_units)) < 0.5, 1).astype(float)
    return -(edges + edges.T)


# Sweeps ----------------------------------------------------------------------


def loop_over_chains(W, X, H, temperature, rng):
    """One sweep, chain by chain and unit by unit, with the fields kept up to date."""
    for x, h in zip(X, H, strict=True):
        u = rng.random(len(x))
        for i in range(len(x)):
            new = 1.0 if u[i] < 1 / (1 + np.exp(-2 * h[i] / temperature)) else -1.0
            if new != x[i]:
                x[i] = new
                h += 2 * new * W[i]


def loop_over_units(W, X, temperature, rng):
    """One sweep of all chains together, unit by unit."""
    for i in range(len(W)):
        h = X @ W[i]
        X[:, i] = np.where(rng.random(len(X)) < 1 / (1 + np.exp(-2 * h / temperature)), 1, -1)


def measure_sweeps(options):
    rng = np.random.default_rng(0)
    print(f"\nOne sweep of {N_CHAINS} chains of {N_UNITS} units, float32")
    print(f"  {'couplings':<10}{'T':>6}{'flips':>8}{'seconds':>10}", end="")
    print(f"{'loop over chains':>20}{'loop over units':>18}   wanted")
    for name, W in (("full", glass(rng, N_UNITS)), ("lattice", lattice_of_units(rng))):
        for temperature in (3.0, 1.0, 0.3):
            compare_sweeps(name, W.astype(np.float32), temperature, rng, options)


def lattice_of_units(rng):
    side = int(np.sqrt(N_UNITS))
    W = lattice(rng, side, lambda n: rng.choice([-0.5, 0.5], size=n), periodic=True)
    return csr_array(W)


def compare_sweeps(name, W, temperature, rng, options):
    n_sweeps = 50
    machine = PairwiseMachine(W, np.zeros(W.shape[0], dtype=np.float32))
    X = machine.random_states(N_CHAINS, (0, 0, 0))
    machine.run(X, np.full(20, temperature), (0, 1))
    before = X.copy()
    machine.run(X, np.full(1, temperature), (0, 50))
    flips = np.mean(before != X)
    dense = W.toarray() if hasattr(W, "toarray") else W
    few, many = X[:FEW_CHAINS].copy(), X.copy()
    fields = few @ dense

    contenders = [
        Contender(
            "skebm", lambda: machine.run(X, np.full(n_sweeps, temperature), (0, 99)), n_sweeps
        ),
        Contender(
            "chains",
            lambda: loop_over_chains(dense, few, fields, temperature, rng),
            FEW_CHAINS / N_CHAINS,
        ),
        Contender("units", lambda: loop_over_units(dense, many, temperature, rng)),
    ]
    seconds = {name: t.seconds for name, t in take_turns(contenders, options.repeats).items()}
    ours = seconds["skebm"]
    print(f"  {name:<10}{temperature:>6.1f}{flips:>8.1%}{ours:>10.4f}", end="")
    print(f"{seconds['chains'] / ours:>14.0f} times{seconds['units'] / ours:>12.0f} times", end="")
    print("   100 times a loop" if name == "full" else "")


# Ground states ---------------------------------------------------------------


def least_energy_of_lattice(W, side):
    """Minimum of -1/2 x W x over a lattice without a wrap, by dynamic programming.

    Units are added row by row. What is kept is the least energy for each state of the last ``side``
    of them, of which bit c belongs to column c.
    """
    numbers = np.arange(2**side)
    states = ((numbers[:, None] >> np.arange(side)) & 1) * 2.0 - 1
    least = np.zeros(2**side)
    for i in range(side**2):
        row, column = divmod(i, side)
        above, left = states[:, column], states[:, column - 1]
        field = np.zeros(2**side)
        if row > 0:
            field += W[i, i - side] * above
        if column > 0:
            field += W[i, i - 1] * left
        # Both states of the unit above lead to the same ones from here on.
        bit = 1 << column
        with_up = least - field
        with_down = least + field
        up = np.minimum(with_up, with_up[numbers ^ bit])
        down = np.minimum(with_down, with_down[numbers ^ bit])
        least = np.where(numbers & bit, up, down)
    return least.min()


def least_energy_known(W, seed):
    """The lowest energy of long annealing and of parallel tempering."""
    annealed = simulated_annealing(W, n_sweeps=3000, n_restarts=64, random_state=1000 + seed)
    machine = PairwiseMachine(W, np.zeros(len(W)))
    ladder = PairwiseTempering(np.zeros(len(W)), np.linspace(0, 1, 24))
    scale = np.sqrt(np.square(W).sum(axis=1)).mean()
    cold = PairwiseMachine(W / scale / 0.15, np.zeros(len(W)))
    X = cold.random_states(24 * 16, (seed, 0, 0)).reshape(24, 16, -1)
    lowest = annealed.energy
    for part in range(8):
        ladder.run(cold, X, 100, (seed, 1 + part * 100 * ladder.n_streams))
        lowest = min(lowest, descended(machine, X.reshape(-1, len(W))).min())
    return lowest


def descended(machine, X):
    """Energies of states led downhill, unit by unit."""
    result = simulated_annealing(
        machine.weights, init=X, n_restarts=len(X), n_sweeps=1, temperatures=(1e-9, 1e-9)
    )
    return result.energies


def normal(rng):
    return lattice(rng, SIDE, lambda n: rng.normal(size=n))


def signs(rng):
    return lattice(rng, SIDE, lambda n: rng.choice([-1.0, 1.0], size=n))


KINDS = {
    "lattice, normal": (normal, True),
    "lattice, -1 and 1": (signs, True),
    "all pairs, normal": (lambda rng: glass(rng, SIDE**2), False),
    "largest cut": (lambda rng: cut_of_graph(rng, SIDE**2), False),
}
EFFORTS = {
    "quenched": {"n_sweeps": 1},
    "defaults": {},
    "5,000 sweeps, 200": {"n_sweeps": 5000, "n_restarts": 200},
}


def measure_ground(options):
    n = options.instances
    print(f"\nStates of least energy, {SIDE**2} units, {n} instances of each kind")
    print(f"  {'couplings':<20}{'annealing':<20}{'instances':>10}{'restarts':>10}", end="")
    print(f"{'seconds':>9}   wanted")
    for kind in options.kinds:
        make, is_planar = KINDS[kind]
        rng = np.random.default_rng(0)
        instances = [make(rng) for _ in range(n)]
        found, seconds = {}, {}
        simulated_annealing(instances[0], n_sweeps=1)
        for effort, how in EFFORTS.items():
            start = time.perf_counter()
            results = [
                simulated_annealing(W, random_state=seed, **how) for seed, W in enumerate(instances)
            ]
            seconds[effort] = (time.perf_counter() - start) / n
            found[effort] = [result.energies for result in results]
        if is_planar:
            least = [least_energy_of_lattice(W, SIDE) for W in instances]
        else:
            known = [least_energy_known(W, seed) for seed, W in enumerate(instances)]
            least = np.min([known, *([e[0] for e in all_] for all_ in found.values())], axis=0)
        for effort, energies in found.items():
            at_least = [e <= m + 1e-9 * abs(m) for e, m in zip(energies, least, strict=True)]
            instances_at, restarts_at = (
                np.mean([a.any() for a in at_least]),
                np.mean([a.mean() for a in at_least]),
            )
            goal = "95 of 100" if effort == list(EFFORTS)[-1] else ""
            print(f"  {kind:<20}{effort:<20}{instances_at:>10.0%}{restarts_at:>10.1%}", end="")
            print(f"{seconds[effort]:>9.3f}   {goal}".rstrip())


CASES = {"sweeps": measure_sweeps, "ground": measure_ground} | LEARNING_CASES


if __name__ == "__main__":
    main()
