"""Layers of units: what a unit does, given its input from the other layer.

A layer knows its parameters and what follows from them: mean and samples given the inputs, the
log-partition function of the inputs, and the energy of states on their own. Two layers of one kind
can be mixed (``between``), and one that has few states enumerated (``n_states``, infinite where
there is no counting them, and ``states``). Where inputs come from they do not know: a machine is
made of two layers and the coupling between them. A new kind of unit is a new class here, and a
function in :mod:`skebm.boltzmann.conditionals`. Inputs are changed in place: ``mean`` turns them
into means, ``sample`` means into states.

The input of a unit is what the other layer adds to its log-density for each unit of its state: the
weights are those of states as they are, not of states over a variance.
"""

import math
from typing import ClassVar

import numpy as np
from scipy.special import logsumexp

from ..kernels.activations import logistic, softmax
from ..kernels.layers import (
    MOST_DEVIATIONS,
    bernoulli_log_partition,
    gaussian_energy,
    gaussian_log_partition,
    gaussian_mean,
    sample_bernoulli,
    sample_gaussian,
    sample_softmax,
)
from ..kernels.products import multiply

# Log-variances that learning keeps to: of data with variance 1, from a unit that is known nearly
# exactly to one that is known ten times worse than with no model at all.
_LOWEST_LOG_VARIANCE, _HIGHEST_LOG_VARIANCE = np.log(1e-4), np.log(1e2)


class _Units:
    """What layers of all kinds share, and what a new kind has to have.

    A subclass is made from arrays with one number a unit, the bias among them, and names them in
    ``parameter_names``. It has:

    - ``mean``, ``sample``, ``log_partition``: what follows from the inputs;
    - ``energy``: of states on their own;
    - ``with_mean``: units that have the means of the data with no input at all;
    - ``between``: the layers on the way from another layer of its kind;
    - ``over_variance``: for the gradient of the weights;
    - ``kind``: for scores, of visible units;
    - ``n_states`` and ``states``, where the states can be counted.

    Hidden units are binary throughout: in the estimators, and in the scores that sum over them.
    """

    parameter_names: ClassVar = ("bias",)

    # "binary"; "choice", exactly one of the units being on; or "real".
    kind = "binary"

    # Share of its distance from the mean that a unit keeps from one draw to the next, see
    # GaussianUnits.
    inertia = 0.0

    # Number of states of the whole layer.
    n_states = math.inf

    # Standard deviation of what all hidden units add to the log-odds of a unit when training
    # starts, at most; for units that are not binary, to the mean.
    largest_initial_input = 6.0

    @property
    def parts(self):
        """Kinds of units and slices of the layer: a pair for each kind that is in it."""
        return [(self.kind, slice(0, len(self.bias)))]

    @property
    def parameters(self):
        """The arrays that the layer is made of."""
        return [getattr(self, name) for name in self.parameter_names]

    def copy(self, dtype):
        """The same units with parameters of their own, of the type ``dtype``."""
        return type(self)(*(parameter.astype(dtype) for parameter in self.parameters))

    def take_over(self, inputs):
        """Make inputs that never change a part of the bias."""
        self.bias += inputs.astype(self.bias.dtype)

    def bear(self, largest_inputs):
        """Whether the units can be computed with, given the largest input that each can have."""
        return True

    def base_rate(self, n_rows, address):
        """States drawn with no input at all, of shape (n_rows, n_units)."""
        inputs = np.zeros((n_rows, len(self.bias)), dtype=self.bias.dtype)
        return self.sample(self.mean(inputs), address)


class BernoulliUnits(_Units):
    """Binary units: p(state = 1 | input) = sigmoid(bias + input).

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Log-odds of each unit when its input is zero.
    """

    def __init__(self, bias):
        self.bias = bias

    @classmethod
    def from_mean(cls, mean, n_rows):
        """Units that are on as often as in ``n_rows`` rows of data with this mean.

        Half a row of each state is added to the data, so that a unit that never changes gets a
        finite bias.
        """
        mean = (np.clip(mean, 0, 1) * n_rows + 0.5) / (n_rows + 1)
        return cls(np.log(mean) - np.log1p(-mean))

    def with_mean(self, mean, n_rows):
        """Units of the same kind that have a mean of data by themselves, see :meth:`from_mean`."""
        return self.from_mean(mean, n_rows)

    def between(self, base, beta):
        """Units with ``1 - beta`` times the energy of ``base`` and ``beta`` times that of these."""
        return type(self)(base.bias + beta * (self.bias - base.bias))

    @property
    def n_states(self):
        """Number of states of the whole layer."""
        return 2 ** len(self.bias)

    def states(self, numbers):
        """States of the layer by their numbers, the unit on the right being the lowest bit."""
        bits = np.asarray(numbers)[:, None] >> np.arange(len(self.bias))[::-1] & 1
        return bits.astype(self.bias.dtype, order="C")

    def mean(self, inputs):
        """Probabilities of being on, written over ``inputs`` (n_rows, n_units)."""
        logistic(inputs, self.bias, 0, len(self.bias))
        return inputs

    def sample(self, mean, address, out=None, previous=None):
        """States drawn at the address (seed, stream, first row), over ``mean`` if no ``out``."""
        out = mean if out is None else out
        sample_bernoulli(mean, *address, out, 0, len(self.bias))
        return out

    def log_partition(self, inputs):
        """Log of the sum over the states s of exp(s (bias + input)), summed over units; nats."""
        out = np.empty(len(inputs))  # float64: differences of them are taken, and added up
        bernoulli_log_partition(inputs, self.bias, out, 0, len(self.bias))
        return out

    def energy(self, states):
        """Energy of states on their own, -states @ bias, for each row; nats."""
        out = np.empty((len(states), 1), dtype=states.dtype)
        return -multiply(states, self.bias[:, None], out)[:, 0]

    def over_variance(self, states):
        """Binary states enter the gradient of the weights as they are."""


class LabelledUnits(_Units):
    """Binary units, and beside them a label: softmax units, exactly one of which is on.

    p(label = j | input) is proportional to exp(bias_j + input_j).

    Parameters
    ----------
    bias : ndarray of shape (n_features + n_labels,)
        Of the binary units, then of the softmax units.
    n_labels : int
        Number of softmax units, the last columns of states and inputs.
    """

    def __init__(self, bias, n_labels):
        self.bias = bias
        self.n_labels = n_labels

    @classmethod
    def from_mean(cls, mean, n_labels, n_rows):
        """Units that are on as often as in ``n_rows`` rows of data with this mean.

        Half a row of each state is added to the data, as for :class:`BernoulliUnits`.
        """
        features = BernoulliUnits.from_mean(mean[:-n_labels], n_rows)
        labels = np.log(np.clip(mean[-n_labels:], 0, 1) * n_rows + 0.5)
        return cls(np.concatenate([features.bias, labels - labels.mean()]), n_labels)

    def with_mean(self, mean, n_rows):
        """Units of the same kind that have a mean of data by themselves, see :meth:`from_mean`."""
        return self.from_mean(mean, self.n_labels, n_rows)

    @property
    def n_features(self):
        """Number of binary units, the first columns of states and inputs."""
        return len(self.bias) - self.n_labels

    @property
    def parts(self):
        """Kinds of units and slices of the layer: the features, then the label."""
        return [("binary", slice(0, self.n_features)), ("choice", self.label)]

    @property
    def label(self):
        """Where the label is among the units."""
        return slice(self.n_features, len(self.bias))

    @property
    def features(self):
        """The binary units alone."""
        return BernoulliUnits(self.bias[: -self.n_labels])

    def copy(self, dtype):
        """The same units with parameters of their own, of the type ``dtype``."""
        return type(self)(self.bias.astype(dtype), self.n_labels)

    def between(self, base, beta):
        """Units with ``1 - beta`` times the energy of ``base`` and ``beta`` times that of these."""
        return type(self)(base.bias + beta * (self.bias - base.bias), self.n_labels)

    @property
    def n_states(self):
        """Number of states of the whole layer."""
        return self.features.n_states * self.n_labels

    def states(self, numbers):
        """States of the layer by their numbers; the label of a state is its number mod n_labels."""
        features, labels = np.divmod(np.asarray(numbers), self.n_labels)
        one_hot = np.eye(self.n_labels, dtype=self.bias.dtype)[labels]
        return np.hstack([self.features.states(features), one_hot])

    def mean(self, inputs):
        """Probabilities of being on, written over ``inputs`` (n_rows, n_units)."""
        logistic(inputs, self.bias, 0, self.n_features)
        softmax(inputs, self.bias, self.n_features, len(self.bias))
        return inputs

    def sample(self, mean, address, out=None, previous=None):
        """States drawn at the address (seed, stream, first row), over ``mean`` if no ``out``."""
        out = mean if out is None else out
        sample_bernoulli(mean, *address, out, 0, self.n_features)
        sample_softmax(mean, *address, out, self.n_features, len(self.bias))
        return out

    def log_partition(self, inputs):
        """Log of the sum over the states s of exp(s (bias + input)); nats."""
        out = np.empty(len(inputs))
        bernoulli_log_partition(inputs, self.bias, out, 0, self.n_features)
        labels = inputs[:, self.n_features :] + self.bias[self.n_features :]
        return out + logsumexp(labels, axis=1)

    def energy(self, states):
        """Energy of states on their own, -states @ bias, for each row; nats."""
        return BernoulliUnits(self.bias).energy(states)

    def over_variance(self, states):
        """Binary states enter the gradient of the weights as they are."""


class GaussianUnits(_Units):
    """Real-valued units: p(state | input) = N(bias + variance * input, variance).

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Mean of each unit when its input is zero.
    log_variance : ndarray of shape (n_units,)
        Log of the variance of each unit.
    inertia : float, default=0.0
        Share of its distance from the mean that a unit keeps when it moves on from a state, in
        [0, 1). Above zero a draw is one exact step of Langevin dynamics of the units given their
        inputs (of Ornstein and Uhlenbeck's process), which keeps their distribution given the
        inputs but not the independence of one state from the last.
    is_constant : ndarray of bool, of shape (n_units,), default=None
        Units whose draws are their means: features that are always the same in the data. In
        densities they count as all others. None: there are none.
    """

    parameter_names = ("bias", "log_variance")

    kind = "real"

    # With a square above 1 / 4 no variance of the units would make that of the features 1.
    largest_initial_input = math.sqrt(0.2)

    def __init__(self, bias, log_variance, inertia=0.0, is_constant=None):
        self.bias = bias
        self.log_variance = log_variance
        self.inertia = inertia
        self.is_constant = is_constant

    def copy(self, dtype):
        """The same units with parameters of their own, of the type ``dtype``."""
        bias, log_variance = self.bias.astype(dtype), self.log_variance.astype(dtype)
        return type(self)(bias, log_variance, self.inertia, self.is_constant)

    def take_over(self, inputs):
        """Make inputs that never change a part of the bias."""
        self.bias += self.variance * inputs.astype(self.bias.dtype)

    def with_mean(self, mean, n_rows):
        """Units of the same kind that have a mean of data and a variance of 1 by themselves."""
        if self.is_constant is not None:
            mean = np.where(self.is_constant, 0, mean)  # a mean of many rows is but rounding
        return type(self)(mean, np.zeros_like(mean), is_constant=self.is_constant)

    @property
    def variance(self):
        """Variance of each unit given its input."""
        return np.exp(self.log_variance)

    def between(self, base, beta):
        """Units with ``1 - beta`` times the energy of ``base`` and ``beta`` times that of these.

        Up to a number: what is linear in beta is 1 / variance and bias / variance.
        """
        share, base_share = beta / self.variance, (1 - beta) / base.variance
        precision = share + base_share
        bias = (share * self.bias + base_share * base.bias) / precision
        return type(self)(bias, -np.log(precision), is_constant=self.is_constant)

    def mean(self, inputs):
        """Means, written over ``inputs`` (n_rows, n_units)."""
        gaussian_mean(inputs, self.bias, self.variance)
        return inputs

    def sample(self, mean, address, out=None, previous=None):
        """States drawn at the address (seed, stream, first row), over ``mean`` if no ``out``.

        Given the ``previous`` states, units with inertia move on from there.
        """
        out = mean if out is None else out
        deviation = np.sqrt(self.variance)
        if self.is_constant is not None:
            deviation[self.is_constant] = 0
        if previous is not None and self.inertia:
            mean = mean + self.inertia * (previous - mean)
            deviation *= np.sqrt(1 - self.inertia**2)
        sample_gaussian(mean, deviation, *address, out)
        return out

    def log_partition(self, inputs):
        """Log of the integral over the states s of exp(s input - energy of s), summed over units.

        In nats, for each row.
        """
        out = np.empty(len(inputs))
        gaussian_log_partition(inputs, self.bias, self.variance, out)
        return out

    def energy(self, states):
        """Energy of states on their own, the sum of (state - bias)^2 / (2 variance); nats."""
        out = np.empty(len(states))
        gaussian_energy(states, self.bias, self.variance, out)
        return out

    def bear(self, largest_inputs):
        """Whether the means that inputs lead to are not too many deviations apart."""
        return bool((np.sqrt(self.variance) * largest_inputs < MOST_DEVIATIONS).all())

    # Learning. With s the variances, W the weights and M = s W what a hidden unit that is on adds
    # to the means, what moves is M, the bias b and log s: M along <v h>, b along <v>, which are
    # gradients times s, so that a step of one length suits any variance. For W this is a step along
    # <(v / s) h>, and where s moves while M stays, W changes by the factor s_before / s_after.

    def over_variance(self, states):
        """Divide states by the variances, in place."""
        states /= self.variance

    def log_variance_gradient(self, states, inputs, row_weights):
        """Gradient of the log-likelihood by the log-variances, the phases given as weighed rows.

        The derivative of the energy is v input - (v - bias)^2 / (2 variance) for each unit, where
        the bias and M are held.

        Parameters
        ----------
        states : ndarray of shape (n_rows, n_units)
            Visible states of both phases.
        inputs : ndarray of shape (n_rows, n_units)
            Their inputs, times the weights of the rows.
        row_weights : ndarray of shape (n_rows,)
            Positive for data, negative for chains.
        """
        half_squares = np.square(states - self.bias) / (2 * self.variance)
        return row_weights @ half_squares - np.einsum("ri,ri->i", states, inputs)

    def move_log_variance(self, step):
        """Move within bounds; the factor by which inputs change, as the means are held."""
        before = self.log_variance.copy()
        np.clip(before + step, _LOWEST_LOG_VARIANCE, _HIGHEST_LOG_VARIANCE, out=self.log_variance)
        return np.exp(before - self.log_variance)
