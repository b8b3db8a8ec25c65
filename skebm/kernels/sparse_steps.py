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

from ._jit import kernel, part
from .barrier import meet
from .random import fill_uniform
from .scalar import sigmoid
from .sparse import add_listed_rows, add_scaled, dot, fill, first_not_below, scale
from .updates import move_row

# Rows of hidden means that a block of units adds up at a time.
_ROWS_IN_CACHE = 128


class Model(NamedTuple):
    """Parameters, their last steps (empty without momentum), and the offsets; changed in place.

    Weights have ``n_columns`` columns, the hidden units and perhaps some of zeros: with a
    multiple of sixteen, and rows that start on a cache line, vector loads are never split.
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
    n_gibbs_steps: int
    batch_size: int


class Workspace(NamedTuple):
    """Room for one minibatch; rows are first those of the data, then those of the chains."""

    barrier: np.ndarray
    bounds: np.ndarray  # (n_blocks + 1,) first visible unit of each block
    starts: np.ndarray  # (n_blocks + 1,) first place of each block in the lists of a row
    on: np.ndarray  # (n_rows, n_places) numbers of the visible units whose state is not zero
    values: np.ndarray  # (n_rows, n_places) their states
    n_on: np.ndarray  # (n_blocks, n_rows) lengths of the lists
    unit_rows: np.ndarray  # (n_visible, n_rows + 5) the same by unit: numbers of the rows,
    unit_factors: np.ndarray  # (n_visible, n_rows + 5) and their factors in the gradient
    inputs: np.ndarray  # (n_chains, n_visible)
    parts: np.ndarray  # (n_blocks, n_rows, n_columns) hidden inputs from each block
    offset_parts: np.ndarray  # (n_blocks, n_rows) products of visible states and offset
    means: np.ndarray  # (n_rows + 2, n_columns) hidden means; then the difference and the offset
    h: np.ndarray  # (n_chains, n_columns) hidden states of the chains


# A loop over ``range(low, high)`` does not vectorise: for all that the compiler knows, ``low`` is
# negative and counts from the end. Loops below run from zero over slices.


@part
def _pad(numbers, factors, at, start, n):
    """Fill a list up to a multiple of four with terms of no weight; returns its new length."""
    if n == 0:
        return 0
    while n % 4 != 0:
        numbers[at, start + n] = numbers[at, start]
        factors[at, start + n] = 0
        n += 1
    return n


def _list_row(data, row, low, high, on, values):
    """List the columns of a block that are not zero in a row of the data; returns how many."""
    raise NotImplementedError


@overload(_list_row, jit_options={"nogil": True})
def _list_row_of(data, row, low, high, on, values):
    if "X" in data.fields:

        def list_row(data, row, low, high, on, values):
            return _list_states(data.X[row, low:high], low, on, values)

        return list_row

    def list_row(data, row, low, high, on, values):
        start, stop = data.indptr[row], data.indptr[row + 1]
        first = first_not_below(data.indices, start, stop, low)
        n = 0
        while first + n < stop and data.indices[first + n] < high:
            on[n] = data.indices[first + n]
            values[n] = data.data[first + n]
            n += 1
        return n

    return list_row


@part
def _list_states(states, low, on, values):
    """List the states that are not zero, of units from ``low`` on; returns how many.

    Writes each to the next place of the list and moves on only if it belongs there: a branch
    would be mispredicted for most of the states that are on.
    """
    n = 0
    for i in range(states.shape[0]):
        on[n] = low + i
        values[n] = states[i]
        n += states[i] != 0
    return n


@part
def _inputs_of_units(W, h, inputs):
    """``inputs[q, i] = W[i] @ h[q]``, four units by two chains at a time.

    Each number that is loaded takes part in several products, so that the loop is bound by
    arithmetic and not by the cache.
    """
    n_units, n_columns = W.shape
    n_chains = h.shape[0]
    zero = W.dtype.type(0)
    n_fours = n_units // 4
    for four in range(n_fours):
        i = 4 * four
        w0, w1, w2, w3 = W[i], W[i + 1], W[i + 2], W[i + 3]
        for pair in range(n_chains // 2):
            q = 2 * pair
            x, y = h[q], h[q + 1]
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = zero
            for j in range(n_columns):
                s0 += w0[j] * x[j]
                s1 += w1[j] * x[j]
                s2 += w2[j] * x[j]
                s3 += w3[j] * x[j]
                t0 += w0[j] * y[j]
                t1 += w1[j] * y[j]
                t2 += w2[j] * y[j]
                t3 += w3[j] * y[j]
            inputs[q, i], inputs[q, i + 1], inputs[q, i + 2], inputs[q, i + 3] = s0, s1, s2, s3
            q += 1
            inputs[q, i], inputs[q, i + 1], inputs[q, i + 2], inputs[q, i + 3] = t0, t1, t2, t3
        if n_chains % 2:
            x = h[n_chains - 1]
            for k in range(i, i + 4):
                inputs[n_chains - 1, k] = dot(W[k], x)
    for i in range(4 * n_fours, n_units):
        for q in range(n_chains):
            inputs[q, i] = dot(W[i], h[q])


@part
def _draw_visible(model, work, block, n_data, n_chains, seed, stream):
    """Visible states of the chains given their hidden states, for a block of units."""
    low, high = work.bounds[block], work.bounds[block + 1]
    start, stop = work.starts[block], work.starts[block + 1]
    bias, inputs = model.b[low:high], work.inputs[:n_chains, low:high]
    _inputs_of_units(model.W[low:high], work.h[:n_chains], inputs)
    uniform = np.empty(high - low, dtype=model.W.dtype)
    for q in range(n_chains):
        r = n_data + q
        fill_uniform(seed, stream, q, low, uniform)
        states = inputs[q]
        for i in range(states.shape[0]):
            states[i] = uniform[i] < sigmoid(states[i] + bias[i])
        on, values = work.on[r, start:stop], work.values[r, start:stop]
        work.n_on[block, r] = _list_states(states, low, on, values)


@part
def _send_up(model, work, block, first_row, last_row, centered):
    """Part of the hidden inputs that comes from a block of visible units, for some rows."""
    start, n_on = work.starts[block], work.n_on[block]
    on, values, parts, W = work.on, work.values, work.parts[block], model.W
    offset, offset_parts = model.visible_offset, work.offset_parts[block]
    for r in range(first_row, last_row):
        n_padded = _pad(on, values, r, start, n_on[r])
        for j in range(parts.shape[1]):
            parts[r, j] = 0
        add_listed_rows(on, values, r, start, n_padded, W, parts, r)
        if centered:
            product = W.dtype.type(0)
            for k in range(n_on[r]):
                product += values[r, start + k] * offset[on[r, start + k]]
            offset_parts[r] = product


@part
def _mean_hidden(model, work, low, high, first_row, last_row):
    """Hidden means of a tile of units from the parts that the blocks have sent up."""
    bias = model.c[low:high]
    for r in range(first_row, last_row):
        mean = work.means[r, low:high]
        for j in range(mean.shape[0]):
            mean[j] = bias[j]
        for block in range(work.parts.shape[0]):
            part = work.parts[block, r, low:high]
            for j in range(mean.shape[0]):
                mean[j] += part[j]
        for j in range(mean.shape[0]):
            mean[j] = sigmoid(mean[j])


@part
def _draw_hidden(work, low, high, first_row, n_chains, seed, stream):
    """Hidden states of the chains from the means of as many rows, for a tile of units."""
    uniform = np.empty(high - low, dtype=work.h.dtype)
    for q in range(n_chains):
        fill_uniform(seed, stream, q, low, uniform)
        mean, h = work.means[first_row + q, low:high], work.h[q, low:high]
        for j in range(h.shape[0]):
            h[j] = uniform[j] < mean[j]


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
    difference, shown_offset = work.means[n_rows, low:high], work.means[n_rows + 1, low:high]
    gradient = np.empty(high - low, dtype=model.c.dtype)
    fill(gradient, 0)
    scale(offset, number(1 - rule.offset_rate))
    fill(difference, 0)
    moved_offset = number(0)
    for r in range(n_rows):
        mean = work.means[r, low:high]
        weight = number(1 / n_data) if r < n_data else number(-1 / n_chains)
        add_scaled(weight, mean, difference)
        if r < n_data:
            add_scaled(number(rule.offset_rate / n_data), mean, offset)
        if rule.centered:
            product = number(0)
            for block in range(work.offset_parts.shape[0]):
                product += weight * work.offset_parts[block, r]
            moved_offset += product
            add_scaled(-product, mean, gradient)
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

    With their factors in the gradient; and on the way, what these rows add to the difference of
    the phases and to the gradient of the bias of each unit, the two rows of ``sums``.
    """
    number = model.b.dtype.type
    low, start = work.bounds[block], work.starts[block]
    on, values, n_on = work.on, work.values, work.n_on[block]
    unit_rows, unit_factors = work.unit_rows, work.unit_factors
    for i in range(n_listed.shape[0]):
        n_listed[i] = 0
    for r in range(first, last):
        weight = number(1 / n_data) if r < n_data else number(-1 / (n_rows - n_data))
        product = dot(work.means[r], work.means[n_rows + 1]) if rule.centered else number(0)
        for k in range(start, start + n_on[r]):
            unit = on[r, k]
            i = unit - low
            factor = weight * values[r, k]
            sums[0, i] += factor
            sums[1, i] += factor * (1 - product)
            n = n_listed[i]
            unit_rows[unit, n] = r
            unit_factors[unit, n] = factor
            n_listed[i] = n + 1


@part
def _learn_visible(model, work, rule, block, n_data, n_chains):
    """Weights and biases of a block of visible units, along the gradient of the last minibatch."""
    number = model.b.dtype.type
    low, n_rows = work.bounds[block], n_data + n_chains
    n_units = work.bounds[block + 1] - low
    n_listed = np.empty(n_units, dtype=np.int64)
    sums = np.zeros((2, n_units), dtype=model.b.dtype)
    # Hidden means of so many rows stay in the cache while all units of the block add them up.
    tile = n_rows if rule.momentum != 0 or rule.l1 != 0 else np.int64(_ROWS_IN_CACHE)
    for first in range(0, n_rows, tile):
        last = min(first + tile, n_rows)
        _list_by_unit(model, work, rule, block, first, last, n_data, n_rows, n_listed, sums)
        if last == n_rows and rule.centered:
            _list_offsets(model, work, low, n_rows, n_listed, sums)
        _move_weights(model, work, rule, low, n_listed, first == 0)
    rate, momentum = number(rule.rate), number(rule.momentum)
    for i in range(n_units):
        step = rate * sums[1, i]
        if momentum != 0:
            step += momentum * model.b_step[low + i]
            model.b_step[low + i] = step
        model.b[low + i] += step


@part
def _list_offsets(model, work, low, n_rows, n_listed, sums):
    """Add the two rows of the centred gradient to the list of each unit, and to its bias."""
    offset, rows, factors = model.visible_offset, work.unit_rows, work.unit_factors
    moved_difference = dot(work.means[n_rows], work.means[n_rows + 1])
    squared_offset = dot(work.means[n_rows + 1], work.means[n_rows + 1])
    for i in range(n_listed.shape[0]):
        unit, n, difference = low + i, n_listed[i], sums[0, i]
        if offset[unit] != 0 or difference != 0:
            sums[1, i] += offset[unit] * moved_difference + difference * squared_offset
            rows[unit, n], factors[unit, n] = n_rows, -offset[unit]
            rows[unit, n + 1], factors[unit, n + 1] = n_rows + 1, -difference
            n_listed[i] = n + 2


@part
def _move_weights(model, work, rule, low, n_listed, is_first):
    """Move the weights of a block of units by the rows in their lists."""
    number = model.b.dtype.type
    rate, momentum = number(rule.rate), number(rule.momentum)
    keep, l1 = number(rule.keep), number(rule.l1)
    W, means, rows, factors = model.W, work.means, work.unit_rows, work.unit_factors
    gradient = np.empty((1, W.shape[1]), dtype=model.b.dtype)
    start = np.int64(0)
    for i in range(n_listed.shape[0]):
        unit = low + i
        n = _pad(rows, factors, unit, start, n_listed[i])
        if momentum == 0 and l1 == 0:
            if keep != 1 and is_first:
                for j in range(W.shape[1]):
                    W[unit, j] *= keep
            for k in range(n):
                factors[unit, k] *= rate
            add_listed_rows(rows, factors, unit, start, n, means, W, unit)
        else:
            fill(gradient[0], number(0))
            add_listed_rows(rows, factors, unit, start, n, means, gradient, start)
            step = model.W_step[unit] if momentum != 0 else gradient[0]
            move_row(W[unit], gradient[0], step, rate, momentum, keep, l1)


@part
def _read_data(data, numbers, model, work, rule, block):
    """Visible states of the minibatch for a block of units, and their offsets."""
    low, high = work.bounds[block], work.bounds[block + 1]
    start, stop = work.starts[block], work.starts[block + 1]
    on, values, offset = work.on, work.values, model.visible_offset
    number = model.b.dtype.type
    weight = number(rule.offset_rate / numbers.shape[0])
    scale(offset[low:high], number(1 - rule.offset_rate))
    for r in range(numbers.shape[0]):
        n = _list_row(data, numbers[r], low, high, on[r, start:stop], values[r, start:stop])
        work.n_on[block, r] = n
        for k in range(start, start + n):
            offset[on[r, k]] += weight * values[r, k]


@kernel
def run_steps(rank, size, data, order, model, rule, work, seed, stream):
    """One learning step for each minibatch of ``order``: the part of thread ``rank`` of ``size``.

    Draws from the streams ``stream``, ``stream + 1``, ..., twice ``n_gibbs_steps`` a minibatch.
    Returns early, leaving the model half-way through a step, if another thread fails.
    """
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
        # All that can be done with a block while its weights are in the cache.
        for block in range(rank, n_blocks, size):
            if start > 0:
                _learn_visible(model, work, rule, block, n_data_before, n_chains_before)
            _read_data(data, numbers, model, work, rule, block)
            _send_up(model, work, block, first, n_data, rule.centered)
            if rule.persistent:
                _draw_visible(model, work, block, n_data, n_chains, seed, stream)
                _send_up(model, work, block, n_data, n_rows, rule.centered)
        if not meet(work.barrier, size):
            return
        next_stream = stream + 1
        n_steps = rule.n_gibbs_steps
        if rule.persistent:
            n_steps -= 1
        else:
            _mean_hidden(model, work, low, high, first, n_data)
            _draw_hidden(work, low, high, first, n_chains, seed, stream)
            if not meet(work.barrier, size):
                return
        for step in range(n_steps):
            if step > 0 or rule.persistent:
                _mean_hidden(model, work, low, high, n_data, n_rows)
                _draw_hidden(work, low, high, n_data, n_chains, seed, next_stream)
                if not meet(work.barrier, size):
                    return
                next_stream += 1
            for block in range(rank, n_blocks, size):
                _draw_visible(model, work, block, n_data, n_chains, seed, next_stream)
                _send_up(model, work, block, n_data, n_rows, rule.centered)
            if not meet(work.barrier, size):
                return
            next_stream += 1
        _mean_hidden(model, work, low, high, first if rule.persistent else n_data, n_rows)
        if rule.persistent:
            _draw_hidden(work, low, high, n_data, n_chains, seed, next_stream)
        _learn_hidden(model, work, rule, low, high, n_data, n_chains)
        if not meet(work.barrier, size):
            return
        stream += 2 * rule.n_gibbs_steps
    for block in range(rank, n_blocks, size):
        _learn_visible(model, work, rule, block, n_data, n_chains)
