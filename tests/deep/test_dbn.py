"""DBNClassifier and DBNRegressor: against their parts, scikit-learn's MLPs, and each other."""

import copy
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from skebm import BernoulliRBM, DBNClassifier, DBNRegressor, GaussianRBM
from skebm.deep import stack
from surroundings import global_random_state, needs_callbacks

BOTH = [DBNClassifier, DBNRegressor]
each_estimator = pytest.mark.parametrize("cls", BOTH)

# No step of a line search depends on how rows are dealt into minibatches.
FULL_BATCH = {"solver": "lbfgs", "max_iter": 20}


def small(cls, **parameters):
    defaults = {"hidden_layer_sizes": (7, 5), "rbm_n_iter": 2, "max_iter": 3, "random_state": 0}
    defaults |= {"rbm_learning_rate_schedule": "constant", "learning_rate": "constant"}
    defaults |= {"dropout": 0.0, "input_dropout": 0.0}
    return cls(**defaults | parameters)


def make_data(cls, n_rows=60, n_features=8, n_classes=3):
    rng = np.random.default_rng(0)
    X = rng.random((n_rows, n_features))
    scores = X[:, :n_classes] + 0.1 * rng.normal(size=(n_rows, n_classes))
    return X, scores.argmax(axis=1) if cls is DBNClassifier else scores[:, 0]


def outputs(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def assert_same(model, other, X, **tolerance):
    for a, b in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)
    np.testing.assert_allclose(outputs(model, X), outputs(other, X), **tolerance)


# Pre-training ----------------------------------------------------------------


def test_each_rbm_learns_what_the_one_below_makes_of_the_data():
    X, y = make_data(DBNClassifier)
    model = small(
        DBNClassifier,
        hidden_layer_sizes=(7, 5, 4),
        rbm_algorithm="pcd",
        rbm_n_iter=(1, 2, 3),
        rbm_learning_rate=[0.1, (0.2, 0.3), 0.4],
        rbm_momentum=0.5,
        rbm_batch_size=9,
        rbm_alpha=1e-3,
    ).fit(X, y)

    rates = [0.1, (0.2, 0.3), 0.4]
    below = X
    for k, rbm in enumerate(model.rbms_):
        by_hand = BernoulliRBM(
            (7, 5, 4)[k],
            algorithm="pcd",
            n_iter=k + 1,
            learning_rate=rates[k],
            learning_rate_schedule=model.rbm_learning_rate_schedule,
            momentum=0.5,
            batch_size=9,
            alpha=1e-3,
            random_state=rbm.random_state,
        ).fit(below)
        np.testing.assert_array_equal(rbm.components_, by_hand.components_)
        assert len(rbm.history_["pseudo_likelihood"]) == k + 1
        below = by_hand.transform(below)
    assert len({rbm.random_state for rbm in model.rbms_}) == 3


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize(
    ("visible_units", "first"), [("bernoulli", BernoulliRBM), ("gaussian", GaussianRBM)]
)
def test_features_before_fine_tuning_are_those_of_the_rbms(visible_units, first, storage):
    X, y = make_data(DBNClassifier)
    if visible_units == "gaussian":
        X = 100 + 30 * X
    # A step of no length leaves the network as pre-training made it.
    model = small(DBNClassifier, visible_units=visible_units, learning_rate_init=1e-300)
    model.fit(storage(X), y)

    assert [type(rbm) for rbm in model.rbms_] == [first, BernoulliRBM]
    low, high = model.rbms_
    by_hand = high.transform(low.transform(X))
    np.testing.assert_allclose(model.transform(storage(X)), by_hand, atol=1e-12)
    np.testing.assert_allclose(model.transform(X, layer=0), low.transform(X), atol=1e-12)
    np.testing.assert_allclose(model.transform(X, layer=-2), low.transform(X), atol=1e-12)
    back = low.inverse_transform(high.inverse_transform(by_hand))
    np.testing.assert_array_equal(model.inverse_transform(by_hand), back)
    np.testing.assert_array_equal(
        model.inverse_transform(low.transform(X), layer=0),
        low.inverse_transform(low.transform(X)),
    )


def test_without_pre_training_there_are_no_rbms():
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier, pretrain=False, activation="relu").fit(X, y)
    assert not hasattr(model, "rbms_")
    assert not hasattr(model, "inverse_transform")
    assert model.transform(X).shape == (60, 5)


def test_standardising_is_all_that_gaussian_units_are_to_a_network_that_is_not_pre_trained():
    X, y = make_data(DBNClassifier)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    shifted = small(DBNClassifier, pretrain=False, visible_units="gaussian").fit(50 + 9 * X, y)
    plain = small(DBNClassifier, pretrain=False).fit(Z, y)
    np.testing.assert_allclose(shifted.predict_proba(50 + 9 * X), plain.predict_proba(Z), atol=1e-8)


# Fine-tuning -----------------------------------------------------------------


@each_estimator
@pytest.mark.parametrize("solver", ["sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"])
def test_every_solver_lowers_the_loss(cls, solver):
    X, y = make_data(cls)
    model = small(cls, solver=solver, hidden_layer_sizes=(7,), max_iter=15, batch_size=20)
    model.set_params(learning_rate_init=0.1 if solver in ("sgd", "adagrad") else 0.03)
    losses = model.fit(X, y).loss_curve_
    assert losses[-1] < 0.98 * losses[0]
    assert model.n_iter_ == len(losses) == len(model.history_["seconds"])
    assert model.loss_ == losses[-1]


def test_only_the_output_layer_learns_at_first():
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier, n_iter_output=2, max_iter=2, learning_rate_init=0.1).fit(X, y)
    before = small(DBNClassifier, learning_rate_init=1e-300).fit(X, y)
    for k in range(2):
        np.testing.assert_array_equal(model.coefs_[k], before.coefs_[k])
    assert np.abs(model.coefs_[2] - before.coefs_[2]).max() > 0.01

    longer = clone(model).set_params(max_iter=4).fit(X, y)
    np.testing.assert_allclose(longer.loss_curve_[:2], model.loss_curve_)
    assert longer.n_iter_ == 4
    assert np.abs(longer.coefs_[0] - before.coefs_[0]).max() > 0.01


def test_dropout_max_norm_and_penalties_reach_the_training():
    X, y = make_data(DBNClassifier)

    def coefs(**parameters):
        return small(DBNClassifier, **parameters).fit(X, y).coefs_

    plain = coefs()
    for change in (
        {"dropout": 0.5},
        {"dropout": (0.0, 0.5)},
        {"input_dropout": 0.2},
        {"alpha": 10.0},
        {"alpha": 10.0, "l1_ratio": 1.0},
        {"max_gradient_norm": 1e-3, "solver": "sgd"},
        {"learning_rate": "cosine"},
        {"shuffle": False, "batch_size": 10},
    ):
        assert np.abs(coefs(**change)[1] - plain[1]).max() > 1e-6, change
    norms = np.linalg.norm(coefs(max_norm=0.1)[0], axis=0)
    assert norms.max() <= 0.1 * (1 + 1e-12)


def test_early_stopping_keeps_the_best_and_says_how_good_it_was():
    X, y = make_data(DBNClassifier, n_rows=200)
    model = small(
        DBNClassifier,
        early_stopping=True,
        max_iter=60,
        n_iter_no_change=3,
        learning_rate_init=0.05,
        validation_fraction=0.3,
    ).fit(X, y)
    scores = model.history_["validation_score"]
    assert len(scores) == model.n_iter_ < 60
    # Accuracies of 60 rows, of which none is learned from.
    np.testing.assert_allclose(np.array(scores) * 60, np.round(np.array(scores) * 60), atol=1e-9)
    again = clone(model).set_params(max_iter=int(np.argmax(scores)) + 1).fit(X, y)
    assert_same(model, again, X)


def test_a_rate_that_is_too_high_is_named():
    X, y = make_data(DBNRegressor)
    model = small(DBNRegressor, pretrain=False, activation="relu", solver="sgd")
    model.set_params(learning_rate_init=1e30, max_iter=50)
    with pytest.raises(ValueError, match=r"DBNRegressor.*'learning_rate_init' parameter, 1e\+30"):
        model.fit(X, y)
    # It may have been the second epoch: the first one was finished.
    assert all(np.isfinite(weights).all() for weights in getattr(model, "coefs_", []))


# Labels and weights ----------------------------------------------------------


@pytest.mark.parametrize("labels", [["no", "yes"], [-1, 1], ["a", "b", "c"]])
def test_labels_of_any_kind(labels):
    X, y = make_data(DBNClassifier, n_classes=len(labels))
    named = np.array(labels)[y]
    model = small(DBNClassifier, **FULL_BATCH, pretrain=False).fit(X, named)
    numbered = small(DBNClassifier, **FULL_BATCH, pretrain=False).fit(X, y)

    assert model.classes_.tolist() == sorted(labels)
    np.testing.assert_array_equal(model.predict(X), np.array(labels)[numbered.predict(X)])
    p = model.predict_proba(X)
    assert p.shape == (60, len(labels))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(p))
    assert model.score(X, named) > 0.8


def test_a_row_may_have_several_labels():
    X, Y = make_multilabel_classification(80, 10, n_classes=4, random_state=0)
    model = small(DBNClassifier, visible_units="gaussian", solver="lbfgs", max_iter=100)
    model.fit(X, Y)
    assert model.out_activation_ == "logistic"
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)
    assert np.mean(model.predict(X) == Y) > 0.85


def test_one_class_is_an_error():
    X, _ = make_data(DBNClassifier)
    with pytest.raises(ValueError, match="DBNClassifier needs at least two classes"):
        small(DBNClassifier).fit(X, np.ones(60, dtype=int))


@pytest.mark.parametrize(("cls", "marker"), [(DBNClassifier, -1), (DBNRegressor, np.nan)])
def test_unlabelled_rows_take_part_in_pre_training_only(cls, marker):
    X, y = make_data(cls)
    marked = y.copy()
    marked[30:] = marker

    # Pre-training sees all rows, labelled or not.
    model = small(cls, unlabeled=marker).fit(X, marked)
    whole = small(cls).fit(X, y)
    np.testing.assert_array_equal(model.rbms_[1].components_, whole.rbms_[1].components_)

    # Without pre-training they might as well not be there.
    options = {**FULL_BATCH, "pretrain": False}
    assert_same(
        small(cls, unlabeled=marker, **options).fit(X, marked),
        small(cls, **options).fit(X[:30], y[:30]),
        X,
        rtol=1e-6,
    )


def test_nan_marks_rows_among_labels_of_any_type():
    X, y = make_data(DBNClassifier)
    names = np.array(["a", "b", "c"], dtype=object)[y]
    names[::2] = np.nan
    model = small(DBNClassifier, unlabeled=np.nan).fit(X, names)
    np.testing.assert_array_equal(model.classes_, ["a", "b", "c"])
    other = small(DBNClassifier, unlabeled=-1).fit(X, np.where(np.arange(60) % 2, y, -1))
    assert_same(model, other, X)


@pytest.mark.parametrize("marker", [-1, "?"])
def test_a_marker_is_a_label_unless_it_is_named(marker):
    X, y = make_data(DBNClassifier, n_classes=2)
    labels = np.where(y == 0, marker, type(marker)(1))
    assert len(small(DBNClassifier).fit(X, labels).classes_) == 2
    with pytest.raises(ValueError, match="at least two classes"):
        small(DBNClassifier, unlabeled=marker).fit(X, labels)
    with pytest.raises(ValueError, match="all are marked as unlabeled"):
        small(DBNClassifier, unlabeled=marker).fit(X, np.full(60, marker))


def test_a_row_of_several_targets_is_marked_by_all_of_them():
    X, _ = make_data(DBNRegressor)
    Y = np.stack([X[:, 0], X[:, 1] * X[:, 2]], axis=1)
    Y[40:] = np.nan
    options = {**FULL_BATCH, "pretrain": False}
    model = small(DBNRegressor, unlabeled=np.nan, **options).fit(X, Y)
    assert_same(model, small(DBNRegressor, **options).fit(X[:40], Y[:40]), X, rtol=1e-6)
    Y[0, 0] = np.nan
    with pytest.raises(ValueError, match="y contains NaN"):
        small(DBNRegressor, unlabeled=np.nan).fit(X, Y)


@each_estimator
def test_a_weight_of_two_is_a_row_twice_and_of_zero_none(cls):
    X, y = make_data(cls)
    weights = np.random.default_rng(1).integers(0, 3, size=60)
    options = {**FULL_BATCH, "pretrain": False, "alpha": 0.1}
    weighted = small(cls, **options).fit(X, y, sample_weight=weights)
    repeated = small(cls, **options).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert_same(weighted, repeated, X, rtol=1e-6, atol=1e-8)
    assert np.abs(weighted.coefs_[0] - small(cls, **options).fit(X, y).coefs_[0]).max() > 1e-4


@each_estimator
@pytest.mark.parametrize("visible_units", ["bernoulli", "gaussian"])
def test_weights_count_in_pre_training(cls, visible_units):
    X, y = make_data(cls)
    weights = np.random.default_rng(1).integers(0, 3, size=60)
    options = {**FULL_BATCH, "visible_units": visible_units, "alpha": 0.1}
    weighted = small(cls, **options).fit(X, y, sample_weight=weights)
    repeated = small(cls, **options).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    for ours, theirs in zip(weighted.rbms_, repeated.rbms_, strict=True):
        np.testing.assert_array_equal(ours.components_, theirs.components_)
    assert_same(weighted, repeated, X, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5, 2: 1.0}])
def test_class_weights_are_weights_of_rows(class_weight):
    X, y = make_data(DBNClassifier)
    weights = np.random.default_rng(1).random(60)
    model = small(DBNClassifier, class_weight=class_weight, **FULL_BATCH)
    by_hand = weights * compute_sample_weight(class_weight, y)
    assert_same(
        model.fit(X, y, sample_weight=weights),
        small(DBNClassifier, **FULL_BATCH).fit(X, y, sample_weight=by_hand),
        X,
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(60), "Negative"),
        (np.zeros(60), "is zero"),
        (np.ones(59), r"sample_weight.shape == \(59,\), expected \(60,\)"),
        (np.ones((60, 2)), "1D"),
    ],
)
def test_weights_that_make_no_sense(weights, message):
    X, y = make_data(DBNClassifier)
    with pytest.raises(ValueError, match=message):
        small(DBNClassifier).fit(X, y, sample_weight=weights)


@each_estimator
def test_rows_of_weight_zero_are_neither_held_out_nor_learned_from(cls):
    X, y = make_data(cls)
    kept = np.arange(60) % 5 == 0
    model = small(cls, pretrain=False, early_stopping=True, validation_fraction=0.3)
    weighted = clone(model).fit(X, y, sample_weight=kept.astype(float))
    assert_same(weighted, model.fit(X[kept], y[kept]), X, rtol=1e-9)
    assert len(weighted.history_["validation_score"]) == weighted.n_iter_ > 0


def test_one_weight_is_that_of_each_row():
    X, y = make_data(DBNClassifier)
    options = {"pretrain": False, "alpha": 0.1}
    by_number = small(DBNClassifier, **options).fit(X, y, sample_weight=2.5)
    assert_same(by_number, small(DBNClassifier, **options).fit(X, y, np.full(60, 2.5)), X)


def test_a_failing_fit_draws_no_numbers():
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier, warm_start=True, early_stopping=True, max_iter=2).fit(X, y)
    other = copy.deepcopy(model)
    with pytest.raises(ValueError, match="'validation_fraction' parameter"):
        model.fit(X[:3], y[:3])
    assert_same(model.fit(X, y), other.fit(X, y), X, rtol=0)


# Going on --------------------------------------------------------------------


@each_estimator
def test_fit_goes_on_with_a_warm_start(cls):
    X, y = make_data(cls)
    model = small(cls, warm_start=True, solver="sgd", momentum=0.0, shuffle=False).fit(X, y)
    rbms = model.rbms_
    model.fit(X, y)
    assert model.rbms_ is rbms
    at_once = clone(model).set_params(max_iter=6).fit(X, y)
    assert_same(model, at_once, X, rtol=1e-12)
    with pytest.raises(ValueError, match="'hidden_layer_sizes' parameter"):
        model.set_params(hidden_layer_sizes=(7, 4)).fit(X, y)


@each_estimator
@pytest.mark.parametrize("solver", ["adam", "sgd", "cg"])
def test_partial_fit_goes_on_where_fit_ended(cls, solver):
    X, y = make_data(cls)
    model = small(cls, solver=solver, shuffle=False, max_iter=1, batch_size=25)
    twice = clone(model).set_params(max_iter=2).fit(X, y)
    model.fit(X, y).partial_fit(X, y)
    assert_same(model, twice, X, rtol=1e-10)
    np.testing.assert_allclose(model.loss_curve_, twice.loss_curve_, rtol=1e-10)


def test_partial_fit_begins_with_pre_training():
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier, max_iter=1)
    assert_same(clone(model).partial_fit(X, y, classes=[0, 1, 2]), clone(model).fit(X, y), X)

    # It may be of rows without a single label.
    model.set_params(unlabeled=-1).partial_fit(X, np.full(60, -1), classes=[0, 1, 2])
    with pytest.raises(NotFittedError, match="all of its layers yet"):
        model.predict(X)
    model.partial_fit(X, y)
    assert model.predict(X).shape == (60,)


def test_partial_fit_needs_to_be_told_what_it_cannot_see():
    X, y = make_data(DBNClassifier)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        small(DBNClassifier).partial_fit(X, y)
    with pytest.raises(ValueError, match="class_weight='balanced' of DBNClassifier"):
        small(DBNClassifier, class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="early_stopping=True"):
        small(DBNRegressor, early_stopping=True).partial_fit(X, y)


def test_partial_fit_of_a_class_that_was_not_announced():
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier).partial_fit(X, y % 2, classes=[0, 1])
    before = [weights.copy() for weights in model.coefs_]
    with pytest.raises(ValueError, match=r"labels that are not among the classes, \[2\]"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="not the same as on the last call"):
        model.partial_fit(X, y % 2, classes=[0, 1, 2])
    np.testing.assert_array_equal(before[0], model.coefs_[0])
    assert not hasattr(small(DBNClassifier, solver="lbfgs"), "partial_fit")


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


@each_estimator
@pytest.mark.parametrize(
    ("call", "n_layers"), [(1, None), (4, 1), (5, 3), (6, 3)]
)  # two epochs of each RBM, then those of the fine-tuning
def test_an_interrupt_leaves_what_was_finished(cls, call, n_layers, monkeypatch):
    X, y = make_data(cls)
    whole = small(cls, solver="sgd", momentum=0.0, shuffle=False).fit(X, y)
    model = clone(whole).set_params(warm_start=True)
    with monkeypatch.context() as patch:
        InterruptAt(patch, call)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)

    assert len(getattr(model, "coefs_", [])) == (n_layers or 0)
    if n_layers is None:
        assert_same(model.fit(X, y), whole, X)
    elif n_layers == 1:
        np.testing.assert_array_equal(model.transform(X, layer=0), model.rbms_[0].transform(X))
        with pytest.raises(NotFittedError, match="hidden layer 1"):
            model.transform(X)
        with pytest.raises(NotFittedError, match="warm_start"):
            model.predict(X)
        assert_same(model.fit(X, y), whole, X)
    else:
        assert model.n_iter_ == call - 4
        assert_same(model, clone(whole).set_params(max_iter=model.n_iter_).fit(X, y), X)


def test_outputs_of_a_regression_start_at_the_weighted_mean_of_the_targets():
    X, y = make_data(DBNRegressor)
    targets, weights = np.column_stack([100 + y, -y]), np.linspace(0.1, 1, len(y))
    model = small(DBNRegressor, learning_rate_init=1e-300).fit(X, targets, weights)
    expected = np.average(targets, axis=0, weights=weights)
    np.testing.assert_allclose(model.target_mean_, expected)
    np.testing.assert_allclose(model.intercepts_[-1], 0, atol=1e-12)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_units_of_the_targets_do_not_matter(early_stopping):
    X, y = make_data(DBNRegressor, n_rows=100)
    model = small(DBNRegressor, max_iter=20, early_stopping=early_stopping)
    usual = clone(model).fit(X, y)
    moved = clone(model).fit(X, 1e6 * y - 3e6)
    np.testing.assert_allclose(moved.predict(X), 1e6 * usual.predict(X) - 3e6, rtol=1e-6)
    np.testing.assert_allclose(moved.to_mlp().predict(X), moved.predict(X), rtol=1e-6)
    assert moved.loss_curve_ == pytest.approx(usual.loss_curve_, rel=1e-6)
    before = moved.target_mean_
    moved.set_params(early_stopping=False).partial_fit(X, 1e6 * y)
    assert moved.target_mean_ is before
    late = small(DBNRegressor, unlabeled=np.nan).partial_fit(X, np.full(100, np.nan))
    assert not hasattr(late, "target_mean_")
    assert late.partial_fit(X, 1e6 * y).target_scale_ == pytest.approx(1e6 * y.std())


@each_estimator
def test_a_frame_is_of_the_highest_layer(cls):
    X, y = make_data(cls)
    model = small(cls, rbm_n_iter=0).fit(X, y).set_output(transform="pandas")
    assert list(model.transform(X).columns) == list(model.get_feature_names_out())
    with pytest.raises(ValueError, match=r"pandas frame of the highest .* Got layer=0"):
        model.transform(X, layer=0)
    assert model.set_output(transform="default").transform(X, layer=0).shape == (60, 7)


@each_estimator
def test_a_network_is_what_it_was_made_as(cls):
    X, y = make_data(cls)
    model = small(cls, pretrain=False, warm_start=True).fit(X, y)
    before = outputs(model, X)
    changes = {"activation": "tanh", "visible_units": "gaussian", "pretrain": True}
    for name, value in (changes | {"hidden_layer_sizes": (9, 5, 2)}).items():
        changed = copy.deepcopy(model).set_params(**{name: value})
        np.testing.assert_array_equal(outputs(changed, X), before)
        np.testing.assert_allclose(outputs(changed.to_mlp(), X), before)
        with pytest.raises(ValueError, match=f"'{name}' parameter .* made with"):
            changed.fit(X, y)


@pytest.mark.parametrize("pretrain", [True, False])
def test_the_way_back_is_there_if_the_network_was_pre_trained(pretrain):
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier, pretrain=pretrain)
    assert hasattr(model, "inverse_transform") == pretrain
    model.fit(X, y).set_params(pretrain=not pretrain)
    assert hasattr(model, "inverse_transform") == pretrain


@each_estimator
def test_layers_that_are_not_there_yet_keep_their_sizes(cls, monkeypatch):
    X, y = make_data(cls)
    model = small(cls, warm_start=True)
    with monkeypatch.context() as patch:
        InterruptAt(patch, 4)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    with pytest.raises(ValueError, match=r"'hidden_layer_sizes' .* made with \(7, 5\)"):
        model.set_params(hidden_layer_sizes=(7, 4)).fit(X, y)
    model.set_params(hidden_layer_sizes=np.array([7, 5])).fit(X, y)


# Other estimators ------------------------------------------------------------


@pytest.mark.parametrize("visible_units", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("targets", ["two classes", "classes", "labels", "number", "numbers"])
def test_the_mlp_predicts_the_same(targets, dtype, visible_units):
    cls = DBNRegressor if targets.startswith("number") else DBNClassifier
    X, y = make_data(cls, n_classes=2 if targets == "two classes" else 3)
    y = {"labels": np.eye(3, dtype=int)[y.astype(int)], "numbers": X[:, :2]}.get(targets, y)
    X = (20 * X if visible_units == "gaussian" else X).astype(dtype)
    model = small(cls, visible_units=visible_units, learning_rate_init=0.1).fit(X, y)
    mlp = model.to_mlp()

    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(outputs(mlp, X), outputs(model, X), rtol=0, atol=tolerance)
    assert mlp.predict(X).shape == model.predict(X).shape
    assert mlp.coefs_[0].dtype == dtype
    if cls is DBNClassifier:
        np.testing.assert_array_equal(mlp.predict(X), model.predict(X))
        np.testing.assert_array_equal(mlp.classes_, model.classes_)


@each_estimator
def test_the_mlp_needs_a_network_and_no_numbers_of_numpy(cls):
    X, y = make_data(cls)
    with pytest.raises(NotFittedError, match=cls.__name__):
        small(cls).to_mlp()
    # Inputs are all zero, and one target is as frequent as the other: nowhere to go for "lbfgs".
    X, y = np.zeros((6, 2)), np.array([0, 1] * 3)
    model = small(cls, solver="lbfgs", pretrain=False, activation="relu", alpha=0.0).fit(X, y)
    before = global_random_state()
    mlp = model.to_mlp()
    assert global_random_state() == before
    assert mlp.random_state is None
    assert model.n_iter_ == 0
    assert np.isnan(mlp.loss_)
    np.testing.assert_allclose(outputs(mlp, X), outputs(model, X))


def test_a_grid_search_reaches_the_parameters_of_both_stages():
    X, y = make_data(DBNClassifier)
    grid = {"rbm_learning_rate": [0.01, (0.1, 0.2)], "alpha": [1e-4, 1.0]}
    search = GridSearchCV(small(DBNClassifier), grid, cv=2).fit(X, y)
    assert set(search.best_params_) == set(grid)
    rates = {
        tuple(np.atleast_1d(params["rbm_learning_rate"])) for params in search.cv_results_["params"]
    }
    assert rates == {(0.01,), (0.1, 0.2)}
    best = search.best_estimator_
    assert best.rbms_[0].learning_rate == np.atleast_1d(best.rbm_learning_rate)[0]


def test_pre_training_helps_where_labels_are_few():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    few = np.where(np.arange(len(y)) < 100, y, -1)

    def score(pretrain, seed):
        model = DBNClassifier((100,), pretrain=pretrain, unlabeled=-1, random_state=seed)
        model.set_params(learning_rate_init=0.01, batch_size=20, max_iter=40)
        return model.fit(X, few).score(X[100:], y[100:])

    scores = np.array([[score(pretrain, seed) for pretrain in (True, False)] for seed in range(5)])
    assert scores[:, 0].min() > 0.78
    # On the same rows: by about 1.5 points, of which the standard error is 0.4.
    gains = scores[:, 0] - scores[:, 1]
    assert gains.mean() > 2 * gains.std(ddof=1) / np.sqrt(len(gains))


# What a person sees ----------------------------------------------------------


def test_progress_names_the_layer_the_epoch_and_the_loss(capsys):
    X, y = make_data(DBNClassifier)
    small(DBNClassifier, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2 + 3
    assert lines[1].startswith("[DBNClassifier] Layer 1 of 2, epoch 2 of 2: reconstruction error")
    assert lines[2].startswith("[DBNClassifier] Layer 2 of 2, epoch 1 of 2")
    assert lines[4].startswith("[DBNClassifier] Fine-tuning, epoch 1 of 3: loss = ")
    assert lines[-1].endswith(" 0 s left")
    small(DBNClassifier).fit(X, y)
    assert capsys.readouterr().out == ""


class Recorder:
    """A callback that notes the tasks that end."""

    max_propagation_depth = None

    def __init__(self):
        self.ended = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.ended.append((type(estimator).__name__, context.task_name))


@needs_callbacks
def test_callbacks_hear_of_every_layer_and_epoch():
    X, y = make_data(DBNClassifier)
    recorder = Recorder()
    small(DBNClassifier).set_callbacks(recorder).fit(X, y)
    layer = [("BernoulliRBM", "epoch")] * 2 + [("BernoulliRBM", "fit")]
    name = "DBNClassifier"
    tuning = [(name, "epoch")] * 3 + [(name, "fine-tuning"), (name, "fit")]
    assert recorder.ended == layer + layer + tuning


@needs_callbacks
@pytest.mark.parametrize("n_iter_output", [0, 2])
def test_a_callback_stops_all_of_the_fine_tuning(n_iter_output):
    class Stopper(Recorder):
        def on_fit_task_end(self, estimator, context):
            super().on_fit_task_end(estimator, context)
            return (type(estimator).__name__, context.task_name) == ("DBNClassifier", "epoch")

    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier, n_iter_output=n_iter_output).set_callbacks(Stopper())
    assert model.fit(X, y).n_iter_ == 1


# Bad input -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": ()}, "'hidden_layer_sizes' parameter of DBNClassifier"),
        ({"hidden_layer_sizes": (5, 0)}, "'hidden_layer_sizes' parameter of DBNClassifier"),
        ({"rbm_n_iter": (1, 2, 3)}, "'rbm_n_iter' parameter of DBNClassifier has 3 values"),
        ({"rbm_momentum": 1.0}, "'rbm_momentum' parameter of DBNClassifier"),
        ({"dropout": (0.5,)}, "'dropout' parameter of DBNClassifier has 1 values"),
        ({"activation": "relu"}, "'activation' parameter .* pretrain=True"),
        ({"solver": "newton"}, "'solver' parameter of DBNClassifier"),
        ({"batch_size": 0}, "'batch_size' parameter of DBNClassifier"),
        ({"class_weight": 3}, "'class_weight' parameter of DBNClassifier"),
        ({"class_weight": {0: 1, 1: -1, 2: 1}}, "'class_weight' parameter of DBNClassifier"),
        ({"n_iter_no_change": np.inf}, r"'n_iter_no_change' parameter .* range \[1, inf\)"),
        ({"dropout": np.array(0.1)}, "'dropout' parameter of DBNClassifier"),
        ({"rbm_momentum": np.full((2, 1, 1), 0.5)}, "'rbm_momentum' parameter of DBNClassifier"),
        ({"unlabeled": [1, 2]}, "'unlabeled' parameter of DBNClassifier"),
        ({"early_stopping": True, "validation_fraction": 0.99}, "'validation_fraction' parameter"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier, **parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "classes_")


def test_messages_about_rbms_name_the_estimator_that_was_called():
    X, y = make_data(DBNClassifier)
    with pytest.warns(UserWarning, match="^DBNClassifier is meant for values between 0 and 1"):
        small(DBNClassifier, visible_units="bernoulli").fit(3 * X, y)
    model = small(DBNClassifier, visible_units="gaussian", rbm_learning_rate=1e200)
    with pytest.raises(
        ValueError,
        match=r"The weights of DBNClassifier .* the 'rbm_learning_rate' parameter, 1e\+200",
    ):
        model.fit(X, y)
    model = small(DBNClassifier).fit(X, y)
    with pytest.raises(ValueError, match=r"X has 8 features, .*DBNClassifier.inverse_tr.* 5 feat"):
        model.inverse_transform(X)
    # The RBMs are like any other for who uses them by themselves.
    with pytest.warns(UserWarning, match="^BernoulliRBM is meant for"):
        model.rbms_[0].fit(3 * X)


def test_a_decay_that_is_too_strong_is_named_before_training(capsys):
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier, rbm_alpha=(0.1, 25.0), verbose=1)
    with pytest.raises(
        ValueError,
        match=r"'rbm_alpha' parameter of DBNClassifier, 25.0, .* the 'rbm_learning_rate' parameter",
    ):
        model.fit(X, y)
    assert not capsys.readouterr().out


def test_a_layer_that_is_not_there():
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier).fit(X, y)
    for layer in (2, -3, 0.5):
        with pytest.raises(ValueError, match="'layer' parameter of DBNClassifier"):
            model.transform(X, layer=layer)


def test_pre_training_has_one_rate_for_all_layers_or_one_for_each():
    X, y = make_data(DBNClassifier)
    model = small(DBNClassifier, visible_units="gaussian").fit(X, y)
    assert [rbm.learning_rate for rbm in model.rbms_] == [0.05, 0.05]
    model.set_params(rbm_learning_rate=(0.1, 0.3)).fit(X, y)
    assert [rbm.learning_rate for rbm in model.rbms_] == [0.1, 0.3]
    for none in (None, (None, 0.3)):
        with pytest.raises(ValueError, match="'rbm_learning_rate' parameter of DBNClassifier must"):
            model.set_params(rbm_learning_rate=none).fit(X, y)


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize(
    ("low", "high", "kind", "first"),
    [
        (0, 1, "bernoulli", BernoulliRBM),
        (0.2, 0.7, "bernoulli", BernoulliRBM),
        (0, 1.5, "gaussian", GaussianRBM),
        (-0.1, 1, "gaussian", GaussianRBM),
        (-300, 500, "gaussian", GaussianRBM),
    ],
)
@pytest.mark.parametrize("pretrain", [True, False])
@pytest.mark.parametrize("train", ["fit", "partial_fit"])
def test_visible_units_are_what_the_data_ask_for(train, pretrain, low, high, kind, first, storage):
    X, y = make_data(DBNClassifier)
    X = low + (high - low) * X / X.max()
    X[0, 0] = low
    data = storage(X)
    model = small(DBNClassifier, pretrain=pretrain)
    assert model.visible_units == "auto"
    getattr(model, train)(data, y, **({"classes": np.unique(y)} if train != "fit" else {}))
    assert (model.visible_units, model.visible_units_) == ("auto", kind)
    by_hand = small(DBNClassifier, pretrain=pretrain, visible_units=kind)
    getattr(by_hand, train)(data, y, **({"classes": np.unique(y)} if train != "fit" else {}))
    for a, b in zip(model.coefs_, by_hand.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
    if pretrain and train == "fit":
        assert type(model.rbms_[0]) is first
        assert type(model.rbms_[1]) is BernoulliRBM


@pytest.mark.parametrize("train", ["fit", "partial_fit"])
def test_visible_units_stay_what_they_are_in_training_that_goes_on(train):
    X, y = make_data(DBNClassifier)
    for before, after in ((X, 5 * X), (5 * X, X)):
        model = small(DBNClassifier, warm_start=True).fit(before, y)
        kind = model.visible_units_
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "DBNClassifier is meant for values")
            getattr(model, train)(after, y)
        assert model.visible_units_ == kind
        # A new fit looks at the data anew.
        other = model.set_params(warm_start=False).fit(after, y).visible_units_
        assert {kind, other} == {"bernoulli", "gaussian"}


def test_a_score_that_does_not_exist_is_not_waited_for():
    X, y = make_data(DBNRegressor, n_rows=10)
    model = small(DBNRegressor, early_stopping=True, pretrain=False)
    with pytest.raises(ValueError, match=r"'validation_fraction' .*, 0.1, holds out 1 of 10 rows"):
        model.fit(X, y)
    assert np.isfinite(model.set_params(validation_fraction=0.2).fit(X, y).history_["loss"]).all()


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_minibatches_may_be_large(solver):
    X = (np.random.default_rng(0).random((2500, 6)) < 0.5).astype(float)
    network = DBNClassifier(
        (4,), pretrain=False, batch_size=2200, max_iter=2, solver=solver, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = network.fit(X, X[:, 0])
    assert np.isfinite(model.loss_curve_).all()


# Small noisy tables ----------------------------------------------------------


def test_what_auto_finds_is_told():
    X, y = make_data(DBNRegressor, n_rows=300)
    few = small(DBNRegressor).fit(X[:299], y[:299])
    assert few.early_stopping_ is False
    assert "validation_score" not in few.history_
    assert few.alpha_ == pytest.approx(0.25 * 20 / 299)
    assert few.to_mlp().alpha == few.alpha_
    many = small(DBNRegressor).fit(X, y)
    assert many.early_stopping_ is True
    assert "validation_score" in many.history_
    assert many.alpha_ == 1e-4
    marked = np.where(np.arange(300) < 10, np.nan, y)
    assert small(DBNRegressor, unlabeled=np.nan).fit(X, marked).early_stopping_ is False
    weights = (np.arange(300) >= 200).astype(float)
    assert small(DBNRegressor).fit(X, y, weights).alpha_ == pytest.approx(0.25 * 20 / 100)


def test_what_is_given_is_kept():
    X, y = make_data(DBNRegressor)
    given = small(DBNRegressor, alpha=0.3, early_stopping=True).fit(X, y)
    assert (given.alpha_, given.early_stopping_) == (0.3, True)
    assert small(DBNRegressor, early_stopping=True).fit(X, y).alpha_ == 1e-4
    assert small(DBNRegressor, batch_size=7).fit(X, y).alpha_ == pytest.approx(0.25 * 7 / 60)
    assert small(DBNRegressor, solver="lbfgs").fit(X, y).alpha_ == 0.25


def test_further_rows_keep_the_penalty_of_the_first():
    X, y = make_data(DBNRegressor, n_rows=400)
    model = small(DBNRegressor).partial_fit(X, y)
    assert model.early_stopping_ is False
    assert model.partial_fit(X[:10], y[:10]).alpha_ == pytest.approx(0.25 * 20 / 400)
    assert small(DBNRegressor).fit(X, y).partial_fit(X[:10], y[:10]).alpha_ == 1e-4
    with pytest.raises(ValueError, match="does not support early_stopping=True"):
        small(DBNRegressor, early_stopping=True).partial_fit(X, y)


def test_with_defaults_a_small_noisy_table_is_not_over_fitted():
    X, y = load_diabetes(return_X_y=True)
    folds = KFold(5, shuffle=True, random_state=0)
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))
    scores = [
        r2_score(y, cross_val_predict(model, X, y, cv=folds))
        for model in (DBNRegressor(random_state=0), ridge)
    ]
    assert scores[0] > scores[1] - 0.03
