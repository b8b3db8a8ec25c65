"""The one decorator behind every compiled function."""

from numba import njit

# Reordering and contraction let sums vectorise. The flags that promise the absence of NaN and
# infinity are left out on purpose: with them, a diverging run would go unnoticed.
FAST_ARITHMETIC = {"contract", "reassoc", "nsz", "arcp"}


_OPTIONS = {"nogil": True, "fastmath": FAST_ARITHMETIC, "error_model": "numpy"}


def kernel(function):
    """Compile ``function`` without the GIL, caching the machine code where that is possible.

    ``error_model="numpy"`` drops the test for a zero divisor, which would keep every loop with
    a division from vectorising. A read-only installation has nowhere to keep a cache; there the
    function is compiled anew in each process.
    """
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        return njit(**_OPTIONS)(function)


def part(function):
    """Compile ``function`` for other kernels alone, without what a call from Python needs."""
    return njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function)


def in_line(function):
    """Compile ``function`` for other kernels, as a part of each of them and not by a call.

    For short functions of arrays: an array is some eight arguments of a call, and handing over
    a few of them costs as much as a short loop.
    """
    return njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, **_OPTIONS)(
        function
    )


def inlined(function):
    """Compile ``function`` into its callers, for loops that only vectorise around all of it."""
    return njit(inline="always", **_OPTIONS)(function)
