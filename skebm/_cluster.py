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

    def __init__(self):
        self._windows = {}

    def map(self, function, recipe, portions):
        """``function(recipe(chunk, portion))`` of each portion, in their order, when asked for."""
        return (function(recipe(portion.read(), portion)) for portion in portions)

    def round(self, task, mean, learner, parts, ahead):
        """Have each part learn from the same learner.

        Parameters
        ----------
        task, mean : callable
            ``mean(*[task(model, part, own, *stretches), ...])`` is what is returned, in groups of
            ``BRANCHES``; the model is the pickled learner.
        learner : object
        parts : list of tuple (part, own, stretches)
            A stretch begins with a visit; the task gets its window in place of it.
        ahead : list of tuple (part, visit)
            Visits that come next.
        """
        wanted = {visit.number: visit for *_, stretches in parts for visit, *_ in stretches}
        self._windows = {
            number: self._windows.get(number) or self._window(visit)
            for number, visit in wanted.items()
        }
        model = pickle.dumps(learner, pickle.HIGHEST_PROTOCOL)
        learned = []
        for part, own, stretches in parts:
            given = ((self._windows[visit.number], *rest) for visit, *rest in stretches)
            learned.append(task(model, part, own, *given))
        return _in_groups(mean, learned)

    def _window(self, visit):
        chunks = (portion.read() for portion in visit.portions)
        return visit.recipe(visit.portions, visit.orders, *chunks)


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
        self._refuse_without_client(None)
        given = client.submit(_unpickled, cloudpickled((function, recipe)), pure=False)
        most = _CHUNKS_PER_THREAD * max(1, sum(client.nthreads().values()))
        waiting, ahead = iter(portions), deque()
        try:
            for portion in islice(waiting, most):
                ahead.append(self._applied(given, portion))
            while ahead:
                result = ahead.popleft().result()
                for portion in islice(waiting, 1):
                    ahead.append(self._applied(given, portion))
                yield result
        except Exception as error:
            self._refuse_without_client(error)
            raise

    def _applied(self, given, portion):
        chunk = self._chunk(portion.read)
        return self._client.submit(_apply, given, portion.without_read(), chunk, pure=False)

    def round(self, task, mean, learner, parts, ahead):
        """Have each part learn from the same learner: see :class:`Here`.

        What a worker took with it is done again. Nothing is lost, as the learner and what the parts
        keep for themselves are in this process.
        """
        for _ in range(_MOST_TRIES):
            try:
                return self._round(task, mean, learner, parts, ahead)
            except Exception as error:
                self._refuse_without_client(error)
                if not _is_of_lost_work(error):
                    raise
                last = error
                self._forget()
        raise RuntimeError(
            f"Workers of Dask were lost in {_MOST_TRIES} tries of the same round. They may be "
            "short of memory: have smaller chunks, or fewer parts. The model of the last round "
            "stands."
        ) from last

    def _refuse_without_client(self, error):
        if self._client.status != "running":
            raise RuntimeError(
                f"The client of Dask is {self._client.status}: its scheduler is gone, or it was "
                "closed while a model was trained. The model of the last round stands."
            ) from error

    def _round(self, task, mean, learner, parts, ahead):
        self._refuse_without_client(None)
        if self._workers is None:
            self._workers = sorted(self._client.scheduler_info(n_workers=-1)["workers"])
        wanted = [(part, visit) for part, _, stretches in parts for visit, *_ in stretches]
        before, self._windows = self._windows, {}
        for part, visit in (*wanted, *ahead):
            if visit.number not in self._windows:
                self._windows[visit.number] = before.get(visit.number) or self._made(part, visit)
        model = self._client.scatter(pickle.dumps(learner, pickle.HIGHEST_PROTOCOL), hash=False)
        learned = []
        for part, own, stretches in parts:
            given = [self._windows[visit.number] for visit, *_ in stretches]
            rest = [rest for _, *rest in stretches]
            learned.append(self._on(part, _with_windows, task, model, part, own, rest, *given))
        return _in_groups(partial(self._on, 0, mean), learned).result()

    def _on(self, part, function, *args):
        """A future of what a function returns, on the worker of a part if that is there."""
        options = {}
        if self._workers:
            worker = self._workers[part % len(self._workers)]
            options = {"workers": [worker], "allow_other_workers": True}
        return self._client.submit(function, *args, pure=False, **options)

    def _made(self, part, visit):
        """A future of the window of a visit, made on the worker of the part."""
        if id(visit.recipe) not in self._recipes:
            recipe = self._client.submit(_unpickled, cloudpickled(visit.recipe), pure=False)
            self._recipes[id(visit.recipe)] = visit.recipe, recipe
        _, recipe = self._recipes[id(visit.recipe)]
        portions = [portion.without_read() for portion in visit.portions]
        chunks = [self._chunk(portion.read) for portion in visit.portions]
        return self._on(part, _make, recipe, portions, visit.orders, *chunks)

    def _chunk(self, read):
        """A future of a chunk: computed by a worker, if it is Dask's, or sent there."""
        if hasattr(read, "delayed"):
            return self._client.compute(read.delayed)
        return self._client.scatter(read(), hash=False)


def _is_of_lost_work(error):
    import distributed

    lost = distributed.KilledWorker, distributed.client.FutureCancelledError, OSError, TimeoutError
    return isinstance(error, lost)


def _apply(given, portion, chunk):
    function, recipe = given
    return function(recipe(chunk, portion))


def _make(recipe, portions, orders, *chunks):
    return recipe(portions, orders, *chunks)


def _unpickled(data):
    return pickle.loads(data)


def cloudpickled(something):
    """What workers get once and not with each task."""
    import cloudpickle

    return cloudpickle.dumps(something)


def _with_windows(task, model, part, own, rest, *windows):
    stretches = ((window, *others) for window, others in zip(windows, rest, strict=True))
    return task(model, part, own, *stretches)


def _in_groups(mean, items):
    """``mean`` of groups of items, and of their means, up to one: a tree of fixed shape."""
    while len(items) > 1:
        items = [mean(*items[k : k + BRANCHES]) for k in range(0, len(items), BRANCHES)]
    return items[0]
