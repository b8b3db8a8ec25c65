"""General Boltzmann machines that learn from chunks, beside those that learn from all rows."""

import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import skebm._parallel
from skebm import BernoulliRBM, BoltzmannMachine, data_parallel, stream
from skebm._streamed_rows import as_rows
from skebm.pairwise.statistics import counts_of, means_of, states_of

RNG = np.random.default_rng(0)
SHARED = RNG.random(330) < 0.5
X = np.where(RNG.random((330, 6)) < 0.3, RNG.random((330, 6)) < 0.3, SHARED[:, None]).astype(float)

in_no_time = {"n_iter": 2, "random_state": 0}


def parts_of(array, sizes=(50, 0, 1, 149, 130)):
    """Chunks of different sizes, one of them empty and one of a single row."""
    return np.split(array, np.cumsum(sizes)[:-1])


def as_generator(array):
    """A stream whose number of rows is not known, and whose chunks come in their own order."""
    return stream(lambda: iter(parts_of(array)))


each_source = pytest.mark.parametrize(
    "source", [as_generator, lambda a: stream(parts_of(a)), lambda a: stream(a, chunk_size=70)]
)


def assert_same(machine, expected, **tolerance):
    for name in ("weights_", "intercept_"):
        found, wanted = getattr(machine, name), getattr(expected, name)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, **{"rtol": 0, "atol": 0} | tolerance)
    for name in ("encoding_", "algorithm_", "alpha_", "n_iter_", "n_features_in_"):
        assert getattr(machine, name) == getattr(expected, name)
    assert machine.history_.keys() == expected.history_.keys()
    for name in set(machine.history_) - {"seconds"}:
        np.testing.assert_allclose(machine.history_[name], expected.history_[name], rtol=1e-6)


# What is counted -----------------------------------------------------------------


@each_source
def test_sums_over_chunks_are_those_over_rows(source):
    spins = 2 * X - 1
    rows = as_rows(source(spins))
    np.testing.assert_array_equal(means_of(rows), spins.sum(axis=0) / len(spins))
    means, products = counts_of(rows).moments()
    np.testing.assert_array_equal(means, spins.mean(axis=0))
    np.testing.assert_array_equal(products, spins.T @ spins / len(spins))
    numbers, counts = states_of(rows)
    different, expected = np.unique(spins[:, ::-1], axis=0, return_counts=True)
    np.testing.assert_array_equal(((numbers[:, None] >> np.arange(6)) & 1), different[:, ::-1] > 0)
    np.testing.assert_array_equal(counts, expected)


# What is learned -----------------------------------------------------------------


@each_source
@pytest.mark.parametrize(
    ("algorithm", "n_components"), [("exact", 0), ("exact", 2), ("mean_field", 0), ("tap", 0)]
)
def test_what_is_counted_gives_the_very_same_machine(source, algorithm, n_components):
    machine = BoltzmannMachine(n_components, algorithm=algorithm, random_state=0)
    assert_same(clone(machine).fit(source(X)), machine.fit(X))


@each_source
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_pseudo_likelihood_of_chunks_is_that_of_all_rows(source, dtype):
    options = {"algorithm": "pseudo_likelihood", "l1_ratio": 0.5, "alpha": 0.01}
    machine = BoltzmannMachine(**options).fit(X.astype(dtype))
    assert np.count_nonzero(machine.weights_)
    atol = 1e-10 if dtype == np.float64 else 1e-4
    assert_same(clone(machine).fit(source(X.astype(dtype))), machine, atol=atol)


@each_source
@pytest.mark.parametrize("algorithm", ["pcd", "cd", "pt", "annealing"])
def test_steps_of_one_window_are_those_of_an_array(source, algorithm):
    machine = BoltzmannMachine(2, algorithm=algorithm, n_replicas=3, **in_no_time)
    streamed = clone(machine).fit(source(X))
    assert_same(streamed, machine.fit(X), atol=1e-12)
    assert_same(streamed.partial_fit(source(X)), machine.partial_fit(X), atol=1e-12)
    np.testing.assert_array_equal(streamed.sample(3, 5), machine.sample(3, 5))


def test_steps_of_small_windows_learn_as_well():
    machine = BoltzmannMachine(2, algorithm="pcd", n_iter=30, batch_size=20, random_state=0)
    rows = stream(X, chunk_size=20, window=60)
    streamed = clone(machine).fit(rows)
    start = clone(machine).set_params(n_iter=0).fit(X).score(X)
    assert streamed.score(X) > start + 0.3
    assert streamed.score(X) == pytest.approx(machine.fit(X).score(X), abs=0.05)
    assert_same(clone(machine).fit(rows), streamed)


@pytest.mark.parametrize("algorithm", ["exact", "pseudo_likelihood", "pcd"])
def test_training_goes_on_from_array_to_stream(algorithm):
    options = {"algorithm": algorithm, "warm_start": True, "tol": 1e-12, "shuffle": False}
    machine = BoltzmannMachine(**options, **in_no_time).fit(X[:100])
    streamed = clone(machine).fit(stream(X[:100], chunk_size=30))
    assert_same(streamed.fit(as_generator(X)), machine.fit(X), atol=1e-8)


# How states are written ------------------------------------------------------------


def test_the_encoding_is_that_of_all_chunks():
    ones, zeros, minus = np.ones((3, 5)), np.zeros((3, 5)), -np.ones((3, 5))
    for parts, encoding in (
        ([ones, zeros], "binary"),
        ([ones, minus], "spin"),
        ([ones > 0, zeros > 0], "binary"),
        ([ones, ones], "binary"),
        ([minus, zeros], "threshold"),
        ([ones, zeros, 3 * ones], "threshold"),
    ):
        machine = BoltzmannMachine().fit(stream(parts))
        assert machine.encoding_ == encoding
        assert_same(machine, BoltzmannMachine().fit(np.concatenate(parts)))
    with pytest.raises(ValueError, match="Got other values, such as 3"):
        BoltzmannMachine(binarize=None).fit(stream([ones, zeros, 3 * ones]))
    machine = BoltzmannMachine(algorithm="pcd", **in_no_time).fit(stream([ones, minus]))
    with pytest.raises(ValueError, match=r"was fitted on rows of -1 and 1\. Got 0 and 1"):
        machine.partial_fit(stream([ones, zeros]))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_states_come_back_as_they_came(dtype):
    rows = stream(X.astype(dtype), chunk_size=100)
    machine = BoltzmannMachine(random_state=0).fit(rows)
    assert machine.sample(4, 2).dtype == dtype
    assert machine.weights_.dtype == (np.float32 if dtype == np.float32 else np.float64)


def test_frames_keep_their_names():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    machine = BoltzmannMachine().fit(stream(frame, chunk_size=100))
    assert list(machine.feature_names_in_) == list("abcdef")
    assert_same(machine, BoltzmannMachine().fit(frame))


# What is refused -------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["exact", "pseudo_likelihood", "pcd"])
def test_an_error_names_the_chunk_and_changes_nothing(algorithm):
    bad = X.copy()
    bad[250, 3] = np.nan
    machine = BoltzmannMachine(algorithm=algorithm, **in_no_time).fit(X)
    weights = machine.weights_
    message = re.escape("Chunk 2 (rows 200 to 299) of the stream: Input X contains NaN")
    with pytest.raises(ValueError, match=message):
        machine.fit(stream(bad, chunk_size=100))
    assert machine.weights_ is weights
    with pytest.raises(TypeError, match=r"Sparse data was passed"):
        machine.fit(stream(scipy.sparse.csr_array(X)))
    with pytest.raises(ValueError, match="needs all rows at once, but partial_fit has only some"):
        clone(machine).set_params(algorithm="tap").partial_fit(stream(X))


def test_rounds_need_chunks_in_any_order():
    with data_parallel(2), pytest.raises(ValueError, match="any order"):
        BoltzmannMachine(algorithm="pcd").fit(as_generator(X))
    with data_parallel(2):
        machine = BoltzmannMachine().fit(as_generator(X))
    assert_same(machine, BoltzmannMachine().fit(X))


# In little memory ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "n_components"),
    [("exact", 0), ("exact", 1), ("tap", 0), ("pseudo_likelihood", 0), ("pcd", 0)],
)
@pytest.mark.filterwarnings("ignore:.*had not converged")
def test_rows_are_not_held(algorithm, n_components):
    data = np.random.default_rng(0).random((60_000, 10)) < 0.4
    rows = stream(data, chunk_size=1000, window=2000)
    options = {"max_iter": 2, "n_iter": 1, "random_state": 0}
    machine = BoltzmannMachine(n_components, algorithm=algorithm, **options)
    machine.fit(rows)  # compiles
    tracemalloc.start()
    machine.fit(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # As an array of float64, the states are 4.8 MB, and a chunk is a sixtieth of that.
    assert peak < 8 * data.size / 4


# Scores and searches ----------------------------------------------------------------


def test_chunks_are_scored_and_searched_through():
    rows = stream(X, chunk_size=70)
    machine = BoltzmannMachine().fit(rows)
    for method in ("score_samples", "free_energy"):
        found, expected = getattr(machine, method)(rows), getattr(machine, method)(X)
        np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(np.concatenate(list(machine.transform(rows))), machine.transform(X))
    search = GridSearchCV(BoltzmannMachine(), {"alpha": [1e-3, 10.0]}, cv=3)
    found, expected = (clone(search).fit(data).cv_results_["mean_test_score"] for data in (rows, X))
    np.testing.assert_allclose(found, expected)
    with pytest.raises(TypeError, match="impute takes arrays, but X is a stream"):
        machine.impute(rows)
    with pytest.raises(TypeError, match="sample takes an array for init"):
        machine.sample(init=rows)


def test_chains_of_annealing_come_from_rows_of_a_stream():
    rows = stream(pd.DataFrame(X, columns=list("abcdef")), chunk_size=70)
    options = {"method": "ais", "n_temperatures": 300, "n_burn_in": 10, "random_state": 0}
    for machine in (
        BoltzmannMachine(2, n_iter=2, algorithm="pcd", random_state=0),
        BernoulliRBM(4, n_iter=2, random_state=0),
    ):
        machine.fit(rows)
        exact = machine.log_partition("exact").estimate
        found = machine.log_partition(X=rows, **options)
        assert found.lower - 0.2 < exact < found.upper + 0.2


# Rounds -------------------------------------------------------------------------------


def test_rounds_learn_as_well():
    rows = stream(np.tile(X, (4, 1)), chunk_size=110)
    machine = BoltzmannMachine(2, algorithm="pcd", n_iter=20, batch_size=20, random_state=0)
    start = clone(machine).set_params(n_iter=0).fit(X).score(X)
    in_turn = clone(machine).fit(rows).score(X)
    with data_parallel(3, local_steps=5):
        in_rounds = clone(machine).fit(rows).score(X)
    assert in_rounds > start + 0.3
    assert in_rounds == pytest.approx(in_turn, abs=0.1)


def test_an_interrupt_between_rounds_leaves_the_last_one(monkeypatch):
    means, original = [], skebm._parallel.mean_of

    def interrupted(*learned):
        if len(means) == 3:
            raise KeyboardInterrupt
        means.append(original(*learned))
        return means[-1]

    monkeypatch.setattr(skebm._parallel, "mean_of", interrupted)
    machine = BoltzmannMachine(algorithm="pcd", batch_size=10, random_state=0)
    with data_parallel(2, local_steps=2), pytest.raises(KeyboardInterrupt):
        machine.fit(stream(2 * X - 1, chunk_size=50))
    np.testing.assert_array_equal(machine.weights_, means[-1].learner.machine.weights)
    machine.partial_fit(2 * X - 1)
