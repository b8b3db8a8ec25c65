"""Deep belief networks that predict: pre-trained as RBMs, then fine-tuned."""

from typing import ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from .._callbacks import with_callbacks
from .._classes import (
    check_classes,
    check_classes_of_further_call,
    check_labels,
    sorted_classes,
)
from .._streams import targets_of
from .._targets import TargetScale
from .._validation import ClassWeights, keep_parameters
from .dbn_base import DBN_CHECKS, BaseDBN
from .stack import learns_from_minibatches

# What the parameters of a classifier may be.
CLASSIFIER_CHECKS = DBN_CHECKS | {"class_weight": ClassWeights()}


class DBNClassifier(ClassifierMixin, BaseDBN):
    """Deep belief network for classification.

    The hidden layers are trained one after the other as restricted Boltzmann machines, each on
    what the one below makes of the data. A feed-forward network then starts from their weights,
    with an output layer on top, and learns the labels by backpropagation [1]_ [2]_.

    Where a parameter means the same as in :class:`sklearn.neural_network.MLPClassifier`, it has
    the same name. Data of any number of rows may lack labels, see ``unlabeled``. See
    :ref:`the user guide <dbn>` for how to choose the parameters.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 256)
        Numbers of hidden units, from the lowest layer to the highest.
    pretrain : bool, default=True
        Train the hidden layers as RBMs first. False starts from random weights.
    visible_units : {"auto", "bernoulli", "gaussian"}, default="auto"
        Visible units of the lowest RBM. "auto": "bernoulli" where all values of the data are in
        [0, 1], and otherwise "gaussian". "bernoulli": for data in [0, 1]; features of any range
        are taken as they are with ``pretrain=False``. "gaussian": for real numbers of any scale;
        each feature is standardised, also with ``pretrain=False``.
    rbm_algorithm : {"cd", "pcd"}, default="cd"
        This and each other name that starts with ``rbm_`` is the parameter of
        :class:`BernoulliRBM`, or of :class:`GaussianRBM`, without ``rbm_``. A sequence holds one
        value for each hidden layer. A value that changes from epoch to epoch is a sequence inside
        of such a sequence: ``rbm_momentum=[(0.5, 0.9), (0.5, 0.9)]`` for two layers.
    rbm_n_gibbs_steps : int or sequence of int, default=1
        Steps of Gibbs sampling for one step of learning.
    rbm_learning_rate : float or sequence of float, default=0.05
        Length of a step of pre-training.
    rbm_learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        How it changes from epoch to epoch.
    rbm_n_iter : int or sequence of int, default=10
        Epochs of pre-training of a layer.
    rbm_batch_size : int or sequence of int, default=10
        Rows in a minibatch of pre-training.
    rbm_momentum : float or sequence of float, default=0.0
        Share of the last step that is added to the next, in [0, 1).
    rbm_alpha : float or sequence of float, default=0.0
        Strength of the L2 penalty on the weights in pre-training.
    activation : {"logistic", "tanh", "relu"}, default="logistic"
        Activation of the hidden units. RBMs have logistic ones: others need ``pretrain=False``.
    solver : {"sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"}, default="adam"
        How the loss is minimised in fine-tuning. "lbfgs" works on all rows at once, "cg",
        conjugate gradients, does ``n_line_searches`` line searches on each minibatch.
    alpha : float, default=0.0001
        Strength of the penalty on the weights, divided by the number of rows in a minibatch;
        biases are free.
    l1_ratio : float, default=0.0
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``.
    dropout : float or sequence of float, default=0.2
        Share of the hidden units that are silent in a step of fine-tuning, in [0, 1), one for all
        layers or one for each [3]_.
    input_dropout : float, default=0.1
        The same for the features.
    max_norm : float, default=None
        Greatest Euclidean norm of the weights into a unit; longer ones are scaled back after each
        step. No effect with "lbfgs".
    max_gradient_norm : float, default=None
        Greatest Euclidean norm of the gradient; a longer one is scaled back. No effect with
        "lbfgs" and "cg".
    batch_size : int or "auto", default="auto"
        Rows in a minibatch of fine-tuning. "auto" is a hundredth of the rows, but 20 at least and
        100 at most; with "cg" it is 1000.
    learning_rate : {"constant", "linear", "invscaling", "cosine", "adaptive"}, default="linear"
        How the learning rate changes in epoch e = 0, 1, ... of n. Its factor is 1; 1 - e / n;
        1 / sqrt(1 + e); (1 + cos(pi e / n)) / 2. "adaptive" divides it by 5 where training would
        otherwise stop for want of a gain, until it is below 1e-6.
    learning_rate_init : float, default=0.01
        Learning rate at the start. The default is for "adam" and logistic units; with "relu",
        0.003 was better. Not used by "lbfgs" and "cg".
    max_iter : int, default=100
        Most epochs of fine-tuning; for "lbfgs", iterations. No warning is given where they end
        before training has converged.
    n_iter_output : int, default=0
        The first so many of these epochs train the output layer alone.
    n_line_searches : int, default=3
        Line searches on each minibatch. Only used by "cg".
    shuffle : bool, default=True
        Visit the rows in a new order in each epoch of fine-tuning.
    random_state : int, RandomState instance or None, default=None
        Source of all that is random. Pass an int for the same result at each call, on any number
        of threads.
    tol : float, default=1e-4
        Smallest gain, of the loss or of the validation score, that counts.
    verbose : int, default=0
        If positive, print a line an epoch: the layer, the epoch, what was measured, and the
        seconds that the layer or the fine-tuning still needs if it runs to its last epoch.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last call ended: fine-tuning from the weights that
        are there and, after an interrupt, pre-training from the first layer that is not.
    momentum : float, default=0.9
        Share of the last step that is added to the next, in [0, 1). Only used by "sgd".
    nesterovs_momentum : bool, default=True
        Use Nesterov's momentum. Only used by "sgd".
    early_stopping : bool, default=False
        Hold out some rows that have a target, stop when their score has not risen by ``tol`` for
        ``n_iter_no_change`` epochs, and keep the weights with the highest score. False stops when
        the loss has not fallen by ``tol`` for so long, unless ``learning_rate`` is "linear" or
        "cosine": these run to their end.
    validation_fraction : float, default=0.1
        Share of the rows to hold out, in (0, 1). Only used with ``early_stopping``.
    beta_1 : float, default=0.9
        Decay of the mean of gradients in "adam", in [0, 1).
    beta_2 : float, default=0.999
        Decay of the mean of squared gradients in "adam", in [0, 1).
    epsilon : float, default=1e-8
        Keeps divisors from zero in "adam", "rmsprop" and "adagrad".
    n_iter_no_change : int, default=10
        Epochs in a row without a gain that are put up with.
    class_weight : dict, "balanced" or None, default=None
        What the weight of a row is multiplied by for its class, in fine-tuning. "balanced":
        inversely to the number of rows of the class.
    unlabeled : int, float or str, default=None
        Marks rows without a label in ``y``, such as -1: they take part in pre-training only.
        None: every value is a label.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    rbms_ : list of RBM
        The fitted RBMs, from the lowest layer to the highest, as pre-training left them; the
        ``history_`` of each says how it went. Only with ``pretrain=True``.
    coefs_ : list of ndarray
        Weights of each layer, of shape (n_inputs, n_units), the output layer last.
    intercepts_ : list of ndarray
        Biases of each layer.
    mean_, scale_ : ndarray of shape (n_features,)
        With ``visible_units="gaussian"``: what is taken from the features, and what they are
        then divided by, before they reach the first layer; float64.
    n_outputs_ : int
        Number of outputs of the network.
    n_layers_ : int
        Number of layers of units, the features and the outputs among them.
    out_activation_ : str
        Activation of the outputs.
    history_ : dict of str to list of float
        What was measured in each epoch of fine-tuning: "loss", its mean over the rows, penalties
        included, when they were learned from; "seconds"; with ``early_stopping``
        "validation_score".
    loss_curve_ : list of float
        The loss in each epoch of fine-tuning.
    loss_ : float
        The last of them. Not there if "lbfgs" found nothing to do.
    n_iter_ : int
        Number of epochs of fine-tuning.
    visible_units_ : {"bernoulli", "gaussian"}
        The visible units of the lowest RBM: what ``visible_units`` said, or "auto" found.
    n_features_in_ : int
        Number of features seen during ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, where they are all strings.

    See Also
    --------
    DBNRegressor : The same for real-valued targets.
    BernoulliRBM : One layer alone.

    Notes
    -----
    The loss is the cross-entropy, in nats: of the classes, with a softmax output for each of
    them; of one logistic output where there are two classes; of one for each label where ``y``
    is a matrix of zeros and ones.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006.
    .. [2] G. E. Hinton, S. Osindero and Y. W. Teh, "A fast learning algorithm for deep belief
       nets", Neural Computation 18, 2006.
    .. [3] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
       overfitting", Journal of Machine Learning Research 15, 2014. Pre-trained weights need no
       rescaling here: it is the units that are scaled, so that their means stay as they were.

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

    _parameter_checks: ClassVar = CLASSIFIER_CHECKS

    def __init__(
        self,
        hidden_layer_sizes=(256, 256),
        *,
        pretrain=True,
        visible_units="auto",
        rbm_algorithm="cd",
        rbm_n_gibbs_steps=1,
        rbm_learning_rate=0.05,
        rbm_learning_rate_schedule="linear",
        rbm_n_iter=10,
        rbm_batch_size=10,
        rbm_momentum=0.0,
        rbm_alpha=0.0,
        activation="logistic",
        solver="adam",
        alpha=1e-4,
        l1_ratio=0.0,
        dropout=0.2,
        input_dropout=0.1,
        max_norm=None,
        max_gradient_norm=None,
        batch_size="auto",
        learning_rate="linear",
        learning_rate_init=0.01,
        max_iter=100,
        n_iter_output=0,
        n_line_searches=3,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=0,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        class_weight=None,
        unlabeled=None,
    ):
        keep_parameters(self, locals())

    @available_if(learns_from_minibatches)
    @with_callbacks
    def partial_fit(self, X, y=None, classes=None, sample_weight=None):
        """Go on with fine-tuning, once over these rows in minibatches.

        The first call, where no ``fit`` went before, pre-trains on the rows that it gets. The
        learning rate is ``learning_rate_init``. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels; rows whose label is ``unlabeled`` take part in pre-training only.
        classes : array-like of shape (n_classes,), default=None
            All labels that any call will see. Needed in the first call, unless a matrix ``y``
            says how many they are.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`, or if ``y`` has a label that is not among ``classes``. The
            estimator is then as it was.
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

    def predict_proba(self, X):
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``. Where ``y`` was a matrix, each column is
            the probability of its label.
        """
        outputs = self._outputs(X)
        if self._binarizer.y_type_.startswith("multilabel") or outputs.shape[1] > 1:
            return outputs
        return np.hstack([1 - outputs, outputs])

    def predict_log_proba(self, X):
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

    def to_mlp(self):
        """A scikit-learn classifier with the same weights, which predicts the same.

        Returns
        -------
        mlp : MLPClassifier
            Fitted. Features that are standardised here have that in the weights of its first
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


class DBNRegressor(RegressorMixin, BaseDBN):
    """Deep belief network for regression.

    The hidden layers are trained one after the other as restricted Boltzmann machines, each on
    what the one below makes of the data. A feed-forward network then starts from their weights,
    with linear outputs on top, and learns the targets by backpropagation [1]_ [2]_.

    Where a parameter means the same as in :class:`sklearn.neural_network.MLPRegressor`, it has
    the same name. Targets of any scale can be given as they are: the network learns each of them
    less its mean and over its standard deviation. See :ref:`the user guide <dbn>` for how to choose
    the parameters.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 256)
        Numbers of hidden units, from the lowest layer to the highest.
    pretrain : bool, default=True
        Train the hidden layers as RBMs first. False starts from random weights.
    visible_units : {"auto", "bernoulli", "gaussian"}, default="auto"
        Visible units of the lowest RBM. "auto": "bernoulli" where all values of the data are in
        [0, 1], and otherwise "gaussian". "bernoulli": for data in [0, 1]; features of any range
        are taken as they are with ``pretrain=False``. "gaussian": for real numbers of any scale;
        each feature is standardised, also with ``pretrain=False``.
    rbm_algorithm : {"cd", "pcd"}, default="cd"
        This and each other name that starts with ``rbm_`` is the parameter of
        :class:`BernoulliRBM`, or of :class:`GaussianRBM`, without ``rbm_``. A sequence holds one
        value for each hidden layer. A value that changes from epoch to epoch is a sequence inside
        of such a sequence: ``rbm_momentum=[(0.5, 0.9), (0.5, 0.9)]`` for two layers.
    rbm_n_gibbs_steps : int or sequence of int, default=1
        Steps of Gibbs sampling for one step of learning.
    rbm_learning_rate : float or sequence of float, default=0.05
        Length of a step of pre-training.
    rbm_learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        How it changes from epoch to epoch.
    rbm_n_iter : int or sequence of int, default=10
        Epochs of pre-training of a layer.
    rbm_batch_size : int or sequence of int, default=10
        Rows in a minibatch of pre-training.
    rbm_momentum : float or sequence of float, default=0.0
        Share of the last step that is added to the next, in [0, 1).
    rbm_alpha : float or sequence of float, default=0.0
        Strength of the L2 penalty on the weights in pre-training.
    activation : {"logistic", "tanh", "relu"}, default="logistic"
        Activation of the hidden units. RBMs have logistic ones: others need ``pretrain=False``.
    solver : {"sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"}, default="adam"
        How the loss is minimised in fine-tuning. "lbfgs" works on all rows at once, "cg",
        conjugate gradients, does ``n_line_searches`` line searches on each minibatch.
    alpha : float, default=0.0001
        Strength of the penalty on the weights, divided by the number of rows in a minibatch;
        biases are free.
    l1_ratio : float, default=0.0
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``.
    dropout : float or sequence of float, default=0.0
        Share of the hidden units that are silent in a step of fine-tuning, in [0, 1), one for all
        layers or one for each [3]_.
    input_dropout : float, default=0.0
        The same for the features.
    max_norm : float, default=None
        Greatest Euclidean norm of the weights into a unit; longer ones are scaled back after each
        step. No effect with "lbfgs".
    max_gradient_norm : float, default=None
        Greatest Euclidean norm of the gradient; a longer one is scaled back. No effect with
        "lbfgs" and "cg".
    batch_size : int or "auto", default="auto"
        Rows in a minibatch of fine-tuning. "auto" is a hundredth of the rows, but 20 at least and
        100 at most; with "cg" it is 1000.
    learning_rate : {"constant", "linear", "invscaling", "cosine", "adaptive"}, default="linear"
        How the learning rate changes in epoch e = 0, 1, ... of n. Its factor is 1; 1 - e / n;
        1 / sqrt(1 + e); (1 + cos(pi e / n)) / 2. "adaptive" divides it by 5 where training would
        otherwise stop for want of a gain, until it is below 1e-6.
    learning_rate_init : float, default=0.01
        Learning rate at the start. The default is for "adam" and logistic units; with "relu",
        0.003 was better. Not used by "lbfgs" and "cg".
    max_iter : int, default=100
        Most epochs of fine-tuning; for "lbfgs", iterations. No warning is given where they end
        before training has converged.
    n_iter_output : int, default=0
        The first so many of these epochs train the output layer alone.
    n_line_searches : int, default=3
        Line searches on each minibatch. Only used by "cg".
    shuffle : bool, default=True
        Visit the rows in a new order in each epoch of fine-tuning.
    random_state : int, RandomState instance or None, default=None
        Source of all that is random. Pass an int for the same result at each call, on any number
        of threads.
    tol : float, default=1e-4
        Smallest gain, of the loss or of the validation score, that counts.
    verbose : int, default=0
        If positive, print a line an epoch: the layer, the epoch, what was measured, and the
        seconds that the layer or the fine-tuning still needs if it runs to its last epoch.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last call ended: fine-tuning from the weights that
        are there and, after an interrupt, pre-training from the first layer that is not.
    momentum : float, default=0.9
        Share of the last step that is added to the next, in [0, 1). Only used by "sgd".
    nesterovs_momentum : bool, default=True
        Use Nesterov's momentum. Only used by "sgd".
    early_stopping : bool, default=False
        Hold out some rows that have a target, stop when their score has not risen by ``tol`` for
        ``n_iter_no_change`` epochs, and keep the weights with the highest score. False stops when
        the loss has not fallen by ``tol`` for so long, unless ``learning_rate`` is "linear" or
        "cosine": these run to their end.
    validation_fraction : float, default=0.1
        Share of the rows to hold out, in (0, 1). Only used with ``early_stopping``.
    beta_1 : float, default=0.9
        Decay of the mean of gradients in "adam", in [0, 1).
    beta_2 : float, default=0.999
        Decay of the mean of squared gradients in "adam", in [0, 1).
    epsilon : float, default=1e-8
        Keeps divisors from zero in "adam", "rmsprop" and "adagrad".
    n_iter_no_change : int, default=10
        Epochs in a row without a gain that are put up with.
    unlabeled : float, default=None
        Marks rows without a target in ``y``, such as NaN: they take part in pre-training only.
        With several outputs, a row is marked by all of them. None: every value is a target.

    Attributes
    ----------
    rbms_ : list of RBM
        The fitted RBMs, from the lowest layer to the highest, as pre-training left them; the
        ``history_`` of each says how it went. Only with ``pretrain=True``.
    coefs_ : list of ndarray
        Weights of each layer, of shape (n_inputs, n_units), the output layer last.
    intercepts_ : list of ndarray
        Biases of each layer.
    mean_, scale_ : ndarray of shape (n_features,)
        With ``visible_units="gaussian"``: what is taken from the features, and what they are
        then divided by, before they reach the first layer; float64.
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        Mean and standard deviation of the targets, by which they are standardised; 1 for targets
        that are constant. Those of the first call that has targets.
    n_outputs_ : int
        Number of outputs of the network.
    n_layers_ : int
        Number of layers of units, the features and the outputs among them.
    out_activation_ : str
        Activation of the outputs.
    history_ : dict of str to list of float
        What was measured in each epoch of fine-tuning: "loss", its mean over the rows, penalties
        included, when they were learned from; "seconds"; with ``early_stopping``
        "validation_score".
    loss_curve_ : list of float
        The loss in each epoch of fine-tuning.
    loss_ : float
        The last of them. Not there if "lbfgs" found nothing to do.
    n_iter_ : int
        Number of epochs of fine-tuning.
    visible_units_ : {"bernoulli", "gaussian"}
        The visible units of the lowest RBM: what ``visible_units`` said, or "auto" found.
    n_features_in_ : int
        Number of features seen during ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, where they are all strings.

    See Also
    --------
    DBNClassifier : The same for classes.
    BernoulliRBM : One layer alone.

    Notes
    -----
    The loss is half the squared error of the standardised targets, summed over outputs.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006.
    .. [2] G. E. Hinton, S. Osindero and Y. W. Teh, "A fast learning algorithm for deep belief
       nets", Neural Computation 18, 2006.
    .. [3] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
       overfitting", Journal of Machine Learning Research 15, 2014. Pre-trained weights need no
       rescaling here: it is the units that are scaled, so that their means stay as they were.

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

    def __init__(
        self,
        hidden_layer_sizes=(256, 256),
        *,
        pretrain=True,
        visible_units="auto",
        rbm_algorithm="cd",
        rbm_n_gibbs_steps=1,
        rbm_learning_rate=0.05,
        rbm_learning_rate_schedule="linear",
        rbm_n_iter=10,
        rbm_batch_size=10,
        rbm_momentum=0.0,
        rbm_alpha=0.0,
        activation="logistic",
        solver="adam",
        alpha=1e-4,
        l1_ratio=0.0,
        dropout=0.0,
        input_dropout=0.0,
        max_norm=None,
        max_gradient_norm=None,
        batch_size="auto",
        learning_rate="linear",
        learning_rate_init=0.01,
        max_iter=100,
        n_iter_output=0,
        n_line_searches=3,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=0,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        unlabeled=None,
    ):
        keep_parameters(self, locals())

    # R squared compares with the mean.
    _fewest_held_out = 2

    @available_if(learns_from_minibatches)
    @with_callbacks
    def partial_fit(self, X, y=None, sample_weight=None):
        """Go on with fine-tuning, once over these rows in minibatches.

        The first call, where no ``fit`` went before, pre-trains on the rows that it gets. The
        learning rate is ``learning_rate_init``. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; rows whose target is ``unlabeled`` take part in pre-training only.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`. The estimator is then as it was.
        """
        with self._fitting(X, y, "partial_fit") as work:
            examples = self._read(X, y, sample_weight, work.is_first, needs_targets=False)
            self._train_once(examples, work)
        return self

    def to_mlp(self):
        """A scikit-learn regressor with the same weights, which predicts the same.

        Returns
        -------
        mlp : MLPRegressor
            Fitted. Features that are standardised here have that in the weights of its first
            layer, targets in those of its last.

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
        # The same for targets in their own units, whose squares may be too large for a float32.
        return float(r2_score(self._encode(y), outputs, sample_weight=weights))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
