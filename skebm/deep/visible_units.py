"""Kinds of visible units of the lowest RBM of a deep network.

To add a kind, add one class here.
"""

from typing import Any

import numpy as np

from .._validation import are_probabilities
from ..boltzmann import BernoulliRBM, GaussianRBM, MixedRBM
from ..boltzmann.data import Numbers, Table
from ..boltzmann.doubled import DoubledBernoulliRBM, DoubledGaussianRBM, DoubledMixedRBM
from ..boltzmann.labelled import LabelledRBM
from .feedforward import Layer


class BernoulliKind:
    """Numbers in [0, 1]: data, or the hidden units below another hidden layer.

    Attributes
    ----------
    data : class
        Kind of input: numbers, or tables. Feed-forward layers accept numbers only.
    own_parameters : tuple of str
        Parameters of the RBM that determine how it reads data.
    rbm : class
        The RBM with such visible units.
    labelled_rbm : class or None
        The RBM with additional label units.
    doubled_rbm : class
        The RBM for the lowest layers of a deep Boltzmann machine.
    standardizes : bool
        Whether the network standardises the data, as the RBM does.
    bounds : tuple of float or None
        Smallest and largest valid value of the data.
    output_activation : {"logistic", "identity"}
        Activation of a layer whose values are the means of the units.
    """

    data = Numbers
    own_parameters = ("missing_values",)
    rbm = BernoulliRBM
    labelled_rbm = LabelledRBM
    doubled_rbm = DoubledBernoulliRBM
    standardizes = False
    bounds = (0.0, 1.0)
    output_activation = "logistic"

    @staticmethod
    def parameters_if_tied(scale):
        """Parameters of the RBM with which encoder and decoder weights are transposes."""
        return {}

    @staticmethod
    def layers(rbm, dtype, mean, scale):
        """Encoder and decoder layers whose values are the mean states of an RBM.

        If the kind ``standardizes``, the data are standardised with ``mean`` and ``scale``.
        """
        machine = rbm.__skebm_model__(dtype).machine
        down = np.ascontiguousarray(machine.weights.T)
        return (
            Layer(machine.weights, machine.hidden.bias, "logistic"),
            Layer(down, machine.visible.bias, "logistic"),
        )


class GaussianKind:
    """Real numbers. Attributes and functions: see :class:`BernoulliKind`."""

    data = Numbers
    own_parameters = ("missing_values",)
    rbm = GaussianRBM
    labelled_rbm = None
    doubled_rbm = DoubledGaussianRBM
    standardizes = True
    bounds = None
    output_activation = "identity"

    @staticmethod
    def parameters_if_tied(scale):
        """The variances of the network's scale."""
        return {"variances": float(scale**2), "learn_variance": False}

    @staticmethod
    def layers(rbm, dtype, mean, scale):
        """Encoder and decoder layers whose values are the mean states of a GaussianRBM.

        ``mean`` and ``scale`` need not be those by which the RBM standardises.
        """
        to_hidden = (rbm.components_ * (scale / rbm.variances_)).T
        hidden_bias = rbm.intercept_hidden_ + rbm.components_ @ (mean / rbm.variances_)
        to_visible = rbm.components_ / scale
        visible_bias = (rbm.intercept_visible_ - mean) / scale
        return (
            Layer(np.ascontiguousarray(to_hidden, dtype), hidden_bias.astype(dtype), "logistic"),
            Layer(np.ascontiguousarray(to_visible, dtype), visible_bias.astype(dtype), "identity"),
        )


class MixedKind:
    """Tables of binary, categorical and real columns, which feed-forward networks do not accept.

    Attributes: see :class:`BernoulliKind`.
    """

    data = Table
    own_parameters = ("missing_values", "categories", "handle_unknown")
    rbm = MixedRBM
    labelled_rbm = None
    doubled_rbm = DoubledMixedRBM
    standardizes = True
    bounds = None


# The kinds, by value of the parameter ``visible_units``.
VISIBLE_UNITS: dict[str, Any] = {
    "bernoulli": BernoulliKind,
    "gaussian": GaussianKind,
    "mixed": MixedKind,
}

# Names of the kinds of numbers.
NUMBERS = tuple(name for name, kind in VISIBLE_UNITS.items() if not kind.data.are_tables)


def data_of(visible_units):
    """Kind of input for a value of the parameter: tables or numbers."""
    # The parameter may be anything until it has been checked.
    is_name = isinstance(visible_units, str) and visible_units in VISIBLE_UNITS
    return VISIBLE_UNITS[visible_units].data if is_name else Numbers


def name_of_kind(visible_units, rows):
    """The name of the kind; for "auto", it is determined from the data."""
    if visible_units != "auto":
        return visible_units
    return "bernoulli" if are_probabilities(rows) else "gaussian"
