"""What type checkers and editors are told about the public surface.

``mypy`` checks the types themselves, see ``typed_use.py``. It does not notice what has none: it
takes scikit-learn's base classes, and with them any attribute of an estimator, for ``Any``.
"""

import inspect
from typing import get_type_hints

import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import BaseEstimator

import skebm
import skebm.boltzmann
import skebm.plotting


def exported():
    for module in (skebm, skebm.boltzmann, skebm.plotting):
        for name in module.__all__:
            yield getattr(module, name)


CLASSES = sorted({each for each in exported() if inspect.isclass(each)}, key=lambda c: c.__name__)
ESTIMATORS = [cls for cls in CLASSES if issubclass(cls, BaseEstimator)]


def public_functions():
    """Exported functions, and the constructors, public methods and properties of classes."""
    yield from filter(inspect.isfunction, exported())
    for cls in CLASSES:
        for base in cls.__mro__:
            if not base.__module__.startswith("skebm"):
                continue
            for name, value in vars(base).items():
                if name == "__init__" or not name.startswith("_"):
                    yield from functions_of(value)


def functions_of(value):
    if isinstance(value, property):
        value = value.fget
    elif isinstance(value, classmethod | staticmethod):
        value = value.__func__
    value = getattr(value, "fn", value)  # of scikit-learn's available_if
    if inspect.isfunction(value) and value.__module__.startswith("skebm"):
        yield value


@pytest.mark.parametrize(
    "function",
    sorted(set(public_functions()), key=lambda f: f.__qualname__),
    ids=lambda f: f.__qualname__,
)
def test_every_argument_and_result_has_a_type(function):
    parameters = dict(inspect.signature(function).parameters)
    for name in ("self", "cls"):
        parameters.pop(name, None)
    hints = inspect.unwrap(function).__annotations__
    assert {*parameters, "return"} <= set(hints)


def declared_type(cls, name):
    """The type of an attribute that is written in the body of a class or of one of its bases."""
    for base in cls.__mro__:
        value = vars(base).get(name)
        if isinstance(value, property):
            return value.fget.__annotations__.get("return")
        if name in vars(base).get("__annotations__", {}):
            return vars(base)["__annotations__"][name]
    return None


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_parameters_are_attributes_of_the_same_type(cls):
    if "keep_parameters" not in cls.__init__.__code__.co_names:
        pytest.skip("an assignment in the constructor says it")
    hints = get_type_hints(cls.__init__)
    for name in inspect.signature(cls).parameters:
        assert declared_type(cls, name) in (hints[name], object), name


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_fitted_attributes_have_types(cls):
    names = [name for entry in ClassDoc(cls)["Attributes"] for name in entry.name.split(", ")]
    assert [name for name in names if declared_type(cls, name) is None] == []
