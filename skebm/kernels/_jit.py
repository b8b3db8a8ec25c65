"""Decorators for compiled functions."""

import threading
from contextlib import suppress
from queue import SimpleQueue

from numba import config, njit

from ._waiting import take

if config.DISABLE_JIT:
    raise ImportError(
        "skebm needs Numba's compiler, which NUMBA_DISABLE_JIT=1 turns off. Remove "
        "NUMBA_DISABLE_JIT from the environment before Python starts, or set it to 0."
    )

# Reordering and contraction allow the vectorisation of sums. The flags that assume the absence of
# NaN and infinity are not used: with them, divergence would not be noticed.
FAST_ARITHMETIC = {"contract", "reassoc", "nsz", "arcp"}


_OPTIONS = {
    "nogil": True,
    "fastmath": FAST_ARITHMETIC,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,  # only callers from C need it
}


def kernel(function):
    """Compile ``function`` without the GIL, and cache the machine code if possible.

    ``error_model="numpy"`` omits the test for a zero divisor, which would prevent the vectorisation
    of loops with a division. Without a cache, because of a read-only installation, a full disk or
    truncated files, the function is compiled again in each process.

    A kernel copies one array to another in a loop, not by ``a[:] = b``: with that, Numba compiles
    an error message about shapes, which takes a second or two in each process.

    A kernel returns to Python only numbers, booleans and tuples of them, never an array. Numba
    creates arrays by Python code, where a signal such as Ctrl-C is handled; the resulting exception
    is not checked, and becomes a SystemError.
    """
    return _cached(function, _OPTIONS)


def rounded(function):
    """Like ``kernel``, but every product is rounded before it is added.

    In a sum of two products, only one can be part of a fused multiply-add. The compiler may choose
    either one, and its choice has been seen to differ between code that was just compiled and code
    from the cache.
    """
    return _cached(function, _OPTIONS | {"fastmath": FAST_ARITHMETIC - {"contract"}})


def _cached(function, options):
    try:
        compiled = njit(cache=True, **options)(function)
    except (RuntimeError, OSError):
        return njit(**options)(function)
    # Numba has no documented way to ignore errors of the cache, or to compile in another thread.
    if hasattr(compiled, "_cache"):
        compiled._cache = _OptionalCache(compiled._cache)
    if hasattr(compiled, "_compile_for_args"):
        compiled._compile_for_args = _off_the_main_thread(compiled._compile_for_args)
    return compiled


def _off_the_main_thread(compile_for_args):
    """Call a function in a separate thread, which receives no signals.

    An interrupt during compilation can leave Numba's lock acquired forever, or be lost in a
    destructor; and it would be handled only after a function of LLVM returns. Here the main thread
    waits and can be interrupted immediately, while the compilation is completed.
    """

    def call(*arguments, **options):
        if threading.current_thread() is not threading.main_thread():
            return compile_for_args(*arguments, **options)
        outcome = SimpleQueue()

        def work():
            try:
                outcome.put((compile_for_args(*arguments, **options), None))
            except BaseException as error:
                outcome.put((None, error))

        try:
            threading.Thread(target=work, name="skebm-compiler", daemon=True).start()
        except RuntimeError:  # the interpreter is shutting down
            return compile_for_args(*arguments, **options)
        result, error = take(outcome)
        if error is not None:
            raise error
        return result

    return call


class _OptionalCache:
    """Numba's cache of a function, which is compiled if the cache fails.

    Parameters
    ----------
    cache : numba.core.caching.FunctionCache
    """

    def __init__(self, cache):
        self._cache = cache

    def __getattr__(self, name):
        return getattr(self._cache, name)

    def load_overload(self, *arguments):
        """Compiled code from the cache, or None, so that the function is compiled."""
        try:
            return self._cache.load_overload(*arguments)
        except Exception:
            # Clear the cache, otherwise each later process would fail and compile again.
            with suppress(Exception):
                self._cache.flush()
            return None

    def save_overload(self, *arguments):
        """Save compiled code for other processes, if possible."""
        with suppress(Exception):
            self._cache.save_overload(*arguments)


def borrowing(function):
    """Like ``kernel``, for functions that create no arrays: references to arrays are not counted.

    Counting took up to a fifth of a step on an Intel Xeon, a tenth on average, nothing on an AMD
    EPYC, and two seconds of compilation. Numba's option, ``_nrt``, is not documented; a test fails
    if it no longer has this effect.
    """
    return _cached(function, _OPTIONS | {"_nrt": False})


def part(function):
    """Like ``borrowing``, for functions that only kernels call; calls from Python are not compiled.

    Not for sums of floats whose last bit must be reproducible: their order has been seen to differ
    between code that was just compiled and code from the cache. Use ``inlined`` for these.
    """
    return njit(no_cpython_wrapper=True, _nrt=False, **_OPTIONS)(function)


def inlined(function):
    """Insert ``function`` into each of its callers before they are compiled.

    For loops that only vectorise with the whole body, and for short functions of arrays: an array
    is about eight arguments of a call, and passing a few costs as much as a short loop. There is no
    separate code, so that compilation is also faster than for a call.
    """
    return njit(inline="always", **_OPTIONS)(function)
