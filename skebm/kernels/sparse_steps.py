"""Learning steps of a machine with binary units that cost what the states that are on cost.

Hidden units are cut into tiles. A thread owns some of them, with all that belongs to their units:
weights, biases, states and means. Of what belongs to the visible units, every thread keeps a copy.
Two things alone go from thread to thread, and for each of them the threads meet: the inputs of the
visible units, of which each tile has its part; and the visible states, as lists of the units that
are on. A thread draws them for its share of the chains, and lists them for its share of the data.

Nobody writes what somebody else owns, and every sum has an order that is fixed by the tiles: the
result does not depend on the number of threads.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from ._jit import in_line, kernel, part
from .barrier import meet
from .random import fill_uniform
from .scalar import sigmoid
from .simd import (
    PACKS_LANES,
    load,
    multiply_add,
    n_lanes,
    spread,
    store_nonzero,
    store_totals,
)
from .sparse import add_lists, add_scaled, copy, dot, fill, scale
from .updates import move_row

_ONE, _TWO = np.uintp(1), np.uintp(2)

# Rows that are gone through at a time: with the weights of a tile, they stay in the cache.
ROWS_IN_CACHE = 64

# Visible inputs are found for so many units at a time.
UNITS_AT_ONCE = 4


class Model(NamedTuple):
    """Parameters, their last steps (empty without momentum), and the offsets; changed in place.

    An array of the hidden layer holds its tiles one after the other, each in as many rows as the
    others. A tile has ``n_units`` units, the last one perhaps fewer, and columns of zeros after
    them, up to an even number of whole vectors; rows start on a cache line, so that no load is
    split. Its weights have a row for each visible unit, and rows of zeros up to a multiple of
    ``UNITS_AT_ONCE``.
    """

    W: np.ndarray  # (n_tiles * n_weight_rows, n_columns)
    b: np.ndarray  # (n_visible,)
    c: np.ndarray  # (n_tiles, n_columns)
    W_step: np.ndarray
    b_step: np.ndarray
    c_step: np.ndarray
    visible_offset: np.ndarray
    hidden_offset: np.ndarray
    is_unit: np.ndarray  # (n_tiles, n_columns) 1 where a column is a unit's, otherwise 0
    n_units: int


class Rule(NamedTuple):
    """What a step does; the numbers are of the weights' type where they meet weights."""

    rate: float
    momentum: float
    keep: float  # share of a weight that L2 lets live
    l1: float
    sparsity_target: float
    sparsity_cost: float  # 0 where there is no target
    offset_rate: float
    centered: bool
    persistent: bool
    lists_zeros_of_data: bool  # where zeros are few, full lists are faster
    lists_zeros_of_chains: bool
    moves_at_once: bool  # weights, row by row of the gradient: with neither momentum nor L1
    n_gibbs_steps: int
    batch_size: int
    n_chains: int  # that persist


class Workspace(NamedTuple):
    """Room for one minibatch; rows are first those of the data, then those of the chains."""

    barrier: np.ndarray
    # Of all threads: written by one, read by all.
    inputs: np.ndarray  # (n_tiles * ROWS_IN_CACHE, n_weight_rows) of visible units, from each tile
    # Lists of the visible units whose state is not zero, with room for a vector after the last.
    on: np.ndarray  # (n_rows, n_places) their numbers
    values: np.ndarray  # (n_rows, n_places) their states
    n_on: np.ndarray  # (n_rows,) lengths of the lists
    offset_parts: np.ndarray  # (n_tiles, n_rows + 2) products of the rows of means and the offset
    # By tile, for its owner alone.
    gradient: np.ndarray  # as W, times the rate: W itself if that moves at once
    means: np.ndarray  # (n_tiles * (n_rows + 3), n_columns); then difference, offset and gradient
    h: np.ndarray  # (n_tiles * n_chains, n_columns) hidden states, an even number of chains


class VisibleLayer(NamedTuple):
    """What belongs to the visible units, as one thread has it for itself."""

    b: np.ndarray  # (n_visible,), as the next four
    b_step: np.ndarray
    offset: np.ndarray
    difference: np.ndarray
    gradient: np.ndarray  # of the bias
    unit_rows: np.ndarray  # (n_visible, n_listed + 2) numbers of the rows in which a unit is on,
    unit_factors: np.ndarray  # (n_visible, n_listed + 2) and their factors in the step
    unit_n: np.ndarray  # (n_visible,) lengths of these lists
    products: np.ndarray  # (n_rows + 2,) of rows of states or means with the offset of their layer


# Names in what follows:
#
# r, q            numbers of a row (data, then chains) and of a chain; row n_data + q is that of q
# first, last     rows or chains of a range, the last one not included
# base            number of the first row of a tile
# difference      mean over the data less mean over the chains
# number          the type of the weights, which constants are cast to

# Indices below are unsigned. For all that the compiler knows, any other number is negative and
# counts from the end: the test for that keeps loops from vectorising, and doubles the time to
# follow a list. And rows are not taken as arrays of their own: the references to an array are
# counted, and two threads that count those to one array wait for each other.


def _list_row(data, row, lists_zeros, on, values, to):
    """List the columns that are not zero in a row of the data; returns how many.

    To row ``to`` of ``on`` and ``values``. Zeros of a dense row are listed too if ``lists_zeros``.
    """
    raise NotImplementedError


@overload(_list_row, jit_options={"nogil": True})
def _list_row_of(data, row, lists_zeros, on, values, to):
    if "X" in data.fields:

        def list_row(data, row, lists_zeros, on, values, to):
            return _list_states(data.X, row, lists_zeros, on, values, to)

        return list_row

    def list_row(data, row, lists_zeros, on, values, to):
        first = data.indptr[row]
        n = data.indptr[row + 1] - first
        for k in range(n):
            on[to, k] = data.indices[first + k]
            values[to, k] = data.data[first + k]
        return n

    return list_row


@in_line
def _list_states(states, row, lists_zeros, on, values, to):
    """List the states of a row, perhaps without zeros; returns how many.

    A vector at a time, if that is possible. Otherwise it writes each state to the next place of the
    list and moves on only if it belongs there: a branch would be mispredicted for most of the
    states that are on.
    """
    row, to, n_visible = np.uintp(row), np.uintp(to), states.shape[1]
    if lists_zeros:
        for i in range(n_visible):
            on[to, np.uintp(i)] = i
            values[to, np.uintp(i)] = states[row, np.uintp(i)]
        return n_visible
    i = n = np.int64(0)
    if PACKS_LANES:
        while i + n_lanes(states) <= n_visible:
            n += store_nonzero(states, row, i, on, values, to, n)
            i += n_lanes(states)
    while i < n_visible:
        state = states[row, np.uintp(i)]
        on[to, np.uintp(n)] = i
        values[to, np.uintp(n)] = state
        n += np.int64(state != 0)
        i += 1
    return n


@in_line
def _share(rank, size, first, last):
    """The part of a range that belongs to thread ``rank`` of ``size``."""
    n = (last - first + size - 1) // size
    return first + min(rank * n, last - first), first + min((rank + 1) * n, last - first)


@part
def _list_data(data, order, start, n_data, rank, size, work, rule):
    """List the visible states of the thread's share of the minibatch."""
    first, last = _share(rank, size, np.int64(0), n_data)
    for r in range(first, last):
        row, lists_zeros = order[start + r], rule.lists_zeros_of_data
        work.n_on[r] = _list_row(data, row, lists_zeros, work.on, work.values, r)


@part
def _mean_hidden(model, work, tile, first, last):
    """Hidden means of a tile, for rows from ``first`` to ``last``."""
    means, bias, is_unit = work.means, model.c, model.is_unit
    n_tiles, n_columns = bias.shape
    base, t = tile * (means.shape[0] // n_tiles), np.uintp(tile)
    n_weight_rows = model.W.shape[0] // n_tiles
    for row in range(first, last):
        r = np.uintp(base + row)
        for j in range(n_columns):
            means[r, np.uintp(j)] = bias[t, np.uintp(j)]
    on, values, n_on, n_visible = work.on, work.values, work.n_on, model.b.shape[0]
    last_full = first + _n_full(n_on, first, last, n_visible) // 2 * 2
    W, base_of_W = model.W, tile * n_weight_rows
    add_lists(on, values, n_on, first, last, last_full, n_visible, W, base_of_W, means, base)
    for row in range(first, last):
        r = np.uintp(base + row)
        for j in range(n_columns):
            unit = np.uintp(j)
            means[r, unit] = sigmoid(means[r, unit]) * is_unit[t, unit]


@in_line
def _mean_hidden_of_data(model, work, tile, n_data):
    """Hidden means of a tile for all rows of the data."""
    for first in range(0, n_data, ROWS_IN_CACHE):
        _mean_hidden(model, work, tile, first, min(first + ROWS_IN_CACHE, n_data))


@in_line
def _n_full(n_on, first, last, n_units):
    """How many rows from ``first`` on, one after the other, have all units in their lists."""
    n = 0
    while first + n < last and n_on[first + n] == n_units:
        n += 1
    return n


@part
def _draw_hidden(model, work, tile, first, last, first_row, seed, stream):
    """Hidden states of a tile for chains from ``first`` to ``last``, from the means of their rows.

    Chain 0 has the row ``first_row``.
    """
    means, h = work.means, work.h
    n_tiles = model.c.shape[0]
    base, base_of_means = tile * (h.shape[0] // n_tiles), tile * (means.shape[0] // n_tiles)
    uniform = np.empty(h.shape[1], dtype=h.dtype)
    for chain in range(first, last):
        fill_uniform(seed, stream, chain, tile * model.n_units, uniform)
        q, r = np.uintp(base + chain), np.uintp(base_of_means + first_row + chain)
        for j in range(h.shape[1]):
            unit = np.uintp(j)
            h[q, unit] = uniform[unit] < means[r, unit]


@part
def _send_down(model, work, tile, first, last):
    """Part of the visible units' inputs that comes from a tile, for a range of chains.

    Two chains by four units: each number that is loaded takes part in several products, so that
    the loop is bound by arithmetic and not by the cache. Twice as many sums at a time were 3 %
    faster with registers of a cache line, and do not fit into narrower ones.
    """
    W, h, inputs = model.W, work.h, work.inputs
    n_tiles = model.c.shape[0]
    n_weight_rows = W.shape[0] // n_tiles
    base, base_of_h = tile * n_weight_rows, tile * (h.shape[0] // n_tiles)
    zero = spread(W.dtype.type(0))
    for start in range(0, n_weight_rows, UNITS_AT_ONCE):
        i = base + start
        for pair in range((last - first + 1) // 2):
            q = base_of_h + first + 2 * pair
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = zero
            for j in range(0, W.shape[1], n_lanes(W)):
                x, y = load(h, q, j), load(h, q + 1, j)
                w0, w1 = load(W, i, j), load(W, i + 1, j)
                w2, w3 = load(W, i + 2, j), load(W, i + 3, j)
                s0, t0 = multiply_add(w0, x, s0), multiply_add(w0, y, t0)
                s1, t1 = multiply_add(w1, x, s1), multiply_add(w1, y, t1)
                s2, t2 = multiply_add(w2, x, s2), multiply_add(w2, y, t2)
                s3, t3 = multiply_add(w3, x, s3), multiply_add(w3, y, t3)
            to = tile * ROWS_IN_CACHE + 2 * pair
            store_totals(inputs, to, start, (s0, s1, s2, s3, t0, t1, t2, t3))


@part
def _draw_visible(work, rule, visible, rank, size, first, last, first_row, seed, stream):
    """Visible states of the thread's share of some chains, from the parts of their inputs."""
    inputs, bias = work.inputs, visible.b
    n_visible, n_tiles = bias.shape[0], inputs.shape[0] // ROWS_IN_CACHE
    uniform, states = np.empty_like(bias), np.empty((1, n_visible), dtype=bias.dtype)
    first_unit = np.int64(0)  # as a literal, it would have the function compiled once more
    lists_zeros = rule.lists_zeros_of_chains
    own_first, own_last = _share(rank, size, first, last)
    for q in range(own_first, own_last):
        fill_uniform(seed, stream, q, first_unit, uniform)
        for i in range(n_visible):
            states[0, i] = bias[i]
        for tile in range(n_tiles):
            row = np.uintp(tile * ROWS_IN_CACHE + q - first)
            for i in range(n_visible):
                states[0, i] += inputs[row, np.uintp(i)]
        for i in range(n_visible):
            states[0, i] = uniform[i] < sigmoid(states[0, i])
        r = first_row + q
        work.n_on[r] = _list_states(states, np.int64(0), lists_zeros, work.on, work.values, r)


@in_line
def _listed_dot(on, values, row, n, numbers):
    """Product of the states in a list with the ``numbers`` of their units."""
    product = values.dtype.type(0)
    for k in range(n):
        place = np.uintp(k)
        product += values[row, place] * numbers[np.uintp(on[row, place])]
    return product


@in_line
def _dot_of_rows(x, r, s):
    """Product of two rows of ``x``."""
    r, s = np.uintp(r), np.uintp(s)
    product = x.dtype.type(0)
    for j in range(x.shape[1]):
        product += x[r, np.uintp(j)] * x[s, np.uintp(j)]
    return product


@in_line
def _add_scaled_row(factor, rows, r, out, to):
    """Add to row ``to`` of ``out`` row ``r`` of ``rows``, times ``factor``."""
    r, to = np.uintp(r), np.uintp(to)
    for j in range(out.shape[1]):
        out[to, np.uintp(j)] += factor * rows[r, np.uintp(j)]


@part
def _average_visible(work, rule, visible, n_data, n_chains):
    """Mean of the visible states, the offset that follows it, and the difference of the phases."""
    on, values, difference, offset = work.on, work.values, visible.difference, visible.offset
    number = offset.dtype.type
    fill(difference, 0)
    for row in range(n_data + n_chains):
        if row == n_data:
            scale(offset, number(1 - rule.offset_rate))
            add_scaled(number(rule.offset_rate), difference, offset)
        r, share = np.uintp(row), number(1 / n_data if row < n_data else -1 / n_chains)
        for k in range(work.n_on[r]):
            place = np.uintp(k)
            difference[np.uintp(on[r, place])] += share * values[r, place]


@part
def _average_hidden(model, work, rule, tile, n_data, n_chains):
    """The same for the hidden units of a tile: difference and offset as rows after the means."""
    means, offset, t, n_rows = work.means, model.hidden_offset, np.uintp(tile), n_data + n_chains
    number, (n_tiles, n_columns) = means.dtype.type, offset.shape
    base = tile * (means.shape[0] // n_tiles)
    difference, shown_offset = base + n_rows, base + n_rows + 1
    keep, rate = number(1 - rule.offset_rate), number(rule.offset_rate)
    for j in range(n_columns):
        means[np.uintp(difference), np.uintp(j)] = 0
    for r in range(n_data):
        _add_scaled_row(number(1 / n_data), means, base + r, means, difference)
    for j in range(n_columns):
        unit = np.uintp(j)
        offset[t, unit] = keep * offset[t, unit] + rate * means[np.uintp(difference), unit]
        means[np.uintp(shown_offset), unit] = offset[t, unit]
    for r in range(n_data, n_rows):
        _add_scaled_row(number(-1 / n_chains), means, base + r, means, difference)


@part
def _learn_hidden(model, work, rule, visible, tile, n_data, n_chains):
    """Biases of the hidden units of a tile.

    With the offsets m of the visible and l of the hidden units, the centred gradient of the
    hidden biases is that of the plain ones less G.T @ m, where G is the centred gradient of the
    weights; G.T @ m takes no more than the products of m with each row of visible states.
    """
    means, bias, n_rows = work.means, model.c, n_data + n_chains
    number, (n_tiles, n_columns) = bias.dtype.type, bias.shape
    base = tile * (means.shape[0] // n_tiles)
    difference, offset, gradient = base + n_rows, base + n_rows + 1, base + n_rows + 2
    for j in range(n_columns):
        means[np.uintp(gradient), np.uintp(j)] = means[np.uintp(difference), np.uintp(j)]
    if rule.centered:
        moved = number(0)
        for r in range(n_rows):
            product = visible.products[r] * number(1 / n_data if r < n_data else -1 / n_chains)
            moved += product
            _add_scaled_row(-product, means, base + r, means, gradient)
        _add_scaled_row(moved, means, offset, means, gradient)
        _add_scaled_row(dot(visible.offset, visible.offset), means, difference, means, gradient)
    if rule.sparsity_cost != 0:
        for j in range(n_columns):
            missing = number(rule.sparsity_target) - means[np.uintp(offset), np.uintp(j)]
            means[np.uintp(gradient), np.uintp(j)] += number(rule.sparsity_cost) * missing
    if rule.momentum != 0:
        for j in range(n_columns):
            model.c_step[np.uintp(tile), np.uintp(j)] *= number(rule.momentum)
        _add_scaled_row(number(rule.rate), means, gradient, model.c_step, tile)
        _add_scaled_row(number(1), model.c_step, tile, bias, tile)
    else:
        _add_scaled_row(number(rule.rate), means, gradient, bias, tile)


@part
def _write_offset_parts(model, work, tile, n_rows):
    """Products of the rows of hidden means of a tile, the last two included, and its offset."""
    base = tile * (work.means.shape[0] // model.c.shape[0])
    for r in range(n_rows + 2):
        product = _dot_of_rows(work.means, base + r, base + n_rows + 1)
        work.offset_parts[np.uintp(tile), np.uintp(r)] = product


@part
def _learn_visible(work, rule, visible, n_data, n_chains):
    """Biases of the visible units; where it is centred, from the products of all tiles."""
    number = visible.b.dtype.type
    gradient, products, n_rows = visible.gradient, visible.products, n_data + n_chains
    copy(visible.difference, gradient)
    if rule.centered:
        fill(products, 0)
        for tile in range(work.offset_parts.shape[0]):
            for r in range(n_rows + 2):
                products[r] += work.offset_parts[np.uintp(tile), np.uintp(r)]
        scale(gradient, 1 + products[n_rows + 1])
        for i in range(gradient.shape[0]):
            gradient[i] += products[n_rows] * visible.offset[i]
        for r in range(n_rows):
            product = products[r] * number(1 / n_data if r < n_data else -1 / n_chains)
            for k in range(work.n_on[r]):
                unit = np.uintp(work.on[np.uintp(r), np.uintp(k)])
                gradient[unit] -= product * work.values[np.uintp(r), np.uintp(k)]
    for i in range(gradient.shape[0]):
        step = number(rule.rate) * gradient[i]
        if rule.momentum != 0:
            step += number(rule.momentum) * visible.b_step[i]
            visible.b_step[i] = step
        visible.b[i] += step


@part
def _list_by_unit(work, rule, visible, first, last, n_data, n_rows):
    """List, for each visible unit, the rows from ``first`` to ``last`` in which it is on.

    With their factors in the step. Where it is centred, the difference and the offset of the
    hidden means, which the offset and the difference of the visible states multiply, come last.
    """
    number = visible.b.dtype.type
    on, values, unit_n = work.on, work.values, visible.unit_n
    rows, factors = visible.unit_rows, visible.unit_factors
    for i in range(unit_n.shape[0]):
        unit_n[i] = 0
    for row in range(first, last):
        r = np.uintp(row)
        factor = number(rule.rate * (1 / n_data if row < n_data else -1 / (n_rows - n_data)))
        for k in range(work.n_on[r]):
            unit = np.uintp(on[r, np.uintp(k)])
            n = np.uintp(unit_n[unit])
            rows[unit, n] = row
            factors[unit, n] = factor * values[r, np.uintp(k)]
            unit_n[unit] = n + _ONE
    if rule.centered and last == n_rows:
        rate = number(rule.rate)
        for i in range(unit_n.shape[0]):
            unit, n = np.uintp(i), np.uintp(unit_n[i])
            offset, difference = visible.offset[i], visible.difference[i]
            if offset != 0 or difference != 0:
                rows[unit, n], factors[unit, n] = n_rows, -rate * offset
                rows[unit, n + _ONE], factors[unit, n + _ONE] = n_rows + 1, -rate * difference
                unit_n[i] = n + _TWO


@part
def _scale_gradient(model, work, tile, factor):
    """Multiply what is in the place of the gradient of a tile."""
    gradient, n_weight_rows = work.gradient, work.gradient.shape[0] // model.c.shape[0]
    for i in range(tile * n_weight_rows, (tile + 1) * n_weight_rows):
        for j in range(gradient.shape[1]):
            gradient[np.uintp(i), np.uintp(j)] *= factor


@part
def _add_to_gradient(model, work, visible, tile, n_full):
    """Add to the gradient of a tile what the rows do that are listed by unit.

    The first ``n_full`` places are the same rows in all lists.
    """
    n_tiles, n_visible = model.c.shape[0], visible.b.shape[0]
    rows, factors, n = visible.unit_rows, visible.unit_factors, visible.unit_n
    gradient, base = work.gradient, tile * (work.gradient.shape[0] // n_tiles)
    means, base_of_means = work.means, tile * (work.means.shape[0] // n_tiles)
    zero, paired = np.int64(0), n_visible // 2 * 2
    add_lists(
        rows, factors, n, zero, n_visible, paired, n_full, means, base_of_means, gradient, base
    )


@part
def _move_weights(model, work, rule, tile):
    """Weights of a tile, where they have a momentum or are drawn to zero, along the gradient."""
    number = model.c.dtype.type
    keep, momentum, l1 = number(rule.keep), number(rule.momentum), number(rule.l1)
    all_of_it = number(1)  # the rate is in the factors
    n_tiles = model.c.shape[0]
    W, gradient = model.W.reshape(n_tiles, -1), work.gradient.reshape(n_tiles, -1)
    velocity = model.W_step.reshape(n_tiles, -1) if rule.momentum != 0 else gradient
    move_row(W[tile], gradient[tile], velocity[tile], all_of_it, momentum, keep, l1)


@part
def _learn(rank, size, model, work, rule, visible, n_data, n_chains):
    """Move all parameters along the gradient of the minibatch; False if the barrier was broken."""
    n_tiles, n_rows = model.c.shape[0], n_data + n_chains
    _average_visible(work, rule, visible, n_data, n_chains)
    if rule.centered:
        for r in range(n_rows):
            n = work.n_on[r]
            visible.products[r] = _listed_dot(work.on, work.values, r, n, visible.offset)
    for tile in range(rank, n_tiles, size):
        _average_hidden(model, work, rule, tile, n_data, n_chains)
        _learn_hidden(model, work, rule, visible, tile, n_data, n_chains)
        if rule.centered:
            _write_offset_parts(model, work, tile, n_rows)
    if rule.centered and not meet(work.barrier, size):
        return False
    _learn_visible(work, rule, visible, n_data, n_chains)
    # The gradient is added to nothing, or to the weights that L2 leaves.
    kept = model.b.dtype.type(rule.keep if rule.moves_at_once else 0)
    if kept != 1:
        for tile in range(rank, n_tiles, size):
            _scale_gradient(model, work, tile, kept)
    # So many rows of hidden means stay in the cache while they are added up for all units.
    at_once = visible.unit_rows.shape[1] - 2
    for first in range(0, n_rows, at_once):
        last = min(first + at_once, n_rows)
        _list_by_unit(work, rule, visible, first, last, n_data, n_rows)
        n_full = _n_full(work.n_on, first, last, visible.b.shape[0])
        for tile in range(rank, n_tiles, size):
            _add_to_gradient(model, work, visible, tile, n_full)
    if not rule.moves_at_once:
        for tile in range(rank, n_tiles, size):
            _move_weights(model, work, rule, tile)
    return True


@kernel
def run_steps(rank, size, data, order, model, rule, work, visible, seed, stream):
    """One learning step for each minibatch of ``order``: the part of thread ``rank`` of ``size``.

    Draws from the streams ``stream``, ``stream + 1``, ..., twice ``n_gibbs_steps`` a minibatch.
    Returns early, leaving the model half-way through a step, if another thread fails.
    """
    # The thread owns every size-th tile.
    n_tiles, zero = model.c.shape[0], np.int64(0)
    copy(model.b, visible.b)
    copy(model.b_step, visible.b_step)
    copy(model.visible_offset, visible.offset)
    for start in range(0, order.shape[0], rule.batch_size):
        n_data = min(rule.batch_size, order.shape[0] - start)
        n_chains = rule.n_chains if rule.persistent else n_data
        next_stream = stream

        # Chains that do not persist start at hidden states given the data.
        if not rule.persistent:
            if not meet(work.barrier, size):  # now nobody reads the lists of the last minibatch
                return
            _list_data(data, order, start, n_data, rank, size, work, rule)
            if not meet(work.barrier, size):
                return
            for tile in range(rank, n_tiles, size):
                _mean_hidden_of_data(model, work, tile, n_data)
                _draw_hidden(model, work, tile, zero, n_data, zero, seed, next_stream)
            next_stream += 1

        # The chains: down and up again, a range of them at a time.
        for step in range(rule.n_gibbs_steps):
            is_last = step == rule.n_gibbs_steps - 1
            for first in range(0, n_chains, ROWS_IN_CACHE):
                last = min(first + ROWS_IN_CACHE, n_chains)
                for tile in range(rank, n_tiles, size):
                    _send_down(model, work, tile, first, last)
                if not meet(work.barrier, size):
                    return
                if rule.persistent and step == 0 and first == 0:
                    _list_data(data, order, start, n_data, rank, size, work, rule)
                _draw_visible(
                    work, rule, visible, rank, size, first, last, n_data, seed, next_stream
                )
                if not meet(work.barrier, size):
                    return
                for tile in range(rank, n_tiles, size):
                    _mean_hidden(model, work, tile, n_data + first, n_data + last)
                    if rule.persistent or not is_last:
                        hidden_stream = next_stream + 1
                        _draw_hidden(model, work, tile, first, last, n_data, seed, hidden_stream)
            next_stream += 2
        if rule.persistent:
            for tile in range(rank, n_tiles, size):
                _mean_hidden_of_data(model, work, tile, n_data)
        if not _learn(rank, size, model, work, rule, visible, n_data, n_chains):
            return
        stream += 2 * rule.n_gibbs_steps
    if rank == 0:
        copy(visible.b, model.b)
        copy(visible.b_step, model.b_step)
        copy(visible.offset, model.visible_offset)
