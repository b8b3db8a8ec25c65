"""The data that the benchmarks train on."""

import numpy as np
from sklearn.datasets import fetch_openml, load_digits

N_MNIST_TRAIN = 60_000


def add_data_option(parser):
    """Give a benchmark's command line the option that `load_mnist` takes."""
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="an .npz of MNIST with arrays X_train, y_train, X_test and y_test; "
        "without it scikit-learn downloads the data set from OpenML",
    )


def load_mnist(path=None):
    """Return MNIST in its original order and split.

    Parameters
    ----------
    path : str, default=None
        An .npz file; None downloads through scikit-learn, which keeps a copy.

    Returns
    -------
    dict of ndarray
        X_train (60000, 784), y_train (60000,), X_test (10000, 784) and
        y_test (10000,), all uint8.
    """
    if path is not None:
        with np.load(path) as archive:
            return {name: archive[name] for name in archive.files}
    X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    X, y = X.astype(np.uint8), y.astype(np.uint8)
    return {
        "X_train": X[:N_MNIST_TRAIN],
        "y_train": y[:N_MNIST_TRAIN],
        "X_test": X[N_MNIST_TRAIN:],
        "y_test": y[N_MNIST_TRAIN:],
    }


def grey_levels(pixels, dtype=np.float32):
    """Map bytes to [0, 1], in which an RBM reads a pixel as a probability."""
    levels = pixels.astype(dtype)
    levels /= 255
    return levels


def load_grey_digits(dtype=np.float32):
    """Return the 1797 digits of 8 x 8 pixels that scikit-learn carries, in [0, 1]."""
    return (load_digits().data / 16).astype(dtype)
