"""The machines of all rows: initial values, training and predictions."""

from functools import partial
from operator import add
from typing import NamedTuple

import numpy as np

from .._parallel import TrainedInParts
from .._source import chunks
from .._threads import blocks_of, for_each
from ..kernels.ratings import (
    STREAMS_OF_A_STEP,
    Rows,
    Rule,
    Scale,
    Weights,
    conditionals,
    group_by_item,
    hidden_means,
    move_items,
    walk,
)
from .table import NO_RATINGS

# Smallest number of rows of a minibatch, and of items that they rate, per block of work; and
# largest number of blocks.
_FEWEST_ROWS, _MOST_BLOCKS = 4, 64
_FEWEST_ITEMS = 16

# Number of predictions per block of work of a thread.
_ANSWERS = 2**14

# Largest distance of a rating from the mean, in standard deviations, in the general level of a row.
# Without it, the squares of rare ratings far from the others, such as a few ratings of 1 among
# ratings of 5, dominate the predictions, which are then worse than the mean.
_FARTHEST = 3.0

# Number of alternating passes over the means of rows and items; number of bisections.
_PASSES, _HALVINGS = 5, 30


class Model(NamedTuple):
    """Weights, the scale of the weights, and the possible ratings."""

    weights: Weights
    scale: Scale
    levels: np.ndarray  # (n_levels,) the possible ratings

    def copy(self):
        """A model with a copy of the weights."""
        return self._replace(weights=_copied(self.weights))


def _copied(weights):
    return Weights(*(array.copy() for array in weights))


def zeros_like(weights):
    """Initial steps: zeros."""
    return Weights(*(np.zeros_like(array) for array in weights))


# Base rates ------------------------------------------------------------------


def counts_of(n_items, n_levels, rows):
    """Number of ratings of each item at each level, of shape (n_items, n_levels)."""
    ratings = rows.ratings
    is_known = ratings.levels >= 0
    places = ratings.items[is_known].astype(np.int64) * n_levels + ratings.levels[is_known]
    return np.bincount(places, minlength=n_items * n_levels).reshape(n_items, n_levels)


def base_of(rows, levels, degree, half, prior, smoothing):
    """Logarithms of the base rates of items, the scale in the dtype of ``levels``, and a mask.

    The mask has the items that are rated at all.

    ``rows`` are :class:`~skebm.ratings.rows.RatingRows`, or rows of a stream.
    """
    dtype, levels = levels.dtype, levels.astype(np.float64)
    counts = rows.total_of_parts(partial(counts_of, rows.shape[1], len(levels)), add)
    log_rates = log_base_rates(rows, counts, levels, prior, smoothing)
    scale = scale_of_items(log_rates, counts, levels, degree, half, prior, dtype)
    return log_rates, scale, counts.any(axis=1)


def log_base_rates(rows, counts, levels, prior, smoothing):
    """Logarithms of the smoothed frequencies of the levels of each item.

    To the ratings of an item, ``smoothing`` additional ones are added. They have the distribution
    of all ratings, tilted to the mean of the item. This mean is corrected for how high the rows
    that rate the item rate on the whole, and shrunk by ``prior`` additional average ratings.

    Returns
    -------
    log_rates : ndarray of float64, of shape (n_items, n_levels)
    """
    everywhere = (counts.sum(axis=0) + 1) / (counts.sum() + len(levels))
    mean = levels @ everywhere
    tilted = _tilted(everywhere, levels, mean + _shifts_of_items(rows, counts, levels, mean, prior))
    n_ratings = counts.sum(axis=1, keepdims=True)
    return np.log((counts + smoothing * tilted) / (n_ratings + smoothing))


def _shifts_of_items(rows, counts, levels, mean, prior):
    """Mean rating of each item minus the mean of all, corrected for the rows that rate it."""
    of_items, n_of_items = None, counts.sum(axis=1)
    for _ in range(_PASSES):
        sums = rows.total_of_parts(partial(_sums_of_items, levels - mean, prior, of_items), add)
        of_items = sums / (n_of_items + prior)
    return of_items


def _sums_of_items(levels, prior, of_items, rows):
    """Sums of the ratings of each item, minus the shifts of their rows.

    The shift of a row is how much higher it rates than the mean, after subtraction of the shifts
    of items, ``of_items``. If ``of_items`` is None, no shifts of rows are subtracted.
    """
    (n_rows, n_items), ratings = rows.shape, rows.ratings
    is_known = ratings.levels >= 0
    owners = np.repeat(np.arange(n_rows), np.diff(ratings.indptr))[is_known]
    items, values = ratings.items[is_known], levels[ratings.levels[is_known]]
    if of_items is not None:
        sums = np.bincount(owners, values - of_items[items], minlength=n_rows)
        of_rows = sums / (np.bincount(owners, minlength=n_rows) + prior)
        values = values - of_rows[owners]
    return np.bincount(items, values, minlength=n_items)


def _tilted(rates, levels, means):
    """The rates times exponential functions of the level, so that they have the given means."""
    # A mean at an end of the scale would need an infinite tilt.
    room = 0.01 * (levels[-1] - levels[0])
    means = means.clip(levels[0] + room, levels[-1] - room)
    low, high = np.full(len(means), -50.0), np.full(len(means), 50.0)
    spread = max(levels[-1] - levels[0], np.finfo(float).tiny)
    for _ in range(_HALVINGS):
        tilt = (low + high) / 2
        logits = np.log(rates) + np.outer(tilt, (levels - levels[0]) / spread)
        tilted = np.exp(logits - logits.max(axis=1, keepdims=True))
        tilted /= tilted.sum(axis=1, keepdims=True)
        is_low = tilted @ levels < means
        low, high = np.where(is_low, tilt, low), np.where(is_low, high, tilt)
    return tilted


def scale_of_items(log_rates, counts, levels, degree, half, prior, dtype):
    """Functions of the rating: powers of the standardised rating, or one indicator per level."""
    everywhere = (counts.sum(axis=0) + 1) / (counts.sum() + len(levels))
    mean = levels @ everywhere
    deviation = np.sqrt((levels - mean) ** 2 @ everywhere)
    ratings = (levels - mean) / (deviation if deviation > 0 else 1)
    rates = np.exp(log_rates)
    if degree is None or degree >= len(levels):
        functions = np.eye(len(levels))
    else:
        functions = _orthogonal_powers(ratings, everywhere, degree)
    near = ratings.clip(-_FARTHEST, _FARTHEST)
    arrays = functions, rates @ functions, near, rates @ near
    arrays = [np.ascontiguousarray(array, dtype=dtype) for array in arrays]
    return Scale(*arrays, float(half), float(prior))


def _orthogonal_powers(ratings, rates, degree):
    """Orthonormal polynomials of the ratings of degree 1 and higher, with respect to the rates."""
    roots = np.sqrt(rates)[:, None]
    powers = np.column_stack([ratings**p for p in range(degree + 1)])
    q, r = np.linalg.qr(roots * powers)
    return (q / roots * np.sign(np.diag(r)))[:, 1:]


# Learning --------------------------------------------------------------------


class Settings(NamedTuple):
    """Settings of an epoch."""

    rule: Rule
    n_steps: int
    batch_size: int


class Learner(TrainedInParts):
    """A model in training, with all state that is kept between minibatches.

    Parameters
    ----------
    model : Model
        Changed in place.
    steps : Weights
        The previous steps; changed in place.
    effective_size : float
        See :func:`mean_effective_size`.
    streams : RandomStreams
    """

    def __init__(self, model, steps, effective_size, streams):
        self.model = model
        self.steps = steps
        self.streams = streams
        self._effective_size = effective_size
        self._counts = np.zeros(len(model.weights.bias), dtype=np.int64)

    def run_epoch(self, rows, order, settings):
        """Take one step per minibatch of the rows with the numbers ``order``, in this order."""
        for batch in chunks(len(order), settings.batch_size):
            self._step(rows.ratings, order[batch], settings)

    def shared_arrays(self):
        """Weights and their previous steps, for data-parallel training."""
        return [*self.model.weights, *self.steps]

    def _step(self, rows, numbers, settings):
        weights, scale, _ = self.model
        rate, momentum, decay, power = settings.rule
        rule = Rule(rate, momentum, decay * self._effective_size, power)
        places = np.zeros(len(numbers) + 1, dtype=np.int64)
        np.cumsum(rows.indptr[numbers + 1] - rows.indptr[numbers], out=places[1:])
        n_ratings, n_hidden = places[-1], len(weights.hidden_bias)
        data = np.empty((len(numbers), n_hidden), dtype=weights.A.dtype)
        model, factors = np.empty_like(data), np.empty(len(numbers), dtype=data.dtype)
        before, after = np.empty((2, n_ratings), dtype=np.int32)
        address = self.streams.seed, self.streams.take(STREAMS_OF_A_STEP * settings.n_steps)
        chains = rows, numbers, places

        def walk_some(block):
            ends = block.start, block.stop
            how = ends, weights, scale, settings.n_steps, address
            walk(*chains, *how, after, factors, data, model)

        for_each(walk_some, blocks_of(len(numbers), _FEWEST_ROWS, _MOST_BLOCKS))

        items, owners, order = np.empty((3, n_ratings), dtype=np.int64)
        starts = np.empty(n_ratings + 1, dtype=np.int64)
        listed = items, starts, owners, order, before
        n_items = group_by_item(rows, numbers, self._counts, *listed)
        chains = after, factors, data, model

        def move_some(block):
            how = weights, self.steps, scale, rule
            move_items(block.start, block.stop, *listed, *chains, *how)

        for_each(move_some, blocks_of(n_items, _FEWEST_ITEMS, _MOST_BLOCKS))
        self._move_hidden_bias((data - model).mean(axis=0), settings.rule)

    def _move_hidden_bias(self, gradient, rule):
        step, bias = self.steps.hidden_bias, self.model.weights.hidden_bias
        step *= rule.momentum
        step += rule.rate * gradient
        bias += step


def mean_effective_size(rows, scale):
    """Mean over all ratings of n / (1 + n / half_size) for the n ratings of their row."""
    total, n_ratings = rows.total_of_parts(partial(_effective_sizes_of_part, scale.half), add)
    return float(total / max(1, n_ratings))


def _effective_sizes_of_part(half, rows):
    n = np.diff(rows.ratings.indptr)
    return np.array([n @ (n / (1 + n / half)), n.sum()])


class Errors(NamedTuple):
    """The sum of squared errors of some predictions, and their number."""

    squares: float
    n: int

    def joined(self, other):
        """The errors of these predictions and others together."""
        return Errors(self.squares + other.squares, self.n + other.n)

    @property
    def rmse(self):
        """Root mean squared error."""
        if not self.n:
            raise ValueError(NO_RATINGS)
        return float(np.sqrt(self.squares / self.n))


def errors_of(model, rows, asked):
    """:class:`Errors` of the ratings in ``asked``, each predicted from the others of its row.

    Parameters
    ----------
    model : Model
    rows : Rows
    asked : csr_array of shape (n_rows, n_items)
    """
    is_known = ~np.isnan(asked.data)
    n_before = np.concatenate([[0], np.cumsum(is_known)])
    items = asked.indices[is_known].astype(np.int32)
    P = probabilities(model, rows, n_before[asked.indptr], items)
    errors = P @ model.levels - asked.data[is_known]
    return Errors(float(np.square(errors).sum(dtype=np.float64)), len(items))


# Predictions -----------------------------------------------------------------


def probabilities(model, rows, asked, items):
    """P(rating | the others of the row), of shape (n_asked, n_levels).

    Parameters
    ----------
    model : Model
    rows : Rows
    asked : ndarray of int, of shape (n_rows + 1,)
        Place in ``items`` at which the items to predict of each row begin.
    items : ndarray of int, of shape (n_asked,)
    """
    out = np.empty((len(items), len(model.levels)), dtype=model.weights.A.dtype)

    def answer(rows_of_block):
        first, last = rows_of_block
        conditionals(rows, first, last, asked, items, model.weights, model.scale, out)

    for_each(answer, _even_parts(asked))
    return out


def _even_parts(asked):
    """Pairs (first, last) of rows with about equally many predictions, or a single larger row."""
    n_rows = len(asked) - 1
    cuts = np.searchsorted(asked, np.arange(0, asked[-1], _ANSWERS), side="right") - 1
    cuts = np.unique(np.concatenate([[0], cuts, [n_rows]]))
    return list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))


def features(model, rows):
    """P(h = 1 | ratings), of shape (n_rows, n_hidden)."""
    n_rows, weights = len(rows.indptr) - 1, model.weights
    out = np.empty((n_rows, len(weights.hidden_bias)), dtype=weights.A.dtype)

    def fill(block):
        hidden_means(rows, block.start, weights, model.scale, out[block])

    for_each(fill, blocks_of(n_rows, _FEWEST_ROWS, _MOST_BLOCKS))
    return out


def samples(model, rows, n_steps, streams):
    """Levels of the same items after some steps of Gibbs sampling that start at the rows."""
    n_rows, n_hidden = len(rows.indptr) - 1, len(model.weights.hidden_bias)
    levels, numbers = np.empty_like(rows.levels), np.arange(n_rows)
    room = np.empty((2, n_rows, n_hidden), dtype=model.weights.A.dtype)
    factors = np.empty(n_rows, dtype=room.dtype)
    address = streams.seed, streams.take(STREAMS_OF_A_STEP * n_steps)
    chains = rows, numbers, rows.indptr

    def walk_some(block):
        how = (block.start, block.stop), model.weights, model.scale, n_steps, address
        walk(*chains, *how, levels, factors, room[0], room[1])

    for_each(walk_some, blocks_of(n_rows, _FEWEST_ROWS, _MOST_BLOCKS))
    return Rows(rows.indptr, rows.items, levels)
