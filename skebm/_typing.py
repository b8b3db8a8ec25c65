"""Types that many public signatures share, see CONTRIBUTING.md."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import metaestimators

# Rows of numbers: also of a stream, of Dask and of a DataFrame, which say that they are arrays.
MatrixLike: TypeAlias = ArrayLike | scipy.sparse.spmatrix | scipy.sparse.sparray

RandomStateLike: TypeAlias = int | np.random.RandomState | None

# Arrays that come out, of the type of the data.
Floats: TypeAlias = NDArray[np.floating[Any]]

# How a learning rate changes from epoch to epoch.
Decay: TypeAlias = Literal["constant", "linear", "invscaling", "cosine"]

StochasticSolver: TypeAlias = Literal["sgd", "adagrad", "rmsprop", "adam"]
Solver: TypeAlias = StochasticSolver | Literal["lbfgs", "cg"]

# What RBMs of a stack are trained with: for all of them, for each, or for each by epochs.
FloatPerLayer: TypeAlias = float | Sequence[float | Sequence[float]]
IntPerLayer: TypeAlias = int | Sequence[int | Sequence[int]]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def available_if(check: Callable[[Any], Any]) -> Callable[[_Method], _Method]:
    """scikit-learn's decorator of the same name, under which a method keeps its types."""
    return metaestimators.available_if(check)
