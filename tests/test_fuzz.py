"""A few of the cases of benchmarks/fuzz.py."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from skebm import BernoulliRBM, GaussianRBM, HopfieldMemory

PATH = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("number", range(30))
def test_a_case(fuzz, number):
    fuzz.run(fuzz.Case(seed=1, number=number))


def test_a_fault_is_found(fuzz, monkeypatch):
    monkeypatch.setattr(BernoulliRBM, "free_energy", lambda self, X: np.full(len(X), np.nan))
    case = fuzz.Case(seed=0, number=0)
    case.X = np.eye(4)
    case.model = BernoulliRBM(2, n_iter=1, random_state=0)
    with pytest.raises(fuzz.Failure, match="free_energy: not finite"):
        fuzz.run(case)
    monkeypatch.undo()
    fuzz.run(case)


# What it found ---------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*more than the capacity:UserWarning")
def test_numbers_that_only_fit_into_a_wider_type():
    X = np.random.default_rng(0).random((20, 3))
    with pytest.raises(ValueError, match=r"'variances' parameter of GaussianRBM, 1.0, must be"):
        GaussianRBM(2, variances=1.0).fit((1e30 * X).astype(np.float32))
    with pytest.raises(ValueError, match="too large for"):
        BernoulliRBM(alpha=1e300, learning_rate=1e10).fit(X)
    memory = HopfieldMemory(binarize=1e10).fit((X[:1] * 7).astype(np.float16))
    assert (memory.patterns_ == -1).all()
