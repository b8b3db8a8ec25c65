"""The map of couplings: which pixel is which pair, and whose names stand beside it."""

import numpy as np
import pandas as pd
import pytest

from skebm import BoltzmannMachine, HopfieldMemory
from skebm.plotting import CouplingsDisplay


def machine(n_components=0):
    rng = np.random.default_rng(0)
    a, b = rng.integers(2, size=(2, 200))
    X = pd.DataFrame({"a": a, "b": b, "like a": a, "unlike b": 1 - b})
    return BoltzmannMachine(n_components, random_state=0).fit(X)


def test_pixels_are_weights():
    fitted = machine()
    display = CouplingsDisplay.from_estimator(fitted)
    np.testing.assert_array_equal(display.image_.get_array(), fitted.weights_)
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == [
        *("a", "b", "like a", "unlike b")
    ]
    low, high = display.image_.get_clim()
    assert -low == high == np.abs(fitted.weights_).max()


def test_units_that_belong_together_stand_together():
    fitted = machine()
    display = CouplingsDisplay.from_estimator(fitted, grouped=True)
    pairs = {frozenset(display.order_[:2].tolist()), frozenset(display.order_[2:].tolist())}
    assert pairs == {frozenset({0, 2}), frozenset({1, 3})}
    order = np.ix_(display.order_, display.order_)
    np.testing.assert_array_equal(display.image_.get_array(), fitted.weights_[order])


def test_hidden_units_have_names():
    labels = CouplingsDisplay.from_estimator(machine(2)).ax_.get_yticklabels()
    assert [label.get_text() for label in labels[4:]] == ["hidden 0", "hidden 1"]


def test_what_cannot_be_drawn():
    X = np.where(np.random.default_rng(0).random((3, 20)) < 0.5, -1, 1)
    assert CouplingsDisplay.from_estimator(HopfieldMemory("pseudo_inverse").fit(X)).order_[3] == 3
    with pytest.raises(ValueError, match="draws the attribute 'weights_'"):
        CouplingsDisplay.from_estimator(HopfieldMemory("dense").fit(X))
    with pytest.raises(ValueError, match="Got weights of shape \\(3, 20\\) and 3 names"):
        CouplingsDisplay(X).plot()
    with pytest.raises(ValueError, match="and 2 names"):
        CouplingsDisplay(np.zeros((3, 3)), names=["a", "b"]).plot()
