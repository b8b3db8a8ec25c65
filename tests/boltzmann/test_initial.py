"""Where hidden units begin, and that those which have died begin anew."""

import re
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.preprocessing import minmax_scale

import enumeration
from skebm import (
    BernoulliRBM,
    DBNClassifier,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    GaussianRBM,
)
from skebm.boltzmann.initial import make_room
from skebm.boltzmann.learner import Learner
from skebm.boltzmann.units import BernoulliUnits


def skewed_rows(n_rows=2000, n_features=6, seed=0):
    """Binary features that are independent, from seldom to mostly on."""
    return (
        np.random.default_rng(seed).random((n_rows, n_features)) < np.linspace(0.05, 0.9, 6)
    ).astype(np.float64)


def grey_rows(n_features=300):
    """Real numbers in [0, 1], of several clusters, and one feature that never varies."""
    rng = np.random.default_rng(0)
    centres = rng.random((5, n_features))
    X = np.clip(centres[rng.integers(5, size=400)] + rng.normal(0, 0.2, (400, n_features)), 0, 1)
    X[:, 7] = 0.25
    return X


# The start -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [12, 300])
@pytest.mark.parametrize("n_hidden", [3, 20, 400])
def test_inputs_are_as_large_as_they_may_be_on_one_side_and_no_larger(n_hidden, n_features, dtype):
    X = grey_rows(n_features).astype(dtype)
    rbm = BernoulliRBM(n_hidden, n_iter=0, random_state=0).fit(X)
    W = rbm.components_.T.astype(np.float64)
    assert rbm.components_.dtype == rbm.intercept_hidden_.dtype == dtype
    # Over the rows, with features that are independent; and over states that are on for a fifth.
    of_rows = np.sqrt(np.square(W).T @ X.var(axis=0, dtype=np.float64))
    of_states = np.sqrt(np.square(W).sum(axis=1) * 0.2 * 0.8)
    of_rows, of_states = (np.sqrt(np.mean(np.square(x))) for x in (of_rows, of_states))
    of_states *= np.sqrt(n_features / (n_features - 1))  # the one that never varies has none
    largest = of_rows / 2, of_states / 6
    assert max(largest) == pytest.approx(1, abs=0.1)
    assert not W[7].any()
    assert W[:7].all()


@pytest.mark.parametrize("n_rows", [10, 400])
def test_layers_above_begin_with_a_limited_gain(n_rows):
    X = grey_rows(40)[:n_rows]
    model = DeepBoltzmannMachine((60, 90, 30), n_iter=0, random_state=0).fit(X)
    for weights in model.coefs_[1:]:
        singular = np.linalg.svd(weights, compute_uv=False)
        # A small change of all units below, up and down again, at the slope of a unit on for 0.2.
        assert singular[0] ** 2 * 0.16**2 <= 0.5 + 1e-9
        # What is not zero has one length; of few rows, there are not more than these.
        n_kept = np.count_nonzero(singular > 1e-6 * singular[0])
        np.testing.assert_allclose(singular[:n_kept], singular[0])
        assert n_kept <= min(n_rows - 1, *weights.shape)


def test_layers_above_say_something_of_few_rows():
    X = minmax_scale(load_wine().data)[::18]
    assert len(X) == 10
    model = DeepBoltzmannMachine(random_state=0).fit(X)
    for layer in (0, 1):
        assert (np.ptp(model.transform(X, layer), axis=0) < 0.05).mean() < 0.05


def test_layers_above_leave_the_means_below_as_they_are():
    X = grey_rows(40)
    model = DeepBoltzmannMachine((60, 90), n_iter=0, random_state=0).fit(X)
    alone = BernoulliRBM(60, n_iter=0, random_state=0).fit(X).transform(X).mean()
    assert model.transform(X, 0).mean() == pytest.approx(alone, abs=0.02)


@pytest.mark.parametrize("cls", [BernoulliRBM, GaussianRBM])
@pytest.mark.parametrize(("n_hidden", "n_features"), [(8, 20), (20, 8), (30, 30)])
def test_weights_of_any_two_units_of_the_smaller_layer_are_orthogonal(cls, n_hidden, n_features):
    X = np.random.default_rng(0).random((50, n_features))
    W = cls(n_hidden, n_iter=0, random_state=0).fit(X).components_
    if cls is GaussianRBM:
        W = W / X.std(axis=0)  # in units in which all features vary alike
    products = W @ W.T if n_hidden < n_features else W.T @ W
    lengths = np.diag(products)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-9)
    np.testing.assert_allclose(products, np.diag(lengths), rtol=0, atol=1e-9 * lengths[0])


def test_weights_of_wide_layers_are_orthogonal_in_blocks(monkeypatch):
    monkeypatch.setattr("skebm.boltzmann.initial._ORTHOGONAL_VECTORS", 4)
    X = np.random.default_rng(0).random((50, 10))
    W = BernoulliRBM(12, n_iter=0, random_state=0).fit(X).components_
    products = W.T @ W / (W.T @ W)[0, 0]
    for block in (slice(0, 4), slice(4, 8), slice(8, 10)):
        n = len(products[block])
        np.testing.assert_allclose(products[block, block], np.eye(n), rtol=0, atol=1e-9)
    assert abs(products[0, 9]) > 1e-3


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize(("target", "activity"), [(None, 0.2), (0.05, 0.05), (0.4, 0.4)])
@pytest.mark.parametrize("cls", [BernoulliRBM, GaussianRBM])
def test_units_are_on_for_the_share_of_the_rows_that_is_wanted(cls, target, activity, storage):
    X = storage(grey_rows())
    rbm = cls(400, sparsity_target=target, n_iter=0, random_state=0).fit(X)
    means = rbm.transform(X)
    # Inputs are no more than about normal, which shows at the end of their range.
    assert means.mean() == pytest.approx(activity, rel=0.1 if activity > 0.1 else 0.25)
    # Every single one answers to the rows.
    assert np.ptp(means, axis=0).min() > 0.1


def means_of_model(W, b, c):
    exact = enumeration.Enumeration(W, b, c)
    return exact.p_v @ exact.v


def test_the_means_of_the_model_are_those_of_the_data_for_binary_features():
    X = skewed_rows()
    rbm = BernoulliRBM(3, n_iter=0, random_state=0).fit(X)
    W, b, c = rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_
    np.testing.assert_allclose(means_of_model(W, b, c), X.mean(axis=0), rtol=0, atol=0.05)
    # With no room made for the units, some would be half way to the other end.
    log_odds = np.log(X.mean(axis=0)) - np.log1p(-X.mean(axis=0))
    assert np.abs(means_of_model(W, log_odds, c) - X.mean(axis=0)).max() > 0.4


def test_room_is_made_for_hidden_units_to_second_order_in_their_weights():
    mean = np.array([0.05, 0.2, 0.5, 0.6, 0.9])
    orthogonal = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 5)))[0].T
    errors = []
    for scale in (0.4, 0.2, 0.1):
        W = scale * orthogonal
        units = BernoulliUnits(np.log(mean / (1 - mean)))
        make_room(units, W, 0.3, mean)
        c = np.log(0.3 / 0.7) - mean @ W
        errors.append(np.abs(means_of_model(W, units.bias, c) - mean).max())
    # Half the weights, an eighth of the error.
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 6
    assert errors[2] < errors[1] / 6


def test_means_and_variances_of_the_model_are_those_of_real_valued_data():
    X = np.random.default_rng(0).normal(size=(500, 6)) * [1, 10, 100, 1, 1e-3, 5] + 50
    rbm = GaussianRBM(12, n_iter=0, random_state=0).fit(X)
    mixture = enumeration.GaussianMixture(
        rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_, rbm.variances_
    )
    mean = mixture.p_h @ mixture.mean
    variance = mixture.p_h @ np.square(mixture.mean - mean) + mixture.s
    np.testing.assert_allclose((mean - X.mean(axis=0)) / X.std(axis=0), 0, rtol=0, atol=0.05)
    np.testing.assert_allclose(variance / X.var(axis=0), 1, rtol=0, atol=0.05)


@pytest.mark.parametrize("algorithm", ["pcd", "pt"])
@pytest.mark.parametrize(("target", "activity"), [(None, 0.2), (0.05, 0.05)])
def test_persistent_chains_begin_at_the_activity_of_the_units(algorithm, target, activity):
    options = {"sparsity_target": target, "algorithm": algorithm, "n_chains": 2000}
    rbm = BernoulliRBM(10, n_iter=0, random_state=0, **options).fit(skewed_rows())
    chains = rbm.h_samples_
    assert set(np.unique(chains)) == {0, 1}
    # No unit knows of another one, nor of its own bias: 4.5 standard errors of the share.
    share = chains.reshape(-1, 10).mean(axis=0)
    error = np.sqrt(activity * (1 - activity) / 2000)
    np.testing.assert_allclose(share, activity, rtol=0, atol=4.5 * error)


# Dead units ------------------------------------------------------------------

TABLES = {
    "wine": lambda: load_wine().data,
    "breast cancer": lambda: load_breast_cancer().data,
    "iris": lambda: load_iris().data,
    "digits": lambda: load_digits().data[:600],
}


@pytest.mark.parametrize(
    "params",
    [
        # Momentum makes steps ten times as long, so they are shorter here, or of more rows.
        {"momentum": 0.9, "learning_rate": 0.02},
        {"momentum": 0.9, "batch_size": 100},
        {"momentum": 0.9, "batch_size": 100, "centered": False},
        {"sparsity_target": 0.05, "sparsity_cost": 1.0},
        {"sparsity_target": 0.1, "algorithm": "cd", "momentum": 0.5},
    ],
    ids=lambda params: ", ".join(map(str, params.values())),
)
@pytest.mark.parametrize("name", TABLES)
def test_next_to_no_unit_dies(name, params):
    X = minmax_scale(TABLES[name]())
    with warnings.catch_warnings(action="error"):
        rbm = BernoulliRBM(100, random_state=0, **params).fit(X)
    assert np.mean(np.ptp(rbm.transform(X), axis=0) < 0.05) <= 0.02
    assert rbm.history_["dead_units"][-1] <= 0.02


def killed(cls, X, numbers, **params):
    """A model some units of which are off for all rows."""
    rbm = cls(8, warm_start=True, random_state=0, **params).fit(X)
    assert np.ptp(rbm.transform(X), axis=0).min() > 0.05
    rbm.intercept_hidden_[numbers] = -50
    assert np.ptp(rbm.transform(X), axis=0)[numbers].max() < 1e-6
    return rbm


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("algorithm", ["pcd", "cd", "pt"])
@pytest.mark.parametrize("cls", [BernoulliRBM, GaussianRBM])
def test_dead_units_begin_anew(cls, algorithm, storage):
    X = storage(minmax_scale(load_iris().data))
    options = {"algorithm": algorithm, "momentum": 0.5, "learning_rate": 0.01}
    rbm = killed(cls, X, [2, 5], **options)
    weights = rbm.components_.copy()
    rbm.set_params(n_iter=1).fit(X)
    assert rbm.history_["dead_units"] == [0.0]
    assert np.ptp(rbm.transform(X), axis=0).min() > 0.05
    # With other weights than the dead ones had, while those of the others have moved but a little.
    moved = np.abs(rbm.components_ - weights).max(axis=1) / np.abs(weights).max(axis=1)
    assert moved[[2, 5]].min() > 0.3 > moved[[0, 1, 3, 4, 6, 7]].max()


def test_history_has_the_share_of_dead_units_before_they_begin_anew(monkeypatch):
    X = minmax_scale(load_iris().data)
    run_epoch, n_epochs = Learner.run_epoch, []

    def kill_three(self, rows, order, settings):
        run_epoch(self, rows, order, settings)
        n_epochs.append(None)
        if len(n_epochs) == 2:
            self.machine.hidden.bias[[0, 3, 4]] = -50

    monkeypatch.setattr(Learner, "run_epoch", kill_three)
    rbm = BernoulliRBM(8, n_iter=3, random_state=0).fit(X)
    assert rbm.history_["dead_units"] == [0.0, 3 / 8, 0.0]


def test_training_that_goes_on_finds_what_died_before_it():
    """One run of six epochs is two of three, also where units die in between."""
    X = np.tile(minmax_scale(load_iris().data), (1, 3))
    params = {"n_components": 30, "learning_rate": 2.0, "centered": False, "random_state": 0}
    params |= {"learning_rate_schedule": "constant"}
    with warnings.catch_warnings(action="ignore"):
        whole = BernoulliRBM(**params, n_iter=6).fit(X)
        parts = BernoulliRBM(**params, n_iter=3, warm_start=True).fit(X)
        first = parts.history_["dead_units"]
        parts.fit(X)
    assert first[-1] > 0
    assert first + parts.history_["dead_units"] == whole.history_["dead_units"]
    assert np.array_equal(parts.components_, whole.components_)


def test_units_are_not_dead_where_there_is_nothing_to_tell_apart():
    X = np.tile([1.0, 0, 1], (30, 1))
    with warnings.catch_warnings(action="error"):
        rbm = BernoulliRBM(4, n_iter=2, random_state=0).fit(X)
        BernoulliRBM(4, n_iter=2, random_state=0).fit(X[:1])
    assert rbm.history_["dead_units"] == [0, 0]


@pytest.fixture
def deadly_epochs(monkeypatch):
    """Half of the hidden units of every RBM are off after each epoch."""
    run_epoch = Learner.run_epoch

    def kill_half(self, rows, order, settings):
        run_epoch(self, rows, order, settings)
        self.machine.hidden.bias[::2] = -500

    monkeypatch.setattr(Learner, "run_epoch", kill_half)


@pytest.mark.usefixtures("deadly_epochs")
@pytest.mark.parametrize("cls", [BernoulliRBM, GaussianRBM])
def test_a_fit_that_leaves_many_units_dead_warns(cls):
    message = (
        rf"50% of the hidden units of {cls.__name__} have .*lower the 'learning_rate' or the "
        r"'momentum' parameter, or use larger minibatches by 'batch_size'"
    )
    X = minmax_scale(load_iris().data)
    with pytest.warns(UserWarning, match=message) as caught:
        cls(8, n_iter=2, random_state=0).fit(X)
    (warning,) = caught
    assert warning.filename == __file__, "points at somebody else's code"
    with pytest.warns(UserWarning, match="'momentum' or the 'alpha' parameter, or use"):
        cls(8, n_iter=1, alpha=0.01, random_state=0).fit(X)


@pytest.mark.usefixtures("deadly_epochs")
@pytest.mark.parametrize("cls", [DeepBeliefNetwork, DBNClassifier])
def test_a_deep_network_warns_of_dead_units_by_its_layers_and_parameters(cls):
    X, y = load_iris(return_X_y=True)
    model = cls((8, 6), rbm_n_iter=1, random_state=0)
    message = (
        rf"50% of the hidden units of layer (\d) of {cls.__name__} have .*lower the "
        "'rbm_learning_rate' or the 'rbm_momentum' parameter, or use larger minibatches by "
        "'rbm_batch_size'"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        model.fit(minmax_scale(X), y)
    matches = [re.match(message, str(warning.message)) for warning in caught]
    assert [match[1] for match in matches if match] == ["1", "2"]


def test_the_longer_an_epoch_the_smaller_the_weights_at_its_start():
    def start(n_rows, **params):
        X = np.tile(enumeration.all_states(6), (n_rows // 64, 1)).astype(float)
        return BernoulliRBM(8, n_iter=0, random_state=0, **params).fit(X).components_

    short = start(640)
    np.testing.assert_array_equal(start(1920), short)  # 192 steps of 0.1
    np.testing.assert_allclose(start(6400), short * 20 / 64)
    np.testing.assert_allclose(start(6400, learning_rate=0.05), short * 20 / 32)
    np.testing.assert_array_equal(start(6400, batch_size=100), short)
    # Weights of a quarter are small enough.
    smallest = start(64_000)
    assert np.square(smallest).mean() == pytest.approx(0.25**2)
    np.testing.assert_allclose(smallest, start(128_000))
