"""Sums over all states of the layer of a machine with fewer states."""

import numpy as np

from .._source import for_each_chunk
from .._threads import one_blas_thread

# Largest number of units whose states are summed over, by default and on request.
MOST_UNITS = 20
MOST_UNITS_ON_DEMAND = 30


def enumerable(machine, most_units=MOST_UNITS):
    """Whether one layer has few enough states for a sum over all of them."""
    return min(machine.even.n_states, machine.odd.n_states) <= 2**most_units


def exact_samples(machine, n_samples, streams):
    """Independent even states, drawn exactly by enumeration of the states of a layer."""
    numbers = drawn_numbers(log_masses(machine), n_samples, streams)
    layer, _, _ = _enumerated(machine)
    states = layer.states(numbers)
    if layer is machine.even:
        return states
    v = np.empty((n_samples, machine.n_even), dtype=machine.dtype)
    with one_blas_thread():
        return machine.sample_even(states, (streams.seed, streams.take(), 0), v)


def drawn_numbers(masses, n_samples, streams):
    """Indices of states, drawn in proportion to exp(masses)."""
    cumulative = np.cumsum(np.exp(masses - masses.max()))
    uniform = streams.generator().random(n_samples)
    return np.searchsorted(cumulative, uniform * cumulative[-1], side="right")


def log_masses(machine):
    """Log of the unnormalised probability of each state of the layer with fewer states."""
    layer, other, inputs_of_other = _enumerated(machine)
    masses = np.empty(layer.n_states)

    def evaluate(part):
        states = layer.states(np.arange(part.start, part.stop))
        masses[part] = other.log_partition(inputs_of_other(states)) - layer.energy(states)

    for_each_chunk(evaluate, layer.n_states)
    return masses


def _enumerated(machine):
    """The layer with fewer states, the other one, and a function from states to its inputs."""
    if machine.even.n_states < machine.odd.n_states:
        return machine.even, machine.odd, machine.inputs_of_odd
    return machine.odd, machine.even, machine.inputs_of_even
