"""The centred gradient of the log-likelihood, from states of the data and of the model.

It is a difference of two expectations of v h: over the data (:mod:`skebm.boltzmann.posterior`) and
over the model (:mod:`skebm.boltzmann.chains`). One array of even and one of odd rows holds
both, so that one matrix product is the whole gradient of the weights between two layers::

    rows of v                    rows of h, weighted
    ---------------------------  -----------------------------
    data                         their odd means / n_data
    chains                       their odd means / -n_chains
    even offset                  -(odd difference)              only where
    even difference              -(odd offset)                  centred

A difference is the mean over the data minus the mean over the chains. The last two rows are the
terms by which the difference of <(v - offset)(h - offset)> differs from that of <v h>.

A unit that is missing in a row has the same state in both phases, so that it acts as a constant in
the biases of its neighbours. The same sums are then the gradient of the machine of this row; if the
state is the offset, the unit contributes nothing to it.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..kernels.updates import move_average, phase_difference, weigh_phases


@dataclass
class Gradient:
    """Gradient of the log-likelihood.

    Attributes
    ----------
    v, h : ndarray of shapes (n, n_even) and (n, n_odd)
        Rows whose product ``v.T @ h`` is the gradient of the weights.
    even, odd : ndarray of shapes (n_even,) and (n_odd,)
        Gradients with respect to the biases.
    log_variance : ndarray of shape (n_even,), or None if it was not asked for
    norm : float or None
        Frobenius norm of the gradient of the weights, before even states are divided by variances.
        None if it was not asked for.
    """

    v: np.ndarray
    h: np.ndarray
    even: np.ndarray
    odd: np.ndarray
    log_variance: np.ndarray | None
    norm: float | None


def move_offsets(offsets, v, h, rate, known=None):
    """Update offsets, averages of the states of the data, with the means of some rows.

    Even states count only if they are ``known``, a mask of these rows and possibly of more.
    """
    if known is not None:
        v = np.where(known[: len(v)], v, offsets[0])
    for offset, states in zip(offsets, (v, h), strict=True):
        move_average(offset, states, rate)


def centred_gradient(
    machine, v, h, n_data, offsets, centered, of_variance=False, of_norm=False, known=None
):
    """Gradient of the mean log-likelihood of the rows of data.

    Parameters
    ----------
    machine : Machine
    v, h : ndarray of shapes (n + 2, n_even) and (n + 2, n_odd)
        Even and odd states or means: of data, then of chains, then two free rows. Changed in place.
    n_data : int
        Number of rows of data.
    offsets : tuple of two ndarrays, of shapes (n_even,) and (n_odd,)
        Offsets that are subtracted from the states.
    centered : bool
    of_variance, of_norm : bool, default=False
        Whether to compute the gradient with respect to log-variances, and the norm of that of the
        weights.
    known : ndarray of bool, of shape (n, n_even), default=None
        Known even units of each row; the others are constant. None: all are known.

    Returns
    -------
    Gradient
    """
    even, odd = (np.empty_like(offset) for offset in offsets)
    phase_difference(v[:-2], n_data, even)
    phase_difference(h[:-2], n_data, odd)
    # Now the rows of h are weighted, so that v.T @ h is the gradient of the means.
    weigh_phases(h[:-2], n_data)
    of_log_variance = None
    if of_variance:
        of_log_variance = _of_log_variance(machine, v[:-2], h[:-2], n_data, known)
    if centered:
        v[-2], h[-2] = offsets[0], -odd
        v[-1], h[-1] = even, -offsets[1]
        _subtract_projections(machine, v, h, offsets, (even, odd), side=0)
    else:
        v, h = v[:-2], h[:-2]
    norm = norm_of_weights(machine, v, h) if of_norm else None
    # Now the rows of v are divided by the variances, so that v.T @ h is the step of the weights.
    machine.even.over_variance(v)
    if centered:
        _subtract_projections(machine, v, h, offsets, (even, odd), side=1)
    return Gradient(v, h, even, odd, of_log_variance, norm)


def _of_log_variance(machine, v, weighted_h, n_data, known):
    row_weights = np.full(len(v), -1 / (len(v) - n_data), dtype=v.dtype)
    row_weights[:n_data] = 1 / n_data
    inputs = machine.inputs_of_even(weighted_h)
    return machine.even.log_variance_gradient(v, inputs, row_weights, known)


def _subtract_projections(machine, v, h, offsets, gradients, side):
    """Subtract the terms of the centred gradient of the weights from the biases of one side.

    ``gradients`` are those of both sides, of which the even one (0) or the odd one (1) is changed.
    """
    parts = zip(
        machine.couplings,
        *(machine.neighbours(*pair) for pair in ((v, h), offsets, gradients)),
        strict=True,
    )
    for number, (coupling, states, (of_lower, of_upper), (by_lower, by_upper)) in enumerate(parts):
        if number % 2 == side:
            coupling.subtract_from_lower(*states, of_upper, by_lower)
        else:
            coupling.subtract_from_upper(*states, of_lower, by_upper)


def norm_of_weights(machine, v, h):
    """Frobenius norm of the gradient of all weights."""
    pairs = zip(machine.couplings, machine.neighbours(v, h), strict=True)
    return math.sqrt(sum(coupling.squared_norm(*states) for coupling, states in pairs))
