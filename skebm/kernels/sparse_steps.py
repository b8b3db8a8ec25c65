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

from ._jit import kernel
from .barrier import meet
from .random import fill_uniform
from .scalar import sigmoid
from .sparse import add_scaled, add_scaled_rows, dot, fill, first_not_below, scale
from .updates import move_row


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
    states: np.ndarray  # (n_visible, n_rows) visible states, by unit
    on: np.ndarray  # (n_rows, n_visible) numbers of the non-zero visible states, by block
    values: np.ndarray  # (n_rows, n_visible) the states with these numbers
    n_on: np.ndarray  # (n_blocks, n_rows)
    inputs: np.ndarray  # (n_chains, n_visible)
    parts: np.ndarray  # (n_blocks, n_rows, n_columns) hidden inputs from each block
    offset_parts: np.ndarray  # (n_blocks, n_rows) products of visible states and offset
    means: np.ndarray  # (n_rows + 2, n_columns) hidden means; then the difference and the offset
    h: np.ndarray  # (n_chains, n_columns) hidden states of the chains


# A loop over ``range(low, high)`` does not vectorise: for all that the compiler knows, ``low`` is
# negative and counts from the end. Loops below run from zero over slices.


def _read_row(data, row, low, high, work, r):
    """Visible states of row ``r`` from a row of the data, for the columns of a block.

    Returns the number of those that are not zero, which are listed from place ``low`` on.
    """
    raise NotImplementedError


@overload(_read_row, jit_options={"nogil": True})
def _read_row_of(data, row, low, high, work, r):
    if "X" in data.fields:

        def read(data, row, low, high, work, r):
            return _set_states(data.X[row, low:high], low, high, work, r)

        return read

    def read(data, row, low, high, work, r):
        states = work.states[low:high]
        for i in range(states.shape[0]):
            states[i, r] = 0
        start, stop = data.indptr[row], data.indptr[row + 1]
        n = 0
        for k in range(first_not_below(data.indices, start, stop, low), stop):
            i = data.indices[k]
            if i >= high:
                break
            work.states[i, r] = data.data[k]
            work.on[r, low + n] = i
            work.values[r, low + n] = data.data[k]
            n += 1
        return n

    return read


@kernel
def _set_states(values, low, high, work, r):
    """Set the visible states of row ``r`` for a block of units, and list those that are not zero.

    Writes each number to the next place of the list and moves on only if it belongs there: a
    branch would be mispredicted for most of the states that are on.
    """
    states = work.states[low:high]
    on, listed = work.on[r, low:high], work.values[r, low:high]
    n = 0
    for i in range(states.shape[0]):
        value = values[i]
        states[i, r] = value
        on[n] = low + i
        listed[n] = value
        n += value != 0
    return n


@kernel
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


@kernel
def _draw_visible(model, work, block, n_data, n_chains, seed, stream):
    """Visible states of the chains given their hidden states, for a block of units."""
    low, high = work.bounds[block], work.bounds[block + 1]
    bias, inputs = model.b[low:high], work.inputs[:n_chains, low:high]
    _inputs_of_units(model.W[low:high], work.h[:n_chains], inputs)
    uniform = np.empty(high - low, dtype=model.W.dtype)
    for q in range(n_chains):
        fill_uniform(seed, stream, q, low, uniform)
        states = inputs[q]
        for i in range(states.shape[0]):
            states[i] = uniform[i] < sigmoid(states[i] + bias[i])
        work.n_on[block, n_data + q] = _set_states(states, low, high, work, n_data + q)


@kernel
def _send_up(model, work, block, first_row, last_row, centered):
    """Part of the hidden inputs that comes from a block of visible units, for some rows."""
    low = work.bounds[block]
    for r in range(first_row, last_row):
        stop = low + work.n_on[block, r]
        on, values = work.on[r, low:stop], work.values[r, low:stop]
        part = work.parts[block, r]
        fill(part, 0)
        add_scaled_rows(on, values, model.W, part)
        if centered:
            product = model.b.dtype.type(0)
            for k in range(on.shape[0]):
                product += values[k] * model.visible_offset[on[k]]
            work.offset_parts[block, r] = product


@kernel
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


@kernel
def _draw_hidden(work, low, high, first_row, n_chains, seed, stream):
    """Hidden states of the chains from the means of as many rows, for a tile of units."""
    uniform = np.empty(high - low, dtype=work.h.dtype)
    for q in range(n_chains):
        fill_uniform(seed, stream, q, low, uniform)
        mean, h = work.means[first_row + q, low:high], work.h[q, low:high]
        for j in range(h.shape[0]):
            h[j] = uniform[j] < mean[j]


@kernel
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


@kernel
def _learn_visible(model, work, rule, block, n_data, n_chains):
    """Weights and biases of a block of visible units, along the gradient of the last minibatch."""
    n_rows = n_data + n_chains
    number = model.b.dtype.type
    rate, momentum = number(rule.rate), number(rule.momentum)
    keep, l1 = number(rule.keep), number(rule.l1)
    row_weights = np.empty(n_rows, dtype=model.b.dtype)
    for r in range(n_rows):
        row_weights[r] = 1 / n_data if r < n_data else -1 / n_chains
    products = np.zeros(n_rows + 2, dtype=model.b.dtype)
    if rule.centered:
        for r in range(n_rows + 2):
            products[r] = dot(work.means[r], work.means[n_rows + 1])
    rows = np.empty(n_rows + 2, dtype=np.int32)
    factors = np.empty(n_rows + 2, dtype=model.b.dtype)
    row_gradient = np.empty(model.W.shape[1], dtype=model.b.dtype)
    for i in range(work.bounds[block], work.bounds[block + 1]):
        states = work.states[i]
        difference = number(0)
        n = 0
        for r in range(n_rows):
            factor = states[r] * row_weights[r]
            difference += factor
            rows[n] = r
            factors[n] = factor
            n += factor != 0
        gradient = difference
        if rule.centered:
            rows[n], factors[n] = n_rows, -model.visible_offset[i]
            n += factors[n] != 0
            rows[n], factors[n] = n_rows + 1, -difference
            n += factors[n] != 0
            for k in range(n):
                gradient -= factors[k] * products[rows[k]]
        if momentum != 0:
            model.b_step[i] = momentum * model.b_step[i] + rate * gradient
            model.b[i] += model.b_step[i]
        else:
            model.b[i] += rate * gradient
        if momentum == 0 and l1 == 0:
            if keep != 1:
                scale(model.W[i], keep)
            for k in range(n):
                factors[k] *= rate
            add_scaled_rows(rows[:n], factors[:n], work.means, model.W[i])
        else:
            fill(row_gradient, 0)
            add_scaled_rows(rows[:n], factors[:n], work.means, row_gradient)
            step = model.W_step[i] if momentum != 0 else row_gradient
            move_row(model.W[i], row_gradient, step, rate, momentum, keep, l1)


@kernel
def _read_data(data, numbers, model, work, rule, block):
    """Visible states of the minibatch for a block of units, and their offsets."""
    low, high = work.bounds[block], work.bounds[block + 1]
    n_data = numbers.shape[0]
    for r in range(n_data):
        work.n_on[block, r] = _read_row(data, numbers[r], low, high, work, r)
    number = model.b.dtype.type
    weight, keep = number(rule.offset_rate / n_data), number(1 - rule.offset_rate)
    for i in range(low, high):
        total = number(0)
        states = work.states[i, :n_data]
        for r in range(n_data):
            total += states[r]
        model.visible_offset[i] = keep * model.visible_offset[i] + weight * total


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
    n_data = n_chains = 0
    for start in range(0, order.shape[0], rule.batch_size):
        numbers = order[start : start + rule.batch_size]
        for block in range(rank, n_blocks, size):
            if start > 0:
                _learn_visible(model, work, rule, block, n_data, n_chains)
            _read_data(data, numbers, model, work, rule, block)
            _send_up(model, work, block, 0, numbers.shape[0], rule.centered)
        n_data = numbers.shape[0]
        n_chains = work.h.shape[0] if rule.persistent else n_data
        n_rows = n_data + n_chains
        next_stream = stream
        if not rule.persistent:
            if not meet(work.barrier, size):
                return
            _mean_hidden(model, work, low, high, 0, n_data)
            _draw_hidden(work, low, high, 0, n_chains, seed, next_stream)
            if not meet(work.barrier, size):
                return
            next_stream += 1
        for step in range(rule.n_gibbs_steps):
            if step > 0:
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
        _mean_hidden(model, work, low, high, 0 if rule.persistent else n_data, n_rows)
        if rule.persistent:
            _draw_hidden(work, low, high, n_data, n_chains, seed, next_stream)
        _learn_hidden(model, work, rule, low, high, n_data, n_chains)
        if not meet(work.barrier, size):
            return
        stream += 2 * rule.n_gibbs_steps
    for block in range(rank, n_blocks, size):
        _learn_visible(model, work, rule, block, n_data, n_chains)
