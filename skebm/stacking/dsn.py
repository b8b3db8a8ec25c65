"""Deep stacking networks."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from .._checks import Options, keep_parameters
from .._classes import check_classes, check_classes_of_further_call, one_hot, sorted_classes
from .._parameter_texts import with_texts
from .._scales import check_scales
from .._targets import TargetScale
from .._typing import Floats, RandomStateLike, available_if
from ..boltzmann import BernoulliRBM
from .base import DSN_CHECKS, BaseDSN, final_estimator_has
from .calibration import left_out_outputs, sharpness_of
from .parameter_texts import OF_STACKING

# Largest number of training rows from which ``sharpness_`` is estimated.
_MOST_CALIBRATION_ROWS = 4096


@with_texts(OF_STACKING)
class DSNClassifier(ClassifierMixin, BaseDSN):
    """Deep stacking network for classification.

    A stack of modules [1]_. Each module has one layer of sigmoid units and linear outputs. Its
    inputs are the features of the data and the outputs of the modules below it. Its output weights
    are the exact solution of a convex problem, the ridge regression of one-hot labels. Its hidden
    weights are initialised at random or by a restricted Boltzmann machine and fine-tuned in
    full-batch steps. The output weights are solved for again in each step, so that the training
    error never rises.

    See :ref:`the user guide <stacking>` for the equations and for how to choose the parameters.

    Parameters
    ----------
    n_components, n_modules, alpha, dropout, init, rbm, stacking
    stack_method : {"decision_function", "predict_proba"}, default="decision_function"
        What a module passes on to the modules above it: its linear outputs or its probabilities.
    cv
    final_estimator : classifier, default=None
        If given, for example a :class:`sklearn.linear_model.LogisticRegression`, it is trained on
        the hidden activities of the top module and makes the predictions.
    warm_up, learning_rate_init, batch_size, input_dropout, max_iter, emphasis, tol, early_stopping,
    validation_fraction, n_iter_no_change, working_memory, verbose, random_state, n_jobs

    Attributes
    ----------
    modules_, early_stopping_
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    final_estimator_, history_, loss_curve_, n_iter_, n_features_in_, n_features_out_,
    feature_names_in_

    See Also
    --------
    DSNRegressor : Deep stacking network for regression.
    BernoulliRBM : Machine that initialises the hidden weights with ``init="rbm"``.

    Notes
    -----
    For :meth:`partial_fit`, a fitted network stores the sums from which the output weights of its
    top module are computed: an array of shape (n_components, n_components) in float64.

    References
    ----------
    .. [1] L. Deng and D. Yu, "Deep convex net: a scalable architecture for speech pattern
       classification", Interspeech 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skebm import DSNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> dsn = DSNClassifier(100, n_modules=2, random_state=0).fit(X_train, y_train)
    >>> dsn.score(X_test, y_test) > 0.95
    True
    >>> [module.coef_.shape for module in dsn.modules_]
    [(100, 10), (100, 10)]
    """

    # Parameters
    stack_method: Literal["decision_function", "predict_proba"]

    # Fitted attributes
    classes_: NDArray[Any]

    _y_checks: ClassVar[dict] = {}
    _size_of_random_inputs: ClassVar = 2.0
    _parameter_checks: ClassVar = DSN_CHECKS | {
        "stack_method": Options("decision_function", "predict_proba"),
    }

    def __init__(
        self,
        n_components: int = 500,
        n_modules: int = 3,
        *,
        alpha: float | Literal["loo", "gcv"] = 1.0,
        dropout: float = 0.1,
        init: Literal["rbm", "random", "copy"] = "random",
        rbm: BernoulliRBM | None = None,
        stacking: Literal["all", "last"] = "all",
        stack_method: Literal["decision_function", "predict_proba"] = "decision_function",
        cv: Any = None,
        final_estimator: Any = None,
        warm_up: int = 0,
        learning_rate_init: float = 0.001,
        batch_size: int = 100,
        input_dropout: float = 0.0,
        max_iter: int = 20,
        emphasis: bool = False,
        tol: float = 1e-4,
        early_stopping: bool | Literal["auto", "cv"] = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        working_memory: float | None = None,
        verbose: int = 0,
        random_state: RandomStateLike = None,
        n_jobs: int | None = None,
    ) -> None:
        keep_parameters(self, locals())

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add rows: solve for the output weights of the top module again, for all rows so far.

        The first call is the same as :meth:`fit`. Later calls leave the hidden weights, and all
        modules below the top one, unchanged. The output weights are then the exact solution for
        all rows together, however they are divided into calls.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Labels; each is one of ``classes``.
        classes : array-like of shape (n_classes,), default=None
            All labels of this and later calls. Needed if ``y`` of the first call does not contain
            them all. In later calls the same labels or None.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : estimator
            The fitted network.

        Raises
        ------
        ValueError
            As for :meth:`fit`, or if a label is new. The estimator is then unchanged.
        """
        if hasattr(self, "classes_"):
            check_classes_of_further_call(self, classes)
        return self._partial_fit(X, y, sample_weight, classes=classes)

    def predict(self, X: Any) -> Any:
        """Label of the class with the largest output, for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        X = self._validated(X)
        if hasattr(self, "final_estimator_"):
            return self.final_estimator_.predict(self._features(X))
        return self._labels(self._top_outputs(X))

    @available_if(final_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Probability of each class.

        The softmax of the linear outputs times ``sharpness_`` of the top module. This factor
        maximises the likelihood of the true labels. If ``early_stopping_`` is True, it is estimated
        on the rows held out, otherwise on up to 4096 training rows, each predicted by the output
        weights that are solved for without it. As fine-tuning uses these rows too, the
        probabilities are then somewhat overconfident.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        X = self._validated(X)
        if hasattr(self, "final_estimator_"):
            return self.final_estimator_.predict_proba(self._features(X))
        return _probabilities(self.modules_[-1], self._top_outputs(X))

    @available_if(final_estimator_has("predict_proba"))
    def predict_log_proba(self, X: Any) -> Floats:
        """Logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
            In nats, in the order of ``classes_``; see :meth:`predict_proba`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @available_if(final_estimator_has("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Linear outputs of the top module.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Outputs, about 1 for the class of a row and 0 for the others. With two classes, the
            output of the second minus that of the first.
        """
        X = self._validated(X)
        if hasattr(self, "final_estimator_"):
            return self.final_estimator_.decision_function(self._features(X))
        outputs = self._top_outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def staged_predict(self, X: Any) -> Iterator[NDArray[Any]]:
        """Yield the labels that each module predicts, from the bottom up.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Yields
        ------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        for _, outputs in self._stages(self._validated(X)):
            yield self._labels(outputs)

    def staged_predict_proba(self, X: Any) -> Iterator[NDArray[np.floating]]:
        """Yield the probabilities of the classes by each module, from the bottom up.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Yields
        ------
        P : ndarray of shape (n_samples, n_classes)
            Probabilities, see :meth:`predict_proba`.
        """
        for module, outputs in self._stages(self._validated(X)):
            yield _probabilities(module, outputs)

    def _labels(self, outputs):
        return self.classes_[outputs.argmax(axis=1)]

    def _start(self, y, weights, dtype, classes=None):
        check_classification_targets(y)
        self.classes_ = np.unique(y) if classes is None else sorted_classes(classes)
        check_classes(self, self.classes_)

    def _targets(self, y, dtype):
        return one_hot(self, column_or_1d(y, warn=True), dtype)

    def _calibrate(self, module, point, penalty, training, held_out):
        if held_out is None:
            n_rows = training.n_rows
            every = -(-n_rows // _MOST_CALIBRATION_ROWS)
            some = training if every == 1 else training.take(np.arange(0, n_rows, every))
            some = some.in_memory(_MOST_CALIBRATION_ROWS)
            outputs = left_out_outputs(point, some, penalty)
        else:
            some = held_out.in_memory(_MOST_CALIBRATION_ROWS)
            outputs = module.outputs(some.rows, self._parameters.n_jobs)
        module.sharpness_ = sharpness_of(outputs, some.targets, some.weights)

    def _passed_on(self, module, outputs):
        if self.stack_method == "predict_proba":
            return _probabilities(module, outputs)
        return outputs


def _probabilities(module, outputs):
    return softmax(module.sharpness_ * outputs, axis=1)


@with_texts(OF_STACKING)
class DSNRegressor(RegressorMixin, BaseDSN):
    """Deep stacking network for regression.

    Like :class:`DSNClassifier`, but the output weights of each module [1]_ are the ridge regression
    of the targets. Targets can have any scale: the network standardises each of them.

    See :ref:`the user guide <stacking>` for the equations and for how to choose the parameters.

    Parameters
    ----------
    n_components, n_modules, alpha, dropout, init, rbm, stacking, cv
    final_estimator : regressor, default=None
        If given, for example a :class:`sklearn.svm.SVR`, it is trained on the hidden activities
        of the top module and makes the predictions.
    warm_up, learning_rate_init, batch_size, input_dropout, max_iter, emphasis, tol, early_stopping,
    validation_fraction, n_iter_no_change, working_memory, verbose, random_state, n_jobs

    Attributes
    ----------
    modules_, early_stopping_
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        Mean and standard deviation of the training targets, used to standardise them.
    final_estimator_, history_, loss_curve_, n_iter_, n_features_in_, n_features_out_,
    feature_names_in_

    See Also
    --------
    DSNClassifier : Deep stacking network for classification.
    BernoulliRBM : Machine that initialises the hidden weights with ``init="rbm"``.

    Notes
    -----
    For :meth:`partial_fit`, sums are stored as in :class:`DSNClassifier`, see the notes there.

    References
    ----------
    .. [1] L. Deng and D. Yu, "Deep convex net: a scalable architecture for speech pattern
       classification", Interspeech 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from skebm import DSNRegressor
    >>> X, y = load_linnerud(return_X_y=True)
    >>> dsn = DSNRegressor(20, n_modules=2, random_state=0).fit(X, y)
    >>> dsn.predict(X[:2]).shape
    (2, 3)
    """

    # Fitted attributes
    target_mean_: Floats
    target_scale_: Floats

    _y_checks: ClassVar = {"multi_output": True, "y_numeric": True}
    # Units that are nearly linear: with few rows, a regression is hardly ever more than that.
    _size_of_random_inputs: ClassVar = 0.5

    def __init__(
        self,
        n_components: int = 500,
        n_modules: int = 3,
        *,
        alpha: float | Literal["loo", "gcv"] = "loo",
        dropout: float = 0.0,
        init: Literal["rbm", "random", "copy"] = "random",
        rbm: BernoulliRBM | None = None,
        stacking: Literal["all", "last"] = "all",
        cv: Any = None,
        final_estimator: Any = None,
        warm_up: int = 0,
        learning_rate_init: float = 0.001,
        batch_size: int = 100,
        input_dropout: float = 0.0,
        max_iter: int = 20,
        emphasis: bool = False,
        tol: float = 1e-4,
        early_stopping: bool | Literal["auto", "cv"] = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        working_memory: float | None = None,
        verbose: int = 0,
        random_state: RandomStateLike = None,
        n_jobs: int | None = None,
    ) -> None:
        keep_parameters(self, locals())

    def partial_fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Add rows: solve for the output weights of the top module again, for all rows so far.

        The first call is the same as :meth:`fit`. Later calls leave the hidden weights, and all
        modules below the top one, unchanged. The output weights are then the exact solution for
        all rows together, however they are divided into calls.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : estimator
            The fitted network.

        Raises
        ------
        ValueError
            As for :meth:`fit`. The estimator is then unchanged.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> Any:
        """Predicted targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, with the dtype of ``X``.
        """
        X = self._validated(X)
        if hasattr(self, "final_estimator_"):
            return self.final_estimator_.predict(self._features(X))
        return self._in_units_of_y(self._top_outputs(X))

    def staged_predict(self, X: Any) -> Iterator[NDArray[Any]]:
        """Yield the targets that each module predicts, from the bottom up.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Yields
        ------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        """
        for _, outputs in self._stages(self._validated(X)):
            yield self._in_units_of_y(outputs)

    def _start(self, y, weights, dtype):
        scale = TargetScale.of(y.reshape(len(y), -1), weights, dtype, type(self).__name__)
        self.target_mean_, self.target_scale_ = scale.mean, scale.deviation
        self._is_single_output = y.ndim == 1

    def _targets(self, y, dtype):
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != len(self.target_mean_):
            raise ValueError(
                f"y has {columns.shape[1]} columns, but this {type(self).__name__} was fitted "
                f"with {len(self.target_mean_)}."
            )
        scale = TargetScale(self.target_mean_, self.target_scale_)
        # Targets of later rows may be on another scale than those that were measured.
        sizes = np.abs((columns - scale.mean) / scale.deviation).max(axis=0)
        check_scales(type(self).__name__, "targets", np.where(sizes > 1, sizes, 0), dtype, True)
        return scale.standardize(columns, dtype)

    def _in_units_of_y(self, outputs):
        y = TargetScale(self.target_mean_, self.target_scale_).restore(outputs)
        return y[:, 0] if self._is_single_output else y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
