"""Unlearning: recall from random states, whose results are subtracted from the weights."""

import numpy as np

from .._spins import rounding_of
from .._threads import one_blas_thread
from ..kernels.hopfield import dream

# Ctrl-C takes effect between two calls of the compiled loop, so a call should take about a tenth of
# a second. Its time is proportional to the number of weights that it reads. A dream reads each
# weight several times: for the fields, for recall, and to subtract the state.
_WEIGHTS_PER_CALL = 3e8
_VISITS_PER_DREAM = 4


def subtract_dreams(couplings, n_dreams, rate, orders, max_iter, address):
    """Recall from random states and subtract each state that is found, in place.

    J. J. Hopfield, D. I. Feinstein and R. G. Palmer, "'Unlearning' has a stabilizing effect in
    collective memories", Nature 304, 1983.

    Parameters
    ----------
    couplings : Couplings
    n_dreams : int
    rate : float
        A dream subtracts ``rate`` times what storing its state by Hebb's rule would add.
    orders : ndarray of int of shape (n_orders, n_units)
        Orders in which the units are visited.
    max_iter : int
        Largest number of sweeps of a dream.
    address : tuple of int
        Seed, stream and first row of the random numbers for the first states.
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
