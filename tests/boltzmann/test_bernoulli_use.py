"""BernoulliRBM in use: sampling, imputing, scoring, against sums over all states."""

import copy

import joblib
import numpy as np
import pytest
import scipy.sparse
from scipy import stats
from sklearn.model_selection import GridSearchCV

import enumeration
from skebm import BernoulliRBM


def means_of_data(n_visible):
    """Of what the estimator is fitted to: tenths, each feature another, in turn."""
    return np.arange(1, n_visible + 1) % 10 / 10


def p_of_start(exact):
    """p(v) where chains start: of independent features with the means of the data.

    Those are known from as many rows as a moving average has, ten times a hundred, and half a row
    of each state.
    """
    p = (1000 * means_of_data(exact.v.shape[1]) + 0.5) / 1001
    return np.prod(np.where(exact.v > 0, p, 1 - p), axis=1)


def make_rbm(n_visible=5, n_hidden=4, scale=1.2, dtype=np.float64):
    """A fitted estimator with strong weights, and its exact quantities."""
    W, b, c = (x.astype(dtype) for x in enumeration.make_model(n_visible, n_hidden, scale, seed=1))
    X = (np.arange(10)[:, None] < 10 * means_of_data(n_visible)).astype(dtype)
    rbm = BernoulliRBM(n_hidden, n_iter=0, random_state=0).fit(X)
    rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_ = W.T, b, c
    return rbm, enumeration.Enumeration(W, b, c)


def steps_to_mix(transitions):
    """Gibbs steps after which every start is forgotten to a ten-thousandth of a probability."""
    n_steps, power = 1, transitions
    while np.ptp(power, axis=0).max() > 1e-4:
        n_steps, power = 2 * n_steps, power @ power
    return n_steps


def check_distribution(states, p):
    """Whether states are drawn with probabilities p of all states, by a chi-square test."""
    found = np.bincount(enumeration.number_of(states), minlength=len(p))
    expected = len(states) * p
    assert found[p == 0].sum() == 0
    found, expected = found[p > 0], expected[p > 0]
    assert len(p) > 1
    assert expected.min() > 1, "too few draws"
    assert stats.chisquare(found, expected, sum_check=False).pvalue > 1e-4


# gibbs -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gibbs_comes_to_the_distribution_of_the_model(dtype):
    rbm, exact = make_rbm(dtype=dtype)
    n_steps = steps_to_mix(exact.gibbs_step())
    assert 4 < n_steps < 1000
    start = np.zeros((20_000, 5), dtype=dtype)
    check_distribution(rbm.gibbs(start, n_steps), exact.p_v)


def test_one_step_of_gibbs_is_one_step_of_both_layers():
    rbm, exact = make_rbm()
    start = np.tile([1.0, 1, 0, 1, 0], (50_000, 1))
    expected = exact.gibbs_step()[enumeration.number_of(start[:1])[0]]
    check_distribution(rbm.gibbs(start), expected)
    check_distribution(rbm.gibbs(scipy.sparse.csr_matrix(start)), expected)


def test_calls_of_gibbs_are_one_chain_cut_in_pieces():
    rbm, exact = make_rbm()
    start = exact.v.copy()
    whole = copy.deepcopy(rbm).gibbs(start, 5)
    in_pieces = rbm.gibbs(rbm.gibbs(start, 2), 3)
    assert np.array_equal(whole, in_pieces)
    assert not np.array_equal(rbm.gibbs(start), rbm.gibbs(start))
    assert np.array_equal(start, exact.v), "the caller's rows were changed"


def test_no_step_of_gibbs_is_the_start():
    rbm, exact = make_rbm()
    assert np.array_equal(rbm.gibbs(exact.v, 0), exact.v)


DRAWS = {
    "gibbs": lambda rbm, v, seed: rbm.gibbs(v, random_state=seed),
    "sample": lambda rbm, v, seed: rbm.sample(9, n_steps=2, random_state=seed),
    "sample from rows": lambda rbm, v, seed: rbm.sample(n_steps=2, init=v, random_state=seed),
    "impute": lambda rbm, v, seed: rbm.impute(
        np.where(v > 0, np.nan, v), n_steps=5, random_state=seed
    ),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_random_state_reproduces_and_leaves_the_estimators_own_numbers_alone(draw):
    rbm, exact = make_rbm()
    before = joblib.hash(vars(rbm))
    one, other = (draw(rbm, exact.v, 3) for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, draw(rbm, exact.v, 4))
    instance = np.random.RandomState(3)
    assert np.array_equal(one, draw(rbm, exact.v, instance))
    assert not np.array_equal(one, draw(rbm, exact.v, instance))
    assert joblib.hash(vars(rbm)) == before
    # The estimator's own go on, and as they would without what came in between.
    twin = copy.deepcopy(rbm)
    first = draw(rbm, exact.v, None)
    assert not np.array_equal(first, draw(rbm, exact.v, None))
    draw(twin, exact.v, 3)
    assert np.array_equal(first, draw(twin, exact.v, None))


# sample ----------------------------------------------------------------------


def test_samples_come_from_the_distribution_of_the_model():
    rbm, exact = make_rbm()
    n_steps = steps_to_mix(exact.gibbs_step())
    check_distribution(rbm.sample(20_000, n_steps), exact.p_v)


def test_samples_before_the_first_step_are_drawn_by_the_means_of_the_data_alone():
    rbm, exact = make_rbm()
    check_distribution(rbm.sample(50_000, n_steps=0), p_of_start(exact))


def test_the_first_step_of_a_sample_is_independent_of_its_start():
    rbm, exact = make_rbm()
    check_distribution(rbm.sample(50_000, n_steps=1), p_of_start(exact) @ exact.gibbs_step())


def test_number_of_samples():
    rbm, exact = make_rbm()
    assert rbm.sample(n_steps=1).shape == (1, 5)
    assert rbm.sample(7, n_steps=1).shape == (7, 5)
    assert rbm.sample(n_steps=1, init=exact.v[:3]).shape == (3, 5)


def test_chains_start_from_the_given_rows_in_turn():
    rbm, exact = make_rbm()
    rows = exact.v[[3, 17, 30]]
    assert np.array_equal(rbm.sample(n_steps=0, init=rows), rows)
    assert np.array_equal(rbm.sample(7, n_steps=0, init=rows), rows[[0, 1, 2, 0, 1, 2, 0]])
    assert np.array_equal(rbm.sample(2, n_steps=0, init=rows), rows[:2])


def test_one_step_from_given_rows_is_a_gibbs_step():
    rbm, exact = make_rbm()
    start = np.array([[1.0, 1, 0, 1, 0]])
    expected = exact.gibbs_step()[enumeration.number_of(start)[0]]
    check_distribution(rbm.sample(50_000, 1, init=start), expected)


def given(exact, known, keep):
    """p(v | the known units of the mask ``keep``), for all v."""
    p = np.where(np.all(exact.v[:, keep] == known[keep], axis=1), exact.p_v, 0)
    return p / p.sum()


def clamped_transitions(exact, keep):
    """One Gibbs step with the units of the mask kept, for all v."""
    step = exact.gibbs_step().copy()
    free = np.flatnonzero(~keep)
    # Visible units are independent given h: what the others would be is summed over.
    marginal = np.zeros_like(step)
    for i, v in enumerate(exact.v):
        for j, new in enumerate(exact.v):
            if np.array_equal(new[keep], v[keep]):
                same_free = np.all(exact.v[:, free] == new[free], axis=1)
                marginal[i, j] = step[i, same_free].sum()
    return marginal


def test_clamped_units_keep_their_values_and_the_others_follow_them():
    rbm, exact = make_rbm()
    keep = np.array([True, False, True, False, False])
    known = np.array([1.0, 0, 0, 0, 0])
    possible = np.all(exact.v[:, keep] == known[keep], axis=1)
    transitions = clamped_transitions(exact, keep)[np.ix_(possible, possible)]
    n_steps = steps_to_mix(transitions)
    samples = rbm.sample(20_000, n_steps, init=known[None], clamp=keep)
    assert np.all(samples[:, keep] == known[keep])
    check_distribution(samples, given(exact, known, keep))


def test_each_row_can_be_clamped_otherwise():
    rbm, exact = make_rbm()
    keep = np.random.default_rng(0).random(exact.v.shape) < 0.5
    samples = rbm.sample(96, 5, init=exact.v, clamp=keep)
    for turn in range(3):
        part = samples[32 * turn : 32 * turn + 32]
        assert np.array_equal(part[keep], exact.v[keep])
        assert not np.array_equal(part[~keep], exact.v[~keep])


def test_grey_values_stay_where_they_are_clamped():
    rbm, _ = make_rbm()
    init = np.array([[0.3, 0.7, 0.0, 1.0, 0.5]])
    keep = np.array([True, True, False, False, True])
    samples = rbm.sample(50, 3, init=init, clamp=keep)
    assert np.all(samples[:, keep] == init[:, keep])
    assert set(np.unique(samples[:, ~keep])) == {0, 1}


# impute ----------------------------------------------------------------------


def test_imputed_values_are_the_expectations_given_the_known_ones():
    rbm, exact = make_rbm()
    known = np.array([1.0, 0, 0, 1, 0])
    keep = np.array([True, False, True, True, False])
    expected = given(exact, known, keep) @ exact.v

    X = np.tile(np.where(keep, known, np.nan), (2000, 1))
    before = X.copy()
    # Half of the steps is thrown away: more than enough to forget the start.
    possible = np.all(exact.v[:, keep] == known[keep], axis=1)
    transitions = clamped_transitions(exact, keep)[np.ix_(possible, possible)]
    n_steps = 2 * steps_to_mix(transitions)
    filled = rbm.impute(X, n_steps)

    assert np.array_equal(X, before, equal_nan=True), "the caller's rows were changed"
    assert np.all(filled[:, keep] == known[keep])
    standard_error = filled[:, ~keep].std(axis=0) / np.sqrt(len(X))
    assert np.all(standard_error < 0.01)
    error = filled[:, ~keep].mean(axis=0) - expected[~keep]
    assert np.all(np.abs(error) < 4.5 * standard_error)


def test_one_step_of_imputing_starts_from_the_means_of_the_data_and_averages_the_first_means():
    rbm, exact = make_rbm()
    known = np.array([1.0, 0, 0, 1, 0])
    keep = np.array([True, False, True, True, False])
    possible = np.all(exact.v[:, keep] == known[keep], axis=1)
    p_start = np.where(possible, p_of_start(exact), 0)
    expected = (p_start / p_start.sum()) @ exact.gibbs_step() @ exact.v

    filled = rbm.impute(np.tile(np.where(keep, known, np.nan), (50_000, 1)), n_steps=1)
    standard_error = filled[:, ~keep].std(axis=0) / np.sqrt(len(filled))
    error = filled[:, ~keep].mean(axis=0) - expected[~keep]
    assert np.all(np.abs(error) < 4.5 * standard_error)


def test_one_row_is_imputed_ever_better_with_more_steps():
    rbm, exact = make_rbm()
    X = np.array([[np.nan, 0, np.nan, 1, np.nan]])
    known = np.nan_to_num(X[0])
    expected = given(exact, known, ~np.isnan(X[0])) @ exact.v
    missing = np.isnan(X[0])
    # How much means of 250 dependent steps differ from each other; ours are of forty times as many.
    few = rbm.impute(np.repeat(X, 200, axis=0), 500)[:, missing]
    assert few.std(axis=0).max() > 0.01
    standard_error = few.std(axis=0) / np.sqrt(40)
    error = rbm.impute(X, 20_000)[0, missing] - expected[missing]
    assert np.all(np.abs(error) < 4.5 * standard_error)


def test_rows_may_miss_all_or_nothing_or_each_something_else():
    rbm, exact = make_rbm()
    X = exact.v.copy()
    missing = np.random.default_rng(0).random(X.shape) < 0.5
    missing[0], missing[1] = True, False
    X[missing] = np.nan
    filled = rbm.impute(X, 4)
    assert np.array_equal(filled[~missing], exact.v[~missing])
    assert np.all((filled[missing] > 0) & (filled[missing] < 1))


# Scores, and the way back ----------------------------------------------------


def test_score_is_the_mean_of_the_scores_of_the_rows():
    rbm, exact = make_rbm()
    score = rbm.score(exact.v)
    assert type(score) is float
    assert score == pytest.approx(rbm.score_samples(exact.v).mean(), rel=1e-14)


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
def test_scores_and_energies_are_those_of_the_enumeration(storage):
    rbm, exact = make_rbm()
    v = storage(exact.v)
    free_energy = -np.log(exact.p_v) - exact.log_z
    np.testing.assert_allclose(rbm.free_energy(v), free_energy, rtol=1e-12)
    expected = 0
    for i in range(5):
        flipped = exact.v.copy()
        flipped[:, i] = 1 - flipped[:, i]
        p_flipped = exact.p_v[enumeration.number_of(flipped)]
        expected = expected + np.log(exact.p_v / (exact.p_v + p_flipped))
    np.testing.assert_allclose(rbm.score_samples(v), expected, rtol=1e-11)
    np.testing.assert_allclose(rbm.transform(v), exact.mean_hidden(exact.v), rtol=1e-12)


def test_a_search_can_tune_by_the_score_alone():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.random((200, 3)) < 0.5, 3, axis=1)
    rbm = BernoulliRBM(8, n_iter=100, random_state=0)
    search = GridSearchCV(rbm, {"learning_rate": [1e-6, 0.3]}, cv=2).fit(X)
    # Pairs of copies are known from each other, but for the first of each.
    assert search.best_params_ == {"learning_rate": 0.3}
    assert search.best_score_ > -1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inverse_transform_is_the_mean_of_the_visible_units(dtype):
    rbm, exact = make_rbm()
    expected = (exact.joint.T @ exact.v) / exact.p_h[:, None]
    found = rbm.inverse_transform(exact.h.astype(dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=20 * np.finfo(dtype).eps)
