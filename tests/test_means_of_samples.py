"""``sample(mean=True)``: means of visible units given all others."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skebm import (
    BernoulliRBM,
    BoltzmannMachine,
    DeepBoltzmannMachine,
    GaussianRBM,
    MixedRBM,
    RatingRBM,
)

X = (np.random.default_rng(0).random((60, 5)) < [0.2, 0.4, 0.5, 0.6, 0.9]).astype(float)
N = 4000


def mean_of_means(rbm, rows):
    """Sum over hidden states of their probability given a row, times the visible means."""
    W, b, c = rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_
    out = np.zeros_like(rows)
    for h in itertools.product([0, 1], repeat=len(c)):
        on = 1 / (1 + np.exp(-(rows @ W.T + c)))
        p = np.where(h, on, 1 - on).prod(axis=1)
        out += p[:, None] / (1 + np.exp(-(np.array(h) @ W + b)))
    return out


@pytest.fixture(scope="module")
def rbm():
    return BernoulliRBM(3, learning_rate=0.5, n_iter=20, random_state=0).fit(X)


def test_means_of_an_rbm_are_those_given_hidden_states_that_are_drawn(rbm):
    means = rbm.sample(N * 2, 0, init=X[:2], mean=True, random_state=0)
    expected = mean_of_means(rbm, X[:2])
    for turn in range(2):
        of_row = means[turn::2]
        error = of_row.std(axis=0) / np.sqrt(N)
        assert (np.abs(of_row.mean(axis=0) - expected[turn]) < 5 * error + 1e-12).all()
        assert len(np.unique(of_row.round(9), axis=0)) <= 2**3  # one for each hidden state


@pytest.mark.parametrize("algorithm", ["gibbs", "pt"])
def test_means_scatter_less_around_the_same_expectation(rbm, algorithm):
    drawn, means = (
        rbm.sample(N, 30, algorithm=algorithm, mean=mean, random_state=0) for mean in (False, True)
    )
    error = drawn.std(axis=0) / np.sqrt(N)
    assert (np.abs(drawn.mean(axis=0) - means.mean(axis=0)) < 5 * error).all()
    assert (means.std(axis=0) < drawn.std(axis=0)).all()


@pytest.mark.parametrize(
    "model",
    [
        BernoulliRBM(3, n_iter=3, random_state=0),
        GaussianRBM(3, n_iter=3, random_state=0),
        DeepBoltzmannMachine((4, 3), n_iter=3, random_state=0),
        BoltzmannMachine(2, max_iter=3, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_clamped_units_keep_their_values_and_no_others(model):
    model.fit(X)
    clamp = np.arange(5) < 2
    means = model.sample(60, 3, init=X, clamp=clamp, mean=True, random_state=0)
    assert_allclose(means[:, clamp], X[:, clamp], atol=1e-9)
    assert not np.isin(means[:, ~clamp], [0, 1]).any()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rows", [X, 2 * X - 1], ids=["0 and 1", "-1 and 1"])
def test_means_without_hidden_units_are_those_given_the_other_visible_ones(rows):
    machine = BoltzmannMachine(max_iter=5, random_state=0).fit(rows)
    means = machine.sample(60, 0, init=rows, mean=True, random_state=0)
    assert_allclose(means, machine.transform(rows), rtol=1e-6)


def test_means_of_a_table_are_most_probable_categories_and_means_of_numbers():
    table = np.column_stack([X[:, 0], np.random.default_rng(1).normal(5, 1, len(X))])
    model = MixedRBM(3, n_iter=3, random_state=0).fit(table)
    drawn, means = (model.sample(500, 5, mean=mean, random_state=0) for mean in (False, True))
    assert set(means[:, 0]) <= {0, 1}
    assert means[:, 1].std() < 0.5 * drawn[:, 1].std()
    assert abs(means[:, 1].mean() - drawn[:, 1].mean()) < 0.3


def test_means_of_ratings_are_the_expected_ones_given_the_others():
    rng = np.random.default_rng(0)
    ratings = rng.integers(1, 6, size=(40, 6)).astype(float)
    ratings[rng.random(ratings.shape) < 0.3] = np.nan
    model = RatingRBM(4, n_iter=5, random_state=0).fit(ratings)
    means = model.sample(40, 1, init=ratings, mean=True, random_state=0)
    drawn = model.sample(40, 1, init=ratings, random_state=0)
    assert_array_equal(np.isnan(means), np.isnan(ratings))
    pairs = np.nonzero(~np.isnan(drawn))
    assert_allclose(means[pairs], model.predict(drawn, pairs=pairs), rtol=1e-6)


@pytest.mark.parametrize("mean", ["yes", 1.5])
def test_mean_is_a_flag(rbm, mean):
    with pytest.raises(ValueError, match="'mean'"):
        rbm.sample(2, 1, mean=mean)
