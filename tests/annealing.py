"""Standard errors of what annealing finds, from the log-weights of its chains."""

import numpy as np

from skebm.boltzmann import partition


def watch(monkeypatch):
    """A list that gets the log-weights of each way that is annealed from now on."""
    found, anneal = [], partition.anneal

    def watched(*args):
        found.append(anneal(*args))
        return found[-1]

    monkeypatch.setattr(partition, "anneal", watched)
    return found


def assert_bounds_are_near(result, log_z, ways, most):
    """Estimate and bounds are within 4.5 of their standard errors, which are at most so large.

    ``ways`` are the log-weights of both directions. A bound is the logarithm of a mean of weights.
    """
    there, back = (np.exp(way - way.max()) for way in ways)
    errors = [w.std(ddof=1) / w.mean() / np.sqrt(len(w)) for w in (there, back)]
    assert 0 < result.standard_error <= max(errors) < most
    assert abs(result.lower - log_z) < 4.5 * errors[0]
    assert abs(result.estimate - log_z) < 4.5 * result.standard_error
    assert abs(result.upper - log_z) < 4.5 * errors[1]
