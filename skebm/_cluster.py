"""Workplaces: this process, or the workers of Dask's distributed scheduler, with error handling.

Dask is imported only once there is a client, that is, when the user has already imported it.
"""

import pickle
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

from ._reduction import BRANCHES, tree_sum

# How often a round is repeated that was lost with a worker, before an error is raised.
_MOST_TRIES = 5

# Number of consecutive rounds on the workers before the model passes through this process again;
# and how many of them are submitted while it receives the result of one.
_ROUNDS_OF_CHAIN, _ROUNDS_AHEAD = 16, 2

# Number of items per thread that are submitted at the same time, in a pass over all items.
_ITEMS_PER_THREAD = 3


# The client that was passed for a fit, if it is not the default client of the process.
_GIVEN = ContextVar("client", default=None)


@contextmanager
def working_for(client):
    """Context manager: a client's workers do the computations; None is the default client."""
    token = _GIVEN.set(client)
    try:
        with nullcontext() if client is None else client.as_current():
            yield
    finally:
        _GIVEN.reset(token)


def running_client():
    """The present client of ``dask.distributed``, or None.

    On a worker it is None, because a task would wait there for itself.
    """
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    with suppress(ValueError):
        distributed.get_worker()
        return None
    if _GIVEN.get() is not None:
        return _GIVEN.get()
    with suppress(ValueError):
        client = distributed.client.default_client()
        return client if client.status == "running" else None
    return None


def workplace(is_of_dask):
    """Where chunks are processed: on a client's workers, if there is one and the chunks are Dask's.

    Returns
    -------
    workplace : Here or Cluster
    """
    client = running_client() if is_of_dask else None
    return Here() if client is None else Cluster(client)


class Item(NamedTuple):
    """An object that is computed from chunks, in this process or by a worker.

    Attributes
    ----------
    reads : sequence of callable
        Functions that return one chunk each. Those of Dask have the attributes ``delayed``, the
        chunk as a Delayed object, and ``alone``, a function that computes the chunk in one task on
        a worker, or None.
    recipe : callable
        ``recipe(facts, *chunks)`` computes the object. It is sent to workers once for all items
        that share it.
    facts : object
        Further arguments for these chunks.
    """

    reads: Sequence
    recipe: Callable
    facts: Any

    def made(self):
        """The object, computed in this process."""
        return self.recipe(self.facts, *(read() for read in self.reads))


class Here:
    """This process as the workplace; items are processed one after another."""

    def map(self, function, items):
        """Yield the result of a function of each item's object, in order, when it is requested."""
        return (function(item.made()) for item in items)

    def total(self, function, items, add):
        """The sum of the same, as a tree whose shape depends on the number of items alone."""
        return tree_sum(self.map(function, items), add)

    def rounds(self, learn, mean, lesson, start, rounds):
        """Train parts in rounds, each of which starts from the mean result of the round before.

        Parameters
        ----------
        learn, mean : callable
            See :mod:`skebm._parallel`. The mean is that of groups of ``BRANCHES``.
        lesson : Lesson
        start : Learned
        rounds : list of list of Task

        Yields
        ------
        learned : Learned
            The mean, after each round.
        """
        windows = {}
        for tasks in rounds:
            wanted = {visit.number: visit for task in tasks for visit in task.visits}
            windows = {k: windows.get(k) or visit.item.made() for k, visit in wanted.items()}
            learned = []
            for task in tasks:
                given = (windows[visit.number] for visit in task.visits)
                learned.append(learn(start, task.part, lesson, task.stretches, *given))
            start = _in_groups(mean, learned)
            yield start


class Cluster:
    """The workers of a client as the workplace.

    A worker keeps the windows of its parts. The assignment affects the speed only.
    """

    def __init__(self, client):
        self._client = client
        self._forget()

    def _forget(self):
        """Discard all references to data on the workers."""
        self._windows, self._shared, self._workers = {}, {}, None

    def map(self, function, items):
        """Yield the result of a function of each item's object, in order."""
        with self._errors_of_client():
            for future in self._applied(function, items):
                yield future.result()

    def total(self, function, items, add):
        """The sum of the same, as a tree; all partial sums stay on the workers."""
        with self._errors_of_client():
            return tree_sum(
                self._applied(function, items), partial(self._on, None, _sum, add)
            ).result()

    def _applied(self, function, items):
        """Yield futures of a function of each item; the number of pending ones is limited."""
        from distributed import wait

        function, under_way = self._sent(function), deque()
        most = _ITEMS_PER_THREAD * max(1, sum(self._client.nthreads().values()))
        for item in items:
            if len(under_way) == most:
                future = under_way.popleft()
                wait(future)
                yield future
            under_way.append(self._made(None, _apply, item, function))
        yield from under_way

    def _sent(self, something):
        """A future of an object that is sent to workers once, and not with each task."""
        from distributed.protocol.pickle import dumps

        number = id(something)
        if number not in self._shared:
            # By a task, so that it can be computed again if the worker that holds it is lost.
            future = self._client.submit(_unpickled, dumps(something), pure=False)
            self._shared[number] = something, future
        return self._shared[number][1]

    def _made(self, part, function, item, *more):
        """A future of ``function(facts, *more, recipe, *chunks)`` of an item.

        Chunks of Dask are computed on the same worker, others are sent there. If the chunks can be
        computed in the same task, they are neither transferred nor kept in memory between tasks.
        """
        from dask import delayed

        reads = [getattr(read, "alone", None) for read in item.reads]
        if None not in reads:
            task = partial(_read_and, function, item.facts, reads)
            return self._on(part, task, *more, self._sent(item.recipe))
        # Dask does not search bound arguments for more of its collections.
        task = delayed(partial(function, item.facts), pure=False)
        chunks = map(self._chunk, item.reads)
        made = task(*more, self._sent(item.recipe), *chunks)
        return self._client.compute(made, **self._place(part))

    def _chunk(self, read):
        lazy = getattr(read, "delayed", None)
        return self._client.scatter(read(), hash=False) if lazy is None else lazy

    def rounds(self, learn, mean, lesson, start, rounds):
        """Have parts learn in rounds: see :class:`Here`.

        If a worker is lost, its work is repeated, from the last round whose result has reached this
        process.
        """
        n_done = n_failures = 0
        while n_done < len(rounds):
            chain = rounds[n_done : n_done + _ROUNDS_OF_CHAIN]
            try:
                for learned in self._chain(learn, mean, lesson, start, chain):
                    start = learned
                    n_done, n_failures = n_done + 1, 0
                    yield learned
            except Exception as error:
                self._refuse_without_client(error)
                if not _is_of_lost_work(error):
                    raise
                n_failures += 1
                if n_failures == _MOST_TRIES:
                    raise RuntimeError(
                        f"Workers of Dask were lost in {_MOST_TRIES} attempts at the same round. "
                        "They may have too little memory: use smaller chunks, or fewer parts. The "
                        "estimator keeps the model of the last round."
                    ) from error
                self._forget()

    def _chain(self, learn, mean, lesson, start, rounds):
        """Some rounds; the next ones are submitted while this process receives the result of one.

        Each round takes the futures of the round before, so that models are sent from worker to
        worker and not through this process.
        """
        self._refuse_without_client()
        if self._workers is None:
            self._workers = sorted(self._client.scheduler_info(n_workers=-1)["workers"])
        before, under_way = self._client.scatter(start, hash=False), deque()
        for tasks in rounds:
            self._keep_windows(tasks)
            learned = []
            for task in tasks:
                windows = [self._windows[visit.number] for visit in task.visits]
                given = before, task.part, lesson, task.stretches, *windows
                learned.append(self._on(task.part, learn, *given))
            before = _in_groups(partial(self._on, tasks[0].part, mean), learned)
            under_way.append(before)
            if len(under_way) > _ROUNDS_AHEAD:
                yield under_way.popleft().result()
        for future in under_way:
            yield future.result()

    @contextmanager
    def _errors_of_client(self):
        self._refuse_without_client()
        try:
            yield
        except Exception as error:
            self._refuse_without_client(error)
            raise

    def _refuse_without_client(self, error=None):
        if self._client.status != "running":
            raise RuntimeError(
                f"The client of Dask is {self._client.status}: its scheduler has stopped, or the "
                "client was closed during training. The estimator keeps the model of the last "
                "round."
            ) from error

    def _keep_windows(self, tasks):
        """Keep the windows of a round and of the next visits, and release all others."""
        before, self._windows = self._windows, {}
        for task in tasks:
            for visit in (*task.visits, task.next_visit):
                if visit is not None and visit.number not in self._windows:
                    window = before.get(visit.number)
                    if window is None:
                        window = self._made(task.part, _make, visit.item)
                    self._windows[visit.number] = window

    def _on(self, part, function, *args):
        """A future of the result of a function, on the worker of a part if that worker exists."""
        return self._client.submit(function, *args, pure=False, **self._place(part))

    def _place(self, part):
        """Arguments for ``submit`` that prefer the worker of a part."""
        if not self._workers or part is None:
            return {}
        worker = self._workers[part % len(self._workers)]
        return {"workers": [worker], "allow_other_workers": True}


def _is_of_lost_work(error):
    import distributed

    # Errors of the chunks themselves, such as a missing file, are not included.
    lost = distributed.client.FutureCancelledError, distributed.comm.CommClosedError, TimeoutError
    return isinstance(error, (distributed.KilledWorker, *lost))


def _read_and(function, facts, reads, *more):
    return function(facts, *more, *(read() for read in reads))


def _make(facts, recipe, *chunks):
    return recipe(facts, *chunks)


def _apply(facts, function, recipe, *chunks):
    return function(recipe(facts, *chunks))


def _sum(add, a, b):
    """Add two results without changing them, because they may be needed again."""
    return add(pickle.loads(pickle.dumps(a, pickle.HIGHEST_PROTOCOL)), b)


def _unpickled(data):
    return pickle.loads(data)


def _in_groups(mean, items):
    """``mean`` of groups of items, and of the means in turn, up to one: a tree of fixed shape."""
    while len(items) > 1:
        items = [mean(*items[k : k + BRANCHES]) for k in range(0, len(items), BRANCHES)]
    return items[0]
