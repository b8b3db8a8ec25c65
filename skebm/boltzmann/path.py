"""Path from a machine without weights to another, for annealing and tempering.

At the inverse temperature beta, the energy is (1 - beta) E_base + beta E_machine. At 0 the units
are independent, so that Z and samples are exact; at 1 they are those of the machine.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._helpers import stop_if_abandoned
from .machine import settle
from .summation import enumerable, exact_samples


class TemperaturePath:
    """The machines at all inverse temperatures from 0, without weights, to 1, the given one.

    Parameters
    ----------
    machine : Machine
        At the end of the path.
    even, odd : layers of units
        Units of the machine without weights, of the same kinds as those of the machine.
    """

    def __init__(self, machine, even, odd):
        self.machine = machine
        self.even = even
        self.odd = odd

    # Streams of random numbers of a step.
    n_streams = 2

    @property
    def dtype(self):
        """The dtype of the states."""
        return self.machine.dtype

    @property
    def n_weights(self):
        """Number of weights that half a step visits."""
        return self.machine.coupling.n_weights

    def start(self, n_chains, streams):
        """Even states of the machine without weights."""
        return self.even.base_rate(n_chains, (streams.seed, streams.take(), 0))

    def exact_samples(self, n_samples, streams):
        """Even states of the machine, independent of each other, or None if it has too many."""
        return exact_samples(self.machine, n_samples, streams) if enumerable(self.machine) else None

    def burn_in(self, v, n_steps, streams):
        """Run Gibbs steps of the machine from even states, in place."""
        self.machine.run(v, n_steps, (streams.seed, streams.take(2 * n_steps), 0))

    def anneal(self, betas, v, log_weights, address):
        """Run even states along the path, in place, and add to the logarithms of their weights.

        Parameters
        ----------
        betas : ndarray of shape (n_steps + 1,)
            Inverse temperature of the states, then that of each step.
        v : ndarray of shape (n_rows, n_even)
        log_weights : ndarray of shape (n_rows,)
        address : tuple of int
            (seed, stream, first row)
        """
        seed, stream, first_row = address
        machine = self.machine
        odd_inputs, h = (np.empty((len(v), machine.n_odd), dtype=v.dtype) for _ in range(2))
        even_inputs = np.empty_like(v)
        here = self.at(betas[0])
        for step, beta in enumerate(betas[1:]):
            stop_if_abandoned()
            before, here = here, self.at(beta)
            gap = self.even_gap(v)
            machine.inputs_of_odd(v, odd_inputs)
            log_weights += here.log_mass(gap, odd_inputs) - before.log_mass(gap, odd_inputs)
            here.sample_odd(odd_inputs, (seed, stream + 2 * step, first_row), h)
            machine.inputs_of_even(h, even_inputs)
            here.sample_even(even_inputs, (seed, stream + 2 * step + 1, first_row), v)

    def at(self, beta):
        """The two layers at an inverse temperature."""
        beta = float(beta)  # a NumPy scalar would make float32 arrays float64
        return TemperedLayers(
            beta,
            self.machine.even.between(self.even, beta),
            self.machine.odd.between(self.odd, beta),
        )

    def even_gap(self, v):
        """Own energy of even states at the end of the path, minus that at its start."""
        return self.machine.even.energy(v).astype(np.float64) - self.even.energy(v)

    def log_partition_of_base(self):
        """Log-partition function of the machine without weights; nats."""
        return sum(
            float(units.log_partition(np.zeros((1, len(units.bias)), self.machine.dtype))[0])
            for units in (self.even, self.odd)
        )


@dataclass(frozen=True)
class TemperedLayers:
    """One point of a path: both layers at an inverse temperature, without the weights.

    Inputs are products of the states of the other layer with the weights at the end of the path,
    and are multiplied by ``beta`` here, so that one product serves several points.
    """

    beta: float
    even: Any
    odd: Any

    def log_mass(self, gap, inputs):
        """Log of the unnormalised probability of even states, up to a term that all betas share.

        Parameters
        ----------
        gap : ndarray of shape (n_rows,)
            ``TemperaturePath.even_gap`` of the states.
        inputs : ndarray of shape (n_rows, n_odd)
            Inputs of the odd units from these states.
        """
        return self.odd.log_partition(self.beta * inputs) - self.beta * gap

    def sample_odd(self, inputs, address, out):
        """Hidden states drawn given their inputs, at the address (seed, stream, first row)."""
        return settle(self.odd, np.multiply(inputs, self.beta, out=out), address)

    def sample_even(self, inputs, address, out):
        """Visible states drawn given their inputs, at the address (seed, stream, first row)."""
        return settle(self.even, np.multiply(inputs, self.beta, out=out), address)
