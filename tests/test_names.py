"""One word means the same thing in all estimators, and those that can do a thing have its word."""

from functools import cache
from inspect import signature
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError

from skebm import stream
from test_common import ESTIMATORS, TRANSFORMERS, make_data, make_small

# Fits are far too short, and the estimators say so.
pytestmark = pytest.mark.filterwarnings("ignore")

# What they are written in the docstring as, whether they are attributes or properties.
DOCUMENTED = ("history_", "loss_curve_", "n_iter_", "n_features_in_", "n_features_out_")

# Sampled states are in these for rows of 0 and 1, and means between them.
BINARY = (0.0, 1.0)


@cache
def fitted(cls):
    X, y = make_data(cls)
    return make_small(cls).fit(X, y), X


def those_with(*methods):
    return [cls for cls in ESTIMATORS if all(hasattr(make_small(cls), m) for m in methods)]


# Those whose fit is long enough to tell callbacks how it goes.
ITERATING = [cls for cls in ESTIMATORS if hasattr(cls, "set_callbacks")]


@pytest.mark.parametrize("cls", ITERATING)
def test_all_that_iterate_say_how_it_went(cls):
    model, _ = fitted(cls)
    assert model.history_
    assert {len(values) for values in model.history_.values()} == {model.n_iter_}
    assert len(model.loss_curve_) == model.n_iter_ > 0
    assert np.isfinite(model.loss_curve_).all()
    assert not hasattr(cls(), "loss_curve_")


@pytest.mark.parametrize("cls", ITERATING)
def test_the_loss_curve_is_of_the_history_and_falls_as_the_model_gets_better(cls):
    model, _ = fitted(cls)
    measured = [np.asarray(values) for values in model.history_.values()]
    assert any(np.array_equal(abs(values), np.abs(model.loss_curve_)) for values in measured)
    if "pseudo_likelihood" in model.history_ and "loss" not in model.history_:
        assert min(model.loss_curve_) > 0  # minus the logarithm of probabilities


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_names_of_attributes_are_in_the_docstring(cls):
    model, _ = fitted(cls)
    listed = {name for entry in ClassDoc(cls)["Attributes"] for name in entry.name.split(", ")}
    assert {name for name in DOCUMENTED if hasattr(model, name)} <= listed


@pytest.mark.parametrize("cls", TRANSFORMERS)
def test_features_that_come_out(cls):
    model, X = fitted(cls)
    H = model.transform(X)
    assert model.n_features_out_ == H.shape[1] == len(model.get_feature_names_out())
    assert not hasattr(cls(), "n_features_out_")
    with pytest.raises(NotFittedError):
        attrgetter("n_features_out_")(cls())
    try:
        frame = model.set_output(transform="pandas").transform(X)
        assert isinstance(frame, pd.DataFrame)
        assert list(frame) == list(model.get_feature_names_out())
    finally:
        model.set_output(transform="default")


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_a_notebook_shows_the_estimator(cls):
    for model in (cls(), fitted(cls)[0]):
        html = model._repr_html_()
        assert "<label" in html
        assert cls.__name__ in html


@pytest.mark.parametrize("cls", those_with("transform", "inverse_transform"))
def test_what_goes_there_and_back_reconstructs(cls):
    model, X = fitted(cls)
    V = model.reconstruct(X)
    assert V.shape == X.shape
    assert V.dtype == X.dtype
    layers = "layer" in signature(cls.transform).parameters
    assert ("layer" in signature(cls.reconstruct).parameters) == layers
    if layers:
        lowest = model.reconstruct(X, layer=0)
        assert lowest.shape == X.shape
        assert not np.allclose(lowest, V)


@pytest.mark.parametrize("cls", those_with("sample"))
def test_all_that_sample_can_return_means(cls):
    model, _ = fitted(cls)
    assert signature(model.sample).parameters["mean"].default is False
    drawn = model.sample(40, 3, random_state=0)
    means = model.sample(40, 3, mean=True, random_state=0)
    assert drawn.shape == means.shape
    assert drawn.dtype.kind == means.dtype.kind == "f"
    if hasattr(model, "categories_"):  # of a table, means are the most probable categories
        assert np.isin(means, BINARY).all()
    elif np.isin(drawn, BINARY).all():
        assert ((means > 0) & (means < 1)).all()
    else:  # of real numbers
        assert means.std() < drawn.std()
    with pytest.raises(ValueError, match="mean"):
        model.sample(2, 1, mean="yes")


@pytest.mark.parametrize("cls", those_with("free_energy"))
def test_the_free_energy_is_at_most_the_energy_of_any_hidden_states(cls):
    model, X = fitted(cls)
    entropies = len(X) * [model.n_features_out_ * np.log(2)]
    free, at_means = model.free_energy(X), model.energy(X)
    assert (at_means >= free - 1e-9).all()
    assert (at_means <= free + entropies).all()


@pytest.mark.parametrize("cls", those_with("predict_proba"))
def test_probabilities_and_their_logarithms(cls):
    model, X = fitted(cls)
    if is_classifier(model):
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))


@pytest.mark.parametrize(
    ("own_name", "sign"), [("log_likelihood_bound", 1), ("reconstruction_error", -1)]
)
def test_what_scores_of_rows_are_has_a_name_of_its_own(own_name, sign):
    classes = those_with(own_name)
    assert {cls.__name__ for cls in classes} == {
        "log_likelihood_bound": {"DeepBeliefNetwork", "DeepBoltzmannMachine"},
        "reconstruction_error": {"DeepAutoencoder"},
    }[own_name]
    for cls in classes:
        model, X = fitted(cls)
        scores = model.score_samples(X)
        np.testing.assert_array_equal(sign * getattr(model, own_name)(X), scores)
        np.testing.assert_allclose(model.score(X), scores.mean(), rtol=1e-6)
        in_chunks = getattr(model, own_name)(stream(X, chunk_size=20))
        np.testing.assert_allclose(sign * in_chunks, scores, rtol=1e-6)


@pytest.mark.parametrize("cls", those_with("score_samples"))
def test_the_first_line_says_what_scores_of_rows_are(cls):
    first = cls.score_samples.__doc__.splitlines()[0].lower()
    assert any(word in first for word in ("log-likelihood", "squared error", "energy"))
