"""Workplaces: this process, or the workers of Dask's distributed scheduler and what fails there.

Nothing of Dask is imported here before there is a client, which has imported it already.
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

# How often a round is done that was lost with a worker, before it is said to be more than chance.
_MOST_TRIES = 5

# Rounds that follow each other on the workers before all goes through this process again; and how
# many of them are under way while it takes in the result of one.
_ROUNDS_OF_CHAIN, _ROUNDS_AHEAD = 16, 2

# Items that are worked on, or wait to be, in a pass over all of them, for each thread.
_ITEMS_PER_THREAD = 3


# The client that a fit has been given, where it is not the one of the process.
_GIVEN = ContextVar("client", default=None)


@contextmanager
def working_for(client):
    """While the block runs, have a client's workers do what there is to do; None is any client."""
    token = _GIVEN.set(client)
    try:
        with nullcontext() if client is None else client.as_current():
            yield
    finally:
        _GIVEN.reset(token)


def running_client():
    """The client of ``dask.distributed`` that is there, or None.

    None is there for what runs on a worker: it would wait there for itself.
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
    """Where chunks are worked on: by a client's workers, if there is one and the chunks are Dask's.

    Returns
    -------
    workplace : Here or Cluster
    """
    client = running_client() if is_of_dask else None
    return Here() if client is None else Cluster(client)


class Item(NamedTuple):
    """Something that is made of chunks, here or by a worker.

    Attributes
    ----------
    reads : sequence of callable
        What returns each chunk. Those of Dask also have it as ``delayed`` and, where a worker can
        make it in one task, as ``alone``: what does so, or None.
    recipe : callable
        ``recipe(facts, *chunks)`` makes it; sent to workers once for all items that share it.
    facts : object
        What is to be known of these chunks.
    """

    reads: Sequence
    recipe: Callable
    facts: Any

    def made(self):
        """What is made of them, here."""
        return self.recipe(self.facts, *(read() for read in self.reads))


class Here:
    """This process as the workplace: one piece of work after another."""

    def map(self, function, items):
        """``function(item)`` of each item as it is made, in their order, when asked for."""
        return (function(item.made()) for item in items)

    def total(self, function, items, add):
        """The sum of the same, as a tree whose shape depends on the number of items alone."""
        return tree_sum(self.map(function, items), add)

    def rounds(self, learn, mean, lesson, start, rounds):
        """Have parts learn in rounds, each from the mean of what the round before has given.

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

    Which worker has which part only matters for speed: it keeps the windows of that part.
    """

    def __init__(self, client):
        self._client = client
        self._forget()

    def _forget(self):
        """Know of nothing that workers have."""
        self._windows, self._shared, self._workers = {}, {}, None

    def map(self, function, items):
        """``function(item)`` of each item as it is made, in their order."""
        with self._errors_of_client():
            for future in self._applied(function, items):
                yield future.result()

    def total(self, function, items, add):
        """The sum of the same, as a tree; its sums stay on the workers, up to the last."""
        with self._errors_of_client():
            return tree_sum(
                self._applied(function, items), partial(self._on, None, _sum, add)
            ).result()

    def _applied(self, function, items):
        """Futures of a function of each item, of which not many are under way at a time."""
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
        """A future of something that workers get once, and not with each task."""
        from distributed.protocol.pickle import dumps

        number = id(something)
        if number not in self._shared:
            # By a task, so that it can be had again where a worker is lost that has it.
            future = self._client.submit(_unpickled, dumps(something), pure=False)
            self._shared[number] = something, future
        return self._shared[number][1]

    def _made(self, part, function, item, *more):
        """A future of ``function(facts, *more, recipe, *chunks)`` of an item.

        Its chunks are computed by the worker that has it, if they are Dask's, or sent there. Where
        that can be the same task, a chunk is never on its way, nor waits for its turn in memory.
        """
        from dask import delayed

        reads = [getattr(read, "alone", None) for read in item.reads]
        if None not in reads:
            task = partial(_read_and, function, item.facts, reads)
            return self._on(part, task, *more, self._sent(item.recipe))
        # What is bound is not looked through for more of Dask's.
        task = delayed(partial(function, item.facts), pure=False)
        chunks = map(self._chunk, item.reads)
        made = task(*more, self._sent(item.recipe), *chunks)
        return self._client.compute(made, **self._place(part))

    def _chunk(self, read):
        lazy = getattr(read, "delayed", None)
        return self._client.scatter(read(), hash=False) if lazy is None else lazy

    def rounds(self, learn, mean, lesson, start, rounds):
        """Have parts learn in rounds: see :class:`Here`.

        What a worker took with it is done again. Nothing is lost, as this process has what the last
        round has given that it has seen.
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
        """Some rounds, of which the next are under way while this process takes in one.

        Each is asked for by what the one before will have given, so that what is learned goes from
        worker to worker and not by way of this process.
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
        """Have the windows of a round and those that come after them, and let go of all others."""
        before, self._windows = self._windows, {}
        for task in tasks:
            for visit in (*task.visits, task.next_visit):
                if visit is not None and visit.number not in self._windows:
                    window = before.get(visit.number)
                    if window is None:
                        window = self._made(task.part, _make, visit.item)
                    self._windows[visit.number] = window

    def _on(self, part, function, *args):
        """A future of what a function returns, on the worker of a part if there is that."""
        return self._client.submit(function, *args, pure=False, **self._place(part))

    def _place(self, part):
        """Where Dask is to have something done: by the worker of a part if that is there."""
        if not self._workers or part is None:
            return {}
        worker = self._workers[part % len(self._workers)]
        return {"workers": [worker], "allow_other_workers": True}


def _is_of_lost_work(error):
    import distributed

    # Not of what the chunks themselves may raise, such as a file that is not there.
    lost = distributed.client.FutureCancelledError, distributed.comm.CommClosedError, TimeoutError
    return isinstance(error, (distributed.KilledWorker, *lost))


def _read_and(function, facts, reads, *more):
    return function(facts, *more, *(read() for read in reads))


def _make(facts, recipe, *chunks):
    return recipe(facts, *chunks)


def _apply(facts, function, recipe, *chunks):
    return function(recipe(facts, *chunks))


def _sum(add, a, b):
    """Of two results, which stay as they are: they may be asked for once more."""
    return add(pickle.loads(pickle.dumps(a, pickle.HIGHEST_PROTOCOL)), b)


def _unpickled(data):
    return pickle.loads(data)


def _in_groups(mean, items):
    """``mean`` of groups of items, and of their means, up to one: a tree of fixed shape."""
    while len(items) > 1:
        items = [mean(*items[k : k + BRANCHES]) for k in range(0, len(items), BRANCHES)]
    return items[0]
