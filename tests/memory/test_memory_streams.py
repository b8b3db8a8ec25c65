"""Memories of streams against those of arrays: the same counts, and nothing kept but them."""

import tracemalloc
from functools import reduce

import numpy as np
import pytest

from skebm import HopfieldMemory, stream
from skebm._counts import Counts
from skebm.memory.storage import Couplings, Hebb

SPINS = np.where(np.random.default_rng(0).random((300, 40)) < 0.5, -1, 1)
FEW = SPINS[:5]


def in_chunks(X, **options):
    return stream(X, chunk_size=2 if len(X) < 20 else 70, **options)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize(
    "X",
    [
        SPINS,
        SPINS > 0,
        (SPINS > 0).astype(np.float32),
        np.random.default_rng(0).normal(size=(99, 9)),
    ],
    ids=["spins", "bool", "float32", "real"],
)
@pytest.mark.filterwarnings("ignore:.* patterns in .* units:UserWarning")
def test_counts_of_chunks_are_counts_of_all(X, fit_intercept):
    expected = HopfieldMemory(fit_intercept=fit_intercept, random_state=0).fit(X)
    memory = HopfieldMemory(fit_intercept=fit_intercept, random_state=0).fit(in_chunks(X))
    for name in ("weights_", "intercept_", "load_", "capacity_", "encoding_"):
        assert np.array_equal(getattr(memory, name), getattr(expected, name))
    assert np.array_equal(memory.transform(X[:5]), expected.transform(X[:5]))
    memory.partial_fit(in_chunks(X)).partial_fit(X)
    expected.partial_fit(X).partial_fit(X)
    assert np.array_equal(memory.weights_, expected.weights_)
    assert memory.load_ == expected.load_


@pytest.mark.parametrize("rule", ["storkey", "pseudo_inverse", "dreaming"])
def test_other_rules_store_one_chunk_after_another(rule):
    expected = HopfieldMemory(rule, random_state=0).fit(FEW)
    memory = HopfieldMemory(rule, random_state=0).fit(in_chunks(FEW))
    np.testing.assert_allclose(memory.weights_, expected.weights_, atol=1e-12)


@pytest.mark.parametrize("rule", ["dense", "softmax"])
def test_rules_whose_memory_is_the_patterns_keep_them_and_their_labels(rule):
    y = np.arange(5) + 10
    expected = HopfieldMemory(rule, random_state=0).fit(FEW, y)
    memory = HopfieldMemory(rule, random_state=0).fit(in_chunks(FEW, y=y))
    assert np.array_equal(memory.patterns_, expected.patterns_)
    assert np.array_equal(memory.predict(in_chunks(FEW)), y)
    found = np.concatenate(list(memory.transform(in_chunks(FEW))))
    assert np.array_equal(found, expected.transform(FEW))


def test_weights_alone_are_kept_of_a_stream():
    memory = HopfieldMemory(random_state=0).fit(in_chunks(FEW))
    assert not hasattr(memory, "patterns_")
    with pytest.raises(ValueError, match="predict needs the stored patterns"):
        memory.predict(FEW)
    with pytest.raises(ValueError, match="forget needs the stored patterns"):
        memory.forget(FEW)
    with pytest.raises(ValueError, match="keeps neither the patterns of a stream nor their labels"):
        memory.fit(in_chunks(FEW), np.arange(5))
    memory.unlearn(2)
    assert memory.fit(FEW).predict(FEW).tolist() == list(range(5))


def test_the_encoding_is_that_of_all_chunks():
    ones, zeros, minus = np.ones((3, 5)), np.zeros((3, 5)), -np.ones((3, 5))
    for parts, encoding in (
        ([ones, zeros], "binary"),
        ([ones, minus], "spin"),
        ([ones, ones], None),
        ([minus, zeros], "threshold"),
        ([ones, zeros, 3 * ones], "threshold"),
    ):
        with pytest.warns(UserWarning, match="patterns in 5 units"):
            assert HopfieldMemory().fit(stream(parts)).encoding_ == encoding
    with pytest.raises(ValueError, match="Got other values, such as 3"):
        HopfieldMemory(binarize=None).fit(stream([ones, zeros, 3 * ones]))
    with pytest.raises(ValueError, match="Chunk 1 of the stream: Input X contains NaN"):
        HopfieldMemory().fit(stream([ones, np.nan * ones]))


def test_counts_that_were_made_apart_are_added():
    couplings = Couplings.empty(40, True, np.float64)
    parts = [Counts.of(part.astype(np.int8)) for part in np.array_split(SPINS, 7)]
    expected = Couplings.empty(40, True, np.float64)
    Hebb().add(expected, SPINS.astype(np.int8))
    Hebb().add_counts(couplings, reduce(Counts.__iadd__, parts))
    assert np.array_equal(couplings.weights, expected.weights)
    assert np.array_equal(couplings.bias, expected.bias)


@pytest.mark.filterwarnings("ignore:.* patterns in .* units:UserWarning")
def test_patterns_are_not_held():
    X = np.where(np.random.default_rng(0).random((40_000, 100)) < 0.5, -1, 1).astype(np.int8)
    rows = stream(X, chunk_size=1000)
    HopfieldMemory().fit(rows)
    tracemalloc.start()
    HopfieldMemory().fit(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.nbytes / 4
