"""Conditional log-likelihood of each visible unit given all others, summed over hidden states.

The hidden units are binary, so that the sum over their states is a product with one factor per
unit. A visible unit adds its weights times its state to their inputs, so that another state of one
unit changes the inputs by a known amount. For each kind of unit there is a function that returns
log p(v_i | the others) for each row and unit; for a choice, for the unit that is on.
"""

import numpy as np
from scipy.special import logsumexp

from ..kernels.layers import (
    bernoulli_flip_log_odds,
    bernoulli_log_partition,
    gaussian_conditional_log_density,
)

# Exponents up to this absolute value neither overflow nor underflow.
_SAFE_EXPONENT = {np.dtype(np.float32): 80.0, np.dtype(np.float64): 600.0}


def conditional_log_likelihood(machine, v, inputs, known=None):
    """Sum over visible units i of log p(v_i | the other visible units), for each row; nats.

    Parameters
    ----------
    machine : Machine
        Its hidden units are binary.
    v : ndarray of shape (n_rows, n_visible)
    inputs : ndarray of shape (n_rows, n_hidden)
        Inputs of the hidden units given ``v``, including the bias.
    known : ndarray of bool, of shape (n_rows, n_visible), default=None
        Known units of each row; the others are constant. None: all are known.

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
    """Log of the unnormalised probability of each choice given the other visible units.

    Parameters
    ----------
    machine : Machine
    part : slice
        The visible units of which exactly one is on.
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
    """Log of the probability or density of states of one variable given all others, in nats.

    Parameters
    ----------
    machine : Machine
    kind : {"binary", "choice", "real"}
    part : slice
        The visible units of the variable: one, or all of a choice.
    states : ndarray of shape (n_states, n_units)
        Any states of a real-valued unit, otherwise all possible states.
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
    # The known density of one state determines the normalisation of all.
    states = np.vstack([bias, states]).astype(inputs.dtype)
    own = -np.square(states - bias) / (2 * machine.visible.variance[part])
    log_masses = _log_masses(own.sum(axis=1), states @ weights, inputs)
    at_bias = np.repeat(states[:1], len(inputs), axis=0)
    log_density = _integrate(machine, part, at_bias, inputs + states[:1] @ weights)
    return log_masses[:, 1:] + (log_density - log_masses[:, :1])


def _log_masses(own, moves, inputs):
    """Log of the unnormalised probability of each of some states.

    ``own`` (n_states,) are their terms without hidden units, ``moves`` (n_states, n_hidden) what
    they add to the inputs of the hidden units.
    """
    log_masses = np.empty((len(inputs), len(own)))
    for number, move in enumerate(moves):
        out = np.empty(len(inputs))
        bernoulli_log_partition(inputs, move, out)
        log_masses[:, number] = own[number] + out
    return log_masses


def _flip(machine, part, states, inputs):
    """For binary units: each state is compared with 1 - state.

    For states 0 and 1 this is the flipped unit.
    """
    bias, weights = machine.visible.bias[part], machine.weights[part]
    safe = _SAFE_EXPONENT[weights.dtype]
    largest = np.abs(weights).max() * np.abs(1 - 2 * states).max()
    n_safe = max(1, int(safe / max(largest, safe / weights.shape[1])))
    log_odds = np.empty_like(states)
    bernoulli_flip_log_odds(states, inputs, weights, bias, n_safe, log_odds)
    # log(sigmoid(a)), by vectorised functions of NumPy; logaddexp is not vectorised.
    return np.minimum(log_odds, 0) - np.log1p(np.exp(-np.abs(log_odds)))


def _choose(machine, part, states, inputs):
    """For units of which exactly one is on: the likelihood of that one."""
    without_choice = inputs - machine.coupling.of_lower(part).up(states)
    log_masses = log_masses_of_choices(machine, part, without_choice)
    log_masses -= logsumexp(log_masses, axis=1, keepdims=True)
    return states * log_masses


def _integrate(machine, part, states, inputs):
    """For real-valued units: a density."""
    units, out = machine.visible, np.empty_like(states)
    gaussian_conditional_log_density(
        states, inputs, machine.weights[part], units.bias[part], units.variance[part], out
    )
    return out


_CONDITIONALS = {"binary": _flip, "choice": _choose, "real": _integrate}
