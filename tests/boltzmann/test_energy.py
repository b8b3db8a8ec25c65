"""Energies of joint states of RBMs, against the formulas of their docstrings and free energies."""

import itertools

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose

from skebm import BernoulliRBM, DeepBoltzmannMachine, GaussianRBM

RNG = np.random.default_rng(0)
BINARY = (RNG.random((30, 4)) < 0.4).astype(float)
REAL = RNG.normal([3.0, -100.0, 0.0, 1.0], [1.0, 20.0, 0.1, 2.0], (30, 4))


def binary_energy(rbm, V, H):
    of_visible, of_hidden = V @ rbm.intercept_visible_, H @ rbm.intercept_hidden_
    return -np.einsum("ij,kj,ik->i", V, rbm.components_, H) - of_visible - of_hidden


def real_energy(rbm, V, H):
    s = rbm.variances_
    squares = ((V - rbm.intercept_visible_) ** 2 / (2 * s)).sum(axis=1)
    return squares - np.einsum("ij,kj,ik->i", V / s, rbm.components_, H) - H @ rbm.intercept_hidden_


@pytest.fixture(
    scope="module",
    params=[(BernoulliRBM, BINARY, binary_energy), (GaussianRBM, REAL, real_energy)],
    ids=["binary", "real"],
)
def case(request):
    cls, X, formula = request.param
    return cls(3, n_iter=5, random_state=0).fit(X), X, formula


def test_energy_is_that_of_the_docstring(case):
    rbm, X, formula = case
    H = RNG.integers(0, 2, (30, 3)).astype(float)
    assert_allclose(rbm.energy(X, H), formula(rbm, X, H), rtol=1e-9, atol=1e-9)
    assert_allclose(rbm.energy(X), formula(rbm, X, rbm.transform(X)), rtol=1e-9, atol=1e-9)


def test_the_sum_over_hidden_states_is_the_free_energy(case):
    rbm, X, _ = case
    states = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    energies = [rbm.energy(X, np.tile(h, (30, 1))) for h in states]
    assert_allclose(-np.logaddexp.reduce(-np.array(energies)), rbm.free_energy(X), rtol=1e-9)


def test_energy_of_sparse_rows_and_of_float32():
    rbm = BernoulliRBM(3, n_iter=5, random_state=0).fit(BINARY)
    assert_allclose(rbm.energy(scipy.sparse.csr_array(BINARY)), rbm.energy(BINARY))
    narrow = rbm.energy(BINARY.astype(np.float32))
    assert narrow.dtype == np.float32
    assert_allclose(narrow, rbm.energy(BINARY), rtol=1e-5, atol=1e-5)


def test_energy_of_what_is_no_joint_state_is_an_error(case):
    rbm, X, _ = case
    gaps = np.where(X[0, 0] == X, np.nan, X)
    with pytest.raises(ValueError, match="energy"):
        rbm.energy(gaps)
    with pytest.raises(ValueError, match="energy is expecting 3 features"):
        rbm.energy(X, np.zeros((30, 2)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        rbm.energy(X, np.zeros((29, 3)))


def test_a_deep_machine_of_one_layer_has_the_same_energy():
    rbm = BernoulliRBM(3, n_iter=0, random_state=0).fit(BINARY)
    dbm = DeepBoltzmannMachine((3,), n_iter=0, random_state=0).fit(BINARY)
    dbm.coefs_ = [np.ascontiguousarray(rbm.components_.T)]
    dbm.intercepts_ = [rbm.intercept_visible_, rbm.intercept_hidden_]
    H = RNG.integers(0, 2, (30, 3)).astype(float)
    assert_allclose(dbm.energy(BINARY, H), rbm.energy(BINARY, H))
