"""The general Boltzmann machine: units of -1 and 1, with weights between any two of them.

E(x) = -1/2 x W x - b x, p(x) = exp(-E(x)) / Z. There are no layers, so units are drawn one after
the other. If some units are clamped, the others form a machine whose biases differ from row to row
(:meth:`PairwiseMachine.given`). Both phases of learning therefore use the same methods.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from scipy.special import entr, logsumexp, softmax

from .._source import chunks, for_each_chunk
from .._spins import ROWS, Dynamics, InLanes, WeightNetwork, pieces, rows_of
from .._threads import for_each, one_blas_thread
from ..boltzmann.summation import drawn_numbers
from ..kernels import enumeration, spins
from ..kernels.products import multiply

# Number of units whose states are enumerated at once, so that these arrays stay in the cache.
_UNITS_AT_ONCE = 14
# Smallest number of states for which one more thread is worthwhile.
_STATES_PER_CHUNK = 2**16
# Chains are drawn side by side up to this number of couplings per unit (sparse weights) or of units
# (dense weights), and from this number of chains on. This was measured to be faster if a quarter to
# a half of the units flip per sweep.
_MOST_COUPLINGS, _MOST_UNITS, _FEWEST_ROWS = 256, 2048, 16
# With dense weights, this many units and at most this share of flips, one by one is faster again.
_MANY_UNITS, _FEW_FLIPS = 512, 0.07
# Number of sweeps in which means mostly converge.
_FEW_SWEEPS = 10
# The number of rows in a block is a multiple of the number of vector lanes.
_ROWS_OF_VECTORS = 32
# Number of blocks of rows that balances the load of many threads.
_MANY_BLOCKS = 16


@dataclass(frozen=True)
class Moments:
    """Moments of the states of a machine, by a sum over all of them.

    Attributes
    ----------
    log_partition : ndarray of shape (n_rows,)
        log of the sum of exp(-E) over all states of the units that are not clamped; nats.
    means : ndarray of shape (n_rows, n_units)
        Mean states.
    correlations : ndarray of shape (n_units, n_units)
        Mean of x x' over the distribution of each row, and weighted mean over the rows.
    """

    log_partition: np.ndarray
    means: np.ndarray
    correlations: np.ndarray


@dataclass(frozen=True)
class MeanFieldSolution:
    """Mean field: a distribution of independent units that approximates that of a machine.

    Attributes
    ----------
    means : ndarray of shape (n_rows, n_units)
        Mean states.
    bound : ndarray of shape (n_rows,)
        Entropy minus mean energy of independent units with these means, a lower bound of log Z, in
        nats.
    n_sweeps : ndarray of int of shape (n_rows,)
        Number of sweeps over the units until convergence.
    """

    means: np.ndarray
    bound: np.ndarray
    n_sweeps: np.ndarray


class PairwiseMachine(WeightNetwork):
    """Units of -1 and 1 with the energy E(x) = -1/2 x W x - b x + offset.

    Parameters
    ----------
    weights : ndarray or CSR array of shape (n_units, n_units)
        Symmetric, with a zero diagonal. An ndarray is C-contiguous.
    bias : ndarray of shape (n_units,) or (n_rows, n_units)
        Biases, the same for all rows of states or separate for each row.
    offset : float or ndarray of shape (n_rows,), default=0.0
        Energy of clamped units, in nats.
    """

    def __init__(self, weights, bias, offset=0.0):
        super().__init__(weights, np.ascontiguousarray(bias))
        self.offset = offset
        self._in_lanes = InLanes(self._one_by_one, weights, self.couplings)
        self._has_few_couplings = (
            weights.nnz <= _MOST_COUPLINGS * self.n_units
            if issparse(weights)
            else self.n_units <= _MOST_UNITS
        )

    @classmethod
    def of_binary_units(cls, weights, bias):
        """The machine whose states x, written as (1 + x) / 2, have these weights and biases.

        Its energies are E(s) = -1/2 s W s - b s of the states s of 0 and 1.
        """
        sums = np.asarray(weights.sum(axis=1))
        offset = -sums.sum(dtype=np.float64) / 8 - bias.sum(dtype=np.float64) / 2
        return cls(weights / 4, bias / 2 + sums / 4, float(offset))

    def engine(self, n_rows):
        """The sampler for this number of rows."""
        if self._has_few_couplings and n_rows >= _FEWEST_ROWS:
            return self._in_lanes
        return self._one_by_one

    def faster_engine(self, engine, share):
        """The faster sampler if this share of the units flips per sweep."""
        if engine is self._one_by_one or issparse(self.weights) or self.n_units < _MANY_UNITS:
            return engine
        return engine if share > _FEW_FLIPS else self._one_by_one

    @property
    def n_units(self):
        """Number of units."""
        return self.bias.shape[1]

    @property
    def n_rows(self):
        """Number of rows with separate biases; 1 if the biases are the same for all rows."""
        return len(self.bias)

    def given(self, X, clamped):
        """The machine of the other units, given that some units are clamped in each row.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_units)
            States; only those of clamped units are used.
        clamped : ndarray of bool of shape (n_units,)

        Returns
        -------
        PairwiseMachine
            It has a bias and an offset for each row, so that energies are those of all units.
        """
        free = ~clamped
        x = np.ascontiguousarray(X[:, clamped])
        of_clamped = PairwiseMachine(*self._part(clamped, clamped))
        weights, bias = self._part(free, free)
        across, _ = self._part(clamped, free)
        from_clamped = np.empty((len(x), bias.shape[1]), dtype=self.dtype)

        def add_up(block):
            if issparse(across):
                from_clamped[block] = x[block] @ across
            else:
                multiply(x[block], across, from_clamped[block])

        for_each_chunk(add_up, len(x))
        return PairwiseMachine(weights, bias + from_clamped, of_clamped.energy(x) + self.offset)

    def _part(self, rows, columns):
        """Weights between some units (rows) and others (columns), and the biases of the latter."""
        weights = self.weights[rows][:, columns]
        if not issparse(weights):
            weights = np.ascontiguousarray(weights)
        return weights, self.bias[:, columns]

    def energy(self, X):
        """Energy of each row of states, float64."""
        return super().energy(X) + self.offset

    # By enumeration

    def log_partition(self):
        """log of the sum of exp(-E) over all states, for each row of biases, in nats.

        Time doubles with each unit: some milliseconds for 20 units.
        """
        if self.n_units > _UNITS_AT_ONCE:
            return np.array([logsumexp(part.log_partition()) for part, *_ in self._cut_up()])
        W, H = self._in_doubles()
        out = np.empty(self.n_rows)

        def add_up(block):
            enumeration.log_partitions(W, H[block], out[block])

        for_each_chunk(add_up, self.n_rows, _rows_per_chunk(self.n_units))
        return out - self.offset

    def moments(self, sample_weight=None):
        """Log-partition functions, means and correlations of all units, by a sum over all states.

        Parameters
        ----------
        sample_weight : ndarray of shape (n_rows,), default=None
            Weights of the rows of biases in the correlations. None is equal weights.

        Returns
        -------
        Moments
        """
        shares = _shares(sample_weight, self.n_rows)
        if self.n_units > _UNITS_AT_ONCE:
            return self._moments_of_parts(shares)
        W, H = self._in_doubles()
        log_z, means = np.empty(self.n_rows), np.empty(H.shape)
        blocks = chunks(self.n_rows, _rows_per_chunk(self.n_units))
        parts = np.zeros((len(blocks), *W.shape))

        def add_up(number):
            block = blocks[number]
            of_block = H[block], shares[block], log_z[block], means[block]
            enumeration.moments(W, *of_block, parts[number])

        for_each(add_up, range(len(blocks)))
        return Moments(log_z - self.offset, means, parts.sum(axis=0))

    def moments_given(self, X, clamped, sample_weight=None):
        """The :meth:`moments` of all units if some are clamped, by a sum over the other units.

        Parameters
        ----------
        X, clamped
            See :meth:`given`.
        sample_weight : ndarray of shape (n_rows,), default=None
        """
        shares = _shares(sample_weight, len(X))
        of_free = self.given(X, clamped).moments(shares)
        means = X.astype(np.float64)
        means[:, ~clamped] = of_free.means
        with one_blas_thread():
            correlations = (means * shares[:, None]).T @ means
        correlations[np.ix_(~clamped, ~clamped)] = of_free.correlations
        return Moments(of_free.log_partition, means, correlations)

    def exact_samples(self, n_samples, streams):
        """Independent samples of a machine of few units, drawn by enumeration of all states."""
        W, H = self._in_doubles()
        masses, scratch = np.empty((2, 2**self.n_units))
        enumeration.log_masses(W, H[0], masses, scratch)
        numbers = drawn_numbers(masses, n_samples, streams)
        return all_states(self.n_units, numbers).astype(self.dtype)

    def _in_doubles(self):
        W = self.weights.toarray() if issparse(self.weights) else self.weights
        return (np.ascontiguousarray(array, dtype=np.float64) for array in (W, self.bias))

    def _cut_up(self):
        """For each row of biases, machines of few units, given each state of the other units.

        Yields
        ------
        part : PairwiseMachine
        whole : PairwiseMachine
            The machine of this row.
        X, clamped
            The arguments of :meth:`given` for ``part``.
        """
        clamped = np.arange(self.n_units) >= _UNITS_AT_ONCE
        X = np.zeros((2 ** np.count_nonzero(clamped), self.n_units))
        X[:, clamped] = all_states(self.n_units - _UNITS_AT_ONCE)
        W, H = self._in_doubles()
        offset = np.broadcast_to(self.offset, self.n_rows)
        for row in range(self.n_rows):
            whole = PairwiseMachine(W, H[row], offset[row])
            yield whole.given(X, clamped), whole, X, clamped

    def _moments_of_parts(self, shares):
        log_z, means = np.empty(self.n_rows), np.empty((self.n_rows, self.n_units))
        correlations = np.zeros((self.n_units, self.n_units))
        for row, (part, whole, X, clamped) in enumerate(self._cut_up()):
            masses = part.log_partition()
            log_z[row], weights = logsumexp(masses), softmax(masses)
            found = whole.moments_given(X, clamped, weights)
            means[row] = (weights[:, None] * found.means).sum(axis=0)
            correlations += shares[row] * found.correlations
        return Moments(log_z, means, correlations)

    # By chains

    def random_states(self, n_rows, address):
        """Uniform random states of -1 and 1, drawn at an address (seed, stream, first row)."""
        X = np.empty((n_rows, self.n_units), dtype=self.dtype)
        spins.random_spins(address, np.ones(X.shape, dtype=bool), X)
        return X

    def run(self, X, temperatures, address, free=None):
        """Run chains for one sweep over the units at each temperature, in place.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_units), C-contiguous
        temperatures : ndarray of shape (n_sweeps,)
            Positive; 1 is that of the machine.
        address : tuple of int
            (seed, first stream). Each sweep uses one stream.
        free : ndarray of bool of shape (1, n_units) or (n_rows, n_units), default=None
            Units that may change, the same for all rows or separate for each; None is all units.

        Returns
        -------
        X : ndarray of shape (n_rows, n_units)
        """
        dynamics = Dynamics(
            together=False,
            max_iter=0,
            temperatures=temperatures,
            settles=False,
            orders=self.orders(),
            address=address,
        )
        free = self.all_free() if free is None else free
        engine = self.engine(len(X))

        def walk(block):
            x, bias, may = X[block], rows_of(self.bias, block), rows_of(free, block)
            kept = engine.begin(x, bias, with_energies=False)
            no_paths = np.empty((len(x), 0))
            self.heat(engine, x, kept, bias, may, dynamics, block.start, no_paths)

        for_each_chunk(walk, len(X), self._rows_at_a_time(len(X)))
        return X

    def orders(self):
        """Order in which units are visited, of shape (1, n_units)."""
        return np.arange(self.n_units)[None]

    def all_free(self):
        """A mask of shape (1, n_units) with which all units may change."""
        return np.ones((1, self.n_units), dtype=bool)

    # By mean field

    def mean_field(self, start=None, max_iter=100, tol=1e-4):
        """Means of independent units at a maximum of a lower bound of log Z, per row of biases.

        One unit after the other gets the mean tanh(h), which is optimal given the means of all
        others. No such update lowers the bound, so no damping is needed.

        Parameters
        ----------
        start : ndarray of shape (n_rows, n_units), default=None
            Initial means, which are not changed; None is 0.
        max_iter : int, default=100
            Largest number of sweeps over the units.
        tol : float, default=1e-4
            A unit is updated if its mean would change by more than this.

        Returns
        -------
        MeanFieldSolution
        """
        M = np.zeros(self.bias.shape, self.dtype) if start is None else start.astype(self.dtype)
        bound, n_sweeps = np.empty(self.n_rows), np.empty(self.n_rows, dtype=np.int64)

        def settle(block):
            m, b = M[block], self.bias[block]
            h = self._one_by_one.begin(m, b)
            n_visits = _FEW_SWEEPS * self._one_by_one.n_visits
            for rows, _ in pieces(len(m), 1, n_visits, 1):
                report = n_sweeps[block][rows]
                spins.settle_means(self.couplings, max_iter, tol, m[rows], h[rows], report)
            bound[block] = -0.5 * np.einsum("ij,ij->i", m, -(h + b), dtype=np.float64)

        for_each_chunk(settle, self.n_rows, self._rows_at_a_time(self.n_rows))
        p = (1 + M.astype(np.float64)) / 2
        bound += (entr(p) + entr(1 - p)).sum(axis=1) - self.offset
        return MeanFieldSolution(M, bound, n_sweeps)

    def _rows_at_a_time(self, n_rows):
        whole_vectors = -(-n_rows // (_MANY_BLOCKS * _ROWS_OF_VECTORS)) * _ROWS_OF_VECTORS
        return min(ROWS, whole_vectors)


def all_states(n_units, numbers=None):
    """States of -1 and 1: unit k is 1 if bit k of the number is set. By default all states."""
    numbers = np.arange(2**n_units) if numbers is None else numbers
    return ((numbers[:, None] >> np.arange(n_units)) & 1) * 2.0 - 1


def _rows_per_chunk(n_units):
    return max(1, _STATES_PER_CHUNK >> n_units)


def _shares(sample_weight, n_rows):
    if sample_weight is None:
        return np.full(n_rows, 1 / n_rows)
    return np.asarray(sample_weight, dtype=np.float64) / np.sum(sample_weight, dtype=np.float64)
