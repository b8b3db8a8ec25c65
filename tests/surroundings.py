"""What tests ask of the surroundings: the version of scikit-learn, NumPy's global state."""

from importlib.util import find_spec

import joblib
import numpy as np
import pytest

from skebm import _threads
from skebm._helpers import Helpers

needs_callbacks = pytest.mark.skipif(
    find_spec("sklearn.callback") is None, reason="scikit-learn has no callbacks before 1.9"
)


def global_random_state():
    """NumPy's global state, as a text that changes with it."""
    # The old interface is the point: it is the one that has a global state.
    return joblib.hash(np.random.get_state())  # noqa: NPY002


class CountedHelpers(Helpers):
    """Helpers that note to how many of them a job has been offered at most."""

    most_offered = 0

    def offer(self, job, n_wanted):
        n_offered = super().offer(job, n_wanted)
        self.most_offered = max(self.most_offered, n_offered)
        return n_offered


def team_of(size, monkeypatch):
    """Let exactly so many threads run together, on any machine and however little the work."""
    helpers = CountedHelpers(size - 1)
    monkeypatch.setattr(_threads, "_helpers", helpers)
    monkeypatch.setattr(_threads, "_PATIENCE", 1_000_000)
    monkeypatch.setattr(_threads, "_FEWEST_PRODUCTS", 0)
    return helpers
