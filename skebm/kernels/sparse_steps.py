"""Learning steps of a machine with binary units, in time proportional to the states that are on.

Hidden units are divided into tiles. A thread owns some tiles, with the weights, biases, states and
means of their units. Every thread has a copy of the parameters of the visible units. Threads
exchange only two things, with a barrier for each: the inputs of the visible units, to which each
tile contributes; and the visible states, as lists of the units that are on. A thread draws them for
its share of the chains, and lists them for its share of the data.

No thread writes what another one owns, and the order of every sum is fixed by the tiles: the result
does not depend on the number of threads.
"""

from typing import NamedTuple

import numpy as np

from ._jit import borrowing, inlined, part
from .barrier import meet
from .random import fill_uniform
from .scalar import sigmoid
from .simd import PACKS_LANES, n_lanes, store_nonzero
from .solvers import decay, descend, descend_with_momentum, shrink_towards_zero
from .sparse import CsrData, DenseData, add_lists, add_scaled, copy, dot, fill, scale

_ONE, _TWO = np.uintp(1), np.uintp(2)

# Number of rows per block: with the weights of a tile, they stay in the cache.
ROWS_IN_CACHE = 64

# Number of units whose visible inputs are computed at a time.
UNITS_AT_ONCE = 4


class Rule(NamedTuple):
    """Settings of a step; numbers are converted to the dtype of the weights where necessary."""

    rate: float
    momentum: float
    keep: float  # factor of a weight after L2
    l1: float
    sparsity_target: float
    sparsity_cost: float  # 0 if there is no target
    offset_rate: float
    centered: bool
    persistent: bool
    lists_zeros_of_data: bool  # with few zeros, full lists are faster
    lists_zeros_of_chains: bool
    # The gradient is added directly to the weights, without momentum and L1; 10 to 25 % faster.
    moves_at_once: bool
    n_gibbs_steps: int
    batch_size: int
    n_chains: int  # that persist


class Data(NamedTuple):
    """The rows to learn from, dense or sparse; arrays of the other kind are empty.

    It is one type for both, so that the steps are compiled once.
    """

    dense: DenseData
    sparse: CsrData


# Arrays of last steps are empty without momentum. Arrays for hidden units contain the tiles one
# after another, with equal numbers of rows. A tile has ``n_units`` units, the last one possibly
# fewer, followed by columns of zeros up to a whole number of vectors. Rows start on a cache line,
# so that no load is split.


class Weights(NamedTuple):
    """One row per visible unit, and rows of zeros up to a multiple of ``UNITS_AT_ONCE``."""

    W: np.ndarray  # (n_tiles * n_weight_rows, n_columns), as the next two
    step: np.ndarray
    gradient: np.ndarray  # times the rate; W itself if rule.moves_at_once


class Hidden(NamedTuple):
    """The hidden units of all tiles; only the owner of a tile uses it.

    Rows of means are those given the data, those given the chains, then difference, offset and
    gradient of the bias.
    """

    bias: np.ndarray  # (n_tiles, n_columns), as the next three
    bias_step: np.ndarray
    offset: np.ndarray
    is_unit: np.ndarray  # 1 if a column is a unit, otherwise 0
    means: np.ndarray  # (n_tiles * (n_rows + 3), n_columns)
    states: np.ndarray  # (n_tiles * n_chains, n_columns) of an even number of chains
    uniform: np.ndarray  # (n_tiles, n_columns) random numbers
    n_units: int


class Visible(NamedTuple):
    """One thread's copy of the visible units."""

    bias: np.ndarray  # (n_visible,)
    bias_step: np.ndarray  # (1, n_visible)
    offset: np.ndarray  # (n_visible,), as the next two
    difference: np.ndarray
    gradient: np.ndarray  # of the bias
    uniform: np.ndarray  # (n_visible,) random numbers
    states: np.ndarray  # (1, n_visible) of a chain


class Lists(NamedTuple):
    """The visible units with nonzero states, by row: first the data, then the chains.

    Shared by all threads: a row is written by one of them, and read by all. There is space for a
    vector after the last place.
    """

    on: np.ndarray  # (n_rows, n_places) their numbers
    values: np.ndarray  # (n_rows, n_places) their states
    n_on: np.ndarray  # (n_rows,) lengths of the lists


class ListsByUnit(NamedTuple):
    """One thread's lists of the rows in which a visible unit is on."""

    rows: np.ndarray  # (n_visible, n_listed + 2) their numbers
    factors: np.ndarray  # (n_visible, n_listed + 2) and their factors in the step
    n_rows: np.ndarray  # (n_visible,) lengths of the lists


class Model(NamedTuple):
    """Arrays that are divided into tiles; changed in place."""

    weights: Weights
    hidden: Hidden


class Shared(NamedTuple):
    """Arrays that threads share."""

    barrier: np.ndarray
    inputs: np.ndarray  # (n_tiles * ROWS_IN_CACHE, n_weight_rows) of visible units, from each tile
    lists: Lists
    products: np.ndarray  # (n_tiles, n_rows + 2) of the rows of hidden means and their offset


class Own(NamedTuple):
    """Arrays of one thread."""

    visible: Visible
    by_unit: ListsByUnit
    products: np.ndarray  # (n_rows + 2,) of the rows of states or means and their offset


# The rule of the solver, without rounding the product of rate and gradient before the sum.
_descend = inlined(descend.py_func)

# Names in what follows:
#
# r, q            numbers of a row (data, then chains) and of a chain; row n_data + q is that of q
# first, last     rows or chains of a range, the last one not included
# base            number of the first row of a tile
# difference      mean over the data less mean over the chains
# number          the type of the weights, which constants are cast to

# Indices into lists, and those that come from them, are unsigned: any other number may be negative
# and count from the end, and to look takes 8 to 15 % of a small step. And a part is given the
# arrays that it works on and few others: each is seven to nine arguments of a call, and of the
# minibatches of ten rows that are common, a call for a part of one takes a microsecond or less.


@inlined
def _list_places(data, row, on, values, to):
    """List the places of a sparse row, in row ``to`` of ``on`` and ``values``; returns how many."""
    first = data.indptr[row]
    n = data.indptr[row + 1] - first
    for k in range(n):
        on[to, k] = data.indices[first + k]
        values[to, k] = data.data[first + k]
    return n


@inlined
def _list_states(states, row, lists_zeros, on, values, to):
    """List the states of a row, possibly without zeros; returns their number.

    This is done a vector at a time, if possible. Otherwise each state is written to the next place
    of the list, which advances only if the state is listed: a branch would be mispredicted for most
    of the states that are on.
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


@inlined
def _share(rank, size, first, last):
    """The part of a range for thread ``rank`` of ``size``."""
    n = (last - first + size - 1) // size
    return first + min(rank * n, last - first), first + min((rank + 1) * n, last - first)


@part
def _list_data(data, order, start, n_data, rule, rank, size, lists):
    """List the visible states of the thread's share of the minibatch."""
    X, sparse = data.dense.X, data.sparse
    on, values, n_on = lists
    first, last = _share(rank, size, np.int64(0), n_data)
    for r in range(first, last):
        row = order[start + r]
        if sparse.indptr.shape[0] > 0:
            n_on[r] = _list_places(sparse, row, on, values, r)
        else:
            n_on[r] = _list_states(X, row, rule.lists_zeros_of_data, on, values, r)


@part
def _mean_hidden(W, hidden, lists, n_visible, tile, first, last):
    """Hidden means of a tile, for rows from ``first`` to ``last``."""
    means, is_unit = hidden.means, hidden.is_unit[tile]
    n_tiles = hidden.bias.shape[0]
    base, base_of_W = tile * (means.shape[0] // n_tiles), tile * (W.shape[0] // n_tiles)
    for r in range(first, last):
        copy(hidden.bias[tile], means[base + r])
    on, values, n_on = lists
    last_full = first + _n_full(n_on, first, last, n_visible) // 2 * 2
    add_lists(on, values, n_on, first, last, last_full, n_visible, W, base_of_W, means, base)
    for r in range(first, last):
        row = means[base + r]
        for j in range(row.shape[0]):
            row[j] = sigmoid(row[j]) * is_unit[j]


@inlined
def _mean_hidden_of_data(W, hidden, lists, n_visible, tile, n_data):
    """Hidden means of a tile for all rows of the data."""
    for first in range(0, n_data, ROWS_IN_CACHE):
        last = min(first + ROWS_IN_CACHE, n_data)
        _mean_hidden(W, hidden, lists, n_visible, tile, first, last)


@inlined
def _n_full(n_on, first, last, n_units):
    """Number of consecutive rows from ``first`` on with all units in their lists."""
    n = 0
    while first + n < last and n_on[first + n] == n_units:
        n += 1
    return n


@part
def _draw_hidden(hidden, tile, first, last, first_row, seed, stream):
    """Hidden states of a tile for chains from ``first`` to ``last``, from the means of their rows.

    Chain 0 has the row ``first_row``.
    """
    means, states, uniform = hidden.means, hidden.states, hidden.uniform[tile]
    n_tiles = hidden.bias.shape[0]
    base, base_of_means = tile * (states.shape[0] // n_tiles), tile * (means.shape[0] // n_tiles)
    for q in range(first, last):
        fill_uniform(seed, stream, q, tile * hidden.n_units, uniform)
        state, mean = states[base + q], means[base_of_means + first_row + q]
        for j in range(state.shape[0]):
            state[j] = uniform[j] < mean[j]


@part
def _send_down(W, states, inputs, n_tiles, tile, first, last):
    """Inputs of the visible units from a tile, for a range of chains.

    Two chains by four units: each loaded number is used in several products, so that the loop is
    limited by arithmetic and not by the cache (17 to 29 % faster than one by one).
    """
    n_weight_rows = W.shape[0] // n_tiles
    base, base_of_states = tile * n_weight_rows, tile * (states.shape[0] // n_tiles)
    zero = W.dtype.type(0)
    for i in range(0, n_weight_rows, UNITS_AT_ONCE):
        at = base + i
        w0, w1, w2, w3 = W[at], W[at + 1], W[at + 2], W[at + 3]
        for pair in range((last - first + 1) // 2):
            q, to = base_of_states + first + 2 * pair, tile * ROWS_IN_CACHE + 2 * pair
            x, y, of_x, of_y = states[q], states[q + 1], inputs[to], inputs[to + 1]
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = zero
            for j in range(x.shape[0]):
                s0, t0 = s0 + w0[j] * x[j], t0 + w0[j] * y[j]
                s1, t1 = s1 + w1[j] * x[j], t1 + w1[j] * y[j]
                s2, t2 = s2 + w2[j] * x[j], t2 + w2[j] * y[j]
                s3, t3 = s3 + w3[j] * x[j], t3 + w3[j] * y[j]
            of_x[i], of_x[i + 1], of_x[i + 2], of_x[i + 3] = s0, s1, s2, s3
            of_y[i], of_y[i + 1], of_y[i + 2], of_y[i + 3] = t0, t1, t2, t3


@part
def _draw_visible(inputs, visible, lists, rule, rank, size, first, last, first_row, seed, stream):
    """Visible states of the thread's share of some chains, from the parts of their inputs.

    Chain ``first`` has the row ``first_row``.
    """
    uniform, state, one = visible.uniform, visible.states[0], visible.bias.dtype.type(1)
    zero = np.int64(0)  # another type than 0; avoids a second compilation
    n_tiles = inputs.shape[0] // ROWS_IN_CACHE
    lists_zeros = rule.lists_zeros_of_chains
    own_first, own_last = _share(rank, size, first, last)
    for q in range(own_first, own_last):
        fill_uniform(seed, stream, q, zero, uniform)
        copy(visible.bias, state)
        for tile in range(n_tiles):
            add_scaled(one, inputs[tile * ROWS_IN_CACHE + q - first], state)
        for i in range(state.shape[0]):
            state[i] = uniform[i] < sigmoid(state[i])
        r = first_row + q - first
        lists.n_on[r] = _list_states(visible.states, zero, lists_zeros, lists.on, lists.values, r)


@part
def _multiply_states(lists, offset, products, n_rows):
    """Products of the rows of visible states and their offset."""
    on, values, n_on = lists
    for row in range(n_rows):
        r, product = np.uintp(row), offset.dtype.type(0)
        for k in range(n_on[r]):
            place = np.uintp(k)
            product += values[r, place] * offset[np.uintp(on[r, place])]
        products[r] = product


@part
def _average_hidden(hidden, offset_rate, tile, n_data, n_chains):
    """Update the offset with the mean hidden states of a tile, and compute the difference.

    Difference and offset are written to the rows after the means.
    """
    number, n_tiles, n_rows = hidden.means.dtype.type, hidden.bias.shape[0], n_data + n_chains
    base, offset = tile * (hidden.means.shape[0] // n_tiles), hidden.offset[tile]
    means = hidden.means[base : base + n_rows + 2]
    difference = means[n_rows]
    keep, rate = number(1 - offset_rate), number(offset_rate)
    fill(difference, 0)
    for r in range(n_data):
        add_scaled(number(1 / n_data), means[r], difference)
    for j in range(offset.shape[0]):
        offset[j] = keep * offset[j] + rate * difference[j]
    copy(offset, means[n_rows + 1])
    for r in range(n_data, n_rows):
        add_scaled(number(-1 / n_chains), means[r], difference)


@part
def _learn_hidden(hidden, rule, visible_offset, products, tile, n_data, n_chains):
    """Update the biases of the hidden units of a tile.

    With the offsets m of the visible and l of the hidden units, the centred gradient of the hidden
    biases is the uncentred one minus G.T @ m, where G is the centred gradient of the weights. G.T @
    m needs only the products of m with each row of visible states.
    """
    number, n_tiles, n_rows = hidden.bias.dtype.type, hidden.bias.shape[0], n_data + n_chains
    base = tile * (hidden.means.shape[0] // n_tiles)
    means = hidden.means[base : base + n_rows + 3]
    difference, offset, gradient = means[n_rows], means[n_rows + 1], means[n_rows + 2]
    copy(difference, gradient)
    if rule.centered:
        moved = number(0)
        for r in range(n_rows):
            product = products[r] * number(1 / n_data if r < n_data else -1 / n_chains)
            moved += product
            add_scaled(-product, means[r], gradient)
        add_scaled(moved, offset, gradient)
        add_scaled(dot(visible_offset, visible_offset), difference, gradient)
    if rule.sparsity_cost != 0:
        for j in range(offset.shape[0]):
            missing = number(rule.sparsity_target) - offset[j]
            gradient[j] += number(rule.sparsity_cost) * missing
    _move_bias(hidden.bias[tile], gradient, hidden.bias_step, tile, rule)


@inlined
def _move_bias(bias, gradient, steps, at, rule):
    """A step of a solver along the gradient; row ``at`` of ``steps`` is the last one."""
    # Negative, because solvers minimise.
    numbers = bias.dtype.type(-rule.rate), bias.dtype.type(rule.momentum)
    if rule.momentum != 0:
        descend_with_momentum(bias, gradient, steps[at : at + 1], 0, numbers)
    else:
        _descend(bias, gradient, steps, 0, numbers)


@part
def _multiply_means(means, products, tile, n_rows):
    """Products of the rows of hidden means of a tile, the last two included, and its offset."""
    base = tile * (means.shape[0] // products.shape[0])
    for r in range(n_rows + 2):
        products[tile, r] = dot(means[base + r], means[base + n_rows + 1])


@part
def _learn_visible(visible, rule, lists, products_of_tiles, products, n_data, n_chains):
    """Update the biases of the visible units; if centred, with the products of all tiles."""
    number, gradient, n_rows = visible.bias.dtype.type, visible.gradient, n_data + n_chains
    copy(visible.difference, gradient)
    if rule.centered:
        fill(products, 0)
        for tile in range(products_of_tiles.shape[0]):
            add_scaled(number(1), products_of_tiles[tile], products)
        scale(gradient, 1 + products[n_rows + 1])
        add_scaled(products[n_rows], visible.offset, gradient)
        on, values, n_on = lists
        for r in range(n_rows):
            product = products[r] * number(1 / n_data if r < n_data else -1 / n_chains)
            for k in range(n_on[r]):
                unit = np.uintp(on[np.uintp(r), np.uintp(k)])
                gradient[unit] -= product * values[np.uintp(r), np.uintp(k)]
    _move_bias(visible.bias, gradient, visible.bias_step, 0, rule)


@part
def _list_by_unit(lists, by_unit, visible, rule, first, last, n_data, n_rows):
    """List, for each visible unit, the rows from ``first`` to ``last`` in which it is on.

    Also compute the mean of the visible states, the offset, and the difference of the phases, which
    are complete after the last row.
    """
    on, values, n_on = lists
    rows, factors, lengths = by_unit
    difference, offset, number = visible.difference, visible.offset, values.dtype.type
    fill(lengths, 0)
    if first == 0:
        fill(difference, 0)
    for row in range(first, last):
        if row == n_data:
            scale(offset, number(1 - rule.offset_rate))
            add_scaled(number(rule.offset_rate), difference, offset)
        weight = 1 / n_data if row < n_data else -1 / (n_rows - n_data)
        r, share, factor = np.uintp(row), number(weight), number(rule.rate * weight)
        for k in range(n_on[r]):
            unit, state = np.uintp(on[r, np.uintp(k)]), values[r, np.uintp(k)]
            n = np.uintp(lengths[unit])
            rows[unit, n] = row
            factors[unit, n] = factor * state
            lengths[unit] = n + _ONE
            difference[unit] += share * state


@part
def _list_offsets(by_unit, rate, visible, n_rows):
    """List two more rows: the difference and the offset of the hidden means.

    The offset and the difference of the visible states multiply them.
    """
    rows, factors, lengths = by_unit
    rate = visible.offset.dtype.type(rate)
    for i in range(lengths.shape[0]):
        unit, n = np.uintp(i), np.uintp(lengths[i])
        offset, difference = visible.offset[i], visible.difference[i]
        if offset != 0 or difference != 0:
            rows[unit, n], factors[unit, n] = n_rows, -rate * offset
            rows[unit, n + _ONE], factors[unit, n + _ONE] = n_rows + 1, -rate * difference
            lengths[i] = n + _TWO


@part
def _add_to_gradient(gradient, means, by_unit, n_tiles, tile, n_full):
    """Add the contribution of the rows that are listed by unit to the gradient of a tile.

    The first ``n_full`` places are the same rows in all lists.
    """
    rows, factors, lengths = by_unit
    base, base_of_means = tile * (gradient.shape[0] // n_tiles), tile * (means.shape[0] // n_tiles)
    first, last = np.int64(0), lengths.shape[0]
    paired = last // 2 * 2
    add_lists(
        rows, factors, lengths, first, last, paired, n_full, means, base_of_means, gradient, base
    )


@part
def _keep(gradient, n_tiles, tile, share):
    """Multiply the array of the gradient of a tile by ``share``."""
    n_weight_rows = gradient.shape[0] // n_tiles
    for i in range(tile * n_weight_rows, (tile + 1) * n_weight_rows):
        decay(gradient[i], share)


@part
def _move_weights(weights, rule, n_tiles, tile):
    """Update the weights of a tile along the gradient, with momentum or L1."""
    W, steps, gradient = weights
    number, n_weight_rows = W.dtype.type, W.shape[0] // n_tiles
    # The gradient includes the rate, and is that of the log-likelihood.
    numbers = number(-1), number(rule.momentum)
    for i in range(tile * n_weight_rows, (tile + 1) * n_weight_rows):
        decay(W[i], rule.keep)
        if rule.momentum != 0:
            descend_with_momentum(W[i], gradient[i], steps[i : i + 1], 0, numbers)
        else:
            descend(W[i], gradient[i], steps, 0, numbers)
        if rule.l1 != 0:
            shrink_towards_zero(W[i], rule.l1)


@inlined
def _learn(rank, size, model, rule, shared, own, n_data, n_chains):
    """Update all parameters along the minibatch's gradient; False if the barrier was broken."""
    (weights, hidden), lists, (visible, by_unit, products) = model, shared.lists, own
    n_tiles, n_rows = hidden.bias.shape[0], n_data + n_chains
    for tile in range(rank, n_tiles, size):
        _average_hidden(hidden, rule.offset_rate, tile, n_data, n_chains)
    # The gradient is added to zeros, or to the weights after L2.
    kept = rule.keep if rule.moves_at_once else 0.0
    if kept != 1:
        for tile in range(rank, n_tiles, size):
            _keep(weights.gradient, n_tiles, tile, kept)
    # This many rows of hidden means stay in the cache while they are summed for all units.
    at_once = by_unit.rows.shape[1] - 2
    for first in range(0, n_rows, at_once):
        last = min(first + at_once, n_rows)
        _list_by_unit(lists, by_unit, visible, rule, first, last, n_data, n_rows)
        if rule.centered and last == n_rows:
            _list_offsets(by_unit, rule.rate, visible, n_rows)
        n_full = _n_full(lists.n_on, first, last, by_unit.n_rows.shape[0])
        for tile in range(rank, n_tiles, size):
            _add_to_gradient(weights.gradient, hidden.means, by_unit, n_tiles, tile, n_full)
    if not rule.moves_at_once:
        for tile in range(rank, n_tiles, size):
            _move_weights(weights, rule, n_tiles, tile)
    if rule.centered:
        _multiply_states(lists, visible.offset, products, n_rows)
    for tile in range(rank, n_tiles, size):
        _learn_hidden(hidden, rule, visible.offset, products, tile, n_data, n_chains)
        if rule.centered:
            _multiply_means(hidden.means, shared.products, tile, n_rows)
    if rule.centered and not meet(shared.barrier, size):
        return False
    _learn_visible(visible, rule, lists, shared.products, products, n_data, n_chains)
    return True


@borrowing
def run_steps(rank, size, data, order, model, rule, shared, own, seed, stream):
    """One learning step for each minibatch of ``order``: the part of thread ``rank`` of ``size``.

    Draws from the streams ``stream``, ``stream + 1``, ..., twice ``n_gibbs_steps`` per minibatch.
    Returns early, leaving the model half-way through a step, if another thread fails.
    """
    # The thread owns every size-th tile.
    W, hidden, visible = model.weights.W, model.hidden, own.visible
    barrier, inputs, lists, _ = shared
    n_tiles, n_visible, zero = hidden.bias.shape[0], visible.bias.shape[0], np.int64(0)
    for start in range(0, order.shape[0], rule.batch_size):
        n_data = min(rule.batch_size, order.shape[0] - start)
        n_chains = rule.n_chains if rule.persistent else n_data
        next_stream = stream

        # Chains that do not persist start at hidden states given the data.
        if not rule.persistent:
            if not meet(barrier, size):  # now no thread reads the lists of the last minibatch
                return
            _list_data(data, order, start, n_data, rule, rank, size, lists)
            if not meet(barrier, size):
                return
            for tile in range(rank, n_tiles, size):
                _mean_hidden_of_data(W, hidden, lists, n_visible, tile, n_data)
                _draw_hidden(hidden, tile, zero, n_data, zero, seed, next_stream)
            next_stream += 1

        # The chains: down and up again, a range of them at a time.
        for step in range(rule.n_gibbs_steps):
            is_last = step == rule.n_gibbs_steps - 1
            for first in range(0, n_chains, ROWS_IN_CACHE):
                last = min(first + ROWS_IN_CACHE, n_chains)
                row, last_row = n_data + first, n_data + last
                for tile in range(rank, n_tiles, size):
                    _send_down(W, hidden.states, inputs, n_tiles, tile, first, last)
                if not meet(barrier, size):
                    return
                if rule.persistent and step == 0 and first == 0:
                    _list_data(data, order, start, n_data, rule, rank, size, lists)
                _draw_visible(
                    inputs, visible, lists, rule, rank, size, first, last, row, seed, next_stream
                )
                if not meet(barrier, size):
                    return
                for tile in range(rank, n_tiles, size):
                    _mean_hidden(W, hidden, lists, n_visible, tile, row, last_row)
                    if rule.persistent or not is_last:
                        _draw_hidden(hidden, tile, first, last, n_data, seed, next_stream + 1)
            next_stream += 2
        if rule.persistent:
            for tile in range(rank, n_tiles, size):
                _mean_hidden_of_data(W, hidden, lists, n_visible, tile, n_data)
        if not _learn(rank, size, model, rule, shared, own, n_data, n_chains):
            return
        stream += 2 * rule.n_gibbs_steps
