"""The general Boltzmann machine: any two units may be connected."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._callbacks import with_callbacks
from .._checks import (
    AnyOf,
    Check,
    Number,
    Optional,
    Options,
    Schedule,
    check_argument,
    keep_parameters,
)
from .._encodings import BINARY, to_spins
from .._random import RandomStreams
from .._source import all_of, evenly_spaced
from .._streamed_rows import as_rows
from .._streams import made_of
from .._typing import Floats, MatrixLike, RandomStateLike
from .._validation import FLOATS, divergence, have_diverged, validated, warn_caller
from ..boltzmann.base import COUNT_OR_ZERO, MINIBATCH_CHECKS
from .estimator import MOST_UNITS, MOST_UNITS_ON_DEMAND, PairwiseEstimator
from .learning import ALGORITHMS, Task, Training
from .machine import PairwiseMachine
from .parameters import PairwiseParameters
from .statistics import means_of

_Connections: TypeAlias = (
    Literal["full", "restricted"]
    | NDArray[np.bool_]
    | NDArray[np.integer[Any]]
    | Sequence[Sequence[int]]
)
_Algorithm: TypeAlias = Literal[
    "auto", "exact", "pseudo_likelihood", "mean_field", "tap", "pcd", "cd", "pt", "annealing"
]

# Number of training rows that are scored after each iteration, always the same rows. There are
# fewer with many hidden units: for each feature of a row, mean field visits all weights between
# hidden units, and the total number of visits is limited.
_N_WATCHED = 50
_VISITS_OF_WATCHED = 5e7

# Standard deviation, over the rows, of the input of a hidden unit with the initial weights.
_FIRST_INPUTS = 1.0


class _Mask(Check):
    """A square array that says which units are connected."""

    def admits(self, value):
        """Whether ``value`` is a symmetric array of booleans, or of 0 and 1."""
        if isinstance(value, str) or np.ndim(value) != 2:
            return False
        mask = np.asarray(value)
        is_square = mask.shape[0] == mask.shape[1] and mask.dtype.kind in "biuf"
        return is_square and np.isin(mask, (0, 1)).all() and (mask == mask.T).all()

    def __str__(self):
        return "a symmetric array of bool of shape (n_units, n_units)"


class _Temperatures(Check):
    """A sequence of positive numbers."""

    def admits(self, value):
        """Whether ``value`` is such a sequence."""
        return np.ndim(value) == 1 and len(value) > 0 and Schedule(Real, "(0, inf)").admits(value)

    def __str__(self):
        return "a sequence of floats in the range (0, inf)"


class BoltzmannMachine(PairwiseEstimator):
    """Boltzmann machine with weights between any two units, with or without hidden units.

    Models rows of binary data by p(x) proportional to exp(-E(x)), with
    E(x) = -1/2 x W x - b x for the states x of all visible and hidden units [1]_. Without hidden
    units it is the maximum-entropy distribution with the means and the correlations of the data,
    and ``fit`` solves the inverse Ising problem. Units are for example neurons, species, positions
    in proteins or answers to questions. See :ref:`the user guide <general_boltzmann>`.

    States are -1 and 1, or 0 and 1, or booleans. ``fit`` recognises which, and results are
    returned in the same form. The learned model does not depend on it. Other numbers are
    thresholded, see ``binarize``.

    Parameters
    ----------
    n_components : int, default=0
        Number of hidden units.
    connections : {"full", "restricted"} or array-like of bool of shape (n_units, n_units), \
default="full"
        Which units are connected. "full": any two units. "restricted": each visible unit with each
        hidden unit, a restricted Boltzmann machine. A symmetric array: the pairs for which it is
        true; the visible units come first, then the hidden units.
    algorithm : {"auto", "exact", "pseudo_likelihood", "mean_field", "tap", "pcd", "cd", \
"pt", "annealing"}, default="auto"
        How the expectations under the model are computed in training, see the notes. "auto" is
        "exact" for up to 20 units. For more, it is "pseudo_likelihood" without hidden units and
        "pcd" with hidden units.
    alpha : float or "auto", default="auto"
        Strength of the penalty on the weights; biases are not penalised. "auto" is the number of
        units divided by the number of rows. This corresponds to a normal prior of the weights with
        variance 1 / n_units, so that the input of a unit from all others is of the order of 1.
    l1_ratio : float, default=0.0
        Share of L1 in the penalty ``alpha * (l1_ratio * |J|_1 + (1 - l1_ratio) * |J|^2 / 2)``,
        which is subtracted from the mean log-likelihood of a row. J are the weights between units
        of -1 and 1, whatever the encoding of the data, with each pair counted once. For data of 0
        and 1, J is a quarter of ``weights_``. L1 makes some weights exactly zero.
    max_iter : int, default=500
        Only used by "exact" and "pseudo_likelihood". Largest number of iterations.
    tol : float, default=1e-6
        Only used by "exact" and "pseudo_likelihood". Training ends when the expected gain is at
        most this, in nats per row and unit.
    learning_rate : float or sequence of float, default=0.01
        Length of a step, in the weights between units of -1 and 1. Each value of a sequence is
        used for an equal share of the ``n_iter`` epochs. This parameter and the next ones, up to
        ``shuffle``, are only used by "pcd", "cd", "pt" and "annealing".
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        Factor of the learning rate in epoch e = 0, 1, ... of n: 1; 1 - e / n; 1 / sqrt(1 + e);
        (1 + cos(pi e / n)) / 2.
    batch_size : int, default=100
        Rows in a minibatch.
    n_iter : int, default=50
        Epochs, passes over the training data.
    n_chains : int, default=None
        Number of Markov chains that sample from the model. None is ``batch_size``. Not used by
        "cd".
    n_replicas : int, default=10
        Number of temperatures of parallel tempering, from that of the model to one at which all
        units are independent. Only used by "pt" and ``sample``.
    n_gibbs_steps : int or sequence of int, default=1
        Sweeps over all units per step of learning. With "annealing", the number of sweeps at
        temperature 1, after each of which the states are counted.
    temperatures : sequence of float, default=None
        Only used by "annealing". Temperature of each sweep before states are counted. None is the
        schedule of [1]_: 2, 2, 1.5, 1.5, 1.2, 1.2, 1, 1, 1, 1.
    solver : {"sgd", "adagrad", "rmsprop", "adam"}, default="adam"
        Optimiser that computes steps from gradients.
    momentum : float or sequence of float, default=0.0
        Only used by "sgd". Share of the previous step that is added to the next one, in [0, 1).
    nesterovs_momentum : bool, default=False
        Only used by "sgd". Whether to use Nesterov's momentum instead of Polyak's.
    beta_1, beta_2 : float, default=0.9, 0.999
        Only used by "adam". Decay rates of the moving averages of gradients and of their squares,
        in [0, 1).
    epsilon : float, default=1e-8
        Number that "adagrad", "rmsprop" and "adam" add to a divisor.
    shuffle : bool, default=True
        Visit the rows in a new order in each epoch.
    binarize : float or None, default=0.0
        Threshold for data that are neither -1 and 1 nor 0 and 1: units above it are on, and states
        are returned as 0 and 1. With None such data raise an error.
    verbose : int, default=0
        If positive, print one line per iteration.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights of hidden units, of the order of the rows, and of all samples.
        Pass an int for the same result at each call, on any number of threads, see
        :ref:`random_numbers`.
    warm_start : bool, default=False
        Whether ``fit`` continues from the result of the last call.

    Attributes
    ----------
    weights_ : ndarray of shape (n_units, n_units)
        Symmetric weights with a zero diagonal, for states in the encoding of the data. The
        n_features visible units come first, then the hidden units.
    intercept_ : ndarray of shape (n_units,)
        Biases, for states in the encoding of the data.
    encoding_ : {"spin", "binary", "threshold"}
        Values of the data: -1 and 1; 0 and 1; or other numbers, which are thresholded.
    algorithm_ : str
        The parameter ``algorithm``, or what "auto" has chosen.
    alpha_ : float
        The parameter ``alpha``, or the value of "auto" for these data.
    covariance_ : ndarray of shape (n_features, n_features)
        Covariances of the visible units under the model, in the encoding of the data. Computed on
        access: by a sum over all states for up to 20 units, otherwise from 10,000 samples, always
        the same.
    betas_ : ndarray of shape (n_replicas,)
        Inverse temperatures of the replicas, from 0 to 1, after adaptation. Only with
        ``algorithm="pt"``.
    swap_rates_ : ndarray of shape (n_replicas - 1,)
        Probability that replicas at neighbouring temperatures swap their states, a moving average
        over the last steps. Only with ``algorithm="pt"``.
    n_iter_ : int
        Number of iterations that the last ``fit`` ran.
    history_ : dict of str to list of float
        Measurements after each iteration of the last ``fit``: "pseudo_likelihood", the mean of
        ``score_samples`` on up to 50 training rows, always the same rows; "seconds"; and with
        "exact" and "pseudo_likelihood", "loss", the loss with the penalty, in nats per row.
    loss_curve_ : list of float
        ``history_["loss"]`` if available; otherwise minus ``history_["pseudo_likelihood"]``.
    n_features_in_ : int
        Number of features seen during ``fit``.
    n_features_out_ : int
        Number of features that ``transform`` returns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, if all of them are strings.

    See Also
    --------
    BernoulliRBM : For models that need no connections within a layer.
    HopfieldMemory : Weights by a rule instead of training; see :meth:`from_memory`.
    simulated_annealing : States of low energy for any weights.

    Notes
    -----
    Values of ``algorithm``:

    - "exact": maximises the likelihood by L-BFGS. The likelihood and its gradient are sums over
      all states. For up to 26 units; time doubles with each unit.
    - "pseudo_likelihood": maximises the product of the probabilities of each unit given all others
      [2]_. The gradient is exact and needs no samples. Only without hidden units.
    - "mean_field" [3]_ and "tap" [4]_: closed forms from the inverse of the covariances. Only
      without hidden units, for ``connections="full"``, and with L2 only. L2 is then of the weights
      times the standard deviations of both units. Fast, and accurate if weights are weak.
    - "pcd": expectations under the model are estimated from persistent chains of Gibbs sampling.
      Hidden units given the data are represented by their means. These are exact if hidden units
      are not connected with each other or if there are at most 12; otherwise mean field.
    - "cd": the same, with chains that start at the data in each step.
    - "pt": the same as "pcd", but each chain swaps states with replicas at higher temperatures, so
      that it does not stay in one mode.
    - "annealing": in each step, hidden units given the data, and all units of the model, are cooled
      from random states [1]_, and states are counted at the end. The algorithm of 1985; slow.

    For a stream and for data of Dask, "exact", "mean_field" and "tap" count rows in one pass, and
    the result is exactly that for an array. "pseudo_likelihood" reads all chunks for each
    evaluation of the loss and its gradient. The others take minibatches from windows.

    Half a row of each state of each unit is added to the data, so that a constant feature gets a
    finite bias. Training starts from independent units with the means of the data. Hidden units
    start with random weights, such that their inputs have a standard deviation of about 1 over the
    rows.

    Without hidden units, ``transform`` returns the mean of each visible unit given all others.

    References
    ----------
    .. [1] D. H. Ackley, G. E. Hinton and T. J. Sejnowski, "A learning algorithm for Boltzmann
       machines", Cognitive Science 9, 1985.
    .. [2] J. Besag, "Statistical analysis of non-lattice data", The Statistician 24, 1975.
    .. [3] H. J. Kappen and F. B. Rodríguez, "Efficient learning in Boltzmann machines using linear
       response theory", Neural Computation 10, 1998.
    .. [4] T. Tanaka, "Mean-field theory of Boltzmann machine learning", Physical Review E 58, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import BoltzmannMachine
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.integers(2, size=(2, 500))
    >>> X = np.column_stack([a, a ^ (rng.random(500) < 0.1), b])
    >>> machine = BoltzmannMachine().fit(X)
    >>> machine.weights_.round(0) + 0.0  # the first two are mostly the same, the third is alone
    array([[0., 5., 0.],
           [5., 0., 0.],
           [0., 0., 0.]])
    >>> machine.impute([[1, np.nan, 0]], random_state=0).round(1)
    array([[1. , 0.9, 0. ]])
    """

    # Parameters
    n_components: int
    connections: _Connections
    algorithm: _Algorithm
    alpha: float | Literal["auto"]
    max_iter: int
    tol: float
    temperatures: Sequence[float] | None
    binarize: float | None

    # Fitted attributes
    weights_: Floats
    intercept_: Floats
    encoding_: Literal["spin", "binary", "threshold"]
    algorithm_: str
    alpha_: float

    _name_of_task: ClassVar = "iteration"
    _parameter_checks: ClassVar = MINIBATCH_CHECKS | {
        "n_components": COUNT_OR_ZERO,
        "connections": AnyOf(Options("full", "restricted"), _Mask()),
        "algorithm": Options("auto", *ALGORITHMS),
        "alpha": AnyOf(Options("auto"), Number(Real, "[0, inf)")),
        "max_iter": COUNT_OR_ZERO,
        "tol": Number(Real, "[0, inf)"),
        "temperatures": Optional(_Temperatures()),
        "binarize": Optional(Number(Real, "(-inf, inf)")),
    }

    def __init__(
        self,
        n_components: int = 0,
        connections: _Connections = "full",
        *,
        algorithm: _Algorithm = "auto",
        alpha: float | Literal["auto"] = "auto",
        l1_ratio: float = 0.0,
        max_iter: int = 500,
        tol: float = 1e-6,
        learning_rate: float | Sequence[float] = 0.01,
        learning_rate_schedule: Literal["constant", "linear", "invscaling", "cosine"] = "linear",
        batch_size: int = 100,
        n_iter: int = 50,
        n_chains: int | None = None,
        n_replicas: int = 10,
        n_gibbs_steps: int | Sequence[int] = 1,
        temperatures: Sequence[float] | None = None,
        solver: Literal["sgd", "adagrad", "rmsprop", "adam"] = "adam",
        momentum: float | Sequence[float] = 0.0,
        nesterovs_momentum: bool = False,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        shuffle: bool = True,
        binarize: float | None = 0.0,
        verbose: int = 0,
        random_state: RandomStateLike = None,
        warm_start: bool = False,
    ) -> None:
        keep_parameters(self, locals())

    @classmethod
    def from_memory(cls, memory: Any, temperature: float = 1.0, **params: Any) -> Self:
        """The Boltzmann machine with the energy of an associative memory.

        At temperature T, the stochastic units of the memory sample from exp(-E / T). The weights
        and biases of this machine are those of the memory divided by T.

        Parameters
        ----------
        memory : HopfieldMemory
            A fitted memory whose rule has weights.
        temperature : float, default=1.0
            The temperature T, positive.
        **params
            Parameters of the machine.

        Returns
        -------
        machine : BoltzmannMachine
            A fitted machine without hidden units.

        Raises
        ------
        ValueError
            If the memory has no weights or the temperature is not positive.
        """
        of_memory: dict[str, Any] = {"binarize": getattr(memory, "binarize", 0.0)}
        machine = cls(**of_memory | params)
        check_is_fitted(memory)
        check_argument(machine, "temperature", temperature, Number(Real, "(0, inf)"))
        if not hasattr(memory, "weights_"):
            raise ValueError(
                f"{cls.__name__}.from_memory takes a memory with weights, and this "
                f"{type(memory).__name__} has none. Fit it with a rule such as 'hebb'."
            )
        if machine.n_components:
            raise ValueError(
                f"The 'n_components' parameter of {cls.__name__} must be 0 in from_memory: a "
                f"memory has no hidden units. Got {machine.n_components!r} instead."
            )
        return machine.__skebm_take__(memory, float(temperature))

    def __skebm_take__(self, memory, temperature):
        """Set the fitted attributes from a memory at a temperature."""
        scale = memory.weights_.dtype.type(1 / temperature)
        weights = np.ascontiguousarray(memory.weights_) * scale
        self.n_features_in_ = memory.n_features_in_
        if hasattr(memory, "feature_names_in_"):
            self.feature_names_in_ = memory.feature_names_in_
        self.encoding_ = memory.encoding_ or BINARY
        self.algorithm_, self.alpha_ = "from_memory", 0.0
        self.history_, self.n_iter_ = {}, 0
        self._dtype_of_states = memory.weights_.dtype
        self._means = np.zeros(len(weights))
        random_state = check_random_state(self.random_state)
        self._streams = RandomStreams.from_random_state(random_state)
        self._publish_machine(PairwiseMachine(weights, memory.intercept_ * scale))
        return self

    # Training

    @with_callbacks
    def fit(self, X: MatrixLike, y: object = None) -> Self:
        """Fit the model to the data.

        Parameters
        ----------
        X : {array-like, stream} of shape (n_samples, n_features)
            Training data, in one of the encodings of binary states. NaN raises an error. See the
            notes for how chunks of a stream are read.
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
            estimator is then unchanged, or keeps the result of the last complete iteration.
        """
        return self._fit(X, y)

    @with_callbacks
    def partial_fit(self, X: MatrixLike, y: object = None) -> Self:
        """Continue training with more data, in one pass over its rows in minibatches.

        With ``algorithm="auto"``, "pcd" is used. If a parameter is a sequence over the epochs, its
        last value is used. ``learning_rate_schedule`` is not used.

        Parameters
        ----------
        X : {array-like, stream} of shape (n_samples, n_features)
            Training data, with any number of rows. NaN raises an error.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`, or if ``algorithm`` is one that needs all rows at once. The
            estimator is then unchanged.
        """
        return self._partial_fit(X, y)

    def _n_tasks(self):
        p = self._parameters
        return max(p.n_iter, p.max_iter, 1)

    def _is_trained(self):
        return hasattr(self, "weights_")

    def _training(self, X, y, goes_on, progress, commit, watched):
        """See :class:`~skebm._epochs.TrainedInEpochs`: a :class:`~.learning.Training`."""
        rows = self._training_rows(X, goes_on)
        n_units = rows.shape[1] + self._parameters.n_components
        self._check_sizes(n_units, goes_on)
        all_rows_are_here = watched  # partial_fit scores no rows and has only some of the data
        self.algorithm_ = self._algorithm_for(n_units, all_rows_are_here)
        self.alpha_ = n_units / rows.shape[0] if self.alpha == "auto" else float(self.alpha)
        kind = ALGORITHMS[self.algorithm_]
        self._check_algorithm(kind, n_units, all_rows_are_here)
        with np.errstate(all="ignore"):
            algorithm = kind(self._task(rows, n_units, goes_on))
        if kind.in_minibatches:
            self._check_decay(self.alpha_, algorithm.rate_factor)
        return Training(algorithm, self._rows_to_watch(rows) if watched else None)

    def _run_epoch(self, training, number, after_round):
        return training.iterate(after_round)

    def _take_steps(self, training):
        with np.errstate(all="ignore"):
            training.algorithm.take_steps()

    def _end(self, training):
        if not training.algorithm.has_converged:
            warn_caller(
                f"{type(self).__name__} had not converged after {self.max_iter} iterations. Raise "
                f"the 'max_iter' parameter, or 'alpha', which is {self.alpha_:.3g}.",
                ConvergenceWarning,
            )

    def _training_rows(self, X, goes_on):
        """Training rows of -1 and 1, a :class:`~skebm._source.Source`."""
        X = validated(self, X, reset=not goes_on)
        self.encoding_ = self._encoding_with(X, self.encoding_ if goes_on else None)
        self._dtype_of_states = X.dtype if X.dtype.kind in "biuf" else np.dtype(np.float64)
        dtype = self.weights_.dtype if goes_on else X.dtype
        dtype = dtype if dtype in FLOATS else np.dtype(np.float64)
        how = {"encoding": self.encoding_, "threshold": self._parameters.binarize, "dtype": dtype}
        return as_rows(made_of(X, partial(to_spins, **how)))

    def _task(self, rows, n_units, goes_on):
        """The :class:`~.learning.Task` for these rows."""
        p, (n_rows, n_visible) = self._parameters, rows.shape
        random_state = check_random_state(self.random_state)
        streams = (
            replace(self._streams) if goes_on else RandomStreams.from_random_state(random_state)
        )
        offsets = np.zeros(n_units)
        offsets[:n_visible] = means_of(rows) * (n_rows / (n_rows + 1))
        self._means = offsets
        pairs = PairwiseParameters(self._connected(n_visible), offsets)
        if goes_on:
            machine = self._model().machine
            start = pairs.vector(machine.weights, machine.bias[0])
        else:
            start = self._first_vector(pairs, n_visible, random_state, rows.dtype)
        before = getattr(self, "_training_state", None) if goes_on else None
        return Task(rows, pairs, start, self.alpha_, p, streams, before)

    def _rows_to_watch(self, rows):
        """Rows that are scored after each iteration."""
        numbers = evenly_spaced(range(rows.shape[0]), self._n_watched())
        return all_of(rows.subset(np.array(numbers)))

    def _n_watched(self):
        """Number of rows that are scored after each iteration."""
        visits = self.n_features_in_ * self._parameters.n_components**2
        return max(1, min(_N_WATCHED, int(_VISITS_OF_WATCHED / max(visits, 1))))

    def _algorithm_for(self, n_units, all_rows_are_here):
        if self.algorithm != "auto":
            return self.algorithm
        if not all_rows_are_here:
            return "pcd"
        if n_units <= MOST_UNITS:
            return "exact"
        return "pcd" if self.n_components else "pseudo_likelihood"

    def _connected(self, n_visible):
        """Which pairs of units are connected."""
        n_units = n_visible + self._parameters.n_components
        if not isinstance(self.connections, str):
            return np.asarray(self.connections).astype(bool)
        is_hidden = np.arange(n_units) >= n_visible
        if self.connections == "restricted":
            return is_hidden[:, None] != is_hidden
        return np.ones((n_units, n_units), dtype=bool)

    def _first_vector(self, pairs, n_visible, random_state, dtype):
        """Initial parameters: independent visible units, weak random weights to hidden units."""
        means, n_hidden = pairs.offsets, self._parameters.n_components
        weights = np.zeros((len(means), len(means)))
        if n_hidden:
            spread = np.sqrt(np.sum(1 - np.square(means[:n_visible])))
            drawn = random_state.normal(scale=_FIRST_INPUTS / spread, size=(n_visible, n_hidden))
            weights[:n_visible, n_visible:] = drawn
            weights[n_visible:, :n_visible] = drawn.T
        return pairs.vector(weights, np.arctanh(means) - weights @ means).astype(dtype)

    def _check_sizes(self, n_units, goes_on):
        name = type(self).__name__
        if goes_on and len(self.weights_) != n_units:
            raise ValueError(
                f"The 'n_components' parameter of {name} is {self.n_components!r}, but the fitted "
                f"model has {len(self.weights_) - self.n_features_in_} hidden units. To train a "
                "new one, call fit with warm_start=False; to continue, set n_components back."
            )
        if not isinstance(self.connections, str) and len(self.connections) != n_units:
            raise ValueError(
                f"The 'connections' parameter of {name} must have one row and one column for each "
                f"of the {n_units} units, {self.n_features_in_} visible and {self.n_components} "
                f"hidden ones. Got an array of shape {np.shape(self.connections)} instead."
            )

    def _check_algorithm(self, algorithm, n_units, all_rows_are_here):
        p = self._parameters
        asked = f"{type(self).__name__} with algorithm={self.algorithm_!r}"
        if not all_rows_are_here and not algorithm.in_minibatches:
            raise ValueError(
                f"{asked} needs all rows at once, but partial_fit has only some. Use "
                "algorithm='pcd', or call fit with all rows."
            )
        if p.n_components and not algorithm.takes_hidden_units:
            raise ValueError(
                f"{asked} does not support hidden units, but the 'n_components' parameter is "
                f"{self.n_components!r}. Use algorithm='pcd', or 'exact' for few units."
            )
        if not algorithm.takes_any_connections and not self._connected(self.n_features_in_).all():
            raise ValueError(
                f"{asked} only supports connections='full'. Got {self.connections!r} instead. Use "
                "algorithm='pseudo_likelihood'."
            )
        if p.l1_ratio and self.alpha_ and not algorithm.takes_l1:
            raise ValueError(
                f"{asked} does not support L1, but the 'l1_ratio' parameter is {self.l1_ratio!r}. "
                "Set it to 0, or use algorithm='pseudo_likelihood'."
            )
        if self.algorithm_ == "exact" and n_units > MOST_UNITS_ON_DEMAND:
            raise ValueError(
                f"{asked} sums over all states, and takes up to {MOST_UNITS_ON_DEMAND} units. Got "
                f"{n_units} units. Use algorithm='auto'."
            )

    def _publish(self, training):
        """Copy the results of training into the fitted attributes."""
        algorithm = training.algorithm
        machine = algorithm.machine
        if have_diverged(machine.weights, machine.bias):
            raise divergence(type(self).__name__, "learning_rate", self._parameters.learning_rate)
        for name in ("betas_", "swap_rates_"):
            vars(self).pop(name, None)
        vars(self).update(algorithm.fitted_attributes)
        self._training_state, self._streams = algorithm.state, replace(algorithm.streams)
        self._publish_machine(machine)
        if training.history is not None:
            self.history_ = {name: list(values) for name, values in training.history.items()}
            self.n_iter_ = len(self.history_.get("seconds", ()))
