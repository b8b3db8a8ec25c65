"""Types that many public signatures share, see CONTRIBUTING.md."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import metaestimators

# Rows of numbers. Streams, data of Dask and DataFrames are included, because they have
# ``__array__``.
MatrixLike: TypeAlias = ArrayLike | scipy.sparse.spmatrix | scipy.sparse.sparray

RandomStateLike: TypeAlias = int | np.random.RandomState | None

# Returned arrays, with the dtype of the data.
Floats: TypeAlias = NDArray[np.floating[Any]]

# How a learning rate changes from epoch to epoch.
Decay: TypeAlias = Literal["constant", "linear", "invscaling", "cosine"]

StochasticSolver: TypeAlias = Literal["sgd", "adagrad", "rmsprop", "adam"]
Solver: TypeAlias = StochasticSolver | Literal["lbfgs", "cg"]

# Hyperparameters of the RBMs of a stack: for all of them, for each, or for each a schedule.
FloatPerLayer: TypeAlias = float | Sequence[float | Sequence[float]]
IntPerLayer: TypeAlias = int | Sequence[int | Sequence[int]]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def available_if(check: Callable[[Any], Any]) -> Callable[[_Method], _Method]:
    """scikit-learn's decorator of the same name, without changing the static type of a method."""
    return metaestimators.available_if(check)
