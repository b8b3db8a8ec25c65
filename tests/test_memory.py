"""How much memory a fit takes: no dense copy of what is sparse, no whole copy of what is dense."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse

from skebm import DeepAutoencoder, DSNClassifier, DSNRegressor, GaussianRBM


def peak(function, *arguments):
    """Bytes that NumPy and Python hold at most while the function runs, the second time."""
    function(*arguments)  # compiles
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("n_rows", [3000, 5000])
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"n_modules": 2, "cv": 2}])
def test_a_stack_makes_no_sparse_rows_dense(n_rows, options):
    rng = np.random.default_rng(0)
    X = scipy.sparse.random(n_rows, 10_000, density=1e-4, format="csr", dtype=np.float32, rng=rng)
    y = rng.integers(2, size=n_rows)
    model = DSNClassifier(2, **{"n_modules": 1, "max_iter": 0, "random_state": 0} | options)
    assert peak(model.fit, X, y) < n_rows * 10_000 * 4 / 10


def test_a_second_module_takes_no_copy_of_the_data():
    X = np.random.default_rng(0).random((8000, 400), dtype=np.float32)
    options = {"early_stopping": False, "working_memory": 1}
    model = DSNRegressor(2, n_modules=2, max_iter=1, random_state=0, **options)
    # Of a chunk of the rows there may be a copy.
    assert peak(model.fit, X, X[:, 0]) < 0.9 * X.nbytes


def test_standardised_rows_are_never_held_whole():
    X = np.random.default_rng(0).random((20_000, 200), dtype=np.float32)
    rbm = GaussianRBM(2, n_iter=1, n_gibbs_steps=1, batch_size=200, random_state=0)
    assert peak(rbm.fit, X) < 0.8 * X.nbytes


def test_errors_of_reconstructions_are_found_chunk_by_chunk():
    X = np.random.default_rng(0).random((20_000, 200), dtype=np.float32)
    model = DeepAutoencoder((2,), pretrain=False, max_iter=1, random_state=0).fit(X[:100])
    assert peak(model.score_samples, X) < 0.3 * X.nbytes
