"""From linear outputs to probabilities."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from .examples import ChunkedActivities
from .reduced_error import outputs_of

_LOG_RANGE = (-5.0, 8.0)


def sharpness_of(outputs, one_hot, weights=None):
    """The factor s for which the labels have the highest likelihood under softmax(s * outputs).

    Parameters
    ----------
    outputs, one_hot : ndarray of shape (n_rows, n_classes)
    weights : ndarray of shape (n_rows,) or None
    """

    def loss(log_s):
        log_p = log_softmax(np.exp(log_s) * outputs, axis=1)
        return -np.average((log_p * one_hot).sum(axis=1), weights=weights)

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_RANGE, method="bounded").x))


def left_out_outputs(point, examples, penalty):
    """Outputs for each row by the output weights solved for without this row.

    Uses the closed form for a least squares solution without one of its rows: no further solve.

    Parameters
    ----------
    point : Point
    examples : Examples
        Some of the rows of the point.
    penalty : Penalty
        The penalty of the point.

    Returns
    -------
    outputs : ndarray of shape (n_rows, n_targets)
    """
    leverages_of = point.equations.leverages(penalty.alpha, penalty.noise)
    out = np.empty(examples.targets.shape)
    for part, activities in ChunkedActivities(examples.rows).compute(point.layer):
        leverages = leverages_of(activities) * examples.weight_left_out(part)
        targets = examples.targets[part]
        outputs = outputs_of(point.layer, activities, point.coef, point.intercept).T
        left = np.maximum(1 - leverages, np.finfo(point.layer.dtype).eps)
        out[part] = targets + (outputs - targets) / left[:, None]
    return out
