"""The partition function Z of a machine: exact, or by annealing in both directions.

Annealed importance sampling [1]_ [2]_ runs chains from a machine without weights, whose Z is known,
along a path of machines to the given one. The weight of a chain is the product of the ratios of
unnormalised probabilities along the path. The expectation of the weight is the ratio of both Z, so
that the logarithm of a mean weight is too low in expectation. In the reverse direction, from
samples of the given machine to the one without weights, it is too high by the same argument [3]_.

.. [1] R. M. Neal, "Annealed importance sampling", Statistics and Computing 11, 2001.
.. [2] R. Salakhutdinov and I. Murray, "On the quantitative analysis of deep belief networks",
   ICML 2008.
.. [3] R. B. Grosse, Z. Ghahramani and R. P. Adams, "Sandwiching the marginal likelihood using
   bidirectional Monte Carlo", arXiv 1511.02543, 2015.
.. [4] C. H. Bennett, "Efficient estimation of free energy differences from Monte Carlo data",
   Journal of Computational Physics 22, 1976.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_expit, logsumexp, softmax

from .._random import RandomStreams
from .._threads import blocks_of, for_each, one_blas_thread
from .path import TemperaturePath
from .summation import log_masses

# Amount in nats by which bounds may cross because of noise: the lower one is too high by t nats
# with a probability of at most exp(-t).
MOST_CROSSING = 3.0

# Smallest number of chains per thread; fewer make matrix products slow.
_SMALLEST_BLOCK = 24

# Python can be interrupted only between two calls of all threads. A call takes about 0.1 s, because
# its number of visited weights is limited.
_WEIGHTS_PER_CALL = 4e9


@dataclass(frozen=True)
class LogPartition:
    """Logarithm of a partition function: an estimate and two bounds.

    Attributes
    ----------
    estimate : float
        The best estimate, in nats. If the bounds cross by more than 3 nats, the reverse direction
        of annealing did not start from samples of the model; the estimate is then the lower bound,
        which is always valid.
    lower, upper : float
        Bounds, in nats, which hold in expectation. Those of a single run vary, and if they are
        close to each other they may cross. If ``estimate`` is exact, both are equal to it.
    standard_error : float
        Standard error of ``estimate``, in nats, from the variation between chains. It does not
        include a region that all chains missed; such a region makes the bounds differ. 0 if
        ``estimate`` is exact. If the bounds cross by more than 3 nats, the amount by which they
        cross.
    """

    estimate: float
    lower: float
    upper: float
    standard_error: float

    def plus(self, nats: float) -> "LogPartition":
        """The result for ``exp(nats)`` times the partition function."""
        return LogPartition(
            self.estimate + nats, self.lower + nats, self.upper + nats, self.standard_error
        )


# By enumeration


def exact_log_partition(machine):
    """Log-partition function by a sum over all states of the layer with fewer states."""
    value = float(logsumexp(log_masses(machine)))
    return LogPartition(value, value, value, 0.0)


# By annealing


def inverse_temperatures(n_temperatures):
    """From 0 to 1, denser towards 1, where the machine changes fastest."""
    return 1 - np.linspace(1, 0, n_temperatures) ** 2


def annealed_log_partition(path, betas, n_chains, rows, n_burn_in, streams):
    """Log-partition function of the machine at the end of a path, by annealing.

    Parameters
    ----------
    path : TemperaturePath or PairwisePath
    betas : ndarray of shape (n_temperatures,)
        Inverse temperatures, rising from 0 to 1.
    n_chains : int
        Chains in each direction.
    rows : Rows or None
        States from which the reverse chains start, if the machine cannot be enumerated. None are
        the final states of the forward chains, drawn in proportion to the weights.
    n_burn_in : int
        Gibbs steps from there to approximate samples of the machine.
    streams : RandomStreams

    Returns
    -------
    LogPartition
    """
    v = path.start(n_chains, streams)
    there = anneal(path, betas, v, streams)
    samples = path.exact_samples(n_chains, streams)
    if samples is None:
        if rows is None:
            v = v[streams.generator().choice(n_chains, n_chains, p=softmax(there))]
        else:
            numbers = streams.generator().permutation(rows.shape[0])
            numbers = numbers[np.arange(n_chains) % len(numbers)]
            v = rows.take(numbers, np.empty((n_chains, rows.shape[1]), dtype=rows.dtype))
            v = v.astype(path.dtype, copy=False)
        path.burn_in(v, n_burn_in, streams)
    else:
        v = samples
    back = anneal(path, betas[::-1], v, streams)
    log_ratio, standard_error = _combine(there, back)
    of_base = path.log_partition_of_base()
    lower, upper = of_base + _log_mean_exp(there), of_base - _log_mean_exp(back)
    if lower - upper > MOST_CROSSING:
        # The reverse chains did not start at samples of the machine: only the lower bound is always
        # valid.
        return LogPartition(lower, lower, upper, max(standard_error, lower - upper))
    return LogPartition(of_base + log_ratio, lower, upper, standard_error)


def annealed_lower_bound(model, n_temperatures, n_chains):
    """The lower bound only, with fixed random numbers; nats."""
    path, streams = TemperaturePath(model.machine, *model.base), RandomStreams(0)
    v = path.start(n_chains, streams)
    log_weights = anneal(path, inverse_temperatures(n_temperatures), v, streams)
    return path.log_partition_of_base() + _log_mean_exp(log_weights)


def anneal(path, betas, v, streams):
    """Run chains along a path, in place, and return the logarithms of their weights.

    Parameters
    ----------
    path : TemperaturePath or PairwisePath
    betas : ndarray of shape (n_temperatures,)
        Inverse temperatures in the order of the path.
    v : ndarray of shape (n_chains, n_even), or (n_chains, n_units)
        Samples at the first temperature; changed in place to those at the last one.
    streams : RandomStreams

    Returns
    -------
    log_weights : ndarray of shape (n_chains,)
        Their exponentials have the expectation Z at the last temperature / Z at the first.
    """
    # Inputs and energies must be scaled by the same number.
    betas = betas.astype(path.dtype).astype(np.float64)
    n_steps = len(betas) - 1
    n_steps_per_call = max(1, int(_WEIGHTS_PER_CALL / (2 * len(v) * (path.n_weights + 1))))
    log_weights = np.zeros(len(v))
    stream = streams.take(path.n_streams * n_steps)
    with one_blas_thread():
        for first in range(0, n_steps, n_steps_per_call):
            some = betas[first : first + n_steps_per_call + 1]

            def walk(part, some=some, address=(streams.seed, stream + path.n_streams * first)):
                path.anneal(some, v[part], log_weights[part], (*address, part.start))

            for_each(walk, blocks_of(len(v), _SMALLEST_BLOCK))
    return log_weights


def _log_mean_exp(log_weights):
    return float(logsumexp(log_weights) - np.log(len(log_weights)))


def _combine(there, back):
    """Log of the ratio of both Z from the weights of both directions, and its standard error.

    Bennett's acceptance ratio [4]_, the estimator with the smallest variance for equal numbers of
    chains in both directions: the L at which the logistic function has the same sum over ``there -
    L`` as over ``back + L``.
    """

    def log_shares(ratio):
        return log_expit(there - ratio), log_expit(back + ratio)

    def difference(ratio):
        of_there, of_back = log_shares(ratio)
        return logsumexp(of_there) - logsumexp(of_back)

    everything = np.concatenate([there, -back])
    ratio = brentq(difference, everything.min() - 1, everything.max() + 1, xtol=1e-12)
    # Variance of the logarithm of a sum of n numbers with the relative shares p: sum p^2 - 1 / n.
    variance = sum(np.square(softmax(s) - 1 / len(s)).sum() for s in log_shares(ratio))
    return ratio, float(np.sqrt(variance))
