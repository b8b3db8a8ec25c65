"""How states change: one network for weights, one for dense and one for softmax memories.

Rows are worked on in blocks by as many threads as there are; what becomes of a row depends on its
number where it draws random numbers, and never on the rows beside it.
"""

import math
from dataclasses import dataclass

import numpy as np

from .._helpers import stop_if_abandoned
from .._schedules import DECAYS
from .._source import for_each_chunk
from ..kernels import hopfield
from ..kernels.products import multiply

# A sum of n terms is wrong by a few units in the last place of the largest sum. Fields that are
# smaller than this many of them count as zero, so that rounding never flips a unit.
_ROUNDING_UNITS = 16
# Rows at a time: enough for BLAS, and the states and the fields of a block stay in the cache.
_ROWS = 128
# A dense memory works on overlaps with thousands of patterns, and without BLAS.
_DENSE_ROWS = 8
# Python can be interrupted between two calls of a kernel: a call is kept to about a tenth of a
# second by the numbers that it visits: weights, energies that are noted, and what a unit costs that
# does not flip. A dense memory takes its time over each.
_VISITS_PER_CALL = 5e7
_VISITS_OF_A_UNIT = 50
_VISITS_OF_DENSE = 15
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
    def n_cold(self):
        """Most steps at temperature zero; with none, recall still says whether a row is stable."""
        return self.max_iter if self.settles else 0

    @property
    def n_steps(self):
        """Most steps of a row, stochastic or not."""
        return len(self.temperatures) + self.n_cold

    def address_of(self, row, sweep=0):
        """Where the random numbers of the rows and sweeps from these on begin."""
        seed, stream = self.address
        return seed, stream + sweep, row


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


def _of(free, block):
    return free if len(free) == 1 else free[block]


def _pieces(n_rows, n_sweeps, n_visited, n_orders):
    """Slices of rows and of sweeps, one after the other, for a call of a kernel each.

    Parameters
    ----------
    n_rows, n_sweeps : int
    n_visited : int
        Numbers that a sweep of one row visits.
    n_orders : int
        Pieces of the sweeps begin at multiples of this, where units are visited in the order that
        is the first.
    """
    n_at_once = max(1, int(_VISITS_PER_CALL / n_visited))
    n_rows_at_once = min(n_rows, n_at_once)
    n_sweeps_at_once = max(1, n_at_once // n_rows_at_once // n_orders) * n_orders
    for row in range(0, n_rows, n_rows_at_once):
        for sweep in range(0, n_sweeps, n_sweeps_at_once):
            stop_if_abandoned()
            yield (
                slice(row, min(row + n_rows_at_once, n_rows)),
                slice(sweep, min(sweep + n_sweeps_at_once, n_sweeps)),
            )


class Network:
    """What all networks share: rows are worked on block by block, in a few threads.

    A subclass has ``dtype``, ``_energies_of(x)`` and
    ``_recall_block(x, free, dynamics, outcome, block)``, where ``x`` are the rows in the slice
    ``block``, and ``free`` belongs to them.
    """

    _rows_at_a_time = _ROWS

    def energy(self, X):
        """Energy of each row."""
        out = np.empty(len(X), dtype=self.dtype)

        def evaluate(block):
            out[block] = self._energies_of(X[block])

        for_each_chunk(evaluate, len(X), _ROWS)
        return out

    def recall(self, X, free, dynamics, outcome):
        """Change the free units of each row, in place, as the dynamics have it."""

        def recall(block):
            self._recall_block(X[block], _of(free, block), dynamics, outcome, block)

        for_each_chunk(recall, len(X), self._rows_at_a_time)


class WeightNetwork(Network):
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

    def _energies_of(self, x):
        return self._energies(x, self._fields(x))

    def _recall_block(self, x, free, dynamics, outcome, block):
        W, b, orders, together = self._weights, self._bias, dynamics.orders, dynamics.together
        h = self._fields(x)
        outcome.start(block, lambda: self._energies(x, h))
        paths, n_steps, converged, cycled = outcome.part(block)
        n_hot = len(dynamics.temperatures)
        n_visited = self._weights.size + _VISITS_OF_A_UNIT * x.shape[1] + paths.shape[1]
        for rows, sweeps in _pieces(len(x), n_hot, n_visited, len(orders)):
            hot = dynamics.temperatures[sweeps]
            address = dynamics.address_of(block.start + rows.start, sweeps.start)
            states = x[rows], h[rows], paths[rows], sweeps.start
            hopfield.heat(W, b, orders, _of(free, rows), hot, address, together, *states)
        limits = dynamics.n_cold, self._rounding
        for rows, _ in _pieces(len(x), 1, n_visited, 1):
            states = x[rows], h[rows], paths[rows], n_hot
            part, may = (n_steps[rows], converged[rows]), _of(free, rows)
            if together:
                hopfield.settle_together(W, b, may, *limits, *states, *part, cycled[rows])
            else:
                hopfield.settle(W, b, orders, may, *limits, *states, *part)


class DenseNetwork(Network):
    """E(x) = -(N / n) sum_k (xi_k x / N)^n for patterns xi_k and states x of -1 and 1.

    With n = 2 this is Hebb's energy, but for a constant.
    """

    _rows_at_a_time = _DENSE_ROWS

    def __init__(self, patterns, order, dtype):
        self.dtype = np.dtype(dtype)
        self._power = order
        # One copy for the product of all overlaps, and one for a unit after the other.
        self._patterns = patterns.astype(self.dtype)
        self._columns = np.ascontiguousarray(patterns.T)
        n_units = patterns.shape[1]
        odd_terms = range(1, order + 1, 2)
        # The relative weights of the powers n - 1, n - 3, ... see kernels.hopfield.dense_field.
        # Whole numbers do not overflow, and their ratio is at most of the order of one.
        coefficients = [math.comb(order, k) / (order * n_units ** (k - 1)) for k in odd_terms]
        self._polynomial = (
            self.dtype.type(1 / n_units),
            np.array(coefficients, dtype=dtype),
            order % 2 == 0,
        )
        self._rounding = rounding_of(self.dtype)

    def _overlaps(self, X):
        out = np.empty((len(X), len(self._patterns)), dtype=self.dtype)
        return multiply(X, self._patterns.T, out)

    def _energies(self, S):
        out = np.empty(len(S), dtype=self.dtype)
        hopfield.dense_energies(S, self._polynomial[0], self._power, out)
        return out

    def _energies_of(self, x):
        return self._energies(self._overlaps(x))

    def _recall_block(self, x, free, dynamics, outcome, block):
        s = self._overlaps(x)
        outcome.start(block, lambda: self._energies(s))
        paths, n_steps, converged, cycled = outcome.part(block)
        network = self._columns, self._polynomial, self._power, dynamics.orders
        n_hot, together = len(dynamics.temperatures), dynamics.together
        n_visited = self._columns.size * _VISITS_OF_DENSE + paths.shape[1]
        for rows, sweeps in _pieces(len(x), n_hot, n_visited, len(dynamics.orders)):
            hot = dynamics.temperatures[sweeps]
            address = dynamics.address_of(block.start + rows.start, sweeps.start)
            states = x[rows], s[rows], paths[rows], sweeps.start
            hopfield.dense_heat(*network, _of(free, rows), hot, address, together, *states)
        limits = dynamics.n_cold, self._rounding, together
        for rows, _ in _pieces(len(x), 1, n_visited, 1):
            report = paths[rows], n_hot, n_steps[rows], converged[rows], cycled[rows]
            hopfield.dense_settle(*network, _of(free, rows), *limits, x[rows], s[rows], *report)


class SoftmaxNetwork(Network):
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

    def _energies_of(self, x):
        return self._weigh(x)[1]

    def nearest(self, X):
        """Number of the pattern that is most similar to each row."""
        out = np.empty(len(X), dtype=np.int64)

        def find(block):
            out[block] = self.similarities(X[block]).argmax(axis=1)

        for_each_chunk(find, len(X), _ROWS)
        return out

    def _recall_block(self, X, free, dynamics, outcome, block):
        paths, n_steps, converged, _ = outcome.part(block)
        max_iter = dynamics.n_cold
        active = np.arange(len(X))
        for step in range(max_iter + 1):
            stop_if_abandoned()
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
