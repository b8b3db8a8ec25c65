"""Threads: Python threads over kernels that release the GIL, and never more than the processors.

Numba's own threads are not used. Depending on the threading layer they die after a fork or abort
when two Python threads launch them; Python threads do neither, and compose with joblib, Dask and
other threads of the caller.

Work is cut into blocks by its shape alone, each block is computed by one thread, and BLAS runs
on one thread inside a block: results do not depend, to the last bit, on the number of threads.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock

import numba
from joblib import Parallel, delayed
from threadpoolctl import ThreadpoolController

from .kernels.barrier import break_barrier, meet, new_barrier


def n_processors():
    """Threads that this process may keep busy.

    The environment variables OMP_NUM_THREADS and NUMBA_NUM_THREADS bound it. joblib sets both in
    its worker processes, so that all of them together use each processor once.
    """
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    by_environment = os.environ.get("OMP_NUM_THREADS", "")
    wanted = int(by_environment) if by_environment.isdigit() else available
    return max(1, min(available, wanted, numba.config.NUMBA_NUM_THREADS))


class _Helpers:
    """Threads beside the calling one. Several callers share them: each gets those that are idle."""

    def __init__(self, n_helpers):
        # A list and not a semaphore: an interrupt in the midst of one leaves it locked for good.
        self.idle = list(range(n_helpers))
        self.pool = ThreadPoolExecutor(max(n_helpers, 1), thread_name_prefix="skebm")

    @contextmanager
    def borrowed(self, wanted):
        """Up to ``wanted`` helpers that are idle now, for the length of the block."""
        taken = []
        try:
            with suppress(IndexError):
                while len(taken) < wanted:
                    taken.append(self.idle.pop())
            yield len(taken)
        finally:
            self.idle.extend(taken)


@cache
def _helpers():
    return _Helpers(n_processors() - 1)


def run_team(member, most, abandon=lambda: None):
    """Call ``member(rank, size)`` at the same time for each rank of a team, and wait for all.

    The caller is rank 0; up to ``most - 1`` idle helpers are the others. Where members wait for
    each other, ``abandon()`` has to let them go: it is called when one fails, or when the caller
    is interrupted before all have started.
    """
    helpers = _helpers()

    def guarded(function, *arguments):
        try:
            return function(*arguments)
        except BaseException:
            abandon()
            raise

    def start(others, size):
        for rank in range(1, size):
            others.append(helpers.pool.submit(guarded, member, rank, size))
        member(0, size)

    with helpers.borrowed(most - 1) as n_borrowed:
        others = []
        try:
            guarded(start, others, n_borrowed + 1)
        finally:
            errors = [other.exception() for other in others]
        for error in filter(None, errors):
            raise error


def for_each(function, blocks, n_jobs=None):
    """Call ``function(block)`` for each of the blocks.

    On as many threads as are free, or, where ``n_jobs`` is given, on as many as joblib makes of
    it. What is computed is the same.
    """
    if n_jobs is not None:
        # Never processes: the blocks are parts of one array that all write to.
        Parallel(n_jobs, require="sharedmem")(delayed(function)(block) for block in blocks)
        return

    def member(rank, size):
        for block in blocks[rank::size]:
            function(block)

    if len(blocks) == 1:
        function(blocks[0])
    else:
        run_team(member, len(blocks))


def run_phases(phases):
    """Call ``function(block)`` for the blocks of each phase, and each phase after the one before.

    One team does all phases: to meet between two of them costs it a microsecond, where a team of
    its own for each would cost many.

    Parameters
    ----------
    phases : list of tuple (function, blocks)
    """
    barrier = new_barrier()

    def member(rank, size):
        for function, blocks in phases:
            for block in blocks[rank::size]:
                function(block)
            if not meet(barrier, size):
                return

    most = max((len(blocks) for _, blocks in phases), default=1)
    run_team(member, most, abandon=lambda: break_barrier(barrier))


def blocks_of(n, smallest, most=4):
    """Slices that cover ``range(n)``: up to ``most``, of one size, at least ``smallest``.

    The last may be shorter, and so is the only one if ``n`` is. Fewer than eight are one, two or
    four: of three, one of two threads would have twice as much to do as the other. Four suit
    matrix products of a minibatch: with more, BLAS spends too much of its time on the seams.

    Starts are multiples of four, as :func:`skebm.kernels.random.fill_uniform` wants them.
    """
    n_blocks = max(1, min(most, n // smallest))
    if n_blocks < 8:
        n_blocks = 1 << n_blocks.bit_length() - 1
    size = -(-n // n_blocks)
    size += -size % 4
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


class _OneBlasThread:
    """Counts who wants BLAS on one thread: the first one in sets it, the last one out restores.

    threadpoolctl's own context manager restores what it found, which is wrong as soon as two
    threads are in it at once; and its newer versions obey, until told to forget it, only the
    thread that came first.
    """

    def __init__(self):
        self._lock = Lock()
        self._n_inside = 0
        self._controller = ThreadpoolController().select(user_api="blas")
        self._limit = None

    def __enter__(self):
        with self._lock:
            self._n_inside += 1
            if self._n_inside == 1:
                self._obey_this_thread()
                self._limit = self._controller.limit(limits=1)

    def __exit__(self, *_):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._obey_this_thread()
                self._limit.restore_original_limits()
                self._obey_this_thread()

    def _obey_this_thread(self):
        for library in self._controller.lib_controllers:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread(force=True)


@cache
def one_blas_thread():
    """Context in which matrix products run on the thread that calls for them alone.

    It holds for the whole process. Who must enter it: whoever starts work on rows of data, before
    the first product and before blocks are handed out to threads; that is once for an epoch, a
    call of an estimator, or a pass over a data set, since the first to enter takes as long as a
    step on a small minibatch. Who need not: whatever works on one block or one minibatch (layers
    of units, passes of a machine, kernels), which relies on its caller; and what makes no
    products. To enter it once more, in the same thread or another, does no harm.

    Outside of it results stay correct, but their last bits can depend on the number of threads
    of BLAS, and two pools of threads get into each other's way.
    """
    return _OneBlasThread()


def _forget_threads():
    """A child has none of its parent's threads, and its locks are as the fork found them."""
    _helpers.cache_clear()
    one_blas_thread.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
