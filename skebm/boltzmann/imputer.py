"""Imputation of missing entries of a table by a restricted Boltzmann machine."""

import itertools
import math
import operator
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.impute import MissingIndicator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._by_chunk import AnswersByChunk
from .._checks import (
    Flag,
    HasPlainParameters,
    Instance,
    Number,
    Optional,
    Randomness,
    Scalar,
    check_parameters,
)
from .._conventions import HasFeaturesOut
from .._deployment import Deployable
from .._streams import is_stream, made_of, total_of
from .._validation import all_or_nothing
from .._version import VersionStamp
from .columns import TableSummary, columns_of, is_frame
from .mixed import MixedRBM
from .table import checked_table, dtype_of, missing_entries, table_of, taken

# Parameters of the default machine, with about this many learning steps on minibatches of this many
# rows.
_N_COMPONENTS, _N_GIBBS_STEPS, _ALPHA = 50, 2, 0.03
_N_UPDATES = 1500
_BATCH_SIZE = 20
_EPOCHS = 5, 150

# Epochs of training on filled-in rows in each round, as a share of those of the first training.
_SHARE_OF_A_ROUND = 0.1
_STEPS_OF_A_ROUND = 10


class RBMImputer(
    VersionStamp,
    Deployable,
    AnswersByChunk,
    HasFeaturesOut,
    HasPlainParameters,
    OneToOneFeatureMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Fills in missing entries of a table by a restricted Boltzmann machine.

    Columns may be real, binary or categorical, see :class:`MixedRBM`. Such a machine first learns
    from the entries that are known. Then, in a few rounds, the missing ones are drawn given the
    others of their row, and training continues on the completed rows. :meth:`transform` fills in
    the expected value of a real column, and the most probable category. With ``sample_posterior``
    it fills in a draw; the differences between several such imputations show how uncertain they
    are.

    Parameters
    ----------
    estimator : MixedRBM, default=None
        The machine, which is cloned. None is a MixedRBM with 50 hidden units, ``alpha=0.03``,
        ``n_gibbs_steps=2``, ``categories="declared"``, minibatches of 20 rows, and enough epochs
        for about 1,500 learning steps, at least 5 and at most 150.
    missing_values : object, default=np.nan
        The value that marks a missing entry. NaN, None and other missing values of a DataFrame
        always do, too.
    n_rounds : int, default=10
        Number of rounds. In each, missing entries are drawn, and training continues on the
        completed rows for a tenth of the epochs.
    n_steps : int, default=200
        Steps of Gibbs sampling that fill in entries; over the second half, means are averaged.
    sample_posterior : bool, default=False
        Fill in a draw given the known entries, instead of the expected value. Each call of
        ``transform`` makes new draws.
    add_indicator : bool, default=False
        Add a column for each that had missing entries in ``fit``, with 1 where an entry is missing.
    keep_empty_features : bool, default=False
        Keep columns without a single known entry in ``fit``, as zeros. They are left out
        otherwise.
    random_state : int, RandomState instance or None, default=None
        Source of the random numbers; the ``random_state`` of the ``estimator`` is not used.

    Attributes
    ----------
    estimator_ : estimator
        The fitted machine.
    indicator_ : MissingIndicator or None
        The transformer that adds columns, if ``add_indicator``.
    n_features_in_ : int
        Number of columns seen during ``fit``.
    n_features_out_ : int
        Number of features that ``transform`` returns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of columns seen during ``fit``, if all of them are strings.

    See Also
    --------
    MixedRBM : The machine, for samples and conditional distributions.

    Notes
    -----
    A DataFrame comes out as a DataFrame with the same columns and types, an array as an array.

    References
    ----------
    .. [1] R. Salakhutdinov, A. Mnih and G. Hinton, "Restricted Boltzmann machines for collaborative
       filtering", ICML 2007.
    .. [2] G. Celeux and J. Diebolt, "The SEM algorithm: a probabilistic teacher algorithm derived
       from the EM algorithm for the mixture problem", Computational Statistics Quarterly 2, 1985.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from skebm import RBMImputer
    >>> X = load_wine().data
    >>> X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    >>> filled = RBMImputer(n_rounds=2, random_state=0).fit_transform(X)
    >>> filled.shape, bool(np.isnan(filled).any())
    ((178, 13), False)
    """

    # Fitted attributes
    estimator_: MixedRBM
    indicator_: MissingIndicator | None

    _reads_tables: ClassVar = True
    _parameter_checks: ClassVar = {
        "estimator": Optional(Instance(MixedRBM)),
        "missing_values": Scalar(),
        "n_rounds": Number(Integral, "[0, inf)"),
        "n_steps": Number(Integral, "[1, inf)"),
        "sample_posterior": Flag(),
        "add_indicator": Flag(),
        "keep_empty_features": Flag(),
        "random_state": Randomness(),
    }

    def __init__(
        self,
        estimator: MixedRBM | None = None,
        *,
        missing_values: object = np.nan,
        n_rounds: int = 10,
        n_steps: int = 200,
        sample_posterior: bool = False,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.missing_values = missing_values
        self.n_rounds = n_rounds
        self.n_steps = n_steps
        self.sample_posterior = sample_posterior
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn from a table with missing entries.

        Parameters
        ----------
        X : DataFrame, array-like or stream of shape (n_samples, n_features)
            Rows of a table.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted imputer.
        """
        check_parameters(self, self._parameter_checks)
        with all_or_nothing(self):
            X = self._checked(X, reset=True)
            found = TableSummary.of(X, self.missing_values)
            self._names = list(found.template.columns) if is_frame(found.template) else None
            self._is_empty = found.n_known == 0
            if self._is_empty.all():
                raise ValueError(
                    f"{type(self).__name__} needs at least one known entry, but all are missing."
                )
            self.indicator_ = None
            if self.add_indicator:
                have_gaps = found.n_known[np.newaxis] < found.n_rows
                self.indicator_ = MissingIndicator(error_on_new=False).fit(_marked(have_gaps))
            random_state = check_random_state(self.random_state)
            self._seed = int(random_state.randint(np.iinfo(np.int32).max))
            X = made_of(X, partial(taken, are_taken=~self._is_empty))
            self.estimator_ = self._learned(X, found.n_rows)
            self._stamp_version()
        return self

    def transform(self, X: Any) -> Any:
        """Fill in missing entries.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows of a table with the columns that ``fit`` has seen.

        Returns
        -------
        V : DataFrame or ndarray of shape (n_samples, n_features_out)
            The same rows without missing entries. Columns that were empty in ``fit`` are left out,
            or filled with zeros if ``keep_empty_features``. With ``add_indicator``, further columns
            mark the entries that were missing.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        rows, n_steps = taken(X, ~self._is_empty), self._parameters.n_steps
        known = self.estimator_.encoder_.known(rows)
        if known.all():
            filled = rows
        elif self.sample_posterior:
            filled = _drawn(self.estimator_, rows, n_steps)
        else:
            filled = self.estimator_.impute(rows, n_steps, random_state=self._seed)
        columns, zeros = iter(columns_of(filled)), np.zeros(len(X), dtype=dtype_of(X))
        is_kept = np.full(X.shape[1], True) if self.keep_empty_features else ~self._is_empty
        kept = [zeros if empty else next(columns) for empty in self._is_empty]
        kept = list(itertools.compress(kept, is_kept))
        names = self.get_feature_names_out().tolist()
        if is_frame(X) and self._names is not None:  # which may not be strings
            names[: len(kept)] = itertools.compress(self._names, is_kept)
        if self.indicator_ is not None:
            marked = _marked(missing_entries(X, self.missing_values))
            kept += [*self.indicator_.transform(marked).astype(dtype_of(X)).T]
        return table_of(X, kept, names)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the input columns. If those seen in ``fit`` had names, they must be the same.

        Returns
        -------
        names : ndarray of str
            Names of the columns that are kept, and of those that are added.
        """
        names = super().get_feature_names_out(input_features)
        kept = names if self.keep_empty_features else names[~self._is_empty]
        if self.indicator_ is None:
            return kept
        return np.concatenate([kept, self.indicator_.get_feature_names_out(names)])

    def _checked(self, X, reset):
        """A table or a stream of tables, validated."""
        X = checked_table(self, X, reset)
        return made_of(X, partial(_with_floats, missing_values=self.missing_values))

    def _learned(self, X, n_rows):
        """The machine, fitted to the columns that have known entries."""
        machine = _default(n_rows) if self.estimator is None else clone(self.estimator)
        machine.set_params(missing_values=self.missing_values, random_state=self._seed).fit(X)
        before, has_gaps = machine.get_params(deep=False), machine.encoder_.has_gaps
        n_iter = math.ceil(_SHARE_OF_A_ROUND * machine.get_params()["n_iter"])
        machine.set_params(n_iter=n_iter, warm_start=True)
        has_gaps = total_of(X, has_gaps, operator.or_)
        for number in range(self._parameters.n_rounds if has_gaps else 0):
            # With a copy of the present machine, because chunks of a stream are drawn when they are
            # read.
            draw = partial(_drawn_at, machine.without_training_state(), (self._seed, number))
            machine.fit(X.map_named(draw) if is_stream(X) else draw(X))
        return machine.set_params(**before)

    def _refuse_chunks(self, method, options):
        if method == "transform" and self.sample_posterior:
            raise TypeError(
                f"{type(self).__name__}.transform with sample_posterior=True makes new draws at "
                "each call, and takes arrays and DataFrames alone. Call it for one chunk after "
                "another: [imputer.transform(X) for X in stream.tables()]; of Dask, for "
                "X.partitions or X.blocks, computed."
            )

    def _attributes_for_use(self):
        return vars(self) | {"estimator_": self.estimator_.without_training_state()}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _default(n_rows):
    """The default machine for this number of rows."""
    low, high = _EPOCHS
    n_iter = min(max(_N_UPDATES * _BATCH_SIZE // n_rows, low), high)
    return MixedRBM(
        _N_COMPONENTS,
        categories="declared",
        batch_size=_BATCH_SIZE,
        n_iter=n_iter,
        n_gibbs_steps=_N_GIBBS_STEPS,
        alpha=_ALPHA,
    )


def _with_floats(X, missing_values):
    """An array of numbers as floats, with NaN for missing ones; other tables are unchanged."""
    if is_frame(X) or X.dtype.kind not in "fiub":
        return X
    return np.where(missing_entries(X, missing_values), np.nan, X).astype(dtype_of(X))


def _drawn(machine, X, n_steps, random_state=None):
    """The rows with draws in place of missing entries."""
    known = machine.encoder_.known(X)
    if known.all():
        return X
    start = machine.impute(X, n_steps, random_state=random_state)
    how = {"n_steps": n_steps, "random_state": random_state}
    return machine.sample(init=start, clamp=known, **how)


def _drawn_at(machine, seeds, X, where=None):
    """Rows to learn from in a round, always the same for a chunk; ``seeds`` are those of the round.

    Draws depend on the index of the first row, so that they differ between chunks.
    """
    first = 0 if where is None else int(where.numbers[0])
    random_state = np.random.RandomState(np.random.MT19937([*seeds, first]))
    return _drawn(machine, X, _STEPS_OF_A_ROUND, random_state)


def _marked(is_missing):
    """An array with NaN for missing entries and 0 elsewhere."""
    return np.where(is_missing, np.nan, 0.0)
