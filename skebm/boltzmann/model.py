"""A trained machine, without the parameters of its estimator, and how data become its states."""

from dataclasses import dataclass, field, replace

import numpy as np

from .._source import as_rows
from .._threads import one_blas_thread
from .._validation import warn_of_grey, warn_of_range
from .learner import OFFSET_RATE
from .machine import Machine
from .posterior import exact


@dataclass(frozen=True)
class Model:
    """What an estimator is besides its parameters; here, one whose visible states are the data.

    Every fitted RBM answers ``__skebm_model__(dtype=None)`` with one, which shares its arrays where
    they are of that type, and ``__skebm_with__(model)`` with another RBM for a model of other
    weights. A kind of RBM whose machine sees the data in other units has a subclass.

    Attributes
    ----------
    machine : Machine
    means : tuple of two ndarrays, of shapes (n_even,) and (n_odd,)
        Means of the states of both sides given the data, as training has followed them.
    batch_size : int
        That of training, by which the means are smoothed.
    posterior : callable
        States of all layers given data, see :mod:`skebm.boltzmann.posterior`.
    """

    machine: Machine
    means: tuple
    batch_size: int
    posterior: object = field(default=exact, kw_only=True)

    # Log of the factor between a volume of data and that of its visible states.
    log_scale = 0.0

    def log_scale_of(self, rows):
        """The same in the known features of each row of visible states: one number, or an array."""
        return 0.0

    @property
    def base(self):
        """Layers of units that have the means of the data and know nothing of each other.

        A tuple (even, odd): where annealing, tempering and samples start from.
        """
        # As many rows as take part in a moving average.
        n_rows, dtype = self.batch_size / OFFSET_RATE, self.machine.dtype
        sides = zip((self.machine.even, self.machine.odd), self.means, strict=True)
        return tuple(units.with_mean(mean, n_rows).copy(dtype) for units, mean in sides)

    def to_states(self, rows):
        """Rows of visible states of the machine, from rows of data.

        A unit that is not known in a row is not there: it stays at the mean of its states, which is
        0 in the centred energy, and so takes no part.
        """
        return rows.with_absent(self.machine.visible_of(self.means[0]))

    def to_data(self, states):
        """Data from even states of the machine, which may be changed in place."""
        return self.machine.visible_of(states)

    def states_given(self, visible, streams):
        """Even states to start a chain from that has these visible ones, which they are in an RBM.

        Hidden layers among them are drawn from the posterior.
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
        """The model of another machine with the same layers, and of other means if there are some.

        Data become its visible states as before.
        """
        return replace(self, machine=machine, means=self.means if means is None else means)

    def copy(self):
        """The same model with arrays of its own."""
        return self.with_machine(self.machine.copy(), tuple(mean.copy() for mean in self.means))

    def fitted_attributes(self):
        """The machine as fitted attributes of an estimator, in the units of the data, by name."""
        return {
            "components_": self.machine.weights.T,
            "intercept_hidden_": self.machine.hidden.bias,
            "intercept_visible_": self.machine.visible.bias,
        }

    def attributes_of_units(self):
        """What joins data and visible states, as fitted attributes of an estimator, by name."""
        return {}

    def warn_of_data(self, name, rows):
        """Warn where rows are not what the units are meant for; ``name`` is the estimator's."""
        warn_of_range(name, rows)

    def warn_of_no_states(self, name, rows):
        """Warn where rows are no states of the units, for which ``name`` is no probability."""
        warn_of_grey(name, rows)
