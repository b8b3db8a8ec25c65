"""Where the hidden weights of a module start: an RBM, random numbers, or the module below."""

from functools import partial

import numpy as np
import scipy.sparse

from .hidden_layer import HiddenLayer

# Standard deviation of the input that a random unit gets from features of unit spread.
_RANDOM_SCALE = 2.0
# Features whose range is narrower than so many units in the last place of their largest value get
# no weights: what these tell apart is rounding, and so is a difference of inputs of that size.
_NARROWEST = 64
# Standard deviation of the weights of a copied unit to what its copy did not see.
_NEW_WEIGHT_SCALE = 0.1


def random_layer(columns, n_units, generator, dtype, n_jobs):
    """Units with random weights, for features less their mean and divided by a quarter of their
    range.

    That scaling is part of the layer, which takes the features as they are. A standard deviation
    would give a feature that is hardly ever on weights that drown all others where it is.

    Parameters
    ----------
    columns : Columns
    n_units : int
    generator : numpy Generator
    dtype : dtype
        Of the features, and of the layer.
    n_jobs : int or None
    """
    mean, low, high = columns.mean, columns.low, columns.high
    n_features = len(mean)
    spread = np.where(high > low, (high - low) / 4, 1)
    scale = _RANDOM_SCALE / np.sqrt(n_features)
    directions = scale * generator.standard_normal((n_units, n_features)) / spread
    largest = np.maximum(np.abs(low), np.abs(high))
    directions[:, high - low < _NARROWEST * np.finfo(dtype).eps * largest] = 0
    bias = generator.standard_normal(n_units) - directions @ mean
    return _layer(directions, bias, dtype, n_jobs)


def rbm_layer(inputs, rbm, n_jobs):
    """Hidden units of the RBM ``rbm``, which is trained here on the features.

    It sees features that are outside of [0, 1] scaled to it, those of sparse data by their largest
    absolute value alone. The scaling is then made part of the layer.

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
    """Units of the module below, with small random weights to the features that it did not see.

    ``kept`` is how many of the first features both see.
    """
    shape = layer.n_units, n_features
    weights = (_NEW_WEIGHT_SCALE * generator.standard_normal(shape)).astype(layer.dtype)
    weights[:, :kept] = layer.weights[:, :kept]
    return layer.with_parameters(weights, layer.bias.copy())


def _layer(weights, bias, dtype, n_jobs):
    return HiddenLayer(weights.astype(dtype, order="C"), bias.astype(dtype), n_jobs)


def _ranges(low, high):
    """Low end and span of each column that leaves [0, 1], and 0 and 1 for the others."""
    outside = (low < 0) | (high > 1)
    span = np.where(high > low, high - low, 1)
    return np.where(outside, low, 0), np.where(outside, span, 1)


def _scaled(low, span, X):
    """Each column less its ``low``, divided by its ``span``; no copy if there is nothing to do."""
    if np.all(low == 0) and np.all(span == 1):
        return X
    if not scipy.sparse.issparse(X):
        scaled = (X - low.astype(X.dtype)) / span.astype(X.dtype)
        return np.clip(scaled, 0, 1, out=scaled)
    # Columns that are shifted are no longer sparse; of the others, zeros stay zeros.
    shifted = np.flatnonzero(low)
    columns = (X[:, shifted].toarray() - low[shifted]) / span[shifted]
    places = np.arange(len(shifted)), shifted
    into = scipy.sparse.csr_array((np.ones(len(shifted)), places), shape=(len(shifted), X.shape[1]))
    others = X @ scipy.sparse.diags_array(np.where(low == 0, 1 / span, 0))
    scaled = others + scipy.sparse.csr_array(columns.clip(0, 1)) @ into
    scaled.data.clip(0, 1, out=scaled.data)
    return scaled.astype(X.dtype).tocsr()
