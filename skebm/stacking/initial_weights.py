"""Initial hidden weights of a module: of an RBM, random, or copied from the module below."""

from functools import partial

import numpy as np
import scipy.sparse

from .hidden_layer import HiddenLayer

# Features get no weights if their range is narrower than this many units in the last place of their
# largest value: such differences are rounding errors.
_NARROWEST = 64
# Standard deviation of the weights of a copied unit to the features that are new.
_NEW_WEIGHT_SCALE = 0.1


def random_layer(columns, n_units, size, generator, dtype, n_jobs):
    """Units with random weights for features that are centred and divided by their range / 4.

    The scaling is part of the layer, which takes unscaled features. Division by the standard
    deviation would give a feature that is rarely on such large weights that it would dominate all
    others in the rows where it is on.

    Parameters
    ----------
    columns : Columns
    n_units : int
    size : float
        Standard deviation of the input of a unit for features with a standard deviation of 1. The
        smaller it is, the closer to linear are the units.
    generator : numpy Generator
    dtype : dtype
        Dtype of the features and of the layer.
    n_jobs : int or None
    """
    mean, low, high = columns.mean, columns.low, columns.high
    n_features = len(mean)
    spread = np.where(high > low, (high - low) / 4, 1)
    scale = size / np.sqrt(n_features)
    directions = scale * generator.standard_normal((n_units, n_features)) / spread
    largest = np.maximum(np.abs(low), np.abs(high))
    directions[:, high - low < _NARROWEST * np.finfo(dtype).eps * largest] = 0
    bias = generator.standard_normal(n_units) - directions @ mean
    return _layer(directions, bias, dtype, n_jobs)


def rbm_layer(inputs, rbm, n_jobs):
    """Hidden units of the RBM ``rbm``, which is trained here on the features.

    Features outside [0, 1] are scaled to this range for training; those of sparse data are divided
    by their largest absolute value only. The scaling then becomes part of the layer.

    Parameters
    ----------
    inputs : StackInputs or StreamedInputs
    rbm : BernoulliRBM
    n_jobs : int or None
    """
    columns = inputs.columns(None)
    low, span = _ranges(columns.low, columns.high)
    rbm.fit(inputs.made_of_matrix(partial(_scaled, low, span)))
    weights = np.asarray(rbm.components_, dtype=np.float64) / span
    return _layer(weights, rbm.intercept_hidden_ - weights @ low, inputs.rows.dtype, n_jobs)


def copied_layer(layer, kept, n_features, generator):
    """Units of the module below, with small random weights to the features that are new.

    ``kept`` is the number of first features that both modules see.
    """
    shape = layer.n_units, n_features
    weights = (_NEW_WEIGHT_SCALE * generator.standard_normal(shape)).astype(layer.dtype)
    weights[:, :kept] = layer.weights[:, :kept]
    return layer.with_parameters(weights, layer.bias.copy())


def _layer(weights, bias, dtype, n_jobs):
    return HiddenLayer(weights.astype(dtype, order="C"), bias.astype(dtype), n_jobs)


def _ranges(low, high):
    """Minimum and range of each column with values outside [0, 1]; 0 and 1 for other columns."""
    outside = (low < 0) | (high > 1)
    span = np.where(high > low, high - low, 1)
    return np.where(outside, low, 0), np.where(outside, span, 1)


def _scaled(low, span, X):
    """(column - low) / span for each column; no copy if nothing changes."""
    if np.all(low == 0) and np.all(span == 1):
        return X
    if not scipy.sparse.issparse(X):
        scaled = (X - low.astype(X.dtype)) / span.astype(X.dtype)
        return np.clip(scaled, 0, 1, out=scaled)
    # Shifted columns are no longer sparse. In other columns, zeros stay zeros.
    shifted = np.flatnonzero(low)
    columns = (X[:, shifted].toarray() - low[shifted]) / span[shifted]
    places = np.arange(len(shifted)), shifted
    into = scipy.sparse.csr_array((np.ones(len(shifted)), places), shape=(len(shifted), X.shape[1]))
    others = X @ scipy.sparse.diags_array(np.where(low == 0, 1 / span, 0))
    scaled = others + scipy.sparse.csr_array(columns.clip(0, 1)) @ into
    scaled.data.clip(0, 1, out=scaled.data)
    return scaled.astype(X.dtype).tocsr()
