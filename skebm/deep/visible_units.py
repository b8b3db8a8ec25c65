"""Kinds of visible units of the lowest RBM: all that a deep network knows of the data's own layer.

A new kind is one class here.
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
    """Numbers in [0, 1]: data, and the hidden units that another hidden layer sees.

    Attributes
    ----------
    data : class
        What users pass: numbers, or tables. The layers of a network take numbers alone.
    own_parameters : tuple of str
        Parameters of the RBM that say how it reads data.
    rbm : class
        The RBM that has such units in its visible layer.
    labelled_rbm : class or None
        The RBM that has a label beside them.
    doubled_rbm : class
        The RBM that is to become the lowest of a deep Boltzmann machine.
    standardizes : bool
        Whether the network, as the RBM, takes the data less a mean and over a scale.
    bounds : tuple of float or None
        The least and the greatest value that the data are meant to have.
    output_activation : {"logistic", "identity"}
        Of a layer that gives the means of the units.
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
        """What the RBM is made with for its layers up and down to be each other's transposes."""
        return {}

    @staticmethod
    def layers(rbm, dtype, mean, scale):
        """The layers up and down whose outputs are the mean states of an RBM.

        They take, and return, data less ``mean`` and over ``scale``, where the kind is one that
        ``standardizes``.
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
        """The layers up and down whose outputs are the mean states of a GaussianRBM.

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
    """Tables of binary, categorical and real columns, which no feed-forward network takes.

    Attributes: see :class:`BernoulliKind`.
    """

    data = Table
    own_parameters = ("missing_values", "categories", "handle_unknown")
    rbm = MixedRBM
    labelled_rbm = None
    doubled_rbm = DoubledMixedRBM
    standardizes = True
    bounds = None


# By the value of the parameter ``visible_units``.
VISIBLE_UNITS: dict[str, Any] = {
    "bernoulli": BernoulliKind,
    "gaussian": GaussianKind,
    "mixed": MixedKind,
}

# Those that are numbers.
NUMBERS = tuple(name for name, kind in VISIBLE_UNITS.items() if not kind.data.are_tables)


def data_of(visible_units):
    """What users pass: tables where the parameter says so, and otherwise numbers."""
    # The parameter may be anything until it has been checked.
    is_name = isinstance(visible_units, str) and visible_units in VISIBLE_UNITS
    return VISIBLE_UNITS[visible_units].data if is_name else Numbers


def name_of_kind(visible_units, rows):
    """The name of a kind, which for "auto" is the one that the data ask for."""
    if visible_units != "auto":
        return visible_units
    return "bernoulli" if are_probabilities(rows) else "gaussian"
