"""What every Boltzmann machine is as an estimator: its parameters, training, samples, log Z."""

from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._by_chunk import AnswersByChunk
from .._callbacks import CallbackSupportMixin, fitting, with_callbacks
from .._deployment import Deployable
from .._messages import messages_for
from .._random import RandomStreams
from .._schedules import DECAYS, HINT, last_stage, stage_at
from .._solvers import STOCHASTIC_SOLVERS, SolverSettings
from .._source import all_of
from .._threads import one_blas_thread
from .._validation import (
    FLOATS,
    Flag,
    HasPlainParameters,
    MissingValue,
    Number,
    Optional,
    Options,
    Randomness,
    Schedule,
    Verbosity,
    WithHint,
    check_argument,
    check_mask,
    check_parameters,
    divergence,
    warn_caller,
)
from .._version import VersionStamp
from . import inference
from .chains import ALGORITHMS
from .data import Numbers
from .initial import ACTIVITY
from .learner import Learner, Settings, new_solvers
from .monitor import Monitor
from .trainer import Trainer

COUNT, _COUNT_OR_NONE_AT_ALL = Number(Integral, "[1, inf)"), Number(Integral, "[0, inf)")

# Share of the hidden units that may be dead after the last epoch without a warning.
_MOST_DEAD = 0.1

# What the parameters of all Boltzmann machines may be.
CHECKS = {
    "learning_rate": WithHint(
        Schedule(Real, "(0, inf)"), str, HINT.format("learning_rate_schedule")
    ),
    "batch_size": Number(Integral, "[1, inf)"),
    "n_iter": Number(Integral, "[0, inf)"),
    "verbose": Verbosity(),
    "random_state": Randomness(),
    "algorithm": Options(*ALGORITHMS),
    "n_gibbs_steps": Schedule(Integral, "[1, inf)"),
    "n_chains": Optional(Number(Integral, "[1, inf)")),
    "n_replicas": Number(Integral, "[2, inf)"),
    "learning_rate_schedule": Options(*DECAYS),
    "solver": Options(*STOCHASTIC_SOLVERS),
    "momentum": Schedule(Real, "[0, 1)"),
    "nesterovs_momentum": Flag(),
    "beta_1": Number(Real, "[0, 1)"),
    "beta_2": Number(Real, "[0, 1)"),
    "epsilon": Number(Real, "(0, inf)"),
    "alpha": Number(Real, "[0, inf)"),
    "l1_ratio": Number(Real, "[0, 1]"),
    "sparsity_target": Optional(Number(Real, "(0, 1)")),
    "sparsity_cost": Number(Real, "[0, inf)"),
    "centered": Flag(),
    "shuffle": Flag(),
    "early_stopping": Flag(),
    "validation_fraction": Number(Real, "(0, 1)"),
    "n_iter_no_change": Number(Integral, "[1, inf)"),
    "tol": Number(Real, "[0, inf)"),
    "reconstruction_tol": Optional(Number(Real, "[0, inf)")),
    "warm_start": Flag(),
    "missing_values": MissingValue(),
}


class BoltzmannEstimator(
    VersionStamp,
    Deployable,
    AnswersByChunk,
    HasPlainParameters,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """A Boltzmann machine, whatever its layers are.

    The public methods check what they are given. Training is then a
    :class:`~skebm.boltzmann.trainer.Trainer`, and its result is published: fitted attributes for
    the user, and in ``_means``, ``_training_state`` and ``_streams`` whatever else is wanted
    later. Everything else asks a function of :mod:`skebm.boltzmann.inference` about the model that
    the fitted attributes are.

    A subclass says what its model is at the start of training (``_first_model``) and when it is
    fitted (``__skebm_model__``), which attributes say so (``_attributes_of``, ``_is_trained``),
    whether training can go on from there (``_check_sizes``), and what its units ask of a learning
    step (``_settings_of_units``). One that learns from more than X also says what
    (``_with_targets``); one whose data are no plain numbers, what they are (``_kind_of_data``); one
    that has algorithms or measurements of its own, which (``_algorithms``, ``_monitor_class``).
    """

    _parameter_checks: ClassVar = CHECKS
    _algorithms: ClassVar = ALGORITHMS
    _monitor_class: ClassVar = Monitor
    _kind_of_data = Numbers
    # What the data are, known from the first training on.
    _data = Numbers()

    # Training

    @with_callbacks
    def fit(self, X, y=None):
        """Fit the model to the data.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data; NaN marks what is missing. What a sparse matrix does not store is 0.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If a parameter or the data is not valid, or if the weights cease to be finite. The
            estimator is then as it was, or as the last whole epoch left it.
        """
        self.__skebm_check__()
        report, n_iter = messages_for(self).report or self._report, self._parameters.n_iter
        progress = self._init_callback_context(max_subtasks=n_iter + self._n_tasks_before)
        with fitting(self, progress, X, y) as commit, one_blas_thread():
            goes_on = self.warm_start and self._is_trained()
            trainer = self._trainer(X, y, goes_on, progress, commit, watched=True)
            self._publish(trainer)

            def keep():
                self._publish(trainer)
                commit()

            for epoch in range(n_iter):
                task = progress.subcontext(task_name="epoch")
                task.call_on_fit_task_begin(estimator=self)
                rate_factor = DECAYS[self.learning_rate_schedule](epoch, n_iter)
                rate_factor *= trainer.rate_factor
                settings = self._settings(partial(stage_at, epoch, n_iter), rate_factor)
                measured = trainer.run_epoch(settings, after_round=keep)
                keep()
                report(epoch + 1, measured)
                if task.call_on_fit_task_end(estimator=self) or trainer.is_over:
                    break
            self._warn_of_dead_units(trainer.history.get("dead_units", [0])[-1])
            if trainer.go_back_to_best():
                self._publish(trainer)
        return self

    @with_callbacks
    def partial_fit(self, X, y=None):
        """Go on training with more data, once over its rows in minibatches.

        Where a parameter is a sequence over the epochs, its last value holds;
        ``learning_rate_schedule`` has no part in it.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data, of any number of rows; NaN marks what is missing.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`; the estimator is then as it was.
        """
        self.__skebm_check__()
        n_tasks = 1 + self._n_tasks_before
        progress = self._init_callback_context(task_name="partial_fit", max_subtasks=n_tasks)
        with fitting(self, progress, X, y) as commit:
            task = progress.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self)
            trainer = self._trainer(X, y, self._is_trained(), progress, commit)
            trainer.take_steps(self._settings(last_stage, trainer.rate_factor))
            self._publish(trainer)
            task.call_on_fit_task_end(estimator=self)
        return self

    def __skebm_check__(self):
        """Raise an error where a parameter is not valid; nothing is changed."""
        check_parameters(self, self._parameter_checks)
        decay = (
            float(np.max(self._parameters.learning_rate))
            * self._parameters.alpha
            * (1 - self._parameters.l1_ratio)
        )
        if decay >= 1:
            messages = messages_for(self)
            raise ValueError(
                f"The '{messages.prefix}alpha' parameter of {messages.estimator}, {self.alpha!r}, "
                f"is too large for the '{messages.prefix}learning_rate' parameter, "
                f"{self.learning_rate!r}: a step would take the share {decay:.3g} from each weight "
                "by L2. It must be below 1."
            )

    # What the progress of a first training has room for, beside its epochs.
    _n_tasks_before = 0

    def _with_targets(self, X, y):
        """What is learned from, from what ``fit`` was given."""
        return X

    def _settings_of_units(self, learning_rate, rate_factor):
        """Settings of a learning step that are for the visible units of this kind alone, a dict.

        The one is the learning rate of the epoch, the other the factor of all rates in it.
        """
        return {}

    def _trainer(self, X, y, goes_on, progress, commit, watched=False):
        """What trains on these data, anew or from where training ended, and is watched or not.

        What has to be trained before that tells callbacks so by ``progress``, and calls ``commit``
        when what is there is to stay, whatever comes.
        """
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
        if "data" not in messages.left_to_whole:
            model.warn_of_data(messages.estimator, rows)
        model = replace(model, batch_size=self._parameters.batch_size)
        learner, rows = self._learner(model, streams, goes_on), model.to_states(rows)
        rate = f"{messages.prefix}learning_rate"
        return Trainer(
            model,
            learner,
            rows,
            self._monitor(model, rows, streams) if watched else None,
            shuffle=self.shuffle,
            divergence=divergence(messages.estimator, rate, self._parameters.learning_rate),
        )

    @property
    def _activity(self):
        """Share of the rows that hidden units begin on for."""
        return self._parameters.sparsity_target or ACTIVITY

    def _learner(self, model, streams, goes_on):
        """A learner with what the parameters ask for and is missing from an earlier one."""
        before, solvers, n_updates = self._state_to_go_on_from() if goes_on else (None, None, 0)
        machine = model.machine
        chains = self._algorithms[self.algorithm].prepare(
            self._parameters, machine, model.base, streams, before
        )
        wanted = self._solver_settings()
        if solvers is None or solvers[0].settings != wanted:
            solvers = new_solvers(machine, wanted)
        posterior = self._posterior_for_learning(model, streams)
        return Learner(machine, chains, model.means, solvers, n_updates, streams, posterior)

    def _posterior_for_learning(self, model, streams):
        return model.posterior

    def _solver_settings(self):
        p = self._parameters
        return SolverSettings(
            p.solver,
            momentum=0.0,  # that of an epoch is set for each step
            nesterovs_momentum=p.nesterovs_momentum,
            beta_1=p.beta_1,
            beta_2=p.beta_2,
            epsilon=p.epsilon,
        )

    def _state_to_go_on_from(self):
        """A copy of the chains, the solvers and the number of steps of before."""
        self._check_sizes()
        if not hasattr(self, "_training_state"):
            raise ValueError(
                f"This {type(self).__name__} is without the state that training would go on from, "
                "see without_training_state. Go on with the model that it is a copy of."
            )
        chains, solvers, n_updates = _copied(*self._training_state)
        if hasattr(self, "h_samples_"):
            chains.states = self.h_samples_.copy()
        return chains, solvers, n_updates

    def _monitor(self, model, rows, streams):
        """What watches training: some of the rows, and others that are held out for it."""
        n_rows, p = rows.shape[0], self._parameters
        training, held_out = None, np.arange(0)
        if self.early_stopping:
            n_held_out = int(np.ceil(p.validation_fraction * n_rows))
            if n_held_out >= n_rows:
                raise ValueError(
                    f"The 'validation_fraction' parameter of {type(self).__name__}, "
                    f"{self.validation_fraction!r}, leaves none of the {n_rows} rows to train on."
                )
            shuffled = streams.generator().permutation(n_rows)
            training, held_out = np.sort(shuffled[n_held_out:]), shuffled[:n_held_out]
        return self._monitor_class(rows, training, held_out, p, model)

    def _settings(self, now, rate_factor):
        """What holds in an epoch; ``now`` gives the value of what may be a sequence."""
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
        """Copy what has been learned into the fitted attributes."""
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
        """Warn of features that no row has a known value of."""
        messages = messages_for(self)
        if "data" in messages.left_to_whole:
            return
        empty = np.flatnonzero(rows.n_known() == 0)
        if len(empty):
            warn_caller(
                f"{messages.estimator} learns nothing of features without a single known "
                f"value, and takes them for 0: columns {self._data.names_of(empty)}."
            )

    def _warn_of_dead_units(self, share):
        messages = messages_for(self)
        if share <= _MOST_DEAD or "dead units" in messages.left_to_whole:
            return
        remedies = ", or ".join(self._remedies_for_dead_units(messages.prefix))
        warn_caller(
            f"{share:.0%} of the hidden units of {messages.layer}{messages.estimator} have nearly "
            "the same activity for all rows, and so tell nothing about them. Mostly, steps are "
            f"too long for these data: {remedies}."
        )

    def _remedies_for_dead_units(self, prefix):
        """What users can do, a list of imperatives; names of parameters begin with the prefix."""
        names = ["learning_rate", "momentum", *(["alpha"] if self._parameters.alpha else [])]
        too_large = " or the ".join(f"'{prefix}{name}'" for name in names)
        return [
            f"lower the {too_large} parameter",
            f"have more rows in a minibatch by '{prefix}batch_size'",
        ]

    def _report(self, epoch, measured):
        if self.verbose:
            print(
                f"[{type(self).__name__}] Iteration {epoch}, "
                f"pseudo-likelihood = {measured['pseudo_likelihood']:.2f}, "
                f"time = {measured['seconds']:.2f}s",
                flush=True,
            )

    # The model

    def _first_model(self, X, rows, random_state, progress, commit):
        """The model that training starts from, of data that were read as these rows.

        Where something has to be trained before, callbacks are told so by ``progress``, and
        ``commit`` is called when what is there is to stay, whatever comes.
        """
        raise NotImplementedError

    def __skebm_model__(self, dtype=None):
        """What has been learned, as a :class:`~skebm.boltzmann.model.Model`.

        Parameters
        ----------
        dtype : dtype, default=None
            Of the machine; None is that of the fitted model. Arrays of that type are shared.
        """
        raise NotImplementedError

    def _rows(self, X, reset=False, **options):
        """The data, validated, as rows of numbers, some of which may not be known.

        ``reset`` has them say what data are from now on.
        """
        if reset:
            for name in self._data.fitted_attributes():
                delattr(self, name)
            self._data = self._kind_of_data.of(self, X)
            vars(self).update(self._data.fitted_attributes())
        return self._data.rows(self, X, reset=reset, **options)

    def _model_and_rows(self, X, of_whole_rows=None):
        """The model, of the type of data, and the data, validated, as rows of its states.

        ``of_whole_rows`` names what cannot be computed where not all values are known.
        """
        check_is_fitted(self)
        rows = self._rows(X)
        if of_whole_rows is not None and rows.known is not None:
            raise ValueError(
                f"{type(self).__name__}.{of_whole_rows} takes whole rows, and some values of X are "
                "missing. Fill them in by impute, or compare rows by score_samples."
            )
        model = self.__skebm_model__(rows.dtype)
        return model, model.to_states(rows)

    def _draws(self, random_state):
        """Streams to draw from: see "Random numbers" in the documentation, doc/api.rst."""
        check_argument(self, "random_state", random_state, Randomness())
        if random_state is None:
            return self._streams
        return RandomStreams.from_random_state(check_random_state(random_state))

    # Samples

    def gibbs(self, X, n_steps=1, *, random_state=None):
        """Visible states after some steps of Gibbs sampling, each of both layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states to start from; NaN marks what is missing. The hidden states of the first
            step are drawn given the known entries of a row, and all its visible ones from them.
        n_steps : int, default=1
            Number of steps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None goes on with the estimator's own, see
            :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states, of the type of ``X``.
        """
        model, rows = self._model_and_rows(X)
        n_steps = check_argument(self, "n_steps", n_steps, _COUNT_OR_NONE_AT_ALL)
        streams = self._draws(random_state)
        states = all_of(rows)
        if n_steps == 0 and rows.known is not None:
            states[~all_of(rows.known)] = np.nan
        return self._data.given_back(model.to_data(inference.walk(model, states, n_steps, streams)))

    def sample(
        self,
        n_samples=None,
        n_steps=100,
        *,
        init=None,
        clamp=None,
        algorithm="gibbs",
        random_state=None,
    ):
        """Draw visible states from the model.

        Parameters
        ----------
        n_samples : int, default=None
            Number of samples. None is 1, or as many as ``init`` has rows.
        n_steps : int, default=100
            Steps of Gibbs sampling from the start of a chain to its sample. Chains need time to
            forget their start.
        init : array-like of shape (n_rows, n_features), default=None
            Visible states to start from, used in turn where there are more samples than rows.
            None starts each chain at random, each unit drawn by the mean of its feature.
        clamp : array-like of bool, of shape (n_features,) or (n_rows, n_features), default=None
            Visible units that keep the value which they have in ``init``.
        algorithm : {"gibbs", "pt"}, default="gibbs"
            "pt" is parallel tempering: each chain has ``n_replicas`` replicas, at temperatures
            from that of the model to one where all units are independent, and they swap states
            after each step. This takes ``n_replicas`` times as long, and leads from one mode to
            another where plain Gibbs sampling stays in the one that it started in. The
            temperatures adapt during the first half of the steps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states.
        """
        check_is_fitted(self)
        n_samples = check_argument(self, "n_samples", n_samples, Optional(COUNT))
        n_steps = check_argument(self, "n_steps", n_steps, _COUNT_OR_NONE_AT_ALL)
        check_argument(self, "algorithm", algorithm, Options("gibbs", "pt"))
        betas = None
        if algorithm == "pt":
            betas = getattr(self, "betas_", np.linspace(0, 1, self._parameters.n_replicas))
        if clamp is not None:
            if init is None:
                raise ValueError("clamp needs init, the states that clamped units keep.")
            clamp = self._data.of_units(check_mask("clamp", clamp, np.shape(init)))
        if init is not None:
            init = self._data.whole(self, init)
        model = self.__skebm_model__(None if init is None else init.dtype)
        options = {"init": init, "clamp": clamp, "betas": betas}
        V = inference.sample(model, n_samples, n_steps, self._draws(random_state), **options)
        return self._data.given_back(V)

    def impute(self, X, n_steps=100, *, random_state=None):
        """Fill in missing entries given the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states, or rows of a table; what is missing is marked as in ``fit``.
        n_steps : int, default=100
            Steps of Gibbs sampling with the known entries clamped. The first half is thrown
            away; over the second half, the means of the missing units are averaged.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            ``X`` with the expectation of its unit, as estimated, in place of what is missing; of a
            table, a DataFrame if ``X`` is one, with the most probable of the categories.
        """
        n_steps = check_argument(self, "n_steps", n_steps, COUNT)
        check_is_fitted(self)
        X, numbers = self._data.with_gaps(self, X)
        model, streams = self.__skebm_model__(numbers.dtype), self._draws(random_state)
        return self._data.given_back(inference.impute(model, numbers, n_steps, streams), like=X)

    # Likelihoods

    def log_partition(
        self,
        method="auto",
        *,
        n_temperatures=10_000,
        n_chains=100,
        X=None,
        n_burn_in=1000,
        random_state=None,
    ):
        """Logarithm of the partition function Z, which turns free energies into likelihoods.

        By enumeration it is exact, up to rounding. Annealed importance sampling [1]_ [2]_ gives
        bounds in expectation: a lower one by chains that are led from the data's base-rate model,
        whose units ignore each other and have the means of the training data, to the model over
        many temperatures, and an upper one by chains that are led back [3]_. The estimate between
        them is Bennett's [4]_. More temperatures draw the bounds together, more chains make them
        scatter less.

        The way back has to start at samples of the model. Where a layer has up to 20 units, they
        are exact. Otherwise they are the end of the way there, drawn by its weights, or the end
        of chains from rows of data, and the upper bound is one as far as those are samples of the
        model. Chains from data see modes that the way there missed, but a model far from its
        data can take long to draw them to where its mass is: an upper bound clearly below the
        lower one says so. The lower one is one in any case, and exceeds log Z by t nats with
        probability exp(-t) at most.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
            "exact" sums over the states of the smaller layer of binary units, of which there may
            be 30 at most (time and memory double with each, up to 8 GB). "ais" is annealing, in
            both directions. "auto" is "exact" up to 20 units, and "ais" beyond.
        n_temperatures : int, default=10000
            Inverse temperatures from 0 to 1, half of them above 0.75. Not used by "exact".
        n_chains : int, default=100
            Chains in each direction, two at least. Not used by "exact".
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Visible states, such as rows of training data, that the chains of the way back come
            from. None is the end of the way there.
        n_burn_in : int, default=1000
            Steps of Gibbs sampling from there to the start of the way back.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        result : LogPartition
            With the attributes ``estimate``, ``lower``, ``upper`` and ``standard_error``, floats
            in nats. The bounds hold in expectation, so those of one run can cross by as much as
            they scatter. The standard error is that of the estimate by the scatter of the chains:
            a region that all of them missed is not in it, but parts the bounds. With "exact", the
            first three are equal and the last is 0.

        Raises
        ------
        ValueError
            If an argument is not valid, or a layer with few enough units is missing.

        References
        ----------
        .. [1] R. M. Neal, "Annealed importance sampling", Statistics and Computing 11, 2001.
        .. [2] R. Salakhutdinov and I. Murray, "On the quantitative analysis of deep belief
           networks", ICML 2008.
        .. [3] R. B. Grosse, Z. Ghahramani and R. P. Adams, "Sandwiching the marginal likelihood
           using bidirectional Monte Carlo", arXiv 1511.02543, 2015.
        .. [4] C. H. Bennett, "Efficient estimation of free energy differences from Monte Carlo
           data", Journal of Computational Physics 22, 1976.
        """
        check_is_fitted(self)
        check_argument(self, "method", method, Options("auto", "exact", "ais"))
        two_or_more = Number(Integral, "[2, inf)")
        n_temperatures = check_argument(self, "n_temperatures", n_temperatures, two_or_more)
        n_chains = check_argument(self, "n_chains", n_chains, two_or_more)
        n_burn_in = check_argument(self, "n_burn_in", n_burn_in, _COUNT_OR_NONE_AT_ALL)
        states = None if X is None else self._model_and_rows(X, "log_partition")[1]
        how = method, n_temperatures, n_chains, states, n_burn_in, self._draws(random_state)
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
