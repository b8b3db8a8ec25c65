"""The restricted Boltzmann machine of tables, whose columns are of several kinds."""

from typing import ClassVar

import numpy as np
from scipy.special import logsumexp
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from .._source import all_of
from .._threads import one_blas_thread
from .._validation import AnyOf, Instance, Options, keep_parameters
from .conditionals import log_masses_of_choices
from .gaussian import GaussianRBM
from .table import TableEncoder, is_frame
from .units import BernoulliUnits, GaussianUnits, SideBySide, SoftmaxUnits


class MixedRBM(GaussianRBM):
    """Doc."""

    _parameter_checks: ClassVar = {
        name: check for name, check in GaussianRBM._parameter_checks.items() if name != "variances"
    } | {
        "categories": AnyOf(Options("auto"), Instance(dict)),
        "handle_unknown": Options("error", "missing"),
    }

    # Those of the data, less what the initial weights account for.
    variances = None

    def __init__(
        self,
        n_components=256,
        *,
        categories="auto",
        handle_unknown="error",
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
    ):
        keep_parameters(self, locals())

    # The machine sees states of units, which the encoder makes of a table.

    def _validated(self, X, dtype, reset, **options):
        X = self._checked_table(X, reset)
        if reset:
            self.encoder_ = TableEncoder(X, self.categories, type(self).__name__)
            self.categories_ = [column.categories for column in self.encoder_.columns]
            self.unit_names_ = self.encoder_.unit_names
        return self.encoder_.encode(X, self._dtype_of(X, dtype), self.handle_unknown)

    def _checked_table(self, X, reset=False):
        """A DataFrame as it is, anything else as an ndarray; both with known names of columns."""
        if is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if len(X) == 0:
                raise ValueError(f"Found array with 0 sample(s) by {type(self).__name__}.")
            return X
        if isinstance(X, (list, tuple)) and np.asarray(X).dtype.kind in "US":
            X = np.asarray(X, dtype=object)  # numbers would become texts
        return validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=reset)

    def _dtype_of(self, X, dtypes):
        """Type of the numbers that a table becomes."""
        if not isinstance(dtypes, (list, tuple)):
            return dtypes
        is_single = all(dtype == np.float32 for dtype in np.atleast_1d(X.dtypes)) if is_frame(X) else X.dtype == np.float32
        return np.float32 if is_single else np.float64

    def _as_given(self, V):
        return self.encoder_.decode(V)

    def _of_units(self, mask):
        return self.encoder_.of_units(mask)

    def _scales_of(self, rows):
        mean, scale, is_constant = super()._scales_of(rows)
        is_real = self.encoder_.is_real
        return np.where(is_real, mean, 0), np.where(is_real, scale, 1), is_constant & is_real

    def _start_of(self, moments, n_rows):
        mean, variance, _ = super()._start_of(moments, n_rows)
        variance = np.where(self.encoder_.is_real, variance, moments.variance)
        units = self._visible_units(np.zeros_like(mean), np.zeros_like(mean))
        return mean, variance, units.with_mean(mean, n_rows).bias

    def _visible_units(self, bias, log_variance):
        encoder = self.encoder_
        sizes = [encoder.columns[number].n_units for number in encoder.of_kind("choice")]
        n_binary = len(encoder.of_kind("binary"))
        ends = np.cumsum([n_binary, sum(sizes)])
        binary, choices, real = np.split(bias, ends)
        layers = []
        if len(binary):
            layers.append(BernoulliUnits(binary))
        if sizes:
            layers.append(SoftmaxUnits(choices, sizes))
        if len(real):
            is_constant = self._is_constant[ends[1] :]
            of_real = real, log_variance[ends[1] :], self._inertia, is_constant
            layers.append(GaussianUnits(*of_real))
        return SideBySide(layers)
