"""Code of a user, for the type checker alone: ``mypy`` reads it, nothing runs it.

Each call that is wrong is one that the checker has to refuse: a comment that silences an error is
itself an error (``warn_unused_ignores``) where there is none.
"""

from typing import assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skebm import MixedRBM, RBMImputer


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
