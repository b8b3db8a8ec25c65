"""The deep Boltzmann machine."""

from dataclasses import replace
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from .._messages import messages_of
from .._random import RandomStreams
from .._source import DenseRows, all_of, evenly_spaced
from .._validation import Flag, MissingValue, Number, Options, check_argument, keep_parameters
from ..boltzmann.bound_monitor import BoundMonitor
from ..boltzmann.couplings import Dense
from ..boltzmann.data import CHECKS_OF_TABLES
from ..boltzmann.doubled import HighestRBM, MiddleRBM, joined
from ..boltzmann.estimator import CHECKS, BoltzmannEstimator
from ..boltzmann.inference import LOG_PARTITION, in_nats, remembered_log_partition
from ..boltzmann.initial import with_layers_above
from ..boltzmann.machine import Machine, upside_down
from ..boltzmann.posterior import Drawn, MeanField
from ..boltzmann.summation import MOST_UNITS
from ..boltzmann.variational import is_countable, log_mass, log_mass_bound, posterior_means
from .pretraining import PRETRAINING_CHECKS, Structure, fit_in_turn, layer_sizes
from .progress import StageReport
from .visible_units import VISIBLE_UNITS, data_of

# What is there after training all layers together, and not while they are trained one by one.
_OF_ALL_LAYERS = (
    "coefs_",
    "intercepts_",
    "history_",
    "n_iter_",
    "_model",
    "_training_state",
    "_streams",
)

# Rows whose states in the lowest hidden layer say what layers above it begin as.
_ROWS_TO_BEGIN_WITH = 512


class DeepBoltzmannMachine(BoltzmannEstimator):
    """Deep Boltzmann machine: a Boltzmann machine with several hidden layers.

    Models data by p(v) proportional to the sum over all hidden states of exp(-E), with
    E = -b v - sum over k of (h_{k-1} W_k h_k + c_k h_k) and h_0 = v. In contrast to a
    :class:`DeepBeliefNetwork`, every layer hears from the one below it and the one above it. All
    layers learn together, by stochastic gradient ascent of the log-likelihood: states of the data
    by mean field and a few steps of Gibbs sampling from there, states of the model by Gibbs
    chains [1]_. See :ref:`the user guide <dbm>`.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(500, 1000)
        Numbers of hidden units, from the lowest layer to the highest.
    visible_units : {"auto", "bernoulli", "gaussian", "mixed"}, default="auto"
        "auto": "bernoulli" where all values of the data are in [0, 1], and otherwise "gaussian".
        "bernoulli": for data in [0, 1]. "gaussian": for real numbers of any scale; each feature is
        standardised. "mixed": for tables of binary, categorical and real columns, such as
        DataFrames, as those of :class:`MixedRBM`.
    categories : {"auto", "declared"} or dict, default="auto"
        What the columns of a table are, see :class:`MixedRBM`. Used with "mixed" only.
    handle_unknown : {"error", "missing"}, default="error"
        What becomes of a category that was not there in the first call of ``fit`` or
        ``partial_fit``: an error, or a missing entry. Used with "mixed" only.
    pretrain : bool, default=False
        Whether layers are first trained one after the other, as RBMs, the lowest of which sees the
        data twice and the highest of which counts its hidden units twice [2]_. False has each layer
        begin as a random projection of the one below.
    rbm_algorithm : {"cd", "pcd"}, default="cd"
        This and each other name that starts with ``rbm_`` is the parameter of
        :class:`BernoulliRBM`, or of :class:`GaussianRBM`, without ``rbm_``. A sequence holds one
        value for each hidden layer. Used with ``pretrain`` only.
    rbm_n_gibbs_steps : int or sequence of int, default=1
        Steps of Gibbs sampling for one step of greedy learning.
    rbm_learning_rate : float or sequence of float, default=0.05
        Length of a step of greedy training.
    rbm_learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        How it changes from epoch to epoch.
    rbm_n_iter : int or sequence of int, default=10
        Epochs of greedy training of a layer.
    rbm_batch_size : int or sequence of int, default=10
        Rows in a minibatch of greedy training.
    rbm_momentum : float or sequence of float, default=0.0
        Share of the last step that is added to the next, in [0, 1).
    rbm_alpha : float or sequence of float, default=0.0
        Strength of the L2 penalty on the weights in greedy training.
    learning_rate : float or sequence of float, default=0.05
        Length of a step along the gradient of the bound. This and every other parameter that takes
        a sequence changes from epoch to epoch: the values share the ``n_iter`` epochs evenly, in
        their order.
    batch_size : int, default=10
        Rows in a minibatch.
    n_iter : int, default=20
        Epochs in which all layers learn together.
    verbose : int, default=0
        If positive, print a line an epoch, with the seconds that are left.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, of the order of the rows, and of all samples. Pass an int
        for the same result at each call, on any number of threads, see :ref:`random_numbers`.
    algorithm : {"cd", "pcd", "pt"}, default="cd"
        Where the Gibbs chains start: at the data and their posterior; where the last step left
        them; or there with replicas at higher temperatures to swap states with, see
        :class:`BernoulliRBM`. "cd" has no chains that could fall behind the model. "pcd" and "pt"
        want a rate so small that the chains can follow, see :ref:`the user guide <dbm>`.
    n_gibbs_steps : int or sequence of int, default=1
        Steps of Gibbs sampling, each of all layers, for one step of learning.
    n_chains : int, default=None
        Number of persistent chains. None is ``batch_size``. Not used by "cd".
    n_replicas : int, default=10
        Temperatures of parallel tempering. Used by "pt" and ``sample`` only.
    n_mean_field_steps : int, default=25
        Sweeps of mean field over the hidden layers, at most.
    mean_field_tol : float, default=1e-3
        Sweeps end when the mean change of the units of a layer is not above this, in any row.
    n_clamped_steps : int, default=3
        Steps of Gibbs sampling of the hidden layers with the data held, from where mean field
        ends, for one step of learning. With 0 it is mean field that learning takes for the states
        of the data: that climbs the bound, but its second layer soon says the same of all rows.
    max_gradient_norm : float, default=1.0
        Greatest Frobenius norm of the gradient of all weights; a longer one is scaled back. Without
        a limit, a few minibatches whose chains have left the data can bring all units into one
        state, the same for all rows.
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        Factor of the learning rate in epoch e = 0, 1, ... of n: 1; 1 - e / n; 1 / sqrt(1 + e);
        (1 + cos(pi e / n)) / 2.
    solver : {"sgd", "adagrad", "rmsprop", "adam"}, default="sgd"
        How steps follow from gradients. All but "sgd" want a lower learning rate, such as 0.001.
    momentum : float or sequence of float, default=0.0
        Of "sgd": share of the last step that is added to the next, in [0, 1).
    nesterovs_momentum : bool, default=False
        Whether the momentum of "sgd" is Nesterov's; Polyak's otherwise.
    beta_1, beta_2 : float, default=0.9, 0.999
        Of "adam": shares of the averages of gradients and of their squares that are kept.
    epsilon : float, default=1e-8
        What "adagrad", "rmsprop" and "adam" add to a divisor.
    alpha : float, default=0.0
        Strength of the penalty on the weights; biases are free.
    l1_ratio : float, default=0.0
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``.
    sparsity_target : float, default=None
        Mean activity that all hidden units are drawn to, in (0, 1), by their biases.
    sparsity_cost : float, default=0.1
        How strongly.
    centered : bool, default=True
        Take the gradient with respect to states from which moving averages have been subtracted
        [3]_.
    shuffle : bool, default=True
        Visit the rows in a new order in each epoch.
    early_stopping : bool, default=False
        Hold out some rows, stop when the mean bound on their log-likelihood has not risen by more
        than ``tol`` nats for ``n_iter_no_change`` epochs, and keep the weights with the highest
        one. log Z, which it takes, is annealed in each epoch, or summed up where that is possible.
    validation_fraction : float, default=0.1
        Share of the rows to hold out, in (0, 1). Used with ``early_stopping`` only.
    n_iter_no_change : int, default=10
        Epochs to wait for a gain. Used with ``early_stopping`` only.
    tol : float, default=1e-4
        Smallest gain that counts, in nats a row. Used with ``early_stopping`` only.
    reconstruction_tol : float, default=None
        Stop when the reconstruction error, see ``history_``, is not above this.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last call ended, also where that was interrupted
        after some layers of greedy training.
    missing_values : float, default=np.nan
        What marks a missing entry of the data, in training and in use, see
        :ref:`the user guide <missing_entries>`. With "mixed" it may be any value, such as "?", and
        NaN, None and what else a DataFrame has for it always mark one, too.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_below, n_units)
        Weights between each layer and the next, from the lowest on; of real numbers those of
        standardised features.
    intercepts_ : list of ndarray of shape (n_units,)
        Biases of all layers, the visible one first, of standardised features as the weights.
    rbms_ : list of RBM
        The layers as greedy training left them. Only with ``pretrain``. Where it is interrupted,
        the finished ones are kept, and nothing else: with ``warm_start``, ``fit`` goes on there.
    h_samples_ : ndarray of shape (n_chains, n_odd_units)
        States of the odd layers, side by side, of the persistent chains. Not with "cd".
    betas_, swap_rates_ : ndarray
        As those of :class:`BernoulliRBM`. Only with ``algorithm="pt"``.
    n_iter_ : int
        Number of epochs that the last ``fit`` ran.
    history_ : dict of str to list of float
        Measurements after each epoch of the last ``fit``. On up to 50 training rows, always the
        same: "reconstruction_error", the squared difference of a row and its mean given the lowest
        hidden layer, summed over features, mean over rows; "mean_field_steps", the sweeps that mean
        field took, and "mean_field_change", the largest mean change of a row in the last of them:
        above ``mean_field_tol``, there were not enough. "dead_units" is the share of the hidden
        units whose means differ by less than 0.05 over up to 256 rows of training. "seconds" is
        the duration of the epoch. With ``early_stopping``, also "validation_bound", the mean bound
        on the log-likelihood of the rows held out, and "bound_gap", by how much that of the
        training rows is higher.
    visible_units_ : {"bernoulli", "gaussian", "mixed"}
        What ``visible_units`` said, or "auto" found.
    mean_, scale_, variances_ : ndarray of shape (n_units,)
        Of the features that visible units stand for: mean and standard deviation that they are
        standardised by, and the variance given the hidden units, in the square of the data's unit.
        Of other than real columns of a table 0, 1 and 1. Only with "gaussian" and "mixed".
    categories_ : list of list or None
        For each column of a table its categories, or None for one of real numbers. This and the
        next two as those of :class:`MixedRBM`, and only with "mixed".
    unit_names_ : ndarray of str, of shape (n_units,)
        Names of the visible units, in their order.
    encoder_ : TableEncoder
        What makes states of the visible units from a table, and a table from them.
    n_features_in_ : int
        Number of features seen during ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, where they are all strings.

    See Also
    --------
    DeepBeliefNetwork : A stack of RBMs, of which only the highest is undirected.
    BernoulliRBM, GaussianRBM, MixedRBM : One hidden layer.

    Notes
    -----
    All even layers, the visible one among them, are independent of each other given the odd ones,
    and the other way round: one step of Gibbs sampling is two matrix products a layer, however many
    layers there are.

    Mean field takes the means of the odd hidden layers given those of the even ones, and then the
    other way round. Each is exact where the other side is held, so the bound never falls from one
    half sweep to the next, and no damping is needed. It starts from one pass up in which each layer
    but the highest hears twice of the one below, since nothing is known yet of the one above.

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

    _parameter_checks: ClassVar = (
        CHECKS
        | CHECKS_OF_TABLES
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
        hidden_layer_sizes=(500, 1000),
        *,
        visible_units="auto",
        categories="auto",
        handle_unknown="error",
        pretrain=False,
        rbm_algorithm="cd",
        rbm_n_gibbs_steps=1,
        rbm_learning_rate=0.05,
        rbm_learning_rate_schedule="linear",
        rbm_n_iter=10,
        rbm_batch_size=10,
        rbm_momentum=0.0,
        rbm_alpha=0.0,
        learning_rate=0.05,
        batch_size=10,
        n_iter=20,
        verbose=0,
        random_state=None,
        algorithm="cd",
        n_gibbs_steps=1,
        n_chains=None,
        n_replicas=10,
        n_mean_field_steps=25,
        mean_field_tol=1e-3,
        n_clamped_steps=3,
        max_gradient_norm=1.0,
        learning_rate_schedule="linear",
        solver="sgd",
        momentum=0.0,
        nesterovs_momentum=False,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        alpha=0.0,
        l1_ratio=0.0,
        sparsity_target=None,
        sparsity_cost=0.1,
        centered=True,
        shuffle=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        reconstruction_tol=None,
        warm_start=False,
        missing_values=np.nan,
    ):
        keep_parameters(self, locals())

    # What it is

    @property
    def _kind_of_data(self):
        return data_of(self.visible_units)

    def __skebm_check__(self):
        """Raise an error where a parameter is not valid; nothing is changed."""
        super().__skebm_check__()
        if not self._kind_of_data.are_tables:
            check_argument(self, "missing_values", self.missing_values, MissingValue())

    def _first_model(self, X, rows, random_state, progress, commit):
        """Has its lowest layers from an RBM, which knows how data of its kind begin."""
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
            machine, means = joined(models)
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
        """Those that training was interrupted after, where it is to go on."""
        goes_on = self.pretrain and self.warm_start and not self._is_trained()
        return getattr(self, "rbms_", []) if goes_on else []

    def _check_going_on(self, finished):
        """Raise an error where RBMs that are there were made for something else."""
        self._structure.check(self)
        n_before = finished[0].n_features_in_
        if self.n_features_in_ != n_before:
            raise ValueError(
                f"X has {self.n_features_in_} features, but {type(self).__name__} is expecting "
                f"{n_before} features as input."
            )

    def _train_rbms(self, finished, X, streams, progress, commit):
        """Have in ``rbms_`` those of greedy training, from the lowest on; each is to stay."""
        lowest, n_hidden = self._structure.units_below(0), self._structure.n_hidden
        classes = [lowest.doubled_rbm, *[MiddleRBM] * (n_hidden - 2), HighestRBM]
        if n_hidden == 1:
            classes = [lowest.rbm]
        rbms = self._structure.new_rbms(self, streams, n_hidden, classes, **self._of_data())
        rbms[: len(finished)] = self.rbms_ = finished
        for name in (*_OF_ALL_LAYERS, *getattr(self, "_names_of_chains", ())):
            vars(self).pop(name, None)
        # Only where all layers learn together are units of all of them looked at.
        left_to_whole = ("data", "dead units") if self._parameters.n_iter else ("data",)
        fits = fit_in_turn(rbms, X, self, progress, len(finished), left_to_whole=left_to_whole)
        for rbm in fits:
            self.rbms_ = [*self.rbms_, rbm]
            self._stamp_version()
            commit()

    def _untrained_rbm(self, X, streams):
        """What the two lowest layers begin as."""
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
        with messages_of(self, rbm, left_to_whole=("data",)):
            return rbm.fit(X)

    def _of_data(self):
        """Parameters by which the lowest RBM reads data as this machine does."""
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
        """Whether it is, also where greedy training was interrupted."""
        return self._is_trained()

    def _check_sizes(self):
        self._structure.check(self)

    def __skebm_model__(self, dtype=None):
        """What has been learned."""
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
        # Higher layers begin with small weights, which take steps to grow.
        return [*super()._remedies_for_dead_units(prefix), f"raise '{prefix}n_iter'"]

    def _report(self, epoch, measured):
        StageReport(self, "Training", self._parameters.n_iter)(epoch, measured)

    # Features

    def transform(self, X, layer=-1):
        """Mean states of the units of a hidden layer, by mean field.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data; NaN marks what is missing, and has no part in the means.
        layer : int, default=-1
            Number of the hidden layer, counted from 0; negative numbers count from the top.

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
            Probabilities of being on, of the type of ``X``.
        """
        check_is_fitted(self)
        number = self._number_of(layer)
        config = getattr(self, "_sklearn_output_config", {})
        self._structure.check_names_of_units(number, self, config)
        model, rows = self._model_and_rows(X)
        return self._of_layer(model, posterior_means(model, rows), number)

    def inverse_transform(self, X, layer=-1):
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
            Means of the data, of the type of ``X``.
        """
        check_is_fitted(self)
        number = self._number_of(layer)
        H = self._structure.valid_units(X, number, self)
        model = self.__skebm_model__(H.dtype)
        below = model.with_machine(upside_down(model.machine, number + 1))
        sides = posterior_means(below, DenseRows(H))
        visible = sides[(number + 1) % 2][:, below.machine.places[-1]]
        return self._data.given_back(model.to_data(model.machine.beside_hidden(visible, 0)))

    def reconstruct(self, X, layer=-1):
        """Mean data given the means of a hidden layer given the data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        layer : int, default=-1
            Number of the hidden layer, as for :meth:`transform`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Means of the data, of the type of ``X``.
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

    def energy(self, X, *hidden):
        """Energy of states of all layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states.
        *hidden : array-like of shape (n_samples, n_units)
            States of each hidden layer, from the lowest to the highest. None at all: their means
            given ``X``, as of :meth:`transform`.

        Returns
        -------
        E : ndarray of shape (n_samples,)
            In nats.

        Raises
        ------
        ValueError
            If there are not as many hidden layers, or not as many rows of each.
        """
        model, rows = self._model_and_rows(X, "energy")
        n_hidden = self._structure.n_hidden
        if not hidden:
            return model.machine.energy(*posterior_means(model, rows)).astype(rows.dtype)
        if len(hidden) != n_hidden:
            raise ValueError(
                f"{type(self).__name__}.energy takes the states of {n_hidden} hidden layers "
                f"beside X. Got {len(hidden)}."
            )
        layers = [all_of(rows)]
        for number, states in enumerate(hidden):
            layers.append(self._structure.valid_units(states, number, self).astype(rows.dtype))
            check_consistent_length(layers[0], layers[-1])
        energies = model.machine.energy(np.hstack(layers[::2]), np.hstack(layers[1::2]))
        return energies.astype(rows.dtype)

    def score_samples(self, X, log_partition=None):
        """Lower bound on the log-likelihood of each row, by mean field.

        The expectation of -E under the distribution of independent hidden units that comes nearest
        to the posterior, plus its entropy, less log Z.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data; NaN marks what is missing. Of a row with gaps, that of the model of its known
            features up to a constant of these: compare rows that lack the same.
        log_partition : LogPartition or float, default=None
            What :meth:`log_partition` returned for this model, of which the estimate counts, or a
            number of nats; with its ``upper``, scores are lower bounds also of what annealing left
            open. None makes one with 1000 temperatures, and remembers it for the next call: exact
            where the even or the odd layers together have up to 20 units, a rough estimate
            otherwise, which shifts all scores alike.

        Returns
        -------
        bound : ndarray of shape (n_samples,)
            In nats, of the type of ``X``.
        """
        model, rows = self._model_and_rows(X)
        model.warn_of_no_states(f"{type(self).__name__}.score_samples", rows)
        return self._less_log_partition(log_mass_bound(model, rows), model, rows, log_partition)

    def score(self, X, y=None):
        """Mean of :meth:`score_samples` over the rows; the greater, the better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data; NaN marks what is missing.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        bound : float
            In nats a row.
        """
        return float(self.score_samples(X).mean())

    def log_likelihood(self, X, log_partition=None):
        """Log-likelihood log p(v) of each row, by a sum over the states of some hidden layers.

        Less :meth:`score_samples`, it is what the bound leaves out: how far the posterior is from
        one of independent units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states, none missing.
        log_partition : LogPartition or float, default=None
            As for :meth:`score_samples`.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, of the type of ``X``.

        Raises
        ------
        ValueError
            If neither the odd hidden layers (the first, the third, ...) nor the even ones together
            have 20 units at most.
        """
        model, rows = self._model_and_rows(X, "log_likelihood")
        name = f"{type(self).__name__}.log_likelihood"
        if not is_countable(model.machine):
            raise ValueError(
                f"{name} sums over the states of every second hidden layer, which may have "
                f"{MOST_UNITS} units together. Got {self._structure.sizes}: score_samples gives a "
                "lower bound."
            )
        model.warn_of_no_states(name, rows)
        return self._less_log_partition(log_mass(model, rows), model, rows, log_partition)

    def _less_log_partition(self, log_masses, model, rows, log_partition):
        check_argument(self, "log_partition", log_partition, LOG_PARTITION)
        if log_partition is None:
            log_partition = self.__skebm_log_partition__()
        return (log_masses - in_nats(log_partition)).astype(rows.dtype)

    def __skebm_log_partition__(self):
        """That which scores take where none is given."""
        return remembered_log_partition(self)
