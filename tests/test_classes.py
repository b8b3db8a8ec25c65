"""Labels that cannot be, in the same words of every classifier."""

import numpy as np
import pytest
from sklearn.base import clone

from skebm import DBNClassifier, DSNClassifier, GenerativeDBNClassifier

CLASSIFIERS = [
    DBNClassifier(4, rbm_n_iter=0, random_state=0),
    GenerativeDBNClassifier((4, 3), rbm_n_iter=0, fine_tune="up_down", random_state=0),
    DSNClassifier(4, n_modules=1, random_state=0),
]


@pytest.fixture(params=CLASSIFIERS, ids=lambda model: type(model).__name__)
def model(request):
    return clone(request.param)


@pytest.fixture
def data():
    X = np.random.default_rng(0).random((30, 5))
    return X, np.array(["a", "b", "c"])[np.arange(30) % 3]


def test_one_class_is_none_to_tell_apart(model, data):
    X, _ = data
    name = type(model).__name__
    with pytest.raises(ValueError, match=f"{name} needs at least two classes, .* class: .*'a'"):
        model.fit(X, np.full(30, "a"))


def test_further_rows_have_the_classes_of_the_first(model, data):
    X, y = data
    name = type(model).__name__
    model.partial_fit(X[y < "c"], y[y < "c"], classes=["b", "a"])
    assert model.classes_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match=rf"not the same as .* of {name}, .*\['a', 'b'\]"):
        model.partial_fit(X[y < "c"], y[y < "c"], classes=["a", "b", "c"])
    with pytest.raises(ValueError, match=rf"{name}: y has labels .*, \['c'\]\. .* \['a', 'b'\]"):
        model.partial_fit(X, y)
    model.partial_fit(X[y < "c"], y[y < "c"], classes=["a", "b"])


def test_a_label_may_be_less_or_more_than_all_classes(model, data):
    X, y = data
    model.partial_fit(X[y == "b"], y[y == "b"], classes=["b", "bb"])
    for label in ("a", "c"):
        with pytest.raises(ValueError, match=rf"labels .* \['{label}'\]"):
            model.partial_fit(X[y == label], y[y == label])
