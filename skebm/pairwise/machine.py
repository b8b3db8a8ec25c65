"""A machine of units of -1 and 1 any two of which may be coupled: the general Boltzmann machine.

E(x) = -1/2 x W x - b x, p(x) = exp(-E(x)) / Z. There are no layers, so units are drawn one after
the other. Where some units are clamped, the others are a machine again, whose biases differ from
row to row (:meth:`PairwiseMachine.given`): what a machine can do serves both phases of learning.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from scipy.special import entr, logsumexp, softmax

from .._source import chunks, for_each_chunk
from .._spins import ROWS, Dynamics, SideBySide, WeightNetwork, pieces, rows_of
from .._threads import for_each, one_blas_thread
from ..boltzmann.summation import drawn_numbers
from ..kernels import enumeration, spins
from ..kernels.products import multiply

# Units whose states are built at once: they and what is computed from them stay in the cache.
_UNITS_AT_ONCE = 14
# States that are summed over before another thread is worth waking.
_STATES_PER_CHUNK = 2**16
# Chains are drawn side by side up to so many couplings of a unit, where weights are sparse, or so
# many units, where they are dense, and from so many chains on: with a quarter to a half of the
# units flipping in a sweep, that was measured to be faster.
_MOST_COUPLINGS, _MOST_UNITS, _FEWEST_ROWS = 256, 2048, 16
# Where all of many units are coupled and few of them flip, to draw one by one is faster again.
_MANY_UNITS, _FEW_FLIPS = 512, 0.07
# Sweeps in which means mostly settle.
_FEW_SWEEPS = 10
# Rows of a block are a multiple of the lanes that they are drawn in.
_ROWS_OF_VECTORS = 32
# Blocks of rows of which many threads are done at about the same time.
_MANY_BLOCKS = 16


@dataclass(frozen=True)
class Moments:
    """What is known of the states of a machine, by a sum over all of them.

    Attributes
    ----------
    log_partition : ndarray of shape (n_rows,)
        log of the sum of exp(-E) over all states of the units that are not clamped; nats.
    means : ndarray of shape (n_rows, n_units)
        Mean states.
    correlations : ndarray of shape (n_units, n_units)
        Mean of x x', over the distribution of each row and then over the weighted rows.
    """

    log_partition: np.ndarray
    means: np.ndarray
    correlations: np.ndarray


@dataclass(frozen=True)
class MeanField:
    """The distribution of independent units that is nearest to a machine's, as far as it was found.

    Attributes
    ----------
    means : ndarray of shape (n_rows, n_units)
        Mean states.
    bound : ndarray of shape (n_rows,)
        Entropy less mean energy of independent units with these means: at most log Z; nats.
    n_sweeps : ndarray of int of shape (n_rows,)
        Sweeps over the units until none moved any more.
    """

    means: np.ndarray
    bound: np.ndarray
    n_sweeps: np.ndarray


class PairwiseMachine(WeightNetwork):
    """Units of -1 and 1 with E(x) = -1/2 x W x - b x + offset, and what follows from it.

    Parameters
    ----------
    weights : ndarray or CSR array of shape (n_units, n_units)
        Symmetric, with a zero diagonal. An ndarray is C-contiguous.
    bias : ndarray of shape (n_units,) or (n_rows, n_units)
        Of all rows of states that the machine is asked about, or of each.
    offset : float or ndarray of shape (n_rows,), default=0.0
        Energy of units that are clamped, nats.
    """

    def __init__(self, weights, bias, offset=0.0):
        super().__init__(weights, np.ascontiguousarray(bias))
        self.offset = offset
        self._side_by_side = SideBySide(self._one_by_one, weights, self.couplings)
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
        """What draws the units of so many rows."""
        if self._has_few_couplings and n_rows >= _FEWEST_ROWS:
            return self._side_by_side
        return self._one_by_one

    def faster_engine(self, engine, share):
        """What had better go on where such a share of the units flip in a sweep."""
        if engine is self._one_by_one or issparse(self.weights) or self.n_units < _MANY_UNITS:
            return engine
        return engine if share > _FEW_FLIPS else self._one_by_one

    @property
    def n_units(self):
        """Number of units."""
        return self.bias.shape[1]

    @property
    def n_rows(self):
        """Rows that have biases of their own; 1 where all have the same."""
        return len(self.bias)

    def given(self, X, clamped):
        """The machine of the other units where some are clamped to their states in each row.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_units)
            States; only those of clamped units are looked at.
        clamped : ndarray of bool of shape (n_units,)

        Returns
        -------
        PairwiseMachine
            With a bias and an offset for each row: energies are those of all units.
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
        """Weights between some units and others, and the biases of the latter."""
        weights = self.weights[rows][:, columns]
        if not issparse(weights):
            weights = np.ascontiguousarray(weights)
        return weights, self.bias[:, columns]

    def energy(self, X):
        """Energy of each row of states, float64."""
        return super().energy(X) + self.offset

    # By enumeration

    def log_partition(self):
        """log of the sum of exp(-E) over all states, for each row of biases; nats.

        Time doubles with each unit: some milliseconds for 20 of them.
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
            How much each row of biases counts in the correlations; None is all the same.

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
        """The same of all units where some are clamped, and the sums are over the others.

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
        """Independent states of a machine of few units, drawn through the list of all."""
        W, H = self._in_doubles()
        masses, scratch = np.empty((2, 2**self.n_units))
        enumeration.log_masses(W, H[0], masses, scratch)
        numbers = drawn_numbers(masses, n_samples, streams)
        return all_states(self.n_units, numbers).astype(self.dtype)

    def _in_doubles(self):
        W = self.weights.toarray() if issparse(self.weights) else self.weights
        return (np.ascontiguousarray(array, dtype=np.float64) for array in (W, self.bias))

    def _cut_up(self):
        """For each row of biases, the machine of few units given each state of the others.

        Yields
        ------
        part : PairwiseMachine
        whole : PairwiseMachine
            Of this row.
        X, clamped
            What ``part`` was given.
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
        """States of -1 and 1 with even odds, drawn at an address (seed, stream, first row)."""
        X = np.empty((n_rows, self.n_units), dtype=self.dtype)
        spins.random_spins(address, np.ones(X.shape, dtype=bool), X)
        return X

    def run(self, X, temperatures, address, free=None):
        """Take chains through sweeps over the units, one for each temperature, in place.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_units), C-contiguous
        temperatures : ndarray of shape (n_sweeps,)
            Positive; 1 is that of the machine.
        address : tuple of int
            (seed, first stream). Each sweep takes a stream.
        free : ndarray of bool of shape (1, n_units) or (n_rows, n_units), default=None
            Units that may change, in all rows or in each; None is all of them.

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
        """In which units are visited, of shape (1, n_units)."""
        return np.arange(self.n_units)[None]

    def all_free(self):
        """A mask, of shape (1, n_units), by which all units may change."""
        return np.ones((1, self.n_units), dtype=bool)

    # By mean field

    def mean_field(self, start=None, max_iter=100, tol=1e-4):
        """Means of independent units at a maximum of a bound on log Z, for each row of biases.

        One unit after the other takes the mean tanh(h), which is best given the means of all
        others. No such step lowers the bound, so none has to be damped.

        Parameters
        ----------
        start : ndarray of shape (n_rows, n_units), default=None
            Means to start from, which are left as they are; None is 0.
        max_iter : int, default=100
            Most sweeps over the units.
        tol : float, default=1e-4
            A unit moves if its mean would change by more.

        Returns
        -------
        MeanField
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
        return MeanField(M, bound, n_sweeps)

    def _rows_at_a_time(self, n_rows):
        whole_vectors = -(-n_rows // (_MANY_BLOCKS * _ROWS_OF_VECTORS)) * _ROWS_OF_VECTORS
        return min(ROWS, whole_vectors)


def all_states(n_units, numbers=None):
    """States of -1 and 1: unit k is 1 where bit k of the number is; all of them without numbers."""
    numbers = np.arange(2**n_units) if numbers is None else numbers
    return ((numbers[:, None] >> np.arange(n_units)) & 1) * 2.0 - 1


def _rows_per_chunk(n_units):
    return max(1, _STATES_PER_CHUNK >> n_units)


def _shares(sample_weight, n_rows):
    if sample_weight is None:
        return np.full(n_rows, 1 / n_rows)
    return np.asarray(sample_weight, dtype=np.float64) / np.sum(sample_weight, dtype=np.float64)
