"""Statistics of rows of data that are computed before training."""

from ._jit import kernel, rounded


@kernel
def add_up_columns(X, sums, low, high):
    """Add sums, smallest and largest values of each column of ``X`` to float64 arrays.

    Returns the number of values that are neither 0 nor 1.
    """
    n_others = 0
    for r in range(X.shape[0]):
        row = X[r]
        for j in range(row.shape[0]):
            value = row[j]
            sums[j] += value
            low[j] = min(low[j], value)
            high[j] = max(high[j], value)
            n_others += (value != 0) & (value != 1)
    return n_others


@rounded
def add_up_squares(X, mean, sums, squares):
    """Add the column sums of ``X - mean``, and of its squares, to float64 arrays."""
    for r in range(X.shape[0]):
        row = X[r]
        for j in range(row.shape[0]):
            from_mean = row[j] - mean[j]
            sums[j] += from_mean
            squares[j] += from_mean * from_mean
