"""The rules by which a memory stores patterns, one class for each.

A rule with weights adds patterns of -1 and 1 to :class:`Couplings` in place, without a second
matrix. A bias is the weight to an additional unit that is always 1, so one formula holds for
weights and biases. The state of that unit is ``couplings.always_on``, which is 0 without biases.

To add a rule, write a class and add it to ``RULES``.
"""

import math
import operator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.blas import get_blas_funcs

from .._counts import Counts, add_counts
from .._spins import WeightNetwork
from .._threads import blocks_of, for_each, one_blas_thread
from ..kernels.hopfield import mirror_lower, scale_to_counts, storkey_step
from ..kernels.products import multiply
from .recall import DenseNetwork, SoftmaxNetwork

# Patterns at a time in rules with an eigendecomposition, whose cost grows with the cube of this.
_CHUNK = 512
_SMALLEST_BLOCK = 512
_MIRROR_BLOCK = 64


@dataclass
class Couplings:
    """Weights and biases of a memory.

    Attributes
    ----------
    weights : ndarray of shape (n_units, n_units), C-contiguous
        Symmetric, with a zero diagonal.
    bias : ndarray of shape (n_units,)
        Weights to the unit that is always on.
    self_weights : ndarray of shape (n_units + 1,)
        The diagonal that was removed from the weights, that of the unit that is always on last.
        Rules keep it here if they need it to store further patterns.
    always_on : int
        1 with biases, 0 without.
    dreamt : bool
        Whether ``unlearn`` has changed the weights.
    """

    weights: np.ndarray
    bias: np.ndarray
    self_weights: np.ndarray
    always_on: int
    dreamt: bool = False

    @classmethod
    def empty(cls, n_units, always_on, dtype):
        """Nothing stored yet."""
        return cls(
            np.zeros((n_units, n_units), dtype=dtype),
            np.zeros(n_units, dtype=dtype),
            np.zeros(n_units + 1, dtype=dtype),
            int(always_on),
        )

    def clear(self):
        """Forget everything, in place."""
        for array in (self.weights, self.bias, self.self_weights):
            array.fill(0)
        self.dreamt = False


class Rule:
    """What a memory needs from every rule.

    A subclass is a :class:`WeightRule` or a :class:`PatternRule`. It also has
    ``capacity(n_units)``, in patterns per unit, and ``overload``, a text that says what happens
    above the capacity.

    Attributes
    ----------
    keeps_patterns : bool
        Whether the memory keeps the patterns themselves, and has no weights.
    real_states : bool
        Whether states are real numbers, with neither a threshold nor a temperature.
    parameters : tuple of str
        Parameters of the memory that are arguments of the rule, under the same names.
    stored_with : tuple of str
        Parameters of the memory that must not change after patterns were stored.
    """

    real_states = False
    parameters: ClassVar[tuple[str, ...]] = ()
    stored_with: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, memory):
        """The rule with the parameters of a memory."""
        return cls(**{name: getattr(memory, name) for name in cls.parameters})


class WeightRule(Rule):
    """A rule that stores patterns in weights.

    A subclass has ``add(couplings, patterns)``.

    Attributes
    ----------
    adds_after_dreams : bool
        Whether more patterns can be stored after ``unlearn`` has changed the weights.
    can_subtract : bool
        Whether the rule has ``subtract(couplings, patterns)``. Otherwise, to forget patterns, the
        weights are computed again from those that remain.
    """

    keeps_patterns = False
    stored_with: ClassVar[tuple[str, ...]] = ("fit_intercept",)
    adds_after_dreams = False
    can_subtract = False

    def add_stream(self, couplings, stream):
        """Store the patterns of a stream, chunk by chunk."""
        for patterns in stream:
            self.add(couplings, patterns)

    def network(self, weights, bias):
        """The network that recalls."""
        return WeightNetwork(weights, bias)


class PatternRule(Rule):
    """A rule that keeps the patterns themselves: nothing is computed when they are stored.

    A subclass has ``network(patterns, dtype)``, with the dtype of the states.
    """

    keeps_patterns = True
    overload = "patterns will disturb each other, and recall will often end in other states"


class Hebb(WeightRule):
    """W = (1 / N) sum of x x' over the patterns x, with a zero diagonal.

    Unless ``unlearn`` was called, weights are whole numbers divided by N. They are added up
    exactly, so the result depends neither on the order of the patterns nor on how they are grouped.
    """

    adds_after_dreams = True
    can_subtract = True
    overload = (
        "the stored patterns will not be stable, and recall will often end in states that are like "
        "none of them"
    )

    def capacity(self, n_units):
        """Patterns per unit with few wrong units: 0.138 (Amit, Gutfreund, Sompolinsky, 1985)."""
        return 0.138

    def add(self, couplings, patterns):
        """Store more patterns."""
        self._count(couplings, patterns, sign=1)

    def subtract(self, couplings, patterns):
        """Remove stored patterns."""
        self._count(couplings, patterns, sign=-1)

    def add_stream(self, couplings, stream):
        """Store the patterns of a stream, whose chunks are counted one by one, or by workers."""
        self.add_counts(couplings, stream.total(Counts.of, operator.iadd))

    def add_counts(self, couplings, counts):
        """Store patterns by their :class:`Counts`, which may come from another process."""
        self._change(couplings, counts.add_to_products, counts.sums)

    def _count(self, couplings, patterns, sign):
        sums = sign * patterns.sum(axis=0, dtype=np.int64) if couplings.always_on else 0
        self._change(couplings, partial(add_counts, patterns, sign), sums)

    def _change(self, couplings, add_products, sums):
        """Turn weights and biases into counts, add to them, and turn them back."""
        weights, bias = couplings.weights, couplings.bias
        n_units = weights.dtype.type(len(weights))
        if couplings.dreamt:
            weights *= n_units
            bias *= n_units
        else:
            _change_rows(weights, lambda rows: scale_to_counts(rows, n_units))
            np.rint(bias * n_units, out=bias)
        add_products(weights)
        if couplings.always_on:
            bias += sums
        _change_rows(weights, lambda rows: np.divide(rows, n_units, out=rows))
        bias /= n_units
        _finish(weights)


class Storkey(WeightRule):
    """Storkey's rule: each new pattern is corrected by the fields of the patterns before it.

    A. J. Storkey, "Increasing the capacity of a Hopfield network without sacrificing
    functionality", ICANN 1997.
    """

    adds_after_dreams = True
    overload = "the stored patterns become unstable, and recall will often end in other states"

    def capacity(self, n_units):
        """Patterns per unit without a wrong unit: 1 / sqrt(2 ln N) (Storkey, Valabregue, 1999)."""
        return 1 / math.sqrt(2 * math.log(max(n_units, 2)))

    def add(self, couplings, patterns):
        """Store more patterns, one after the other."""
        weights, bias = couplings.weights, couplings.bias
        dtype, n_units = weights.dtype.type, len(weights)
        growth = dtype(1 + 2 / n_units)
        fields = np.empty((1, n_units), dtype=dtype)
        blocks = blocks_of(n_units, _SMALLEST_BLOCK)
        with one_blas_thread():
            for pattern in patterns:
                x = pattern[None].astype(dtype)
                f = multiply(x, weights, fields)[0]
                f += couplings.always_on * bias
                on_field = x[0] @ bias

                def add_to(block, x=x[0], f=f):
                    storkey_step(weights[block], block.start, x, f, growth, dtype(n_units))

                for_each(add_to, blocks)
                step = (x[0] - x[0] * on_field - f) / dtype(n_units)
                bias *= growth
                bias += couplings.always_on * step
        # The two halves were summed in different orders, and differ by rounding.
        _finish(weights)


class Dreaming(WeightRule):
    """J = (1 / N) Xi' (1 + t) (1 + t C)^-1 Xi for patterns Xi, overlaps C and sleep time t.

    t = 0 is Hebb's rule; an infinite t is the projector onto the patterns. Fachechi, Agliari and
    Barra, "Dreaming neural networks: forgetting spurious memories and reinforcing pure ones",
    Neural Networks 112, 2019.

    With B = (1 + t X'X / N)^-1 = 1 - t / (1 + t) J, Woodbury's identity gives the exact step to
    more patterns X: J grows by Y' K^-1 Y, where Y = X B and

        K = N / (1 + t) + t / (1 + t) X Y' .

    If t is infinite and patterns are linearly dependent, K is singular. Such patterns are already
    stored, so directions in which K is zero are left out.
    """

    parameters: ClassVar[tuple[str, ...]] = ("sleep_time",)
    stored_with: ClassVar[tuple[str, ...]] = ("fit_intercept", "sleep_time")

    def __init__(self, sleep_time):
        self._ridge = 1 / (1 + sleep_time)
        self._shrinkage = 1 - self._ridge

    @property
    def overload(self):
        """What happens beyond the capacity."""
        if self._ridge > 0:
            return (
                "the stored patterns will not be stable; damaged ones are not recalled even at "
                "lower loads"
            )
        return (
            "the weights approach the identity, so that every state stays as it is and nothing is "
            "recalled"
        )

    def capacity(self, n_units):
        """Patterns per unit that are stable: 0.138 at t = 0, 1 at infinity, else between the two.

        The interpolation between the two is our own. With long sleep times, damaged patterns are
        recalled only up to lower loads.
        """
        return 0.138 * self._ridge + self._shrinkage

    def add(self, couplings, patterns):
        """Store more patterns."""
        with one_blas_thread():
            for part in _parts(patterns, couplings.weights.dtype):
                self._add_part(couplings, part)

    def _add_part(self, couplings, X):
        weights, bias, diagonal = couplings.weights, couplings.bias, couplings.self_weights
        n_units, on = len(weights), couplings.always_on
        Y = multiply(X, weights, np.empty_like(X))
        Y += X * diagonal[:-1] + on * bias
        Y *= -self._shrinkage
        Y += X
        y_on = on - self._shrinkage * (X @ bias + on * diagonal[-1])
        K = multiply(X, Y.T, np.empty((len(X), len(X)), dtype=X.dtype))
        K += on * y_on
        K *= self._shrinkage
        K.flat[:: len(K) + 1] += self._ridge * n_units
        root = _inverse_root(K, n_units)
        Z = multiply(root, Y, np.empty((len(root), n_units), dtype=X.dtype))
        z_on = root @ y_on
        _add_gram(Z, weights)
        diagonal[:-1] += weights.diagonal()
        diagonal[-1] += z_on @ z_on
        bias += z_on @ Z
        _finish(weights)


class PseudoInverse(Dreaming):
    """The projector onto the patterns (Personnaz, Guyon and Dreyfus, 1985): infinite sleep."""

    parameters = ()
    stored_with = WeightRule.stored_with

    def __init__(self):
        super().__init__(np.inf)


class Dense(PatternRule):
    """A dense memory.

    Parameters
    ----------
    order : int
        Order of the interaction.
    """

    parameters = ("order",)

    def __init__(self, order):
        self._order = order

    def capacity(self, n_units):
        """Patterns per unit without a wrong unit.

        N^(n - 2) / (2 (2n - 3)!! ln N) for order n (Krotov and Hopfield, 2016). The formula holds
        for n far below N. It has a maximum at n = N / 2 and falls for higher orders, while the
        capacity of a memory does not fall. So the maximum is used for all higher orders.
        """
        n_units = max(n_units, 2)
        log_n = math.log(n_units)
        order = min(self._order, max(n_units // 2, 2))
        # (2n - 3)!! = 2^(n - 1) Gamma(n - 1/2) / sqrt(pi)
        log_double_factorial = (
            (order - 1) * math.log(2) + math.lgamma(order - 0.5) - math.log(math.pi) / 2
        )
        log_patterns = (order - 2) * log_n - log_double_factorial
        with np.errstate(over="ignore"):
            return float(np.exp(log_patterns - math.log(2 * log_n)))

    def network(self, patterns, dtype):
        """The network that recalls."""
        return DenseNetwork(patterns, self._order, dtype)


class Softmax(PatternRule):
    """A memory of real-valued patterns, weighted by the softmax of their similarities to a state.

    Parameters
    ----------
    beta : float
        Inverse temperature.
    similarity : {"dot", "euclidean", "manhattan"}
    tol : float
        Recall has converged when no unit changes by more than this share of the range of the
        stored values.
    """

    real_states = True
    parameters = ("beta", "similarity", "tol")

    def __init__(self, beta, similarity, tol):
        self._beta, self._similarity, self._tol = beta, similarity, tol

    def capacity(self, n_units):
        """Infinite: the number of patterns grows exponentially with N (Ramsauer et al., 2020)."""
        return math.inf

    def network(self, patterns, dtype):
        """The network that recalls."""
        tol = self._tol * (patterns.max() - patterns.min())
        return SoftmaxNetwork(patterns, self._beta, self._similarity, tol)


# By the values of the parameter ``rule``.
RULES = {
    "hebb": Hebb,
    "storkey": Storkey,
    "pseudo_inverse": PseudoInverse,
    "dreaming": Dreaming,
    "dense": Dense,
    "softmax": Softmax,
}


# Patterns per unit up to which the projector recalls damaged patterns, random or correlated.
_LOAD_OF_PROJECTOR = 0.5

# Orders of dense memories that warnings recommend.
_ORDERS = range(3, 21)


def rule_for(n_patterns, n_units):
    """Parameters with which this number of binary patterns can be stored, as a piece of code."""
    load = n_patterns / n_units
    if load <= _LOAD_OF_PROJECTOR:
        return "rule='pseudo_inverse'"
    orders = [order for order in _ORDERS if Dense(order).capacity(n_units) >= load]
    return f"rule='dense' with order={orders[0]}" if orders else "rule='softmax'"


def append(patterns, more, room):
    """Append patterns; return all of them, and the larger array in which they are stored.

    As long as that array has room, no pattern is copied, so the time to store patterns one by one
    is proportional to their number. ``room`` is the array that the last call returned, or None. It
    is not used if ``patterns`` are no longer a part of it.
    """
    n_before, n_patterns = len(patterns), len(patterns) + len(more)
    if n_before == 0:
        return more, None
    if room is None or patterns.base is not room or len(room) < n_patterns:
        room = np.empty((n_patterns + n_patterns // 2, *more.shape[1:]), dtype=more.dtype)
        room[:n_before] = patterns
    room[n_before:n_patterns] = more
    return room[:n_patterns], room


def _parts(patterns, dtype):
    for start in range(0, len(patterns), _CHUNK):
        yield np.ascontiguousarray(patterns[start : start + _CHUNK], dtype=dtype)


def _change_rows(weights, function):
    """Call ``function(rows)`` for blocks of rows of the weights, on as many threads as are idle."""
    for_each(lambda block: function(weights[block]), blocks_of(len(weights), _SMALLEST_BLOCK))


def _add_gram(rows, weights):
    """Add ``rows.T @ rows`` to the lower triangle of ``weights`` in place."""
    (syrk,) = get_blas_funcs(("syrk",), (weights,))
    # In Fortran's order of memory, which BLAS works in, the lower triangle is the upper one.
    syrk(1, rows.T, beta=1, c=weights.T, overwrite_c=1)


def _finish(weights):
    """Zero the diagonal and complete the matrix from its lower triangle."""
    np.fill_diagonal(weights, 0)
    mirror_lower(weights, _MIRROR_BLOCK)


def _inverse_root(K, n_units):
    """R with R'R = K^-1, with one row for each eigenvalue of K that is not zero up to rounding.

    The rounding errors are relative to the larger of two numbers, the largest eigenvalue and the
    squared length of a pattern: ``K`` may be the small difference of two large matrices.
    """
    values, vectors = eigh(K, check_finite=False)
    largest = max(values[-1], n_units)
    kept = values > max(len(K), n_units) * np.finfo(K.dtype).eps * largest
    return np.ascontiguousarray((vectors[:, kept] / np.sqrt(values[kept])).T)
