"""The parts of a learning step that follow the sampling."""

from ._jit import kernel


@kernel
def move_average(average, rows, rate):
    """Update a moving average ``average`` with the mean of ``rows``, with the weight ``rate``."""
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
    """Mean of the first ``n_data`` rows minus the mean of the others."""
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
    """Divide the rows of each phase by their number, with a negative sign for chains."""
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
