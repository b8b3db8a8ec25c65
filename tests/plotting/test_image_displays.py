"""Displays of images: what is drawn is what the estimator has or returns."""

import copy
import warnings

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skebm import (
    BernoulliRBM,
    DeepAutoencoder,
    DeepBeliefNetwork,
    GaussianRBM,
    GenerativeDBNClassifier,
    HopfieldMemory,
)
from skebm.plotting import (
    ComponentsDisplay,
    RecallDisplay,
    ReconstructionsDisplay,
    SamplesDisplay,
)

ROWS = np.random.default_rng(0).random((40, 16))


@pytest.fixture(scope="module")
def rbm():
    return BernoulliRBM(7, n_iter=3, random_state=0).fit(ROWS)


def drawn(images):
    """The arrays of the images, as rows of features."""
    shape = images.shape
    arrays = [None if image is None else image.get_array() for image in images.flat]
    return np.array([np.full(16, np.nan) if a is None else a.ravel() for a in arrays]).reshape(
        *shape, -1
    )


# Components ------------------------------------------------------------------


def test_components_are_drawn_the_strongest_first(rbm):
    display = ComponentsDisplay.from_estimator(rbm)
    strength = np.linalg.norm(rbm.components_, axis=1)
    in_order = rbm.components_[np.argsort(-strength)]
    assert display.images_.shape == (3, 3)
    np.testing.assert_array_equal(drawn(display.images_).reshape(9, 16)[:7], in_order)
    assert list(display.images_.flat[7:]) == [None, None]


@pytest.mark.parametrize(
    ("units", "expected"), [(4, lambda order: order[:4]), ([5, 0, 5], lambda _: [5, 0, 5])]
)
def test_some_components(units, expected, rbm):
    order = np.argsort(-np.linalg.norm(rbm.components_, axis=1))
    display = ComponentsDisplay.from_estimator(rbm, units=units)
    numbers = expected(order)
    found = drawn(display.images_).reshape(-1, 16)[: len(numbers)]
    np.testing.assert_array_equal(found, rbm.components_[numbers])


@pytest.mark.parametrize("units", [0, -2])
def test_a_number_of_components_that_is_none(units, rbm):
    with pytest.raises(ValueError, match=rf"'units' .* ComponentsDisplay.* Got {units} instead"):
        ComponentsDisplay.from_estimator(rbm, units=units)


def test_no_weight_is_white_and_the_scale_is_shared_unless_each_has_its_own(rbm):
    weights = np.zeros((2, 16))
    weights[0, 3], weights[1, 5] = -4, 1
    shared = ComponentsDisplay(weights).plot().images_[0]
    own = ComponentsDisplay(weights).plot(own_scales=True).images_[0]
    assert [image.get_clim() for image in shared] == [(-4, 4), (-4, 4)]
    assert [image.get_clim() for image in own] == [(-4, 4), (-1, 1)]
    for image in [*shared, *own]:
        red, green, blue, _ = image.to_rgba(0.0)
        assert min(red, green, blue) > 0.95
    blue, red = own[0].to_rgba(-4.0), own[1].to_rgba(1.0)
    assert blue[2] > blue[0]
    assert red[0] > red[2]


def test_weights_of_zero_alone_are_white():
    for own_scales in (False, True):
        display = ComponentsDisplay(np.zeros((1, 16))).plot(own_scales=own_scales)
        assert min(display.images_[0, 0].to_rgba(0.0)) > 0.95


def test_components_of_another_estimator():
    pca = PCA(4).fit(ROWS)
    display = ComponentsDisplay.from_estimator(pca, units=range(4))
    np.testing.assert_array_equal(drawn(display.images_).reshape(4, 16), pca.components_)


def test_keywords_of_the_images_prevail(rbm):
    display = ComponentsDisplay.from_estimator(rbm, im_kw={"cmap": "gray", "vmin": -9})
    image = display.images_[0, 0]
    assert image.get_clim()[0] == -9
    assert image.get_cmap().name == "gray"


def test_tiles_do_not_overlap_and_stand_in_reading_order(rbm):
    images = ComponentsDisplay.from_estimator(rbm, image_shape=(2, 8)).images_
    left, right, bottom, top = np.array([image.get_extent() for image in images.flat[:7]]).T
    assert np.all(right - left == 8)
    assert np.all(bottom - top == 2)
    assert left[1] > right[0]
    assert top[3] > bottom[0]
    assert left[3] == left[0]
    assert top[1] == top[0]


# Reconstructions -------------------------------------------------------------


def test_reconstructions_stand_below_their_originals():
    rbm = BernoulliRBM(5, n_iter=2, random_state=0)
    model = make_pipeline(MinMaxScaler(), rbm).fit(ROWS)
    display = ReconstructionsDisplay.from_estimator(model, ROWS[:3])
    expected = model.inverse_transform(model.transform(ROWS[:3]))
    np.testing.assert_allclose(drawn(display.images_), [ROWS[:3], expected])
    assert len({image.get_clim() for image in display.images_.flat}) == 1
    labels = {text.get_text(): place for text, place in _labels(display.ax_.yaxis)}
    assert labels["original"] < labels["reconstruction"]
    assert display.ax_.yaxis_inverted()


def test_reconstructions_are_those_of_the_estimator():
    model = DeepAutoencoder((9, 4), corruption="masking", max_iter=3, random_state=0).fit(ROWS)
    gaps = ROWS[:3].copy()
    gaps[:, 5] = np.nan  # which reconstruct accepts, but transform does not
    display = ReconstructionsDisplay.from_estimator(model, gaps)
    np.testing.assert_allclose(drawn(display.images_)[1], model.reconstruct(gaps))


def _labels(axis):
    return zip(axis.get_ticklabels(), axis.get_ticklocs(), strict=True)


def test_missing_pixels_have_a_colour_of_their_own():
    originals = ROWS[:1].copy()
    originals[0, 3] = np.nan
    image = ReconstructionsDisplay(originals, ROWS[:1]).plot().images_[0, 0]
    colours = image.to_rgba(image.get_array())
    greys = np.ptp(colours[..., :3], axis=2) == 0
    assert not greys[0, 3]
    assert greys.sum() == 15
    assert tuple(colours[0, 3]) == to_rgba("#CFE3F3")


def test_reconstructions_by_several_models():
    by_name = {"half": ROWS[:3] / 2, "reversed": 1 - ROWS[:3]}
    display = ReconstructionsDisplay(ROWS[:3], by_name).plot()
    np.testing.assert_array_equal(drawn(display.images_), [ROWS[:3], *by_name.values()])
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels == ["original", "half", "reversed"]


def test_reconstructions_of_another_shape():
    with pytest.raises(ValueError, match=r"'reconstructions' .* \(40, 16\). Got \(40, 9\)"):
        ReconstructionsDisplay(ROWS, ROWS[:, :9]).plot()


# Samples ---------------------------------------------------------------------


def test_samples_are_one_chain_cut_in_pieces(rbm):
    twin = copy.deepcopy(rbm)
    display = SamplesDisplay.from_estimator(rbm, 3, steps=[0, 2, 7])
    start = twin.sample(3, 0)
    expected = [start, twin.gibbs(start, 2)]
    expected.append(twin.gibbs(expected[-1], 5))
    np.testing.assert_array_equal(drawn(display.images_), np.stack(expected, axis=1))
    labels = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert labels == ["0", "2", "7"]


def test_the_random_state_of_samples(rbm):
    before = rbm.gibbs(ROWS, 2, random_state=3)
    steps = [2, 4, 6]
    one, two, other = (
        drawn(SamplesDisplay.from_estimator(rbm, steps=steps, random_state=seed).images_)
        for seed in (3, np.random.RandomState(3), 4)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    # Each piece draws numbers of its own: equal ones would repeat the same step.
    assert not np.array_equal(
        one[:, 1], rbm.sample(n_steps=2, init=one[:, 0], random_state=np.random.RandomState(3))
    )
    np.testing.assert_array_equal(before, rbm.gibbs(ROWS, 2, random_state=3))


@pytest.mark.parametrize("n_chains", [None, 5])
@pytest.mark.parametrize("clamp", [ROWS[0] > 0.5, ROWS[:3] > 0.5], ids=["one", "each"])
def test_clamped_units_keep_their_start(n_chains, clamp, rbm):
    display = SamplesDisplay.from_estimator(
        rbm, n_chains, steps=[0, 3, 9], init=ROWS[:3], clamp=clamp, random_state=0
    )
    states = drawn(display.images_)
    turns = np.arange(n_chains or 3) % 3
    kept = np.broadcast_to(clamp, (3, 16))[turns]
    for time in range(3):
        np.testing.assert_array_equal(states[:, time][kept], ROWS[turns][kept])
    assert not np.array_equal(states[:, 0], states[:, 2])


def test_means_of_samples(rbm):
    options = {"steps": [0, 3], "random_state": 0}
    states, means = (
        drawn(SamplesDisplay.from_estimator(rbm, means=means, **options).images_)
        for means in (False, True)
    )
    assert set(np.unique(states)) == {0, 1}
    for time in range(2):
        expected = rbm.inverse_transform(rbm.transform(states[:, time]))
        np.testing.assert_array_equal(means[:, time], expected)


def test_samples_of_real_numbers():
    rbm = GaussianRBM(3, n_iter=1, random_state=0).fit(ROWS)
    one, same = (np.random.RandomState(1) for _ in range(2))
    display = SamplesDisplay.from_estimator(rbm, 4, steps=[1], random_state=one)
    expected = rbm.sample(4, 1, random_state=same)
    np.testing.assert_array_equal(drawn(display.images_)[:, 0], expected)


@pytest.mark.parametrize("kind", [DeepBeliefNetwork, GenerativeDBNClassifier])
def test_a_model_without_chains_to_go_on_with_is_refused(kind):
    with pytest.raises(TypeError, match=f"SamplesDisplay.from_estimator needs .*{kind.__name__}"):
        SamplesDisplay.from_estimator(kind())


@pytest.mark.parametrize("steps", [[], [0, 0], [3, 1]])
def test_steps_that_do_not_rise(steps, rbm):
    with pytest.raises(ValueError, match="must be ascending numbers"):
        SamplesDisplay.from_estimator(rbm, steps=steps)


def test_as_many_steps_as_times():
    with pytest.raises(ValueError, match=r"'steps' parameter of SamplesDisplay .* 2 times"):
        SamplesDisplay(np.zeros((3, 2, 16)), steps=[1, 2, 3]).plot()


# Recall ----------------------------------------------------------------------

PATTERNS = np.where(np.random.default_rng(1).random((12, 64)) < 0.5, -1.0, 1.0)
DAMAGED = np.where(np.random.default_rng(2).random(PATTERNS.shape) < 0.2, -PATTERNS, PATTERNS)


@pytest.mark.filterwarnings("ignore:.*capacity:UserWarning")
@pytest.mark.parametrize("rule", ["hebb", "pseudo_inverse", "dense", "softmax"])
@pytest.mark.parametrize("update", ["async", "sync"])
def test_recall_is_drawn_sweep_by_sweep(rule, update):
    memory = HopfieldMemory(rule, update=update, random_state=0).fit(PATTERNS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        recalled = memory.recall(DAMAGED)
        states = sequences(RecallDisplay.from_estimator(memory, DAMAGED))

    np.testing.assert_array_equal(states[:, 0], DAMAGED)
    np.testing.assert_array_equal(states[:, -1], recalled.states)
    # The states on the way have the energies that recall reports.
    assert recalled.energies.shape[1] > 1
    found = np.stack([memory.energy(sweep) for sweep in states.swapaxes(0, 1)], axis=1)
    np.testing.assert_allclose(found, recalled.energies, rtol=1e-9)
    assert memory.max_iter == 100


def sequences(display):
    return np.array([[image.get_array().ravel() for image in line] for line in display.images_])


def test_the_random_state_of_recall():
    # Half of each row starts at random.
    start = np.where(np.arange(64) < 32, np.nan, PATTERNS)
    memory = HopfieldMemory("dense", random_state=0).fit(PATTERNS)
    one, two, other = (
        sequences(RecallDisplay.from_estimator(memory, start, random_state=seed))[:, 1]
        for seed in (3, np.random.RandomState(3), 4)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_what_is_missing_is_drawn_as_missing_and_what_is_clamped_stays():
    memory = HopfieldMemory("pseudo_inverse", random_state=0).fit(PATTERNS)
    start = DAMAGED.copy()
    start[:, :9] = np.nan
    more = np.arange(64) == 20
    clamp = np.arange(64) > 50
    display = RecallDisplay.from_estimator(memory, start, clamp=clamp, missing=more)
    states = sequences(display)
    missing = np.isnan(start) | more
    np.testing.assert_array_equal(np.isnan(states[:, 0]), missing)
    assert not np.isnan(states[:, 1:]).any()
    for time in range(states.shape[1]):
        np.testing.assert_array_equal(states[:, time, clamp], start[:, clamp])


def test_data_beside_a_threshold_are_drawn_as_the_memory_has_them():
    grey = np.where(PATTERNS > 0, 12.0, 3.0)
    memory = HopfieldMemory("pseudo_inverse", binarize=7.5, random_state=0).fit(grey)
    display = RecallDisplay.from_estimator(memory, np.where(DAMAGED > 0, 12.0, 3.0))
    states = sequences(display)
    np.testing.assert_array_equal(states[:, 0], DAMAGED > 0)
    assert set(np.unique(states)) == {0, 1}


def test_recall_at_a_temperature_cannot_be_cut_short():
    memory = HopfieldMemory(temperature=0.3, random_state=0).fit(PATTERNS[:3])
    with pytest.raises(ValueError, match=r"temperature zero.*HopfieldMemory is 0.3"):
        RecallDisplay.from_estimator(memory, PATTERNS)
