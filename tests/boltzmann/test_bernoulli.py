"""BernoulliRBM in training: what scikit-learn's does, what it learns, and how it is steered."""

import copy
import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM as SklearnRBM

import enumeration
import naive
from skebm import BernoulliRBM
from skebm.boltzmann.learner import Learner
from surroundings import global_random_state, needs_callbacks


def binary_rows(n_rows=60, n_features=12, seed=0):
    """Rows in which there is something to learn: three patterns, a tenth of each flipped."""
    rng = np.random.default_rng(seed)
    patterns = rng.random((3, n_features)) < 0.5
    flips = rng.random((n_rows, n_features)) < 0.1
    return (patterns[rng.integers(3, size=n_rows)] ^ flips).astype(np.float64)


def parameters_of(rbm):
    return rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_


def same_model(rbm, other):
    """Bit for bit."""
    return all(map(np.array_equal, parameters_of(rbm), parameters_of(other)))


def log_likelihood(rbm, X):
    """Exact, in nats a row."""
    W, b, c = (np.asarray(p, dtype=np.float64) for p in parameters_of(rbm))
    return enumeration.log_likelihood_of_wide(X, W.T, b, c).mean()


@pytest.fixture
def runs(monkeypatch):
    """Order of the rows and settings of every epoch that is run, in turn."""
    seen = []
    run_epoch = Learner.run_epoch

    def recording(self, rows, order, settings):
        seen.append((order, settings))
        run_epoch(self, rows, order, settings)

    monkeypatch.setattr(Learner, "run_epoch", recording)
    return seen


# In the place of scikit-learn's ----------------------------------------------


def test_parameters_of_scikit_learn_have_the_same_defaults():
    ours, theirs = BernoulliRBM().get_params(), SklearnRBM().get_params()
    assert {name: ours[name] for name in theirs} == theirs
    assert BernoulliRBM(7).n_components == SklearnRBM(7).n_components


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fitted_attributes_of_scikit_learn_have_the_same_shape_and_type(dtype):
    X = pd.DataFrame(binary_rows().astype(dtype)).add_prefix("x")
    ours, theirs = (cls(7, n_iter=1).fit(X) for cls in (BernoulliRBM, SklearnRBM))
    names = [name for name in vars(theirs) if name.endswith("_") or name == "n_features_in_"]
    assert {"components_", "intercept_hidden_", "intercept_visible_", "h_samples_"} <= set(names)
    for name in names:
        our, their = np.asarray(getattr(ours, name)), np.asarray(getattr(theirs, name))
        assert (our.shape, our.dtype) == (their.shape, their.dtype), name


def both_with_the_same_weights():
    X = binary_rows()
    ours, theirs = (cls(7, n_iter=0).fit(X) for cls in (BernoulliRBM, SklearnRBM))
    W, b, c = enumeration.make_model(12, 7, scale=1)
    for rbm in (ours, theirs):
        rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_ = W.T, b, c
    return ours, theirs, X


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
def test_same_weights_transform_alike(storage):
    ours, theirs, X = both_with_the_same_weights()
    X = storage(X)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), rtol=1e-12)
    np.testing.assert_allclose(ours.free_energy(X), theirs._free_energy(X), rtol=1e-12)


def test_score_is_the_expectation_of_scikit_learns_random_one():
    ours, theirs, X = both_with_the_same_weights()
    # Theirs is of one column chosen at random, times the number of columns.
    scores = []
    for i in range(X.shape[1]):
        flipped = X.copy()
        flipped[:, i] = 1 - flipped[:, i]
        gap = theirs._free_energy(flipped) - theirs._free_energy(X)
        scores.append(-X.shape[1] * np.logaddexp(0, -gap))
    np.testing.assert_allclose(ours.score_samples(X), np.mean(scores, axis=0), rtol=1e-11)
    # And so it is indeed: the mean of 2000 random ones, to 4.5 standard errors.
    theirs.random_state = np.random.RandomState(0)
    drawn = np.array([theirs.score_samples(X).mean() for _ in range(2000)])
    assert abs(drawn.mean() - ours.score(X)) < 4.5 * drawn.std() / np.sqrt(2000)


# Learning --------------------------------------------------------------------


def test_digits_get_no_less_likelihood_than_from_scikit_learn():
    X = (load_digits().data > 7.5).astype(np.float64)
    ours, theirs = (
        np.mean(
            [
                log_likelihood(cls(12, learning_rate=0.1, n_iter=10, random_state=seed).fit(X), X)
                for seed in range(3)
            ]
        )
        for cls in (BernoulliRBM, SklearnRBM)
    )
    assert ours >= theirs


def bars_and_stripes():
    """The 14 images of 3 by 3 whose rows, or whose columns, are all alike."""
    lines = enumeration.all_states(3)
    bars = np.repeat(lines[:, None, :], 3, axis=1)
    both = np.concatenate([bars, bars.transpose(0, 2, 1)]).reshape(-1, 9)
    return np.unique(both, axis=0)


@pytest.mark.parametrize("centered", [True, False])
def test_bars_and_stripes_are_learned_to_a_tenth_of_a_nat(centered):
    images = bars_and_stripes()
    assert len(images) == 14
    rbm = BernoulliRBM(
        n_components=12,
        batch_size=14,
        n_chains=100,
        n_gibbs_steps=5,
        n_iter=300,
        learning_rate_schedule="linear",
        centered=centered,
        random_state=0,
    )
    rbm.fit(np.tile(images, (50, 1)))
    # No model has more than minus the entropy of the data, log 14.
    assert -np.log(14) - 0.1 < log_likelihood(rbm, images) < -np.log(14)


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("algorithm", ["pcd", "cd"])
def test_fit_is_the_twin_started_as_documented(algorithm, shuffle, storage, runs):
    X = binary_rows(37)  # three batches of 10 and one of 7
    rbm = BernoulliRBM(
        5,
        algorithm=algorithm,
        n_gibbs_steps=2,
        momentum=0.9,
        alpha=0.01,
        l1_ratio=0.25,
        centered=True,
        n_iter=4,
        shuffle=shuffle,
        random_state=8,
    ).fit(storage(X))
    assert not any(rbm.history_["dead_units"])

    random_state = np.random.RandomState(8)
    W, b, c = naive.start_of_bernoulli(X, 5, 0.2, random_state)
    seed = int(random_state.randint(2**63 - 1, dtype=np.int64))
    offsets = X.mean(axis=0), np.full(5, 0.2)
    twin = naive.Learner((W, b, c), None, offsets, seed, 0, np.float64)
    if algorithm == "pcd":
        # As often on as the units in the thousand rows, ten times a hundred, of a moving average.
        twin.chains = twin.draw(np.full((10, 5), (0.2 * 1000 + 0.5) / 1001))
    for _, settings in runs:
        order = np.arange(37)
        if shuffle:
            order = np.random.default_rng([seed, twin.next_stream]).permutation(order)
            twin.next_stream += 1
        twin.run_epoch(X, order, settings)

    W, b, c = twin.parameters
    for got, expected in zip(parameters_of(rbm), (W.T, b, c), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    if algorithm == "pcd":
        assert np.array_equal(rbm.h_samples_, twin.chains)


def test_visible_biases_and_offsets_start_alike_for_dense_and_sparse_rows():
    X = binary_rows(37)
    dense, csr = (
        BernoulliRBM(5, n_iter=0, random_state=0).fit(data)
        for data in (X, scipy.sparse.csr_matrix(X))
    )
    for one, other in zip(parameters_of(dense), parameters_of(csr), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


# Schedules -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "n_iter", "expected"),
    [
        (2, 3, [2, 2, 2]),
        ((1, 3), 6, [1, 1, 1, 3, 3, 3]),
        ([1, 3], 5, [1, 1, 1, 3, 3]),
        (np.array([1, 3, 5, 9]), 4, [1, 3, 5, 9]),
        ((1, 3, 5, 9), 2, [1, 5]),
    ],
)
def test_stages_of_gibbs_steps_share_the_epochs(value, n_iter, expected, runs):
    BernoulliRBM(3, n_gibbs_steps=value, n_iter=n_iter).fit(binary_rows())
    assert [settings.n_gibbs_steps for _, settings in runs] == expected


def test_stages_of_learning_rate_and_momentum_share_the_epochs(runs):
    rates = {"learning_rate": [0.3, 0.2, 0.1], "learning_rate_schedule": "constant"}
    BernoulliRBM(3, **rates, momentum=(0, 0.5), n_iter=6).fit(binary_rows())
    assert [settings.learning_rate for _, settings in runs] == [0.3, 0.3, 0.2, 0.2, 0.1, 0.1]
    assert [settings.momentum for _, settings in runs] == [0, 0, 0, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("constant", [1, 1, 1, 1]),
        ("linear", [1, 3 / 4, 1 / 2, 1 / 4]),
        ("invscaling", [1, 1 / np.sqrt(2), 1 / np.sqrt(3), 1 / 2]),
        # Half of 1 + the cosine of 0, 45, 90 and 135 degrees.
        ("cosine", [1, (1 + np.sqrt(0.5)) / 2, 1 / 2, (1 - np.sqrt(0.5)) / 2]),
    ],
)
def test_learning_rate_decays_by_the_schedule(schedule, shares, runs):
    BernoulliRBM(3, learning_rate=0.2, learning_rate_schedule=schedule, n_iter=4).fit(binary_rows())
    rates = [settings.learning_rate for _, settings in runs]
    np.testing.assert_allclose(rates, 0.2 * np.array(shares), rtol=1e-14)


def test_partial_fit_takes_the_last_stage_and_no_decay(runs):
    rbm = BernoulliRBM(
        3,
        learning_rate=(0.3, 0.1),
        learning_rate_schedule="linear",
        n_gibbs_steps=(1, 4),
        momentum=(0.5, 0.9),
    )
    rbm.partial_fit(binary_rows()).partial_fit(binary_rows())
    found = [(s.learning_rate, s.n_gibbs_steps, s.momentum) for _, s in runs]
    assert found == [(0.1, 4, 0.9)] * 2


@pytest.mark.parametrize("algorithm", ["pcd", "pt"])
def test_an_epoch_without_momentum_forgets_the_last_step(algorithm):
    # Steps of the later epochs are too short to see, unless one is repeated from the first.
    params = {"n_components": 4, "algorithm": algorithm, "random_state": 0}
    X = binary_rows()
    first = BernoulliRBM(learning_rate=0.5, momentum=0.9, n_iter=1, **params).fit(X)
    rates, momentum = (0.5, 1e-12, 1e-12), (0.9, 0, 0.9)
    all_of_it = BernoulliRBM(learning_rate=rates, momentum=momentum, n_iter=3, **params).fit(X)
    for name in ("components_", "intercept_visible_", "intercept_hidden_"):
        np.testing.assert_allclose(getattr(all_of_it, name), getattr(first, name), atol=1e-9)


def test_alpha_is_shared_between_l1_and_l2_by_the_ratio(runs):
    BernoulliRBM(3, alpha=0.5, l1_ratio=0.25, n_iter=1).fit(binary_rows())
    assert (runs[0][1].l1, runs[0][1].l2) == (0.125, 0.375)


# What penalties are for ------------------------------------------------------


def test_sparsity_target_draws_the_mean_activity_to_it():
    X = binary_rows(300)

    def activity(**params):
        return BernoulliRBM(8, n_iter=40, random_state=0, **params).fit(X).transform(X).mean()

    free = activity()
    near = activity(sparsity_target=0.1, sparsity_cost=10.0)
    assert abs(near - 0.1) < 0.03 < abs(free - 0.1)


def test_penalties_make_weights_smaller_or_zero():
    X = binary_rows(300)

    def weights(**params):
        return BernoulliRBM(8, n_iter=10, random_state=0, **params).fit(X).components_

    free, l2, l1 = weights(), weights(alpha=0.1), weights(alpha=0.1, l1_ratio=1.0)
    assert np.square(l2).sum() < 0.5 * np.square(free).sum()
    assert np.mean(l1 == 0) > 0.3 > np.mean(l2 == 0)


def test_only_weights_are_penalised():
    # Where the data is but a constant, biases hold it all, however large the penalty.
    X = np.tile([1.0, 0, 1], (500, 1))
    rbm = BernoulliRBM(2, alpha=5.0, n_iter=5, random_state=0).fit(X)
    # One chain of ten that strays in the last step moves a weight by a hundredth.
    assert np.abs(rbm.components_).max() < 0.01
    assert np.all(np.abs(rbm.intercept_visible_) > 5)


# Stopping --------------------------------------------------------------------


def overfitting(**params):
    """Sixteen rows of noise, fourteen weights for each of their bits."""
    X = (np.random.default_rng(0).random((16, 20)) < 0.5).astype(np.float64)
    defaults = {
        "n_components": 14,
        "learning_rate": 0.5,
        "batch_size": 4,
        "early_stopping": True,
        "validation_fraction": 0.25,
        "random_state": 0,
    }
    return BernoulliRBM(**defaults | params).fit(X)


@pytest.mark.parametrize(("n_iter_no_change", "tol"), [(1, 0.0), (3, 1e-4), (3, 0.5)])
def test_early_stopping_counts_epochs_without_gain_and_restores_the_best(n_iter_no_change, tol):
    # So slow that the best epoch is the second, with a gain of less than a half.
    params = {"learning_rate": 0.1, "learning_rate_schedule": "constant", "tol": tol}
    rbm = overfitting(n_iter=200, n_iter_no_change=n_iter_no_change, **params)
    scores = rbm.history_["validation_pseudo_likelihood"]
    assert rbm.n_iter_ == len(scores) < 200

    def lost(epoch):
        """Whether an epoch gained less than ``tol`` over the best before it."""
        return epoch > 0 and scores[epoch] <= max(scores[:epoch]) + tol

    n_lost = [all(map(lost, range(e - n_iter_no_change + 1, e + 1))) for e in range(len(scores))]
    assert n_lost.index(True) == len(scores) - 1, "did not stop at the first such epoch"

    # What came out is what training for that many epochs gives, bit for bit.
    best = int(np.argmax(scores)) + 1
    assert best < rbm.n_iter_
    assert same_model(rbm, overfitting(n_iter=best, n_iter_no_change=200, **params))


def test_early_stopping_trains_on_the_other_rows_only(runs):
    overfitting(n_iter=3, n_iter_no_change=200)
    assert [len(np.unique(order)) for order, _ in runs] == [12] * 3
    assert len({tuple(np.sort(order)) for order, _ in runs}) == 1


def test_the_epoch_that_reaches_the_reconstruction_tol_is_the_last():
    X = binary_rows(100)
    params = {"n_components": 8, "n_iter": 20, "random_state": 0}
    params |= {"learning_rate_schedule": "constant"}
    errors = BernoulliRBM(**params).fit(X).history_["reconstruction_error"]
    tol = min(errors[:8])
    reached = errors.index(tol) + 1
    assert 1 < reached < 20
    rbm = BernoulliRBM(**params, reconstruction_tol=tol).fit(X)
    assert rbm.n_iter_ == reached
    assert rbm.history_["reconstruction_error"] == errors[:reached]
    assert same_model(rbm, BernoulliRBM(**params | {"n_iter": reached}).fit(X))


def test_the_best_of_early_stopping_may_be_the_epoch_that_reaches_the_reconstruction_tol():
    X = binary_rows(300)
    params = {"n_components": 8, "learning_rate": 0.3, "early_stopping": True, "random_state": 0}
    params |= {"learning_rate_schedule": "constant"}
    history = BernoulliRBM(**params, n_iter=10).fit(X).history_
    errors, scores = history["reconstruction_error"], history["validation_pseudo_likelihood"]
    better = [
        e for e in range(1, 10) if errors[e] < min(errors[:e]) and scores[e] > max(scores[:e])
    ]
    rbm = BernoulliRBM(**params, n_iter=10, reconstruction_tol=errors[better[0]]).fit(X)
    assert rbm.n_iter_ == better[0] + 1
    assert same_model(rbm, BernoulliRBM(**params, n_iter=better[0] + 1).fit(X))


def test_no_iteration_leaves_the_start():
    X = binary_rows()
    rbm = BernoulliRBM(5, n_iter=0, random_state=0).fit(X)
    assert (rbm.n_iter_, rbm.history_) == (0, {})
    assert rbm.transform(X).shape == (60, 5)


# Going on --------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["pcd", "cd"])
def test_warm_start_goes_on_where_the_last_fit_ended(algorithm):
    X = binary_rows(300)
    params = {"n_components": 8, "momentum": 0.5, "random_state": 0, "algorithm": algorithm}
    params |= {"learning_rate": 0.02, "learning_rate_schedule": "constant"}
    rbm = BernoulliRBM(**params, n_iter=5, warm_start=True).fit(X)
    once = copy.deepcopy(rbm)
    twice = rbm.fit(X)
    assert twice.n_iter_ == 5
    assert all(len(values) == 5 for values in twice.history_.values())
    assert not same_model(once, twice)
    assert log_likelihood(twice, X) > log_likelihood(once, X) + 0.1
    # Streams, chains, velocities and offsets go on as well: it is one run of ten epochs.
    assert same_model(twice, BernoulliRBM(**params, n_iter=10).fit(X))


def test_without_warm_start_fit_starts_anew():
    X = binary_rows(100)
    rbm = BernoulliRBM(8, n_iter=3, random_state=0).fit(X[:50])
    rbm.set_params(n_components=5).fit(X[:, :7])
    assert same_model(rbm, BernoulliRBM(5, n_iter=3, random_state=0).fit(X[:, :7]))


def test_a_fit_without_chains_leaves_none_of_an_earlier_fit():
    rbm = BernoulliRBM(8, n_iter=1, random_state=0).fit(binary_rows())
    rbm.set_params(algorithm="cd", n_components=5).fit(binary_rows())
    assert not hasattr(rbm, "h_samples_")
    rbm.set_params(algorithm="pcd").partial_fit(binary_rows())
    assert rbm.h_samples_.shape == (10, 5)


def test_another_number_of_chains_starts_new_ones():
    rbm = BernoulliRBM(8, n_chains=4, random_state=0).partial_fit(binary_rows())
    rbm.set_params(n_chains=6).partial_fit(binary_rows())
    assert rbm.h_samples_.shape == (6, 8)
    assert set(np.unique(rbm.h_samples_)) <= {0, 1}


@pytest.mark.parametrize("algorithm", ["pcd", "cd"])
@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
def test_partial_fits_are_the_epochs_of_fit(storage, algorithm):
    X = storage(binary_rows(95))
    params = {"n_components": 5, "momentum": 0.5, "random_state": 0, "algorithm": algorithm}
    params |= {"learning_rate_schedule": "constant"}
    rbm = BernoulliRBM(**params)
    for n_iter in (1, 2, 3):
        assert rbm.partial_fit(X) is rbm
        assert same_model(rbm, BernoulliRBM(**params, n_iter=n_iter).fit(X))


def test_partial_fit_of_many_rows_is_that_of_its_minibatches():
    X = binary_rows(10_000)
    start = BernoulliRBM(5, batch_size=100, shuffle=False, random_state=0)
    start.partial_fit(X[:100])
    whole, parts = copy.deepcopy(start), copy.deepcopy(start)
    whole.partial_fit(X)
    for first in range(0, len(X), 100):
        parts.partial_fit(X[first : first + 100])
    # Other numbers of rows may choose another way of summation.
    for one, other in zip(parameters_of(whole), parameters_of(parts), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)
    assert np.array_equal(whole.h_samples_, parts.h_samples_)
    assert not same_model(whole, start)


def test_rows_are_shuffled_anew_in_every_epoch_unless_told_not_to(runs):
    X = binary_rows()
    BernoulliRBM(3, n_iter=3, random_state=0).fit(X)
    for order, _ in runs:
        assert np.array_equal(np.sort(order), np.arange(60))
    assert len({tuple(order) for order, _ in runs}) == 3
    runs.clear()
    BernoulliRBM(3, n_iter=3, shuffle=False, random_state=0).fit(X)
    assert all(np.array_equal(order, np.arange(60)) for order, _ in runs)


# Telling ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_history_has_one_plain_float_for_each_epoch(dtype):
    X = binary_rows().astype(dtype)
    names = {"reconstruction_error", "pseudo_likelihood", "dead_units", "seconds"}
    rbm = BernoulliRBM(5, n_iter=4).fit(X)
    assert set(rbm.history_) == names
    held_out = {"validation_pseudo_likelihood", "free_energy_gap"}
    stopped = BernoulliRBM(5, n_iter=4, early_stopping=True).fit(X)
    assert set(stopped.history_) == names | held_out
    for history in (rbm.history_, stopped.history_):
        for values in history.values():
            assert [type(value) for value in values] == [float] * 4
        assert all(seconds > 0 for seconds in history["seconds"])


def test_history_measures_the_rows_where_they_are_no_more_than_fifty():
    X = binary_rows(50)
    rbm = BernoulliRBM(5, n_iter=4, random_state=0).fit(X)
    assert rbm.history_["pseudo_likelihood"][-1] == pytest.approx(rbm.score(X), rel=1e-12)
    back = rbm.inverse_transform(rbm.transform(X))
    error = np.square(X - back).sum(axis=1).mean()
    assert rbm.history_["reconstruction_error"][-1] == pytest.approx(error, rel=1e-12)


def test_history_measures_held_out_rows_against_the_others(runs):
    X = binary_rows(60)
    rbm = BernoulliRBM(5, n_iter=1, early_stopping=True, validation_fraction=0.25).fit(X)
    ((order, _),) = runs
    training, held_out = X[order], np.delete(X, order, axis=0)
    assert (len(training), len(held_out)) == (45, 15)
    history = {name: values[0] for name, values in rbm.history_.items()}
    assert history["pseudo_likelihood"] == pytest.approx(rbm.score(training), rel=1e-12)
    score = rbm.score(held_out)
    assert history["validation_pseudo_likelihood"] == pytest.approx(score, rel=1e-12)
    gap = rbm.free_energy(held_out).mean() - rbm.free_energy(training).mean()
    assert history["free_energy_gap"] == pytest.approx(gap, rel=1e-10)


@pytest.mark.parametrize("verbose", [1, True, 2])
def test_verbose_prints_the_lines_of_scikit_learn(verbose, capsys):
    X = binary_rows()
    printed = []
    for cls in (SklearnRBM, BernoulliRBM):
        rbm = cls(5, n_iter=3, verbose=verbose).fit(X)
        printed.append(capsys.readouterr().out)
    theirs, ours = (re.sub(r"\d+\.\d+", "x.xx", text) for text in printed)
    assert ours == theirs
    # And what stands there is what was measured.
    values = re.findall(r"pseudo-likelihood = (-\d+\.\d\d)", printed[1])
    assert values == [f"{value:.2f}" for value in rbm.history_["pseudo_likelihood"]]


def test_nothing_is_printed_by_default(capsys):
    BernoulliRBM(5, n_iter=3).fit(binary_rows())
    assert capsys.readouterr().out == ""


class Recorder:
    """A callback that notes what it is told."""

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context):
        self.calls.append(("end", context.task_name, context.task_id))
        # The epoch that has ended can be used.
        estimator.transform(binary_rows(5))


@needs_callbacks
def test_callbacks_hear_of_every_epoch():
    recorder = Recorder()
    BernoulliRBM(5, n_iter=3).set_callbacks(recorder).fit(binary_rows())
    epochs = [(kind, "epoch", i) for i in range(3) for kind in ("begin", "end")]
    assert recorder.calls == [
        "setup",
        ("begin", "fit", 0),
        *epochs,
        ("end", "fit", 0),
        "teardown",
    ]


@needs_callbacks
def test_callbacks_hear_of_the_epochs_before_early_stopping_only():
    recorder = Recorder()
    rbm = BernoulliRBM(5, n_iter=30, reconstruction_tol=1e9).set_callbacks(recorder)
    rbm.fit(binary_rows())
    assert rbm.n_iter_ == 1
    assert recorder.calls.count(("end", "epoch", 0)) == 1
    assert recorder.calls[-2:] == [("end", "fit", 0), "teardown"]


@needs_callbacks
def test_progress_bar_of_scikit_learn_runs():
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    bar = ProgressBar()
    rbm = BernoulliRBM(5, n_iter=3, random_state=0).set_callbacks(bar).fit(binary_rows())
    assert same_model(rbm, BernoulliRBM(5, n_iter=3, random_state=0).fit(binary_rows()))


# Kinds of data ---------------------------------------------------------------


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


KINDS = {
    "int": lambda X: X.astype(np.int64),
    "uint8": lambda X: X.astype(np.uint8),
    "bool": lambda X: X.astype(bool),
    "list": lambda X: X.tolist(),
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "DataFrame": pd.DataFrame,
    "csr_matrix": scipy.sparse.csr_matrix,
    "csr_array": scipy.sparse.csr_array,
    "csr of int": lambda X: scipy.sparse.csr_matrix(X.astype(np.int64)),
    "coo_matrix": scipy.sparse.coo_matrix,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_any_kind_of_data_gives_the_same_model(kind):
    X = binary_rows(45)
    expected = BernoulliRBM(5, n_iter=3, random_state=0).fit(X)
    data = kind(X)
    rbm = BernoulliRBM(5, n_iter=3, random_state=0).fit(data)
    # Compiled for another kind of array, sums may be rounded in another order.
    for got, other in zip(parameters_of(rbm), parameters_of(expected), strict=True):
        np.testing.assert_allclose(got, other, rtol=0, atol=1e-12)
    for method in ("transform", "score_samples", "free_energy"):
        got, other = getattr(rbm, method)(data), getattr(expected, method)(X)
        np.testing.assert_allclose(got, other, rtol=0, atol=1e-10)
    gibbs = (model.gibbs(rows, random_state=0) for model, rows in ((rbm, data), (expected, X)))
    assert np.array_equal(*gibbs)


def test_data_is_left_as_it_was():
    X = binary_rows()
    csr = scipy.sparse.csr_matrix(X)
    for data, arrays in [(X, [X]), (csr, [csr.data, csr.indices, csr.indptr])]:
        before = [array.copy() for array in arrays]
        rbm = BernoulliRBM(5, n_iter=2).fit(data)
        for method in ("transform", "gibbs", "score_samples", "free_energy", "partial_fit"):
            getattr(rbm, method)(data)
        assert all(map(np.array_equal, arrays, before))


def test_float32_is_kept_through_partial_fit_of_other_types():
    X = binary_rows()
    rbm = BernoulliRBM(5, n_iter=1).fit(X.astype(np.float32)).partial_fit(X)
    assert {p.dtype for p in parameters_of(rbm)} == {np.dtype(np.float32)}
    assert rbm.transform(X).dtype == np.float64
    assert rbm.gibbs(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize(("low", "high"), [(0, 16), (-2, 1), (-0.5, 1.5)])
def test_data_out_of_range_is_taken_with_one_warning(low, high, storage, method):
    X = binary_rows()
    X[0, 0], X[1, 1] = low, high
    rbm = BernoulliRBM(5, n_iter=3)
    message = f"BernoulliRBM is .* from {low} to {high}. .*MinMaxScaler"
    with pytest.warns(UserWarning, match=message) as caught:
        getattr(rbm, method)(storage(X))
    (warning,) = caught
    assert warning.filename == __file__, "points at somebody else's code"
    assert np.isfinite(rbm.components_).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rounding_error_of_a_scaler_is_not_worth_a_warning(dtype):
    X = binary_rows().astype(dtype)
    X[0, 0], X[1, 1] = -np.finfo(dtype).eps, 1 + np.finfo(dtype).eps
    BernoulliRBM(5, n_iter=1).fit(X)  # warnings are errors here


# Random numbers --------------------------------------------------------------


def test_an_integer_reproduces_and_is_kept():
    X = binary_rows()
    one, other = (BernoulliRBM(5, n_iter=2, random_state=4).fit(X) for _ in range(2))
    assert same_model(one, other)
    assert not same_model(one, BernoulliRBM(5, n_iter=2, random_state=5).fit(X))
    assert one.random_state == 4


def test_a_random_state_instance_advances_and_is_kept():
    X = binary_rows()
    instance = np.random.RandomState(4)
    rbm = BernoulliRBM(5, n_iter=2, random_state=instance)
    first = copy.deepcopy(rbm.fit(X))
    assert rbm.random_state is instance
    assert same_model(first, BernoulliRBM(5, n_iter=2, random_state=4).fit(X))
    assert not same_model(first, rbm.fit(X))


def test_without_random_state_no_two_fits_are_alike():
    X = binary_rows()
    one, other = (BernoulliRBM(5, n_iter=2).fit(X) for _ in range(2))
    assert not same_model(one, other)


def test_the_global_state_of_numpy_is_left_alone():
    X = binary_rows()
    before = global_random_state()
    rbm = BernoulliRBM(5, n_iter=2, random_state=0, early_stopping=True).fit(X).partial_fit(X)
    rbm.gibbs(X)
    rbm.sample(3, n_steps=2)
    rbm.impute(np.where(X > 0, X, np.nan), n_steps=2)
    rbm.score(X)
    assert global_random_state() == before
