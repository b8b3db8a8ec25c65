"""The deep Boltzmann machine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from .._checks import Flag, MissingValue, Number, Options, check_argument, keep_parameters
from .._messages import messages_of
from .._parameter_texts import with_texts
from .._random import RandomStreams
from .._rows import DenseRows
from .._source import all_of, evenly_spaced
from .._typing import (
    Decay,
    FloatPerLayer,
    Floats,
    IntPerLayer,
    MatrixLike,
    RandomStateLike,
    StochasticSolver,
)
from ..boltzmann.bound_monitor import BoundMonitor
from ..boltzmann.couplings import Dense
from ..boltzmann.data import TABLE_CHECKS
from ..boltzmann.doubled import HighestRBM, MiddleRBM, joint_machine
from ..boltzmann.estimator import LAYERED_CHECKS, BoltzmannEstimator
from ..boltzmann.inference import LOG_PARTITION, in_nats, log_partition_of_scores
from ..boltzmann.initial import with_layers_above
from ..boltzmann.machine import Machine, upside_down
from ..boltzmann.parameter_texts import OF_LAYERS
from ..boltzmann.partition import LogPartition
from ..boltzmann.posterior import Drawn, MeanField
from ..boltzmann.summation import MOST_UNITS
from ..boltzmann.table import TableEncoder
from ..boltzmann.variational import is_countable, log_mass, log_mass_bound, posterior_means
from .parameter_texts import OF_STACKS
from .pretraining import PRETRAINING_CHECKS, HasPretraining, Structure, fit_in_turn, layer_sizes
from .progress import StageReport
from .visible_units import VISIBLE_UNITS, data_of

# Attributes that exist after joint training of all layers, and not during pre-training.
_OF_ALL_LAYERS = (
    "coefs_",
    "intercepts_",
    "history_",
    "n_iter_",
    "_model",
    "_training_state",
    "_streams",
)

# Number of rows whose states in the lowest hidden layer determine the initial upper layers.
_ROWS_TO_BEGIN_WITH = 512


@with_texts(OF_LAYERS, OF_STACKS)
class DeepBoltzmannMachine(HasPretraining, BoltzmannEstimator):
    """Deep Boltzmann machine: a Boltzmann machine with several hidden layers.

    Models data by p(v) proportional to the sum over all hidden states of exp(-E), with
    E = -b v - sum over k of (h_{k-1} W_k h_k + c_k h_k) and h_0 = v. In contrast to a
    :class:`DeepBeliefNetwork`, every layer gets inputs from the one below it and the one above it.
    All layers learn together, by stochastic gradient ascent of the log-likelihood [1]_: hidden
    states given the data are found by mean field and a few steps of Gibbs sampling from there,
    states of the model by Gibbs chains. See :ref:`the user guide <dbm>`.

    Parameters
    ----------
    hidden_layer_sizes
    visible_units : {"auto", "bernoulli", "gaussian", "mixed"}, default="auto"
        Kind of the data. "bernoulli": numbers in [0, 1]. "gaussian": real numbers of any scale;
        each feature is standardised. "mixed": tables of binary, categorical and real columns, such
        as DataFrames, as for :class:`MixedRBM`. "auto": "bernoulli" where all values of the data
        are in [0, 1], and otherwise "gaussian".
    categories : {"auto", "declared"} or dict, default="auto"
        Kinds of the columns of a table, see :class:`MixedRBM`. Only used with "mixed".
    handle_unknown : {"error", "missing"}, default="error"
        What to do with a category that did not occur in the first call of ``fit`` or
        ``partial_fit``: raise an error, or treat it as a missing entry. Only used with "mixed".
    pretrain : bool, default=False
        Whether the layers are first trained one after the other as RBMs [2]_, of which the lowest
        sees the data twice and the highest counts its hidden units twice. The parameters that start
        with ``rbm_`` are for this alone. With False, each layer starts as a random projection of
        the one below.
    rbm_algorithm, rbm_n_gibbs_steps, rbm_learning_rate, rbm_learning_rate_schedule, rbm_n_iter,
    rbm_batch_size, rbm_momentum, rbm_alpha
    learning_rate : float or sequence of float, default=0.05
        Length of a step along the gradient of the bound. This and each other parameter that takes a
        sequence can change from epoch to epoch: the values share the ``n_iter`` epochs evenly, in
        their order.
    batch_size, n_iter
    verbose : int, default=0
        If positive, print one line per epoch, with the seconds that are left.
    random_state
    algorithm : {"cd", "pcd", "pt"}, default="cd"
        Where the Gibbs chains start. "cd": at the data and their posterior. "pcd": where the last
        step left them. "pt": as "pcd", with replicas at higher temperatures to swap states with,
        see :class:`BernoulliRBM`. Chains of "pcd" and "pt" need a learning rate small enough that
        they can follow the model, see :ref:`the user guide <dbm>`.
    n_gibbs_steps : int or sequence of int, default=1
        Steps of Gibbs sampling, each of all layers, for one learning step.
    n_chains, n_replicas
    n_mean_field_steps : int, default=25
        Maximum number of sweeps of mean field over the hidden layers.
    mean_field_tol : float, default=1e-3
        Sweeps end when the mean change of the units of a layer is not above this in any row.
    n_clamped_steps : int, default=3
        Steps of Gibbs sampling of the hidden layers with the data clamped, starting where mean
        field ends, for one learning step. With 0, learning uses the means of mean field: this
        increases the bound, but the second layer soon has the same activity for all rows.
    max_gradient_norm : float, default=1.0
        Largest Frobenius norm of the gradient of all weights; a longer gradient is scaled back to
        it. Without a limit, a few minibatches whose chains have left the data can bring all units
        into one state, the same for all rows.
    learning_rate_schedule, solver, momentum, nesterovs_momentum, beta_1, beta_2, epsilon, alpha,
    l1_ratio, sparsity_target, sparsity_cost
    centered : bool, default=True
        Whether the gradient is taken with respect to states from which moving averages have been
        subtracted [3]_.
    shuffle
    early_stopping : bool, default=False
        Hold out some rows, stop when the mean bound of their log-likelihood has not risen by more
        than ``tol`` nats for ``n_iter_no_change`` epochs, and keep the weights with the highest
        bound. The log Z that it needs is annealed in each epoch, or computed exactly where that is
        possible.
    validation_fraction, n_iter_no_change, tol, reconstruction_tol
    warm_start : bool, default=False
        Whether ``fit`` continues from the end of the last call, also if that was interrupted after
        some layers of greedy training.
    missing_values : float, default=np.nan
        Marks missing entries of the data, in training and in use, see :ref:`the user guide
        <missing_entries>`. With "mixed" it may be any value, such as "?", in addition to NaN, None
        and other missing values of a DataFrame.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_below, n_units)
        Weights between each layer and the next, from the lowest on; for real numbers, those of
        standardised features.
    intercepts_ : list of ndarray of shape (n_units,)
        Biases of all layers, the visible one first; for real numbers, those of standardised
        features.
    rbms_ : list of RBM
        The RBMs as greedy training left them. Only with ``pretrain=True``. If it is interrupted,
        the finished ones are kept, and nothing else: with ``warm_start``, ``fit`` continues there.
    h_samples_ : ndarray of shape (n_chains, n_odd_units)
        States of the odd layers of the persistent chains, side by side. Not there with "cd".
    betas_, swap_rates_, n_iter_
    history_ : dict of str to list of float
        Measurements after each epoch of the last ``fit``. On up to 50 training rows, always the
        same ones: "reconstruction_error", the squared difference of a row and its mean given the
        lowest hidden layer, summed over features, mean over rows; "mean_field_steps", the number of
        sweeps of mean field; and "mean_field_change", the largest mean change of a row in the last
        sweep: if it is above ``mean_field_tol``, there were not enough. "dead_units" is the share
        of the hidden units whose means differ by less than 0.05 over up to 256 training rows.
        "seconds" is the duration of the epoch. With ``early_stopping``, also "validation_bound",
        the mean bound of the log-likelihood of the rows held out, and "bound_gap", by how much the
        bound of the training rows is higher.
    loss_curve_ : list of float
        ``history_["reconstruction_error"]``: the likelihood itself cannot be computed.
    visible_units_ : {"bernoulli", "gaussian", "mixed"}
        The parameter ``visible_units``, or the kind that "auto" has chosen.
    mean_, scale_, variances_ : ndarray of shape (n_units,)
        For the feature of each visible unit: mean and standard deviation by which it is
        standardised, and its variance given the hidden units, in squared units of the data. 0, 1
        and 1 for columns of a table that are not real. Only with "gaussian" and "mixed".
    categories_ : list of list or None
        For each column of a table its categories, or None for a column of real numbers. This and
        the next two attributes are those of :class:`MixedRBM`, and only there with "mixed".
    unit_names_ : ndarray of str, of shape (n_units,)
        Names of the visible units, in their order.
    encoder_ : TableEncoder
        Converts tables to states of the visible units, and back.
    n_features_in_, n_features_out_, feature_names_in_

    See Also
    --------
    DeepBeliefNetwork : A stack of RBMs, of which only the highest is undirected.
    BernoulliRBM, GaussianRBM, MixedRBM : One hidden layer.

    Notes
    -----
    All even layers, the visible one among them, are independent of each other given the odd ones,
    and the other way round: one step of Gibbs sampling is two matrix products per layer.

    Mean field takes the means of the odd hidden layers given those of the even ones, and then the
    other way round. Each update is exact given the other layers, so that the bound never decreases
    and no damping is needed. It starts with an upward pass in which the inputs from below count
    twice in each layer except the highest, because the states of the layer above are not known yet.

    References
    ----------
    .. [1] R. Salakhutdinov and G. Hinton, "Deep Boltzmann machines", AISTATS 2009.
    .. [2] R. Salakhutdinov and G. Hinton, "An efficient learning procedure for deep Boltzmann
       machines", Neural Computation 24, 2012.
    .. [3] J. Melchior, A. Fischer and L. Wiskott, "How to center deep Boltzmann machines",
       Journal of Machine Learning Research 17, 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import DeepBoltzmannMachine
    >>> X = load_digits().data[:500] / 16
    >>> model = DeepBoltzmannMachine((32, 16), n_iter=5, random_state=0).fit(X)
    >>> model.transform(X).shape
    (500, 16)
    >>> model.sample(3).shape
    (3, 64)
    """

    # Parameters
    visible_units: Literal["auto", "bernoulli", "gaussian", "mixed"]
    categories: Literal["auto", "declared"] | Mapping[Any, Any]
    handle_unknown: Literal["error", "missing"]
    pretrain: bool
    n_mean_field_steps: int
    mean_field_tol: float
    n_clamped_steps: int
    max_gradient_norm: float

    # Fitted attributes
    coefs_: list[Floats]
    intercepts_: list[Floats]
    visible_units_: Literal["bernoulli", "gaussian", "mixed"]
    mean_: Floats
    scale_: Floats
    variances_: Floats
    categories_: list[list[Any] | None]
    unit_names_: NDArray[np.str_]
    encoder_: TableEncoder

    _parameter_checks: ClassVar = (
        LAYERED_CHECKS
        | TABLE_CHECKS
        | PRETRAINING_CHECKS
        | {
            "visible_units": Options("auto", *VISIBLE_UNITS),
            "pretrain": Flag(),
            "n_mean_field_steps": Number(Integral, "[1, inf)"),
            "n_clamped_steps": Number(Integral, "[0, inf)"),
            "mean_field_tol": Number(Real, "[0, inf)"),
            "max_gradient_norm": Number(Real, "(0, inf]"),
        }
    )
    _monitor_class: ClassVar = BoundMonitor

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (500, 1000),
        *,
        visible_units: Literal["auto", "bernoulli", "gaussian", "mixed"] = "auto",
        categories: Literal["auto", "declared"] | Mapping[Any, Any] = "auto",
        handle_unknown: Literal["error", "missing"] = "error",
        pretrain: bool = False,
        rbm_algorithm: Literal["cd", "pcd"] | Sequence[Literal["cd", "pcd"]] = "cd",
        rbm_n_gibbs_steps: IntPerLayer = 1,
        rbm_learning_rate: FloatPerLayer = 0.05,
        rbm_learning_rate_schedule: Decay = "linear",
        rbm_n_iter: int | Sequence[int] = 10,
        rbm_batch_size: int | Sequence[int] = 10,
        rbm_momentum: FloatPerLayer = 0.0,
        rbm_alpha: float | Sequence[float] = 0.0,
        learning_rate: float | Sequence[float] = 0.05,
        batch_size: int = 10,
        n_iter: int = 20,
        verbose: int = 0,
        random_state: RandomStateLike = None,
        algorithm: Literal["cd", "pcd", "pt"] = "cd",
        n_gibbs_steps: int | Sequence[int] = 1,
        n_chains: int | None = None,
        n_replicas: int = 10,
        n_mean_field_steps: int = 25,
        mean_field_tol: float = 1e-3,
        n_clamped_steps: int = 3,
        max_gradient_norm: float = 1.0,
        learning_rate_schedule: Decay = "linear",
        solver: StochasticSolver = "sgd",
        momentum: float | Sequence[float] = 0.0,
        nesterovs_momentum: bool = False,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        alpha: float = 0.0,
        l1_ratio: float = 0.0,
        sparsity_target: float | None = None,
        sparsity_cost: float = 0.1,
        centered: bool = True,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        reconstruction_tol: float | None = None,
        warm_start: bool = False,
        missing_values: object = np.nan,
    ) -> None:
        keep_parameters(self, locals())

    @property
    def _kind_of_data(self):
        return data_of(self.visible_units)

    def __skebm_check__(self):
        """Raise an error if a parameter is not valid; nothing is changed."""
        super().__skebm_check__()
        if not self._kind_of_data.are_tables:
            check_argument(self, "missing_values", self.missing_values, MissingValue())

    def _first_model(self, X, rows, random_state, progress, commit):
        """The model before training, whose lowest layers are those of an RBM."""
        finished = self._finished_rbms()
        if finished:
            self._check_going_on(finished)
        else:
            self._structure = Structure.of(self, rows)
            self.visible_units_ = self._structure.visible_units
        for name in ("rbms_", "mean_", "scale_", "variances_"):
            vars(self).pop(name, None)
        streams = RandomStreams.from_random_state(random_state)
        if self.pretrain:
            self._train_rbms(finished, X, streams, progress, commit)
            models = [rbm.__skebm_model__(rows.dtype) for rbm in self.rbms_]
            machine, means = joint_machine(models)
            lowest = models[0]
        else:
            lowest = self._untrained_rbm(X, streams).__skebm_model__(rows.dtype)
            numbers = evenly_spaced(np.arange(rows.shape[0]), _ROWS_TO_BEGIN_WITH)
            some = lowest.to_states(rows.subset(numbers))
            sizes = self._structure.sizes[1:]
            machine, means = with_layers_above(
                lowest.machine, all_of(some), sizes, self._activity, random_state
            )
        return replace(lowest, machine=machine, means=means, posterior=self._mean_field())

    def _finished_rbms(self):
        """The RBMs that were finished before an interruption, if training continues from there."""
        goes_on = self.pretrain and self.warm_start and not self._is_trained()
        return getattr(self, "rbms_", []) if goes_on else []

    def _check_going_on(self, finished):
        """Raise an error if the finished RBMs do not fit the data or the parameters."""
        self._structure.check(self)
        n_before = finished[0].n_features_in_
        if self.n_features_in_ != n_before:
            raise ValueError(
                f"X has {self.n_features_in_} features, but {type(self).__name__} is expecting "
                f"{n_before} features as input."
            )

    def _train_rbms(self, finished, X, streams, progress, commit):
        """Train the RBMs greedily, from the lowest on, and keep each finished one in ``rbms_``."""
        lowest, n_hidden = self._structure.units_below(0), self._structure.n_hidden
        classes = [lowest.doubled_rbm, *[MiddleRBM] * (n_hidden - 2), HighestRBM]
        if n_hidden == 1:
            classes = [lowest.rbm]
        rbms = self._structure.new_rbms(self, streams, n_hidden, classes, **self._of_data())
        rbms[: len(finished)] = self.rbms_ = finished
        for name in (*_OF_ALL_LAYERS, *getattr(self, "_names_of_chains", ())):
            vars(self).pop(name, None)
        # All units are checked only if all layers are then trained together.
        warnings_of_owner = ("data", "dead units") if self._parameters.n_iter else ("data",)
        fits = fit_in_turn(
            rbms, X, self, progress, len(finished), warnings_of_owner=warnings_of_owner
        )
        for rbm in fits:
            self.rbms_ = [*self.rbms_, rbm]
            self._stamp_version()
            commit()

    def _untrained_rbm(self, X, streams):
        """The untrained RBM of the two lowest layers."""
        p = self._parameters
        rbm = self._structure.units_below(0).rbm(
            self._structure.sizes[0],
            n_iter=0,
            learning_rate=p.learning_rate,
            batch_size=p.batch_size,
            sparsity_target=p.sparsity_target,
            random_state=int(streams.generator().integers(2**32)),
            **self._of_data(),
        )
        with messages_of(self, rbm, warnings_of_owner=("data",)):
            return rbm.fit(X)

    def _of_data(self):
        """Parameters with which the lowest RBM reads data in the same way as this machine."""
        return {name: getattr(self, name) for name in self._structure.units_below(0).own_parameters}

    @property
    def _n_tasks_before(self):
        return len(layer_sizes(self)) - len(self._finished_rbms()) if self.pretrain else 0

    def _mean_field(self):
        return MeanField(self._parameters.n_mean_field_steps, self._parameters.mean_field_tol)

    def _posterior_for_learning(self, model, streams):
        return Drawn(model.posterior, self._parameters.n_clamped_steps, streams)

    @staticmethod
    def _attributes_of(model):
        return model.attributes_of_units() | {
            "coefs_": [coupling.weights for coupling in model.machine.couplings],
            "intercepts_": [layer.bias.copy() for layer in model.machine.layers],
            "_model": model,
        }

    def _is_trained(self):
        return hasattr(self, "coefs_")

    def __sklearn_is_fitted__(self):
        """Whether it is fitted; False if only some RBMs are."""
        return self._is_trained()

    def _check_sizes(self):
        self._structure.check(self)

    def __skebm_model__(self, dtype=None):
        """The fitted model."""
        before = self._model
        dtype = before.machine.dtype if dtype is None else dtype
        layers = [layer.copy(dtype) for layer in before.machine.layers]
        for layer, bias in zip(layers, self.intercepts_, strict=True):
            layer.bias = bias.astype(dtype)
        couplings = [Dense(np.ascontiguousarray(weights, dtype)) for weights in self.coefs_]
        machine = Machine(layers, couplings)
        return replace(before, machine=machine, posterior=self._mean_field())

    def _settings_of_units(self, learning_rate, rate_factor):
        has_variances = self._structure.units_below(0).standardizes
        return {
            "variance_rate": learning_rate / 10 if has_variances else 0.0,
            "max_gradient_norm": self._parameters.max_gradient_norm,
        }

    def _remedies_for_dead_units(self, prefix):
        # Higher layers start with small weights, which need many steps to grow.
        return [*super()._remedies_for_dead_units(prefix), f"raise '{prefix}n_iter'"]

    def _report(self, epoch, measured):
        StageReport(self, "Training", self._parameters.n_iter)(epoch, measured)

    # Features

    def transform(self, X: MatrixLike, layer: int = -1) -> Floats:
        """Mean states of the units of a hidden layer, by mean field.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data. NaN marks missing entries, which do not change the means.
        layer : int, default=-1
            Number of the hidden layer, counted from 0; negative numbers count from the top.

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
            Probabilities of being on, with the dtype of ``X``.
        """
        check_is_fitted(self)
        number = self._number_of(layer)
        config = getattr(self, "_sklearn_output_config", {})
        self._structure.check_names_of_units(number, self, config)
        model, rows = self._model_and_rows(X)
        return self._of_layer(model, posterior_means(model, rows), number)

    def inverse_transform(self, X: ArrayLike, layer: int = -1) -> Any:
        """Mean data given the states of a hidden layer, by mean field of the layers below it.

        Exact for the lowest hidden layer.

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
        number = self._number_of(layer)
        H = self._structure.valid_units(X, number, self)
        model = self.__skebm_model__(H.dtype)
        below = model.with_machine(upside_down(model.machine, number + 1))
        sides = posterior_means(below, DenseRows(H))
        visible = sides[(number + 1) % 2][:, below.machine.places[-1]]
        return self._data.given_back(model.to_data(model.machine.even_of(visible, 0)))

    def reconstruct(self, X: MatrixLike, layer: int = -1) -> Any:
        """Mean data given the means of a hidden layer, which are computed from ``X``.

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
        number = self._number_of(layer)
        model, rows = self._model_and_rows(X)
        return self.inverse_transform(
            self._of_layer(model, posterior_means(model, rows), number), number
        )

    def _number_of(self, layer):
        return self._structure.number_of(layer, self, self._structure.n_hidden)

    @staticmethod
    def _of_layer(model, sides, number):
        """The part of a hidden layer in arrays of both sides."""
        return np.ascontiguousarray(sides[(number + 1) % 2][:, model.machine.places[number + 1]])

    # Energies and likelihoods

    def energy(self, X: MatrixLike, *hidden: ArrayLike) -> Floats:
        """Energy of states of all layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states.
        *hidden : array-like of shape (n_samples, n_units)
            States of each hidden layer, from the lowest to the highest. If none are passed, their
            means given ``X``, as returned by :meth:`transform`.

        Returns
        -------
        E : ndarray of shape (n_samples,)
            In nats.

        Raises
        ------
        ValueError
            If the number of hidden layers, or of rows in one of them, is wrong.
        """
        model, rows = self._model_and_rows(X, "energy")
        n_hidden = self._structure.n_hidden
        if not hidden:
            return model.machine.energy(*posterior_means(model, rows)).astype(rows.dtype)
        if len(hidden) != n_hidden:
            raise ValueError(
                f"{type(self).__name__}.energy takes the states of {n_hidden} hidden layers "
                f"after X, one array for each. Got {len(hidden)}."
            )
        layers = [all_of(rows)]
        for number, states in enumerate(hidden):
            layers.append(self._structure.valid_units(states, number, self).astype(rows.dtype))
            check_consistent_length(layers[0], layers[-1])
        energies = model.machine.energy(np.hstack(layers[::2]), np.hstack(layers[1::2]))
        return energies.astype(rows.dtype)

    def log_likelihood_bound(
        self, X: MatrixLike, log_partition: LogPartition | float | None = None
    ) -> Floats:
        """Lower bound of the log-likelihood of each row, by mean field.

        It is the expectation of -E under the mean-field distribution (the closest one to the
        posterior under which hidden units are independent), plus its entropy, minus log Z.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data. NaN marks missing entries. For a row with missing entries, the model contains only
            the known features, and the bound has another constant: compare only rows in which the
            same entries are missing.
        log_partition : LogPartition or float, default=None
            The result of :meth:`log_partition` for this model, whose estimate is used, or a number
            in nats. With its ``upper``, scores stay lower bounds in spite of the uncertainty of
            annealing. None computes one with 1000 temperatures and keeps it for the next call. It
            is exact if the even or the odd layers together have up to 20 units, and otherwise a
            rough estimate, whose error is the same for all scores.

        Returns
        -------
        bound : ndarray of shape (n_samples,)
            In nats, with the dtype of ``X``.
        """
        model, rows = self._model_and_rows(X)
        model.warn_of_no_states(f"{type(self).__name__}.log_likelihood_bound", rows)
        return self._less_log_partition(log_mass_bound(model, rows), model, rows, log_partition)

    def score_samples(
        self, X: MatrixLike, log_partition: LogPartition | float | None = None
    ) -> Floats:
        """Lower bound of the log-likelihood of each row, see :meth:`log_likelihood_bound`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        log_partition : LogPartition or float, default=None
            As for :meth:`log_likelihood_bound`.

        Returns
        -------
        bound : ndarray of shape (n_samples,)
            In nats, with the dtype of ``X``.
        """
        return self.log_likelihood_bound(X, log_partition)

    def log_likelihood(
        self, X: MatrixLike, log_partition: LogPartition | float | None = None
    ) -> Floats:
        """Log-likelihood log p(v) of each row, by a sum over the states of some hidden layers.

        The difference from :meth:`log_likelihood_bound` is the Kullback-Leibler divergence of the
        mean-field distribution from the posterior, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states, none missing.
        log_partition : LogPartition or float, default=None
            As for :meth:`log_likelihood_bound`.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, with the dtype of ``X``.

        Raises
        ------
        ValueError
            If neither the odd hidden layers (the first, the third, ...) nor the even ones together
            have at most 20 units.
        """
        model, rows = self._model_and_rows(X, "log_likelihood")
        name = f"{type(self).__name__}.log_likelihood"
        if not is_countable(model.machine):
            raise ValueError(
                f"{name} sums over all states of every second hidden layer, which is possible for "
                f"up to {MOST_UNITS} units together. Got layers of {self._structure.sizes} units. "
                "Use log_likelihood_bound, which returns a lower bound."
            )
        model.warn_of_no_states(name, rows)
        return self._less_log_partition(log_mass(model, rows), model, rows, log_partition)

    def _less_log_partition(self, log_masses, model, rows, log_partition):
        check_argument(self, "log_partition", log_partition, LOG_PARTITION)
        if log_partition is None:
            log_partition = self.__skebm_log_partition__()
        return (log_masses - in_nats(log_partition)).astype(rows.dtype)

    def __skebm_log_partition__(self):
        """The log Z that scores use if none is passed."""
        return log_partition_of_scores(self)
