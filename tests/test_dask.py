"""Data of Dask: lazy answers, and training on chunks, here or on the workers of a cluster."""

import os
import subprocess
import sys
import threading
import tracemalloc
from contextlib import nullcontext, suppress

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import skebm
from skebm import (
    BernoulliRBM,
    BoltzmannMachine,
    DBNClassifier,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    DSNClassifier,
    DSNRegressor,
    GaussianRBM,
    HopfieldMemory,
    MixedRBM,
    RatingRBM,
    RBMImputer,
    data_parallel,
)
from skebm._cluster import Here
from skebm._dask import _DaskChunks
from skebm._parallel import DataParallel, InRounds, Learned, evenly, mean_of
from skebm._streamed_rows import as_rows
from surroundings import needs_callbacks

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")
dumps, loads = (getattr(distributed.protocol.pickle, name) for name in ("dumps", "loads"))

pytestmark = [
    # Of Dask itself, in a process that ends.
    pytest.mark.filterwarnings("ignore:.*:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Sending large graph"),
]

RNG = np.random.default_rng(0)
X = (RNG.random((230, 12)) < 0.4).astype(np.float32)
LABELS = np.where(X[:, 0] > 0, "on", "off")
Y = np.tanh(X[:, :3] @ RNG.standard_normal((3, 2)))
CHUNKED = da.from_array(X, chunks=(50, 12))

# Where chunks of READ have been read: names of tasks on workers.
READ_BY = []


def _read(block_id):
    with suppress(ValueError):
        READ_BY.append(str(distributed.get_worker().get_current_task()))
    return X[50 * block_id[0] : 50 * (block_id[0] + 1)].copy()


READ = da.map_blocks(_read, chunks=CHUNKED.chunks, meta=X[:0], name="rows-of-a-file")


@pytest.fixture(scope="module")
def cluster():
    """Two workers, threads of this process."""
    options = {"dashboard_address": ":0", "processes": False, "threads_per_worker": 1}
    with distributed.LocalCluster(n_workers=2, **options) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def rbm():
    return BernoulliRBM(7, n_iter=2, random_state=0).fit(X)


@pytest.fixture(scope="module")
def classifier():
    model = DBNClassifier((6,), rbm_n_iter=1, max_iter=2, random_state=0)
    return model.fit(X, LABELS)


def broken(block, block_info=None):
    raise AssertionError("a chunk was computed")


# Lazy answers ----------------------------------------------------------------


@pytest.mark.parametrize("method", ["transform", "score_samples", "free_energy", "log_likelihood"])
def test_answers_are_lazy_and_those_for_an_array(rbm, method):
    expected = getattr(rbm, method)(X)

    answer = getattr(rbm, method)(CHUNKED)

    assert isinstance(answer, da.Array)
    assert answer.shape == expected.shape
    assert answer.chunks[0] == CHUNKED.chunks[0]
    assert answer.dtype == answer.compute().dtype == expected.dtype
    np.testing.assert_allclose(answer.compute(), expected, rtol=1e-6)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_predictions(classifier, method):
    answer, expected = getattr(classifier, method)(CHUNKED), getattr(classifier, method)(X)

    assert answer.dtype == answer.compute().dtype == expected.dtype
    if method == "predict":
        np.testing.assert_array_equal(answer.compute(), expected)
    else:
        np.testing.assert_allclose(answer.compute(), expected, rtol=1e-5)


def test_options_go_to_each_chunk(classifier):
    answer = classifier.transform(CHUNKED, layer=0)
    np.testing.assert_allclose(answer.compute(), classifier.transform(X, layer=0), rtol=1e-6)
    back = classifier.inverse_transform(answer)
    assert back.shape == X.shape


def test_nothing_is_computed_before_it_is_asked_for(rbm):
    never = CHUNKED.map_blocks(broken, dtype=X.dtype, meta=X[:0])
    rbm.transform(never), rbm.score_samples(never)
    with pytest.raises(AssertionError, match="a chunk was computed"):
        rbm.transform(never).compute()


def test_the_model_is_in_the_graph_once_and_as_it_was(rbm):
    model = clone(rbm).set_params(n_iter=1).fit(X)
    expected = model.transform(X)
    answer = model.transform(CHUNKED)
    model.fit(X[::-1] * 0)

    graph = dict(answer.__dask_graph__())
    names = [key for key in graph if isinstance(key, str) and key.startswith("BernoulliRBM-")]
    assert len(names) == 1
    np.testing.assert_allclose(answer.compute(), expected, rtol=1e-6)


def test_columns_that_are_cut_are_joined(rbm):
    answer = rbm.transform(da.from_array(X, chunks=(50, 5)))
    np.testing.assert_allclose(answer.compute(), rbm.transform(X), rtol=1e-6)


def test_chunks_of_unknown_sizes_and_empty_ones(rbm):
    ordered = da.from_array(np.sort(X, axis=0), chunks=(50, 12))
    chosen = ordered[ordered[:, 0] > 0]  # none of the first chunks
    answer = rbm.transform(chosen)
    assert np.isnan(answer.shape[0])
    expected = rbm.transform(chosen.compute())
    np.testing.assert_allclose(answer.compute(), expected, rtol=1e-6)


def test_sparse_chunks(rbm):
    chunks = CHUNKED.map_blocks(scipy.sparse.csr_array)
    np.testing.assert_allclose(rbm.transform(chunks).compute(), rbm.transform(X), rtol=1e-6)


def test_a_chunk_of_another_type(rbm):
    mixed = CHUNKED.map_blocks(in_other_type, dtype=X.dtype, meta=X[:0])
    answer = rbm.transform(mixed)
    assert answer.dtype == answer.compute().dtype == np.float32
    np.testing.assert_allclose(answer.compute(), rbm.transform(X), rtol=1e-6)


def in_other_type(block, block_info=None):
    return block.astype(np.float64) if block_info[0]["chunk-location"][0] == 1 else block


def with_infinity(block, block_info=None):
    if block_info is None or block_info[0]["chunk-location"][0] != 3:
        return block
    block = block.copy()
    block[2, 1] = np.inf
    return block


def test_an_error_names_the_chunk(rbm):
    spoilt = CHUNKED.map_blocks(with_infinity, dtype=X.dtype, meta=X[:0])
    with pytest.raises(ValueError, match=r"[Cc]hunk 3.*infinity"):
        rbm.transform(spoilt).compute()
    with pytest.raises(ValueError, match=r"[Cc]hunk 3.*infinity"):
        clone(rbm).fit(spoilt)


def test_dataframes_and_frames():
    frame = pd.DataFrame(X, columns=[f"c{k}" for k in range(12)])
    parts = dd.from_pandas(frame, npartitions=3)
    rbm = BernoulliRBM(7, n_iter=1, random_state=0).fit(frame)

    answer = rbm.transform(parts)
    assert isinstance(answer, da.Array)
    np.testing.assert_allclose(answer.compute(), rbm.transform(frame), rtol=1e-6)
    with pytest.raises(ValueError, match="feature names"):
        rbm.transform(parts.rename(columns={"c0": "other"}))

    rbm.set_output(transform="pandas")
    for data in (parts, da.from_array(X, chunks=(50, 12))):
        if data is not parts:
            rbm = BernoulliRBM(7, n_iter=1, random_state=0).fit(X).set_output(transform="pandas")
        answer = rbm.transform(data)
        assert isinstance(answer, dd.DataFrame)
        found = answer.compute()
        assert list(found.columns) == list(rbm.get_feature_names_out())
        np.testing.assert_allclose(found, rbm.transform(X if data is not parts else frame))


def test_data_that_zeros_are_none_of():
    table = pd.DataFrame({"kind": pd.Categorical(["a", "b"] * 50), "size": np.arange(100.0)})
    model = MixedRBM(3, n_iter=1, random_state=0).fit(table)
    answer = model.transform(dd.from_pandas(table, npartitions=3))
    np.testing.assert_allclose(answer.compute(), model.transform(table), rtol=1e-5)


def wood(n_rows=120):
    kind = RNG.choice(["oak", "fir", "ash"], n_rows)
    table = pd.DataFrame({"kind": kind, "size": RNG.normal(20, 3, n_rows) + 5 * (kind == "oak")})
    return table.assign(grade=pd.Categorical(RNG.choice(list("ab"), n_rows))).mask(
        RNG.random((n_rows, 3)) < 0.1
    )


def test_tables_in_chunks_of_unknown_sizes(cluster):
    table = wood()
    cuts = [(0, 40), (40, 40), (40, 100), (100, 101), (101, 120)]
    parts = dd.from_map(lambda bounds: table[slice(*bounds)], cuts, meta=table[:0])
    whole = parts.compute()
    rbm = MixedRBM(3, n_iter=2, random_state=0)
    expected, found = clone(rbm).fit(whole), clone(rbm).fit(parts)
    assert found.categories_ == expected.categories_
    np.testing.assert_allclose(found.components_, expected.components_, rtol=1e-6, atol=1e-9)
    with data_parallel(2, local_steps=2):
        here = clone(rbm).fit(parts)
    with distributed.Client(cluster), data_parallel(2, local_steps=2):
        there = clone(rbm).fit(parts)
    np.testing.assert_array_equal(here.components_, there.components_)


def test_gaps_are_filled_in_lazily():
    table = wood()
    parts = dd.from_pandas(table, npartitions=3)
    imputer = RBMImputer(MixedRBM(3, n_iter=2), n_rounds=1, n_steps=10, random_state=0).fit(parts)
    assert imputer.feature_names_in_.tolist() == ["kind", "size", "grade"]
    answer = imputer.transform(parts)
    assert isinstance(answer, dd.DataFrame)
    filled = answer.compute()
    assert not filled.isna().any(axis=None)
    assert answer.dtypes.tolist() == filled.dtypes.tolist()
    known = table.notna().to_numpy()
    np.testing.assert_array_equal(filled.to_numpy()[known], table.to_numpy()[known])
    never = parts.map_partitions(broken_table, meta=parts._meta)
    imputer.transform(never)
    imputer.set_params(sample_posterior=True)
    with pytest.raises(TypeError, match="sample_posterior=True makes new draws"):
        imputer.transform(parts)


def broken_table(part):
    raise AssertionError("a chunk was computed")


def test_arrays_of_texts_and_numbers():
    array = wood()[["kind", "size"]].to_numpy(dtype=object)
    chunked = da.from_array(array, chunks=(50, 2))
    imputer = RBMImputer(MixedRBM(3, n_iter=1), n_rounds=1, n_steps=10, random_state=0).fit(chunked)
    answer = imputer.transform(chunked)
    assert answer.shape == (120, 2)
    first = imputer.transform(array[:50])
    assert answer[:50].compute().tolist() == first.tolist()


def test_ratings_in_chunks_of_unknown_sizes(cluster):
    ratings = np.where(RNG.random((120, 15)) < 0.4, RNG.integers(1, 6, (120, 15)), 0.0)
    numbers = da.from_array(np.arange(120), chunks=30)
    chunked = da.from_array(ratings, chunks=(30, 15))[(numbers < 30) | (numbers >= 61)]
    chunked = chunked.map_blocks(scipy.sparse.csr_array)
    whole = scipy.sparse.csr_array(ratings[[*range(30), *range(61, 120)]])
    rbm = RatingRBM(3, n_iter=2, batch_size=20, early_stopping=True, random_state=0)
    expected, found = clone(rbm).fit(whole), clone(rbm).fit(chunked)
    np.testing.assert_array_equal(found.rating_scale_, expected.rating_scale_)
    assert found.score(chunked) == pytest.approx(found.score(whole), rel=1e-9)
    np.testing.assert_allclose(found.transform(chunked).compute(), found.transform(whole))
    with data_parallel(2, local_steps=1):
        here = clone(rbm).fit(chunked)
    with distributed.Client(cluster), data_parallel(2, local_steps=1):
        there = clone(rbm).fit(chunked)
    np.testing.assert_array_equal(here.components_, there.components_)
    assert here.history_["validation_rmse"] == there.history_["validation_rmse"]
    assert not np.array_equal(here.components_, found.components_)


def test_what_cannot_go_by_chunks_is_refused(rbm):
    with pytest.raises(TypeError, match=r"BernoulliRBM.*compute\(\)"):
        rbm.gibbs(CHUNKED)
    with pytest.raises(NotFittedError):
        BernoulliRBM().transform(CHUNKED)
    with pytest.raises(ValueError, match="12 features"):
        rbm.transform(CHUNKED[:, :5])
    with pytest.raises(ValueError, match="2D"):
        rbm.transform(CHUNKED[:, 0])
    with pytest.raises(TypeError, match=r"dask\.array\.Array and dask\.dataframe\.DataFrame"):
        rbm.transform(dask.delayed(X))


def test_scores_are_those_of_an_array(rbm, classifier):
    assert rbm.score(CHUNKED) == pytest.approx(rbm.score(X), rel=1e-6)
    for y in (LABELS, da.from_array(LABELS, chunks=77)):
        assert classifier.score(CHUNKED, y) == classifier.score(X, LABELS)
    weights = RNG.random(len(X))
    expected = classifier.score(X, LABELS, weights)
    assert classifier.score(CHUNKED, LABELS, sample_weight=weights) == pytest.approx(expected)
    regressor = DSNRegressor(5, n_modules=1, random_state=0).fit(X, Y)
    assert regressor.score(CHUNKED, Y) == pytest.approx(regressor.score(X, Y), rel=1e-9)


def test_a_log_partition_is_found_once(monkeypatch):
    found = []
    model = DeepBoltzmannMachine((4, 3), rbm_n_iter=1, n_iter=1, random_state=0).fit(X)
    expected = model.score_samples(X)
    original = DeepBoltzmannMachine.__skebm_log_partition__

    def counted(self):
        found.append(1)
        return original(self)

    monkeypatch.setattr(DeepBoltzmannMachine, "__skebm_log_partition__", counted)
    answer = model.score_samples(CHUNKED).compute(scheduler="synchronous")
    np.testing.assert_allclose(answer, expected, rtol=1e-5)
    assert len(found) == 1


def test_dask_is_not_imported_where_nobody_uses_it():
    code = (
        "import sys, numpy as np, skebm\n"
        "X = np.eye(20)\n"
        "skebm.BernoulliRBM(2, n_iter=1).fit(X).transform(X)\n"
        "assert not {'dask', 'distributed'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_dask_ml_asks_for_is_there():
    # Incremental calls partial_fit on chunk after chunk, ParallelPostFit predicts on each.
    for method in ("partial_fit", "predict", "predict_proba", "score", "get_params"):
        assert hasattr(DBNClassifier(), method)
    model = DBNClassifier((4,), rbm_n_iter=1, random_state=0)
    for chunk, labels in zip(CHUNKED.blocks, da.from_array(LABELS, chunks=50).blocks, strict=True):
        model.partial_fit(chunk.compute(), labels.compute(), classes=["off", "on"])
    assert model.predict(X).shape == (230,)


# Training without a client ---------------------------------------------------


def test_a_fit_without_a_client_is_that_of_a_stream():
    expected = BernoulliRBM(5, n_iter=2, random_state=0).fit(skebm.stream(X, chunk_size=50))
    for data in (CHUNKED, da.from_array(X, chunks=(50, 5))):
        found = BernoulliRBM(5, n_iter=2, random_state=0).fit(data)
        np.testing.assert_array_equal(found.components_, expected.components_)


def test_a_fit_of_a_dataframe_keeps_the_names():
    frame = pd.DataFrame(X, columns=[f"c{k}" for k in range(12)])
    model = GaussianRBM(5, n_iter=1, random_state=0).fit(dd.from_pandas(frame, npartitions=3))
    assert list(model.feature_names_in_) == list(frame.columns)


def test_unknown_sizes_empty_chunks_and_single_rows():
    numbers = da.from_array(np.arange(230), chunks=50)
    unknown = CHUNKED[(numbers < 101) | (numbers > 155)]  # 50, 50, 1, 44 and 30 rows
    emptied = da.concatenate([unknown, CHUNKED[numbers > 300], unknown], allow_unknown_chunksizes=1)
    for data in (unknown, emptied):
        assert np.isnan(data.shape[0])
        model = BernoulliRBM(5, n_iter=1, random_state=0).fit(data)
        expected = BernoulliRBM(5, n_iter=1, random_state=0).fit(skebm.stream([data.compute()]))
        np.testing.assert_allclose(model.components_, expected.components_, rtol=1e-5)
        with data_parallel(3):
            BernoulliRBM(5, n_iter=1, random_state=0).fit(data)


def test_types_of_chunks_in_training(rbm):
    mixed = CHUNKED.map_blocks(in_other_type, dtype=X.dtype, meta=X[:0])
    model = BernoulliRBM(7, n_iter=2, random_state=0).fit(mixed)
    assert model.components_.dtype == np.float32
    np.testing.assert_array_equal(model.components_, rbm_of_chunks().components_)


def rbm_of_chunks():
    return BernoulliRBM(7, n_iter=2, random_state=0).fit(CHUNKED)


def test_too_few_rows_for_a_validation_share():
    few = CHUNKED[:3]
    model = BernoulliRBM(3, early_stopping=True, validation_fraction=0.9)
    with pytest.raises(ValueError, match=r"'validation_fraction'.*3 rows"):
        model.fit(few)
    assert not hasattr(model, "components_")


def test_sums_are_exact():
    for data in (CHUNKED, da.from_array(X, chunks=(23, 12))):
        options = {"init": "random", "max_iter": 5, "early_stopping": False, "random_state": 0}
        model = DSNRegressor(5, n_modules=2, **options)
        found, expected = clone(model).fit(data.astype(float), Y), model.fit(X.astype(float), Y)
        for module, other in zip(found.modules_, expected.modules_, strict=True):
            np.testing.assert_allclose(module.coef_, other.coef_, rtol=1e-6, atol=1e-9)
        memory = HopfieldMemory().fit(data[:1])
        np.testing.assert_array_equal(memory.weights_, HopfieldMemory().fit(X[:1]).weights_)


# Rounds ----------------------------------------------------------------------


class Walker:
    """A learner with one number, which goes half of the way to the mean of each minibatch."""

    def __init__(self, at=0.0):
        self.at, self.own = np.array([at]), 0

    def shared_arrays(self):
        return [self.at]

    def own_of(self, part):
        return 100 * part

    def become(self, other):
        self.at, self.own = other.at, other.own


class Halfway:
    batch_size = 2

    def beside(self, places):
        return places

    def __call__(self, learner, window, beside):
        rows = window.rows.take(window.order, np.empty((len(window.order), 1)))
        for start in range(0, len(rows), self.batch_size):
            learner.at += (rows[start : start + self.batch_size].mean() - learner.at) / 2
            learner.own += 1
        np.testing.assert_array_equal(window.places, beside)
        return rows.mean()


def walk(values, sizes, n_parts, local_steps, **options):
    chunks = np.split(np.asarray(values, float)[:, None], np.cumsum(sizes)[:-1])
    rows = as_rows(skebm.stream(chunks, window=1))
    walker, seen = Walker(), []
    course = InRounds(rows, walker, DataParallel(n_parts, local_steps), Here())
    mean = course.run(Halfway(), after_round=lambda: seen.append(float(walker.at[0])), **options)
    assert mean == pytest.approx(np.mean(values))
    return walker, seen


def test_rounds_are_means_of_parts():
    # Two parts of two chunks; a round is one step of each.
    _, seen = walk([4, 4, 8, 8, 2, 2, 6, 6], [2, 2, 2, 2], 2, 1)
    first = (2 + 4) / 2  # from 0 half of the way to 4 and to 8
    second = ((first + 2) / 2 + (first + 6) / 2) / 2
    assert seen == [first, second]


def test_more_local_steps_are_taken_before_the_mean():
    _, seen = walk([4, 4, 8, 8, 2, 2, 6, 6], [2, 2, 2, 2], 2, 2)
    assert seen == [((2 + 2) / 2 + (4 + 6) / 2) / 2]


def test_parts_weigh_by_their_rows_and_may_end_earlier():
    # The first part has a chunk of two rows and one of a single row, the second one of two rows.
    walker, seen = walk([4, 4, 4, 4, 8], [2, 2, 1], 2, 1)
    assert seen == [2, (2 + 8) / 2]
    assert walker.at[0] == seen[-1]
    _, seen = walk([4, 4, 4, 4, 8], [2, 2, 1], 2, 2)
    assert seen == pytest.approx([(3 * (2 + 8) / 2 + 2 * 2) / 5])


def test_one_part_is_training_in_turn():
    walker, _ = walk([4, 4, 8, 8, 2, 2], [2, 2, 2], 1, 1)
    assert walker.at[0] == ((0 + 2 + 8) / 2 + 2) / 2
    assert walker.own == 3


def test_what_parts_keep_is_kept_over_epochs():
    rows = as_rows(skebm.stream([np.ones((2, 1)), np.ones((2, 1))], window=1))
    walker = Walker()
    course = InRounds(rows, walker, DataParallel(2, 1), Here())
    start = Learned(walker, {})
    assert mean_of(Learned(walker, {0: 1}, 2, 3.0)).total == 3.0
    assert start.n_rows == 0
    for epoch in (1, 2):
        course.run(Halfway())
        assert walker.own == epoch  # that of the first part


@pytest.mark.parametrize("n_parts", [1, 2, 3, 8])
def test_chunks_are_dealt_out_evenly(n_parts):
    sizes = [5, 1, 4, 4, 1, 3]
    parts = evenly(sizes, n_parts)
    assert sorted(chunk for part in parts for chunk in part) == list(range(6))
    totals = [sum(sizes[k] for k in part) for part in parts]
    assert totals[0] == max(totals)
    assert max(totals) - min(totals) <= max(sizes)


@pytest.mark.filterwarnings("ignore:.*have nearly the same activity:UserWarning")
@pytest.mark.parametrize("model", [BernoulliRBM(3), BoltzmannMachine(algorithm="pcd")])
def test_a_decay_that_is_too_large_only_at_the_rate_of_many_parts(model):
    model = clone(model).set_params(learning_rate=0.5, alpha=1.0, n_iter=1, random_state=0)
    model.fit(CHUNKED)
    before = dict(vars(model))
    with (
        data_parallel(5),
        pytest.raises(ValueError, match=r"'learning_rate' parameter, 0.5 times 2.24 .* share 1.12"),
    ):
        model.fit(CHUNKED)
    assert vars(model).keys() == before.keys()


def test_arguments_of_data_parallel():
    for options in ({"n_parts": 0}, {"local_steps": 1.5}, {"learning_rate_factor": 0}):
        name = next(iter(options))
        with (
            pytest.raises(ValueError, match=f"'{name}' parameter of data_parallel"),
            data_parallel(**options),
        ):
            pass
    with data_parallel(2), pytest.raises(ValueError, match="any order"):
        BernoulliRBM(3).fit(skebm.stream(lambda: iter([X])))


def test_peak_memory_of_a_fit():
    n_chunks, shape = 40, (5000, 50)  # 1 MB each

    def made(block_id=None):
        return (np.random.default_rng(block_id[0]).random(shape) < 0.3).astype(np.float32)

    chunks = ((shape[0],) * n_chunks, (shape[1],))
    data = da.map_blocks(made, chunks=chunks, dtype=np.float32, meta=X[:0])
    model = BernoulliRBM(4, n_iter=1, batch_size=100, random_state=0)
    clone(model).fit(data[:10_000])
    tracemalloc.start()
    try:
        with data_parallel(2, local_steps=10), dask.config.set(scheduler="synchronous"):
            model.fit(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16e6  # of 40 MB: two parts, each with a window of two chunks and what is next


# Training on a cluster -------------------------------------------------------


def test_workers_change_nothing(cluster):
    model = BernoulliRBM(5, n_iter=2, random_state=0, early_stopping=True)
    with distributed.Client(cluster):
        fitted = clone(model).fit(CHUNKED)
        with data_parallel():
            of_stream = clone(model).fit(skebm.stream(X, chunk_size=50))
    with data_parallel():
        here = clone(model).fit(CHUNKED)
    for other in (of_stream, here):
        np.testing.assert_array_equal(fitted.components_, other.components_)
        assert fitted.history_["pseudo_likelihood"] == other.history_["pseudo_likelihood"]
    in_turn = clone(model).fit(CHUNKED)
    assert not np.array_equal(in_turn.components_, here.components_)


def test_a_client_that_is_not_that_of_the_process(cluster):
    model = BernoulliRBM(5, n_iter=1, random_state=0)
    with data_parallel():
        here = clone(model).fit(CHUNKED)
    with distributed.Client(cluster, set_as_default=False) as client:
        kept = client.persist(CHUNKED)
        with data_parallel(client=client):
            there = clone(model).fit(kept)
    np.testing.assert_array_equal(here.components_, there.components_)


def test_sums_on_workers(cluster):
    network = DSNClassifier(5, n_modules=2, random_state=0, max_iter=3)
    labels = da.from_array(LABELS, chunks=50)
    with distributed.Client(cluster):
        there = clone(network).fit(CHUNKED, labels)
        memory = HopfieldMemory().fit(CHUNKED[:1])
    with data_parallel():
        here = clone(network).fit(CHUNKED, labels)
    for module, other in zip(there.modules_, here.modules_, strict=True):
        np.testing.assert_array_equal(module.components_, other.components_)
        np.testing.assert_array_equal(module.coef_, other.coef_)
    np.testing.assert_array_equal(memory.weights_, HopfieldMemory().fit(X[:1]).weights_)


@pytest.mark.parametrize(
    "model",
    [
        DSNClassifier(5, n_modules=2, max_iter=3, random_state=0),
        BernoulliRBM(5, n_iter=2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_chunk_is_read_by_the_task_that_works_on_it(model, client):
    READ_BY.clear()
    there = clone(model).fit(READ, da.from_array(LABELS, chunks=50))
    # But for the first row, which all others have to be like.
    assert sum(READ.name in task for task in READ_BY) <= 1
    assert len(READ_BY) > 2 * READ.numblocks[0]
    here = clone(model).fit(CHUNKED, da.from_array(LABELS, chunks=50))
    np.testing.assert_array_equal(there.transform(X), here.transform(X))


def test_what_others_need_or_workers_have_is_read_on_its_own(client):
    whole = dask.delayed(np.copy)(X)
    parts = [whole[start : start + 50] for start in range(0, 200, 50)]
    sent = dask.delayed(np.copy)(client.scatter(X[:50]))
    lists = {
        "alone": READ,
        "shared": da.concatenate([da.from_delayed(x, (50, 12), X.dtype) for x in parts]),
        "sent": da.from_delayed(sent, (50, 12), X.dtype),
        "kept": READ.persist(),
        "made of what is kept": READ.persist() + 1,
        "in the graph": CHUNKED,
    }
    alone = {}
    for name, rows in lists.items():
        places = _DaskChunks(rows).places()
        alone[name] = [place.read.alone for place in places]
        assert {read is None for read in alone[name]} == {name != "alone"}
    for read, rows in zip(alone["alone"], CHUNKED.partitions, strict=True):
        data = dumps(read)
        # Of no other chunk.
        assert len(data) < 2000
        np.testing.assert_array_equal(loads(data)(), rows.compute())


def test_lazy_answers_on_workers(client, rbm):
    np.testing.assert_allclose(rbm.transform(CHUNKED).compute(), rbm.transform(X), rtol=1e-6)
    assert rbm.score(CHUNKED) == pytest.approx(rbm.score(X), rel=1e-6)


def test_data_that_workers_keep(client):
    kept = CHUNKED.persist()
    model = BernoulliRBM(5, n_iter=1, random_state=0)
    expected = clone(model).fit(CHUNKED)
    np.testing.assert_array_equal(clone(model).fit(kept).components_, expected.components_)


class Unpicklable:
    """A callback of scikit-learn that cannot be sent anywhere, and does something at the end."""

    def __init__(self, at_end=lambda: None):
        self.lock, self.at_end = threading.Lock(), at_end

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **kwargs):
        pass

    def on_fit_task_end(self, estimator, context, **kwargs):
        if context.task_name == "epoch":
            self.at_end()


@needs_callbacks
def test_a_callback_that_cannot_be_pickled(client):
    calls = []
    callback = Unpicklable(lambda: calls.append(1))
    model = BernoulliRBM(5, n_iter=2, random_state=0).set_callbacks(callback).fit(CHUNKED)
    assert len(calls) == 2
    assert model.transform(CHUNKED).compute().shape == (230, 5)


@needs_callbacks  # decides before a client is open, which would serve the tests that follow
def test_a_client_that_closes(cluster):
    client = distributed.Client(cluster)
    model = BernoulliRBM(5, n_iter=3, random_state=0).set_callbacks(Unpicklable(client.close))
    with pytest.raises(RuntimeError, match=r"client of Dask.*closed.*model of the last round"):
        model.fit(CHUNKED)
    expected = BernoulliRBM(5, n_iter=3, random_state=0).set_callbacks(Unpicklable(stop))
    with data_parallel(), pytest.raises(KeyboardInterrupt):
        expected.fit(CHUNKED)
    np.testing.assert_array_equal(model.components_, expected.components_)


def stop():
    raise KeyboardInterrupt


def test_an_interrupt_between_rounds(monkeypatch):
    means, original = [], skebm._parallel.mean_of

    def interrupted(*learned):
        if len(means) == 3:
            raise KeyboardInterrupt
        means.append(original(*learned))
        return means[-1]

    monkeypatch.setattr(skebm._parallel, "mean_of", interrupted)
    model = BernoulliRBM(5, n_iter=5, batch_size=10, random_state=0)
    with data_parallel(2, local_steps=2), pytest.raises(KeyboardInterrupt):
        model.fit(CHUNKED)
    np.testing.assert_array_equal(model.components_.T, means[-1].learner.machine.weights)


OPTIONS = [
    {"algorithm": "pt", "n_replicas": 3},
    {"algorithm": "cd", "momentum": 0.5},
    {"solver": "adam", "learning_rate": 0.01},
]


@pytest.mark.parametrize("options", OPTIONS, ids=["pt", "momentum", "adam"])
def test_what_training_carries_goes_through_rounds(options, cluster):
    model = BernoulliRBM(5, n_iter=3, random_state=0, **options)
    with data_parallel(3, local_steps=2):
        here = clone(model).fit(CHUNKED)
        with distributed.Client(cluster):
            there = clone(model).fit(CHUNKED)
    np.testing.assert_array_equal(here.components_, there.components_)
    start = clone(model).set_params(n_iter=0).fit(X).score(X)
    assert here.score(X) > start
    # What it would go on from is there, too.
    here.partial_fit(X)


@pytest.mark.parametrize("on_workers", [False, True])
def test_a_general_machine_is_that_of_an_array(on_workers, cluster):
    unknown = CHUNKED[da.from_array(np.arange(230), chunks=50) < 190]  # and an empty chunk
    spoilt = CHUNKED.map_blocks(with_infinity, dtype=X.dtype, meta=X[:0])
    with distributed.Client(cluster) if on_workers else nullcontext():
        for algorithm, n_components in (("exact", 1), ("tap", 0), ("pseudo_likelihood", 0)):
            machine = BoltzmannMachine(n_components, algorithm=algorithm, random_state=0)
            for chunks in (CHUNKED, da.from_array(X, chunks=(50, 5)), unknown):
                expected = clone(machine).fit(chunks.compute()).weights_
                found = clone(machine).fit(chunks).weights_
                if algorithm == "pseudo_likelihood":
                    np.testing.assert_allclose(found, expected, atol=1e-4)
                else:
                    np.testing.assert_array_equal(found, expected)
            with pytest.raises(ValueError, match=r"Chunk 3.*infinity"):
                clone(machine).fit(spoilt)


def test_a_general_machine_in_rounds(cluster):
    options = {"algorithm": "pt", "n_replicas": 3, "n_iter": 2, "random_state": 0}
    machine = BoltzmannMachine(2, **options)
    with data_parallel(3, local_steps=2):
        here = clone(machine).fit(CHUNKED)
        with distributed.Client(cluster):
            there = clone(machine).fit(CHUNKED)
    np.testing.assert_array_equal(here.weights_, there.weights_)
    np.testing.assert_array_equal(here.betas_, there.betas_)
    assert not np.array_equal(here.weights_, clone(machine).fit(CHUNKED).weights_)


# Early stopping holds rows out in the midst of chunks; tied weights are views of others.
NETWORKS = [
    DBNClassifier((5, 4), rbm_n_iter=1, max_iter=2, early_stopping=True, random_state=0),
    DeepAutoencoder((5, 3), rbm_n_iter=1, max_iter=2, tied=True, random_state=0),
    DeepBeliefNetwork((5, 4), rbm_n_iter=1, n_iter=1, fine_tune="up_down", random_state=0),
    DeepBoltzmannMachine((5, 4), rbm_n_iter=1, n_iter=1, random_state=0),
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: type(network).__name__)
def test_deep_networks_in_rounds(network, cluster):
    labels = da.from_array(LABELS, chunks=50)
    found = []
    for use in (distributed.Client, lambda _: nullcontext()):
        model = clone(network)
        if hasattr(model, "set_callbacks"):
            model.set_callbacks(Unpicklable())
        with use(cluster), data_parallel(3, local_steps=2):
            found.append(model.fit(CHUNKED, labels).transform(X))
    np.testing.assert_array_equal(*found)
    assert np.ptp(found[0], axis=0).max() > 0
    in_turn = clone(network).fit(CHUNKED, labels).transform(X)
    assert not np.array_equal(in_turn, found[0])


def test_a_search(client):
    search = GridSearchCV(
        DSNClassifier(5, n_modules=1, random_state=0, max_iter=2), {"n_components": [3, 6]}, cv=2
    )
    expected = clone(search).fit(X, LABELS).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask", scatter=[X]):
        found = search.fit(X, LABELS).cv_results_["mean_test_score"]
    np.testing.assert_allclose(found, expected)


# Processes -------------------------------------------------------------------


def made_once_by_a_killer(flag, block_id=None):
    """A chunk, whose fifth ends the process that is to make it when it is asked for first."""
    if block_id[0] == 4:
        try:
            os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass
        else:
            os._exit(1)
    return (np.random.default_rng(block_id[0]).random((2000, 100)) < 0.3).astype(np.float32)


@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_dies_and_the_memory_of_the_others(tmp_path):
    # Chunks come from threads of a client that is not there in worker processes.
    pytest.importorskip("resource")
    flag = str(tmp_path / "dead")
    chunks = ((2000,) * 30, (100,))
    data = da.map_blocks(made_once_by_a_killer, flag, chunks=chunks, dtype=np.float32, meta=X[:0])
    model = BernoulliRBM(8, n_iter=1, batch_size=100, random_state=0)
    options = {"dashboard_address": ":0", "threads_per_worker": 1}
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(n_workers=2, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        before = client.run(peak_memory)
        fitted = clone(model).fit(data)
        after = client.run(peak_memory)
    assert os.path.exists(flag)
    with data_parallel():
        expected = clone(model).fit(data)
    np.testing.assert_array_equal(fitted.components_, expected.components_)
    survivors = set(before) & set(after)
    # Compiled code and windows of 10,000 rows, of 4 MB.
    assert all(after[worker] - before[worker] < 300 for worker in survivors)


def peak_memory():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
