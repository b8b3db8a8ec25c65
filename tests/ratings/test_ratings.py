"""RatingRBM against sums over all states of rows of three items, three ratings and two units."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy.special import logsumexp, softmax
from scipy.stats import chisquare
from sklearn.model_selection import GridSearchCV

from skebm import RatingKFold, RatingRBM, RatingSamples, ratings_matrix, stream
from skebm._random import RandomStreams
from skebm.kernels.ratings import Rule
from skebm.ratings.model import Learner, Settings, mean_effective_size, probabilities, zeros_like
from skebm.ratings.rows import rating_rows
from skebm.ratings.table import as_rows

NAN = np.nan


@pytest.fixture
def table():
    """Twelve rows of four items, 1 to 3, some of them missing."""
    rng = np.random.default_rng(0)
    X = rng.integers(1, 4, size=(12, 4)).astype(float)
    X[rng.random(X.shape) < 0.3] = NAN
    X[:, 3] = NAN  # nobody rates it
    X[0, :3] = 1, 3, 2
    return X


def fitted(X, seed=0, **options):
    """A machine with large weights, of float64 unless X is not, that has learned nothing."""
    options = {"n_components": 2, "n_iter": 0, "random_state": 0, "half_size": 4.0} | options
    rbm = RatingRBM(**options).fit(X)
    rng = np.random.default_rng(seed)
    names = ["components_", "intercept_visible_", "intercept_hidden_"]
    for name in names + ["rated_components_"] * rbm.conditional:
        array = getattr(rbm, name)
        array[:] = rng.normal(size=array.shape)
    return rbm


class RowMachine:
    """The machine of a row, from its energy: all ratings of ``items`` and all hidden states."""

    def __init__(self, rbm, items, n_known=None):
        self.items, self.levels = list(items), range(len(rbm.rating_scale_))
        n = len(self.items) if n_known is None else n_known
        self.factor, self.strength = 1 / np.sqrt(1 + n / rbm.half_size), 1 / (n + rbm.prior_ratings)
        self.v = list(itertools.product(self.levels, repeat=len(self.items)))
        self.h = np.array(list(itertools.product([0.0, 1.0], repeat=rbm.n_components)))
        self.rbm = rbm
        self.rates = self.base_rates()
        # The normal unit is summed by its integral: exp(strength / 2 times the sum squared).
        self.log_joint = np.array([[self.log_weight(v, h) for h in self.h] for v in self.v])

    def base_rates(self):
        """The centre of each item, by its definition: the mean of what is subtracted."""
        return self.rbm.function_means_

    def log_weight(self, v, h):
        rbm, sum_of_row = self.rbm, 0.0
        total = rbm.intercept_hidden_ @ h
        for item, level in zip(self.items, v, strict=True):
            x = rbm.functions_[level] - rbm.function_means_[item]
            total += rbm.intercept_visible_[item, level]
            total += self.factor * x @ rbm.components_[item] @ (h - 0.5)
            if rbm.conditional:
                total += self.factor * rbm.rated_components_[item] @ (h - 0.5)
            sum_of_row += rbm.functions_[level, 0] - rbm.function_means_[item, 0]
        return total + self.strength / 2 * sum_of_row**2

    @property
    def p_v(self):
        return softmax(logsumexp(self.log_joint, axis=1))

    def given(self, known):
        """P(rating of the last item | levels of the others)."""
        chosen = [n for n, v in enumerate(self.v) if v[:-1] == tuple(known)]
        return softmax(logsumexp(self.log_joint[chosen], axis=1))


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_probabilities_are_those_of_all_states(table, degree, dtype, atol):
    rbm = fitted(table.astype(dtype), degree=degree)
    P = rbm.predict_proba(table.astype(dtype))
    assert P.dtype == dtype
    for r, row in enumerate(table):
        for item in range(4):
            others = [j for j in range(4) if j != item and not np.isnan(row[j])]
            machine = RowMachine(rbm, [*others, item])
            known = [int(row[j]) - 1 for j in others]
            expected = machine.given(known)
            np.testing.assert_allclose(P[r, item], expected, rtol=0, atol=atol)


def test_expectations_and_pairs_are_of_these_probabilities(table):
    rbm = fitted(table)
    P = rbm.predict_proba(table)
    expected = P @ [1.0, 2.0, 3.0]
    np.testing.assert_allclose(rbm.predict(table), expected)
    rows, items = np.array([5, 0, 5, 2]), np.array([3, 1, 0, 2])
    np.testing.assert_array_equal(
        rbm.predict(table, pairs=(rows, items)), rbm.predict(table)[rows, items]
    )
    np.testing.assert_array_equal(rbm.predict_proba(table, pairs=(rows, items)), P[rows, items])


@pytest.mark.parametrize("conditional", [False, True])
def test_no_rating_enters_its_own_prediction(table, conditional):
    rbm = fitted(table, conditional=conditional)
    there, other = table.copy(), table.copy()
    other[0, 1] = 1.0  # was 3
    P, Q = rbm.predict_proba(there)[0], rbm.predict_proba(other)[0]
    np.testing.assert_allclose(P[1], Q[1], rtol=1e-12)
    # A leak would be seen: the predictions of the others do change.
    assert np.abs(P[[0, 2, 3]] - Q[[0, 2, 3]]).max(axis=1).min() > 1e-3
    other[0, 1] = NAN
    np.testing.assert_allclose(rbm.predict_proba(other)[0, 1], P[1], rtol=1e-12)


def test_a_planted_leak_is_seen_in_the_score():
    """Ratings at random cannot be predicted, but from a second copy of each."""
    rng = np.random.default_rng(0)
    X, new = (rng.integers(1, 6, size=(600, 3)).astype(float) for _ in range(2))
    rbm = RatingRBM(12, n_iter=60, learning_rate=0.05, alpha=0.0, random_state=0)
    deviation = np.sqrt(2)
    assert rbm.fit(X).score(new) < -0.98 * deviation
    leaky = rbm.fit(np.hstack([X, X])).score(np.hstack([new, new]))
    assert leaky > -0.7 * deviation


def test_transform_is_the_mean_of_the_hidden_units(table):
    rbm = fitted(table)
    H = rbm.transform(table)
    for row, found in zip(table, H, strict=True):
        items = np.flatnonzero(~np.isnan(row))
        machine = RowMachine(rbm, items)
        place = machine.v.index(tuple(int(row[j]) - 1 for j in items))
        np.testing.assert_allclose(found, softmax(machine.log_joint[place]) @ machine.h)


def test_ratings_known_by_their_items_alone_count(table):
    rbm = fitted(table, conditional=True)
    X = scipy.sparse.csr_array(([3.0, NAN], ([0, 0], [0, 2])), shape=(1, 4))
    p = rbm.predict_proba(X, pairs=([0], [1]))[0]
    # The item whose rating is not known adds its weights to the hidden units, and no softmax.
    machine = RowMachine(rbm, [0, 1])
    machine.log_joint += machine.factor * (machine.h - 0.5) @ rbm.rated_components_[2]
    # The item that is asked for is not known to be rated.
    machine.log_joint -= machine.factor * (machine.h - 0.5) @ rbm.rated_components_[1]
    np.testing.assert_allclose(p, machine.given([2]))
    with pytest.raises(ValueError, match="conditional=True"):
        fitted(table).predict(X)


def test_samples_have_the_distribution_of_the_row(table):
    rbm = fitted(table, degree=None)
    row = scipy.sparse.csr_array(([1.0, 3.0, 2.0], ([0, 0, 0], [0, 1, 2])), shape=(1, 4))
    n = 20_000
    V = rbm.sample(n, 30, init=row, random_state=0)
    levels = V.data.reshape(n, 3).astype(int) - 1
    counts = np.bincount(levels @ [9, 3, 1], minlength=27)
    # The level of a row goes by the standardised rating, the machine's functions are one each.
    machine = LevelByRating(rbm, [0, 1, 2])
    assert chisquare(counts, n * machine.p_v).pvalue > 0.001


class LevelByRating(RowMachine):
    """The same where functions are no powers, so that the level has values of its own."""

    def log_weight(self, v, h):
        rbm = self.rbm
        _, _, x, means, *_ = rbm._scale
        total = rbm.intercept_hidden_ @ h
        for item, level in zip(self.items, v, strict=True):
            total += rbm.intercept_visible_[item, level]
            values = rbm.functions_[level] - rbm.function_means_[item]
            total += self.factor * values @ rbm.components_[item] @ (h - 0.5)
        of_row = sum(x[k] - means[i] for i, k in zip(self.items, v, strict=True))
        return total + self.strength / 2 * of_row**2


def test_steps_go_along_the_gradient_of_the_likelihood(table):
    """The mean of many long chains is the gradient by differences of log p(ratings of the row)."""
    rbm = fitted(table, degree=2)
    X = scipy.sparse.csr_array(table[:1])
    n = 4000
    X = scipy.sparse.csr_array(
        (np.tile([1.0, 3.0, 2.0], n), np.tile([0, 1, 2], n), np.arange(0, 3 * n + 1, 3)),
        shape=(n, 4),
    )
    model = rbm._model().copy()
    rows = rating_rows(model.levels, X)
    effective_size = mean_effective_size(rows, model.scale)
    learner = Learner(model, zeros_like(model.weights), effective_size, RandomStreams(7))
    before = rbm._model().copy().weights
    # scaling_power 1: the mean over the rows.
    learner.run_epoch(rows, np.arange(n), Settings(Rule(1.0, 0.0, 0.0, 1.0), 30, n))

    def log_likelihood():
        machine = RowMachine(rbm, [0, 1, 2])
        return np.log(machine.p_v[machine.v.index((0, 2, 1))])

    for name, old, new in (
        ("components_", before.A, model.weights.A),
        ("intercept_visible_", before.bias, model.weights.bias),
        ("intercept_hidden_", before.hidden_bias, model.weights.hidden_bias),
    ):
        array = getattr(rbm, name)
        for place in np.ndindex(array.shape):
            value, ends = array[place], []
            for change in (1e-5, -1e-5):
                array[place] = value + change
                ends.append(log_likelihood())
            array[place] = value
            slope = (ends[0] - ends[1]) / 2e-5
            assert (new - old)[place] == pytest.approx(slope, abs=0.04), (name, place)


def test_only_items_that_are_rated_move(table):
    rbm = RatingRBM(n_components=2, n_iter=1, random_state=0, alpha=1.0).fit(table)
    before = rbm.components_.copy(), rbm.intercept_visible_.copy()
    rbm.partial_fit([[NAN, 2.0, NAN, NAN]])
    moved = np.abs(rbm.components_ - before[0]).max(axis=(1, 2)) > 0
    assert moved.tolist() == [False, True, False, False]
    assert (rbm.intercept_visible_ != before[1]).any(axis=1).tolist() == moved.tolist()


def test_an_item_without_ratings_has_the_base_rate(table):
    rbm = RatingRBM(n_components=2, n_iter=5, random_state=0).fit(table)
    known = table[~np.isnan(table)]
    counts = np.array([(known == k).sum() for k in (1, 2, 3)]) + 1
    rates = np.exp(rbm.intercept_visible_[3])
    np.testing.assert_allclose(rates, counts / counts.sum(), rtol=1e-3)
    # A row without any rating, and one with one.
    assert np.isfinite(rbm.predict([[NAN] * 4, [3.0, NAN, NAN, NAN]])).all()


def test_all_forms_of_the_same_ratings_are_one(table):
    rows, items = np.nonzero(~np.isnan(table))
    csr = scipy.sparse.csr_array((table[rows, items], (rows, items)), shape=table.shape)
    frame = pd.DataFrame({"item": items, "user": rows, "rating": table[rows, items]})
    shuffled = frame.sample(frac=1, random_state=0)
    from_table = ratings_matrix(shuffled, users=np.arange(12), items=np.arange(4)).X
    forms = [table, pd.DataFrame(table), csr, csr.tocsc(), scipy.sparse.csr_matrix(csr), from_table]
    found = [RatingRBM(n_components=3, n_iter=3, random_state=0).fit(X).predict(X) for X in forms]
    for each in found[1:]:
        np.testing.assert_array_equal(each, found[0])


def test_a_stored_zero_is_a_rating():
    X = scipy.sparse.csr_array(([0.0, 1.0, 0.0], ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    rbm = RatingRBM(n_components=2, n_iter=1, random_state=0).fit(X)
    assert rbm.rating_scale_.tolist() == [0, 1]
    assert rbm.recommend(X).tolist() == [[-1, -1], [0, -1]]


TWICE = [4.0, 5.0, 3.0], ([0, 1, 1], [0, 1, 1])


@pytest.mark.parametrize(
    "X",
    [
        scipy.sparse.csr_array(([4.0, 5.0, 3.0], [0, 1, 1], [0, 1, 3]), shape=(2, 2)),
        scipy.sparse.coo_array(TWICE, shape=(2, 2)),
        scipy.sparse.coo_matrix(TWICE, shape=(2, 2)),
    ],
    ids=["csr", "coo_array", "coo_matrix"],
)
def test_entries_that_come_twice_are_refused(X):
    rbm = RatingRBM(n_components=2, n_iter=1).fit([[4.0, 5.0], [5.0, 3.0]])
    message = "two ratings of row 1 and column 1.*skebm.ratings_matrix"
    for use in (RatingRBM().fit, rbm.predict, rbm.score, rbm.partial_fit, RatingSamples):
        with pytest.raises(ValueError, match=message):
            use(X)


def test_recommendations_are_the_highest_expectations(table):
    rbm = fitted(table)
    ratings = rbm.predict(table)
    everything = rbm.recommend(table, remove_seen=False)
    np.testing.assert_array_equal(everything, np.argsort(-ratings, axis=1, kind="stable"))
    unseen = rbm.recommend(table, n_items=2)
    for row, found in zip(table, unseen, strict=True):
        found = found[found >= 0]
        assert np.isnan(row[found]).all()
        assert len(found) == min(2, np.isnan(row).sum())


def test_an_item_that_nobody_rated_is_predicted_as_an_average_one_and_recommended_last():
    X, _ = tastes()
    X[:, [3, 30]] = NAN
    rbm = RatingRBM(n_components=10, n_iter=5, random_state=0).fit(X)
    assert not rbm.components_[[3, 30]].any()
    # No hidden unit says anything about it: only how high the row rates on the whole counts.
    P = rbm.predict(X)
    np.testing.assert_array_equal(P[:, 3], P[:, 30])
    found = rbm.recommend(X, n_items=40, remove_seen=False)
    np.testing.assert_array_equal(found[:, -2:], np.tile([3, 30], (len(X), 1)))
    # Others are in the order of their predictions.
    rated = np.delete(np.arange(40), [3, 30])
    np.testing.assert_array_equal(
        found[:, :-2], rated[np.argsort(-P[:, rated], axis=1, kind="stable")]
    )


def test_an_item_can_be_rated_for_the_first_time_in_partial_fit():
    X, _ = tastes()
    first = X.copy()
    first[:, 30:] = NAN
    rbm = RatingRBM(n_components=10, random_state=0).fit(first)
    for _ in range(30):
        rbm.partial_fit(X)
    assert rbm.components_[30:].any(axis=(1, 2)).all()
    known = np.where(np.isnan(X), NAN, rbm.predict(X))[:, 30:]
    assert np.sqrt(np.nanmean((known - X[:, 30:]) ** 2)) < 0.8 * np.nanstd(X[:, 30:])


def test_of_equal_expectations_the_first_is_recommended():
    rbm = RatingRBM(n_components=2, n_iter=0, random_state=0).fit(np.tile([[1.0], [3.0]], 1000))
    rbm.components_[:] = 0
    nothing = np.full((2, 1000), NAN)
    assert rbm.recommend(nothing, n_items=4).tolist() == [[0, 1, 2, 3]] * 2


def test_rows_that_nobody_asks_for_take_no_time():
    n_rows, n_items = 3000, 300
    items = np.tile(np.arange(n_items), n_rows)
    ratings = np.random.default_rng(0).integers(1, 6, size=n_rows * n_items).astype(float)
    indptr = np.arange(0, n_rows * n_items + 1, n_items)
    X = scipy.sparse.csr_array((ratings, items, indptr), shape=(n_rows, n_items))
    model = RatingRBM(n_components=50, n_iter=0, random_state=0).fit(X[:10])._model()
    rows, seconds = as_rows(X, model.levels), {}
    for n_asked in (n_rows, 1):
        asked = np.minimum(np.arange(n_rows + 1), n_asked)
        of_item = np.zeros(n_asked, dtype=np.int32)
        for _ in range(3):
            start = time.process_time()
            probabilities(model, rows, asked, of_item)
            spent = time.process_time() - start
            seconds[n_asked] = min(spent, seconds.get(n_asked, np.inf))
    assert seconds[1] < seconds[n_rows] / 10


def test_ratings_matrix_keeps_names_and_the_last_of_two_lines():
    frame = pd.DataFrame({"who": ["b", "a", "b", "b"], "what": [3, 3, 1, 3], "stars": [1, 2, 3, 4]})
    X, users, items = ratings_matrix(frame, user="who", item="what", rating="stars")
    assert (users.tolist(), items.tolist()) == (["a", "b"], [1, 3])
    assert X.toarray().tolist() == [[0, 2], [3, 4]]
    assert X.nnz == 3
    later = ratings_matrix(
        pd.DataFrame({"who": ["c", "a"], "what": [3, 9], "stars": [5, 5]}),
        user="who",
        item="what",
        rating="stars",
        users=["c"],
        items=items,
    )
    assert later.X.toarray().tolist() == [[0, 5]]


def test_folds_of_ratings_leave_out_each_rating_once(table):
    everything = RatingSamples(table)
    held_out = []
    for training, test in RatingKFold(3, random_state=0).split(everything):
        both = everything[training].chosen_ratings.nnz + everything[test].chosen_ratings.nnz
        assert both == everything.shape[0] == (~np.isnan(table)).sum()
        held_out += test.tolist()
    assert sorted(held_out) == list(range(everything.shape[0]))


def test_a_score_of_samples_is_of_those_that_are_chosen(table):
    rbm = fitted(table)
    chosen = RatingSamples(table)[[3, 5, 8]]
    rows, items = np.nonzero(~np.isnan(table))
    rows, items = rows[[3, 5, 8]], items[[3, 5, 8]]
    errors = rbm.predict(table)[rows, items] - table[rows, items]
    assert rbm.score(chosen) == pytest.approx(-np.sqrt(np.mean(errors**2)))


def test_a_grid_search_on_folds_of_ratings(table):
    rbm = RatingRBM(n_components=2, n_iter=2, random_state=0)
    search = GridSearchCV(rbm, {"alpha": [0.01, 0.1]}, cv=RatingKFold(3, random_state=0))
    search.fit(RatingSamples(table))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    refitted = rbm.set_params(**search.best_params_).fit(table)
    np.testing.assert_array_equal(search.best_estimator_.components_, refitted.components_)


def tastes(n_users=300, n_items=40, seed=0):
    """Ratings 1 to 5 of users with one of two tastes, a third of them known."""
    rng = np.random.default_rng(seed)
    taste, kind = rng.choice([-1, 1], n_users), rng.choice([-1, 1], n_items)
    X = 3 + 1.2 * np.outer(taste, kind) + rng.normal(scale=0.7, size=(n_users, n_items))
    X = X.round().clip(1, 5)
    X[rng.random(X.shape) < 0.67] = NAN
    return X, taste


def test_tastes_are_learned_and_found():
    X, taste = tastes()
    rbm = RatingRBM(n_components=10, n_iter=40, random_state=0).fit(X)
    assert rbm.score(X) > -0.95  # the deviation of the ratings is 1.4, that of the noise 0.75
    H = rbm.transform(X)
    assert max(abs(np.corrcoef(taste, h)[0, 1]) for h in H.T) > 0.9


def test_early_stopping_keeps_the_weights_of_the_lowest_error():
    X, _ = tastes()
    rbm = RatingRBM(
        n_components=10,
        n_iter=60,
        learning_rate=0.3,
        alpha=0.0,
        learning_rate_schedule="constant",
        early_stopping=True,
        n_iter_no_change=3,
        random_state=0,
    ).fit(X)
    errors = rbm.history_["validation_rmse"]
    assert rbm.n_iter_ == len(errors) < 60
    assert np.argmin(errors) < len(errors) - 1


def test_new_users_teach_too():
    X, _ = tastes()
    rbm = RatingRBM(n_components=10, random_state=0, learning_rate=0.02)
    for _ in range(15):
        rbm.partial_fit(X[:150]).partial_fit(X[150:])
    assert rbm.score(X) > -1.0


def test_the_factor_of_weights_and_the_schedule_can_be_those_of_the_paper():
    X, _ = tastes()
    rbm = RatingRBM(
        5, half_size=np.inf, degree=None, n_gibbs_steps=(1, 3, 5, 9), n_iter=4, random_state=0
    ).fit(X)
    assert rbm.components_.shape == (40, 5, 5)
    assert np.isfinite(rbm.score(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rating_scale": [3, 1]}, "ascending"),
        ({"rating_scale": ["1", "3"]}, "ascending"),
        ({"degree": 0}, "degree"),
        ({"n_gibbs_steps": []}, "n_gibbs_steps"),
        ({"validation_fraction": 1e-9, "early_stopping": True}, "validation_fraction"),
    ],
)
def test_what_cannot_be_is_refused(table, options, message):
    with pytest.raises(ValueError, match=message):
        RatingRBM(**options).fit(table)


def test_pairs_that_are_not_there_are_refused(table):
    rbm = fitted(table)
    for pairs in (([0], [4]), ([12], [0]), ([-1], [0]), ([0.5], [0]), ([0, 1], [0])):
        with pytest.raises(ValueError, match="pairs"):
            rbm.predict(table, pairs=pairs)


def test_what_is_watched_and_scored_is_known(table):
    # Of each three stored entries two are not known; all ratings are the same.
    data = np.tile([NAN, 3.0, NAN], 1500)
    rows, items = np.divmod(np.arange(len(data)), 9)
    X = scipy.sparse.csr_array((data, (rows, items)), shape=(500, 9))
    options = {"conditional": True, "rating_scale": [1, 3], "n_components": 2, "random_state": 0}
    rbm = RatingRBM(n_iter=1, **options).fit(X)
    assert np.isfinite(rbm.history_["rmse"]).all()
    for nothing in (X[:, [0]], np.full((2, 9), NAN)):
        with pytest.raises(ValueError, match="no ratings"):
            RatingRBM(n_iter=1, **options).fit(nothing)
    with pytest.raises(ValueError, match="no ratings"):
        rbm.score(np.full((2, 9), NAN))


def test_rows_without_ratings_may_be_a_whole_minibatch(table):
    X = np.vstack([table, np.full((3, 4), NAN)])
    rbm = RatingRBM(n_components=2, n_iter=2, batch_size=1, random_state=0).fit(X)
    assert np.isfinite(rbm.predict(X)).all()


def test_samples_warn_of_no_names(table):
    rbm = RatingRBM(n_components=2, n_iter=1, random_state=0)
    rbm.fit(pd.DataFrame(table, columns=list("abcd")))
    assert rbm.sample(3, random_state=0).shape == (3, 4)


def test_folds_are_a_whole_number(table):
    for n_splits in (2.5, 1, 1000, "2"):
        with pytest.raises(ValueError, match="'n_splits' parameter of RatingKFold must be an int"):
            next(RatingKFold(n_splits).split(RatingSamples(table)))


def test_samples_of_arrays_keep_what_is_missing(table):
    rbm = fitted(table)
    V = rbm.sample(24, init=table, random_state=0)
    assert V.shape == (24, 4)
    np.testing.assert_array_equal(np.isnan(V), np.isnan(np.tile(table, (2, 1))))
    assert set(np.unique(rbm.sample(5, random_state=0))) <= {1, 2, 3}


@pytest.mark.parametrize("rare", [0.03, 0.005])
def test_ratings_far_from_the_others_do_not_rule_the_predictions(rare):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((200, 20)) < rare, 1.0, 5.0)
    X[rng.random(X.shape) < 0.5] = NAN
    # Nothing can be learned, so the mean is the best prediction.
    for n_iter in (0, 5):
        rbm = RatingRBM(5, n_iter=n_iter, random_state=0).fit(X)
        assert -rbm.score(X) < 1.05 * np.nanstd(X)


def test_a_training_that_went_astray_is_told():
    X, _ = tastes()
    with pytest.warns(UserWarning, match="RatingRBM predicts training ratings worse than their"):
        RatingRBM(5, learning_rate=50.0, random_state=0).fit(X)


def test_ratings_beyond_the_scale_are_told(table):
    rbm = RatingRBM(2, n_iter=1, random_state=0).fit(table)
    message = "possible ratings of RatingRBM are 1 to 3, but X has ratings from 1 to 30"
    for use in (rbm.predict, rbm.score, rbm.transform, rbm.recommend, rbm.partial_fit):
        with pytest.warns(UserWarning, match=message):
            use(table * [1, 1, 10, 1])
    with pytest.warns(UserWarning, match="are 10 to 20, but X has ratings from 1 to 20"):
        RatingRBM(2, n_iter=1, rating_scale=[10, 20]).fit(table)


def test_samples_and_streams_are_refused_where_they_do_not_fit(table):
    rbm = fitted(table)
    for use in (rbm.predict, rbm.transform, rbm.recommend):
        with pytest.raises(TypeError, match=r"samples\.all_ratings"):
            use(RatingSamples(table))
    with pytest.raises(TypeError, match="init is a stream"):
        rbm.sample(init=stream(table))


def test_samples_check_their_data(table):
    of_array = RatingSamples(table).all_ratings
    of_frame = RatingSamples(pd.DataFrame(table).astype("Int64")).all_ratings
    np.testing.assert_array_equal(of_frame.toarray(), of_array.toarray())
    with pytest.raises(ValueError, match="Expected 2D array"):
        RatingSamples([1.0, 2.0])


LINES = {"user": ["a", "b"], "item": [1, 2], "rating": [4, 3]}


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"user": "userId"}, "no column 'userId'.*by 'user'.*'user', 'item', 'rating'"),
        ({"user": ["a", None]}, {}, "column 'user' .* 1 missing"),
        ({"item": [1, NAN]}, {}, "column 'item' .* 1 missing"),
        ({"rating": [4]}, {}, "inconsistent numbers"),
        ({}, {"users": ["a", "b", "a"]}, "'users' .* twice"),
    ],
)
def test_tables_that_are_no_tables_of_ratings(change, options, message):
    for make in (dict, pd.DataFrame):
        if make is pd.DataFrame and "rating" in change:
            continue
        with pytest.raises(ValueError, match=message):
            ratings_matrix(make(LINES | change), **options)


@pytest.mark.parametrize("users", [[], [1, 2]])
def test_a_table_of_which_no_line_is_used(users):
    with pytest.warns(UserWarning, match="leaves out all 2 lines"):
        X = ratings_matrix(LINES, users=users).X
    assert X.shape == (len(users), 2)
    assert X.nnz == 0
