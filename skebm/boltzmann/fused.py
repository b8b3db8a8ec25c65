"""The learning steps of :mod:`skebm.boltzmann.learner` as one compiled loop over sparse states.

The model, the random numbers and the steps are the same, but the order of summation differs. See
:mod:`skebm.kernels.sparse_steps` for the method, and ``is_faster`` for when it is used.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from .._threads import run_team
from ..kernels.barrier import break_barrier, new_barrier
from ..kernels.simd import LINE_BYTES
from ..kernels.sparse import CsrData, DenseData
from ..kernels.sparse_steps import (
    ROWS_IN_CACHE,
    UNITS_AT_ONCE,
    Data,
    Hidden,
    Lists,
    ListsByUnit,
    Model,
    Own,
    Rule,
    Shared,
    Visible,
    Weights,
    run_steps,
)
from .posterior import exact_posterior

# Hidden units are divided into tiles, one per thread: sixteen, eight or four if the weights have at
# least this many bytes, and a row of a tile at least _BYTES_OF_A_ROW; otherwise two. With fewer
# weights or units than the minimum there is one tile, because a second thread does not pay off.
_BYTES_OF_TILES = {16: 16_000_000, 8: 8_000_000, 4: 0}
_BYTES_OF_A_ROW = 448
_FEWEST_WEIGHTS = 10_000
_FEWEST_UNITS = 48

_NUMBERS_OF_A_LINE = LINE_BYTES // np.dtype(np.int32).itemsize

# Share of nonzero visible states above which zeros are also listed: lists of all units are
# processed two units at a time, in 0.55 to 0.95 of the time, depending on the processor.
_FULL, _COST_OF_FULL = 0.65, 0.65

# Python can be interrupted only between two calls of the compiled loop. A call takes about 0.1 s,
# because its number of visited weights is limited.
_WEIGHTS_PER_CALL = 2e9


# Kinds of the parts of a learner that the loop supports.
_NEEDS = {
    "even units": {"binary"},
    "odd units": {"binary"},
    "coupling": {"dense"},
    "chains": {"from data", "persistent"},
    "solver": {"gradient descent"},
}


def can_run(learner, rows, settings):
    """Whether the loop supports the steps of this learner, and the storage of the rows."""
    if learner.posterior is not exact_posterior or settings.max_gradient_norm < np.inf:
        return False
    machine = learner.machine
    kinds = {
        "even units": machine.even.kind,
        "odd units": machine.odd.kind,
        "coupling": machine.coupling.kind,
        "chains": learner.chains.kind,
        "solver": learner.solvers[0].kind,
    }
    if rows.storage is None or rows.known is not None:
        return False
    return all(kinds[part] in admitted for part, admitted in _NEEDS.items())


def is_faster(learner, rows, settings):
    """Whether the loop is faster than matrix products for these data.

    Its time increases with the share of nonzero visible states in the data and in the chains;
    hidden states are treated as dense. The time of matrix products does not depend on the data, and
    decreases per row with the size of the minibatch. The threshold was measured with 784 x 500
    units. With 100 x 64, the loop is faster for some hundred rows more; with 784 x 64 and few
    zeros, products would be a sixth faster at a hundred rows.
    """
    n_rows = min(settings.batch_size, rows.shape[0])
    most = 2.0 - 0.42 * math.log10(n_rows)
    if learner.machine.dtype == np.float64:
        most *= 0.85
    return sum(_cost(density) for density in _densities(learner, rows)) < most


def _densities(learner, rows):
    """Shares of nonzero visible states: of the data, and of the chains.

    Chains are binary, with about the mean of the data.
    """
    return rows.density, learner.offsets[0].mean()


def _cost(density):
    """Time for rows of this density, relative to a listed row without zeros."""
    return _COST_OF_FULL if density > _FULL else density


def run_epoch(learner, rows, order, settings):
    """One step of ``learner`` for each minibatch of the rows at the indices ``order``."""
    chains, streams = learner.chains, learner.streams
    for solver in learner.solvers:  # which allocates the last steps if there is momentum
        solver.begin_step(settings.learning_rate, settings.momentum)
    rule = _rule(settings, chains, len(order), *_densities(learner, rows))
    tiles = _Tiles.of(*learner.machine.weights.shape, learner.machine.dtype)
    model = _model(learner, rule, tiles)
    data, shared = _data(rows), _shared(learner, rule, tiles)
    own = [_own(learner, rule) for _ in range(tiles.n_tiles)]
    n_steps = max(1, int(_WEIGHTS_PER_CALL / (2 * model.weights.W.size * rule.batch_size)))
    seed, n_rows = streams.seed, n_steps * rule.batch_size
    for start in range(0, len(order), n_rows):
        part = order[start : start + n_rows]
        n_batches = -(-len(part) // rule.batch_size)
        stream = streams.take(n_batches * chains.n_streams(rule.n_gibbs_steps))

        def member(rank, size, part=part, stream=stream):
            _copy_each(_visible_parameters(learner), own[rank].visible)
            run_steps(rank, size, data, part, model, rule, shared, own[rank], seed, stream)

        run_team(member, tiles.n_tiles, abandon=partial(break_barrier, shared.barrier))
        # All threads have the same ones.
        _copy_each(own[0].visible, _visible_parameters(learner))
    _copy_back(model, tiles, learner)


class _Tiles(NamedTuple):
    """Division of hidden units into tiles of ``n_units``; the last one may have fewer."""

    n_tiles: int
    n_units: int
    n_columns: int  # of a tile, including padding

    @classmethod
    def of(cls, n_visible, n_hidden, dtype):
        """Tiles for these sizes of layers, independent of the number of threads."""
        n_weights = n_visible * n_hidden
        if n_weights < _FEWEST_WEIGHTS or n_hidden < _FEWEST_UNITS:
            return cls._cut(n_hidden, 1, dtype)
        for n_tiles, n_bytes in _BYTES_OF_TILES.items():
            tiles = cls._cut(n_hidden, n_tiles, dtype)
            is_wide = tiles.n_columns * dtype.itemsize >= _BYTES_OF_A_ROW
            if is_wide and n_weights * dtype.itemsize >= n_bytes:
                return tiles
        return cls._cut(n_hidden, 2, dtype)

    @classmethod
    def _cut(cls, n_hidden, n_tiles, dtype):
        """At most ``n_tiles`` tiles."""
        n_units = _multiple(-(-n_hidden // n_tiles), 4)  # as fill_uniform requires
        n_columns = _multiple(n_units, LINE_BYTES // dtype.itemsize)
        return cls(-(-n_hidden // n_units), n_units, n_columns)

    def cut(self, array, multiple=1):
        """A copy of an array (n_rows, n_hidden), or (n_hidden,), divided into tiles.

        The rows of a tile are padded with zeros to a multiple of ``multiple``.
        """
        array = np.atleast_2d(array)
        n_rows = _multiple(len(array), multiple)
        cut = _aligned_zeros((self.n_tiles * n_rows, self.n_columns), array.dtype)
        for tile, columns in enumerate(self._columns(array.shape[1])):
            part = array[:, columns]
            cut[tile * n_rows : tile * n_rows + len(part), : part.shape[1]] = part
        return cut

    def join(self, cut, out):
        """Copy the result of ``cut`` to ``out``, without the padding."""
        out = np.atleast_2d(out)
        n_rows = len(cut) // self.n_tiles
        for tile, columns in enumerate(self._columns(out.shape[1])):
            part = out[:, columns]
            part[:] = cut[tile * n_rows : tile * n_rows + len(part), : part.shape[1]]

    def _columns(self, n_hidden):
        return [slice(i, i + self.n_units) for i in range(0, n_hidden, self.n_units)]


def _multiple(n, of):
    """The smallest multiple of ``of`` that is at least ``n``."""
    return n + -n % of


def _aligned_zeros(shape, dtype):
    """An array of zeros, aligned to a cache line."""
    array = _aligned_empty(shape, dtype)
    array.fill(0)
    return array


def _aligned_empty(shape, dtype):
    """An empty array, aligned to a cache line."""
    n_bytes = math.prod(shape) * dtype.itemsize
    memory = np.empty(n_bytes + LINE_BYTES, dtype=np.uint8)
    start = -memory.__array_interface__["data"][0] % LINE_BYTES
    return memory[start : start + n_bytes].view(dtype).reshape(shape)


def _data(rows):
    """The rows, and empty arrays for the kind of storage that they do not have."""
    if rows.storage == "csr":
        return Data(DenseData(_empty_read_only(2, rows.dtype)), rows.data)
    places = _empty_read_only(1, np.int32)
    return Data(rows.data, CsrData(_empty_read_only(1, rows.dtype), places, places))


def _empty_read_only(n_dimensions, dtype):
    array = np.empty((0,) * n_dimensions, dtype)
    array.flags.writeable = False
    return array


def _model(learner, rule, tiles):
    """Weights and hidden units, divided into tiles."""
    machine, dtype = learner.machine, learner.machine.dtype
    W = tiles.cut(machine.weights, UNITS_AT_ONCE)
    step = bias_step = np.empty((0, 0), dtype)
    if learner.velocity is not None:
        step = tiles.cut(learner.velocity[0], UNITS_AT_ONCE)
        bias_step = tiles.cut(learner.velocity[2])
    chains = learner.chains.states
    if chains is None:
        chains = np.zeros((rule.batch_size, len(machine.hidden.bias)), dtype)
    hidden = Hidden(
        bias=tiles.cut(machine.hidden.bias),
        bias_step=bias_step,
        offset=tiles.cut(learner.offsets[1]),
        is_unit=tiles.cut(np.ones_like(machine.hidden.bias)),
        means=_aligned_zeros((tiles.n_tiles * (_n_rows(rule) + 3), tiles.n_columns), dtype),
        states=tiles.cut(chains, multiple=2),
        uniform=_aligned_empty((tiles.n_tiles, tiles.n_columns), dtype),
        n_units=tiles.n_units,
    )
    gradient = W if rule.moves_at_once else _aligned_zeros(W.shape, dtype)
    return Model(Weights(W, step, gradient), hidden)


def _copy_back(model, tiles, learner):
    """Copy weights and hidden units from the tiles back to the learner."""
    weights, hidden = model
    tiles.join(weights.W, learner.machine.weights)
    tiles.join(hidden.bias, learner.machine.hidden.bias)
    tiles.join(hidden.offset, learner.offsets[1])
    if learner.velocity is not None:
        tiles.join(weights.step, learner.velocity[0])
        tiles.join(hidden.bias_step, learner.velocity[2])
    if learner.chains.states is not None:
        tiles.join(hidden.states, learner.chains.states)


def _rule(settings, chains, n_rows, density, chain_density):
    return Rule(
        rate=settings.learning_rate,
        momentum=float(settings.momentum),
        keep=1 - settings.learning_rate * settings.l2,
        l1=settings.learning_rate * settings.l1,
        sparsity_target=settings.sparsity_target or 0.0,
        sparsity_cost=0.0 if settings.sparsity_target is None else float(settings.sparsity_cost),
        offset_rate=settings.offset_rate,
        centered=settings.centered,
        persistent=chains.states is not None,
        lists_zeros_of_data=density > _FULL,
        lists_zeros_of_chains=chain_density > _FULL,
        moves_at_once=not (settings.momentum or settings.l1),
        n_gibbs_steps=settings.n_gibbs_steps,
        batch_size=min(settings.batch_size, n_rows),
        n_chains=0 if chains.states is None else len(chains.states),
    )


def _n_rows(rule):
    """Number of rows of a minibatch: those of the data plus those of the chains."""
    return rule.batch_size + (rule.n_chains or rule.batch_size)


def _shared(learner, rule, tiles):
    """Arrays that threads share."""
    n_visible, n_rows, dtype = len(learner.machine.weights), _n_rows(rule), learner.machine.dtype
    n_places = _multiple(n_visible, _NUMBERS_OF_A_LINE) + _NUMBERS_OF_A_LINE
    n_weight_rows = _multiple(n_visible, UNITS_AT_ONCE)
    return Shared(
        barrier=new_barrier(),
        inputs=_aligned_zeros((tiles.n_tiles * ROWS_IN_CACHE, n_weight_rows), dtype),
        lists=Lists(
            on=_aligned_empty((n_rows, n_places), np.dtype(np.int32)),
            values=_aligned_empty((n_rows, n_places), dtype),
            n_on=np.empty(n_rows, np.int64),
        ),
        products=_aligned_zeros((tiles.n_tiles, n_rows + 2), dtype),
    )


def _own(learner, rule):
    """Arrays of one thread; their memory is touched only if there is such a thread."""
    n_visible, n_rows, dtype = len(learner.machine.weights), _n_rows(rule), learner.machine.dtype
    # Lists by unit also have the two rows of the centred gradient.
    n_listed = min(n_rows, ROWS_IN_CACHE) + 2
    return Own(
        visible=Visible(
            bias=np.empty(n_visible, dtype),
            bias_step=np.empty((1, 0 if learner.velocity is None else n_visible), dtype),
            offset=np.empty(n_visible, dtype),
            difference=np.empty(n_visible, dtype),
            gradient=np.empty(n_visible, dtype),
            uniform=np.empty(n_visible, dtype),
            states=_aligned_empty((1, n_visible), dtype),
        ),
        by_unit=ListsByUnit(
            rows=np.empty((n_visible, n_listed), np.int32),
            factors=np.empty((n_visible, n_listed), dtype),
            n_rows=np.empty(n_visible, np.int64),
        ),
        products=np.empty(n_rows + 2, dtype),
    )


def _visible_parameters(learner):
    """Bias, its last step and offset of the visible units, in the order of :class:`Visible`."""
    step = np.empty(0) if learner.velocity is None else learner.velocity[1]
    return learner.machine.visible.bias, step, learner.offsets[0]


def _copy_each(arrays, to):
    """Copy arrays to the first ones of ``to``."""
    for array, out in zip(arrays, to, strict=False):
        np.copyto(out, array)
