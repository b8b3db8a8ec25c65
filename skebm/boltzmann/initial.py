"""Initial hidden units: weights that represent the data, and biases with sparse activities.

A unit with small initial weights has nearly the same activity for all rows until learning has made
the weights large, which takes more steps than a small table provides. Here the input of a unit
varies between rows from the start, and with its bias it is on for some rows and off for most: the
hidden layer starts as a random projection of the data, which learning improves.

Such units also replace dead ones. A unit is dead if its mean is the same for all rows; the gradient
would not bring it back.
"""

import math

import numpy as np
from scipy.linalg import qr, svd

from .._source import chunks
from .._threads import one_blas_thread
from .couplings import Dense
from .machine import Machine
from .units import BernoulliUnits

# Initial mean activity of a hidden unit, if there is no sparsity target.
ACTIVITY = 0.2

# Largest standard deviation, over the rows of data, of the input of a hidden unit. With 2, a unit
# is almost a threshold.
_LARGEST_INPUT = 2.0

# Learning rate times steps per epoch up to which units start at this scale. Longer epochs make
# weights large by themselves, and features are better if there is less to unlearn: with 100 labels,
# the accuracy of a linear classifier on features of 13,000 postings in 100 words was 65 % at the
# full scale and 73 % at a tenth. On 1,797 digits the full scale was better by all measures.
_LENGTH_OF_SHORT_EPOCH = 20.0

# Weights need not be smaller than this, because learning soon makes them larger. On MNIST, 2048
# units start with weights of 0.28, which is useful: at a third of it, 0.2 % more digits were
# misclassified.
_SMALL_WEIGHT = 0.25

# Largest gain of the loop between a layer and a new layer above it, in one sweep of mean field.
# With 1/4, 37 % of 1000 units above 500 had nearly the same activity for ten rows of five columns,
# with 1/2 4 %; with 1, features of 500 images were worse than the pixels.
_LOOP_GAIN = 0.5

# Share of the variance of a hidden layer that the units above it represent.
_SHARE_OF_VARIANCE = 0.95

# Share of the largest scale for RBMs whose hidden units become layers above the first hidden one of
# a deep machine, where they feed back into the layer below. On digits with 256 and 256 units, a
# third of all units were dead at the full scale after greedy training and 20 more epochs, and 3 %
# at this one.
_SHARE_ABOVE = 0.3

# Number of vectors that are made orthogonal together.
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
    """Random weights and biases of hidden units, scaled to the data.

    The weights have random directions and one scale. At the largest scale, the input of a hidden
    unit has a standard deviation of 2 over the rows, and the input of a visible unit one of at most
    ``visible.largest_initial_input`` over the hidden states. The weights of any two visible units
    are orthogonal, if there are at least as many hidden units: to second order in the weights, the
    features are then independent in the model, with the means of the data. The weights of constant
    visible units are zero.

    Parameters
    ----------
    n_units : int
        Number of units to create.
    visible : layer of units
        The visible layer.
    mean, variance : ndarray of shape (n_visible,)
        Moments of the visible states of the data.
    n_hidden : int
        Number of units in the hidden layer.
    activity : float
        Approximate mean activity of a unit.
    generator : numpy Generator or RandomState
    share : float, default=1.0
        Share of the largest scale, see :func:`share_of_scale`.
    small_weight : float
        Weights are not reduced below this size.

    Returns
    -------
    weights : ndarray of shape (n_visible, n_units)
    bias : ndarray of shape (n_units,)
    """
    # Avoids overflow in sums of variances.
    variance = np.minimum(variance, np.finfo(np.float64).max / len(variance) / 2)
    largest, of_rows = initial_scale(visible, variance, n_hidden, activity)
    scale = max(share * largest, min(largest, small_weight))
    deviation = scale * of_rows
    varies = variance > 0
    directions = np.zeros((n_units, len(mean)))
    directions[:, varies] = _orthogonal(n_units, np.count_nonzero(varies), generator)
    visible.over_variance(directions)
    weights = scale * directions.T
    # With a normal input of this deviation, the mean activity is about that of the bias divided by
    # this root: D. J. C. MacKay, "The evidence framework applied to classification networks",
    # Neural Computation 4, 1992.
    root = math.sqrt(1 + math.pi * deviation**2 / 8)
    return weights, math.log(activity / (1 - activity)) * root - mean @ weights


def initial_machine(
    visible, moments, n_hidden, activity, generator, dtype, share=1.0, copies=(1, 1)
):
    """A machine with the means of the data, and the means of its states given the data.

    Parameters: see :func:`random_hidden_units`; ``moments`` are (mean, variance) of the visible
    states of the data, ``dtype`` is that of the parameters, and ``copies`` are those of
    :class:`~skebm.boltzmann.couplings.Dense`. Hidden units that count twice belong to a layer above
    the first hidden one of a deep machine, and start with smaller weights.
    """
    mean, variance = moments
    small_weight = _SMALL_WEIGHT
    if copies[1] > 1:
        share, small_weight = min(share, _SHARE_ABOVE), 0.0
    weights, bias = random_hidden_units(
        n_hidden, visible, mean, variance, n_hidden, activity, generator, share, small_weight
    )
    # The bias is adapted to weights that are not divided by the copies of the data. Otherwise the
    # activity of hidden units was too low on digits (8 % after 10 epochs, instead of 17 %), and 9 %
    # of them were dead in the deep machine, instead of 2 %.
    for _ in range(copies[1]):
        make_room(visible, weights, activity, mean)
    hidden = BernoulliUnits(bias.astype(dtype))
    weights = (weights / copies[0]).astype(dtype, order="C")
    machine = Machine.restricted(weights, visible.copy(dtype), hidden, copies)
    return machine, (mean.astype(dtype), np.full(n_hidden, activity, dtype=dtype))


def with_layers_above(machine, states, sizes, activity, generator):
    """A restricted machine with further layers of binary units on top, and the means of all states.

    Parameters
    ----------
    machine : Machine
        A machine with two layers.
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
    """Weights and biases of units above a hidden layer, whose means given data are ``heard``.

    The weights are in the space of the principal components of ``heard``, with the same length
    along each, so that the input of a unit contains only differences between rows. Random weights
    would have to be several times as large for the same differences in activity, and the feedback
    from above would then dominate the data.
    """
    mean = heard.mean(axis=0)
    _, lengths, components = svd(heard - mean, full_matrices=False)
    shares = np.cumsum(np.square(lengths))
    n_kept = min(n_units, 1 + np.searchsorted(shares, _SHARE_OF_VARIANCE * shares[-1]))
    weights = components[:n_kept].T @ _orthogonal(n_units, n_kept, generator).T
    deviation = math.sqrt(np.square(lengths[:n_kept]).sum() / len(heard))
    # All singular values of the weights are the square root of the number of units.
    scale = math.sqrt(_LOOP_GAIN / n_units) / (activity * (1 - activity))
    scale = min(scale, _LARGEST_INPUT / max(deviation, _TINY))
    root = math.sqrt(1 + math.pi * (scale * deviation) ** 2 / 8)
    bias = math.log(activity / (1 - activity)) * root - scale * (mean @ weights)
    return scale * weights, bias


def initial_scale(visible, variance, n_hidden, activity):
    """The largest scale of initial weights, and the standard deviation of inputs at a scale of 1.

    Parameters: see :func:`random_hidden_units`. The weights are divided by the variances of the
    visible units, if these have variances.
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
    """Share of the largest scale for this learning rate and steps per epoch; at most 1."""
    return min(1.0, _LENGTH_OF_SHORT_EPOCH / max(learning_rate * n_updates, 1.0))


def make_room(visible, weights, activity, mean):
    """Change the visible bias so that the means of the states do not change with new hidden units.

    This holds to second order in the weights, for independent hidden units. The linear term in a
    state is the mean input from the units. The quadratic term is also linear for states of 0 and 1,
    up to a constant, and does not change the means of real-valued states.

    Parameters
    ----------
    visible : layer of units
        Changed in place.
    weights : ndarray of shape (n_visible, n_units)
        Weights of the new hidden units.
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

    Vectors are orthogonal within blocks, because the time for a block grows with the square of its
    size.
    """
    matrix = generator.normal(size=(n_rows, n_columns))
    vectors = matrix if n_columns <= n_rows else matrix.T
    length = math.sqrt(len(vectors))
    with one_blas_thread():
        for block in chunks(vectors.shape[1], _ORTHOGONAL_VECTORS):
            vectors[:, block] = length * qr(vectors[:, block], mode="economic")[0]
    return matrix


def dead_units(means):
    """Whether each unit is dead, from its means (n_rows, n_units) given the data."""
    if len(means) < 2:
        return np.zeros(means.shape[1], dtype=bool)
    return np.ptp(means, axis=0) < _SMALLEST_VARIATION


def restart_units(learner, units, states, means, activity, known=None):
    """Replace dead hidden units by new ones.

    Parameters
    ----------
    learner : Learner
        Changed in place.
    units : ndarray of bool, of shape (n_hidden,)
        Mask of the units to replace.
    states : ndarray of shape (n_rows, n_visible)
        Visible states of some of the data.
    means : ndarray of shape (n_rows, n_hidden)
        Means of the hidden units given these.
    activity : float
        Approximate mean activity of the new units.
    known : ndarray of bool, of shape (n_rows, n_visible), default=None
        Mask of the known states; the others are 0. None: all are known.
    """
    machine, generator = learner.machine, learner.streams.generator()
    # In double precision, because a mean of many small numbers loses precision.
    with np.errstate(over="ignore"):
        # All states of a unit without known values are 0.
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
