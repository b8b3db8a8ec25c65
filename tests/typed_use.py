"""Code of a user, for the type checker alone: ``mypy`` reads it, nothing runs it.

Each call that is wrong is one that the checker has to refuse: a comment that silences an error is
itself an error (``warn_unused_ignores``) where there is none.
"""

from collections.abc import Sequence
from typing import Any, Literal, assert_type

import numpy as np
import pandas as pd
import scipy.sparse
from matplotlib.axes import Axes
from numpy.typing import NDArray

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
    MixedRBM,
    RatingKFold,
    RatingRBM,
    RatingSamples,
    RBMImputer,
    data_parallel,
    ratings_matrix,
    show_versions,
    simulated_annealing,
    stream,
)
from skebm.boltzmann import LogPartition
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


def tabulate(frame: pd.DataFrame) -> None:
    rbm = MixedRBM(20, categories={"age": None}, handle_unknown="missing", missing_values="?")
    assert_type(rbm.fit(frame), MixedRBM)
    assert_type(rbm.conditional_proba(frame, "age", [20, 30]), NDArray[np.floating[Any]])
    assert_type(rbm.categories_, list[list[Any] | None])
    assert_type(rbm.handle_unknown, Literal["error", "missing"])

    MixedRBM(categories="all")  # type: ignore[arg-type]
    MixedRBM(variances=1.0)  # type: ignore[call-arg]
    rbm.conditional_proba(frame, 2.5)  # type: ignore[arg-type]


def rate(frame: pd.DataFrame) -> None:
    X, users, items = ratings_matrix(frame, user="reader", users=["ann", "bob"])
    assert_type((users, items), tuple[NDArray[Any], NDArray[Any]])
    rbm = RatingRBM(20, learning_rate=[0.02, 0.01], degree=None, rating_scale=[1, 2, 3])
    assert_type(rbm.fit(X).partial_fit([[1, np.nan], [2, 3]]), RatingRBM)
    assert_type(rbm.predict(X, ([0, 1], np.array([1, 0]))), NDArray[np.floating[Any]])
    assert_type(rbm.recommend(X, 5, remove_seen=False), NDArray[np.int64])
    assert_type(rbm.score(RatingSamples(X)), float)
    assert_type(rbm.functions_, NDArray[np.floating[Any]])
    for training, held_out in RatingKFold(3, random_state=0).split(RatingSamples(X)):
        assert_type((training, held_out), tuple[NDArray[np.intp], NDArray[np.intp]])

    RatingRBM(20, 0.02)  # type: ignore[call-arg]
    RatingRBM(n_gibbs_steps=1.5)  # type: ignore[arg-type]
    RatingKFold("five")  # type: ignore[arg-type]
    ratings_matrix(frame, "reader")  # type: ignore[call-arg]
    rbm.predict(X, [0, 1])  # type: ignore[arg-type]


def read_back(
    rbm: GaussianRBM,
    network: DBNClassifier,
    machine: DeepBoltzmannMachine,
    classifier: DBMClassifier,
    stack: DSNRegressor,
) -> None:
    assert_type(rbm.n_components, int)
    assert_type(rbm.learning_rate, float | Sequence[float])
    assert_type(rbm.components_, NDArray[np.floating[Any]])
    assert_type(rbm.variances_, NDArray[np.floating[Any]])
    assert_type(rbm.n_features_in_, int)
    assert_type(rbm.history_["seconds"][-1], float)
    assert_type(network.coefs_[0], NDArray[np.floating[Any]])
    assert_type(network.rbms_[-1].log_partition().estimate, float)
    assert_type(network.solver, Literal["sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"])
    assert_type(network.classes_, NDArray[Any])
    assert_type(machine.alpha, float)
    assert_type(classifier.dbm_.hidden_layer_sizes, int | Sequence[int])
    assert_type(stack.modules_[0].error_curve_, list[float])
    assert_type(stack.target_scale_, NDArray[np.floating[Any]])

    rbm.n_components = "many"  # type: ignore[assignment]
    network.solver = "newton"  # type: ignore[assignment]
    stack.modules_["top"]  # type: ignore[call-overload]


def couple(X: NDArray[np.float32]) -> None:
    machine = BoltzmannMachine(2, algorithm="pcd", n_gibbs_steps=[1, 5], random_state=0)
    assert_type(machine.fit(X), BoltzmannMachine)
    assert_type(machine.partial_fit(stream(X)), BoltzmannMachine)
    assert_type(machine.score_samples([[0, 1], [1, 0]]), NDArray[np.floating[Any]])
    assert_type(machine.score(X), float)
    assert_type(machine.log_partition("ais", X=X), LogPartition)
    machine.log_likelihood(X, machine.log_partition())
    machine.sample(5, init=X, clamp=[True, False], algorithm="pt")
    print(machine.anneal(temperatures=(2.0, 0.1)).state)
    BoltzmannMachine(0, np.ones((3, 3), bool), alpha="auto", learning_rate=(0.1, 0.01))
    BoltzmannMachine(connections=[[False, True], [True, False]], alpha=1)
    simulated_annealing(X, np.zeros(2), units="binary", temperatures=[2.0, 1.0, 0.5])

    BoltzmannMachine(2, "full", "pcd")  # type: ignore[call-arg]
    BoltzmannMachine(connections="none")  # type: ignore[arg-type]
    BoltzmannMachine(algorithm="gibbs")  # type: ignore[arg-type]
    BoltzmannMachine(n_chains=1.5)  # type: ignore[arg-type]
    machine.sample(5, algorithm="ais")  # type: ignore[arg-type]
    machine.log_partition("enumeration")  # type: ignore[arg-type]
    machine.gibbs(X, 5, 0)  # type: ignore[call-arg]
    simulated_annealing(X, None, "binary")  # type: ignore[call-arg]


def features(X: NDArray[np.float32], sparse: scipy.sparse.csr_array) -> None:
    rbm = BernoulliRBM(learning_rate=[0.1, 0.01], algorithm="pt", n_gibbs_steps=(1, 5))
    assert_type(rbm.fit(sparse).partial_fit(X), BernoulliRBM)
    assert_type(rbm.transform(X), NDArray[np.floating[Any]])
    assert_type(rbm.log_likelihood(X, rbm.log_partition().upper), NDArray[np.floating[Any]])
    assert_type(rbm.loss_curve_, list[float])
    assert_type(rbm.n_features_out_, int)
    rbm.sample(3, mean=True, random_state=0)
    rbm.reconstruct(sparse)
    GaussianRBM(8, variances=1.0, variance_learning_rate=None).fit([[1.5, 2.0]])
    GaussianRBM(8, variances=np.ones(2), sampler="gibbs-langevin")
    assert_type(rbm.without_training_state(), BernoulliRBM)

    BernoulliRBM(2, 0.1)  # type: ignore[call-arg]
    BernoulliRBM(learning_rate="adaptive")  # type: ignore[arg-type]
    BernoulliRBM(solver="lbfgs")  # type: ignore[arg-type]
    GaussianRBM(sampler="langevin")  # type: ignore[arg-type]
    rbm.sample(mean="yes")  # type: ignore[arg-type]
    rbm.log_likelihood(X, "exact")  # type: ignore[arg-type]


def classify(X: NDArray[np.float64], y: list[str]) -> None:
    model = DBNClassifier((64, 32), rbm_momentum=[(0.5, 0.9), (0.5, 0.9)], class_weight="balanced")
    assert_type(model.fit(X, y, sample_weight=[1, 2]), DBNClassifier)
    assert_type(model.partial_fit(X, y, classes=["a", "b"]), DBNClassifier)
    assert_type(model.predict(X), NDArray[Any])
    assert_type(model.predict_proba(X), NDArray[np.floating[Any]])
    model.inverse_transform(model.transform(X, layer=0), layer=0)
    model.reconstruct(X)
    print(model.to_mlp().coefs_)
    DBNClassifier(64, rbm_learning_rate=0.1, dropout=[0.2], unlabeled="?", batch_size="auto")
    DBNRegressor(solver="cg", learning_rate="adaptive", unlabeled=np.nan).fit(X, [1.0]).score(
        X, [1]
    )
    machine = DeepBoltzmannMachine((64, 32), visible_units="mixed", missing_values="?")
    assert_type(DBMClassifier(machine, max_iter=5).fit(X, y), DBMClassifier)

    DBNClassifier((64, 32), True)  # type: ignore[call-arg]
    DBNClassifier(hidden_layer_sizes=("a",))  # type: ignore[arg-type]
    DBNClassifier(activation="sigmoid")  # type: ignore[arg-type]
    DBNClassifier(learning_rate=0.1)  # type: ignore[arg-type]
    DBNClassifier(rbm_algorithm="pt")  # type: ignore[arg-type]
    DBMClassifier((64, 32))  # type: ignore[arg-type]
    model.transform(X, "top")  # type: ignore[arg-type]
    model.partial_fit()  # type: ignore[call-arg]


def generate(X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
    model = DeepBeliefNetwork((64, 32), fine_tune="up_down", n_gibbs_steps=[1, 3]).fit(X)
    assert_type(model, DeepBeliefNetwork)
    assert_type(model.sample(5, init=X, mean=True), NDArray[np.floating[Any]])
    assert_type(model.log_likelihood_bound(X, 12.5, n_draws=5), NDArray[np.floating[Any]])
    assert_type(model.score(X), float)
    labelled = GenerativeDBNClassifier().fit(X, y).partial_fit(X, y, [0, 1])
    labelled.sample(10, y=7)
    machine = DeepBoltzmannMachine(n_iter=5).fit(X)
    assert_type(machine.energy(X, X, X), NDArray[np.floating[Any]])
    assert_type(machine.log_likelihood(X, machine.log_partition()), NDArray[np.floating[Any]])
    model = DeepBeliefNetwork().fit(stream("folder", window=500, dtype="float32"))

    DeepBeliefNetwork(fine_tune="wake_sleep")  # type: ignore[arg-type]
    model.log_likelihood_bound(X, None, 5)  # type: ignore[call-arg]
    model.sample(5, clamp=[True])  # type: ignore[call-arg]
    DeepBoltzmannMachine(visible_units="binary")  # type: ignore[arg-type]


def encode(X: NDArray[np.float32]) -> None:
    model = DeepAutoencoder(code="binary", corruption=None, code_noise=2).fit(X)
    assert_type(model, DeepAutoencoder)
    assert_type(model.reconstruction_error(X), NDArray[np.floating[Any]])
    assert_type(model.reconstruct(X, layer=0), NDArray[np.floating[Any]])

    DeepAutoencoder(code="sigmoid")  # type: ignore[arg-type]
    DeepAutoencoder(corruption="dropout")  # type: ignore[arg-type]
    model.reconstruction_error()  # type: ignore[call-arg]


def read(X: NDArray[np.float32]) -> None:
    rows = stream(X, [0, 1], window=1000)
    assert_type(rows.shape, tuple[int, int])
    assert_type(rows.feature_names, list[str] | None)
    for chunk in rows.map(np.sqrt):
        print(chunk.shape)
    with data_parallel(4, local_steps=10, client=None):
        BernoulliRBM().fit(rows)
    show_versions()

    stream(X, window="all")  # type: ignore[arg-type]
    stream(X, None, "label")  # type: ignore[call-arg]
    data_parallel(4, 10)  # type: ignore[call-arg]


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
