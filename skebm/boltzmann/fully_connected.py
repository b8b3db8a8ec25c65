"""The general Boltzmann machine: any two units may be connected."""

import time
from dataclasses import replace
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._callbacks import CallbackSupportMixin, fitting, with_callbacks
from .._deployment import Deployable
from .._encodings import BINARY, SPIN, encoding_of, from_spins, joint_encoding, to_spins
from .._random import RandomStreams
from .._schedules import DECAYS, HINT
from .._solvers import STOCHASTIC_SOLVERS
from .._threads import one_blas_thread
from .._validation import (
    FLOATS,
    AnyOf,
    Check,
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
    check_mask,
    check_parameters,
    divergence,
    have_diverged,
    keep_parameters,
    validated,
    warn_caller,
)
from .._version import VersionStamp
from .inference import LOG_PARTITION, in_nats
from .pair_chains import draw
from .pair_encoding import as_given, as_spins, energy_shift, means_as_given
from .pair_learning import WAYS, Task
from .pair_model import PairModel
from .pair_parameters import PairParameters
from .pairwise import PairwiseMachine

# Units of which all states are summed over where nobody asks for it, and where somebody does.
_MOST_UNITS, _MOST_UNITS_ON_DEMAND = 20, 26

# Rows by which training is watched, always the same.
_N_WATCHED = 50

# "auto" of alpha is this divided by the number of rows: as much as if so many rows told that the
# units of a pair do not know of each other.
_ALPHA_OF_ONE_ROW = 100.0

# Standard deviation, over the rows, of what the first weights put into a hidden unit.
_FIRST_INPUTS = 1.0

# Samples, and sweeps before them, that covariances of many units are from.
_N_SAMPLES, _N_SWEEPS = 10_000, 200

_COUNT, _COUNT_OR_NONE_AT_ALL = Number(Integral, "[1, inf)"), Number(Integral, "[0, inf)")


class _Mask(Check):
    """A square array that says which units are connected."""

    def admits(self, value):
        """Whether ``value`` is a symmetric array of truth values, or of 0 and 1."""
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


class BoltzmannMachine(
    VersionStamp,
    Deployable,
    HasPlainParameters,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Boltzmann machine: units that may all be connected with each other, some of them hidden.

    Models rows of binary data by p(x) proportional to exp(-E(x)), with
    E(x) = -1/2 x W x - b x for the states x of all units, visible and hidden ones [1]_. Without
    hidden units it is the distribution of least structure that has the means and the correlations
    of the data: an Ising model whose weights are to be found, a maximum-entropy model of neurons,
    species, positions of proteins or answers. See :ref:`the user guide <general_boltzmann>`.

    States are -1 and 1, or 0 and 1, or booleans, recognised in ``fit`` and returned as they came
    in; of the same data in two of these encodings the same model is learned. Other numbers are
    thresholded, see ``binarize``.

    Parameters
    ----------
    n_components : int, default=0
        Number of hidden units.
    connections : {"full", "restricted"} or array-like of bool of shape (n_units, n_units), \
default="full"
        Which units are connected. "full": any two. "restricted": each visible one with each hidden
        one, a restricted Boltzmann machine. An array: those pairs for which it is true, the
        features first and then the hidden units; symmetric.
    algorithm : {"auto", "exact", "pseudo_likelihood", "mean_field", "tap", "pcd", "cd", \
"annealing"}, default="auto"
        Where expectations of the model come from while it learns, see the notes. "auto" is "exact"
        up to 20 units, beyond that "pseudo_likelihood" without hidden units and "pcd" with some.
    alpha : float or "auto", default="auto"
        Strength of the penalty on the weights; biases are free. "auto" is 100 divided by the number
        of rows.
    l1_ratio : float, default=0.0
        Share of L1 in the penalty ``alpha * (l1_ratio * |J|_1 + (1 - l1_ratio) * |J|^2 / 2)`` that
        is taken from the mean log-likelihood of a row. J are the weights between units of -1 and 1,
        each pair counted once, whatever the encoding of the data: of 0 and 1, a quarter of
        ``weights_``. L1 makes weights exactly zero.
    max_iter : int, default=500
        Most iterations of "exact" and "pseudo_likelihood".
    tol : float, default=1e-6
        Of "exact" and "pseudo_likelihood": they end when no more than this is expected to be
        gained, in nats per row and unit.
    learning_rate : float or sequence of float, default=0.01
        Of "pcd", "cd" and "annealing", as are all parameters below it up to ``shuffle``: length of
        a step, in the weights between units of -1 and 1. A sequence changes from epoch to epoch:
        its values share the ``n_iter`` epochs evenly.
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        Factor of the learning rate in epoch e = 0, 1, ... of n: 1; 1 - e / n; 1 / sqrt(1 + e);
        (1 + cos(pi e / n)) / 2.
    batch_size : int, default=100
        Rows in a minibatch.
    n_iter : int, default=50
        Epochs, passes over the training data.
    n_chains : int, default=None
        Chains of states of the model. None is ``batch_size``. Not used by "cd".
    n_gibbs_steps : int or sequence of int, default=1
        Sweeps over all units for one step of learning. Of "annealing", sweeps after each of which
        states are counted.
    temperatures : sequence of float, default=None
        Of "annealing": temperature of each sweep before states are counted, which is done at 1.
        None is that of [1]_: 2, 2, 1.5, 1.5, 1.2, 1.2, 1, 1, 1, 1.
    solver : {"sgd", "adagrad", "rmsprop", "adam"}, default="adam"
        How steps follow from gradients.
    momentum : float or sequence of float, default=0.0
        Of "sgd": share of the last step that is added to the next, in [0, 1).
    nesterovs_momentum : bool, default=False
        Whether the momentum of "sgd" is Nesterov's; Polyak's otherwise.
    beta_1, beta_2 : float, default=0.9, 0.999
        Of "adam": shares of the averages of gradients and of their squares that are kept, in
        [0, 1).
    epsilon : float, default=1e-8
        What "adagrad", "rmsprop" and "adam" add to a divisor.
    shuffle : bool, default=True
        Visit the rows in a new order in each epoch.
    binarize : float or None, default=0.0
        Threshold for data that are neither -1 and 1 nor 0 and 1: units above it are on, and states
        come back as 0 and 1. None: such data are an error.
    verbose : int, default=0
        If positive, print a line an iteration.
    random_state : int, RandomState instance or None, default=None
        Source of the first weights of hidden units, of the order of the rows, and of all samples.
        Pass an int for the same result at each call, on any number of threads, see
        :ref:`random_numbers`.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last call ended.

    Attributes
    ----------
    weights_ : ndarray of shape (n_units, n_units)
        Weights, symmetric with a zero diagonal, for states in the encoding of the data: the
        n_features visible units first, then the hidden ones.
    intercept_ : ndarray of shape (n_units,)
        Biases, for states in the encoding of the data.
    encoding_ : {"spin", "binary", "threshold"}
        How the data were written: -1 and 1; 0 and 1; anything else, thresholded.
    algorithm_ : str
        What "auto" has chosen, or what was asked for.
    alpha_ : float
        What "auto" is for these data, or what was asked for.
    covariance_ : ndarray of shape (n_features, n_features)
        Covariances of the visible units in the model, in the encoding of the data. Computed when
        it is asked for: by a sum over all states up to 20 units, beyond that from 10,000 samples,
        always the same.
    n_iter_ : int
        Number of iterations that the last ``fit`` ran.
    history_ : dict of str to list of float
        Measurements after each iteration of the last ``fit``: "pseudo_likelihood", the mean of
        ``score_samples`` on up to 50 training rows, always the same; "seconds"; and of "exact" and
        "pseudo_likelihood", "loss": what is minimised, with the penalty, in nats per row.
    n_features_in_ : int
        Number of features seen during ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, where they are all strings.

    See Also
    --------
    BernoulliRBM : The machine to take where units of a layer need not be connected.
    HopfieldMemory : Weights by a rule, in place of learning; see :meth:`from_memory`.
    simulated_annealing : States of least energy of any weights.

    Notes
    -----
    Ways of learning, ``algorithm``:

    - "exact": the likelihood and its gradient by sums over all states, climbed by L-BFGS. For up to
      26 units; time doubles with each.
    - "pseudo_likelihood": the product of the probabilities of each unit given all others [2]_.
      Exact gradient, no samples. Without hidden units only.
    - "mean_field" [3]_ and "tap" [4]_: closed forms from the inverse of the covariances. Without
      hidden units, for ``connections="full"``, and with L2 only, which is of the weights times the
      standard deviations of both units. Quick, and good where weights are weak.
    - "pcd": chains of Gibbs sampling that go on from step to step stand in for the model.
      Hidden units given the data have their means, exact where hidden units are not connected with
      each other or where there are up to 12, by mean field beyond.
    - "cd": the same with chains that start at the data in each step.
    - "annealing": hidden units given the data, and all units, are cooled from random states in each
      step [1]_, and states are counted at the end. The way of 1985; slow.

    Half a row of each state of each unit is added to the data, so that a unit that never changes
    gets a finite bias. A unit that is visible to others has no hidden start: without hidden units,
    learning starts from independent units with the means of the data.

    Without hidden units, the model has no features in the sense of other Boltzmann machines:
    ``transform`` then returns the mean of each visible unit given all others.

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
    array([[0., 4., 0.],
           [4., 0., 0.],
           [0., 0., 0.]])
    >>> machine.impute([[1, np.nan, 0]], random_state=0).round(1)
    array([[1. , 0.9, 0. ]])
    """

    _parameter_checks: ClassVar = {
        "n_components": _COUNT_OR_NONE_AT_ALL,
        "connections": AnyOf(Options("full", "restricted"), _Mask()),
        "algorithm": Options("auto", *WAYS),
        "alpha": AnyOf(Options("auto"), Number(Real, "[0, inf)")),
        "l1_ratio": Number(Real, "[0, 1]"),
        "max_iter": _COUNT_OR_NONE_AT_ALL,
        "tol": Number(Real, "[0, inf)"),
        "learning_rate": WithHint(
            Schedule(Real, "(0, inf)"), str, HINT.format("learning_rate_schedule")
        ),
        "learning_rate_schedule": Options(*DECAYS),
        "batch_size": _COUNT,
        "n_iter": _COUNT_OR_NONE_AT_ALL,
        "n_chains": Optional(_COUNT),
        "n_gibbs_steps": Schedule(Integral, "[1, inf)"),
        "temperatures": Optional(_Temperatures()),
        "solver": Options(*STOCHASTIC_SOLVERS),
        "momentum": Schedule(Real, "[0, 1)"),
        "nesterovs_momentum": Flag(),
        "beta_1": Number(Real, "[0, 1)"),
        "beta_2": Number(Real, "[0, 1)"),
        "epsilon": Number(Real, "(0, inf)"),
        "shuffle": Flag(),
        "binarize": Optional(Number(Real, "(-inf, inf)")),
        "verbose": Verbosity(),
        "random_state": Randomness(),
        "warm_start": Flag(),
    }

    def __init__(
        self,
        n_components=0,
        connections="full",
        *,
        algorithm="auto",
        alpha="auto",
        l1_ratio=0.0,
        max_iter=500,
        tol=1e-6,
        learning_rate=0.01,
        learning_rate_schedule="linear",
        batch_size=100,
        n_iter=50,
        n_chains=None,
        n_gibbs_steps=1,
        temperatures=None,
        solver="adam",
        momentum=0.0,
        nesterovs_momentum=False,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        shuffle=True,
        binarize=0.0,
        verbose=0,
        random_state=None,
        warm_start=False,
    ):
        keep_parameters(self, locals())

    @classmethod
    def from_memory(cls, memory, temperature=1.0, **params):
        """The Boltzmann machine whose energy is that of an associative memory.

        Stochastic units at a temperature T sample exp(-E / T): the weights and biases of the memory
        divided by T are those of a machine that does so at temperature 1.

        Parameters
        ----------
        memory : HopfieldMemory
            Fitted, by a rule that makes weights.
        temperature : float, default=1.0
            Above 0.
        **params
            Parameters of the machine.

        Returns
        -------
        machine : BoltzmannMachine
            Fitted, without hidden units.

        Raises
        ------
        ValueError
            If the memory has no weights or the temperature is not positive.
        """
        machine = cls(**{"binarize": getattr(memory, "binarize", 0.0)} | params)
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
        scale = memory.weights_.dtype.type(1 / float(temperature))
        weights = np.ascontiguousarray(memory.weights_) * scale
        machine.n_features_in_ = memory.n_features_in_
        if hasattr(memory, "feature_names_in_"):
            machine.feature_names_in_ = memory.feature_names_in_
        machine.encoding_ = memory.encoding_ or BINARY
        machine.algorithm_, machine.alpha_ = "from_memory", 0.0
        machine.history_, machine.n_iter_ = {}, 0
        machine._dtype_of_states = memory.weights_.dtype
        random_state = check_random_state(machine.random_state)
        machine._streams = RandomStreams.from_random_state(random_state)
        machine._publish_machine(PairwiseMachine(weights, memory.intercept_ * scale))
        return machine

    # Training

    @with_callbacks
    def fit(self, X, y=None):
        """Fit the model to the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, in one of the encodings of binary states. NaN is an error.
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
            estimator is then as it was, or as the last whole iteration left it.
        """
        check_parameters(self, self._parameter_checks)
        p = self._parameters
        progress = self._init_callback_context(max_subtasks=max(p.n_iter, p.max_iter) + 1)
        with fitting(self, progress, X, y) as commit, one_blas_thread():
            goes_on = self.warm_start and hasattr(self, "weights_")
            visible = self._training_states(X, goes_on)
            way = self._way(visible, goes_on)
            self.history_, self.n_iter_ = {}, 0
            self._publish(way)
            watched = visible[:: -(-len(visible) // _N_WATCHED)].copy()
            iterations = way.iterations()
            is_over = False
            while not is_over:
                task = progress.subcontext(task_name="iteration")
                task.call_on_fit_task_begin(estimator=self)
                start = time.perf_counter()
                with np.errstate(all="ignore"):
                    measured = next(iterations, None)
                is_over = measured is None
                if not is_over:
                    self._publish(way)
                    self._note(measured, watched, start)
                    commit()
                is_over |= bool(task.call_on_fit_task_end(estimator=self))
            self._warn_of_unrest(way)
        return self

    @with_callbacks
    def partial_fit(self, X, y=None):
        """Go on training with more data, once over its rows in minibatches.

        With ``algorithm="auto"``, by "pcd". Where a parameter is a sequence over the epochs, its
        last value holds; ``learning_rate_schedule`` has no part in it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, of any number of rows. NaN is an error.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`; the estimator is then as it was. Also if ``algorithm`` is one that
            needs all rows at once.
        """
        check_parameters(self, self._parameter_checks)
        progress = self._init_callback_context(task_name="partial_fit", max_subtasks=1)
        with fitting(self, progress, X, y), one_blas_thread():
            task = progress.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self)
            goes_on = hasattr(self, "weights_")
            visible = self._training_states(X, goes_on)
            way = self._way(visible, goes_on, "pcd" if self.algorithm == "auto" else self.algorithm)
            if not way.in_minibatches:
                raise ValueError(
                    f"{type(self).__name__} with algorithm={self.algorithm!r} needs all rows at "
                    "once, and partial_fit has some. Use algorithm='pcd', or call fit with all."
                )
            with np.errstate(all="ignore"):
                way.run_epoch()
            self._publish(way)
            task.call_on_fit_task_end(estimator=self)
        return self

    def _training_states(self, X, goes_on):
        """Rows of -1 and 1 to learn from."""
        X = validated(self, X, reset=not goes_on)
        self.encoding_ = self._encoding_with(X, self.encoding_ if goes_on else None)
        self._dtype_of_states = X.dtype if X.dtype.kind in "biuf" else np.dtype(np.float64)
        dtype = self.weights_.dtype if goes_on else X.dtype
        dtype = dtype if dtype in FLOATS else np.dtype(np.float64)
        return to_spins(X, self.encoding_, self._parameters.binarize, dtype)

    def _encoding_with(self, X, encoding, gaps=None):
        """Encoding of a model together with these data; of ones alone, 0 and 1."""
        name, found = type(self).__name__, encoding_of(X, gaps)
        return joint_encoding(encoding, found, name, X, self._parameters.binarize) or BINARY

    def _way(self, visible, goes_on, algorithm=None):
        """The way to learn from these rows."""
        p, (n_rows, n_visible) = self._parameters, visible.shape
        n_units = n_visible + p.n_components
        self._check_sizes(n_units, goes_on)
        random_state = check_random_state(self.random_state)
        if goes_on:
            self._streams = replace(self._streams)
        else:
            self._streams = RandomStreams.from_random_state(random_state)
        offsets = np.zeros(n_units)
        offsets[:n_visible] = visible.mean(axis=0, dtype=np.float64) * (n_rows / (n_rows + 1))
        pairs = PairParameters(self._connected(n_visible), offsets)
        if goes_on:
            machine = self._model().machine
            start = pairs.vector(machine.weights, machine.bias[0])
        else:
            start = self._first_vector(pairs, n_visible, random_state, visible.dtype)
        self.algorithm_ = algorithm or self._algorithm_for(n_units)
        self.alpha_ = _ALPHA_OF_ONE_ROW / n_rows if p.alpha == "auto" else float(p.alpha)
        before = getattr(self, "_training_state", None) if goes_on else None
        task = Task(visible, pairs, start, self.alpha_, p, self._streams, before)
        way = WAYS[self.algorithm_](task)
        self._check_way(way, n_units)
        return way

    def _algorithm_for(self, n_units):
        if self.algorithm != "auto":
            return self.algorithm
        if n_units <= _MOST_UNITS:
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
        """Independent units with the means of the data, and weak random weights to hidden ones."""
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
                f"The 'n_components' parameter of {name} is {self.n_components!r}, but the model "
                f"to go on with has {len(self.weights_) - self.n_features_in_} hidden units. Fit "
                "anew with warm_start=False, or leave n_components as it was."
            )
        if not isinstance(self.connections, str) and len(self.connections) != n_units:
            raise ValueError(
                f"The 'connections' parameter of {name} must have one row and one column for each "
                f"of the {n_units} units, {self.n_features_in_} visible and {self.n_components} "
                f"hidden ones. Got an array of shape {np.shape(self.connections)} instead."
            )

    def _check_way(self, way, n_units):
        p, name = self._parameters, type(self).__name__
        asked = f"{name} with algorithm={self.algorithm_!r}"
        if p.n_components and not way.takes_hidden_units:
            raise ValueError(
                f"{asked} has no hidden units, but the 'n_components' parameter is "
                f"{self.n_components!r}. Use algorithm='pcd', or 'exact' for few units."
            )
        if not way.takes_any_connections and not self._connected(self.n_features_in_).all():
            raise ValueError(
                f"{asked} connects any two units: the 'connections' parameter must be 'full'. Got "
                f"{self.connections!r} instead. Use algorithm='pseudo_likelihood'."
            )
        if p.l1_ratio and self.alpha_ and not way.takes_l1:
            raise ValueError(
                f"{asked} has no L1 penalty, but the 'l1_ratio' parameter is {self.l1_ratio!r}. "
                "Set it to 0, or use algorithm='pseudo_likelihood'."
            )
        if self.algorithm_ == "exact" and n_units > _MOST_UNITS_ON_DEMAND:
            raise ValueError(
                f"{asked} sums over all states, of {_MOST_UNITS_ON_DEMAND} units at most. Got "
                f"{n_units} units. Use algorithm='auto'."
            )
        decay = float(np.max(p.learning_rate)) * self.alpha_ * (1 - p.l1_ratio)
        if way.in_minibatches and decay >= 1:
            raise ValueError(
                f"The 'alpha' parameter of {name}, {self.alpha_!r}, is too large for the "
                f"'learning_rate' parameter, {self.learning_rate!r}: a step would take the share "
                f"{decay:.3g} from each weight by L2. It must be below 1."
            )

    def _publish(self, way):
        """Copy what has been learned into the fitted attributes."""
        machine = way.machine
        if have_diverged(machine.weights, machine.bias):
            raise divergence(type(self).__name__, "learning_rate", self._parameters.learning_rate)
        self._training_state = way.state
        self._publish_machine(machine)

    def _publish_machine(self, machine):
        self.weights_, self.intercept_ = as_given(machine.weights, machine.bias[0], self.encoding_)
        n_hidden = len(self.weights_) - self.n_features_in_
        self._n_features_out = n_hidden or self.n_features_in_
        self._stamp_version()

    def _note(self, measured, watched, start):
        """Note what was measured of an iteration, and report it."""
        score = float(self._model().pseudo_log_likelihood(watched).mean())
        seconds = time.perf_counter() - start
        self.n_iter_ += 1
        history = {name: list(values) for name, values in self.history_.items()}
        for name, value in (measured | {"pseudo_likelihood": score, "seconds": seconds}).items():
            history.setdefault(name, []).append(value)
        self.history_ = history
        if self.verbose:
            print(
                f"[{type(self).__name__}] Iteration {self.n_iter_}, "
                f"pseudo-likelihood = {score:.2f}, time = {seconds:.2f}s",
                flush=True,
            )

    def _warn_of_unrest(self, way):
        if not way.has_converged:
            warn_caller(
                f"{type(self).__name__} had not come to rest after {self.max_iter} iterations: "
                f"increase max_iter, or alpha, which is {self.alpha_:.3g}.",
                ConvergenceWarning,
            )

    # The model

    def _model(self, dtype=None):
        """What has been learned, as a :class:`~skebm.boltzmann.pair_model.PairModel`."""
        weights, bias = as_spins(self.weights_, self.intercept_, self.encoding_)
        dtype = weights.dtype if dtype is None else dtype
        weights, bias = (np.ascontiguousarray(array, dtype=dtype) for array in (weights, bias))
        return PairModel(PairwiseMachine(weights, bias), self.n_features_in_)

    def _model_and_states(self, X, gaps_are_fine=False):
        """The model, of the type of data; rows of -1 and 1; and a mask of what is missing."""
        check_is_fitted(self)
        finite = "allow-nan" if gaps_are_fine else True
        X = validated(self, X, reset=False, ensure_all_finite=finite)
        gaps = np.isnan(X) if X.dtype.kind == "f" else np.zeros(X.shape, dtype=bool)
        encoding = self._encoding_with(X, self.encoding_, gaps)
        dtype = X.dtype if X.dtype in FLOATS else self.weights_.dtype
        states = to_spins(X, encoding, self._parameters.binarize, dtype)
        return self._model(dtype), states, gaps, X

    def _as_given(self, states, dtype):
        """States of visible units as users give them."""
        return from_spins(states[:, : self.n_features_in_], self.encoding_, dtype)

    def _draws(self, random_state):
        """Streams to draw from: see "Random numbers" in the documentation, doc/api.rst."""
        check_argument(self, "random_state", random_state, Randomness())
        if random_state is None:
            return self._streams
        return RandomStreams.from_random_state(check_random_state(random_state))

    # Features

    def transform(self, X):
        """Mean states of the hidden units given each row; without any, of each visible unit.

        Exact where hidden units are not connected with each other, or where there are up to 12;
        by mean field beyond. Without hidden units, the mean of each visible unit given all others
        of its row: what the model expects there, whatever the row has.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components) or (n_samples, n_features)
            Means in the encoding of the data: probabilities of being on, or between -1 and 1.
        """
        model, visible, _, _ = self._model_and_states(X)
        means = model.hidden_means(visible) if model.n_hidden else model.conditional_means(visible)
        return means_as_given(means, self.encoding_)

    # Samples

    def gibbs(self, X, n_steps=1, *, random_state=None):
        """Visible states after some sweeps of Gibbs sampling over all units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states to start from. Hidden units start by one sweep over them alone.
        n_steps : int, default=1
            Number of sweeps.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None goes on with the estimator's own, see
            :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states, in the encoding and of the type of ``X``.
        """
        model, visible, _, X = self._model_and_states(X)
        n_steps = check_argument(self, "n_steps", n_steps, _COUNT_OR_NONE_AT_ALL)
        streams = self._draws(random_state)
        states = model.walk(self._joint(model, visible, streams), n_steps, streams)
        return self._as_given(states, _dtype_of_states(X, self.weights_))

    def sample(self, n_samples=None, n_steps=100, *, init=None, clamp=None, random_state=None):
        """Draw visible states from the model.

        Parameters
        ----------
        n_samples : int, default=None
            Number of samples. None is 1, or as many as ``init`` has rows.
        n_steps : int, default=100
            Sweeps of Gibbs sampling from the start of a chain to its sample. Chains need time to
            forget their start.
        init : array-like of shape (n_rows, n_features), default=None
            Visible states to start from, used in turn where there are more samples than rows.
            None starts each chain at random.
        clamp : array-like of bool, of shape (n_features,) or (n_rows, n_features), default=None
            Visible units that keep the value which they have in ``init``.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Visible states in the encoding of the data.
        """
        check_is_fitted(self)
        n_samples = check_argument(self, "n_samples", n_samples, Optional(_COUNT))
        n_steps = check_argument(self, "n_steps", n_steps, _COUNT_OR_NONE_AT_ALL)
        if clamp is not None and init is None:
            raise ValueError("clamp needs init, the states that clamped units keep.")
        streams = self._draws(random_state)
        if init is None:
            model, dtype, free = self._model(), self._dtype_of_states, None
            address = streams.seed, streams.take(), 0
            states = model.machine.random_states(n_samples or 1, address)
        else:
            model, visible, _, init = self._model_and_states(init)
            dtype = _dtype_of_states(init, self.weights_)
            turns = np.arange(n_samples or len(visible)) % len(visible)
            free = None
            if clamp is not None:
                clamp = check_mask("clamp", clamp, visible.shape)
                free = np.ones((len(turns), model.machine.n_units), dtype=bool)
                free[:, : model.n_visible] = ~np.broadcast_to(clamp, visible.shape)[turns]
            states = self._joint(model, visible[turns], streams)
        return self._as_given(model.walk(states, n_steps, streams, free), dtype)

    def impute(self, X, n_steps=100, *, random_state=None):
        """Fill in missing entries given the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states; NaN marks what is missing.
        n_steps : int, default=100
            Sweeps of Gibbs sampling with the known entries clamped. The first half is thrown
            away; over the second half, the means of the missing units are averaged.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers, see :ref:`random_numbers`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            ``X`` with what is missing replaced by the estimated expectation of its unit.
        """
        n_steps = check_argument(self, "n_steps", n_steps, _COUNT)
        model, visible, gaps, X = self._model_and_states(X, gaps_are_fine=True)
        streams = self._draws(random_state)
        states = model.machine.random_states(len(visible), (streams.seed, streams.take(), 0))
        free = np.ones(states.shape, dtype=bool)
        known = ~gaps
        free[:, : model.n_visible] = gaps
        np.copyto(states[:, : model.n_visible], visible, where=known)
        means = means_as_given(model.means_by_walk(states, free, n_steps, streams), self.encoding_)
        return np.where(gaps, means, X).astype(states.dtype, copy=False)

    def _joint(self, model, visible, streams):
        """All units where the visible ones are given and the hidden ones drawn by their means."""
        return np.hstack([visible, draw(model.hidden_means(visible), streams)])

    # Scores of rows

    def energy(self, X, H=None):
        """Energy E(x) of joint states of all units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.
        H : array-like of shape (n_samples, n_components), default=None
            Hidden states, in the encoding of the data. Only with hidden units.

        Returns
        -------
        energy : ndarray of shape (n_samples,)
            In nats, of states in the encoding of the data.
        """
        model, visible, _, X = self._model_and_states(X)
        shape = len(visible), model.n_hidden
        hidden = np.empty(shape) if H is None and not model.n_hidden else np.asarray(H)
        if hidden.shape != shape:
            raise ValueError(
                f"{type(self).__name__}.energy takes hidden states H of shape {shape}. "
                f"Got {'none' if H is None else f'an array of shape {hidden.shape}'}."
            )
        states = np.hstack([visible, np.where(hidden > 0, 1, -1).astype(visible.dtype)])
        return self._in_encoding(model, model.machine.energy(states), X)

    def free_energy(self, X):
        """Free energy F(v) = -log of the sum over hidden states h of exp(-E(v, h)).

        Without hidden units, that is the energy. Exact where hidden units are not connected with
        each other, or where there are up to 12; by mean field beyond: then it is an upper bound.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        F : ndarray of shape (n_samples,)
            Free energies in nats; -F(v) is log p(v) up to a constant of the model.
        """
        model, visible, _, X = self._model_and_states(X)
        return self._in_encoding(model, -model.log_masses(visible), X)

    def score_samples(self, X):
        """Pseudo-log-likelihood, the sum over i of log p(v_i | all other v), for each row.

        Deterministic. Hidden units are summed over: exactly as far as :meth:`free_energy` is exact;
        beyond that, each conditional is the one that two bounds differ by.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_samples,)
            In nats.
        """
        model, visible, _, _ = self._model_and_states(X)
        return model.pseudo_log_likelihood(visible).astype(visible.dtype, copy=False)

    def score(self, X, y=None):
        """Mean pseudo-log-likelihood of the rows; the greater, the better.

        What a search over parameters such as ``alpha`` compares on rows that are held out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        score : float
            In nats a row.
        """
        return float(self.score_samples(X).mean())

    def log_likelihood(self, X, log_partition=None):
        """Log-likelihood log p(v) = -F(v) - log Z of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Visible states.
        log_partition : LogPartition or float, default=None
            What :meth:`log_partition` returned for this model, of which the estimate counts, or a
            number of nats. None calls ``log_partition(random_state=0)`` at each call.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats; a lower bound where :meth:`free_energy` is an upper one.
        """
        free_energies = self.free_energy(X)
        check_argument(self, "log_partition", log_partition, LOG_PARTITION)
        if log_partition is None:
            log_partition = self.log_partition(random_state=0)
        return -free_energies - in_nats(log_partition)

    def _in_encoding(self, model, energies, X):
        """Energies of states of the encoding, of the type of data, from those of -1 and 1."""
        machine = model.machine
        shift = energy_shift(machine.weights, machine.bias[0], self.encoding_)
        return (energies + shift).astype(machine.dtype, copy=False)

    @property
    def covariance_(self):
        """Covariances of the visible units in the model."""
        check_is_fitted(self)
        model, n = self._model(), self.n_features_in_
        if model.machine.n_units <= _MOST_UNITS:
            moments = model.machine.moments()
            mean, correlations = moments.means[0, :n], moments.correlations[:n, :n]
            covariances = correlations - np.outer(mean, mean)
        else:
            streams = RandomStreams(0)
            address = streams.seed, streams.take(), 0
            states = model.machine.random_states(_N_SAMPLES, address)
            model.walk(states, _N_SWEEPS, streams)
            covariances = np.cov(states[:, :n].astype(np.float64), rowvar=False, bias=True)
        scale = 1.0 if self.encoding_ == SPIN else 0.25
        return (scale * covariances).astype(self.weights_.dtype)

    # Conventions

    def _attributes_for_use(self):
        return {name: a for name, a in vars(self).items() if name != "_training_state"}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _dtype_of_states(X, weights):
    """Type of states that are returned for data."""
    return X.dtype if X.dtype.kind in "biuf" else weights.dtype
