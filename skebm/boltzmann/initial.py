"""Where hidden units begin: weights that carry the data, biases at which units are seldom on.

A unit that begins with small weights says nearly the same of all rows until learning has made them
large, which takes more steps than a small table has to offer. Here the input of a unit varies from
row to row from the start, and its bias is such that it is on for some rows and off for most: what
the units say is a random projection of the data before anything is learned, and learning mends it.

The same units take the place of those that have died, which is what a unit is called whose mean
is the same for all rows: nothing in the gradient would bring it back.
"""

import math

import numpy as np
from scipy.linalg import qr, svd

from .._source import chunks
from .._threads import one_blas_thread
from .couplings import Dense
from .machine import Machine
from .units import BernoulliUnits

# Share of the rows that a hidden unit begins on for, where no sparsity is asked for.
ACTIVITY = 0.2

# Standard deviation, over the rows of data, of what goes into a hidden unit at most. A unit for
# which it is 2 is nearly a threshold.
_LARGEST_INPUT = 2.0

# Rate times steps of an epoch up to which units begin at this scale. Longer epochs make weights
# large by themselves, and what they find is better the less there is to unlearn: with 100 labels, a
# linear classifier on features of 13,000 postings in 100 words was right on 65 per cent at the full
# scale and on 73 at a tenth. On 1,797 digits the full scale was better by everything measured.
_LENGTH_OF_SHORT_EPOCH = 20.0

# Weights that need not be smaller, since learning soon outgrows them. What 2048 units begin as on
# MNIST, at weights of 0.28, is of use: at a third of it, 0.2 per cent more digits were mistaken.
_SMALL_WEIGHT = 0.25

# How much of a small change in the layer below a new layer above it gives back at most, in one turn
# of mean field. At a quarter, 37 per cent of 1000 units above 500 said nearly the same of ten rows
# of five columns, at a half 4; at 1, features of 500 images were worse than the pixels.
_LOOP_GAIN = 0.5

# Share of the variance of a hidden layer that units above it hear.
_SHARE_OF_VARIANCE = 0.95

# How much of the largest scale RBMs begin with whose units become layers above the first hidden one
# of a deep machine, where they feed back into the layer that they hear from: on digits, 256 and 256
# units, a third of all units were dead at the full scale after greedy training and 20 epochs more,
# 3 in 100 at this one.
_SHARE_ABOVE = 0.3

# Vectors that are made orthogonal together.
_ORTHOGONAL_VECTORS = 1000

_TINY = np.finfo(np.float64).tiny

# A unit whose mean varies by less than this over all rows is dead.
_SMALLEST_VARIATION = 0.05


def random_hidden_units(
    n_units,
    visible,
    mean,
    variance,
    n_hidden,
    activity,
    generator,
    share=1.0,
    small_weight=_SMALL_WEIGHT,
):
    """Weights and biases of hidden units that know nothing yet but answer to the data.

    The weights have random directions and one scale, at most the largest at which what goes into a
    hidden unit has a standard deviation of 2 over the rows, and what all hidden units add to a
    visible one has one of ``visible.largest_initial_input`` over their states. The weights of any
    two visible units are orthogonal, where there are as many hidden ones: to second order in the
    weights, the model is then one of independent features, with the means of the data. Visible
    units that never vary have no weights.

    Parameters
    ----------
    n_units : int
        How many units to make.
    visible : layer of units
        The visible layer.
    mean, variance : ndarray of shape (n_visible,)
        Of the visible states of the data.
    n_hidden : int
        Number of units in the hidden layer.
    activity : float
        Share of the rows that a unit is on for, about.
    generator : numpy Generator or RandomState
    share : float, default=1.0
        How much of the largest scale to take, see :func:`share_of_scale`.
    small_weight : float
        A weight that is not made smaller than this.

    Returns
    -------
    weights : ndarray of shape (n_visible, n_units)
    bias : ndarray of shape (n_units,)
    """
    # Squares of numbers near the largest ones overflow; sums of this do not.
    variance = np.minimum(variance, np.finfo(np.float64).max / len(variance) / 2)
    largest, of_rows = initial_scale(visible, variance, n_hidden, activity)
    scale = max(share * largest, min(largest, small_weight))
    deviation = scale * of_rows
    varies = variance > 0
    directions = np.zeros((n_units, len(mean)))
    directions[:, varies] = _orthogonal(n_units, np.count_nonzero(varies), generator)
    visible.over_variance(directions)
    weights = scale * directions.T
    # A normal input of this deviation brings the mean activity as near to a half as dividing the
    # bias by this root does: D. J. C. MacKay, "The evidence framework applied to classification
    # networks", Neural Computation 4, 1992.
    root = math.sqrt(1 + math.pi * deviation**2 / 8)
    return weights, math.log(activity / (1 - activity)) * root - mean @ weights


def initial_machine(
    visible, moments, n_hidden, activity, generator, dtype, share=1.0, copies=(1, 1)
):
    """A machine that has the means of the data, and the means of its states given the data.

    Parameters: see :func:`random_hidden_units`; ``moments`` are (mean, variance) of the visible
    states of the data, ``dtype`` is the type of the parameters, and ``copies`` are those of
    :class:`~skebm.boltzmann.couplings.Dense`. Hidden units that count twice are those of a layer
    above the first one of a deep machine, and begin as small.
    """
    mean, variance = moments
    small_weight = _SMALL_WEIGHT
    if copies[1] > 1:
        share, small_weight = min(share, _SHARE_ABOVE), 0.0
    weights, bias = random_hidden_units(
        n_hidden, visible, mean, variance, n_hidden, activity, generator, share, small_weight
    )
    # Room for weights that are not yet divided by the copies of the data: with less, hidden units
    # fell silent for most digits (after 10 epochs they were on for 8 in 100, and not 17), and in
    # the machine that they became a part of 9 in 100 were dead, not 2.
    for _ in range(copies[1]):
        make_room(visible, weights, activity, mean)
    hidden = BernoulliUnits(bias.astype(dtype))
    weights = (weights / copies[0]).astype(dtype, order="C")
    machine = Machine.restricted(weights, visible.copy(dtype), hidden, copies)
    return machine, (mean.astype(dtype), np.full(n_hidden, activity, dtype=dtype))


def with_layers_above(machine, states, sizes, activity, generator):
    """A restricted machine with more layers of binary units on top, and the means of all states.

    Parameters
    ----------
    machine : Machine
        With two layers.
    states : ndarray of shape (n_rows, n_visible)
        Visible states of some of the data.
    sizes : sequence of int
        Numbers of units of the layers to add, from the lowest to the highest.
    activity : float
    generator : numpy Generator or RandomState

    Returns
    -------
    machine : Machine
    means : tuple of ndarray, of shapes (n_even,) and (n_odd,)
    """
    dtype, couplings = machine.dtype, list(machine.couplings)
    layers = [layer.copy(dtype) for layer in machine.layers]
    heard = [states, layers[1].mean(couplings[0].up(states))]
    for n_units in sizes:
        weights, bias = _units_above(heard[-1].astype(np.float64), n_units, activity, generator)
        make_room(layers[-1], weights, activity, heard[-1].mean(axis=0, dtype=np.float64))
        couplings.append(Dense(weights.astype(dtype, order="C")))
        layers.append(BernoulliUnits(bias.astype(dtype)))
        heard.append(layers[-1].mean(couplings[-1].up(heard[-1])))
    means = [some.mean(axis=0) for some in heard]
    return Machine(layers, couplings), (np.concatenate(means[::2]), np.concatenate(means[1::2]))


def _units_above(heard, n_units, activity, generator):
    """Weights and biases of units above a hidden layer, of which ``heard`` are means given data.

    The weights lie in the space of the principal components of what is heard, and have the same
    length along each: a unit hears what differs from row to row and nothing else. Random ones
    would have to be several times as large for the same differences in what it says, and so large
    that what comes back from above drowns the data.
    """
    mean = heard.mean(axis=0)
    _, lengths, components = svd(heard - mean, full_matrices=False)
    shares = np.cumsum(np.square(lengths))
    n_kept = min(n_units, 1 + np.searchsorted(shares, _SHARE_OF_VARIANCE * shares[-1]))
    weights = components[:n_kept].T @ _orthogonal(n_units, n_kept, generator).T
    deviation = math.sqrt(np.square(lengths[:n_kept]).sum() / len(heard))
    # All singular values of the weights are the root of the number of units.
    scale = math.sqrt(_LOOP_GAIN / n_units) / (activity * (1 - activity))
    scale = min(scale, _LARGEST_INPUT / max(deviation, _TINY))
    root = math.sqrt(1 + math.pi * (scale * deviation) ** 2 / 8)
    bias = math.log(activity / (1 - activity)) * root - scale * (mean @ weights)
    return scale * weights, bias


def initial_scale(visible, variance, n_hidden, activity):
    """The largest scale of initial weights, and the standard deviation of inputs at a scale of 1.

    Parameters: see :func:`random_hidden_units`. The weights are over the variances of the visible
    units, where these have some.
    """
    factors = np.ones((1, len(variance)))
    visible.over_variance(factors)
    of_rows = math.sqrt(np.sum(variance * np.square(factors)))
    of_states = math.sqrt(n_hidden * activity * (1 - activity))
    scale = visible.largest_initial_input / of_states
    if scale * of_rows > _LARGEST_INPUT:
        scale = _LARGEST_INPUT / of_rows
    return scale, of_rows


def share_of_scale(learning_rate, n_updates):
    """How much of the largest scale is left at this rate, with so many steps an epoch; up to 1."""
    return min(1.0, _LENGTH_OF_SHORT_EPOCH / max(learning_rate * n_updates, 1.0))


def make_room(visible, weights, activity, mean):
    """Move the visible bias so that the means of the states stay what they are with new units.

    To second order in the weights, with hidden units that know nothing of each other: what is
    linear in a state is what the units add to it on average; what is quadratic is linear too
    for states of 0 and 1, but for a number, and leaves the means of real-valued states alone.

    Parameters
    ----------
    visible : layer of units
        Changed in place.
    weights : ndarray of shape (n_visible, n_units)
        Of the new hidden units.
    activity : float
        The mean of the new hidden units.
    mean : ndarray of shape (n_visible,)
        The means of the visible states.
    """
    inputs = activity * weights.sum(axis=1)
    for kind, part in visible.parts:
        if kind != "real":
            squares = np.square(weights[part]).sum(axis=1)
            inputs[part] += squares * (activity * (1 - activity) * (0.5 - mean[part]))
    visible.add_to_bias(-inputs)


def _orthogonal(n_rows, n_columns, generator):
    """A random matrix with orthogonal columns, or rows if these are fewer, of mean square 1.

    They are made so in blocks, since the time for a block grows with the square of its size.
    """
    matrix = generator.normal(size=(n_rows, n_columns))
    vectors = matrix if n_columns <= n_rows else matrix.T
    length = math.sqrt(len(vectors))
    with one_blas_thread():
        for block in chunks(vectors.shape[1], _ORTHOGONAL_VECTORS):
            vectors[:, block] = length * qr(vectors[:, block], mode="economic")[0]
    return matrix


def dead_units(means):
    """Whether each unit is dead, from the means (n_rows, n_units) that it has given the data."""
    if len(means) < 2:
        return np.zeros(means.shape[1], dtype=bool)
    return np.ptp(means, axis=0) < _SMALLEST_VARIATION


def restart_units(learner, units, states, means, activity, known=None):
    """Put new hidden units in the place of some that are dead.

    Parameters
    ----------
    learner : Learner
        Changed in place.
    units : ndarray of bool, of shape (n_hidden,)
        Which ones.
    states : ndarray of shape (n_rows, n_visible)
        Visible states of some of the data.
    means : ndarray of shape (n_rows, n_hidden)
        Means of the hidden units given these.
    activity : float
        Share of the rows that a unit is then on for, about.
    known : ndarray of bool, of shape (n_rows, n_visible), default=None
        Which of the states are known; the others are 0. None: all are.
    """
    machine, generator = learner.machine, learner.streams.generator()
    # In double precision: a mean of many small numbers.
    with np.errstate(over="ignore"):
        # Of a unit that is nowhere known, all states are 0.
        where = True if known is None else known | ~known.any(axis=0)
        mean, variance = (
            f(states, axis=0, dtype=np.float64, where=where) for f in (np.mean, np.var)
        )
    weights, bias = random_hidden_units(
        np.count_nonzero(units), machine.visible, mean, variance, len(units), activity, generator
    )
    before = means[:, units].mean(axis=0, dtype=np.float64)
    machine.visible.add_to_bias(machine.weights[:, units] @ before)
    machine.weights[:, units], machine.hidden.bias[units] = weights, bias
    make_room(machine.visible, weights, activity, mean)
    learner.offsets[1][units] = activity
    learner.forget(units)
    chains = learner.chains.states
    if chains is not None:
        chains[..., units] = generator.random((*chains.shape[:-1], len(bias))) < activity
