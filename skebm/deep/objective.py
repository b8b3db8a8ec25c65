"""What is minimised in training: the loss of a disturbed network, and penalties."""

from dataclasses import dataclass

import numpy as np

from ..kernels import network as kernels
from ..kernels.products import multiply

# The mean activity of a unit keeps so far from 0 and 1 where it is compared with its target.
_MARGIN = 1e-6


@dataclass(frozen=True)
class Corruption:
    """What is done to the inputs of a network in training, while the targets stay as they are.

    Attributes
    ----------
    kind : {"masking", "gaussian", "salt_and_pepper"}
        "masking" sets values to 0, "salt_and_pepper" half of them to ``low`` and half to
        ``high``, "gaussian" adds normal numbers.
    level : float
        Share of the values that are set, or the standard deviation of what is added.
    low, high : float
        The extremes of "salt_and_pepper".
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
    """What is minimised.

    Attributes
    ----------
    l1, l2 : float
        Factors of the sums of abs(w) and of w^2 / 2 over all weights; biases are free. Both are
        divided by the number of rows in a minibatch, as scikit-learn's ``MLPClassifier`` does.
    dropout : tuple of float
        For each layer, the share of its inputs that are set to zero, in [0, 1); the others are
        scaled up, so that the means stay as they were. Empty for none.
    noise : tuple of float
        For each layer, the standard deviation of normal numbers that are added to the inputs of
        its activation. Empty for none.
    corruption : Corruption or None
        Of the inputs of the network.
    sparse_layers : tuple of int
        Numbers of hidden layers, of logistic units, that are penalised by ``sparsity_cost`` times
        the Kullback-Leibler divergence from ``sparsity_target`` to the mean activity of a unit in
        the minibatch, both taken for probabilities, summed over units.
    sparsity_target, sparsity_cost : float
    contracted_layers : int
        Number of layers, all of them hidden, that encode. The mean over rows of the squared
        Frobenius norm of the derivative of the code by the inputs is penalised, times
        ``contraction_cost``. It is estimated by the derivative along one random direction a row,
        whose squared length has that norm for its mean.
    contraction_cost : float
    frozen_layers : int
        Number of layers, from the first on, whose parameters stay as they are.

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
        """Penalty on the mean activities of one layer, and its derivative by each of them.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_units)
            Activities.
        weights : ndarray of shape (n_rows,)
            Of the rows, in the mean and in the loss.

        Returns
        -------
        penalty : float
        pull : ndarray of shape (n_units,)
            Times the weight of its row, the derivative of the penalty by an activity.
        """
        total = weights.sum()
        sums = multiply(weights[None, :], values, np.empty((1, values.shape[1]), values.dtype))
        mean = np.clip(sums[0] / total, _MARGIN, 1 - _MARGIN)
        target = self.sparsity_target
        divergence = target * np.log(target / mean)
        divergence += (1 - target) * np.log((1 - target) / (1 - mean))
        pull = (1 - target) / (1 - mean) - target / mean
        return self.sparsity_cost * total * divergence.sum(), self.sparsity_cost * pull
