"""What it costs to import skebm, and to compile it in a first fit."""

import os
import subprocess
import sys
import tempfile

IMPORT_SCRIPT = """
import time
import numba, sklearn
start = time.perf_counter()
import skebm
print(time.perf_counter() - start)
"""

# The second fit does the same work, already compiled: the difference is compilation.
FIRST_FIT_SCRIPT = """
import time
import numpy as np
from skebm import BernoulliRBM

X = np.random.default_rng(0).random((500, 784), dtype=np.float32)
X[X < 0.8] = 0
seconds = []
for _ in range(2):
    start = time.perf_counter()
    BernoulliRBM(500, n_iter=1, random_state=0).fit(X)
    seconds.append(time.perf_counter() - start)
print(seconds[0] - seconds[1])
"""


def import_seconds(n_repeats):
    """Time `import skebm` in new processes that have scikit-learn and Numba already."""
    return min(_run(IMPORT_SCRIPT) for _ in range(n_repeats))


def compile_seconds():
    """Return the seconds a first fit compiles: with an empty cache, with a warm one."""
    with tempfile.TemporaryDirectory() as cache:
        return tuple(_run(FIRST_FIT_SCRIPT, NUMBA_CACHE_DIR=cache) for _ in range(2))


def _run(script, **environment):
    process = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(process.stdout)
