"""Networks of units that are -1 or 1: their states change in blocks of rows, on a few threads.

What becomes of a row depends on its number where it draws random numbers, and never on the rows
beside it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from ._helpers import stop_if_abandoned
from ._schedules import DECAYS
from ._source import for_each_chunk
from .kernels import spins
from .kernels.lanes import heat_side_by_side
from .kernels.products import multiply
from .kernels.sparse import CsrData

# A sum of n terms is wrong by a few units in the last place of the largest sum. Fields that are
# smaller than this many of them count as zero, so that rounding never flips a unit.
_ROUNDING_UNITS = 16
# Rows at a time: enough for BLAS, and the states and the fields of a block stay in the cache.
ROWS = 128
# Python can be interrupted between two calls of a kernel: a call is kept to about a tenth of a
# second by the numbers that it visits: weights, energies that are noted, and what a unit costs that
# does not flip.
_VISITS_PER_CALL = 5e7
_VISITS_OF_A_UNIT = 50
# Chains that are drawn at once where they are side by side, at least.
_LANES = 16
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


def rows_of(array, block):
    """The rows of a block; the only one, where it is that of all rows."""
    return array if len(array) == 1 else array[block]


def pieces(n_rows, n_sweeps, n_visited, n_orders):
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

    A subclass has ``dtype``, ``_energies_of(x, block)`` and
    ``_recall_block(x, free, dynamics, outcome, block)``, where ``x`` are the rows in the slice
    ``block``, and ``free`` belongs to them.
    """

    def _rows_at_a_time(self, n_rows):
        """Rows of a block, where there are so many."""
        return ROWS

    def energy(self, X):
        """Energy of each row, float64."""
        out = np.empty(len(X))

        def evaluate(block):
            out[block] = self._energies_of(X[block], block)

        for_each_chunk(evaluate, len(X), ROWS)
        return out

    def recall(self, X, free, dynamics, outcome):
        """Change the free units of each row, in place, as the dynamics have it."""

        def recall(block):
            self._recall_block(X[block], rows_of(free, block), dynamics, outcome, block)

        for_each_chunk(recall, len(X), self._rows_at_a_time(len(X)))


class OneByOne:
    """Chains of which one unit after the other is drawn, and every field kept up to date.

    A flip costs the couplings of the unit, and a unit that does not flip next to nothing.

    Parameters
    ----------
    weights : ndarray or CSR array
    couplings : ndarray or CsrData
        The weights as kernels take them.
    """

    def __init__(self, weights, couplings):
        self._weights, self._couplings = weights, couplings
        self.n_visits = weights.size + _VISITS_OF_A_UNIT * weights.shape[0]

    def begin(self, x, bias, with_energies=True):
        """What is kept up to date beside the states of some rows: their fields."""
        h = np.empty_like(x)
        if issparse(self._weights):
            spins.sparse_fields(self._couplings, x, bias, h)
        else:
            multiply(x, self._weights, h)
            spins.add_bias(h, bias)
        return h

    def sweep(self, x, h, bias, base, orders, free, temperatures, address, paths, done, together):
        """Sweeps at some temperatures, in place; returns how many units flip.

        Parameters: see :func:`~skebm.kernels.spins.heat`.
        """
        how = bias, base, orders, free, temperatures, address, together
        return spins.heat(self._couplings, *how, x, h, paths, done)

    def energies(self, x, h, bias):
        """Energy of each row, as an array of its own; float64."""
        out = np.empty(len(x))
        spins.energies(x, h, bias, out)
        return out

    def fields(self, x, h, bias):
        """Fields of each row."""
        return h


class SideBySide:
    """Chains that are drawn in the lanes of vectors; beside their states, energies are kept.

    Parameters
    ----------
    one_by_one : OneByOne
        Of the same weights.
    weights, couplings
        See :class:`OneByOne`.
    """

    def __init__(self, one_by_one, weights, couplings):
        self._one_by_one, self._couplings = one_by_one, couplings
        self.n_visits = (weights.size + _VISITS_OF_A_UNIT * weights.shape[0]) / _LANES

    def begin(self, x, bias, with_energies=True):
        """What is kept up to date beside the states of some rows: their energies, if wanted."""
        if not with_energies:
            return np.zeros(len(x))
        return self._one_by_one.energies(x, self._one_by_one.begin(x, bias), bias)

    def sweep(
        self, x, energies, bias, base, orders, free, temperatures, address, paths, done, together
    ):
        """Sweeps at some temperatures, in place; see :class:`OneByOne`. Never ``together``."""
        how = bias, base, orders, free, temperatures, address
        return heat_side_by_side(self._couplings, *how, x, energies, paths, done)

    def energies(self, x, energies, bias):
        """Energy of each row, as an array of its own; float64."""
        return energies.copy()

    def fields(self, x, energies, bias):
        """Fields of each row."""
        return self._one_by_one.begin(x, bias)


class WeightNetwork(Network):
    """E(x) = -1/2 x W x - b x for states x of -1 and 1.

    Parameters
    ----------
    weights : ndarray, C-contiguous, or CSR array of shape (n_units, n_units)
        Symmetric, with a zero diagonal.
    bias : ndarray of shape (n_units,) or (n_rows, n_units), C-contiguous
        Of all rows, or of each.

    Attributes
    ----------
    couplings : ndarray or CsrData
        The weights as kernels take them.
    """

    def __init__(self, weights, bias):
        self.weights, self.bias = weights, np.atleast_2d(bias)
        self.dtype = weights.dtype
        self.couplings = _as_lists(weights) if issparse(weights) else weights
        self._rounding = rounding_of(self.dtype)
        self._no_base = np.zeros(self.bias.shape[1], dtype=self.dtype)
        self._one_by_one = OneByOne(weights, self.couplings)

    def engine(self, n_rows):
        """What draws the units of so many rows."""
        return self._one_by_one

    def faster_engine(self, engine, share):
        """What had better go on where such a share of the units flip in a sweep."""
        return engine

    def fields(self, X):
        """X W + b for all rows of states, or of means."""
        H = np.empty_like(X)

        def find(block):
            H[block] = self._one_by_one.begin(X[block], rows_of(self.bias, block))

        for_each_chunk(find, len(X), ROWS)
        return H

    def heat(self, engine, x, kept, bias, free, dynamics, first_row, paths):
        """Stochastic sweeps of a block of rows, in calls of a kernel that are short enough."""
        orders = dynamics.orders
        n_visits = engine.n_visits + paths.shape[1]
        for rows, sweeps in pieces(len(x), len(dynamics.temperatures), n_visits, len(orders)):
            part, b = x[rows], rows_of(bias, rows)
            if sweeps.start == 0:
                now, kept_now = engine, kept[rows]
            how = b, self._no_base, orders, rows_of(free, rows)
            hot = dynamics.temperatures[sweeps]
            address = dynamics.address_of(first_row + rows.start, sweeps.start)
            report = paths[rows], sweeps.start
            n_flips = now.sweep(part, kept_now, *how, hot, address, *report, dynamics.together)
            faster = self.faster_engine(now, n_flips / (part.size * len(hot)))
            if faster is not now:
                now, kept_now = faster, faster.begin(part, b)

    def _energies_of(self, x, block):
        bias = rows_of(self.bias, block)
        return self._one_by_one.energies(x, self._one_by_one.begin(x, bias), bias)

    def _recall_block(self, x, free, dynamics, outcome, block):
        bias = rows_of(self.bias, block)
        engine = self.engine(len(outcome.n_steps))
        kept = engine.begin(x, bias)
        outcome.start(block, lambda: engine.energies(x, kept, bias))
        paths, n_steps, converged, cycled = outcome.part(block)
        self.heat(engine, x, kept, bias, free, dynamics, block.start, paths)
        h = engine.fields(x, kept, bias)
        W, orders, n_hot = self.couplings, dynamics.orders, len(dynamics.temperatures)
        limits = dynamics.n_cold, self._rounding
        for rows, _ in pieces(len(x), 1, self._one_by_one.n_visits + paths.shape[1], 1):
            states = x[rows], h[rows], paths[rows], n_hot
            part = n_steps[rows], converged[rows]
            b, may = rows_of(bias, rows), rows_of(free, rows)
            if dynamics.together:
                spins.settle_together(W, b, may, *limits, *states, *part, cycled[rows])
            else:
                spins.settle(W, b, orders, may, *limits, *states, *part)


def _as_lists(weights):
    """A sparse array as kernels take it."""
    places = (
        np.ascontiguousarray(part, dtype=np.int32) for part in (weights.indices, weights.indptr)
    )
    return CsrData(np.ascontiguousarray(weights.data), *places)
