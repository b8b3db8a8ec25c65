"""When the training of a stacking network stops, and what it then predicts on small tables."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_friedman1, make_regression
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skebm import DSNClassifier, DSNRegressor, stream
from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows
from skebm.stacking.examples import Examples
from skebm.stacking.hidden_layer import HiddenLayer
from skebm.stacking.training import Settings, cross_validated_module, train_module

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.column_stack([np.sin(X[:, 0]) + 0.3 * RNG.normal(size=60), X[:, 1] * X[:, 2]])
WEIGHTS = RNG.integers(1, 4, size=60).astype(float)
FOLDS = np.arange(60) % 3
RIDGE = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))


def score(model, X, y):
    """R2 of the predictions for rows left out, in five folds."""
    return r2_score(y, cross_val_predict(model, X, y, cv=KFold(5, shuffle=True, random_state=0)))


def settings(**changed):
    usual = {
        "alpha": 0.01,
        "dropout": 0.0,
        "warm_up": 0,
        "learning_rate": 0.001,
        "batch_size": 100,
        "input_dropout": 0.0,
        "max_iter": 12,
        "tol": 0.0,
        "n_iter_no_change": 100,
        "emphasis": False,
        "n_bytes": 0,
    }
    return Settings(**usual | changed)


def layer():
    rng = np.random.default_rng(1)
    return HiddenLayer(rng.normal(size=(30, 4)), rng.normal(size=30))


def examples(rows):
    return Examples(as_rows(X[rows]), Y[rows], WEIGHTS[rows])


def trained(rows, held_out=None, folds=None, **changed):
    more = settings(**changed), RandomStreams(0), lambda *_: None
    if folds is None:
        return train_module(layer(), examples(rows), held_out, *more)
    pairs = [(examples(folds != fold), examples(folds == fold)) for fold in np.unique(folds)]
    return cross_validated_module(layer(), examples(rows), pairs, *more)


def test_as_many_steps_as_are_best_for_rows_left_out():
    module, point, of_folds = trained(slice(None), folds=FOLDS)
    errors, others = [], []
    for n_steps in range(13):
        squares = np.empty(60)
        others.append([trained(fold != FOLDS, max_iter=n_steps)[0] for fold in range(3)])
        for fold, other in enumerate(others[-1]):
            outputs = other.outputs(as_rows(X[fold == FOLDS]))
            squares[fold == FOLDS] = np.square(outputs - Y[fold == FOLDS]).sum(axis=1)
        errors.append(np.average(squares, weights=WEIGHTS))
    best = int(np.argmin(errors))
    assert 0 < best < 12
    np.testing.assert_allclose(module.validation_curve_, errors[: best + 1])
    for found, other in zip(of_folds, others[best], strict=True):
        np.testing.assert_array_equal(found.coef_, other.coef_)
    whole, _ = trained(slice(None), max_iter=best)
    np.testing.assert_array_equal(module.coef_, whole.coef_)
    np.testing.assert_array_equal(module.components_, point.layer.weights)
    assert len(module.error_curve_) == best + 1


def test_steps_without_a_gain_end_all_folds():
    module, *_ = trained(slice(None), folds=FOLDS, max_iter=10**6, n_iter_no_change=3)
    assert len(module.error_curve_) < 500


def test_a_stack_is_judged_by_rows_that_none_of_its_modules_has_seen():
    """Modules of folds that pass on what they know of a row would be judged far too well."""
    data, targets = make_regression(1200, 20, n_informative=10, noise=100.0, random_state=0)
    model = DSNRegressor(100, 2, early_stopping="cv", random_state=0)
    model.fit(data[:200], targets[:200])
    judged = min(model.modules_[-1].validation_curve_)
    scale = targets[:200].std()
    seen = np.mean(np.square(model.predict(data[200:]) - targets[200:])) / scale**2
    assert 0.8 < judged / seen < 1.25


def test_what_auto_finds_is_told():
    small = {"n_components": 4, "n_modules": 1, "max_iter": 1, "random_state": 0}
    y = Y[:, 0]
    assert DSNRegressor(**small).fit(X, y).early_stopping_ == "cv"
    assert DSNRegressor(**small).fit(X[:2], y[:2]).early_stopping_ == "cv"
    assert DSNRegressor(**small).fit(X[:1], y[:1]).early_stopping_ is False
    assert DSNRegressor(**small).fit(stream(X, y)).early_stopping_ is True
    many = np.repeat(X, 34, axis=0), np.repeat(y, 34)
    assert DSNRegressor(**small).fit(many[0][:1999], many[1][:1999]).early_stopping_ == "cv"
    assert DSNRegressor(**small).fit(many[0][:2000], many[1][:2000]).early_stopping_ is True
    assert DSNRegressor(early_stopping=np.False_, **small).fit(X, y).early_stopping_ is False
    assert DSNClassifier(**small).fit(X, y > 0).early_stopping_ is False
    network = DSNClassifier(early_stopping="cv", **small).fit(X, y > 0)
    assert network.early_stopping_ == "cv"
    assert len(network.history_["validation_error"]) == len(network.history_["loss"])


def test_folds_may_be_given():
    folds = [(np.flatnonzero(fold != FOLDS), np.flatnonzero(fold == FOLDS)) for fold in range(3)]
    models = [
        DSNRegressor(10, early_stopping="cv", cv=cv, random_state=0).fit(X, Y)
        for cv in (folds, folds, None)
    ]
    curves = [model.modules_[0].validation_curve_ for model in models]
    assert curves[0] == curves[1] != curves[2]


def test_cross_validation_needs_rows_in_memory_and_two_of_them():
    model = DSNRegressor(4, early_stopping="cv")
    with pytest.raises(ValueError, match=r"'early_stopping' parameter .* needs all rows in memory"):
        model.fit(stream(X, Y))
    with pytest.raises(
        ValueError, match=r"'early_stopping' .* at least two rows, and there is one"
    ):
        model.fit(X[:1], Y[:1])


@pytest.mark.parametrize(
    "table",
    [
        load_diabetes(return_X_y=True),
        make_friedman1(100, noise=1.0, random_state=0),
        make_regression(50, 30, n_informative=5, noise=10.0, random_state=0),
    ],
    ids=["diabetes", "friedman", "linear"],
)
def test_with_defaults_a_small_noisy_table_is_not_over_fitted(table):
    assert score(DSNRegressor(random_state=0), *table) > score(RIDGE, *table) - 0.03


def test_with_defaults_noise_is_not_learned():
    rng = np.random.default_rng(0)
    assert score(DSNRegressor(random_state=0), rng.normal(size=(80, 5)), rng.normal(size=80)) > -0.1
