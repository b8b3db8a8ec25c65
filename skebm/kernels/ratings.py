"""Rows of ratings: Gibbs chains, learning steps, and exact conditionals.

The machine of a row contains only the items that the row rates. In the row r of n ratings, the item
i has the value k with a logit of

    b_ik + f_n * sum over j, p of x_ikp A_ipj (h_j - 1/2) + x_ik z,

where x_ikp is a function p of the value k, minus its mean over the values of the item, f_n a factor
of all weights of the row, h_j a binary hidden unit and z a normal one, the general level of the
ratings of the row.
"""

from typing import NamedTuple

import numpy as np

from ._jit import inlined, kernel
from .random import fill_normal, fill_uniform, philox
from .scalar import exp, log, sigmoid, unit_interval
from .sparse import copy

# Factors in (1, 2] whose product is taken before its logarithm.
_FACTORS = 64

# Streams of random numbers of one step of a chain: hidden units, level, ratings.
STREAMS_OF_A_STEP = 3


class Rows(NamedTuple):
    """Ratings in CSR format. A level of -1 is a rating whose value is unknown."""

    indptr: np.ndarray  # (n_rows + 1,)
    items: np.ndarray  # (n_ratings,)
    levels: np.ndarray  # (n_ratings,) indices on the scale


class Weights(NamedTuple):
    """The parameters that all rows share, changed in place by :func:`move_items`."""

    A: np.ndarray  # (n_items, n_functions, n_hidden)
    rated: np.ndarray  # (n_items, n_hidden), input of an item for any rating; or empty
    bias: np.ndarray  # (n_items, n_levels)
    hidden_bias: np.ndarray  # (n_hidden,)


class Scale(NamedTuple):
    """Constants of training."""

    functions: np.ndarray  # (n_levels, n_functions)
    means: np.ndarray  # (n_items, n_functions) of the functions
    ratings: np.ndarray  # (n_levels,) standardised
    mean_ratings: np.ndarray  # (n_items,)
    half: float  # number of ratings that halves the square of the factor
    prior: float  # pseudo-count of ratings in the level of a row


class Rule(NamedTuple):
    """Settings of a step."""

    rate: float
    momentum: float
    decay: float
    power: float  # exponent of the number of ratings of an item, by which its gradient is divided


@inlined
def _factor(n, scale):
    """Factor of all weights in the machine of a row of n ratings."""
    return 1 / np.sqrt(1 + n / scale.half)


@inlined
def _add_inputs(rows, start, stop, levels, place, weights, scale, inputs):
    """Add the inputs of the hidden units from the ratings of a row; return the ratings' sum."""
    n_functions, n_hidden = weights.A.shape[1], weights.A.shape[2]
    total = inputs.dtype.type(0)
    for q in range(start, stop):
        item, level = rows.items[q], levels[place + q - start]
        if level >= 0:
            for p in range(n_functions):
                x = scale.functions[level, p] - scale.means[item, p]
                for j in range(n_hidden):
                    inputs[j] += x * weights.A[item, p, j]
            total += scale.ratings[level] - scale.mean_ratings[item]
        if weights.rated.shape[0] > 0:
            for j in range(n_hidden):
                inputs[j] += weights.rated[item, j]
    return total


@kernel
def hidden_means(rows, first, weights, scale, out):
    """Write P(h = 1 | ratings) for the rows from ``first`` on, as many as ``out`` has."""
    n_hidden = out.shape[1]
    inputs = np.empty(n_hidden, dtype=out.dtype)
    for r in range(out.shape[0]):
        start, stop = rows.indptr[first + r], rows.indptr[first + r + 1]
        inputs[:] = 0
        _add_inputs(rows, start, stop, rows.levels, start, weights, scale, inputs)
        factor = out.dtype.type(_factor(_n_known(rows, start, stop), scale))
        for j in range(n_hidden):
            out[r, j] = sigmoid(weights.hidden_bias[j] + factor * inputs[j])


@inlined
def _n_known(rows, start, stop):
    n = 0
    for q in range(start, stop):
        if rows.levels[q] >= 0:
            n += 1
    return n


@kernel
def walk(
    rows, numbers, places, block, weights, scale, n_steps, address, levels, factors, data, ends
):
    """Run the chains of some rows from their ratings on.

    Parameters
    ----------
    rows : Rows
    numbers : ndarray of int, of shape (n_batch,)
        The rows of a minibatch.
    places : ndarray of int, of shape (n_batch + 1,)
        Start of the ratings of each row in ``levels``.
    block : tuple (first, last)
        Range of the rows of the minibatch.
    weights : Weights
    scale : Scale
    n_steps : int
    address : tuple (seed, stream)
        Address of the random numbers, with ``STREAMS_OF_A_STEP`` streams per step.
    levels : ndarray of int, of shape (n_ratings_of_batch,)
        Out: the final ratings of the chains.
    factors : ndarray of shape (n_batch,)
        Out: the factor of all weights, for each row.
    data, ends : ndarray of shape (n_batch, n_hidden)
        Out: means of the hidden units minus 1/2, given the data and the final ratings of the
        chains.
    """
    n_functions, n_hidden = weights.A.shape[1], weights.A.shape[2]
    n_levels, dtype = scale.ratings.shape[0], data.dtype
    half = dtype.type(0.5)
    inputs, h = np.empty(n_hidden, dtype=dtype), np.empty(n_hidden, dtype=dtype)
    slopes, odds = np.empty(n_functions, dtype=dtype), np.empty(n_levels, dtype=dtype)
    noise = np.empty(1, dtype=dtype)
    seed, stream = address
    for r in range(block[0], block[1]):
        start, stop = rows.indptr[numbers[r]], rows.indptr[numbers[r] + 1]
        place, n = places[r], _n_known(rows, start, stop)
        factor = dtype.type(_factor(n, scale))
        strength = dtype.type(1 / (n + scale.prior))
        factors[r] = factor
        copy(rows.levels[start:stop], levels[place : place + stop - start])
        uniform = np.empty(stop - start, dtype=dtype)
        for t in range(n_steps + 1):
            inputs[:] = 0
            total = _add_inputs(rows, start, stop, levels, place, weights, scale, inputs)
            for j in range(n_hidden):
                inputs[j] = sigmoid(weights.hidden_bias[j] + factor * inputs[j])
            if t == 0:
                for j in range(n_hidden):
                    data[r, j] = inputs[j] - half
            if t == n_steps:
                for j in range(n_hidden):
                    ends[r, j] = inputs[j] - half
                break
            # The hidden units, times the factor of the weights.
            here = stream + STREAMS_OF_A_STEP * t
            fill_uniform(seed, here, r, np.int64(0), h)
            for j in range(n_hidden):
                h[j] = factor * half if h[j] < inputs[j] else -factor * half
            fill_normal(seed, here + 1, r, np.int64(0), noise)
            level = strength * total + np.sqrt(strength) * noise[0]
            fill_uniform(seed, here + 2, r, np.int64(0), uniform)
            for q in range(start, stop):
                item, at = rows.items[q], place + q - start
                if levels[at] < 0:
                    continue
                for p in range(n_functions):
                    slope = dtype.type(0)
                    for j in range(n_hidden):
                        slope += weights.A[item, p, j] * h[j]
                    slopes[p] = slope
                largest = dtype.type(-np.inf)
                for k in range(n_levels):
                    logit = weights.bias[item, k] + scale.ratings[k] * level
                    for p in range(n_functions):
                        logit += scale.functions[k, p] * slopes[p]
                    odds[k] = logit
                    largest = max(largest, logit)
                levels[at] = _drawn(odds, largest, uniform[q - start])


@inlined
def _drawn(logits, largest, uniform):
    """A level drawn with these logits, which are overwritten; ``largest`` is their maximum."""
    n_levels, total = logits.shape[0], logits.dtype.type(0)
    for k in range(n_levels):
        logits[k] = exp(logits[k] - largest)
        total += logits[k]
    left, level = uniform * total - logits[0], 0
    while left > 0 and level < n_levels - 1:
        level += 1
        left -= logits[level]
    return level


@kernel
def group_by_item(rows, numbers, counts, items, starts, owners, order, levels):
    """List the known ratings of a minibatch by item, in linear time.

    Parameters
    ----------
    rows, numbers
        See :func:`walk`.
    counts : ndarray of int, of shape (n_items,)
        Zeros, also on return.
    items : ndarray of int, of shape (n_ratings_of_batch,)
        Out: the rated items, in order of first occurrence.
    starts : ndarray of int, of shape (n_ratings_of_batch + 1,)
        Out: start of the ratings of each item in ``owners`` and ``order``.
    owners, order : ndarray of int, of shape (n_ratings_of_batch,)
        Out: the row in the minibatch, and the place, of each rating.
    levels : ndarray of int, of shape (n_ratings_of_batch,)
        Out: the levels of the ratings by place.

    Returns
    -------
    n_items : int
        Number of rated items.
    """
    n_items = 0
    for r in range(numbers.shape[0]):
        for q in range(rows.indptr[numbers[r]], rows.indptr[numbers[r] + 1]):
            item = rows.items[q]
            if counts[item] == 0:
                items[n_items] = item
                n_items += 1
            counts[item] += 1
    end = 0
    for t in range(n_items):
        starts[t] = end
        end += counts[items[t]]
        counts[items[t]] = starts[t]
    starts[n_items] = end
    place = 0
    for r in range(numbers.shape[0]):
        for q in range(rows.indptr[numbers[r]], rows.indptr[numbers[r] + 1]):
            item = rows.items[q]
            owners[counts[item]] = r
            order[counts[item]] = place
            levels[place] = rows.levels[q]
            counts[item] += 1
            place += 1
    for t in range(n_items):
        counts[items[t]] = 0
    return n_items


@kernel
def move_items(
    first,
    last,
    items,
    starts,
    owners,
    order,
    before,
    after,
    factors,
    data,
    model,
    weights,
    steps,
    scale,
    rule,
):
    """Update the weights and biases of some of the items of a minibatch.

    Parameters
    ----------
    first, last : int
        Range of ``items`` to update.
    items, starts, owners, order : ndarray of int
        See :func:`group_by_item`.
    before, after : ndarray of int, of shape (n_ratings_of_batch,)
        Levels of the data, and final ones of the chains.
    factors, data, model : ndarray
        See :func:`walk`.
    weights, steps : Weights
        The parameters and their last steps.
    scale : Scale
    rule : Rule
    """
    n_functions, n_hidden = weights.A.shape[1], weights.A.shape[2]
    n_levels, dtype = weights.bias.shape[1], weights.A.dtype
    of_weights = np.empty((n_functions, n_hidden), dtype=dtype)
    of_rated, of_bias = np.empty(n_hidden, dtype=dtype), np.empty(n_levels, dtype=dtype)
    for t in range(first, last):
        item = items[t]
        of_weights[:] = 0
        of_rated[:] = 0
        of_bias[:] = 0
        for e in range(starts[t], starts[t + 1]):
            r, old, new = owners[e], before[order[e]], after[order[e]]
            if old >= 0:
                of_bias[old] += 1
                of_bias[new] -= 1
                for p in range(n_functions):
                    x = factors[r] * (scale.functions[old, p] - scale.means[item, p])
                    y = factors[r] * (scale.functions[new, p] - scale.means[item, p])
                    for j in range(n_hidden):
                        of_weights[p, j] += x * data[r, j] - y * model[r, j]
            if weights.rated.shape[0] > 0:
                for j in range(n_hidden):
                    of_rated[j] += factors[r] * (data[r, j] - model[r, j])
        share = dtype.type(np.float64(starts[t + 1] - starts[t]) ** -rule.power)
        for p in range(n_functions):
            for j in range(n_hidden):
                climb = share * of_weights[p, j] - rule.decay * weights.A[item, p, j]
                steps.A[item, p, j] = rule.momentum * steps.A[item, p, j] + rule.rate * climb
                weights.A[item, p, j] += steps.A[item, p, j]
        if weights.rated.shape[0] > 0:
            for j in range(n_hidden):
                climb = share * of_rated[j] - rule.decay * weights.rated[item, j]
                steps.rated[item, j] = rule.momentum * steps.rated[item, j] + rule.rate * climb
                weights.rated[item, j] += steps.rated[item, j]
        for k in range(n_levels):
            climb = share * of_bias[k]
            steps.bias[item, k] = rule.momentum * steps.bias[item, k] + rule.rate * climb
            weights.bias[item, k] += steps.bias[item, k]


@kernel
def conditionals(rows, first, last, asked, asked_items, weights, scale, out):
    """Write P(rating | the other ratings of the row) for the requested items.

    If the row rates the item, this rating is ignored.

    Parameters
    ----------
    rows : Rows
    first, last : int
        Range of the rows.
    asked : ndarray of int, of shape (n_rows + 1,)
        Start of the requested items of each row in ``asked_items`` and ``out``.
    asked_items : ndarray of int, of shape (n_asked,)
    weights : Weights
    scale : Scale
    out : ndarray of shape (n_asked, n_levels)
    """
    n_functions, n_hidden = weights.A.shape[1], weights.A.shape[2]
    n_levels, dtype = scale.ratings.shape[0], weights.A.dtype
    inputs, others = np.empty(n_hidden, dtype=dtype), np.empty(n_hidden, dtype=dtype)
    where = np.full(weights.A.shape[0], -1, dtype=np.int64)
    for r in range(first, last):
        if asked[r] == asked[r + 1]:
            continue
        start, stop = rows.indptr[r], rows.indptr[r + 1]
        inputs[:] = 0
        total = _add_inputs(rows, start, stop, rows.levels, start, weights, scale, inputs)
        n_known = _n_known(rows, start, stop)
        for q in range(start, stop):
            where[rows.items[q]] = q
        for a in range(asked[r], asked[r + 1]):
            item, n, sum_of_others = asked_items[a], n_known, total
            copy(inputs, others)
            q = where[item]
            if q >= 0:
                own = dtype.type(0)
                if rows.levels[q] >= 0:
                    n -= 1
                    own = scale.ratings[rows.levels[q]] - scale.mean_ratings[item]
                    for p in range(n_functions):
                        x = scale.functions[rows.levels[q], p] - scale.means[item, p]
                        for j in range(n_hidden):
                            others[j] -= x * weights.A[item, p, j]
                sum_of_others -= own
                if weights.rated.shape[0] > 0:
                    for j in range(n_hidden):
                        others[j] -= weights.rated[item, j]
            # The machine contains the other items and the requested one.
            factor = dtype.type(_factor(n + 1, scale))
            strength = dtype.type(1 / (n + 1 + scale.prior))
            for j in range(n_hidden):
                others[j] = weights.hidden_bias[j] + factor * others[j]
            largest = dtype.type(-np.inf)
            for k in range(n_levels):
                x = scale.ratings[k] - scale.mean_ratings[item]
                logit = weights.bias[item, k] + strength * x * (sum_of_others + x / 2)
                logit += _log_of_hidden(others, item, k, factor, weights, scale)
                out[a, k] = logit
                largest = max(largest, logit)
            sum_of_odds = dtype.type(0)
            for k in range(n_levels):
                out[a, k] = exp(out[a, k] - largest)
                sum_of_odds += out[a, k]
            for k in range(n_levels):
                out[a, k] /= sum_of_odds
        for q in range(start, stop):
            where[rows.items[q]] = -1


@inlined
def _log_of_hidden(others, item, level, factor, weights, scale):
    """Log of the sum over the hidden states, given the other ratings and one more rating."""
    n_functions, n_hidden = weights.A.shape[1], weights.A.shape[2]
    dtype = others.dtype
    result, one, half = dtype.type(0), dtype.type(1), dtype.type(0.5)
    for begin in range(0, n_hidden, _FACTORS):
        product = one
        for j in range(begin, min(begin + _FACTORS, n_hidden)):
            z = others[j]
            for p in range(n_functions):
                x = factor * (scale.functions[level, p] - scale.means[item, p])
                z += x * weights.A[item, p, j]
            # log(exp(z / 2) + exp(-z / 2))
            z = abs(z)
            result += half * z
            product *= one + exp(-z)
        result += log(product)
    return result


@kernel
def choose_at_random(indptr, items, numbers, address, share, out):
    """Mark a random share of the ratings in ``out``.

    Parameters
    ----------
    indptr, items : ndarray of int, of shapes (n_rows + 1,) and (n_ratings,)
        The items of each row, in CSR format.
    numbers : ndarray of int, of shape (n_rows,)
        Numbers of the rows: the draw for a rating depends on this number and on that of its item.
    address : tuple (seed, stream)
    share : float
    out : ndarray of bool, of shape (n_ratings,)
    """
    seed, stream = address
    c2, c3 = np.uint32(stream), np.uint32(stream >> 32)
    k0, k1 = np.uint32(seed), np.uint32(seed >> 32)
    for r in range(numbers.shape[0]):
        row = np.uint32(numbers[r])
        for q in range(indptr[r], indptr[r + 1]):
            words = philox(np.uint32(items[q] // 4), row, c2, c3, k0, k1)
            out[q] = unit_interval(words[items[q] % 4], share) < share
