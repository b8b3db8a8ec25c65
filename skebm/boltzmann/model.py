"""A trained machine without its estimator, and the conversion of data to states."""

from dataclasses import dataclass, field, replace

import numpy as np

from .._streamed_rows import as_rows
from .._threads import one_blas_thread
from .._validation import warn_of_grey, warn_of_range
from .learner import OFFSET_RATE
from .machine import Machine
from .posterior import exact_posterior


@dataclass(frozen=True)
class Model:
    """The fitted state of an estimator; in this class, the visible states are the data.

    Every fitted RBM has the methods ``__skebm_model__(dtype=None)``, which returns a model that
    shares arrays with this dtype, and ``__skebm_with__(model)``, which returns another RBM for a
    model with other weights. There is a subclass for RBMs whose machine has the data in other
    units.

    Attributes
    ----------
    machine : Machine
    means : tuple of two ndarrays, of shapes (n_even,) and (n_odd,)
        Means of the states of both sides given the data, which training has tracked.
    batch_size : int
        Batch size of training, which determines the smoothing of the means.
    posterior : callable
        States of all layers given data, see :mod:`skebm.boltzmann.posterior`.
    """

    machine: Machine
    means: tuple
    batch_size: int
    posterior: object = field(default=exact_posterior, kw_only=True)

    # Log of the ratio of volumes of data and of their visible states.
    log_scale = 0.0

    def log_scale_of(self, rows):
        """The same for the known features of each row of visible states: a number, or an array."""
        return 0.0

    @property
    def base(self):
        """Layers of independent units with the means of the data.

        A tuple (even, odd), from which annealing, tempering and samples start.
        """
        # Effective number of rows in a moving average.
        n_rows, dtype = self.batch_size / OFFSET_RATE, self.machine.dtype
        sides = zip((self.machine.even, self.machine.odd), self.means, strict=True)
        return tuple(units.with_mean(mean, n_rows).copy(dtype) for units, mean in sides)

    def to_states(self, rows):
        """Rows of visible states of the machine, from rows of data.

        A unit that is not known in a row is fixed at the mean of its states, which is 0 in the
        centred energy, so that it has no effect.
        """
        return rows.with_absent(self.machine.visible_of(self.means[0]))

    def to_data(self, states):
        """Data from even states of the machine, which may be changed in place."""
        return self.machine.visible_of(states)

    def states_given(self, visible, streams):
        """Even states with these visible ones, to start a chain; in an RBM, both are the same.

        Hidden layers among the even ones are drawn from the posterior.
        """
        machine = self.machine
        if machine.n_visible == machine.n_even:
            return visible
        even, odd = (np.empty((len(visible), n), machine.dtype) for n in machine.n_units)
        with one_blas_thread():
            batch = as_rows(visible).batch(np.arange(len(visible)))
            self.posterior(machine, batch, even, odd)
        machine.even.sample(even, (streams.seed, streams.take(), 0))
        even[:, machine.places[0]] = visible
        return even

    def transform(self, rows):
        """Mean hidden states given rows of data, of shape (n_rows, n_hidden)."""
        return self.machine.transform(self.to_states(rows))

    def with_machine(self, machine, means=None):
        """The model with another machine with the same layers, and optionally other means.

        The conversion of data to visible states does not change.
        """
        return replace(self, machine=machine, means=self.means if means is None else means)

    def copy(self):
        """A copy of the model with its own arrays."""
        return self.with_machine(self.machine.copy(), tuple(mean.copy() for mean in self.means))

    def fitted_attributes(self):
        """The machine as fitted attributes of an estimator, in the units of the data, by name."""
        return {
            "components_": self.machine.weights.T,
            "intercept_hidden_": self.machine.hidden.bias,
            "intercept_visible_": self.machine.visible.bias,
        }

    def attributes_of_units(self):
        """Fitted attributes for the conversion of data to visible states, by name."""
        return {}

    def warn_of_data(self, name, rows):
        """Warn if rows are outside the range of the units; ``name`` is that of the estimator."""
        warn_of_range(name, rows)

    def warn_of_no_states(self, name, rows):
        """Warn if rows are not states of the units, so that ``name`` is not a probability."""
        warn_of_grey(name, rows)
