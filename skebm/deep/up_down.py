"""Contrastive wake-sleep, the "up-down" algorithm, for a deep belief network as a whole.

For each minibatch, a pass up with the recognition weights draws states of all layers; from these,
the generative weights learn to predict each layer from the one above. The top machine continues
with a few Gibbs steps, and learns by contrastive divergence. From its last states, a pass down with
the generative weights draws states of all layers again; from these, the recognition weights learn
to predict each layer from the one below [1]_. All updates of a minibatch use the weights from
before it.

Rows are independent in all of these passes, so that a thread processes a block of rows from the
data up and down again. Then blocks of weights are updated, each by one thread.

.. [1] G. E. Hinton, S. Osindero and Y. W. Teh, "A fast learning algorithm for deep belief nets",
   Neural Computation 18, 2006.
"""

from dataclasses import dataclass

import numpy as np

from .._parallel import TrainedInParts
from .._solvers import GradientDescent, SolverSettings
from .._threads import blocks_of, n_jobs_for, one_blas_thread, run_phases
from ..kernels.blas import GEMM, multiply_transposed

# Smaller blocks make matrix products slow. 100 rows are divided into two blocks of almost equal
# size.
_FEWEST_ROWS = 48
_FEWEST_WEIGHT_ROWS = 64


@dataclass(frozen=True)
class UpDownSettings:
    """Settings of a step, which are constant in an epoch."""

    learning_rate: float
    batch_size: int
    n_gibbs_steps: int


@dataclass(frozen=True)
class Lesson:
    """How a learner is trained on a window of rows, see :mod:`skebm._parallel`."""

    settings: UpDownSettings
    labels: object

    def __getstate__(self):
        # Workers get only the labels of their own rows.
        return vars(self) | {"labels": None}

    @property
    def batch_size(self):
        """Number of rows per step."""
        return self.settings.batch_size

    def beside(self, places):
        """Labels of the rows at these indices; None is all rows."""
        return np.asarray(self.labels if places is None else self.labels[places])

    def __call__(self, learner, window, labels):
        """Learn from the rows; returns their mean error."""
        return learner.learn(window, labels, self.settings)


class UpDown(TrainedInParts):
    """A deep belief network in training.

    Parameters
    ----------
    net : GenerativeNet
        Changed in place.
    streams : RandomStreams

    Attributes
    ----------
    top_means : list of ndarray of float64
        Means of the visible and of the hidden units of the top machine over the rows of the last
        epoch, at the time of their steps.
    """

    def __init__(self, net, streams):
        self.net = net
        self.streams = streams
        self.top_means = [np.zeros(n_units) for n_units in net.top.weights.shape]
        self._n_averaged = 0
        settings = SolverSettings(momentum=0.0)
        self._solvers = [GradientDescent(array.reshape(-1), settings) for array in net.parameters]

    def run_epoch(self, course, labels, settings, generator=None, after_round=None):
        """One step for each minibatch of the rows of each window.

        Parameters
        ----------
        course : InTurn or InRounds
            How to run the epoch, see :mod:`skebm._parallel`.
        labels : ndarray or LazyTargets of shape (n_rows, n_labels)
            States of the label units in the visible layer of the top machine, for all rows; of
            shape (n_rows, 0) if there are none.
        settings : UpDownSettings
        generator : numpy Generator, default=None
            Source of randomness for shuffling the rows; None keeps their order.
        after_round : callable, default=None
            Called where training goes in rounds, after each.

        Returns
        -------
        reconstruction_error : float
            Squared difference between a row and its mean given the drawn states of the layer above,
            summed over features, mean over rows.
        """
        for mean in self.top_means:
            mean.fill(0)
        self._n_averaged = 0
        return course.run(Lesson(settings, labels), generator, after_round=after_round)

    def learn(self, window, labels, settings):
        """One step for each minibatch of the rows of a window; returns the mean error.

        ``labels`` are those of all rows of the window.
        """
        rows, order, _ = window
        sums = [np.zeros_like(mean) for mean in self.top_means]
        with one_blas_thread(), np.errstate(all="ignore"):
            total = self._run_window(rows, labels, order, settings, sums)
        self._n_averaged += len(order)
        for mean, sum_of_layer in zip(self.top_means, sums, strict=True):
            mean += (sum_of_layer - len(order) * mean) / self._n_averaged
        return total / len(order)

    def _run_window(self, rows, labels, order, settings, sums):
        """One step for each minibatch; adds the states of the top machine to two sums."""
        batch_size = min(settings.batch_size, len(order))
        step = _Step(self.net, self._solvers, batch_size, settings.n_gibbs_steps)
        total = 0.0
        for start in range(0, len(order), batch_size):
            numbers = order[start : start + batch_size]
            if len(numbers) < batch_size:
                step = _Step(self.net, self._solvers, len(numbers), settings.n_gibbs_steps)
            address = self.streams.seed, self.streams.take(step.n_streams)
            total += step.run(rows, labels, numbers, address, settings.learning_rate)
            for sum_of_layer, states in zip(sums, step.top_states, strict=True):
                sum_of_layer += states.sum(axis=0)
        return total

    def shared_arrays(self):
        """Parameters, and means of the top machine, for data-parallel training."""
        return [*self.net.parameters, *self.top_means]


class _Step:
    """A step on a minibatch of ``n_rows`` rows, in work arrays that are allocated once.

    Parameters
    ----------
    net : GenerativeNet
    solvers : list of Solver
        One for each of the net's ``parameters``.
    n_rows : int
    n_gibbs_steps : int

    Attributes
    ----------
    n_streams : int
        Number of streams of random numbers per step.
    top_states : tuple of ndarray
        Visible states, and means of the hidden units, of the top machine after the pass up.
    """

    def __init__(self, net, solvers, n_rows, n_gibbs_steps):
        self._net = net
        self._solvers = solvers
        self._n_rows = n_rows
        self._n_gibbs_steps = n_gibbs_steps
        connections, top = net.connections, net.top
        self._top = top.on_one_thread()  # each block of rows has one thread

        def work_arrays(sizes, n_rows=n_rows):
            return [np.empty((n_rows, size), dtype=net.dtype) for size in sizes]

        n_below = [len(c.below.bias) for c in connections]
        n_above = [len(c.above.bias) for c in connections]
        # States of all layers up to the visible one of the top machine, in both passes.
        self._up, self._down = (work_arrays([n_below[0], *n_above]) for _ in range(2))
        # Differences between states and their means given the layer above, or below.
        self._left_below, self._left_above = work_arrays(n_below), work_arrays(n_above)
        self._pulls_below = work_arrays(n_below)
        # States of the top machine: after the pass up, and in further rows after its Gibbs steps.
        self._v, self._h = work_arrays(top.weights.shape, 2 * n_rows)
        self.top_states = self._v[:n_rows], self._h[:n_rows]
        self._h_states = work_arrays(top.weights.shape[1:])[0]
        self._errors = np.empty(n_rows)
        self._rows = blocks_of(n_rows, _FEWEST_ROWS)
        self._blocks = list(self._all_blocks())
        # Products for both directions of each connection, their gradients, and each Gibbs step.
        n_weights = 6 * sum(c.generation.size for c in connections)
        n_weights += 2 * (n_gibbs_steps + 1) * top.weights.size
        self._n_jobs = n_jobs_for(n_rows * n_weights)
        self.n_streams = 2 * len(connections) + 2 * n_gibbs_steps

    def run(self, rows, labels, numbers, address, learning_rate):
        """Learn from the rows at these indices; see :meth:`UpDown.run_epoch`.

        Returns
        -------
        reconstruction_error : float
            Summed over the rows.
        """
        for solver in self._solvers:
            solver.begin_step(-learning_rate / self._n_rows)  # negative, because solvers minimise

        def sample(part):
            streams = _Addresses(*address, part.start)
            rows.take(numbers[part], self._up[0][part])
            self._go_up(part, streams)
            self._go_on(part, labels[numbers[part]], streams)
            self._go_down(part, streams)

        run_phases([(sample, self._rows), (_move, self._blocks)], self._n_jobs)
        return float(self._errors.sum())

    # Passes of a block of rows

    def _go_up(self, part, streams):
        for k, connection in enumerate(self._net.connections):
            below, above, left = (a[k][part] for a in (self._up, self._up[1:], self._left_below))
            connection.recognize(below, above, streams.next())
            np.subtract(below, connection.generate(above, left), out=left)
            np.copyto(self._pulls_below[k][part], left)
            connection.below.over_variance(self._pulls_below[k][part])
        self._errors[part] = np.square(self._left_below[0][part]).sum(axis=1)

    def _go_on(self, part, labels, streams):
        """Gibbs steps of the top machine, from the last states of the pass up."""
        top, h_states, k = self._top, self._h_states[part], self._n_gibbs_steps
        v, h = (array[: self._n_rows][part] for array in (self._v, self._h))
        n_features = self._up[-1].shape[1]
        v[:, :n_features], v[:, n_features:] = self._up[-1][part], labels
        top.odd_mean(v, h)
        top.hidden.sample(h, streams.next(), out=h_states)
        v, h = (array[self._n_rows :][part] for array in (self._v, self._h))
        top.advance(h_states, v, k, streams.next(2 * k - 1))
        np.negative(top.odd_mean(v, h), out=h)
        np.copyto(self._down[-1][part], v[:, :n_features])

    def _go_down(self, part, streams):
        for k in range(len(self._net.connections) - 1, -1, -1):
            connection = self._net.connections[k]
            below, above, left = (
                a[k][part] for a in (self._down, self._down[1:], self._left_above)
            )
            connection.generate(above, below, streams.next())
            np.subtract(above, connection.recognize(below, left), out=left)

    def _all_blocks(self):
        """Blocks of rows of each array of parameters, as arguments of :func:`_move`."""
        # A bias is the weight of a unit that is always on. Hidden states have the sign of their
        # phase.
        both = np.ones((2 * self._n_rows, 1), dtype=self._v.dtype)
        one, signs = both[: self._n_rows], np.vstack([both[::2], -both[::2]])
        factors = []
        for k in range(len(self._net.connections)):
            above, below = self._left_above[k], self._left_below[k]
            factors += [(self._down[k], above), (one, above)]
            factors += [(self._up[k + 1], self._pulls_below[k]), (one, below)]
        factors += [(self._v, self._h), (signs, self._v), (both, self._h)]
        for solver, array, (left, right) in zip(
            self._solvers, self._net.parameters, factors, strict=True
        ):
            for rows in blocks_of(left.shape[1], _FEWEST_WEIGHT_ROWS):
                yield solver, array.reshape(-1), rows, left, right


def _move(block):
    """Update a block of rows of an array along ``left.T @ right``; a bias has one row."""
    solver, parameters, rows, left, right = block
    gradient = np.empty((rows.stop - rows.start, right.shape[1]), dtype=right.dtype)
    multiply_transposed(GEMM[right.dtype], left, right, rows.start, False, gradient)
    place = slice(rows.start * gradient.shape[1], rows.stop * gradient.shape[1])
    solver.move(parameters, place, gradient.reshape(-1))


class _Addresses:
    """Addresses of random numbers, each with new streams."""

    def __init__(self, seed, stream, first_row):
        self._seed, self._stream, self._first_row = seed, stream, first_row

    def next(self, n_streams=1):
        """The address (seed, first stream, first row) of the next draws, one stream per draw."""
        self._stream += n_streams
        return self._seed, self._stream - n_streams, self._first_row
