"""DeepAutoencoder: against its RBMs, principal components, a naive twin, and what it is for."""

import copy
import warnings

import numpy as np
import pytest
import scipy.sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import naive_network
from enumeration import finite_differences
from skebm import DeepAutoencoder, GaussianRBM
from skebm._rows import DenseRows
from skebm.deep import stack
from skebm.deep.feedforward import losses
from skebm.deep.unrolling import layers_of_linear_code


def small(**parameters):
    defaults = {"hidden_layer_sizes": (7, 3), "rbm_n_iter": 2, "max_iter": 3, "random_state": 0}
    defaults |= {"rbm_learning_rate_schedule": "constant", "learning_rate": "constant"}
    defaults |= {"activation": "logistic", "learning_rate_init": 0.001}
    return DeepAutoencoder(**defaults | parameters)


def make_data(n_rows=60, n_features=8, dtype=np.float64):
    """Rows in [0, 1] with something to compress, some of their values zero."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, n_features))
    X = 1 / (1 + np.exp(-scores - 0.2 * rng.normal(size=scores.shape)))
    return np.where(X < 0.3, 0, X).astype(dtype)


def digits(dtype=np.float32):
    X = (load_digits().data / 16).astype(dtype)
    return X[:1000], X[1000:]


def squared_error(X, V):
    return np.square(V - X).sum(axis=1)


def assert_same(model, other, **tolerance):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(model, name), getattr(other, name), strict=True):
            np.testing.assert_allclose(a, b, **tolerance)


ACTIVATIONS = {
    "identity": lambda x: x,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}


def by_hand(model, values, activations):
    """The values of each layer of a network, from what goes into the first of them."""
    out = []
    for weights, bias, name in zip(model.coefs_, model.intercepts_, activations, strict=True):
        values = ACTIVATIONS[name](values @ weights + bias)
        out.append(values)
    return out


# Unrolling -------------------------------------------------------------------


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("visible_units", ["bernoulli", "gaussian"])
def test_unrolled_it_is_the_rbms_up_and_down_or_better(visible_units, tied, storage):
    X = make_data()
    if visible_units == "gaussian":
        X = X * np.arange(1, 9) + 5
    model = small(
        hidden_layer_sizes=(7, 5, 3),
        code="logistic",
        visible_units=visible_units,
        tied=tied,
        rbm_learning_rate=0.2,
        max_iter=0,
    ).fit(storage(X))

    codes = X
    for rbm in model.rbms_:
        codes = rbm.transform(codes)
    back = codes
    for rbm in model.rbms_[::-1]:
        back = rbm.inverse_transform(back)
    np.testing.assert_allclose(model.transform(storage(X)), codes, atol=1e-12)
    if tied:
        np.testing.assert_allclose(model.inverse_transform(codes), back, atol=1e-12)
        np.testing.assert_allclose(model.reconstruct(storage(X)), back, atol=1e-12)
    else:
        assert -model.score(storage(X)) < 0.9 * squared_error(X, back).mean()
    if visible_units == "gaussian":
        assert type(model.rbms_[0]) is GaussianRBM
        same_variances = np.allclose(model.rbms_[0].variances_, model.scale_**2, rtol=1e-12)
        assert same_variances == tied
    assert model.n_iter_ == 0
    assert not hasattr(model, "loss_")


@pytest.mark.parametrize("pretrain", [True, False])
@pytest.mark.parametrize("visible_units", ["bernoulli", "gaussian"])
def test_tied_weights_stay_transposes_and_others_do_not(visible_units, pretrain):
    X = make_data()
    for tied in (True, False):
        model = small(visible_units=visible_units, pretrain=pretrain, tied=tied).fit(X)
        model.partial_fit(X)
        for up, down in zip(model.coefs_[:2], model.coefs_[:1:-1], strict=True):
            assert np.array_equal(up, down.T) == tied
        assert model.coefs_[-1].flags.c_contiguous


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("code", ["linear", "logistic", "binary"])
@pytest.mark.parametrize("visible_units", ["bernoulli", "gaussian"])
def test_pre_trained_tangents_are_the_logistic_units_in_other_clothes(visible_units, code, tied):
    X = make_data()
    options = {"hidden_layer_sizes": (7, 5, 3), "rbm_learning_rate": 0.2, "max_iter": 0}
    options |= {"visible_units": visible_units, "code": code, "tied": tied}
    logistic = small(**options).fit(X)
    tangents = small(**options, activation="tanh").fit(X)
    np.testing.assert_allclose(tangents.transform(X), logistic.transform(X), atol=1e-12)
    np.testing.assert_allclose(tangents.reconstruct(X), logistic.reconstruct(X), atol=1e-12)
    for layer in (0, 1):
        values = 2 * logistic.transform(X, layer=layer) - 1
        np.testing.assert_allclose(tangents.transform(X, layer=layer), values, atol=1e-12)
    if tied:
        # They are tied in one network as in the other.
        tangents.set_params(max_iter=1, warm_start=True).fit(X)
        np.testing.assert_array_equal(tangents.coefs_[0], tangents.coefs_[-1].T)
        for up, down in zip(logistic.coefs_[:3], logistic.coefs_[:2:-1], strict=True):
            np.testing.assert_allclose(up, down.T, atol=1e-12)


def test_a_linear_code_starts_as_the_principal_components_of_real_numbers():
    X = make_data() * np.arange(1, 9)
    model = small(hidden_layer_sizes=3, visible_units="gaussian", max_iter=0).fit(X)
    pca = PCA(3).fit(X)
    best = pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(model.reconstruct(X), best, atol=1e-10)
    codes = pca.transform(X) / model.scale_[0]
    np.testing.assert_allclose(np.abs(model.transform(X)), np.abs(codes), atol=1e-10)
    assert model.rbms_ == []


def test_a_linear_code_starts_with_the_least_error_to_first_order():
    V = make_data(n_rows=500)
    up, down = layers_of_linear_code(DenseRows(V), 3, "logistic", np.random.default_rng(0))
    mean = V.mean(axis=0)
    variance = mean * (1 - mean)

    def error(weights):
        # The derivative of sigmoid at its own log-odds is the variance.
        linear = mean + (V - mean) @ weights @ weights.T * variance
        return (np.square(linear - V) / variance).sum()

    np.testing.assert_array_equal(down.weights, up.weights.T)
    np.testing.assert_allclose(mean @ up.weights + up.bias, 0, atol=1e-12)
    np.testing.assert_allclose(down.bias, np.log(mean / (1 - mean)), atol=0.01)
    least = error(up.weights)
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-1):
        for _ in range(20):
            assert error(up.weights + size * rng.normal(size=up.weights.shape)) > least


@pytest.mark.parametrize("tied", [False, True])
def test_a_binary_code_starts_as_signs_of_a_linear_one(tied):
    X = make_data(n_rows=500) * np.arange(1, 9)
    options = {"hidden_layer_sizes": 3, "visible_units": "gaussian", "max_iter": 0}
    model = small(**options, code="binary", tied=tied).fit(X)
    codes = model.transform(X)
    assert np.all(np.abs(codes.mean(axis=0) - 0.5) < 0.15)
    inputs = (X - model.mean_) / model.scale_ @ model.coefs_[0] + model.intercepts_[0]
    np.testing.assert_array_equal(codes, inputs > 0)
    # They span what the principal components do.
    components = PCA(3).fit(X).components_
    outside = model.coefs_[0] - components.T @ (components @ model.coefs_[0])
    np.testing.assert_allclose(outside, 0, atol=1e-10)
    if tied:
        np.testing.assert_allclose(model.coefs_[0], model.coefs_[1].T, atol=1e-12)
    else:
        np.testing.assert_allclose(inputs.std(axis=0), 4)
    # A bit a direction: less than the linear code, more than the mean alone.
    error, least = -model.score(X), -small(**options).fit(X).score(X)
    assert least < error < 0.75 * X.var(axis=0).sum()


@pytest.mark.parametrize("visible_units", ["bernoulli", "gaussian"])
def test_the_way_back_is_the_ridge_regression_of_what_went_in(visible_units):
    X = make_data()
    model = small(
        hidden_layer_sizes=(7, 5), code="logistic", visible_units=visible_units, max_iter=0
    ).fit(X)
    first, second = (model.transform(X, layer=layer) for layer in (0, 1))
    if visible_units == "gaussian":
        wanted = (X - model.mean_) / model.scale_
    else:
        wanted = np.log((0.01 + 0.98 * X) / (0.99 - 0.98 * X))
    for values, target, layer in ((second, np.log(first / (1 - first)), 2), (first, wanted, 3)):
        strength = 0.01 * values.var(axis=0).mean() * len(X)
        ridge = Ridge(alpha=strength).fit(values, target)
        np.testing.assert_allclose(model.coefs_[layer], ridge.coef_.T, atol=1e-8)
        np.testing.assert_allclose(model.intercepts_[layer], ridge.intercept_, atol=1e-8)


def test_a_code_that_says_nothing_is_warned_of():
    X, _ = digits()
    model = small(hidden_layer_sizes=(16, 4), code="logistic", max_iter=60)
    model.set_params(sparsity_cost=1000.0, sparsity_target=0.001, learning_rate_init=0.01)
    with pytest.warns(UserWarning, match="100% of the numbers in the code of DeepAutoencoder"):
        model.fit(X[:300])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(sparsity_cost=0.0).fit(X[:300])


def test_a_wide_linear_code_loses_nothing_at_first():
    X = make_data()
    with pytest.warns(UserWarning, match="The code of DeepAutoencoder has 9 units"):
        model = small(hidden_layer_sizes=9, visible_units="gaussian", max_iter=0).fit(X)
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-12)
    assert np.abs(model.coefs_[0]).sum(axis=0).min() > 0


@pytest.mark.parametrize("pretrain", [True, False])
def test_one_linear_layer_reaches_the_error_of_principal_components(pretrain):
    X = make_data()
    model = small(hidden_layer_sizes=3, visible_units="gaussian", pretrain=pretrain)
    model.set_params(solver="lbfgs", max_iter=500, tol=0.0).fit(X)
    pca = PCA(3).fit(X)
    best = squared_error(X, pca.inverse_transform(pca.transform(X))).mean()
    np.testing.assert_allclose(-model.score(X), best, rtol=1e-5)


def test_without_pre_training_outputs_start_near_the_means_of_the_data():
    X = make_data()
    model = small(hidden_layer_sizes=(20, 3), pretrain=False, max_iter=0).fit(X)
    bias = 1 / (1 + np.exp(-model.intercepts_[-1]))
    np.testing.assert_allclose(bias, X.mean(axis=0), atol=0.01)
    assert not hasattr(model, "rbms_")


# Gradients -------------------------------------------------------------------

KINDS = {
    "plain": {},
    "tied": {"tied": True},
    "penalties": {"alpha": 0.3, "l1_ratio": 0.4},
    "masking": {"corruption": "masking", "corruption_level": 0.4},
    "salt and pepper": {"corruption": "salt_and_pepper", "tied": True},
    "gaussian": {"corruption": "gaussian", "corruption_level": 0.2},
    "sparse": {"code": "logistic", "sparsity_cost": 0.7, "sparsity_target": 0.2},
    "contractive": {"contraction_cost": 0.3},
    "contractive, tied": {"contraction_cost": 0.3, "code": "logistic", "tied": True},
    "binary": {"code": "binary"},
    "noise": {"code_noise": 0.8},
    "tanh": {"activation": "tanh"},
    "relu": {"pretrain": False, "activation": "relu"},
    "real": {"visible_units": "gaussian", "corruption": "gaussian"},
    "real, salt and pepper": {"visible_units": "gaussian", "corruption": "salt_and_pepper"},
}


def twin_of(model, X, weights):
    """The loss of the first minibatch of the next epoch, all rows, as the parameters say it."""
    n = len(model.coefs_) // 2
    code = "identity" if model.code == "linear" else "logistic"
    last = "logistic" if model.visible_units_ == "bernoulli" else "identity"
    hidden = [model.activation] * (n - 1)
    tied_to = [None] * n + ([*range(n)][::-1] if model.tied else [None] * n)
    objective = model._objective()
    assert objective.corruption is None or objective.corruption.kind == model.corruption
    address = model._streams.seed, model._streams.next_stream
    activations = [*hidden, code, *hidden, last]
    divisor = weights.sum()
    return naive_network.Loss(activations, tied_to, objective, X, X, weights, divisor, address)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_goes_down_the_loss_of_its_kind(kind):
    X = make_data(n_rows=10)
    weights = np.random.default_rng(1).integers(1, 4, size=10).astype(float)
    options = {"solver": "sgd", "momentum": 0.0, "shuffle": False, "learning_rate_init": 1e-3}
    model = small(hidden_layer_sizes=(5, 3), max_iter=0, **options | KINDS[kind]).fit(X)
    seen = (X - model.mean_) / model.scale_ if hasattr(model, "mean_") else X
    if kind == "real, salt and pepper":
        assert model._extremes == (seen.min(), seen.max())

    def arrays():
        pairs = zip(model.coefs_, model.intercepts_, strict=True)
        owned = len(model.coefs_) // 2 if model.tied else len(model.coefs_)
        return [a for k, pair in enumerate(pairs) for a in pair[k >= owned :]]

    before = arrays()
    gradient = finite_differences(twin_of(model, seen, weights), before)
    model.partial_fit(X, sample_weight=weights)
    for old, new, slope in zip(before, arrays(), gradient, strict=True):
        np.testing.assert_allclose((old - new) / 1e-3, slope, rtol=1e-5, atol=1e-6)


def test_what_the_kinds_set_is_what_their_parameters_say():
    # The step above is compared with the loss that the estimator itself describes.
    def objective(**parameters):
        model = small(hidden_layer_sizes=(6, 5, 3), max_iter=0, **parameters).fit(make_data())
        return model._objective()

    assert objective(code="binary").noise == (0, 0, 4.0, 0, 0, 0)
    assert objective(code="binary", code_noise=0.0).noise == ()
    assert objective(code_noise=0.5).noise == (0, 0, 0.5, 0, 0, 0)
    sparse = objective(code="logistic", sparsity_cost=0.3, sparsity_target=0.1)
    assert (sparse.sparse_layers, sparse.sparsity_cost, sparse.sparsity_target) == ((2,), 0.3, 0.1)
    contractive = objective(contraction_cost=0.3)
    assert (contractive.contracted_layers, contractive.contraction_cost) == (3, 0.3)
    masked = objective(corruption="salt_and_pepper", corruption_level=0.2).corruption
    assert (masked.level, masked.low, masked.high) == (0.2, 0, 1)


# Use -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("visible_units", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("code", ["linear", "logistic", "binary"])
def test_methods_are_passes_through_the_layers(code, visible_units, storage, dtype):
    X = make_data(dtype=dtype)
    model = small(code=code, visible_units=visible_units, hidden_layer_sizes=(7, 5, 3))
    model.fit(storage(X))
    name = "identity" if code == "linear" else "logistic"
    last = "logistic" if visible_units == "bernoulli" else "identity"
    names = ["logistic", "logistic", name, "logistic", "logistic", last]
    seen = X if visible_units == "bernoulli" else (X - model.mean_) / model.scale_
    first, second, codes, *_ = by_hand(model, seen, names)
    if code == "binary":
        codes = np.round(codes)
    *_, back = values_from(model, codes, names)
    if visible_units == "gaussian":
        back = back * model.scale_ + model.mean_

    tolerance = {"rtol": 0, "atol": 3e-5 if dtype == np.float32 else 1e-12}
    for layer, values in ((0, first), (1, second), (2, codes), (-1, codes), (-3, first)):
        out = model.transform(storage(X), layer=layer)
        np.testing.assert_allclose(out, values, **tolerance)
        assert out.dtype == dtype
    for out in (model.inverse_transform(codes.astype(dtype)), model.reconstruct(storage(X))):
        np.testing.assert_allclose(out, back, **tolerance)
        assert out.dtype == dtype
    errors = squared_error(X, back)
    scores = model.score_samples(storage(X))
    np.testing.assert_allclose(scores, -errors, rtol=1e-4 if dtype == np.float32 else 1e-10)
    assert scores.dtype == dtype
    np.testing.assert_allclose(model.score(storage(X)), -errors.mean(), rtol=1e-4)


def values_from(model, values, names):
    """The values of the layers of the decoder, from a code."""
    n = len(names) // 2
    decoder = clone(model)
    decoder.coefs_, decoder.intercepts_ = model.coefs_[n:], model.intercepts_[n:]
    return by_hand(decoder, values, names[n:])


def test_the_way_back_begins_at_any_layer():
    X = make_data()
    model = small(hidden_layer_sizes=(7, 5, 3)).fit(X)
    code = model.transform(X)
    names = ["logistic", "logistic", "identity", "logistic", "logistic", "logistic"]
    second, first, back = values_from(model, code, names)
    np.testing.assert_allclose(model.inverse_transform(second, layer=1), back, atol=1e-12)
    np.testing.assert_allclose(model.inverse_transform(first, layer=-3), back, atol=1e-12)
    with pytest.raises(ValueError, match="inverse_transform is expecting 5 features"):
        model.inverse_transform(code, layer=1)
    for layer in (3, -4, 0.5):
        with pytest.raises(ValueError, match="'layer' parameter of DeepAutoencoder"):
            model.transform(X, layer=layer)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("last", ["logistic", "identity"])
def test_loss_of_each_row(last, dtype):
    X = make_data(n_rows=1100, dtype=dtype)
    model = small(max_iter=0).fit(X[:60])
    layers = model._layers(np.dtype(dtype))
    layers[-1] = type(layers[-1])(layers[-1].weights, layers[-1].bias, last)
    expected = X.astype(np.float64)
    for layer in layers[:-1]:
        expected = ACTIVATIONS[layer.activation](expected @ layer.weights + layer.bias)
    expected = expected @ layers[-1].weights + layers[-1].bias
    expected = naive_network.LOSSES[last](expected, X)
    found = losses(layers, DenseRows(X), DenseRows(X))
    np.testing.assert_allclose(found, expected, rtol=1e-4 if dtype == np.float32 else 1e-10)


def test_an_unusual_row_has_a_lower_score():
    X, X_new = digits()
    model = small(hidden_layer_sizes=(64, 10), rbm_n_iter=5, max_iter=10).fit(X)
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(X_new, axis=1)
    usual, unusual = model.score_samples(X_new), model.score_samples(shuffled)
    assert np.mean(usual > np.quantile(unusual, 0.95)) > 0.95


def test_it_gives_back_more_than_principal_components_do():
    X, X_new = digits()
    model = DeepAutoencoder(
        (128, 64, 5), rbm_n_iter=5, max_iter=30, learning_rate_init=0.01, random_state=0
    ).fit(X)
    pca = PCA(5).fit(X)
    error = squared_error(X_new, pca.inverse_transform(pca.transform(X_new))).mean()
    assert -model.score(X_new) < 0.9 * error


# Kinds -----------------------------------------------------------------------


def corrupted(X, kind):
    rng = np.random.default_rng(1)
    chosen = rng.random(X.shape) < 0.3
    extremes = {"masking": 0, "salt_and_pepper": rng.integers(2, size=X.shape)}
    if kind == "gaussian":
        return (X + 0.3 * rng.normal(size=X.shape)).astype(X.dtype)
    return np.where(chosen, extremes[kind], X).astype(X.dtype)


@pytest.mark.parametrize("kind", ["masking", "gaussian", "salt_and_pepper"])
def test_a_denoising_fit_beats_the_plain_one_on_corrupted_rows(kind):
    X, X_new = digits()
    options = {"hidden_layer_sizes": (100, 20), "rbm_n_iter": 3, "max_iter": 15}
    options |= {"learning_rate_init": 0.005}
    plain = small(**options).fit(X)
    denoising = small(**options, corruption=kind).fit(X)
    spoiled = corrupted(X_new, kind)
    error, plain_error = (
        squared_error(X_new, model.reconstruct(spoiled)).mean() for model in (denoising, plain)
    )
    assert error < 0.9 * plain_error
    assert plain.score(X_new) > denoising.score(X_new)


@pytest.mark.parametrize("visible_units", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("kind", ["masking", "gaussian", "salt_and_pepper"])
def test_missing_values_are_filled(kind, visible_units):
    X, X_new = digits()
    model = small(
        hidden_layer_sizes=(100, 20),
        rbm_n_iter=3,
        rbm_learning_rate=(0.01, 0.1),
        max_iter=15,
        learning_rate_init=0.005,
        corruption=kind,
        visible_units=visible_units,
    ).fit(X)
    missing = np.random.default_rng(1).random(X_new.shape) < 0.3
    holes = np.where(missing, np.float32(np.nan), X_new)
    filled = model.reconstruct(holes)
    means = np.broadcast_to(X.mean(axis=0), X_new.shape)
    assert filled.dtype == X.dtype
    error, error_of_means = (np.square(V - X_new)[missing].mean() for V in (filled, means))
    assert error < 0.8 * error_of_means


def test_real_numbers_are_centred_and_share_one_scale():
    X = make_data() * np.arange(1, 9) + 100
    X[:, 3] = 7.0
    for storage in (np.asarray, scipy.sparse.csr_array):
        model = small(visible_units="gaussian").fit(storage(X))
        np.testing.assert_allclose(model.mean_, X.mean(axis=0))
        np.testing.assert_allclose(model.scale_, np.sqrt(X.var(axis=0).mean()))
    constant = small(visible_units="gaussian").fit(np.full((10, 8), 0.1))
    np.testing.assert_array_equal(constant.scale_, 1)
    np.testing.assert_allclose(constant.reconstruct(np.full((2, 8), 0.1)), 0.1, atol=0.05)


def test_missing_values_start_as_the_corruption_leaves_them():
    X = make_data()
    holes = X.copy()
    holes[:, 2] = np.nan
    for kind, start in (("masking", 0.0), ("gaussian", X[:, 2].mean())):
        model = small(corruption=kind).fit(X)
        by_hand = np.where(np.isnan(holes), start, holes)
        np.testing.assert_array_equal(model.reconstruct(holes), model.reconstruct(by_hand))
    with pytest.raises(ValueError, match="NaN"):
        small().fit(X).reconstruct(holes)
    with pytest.raises(ValueError, match="NaN"):
        model.transform(holes)
    with pytest.raises(ValueError, match="NaN"):
        model.reconstruct(scipy.sparse.csr_array(holes))


def test_missing_values_are_filled_as_the_last_training_taught():
    X = make_data()
    X_missing = np.where(np.arange(8) == 2, np.nan, X)
    masked = small(corruption="masking").fit(X)
    filled = masked.reconstruct(X_missing)
    for other in ("gaussian", None):
        changed = copy.deepcopy(masked).set_params(corruption=other)
        np.testing.assert_array_equal(changed.reconstruct(X_missing), filled)
    plain = small().fit(X).set_params(corruption="masking", warm_start=True)
    with pytest.raises(ValueError, match="contains NaN"):
        plain.reconstruct(X_missing)
    assert np.isfinite(plain.fit(X).reconstruct(X_missing)).all()


def test_binary_codes_are_zeros_and_ones_and_the_same_at_each_call():
    X, X_new = digits()
    model = small(hidden_layer_sizes=(64, 16), code="binary", learning_rate_init=0.01).fit(X)
    codes = model.transform(X_new)
    assert set(np.unique(codes)) == {0.0, 1.0}
    np.testing.assert_array_equal(codes, model.transform(X_new))
    np.testing.assert_array_equal(codes[:7], model.transform(X_new[:7]))
    np.testing.assert_array_equal(model.reconstruct(X_new), model.inverse_transform(codes))
    assert ((model.transform(X_new, layer=0) > 0) & (model.transform(X_new, layer=0) < 1)).all()


def test_a_frame_of_binary_codes_holds_the_same():
    X = make_data()
    model = small(code="binary").fit(X)
    codes = model.transform(X)
    frame = model.set_output(transform="pandas").transform(X)
    np.testing.assert_array_equal(frame.to_numpy(), codes)
    assert list(frame.columns) == list(model.get_feature_names_out())


def test_noise_drives_a_code_to_either_end():
    X, X_new = digits()
    options = {"hidden_layer_sizes": (64, 16), "max_iter": 30, "learning_rate_init": 0.01}
    names = ["logistic"] * 4

    def distance_from_ends(code_noise):
        model = small(**options, code="binary", code_noise=code_noise).fit(X)
        codes = by_hand(model, X_new, names)[1]
        return np.minimum(codes, 1 - codes).mean()

    assert distance_from_ends(None) < 0.6 * distance_from_ends(0.0)


def test_the_sparsity_penalty_lowers_the_activity():
    X, _ = digits()
    options = {"hidden_layer_sizes": 100, "code": "logistic", "learning_rate_init": 0.01}
    with pytest.warns(UserWarning, match="learn to copy"):
        plain = small(**options).fit(X).transform(X).mean()
    sparse = small(**options, sparsity_cost=1.0, sparsity_target=0.1).fit(X).transform(X).mean()
    assert abs(sparse - 0.1) < 0.03 < plain - 0.1


def test_the_contraction_makes_the_code_change_less():
    X, _ = digits()
    options = {"hidden_layer_sizes": 30, "code": "logistic", "learning_rate_init": 0.01}

    def change(**parameters):
        model = small(**options, **parameters).fit(X)
        codes = model.transform(X)
        slopes = codes * (1 - codes)
        return (slopes**2 @ (model.coefs_[0] ** 2).sum(axis=0)).mean()

    assert change(contraction_cost=0.5) < 0.5 * change()


# Training --------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"])
@pytest.mark.parametrize("tied", [False, True])
def test_every_solver_lowers_the_loss(solver, tied):
    X = make_data()
    model = small(solver=solver, tied=tied, max_iter=15, batch_size=20)
    model.set_params(learning_rate_init=0.3 if solver in ("sgd", "adagrad") else 0.03)
    loss_curve = model.fit(X).loss_curve_
    assert loss_curve[-1] < 0.98 * loss_curve[0]
    assert model.n_iter_ == len(loss_curve) == len(model.history_["seconds"])
    assert model.loss_ == loss_curve[-1]
    assert hasattr(model, "partial_fit") == (solver != "lbfgs")


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "cg"])
def test_no_epoch_is_the_network_that_fine_tuning_starts_from(solver):
    X = make_data()
    model = small(solver=solver, max_iter=0).fit(X)
    assert model.history_ == {}
    assert model.loss_curve_ == []
    model.set_params(max_iter=2, warm_start=True, shuffle=False).fit(X)
    assert_same(model, small(solver=solver, max_iter=2, shuffle=False).fit(X), rtol=1e-10)


@pytest.mark.parametrize("code", ["linear", "binary"])
def test_early_stopping_keeps_the_lowest_held_out_loss(code):
    X = make_data(n_rows=100)
    model = small(
        early_stopping=True, max_iter=60, n_iter_no_change=3, learning_rate_init=0.1, code=code
    ).fit(X)
    scores = model.history_["validation_score"]
    assert len(scores) == model.n_iter_ < 60
    again = clone(model).set_params(max_iter=int(np.argmax(scores)) + 1).fit(X)
    assert_same(model, again)
    assert max(scores) < 0


def test_the_validation_score_is_minus_the_held_out_loss(monkeypatch):
    X = make_data()
    held_out = []

    def split(numbers, **_):
        held_out.extend(numbers[:20])
        return numbers[20:], numbers[:20]

    monkeypatch.setattr(stack, "train_test_split", split)
    weights = np.random.default_rng(0).random(60)
    model = small(early_stopping=True, max_iter=1).fit(X, sample_weight=weights)
    names = ["logistic", "identity", "logistic", "logistic"]
    rows = X[held_out]
    p = by_hand(model, rows, names)[-1]
    loss = -(rows * np.log(p) + (1 - rows) * np.log(1 - p)).sum(axis=1)
    expected = -np.average(loss, weights=weights[held_out])
    np.testing.assert_allclose(model.history_["validation_score"], [expected])


def test_a_weight_of_two_is_a_row_twice_and_of_zero_none():
    X = make_data()
    weights = np.random.default_rng(1).integers(0, 3, size=60)
    start = small(solver="cg", max_iter=0, alpha=0.1).fit(X)
    weighted = copy.deepcopy(start).partial_fit(X, sample_weight=weights)
    repeated = copy.deepcopy(start).partial_fit(np.repeat(X, weights, axis=0))
    assert_same(weighted, repeated, rtol=1e-6, atol=1e-8)
    unweighted = copy.deepcopy(start).partial_fit(X)
    assert np.abs(weighted.coefs_[0] - unweighted.coefs_[0]).max() > 1e-4


@pytest.mark.parametrize("solver", ["adam", "sgd", "cg"])
def test_partial_fit_goes_on_where_fit_ended(solver):
    X = make_data()
    model = small(solver=solver, shuffle=False, max_iter=1, batch_size=25, corruption="masking")
    twice = clone(model).set_params(max_iter=2).fit(X)
    model.fit(X).partial_fit(X)
    assert_same(model, twice, rtol=1e-10)
    np.testing.assert_allclose(model.loss_curve_, twice.loss_curve_, rtol=1e-10)
    first = clone(model).partial_fit(X)
    assert_same(first, clone(model).fit(X), rtol=1e-10)
    with pytest.raises(ValueError, match="early_stopping=True"):
        model.set_params(early_stopping=True).partial_fit(X)


def test_sparse_data_are_the_same_as_dense_data():
    X = make_data()
    for options in ({}, {"visible_units": "gaussian"}, {"corruption": "salt_and_pepper"}):
        dense = small(**options).fit(X)
        assert_same(dense, small(**options).fit(scipy.sparse.csr_array(X)), rtol=1e-6, atol=1e-8)


class InterruptAt:
    """Raises KeyboardInterrupt in place of the given call of a report, counted from 1."""

    def __init__(self, monkeypatch, call):
        self.calls_left = call

        class Report(stack.StageReport):
            def __call__(report, epoch, measured):
                self.calls_left -= 1
                if not self.calls_left:
                    raise KeyboardInterrupt

        monkeypatch.setattr(stack, "StageReport", Report)
        monkeypatch.setattr("skebm.deep.pretraining.StageReport", Report)


@pytest.mark.parametrize(
    ("call", "n_layers"), [(1, None), (4, 1), (5, 6), (6, 6)]
)  # two epochs of each of two RBMs, then those of the fine-tuning
def test_an_interrupt_leaves_what_was_finished(call, n_layers, monkeypatch):
    X = make_data()
    options = {"hidden_layer_sizes": (7, 5, 3), "solver": "sgd", "momentum": 0.0}
    whole = small(**options, shuffle=False).fit(X)
    model = clone(whole).set_params(warm_start=True)
    with monkeypatch.context() as patch:
        InterruptAt(patch, call)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X)

    assert len(getattr(model, "coefs_", [])) == (n_layers or 0)
    if n_layers is None:
        assert_same(model.fit(X), whole)
    elif n_layers == 1:
        np.testing.assert_array_equal(model.transform(X, layer=0), model.rbms_[0].transform(X))
        with pytest.raises(NotFittedError, match="hidden layer 2"):
            model.transform(X)
        for method in (model.reconstruct, model.score, model.inverse_transform):
            with pytest.raises(NotFittedError, match="warm_start"):
                method(X)
        assert_same(model.fit(X), whole)
    else:
        n_epochs = call - 4
        assert_same(model, clone(whole).set_params(max_iter=n_epochs).fit(X))


def test_fit_goes_on_with_a_warm_start():
    X = make_data()
    model = small(warm_start=True, solver="sgd", momentum=0.0, shuffle=False).fit(X)
    rbms = model.rbms_
    model.fit(X)
    assert model.rbms_ is rbms
    assert_same(model, clone(model).set_params(max_iter=6).fit(X), rtol=1e-12)
    with pytest.raises(ValueError, match="'hidden_layer_sizes' parameter"):
        model.set_params(hidden_layer_sizes=(7, 4)).fit(X)


@pytest.mark.parametrize("code", ["linear", "logistic", "binary"])
def test_a_network_is_what_it_was_made_as(code):
    X = make_data()
    model = small(code=code, warm_start=True, pretrain=False).fit(X)
    changes = {"code": "logistic" if code == "binary" else "binary"}
    changes |= {"activation": "tanh", "visible_units": "gaussian", "pretrain": True, "tied": True}
    changes |= {"hidden_layer_sizes": (9, 4, 3)}
    for name, value in changes.items():
        changed = copy.deepcopy(model).set_params(**{name: value})
        np.testing.assert_array_equal(changed.transform(X), model.transform(X))
        np.testing.assert_array_equal(changed.reconstruct(X), model.reconstruct(X))
        codes = model.transform(X)
        np.testing.assert_array_equal(
            changed.inverse_transform(codes), model.inverse_transform(codes)
        )
        with pytest.raises(ValueError, match=f"'{name}' parameter .* made with"):
            changed.fit(X)


def test_progress_names_the_layer_the_epoch_and_the_loss(capsys):
    small(verbose=1, early_stopping=True).fit(make_data())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[DeepAutoencoder] Layer 1 of 1, epoch 1 of 2: reconstruction error")
    assert lines[2].startswith("[DeepAutoencoder] Fine-tuning, epoch 1 of 3: loss = ")
    assert "validation score = " in lines[2]
    assert len(lines) == 5


# As a part of something ------------------------------------------------------


def test_a_step_of_a_pipeline_that_a_search_can_tune():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    encoder = small(hidden_layer_sizes=(64, 10), max_iter=10, learning_rate_init=0.01)
    model = make_pipeline(encoder, LogisticRegression(max_iter=500)).fit(X[:1000], y[:1000])
    assert model.score(X[1000:], y[1000:]) > 0.8
    names = model[:-1].get_feature_names_out()
    assert names.tolist() == [f"deepautoencoder{k}" for k in range(10)]

    grid = {"hidden_layer_sizes": [(20, 2), (20, 6)]}
    search = GridSearchCV(encoder, grid, cv=2).fit(X[:300])
    assert search.best_params_ == {"hidden_layer_sizes": (20, 6)}
    assert search.best_score_ < 0


# Bad input -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": ()}, "'hidden_layer_sizes' parameter of DeepAutoencoder"),
        ({"code": "softmax"}, "'code' parameter of DeepAutoencoder must be a str among"),
        ({"tied": 1}, "'tied' parameter of DeepAutoencoder"),
        ({"corruption": "dropout"}, "'corruption' parameter of DeepAutoencoder"),
        ({"corruption_level": -0.1}, "'corruption_level' parameter of DeepAutoencoder"),
        (
            {"corruption": "masking", "corruption_level": 1.5},
            r"'corruption_level' .* must be a share, .* corruption='masking'. Got 1.5",
        ),
        ({"code_noise": -1.0}, "'code_noise' parameter of DeepAutoencoder"),
        ({"sparsity_cost": 0.1}, "'sparsity_cost' parameter of DeepAutoencoder needs code="),
        ({"sparsity_target": 1.0}, "'sparsity_target' parameter of DeepAutoencoder"),
        ({"contraction_cost": np.nan}, "'contraction_cost' parameter of DeepAutoencoder"),
        ({"max_iter": -1}, "'max_iter' parameter of DeepAutoencoder"),
        ({"activation": "relu"}, "'activation' parameter .* pretrain=True"),
        ({"rbm_n_iter": (1, 2, 3)}, "'rbm_n_iter' parameter of DeepAutoencoder has 3 values"),
        ({"solver": "newton"}, "'solver' parameter of DeepAutoencoder"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    model = small(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(make_data())
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize(
    ("weights", "message"),
    [(-np.ones(60), "Negative"), (np.zeros(60), "zero for all rows"), (np.ones(59), "expected")],
)
def test_weights_that_make_no_sense(weights, message):
    with pytest.raises(ValueError, match=message):
        small().fit(make_data(), sample_weight=weights)


def test_columns_that_do_not_count_are_warned_of():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 12))
    X[:, 3] *= 100
    message = "99% of the variance of the data is in 1 of 12 columns. .*StandardScaler"
    with pytest.warns(UserWarning, match=message):
        small(max_iter=1).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(max_iter=1).fit(X / X.std(axis=0))


@pytest.mark.parametrize(
    "kept",
    [
        {"corruption": "masking"},
        {"code": "binary"},
        {"code": "logistic", "sparsity_cost": 0.1},
        {"contraction_cost": 0.1},
        {"code_noise": 0.1},
        {"hidden_layer_sizes": (12, 7)},
    ],
)
def test_a_wide_code_is_warned_of_unless_it_is_kept_from_copying(kept):
    X = make_data()
    with pytest.warns(UserWarning, match=r"8 units, and the data have only 8 features: it may"):
        small(hidden_layer_sizes=(5, 8)).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(**{"hidden_layer_sizes": (5, 8)} | kept).fit(X)


@pytest.mark.parametrize("pretrain", [True, False])
def test_data_outside_of_their_range_are_warned_of(pretrain):
    message = "^DeepAutoencoder is meant for values between 0 and 1, but the data range from 0 to 3"
    with pytest.warns(UserWarning, match=message):
        small(pretrain=pretrain, visible_units="bernoulli").fit(np.round(3 * make_data()))


def test_a_rounding_error_is_within_the_range():
    X = make_data(dtype=np.float32)
    X[0, 0] = 1 + np.finfo(np.float32).eps
    small(pretrain=False).fit(X)


def test_a_rate_that_is_too_high_is_named():
    model = small(visible_units="gaussian", solver="sgd", learning_rate_init=1e30, max_iter=50)
    with pytest.raises(ValueError, match=r"DeepAutoencoder.*'learning_rate_init' parameter, 1e\+"):
        model.fit(make_data())


def test_constant_features_change_nothing():
    rng = np.random.default_rng(0)
    X = 1e-3 * (rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)))
    wide = np.column_stack([X, np.zeros(300), np.full(300, 0.3)])
    model = DeepAutoencoder(
        (8, 2),
        visible_units="gaussian",
        rbm_n_iter=5,
        max_iter=60,
        learning_rate_init=0.003,
        random_state=0,
    )
    errors = [-clone(model).fit(Z).score(Z) / Z.var(axis=0).sum() for Z in (X, wide)]
    assert errors[0] < 0.05
    assert errors[1] == pytest.approx(errors[0], rel=0.3)
    assert np.ptp(model.fit(wide).reconstruct(wide)[:, -1]) < 1e-5
