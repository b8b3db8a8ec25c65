"""A barrier for threads that run one kernel together.

A step of training takes a fraction of a millisecond and has several barriers. A barrier of Python
costs tens of microseconds and needs the GIL; this one costs a tenth of a microsecond and does not.
"""

import os

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ._jit import inlined, kernel

# Each counter has a cache line of its own: waiting threads read one while arriving ones write
# the other.
_LINE = 8
_ARRIVED, _PASSED, _BROKEN = 0, _LINE, 2 * _LINE
_SIZE = 3 * _LINE

# A waiting thread polls this many times, then yields its processor this many times, and then sleeps
# for this many microseconds at a time. It usually waits a few microseconds only, and waking would
# take ten times as long. But if other processes need the processors, a thread that continues
# polling may block the thread for which it waits.
_N_POLLS = 2_000
_N_YIELDS = 200
_NAP = np.uint32(50)

_sched_yield = types.ExternalFunction("sched_yield", types.int32())
_usleep = types.ExternalFunction("usleep", types.int32(types.uint32))
_IS_POSIX = os.name == "posix"


def _element_pointer(context, builder, signature, arguments):
    array_type = signature.args[0]
    array = context.make_array(array_type)(context, builder, arguments[0])
    return cgutils.get_item_pointer(
        context, builder, array_type, array, [arguments[1]], wraparound=False
    )


@intrinsic
def _atomic_add(typing_context, array, index, amount):
    """Add to an element of an int64 array atomically; returns the previous value."""

    def generate(context, builder, signature, arguments):
        pointer = _element_pointer(context, builder, signature, arguments)
        return builder.atomic_rmw("add", pointer, arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate


@intrinsic
def _atomic_load(typing_context, array, index):
    """Load an element of an int64 array atomically."""

    def generate(context, builder, signature, arguments):
        pointer = _element_pointer(context, builder, signature, arguments)
        return builder.load_atomic(pointer, "seq_cst", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def _atomic_store(typing_context, array, index, value):
    """Store an element of an int64 array atomically."""

    def generate(context, builder, signature, arguments):
        pointer = _element_pointer(context, builder, signature, arguments)
        builder.store_atomic(arguments[2], pointer, "seq_cst", 8)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.int64), generate


def new_barrier():
    """A barrier for any number of threads, to be passed to each of them."""
    return np.zeros(_SIZE, dtype=np.int64)


def break_barrier(barrier):
    """Release all waiting threads, because one thread will not arrive."""
    barrier[_BROKEN] = 1


@kernel
def meet(barrier, size):
    """Wait until all ``size`` threads have called; False if the barrier was broken."""
    if size == 1:
        return True
    n_passed = _atomic_load(barrier, _PASSED)
    if _atomic_add(barrier, _ARRIVED, 1) == size - 1:
        _atomic_store(barrier, _ARRIVED, 0)
        _atomic_add(barrier, _PASSED, 1)
        return True
    n_polls = 0
    while _atomic_load(barrier, _PASSED) == n_passed:
        if _atomic_load(barrier, _BROKEN) != 0:
            return False
        n_polls += 1
        _give_way(n_polls)
    return True


@kernel
def wait_for(flags, place, n_naps):
    """Wait until an element of an int64 array is nonzero; False if this takes too long.

    The thread sleeps at most ``n_naps`` times.
    """
    for n_polls in range(_N_POLLS + _N_YIELDS + n_naps):
        if _atomic_load(flags, place) != 0:
            return True
        _give_way(n_polls)
    return _atomic_load(flags, place) != 0


@inlined
def _give_way(n_polls):
    """Yield the processor or sleep, depending on how long a thread has waited."""
    if _IS_POSIX and n_polls > _N_POLLS:
        if n_polls > _N_POLLS + _N_YIELDS:
            _usleep(_NAP)
        else:
            _sched_yield()
