"""Dense matrix products through SciPy's BLAS, which Numba also calls.

NumPy and SciPy each have a BLAS with its own threads. A loop that calls both keeps two thread pools
active, which on two cores takes three to four times as long as the product itself.
"""

import numpy as np

from ._jit import kernel


def multiply(a, b, out):
    """``out = a @ b``. Each array is C- or Fortran-contiguous, ``out`` is C-contiguous."""
    _multiply(a, b, out)
    return out


@kernel
def _multiply(a, b, out):
    np.dot(a, b, out)


def add_product(a, b, out):
    """``out += a @ b``. Both factors are C- or Fortran-contiguous; ``out`` may be a wider type.

    The product has the dtype of its factors: over a few thousand rows it loses no more precision
    than the factors have lost, and ``out`` is the sum of many such products.
    """
    product = multiply(a, b, np.empty((a.shape[0], b.shape[1]), a.dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        out += product
