"""Streams: where chunks come from, what is refused, and what estimators make of them.

Whatever is learned from a stream of one window is compared with what is learned from the same rows
in an array.
"""

import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skebm
from skebm import BernoulliRBM, GaussianRBM
from skebm._source import all_of
from skebm._streamed_rows import as_rows


def binary_rows(n_rows=600, n_columns=12, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((n_rows, n_columns)) < rng.random(n_columns)).astype(np.float32)


X = binary_rows()
Y = np.arange(len(X)) % 3


def parts_of(array, size=70):
    return [array[start : start + size] for start in range(0, len(array), size)]


def whole(stream):
    chunks = list(stream)
    return (
        scipy.sparse.vstack(chunks).toarray()
        if scipy.sparse.issparse(chunks[0])
        else (np.concatenate(chunks))
    )


def parameters_of(model):
    return model.components_, model.intercept_hidden_, model.intercept_visible_


# Where chunks come from


def mapped(folder):
    np.save(folder / "x.npy", X)
    return np.load(folder / "x.npy", mmap_mode="r")


def raw_map(folder, order="C"):
    made = np.memmap(folder / "x.raw", X.dtype, "w+", 64, X.shape, order)
    made[:] = X
    made.flush()
    return np.memmap(folder / "x.raw", X.dtype, "r", 64, X.shape, order)


def folder_of_npy(folder):
    for number, part in enumerate(parts_of(X, 250)):
        np.save(folder / f"part{number}.npy", part)
    (folder / "notes.txt").write_text("no rows")
    return folder


def folder_of_sparse(folder):
    for number, part in enumerate(parts_of(X, 250)):
        scipy.sparse.save_npz(folder / f"part{number}.npz", scipy.sparse.csr_array(part))
    return str(folder / "part*.npz")


def folder_of_parquet(folder):
    frame = pd.DataFrame(X, columns=[f"c{k}" for k in range(X.shape[1])])
    for number, start in enumerate(range(0, len(X), 250)):
        name = folder / f"part{number}.parquet"
        frame[start : start + 250].to_parquet(name, row_group_size=100)
    return folder


SOURCES = {
    "array": lambda folder: X,
    "memory map": mapped,
    "raw memory map": raw_map,
    "columns first": lambda folder: raw_map(folder, "F"),
    "part of a memory map": lambda folder: mapped(folder)[10:],
    "sparse": lambda folder: scipy.sparse.csc_matrix(X),
    "frame": lambda folder: pd.DataFrame(X),
    "list": lambda folder: parts_of(X),
    "callable": lambda folder: lambda: iter(parts_of(X)),
    "generator": lambda folder: lambda: (part for part in parts_of(X)),
    "npy": folder_of_npy,
    "one npy": lambda folder: folder_of_npy(folder) / "part0.npy",
    "npz": folder_of_sparse,
    "parquet": folder_of_parquet,
}


@pytest.mark.parametrize("source", SOURCES)
def test_all_rows_come_from_each_kind_of_source_again_and_again(source, tmp_path):
    rows = skebm.stream(SOURCES[source](tmp_path), chunk_size=90)
    expected = {"part of a memory map": X[10:], "one npy": X[:250]}.get(source, X)
    assert rows.shape == expected.shape
    assert rows.dtype == np.float32
    for _ in range(2):
        assert np.array_equal(whole(rows), expected)


@pytest.mark.parametrize("source", ["memory map", "list", "npz", "parquet"])
def test_chunks_that_can_be_had_in_any_order_are_drawn_anew_in_each_epoch(source, tmp_path):
    rows = as_rows(skebm.stream(SOURCES[source](tmp_path), chunk_size=60, window=150))
    generator, orders = np.random.default_rng(0), []
    for _ in range(2):
        windows = list(rows.passes(generator))
        places = np.concatenate([window.places[window.order] for window in windows])
        taken = np.concatenate([all_of(window.rows)[window.order] for window in windows])
        assert np.array_equal(np.sort(places), np.arange(len(X)))
        assert np.array_equal(taken, X[places])
        assert all(150 <= len(window.order) < 400 for window in windows[:-1])
        # Rows of a window come from all over.
        assert np.ptp(windows[0].places) > 200
        orders.append(places)
    assert not np.array_equal(*orders)


def test_names_and_targets_come_with_frames():
    frame = pd.DataFrame(X, columns=[f"c{k}" for k in range(12)])
    frame.insert(3, "label", np.array(["a", "b", "c"])[Y])
    rows = skebm.stream(lambda: (frame[i : i + 100] for i in range(0, 600, 100)), target="label")
    assert rows.feature_names == [f"c{k}" for k in range(12)]
    assert np.array_equal(whole(rows), X)
    assert rows.y.tolist() == frame["label"].tolist()
    rbm = BernoulliRBM(3, n_iter=1, random_state=0).fit(rows)
    assert rbm.feature_names_in_.tolist() == rows.feature_names
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of data without names
        assert rbm.score(rows) == pytest.approx(rbm.score(frame[rows.feature_names]))


@pytest.mark.parametrize(
    ("made", "y"),
    [
        (lambda: skebm.stream(X, Y), Y),
        (lambda: skebm.stream(parts_of(X), parts_of(Y, 100)), Y),
        (lambda: skebm.stream(X, lambda: iter(parts_of(Y))), Y),
        (lambda: skebm.stream(X, Y.tolist()), Y),
        (lambda: skebm.stream(list(zip(parts_of(X), parts_of(Y), strict=True))), Y),
        (lambda: skebm.stream(np.column_stack([X, Y, Y]), target=[12, -1]), np.stack([Y, Y], 1)),
        (lambda: skebm.stream(scipy.sparse.csr_array(np.column_stack([X, Y])), target=12), Y),
        (lambda: skebm.stream(X), None),
    ],
)
def test_targets_come_from_a_second_source_from_pairs_or_from_columns(made, y):
    rows = made()
    assert rows.shape == X.shape
    assert np.array_equal(rows.y, y) if y is not None else rows.y is None
    numbers = np.array([3, 100, 599])
    if y is not None:
        assert np.array_equal(rows.map(np.exp)[numbers].y, y[numbers])


def test_rows_are_found_by_number_and_mapped_when_they_are_read():
    calls = []

    def twice(part):
        calls.append(len(part))
        return 2 * part

    rows = skebm.stream(lambda: iter(parts_of(X))).map(twice)
    assert rows.shape == X.shape
    some = rows[np.array([0, 5, 69, 70, 300])]
    assert some.shape == (5, 12)
    calls.clear()
    assert np.array_equal(whole(some[np.array([1, 3, 4])]), 2 * X[[5, 70, 300]])
    assert calls == [1, 1, 1]
    assert np.array_equal(rows.take(np.array([300, 5, 70])), 2 * X[[300, 5, 70]])


def test_small_ints_become_the_type_that_is_asked_for(tmp_path):
    np.save(tmp_path / "x.npy", X.astype(np.uint8))
    assert BernoulliRBM(2, n_iter=1).fit(skebm.stream(tmp_path)).components_.dtype == np.float64
    rows = skebm.stream(tmp_path, dtype="float32")
    assert rows.dtype == np.float32
    assert BernoulliRBM(2, n_iter=1).fit(rows).components_.dtype == np.float32


def test_empty_chunks_are_passed_over():
    empty = np.empty((0, 12), np.float32)
    for source in ([empty, X[:5], empty, X[5:], empty], lambda: iter([empty, X, empty])):
        rows = skebm.stream(source)
        assert rows.shape == X.shape
        assert np.array_equal(whole(rows), X)


# What is refused

ONCE = (part for part in parts_of(X))


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (iter(parts_of(X)), {}, "can be read only once"),
        (lambda: ONCE, {}, "can be read only once"),
        (lambda: 3, {}, "must return an iterator of chunks"),
        ([], {}, "no rows"),
        ([X[:0]], {}, "no rows"),
        (np.ones(3), {}, "must be an array of two dimensions"),
        ([np.ones(3)], {}, "Chunk 0 of a stream must have two dimensions"),
        (3, {}, "Got an object of the class int"),
        ([X, X[:, :5]], {}, "Chunk 1 of a stream has 5 columns, but the first one has 12"),
        ([X, X.astype(float)], {}, "Chunk 1 of a stream has the dtype float64.*dtype='float64'"),
        ([X, scipy.sparse.csr_array(X)], {}, "Chunk 1 of a stream is sparse"),
        ([pd.DataFrame(X, columns=list("abcdefghijkl")), X], {}, "Chunk 1 .* has the columns None"),
        ([(X, Y[:-1])], {}, "Chunk 0 of a stream has 600 rows, but its y has 599"),
        (X, {"y": Y[:-1]}, "600 rows, but its y has 599"),
        (X, {"y": Y, "target": 0}, "not as both"),
        (X, {"y": iter([Y])}, "can be read only once"),
        (X, {"target": "c"}, "has no column 'c'"),
        (X, {"target": 12}, "has no column 12"),
        (X, {"window": 0}, "'window' parameter of stream must be an int >= 1. Got 0"),
        (X, {"chunk_size": 2.5}, "'chunk_size'"),
        ("nowhere", {}, "found no files"),
        (__file__, {}, "cannot read"),
        (skebm.stream(X), {}, "is a stream already"),
    ],
)
def test_what_cannot_be_streamed_is_refused_with_a_reason(source, options, message):
    def read():
        rows = skebm.stream(source, **options)
        for _ in range(2):
            list(rows)
        return rows.y

    with pytest.raises((TypeError, ValueError, FileNotFoundError), match=message):
        read()


def test_an_iterator_that_has_ended_is_not_taken_for_an_epoch():
    left = iter(parts_of(X, 100))
    rows = skebm.stream(lambda: (part for part in left))
    with pytest.raises(ValueError, match="had 500 rows at first and 0 when it was read again"):
        BernoulliRBM(2, n_iter=1).fit(rows)


def test_a_source_that_changes_is_found_out():
    sizes = iter([30, 30, 20])
    rows = skebm.stream(lambda: iter([X[: next(sizes)]]))
    assert rows.shape[0] == 30
    with pytest.raises(ValueError, match="Chunk 0 of a stream had 30 rows at first and 20"):
        list(rows)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("RBM", [BernoulliRBM, GaussianRBM])
def test_a_value_that_is_no_number_is_named_by_its_chunk_and_changes_nothing(value, RBM):
    bad = X.copy()
    bad[250, 4] = value
    rbm = RBM(2, n_iter=1, missing_values=7.0, random_state=0).fit(X)
    before = clone(rbm), [array.copy() for array in parameters_of(rbm)]
    with pytest.raises(
        ValueError, match=r"Chunk 2 \(rows 200 to 299\) of the stream: Input X cont"
    ):
        rbm.fit(skebm.stream(bad, chunk_size=100))
    assert rbm.get_params() == before[0].get_params()
    assert all(map(np.array_equal, parameters_of(rbm), before[1]))


def test_estimators_that_take_arrays_alone_say_so():
    with pytest.raises(TypeError, match="A stream is not an array"):
        StandardScaler().fit(skebm.stream(X))
    with pytest.raises(ValueError, match="expecting 12 features"):
        BernoulliRBM(2, n_iter=1).fit(X).transform(skebm.stream(X[:, :5]))


# RBMs

SOME_GAPS = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, X)


@pytest.mark.parametrize("RBM", [BernoulliRBM, GaussianRBM])
@pytest.mark.parametrize(
    ("data", "options"),
    [
        (X, {}),
        (X, {"early_stopping": True, "n_iter": 3, "n_iter_no_change": 1}),
        (X, {"algorithm": "pt", "n_replicas": 3}),
        (scipy.sparse.csr_matrix(X), {"batch_size": 50}),
        (SOME_GAPS, {}),
        (np.where(np.isnan(SOME_GAPS), -9, SOME_GAPS), {"missing_values": -9}),
        (X.astype(np.float64), {"solver": "adam", "learning_rate": 0.01}),
    ],
    ids=["plain", "early stopping", "pt", "sparse", "gaps", "marked gaps", "adam"],
)
def test_an_rbm_learns_from_a_stream_of_one_window_what_it_learns_from_an_array(RBM, data, options):
    rbm = RBM(5, random_state=0, **{"n_iter": 2} | options).fit(data)
    streamed = clone(rbm).fit(skebm.stream(data, chunk_size=70))
    for a, b in zip(parameters_of(streamed), parameters_of(rbm), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        assert a.dtype == b.dtype
    assert streamed.history_.keys() == rbm.history_.keys()
    for a, b in zip(streamed.history_.values(), rbm.history_.values(), strict=True):
        assert len(a) == len(b)
    rbm.partial_fit(data)
    streamed.partial_fit(skebm.stream(data, chunk_size=70))
    for a, b in zip(parameters_of(streamed), parameters_of(rbm), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("RBM", [BernoulliRBM, GaussianRBM])
def test_an_rbm_learns_from_small_windows_as_well(RBM):
    rbm = RBM(5, n_iter=5, random_state=0)
    expected = clone(rbm).fit(X)
    rbm.fit(skebm.stream(X, chunk_size=40, window=100))
    assert rbm.score(X) == pytest.approx(expected.score(X), abs=0.3)
    again = clone(rbm).fit(skebm.stream(X, chunk_size=40, window=100))
    assert all(map(np.array_equal, parameters_of(rbm), parameters_of(again)))


def test_rows_held_out_take_no_part(monkeypatch):
    """Those of a stream are the same ones as of an array, and are in no window's order."""
    seen = []
    rows = as_rows(skebm.stream(X, chunk_size=40, window=100))
    training = np.sort(np.random.default_rng(0).permutation(len(X))[60:])
    for window in rows.passes(np.random.default_rng(1), training):
        seen.append(window.places[window.order])
    assert np.array_equal(np.sort(np.concatenate(seen)), training)


def test_no_row_is_left_to_train_on():
    rows = skebm.stream(X[:1])
    with pytest.raises(ValueError, match="leaves none of the 1 rows to train on"):
        BernoulliRBM(2, early_stopping=True).fit(rows)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_rbm_is_trained_on_windows_of_a_stream_in_little_memory(method):
    data = np.random.default_rng(0).random((40_000, 100), dtype=np.float32)
    window = 1000 * 100 * 4
    rows = skebm.stream(data, chunk_size=500, window=1000)
    train = getattr(BernoulliRBM(4, n_iter=1, batch_size=100, random_state=0), method)
    train(rows)  # compiles
    tracemalloc.start()
    train(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * window < data.nbytes / 4


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_array])
def test_features_of_a_stream_are_a_stream_and_scores_are_an_array(storage):
    rows = skebm.stream(storage(X), Y, chunk_size=70)
    rbm = BernoulliRBM(4, n_iter=1, random_state=0).fit(X)
    H = rbm.transform(rows)
    assert H.shape == (600, 4)
    assert H.dtype == np.float32
    np.testing.assert_allclose(whole(H), rbm.transform(X), rtol=1e-6)
    np.testing.assert_allclose(whole(rbm.inverse_transform(H)), rbm.inverse_transform(whole(H)))
    assert np.array_equal(H.y, Y)
    for method in (rbm.score_samples, rbm.free_energy):
        np.testing.assert_allclose(method(rows), method(X), rtol=1e-5)
    assert rbm.score(rows) == pytest.approx(rbm.score(X))


def test_a_pipeline_reads_a_stream_through_its_steps():
    rows = skebm.stream(X, chunk_size=70)
    steps = [BernoulliRBM(k, n_iter=1, random_state=0) for k in (6, 4)]
    pipeline = make_pipeline(*steps).set_output(transform="pandas").fit(rows)
    first = clone(steps[0]).set_output(transform="default").fit(X)
    second = clone(steps[1]).fit(first.transform(X))
    np.testing.assert_allclose(
        whole(pipeline.transform(rows)), second.transform(first.transform(X)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_picks_rows_of_a_stream_by_number(n_jobs, tmp_path):
    rows = skebm.stream(mapped(tmp_path), Y, chunk_size=70)
    grid = {"n_components": [2, 6]}
    options = {"cv": KFold(3, shuffle=True, random_state=0), "n_jobs": n_jobs}
    for model, y in (
        (BernoulliRBM(n_iter=2, random_state=0), None),
        (skebm.DSNClassifier(n_modules=1, max_iter=2, random_state=0), Y),
    ):
        search = GridSearchCV(model, grid, **options).fit(rows, y)
        expected = GridSearchCV(model, grid, **options).fit(X, y)
        for name in ("mean_test_score", "std_test_score"):
            found = search.cv_results_[name]
            np.testing.assert_allclose(found, expected.cv_results_[name], rtol=1e-4, atol=1e-6)
    with pytest.raises(IndexError, match="such as KFold"):
        rows[np.array([3, 1])]
    assert rows[Y == 1].shape == (200, 12)


@pytest.mark.parametrize("method", ["gibbs", "impute", "log_likelihood"])
def test_methods_that_do_not_go_by_chunk_say_so(method):
    rbm = BernoulliRBM(4, n_iter=1, random_state=0).fit(X)
    with pytest.raises(TypeError, match=rf"{method} takes arrays, but X is a stream"):
        getattr(rbm, method)(skebm.stream(X))


def test_an_interrupt_while_chunks_are_read_leaves_the_last_epoch():
    n_read = 0

    def read():
        nonlocal n_read
        for part in parts_of(X, 100):
            n_read += 1
            if n_read == 30:
                raise KeyboardInterrupt
            yield part

    rows = skebm.stream(read)
    rbm = BernoulliRBM(4, n_iter=10, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        rbm.fit(rows)
    # The first chunk was looked at, all for statistics, all for the rows to watch, and two epochs.
    assert n_read == 1 + 4 * 6 + 5
    assert rbm.n_iter_ == 2
    assert np.isfinite(rbm.score(X))
    rbm.fit(rows)
    assert rbm.n_iter_ == 10


IN_LITTLE_MEMORY = """
import sys
from pathlib import Path

import numpy as np

import skebm


def peak():
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1024


path, few = sys.argv[1], np.random.default_rng(0).random((500, 512), dtype=np.float32)
options = {"rbm_batch_size": 200, "rbm_n_iter": 1, "batch_size": 200, "max_iter": 1}
y = np.arange(30_000) % 7
for model, data in (
    (skebm.BernoulliRBM(16, n_iter=1, batch_size=200), path),
    (skebm.DBNClassifier((16, 8), **options), np.load(path, mmap_mode="r")),
    (skebm.DSNClassifier(16, n_modules=2, max_iter=1, warm_up=1), path),
):
    model.fit(skebm.stream(few, y[:500]))  # compiles
    before = peak()
    model.fit(skebm.stream(data, y, window=2000))
    print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is not known")
def test_a_process_holds_a_window_of_a_file_and_no_more(tmp_path):
    path, rng = tmp_path / "x.npy", np.random.default_rng(0)
    data = np.lib.format.open_memmap(path, "w+", np.float32, (30_000, 512))
    for part in range(0, len(data), 10_000):
        data[part : part + 10_000] = rng.random((10_000, 512), dtype=np.float32)
    n_megabytes = data.nbytes / 2**20
    del data
    command = [sys.executable, "-c", IN_LITTLE_MEMORY, str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    grown = [float(line) for line in found.stdout.split()]
    assert len(grown) == 3
    assert max(grown) < n_megabytes / 2
