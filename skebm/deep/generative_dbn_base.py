"""Base class of generative deep belief networks."""

import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._callbacks import fitting, with_callbacks
from .._checks import (
    Flag,
    Number,
    Optional,
    Options,
    Randomness,
    Schedule,
    Verbosity,
    WithHint,
    check_argument,
    check_parameters,
    plain,
)
from .._random import RandomStreams
from .._rows import DenseRows
from .._schedules import DECAYS, HINT, last_stage, stage_at
from .._streamed_rows import as_rows
from .._typing import Decay, Floats, MatrixLike, RandomStateLike
from .._validation import FLOATS, divergence, validated
from ..boltzmann.inference import sample
from ..boltzmann.units import BernoulliUnits
from .estimator import DeepNetwork
from .generative_net import Connection, GenerativeNet, connection_of
from .pretraining import (
    PRETRAINING_CHECKS,
    HasPretraining,
    Structure,
    check_numbers_of_values,
    fit_in_turn,
    layer_sizes,
)
from .progress import StageReport, Work
from .up_down import UpDown, UpDownSettings


def fine_tunes(estimator):
    """Whether ``partial_fit`` is available; otherwise raise an AttributeError with the reason."""
    if estimator.fine_tune is None:
        raise AttributeError(
            f"partial_fit of {type(estimator).__name__} needs fine_tune='up_down': training one "
            "layer after the other needs all rows."
        )
    return True


class BaseGenerativeDBN(HasPretraining, DeepNetwork):
    """A stack of RBMs that form a generative model, with or without labels.

    A subclass with labels validates them (``_read_labels``), and creates the highest RBM, whose
    visible layer contains them in addition to the features (``_new_rbms``).
    """

    # Parameters
    visible_units: Literal["auto", "bernoulli", "gaussian"]
    fine_tune: Literal["up_down"] | None
    n_gibbs_steps: int | Sequence[int]
    batch_size: int
    learning_rate_schedule: Decay
    learning_rate: float
    n_iter: int
    shuffle: bool
    random_state: RandomStateLike
    verbose: int
    warm_start: bool

    # Fitted attributes
    recognition_coefs_: list[Floats]
    recognition_intercepts_: list[Floats]
    generative_coefs_: list[Floats]
    generative_intercepts_: list[Floats]
    visible_units_: Literal["bernoulli", "gaussian"]

    _parameter_checks: ClassVar = PRETRAINING_CHECKS | {
        "fine_tune": Optional(Options("up_down")),
        "n_gibbs_steps": Schedule(Integral, "[1, inf)"),
        "batch_size": Number(Integral, "[1, inf)"),
        "learning_rate_schedule": Options(*DECAYS),
        "learning_rate": WithHint(
            Number(Real, "(0, inf)"), str, HINT.format("learning_rate_schedule")
        ),
        "n_iter": Number(Integral, "[1, inf)"),
        "shuffle": Flag(),
        "random_state": Randomness(),
        "verbose": Verbosity(),
        "warm_start": Flag(),
    }

    # Training

    @with_callbacks
    def fit(self, X: MatrixLike, y: ArrayLike | None = None) -> Self:
        """Fit the model to the data.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,), default=None
            Labels, for a :class:`GenerativeDBNClassifier`; None is only possible if ``X`` is a
            stream that contains them. A :class:`DeepBeliefNetwork` ignores them.

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
        trained, or the model after the last finished epoch of "up_down". If nothing was finished,
        it is unchanged. With ``warm_start=True`` the next call continues from there.
        """
        with self._fitting(X, y) as work:
            X, labels = self._read(X, y, work.is_first)
            self._train(X, labels, work)
        return self

    @contextmanager
    def _fitting(self, X, y, task_name="fit"):
        """Context manager that restores the committed state after an error; yields Work."""
        self._check()
        resume = hasattr(self, "rbms_") and (task_name == "partial_fit" or self.warm_start)
        n_to_fit = max(0, len(layer_sizes(self)) - (len(self.rbms_) if resume else 0))
        n_stages = n_to_fit + (self.fine_tune is not None)
        progress = self._init_callback_context(task_name=task_name, max_subtasks=n_stages)
        with fitting(self, progress, X, y) as commit:
            yield Work(progress, commit, is_first=not resume)

    def _read(self, X, y, is_first, classes=None):
        """Validated data, and labels of shape (n_samples, n_labels)."""
        dtype = FLOATS if is_first else self.rbms_[0].components_.dtype
        X = validated(self, X, accept_sparse="csr", dtype=dtype, order="C", reset=is_first)
        return X, self._read_labels(X, y, is_first, classes)

    def _read_labels(self, X, y, is_first, classes):
        return np.empty((X.shape[0], 0), dtype=X.dtype)

    def _train(self, X, labels, work):
        """Greedy training, then "up_down"."""
        self._pretrain(X, labels, work)
        if self.fine_tune is not None:
            self._fine_tune(X, labels, work)

    def _train_once(self, X, labels, work):
        """One epoch of "up_down" on these rows, which continues the last one."""
        self._pretrain(X, labels, work)
        task = work.progress.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self)
        learner = self._learner()
        start = time.perf_counter()
        course = self._states(X).course(learner)
        settings = self._settings(last_stage, course.rate_factor)
        measured = self._run_epoch(learner, course, labels, settings)
        measured["seconds"] = time.perf_counter() - start
        history = {name: [*self.history_.get(name, []), v] for name, v in measured.items()}
        self._publish(learner, history)
        task.call_on_fit_task_end(estimator=self)

    def _check(self):
        check_parameters(self, self._parameter_checks)
        check_numbers_of_values(self, self._parameter_checks)
        if self.fine_tune is not None and len(layer_sizes(self)) == 1:
            raise ValueError(
                f"The 'hidden_layer_sizes' parameter of {type(self).__name__} must have two layers "
                f"or more with fine_tune={self.fine_tune!r}: a single layer has no other one to "
                f"be tuned with. Got {self.hidden_layer_sizes!r} instead."
            )

    def _begin(self, X):
        """Reset the estimator for a new training."""
        self._streams = RandomStreams.from_random_state(check_random_state(self.random_state))
        self._structure = Structure.of(self, as_rows(X))
        self.visible_units_ = self._structure.visible_units
        self.rbms_ = []
        self.recognition_coefs_, self.recognition_intercepts_ = [], []
        self.generative_coefs_, self.generative_intercepts_ = [], []
        self.history_, self.n_iter_ = {}, 0
        self._n_features_out = self._structure.sizes[-1]
        self._stamp_version()

    def _new_rbms(self, streams):
        return self._structure.new_rbms(self, streams, self._structure.n_hidden)

    def _pretrain(self, X, labels, work):
        """Fit the RBMs that are not fitted yet; each is kept when it is finished."""
        if work.is_first:
            self._begin(X)
        self._structure.check(self)
        n_fitted = len(self.rbms_)
        if n_fitted == self._structure.n_hidden:
            return
        streams = replace(self._streams)
        rbms = self.rbms_ + self._new_rbms(streams)[n_fitted:]
        for rbm in fit_in_turn(rbms, X, self, work.progress, n_fitted, labels):
            self.rbms_ = [*self.rbms_, rbm]
            if len(self.rbms_) < self._structure.n_hidden:
                connection = connection_of(rbm.__skebm_model__(X.dtype).machine)
                self._keep([*self._connections(X.dtype), connection])
            work.commit()
        self._streams = streams

    def _fine_tune(self, X, labels, work):
        learner, history, n_epochs = self._learner(), {}, self._parameters.n_iter
        task = work.progress.subcontext(task_name="fine-tuning", max_subtasks=n_epochs)
        task.call_on_fit_task_begin(estimator=self)
        report = StageReport(self, "Up-down", n_epochs)
        course = self._states(X).course(learner)

        def after_round():
            self._publish(learner, history)
            work.commit()

        for epoch in range(n_epochs):
            epoch_task = task.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self)
            start = time.perf_counter()
            settings = self._settings(
                partial(stage_at, epoch, n_epochs),
                DECAYS[self.learning_rate_schedule](epoch, n_epochs) * course.rate_factor,
            )
            measured = self._run_epoch(learner, course, labels, settings, after_round)
            measured["seconds"] = time.perf_counter() - start
            for name, value in measured.items():
                history.setdefault(name, []).append(value)
            self._publish(learner, history)
            work.commit()
            report(epoch + 1, measured)
            if epoch_task.call_on_fit_task_end(estimator=self):
                break
        task.call_on_fit_task_end(estimator=self)

    def _learner(self):
        return UpDown(self._net(self.rbms_[0].components_.dtype).copy(), replace(self._streams))

    def _settings(self, now, rate_factor):
        """Settings of an epoch; ``now`` selects the value of a parameter that may be a sequence."""
        return UpDownSettings(
            learning_rate=rate_factor * self._parameters.learning_rate,
            batch_size=self._parameters.batch_size,
            n_gibbs_steps=now(self._parameters.n_gibbs_steps),
        )

    def _run_epoch(self, learner, course, labels, settings, after_round=None):
        generator = learner.streams.generator() if self.shuffle else None
        error = learner.run_epoch(course, labels, settings, generator, after_round)
        if learner.net.has_diverged() or not np.isfinite(error):
            raise divergence(type(self).__name__, "learning_rate", self._parameters.learning_rate)
        return {"reconstruction_error": error}

    def _publish(self, learner, history):
        """Copy the state of the learner to the fitted attributes."""
        net = learner.net.copy()
        self._keep(net.connections)
        # Annealing starts from the means of the data in the layers below, with the present weights.
        means = tuple(mean.astype(net.dtype) for mean in learner.top_means)
        model = self._highest().with_machine(net.top, means)
        self.rbms_ = [*self.rbms_[:-1], self.rbms_[-1].__skebm_with__(model)]
        self._streams = replace(learner.streams)
        self.history_ = {name: list(values) for name, values in history.items()}
        self.n_iter_ = len(self.history_.get("seconds", ()))

    def _keep(self, connections):
        self.recognition_coefs_ = [c.recognition for c in connections]
        self.recognition_intercepts_ = [c.above.bias for c in connections]
        self.generative_coefs_ = [c.generation for c in connections]
        self.generative_intercepts_ = [c.below.bias for c in connections]

    def _attributes_for_use(self):
        rbms = [rbm.without_training_state() for rbm in self.rbms_]
        return super()._attributes_for_use() | {"rbms_": rbms}

    # Passes through the network

    def _hidden_layer_number(self, layer):
        """Number of a finished hidden layer, counted from 0."""
        return self._structure.number_of(layer, self, len(self.rbms_))

    def _connections(self, dtype):
        """The connections of the finished layers, with parameters of a dtype."""
        arrays = zip(
            self.recognition_coefs_,
            self.recognition_intercepts_,
            self.generative_coefs_,
            self.generative_intercepts_,
            strict=True,
        )
        connections = []
        for number, of_one in enumerate(arrays):
            recognition, above, generation, below = (
                np.ascontiguousarray(array, dtype=dtype) for array in of_one
            )
            units = BernoulliUnits(below)
            if number == 0:
                units = self._lowest(dtype).machine.visible.copy(dtype)
                units.bias = below
            connections.append(Connection(recognition, BernoulliUnits(above), generation, units))
        return connections

    def _lowest(self, dtype=None):
        """Model of the lowest RBM, with parameters of a dtype."""
        return self.rbms_[0].__skebm_model__(dtype)

    def _highest(self, dtype=None):
        """Model of the highest finished RBM."""
        return self.rbms_[-1].__skebm_model__(dtype)

    def _net(self, dtype):
        return GenerativeNet(self._connections(dtype), self._highest(dtype).machine)

    def _states(self, X):
        """Rows of visible states from validated data."""
        return self._lowest().to_states(as_rows(X))

    def _valid_states(self, X):
        check_is_fitted(self)
        X = validated(self, X, accept_sparse="csr", dtype=FLOATS, reset=False)
        return self._states(X)

    def _features(self, rows, n_layers):
        """Rows of mean states of a hidden layer, or the rows themselves if ``n_layers`` is 0."""
        for connection in self._connections(rows.dtype)[:n_layers]:
            rows = DenseRows(connection.recognize_rows(rows))
        return rows

    def _highest_features(self, rows):
        """Mean states of the highest hidden layer, from rows of the layer below."""
        return self._highest(rows.dtype).machine.transform(rows)

    def _without_label(self, states):
        """Visible states of the highest RBM without the label units."""
        below = (self.n_features_in_, *self._structure.sizes)[-2]
        return np.ascontiguousarray(states[:, :below])

    def _data(self, states, n_layers, streams=None, mean=True):
        """Data from states of a hidden layer, by one pass down.

        The pass computes means, or draws states if ``streams`` are given. With ``mean``, the data
        are always means.
        """
        connections = self._connections(states.dtype)[:n_layers]
        for number, connection in reversed(list(enumerate(connections))):
            states = connection.generate_rows(DenseRows(states))
            if streams is not None and not (mean and number == 0):
                states = connection.below.sample(states, (streams.seed, streams.take(), 0))
        return self._lowest().to_data(states)

    def _check_complete(self):
        """Raise an error unless all layers are fitted."""
        check_is_fitted(self)
        self._hidden_layer_number(-1)

    # Use

    def transform(self, X: MatrixLike, layer: int = -1) -> Floats:
        """Mean states of the units of a hidden layer, by one pass up.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        layer : int, default=-1
            Number of the hidden layer, counted from 0; negative numbers count from the top.

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
            Probabilities of being on, with the dtype of ``X``.
        """
        check_is_fitted(self)
        number = self._hidden_layer_number(layer)
        config = getattr(self, "_sklearn_output_config", {})
        self._structure.check_names_of_units(number, self, config)
        return self._hidden_means(X, number)

    def _hidden_means(self, X, number):
        rows = self._features(self._valid_states(X), number)
        if number == self._structure.n_hidden - 1:
            return self._highest_features(rows)
        return self._connections(rows.dtype)[number].recognize_rows(rows)

    def inverse_transform(self, X: ArrayLike, layer: int = -1) -> Floats:
        """Mean data given the states of a hidden layer, by one pass down.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_units)
            States of the hidden units, or probabilities of being on.
        layer : int, default=-1
            Number of the hidden layer, as for :meth:`transform`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Means of the data, with the dtype of ``X``.
        """
        check_is_fitted(self)
        number = self._hidden_layer_number(layer)
        return self._data_given(self._structure.valid_units(X, number, self), number)

    def _data_given(self, H, number):
        if number == self._structure.n_hidden - 1:
            H = self._highest(H.dtype).machine.inverse_transform(DenseRows(H))
            H = self._without_label(H)
        return self._data(H, number + 1)

    def reconstruct(self, X: MatrixLike, layer: int = -1) -> Floats:
        """Mean data after one pass up to a hidden layer and one pass down again.

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
        return self._data_given(self._hidden_means(X, number), number)

    def _sample(self, n_samples, n_steps, algorithm, mean, streams, init=None, clamp=None):
        """Draw states of the highest RBM's visible layer, and data by one pass down from there."""
        model = self._highest(None if init is None else init.dtype)
        betas = np.linspace(0, 1, self.rbms_[-1].n_replicas) if algorithm == "pt" else None
        options = {"init": init, "clamp": clamp, "betas": betas}
        states = sample(model, plain(n_samples), plain(n_steps), streams, **options)
        if self._structure.n_hidden > 1:
            return self._data(self._without_label(states), self._structure.n_hidden, streams, mean)
        if mean:
            H = model.transform(as_rows(states))
            model.machine.hidden.sample(H, (streams.seed, streams.take(), 0))
            states = model.to_data(model.machine.inverse_transform(DenseRows(H)))
        return self._without_label(states)

    def _streams_for_samples(self, n_samples, n_steps, algorithm, mean, random_state):
        """Streams for samples: those of the estimator, which continue, or new ones.

        All arguments are checked here, before a random number is drawn.
        """
        check_argument(self, "n_samples", n_samples, Optional(Number(Integral, "[1, inf)")))
        check_argument(self, "n_steps", n_steps, Number(Integral, "[0, inf)"))
        check_argument(self, "algorithm", algorithm, Options("gibbs", "pt"))
        check_argument(self, "mean", mean, Flag())
        check_argument(self, "random_state", random_state, Randomness())
        if random_state is None:
            return self._streams
        return RandomStreams.from_random_state(check_random_state(random_state))
