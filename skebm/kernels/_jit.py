"""The decorators behind every compiled function."""

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

# Reordering and contraction let sums vectorise. The flags that promise the absence of NaN and
# infinity are left out on purpose: with them, a diverging run would go unnoticed.
FAST_ARITHMETIC = {"contract", "reassoc", "nsz", "arcp"}


_OPTIONS = {
    "nogil": True,
    "fastmath": FAST_ARITHMETIC,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,  # which callers from C would need
}


def kernel(function):
    """Compile ``function`` without the GIL, caching the machine code where that is possible.

    ``error_model="numpy"`` drops the test for a zero divisor, which would keep every loop with
    a division from vectorising. Where there is no cache, on a read-only installation, a full disk
    or with files that were cut short, the function is compiled anew in each process.

    A kernel copies one array to another in a loop, not by ``a[:] = b``: with that, Numba compiles
    the text of an error message about shapes, for a second or two in each process.

    What a kernel returns to Python are numbers, truth values and tuples of them, never an array
    that it was given. Numba makes arrays by way of Python code: there a signal such as Ctrl-C is
    handled, nobody looks at what came of it, and it ends as a SystemError.
    """
    return _cached(function, _OPTIONS)


def rounded(function):
    """Like ``kernel``, with every product rounded before it is added to anything.

    Of a sum of two products, only one can be part of a fused multiply-add. The compiler may
    choose either, and was seen to choose otherwise in code that was just compiled than in code
    from the cache.
    """
    return _cached(function, _OPTIONS | {"fastmath": FAST_ARITHMETIC - {"contract"}})


def _cached(function, options):
    try:
        compiled = njit(cache=True, **options)(function)
    except (RuntimeError, OSError):
        return njit(**options)(function)
    # Numba has no documented way to go on without what it cannot read or write, or to compile
    # elsewhere.
    if hasattr(compiled, "_cache"):
        compiled._cache = _OptionalCache(compiled._cache)
    if hasattr(compiled, "_compile_for_args"):
        compiled._compile_for_args = _off_the_main_thread(compiled._compile_for_args)
    return compiled


def _off_the_main_thread(compile_for_args):
    """Have a function called in a thread of its own, which no signal reaches.

    An interrupt in the midst of compiling can leave Numba's lock taken for good, or be lost in a
    destructor; and it would be answered only when a function of LLVM returns. Here the main thread
    waits, and can be interrupted at once, while what was begun is compiled to its end.
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
        except RuntimeError:  # the interpreter is about to end
            return compile_for_args(*arguments, **options)
        result, error = take(outcome)
        if error is not None:
            raise error
        return result

    return call


class _OptionalCache:
    """Numba's cache of a function, which is compiled all the same where the cache fails.

    Parameters
    ----------
    cache : numba.core.caching.FunctionCache
    """

    def __init__(self, cache):
        self._cache = cache

    def __getattr__(self, name):
        return getattr(self._cache, name)

    def load_overload(self, *arguments):
        """Compiled code from the cache, or None, after which the function is compiled."""
        try:
            return self._cache.load_overload(*arguments)
        except Exception:
            # Start again, or each process to come would fail, and compile, as this one does.
            with suppress(Exception):
                self._cache.flush()
            return None

    def save_overload(self, *arguments):
        """Keep compiled code for other processes, if possible."""
        with suppress(Exception):
            self._cache.save_overload(*arguments)


def borrowing(function):
    """Like ``kernel``, for functions that make no arrays: references to arrays are not counted.

    Counting was seen to cost up to a fifth of a step on an Intel Xeon, a tenth on average, nothing
    on an AMD EPYC, and two seconds of compilation. Numba's option for it, ``_nrt``, is not one of
    the documented; a test tells when it has lost its meaning.
    """
    return _cached(function, _OPTIONS | {"_nrt": False})


def part(function):
    """Like ``borrowing``, for functions of other kernels alone: no call from Python is compiled.

    Not for sums of floats whose last bit has to be the same everywhere: their order was seen to
    differ between code that was just compiled and code from the cache. ``inlined`` is.
    """
    return njit(no_cpython_wrapper=True, _nrt=False, **_OPTIONS)(function)


def inlined(function):
    """Make ``function`` part of each of its callers, before they are compiled.

    For loops that only vectorise around all of it, and for short functions of arrays: an array is
    some eight arguments of a call, and handing over a few costs as much as a short loop. No code
    of its own is compiled, so that it also takes less time to compile than a call does.
    """
    return njit(inline="always", **_OPTIONS)(function)
