"""Deep belief networks that generate: against enumeration of tiny nets, and their parts."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from scipy.special import log_expit, logsumexp, softmax
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from enumeration import all_states
from naive import sigmoid
from skebm import BernoulliRBM, DeepBeliefNetwork, GaussianRBM, GenerativeDBNClassifier
from skebm.deep import generative_dbn_base

BOTH = [DeepBeliefNetwork, GenerativeDBNClassifier]
each_estimator = pytest.mark.parametrize("cls", BOTH)


def small(cls, **parameters):
    defaults = {"hidden_layer_sizes": (7, 6, 5), "rbm_n_iter": 2, "n_iter": 3, "random_state": 0}
    return cls(**defaults | parameters)


def make_data(n_rows=60, n_features=8, n_classes=3):
    rng = np.random.default_rng(0)
    X = rng.random((n_rows, n_features))
    return X, X[:, :n_classes].argmax(axis=1)


def binary_rows():
    return np.round(make_data()[0])


def parameters_of(model):
    lists = (
        model.recognition_coefs_,
        model.recognition_intercepts_,
        model.generative_coefs_,
        model.generative_intercepts_,
    )
    rbms = [(r.components_, r.intercept_visible_, r.intercept_hidden_) for r in model.rbms_]
    return [array for arrays in (*lists, *rbms) for array in arrays]


def assert_same(model, other, **tolerance):
    for a, b in zip(parameters_of(model), parameters_of(other), strict=True):
        np.testing.assert_allclose(a, b, **tolerance or {"atol": 0, "rtol": 0})


def scramble(model, scale=1.0, seed=0):
    """Give a fitted model strong random weights, those of the two directions unlike."""
    rng = np.random.default_rng(seed)
    for name in ("recognition", "generative"):
        for kind in ("coefs", "intercepts"):
            arrays = getattr(model, f"{name}_{kind}_")
            setattr(model, f"{name}_{kind}_", [rng.normal(0, scale, a.shape) for a in arrays])
    highest = model.rbms_[-1]
    for name in ("components_", "intercept_visible_", "intercept_hidden_"):
        setattr(highest, name, rng.normal(0, scale, getattr(highest, name).shape))
    return model


class Exact:
    """A net with at most two layers between its data and the highest, summed over all states."""

    def __init__(self, model, labels=None):
        self.R, self.r = model.recognition_coefs_, model.recognition_intercepts_
        self.G, self.g = model.generative_coefs_, model.generative_intercepts_
        highest = model.rbms_[-1]
        W, b, c = highest.components_.T, highest.intercept_visible_, highest.intercept_hidden_
        self.states = [all_states(len(bias)) for bias in self.r]
        v, h = self.states[-1], all_states(len(c))
        if labels is not None:
            v = np.array([np.concatenate(pair) for pair in ((s, one) for s in v for one in labels)])
        log_masses = v @ b + logsumexp(v @ W @ h.T + h @ c, axis=1)
        self.log_top = log_masses - logsumexp(log_masses)
        if labels is not None:
            self.log_top = self.log_top.reshape(-1, len(labels))

    def log_bernoulli(self, states, inputs):
        """Log-probability of each row of states (columns) given each row of inputs (rows)."""
        return log_expit(inputs) @ states.T + log_expit(-inputs) @ (1 - states).T

    def log_down(self, k, below):
        """log p(below | above) for rows of ``below`` and all states above layer k."""
        return self.log_bernoulli(below, self.g[k] + self.states[k] @ self.G[k]).T

    def log_likelihood(self, X):
        log_p = self.log_top
        for k in range(len(self.R) - 1, 0, -1):
            log_p = logsumexp(self.log_down(k, self.states[k - 1]) + log_p, axis=1)
        return logsumexp(self.log_down(0, X) + log_p, axis=1)

    def bound(self, X, log_down_0=None):
        """E_q [log p(x, h) - log q(h | x)] over all hidden states but the highest."""
        return self.moments(X, log_down_0)[0]

    def moments(self, X, log_down_0=None):
        """Mean and standard deviation under q of what the bound is the mean of."""
        log_down_0 = self.log_down(0, X) if log_down_0 is None else log_down_0
        log_q = self.log_bernoulli(self.states[0], self.r[0] + X @ self.R[0])
        above = (self.log_top, 0.0) if len(self.R) == 1 else self._moments_of_the_second_layer()
        mean, variance = self._mean_and_variance(log_q, log_down_0 - log_q, *above)
        return mean, np.sqrt(variance)

    def _moments_of_the_second_layer(self):
        log_q = self.log_bernoulli(self.states[1], self.r[1] + self.states[0] @ self.R[1])
        return self._mean_and_variance(
            log_q, self.log_down(1, self.states[0]) - log_q, self.log_top
        )

    @staticmethod
    def _mean_and_variance(log_q, gain, mean_above, variance_above=0.0):
        """Over the states of one layer (columns), for each state below it (rows)."""
        q, gain = np.exp(log_q), gain + mean_above
        mean = (q * gain).sum(axis=1)
        return mean, (q * (gain**2 + variance_above)).sum(axis=1) - mean**2


def assert_means(found, n_draws, mean, deviation):
    # Of some dozen rows, one is beyond 4.5 standard errors by chance once in ten thousand seeds.
    assert (np.abs(found - mean) < 4.5 * deviation / np.sqrt(n_draws)).all()


# The bound -------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(4, 3), (4, 3, 3)])
def test_scores_are_a_bound_of_the_exact_likelihood(sizes):
    X = all_states(5)[:12]
    model = scramble(small(DeepBeliefNetwork, hidden_layer_sizes=sizes).fit(X))
    exact = Exact(model)
    assert (exact.bound(X) < exact.log_likelihood(X) - 1e-3).all()
    few = np.array([model.score_samples(X, n_draws=n) for n in range(1, 4)])
    many = model.score_samples(X, n_draws=5000)
    assert_means(many, 5000, *exact.moments(X))
    assert (np.abs(few - exact.bound(X)) > 0.1).any()
    assert model.score(X) == pytest.approx(model.score_samples(X).mean())


def test_the_bound_is_exact_where_recognition_is():
    # No generative weights: what is below says nothing of what is above.
    X = all_states(5)
    model = scramble(small(DeepBeliefNetwork, hidden_layer_sizes=(4, 3)).fit(X))
    model.generative_coefs_ = [np.zeros_like(model.generative_coefs_[0])]
    model.recognition_coefs_ = [np.zeros_like(model.recognition_coefs_[0])]
    highest = model.rbms_[-1]
    highest.components_ = np.zeros_like(highest.components_)
    model.recognition_intercepts_ = [highest.intercept_visible_]
    np.testing.assert_allclose(model.score_samples(X), Exact(model).log_likelihood(X), atol=1e-10)
    assert np.exp(model.score_samples(X)).sum() == pytest.approx(1)


def test_with_one_layer_the_bound_is_the_likelihood():
    X = all_states(5)
    model = scramble(small(DeepBeliefNetwork, hidden_layer_sizes=4).fit(X))
    np.testing.assert_allclose(model.score_samples(X), model.rbms_[0].log_likelihood(X), atol=1e-10)
    assert np.exp(model.score_samples(X)).sum() == pytest.approx(1)


def test_the_bound_with_gaussian_units_is_that_of_the_data():
    rng = np.random.default_rng(0)
    X = 30 + 9 * rng.normal(size=(20, 3))
    model = small(DeepBeliefNetwork, hidden_layer_sizes=(4, 3), visible_units="gaussian").fit(X)
    model = scramble(model)
    lowest, exact = model.rbms_[0], Exact(model)
    states = (X - lowest.mean_) / lowest.scale_
    s2 = lowest.variances_ / lowest.scale_**2
    means = model.generative_intercepts_[0] + s2 * (exact.states[0] @ model.generative_coefs_[0])
    in_data = lowest.mean_ + lowest.scale_ * means
    log_down = norm.logpdf(X[:, None], in_data, lowest.scale_ * np.sqrt(s2)).sum(axis=2)
    assert_means(model.score_samples(X, n_draws=5000), 5000, *exact.moments(states, log_down))


def test_annealing_is_done_once_for_the_same_model(monkeypatch):
    X = binary_rows()
    model = small(DeepBeliefNetwork, hidden_layer_sizes=(22, 21), rbm_n_iter=1).fit(X)
    kind, n_calls = type(model.rbms_[-1]), []
    log_partition = kind.log_partition

    def counted(self, *args, **kwargs):
        n_calls.append(self)
        return log_partition(self, *args, **kwargs)

    monkeypatch.setattr(kind, "log_partition", counted)
    before = pickle.dumps(model)
    scores = model.score_samples(X)
    np.testing.assert_array_equal(model.score_samples(X), scores)
    assert len(n_calls) == 1
    assert pickle.dumps(model) == before
    model.rbms_[-1].intercept_hidden_ += 5
    assert (model.score_samples(X) != scores).all()
    assert len(n_calls) == 2


def test_grey_rows_are_warned_of():
    X, _ = make_data()
    model = small(DeepBeliefNetwork).fit(X)
    with pytest.warns(
        UserWarning, match="DeepBeliefNetwork.log_likelihood_bound is the probability of"
    ):
        model.score_samples(X)


def test_a_score_depends_on_its_row_alone():
    X = binary_rows()
    model = scramble(small(DeepBeliefNetwork).fit(X))
    order = np.random.default_rng(1).permutation(len(X))
    scores = model.score_samples(X)
    np.testing.assert_allclose(model.score_samples(X[order]), scores[order], atol=1e-9)
    np.testing.assert_allclose(model.score_samples(X[7:8]), scores[7:8], atol=1e-9)
    by_number = model.score_samples(X, log_partition=3.0)
    exact = model.rbms_[-1].log_partition()
    np.testing.assert_allclose(by_number, scores + exact.estimate - 3)
    np.testing.assert_array_equal(model.score_samples(X, log_partition=exact), scores)


def test_up_down_raises_the_exact_bound():
    rng = np.random.default_rng(0)
    parts = rng.random((2, 3, 4)) < 0.5
    X = np.hstack([parts[0][rng.integers(3, size=300)], parts[1][rng.integers(3, size=300)]])
    X = (X ^ (rng.random(X.shape) < 0.05)).astype(float)
    greedy = DeepBeliefNetwork((6, 5), rbm_n_iter=20, random_state=0).fit(X)
    model = clone(greedy).set_params(fine_tune="up_down", batch_size=20, n_iter=50)
    model.set_params(learning_rate=0.3).fit(X)
    before, after = (Exact(m).bound(X).mean() for m in (greedy, model))
    assert after > before + 0.2
    assert Exact(model).log_likelihood(X).mean() > Exact(greedy).log_likelihood(X).mean()


# Layers ----------------------------------------------------------------------


@each_estimator
@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize(
    ("visible_units", "first"), [("bernoulli", BernoulliRBM), ("gaussian", GaussianRBM)]
)
def test_layers_are_rbms_each_fitted_to_the_means_of_the_one_below(
    cls, visible_units, first, storage
):
    X, y = make_data()
    X[X < 0.3] = 0
    model = small(cls, visible_units=visible_units, rbm_learning_rate=0.1).fit(storage(X), y)
    low, middle, high = model.rbms_
    assert type(low) is first
    np.testing.assert_allclose(low.components_, clone(low).fit(X).components_, atol=1e-12)
    by_hand = clone(middle).fit(low.transform(X))
    np.testing.assert_allclose(middle.components_, by_hand.components_, atol=1e-12)
    assert low.learning_rate == middle.learning_rate == high.learning_rate == 0.1

    H = middle.transform(low.transform(X))
    np.testing.assert_allclose(model.transform(storage(X), layer=1), H, atol=1e-12)
    np.testing.assert_allclose(model.transform(X, layer=-2), H, atol=1e-12)
    back = low.inverse_transform(middle.inverse_transform(H))
    np.testing.assert_allclose(model.inverse_transform(H, layer=1), back, atol=1e-12)
    np.testing.assert_allclose(model.reconstruct(X, layer=1), back, atol=1e-12)
    if cls is DeepBeliefNetwork:
        np.testing.assert_allclose(model.transform(X), high.transform(H), atol=1e-12)
        from_top = high.inverse_transform(high.transform(H))
        back = low.inverse_transform(middle.inverse_transform(from_top))
        np.testing.assert_allclose(model.reconstruct(X), back, atol=1e-12)
    else:
        assert high.n_features_in_ == 6 + 3


def test_the_two_directions_have_weights_of_their_own():
    X, _ = make_data()
    model = scramble(small(DeepBeliefNetwork).fit(X))
    H = sigmoid(X @ model.recognition_coefs_[0] + model.recognition_intercepts_[0])
    np.testing.assert_allclose(model.transform(X, layer=0), H)
    back = sigmoid(H @ model.generative_coefs_[0] + model.generative_intercepts_[0])
    np.testing.assert_allclose(model.inverse_transform(H, layer=0), back)


@each_estimator
def test_a_frame_is_of_the_highest_layer(cls):
    X, y = make_data()
    model = small(cls, rbm_n_iter=0).fit(X, y).set_output(transform="pandas")
    assert list(model.transform(X).columns) == list(model.get_feature_names_out())
    assert model.reconstruct(X).shape == X.shape
    with pytest.raises(ValueError, match=r"pandas frame of the highest .* Got layer=0"):
        model.transform(X, layer=0)


@each_estimator
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_data_and_both_types(cls, dtype):
    X, y = make_data()
    X[X < 0.5] = 0
    X = X.astype(dtype)
    model = small(cls, fine_tune="up_down").fit(X, y)
    other = small(cls, fine_tune="up_down").fit(scipy.sparse.csr_array(X), y)
    assert_same(model, other, atol=1e-5 if dtype == np.float32 else 1e-12)
    assert {array.dtype for array in parameters_of(model)} == {np.dtype(dtype)}
    for method in ("transform", "reconstruct"):
        dense, sparse = (getattr(model, method)(rows) for rows in (X, scipy.sparse.csr_array(X)))
        np.testing.assert_allclose(dense, sparse, atol=1e-6)
        assert dense.dtype == dtype
    assert model.sample(2).dtype == dtype


# Samples ---------------------------------------------------------------------


def assert_frequencies(samples, states, expected):
    found = (samples[:, None] == states).all(axis=2).mean(axis=0)
    assert found.sum() == pytest.approx(1)
    deviation = np.sqrt(expected * (1 - expected) / len(samples))
    assert (np.abs(found - expected) < 4.5 * deviation + 1e-12).all()


@pytest.mark.parametrize("sizes", [4, (4, 3), (4, 3, 3)])
def test_samples_have_the_distribution_of_the_model(sizes):
    X = all_states(3)
    model = scramble(small(DeepBeliefNetwork, hidden_layer_sizes=sizes).fit(X))
    samples = model.sample(20_000, 60, random_state=1)
    if sizes == 4:
        expected = np.exp(model.rbms_[0].log_likelihood(X))
    else:
        expected = np.exp(Exact(model).log_likelihood(X))
    assert_frequencies(samples, X, expected)
    means = model.sample(20_000, 60, mean=True, random_state=2)
    assert len(np.unique(means)) > 4
    standard_error = means.std(axis=0) / np.sqrt(len(means))
    assert np.all(np.abs(means.mean(axis=0) - expected @ X) < 4.5 * standard_error)


def test_samples_of_a_class_have_the_distribution_of_the_model_given_the_label():
    X, y = np.tile(all_states(3), (3, 1)), np.repeat(["a", "b", "c"], 8)
    model = scramble(small(GenerativeDBNClassifier, hidden_layer_sizes=(3, 3)).fit(X, y))
    exact = Exact(model, labels=np.eye(3))
    given_label = exact.log_top - logsumexp(exact.log_top, axis=0)
    for number, label in enumerate("abc"):
        expected = np.exp(
            logsumexp(exact.log_down(0, all_states(3)) + given_label[:, number], axis=1)
        )
        samples = model.sample(8000, 60, y=label, random_state=number)
        assert_frequencies(samples, all_states(3), expected)
    expected = np.exp(
        logsumexp(exact.log_down(0, all_states(3)) + logsumexp(exact.log_top, axis=1), axis=1)
    )
    assert_frequencies(model.sample(8000, 60, random_state=3), all_states(3), expected)


def test_samples_that_start_at_data_stay_there_for_no_steps():
    X = all_states(4)
    model = small(DeepBeliefNetwork, hidden_layer_sizes=(4, 3)).fit(X)
    # Both directions copy, nearly without fail.
    model.recognition_coefs_ = model.generative_coefs_ = [60 * np.eye(4)]
    model.recognition_intercepts_ = model.generative_intercepts_ = [np.full(4, -30.0)]
    np.testing.assert_array_equal(model.sample(n_steps=0, init=X, random_state=0), X)
    np.testing.assert_array_equal(model.sample(20, 0, init=X, random_state=0)[16:], X[:4])


def test_samples_go_on_or_repeat():
    X, y = make_data()
    model = small(GenerativeDBNClassifier).fit(X, y)
    assert (model.sample(9) != model.sample(9)).any()
    np.testing.assert_array_equal(model.sample(9, random_state=3), model.sample(9, random_state=3))
    one_by_one = model.sample(y=[0, 1, 2], mean=True, algorithm="pt", n_steps=4)
    assert one_by_one.shape == (3, 8)


@pytest.mark.parametrize("sizes", [4, (4, 3)])
def test_float32_stays_float32(sizes):
    X = binary_rows().astype(np.float32)
    model = small(DeepBeliefNetwork, hidden_layer_sizes=sizes, rbm_n_iter=0).fit(X)
    samples = model.sample(init=X, n_steps=0, random_state=0)
    assert samples.dtype == np.float32
    if sizes == 4:
        np.testing.assert_array_equal(samples, X)
    for log_partition in (np.float64(2.5), model.rbms_[-1].log_partition()):
        assert model.score_samples(X, log_partition).dtype == np.float32


# Labels ----------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [4, (4, 3)])
@pytest.mark.parametrize("labels", [["a", "b", "c"], [-1, 1]])
def test_probabilities_of_labels_are_exact(sizes, labels):
    X, n_classes = all_states(5), len(labels)
    y = np.array(labels)[np.arange(len(X)) % n_classes]
    model = scramble(small(GenerativeDBNClassifier, hidden_layer_sizes=sizes).fit(X, y))
    highest = model.rbms_[-1]
    W, b, c = highest.components_.T, highest.intercept_visible_, highest.intercept_hidden_
    features = X if sizes == 4 else model.transform(X, layer=0)
    h = all_states(len(c))
    log_joint = np.empty((len(X), n_classes, len(h)))
    for number, one_hot in enumerate(np.eye(n_classes)):
        v = np.hstack([features, np.tile(one_hot, (len(X), 1))])
        log_joint[:, number] = (v @ b)[:, None] + v @ W @ h.T + h @ c
    expected = softmax(logsumexp(log_joint, axis=2), axis=1)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-12)
    np.testing.assert_array_equal(model.classes_, np.sort(labels))
    np.testing.assert_array_equal(model.predict(X), model.classes_[expected.argmax(axis=1)])
    joint = softmax(log_joint.reshape(len(X), -1), axis=1).reshape(log_joint.shape)
    np.testing.assert_allclose(model.transform(X), joint.sum(axis=1) @ h, atol=1e-12)


def test_digits_are_told_apart_and_drawn():
    X, y = load_digits(n_class=4, return_X_y=True)
    X = (X / 16).astype(np.float32)
    # Few rows, to be told apart by what joins the highest layer to a label: longer steps pay.
    model = GenerativeDBNClassifier((60, 60), rbm_learning_rate=0.2, random_state=0)
    model.set_params(fine_tune="up_down", batch_size=20, n_iter=40)
    assert model.fit(X[:500], y[:500]).score(X[500:], y[500:]) > 0.93
    labels = np.repeat(np.arange(4), 25)
    drawn = model.sample(y=labels, n_steps=200, mean=True, random_state=0)
    # Nearest class means know nothing of the model.
    centres = np.array([X[y == label].mean(axis=0) for label in range(4)])
    nearest = np.square(drawn[:, None] - centres).sum(axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > 0.8


def test_labels_that_cannot_be():
    X, y = make_data()
    with pytest.raises(ValueError, match="at least two classes, but the data have only one class"):
        small(GenerativeDBNClassifier).fit(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match="requires y to be passed"):
        small(GenerativeDBNClassifier).fit(X, None)
    model = small(GenerativeDBNClassifier).fit(X, y)
    with pytest.raises(ValueError, match=r"not among the classes, \[3\]"):
        model.sample(y=3)
    with pytest.raises(ValueError, match="one label or 5 labels"):
        model.sample(5, y=[0, 1])


# Training in parts -----------------------------------------------------------


class InterruptAt:
    """Raises KeyboardInterrupt in place of the given call of a report, counted from 1."""

    def __init__(self, monkeypatch, call):
        self.calls_left = call

        class Report(generative_dbn_base.StageReport):
            def __call__(report, epoch, measured):
                self.calls_left -= 1
                if not self.calls_left:
                    raise KeyboardInterrupt

        monkeypatch.setattr(generative_dbn_base, "StageReport", Report)
        monkeypatch.setattr("skebm.deep.pretraining.StageReport", Report)


@each_estimator
@pytest.mark.parametrize(
    ("call", "n_layers"), [(1, None), (4, 1), (6, 2), (7, 3), (8, 3)]
)  # two epochs of each RBM, then those of up-down
def test_an_interrupt_leaves_what_was_finished(cls, call, n_layers, monkeypatch):
    X, y = make_data()
    whole = small(cls, fine_tune="up_down", learning_rate_schedule="constant").fit(X, y)
    model = clone(whole).set_params(warm_start=True)
    with monkeypatch.context() as patch:
        InterruptAt(patch, call)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)

    assert len(getattr(model, "rbms_", [])) == (n_layers or 0)
    if n_layers is None:
        assert_same(model.fit(X, y), whole)
    elif n_layers < 3:
        H = model.rbms_[0].transform(X)
        np.testing.assert_allclose(model.transform(X, layer=0), H, atol=1e-12)
        with pytest.raises(NotFittedError, match=f"hidden layer {n_layers}"):
            model.transform(X, layer=n_layers)
        with pytest.raises(NotFittedError, match="warm_start"):
            model.sample()
        assert_same(model.fit(X, y), whole)
    else:
        assert model.n_iter_ == call - 6
        assert_same(model, clone(whole).set_params(n_iter=model.n_iter_).fit(X, y))


@each_estimator
def test_warm_start_goes_on(cls):
    X, y = make_data()
    whole = small(cls, fine_tune="up_down", learning_rate_schedule="constant", n_iter=5).fit(X, y)
    model = small(cls, warm_start=True).fit(X, y)
    assert model.n_iter_ == 0
    model.set_params(fine_tune="up_down", learning_rate_schedule="constant", n_iter=2).fit(X, y)
    assert_same(model.set_params(n_iter=3).fit(X, y), whole)
    assert model.n_iter_ == len(model.history_["reconstruction_error"]) == 3
    for name, value in {"hidden_layer_sizes": (7, 6), "visible_units": "gaussian"}.items():
        with pytest.raises(ValueError, match=f"'{name}' parameter of {cls.__name__} .* made with"):
            copy.deepcopy(model).set_params(**{name: value}).fit(X, y)


def test_annealing_starts_from_the_data_as_up_down_leaves_the_layers():
    X, y = make_data(n_rows=2000)
    model = small(GenerativeDBNClassifier, rbm_n_iter=0, warm_start=True).fit(X, y)
    greedy = model.rbms_[-1].__skebm_model__().means
    scramble(model).set_params(fine_tune="up_down", learning_rate=1e-12, n_iter=1).fit(X, y)
    visible, hidden = model.rbms_[-1].__skebm_model__().means
    rng = np.random.default_rng(0)
    states = X
    for weights, bias in zip(model.recognition_coefs_, model.recognition_intercepts_, strict=True):
        p = sigmoid(states @ weights + bias)
        states = (rng.random(p.shape) < p).astype(float)
    states = np.hstack([states, np.eye(3)[y]])
    top = model.rbms_[-1]
    given = sigmoid(states @ top.components_.T + top.intercept_hidden_)
    # Means of two draws of 2000 rows differ by 4.5 standard deviations at most.
    np.testing.assert_allclose(visible, states.mean(axis=0), atol=4.5 * 0.5 / np.sqrt(1000))
    np.testing.assert_allclose(hidden, given.mean(axis=0), atol=4.5 * 0.5 / np.sqrt(1000))
    np.testing.assert_allclose(visible[6:], states[:, 6:].mean(axis=0), atol=1e-12)
    assert np.abs(greedy[0] - visible).max() > 0.15
    assert np.abs(greedy[1] - hidden).max() > 0.15


def test_partial_fit_is_an_epoch():
    X, y = make_data()
    whole = small(GenerativeDBNClassifier, fine_tune="up_down", learning_rate_schedule="constant")
    whole.set_params(n_iter=2).fit(X, y)
    model = small(GenerativeDBNClassifier, fine_tune="up_down")
    with pytest.raises(ValueError, match="classes must be passed"):
        model.partial_fit(X, y)
    model.partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    assert_same(model, whole)
    assert model.n_iter_ == 2
    with pytest.raises(ValueError, match=r"not among the classes, \[3\]"):
        model.partial_fit(X, y + 1)
    assert_same(model, whole)
    assert not hasattr(small(DeepBeliefNetwork), "partial_fit")


def test_gibbs_steps_and_learning_rate_follow_their_schedules(monkeypatch):
    X, _ = make_data()
    seen = []
    original = generative_dbn_base.UpDown.run_epoch

    def run_epoch(self, course, labels, settings, *others):
        seen.append((settings.n_gibbs_steps, settings.learning_rate))
        return original(self, course, labels, settings, *others)

    monkeypatch.setattr(generative_dbn_base.UpDown, "run_epoch", run_epoch)
    small(
        DeepBeliefNetwork,
        fine_tune="up_down",
        n_gibbs_steps=(1, 3),
        n_iter=4,
        learning_rate=0.4,
    ).fit(X)
    assert [k for k, _ in seen] == [1, 1, 3, 3]
    np.testing.assert_allclose([rate for _, rate in seen], [0.4, 0.3, 0.2, 0.1])


def test_progress_is_printed(capsys):
    X, _ = make_data()
    small(DeepBeliefNetwork, fine_tune="up_down", verbose=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 * 2 + 3
    assert lines[2].startswith("[DeepBeliefNetwork] Layer 2 of 3, epoch 1 of 2:")
    assert "Up-down, epoch 3 of 3: reconstruction error" in lines[-1]


# Errors ----------------------------------------------------------------------


@each_estimator
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"fine_tune": "backpropagation"}, r"'fine_tune' .* among \{'up_down'\} or None"),
        ({"n_gibbs_steps": 0}, "'n_gibbs_steps'"),
        ({"rbm_n_iter": (1, 2)}, "'rbm_n_iter' .* has 2 values"),
        ({"learning_rate_schedule": "adaptive"}, "'learning_rate_schedule'"),
        ({"fine_tune": "up_down", "hidden_layer_sizes": 4}, "two layers or more with fine_tune"),
    ],
)
def test_parameters_that_cannot_be(cls, parameters, message):
    X, y = make_data()
    with pytest.raises(ValueError, match=message):
        small(cls, **parameters).fit(X, y)


def test_arguments_that_cannot_be():
    X, y = make_data()
    model = small(DeepBeliefNetwork).fit(X)
    with pytest.raises(ValueError, match=r"'layer' .* Got 3"):
        model.transform(X, layer=3)
    with pytest.raises(ValueError, match=r"X has 8 features, .* expecting 5 features"):
        model.inverse_transform(X)
    with pytest.raises(ValueError, match="'n_draws'"):
        model.score_samples(X, n_draws=0)
    with pytest.raises(ValueError, match="'mean'"):
        model.sample(mean=1)
    with pytest.raises(
        ValueError, match=r"two layers or more for data .* visible_units='gaussian'"
    ):
        small(GenerativeDBNClassifier, hidden_layer_sizes=4, visible_units="gaussian").fit(X, y)
    with pytest.raises(ValueError, match=r"two layers or more for data that are not in \[0, 1\]"):
        small(GenerativeDBNClassifier, hidden_layer_sizes=4).fit(3 * X, y)
    with pytest.raises(NotFittedError):
        DeepBeliefNetwork().sample()


@each_estimator
@pytest.mark.parametrize(
    ("argument", "value"),
    [("n_samples", 0), ("n_steps", -1), ("algorithm", "zz"), ("mean", 1), ("random_state", -1)],
)
def test_samples_that_cannot_be_drawn_take_no_numbers(cls, argument, value):
    X, y = make_data()
    model = small(cls, rbm_n_iter=0).fit(X, y)
    start = {"init": X} if cls is DeepBeliefNetwork else {"y": 1}
    before = replace(model._streams)
    with pytest.raises(ValueError, match=f"'{argument}' parameter of {cls.__name__} must"):
        model.sample(**start, **{argument: value})
    assert model._streams == before


@each_estimator
def test_messages_about_rbms_name_the_estimator_that_was_called(cls):
    X, y = make_data()
    with pytest.warns(UserWarning, match=f"^{cls.__name__} is meant for values between 0 and 1"):
        small(cls, hidden_layer_sizes=4, visible_units="bernoulli").fit(3 * X, y)
    with pytest.raises(ValueError, match=f"'rbm_alpha' parameter of {cls.__name__}, 90.0, is too"):
        small(cls, rbm_alpha=90.0).fit(X, y)


def test_weights_that_are_no_longer_finite():
    X, _ = make_data()
    model = small(DeepBeliefNetwork, visible_units="gaussian", warm_start=True).fit(1e3 * X)
    before = [array.copy() for array in parameters_of(model)]
    model.set_params(fine_tune="up_down", learning_rate=1e300, batch_size=10, n_iter=1)
    with pytest.raises(ValueError, match="DeepBeliefNetwork are no longer finite"):
        model.fit(1e3 * X)
    for a, b in zip(before, parameters_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
