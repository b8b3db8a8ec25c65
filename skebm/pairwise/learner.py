"""Learning in steps on minibatches: what is carried from one to the next, and one step."""

from dataclasses import dataclass

import numpy as np

from .._solvers import NO_DECAY
from .machine import PairwiseMachine
from .model import correlations


@dataclass(frozen=True)
class Lesson:
    """How a learner goes through a window of rows, see :mod:`skebm._parallel`.

    Attributes
    ----------
    batch_size : int
        Rows of a step.
    learning_rate, momentum : float
    n_sweeps : int
        Of the chains, for each step.
    l1, l2 : float
        Strengths of the penalties on the weights.
    """

    batch_size: int
    learning_rate: float
    momentum: float
    n_sweeps: int
    l1: float
    l2: float

    def beside(self, places):
        """What belongs to rows besides: nothing."""

    def __call__(self, learner, window, beside=None):
        """Learn from the rows."""
        order = window.order
        for start in range(0, len(order), self.batch_size):
            numbers = order[start : start + self.batch_size]
            room = np.empty((len(numbers), window.rows.shape[1]), dtype=window.rows.dtype)
            learner.step(window.rows.take(numbers, room), self)


class Learner:
    """A machine in training, and all that training carries from one minibatch to the next.

    Parameters
    ----------
    pairs : PairwiseParameters
    vector : ndarray of shape (n_parameters,)
        Weights and biases; changed in place.
    solver : Solver
        Changed in place.
    chains : PairwiseChains
        Changed in place.
    prior : Prior
        What is added to the loss, without the penalties that steps take by themselves.
    streams : RandomStreams
    """

    def __init__(self, pairs, vector, solver, chains, prior, streams):
        self.pairs, self.vector, self.solver = pairs, vector, solver
        self.chains, self.prior, self.streams = chains, prior, streams

    @property
    def machine(self):
        """What has been learned so far."""
        return PairwiseMachine(*self.pairs.weights_and_bias(self.vector))

    def step(self, visible, lesson):
        """One step on a minibatch (n_rows, n_visible)."""
        gradient, n_pairs = self._gradient(visible, lesson.n_sweeps), self.pairs.n_pairs
        weights, biases = slice(0, n_pairs), slice(n_pairs, len(gradient))
        rate = lesson.learning_rate
        self.solver.begin_step(rate, lesson.momentum)
        decay = 1 - rate * lesson.l2, rate * lesson.l1
        self.solver.move(self.vector, weights, gradient[weights], decay)
        self.solver.move(self.vector, biases, gradient[biases], NO_DECAY)

    def _gradient(self, visible, n_sweeps):
        """Of the loss."""
        machine, streams = self.machine, self.streams
        of_data, joint = self.chains.given_data(machine, visible, n_sweeps, streams)
        of_model = self.chains.of_model(machine, of_data, n_sweeps, streams)
        of_pairs = (correlations(of_model) - joint) / 2
        of_bias = of_model.mean(axis=0) - of_data.mean(axis=0)
        gradient = self.pairs.gradient(of_pairs, of_bias) + self.prior.gradient(self.vector)
        return gradient.astype(self.vector.dtype)

    # What data-parallel training asks for, see :mod:`skebm._parallel`.

    def shared_arrays(self):
        """What parts of the data have in common: parameters, averages of the solver."""
        return [self.vector, *self.solver.averages]

    @property
    def own(self):
        """What a part keeps for itself: chains, and random numbers."""
        return self.chains, self.streams

    @own.setter
    def own(self, own):
        self.chains, streams = own
        self.streams.become(streams)

    def own_of(self, part):
        """What a part begins with: chains as they are here, random numbers of its own."""
        return self.chains, self.streams.of_part(part)

    def become(self, other):
        """Take over what another learner has learned."""
        vars(self).update(vars(other))
