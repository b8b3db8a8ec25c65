"""Couplings: inputs in both directions against sums that are written out."""

import numpy as np
import pytest
import scipy.sparse

from skebm._source import as_rows
from skebm.boltzmann.couplings import Dense


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_inputs_are_sums_over_the_units_of_the_other_layer(order, dtype):
    rng = np.random.default_rng(0)
    weights = np.array(rng.normal(size=(7, 4)), dtype=dtype, order=order)
    lower, upper = rng.random((5, 7)).astype(dtype), rng.random((5, 4)).astype(dtype)
    of_upper = [[sum(v[i] * weights[i, j] for i in range(7)) for j in range(4)] for v in lower]
    of_lower = [[sum(h[j] * weights[i, j] for j in range(4)) for i in range(7)] for h in upper]
    coupling = Dense(weights)
    tolerance = {"rtol": 0, "atol": 50 * np.finfo(dtype).eps}
    for pass_over, states, expected in (
        (coupling.up, lower, of_upper),
        (coupling.down, upper, of_lower),
    ):
        out = np.full_like(expected, np.nan, dtype=dtype)
        assert pass_over(states, out) is out
        found = pass_over(states)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, **tolerance)
        np.testing.assert_array_equal(out, found)


def test_of_some_lower_units_their_weights_alone_count():
    rng = np.random.default_rng(2)
    weights, states = rng.normal(size=(7, 4)), rng.random((5, 7))
    whole = states.copy()
    whole[:, :4] = 0
    some = Dense(weights).of_lower(slice(4, None))
    np.testing.assert_allclose(some.up(states[:, 4:].copy()), whole @ weights, atol=1e-12)


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
def test_rows_of_data_are_passed_over_where_they_are_stored(storage):
    rng = np.random.default_rng(1)
    coupling = Dense(rng.normal(size=(7, 4)))
    part = slice(2, 7)
    for pass_over, n_in, n_out, weights in (
        (coupling.up_rows, 7, 4, coupling.weights),
        (coupling.down_rows, 4, 7, coupling.weights.T),
    ):
        X = (rng.random((9, n_in)) < 0.4).astype(float)
        found = pass_over(as_rows(storage(X)), part, np.empty((5, n_out)))
        np.testing.assert_allclose(found, X[part] @ weights, atol=1e-12)
