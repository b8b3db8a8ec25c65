"""The restricted Boltzmann machine with real-valued visible units."""

from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np

from .._messages import messages_for
from .._scales import mean_and_deviation
from .._source import all_of
from .._validation import Flag, Number, Optional, Options, Schedule, keep_parameters
from .initial import initial_machine, initial_scale
from .machine import Machine
from .model import Model
from .rbm import CHECKS, BaseRBM
from .units import BernoulliUnits, GaussianUnits

# Variances that are given can be so many times those of the data, or as small a share of them.
_FARTHEST = 1e15

# What the parameters of all RBMs with real-valued units may be.
CHECKS_OF_REAL_UNITS = CHECKS | {
    "learn_variance": Flag(),
    "variance_learning_rate": Optional(Number(Real, "(0, inf)")),
    "max_gradient_norm": Number(Real, "(0, inf]"),
    "sampler": Options("gibbs", "gibbs-langevin"),
    "langevin_time": Number(Real, "(0, inf)"),
}


@dataclass(frozen=True)
class StandardizedModel(Model):
    """A model whose visible states are data less their mean and over their scale.

    Attributes
    ----------
    mean, scale : ndarray of float64, of shape (n_visible,)
        Of the data; the scale of what is constant is 1.
    """

    mean: np.ndarray
    scale: np.ndarray

    def to_states(self, rows):
        """Rows of visible states of the machine, from rows of data."""
        return super().to_states(rows.standardized(self.mean, self.scale))

    def to_data(self, states):
        """Data from even states of the machine, which are changed in place."""
        states = super().to_data(states)
        states *= self.scale.astype(states.dtype)
        states += self.mean.astype(states.dtype)
        return states

    @property
    def log_scale(self):
        """Log of the factor between a volume of data and that of its visible states."""
        return float(np.log(self.scale).sum())

    def log_scale_of(self, rows):
        """The same in the known features of each row of visible states: one number, or an array."""
        if rows.known is None:
            return self.log_scale
        parts = [all_of(some) @ np.log(self.scale) for some in rows.known.in_chunks()]
        return np.concatenate(parts).astype(rows.dtype)

    def fitted_attributes(self):
        """The machine as fitted attributes of an estimator, in the units of the data, by name."""
        # The variances stay float64, as a square may leave the range of float32; and the
        # intercepts: they are small beside the means of the data, or beside what these contribute
        # to the inputs of the hidden units, and would drown in their rounding.
        visible, dtype = self.machine.visible, self.machine.dtype
        scaled = np.exp(visible.log_variance.astype(np.float64))
        # Rounding of a mean leaves a trace in the weights of what is constant.
        deviation = np.where(visible.is_constant, 0.0, self.scale)
        components = (self.machine.weights * (scaled * deviation)[:, None]).T.astype(dtype)
        of_units = self.attributes_of_units()
        return of_units | {
            "components_": components,
            "intercept_visible_": self.mean + deviation * visible.bias,
            "intercept_hidden_": self.machine.hidden.bias
            - _input_of_mean(components, self.mean, of_units["variances_"]),
        }

    def attributes_of_units(self):
        """Means and scales of the data, and variances of the visible units in the data's units."""
        variance = np.exp(self.machine.visible.log_variance.astype(np.float64))
        return {
            "mean_": self.mean,
            "scale_": self.scale,
            "variances_": variance * self.scale**2,
        }

    def warn_of_data(self, name, rows):
        """Any number can be modelled."""

    def warn_of_no_states(self, name, rows):
        """Any number has a density."""


def _input_of_mean(components, mean, variances):
    """What a row of the data's means adds to the inputs of the hidden units."""
    return components @ (mean / variances)


class GaussianRBM(BaseRBM):
    """Restricted Boltzmann machine with real-valued visible and binary hidden units.

    Models rows of real numbers by p(v) proportional to the sum over h of exp(-E(v, h)), with
    E(v, h) = sum_i (v_i - b_i)^2 / (2 s_i) - sum_ij (v_i / s_i) W_ij h_j - sum_j c_j h_j and the
    variances s [1]_. Given h, a feature is normal around b + W h with its variance; so p(v) is a
    mixture of one Gaussian for each hidden state.

    Features of any scale can be given as they are: training sees each of them less its mean and
    over its standard deviation, both measured in the first call of ``fit`` or ``partial_fit``, and
    everything that comes out is in the units of the data again. Features that are constant in those
    rows have no weights, and samples have their value.
    See :ref:`the user guide <gaussian_rbm>` for how to choose the parameters.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.
    learning_rate : float or sequence of float, default=0.05
        Length of a step, for features of mean 0 and variance 1, in the directions of the gradient
        by the means: those of the weights and visible biases are taken times the variances. This
        and every other parameter that takes a sequence changes from epoch to epoch: the values
        share the ``n_iter`` epochs evenly, in their order.
    batch_size : int, default=10
        Rows in a minibatch.
    n_iter : int, default=10
        Epochs, passes over the training data.
    verbose : int, default=0
        If positive, print one line per epoch.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, of the order of the rows, and of all samples. Pass an int
        for the same result at each call, on any number of threads, see :ref:`random_numbers`.
    algorithm : {"cd", "pcd", "pt"}, default="cd"
        Where the Gibbs chains start. "cd", contrastive divergence: at the data of the minibatch,
        which serves these units best [3]_. "pcd", persistent contrastive divergence: where the
        last step left them. "pt", parallel tempering: as "pcd", and each chain swaps states with
        replicas of itself at higher temperatures.
    n_gibbs_steps : int or sequence of int, default=5
        Steps of Gibbs sampling, each of both layers, for one step of learning. With a single one
        the likelihood may fall again in a long training.
    n_chains : int, default=None
        Number of persistent chains. None is ``batch_size``. Not used by "cd".
    n_replicas : int, default=10
        Temperatures of parallel tempering, from that of the model to one where all units are
        independent. Used by "pt" and ``sample`` only.
    learn_variance : bool, default=True
        Learn the variances, as their logarithms. They keep within 1e-4 and 100 times the variance
        of the feature in the data.
    variances : float or sequence of float of length n_features, default=None
        Variances at the start of training, one for all features or one for each, in the square
        of their units; with ``learn_variance=False``, for ever. None is the variances of the
        data, less what the initial weights account for.
    variance_learning_rate : float, default=None
        Length of a step of the log-variances. None is a tenth of the learning rate.
    max_gradient_norm : float, default=10.0
        A gradient of the weights whose Frobenius norm is above this is shortened to it, and the
        gradients of the biases with it. ``inf`` never does.
    sampler : {"gibbs", "gibbs-langevin"}, default="gibbs"
        How visible states are drawn given the hidden ones. "gibbs": independently of what they
        were. "gibbs-langevin": by Langevin dynamics from where they were [2]_, which for normal
        units has an exact step of any length. A draw with nothing before it is independent: the
        first of a step with "pcd", and all with "pt".
    langevin_time : float, default=0.5
        Length of that step: a distance from the mean fades by the factor exp(-langevin_time).
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        Factor of the learning rates in epoch e = 0, 1, ... of n: 1; 1 - e / n; 1 / sqrt(1 + e);
        (1 + cos(pi e / n)) / 2.
    solver : {"sgd", "adagrad", "rmsprop", "adam"}, default="sgd"
        How steps follow from gradients. "sgd" goes the learning rate times the gradient, and is the
        one that the compiled loop for data with many zeros has: it is several times as fast there.
        The others adapt the length of the step of each parameter, and want a lower learning rate,
        such as 0.001.
    momentum : float or sequence of float, default=0.0
        Of "sgd": share of the last step that is added to the next, in [0, 1). It lengthens the
        steps by 1 / (1 - momentum): lower the learning rate as much. In an epoch before which n
        steps have been taken it is held to 1 - 1 / (2 + n / 100).
    nesterovs_momentum : bool, default=False
        Whether the momentum of "sgd" is Nesterov's; Polyak's otherwise.
    beta_1, beta_2 : float, default=0.9, 0.999
        Of "adam": shares of the averages of gradients and of their squares that are kept, in
        [0, 1).
    epsilon : float, default=1e-8
        What "adagrad", "rmsprop" and "adam" add to a divisor.
    alpha : float, default=0.0
        Strength of the penalty on the weights over the variances, for features of variance 1.
        The share of a weight that L2 takes in one step, ``learning_rate * alpha * (1 -
        l1_ratio)``, must be below 1.
    l1_ratio : float, default=0.0
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``.
    sparsity_target : float, default=None
        Mean activity that the hidden units are drawn to, in (0, 1), by their biases. None leaves
        them alone.
    sparsity_cost : float, default=0.1
        How strongly: the biases move by the learning rate times this times the difference
        between the target and a moving average of the activity.
    centered : bool, default=True
        Take the gradient with respect to states from which moving averages have been subtracted.
    shuffle : bool, default=True
        Visit the rows in a new order in each epoch.
    early_stopping : bool, default=False
        Hold out some rows, stop when their mean pseudo-log-likelihood has not risen by more than
        ``tol`` nats for ``n_iter_no_change`` epochs, and keep the weights with the highest one.
        Of the rows held out, at most 1000 are scored.
    validation_fraction : float, default=0.1
        Share of the rows to hold out, in (0, 1). Used with ``early_stopping`` only.
    n_iter_no_change : int, default=10
        Epochs to wait for a gain. Used with ``early_stopping`` only.
    tol : float, default=1e-4
        Smallest gain that counts, in nats per row. Used with ``early_stopping`` only.
    reconstruction_tol : float, default=None
        Stop when the reconstruction error, see ``history_``, is not above this.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last call ended.
    missing_values : float, default=np.nan
        What marks a missing entry of the data, in training and in use, see
        :ref:`the user guide <missing_entries>`. NaN is refused where it is another number.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights: what a hidden unit that is on adds to the mean of each feature.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units. These and those of the visible units are float64 also where
        the data are float32: they may differ little from large numbers.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units, the means of the features when all hidden units are off.
    variances_ : ndarray of shape (n_features,)
        Variances of the features given the hidden units, float64. A constant feature
        counts as one of variance 1 in densities, and has no noise in samples.
    mean_ : ndarray of shape (n_features,)
        Mean of each feature in the rows of the first call.
    scale_ : ndarray of shape (n_features,)
        Standard deviation of each feature in the rows of the first call; 1 where it is constant.
    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains; with ``algorithm="pt"``, of all replicas, in an
        array of shape (n_replicas, n_chains, n_components). Not with "cd".
    betas_, swap_rates_ : ndarray of shapes (n_replicas,) and (n_replicas - 1,)
        As for :class:`BernoulliRBM`. Only with ``algorithm="pt"``.
    n_iter_ : int
        Number of epochs that the last ``fit`` ran.
    history_ : dict of str to list of float
        As for :class:`BernoulliRBM`, but for "reconstruction_error", which is in units of the
        variances of the features.
    loss_curve_ : list of float
        Minus ``history_["pseudo_likelihood"]``.
    n_features_in_ : int
        Number of features seen during ``fit``.
    n_features_out_ : int
        Number of features that ``transform`` returns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, if all of them are strings.

    See Also
    --------
    BernoulliRBM : The same for data in [0, 1].

    Notes
    -----
    :meth:`score_samples` is the sum over features of the log-density of a feature given all the
    others, in nats for the units of the data. That density is a mixture of Gaussians of one width;
    its integral is taken to an error below 1e-8 by the trapezoidal rule.

    Training starts from the means and variances of the data and from random weights, as those of
    :class:`BernoulliRBM`, whose notes also say what becomes of dead units; only that what goes into
    a visible unit has a variance of at most a fifth of that of the feature.

    References
    ----------
    .. [1] K. Cho, A. Ilin and T. Raiko, "Improved learning of Gaussian-Bernoulli restricted
       Boltzmann machines", ICANN 2011.
    .. [2] R. Liao, S. Kornblith, M. Ren, D. J. Fleet and G. Hinton, "Gaussian-Bernoulli RBMs
       without tears", arXiv 2210.10318, 2022.
    .. [3] J. Melchior, N. Wang and L. Wiskott, "Gaussian-binary restricted Boltzmann machines for
       modeling natural image statistics", PLOS ONE 12, 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skebm import GaussianRBM
    >>> X = load_wine().data
    >>> rbm = GaussianRBM(n_components=8, random_state=0).fit(X)
    >>> rbm.transform(X).shape
    (178, 8)
    >>> rbm.sample(3, random_state=0).shape
    (3, 13)
    """

    _parameter_checks: ClassVar = CHECKS_OF_REAL_UNITS | {
        "variances": Optional(Schedule(Real, "(0, inf)"))
    }

    def __init__(
        self,
        n_components=256,
        *,
        learning_rate=0.05,
        batch_size=10,
        n_iter=10,
        verbose=0,
        random_state=None,
        algorithm="cd",
        n_gibbs_steps=5,
        n_chains=None,
        n_replicas=10,
        learn_variance=True,
        variances=None,
        variance_learning_rate=None,
        max_gradient_norm=10.0,
        sampler="gibbs",
        langevin_time=0.5,
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

    # The machine sees data of mean 0 and variance 1, whatever the data are.

    def __skebm_model__(self, dtype=None):
        """What has been learned, see :class:`~skebm.boltzmann.rbm.BaseRBM`."""
        dtype = self.components_.dtype if dtype is None else dtype
        mean, scale, variances = self.mean_, self.scale_, self.variances_
        weights = self.components_.T * (scale / variances)[:, None]
        bias = (self.intercept_visible_ - mean) / scale
        log_variance = np.log(variances) - 2 * np.log(scale)
        hidden_bias = self.intercept_hidden_ + _input_of_mean(self.components_, mean, variances)
        machine = Machine.restricted(
            np.ascontiguousarray(weights, dtype=dtype),
            self._visible_units(bias, log_variance).copy(dtype),
            BernoulliUnits(hidden_bias.astype(dtype)),
            self._copies,
        )
        return StandardizedModel(machine, self._means, self._batch_size, mean, scale)

    def _new_model(self, rows, activity, random_state):
        """Has the means and variances of the data, as if nothing correlated.

        What does not vary has no weights, and draws without noise.
        """
        self.mean_, self.scale_, self._is_constant = self._scales_of(rows)
        p = self._parameters
        with np.errstate(over="ignore"):
            moments = rows.standardized(self.mean_, self.scale_).moments()
        mean, variance, bias = self._start_of(moments, rows.shape[0])
        visible = self._visible_units(bias, np.zeros_like(bias))
        if self.variances is None:
            # With orthogonal weights and the variance s of the units, a feature has the precision
            # 1 / s - q / s^2 to second order, which is to be 1.
            scale, _ = initial_scale(visible, variance, p.n_components, activity)
            q = scale**2 * p.n_components * activity * (1 - activity)
            # Where no unit is real-valued, the scale may be larger, and nothing follows from it.
            variances = (1 + np.sqrt(max(1 - 4 * q, 0))) / 2
        else:
            variances = self._given_variances()
        log_variance = np.where(self._is_constant, 0.0, np.log(variances))
        visible = self._visible_units(bias, log_variance)
        machine, means = initial_machine(
            visible,
            (mean, variance),
            p.n_components,
            activity,
            random_state,
            rows.dtype,
            copies=self._copies,
        )
        return StandardizedModel(machine, means, p.batch_size, self.mean_, self.scale_)

    def _scales_of(self, rows):
        """Mean and scale of each feature, and whether it is constant, for which the scale is 1."""
        mean, deviation = mean_and_deviation(rows, messages_for(self).estimator)
        is_constant = deviation == 0
        return mean, np.where(is_constant, 1, deviation), is_constant

    def _start_of(self, moments, n_rows):
        """Mean and variance of the visible states of the data, and the bias that gives the mean."""
        return moments.mean, np.where(self._is_constant, 0.0, 1.0), moments.mean

    def _visible_units(self, bias, log_variance):
        return GaussianUnits(bias, log_variance, self._inertia, self._is_constant)

    @property
    def _inertia(self):
        has_inertia = self.sampler == "gibbs-langevin"
        return float(np.exp(-self._parameters.langevin_time)) if has_inertia else 0.0

    def _given_variances(self):
        """The parameter, in units of the variances of the data."""
        n_features = len(self.scale_)
        if np.size(self.variances) not in (1, n_features):
            raise ValueError(
                f"The 'variances' parameter of {type(self).__name__} must be one number, or one "
                f"for each of the {n_features} features. Got {self.variances!r} instead."
            )
        variances = np.asarray(self.variances, dtype=np.float64) / self.scale_**2
        too_far = ~self._is_constant & ~((variances > 1 / _FARTHEST) & (variances < _FARTHEST))
        if too_far.any():
            raise ValueError(
                f"The 'variances' parameter of {type(self).__name__}, {self.variances!r}, must "
                f"be between {1 / _FARTHEST:g} and {_FARTHEST:g} times the variances of the data."
            )
        return variances

    def _settings_of_units(self, learning_rate, rate_factor):
        if not self.learn_variance:
            variance_rate = 0.0
        elif self._parameters.variance_learning_rate is None:
            variance_rate = learning_rate / 10
        else:
            variance_rate = rate_factor * self._parameters.variance_learning_rate
        max_norm = self._parameters.max_gradient_norm
        return {"variance_rate": variance_rate, "max_gradient_norm": max_norm}
