"""Base class of deep stacking networks for classification and regression."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import sklearn
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
    is_classifier,
)
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._by_chunk import AnswersByChunk
from .._callbacks import CallbackSupportMixin, with_callbacks
from .._checks import (
    AnyOf,
    Flag,
    HasPlainParameters,
    Instance,
    Number,
    Optional,
    Options,
    Randomness,
    Verbosity,
    check_argument,
    check_parameters,
)
from .._conventions import HasFeaturesOut, HasHistory
from .._deployment import Deployable
from .._random import RandomStreams
from .._scales import check_scales
from .._streams import is_stream, targets_of
from .._targets import LazyTargets
from .._threads import one_blas_thread
from .._typing import RandomStateLike
from .._validation import FLOATS, all_or_nothing, check_targets_are_there, row_weights, validated
from .._version import VersionStamp
from ..boltzmann import BernoulliRBM
from .examples import as_examples
from .initial_weights import copied_layer, random_layer, rbm_layer
from .inputs import StackInputs, stack_inputs
from .module import Module
from .reduced_error import Penalty, ReducedError
from .training import Settings, cross_validated_module, train_module

_MEGABYTE = 2**20

# With ``early_stopping="auto"``, so many rows are enough to hold some of them out. With fewer, the
# error of those held out would be too inexact, and the others too few to learn from.
_ENOUGH_TO_HOLD_OUT = 2000
# Folds of ``early_stopping="cv"`` if the parameter ``cv`` is None.
_N_FOLDS = 5

# The RBM that initialises the hidden weights if the parameter ``rbm`` is None.
DEFAULT_RBM = BernoulliRBM(algorithm="cd", learning_rate=0.05, momentum=0.5, alpha=2e-4)


# Valid values of the parameters of all stacking networks.
DSN_CHECKS = {
    "n_components": Number(Integral, "[1, inf)"),
    "n_modules": Number(Integral, "[1, inf)"),
    "alpha": AnyOf(Number(Real, "[0, inf)"), Options("loo", "gcv")),
    "dropout": Number(Real, "[0, 1)"),
    "init": Options("rbm", "random", "copy"),
    "rbm": Optional(Instance(BernoulliRBM)),
    "stacking": Options("all", "last"),
    "warm_up": Number(Integral, "[0, inf)"),
    "learning_rate_init": Number(Real, "(0, inf)"),
    "batch_size": Number(Integral, "[1, inf)"),
    "input_dropout": Number(Real, "[0, 1)"),
    "emphasis": Flag(),
    "max_iter": Number(Integral, "[0, inf)"),
    "tol": Number(Real, "[0, inf)"),
    "early_stopping": AnyOf(Flag(), Options("auto", "cv")),
    "validation_fraction": Number(Real, "(0, 1)"),
    "n_iter_no_change": Number(Integral, "[1, inf)"),
    "working_memory": Optional(Number(Real, "[0, inf)")),
    "verbose": Verbosity(),
    "random_state": Randomness(),
    "n_jobs": Optional(AnyOf(Number(Integral, "(-inf, -1]"), Number(Integral, "[1, inf)"))),
}


def final_estimator_has(name):
    """A function that checks whether the final estimator of a network has the method ``name``.

    After ``fit`` it checks the fitted final estimator. Without a final estimator it returns True.
    """

    def has(network):
        if hasattr(network, "modules_"):
            final_estimator = getattr(network, "final_estimator_", None)
        else:
            final_estimator = network.final_estimator
        if final_estimator is not None:
            getattr(final_estimator, name)  # raises an AttributeError that names the missing method
        return True

    return has


class BaseDSN(
    VersionStamp,
    Deployable,
    AnswersByChunk,
    HasHistory,
    HasFeaturesOut,
    HasPlainParameters,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Training, staged outputs and hidden features of a stack of modules.

    A subclass has the constructor, reads the classes or the scale of the targets from the first
    ``y`` (``_start``), and converts ``y`` to targets, one column per output (``_targets``).
    """

    # Parameters
    n_components: int
    n_modules: int
    alpha: float | Literal["loo", "gcv"]
    dropout: float
    init: Literal["rbm", "random", "copy"]
    rbm: BernoulliRBM | None
    stacking: Literal["all", "last"]
    cv: Any
    final_estimator: Any
    warm_up: int
    learning_rate_init: float
    batch_size: int
    input_dropout: float
    max_iter: int
    emphasis: bool
    tol: float
    early_stopping: bool | Literal["auto", "cv"]
    validation_fraction: float
    n_iter_no_change: int
    working_memory: float | None
    verbose: int
    random_state: RandomStateLike
    n_jobs: int | None

    # Fitted attributes
    modules_: list[Module]
    early_stopping_: bool | Literal["cv"]
    final_estimator_: Any

    _parameter_checks: ClassVar = DSN_CHECKS
    # Standard deviation of the inputs of units with random weights.
    _size_of_random_inputs: ClassVar[float]

    # Training

    @with_callbacks
    def fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the modules, one after the other, from the bottom up.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or targets. More than one column is for regressors only. None only if ``X`` is a
            stream that contains them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. A weight of 2 is the same as the row twice, and a weight of 0 is
            the same as no row. RBMs, the warm-up and early stopping are exceptions, as they draw
            rows at random.

        Returns
        -------
        self : estimator
            The fitted network.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid. The estimator is then unchanged.
        """
        check_parameters(self, self._parameter_checks)
        progress = self._init_callback_context(max_subtasks=self._parameters.n_modules)
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with all_or_nothing(self):
            X, y, weights = self._training_data(X, y, sample_weight, first_time=True)
            self._start(y, weights, X.dtype)
            self._train(X, self._targets_of(X, y), weights, progress)
            self._fit_final_estimator(X, y, weights)
            self._stamp_version()
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @with_callbacks
    def _partial_fit(self, X, y, sample_weight, **start):
        check_parameters(self, self._parameter_checks)
        if self.final_estimator is not None or hasattr(self, "final_estimator_"):
            final_estimator = getattr(self, "final_estimator_", self.final_estimator)
            raise ValueError(
                f"{type(self).__name__}.partial_fit cannot train its 'final_estimator' on further "
                f"rows: {final_estimator!r}. Set it to None, or call fit with all rows."
            )
        first_time = not hasattr(self, "modules_")
        n_tasks = self._parameters.n_modules if first_time else 1
        progress = self._init_callback_context(task_name="partial_fit", max_subtasks=n_tasks)
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with all_or_nothing(self):
            X, y, weights = self._training_data(X, y, sample_weight, first_time)
            if first_time:
                self._start(y, weights, X.dtype, **start)
            targets = self._targets_of(X, y)
            if first_time:
                self._train(X, targets, weights, progress)
            else:
                task = progress.subcontext(task_name="solve").call_on_fit_task_begin(estimator=self)
                self._add_rows(X, targets, weights)
                task.call_on_fit_task_end(estimator=self)
            self._stamp_version()
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _training_data(self, X, y, sample_weight, first_time):
        """Validated rows, labels or targets, and weights or None."""
        if is_stream(X):
            self._check_that_a_stream_is_enough()
        y = targets_of(X, y)
        check_targets_are_there(self, y)
        dtype = FLOATS if first_time else self.modules_[0].components_.dtype
        options = {"accept_sparse": "csr", "dtype": dtype, "order": "C", "reset": first_time}
        X, y = validated(self, X, y, **options, **self._y_checks)
        if sample_weight is None:
            return X, y, None
        weights = row_weights(sample_weight, X)
        if not weights.any():
            raise ValueError("sample_weight is zero for all rows. At least one must be positive.")
        return X, y, weights

    def _check_that_a_stream_is_enough(self):
        unfit = {"cv": self.cv, "final_estimator": self.final_estimator}
        if self.early_stopping == "cv":
            unfit["early_stopping"] = "cv"
        for name, value in unfit.items():
            if value is not None:
                raise ValueError(
                    f"The {name!r} parameter of {type(self).__name__} needs all rows in memory, "
                    f"and X is a stream. Set it to None or False, or pass arrays. Got {value!r}."
                )

    def _targets_of(self, X, y):
        """Targets of all rows; those of a stream are computed when they are needed."""
        if is_stream(X):
            n_targets = self._targets(y[:1], X.dtype).shape[1]
            return LazyTargets(y, lambda some: self._targets(some, X.dtype), n_targets, X.dtype)
        return self._targets(y, X.dtype)

    def _train(self, X, targets, weights, progress):
        """Train all modules, or stop at the first that brings no improvement."""
        training = self._modules_in_turn(X, targets, weights)
        for _ in range(self._parameters.n_modules):
            task = progress.subcontext(task_name="module")
            task.call_on_fit_task_begin(estimator=self)
            was_last = next(training)
            if task.call_on_fit_task_end(estimator=self) or was_last:
                break

    def _modules_in_turn(self, X, targets, weights):
        """Generator that trains one module per step and yields whether it was the last."""
        streams = RandomStreams.from_random_state(check_random_state(self.random_state))
        row_sets = self._row_sets(X, targets, weights, streams)
        without_folds = self._without_folds(row_sets[0])
        self.modules_ = []
        layer = None
        for number in range(self._parameters.n_modules):
            is_top = number + 1 == self._parameters.n_modules
            with one_blas_thread():
                start = self._initial_layer(row_sets[0], layer, streams)
                module, point, of_folds = self._next_module(start, row_sets, without_folds, streams)
                if self.early_stopping_ and not self._is_gain(module):
                    yield True
                    return
                self._append(module, point)
                layer = point.layer
                if not is_top:
                    self._grow(row_sets, module, start, streams)
                    for pair, of_fold in zip(without_folds, of_folds, strict=True):
                        self._grow(pair, of_fold, start, streams)
            yield is_top

    def _row_sets(self, X, targets, weights, streams):
        """The rows to train on and, if training stops by rows held out, these."""
        rows = _RowSet(stack_inputs(X, self.stacking == "all"), targets, weights, None)
        # If cv is an iterable of pairs of row numbers, these count all rows, also those of weight
        # zero and those held out.
        given = self.cv is not None and not isinstance(self.cv, Integral)
        if given and not hasattr(self.cv, "split"):
            rows.folds = self._folds(rows)
        if weights is not None and not weights.all():
            rows = rows.take(np.flatnonzero(weights))
        self._check_sizes(rows.inputs)
        self.early_stopping_ = self._way_to_stop(rows)
        row_sets = self._split(rows, streams)
        if self.cv is not None or self.early_stopping_ == "cv":
            self._prepare_folds(row_sets[0], streams)
        return row_sets

    def _without_folds(self, rows):
        """For each fold, the other rows and its own, each pair with a stack of its own.

        Only with ``early_stopping="cv"``; otherwise there are none.
        """
        if self.early_stopping_ != "cv":
            return []
        return [rows.split_at(fold) for fold in np.unique(rows.folds)]

    def _next_module(self, start, row_sets, without_folds, streams):
        """The module of all rows, its last point, and the modules without each fold."""
        name = f"Module {len(self.modules_) + 1}"
        if without_folds:
            return self._cross_validated_module(start, row_sets[0], without_folds, streams, name)
        return *self._fit_module(start, row_sets, streams, name), []

    def _check_sizes(self, inputs):
        columns = inputs.columns(None)
        low, high = columns.low, columns.high
        with np.errstate(over="ignore"):
            span = high - low
        sizes = np.concatenate([span, np.where(span > 0, np.maximum(high, -low), 0)])
        check_scales(type(self).__name__, "features", sizes, inputs.X.dtype, to_square=True)

    def _grow(self, row_sets, module, start, streams):
        """Append the outputs of a module to the inputs of the next one."""
        passed_on = [partial(self._outputs_passed_on, module)] * len(row_sets)
        if self.cv is not None and self.early_stopping_ != "cv":
            cross_fitted = self._cross_fitted_outputs(row_sets, start, streams)
            passed_on[0] = lambda rows: cross_fitted
        for rows, outputs_of in zip(row_sets, passed_on, strict=True):
            rows.inputs = rows.inputs.followed_by(outputs_of)

    def _outputs_passed_on(self, module, rows):
        with one_blas_thread():
            return self._passed_on(module, module.outputs(rows, self._parameters.n_jobs))

    def _cross_fitted_outputs(self, row_sets, start, streams):
        """Outputs of modules for the rows that each was trained without, all from ``start``."""
        rows, *held_out = row_sets
        out = np.empty_like(rows.targets)
        for number, fold in enumerate(np.unique(rows.folds), start=1):
            inside, outside = (
                np.flatnonzero(where) for where in (rows.folds == fold, rows.folds != fold)
            )
            name = f"Module {len(self.modules_)}, without fold {number}"
            module, _ = self._fit_module(start, [rows.take(outside), *held_out], streams, name)
            out[inside] = self._outputs_passed_on(module, rows.take(inside).inputs.rows)
        return out

    def _fit_module(self, layer, row_sets, streams, name):
        """Train a module that starts from ``layer``; returns the module and its last point.

        ``name`` is its name in printed messages.
        """
        settings = self._settings()
        report = partial(self._report, name)
        training, held_out = (*(rows.examples() for rows in row_sets), None)[:2]
        with self._divergence_named():
            module, point = train_module(layer, training, held_out, settings, streams, report)
        self._calibrate(module, point, Penalty(module.alpha_, settings.noise), training, held_out)
        return module, point

    def _cross_validated_module(self, layer, rows, without_folds, streams, name):
        """Like :meth:`_fit_module`, with as many steps as are best for rows that are left out.

        ``without_folds`` are for each fold the rows to train on and those left out. Also returns
        the module of each fold.
        """
        settings = self._settings()
        report = partial(self._report, name)
        training = rows.examples()
        folds = [tuple(some.examples() for some in pair) for pair in without_folds]
        with self._divergence_named():
            module, point, of_folds = cross_validated_module(
                layer, training, folds, settings, streams, report
            )
        self._calibrate(module, point, Penalty(module.alpha_, settings.noise), training, None)
        for of_fold in of_folds:
            of_fold.sharpness_ = module.sharpness_
        return module, point, of_folds

    @contextmanager
    def _divergence_named(self):
        try:
            yield
        except FloatingPointError:
            raise ValueError(
                f"The error of {type(self).__name__} is no longer finite. Scale the data, or raise "
                f"the 'alpha' parameter, {self.alpha!r}."
            ) from None

    def _calibrate(self, module, point, penalty, training, held_out):
        """Estimate what predictions need in addition to the outputs of a module."""

    def _passed_on(self, module, outputs):
        """What a module passes on to the modules above it, given its outputs."""
        return outputs

    def _is_gain(self, module):
        """Whether a module has a lower error on the rows held out than the module below it."""
        if not self.modules_:
            return True
        return min(module.validation_curve_) < min(self.modules_[-1].validation_curve_)

    def _append(self, module, point):
        self.modules_ = [*self.modules_, module]
        # The sums to which partial_fit adds further rows.
        self._equations = point.equations
        self._n_features_out = len(module.components_)
        self.history_ = _history_of(self.modules_)
        self.n_iter_ = len(self.history_["loss"])

    def _initial_layer(self, rows, layer_below, streams):
        inputs, generator = rows.inputs, streams.generator()
        n_units = self._parameters.n_components
        if self.init == "random":
            columns, dtype = inputs.columns(rows.weights), inputs.rows.dtype
            n_jobs, size = self._parameters.n_jobs, self._size_of_random_inputs
            return random_layer(columns, n_units, size, generator, dtype, n_jobs)
        if self.init == "copy" and layer_below is not None:
            kept = layer_below.n_features if self.stacking == "all" else inputs.X.shape[1]
            return copied_layer(layer_below, kept, inputs.rows.shape[1], generator)
        rbm = clone(DEFAULT_RBM if self.rbm is None else self.rbm)
        seed = int(generator.integers(2**31))
        rbm.set_params(n_components=n_units, random_state=seed)
        try:
            return rbm_layer(inputs, rbm, self._parameters.n_jobs)
        except ValueError as error:
            raise ValueError(f"The 'rbm' of {type(self).__name__} failed: {error}") from error

    def _settings(self):
        megabytes = self._parameters.working_memory
        if megabytes is None:
            megabytes = sklearn.get_config()["working_memory"]
        return Settings(
            alpha=self._parameters.alpha,
            dropout=self._parameters.dropout,
            warm_up=self._parameters.warm_up,
            learning_rate=self._parameters.learning_rate_init,
            batch_size=self._parameters.batch_size,
            input_dropout=self._parameters.input_dropout,
            max_iter=self._parameters.max_iter,
            tol=self._parameters.tol,
            n_iter_no_change=self._parameters.n_iter_no_change,
            emphasis=self.emphasis,
            n_bytes=megabytes * _MEGABYTE,
        )

    def _way_to_stop(self, rows):
        """Whether training stops early: "cv", True or False."""
        if self.early_stopping != "auto":
            return "cv" if self.early_stopping == "cv" else bool(self.early_stopping)
        n_rows = len(rows.targets)
        if n_rows == 1:
            return False
        return True if is_stream(rows.inputs.X) or n_rows >= _ENOUGH_TO_HOLD_OUT else "cv"

    def _prepare_folds(self, rows, streams):
        """Folds of the training rows: without rows held out and rows of weight zero."""
        if self.cv is None:
            rows.folds = self._random_folds(len(rows.targets), streams)
        elif rows.folds is None:
            rows.folds = self._folds(rows)
        if (rows.folds == rows.folds[0]).all():
            raise ValueError(
                f"The 'cv' parameter of {type(self).__name__}, {self.cv!r}, puts all "
                f"{len(rows.folds)} training rows (not held out, with a positive weight) into one "
                "fold. At least two folds are needed."
            )

    def _random_folds(self, n_rows, streams):
        if n_rows == 1:
            raise ValueError(
                f"The 'early_stopping' parameter of {type(self).__name__}, 'cv', needs at least "
                "two rows, and there is one. Set it to False, or pass more rows."
            )
        return streams.generator().permutation(np.arange(n_rows) % min(_N_FOLDS, n_rows))

    def _folds(self, rows):
        """For each row, the number of the fold in which it is left out."""
        targets = rows.targets
        labels = targets.argmax(axis=1) if is_classifier(self) else targets
        splitter = check_cv(self.cv, labels, classifier=is_classifier(self))
        folds = np.full(len(targets), -1)
        n_left_out = 0
        try:
            for fold, (_, left_out) in enumerate(splitter.split(rows.inputs.X, labels)):
                folds[left_out] = fold
                n_left_out += len(left_out)
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"The 'cv' parameter of {type(self).__name__}, {self.cv!r}, cannot split the "
                f"{len(targets)} rows to train on: {error}"
            ) from error
        if n_left_out != len(targets) or np.any(folds < 0) or not folds.any():
            raise ValueError(
                f"The 'cv' parameter of {type(self).__name__}, {self.cv!r}, must leave out "
                "each row once, in at least two folds."
            )
        return folds

    def _split(self, rows, streams):
        """The training rows and, with early stopping, the rows held out."""
        if self.early_stopping_ is not True:
            return [rows]
        n_rows = len(rows.targets)
        n_held_out = int(np.ceil(self._parameters.validation_fraction * n_rows))
        if n_held_out >= n_rows:
            raise ValueError(
                f"The 'validation_fraction' parameter of {type(self).__name__}, "
                f"{self.validation_fraction!r}, leaves none of the {n_rows} rows to train on. "
                "Lower it, or pass more rows."
            )
        shuffled = streams.generator().permutation(n_rows)
        parts = np.sort(shuffled[n_held_out:]), np.sort(shuffled[:n_held_out])
        return [rows.take(part) for part in parts]

    def _report(self, name, step, error, held_out_error, seconds):
        if self.verbose:
            held_out = "" if held_out_error is None else f", held out = {held_out_error:.5f}"
            print(
                f"[{type(self).__name__}] {name}, step {step}, "
                f"squared error = {error:.5f}{held_out}, time = {seconds:.2f}s",
                flush=True,
            )

    def _attributes_for_use(self):
        return super()._attributes_for_use() | {"_equations": None}

    def _add_rows(self, X, targets, weights):
        """Add rows and solve for the output weights of the top module again."""
        if self._equations is None:
            raise ValueError(
                f"This {type(self).__name__} is a copy without the sums over rows that partial_fit "
                "needs, see without_training_state. Continue with the original model."
            )
        top, inputs = self.modules_[-1], self._inputs_above(X, self.modules_[:-1])
        penalty = Penalty(top.alpha_, self._settings().noise)
        error = ReducedError(as_examples(inputs.rows, targets, weights), penalty)
        with one_blas_thread():
            more = error.normal_equations(top.layer(X.dtype, self._parameters.n_jobs))
            self._equations = self._equations + more
            solved = self._equations.solve(penalty.alpha, penalty.noise)
        coef, intercept = (array.astype(X.dtype, order="C") for array in solved)
        self.modules_ = [*self.modules_[:-1], replace(top, coef_=coef, intercept_=intercept)]

    def _fit_final_estimator(self, X, y, weights):
        vars(self).pop("final_estimator_", None)
        if self.final_estimator is not None:
            options = {} if weights is None else {"sample_weight": weights}
            final_estimator = clone(self.final_estimator)
            self.final_estimator_ = final_estimator.fit(self._features(X), y, **options)

    # Use

    def transform(self, X: Any, module: int = -1) -> Any:
        """Hidden activities of a module.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        module : int, default=-1
            Number of the module, from 0 at the bottom; -1 is the top one.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            Probabilities, with the dtype of ``X``.
        """
        X = self._validated(X)
        n_modules = len(self.modules_)
        admitted = Number(Integral, f"[{-n_modules}, {n_modules - 1}]")
        module = check_argument(self, "module", module, admitted)
        return self._features(X, module % n_modules)

    def _features(self, X, module=-1):
        inputs = self._inputs_above(X, self.modules_[:module])
        with one_blas_thread():
            return self.modules_[module].transform(inputs.rows, self._parameters.n_jobs)

    def _top_outputs(self, X):
        *_, (_, outputs) = self._stages(X)
        return outputs

    def _validated(self, X):
        check_is_fitted(self)
        return validated(self, X, accept_sparse="csr", dtype=FLOATS, order="C", reset=False)

    def _stages(self, X):
        """Yield each module and its linear outputs for the rows of ``X``."""
        inputs = stack_inputs(X, self.stacking == "all")
        for module in self.modules_:
            with one_blas_thread():
                outputs = module.outputs(inputs.rows, self._parameters.n_jobs)
            yield module, outputs
            passed_on = self._passed_on(module, outputs)
            inputs = inputs.followed_by(lambda rows, passed_on=passed_on: passed_on)

    def _inputs_above(self, X, modules):
        """Inputs, for the rows of ``X``, of a module above these modules."""
        inputs = stack_inputs(X, self.stacking == "all")
        for module in modules:
            inputs = inputs.followed_by(partial(self._outputs_passed_on, module))
        return inputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@dataclass
class _RowSet:
    """Training rows or rows held out, with the inputs of the next module."""

    inputs: StackInputs
    targets: np.ndarray
    weights: np.ndarray | None
    folds: np.ndarray | None

    def take(self, numbers):
        """A copy of the rows with these numbers."""
        weights = None if self.weights is None else self.weights[numbers]
        folds = None if self.folds is None else self.folds[numbers]
        return _RowSet(self.inputs.take(numbers), self.targets[numbers], weights, folds)

    def split_at(self, fold):
        """The rows that are not in a fold, and those that are."""
        is_left_out = self.folds == fold
        return [self.take(np.flatnonzero(some)) for some in (~is_left_out, is_left_out)]

    def examples(self):
        """The examples that the next module is trained on."""
        return as_examples(self.inputs.rows, self.targets, self.weights)


def _history_of(modules):
    """Measurements after each step of fine-tuning, module by module."""
    history = {"module": [], "loss": []}
    for number, module in enumerate(modules):
        errors, held_out = module.error_curve_[1:], module.validation_curve_[1:]
        history["module"] += [float(number)] * len(errors)
        history["loss"] += errors
        if module.validation_curve_:
            history.setdefault("validation_error", []).extend(held_out)
    return history
