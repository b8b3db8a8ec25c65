"""Learning: the centred gradient, and the step along it.

The gradient of the log-likelihood is a difference of two expectations of v h: over the data (the
positive phase) and over the model (the negative phase), which Gibbs chains stand in for, see
:mod:`skebm.boltzmann.negative_phase`. One array of visible and one of hidden rows holds both
phases, so that one matrix product is the whole gradient of the weights::

    rows of v                    rows of h, weighed
    ---------------------------  -----------------------------
    data                         their hidden means / n_data
    chains                       their hidden means / -n_chains
    visible offset               -(hidden difference)           only where
    visible difference           -(hidden offset)               centred

A difference is the mean over the data less the mean over the chains. The last two rows are what
is left of <(v - offset)(h - offset)> of the data less that of the chains once <v h> of both is
taken out of it.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from .._threads import blocks_of, for_each, n_jobs_for, one_blas_thread
from ..kernels.products import multiply
from ..kernels.updates import (
    move_average,
    move_rows,
    phase_difference,
    subtract_projection,
    weigh_phases,
)
from .sparse_gradient import prefers_sparse, run_sparse_epoch

# Share of the way that offsets go towards the mean of a minibatch.
OFFSET_RATE = 0.01

# Momentum is kept to 1 - 1 / (2 + n / 100) at the start of an epoch that n steps went before: to a
# half at first, to 0.9 after 800 steps.
_UPDATES_OF_WARM_UP = 100

# Visible units whose weights are moved together; fewer are not worth a matrix product.
_SMALLEST_BLOCK = 64


@dataclass(frozen=True)
class Settings:
    """What a learning step depends on besides the model and the data; constant in an epoch."""

    learning_rate: float
    batch_size: int
    n_gibbs_steps: int
    momentum: float
    l2: float
    l1: float
    sparsity_target: float | None
    sparsity_cost: float
    centered: bool
    variance_rate: float = 0.0  # learning rate of log-variances, where units have some
    max_gradient_norm: float = np.inf
    offset_rate: float = OFFSET_RATE


class Learner:
    """A machine in training, and all that training carries from one minibatch to the next.

    Parameters
    ----------
    machine : Machine
        Changed in place.
    negative_phase : NegativePhase
        Where the chains come from; changed in place.
    offsets : tuple of two ndarrays, of shapes (n_visible,) and (n_hidden,)
        Moving averages of the states of both layers given the data; changed in place.
    velocity : tuple of three ndarrays, or None if there is no momentum
        Last step of the weights, the visible and the hidden biases; changed in place.
    n_updates : int
        Number of steps so far.
    streams : RandomStreams
    """

    def __init__(self, machine, negative_phase, offsets, velocity, n_updates, streams):
        self.machine = machine
        self.negative_phase = negative_phase
        self.offsets = offsets
        self.velocity = velocity
        self.n_updates = n_updates
        self.streams = streams

    def run_epoch(self, rows, order, settings):
        """One step for each minibatch of the rows with the numbers ``order``, in that order."""
        settings = replace(settings, momentum=min(settings.momentum, self._largest_momentum()))
        if self.velocity is not None and not settings.momentum:
            # The kernels leave it alone then, and momentum may come back in a later epoch.
            for step in self.velocity:
                step.fill(0)
        if self.negative_phase.in_sparse_loop and prefers_sparse(self, rows, settings):
            run_sparse_epoch(self, rows, order, settings)
        else:
            with one_blas_thread():
                self._run_dense_epoch(rows, order, settings)
        self.n_updates += math.ceil(len(order) / settings.batch_size)

    def _largest_momentum(self):
        """What momentum may be by now: the first steps lead in directions that do not last."""
        return 1 - 1 / (2 + self.n_updates / _UPDATES_OF_WARM_UP)

    def _run_dense_epoch(self, rows, order, settings):
        phase, k = self.negative_phase, settings.n_gibbs_steps
        batch_size = min(settings.batch_size, len(order))
        n_stacked = batch_size + phase.n_chains(batch_size) + 2
        n_visible, n_hidden = self.machine.weights.shape
        v = np.empty((n_stacked, n_visible), dtype=self.machine.dtype)
        h = np.empty((n_stacked, n_hidden), dtype=self.machine.dtype)
        for start in range(0, len(order), batch_size):
            batch = rows.batch(order[start : start + batch_size])
            batch.take(v[: len(batch)])
            n_data, n_phases = len(batch), len(batch) + phase.n_chains(len(batch))
            address = self.streams.seed, self.streams.take(phase.n_streams(k))
            phase.sample(self.machine, v[:n_phases], h[:n_phases], n_data, k, address)
            self._ascend(v[: n_phases + 2], h[: n_phases + 2], n_data, settings)

    def _ascend(self, v, h, n_data, settings):
        """One step along the gradient; the last two rows of ``v`` and ``h`` are still free."""
        n_phases = len(v) - 2
        visible = self.machine.visible
        visible_offset, hidden_offset = self.offsets

        # Statistics of the phases, while the rows are what they were drawn as.
        move_average(visible_offset, v[:n_data], settings.offset_rate)
        move_average(hidden_offset, h[:n_data], settings.offset_rate)
        visible_gradient = np.empty_like(visible_offset)
        hidden_gradient = np.empty_like(hidden_offset)
        phase_difference(v[:n_phases], n_data, visible_gradient)
        phase_difference(h[:n_phases], n_data, hidden_gradient)

        # From here on the rows of h are weighed, so that v.T @ h is the gradient of the means.
        weigh_phases(h[:n_phases], n_data)
        if settings.variance_rate:
            variance_gradient = self._variance_gradient(v[:n_phases], h[:n_phases], n_data)
        if settings.centered:
            v[-2], h[-2] = visible_offset, -hidden_gradient
            v[-1], h[-1] = visible_gradient, -hidden_offset
            subtract_projection(v, h, hidden_offset, visible_gradient)
        else:
            v, h = v[:n_phases], h[:n_phases]
        rate = settings.learning_rate * _shrinkage(v, h, settings.max_gradient_norm)

        # From here on the rows of v are over the variances, so that v.T @ h moves the weights.
        visible.over_variance(v)
        if settings.centered:
            subtract_projection(h, v, visible_offset, hidden_gradient)
        if settings.sparsity_target is not None:
            hidden_gradient += settings.sparsity_cost * (settings.sparsity_target - hidden_offset)
        self._move_weights(v, h, rate, settings)
        self._move_bias(visible.bias, 1, visible_gradient, rate, settings)
        self._move_bias(self.machine.hidden.bias, 2, hidden_gradient, rate, settings)
        if settings.variance_rate:
            factor = visible.move_log_variance(settings.variance_rate * variance_gradient)
            np.multiply(self.machine.weights, factor[:, None], out=self.machine.weights)

    def _variance_gradient(self, v, weighed_h, n_data):
        weights = self.machine.weights
        inputs = multiply(weighed_h, weights.T, np.empty_like(v))
        row_weights = np.full(len(v), -1 / (len(v) - n_data), dtype=v.dtype)
        row_weights[:n_data] = 1 / n_data
        return self.machine.visible.log_variance_gradient(v, inputs, row_weights)

    def _move_weights(self, v, h, rate, settings):
        weights = self.machine.weights
        velocity = weights if self.velocity is None else self.velocity[0]
        keep, l1 = 1 - settings.learning_rate * settings.l2, settings.learning_rate * settings.l1
        numbers = np.array([rate, settings.momentum, keep, l1], dtype=weights.dtype)

        def move(block):
            move_rows(v, h, block.start, weights[block], velocity, *numbers)

        for_each(move, blocks_of(len(weights), _SMALLEST_BLOCK), n_jobs_for(len(v) * weights.size))

    def _move_bias(self, bias, which, gradient, rate, settings):
        gradient *= rate
        if settings.momentum:
            gradient += settings.momentum * self.velocity[which]
            self.velocity[which][:] = gradient
        bias += gradient


def _shrinkage(v, h, max_norm):
    """Factor that brings the Frobenius norm of ``v.T @ h`` down to ``max_norm``, at most 1.

    Of few rows, its square is found as the sum over all pairs of rows of the products of their
    scalar products, with no need for the gradient itself, which is as large as the weights.
    """
    if max_norm == np.inf:
        return 1.0
    if len(v) ** 2 < v.shape[1] * h.shape[1]:
        gram = [multiply(a, a.T, np.empty((len(a), len(a)), dtype=a.dtype)) for a in (v, h)]
        norm = np.sqrt(max(0.0, float(np.vdot(*gram))))
    else:
        gradient = multiply(v.T, h, np.empty((v.shape[1], h.shape[1]), dtype=v.dtype))
        norm = float(np.linalg.norm(gradient))
    return 1.0 if norm <= max_norm else max_norm / norm
