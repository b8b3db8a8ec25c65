"""Helper threads, and what happens to their work if it is interrupted.

Three things can happen at any moment. Ctrl-C interrupts the main thread between any two of its
steps; it is raised in no other thread. The interpreter ends, and starts no more threads. The
process is forked, and the child has no helpers. Therefore nothing waits for a helper that has not
begun; cleaning up after the work is done by the helpers, which no signal interrupts; and the caller
of a job can do all of the work alone.
"""

import os
import threading
from queue import SimpleQueue

import numba

from .kernels._waiting import take


def n_processors():
    """Number of threads that this process may keep busy.

    The environment variables OMP_NUM_THREADS and NUMBA_NUM_THREADS limit it. joblib sets both in
    its worker processes, so that all of them together use each processor once.
    """
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    by_environment = os.environ.get("OMP_NUM_THREADS", "")
    wanted = int(by_environment) if by_environment.isdigit() else available
    return max(1, min(available, wanted, numba.config.NUMBA_NUM_THREADS))


class Abandoned(BaseException):
    """Ends the work of a helper for an abandoned job."""


class Job:
    """Work of a caller that helpers may join.

    Parameters
    ----------
    work : callable
        What a helper does, without arguments.
    let_go : callable
        Called, possibly more than once, when the job is abandoned. After this call, no thread may
        wait for another or begin new work.
    """

    def __init__(self, work, let_go):
        self._work = work
        self._let_go = let_go
        self._inside = []
        self._left = SimpleQueue()
        self._errors = []
        self._is_closed = False
        self.is_abandoned = False

    def help(self, before_leaving):
        """Do the work, as a helper; ``before_leaving()`` is called before the caller continues."""
        # Enter first, then check: the caller closes first, and then checks who is inside.
        self._inside.append(None)
        try:
            if not self._is_closed:
                self._work()
        except BaseException as error:
            if not self.is_abandoned:
                self._errors.append(error)
            self.abandon()
        finally:
            before_leaving()
            self._inside.pop()
            self._left.put(None)

    def abandon(self):
        """Make helpers stop soon, even if the work is not finished."""
        self._is_closed = self.is_abandoned = True
        let_go = self._let_go
        if let_go is not None:
            let_go()

    def close(self):
        """Wait, as the caller, for all helpers that have begun; no others may begin."""
        self._is_closed = True
        while self._inside:
            take(self._left)
        # Helpers that come late find a job without references to the work.
        self._work = self._let_go = None

    def run(self, helpers, n_wanted, lead):
        """Do the work with up to ``n_wanted`` of the helpers, as the caller.

        ``lead(n_offered)`` is the caller's part; ``n_offered`` is the number of helpers that were
        asked.
        """
        has_entered = helpers.enter()
        try:
            lead(helpers.offer(self, n_wanted))
            self.close()
        except BaseException:
            self.abandon()
            self.close()
            raise
        finally:
            if has_entered:
                helpers.leave()
        if self._errors:
            raise self._errors.pop()


class Helpers:
    """Threads in addition to that of the caller. Several callers share them: each gets idle ones.

    They are daemons, because a thread that waits for work must not keep the interpreter alive.

    Parameters
    ----------
    most : int, default=None
        Number of threads. None is the number of processors minus one. They are started with the
        first job.
    """

    def __init__(self, most=None):
        self._most = most
        self._jobs = SimpleQueue()
        self._idle = []
        self._serving = []
        self._ready = SimpleQueue()
        self._starting = threading.Lock()
        self._has_started = False
        # Threads that have a job, by their identifiers, because a thread that was interrupted may
        # enter again without having left.
        self._callers = {}

    def enter(self):
        """Register the calling thread as busy until it leaves.

        Returns False if it already counts as busy, as a helper or inside another job.
        """
        name = threading.get_ident()
        if name in self._callers or getattr(_of_this_thread, "job", None) is not None:
            return False
        self._callers[name] = True
        return True

    def leave(self):
        """The calling thread is no longer busy."""
        self._callers.pop(threading.get_ident(), None)

    def offer(self, job, n_wanted):
        """Offer the job to up to ``n_wanted`` idle helpers; returns the number of helpers.

        For each other caller with a job, such as a thread of Dask, one helper is left idle, so that
        there is one busy thread per processor.
        """
        if not self._has_started:
            self._start()
        n_free = len(self._idle) - self._jobs.qsize() - max(0, len(self._callers) - 1)
        n_offered = max(0, min(n_wanted, n_free))
        for _ in range(n_offered):
            self._jobs.put(job)
        return n_offered

    def _start(self):
        with self._starting:
            if self._has_started:
                return
            if self._most is None:
                self._most = n_processors() - 1
            for number in range(len(self._serving), self._most):
                thread = threading.Thread(target=self._serve, name=f"skebm-{number}", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is shutting down
                    break
                take(self._ready)
            self._has_started = True

    def _serve(self):
        self._serving.append(None)
        # A caller that was interrupted while starting threads may start some again.
        if len(self._serving) > self._most:
            self._ready.put(None)
            return
        self._become_idle()
        self._ready.put(None)
        while True:
            job = self._jobs.get()
            self._idle.pop()
            _of_this_thread.job = job
            job.help(before_leaving=self._become_idle)
            _of_this_thread.job = job = None

    def _become_idle(self):
        self._idle.append(None)


_of_this_thread = threading.local()


def stop_if_abandoned():
    """Raise an exception in a helper whose job has been abandoned.

    To be called in loops that may take longer than 0.1 s per block of work.
    """
    job = getattr(_of_this_thread, "job", None)
    if job is not None and job.is_abandoned:
        raise Abandoned
