import numpy as np
import pytest
import scipy.sparse
from scipy.special import softmax
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_digits, load_linnerud, make_classification
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVR, LinearSVC

from skebm import BernoulliRBM, DSNClassifier, DSNRegressor
from skebm.stacking import examples

PLAIN = {"init": "random", "dropout": 0.0, "warm_up": 0, "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="module")
def few():
    return make_classification(200, 12, n_informative=8, n_classes=3, random_state=0)


def arrays(dsn):
    return [
        array
        for module in dsn.modules_
        for array in (module.components_, module.intercept_hidden_, module.coef_, module.intercept_)
    ]


def assert_same(one, other, atol=0.0):
    for a, b in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


# What is learned


def test_a_module_is_a_ridge_on_its_hidden_features(digits):
    X, y = digits
    dsn = DSNClassifier(60, 2, alpha=0.3, max_iter=0, **PLAIN).fit(X, y)
    one_hot = np.eye(10)[y]
    for number, module in enumerate(dsn.modules_):
        ridge = Ridge(alpha=0.3, solver="svd").fit(dsn.transform(X, number), one_hot)
        np.testing.assert_allclose(module.coef_, ridge.coef_.T, atol=1e-8)
        np.testing.assert_allclose(module.intercept_, ridge.intercept_, atol=1e-8)
    np.testing.assert_allclose(dsn.decision_function(X), ridge.predict(dsn.transform(X)))


def test_regression_is_ridge_in_units_of_y():
    X, y = load_linnerud(return_X_y=True)
    dsn = DSNRegressor(8, 1, alpha=0.1, max_iter=0, **PLAIN).fit(X, y)
    # Standardising each target changes neither the penalty nor the solution.
    ridge = Ridge(alpha=0.1).fit(dsn.transform(X), y)
    np.testing.assert_allclose(dsn.predict(X), ridge.predict(dsn.transform(X)))


def test_the_error_never_rises(digits):
    X, y = digits
    dsn = DSNClassifier(40, 3, max_iter=8, alpha=0.01, **PLAIN).fit(X, y)
    for module in dsn.modules_:
        assert len(module.error_curve_) == 9
        assert np.all(np.diff(module.error_curve_) < 0)
        # The penalties are part of the curve.
        assert module.error_curve_[0] > module.error_before_
        assert module.error_curve_[-1] > module.error_after_


def test_emphasis_lowers_the_error_and_those_of_the_worst_rows_most(digits):
    X, y = digits
    dsn = DSNClassifier(40, 1, max_iter=15, alpha=0.01, **PLAIN)
    plain, emphatic = (clone(dsn).set_params(emphasis=e).fit(X, y) for e in (False, True))
    curve = emphatic.modules_[0].error_curve_
    assert len(curve) == 1 + 3
    assert np.all(np.diff(curve) < 0)
    worst = [
        np.square(one.decision_function(X) - np.eye(10)[y]).sum(axis=1).max()
        for one in (plain, emphatic)
    ]
    assert worst[1] < worst[0]


def test_reported_error_is_that_of_the_outputs(digits):
    X, y = digits
    dsn = DSNClassifier(30, 1, max_iter=3, **PLAIN).fit(X, y)
    error = np.square(dsn.decision_function(X) - np.eye(10)[y]).sum(axis=1).mean()
    assert dsn.modules_[0].error_after_ == pytest.approx(error)


@pytest.mark.parametrize("stacking", ["all", "last"])
@pytest.mark.parametrize("init", ["random", "copy", "rbm"])
def test_a_module_sees_the_data_and_what_is_below(few, stacking, init):
    X, y = few
    rbm = BernoulliRBM(n_iter=2)
    params = PLAIN | {"init": init, "rbm": rbm, "stacking": stacking}
    dsn = DSNClassifier(10, 3, max_iter=1, **params).fit(X, y)
    n_outputs = [0, 3, 6] if stacking == "all" else [0, 3, 3]
    assert [m.components_.shape for m in dsn.modules_] == [(10, 12 + n) for n in n_outputs]

    # By hand, from the fitted arrays.
    outputs = []
    for module in dsn.modules_:
        below = outputs if stacking == "all" else outputs[-1:]
        inputs = np.hstack([X, *below]) @ module.components_.T + module.intercept_hidden_
        outputs.append(module.coef_.T @ (1 / (1 + np.exp(-inputs.T))))
        outputs[-1] = outputs[-1].T + module.intercept_
    np.testing.assert_allclose(dsn.decision_function(X), outputs[-1], atol=1e-10)
    for stage, expected in zip(dsn.staged_predict(X), outputs, strict=True):
        assert np.array_equal(stage, dsn.classes_[expected.argmax(axis=1)])


def test_a_copy_starts_from_the_module_below(few):
    X, y = few
    rbm = BernoulliRBM(n_iter=2)
    dsn = DSNClassifier(10, 2, init="copy", rbm=rbm, max_iter=0, random_state=0).fit(X, y)
    bottom, top = dsn.modules_
    assert np.array_equal(top.components_[:, :12], bottom.components_)
    assert 0 < np.abs(top.components_[:, 12:]).max() < 1


def test_random_units_do_not_depend_on_the_scale_of_features(few):
    X, y = few
    moved = X * np.logspace(-3, 3, 12) + np.linspace(-50, 50, 12)
    a, b = (DSNClassifier(20, 1, max_iter=0, **PLAIN).fit(data, y) for data in (X, moved))
    np.testing.assert_allclose(a.transform(X), b.transform(moved), atol=1e-9)
    # Neither drowned by their bias nor saturated.
    assert 0.2 < a.transform(X).mean() < 0.8
    assert a.transform(X).std(axis=0).min() > 0.05


@pytest.mark.parametrize("as_kind", [np.asarray, scipy.sparse.csr_array])
def test_an_rbm_sees_features_scaled_and_the_units_as_they_are(digits, as_kind):
    X, y = digits
    low, span = np.linspace(-3, 1, 64), np.linspace(0.2, 5, 64)
    scaled = (X - X.min(axis=0)) / np.maximum(X.max(axis=0) - X.min(axis=0), 1e-9)
    moved = low + span * scaled
    rbm = BernoulliRBM(n_iter=3, learning_rate=0.1)
    params = PLAIN | {"init": "rbm", "rbm": rbm}
    a = DSNClassifier(20, 1, max_iter=0, **params).fit(as_kind(moved), y)
    inside = (low >= 0) & (low + span <= 1) | (X.max(axis=0) == X.min(axis=0))
    b = DSNClassifier(20, 1, max_iter=0, **params).fit(np.where(inside, moved, scaled), y)
    np.testing.assert_allclose(
        a.transform(as_kind(moved)), b.transform(np.where(inside, moved, scaled)), atol=1e-9
    )
    # The user's machine is a pattern, and stays one.
    assert not hasattr(rbm, "components_")


@pytest.mark.parametrize("stack_method", ["decision_function", "predict_proba"])
def test_stages_are_truncated_fits(few, stack_method):
    X, y = few
    params = PLAIN | {"stack_method": stack_method}
    dsn = DSNClassifier(10, 3, max_iter=2, **params).fit(X, y)
    stages = zip(dsn.staged_predict(X), dsn.staged_predict_proba(X), strict=True)
    for n_modules, (labels, probabilities) in enumerate(stages, start=1):
        truncated = DSNClassifier(10, n_modules, max_iter=2, **params).fit(X, y)
        assert np.array_equal(labels, truncated.predict(X))
        assert np.array_equal(probabilities, truncated.predict_proba(X))


def test_stages_of_a_regressor_are_truncated_fits():
    X, y = load_diabetes(return_X_y=True)
    dsn = DSNRegressor(10, 2, max_iter=2, **PLAIN).fit(X, y)
    for n_modules, predicted in enumerate(dsn.staged_predict(X), start=1):
        truncated = DSNRegressor(10, n_modules, max_iter=2, **PLAIN).fit(X, y)
        assert np.array_equal(predicted, truncated.predict(X))


def test_with_cv_a_row_is_passed_on_by_a_module_trained_without_it(few):
    X, y = few

    class Watched(DSNClassifier):
        def _passed_on(self, module, outputs):
            passed_on.append((module, outputs))
            return outputs

    passed_on = []
    dsn = Watched(15, 2, cv=5, alpha=0.1, max_iter=0, **PLAIN).fit(X, y)
    folds = passed_on.copy()
    H, targets = dsn.transform(X, 0), np.eye(3)[y]
    assert len(folds) == 5
    numbers = []
    for module, outputs in folds:
        of_all = H @ module.coef_ + module.intercept_
        inside = [np.abs(of_all - row).sum(axis=1).argmin() for row in outputs]
        np.testing.assert_allclose(of_all[inside], outputs)
        ridge = Ridge(alpha=0.1, solver="svd")
        ridge.fit(np.delete(H, inside, axis=0), np.delete(targets, inside, axis=0))
        np.testing.assert_allclose(module.coef_, ridge.coef_.T, atol=1e-8)
        numbers += inside
    assert sorted(numbers) == list(range(200))
    splits = [(np.arange(100), np.arange(100, 200)), (np.arange(50, 200), np.arange(50))]
    with pytest.raises(ValueError, match=r"(?s)'cv' parameter of DSNClassifier, .* row once"):
        DSNClassifier(cv=splits).fit(X, y)


@pytest.mark.parametrize("weighted", [False, True])
def test_chosen_alpha_is_the_best_by_leaving_out(few, weighted):
    X, y = few
    X, y = X[:40], y[:40]
    weights = np.random.default_rng(0).random(40) if weighted else None
    dsn = DSNClassifier(12, 1, alpha="loo", max_iter=0, **PLAIN).fit(X, y, weights)
    H, targets = dsn.transform(X), np.eye(3)[y]

    def error(alpha):
        squares = np.empty(40)
        for n in range(40):
            others = np.arange(40) != n
            w = None if weights is None else weights[others]
            ridge = Ridge(alpha=alpha).fit(H[others], targets[others], w)
            squares[n] = np.square(ridge.predict(H[n : n + 1]) - targets[n]).sum()
        return np.average(squares, weights=weights)

    alphas = np.logspace(-3, 4, 15)
    assert dsn.modules_[0].alpha_ == alphas[np.argmin([error(alpha) for alpha in alphas])]
    gcv = clone(dsn).set_params(alpha="gcv").fit(X, y, weights)
    assert abs(np.log10(gcv.modules_[0].alpha_ / dsn.modules_[0].alpha_)) <= 1


def test_early_stopping_keeps_the_best(digits):
    X, y = digits
    params = {"early_stopping": True, "max_iter": 40, "n_iter_no_change": 3, "alpha": 1e-3}
    dsn = DSNClassifier(80, 4, **params, **PLAIN).fit(X[:300], y[:300])
    bests = [min(module.validation_curve_) for module in dsn.modules_]
    assert np.all(np.diff(bests) < 0)
    bottom = dsn.modules_[0]
    assert len(bottom.validation_curve_) == len(bottom.error_curve_) < 41
    # The penalty is tiny here, so that the error is nearly all of the curve.
    best = bottom.error_curve_[np.argmin(bottom.validation_curve_)]
    assert best * 0.9 < bottom.error_after_ < best


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(("n_iter_no_change", "tol"), [(1, 0.02), (3, 0.02), (2, 0.3)])
def test_points_without_a_gain_end_a_descent(digits, n_iter_no_change, tol, early_stopping):
    X, y = digits
    params = {"early_stopping": early_stopping, "n_iter_no_change": n_iter_no_change, "tol": tol}
    dsn = DSNClassifier(30, 1, max_iter=200, alpha=0.01, **params, **PLAIN).fit(X, y)
    module = dsn.modules_[0]
    errors = module.validation_curve_ if early_stopping else module.error_curve_
    assert len(errors) == len(module.error_curve_) < 200
    n_lost = 0
    for number in range(1, len(errors)):
        assert n_lost < n_iter_no_change, "did not stop"
        gained = errors[number] < (1 - tol) * min(errors[:number])
        n_lost = 0 if gained else n_lost + 1
    assert n_lost == n_iter_no_change


def test_warm_up_goes_down(digits):
    X, y = digits
    params = PLAIN | {"warm_up": 5, "learning_rate_init": 0.01}
    module = DSNClassifier(40, 1, max_iter=1, **params).fit(X, y).modules_[0]
    assert module.error_curve_[1] < 0.9 * module.error_curve_[0]
    assert module.error_curve_[2] < module.error_curve_[1]
    # A rate that leads astray costs nothing but time.
    params = params | {"learning_rate_init": 30.0}
    module = DSNClassifier(40, 1, max_iter=2, **params).fit(X, y).modules_[0]
    assert np.all(np.diff(module.error_curve_) < 0)


# Rows: weights, chunks, kinds, partial_fit


def test_weights_are_repetitions(few):
    X, y = few
    weights = np.random.default_rng(0).integers(0, 3, len(X))
    dsn = DSNClassifier(10, 2, max_iter=3, **PLAIN)
    weighted = clone(dsn).fit(X, y, weights)
    repeated = clone(dsn).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert_same(weighted, repeated, atol=1e-7)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-7)


def test_chunks_and_memory_change_nothing_but_rounding(few, monkeypatch):
    X, y = few
    dsn = DSNClassifier(10, 2, max_iter=3, **PLAIN)
    whole = clone(dsn).fit(X, y)
    assert_same(whole, clone(dsn).set_params(working_memory=0).fit(X, y))
    monkeypatch.setattr(examples, "CHUNK", 33)
    assert_same(whole, clone(dsn).fit(X, y), atol=1e-8)


@pytest.mark.parametrize("init", ["random", "rbm"])
def test_sparse_is_dense(digits, init):
    X, y = digits
    X = X[:300].astype(np.float32)
    dsn = DSNClassifier(30, 2, **PLAIN | {"init": init, "rbm": BernoulliRBM(n_iter=1)}, max_iter=2)
    dense = clone(dsn).fit(X, y[:300])
    sparse = clone(dsn).fit(scipy.sparse.csr_array(X), y[:300])
    np.testing.assert_allclose(
        dense.predict_proba(X), sparse.predict_proba(scipy.sparse.csr_matrix(X)), atol=2e-3
    )


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_n_jobs_changes_nothing(digits, n_jobs):
    X, y = digits
    dsn = DSNClassifier(150, 2, max_iter=2, **PLAIN)
    assert_same(clone(dsn).fit(X, y), clone(dsn).set_params(n_jobs=n_jobs).fit(X, y))


@pytest.mark.parametrize("n_modules", [1, 2])
def test_partial_fit_is_the_solve_for_all_rows(few, n_modules):
    X, y = few
    dsn = DSNClassifier(10, n_modules, max_iter=2, **PLAIN)
    dsn.partial_fit(X[:80], y[:80], classes=[0, 1, 2])
    hidden = [module.components_ for module in dsn.modules_]
    for part in (slice(80, 90), slice(90, 200)):
        dsn.partial_fit(X[part], y[part])
    assert all(a is m.components_ for a, m in zip(hidden, dsn.modules_, strict=True))

    top = dsn.modules_[-1]
    ridge = Ridge(alpha=1.0, solver="svd").fit(dsn.transform(X), np.eye(3)[y])
    np.testing.assert_allclose(top.coef_, ridge.coef_.T, atol=1e-8)
    np.testing.assert_allclose(top.intercept_, ridge.intercept_, atol=1e-8)


def test_partial_fit_without_a_class(few):
    X, y = few
    some = y != 1
    dsn = DSNClassifier(10, 1, max_iter=1, **PLAIN)
    dsn.partial_fit(X[some], y[some], classes=[0, 1, 2])
    assert not np.any(dsn.predict(X) == 1)
    dsn.partial_fit(X[~some], y[~some])
    assert np.mean(dsn.predict(X[~some]) == 1) > 0.5


def test_partial_fit_of_a_regressor_with_weights():
    X, y = load_linnerud(return_X_y=True)
    weights = np.linspace(0.5, 2, 20)
    dsn = DSNRegressor(6, 1, alpha=1.0, early_stopping=False, max_iter=1, **PLAIN)
    dsn.partial_fit(X[:12], y[:12], weights[:12]).partial_fit(X[12:], y[12:], weights[12:])
    ridge = Ridge(alpha=1.0).fit(dsn.transform(X), y, weights)
    np.testing.assert_allclose(dsn.predict(X), ridge.predict(dsn.transform(X)))


# Kinds of targets and predictions


def test_two_classes_of_strings(few):
    X, y = few
    labels = np.array(["no", "yes"])[(y > 0).astype(int)]
    dsn = DSNClassifier(20, 2, **PLAIN).fit(X, labels)
    scores = dsn.decision_function(X)
    assert scores.shape == (200,)
    assert np.array_equal(dsn.predict(X) == "yes", scores > 0)
    assert np.array_equal(dsn.predict_proba(X)[:, 1] > 0.5, scores > 0)
    assert dsn.score(X, labels) > 0.9


@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_are_the_softmax_that_fits_rows_left_out(few, weighted):
    X, y = few
    weights = np.random.default_rng(0).random(200) if weighted else np.ones(200)
    dsn = DSNClassifier(40, 1, alpha=1e-3, max_iter=0, **PLAIN)
    dsn.fit(X, y, weights if weighted else None)
    H, targets = dsn.transform(X), np.eye(3)[y]
    left_out = np.empty((200, 3))
    for n in range(200):
        others = np.arange(200) != n
        ridge = Ridge(alpha=1e-3).fit(H[others], targets[others], weights[others])
        left_out[n] = ridge.predict(H[n : n + 1])[0]
    sharpness = dsn.modules_[0].sharpness_
    losses = [
        log_loss(y, softmax(s * left_out, axis=1), sample_weight=weights)
        for s in sharpness * np.array([0.999, 1, 1.001])
    ]
    assert losses[1] < min(losses[0], losses[2])
    np.testing.assert_allclose(
        dsn.predict_proba(X), softmax(sharpness * dsn.decision_function(X), axis=1)
    )


def test_final_estimator_predicts_from_the_hidden_features(few):
    X, y = few
    dsn = DSNClassifier(10, 2, final_estimator=LogisticRegression(), max_iter=1, **PLAIN).fit(X, y)
    logistic = LogisticRegression().fit(dsn.transform(X), y)
    for method in ("predict", "predict_proba", "decision_function"):
        expected = getattr(logistic, method)(dsn.transform(X))
        np.testing.assert_allclose(getattr(dsn, method)(X), expected, atol=1e-6)
    with pytest.raises(ValueError, match="final_estimator"):
        dsn.partial_fit(X, y)

    X, y = load_diabetes(return_X_y=True)
    dsn = DSNRegressor(10, 1, final_estimator=SVR(), max_iter=1, **PLAIN).fit(X, y)
    np.testing.assert_allclose(
        dsn.predict(X), SVR().fit(dsn.transform(X), y).predict(dsn.transform(X))
    )


def test_methods_that_the_final_estimator_lacks_are_missing(few):
    X, y = few
    dsn = DSNClassifier(6, 1, max_iter=1, random_state=0)
    forest, svm = RandomForestClassifier(5, random_state=0), LinearSVC()
    for final_estimator, has in [
        (None, (True, True)),
        (forest, (True, False)),
        (svm, (False, True)),
    ]:
        dsn.set_params(final_estimator=final_estimator)
        for model in (clone(dsn), clone(dsn).fit(X, y)):
            names = ("predict_proba", "decision_function")
            assert tuple(hasattr(model, name) for name in names) == has
    with pytest.raises(AttributeError, match="predict_proba"):
        dsn.predict_proba(X)

    binary = y > 0
    dsn.set_params(final_estimator=forest)
    assert cross_val_score(dsn, X, binary, scoring="roc_auc", cv=2, error_score="raise").min() > 0.5
    CalibratedClassifierCV(dsn, cv=2).fit(X, y).predict_proba(X)
    StackingClassifier([("dsn", dsn)], cv=2).fit(X, y).predict(X)


def test_the_final_estimator_that_was_fitted_counts(few):
    X, y = few
    dsn = DSNClassifier(6, 1, max_iter=1, random_state=0).fit(X, y)
    expected = dsn.predict_proba(X)
    dsn.set_params(final_estimator=LinearSVC())
    np.testing.assert_array_equal(dsn.predict_proba(X), expected)
    dsn.fit(X, y).set_params(final_estimator=None)
    assert not hasattr(dsn, "predict_proba")
    np.testing.assert_array_equal(dsn.predict(X), dsn.final_estimator_.predict(dsn.transform(X)))
    with pytest.raises(ValueError, match="LinearSVC"):
        dsn.partial_fit(X, y)
    np.testing.assert_array_equal(dsn.fit(X, y).predict_proba(X), expected)
    assert not hasattr(dsn, "final_estimator_")


def test_folds_are_those_of_the_rows_that_are_trained_on():
    X, y = np.random.default_rng(0).random((12, 3)), np.arange(12.0)
    weights = np.array([1] * 3 + [0] * 9)
    model = DSNRegressor(4, n_modules=2, cv=3, early_stopping=False, random_state=0)
    some = clone(model).fit(X[:3], y[:3])
    assert_same(clone(model).fit(X, y, sample_weight=weights), some, atol=1e-12)
    with pytest.raises(ValueError, match="'cv' parameter of DSNRegressor, 3, cannot split the 2 "):
        clone(model).fit(X, y, sample_weight=(np.arange(12) < 2).astype(float))
    with pytest.raises(ValueError, match="'cv' parameter of DSNRegressor, 2, cannot split the 1 "):
        clone(model).set_params(cv=2, early_stopping=True, validation_fraction=0.9).fit(X, y)
    halves = [(np.arange(6), np.arange(6, 12)), (np.arange(6, 12), np.arange(6))]
    with pytest.raises(ValueError, match="into one fold"):
        clone(model).set_params(cv=halves).fit(X, y, sample_weight=weights)
    with pytest.raises(ValueError, match="cannot split the 6 rows"):
        clone(model).set_params(cv=halves).fit(X[:6], y[:6])
    assert len(clone(model).set_params(cv=halves).fit(X, y).modules_) == 2


@pytest.mark.parametrize("size", [1e-310, 1e-160, 1e-50])
def test_early_stopping_on_tiny_numbers(size):
    X, y = np.random.default_rng(0).random((30, 3)), np.arange(30.0)
    model = DSNRegressor(4, n_modules=2, alpha=1.0, early_stopping=True, random_state=0)
    if size > 1e-150:
        assert model.fit(size * X, y).score(size * X, y) > 0
    else:
        message = r"DSNRegressor cannot compute with features .* too small"
        with pytest.raises(ValueError, match=message):
            model.fit(size * X, y)


def test_any_module_transforms(few):
    X, y = few
    dsn = DSNClassifier(10, 3, max_iter=1, **PLAIN).fit(X, y)
    assert np.array_equal(dsn.transform(X), dsn.transform(X, module=2))
    assert np.array_equal(dsn.transform(X, -3), dsn.transform(X, 0))
    assert not np.array_equal(dsn.transform(X, 0), dsn.transform(X, 1))
    with pytest.raises(ValueError, match=r"'module' parameter of DSNClassifier .* Got 3"):
        dsn.transform(X, 3)


@pytest.mark.parametrize("X_kind", ["few rows", "copies", "constant"])
def test_degenerate_data(few, X_kind):
    X, y = few
    if X_kind == "few rows":
        X, y = X[:8], y[:8]
    elif X_kind == "copies":
        X = np.hstack([X, X, X])
    else:
        X = np.hstack([X, np.full((len(X), 2), 5.0)])
    dsn = DSNClassifier(50, 2, max_iter=3, **PLAIN).fit(X, y)
    assert all(np.isfinite(array).all() for array in arrays(dsn))
    assert dsn.score(X, y) > 0.8


# Errors


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_modules": 0}, "'n_modules' parameter of DSNClassifier must be an int in the range"),
        ({"alpha": "best"}, "'alpha' parameter .* or a str among {'loo', 'gcv'}. Got 'best'"),
        ({"alpha": -1.0}, "'alpha' parameter"),
        ({"dropout": 1.0}, "'dropout' parameter"),
        ({"init": "zeros"}, "'init' parameter"),
        ({"rbm": "rbm"}, "'rbm' parameter .* an instance of 'BernoulliRBM' or None. Got 'rbm'"),
        ({"n_jobs": 0}, "'n_jobs' parameter"),
        ({"stack_method": "predict"}, "'stack_method' parameter"),
        ({"early_stopping": True, "validation_fraction": 0.999}, "leaves none of the 200 rows"),
    ],
)
def test_errors_of_parameters(few, params, message):
    dsn = DSNClassifier(**params)
    with pytest.raises(ValueError, match=message):
        dsn.fit(*few)
    assert not hasattr(dsn, "classes_")
    assert not hasattr(dsn, "modules_")


def test_one_weight_is_that_of_each_row(few):
    dsn = DSNClassifier(5, 1, max_iter=0, **PLAIN)
    by_number = arrays(clone(dsn).fit(*few, 2.5))
    for a, b in zip(by_number, arrays(dsn.fit(*few, np.full(200, 2.5))), strict=True):
        np.testing.assert_array_equal(a, b)


def test_errors_of_data(few):
    X, y = few
    dsn = DSNClassifier(5, 1, max_iter=0, **PLAIN)
    with pytest.raises(ValueError, match="at least two classes"):
        dsn.fit(X, np.ones(200, dtype=int))
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(3,\), expected \(200,\)"):
        dsn.fit(X, y, [1, 2, 3])
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        dsn.fit(X, y, -np.ones(200))
    with pytest.raises(ValueError, match="sample_weight is zero for all rows"):
        dsn.fit(X, y, np.zeros(200))
    with pytest.raises(ValueError, match=r"labels .* among the classes, \[2\]"):
        dsn.partial_fit(X, y, classes=[0, 1])
    assert not hasattr(dsn, "modules_")
    dsn.partial_fit(X, y)
    before = arrays(dsn)
    with pytest.raises(ValueError, match=r"labels .* among the classes, \[7\]"):
        dsn.partial_fit(X[:1], [7])
    with pytest.raises(ValueError, match="not the same as on the last call"):
        dsn.partial_fit(X, y, classes=[0, 1])
    assert all(a is b for a, b in zip(before, arrays(dsn), strict=True))

    regressor = DSNRegressor(5, 1, max_iter=0, **PLAIN).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="y has 1 columns"):
        regressor.partial_fit(X, y)


def test_what_is_said(few, capsys):
    DSNClassifier(5, 2, max_iter=1, verbose=1, **PLAIN).fit(*few)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[3].startswith("[DSNClassifier] Module 2, step 1, squared error = 0.")


def test_verbose_tells_modules_from_those_of_the_folds(few, capsys):
    DSNClassifier(5, 2, cv=2, max_iter=0, verbose=1, **PLAIN).fit(*few)
    names = [line.split(", step")[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [
        "[DSNClassifier] Module 1",
        "[DSNClassifier] Module 1, without fold 1",
        "[DSNClassifier] Module 1, without fold 2",
        "[DSNClassifier] Module 2",
    ]
