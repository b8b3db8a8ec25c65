"""Threads that help the one which has work to do, and what becomes of the work if it is left.

Three things can happen at any moment. The main thread is interrupted, between any two of its steps:
Ctrl-C is raised there and nowhere else. The interpreter ends, and starts no more threads. The
process is copied by a fork, without the helpers. So nothing waits for a helper that has not begun;
what has to be put right again after work is the helper's business, whom no signal reaches; and the
caller of a job can do all of it alone.
"""

import os
import threading
from queue import SimpleQueue

import numba

from .kernels._waiting import take


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


class Abandoned(BaseException):
    """Ends what a helper does for a job that nobody waits for any more."""


class Job:
    """Work of a caller that helpers may join.

    Parameters
    ----------
    work : callable
        What a helper does, without arguments.
    let_go : callable
        Called, perhaps more than once, when the job is abandoned: no thread may then wait for
        another, or begin with more of the work.
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
        """Take part, as a helper; ``before_leaving()`` is called before the caller can go on."""
        # Entered first and looked at then: the caller closes first and then looks who is inside.
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
        """Let helpers come to an end soon, with the work done or not."""
        self._is_closed = self.is_abandoned = True
        let_go = self._let_go
        if let_go is not None:
            let_go()

    def close(self):
        """Wait, as the caller, until all helpers that have begun are done; no more may begin."""
        self._is_closed = True
        while self._inside:
            take(self._left)
        # Whoever comes late finds a job that holds on to nothing.
        self._work = self._let_go = None

    def run(self, helpers, n_wanted, lead):
        """Do the work with up to so many of the helpers, as the caller.

        ``lead(n_offered)`` is the caller's part; it is told how many helpers have been asked.
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
    """Threads beside that of the caller. Several callers share them: each gets those that are idle.

    Daemons, as a thread that waits for work must not keep the interpreter from ending.

    Parameters
    ----------
    most : int, default=None
        Number of threads. None is one less than there are processors. They are started when the
        first work is offered to them.
    """

    def __init__(self, most=None):
        self._most = most
        self._jobs = SimpleQueue()
        self._idle = []
        self._serving = []
        self._ready = SimpleQueue()
        self._starting = threading.Lock()
        self._has_started = False
        # Threads that have a job. By their names, as one that was interrupted may come again
        # without having left.
        self._callers = {}

    def enter(self):
        """The thread that calls has a job, and so keeps a processor busy until it leaves.

        Returns whether nobody knew that yet: it may be a helper, or inside of another job.
        """
        name = threading.get_ident()
        if name in self._callers or getattr(_of_this_thread, "job", None) is not None:
            return False
        self._callers[name] = True
        return True

    def leave(self):
        """The thread that calls is done."""
        self._callers.pop(threading.get_ident(), None)

    def offer(self, job, n_wanted):
        """Let up to so many idle helpers join the job; returns how many it is offered to.

        Where other callers have jobs, as threads of Dask may, as many helpers are left idle: all of
        them together keep each processor busy once.
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
                except RuntimeError:  # the interpreter is about to end
                    break
                take(self._ready)
            self._has_started = True

    def _serve(self):
        self._serving.append(None)
        # Who was interrupted while they started, starts some again.
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
    """Return, or end the work of a helper whose caller has been interrupted.

    For loops in a block of work that may take longer than a tenth of a second.
    """
    job = getattr(_of_this_thread, "job", None)
    if job is not None and job.is_abandoned:
        raise Abandoned
