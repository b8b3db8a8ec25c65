"""Types that many public signatures share, see CONTRIBUTING.md."""

from typing import Any, TypeAlias

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

# Rows of numbers: also of a stream, of Dask and of a DataFrame, which say that they are arrays.
MatrixLike: TypeAlias = ArrayLike | scipy.sparse.spmatrix | scipy.sparse.sparray

RandomStateLike: TypeAlias = int | np.random.RandomState | None

# Arrays that come out, of the type of the data.
Floats: TypeAlias = NDArray[np.floating[Any]]
