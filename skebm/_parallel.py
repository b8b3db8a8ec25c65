"""Data-parallel training: the data are divided into parts, which learn separately, in rounds.

In a round, each part takes some steps from the same model, with its own chunks, chains and random
numbers. The next round starts from the mean of the models, weighted by the number of rows that each
part has used [1]_. With one step per round this is gradient descent on the minibatches of all parts
together. The result does not depend on where and when the parts are computed.

What a learner needs for this is in :class:`TrainedInParts`.

.. [1] S. U. Stich, "Local SGD converges fast and communicates little", ICLR 2019.
"""

import heapq
import math
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count, zip_longest
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from ._cluster import Cluster, Here, running_client, working_for


class TrainedInParts:
    """Mixin: a learner that can be trained in several parts. It must be picklable.

    A subclass has ``streams``, its :class:`~skebm._random.RandomStreams`, and ``shared_arrays``. If
    a part keeps more than its random streams between rounds, such as chains, the subclass also
    overrides ``own`` and ``own_of``.
    """

    def shared_arrays(self):
        """Arrays that all parts have in common: the same ones in each call.

        After a round, their means over the parts are written to them.
        """
        raise NotImplementedError

    @property
    def own(self):
        """State that a part keeps between rounds; it should be small."""
        return self.streams

    @own.setter
    def own(self, own):
        self.streams.become(own)

    def own_of(self, part):
        """Initial state of a part."""
        return self.streams.of_part(part)

    def become(self, other):
        """Take the model and the state of another learner of the same class."""
        vars(self).update(vars(other))


@dataclass(frozen=True)
class DataParallel:
    """Parameters of data-parallel training; see :func:`data_parallel`."""

    n_parts: int = 8
    local_steps: int = 50
    learning_rate_factor: float | None = None

    def rate_factor(self, n_parts):
        """Factor of the learning rates for this number of parts."""
        if self.learning_rate_factor is not None:
            return self.learning_rate_factor
        return math.sqrt(n_parts)


_WANTED: ContextVar[DataParallel | None] = ContextVar("data parallel", default=None)


@contextmanager
def data_parallel(
    n_parts: int = 8,
    *,
    local_steps: int = 50,
    learning_rate_factor: float | None = None,
    client: Any = None,
) -> Iterator[None]:
    """Context manager: within it, ``fit`` divides streams and data of Dask into parts.

    The chunks of the data are divided among several parts. In a round, each part takes some steps
    from the same model, on minibatches of its own chunks; the mean of their models is the model of
    the next round. RBMs, deep belief networks, deep Boltzmann machines, autoencoders and the chains
    of a :class:`BoltzmannMachine` are trained in this way. Its other algorithms, deep stacking
    networks and memories need no parts, because their sums over rows are exact. See
    :ref:`the user guide <data_parallel>`.

    If there is a ``dask.distributed.Client``, data of Dask are always trained on in this way, by
    default with the parameters below.

    Parameters
    ----------
    n_parts : int, default=8
        Number of parts; at most one per chunk. The result depends on it, but not on the number of
        workers. At most ``n_parts`` workers are busy at a time.
    local_steps : int, default=50
        Steps on minibatches that each part takes in a round. With 1, a round is one step along the
        mean gradient of the minibatches of all parts. With more steps less is sent, but the models
        of the parts differ more at the end of a round.
    learning_rate_factor : float, default=None
        Factor of the learning rates. None is the square root of the number of parts: the noise of
        a mean over the parts is smaller by this factor, and an epoch has fewer steps.
    client : distributed.Client, default=None
        The client whose workers train. None is the present client of this process. If there is
        none, the parts are trained in this process, one after another, with the same result.

    Yields
    ------
    None

    Raises
    ------
    ValueError
        If a parameter is not valid; in ``fit``, if the chunks cannot be read in any order.
    RuntimeError
        In ``fit``, if the client closes or workers are lost repeatedly. The estimator then keeps
        the model of the last round.

    Examples
    --------
    >>> import numpy as np
    >>> import skebm
    >>> X = np.random.default_rng(0).integers(0, 2, (5000, 8)).astype("float32")
    >>> rows = skebm.stream(X, chunk_size=500)
    >>> with skebm.data_parallel(n_parts=4):
    ...     rbm = skebm.BernoulliRBM(4, n_iter=1, random_state=0).fit(rows)
    """
    for name, value in (("n_parts", n_parts), ("local_steps", local_steps)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"The {name!r} parameter of data_parallel must be an int >= 1. Got {value!r}."
            )
    factor = learning_rate_factor
    if factor is not None and not (isinstance(factor, Real) and 0 < factor < math.inf):
        raise ValueError(
            f"The 'learning_rate_factor' parameter of data_parallel must be a float > 0 or None. "
            f"Got {factor!r}."
        )
    token = _WANTED.set(DataParallel(int(n_parts), int(local_steps), factor))
    try:
        with working_for(client):
            yield
    finally:
        _WANTED.reset(token)


def sharing(is_of_dask):
    """Parameters of data-parallel training, and the workplace; None if training is not parallel.

    Parameters
    ----------
    is_of_dask : bool
        Whether the data are of Dask. If there is a client, training on these is always parallel.
    """
    wanted, client = _WANTED.get(), running_client()
    if wanted is None and not (is_of_dask and client is not None):
        return None
    return wanted or DataParallel(), Here() if client is None else Cluster(client)


class Visit(NamedTuple):
    """Chunks that a part has in memory at the same time, as a window of its rows.

    Attributes
    ----------
    number : int
        Unique for each visit of a training.
    n_rows : int
        Number of rows to learn from.
    item : Item
        Computed from the chunks: the window, and the data that the lesson needs for its rows.
    """

    number: int
    n_rows: int
    item: Any


def evenly(sizes, n_parts):
    """Distribute items of different sizes among parts of about the same total size.

    The largest items come first, each to the part with the smallest total so far.

    Returns
    -------
    parts : list of list of int
        Indices of the items of each part, ascending; the part with the largest total comes first.
    """
    totals = [(0, part) for part in range(min(n_parts, len(sizes)))]
    parts = [[] for _ in totals]
    for thing in sorted(range(len(sizes)), key=lambda k: (-sizes[k], k)):
        total, part = heapq.heappop(totals)
        parts[part].append(thing)
        heapq.heappush(totals, (total + sizes[thing], part))
    return [sorted(parts[part]) for total, part in sorted(totals, key=lambda t: (-t[0], t[1]))]


class Learned(NamedTuple):
    """The result of one or more parts in a round, from which the next round starts.

    Attributes
    ----------
    learner : object
        With the mean of the shared arrays.
    own : dict of int to object
        State of each part.
    n_rows : int
        Number of rows that were used.
    total : float
        Sum over the rows of the values that the lesson returned.
    """

    learner: Any
    own: dict
    n_rows: int = 0
    total: float = 0.0


def learn(before, part, lesson, stretches, *windows):
    """Train a part for one round.

    Parameters
    ----------
    before : Learned
        Where all parts start; not changed.
    part : int
    lesson : Lesson
    stretches : list of tuple (seed, rows)
        For each window, the seed by which its rows are shuffled, or None; and the slice of the
        rows, in this order, that are used.
    *windows : tuple (Window, object)
        The rows, and the data that the lesson needs for them.

    Returns
    -------
    learned : Learned
    """
    learner, own = _copied((before.learner, before.own[part]))
    learner.own = own
    n_rows, total = 0, 0.0
    with np.errstate(all="ignore"):
        for (seed, rows), (window, beside) in zip(stretches, windows, strict=True):
            order = _shuffled(window.order, seed)[rows]
            total += len(order) * (lesson(learner, window.in_order(order), beside) or 0.0)
            n_rows += len(order)
    return Learned(learner, {part: learner.own}, n_rows, total)


def mean_of(*learned):
    """The mean of the results of parts or of groups of parts, weighted by their number of rows."""
    n_rows = sum(one.n_rows for one in learned)
    learner, own = _copied(learned[0].learner), {}
    of_all = [one.learner.shared_arrays() for one in learned]
    for out, *arrays in zip(learner.shared_arrays(), *of_all, strict=True):
        mean = np.zeros(out.shape)
        for one, array in zip(learned, arrays, strict=True):
            mean += (one.n_rows / n_rows) * array
        out[...] = mean
    for one in learned:
        own |= one.own
    return Learned(learner, own, n_rows, sum(one.total for one in learned))


def _copied(something):
    return pickle.loads(pickle.dumps(something, pickle.HIGHEST_PROTOCOL))


def _shuffled(order, seed):
    return order if seed is None else np.random.default_rng(seed).permutation(order)


@dataclass(frozen=True)
class Lesson:
    """How a learner is trained on a window, if it needs nothing but the rows.

    Attributes
    ----------
    settings : object
        Settings of an epoch; with the attribute ``batch_size``.
    """

    settings: Any

    @property
    def batch_size(self):
        """Number of rows per step."""
        return self.settings.batch_size

    def beside(self, places):
        """Further data for rows with these indices: none."""

    def __call__(self, learner, window, beside=None):
        """Train the learner on the rows, in their order."""
        learner.run_epoch(window.rows, window.order, self.settings)


class InTurn:
    """Epochs without parallel parts: one window after another.

    Parameters
    ----------
    rows : Source
    learner : object
        Passed to the lesson.
    """

    rate_factor = 1.0

    def __init__(self, rows, learner):
        self._rows, self._learner = rows, learner

    def run(self, lesson, generator=None, numbers=None, after_round=None):
        """Go through the data once.

        Parameters
        ----------
        lesson : Lesson
            ``lesson(learner, window, beside)`` learns from the rows of a window in their order, and
            returns a mean over these rows or None. ``lesson.beside(places)`` returns further data
            for the rows with these indices, such as their targets. ``lesson.batch_size`` is the
            number of rows per step.
        generator, numbers
            See :meth:`skebm._source.Source.passes`.
        after_round : callable, default=None
            Called after each round, if training is in rounds, when the model is complete.

        Returns
        -------
        mean : float
            Mean over all rows of the values that the lesson returned.
        """
        n_rows, total = 0, 0.0
        for window in self._rows.passes(generator, numbers):
            beside = lesson.beside(window.places)
            total += len(window.order) * (lesson(self._learner, window, beside) or 0.0)
            n_rows += len(window.order)
        return total / max(1, n_rows)


class InRounds:
    """Epochs in rounds of several parts; see the docstring of this module.

    Parameters
    ----------
    rows : StreamedRows
    learner : object
        Takes the mean model after each round.
    wanted : DataParallel
    workplace : Here or Cluster
        Where the parts are trained.
    """

    def __init__(self, rows, learner, wanted, workplace):
        self._rows, self._learner = rows, learner
        self._wanted, self._workplace = wanted, workplace
        self._own = None
        self._n_visits = 0

    @property
    def rate_factor(self):
        """Factor of the learning rates."""
        n_parts = min(self._wanted.n_parts, self._rows.n_chunks)
        return self._wanted.rate_factor(n_parts)

    def run(self, lesson, generator=None, numbers=None, after_round=None):
        """Go through the data once: see :class:`InTurn`."""
        how = self._wanted.n_parts, generator, numbers, lesson.beside
        parts = _numbered(self._rows.dealt_out(*how), self._n_visits)
        self._n_visits += sum(map(len, parts))
        if self._own is None:
            self._own = {part: self._learner.own_of(part) for part in range(1, len(parts))}
        self._own[0] = self._learner.own
        seeds = {} if generator is None else _seeds(parts, generator)
        n_in_round = self._wanted.local_steps * lesson.batch_size
        rounds = _rounds(parts, seeds, n_in_round, lesson.batch_size)
        start, n_rows, total = Learned(self._learner, self._own), 0, 0.0
        for learned in self._workplace.rounds(learn, mean_of, lesson, start, rounds):
            self._learner.become(learned.learner)
            self._own |= learned.own
            n_rows, total = n_rows + learned.n_rows, total + learned.total
            if after_round is not None:
                after_round()
        return total / max(1, n_rows)


def _numbered(parts, first):
    """For each part, a list of Visit, numbered from ``first`` on."""
    numbers = count(first)
    return [[Visit(next(numbers), n_rows, item) for n_rows, item in items] for items in parts]


def _seeds(parts, generator):
    """Seed by which the rows of each visit are shuffled."""
    numbers = [visit.number for visits in parts for visit in visits]
    return dict(zip(numbers, generator.integers(2**63, size=len(numbers)).tolist(), strict=True))


class Task(NamedTuple):
    """The work of a part in a round.

    Attributes
    ----------
    part : int
    stretches : list of tuple (seed, slice)
        See :func:`learn`.
    visits : list of Visit
        The visits to which the stretches belong.
    next_visit : Visit or None
        The visit after these.
    """

    part: int
    stretches: list
    visits: list
    next_visit: Visit | None

    def followed_by(self, visit):
        """The same task with another next visit."""
        return self._replace(next_visit=visit)


def _rounds(parts, seeds, n_in_round, n_in_step):
    """The tasks of each round: a list of lists of tasks.

    No minibatch extends over two windows. In a round, each part takes the given number of whole
    minibatches, as long as it has rows left.
    """
    tasks = [_tasks(*item, seeds, n_in_round, n_in_step) for item in enumerate(parts)]
    return [
        [of_part[k] for of_part in tasks if k < len(of_part)] for k in range(max(map(len, tasks)))
    ]


def _tasks(part, visits, seeds, n_in_round, n_in_step):
    """The tasks of a part, one for each round."""
    tasks, room = [], 0
    for visit, next_visit in zip_longest(visits, visits[1:]):
        start = 0
        while start < visit.n_rows:
            if room < n_in_step:
                tasks.append(Task(part, [], [], None))
                room = n_in_round
            stop = min(visit.n_rows, start + room)
            tasks[-1].stretches.append((seeds.get(visit.number), slice(start, stop)))
            tasks[-1].visits.append(visit)
            tasks[-1] = tasks[-1].followed_by(next_visit)
            room -= n_in_step * math.ceil((stop - start) / n_in_step)
            start = stop
    return tasks
