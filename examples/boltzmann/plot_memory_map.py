"""
==================================
More data than memory
==================================

``partial_fit`` takes rows a piece at a time, so the data need not fit into memory. Here they are in
a file, and NumPy maps it: a slice is read from the disk when it is used.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skebm import BernoulliRBM
from skebm.plotting import ComponentsDisplay

# %%
# A file of digits
# ----------------
#
# We write 100,000 digits of 8 x 8 pixels, each a scanned one that is moved by up to one pixel, with
# some noise. They are written a piece at a time as well.

N_ROWS, N_PIECE = 100_000, 5_000
images = load_digits().images / 16
rng = np.random.default_rng(0)
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.npy"


def make_digits(n_rows):
    """Digits that are moved and noisy, in [0, 1], float32."""
    framed = np.pad(images[rng.integers(len(images), size=n_rows)], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, (8, 8), axis=(1, 2))
    down, right = rng.integers(3, size=(2, n_rows))
    noisy = windows[np.arange(n_rows), down, right] + rng.normal(0, 0.05, (n_rows, 8, 8))
    return noisy.clip(0, 1).reshape(n_rows, 64).astype(np.float32)


file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(N_ROWS, 64))
for begin in range(0, N_ROWS, N_PIECE):
    file[begin : begin + N_PIECE] = make_digits(N_PIECE)
file.flush()
del file

# %%
# A piece at a time
# -----------------
#
# ``partial_fit`` goes once over the rows of a piece, in minibatches and in random order. Pieces
# should therefore be mixed: ten thousand zeros in a row would be learned, and forgotten for the
# ones that follow. float32 data are used as they are.
#
# We watch rows that it will not be trained on, the last piece.

rows = np.load(path, mmap_mode="r")
held_out = np.array(rows[-N_PIECE:][:500])
rbm = BernoulliRBM(64, batch_size=50, random_state=0)
seen, scores = [], []
for begin in range(0, N_ROWS - N_PIECE, N_PIECE):
    rbm.partial_fit(rows[begin : begin + N_PIECE])
    seen.append(begin + N_PIECE)
    scores.append(rbm.score(held_out))
print(f"file: {path.stat().st_size / 1e6:.1f} MB, piece: {N_PIECE * 64 * 4 / 1e6:.1f} MB")
for i in (0, 4, 9, -1):
    print(f"after {seen[i]:>6,} rows: {scores[i]:6.2f} nats a row")

# %%
# On Windows, a file cannot be deleted while it is mapped.

del rows
folder.cleanup()

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.plot(seen, scores, "o-", color="#0072B2")
left.set(xlabel="rows seen", ylabel="pseudo-log-likelihood, nats a row", title="Rows held out")
left.spines[["top", "right"]].set_visible(False)
left.grid(color="0.9")
ComponentsDisplay.from_estimator(rbm, ax=right, own_scales=True)
right.set_title("Weights of the hidden units")
plt.show()
