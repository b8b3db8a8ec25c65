"""What tests ask of the surroundings: the version of scikit-learn, NumPy's global state."""

from importlib.util import find_spec

import joblib
import numpy as np
import pytest

needs_callbacks = pytest.mark.skipif(
    find_spec("sklearn.callback") is None, reason="scikit-learn has no callbacks before 1.9"
)


def global_random_state():
    """NumPy's global state, as a text that changes with it."""
    # The old interface is the point: it is the one that has a global state.
    return joblib.hash(np.random.get_state())  # noqa: NPY002
