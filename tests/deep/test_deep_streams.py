"""Deep networks of streams against those of arrays, which one window makes equal but for rounding.

Layers above the first read a stream through those below, fine-tuning in windows.
"""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_digits

from skebm import (
    DBMClassifier,
    DBNClassifier,
    DBNRegressor,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    GenerativeDBNClassifier,
    stream,
)

X, Y = load_digits(return_X_y=True)
X, Y = X[:500] / 16, Y[:500]
SOME = np.where(np.arange(500) % 3 == 0, -1, Y)
NUMBERS = np.column_stack([Y + X[:, 20], X[:, 30]])
WEIGHTS = np.random.default_rng(0).integers(0, 3, 500).astype(float)


def small(Network, **options):
    defaults = {"hidden_layer_sizes": (12, 6), "rbm_n_iter": 2, "random_state": 0}
    if issubclass(Network, (DBNClassifier, DBNRegressor, DeepAutoencoder)):
        defaults["max_iter"] = 3
    if issubclass(Network, DeepBoltzmannMachine):
        defaults["n_iter"] = 2
    return Network(**defaults | options)


def parameters_of(network):
    names = "coefs_", "intercepts_", "recognition_coefs_", "generative_coefs_"
    found = [array for name in names for array in getattr(network, name, ())]
    return found + [rbm.components_ for rbm in getattr(network, "rbms_", ())]


def assert_same(network, other, rtol=1e-9):
    pairs = zip(parameters_of(network), parameters_of(other), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * np.abs(b).max())


CASES = {
    "classifier": (small(DBNClassifier), Y),
    "real data": (small(DBNClassifier, visible_units="gaussian", class_weight="balanced"), Y),
    "not pre-trained": (small(DBNClassifier, pretrain=False, shuffle=False), Y),
    "some labels": (small(DBNClassifier, unlabeled=-1), SOME),
    "regressor": (small(DBNRegressor, dropout=0.1), NUMBERS),
    "lbfgs": (small(DBNClassifier, solver="lbfgs"), Y),
    "cg": (small(DBNClassifier, solver="cg", n_iter_output=1), Y),
    "autoencoder": (small(DeepAutoencoder), None),
    "linear code": (small(DeepAutoencoder, code="linear", visible_units="gaussian"), None),
    "noisy input": (
        small(DeepAutoencoder, visible_units="gaussian", corruption="salt_and_pepper"),
        None,
    ),
    "generative": (small(DeepBeliefNetwork, fine_tune="up_down", n_iter=2), None),
    "generative with labels": (
        small(GenerativeDBNClassifier, fine_tune="up_down", n_iter=2),
        Y,
    ),
    "deep Boltzmann machine": (small(DeepBoltzmannMachine, early_stopping=True), None),
    "greedy start": (small(DeepBoltzmannMachine, pretrain=True), None),
    "unrolled machine": (
        DBMClassifier(small(DeepBoltzmannMachine), max_iter=3, random_state=0),
        Y,
    ),
}


NOT_BINARY = "ignore:.* is the probability of rows of 0 and 1:UserWarning"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings(NOT_BINARY)
@pytest.mark.filterwarnings("ignore:.* of the (hidden units|numbers):UserWarning")
def test_a_network_of_one_window_is_that_of_the_array(name):
    network, y = CASES[name]
    expected = clone(network).fit(X, y)
    rows = stream(X, y, chunk_size=70)
    model = clone(network).fit(rows)
    assert_same(model, expected)
    some = stream(X, chunk_size=200)
    H = np.concatenate(list(model.transform(some)))
    np.testing.assert_allclose(H, expected.transform(X), atol=1e-9)
    if hasattr(model, "predict"):
        predicted, wanted = model.predict(some), expected.predict(X)
        np.testing.assert_allclose(predicted, wanted, rtol=1e-9)
    if hasattr(model, "score_samples"):
        np.testing.assert_allclose(model.score_samples(some), expected.score_samples(X), rtol=1e-9)


@pytest.mark.parametrize("name", ["classifier", "real data", "autoencoder", "generative"])
@pytest.mark.filterwarnings(NOT_BINARY)
def test_small_windows_serve_about_as_well(name):
    network, y = CASES[name]
    longer = {"max_iter": 10} if "max_iter" in network.get_params() else {}
    network = clone(network).set_params(rbm_n_iter=4, **longer)
    expected = clone(network).fit(X, y)
    model = clone(network).fit(stream(X, y, chunk_size=40, window=120))
    again = clone(network).fit(stream(X, y, chunk_size=40, window=120))
    assert_same(model, again, rtol=0)
    score, best = (
        made.score(X, y) if y is not None else made.score(X) for made in (model, expected)
    )
    assert score == pytest.approx(best, rel=0.1)


def test_rows_count_by_their_weights():
    expected = small(DBNClassifier).fit(X, Y, WEIGHTS)
    model = small(DBNClassifier).fit(stream(X, Y, chunk_size=70), sample_weight=WEIGHTS)
    assert_same(model, expected)


@pytest.mark.parametrize("Network", [DBNClassifier, DBNRegressor, DeepAutoencoder])
def test_rows_are_held_out_of_a_stream(Network):
    y = None if Network is DeepAutoencoder else Y
    rows = stream(X, y, chunk_size=40, window=120)
    network = small(Network, early_stopping=True, max_iter=6, solver="adam").fit(rows)
    scores = network.history_["validation_score"]
    assert len(scores) == network.n_iter_
    n_rows = 2 if Network is DBNClassifier else 1
    few = stream(X[:n_rows], None if y is None else y[:n_rows])
    with pytest.raises(
        ValueError, match=r"'validation_fraction' parameter of .* cannot be held out"
    ):
        network.fit(few)
    assert network.history_["validation_score"] == scores


def test_partial_fit_takes_streams_and_goes_on():
    network, twin = small(DBNClassifier), small(DBNClassifier)
    for _ in range(2):
        network.partial_fit(stream(X, Y, chunk_size=70), classes=np.unique(Y))
        twin.partial_fit(X, Y, classes=np.unique(Y))
    assert_same(network, twin)
    network.set_params(warm_start=True).fit(stream(X, Y, chunk_size=70))
    assert_same(network, twin.set_params(warm_start=True).fit(X, Y))


def test_sparse_chunks_and_float32_stay_what_they_are():
    data = scipy.sparse.csr_array(X.astype(np.float32))
    model = small(DBNClassifier).fit(stream(data, Y, chunk_size=70))
    assert_same(model, small(DBNClassifier).fit(data, Y), rtol=1e-5)
    assert {array.dtype for array in model.coefs_} == {np.dtype(np.float32)}


@pytest.mark.parametrize("Network", [DBNClassifier, DBNRegressor, GenerativeDBNClassifier])
def test_a_stream_without_targets_is_refused(Network):
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        small(Network).fit(stream(X))


@pytest.mark.parametrize("Network", [DBNClassifier, DeepAutoencoder])
def test_what_is_no_number_is_named_and_changes_nothing(Network):
    bad = X.copy()
    bad[150, 3] = np.nan
    network = small(Network)
    with pytest.raises(ValueError, match=r"Chunk 1 \(rows 100 to 199\) of the stream: Input X con"):
        network.fit(stream(bad, Y, chunk_size=100))
    assert not hasattr(network, "coefs_")


@pytest.mark.parametrize("Network", [DBNClassifier, DeepAutoencoder, DeepBeliefNetwork])
def test_neither_rows_nor_features_nor_targets_are_held(Network, monkeypatch):
    monkeypatch.setattr("skebm.deep.unrolling._N_ROWS_OF_CODE", 500)
    rng = np.random.default_rng(0)
    data, y = rng.random((40_000, 60), dtype=np.float32), rng.integers(20, size=40_000)
    batches = {"rbm_batch_size": 200, "rbm_n_iter": 1, "batch_size": 200}
    once = (
        {"fine_tune": "up_down", "n_iter": 1} if Network is DeepBeliefNetwork else {"max_iter": 1}
    )
    network = small(Network, hidden_layer_sizes=(50, 8), **batches, **once)
    network.fit(stream(data[:600], y[:600]))  # compiles
    rows = stream(data, y, chunk_size=500, window=1000)
    tracemalloc.start()
    network.fit(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < data.nbytes / 3
