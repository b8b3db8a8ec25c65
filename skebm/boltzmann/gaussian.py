"""The restricted Boltzmann machine with real-valued visible units."""

from dataclasses import replace
from numbers import Real
from typing import ClassVar

import numpy as np

from .._rows import StandardizedRows
from .._validation import Flag, InvalidParameterError, Number, Optional, Options
from .machine import Machine
from .rbm import BaseRBM
from .units import BernoulliUnits, GaussianUnits

# A column whose deviation is smaller than this share of its mean is rounding noise.
_SMALLEST_DEVIATION = 1e-7

# The weights at the start: deviation of the means that they amount to, of data with variance 1, and
# the number of rows that they are mixed from.
_WEIGHT_SCALE = 0.01
_N_ROWS_MIXED = 1000


class GaussianRBM(BaseRBM):
    """Restricted.

    TODO
    """

    _parameter_checks: ClassVar = BaseRBM._parameter_checks | {
        "learn_variance": Flag(),
        "variance_learning_rate": Optional(Number(Real, "(0, inf)")),
        "max_gradient_norm": Number(Real, "(0, inf]"),
        "sampler": Options("gibbs", "gibbs-langevin"),
        "langevin_time": Number(Real, "(0, inf)"),
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
        n_gibbs_steps=1,
        n_chains=None,
        learn_variance=True,
        variances=None,
        variance_learning_rate=None,
        max_gradient_norm=10.0,
        sampler="gibbs",
        langevin_time=0.5,
        learning_rate_schedule="constant",
        momentum=0.0,
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
    ):
        super().__init__(
            n_components,
            learning_rate=learning_rate,
            batch_size=batch_size,
            n_iter=n_iter,
            verbose=verbose,
            random_state=random_state,
            algorithm=algorithm,
            n_gibbs_steps=n_gibbs_steps,
            n_chains=n_chains,
            learning_rate_schedule=learning_rate_schedule,
            momentum=momentum,
            alpha=alpha,
            l1_ratio=l1_ratio,
            sparsity_target=sparsity_target,
            sparsity_cost=sparsity_cost,
            centered=centered,
            shuffle=shuffle,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            reconstruction_tol=reconstruction_tol,
            warm_start=warm_start,
        )
        self.learn_variance = learn_variance
        self.variances = variances
        self.variance_learning_rate = variance_learning_rate
        self.max_gradient_norm = max_gradient_norm
        self.sampler = sampler
        self.langevin_time = langevin_time

    # The machine sees data of mean 0 and variance 1, whatever the data are.

    def _inspect(self, rows, first_time):
        if not first_time:
            return
        mean, variance = rows.mean(), rows.variance()
        scale = np.sqrt(variance)
        scale[scale <= _SMALLEST_DEVIATION * np.abs(mean)] = 1.0
        self.mean_, self.scale_ = mean, scale

    def _to_states(self, rows):
        return StandardizedRows(rows, self.mean_, self.scale_)

    def _to_data(self, states):
        states *= self.scale_.astype(states.dtype)
        states += self.mean_.astype(states.dtype)
        return states

    def _log_scale(self):
        return float(np.log(self.scale_).sum())

    def _initial_machine(self, rows, random_state):
        """A machine that has the means and variances of the data, and a trace of the correlations.

        The weights are random mixtures of rows: what correlates in the data does so in them.
        """
        n_rows, n_features = rows.shape
        numbers = np.linspace(0, n_rows - 1, min(n_rows, _N_ROWS_MIXED)).astype(np.intp)
        some = rows.take(numbers, np.empty((len(numbers), n_features), dtype=rows.dtype))
        mixture = random_state.normal(0, _WEIGHT_SCALE, (self.n_components, len(numbers)))
        mixture /= np.sqrt(len(numbers))
        means = some.T @ mixture.T.astype(rows.dtype)
        if self.variances is None:
            variances = 1 - np.square(means).sum(axis=1) / 4
        else:
            variances = self._given_variances() / self.scale_**2
        bias = rows.mean() - means.sum(axis=1) / 2
        log_variance = np.log(np.broadcast_to(variances, bias.shape))
        return Machine(
            np.ascontiguousarray(means / np.reshape(variances, (-1, 1)), dtype=rows.dtype),
            GaussianUnits(bias, log_variance, self._inertia()).copy(rows.dtype),
            BernoulliUnits(np.zeros(self.n_components, dtype=rows.dtype)),
        )

    def _inertia(self):
        return float(np.exp(-self.langevin_time)) if self.sampler == "gibbs-langevin" else 0.0

    def _given_variances(self):
        n_features = len(self.mean_)
        variances = np.asarray(self.variances, dtype=np.float64)
        if variances.shape not in ((), (n_features,)) or not (
            np.isfinite(variances).all() and (variances > 0).all()
        ):
            raise InvalidParameterError(
                f"The 'variances' parameter of {type(self).__name__} must be a float in the range "
                f"(0, inf), an array of {n_features} such numbers or None. "
                f"Got {self.variances!r} instead."
            )
        return variances

    def _settings(self, now, rate_factor):
        settings = super()._settings(now, rate_factor)
        if not self.learn_variance:
            variance_rate = 0.0
        elif self.variance_learning_rate is None:
            variance_rate = settings.learning_rate / 10
        else:
            variance_rate = rate_factor * self.variance_learning_rate
        return replace(
            settings, variance_rate=variance_rate, max_gradient_norm=self.max_gradient_norm
        )

    def _publish_machine(self, machine):
        # The intercepts stay float64: they are small beside the means of the data, or beside what
        # these contribute to the inputs of the hidden units, and would drown in their rounding.
        scale, dtype = self.scale_, machine.dtype
        variances = np.exp(machine.visible.log_variance.astype(np.float64))
        weights = machine.weights * (variances * scale)[:, None]
        self.components_ = weights.T.astype(dtype)
        self.variances_ = (variances * scale**2).astype(dtype)
        self.intercept_visible_ = self.mean_ + scale * machine.visible.bias
        self.intercept_hidden_ = machine.hidden.bias - self._input_of_mean()

    def _machine(self, dtype):
        """The fitted machine of standardised states."""
        variances = self.variances_.astype(np.float64)
        weights = self.components_.T * (self.scale_ / variances)[:, None]
        bias = (self.intercept_visible_ - self.mean_) / self.scale_
        log_variance = np.log(variances) - 2 * np.log(self.scale_)
        hidden_bias = self.intercept_hidden_ + self._input_of_mean()
        return Machine(
            np.ascontiguousarray(weights, dtype=dtype),
            GaussianUnits(bias, log_variance, self._inertia()).copy(dtype),
            BernoulliUnits(hidden_bias.astype(dtype)),
        )

    def _input_of_mean(self):
        """What a row of the data's means adds to the inputs of the hidden units."""
        return self.components_ @ (self.mean_ / self.variances_.astype(np.float64))
