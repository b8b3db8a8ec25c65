"""Couplings: inputs in both directions against sums that are written out."""

import numpy as np
import pytest
import scipy.sparse

from skebm._streamed_rows import as_rows
from skebm.boltzmann.couplings import Coupling, Dense, EvenToOdd


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


@pytest.mark.parametrize("n_rows", [3, 40])  # few beside the weights, and many
def test_gradient_is_the_derivative_of_minus_the_energies(n_rows):
    rng = np.random.default_rng(3)
    lower, upper = rng.normal(size=(n_rows, 7)), rng.normal(size=(n_rows, 4))
    expected = np.zeros((7, 4))
    for x, y in zip(lower, upper, strict=True):
        expected += np.outer(x, y)
    coupling, gradient = Dense(rng.normal(size=(7, 4))), np.full(28, np.nan)
    coupling.gradient(lower, upper, gradient.__setitem__)
    np.testing.assert_allclose(gradient, expected.ravel(), atol=1e-12)
    norm = coupling.squared_norm(lower, upper)
    assert norm == pytest.approx((expected**2).sum(), rel=1e-12)
    of_lower, of_upper = rng.normal(size=7), rng.normal(size=4)
    out = np.ones(7)
    coupling.subtract_from_lower(lower, upper, of_upper, out)
    np.testing.assert_allclose(out, 1 - expected @ of_upper, atol=1e-12)
    out = np.ones(4)
    coupling.subtract_from_upper(lower, upper, of_lower, out)
    np.testing.assert_allclose(out, 1 - expected.T @ of_lower, atol=1e-12)


def test_turned_and_scaled_couplings_have_the_same_weights():
    rng = np.random.default_rng(4)
    coupling, lower = Dense(rng.normal(size=(7, 4)), copies=(2, 1)), rng.random((5, 7))
    np.testing.assert_array_equal(coupling.turned().down(lower), coupling.up(lower))
    factors, before = rng.random(7), coupling.up(lower)
    coupling.scale_lower(factors)
    np.testing.assert_allclose(coupling.up(lower / factors), before)
    assert np.shares_memory(coupling.turned().weights, coupling.weights)


def test_a_coupling_says_what_it_has_no_answer_for():
    asked = [name for name in vars(Coupling) if callable(getattr(Coupling, name))]
    assert {name for name in asked if getattr(Dense, name) is getattr(Coupling, name)} == set()
    with pytest.raises(NotImplementedError):
        EvenToOdd([], []).squared_norm(None, None)
