"""Chains side by side: the same states as one unit after the other draws, and their energies."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import naive_hopfield as naive
from skebm._spins import InLanes, OneByOne, WeightNetwork

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def make(rng, n_units, storage, dtype):
    W, _ = naive.random_network(rng, n_units)
    W[np.triu_indices(n_units, 4)] = 0
    W = (np.tril(W.T, -1) + np.tril(W.T, -1).T).astype(dtype)
    W = storage(W)
    network = WeightNetwork(W, np.zeros(n_units, dtype))
    one_by_one = OneByOne(W, network.couplings)
    return one_by_one, InLanes(one_by_one, W, network.couplings)


@each_dtype
@pytest.mark.parametrize("storage", [np.ascontiguousarray, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("n_units", [1, 8, 21])
@pytest.mark.parametrize("of_each_row", [False, True])
def test_states_and_energies_of_both_engines(dtype, storage, n_units, of_each_row):
    rng = np.random.default_rng(n_units)
    engines = make(rng, n_units, storage, dtype)
    n_rows, n_done, n_sweeps = 70, 2, 6
    many = n_rows if of_each_row else 1
    bias = rng.normal(size=(many, n_units)).astype(dtype)
    free = rng.random((many, n_units)) < 0.8
    base = rng.normal(size=n_units).astype(dtype)
    orders = np.array([rng.permutation(n_units) for _ in range(4)])
    temperatures = np.array([np.inf, 3, 2, 1, 0.5, 0.2])
    start = rng.choice([-1, 1], size=(n_rows, n_units)).astype(dtype)
    found = []
    for engine in engines:
        x, paths = start.copy(), np.full((n_rows, n_done + n_sweeps + 3), 7.0)
        kept = engine.begin(x, bias)
        how = bias, base, orders, free, temperatures, (3, 20, 1000), paths, n_done, False
        n_flips = engine.sweep(x, kept, *how)
        kept = engine.energies(x, kept, bias), engine.fields(x, kept, bias)
        found.append((x, n_flips, paths, *kept))
    one_by_one, side_by_side = found
    np.testing.assert_array_equal(side_by_side[0], one_by_one[0])
    assert side_by_side[1] == one_by_one[1] >= np.count_nonzero(side_by_side[0] != start)
    for a, b in zip(side_by_side[2:], one_by_one[2:], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 if dtype == np.float32 else 1e-10)
    x, _, paths, energies, _ = side_by_side
    assert (paths[:, : n_done + 1] == 7).all()
    np.testing.assert_array_equal(paths[:, -3:], energies[:, None].repeat(3, axis=1))
    fixed = np.broadcast_to(~free, x.shape)
    np.testing.assert_array_equal(x[fixed], start[fixed])
    assert n_units == 1 or (x != start).any()
