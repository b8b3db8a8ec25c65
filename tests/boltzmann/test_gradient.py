"""Learning steps, on both code paths: against a naive twin, enumeration and finite differences."""

from functools import cache
from itertools import product

import numpy as np
import pytest
import scipy.sparse
from numba import typeof

import enumeration
import naive
from skebm._random import RandomStreams
from skebm._solvers import SolverSettings
from skebm._streamed_rows import as_rows
from skebm.boltzmann import fused
from skebm.boltzmann.chains import CD, PCD
from skebm.boltzmann.learner import GRADIENT_ASCENT, Learner, Settings, new_solvers
from skebm.boltzmann.machine import Machine
from skebm.boltzmann.units import BernoulliUnits, GaussianUnits
from surroundings import team_of

# The sparse path has a faster way with lists that are full.
PATHS = ["dense path", "sparse path", "sparse path, full lists of data and chains"]
each_path = pytest.mark.parametrize("path", PATHS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_storage = pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])

PLAIN = {
    "learning_rate": 0.1,
    "batch_size": 7,
    "n_gibbs_steps": 1,
    "momentum": 0.0,
    "l2": 0.0,
    "l1": 0.0,
    "sparsity_target": None,
    "sparsity_cost": 0.5,
    "centered": True,
}


def take(path, monkeypatch):
    monkeypatch.setattr(fused, "is_faster", lambda *_: path != "dense path")
    # Shares of ones by which the sparse path lists all units of data and of chains, or the ones.
    lists = [float("full" in path and whose in path) for whose in ("data", "chains")]
    monkeypatch.setattr(fused, "_densities", lambda *_: lists)
    # Enough weights for more than one tile of hidden units: all of them, or none.
    n_weights = 10**9 if "one tile" in path else 0
    monkeypatch.setattr(fused, "_FEWEST_WEIGHTS", n_weights)


# Steps before the first epoch of learners with momentum: by then it may be 0.7.
N_UPDATES = 133


def make_learner(W, b, c, chains, offsets, *, seed=2**40 + 9, dtype=np.float64):
    """A learner with arrays of its own: by PCD if there are chains, by CD if there are none."""
    W, b, c, mu, lam = (np.array(x, dtype=dtype, order="C") for x in (W, b, c, *offsets))
    chains = CD() if chains is None else PCD(np.array(chains, dtype=dtype))
    machine = Machine.restricted(W, BernoulliUnits(b), BernoulliUnits(c))
    streams = RandomStreams(seed, 5)
    solvers = new_solvers(machine)
    return Learner(machine, chains, (mu, lam), solvers, N_UPDATES, streams)


def parameters_of(learner):
    machine = learner.machine
    return machine.weights, machine.visible.bias, machine.hidden.bias


# Number by number against the twin -------------------------------------------

# Several tiles of hidden units, the last one not full; visible units that are no multiple of those
# that are taken at once; and a last batch of one row.
N_ROWS, N_VISIBLE, N_HIDDEN = 22, 131, 37

CASES = {
    "PCD": {},
    "PCD-3": {"n_gibbs_steps": 3},
    "CD": {"persistent": False},
    "CD-3": {"persistent": False, "n_gibbs_steps": 3},
    "not centred": {"centered": False},
    "CD, not centred": {"persistent": False, "centered": False},
    "one chain": {"n_chains": 1},
    "more chains than rows": {"n_chains": 12},
    "momentum": {"momentum": 0.8},
    "L2": {"l2": 0.3},
    "L1": {"l1": 0.02},
    "L1 and L2": {"l1": 0.02, "l2": 0.3},
    "sparsity": {"sparsity_target": 0.1},
    "sparsity, not centred": {"sparsity_target": 0.1, "centered": False},
    "batch of one row": {"batch_size": 1},
    "batch larger than the data": {"batch_size": 100},
    "CD batch larger than the data": {"batch_size": 100, "persistent": False},
    # More rows than are added up in one go.
    "many chains": {"batch_size": 22, "n_chains": 300},
    "many chains, L2": {"batch_size": 22, "n_chains": 300, "l2": 0.3},
    "many chains, not centred": {"batch_size": 22, "n_chains": 300, "centered": False},
    "everything": {"momentum": 0.8, "l1": 0.02, "l2": 0.3, "sparsity_target": 0.1}
    | {"n_gibbs_steps": 2, "n_chains": 5},
    "everything, CD": {"momentum": 0.8, "l1": 0.02, "l2": 0.3, "sparsity_target": 0.1}
    | {"n_gibbs_steps": 2, "persistent": False},
}
each_case = pytest.mark.parametrize("case", CASES)


def make_problem(case, n_visible=N_VISIBLE, n_hidden=N_HIDDEN, dtype=np.float64):
    """Data, order of the rows, settings and the arguments of a learner."""
    options = PLAIN | CASES[case]
    n_chains = options.pop("n_chains", options["batch_size"])
    persistent = options.pop("persistent", True)
    settings = Settings(**options)
    rng = np.random.default_rng(0)
    # A third is zero, a third one, a third grey; rounded once, so that each type means the same.
    X = np.clip(rng.random((N_ROWS, n_visible)) * 3 - 1, 0, 1).astype(np.float32)
    order = rng.permutation(N_ROWS)
    arguments = {
        "W": rng.normal(0, 0.5, (n_visible, n_hidden)).astype(np.float32),
        "b": rng.normal(0, 0.5, n_visible).astype(np.float32),
        "c": rng.normal(0, 0.5, n_hidden).astype(np.float32),
        "chains": rng.integers(2, size=(n_chains, n_hidden)) if persistent else None,
        "offsets": (
            rng.random(n_visible).astype(np.float32),
            rng.random(n_hidden).astype(np.float32),
        ),
    }
    return X.astype(dtype), order, settings, arguments


@cache
def twin_after_two_epochs(case, dtype):
    X, order, settings, arguments = make_problem(case)
    parameters = [arguments[name] for name in ("W", "b", "c")]
    twin = naive.Learner(
        parameters, arguments["chains"], arguments["offsets"], 2**40 + 9, 5, dtype, N_UPDATES
    )
    twin.run_epoch(X, order, settings)
    twin.run_epoch(X, order[::-1], settings)
    return twin


# Lists of CSR rows are never full, so that full lists of chains meet them already.
MIXED_LISTS = ["sparse path, full lists of data", "sparse path, full lists of chains"]
PATHS_OF_STORAGES = [
    *product([*PATHS, "sparse path, one tile"], [np.asarray, scipy.sparse.csr_matrix]),
    *product(MIXED_LISTS, [np.asarray]),
]


@pytest.mark.parametrize(("path", "storage"), PATHS_OF_STORAGES)
@each_dtype
@each_case
def test_two_epochs_are_those_of_the_twin(case, dtype, storage, path, monkeypatch):
    take(path, monkeypatch)
    twin = twin_after_two_epochs(case, dtype)
    X, order, settings, arguments = make_problem(case, dtype=dtype)
    learner = make_learner(**arguments, dtype=dtype)
    rows = as_rows(storage(X))
    learner.run_epoch(rows, order, settings)
    learner.run_epoch(rows, order[::-1].copy(), settings)

    # A step rounds four sums over units of numbers of size 1 (up, down, up, and the gradient),
    # times the learning rate, and momentum repeats that. A draw that differed would show: it
    # moves a weight by a hundredth.
    n_steps = 2 * -(-N_ROWS // settings.batch_size)
    rounding = settings.learning_rate * 4 * N_VISIBLE * np.finfo(dtype).eps
    tolerance = n_steps * rounding / (1 - settings.momentum)
    assert tolerance < (1e-3 if dtype == np.float32 else 1e-12)

    def check(name, got, expected):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance, err_msg=name)

    for name, got, expected in zip("Wbc", parameters_of(learner), twin.parameters, strict=True):
        check(name, got, expected)
        assert np.array_equal(got == 0, expected == 0), "L1 leaves other weights at zero"
    for got, expected in zip(learner.offsets, twin.offsets, strict=True):
        check("offsets", got, expected)
    if settings.momentum:
        for got, expected in zip(learner.velocity, twin.velocity, strict=True):
            check("velocity", got, expected)
    if twin.chains is not None:
        assert np.array_equal(learner.chains.states, twin.chains)
    assert learner.streams.next_stream == twin.next_stream


def test_the_twin_has_every_kind_of_step_in_it():
    # What the comparison above would not see: a case without effect.
    def parameters(case):
        twin = twin_after_two_epochs(case, np.float64)
        return np.concatenate([p.ravel() for p in twin.parameters])

    for case, options in CASES.items():
        if options:
            assert not np.allclose(parameters(case), parameters("PCD"), atol=1e-3), case
    assert 0 < np.mean(parameters("L1") == 0) < 0.5
    assert np.mean(parameters("PCD") == 0) == 0


@each_storage
@pytest.mark.parametrize("of_chains", [0.2, 0.9])
@pytest.mark.parametrize("of_data", [0.2, 0.9])
def test_data_and_chains_are_listed_each_by_their_own_zeros(
    of_data, of_chains, storage, monkeypatch
):
    rng = np.random.default_rng(0)
    X = (rng.random((60, 21)) < of_data).astype(float)
    W, b, c = rng.normal(size=(21, 9)), rng.normal(size=21), rng.normal(size=9)
    run_steps, rules = fused.run_steps, []

    def watched(*args):
        rules.extend(arg for arg in args if isinstance(arg, fused.Rule))
        run_steps(*args)

    monkeypatch.setattr(fused, "run_steps", watched)
    learners = []
    for path in PATHS[:2]:
        monkeypatch.setattr(fused, "is_faster", lambda *_, path=path: path != "dense path")
        offsets = np.full(21, of_chains), np.full(9, 0.5)
        learners.append(make_learner(W, b, c, np.eye(7, 9), offsets))
        learners[-1].run_epoch(as_rows(storage(X)), np.arange(60), Settings(**PLAIN))
    assert {(rule.lists_zeros_of_data, rule.lists_zeros_of_chains) for rule in rules} == {
        (of_data > 0.5, of_chains > 0.5)
    }
    for one, other in zip(*map(parameters_of, learners), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


def test_the_loop_is_compiled_once_for_dense_and_sparse_rows(monkeypatch):
    take("sparse path", monkeypatch)
    calls = []
    monkeypatch.setattr(fused, "run_steps", lambda *args: calls.append(args))
    X, order, settings, arguments = make_problem("PCD")
    for storage in (np.asarray, scipy.sparse.csr_matrix):
        make_learner(**arguments).run_epoch(as_rows(storage(X)), order, settings)
    of_dense, of_sparse = ([typeof(arg) for arg in args] for args in calls)
    assert of_dense == of_sparse


@each_path
def test_zeros_spelled_out_in_csr_rows_teach_nothing(path, monkeypatch):
    take(path, monkeypatch)
    twin = twin_after_two_epochs("everything", np.float64)
    X, order, settings, arguments = make_problem("everything")
    learner = make_learner(**arguments)
    rows, columns = np.indices(X.shape)
    csr = scipy.sparse.csr_matrix((X.ravel(), (rows.ravel(), columns.ravel())), X.shape)
    assert csr.nnz == X.size > np.count_nonzero(X)
    learner.run_epoch(as_rows(csr), order, settings)
    learner.run_epoch(as_rows(csr), order[::-1].copy(), settings)
    for got, expected in zip(parameters_of(learner), twin.parameters, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-11)


# Which path ------------------------------------------------------------------


def goes_sparse(
    density, batch_size, dtype=np.float32, visible=BernoulliUnits, solver=GRADIENT_ASCENT
):
    """Whether the sparse path is chosen for 2000 rows of ones and zeros."""
    X = (np.random.default_rng(0).random((2000, 8)) < density).astype(dtype)
    machine = Machine.restricted(
        np.zeros((8, 4), dtype), visible(np.zeros(8)), BernoulliUnits(np.zeros(4))
    )
    offsets = X.mean(axis=0), np.full(4, 0.5)
    learner = Learner(machine, CD(), offsets, new_solvers(machine, solver), 0, RandomStreams(0, 0))
    settings = Settings(**PLAIN | {"batch_size": batch_size})
    rows = as_rows(X)
    return fused.can_run(learner, rows, settings) and fused.is_faster(learner, rows, settings)


@each_dtype
def test_the_path_follows_the_zeros_and_the_size_of_the_minibatch(dtype):
    for batch_size in (1, 10, 100, 1000):
        assert goes_sparse(0.15, batch_size, dtype)
    assert [goes_sparse(0.5, n, dtype) for n in (10, 1000)] == [True, False]
    assert [goes_sparse(1.0, n, dtype) for n in (10, 1000)] == [True, False]


def test_real_valued_units_have_no_sparse_path():
    assert not goes_sparse(0.15, 10, visible=lambda bias: GaussianUnits(bias, bias))


@pytest.mark.parametrize("solver", [SolverSettings("adam"), SolverSettings("sgd")])
def test_solvers_that_the_loop_does_not_have_take_no_sparse_path(solver):
    assert not goes_sparse(0.15, 10, solver=solver)


# Tiles -----------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("shape", [(1, 1), (784, 16), (64, 300), (784, 100), (784, 500), (9, 2001)])
def test_tiles_hold_every_column_once_and_zeros_beside_them(shape, dtype):
    tiles = fused._Tiles.of(*shape, np.dtype(dtype))
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    cut = tiles.cut(array, multiple=8)
    n_rows = -(-shape[0] // 8) * 8
    assert cut.shape == (tiles.n_tiles * n_rows, tiles.n_columns)
    by_tile = cut.reshape(tiles.n_tiles, n_rows, tiles.n_columns)
    units = by_tile[:, : shape[0], : tiles.n_units].swapaxes(0, 1).reshape(shape[0], -1)
    assert np.array_equal(units[:, : shape[1]], array)
    assert np.count_nonzero(cut) == array.size
    assert cut.ctypes.data % 64 == tiles.n_columns * cut.itemsize % 64 == 0

    joined = np.full_like(array, np.nan)
    tiles.join(cut, joined)
    assert np.array_equal(joined, array)


def test_more_tiles_for_more_weights():
    shapes = [(64, 100), (2000, 20), (784, 100), (784, 500), (1500, 1500), (3000, 3000)]
    tiles = [fused._Tiles.of(*shape, np.dtype(np.float32)) for shape in shapes]
    assert [t.n_tiles for t in tiles] == [1, 1, 2, 4, 8, 16]


# The same bits ---------------------------------------------------------------

N_VISIBLE_WIDE, N_HIDDEN_WIDE = 259, 389  # four blocks of the ones, four tiles of the others


def state_of(learner):
    """Everything that a learner carries, as bytes."""
    arrays = [*parameters_of(learner), *learner.offsets, *(learner.velocity or ())]
    chains = learner.chains.states
    arrays += [] if chains is None else [chains]
    return [array.tobytes() for array in arrays]


def run_wide(case, storage, dtype):
    X, order, settings, arguments = make_problem(case, N_VISIBLE_WIDE, N_HIDDEN_WIDE, dtype)
    learner = make_learner(**arguments, dtype=dtype)
    learner.run_epoch(as_rows(storage(X)), order, settings)
    return state_of(learner)


@each_path
@each_storage
@each_dtype
@pytest.mark.parametrize("case", ["PCD-3", "CD", "everything", "everything, CD"])
def test_same_bits_for_any_number_of_threads(case, dtype, storage, path, monkeypatch):
    take(path, monkeypatch)
    sizes, states = [], []
    for size in (1, 2, 3, 4):
        helpers = team_of(size, monkeypatch)
        states.append(run_wide(case, storage, dtype))
        sizes.append(helpers.most_offered + 1)
    assert sizes == [1, 2, 3, 4], "other teams than wanted"
    assert states[1:] == [states[0]] * 3


@each_storage
@each_dtype
@each_case
def test_same_bits_however_the_epoch_is_cut_into_calls(case, dtype, storage, monkeypatch):
    take("sparse path", monkeypatch)
    whole = run_wide(case, storage, dtype)
    n_steps = -(-N_ROWS // min(CASES[case].get("batch_size", PLAIN["batch_size"]), N_ROWS))
    calls = []
    run_team = fused.run_team

    def counting(*args, **kwargs):
        calls.append(args)
        run_team(*args, **kwargs)

    monkeypatch.setattr(fused, "run_team", counting)
    monkeypatch.setattr(fused, "_WEIGHTS_PER_CALL", 1)
    assert run_wide(case, storage, dtype) == whole
    assert len(calls) == n_steps


# Expectations ----------------------------------------------------------------


def recovered_direction(learner, X, settings, n_epochs=1):
    """Mean gradient of the steps of some epochs of plain SGD, as one vector.

    The learning rate is so small that no step sees the one before.
    """
    before = [p.copy() for p in parameters_of(learner)]
    order = np.arange(len(X))
    for _ in range(n_epochs):
        learner.run_epoch(as_rows(X), order, settings)
    n_steps = n_epochs * -(-len(X) // settings.batch_size)
    moves = zip(parameters_of(learner), before, strict=True)
    return np.concatenate(
        [(after - p).ravel() / (n_steps * settings.learning_rate) for after, p in moves]
    )


def centred_statistics(v, h, offsets, centered):
    """What each row adds to the gradient by W, b and c, as one vector a row."""
    rows = [
        naive.direction(
            (v[[r]], h[[r]], np.ones(1)),
            (np.zeros_like(v[[r]]), np.zeros_like(h[[r]]), np.zeros(1)),
            offsets,
            centered,
        )
        for r in range(len(v))
    ]
    return np.array([np.concatenate([part.ravel() for part in row]) for row in rows])


def check_mean(found, expected, standard_error):
    z = (found - expected) / standard_error
    # About twenty numbers: chance alone exceeds 4.5 once in 7000 seeds.
    assert np.abs(z).max() < 4.5


OFFSETS = np.array([0.3, 0.8, 0.5, 0.6]), np.array([0.4, 0.7, 0.2])
each_centering = pytest.mark.parametrize("centered", [True, False], ids=["centred", "plain"])


@each_path
@each_centering
@pytest.mark.parametrize("k", [1, 2])
def test_mean_cd_step_is_the_enumerated_one(k, centered, path, monkeypatch):
    take(path, monkeypatch)
    W, b, c = enumeration.make_model(4, 3, scale=2)
    exact = enumeration.Enumeration(W, b, c)
    kinds = np.array([[0.0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1], [0.2, 0.5, 1, 0.7]])
    X = np.tile(kinds, (10_000, 1))

    # data -> h -> v -> (h -> v ->)^(k-1) mean h, summed over all paths
    p_v = exact.hidden_given(kinds) @ exact.visible_given_hidden()
    p_v = p_v @ np.linalg.matrix_power(exact.gibbs_step(), k - 1)
    of_state = centred_statistics(exact.v, exact.mean_hidden(exact.v), OFFSETS, centered)
    of_kind = centred_statistics(kinds, exact.mean_hidden(kinds), OFFSETS, centered)
    expected = of_kind.mean(axis=0) - p_v.mean(axis=0) @ of_state
    variance = (p_v @ of_state**2 - (p_v @ of_state) ** 2).mean(axis=0)

    settings = Settings(
        **PLAIN
        | {"learning_rate": 1e-9, "n_gibbs_steps": k, "offset_rate": 0.0}
        | {"centered": centered, "batch_size": 8}
    )
    learner = make_learner(W, b, c, None, OFFSETS)
    found = recovered_direction(learner, X, settings)
    check_mean(found, expected, np.sqrt(variance / len(X)))


def log_likelihood_gradient(X, W, b, c, offsets):
    """By finite differences of enumerated log-likelihoods, in the parameters that are kept.

    With offsets, those are W, b' and c' of the energy
    -(v - mu) W (h - lam) - (v - mu) b' - (h - lam) c'; the direction is then that of W, b and c
    when W, b' and c' go along their gradient.
    """
    mu, lam = offsets

    def log_likelihood(W, b_kept, c_kept):
        machine = enumeration.Enumeration(W, b_kept - W @ lam, c_kept - mu @ W)
        return machine.log_likelihood(X).mean()

    by_W, by_b, by_c = enumeration.finite_differences(
        log_likelihood, [W, b + W @ lam, c + mu @ W], step=1e-5
    )
    return np.concatenate([by_W.ravel(), by_b - by_W @ lam, by_c - mu @ by_W])


NO_OFFSETS = tuple(np.zeros_like(offset) for offset in OFFSETS)


@each_centering
def test_the_twin_with_exact_statistics_goes_along_the_gradient_of_the_likelihood(centered):
    W, b, c = enumeration.make_model(4, 3, scale=2)
    exact = enumeration.Enumeration(W, b, c)
    X = np.array([[0.0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1]])
    found = naive.direction(
        (X, exact.mean_hidden(X), np.full(3, 1 / 3)),
        (exact.v, exact.mean_hidden(exact.v), exact.p_v),
        OFFSETS,
        centered,
    )
    expected = log_likelihood_gradient(X, W, b, c, OFFSETS if centered else NO_OFFSETS)
    np.testing.assert_allclose(np.concatenate([f.ravel() for f in found]), expected, atol=1e-8)


@each_path
@each_centering
@pytest.mark.parametrize("k", [1, 3])
def test_pcd_from_exact_chains_goes_along_the_gradient_of_the_likelihood(
    k, centered, path, monkeypatch
):
    take(path, monkeypatch)
    W, b, c = enumeration.make_model(4, 3, scale=2)
    exact = enumeration.Enumeration(W, b, c)
    X = np.array([[0.0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1]])
    expected = log_likelihood_gradient(X, W, b, c, OFFSETS if centered else NO_OFFSETS)
    of_state = centred_statistics(exact.v, exact.mean_hidden(exact.v), OFFSETS, centered)
    variance = exact.p_v @ of_state**2 - (exact.p_v @ of_state) ** 2

    n_chains = 40_000
    _, chains = exact.draw(n_chains, np.random.default_rng(1))
    settings = Settings(
        **PLAIN
        | {"learning_rate": 1e-9, "batch_size": 3, "n_gibbs_steps": k, "offset_rate": 0.0}
        | {"centered": centered}
    )
    learner = make_learner(W, b, c, chains, OFFSETS)
    found = recovered_direction(learner, X, settings)
    check_mean(found, expected, np.sqrt(variance / n_chains))
    # The chains that persist are hidden states of the model still.
    counts = np.bincount(enumeration.number_of(learner.chains.states), minlength=8)
    standard_error = np.sqrt(n_chains * exact.p_h * (1 - exact.p_h))
    assert np.all(np.abs(counts - n_chains * exact.p_h) < 4.5 * standard_error)


# Both phases weigh the same --------------------------------------------------


@each_path
@each_centering
@pytest.mark.parametrize("persistent", [True, False], ids=["PCD", "CD"])
@pytest.mark.parametrize(("n_rows", "batch_size", "n_chains"), [(1, 10, 7), (23, 11, 3), (9, 3, 3)])
def test_phases_that_agree_cancel_whatever_their_numbers_of_rows(
    n_rows, batch_size, n_chains, persistent, centered, path, monkeypatch
):
    take(path, monkeypatch)
    # Biases of 60 make both phases certain: every unit is on, in the data and in every chain.
    W, b, c = np.full((4, 3), 0.5), np.full(4, 60.0), np.full(3, 60.0)
    learner = make_learner(W, b, c, np.ones((n_chains, 3)) if persistent else None, OFFSETS)
    options = {"centered": centered, "batch_size": batch_size}
    settings = Settings(**PLAIN | options)
    learner.run_epoch(as_rows(np.ones((n_rows, 4))), np.arange(n_rows), settings)
    for after, before in zip(parameters_of(learner), (W, b, c), strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-13)


@each_path
def test_a_step_on_repeated_rows_is_the_step_on_the_rows(path, monkeypatch):
    take(path, monkeypatch)
    # The gradient of a batch is a mean: with the same chains, 60 rows teach what their 3 kinds do.
    W, b, c = enumeration.make_model(4, 3)
    kinds = np.array([[0.0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0.5, 1]])
    chains = np.array([[1.0, 0, 1], [0, 0, 1]])
    learners = []
    for X in (kinds, np.tile(kinds, (20, 1))):
        learner = make_learner(W, b, c, chains, OFFSETS)
        learner.run_epoch(as_rows(X), np.arange(len(X)), Settings(**PLAIN | {"batch_size": 60}))
        learners.append(learner)
    few, many = learners
    for one, other in zip(
        (*parameters_of(few), *few.offsets), (*parameters_of(many), *many.offsets), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)
    assert np.array_equal(few.chains.states, many.chains.states)
