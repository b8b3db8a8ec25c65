"""Deep Boltzmann machines that predict."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skebm import DBMClassifier, DeepBoltzmannMachine
from skebm._streamed_rows import as_rows
from skebm.boltzmann.variational import posterior_means

X, y = load_digits(n_class=4, return_X_y=True)
X = (X / 16).astype(np.float32)
MACHINE = DeepBoltzmannMachine((24, 12), n_iter=8)


@pytest.fixture(scope="module")
def model():
    return DBMClassifier(MACHINE, max_iter=30, random_state=0).fit(X[:500], y[:500])


def test_predicts_digits(model):
    assert model.score(X[500:], y[500:]) > 0.93
    np.testing.assert_allclose(model.predict_proba(X[:9]).sum(axis=1), 1, rtol=1e-5)


def test_network_starts_as_the_mean_field():
    start = DBMClassifier(MACHINE, max_iter=1, learning_rate_init=1e-12, random_state=0).fit(X, y)
    machine = start.dbm_.__skebm_model__()
    even, odd = posterior_means(machine, as_rows(X))
    np.testing.assert_allclose(start.transform(X, layer=0), odd, atol=0.02)
    np.testing.assert_allclose(start.transform(X), even[:, 64:], atol=0.02)
    assert start.coefs_[0].shape == (64 + 12, 24)


def test_machine_stays_as_it_was(model):
    alone = clone(MACHINE).set_params(random_state=model.dbm_.random_state).fit(X[:500])
    for found, wanted in zip(model.dbm_.coefs_, alone.coefs_, strict=True):
        np.testing.assert_array_equal(found, wanted)
    h = model.transform(X[:5])
    np.testing.assert_array_equal(model.inverse_transform(h), model.dbm_.inverse_transform(h))


def test_parameter_is_not_fitted(model):
    assert not hasattr(MACHINE, "coefs_")
    assert model.dbm is MACHINE
    assert not hasattr(model, "rbms_")


def test_search_over_the_machine():
    search = GridSearchCV(
        DBMClassifier(MACHINE, max_iter=5, random_state=0), {"dbm__n_iter": [1, 2]}, cv=2
    )
    search.fit(X[:200], y[:200])
    assert search.best_estimator_.dbm_.n_iter_ in (1, 2)


def test_rows_without_labels_help_the_machine():
    few = np.where(np.arange(len(y)) < 40, y, -1)
    found = DBMClassifier(MACHINE, max_iter=100, unlabeled=-1, random_state=0).fit(X, few)
    assert set(found.classes_) == {0, 1, 2, 3}
    assert found.score(X[40:], y[40:]) > 0.8


def test_training_goes_on(model):
    more = clone(model).set_params(warm_start=True, max_iter=2).fit(X[:100], y[:100])
    before = more.dbm_
    more.fit(X[:100], y[:100])
    assert more.dbm_ is before
    more.partial_fit(X[:20], y[:20])
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        more.set_params(dbm=DeepBoltzmannMachine((3,))).fit(X[:100], y[:100])


def test_to_mlp_of_one_hidden_layer(model):
    one = DBMClassifier(DeepBoltzmannMachine(16, n_iter=2), max_iter=3, random_state=0)
    one.fit(X[:200], y[:200])
    np.testing.assert_allclose(
        one.to_mlp().predict_proba(X[:20]), one.predict_proba(X[:20]), rtol=1e-4
    )
    with pytest.raises(AttributeError, match="to_mlp"):
        model.to_mlp()


def test_real_valued_features():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(120, 4)) * 50 + 7
    labels = (data[:, 0] > 7).astype(int)
    found = DBMClassifier(MACHINE, max_iter=40, random_state=0).fit(data, labels)
    assert found.visible_units_ == "gaussian"
    assert found.score(data, labels) > 0.9


@pytest.mark.filterwarnings("ignore:.*have nearly the same activity:UserWarning")
@pytest.mark.parametrize("sizes", [(16, 12, 8), (10, 9, 8, 7), (9, 8, 7, 6, 5)])
def test_every_layer_starts_as_the_mean_field(sizes):
    """What a layer hears from above is in it, too, however many layers there are."""
    # As many sweeps as it takes: a row was seen to leave a saddle after 500 of them.
    options = {"n_mean_field_steps": 5000, "mean_field_tol": 0, "learning_rate": 0.1}
    machine = DeepBoltzmannMachine(sizes, n_iter=5, **options)
    data = X[:200].astype(np.float64)
    found = DBMClassifier(machine, max_iter=1, learning_rate_init=1e-12, random_state=0)
    found.fit(data, y[:200])
    for weights in found.dbm_.coefs_[1:]:
        assert np.abs(weights).max() > 0.1
    for number, n_units in enumerate(sizes):
        values = found.transform(data, layer=number)
        assert values.shape == (200, n_units)
        np.testing.assert_allclose(values, found.dbm_.transform(data, layer=number), atol=1e-6)


def test_three_hidden_layers_learn():
    machine = DeepBoltzmannMachine((16, 12, 8), n_iter=3)
    found = DBMClassifier(machine, max_iter=20, random_state=0).fit(X[:300], y[:300])
    assert found.score(X[300:], y[300:]) > 0.7
    assert found.transform(X[:3]).shape == (3, 8)
    assert [weights.shape for weights in found.coefs_] == [(76, 24), (24, 12), (12, 8), (8, 4)]
    back = found.inverse_transform(found.transform(X[:3], layer=1), layer=1)
    assert back.shape == (3, 64)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_learns_and_is_not_there_in_use(dropout):
    found = DBMClassifier(MACHINE, dropout=dropout, input_dropout=dropout / 2, max_iter=40)
    found.set_params(random_state=0).fit(X[:500], y[:500])
    assert found.score(X[500:], y[500:]) > 0.9
    np.testing.assert_array_equal(found.predict_proba(X), found.predict_proba(X))


class InterruptIn:
    """Raises KeyboardInterrupt in place of the given epoch of a machine, counted from 1."""

    def __init__(self, monkeypatch, epoch):
        run_epoch = DeepBoltzmannMachine._run_epoch

        def interrupted(machine, trainer, number, after_round):
            if number + 1 == epoch:
                raise KeyboardInterrupt
            return run_epoch(machine, trainer, number, after_round)

        monkeypatch.setattr(DeepBoltzmannMachine, "_run_epoch", interrupted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_interrupt_leaves_the_machine_as_far_as_it_was(monkeypatch, dtype):
    data, labels = X[:200].astype(dtype), y[:200]
    found = DBMClassifier(clone(MACHINE), max_iter=3, warm_start=True, random_state=0)
    with monkeypatch.context() as patch:
        InterruptIn(patch, 4)
        with pytest.raises(KeyboardInterrupt):
            found.fit(data, labels)
    assert found.dbm_.n_iter_ == 3
    assert found.dbm_.transform(data).shape == (200, 12)
    with pytest.raises(NotFittedError, match="warm_start"):
        found.predict(data)
    with pytest.raises(NotFittedError):
        found.transform(data)
    found.without_training_state()

    weights, model = found.dbm_.coefs_[0].copy(), found.dbm_
    found.set_params(dbm__n_iter=2).fit(data, labels)
    assert found.dbm_ is model
    assert found.dbm_.n_iter_ == 2
    assert not found.dbm_.warm_start
    assert 0 < np.abs(found.dbm_.coefs_[0] - weights).max() < np.abs(weights).max()
    assert found.predict(data).shape == (200,)


def test_an_interrupt_in_the_first_epoch_leaves_the_classifier_as_it_was(monkeypatch, model):
    found = clone(model)
    before = copy.copy(vars(found))
    InterruptIn(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        found.fit(X[:200], y[:200])
    assert vars(found) == before
    assert not hasattr(found, "dbm_")


def test_an_interrupt_leaves_the_rbms_that_were_finished(monkeypatch):
    machine = clone(MACHINE).set_params(pretrain=True, rbm_n_iter=1, n_iter=1)
    found = DBMClassifier(machine, max_iter=3, warm_start=True, random_state=0)
    with monkeypatch.context() as patch:
        InterruptIn(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            found.fit(X[:200], y[:200])
    rbms = list(found.dbm_.rbms_)
    assert len(rbms) == 2
    found.fit(X[:200], y[:200])
    assert found.dbm_.rbms_[0] is rbms[0]
    assert found.score(X[:200], y[:200]) > 0.25
