"""Deep stacking networks."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from .._classes import check_classes, check_classes_of_further_call, one_hot, sorted_classes
from .._scales import check_scales
from .._targets import TargetScale
from .._validation import Options
from ..boltzmann import BernoulliRBM
from .base import DSN_CHECKS, BaseDSN, final_estimator_has
from .calibration import left_out_outputs, sharpness_of

# Rows that are left out one by one to find one number.
_MOST_CALIBRATION_ROWS = 4096


class DSNClassifier(ClassifierMixin, BaseDSN):
    """Deep stacking network for classification.

    A stack of modules [1]_. Each has one layer of sigmoid units and linear outputs, and sees the
    features of the data together with the outputs of the modules below it. Output weights are the
    solution of a ridge regression on one-hot labels, which is convex and exact. Hidden weights
    start at random or from a restricted Boltzmann machine, and are fine-tuned on all rows, with
    the output weights solved again at each step, so that the training error never rises.

    See :ref:`the user guide <stacking>` for the equations and for how to choose the parameters.

    Parameters
    ----------
    n_components : int, default=500
        Hidden units of each module.
    n_modules : int, default=3
        Modules in the stack; with ``early_stopping`` the most there may be.
    alpha : float or {"loo", "gcv"}, default=1.0
        Penalty on the squared output weights, added to the squared error summed over the rows,
        as in :class:`sklearn.linear_model.Ridge`. "loo" and "gcv" choose it for each module,
        among 15 values from 1e-3 to 1e4, by the leave-one-out error or by generalised
        cross-validation with the hidden weights that the module starts from.
    dropout : float, default=0.1
        Probability in [0, 1) with which a hidden unit is dropped from a row. No unit ever is: the
        error is the mean over all ways of dropping some, which for linear outputs has a closed
        form, so that the solve and the steps stay exact.
    init : {"random", "rbm", "copy"}, default="random"
        Hidden weights to start from. "random": normal numbers, for features less their mean and
        scaled by their range. "rbm": a restricted Boltzmann machine trained on what the module
        sees. "copy": that for the bottom module, and for each other the weights of the module
        below with small random weights to what is new.
    rbm : BernoulliRBM, default=None
        The machine to train, except for its numbers of units and its random state. None is
        ``BernoulliRBM(algorithm="cd", learning_rate=0.05, momentum=0.5, alpha=2e-4)``.
    stacking : {"all", "last"}, default="all"
        Whether a module sees the outputs of all modules below it, or of the last one.
    stack_method : {"decision_function", "predict_proba"}, default="decision_function"
        What a module passes on to those above: its linear outputs or its probabilities.
    cv : int, cross-validation generator or iterable, default=None
        If given, a row is passed on as it is predicted by modules that were trained without it,
        as in :class:`sklearn.ensemble.StackingClassifier`. It takes one more training a fold of
        each module but the top one, and keeps those above from trusting outputs that have been
        fitted to the very rows. An int is a number of folds.
    final_estimator : classifier, default=None
        If given, for example a :class:`sklearn.linear_model.LogisticRegression`, it is trained on
        the hidden activities of the top module and makes the predictions.
    warm_up : int, default=0
        Epochs of minibatch descent (Adam) before the steps on all rows. It helps where rows are
        many and steps on all of them slow. None if ``max_iter`` is 0.
    learning_rate_init : float, default=0.001
        Learning rate of the warm-up, at its start. It falls to zero along a cosine.
    batch_size : int, default=100
        Rows in a minibatch of the warm-up.
    input_dropout : float, default=0.0
        Probability in [0, 1) with which an input is set to zero in a row of a minibatch; the
        others are scaled up to match.
    max_iter : int, default=20
        Most steps of fine-tuning on all rows for each module. 0 leaves the hidden weights as they
        started.
    emphasis : bool, default=False
        Give rows more weight in fine-tuning the worse they are predicted: (1 + e / mean(e)) / 2 for
        a row of squared error e, set anew after every five steps. Output weights are solved for
        without it in the end.
    tol : float, default=1e-4
        Smallest relative fall of the error that counts as one.
    early_stopping : bool, default=False
        Hold out some rows, and keep for each module the step, and of the modules those, after
        which the squared error of these rows is the least.
    validation_fraction : float, default=0.1
        Share of the rows to hold out, in (0, 1). Used with ``early_stopping`` only.
    n_iter_no_change : int, default=5
        Steps without a fall of the error, after which a module is done. The error is that of the
        training rows, or with ``early_stopping`` of the rows held out.
    working_memory : float, default=None
        Megabytes that the hidden activities of all rows may take. If they need more, they are
        never held whole, and are computed twice a step. None is the ``working_memory`` of
        :func:`sklearn.get_config`, 1024 unless changed.
    verbose : int, default=0
        If positive, print a line a step.
    random_state : int, RandomState instance or None, default=None
        Source of the starting weights, of the minibatches and of the rows held out. Pass an int
        for the same result at each call, on any number of threads.
    n_jobs : int, default=None
        Most threads that share each chunk of rows, never more than processors: -1 is all
        processors, -2 all but one. None takes all processors that are idle. The result is the
        same.

    Attributes
    ----------
    modules_ : list of Module
        The modules from the bottom up, plain arrays and numbers each: ``components_`` of shape
        (n_components, n_inputs), ``intercept_hidden_``, ``coef_`` of shape (n_components,
        n_classes), ``intercept_``, ``alpha_``; ``error_before_`` and ``error_after_``, the squared
        training error a row before and after fine-tuning; ``error_curve_``, that error with the
        penalties after each step; ``validation_curve_``, the squared error of the rows held out;
        and ``sharpness_``, see :meth:`predict_proba`.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    final_estimator_ : classifier
        The fitted ``final_estimator``. Only if one was given.
    n_iter_ : int
        Steps of fine-tuning, of all modules together; a warm-up counts as one.
    n_features_in_ : int
        Number of features seen during ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, where they are all strings.

    See Also
    --------
    DSNRegressor : The same for regression.
    BernoulliRBM : What hidden weights start from.

    Notes
    -----
    A fitted network carries the sums from which the output weights of its top module follow, an
    array of shape (n_components, n_components) in float64, for :meth:`partial_fit`.

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

    _y_checks: ClassVar[dict] = {}
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
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        working_memory: float | None = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_modules = n_modules
        self.alpha = alpha
        self.dropout = dropout
        self.init = init
        self.rbm = rbm
        self.stacking = stacking
        self.stack_method = stack_method
        self.cv = cv
        self.final_estimator = final_estimator
        self.warm_up = warm_up
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.input_dropout = input_dropout
        self.max_iter = max_iter
        self.emphasis = emphasis
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.working_memory = working_memory
        self.verbose = verbose
        self.random_state = random_state
        self.n_jobs = n_jobs

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Take in more rows: solve the output weights of the top module again, with these as well.

        The first call is :meth:`fit`. In later ones hidden weights, and all of the modules below
        the top, stay as they are; the solution is then exact: the one for all rows together, of
        whatever size the pieces were that they came in.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Labels, some of ``classes``.
        classes : array-like of shape (n_classes,), default=None
            All labels that there will be, needed if the first call does not have them all. In
            later calls the same ones or None.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : estimator
            The fitted network.

        Raises
        ------
        ValueError
            As for :meth:`fit`, or if a label is new. The estimator is then as it was.
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

        The softmax of the linear outputs times ``sharpness_`` of the top module. That number is
        the one which gives the true labels the highest likelihood, for the rows held out with
        ``early_stopping``, and otherwise for up to 4096 training rows, of which each is predicted
        by the output weights that would have been solved for without it. As these rows have still
        had a part in fine-tuning, the probabilities are then somewhat too sure of themselves.

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
            Outputs, about 1 for the class of a row and 0 for the others. Of two classes, the
            output of the second less that of the first.
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
        """Yield the probabilities that each module gives the classes, from the bottom up.

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


class DSNRegressor(RegressorMixin, BaseDSN):
    """Deep stacking network for regression.

    A stack of modules [1]_. Each has one layer of sigmoid units and linear outputs, and sees the
    features of the data together with the outputs of the modules below it. Output weights are the
    solution of a ridge regression, which is convex and exact. Hidden weights start at random or
    from a restricted Boltzmann machine, and are fine-tuned on all rows, with the output weights
    solved again at each step, so that the training error never rises.

    See :ref:`the user guide <stacking>` for the equations and for how to choose the parameters.

    Parameters
    ----------
    n_components : int, default=500
        Hidden units of each module.
    n_modules : int, default=3
        Modules in the stack; with ``early_stopping`` the most there may be.
    alpha : float or {"loo", "gcv"}, default=1.0
        Penalty on the squared output weights, added to the squared error summed over the rows,
        as in :class:`sklearn.linear_model.Ridge`. "loo" and "gcv" choose it for each module,
        among 15 values from 1e-3 to 1e4, by the leave-one-out error or by generalised
        cross-validation with the hidden weights that the module starts from.
    dropout : float, default=0.1
        Probability in [0, 1) with which a hidden unit is dropped from a row. No unit ever is: the
        error is the mean over all ways of dropping some, which for linear outputs has a closed
        form, so that the solve and the steps stay exact.
    init : {"random", "rbm", "copy"}, default="random"
        Hidden weights to start from. "random": normal numbers, for features less their mean and
        scaled by their range. "rbm": a restricted Boltzmann machine trained on what the module
        sees. "copy": that for the bottom module, and for each other the weights of the module
        below with small random weights to what is new.
    rbm : BernoulliRBM, default=None
        The machine to train, except for its numbers of units and its random state. None is
        ``BernoulliRBM(algorithm="cd", learning_rate=0.05, momentum=0.5, alpha=2e-4)``.
    stacking : {"all", "last"}, default="all"
        Whether a module sees the outputs of all modules below it, or of the last one.
    cv : int, cross-validation generator or iterable, default=None
        If given, a row is passed on as it is predicted by modules that were trained without it,
        as in :class:`sklearn.ensemble.StackingClassifier`. It takes one more training a fold of
        each module but the top one, and keeps those above from trusting outputs that have been
        fitted to the very rows. An int is a number of folds.
    final_estimator : regressor, default=None
        If given, for example a :class:`sklearn.svm.SVR`, it is trained on the hidden activities
        of the top module and makes the predictions.
    warm_up : int, default=0
        Epochs of minibatch descent (Adam) before the steps on all rows. It helps where rows are
        many and steps on all of them slow. None if ``max_iter`` is 0.
    learning_rate_init : float, default=0.001
        Learning rate of the warm-up, at its start. It falls to zero along a cosine.
    batch_size : int, default=100
        Rows in a minibatch of the warm-up.
    input_dropout : float, default=0.0
        Probability in [0, 1) with which an input is set to zero in a row of a minibatch; the
        others are scaled up to match.
    max_iter : int, default=20
        Most steps of fine-tuning on all rows for each module. 0 leaves the hidden weights as they
        started.
    emphasis : bool, default=False
        Give rows more weight in fine-tuning the worse they are predicted: (1 + e / mean(e)) / 2 for
        a row of squared error e, set anew after every five steps. Output weights are solved for
        without it in the end.
    tol : float, default=1e-4
        Smallest relative fall of the error that counts as one.
    early_stopping : bool, default=False
        Hold out some rows, and keep for each module the step, and of the modules those, after
        which the squared error of these rows is the least.
    validation_fraction : float, default=0.1
        Share of the rows to hold out, in (0, 1). Used with ``early_stopping`` only.
    n_iter_no_change : int, default=5
        Steps without a fall of the error, after which a module is done. The error is that of the
        training rows, or with ``early_stopping`` of the rows held out.
    working_memory : float, default=None
        Megabytes that the hidden activities of all rows may take. If they need more, they are
        never held whole, and are computed twice a step. None is the ``working_memory`` of
        :func:`sklearn.get_config`, 1024 unless changed.
    verbose : int, default=0
        If positive, print a line a step.
    random_state : int, RandomState instance or None, default=None
        Source of the starting weights, of the minibatches and of the rows held out. Pass an int
        for the same result at each call, on any number of threads.
    n_jobs : int, default=None
        Most threads that share each chunk of rows, never more than processors: -1 is all
        processors, -2 all but one. None takes all processors that are idle. The result is the
        same.

    Attributes
    ----------
    modules_ : list of Module
        The modules from the bottom up, plain arrays and numbers each: ``components_`` of shape
        (n_components, n_inputs), ``intercept_hidden_``, ``coef_`` of shape (n_components,
        n_outputs), ``intercept_``, ``alpha_``; ``error_before_`` and ``error_after_``, the squared
        training error a row before and after fine-tuning; ``error_curve_``, that error with the
        penalties after each step; ``validation_curve_``, the squared error of the rows held out.
        All of them concern standardised targets.
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        Mean and standard deviation of the targets, by which they are standardised.
    final_estimator_ : regressor
        The fitted ``final_estimator``. Only if one was given.
    n_iter_ : int
        Steps of fine-tuning, of all modules together; a warm-up counts as one.
    n_features_in_ : int
        Number of features seen during ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, where they are all strings.

    See Also
    --------
    DSNClassifier : The same for classification.
    BernoulliRBM : What hidden weights start from.

    Notes
    -----
    A fitted network carries the sums from which the output weights of its top module follow, an
    array of shape (n_components, n_components) in float64, for :meth:`partial_fit`.

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

    _y_checks: ClassVar = {"multi_output": True, "y_numeric": True}

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
        cv: Any = None,
        final_estimator: Any = None,
        warm_up: int = 0,
        learning_rate_init: float = 0.001,
        batch_size: int = 100,
        input_dropout: float = 0.0,
        max_iter: int = 20,
        emphasis: bool = False,
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        working_memory: float | None = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_modules = n_modules
        self.alpha = alpha
        self.dropout = dropout
        self.init = init
        self.rbm = rbm
        self.stacking = stacking
        self.cv = cv
        self.final_estimator = final_estimator
        self.warm_up = warm_up
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.input_dropout = input_dropout
        self.max_iter = max_iter
        self.emphasis = emphasis
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.working_memory = working_memory
        self.verbose = verbose
        self.random_state = random_state
        self.n_jobs = n_jobs

    def partial_fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Take in more rows: solve the output weights of the top module again, with these as well.

        The first call is :meth:`fit`. In later ones hidden weights, and all of the modules below
        the top, stay as they are; the solution is then exact: the one for all rows together, of
        whatever size the pieces were that they came in.

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
            As for :meth:`fit`. The estimator is then as it was.
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
            Predictions, of the type of ``X``.
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
        # Further ones may be of another size than those that were measured.
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
