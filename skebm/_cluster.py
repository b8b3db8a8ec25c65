"""Workplaces: this process, or the workers of Dask's distributed scheduler and what fails there.

Nothing of Dask is imported here before there is a client, which has imported it already.
"""

import pickle
import sys
from collections import deque
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from itertools import islice

from ._reduction import BRANCHES

# How often a round is done that was lost with a worker, before it is said to be more than chance.
_MOST_TRIES = 5

# Rounds that follow each other on the workers before all goes through this process again; and how
# many of them are under way while it takes in the result of one.
_ROUNDS_OF_CHAIN, _ROUNDS_AHEAD = 16, 2

# Chunks that are worked on, or wait to be, in a pass over all of them, for each thread.
_CHUNKS_PER_THREAD = 2


# The client that a fit has been given, where it is not the one of the process.
_GIVEN = ContextVar("client", default=None)


@contextmanager
def working_for(client):
    """While the block runs, have a client's workers do what there is to do; None is any client."""
    token = _GIVEN.set(client)
    try:
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
        return distributed.client.default_client()
    return None


def workplace(is_of_dask):
    """Where chunks are worked on: by a client's workers, if there is one and the chunks are Dask's.

    Returns
    -------
    workplace : Here or Cluster
    """
    client = running_client() if is_of_dask else None
    return Here() if client is None else Cluster(client)


class Here:
    """This process as the workplace: one piece of work after another."""

    def map(self, function, recipe, portions):
        """``function(recipe(chunk, portion))`` of each portion, in their order, when asked for."""
        return (function(recipe(portion.read(), portion)) for portion in portions)

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
            windows = {k: windows.get(k) or _window_here(visit) for k, visit in wanted.items()}
            learned = []
            for task in tasks:
                given = (windows[visit.number] for visit in task.visits)
                learned.append(learn(start, task.part, lesson, task.stretches, *given))
            start = _in_groups(mean, learned)
            yield start


def _window_here(visit):
    chunks = (portion.read() for portion in visit.portions)
    return _window(visit.recipe, visit.portions, visit.orders, visit.beside, *chunks)


class Cluster:
    """The workers of a client as the workplace.

    Which worker has which part only matters for speed: it keeps the windows of that part.
    """

    def __init__(self, client):
        self._client = client
        self._forget()

    def _forget(self):
        """Know of nothing that workers have."""
        self._windows, self._recipes, self._workers = {}, {}, None

    def map(self, function, recipe, portions):
        """``function(recipe(chunk, portion))`` of each portion, in their order.

        Some more are worked on than the one that is asked for, and not many more.
        """
        client = self._client
        self._refuse_without_client()
        given = client.submit(_unpickled, cloudpickled((function, recipe)), pure=False)
        most = _CHUNKS_PER_THREAD * max(1, sum(client.nthreads().values()))
        waiting, under_way = iter(portions), deque()
        try:
            for portion in islice(waiting, most):
                under_way.append(self._applied(given, portion))
            while under_way:
                result = under_way.popleft().result()
                for portion in islice(waiting, 1):
                    under_way.append(self._applied(given, portion))
                yield result
        except Exception as error:
            self._refuse_without_client(error)
            raise

    def _applied(self, given, portion):
        chunk = self._chunk(portion.read)
        return self._client.submit(_apply, given, portion.without_read(), chunk, pure=False)

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
                        f"Workers of Dask were lost in {_MOST_TRIES} tries of the same round. They "
                        "may be short of memory: have smaller chunks, or fewer parts. The model of "
                        "the last round stands."
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

    def _refuse_without_client(self, error=None):
        if self._client.status != "running":
            raise RuntimeError(
                f"The client of Dask is {self._client.status}: its scheduler is gone, or it was "
                "closed while a model was trained. The model of the last round stands."
            ) from error

    def _keep_windows(self, tasks):
        """Have the windows of a round and those that come after them, and let go of all others."""
        before, self._windows = self._windows, {}
        for task in tasks:
            for visit in (*task.visits, task.next_visit):
                if visit is not None and visit.number not in self._windows:
                    window = before.get(visit.number) or self._made(task.part, visit)
                    self._windows[visit.number] = window

    def _made(self, part, visit):
        """A future of the window of a visit, made on the worker of the part."""
        if id(visit.recipe) not in self._recipes:
            recipe = self._client.submit(_unpickled, cloudpickled(visit.recipe), pure=False)
            self._recipes[id(visit.recipe)] = visit.recipe, recipe
        _, recipe = self._recipes[id(visit.recipe)]
        portions = [portion.without_read() for portion in visit.portions]
        chunks = [self._chunk(portion.read) for portion in visit.portions]
        return self._on(part, _window, recipe, portions, visit.orders, visit.beside, *chunks)

    def _chunk(self, read):
        """A future of a chunk: computed by a worker, if it is Dask's, or sent there."""
        if hasattr(read, "delayed"):
            return self._client.compute(read.delayed)
        return self._client.scatter(read(), hash=False)

    def _on(self, part, function, *args):
        """A future of what a function returns, on the worker of a part if that is there."""
        options = {}
        if self._workers:
            worker = self._workers[part % len(self._workers)]
            options = {"workers": [worker], "allow_other_workers": True}
        return self._client.submit(function, *args, pure=False, **options)


def _is_of_lost_work(error):
    import distributed

    lost = distributed.KilledWorker, distributed.client.FutureCancelledError, OSError, TimeoutError
    return isinstance(error, lost)


def _apply(given, portion, chunk):
    function, recipe = given
    return function(recipe(chunk, portion))


def _window(recipe, portions, orders, beside, *chunks):
    """A window, and what belongs to its rows."""
    return recipe(portions, orders, *chunks), beside


def _unpickled(data):
    return pickle.loads(data)


def cloudpickled(something):
    """What workers get once and not with each task."""
    from distributed.protocol.pickle import dumps

    return dumps(something)


def _in_groups(mean, items):
    """``mean`` of groups of items, and of their means, up to one: a tree of fixed shape."""
    while len(items) > 1:
        items = [mean(*items[k : k + BRANCHES]) for k in range(0, len(items), BRANCHES)]
    return items[0]
