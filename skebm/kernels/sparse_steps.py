"""Learning steps of a machine with binary units that cost what the states that are on cost.

A thread owns blocks of visible units, with their rows of the weights, and a tile of hidden units.
For its visible units it does, in one go and while their weights are in its cache: the move along
the gradient of the step before; the inputs from the chains' hidden states, and the visible states
drawn from them; and the part of the hidden units' inputs that comes from its visible units. For
its hidden units it then adds up the parts, draws, and keeps the statistics. Between the two, the
threads meet. Nobody writes what somebody else owns, and every sum has an order that is fixed by
the shape of the machine: the result does not depend on the number of threads.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from ._jit import in_line, kernel, part
from .barrier import meet
from .random import fill_uniform
from .scalar import sigmoid
from .simd import load, multiply_add, n_lanes, spread, total
from .sparse import (
    add_lists,
    add_scaled,
    dot,
    fill,
    first_not_below,
    scale,
)
from .updates import move_row

_ONE, _TWO, _THREE = np.uintp(1), np.uintp(2), np.uintp(3)

# Rows of hidden means that a block of units adds up at a time, and of hidden states that it
# multiplies: together with the weights of the block they stay in the cache.
ROWS_IN_CACHE = 64


class Model(NamedTuple):
    """Parameters, their last steps (empty without momentum), and the offsets; changed in place.

    Weights have ``n_columns`` columns, the hidden units and perhaps some of zeros: whole vectors,
    four or a multiple of it, in rows that start on a cache line, so that no load is split.
    """

    W: np.ndarray  # (n_visible, n_columns)
    b: np.ndarray  # (n_visible,)
    c: np.ndarray  # (n_hidden,)
    W_step: np.ndarray
    b_step: np.ndarray
    c_step: np.ndarray
    visible_offset: np.ndarray
    hidden_offset: np.ndarray


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


class Workspace(NamedTuple):
    """Room for one minibatch; rows are first those of the data, then those of the chains."""

    barrier: np.ndarray
    bounds: np.ndarray  # (n_blocks + 1,) first visible unit of each block
    on: np.ndarray  # (n_rows, n_visible) numbers of the visible units whose state is not zero
    values: np.ndarray  # (n_rows, n_visible) their states
    n_on: np.ndarray  # (n_blocks, n_rows) lengths of the lists
    unit_rows: np.ndarray  # (n_visible, n_listed + 2) the same by unit: numbers of the rows,
    unit_factors: np.ndarray  # (n_visible, n_listed + 2) and their factors in the step
    gradient: np.ndarray  # (n_visible, n_columns), times the rate: W itself if that moves at once
    inputs: np.ndarray  # (n_chains, n_visible)
    parts: np.ndarray  # (n_blocks, n_rows, n_columns) hidden inputs from each block
    offset_parts: np.ndarray  # (n_blocks, n_rows) products of visible states and offset
    means: np.ndarray  # (n_rows + 2, n_columns) hidden means; then the difference and the offset
    h: np.ndarray  # (n_chains, n_columns) hidden states of the chains


# Names in what follows:
#
# low, high       the units of a block or of a tile, from the first to the one after the last
# r, q            numbers of a row (data, then chains) and of a chain; row n_data + q is that of q
# first, last     rows or chains of a range, the last one not included
# n_listed        lengths of the lists by unit, as n_on has those of the lists by row
# difference      mean over the data less mean over the chains
# moved           times an offset: "moved_offset" is the visible offset times the visible difference
# number          the type of the weights, which constants are cast to

# Indices below are unsigned. For all that the compiler knows, any other number is negative and
# counts from the end: the test for that keeps loops from vectorising, and doubles the time to
# follow a list. And rows are not taken as arrays of their own: the references to an array are
# counted, and two threads that count those to one array wait for each other.


def _list_row(data, row, low, high, lists_zeros, on, values, to):
    """List the columns of a block that are not zero in a row of the data; returns how many.

    To row ``to`` of ``on`` and ``values``, from the place ``low`` on. Zeros of a dense row are
    listed too if ``lists_zeros``.
    """
    raise NotImplementedError


@overload(_list_row, jit_options={"nogil": True})
def _list_row_of(data, row, low, high, lists_zeros, on, values, to):
    if "X" in data.fields:

        def list_row(data, row, low, high, lists_zeros, on, values, to):
            return _list_states(data.X, row, low, high, lists_zeros, on, values, to)

        return list_row

    def list_row(data, row, low, high, lists_zeros, on, values, to):
        first, stop = data.indptr[row], data.indptr[row + 1]
        first = first_not_below(data.indices, first, stop, low)
        n = 0
        while first + n < stop and data.indices[first + n] < high:
            on[to, low + n] = data.indices[first + n]
            values[to, low + n] = data.data[first + n]
            n += 1
        return n

    return list_row


@in_line
def _list_states(states, row, low, high, lists_zeros, on, values, to):
    """List the states of units from ``low`` to ``high``, perhaps without zeros; returns how many.

    Writes each to the next place of the list and moves on only if it belongs there: a branch
    would be mispredicted for most of the states that are on.
    """
    row, to, place = np.uintp(row), np.uintp(to), np.uintp(low)
    if lists_zeros:
        for i in range(low, high):
            on[to, np.uintp(i)] = i
            values[to, np.uintp(i)] = states[row, np.uintp(i)]
        return high - low
    for i in range(high - low):
        state = states[row, np.uintp(low + i)]
        on[to, place] = low + i
        values[to, place] = state
        place += np.uintp(state != 0)
    return np.int64(place) - low


@part
def _inputs_of_units(W, low, high, h, first, last, inputs):
    """``inputs[q, i] = W[i] @ h[q]`` for chains from ``first`` to ``last``, two by four units.

    Each number that is loaded takes part in several products, so that the loop is bound by
    arithmetic and not by the cache.
    """
    lanes = n_lanes(W)
    zero = spread(W.dtype.type(0))
    n_vectors, n_fours = W.shape[1] // lanes, (high - low) // 4
    for four in range(n_fours):
        i = low + 4 * four
        for pair in range((last - first) // 2):
            q = first + 2 * pair
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = zero
            for vector in range(n_vectors):
                j = lanes * vector
                x, y = load(h, q, j), load(h, q + 1, j)
                w0, w1 = load(W, i, j), load(W, i + 1, j)
                w2, w3 = load(W, i + 2, j), load(W, i + 3, j)
                s0, t0 = multiply_add(w0, x, s0), multiply_add(w0, y, t0)
                s1, t1 = multiply_add(w1, x, s1), multiply_add(w1, y, t1)
                s2, t2 = multiply_add(w2, x, s2), multiply_add(w2, y, t2)
                s3, t3 = multiply_add(w3, x, s3), multiply_add(w3, y, t3)
            row, at = np.uintp(q), np.uintp(i)
            inputs[row, at], inputs[row, at + _ONE] = total(s0), total(s1)
            inputs[row, at + _TWO], inputs[row, at + _THREE] = total(s2), total(s3)
            row += _ONE
            inputs[row, at], inputs[row, at + _ONE] = total(t0), total(t1)
            inputs[row, at + _TWO], inputs[row, at + _THREE] = total(t2), total(t3)
        if (last - first) % 2:
            for k in range(i, i + 4):
                inputs[last - 1, k] = _dot_of_rows(W, k, h, last - 1)
    for i in range(low + 4 * n_fours, high):
        for q in range(first, last):
            inputs[q, i] = _dot_of_rows(W, i, h, q)


@part
def _draw_visible(model, work, rule, block, n_data, n_chains, seed, stream):
    """Visible states of the chains given their hidden states, for a block of units."""
    low, high = work.bounds[block], work.bounds[block + 1]
    inputs, bias = work.inputs, model.b
    for first in range(0, n_chains, ROWS_IN_CACHE):
        last = min(first + ROWS_IN_CACHE, n_chains)
        _inputs_of_units(model.W, low, high, work.h, first, last, inputs)
    uniform = np.empty(high - low, dtype=model.W.dtype)
    for q in range(n_chains):
        r, chain = n_data + q, np.uintp(q)
        fill_uniform(seed, stream, q, low, uniform)
        for i in range(high - low):
            unit = np.uintp(low + i)
            mean = sigmoid(inputs[chain, unit] + bias[unit])
            inputs[chain, unit] = uniform[np.uintp(i)] < mean
        work.n_on[block, r] = _list_states(
            inputs, q, low, high, rule.lists_zeros_of_chains, work.on, work.values, r
        )


@part
def _send_up(model, work, block, first_row, last_row, centered):
    """Part of the hidden inputs that comes from a block of visible units, for some rows."""
    low, high, n_on = work.bounds[block], work.bounds[block + 1], work.n_on[block]
    on, values, parts, W = work.on, work.values, work.parts[block], model.W
    for r in range(first_row, last_row):
        for j in range(parts.shape[1]):
            parts[r, j] = 0
    last_full = first_row + _n_full(n_on, first_row, last_row, high - low) // 2 * 2
    lengths = n_on[first_row:last_row]
    add_lists(on, values, first_row, last_row, low, lengths, last_full, high - low, W, parts)
    if centered:
        offset, offset_parts = model.visible_offset, work.offset_parts[block]
        for r in range(first_row, last_row):
            offset_parts[r] = _listed_dot(on, values, r, low, n_on[r], offset)


@in_line
def _n_full(n_on, first, last, n_units):
    """How many rows from ``first`` on, one after the other, have all units in their lists."""
    n = 0
    while first + n < last and n_on[first + n] == n_units:
        n += 1
    return n


@in_line
def _listed_dot(on, values, row, start, n, numbers):
    """Product of the states in a list with the ``numbers`` of their units."""
    product = values.dtype.type(0)
    for k in range(n):
        place = np.uintp(start + k)
        product += values[row, place] * numbers[np.uintp(on[row, place])]
    return product


@in_line
def _dot_of_rows(x, r, y, s):
    """Product of row ``r`` of ``x`` with row ``s`` of ``y``."""
    r, s = np.uintp(r), np.uintp(s)
    product = x.dtype.type(0)
    for j in range(x.shape[1]):
        product += x[r, np.uintp(j)] * y[s, np.uintp(j)]
    return product


@part
def _mean_hidden(model, work, low, high, first_row, last_row):
    """Hidden means of a tile of units from the parts that the blocks have sent up."""
    bias, parts, means = model.c, work.parts, work.means
    for row in range(first_row, last_row):
        r = np.uintp(row)
        for j in range(high - low):
            unit = np.uintp(low + j)
            means[r, unit] = bias[unit] + parts[np.uintp(0), r, unit]
        for block in range(1, parts.shape[0]):
            b = np.uintp(block)
            for j in range(high - low):
                unit = np.uintp(low + j)
                means[r, unit] += parts[b, r, unit]
        for j in range(high - low):
            unit = np.uintp(low + j)
            means[r, unit] = sigmoid(means[r, unit])


@part
def _draw_hidden(work, low, high, first_row, n_chains, seed, stream):
    """Hidden states of the chains from the means of as many rows, for a tile of units."""
    means, h = work.means, work.h
    uniform = np.empty(high - low, dtype=h.dtype)
    for chain in range(n_chains):
        fill_uniform(seed, stream, chain, low, uniform)
        q, r = np.uintp(chain), np.uintp(first_row + chain)
        for j in range(high - low):
            unit = np.uintp(low + j)
            h[q, unit] = uniform[np.uintp(j)] < means[r, unit]


@in_line
def _add_scaled_row(factor, rows, r, low, out):
    """Add to ``out`` the columns from ``low`` on of a row, times ``factor``."""
    r = np.uintp(r)
    for j in range(out.shape[0]):
        out[j] += factor * rows[r, np.uintp(low + j)]


@part
def _learn_hidden(model, work, rule, low, high, n_data, n_chains):
    """Offset, difference of the phases and bias of a tile of hidden units.

    With the offsets m of the visible and l of the hidden units, the centred gradient of the
    hidden biases is that of the plain ones less G.T @ m, where G is the centred gradient of the
    weights; G.T @ m takes no more than the products of m with each row of visible states.
    """
    n_rows = n_data + n_chains
    number = model.c.dtype.type
    offset, bias = model.hidden_offset[low:high], model.c[low:high]
    means = work.means
    difference, shown_offset = work.means[n_rows, low:high], work.means[n_rows + 1, low:high]
    gradient = np.empty(high - low, dtype=model.c.dtype)
    fill(gradient, 0)
    scale(offset, number(1 - rule.offset_rate))
    fill(difference, 0)
    moved_offset = number(0)
    for r in range(n_rows):
        weight = number(1 / n_data) if r < n_data else number(-1 / n_chains)
        _add_scaled_row(weight, means, r, low, difference)
        if r < n_data:
            _add_scaled_row(number(rule.offset_rate / n_data), means, r, low, offset)
        if rule.centered:
            product = number(0)
            for block in range(work.offset_parts.shape[0]):
                product += weight * work.offset_parts[block, r]
            moved_offset += product
            _add_scaled_row(-product, means, r, low, gradient)
    for j in range(offset.shape[0]):
        shown_offset[j] = offset[j]
    add_scaled(number(1), difference, gradient)
    if rule.centered:
        squared_offset = dot(model.visible_offset, model.visible_offset)
        add_scaled(squared_offset, difference, gradient)
        add_scaled(moved_offset, offset, gradient)
    if rule.sparsity_cost != 0:
        for j in range(gradient.shape[0]):
            gradient[j] += number(rule.sparsity_cost) * (number(rule.sparsity_target) - offset[j])
    if rule.momentum != 0:
        step = model.c_step[low:high]
        scale(step, number(rule.momentum))
        add_scaled(number(rule.rate), gradient, step)
        add_scaled(number(1), step, bias)
    else:
        add_scaled(number(rule.rate), gradient, bias)


@part
def _list_by_unit(model, work, rule, block, first, last, n_data, n_rows, n_listed, sums):
    """List, for each unit of a block, the rows from ``first`` to ``last`` in which it is on.

    With their factors in the step; and on the way, what these rows add to the difference of the
    phases and to the gradient of the bias of each unit, times the learning rate: the two rows of
    ``sums``.
    """
    number = model.b.dtype.type
    low, on, values, n_on = work.bounds[block], work.on, work.values, work.n_on[block]
    unit_rows, unit_factors = work.unit_rows, work.unit_factors
    for i in range(n_listed.shape[0]):
        n_listed[i] = 0
    for r in range(first, last):
        share = 1 / n_data if r < n_data else -1 / (n_rows - n_data)
        weight, shown = number(rule.rate * share), number(1)
        if rule.centered:
            shown -= _dot_of_rows(work.means, r, work.means, n_rows + 1)
        for k in range(n_on[r]):
            place = np.uintp(low + k)
            unit = np.uintp(on[r, place])
            i = unit - np.uintp(low)
            factor = weight * values[r, place]
            sums[0, i] += factor
            sums[1, i] += factor * shown
            n = np.uintp(n_listed[i])
            unit_rows[unit, n] = r
            unit_factors[unit, n] = factor
            n_listed[i] = n + _ONE


@part
def _learn_visible(model, work, rule, block, n_data, n_chains):
    """Weights and biases of a block of visible units, along the gradient of the last minibatch."""
    number = model.b.dtype.type
    keep, momentum, l1 = number(rule.keep), number(rule.momentum), number(rule.l1)
    all_of_it = number(1)  # the rate is in the factors
    low, high, n_rows = work.bounds[block], work.bounds[block + 1], n_data + n_chains
    W, gradient = model.W, work.gradient
    if keep != 1 or not rule.moves_at_once:
        kept = keep if rule.moves_at_once else number(0)
        for i in range(low, high):
            for j in range(W.shape[1]):
                gradient[i, j] *= kept
    sums = np.zeros((2, high - low), dtype=model.b.dtype)
    n_listed = np.empty(high - low, dtype=np.int64)
    rows, factors = work.unit_rows, work.unit_factors
    zero = np.int64(0)  # as a literal, it would have the function compiled once more
    # So many rows of hidden means stay in the cache while all units of the block add them up.
    tile = rows.shape[1] - 2
    for first in range(0, n_rows, tile):
        last = min(first + tile, n_rows)
        _list_by_unit(model, work, rule, block, first, last, n_data, n_rows, n_listed, sums)
        if last == n_rows and rule.centered:
            _list_offsets(model, work, rule, low, n_rows, n_listed, sums)
        n_full = _n_full(work.n_on[block], first, last, high - low)
        last_full = low + (high - low) // 2 * 2
        add_lists(rows, factors, low, high, zero, n_listed, last_full, n_full, work.means, gradient)
    if not rule.moves_at_once:
        for i in range(low, high):
            velocity = model.W_step[i] if momentum != 0 else gradient[i]
            move_row(W[i], gradient[i], velocity, all_of_it, momentum, keep, l1)
    for i in range(high - low):
        step = sums[1, i]
        if momentum != 0:
            step += momentum * model.b_step[low + i]
            model.b_step[low + i] = step
        model.b[low + i] += step


@part
def _list_offsets(model, work, rule, low, n_rows, n_listed, sums):
    """Add the two rows of the centred gradient to the list of each unit, and to its bias."""
    offset, rows, factors = model.visible_offset, work.unit_rows, work.unit_factors
    rate = model.b.dtype.type(rule.rate)
    moved_difference = _dot_of_rows(work.means, n_rows, work.means, n_rows + 1)
    squared_offset = _dot_of_rows(work.means, n_rows + 1, work.means, n_rows + 1)
    for i in range(n_listed.shape[0]):
        unit, n, difference = low + i, np.uintp(n_listed[i]), sums[0, i]
        moved = rate * offset[unit]
        if moved != 0 or difference != 0:
            sums[1, i] += moved * moved_difference + difference * squared_offset
            rows[unit, n], factors[unit, n] = n_rows, -moved
            rows[unit, n + _ONE], factors[unit, n + _ONE] = n_rows + 1, -difference
            n_listed[i] = n + _TWO


@part
def _read_data(data, numbers, model, work, rule, block):
    """Visible states of the minibatch for a block of units, and their offsets."""
    low, high = work.bounds[block], work.bounds[block + 1]
    on, values, offset = work.on, work.values, model.visible_offset
    number = model.b.dtype.type
    weight = number(rule.offset_rate / numbers.shape[0])
    scale(offset[low:high], number(1 - rule.offset_rate))
    for r in range(numbers.shape[0]):
        n = _list_row(data, numbers[r], low, high, rule.lists_zeros_of_data, on, values, r)
        work.n_on[block, r] = n
        for k in range(n):
            place = np.uintp(low + k)
            offset[np.uintp(on[r, place])] += weight * values[r, place]


@kernel
def run_steps(rank, size, data, order, model, rule, work, seed, stream):
    """One learning step for each minibatch of ``order``: the part of thread ``rank`` of ``size``.

    Draws from the streams ``stream``, ``stream + 1``, ..., twice ``n_gibbs_steps`` a minibatch.
    Returns early, leaving the model half-way through a step, if another thread fails.
    """
    # The thread owns every size-th block of visible units, and one tile of hidden units.
    n_blocks = work.bounds.shape[0] - 1
    n_hidden = model.c.shape[0]
    tile = (n_hidden + size - 1) // size
    tile += -tile % 16
    low, high = min(rank * tile, n_hidden), min((rank + 1) * tile, n_hidden)
    # As literals, these would have each function that they are passed to compiled once more.
    first = n_data = n_chains = np.int64(0)
    for start in range(0, order.shape[0], rule.batch_size):
        n_data_before, n_chains_before = n_data, n_chains
        numbers = order[start : start + rule.batch_size]
        n_data = np.int64(numbers.shape[0])
        n_chains = np.int64(work.h.shape[0]) if rule.persistent else n_data
        n_rows = n_data + n_chains

        # By block: all that can be done while its weights are in the cache. That is the last part
        # of the step before; the data; and the first draw of chains that have hidden states.
        for block in range(rank, n_blocks, size):
            if start > 0:
                _learn_visible(model, work, rule, block, n_data_before, n_chains_before)
            _read_data(data, numbers, model, work, rule, block)
            _send_up(model, work, block, first, n_data, rule.centered)
            if rule.persistent:
                _draw_visible(model, work, rule, block, n_data, n_chains, seed, stream)
                _send_up(model, work, block, n_data, n_rows, rule.centered)
        if not meet(work.barrier, size):
            return

        # By tile: hidden states for chains that start at the data, who have none yet.
        next_stream = stream + 1
        n_steps = rule.n_gibbs_steps
        if rule.persistent:
            n_steps -= 1
        else:
            _mean_hidden(model, work, low, high, first, n_data)
            _draw_hidden(work, low, high, first, n_chains, seed, stream)
            if not meet(work.barrier, size):
                return

        # The visible draws that are left, each with the hidden one before it: by tile, by block.
        for step in range(n_steps):
            if step > 0 or rule.persistent:
                _mean_hidden(model, work, low, high, n_data, n_rows)
                _draw_hidden(work, low, high, n_data, n_chains, seed, next_stream)
                if not meet(work.barrier, size):
                    return
                next_stream += 1
            for block in range(rank, n_blocks, size):
                _draw_visible(model, work, rule, block, n_data, n_chains, seed, next_stream)
                _send_up(model, work, block, n_data, n_rows, rule.centered)
            if not meet(work.barrier, size):
                return
            next_stream += 1

        # By tile: the means that the gradient takes, the states that persist, and the hidden step.
        _mean_hidden(model, work, low, high, first if rule.persistent else n_data, n_rows)
        if rule.persistent:
            _draw_hidden(work, low, high, n_data, n_chains, seed, next_stream)
        _learn_hidden(model, work, rule, low, high, n_data, n_chains)
        if not meet(work.barrier, size):
            return
        stream += 2 * rule.n_gibbs_steps
    for block in range(rank, n_blocks, size):
        _learn_visible(model, work, rule, block, n_data, n_chains)
