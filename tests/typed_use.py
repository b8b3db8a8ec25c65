"""Code of a user, for the type checker alone: ``mypy`` reads it, nothing runs it.

Each call that is wrong is one that the checker has to refuse: a comment that silences an error is
itself an error (``warn_unused_ignores``) where there is none.
"""

from typing import assert_type

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from skebm import (
    BernoulliRBM,
    DSNClassifier,
    DSNRegressor,
    HopfieldMemory,
    MixedRBM,
    RBMImputer,
    stream,
)
from skebm.plotting import (
    ComponentsDisplay,
    CouplingsDisplay,
    HistoryDisplay,
    ModuleErrorDisplay,
    ReconstructionsDisplay,
    SamplesDisplay,
)


def impute(X: NDArray[np.float64], frame: pd.DataFrame) -> None:
    imputer = RBMImputer(MixedRBM(20), n_rounds=2, random_state=np.random.RandomState(0))
    assert_type(imputer.fit(X), RBMImputer)
    imputer.fit(frame, None).transform([[0.5, None], [1.5, 2]])
    assert_type(imputer.get_feature_names_out(), NDArray[np.object_])
    RBMImputer(missing_values=-1)
    RBMImputer(missing_values="unknown")

    RBMImputer(20)  # type: ignore[arg-type]
    RBMImputer(None, -1)  # type: ignore[call-arg]
    RBMImputer(n_rounds="ten")  # type: ignore[arg-type]
    RBMImputer(random_state=np.random.default_rng(0))  # type: ignore[arg-type]
    RBMImputer(rounds=2)  # type: ignore[call-arg]
    imputer.fit(X).transform()  # type: ignore[call-arg]


def stack(X: NDArray[np.float32], y: NDArray[np.int64]) -> None:
    network = DSNClassifier(100, 2, alpha="loo", rbm=BernoulliRBM(20), cv=5, n_jobs=-1)
    assert_type(network.fit(X, y, sample_weight=np.ones(len(y))), DSNClassifier)
    network.fit(stream(X, y)).partial_fit(X, y, classes=[0, 1, 2])
    network.fit(X, ["yes", "no"] * 5).transform(X, module=0)
    for stage in network.staged_predict_proba(X):
        assert_type(stage, NDArray[np.floating])
    assert_type(DSNRegressor(alpha=0.5, working_memory=100).fit(X, X[:, :2]), DSNRegressor)

    DSNClassifier(100, 2, 1.0)  # type: ignore[call-arg]
    DSNClassifier("many")  # type: ignore[arg-type]
    DSNClassifier(alpha="ridge")  # type: ignore[arg-type]
    DSNClassifier(init="zeros")  # type: ignore[arg-type]
    DSNClassifier(rbm="gaussian")  # type: ignore[arg-type]
    DSNRegressor(stack_method="predict_proba")  # type: ignore[call-arg]
    DSNRegressor().partial_fit(X, y, classes=[0, 1])  # type: ignore[call-arg]
    network.transform(X, "top")  # type: ignore[arg-type]


def remember(X: NDArray[np.int8]) -> None:
    memory = HopfieldMemory("dense", order=4, binarize=None, random_state=0)
    assert_type(memory.fit(X, range(len(X))).forget(X[:1]), HopfieldMemory)
    assert_type(memory.unlearn(10, rate=0.1), HopfieldMemory)
    assert_type(memory.energy([[1, -1, 1]]), NDArray[np.floating])
    assert_type(memory.score(X), float)
    memory.recall(X, clamp=[True, False, False], missing=None, random_state=0)

    HopfieldMemory("hebbian")  # type: ignore[arg-type]
    HopfieldMemory("hebb", True)  # type: ignore[call-arg]
    HopfieldMemory(update="parallel")  # type: ignore[arg-type]
    HopfieldMemory(order=2.5)  # type: ignore[arg-type]
    memory.recall(X, [True])  # type: ignore[call-arg]
    memory.unlearn("often")  # type: ignore[arg-type]


def show(network: DSNClassifier, memory: HopfieldMemory, X: NDArray[np.float64], ax: Axes) -> None:
    display = ComponentsDisplay.from_estimator(network, units=[0, 3], image_shape=(8, 8), ax=ax)
    assert_type(display.plot(own_scales=True, im_kw={"cmap": "gray"}), ComponentsDisplay)
    assert_type(CouplingsDisplay(X, names=["a", "b"]).plot(ax, grouped=True), CouplingsDisplay)
    HistoryDisplay({"loss": [2.0, 1.0]}, metric="loss").plot(line_kw={"linewidth": 2})
    ModuleErrorDisplay.from_estimator(network, X, [0, 1], name="test")
    ReconstructionsDisplay(X, {"smooth": X, "sharp": X}).plot()
    SamplesDisplay.from_estimator(BernoulliRBM(), 4, steps=range(3), means=True)

    ComponentsDisplay(X, (8, 8))  # type: ignore[call-arg]
    ComponentsDisplay(X, image_shape=8)  # type: ignore[arg-type]
    CouplingsDisplay.from_estimator(memory).plot("left")  # type: ignore[arg-type]
    HistoryDisplay([2.0, 1.0])  # type: ignore[arg-type]
    SamplesDisplay.from_estimator(BernoulliRBM(), steps=10)  # type: ignore[arg-type]
