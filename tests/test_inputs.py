"""What users pass: parameters, labels, weights and data of types that mean the same."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.validation import has_fit_parameter

from skebm import (
    BernoulliRBM,
    DBNClassifier,
    DBNRegressor,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DSNClassifier,
    DSNRegressor,
    GaussianRBM,
    GenerativeDBNClassifier,
    HopfieldMemory,
)
from skebm._validation import FLOATS, validated

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*more than the capacity:UserWarning",
    "ignore:.*had not converged:sklearn.exceptions.ConvergenceWarning",
)

RNG = np.random.default_rng(0)
X = (RNG.random((60, 6)) < 0.4).astype(float)
LABELS = X[:, 0].astype(int)
TARGETS = {"DBNRegressor": X @ np.arange(6), "DSNRegressor": X @ np.arange(6)}

_DEEP = {"hidden_layer_sizes": (4, 3), "rbm_n_iter": 3, "rbm_batch_size": 7, "random_state": 0}
_NETWORK = _DEEP | {"max_iter": 3, "batch_size": 7, "n_iter_no_change": 2, "alpha": 0.25}
_NUMBERS = {"n_components": 4, "batch_size": 7, "n_iter": 3, "random_state": 0}
MODELS = [
    BernoulliRBM(n_gibbs_steps=[1, 2], n_chains=3, learning_rate=0.5, alpha=0.25, **_NUMBERS),
    BernoulliRBM(algorithm="pt", n_replicas=3, momentum=0.5, learning_rate=0.5, **_NUMBERS),
    GaussianRBM(variances=0.5, langevin_time=0.5, sampler="gibbs-langevin", **_NUMBERS),
    DBNClassifier(dropout=0.25, n_iter_output=1, max_norm=0.5, **_NETWORK),
    DBNRegressor(rbm_learning_rate=0.5, early_stopping=True, validation_fraction=0.25, **_NETWORK),
    DeepAutoencoder(corruption="gaussian", corruption_level=0.25, sparsity_cost=0.0, **_NETWORK),
    DeepBeliefNetwork(fine_tune="up_down", n_iter=3, batch_size=7, n_gibbs_steps=2, **_DEEP),
    GenerativeDBNClassifier(fine_tune="up_down", n_iter=3, batch_size=7, **_DEEP),
    DSNClassifier(4, n_modules=2, warm_up=1, batch_size=7, max_iter=3, random_state=0),
    DSNRegressor(4, n_modules=2, dropout=0.25, max_iter=3, working_memory=0, random_state=0),
    HopfieldMemory("dense", order=3, max_iter=7, temperature=0.5, binarize=0.5, random_state=0),
    HopfieldMemory("softmax", beta=0.5, tol=0.25, match_tol=0.25, random_state=0),
]


def each(models):
    return pytest.mark.parametrize("model", models, ids=lambda model: type(model).__name__)


def targets_of(model):
    return TARGETS.get(type(model).__name__, LABELS)


def answers(model, X=X):
    """What the model makes of data."""
    names = ("transform", "predict", "score_samples")
    return [getattr(model, name)(X) for name in names if hasattr(model, name)]


def with_numbers_of(model, to_int, to_float):
    """A copy whose parameters have numbers of other types."""

    def cast(value):
        if isinstance(value, tuple | list):
            return type(value)(map(cast, value))
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return to_int(value) if abs(value) < 128 else value
        exact = isinstance(value, float) and value in (0.25, 0.5)
        return to_float(value) if exact else value

    return type(model)(**{name: cast(v) for name, v in model.get_params(deep=False).items()})


@pytest.mark.parametrize(
    ("to_int", "to_float"),
    [
        (np.int8, np.float16),
        (np.uint8, np.float32),
        (np.int16, np.longdouble),
        (np.uint64, Fraction),
    ],
)
@each(MODELS)
def test_numbers_of_all_types_are_the_same_parameters(model, to_int, to_float):
    y = targets_of(model)
    plain = model.fit(X, y)
    other = with_numbers_of(model, to_int, to_float).fit(X, y)
    for ours, theirs in zip(answers(plain), answers(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("to_int", [np.int8, np.uint8, np.uint64])
def test_numbers_of_all_types_are_the_same_arguments(to_int):
    rbm = BernoulliRBM(4, n_iter=1, random_state=0).fit(X)
    for name, arguments in [
        ("sample", {"n_samples": 120, "n_steps": 100}),
        ("gibbs", {"X": X, "n_steps": 100}),
        ("impute", {"X": X, "n_steps": 100}),
    ]:
        call = getattr(rbm, name)
        numbers = {k: to_int(v) if isinstance(v, int) else v for k, v in arguments.items()}
        np.testing.assert_array_equal(
            call(**arguments, random_state=0), call(**numbers, random_state=0)
        )
    ais = {"method": "ais", "n_temperatures": 100, "n_chains": 100, "n_burn_in": 100}
    typed = {k: to_int(v) if isinstance(v, int) else v for k, v in ais.items()}
    assert rbm.log_partition(**ais, random_state=0) == rbm.log_partition(**typed, random_state=0)
    network = DeepBeliefNetwork((4, 3), rbm_n_iter=1, random_state=0).fit(X)
    network.score_samples(X, n_draws=to_int(3))
    assert network.transform(X, layer=to_int(0)).shape == (60, 4)
    stack = DSNClassifier(4, 2, random_state=0).fit(X, LABELS)
    assert stack.transform(X, module=to_int(0)).shape == (60, 4)
    memory = HopfieldMemory(random_state=0).fit(X[:2])
    assert memory.unlearn(n_dreams=to_int(3)).weights_.shape == (6, 6)


@pytest.mark.parametrize("value", [10**400, np.longdouble("1e400")])
def test_numbers_beyond_float64_are_refused(value):
    with pytest.raises(ValueError, match="'alpha' parameter of BernoulliRBM"):
        BernoulliRBM(alpha=value).fit(X)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "int32", "float32"])
@each([model for model in MODELS if has_fit_parameter(model, "sample_weight")])
def test_weights_in_a_series_are_those_in_an_array(model, dtype):
    y = targets_of(model)
    weights = np.arange(60) % 3
    series = pd.Series(weights, dtype=dtype)
    in_array = answers(model.fit(X, y, sample_weight=weights.astype(float)))
    for ours, theirs in zip(in_array, answers(model.fit(X, y, sample_weight=series)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert series.tolist() == weights.tolist()


@pytest.mark.parametrize("dtype", [">i2", ">f4", ">f8", ">u8", "f2", "g", "i1", "u8"])
@each(MODELS)
def test_data_of_any_type_of_number_are_taken(model, dtype):
    y = targets_of(model)
    model.fit(X.astype(dtype), y)
    for answer in answers(model, X.astype(dtype)):
        assert np.isfinite(answer).all()


@pytest.mark.parametrize("missing", [pd.NA, np.nan, None])
@pytest.mark.parametrize("dtype", ["string", object])
def test_missing_labels_of_strings_are_unlabeled_rows(missing, dtype):
    y = np.array(["a", "b"], dtype=object)[LABELS]
    y[::3] = missing
    model = DBNClassifier((4,), rbm_n_iter=1, max_iter=2, random_state=0)
    model.set_params(unlabeled=np.nan).fit(X, pd.Series(y, dtype=dtype))
    assert model.classes_.tolist() == ["a", "b"]
    marked = np.where(np.arange(60) % 3, np.array(["a", "b"])[LABELS], "?")
    same = DBNClassifier((4,), rbm_n_iter=1, max_iter=2, random_state=0, unlabeled="?")
    np.testing.assert_array_equal(same.fit(X, marked).predict_proba(X), model.predict_proba(X))


def test_missing_labels_of_numbers_are_unlabeled_rows():
    y = pd.Series(LABELS, dtype="Int64")
    y[::3] = pd.NA
    model = DBNClassifier((4,), rbm_n_iter=1, max_iter=2, unlabeled=np.nan).fit(X, y)
    assert model.classes_.tolist() == [0, 1]


@pytest.mark.parametrize(
    "collection", [set, frozenset, list, np.array, pd.Series, pd.Index, dict.fromkeys, iter]
)
@each(
    [
        DBNClassifier((4,), rbm_n_iter=1, random_state=0),
        DSNClassifier(4, n_modules=1, max_iter=1, random_state=0),
        GenerativeDBNClassifier((4, 3), rbm_n_iter=1, fine_tune="up_down", random_state=0),
    ]
)
def test_classes_come_in_any_collection(model, collection):
    y = np.array(["a", "b"])[LABELS]
    names = ["c", "b", "a"]
    model = type(model)(**model.get_params()).partial_fit(X, y, classes=collection(names))
    assert model.classes_.tolist() == ["a", "b", "c"]
    model.partial_fit(X, y, classes=collection(names))
    with pytest.raises(ValueError, match="not the same as on the last call"):
        model.partial_fit(X, y, classes={"a", "b"})


def test_labels_of_a_memory_are_all_strings_or_none_is():
    memory = HopfieldMemory().fit(2 * X[:2] - 1, [1, 2])
    with pytest.raises(ValueError, match="are strings or none is"):
        memory.partial_fit(2 * X[2:4] - 1, ["a", "b"])
    assert memory.labels_.tolist() == [1, 2]
    assert memory.partial_fit(2 * X[2:3] - 1, [3]).labels_.dtype.kind == "i"


@pytest.mark.parametrize(
    ("model", "name", "value", "meant"),
    [
        (BernoulliRBM(), "learning_rate", "linear", "learning_rate_schedule"),
        (GaussianRBM(), "learning_rate", "adaptive", "learning_rate_schedule"),
        (DeepBeliefNetwork(), "learning_rate", "cosine", "learning_rate_schedule"),
        (DBNClassifier(), "learning_rate", 0.1, "learning_rate_init"),
        (DBNRegressor(), "learning_rate", [0.1, 0.2], "rbm_learning_rate"),
        (DeepAutoencoder(), "learning_rate", 1, "learning_rate_init"),
        (DBNClassifier(), "rbm_learning_rate", "linear", "rbm_learning_rate_schedule"),
    ],
)
def test_a_rate_for_a_schedule_and_a_schedule_for_a_rate(model, name, value, meant):
    model.set_params(**{name: value})
    message = f"'{name}' parameter of {type(model).__name__} must .* instead.* parameter '{meant}'"
    with pytest.raises(ValueError, match=message.replace("parameter 'rbm", ".*'rbm")):
        model.fit(X, targets_of(model))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_found_in_large_data(value):
    X = np.ones((1100, 1000), np.float32)
    X[1033, 7] = value
    wanted = "NaN" if np.isnan(value) else "infinity"
    with pytest.raises(ValueError, match=f"Input X contains {wanted}"):
        validated(BernoulliRBM(), X, dtype=FLOATS)


def test_large_data_whose_sum_overflows_are_finite_and_what_another_type_cannot_hold_is_not():
    X = np.full((1100, 1000), 3e38, np.float32)
    validated(BernoulliRBM(), X, dtype=FLOATS)
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="too large for dtype"):
        validated(BernoulliRBM(), X.astype(np.float64) * 10, dtype=np.float32)
