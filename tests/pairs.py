"""Exact quantities of small machines of units of -1 and 1, from the energy of every state."""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import chi2

import naive_hopfield as naive
from skebm.pairwise import machine as pairwise


def network(rng, n_units, scale=1.0, dtype=np.float64):
    W, b = naive.random_network(rng, n_units)
    return (scale * W / np.sqrt(n_units)).astype(dtype), b.astype(dtype)


def use(engine, monkeypatch):
    """Let chains be drawn in one of the two ways, however many there are."""
    monkeypatch.setattr(pairwise, "_FEWEST_ROWS", 1 if engine == "side by side" else 10**9)


class Sum:
    """A machine, by the energy of each of its states at a temperature and nothing else."""

    def __init__(self, W, b, temperature=1.0):
        self.states = naive.all_states(len(b))
        minus_energies = -np.array([naive.energy(W, b, x) for x in self.states]) / temperature
        self.log_z = logsumexp(minus_energies)
        self.p = np.exp(minus_energies - self.log_z)
        self.means = self.p @ self.states
        self.correlations = (self.states.T * self.p) @ self.states

    def given(self, x, clamped):
        """Log-sum over the states in which some units are as in ``x``, and their moments."""
        agrees = (self.states[:, clamped] == x[clamped]).all(axis=1)
        p, states = self.p[agrees], self.states[agrees]
        share = p.sum()
        return self.log_z + np.log(share), p @ states / share, (states.T * p) @ states / share


def assert_frequencies(X, p):
    """Rows are as often each state as its probability says."""
    n_units = X.shape[1]
    numbers = ((X > 0) @ (2 ** np.arange(n_units - 1, -1, -1))).astype(int)
    counts, expected = np.bincount(numbers, minlength=2**n_units), len(X) * p
    often = expected > 5
    assert often.sum() > 3
    z = (counts - expected)[often] / np.sqrt(expected[often])
    assert chi2.sf((z**2).sum(), often.sum()) > 1e-4
