"""Objective of training: loss with corruption and noise, and penalties."""

from dataclasses import dataclass

import numpy as np

from ..kernels import network as kernels
from ..kernels.products import multiply

# Mean activities are clipped to this distance from 0 and 1 in the sparsity penalty.
_MARGIN = 1e-6


@dataclass(frozen=True)
class Corruption:
    """Corruption of the inputs of a network in training; the targets are not corrupted.

    Attributes
    ----------
    kind : {"masking", "gaussian", "salt_and_pepper"}
        "masking" sets values to 0, "salt_and_pepper" half of them to ``low`` and half to
        ``high``, "gaussian" adds normal numbers.
    level : float
        Share of the values that are set, or the standard deviation of the noise.
    low, high : float
        The values of "salt_and_pepper".
    """

    kind: str
    level: float
    low: float = 0.0
    high: float = 1.0

    def apply(self, values, address):
        """Corrupt ``values``, in place, with numbers from the address (seed, stream, first row)."""
        if self.kind == "masking":
            kernels.mask(values, self.level, 1.0, *address)
        elif self.kind == "gaussian":
            kernels.add_normal(values, self.level, *address, 0, values.shape[1])
        else:
            kernels.salt_and_pepper(values, self.level, self.low, self.high, *address)


@dataclass(frozen=True)
class Objective:
    """Objective of training.

    Attributes
    ----------
    l1, l2 : float
        Factors of the sums of abs(w) and of w^2 / 2 over all weights, without biases. Both are
        divided by the number of rows in a minibatch, as scikit-learn's ``MLPClassifier`` does.
    dropout : tuple of float
        For each layer, the share of its inputs that are set to zero, in [0, 1); the others are
        scaled up, so that the means do not change. Empty for none.
    noise : tuple of float
        For each layer, the standard deviation of normal numbers that are added to the inputs of
        its activation. Empty for none.
    corruption : Corruption or None
        Of the inputs of the network.
    sparse_layers : tuple of int
        Numbers of hidden layers, of logistic units, that are penalised by ``sparsity_cost`` times
        the Kullback-Leibler divergence from ``sparsity_target`` to the mean activity of a unit in
        the minibatch, both as probabilities, summed over units.
    sparsity_target, sparsity_cost : float
    contracted_layers : int
        Number of layers of the encoder, all of them hidden. The penalty is ``contraction_cost``
        times the mean over rows of the squared Frobenius norm of the Jacobian of the code with
        respect to the inputs. The norm is estimated without bias by the squared length of the
        derivative along one random direction per row.
    contraction_cost : float
    frozen_layers : int
        Number of layers, from the first on, whose parameters are not trained.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
       overfitting", JMLR 15, 2014.
    .. [2] P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.
    .. [3] S. Rifai et al., "Contractive auto-encoders", ICML 2011.
    .. [4] J. Hoffman, D. A. Roberts and S. Yaida, "Robust learning with Jacobian regularization",
       2019: the estimate of the norm.
    """

    l1: float = 0.0
    l2: float = 0.0
    dropout: tuple = ()
    noise: tuple = ()
    corruption: Corruption | None = None
    sparse_layers: tuple = ()
    sparsity_target: float = 0.05
    sparsity_cost: float = 0.0
    contracted_layers: int = 0
    contraction_cost: float = 0.0
    frozen_layers: int = 0

    def sparsity(self, values, weights):
        """Penalty on the mean activities of one layer, and its derivative with respect to them.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_units)
            Activities.
        weights : ndarray of shape (n_rows,)
            Weights of the rows, in the mean and in the loss.

        Returns
        -------
        penalty : float
        pull : ndarray of shape (n_units,)
            Derivative of the penalty with respect to an activity, divided by the weight of its row.
        """
        total = weights.sum()
        sums = multiply(weights[None, :], values, np.empty((1, values.shape[1]), values.dtype))
        mean = np.clip(sums[0] / total, _MARGIN, 1 - _MARGIN)
        target = self.sparsity_target
        divergence = target * np.log(target / mean)
        divergence += (1 - target) * np.log((1 - target) / (1 - mean))
        pull = (1 - target) / (1 - mean) - target / mean
        return self.sparsity_cost * total * divergence.sum(), self.sparsity_cost * pull
