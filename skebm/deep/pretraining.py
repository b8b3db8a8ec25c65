"""Greedy pre-training: a stack of RBMs, each fitted to what the one below makes of the data."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn import get_config
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array

from .._deployment import Deployable
from .._schedules import DECAYS, HINT
from .._validation import (
    FLOATS,
    HasPlainParameters,
    Number,
    Options,
    PerLayer,
    Schedule,
    WithHint,
    check_argument,
    is_sequence,
    native,
)
from .progress import StageReport
from .visible_units import VISIBLE_UNITS, name_of_kind


class PreTrained(Deployable, HasPlainParameters):
    """Parameters of a stack of RBMs, and its layers, in an estimator that starts with one.

    Each name that starts with ``rbm_`` is a parameter of the RBMs, for all of them or for each
    its own. A subclass keeps what its layers are made with when it makes the first of them
    (``_keep_structure``), and says which of them are there (``_finished_sizes``).
    """

    _parameter_checks: ClassVar = {
        "hidden_layer_sizes": PerLayer(Number(Integral, "[1, inf)")),
        "visible_units": Options("auto", *VISIBLE_UNITS),
        "rbm_algorithm": Options("cd", "pcd"),
        "rbm_n_gibbs_steps": PerLayer(Schedule(Integral, "[1, inf)")),
        "rbm_learning_rate": WithHint(
            PerLayer(Schedule(Real, "(0, inf)")),
            str,
            HINT.format("rbm_learning_rate_schedule"),
        ),
        "rbm_learning_rate_schedule": Options(*DECAYS),
        "rbm_n_iter": PerLayer(Number(Integral, "[0, inf)")),
        "rbm_batch_size": PerLayer(Number(Integral, "[1, inf)")),
        "rbm_momentum": PerLayer(Schedule(Real, "[0, 1)")),
        "rbm_alpha": PerLayer(Number(Real, "[0, inf)")),
    }

    # Parameters that the layers are made with. What they were then holds for the fitted network,
    # whatever is set later.
    _structure = ("hidden_layer_sizes", "visible_units")

    def _sizes(self):
        """Numbers of hidden units, a tuple."""
        return tuple(int(size) for size in np.atleast_1d(self.hidden_layer_sizes))

    def _n_rbms(self):
        """Number of the hidden layers that pre-training fits as RBMs, from the first on."""
        return len(self._sizes())

    def _check_numbers_of_values(self):
        """Raise an error where a parameter has values for another number of layers."""
        for name, check in self._parameter_checks.items():
            if check.is_per_layer and name != "hidden_layer_sizes":
                self._for_each_layer(name, len(self._sizes()))

    def _for_each_layer(self, name, n_hidden):
        """The values of a parameter, one for each hidden layer."""
        value = getattr(self._parameters, name)
        if not is_sequence(value):
            return [value] * n_hidden
        if len(value) != n_hidden:
            raise ValueError(
                f"The {name!r} parameter of {type(self).__name__} has {len(value)} values, but "
                f"'hidden_layer_sizes' has {n_hidden}. Got {value!r}."
            )
        return value

    def _finished_sizes(self):
        """Numbers of units of the hidden layers that are there, a tuple."""
        raise NotImplementedError

    def _structure_now(self):
        values = {name: getattr(self, name) for name in self._structure}
        return values | {"hidden_layer_sizes": self._sizes()}

    def _keep_structure(self, rows):
        """Keep what the layers for these data are made with, in ``_built_with``."""
        self._built_with = self._structure_now()
        self.visible_units_ = name_of_kind(self.visible_units, rows)

    def _check_structure(self):
        """Raise an error where the layers to go on with were made with something else."""
        for name, now in self._structure_now().items():
            before = self._built_with[name]
            if now != before:
                raise ValueError(
                    f"The {name!r} parameter of {type(self).__name__} is {now!r}, but it is to go "
                    f"on with a network that was made with {before!r}."
                )

    def _attributes_for_use(self):
        rbms = [rbm.without_training_state() for rbm in getattr(self, "rbms_", ())]
        return super()._attributes_for_use() | ({"rbms_": rbms} if rbms else {})

    @property
    def _n_hidden(self):
        """Number of hidden layers of the fitted network, those that are not yet there included."""
        return len(self._built_with["hidden_layer_sizes"])

    def _units_below(self, number):
        """Kind of the units below a hidden layer: those of the data, or of the layer below."""
        return VISIBLE_UNITS[self.visible_units_ if number == 0 else "bernoulli"]

    def _hidden_layer_number(self, layer):
        """Number of a finished hidden layer, counted from 0."""
        n_hidden = self._n_hidden
        admitted = Number(Integral, f"[{-n_hidden}, {n_hidden - 1}]")
        layer = check_argument(self, "layer", layer, admitted)
        number = layer % n_hidden
        if number >= len(self._finished_sizes()):
            raise NotFittedError(
                f"Training of this {type(self).__name__} was interrupted before its hidden layer "
                f"{number} was done. 'fit' with warm_start=True goes on with it."
            )
        return number

    def _valid_units(self, X, number):
        """Values of the units of a finished hidden layer, validated."""
        H = native(check_array(X, dtype=FLOATS, order="C", estimator=self))
        n_units = self._finished_sizes()[number]
        if H.shape[1] != n_units:
            raise ValueError(
                f"X has {H.shape[1]} features, but {type(self).__name__}.inverse_transform is "
                f"expecting {n_units} features as input."
            )
        return H

    def _check_names_of_units(self, number):
        """Raise an error where a layer is to come as a frame that would have names of another."""
        config = getattr(self, "_sklearn_output_config", {})
        output = config.get("transform", get_config()["transform_output"])
        if output != "default" and number != self._n_hidden - 1:
            raise ValueError(
                f"transform of {type(self).__name__} returns a {output} frame of the highest "
                f"hidden layer only, whose units get_feature_names_out names. Got layer={number}: "
                "call set_output(transform='default') first."
            )

    def _new_rbms(self, streams):
        """The RBMs, not yet fitted, with seeds drawn from the streams."""
        n_hidden = len(self._sizes())
        names = [name for name in self._parameter_checks if name.startswith("rbm_")]
        values = {name[4:]: self._for_each_layer(name, n_hidden) for name in names}
        values["n_components"] = self._sizes()
        rbms = []
        for number in range(self._n_rbms()):
            units = self._units_below(number)
            parameters = {name: of_layers[number] for name, of_layers in values.items()}
            seed = int(streams.generator().integers(2**32))
            rbms.append(units.rbm(**parameters, random_state=seed))
        return rbms


def fit_in_turn(rbms, X, owner, progress, n_fitted=0, labels=None):
    """Fit each RBM to the mean hidden activities of the one below, and yield it when it is done.

    Parameters
    ----------
    rbms : list of RBM
        From the lowest on.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        What the lowest one learns from.
    owner : estimator
        Whom the RBMs belong to; its name stands in what is printed and in errors. The names of
        their parameters there are those of the owner, see :class:`PreTrained`.
    progress : callback context
        Has room for a task for each RBM to fit.
    n_fitted : int, default=0
        Number of RBMs that are fitted already, and are left as they are.
    labels : ndarray of shape (n_samples, n_labels), default=None
        For those RBMs that have some.
    """
    for number, rbm in enumerate(rbms, start=1):
        if number > n_fitted:
            with rbm._part_of(owner, "rbm_", number):
                rbm._check()
    for number, rbm in enumerate(rbms, start=1):
        if number > n_fitted:
            report = StageReport(owner, f"Layer {number} of {len(rbms)}", rbm.n_iter)
            task = progress.subcontext(task_name="layer")
            task.call_on_fit_task_begin(estimator=owner, X=X)
            with task.propagate_callback_context(rbm), rbm._part_of(owner, "rbm_", number):
                rbm._fit(X, labels, report)
            task.call_on_fit_task_end(estimator=owner, X=X)
            yield rbm
        if number < len(rbms):
            # Not by ``transform``, whose output scikit-learn may be set to make a frame of.
            rows = rbm._rows(X)
            X = rbm._machine(rows.dtype).transform(rows)
