"""BernoulliRBM and what is not valid: a clear error, and the estimator as it was before."""

import inspect
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from skebm import BernoulliRBM
from skebm.boltzmann.learner import Learner

each_training = pytest.mark.parametrize("train", ["fit", "partial_fit"])


def binary_rows(n_rows=40, n_features=6):
    return (np.random.default_rng(0).random((n_rows, n_features)) < 0.4).astype(np.float64)


def make_fitted(dtype=np.float64, **params):
    params = {"n_components": 4, "n_iter": 2, "momentum": 0.5, "random_state": 0} | params
    return BernoulliRBM(**params).fit(binary_rows().astype(dtype))


def state_of(rbm):
    """Every attribute, parameters included, to compare bit for bit."""
    return {name: joblib.hash(value) for name, value in vars(rbm).items()}


# Parameters ------------------------------------------------------------------

# Of each, what is of the wrong type and what is out of range.
BAD_VALUES = {
    "n_components": ["3", 2.5, True, 0],
    "learning_rate": ["fast", None, 0.0, -0.1, np.inf, np.nan, [], [0.1, 0.0], [[0.1]]],
    "batch_size": ["10", 2.5, 0],
    "n_iter": [None, 1.5, -1],
    "verbose": ["loud", None, -1],
    "random_state": ["now", 1.5, -1, 2**32, np.random.default_rng(0)],
    "algorithm": [None, "sgd"],
    "n_gibbs_steps": ["one", 1.5, 0, (), (1, 0), (1, 2.5)],
    "n_chains": ["all", 2.5, 0],
    "n_replicas": ["all", None, 2.5, 1],
    "learning_rate_schedule": [None, "step"],
    "solver": [None, "lbfgs"],
    "nesterovs_momentum": ["yes", None, 1],
    "beta_1": ["some", 1.0, -0.1],
    "beta_2": ["some", 1.0, -0.1],
    "epsilon": ["small", 0.0],
    "momentum": ["some", None, 1.0, -0.1, (0.5, 1.0)],
    "alpha": ["some", None, -0.1, np.inf],
    "l1_ratio": ["half", None, -0.1, 1.1],
    "sparsity_target": ["low", 0.0, 1.0],
    "sparsity_cost": ["low", None, -0.1],
    "centered": ["yes", None, 1],
    "shuffle": ["yes", None, 1],
    "early_stopping": ["yes", None, 1],
    "validation_fraction": ["some", None, 0.0, 1.0],
    "n_iter_no_change": ["few", 2.5, 0],
    "missing_values": ["", None, np.inf, True, [np.nan]],
    "tol": ["small", None, -1e-4, np.nan],
    "reconstruction_tol": ["small", -0.1],
    "warm_start": ["yes", None, 1],
}


@pytest.mark.parametrize("name", ["n_gibbs_steps", "n_iter", "n_chains", "batch_size"])
@pytest.mark.parametrize("make", [int, lambda n: (1, n)], ids=["one", "several"])
def test_an_int_that_kernels_cannot_hold_is_refused(name, make):
    value = make(10**30)
    with pytest.raises(ValueError, match=f"{name!r} parameter of BernoulliRBM .*64 bits"):
        BernoulliRBM(**{name: value}).fit(np.eye(3))


def test_every_parameter_has_bad_values_here():
    assert set(BAD_VALUES) == set(inspect.signature(BernoulliRBM).parameters)


def refusal(name, value):
    """The message, as a pattern, for a parameter or argument that is not admitted."""
    of_whom = re.escape(f"The {name!r} parameter of BernoulliRBM must be ")
    return f"{of_whom}.*{re.escape(f'Got {value!r} instead.')}"


@each_training
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD_VALUES.items() for value in values]
)
def test_a_bad_parameter_is_named_and_nothing_changes(name, value, train):
    rbm = make_fitted().set_params(**{name: value})
    before = state_of(rbm)
    with pytest.raises(ValueError, match=refusal(name, value)):
        getattr(rbm, train)(binary_rows())
    assert state_of(rbm) == before

    unfitted = BernoulliRBM(**{name: value})
    before = state_of(unfitted)
    with pytest.raises(ValueError, match=refusal(name, value)):
        getattr(unfitted, train)(binary_rows())
    assert state_of(unfitted) == before


@pytest.mark.filterwarnings("ignore:100% of the hidden units:UserWarning")
@each_training
@pytest.mark.parametrize("rate", [0.1, (0.01, 0.1)])
def test_a_decay_that_would_turn_weights_over_is_refused(rate, train):
    rbm = make_fitted(warm_start=True).set_params(learning_rate=rate, alpha=20.0, l1_ratio=0.5)
    before = state_of(rbm)
    with pytest.raises(ValueError, match=r"'alpha' parameter of BernoulliRBM, 20\.0, .*'learning_"):
        getattr(rbm, train)(binary_rows())
    assert state_of(rbm) == before
    getattr(rbm.set_params(l1_ratio=0.6), train)(binary_rows())


@each_training
def test_another_number_of_hidden_units_is_refused_where_a_model_is_gone_on_with(train):
    rbm = make_fitted(warm_start=True)
    rbm.set_params(n_components=len(rbm.components_) + 1)
    before = state_of(rbm)
    with pytest.raises(ValueError, match=r"'n_components' parameter of BernoulliRBM is \d+, but"):
        getattr(rbm, train)(binary_rows())
    assert state_of(rbm) == before


def test_a_schedule_may_be_any_sequence():
    for value in (0.1, np.float32(0.1), np.array(0.1), np.array([0.1, 0.2]), (0.1,), [0.1, 1]):
        make_fitted(learning_rate=value)


def test_a_validation_set_that_leaves_nothing_is_named():
    rbm = BernoulliRBM(4, early_stopping=True, validation_fraction=0.9)
    with pytest.raises(ValueError, match=r"'validation_fraction' parameter of BernoulliRBM, 0\.9"):
        rbm.fit(binary_rows(5))
    assert not hasattr(rbm, "components_")


@pytest.mark.parametrize(
    ("method", "argument", "value"),
    [
        *[("gibbs", "n_steps", value) for value in (-1, 1.5, "one", None, True)],
        *[("sample", "n_steps", value) for value in (-1, 1.5, "one", None)],
        *[("sample", "n_samples", value) for value in (0, 1.5, "one")],
        *[("impute", "n_steps", value) for value in (0, 1.5, "one", None)],
        *[("sample", "algorithm", value) for value in ("pcd", None)],
        *[("log_partition", "method", value) for value in ("reverse", None)],
        *[("log_partition", "n_temperatures", value) for value in (1, 2.5, "many")],
        *[("log_partition", "n_chains", value) for value in (0, 2.5, None)],
        *[("log_partition", "n_burn_in", value) for value in (-1, 2.5, None)],
        *[("log_likelihood", "log_partition", value) for value in ("auto", np.nan, np.inf, True)],
        *[
            (method, "random_state", "now")
            for method in ("gibbs", "sample", "impute", "log_partition")
        ],
    ],
)
def test_a_bad_argument_is_named_and_nothing_changes(method, argument, value):
    rbm = make_fitted()
    before = state_of(rbm)
    args = () if method in ("sample", "log_partition") else (binary_rows(),)
    with pytest.raises(ValueError, match=refusal(argument, value)):
        getattr(rbm, method)(*args, **{argument: value})
    assert state_of(rbm) == before


@pytest.mark.parametrize(
    "clamp", [np.ones(6), np.ones(5, dtype=bool), np.ones((3, 6), dtype=bool), [0, 1], "all"]
)
def test_a_clamp_that_is_no_mask_of_the_start_is_refused(clamp):
    rbm = make_fitted()
    before = state_of(rbm)
    with pytest.raises(ValueError, match=r"clamp must be an array of bool of shape \(6,\)"):
        rbm.sample(init=binary_rows(), clamp=clamp)
    with pytest.raises(ValueError, match="clamp needs init"):
        rbm.sample(3, clamp=clamp)
    assert state_of(rbm) == before


# Data ------------------------------------------------------------------------

USES = ["transform", "score_samples", "score", "free_energy", "gibbs", "impute"]
TRAININGS = ["fit", "partial_fit"]


def with_entry(value):
    X = binary_rows()
    X[3, 2] = value
    return X


BAD_DATA = {
    "infinity": (lambda: with_entry(np.inf), "Input X contains infinity"),
    "too large for float32": (
        lambda: with_entry(np.finfo(np.float32).max).astype(np.float32) * np.float32(2),
        "Input X contains infinity",
    ),
    "one row less dimension": (lambda: binary_rows()[0], "Expected 2D array, got 1D array"),
    "no rows": (lambda: binary_rows()[:0], r"Found array with 0 sample\(s\).*by BernoulliRBM"),
    "no columns": (
        lambda: binary_rows()[:, :0],
        r"Found array with 0 feature\(s\).*by BernoulliRBM",
    ),
    "too few columns": (
        lambda: binary_rows()[:, :5],
        "X has 5 features, but BernoulliRBM is expecting 6 features as input",
    ),
    "text": (lambda: [["a"] * 6], "could not convert string to float"),
    "complex": (lambda: binary_rows() + 1j, "Complex data not supported"),
}


@pytest.mark.filterwarnings("ignore:overflow encountered in multiply")
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (kind, method)
        for kind in BAD_DATA
        for method in [*USES, *TRAININGS]
        if (kind, method) != ("too few columns", "fit")  # a new fit may be of another width
    ],
)
def test_bad_data_is_refused_and_nothing_changes(kind, method):
    make, message = BAD_DATA[kind]
    rbm = make_fitted()
    before = state_of(rbm)
    with pytest.raises(ValueError, match=message):
        getattr(rbm, method)(make())
    assert state_of(rbm) == before

    if method in TRAININGS and kind != "too few columns":
        unfitted = BernoulliRBM()
        with pytest.raises(ValueError, match=message):
            getattr(unfitted, method)(make())
        assert state_of(unfitted) == state_of(BernoulliRBM())


def test_a_warm_start_with_another_width_is_refused():
    rbm = make_fitted(warm_start=True)
    before = state_of(rbm)
    with pytest.raises(ValueError, match="X has 5 features, but BernoulliRBM is expecting 6"):
        rbm.fit(binary_rows()[:, :5])
    assert state_of(rbm) == before


@pytest.mark.parametrize("method", [*USES, "partial_fit"])
def test_other_feature_names_are_refused(method):
    frame = pd.DataFrame(binary_rows(), columns=list("abcdef"))
    rbm = BernoulliRBM(4, n_iter=1).fit(frame)
    before = state_of(rbm)
    with pytest.raises(ValueError, match="feature names should match those that were passed"):
        getattr(rbm, method)(frame[list("bacdef")])
    assert state_of(rbm) == before


@pytest.mark.parametrize("method", [*USES, "inverse_transform", "sample"])
def test_use_before_fit_is_refused(method):
    rbm = BernoulliRBM()
    args = () if method in ("sample", "log_partition") else (binary_rows(),)
    with pytest.raises(NotFittedError, match="This BernoulliRBM instance is not fitted yet"):
        getattr(rbm, method)(*args)
    assert state_of(rbm) == state_of(BernoulliRBM())


@pytest.mark.parametrize(
    ("H", "message"),
    [
        (np.ones((3, 5)), "X has 5 features, but BernoulliRBM.* expecting 4 features as input"),
        (np.full((3, 4), np.nan), "contains NaN"),
        (np.ones((0, 4)), "0 sample.*BernoulliRBM"),
    ],
)
def test_bad_hidden_activities_are_refused(H, message):
    with pytest.raises(ValueError, match=message):
        make_fitted().inverse_transform(H)


def test_imputing_refuses_sparse_rows_and_infinity_where_nan_is_meant():
    rbm = make_fitted()
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        rbm.impute(scipy.sparse.csr_matrix(binary_rows()))
    with pytest.raises(ValueError, match="infinity"):
        rbm.impute(with_entry(-np.inf))


# Divergence ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*MinMaxScaler:UserWarning")
@each_training
@pytest.mark.parametrize("algorithm", ["pcd", "cd"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_divergence_names_the_learning_rate_and_leaves_no_nan(dtype, momentum, algorithm, train):
    huge = dtype(np.sqrt(np.finfo(dtype).max))
    X = binary_rows().astype(dtype) * huge
    params = {"learning_rate": float(huge), "algorithm": algorithm, "momentum": momentum}
    message = f"BernoulliRBM.*'learning_rate' parameter, {re.escape(repr(float(huge)))}"

    rbm = BernoulliRBM(4, random_state=0, **params)
    with pytest.raises(ValueError, match=message):
        getattr(rbm, train)(X)
    assert state_of(rbm) == state_of(BernoulliRBM(4, random_state=0, **params))

    rbm = make_fitted(dtype).set_params(**params)
    before = state_of(rbm)
    with pytest.raises(ValueError, match=message):
        getattr(rbm, train)(X)
    assert state_of(rbm) == before


def test_divergence_in_a_later_epoch_leaves_the_last_finite_one():
    # Weights of the order of 1 in the first epoch, beyond 1e308 in the second.
    X = binary_rows()
    params = {"n_components": 4, "n_iter": 2, "random_state": 0}
    params |= {"learning_rate_schedule": "constant"}
    rbm = BernoulliRBM(**params, learning_rate=[1e-3, 1e308])
    with pytest.raises(ValueError, match="'learning_rate' parameter"):
        rbm.fit(X)
    assert rbm.n_iter_ == 1
    assert np.isfinite(rbm.components_).all()
    once = BernoulliRBM(**params | {"n_iter": 1}, learning_rate=1e-3).fit(X)
    assert np.array_equal(rbm.components_, once.components_)
    assert np.isfinite(rbm.transform(binary_rows())).all()


# Interrupts ------------------------------------------------------------------


@pytest.fixture
def interrupt_epoch(monkeypatch):
    """Let Ctrl-C be pressed in the middle of an epoch, counted from 1."""

    def set_up(number):
        epochs = []
        run_epoch = Learner.run_epoch

        def run_half(self, rows, order, settings):
            epochs.append(None)
            if len(epochs) == number:
                run_epoch(self, rows, order[: len(order) // 2], settings)
                raise KeyboardInterrupt
            run_epoch(self, rows, order, settings)

        monkeypatch.setattr(Learner, "run_epoch", run_half)

    return set_up


@pytest.mark.parametrize("algorithm", ["pcd", "cd"])
def test_an_interrupt_leaves_the_last_whole_epoch(algorithm, interrupt_epoch):
    X = binary_rows()
    params = {"n_components": 4, "momentum": 0.5, "random_state": 0, "algorithm": algorithm}
    params |= {"learning_rate_schedule": "constant"}
    two, three = (BernoulliRBM(**params, n_iter=n_iter).fit(X) for n_iter in (2, 3))
    interrupt_epoch(3)
    rbm = BernoulliRBM(**params, n_iter=5)
    with pytest.raises(KeyboardInterrupt):
        rbm.fit(X)
    assert rbm.n_iter_ == 2
    assert all(len(values) == 2 for values in rbm.history_.values())
    unlike = {"n_iter", "history_"}  # the seconds of which are others
    before, after = state_of(two), state_of(rbm)
    assert {k: v for k, v in after.items() if k not in unlike} == {
        k: v for k, v in before.items() if k not in unlike
    }
    # Training goes on from there as if nothing had been.
    assert np.array_equal(rbm.partial_fit(X).components_, three.components_)


@each_training
def test_an_interrupt_of_the_first_epoch_leaves_the_estimator_as_it_was(train, interrupt_epoch):
    X = binary_rows()
    fitted = make_fitted()
    interrupt_epoch(1)
    unfitted = BernoulliRBM(4, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        getattr(unfitted, train)(X)
    assert state_of(unfitted) == state_of(BernoulliRBM(4, random_state=0))
    interrupt_epoch(1)
    before = state_of(fitted)
    with pytest.raises(KeyboardInterrupt):
        getattr(fitted, train)(X)
    assert state_of(fitted) == before
