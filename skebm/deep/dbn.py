"""Deep belief networks that predict: pre-trained as RBMs, then fine-tuned."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from .._callbacks import with_callbacks
from .._checks import AnyOf, ClassWeights, Flag, Number, Options, keep_parameters
from .._classes import (
    check_classes,
    check_classes_of_further_call,
    check_labels,
    sorted_classes,
)
from .._parameter_texts import with_texts
from .._streams import targets_of
from .._targets import TargetScale
from .._typing import (
    Decay,
    FloatPerLayer,
    Floats,
    IntPerLayer,
    MatrixLike,
    RandomStateLike,
    Solver,
    available_if,
)
from .dbn_base import DBN_CHECKS, BaseDBN
from .parameter_texts import OF_FINE_TUNING, OF_PREDICTING, OF_STACKS
from .stack import learns_from_minibatches
from .training import rows_in_minibatch

# With ``early_stopping="auto"``, so many rows are enough to hold some of them out.
_ENOUGH_TO_HOLD_OUT = 300
# With ``alpha="auto"``: the penalty with early stopping, or without it that of a ridge regression.
# With 0.2 of it, the noise of 200 rows was learned; with 3 times it, 1000 rows were not fitted.
_WEAK, _RIDGE = 1e-4, 0.25

# Valid parameters of a classifier.
CLASSIFIER_CHECKS = DBN_CHECKS | {"class_weight": ClassWeights()}


@with_texts(OF_STACKS, OF_FINE_TUNING, OF_PREDICTING)
class DBNClassifier(ClassifierMixin, BaseDBN):
    """Deep belief network for classification.

    The hidden layers are trained one after the other as restricted Boltzmann machines, each on
    the features that the one below computes. A feed-forward network then starts from their
    weights, with an output layer on top, and learns the labels by backpropagation [1]_ [2]_.

    Where a parameter means the same as in :class:`sklearn.neural_network.MLPClassifier`, it has
    the same name. Any number of rows may have no label, see ``unlabeled``. See
    :ref:`the user guide <dbn>` for how to choose the parameters.

    Parameters
    ----------
    hidden_layer_sizes, pretrain, visible_units, rbm_algorithm, rbm_n_gibbs_steps,
    rbm_learning_rate, rbm_learning_rate_schedule, rbm_n_iter, rbm_batch_size, rbm_momentum,
    rbm_alpha, activation, solver, alpha, l1_ratio, dropout, input_dropout, max_norm,
    max_gradient_norm, batch_size, learning_rate, learning_rate_init, max_iter, n_iter_output,
    n_line_searches, shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum,
    early_stopping, validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change, class_weight,
    unlabeled

    Attributes
    ----------
    classes_, rbms_, coefs_, intercepts_, mean_, scale_, n_outputs_, n_layers_, out_activation_,
    history_, loss_curve_, loss_, n_iter_, visible_units_, n_features_in_, n_features_out_,
    feature_names_in_

    See Also
    --------
    DBNRegressor : The same for real-valued targets.
    BernoulliRBM : One layer alone.

    Notes
    -----
    The loss is the cross-entropy, in nats: of the classes, with a softmax output for each of
    them; of one logistic output where there are two classes; of one for each label where ``y``
    is a matrix of zeros and ones.

    With dropout [3]_ the units that stay are scaled up, so that their means are those without
    dropout, and pre-trained weights need no rescaling.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006.
    .. [2] G. E. Hinton, S. Osindero and Y. W. Teh, "A fast learning algorithm for deep belief
       nets", Neural Computation 18, 2006.
    .. [3] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
       overfitting", Journal of Machine Learning Research 15, 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import DBNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DBNClassifier((64,), rbm_n_iter=5, max_iter=40, random_state=0)
    >>> bool(model.fit(X[:1500] / 16, y[:1500]).score(X[1500:] / 16, y[1500:]) > 0.85)
    True
    >>> model.transform(X[:3] / 16).shape
    (3, 64)
    """

    # Parameters
    alpha: float
    early_stopping: bool
    class_weight: Mapping[Any, float] | Literal["balanced"] | None

    # Fitted attributes
    classes_: NDArray[Any]

    _parameter_checks: ClassVar = CLASSIFIER_CHECKS

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (256, 256),
        *,
        pretrain: bool = True,
        visible_units: Literal["auto", "bernoulli", "gaussian"] = "auto",
        rbm_algorithm: Literal["cd", "pcd"] | Sequence[Literal["cd", "pcd"]] = "cd",
        rbm_n_gibbs_steps: IntPerLayer = 1,
        rbm_learning_rate: FloatPerLayer = 0.05,
        rbm_learning_rate_schedule: Decay = "linear",
        rbm_n_iter: int | Sequence[int] = 10,
        rbm_batch_size: int | Sequence[int] = 10,
        rbm_momentum: FloatPerLayer = 0.0,
        rbm_alpha: float | Sequence[float] = 0.0,
        activation: Literal["logistic", "tanh", "relu"] = "logistic",
        solver: Solver = "adam",
        alpha: float = 1e-4,
        l1_ratio: float = 0.0,
        dropout: float | Sequence[float] = 0.2,
        input_dropout: float = 0.1,
        max_norm: float | None = None,
        max_gradient_norm: float | None = None,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Decay | Literal["adaptive"] = "linear",
        learning_rate_init: float = 0.01,
        max_iter: int = 100,
        n_iter_output: int = 0,
        n_line_searches: int = 3,
        shuffle: bool = True,
        random_state: RandomStateLike = None,
        tol: float = 1e-4,
        verbose: int = 0,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        unlabeled: object = None,
    ) -> None:
        keep_parameters(self, locals())

    @available_if(learns_from_minibatches)
    @with_callbacks
    def partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Continue fine-tuning, in one pass over these rows in minibatches.

        The first call, unless ``fit`` was called before, also pre-trains on these rows. The
        learning rate is ``learning_rate_init``. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels; rows whose label is ``unlabeled`` are used in pre-training only.
        classes : array-like of shape (n_classes,), default=None
            All labels that will occur in any call. Required in the first call, unless ``y`` is a
            matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`, or if ``y`` has a label that is not in ``classes``. The estimator is
            then unchanged.
        """
        y = targets_of(X, y)
        if classes is None and not hasattr(self, "classes_") and np.ndim(y) != 2:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} of {type(self).__name__} is not supported by "
                "partial_fit, which does not know the number of rows of each class. Set it to None "
                "or to a dict."
            )
        with self._fitting(X, y, "partial_fit") as work:
            examples = self._read(X, y, sample_weight, work.is_first, classes, needs_targets=False)
            self._train_once(examples, work)
        return self

    def predict_proba(self, X: MatrixLike) -> Floats:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``. If ``y`` was a matrix, each column has the
            probabilities of one label.
        """
        outputs = self._outputs(X)
        if self._binarizer.y_type_.startswith("multilabel") or outputs.shape[1] > 1:
            return outputs
        return np.hstack([1 - outputs, outputs])

    def predict_log_proba(self, X: MatrixLike) -> Floats:
        """Return the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            In nats, in the order of ``classes_``.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def to_mlp(self) -> MLPClassifier:
        """A scikit-learn classifier with the same weights, which predicts the same.

        Returns
        -------
        mlp : MLPClassifier
            A fitted MLP. If features are standardised, this is included in the weights of its first
            layer.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is no fitted network to copy.
        """
        self._check_is_complete()
        several = self._binarizer.y_type_.startswith("multilabel")
        targets = np.eye(self.n_outputs_, dtype=int) if several else self.classes_
        return self._to_mlp(MLPClassifier(), targets)

    def _set_targets(self, y, is_first, classes):
        if len(y):
            check_classification_targets(y)
        if is_first:
            self._set_classes(y, classes)
        else:
            check_classes_of_further_call(self, classes)
        if len(y):
            check_labels(self, unique_labels(y))

    def _set_classes(self, y, classes):
        several = len(y) and type_of_target(y).startswith("multilabel")
        labels = y if several or classes is None else sorted_classes(classes)
        self._binarizer = LabelBinarizer().fit(labels)
        self.classes_ = self._binarizer.classes_
        check_classes(self, self.classes_)
        is_binary = len(self.classes_) == 2 and not several
        self.n_outputs_ = 1 if is_binary else len(self.classes_)
        self.out_activation_ = "logistic" if is_binary or several else "softmax"

    def _encode(self, y):
        return self._binarizer.transform(y)

    def _decode(self, outputs):
        return self._binarizer.inverse_transform(outputs)

    def _strata(self, y):
        return y if y.ndim == 1 else None

    def _target_weights(self, y):
        if self.class_weight is None or not len(y):
            return 1.0
        return compute_sample_weight(self.class_weight, y)

    def _score_outputs(self, outputs, y, weights):
        return float(accuracy_score(y, self._decode(outputs), sample_weight=weights))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@with_texts(OF_STACKS, OF_FINE_TUNING, OF_PREDICTING)
class DBNRegressor(RegressorMixin, BaseDBN):
    """Deep belief network for regression.

    The hidden layers are trained one after the other as restricted Boltzmann machines, each on
    the features that the one below computes. A feed-forward network then starts from their
    weights, with linear outputs on top, and learns the targets by backpropagation [1]_ [2]_.

    Where a parameter means the same as in :class:`sklearn.neural_network.MLPRegressor`, it has
    the same name. Targets can have any scale: the network standardises each of them. See
    :ref:`the user guide <dbn>` for how to choose the parameters.

    Parameters
    ----------
    hidden_layer_sizes, pretrain, visible_units, rbm_algorithm, rbm_n_gibbs_steps,
    rbm_learning_rate, rbm_learning_rate_schedule, rbm_n_iter, rbm_batch_size, rbm_momentum,
    rbm_alpha, activation, solver
    alpha : float or "auto", default="auto"
        Strength of the penalty on the weights, divided by the number of rows in a minibatch.
        Biases are not penalised. "auto" is 1e-4 with early stopping. Without it, it is a quarter of
        the rows in a minibatch, divided by the number of rows: so the penalty is that of a ridge
        regression with ``alpha=0.25``, however many rows there are. In ``partial_fit``, the rows
        of the first call count. See ``alpha_``.
    l1_ratio, dropout, input_dropout, max_norm,
    max_gradient_norm, batch_size, learning_rate, learning_rate_init, max_iter, n_iter_output,
    n_line_searches, shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum,
    early_stopping : bool or "auto", default="auto"
        Hold out some of the rows that have a target, stop when their score has not risen by
        ``tol`` for more than ``n_iter_no_change`` epochs, and keep the weights with the highest
        score. "auto" does so from 300 rows on: with fewer, the score of those held out would be too
        inexact, and ``alpha`` is larger. See ``early_stopping_``. With False, training stops when
        the loss has not fallen by ``tol`` for so many epochs, unless ``learning_rate`` is "linear"
        or "cosine": these always run to their last epoch.
    validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change
    unlabeled : float, default=None
        Value of ``y`` that marks a row without a target, such as NaN: it takes part in
        pre-training only. With several outputs, all of them have this value. None: every value is
        a target.

    Attributes
    ----------
    rbms_, coefs_, intercepts_, mean_, scale_
    alpha_ : float
        The parameter ``alpha``, or the penalty that "auto" has chosen.
    early_stopping_ : bool
        Whether rows were held out: the parameter ``early_stopping``, or the choice of "auto".
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        Mean and standard deviation of each target in the first call that has targets, by which it
        is standardised. The scale of a constant target is 1.
    n_outputs_, n_layers_, out_activation_, history_, loss_curve_, loss_, n_iter_, visible_units_,
    n_features_in_, n_features_out_, feature_names_in_

    See Also
    --------
    DBNClassifier : The same for classes.
    BernoulliRBM : One layer alone.

    Notes
    -----
    The loss is half the squared error of the standardised targets, summed over outputs.

    With dropout [3]_ the units that stay are scaled up, so that their means are those without
    dropout, and pre-trained weights need no rescaling.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006.
    .. [2] G. E. Hinton, S. Osindero and Y. W. Teh, "A fast learning algorithm for deep belief
       nets", Neural Computation 18, 2006.
    .. [3] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
       overfitting", Journal of Machine Learning Research 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import DBNRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> y = np.sin(X[:, 0]) + X[:, 1]
    >>> model = DBNRegressor((32,), visible_units="gaussian", random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.8)
    True
    """

    # Fitted attributes
    alpha_: float
    early_stopping_: bool
    target_mean_: Floats
    target_scale_: Floats

    _parameter_checks: ClassVar = DBN_CHECKS | {
        "alpha": AnyOf(Number(Real, "[0, inf)"), Options("auto")),
        "early_stopping": AnyOf(Flag(), Options("auto")),
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (256, 256),
        *,
        pretrain: bool = True,
        visible_units: Literal["auto", "bernoulli", "gaussian"] = "auto",
        rbm_algorithm: Literal["cd", "pcd"] | Sequence[Literal["cd", "pcd"]] = "cd",
        rbm_n_gibbs_steps: IntPerLayer = 1,
        rbm_learning_rate: FloatPerLayer = 0.05,
        rbm_learning_rate_schedule: Decay = "linear",
        rbm_n_iter: int | Sequence[int] = 10,
        rbm_batch_size: int | Sequence[int] = 10,
        rbm_momentum: FloatPerLayer = 0.0,
        rbm_alpha: float | Sequence[float] = 0.0,
        activation: Literal["logistic", "tanh", "relu"] = "logistic",
        solver: Solver = "adam",
        alpha: float | Literal["auto"] = "auto",
        l1_ratio: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        input_dropout: float = 0.0,
        max_norm: float | None = None,
        max_gradient_norm: float | None = None,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Decay | Literal["adaptive"] = "linear",
        learning_rate_init: float = 0.01,
        max_iter: int = 100,
        n_iter_output: int = 0,
        n_line_searches: int = 3,
        shuffle: bool = True,
        random_state: RandomStateLike = None,
        tol: float = 1e-4,
        verbose: int = 0,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        unlabeled: object = None,
    ) -> None:
        keep_parameters(self, locals())

    # R squared needs at least two rows.
    _fewest_held_out = 2

    @available_if(learns_from_minibatches)
    @with_callbacks
    def partial_fit(
        self, X: MatrixLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Continue fine-tuning, in one pass over these rows in minibatches.

        The first call, unless ``fit`` was called before, also pre-trains on these rows. The
        learning rate is ``learning_rate_init``. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; rows whose target is ``unlabeled`` are used in pre-training only.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`. The estimator is then unchanged.
        """
        with self._fitting(X, y, "partial_fit") as work:
            examples = self._read(X, y, sample_weight, work.is_first, needs_targets=False)
            self._train_once(examples, work)
        return self

    def to_mlp(self) -> MLPRegressor:
        """A scikit-learn regressor with the same weights, which predicts the same.

        Returns
        -------
        mlp : MLPRegressor
            A fitted MLP. The standardisation of features is included in the weights of its first
            layer, that of targets in those of its last layer.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is no fitted network to copy.
        """
        self._check_is_complete()
        targets = np.zeros((2, self.n_outputs_))
        mlp = self._to_mlp(MLPRegressor(), targets if self.n_outputs_ > 1 else targets.ravel())
        mlp.coefs_[-1] *= self.target_scale_
        mlp.intercepts_[-1] = mlp.intercepts_[-1] * self.target_scale_ + self.target_mean_
        return mlp

    def _choose(self, examples, may_hold_out=True):
        n_rows = np.count_nonzero(examples.weights[examples.numbers])
        stops = self.early_stopping
        if stops == "auto":
            stops = n_rows >= _ENOUGH_TO_HOLD_OUT
        self.early_stopping_ = bool(stops and may_hold_out)
        self.alpha_ = self._parameters.alpha
        if self.alpha_ == "auto":
            self.alpha_ = _WEAK if self.early_stopping_ else self._strength_of_ridge(n_rows)

    def _strength_of_ridge(self, n_rows):
        """The ``alpha`` that adds up to the penalty of a ridge regression over an epoch."""
        p = self._parameters
        if self.solver == "lbfgs" or not n_rows:
            return _RIDGE
        return float(_RIDGE * rows_in_minibatch(p.batch_size, self.solver, n_rows) / n_rows)

    def _stops_early(self):
        return self.early_stopping_

    def _penalty(self):
        return self.alpha_

    def _set_targets(self, y, is_first, classes):
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if is_first:
            self.n_outputs_ = n_outputs
            for name in ("target_mean_", "target_scale_"):
                vars(self).pop(name, None)
            self.out_activation_ = "identity"
        elif n_outputs != self.n_outputs_:
            raise ValueError(
                f"y has {n_outputs} outputs, but {type(self).__name__} is expecting "
                f"{self.n_outputs_} outputs as before."
            )

    def _output_bias(self, y, weights):
        return np.average(self._encode(y), axis=0, weights=weights)

    def _measure_targets(self, y, weights, dtype):
        if not hasattr(self, "target_mean_"):
            name = type(self).__name__
            scale = TargetScale.of(y.reshape(len(y), -1), weights, dtype, name)
            self.target_mean_, self.target_scale_ = scale.mean, scale.deviation

    def _target_scale(self):
        return TargetScale(self.target_mean_, self.target_scale_)

    def _encode(self, y):
        columns = y.reshape(len(y), -1).astype(np.float64)
        return self._target_scale().standardize(columns, np.float64)

    def _decode(self, outputs):
        y = self._target_scale().restore(outputs)
        return y.ravel() if self.n_outputs_ == 1 else y

    def _score_outputs(self, outputs, y, weights):
        # R² is the same for standardised targets; in the original units, squares may overflow in
        # float32.
        return float(r2_score(self._encode(y), outputs, sample_weight=weights))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
