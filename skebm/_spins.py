"""Networks of units that are -1 or 1, updated in blocks of rows on several threads.

The result for a row depends on its index, if random numbers are drawn, but never on the other rows.
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

# The rounding error of a sum of n terms is a few units in the last place of the largest sum. Fields
# smaller than this multiple of such a unit count as zero, so that rounding never flips a unit.
_ROUNDING_UNITS = 16
# Rows per block: enough for BLAS, and the states and fields of a block stay in the cache.
ROWS = 128
# Python can be interrupted only between two calls of a kernel. A call takes about 0.1 s, because
# its number of visits is limited: weights, recorded energies, and the cost of a unit that does not
# flip.
_VISITS_PER_CALL = 5e7
_VISITS_OF_A_UNIT = 50
# Smallest number of chains that are drawn at once in vector lanes.
_LANES = 16
# Largest number of random orders of the units; longer recalls use them repeatedly.
_MOST_ORDERS = 16


@dataclass
class Dynamics:
    """How units are updated, for all networks.

    Attributes
    ----------
    together : bool
        Whether all units are updated at the same time, from the states before the step.
    max_iter : int
        Largest number of steps at temperature zero.
    temperatures : ndarray of shape (n_sweeps,)
        One per stochastic sweep; these come before the steps at temperature zero.
    settles : bool
        Whether the stochastic sweeps are followed by steps at temperature zero.
    orders : ndarray of int of shape (n_orders, n_units)
        Orders in which the units are visited.
    address : tuple of int
        Seed and first stream of the random numbers for the stochastic sweeps.
    """

    together: bool
    max_iter: int
    temperatures: np.ndarray
    settles: bool
    orders: np.ndarray
    address: tuple

    @property
    def n_cold(self):
        """Largest number of steps at temperature zero; with 0, stable rows are still detected."""
        return self.max_iter if self.settles else 0

    @property
    def n_steps(self):
        """Largest number of steps of a row, stochastic or not."""
        return len(self.temperatures) + self.n_cold

    def address_of(self, row, sweep=0):
        """Address of the random numbers of the rows and sweeps from these indices on."""
        seed, stream = self.address
        return seed, stream + sweep, row


def temperatures(temperature, schedule, n_sweeps):
    """Temperature of each sweep; an empty array if the temperature is zero."""
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
    """Fields up to this share of the largest field count as zero."""
    return float(_ROUNDING_UNITS * np.finfo(dtype).eps)


class Outcome:
    """Results of recall for each row.

    Attributes
    ----------
    n_steps : ndarray of int of shape (n_rows,)
    converged, cycled : ndarray of bool of shape (n_rows,)
    paths : ndarray of shape (n_rows, n_steps + 1), or (n_rows, 0) if it is not needed
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
        """Record the energies before the first step as initial values of the whole path."""
        if self.paths.shape[1]:
            self.paths[block] = energies()[:, None]


def rows_of(array, block):
    """The rows of a block; if the array has one row, it holds for all rows."""
    return array if len(array) == 1 else array[block]


def pieces(n_rows, n_sweeps, n_visited, n_orders):
    """Yield slices of rows and of sweeps, one pair per call of a kernel.

    Parameters
    ----------
    n_rows, n_sweeps : int
    n_visited : int
        Number of visits in a sweep of one row.
    n_orders : int
        Slices of sweeps start at multiples of this number, where the first order of the units is
        used.
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
    """Base class of all networks: rows are processed in blocks, on several threads.

    A subclass has ``dtype``, ``_energies_of(x, block)`` and ``_recall_block(x, free, dynamics,
    outcome, block)``, where ``x`` are the rows in the slice ``block``, and ``free`` marks their
    free units.
    """

    def _rows_at_a_time(self, n_rows):
        """Number of rows per block."""
        return ROWS

    def energy(self, X):
        """Energy of each row, float64."""
        out = np.empty(len(X))

        def evaluate(block):
            out[block] = self._energies_of(X[block], block)

        for_each_chunk(evaluate, len(X), ROWS)
        return out

    def recall(self, X, free, dynamics, outcome):
        """Update the free units of each row, in place, according to the dynamics."""

        def recall(block):
            self._recall_block(X[block], rows_of(free, block), dynamics, outcome, block)

        for_each_chunk(recall, len(X), self._rows_at_a_time(len(X)))


class OneByOne:
    """Chains whose units are drawn one after another, with all fields kept up to date.

    A flip costs one pass over the couplings of the unit; a unit that does not flip costs almost
    nothing.

    Parameters
    ----------
    weights : ndarray or CSR array
    couplings : ndarray or CsrData
        The weights in the form that kernels need.
    """

    def __init__(self, weights, couplings):
        self._weights, self._couplings = weights, couplings
        self.n_visits = weights.size + _VISITS_OF_A_UNIT * weights.shape[0]

    def begin(self, x, bias, with_energies=True):
        """The fields of some rows, which are kept up to date with the states."""
        h = np.empty_like(x)
        if issparse(self._weights):
            spins.sparse_fields(self._couplings, x, bias, h)
        else:
            multiply(x, self._weights, h)
            spins.add_bias(h, bias)
        return h

    def sweep(self, x, h, bias, base, orders, free, temperatures, address, paths, done, together):
        """Sweeps at the given temperatures, in place; returns the number of flips.

        Parameters: see :func:`~skebm.kernels.spins.heat`.
        """
        how = bias, base, orders, free, temperatures, address, together
        return spins.heat(self._couplings, *how, x, h, paths, done)

    def energies(self, x, h, bias):
        """Energy of each row, as a new array of float64."""
        out = np.empty(len(x))
        spins.energies(x, h, bias, out)
        return out

    def fields(self, x, h, bias):
        """Fields of each row."""
        return h


class InLanes:
    """Chains that are drawn in vector lanes; energies are kept up to date with the states.

    Parameters
    ----------
    one_by_one : OneByOne
        For the same weights.
    weights, couplings
        See :class:`OneByOne`.
    """

    def __init__(self, one_by_one, weights, couplings):
        self._one_by_one, self._couplings = one_by_one, couplings
        self.n_visits = (weights.size + _VISITS_OF_A_UNIT * weights.shape[0]) / _LANES

    def begin(self, x, bias, with_energies=True):
        """The energies of some rows, if needed, which are kept up to date with the states."""
        if not with_energies:
            return np.zeros(len(x))
        return self._one_by_one.energies(x, self._one_by_one.begin(x, bias), bias)

    def sweep(
        self, x, energies, bias, base, orders, free, temperatures, address, paths, done, together
    ):
        """Sweeps at the given temperatures, see :class:`OneByOne`; ``together`` is ignored."""
        how = bias, base, orders, free, temperatures, address
        return heat_side_by_side(self._couplings, *how, x, energies, paths, done)

    def energies(self, x, energies, bias):
        """Energy of each row, as a new array of float64."""
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
        Shared by all rows, or one per row.

    Attributes
    ----------
    couplings : ndarray or CsrData
        The weights in the form that kernels need.
    """

    def __init__(self, weights, bias):
        self.weights, self.bias = weights, np.atleast_2d(bias)
        self.dtype = weights.dtype
        self.couplings = _as_lists(weights) if issparse(weights) else weights
        self._rounding = rounding_of(self.dtype)
        self._no_base = np.zeros(self.bias.shape[1], dtype=self.dtype)
        self._one_by_one = OneByOne(weights, self.couplings)

    def engine(self, n_rows):
        """The engine that draws the units of ``n_rows`` rows."""
        return self._one_by_one

    def faster_engine(self, engine, share):
        """The faster engine if this share of the units flips in a sweep."""
        return engine

    def fields(self, X):
        """X W + b for all rows, which are states or means."""
        H = np.empty_like(X)

        def find(block):
            H[block] = self._one_by_one.begin(X[block], rows_of(self.bias, block))

        for_each_chunk(find, len(X), ROWS)
        return H

    def heat(self, engine, x, kept, bias, free, dynamics, first_row, paths):
        """Stochastic sweeps of a block of rows, in several short calls of a kernel."""
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
    """A sparse array as CsrData for kernels."""
    places = (
        np.ascontiguousarray(part, dtype=np.int32) for part in (weights.indices, weights.indptr)
    )
    return CsrData(np.ascontiguousarray(weights.data), *places)
