"""Likelihood and penalties of a Boltzmann machine of coupled pairs, over all rows at once."""

import numpy as np

from .._source import chunks
from .machine import PairwiseMachine, all_states
from .statistics import counts_of, states_of

# Number of distinct visible states per batch of sums over hidden states.
_STATES_AT_A_TIME = 2**16


class Likelihood:
    """The mean over rows of -log p(visible states), by sums over the states of all units.

    Rows are read once, to count how often each state occurs. Nothing else is needed of them.

    Parameters
    ----------
    rows : Source
        Rows of -1 and 1.
    n_hidden : int
    """

    def __init__(self, rows, n_hidden):
        n_visible = rows.shape[1]
        self._is_visible = np.arange(n_visible + n_hidden) < n_visible
        if n_hidden:
            self._states = states_of(rows)
        else:
            self._means, self._correlations = counts_of(rows).moments()

    def __call__(self, weights, bias):
        """Loss, and its gradients with respect to each single weight and each bias."""
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
        n_units, n_rows = machine.n_units, self._states.counts.sum()
        log_mass, correlations, means = 0.0, np.zeros((n_units, n_units)), np.zeros(n_units)
        for part in chunks(len(self._states.numbers), _STATES_AT_A_TIME):
            numbers, counts = (array[part] for array in self._states)
            # The hidden units are the highest bits. Their states are not used.
            states = all_states(n_units, numbers).astype(machine.dtype)
            found = machine.moments_given(states, self._is_visible, counts)
            log_mass += float(counts @ found.log_partition)
            correlations += counts.sum() * found.correlations
            means += counts @ found.means
        return float(log_mass / n_rows), correlations / n_rows, means / n_rows


class Penalised:
    """A loss with added terms, as a function of the vector of parameters.

    The added terms are an L2 penalty on the weights, and half a row of each state of each unit,
    as if the field of the unit were its bias alone. They keep the bias of a constant unit finite.

    Parameters
    ----------
    loss : callable
        Takes weights and biases; see :class:`Likelihood`.
    parameters : PairwiseParameters
    dtype : dtype
        Dtype in which the loss is computed.
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
    """The terms that :class:`Penalised` adds."""

    def __init__(self, n_pairs, n_rows, l2):
        self._n_pairs, self._n_rows, self._l2 = n_pairs, n_rows, l2

    def loss(self, vector):
        """The added loss, in nats per row."""
        weights, bias = np.split(vector.astype(np.float64), [self._n_pairs])
        # -log of the probabilities of both states of a unit, each with weight 1/2.
        of_bias = np.logaddexp(bias, -bias).sum() / self._n_rows
        return float(self._l2 / 2 * (weights @ weights) + of_bias)

    def gradient(self, vector):
        """Gradient of the added loss, in the dtype of ``vector``."""
        weights, bias = np.split(vector, [self._n_pairs])
        return np.concatenate([self._l2 * weights, np.tanh(bias) / self._n_rows])
