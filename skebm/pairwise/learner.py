"""Learning in steps on minibatches: one step, and the state that is kept between steps."""

from dataclasses import dataclass

import numpy as np

from .._parallel import TrainedInParts
from .._solvers import NO_DECAY
from .machine import PairwiseMachine
from .model import correlations


@dataclass(frozen=True)
class Lesson:
    """Settings of the training on a window of rows, see :mod:`skebm._parallel`.

    Attributes
    ----------
    batch_size : int
        Rows per step.
    learning_rate, momentum : float
    n_sweeps : int
        Sweeps of the chains per step.
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
        """Further data of these rows: there are none."""

    def __call__(self, learner, window, beside=None):
        """Train on the rows."""
        order = window.order
        for start in range(0, len(order), self.batch_size):
            numbers = order[start : start + self.batch_size]
            room = np.empty((len(numbers), window.rows.shape[1]), dtype=window.rows.dtype)
            learner.step(window.rows.take(numbers, room), self)


class Learner(TrainedInParts):
    """A machine in training, with all state that is kept between minibatches.

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
        Terms added to the loss, except for the penalties that the steps apply.
    streams : RandomStreams
    """

    def __init__(self, pairs, vector, solver, chains, prior, streams):
        self.pairs, self.vector, self.solver = pairs, vector, solver
        self.chains, self.prior, self.streams = chains, prior, streams

    @property
    def machine(self):
        """The machine with the current weights and biases."""
        return PairwiseMachine(*self.pairs.weights_and_bias(self.vector))

    def step(self, visible, lesson):
        """Take one step on a minibatch (n_rows, n_visible)."""
        gradient, n_pairs = self._gradient(visible, lesson.n_sweeps), self.pairs.n_pairs
        weights, biases = slice(0, n_pairs), slice(n_pairs, len(gradient))
        rate = lesson.learning_rate
        self.solver.begin_step(rate, lesson.momentum)
        decay = 1 - rate * lesson.l2, rate * lesson.l1
        self.solver.move(self.vector, weights, gradient[weights], decay)
        self.solver.move(self.vector, biases, gradient[biases], NO_DECAY)

    def _gradient(self, visible, n_sweeps):
        """Gradient of the loss."""
        machine, streams = self.machine, self.streams
        of_data, joint = self.chains.given_data(machine, visible, n_sweeps, streams)
        of_model = self.chains.of_model(machine, of_data, n_sweeps, streams)
        of_pairs = (correlations(of_model) - joint) / 2
        of_bias = of_model.mean(axis=0) - of_data.mean(axis=0)
        gradient = self.pairs.gradient(of_pairs, of_bias) + self.prior.gradient(self.vector)
        return gradient.astype(self.vector.dtype)

    # For data-parallel training

    def shared_arrays(self):
        """Parameters, and averages of the solver."""
        return [self.vector, *self.solver.averages]

    @property
    def own(self):
        """Chains and random streams."""
        return self.chains, self.streams

    @own.setter
    def own(self, own):
        self.chains, streams = own
        self.streams.become(streams)

    def own_of(self, part):
        """These chains, and separate random streams."""
        return self.chains, self.streams.of_part(part)
