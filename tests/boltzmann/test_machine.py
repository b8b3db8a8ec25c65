"""The machine and its units, against sums over every joint state of small strong models."""

import numpy as np
import pytest
import scipy.sparse
from scipy import stats

import enumeration
import naive
from skebm._source import CHUNK
from skebm._streamed_rows import as_rows
from skebm.boltzmann.couplings import Dense
from skebm.boltzmann.machine import Machine
from skebm.boltzmann.units import BernoulliUnits

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_size = pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 5), (4, 3), (1, 5), (5, 1)])
each_storage = pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])

# Chi-square tests here are many; one in 10,000 is rejected by chance, and none was at this seed.
SMALLEST_P = 1e-4


def make_machine(n_visible, n_hidden, dtype=np.float64, scale=2.5, seed=0):
    """A machine, and the exact quantities of that very machine after rounding."""
    arrays = enumeration.make_model(n_visible, n_hidden, scale, seed)
    W, b, c = (np.ascontiguousarray(array, dtype=dtype) for array in arrays)
    machine = Machine.restricted(W, BernoulliUnits(b), BernoulliUnits(c))
    return machine, enumeration.Enumeration(W, b, c)


def close(got, expected, size=1.0):
    """Equal but for the rounding of about ten numbers of this size."""
    np.testing.assert_allclose(got, expected, rtol=0, atol=20 * size * np.finfo(got.dtype).eps)


def largest_energy(exact):
    return np.abs(exact.W).sum() + np.abs(exact.b).sum() + np.abs(exact.c).sum()


def check_distribution(numbers, p):
    """Whether the numbers are drawn with the probabilities p, by a chi-square test."""
    expected = len(numbers) * p
    found = np.bincount(numbers, minlength=len(p))
    # The test wants at least five expected counts a cell: rarer states share one.
    rare = expected < 5
    expected = np.append(expected[~rare], expected[rare].sum())
    found = np.append(found[~rare], found[rare].sum())
    if expected[-1] < 5:
        expected[-2:] = [expected[-2] + expected[-1], 0]
        found[-2:] = [found[-2] + found[-1], 0]
        expected, found = expected[:-1], found[:-1]
    assert len(expected) > 3, "too few cells to tell anything"
    assert stats.chisquare(found, expected, sum_check=False).pvalue > SMALLEST_P


# The enumeration itself ------------------------------------------------------


def test_wide_enumeration_is_the_full_one():
    W, b, c = enumeration.make_model(5, 4)
    exact = enumeration.Enumeration(W, b, c)
    wide = enumeration.log_likelihood_of_wide(exact.v, W, b, c)
    np.testing.assert_allclose(wide, np.log(exact.p_v), rtol=1e-12)


# Exact quantities ------------------------------------------------------------


@each_dtype
@each_storage
@each_size
def test_free_energy_is_a_sum_over_the_hidden_states(n_visible, n_hidden, storage, dtype):
    machine, exact = make_machine(n_visible, n_hidden, dtype)
    v = exact.v.astype(dtype)
    expected = -np.log(exact.p_v) - exact.log_z
    close(machine.free_energy(as_rows(storage(v))), expected, largest_energy(exact))


@each_dtype
def test_free_energy_of_grey_rows_is_a_sum_over_the_hidden_states(dtype):
    machine, exact = make_machine(5, 4, dtype)
    v = np.random.default_rng(0).random((50, 5)).astype(dtype)
    expected = exact.free_energy(v.astype(np.float64))
    close(machine.free_energy(as_rows(v)), expected, largest_energy(exact))


@each_dtype
@each_storage
@each_size
def test_hidden_means_are_the_conditional_ones(n_visible, n_hidden, storage, dtype):
    machine, exact = make_machine(n_visible, n_hidden, dtype)
    v = exact.v.astype(dtype)
    expected = (exact.joint @ exact.h) / exact.p_v[:, None]
    size = largest_energy(exact)
    close(machine.transform(as_rows(storage(v))), expected, size)
    close(machine.odd_mean(v, np.empty((len(v), n_hidden), dtype=dtype)), expected, size)


@each_dtype
@each_storage
@each_size
def test_visible_means_are_the_conditional_ones(n_visible, n_hidden, storage, dtype):
    machine, exact = make_machine(n_visible, n_hidden, dtype)
    h = exact.h.astype(dtype)
    expected = (exact.joint.T @ exact.v) / exact.p_h[:, None]
    size = largest_energy(exact)
    close(machine.inverse_transform(as_rows(storage(h))), expected, size)
    close(machine.even_mean(h, np.empty((len(h), n_visible), dtype=dtype)), expected, size)


def exact_pseudo_log_likelihood(exact):
    """Sum over i of log p(v_i | all other v), from the probabilities of both values of v_i."""
    total = np.zeros(len(exact.v))
    for i in range(exact.v.shape[1]):
        flipped = exact.v.copy()
        flipped[:, i] = 1 - flipped[:, i]
        p_flipped = exact.p_v[enumeration.number_of(flipped)]
        total += np.log(exact.p_v / (exact.p_v + p_flipped))
    return total


@each_dtype
@each_storage
@each_size
def test_pseudo_likelihood_flips_every_unit(n_visible, n_hidden, storage, dtype):
    machine, exact = make_machine(n_visible, n_hidden, dtype)
    rows = as_rows(storage(exact.v.astype(dtype)))
    expected = exact_pseudo_log_likelihood(exact)
    close(machine.pseudo_log_likelihood(rows), expected, largest_energy(exact))


@each_dtype
def test_pseudo_likelihood_of_a_grey_unit_compares_it_with_its_mirror_image(dtype):
    machine, exact = make_machine(5, 4, dtype)
    v = np.random.default_rng(0).random((50, 5)).astype(dtype)
    expected = np.zeros(50)
    for i in range(5):
        flipped = v.astype(np.float64)
        flipped[:, i] = 1 - flipped[:, i]
        gap = exact.free_energy(flipped) - exact.free_energy(v.astype(np.float64))
        expected -= np.logaddexp(0, -gap)
    close(machine.pseudo_log_likelihood(as_rows(v)), expected, largest_energy(exact))


@pytest.mark.parametrize(("dtype", "scale"), [(np.float32, 30.0), (np.float64, 100.0)])
def test_pseudo_likelihood_of_huge_weights_neither_overflows_nor_vanishes(dtype, scale):
    # All of one sign: a unit that is flipped multiplies the probability of a state by the
    # exponential of twelve such weights, up to exp(1000) and down to exp(-1000).
    W, b, c = enumeration.make_model(5, 12, scale)
    W, b, c = (np.ascontiguousarray(array, dtype=dtype) for array in (np.abs(W), b, c))
    machine = Machine.restricted(W, BernoulliUnits(b), BernoulliUnits(c))
    exact = enumeration.Enumeration(W, b, c)
    expected = np.zeros(len(exact.v))
    for i in range(5):
        flipped = exact.v.copy()
        flipped[:, i] = 1 - flipped[:, i]
        gap = exact.free_energy(flipped) - exact.free_energy(exact.v)
        expected -= np.logaddexp(0, -gap)
    got = machine.pseudo_log_likelihood(as_rows(exact.v.astype(dtype)))
    close(got, expected, largest_energy(exact))


@each_dtype
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-300])
def test_pseudo_likelihood_of_no_weights_is_that_of_the_biases(scale, dtype):
    machine, exact = make_machine(5, 4, dtype)
    machine.weights[:] *= scale
    p = np.exp(exact.b) / (1 + np.exp(exact.b))
    expected = np.log(np.where(exact.v > 0, p, 1 - p)).sum(axis=1)
    close(machine.pseudo_log_likelihood(as_rows(exact.v.astype(dtype))), expected, 10)


@each_dtype
@each_storage
def test_reconstruction_error_is_that_of_two_mean_passes(storage, dtype):
    machine, exact = make_machine(5, 4, dtype)
    v = np.random.default_rng(0).random((50, 5)).astype(dtype)
    v[v < 0.3] = 0
    # The way back starts from means, which are no state: its means come from E(v, h) at those h.
    h = exact.mean_hidden(v.astype(np.float64))
    minus_energy = (h @ exact.W.T + exact.b) @ exact.v.T
    p = np.exp(minus_energy - minus_energy.max(axis=1, keepdims=True))
    back = (p / p.sum(axis=1, keepdims=True)) @ exact.v
    expected = np.square(v - back).sum(axis=1)
    close(machine.reconstruction_error(as_rows(storage(v))), expected, largest_energy(exact))


@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, scipy.sparse.csr_matrix])
def test_rows_beyond_the_first_chunk_are_treated_as_those_in_it(storage):
    machine, exact = make_machine(5, 4)
    # Three chunks, the last of them short, none of them alike.
    numbers = np.random.default_rng(0).integers(32, size=2 * CHUNK + 7)
    rows = as_rows(storage(exact.v[numbers]))
    free_energy = -np.log(exact.p_v) - exact.log_z
    close(machine.free_energy(rows), free_energy[numbers], largest_energy(exact))
    h = (exact.joint @ exact.h) / exact.p_v[:, None]
    close(machine.transform(rows), h[numbers], largest_energy(exact))


def test_csr_rows_in_no_canonical_format_count_as_what_they_mean():
    machine, exact = make_machine(3, 4)
    # Row 0 is 1, 0, 1 out of order with a part given twice; row 1 has a zero spelled out.
    csr = scipy.sparse.csr_matrix(
        (np.array([1.0, 0.25, 0.75, 0.0]), np.array([2, 0, 0, 1]), np.array([0, 3, 4])), (2, 3)
    )
    v = np.array([[1.0, 0, 1], [0, 0, 0]])
    close(machine.transform(as_rows(csr)), exact.mean_hidden(v), largest_energy(exact))
    assert csr.nnz == 4, "the caller's matrix was changed"


# Sampling --------------------------------------------------------------------


@each_dtype
def test_hidden_draws_complete_exact_visible_states_to_the_joint_distribution(dtype):
    machine, exact = make_machine(4, 4, dtype, scale=1.5)
    v, _ = exact.draw(200_000, np.random.default_rng(1))
    h = machine.sample_odd(v.astype(dtype), (3, 7, 0), np.empty((len(v), 4), dtype=dtype))
    numbers = enumeration.number_of(v) * 16 + enumeration.number_of(h)
    check_distribution(numbers, exact.joint.ravel())


@each_dtype
def test_visible_draws_complete_exact_hidden_states_to_the_joint_distribution(dtype):
    machine, exact = make_machine(4, 4, dtype, scale=1.5)
    _, h = exact.draw(200_000, np.random.default_rng(2))
    v = machine.sample_even(h.astype(dtype), (3, 8, 0), np.empty((len(h), 4), dtype=dtype))
    numbers = enumeration.number_of(v) * 16 + enumeration.number_of(h)
    check_distribution(numbers, exact.joint.ravel())


@each_dtype
@pytest.mark.parametrize("n_steps", [1, 2, 5])
def test_walking_does_not_move_the_exact_distribution(n_steps, dtype):
    # No mixing is needed for that, so strong weights show a wrong conditional at once.
    machine, exact = make_machine(5, 5, dtype)
    v, _ = exact.draw(100_000, np.random.default_rng(3))
    v = v.astype(dtype)
    for _ in machine.walk(v, n_steps, (11, 0, 0)):
        pass
    check_distribution(enumeration.number_of(v), exact.p_v)


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_walks_from_one_state_spread_as_the_transition_matrix_says(n_steps):
    # Unlike the exact distribution, a start far from it tells whether the steps are independent.
    machine, exact = make_machine(4, 3, scale=1.5)
    start = np.array([1.0, 0, 1, 1])
    v = np.tile(start, (100_000, 1))
    for _ in machine.walk(v, n_steps, (12, 0, 0)):
        pass
    after = np.linalg.matrix_power(exact.gibbs_step(), n_steps)
    check_distribution(enumeration.number_of(v), after[enumeration.number_of(start[None])[0]])


def test_walk_yields_the_visible_means_that_its_states_are_drawn_from():
    machine, exact = make_machine(4, 3, scale=1.5)
    v, _ = exact.draw(50_000, np.random.default_rng(4))
    (mean,) = (mean.copy() for mean in machine.walk(v, 1, (13, 0, 0)))
    # A mean is one of those of the eight hidden states, and what was drawn averages to it.
    kinds, kind = np.unique(mean.round(10), axis=0, return_inverse=True)
    of_hidden_states = (exact.joint.T @ exact.v) / exact.p_h[:, None]
    assert {tuple(k) for k in kinds} <= {tuple(m) for m in of_hidden_states.round(10)}
    n_rows = np.bincount(kind.ravel())
    for i, p in enumerate(kinds):
        if n_rows[i] > 1000:
            found = v[kind.ravel() == i].mean(axis=0)
            standard_error = np.sqrt(p * (1 - p) / n_rows[i])
            np.testing.assert_array_less(np.abs(found - p), 4.5 * standard_error + 1e-12)


def test_walk_keeps_masked_states_and_draws_the_others_given_them():
    machine, exact = make_machine(5, 4, scale=1.5)
    keep = np.array([True, False, True, False, False])
    known = np.array([1.0, 0, 0, 0, 0])
    # The distribution given the known units does not move when drawn from it exactly.
    possible = np.all(exact.v[:, keep] == known[keep], axis=1)
    p = np.where(possible, exact.p_v, 0) / exact.p_v[possible].sum()
    rng = np.random.default_rng(5)
    v = exact.v[rng.choice(32, size=100_000, p=p)]
    for _ in machine.walk(v, 3, (14, 0, 0), keep=np.tile(keep, (len(v), 1))):
        pass
    assert np.all(v[:, keep] == known[keep])
    check_distribution(enumeration.number_of(v)[:], p)


@pytest.mark.parametrize("n_steps", [1, 4])
def test_layers_alternate_and_each_draw_has_a_stream_of_its_own(n_steps):
    machine, exact = make_machine(4, 3, scale=1.5)
    h = exact.h[np.random.default_rng(8).integers(8, size=70)]
    streams = iter(range(2**33, 2**33 + 2 * n_steps - 1))

    def draw(p):
        return (naive.uniforms(6, next(streams), (80, p.shape[1]))[10:] < p).astype(float)

    expected, visible = h, []
    for step in range(n_steps):
        if step:
            expected = draw(naive.sigmoid(visible[-1][1] @ exact.W + exact.c))
        mean = naive.sigmoid(expected @ exact.W.T + exact.b)
        visible.append((mean, draw(mean)))
    assert next(streams, None) is None, "as many streams as it says"

    v, mean = np.full((70, 4), np.nan), np.full((70, 4), np.nan)
    states = h.copy()
    steps = machine.alternate(states, v, n_steps, (6, 2**33, 10), mean=mean)
    for (expected_mean, expected_v), _ in zip(visible, steps, strict=True):
        np.testing.assert_array_equal(v, expected_v)
        np.testing.assert_allclose(mean, expected_mean, atol=1e-12)
    np.testing.assert_array_equal(states, expected)


def test_on_one_thread_all_rows_are_one_product(monkeypatch):
    machine, exact = make_machine(5, 4)
    v = exact.v[np.random.default_rng(9).integers(32, size=300)]
    sizes = []
    product = Dense.up

    def counting(self, lower, out=None):
        sizes.append(len(lower))
        return product(self, lower, out)

    monkeypatch.setattr(Dense, "up", counting)
    shared_out = machine.odd_mean(v, np.empty((300, 4)))
    assert len(sizes) > 1
    assert sum(sizes) == 300
    sizes.clear()
    alone = machine.on_one_thread().odd_mean(v, np.empty((300, 4)))
    assert sizes == [300]
    np.testing.assert_allclose(alone, shared_out, atol=1e-12)


@pytest.mark.parametrize("method", ["sample_odd", "sample_even"])
def test_draws_do_not_depend_on_how_rows_are_cut(method):
    machine, exact = make_machine(5, 5)
    states = exact.v[np.random.default_rng(6).integers(32, size=301)]
    whole = getattr(machine, method)(states, (1, 2, 10), np.empty((301, 5)))
    for cut in (1, 100, 300):
        first = getattr(machine, method)(states[:cut], (1, 2, 10), np.empty((cut, 5)))
        rest = getattr(machine, method)(states[cut:], (1, 2, 10 + cut), np.empty((301 - cut, 5)))
        assert np.array_equal(np.concatenate([first, rest]), whole)


# Units -----------------------------------------------------------------------


def test_biases_from_means_are_log_odds_with_half_a_row_of_each_state_added():
    # 8 rows: never on, on in two, always on.
    units = BernoulliUnits.from_mean(np.array([0.0, 0.25, 1.0]), 8)
    np.testing.assert_allclose(units.bias, np.log([0.5 / 8.5, 2.5 / 6.5, 8.5 / 0.5]), rtol=1e-14)


def test_base_rate_draws_each_unit_by_its_bias_alone():
    bias = np.array([-3.0, 0.0, 2.0])
    states = BernoulliUnits(bias).base_rate(50_000, (1, 2, 0))
    p = np.exp(bias) / (1 + np.exp(bias))
    assert np.all(np.abs(states.mean(axis=0) - p) < 4.5 * np.sqrt(p * (1 - p) / 50_000))
    assert np.abs(np.corrcoef(states.T) - np.eye(3)).max() < 4.5 / np.sqrt(50_000)


@each_dtype
def test_a_copy_shares_no_memory(dtype):
    machine, _ = make_machine(3, 2, dtype)
    copy = machine.copy()
    for ours, theirs in [
        (machine.weights, copy.weights),
        (machine.visible.bias, copy.visible.bias),
        (machine.hidden.bias, copy.hidden.bias),
    ]:
        assert np.array_equal(ours, theirs)
        assert not np.shares_memory(ours, theirs)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["weights", "visible", "hidden"])
def test_one_parameter_that_is_no_finite_number_is_noticed(where, value):
    machine, _ = make_machine(3, 2)
    assert machine.is_finite()
    part = getattr(machine, where)
    (part if where == "weights" else part.bias).flat[-1] = value
    assert not machine.is_finite()
