"""Names with the same meaning in all estimators, in addition to those of scikit-learn."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Quantities in ``history_`` that training optimises, and the factor that makes each a loss. The
# loss itself comes first; the others, in order of preference, are used if it cannot be computed.
_LOSSES = {"loss": 1, "rmse": 1, "pseudo_likelihood": -1, "reconstruction_error": 1}


class HasHistory:
    """Mixin: an estimator that is trained iteratively and records measurements in ``history_``."""

    history_: dict[str, list[float]]
    n_iter_: int

    @property
    def loss_curve_(self) -> list[float]:
        """Training loss after each epoch; ``history_`` has all measurements."""
        for name, factor in _LOSSES.items():
            if name in self.history_:
                return [factor * value for value in self.history_[name]]
        return []


class HasFeaturesOut:
    """Mixin: a transformer with the number of its output features as an attribute."""

    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    get_feature_names_out: Callable[..., NDArray[np.object_]]

    @property
    def n_features_out_(self) -> int:
        """Number of features that ``transform`` returns."""
        return len(self.get_feature_names_out())
