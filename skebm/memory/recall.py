"""How states change: one network for weights, one for dense and one for softmax memories.

A network has ``energy(X)`` and ``recall(X, free, dynamics, outcome)``, which changes ``X`` in
place. Rows are worked on in blocks by as many threads as there are; what becomes of a row depends
on its number where it draws random numbers, and never on the rows beside it.
"""

import math
from dataclasses import dataclass

import numpy as np

from .._schedules import DECAYS
from .._threads import for_each, one_blas_thread
from ..kernels import hopfield
from ..kernels.products import multiply

# A sum of n terms is wrong by a few units in the last place of the largest sum. Fields that are
# smaller than this many of them count as zero, so that rounding never flips a unit.
_ROUNDING_UNITS = 16
# Rows at a time: enough for BLAS, and the states and the fields of a block stay in the cache.
_ROWS = 128
# A dense memory works on overlaps with thousands of patterns, and without BLAS.
_DENSE_ROWS = 8
# Orders of the units that are drawn; longer recalls use them again.
_MOST_ORDERS = 16


@dataclass
class Dynamics:
    """How units change, whatever the network.

    Attributes
    ----------
    together : bool
        Whether all units see the states from before the step.
    max_iter : int
        Most steps at temperature zero.
    temperatures : ndarray of shape (n_sweeps,)
        One for each stochastic sweep; these come first.
    settles : bool
        Whether the stochastic sweeps are followed by steps at temperature zero.
    orders : ndarray of int of shape (n_orders, n_units)
        In which the units are visited.
    address : tuple of int
        Seed and first stream of the random numbers of the stochastic sweeps.
    """

    together: bool
    max_iter: int
    temperatures: np.ndarray
    settles: bool
    orders: np.ndarray
    address: tuple

    @property
    def n_steps(self):
        """Most steps of a row, stochastic or not."""
        return len(self.temperatures) + self.settles * self.max_iter


def temperatures(temperature, schedule, n_sweeps):
    """Temperature of each sweep; none at all if it is zero."""
    if temperature == 0:
        return np.empty(0)
    factor = DECAYS[schedule]
    return np.array([temperature * factor(sweep, n_sweeps) for sweep in range(n_sweeps)])


def random_orders(n_units, n_sweeps, together, generator):
    """Orders in which units are visited."""
    n_orders = 1 if together else min(n_sweeps, _MOST_ORDERS)
    in_turn = np.tile(np.arange(n_units), (n_orders, 1))
    return in_turn if together else generator.permuted(in_turn, axis=1)


def rounding_of(dtype):
    """Share of the largest field up to which a field counts as zero."""
    return float(_ROUNDING_UNITS * np.finfo(dtype).eps)


class Outcome:
    """What recall reports of each row.

    Attributes
    ----------
    n_steps : ndarray of int of shape (n_rows,)
    converged, cycled : ndarray of bool of shape (n_rows,)
    paths : ndarray of shape (n_rows, n_steps + 1), or (n_rows, 0) if nobody wants it
        Energies before the first step and after each.
    """

    def __init__(self, n_rows, n_columns, dtype):
        self.n_steps = np.zeros(n_rows, dtype=np.int64)
        self.converged = np.zeros(n_rows, dtype=bool)
        self.cycled = np.zeros(n_rows, dtype=bool)
        self.paths = np.empty((n_rows, n_columns), dtype=dtype)

    def part(self, block):
        """Views of the rows in ``block``."""
        return self.paths[block], self.n_steps[block], self.converged[block], self.cycled[block]

    def start(self, block, energies):
        """Note the energies before the first step, which stand until there are others."""
        if self.paths.shape[1]:
            self.paths[block] = energies()[:, None]


def _blocks(n_rows, size):
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def _of(free, block):
    return free if len(free) == 1 else free[block]


def _on_blocks(function, n_rows, size):
    with one_blas_thread():
        for_each(function, _blocks(n_rows, size))


class WeightNetwork:
    """E(x) = -1/2 x W x - b x for states x of -1 and 1."""

    def __init__(self, weights, bias):
        self._weights, self._bias = weights, bias
        self.dtype = weights.dtype
        self._rounding = rounding_of(self.dtype)

    def _fields(self, X):
        H = multiply(X, self._weights, np.empty_like(X))
        hopfield.add_bias(H, self._bias)
        return H

    def _energies(self, X, H):
        out = np.empty(len(X), dtype=self.dtype)
        hopfield.energies(X, H, self._bias, out)
        return out

    def energy(self, X):
        """Energy of each row."""
        out = np.empty(len(X), dtype=self.dtype)

        def evaluate(block):
            out[block] = self._energies(X[block], self._fields(X[block]))

        _on_blocks(evaluate, len(X), _ROWS)
        return out

    def recall(self, X, free, dynamics, outcome):
        """Let the free units of each row follow their fields."""

        def recall(block):
            x = X[block]
            h = self._fields(x)
            outcome.start(block, lambda: self._energies(x, h))
            self._recall(x, h, _of(free, block), dynamics, outcome.part(block), block.start)

        _on_blocks(recall, len(X), _ROWS)

    def _recall(self, x, h, free, dynamics, report, first_row):
        W, b = self._weights, self._bias
        paths, n_steps, converged, cycled = report
        n_sweeps = len(dynamics.temperatures)
        if n_sweeps:
            hopfield.heat(
                W,
                b,
                dynamics.orders,
                free,
                dynamics.temperatures,
                (*dynamics.address, first_row),
                dynamics.together,
                x,
                h,
                paths,
            )
        # Without a step to go, this says whether the row happens to be stable.
        limits = dynamics.max_iter if dynamics.settles else 0, self._rounding
        if dynamics.together:
            hopfield.settle_together(
                W, b, free, *limits, x, h, paths, n_sweeps, n_steps, converged, cycled
            )
        else:
            hopfield.settle(
                W, b, dynamics.orders, free, *limits, x, h, paths, n_sweeps, n_steps, converged
            )
        n_steps += n_sweeps


class DenseNetwork:
    """E(x) = -(N / n) sum_k (xi_k x / N)^n for patterns xi_k and states x of -1 and 1.

    With n = 2 this is Hebb's energy, but for a constant.
    """

    def __init__(self, patterns, order, dtype):
        self._patterns, self._power = patterns, order
        self.dtype = np.dtype(dtype)
        n_units = patterns.shape[1]
        odd_terms = range(1, order + 1, 2)
        # The relative weights of the powers n - 1, n - 3, ... see kernels.hopfield.dense_field.
        coefficients = [math.comb(order, k) / order * n_units ** (1.0 - k) for k in odd_terms]
        self._polynomial = (
            self.dtype.type(1 / n_units),
            np.array(coefficients, dtype=dtype),
            order % 2 == 0,
        )
        self._rounding = rounding_of(self.dtype)

    def _overlaps(self, X, patterns):
        return multiply(X, patterns.T, np.empty((len(X), len(patterns)), dtype=self.dtype))

    def _energies(self, S):
        out = np.empty(len(S), dtype=self.dtype)
        hopfield.dense_energies(S, self._polynomial[0], self._power, out)
        return out

    def energy(self, X):
        """Energy of each row."""
        patterns = self._patterns.astype(self.dtype)
        out = np.empty(len(X), dtype=self.dtype)

        def evaluate(block):
            out[block] = self._energies(self._overlaps(X[block], patterns))

        _on_blocks(evaluate, len(X), _ROWS)
        return out

    def recall(self, X, free, dynamics, outcome):
        """Let each free unit of each row take the state of lower energy."""
        patterns = self._patterns.astype(self.dtype)
        columns = np.ascontiguousarray(self._patterns.T)

        def recall(block):
            x = X[block]
            s = self._overlaps(x, patterns)
            outcome.start(block, lambda: self._energies(s))
            self._recall(columns, x, s, _of(free, block), dynamics, outcome.part(block), block)

        _on_blocks(recall, len(X), _DENSE_ROWS)

    def _recall(self, columns, x, s, free, dynamics, report, block):
        paths, n_steps, converged, cycled = report
        network = columns, self._polynomial, self._power, dynamics.orders, free
        n_sweeps = len(dynamics.temperatures)
        if n_sweeps:
            address = *dynamics.address, block.start
            hopfield.dense_heat(
                *network, dynamics.temperatures, address, dynamics.together, x, s, paths
            )
        hopfield.dense_settle(
            *network,
            dynamics.max_iter if dynamics.settles else 0,
            self._rounding,
            dynamics.together,
            x,
            s,
            paths,
            n_sweeps,
            n_steps,
            converged,
            cycled,
        )
        n_steps += n_sweeps


class SoftmaxNetwork:
    """x <- sum_k p_k xi_k, with p the softmax of beta times the similarities of x and each xi_k.

    Parameters
    ----------
    patterns : ndarray of shape (n_patterns, n_units)
    beta : float
        Inverse temperature.
    similarity : {"dot", "euclidean", "manhattan"}
        xi x; -1/2 |xi - x|^2; or -|xi - x|_1. With the first two, a step never raises the energy
        E = -log(sum_k exp(beta s_k)) / beta, plus 1/2 |x|^2 for "dot".
    tol : float
        Largest change of a unit that still counts as none.
    """

    def __init__(self, patterns, beta, similarity, tol):
        self._patterns, self._similarity, self._tol = patterns, similarity, tol
        self.dtype = patterns.dtype
        self._beta = self.dtype.type(beta)
        self._half_squares = np.square(patterns).sum(axis=1) / 2

    def similarities(self, X):
        """Similarity of each row and each pattern."""
        out = np.empty((len(X), len(self._patterns)), dtype=self.dtype)
        if self._similarity == "manhattan":
            hopfield.manhattan(X, self._patterns, out)
            return out
        multiply(X, self._patterns.T, out)
        if self._similarity == "euclidean":
            out -= self._half_squares
            out -= np.square(X).sum(axis=1, keepdims=True) / 2
        return out

    def _weigh(self, X):
        """Softmax of the similarities, and the energies."""
        S = self.similarities(X)
        log_sums = np.empty(len(X), dtype=self.dtype)
        hopfield.softmax(S, self._beta, log_sums)
        squares = np.square(X).sum(axis=1) / 2 if self._similarity == "dot" else 0
        return S, squares - log_sums

    def energy(self, X):
        """Energy of each row."""
        out = np.empty(len(X), dtype=self.dtype)

        def evaluate(block):
            out[block] = self._weigh(X[block])[1]

        _on_blocks(evaluate, len(X), _ROWS)
        return out

    def nearest(self, X):
        """Number of the pattern that is most similar to each row."""
        out = np.empty(len(X), dtype=np.int64)

        def find(block):
            out[block] = self.similarities(X[block]).argmax(axis=1)

        _on_blocks(find, len(X), _ROWS)
        return out

    def recall(self, X, free, dynamics, outcome):
        """Move the free units of each row until none moves any more."""

        def recall(block):
            self._recall(X[block], _of(free, block), dynamics.max_iter, outcome.part(block))

        _on_blocks(recall, len(X), _ROWS)

    def _recall(self, X, free, max_iter, report):
        paths, n_steps, converged, _ = report
        active = np.arange(len(X))
        for step in range(max_iter + 1):
            x = X[active]
            weights, energies = self._weigh(x)
            if paths.shape[1]:
                paths[active, step:] = energies[:, None]
            new = multiply(weights, self._patterns, np.empty_like(x))
            change = np.empty(len(x), dtype=self.dtype)
            hopfield.step_to(new, _of(free, active), x, change)
            moves = change > self._tol
            converged[active] = ~moves
            n_steps[active] = step
            active, x = active[moves], x[moves]
            if step == max_iter or len(active) == 0:
                break
            X[active] = x
