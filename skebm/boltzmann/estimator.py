"""Base class of Boltzmann machines with layers: parameters, training and results."""

from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import ClassVar, Literal, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._callbacks import with_callbacks
from .._checks import Flag, MissingValue, Number, Optional, Options
from .._messages import messages_for
from .._random import RandomStreams
from .._schedules import DECAYS, last_stage, stage_at
from .._solvers import SolverSettings
from .._source import all_of
from .._typing import Floats, MatrixLike
from .._validation import FLOATS, check_mask, divergence, warn_caller
from . import inference
from .base import MINIBATCH_CHECKS, BaseBoltzmann
from .chains import ALGORITHMS
from .data import Numbers
from .initial import ACTIVITY
from .learner import Learner, Settings, new_solvers
from .monitor import Monitor
from .trainer import Trainer

# Share of the hidden units that may be dead after the last epoch without a warning.
_MOST_DEAD = 0.1

# Valid parameters of all Boltzmann machines with layers.
LAYERED_CHECKS = MINIBATCH_CHECKS | {
    "algorithm": Options(*ALGORITHMS),
    "alpha": Number(Real, "[0, inf)"),
    "sparsity_target": Optional(Number(Real, "(0, 1)")),
    "sparsity_cost": Number(Real, "[0, inf)"),
    "centered": Flag(),
    "early_stopping": Flag(),
    "validation_fraction": Number(Real, "(0, 1)"),
    "n_iter_no_change": Number(Integral, "[1, inf)"),
    "tol": Number(Real, "[0, inf)"),
    "reconstruction_tol": Optional(Number(Real, "[0, inf)")),
    "missing_values": MissingValue(),
}


class BoltzmannEstimator(BaseBoltzmann):
    """A Boltzmann machine with layers of any kinds.

    The public methods check their arguments. Training is done by a
    :class:`~skebm.boltzmann.trainer.Trainer`. Its results become fitted attributes for the user,
    and ``_means``, ``_training_state`` and ``_streams`` for later calls. All other methods call a
    function of :mod:`skebm.boltzmann.inference` with the fitted model.

    A subclass defines its model at the start of training (``_first_model``) and after it
    (``__skebm_model__``), the fitted attributes (``_attributes_of``, ``_is_trained``), whether
    training can continue (``_check_sizes``), and settings of a learning step for its units
    (``_settings_of_units``). Optional are targets (``_with_targets``), data other than numbers
    (``_kind_of_data``), and other algorithms or measurements (``_algorithms``, ``_monitor_class``).
    """

    # Parameters
    algorithm: Literal["cd", "pcd", "pt"]
    alpha: float
    sparsity_target: float | None
    sparsity_cost: float
    centered: bool
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    reconstruction_tol: float | None
    missing_values: object

    # Fitted attributes
    h_samples_: Floats

    _parameter_checks: ClassVar = LAYERED_CHECKS
    _algorithms: ClassVar = ALGORITHMS
    _monitor_class: ClassVar = Monitor
    _kind_of_data: type = Numbers
    # The data of the first training: an object of that class.
    _data = Numbers()

    @property
    def _reads_tables(self):
        return self._kind_of_data.are_tables

    # Training

    @with_callbacks
    def fit(self, X: MatrixLike, y: object = None) -> Self:
        """Fit the model to the data.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data. NaN marks missing entries; entries that a sparse matrix does not store
            are 0. Machines of tables do not accept sparse matrices.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if the weights are no longer finite. The
            estimator is then unchanged, or keeps the last finished epoch.
        """
        return self._fit(X, y)

    @with_callbacks
    def partial_fit(self, X: MatrixLike, y: object = None) -> Self:
        """Continue training with more data, in one pass over its rows in minibatches.

        If a parameter is a sequence over the epochs, its last value is used.
        ``learning_rate_schedule`` is not used.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data, of any number of rows; NaN marks missing entries.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`. The estimator is then unchanged.
        """
        return self._partial_fit(X, y)

    def __skebm_check__(self):
        """Raise an error if a parameter is not valid; nothing is changed."""
        super().__skebm_check__()
        self._check_decay(self._parameters.alpha)

    def _with_targets(self, X, y):
        """Training data, from the arguments of ``fit``."""
        return X

    def _settings_of_units(self, learning_rate, rate_factor):
        """Settings of a learning step for this kind of visible units, as a dict.

        The arguments are the learning rate of the epoch, and the factor of all rates in it.
        """
        return {}

    def _training(self, X, y, goes_on, progress, commit, watched):
        """See :class:`~skebm._epochs.TrainedInEpochs`: a :class:`Trainer`."""
        dtype = self.__skebm_model__().machine.dtype if goes_on else FLOATS
        X = self._with_targets(X, y)
        rows = self._rows(X, dtype=dtype, order="C", reset=not goes_on)
        messages = messages_for(self)
        if goes_on:
            model, streams = self.__skebm_model__().copy(), replace(self._streams)
        else:
            self._warn_of_empty_columns(rows)
            random_state = check_random_state(self.random_state)
            model = self._first_model(X, rows, random_state, progress, commit)
            streams = RandomStreams.from_random_state(random_state)
        if "data" not in messages.warnings_of_owner:
            model.warn_of_data(messages.estimator, rows)
        model = replace(model, batch_size=self._parameters.batch_size)
        learner, rows = self._learner(model, streams, goes_on), model.to_states(rows)
        rate = f"{messages.prefix}learning_rate"
        trainer = Trainer(
            model,
            learner,
            rows,
            self._monitor(model, rows, streams) if watched else None,
            shuffle=self.shuffle,
            divergence=divergence(messages.estimator, rate, self._parameters.learning_rate),
        )
        self._check_decay(self._parameters.alpha, trainer.rate_factor)
        return trainer

    def _run_epoch(self, trainer, number, after_round):
        n_iter = self._parameters.n_iter
        rate_factor = DECAYS[self.learning_rate_schedule](number, n_iter) * trainer.rate_factor
        settings = self._settings(partial(stage_at, number, n_iter), rate_factor)
        return trainer.run_epoch(settings, after_round)

    def _take_steps(self, trainer):
        trainer.take_steps(self._settings(last_stage, trainer.rate_factor))

    def _end(self, trainer):
        self._warn_of_dead_units(trainer.history.get("dead_units", [0])[-1])
        if trainer.go_back_to_best():
            self._publish(trainer)

    @property
    def _activity(self):
        """Initial mean activity of the hidden units."""
        return self._parameters.sparsity_target or ACTIVITY

    def _learner(self, model, streams, goes_on):
        """A learner with the state of an earlier one as far as it fits the parameters."""
        before, solvers, n_updates = self._state_to_go_on_from() if goes_on else (None, None, 0)
        machine = model.machine
        chains = self._algorithms[self.algorithm].prepare(
            self._parameters, machine, model.base, streams, before
        )
        wanted = SolverSettings.of_minibatches(self._parameters)
        if solvers is None or solvers[0].settings != wanted:
            solvers = new_solvers(machine, wanted)
        posterior = self._posterior_for_learning(model, streams)
        return Learner(machine, chains, model.means, solvers, n_updates, streams, posterior)

    def _posterior_for_learning(self, model, streams):
        return model.posterior

    def _state_to_go_on_from(self):
        """Copies of the chains and the solvers of the last training, and its number of steps."""
        self._check_sizes()
        if not hasattr(self, "_training_state"):
            raise ValueError(
                f"This {type(self).__name__} is a copy without the state that further training "
                "needs, see without_training_state. Continue with the original model, or call fit."
            )
        chains, solvers, n_updates = _copied(*self._training_state)
        if hasattr(self, "h_samples_"):
            chains.states = self.h_samples_.copy()
        return chains, solvers, n_updates

    def _monitor(self, model, rows, streams):
        """The monitor of training, with a selection of the rows and with held-out rows."""
        n_rows, p = rows.shape[0], self._parameters
        training, held_out = None, np.arange(0)
        if self.early_stopping:
            n_held_out = int(np.ceil(p.validation_fraction * n_rows))
            if n_held_out >= n_rows:
                raise ValueError(
                    f"The 'validation_fraction' parameter of {type(self).__name__}, "
                    f"{self.validation_fraction!r}, leaves none of the {n_rows} rows to train on. "
                    "Lower it, or pass more rows."
                )
            shuffled = streams.generator().permutation(n_rows)
            training, held_out = np.sort(shuffled[n_held_out:]), shuffled[:n_held_out]
        return self._monitor_class(rows, training, held_out, p, model)

    def _settings(self, now, rate_factor):
        """Settings of an epoch; ``now`` selects the value of a parameter that may be a sequence."""
        p = self._parameters
        learning_rate = rate_factor * now(p.learning_rate)
        return Settings(
            learning_rate=learning_rate,
            batch_size=p.batch_size,
            n_gibbs_steps=now(p.n_gibbs_steps),
            momentum=now(p.momentum),
            l2=p.alpha * (1 - p.l1_ratio),
            l1=p.alpha * p.l1_ratio,
            sparsity_target=p.sparsity_target,
            sparsity_cost=p.sparsity_cost,
            centered=self.centered,
            **self._settings_of_units(learning_rate, rate_factor),
        )

    def _publish(self, trainer):
        """Copy the state of the learner to the fitted attributes."""
        learner, model = trainer.learner, trainer.model.copy()
        state = _copied(learner.chains, learner.solvers, learner.n_updates)
        attributes = state[0].fitted_attributes()
        for name in getattr(self, "_names_of_chains", ()):
            vars(self).pop(name, None)
        vars(self).update(attributes)
        self._names_of_chains = tuple(attributes)
        self._training_state, self._streams = state, replace(learner.streams)
        vars(self).update(self._attributes_of(model))
        if trainer.is_watched:
            self.history_ = {name: list(values) for name, values in trainer.history.items()}
            self.n_iter_ = len(self.history_.get("seconds", ()))
        self._n_features_out = len(model.machine.layers[-1].bias)
        self._stamp_version()

    def _warn_of_empty_columns(self, rows):
        """Warn about features without any known value."""
        messages = messages_for(self)
        if "data" in messages.warnings_of_owner:
            return
        empty = np.flatnonzero(rows.n_known() == 0)
        if len(empty):
            warn_caller(
                f"{messages.estimator} cannot learn features without any known value, "
                f"and treats them as 0: columns {self._data.names_of(empty)}."
            )

    def _warn_of_dead_units(self, share):
        messages = messages_for(self)
        if share <= _MOST_DEAD or "dead units" in messages.warnings_of_owner:
            return
        remedies = ", or ".join(self._remedies_for_dead_units(messages.prefix))
        warn_caller(
            f"{share:.0%} of the hidden units of {messages.layer}{messages.estimator} have nearly "
            "the same activity for all rows, and so carry no information. Usually the steps are "
            f"too long for these data: {remedies}."
        )

    def _remedies_for_dead_units(self, prefix):
        """Remedies for users, a list of imperatives; names of parameters start with the prefix."""
        names = ["learning_rate", "momentum", *(["alpha"] if self._parameters.alpha else [])]
        too_large = " or the ".join(f"'{prefix}{name}'" for name in names)
        return [
            f"lower the {too_large} parameter",
            f"use larger minibatches by '{prefix}batch_size'",
        ]

    # The model

    def _first_model(self, X, rows, random_state, progress, commit):
        """The model before training, for data that were read as these rows.

        If there is a training before, its callbacks are called through ``progress``, and ``commit``
        is called when the present state is to be kept.
        """
        raise NotImplementedError

    def __skebm_model__(self, dtype=None):
        """The fitted model, a :class:`~skebm.boltzmann.model.Model`.

        Parameters
        ----------
        dtype : dtype, default=None
            The dtype of the machine; None is that of the fitted model. Arrays with this dtype are
            shared.
        """
        raise NotImplementedError

    def _rows(self, X, reset=False, **options):
        """The validated data as rows of numbers, some of which may be missing.

        With ``reset``, they determine the kind of the data.
        """
        if reset:
            for name in self._data.fitted_attributes():
                delattr(self, name)
            self._data = self._kind_of_data.of(self, X)
            vars(self).update(self._data.fitted_attributes())
        return self._data.rows(self, X, reset=reset, **options)

    def _model_and_rows(self, X, of_whole_rows=None):
        """The model with the dtype of the data, and the validated data as rows of its states.

        ``of_whole_rows`` is the name of a method that needs complete rows.
        """
        check_is_fitted(self)
        rows = self._rows(X)
        if of_whole_rows is not None and rows.known is not None:
            raise ValueError(
                f"{type(self).__name__}.{of_whole_rows} needs complete rows, but some values of X "
                "are missing. Fill them in by impute, or compare rows by score_samples."
            )
        model = self.__skebm_model__(rows.dtype)
        return model, model.to_states(rows)

    # Samples

    def _gibbs(self, X, n_steps, streams):
        model, rows = self._model_and_rows(X)
        states = all_of(rows)
        if n_steps == 0 and rows.known is not None:
            states[~all_of(rows.known)] = np.nan
        return self._data.given_back(model.to_data(inference.walk(model, states, n_steps, streams)))

    def _sample(self, n_samples, n_steps, streams, init, clamp, betas, mean):
        if clamp is not None:
            clamp = self._data.of_units(check_mask("clamp", clamp, np.shape(init)))
        if init is not None:
            init = self._data.whole(self, init)
        model = self.__skebm_model__(None if init is None else init.dtype)
        options = {"init": init, "clamp": clamp, "betas": betas, "mean": mean}
        V = inference.sample(model, n_samples, n_steps, streams, **options)
        return self._data.given_back(V)

    def _impute(self, X, n_steps, streams):
        X, numbers = self._data.with_gaps(self, X)
        model = self.__skebm_model__(numbers.dtype)
        return self._data.given_back(inference.impute(model, numbers, n_steps, streams), like=X)

    def _log_partition(self, method, n_temperatures, n_chains, X, n_burn_in, streams):
        states = None if X is None else self._model_and_rows(X, "log_partition")[1]
        how = method, n_temperatures, n_chains, states, n_burn_in, streams
        return inference.log_partition(self.__skebm_model__(), type(self).__name__, *how)

    # Conventions

    def _attributes_for_use(self):
        only_for_training = "_training_state", "h_samples_"
        return {name: a for name, a in vars(self).items() if name not in only_for_training}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        data = self._kind_of_data
        marks_by_nan = data.are_tables or self.missing_values != self.missing_values
        tags.input_tags.allow_nan = data.admit_gaps and marks_by_nan
        tags.input_tags.sparse = not data.are_tables
        tags.input_tags.string = tags.input_tags.categorical = data.are_tables
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _copied(chains, solvers, n_updates):
    return chains.copy(), [solver.copy() for solver in solvers], n_updates
