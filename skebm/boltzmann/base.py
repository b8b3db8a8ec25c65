"""What all Boltzmann machines share as estimators: training, samples, missing entries, log Z.

``estimator.py`` has the machines with layers, ``pairwise/`` those without.
"""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._by_chunk import AnswersByChunk
from .._checks import (
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
)
from .._conventions import HasFeaturesOut, HasHistory
from .._deployment import Deployable
from .._epochs import TrainedInEpochs
from .._messages import messages_for
from .._random import RandomStreams
from .._schedules import DECAYS, HINT
from .._solvers import STOCHASTIC_SOLVERS
from .._source import evenly_spaced
from .._streams import is_stream
from .._typing import Decay, Floats, MatrixLike, RandomStateLike, StochasticSolver
from .._version import VersionStamp
from . import inference
from .partition import LogPartition

COUNT, COUNT_OR_ZERO = Number(Integral, "[1, inf)"), Number(Integral, "[0, inf)")
_TWO_OR_MORE = Number(Integral, "[2, inf)")

# What the parameters of all Boltzmann machines may be that learn in steps on minibatches.
MINIBATCH_CHECKS = {
    "learning_rate": WithHint(
        Schedule(Real, "(0, inf)"), str, HINT.format("learning_rate_schedule")
    ),
    "batch_size": COUNT,
    "n_iter": COUNT_OR_ZERO,
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
    TrainedInEpochs,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """A Boltzmann machine with or without layers.

    The public methods check their arguments. A subclass implements the methods of
    :class:`TrainedInEpochs` except for the report; ``_gibbs``, ``_sample``, ``_impute`` and
    ``_log_partition``, which compute the results of the public methods; and ``score_samples``.
    Random numbers come from ``_streams``.
    """

    # Parameters
    learning_rate: float | Sequence[float]
    batch_size: int
    n_iter: int
    verbose: int
    random_state: RandomStateLike
    n_gibbs_steps: int | Sequence[int]
    n_chains: int | None
    n_replicas: int
    learning_rate_schedule: Decay
    solver: StochasticSolver
    momentum: float | Sequence[float]
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    l1_ratio: float
    shuffle: bool
    warm_start: bool

    # Fitted attributes
    betas_: Floats
    swap_rates_: Floats

    _parameter_checks: ClassVar = MINIBATCH_CHECKS

    # Training

    def _check_decay(self, alpha, rate_factor=1.0):
        """Raise an error if the L2 penalty would reduce weights to zero, or beyond, in one step.

        ``rate_factor`` is the factor of the learning rates in data-parallel training.
        """
        p = self._parameters
        decay = rate_factor * float(np.max(p.learning_rate)) * alpha * (1 - p.l1_ratio)
        if decay >= 1:
            messages = messages_for(self)
            factor = "" if rate_factor == 1 else f" times {rate_factor:.3g} in data_parallel"
            raise ValueError(
                f"The '{messages.prefix}alpha' parameter of {messages.estimator}, {self.alpha!r}, "
                f"is too large for the '{messages.prefix}learning_rate' parameter, "
                f"{self.learning_rate!r}{factor}: by L2, a step would reduce each weight by the "
                f"share {decay:.3g} of it, which must be below 1. Lower one of them."
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
        """The random streams of a call, see "Random numbers" in doc/api.rst."""
        check_argument(self, "random_state", random_state, Randomness())
        if random_state is None:
            return self._streams
        return RandomStreams.from_random_state(check_random_state(random_state))

    # Samples

    def gibbs(
        self, X: MatrixLike, n_steps: int = 1, *, random_state: RandomStateLike = None
    ) -> Any:
        """Visible states after some steps of Gibbs sampling, each of which draws every unit once.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states to start from, or rows of a table; a sparse matrix if ``fit`` accepts
            one. Hidden states are drawn first, given these. If ``fit`` accepts missing entries, so
            does this method; hidden states are then drawn given the known entries.
        n_steps : int, default=1
            Number of steps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None continues those of the estimator, see
            :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states, with the same values and dtype as ``X``.
        """
        check_is_fitted(self)
        n_steps = check_argument(self, "n_steps", n_steps, COUNT_OR_ZERO)
        return self._gibbs(X, n_steps, self._draws(random_state))

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
            Number of samples. None is the number of rows of ``init``, or 1 without ``init``.
        n_steps : int, default=100
            Steps of Gibbs sampling of each chain. After enough steps, a sample no longer depends on
            the first state of its chain.
        init : array-like of shape (n_rows, n_features), default=None
            Visible states to start from. If there are more samples than rows, rows are repeated.
            With None, chains start from random states, in which each unit has the mean of its
            feature.
        clamp : array-like of bool, of shape (n_features,) or (n_rows, n_features), default=None
            Visible units that keep the value that they have in ``init``.
        algorithm : {"gibbs", "pt"}, default="gibbs"
            "pt" is parallel tempering: each chain has ``n_replicas`` replicas, at temperatures
            from that of the model to one at which all units are independent. Replicas exchange
            their states after each step. This takes ``n_replicas`` times as long, and can change
            from one mode to another when plain Gibbs sampling stays in its first one. The
            temperatures are adapted during the first half of the steps.
        mean : bool, default=False
            Return the mean of each visible unit given the states of all other units, instead of its
            state: images with grey levels instead of black and white ones. For a categorical column
            of a table, this is the most probable category.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states or means, with values like those of the training data.
        """
        check_is_fitted(self)
        n_samples = check_argument(self, "n_samples", n_samples, Optional(COUNT))
        n_steps = check_argument(self, "n_steps", n_steps, COUNT_OR_ZERO)
        check_argument(self, "algorithm", algorithm, Options("gibbs", "pt"))
        check_argument(self, "mean", mean, Flag())
        if clamp is not None and init is None:
            raise ValueError(
                "clamp needs init, which has the values of the clamped units. Pass both."
            )
        if is_stream(init):
            raise TypeError(
                f"{type(self).__name__}.sample takes an array for init, but this is a stream. Pass "
                "one of its chunks, such as next(iter(init))."
            )
        betas = None
        if algorithm == "pt":
            betas = getattr(self, "betas_", np.linspace(0, 1, self._parameters.n_replicas))
        streams = self._draws(random_state)
        return self._sample(n_samples, n_steps, streams, init, clamp, betas, mean)

    def impute(
        self, X: MatrixLike, n_steps: int = 100, *, random_state: RandomStateLike = None
    ) -> Any:
        """Fill in missing entries, given the known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states, or rows of a table. Missing entries are marked as in ``fit``, by default
            by NaN.
        n_steps : int, default=100
            Steps of Gibbs sampling with the known entries held fixed. The first half is discarded;
            over the second half, the means of the missing units are averaged.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            ``X`` with an estimate of the expected value in place of each missing entry. In a table,
            missing categories are replaced by the most probable one; the result is a DataFrame if
            ``X`` is one.
        """
        check_is_fitted(self)
        n_steps = check_argument(self, "n_steps", n_steps, COUNT)
        return self._impute(X, n_steps, self._draws(random_state))

    def _gibbs(self, X, n_steps, streams):
        """See :meth:`gibbs`."""
        raise NotImplementedError

    def _sample(self, n_samples, n_steps, streams, init, clamp, betas, mean):
        """See :meth:`sample`; ``betas`` are the inverse temperatures of "pt", or None."""
        raise NotImplementedError

    def _impute(self, X, n_steps, streams):
        """See :meth:`impute`."""
        raise NotImplementedError

    # Likelihoods

    def score(self, X: MatrixLike, y: object = None) -> float:
        """Mean of :meth:`score_samples` over the rows; the higher, the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states, or rows of a table. It may be a sparse matrix and have missing entries
            if ``fit`` accepts these.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        score : float
            In nats per row.
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

        For few units it is a sum over all states, exact up to rounding. Otherwise, annealed
        importance sampling [1]_ [2]_ gives two bounds, which hold in expectation. For the lower
        bound, chains go from the base-rate model, whose units are independent and have the means of
        the training data, over many temperatures to the model. For the upper bound, chains go in
        the reverse direction [3]_. The estimate combines both by Bennett's method [4]_. With more
        temperatures the bounds are closer to each other, with more chains they vary less.

        The reverse direction has to start from samples of the model. If there are so few units
        that "auto" would be "exact", these samples are exact. Otherwise they are the last states of
        the forward direction, resampled by their weights, or the last states of chains from rows of
        data (``X``). The upper bound is valid only if they are samples of the model. Chains from
        data may include modes that the forward direction missed. But if the model is far from the
        data, they may need many steps to reach its distribution; an upper bound clearly below the
        lower bound is a sign of this. The lower bound is always valid: it exceeds log Z by t nats
        with a probability of at most exp(-t).

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
            "exact" is a sum over all states of some units; its time doubles with each further unit.
            In a machine with layers these are the units of the smaller layer of binary units, at
            most 30 (with 8 GB of memory); in a :class:`BoltzmannMachine` they are all units, at
            most 26. "ais" is annealing in both directions. "auto" is "exact" for up to 20 of these
            units, and otherwise "ais".
        n_temperatures : int, default=10000
            Number of inverse temperatures from 0 to 1, half of them above 0.75. Not used by
            "exact".
        n_chains : int, default=100
            Number of chains in each direction, at least two. Not used by "exact".
        X : array-like of shape (n_samples, n_features), default=None
            Visible states, such as training rows, from which the chains of the reverse direction
            start; a sparse matrix if ``fit`` accepts one. Of a stream, one row per chain is read.
            With None, they start from the last states of the forward direction.
        n_burn_in : int, default=1000
            Steps of Gibbs sampling before the reverse direction starts.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        result : LogPartition
            An object with the attributes ``estimate``, ``lower``, ``upper`` and
            ``standard_error``, floats in nats. The bounds hold in expectation; in a single run they
            may cross because of random variation. The standard error measures the variation between
            chains. It does not include a region that all chains missed, but such a region makes the
            bounds differ. With "exact", the first three are equal and the last is 0.

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
        n_burn_in = check_argument(self, "n_burn_in", n_burn_in, COUNT_OR_ZERO)
        X, streams = _few_rows(X, n_chains), self._draws(random_state)
        return self._log_partition(method, n_temperatures, n_chains, X, n_burn_in, streams)

    def _log_partition(self, method, n_temperatures, n_chains, X, n_burn_in, streams):
        """See :meth:`log_partition`."""
        raise NotImplementedError

    def __skebm_log_partition__(self):
        """The result of :meth:`log_partition` for likelihoods, if the user passes none."""
        return inference.remembered_log_partition(self)

    def _log_z(self, log_partition):
        """Log Z in nats, from the argument ``log_partition`` of a method; None computes it."""
        check_argument(self, "log_partition", log_partition, inference.LOG_PARTITION)
        if log_partition is None:
            log_partition = self.__skebm_log_partition__()
        return inference.in_nats(log_partition)


def _few_rows(X, most):
    """Data as they are; of a stream, at most so many rows, evenly spaced."""
    if not is_stream(X):
        return X
    return X.with_names(X.take(np.array(evenly_spaced(range(X.shape[0]), most))))
