"""What a Boltzmann machine of coupled pairs is fitted by where all rows are seen at once."""

import numpy as np

from .machine import PairwiseMachine


class Likelihood:
    """The mean over rows of -log p(visible states), by sums over the states of all units.

    Parameters
    ----------
    visible : ndarray of shape (n_rows, n_visible)
        Of -1 and 1.
    n_hidden : int
    """

    def __init__(self, visible, n_hidden):
        rows, counts = np.unique(visible, axis=0, return_counts=True)
        self._states = np.hstack([rows, np.zeros((len(rows), n_hidden), rows.dtype)])
        self._is_visible = np.arange(self._states.shape[1]) < rows.shape[1]
        self._shares = counts / counts.sum()
        if not n_hidden:
            states = rows.astype(np.float64)
            self._correlations = (states * self._shares[:, None]).T @ states
            self._means = self._shares @ states

    def __call__(self, weights, bias):
        """Loss, and its gradient by each weight alone and by each bias."""
        machine = PairwiseMachine(weights, bias)
        of_model = machine.moments()
        log_mass, correlations, means = self._of_data(machine)
        loss = float(of_model.log_partition[0]) - log_mass
        return (
            loss,
            (of_model.correlations - correlations).astype(weights.dtype) / 2,
            (of_model.means[0] - means).astype(bias.dtype),
        )

    def _of_data(self, machine):
        """Mean log of the sum over hidden states of exp(-E), correlations and means."""
        if self._is_visible.all():
            W, b = machine.weights.astype(np.float64), machine.bias[0].astype(np.float64)
            log_mass = (W * self._correlations).sum() / 2 + b @ self._means
            return float(log_mass), self._correlations, self._means
        found = machine.moments_given(self._states, self._is_visible, self._shares)
        log_mass = float(self._shares @ found.log_partition)
        return log_mass, found.correlations, self._shares @ found.means


class Penalised:
    """A loss with what is added to it, as a function of the vector of parameters.

    Added are L2 of the weights, and half a row of each state of each unit, as if its field were its
    bias alone: so no bias grows without end where a unit is always in one state.

    Parameters
    ----------
    loss : callable
        Takes weights and biases; see :class:`Likelihood`.
    parameters : PairwiseParameters
    dtype : dtype
        That the loss is computed in.
    n_rows : int
    l2 : float
        The penalty is ``l2 / 2`` times the sum of the squares of the weights.
    """

    def __init__(self, loss, parameters, dtype, n_rows, l2):
        self._loss, self._parameters, self._dtype = loss, parameters, dtype
        self._prior = Prior(parameters.n_pairs, n_rows, l2)

    def __call__(self, vector):
        """Loss and gradient, for :func:`skebm._quasi_newton.descend`."""
        vector = vector.astype(self._dtype)
        weights, bias = self._parameters.weights_and_bias(vector)
        loss, *gradients = self._loss(weights, bias)
        gradient = self._parameters.gradient(*gradients).astype(np.float64)
        return loss + self._prior.loss(vector), gradient + self._prior.gradient(vector)


class Prior:
    """What :class:`Penalised` adds."""

    def __init__(self, n_pairs, n_rows, l2):
        self._n_pairs, self._n_rows, self._l2 = n_pairs, n_rows, l2

    def loss(self, vector):
        """What is added to the loss; nats per row."""
        weights, bias = np.split(vector.astype(np.float64), [self._n_pairs])
        # -log of the probabilities of both states of a unit, each counted half.
        of_bias = np.logaddexp(bias, -bias).sum() / self._n_rows
        return float(self._l2 / 2 * (weights @ weights) + of_bias)

    def gradient(self, vector):
        """Its gradient, of the type of ``vector``."""
        weights, bias = np.split(vector, [self._n_pairs])
        return np.concatenate([self._l2 * weights, np.tanh(bias) / self._n_rows])
