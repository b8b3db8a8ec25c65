"""Learning: steps on minibatches, and epochs."""

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from .._parallel import TrainedInParts
from .._solvers import NO_DECAY, SolverSettings, stochastic_solver
from .._threads import one_blas_thread
from . import fused
from .gradient import centred_gradient, move_offsets
from .machine import NOTHING_GIVEN, Given
from .posterior import exact_posterior

# Rate of the moving average of offsets: weight of the mean of a minibatch.
OFFSET_RATE = 0.01

# In an epoch after n steps, momentum is limited to 1 - 1 / (2 + n / 100): to 0.5 at first, to 0.9
# after 800 steps.
_UPDATES_OF_WARM_UP = 100


@dataclass(frozen=True)
class Settings:
    """Settings of a learning step, which are constant in an epoch."""

    learning_rate: float
    batch_size: int
    n_gibbs_steps: int
    momentum: float
    l2: float
    l1: float
    sparsity_target: float | None
    sparsity_cost: float
    centered: bool
    variance_rate: float = 0.0  # learning rate of log-variances, if units have variances
    max_gradient_norm: float = np.inf
    offset_rate: float = OFFSET_RATE


# As in the classical papers: steps along the gradient, with Polyak's momentum if any.
GRADIENT_ASCENT = SolverSettings("sgd", nesterovs_momentum=False)


def new_solvers(machine, settings=GRADIENT_ASCENT):
    """Solvers for the weights of each coupling, for the even and for the odd biases."""
    arrays = [*(coupling.weights for coupling in machine.couplings), machine.even.bias]
    return [stochastic_solver(array.reshape(-1), settings) for array in (*arrays, machine.odd.bias)]


class Learner(TrainedInParts):
    """A machine in training, with the state that is carried from one minibatch to the next.

    Parameters
    ----------
    machine : Machine
        Changed in place.
    chains : Chains
        The Gibbs chains; changed in place.
    offsets : tuple of two ndarrays, of shapes (n_even,) and (n_odd,)
        Moving averages of the states of both sides given the data; changed in place.
    solvers : list of Solver
        See :func:`new_solvers`; changed in place.
    n_updates : int
        Number of steps so far.
    streams : RandomStreams
    posterior : callable, optional
        See :mod:`skebm.boltzmann.posterior`.
    """

    def __init__(
        self,
        machine,
        chains,
        offsets,
        solvers,
        n_updates,
        streams,
        posterior=exact_posterior,
    ):
        self.machine = machine
        self.chains = chains
        self.offsets = offsets
        self.solvers = solvers
        self.n_updates = n_updates
        self.streams = streams
        self.posterior = posterior

    def run_epoch(self, rows, order, settings):
        """One step for each minibatch of the rows at the indices ``order``, in that order."""
        settings = replace(settings, momentum=min(settings.momentum, self._largest_momentum()))
        if fused.can_run(self, rows, settings) and fused.is_faster(self, rows, settings):
            fused.run_epoch(self, rows, order, settings)
        else:
            with one_blas_thread():
                self._run_epoch(rows, order, settings)
        self.n_updates += math.ceil(len(order) / settings.batch_size)

    # For data-parallel training

    def shared_arrays(self):
        """Parameters, offsets and averages of the solvers."""
        averages = (average for solver in self.solvers for average in solver.averages)
        return [*self.machine.parameters, *self.offsets, *averages]

    @property
    def own(self):
        """Chains and random streams."""
        return self.chains, self.streams

    @own.setter
    def own(self, own):
        chains, streams = own
        self.chains = chains.beside(self.chains)
        self.streams.become(streams)

    def own_of(self, part):
        """The chains of this learner, and separate random streams."""
        return self.chains, self.streams.of_part(part)

    def _largest_momentum(self):
        """Limit of momentum at this step: the directions of the first steps soon change."""
        return 1 - 1 / (2 + self.n_updates / _UPDATES_OF_WARM_UP)

    def _run_epoch(self, rows, order, settings):
        batch_size = min(settings.batch_size, len(order))
        n_rows = batch_size + self.chains.n_chains(batch_size) + 2
        room = [
            np.empty((n_rows, n_units), dtype=self.machine.dtype)
            for n_units in (self.machine.n_even, self.machine.n_odd)
        ]
        for start in range(0, len(order), batch_size):
            self._step(rows.batch(order[start : start + batch_size]), *room, settings)

    def _step(self, batch, v, h, settings):
        """One step on a minibatch, in work arrays for its even and odd states."""
        machine, chains, k = self.machine, self.chains, settings.n_gibbs_steps
        n_data = len(batch)
        n = n_data + chains.n_chains(n_data)
        v, h = v[: n + 2], h[: n + 2]

        # States of the data, and of the model.
        data, of_chains = (v[:n_data], h[:n_data]), (v[n_data:n], h[n_data:n])
        self.posterior(machine, batch, *data)
        address = self.streams.seed, self.streams.take(chains.n_streams(k))
        known, given = _known_units(machine, batch, n)
        chains.advance(machine, data, of_chains, k, address, given)

        # The gradient, and the step along it.
        move_offsets(self.offsets, *data, settings.offset_rate, known)
        gradient = centred_gradient(
            machine,
            v,
            h,
            n_data,
            self.offsets,
            settings.centered,
            of_variance=settings.variance_rate > 0,
            of_norm=settings.max_gradient_norm < np.inf,
            known=known,
        )
        if settings.sparsity_target is not None:
            self._add_sparsity(gradient, settings)
        self._move(gradient, settings)

    def _add_sparsity(self, gradient, settings):
        """Add the pull of the hidden biases towards the target activity to the gradient."""
        for of_biases, offset, n_not_hidden in (
            (gradient.even, self.offsets[0], self.machine.n_visible),
            (gradient.odd, self.offsets[1], 0),
        ):
            missing = settings.sparsity_target - offset[n_not_hidden:]
            of_biases[n_not_hidden:] += settings.sparsity_cost * missing

    def _move(self, gradient, settings):
        machine = self.machine
        *of_couplings, of_even, of_odd = self.solvers
        # Negative, because solvers minimise.
        up = -settings.learning_rate * _shrinkage(gradient.norm, settings.max_gradient_norm)
        for solver in self.solvers:
            solver.begin_step(up, settings.momentum)
        decay = 1 - settings.learning_rate * settings.l2, settings.learning_rate * settings.l1
        pairs = machine.neighbours(gradient.v, gradient.h)
        for coupling, solver, states in zip(machine.couplings, of_couplings, pairs, strict=True):
            weights = coupling.weights.reshape(-1)
            coupling.gradient(*states, partial(_move_stretch, solver, weights, decay))
        for solver, units, of_bias in (
            (of_even, machine.even, gradient.even),
            (of_odd, machine.odd, gradient.odd),
        ):
            solver.move(units.bias, slice(0, len(units.bias)), of_bias, NO_DECAY)
        if gradient.log_variance is not None:
            step = settings.variance_rate * gradient.log_variance
            factor = machine.even.move_log_variance(step)[machine.places[0]]
            machine.couplings[0].scale_lower(factor)

    def forget(self, units):
        """Reset the state of some hidden units of an RBM, a mask, which have been replaced."""
        of_weights, _, of_bias = self.solvers
        of_weights.forget(np.broadcast_to(units, self.machine.weights.shape).reshape(-1))
        of_bias.forget(units)

    @property
    def velocity(self):
        """Last steps of an RBM's weights, visible and hidden biases; None without momentum."""
        if not all(len(solver.averages) for solver in self.solvers):
            return None
        shapes = self.machine.weights.shape, -1, -1
        pairs = zip(self.solvers, shapes, strict=True)
        return tuple(solver.averages[0].reshape(shape) for solver, shape in pairs)


def _known_units(machine, batch, n_rows):
    """Known even units of the rows of data and of the chains, and the conditions of the chains.

    Chain i has the known units of row i mod n_data of the minibatch. If all units are known, the
    result is None and no conditions.
    """
    known, absent, n_data = batch.known, batch.absent, len(batch)
    if known is None:
        return None, NOTHING_GIVEN
    turns = np.arange(n_rows) % n_data
    known = machine.even_of(known, True)[turns]
    if absent is not None:
        absent = machine.even_of(absent, 0)[turns[n_data:]]
    return known, Given(known[n_data:], absent)


def _move_stretch(solver, weights, decay, place, gradient):
    solver.move(weights, place, gradient, decay)


def _shrinkage(norm, most):
    """Factor that brings the norm of a gradient down to ``most``, at most 1."""
    return 1.0 if norm is None or norm <= most else most / norm
