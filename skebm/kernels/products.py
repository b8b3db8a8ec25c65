"""Dense matrix products through one BLAS, SciPy's, which is the one that Numba calls.

NumPy and SciPy each bring a BLAS with its own threads. A loop that calls both keeps two thread
pools awake, which on two cores costs three to four times the product itself.
"""

import numpy as np

from ._jit import kernel


@kernel
def multiply(a, b, out):
    """``out = a @ b``. Each array is C- or Fortran-contiguous, ``out`` is C-contiguous."""
    np.dot(a, b, out)
    return out
