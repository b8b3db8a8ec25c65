"""
=====================================================
A memory map, learned from with partial_fit
=====================================================

``partial_fit`` trains on one batch of rows at a time, so the data need not fit into memory. Here
they are in a file that NumPy maps into memory: a slice is read from the disk when it is used.
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
# We write 100,000 digits of 8 x 8 pixels to a file, in batches. Each is a scanned digit, shifted by
# up to one pixel, with some noise.

N_ROWS, N_PIECE = 100_000, 5_000
images = load_digits().images / 16
rng = np.random.default_rng(0)
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.npy"


def make_digits(n_rows):
    """Shifted and noisy digits, in [0, 1], float32."""
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
# One batch at a time
# -------------------
#
# ``partial_fit`` goes once over the rows of a batch, in minibatches and in random order. The rows
# of each batch should therefore be mixed: if ten thousand zeros came first, they would be learned,
# and forgotten again while the ones that follow are learned. float32 data are used without
# conversion.
#
# To follow the progress, we score rows of the last batch, which is not used for training.

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
    print(f"after {seen[i]:>6,} rows: {scores[i]:6.2f} nats per row")

# %%
# On Windows, a file cannot be deleted while it is mapped.

del rows
folder.cleanup()

figure, (left, right) = plt.subplots(1, 2, figsize=(6.5, 3.3), layout="constrained")
left.plot(seen, scores, "o-", color="#0072B2")
left.set(xlabel="rows seen", ylabel="pseudo-log-likelihood, nats per row", title="Rows held out")
left.spines[["top", "right"]].set_visible(False)
left.grid(color="0.9")
ComponentsDisplay.from_estimator(rbm, ax=right, own_scales=True)
right.set_title("Weights of the hidden units")
plt.show()
