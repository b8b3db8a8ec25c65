"""Greedy pre-training: a stack of RBMs, each fitted to the features of the one below."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Literal

import numpy as np
from sklearn import get_config
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array

from .._checks import (
    Number,
    Options,
    PerLayer,
    PlainParameters,
    Schedule,
    WithHint,
    check_argument,
    is_sequence,
)
from .._messages import messages_of
from .._schedules import DECAYS, HINT
from .._streamed_rows import rows_with_gaps
from .._streams import is_stream
from .._typing import Decay, FloatPerLayer, IntPerLayer
from .._validation import FLOATS, native
from ..boltzmann.rbm import BaseRBM
from .progress import StageReport
from .visible_units import NUMBERS, VISIBLE_UNITS, name_of_kind

# Parameters of an estimator with a stack of RBMs. Each name that starts with ``rbm_`` is a
# parameter of the RBMs, with one value for all of them or one per RBM.
PRETRAINING_CHECKS = {
    "hidden_layer_sizes": PerLayer(Number(Integral, "[1, inf)")),
    "visible_units": Options("auto", *NUMBERS),
    "rbm_algorithm": Options("cd", "pcd"),
    "rbm_n_gibbs_steps": PerLayer(Schedule(Integral, "[1, inf)")),
    "rbm_learning_rate": WithHint(
        PerLayer(Schedule(Real, "(0, inf)")), str, HINT.format("rbm_learning_rate_schedule")
    ),
    "rbm_learning_rate_schedule": Options(*DECAYS),
    "rbm_n_iter": PerLayer(Number(Integral, "[0, inf)")),
    "rbm_batch_size": PerLayer(Number(Integral, "[1, inf)")),
    "rbm_momentum": PerLayer(Schedule(Real, "[0, 1)")),
    "rbm_alpha": PerLayer(Number(Real, "[0, inf)")),
}


class HasPretraining:
    """Mixin: types of the parameters of an estimator that is pre-trained as a stack of RBMs."""

    # Parameters
    hidden_layer_sizes: int | Sequence[int]
    rbm_algorithm: Literal["cd", "pcd"] | Sequence[Literal["cd", "pcd"]]
    rbm_n_gibbs_steps: IntPerLayer
    rbm_learning_rate: FloatPerLayer
    rbm_learning_rate_schedule: Decay
    rbm_n_iter: int | Sequence[int]
    rbm_batch_size: int | Sequence[int]
    rbm_momentum: FloatPerLayer
    rbm_alpha: float | Sequence[float]

    # Fitted attributes
    rbms_: list[BaseRBM]


# Parameters that determine the layers, if an estimator has them.
_MADE_WITH = ("hidden_layer_sizes", "visible_units", "activation", "pretrain", "code", "tied")


def layer_sizes(estimator):
    """The parameter ``hidden_layer_sizes`` of an estimator as a tuple."""
    return tuple(int(size) for size in np.atleast_1d(estimator.hidden_layer_sizes))


def values_by_layer(estimator, name):
    """The values of a parameter of an estimator, one per hidden layer."""
    value, n_hidden = getattr(PlainParameters(estimator), name), len(layer_sizes(estimator))
    if not is_sequence(value):
        return [value] * n_hidden
    if len(value) != n_hidden:
        raise ValueError(
            f"The {name!r} parameter of {type(estimator).__name__} has {len(value)} values, but "
            f"'hidden_layer_sizes' has {n_hidden}. Got {value!r}."
        )
    return value


def check_numbers_of_values(estimator, checks):
    """Raise an error if a parameter has values for another number of layers."""
    for name, check in checks.items():
        if check.is_per_layer and name != "hidden_layer_sizes":
            values_by_layer(estimator, name)


def _made_with(estimator):
    values = {name: getattr(estimator, name) for name in _MADE_WITH if hasattr(estimator, name)}
    return values | {"hidden_layer_sizes": layer_sizes(estimator)}


@dataclass(frozen=True)
class Structure:
    """The parameters with which the hidden layers of a network were created.

    Attributes
    ----------
    made_with : dict
        Parameters of the estimator, with the sizes of the layers as a tuple.
    visible_units : str
        Name of the kind of visible units.
    """

    made_with: dict
    visible_units: str

    @classmethod
    def of(cls, estimator, rows):
        """The structure of the network of an estimator for these data."""
        return cls(_made_with(estimator), name_of_kind(estimator.visible_units, rows))

    @property
    def sizes(self):
        """Numbers of units of all hidden layers, including those that are not trained yet."""
        return self.made_with["hidden_layer_sizes"]

    @property
    def n_hidden(self):
        """Number of hidden layers, including those that are not trained yet."""
        return len(self.sizes)

    def units_below(self, number):
        """Kind of the units below a hidden layer: those of the data, or of the layer below."""
        return VISIBLE_UNITS[self.visible_units if number == 0 else "bernoulli"]

    def check(self, estimator):
        """Raise an error if parameters that determine the layers have changed."""
        for name, now in _made_with(estimator).items():
            before = self.made_with[name]
            if now != before:
                raise ValueError(
                    f"The {name!r} parameter of {type(estimator).__name__} is {now!r}, but the "
                    f"network to be trained further was made with {before!r}. Set it back, or call "
                    "fit with warm_start=False."
                )

    def number_of(self, layer, estimator, n_finished):
        """Number of a hidden layer, counted from 0; it must be among the first ``n_finished``."""
        admitted = Number(Integral, f"[{-self.n_hidden}, {self.n_hidden - 1}]")
        number = check_argument(estimator, "layer", layer, admitted) % self.n_hidden
        if number >= n_finished:
            raise NotFittedError(
                f"Training of this {type(estimator).__name__} was interrupted before its hidden "
                f"layer {number} was finished. Call fit with warm_start=True to continue."
            )
        return number

    def valid_units(self, X, number, estimator):
        """Values of the units of a hidden layer, validated."""
        H = native(check_array(X, dtype=FLOATS, order="C", estimator=estimator))
        if H.shape[1] != self.sizes[number]:
            raise ValueError(
                f"X has {H.shape[1]} features, but {type(estimator).__name__}.inverse_transform "
                f"is expecting {self.sizes[number]} features as input."
            )
        return H

    def check_names_of_units(self, number, estimator, output_config):
        """Raise an error if a layer is requested as a frame, whose names would be of another layer.

        ``output_config`` is the attribute in which scikit-learn stores the argument of
        ``set_output``.
        """
        output = output_config.get("transform", get_config()["transform_output"])
        if output != "default" and number != self.n_hidden - 1:
            raise ValueError(
                f"transform of {type(estimator).__name__} returns a {output} frame of the highest "
                f"hidden layer only, whose units get_feature_names_out names. Got layer={number}: "
                "call set_output(transform='default') first."
            )

    def new_rbms(self, estimator, streams, n_rbms, classes=None, **of_lowest):
        """The first ``n_rbms`` RBMs, not fitted, with seeds drawn from the streams.

        ``classes`` are their classes; None is the class for the kind of units below each.
        ``of_lowest`` are further parameters of the lowest one.
        """
        if classes is None:
            classes = [self.units_below(number).rbm for number in range(n_rbms)]
        names = [name for name in PRETRAINING_CHECKS if name.startswith("rbm_")]
        values = {name[4:]: values_by_layer(estimator, name) for name in names}
        values["n_components"] = self.sizes
        rbms = []
        for number in range(n_rbms):
            parameters = {name: of_layers[number] for name, of_layers in values.items()}
            parameters["random_state"] = int(streams.generator().integers(2**32))
            rbms.append(classes[number](**parameters | (of_lowest if number == 0 else {})))
        return rbms


def fit_in_turn(rbms, X, owner, progress, n_fitted=0, labels=None, warnings_of_owner=()):
    """Fit each RBM to the mean hidden activities of the one below, and yield it when it is fitted.

    Parameters
    ----------
    rbms : list of RBM
        From the lowest on.
    X : ndarray, CSR matrix, stream or other data for the lowest RBM
        Its training data.
    owner : estimator
        The estimator that contains the RBMs. Messages contain its name, and its names of the
        parameters of the RBMs, see ``PRETRAINING_CHECKS``.
    progress : callback context
        With a task for each RBM to fit.
    n_fitted : int, default=0
        Number of RBMs that are already fitted, and are not changed.
    labels : ndarray of shape (n_samples, n_labels), default=None
        Labels, for RBMs with label units.
    warnings_of_owner : tuple of str, default=()
        Warnings that the owner gives itself, see :class:`~skebm._messages.Messages`.
    """
    for number, rbm in enumerate(rbms[n_fitted:], start=n_fitted + 1):
        with messages_of(owner, rbm, prefix="rbm_", layer=number):
            rbm.__skebm_check__()
    for number, rbm in enumerate(rbms, start=1):
        if number > n_fitted:
            report = StageReport(owner, f"Layer {number} of {len(rbms)}", rbm.n_iter)
            task = progress.subcontext(task_name="layer")
            task.call_on_fit_task_begin(estimator=owner, X=X)
            messages = messages_of(
                owner,
                rbm,
                prefix="rbm_",
                layer=number,
                report=report,
                warnings_of_owner=warnings_of_owner,
            )
            with task.propagate_callback_context(rbm), messages:
                rbm.fit(X, labels)
            task.call_on_fit_task_end(estimator=owner, X=X)
            yield rbm
        if number < len(rbms):
            # Not by ``transform``, because ``set_output`` could make its result a frame.
            if is_stream(X):
                X = X.map(partial(_hidden_means, rbm.__skebm_model__(X.dtype)))
            else:
                rows = rbm.__skebm_rows__(X)
                X = rbm.__skebm_model__(rows.dtype).transform(rows)


def _hidden_means(model, X):
    return model.transform(rows_with_gaps(X))
