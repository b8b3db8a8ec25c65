"""GaussianRBM: its formulas in the units of the data, its robustness, and what it learns."""

import re
import warnings

import numpy as np
import pytest
import scipy.sparse
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

import annealing
import enumeration
from skebm import GaussianRBM
from skebm.boltzmann.learner import Learner

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def mixture_of(rbm):
    """The model that the public attributes describe, by the energy of the docstring."""
    return enumeration.GaussianMixture(
        rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_, rbm.variances_
    )


def correlated_rows(n_rows=200, seed=0):
    """Rows of four features of very different scales, from three clusters."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (3, 4))
    X = centres[rng.integers(3, size=n_rows)] + rng.normal(0, 0.5, (n_rows, 4))
    return X * [1e-3, 1.0, 30.0, 1e4] + [5.0, 0.0, -100.0, 1e4]


def many_scales():
    """Skewed features of scales from 1e-3 to 1e4, two of them correlated, one constant."""
    rng = np.random.default_rng(0)
    X = np.exp(rng.normal(0, 0.7, (400, 8))) * 10.0 ** np.arange(-3, 5)
    X[:, 1] += 10 * X[:, 0]
    return np.column_stack([X, np.full(400, 7.0)])


def independent_log_likelihood(X):
    """Of a normal distribution for each feature, in nats a row; constant ones have no density."""
    X = X[:, X.var(axis=0) > 0]
    return stats.norm.logpdf(X, X.mean(axis=0), X.std(axis=0)).sum(axis=1).mean()


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float32", "float64"])
def fitted(request):
    X = correlated_rows().astype(request.param)
    return GaussianRBM(6, learning_rate=0.1, n_iter=30, random_state=0).fit(X), X


# Formulas in the units of the data -------------------------------------------


def test_what_is_learned_is_worth_testing(fitted):
    rbm, X = fitted
    gain = mixture_of(rbm).log_likelihood(X.astype(float)).mean() - independent_log_likelihood(X)
    assert gain > 1
    assert np.ptp(rbm.transform(X), axis=0).max() > 0.5


def test_outputs_are_those_of_the_energy_in_the_docstring(fitted):
    rbm, X = fitted
    mixture, wide = mixture_of(rbm), X.astype(np.float64)
    tolerance = 2e-3 if X.dtype == np.float32 else 1e-9
    H = rbm.transform(X)
    assert H.dtype == X.dtype
    np.testing.assert_allclose(H, mixture.mean_hidden(wide), rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        rbm.free_energy(X), mixture.free_energy(wide), rtol=0, atol=20 * tolerance
    )
    h = np.eye(6, dtype=X.dtype)
    V = rbm.inverse_transform(h)
    assert V.dtype == X.dtype
    np.testing.assert_allclose(
        (V - (mixture.b + h @ mixture.W.T)) / rbm.scale_, 0, rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("size", [1e10, 1e30])
def test_score_of_a_machine_that_went_astray_is_nan_at_once(size):
    # Its modes are farther apart than any sum over points between them can bridge.
    X = np.random.default_rng(0).normal(size=(100, 5))
    rbm = GaussianRBM(4, n_iter=1, random_state=0).fit(X)
    rbm.components_ = size * np.sign(rbm.components_)
    assert np.isnan(rbm.score_samples(X)).all()
    with pytest.raises(ValueError, match="GaussianRBM are no longer finite, or have become"):
        GaussianRBM(4, learning_rate=size, n_iter=5, random_state=0).fit(X)


def test_score_is_the_density_of_each_feature_given_the_others(fitted):
    rbm, X = fitted
    mixture = mixture_of(rbm)
    rows = X[:10].astype(np.float64)
    expected = np.zeros(10)
    for i in range(4):
        reach = np.abs(mixture.W[i]).sum() + 12 * np.sqrt(mixture.s[i])
        points = mixture.b[i] + np.linspace(-reach, reach, 2001)
        # Steps of half a deviation would do: sums of Gaussian functions are integrals by then.
        assert points[1] - points[0] < 0.1 * np.sqrt(mixture.s[i])
        for r, row in enumerate(rows):
            moved = np.repeat(row[None], len(points), axis=0)
            moved[:, i] = points
            ratio = np.exp(mixture.free_energy(row[None]) - mixture.free_energy(moved))
            expected[r] -= np.log(ratio.sum() * (points[1] - points[0]))
    got = rbm.score_samples(X[:10])
    assert got.dtype == X.dtype
    np.testing.assert_allclose(got, expected, rtol=0, atol=5e-3 if X.dtype == np.float32 else 1e-7)
    assert rbm.score(X[:10]) == pytest.approx(got.mean(), rel=1e-6)


def test_samples_come_to_the_distribution_of_the_model(fitted):
    rbm, _ = fitted
    mixture = mixture_of(rbm)
    V = rbm.sample(4000, n_steps=300, random_state=0).astype(np.float64)
    start = mixture.draw(4000, np.random.default_rng(0))[0]
    stay = rbm.gibbs(start.astype(rbm.components_.dtype), 1, random_state=0).astype(np.float64)
    for unit in range(4):
        for drawn in (V, stay):
            p = stats.kstest(drawn[:, unit], lambda x, u=unit: mixture.distribution(x, u)).pvalue
            assert p > 1e-4


def test_clamped_features_keep_their_values_to_the_bit(fitted):
    rbm, X = fitted
    clamp = np.array([True, False, True, False])
    V = rbm.sample(init=X, clamp=clamp, n_steps=5, random_state=0)
    assert np.array_equal(V[:, clamp], X[:, clamp])
    assert not np.any(V[:, ~clamp] == X[:, ~clamp])


def test_imputed_values_are_the_expectations_given_the_known_ones(fitted):
    rbm, X = fitted
    mixture = mixture_of(rbm)
    n_copies = 40
    holes = np.repeat(X[:20], n_copies, axis=0)
    holes[:, 2] = np.nan
    filled = rbm.impute(holes, n_steps=400, random_state=0)
    known = [0, 1, 3]
    assert np.array_equal(filled[:, known], np.repeat(X[:20], n_copies, axis=0)[:, known])
    # p(h | known) from the mixture of the known features, which keep mass, mean and variance.
    log_p = np.log(mixture.p_h) + stats.norm.logpdf(
        X[:20, None, known], mixture.mean[None][:, :, known], np.sqrt(mixture.s[known])
    ).sum(axis=2)
    p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    expected = (p / p.sum(axis=1, keepdims=True)) @ mixture.mean[:, 2]
    copies = filled[:, 2].reshape(20, n_copies).astype(float)
    standard_error = copies.std(axis=1, ddof=1) / np.sqrt(n_copies)
    assert standard_error.max() < 0.1 * rbm.scale_[2]
    assert np.all(np.abs(copies.mean(axis=1) - expected) < 4.5 * standard_error)


def test_history_is_in_the_units_of_the_scores(fitted):
    rbm, X = fitted
    watched = rbm.score_samples(X[::4])
    assert rbm.history_["pseudo_likelihood"][-1] == pytest.approx(watched.mean(), rel=1e-4)


# Likelihood ------------------------------------------------------------------


def test_log_likelihood_is_that_of_the_mixture(fitted):
    rbm, X = fitted
    mixture = mixture_of(rbm)
    result = rbm.log_partition()
    assert result.standard_error == 0
    tolerance = 5e-3 if X.dtype == np.float32 else 1e-8
    assert result.estimate == pytest.approx(mixture.log_z, abs=tolerance)
    np.testing.assert_allclose(
        rbm.log_likelihood(X), mixture.log_likelihood(X.astype(float)), rtol=0, atol=tolerance
    )


def test_annealing_brackets_the_partition_function(fitted, monkeypatch):
    rbm, _ = fitted
    exact = rbm.log_partition("exact").estimate
    ways = annealing.watch(monkeypatch)
    result = rbm.log_partition("ais", n_temperatures=3000, n_chains=200, random_state=0)
    annealing.assert_bounds_are_near(result, exact, ways, most=0.05)
    few = rbm.log_partition("ais", n_temperatures=4, n_chains=200, random_state=0)
    assert few.lower < exact - 0.02 < exact + 0.02 < few.upper


def test_tempered_samples_come_to_the_distribution_of_the_model(fitted):
    rbm, _ = fitted
    mixture = mixture_of(rbm)
    V = rbm.sample(2000, n_steps=100, algorithm="pt", random_state=0).astype(np.float64)
    for unit in range(4):
        p = stats.kstest(V[:, unit], lambda x, unit=unit: mixture.distribution(x, unit)).pvalue
        assert p > 1e-4


# Scales ----------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["cd", "pcd", "pt"])
def test_units_of_the_data_do_not_matter(algorithm):
    X = correlated_rows()
    moved = 100 * X + 3
    rbms = [GaussianRBM(6, algorithm=algorithm, random_state=0).fit(data) for data in (X, moved)]
    H, H_moved = (rbm.transform(data) for rbm, data in zip(rbms, (X, moved), strict=True))
    assert np.ptp(H, axis=0).max() > 0.1
    np.testing.assert_allclose(H_moved, H, rtol=0, atol=1e-8)
    scores = [rbm.score_samples(data) for rbm, data in zip(rbms, (X, moved), strict=True)]
    np.testing.assert_allclose(scores[1], scores[0] - 4 * np.log(100), rtol=0, atol=1e-7)
    np.testing.assert_allclose(rbms[1].components_, 100 * rbms[0].components_, rtol=1e-6)
    np.testing.assert_allclose(rbms[1].variances_, 1e4 * rbms[0].variances_, rtol=1e-6)


def test_sparse_rows_are_the_dense_ones():
    X = correlated_rows()
    X[X < 0] = 0
    models = [GaussianRBM(5, random_state=0).fit(A) for A in (X, scipy.sparse.csr_matrix(X))]
    np.testing.assert_allclose(models[1].components_, models[0].components_, rtol=1e-6)
    np.testing.assert_allclose(
        models[0].transform(scipy.sparse.csr_matrix(X)), models[0].transform(X), rtol=0, atol=1e-12
    )


RAW = {
    "wine": lambda: load_wine().data,
    "breast cancer": lambda: load_breast_cancer().data,
    "diabetes": lambda: load_diabetes(scaled=False).data,
    "digits": lambda: load_digits().data,
    "many scales": many_scales,
}


@pytest.mark.parametrize("learning_rate", [1e-4, 1e-3, 1e-2, 0.05, 1e-1])
@pytest.mark.parametrize("name", RAW)
def test_raw_data_are_fitted_no_worse_than_by_independent_features(name, learning_rate):
    X = RAW[name]()
    with warnings.catch_warnings(action="error"):
        rbm = GaussianRBM(8, learning_rate=learning_rate, random_state=0).fit(X)
    # Constant features have no density to compare with: leave them out of both.
    varying = X.var(axis=0) > 0
    assert np.isfinite(rbm.score_samples(X)).all()
    mixture = enumeration.GaussianMixture(
        rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_, rbm.variances_
    )
    constants = stats.norm.logpdf(
        X[:, ~varying], mixture.b[~varying], np.sqrt(mixture.s[~varying])
    ).sum(axis=1)
    of_varying = mixture.log_likelihood(X) - constants
    # Fewer hidden units than features begin with correlations of random signs, which the data do
    # not have: that costs up to this much a feature, until steps are long enough to mend it.
    slack = 0.04 * np.count_nonzero(varying) if learning_rate < 0.05 else 0
    assert of_varying.mean() >= independent_log_likelihood(X) - slack


@pytest.mark.filterwarnings("ignore:.* of the hidden units of GaussianRBM have:UserWarning")
@pytest.mark.parametrize(
    "parameters",
    [
        {"n_components": 256},
        {"n_components": 256, "learning_rate": 0.1, "algorithm": "pcd"},
        {"learning_rate": 1.0, "momentum": 0.9, "variance_learning_rate": 1.0},
        {"learning_rate": 1.0, "learn_variance": False, "batch_size": 1},
    ],
)
def test_even_careless_training_ends_finite(parameters):
    X = many_scales()
    rbm = GaussianRBM(**{"n_components": 20, "n_iter": 5, "random_state": 0} | parameters).fit(X)
    for value in (rbm.components_, rbm.variances_, rbm.transform(X), rbm.score_samples(X)):
        assert np.isfinite(value).all()
    assert np.all(rbm.variances_ > 0)


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("options", [{}, {"algorithm": "pt"}, {"sampler": "gibbs-langevin"}])
def test_constant_features_have_no_weights_and_no_noise(options, storage):
    X = np.column_stack([correlated_rows(200), np.full(200, 0.1), np.zeros(200)])
    rbm = GaussianRBM(5, n_iter=2, random_state=0, **options).fit(storage(X))
    assert not rbm.components_[:, -2:].any()
    assert rbm.scale_[-2:].tolist() == rbm.variances_[-2:].tolist() == [1, 1]
    samples = [
        rbm.sample(20, n_steps=3, random_state=0),
        rbm.sample(20, n_steps=3, algorithm="pt", random_state=0),
        rbm.gibbs(X[:20], 2, random_state=0),
        rbm.impute(np.where(np.arange(6) > 2, np.nan, X[:20]), 4, random_state=0),
        rbm.inverse_transform(rbm.transform(X[:20])),
    ]
    for V in samples:
        assert V[:, -2:].tolist() == [[0.1, 0.0]] * 20
        assert np.ptp(V[:, 0]) > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-28, 1e-19, 1e19, 1e30])
def test_very_large_and_very_small_numbers(size, dtype):
    X = correlated_rows(200)
    with warnings.catch_warnings(action="error"):
        usual, rbm = (
            GaussianRBM(4, n_iter=2, random_state=0).fit(data.astype(dtype))
            for data in (X, size * X)
        )
        H = rbm.transform((size * X).astype(dtype))
        score = rbm.score((size * X).astype(dtype))
        V = rbm.sample(50, random_state=0).astype(np.float64) / size
    assert H.dtype == dtype
    np.testing.assert_allclose(H, usual.transform(X.astype(dtype)), atol=1e-3)
    assert score == pytest.approx(usual.score(X) - X.shape[1] * np.log(size), abs=1e-2)
    np.testing.assert_allclose(V, usual.sample(50, random_state=0), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ("size", "dtype", "message"),
    [
        (1e200, np.float64, "too large for float64"),
        (1e300, np.float64, "too large for float64"),
        (1e-200, np.float64, "too small for float64"),
        (1e33, np.float32, "too large for float32"),
        (1e-40, np.float32, "too small for float32"),
    ],
)
@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
def test_numbers_that_cannot_be_scaled_are_refused(size, dtype, message, storage):
    X = storage((size * correlated_rows(50)).astype(dtype))
    rbm = GaussianRBM(2, n_iter=1)
    with (
        warnings.catch_warnings(action="error"),
        pytest.raises(ValueError, match=f"GaussianRBM .* {message}.*Divide"),
    ):
        rbm.fit(X)
    assert vars(rbm) == vars(GaussianRBM(2, n_iter=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_deviations_beside_large_means_are_no_noise(dtype):
    """As of dates: float64 tells them apart where float32 has too few digits."""
    a = np.random.default_rng(0).normal(size=500)
    X = np.column_stack([2460310.5 + 0.08 * a, 1.7e9 + 100 * a, a]).astype(dtype)
    rbm = GaussianRBM(2, n_iter=1, random_state=0).fit(X)
    expected = X.std(axis=0, dtype=np.float64)
    if dtype == np.float32:
        expected[:2] = 1
    np.testing.assert_allclose(rbm.scale_, expected, rtol=1e-6)


# Variances -------------------------------------------------------------------


def test_noise_of_a_known_size_is_found():
    """Two clusters, far apart, in ten features with noises of their own."""
    rng = np.random.default_rng(0)
    noise = np.geomspace(0.2, 1.0, 10)
    side = rng.integers(2, size=(2000, 1))
    X = 3 * (2 * side - 1) * np.ones(10) + rng.normal(0, noise, (2000, 10))
    rbm = GaussianRBM(1, variance_learning_rate=0.05, n_iter=40, random_state=0).fit(X)
    np.testing.assert_allclose(np.sqrt(rbm.variances_), noise, rtol=0.15)


def test_given_variances_are_kept_if_they_are_not_to_be_learned():
    X = correlated_rows()
    for variances in (2.0, [1e-7, 0.5, 100.0, 1e7]):
        rbm = GaussianRBM(3, variances=variances, learn_variance=False, random_state=0).fit(X)
        np.testing.assert_allclose(rbm.variances_, variances, rtol=1e-9)
        rbm = GaussianRBM(3, variances=variances, random_state=0).fit(X)
        assert not np.allclose(rbm.variances_, variances, rtol=1e-3)


def test_variances_learn_by_a_tenth_of_the_learning_rate_or_their_own(monkeypatch):
    seen = []
    run_epoch = Learner.run_epoch

    def recording(self, rows, order, settings):
        seen.append((settings.learning_rate, settings.variance_rate))
        run_epoch(self, rows, order, settings)

    monkeypatch.setattr(Learner, "run_epoch", recording)
    X = correlated_rows(20)
    GaussianRBM(2, learning_rate=(0.2, 0.1), n_iter=2, learning_rate_schedule="constant").fit(X)
    GaussianRBM(2, learning_rate=0.2, variance_learning_rate=0.3, n_iter=2).fit(X)
    GaussianRBM(2, learn_variance=False, learning_rate=0.2, n_iter=1).fit(X)
    np.testing.assert_allclose(
        seen, [(0.2, 0.02), (0.1, 0.01), (0.2, 0.3), (0.1, 0.15), (0.2, 0.0)], rtol=1e-12
    )


# Learning --------------------------------------------------------------------


@pytest.mark.parametrize("random_state", [0, 1])
def test_independent_sources_are_recovered_up_to_sign_and_order(random_state):
    """A rotated pair of independent Laplace sources: the weights point along them."""
    rng = np.random.default_rng(0)
    sources = rng.laplace(0, np.sqrt(0.5), (10000, 2))
    angle = np.pi / 6
    mixing = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    X = sources @ mixing.T
    rbm = GaussianRBM(
        4,
        learning_rate=0.2,
        batch_size=100,
        n_iter=30,
        # Rotations of the data look alike to a model without these: of its second moments, which
        # broad components explain alone, all directions are the same.
        variances=0.3,
        sparsity_target=0.1,
        sparsity_cost=0.5,
        random_state=random_state,
    ).fit(X)
    directions = rbm.components_ / np.linalg.norm(rbm.components_, axis=1, keepdims=True)
    cosines = np.abs(directions @ mixing)
    assert np.all(cosines.max(axis=0) > 0.97)
    # Units begin far apart, and where three do for both sides of both sources, one may be left.
    assert np.count_nonzero(cosines.max(axis=1) > 0.97) >= 3


@pytest.mark.parametrize("sampler", ["gibbs", "gibbs-langevin"])
def test_both_samplers_learn_clusters(sampler):
    X = correlated_rows()
    rbm = GaussianRBM(6, sampler=sampler, learning_rate=0.1, n_iter=30, random_state=0).fit(X)
    gain = mixture_of(rbm).log_likelihood(X).mean() - independent_log_likelihood(X)
    assert gain > 1


def test_langevin_draws_remember_and_gibbs_draws_do_not():
    X = correlated_rows()
    start = np.repeat(X[:1], 4000, axis=0)

    def distance(**parameters):
        rbm = GaussianRBM(6, random_state=0, n_iter=2, **parameters).fit(X)
        moved = (rbm.gibbs(start, 1, random_state=0) - start) / rbm.scale_
        return np.sqrt(np.mean(moved**2))

    near, far = (distance(sampler="gibbs-langevin", langevin_time=t) for t in (1e-4, 20.0))
    assert near < 0.05
    assert far == pytest.approx(distance(sampler="gibbs"), rel=0.02)


def test_partial_fits_are_the_epochs_of_fit():
    X = correlated_rows()
    options = {"n_components": 4, "random_state": 0, "learning_rate_schedule": "constant"}
    whole = GaussianRBM(n_iter=3, **options).fit(X)
    parts = GaussianRBM(**options)
    for _ in range(3):
        parts.partial_fit(X)
    # The published model is in other units: going on from it rounds once more.
    np.testing.assert_allclose(parts.components_, whole.components_, rtol=1e-6)
    np.testing.assert_allclose(parts.variances_, whole.variances_, rtol=1e-6)


# Bad input -------------------------------------------------------------------

BAD_VALUES = {
    "variances": [0, -1.0, "small", (), (1.0, -1.0, 1.0, 1.0), np.inf],
    "learn_variance": [1, None],
    "variance_learning_rate": [0, "slow"],
    "max_gradient_norm": [0, None, -1.0],
    "sampler": ["langevin", None],
    "langevin_time": [0, None, -1.0],
}


@pytest.mark.parametrize("train", ["fit", "partial_fit"])
@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in BAD_VALUES.items() for v in vs])
def test_a_bad_parameter_is_named_and_nothing_changes(name, value, train):
    rbm = GaussianRBM(3, **{name: value})
    before = dict(vars(rbm))
    of_whom = re.escape(f"The {name!r} parameter of GaussianRBM must be ")
    with pytest.raises(ValueError, match=f"{of_whom}.*{re.escape(f'Got {value!r} instead.')}"):
        getattr(rbm, train)(correlated_rows())
    assert vars(rbm) == before


def test_variances_of_another_number_of_features_are_refused():
    rbm = GaussianRBM(3, variances=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"'variances' parameter .* one for each of the 4"):
        rbm.fit(correlated_rows())
    assert not hasattr(rbm, "mean_")
