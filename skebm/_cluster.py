"""Workplaces: this process, or the workers of Dask's distributed scheduler and what fails there.

Nothing of Dask is imported here before there is a client, which has imported it already.
"""

import pickle
import sys
from contextlib import suppress

from ._reduction import BRANCHES

# How often a round is done that was lost with a worker, before it is said to be more than chance.
_MOST_TRIES = 5


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
    with suppress(ValueError):
        return distributed.client.default_client()
    return None


class Here:
    """This process as the workplace: one piece of work after another."""

    def __init__(self):
        self._windows = {}

    def round(self, task, mean, learner, parts, ahead):
        """Have each part learn from the same learner.

        Parameters
        ----------
        task, mean : callable
            ``mean(*[task(model, part, own, *stretches), ...])`` is what is returned, in groups of
            ``BRANCHES``; the model is the pickled learner.
        learner : object
        parts : list of tuple (part, own, stretches)
            A stretch is (visit, rows, lesson); a task gets the window in the place of the visit.
        ahead : list of tuple (part, visit)
            Visits that will be wanted soon.
        """
        wanted = {visit.number for *_, stretches in parts for visit, *_ in stretches}
        self._windows = {k: window for k, window in self._windows.items() if k in wanted}
        model = pickle.dumps(learner, pickle.HIGHEST_PROTOCOL)
        return _in_groups(
            mean,
            [
                task(model, part, own, *((self._window(visit), *rest) for visit, *rest in stretches))
                for part, own, stretches in parts
            ],
        )

    def _window(self, visit):
        if visit.number not in self._windows:
            self._windows[visit.number] = visit.make(*(read() for read in visit.reads))
        return self._windows[visit.number]


class Cluster:
    """The workers of a client as the workplace.

    Which worker has which part only matters for speed: it keeps the windows of that part.
    """

    def __init__(self, client):
        self._client = client
        self._windows, self._workers = {}, None

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
                self._windows, self._workers, last = {}, None, error
        raise RuntimeError(
            f"Workers of Dask were lost in {_MOST_TRIES} tries of the same round. They may be short "
            "of memory: have smaller chunks, or fewer parts. The model of the last round stands."
        ) from last

    def _refuse_without_client(self, error):
        if self._client.status != "running":
            raise RuntimeError(
                f"The client of Dask is {self._client.status}: its scheduler is gone, or it was "
                "closed while a model was trained. The model of the last round stands."
            ) from error

    def _round(self, task, mean, learner, parts, ahead):
        client = self._client
        self._refuse_without_client(None)
        if self._workers is None:
            self._workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
        wanted = [(part, visit) for part, _, stretches in parts for visit, *_ in stretches]
        before, self._windows = self._windows, {}
        for part, visit in (*wanted, *ahead):
            if visit.number not in self._windows:
                self._windows[visit.number] = before.get(visit.number) or self._made(part, visit)
        model = client.scatter(pickle.dumps(learner, pickle.HIGHEST_PROTOCOL), hash=False)
        learned = []
        for part, own, stretches in parts:
            given = [self._windows[visit.number] for visit, *_ in stretches]
            rest = [rest for _, *rest in stretches]
            learned.append(self._on(part, _with_windows, task, model, part, own, rest, *given))
        return _in_groups(lambda *some: self._on(0, mean, *some), learned).result()

    def _on(self, part, function, *args):
        """A future of what a function returns, on the worker of a part if that is there."""
        options = {}
        if self._workers:
            worker = self._workers[part % len(self._workers)]
            options = {"workers": [worker], "allow_other_workers": True}
        return self._client.submit(function, *args, pure=False, **options)

    def _made(self, part, visit):
        """A future of the window of a visit: made where its chunks can be had by workers."""
        return self._on(part, _make, visit.make, *(self._chunk(read) for read in visit.reads))

    def _chunk(self, read):
        if hasattr(read, "delayed"):
            return self._client.compute(read.delayed)
        return self._client.scatter(read(), hash=False)


def _is_of_lost_work(error):
    import distributed

    lost = distributed.KilledWorker, distributed.client.FutureCancelledError, OSError, TimeoutError
    return isinstance(error, lost)


def _make(make, *chunks):
    return make(*chunks)


def _with_windows(task, model, part, own, rest, *windows):
    stretches = ((window, *others) for window, others in zip(windows, rest, strict=True))
    return task(model, part, own, *stretches)


def _in_groups(mean, items):
    """``mean`` of groups of items, and of their means, up to one: a tree of fixed shape."""
    while len(items) > 1:
        items = [mean(*items[k : k + BRANCHES]) for k in range(0, len(items), BRANCHES)]
    return items[0]
