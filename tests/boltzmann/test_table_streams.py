"""Tables read in chunks: MixedRBM, RBMImputer and deep machines beside the same table in memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import skebm
from skebm import DeepBoltzmannMachine, MixedRBM, RBMImputer, data_parallel
from skebm.boltzmann.table import TableEncoder

RNG = np.random.default_rng(0)
N = 300


def table_with_gaps(n_rows=N, seed=0, share=0.1):
    rng = np.random.default_rng(seed)
    kind = rng.choice(["oak", "fir", "ash"], n_rows)
    whole = pd.DataFrame(
        {
            "kind": kind,
            "old": rng.random(n_rows) < 0.4,
            "size": rng.normal(20, 3, n_rows) + 5 * (kind == "oak"),
            "rings": rng.integers(0, 80, n_rows),
            "stems": rng.integers(1, 5, n_rows),
            "grade": pd.Categorical(rng.choice(list("ab"), n_rows), categories=list("cba")),
        }
    )
    return whole.mask(rng.random(whole.shape) < share)


TABLE = table_with_gaps()


def parts_of(table, size=70):
    return [table[start : start + size] for start in range(0, len(table), size)]


def parameters_of(model):
    return model.components_, model.intercept_hidden_, model.intercept_visible_


def assert_same_model(found, expected, rtol=1e-6):
    for a, b in zip(parameters_of(found), parameters_of(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-7)
        assert a.dtype == b.dtype


# What columns are ------------------------------------------------------------


def encoders(chunks, categories="auto"):
    whole = pd.concat(chunks, ignore_index=True)
    read = skebm.stream(chunks).tables()
    return [TableEncoder(X, categories, "Name") for X in (read, whole)]


def frame(values, **options):
    return pd.DataFrame({"c": pd.Series(values, **options)})


@pytest.mark.parametrize("categories", ["auto", "declared"])
@pytest.mark.parametrize(
    "chunks",
    [
        [frame([1, 2, 3]), frame([4.5, np.nan])],
        [frame([1, 2, 3] * 5), frame([1, np.nan, 3] * 5)],
        [frame([1, 2] * 3), frame([1, 2] * 3)],
        [frame([1] * 9), frame([2] * 9)],
        [frame([1] * 9), frame([1] * 9)],
        [frame([*range(8)]), frame([*range(8, 16)])],
        [frame([*range(8)] * 9), frame([*range(4, 12)] * 9)],
        [frame([*range(30)]), frame([1, 2])],
        [frame([0.5, 1.5, 2.5] * 5), frame([3.0] * 5)],
        [frame([None, None], dtype=object), frame(["a", "b"]), frame(["c", None])],
        [frame(["b", "a"]), frame([np.nan, np.nan]), frame(["c"])],
        [frame([True, True]), frame([None, False], dtype=object)],
        [frame([True, True]), frame([True])],
        [frame([True, None], dtype="boolean"), frame([None, None], dtype="boolean")],
        [frame([1, None], dtype="Int8"), frame([7, 50], dtype="Int8")],
        [frame([1, 2], dtype="int8"), frame([7, 50], dtype="int16")],
        [frame([2**70, 3], dtype=object), frame([5, None], dtype=object)],
        [frame([1, 2.5], dtype=object), frame([5, "x"], dtype=object)],
        [frame(["x", "y"], dtype="category"), frame(["y", "x"], dtype="category")],
        [frame([1.5, 2], dtype="float32"), frame([3, 4], dtype="float32")],
    ],
)
def test_columns_of_chunks_are_those_of_the_whole_table(chunks, categories):
    found, expected = encoders(chunks, categories)
    assert found.columns == expected.columns
    assert [*map(type, found.columns[0].categories or [])] == [
        *map(type, expected.columns[0].categories or [])
    ]
    assert found.dtype == expected.dtype
    states = np.full((2, found.n_units), 0.4)
    assert found.decode(states).dtypes.tolist() == expected.decode(states).dtypes.tolist()


def test_columns_of_arrays():
    chunks = [np.array([["a", "b"], ["b", "b"]]), np.array([["long", "b"], ["a", "c"]])]
    found = TableEncoder(skebm.stream(chunks).tables(), "auto", "Name")
    assert [column.categories for column in found.columns] == [["a", "b", "long"], ["b", "c"]]
    assert found.decode(np.eye(5)).dtype == np.dtype("<U4")
    numbers = RNG.normal(size=(20, 2)).astype(np.float32)
    found = TableEncoder(skebm.stream(numbers, chunk_size=3).tables(), "auto", "Name")
    assert [column.kind for column in found.columns] == ["real", "real"]
    assert found.dtype == np.float32


def test_categories_that_chunks_declare_add_up():
    """As in files of parquet, each of whose row groups has a dictionary of its own."""
    chunks = [frame(["b", "d"], dtype="category"), frame(["a", "b"], dtype="category")]
    encoder = TableEncoder(skebm.stream(chunks).tables(), "auto", "Name")
    assert encoder.columns[0].categories == ["b", "d", "a"]
    drawn = encoder.decode(np.eye(3))["c"]
    assert drawn.tolist() == ["b", "d", "a"]
    assert drawn.dtype == pd.CategoricalDtype(["b", "d", "a"])


ORDERED = pd.CategoricalDtype(["s", "m", "l"], ordered=True)
OTHERS = pd.CategoricalDtype(["s", "l"], ordered=True)


@pytest.mark.parametrize(
    ("chunks", "options", "message"),
    [
        (
            [frame([*range(20)]), frame([2, 3]), frame(["1", "n/a"])],
            {},
            "Column 'c' is one of numbers in most chunks, and has '1' in Chunk 2",
        ),
        (
            [frame(["s"], dtype=ORDERED), frame(["l"], dtype=OTHERS)],
            {},
            r"Chunk 1 of the stream has the ordered categories \['s', 'l'\] in column 'c'",
        ),
        (
            [frame([1.0, 2.0]), frame([1.0]), frame(pd.to_datetime(["2020-01-01"]))],
            {},
            "Chunk 2 of the stream: Column 'c' has values of the dtype datetime64",
        ),
        (
            [frame(["a"]), frame(["b"])],
            {"categories": {"c": ["a", "x"]}},
            r"Chunk 1 of the stream: Found unknown categories \['b'\] in column 'c'",
        ),
        (
            [frame([0.5, 1.5, 2.5]), frame([np.inf])],
            {},
            "Chunk 1 of the stream: Input X contains infinity, in column 'c'",
        ),
        (
            [frame(["a"]), frame(["b"]).rename(columns={"c": "d"})],
            {},
            r"Chunk 1 .* columns \['d'\]",
        ),
        (
            [frame(["a"]).rename(columns={"c": 3}), frame(["b"]).rename(columns={"c": 4})],
            {},
            r"Chunk 1 .* columns \[4\], but the first one has \[3\]",
        ),
        ([frame(["a"]), frame(["b"]).assign(d=1)], {}, "Chunk 1 of a stream has 2 columns"),
        ([np.ones((3, 2)), np.array([["a", 1]], dtype=object)], {}, "Chunk 1 .* the dtype object"),
        (
            [frame([None], dtype=object), frame(["b"])],
            {"categories": {"d": None}},
            "names a column",
        ),
    ],
)
@pytest.mark.parametrize("make", [MixedRBM, lambda **options: RBMImputer(MixedRBM(**options))])
def test_an_error_names_the_chunk_and_changes_nothing(make, chunks, options, message):
    model = make(**options)
    before = vars(model).copy()
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(skebm.stream(chunks))
    assert vars(model) == before


# MixedRBM --------------------------------------------------------------------


def files_of(table, folder):
    for number, part in enumerate(parts_of(table, 110)):
        part.to_parquet(folder / f"part{number}.parquet", row_group_size=50)
    return folder


SOURCES = {
    "frames": lambda table, folder: parts_of(table),
    "callable": lambda table, folder: lambda: iter(parts_of(table)),
    "with empty chunks": lambda table, folder: [table[:0], *parts_of(table), table[:0]],
    "one frame": lambda table, folder: table,
    "parquet": files_of,
}


@pytest.mark.parametrize("source", SOURCES)
def test_an_rbm_learns_from_chunks_what_it_learns_from_the_table(source, tmp_path):
    table = TABLE.copy()
    if source == "parquet":
        pytest.importorskip("pyarrow")
        table["old"] = table["old"].astype("boolean")
    rows = skebm.stream(SOURCES[source](table, tmp_path), chunk_size=64)
    rbm = MixedRBM(4, n_iter=2, random_state=0)
    expected, found = clone(rbm).fit(table), clone(rbm).fit(rows)
    assert found.categories_ == expected.categories_
    assert found.feature_names_in_.tolist() == table.columns.tolist()
    assert_same_model(found, expected)
    np.testing.assert_allclose(found.mean_, expected.mean_, rtol=1e-12)
    np.testing.assert_allclose(found.scale_, expected.scale_, rtol=1e-12)
    pd.testing.assert_frame_equal(
        found.sample(5, random_state=1), expected.sample(5, random_state=1), rtol=1e-4
    )


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": True, "n_iter": 3, "n_iter_no_change": 1},
        {"algorithm": "pt", "n_replicas": 3},
        {"categories": {"stems": None, "kind": ["fir", "oak"]}, "handle_unknown": "missing"},
        {"missing_values": 3},
    ],
    ids=str,
)
def test_parameters_mean_the_same(options):
    rbm = MixedRBM(4, random_state=0, **{"n_iter": 1} | options)
    expected, found = clone(rbm).fit(TABLE), clone(rbm).fit(skebm.stream(parts_of(TABLE)))
    assert_same_model(found, expected)
    expected.partial_fit(TABLE[:100]), found.partial_fit(skebm.stream(parts_of(TABLE[:100])))
    assert_same_model(found, expected)


def test_arrays_of_numbers_keep_their_type():
    X = RNG.normal(size=(90, 3)).astype(np.float32)
    rbm = MixedRBM(3, n_iter=1, random_state=0)
    expected, found = clone(rbm).fit(X), clone(rbm).fit(skebm.stream(X, chunk_size=40))
    assert_same_model(found, expected, rtol=1e-4)
    assert found.sample(2).dtype == np.float32


def test_small_windows_serve_as_well():
    rbm = MixedRBM(4, n_iter=5, random_state=0)
    expected = clone(rbm).fit(TABLE)
    found = clone(rbm).fit(skebm.stream(parts_of(TABLE, 30), window=60))
    assert found.score(TABLE) == pytest.approx(expected.score(TABLE), abs=0.3)
    with data_parallel(3, local_steps=2):
        found = clone(rbm).fit(skebm.stream(parts_of(TABLE, 30)))
    assert found.score(TABLE) == pytest.approx(expected.score(TABLE), abs=0.5)


def test_answers_for_a_stream_are_those_for_the_table():
    rbm = MixedRBM(4, n_iter=1, random_state=0).fit(TABLE)
    rows = skebm.stream(parts_of(TABLE))
    H = rbm.transform(rows)
    np.testing.assert_array_equal(np.concatenate(list(H)), rbm.transform(TABLE))
    np.testing.assert_array_equal(rbm.score_samples(rows), rbm.score_samples(TABLE))
    assert rbm.score(rows) == pytest.approx(rbm.score(TABLE))
    back = pd.concat(list(rbm.inverse_transform(H)), ignore_index=True)
    pd.testing.assert_frame_equal(back, rbm.inverse_transform(rbm.transform(TABLE)))


def test_a_category_that_is_new_in_partial_fit_is_named_by_its_chunk():
    rbm = MixedRBM(3, n_iter=1, random_state=0).fit(TABLE)
    later = TABLE.assign(kind=np.where(np.arange(N) == 150, "elm", TABLE["kind"].fillna("oak")))
    with pytest.raises(ValueError, match=r"Chunk 2 of the stream: Found unknown cat.*'elm'"):
        rbm.partial_fit(skebm.stream(parts_of(later)))


def test_a_fit_holds_few_chunks():
    n_chunks, shape = 40, (1000, 10)

    def chunks():
        for k in range(n_chunks):
            yield pd.DataFrame(np.random.default_rng(k).normal(size=shape))

    rbm = MixedRBM(3, n_iter=1, batch_size=500, random_state=0)
    rbm.fit(next(chunks()))  # compiles
    tracemalloc.start()
    rbm.fit(skebm.stream(chunks, window=1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    of_chunk = 8 * shape[0] * shape[1]
    assert peak < 14 * of_chunk < n_chunks * of_chunk / 2


def test_a_deep_machine_of_tables():
    options = {"visible_units": "mixed", "rbm_n_iter": 1, "n_iter": 1, "random_state": 0}
    expected = DeepBoltzmannMachine((4, 3), **options).fit(TABLE)
    found = DeepBoltzmannMachine((4, 3), **options).fit(skebm.stream(parts_of(TABLE)))
    np.testing.assert_allclose(found.transform(TABLE), expected.transform(TABLE), rtol=1e-5)


# RBMImputer ------------------------------------------------------------------


def filled_equal(found, expected):
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"add_indicator": True, "keep_empty_features": True}])
def test_an_imputer_learns_from_one_chunk_what_it_learns_from_the_table(options):
    table = TABLE.assign(nothing=np.nan)
    table.loc[:, "stems"] = table["stems"].fillna(2)
    imputer = RBMImputer(MixedRBM(4, n_iter=2), n_rounds=2, n_steps=20, random_state=0, **options)
    expected = clone(imputer).fit(table)
    found = clone(imputer).fit(skebm.stream([table[:0], table]))
    assert_same_model(found.estimator_, expected.estimator_)
    names = expected.get_feature_names_out()
    assert found.get_feature_names_out().tolist() == names.tolist()
    filled_equal(found.transform(table), expected.transform(table))


def test_chunks_of_an_imputer_have_draws_of_their_own(tmp_path):
    imputer = RBMImputer(MixedRBM(8, n_iter=10), n_rounds=3, n_steps=20, random_state=0)
    rows = skebm.stream(parts_of(TABLE, 150))
    found = clone(imputer).fit(rows)
    assert_same_model(clone(imputer).fit(rows).estimator_, found.estimator_, rtol=0)
    expected = clone(imputer).fit(TABLE)
    score, of_table = (model.estimator_.score(TABLE) for model in (found, expected))
    assert score == pytest.approx(of_table, abs=0.3)
    start = MixedRBM(8, n_iter=0, categories="auto", random_state=0).fit(TABLE).score(TABLE)
    assert score > start + 0.1


def test_a_stream_is_filled_in_when_it_is_read():
    imputer = RBMImputer(MixedRBM(4, n_iter=1), n_rounds=1, n_steps=20, random_state=0).fit(TABLE)
    calls = []

    def read():
        for part in parts_of(TABLE):
            calls.append(len(part))
            yield part

    filled = imputer.transform(skebm.stream(read))
    n_calls = len(calls)
    chunks = list(filled)
    assert len(calls) == n_calls + 5
    for chunk, part in zip(chunks, parts_of(TABLE), strict=True):
        filled_equal(chunk, imputer.transform(part))
    # What is filled in is a table to learn from.
    found = MixedRBM(3, n_iter=1, random_state=0).fit(filled)
    expected = MixedRBM(3, n_iter=1, random_state=0).fit(pd.concat(chunks))
    assert_same_model(found, expected)


def test_numbers_in_arrays_are_filled_in():
    X = RNG.integers(0, 50, size=(120, 3))
    imputer = RBMImputer(
        MixedRBM(3, n_iter=1), missing_values=7, n_rounds=1, n_steps=10, random_state=0
    )
    expected, found = clone(imputer).fit(X), clone(imputer).fit(skebm.stream([X]))
    assert_same_model(found.estimator_, expected.estimator_)
    filled = np.concatenate(list(found.transform(skebm.stream(X, chunk_size=50))))
    assert filled.dtype == np.float64
    assert np.array_equal(filled == X, X != 7)


def test_draws_of_transform_are_not_for_streams():
    imputer = RBMImputer(MixedRBM(3, n_iter=1), n_rounds=0, sample_posterior=True).fit(TABLE)
    with pytest.raises(TypeError, match=r"sample_posterior=True makes new draws.*tables\(\)"):
        imputer.transform(skebm.stream(parts_of(TABLE)))
    rows = skebm.stream(parts_of(TABLE)).tables()
    assert not pd.concat([imputer.transform(X) for X in rows]).isna().any(axis=None)
