"""Numbers that nothing can be computed with: refused, and training that comes to them ended."""

import warnings

import numpy as np
import pytest

from skebm import (
    BernoulliRBM,
    DBNClassifier,
    DBNRegressor,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DSNClassifier,
    DSNRegressor,
    GaussianRBM,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = X[:, 0] + X[:, 1]
LABELS = (Y > 0).astype(int)

CARELESS = {"learning_rate": 5.0, "momentum": 0.9, "max_gradient_norm": np.inf, "n_iter": 10}


def assert_refused(estimator, message, *data, method="fit"):
    """The error comes without a warning of NumPy's, and leaves the estimator as it was."""
    before = dict(vars(estimator))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.filterwarnings("ignore", ".*is meant for values between 0 and 1")
        with pytest.raises(ValueError, match=message):
            getattr(estimator, method)(*data)
    assert vars(estimator).keys() == before.keys()


@pytest.mark.parametrize(
    ("model", "rate", "y"),
    [
        (GaussianRBM(32, random_state=0, **CARELESS), "learning_rate", None),
        (BernoulliRBM(4, learning_rate=1e20, random_state=0), "learning_rate", None),
        (
            DBNClassifier(
                (4,), pretrain=False, solver="sgd", learning_rate_init=1e130, random_state=0
            ),
            "learning_rate_init",
            LABELS,
        ),
        (
            DBNRegressor(
                (4,), pretrain=False, activation="relu", solver="sgd", learning_rate_init=1e4
            ),
            "learning_rate_init",
            Y,
        ),
        (
            DeepBeliefNetwork(
                (4, 3),
                visible_units="gaussian",
                rbm_n_iter=1,
                fine_tune="up_down",
                learning_rate=1e20,
            ),
            "learning_rate",
            None,
        ),
        (
            DeepAutoencoder(
                (3,),
                visible_units="gaussian",
                pretrain=False,
                solver="sgd",
                learning_rate_init=1e20,
            ),
            "learning_rate_init",
            None,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_weights_that_grow_without_end_are_named(model, rate, y):
    message = f"{type(model).__name__} are no longer finite, or have become too large.*'{rate}'"
    model.set_params(random_state=0)
    if hasattr(model, "fine_tune"):
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
        assert len(model.rbms_) == len(model.hidden_layer_sizes), "its layers are finished work"
    else:
        assert_refused(model, message, X, y)


def test_a_partial_fit_that_diverges_is_named():
    model = GaussianRBM(32, n_iter=1, random_state=0).fit(X)
    model.set_params(**CARELESS)
    with pytest.raises(ValueError, match="GaussianRBM are no longer finite"):
        any(not model.partial_fit(X) for _ in range(10))
    assert np.isfinite(model.score(X))


@pytest.mark.parametrize("size", [1e-200, 1e200, 1e300])
@pytest.mark.parametrize(
    "model",
    [
        DBNRegressor((4,), visible_units="gaussian"),
        DeepAutoencoder((3,), visible_units="gaussian"),
        DeepBeliefNetwork((4, 3), visible_units="gaussian"),
        DSNRegressor(4),
        DSNClassifier(4, init="rbm"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_features_that_cannot_be_scaled_are_refused(model, size):
    name = type(model).__name__
    y = LABELS if name == "DSNClassifier" else Y
    assert_refused(model, f"{name} cannot compute with features.*Divide", size * X, y)


@pytest.mark.parametrize("size", [1e-200, 1e200, 1e300])
@pytest.mark.parametrize("model", [DSNRegressor(4), DBNRegressor((4,), pretrain=False)])
def test_targets_that_cannot_be_scaled_are_refused(model, size):
    name = type(model).__name__
    assert_refused(model, f"{name} cannot compute with targets.*Divide", X, size * Y)


def test_an_rbm_that_fails_inside_of_a_stack_is_the_stacks():
    model = DSNClassifier(4, init="rbm", rbm=BernoulliRBM(learning_rate=1e200))
    assert_refused(model, "'rbm' of DSNClassifier failed", X, LABELS)


@pytest.mark.parametrize("size", [1e-30, 1e30])
@pytest.mark.parametrize("model", [DSNRegressor(4), DBNRegressor((4,), pretrain=False)])
def test_targets_of_other_sizes_are_learned_as_well(model, size):
    """Up to what float32 can hold, whatever the type of the targets."""
    model.set_params(random_state=0, max_iter=20, early_stopping=True)
    Z = X.astype(np.float32)
    usual = model.fit(Z, Y).predict(Z)
    with warnings.catch_warnings(action="error"):
        predicted = model.fit(Z, size * Y).predict(Z)
    np.testing.assert_allclose(predicted.astype(float) / size, usual, atol=0.02)
