"""Generative deep belief networks: without labels, and with labels in the highest RBM."""

import zlib
from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from .._callbacks import with_callbacks
from .._checks import Number, check_argument, keep_parameters
from .._classes import (
    check_classes,
    check_classes_of_further_call,
    one_hot,
    sorted_classes,
)
from .._helpers import stop_if_abandoned
from .._parameter_texts import with_texts
from .._rows import DenseRows
from .._source import all_of, chunks
from .._streams import is_stream, targets_of
from .._targets import LazyTargets
from .._threads import for_each, one_blas_thread
from .._typing import (
    Decay,
    FloatPerLayer,
    Floats,
    IntPerLayer,
    MatrixLike,
    RandomStateLike,
    available_if,
)
from .._validation import check_targets_are_there, warn_of_grey
from ..boltzmann.inference import (
    LOG_PARTITION,
    draw_by_means,
    in_nats,
    log_partition_of_scores,
)
from ..boltzmann.partition import LogPartition
from .generative_dbn_base import BaseGenerativeDBN, fine_tunes
from .parameter_texts import OF_GENERATING, OF_STACKS

# Fixed, so that scores are the same in each call.
_SEED_OF_SCORES = 0

# Number of rows whose states in all layers fit in the cache.
_ROWS_SCORED_TOGETHER = 128


@with_texts(OF_STACKS, OF_GENERATING)
class DeepBeliefNetwork(BaseGenerativeDBN):
    """Deep belief network, a generative model of data without labels.

    Restricted Boltzmann machines are trained one after the other, each on the features that the one
    below computes. The highest one is then a distribution over the states of the layer below it,
    and directed connections lead from there down to the data [1]_. :meth:`transform` goes the other
    way, from data to the means of the highest layer.

    See :ref:`the user guide <generative>` for when "up_down" helps.

    Parameters
    ----------
    hidden_layer_sizes, visible_units, rbm_algorithm, rbm_n_gibbs_steps, rbm_learning_rate,
    rbm_learning_rate_schedule, rbm_n_iter, rbm_batch_size, rbm_momentum, rbm_alpha, fine_tune,
    n_gibbs_steps, batch_size, learning_rate_schedule, learning_rate, n_iter, shuffle, random_state,
    verbose, warm_start

    Attributes
    ----------
    rbms_, recognition_coefs_, recognition_intercepts_, generative_coefs_, generative_intercepts_,
    history_, loss_curve_, n_iter_, visible_units_, n_features_in_, n_features_out_,
    feature_names_in_

    See Also
    --------
    GenerativeDBNClassifier : The same with labels.
    BernoulliRBM : One layer alone.
    DBNClassifier : A stack of RBMs that becomes a classifier by backpropagation.

    References
    ----------
    .. [1] G. E. Hinton, S. Osindero and Y. W. Teh, "A fast learning algorithm for deep belief
       nets", Neural Computation 18, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import DeepBeliefNetwork
    >>> X = load_digits().data[:500] / 16
    >>> model = DeepBeliefNetwork((32, 16), rbm_n_iter=5, random_state=0).fit(X)
    >>> model.transform(X).shape
    (500, 16)
    >>> model.sample(3).shape
    (3, 64)
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (256, 256),
        *,
        visible_units: Literal["auto", "bernoulli", "gaussian"] = "auto",
        rbm_algorithm: Literal["cd", "pcd"] | Sequence[Literal["cd", "pcd"]] = "cd",
        rbm_n_gibbs_steps: IntPerLayer = 1,
        rbm_learning_rate: FloatPerLayer = 0.1,
        rbm_learning_rate_schedule: Decay = "linear",
        rbm_n_iter: int | Sequence[int] = 10,
        rbm_batch_size: int | Sequence[int] = 10,
        rbm_momentum: FloatPerLayer = 0.0,
        rbm_alpha: float | Sequence[float] = 0.0,
        fine_tune: Literal["up_down"] | None = None,
        n_gibbs_steps: int | Sequence[int] = 3,
        batch_size: int = 100,
        learning_rate_schedule: Decay = "linear",
        learning_rate: float = 0.1,
        n_iter: int = 30,
        shuffle: bool = True,
        random_state: RandomStateLike = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        keep_parameters(self, locals())

    @available_if(fine_tunes)
    @with_callbacks
    def partial_fit(self, X: MatrixLike, y: object = None) -> Self:
        """Continue "up_down", in one pass over these rows in minibatches.

        The first call, unless ``fit`` was called before, also trains the layers greedily on these
        rows. The schedule of the learning rate is not used; if ``n_gibbs_steps`` is a sequence, its
        last value is. Only available with ``fine_tune="up_down"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : DeepBeliefNetwork
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`. The estimator is then unchanged, or has the layers that were
            finished.
        """
        with self._fitting(X, y, "partial_fit") as work:
            X, labels = self._read(X, y, work.is_first)
            self._train_once(X, labels, work)
        return self

    def sample(
        self,
        n_samples: int | None = None,
        n_steps: int = 100,
        *,
        init: MatrixLike | None = None,
        algorithm: Literal["gibbs", "pt"] = "gibbs",
        mean: bool = False,
        random_state: RandomStateLike = None,
    ) -> Floats:
        """Draw data from the model: by Gibbs sampling of the highest RBM, then one pass down.

        Parameters
        ----------
        n_samples : int, default=None
            Number of samples. None is the number of rows of ``init``, or 1 without ``init``.
        n_steps : int, default=100
            Steps of Gibbs sampling of each chain. After enough steps, a sample no longer depends on
            the first state of its chain.
        init : {array-like, sparse matrix} of shape (n_rows, n_features), default=None
            Data to start from: states of the layer below the highest one are drawn by an upward
            pass. If there are more samples than rows, rows are repeated. None starts each chain at
            a random state.
        algorithm : {"gibbs", "pt"}, default="gibbs"
            As for :meth:`BernoulliRBM.sample`: "pt" is parallel tempering.
        mean : bool, default=False
            Return the means of the features given the states of the layer above, instead of states:
            images with grey levels instead of black and white ones.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None continues those of the estimator, see
            :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Data.
        """
        self._check_complete()
        streams = self._streams_for_samples(n_samples, n_steps, algorithm, mean, random_state)
        if init is not None:
            init = self._highest_states(init, streams)
        return self._sample(n_samples, n_steps, algorithm, mean, streams, init)

    def _highest_states(self, X, streams):
        """States of the visible layer of the highest RBM, drawn by a pass up from data."""
        rows = self._valid_states(X)
        if self._structure.n_hidden == 1:
            return self._lowest().to_data(all_of(rows))
        for connection in self._connections(rows.dtype):
            states = connection.recognize_rows(rows)
            connection.above.sample(states, (streams.seed, streams.take(), 0))
            rows = DenseRows(states)
        return states

    def log_likelihood_bound(
        self,
        X: MatrixLike,
        log_partition: LogPartition | float | None = None,
        *,
        n_draws: int = 10,
    ) -> Floats:
        """Lower bound of the log-likelihood of each row.

        With the hidden layers h below the highest, and the states of the highest summed over, the
        bound is the expectation of log p(v, h) - log q(h | v), where the recognition
        weights draw h from q. It is estimated without bias by the mean of a few draws. They depend
        on the model and on the values of the row only, not on other rows. With one hidden layer
        nothing is drawn, and the bound is the log-likelihood itself.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        log_partition : LogPartition or float, default=None
            The result of ``rbms_[-1].log_partition()``, whose estimate is used, or a number in
            nats. With its ``upper``, scores stay lower bounds in spite of the uncertainty of
            annealing. None computes one with 1000 temperatures and keeps it for the next call. It
            is exact if the highest or the second-highest layer has up to 20 units, and otherwise a
            rough estimate, whose error is the same for all scores.
        n_draws : int, default=10
            Draws of the hidden layers for each row.

        Returns
        -------
        bound : ndarray of shape (n_samples,)
            In nats, with the dtype of ``X``.
        """
        self._check_complete()
        check_argument(self, "log_partition", log_partition, LOG_PARTITION)
        n_draws = check_argument(self, "n_draws", n_draws, Number(Integral, "[1, inf)"))
        rows = self._valid_states(X)
        if self.visible_units_ == "bernoulli":
            warn_of_grey(f"{type(self).__name__}.log_likelihood_bound", rows)
        if log_partition is None:
            log_partition = self.__skebm_log_partition__()
        log_scale = self._lowest().log_scale if self._structure.n_hidden > 1 else 0.0
        return self._log_weights(rows, n_draws) - (in_nats(log_partition) + log_scale)

    def score_samples(
        self,
        X: MatrixLike,
        log_partition: LogPartition | float | None = None,
        *,
        n_draws: int = 10,
    ) -> Floats:
        """Lower bound of the log-likelihood of each row, see :meth:`log_likelihood_bound`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        log_partition : LogPartition or float, default=None
            As for :meth:`log_likelihood_bound`.
        n_draws : int, default=10
            As for :meth:`log_likelihood_bound`.

        Returns
        -------
        bound : ndarray of shape (n_samples,)
            In nats, with the dtype of ``X``.
        """
        return self.log_likelihood_bound(X, log_partition, n_draws=n_draws)

    def __skebm_log_partition__(self):
        """The log Z that scores use if none is passed."""
        return log_partition_of_scores(self.rbms_[-1])

    def _log_weights(self, rows, n_draws):
        """Mean over draws of log p*(v, h) / q(h | v), see :meth:`GenerativeNet.log_weights`."""
        net = self._net(rows.dtype)
        n_streams = len(net.connections)
        n_draws = n_draws if n_streams else 1
        out = np.empty(rows.shape[0], dtype=rows.dtype)

        def evaluate(part):
            v = np.empty((part.stop - part.start, rows.shape[1]), dtype=rows.dtype)
            rows.take(np.arange(part.start, part.stop), v)
            # A row's random numbers are addressed by its values.
            numbers = [zlib.crc32(row.tobytes()) for row in v]
            total = np.zeros(len(v))
            for draw in range(n_draws):
                stop_if_abandoned()
                total += net.log_weights(v, numbers, _SEED_OF_SCORES, draw * n_streams)
            out[part] = total / n_draws

        with one_blas_thread():
            for_each(evaluate, chunks(rows.shape[0], _ROWS_SCORED_TOGETHER))
        return out

    def score(self, X: MatrixLike, y: object = None) -> float:
        """Mean of :meth:`score_samples` over the rows; the higher, the better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        bound : float
            In nats per row.
        """
        return float(self.score_samples(X).mean())


@with_texts(OF_STACKS, OF_GENERATING)
class GenerativeDBNClassifier(ClassifierMixin, BaseGenerativeDBN):
    """Deep belief network, a generative model of data together with their labels.

    As :class:`DeepBeliefNetwork`, but the highest RBM sees a label beside the features that reach
    it: a group of softmax units, one for each class, one of which is on. A label is predicted by
    its free energy given the features, and data of a class are drawn with the label held fixed
    [1]_.

    Data that are not in [0, 1] need two hidden layers or more, since the highest RBM, which has the
    label, has binary units. Where only labels are wanted, :class:`DBNClassifier` was better on
    MNIST. See :ref:`the user guide <generative>`.

    Parameters
    ----------
    hidden_layer_sizes, visible_units, rbm_algorithm, rbm_n_gibbs_steps, rbm_learning_rate,
    rbm_learning_rate_schedule, rbm_n_iter, rbm_batch_size, rbm_momentum, rbm_alpha, fine_tune,
    n_gibbs_steps, batch_size, learning_rate_schedule, learning_rate, n_iter, shuffle, random_state,
    verbose, warm_start

    Attributes
    ----------
    classes_, rbms_, recognition_coefs_, recognition_intercepts_, generative_coefs_,
    generative_intercepts_, history_, loss_curve_, n_iter_, visible_units_, n_features_in_,
    n_features_out_, feature_names_in_

    See Also
    --------
    DBNClassifier : A stack of RBMs that becomes a classifier by backpropagation.
    DeepBeliefNetwork : The same without labels.

    References
    ----------
    .. [1] G. E. Hinton, S. Osindero and Y. W. Teh, "A fast learning algorithm for deep belief
       nets", Neural Computation 18, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import GenerativeDBNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = GenerativeDBNClassifier((64, 64), rbm_n_iter=40, random_state=0)
    >>> bool(model.fit(X[:1500] / 16, y[:1500]).score(X[1500:] / 16, y[1500:]) > 0.75)
    True
    >>> model.sample(3, y=7).shape
    (3, 64)
    """

    # Fitted attributes
    classes_: NDArray[Any]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (256, 256),
        *,
        visible_units: Literal["auto", "bernoulli", "gaussian"] = "auto",
        rbm_algorithm: Literal["cd", "pcd"] | Sequence[Literal["cd", "pcd"]] = "cd",
        rbm_n_gibbs_steps: IntPerLayer = 1,
        rbm_learning_rate: FloatPerLayer = 0.1,
        rbm_learning_rate_schedule: Decay = "linear",
        rbm_n_iter: int | Sequence[int] = 30,
        rbm_batch_size: int | Sequence[int] = 10,
        rbm_momentum: FloatPerLayer = 0.0,
        rbm_alpha: float | Sequence[float] = 0.0,
        fine_tune: Literal["up_down"] | None = None,
        n_gibbs_steps: int | Sequence[int] = 3,
        batch_size: int = 100,
        learning_rate_schedule: Decay = "linear",
        learning_rate: float = 0.1,
        n_iter: int = 30,
        shuffle: bool = True,
        random_state: RandomStateLike = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        keep_parameters(self, locals())

    @available_if(fine_tunes)
    @with_callbacks
    def partial_fit(
        self, X: MatrixLike, y: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> Self:
        """Continue "up_down", in one pass over these rows in minibatches.

        The first call, unless ``fit`` was called before, also trains the layers greedily on these
        rows. The schedule of the learning rate is not used; if ``n_gibbs_steps`` is a sequence, its
        last value is. Only available with ``fine_tune="up_down"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : array-like of shape (n_samples,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will occur in any call. Required in the first call.

        Returns
        -------
        self : GenerativeDBNClassifier
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`, or if ``y`` has a label that is not in ``classes``. The estimator is
            then unchanged, or has the layers that were finished.
        """
        if classes is None and not hasattr(self, "classes_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        with self._fitting(X, y, "partial_fit") as work:
            X, labels = self._read(X, y, work.is_first, classes)
            self._train_once(X, labels, work)
        return self

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predict the labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        log_proba = self.predict_log_proba(X)
        return self.classes_[log_proba.argmax(axis=1)]

    def predict_proba(self, X: MatrixLike) -> Floats:
        """Return the probabilities of the classes.

        They are the softmax of minus the free energy of the highest RBM with each label. This is
        exact, given the means of the layer below it from one upward pass.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``; float64.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: MatrixLike) -> Floats:
        """Return the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            In nats, in the order of ``classes_``; float64, as a probability near 1 in float32 would
            be 1.
        """
        self._check_complete()
        rows = self._features(self._valid_states(X), self._structure.n_hidden - 1)
        return log_softmax(self.rbms_[-1].log_masses(rows), axis=1)

    def sample(
        self,
        n_samples: int | None = None,
        n_steps: int = 100,
        *,
        y: Any = None,
        algorithm: Literal["gibbs", "pt"] = "gibbs",
        mean: bool = False,
        random_state: RandomStateLike = None,
    ) -> Floats:
        """Draw data from the model, of given classes or of any.

        By Gibbs sampling of the highest RBM, with its label units held fixed at ``y``, and then one
        downward pass.

        Parameters
        ----------
        n_samples : int, default=None
            Number of samples. None is the number of labels in ``y``, or 1 without ``y``.
        n_steps : int, default=100
            Steps of Gibbs sampling of each chain, which starts at a random state. After enough
            steps, a sample no longer depends on it.
        y : label or array-like of shape (n_samples,), default=None
            The class of all samples, or of each sample. With None, classes are drawn as well.
        algorithm : {"gibbs", "pt"}, default="gibbs"
            As for :meth:`BernoulliRBM.sample`: "pt" is parallel tempering.
        mean : bool, default=False
            Return the means of the features given the states of the layer above, instead of states:
            images with grey levels instead of black and white ones.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None continues those of the estimator, see
            :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Data.
        """
        self._check_complete()
        streams = self._streams_for_samples(n_samples, n_steps, algorithm, mean, random_state)
        init = clamp = None
        if y is not None:
            n_samples, labels = self._labels_to_hold(n_samples, y)
            init = draw_by_means(self._highest(), n_samples, streams)
            init[:, -labels.shape[1] :] = labels
            clamp = np.arange(init.shape[1]) >= init.shape[1] - labels.shape[1]
        return self._sample(n_samples, n_steps, algorithm, mean, streams, init, clamp)

    def _labels_to_hold(self, n_samples, y):
        """Number of samples, and their labels, one-hot."""
        y = np.atleast_1d(y)
        if n_samples is None:
            n_samples = len(y)
        if y.shape not in ((1,), (n_samples,)):
            raise ValueError(
                f"y must be one label or {n_samples} labels, one for each sample. "
                f"Got an array of shape {y.shape} instead."
            )
        dtype = self.rbms_[-1].components_.dtype
        return n_samples, one_hot(self, np.broadcast_to(y, n_samples), dtype)

    def _new_rbms(self, streams):
        *others, highest = super()._new_rbms(streams)
        labelled_rbm = self._structure.units_below(len(others)).labelled_rbm
        if labelled_rbm is None:
            raise ValueError(
                f"The 'hidden_layer_sizes' parameter of {type(self).__name__} must have two layers "
                f"or more for data that are not in [0, 1], or with visible_units='gaussian': the "
                f"highest RBM, which includes the label, has binary units. "
                f"Got {self.hidden_layer_sizes!r} instead."
            )
        return [*others, labelled_rbm(**highest.get_params())]

    def _read_labels(self, X, y, is_first, classes):
        y = targets_of(X, y)
        check_targets_are_there(self, y)
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        if is_first:
            self.classes_ = np.unique(y) if classes is None else sorted_classes(classes)
            check_classes(self, self.classes_)
        else:
            check_classes_of_further_call(self, classes)
        if is_stream(X):
            encode = partial(one_hot, self, dtype=X.dtype)
            return LazyTargets(y, encode, len(self.classes_), X.dtype)
        return one_hot(self, y, X.dtype)

    def _highest_features(self, rows):
        return self.rbms_[-1].hidden_means(rows)
