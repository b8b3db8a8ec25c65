"""Likelihoods of machines with several hidden layers: a bound, and exact ones by enumeration.

For any distribution q of the hidden states, log p(v) is at least the expectation of -E(v, h) under
q, plus the entropy of q, minus log Z [1]_. Here q is the posterior of the model, in which all
hidden units are independent, so that the expectation of the energy is the energy of the means. All
results here are up to log Z.

.. [1] R. Salakhutdinov and G. Hinton, "Deep Boltzmann machines", AISTATS 2009.
"""

import math

import numpy as np
from scipy.special import entr, logsumexp

from .._source import CHUNK, chunks, for_each_chunk
from .._threads import one_blas_thread
from .machine import hidden_machine
from .summation import MOST_UNITS

# Number of values in memory for the sum over hidden states.
_VALUES_AT_ONCE = 2**22


def posterior_means(model, rows):
    """Means of both sides given all rows of visible states, which are among the even ones.

    Returns
    -------
    even, odd : ndarray of shapes (n_rows, n_even) and (n_rows, n_odd)
    """
    n_rows = rows.shape[0]
    even, odd = (np.empty((n_rows, n), model.machine.dtype) for n in model.machine.n_units)
    with one_blas_thread():
        for part in chunks(n_rows):
            batch = rows.batch(np.arange(part.start, part.stop))
            model.posterior(model.machine, batch, even[part], odd[part])
    return even, odd


def log_mass_bound(model, rows):
    """Lower bound on the log of the sum over hidden states of exp(-E(v, h)), for each row; nats.

    For a row with unknown values, the bound is that of the known units; the others are fixed at
    their placeholders. Minus log Z it is a bound on log p(v).
    """
    out = np.empty(rows.shape[0])
    with one_blas_thread():
        for part in chunks(rows.shape[0]):
            out[part] = _log_mass_bound(model, rows.subset(np.arange(part.start, part.stop)))
    return out


def _log_mass_bound(model, rows):
    machine, (even, odd) = model.machine, posterior_means(model, rows)
    known = rows.batch(np.arange(len(even))).known
    known = None if known is None else machine.even_of(known, True)
    entropy = _entropy(even[:, machine.n_visible :]) + _entropy(odd)
    return entropy - machine.energy(even, odd, known)


def _entropy(means):
    """Entropy of independent binary units, of each row; nats."""
    return (entr(means) + entr(1 - means)).sum(axis=1, dtype=np.float64)


def is_countable(machine):
    """Whether log_mass is available: even or odd hidden layers have few states."""
    sides = machine.layers[1::2], machine.layers[2::2]
    return min(math.prod(layer.n_states for layer in side) for side in sides) <= 2**MOST_UNITS


def log_mass(model, rows):
    """Log of the sum over hidden states of exp(-E(v, h)), exactly, for each row; nats.

    By enumeration of the odd layers, or of the even hidden ones, if :func:`is_countable`.
    """
    machine, out = model.machine, np.empty(rows.shape[0])
    if len(machine.layers) == 2:
        return -machine.free_energy(rows).astype(np.float64)
    # Its lowest layer has a different bias for each row.
    hidden = hidden_machine(machine)
    sum_over = _over_odd_of if hidden.odd.n_states < hidden.even.n_states else _over_even_of
    n_states = min(hidden.odd.n_states, hidden.even.n_states)

    def evaluate(part):
        batch = rows.batch(np.arange(part.start, part.stop))
        v = np.empty((len(batch), machine.n_visible), dtype=machine.dtype)
        batch.take(v)
        fields = hidden.even_of(machine.couplings[0].up(v), 0)
        out[part] = sum_over(hidden, fields) - machine.visible.energy(v, batch.known)

    for_each_chunk(evaluate, rows.shape[0], max(1, min(CHUNK, _VALUES_AT_ONCE // n_states)))
    return out


def _over_even_of(hidden, fields):
    """Log-sum over states of the even layers, to which fields (n_rows, n_even) are added."""
    states = hidden.even.states(np.arange(hidden.even.n_states))
    log_masses = hidden.odd.log_partition(hidden.inputs_of_odd(states)).astype(np.float64)
    log_masses -= hidden.even.energy(states)
    return logsumexp(log_masses + fields @ states.T, axis=1)


def _over_odd_of(hidden, fields):
    """Log-sum over states of the odd layers, with fields (n_rows, n_even) of the even ones."""
    states = hidden.odd.states(np.arange(hidden.odd.n_states))
    inputs, energies = hidden.inputs_of_even(states), hidden.odd.energy(states)
    log_masses = np.empty((len(fields), len(states)))
    for number, field in enumerate(fields):
        log_masses[number] = hidden.even.log_partition(inputs + field) - energies
    return logsumexp(log_masses, axis=1)
