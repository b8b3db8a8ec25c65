"""The learning steps of :mod:`skebm.boltzmann.gradient` as one compiled loop over sparse states.

Same model, same random numbers, same steps, another order of summation: see
:mod:`skebm.kernels.sparse_steps` for how, and ``prefers_sparse`` for when.
"""

import math
from functools import partial

import numpy as np

from .._threads import blocks_of, run_team
from ..kernels.barrier import break_barrier, new_barrier
from ..kernels.simd import LINE_BYTES
from ..kernels.sparse_steps import ROWS_IN_CACHE, Model, Rule, Workspace, run_steps
from .units import BernoulliUnits

# Visible units are cut into four blocks, for as many threads: with each block the inputs of all
# hidden units have one part more to be written and added up. Weights of more bytes than these are
# worth eight or sixteen; those of so few, which fit into the fastest cache, not a second thread.
_BYTES_OF_FOUR_BLOCKS = 8_000_000
_BYTES_OF_ONE_BLOCK = 50_000
_SMALLEST_BLOCK = 32

_LINES = 4  # a row of weights is a multiple of so many, which registers take at a time

# Share of visible states that are not zero above which zeros are listed as well: lists of all
# units are gone through two at a time, in 0.55 of the time.
_FULL = 0.65

# Python can be interrupted between two calls of the compiled loop: a call is kept to about a
# tenth of a second by the number of weights that it visits.
_WEIGHTS_PER_CALL = 2e9


def prefers_sparse(learner, rows, settings):
    """Whether the compiled loop over sparse states is the faster way for this data.

    Its time grows with the share of visible states that are not zero, in the data and in the
    chains; hidden states count as dense in it. That of matrix products is the same for all data
    and falls, row by row, with the size of the minibatch. The line between the two was measured
    with 784 x 500 units. It holds within a quarter for 784 x 1000; with 100 x 64, sparse steps stay
    ahead for some hundred rows more.
    """
    machine = learner.machine
    if not (
        isinstance(machine.visible, BernoulliUnits) and isinstance(machine.hidden, BernoulliUnits)
    ):
        return False
    n_rows = min(settings.batch_size, rows.shape[0])
    most = 2.0 - 0.42 * math.log10(n_rows)
    if machine.dtype == np.float64:
        most *= 0.85
    return sum(_cost(density) for density in _densities(learner, rows)) < most


def _densities(learner, rows):
    """Shares of visible states that are not zero: of the data, and of the chains.

    These are binary and have, nearly, the data's mean.
    """
    return rows.density, learner.offsets[0].mean()


def _cost(density):
    """Time for rows of this density, as a share of what a row with no zeros takes if listed."""
    return 0.55 if density > _FULL else density


def run_sparse_epoch(learner, rows, order, settings):
    """One step of ``learner`` for each minibatch of the rows with the numbers ``order``."""
    phase, streams = learner.negative_phase, learner.streams
    rule = _rule(settings, phase, len(order), *_densities(learner, rows))
    model = _model(learner)
    work = _workspace(learner, rule, model.W)
    n_steps = max(1, int(_WEIGHTS_PER_CALL / (2 * model.W.size * rule.batch_size)))
    n_blocks = len(work.bounds) - 1
    seed, n_rows = streams.seed, n_steps * rule.batch_size
    for start in range(0, len(order), n_rows):
        part = order[start : start + n_rows]
        n_batches = -(-len(part) // rule.batch_size)
        stream = streams.take(n_batches * phase.n_streams(rule.n_gibbs_steps))

        def member(rank, size, part=part, stream=stream):
            run_steps(rank, size, rows.data, part, model, rule, work, seed, stream)

        run_team(member, n_blocks, abandon=partial(break_barrier, work.barrier))
    _copy_back(model, work, learner)


def _padded(array):
    """A copy of ``array`` whose rows begin on cache lines, filled up with zeros."""
    n_rows, n_columns = array.shape
    n_added = -n_columns % (_LINES * LINE_BYTES // array.itemsize)
    padded = _aligned_zeros((n_rows, n_columns + n_added), array.dtype)
    padded[:, :n_columns] = array
    return padded


def _aligned_zeros(shape, dtype):
    """Zeros that begin on a cache line."""
    n_bytes = math.prod(shape) * dtype.itemsize
    memory = np.zeros(n_bytes + LINE_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % LINE_BYTES
    return memory[start : start + n_bytes].view(dtype).reshape(shape)


def _model(learner):
    machine, dtype = learner.machine, learner.machine.dtype
    if learner.velocity is None:
        steps = np.empty((0, 0), dtype), np.empty(0, dtype), np.empty(0, dtype)
    else:
        steps = _padded(learner.velocity[0]), *learner.velocity[1:]
    return Model(
        _padded(machine.weights),
        machine.visible.bias,
        machine.hidden.bias,
        *steps,
        *learner.offsets,
    )


def _copy_back(model, work, learner):
    """Copy what is padded from the kernel's arrays into the learner's; the others are shared."""
    n_hidden = len(model.c)
    learner.machine.weights[:] = model.W[:, :n_hidden]
    if learner.velocity is not None:
        learner.velocity[0][:] = model.W_step[:, :n_hidden]
    if learner.negative_phase.chains is not None:
        learner.negative_phase.chains[:] = work.h[:, :n_hidden]


def _rule(settings, negative_phase, n_rows, density, chain_density):
    return Rule(
        rate=settings.learning_rate,
        momentum=float(settings.momentum),
        keep=1 - settings.learning_rate * settings.l2,
        l1=settings.learning_rate * settings.l1,
        sparsity_target=settings.sparsity_target or 0.0,
        sparsity_cost=0.0 if settings.sparsity_target is None else float(settings.sparsity_cost),
        offset_rate=settings.offset_rate,
        centered=settings.centered,
        persistent=negative_phase.chains is not None,
        lists_zeros_of_data=density > _FULL,
        lists_zeros_of_chains=chain_density > _FULL,
        moves_at_once=not (settings.momentum or settings.l1),
        n_gibbs_steps=settings.n_gibbs_steps,
        batch_size=min(settings.batch_size, n_rows),
    )


def _most_blocks(n_bytes):
    if n_bytes <= _BYTES_OF_ONE_BLOCK:
        return 1
    return 4 * min(4, 1 + n_bytes // _BYTES_OF_FOUR_BLOCKS)


def _workspace(learner, rule, weights):
    n_visible, n_hidden = learner.machine.weights.shape
    dtype = learner.machine.dtype
    chains = learner.negative_phase.chains
    h = _padded(chains if rule.persistent else np.zeros((rule.batch_size, n_hidden), dtype))
    n_chains, n_columns = h.shape
    n_rows = rule.batch_size + n_chains
    n_listed = min(n_rows, ROWS_IN_CACHE)
    blocks = blocks_of(n_visible, _SMALLEST_BLOCK, _most_blocks(weights.nbytes))
    n_blocks = len(blocks)
    bounds = np.array([block.start for block in blocks] + [n_visible])
    return Workspace(
        barrier=new_barrier(),
        bounds=bounds,
        on=np.empty((n_rows, n_visible), dtype=np.int32),
        values=np.empty((n_rows, n_visible), dtype),
        n_on=np.empty((n_blocks, n_rows), dtype=np.int64),
        # By unit, the two rows of the centred gradient come on top.
        unit_rows=np.empty((n_visible, n_listed + 2), dtype=np.int32),
        unit_factors=np.empty((n_visible, n_listed + 2), dtype),
        gradient=weights if rule.moves_at_once else _aligned_zeros(weights.shape, dtype),
        inputs=np.empty((n_chains, n_visible), dtype),
        parts=_aligned_zeros((n_blocks, n_rows, n_columns), dtype),
        offset_parts=np.empty((n_blocks, n_rows), dtype),
        means=_aligned_zeros((n_rows + 2, n_columns), dtype),
        h=h,
    )
