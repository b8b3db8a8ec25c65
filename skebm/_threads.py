"""Threads: Python threads over kernels that release the GIL, and never more than the processors.

Numba's own threads are not used. Depending on the threading layer they die after a fork or abort
when two Python threads launch them; Python threads do neither, and compose with joblib, Dask and
other threads of the caller.

Work is cut into blocks by its shape alone, each block is computed by one thread, and BLAS runs
on one thread inside a block: results do not depend, to the last bit, on the number of threads.
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

# Python looks for an interrupt after so many naps of a thread that waits, some milliseconds.
_NAPS = 100
_FEW_NAPS = 5

# Products of two numbers that are worth the help of another thread. On fewer, the time to wake it
# and to meet it is longer than what it saves.
_FEWEST_PRODUCTS = 6e6

# Blocks that a matrix product of a minibatch is cut into, and how many rows those have that are as
# fast, row by row, as all of them at once: measured with 784 x 500 weights, within 8 per cent.
_FEW_BLOCKS, _MANY_BLOCKS = 4, 16
_WITHOUT_LOSS = 96

# Seconds that a team waits for those of its members whom the system does not let run.
_PATIENCE = 0.002


_helpers = Helpers()


def run_team(member, most, abandon=lambda: None):
    """Call ``member(rank, size)`` at the same time for each rank of a team, and wait for all.

    The caller is rank 0; up to ``most - 1`` idle helpers are the others. Where members wait for
    each other, ``abandon()`` has to let them go: it is called when one fails, or when the caller
    is interrupted, and perhaps more than once.
    """
    team = _Team(member, most, abandon)
    Job(team.join, team.let_go).run(_helpers, most - 1, team.lead)


class _Team:
    """Who takes part is settled before anybody begins: a helper that comes late is not waited for.

    Parameters
    ----------
    member, most, abandon
        See :func:`run_team`.
    """

    def __init__(self, member, most, abandon):
        self._member, self._most, self._abandon = member, most, abandon
        # Those that nobody has taken yet, the lowest last.
        self._ranks = list(range(most - 1, 0, -1))
        self._size = 0
        self._all_have_come, self._may_begin = np.zeros(1, np.int64), np.zeros(1, np.int64)

    def lead(self, n_offered):
        """The caller's part: see who has come, and begin with them."""
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
        """A helper's part."""
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
        """Let nobody wait for the sign to begin, or for another member."""
        self._ranks.clear()
        self._may_begin[0] = 1
        self._abandon()


def for_each(function, blocks, n_jobs=None):
    """Call ``function(block)`` for each of the blocks.

    On as many threads as are idle, at most ``n_jobs``, where -1 is all processors, -2 all but one,
    and so on. What is computed is the same. A thread takes the next block when it is done with
    one, and the caller does not wait for a helper that has not begun.
    """
    run_phases([(function, blocks)], n_jobs)


def run_phases(phases, n_jobs=None):
    """Call ``function(block)`` for the blocks of each phase, and each phase after the one before.

    One job for all phases: to meet between two of them costs a few microseconds, where to wake the
    threads for each would cost many.

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
    """``n_jobs`` for matrix products of so many pairs of numbers: 1 where they are few."""
    return 1 if n_products < _FEWEST_PRODUCTS else None


def _n_threads(n_jobs):
    """How many threads ``n_jobs`` stands for."""
    return n_jobs if n_jobs > 0 else max(1, n_processors() + 1 + n_jobs)


class _Phases:
    """Blocks of one phase after another, for any number of threads that come and go.

    Parameters
    ----------
    phases : list of tuple (function, blocks)
    """

    def __init__(self, phases):
        self._functions = [function for function, _ in phases]
        # Blocks that nobody has begun, the first one last; and one number for each that is done.
        self._open = [list(blocks)[::-1] for _, blocks in phases]
        self._done = [[] for _ in phases]
        self._n_blocks = [len(blocks) for blocks in self._open]
        self._is_over = np.zeros(len(phases), dtype=np.int64)
        self._is_over[[n == 0 for n in self._n_blocks]] = 1

    def do(self):
        """Take blocks until there are no more."""
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
        """Leave the blocks that nobody has begun, and let nobody wait for the others."""
        for blocks in self._open:
            blocks.clear()
        self._is_over.fill(1)


@lru_cache(maxsize=256)
def blocks_of(n, smallest, most=None):
    """Slices that cover ``range(n)``: up to ``most``, of one size, at least ``smallest``.

    The last may be shorter, and so is the only one if ``n`` is. Fewer than sixteen are one, two,
    four or eight: of three, one of two threads would have twice as much to do as the other. Without
    ``most`` they are four, and more only where these are large: else BLAS would spend too much of
    its time on the seams.

    Starts are multiples of four, as :func:`skebm.kernels.random.fill_uniform` wants them. Results
    are kept: a step on ten rows asks for some dozen of them.
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
    """Who wants BLAS on one thread: the first to come limits it, the last to leave restores it.

    threadpoolctl's own context manager restores what it found, which is wrong as soon as two
    threads are in it at once; and its newer versions obey, until told to forget it, only the
    thread that came first.

    An interrupt may come between any two steps. So nothing is counted: to enter twice, or to leave
    twice, is the same as once, and whatever was broken off can be done again from its start.

    Parameters
    ----------
    libraries : list of LibController
        What threadpoolctl knows of each library of BLAS.
    n_threads : list of int, default=None
        Numbers of threads to restore, of each library, where BLAS is limited already.
    """

    def __init__(self, libraries, n_threads=None):
        # The same thread may come in again: where garbage is collected, it may leave.
        self._lock = RLock()
        self._inside = set()
        self._libraries = libraries
        self._n_threads = n_threads
        self._is_limited = False

    def copy_for_child(self):
        """The same for a process that was forked off: its locks are as the fork found them."""
        return _OneBlasThread(self._libraries, self._n_threads)

    def enter(self, who):
        """Have BLAS on one thread from now on."""
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
        """Have BLAS on as many threads as before, if nobody else wants it otherwise."""
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
    blas, who = _blas, object()
    try:
        try:
            blas.enter(who)
            yield
        finally:
            blas.leave(who)
    except BaseException:
        # It may be Ctrl-C in the midst of leaving. A second one is not as fast.
        blas.leave(who)
        raise


def _forget_threads():
    """A child has none of its parent's threads, and its locks are as the fork found them."""
    global _helpers, _blas
    _helpers, _blas = Helpers(), _blas.copy_for_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
