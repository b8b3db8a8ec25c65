"""What every public estimator must do, whatever it computes.

An estimator enters by being exported from ``skebm``; nothing is listed by hand.
"""

import inspect
import json
import os
import pickle
import pkgutil
import subprocess
import sys
from functools import cache, partial

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from joblib import Parallel, delayed
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.datasets import load_digits
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import skebm
from skebm import HopfieldMemory, plotting

# scikit-learn's checks fit data of any range and in any number, and give a fit few iterations;
# the estimators warn, as they should.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*MinMaxScaler:UserWarning",
    "ignore:.*more than the capacity:UserWarning",
    "ignore:.*had not converged:sklearn.exceptions.ConvergenceWarning",
    "ignore:.*may learn to copy:UserWarning",
    "ignore:.*of the numbers in the code:UserWarning",
    "ignore:.*of the variance of the data is in:UserWarning",
    "ignore:.*is the probability of rows of 0 and 1:UserWarning",
    "ignore:.*distinct ratings:UserWarning",
    "ignore:.*units of DeepBoltzmannMachine have nearly the same activity:UserWarning",
    # Its set_output checks mix frames and arrays.
    "ignore:X (has|does not have valid) feature names:UserWarning",
)

# {estimator: {check: reason}}. A check that passes in spite of this is an error.
#
# Weights of rows have to give, to seven digits, the network that repeated rows give. Two ways were
# tried. RBMs learn from rows repeated by their weights: what is left is the order of minibatches
# and of random numbers, and fits whose minibatches hold all rows, without dropout, do agree, see
# tests/deep/test_dbn.py. With rows also repeated for fine-tuning, and sorted by their content
# before they are shuffled, both fits are one and the checks pass; but then an epoch is as long as
# the sum of the weights, a weight of 1.999 learns on another path than 2, and rows are sorted that
# shuffle=False is to keep in order. scikit-learn expects the same of its own stochastic solvers.
_MINIBATCHES = "repeated rows are dealt into minibatches one by one, weighted rows are not"
_WEIGHTED_TWINS = {
    "check_sample_weight_equivalence_on_dense_data": _MINIBATCHES,
    "check_sample_weight_equivalence_on_sparse_data": _MINIBATCHES,
}
_A_RATING_OF_EACH_ITEM = "predict gives a rating of each item, not one number for each row"
EXPECTED_FAILURES: dict[str, dict[str, str]] = {
    "DBMClassifier": _WEIGHTED_TWINS,
    "DBNClassifier": _WEIGHTED_TWINS,
    "DBNRegressor": _WEIGHTED_TWINS,
    "DeepAutoencoder": _WEIGHTED_TWINS,
    "RatingRBM": {
        "check_estimator_sparse_array": _A_RATING_OF_EACH_ITEM,
        "check_estimator_sparse_matrix": _A_RATING_OF_EACH_ITEM,
    },
}

FINE_TUNED = ["DBMClassifier", "DBNClassifier", "DBNRegressor", "DeepAutoencoder"]

# Attributes and results that are float64 also of float32 data, with the reason.
FLOAT64_ATTRIBUTES = {
    # They differ little from the means of the data, which may be large, or from what these add to
    # the inputs of the hidden units; and squares of float32 may leave its range.
    "GaussianRBM.mean_",
    "GaussianRBM.scale_",
    "GaussianRBM.variances_",
    "GaussianRBM.intercept_visible_",
    "GaussianRBM.intercept_hidden_",
    "MixedRBM.mean_",
    "MixedRBM.scale_",
    "MixedRBM.variances_",
    "MixedRBM.intercept_visible_",
    "MixedRBM.intercept_hidden_",
    "DeepBoltzmannMachine.mean_",
    "DeepBoltzmannMachine.scale_",
    "DeepBoltzmannMachine.variances_",
    "StandardizedModel.mean",
    "StandardizedModel.scale",
    # The same, of networks that standardise rows themselves.
    *(f"{cls}.{name}" for cls in FINE_TUNED for name in ("mean_", "scale_")),
    # Sums over all rows, of which small differences count.
    "DSNClassifier._equations",
    "DSNRegressor._equations",
    # Exponentials of free energies, which are sums of many terms.
    "GenerativeDBNClassifier.predict_proba",
    # A few numbers about inverse temperatures.
    "PairwiseTempering.betas",
    "PairwiseTempering.swap_rates",
    # Independent units that tempering and annealing begin with.
    "BoltzmannMachine._means",
    "Tempering.betas",
    "Tempering.swap_rates",
}

# scikit-learn defines these and runs them on its own estimators only. They are
# looked up by name, as they are not part of its public interface.
CHECKS_OF_ALL = [
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
]
CHECKS_OF_TRANSFORMERS = [
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]

# numpydoc's findings that are not mistakes here.
IGNORED_DOCSTRING_CODES = {
    "ES01": "a summary may say it all",
    "EX01": "examples stand in the docstring of the class",
    "GL01": "the summary starts on the line of the quotes",
    "RT02": "a returned value is named, as in scikit-learn",
    "SS05": "plural nouns, as in 'Means of', are taken for verbs",
    "SA01": "most methods have nothing to point at",
    "SA04": "the name of what is pointed at says enough",
}

# Enough to make any fit quick; each estimator takes those that it has.
CHEAP_PARAMETERS = {
    "n_components": 5,
    "n_iter": 2,
    "hidden_layer_sizes": (6, 5),
    "rbm_n_iter": 2,
    "max_iter": 2,
    "fine_tune": "up_down",
    "estimator": skebm.MixedRBM(5, n_iter=2),
    "dbm": skebm.DeepBoltzmannMachine((6, 5), n_iter=2),
    "n_rounds": 1,
    "n_steps": 5,
    "random_state": 0,
}

N_TEMPERATURES = 50

# Those that want to see that something was learned, and how long that takes.
CHECKS_OF_LEARNING = {"check_classifiers_train", "check_regressors_train"}
ENOUGH_TO_LEARN = {
    "DBMClassifier": {"max_iter": 60},
    "DBNClassifier": {"max_iter": 60},
    "DBNRegressor": {"max_iter": 60},
    "GenerativeDBNClassifier": {"rbm_n_iter": 30, "rbm_learning_rate": 0.3},
}


def public(kind):
    objects = [getattr(skebm, name) for name in skebm.__all__]
    return [obj for obj in objects if kind(obj)]


def is_estimator(obj):
    return inspect.isclass(obj) and issubclass(obj, BaseEstimator)


ESTIMATORS = public(is_estimator)
TRANSFORMERS = [cls for cls in ESTIMATORS if hasattr(cls, "transform")]

each_estimator = pytest.mark.parametrize("cls", ESTIMATORS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def make_small(cls, **params):
    """Return an estimator that fits within a moment."""
    known = inspect.signature(cls).parameters
    cheap = {name: value for name, value in CHEAP_PARAMETERS.items() if name in known}
    return cls(**(cheap | {k: v for k, v in params.items() if k in known}))


def make_data(cls, n_samples=60, n_features=12, dtype=np.float64):
    """Return binary rows, and targets if the estimator uses them."""
    rng = np.random.default_rng(0)
    X = (rng.random((n_samples, n_features)) < 0.3).astype(dtype)
    estimator = make_small(cls)
    if is_regressor(estimator):
        return X, rng.normal(size=n_samples)
    if is_classifier(estimator):
        return X, rng.integers(3, size=n_samples)
    return X, None


def fitted_state(estimator):
    """Return a hash of each fitted attribute, to compare bit for bit."""
    state = {k: v for k, v in vars(estimator).items() if k.endswith("_")}
    # The one thing that no two fits share.
    if "history_" in state:
        history = state["history_"]
        state["history_"] = {k: v for k, v in history.items() if k != "seconds"}
    if "rbms_" in state:
        state["rbms_"] = [fitted_state(rbm) for rbm in state["rbms_"]]
    for name in ("estimator_", "dbm_"):
        if name in state:
            state |= {f"{name}{k}": v for k, v in fitted_state(state.pop(name)).items()}
    return {name: joblib.hash(value) for name, value in state.items()}


def outputs(estimator, X):
    """Return a hash of what each method makes of `X`."""
    methods = ["transform", "predict", "predict_proba", "decision_function"]
    return {
        name: joblib.hash(getattr(estimator, name)(X))
        for name in [*methods, "score_samples"]
        if hasattr(estimator, name)
    }


def make_wide(cls, dtype):
    """Return an estimator and data big enough to make BLAS use its threads, and to show it.

    With 400 x 256 units, or 410 x 250, most fits by two threads of BLAS are those by one. Rows are
    more than a memory recalls at a time, and of the highest layer there are too many units to
    enumerate its states: the likelihood of a deep belief network takes annealing.
    """
    X, y = make_data(cls, n_samples=130, n_features=700, dtype=dtype)
    wide = {"n_components": 500, "hidden_layer_sizes": (500, 22), "batch_size": 100}
    # Of hidden units that are connected with each other, mean field for the score of each feature.
    wide["connections"] = "restricted"
    wide["dbm"] = skebm.DeepBoltzmannMachine((500, 22), n_iter=2, batch_size=100)
    return make_small(cls, **wide), X, y


def hashes_of_a_fit(estimator, X, y):
    """Hashes of what is fitted and of what comes out of it, as lists and texts."""
    skebm.boltzmann.inference._N_TEMPERATURES = N_TEMPERATURES  # in another process, too
    estimator = clone(estimator).fit(X, y)
    return [fitted_state(estimator), outputs(estimator, X)]


@pytest.fixture(autouse=True)
def few_temperatures(monkeypatch):
    """Annealing for scores takes seconds, and is tested elsewhere."""
    monkeypatch.setattr("skebm.boltzmann.inference._N_TEMPERATURES", N_TEMPERATURES)


def answer_with_wide_fits():
    """Read the name of an estimator and a dtype a line; print what comes out of its wide fit."""
    for line in sys.stdin:
        name, dtype = line.split()
        print(json.dumps(hashes_of_a_fit(*make_wide(getattr(skebm, name), dtype))), flush=True)


# scikit-learn's checks -------------------------------------------------------


def expected_failures(estimator):
    return EXPECTED_FAILURES.get(type(estimator).__name__, {})


@parametrize_with_checks(
    [make_small(cls) for cls in ESTIMATORS],
    expected_failed_checks=expected_failures,
)
def test_sklearn_checks(estimator, check):
    if check.func.__name__ in CHECKS_OF_LEARNING:
        longer = ENOUGH_TO_LEARN.get(type(estimator).__name__, {})
        estimator = clone(estimator).set_params(**longer)
    check(estimator)


def unyielded_checks():
    params = []
    pairs = [(cls, name) for cls in ESTIMATORS for name in CHECKS_OF_ALL]
    pairs += [(cls, name) for cls in TRANSFORMERS for name in CHECKS_OF_TRANSFORMERS]
    for cls, name in pairs:
        reason = EXPECTED_FAILURES.get(cls.__name__, {}).get(name)
        marks = [pytest.mark.xfail(reason=reason)] if reason else []
        id_ = f"{cls.__name__}-{name}"
        params.append(pytest.param(cls, name, marks=marks, id=id_))
    return params


@pytest.mark.parametrize(("cls", "name"), unyielded_checks())
def test_sklearn_checks_that_are_never_yielded(cls, name):
    getattr(estimator_checks, name)(cls.__name__, make_small(cls))


@each_estimator
def test_no_tag_keeps_a_check_from_looking(cls):
    # scikit-learn's checks end early, without a word, where tags say that they do not apply.
    tags = get_tags(make_small(cls))
    assert tags.input_tags.two_d_array
    assert tags.requires_fit
    exempt = [tags.no_validation, tags.non_deterministic, tags._skip_test]
    exempt += [
        getattr(of_kind, "poor_score", False)
        for of_kind in (tags.classifier_tags, tags.regressor_tags)
    ]
    assert not any(exempt)
    assert not hasattr(cls, "transform") or hasattr(make_small(cls), "set_output")


def test_expected_failures_are_of_public_estimators_and_have_a_reason():
    assert set(EXPECTED_FAILURES) <= {cls.__name__ for cls in ESTIMATORS}
    assert all(all(reasons.values()) for reasons in EXPECTED_FAILURES.values())


# Copies ----------------------------------------------------------------------


@each_estimator
def test_clone_keeps_every_parameter(cls):
    # A constructor only stores, so a parameter may be anything at all.
    params = {name: f"not {name}" for name in inspect.signature(cls).parameters}
    assert clone(cls(**params)).get_params(deep=False) == params


def through_joblib(estimator, folder):
    joblib.dump(estimator, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def through(module, estimator, folder):
    return module.loads(module.dumps(estimator))


def plain_params(estimator):
    """Parameters without estimators, of which only their own parameters can be compared."""
    params = estimator.get_params()
    return {name: p for name, p in params.items() if not isinstance(p, BaseEstimator)}


@each_estimator
@pytest.mark.parametrize(
    "round_trip",
    [through_joblib, partial(through, pickle), partial(through, cloudpickle)],
    ids=["joblib", "pickle", "cloudpickle"],
)
def test_round_trip(cls, round_trip, tmp_path):
    X, y = make_data(cls)
    estimator = make_small(cls).fit(X, y)

    copy = round_trip(estimator, tmp_path)

    np.testing.assert_equal(plain_params(copy), plain_params(estimator))  # in which NaN is NaN
    assert fitted_state(copy) == fitted_state(estimator)
    assert outputs(copy, X) == outputs(estimator, X)


@each_estimator
def test_fitted_by_another_version(cls):
    X, y = make_data(cls)
    state = make_small(cls).fit(X, y).__getstate__()
    assert state["_skebm_version"] == skebm.__version__

    old = cls()
    with pytest.warns(InconsistentVersionWarning, match="0.0.1"):
        old.__setstate__(state | {"_skebm_version": "0.0.1"})

    # Saving does not make the model newer; fitting does.
    with pytest.warns(InconsistentVersionWarning, match="0.0.1"):
        old = pickle.loads(pickle.dumps(old))
    pickle.loads(pickle.dumps(old.fit(X, y)))


# Processes and threads -------------------------------------------------------


def process_with_threads(n_threads):
    """Start a process of so many threads that answers with wide fits until its input is closed."""
    pools = ["NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", "import test_common; test_common.answer_with_wide_fits()"],
        env=os.environ | path | dict.fromkeys(pools, str(n_threads)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def wide_fits():
    """A function for the hashes of a wide fit: by a process of one thread, and by one of two.

    Each fit is made once for all tests, and importing, which takes seconds, is as well.
    """
    with process_with_threads(1) as one, process_with_threads(2) as two:

        @cache
        def ask(cls, dtype):
            answers = []
            for process in (one, two):  # in turn: what the first has compiled, the second loads
                print(cls.__name__, dtype, file=process.stdin, flush=True)
                answers.append(json.loads(process.stdout.readline()))
            return answers

        yield ask


each_name_of_a_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


@each_estimator
@each_name_of_a_dtype
def test_same_result_for_any_number_of_threads(cls, dtype, wide_fits):
    one, two = wide_fits(cls, dtype)
    assert one == two


@each_estimator
@each_name_of_a_dtype
def test_same_result_in_worker_processes(cls, dtype, wide_fits):
    # A worker gets its share of the threads, and here any array as a read-only memory map.
    workers = Parallel(n_jobs=2, max_nbytes=1)
    there = workers(delayed(hashes_of_a_fit)(*make_wide(cls, dtype)) for _ in range(2))
    assert there == [wide_fits(cls, dtype)[1]] * 2


@pytest.mark.parametrize("cls", [cls for cls in ESTIMATORS if "n_jobs" in cls().get_params()])
def test_same_result_for_any_n_jobs(cls, wide_fits):
    estimator, X, y = make_wide(cls, "float32")
    for n_jobs in (1, 2):
        here = hashes_of_a_fit(estimator.set_params(n_jobs=n_jobs), X, y)
        assert here == wide_fits(cls, "float32")[1]


# Dtypes and partial_fit ------------------------------------------------------


def arrays_in(thing, name=""):
    """Yield (name, array) for an array and all in containers, in estimators and in objects of ours.

    Numbers of NumPy count as arrays. The name of an attribute has the class of its owner before it,
    and the way there.
    """
    if isinstance(thing, np.ndarray | np.generic) and thing.dtype != object:
        yield name, thing
    elif scipy.sparse.issparse(thing):
        yield name, thing.data
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from arrays_in(value, f"{name}.{key}")
    elif isinstance(thing, list | tuple | set | frozenset | np.ndarray):
        for number, part in enumerate(thing):
            yield from arrays_in(part, f"{name}.{number}")
    elif isinstance(thing, BaseEstimator) or type(thing).__module__.startswith("skebm"):
        slots = {key for cls in type(thing).__mro__ for key in getattr(cls, "__slots__", ())}
        held = getattr(thing, "__dict__", {}) | {k: getattr(thing, k, None) for k in slots}
        yield from arrays_in(held, f"{name}.{type(thing).__name__}")


def test_arrays_are_found_wherever_they_are():
    class Slotted:
        __slots__ = ("slot",)

    Slotted.__module__ = "skebm.tests"
    slotted, inner = Slotted(), skebm.BernoulliRBM()
    slotted.slot = inner.components_ = np.zeros(1)
    of_objects = np.empty(2, dtype=object)
    of_objects[:] = [np.zeros(1), None]
    outer = skebm.DBNClassifier()
    outer.found_ = [
        np.zeros(1),
        (np.float64(0), {"key": np.zeros(1)}),
        inner,
        slotted,
        of_objects,
        scipy.sparse.csr_array(np.ones((1, 1))),
    ]
    assert [name.removeprefix(".DBNClassifier.found_.") for name, _ in arrays_in(outer)] == [
        "0",
        "1.0",
        "1.1.key",
        "2.BernoulliRBM.components_",
        "3.Slotted.slot",
        "4.0",
        "5",
    ]


# What takes rows of the type that a model was fitted on, and gives numbers of that type.
METHODS_THAT_KEEP_THE_DTYPE = [
    *("transform", "predict_proba", "decision_function", "score_samples", "free_energy", "gibbs"),
    *("impute", "reconstruct", "log_likelihood", "energy", "sample"),
]


@each_dtype
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"algorithm": "pt", "momentum": 0.5, "warm_up": 1, "visible_units": "gaussian"}
        | {"solver": "sgd"},
        {"algorithm": "pcd", "rbm_momentum": 0.5, "early_stopping": True},
    ],
    ids=["defaults", "tempering", "stopping early"],
)
@each_estimator
def test_dtype_is_kept(cls, options, dtype):
    X, y = make_data(cls, dtype=dtype)
    estimator = make_small(cls, **options).fit(X, y)

    found = {name: array.dtype for name, array in arrays_in(estimator) if array.dtype.kind == "f"}
    for method in METHODS_THAT_KEEP_THE_DTYPE:
        if hasattr(estimator, method):
            result = getattr(estimator, method)(*([] if method == "sample" else [X]))
            found[f".{cls.__name__}.{method}"] = np.asarray(result).dtype
    assert len(found) > 1

    kept_wide = {
        name: found.pop(name)
        for name in list(found)
        if any(f".{wide}." in f"{name}." for wide in FLOAT64_ATTRIBUTES)
    }
    assert set(kept_wide.values()) <= {np.dtype(np.float64)}
    assert found == dict.fromkeys(found, np.dtype(dtype))


@pytest.mark.parametrize("cls", [cls for cls in ESTIMATORS if hasattr(cls, "partial_fit")])
def test_partial_fit_returns_self(cls):
    estimator = make_small(cls)
    X, y = make_data(cls)
    labels = {"classes": np.unique(y)} if is_classifier(estimator) else {}
    assert estimator.partial_fit(X, y, **labels) is estimator
    assert estimator.partial_fit(X[:1], y if y is None else y[:1]) is estimator


# Docstrings ------------------------------------------------------------------


def public_names():
    names = [f"skebm.{obj.__name__}" for obj in public(callable)]
    names += [f"skebm.plotting.{name}" for name in plotting.__all__]
    return [each for name in names for each in (name, *public_methods(name))]


def public_methods(name):
    obj = pkgutil.resolve_name(name)
    if not inspect.isclass(obj):
        return
    for method, member in inspect.getmembers(obj, callable):
        # What scikit-learn's base classes add is documented there.
        ours = str(getattr(member, "__module__", "")).startswith("skebm.")
        if ours and not method.startswith("_"):
            yield f"{name}.{method}"


@pytest.mark.parametrize("name", public_names())
def test_docstring(name):
    errors = validate(name)["errors"]
    assert [e for e in errors if e[0] not in IGNORED_DOCSTRING_CODES] == []


@each_estimator
def test_docstring_of_the_class(cls):
    doc = ClassDoc(cls)
    for section in ["Parameters", "Attributes", "References", "Examples"]:
        assert doc[section], f"{section} is missing"

    parameters = [name for p in doc["Parameters"] for name in p.name.split(", ")]
    assert parameters == list(inspect.signature(cls).parameters)

    X, y = make_data(cls)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    fitted = {k for k in vars(make_small(cls).fit(frame, y)) if not k.startswith("_")}
    attributes = {name for p in doc["Attributes"] for name in p.name.split(", ")}
    assert fitted - set(parameters) <= attributes


# Deployment ------------------------------------------------------------------


@each_estimator
def test_a_copy_without_the_training_state_answers_the_same_and_is_smaller(cls):
    X, y = make_data(cls)
    X = X if cls is not HopfieldMemory else 2 * X - 1
    options = {
        "n_components": 40,
        "hidden_layer_sizes": (40, 30),
        "momentum": 0.5,
        "rbm_momentum": 0.5,
        "estimator": skebm.MixedRBM(40, n_iter=2, algorithm="pcd", momentum=0.5),
    }
    model = make_small(cls, **options).fit(X, y)
    state = fitted_state(model)

    small = model.without_training_state()

    assert outputs(small, X) == outputs(model, X)
    assert fitted_state(model) == state
    sizes = [len(pickle.dumps(each)) for each in (small, model)]
    most = 0.7 if cls is not HopfieldMemory else 1  # which has nothing else
    assert sizes[0] <= most * sizes[1]
    for name, options in (("sample", {}), ("log_partition", {"n_temperatures": 100})):
        if hasattr(model, name):
            options |= {"random_state": 0}
            a, b = (getattr(clone_of, name)(**options) for clone_of in (small, model))
            assert joblib.hash(a) == joblib.hash(b)
    if cls.__name__ in NOT_WITHOUT_TRAINING_STATE:
        with pytest.raises(ValueError, match="without_training_state"):
            small.partial_fit(X, y)
    elif hasattr(small, "partial_fit"):
        small.partial_fit(X, y)
    small.set_params(**small.get_params()).fit(X, y)
    assert outputs(small, X) == outputs(model, X)


NOT_WITHOUT_TRAINING_STATE = {
    "BernoulliRBM",
    "DSNClassifier",
    "DSNRegressor",
    "DeepBoltzmannMachine",
    "GaussianRBM",
    "MixedRBM",
}

# What learns nothing, so that all there is was drawn, or comes from the data.
BEFORE_LEARNING = {
    "n_components": 16,
    "hidden_layer_sizes": (16, 9),
    "rbm_n_iter": 0,
    "learning_rate_init": 1e-12,
    "temperature": 0.5,
    "rbm": skebm.BernoulliRBM(16, n_iter=0),
    "estimator": skebm.MixedRBM(16, n_iter=0),
    "dbm": skebm.DeepBoltzmannMachine((16, 9), n_iter=0),
}


def starts(cls):
    """Parameters by which an estimator of this kind begins in different ways."""
    known = cls().get_params()
    for name, values in {
        "algorithm": ["cd", "pcd", "pt"],
        "rbm_algorithm": ["cd", "pcd"],
        "init": ["random", "rbm"],
        "update": ["async", "sync"],
        "sample_posterior": [False, True],
        "n_gibbs_steps": [1],
        "dbm": [skebm.DeepBoltzmannMachine((16, 9), n_iter=0)],
    }.items():
        if name in known:
            return [{name: value} for value in values]
    raise AssertionError(f"{cls} does not say how it begins")


EACH_START = [(cls, start) for cls in ESTIMATORS for start in starts(cls)]


@pytest.mark.filterwarnings("ignore:Recall does not keep:UserWarning")
@pytest.mark.parametrize(
    ("cls", "start"),
    EACH_START,
    ids=[f"{c.__name__}-{'-'.join(map(str, s.values()))}" for c, s in EACH_START],
)
def test_both_dtypes_begin_with_the_same_weights_and_states(cls, start):
    X, y = load_digits(return_X_y=True)
    X, y = X[:200] / 16, (y if is_classifier(cls()) else y.astype(float))[:200]
    if cls is HopfieldMemory:
        X, y = 2 * (X[:5] > 0.5) - 1, y[:5]
    options = BEFORE_LEARNING | start
    # An RBM and a stack need no step; the others take steps that are too small to see.
    options |= {"n_iter": 0} if "algorithm" in start else {"n_iter": 1, "learning_rate": 1e-12}
    options |= {"max_iter": 0 if "DSN" in cls.__name__ else 3}
    if not hasattr(cls, "sample"):
        options.pop("learning_rate", None)  # there a schedule
    found = []
    for dtype in (np.float32, np.float64):
        model, rows = make_small(cls, **options).fit(X.astype(dtype), y), X.astype(dtype)
        arrays = {name: array for name, array in arrays_in(model) if array.dtype.kind in "fiub"}
        for name in ("gibbs", "recall"):
            if hasattr(model, name):
                arrays |= arrays_in(getattr(model, name)(rows), name)
        if hasattr(model, "sample"):
            arrays["sample"] = model.sample(300, 1, random_state=0)
        found.append(arrays)
    narrow, wide = found
    assert narrow.keys() == wide.keys()
    for name, array in wide.items():
        size = max(1.0, np.abs(array).max(initial=0))
        np.testing.assert_allclose(narrow[name], array, rtol=0, atol=1e-4 * size, err_msg=name)


# A memory is given its states, and searches along lines part ways.
@pytest.mark.parametrize(
    "cls", [cls for cls in ESTIMATORS if cls is not HopfieldMemory and "DSN" not in cls.__name__]
)
def test_both_dtypes_draw_the_same_numbers(cls):
    """The same seed leads to the same chains, up to rounding, whatever runs them."""
    X, y = load_digits(return_X_y=True)
    y = y if is_classifier(cls()) else y.astype(float)
    for algorithm in ("cd", "pcd", "pt") if hasattr(cls(), "algorithm") else (None,):
        model = make_small(cls, algorithm=algorithm, hidden_layer_sizes=(16, 9), n_components=16)
        H = [
            clone(model).fit((X[:300] / 16).astype(dtype), y[:300]).transform(X[:300] / 16)
            for dtype in (np.float32, np.float64)
        ]
        np.testing.assert_allclose(*H, rtol=1e-3, atol=1e-3)


def test_without_a_fit_there_is_no_copy_for_use():
    with pytest.raises(NotFittedError):
        skebm.BernoulliRBM().without_training_state()
