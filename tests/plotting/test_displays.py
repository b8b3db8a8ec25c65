"""What all displays share: axes, attributes, errors, and no matplotlib before one is drawn."""

import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skebm import (
    BernoulliRBM,
    BoltzmannMachine,
    DBNClassifier,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DSNClassifier,
    GenerativeDBNClassifier,
    HopfieldMemory,
    plotting,
)

ROWS = np.random.default_rng(0).random((6, 12))
PATTERNS = np.where(ROWS > 0.5, 1.0, -1.0)
LABELS = np.array([0, 1, 0, 1, 0, 1])


@pytest.fixture(scope="module")
def fitted():
    return SimpleNamespace(
        rbm=BernoulliRBM(5, n_iter=2, random_state=0).fit(ROWS),
        memory=HopfieldMemory("dense", random_state=0).fit(PATTERNS),
        machine=BoltzmannMachine().fit(PATTERNS),
        dsn=DSNClassifier(4, n_modules=2, max_iter=2, random_state=0).fit(ROWS, LABELS),
    )


def from_estimator(fitted, name, **options):
    shape = {"image_shape": (3, 4)}
    rbm, memory = fitted.rbm, fitted.memory
    arguments = {
        "ComponentsDisplay": ((rbm,), shape),
        "CouplingsDisplay": ((fitted.machine,), {}),
        "EnergyPathsDisplay": ((memory, PATTERNS), {}),
        "HistoryDisplay": ((rbm,), {}),
        "ModuleErrorDisplay": ((fitted.dsn,), {}),
        "RecallDisplay": ((memory, -PATTERNS), shape),
        "ReconstructionsDisplay": ((rbm, ROWS), shape),
        "SamplesDisplay": ((rbm,), shape | {"steps": [0, 2], "random_state": 0}),
    }
    args, keywords = arguments[name]
    return getattr(plotting, name).from_estimator(*args, **(keywords | options))


ARRAYS = {
    "ComponentsDisplay": (ROWS, {"image_shape": (3, 4)}),
    "CouplingsDisplay": (ROWS[:, :6] + ROWS[:, :6].T, {}),
    "EnergyPathsDisplay": (ROWS, {}),
    "HistoryDisplay": ({"loss": [3.0, 2.0]}, {}),
    "ModuleErrorDisplay": ([0.3, 0.2], {}),
    "RecallDisplay": (ROWS.reshape(2, 3, 12), {"image_shape": (3, 4)}),
    "SamplesDisplay": (ROWS.reshape(2, 3, 12), {"image_shape": (3, 4)}),
}

each_display = pytest.mark.parametrize("name", plotting.__all__)


@each_display
def test_axes_that_are_given_are_drawn_in(name, fitted):
    _, (ax, other) = plt.subplots(1, 2)
    display = from_estimator(fitted, name, ax=ax)
    assert type(display).__name__ == name
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert ax.has_data()
    assert not other.has_data()
    assert len(plt.get_fignums()) == 1


@each_display
def test_without_axes_there_are_new_ones(name, fitted):
    one, two = (from_estimator(fitted, name) for _ in range(2))
    assert one.figure_ is not two.figure_
    assert one.ax_ in one.figure_.axes


@each_display
def test_a_display_can_be_drawn_again(name, fitted):
    display = from_estimator(fitted, name)
    before = display.ax_
    assert display.plot() is display
    assert display.ax_ is not before
    assert display.ax_.has_data()


@pytest.mark.parametrize("name", ARRAYS)
def test_from_plain_arrays(name):
    array, options = ARRAYS[name]
    display = getattr(plotting, name)(array, **options)
    assert not hasattr(display, "ax_")
    assert display.plot().ax_.has_data()


def test_reconstructions_from_plain_arrays():
    display = plotting.ReconstructionsDisplay(ROWS, 1 - ROWS, image_shape=(3, 4)).plot()
    for j, row in enumerate(ROWS):
        np.testing.assert_array_equal(display.images_[0, j].get_array(), row.reshape(3, 4))
        np.testing.assert_array_equal(display.images_[1, j].get_array(), 1 - row.reshape(3, 4))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("ComponentsDisplay", (BernoulliRBM(),)),
        ("CouplingsDisplay", (BoltzmannMachine(),)),
        ("EnergyPathsDisplay", (HopfieldMemory(), PATTERNS)),
        ("HistoryDisplay", (BernoulliRBM(),)),
        ("ModuleErrorDisplay", (DSNClassifier(), ROWS, LABELS)),
        ("RecallDisplay", (HopfieldMemory(), PATTERNS)),
        ("ReconstructionsDisplay", (BernoulliRBM(), ROWS)),
        ("SamplesDisplay", (BernoulliRBM(),)),
    ],
)
def test_an_estimator_that_is_not_fitted(name, args):
    with pytest.raises(NotFittedError):
        getattr(plotting, name).from_estimator(*args)
    assert plt.get_fignums() == []


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = plotting.ModuleErrorDisplay([0.3, 0.2])
    with pytest.raises(ImportError, match=r"ModuleErrorDisplay needs matplotlib.*\.\[plot\]"):
        display.plot()


# Shapes of images ------------------------------------------------------------


def test_a_square_is_guessed():
    display = plotting.ComponentsDisplay(np.arange(18.0).reshape(2, 9)).plot()
    np.testing.assert_array_equal(
        display.images_[0, 1].get_array(), [[9, 10, 11], [12, 13, 14], [15, 16, 17]]
    )


@pytest.mark.parametrize("name", ["ComponentsDisplay", "RecallDisplay", "SamplesDisplay"])
@pytest.mark.parametrize("shape", [(3, 5), (12,), (-3, -4), (3.0, 4.0), 12, "12"])
def test_a_shape_that_does_not_fit(name, shape):
    display = getattr(plotting, name)(ARRAYS[name][0], image_shape=shape)
    with pytest.raises(ValueError, match=f"'image_shape' parameter of {name} must be a height"):
        display.plot()
    assert plt.get_fignums() == []


def test_a_shape_that_cannot_be_guessed():
    display = plotting.ReconstructionsDisplay(ROWS, ROWS)
    with pytest.raises(ValueError, match=r"'image_shape' .*ReconstructionsDisplay.* 12 features"):
        display.plot()


@pytest.mark.parametrize("name", ["RecallDisplay", "SamplesDisplay"])
def test_states_without_a_time(name):
    with pytest.raises(ValueError, match=f"'states' parameter of {name} must have three dim"):
        getattr(plotting, name)(ROWS, image_shape=(3, 4)).plot()


@pytest.mark.parametrize(
    ("display", "model", "message"),
    [
        ("HistoryDisplay", "memory", "'history_', which HopfieldMemory does not have"),
        ("ModuleErrorDisplay", "rbm", "'modules_', which BernoulliRBM does not.*HistoryDisplay"),
        ("ComponentsDisplay", "memory", "'components_', which HopfieldMemory does not have"),
    ],
)
def test_what_a_fitted_estimator_does_not_have_is_said(fitted, display, model, message):
    with pytest.raises(ValueError, match=f"{display} draws the attribute {message}"):
        getattr(plotting, display).from_estimator(getattr(fitted, model))


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        (DBNClassifier, lambda model: model.coefs_[0].T),
        (DeepAutoencoder, lambda model: model.coefs_[0].T),
        (DeepBeliefNetwork, lambda model: model.generative_coefs_[0]),
        (DSNClassifier, lambda model: model.modules_[0].components_),
    ],
)
def test_components_of_deep_models_are_those_of_the_lowest_layer(model, weights):
    small = {"hidden_layer_sizes": (4, 3), "rbm_n_iter": 1, "max_iter": 1, "random_state": 0}
    small = {k: v for k, v in small.items() if hasattr(model(), k)}
    model = model(**small).fit(ROWS, LABELS)
    display = plotting.ComponentsDisplay.from_estimator(model, units=[0, 2], image_shape=(3, 4))
    np.testing.assert_array_equal(display.components, weights(model)[[0, 2]])
    label = GenerativeDBNClassifier((4,), rbm_n_iter=1).fit(ROWS, LABELS)
    display = plotting.ComponentsDisplay.from_estimator(label, units=[1], image_shape=(3, 4))
    np.testing.assert_array_equal(display.components, label.rbms_[0].components_[[1], :12])
