"""What a deep network takes out of an RBM, and puts back in."""

import joblib
import numpy as np
import pytest

from skebm import BernoulliRBM, GaussianRBM
from skebm._source import all_of
from skebm._streamed_rows import as_rows

X = np.random.default_rng(0).random((40, 6)) * np.array([1, 1, 1, 1, 0, 1])
RBMS = [
    BernoulliRBM(4, n_iter=2, random_state=0),
    GaussianRBM(4, n_iter=2, random_state=0, sampler="gibbs-langevin"),
]
each_rbm = pytest.mark.parametrize("rbm", RBMS, ids=lambda rbm: type(rbm).__name__)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@each_rbm
@each_dtype
def test_states_of_a_model_are_the_data_and_back(rbm, dtype):
    model = rbm.fit(X.astype(dtype)).__skebm_model__()
    states = all_of(model.to_states(as_rows(X.astype(dtype))))
    assert states.dtype == model.machine.dtype == dtype
    np.testing.assert_allclose(model.to_data(states.copy()), X, rtol=1e-5, atol=1e-6)


@each_rbm
def test_the_log_scale_is_that_of_volumes(rbm):
    model = rbm.fit(X).__skebm_model__()
    # Sides of a small box of data, and of the states that it becomes.
    box = model.to_data(np.eye(6)) - model.to_data(np.zeros((6, 6)))
    np.testing.assert_allclose(model.log_scale, np.linalg.slogdet(box)[1], rtol=1e-9, atol=1e-9)


@each_rbm
@each_dtype
def test_a_model_gives_back_what_it_was_made_from(rbm, dtype):
    model = rbm.fit(X.astype(dtype)).__skebm_model__()
    for name, value in model.fitted_attributes().items():
        np.testing.assert_allclose(value, getattr(rbm, name), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        model.machine.transform(model.to_states(as_rows(X.astype(dtype)))),
        rbm.transform(X.astype(dtype)),
    )


@each_rbm
def test_an_rbm_with_other_weights_is_another_one(rbm):
    rbm.fit(X)
    before, fitted = joblib.hash(rbm), rbm.__skebm_model__()
    model = fitted.copy()
    model.machine.weights[:] *= 2
    model.machine.hidden.bias[:] -= 1
    means = fitted.means[0] / 2, fitted.means[1]
    other = rbm.__skebm_with__(model.with_machine(model.machine, means))

    assert joblib.hash(rbm) == before
    assert type(other) is type(rbm)
    assert other.get_params() == rbm.get_params()
    assert other.history_ == rbm.history_
    again = other.__skebm_model__()
    np.testing.assert_allclose(again.machine.weights, 2 * fitted.machine.weights, atol=1e-12)
    np.testing.assert_allclose(again.machine.hidden.bias, fitted.machine.hidden.bias - 1)
    assert again.means[0] is means[0]
    assert not np.array_equal(other.transform(X), rbm.transform(X))


@each_rbm
def test_a_model_of_another_type_is_the_same_model(rbm):
    model = rbm.fit(X).__skebm_model__(np.float32)
    assert model.machine.dtype == model.base[0].bias.dtype == model.base[1].bias.dtype == np.float32
    np.testing.assert_allclose(
        model.machine.weights, rbm.__skebm_model__().machine.weights, rtol=1e-6
    )


@each_rbm
def test_base_units_have_the_means_that_training_has_followed(rbm):
    model = rbm.fit(X).__skebm_model__()
    visible, hidden = model.base
    means = (units.mean(np.zeros((1, len(units.bias))))[0] for units in (visible, hidden))
    for mean, expected in zip(means, model.means, strict=True):
        np.testing.assert_allclose(mean, expected, atol=1e-3)
