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
from .sparse import add_scaled_rows
from .updates import move_row


class Model(NamedTuple):
    """Parameters, their last steps (empty without momentum), and the offsets; changed in place."""

    W: np.ndarray  # (n_visible, n_hidden)
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
    parts: np.ndarray  # (n_blocks, n_rows, n_hidden) hidden inputs from each block
    offset_parts: np.ndarray  # (n_blocks, n_rows) products of visible states and offset
    means: np.ndarray  # (n_rows + 2, n_hidden) hidden means; then the difference and the offset
    h: np.ndarray  # (n_chains, n_hidden) hidden states of the chains


def _read_row(data, row, low, high, states, r):
    """Copy a row of the data, from column ``low`` to ``high``, into column ``r`` of ``states``."""
    raise NotImplementedError


@overload(_read_row, inline="always")
def _read_row_of(data, row, low, high, states, r):
    if "X" in data.fields:

        def read(data, row, low, high, states, r):
            x = data.X[row]
            for i in range(low, high):
                states[i, r] = x[i]

        return read

    def read(data, row, low, high, states, r):
        for i in range(low, high):
            states[i, r] = 0
        start, stop = data.indptr[row], data.indptr[row + 1]
        first = start + np.searchsorted(data.indices[start:stop], low)
        for k in range(first, stop):
            i = data.indices[k]
            if i >= high:
                break
            states[i, r] = data.data[k]

    return read


@kernel
def _list_states(work, block, first_row, last_row):
    """List the non-zero states of each row, by block of units."""
    low, high = work.bounds[block], work.bounds[block + 1]
    for r in range(first_row, last_row):
        on, values = work.on[r], work.values[r]
        n = low
        for i in range(low, high):
            state = work.states[i, r]
            on[n] = i
            values[n] = state
            n += state != 0
        work.n_on[block, r] = n - low


@kernel
def _inputs_of_units(W, h, low, high, inputs):
    """``inputs[q, i] = W[i] @ h[q]`` for a block of units: four units by two chains at a time.

    Each number that is loaded takes part in several products, so that the loop is bound by
    arithmetic and not by the cache.
    """
    n_chains, n_hidden = h.shape
    zero = W.dtype.type(0)
    i = low
    while i + 4 <= high:
        w0, w1, w2, w3 = W[i], W[i + 1], W[i + 2], W[i + 3]
        q = 0
        while q + 2 <= n_chains:
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = zero
            x, y = h[q], h[q + 1]
            for j in range(n_hidden):
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
            q += 1
        while q < n_chains:
            s0 = s1 = s2 = s3 = zero
            x = h[q]
            for j in range(n_hidden):
                s0 += w0[j] * x[j]
                s1 += w1[j] * x[j]
                s2 += w2[j] * x[j]
                s3 += w3[j] * x[j]
            inputs[q, i], inputs[q, i + 1], inputs[q, i + 2], inputs[q, i + 3] = s0, s1, s2, s3
            q += 1
        i += 4
    while i < high:
        w = W[i]
        for q in range(n_chains):
            s = zero
            x = h[q]
            for j in range(n_hidden):
                s += w[j] * x[j]
            inputs[q, i] = s
        i += 1


@kernel
def _draw_visible(model, work, block, n_data, n_chains, seed, stream):
    """Visible states of the chains given their hidden states, for a block of units."""
    low, high = work.bounds[block], work.bounds[block + 1]
    _inputs_of_units(model.W, work.h[:n_chains], low, high, work.inputs)
    uniform = np.empty(high - low, dtype=model.W.dtype)
    for q in range(n_chains):
        fill_uniform(seed, stream, q, low, uniform)
        inputs = work.inputs[q]
        for i in range(low, high):
            inputs[i] = uniform[i - low] < sigmoid(inputs[i] + model.b[i])
        for i in range(low, high):
            work.states[i, n_data + q] = inputs[i]
    _list_states(work, block, n_data, n_data + n_chains)


@kernel
def _send_up(model, work, block, first_row, last_row, centered):
    """Part of the hidden inputs that comes from a block of visible units, for some rows."""
    low = work.bounds[block]
    for r in range(first_row, last_row):
        stop = low + work.n_on[block, r]
        on, values = work.on[r, low:stop], work.values[r, low:stop]
        part = work.parts[block, r]
        part[:] = 0
        add_scaled_rows(on, values, model.W, part)
        if centered:
            product = model.b[0] - model.b[0]
            for k in range(on.shape[0]):
                product += values[k] * model.visible_offset[on[k]]
            work.offset_parts[block, r] = product


@kernel
def _mean_hidden(model, work, low, high, first_row, last_row):
    """Hidden means of a tile of units from the parts that the blocks have sent up."""
    n_blocks = work.parts.shape[0]
    for r in range(first_row, last_row):
        mean = work.means[r]
        for j in range(low, high):
            mean[j] = model.c[j]
        for block in range(n_blocks):
            part = work.parts[block, r]
            for j in range(low, high):
                mean[j] += part[j]
        for j in range(low, high):
            mean[j] = sigmoid(mean[j])


@kernel
def _draw_hidden(work, low, high, first_row, n_chains, seed, stream):
    """Hidden states of the chains from the means of as many rows, for a tile of units."""
    uniform = np.empty(high - low, dtype=work.h.dtype)
    for q in range(n_chains):
        fill_uniform(seed, stream, q, low, uniform)
        mean, h = work.means[first_row + q], work.h[q]
        for j in range(low, high):
            h[j] = uniform[j - low] < mean[j]


@kernel
def _learn_hidden(model, work, rule, low, high, n_data, n_chains):
    """Offset, difference of the phases and bias of a tile of hidden units."""
    n_rows = n_data + n_chains
    number = model.c.dtype.type
    difference, shown_offset = work.means[n_rows], work.means[n_rows + 1]
    gradient = np.zeros(high - low, dtype=model.c.dtype)
    data_weight, chain_weight = number(1 / n_data), number(-1 / n_chains)
    offset_weight, offset_keep = number(rule.offset_rate / n_data), number(1 - rule.offset_rate)
    for j in range(low, high):
        model.hidden_offset[j] *= offset_keep
        difference[j] = 0
    squared_offset = number(0)
    moved_offset = number(0)
    if rule.centered:
        for i in range(model.visible_offset.shape[0]):
            squared_offset += model.visible_offset[i] * model.visible_offset[i]
    for r in range(n_rows):
        mean = work.means[r]
        if r < n_data:
            weight = data_weight
            for j in range(low, high):
                model.hidden_offset[j] += offset_weight * mean[j]
        else:
            weight = chain_weight
        for j in range(low, high):
            difference[j] += weight * mean[j]
        if rule.centered:
            product = number(0)
            for block in range(work.offset_parts.shape[0]):
                product += work.offset_parts[block, r]
            product *= weight
            moved_offset += product
            for j in range(low, high):
                gradient[j - low] -= product * mean[j]
    target, cost = number(rule.sparsity_target), number(rule.sparsity_cost)
    rate, momentum = number(rule.rate), number(rule.momentum)
    for j in range(low, high):
        offset = model.hidden_offset[j]
        shown_offset[j] = offset
        gradient[j - low] += difference[j] + cost * (target - offset)
        if rule.centered:
            gradient[j - low] += squared_offset * difference[j] + moved_offset * offset
    if momentum != 0:
        for j in range(low, high):
            model.c_step[j] = momentum * model.c_step[j] + rate * gradient[j - low]
            model.c[j] += model.c_step[j]
    else:
        for j in range(low, high):
            model.c[j] += rate * gradient[j - low]


@kernel
def _dot(x, y):
    total = x.dtype.type(0)
    for j in range(x.shape[0]):
        total += x[j] * y[j]
    return total


@kernel
def _learn_visible(model, work, rule, block, n_data, n_chains):
    """Weights and biases of a block of visible units, along the gradient of the last minibatch."""
    n_rows = n_data + n_chains
    number = model.b.dtype.type
    data_weight, chain_weight = number(1 / n_data), number(-1 / n_chains)
    rate, momentum = number(rule.rate), number(rule.momentum)
    keep, l1 = number(rule.keep), number(rule.l1)
    plain = momentum == 0 and l1 == 0
    offset = work.means[n_rows + 1]
    products = np.zeros(n_rows + 2, dtype=model.b.dtype)
    if rule.centered:
        for r in range(n_rows + 2):
            products[r] = _dot(work.means[r], offset)
    rows = np.empty(n_rows + 2, dtype=np.int64)
    weights = np.empty(n_rows + 2, dtype=model.b.dtype)
    row_gradient = np.empty(model.W.shape[1], dtype=model.b.dtype)
    for i in range(work.bounds[block], work.bounds[block + 1]):
        states = work.states[i]
        difference = number(0)
        n = 0
        for r in range(n_rows):
            weighed = states[r] * (data_weight if r < n_data else chain_weight)
            difference += weighed
            rows[n] = r
            weights[n] = weighed
            n += weighed != 0
        if rule.centered:
            rows[n], weights[n] = n_rows, -model.visible_offset[i]
            rows[n + 1], weights[n + 1] = n_rows + 1, -difference
            n += 2
        gradient = difference
        if rule.centered:
            for k in range(n):
                gradient -= weights[k] * products[rows[k]]
        if momentum != 0:
            model.b_step[i] = momentum * model.b_step[i] + rate * gradient
            model.b[i] += model.b_step[i]
        else:
            model.b[i] += rate * gradient
        if plain:
            w = model.W[i]
            if keep != 1:
                for j in range(w.shape[0]):
                    w[j] *= keep
            for k in range(n):
                weights[k] *= rate
            add_scaled_rows(rows[:n], weights[:n], work.means, w)
        else:
            row_gradient[:] = 0
            add_scaled_rows(rows[:n], weights[:n], work.means, row_gradient)
            step = model.W_step[i] if momentum != 0 else row_gradient
            move_row(model.W[i], row_gradient, step, rate, momentum, keep, l1)


@kernel
def _read_data(data, numbers, model, work, rule, block):
    """Visible states of the minibatch for a block of units, and their offsets."""
    low, high = work.bounds[block], work.bounds[block + 1]
    n_data = numbers.shape[0]
    for r in range(n_data):
        _read_row(data, numbers[r], low, high, work.states, r)
    _list_states(work, block, 0, n_data)
    number = model.b.dtype.type
    weight, keep = number(rule.offset_rate / n_data), number(1 - rule.offset_rate)
    for i in range(low, high):
        total = number(0)
        for r in range(n_data):
            total += work.states[i, r]
        model.visible_offset[i] = keep * model.visible_offset[i] + weight * total


@kernel
def run_steps(rank, size, data, order, model, rule, work, seed, stream):
    """One learning step for each minibatch of ``order``: the part of thread ``rank`` of ``size``.

    Draws from the streams ``stream``, ``stream + 1``, ..., twice ``n_gibbs_steps`` a minibatch.
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
            meet(work.barrier, size)
            _mean_hidden(model, work, low, high, 0, n_data)
            _draw_hidden(work, low, high, 0, n_chains, seed, next_stream)
            meet(work.barrier, size)
            next_stream += 1
        for step in range(rule.n_gibbs_steps):
            if step > 0:
                _mean_hidden(model, work, low, high, n_data, n_rows)
                _draw_hidden(work, low, high, n_data, n_chains, seed, next_stream)
                meet(work.barrier, size)
                next_stream += 1
            for block in range(rank, n_blocks, size):
                _draw_visible(model, work, block, n_data, n_chains, seed, next_stream)
                _send_up(model, work, block, n_data, n_rows, rule.centered)
            meet(work.barrier, size)
            next_stream += 1
        _mean_hidden(model, work, low, high, 0 if rule.persistent else n_data, n_rows)
        if rule.persistent:
            _draw_hidden(work, low, high, n_data, n_chains, seed, next_stream)
        _learn_hidden(model, work, rule, low, high, n_data, n_chains)
        meet(work.barrier, size)
        stream += 2 * rule.n_gibbs_steps
    for block in range(rank, n_blocks, size):
        _learn_visible(model, work, rule, block, n_data, n_chains)
