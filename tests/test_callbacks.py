"""scikit-learn's callbacks, whatever the estimator and its way of learning."""

import threading

import numpy as np
import pytest
from sklearn.base import clone, is_classifier

from skebm import (
    BernoulliRBM,
    BoltzmannMachine,
    DBNClassifier,
    DBNRegressor,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DSNClassifier,
    DSNRegressor,
    GaussianRBM,
    GenerativeDBNClassifier,
)
from surroundings import needs_callbacks

pytestmark = needs_callbacks

X, Y = np.random.default_rng(0).random((30, 8)), np.arange(30) % 3
DEEP = {"hidden_layer_sizes": (6, 4), "rbm_n_iter": 2, "random_state": 0}
ESTIMATORS = [
    BernoulliRBM(4, n_iter=2, random_state=0),
    BoltzmannMachine(4, n_iter=2, algorithm="pcd", random_state=0),
    GaussianRBM(4, n_iter=2, random_state=0),
    DBNClassifier(**DEEP, max_iter=2),
    DBNRegressor(**DEEP, max_iter=2),
    DeepAutoencoder(**DEEP, max_iter=2),
    DeepBeliefNetwork(**DEEP, n_iter=2, fine_tune="up_down"),
    GenerativeDBNClassifier(**DEEP, n_iter=2, fine_tune="up_down"),
    DSNClassifier(4, n_modules=2, max_iter=2, random_state=0),
    DSNRegressor(4, n_modules=2, max_iter=2, random_state=0),
]


class Recorder:
    """A callback that notes the names of the tasks that it hears of, as they begin and end."""

    max_propagation_depth = 0

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.calls.append(("end", context.task_name))


def tasks(recorder):
    """How deep in other tasks each began, checked to end in turn."""
    open_tasks, found = [], []
    for call in recorder.calls[1:-1]:
        kind, name = call
        if kind == "begin":
            found.append((len(open_tasks), name))
            open_tasks.append(name)
        else:
            assert open_tasks.pop() == name
    assert not open_tasks
    return found


@pytest.fixture
def threads_that_failed(monkeypatch):
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    return failed


def test_a_search_tells_of_each_iteration_and_of_no_other():
    recorder = Recorder()
    machine = BoltzmannMachine(random_state=0).set_callbacks(recorder).fit(X > 0.5)
    assert [name for _, name in tasks(recorder)].count("iteration") == machine.n_iter_


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_progress_bar_and_recorder_hear_of_a_whole(estimator, method, threads_that_failed, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    recorder, options = Recorder(), {}
    if is_classifier(estimator) and method == "partial_fit":
        options = {"classes": [0, 1, 2]}
    estimator = clone(estimator).set_callbacks(ProgressBar(), recorder)
    for n_calls in (1, 2):
        recorder.calls.clear()
        getattr(estimator, method)(X, Y, **options)
        assert not threads_that_failed
        assert (recorder.calls[0], recorder.calls[-1]) == ("setup", "teardown")
        found = tasks(recorder)
        assert found[0] == (0, method)
        assert {depth for depth, _ in found[1:]} <= {1, 2}
        assert any(depth == 1 for depth, _ in found), f"nothing within call {n_calls}"
