"""The restricted Boltzmann machine with binary visible units."""

import warnings

import numpy as np

from .rbm import BaseRBM
from .units import BernoulliUnits


class BernoulliRBM(BaseRBM):
    def __init__(
        self,
        n_components=256,
        *,
        learning_rate=0.1,
        batch_size=10,
        n_iter=10,
        verbose=0,
        random_state=None,
        algorithm="pcd",
        n_gibbs_steps=1,
        n_chains=None,
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
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.algorithm = algorithm
        self.n_gibbs_steps = n_gibbs_steps
        self.n_chains = n_chains
        self.learning_rate_schedule = learning_rate_schedule
        self.momentum = momentum
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.centered = centered
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.reconstruction_tol = reconstruction_tol
        self.warm_start = warm_start

    def _check_range(self, rows):
        low, high = rows.range()
        if low < 0 or high > 1:
            warnings.warn(
                f"{type(self).__name__} is meant for values between 0 and 1, the data range from "
                f"{low:.6g} to {high:.6g}. Scale them, for example by "
                "sklearn.preprocessing.MinMaxScaler.",
                UserWarning,
                stacklevel=4,
            )

    def _initial_visible_units(self, mean, n_rows):
        return BernoulliUnits.from_mean(mean, n_rows)

    def _visible_units(self, dtype):
        return BernoulliUnits(np.ascontiguousarray(self.intercept_visible_, dtype=dtype))

    def _publish_visible_units(self, units):
        self.intercept_visible_ = units.bias
