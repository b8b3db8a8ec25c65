"""Python threads that call kernels without the GIL; never more threads than processors.

Numba's own threads are not used. Depending on the threading layer they die after a fork or abort
when two Python threads launch them. Python threads do neither, and can be combined with joblib,
Dask and other threads of the caller.

Work is divided into blocks by its shape only, each block is computed by one thread, and BLAS uses
one thread inside a block. Results are therefore identical for any number of threads.
"""

import os
import time
from contextlib import contextmanager, suppress
from functools import lru_cache
from threading import RLock

import numpy as np
from threadpoolctl import ThreadpoolController

from ._helpers import Helpers, Job, n_processors
from .kernels.barrier import wait_for

# A waiting thread checks for an interrupt after this many naps, a few milliseconds.
_NAPS = 100
_FEW_NAPS = 5

# Smallest number of multiplications for which another thread is used. With fewer, waking and
# synchronising it takes longer than it saves.
_FEWEST_PRODUCTS = 6e6

# Numbers of blocks of the matrix product of a minibatch, and the rows per block with which the
# speed per row is within 8 % of the undivided product, measured with 784 x 500 weights.
_FEW_BLOCKS, _MANY_BLOCKS = 4, 16
_WITHOUT_LOSS = 96

# Time in seconds that a team waits for members that the system has not scheduled.
_PATIENCE = 0.002


_helpers = Helpers()


def run_team(member, most, abandon=lambda: None):
    """Call ``member(rank, size)`` at the same time for each rank of a team, and wait for all.

    The caller is rank 0; up to ``most - 1`` idle helpers are the others. If members wait for each
    other, ``abandon()`` must end this: it is called when a member fails or the caller is
    interrupted, possibly more than once.
    """
    team = _Team(member, most, abandon)
    Job(team.join, team.let_go).run(_helpers, most - 1, team.lead)


class _Team:
    """A team whose members are fixed before any of them starts; late helpers are not waited for.

    Parameters
    ----------
    member, most, abandon
        See :func:`run_team`.
    """

    def __init__(self, member, most, abandon):
        self._member, self._most, self._abandon = member, most, abandon
        # Ranks that are not taken yet, the lowest last.
        self._ranks = list(range(most - 1, 0, -1))
        self._size = 0
        self._all_have_come, self._may_begin = np.zeros(1, np.int64), np.zeros(1, np.int64)

    def lead(self, n_offered):
        """The caller's part: start with the helpers that have joined."""
        ranks = self._ranks
        del ranks[: self._most - 1 - n_offered]
        end = time.monotonic() + _PATIENCE
        while ranks and time.monotonic() < end:
            wait_for(self._all_have_come, 0, _FEW_NAPS)
        n_missing = 0
        while ranks:
            with suppress(IndexError):
                ranks.pop()
                n_missing += 1
        size = n_offered + 1 - n_missing
        self._size = size
        self._may_begin[0] = 1
        self._member(0, size)

    def join(self):
        """The part of a helper."""
        try:
            rank = self._ranks.pop()
        except IndexError:
            return
        if not self._ranks:
            self._all_have_come[0] = 1
        while not wait_for(self._may_begin, 0, _NAPS):
            pass
        if self._size:
            self._member(rank, self._size)

    def let_go(self):
        """Release members that wait for the start, or for another member."""
        self._ranks.clear()
        self._may_begin[0] = 1
        self._abandon()


def for_each(function, blocks, n_jobs=None):
    """Call ``function(block)`` for each of the blocks.

    All idle threads are used, at most ``n_jobs``, where -1 is all processors, -2 all but one, and
    so on. The result does not depend on it. A thread takes the next block when it has finished one,
    and the caller does not wait for a helper that has not begun.
    """
    run_phases([(function, blocks)], n_jobs)


def run_phases(phases, n_jobs=None):
    """Call ``function(block)`` for the blocks of each phase, one phase after another.

    All phases are one job: synchronising between two phases costs a few microseconds, and waking
    the threads for each phase would cost many.

    Parameters
    ----------
    phases : list of tuple (function, blocks)
    n_jobs : int, default=None
        See :func:`for_each`.
    """
    n_helpers = max((len(blocks) for _, blocks in phases), default=1) - 1
    if n_jobs is not None:
        n_helpers = min(n_helpers, _n_threads(n_jobs) - 1)
    if n_helpers < 1:
        for function, blocks in phases:
            for block in blocks:
                function(block)
        return
    work = _Phases(phases)
    Job(work.do, work.let_go).run(_helpers, n_helpers, lambda _: work.do())


def n_jobs_for(n_products):
    """``n_jobs`` for matrix products with ``n_products`` multiplications: 1 if they are few."""
    return 1 if n_products < _FEWEST_PRODUCTS else None


def _n_threads(n_jobs):
    """Number of threads for ``n_jobs``."""
    return n_jobs if n_jobs > 0 else max(1, n_processors() + 1 + n_jobs)


class _Phases:
    """Blocks of consecutive phases, for any number of threads that may join and leave.

    Parameters
    ----------
    phases : list of tuple (function, blocks)
    """

    def __init__(self, phases):
        self._functions = [function for function, _ in phases]
        # Blocks that are not begun, the first one last; and one entry for each that is done.
        self._open = [list(blocks)[::-1] for _, blocks in phases]
        self._done = [[] for _ in phases]
        self._n_blocks = [len(blocks) for blocks in self._open]
        self._is_over = np.zeros(len(phases), dtype=np.int64)
        self._is_over[[n == 0 for n in self._n_blocks]] = 1

    def do(self):
        """Process blocks until there are no more."""
        for number, function in enumerate(self._functions):
            blocks, done = self._open[number], self._done[number]
            while blocks:
                try:
                    block = blocks.pop()
                except IndexError:  # another thread was faster
                    break
                function(block)
                done.append(None)
                if len(done) == self._n_blocks[number]:
                    self._is_over[number] = 1
            if number + 1 < len(self._functions):
                while not wait_for(self._is_over, number, _NAPS):
                    pass

    def let_go(self):
        """Drop the blocks that are not begun, and release threads that wait for others."""
        for blocks in self._open:
            blocks.clear()
        self._is_over.fill(1)


@lru_cache(maxsize=256)
def blocks_of(n, smallest, most=None):
    """Slices of equal size that cover ``range(n)``: up to ``most``, each of at least ``smallest``.

    The last slice may be shorter, and the only one if ``n < smallest``. If there are fewer than
    sixteen, their number is a power of two: with three slices, one of two threads would have twice
    the work of the other. Without ``most`` there are four, or more if these are large: with small
    slices BLAS is slower.

    Starts are multiples of four, as :func:`skebm.kernels.random.fill_uniform` requires. Results are
    cached, because a step on ten rows needs some dozen of them.
    """
    if most is None:
        most = max(_FEW_BLOCKS, min(_MANY_BLOCKS, n // _WITHOUT_LOSS))
    n_blocks = max(1, min(most, n // smallest))
    if n_blocks < _MANY_BLOCKS:
        n_blocks = 1 << n_blocks.bit_length() - 1
    size = max(1, -(-n // n_blocks))
    size += -size % 4
    return tuple(slice(start, min(start + size, n)) for start in range(0, n, size))


class _OneBlasThread:
    """Limits BLAS to one thread: the first user sets the limit, the last one removes it.

    threadpoolctl's context manager restores the previous state, which is wrong if two threads are
    in it at the same time. Until reset, its newer versions accept changes only from the thread that
    came first.

    An interrupt may come between any two steps. Therefore nothing is counted: entering or leaving
    twice is the same as once, and any interrupted operation can be repeated from its start.

    Parameters
    ----------
    libraries : list of LibController
        threadpoolctl's controller of each BLAS library.
    n_threads : list of int, default=None
        Number of threads to restore for each library, if BLAS is already limited.
    """

    def __init__(self, libraries, n_threads=None):
        # Reentrant, because garbage collection in the same thread may call ``leave``.
        self._lock = RLock()
        self._inside = set()
        self._libraries = libraries
        self._n_threads = n_threads
        self._is_limited = False

    def copy_for_child(self):
        """A copy for a forked process, where the locks remain in the state at the fork."""
        return _OneBlasThread(self._libraries, self._n_threads)

    def enter(self, who):
        """Limit BLAS to one thread from now on."""
        with self._lock:
            self._inside.add(who)
            if self._is_limited:
                return
            if self._n_threads is None:
                found = [library.get_num_threads() for library in self._libraries]
                if self._n_threads is None:
                    self._n_threads = found
            self._set([1] * len(self._libraries))
            self._is_limited = True

    def leave(self, who):
        """Restore the number of threads of BLAS, if no other user needs the limit."""
        with self._lock:
            self._inside.discard(who)
            if self._inside or self._n_threads is None:
                return
            self._is_limited = False
            self._set(self._n_threads)
            self._n_threads = None

    def _set(self, numbers):
        self._obey_this_thread()
        for library, n_threads in zip(self._libraries, numbers, strict=True):
            library.set_num_threads(n_threads)
        self._obey_this_thread()

    def _obey_this_thread(self):
        for library in self._libraries:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread(force=True)


_blas = _OneBlasThread(ThreadpoolController().select(user_api="blas").lib_controllers)


@contextmanager
def one_blas_thread():
    """Context manager in which matrix products use the calling thread only.

    It holds for the whole process. Code that starts work on rows of data must enter it before the
    first product and before blocks are distributed to threads: once for an epoch, a call of an
    estimator, or a pass over a data set, because the first entry takes as long as a step on a small
    minibatch. Code for one block or one minibatch (layers of units, passes of a machine, kernels)
    relies on its caller, and code without products does not need it. It may be entered again, in
    the same thread or another.

    Outside of it results are correct, but their last bits can depend on the number of threads of
    BLAS, and two thread pools compete for the processors.
    """
    blas, who = _blas, object()
    try:
        try:
            blas.enter(who)
            yield
        finally:
            blas.leave(who)
    except BaseException:
        # This may be Ctrl-C while leaving; a second one is unlikely to come so soon.
        blas.leave(who)
        raise


def _forget_threads():
    """Reset threads and locks in a forked process, which has none of its parent's threads."""
    global _helpers, _blas
    _helpers, _blas = Helpers(), _blas.copy_for_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
