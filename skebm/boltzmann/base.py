"""What every Boltzmann machine is as an estimator: how it is fitted, samples, missing entries.

Whether its units stand in layers, as in ``estimator.py``, or any two of them may be connected, as
in ``pairwise/``.
"""

from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._by_chunk import AnswersByChunk
from .._callbacks import CallbackSupportMixin, fitting, tasks
from .._conventions import HasFeaturesOut, HasHistory
from .._deployment import Deployable
from .._messages import messages_for
from .._random import RandomStreams
from .._schedules import DECAYS, HINT
from .._solvers import STOCHASTIC_SOLVERS
from .._source import evenly_spaced
from .._streams import is_stream
from .._threads import one_blas_thread
from .._typing import MatrixLike, RandomStateLike
from .._validation import (
    Flag,
    HasPlainParameters,
    Number,
    Optional,
    Options,
    Randomness,
    Schedule,
    Verbosity,
    WithHint,
    check_argument,
    check_parameters,
)
from .._version import VersionStamp
from . import inference
from .partition import LogPartition

COUNT, COUNT_OR_NONE_AT_ALL = Number(Integral, "[1, inf)"), Number(Integral, "[0, inf)")
_TWO_OR_MORE = Number(Integral, "[2, inf)")

# What the parameters of all Boltzmann machines may be that learn in steps on minibatches.
CHECKS = {
    "learning_rate": WithHint(
        Schedule(Real, "(0, inf)"), str, HINT.format("learning_rate_schedule")
    ),
    "batch_size": COUNT,
    "n_iter": COUNT_OR_NONE_AT_ALL,
    "verbose": Verbosity(),
    "random_state": Randomness(),
    "n_gibbs_steps": Schedule(Integral, "[1, inf)"),
    "n_chains": Optional(COUNT),
    "n_replicas": _TWO_OR_MORE,
    "learning_rate_schedule": Options(*DECAYS),
    "solver": Options(*STOCHASTIC_SOLVERS),
    "momentum": Schedule(Real, "[0, 1)"),
    "nesterovs_momentum": Flag(),
    "beta_1": Number(Real, "[0, 1)"),
    "beta_2": Number(Real, "[0, 1)"),
    "epsilon": Number(Real, "(0, inf)"),
    "l1_ratio": Number(Real, "[0, 1]"),
    "shuffle": Flag(),
    "warm_start": Flag(),
}


class BaseBoltzmann(
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
    """A Boltzmann machine, whatever is connected with what.

    The public methods check what they are given. A subclass says what they then do:

    - for ``fit`` and ``partial_fit``, which call :meth:`_fit` and :meth:`_partial_fit`: what trains
      on the data (``_training``), epoch by epoch (``_run_epoch``) or once over the rows
      (``_take_steps``), whether there is something to go on from (``_is_trained``), how the result
      is published (``_publish``) and what remains to be done at last (``_end``);
    - for ``gibbs``, ``sample``, ``impute`` and ``log_partition``: ``_walked``, ``_sampled``,
      ``_imputed`` and ``_log_partition``.

    The training has ``is_over``. Random numbers are those of ``_streams``.
    """

    _parameter_checks: ClassVar = CHECKS

    # Training

    # What callbacks call a part of training, and how many parts there are before the first.
    _name_of_task: ClassVar = "epoch"
    _n_tasks_before = 0

    def _n_tasks(self):
        """As many parts as training may have."""
        return self._parameters.n_iter

    def _fit(self, X, y):
        """What ``fit`` does."""
        self.__skebm_check__()
        report, most = messages_for(self).report or self._report, self._n_tasks()
        progress = self._init_callback_context(max_subtasks=most + self._n_tasks_before)
        with fitting(self, progress, X, y) as commit, one_blas_thread():
            goes_on = self.warm_start and self._is_trained()
            training = self._training(X, y, goes_on, progress, watched=True)
            self._publish(training)

            def keep():
                self._publish(training)
                commit()

            for number in tasks(self, progress, self._name_of_task, most, training):
                measured = self._run_epoch(training, number, keep)
                keep()
                report(number + 1, measured)
            self._end(training)
        return self

    def _partial_fit(self, X, y):
        """What ``partial_fit`` does."""
        self.__skebm_check__()
        n_tasks = 1 + self._n_tasks_before
        progress = self._init_callback_context(task_name="partial_fit", max_subtasks=n_tasks)
        with fitting(self, progress, X, y), one_blas_thread():
            task = progress.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self)
            training = self._training(X, y, self._is_trained(), progress, watched=False)
            self._take_steps(training)
            self._publish(training)
            task.call_on_fit_task_end(estimator=self)
        return self

    def _training(self, X, y, goes_on, progress, watched):
        """What trains on these data, anew or from where training ended, and is watched or not.

        What has to be trained before that tells callbacks so by ``progress``.
        """
        raise NotImplementedError

    def _run_epoch(self, training, number, after_round):
        """Train once on the rows, and return what was measured, by name.

        ``after_round`` is to be called where training goes in rounds, when a model is there that
        may stay.
        """
        raise NotImplementedError

    def _take_steps(self, training):
        """Train once on the rows, and measure nothing."""
        raise NotImplementedError

    def _is_trained(self):
        """Whether there is something to go on from."""
        raise NotImplementedError

    def _publish(self, training):
        """Copy what has been learned into the fitted attributes."""
        raise NotImplementedError

    def _end(self, training):
        """Do what remains after the last epoch."""

    def __skebm_check__(self):
        """Raise an error where a parameter is not valid; nothing is changed."""
        check_parameters(self, self._parameter_checks)

    def _check_decay(self, alpha):
        """Raise an error where a step would take all of a weight by L2."""
        p = self._parameters
        decay = float(np.max(p.learning_rate)) * alpha * (1 - p.l1_ratio)
        if decay >= 1:
            messages = messages_for(self)
            raise ValueError(
                f"The '{messages.prefix}alpha' parameter of {messages.estimator}, {self.alpha!r}, "
                f"is too large for the '{messages.prefix}learning_rate' parameter, "
                f"{self.learning_rate!r}: a step would take the share {decay:.3g} from each weight "
                "by L2. It must be below 1."
            )

    def _report(self, epoch, measured):
        if self.verbose:
            print(
                f"[{type(self).__name__}] Iteration {epoch}, "
                f"pseudo-likelihood = {measured['pseudo_likelihood']:.2f}, "
                f"time = {measured['seconds']:.2f}s",
                flush=True,
            )

    def _draws(self, random_state):
        """Streams to draw from: see "Random numbers" in the documentation, doc/api.rst."""
        check_argument(self, "random_state", random_state, Randomness())
        if random_state is None:
            return self._streams
        return RandomStreams.from_random_state(check_random_state(random_state))

    # Samples

    def gibbs(
        self, X: MatrixLike, n_steps: int = 1, *, random_state: RandomStateLike = None
    ) -> Any:
        """Visible states after some steps of Gibbs sampling, each of which draws every unit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states to start from, or rows of a table; a sparse matrix where ``fit`` takes
            one. Hidden states are drawn given them first; of a row with missing entries, where
            ``fit`` takes such rows, given the known ones.
        n_steps : int, default=1
            Number of steps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None goes on with the estimator's own, see
            :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states, written as those of ``X``, and of their type.
        """
        check_is_fitted(self)
        n_steps = check_argument(self, "n_steps", n_steps, COUNT_OR_NONE_AT_ALL)
        return self._walked(X, n_steps, self._draws(random_state))

    def sample(
        self,
        n_samples: int | None = None,
        n_steps: int = 100,
        *,
        init: MatrixLike | None = None,
        clamp: ArrayLike | None = None,
        algorithm: Literal["gibbs", "pt"] = "gibbs",
        mean: bool = False,
        random_state: RandomStateLike = None,
    ) -> Any:
        """Draw visible states from the model.

        Parameters
        ----------
        n_samples : int, default=None
            Number of samples. None is 1, or as many as ``init`` has rows.
        n_steps : int, default=100
            Steps of Gibbs sampling from the start of a chain to its sample, each of which draws
            every unit. Chains need time to forget their start.
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
        mean : bool, default=False
            Return the mean of each visible unit given the states of all other units, rather than
            its state: grey pictures and not black and white ones. Of a category in a table, the
            most probable one.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states or means, written as the training data were.
        """
        check_is_fitted(self)
        n_samples = check_argument(self, "n_samples", n_samples, Optional(COUNT))
        n_steps = check_argument(self, "n_steps", n_steps, COUNT_OR_NONE_AT_ALL)
        check_argument(self, "algorithm", algorithm, Options("gibbs", "pt"))
        check_argument(self, "mean", mean, Flag())
        if clamp is not None and init is None:
            raise ValueError(
                "clamp needs init, which has the values of the clamped units. Pass both."
            )
        if is_stream(init):
            raise TypeError(
                f"{type(self).__name__}.sample takes an array for init, and this is a stream. Pass "
                "one of its chunks, such as next(iter(init))."
            )
        betas = None
        if algorithm == "pt":
            betas = getattr(self, "betas_", np.linspace(0, 1, self._parameters.n_replicas))
        streams = self._draws(random_state)
        return self._sampled(n_samples, n_steps, streams, init, clamp, betas, mean)

    def impute(
        self, X: MatrixLike, n_steps: int = 100, *, random_state: RandomStateLike = None
    ) -> Any:
        """Fill in missing entries given the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states, or rows of a table. NaN marks what is missing, or what ``fit`` was told
            to take for it.
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
        check_is_fitted(self)
        n_steps = check_argument(self, "n_steps", n_steps, COUNT)
        return self._imputed(X, n_steps, self._draws(random_state))

    def _walked(self, X, n_steps, streams):
        """See :meth:`gibbs`."""
        raise NotImplementedError

    def _sampled(self, n_samples, n_steps, streams, init, clamp, betas, mean):
        """See :meth:`sample`; ``betas`` are the inverse temperatures of "pt", or None."""
        raise NotImplementedError

    def _imputed(self, X, n_steps, streams):
        """See :meth:`impute`."""
        raise NotImplementedError

    # Likelihoods

    def score(self, X: MatrixLike, y: object = None) -> float:
        """Mean of :meth:`score_samples` over the rows; the greater, the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states, or rows of a table; a sparse matrix, and missing entries, where ``fit``
            takes them.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        score : float
            In nats a row.
        """
        return float(self.score_samples(X).mean())

    def log_partition(
        self,
        method: Literal["auto", "exact", "ais"] = "auto",
        *,
        n_temperatures: int = 10_000,
        n_chains: int = 100,
        X: MatrixLike | None = None,
        n_burn_in: int = 1000,
        random_state: RandomStateLike = None,
    ) -> LogPartition:
        """Logarithm of the partition function Z, which turns free energies into likelihoods.

        By enumeration it is exact, up to rounding. Annealed importance sampling [1]_ [2]_ gives
        bounds in expectation: a lower one by chains that are led from the data's base-rate model,
        whose units ignore each other and have the means of the training data, to the model over
        many temperatures, and an upper one by chains that are led back [3]_. The estimate between
        them is Bennett's [4]_. More temperatures draw the bounds together, more chains make them
        scatter less.

        The way back has to start at samples of the model. Where so few units are summed over that
        "auto" would be "exact", they are exact. Otherwise they are the end of the way there, drawn
        by its weights, or the end of chains from rows of data, and the upper bound is one as far as
        those are samples of the model. Chains from data see modes that the way there missed, but a
        model far from its data can take long to draw them to where its mass is: an upper bound
        clearly below the lower one says so. The lower one is one in any case, and exceeds log Z by
        t nats with probability exp(-t) at most.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
            "exact" is a sum over states, and time doubles with each unit that is summed over. Of a
            machine of layers, these are the units of the smaller layer of binary ones, 30 at most
            (memory doubles as well, up to 8 GB); of a :class:`BoltzmannMachine`, all units, 26 at
            most. "ais" is annealing, in both directions. "auto" is "exact" up to 20 of these units,
            and "ais" beyond.
        n_temperatures : int, default=10000
            Inverse temperatures from 0 to 1, half of them above 0.75. Not used by "exact".
        n_chains : int, default=100
            Chains in each direction, two at least. Not used by "exact".
        X : array-like of shape (n_samples, n_features), default=None
            Visible states, such as rows of training data, that the chains of the way back come
            from; a sparse matrix where ``fit`` takes one. Of a stream, one row for each chain is
            read. None is the end of the way there.
        n_burn_in : int, default=1000
            Steps of Gibbs sampling from there to the start of the way back.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        result : LogPartition
            With the attributes ``estimate``, ``lower``, ``upper`` and ``standard_error``, floats
            in nats, for states as the data are written. The bounds hold in expectation, so those of
            one run can cross by as much as they scatter. The standard error is that of the estimate
            by the scatter of the chains: a region that all of them missed is not in it, but parts
            the bounds. With "exact", the first three are equal and the last is 0.

        Raises
        ------
        ValueError
            If an argument is not valid, or if there are too many units for "exact".

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
        n_temperatures = check_argument(self, "n_temperatures", n_temperatures, _TWO_OR_MORE)
        n_chains = check_argument(self, "n_chains", n_chains, _TWO_OR_MORE)
        n_burn_in = check_argument(self, "n_burn_in", n_burn_in, COUNT_OR_NONE_AT_ALL)
        X, streams = _few_rows(X, n_chains), self._draws(random_state)
        return self._log_partition(method, n_temperatures, n_chains, X, n_burn_in, streams)

    def _log_partition(self, method, n_temperatures, n_chains, X, n_burn_in, streams):
        """See :meth:`log_partition`."""
        raise NotImplementedError

    def __skebm_log_partition__(self):
        """That which likelihoods take where none is given."""
        return self.log_partition(random_state=0)

    def _log_z(self, log_partition):
        """What a method was given for ``log_partition``, or what it takes for None; in nats."""
        check_argument(self, "log_partition", log_partition, inference.LOG_PARTITION)
        if log_partition is None:
            log_partition = self.__skebm_log_partition__()
        return inference.in_nats(log_partition)


def _few_rows(X, most):
    """Data as they are; of a stream, at most so many rows, evenly spaced."""
    if not is_stream(X):
        return X
    return X.with_names(X.take(np.array(evenly_spaced(range(X.shape[0]), most))))
