"""The restricted Boltzmann machine for ratings."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._by_chunk import AnswersByChunk
from .._callbacks import with_callbacks
from .._checks import (
    Check,
    Flag,
    HasPlainParameters,
    Number,
    Optional,
    Options,
    Randomness,
    Schedule,
    Verbosity,
    WithHint,
    check_argument,
)
from .._chunks import with_repeated
from .._conventions import HasFeaturesOut, HasHistory
from .._deployment import Deployable
from .._epochs import TrainedInEpochs
from .._random import RandomStreams
from .._schedules import DECAYS, HINT, last_stage, stage_at
from .._source import chunks
from .._streams import is_stream, made_of
from .._typing import Decay, Floats, MatrixLike, RandomStateLike
from .._validation import FLOATS, divergence, validated, warn_caller
from .._version import VersionStamp
from ..kernels.ratings import Rows, Rule, Scale, Weights
from . import model as machines
from .folds import RatingSamples
from .model import Learner, Model, Settings
from .rows import Levels, Parts, Split, known_of, n_ratings_of, rating_matrix, rating_rows
from .table import as_csr, as_rows, warned_of_other_levels
from .training import Monitor, Training, errors_of_parts

_COUNT = Number(Integral, "[1, inf)")

# Standard deviation of the normal initial weights.
_FIRST_WEIGHTS = 0.01

# A warning is given if the error of training ratings is more than this many times the deviation.
_WORSE = 1.1

# Number of probabilities that are computed at a time if all items are predicted.
_ANSWERS = 2**22


_Ratings: TypeAlias = MatrixLike | RatingSamples

# Row indices and column indices.
_Pairs: TypeAlias = tuple[ArrayLike, ArrayLike]


class _RatingScale(Check):
    def admits(self, value):
        levels = np.asarray(value)
        if levels.ndim != 1 or levels.dtype.kind not in "iuf" or not np.isfinite(levels).all():
            return False
        return len(levels) > 0 and (np.diff(levels.astype(np.float64)) > 0).all()

    def __str__(self):
        return "a sequence of ascending numbers"


class RatingRBM(
    VersionStamp,
    Deployable,
    AnswersByChunk,
    HasHistory,
    HasFeaturesOut,
    HasPlainParameters,
    TrainedInEpochs,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Restricted Boltzmann machine for ratings of items by users, most of which are missing.

    Each user has a separate machine, with one softmax unit for each item that the user has rated.
    The states of this unit are the possible ratings. All machines share their weights, which are
    therefore learned from all users [1]_. The probabilities of a user's rating of any other item
    are computed exactly.

    Rows are users and columns are items, or the reverse. Ratings are the stored entries of a sparse
    matrix, including stored zeros, or the entries of an array that are not NaN. Time and memory are
    linear in the number of ratings, see :ref:`the user guide <ratings>`.

    Parameters
    ----------
    n_components : int, default=100
        Number of hidden units.
    learning_rate : float or sequence of float, default=0.02
        Length of a step of the weights. Like every parameter that may be a sequence, it can change
        from epoch to epoch: each value of a sequence is used for an equal share of the ``n_iter``
        epochs.
    batch_size : int, default=50
        Rows in a minibatch.
    n_iter : int, default=20
        Epochs, passes over the rows.
    verbose : int, default=0
        If positive, print one line per epoch.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, of the order of the rows, and of all samples. Pass an int
        for the same result at each call, on any number of threads, see :ref:`random_numbers`.
    rating_scale : array-like of shape (n_levels,), default=None
        The possible ratings, ascending. Other values are replaced by the nearest of these. None
        uses the distinct values in the data; if there are more than 32 of them, 32 evenly spaced
        ones.
    degree : int, default=1
        Weights are polynomials of this degree in the rating. With 1, a hidden unit responds to high
        or to low ratings of an item; with 2 it can also respond to ratings in the middle. None:
        each rating has a separate weight.
    n_gibbs_steps : int or sequence of int, default=(1, 3)
        Steps of contrastive divergence.
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        Factor of the learning rate in epoch e = 0, 1, ... of n: 1; 1 - e / n; 1 / sqrt(1 + e);
        (1 + cos(pi e / n)) / 2.
    momentum : float or sequence of float, default=0.8
        Share of the previous step that is added to the next one, in [0, 1).
    alpha : float, default=0.005
        Strength of the L2 penalty on the weights. It is multiplied by the mean over all ratings of
        n / (1 + n / half_size), where n is the number of ratings in the row, so that the same value
        suits data with few and with many ratings per row. A step decays only the weights of items
        that are rated in the minibatch.
    scaling_power : float, default=1.0
        The gradient of an item is divided by this power of the number of its ratings in the
        minibatch. With 1, items with few ratings learn as fast as items with many.
    half_size : float, default=100.0
        In the machine of a row with n ratings, all weights are divided by the square root of
        1 + n / half_size: in a row with many ratings, each of them has less influence. Infinity is
        the classical model.
    prior_ratings : float, default=5.0
        The mean of a row and the mean of an item are shrunk towards the mean of all ratings, as if
        there were this many additional ratings with that mean.
    smoothing : float, default=100.0
        The initial probabilities of the ratings of an item are estimated from its ratings and this
        many additional ones, which have the distribution of all ratings, moved towards the mean of
        the item.
    conditional : bool, default=False
        Whether the model also uses which items are rated, whatever the ratings are. A sparse matrix
        may then store NaN, for an item that is known to be rated but whose rating is not known.
    early_stopping : bool, default=False
        Hold out some ratings, stop when their error has not fallen by more than ``tol`` for
        ``n_iter_no_change`` epochs, and keep the weights with the lowest error.
    validation_fraction : float, default=0.1
        Share of the ratings to hold out, in (0, 1). Only used with ``early_stopping``.
    n_iter_no_change : int, default=5
        Number of epochs to wait for an improvement. Only used with ``early_stopping``.
    tol : float, default=1e-4
        Smallest improvement that counts. Only used with ``early_stopping``.

    Attributes
    ----------
    rating_scale_ : ndarray of shape (n_levels,)
        The possible ratings, ascending.
    components_ : ndarray of shape (n_items, n_functions, n_components)
        Weights of the functions of the rating. They are 0 for items that no row has rated: these
        are predicted as average items.
    functions_ : ndarray of shape (n_levels, n_functions)
        Values of these functions: polynomials of degree 1, 2, ..., which are orthogonal under the
        distribution of all ratings. If ``degree`` is None or at least ``n_levels``, one indicator
        function for each level.
    function_means_ : ndarray of shape (n_items, n_functions)
        Means of the functions under the initial probabilities of each item, which are subtracted.
    rated_components_ : ndarray of shape (n_items, n_components)
        Weights for the fact that an item is rated. Only with ``conditional``.
    intercept_visible_ : ndarray of shape (n_items, n_levels)
        Biases of the ratings.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    n_iter_ : int
        Number of epochs that the last ``fit`` ran.
    history_ : dict of str to list of float
        Measurements after each epoch of the last ``fit``: "rmse", the root mean squared error of
        up to 1000 training ratings, each predicted from the others of its row; "seconds"; and with
        ``early_stopping`` "validation_rmse", the error of the ratings held out.
    loss_curve_ : list of float
        ``history_["rmse"]``.
    n_features_in_ : int
        Number of items.
    n_features_out_ : int
        Number of features that ``transform`` returns.
    feature_names_in_ : ndarray of shape (n_items,)
        Names of the items, if all of them are strings.

    See Also
    --------
    ratings_matrix : Convert a table with one line per rating to a matrix.
    RatingKFold : Cross-validation over ratings, for choosing parameters.

    Notes
    -----
    With hidden units h in {0, 1}, the logit of value k of item i in a row of n ratings is
    ``b_ik + f sum_jp (x_kp - m_ip) A_ipj (h_j - 1/2) + (x_k1 - m_i1) z``: x are the functions of
    the value and m their means, f is 1 / sqrt(1 + n / half_size), and z is one normal hidden unit
    with weights of 1 / sqrt(n + prior_ratings), which represents how high the row rates on the
    whole. For z, a rating counts as at most three standard deviations from the mean. The sum over
    all hidden states has a closed form, so the probabilities of a rating given the others are
    exact.

    References
    ----------
    .. [1] R. Salakhutdinov, A. Mnih and G. Hinton, "Restricted Boltzmann machines for
       collaborative filtering", ICML 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import RatingRBM
    >>> X = np.array([[5, 4, np.nan], [1, 2, 5], [np.nan, 4, 1], [5, 5, 1]])
    >>> rbm = RatingRBM(n_components=2, random_state=0).fit(X)
    >>> rbm.predict(X).shape
    (4, 3)
    >>> rbm.recommend(X, n_items=1).tolist()
    [[2], [-1], [0], [-1]]
    """

    # Fitted attributes
    rating_scale_: Floats
    components_: Floats
    functions_: Floats
    function_means_: Floats
    rated_components_: Floats
    intercept_visible_: Floats
    intercept_hidden_: Floats

    _parameter_checks: ClassVar = {
        "n_components": _COUNT,
        "learning_rate": WithHint(
            Schedule(Real, "(0, inf)"), str, HINT.format("learning_rate_schedule")
        ),
        "batch_size": _COUNT,
        "n_iter": Number(Integral, "[0, inf)"),
        "verbose": Verbosity(),
        "random_state": Randomness(),
        "rating_scale": Optional(_RatingScale()),
        "degree": Optional(_COUNT),
        "n_gibbs_steps": Schedule(Integral, "[1, inf)"),
        "learning_rate_schedule": Options(*DECAYS),
        "momentum": Schedule(Real, "[0, 1)"),
        "alpha": Number(Real, "[0, inf)"),
        "scaling_power": Number(Real, "[0, 1]"),
        "half_size": Number(Real, "(0, inf]"),
        "prior_ratings": Number(Real, "(0, inf)"),
        "smoothing": Number(Real, "(0, inf)"),
        "conditional": Flag(),
        "early_stopping": Flag(),
        "validation_fraction": Number(Real, "(0, 1)"),
        "n_iter_no_change": _COUNT,
        "tol": Number(Real, "[0, inf)"),
    }

    def __init__(
        self,
        n_components: int = 100,
        *,
        learning_rate: float | Sequence[float] = 0.02,
        batch_size: int = 50,
        n_iter: int = 20,
        verbose: int = 0,
        random_state: RandomStateLike = None,
        rating_scale: ArrayLike | None = None,
        degree: int | None = 1,
        n_gibbs_steps: int | Sequence[int] = (1, 3),
        learning_rate_schedule: Decay = "linear",
        momentum: float | Sequence[float] = 0.8,
        alpha: float = 0.005,
        scaling_power: float = 1.0,
        half_size: float = 100.0,
        prior_ratings: float = 5.0,
        smoothing: float = 100.0,
        conditional: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-4,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.rating_scale = rating_scale
        self.degree = degree
        self.n_gibbs_steps = n_gibbs_steps
        self.learning_rate_schedule = learning_rate_schedule
        self.momentum = momentum
        self.alpha = alpha
        self.scaling_power = scaling_power
        self.half_size = half_size
        self.prior_ratings = prior_ratings
        self.smoothing = smoothing
        self.conditional = conditional
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol

    # Training

    @with_callbacks
    def fit(self, X: _Ratings, y: object = None) -> Self:
        """Fit the model to ratings.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream, RatingSamples} of shape (n_users, n_items)
            Ratings: the stored entries of a sparse matrix, or the entries of an array that are not
            NaN. All ratings of a user are in one chunk of a stream.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid; the estimator is then unchanged. Or if the
            weights are no longer finite; the estimator then keeps the last epoch before that.
        """
        return self._fit(X, y)

    @with_callbacks
    def partial_fit(self, X: _Ratings, y: object = None) -> Self:
        """Continue training with more rows, in one pass over them in minibatches.

        If a parameter is a sequence over the epochs, its last value is used.
        ``learning_rate_schedule`` is not used. The first call determines the rating scale.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_users, n_items)
            Ratings, of new users or of users seen before.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`. The estimator is then unchanged.
        """
        return self._partial_fit(X, y)

    def _run_epoch(self, training, number, after_round):
        n_iter = self._parameters.n_iter
        rate_factor = DECAYS[self.learning_rate_schedule](number, n_iter) * training.rate_factor
        settings = self._settings(partial(stage_at, number, n_iter), rate_factor)
        return training.run_epoch(settings, after_round)

    def _take_steps(self, training):
        training.take_steps(self._settings(last_stage, training.rate_factor))

    def _end(self, training):
        if training.go_back_to_best():
            self._publish(training)
        error, deviation = training.errors_at_end()
        if error > _WORSE * deviation:
            warn_caller(
                f"{type(self).__name__} predicts training ratings worse than their mean does: the "
                f"root mean squared error is {error:.4g}, and their standard deviation "
                f"{deviation:.4g}. Lower 'learning_rate', or choose the ratings by 'rating_scale'."
            )

    def _is_trained(self):
        return hasattr(self, "components_")

    def _checked(self, X, reset):
        """The ratings, validated, as a CSR matrix or a stream of such matrices."""
        if hasattr(X, "chosen_ratings"):
            raise TypeError(
                f"{type(self).__name__} takes RatingSamples in fit, partial_fit and score only. "
                "Pass the matrix of ratings, samples.all_ratings, to other methods."
            )
        X = validated(
            self,
            with_repeated(X) if scipy.sparse.issparse(X) else X,
            accept_sparse="csr",
            dtype=FLOATS if reset else self.components_.dtype,
            ensure_all_finite="allow-nan",
            reset=reset,
        )
        X = rating_matrix(X, bool(self.conditional), type(self).__name__)
        if reset:
            return X
        return made_of(X, partial(warned_of_other_levels, self.rating_scale_, type(self).__name__))

    def _training(self, X, y, goes_on, progress, commit, watched):
        """See :class:`~skebm._epochs.TrainedInEpochs`."""
        X, parts = self._checked(getattr(X, "chosen_ratings", X), reset=not goes_on), None
        if goes_on:
            model, streams = self._model().copy(), replace(self._streams)
            rows = rating_rows(model.levels, X)
        else:
            streams = RandomStreams.from_random_state(check_random_state(self.random_state))
            if watched and self.early_stopping:
                parts = self._parts(X, streams)
                X = known_of(parts)
            levels = self._levels(X)
            rows = rating_rows(levels, X)
            model = self._first_model(rows, levels, streams)
        p = self._parameters
        steps = self._last_steps() if goes_on else None
        steps = machines.zeros_like(model.weights) if steps is None else steps
        learner = Learner(model, steps, machines.mean_effective_size(rows, model.scale), streams)
        monitor = Monitor(rows, parts, p.n_iter_no_change, p.tol) if watched else None
        error = divergence(type(self).__name__, "learning_rate", p.learning_rate)
        return Training(learner, rows, monitor, error)

    def _parts(self, X, streams):
        """The training ratings and the ratings held out."""
        split = Split(streams.seed, streams.take(), self._parameters.validation_fraction)
        parts = split.parts(X)
        n_training, n_held_out = n_ratings_of(parts)
        if not n_training or not n_held_out:
            raise ValueError(
                f"The 'validation_fraction' parameter of {type(self).__name__}, "
                f"{self.validation_fraction!r}, leaves none of the {n_training + n_held_out} "
                "ratings to train on, or none to hold out."
            )
        return parts

    def _levels(self, X):
        """The rating scale: the parameter, or the levels of the data."""
        if self.rating_scale is not None:
            levels = np.asarray(self._parameters.rating_scale, dtype=X.dtype)
            if not is_stream(X):
                warned_of_other_levels(levels, type(self).__name__, X)
            return levels
        found = Levels.of(X)
        levels = found.scale(X.dtype)
        if found.values is None:
            warn_caller(
                f"The data have more than {len(levels)} distinct ratings. "
                f"{type(self).__name__} replaces each by the nearest of {len(levels)} evenly "
                "spaced values. To choose the values, pass rating_scale."
            )
        return levels

    def _first_model(self, rows, levels, streams):
        """A model with the base rates of the items and small random weights.

        Items without ratings have no weights, so that their predictions are free of noise.
        """
        p, n_items = self._parameters, rows.shape[1]
        how = p.degree, p.half_size, p.prior_ratings, p.smoothing
        log_rates, scale, is_rated = machines.base_of(rows, levels, *how)
        size = n_items, scale.functions.shape[1], p.n_components
        A = _FIRST_WEIGHTS * streams.generator().normal(size=size)
        A[~is_rated] = 0
        n_conditional = n_items if self.conditional else 0
        weights = Weights(
            A.astype(rows.dtype),
            np.zeros((n_conditional, p.n_components), dtype=rows.dtype),
            log_rates.astype(rows.dtype),
            np.zeros(p.n_components, dtype=rows.dtype),
        )
        return Model(weights, scale, levels)

    def _last_steps(self):
        """The last steps of earlier training, used by its momentum, or None."""
        steps = getattr(self, "_steps", None)
        return None if steps is None else Weights(*(array.copy() for array in steps))

    def _settings(self, now, rate_factor):
        """Settings of an epoch; ``now`` returns the current value of a parameter or sequence."""
        p = self._parameters
        rate = rate_factor * now(p.learning_rate)
        rule = Rule(rate, now(p.momentum), p.alpha, p.scaling_power)
        return Settings(rule, now(p.n_gibbs_steps), p.batch_size)

    def _publish(self, training):
        """Copy the results of training into the fitted attributes."""
        learner = training.learner
        weights, scale, levels = learner.model.copy()
        self.rating_scale_ = levels
        self.components_ = weights.A
        vars(self).pop("rated_components_", None)
        if len(weights.rated):
            self.rated_components_ = weights.rated
        self.intercept_visible_, self.intercept_hidden_ = weights.bias, weights.hidden_bias
        self.functions_, self.function_means_ = scale.functions, scale.means
        self._scale = tuple(scale)
        self._steps = tuple(array.copy() for array in learner.steps)
        self._streams = replace(learner.streams)
        if training.is_watched:
            self.history_ = {name: list(values) for name, values in training.history.items()}
            self.n_iter_ = len(self.history_.get("seconds", ()))
        self._n_features_out = len(weights.hidden_bias)
        self._stamp_version()

    def _report(self, epoch, measured):
        if self.verbose:
            numbers = ", ".join(f"{name} = {value:.4f}" for name, value in measured.items())
            print(f"[{type(self).__name__}] Iteration {epoch}, {numbers}", flush=True)

    # Using the model

    def _model(self):
        """The trained model, which shares the arrays of the fitted attributes."""
        of_no_items = np.zeros((0, self.components_.shape[2]), dtype=self.components_.dtype)
        weights = Weights(
            self.components_,
            getattr(self, "rated_components_", of_no_items),
            self.intercept_visible_,
            self.intercept_hidden_,
        )
        return Model(weights, Scale(*self._scale), self.rating_scale_)

    def _model_and_ratings(self, X):
        check_is_fitted(self)
        return self._model(), self._checked(X, reset=False)

    def transform(self, X: MatrixLike) -> Floats:
        """The features of the users: means of the hidden units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_users, n_items)
            Ratings.

        Returns
        -------
        H : ndarray of shape (n_users, n_components)
            Probabilities P(h = 1 | the ratings of the row).
        """
        model, X = self._model_and_ratings(X)
        return machines.features(model, as_rows(X, model.levels))

    def predict(self, X: MatrixLike, pairs: _Pairs | None = None) -> Floats:
        """Expected ratings, each given the other ratings of its row.

        A rating in X is not used in its own prediction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_users, n_items)
            Known ratings.
        pairs : tuple of two array-likes of int, each of shape (n_pairs,), default=None
            Row indices and column indices of the ratings to predict. None predicts all of them,
            which takes as much memory as X as a dense array.

        Returns
        -------
        ratings : ndarray of shape (n_users, n_items) or (n_pairs,)
            Expected ratings: means over ``rating_scale_``.
        """
        model, X = self._model_and_ratings(X)
        rows = as_rows(X, model.levels)
        if pairs is not None:
            numbers, items = self._checked_pairs(pairs, X.shape)
            return _at_pairs(model, rows, numbers, items, _expected)
        return _everywhere(model, rows, X.shape[1], _expected)

    def predict_proba(self, X: MatrixLike, pairs: _Pairs | None = None) -> Floats:
        """The probabilities of each possible rating, given the other ratings of the row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_users, n_items)
            Known ratings.
        pairs : tuple of two array-likes of int, each of shape (n_pairs,), default=None
            Row indices and column indices of the ratings to predict. None predicts all of them.

        Returns
        -------
        P : ndarray of shape (n_users, n_items, n_levels) or (n_pairs, n_levels)
            Probabilities of the ratings in ``rating_scale_``.
        """
        model, X = self._model_and_ratings(X)
        rows = as_rows(X, model.levels)
        if pairs is not None:
            numbers, items = self._checked_pairs(pairs, X.shape)
            return _at_pairs(model, rows, numbers, items, _as_they_are)
        return _everywhere(model, rows, X.shape[1], _as_they_are)

    def recommend(
        self, X: MatrixLike, n_items: int = 10, remove_seen: bool = True
    ) -> NDArray[np.int64]:
        """The items with the highest expected ratings, for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_users, n_items)
            Known ratings.
        n_items : int, default=10
            Number of items to recommend.
        remove_seen : bool, default=True
            Whether to leave out items that the row has already rated.

        Returns
        -------
        items : ndarray of int, of shape (n_users, n_items)
            Column indices, the best item first; of equally good ones, the lower index first. Items
            that nobody rated in training come after all others. If a row has fewer items left, the
            rest is -1.
        """
        model, X = self._model_and_ratings(X)
        n_items = min(check_argument(self, "n_items", n_items, _COUNT), X.shape[1])
        check_argument(self, "remove_seen", remove_seen, Flag())
        rows, best = as_rows(X, model.levels), np.empty((X.shape[0], n_items), dtype=np.int64)
        is_rated = model.weights.A.any(axis=(1, 2))
        below_all = 1 + model.levels[-1] - model.levels[0]
        for part, ratings in _parts(model, rows, X.shape[1], _expected):
            ratings[:, ~is_rated] -= below_all
            if remove_seen:
                stored = slice(rows.indptr[part.start], rows.indptr[part.stop])
                owners = np.repeat(np.arange(len(ratings)), np.diff(rows.indptr)[part])
                ratings[owners, rows.items[stored]] = -np.inf
            order = np.argsort(-ratings, axis=1, kind="stable")[:, :n_items]
            is_left = np.take_along_axis(ratings, order, axis=1) > -np.inf
            best[part] = np.where(is_left, order, -1)
        return best

    def score(self, X: _Ratings, y: object = None) -> float:
        """Negative root mean squared error of ratings, each predicted from the others of its row.

        Parameters
        ----------
        X : {array-like, sparse matrix, RatingSamples} of shape (n_users, n_items)
            Ratings. Of :class:`RatingSamples`, the selected ratings are predicted, each from all
            others of its row.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        score : float
            In units of the ratings. The higher, the better.
        """
        model, known = self._model_and_ratings(getattr(X, "all_ratings", X))
        if hasattr(X, "chosen_ratings"):
            parts = Parts(known, self._checked(X.chosen_ratings, reset=False))
        else:
            parts = made_of(known, Parts.all_of)
        return -errors_of_parts(model, parts).rmse

    def sample(
        self,
        n_samples: int | None = None,
        n_steps: int = 100,
        *,
        init: MatrixLike | None = None,
        mean: bool = False,
        random_state: RandomStateLike = None,
    ) -> Any:
        """Draw ratings from the model.

        Parameters
        ----------
        n_samples : int, default=None
            Number of rows. None is the number of rows of ``init``, or 1 without ``init``.
        n_steps : int, default=100
            Steps of Gibbs sampling.
        init : {array-like, sparse matrix} of shape (n_rows, n_items), default=None
            Ratings to start from; each sample has ratings of the same items as its row. If
            ``n_samples`` is larger than the number of rows, the rows are repeated. With None, all
            items are rated, starting from random ratings.
        mean : bool, default=False
            Return the expectation of each rating given all others that were drawn in its row.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        X : ndarray or csr_array of shape (n_samples, n_items)
            Ratings: a sparse matrix if ``init`` is one, otherwise an array.
        """
        check_is_fitted(self)
        n_samples = check_argument(self, "n_samples", n_samples, Optional(_COUNT))
        n_steps = check_argument(self, "n_steps", n_steps, Number(Integral, "[0, inf)"))
        check_argument(self, "mean", mean, Flag())
        check_argument(self, "random_state", random_state, Randomness())
        streams = self._streams
        if random_state is not None:
            streams = RandomStreams.from_random_state(check_random_state(random_state))
        model = self._model()
        if init is None:
            shape = n_samples or 1, len(self.intercept_visible_)
            levels = streams.generator().integers(len(model.levels), size=shape)
            X = as_csr(model.levels[levels], type(self).__name__)
        elif is_stream(init):
            raise TypeError(
                f"{type(self).__name__}.sample takes arrays and sparse matrices, but init is a "
                "stream. Call it for each chunk."
            )
        else:
            X = self._checked(init, reset=False)
        X = X[np.arange(n_samples or X.shape[0]) % X.shape[0]]
        drawn = machines.samples(model, as_rows(X, model.levels), n_steps, streams)
        ratings = model.levels[drawn.levels]
        if mean:
            P = machines.probabilities(model, drawn, drawn.indptr, drawn.items)
            ratings = _expected(model, P)
        if not scipy.sparse.issparse(init):
            result = np.full(X.shape, np.nan, dtype=X.dtype)
            result[np.repeat(np.arange(X.shape[0]), np.diff(X.indptr)), X.indices] = ratings
            return result
        ratings = np.where(drawn.levels < 0, np.nan, ratings).astype(X.dtype)
        return scipy.sparse.csr_array((ratings, X.indices, X.indptr), shape=X.shape)

    def _refuse_chunks(self, method, options):
        if "pairs" in options:
            raise TypeError(
                f"{type(self).__name__}.{method} takes 'pairs' only with ratings that are all in "
                "memory: they are numbers of rows of X. Call it for the chunks with these rows."
            )

    def _checked_pairs(self, pairs, shape):
        rows, items = (np.asarray(numbers) for numbers in pairs)
        if rows.shape != items.shape or rows.ndim != 1:
            raise ValueError(
                "pairs must be two one-dimensional arrays of the same length, row indices and "
                f"column indices. Got arrays of shape {rows.shape} and {items.shape} instead."
            )
        for numbers, n, name in zip((rows, items), shape, ("rows", "columns"), strict=True):
            if len(numbers) and (numbers.dtype.kind not in "iu" or numbers.min() < 0):
                raise ValueError(f"pairs must be indices of {name}: integers from 0 to {n - 1}.")
            if len(numbers) and numbers.max() >= n:
                raise ValueError(
                    f"pairs contain the index {numbers.max()}, but X has only {n} {name}. Indices "
                    "start at 0."
                )
        return rows, items

    # Conventions

    def _attributes_for_use(self):
        return {name: a for name, a in vars(self).items() if name != "_steps"}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _expected(model, P):
    return P @ model.levels


def _as_they_are(model, P):
    return P


def _at_pairs(model, rows, numbers, items, of):
    """Apply ``of`` to the probabilities of the ratings of some pairs, in any order."""
    order = np.argsort(numbers, kind="stable")
    asked = np.searchsorted(numbers[order], np.arange(len(rows.indptr)))
    found = of(model, machines.probabilities(model, rows, asked, items[order].astype(np.int32)))
    result = np.empty_like(found)
    result[order] = found
    return result


def _parts(model, rows, n_items, of):
    """Yield slices of the rows, each with ``of`` applied to the probabilities of all its items."""
    n_rows = len(rows.indptr) - 1
    for part in chunks(n_rows, max(1, _ANSWERS // (n_items * len(model.levels)))):
        n = part.stop - part.start
        some = Rows(rows.indptr[part.start : part.stop + 1], rows.items, rows.levels)
        items = np.tile(np.arange(n_items, dtype=np.int32), n)
        P = machines.probabilities(model, some, n_items * np.arange(n + 1), items)
        yield part, of(model, P.reshape(n, n_items, -1))


def _everywhere(model, rows, n_items, of):
    return np.concatenate([found for _, found in _parts(model, rows, n_items, of)])
