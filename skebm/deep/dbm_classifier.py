"""A deep Boltzmann machine that predicts: its mean field unrolled, then fine-tuned."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn import clone
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted

from .._checks import Instance, Optional, keep_parameters
from .._parameter_texts import with_texts
from .._rows import JoinedRows
from .._streamed_rows import as_rows
from .._typing import Decay, Floats, MatrixLike, RandomStateLike, Solver, available_if
from ..boltzmann.variational import posterior_means
from .dbm import DeepBoltzmannMachine
from .dbn import CLASSIFIER_CHECKS, DBNClassifier
from .feedforward import Layer
from .parameter_texts import OF_FINE_TUNING, OF_PREDICTING, OF_STACKS
from .pretraining import PRETRAINING_CHECKS, layer_sizes
from .visible_units import data_of


def _is_an_mlp(estimator):
    """Whether ``to_mlp`` is available; otherwise raise an AttributeError with the reason."""
    if len(layer_sizes(estimator)) > 1:
        raise AttributeError(
            f"to_mlp of {type(estimator).__name__} needs a machine with one hidden layer. With "
            "more, the network also reads the means of the second one, which an MLP cannot compute."
        )
    return True


def _has_begun(dbm):
    """Whether a machine has learned something: it has RBMs, or was trained as a whole."""
    return hasattr(dbm, "rbms_") or hasattr(dbm, "coefs_")


@with_texts(OF_STACKS, OF_FINE_TUNING, OF_PREDICTING)
class DBMClassifier(DBNClassifier):
    """Deep Boltzmann machine for classification.

    A :class:`DeepBoltzmannMachine` is fitted to the data. Its mean field is then unrolled into a
    feed-forward network, whose first layer sees the features and, beside them, the means of the
    even hidden layers (the second, the fourth, ...) given these; with an output layer on top it
    learns the labels by backpropagation [1]_. See :ref:`the user guide <dbm>`.

    Any number of rows may have no label, see ``unlabeled``: the machine learns from them, too.

    Parameters
    ----------
    dbm : DeepBoltzmannMachine, default=None
        The machine to start from. A copy of it is fitted, see ``dbm_``. If one is passed, its
        parameters can be set and searched over, such as ``dbm__n_iter``. None is
        ``DeepBoltzmannMachine()``. If its ``random_state`` is None, that of the classifier is used.
    solver, alpha, l1_ratio, dropout, input_dropout, max_norm, max_gradient_norm, batch_size,
    learning_rate, learning_rate_init, max_iter, n_iter_output, n_line_searches, shuffle,
    random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping,
    validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change, class_weight, unlabeled

    Attributes
    ----------
    dbm_ : DeepBoltzmannMachine
        The machine, as it was before fine-tuning. If training was interrupted before that, as far
        as it was trained; ``fit`` with ``warm_start=True`` then trains it for all of its ``n_iter``
        epochs again.
    classes_
    coefs_ : list of ndarray
        Weights of each layer, of shape (n_inputs, n_units), the output layer last. The inputs of
        the first are the features, then the units of the even hidden layers; see the notes for
        the units of the others.
    intercepts_, mean_, scale_, n_outputs_, n_layers_, out_activation_
    history_ : dict of str to list of float
        As of :class:`DBNClassifier`. That of the machine is ``dbm_.history_``.
    loss_curve_, loss_, n_iter_, visible_units_, n_features_in_, n_features_out_, feature_names_in_

    See Also
    --------
    DBNClassifier : The same from a stack of RBMs, which is faster to fit.

    Notes
    -----
    The means that the first layer gets in addition to the features are always those of the machine;
    only the weights from them are fine-tuned. The network has as many hidden layers as the machine.
    The k-th one has the units of the k-th hidden layer of the machine, followed by those of every
    second layer above it, so that each layer gets inputs from both of its neighbours. Before
    fine-tuning, all values are those to which mean field converges.

    With dropout [2]_ the units that stay are scaled up, so that their means are those without
    dropout, and pre-trained weights need no rescaling.

    References
    ----------
    .. [1] R. Salakhutdinov and G. Hinton, "Deep Boltzmann machines", AISTATS 2009.
    .. [2] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
       overfitting", Journal of Machine Learning Research 15, 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import DBMClassifier, DeepBoltzmannMachine
    >>> X, y = load_digits(return_X_y=True)
    >>> dbm = DeepBoltzmannMachine((64, 32), n_iter=5)
    >>> model = DBMClassifier(dbm, max_iter=40, random_state=0)
    >>> bool(model.fit(X[:1500] / 16, y[:1500]).score(X[1500:] / 16, y[1500:]) > 0.85)
    True
    """

    # Parameters
    dbm: DeepBoltzmannMachine | None

    # Fitted attributes
    dbm_: DeepBoltzmannMachine

    _parameter_checks: ClassVar = {
        name: check
        for name, check in CLASSIFIER_CHECKS.items()
        if name not in PRETRAINING_CHECKS and name not in ("pretrain", "activation")
    } | {"dbm": Optional(Instance(DeepBoltzmannMachine))}

    # Fixed values of parameters of the base class.
    pretrain = True
    activation = "logistic"

    def __init__(
        self,
        dbm: DeepBoltzmannMachine | None = None,
        *,
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

    # Of other networks they are parameters, which can be set.

    @property
    def hidden_layer_sizes(self) -> int | Sequence[int]:  # type: ignore[override]
        """Numbers of units of the hidden layers, those of the machine."""
        return self._machine().hidden_layer_sizes

    @property
    def visible_units(self) -> str:  # type: ignore[override]
        """Kind of the data, that of the machine."""
        return self._machine().visible_units

    def _machine(self):
        return DeepBoltzmannMachine() if self.dbm is None else self.dbm

    # Training

    def _check(self):
        super()._check()
        if data_of(self.visible_units).are_tables:
            raise ValueError(
                f"{type(self).__name__} learns from numbers, and the 'dbm' parameter has "
                f"visible_units={self.visible_units!r}, which is for tables. Encode the categories "
                "of the table, for example by sklearn.preprocessing.OneHotEncoder, or use a "
                "pipeline of the DeepBoltzmannMachine and another classifier."
            )

    def _begin(self, X, is_first):
        super()._begin(X, is_first)
        if is_first:
            del self.rbms_
            vars(self).pop("dbm_", None)

    def _n_to_pretrain(self, resume):
        return int(not (resume and self.coefs_))

    def _pretrain(self, X, work):
        """Fit the machine, if this has not been done; what it has learned stays after an error."""
        if self.coefs_:
            return
        streams = replace(self._streams)
        dbm = self._machine_to_train(streams)
        task = work.progress.subcontext(task_name="machine")
        task.call_on_fit_task_begin(estimator=self, X=X)
        try:
            with task.propagate_callback_context(dbm):
                dbm.fit(X)
        except BaseException:
            if _has_begun(dbm):
                self.dbm_, self._streams = dbm, streams
                work.commit()
            raise
        task.call_on_fit_task_end(estimator=self, X=X)
        dbm.set_params(warm_start=self._machine().warm_start)
        model = dbm.__skebm_model__(X.dtype)
        if hasattr(self, "mean_"):
            self.mean_, self.scale_ = model.mean, model.scale
        self.dbm_, self._streams = dbm, streams
        self._append(_unrolled(model.machine))
        work.commit()

    def _machine_to_train(self, streams):
        """A copy of the machine, or the one that an interrupted call has left, to go on with."""
        if hasattr(self, "dbm_"):
            parameters = self._machine().get_params(deep=False)
            return self.dbm_.set_params(
                **parameters | {"warm_start": True, "random_state": self.dbm_.random_state}
            )
        seed, dbm = int(streams.generator().integers(2**32)), clone(self._machine())
        return dbm.set_params(random_state=seed) if dbm.random_state is None else dbm

    def __skebm_rows__(self, X):
        """Inputs of the network: the features, and the means of the even hidden layers."""
        rows = super().__skebm_rows__(X)
        if self._structure.n_hidden == 1 or not hasattr(self, "dbm_"):
            return rows
        model = self.dbm_.__skebm_model__(X.dtype)
        even, _ = posterior_means(model, model.to_states(as_rows(X)))
        return JoinedRows(rows, np.ascontiguousarray(even[:, model.machine.n_visible :]))

    def _attributes_for_use(self):
        return super()._attributes_for_use() | {"dbm_": self.dbm_.without_training_state()}

    # Use

    def _values(self, X, layer):
        """Values of a hidden layer of the machine, the first units of the network's layer."""
        values = super()._values(X, layer)
        return values[:, : self._structure.sizes[self._hidden_layer_number(layer)]]

    def inverse_transform(self, X: ArrayLike, layer: int = -1) -> Floats:
        """Mean data given the values of the units of a hidden layer.

        Computed by the machine, with its weights before fine-tuning.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_units)
            Values of the hidden units.
        layer : int, default=-1
            Number of the hidden layer, as for :meth:`transform`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Means of the data, with the dtype of ``X``.
        """
        check_is_fitted(self)
        return self.dbm_.inverse_transform(X, layer=layer)

    def reconstruct(self, X: MatrixLike, layer: int = -1) -> Floats:
        """Mean data given the means of a hidden layer, computed from ``X``.

        The machine computes both, with its weights before fine-tuning.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        layer : int, default=-1
            Number of the hidden layer, as for :meth:`transform`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Means of the data, with the dtype of ``X``.
        """
        check_is_fitted(self)
        return self.dbm_.reconstruct(X, layer=layer)

    @available_if(_is_an_mlp)
    def to_mlp(self) -> MLPClassifier:
        """A scikit-learn classifier with the same weights, which predicts the same.

        Only for a machine of one hidden layer.

        Returns
        -------
        mlp : MLPClassifier
            Fitted.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is no fitted network to copy.
        """
        return super().to_mlp()


def _unrolled(machine):
    """The hidden layers of the unrolled mean field of a machine.

    The k-th layer of the network has the units of the k-th hidden layer and of every second one
    above it, which are the inputs of the next layer. The first one reads the data and the means of
    all even hidden layers.
    """
    numbers = range(len(machine.layers))
    layers = []
    for number in numbers[1:]:
        below, here = numbers[number - 1 :: 2], numbers[number::2]
        weights = np.block([[_between(machine, lower, upper) for upper in here] for lower in below])
        bias = np.concatenate([machine.layers[upper].bias for upper in here])
        layers.append(Layer(np.ascontiguousarray(weights), bias, "logistic"))
    return layers


def _between(machine, one, other):
    """Weights from one layer to another: those of a coupling, possibly transposed, or zeros."""
    if other == one + 1:
        return machine.couplings[one].weights
    if one == other + 1:
        return machine.couplings[other].weights.T
    n_units = [len(machine.layers[number].bias) for number in (one, other)]
    return np.zeros(n_units, dtype=machine.dtype)
