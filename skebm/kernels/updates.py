"""The parts of a learning step that follow the sampling."""

import numpy as np

from ._jit import kernel, rounded


@kernel
def move_average(average, rows, rate):
    """Move ``average`` towards the mean of ``rows`` by the share ``rate``."""
    n_rows = rows.shape[0]
    weight = average.dtype.type(rate / n_rows)
    keep = average.dtype.type(1 - rate)
    for i in range(average.shape[0]):
        average[i] *= keep
    for r in range(n_rows):
        row = rows[r]
        for i in range(average.shape[0]):
            average[i] += weight * row[i]


@kernel
def phase_difference(rows, n_data, out):
    """Mean of the first ``n_data`` rows less the mean of the others."""
    n_rows = rows.shape[0]
    data_weight = rows.dtype.type(1 / n_data)
    chain_weight = rows.dtype.type(-1 / (n_rows - n_data))
    out[:] = 0
    for r in range(n_rows):
        weight = data_weight if r < n_data else chain_weight
        row = rows[r]
        for i in range(out.shape[0]):
            out[i] += weight * row[i]


@kernel
def weigh_phases(h, n_data):
    """Scale the rows so that both phases count alike, whatever their numbers of rows."""
    n_rows = h.shape[0]
    data_weight = h.dtype.type(1 / n_data)
    chain_weight = h.dtype.type(-1 / (n_rows - n_data))
    for r in range(n_rows):
        weight = data_weight if r < n_data else chain_weight
        row = h[r]
        for j in range(row.shape[0]):
            row[j] *= weight


@kernel
def subtract_projection(a, b, offset, out):
    """Subtract ``a.T @ (b @ offset)`` from ``out``: a pass over few rows, too small for BLAS."""
    for r in range(a.shape[0]):
        row = b[r]
        weight = offset[0] - offset[0]
        for j in range(offset.shape[0]):
            weight += row[j] * offset[j]
        row = a[r]
        for i in range(out.shape[0]):
            out[i] -= weight * row[i]


@rounded
def move_row(w, gradient, velocity, rate, momentum, keep, l1):
    """One step of one row of weights along its gradient; each number is of the weights' type.

    Momentum carries on the last step; L2 lets the share ``keep`` of a weight live; L1 then moves
    it towards zero by ``l1`` and stops there, which is the proximal step and gives exact zeros.
    """
    zero = rate - rate
    if momentum != zero:
        for j in range(w.shape[0]):
            velocity[j] = momentum * velocity[j] + rate * gradient[j]
            w[j] = keep * w[j] + velocity[j]
    else:
        for j in range(w.shape[0]):
            w[j] = keep * w[j] + rate * gradient[j]
    if l1 != zero:
        for j in range(w.shape[0]):
            w[j] = np.sign(w[j]) * max(abs(w[j]) - l1, zero)
