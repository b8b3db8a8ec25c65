"""Ratings read in chunks of users: RatingRBM beside the same ratings in memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone

import skebm
from skebm import RatingRBM, data_parallel, ratings_matrix
from skebm.ratings.rows import Levels, Split, rating_rows, some_ratings_of

RNG = np.random.default_rng(0)
NAN = np.nan


def tastes(n_users=300, n_items=20, share=0.4, seed=0):
    """Ratings from 1 to 5 that follow a taste for one half of the items or the other."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=(n_users, 1)) * np.where(np.arange(n_items) % 2, 1.5, -1.5)
    X = np.clip(np.rint(3 + taste + 0.5 * rng.normal(size=taste.shape)), 1, 5)
    X[rng.random(X.shape) > share] = NAN
    X[2] = NAN  # a user without ratings
    return X


X = tastes()
CSR = scipy.sparse.csr_array(np.nan_to_num(X))  # of 0 there are none
RBM = RatingRBM(4, n_iter=3, random_state=0)


def parts_of(X, size=70):
    return [X[start : start + size] for start in range(0, X.shape[0], size)]


def assert_same_model(found, expected, rtol=1e-6):
    names = ["components_", "intercept_visible_", "intercept_hidden_", "rating_scale_"]
    for name in names + ["rated_components_"] * found.conditional:
        a, b = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-8)
        assert a.dtype == b.dtype


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (X, {}),
        (CSR, {}),
        (CSR, {"early_stopping": True, "n_iter": 12, "n_iter_no_change": 2}),
        (CSR, {"conditional": True, "degree": None}),
        (CSR, {"rating_scale": [1, 3, 5]}),
        (X + np.arange(20) % 3 / 4, {}),
        (pd.DataFrame(X, columns=[f"film {k}" for k in range(20)]), {}),
    ],
    ids=["dense", "sparse", "early stopping", "conditional", "scale", "levels", "frame"],
)
def test_what_is_learned_from_chunks_is_what_is_learned_from_all(data, options):
    if isinstance(data, pd.DataFrame):
        chunks = [data[start : start + 70] for start in range(0, 300, 70)]
    else:
        chunks = [data[:0], *parts_of(data), data[:0]]
    rbm = clone(RBM).set_params(**options)
    expected, found = clone(rbm).fit(data), clone(rbm).fit(skebm.stream(chunks))
    assert_same_model(found, expected)
    assert found.history_.keys() == expected.history_.keys()
    for name in found.history_.keys() - {"seconds"}:
        assert found.history_[name] == pytest.approx(expected.history_[name], rel=1e-3)
    some = data[:100]
    expected.partial_fit(some), found.partial_fit(skebm.stream(parts_of(some)))
    assert_same_model(found, expected)


def test_small_windows_and_parts_serve_as_well():
    rbm = clone(RBM).set_params(n_iter=30)
    new = tastes(seed=1)
    expected = clone(rbm).fit(CSR).score(new)
    assert expected > -1.2  # the deviation of the ratings is 1.5
    rows = skebm.stream(parts_of(CSR, 30), window=60)
    found = clone(rbm).fit(rows)
    assert found.score(new) == pytest.approx(expected, abs=0.05)
    assert_same_model(clone(rbm).fit(rows), found, rtol=0)
    with data_parallel(3, local_steps=2):
        found = clone(rbm).fit(rows)
        assert_same_model(clone(rbm).fit(rows), found, rtol=0)
    assert found.score(new) == pytest.approx(expected, abs=0.1)


def test_more_levels_than_there_may_be_are_evenly_spaced():
    data = np.where(np.isnan(X), NAN, X + RNG.random(X.shape))
    with pytest.warns(UserWarning, match="more than 32 distinct"):
        expected = clone(RBM).fit(data)
    with pytest.warns(UserWarning, match="more than 32 distinct"):
        found = clone(RBM).fit(skebm.stream(parts_of(data)))
    np.testing.assert_array_equal(found.rating_scale_, expected.rating_scale_)
    assert_same_model(found, expected)


@pytest.mark.parametrize("n_levels", [0, 1, 20, 32, 33, 100])
def test_levels_add_up(n_levels):
    values = RNG.permutation(np.repeat(np.arange(n_levels, dtype=float), 3))
    whole = scipy.sparse.csr_array(values.reshape(1, -1) + 1)
    parts = np.array_split(values + 1, 4)
    parts = [scipy.sparse.csr_array(part.reshape(1, -1)) for part in parts]
    found = Levels.of(parts[0])
    for part in parts[1:]:
        found = found.joined(Levels.of(part))
    expected = Levels.of(whole)
    assert (found.values is None) == (expected.values is None) == (n_levels > 32)
    if n_levels <= 32:
        np.testing.assert_array_equal(found.values, expected.values)
    assert found[1:] == expected[1:]


def test_which_ratings_are_held_out_does_not_depend_on_chunks():
    split = Split(seed=3, stream=5, share=0.2)
    expected = split.parts(CSR)
    found = list(split.parts(skebm.stream(parts_of(CSR))))
    for k in (0, 1):
        stacked = scipy.sparse.vstack([parts[k] for parts in found])
        np.testing.assert_array_equal(stacked.toarray(), expected[k].toarray())
    np.testing.assert_array_equal((expected.known + expected.asked).toarray(), CSR.toarray())
    assert expected.asked.nnz == pytest.approx(0.2 * CSR.nnz, rel=0.15)
    # As often in each row and of each item, with other ones in each.
    mask = expected.asked.toarray() > 0
    assert mask.any(axis=0).all()
    assert len({tuple(row) for row in mask}) > 100


@pytest.mark.parametrize("n_users", [3, 300, 2000])
def test_what_is_watched_is_evenly_spaced(n_users):
    data = tastes(n_users, seed=2)
    data[RNG.random(n_users) < 0.3] = NAN
    csr = scipy.sparse.csr_array(np.nan_to_num(data))
    csr.data[::7] = NAN  # known by their items alone
    rows, asked = some_ratings_of(rating_rows(np.arange(1.0, 6), csr))
    known = csr.data[~np.isnan(csr.data)]
    every = -(-len(known) // 1000)
    np.testing.assert_array_equal(asked.data, known[::every])
    assert rows.shape == asked.shape
    of_stream = some_ratings_of(
        rating_rows(np.arange(1.0, 6), skebm.stream(parts_of(csr)).map(scipy.sparse.csr_array))
    )
    np.testing.assert_array_equal(of_stream[1].toarray(), asked.toarray())
    np.testing.assert_array_equal(of_stream[0].X.toarray(), rows.X.toarray())


def test_answers():
    rbm = clone(RBM).fit(CSR)
    rows = skebm.stream(parts_of(CSR))
    np.testing.assert_array_equal(np.concatenate(list(rbm.transform(rows))), rbm.transform(CSR))
    np.testing.assert_array_equal(rbm.predict(rows), rbm.predict(CSR))
    assert rbm.score(rows) == pytest.approx(rbm.score(CSR), rel=1e-12)
    for method in (rbm.predict, rbm.predict_proba):
        with pytest.raises(TypeError, match="takes 'pairs' only with ratings"):
            method(rows, pairs=([0], [1]))
    with pytest.raises(TypeError, match="recommend takes arrays, but X is a stream"):
        rbm.recommend(rows)


def twice(csr):
    """The same matrix with an entry that comes twice."""
    entries = np.append(csr.data, 3.0), np.append(csr.indices, csr.indices[-1])
    indptr = csr.indptr.copy()
    indptr[-1] += 1
    return scipy.sparse.csr_array((*entries, indptr), shape=csr.shape)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part * np.inf, "Chunk 2 of the stream: .*infinity"),
        (lambda part: part * NAN, "Chunk 2 of the stream: .* conditional=True"),
        (twice, "Chunk 2 of the stream: .* stores two ratings of row 69 and column"),
        (
            lambda part: twice(part).tocoo(),
            "Chunk 2 of the stream: .* stores two ratings of row 69 and column",
        ),
        (lambda part: part[:, :5], "Chunk 2 of a stream has 5 columns"),
        (lambda part: part.toarray(), "Chunk 2 of a stream is dense"),
    ],
)
def test_an_error_names_the_chunk_and_changes_nothing(change, message):
    rbm = clone(RBM).fit(CSR)
    before = dict(vars(rbm))
    chunks = [change(part) if k == 2 else part for k, part in enumerate(parts_of(CSR))]
    with pytest.raises((TypeError, ValueError), match=message):
        rbm.fit(skebm.stream(chunks))
    assert vars(rbm) == before


def test_nothing_to_learn_from():
    nothing = [np.full((5, 3), NAN)] * 2
    with pytest.raises(ValueError, match="no ratings"):
        RatingRBM().fit(skebm.stream(nothing))
    with pytest.raises(ValueError, match=r"validation_fraction.*leaves none of the 0 ratings"):
        RatingRBM(early_stopping=True).fit(skebm.stream(nothing))


def test_an_interrupt_leaves_the_last_epoch():
    n_read = 0

    def read():
        nonlocal n_read
        for part in parts_of(CSR):
            n_read += 1
            if n_read == stop_at:
                raise KeyboardInterrupt
            yield part

    stop_at = -1
    rbm = clone(RBM).set_params(n_iter=5)
    rbm.fit(skebm.stream(read))
    stop_at, n_read = n_read - 7, 0  # in the last epoch but one
    other = clone(rbm)
    with pytest.raises(KeyboardInterrupt):
        other.fit(skebm.stream(read))
    assert other.n_iter_ == 3
    assert other.history_["rmse"] == rbm.history_["rmse"][:3]


def test_a_fit_holds_few_chunks():
    n_chunks, n_rows = 30, 1000

    def chunks():
        for k in range(n_chunks):
            items = 25 * np.arange(20) + np.random.default_rng(k).integers(0, 25, (n_rows, 20))
            entries = np.ones(items.size), items.ravel(), 20 * np.arange(n_rows + 1)
            yield scipy.sparse.csr_array(entries, shape=(n_rows, 500))

    of_chunk = 16 * 20 * n_rows
    rbm = RatingRBM(3, n_iter=1, early_stopping=True, rating_scale=[1, 2], random_state=0)
    rbm.fit(next(chunks()))  # compiles
    tracemalloc.start()
    rbm.fit(skebm.stream(chunks, window=1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * of_chunk < n_chunks * of_chunk / 2


def test_lines_of_ratings_become_chunks():
    rows, items = np.nonzero(~np.isnan(X))
    lines = pd.DataFrame({"user": rows, "item": items, "rating": X[rows, items]})

    def chunks():
        for first in range(0, 300, 60):
            some = lines[lines["user"].between(first, first + 59)]
            yield ratings_matrix(some, items=np.arange(20)).X

    expected = clone(RBM).fit(ratings_matrix(lines, items=np.arange(20)).X)
    assert_same_model(clone(RBM).fit(skebm.stream(chunks)), expected)
