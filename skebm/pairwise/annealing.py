"""Simulated annealing: states of low energy, found by chains that are cooled."""

from numbers import Integral, Real
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, issparse
from sklearn.utils import Bunch, check_array, check_random_state

from .._checks import Number, Options, Randomness, Verbosity, check_argument
from .._encodings import BINARY, SPIN, encoding_of, from_spins, to_spins
from .._random import RandomStreams
from .._spins import Dynamics, Outcome
from .._typing import MatrixLike, RandomStateLike
from .._validation import FLOATS, native
from .machine import PairwiseMachine

# First and last temperature, as multiples of the root of the summed squares of the weights of a
# unit: the largest over all units for the first, the smallest for the last.
_HOTTEST, _COLDEST = 1.0, 0.1
# Largest share of nonzero weights for which weights are stored as a sparse array.
_FEW = 0.1
# Number of pieces of the schedule. Fields are computed anew at the start of each, and progress is
# reported at its end.
_N_PIECES = 10
# Largest number of sweeps of the final descent, which usually converges earlier.
_MOST_SWEEPS_DOWN = 10_000
# Largest difference between W_ij and W_ji that counts as rounding, relative to the largest weight.
_ASYMMETRY = 1e-5


def simulated_annealing(
    weights: MatrixLike,
    intercept: ArrayLike | None = None,
    *,
    units: Literal["spin", "binary"] = "spin",
    n_sweeps: int = 1000,
    n_restarts: int = 100,
    temperatures: ArrayLike | None = None,
    schedule: Literal["geometric", "linear"] = "geometric",
    init: ArrayLike | None = None,
    clamp: ArrayLike | None = None,
    random_state: RandomStateLike = None,
    verbose: int = 0,
) -> Bunch:
    """Find states of lowest energy E(x) = -1/2 x W x - b x of binary units.

    Each restart is a chain of stochastic units [1]_. It starts at a high temperature, at which all
    states are nearly equally likely, and is cooled from sweep to sweep. At the end, units flip as
    long as this lowers the energy. The lowest energy that is found need not be the minimum; more
    sweeps, and more restarts, make this more likely. See :ref:`the user guide <annealing>`.

    Parameters
    ----------
    weights : {array-like, sparse matrix} of shape (n_units, n_units)
        The W of the energy: symmetric, with a zero diagonal. A positive weight favours equal states
        of two units. The computation is in float32 if it has this dtype, otherwise in float64.
    intercept : array-like of shape (n_units,), default=None
        The b of the energy: a positive value favours the state "on". None is 0.
    units : {"spin", "binary"}, default="spin"
        Whether units are -1 and 1, or 0 and 1.
    n_sweeps : int, default=1000
        Number of sweeps over all units of each restart. Not used if ``temperatures`` is a sequence
        of more than two.
    n_restarts : int, default=100
        Number of chains, which are independent of each other.
    temperatures : tuple of two floats or array-like of shape (n_sweeps,), default=None
        The first and the last temperature, or the temperature of each sweep, in units of the energy
        for states of -1 and 1. States of 0 and 1 are annealed in the same way. With None, the first
        temperature is the largest and the last one a tenth of the smallest sqrt(sum of w_ij^2 over
        j) of all units i that have weights. Here w are the weights between units of -1 and 1, a
        fourth of those between units of 0 and 1.
    schedule : {"geometric", "linear"}, default="geometric"
        Whether the temperature falls by a constant factor or a constant difference per sweep.
    init : array-like of shape (n_units,) or (n_restarts, n_units), default=None
        States to start from, in the encoding of ``units``. With None they are random.
    clamp : array-like of bool of shape (n_units,), default=None
        Units that keep the state that they have in ``init``.
    random_state : int, RandomState instance or None, default=None
        Source of the random numbers.
    verbose : int, default=0
        If positive, a line is printed after each tenth of the sweeps.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        The restarts are sorted by energy, the lowest first. The attributes are:

        state : ndarray of int of shape (n_units,)
            The state of lowest energy that was found.
        energy : float
            Its energy.
        states : ndarray of int of shape (n_restarts, n_units)
            The last state of each restart.
        energies : ndarray of shape (n_restarts,)
            Their energies.
        energy_paths : ndarray of shape (n_restarts, n_sweeps + 2)
            Energies at the start, after each sweep, and at the end.
        temperatures : ndarray of shape (n_sweeps,)
            The temperature of each sweep.

    Raises
    ------
    ValueError
        If an argument is not valid.

    See Also
    --------
    HopfieldMemory : A memory whose recall anneals with a falling ``temperature_schedule``.

    Notes
    -----
    Results do not depend on the number of threads. The running time is proportional to
    ``n_restarts * n_sweeps`` times the number of nonzero weights.

    References
    ----------
    .. [1] S. Kirkpatrick, C. D. Gelatt and M. P. Vecchi, "Optimization by simulated annealing",
       Science 220, 1983.

    Examples
    --------
    The maximum cut of a graph: divide the vertices into two sets with as many edges as possible
    between them. Weights of -1 favour different states at the ends of an edge, and E is the number
    of uncut edges minus that of cut edges.

    >>> import numpy as np
    >>> from skebm import simulated_annealing
    >>> edges = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 0], [0, 2]])
    >>> adjacency = np.zeros((5, 5))
    >>> adjacency[tuple(edges.T)] = adjacency[tuple(edges.T[::-1])] = 1
    >>> result = simulated_annealing(-adjacency, random_state=0)
    >>> print("edges cut:", (len(edges) - result.energy) / 2)
    edges cut: 5.0

    Minimise a quadratic form x Q x of units of 0 and 1 (QUBO). The diagonal of Q is a bias, as
    x^2 = x.

    >>> Q = np.array([[-2.0, 3.0, 0.0], [0.0, -2.0, 1.5], [0.0, 0.0, -1.0]])
    >>> pairs = Q + Q.T - 2 * np.diag(Q.diagonal())
    >>> result = simulated_annealing(-pairs, -Q.diagonal(), units="binary", random_state=0)
    >>> result.state, float(result.energy)
    (array([1, 0, 1]), -3.0)
    """
    name = simulated_annealing
    check_argument(name, "units", units, Options("spin", "binary"))
    check_argument(name, "schedule", schedule, Options("geometric", "linear"))
    check_argument(name, "random_state", random_state, Randomness())
    check_argument(name, "verbose", verbose, Verbosity())
    n_sweeps = check_argument(name, "n_sweeps", n_sweeps, _COUNT)
    n_restarts = check_argument(name, "n_restarts", n_restarts, _COUNT)
    weights, intercept = checked_couplings(weights, intercept)
    if not issparse(weights) and np.count_nonzero(weights) < _FEW * weights.size:
        weights = csr_array(weights)
    is_binary = units == "binary"
    make = PairwiseMachine.of_binary_units if is_binary else PairwiseMachine
    machine = make(weights, intercept)
    temperatures = _temperatures(machine, temperatures, schedule, n_sweeps)
    encoding = BINARY if is_binary else SPIN
    start, free = _start(init, clamp, encoding, (n_restarts, machine.n_units), machine.dtype)
    streams = RandomStreams.from_random_state(check_random_state(random_state))
    if start is None:
        start = machine.random_states(n_restarts, (streams.seed, streams.take(), 0))
    paths = cool(machine, start, temperatures, streams, free, _report if verbose else None)
    order = np.argsort(paths[:, -1], kind="stable")
    states = from_spins(start, encoding, np.int64)[order]
    paths = paths[order]
    return Bunch(
        state=states[0].copy(),
        energy=float(paths[0, -1]),
        states=states,
        energies=paths[:, -1].copy(),
        energy_paths=paths,
        temperatures=temperatures,
    )


_COUNT = Number(Integral, "[1, inf)")
_POSITIVE = Number(Real, "(0, inf)")


def cooling(weights, n_sweeps, ends=None, schedule="geometric"):
    """Falling temperatures of sweeps.

    Parameters
    ----------
    weights : ndarray or CSR array of shape (n_units, n_units)
        Between units of -1 and 1.
    n_sweeps : int
    ends : tuple of two floats, default=None
        The first and the last temperature. None computes them from the weights.
    schedule : {"geometric", "linear"}, default="geometric"

    Returns
    -------
    temperatures : ndarray of shape (n_sweeps,)
    """
    if ends is None:
        squares = weights.multiply(weights) if issparse(weights) else np.square(weights)
        scales = np.sqrt(np.asarray(squares.sum(axis=1), dtype=np.float64))
        scales = scales[scales > 0]
        ends = (_HOTTEST * scales.max(), _COLDEST * scales.min()) if len(scales) else (1.0, 1.0)
    spaced = np.geomspace if schedule == "geometric" else np.linspace
    return spaced(*ends, n_sweeps)


def cool(machine, X, temperatures, streams, free=None, report=None):
    """Run chains at falling temperatures, then descend to a local minimum, in place.

    Parameters
    ----------
    machine : PairwiseMachine
    X : ndarray of shape (n_rows, n_units)
        States to start from.
    temperatures : ndarray of shape (n_sweeps,)
    streams : RandomStreams
    free : ndarray of bool of shape (1, n_units) or (n_rows, n_units), default=None
        Units that may change; None is all of them.
    report : callable, default=None
        Called ten times, with the number of sweeps so far, the number of all sweeps, the last
        temperature and the energies of the rows.

    Returns
    -------
    energies : ndarray of shape (n_rows, n_sweeps + 2)
        Energies at the start, after each sweep, and at the end; float64, nats at temperature 1.
    """
    free = machine.all_free() if free is None else free
    n_sweeps = len(temperatures)
    paths = np.empty((len(X), n_sweeps + 2))
    stream = streams.take(n_sweeps)
    size = -(-n_sweeps // _N_PIECES)
    for first in range(0, n_sweeps, size):
        some = temperatures[first : first + size]
        _run(machine, X, free, some, 0, (streams.seed, stream + first), paths[:, first:-1])
        if report is not None:
            done = first + len(some)
            report(done, n_sweeps, some[-1], paths[:, done])
    _run(machine, X, free, temperatures[:0], _MOST_SWEEPS_DOWN, (streams.seed, stream), None)
    paths[:, -1] = machine.energy(X)
    return paths


def _run(machine, X, free, temperatures, n_cold, address, paths):
    dynamics = Dynamics(
        together=False,
        max_iter=n_cold,
        temperatures=temperatures,
        settles=n_cold > 0,
        orders=machine.orders(),
        address=address,
    )
    n_columns = 0 if paths is None else len(temperatures) + 1
    outcome = Outcome(len(X), n_columns, np.float64)
    machine.recall(X, free, dynamics, outcome)
    if paths is not None:
        paths[:, :n_columns] = outcome.paths + np.reshape(machine.offset, (-1, 1))


def checked_couplings(weights, intercept, name="simulated_annealing"):
    """Validated weights and biases in the form that a machine requires.

    Returns
    -------
    weights : ndarray, C-contiguous, or CSR array of shape (n_units, n_units)
    intercept : ndarray of shape (n_units,)

    Raises
    ------
    ValueError
        If the weights are not square, not symmetric or have a nonzero diagonal, or if the number
        of biases is not the number of units.
    """
    weights = _checked_weights(weights, name)
    return weights, _checked_intercept(intercept, weights, name)


def _checked_weights(weights, name):
    weights = native(
        check_array(
            weights,
            accept_sparse="csr",
            dtype=FLOATS,
            order="C",
            input_name="weights",
            estimator=name,
        )
    )
    n_units = len(weights) if not issparse(weights) else weights.shape[0]
    if weights.shape != (n_units, n_units):
        raise ValueError(
            f"The 'weights' of {name} must be square, of shape (n_units, n_units). Got an array of "
            f"shape {weights.shape} instead."
        )
    if issparse(weights):
        weights = csr_array(weights, copy=True)
        weights.sum_duplicates()
    on_diagonal = np.flatnonzero(weights.diagonal())
    if len(on_diagonal):
        i = on_diagonal[0]
        raise ValueError(
            f"The 'weights' of {name} must have a zero diagonal. Got {weights.diagonal()[i]:.6g} "
            f"at [{i}, {i}] instead. Between units of -1 and 1 it is a constant and can be left "
            "out; of units of 0 and 1, add half of it to the intercept."
        )
    difference, largest = abs(weights - weights.T), abs(weights).max() if n_units else 0
    if difference.max() > _ASYMMETRY * largest:
        where = difference.argmax()
        i, j = divmod(int(where), n_units)
        raise ValueError(
            f"The 'weights' of {name} must be symmetric. Got {weights[i, j]:.6g} at [{i}, {j}] and "
            f"{weights[j, i]:.6g} at [{j}, {i}] instead. (W + W.T) / 2 has the same energies."
        )
    return weights


def _checked_intercept(intercept, weights, name):
    n_units = weights.shape[0]
    if intercept is None:
        return np.zeros(n_units, weights.dtype)
    intercept = native(
        check_array(
            intercept,
            ensure_2d=False,
            dtype=weights.dtype,
            input_name="intercept",
            estimator=name,
        )
    )
    if intercept.shape != (n_units,):
        raise ValueError(
            f"The 'intercept' of {name} must have one number per unit, shape ({n_units},). Got an "
            f"array of shape {intercept.shape} instead."
        )
    return intercept


def _temperatures(machine, given, schedule, n_sweeps):
    if given is None:
        return cooling(machine.weights, n_sweeps, None, schedule)
    values = np.asarray(given)
    numbers = values.tolist() if values.ndim == 1 else []
    if len(numbers) < 2 or not all(_POSITIVE.admits(number) for number in numbers):
        raise ValueError(
            "The 'temperatures' of simulated_annealing must be the first and the last one, or one "
            f"for each of more than two sweeps, all of them positive. Got {given!r} instead."
        )
    if len(numbers) == 2:
        return cooling(machine.weights, n_sweeps, tuple(map(float, numbers)), schedule)
    return values.astype(np.float64)


def _start(init, clamp, encoding, shape, dtype):
    """Initial states, or None if they are random, and a mask of the units that may change."""
    name = "simulated_annealing"
    free = None
    if clamp is not None:
        clamp = np.asarray(clamp)
        if clamp.dtype != bool or clamp.shape != shape[1:]:
            raise ValueError(
                f"The 'clamp' of {name} must be an array of bool of shape {shape[1:]}. Got an "
                f"array of {clamp.dtype} of shape {clamp.shape} instead."
            )
        if init is None:
            raise ValueError(
                f"The 'clamp' of {name} says which units keep their states, and 'init' which "
                "states these are: pass both."
            )
        free = np.ascontiguousarray(~clamp[None])
    if init is None:
        return None, free
    init = check_array(init, ensure_2d=False, dtype=None, input_name="init", estimator=name)
    if init.shape not in (shape, shape[1:]):
        raise ValueError(
            f"The 'init' of {name} must be of shape {shape[1:]} or, with a row per restart, "
            f"{shape}. Got {init.shape} instead."
        )
    kind = {SPIN: "-1 and 1", BINARY: "0 and 1"}[encoding]
    if encoding_of(np.atleast_2d(init)) not in (None, encoding):
        raise ValueError(
            f"The 'init' of {name} must be states of {kind}, as units={_UNITS[encoding]!r}. Got "
            f"values such as {np.unique(init)[:3].tolist()}."
        )
    spins = to_spins(np.broadcast_to(init, shape), encoding, None, dtype)
    return np.ascontiguousarray(spins), free


_UNITS = {SPIN: "spin", BINARY: "binary"}


def _report(done, n_sweeps, temperature, energies):
    print(
        f"[simulated_annealing] Sweep {done} of {n_sweeps}, temperature = {temperature:.4g}, "
        f"energy = {energies.mean():.6g} on average, {energies.min():.6g} at best",
        flush=True,
    )
