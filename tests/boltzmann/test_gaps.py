"""Rows some entries of which are missing: for each, the machine has the known units alone.

The others stay at the means of the data, and so are but a part of the biases of the hidden units.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from enumeration import Binary, Gaussian, LayeredEnumeration, finite_differences
from skebm import BernoulliRBM, GaussianRBM
from skebm._random import RandomStreams
from skebm._rows import KnownRows, NotNaN
from skebm._streamed_rows import as_rows
from skebm.boltzmann.chains import CD, PCD, PT
from skebm.boltzmann.learner import Learner, Settings, new_solvers
from skebm.boltzmann.machine import Machine
from skebm.boltzmann.tempering import Tempering
from skebm.boltzmann.units import BernoulliUnits, GaussianUnits, SideBySide, SoftmaxUnits

NAN = np.nan
each_kind = pytest.mark.parametrize("kind", ["binary", "real", "mixed"])
each_storage = pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
each_RBM = pytest.mark.parametrize("RBM", [BernoulliRBM, GaussianRBM])

# Every kind of unit both known and not; a row without any; one that has them all.
ROWS = {
    "binary": [[1, NAN, 0, 1], [NAN, 0, 1, NAN], [1, 1, 0, 0], [NAN] * 4, [0, 1, NAN, 1]],
    "real": [[1.3, NAN, -0.2], [NAN, -1.1, 0.7], [0.4, -1.2, 2.1], [NAN] * 3, [NAN, 0.8, NAN]],
    "mixed": [
        [1, 0, 1, 0, NAN],
        [NAN, 0, 0, 1, -0.8],
        [1, NAN, NAN, NAN, 0.3],
        [0, 1, 0, 0, 1.7],
        [NAN] * 5,
    ],
}
N_HIDDEN = 3

# What units that are not there stay at.
MEANS = {
    "binary": np.array([0.8, 0.3, 0.6, 0.4]),
    "real": np.array([0.3, -0.4, 0.2]),
    "mixed": np.array([0.7, 0.2, 0.5, 0.3, -0.4]),
}


def parameters_of(kind, scale=1.2):
    """M, what hidden units add to means or log-odds; biases; and log-variances, 0 of binary."""
    rng, n_visible = np.random.default_rng(3), len(ROWS[kind][0])
    M, b, c = (
        rng.normal(0, scale, (n_visible, N_HIDDEN)),
        *map(rng.normal, [0, 0], [0.7] * 2, (n_visible, N_HIDDEN)),
    )
    log_variance = rng.normal(0, 0.4, n_visible)
    log_variance[{"binary": slice(None), "real": slice(0), "mixed": slice(-1)}[kind]] = 0
    return M, b, c, log_variance


def machine_of(kind, M, b, c, log_variance):
    b, log_variance = b.copy(), log_variance.copy()
    visible = {
        "binary": lambda: BernoulliUnits(b),
        "real": lambda: GaussianUnits(b, log_variance),
        "mixed": lambda: SideBySide(
            [
                BernoulliUnits(b[:1]),
                SoftmaxUnits(b[1:4], [3]),
                GaussianUnits(b[4:], log_variance[4:]),
            ]
        ),
    }[kind]()
    W = np.ascontiguousarray(M / np.exp(log_variance)[:, None])
    return Machine.restricted(W, visible, BernoulliUnits(c.copy()))


class OneOf(Binary):
    """A group of units, one of which is 1, or none where the group is not there."""

    def states(self):
        return np.eye(max(1, len(self.bias)))[:, : len(self.bias)]


def own_machine(kind, known, M, b, c, log_variance):
    """The machine with the known units alone, summed over all its states."""
    weights = M / np.exp(log_variance)[:, None]
    of_absent = MEANS[kind][~known] @ weights[~known]
    choice, real = np.arange(len(known)) - 1 < 3, np.zeros(len(known), dtype=bool)
    real[{"binary": slice(0), "real": slice(None), "mixed": slice(4, 5)}[kind]] = True
    choice = (kind == "mixed") & (np.arange(len(known)) > 0) & ~real
    units = [
        Binary(b[known & ~choice & ~real]),
        OneOf(b[known & choice]),
        Gaussian(b[known & real], np.exp(log_variance[known & real])),
    ]
    return LayeredEnumeration([units, [Binary(c + of_absent)]], [M[known]])


def rows_of(kind, storage=np.asarray, n_copies=1):
    rows = as_rows(storage(np.tile(np.array(ROWS[kind]), (n_copies, 1))))
    return KnownRows(rows, NotNaN(rows), MEANS[kind])


def own_machines(kind, *parameters):
    """For each row its machine and what is known of it."""
    for row in np.array(ROWS[kind], dtype=float):
        known = ~np.isnan(row)
        yield own_machine(kind, known, *parameters), row[known]


def mean_log_likelihood(kind, *parameters):
    """Of the rows, each by its own machine."""
    return np.mean([own.log_likelihood([v])[0] for own, v in own_machines(kind, *parameters)])


# A machine given rows -------------------------------------------------------


@each_storage
@each_kind
def test_hidden_means_and_free_energies_are_those_of_the_known_units(kind, storage):
    parameters = parameters_of(kind)
    machine, rows = machine_of(kind, *parameters), rows_of(kind, storage)
    means, free_energies = machine.transform(rows), machine.free_energy(rows)
    assert len(means) == 5
    for (own, v), mean, free_energy in zip(
        own_machines(kind, *parameters), means, free_energies, strict=True
    ):
        np.testing.assert_allclose(mean, own.mean(1, {0: v}), rtol=1e-12)
        expected = -own.log_likelihood([v])[0] - own.log_z
        assert free_energy == pytest.approx(expected, rel=1e-12)


@each_kind
def test_scores_are_of_the_known_units_given_the_other_known_ones(kind):
    parameters = parameters_of(kind)
    machine, rows = machine_of(kind, *parameters), rows_of(kind)
    scores = machine.pseudo_log_likelihood(rows)
    for (own, v), score in zip(own_machines(kind, *parameters), scores, strict=True):
        assert score == pytest.approx(pseudo_log_likelihood(own, v), rel=1e-6, abs=1e-9)


def pseudo_log_likelihood(own, v):
    """Sum over units, or groups of them, of log p(v | the others), by all their other states."""
    total, start = 0.0, 0
    for units in own.layers[0]:
        size = len(units.bias)
        groups = (
            [slice(start, start + size)]
            if isinstance(units, OneOf)
            else [slice(i, i + 1) for i in range(start, start + size)]
        )
        for group in groups if size else []:
            others = np.tile(v, (1, 1))
            if isinstance(units, Gaussian):
                x = np.linspace(-30, 30, 601)  # sums of normal densities are exact
                others, log_step = np.tile(v, (len(x), 1)), np.log(x[1] - x[0])
                others[:, group] = x[:, None]
            else:
                states = units.states() if isinstance(units, OneOf) else np.array([[0.0], [1.0]])
                others, log_step = np.tile(v, (len(states), 1)), 0.0
                others[:, group] = states
            all_others = np.logaddexp.reduce(own.log_likelihood(others)) + log_step
            total += own.log_likelihood([v])[0] - all_others
        start += size
    return total


@each_kind
def test_the_error_of_reconstruction_is_that_of_the_known_units(kind):
    parameters = parameters_of(kind)
    machine, rows = machine_of(kind, *parameters), rows_of(kind)
    errors = machine.reconstruction_error(rows)
    assert errors[np.isnan(ROWS[kind]).all(axis=1)] == [0]
    for (own, v), error in zip(own_machines(kind, *parameters), errors, strict=True):
        if not len(v):
            continue
        back = own.mean(0, {1: own.mean(1, {0: v})})
        assert error == pytest.approx(np.square(back - v).sum(), rel=1e-10, abs=1e-12)


# The gradient ---------------------------------------------------------------

N_COPIES = 4000
RATE = 1e-9


def learner_of(machine, chains, offsets):
    return Learner(machine, chains, offsets, new_solvers(machine), 0, RandomStreams(2**40 + 3))


def chains_of(algorithm, machine, n_chains):
    states = np.random.default_rng(0).integers(2, size=(3, n_chains, N_HIDDEN)).astype(float)
    if algorithm == "pt":
        base = tuple(units.with_mean(np.full(len(units.bias), 0.4), 10) for units in machine.layers)
        return PT(states, Tempering(base, np.array([0.0, 0.5, 1.0])))
    return PCD(states[0]) if algorithm == "pcd" else CD()


def step_of(kind, algorithm, centered, offsets):
    """Change of M, of both biases and of the log-variances in one step, over its length."""
    M, b, c, log_variance = parameters_of(kind, scale=0.8)
    machine = machine_of(kind, M, b, c, log_variance)
    rows = rows_of(kind, n_copies=N_COPIES)
    n_rows = rows.shape[0]
    settings = Settings(
        learning_rate=RATE,
        batch_size=n_rows,
        n_gibbs_steps=12,
        momentum=0.0,
        l2=0.0,
        l1=0.0,
        sparsity_target=None,
        sparsity_cost=0.0,
        centered=centered,
        variance_rate=RATE,
    )
    learner = learner_of(machine, chains_of(algorithm, machine, n_rows), offsets)
    learner.run_epoch(rows, np.arange(n_rows), settings)
    variance = machine.visible.variance
    after = machine.weights * variance[:, None], machine.visible.bias, machine.hidden.bias
    steps = [(new - old) / RATE for new, old in zip(after, (M, b, c), strict=True)]
    return [*steps, (np.log(variance) - log_variance) / RATE]


@cache
def slopes_of_likelihood(kind):
    parameters = list(parameters_of(kind, scale=0.8))
    return finite_differences(lambda *moved: mean_log_likelihood(kind, *moved), parameters)


# Without centring, the units that are not there learn from being constant, as biases do.
@pytest.mark.parametrize(("centered", "at_offset"), [(False, True), (True, False), (True, True)])
@pytest.mark.parametrize("algorithm", ["cd", "pcd", "pt"])
@each_kind
def test_the_mean_step_follows_the_likelihood_of_the_rows_by_their_own_machines(
    kind, algorithm, centered, at_offset
):
    _, b, _, log_variance = parameters_of(kind, scale=0.8)
    mu, lam = MEANS[kind] if at_offset else np.full(len(b), 0.1), np.full(N_HIDDEN, 0.4)
    steps = step_of(kind, algorithm, centered, (mu.copy(), lam.copy()))
    # What moves is M, the bias and the log-variance, the first two along gradients times variances.
    of_M, of_b, of_c, of_log_variance = (slope.copy() for slope in slopes_of_likelihood(kind))
    variance = np.exp(log_variance)
    of_M, of_b = of_M * variance[:, None], of_b * variance
    of_log_variance[log_variance == 0] = 0
    if centered:
        # Parameters of the centred energy, whose gradients these are, carried back.
        of_M = of_M - np.outer(of_b, lam) - np.outer(mu, of_c)
        of_b = of_b - of_M @ lam
        of_c = of_c - (of_M / variance[:, None]).T @ mu
    expected = of_M, of_b, of_c, of_log_variance
    for name, step, wanted in zip(["M", "b", "c", "log s"], steps, expected, strict=True):
        # Standard error of a mean over the chains, of states of this size; rounding of the step.
        tolerance = 4.5 * (2.0 if kind != "binary" else 0.5) / np.sqrt(5 * N_COPIES) + 1e-5
        assert np.abs(wanted).max() > 2 * tolerance or name == "log s"
        np.testing.assert_allclose(step, wanted, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("algorithm", ["cd", "pcd", "pt"])
def test_a_unit_that_is_nowhere_known_learns_nothing(algorithm):
    M, b, c, log_variance = parameters_of("real")
    machine = machine_of("real", M, b, c, log_variance)
    X = np.tile([[0.3, NAN, -0.7], [1.2, NAN, 0.4]], (10, 1))
    settings = Settings(0.1, 20, 2, 0.0, 0.0, 0.0, None, 0.0, centered=True, variance_rate=0.0)
    offsets = np.array([0.2, 0.125, -0.3]), np.full(N_HIDDEN, 0.5)
    weights, bias = machine.weights.copy(), machine.visible.bias.copy()
    learner = learner_of(machine, chains_of(algorithm, machine, 7), offsets)
    rows = KnownRows(as_rows(X), NotNaN(as_rows(X)), offsets[0])
    learner.run_epoch(rows, np.arange(20), settings)
    np.testing.assert_allclose(machine.weights[1], weights[1], rtol=0, atol=1e-15)
    np.testing.assert_allclose(machine.visible.bias[1], bias[1], rtol=0, atol=1e-15)
    assert offsets[0][1] == pytest.approx(0.125, rel=1e-15)
    assert np.abs(machine.weights[0] - weights[0]).max() > 1e-3
    assert not np.isclose(machine.visible.bias[0], bias[0])
    assert offsets[0][0] == pytest.approx(0.99 * 0.2 + 0.01 * 0.75)


# Estimators -----------------------------------------------------------------


def rows_and_gaps(n_rows=120, n_features=7, share=0.3, seed=0):
    """Rows of 0 and 1 in which features go together, and the same with gaps."""
    rng = np.random.default_rng(seed)
    causes = rng.random((n_rows, 2)) < 0.5
    X = (causes[:, np.arange(n_features) % 2] ^ (rng.random((n_rows, n_features)) < 0.1)) * 1.0
    return X, np.where(rng.random(X.shape) < share, NAN, X)


def fitted(RBM, X, **params):
    return RBM(4, n_iter=3, random_state=0, **params).fit(X)


def attributes_of(rbm):
    return [rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_, *rbm._means]


@pytest.mark.parametrize("algorithm", ["cd", "pcd", "pt"])
@each_RBM
def test_data_without_gaps_do_not_depend_on_what_would_mark_them(RBM, algorithm):
    X, _ = rows_and_gaps()
    one, other = (fitted(RBM, X, algorithm=algorithm, missing_values=m) for m in (NAN, -5))
    assert all(map(np.array_equal, attributes_of(one), attributes_of(other)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("algorithm", ["cd", "pcd", "pt"])
@each_RBM
def test_gaps_are_the_same_in_every_container(RBM, algorithm, dtype):
    _, X = rows_and_gaps()
    X = X.astype(dtype)
    params = {"algorithm": algorithm, "early_stopping": True}
    rbm = fitted(RBM, X, **params)
    assert rbm.transform(X).dtype == rbm.score_samples(X).dtype == rbm.free_energy(X).dtype == dtype
    objects = X.astype(object)
    objects[np.isnan(X)] = None
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    marked = np.where(np.isnan(X), dtype(-5), X)
    others = [
        (scipy.sparse.csr_matrix(X), {}),
        (frame, {}),
        (marked, {"missing_values": -5}),
        (scipy.sparse.csr_matrix(marked), {"missing_values": -5}),
    ]
    if dtype == np.float64:
        others += [(objects, {}), (frame.astype("Float64"), {})]
    for data, more in others:
        other = fitted(RBM, data, **params, **more)
        assert all(map(np.array_equal, attributes_of(other), attributes_of(rbm)))
        for ask in ("transform", "score_samples", "free_energy", "gibbs"):
            draws = {"random_state": 1} if ask == "gibbs" else {}
            found, expected = (getattr(a, ask)(b, **draws) for a, b in ((other, data), (rbm, X)))
            assert np.array_equal(found, expected), ask
            assert np.isfinite(expected).all()
        if not scipy.sparse.issparse(data):
            filled = other.impute(data, 10, random_state=1)
            assert np.array_equal(filled, rbm.impute(X, 10, random_state=1))
    assert np.array_equal(np.isnan(rbm.gibbs(X, 0)), np.isnan(X))


def test_means_and_scales_are_those_of_the_known_values():
    rng = np.random.default_rng(0)
    X = rng.normal(5, 3, (200, 4))
    X[:, 3] = 7.0
    X[rng.random(X.shape) < 0.3] = NAN
    X[0, 3] = NAN
    rbm = fitted(GaussianRBM, X)
    np.testing.assert_allclose(rbm.mean_, np.nanmean(X, axis=0), rtol=1e-12)
    np.testing.assert_allclose(rbm.scale_[:3], np.nanstd(X, axis=0)[:3], rtol=1e-12)
    assert rbm.mean_[3] == 7
    assert (rbm.impute(X, 10)[:, 3] == 7).all()


def test_a_score_of_real_values_is_in_units_of_the_data():
    rng = np.random.default_rng(0)
    X = rng.normal(5, 3, (200, 4))
    X[rng.random(X.shape) < 0.3] = NAN
    one, other = fitted(GaussianRBM, X), fitted(GaussianRBM, 1024 * X)
    n_known = (~np.isnan(X)).sum(axis=1)
    shift = one.score_samples(X) - other.score_samples(1024 * X)
    np.testing.assert_allclose(shift, n_known * np.log(1024), rtol=0, atol=1e-8)
    history = [rbm.history_["pseudo_likelihood"][-1] for rbm in (one, other)]
    watched = n_known[::4].mean()
    assert history[0] - history[1] == pytest.approx(watched * np.log(1024), abs=1e-8)


@each_RBM
def test_features_without_a_known_value_are_named_and_taken_for_zero(RBM):
    _, X = rows_and_gaps()
    X[:, [2, 5]] = NAN
    with pytest.warns(UserWarning, match=r"without any known value.*columns \[2, 5\]"):
        rbm = fitted(RBM, X)
    filled = rbm.impute(X, 10, random_state=0)
    assert np.abs(filled[:, [2, 5]]).max() < 0.1
    assert np.isfinite(rbm.score_samples(X)).all()
    more = rbm.partial_fit(X[:3])  # of few rows, all of which may lack a value, without a word
    assert np.isfinite(more.components_).all()


@each_RBM
def test_a_row_of_gaps_alone_is_a_row_of_nothing(RBM):
    _, X = rows_and_gaps()
    rbm = fitted(RBM, np.vstack([X, np.full((3, 7), NAN)]))
    nothing = np.full((2, 7), NAN)
    machine = rbm.__skebm_model__().machine
    expected = 1 / (1 + np.exp(-machine.hidden.bias - rbm._means[0] @ machine.weights))
    np.testing.assert_allclose(rbm.transform(nothing), np.tile(expected, (2, 1)), rtol=1e-12)
    assert (rbm.score_samples(nothing) == 0).all()


@each_RBM
def test_hidden_units_that_have_died_begin_anew_on_rows_with_gaps(RBM, monkeypatch):
    _, X = rows_and_gaps()
    monkeypatch.setattr("skebm.boltzmann.monitor.dead_units", lambda means: np.arange(4) < 2)
    with pytest.warns(UserWarning, match="hidden units"):
        rbm = fitted(RBM, X)
    assert rbm.history_["dead_units"] == [0.5] * 3
    assert np.isfinite(rbm.score_samples(X)).all()


@pytest.mark.parametrize("algorithm", ["cd", "pcd", "pt"])
def test_learning_on_known_values_finds_what_goes_together(algorithm):
    X, X_gaps = rows_and_gaps(n_rows=600)
    rbm = BernoulliRBM(8, algorithm=algorithm, n_iter=60, random_state=0).fit(X_gaps)
    gaps = np.isnan(X_gaps)
    filled = rbm.impute(X_gaps, random_state=0)
    found = np.mean((filled > 0.5)[gaps] == X[gaps])
    # The feature is the cause in 9 of 10, and the others of its group in turn say which it is.
    assert found > 0.8
    assert not np.isnan(filled).any()
    assert np.array_equal(filled[~gaps], X[~gaps])


def test_searches_pipelines_and_clones_take_gaps():
    X, X_gaps = rows_and_gaps()
    y = X[:, 0]
    pipe = make_pipeline(GaussianRBM(4, n_iter=2, random_state=0), LogisticRegression())
    assert pipe[0].__sklearn_tags__().input_tags.allow_nan
    search = GridSearchCV(pipe, {"gaussianrbm__n_gibbs_steps": [1, 2]}, cv=2).fit(X_gaps, y)
    assert search.best_score_ > 0.5
    assert search.predict(X_gaps).shape == (120,)
    rbm = clone(BernoulliRBM(missing_values=-1))
    assert rbm.missing_values == -1
    assert not rbm.__sklearn_tags__().input_tags.allow_nan


def test_training_goes_on_with_gaps():
    _, X = rows_and_gaps()
    whole = BernoulliRBM(
        4, n_iter=2, learning_rate_schedule="constant", shuffle=False, random_state=0
    ).fit(X)
    parts = BernoulliRBM(4, shuffle=False, random_state=0).partial_fit(X).partial_fit(X)
    assert np.array_equal(whole.components_, parts.components_)


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
def test_nan_is_refused_where_another_number_marks_gaps(storage):
    X, X_gaps = rows_and_gaps()
    rbm = BernoulliRBM(4, n_iter=1, missing_values=-1)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        rbm.fit(storage(X_gaps))
    rbm.fit(storage(X))
    for ask in (rbm.transform, rbm.partial_fit, rbm.score_samples):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            ask(storage(X_gaps))


def test_zeros_of_sparse_data_cannot_mark_gaps():
    X, _ = rows_and_gaps()
    rbm = BernoulliRBM(4, n_iter=1, missing_values=0)
    with pytest.raises(ValueError, match="'missing_values' parameter of BernoulliRBM is 0"):
        rbm.fit(scipy.sparse.csr_matrix(X))
    X[X == 0] = 0.5
    assert rbm.fit(X).n_iter_ == 1


@each_RBM
def test_likelihoods_take_whole_rows(RBM):
    X, X_gaps = rows_and_gaps()
    rbm = fitted(RBM, X)
    with pytest.raises(ValueError, match=f"{RBM.__name__}.log_likelihood needs complete rows"):
        rbm.log_likelihood(X_gaps)
    with pytest.raises(ValueError, match=f"{RBM.__name__}.log_partition needs complete rows"):
        rbm.log_partition(X=X_gaps)
    with pytest.raises(ValueError, match="contains NaN"):
        rbm.sample(3, init=X_gaps)
