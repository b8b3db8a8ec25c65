"""Version of skebm, version that fitted an estimator, and versions of the environment."""

import os
import platform
import sys
import warnings
from importlib.metadata import version

from sklearn.exceptions import InconsistentVersionWarning

__version__ = version("skebm")


class _InconsistentVersionWarning(InconsistentVersionWarning):
    """scikit-learn's warning with the versions of skebm."""

    def __str__(self):
        return (
            f"{self.estimator_name} was fitted with skebm {self.original_sklearn_version} and is "
            f"loaded with skebm {self.current_sklearn_version}. Its results may differ; fit it "
            "again to be sure."
        )


class VersionStamp:
    """Mixin: a fitted estimator stores the version of skebm, and warns if it is loaded by another.

    scikit-learn stores its version in its own classes only.
    """

    def _stamp_version(self):
        self._skebm_version = __version__

    def __setstate__(self, state):
        fitted_by = state.get("_skebm_version", __version__)
        if fitted_by != __version__:
            warnings.warn(
                _InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=__version__,
                    original_sklearn_version=fitted_by,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)


def show_versions() -> None:
    """Print what a bug report needs: versions, BLAS libraries and numbers of threads.

    Examples
    --------
    >>> import skebm
    >>> skebm.show_versions()  # doctest: +ELLIPSIS
    skebm: ...
    """
    import numba
    from threadpoolctl import threadpool_info

    print(f"skebm: {__version__}")
    print(f"Python: {sys.version.split()[0]} ({sys.executable})")
    print(f"Platform: {platform.platform()}, {os.cpu_count()} processors")
    for name, package in [
        ("NumPy", "numpy"),
        ("SciPy", "scipy"),
        ("scikit-learn", "scikit-learn"),
        ("Numba", "numba"),
        ("joblib", "joblib"),
    ]:
        print(f"{name}: {version(package)}")
    print(f"Numba threads: {numba.config.NUMBA_NUM_THREADS}")
    for pool in threadpool_info():
        kind = pool["user_api"].replace("blas", "BLAS").replace("openmp", "OpenMP")
        print(
            f"{kind} threads: {pool['num_threads']} ({pool['internal_api']} "
            f"{pool['version']}, {os.path.basename(pool['filepath'])})"
        )
