"""How likely each visible unit is given all others, the hidden units being summed over.

The hidden units are binary, so that the sum over their states is a product of as many factors. What
a visible unit adds to their inputs are its weights times its state: that is all it takes to ask for
another state of one unit with the others as they are. A kind of unit is a function here, of log
p(v_i | the others) for each row and unit; of a choice, that of the unit that is on.
"""

import numpy as np
from scipy.special import logsumexp

from ..kernels.layers import (
    bernoulli_flip_log_odds,
    bernoulli_log_partition,
    gaussian_conditional_log_density,
)

# Exponents up to this size, of either sign, neither overflow nor vanish.
_SAFE_EXPONENT = {np.dtype(np.float32): 80.0, np.dtype(np.float64): 600.0}


def conditional_log_likelihood(machine, v, inputs, known=None):
    """Sum over visible units i of log p(v_i | the other visible units), for each row; nats.

    Parameters
    ----------
    machine : Machine
        Its hidden units are binary.
    v : ndarray of shape (n_rows, n_visible)
    inputs : ndarray of shape (n_rows, n_hidden)
        Of the hidden units given ``v``, their bias included.
    known : ndarray of bool, of shape (n_rows, n_visible), default=None
        Units that are there in each row; the others are constant. None: all are there.

    Returns
    -------
    log_likelihood : ndarray of shape (n_rows,)
    """
    log_likelihoods = []
    for kind, part in machine.visible.parts:
        each = _CONDITIONALS[kind](machine, part, np.ascontiguousarray(v[:, part]), inputs)
        log_likelihoods.append(each.sum(axis=1, where=True if known is None else known[:, part]))
    return sum(log_likelihoods)


def log_masses_of_choices(machine, part, inputs):
    """Log of the mass of each choice given the other visible units, up to what all choices share.

    Parameters
    ----------
    machine : Machine
    part : slice
        The visible units exactly one of which is on.
    inputs : ndarray of shape (n_rows, n_hidden)
        Of the hidden units given the other visible units alone, bias included.

    Returns
    -------
    log_masses : ndarray of shape (n_rows, n_choices)
        In nats, float64.
    """
    states = np.eye(part.stop - part.start, dtype=inputs.dtype)
    return _log_masses(states @ machine.visible.bias[part], states @ machine.weights[part], inputs)


def conditional_log_distribution(machine, kind, part, states, inputs):
    """Log of the probability, or the density, of states of one variable given all others; nats.

    Parameters
    ----------
    machine : Machine
    kind : {"binary", "choice", "real"}
    part : slice
        The visible units that the variable is: one, or all of a choice.
    states : ndarray of shape (n_states, n_units)
        Of real-valued units any; else every state that there is.
    inputs : ndarray of shape (n_rows, n_hidden)
        Of the hidden units given the other visible units alone, bias included.

    Returns
    -------
    log_distribution : ndarray of shape (n_rows, n_states)
        float64.
    """
    bias, weights = machine.visible.bias[part], machine.weights[part]
    if kind != "real":
        log_masses = _log_masses(states @ bias, states @ weights, inputs)
        return log_masses - logsumexp(log_masses, axis=1, keepdims=True)
    # What is known of one state says what all of them have to be divided by.
    states = np.vstack([bias, states]).astype(inputs.dtype)
    own = -np.square(states - bias) / (2 * machine.visible.variance[part])
    log_masses = _log_masses(own.sum(axis=1), states @ weights, inputs)
    at_bias = np.repeat(states[:1], len(inputs), axis=0)
    log_density = _integrate(machine, part, at_bias, inputs + states[:1] @ weights)
    return log_masses[:, 1:] + (log_density - log_masses[:, :1])


def _log_masses(own, moves, inputs):
    """Log of the mass of each of some states, by what they have by themselves, and by what they
    add to the inputs of the hidden units, of shapes (n_states,) and (n_states, n_hidden)."""
    log_masses = np.empty((len(inputs), len(own)))
    for number, move in enumerate(moves):
        out = np.empty(len(inputs))
        bernoulli_log_partition(inputs, move, out)
        log_masses[:, number] = own[number] + out
    return log_masses


def _flip(machine, part, states, inputs):
    """Of binary units. States strictly between 0 and 1 are compared with their mirror image
    1 - state, which for 0 and 1 is the flipped unit."""
    bias, weights = machine.visible.bias[part], machine.weights[part]
    safe = _SAFE_EXPONENT[weights.dtype]
    largest = np.abs(weights).max() * np.abs(1 - 2 * states).max()
    n_safe = max(1, int(safe / max(largest, safe / weights.shape[1])))
    log_odds = np.empty_like(states)
    bernoulli_flip_log_odds(states, inputs, weights, bias, n_safe, log_odds)
    # log(sigmoid(a)), in the vectorised functions of NumPy, of which logaddexp is none.
    return np.minimum(log_odds, 0) - np.log1p(np.exp(-np.abs(log_odds)))


def _choose(machine, part, states, inputs):
    """Of units exactly one of which is on: the likelihood of the one that is."""
    without_choice = inputs - machine.coupling.of_lower(part).up(states)
    log_masses = log_masses_of_choices(machine, part, without_choice)
    log_masses -= logsumexp(log_masses, axis=1, keepdims=True)
    return states * log_masses


def _integrate(machine, part, states, inputs):
    """Of real-valued units: a density."""
    units, out = machine.visible, np.empty_like(states)
    gaussian_conditional_log_density(
        states, inputs, machine.weights[part], units.bias[part], units.variance[part], out
    )
    return out


_CONDITIONALS = {"binary": _flip, "choice": _choose, "real": _integrate}
