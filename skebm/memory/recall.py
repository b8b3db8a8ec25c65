"""How memories that keep their patterns recall: dense and softmax memories."""

import math

import numpy as np

from .._helpers import stop_if_abandoned
from .._source import for_each_chunk
from .._spins import ROWS, Network, pieces, rounding_of, rows_of
from ..kernels import hopfield
from ..kernels.products import multiply

# Rows at a time. A dense memory needs the overlaps with thousands of patterns, without BLAS.
_DENSE_ROWS = 8
# Cost of one number that is read, relative to one weight of a memory with weights.
_VISITS_OF_DENSE = 15


class DenseNetwork(Network):
    """E(x) = -(N / n) sum_k (xi_k x / N)^n for patterns xi_k and states x of -1 and 1.

    With n = 2 this is the energy of Hebb's rule plus a constant.
    """

    def __init__(self, patterns, order, dtype):
        self.dtype = np.dtype(dtype)
        self._power = order
        # One copy for the product that computes all overlaps, and one that is read unit by unit.
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

    def _rows_at_a_time(self, n_rows):
        return _DENSE_ROWS

    def _overlaps(self, X):
        out = np.empty((len(X), len(self._patterns)), dtype=self.dtype)
        return multiply(X, self._patterns.T, out)

    def _energies(self, S):
        out = np.empty(len(S), dtype=self.dtype)
        hopfield.dense_energies(S, self._polynomial[0], self._power, out)
        return out

    def _energies_of(self, x, block):
        return self._energies(self._overlaps(x))

    def _recall_block(self, x, free, dynamics, outcome, block):
        s = self._overlaps(x)
        outcome.start(block, lambda: self._energies(s))
        paths, n_steps, converged, cycled = outcome.part(block)
        network = self._columns, self._polynomial, self._power, dynamics.orders
        n_hot, together = len(dynamics.temperatures), dynamics.together
        n_visited = self._columns.size * _VISITS_OF_DENSE + paths.shape[1]
        for rows, sweeps in pieces(len(x), n_hot, n_visited, len(dynamics.orders)):
            hot = dynamics.temperatures[sweeps]
            address = dynamics.address_of(block.start + rows.start, sweeps.start)
            states = x[rows], s[rows], paths[rows], sweeps.start
            hopfield.dense_heat(*network, rows_of(free, rows), hot, address, together, *states)
        limits = dynamics.n_cold, self._rounding, together
        for rows, _ in pieces(len(x), 1, n_visited, 1):
            report = paths[rows], n_hot, n_steps[rows], converged[rows], cycled[rows]
            hopfield.dense_settle(*network, rows_of(free, rows), *limits, x[rows], s[rows], *report)


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
        Recall has converged when no unit changes by more than this.
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

    def _softmax(self, X):
        """Softmax of the similarities, and the energies."""
        S = self.similarities(X)
        log_sums = np.empty(len(X), dtype=self.dtype)
        hopfield.softmax(S, self._beta, log_sums)
        squares = np.square(X).sum(axis=1) / 2 if self._similarity == "dot" else 0
        return S, squares - log_sums

    def _energies_of(self, x, block):
        return self._softmax(x)[1]

    def nearest(self, X):
        """Index of the pattern that is most similar to each row."""
        out = np.empty(len(X), dtype=np.int64)

        def find(block):
            out[block] = self.similarities(X[block]).argmax(axis=1)

        for_each_chunk(find, len(X), ROWS)
        return out

    def _recall_block(self, X, free, dynamics, outcome, block):
        paths, n_steps, converged, _ = outcome.part(block)
        max_iter = dynamics.n_cold
        active = np.arange(len(X))
        for step in range(max_iter + 1):
            stop_if_abandoned()
            x = X[active]
            weights, energies = self._softmax(x)
            if paths.shape[1]:
                paths[active, step:] = energies[:, None]
            new = multiply(weights, self._patterns, np.empty_like(x))
            change = np.empty(len(x), dtype=self.dtype)
            hopfield.step_to(new, rows_of(free, active), x, change)
            moves = change > self._tol
            converged[active] = ~moves
            n_steps[active] = step
            active, x = active[moves], x[moves]
            if step == max_iter or len(active) == 0:
                break
            X[active] = x
