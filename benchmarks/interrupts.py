"""What is left when a fit, or a method that takes long, is interrupted by Ctrl-C at a random time.

    python benchmarks/interrupts.py --seed 0 --cases 200

Each case takes an estimator and something that takes long, or a loop of short calls, and sends
the process the signal of Ctrl-C. Then it looks whether

- a KeyboardInterrupt is raised, and nothing else, within a second;
- the estimator is fitted and can be used, or is as it was;
- BLAS has as many threads as before;
- a fit from the start gives, to the last bit, what it gave before any interrupt.

Prints a line for each case that fails, and the slowest answers; ends with the status 1 if one
failed. ``--only`` takes parts of the names of the cases, which ``--list`` prints.
"""

import argparse
import faulthandler
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info

from _machine import print_machine
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

# An answer that takes longer is a failure. After some more seconds the signal comes again; and a
# case that takes a minute is the last: it is printed where all threads are.
MOST_SECONDS = 1.0
SECONDS_TO_THE_NEXT = 5.0
SECONDS_TO_COMPILE = 0.5
HANGS_AFTER = 60.0

ENDLESS = 10**8

X, LABELS = load_digits(return_X_y=True)
X = X / 16
WIDE = np.random.default_rng(0).random((3000, 300))
SPINS = np.random.default_rng(0).choice([-1.0, 1.0], size=(600, 400))
TEMPERATURES = {"temperature": 0.5, "max_iter": 1000}


@dataclass
class Case:
    """Something to interrupt.

    Attributes
    ----------
    name : str
    estimator : estimator
        Not yet fitted, and fitted quickly.
    act : callable
        What is interrupted: takes the estimator, fitted or not.
    use : callable
        Takes the fitted estimator and returns arrays; the same ones each time.
    is_fitted : bool
        Whether the estimator is fitted before.
    """

    name: str
    estimator: object
    act: Callable
    use: Callable
    is_fitted: bool = True


def again_and_again(function):
    """Short calls without end."""

    def act(estimator):
        while True:
            function(estimator)

    return act


def fit_longer(data, **parameters):
    """A fit with parameters that make it endless, from the start and as a warm start."""

    def act(estimator):
        before = estimator.get_params()
        estimator.set_params(**parameters)
        try:
            while True:
                estimator.fit(*data)
        finally:
            # set_params would ask more than an interrupt leaves time for.
            vars(estimator).update({name: before[name] for name in parameters})

    return act


def sample_endlessly(estimator, n_samples, **how):
    """Samples that take too many steps."""
    estimator.sample(n_samples, n_steps=ENDLESS, **how)


def transform_some(estimator):
    """What the estimator makes of some rows."""
    return estimator.transform(X[:50])


def rbm_cases():
    """RBMs: training by each algorithm, and each way to draw and to measure."""
    binary, wide = BernoulliRBM(64, n_iter=2, random_state=0), WIDE[:, :64]
    yield Case("rbm fit", binary, fit_longer([X], n_iter=ENDLESS), transform_some, False)
    yield Case("rbm fit again", binary, fit_longer([X], n_iter=ENDLESS), transform_some)
    warm = {"n_iter": ENDLESS, "warm_start": True}
    yield Case("rbm warm start", binary, fit_longer([X], **warm), transform_some)
    for algorithm in ("cd", "pt"):
        rbm = clone(binary).set_params(algorithm=algorithm, batch_size=100)
        yield Case(f"rbm fit {algorithm}", rbm, fit_longer([X], n_iter=ENDLESS), transform_some)
    uses = {
        "partial_fit": again_and_again(lambda m: m.partial_fit(X[:100])),
        "transform": again_and_again(lambda m: m.transform(X[:20])),
        "transform of many": again_and_again(lambda m: m.transform(wide)),
        "score": again_and_again(lambda m: m.score_samples(X)),
        "sample": partial(sample_endlessly, n_samples=3000),
        "sample pt": partial(sample_endlessly, n_samples=300, algorithm="pt"),
        "sample few": again_and_again(lambda m: m.sample(2, n_steps=3)),
        "impute": lambda m: m.impute(np.where(X > 0.9, np.nan, X), ENDLESS),
        "log_partition": lambda m: m.log_partition("ais", n_temperatures=10**6),
        "burn in": lambda m: m.log_partition("ais", n_temperatures=9, X=X, n_burn_in=10**7),
    }
    for name, act in uses.items():
        yield Case(f"rbm {name}", binary, act, transform_some)
    gaussian = GaussianRBM(64, n_iter=2, random_state=0)
    yield Case("gaussian fit", gaussian, fit_longer([X], n_iter=ENDLESS), transform_some)
    act = partial(sample_endlessly, n_samples=2000)
    yield Case("gaussian sample", gaussian, act, transform_some)


def network_cases():
    """Deep networks that predict, and autoencoders."""
    short = {"hidden_layer_sizes": (64, 32), "rbm_n_iter": 1, "max_iter": 2, "random_state": 0}
    longer = [("pre-training", {"rbm_n_iter": ENDLESS}), ("fit", {"max_iter": ENDLESS, "tol": 0})]
    for network, data in [
        (DBNClassifier(**short), [X, LABELS]),
        (DBNClassifier(**short, solver="lbfgs"), [X, LABELS]),
        (DBNRegressor(**short, solver="sgd"), [X, X[:, 20:22]]),
        (DeepAutoencoder(**short), [X]),
        (DeepAutoencoder(**short, solver="cg"), [X]),
    ]:
        name = f"{type(network).__name__} {network.solver}"
        yield Case(f"{name} fit", network, fit_longer(data, **longer[1][1]), transform_some, False)
        for stage, parameters in longer:
            act = fit_longer(data, **parameters, n_iter_no_change=ENDLESS)
            yield Case(f"{name} {stage}", network, act, transform_some)
        if network.solver == "lbfgs":
            continue
        act = again_and_again(lambda m, data=data: m.partial_fit(*(a[:100] for a in data)))
        yield Case(f"{name} partial_fit", network, act, transform_some)
        act = again_and_again(lambda m: m.transform(X[:20]))
        yield Case(f"{name} transform", network, act, transform_some)


def generative_cases():
    """Deep networks that generate."""
    short = {"hidden_layer_sizes": (48, 32), "rbm_n_iter": 1, "n_iter": 2, "random_state": 0}
    for network, data in [
        (DeepBeliefNetwork(**short, fine_tune="up_down"), [X]),
        (GenerativeDBNClassifier(**short, fine_tune="up_down"), [X, LABELS]),
    ]:
        name = type(network).__name__
        yield Case(f"{name} fit", network, fit_longer(data, n_iter=ENDLESS), transform_some)
        act = fit_longer(data, rbm_n_iter=ENDLESS)
        yield Case(f"{name} pre-training", network, act, transform_some)
        act = partial(sample_endlessly, n_samples=2000)
        yield Case(f"{name} sample", network, act, transform_some)
    act = again_and_again(lambda m: m.predict_proba(X))
    yield Case(f"{name} predict_proba", network, act, transform_some)
    network = DeepBeliefNetwork(**short)
    log_z = 10.0
    yield Case(
        "DeepBeliefNetwork score",
        network,
        lambda m: m.score_samples(X, log_z, n_draws=10**6),
        transform_some,
    )


def stacking_cases():
    """Stacking networks."""
    short = {"n_modules": 2, "n_components": 50, "max_iter": 3, "random_state": 0}
    for network, data in [
        (DSNClassifier(**short), [X, LABELS]),
        (DSNClassifier(**short, n_jobs=2), [X, LABELS]),
        (DSNRegressor(**short, init="random"), [X, X[:, 20:22]]),
    ]:
        name = f"{type(network).__name__} {network.n_jobs or ''}".strip()
        act = fit_longer(data, max_iter=ENDLESS, tol=0)
        yield Case(f"{name} fit", network, act, transform_some)
        yield Case(f"{name} first fit", network, act, transform_some, False)
        act = fit_longer(data, warm_up=ENDLESS, batch_size=20)
        yield Case(f"{name} warm-up", network, act, transform_some)
        act = again_and_again(lambda m, data=data: m.partial_fit(*(a[:100] for a in data)))
        yield Case(f"{name} partial_fit", network, act, transform_some)
        act = again_and_again(lambda m: m.predict(X[:20]))
        yield Case(f"{name} predict", network, act, transform_some)


def memory_cases():
    """Hopfield memories."""

    def recall_some(memory):
        return vars(memory)["patterns_"], memory.energy(SPINS[:20])

    def stochastic(memory):
        cold = memory.get_params()
        vars(memory).update(TEMPERATURES)
        try:
            while True:
                memory.recall(SPINS, random_state=0)
        finally:
            vars(memory).update({name: cold[name] for name in TEMPERATURES})

    for rule in ("hebb", "storkey", "dreaming", "dense"):
        memory = HopfieldMemory(rule, random_state=0)
        data = SPINS[:40]
        yield Case(f"{rule} recall", memory, stochastic, recall_some)
        act = again_and_again(lambda m: m.partial_fit(SPINS[:3]).forget(SPINS[:3]))
        yield Case(f"{rule} partial_fit and forget", memory, act, recall_some)
        act = again_and_again(lambda m, data=data: m.fit(data))
        yield Case(f"{rule} fit", memory, act, recall_some)
        if rule != "dense":
            yield Case(f"{rule} unlearn", memory, lambda m: m.unlearn(ENDLESS, 1e-9), recall_some)
    memory = HopfieldMemory("softmax")
    yield Case("softmax", memory, again_and_again(lambda m: m.recall(SPINS)), recall_some)


def search_cases():
    """A search, which takes an exception of a fit for a bad score."""

    def search(rbm):
        GridSearchCV(clone(rbm), {"n_iter": [ENDLESS, ENDLESS - 1]}, cv=2).fit(X)

    yield Case("search", BernoulliRBM(32, n_iter=1, random_state=0), search, transform_some)


def all_cases():
    """Every case, by its name."""
    of_each_kind = [
        rbm_cases,
        network_cases,
        generative_cases,
        stacking_cases,
        memory_cases,
        search_cases,
    ]
    return [case for cases in of_each_kind for case in cases()]


DATA = {
    "DBNClassifier": [X, LABELS],
    "DBNRegressor": [X, X[:, 20:22]],
    "GenerativeDBNClassifier": [X, LABELS],
    "DSNClassifier": [X, LABELS],
    "DSNRegressor": [X, X[:, 20:22]],
    "HopfieldMemory": [SPINS[:40]],
}


def data_of(case):
    """What the estimator of a case is fitted to."""
    return DATA.get(type(case.estimator).__name__, [X])


def fitted(case):
    """A new estimator, fitted."""
    return clone(case.estimator).fit(*data_of(case))


def fingerprint(case, estimator):
    """A hash of what the fitted estimator gives."""
    return joblib.hash(case.use(estimator))


def state(estimator):
    """A hash of its attributes but for where its random numbers are, which a draw moves on."""
    attributes = {k: v for k, v in vars(estimator).items() if k not in ("_streams", "_room")}
    return joblib.hash(attributes)


def blas_threads():
    """Numbers of threads of all libraries of BLAS."""
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


class Alarm:
    """Sends this process the signal of Ctrl-C after a while, and knows when.

    And again, until it is answered: Python loses an interrupt that reaches a destructor.
    """

    def __init__(self, delay):
        self.sent = None
        self._delay = delay
        self._is_off = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        time.sleep(self._delay)
        self.sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)
        while not self._is_off.wait(SECONDS_TO_THE_NEXT):
            os.kill(os.getpid(), signal.SIGINT)

    def start(self):
        """Begin to wait."""
        self._thread.start()

    def stop(self):
        """Be off: the signal has been answered."""
        self._is_off.set()
        self._thread.join()


def interrupt(case, estimator, delay):
    """What came of the signal, None if it was a KeyboardInterrupt; and seconds until then."""
    alarm = Alarm(delay)
    error = "nothing was raised"
    try:
        try:
            alarm.start()
            case.act(estimator)
        except Exception as other:
            error = f"{type(other).__name__}: {other}"
        seconds = time.perf_counter() - (alarm.sent or np.inf)
        # Not before the signal has come.
        alarm.stop()
    except KeyboardInterrupt:
        if error == "nothing was raised":
            error = None
            seconds = time.perf_counter() - alarm.sent
        alarm.stop()
    return error, seconds


def use_or_go_on(case, estimator):
    """Use the estimator; if some of its layers are missing, after it has learned the others."""
    try:
        case.use(estimator)
    except NotFittedError:
        case.use(estimator.set_params(warm_start=True).fit(*data_of(case)))


def try_case(case, delay, expected):
    """Names of all that went wrong, and seconds from the signal to its answer."""
    estimator = fitted(case) if case.is_fitted else clone(case.estimator)
    before = state(estimator)
    threads = blas_threads()
    error, seconds = interrupt(case, estimator, delay)
    wrong = []
    if error:
        wrong.append(error)
    if seconds > MOST_SECONDS:
        wrong.append(f"answered after {seconds:.1f} s")
    if blas_threads() != threads:
        wrong.append(f"BLAS has {blas_threads()} threads in place of {threads}")
    if state(estimator) != before:
        try:
            use_or_go_on(case, estimator)
        except Exception as other:
            wrong.append(f"neither usable nor as it was: {type(other).__name__}: {other}")
    if fingerprint(case, fitted(case)) != expected:
        wrong.append("the next fit gives something else")
    return wrong, seconds


def main():
    """Run the cases and print what came of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of the cases and the times")
    parser.add_argument("--cases", type=int, default=200, help="how many are tried")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of names of cases to take")
    parser.add_argument("--list", action="store_true", help="print the names of cases")
    options = parser.parse_args()
    cases = [case for case in all_cases() if any(part in case.name for part in options.only)]
    if options.list:
        print(*(case.name for case in cases), sep="\n")
        return
    print_machine()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(options.seed)
    # Each case is tried as often as any other, to one.
    numbers = np.concatenate(
        [rng.permutation(len(cases)) for _ in range(-(-options.cases // len(cases)))]
    )[: options.cases]
    expected = {}
    n_failed, answers = 0, []
    for number in numbers:
        case = cases[number]
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
        if case.name not in expected:
            expected[case.name] = fingerprint(case, fitted(case))
            # What is compiled on its way is compiled before anything counts.
            interrupt(case, fitted(case), SECONDS_TO_COMPILE)
        # Most cases are under way after some milliseconds, some not before a tenth of a second.
        delay = float(rng.choice([rng.uniform(0, 0.02), rng.uniform(0, 0.4)]))
        wrong, seconds = try_case(case, delay, expected[case.name])
        answers.append((seconds, case.name))
        if wrong:
            n_failed += 1
            print(f"{case.name}, after {delay:.4f} s: {'; '.join(wrong)}", flush=True)
    answers.sort(reverse=True)
    print(f"{len(numbers)} interrupts of {len(cases)} cases, {n_failed} failed.")
    print(f"Median answer after {1000 * np.median([s for s, _ in answers]):.0f} ms; the slowest:")
    for seconds, name in answers[:5]:
        print(f"  {1000 * seconds:.0f} ms  {name}")
    sys.exit(n_failed > 0)


if __name__ == "__main__":
    main()
