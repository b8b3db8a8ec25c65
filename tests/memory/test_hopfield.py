"""HopfieldMemory as its users see it."""

import copy
import os
import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import naive_hopfield as naive
from skebm import HopfieldMemory
from skebm._random import RandomStreams
from skebm.memory import storage, unlearning

RULES = ["hebb", "storkey", "pseudo_inverse", "dreaming", "dense", "softmax"]
WITH_WEIGHTS = RULES[:4]
BINARY = RULES[:5]
each_rule = pytest.mark.parametrize("rule", RULES)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Three orthogonal patterns of four units.
ORTHOGONAL = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]])


def random_patterns(n_patterns, n_units, seed=0):
    return np.random.default_rng(seed).choice([-1, 1], size=(n_patterns, n_units))


def damaged(X, share=0.1, seed=1):
    return np.where(np.random.default_rng(seed).random(X.shape) < share, -X, X)


def fitted(rule="hebb", n_patterns=6, n_units=100, **params):
    X = random_patterns(n_patterns, n_units)
    return HopfieldMemory(rule, random_state=0, **params).fit(X), X


# By hand ---------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*capacity:UserWarning")
def test_one_pattern_of_three_units():
    memory = HopfieldMemory().fit([[1, -1, 1], [1, -1, 1]][:1])
    np.testing.assert_allclose(memory.weights_ * 3, [[0, -1, 1], [-1, 0, -1], [1, -1, 0]])
    # Three pairs that agree, each with the weight 1/3 or -1/3.
    np.testing.assert_allclose(memory.energy([[1, -1, 1], [-1, 1, -1], [1, 1, 1]]), [-1, -1, 1 / 3])
    np.testing.assert_array_equal(memory.transform([[1, 1, 1]]), [[1, -1, 1]])


@pytest.mark.filterwarnings("ignore:.*capacity:UserWarning")
def test_two_patterns_of_four_units_with_a_bias():
    X = np.array([[1, 1, 1, -1], [1, -1, 1, 1]])
    memory = HopfieldMemory(fit_intercept=True).fit(X)
    expected = [[0, 0, 2, 0], [0, 0, 0, -2], [2, 0, 0, 0], [0, -2, 0, 0]]
    np.testing.assert_allclose(memory.weights_ * 4, expected)
    np.testing.assert_allclose(memory.intercept_ * 4, [2, 0, 2, 0])
    # -1/4 (2 x1 x3 - 2 x2 x4) - 1/4 (2 x1 + 2 x3)
    np.testing.assert_allclose(memory.energy([X[0], -X[0], [1, 1, -1, 1]]), [-2, 0, 1])


def test_dense_of_three_units():
    memory = HopfieldMemory("dense", order=3).fit([[1, 1, -1]])
    # E = -(3 / 3) m^3 with the overlaps m = 1, 1/3 and -1.
    np.testing.assert_allclose(
        memory.energy([[1, 1, -1], [1, 1, 1], [-1, -1, 1]]), [-1, -1 / 27, 1]
    )


# With more damage than this, the overlap to the power of 3000 is zero in float64.
@pytest.mark.parametrize(("order", "share"), [(200, 0.2), (3000, 0.02)])
def test_dense_of_high_order(order, share):
    memory = HopfieldMemory("dense", order=order, random_state=0)
    X = random_patterns(5, 1000)
    np.testing.assert_array_equal(memory.fit(X).transform(damaged(X, share)), X)


@pytest.mark.parametrize("similarity", ["dot", "euclidean", "manhattan"])
@each_dtype
def test_softmax_step_and_energy(similarity, dtype):
    rng = np.random.default_rng(0)
    patterns, X = rng.normal(size=(5, 7)).astype(dtype), rng.normal(size=(9, 7)).astype(dtype)
    memory = HopfieldMemory("softmax", beta=2.0, similarity=similarity, max_iter=1).fit(patterns)
    with pytest.warns(ConvergenceWarning, match=r"of 9 rows had not converged"):
        recalled = memory.recall(X)
    for r, x in enumerate(X):
        new, energy = naive.softmax_step(similarity, 2.0, x, patterns)
        np.testing.assert_allclose(recalled.states[r], new, rtol=1e-4)
        np.testing.assert_allclose(recalled.energies[r, 0], energy, rtol=1e-4)
        np.testing.assert_allclose(memory.energy(X)[r], energy, rtol=1e-4)
    assert recalled.states.dtype == recalled.energies.dtype == dtype


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_softmax_energy_never_rises(similarity):
    rng = np.random.default_rng(0)
    memory = HopfieldMemory("softmax", beta=0.7, similarity=similarity, max_iter=1000, tol=1e-9)
    recalled = memory.fit(rng.normal(size=(20, 5))).recall(3 * rng.normal(size=(50, 5)))
    assert (np.diff(recalled.energies) <= 1e-9).all()
    assert recalled.converged.all()


# Storing and recalling -------------------------------------------------------


@pytest.mark.parametrize("rule", WITH_WEIGHTS)
@pytest.mark.parametrize("update", ["async", "sync"])
def test_orthogonal_patterns_are_fixed_points(rule, update):
    # Rows of a Hadamard matrix, fewer than half as many as units.
    H = np.array([[1]])
    for _ in range(5):
        H = np.block([[H, H], [H, -H]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        memory = HopfieldMemory(rule, update=update, random_state=0).fit(H[:15])
    recalled = memory.recall(H[:15])
    np.testing.assert_array_equal(recalled.states, H[:15])
    assert recalled.converged.all()
    assert recalled.n_steps.max() == 0
    np.testing.assert_array_equal(memory.predict(H[:15]), np.arange(15))


@each_rule
@each_dtype
def test_damaged_patterns_are_recalled(rule, dtype):
    memory, X = fitted(rule)
    X = X.astype(dtype)
    recalled = memory.recall(damaged(X))
    np.testing.assert_allclose(recalled.states, X, atol=1e-6)
    assert recalled.states.dtype == dtype
    np.testing.assert_array_equal(memory.predict(damaged(X)), np.arange(6))
    assert recalled.converged.all()
    assert not recalled.cycled.any()
    assert (np.diff(recalled.energies) <= 1e-5).all()
    np.testing.assert_allclose(recalled.energies[:, -1], memory.energy(X), rtol=1e-4)
    np.testing.assert_array_equal(memory.transform(damaged(X)), recalled.states)


@each_rule
def test_partial_fit_row_by_row_is_fit(rule):
    memory, X = fitted(rule, fit_intercept=True)
    other = HopfieldMemory(rule, fit_intercept=True, random_state=0)
    for row in X:
        assert other.partial_fit(row[None]) is other
    for name in ["weights_", "intercept_", "patterns_"]:
        if hasattr(memory, name):
            compare = np.testing.assert_allclose
            if rule == "hebb":
                compare = np.testing.assert_array_equal
            compare(getattr(other, name), getattr(memory, name), **tolerance(rule))
    assert other.load_ == memory.load_ == 6 / 100
    np.testing.assert_array_equal(other.transform(damaged(X)), memory.transform(damaged(X)))


def tolerance(rule):
    return {} if rule == "hebb" else {"atol": 1e-12}


@pytest.mark.parametrize("rule", ["hebb", "dense", "softmax"])
def test_storing_row_by_row_copies_few_patterns(rule):
    X = random_patterns(200, 30)
    memory = HopfieldMemory(rule).fit(X[:1])
    places = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for row in X[1:]:
            memory.partial_fit(row[None])
            places.add(memory.patterns_.ctypes.data)
    np.testing.assert_array_equal(memory.patterns_, X)
    assert len(places) < 20


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_do_not_share_room(duplicate):
    X = random_patterns(40, 30)
    memory = HopfieldMemory("dense").fit(X[:8]).partial_fit(X[8:9])
    seen = memory.patterns_
    other = duplicate(memory)
    memory.partial_fit(X[9:12])
    other.partial_fit(X[12:15])
    memory.partial_fit(X[15:40])
    np.testing.assert_array_equal(seen, X[:9])
    np.testing.assert_array_equal(other.patterns_, X[[*range(9), 12, 13, 14]])
    np.testing.assert_array_equal(memory.patterns_, X[[*range(12), *range(15, 40)]])
    assert len(pickle.dumps(memory)) < 40 * 30 + 2000


@each_rule
def test_forget(rule):
    X = random_patterns(8, 60)
    y = np.arange(8) * 10
    kept = [0, 2, 3, 5, 6]
    expected = HopfieldMemory(rule, random_state=0).fit(X[kept], y[kept])
    memory = HopfieldMemory(rule, random_state=0).fit(X[:6], y[:6]).partial_fit(X[6:], y[6:])
    assert memory.forget(X[[7, 1, 4]]) is memory
    assert vars(memory).keys() == vars(expected).keys()
    for name in ["weights_", "intercept_", "patterns_", "labels_", "load_"]:
        if hasattr(expected, name):
            np.testing.assert_allclose(getattr(memory, name), getattr(expected, name), atol=1e-12)


def test_forget_one_of_two_copies():
    X = random_patterns(3, 40)
    memory = HopfieldMemory().fit(X[[0, 1, 0, 2]]).forget(X[:1])
    np.testing.assert_array_equal(memory.patterns_, X[[0, 1, 2]])
    np.testing.assert_array_equal(memory.weights_, HopfieldMemory().fit(X).weights_)
    with pytest.raises(ValueError, match="Row 1 of X is not stored"):
        memory.forget(X[[0, 0]])
    np.testing.assert_array_equal(memory.patterns_, X[[0, 1, 2]])


def test_forget_everything():
    memory, X = fitted()
    with pytest.raises(ValueError, match="it cannot be empty"):
        memory.forget(X)


@pytest.mark.parametrize("rule", WITH_WEIGHTS)
def test_unlearn_in_two_calls(rule):
    memory, _ = fitted(rule, 12, fit_intercept=True)
    other = pickle.loads(pickle.dumps(memory))
    before = memory.weights_.copy()
    assert memory.unlearn(5, rate=0.1).unlearn(3, rate=0.1) is memory
    other.unlearn(8, rate=0.1)
    np.testing.assert_array_equal(memory.weights_, other.weights_)
    np.testing.assert_array_equal(memory.intercept_, other.intercept_)
    assert not memory.weights_.diagonal().any()
    np.testing.assert_array_equal(memory.weights_, memory.weights_.T)
    # Each dream takes rate / N from each weight, or adds it.
    change = (memory.weights_ - before) / (0.1 / 100)
    off_diagonal = ~np.eye(100, dtype=bool)
    assert set(np.unique(np.rint(change[off_diagonal]))) <= set(range(-8, 9, 2))
    np.testing.assert_allclose(change, np.rint(change), atol=1e-9)
    assert abs(change).max() > 5


def test_unlearning_makes_no_bias():
    assert not fitted()[0].unlearn(5).intercept_.any()
    assert fitted(fit_intercept=True)[0].unlearn(5, rate=0.5).intercept_.any()


def test_unlearning_raises_the_capacity():
    X = random_patterns(60, 200)
    with pytest.warns(UserWarning, match="more than the capacity"):
        memory = HopfieldMemory(random_state=0).fit(X)
    before = memory.score(X, np.arange(60))
    after = memory.unlearn(500, rate=0.02).score(X, np.arange(60))
    assert before < 0.2
    assert after > 0.7


@pytest.mark.parametrize("rule", ["storkey", "pseudo_inverse", "dreaming"])
def test_what_unlearning_forbids(rule):
    memory, X = fitted(rule)
    memory.unlearn(1)
    weights = memory.weights_.copy()
    with pytest.raises(ValueError, match="cannot forget patterns after unlearn"):
        memory.forget(X[:1])
    np.testing.assert_array_equal(memory.weights_, weights)
    assert len(memory.patterns_) == 6
    more = random_patterns(1, 100, seed=9)
    if rule != "storkey":  # which knows how to go on from any weights
        with pytest.raises(ValueError, match="cannot store more patterns after unlearn"):
            memory.partial_fit(more)
        np.testing.assert_array_equal(memory.weights_, weights)
        memory.fit(X)
    assert len(memory.partial_fit(more).patterns_) == 7
    assert (memory.weights_ != weights).any()


def test_hebb_forgets_after_unlearning():
    memory, X = fitted()
    memory.unlearn(3)
    before = memory.weights_.copy()
    memory.forget(X[:2]).partial_fit(X[:2])
    np.testing.assert_allclose(memory.weights_, before, atol=1e-14)


@pytest.mark.parametrize("rule", ["dense", "softmax"])
def test_nothing_to_unlearn(rule):
    with pytest.raises(ValueError, match=f"rule='{rule}' keeps the patterns themselves"):
        fitted(rule)[0].unlearn()


# Encodings -------------------------------------------------------------------


@pytest.mark.parametrize("rule", BINARY)
@pytest.mark.parametrize("encode", [lambda X: (X + 1) // 2, lambda X: X > 0], ids=["01", "bool"])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_zero_one_memory_is_spin_memory(rule, encode, fit_intercept):
    spin, X = fitted(rule, fit_intercept=fit_intercept)
    other = HopfieldMemory(rule, fit_intercept=fit_intercept, random_state=0).fit(encode(X))
    assert (spin.encoding_, other.encoding_) == ("spin", "binary")
    for name in ["weights_", "intercept_", "patterns_"]:
        if hasattr(spin, name):
            np.testing.assert_array_equal(getattr(other, name), getattr(spin, name))
    Q = damaged(X, 0.3)
    recalled = other.transform(encode(Q))
    np.testing.assert_array_equal(recalled, encode(spin.transform(Q)))
    assert recalled.dtype == encode(X).dtype
    np.testing.assert_allclose(other.energy(encode(Q)), spin.energy(Q))


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32, np.float64])
def test_states_come_back_in_their_type(dtype):
    memory, X = fitted()
    recalled = memory.transform(damaged(X).astype(dtype))
    assert recalled.dtype == dtype
    np.testing.assert_array_equal(recalled, X)


@pytest.mark.parametrize("dtype", [np.uint8, bool])
def test_queries_of_another_type(dtype):
    _, X = fitted()
    memory = HopfieldMemory(random_state=0).fit(((X + 1) / 2).astype(np.float32))
    recalled = memory.transform((damaged(X) > 0).astype(dtype))
    assert recalled.dtype == dtype
    np.testing.assert_array_equal(recalled, X > 0)


def test_other_numbers_are_thresholded():
    X = random_patterns(5, 80)
    real = np.where(X > 0, 7.5, 2.0)
    memory = HopfieldMemory(binarize=3.0, random_state=0).fit(real)
    assert memory.encoding_ == "threshold"
    np.testing.assert_array_equal(memory.patterns_, X)
    np.testing.assert_array_equal(memory.transform(real), X > 0)
    assert HopfieldMemory().fit(real - 3).encoding_ == "threshold"


def test_ones_alone_leave_the_encoding_open():
    memory = HopfieldMemory().partial_fit(np.ones((1, 40)))
    assert memory.encoding_ is None
    np.testing.assert_array_equal(memory.transform(-np.ones((1, 40))), -np.ones((1, 40)))
    np.testing.assert_array_equal(memory.transform([[0] * 3 + [1] * 37]), np.ones((1, 40)))
    memory.partial_fit(-ORTHOGONAL[:1].repeat(10, axis=1))
    assert memory.encoding_ == "spin"


@pytest.mark.parametrize(
    ("stored", "query", "message"),
    [
        ([[1, -1, 1]], [[1, 0, 1]], "was fitted on rows of -1 and 1. Got 0 and 1"),
        ([[1, 0, 1]], [[1, -1, 1]], "was fitted on rows of 0 and 1. Got -1 and 1"),
        (
            [[1, 0, 1]],
            [[1, 0.5, 1]],
            "was fitted on rows of 0 and 1. Got other values, such as 0.5",
        ),
        ([[1, -1, 1]], [[True, False, True]], "was fitted on rows of -1 and 1. Got 0 and 1"),
        ([[1, 0, 1]], [[0, -1, 1]], "Got other values, such as -1 beside 0"),
    ],
)
@pytest.mark.parametrize("method", ["transform", "partial_fit", "energy", "predict", "forget"])
def test_mixed_encodings(stored, query, message, method):
    memory = HopfieldMemory().fit(np.repeat(stored, 4, axis=1))
    with pytest.raises(ValueError, match=message):
        getattr(memory, method)(np.repeat(query, 4, axis=1))


def test_binarize_none():
    with pytest.raises(ValueError, match=r"takes rows of -1 and 1 or of 0 and 1. .* 2"):
        HopfieldMemory(binarize=None).fit([[0, 1, 2]])
    memory = HopfieldMemory(binarize=None).fit(np.eye(9)[:1])
    assert memory.encoding_ == "binary"


def test_softmax_is_real():
    X = np.random.default_rng(0).normal(size=(30, 20))
    memory = HopfieldMemory("softmax", beta=50, similarity="euclidean").fit(X)
    assert memory.encoding_ == "real"
    np.testing.assert_allclose(memory.transform(X + 0.01), X, atol=1e-6)
    np.testing.assert_array_equal(memory.predict(X + 0.01), np.arange(30))


# Prediction ------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[3, 5], [0.5, -7.0], ["a", "b"], [True, False]])
def test_labels(labels):
    X = random_patterns(2, 50)
    memory = HopfieldMemory(random_state=0).fit(X, labels)
    rows = np.concatenate([X, -X, damaged(X, 0.1)])
    assert memory.predict(rows).tolist() == [*labels, -2, -2, *labels]
    assert memory.score(X, labels) == 1
    assert memory.score(-X, labels) == 0


@pytest.mark.parametrize(
    ("labels", "label"),
    [([-1, 1], "-1"), ([-2.0, 0.5], "-2"), ([[0, 3], [-1, 4]], "-1"), (["a", -1], "-1")],
)
def test_labels_that_are_codes_of_predict(labels, label):
    X = random_patterns(2, 50)
    y = np.array(labels, dtype=object if "a" in labels else None)
    memory = HopfieldMemory(random_state=0).fit(X, y)
    before = pickle.dumps(vars(memory))
    for call in [lambda: memory.predict(X), lambda: memory.score(X, y)]:
        with pytest.raises(ValueError, match=f"label {label} in y of HopfieldMemory.fit"):
            call()
    assert pickle.dumps(vars(memory)) == before
    # A step of a pipeline is given the labels of another, and does not predict.
    np.testing.assert_array_equal(memory.fit_transform(X, y), X)
    pipeline = make_pipeline(HopfieldMemory(random_state=0), KNeighborsClassifier(1))
    if y.ndim == 1 and y.dtype.kind == "i":
        assert pipeline.fit(X, y).predict(X).tolist() == labels


def test_words_that_look_like_codes_are_labels():
    X = random_patterns(2, 50)
    memory = HopfieldMemory(random_state=0).fit(X, ["-1", "-2"])
    assert memory.predict([*X, -X[0]]).tolist() == ["-1", "-2", -2]


@pytest.mark.parametrize("rule", WITH_WEIGHTS)
def test_spurious_states(rule):
    # A mixture of three is at rest, and neither a pattern nor a reversed one.
    X = random_patterns(3, 600)
    memory = HopfieldMemory(rule, random_state=0).fit(X)
    mixture = np.sign(X.sum(axis=0))[None]
    assert memory.predict(mixture).tolist() == [-1]
    assert memory.predict(-mixture).tolist() == [-1]


def test_match_tol():
    memory, X = fitted()
    X = X.copy()
    weights = memory.weights_.copy()
    memory.weights_ = np.zeros_like(weights)  # nothing moves
    X[:, :3] *= -1
    for match_tol, expected in [(0.029, -1), (0.031, 0)]:
        assert memory.set_params(match_tol=match_tol).predict(X[:1]).tolist() == [expected]
        reverse = memory.predict(-X[:1]).tolist()
        assert reverse == [-1 if expected else -2]


def test_predict_of_many_patterns():
    X = random_patterns(5000, 64)
    memory = HopfieldMemory("softmax", beta=5.0).fit(X)
    np.testing.assert_array_equal(memory.predict(X), np.arange(5000))
    with pytest.warns(UserWarning, match="more than the capacity"):
        memory = HopfieldMemory().fit(X)
    memory.weights_ = np.zeros((64, 64))
    np.testing.assert_array_equal(memory.predict(X), np.arange(5000))


def test_labels_of_all_or_none():
    X = random_patterns(4, 50)
    with pytest.raises(ValueError, match="y is missing"):
        HopfieldMemory().fit(X[:2], [0, 1]).partial_fit(X[2:])
    with pytest.raises(ValueError, match="y was not given before"):
        HopfieldMemory().fit(X[:2]).partial_fit(X[2:], [0, 1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        HopfieldMemory().fit(X, [0, 1])


def test_score():
    memory, X = fitted()
    np.testing.assert_array_equal(memory.score_samples(X), -memory.energy(X))
    assert memory.score(X) == pytest.approx(-memory.energy(X).mean())
    # Novelty: what is stored scores above noise.
    assert memory.score_samples(X).min() > memory.score_samples(random_patterns(50, 100, 9)).max()


# Dynamics --------------------------------------------------------------------


@pytest.mark.parametrize("rule", BINARY)
def test_a_row_does_not_depend_on_its_neighbours(rule):
    memory, _ = fitted(rule)
    Q = random_patterns(300, 100, seed=5)
    together = memory.recall(Q)
    alone = [memory.recall(row[None]) for row in Q[::30]]
    np.testing.assert_array_equal(together.states[::30], np.concatenate([a.states for a in alone]))
    np.testing.assert_array_equal(together.n_steps[::30], [a.n_steps[0] for a in alone])
    np.testing.assert_array_equal(memory.transform(Q[::-1])[::-1], together.states)
    # Nor do gaps in one row change another, whether units are stochastic or not.
    with_gaps = Q.astype(float)
    with_gaps[::3, ::2] = np.nan
    whole = np.arange(300) % 3 > 0
    for temperature in [0.0, 0.3]:
        memory.set_params(temperature=temperature, max_iter=10)
        expected, recalled = memory.recall(Q), memory.recall(with_gaps)
        np.testing.assert_array_equal(recalled.states[whole], expected.states[whole])
        np.testing.assert_array_equal(recalled.n_steps[whole], expected.n_steps[whole])


def test_random_state_orders_the_units():
    X = random_patterns(13, 100)
    Q = random_patterns(100, 100, seed=5)
    memory = HopfieldMemory(random_state=0).fit(X)
    again, other = clone(memory).fit(X), HopfieldMemory(random_state=1).fit(X)
    np.testing.assert_array_equal(memory.transform(Q), again.transform(Q))
    assert (memory.transform(Q) != other.transform(Q)).any()
    drawn = memory.recall(Q, random_state=1).states
    np.testing.assert_array_equal(drawn, memory.recall(Q, random_state=1).states)
    assert (drawn != memory.transform(Q)).any()


@each_rule
@pytest.mark.parametrize("update", ["async", "sync"])
def test_clamp(rule, update):
    memory, X = fitted(rule, n_patterns=3, update=update)
    clamp = np.zeros(X.shape, dtype=bool)
    clamp[:, :5] = True
    clamp[0, :9] = True
    Q = X.copy().astype(float)
    Q[clamp] *= -1
    Q = np.where(clamp, Q, damaged(Q))
    recalled = memory.recall(Q, clamp=clamp)
    np.testing.assert_array_equal(recalled.states[clamp], Q[clamp])
    np.testing.assert_allclose(recalled.states[~clamp], X[~clamp], atol=1e-5)
    same = memory.recall(Q, clamp=clamp[1])
    np.testing.assert_allclose(same.states[1:], recalled.states[1:], atol=1e-5)


@each_rule
@pytest.mark.parametrize("how", ["nan", "object", "mask"])
def test_missing_entries(rule, how):
    memory, X = fitted(rule)
    gaps = np.random.default_rng(2).random(X.shape) < 0.3
    gaps[3] = False
    Q, options = np.where(gaps, np.nan, X), {}
    if how == "object":
        Q = Q.astype(object)
        Q[gaps] = None
    elif how == "mask":
        Q, options = np.where(gaps, -X, X), {"missing": gaps}
    recalled = memory.recall(Q, **options)
    np.testing.assert_allclose(recalled.states.astype(float), X, atol=1e-5)
    # Known entries may be clamped, missing ones may not.
    recalled = memory.recall(Q, clamp=~gaps, **options)
    np.testing.assert_allclose(recalled.states.astype(float), X, atol=1e-5)
    with pytest.raises(ValueError, match="clamp is true for entries of X that are missing"):
        memory.recall(Q, clamp=np.ones(100, dtype=bool), **options)


def test_missing_entries_start_at_random():
    memory, X = fitted()
    memory.weights_ = np.zeros((100, 100))
    Q = X.astype(float)
    Q[:, ::2] = np.nan
    states = memory.recall(Q).states
    np.testing.assert_array_equal(states[:, 1::2], X[:, 1::2])
    assert set(np.unique(states)) == {-1, 1}
    assert abs(states[:, ::2].mean()) < 4.5 / np.sqrt(states[:, ::2].size)
    assert (states[0, ::2] != states[1, ::2]).any()
    assert (states != memory.recall(Q, random_state=3).states).any()


@each_rule
def test_where_missing_entries_are_allowed(rule):
    memory, X = fitted(rule)
    Q = X.astype(float)
    Q[:, 0] = np.nan
    for method in ["transform", "predict", "energy", "score_samples"]:
        with pytest.raises(ValueError, match="contains NaN"):
            getattr(memory, method)(Q)
    memory.set_params(allow_missing=True)
    np.testing.assert_allclose(memory.transform(Q), X, atol=1e-5)
    np.testing.assert_array_equal(memory.predict(Q), np.arange(6))
    with pytest.raises(ValueError, match="contains NaN"):
        memory.energy(Q)
    for method in ["fit", "partial_fit", "forget"]:
        with pytest.raises(ValueError, match="contains NaN"):
            getattr(memory, method)(Q)


def test_cycles_are_reported():
    # Two units that want to differ, and a third that follows nobody.
    memory = HopfieldMemory(update="sync").fit([[1, -1] * 4])
    with pytest.warns(ConvergenceWarning, match="1 of 2 rows ended in a cycle of two states"):
        recalled = memory.recall([[1] * 8, [1, -1] * 4])
    assert recalled.cycled.tolist() == [True, False]
    assert recalled.converged.tolist() == [False, True]
    assert np.isin(recalled.states, [-1, 1]).all()


@pytest.mark.parametrize("method", ["transform", "recall", "predict"])
def test_warnings_point_to_the_caller(method):
    memory = HopfieldMemory(update="sync").fit([[1, -1] * 4])
    with pytest.warns(ConvergenceWarning) as record:
        getattr(memory, method)([[1] * 8])
    assert [warning.filename for warning in record] == [__file__]


def test_too_few_sweeps():
    with pytest.warns(UserWarning, match="more than the capacity"):
        memory, _ = fitted(n_patterns=40, max_iter=1)
    Q = random_patterns(50, 100, seed=5)
    with pytest.warns(ConvergenceWarning, match=r"of 50 rows had not converged after 1 sweeps"):
        recalled = memory.recall(Q)
    assert not recalled.converged.all()
    assert recalled.energies.shape == (50, 2)
    memory.set_params(max_iter=100)
    assert memory.recall(Q).converged.all()


@pytest.mark.parametrize("rule", ["hebb", "dense"])
def test_temperature(rule):
    memory, X = fitted(rule, temperature=0.3, max_iter=20)
    recalled = memory.recall(damaged(X))
    assert (recalled.n_steps == 20).all()
    assert recalled.energies.shape == (6, 21)
    overlaps = (recalled.states * X).mean(axis=1)
    assert (overlaps > 0.8).all()
    # Beyond the critical temperature nothing is recalled.
    hot = memory.set_params(temperature=20.0).transform(X)
    assert abs((hot * X).mean(axis=1)).max() < 4.5 / np.sqrt(X.shape[1])


@pytest.mark.parametrize("rule", ["hebb", "dense"])
@pytest.mark.parametrize("update", ["async", "sync"])
def test_annealing_comes_to_rest(rule, update):
    memory, X = fitted(
        rule, temperature=0.3, temperature_schedule="linear", max_iter=30, update=update
    )
    recalled = memory.recall(damaged(X, 0.2))
    np.testing.assert_array_equal(recalled.states, X)
    assert recalled.converged.all()
    assert (recalled.n_steps >= 30).all()
    np.testing.assert_allclose(recalled.energies[:, -1], memory.energy(X))


def test_a_schedule_that_ends_warm_is_followed_by_rest():
    memory, X = fitted(temperature=2.0, max_iter=9)
    assert not memory.recall(X).converged.all()
    recalled = memory.set_params(temperature_schedule="invscaling").recall(X)
    assert recalled.converged.all()
    assert recalled.n_steps.max() > 9
    np.testing.assert_array_equal(memory.fit(X).transform(X), recalled.states)


def test_annealing_finds_lower_energies_than_falling():
    rng = np.random.default_rng(0)
    memory, _ = fitted()
    W, _ = naive.random_network(rng, 100)
    memory.weights_ = W
    Q = random_patterns(100, 100, seed=4)
    fallen = memory.energy(memory.transform(Q)).mean()
    memory.set_params(temperature=15.0, temperature_schedule="linear", max_iter=200)
    assert memory.energy(memory.transform(Q)).mean() < fallen - 20


# Warnings and errors ---------------------------------------------------------


@pytest.mark.parametrize(
    ("n_patterns", "remedy"),
    [
        (10, {"rule": "pseudo_inverse"}),
        (30, {"rule": "pseudo_inverse"}),
        (150, {"rule": "dense", "order": 3}),
        (400, {"rule": "dense", "order": 4}),
    ],
)
def test_the_warning_of_overload_names_a_rule_that_holds_the_patterns(n_patterns, remedy):
    X = random_patterns(n_patterns, 64)
    said = ".* ".join(f"{k}={v!r}" for k, v in remedy.items())
    with pytest.warns(UserWarning, match=f"For this number of patterns, set {said}"):
        HopfieldMemory().fit(X)
    memory = HopfieldMemory(**remedy).fit(X)
    assert np.mean(memory.transform(X) == X) > 0.99


def test_correlated_patterns_that_recall_does_not_keep_are_warned_of():
    """Five digits are far below the capacity of random patterns, and none of them is recalled."""
    digits = load_digits().data[:5] > 7
    with pytest.warns(UserWarning, match=r"does not keep \d of 5 .* Set rule='pseudo_inverse'"):
        memory = HopfieldMemory().fit(digits)
    assert (memory.predict(digits) < 0).all()
    with warnings.catch_warnings(action="error"):
        memory = HopfieldMemory("pseudo_inverse").fit(digits)
        np.testing.assert_array_equal(memory.predict(digits), range(5))
        # Random patterns near the capacity, of which a few units change, are no reason to warn.
        HopfieldMemory().fit(random_patterns(27, 200))


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("hebb", "like none of them"),
        ("storkey", "stored patterns become unstable"),
        ("pseudo_inverse", "the weights approach the identity"),
        ("dreaming", "damaged ones are not recalled even at lower loads"),
        ("dense", "patterns will disturb each other"),
    ],
)
def test_warning_of_overload(rule, what):
    X = random_patterns(400, 30)
    memory = HopfieldMemory(rule).fit(X[:2])
    n_most = int(memory.capacity_ * 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory.partial_fit(X[2:n_most])
    with pytest.warns(UserWarning, match=f"{n_most + 1} patterns in 30 units .*{what}"):
        memory.partial_fit(X[n_most : n_most + 1])
    assert memory.load_ == pytest.approx((n_most + 1) / 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once is enough
        memory.partial_fit(X[n_most + 1 : n_most + 2])
    with pytest.warns(UserWarning, match=what):
        memory.fit(X[: n_most + 1])


@pytest.mark.parametrize(
    "params",
    [
        {"rule": "hebbian"},
        {"fit_intercept": 1},
        {"binarize": "zero"},
        {"sleep_time": -1.0},
        {"order": 1},
        {"order": 2.5},
        {"beta": 0.0},
        {"similarity": "cosine"},
        {"update": "random"},
        {"max_iter": 0},
        {"temperature": -0.1},
        {"temperature_schedule": "quadratic"},
        {"tol": -1.0},
        {"match_tol": 0.5},
        {"allow_missing": "yes"},
    ],
)
def test_parameters_are_checked(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"The '{name}' parameter of HopfieldMemory must be"):
        HopfieldMemory(**params).fit(ORTHOGONAL[:1])


@each_rule
def test_failure_changes_nothing(rule):
    memory, X = fitted(rule)
    before = pickle.dumps(vars(memory))
    bad = X[:2].astype(float)
    bad[1, 3] = np.nan
    for method in ["fit", "partial_fit", "forget"]:
        with pytest.raises(ValueError, match="contains NaN"):
            getattr(memory, method)(bad)
        with pytest.raises(ValueError, match=r"99 features|not stored"):
            getattr(memory, method)(X[:, :99]) if method != "fit" else memory.forget(-X[:1] * 1)
    assert pickle.dumps(vars(memory)) == before


def test_a_row_of_another_length():
    memory, X = fitted()
    for method in ["partial_fit", "forget", "transform", "predict", "recall", "energy"]:
        with pytest.raises(ValueError, match="X has 99 features, but HopfieldMemory is expecting"):
            getattr(memory, method)(X[:, :99])


@pytest.mark.parametrize("name", ["clamp", "missing"])
def test_masks_are_checked(name):
    memory, X = fitted()
    for mask in [np.ones(100), np.ones(99, dtype=bool), np.ones((5, 100), dtype=bool)]:
        with pytest.raises(ValueError, match=f"{name} must be an array of bool of shape"):
            memory.recall(X, **{name: mask})


def test_not_fitted():
    for method in ["transform", "predict", "recall", "energy", "forget", "score_samples"]:
        with pytest.raises(NotFittedError):
            getattr(HopfieldMemory(), method)(ORTHOGONAL)
    with pytest.raises(NotFittedError):
        HopfieldMemory().unlearn()


def test_parameters_of_storing_are_kept():
    memory, X = fitted("dreaming")
    for change in [{"rule": "hebb"}, {"fit_intercept": True}, {"sleep_time": 2.0}]:
        changed = clone(memory).fit(X).set_params(**change)
        with pytest.raises(ValueError, match="was fitted with"):
            changed.transform(X)
        with pytest.raises(ValueError, match="was fitted with"):
            changed.partial_fit(X)
        changed.fit(X).transform(X)


# With scikit-learn -----------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*capacity:UserWarning")
def test_pipeline_and_grid_search():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    classifier = KNeighborsClassifier(1)
    pipeline = make_pipeline(HopfieldMemory("dense", order=20, binarize=7.0), classifier)
    assert pipeline.fit(X, y).score(X, y) > 0.8
    ends_in_memory = make_pipeline(StandardScaler(), HopfieldMemory("dense", order=30))
    ends_in_memory.fit(X, y)
    assert ends_in_memory.score(X, y) > 0.9
    grid = GridSearchCV(HopfieldMemory("dense", binarize=7.0), {"order": [2, 20]}, cv=2)
    assert grid.fit(X, y).best_params_ == {"order": 20}


@pytest.mark.parametrize("rule", WITH_WEIGHTS)
def test_memory_map(rule, tmp_path):
    # joblib hands workers read-only arrays; more can still be stored.
    memory, X = fitted(rule)
    joblib.dump(memory, tmp_path / "memory.joblib")
    mapped = joblib.load(tmp_path / "memory.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.transform(X), X)
    more = random_patterns(2, 100, seed=8)
    mapped.partial_fit(more).unlearn(2)
    memory.partial_fit(more).unlearn(2)
    np.testing.assert_array_equal(mapped.weights_, memory.weights_)


@pytest.mark.parametrize("change", ["partial_fit", "forget", "unlearn"])
def test_a_change_that_is_broken_off_leaves_the_memory_as_it_was(change, monkeypatch):
    memory, X = fitted(n_patterns=3)
    before = {name: np.copy(value) for name, value in vars(memory).items()}

    def interrupted(function):
        def call(*arguments):
            function(*arguments)
            raise KeyboardInterrupt

        return call

    monkeypatch.setattr(storage, "add_counts", interrupted(storage.add_counts))
    monkeypatch.setattr(unlearning, "dream", interrupted(unlearning.dream))
    with pytest.raises(KeyboardInterrupt):
        getattr(memory, change)(*([] if change == "unlearn" else [X[:1]]))
    assert vars(memory).keys() == before.keys()
    for name, value in vars(memory).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


HASHES = """
import warnings
import joblib
import numpy as np
from skebm import HopfieldMemory

warnings.simplefilter("ignore")
X = np.random.default_rng(0).choice(np.array([-1, 1], dtype=np.float32), size=(300, 600))
for rule in ["hebb", "storkey", "pseudo_inverse", "dreaming", "dense", "softmax"]:
    memory = HopfieldMemory(rule, random_state=0, max_iter=5).fit(X[:150])
    if hasattr(memory, "weights_"):
        memory.unlearn(3)
        print(rule, joblib.hash(memory.weights_))
    for params in [{}, {"update": "sync"}, {"temperature": 0.3}]:
        recalled = memory.set_params(**params).recall(X[:40 if rule == "dense" else 300])
        print(rule, params, joblib.hash((recalled.states, recalled.energies)))
"""


def test_same_result_for_any_number_of_threads():
    pools = ["NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    one, two = (
        subprocess.run(
            [sys.executable, "-c", HASHES],
            check=True,
            env=os.environ | path | dict.fromkeys(pools, n_threads),
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        for n_threads in ("1", "2")  # in turn, so that the second need not compile anything
    )
    assert one == two
    assert one.count("\n") == 4 + 6 * 3


def test_rounding_never_flips_a_unit():
    # With an even number of patterns many fields are zero; in float32 they come out beside it.
    X = random_patterns(12, 99).astype(np.float32)
    Q = random_patterns(200, 99, seed=3)
    memory = HopfieldMemory(random_state=0).fit(X)
    orders = memory._orders(RandomStreams(memory._seed), together=False)
    counts = naive.without_diagonal(X.astype(int).T @ X.astype(int))
    free, bias = np.ones(99, dtype=bool), np.zeros(99, dtype=int)
    expected = [naive.settle(counts, bias, x, orders, free, 100)[-1] for x in Q]
    np.testing.assert_array_equal(memory.transform(Q.astype(np.float32)), expected)
