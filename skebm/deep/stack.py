"""Base class of networks with a stack of RBMs: pre-training, fine-tuning, features."""

import math
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property, partial
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._callbacks import fitting
from .._checks import (
    BatchSize,
    Flag,
    Number,
    Optional,
    Options,
    Randomness,
    Verbosity,
    WithHint,
    check_parameters,
)
from .._random import RandomStreams
from .._scales import mean_and_scale
from .._solvers import SOLVERS, SolverSettings
from .._source import numbers_by_weight
from .._streamed_rows import StreamedRows, as_rows
from .._streams import is_stream
from .._typing import Decay, Floats, MatrixLike, RandomStateLike, Solver
from .._validation import FLOATS, divergence, validated
from .estimator import DeepNetwork
from .feedforward import Layer, Network, activations
from .objective import Objective
from .pretraining import (
    PRETRAINING_CHECKS,
    HasPretraining,
    Structure,
    check_numbers_of_values,
    fit_in_turn,
    layer_sizes,
)
from .progress import StageReport, Work
from .training import (
    SCHEDULES,
    Learner,
    TrainingData,
    TrainingSettings,
    refuse_divergence,
    train,
)


def _glorot(n_in, n_out):
    return math.sqrt(6 / (n_in + n_out))


# Bounds of uniform random weights, for each activation and numbers of inputs and units of a layer.
# With these, the variance of activities is about the same in all layers. X. Glorot and Y. Bengio,
# "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010; for
# "relu", K. He et al., "Delving deep into rectifiers", ICCV 2015.
_BOUNDS = {
    "logistic": lambda n_in, n_out: 4 * _glorot(n_in, n_out),
    "tanh": _glorot,
    "relu": lambda n_in, n_out: math.sqrt(6 / n_in),
    "softmax": _glorot,
    "identity": _glorot,
}

# Parameters of an estimator that are training settings with the same name.
_SETTINGS = tuple(field.name for field in fields(TrainingSettings) if field.name != "objective")

# Parameters of a stochastic solver; if any of them changes, a new solver is created.
_SOLVER_PARAMETERS = tuple(field.name for field in fields(SolverSettings))


def learns_from_minibatches(estimator):
    """Whether ``partial_fit`` is available; otherwise raise an AttributeError with the reason."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            f"partial_fit of {type(estimator).__name__} needs a solver that learns from "
            f"minibatches, which {estimator.solver!r} does not."
        )
    return True


@dataclass
class Examples:
    """Validated training data.

    Attributes
    ----------
    X : ndarray, CSR matrix or stream of shape (n_samples, n_features)
    numbers : ndarray of int
        Indices of the rows to learn from, which have a target.
    weights : ndarray of shape (n_samples,)
        Weight of each row.
    score : callable
        ``score(network, rows, numbers)`` is the score of a network on some rows with targets.
    targets : Rows of shape (n_samples, n_outputs), or None
        Targets of the outputs of the network. None: the data themselves.
    strata : ndarray of shape (n_samples,), or None
        Strata for splitting the rows.
    output_bias : ndarray of shape (n_outputs,), or None
        Initial biases of the outputs of a new network. None: zero.
    """

    X: Any
    numbers: np.ndarray
    weights: np.ndarray
    score: Callable
    targets: Any = None
    strata: np.ndarray | None = None
    output_bias: np.ndarray | None = None

    @cached_property
    def drawn(self):
        """Rows of the data, repeated according to their weights.

        RBMs and the scales of features do not support weights of rows.
        """
        numbers = numbers_by_weight(self.weights)
        return self.X if numbers is None else self.X[numbers]


STACK_CHECKS = PRETRAINING_CHECKS | {
    "pretrain": Flag(),
    "activation": Options("logistic", "tanh", "relu"),
    "batch_size": BatchSize(),
    "solver": Options(*SOLVERS),
    "alpha": Number(Real, "[0, inf)"),
    "l1_ratio": Number(Real, "[0, 1]"),
    "max_gradient_norm": Optional(Number(Real, "(0, inf)")),
    "learning_rate": WithHint(
        Options(*SCHEDULES),
        (Real, list, tuple),
        "Its size is the parameter 'learning_rate_init', that of pre-training is "
        "'rbm_learning_rate'.",
    ),
    "learning_rate_init": Number(Real, "(0, inf)"),
    "max_iter": Number(Integral, "[1, inf)"),
    "n_line_searches": Number(Integral, "[1, inf)"),
    "shuffle": Flag(),
    "random_state": Randomness(),
    "tol": Number(Real, "[0, inf)"),
    "verbose": Verbosity(),
    "warm_start": Flag(),
    "momentum": Number(Real, "[0, 1)"),
    "nesterovs_momentum": Flag(),
    "early_stopping": Flag(),
    "validation_fraction": Number(Real, "(0, 1)"),
    "beta_1": Number(Real, "[0, 1)"),
    "beta_2": Number(Real, "[0, 1)"),
    "epsilon": Number(Real, "(0, inf)"),
    "n_iter_no_change": Number(Integral, "[1, inf)"),
}


class BaseStack(HasPretraining, DeepNetwork):
    """Pre-training, fine-tuning and features of networks with a stack of RBMs.

    A subclass validates its training data (:class:`Examples`) and passes them to the training for
    one epoch (``_train_once``) or for all epochs (``_train``), both inside ``_fitting``. It defines
    the layers above the pre-trained hidden layers (``_upper_layers``), and the objective
    (``_objective``).
    """

    # Parameters
    pretrain: bool
    visible_units: Literal["auto", "bernoulli", "gaussian"]
    activation: Literal["logistic", "tanh", "relu"]
    batch_size: int | Literal["auto"]
    solver: Solver
    alpha: float | Literal["auto"]
    l1_ratio: float
    max_gradient_norm: float | None
    learning_rate: Decay | Literal["adaptive"]
    learning_rate_init: float
    max_iter: int
    n_line_searches: int
    shuffle: bool
    random_state: RandomStateLike
    tol: float
    verbose: int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool | Literal["auto"]
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: int

    # Fitted attributes
    coefs_: list[Floats]
    intercepts_: list[Floats]
    mean_: Floats
    scale_: Floats
    n_layers_: int
    loss_: float
    visible_units_: Literal["bernoulli", "gaussian"]

    _parameter_checks: ClassVar = STACK_CHECKS

    # Possible activations of pre-trained layers.
    _pretrained_activations: ClassVar[tuple[str, ...]] = ("logistic",)

    # Smallest number of rows for a score.
    _fewest_held_out = 1

    # Training

    @contextmanager
    def _fitting(self, X, y, task_name="fit"):
        """Context manager that restores the committed state after an error; yields Work."""
        self._check()
        is_partial = task_name == "partial_fit"
        if is_partial and self.early_stopping not in (False, "auto"):
            raise ValueError(
                f"partial_fit of {type(self).__name__} does not support early_stopping=True."
            )
        resume = hasattr(self, "coefs_") and (is_partial or self.warm_start)
        n_stages = self._n_to_pretrain(resume) + 1
        progress = self._init_callback_context(task_name=task_name, max_subtasks=n_stages)
        with fitting(self, progress, X, y) as commit:
            yield Work(progress, commit, is_first=not resume)

    def _train(self, examples, work):
        self._choose(examples)
        self._begin(examples.drawn, work.is_first)
        numbers, validate = self._hold_out(examples)
        self._pretrain(examples.drawn, work)
        self._fine_tune(examples, numbers, validate, work)

    def _train_once(self, examples, work):
        """One epoch on these rows, which continues the last one."""
        if work.is_first:
            self._choose(examples, may_hold_out=False)
        self._begin(examples.drawn, work.is_first)
        self._pretrain(examples.drawn, work)
        task = work.progress.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self)
        if len(examples.numbers):
            self._run_epoch(examples)
        task.call_on_fit_task_end(estimator=self)

    def _choose(self, examples, may_hold_out=True):
        """Decide what parameters stand for that depend on the rows."""

    def _stops_early(self):
        """Whether rows are held out."""
        return self.early_stopping

    def _penalty(self):
        """The strength of the penalty on the weights."""
        return self._parameters.alpha

    def _n_to_pretrain(self, resume):
        """Number of RBMs that are still to be fitted, if training starts or continues."""
        n_done = len(self.coefs_) if resume else 0
        return max(0, self._n_rbms() - n_done) if self.pretrain else 0

    def _check(self):
        check_parameters(self, self._parameter_checks)
        if self.pretrain and self.activation not in self._pretrained_activations:
            names = " or ".join(map(repr, self._pretrained_activations))
            raise ValueError(
                f"The 'activation' parameter of {type(self).__name__} must be {names}, that of "
                f"the units of an RBM, with pretrain=True. Got {self.activation!r} instead."
            )
        check_numbers_of_values(self, self._parameter_checks)

    # Training data

    def _read_data(self, X, is_first):
        # An interrupt may have come before the first layer was there.
        dtype = FLOATS if is_first or not self.coefs_ else self.coefs_[0].dtype
        return validated(self, X, accept_sparse="csr", dtype=dtype, order="C", reset=is_first)

    def _rows(self, X):
        """Inputs of the network; those of a stream are computed one window at a time."""
        if not is_stream(X):
            return self.__skebm_rows__(X)
        # Workers may compute them, and must not get callbacks.
        return StreamedRows(X, self.__skebm_for_workers__().__skebm_rows__)

    def __skebm_rows__(self, X):
        rows = as_rows(X)
        return rows.standardized(self.mean_, self.scale_) if hasattr(self, "mean_") else rows

    # Stages of training

    def _begin(self, X, is_first):
        if not is_first:
            self._structure.check(self)
            return
        rows = as_rows(X)
        self._structure = Structure.of(self, rows)
        self.visible_units_ = self._structure.visible_units
        for name in ("rbms_", "mean_", "scale_", "history_", "loss_"):
            vars(self).pop(name, None)
        self._streams = RandomStreams.from_random_state(check_random_state(self.random_state))
        self._solver = None
        self.coefs_, self.intercepts_ = [], []
        self._n_features_out = self._structure.sizes[-1]
        self.n_layers_ = 1 + self._structure.n_hidden + len(self._upper_layers())
        if self.pretrain:
            self.rbms_ = []
        if self._structure.units_below(0).standardizes:
            self.mean_, self.scale_ = self._mean_and_scale(rows)
        self._stamp_version()

    def _mean_and_scale(self, rows):
        """Mean and scale by which real-valued features are standardised."""
        return mean_and_scale(rows, type(self).__name__)

    def _n_rbms(self):
        """Number of hidden layers, from the first on, that are pre-trained as RBMs."""
        return len(layer_sizes(self))

    def _new_rbms(self, streams):
        return self._structure.new_rbms(self, streams, self._n_rbms())

    def _is_complete(self):
        return len(self.coefs_) == self.n_layers_ - 1

    def _check_is_complete(self):
        check_is_fitted(self)
        if not self._is_complete():
            raise NotFittedError(
                f"The network of this {type(self).__name__} does not have all of its layers yet. "
                "Call fit with warm_start=True to continue its training."
            )

    def _pretrain(self, X, work):
        """Fit the RBMs that are not fitted yet; each is kept when it is finished."""
        n_fitted = len(self.coefs_)
        if not self.pretrain or n_fitted >= self._n_rbms():
            return
        streams = replace(self._streams)
        rbms = self.rbms_ + self._new_rbms(streams)[n_fitted:]
        for rbm in fit_in_turn(rbms, X, self, work.progress, n_fitted):
            layer = self._encoder_layer(rbm, X.dtype)
            self.rbms_ = [*self.rbms_, rbm]
            self._append([layer])
            work.commit()
        self._streams = streams

    def _encoder_layer(self, rbm, dtype):
        """The layer that computes the mean hidden activities of an RBM, see :meth:`_rows`."""
        machine = rbm.__skebm_model__(dtype).machine
        return Layer(machine.weights, machine.hidden.bias, "logistic")

    def _append(self, layers):
        """Add layers on top of the present ones."""
        self.coefs_ = [*self.coefs_, *(layer.weights for layer in layers)]
        self.intercepts_ = [*self.intercepts_, *(layer.bias for layer in layers)]

    def _fine_tune(self, examples, numbers, validate, work):
        streams = replace(self._streams)
        data = self._training_data(examples, numbers)
        stages = self._stages(is_new=not self._is_complete())
        network = self._network(examples, streams)
        history = {}
        n_epochs = self._parameters.max_iter
        task = work.progress.subcontext(task_name="fine-tuning", max_subtasks=n_epochs)
        task.call_on_fit_task_begin(estimator=self)
        report = StageReport(self, "Fine-tuning", n_epochs)

        def after_epoch(learner, measured):
            for name, value in measured.items():
                history.setdefault(name, []).append(value)
            self._publish(learner, history)
            work.commit()
            report(self.n_iter_, measured)
            # Training reports the end of an epoch only, not its start.
            epoch = task.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self)
            return epoch.call_on_fit_task_end(estimator=self)

        for settings in stages:
            learner = Learner(network, settings, streams)

            def after_round(learner=learner):
                self._publish(learner, history)
                work.commit()

            with self._divergence_named():
                stopped = train(
                    learner,
                    data,
                    validate=validate,
                    after_epoch=partial(after_epoch, learner),
                    after_round=after_round,
                )
            if stopped:
                break
        self._publish(learner, history)
        task.call_on_fit_task_end(estimator=self)

    def _run_epoch(self, examples):
        start = time.perf_counter()
        streams = replace(self._streams)
        settings = self._settings()
        network = self._network(examples, streams)
        learner = Learner(network, settings, streams, self._solver_for(settings))
        data = self._training_data(examples, examples.numbers)
        with self._divergence_named():
            loss = learner.run_epoch(data, settings.learning_rate_init)
            refuse_divergence(network, loss)
        before = getattr(self, "history_", {})
        measured = {"loss": loss, "seconds": time.perf_counter() - start}
        self._publish(learner, {k: [*before.get(k, []), v] for k, v in measured.items()})

    @contextmanager
    def _divergence_named(self):
        try:
            yield
        except FloatingPointError:
            name = type(self).__name__
            raise divergence(
                name, "learning_rate_init", self._parameters.learning_rate_init
            ) from None

    def _hold_out(self, examples):
        """Indices of the rows to learn from, and a function that scores a network on the others."""
        if not self._stops_early():
            return examples.numbers, None
        # Rows of weight zero count neither in training nor in validation.
        numbers = examples.numbers[examples.weights[examples.numbers] > 0]
        # A copy of the streams, so that an error does not change those of the estimator.
        streams = replace(self._streams)
        try:
            training, held_out = train_test_split(
                numbers,
                test_size=self._parameters.validation_fraction,
                random_state=int(streams.generator().integers(2**32)),
                stratify=None if examples.strata is None else examples.strata[numbers],
            )
        except ValueError as error:
            raise ValueError(
                f"The 'validation_fraction' parameter of {type(self).__name__}, "
                f"{self.validation_fraction!r}, cannot be held out: {error}"
            ) from error
        if len(held_out) < self._fewest_held_out:
            raise ValueError(
                f"The 'validation_fraction' parameter of {type(self).__name__}, "
                f"{self.validation_fraction!r}, holds out {len(held_out)} of {len(numbers)} rows, "
                f"but a score needs at least {self._fewest_held_out}. Raise it, or pass more rows."
            )
        self._streams = streams
        # Evaluated after pre-training, because the inputs of the network may depend on it.
        held_out = np.sort(held_out)
        rows = cache(lambda: self._rows(examples.X[held_out]))
        # In their order, in which the windows of a stream have them.
        return np.sort(training), lambda network: examples.score(network, rows(), held_out)

    def _training_data(self, examples, numbers):
        rows = self._rows(examples.X)
        targets = rows if examples.targets is None else examples.targets
        return TrainingData(rows, targets, numbers, examples.weights)

    def _network(self, examples, streams):
        return Network(self._all_layers(examples, streams))

    def _all_layers(self, examples, streams):
        """The present layers, and random ones for those that are missing."""
        dtype = examples.X.dtype
        layers = self._layers(dtype)
        upper = [n_units for n_units, _ in self._upper_layers()]
        sizes = examples.X.shape[1], *self._structure.sizes, *upper
        missing = list(zip(pairwise(sizes), self._activations(), strict=True))[len(layers) :]
        for shape, activation in missing:
            bound = _BOUNDS[activation](*shape)
            weights = streams.generator().uniform(-bound, bound, shape)
            layers.append(Layer(weights.astype(dtype), np.zeros(shape[1], dtype), activation))
        if missing and examples.output_bias is not None:
            layers[-1] = replace(layers[-1], bias=examples.output_bias.astype(dtype))
        return layers

    def _activations(self):
        hidden = [self._structure.made_with["activation"]] * self._structure.n_hidden
        return hidden + [name for _, name in self._upper_layers()]

    def _upper_layers(self):
        """Numbers of units and activations of the layers above the pre-trained ones."""
        raise NotImplementedError

    def _layers(self, dtype):
        """The present layers, with parameters of a dtype."""
        return [
            Layer(
                np.ascontiguousarray(weights, dtype=dtype),
                np.ascontiguousarray(bias, dtype=dtype),
                activation,
            )
            for weights, bias, activation in zip(
                self.coefs_, self.intercepts_, self._activations(), strict=False
            )
        ]

    def _stages(self, is_new):
        """Settings of the stages of fine-tuning; ``is_new`` if there was none before."""
        return [self._settings()]

    def _settings(self):
        return TrainingSettings(
            objective=self._objective(),
            **{
                name: getattr(self._parameters, name)
                for name in _SETTINGS
                if name in self._parameter_checks
            },
        )

    def _objective(self):
        return Objective(
            l1=self._penalty() * self._parameters.l1_ratio,
            l2=self._penalty() * (1 - self._parameters.l1_ratio),
        )

    def _solver_for(self, settings):
        """A copy of the solver of the last epoch, or None if its settings have changed."""
        if self._solver is None:
            return None
        before = self._solver.settings
        same = all(getattr(before, name) == getattr(settings, name) for name in _SOLVER_PARAMETERS)
        return self._solver.copy() if same else None

    def _publish(self, learner, history):
        """Copy the state of the learner to the fitted attributes."""
        layers = learner.network.layers
        self.coefs_ = [layer.weights.copy() for layer in layers]
        self.intercepts_ = [layer.bias.copy() for layer in layers]
        self._solver = learner.solver.copy() if learner.solver else None
        self._streams = replace(learner.streams)
        self.history_ = {name: list(values) for name, values in history.items()}
        if self.loss_curve_:
            self.loss_ = self.loss_curve_[-1]
        self.n_iter_ = len(self.loss_curve_)

    def _attributes_for_use(self):
        rbms = [rbm.without_training_state() for rbm in getattr(self, "rbms_", ())]
        changed = {"_solver": None} | ({"rbms_": rbms} if rbms else {})
        return super()._attributes_for_use() | changed

    # Use

    def transform(self, X: MatrixLike, layer: int = -1) -> Floats:
        """Return the values of the units of a hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        layer : int, default=-1
            Number of the hidden layer, counted from 0; negative numbers count from the top.

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
            Values, with the dtype of ``X``.
        """
        return self._values(X, layer)

    def _values(self, X, layer):
        """The result of ``transform`` before scikit-learn may convert it to a frame."""
        check_is_fitted(self)
        number = self._hidden_layer_number(layer)
        config = getattr(self, "_sklearn_output_config", {})
        self._structure.check_names_of_units(number, self, config)
        rows = self._valid_rows(X)
        return activations(self._layers(rows.dtype)[: number + 1], rows)

    def _hidden_layer_number(self, layer):
        """Number of a finished hidden layer, counted from 0."""
        return self._structure.number_of(layer, self, len(self.coefs_))

    def _valid_rows(self, X):
        return self._rows(validated(self, X, accept_sparse="csr", dtype=FLOATS, reset=False))
