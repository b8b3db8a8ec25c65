"""Layers of units: distributions of units given their inputs from adjacent layers.

A layer has parameters, and computes from them mean and samples given the inputs, the log-partition
function of the inputs, and the own energy of states. Two layers of one kind can be mixed
(``between``), and one with few states can be enumerated (``states`` and ``n_states``, which is
infinite for real-valued units). Inputs are computed elsewhere: a machine consists of layers and the
couplings between them. For a new kind of unit, add a class here, and a function in
:mod:`skebm.boltzmann.conditionals`. Inputs are changed in place: ``mean`` turns them into means,
``sample`` means into states.

The input of a unit is the derivative, with respect to its state, of the terms that the other layers
add to the log-density: the weights apply to states, not to states divided by a variance.
"""

import itertools
import math
from typing import ClassVar

import numpy as np

from ..kernels.activations import logistic
from ..kernels.layers import (
    MOST_DEVIATIONS,
    bernoulli_log_partition,
    gaussian_energy,
    gaussian_log_partition,
    gaussian_mean,
    sample_bernoulli,
    sample_gaussian,
    sample_softmax,
    softmax_log_partition,
    softmax_of_groups,
)
from ..kernels.products import multiply

# Bounds of log-variances in learning: for data with variance 1, from a unit that is almost
# determined to a standard deviation ten times that of the data.
_LOWEST_LOG_VARIANCE, _HIGHEST_LOG_VARIANCE = np.log(1e-4), np.log(1e2)


class _Units:
    """Base class of all kinds of layers.

    A subclass is created from arrays with one number per unit, such as the bias, and names them in
    ``parameter_names``. It must define ``mean``, ``sample`` and ``log_partition``, which depend on
    the inputs; ``with_mean``, units with the means of data; ``kind``, for scores; ``n_states`` and
    ``states``, if the states can be counted. The other methods are for units whose energy is -state
    * bias.
    """

    parameter_names: ClassVar = ("bias",)

    # "binary"; "choice", exactly one of the units being on; "real"; or "several", whose ``parts``
    # have these kinds.
    kind = "binary"

    # Share of its distance from the mean that a unit keeps from one draw to the next, see
    # GaussianUnits.
    inertia = 0.0

    # Number of states of the whole layer.
    n_states = math.inf

    # Mask of units of constant features; None: none.
    is_constant = None

    # Largest initial standard deviation of the contribution of all hidden units to the log-odds of
    # a unit; for units that are not binary, to the mean.
    largest_initial_input = 6.0

    @property
    def parts(self):
        """Pairs (kind of units, slice of the layer), one per kind."""
        return [(self.kind, slice(0, len(self.bias)))]

    @property
    def n_columns(self):
        """Number of columns of random numbers for samples, see :mod:`skebm.kernels.layers`."""
        return len(self.bias) + -len(self.bias) % 4

    @property
    def parameters(self):
        """The arrays of parameters."""
        return [getattr(self, name) for name in self.parameter_names]

    @property
    def variance(self):
        """Variance of each unit given its input; 1 if a unit has no such parameter."""
        return np.ones_like(self.bias)

    def copy(self, dtype):
        """The same units with parameters of their own, of the type ``dtype``."""
        return type(self)(*(parameter.astype(dtype) for parameter in self.parameters))

    def add_to_bias(self, inputs):
        """Add inputs that are the same for all rows to the bias."""
        self.bias += inputs.astype(self.bias.dtype)

    def tolerate(self, largest_inputs):
        """Whether inputs, the largest of each unit, are small enough for computations."""
        return True

    def between(self, base, beta):
        """Units with ``1 - beta`` times the energy of ``base`` and ``beta`` times that of these."""
        return type(self)(base.bias + beta * (self.bias - base.bias))

    def energy(self, states, known=None):
        """Own energy of states, -states @ bias, for each row; nats.

        Only units that are ``known`` in a row, a mask, are included.
        """
        if known is not None:
            states = np.where(known, states, states.dtype.type(0))
        out = np.empty((len(states), 1), dtype=states.dtype)
        return -multiply(states, self.bias[:, None], out)[:, 0]

    def over_variance(self, states):
        """Divide states by the variances of the units, in place, where they have some."""

    def log_variance_gradient(self, states, inputs, row_weights, known=None):
        """Gradient of the log-likelihood with respect to log-variances: 0 if there are none."""
        return np.zeros_like(self.bias)

    def move_log_variance(self, step):
        """Change log-variances; return the factor by which inputs change."""
        return np.ones_like(self.bias)

    def base_rate(self, n_rows, address):
        """States drawn without inputs, of shape (n_rows, n_units)."""
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

        Half a row of each state is added to the data, so that a constant unit has a finite bias.
        """
        mean = (np.clip(mean, 0, 1) * n_rows + 0.5) / (n_rows + 1)
        return cls(np.log(mean) - np.log1p(-mean))

    def with_mean(self, mean, n_rows):
        """Units of the same kind with this mean without inputs, see :meth:`from_mean`."""
        return self.from_mean(mean, n_rows)

    @property
    def n_states(self):
        """Number of states of the whole layer."""
        return 2 ** len(self.bias)

    def states(self, numbers):
        """States of the layer by their indices; the last unit is the lowest bit."""
        bits = np.asarray(numbers)[:, None] >> np.arange(len(self.bias))[::-1] & 1
        return bits.astype(self.bias.dtype, order="C")

    def mean(self, inputs):
        """Probabilities of being on, written over ``inputs`` (n_rows, n_units)."""
        logistic(inputs, self.bias, 0, len(self.bias))
        return inputs

    def sample(self, mean, address, out=None, previous=None, column=0):
        """States drawn at the address (seed, stream, first row), over ``mean`` if no ``out``."""
        out = mean if out is None else out
        sample_bernoulli(mean, *address, column, out)
        return out

    def log_partition(self, inputs):
        """Log of the sum over the states s of exp(s (bias + input)), summed over units; nats."""
        out = np.empty(len(inputs))  # float64, because differences are computed and summed
        bernoulli_log_partition(inputs, self.bias, out)
        return out


class SoftmaxUnits(_Units):
    """Groups of units of which exactly one is on, so that a group is a choice.

    p(unit j of a group is on | input) is proportional to exp(bias_j + input_j).

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
    sizes : sequence of int
        Number of units of each group, in the order of the units.
    """

    kind = "choice"

    def __init__(self, bias, sizes):
        self.bias = bias
        self.sizes = tuple(sizes)
        self._starts = np.concatenate([[0], np.cumsum(self.sizes)])

    def with_mean(self, mean, n_rows):
        """Units of the same kind that are on as often as in ``n_rows`` rows of data with this mean.

        Half a row of each choice is added to the data, as for :class:`BernoulliUnits`.
        """
        bias = np.log(np.clip(mean, 0, 1) * n_rows + 0.5)
        for _, group in self.parts:
            bias[group] -= bias[group].mean()
        return type(self)(bias, self.sizes)

    @property
    def parts(self):
        """A pair of kind and slice for each group."""
        ends = self._starts.tolist()
        return [(self.kind, slice(*bounds)) for bounds in itertools.pairwise(ends)]

    @property
    def n_states(self):
        """Number of states of the whole layer."""
        return math.prod(self.sizes)

    def copy(self, dtype):
        """The same units with parameters of their own, of the type ``dtype``."""
        return type(self)(self.bias.astype(dtype), self.sizes)

    def between(self, base, beta):
        """Units with ``1 - beta`` times the energy of ``base`` and ``beta`` times that of these."""
        return type(self)(base.bias + beta * (self.bias - base.bias), self.sizes)

    def states(self, numbers):
        """States of the layer by their indices; the last group changes fastest."""
        choices = np.unravel_index(np.asarray(numbers), self.sizes)
        one_hot = [
            np.eye(size, dtype=self.bias.dtype)[choice]
            for size, choice in zip(self.sizes, choices, strict=True)
        ]
        return np.hstack(one_hot)

    def mean(self, inputs):
        """Probabilities of being on, written over ``inputs`` (n_rows, n_units)."""
        softmax_of_groups(inputs, self.bias, self._starts)
        return inputs

    def sample(self, mean, address, out=None, previous=None, column=0):
        """States drawn at the address (seed, stream, first row), over ``mean`` if no ``out``."""
        out = mean if out is None else out
        sample_softmax(mean, self._starts, *address, column, out)
        return out

    def log_partition(self, inputs):
        """Log of the sum over the states s of exp(s (bias + input)), summed over groups; nats."""
        out = np.empty(len(inputs))
        softmax_log_partition(inputs, self.bias, self._starts, out)
        return out


class GaussianUnits(_Units):
    """Real-valued units: p(state | input) = N(bias + variance * input, variance).

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Mean of each unit when its input is zero.
    log_variance : ndarray of shape (n_units,)
        Log of the variance of each unit.
    inertia : float, default=0.0
        Share of the distance from the mean that a unit keeps from its last state, in [0, 1). Above
        zero a draw is one exact step of Langevin dynamics of the units given their inputs (of
        Ornstein and Uhlenbeck's process), which keeps their distribution given the inputs but not
        the independence of one state from the last.
    is_constant : ndarray of bool, of shape (n_units,), default=None
        Units whose draws are their means: features that are always the same in the data. In
        densities they count as all others. None: there are none.
    """

    parameter_names = ("bias", "log_variance")

    kind = "real"

    # If the square were above 1 / 4, no variance of the units would give features a variance of 1.
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

    def add_to_bias(self, inputs):
        """Add inputs that are the same for all rows to the bias."""
        self.bias += self.variance * inputs.astype(self.bias.dtype)

    def with_mean(self, mean, n_rows):
        """Units of the same kind with this mean and a variance of 1 without inputs."""
        if self.is_constant is not None:
            mean = np.where(self.is_constant, 0, mean)  # the mean is only rounding noise
        return type(self)(mean, np.zeros_like(mean), is_constant=self.is_constant)

    @property
    def variance(self):
        """Variance of each unit given its input."""
        return np.exp(self.log_variance)

    def between(self, base, beta):
        """Units with ``1 - beta`` times the energy of ``base`` and ``beta`` times that of these.

        Up to a constant: 1 / variance and bias / variance are linear in beta.
        """
        share, base_share = beta / self.variance, (1 - beta) / base.variance
        precision = share + base_share
        bias = (share * self.bias + base_share * base.bias) / precision
        return type(self)(bias, -np.log(precision), is_constant=self.is_constant)

    def mean(self, inputs):
        """Means, written over ``inputs`` (n_rows, n_units)."""
        gaussian_mean(inputs, self.bias, self.variance)
        return inputs

    def sample(self, mean, address, out=None, previous=None, column=0):
        """States drawn at the address (seed, stream, first row), over ``mean`` if no ``out``.

        Units with inertia continue from the ``previous`` states.
        """
        out = mean if out is None else out
        deviation = np.sqrt(self.variance)
        if self.is_constant is not None:
            deviation[self.is_constant] = 0
        if previous is not None and self.inertia:
            mean = mean + self.inertia * (previous - mean)
            deviation *= np.sqrt(1 - self.inertia**2)
        sample_gaussian(mean, deviation, *address, column, out)
        return out

    def log_partition(self, inputs):
        """Log of the integral over the states s of exp(s input - energy of s), summed over units.

        In nats, for each row.
        """
        out = np.empty(len(inputs))
        gaussian_log_partition(inputs, self.bias, self.variance, out)
        return out

    def energy(self, states, known=None):
        """Own energy of states, the sum of (state - bias)^2 / (2 variance); nats.

        The sum is over the units that are ``known`` in a row, a mask.
        """
        if known is not None:  # a state at its mean has no energy
            states = np.where(known, states, self.bias)
        out = np.empty(len(states))
        gaussian_energy(states, self.bias, self.variance, out)
        return out

    def tolerate(self, largest_inputs):
        """Whether the means under these largest inputs are not too many deviations apart."""
        return bool((np.sqrt(self.variance) * largest_inputs < MOST_DEVIATIONS).all())

    # Learning. Let s be the variances, W the weights and M = s W the contribution of hidden units
    # that are on to the means. M, the bias b and log s are updated: M along <v h>, b along <v>.
    # These are gradients times s, so that one step size suits all variances. For W this is a step
    # along <(v / s) h>. If s changes and M is constant, W changes by the factor s_before / s_after.

    def over_variance(self, states):
        """Divide states by the variances, in place."""
        states /= self.variance

    def log_variance_gradient(self, states, inputs, row_weights, known=None):
        """Gradient of the log-likelihood with respect to log-variances, from weighted rows.

        The derivative of the energy is v input - (v - bias)^2 / (2 variance) for each unit, with
        constant bias and M.

        Parameters
        ----------
        states : ndarray of shape (n_rows, n_units)
            Visible states of both phases.
        inputs : ndarray of shape (n_rows, n_units)
            Their inputs, times the weights of the rows.
        row_weights : ndarray of shape (n_rows,)
            Positive for data, negative for chains.
        known : ndarray of bool, of shape (n_rows, n_units), default=None
            Units that are there in each row; the others are constant. None: all are there.
        """
        half_squares = np.square(states - self.bias) / (2 * self.variance)
        if known is not None:
            half_squares *= known
        return row_weights @ half_squares - np.einsum("ri,ri->i", states, inputs)

    def move_log_variance(self, step):
        """Change log-variances within bounds; return the factor of inputs that keeps the means."""
        before = self.log_variance.copy()
        np.clip(before + step, _LOWEST_LOG_VARIANCE, _HIGHEST_LOG_VARIANCE, out=self.log_variance)
        return np.exp(before - self.log_variance)


class SideBySide(_Units):
    """A layer of several kinds of units, one kind after another.

    Parameters
    ----------
    layers : list of layers of units
        They become parts of this one: their biases become views of its bias.
    """

    kind = "several"

    def __init__(self, layers):
        self.layers = layers
        self.places = _stretches(layers)
        self.bias = np.concatenate([layer.bias for layer in layers])
        # Each part uses its own columns of random numbers.
        self._columns = [0, *itertools.accumulate(layer.n_columns for layer in layers)]

    @property
    def bias(self):
        """Biases of all units; those of the parts are views of them."""
        return self._bias

    @bias.setter
    def bias(self, array):
        self._bias = array
        for layer, place in zip(self.layers, self.places, strict=True):
            layer.bias = array[place]

    @property
    def n_columns(self):
        """Number of columns of random numbers for samples: the sum over the parts."""
        return self._columns[-1]

    @property
    def parts(self):
        """Pairs (kind of units, slice of the layer), one per kind or group."""
        return [
            (kind, slice(place.start + part.start, place.start + part.stop))
            for layer, place in zip(self.layers, self.places, strict=True)
            for kind, part in layer.parts
        ]

    @property
    def parameters(self):
        """The arrays of parameters: the bias, then the other ones of the parts."""
        return [self.bias, *(p for layer in self.layers for p in layer.parameters[1:])]

    @property
    def n_states(self):
        """Number of states of the whole layer."""
        return math.prod(layer.n_states for layer in self.layers)

    @property
    def variance(self):
        """Variance of each unit given its input; 1 if a unit has no such parameter."""
        return np.concatenate([layer.variance for layer in self.layers])

    @property
    def log_variance(self):
        """Log of the same."""
        return np.log(self.variance)

    @property
    def is_constant(self):
        """Mask of units of constant features."""
        are_constant = np.zeros(len(self.bias), dtype=bool)
        for layer, place in zip(self.layers, self.places, strict=True):
            are_constant[place] = False if layer.is_constant is None else layer.is_constant
        return are_constant

    @property
    def inertia(self):
        """The largest inertia of the parts."""
        return max(layer.inertia for layer in self.layers)

    @property
    def largest_initial_input(self):
        """The smallest value of the parts."""
        return min(layer.largest_initial_input for layer in self.layers)

    def copy(self, dtype):
        """The same units with parameters of their own, of the type ``dtype``."""
        return SideBySide([layer.copy(dtype) for layer in self.layers])

    def between(self, base, beta):
        """Units with ``1 - beta`` times the energy of ``base`` and ``beta`` times that of these."""
        pairs = zip(self.layers, base.layers, strict=True)
        return SideBySide([layer.between(of_base, beta) for layer, of_base in pairs])

    def with_mean(self, mean, n_rows):
        """Units of the same kinds with this mean without inputs."""
        pairs = zip(self.layers, self.places, strict=True)
        return SideBySide([layer.with_mean(mean[place], n_rows) for layer, place in pairs])

    def states(self, numbers):
        """States of the layer by their indices; those of the last part change fastest."""
        numbers = np.unravel_index(np.asarray(numbers), [layer.n_states for layer in self.layers])
        pairs = zip(self.layers, numbers, strict=True)
        return np.hstack([layer.states(of_part) for layer, of_part in pairs])

    def mean(self, inputs):
        """Means, written over ``inputs`` (n_rows, n_units)."""
        for layer, place, of_part in self._parts_of(inputs):
            inputs[:, place] = layer.mean(of_part)
        return inputs

    def sample(self, mean, address, out=None, previous=None, column=0):
        """States drawn at the address (seed, stream, first row), over ``mean`` if no ``out``."""
        out = mean if out is None else out
        parts = zip(self._parts_of(mean), self._columns[:-1], strict=True)
        for (layer, place, of_part), own in parts:
            before = None if previous is None else previous[:, place]
            drawn = layer.sample(of_part, address, previous=before, column=column + own)
            out[:, place] = drawn
        return out

    def log_partition(self, inputs):
        """Log of the sum over all states, of each row; nats."""
        return sum(layer.log_partition(of_part) for layer, _, of_part in self._parts_of(inputs))

    def energy(self, states, known=None):
        """Energy of states on their own, for each row; nats."""
        return sum(
            layer.energy(of_part, None if known is None else known[:, place])
            for layer, place, of_part in self._parts_of(states)
        )

    def add_to_bias(self, inputs):
        """Add inputs that are the same for all rows to the bias."""
        for layer, place in zip(self.layers, self.places, strict=True):
            layer.add_to_bias(inputs[place])

    def tolerate(self, largest_inputs):
        """Whether inputs, the largest of each unit, are small enough for computations."""
        pairs = zip(self.layers, self.places, strict=True)
        return all(layer.tolerate(largest_inputs[place]) for layer, place in pairs)

    def over_variance(self, states):
        """Divide states by the variances of the units, in place, where they have some."""
        for layer, place in zip(self.layers, self.places, strict=True):
            layer.over_variance(states[:, place])

    def log_variance_gradient(self, states, inputs, row_weights, known=None):
        """See :meth:`GaussianUnits.log_variance_gradient`."""
        gradients = []
        for layer, place in zip(self.layers, self.places, strict=True):
            of_part = states[:, place], inputs[:, place], row_weights
            there = None if known is None else known[:, place]
            gradients.append(layer.log_variance_gradient(*of_part, there))
        return np.concatenate(gradients)

    def move_log_variance(self, step):
        """See :meth:`GaussianUnits.move_log_variance`."""
        pairs = zip(self.layers, self.places, strict=True)
        return np.concatenate([layer.move_log_variance(step[place]) for layer, place in pairs])

    def _parts_of(self, array):
        """Yield each part, its slice, and a copy of its columns of an array."""
        for layer, place in zip(self.layers, self.places, strict=True):
            yield layer, place, np.ascontiguousarray(array[:, place])


def side_by_side(layers):
    """One layer with the units of several layers, whose biases become views of its bias."""
    if len(layers) == 1:
        return layers[0]
    units = SideBySide(layers)
    # Units of one kind need only one pass.
    return BernoulliUnits(units.bias) if all(x.kind == "binary" for x in layers) else units


def places_of(layers):
    """Slice of each layer on its side, the even or the odd layers."""
    sides = _stretches(layers[::2]), _stretches(layers[1::2])
    return [sides[number % 2][number // 2] for number in range(len(layers))]


def _stretches(layers):
    """Slice of each layer in the units of all layers."""
    ends = itertools.accumulate(len(layer.bias) for layer in layers)
    return [slice(end - len(layer.bias), end) for layer, end in zip(layers, ends, strict=True)]
