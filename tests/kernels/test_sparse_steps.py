"""Lists of states against NumPy. The steps themselves are in tests/boltzmann/test_gradient.py."""

import numpy as np
import pytest
from numba import njit

from skebm.kernels import sparse_steps
from skebm.kernels.simd import PACKS_LANES

SETTINGS = sorted({False, PACKS_LANES})


@pytest.fixture(scope="module", params=SETTINGS, ids=[f"packs_lanes={s}" for s in SETTINGS])
def list_states(request):
    """The function, compiled for processors that pack lanes and for those that do not."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sparse_steps, "PACKS_LANES", request.param)
        function = njit(sparse_steps._list_states.py_func)
        for dtype in (np.float32, np.float64):
            function(np.zeros((1, 1), dtype), 0, False, *empty_lists(1, dtype), 0)
        yield function


def empty_lists(n_visible, dtype):
    """Three lists of numbers and of values, with room for a vector after the last."""
    shape = 3, n_visible + 16
    return np.full(shape, -1, np.int32), np.full(shape, -1, dtype)


@pytest.mark.parametrize("lists_zeros", [False, True])
@pytest.mark.parametrize("n_visible", [1, 15, 16, 131])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lists_hold_the_states_that_are_not_zero(dtype, n_visible, lists_zeros, list_states):
    rng = np.random.default_rng(0)
    states = (rng.random((5, n_visible)) * (rng.random((5, n_visible)) < 0.4)).astype(dtype)
    on, values = empty_lists(n_visible, dtype)
    expected = np.arange(n_visible) if lists_zeros else np.flatnonzero(states[4])

    n = list_states(states, 4, lists_zeros, on, values, 1)
    assert n == len(expected)
    assert np.array_equal(on[1, :n], expected)
    assert np.array_equal(values[1, :n], states[4, expected])
    assert np.all(on[[0, 2]] == -1)
    assert np.all(values[[0, 2]] == -1)
