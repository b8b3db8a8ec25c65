"""The restricted Boltzmann machine with real-valued visible units."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from .._checks import Flag, Number, Optional, Options, Schedule, keep_parameters
from .._messages import messages_for
from .._parameter_texts import with_texts
from .._scales import mean_and_deviation
from .._source import all_of
from .._typing import Decay, Floats, RandomStateLike, StochasticSolver
from .initial import initial_machine, initial_scale
from .machine import Machine
from .model import Model
from .parameter_texts import OF_LAYERS, OF_RBMS, OF_REAL_UNITS
from .rbm import RBM_CHECKS, BaseRBM
from .units import BernoulliUnits, GaussianUnits

# Largest ratio of a variance that the user passes to that of the data, and of the data to it.
_FARTHEST = 1e15

# Valid parameters of all RBMs with real-valued units.
REAL_UNITS_CHECKS = RBM_CHECKS | {
    "learn_variance": Flag(),
    "variance_learning_rate": Optional(Number(Real, "(0, inf)")),
    "max_gradient_norm": Number(Real, "(0, inf]"),
    "sampler": Options("gibbs", "gibbs-langevin"),
    "langevin_time": Number(Real, "(0, inf)"),
}


@dataclass(frozen=True)
class StandardizedModel(Model):
    """A model whose visible states are standardised data: (data - mean) / scale.

    Attributes
    ----------
    mean, scale : ndarray of float64, of shape (n_visible,)
        Mean and scale of each feature; the scale of a constant feature is 1.
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
        """Log of the ratio of volumes of data and of their visible states."""
        return float(np.log(self.scale).sum())

    def log_scale_of(self, rows):
        """The same for the known features of each row of visible states: a number, or an array."""
        if rows.known is None:
            return self.log_scale
        parts = [all_of(some) @ np.log(self.scale) for some in rows.known.in_chunks()]
        return np.concatenate(parts).astype(rows.dtype)

    def fitted_attributes(self):
        """The machine as fitted attributes of an estimator, in the units of the data, by name."""
        # Variances and intercepts stay float64. A variance, which is a square, may be outside the
        # range of float32. An intercept may be smaller than the float32 rounding error of the mean
        # of the data, or of the input of the hidden units from this mean.
        visible, dtype = self.machine.visible, self.machine.dtype
        scaled = np.exp(visible.log_variance.astype(np.float64))
        # Weights of constant features are not exactly zero, because their mean is rounded.
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
        """Means and scales of the data, and variances of the units, in the units of the data."""
        variance = np.exp(self.machine.visible.log_variance.astype(np.float64))
        return {
            "mean_": self.mean,
            "scale_": self.scale,
            "variances_": variance * self.scale**2,
        }

    def warn_of_data(self, name, rows):
        """Do nothing: any number is valid."""

    def warn_of_no_states(self, name, rows):
        """Do nothing: any number has a density."""


def _input_of_mean(components, mean, variances):
    """Input of the hidden units from a row that equals the mean of the data."""
    return components @ (mean / variances)


@with_texts(OF_LAYERS, OF_RBMS, OF_REAL_UNITS)
class GaussianRBM(BaseRBM):
    """Restricted Boltzmann machine with real-valued visible and binary hidden units.

    Models rows of real numbers by p(v) proportional to the sum over h of exp(-E(v, h)), with
    E(v, h) = sum_i (v_i - b_i)^2 / (2 s_i) - sum_ij (v_i / s_i) W_ij h_j - sum_j c_j h_j and the
    variances s [1]_. Given h, the features are normal with the means b + W h and the variances s.
    So p(v) is a mixture with one Gaussian for each hidden state.

    Features can have any scale: training standardises each with its mean and standard deviation in
    the first call of ``fit`` or ``partial_fit``, and all results are in the units of the data. A
    feature that is constant in these rows has no weights, and its value in all samples. See
    :ref:`the user guide <gaussian_rbm>` for how to choose the parameters.

    Parameters
    ----------
    n_components, learning_rate, batch_size, n_iter, verbose, random_state, algorithm,
    n_gibbs_steps, n_chains, n_replicas, learn_variance
    variances : float or sequence of float of length n_features, default=None
        Variances at the start of training, one for all features or one for each, in squared units
        of the data. With ``learn_variance=False`` they do not change. None is the variances of the
        data, minus the part that the initial weights account for.
    variance_learning_rate, max_gradient_norm, sampler, langevin_time, learning_rate_schedule,
    solver, momentum, nesterovs_momentum, beta_1, beta_2, epsilon, alpha, l1_ratio, sparsity_target,
    sparsity_cost, centered, shuffle, early_stopping, validation_fraction, n_iter_no_change, tol,
    reconstruction_tol, warm_start, missing_values

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights: how much a hidden unit that is on adds to the mean of each feature.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units. These and the biases of the visible units are float64 even if
        the data are float32: the differences between them may be small compared with their size.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units, the means of the features when all hidden units are off.
    variances_ : ndarray of shape (n_features,)
        Variances of the features given the hidden units, float64. A constant feature
        counts as one of variance 1 in densities, and has no noise in samples.
    mean_ : ndarray of shape (n_features,)
        Mean of each feature in the rows of the first call.
    scale_ : ndarray of shape (n_features,)
        Standard deviation of each feature in the rows of the first call; 1 where it is constant.
    h_samples_, betas_, swap_rates_, n_iter_, history_, loss_curve_, n_features_in_,
    n_features_out_, feature_names_in_

    See Also
    --------
    BernoulliRBM : The same for data in [0, 1].

    Notes
    -----
    :meth:`score_samples` is the sum over features of the log-density of a feature given all others,
    in nats, in the units of the data. As a function of one feature, the density is a mixture of
    Gaussians with equal variances. It is integrated by the trapezoidal rule, with an error below
    1e-8.

    Training starts from the means and variances of the data. Initial weights and dead units are as
    in :class:`BernoulliRBM`, see its notes, with one difference: the weights are limited such that
    they account for at most a fifth of the variance of each feature.

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

    # Parameters
    learn_variance: bool
    variances: ArrayLike | None
    variance_learning_rate: float | None
    max_gradient_norm: float
    sampler: Literal["gibbs", "gibbs-langevin"]
    langevin_time: float

    # Fitted attributes
    variances_: Floats
    mean_: Floats
    scale_: Floats

    _parameter_checks: ClassVar = REAL_UNITS_CHECKS | {
        "variances": Optional(Schedule(Real, "(0, inf)"))
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float | Sequence[float] = 0.05,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: RandomStateLike = None,
        algorithm: Literal["cd", "pcd", "pt"] = "cd",
        n_gibbs_steps: int | Sequence[int] = 5,
        n_chains: int | None = None,
        n_replicas: int = 10,
        learn_variance: bool = True,
        variances: ArrayLike | None = None,
        variance_learning_rate: float | None = None,
        max_gradient_norm: float = 10.0,
        sampler: Literal["gibbs", "gibbs-langevin"] = "gibbs",
        langevin_time: float = 0.5,
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
        missing_values: float = np.nan,
    ) -> None:
        keep_parameters(self, locals())

    # The states of the machine are standardised data.

    def __skebm_model__(self, dtype=None):
        """The fitted model, see :class:`~skebm.boltzmann.estimator.BoltzmannEstimator`."""
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
        """The model before training, with the means and variances of the data.

        Sets ``mean_`` and ``scale_``. Constant features have no weights, and samples no noise.
        """
        self.mean_, self.scale_, self._is_constant = self._scales_of(rows)
        p = self._parameters
        with np.errstate(over="ignore"):
            moments = rows.standardized(self.mean_, self.scale_).moments()
        mean, variance, bias = self._start_of(moments, rows.shape[0])
        visible = self._visible_units(bias, np.zeros_like(bias))
        if self.variances is None:
            # With orthogonal weights and the variance s of the units, the precision of a feature is
            # 1 / s - q / s^2 to second order. It must be 1.
            scale, _ = initial_scale(visible, variance, p.n_components, activity)
            q = scale**2 * p.n_components * activity * (1 - activity)
            # Without a real-valued unit, q may be larger than 1 / 4. The variances are then unused.
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
        """Mean and scale of each feature, and whether it is constant; then the scale is 1."""
        mean, deviation = mean_and_deviation(rows, messages_for(self).estimator)
        is_constant = deviation == 0
        return mean, np.where(is_constant, 1, deviation), is_constant

    def _start_of(self, moments, n_rows):
        """Mean and variance of the visible states of the data, and the bias for this mean."""
        # One array for mean and bias, so that centring, too, starts at the bias that is then found.
        return moments.mean, np.where(self._is_constant, 0.0, 1.0), moments.mean

    def _visible_units(self, bias, log_variance):
        return GaussianUnits(bias, log_variance, self._inertia, self._is_constant)

    @property
    def _inertia(self):
        has_inertia = self.sampler == "gibbs-langevin"
        return float(np.exp(-self._parameters.langevin_time)) if has_inertia else 0.0

    def _given_variances(self):
        """The parameter ``variances`` divided by the variances of the data."""
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
                f"be between {1 / _FARTHEST:g} and {_FARTHEST:g} times the variances of the data. "
                "None uses these."
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
