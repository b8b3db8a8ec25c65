"""Base class of deep belief networks for classification and regression."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from .._callbacks import with_callbacks
from .._checks import Number, Optional, PerLayer, Scalar
from .._rows import DenseRows
from .._source import of_parts
from .._streams import is_stream, targets_of
from .._targets import LazyTargets
from .._typing import Floats, MatrixLike, available_if
from .._validation import FLOATS, check_targets_are_there, row_weights, validated
from .feedforward import activations
from .pretraining import values_by_layer
from .stack import STACK_CHECKS, BaseStack, Examples


def _is_missing(label):
    """Whether a label is None, NaN or pandas.NA."""
    try:
        # NaN is not equal to itself, and bool() of a comparison with pandas.NA raises an error.
        return label is None or bool(label != label)
    except TypeError:
        return True


def _missing(y):
    """Mask of the missing labels of an array of any dtype."""
    if y.dtype.kind != "O":
        return y != y
    return np.array([_is_missing(label) for label in y.flat], dtype=bool).reshape(y.shape)


DBN_CHECKS = STACK_CHECKS | {
    "dropout": PerLayer(Number(Real, "[0, 1)")),
    "input_dropout": Number(Real, "[0, 1)"),
    "max_norm": Optional(Number(Real, "(0, inf)")),
    "n_iter_output": Number(Integral, "[0, inf)"),
    "unlabeled": Optional(Scalar()),
}


class BaseDBN(BaseStack):
    """A stack of RBMs with an output layer on top.

    A subclass defines how targets are encoded as outputs of the network (``_set_targets``,
    ``_measure_targets``, ``_encode``), how outputs are decoded to predictions (``_decode``), and
    their score (``_score_outputs``).
    """

    # Parameters
    dropout: float | Sequence[float]
    input_dropout: float
    max_norm: float | None
    n_iter_output: int
    unlabeled: object

    # Fitted attributes
    n_outputs_: int
    out_activation_: Literal["identity", "logistic", "softmax"]

    _parameter_checks: ClassVar = DBN_CHECKS

    # Training

    @with_callbacks
    def fit(
        self, X: MatrixLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the model to the data.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; rows whose target is ``unlabeled`` are used in pre-training only. None is only
            possible if ``X`` is a stream that contains the targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. None is 1 for all rows. In pre-training, a row is used
            as often as its weight says.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if the weights are no longer finite.

        Notes
        -----
        After an exception or Ctrl-C, the estimator keeps what was finished: the layers that were
        pre-trained, or the network after the last finished epoch. If nothing was finished, it is
        unchanged. With ``warm_start=True`` the next call continues from there.
        """
        with self._fitting(X, y) as work:
            self._train(self._read(X, y, sample_weight, work.is_first), work)
        return self

    # Training data

    def _read(self, X, y, sample_weight, is_first, classes=None, needs_targets=True):
        y = targets_of(X, y)
        check_targets_are_there(self, y)
        X = self._read_data(X, is_first)
        y = self._read_targets(X, y)
        labelled = np.flatnonzero(self._has_target(y))
        if needs_targets and not len(labelled):
            raise ValueError(
                f"{type(self).__name__} needs rows that have a target, but all are marked as "
                f"unlabeled: {self.unlabeled!r}."
            )
        if self._nan_is_a_marker():
            assert_all_finite(y[labelled], input_name="y")
        self._set_targets(y[labelled], is_first, classes)
        weights = row_weights(sample_weight, X)
        weights[labelled] *= self._target_weights(y[labelled])
        if len(labelled) and not weights[labelled].any():
            raise ValueError(
                "sample_weight is zero for all rows that have a target. At least one must be "
                "positive."
            )
        output_bias = None
        if len(labelled):
            self._measure_targets(y[labelled], weights[labelled], X.dtype)
            output_bias = self._output_bias(y[labelled], weights[labelled])

        def score(network, rows, numbers):
            outputs = of_parts(partial(activations, network.layers), rows)
            return self._score_outputs(outputs, y[numbers], weights[numbers])

        targets = self._targets_of(X, y, labelled)
        return Examples(X, labelled, weights, score, targets, self._strata(y), output_bias)

    def _targets_of(self, X, y, labelled):
        """Encoded targets of all rows; those of a stream are computed when they are needed."""
        if is_stream(X):
            return LazyTargets(y, self._encode, self.n_outputs_, X.dtype)
        targets = np.zeros((X.shape[0], self.n_outputs_), dtype=X.dtype)
        if len(labelled):
            targets[labelled] = self._encode(y[labelled])
        return DenseRows(targets)

    def _strata(self, y):
        """Strata for splitting the rows, or None."""
        return None

    def _output_bias(self, y, weights):
        """Initial biases of the outputs of a new network, or None for zeros."""
        return None

    def _nan_is_a_marker(self):
        return self.unlabeled is not None and _is_missing(self.unlabeled)

    def _read_targets(self, X, y):
        y = check_array(
            y,
            ensure_2d=False,
            dtype=None,
            ensure_all_finite="allow-nan" if self._nan_is_a_marker() else True,
            input_name="y",
            estimator=self,
        )
        check_consistent_length(X, y)
        return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _has_target(self, y):
        """Whether each row has a target."""
        if self.unlabeled is None:
            return np.ones(len(y), dtype=bool)
        marked = _missing(y) if self._nan_is_a_marker() else y == self.unlabeled
        return ~np.broadcast_to(marked, y.shape).reshape(len(y), -1).all(axis=1)

    def _measure_targets(self, y, weights, dtype):
        """Compute what the encoding needs from the targets of some rows."""

    def _target_weights(self, y):
        """Factor of the weight of each row, according to its target."""
        return 1.0

    # Structure of the network

    def _upper_layers(self):
        return [(self.n_outputs_, self.out_activation_)]

    def _stages(self, is_new):
        """Settings of the two stages of fine-tuning: the output layer only, then all layers."""
        settings = self._settings()
        n_output = min(self._parameters.n_iter_output, self._parameters.max_iter) if is_new else 0
        output_only = replace(settings.objective, frozen_layers=self._structure.n_hidden)
        stages = [
            replace(settings, objective=output_only, max_iter=n_output, learning_rate="constant"),
            replace(settings, max_iter=self._parameters.max_iter - n_output),
        ]
        return [stage for stage in stages if stage.max_iter]

    def _objective(self):
        dropout = (self._parameters.input_dropout, *values_by_layer(self, "dropout"))
        return replace(super()._objective(), dropout=dropout if any(dropout) else ())

    # Use

    def _is_pretrained(self):
        """Whether the network has RBMs, or will have them after fitting."""
        made = hasattr(self, "_structure")
        return self._structure.made_with["pretrain"] if made else self.pretrain

    @available_if(_is_pretrained)
    def inverse_transform(self, X: ArrayLike, layer: int = -1) -> Floats:
        """Mean data given the values of the units of a hidden layer.

        Computed by the RBMs, each from its hidden to its visible units, with their weights before
        fine-tuning. Only available for a network that was made with ``pretrain=True``.

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
        number = self._hidden_layer_number(layer)
        return self._down_by_rbms(self._structure.valid_units(X, number, self), number)

    @available_if(_is_pretrained)
    def reconstruct(self, X: MatrixLike, layer: int = -1) -> Floats:
        """Mean data after one pass of the RBMs up to a hidden layer and down again.

        Their weights are those before fine-tuning. Only available for a network that was made with
        ``pretrain=True``.

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
        number = self._hidden_layer_number(layer)
        H = validated(self, X, accept_sparse="csr", dtype=FLOATS, reset=False)
        for rbm in self.rbms_[: number + 1]:
            H = rbm.transform(H)
        return self._down_by_rbms(H, number)

    def _down_by_rbms(self, H, number):
        for rbm in self.rbms_[number::-1]:
            H = rbm.inverse_transform(H)
        return H

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted targets.
        """
        return self._decode(self._outputs(X))

    def _outputs(self, X):
        self._check_is_complete()
        rows = self._valid_rows(X)
        return activations(self._layers(rows.dtype), rows)

    def _to_mlp(self, mlp, targets):
        """Copy the weights to an MLP; a fit to ``targets`` sets its private attributes."""
        dtype = self.coefs_[0].dtype
        mlp.set_params(
            hidden_layer_sizes=self._structure.sizes,
            activation=self._structure.made_with["activation"],
            alpha=self._penalty(),
        )
        # Public attributes can be set, but private ones are only set by its own fit, which must not
        # draw from NumPy's global random numbers.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mlp.set_params(max_iter=1, random_state=0).fit(
                np.zeros((len(targets), self.n_features_in_), dtype=dtype), targets
            )
        mlp.set_params(max_iter=self._parameters.max_iter, random_state=None)
        mlp.coefs_ = [weights.copy() for weights in self.coefs_]
        mlp.intercepts_ = [bias.copy() for bias in self.intercepts_]
        if hasattr(self, "mean_"):
            mlp.coefs_[0] = (self.coefs_[0] / self.scale_[:, None]).astype(dtype)
            shift = (self.mean_ / self.scale_) @ self.coefs_[0]
            mlp.intercepts_[0] = (self.intercepts_[0] - shift).astype(dtype)
        mlp.n_iter_, mlp.loss_curve_ = self.n_iter_, [*self.loss_curve_]
        # With "lbfgs" there may have been no iteration, and therefore no loss.
        mlp.loss_ = getattr(self, "loss_", np.nan)
        if hasattr(self, "feature_names_in_"):
            mlp.feature_names_in_ = self.feature_names_in_
        return mlp

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
