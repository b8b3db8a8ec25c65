"""The associative memory."""

from functools import partial
from numbers import Integral, Real
from operator import methodcaller
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from .._by_chunk import AnswersByChunk
from .._checks import (
    Flag,
    HasPlainParameters,
    Number,
    Optional,
    Options,
    Randomness,
    check_argument,
    check_parameters,
)
from .._chunks import stacked
from .._conventions import HasFeaturesOut
from .._deployment import Deployable
from .._encodings import encoding_of, from_spins, joint_encoding, to_spins
from .._random import RandomStreams
from .._schedules import DECAYS
from .._source import evenly_spaced
from .._spins import Dynamics, Outcome, random_orders, temperatures
from .._streams import is_stream, targets_of
from .._typing import Floats, RandomStateLike
from .._validation import FLOATS, all_or_nothing, check_mask, validated, warn_caller
from .._version import VersionStamp
from ..kernels.random import fill_uniform
from ..kernels.spins import random_spins
from .matching import NOT_STORED, REVERSED, SPURIOUS, find_rows, match_real, match_spins
from .storage import RULES, Couplings, append, rule_for
from .unlearning import subtract_dreams

# The encoding of a memory whose states are real numbers.
REAL = "real"

# Number of stored patterns of which ``fit`` tests whether recall keeps them, and the share of the
# units of a pattern that may change. At the capacity of Hebb's rule 1.6 per cent do.
_MOST_TESTED, _SHARE_OF_ERRORS = 100, 0.05
# Size of a field, whose scale is 1, that may be a rounding error.
_ROUNDING = 1e-4


class HopfieldMemory(
    VersionStamp,
    Deployable,
    AnswersByChunk,
    HasFeaturesOut,
    HasPlainParameters,
    OneToOneFeatureMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Associative memory: stores rows, and recalls them from damaged copies.

    A Hopfield network [1]_. Stored patterns have a low energy. Recall changes one unit after the
    other, if this does not raise the energy, until no unit changes any more. There are six rules
    of storing, from Hebb's rule to those of dense [5]_ and modern [6]_ memories. See :ref:`the
    user guide <memory>` for their equations and for which one to choose.

    States are -1 and 1, or 0 and 1, or booleans. ``fit`` recognises which, and results are
    returned in the same form. The stored memory does not depend on it. Other numbers are
    thresholded, see ``binarize``. Only ``rule="softmax"`` has real-valued states.

    Parameters
    ----------
    rule : {"hebb", "storkey", "pseudo_inverse", "dreaming", "dense", "softmax"}, default="hebb"
        How patterns are stored. The first four store weights: Hebb's rule; Storkey's rule [2]_,
        which depends on the order of the rows; the projector onto the patterns [3]_; and an
        interpolation between the first and the third [4]_, see ``sleep_time``. "dense" and
        "softmax" keep the patterns themselves.
    fit_intercept : bool, default=False
        Whether each unit has a bias: its weight to an additional unit that is always on. Not used
        by "dense" and "softmax".
    binarize : float or None, default=0.0
        Threshold for data that are neither -1 and 1 nor 0 and 1: units above it are on, and states
        are returned as 0 and 1. With None such data raise an error. Not used by "softmax".
    sleep_time : float, default=10.0
        Only used by "dreaming". 0 is Hebb's rule; with longer times the rule approaches the
        projector.
    order : int, default=3
        Only used by "dense". Order of the interaction; 2 is Hebb's rule.
    beta : float, default=1.0
        Only used by "softmax". Inverse temperature. With a large value the memory returns the most
        similar pattern alone, with a small one a mean of many.
    similarity : {"dot", "euclidean", "manhattan"}, default="dot"
        Only used by "softmax". Product of state and pattern; minus half the squared distance; or
        minus the sum of absolute differences.
    update : {"async", "sync"}, default="async"
        "async": one unit after the other, in random order. "sync": all units at once, which may
        end in a cycle of two states. Not used by "softmax".
    max_iter : int, default=100
        Largest number of sweeps over the units.
    temperature : float, default=0.0
        If positive, units are stochastic: on with the probability 1 / (1 + exp(-2 h / T)), where
        h is their field. Recall then takes ``max_iter`` sweeps, and states are samples of
        exp(-E / T), a Boltzmann machine without hidden units. Not used by "softmax".
    temperature_schedule : {"constant", "linear", "invscaling", "cosine"}, default="constant"
        Factor of the temperature in sweep s = 0, 1, ... of n: 1; 1 - s / n; 1 / sqrt(1 + s);
        (1 + cos(pi s / n)) / 2. Unless it is constant, up to ``max_iter`` sweeps at temperature
        zero follow, so that recall converges.
    tol : float, default=1e-4
        Only used by "softmax". Recall ends when no unit changes by more than this share of the
        range of the stored values.
    match_tol : float, default=0.02
        Share of the units in which a state may differ from a stored pattern and still be recognised
        as this pattern by ``predict``.
    allow_missing : bool, default=False
        Whether ``transform``, ``predict`` and ``score`` accept rows with NaN. Missing entries
        start at random values and are recalled. ``recall`` always accepts them, ``fit`` never.
    random_state : int, RandomState instance or None, default=None
        Source of the order of the units, of the first values of missing entries and of stochastic
        units. ``fit`` draws a seed; later calls use the same random numbers each time.

    Attributes
    ----------
    weights_ : ndarray of shape (n_features, n_features)
        Symmetric weights between units of -1 and 1, with a zero diagonal. Not available with
        "dense" and "softmax".
    intercept_ : ndarray of shape (n_features,)
        Biases, zero without ``fit_intercept``. Not available with "dense" and "softmax".
    patterns_ : ndarray of shape (n_patterns, n_features)
        Stored patterns in the order of storing. They are int8, -1 and 1, whatever the data were;
        with "softmax" they are real numbers. If the data were a stream, only "dense" and
        "softmax" keep them.
    labels_ : ndarray of shape (n_patterns,) or None
        Labels of the stored patterns.
    load_ : float
        Stored patterns per unit.
    capacity_ : float
        Number of random patterns per unit up to which stored patterns are stable. "storkey" and
        "dense": without a wrong unit. "hebb": with a few wrong units, so the value is higher than
        for "dense" of order 2, which is the same memory. "pseudo_inverse": exactly stable, as
        long as they are linearly independent; but above about half of this number damaged patterns
        are not restored. "dreaming": interpolated between "hebb" and "pseudo_inverse", with the
        same limitation. "softmax": infinite.
    encoding_ : {"spin", "binary", "threshold", "real"} or None
        Values of the data: -1 and 1; 0 and 1; other numbers, which are thresholded; or real
        numbers, with "softmax". None if all values so far were 1, which is "on" in both encodings.
    n_iter_ : int
        Always 1: storing passes over the patterns once. (scikit-learn expects this attribute of
        estimators with ``max_iter``. :meth:`recall` reports the number of sweeps.)
    n_features_in_ : int
        Number of features seen during ``fit``.
    n_features_out_ : int
        Number of features that ``transform`` returns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, if all of them are strings.

    See Also
    --------
    BoltzmannMachine : The same energy, with weights that are learned and with probabilities.
    BernoulliRBM : A model with hidden units, which learns a distribution.

    Notes
    -----
    Parameters of recall (``order``, ``beta``, ``similarity``, ``update``, ``max_iter``, the
    temperatures and tolerances) may be changed after ``fit``. Parameters of storing may not.

    A unit whose field is zero, up to rounding, keeps its state.

    If ``partial_fit``, ``forget`` or ``unlearn`` raise an error or are interrupted, the memory
    stays as it was. They therefore work on a second copy of the weights.

    References
    ----------
    .. [1] J. J. Hopfield, "Neural networks and physical systems with emergent collective
       computational abilities", PNAS 79, 1982.
    .. [2] A. J. Storkey, "Increasing the capacity of a Hopfield network without sacrificing
       functionality", ICANN 1997.
    .. [3] L. Personnaz, I. Guyon and G. Dreyfus, "Information storage and retrieval in
       spin-glass like neural networks", Journal de Physique Lettres 46, 1985.
    .. [4] A. Fachechi, E. Agliari and A. Barra, "Dreaming neural networks: forgetting spurious
       memories and reinforcing pure ones", Neural Networks 112, 2019.
    .. [5] D. Krotov and J. J. Hopfield, "Dense associative memory for pattern recognition",
       NIPS 2016.
    .. [6] H. Ramsauer et al., "Hopfield networks is all you need", ICLR 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import HopfieldMemory
    >>> X = np.array([[1, 1, 1, 1, -1, -1, -1, -1], [1, -1, 1, -1, 1, -1, 1, -1]])
    >>> memory = HopfieldMemory("pseudo_inverse", random_state=0).fit(X)
    >>> damaged = [[-1, 1, 1, 1, -1, -1, -1, -1]]
    >>> memory.transform(damaged)
    array([[ 1,  1,  1,  1, -1, -1, -1, -1]])
    >>> memory.predict(damaged)
    array([0])
    """

    # Fitted attributes
    weights_: Floats
    intercept_: Floats
    patterns_: NDArray[Any]
    labels_: NDArray[Any] | None
    load_: float
    capacity_: float
    encoding_: Literal["spin", "binary", "threshold", "real"] | None
    n_iter_: int

    _parameter_checks: ClassVar = {
        "rule": Options(*RULES),
        "fit_intercept": Flag(),
        "binarize": Optional(Number(Real, "(-inf, inf)")),
        "sleep_time": Number(Real, "[0, inf)"),
        "order": Number(Integral, "[2, inf)"),
        "beta": Number(Real, "(0, inf)"),
        "similarity": Options("dot", "euclidean", "manhattan"),
        "update": Options("async", "sync"),
        "max_iter": Number(Integral, "[1, inf)"),
        "temperature": Number(Real, "[0, inf)"),
        "temperature_schedule": Options(*DECAYS),
        "tol": Number(Real, "[0, inf)"),
        "match_tol": Number(Real, "[0, 0.5)"),
        "allow_missing": Flag(),
        "random_state": Randomness(),
    }

    def __init__(
        self,
        rule: Literal["hebb", "storkey", "pseudo_inverse", "dreaming", "dense", "softmax"] = "hebb",
        *,
        fit_intercept: bool = False,
        binarize: float | None = 0.0,
        sleep_time: float = 10.0,
        order: int = 3,
        beta: float = 1.0,
        similarity: Literal["dot", "euclidean", "manhattan"] = "dot",
        update: Literal["async", "sync"] = "async",
        max_iter: int = 100,
        temperature: float = 0.0,
        temperature_schedule: Literal["constant", "linear", "invscaling", "cosine"] = "constant",
        tol: float = 1e-4,
        match_tol: float = 0.02,
        allow_missing: bool = False,
        random_state: RandomStateLike = None,
    ) -> None:
        self.rule = rule
        self.fit_intercept = fit_intercept
        self.binarize = binarize
        self.sleep_time = sleep_time
        self.order = order
        self.beta = beta
        self.similarity = similarity
        self.update = update
        self.max_iter = max_iter
        self.temperature = temperature
        self.temperature_schedule = temperature_schedule
        self.tol = tol
        self.match_tol = match_tol
        self.allow_missing = allow_missing
        self.random_state = random_state

    # Storing

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Store the rows. What was stored before is forgotten.

        Parameters
        ----------
        X : {array-like, stream} of shape (n_samples, n_features)
            Patterns. NaN raises an error: only rows to be recalled may have missing entries. Of a
            stream, only "dense" and "softmax" keep the patterns. With the other rules, ``predict``
            and ``forget`` are then not available, because they need the patterns.
        y : array-like of shape (n_samples,), default=None
            Labels that :meth:`predict` returns. They should not contain -1 or -2, because
            ``predict`` uses these as codes and would then raise an error. ``fit`` accepts them, so
            that a pipeline can pass the labels of its last step.

        Returns
        -------
        self : estimator
            The memory.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid. The estimator is then unchanged.
        """
        check_parameters(self, self._parameter_checks)
        with all_or_nothing(self):
            X = validated(self, X)
            y = self._labels_to_keep(X, y)
            self._start(X, y)
            self._store(X, y)
            self._warn_of_unstable_patterns()
        return self

    def partial_fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Store more rows.

        The result is the same as if all rows had been stored together: exactly for "hebb", up to
        rounding for the others. For "storkey", whose result depends on the order of the patterns,
        it is the order in which they were passed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Patterns, with the same two values as those stored before.
        y : array-like of shape (n_samples,), default=None
            Labels, if the patterns stored before have labels.

        Returns
        -------
        self : estimator
            The memory.

        Raises
        ------
        ValueError
            As for :meth:`fit`. Also for "pseudo_inverse" and "dreaming" after :meth:`unlearn`,
            because the formula for further patterns needs the weights of the stored patterns.
        """
        check_parameters(self, self._parameter_checks)
        with all_or_nothing(self):
            first_time = not hasattr(self, "load_")
            X = validated(self, X, reset=first_time)
            y = self._labels_to_keep(X, y)
            if first_time:
                self._start(X, y)
            self._store(X, y)
        return self

    def forget(self, X: ArrayLike) -> Self:
        """Remove stored rows, as if they had never been stored.

        "hebb" subtracts them from the weights. The other rules compute the weights again from the
        remaining patterns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Patterns that are stored. If a pattern was stored several times, each row removes one
            copy.

        Returns
        -------
        self : estimator
            The memory. The remaining patterns are numbered anew, in their order.

        Raises
        ------
        ValueError
            If a row is not stored, or if patterns are not kept. Except with "hebb", also after
            :meth:`unlearn`, because computing the weights again would undo it.
        """
        rule = self._fitted_rule()
        self._check_that_patterns_are_kept("forget")
        with all_or_nothing(self):
            X = validated(self, X, reset=False)
            patterns = self._patterns_of(X, self._encoding_with(X))
            numbers = find_rows(patterns, self.patterns_)
            if (numbers == NOT_STORED).any():
                row = np.flatnonzero(numbers == NOT_STORED)[0]
                raise ValueError(f"Row {row} of X is not stored in this {type(self).__name__}.")
            self._remove(rule, patterns, numbers)
            self._count_patterns(rule)
        return self

    def unlearn(self, n_dreams: int = 100, rate: float = 0.01) -> Self:
        """Recall from random states, and subtract the states that are found from the weights.

        These states ("dreams") are mostly spurious, so the stored patterns become easier to
        recall, and the capacity rises. After too many dreams the patterns themselves are lost
        (Hopfield et al., 1983).

        Parameters
        ----------
        n_dreams : int, default=100
            Number of dreams. Two calls have the same result as one call with the sum of their
            numbers.
        rate : float, default=0.01
            A dream subtracts ``rate`` times what storing its state by Hebb's rule would add.

        Returns
        -------
        self : estimator
            The memory.

        Raises
        ------
        ValueError
            If the rule has no weights: "dense" and "softmax".
        """
        rule = self._fitted_rule()
        n_dreams = check_argument(self, "n_dreams", n_dreams, Number(Integral, "[0, inf)"))
        rate = check_argument(self, "rate", rate, Number(Real, "[0, inf)"))
        if rule.keeps_patterns:
            raise ValueError(
                f"{type(self).__name__} with rule={self.rule!r} keeps the patterns themselves and "
                "has no weights that unlearn could change. Call forget to remove patterns, or "
                "choose another rule."
            )
        streams = RandomStreams(self._seed)
        orders = self._orders(streams, together=False)
        address = streams.seed, streams.take(), self._n_dreams
        couplings = self._couplings()
        subtract_dreams(couplings, n_dreams, rate, orders, self._parameters.max_iter, address)
        with all_or_nothing(self):
            self._publish(couplings)
            self._n_dreams += n_dreams
        return self

    def _start(self, X, y):
        """Make the memory empty, for data of this kind."""
        dtype = X.dtype if X.dtype in FLOATS else np.dtype(np.float64)
        rule = self._rule()
        self._seed = RandomStreams.from_random_state(check_random_state(self.random_state)).seed
        self._n_dreams = 0
        self.n_iter_ = 1
        self._dtype = dtype
        self._stored_with = self._storing_parameters()
        self.encoding_ = REAL if rule.real_states else None
        self.patterns_ = np.empty((0, X.shape[1]), dtype=dtype if rule.real_states else np.int8)
        self._room, self._n_patterns = None, 0
        self.labels_ = None if y is None else np.asarray(y)[:0]
        for name in ("weights_", "intercept_"):
            vars(self).pop(name, None)
        if not rule.keeps_patterns:
            self._publish(Couplings.empty(X.shape[1], self.fit_intercept, dtype))

    def _couplings(self):
        """The weights, for a rule to change.

        If patterns are stored, a copy: a change that is interrupted, by Ctrl-C or for lack of
        memory, leaves the weights of the estimator as they were.
        """
        arrays = self.weights_, self.intercept_, self._self_weights
        if self._n_patterns:
            arrays = (np.array(array, order="C") for array in arrays)
        return Couplings(*arrays, int(self.fit_intercept), self._dreamt)

    def _publish(self, couplings):
        self.weights_, self.intercept_ = couplings.weights, couplings.bias
        self._self_weights, self._dreamt = couplings.self_weights, couplings.dreamt

    def _store(self, X, y):
        rule = self._fitted_rule()
        labels = self._labels_with(X, y)
        self.encoding_ = self._encoding_with(X)
        patterns = X.map(self._make_patterns()) if is_stream(X) else self._patterns_of(X)
        if not rule.keeps_patterns:
            couplings = self._couplings()
            self._refuse_after_dreams(rule.adds_after_dreams, "store more patterns")
            (rule.add_stream if is_stream(X) else rule.add)(couplings, patterns)
            self._publish(couplings)
        if is_stream(X) and not rule.keeps_patterns:
            vars(self).pop("patterns_", None)
        if hasattr(self, "patterns_"):
            if is_stream(X):
                patterns = stacked(list(patterns))
            self.patterns_, self._room = append(self.patterns_, patterns, self._room)
        self.labels_ = labels
        n_before = self._n_patterns
        self._n_patterns += X.shape[0]
        self._count_patterns(rule, n_before)
        self._stamp_version()

    def _labels_to_keep(self, X, y):
        """Labels of patterns that are kept, or None."""
        if not is_stream(X):
            return y
        if self._rule().keeps_patterns:
            return targets_of(X, y)
        if y is not None:
            raise ValueError(
                f"{type(self).__name__} with rule={self.rule!r} keeps neither the patterns of a "
                "stream nor their labels. Leave out y, or choose rule='dense' or 'softmax'."
            )
        return None

    def _check_that_patterns_are_kept(self, method):
        if not hasattr(self, "patterns_"):
            raise ValueError(
                f"{type(self).__name__}.{method} needs the stored patterns. They were a stream, of "
                f"which rule={self.rule!r} keeps only the weights. Fit with an array, or choose "
                "rule='dense' or 'softmax'."
            )

    def _encoding_with(self, X, gaps=None):
        """Encoding of the memory together with these data."""
        if self.encoding_ == REAL:
            return REAL
        found = encoding_of(X, gaps)
        return joint_encoding(
            self.encoding_, found, type(self).__name__, X, self._parameters.binarize
        )

    def _patterns_of(self, X, encoding=None):
        """Rows of data as patterns, in the encoding of the memory or in another one."""
        return self._make_patterns(encoding)(X)

    def _make_patterns(self, encoding=None):
        """A function from rows of data to patterns, to be sent to workers without the memory."""
        encoding = self.encoding_ if encoding is None else encoding
        if encoding == REAL:
            return methodcaller("astype", self._dtype)
        threshold = self._parameters.binarize
        return partial(to_spins, encoding=encoding, threshold=threshold, dtype=np.int8)

    def _labels_with(self, X, y):
        if (y is None) != (self.labels_ is None):
            raise ValueError(
                f"Either all patterns of a {type(self).__name__} have labels or none has: y "
                f"{'is missing' if y is None else 'was not given before'}."
                f" Pass y {'too' if y is None else 'from the first call on'}, or call fit."
            )
        if y is None:
            return None
        check_consistent_length(X, y)
        labels = np.asarray(y)
        if (labels.dtype.kind in "US") != (self.labels_.dtype.kind in "US"):
            raise ValueError(
                f"Either all labels of a {type(self).__name__} are strings or none is. The labels "
                f"before have the dtype {self.labels_.dtype}, those in y {labels.dtype}."
            )
        return np.concatenate([self.labels_, labels])

    def _remove(self, rule, patterns, numbers):
        kept = np.delete(self.patterns_, numbers, axis=0)
        if len(kept) == 0:
            raise ValueError(
                f"These rows are all patterns of this {type(self).__name__}, and it cannot be "
                "empty. Leave one pattern, or call fit with new ones."
            )
        if not rule.keeps_patterns:
            couplings = self._couplings()
            if rule.can_subtract:
                rule.subtract(couplings, patterns)
            else:
                self._refuse_after_dreams(False, "forget patterns")
                couplings.clear()
                rule.add(couplings, kept)
            self._publish(couplings)
        self.patterns_, self._room, self._n_patterns = kept, None, len(kept)
        if self.labels_ is not None:
            self.labels_ = np.delete(self.labels_, numbers, axis=0)

    def _refuse_after_dreams(self, allowed, what):
        if self._dreamt and not allowed:
            raise ValueError(
                f"{type(self).__name__} with rule={self.rule!r} cannot {what} after unlearn, "
                "which has changed the weights. Call fit with all patterns."
            )

    def _count_patterns(self, rule, n_before=None):
        """Set ``load_`` and ``capacity_``, and warn if the load has become higher."""
        n_patterns, n_units = self._n_patterns, self.n_features_in_
        self.load_ = n_patterns / n_units
        self.capacity_ = float(rule.capacity(n_units))
        fitted_before = n_before is not None and n_before / n_units <= self.capacity_
        if fitted_before and self.load_ > self.capacity_:
            warn_caller(
                f"{n_patterns} patterns in {n_units} units are {self.load_:.3g} per unit, more "
                f"than the capacity of rule={self.rule!r}, {self.capacity_:.3g} for random "
                f"patterns: {rule.overload}. For this number of patterns, set "
                f"{rule_for(n_patterns, n_units)}.",
            )

    def _warn_of_unstable_patterns(self):
        """Warn if recall leaves most of the stored patterns, and their number is not the reason."""
        has_weights = not self._rule().keeps_patterns
        if not has_weights or not hasattr(self, "patterns_") or self.load_ > self.capacity_:
            return
        states = evenly_spaced(self.patterns_, _MOST_TESTED).astype(self.weights_.dtype)
        changes = self._network().fields(states) * states < -_ROUNDING
        n_unstable = np.count_nonzero(changes.mean(axis=1) > _SHARE_OF_ERRORS)
        if 2 * n_unstable > len(states):
            warn_caller(
                f"Recall does not keep {n_unstable} of {len(states)} stored patterns: they are not "
                f"stable states of this {type(self).__name__}. With rule={self.rule!r}, patterns "
                "that are correlated, as images are, disturb each other. Set "
                f"{rule_for(self._n_patterns, self.n_features_in_)}."
            )

    def _rule(self):
        """The rule that is set."""
        return RULES[self.rule].of(self._parameters)

    def _storing_parameters(self):
        names = "rule", *RULES[self.rule].stored_with
        return {name: getattr(self, name) for name in names}

    def _fitted_rule(self):
        """The rule that has stored the patterns, which must be the one that is set."""
        check_is_fitted(self)
        check_parameters(self, self._parameter_checks)
        if self._storing_parameters() != self._stored_with:
            raise ValueError(
                f"This {type(self).__name__} was fitted with {self._stored_with} and now has "
                f"{self._storing_parameters()}. Call fit again, or set the parameters back."
            )
        return self._rule()

    # Recalling

    def transform(self, X: Any) -> Any:
        """Recall a stored pattern from each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States to start from. With ``allow_missing``, NaN marks missing entries.

        Returns
        -------
        X_recalled : ndarray of shape (n_samples, n_features)
            Recalled states, with the two values of the stored patterns and the dtype of ``X``.
        """
        return self._decode(self._recall(X))

    def recall(
        self,
        X: ArrayLike,
        *,
        clamp: ArrayLike | None = None,
        missing: ArrayLike | None = None,
        random_state: RandomStateLike = None,
    ) -> Bunch:
        """Recall a stored pattern from each row, and report the number of sweeps and the energies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States to start from. NaN marks missing entries, which start at random values.
        clamp : array-like of bool, of shape (n_features,) or (n_samples, n_features), default=None
            Units that keep the state that they have in ``X``.
        missing : array-like of bool, of shape (n_features,) or (n_samples, n_features), \
default=None
            Further missing entries, for data types without NaN. With "softmax" they start at
            random values between the smallest and the largest value stored in their unit.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. With None they are those of ``transform``, the same in
            each call, see :ref:`random_numbers`.

        Returns
        -------
        recalled : :class:`~sklearn.utils.Bunch`
            With the arrays

            states : ndarray of shape (n_samples, n_features)
                As from :meth:`transform`.
            n_steps : ndarray of int of shape (n_samples,)
                Number of sweeps that changed the row, plus all sweeps at a positive temperature.
            converged : ndarray of bool of shape (n_samples,)
                Whether a further sweep at temperature zero would change nothing.
            cycled : ndarray of bool of shape (n_samples,)
                Whether the row ended in a cycle of two states, of which ``states`` contains one.
                Only possible with ``update="sync"``.
            energies : ndarray of shape (n_samples, n_steps.max() + 1)
                Energy before the first sweep and after each sweep. For a row that has converged,
                the last energy is repeated.
        """
        recalled = self._recall(X, True, clamp, missing, random_state, with_paths=True)
        outcome = recalled.outcome
        return Bunch(
            states=self._decode(recalled),
            n_steps=outcome.n_steps,
            converged=outcome.converged,
            cycled=outcome.cycled,
            energies=outcome.paths[:, : outcome.n_steps.max() + 1].copy(),
        )

    def predict(self, X: Any) -> Any:
        """Find the stored pattern in which the recall of each row ends.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States to start from, as for :meth:`transform`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Label of the pattern, or its index if there are no labels. -1 if recall ends in a
            spurious state, which was never stored. -2 if it ends in a stored pattern with all
            units reversed, which has the same energy in a memory without biases. The dtype is
            object if the labels are neither signed numbers nor unsigned integers.

        Raises
        ------
        ValueError
            If a label is -1 or -2, the same as one of these codes.
        """
        self._refuse_codes_as_labels()
        self._check_that_patterns_are_kept("predict")
        recalled = self._recall(X)
        found = self._match(recalled.states)
        if self.labels_ is None:
            return found
        stored = found >= 0
        kind = self.labels_.dtype.kind
        dtype = self.labels_.dtype if kind in "if" else np.int64 if kind == "u" else object
        out = np.empty((len(found), *self.labels_.shape[1:]), dtype=dtype)
        out[stored] = self.labels_[found[stored]]
        out[~stored] = found[~stored].reshape(-1, *[1] * (out.ndim - 1))
        return out

    def energy(self, X: ArrayLike) -> NDArray[np.floating]:
        """Energy of each row. Recall lowers it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States, without missing entries.

        Returns
        -------
        energy : ndarray of shape (n_samples,)
            In units of the temperature.
        """
        self._fitted_rule()
        rows = validated(self, X, reset=False)
        states, _ = self._states(rows)
        return self._network().energy(states).astype(self._float_type(rows.dtype), copy=False)

    def score_samples(self, X: Any) -> Any:
        """Minus the energy of each row: rows unlike the stored patterns have low scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States, without missing entries.

        Returns
        -------
        score : ndarray of shape (n_samples,)
            In units of the temperature.
        """
        return -self.energy(X)

    def score(self, X: Any, y: ArrayLike | None = None) -> float:
        """Share of rows whose recall ends in the pattern of ``y``.

        Without ``y``, the mean of :meth:`score_samples`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States to start from.
        y : array-like of shape (n_samples,), default=None
            Values that :meth:`predict` should return.

        Returns
        -------
        score : float
            The higher, the better.

        Raises
        ------
        ValueError
            With y, as for :meth:`predict`.
        """
        if y is None:
            return float(self.score_samples(X).mean())
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def _recall(
        self,
        X,
        allow_missing=False,
        clamp=None,
        missing=None,
        random_state=None,
        with_paths=False,
    ):
        """States of the network after recall, and how recall ended."""
        self._fitted_rule()
        finite = "allow-nan" if allow_missing or self.allow_missing else True
        X = validated(self, X, reset=False, ensure_all_finite=finite)
        gaps = _gaps(X, missing)
        states, encoding = self._states(X, gaps)
        free = _free(clamp, gaps, X.shape)
        streams = self._draws(random_state)
        # Before the gaps, which only some calls have: a gap in one row must not change another.
        dynamics = self._dynamics(streams)
        if gaps is not None:
            self._fill(states, gaps, (streams.seed, streams.take(), 0))
        n_columns = dynamics.n_steps + 1 if with_paths else 0
        outcome = Outcome(len(states), n_columns, states.dtype)
        self._network().recall(states, free, dynamics, outcome)
        if dynamics.settles:
            self._warn_of_unrest(outcome)
        return Bunch(states=states, outcome=outcome, encoding=encoding, dtype=X.dtype)

    def _states(self, X, gaps=None):
        """States with the dtype of the memory, and the encoding in which they are returned."""
        encoding = self._encoding_with(X, gaps)
        if encoding == REAL:
            return np.array(X, dtype=self._dtype, order="C"), REAL
        return to_spins(X, encoding, self._parameters.binarize, self._dtype), encoding

    def _fill(self, states, gaps, address):
        """Give missing entries random values to start from."""
        if self.encoding_ != REAL:
            random_spins(address, gaps, states)
            return
        low, high = self.patterns_.min(axis=0), self.patterns_.max(axis=0)
        seed, stream, _ = address
        uniform = np.empty(states.shape[1], dtype=states.dtype)
        for row in np.flatnonzero(gaps.any(axis=1)):
            fill_uniform(seed, stream, row, 0, uniform)
            np.copyto(states[row], low + uniform * (high - low), where=gaps[row])

    def _decode(self, recalled):
        if recalled.encoding == REAL:
            return recalled.states.astype(self._float_type(recalled.dtype), copy=False)
        dtype = recalled.dtype if recalled.dtype.kind in "biuf" else self._dtype
        return from_spins(recalled.states, recalled.encoding, dtype)

    def _float_type(self, dtype):
        return dtype if dtype in FLOATS else self._dtype

    def _network(self):
        rule = self._rule()
        if rule.keeps_patterns:
            return rule.network(self.patterns_, self._dtype)
        return rule.network(np.ascontiguousarray(self.weights_), self.intercept_)

    def _match(self, states):
        if self.encoding_ != REAL:
            return match_spins(states, self.patterns_, self._parameters.match_tol)
        nearest = self._network().nearest(states)
        return match_real(states, self.patterns_, nearest, self._parameters.match_tol)

    def _refuse_codes_as_labels(self):
        check_is_fitted(self)
        if self.labels_ is None or self.labels_.dtype.kind not in "ifO":
            return
        for code, ending in ((SPURIOUS, "a spurious state"), (REVERSED, "a reversed pattern")):
            if (self.labels_ == code).any():
                name = type(self).__name__
                raise ValueError(
                    f"The label {code} in y of {name}.fit is also the code that predict returns "
                    f"for a row that ends in {ending}. Use other labels, or fit without y, so that "
                    "predict returns the indices of the patterns."
                )

    def _dynamics(self, streams):
        # Real-valued units have neither an order nor a temperature.
        real = self._rule().real_states
        together = real or self.update == "sync"
        temperature = 0 if real else self._parameters.temperature
        sweeps = temperatures(temperature, self.temperature_schedule, self._parameters.max_iter)
        return Dynamics(
            together=together,
            max_iter=self._parameters.max_iter,
            temperatures=sweeps,
            settles=len(sweeps) == 0 or self.temperature_schedule != "constant",
            orders=self._orders(streams, together),
            address=(streams.seed, streams.take(len(sweeps))),
        )

    def _orders(self, streams, together):
        n_units = self.n_features_in_
        return random_orders(n_units, self._parameters.max_iter, together, streams.generator())

    def _draws(self, random_state):
        if random_state is None:
            return RandomStreams(self._seed)
        return RandomStreams.from_random_state(check_random_state(random_state))

    def _warn_of_unrest(self, outcome):
        n_rows = len(outcome.converged)
        n_cycled = np.count_nonzero(outcome.cycled)
        n_restless = np.count_nonzero(~outcome.converged & ~outcome.cycled)
        if n_cycled:
            warn_caller(
                f"{n_cycled} of {n_rows} rows ended in a cycle of two states, which is possible "
                "with update='sync'. Set update='async' to avoid cycles.",
                ConvergenceWarning,
            )
        if n_restless:
            warn_caller(
                f"{n_restless} of {n_rows} rows had not converged after {self.max_iter} "
                "sweeps. Increase max_iter.",
                ConvergenceWarning,
            )

    def __getstate__(self):
        # The array behind the patterns, with room for more, would be stored a second time.
        state = dict(super().__getstate__())
        if "_room" in state:
            state["_room"] = None
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _gaps(X, missing):
    """Mask of the missing entries, None if there are none."""
    gaps = np.isnan(X) if X.dtype.kind == "f" else np.zeros(X.shape, dtype=bool)
    if missing is not None:
        gaps |= check_mask("missing", missing, X.shape)
    return gaps if gaps.any() else None


def _free(clamp, gaps, shape):
    """Mask of the units that may change, of a single row if it is the same for all."""
    if clamp is None:
        return np.ones((1, shape[1]), dtype=bool)
    clamp = check_mask("clamp", clamp, shape)
    if gaps is not None and (clamp & gaps).any():
        raise ValueError(
            "clamp is true for entries of X that are missing, which have no state to keep. Make it "
            "false for these entries."
        )
    return np.ascontiguousarray(~clamp)
