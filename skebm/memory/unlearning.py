"""Unlearning: a memory that dreams of spurious states forgets them."""

import numpy as np

from .._spins import rounding_of
from .._threads import one_blas_thread
from ..kernels.hopfield import dream

# Python can be interrupted between two calls of the compiled loop: a call is kept to about a
# tenth of a second by the number of weights that it visits. A dream visits each a few times: to
# find the fields, to settle, and to be forgotten.
_WEIGHTS_PER_CALL = 3e8
_VISITS_PER_DREAM = 4


def unlearn(couplings, n_dreams, rate, orders, max_iter, address):
    """Settle from random states and subtract each state that was found, in place.

    J. J. Hopfield, D. I. Feinstein and R. G. Palmer, "'Unlearning' has a stabilizing effect in
    collective memories", Nature 304, 1983.

    Parameters
    ----------
    couplings : Couplings
    n_dreams : int
    rate : float
        Share of a pattern stored by Hebb's rule that a dream takes away.
    orders : ndarray of int of shape (n_orders, n_units)
        In which units are visited.
    max_iter : int
        Most sweeps of a dream.
    address : tuple of int
        Seed, stream and row from which the starts are drawn.
    """
    weights, bias = couplings.weights, couplings.bias
    step = weights.dtype.type(rate / len(weights))
    free = np.ones((1, len(weights)), dtype=bool)
    rounding = rounding_of(weights.dtype)
    couplings.dreamt = couplings.dreamt or n_dreams > 0
    seed, stream, first_dream = address
    n_at_once = max(1, int(_WEIGHTS_PER_CALL / (_VISITS_PER_DREAM * weights.size)))
    with one_blas_thread():
        for start in range(0, n_dreams, n_at_once):
            dream(
                weights,
                bias,
                step,
                step * couplings.always_on,
                orders,
                free,
                max_iter,
                rounding,
                (seed, stream, first_dream + start),
                min(n_at_once, n_dreams - start),
            )
