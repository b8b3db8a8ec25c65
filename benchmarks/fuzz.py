"""Estimators on random parameters, at their bounds, and random data, odd ones among them.

    python benchmarks/fuzz.py --seed 0 --cases 3000

Each case fits one estimator and calls all of its methods. It fails where

- something comes back that is not finite, or NumPy warns of such numbers;
- an exception is no ValueError, TypeError or documented AttributeError, or its message is one of
  NumPy's about shapes and types, which says nothing to a user;
- an input is changed, or an estimator by a fit that failed;
- the same seed gives other numbers the second time.

Failures are printed with the number of their case; ``--case N`` runs one of them again.
"""

import argparse
import copy
import sys
import traceback
import warnings

import joblib
import numpy as np
import pandas as pd
import scipy.sparse
from scipy.linalg import LinAlgWarning
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC

from skebm import (
    BernoulliRBM,
    BoltzmannMachine,
    DBMClassifier,
    DBNClassifier,
    DBNRegressor,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    DSNClassifier,
    DSNRegressor,
    GaussianRBM,
    GenerativeDBNClassifier,
    HopfieldMemory,
)

# Words of messages that no user can do anything with.
UNCLEAR = (
    "broadcast",
    "reshape",
    "unpack",
    "NoneType",
    "subscriptable",
    "has no attribute",
    "out of bounds",
    "zero-size",
    "matmul",
    "einsum",
    "infs or NaNs",
    "ufunc",
    "argument must be",
    "Failed in nopython",
)

RATES = [1e-300, 1e-3, 0.1, 1.0, np.float32(0.1), 10.0, 1e10, 1e300]
SHARES = [0.0, 1e-12, 0.5, np.float16(0.5), 1 - 1e-12]
PENALTIES = [0, 0.0, 1e-300, 0.1, 1.0, 1e3, 1e300]
COUNTS = [1, 2, np.uint8(3), np.int64(7), 100]
SCHEDULES = ["constant", "linear", "invscaling", "cosine"]
BAD = [None, -1, 0, np.nan, np.inf, "abc", [], 2.5, True, np.array([1, 2]), 10**30]

_OF_RBMS = {
    "n_components": [1, 3, np.uint8(5), 20],
    "learning_rate": [*RATES, [0.1, 0.01], np.array([0.1, 0.2])],
    "batch_size": COUNTS,
    "n_iter": [0, 1, np.int8(3)],
    "algorithm": ["cd", "pcd", "pt"],
    "n_gibbs_steps": [1, 2, [1, 3]],
    "n_chains": [None, 1, np.uint8(3)],
    "n_replicas": [2, np.uint8(3)],
    "learning_rate_schedule": SCHEDULES,
    "momentum": [*SHARES, [0.5, 0.9]],
    "alpha": PENALTIES,
    "l1_ratio": [0, 0.5, 1],
    "sparsity_target": [None, 1e-12, 0.1, 1 - 1e-12],
    "sparsity_cost": PENALTIES,
    "centered": [True, False],
    "shuffle": [True, np.bool_(False)],
    "early_stopping": [True, False],
    "validation_fraction": [1e-12, 0.1, 0.9, 1 - 1e-12],
    "n_iter_no_change": [1, 3],
    "tol": PENALTIES,
    "reconstruction_tol": [None, 0, 1e300],
    "warm_start": [True, False],
}
_PRETRAINED = {
    "hidden_layer_sizes": [1, (3,), [4, 3], (2, 3, 2), np.array([3, 2])],
    "visible_units": ["bernoulli", "gaussian"],
    "rbm_algorithm": ["cd", "pcd"],
    "rbm_n_gibbs_steps": [1, 2],
    "rbm_learning_rate": [None, *RATES],
    "rbm_learning_rate_schedule": SCHEDULES,
    "rbm_n_iter": [0, 1, 2],
    "rbm_batch_size": COUNTS,
    "rbm_momentum": SHARES,
    "rbm_alpha": PENALTIES,
    "shuffle": [True, False],
    "warm_start": [True, False],
}
_NETWORKS = _PRETRAINED | {
    "pretrain": [True, False],
    "activation": ["logistic", "tanh", "relu"],
    "solver": ["sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"],
    "alpha": PENALTIES,
    "l1_ratio": [0, 0.5, 1],
    "max_gradient_norm": [None, 1e-300, 1.0, 1e300],
    "batch_size": ["auto", *COUNTS],
    "learning_rate": [*SCHEDULES, "adaptive"],
    "learning_rate_init": RATES,
    "max_iter": COUNTS[:3],
    "n_line_searches": [1, 2],
    "tol": PENALTIES,
    "momentum": SHARES,
    "nesterovs_momentum": [True, False],
    "early_stopping": [True, False],
    "validation_fraction": [1e-12, 0.1, 0.5, 0.9],
    "beta_1": SHARES,
    "beta_2": SHARES,
    "epsilon": [1e-300, 1e-8, 1.0, 1e300],
    "n_iter_no_change": [1, 3],
}
_DBNS = _NETWORKS | {
    "dropout": [*SHARES, [0.1, 0.2]],
    "input_dropout": SHARES,
    "max_norm": [None, 1e-300, 1.0, 1e300],
    "n_iter_output": [0, 1, 5],
}
_GENERATIVE = _PRETRAINED | {
    "fine_tune": [None, "up_down"],
    "n_gibbs_steps": [1, [1, 2]],
    "batch_size": COUNTS,
    "learning_rate_schedule": SCHEDULES,
    "learning_rate": RATES,
    "n_iter": [1, 2],
}
_STACKS = {
    "n_components": [1, 3, np.uint8(5), 20],
    "n_modules": [1, 2, np.uint8(3)],
    "alpha": [*PENALTIES, "loo", "gcv"],
    "dropout": SHARES,
    "init": ["rbm", "random", "copy"],
    "rbm": [None, BernoulliRBM(n_iter=1), BernoulliRBM(learning_rate=1e300)],
    "stacking": ["all", "last"],
    "cv": [None, 2, 3],
    "warm_up": [0, 1],
    "learning_rate_init": RATES,
    "batch_size": COUNTS,
    "input_dropout": SHARES,
    "max_iter": [0, 1, 3],
    "emphasis": [True, False],
    "tol": PENALTIES,
    "early_stopping": [True, False],
    "validation_fraction": [1e-12, 0.1, 0.5, 0.9],
    "n_iter_no_change": [1, 3],
    "working_memory": [None, 0, 1e-3],
    "n_jobs": [None, 1, 2, -1],
}
_OF_DBMS = {
    **{name: values for name, values in _OF_RBMS.items() if name != "n_components"},
    **_PRETRAINED,
    "pretrain": [True, False],
    "visible_units": ["auto", "bernoulli", "gaussian", "mixed"],
    "categories": ["auto", "declared"],
    "handle_unknown": ["error", "missing"],
    "n_clamped_steps": [0, 1, 3],
    "n_mean_field_steps": COUNTS,
    "mean_field_tol": PENALTIES,
    "max_gradient_norm": [1e-300, 1.0, np.inf],
}
_OF_RBM_STEPS = "learning_rate", "batch_size", "n_iter", "n_gibbs_steps", "n_chains", "n_replicas"
PARAMETERS = {
    BernoulliRBM: _OF_RBMS,
    BoltzmannMachine: {name: _OF_RBMS[name] for name in _OF_RBM_STEPS}
    | {
        "n_components": [0, 1, np.uint8(3), 14],
        "connections": ["full", "restricted", np.ones((8, 8)), np.ones((9, 9), bool)],
        "algorithm": [
            "auto",
            "exact",
            "pseudo_likelihood",
            "mean_field",
            "tap",
            "pcd",
            "cd",
            "pt",
            "annealing",
        ],
        "alpha": ["auto", *PENALTIES],
        "l1_ratio": [0, 0.5, 1],
        "tol": PENALTIES,
        "max_iter": [0, 1, 3],
        "temperatures": [None, [1e-300, 1e300], (2.0,)],
        "solver": ["sgd", "adagrad", "rmsprop", "adam"],
        "momentum": SHARES,
        "learning_rate_schedule": SCHEDULES,
        "shuffle": [True, False],
        "warm_start": [True, False],
        "binarize": [None, 0, 0.5, np.float32(1e10)],
    },
    DeepBoltzmannMachine: _OF_DBMS,
    DBMClassifier: {
        **{
            name: values
            for name, values in _DBNS.items()
            if name not in {*_PRETRAINED, "pretrain", "activation"}
        },
        "dbm": [
            None,
            DeepBoltzmannMachine((3, 2), n_iter=1),
            DeepBoltzmannMachine(4, n_iter=1),
            DeepBoltzmannMachine((3, 2, 2), n_iter=1, algorithm="pt"),
            DeepBoltzmannMachine((3, 2), learning_rate=1e300),
        ],
    },
    GaussianRBM: _OF_RBMS
    | {
        "learn_variance": [True, False],
        "variances": [None, 1e-300, 1.0, 1e10],
        "variance_learning_rate": [None, *RATES],
        "max_gradient_norm": [1e-300, 1.0, np.inf],
        "sampler": ["gibbs", "gibbs-langevin"],
        "langevin_time": [1e-12, 0.5, 1e300],
    },
    DBNClassifier: _DBNS | {"class_weight": [None, "balanced", {0: 2.0}]},
    DBNRegressor: _DBNS,
    DeepAutoencoder: _NETWORKS
    | {
        "code": ["linear", "logistic", "binary"],
        "tied": [True, False],
        "corruption": [None, "masking", "gaussian", "salt_and_pepper"],
        "corruption_level": [0.0, 0.5, 1.0],
        "code_noise": [None, 0.0, 1.0],
        "sparsity_cost": [0.0, 0.1, 1e300],
        "sparsity_target": [1e-12, 0.1],
        "contraction_cost": [0.0, 0.1, 1e300],
    },
    DeepBeliefNetwork: _GENERATIVE,
    GenerativeDBNClassifier: _GENERATIVE,
    DSNClassifier: _STACKS
    | {
        "stack_method": ["decision_function", "predict_proba"],
        "final_estimator": [
            None,
            RandomForestClassifier(2, random_state=0),
            LinearSVC(random_state=0),
        ],
    },
    DSNRegressor: _STACKS | {"final_estimator": [None, Ridge()]},
    HopfieldMemory: {
        "rule": ["hebb", "storkey", "pseudo_inverse", "dreaming", "dense", "softmax"],
        "fit_intercept": [True, False],
        "binarize": [None, 0, 0.5, np.float32(1e10)],
        "sleep_time": [0.0, 10.0, 1e300],
        "order": [2, 3, np.uint8(10), 1000],
        "beta": [1e-300, 1.0, 1e300],
        "similarity": ["dot", "euclidean", "manhattan"],
        "update": ["async", "sync"],
        "max_iter": [1, np.uint8(5), 100],
        "temperature": [0.0, 1e-300, 1.0, 1e300],
        "temperature_schedule": SCHEDULES,
        "tol": PENALTIES,
        "match_tol": [0.0, 0.02, 0.499],
        "allow_missing": [True, False],
    },
}

# Small enough that a case takes a fraction of a second.
SMALL = {
    "n_components": 4,
    "n_iter": 2,
    "hidden_layer_sizes": (4, 3),
    "dbm": DeepBoltzmannMachine((4, 3), n_iter=1),
    "rbm_n_iter": 1,
    "max_iter": 3,
    "n_modules": 2,
    "random_state": 0,
}


class Failure(Exception):
    """What a case has found."""


class Case:
    """One estimator, its data, and what is done with them; all of it drawn from a seed."""

    def __init__(self, seed, number):
        self.rng = np.random.default_rng([seed, number])
        self.model = self._draw_model()
        self.X, self.y, self.weights = self._draw_data()

    def _pick(self, values):
        return values[self.rng.integers(len(values))]

    def _draw_model(self):
        cls = self._pick(list(PARAMETERS))
        known = cls().get_params(deep=False)
        chosen = {name: value for name, value in SMALL.items() if name in known}
        if cls is HopfieldMemory:
            chosen["max_iter"] = 10
        for name, values in PARAMETERS[cls].items():
            if self.rng.random() < 0.2:
                chosen[name] = copy.deepcopy(self._pick(values))
        if self.rng.random() < 0.08:
            chosen[self._pick(list(PARAMETERS[cls]))] = self._pick(BAD)
        return cls(**chosen)

    def _draw_data(self):
        rng = self.rng
        shape = int(self._pick([1, 2, 3, 10, 25])), int(self._pick([1, 2, 5, 8]))
        kinds = {
            "binary": lambda: rng.integers(0, 2, shape).astype(float),
            "spins": lambda: 2.0 * rng.integers(0, 2, shape) - 1,
            "grey": lambda: rng.random(shape),
            "normal": lambda: rng.normal(size=shape),
            "constant": lambda: np.full(shape, self._pick([0.0, 0.1, 1.0, 1e9])),
            "half constant": lambda: rng.random(shape) * (np.arange(shape[1]) % 2) + 0.1,
            "dates": lambda: 1.7e9 + 100 * rng.normal(size=shape),
            "huge": lambda: rng.normal(size=shape) * self._pick([1e19, 1e30, 1e100, 1e300]),
            "tiny": lambda: rng.normal(size=shape) * self._pick([1e-20, 1e-40, 1e-200, 1e-310]),
            "outlier": lambda: rng.random(shape) * np.where(rng.random(shape) < 0.1, 1e6, 1),
            "gaps": lambda: np.where(rng.random(shape) < 0.2, np.nan, rng.random(shape)),
        }
        weights = list(np.array([5, 3, 4, 4, 1, 1, 1, 1, 1, 1, 0.5]) / 22.5)
        X = kinds[rng.choice(list(kinds), p=weights)]()
        with np.errstate(over="ignore", under="ignore"):
            X = self._stored(X)
        n_classes = int(self._pick([1, 2, 3]))
        y = rng.integers(n_classes, size=shape[0])
        if is_regressor(self.model):
            y = rng.normal(size=shape[0]) * self._pick([1, 1, 1, 1e30, 1e300, 0, 1e-300])
        elif rng.random() < 0.3:
            y = np.array(["a", "b", "c"])[y]
        weights = self._pick([None, None, rng.random(shape[0]), rng.integers(0, 2, shape[0])])
        return X, y, weights

    def _stored(self, X):
        dtypes = [np.float64, np.float64, np.float32, np.float32, np.float16, ">f8"]
        if np.isfinite(X).all() and np.abs(X).max() < 100:
            dtypes += [np.int8, np.int64, bool]
        X = X.astype(self._pick(dtypes))
        how = self.rng.random()
        if how < 0.6:
            X = self._pick([np.ascontiguousarray, np.asfortranarray])(X)
            X.flags.writeable = bool(self.rng.random() < 0.5)
            return X
        if how < 0.7:
            return np.repeat(X, 2, axis=0)[::2]
        if how < 0.8:
            return pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
        if X.dtype == np.float16 or X.dtype.byteorder == ">":
            return X
        kind = self._pick(["csr", "csc", "coo", "lil"])
        wrap = self._pick(["_matrix", "_array"])
        return getattr(scipy.sparse, kind + wrap)(X)

    def __str__(self):
        X = self.X
        data = f"{type(X).__name__} {X.shape} {getattr(X, 'dtype', '')}"
        return f"{self.model!r}\n    on {data}".replace("\n", "\n    ")


def fingerprint(data):
    """A hash of data of any kind."""
    if scipy.sparse.issparse(data):
        coo = data.tocoo()
        return joblib.hash([coo.data.copy(), coo.row.copy(), coo.col.copy(), data.dtype.str])
    return joblib.hash(data)


def parameters_of(model):
    """Hash of the constructor's parameters."""
    return joblib.hash([repr(item) for item in sorted(model.get_params().items())])


def call(name, function, *arguments, **options):
    """Call; return the result, or None where it refuses with a clear message."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        # A documented warning, which says what to change.
        warnings.simplefilter("ignore", LinAlgWarning)
        try:
            return function(*arguments, **options)
        except (ValueError, TypeError) as error:
            if any(word in str(error) for word in UNCLEAR) or len(str(error)) < 15:
                raise Failure(f"{name}: unclear {type(error).__name__}: {error}") from error
        except RuntimeWarning as error:
            frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
            # scikit-learn's checks add up all numbers, to find one that is not finite.
            if not any("sklearn" in name for name in frames[-3:]):
                raise Failure(f"{name}: RuntimeWarning: {error}") from error
        except AttributeError as error:
            # What a missing method says; a property of NumPy's would not name the estimator.
            if not hasattr(function, "__name__"):
                raise Failure(f"{name}: {error}") from error
            raise Failure(f"{name}: AttributeError: {error}") from error
        except Exception as error:
            raise Failure(f"{name}: {type(error).__name__}: {error}") from error
    return None


def check_finite(name, result, may_be_infinite=False):
    """Fail where numbers that came back are not finite."""
    for array in result if isinstance(result, (list, tuple)) else [result]:
        array = np.asarray(array)
        if array.dtype.kind != "f":
            continue
        wrong = np.isnan(array) if may_be_infinite else ~np.isfinite(array)
        if wrong.any():
            raise Failure(f"{name}: not finite: {array[wrong][:3]}")


METHODS = ["transform", "predict", "predict_proba", "predict_log_proba", "decision_function"]
METHODS += ["score_samples", "free_energy", "reconstruct", "staged_predict", "energy"]


def answers(model, case):
    """What all methods say, by name."""
    X, results = case.X, {}
    for name in METHODS:
        if not hasattr(model, name):
            continue
        method = getattr(model, name)
        options = {"n_draws": 2} if name == "score_samples" and hasattr(model, "fine_tune") else {}
        if options:
            options["log_partition"] = 0.0

        def run(method=method, options=options):
            result = method(X, **options)
            return list(result) if hasattr(result, "__next__") else result

        results[name] = call(name, run)
    if hasattr(model, "inverse_transform") and results.get("transform") is not None:
        results["inverse_transform"] = call(
            "inverse_transform", model.inverse_transform, results["transform"]
        )
    if hasattr(model, "sample"):
        for options in ({}, {"algorithm": "pt"}, {"mean": True}):
            options = {"n_samples": 2, "n_steps": 3, "random_state": 0} | options
            results[f"sample {options}"] = call("sample", model.sample, **options)
    if hasattr(model, "gibbs"):
        results["gibbs"] = call("gibbs", model.gibbs, X, 2, random_state=0)
        options = {"n_temperatures": 5, "n_chains": 2, "n_burn_in": 2, "random_state": 0}
        found = call("log_partition", model.log_partition, **options)
        results["log_partition"] = None if found is None else [found.estimate, found.lower]
    for name, result in results.items():
        if result is not None:
            check_finite(name, result, may_be_infinite=name == "predict_log_proba")
    return results


def fit_options(case):
    """Arguments of ``fit`` after the data."""
    model = case.model
    arguments = [case.y] if is_classifier(model) or is_regressor(model) else []
    takes_weights = hasattr(model, "coefs_") or isinstance(
        model, (DBNClassifier, DBNRegressor, DeepAutoencoder, DSNClassifier, DSNRegressor)
    )
    return arguments, {"sample_weight": case.weights} if takes_weights else {}


def run(case):
    """Run a case; raises :class:`Failure`."""
    before = [fingerprint(data) for data in (case.X, case.y, case.weights)]
    model = case.model
    parameters = parameters_of(model)
    arguments, options = fit_options(case)
    fitted = call("fit", model.fit, case.X, *arguments, **options)
    if parameters_of(model) != parameters:
        raise Failure("fit changed a parameter")
    if fitted is None:
        changed = vars(model).keys() - model.get_params(deep=False).keys()
        finished = getattr(model, "rbms_", None) or getattr(model, "coefs_", None)
        if changed and not finished and not hasattr(model, "history_"):
            raise Failure(f"a fit that failed left {sorted(changed)}")
    else:
        first = answers(model, case)
        check_finite("training", [v for v in vars(model).values() if isinstance(v, np.ndarray)])
        second = clone(model)
        call("fit", second.fit, case.X, *arguments, **options)
        for name, result in answers(second, case).items():
            if fingerprint(result) != fingerprint(first[name]):
                raise Failure(f"{name}: other numbers the second time")
        go_on(model, case, arguments)
    if [fingerprint(data) for data in (case.X, case.y, case.weights)] != before:
        raise Failure("an input has changed")


def go_on(model, case, arguments):
    """Further training, and what else changes a fitted model."""
    if hasattr(model, "partial_fit"):
        call("partial_fit", model.partial_fit, case.X, *arguments)
        answers(model, case)
    if isinstance(model, HopfieldMemory):
        call("unlearn", model.unlearn, 2)
        call("recall", model.recall, case.X)
        call("forget", model.forget, case.X[:1] if hasattr(case.X, "flags") else case.X)


def main():
    """Run cases and print what fails; the exit status says whether something did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--case", type=int, default=None, help="run this one alone")
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.cases)
    if arguments.case is not None:
        numbers = [arguments.case]
    n_failed = 0
    for number in numbers:
        case = Case(arguments.seed, number)
        try:
            run(case)
        except Failure as failure:
            n_failed += 1
            print(f"case {number}: {failure}\n    {case}", flush=True)
            if arguments.case is not None:
                traceback.print_exc()
    print(f"{n_failed} of {len(numbers)} cases failed")
    return n_failed > 0


if __name__ == "__main__":
    sys.exit(main())
