"""Inference with a trained model: samples, missing values, likelihoods.

Streams are :class:`~skebm._random.RandomStreams`. States are rows of visible states of the machine,
data are in the user's form.
"""

from numbers import Real
from weakref import WeakKeyDictionary

import joblib
import numpy as np

from .._checks import AnyOf, Instance, Number, Optional
from .._source import all_of, for_each_chunk
from .._streamed_rows import as_rows
from .._threads import one_blas_thread
from .._validation import warn_caller
from .partition import (
    MOST_CROSSING,
    LogPartition,
    annealed_log_partition,
    exact_log_partition,
    inverse_temperatures,
)
from .path import TemperaturePath
from .summation import MOST_UNITS, MOST_UNITS_ON_DEMAND, enumerable
from .tempering import N_STREAMS, Tempering

# Number of temperatures of annealing for the scores of deep machines.
_N_TEMPERATURES = 1000

# {estimator: (digest of its fitted attributes and of the options, LogPartition)}
_LAST_LOG_PARTITIONS: WeakKeyDictionary = WeakKeyDictionary()

# Valid arguments for the logarithm of a partition function; None computes it.
LOG_PARTITION = Optional(AnyOf(Instance(LogPartition), Number(Real, "(-inf, inf)")))


def draw_by_means(model, n_rows, streams):
    """States of independent units, drawn with the means of the data."""
    visible, _ = model.base
    return visible.base_rate(n_rows, (streams.seed, streams.take(), 0))


def walk(model, states, n_steps, streams, keep=None, betas=None):
    """Even states after Gibbs sampling from visible ones, or after parallel tempering.

    Parameters
    ----------
    model : Model
    states : ndarray of shape (n_rows, n_visible)
        May be changed.
    n_steps : int
    streams : RandomStreams
    keep : ndarray of bool, of shape (n_rows, n_visible), default=None
        Mask of states that are held fixed.
    betas : ndarray of shape (n_replicas,), default=None
        Initial inverse temperatures of the replicas of parallel tempering, all of which start at
        ``states``. None is Gibbs sampling.
    """
    machine = model.machine
    states = model.states_given(states, streams)
    keep = None if keep is None else machine.even_of(keep, False)
    if betas is None:
        return machine.run(states, n_steps, (streams.seed, streams.take(2 * n_steps), 0), keep)
    tempering = Tempering(model.base, betas.astype(np.float64))
    fixed = None if keep is None else (keep, states)
    with one_blas_thread():
        h = tempering.odd_states(machine, states, (streams.seed, streams.take(), 0))
        for n_sweeps, adapt in ((n_steps // 2, True), (n_steps - n_steps // 2, False)):
            stream = streams.take(N_STREAMS * n_sweeps)
            v = tempering.run(machine, h, n_sweeps, (streams.seed, stream), fixed, adapt)
    return v[-1] if n_steps else states


def sample(model, n_samples, n_steps, streams, *, init=None, clamp=None, betas=None, mean=False):
    """Data drawn from the model.

    Parameters
    ----------
    model : Model
    n_samples : int or None
        None is the number of rows of ``init``, or one.
    n_steps : int
    streams : RandomStreams
    init : ndarray of shape (n_rows, n_features), default=None
        Data to start from, in turn, with the dtype of the model. None starts at
        :func:`draw_by_means`.
    clamp : ndarray of bool that broadcasts against ``init``, default=None
        Mask of values that are fixed to those of ``init``.
    betas : ndarray of shape (n_replicas,), default=None
        As for :func:`walk`.
    mean : bool, default=False
        Return means of the visible units given drawn states of all others, instead of states.
    """
    keep = None
    if init is None:
        states = model.machine.visible_of(draw_by_means(model, n_samples or 1, streams))
    else:
        turns = np.arange(n_samples or len(init)) % len(init)
        states = all_of(model.to_states(as_rows(init)))[turns]
        keep = None if clamp is None else np.broadcast_to(clamp, init.shape)[turns]
    states = walk(model, states, n_steps, streams, keep, betas)
    if mean:
        states = _means_beside(model.machine, states, streams)
    samples = model.to_data(states)
    return samples if keep is None else np.where(keep, init[turns], samples)


def _means_beside(machine, even, streams):
    """Means of even units given odd states that are drawn given these even ones."""
    means, odd = np.empty_like(even), np.empty((len(even), machine.n_odd), dtype=machine.dtype)
    address = streams.seed, streams.take(), 0

    def of_some(part):
        machine.sample_odd(even[part], (*address[:2], part.start), odd[part])
        machine.even_mean(odd[part], means[part])

    for_each_chunk(of_some, len(even))
    return means


def impute(model, X, n_steps, streams):
    """Data with NaN replaced by means over the second half of a chain of missing values."""
    missing, machine = np.isnan(X), model.machine
    start = draw_by_means(model, len(X), streams)
    known = machine.even_of(~missing, False)
    visible = machine.even_of(all_of(model.to_states(as_rows(X))), 0)
    np.copyto(start, visible, where=known)
    means = np.zeros_like(start)
    stream = streams.take(2 * n_steps)
    n_skipped = n_steps // 2

    def fill(part):
        address = streams.seed, stream, part.start
        steps = machine.walk(start[part], n_steps, address, keep=known[part])
        for step, mean in enumerate(steps):
            if step >= n_skipped:
                means[part] += mean
        means[part] /= n_steps - n_skipped

    for_each_chunk(fill, len(X))
    return np.where(missing, model.to_data(means), X)


def log_partition(model, name, method, n_temperatures, n_chains, states, n_burn_in, streams):
    """Logarithm of the partition function, for densities of the data.

    Parameters: see :meth:`BernoulliRBM.log_partition`. ``name`` is that of the estimator, for
    messages; ``states`` are visible states from which the reverse chains start, or None.
    """
    machine = model.machine
    most_units = MOST_UNITS if method == "auto" else MOST_UNITS_ON_DEMAND
    if method != "ais" and enumerable(machine, most_units):
        return exact_log_partition(machine).plus(model.log_scale)
    if method == "exact":
        raise ValueError(
            f"The 'method' parameter of {name}.log_partition is 'exact', which "
            f"needs a layer of at most {MOST_UNITS_ON_DEMAND} binary units. Use 'ais'."
        )
    if states is not None and machine.n_visible != machine.n_even:
        some = np.arange(n_chains) * states.shape[0] // n_chains
        visible = all_of(states.subset(np.unique(some)))
        states = as_rows(model.states_given(visible, streams))
    path = TemperaturePath(machine, *model.base)
    result = annealed(path, name, n_temperatures, n_chains, states, n_burn_in, streams)
    return result.plus(model.log_scale)


def annealed(path, name, n_temperatures, n_chains, states, n_burn_in, streams):
    """Log-partition function at the end of a path by annealing; warns if its bounds cross.

    ``name`` is that of the estimator; other parameters as for
    :func:`~skebm.boltzmann.partition.annealed_log_partition`.
    """
    betas = inverse_temperatures(n_temperatures)
    result = annealed_log_partition(path, betas, n_chains, states, n_burn_in, streams)
    if result.lower - result.upper > MOST_CROSSING:
        warn_caller(
            f"The bounds of {name}.log_partition cross: the lower one is "
            f"{result.lower:.1f}, the upper one {result.upper:.1f} nats. The chains have not "
            "reached the distribution of the model. The estimate is the lower bound, and is "
            "unreliable. Raise 'n_burn_in' and 'n_temperatures'. If that does not help, training "
            "has failed: fit again with a lower learning rate."
        )
    return result


def remembered_log_partition(estimator, **options):
    """The result of annealing for a Boltzmann machine, cached until the model changes.

    Rows may be scored one by one, and annealing takes seconds, or minutes. The result is not stored
    in the estimator, because scoring must not change it. ``options`` are passed to the method
    ``log_partition``.
    """
    fitted = {name: value for name, value in vars(estimator).items() if name.endswith("_")}
    digest = joblib.hash((fitted, options))
    found = _LAST_LOG_PARTITIONS.get(estimator)
    if found is None or found[0] != digest:
        found = digest, estimator.log_partition(random_state=0, **options)
        _LAST_LOG_PARTITIONS[estimator] = found
    return found[1]


def log_partition_of_scores(estimator):
    """The same for scores of deep machines, with few temperatures: a rough estimate, but soon."""
    return remembered_log_partition(estimator, n_temperatures=_N_TEMPERATURES)


def in_nats(log_partition):
    """The logarithm of a partition function as a Python float, which keeps float32 arrays."""
    if isinstance(log_partition, LogPartition):
        log_partition = log_partition.estimate
    return float(log_partition)
