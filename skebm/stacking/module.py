"""One module of a stack: a hidden layer and linear outputs that are solved for."""

from dataclasses import dataclass, field

import numpy as np

from .examples import ChunkedActivities
from .hidden_layer import HiddenLayer
from .reduced_error import outputs_of


@dataclass
class Module:
    """A trained module: plain arrays and numbers.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_inputs)
        Weights of the hidden units. The inputs are the features of the data, then the outputs of
        the modules below.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    coef_ : ndarray of shape (n_components, n_outputs)
        Output weights.
    intercept_ : ndarray of shape (n_outputs,)
        Biases of the outputs.
    alpha_ : float
        Penalty on the output weights.
    error_before_, error_after_ : float
        Squared error of the training rows, summed over the outputs, mean over the rows: with the
        initial and with the final hidden weights.
    error_curve_ : list of float
        Loss of fine-tuning, at the start and after each step: the squared error plus the
        penalties, divided by the number of rows. It never rises.
    validation_curve_ : list of float
        Squared error of the rows held out, summed over the outputs, mean over the rows; empty
        without early stopping.
    sharpness_ : float or None
        Only for classifiers: factor of the outputs in the softmax that computes probabilities.
    """

    components_: np.ndarray
    intercept_hidden_: np.ndarray
    coef_: np.ndarray
    intercept_: np.ndarray
    alpha_: float
    error_before_: float
    error_after_: float
    error_curve_: list[float] = field(default_factory=list)
    validation_curve_: list[float] = field(default_factory=list)
    sharpness_: float | None = None

    def layer(self, dtype, n_jobs=None):
        """The hidden units, with this dtype."""
        weights = np.ascontiguousarray(self.components_, dtype=dtype)
        return HiddenLayer(weights, np.ascontiguousarray(self.intercept_hidden_, dtype), n_jobs)

    def transform(self, rows, n_jobs=None):
        """Activities of the hidden units, of shape (n_rows, n_components)."""
        layer = self.layer(rows.dtype, n_jobs)
        out = np.empty((rows.shape[0], layer.n_units), dtype=rows.dtype)
        for part, activities in ChunkedActivities(rows).compute(layer):
            out[part] = activities.T
        return out

    def outputs(self, rows, n_jobs=None):
        """Linear outputs, of shape (n_rows, n_outputs)."""
        coef = np.ascontiguousarray(self.coef_, dtype=rows.dtype)
        intercept = np.ascontiguousarray(self.intercept_, dtype=rows.dtype)
        return linear_outputs(self.layer(rows.dtype, n_jobs), rows, coef, intercept)


def linear_outputs(layer, rows, coef, intercept):
    """Linear outputs of a hidden layer, of shape (n_rows, n_outputs)."""
    out = np.empty((rows.shape[0], coef.shape[1]), dtype=rows.dtype)
    for part, activities in ChunkedActivities(rows).compute(layer):
        out[part] = outputs_of(layer, activities, coef, intercept).T
    return out
