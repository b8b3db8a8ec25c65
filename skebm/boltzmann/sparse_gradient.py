"""The learning steps of :mod:`skebm.boltzmann.gradient` as one compiled loop over sparse states.

Same model, same random numbers, same steps, another order of summation: see
:mod:`skebm.kernels.sparse_steps` for how, and ``prefers_sparse`` for when.
"""

import numpy as np

from .._threads import blocks_of, run_team
from ..kernels.barrier import BARRIER_SIZE
from ..kernels.sparse_steps import Model, Rule, Workspace, run_steps
from .units import BernoulliUnits

# Fewer visible units than this are one block; more than this many blocks cost more to add up
# than further threads gain.
_SMALLEST_BLOCK = 64
_MOST_BLOCKS = 4

# Python can be interrupted between two calls of the compiled loop: a call is kept to about a
# tenth of a second by the number of weights that it visits.
_WEIGHTS_PER_CALL = 4e8


def prefers_sparse(machine, rows, settings):
    """Whether the compiled loop over sparse states is the faster way for this data."""
    return isinstance(machine.visible, BernoulliUnits)


def run_sparse_epoch(learner, rows, order, settings):
    """One step of ``learner`` for each minibatch of the rows with the numbers ``order``."""
    model, rule = _model(learner), _rule(settings, len(order))
    work = _workspace(learner, rule)
    weights_per_row = 2 * model.W.size
    n_steps = max(1, int(_WEIGHTS_PER_CALL / (weights_per_row * rule.batch_size)))
    n_blocks = len(work.bounds) - 1
    seed, n_rows = learner.streams.seed, n_steps * rule.batch_size
    for start in range(0, len(order), n_rows):
        part = order[start : start + n_rows]
        n_batches = -(-len(part) // rule.batch_size)
        stream = learner.streams.take(2 * rule.n_gibbs_steps * n_batches)

        def member(rank, size, part=part, stream=stream):
            run_steps(rank, size, rows.data, part, model, rule, work, seed, stream)

        run_team(member, n_blocks)


def _model(learner):
    machine = learner.machine
    absent = np.empty((0, 0), machine.dtype), np.empty(0, machine.dtype), np.empty(0, machine.dtype)
    return Model(
        machine.weights,
        machine.visible.bias,
        machine.hidden.bias,
        *(learner.velocity or absent),
        *learner.offsets,
    )


def _rule(settings, n_rows):
    return Rule(
        rate=settings.learning_rate,
        momentum=float(settings.momentum),
        keep=1 - settings.learning_rate * settings.l2,
        l1=settings.learning_rate * settings.l1,
        sparsity_target=settings.sparsity_target or 0.0,
        sparsity_cost=0.0 if settings.sparsity_target is None else float(settings.sparsity_cost),
        offset_rate=settings.offset_rate,
        centered=settings.centered,
        persistent=settings.persistent,
        n_gibbs_steps=settings.n_gibbs_steps,
        batch_size=min(settings.batch_size, n_rows),
    )


def _workspace(learner, rule):
    n_visible, n_hidden = learner.machine.weights.shape
    dtype = learner.machine.dtype
    h = learner.chains if rule.persistent else np.empty((rule.batch_size, n_hidden), dtype)
    n_rows = rule.batch_size + len(h)
    blocks = blocks_of(n_visible, _SMALLEST_BLOCK, _MOST_BLOCKS)
    n_blocks = len(blocks)
    return Workspace(
        barrier=np.zeros(BARRIER_SIZE, dtype=np.int64),
        bounds=np.array([block.start for block in blocks] + [n_visible]),
        states=np.empty((n_visible, n_rows), dtype),
        # One more place than there are units: listing writes first and counts then.
        on=np.empty((n_rows, n_visible + 1), dtype=np.int32),
        values=np.empty((n_rows, n_visible + 1), dtype),
        n_on=np.empty((n_blocks, n_rows), dtype=np.int64),
        inputs=np.empty((len(h), n_visible), dtype),
        parts=np.empty((n_blocks, n_rows, n_hidden), dtype),
        offset_parts=np.empty((n_blocks, n_rows), dtype),
        means=np.empty((n_rows + 2, n_hidden), dtype),
        h=h,
    )
