"""Displays of lines: what is drawn is what the estimator has or returns."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skebm import BernoulliRBM, DBNClassifier, DSNClassifier, DSNRegressor, HopfieldMemory
from skebm.plotting import EnergyPathsDisplay, HistoryDisplay, ModuleErrorDisplay
from skebm.plotting.style import BLUE, GREEN, VERMILION

ROWS = np.random.default_rng(0).random((60, 16))
LABELS = (ROWS[:, 0] > ROWS[:, 1]).astype(int)


def legend_of(display):
    legend = display.ax_.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


# History ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def rbm():
    return BernoulliRBM(5, n_iter=3, early_stopping=True, random_state=0).fit(ROWS)


def test_history_beside_that_of_rows_held_out(rbm):
    display = HistoryDisplay.from_estimator(rbm)
    np.testing.assert_array_equal(display.line_.get_xdata(), [1, 2, 3])
    for line, name in [
        (display.line_, "pseudo_likelihood"),
        (display.validation_line_, "validation_pseudo_likelihood"),
    ]:
        np.testing.assert_array_equal(line.get_ydata(), rbm.history_[name])
    assert legend_of(display) == ["training", "held out"]
    assert display.line_.get_linestyle() == "-" != display.validation_line_.get_linestyle()
    assert "nats" in display.ax_.get_ylabel()


def test_one_measurement_without_rows_held_out(rbm):
    display = HistoryDisplay.from_estimator(rbm, metric="reconstruction_error")
    np.testing.assert_array_equal(display.line_.get_ydata(), rbm.history_["reconstruction_error"])
    assert display.validation_line_ is None
    assert legend_of(display) == []
    assert display.ax_.get_ylabel() == "reconstruction error"


def test_the_loss_of_a_network():
    dbn = DBNClassifier((4,), rbm_n_iter=1, max_iter=4, random_state=0).fit(ROWS, LABELS)
    display = HistoryDisplay.from_estimator(dbn)
    np.testing.assert_array_equal(display.line_.get_ydata(), dbn.loss_curve_)


def test_the_loss_of_a_stacking_network_step_by_step():
    dsn = DSNClassifier(4, n_modules=2, max_iter=2, random_state=0).fit(ROWS, LABELS)
    display = HistoryDisplay.from_estimator(dsn)
    expected = [error for module in dsn.modules_ for error in module.error_curve_[1:]]
    np.testing.assert_array_equal(display.line_.get_ydata(), expected)
    assert display.ax_.get_xlabel() == "step"


def test_the_reconstruction_error_where_there_is_neither_likelihood_nor_loss():
    history = {"seconds": [1.0, 1.0], "reconstruction_error": [0.5, 0.4]}
    display = HistoryDisplay(history).plot()
    np.testing.assert_array_equal(display.line_.get_ydata(), [0.5, 0.4])


def test_colours_do_not_repeat_until_all_are_taken():
    history = {"loss": [2.0, 1.0], "validation_loss": [2.0, 1.5]}
    ax, colours = None, []
    for name in "abcdefg":
        display = HistoryDisplay(history).plot(ax, name=name)
        ax = display.ax_
        colours.append(display.line_.get_color())
    assert len(set(colours[:6])) == 6
    assert colours[6] == colours[0]


def test_two_histories_in_one_pair_of_axes(rbm):
    one = HistoryDisplay.from_estimator(rbm, name="one")
    two = HistoryDisplay.from_estimator(rbm, name="two", ax=one.ax_)
    assert legend_of(two) == ["one", "one, held out", "two", "two, held out"]
    assert one.line_.get_color() == one.validation_line_.get_color() != two.line_.get_color()


@pytest.mark.parametrize("metric", ["loss", "validation"])
def test_a_measurement_that_was_not_made(metric, rbm):
    with pytest.raises(ValueError, match=f"'metric' .*'pseudo_likelihood'.* Got {metric!r}"):
        HistoryDisplay.from_estimator(rbm, metric=metric)


def test_a_history_without_the_usual_measurements():
    with pytest.raises(ValueError, match=r"'metric' parameter of HistoryDisplay .* Got None"):
        HistoryDisplay({"seconds": [1.0]}).plot()


# Energy paths ----------------------------------------------------------------

PATTERNS = np.where(np.random.default_rng(1).random((3, 64)) < 0.5, -1.0, 1.0)
MIXTURE = np.sign(PATTERNS.sum(axis=0, keepdims=True))
STARTS = np.concatenate([PATTERNS, -PATTERNS, MIXTURE])


def test_energies_and_where_they_end():
    memory = HopfieldMemory(random_state=0).fit(PATTERNS)
    display = EnergyPathsDisplay.from_estimator(memory, STARTS)
    recalled = memory.recall(STARTS)
    found = [line.get_ydata() for line in display.lines_]
    np.testing.assert_array_equal(found, recalled.energies)
    np.testing.assert_array_equal(
        display.lines_[0].get_xdata(), np.arange(recalled.energies.shape[1])
    )
    codes = memory.predict(STARTS)
    assert set(codes) == {0, 1, 2, -1, -2}
    ways = [(line.get_color(), line.get_linestyle()) for line in display.lines_]
    assert len(set(ways)) == 3
    for code in (-1, -2):
        assert len({way for way, c in zip(ways, codes, strict=True) if c == code}) == 1
    assert legend_of(display) == ["a stored pattern", "a reversed pattern", "a spurious state"]


def test_labels_that_look_like_codes_do_no_harm():
    memory = HopfieldMemory(random_state=0).fit(PATTERNS, [-1, -2, -1])
    display = EnergyPathsDisplay.from_estimator(memory, PATTERNS)
    assert legend_of(display) == ["a stored pattern"]
    np.testing.assert_array_equal(memory.labels_, [-1, -2, -1])


@pytest.mark.parametrize("options", [{"clamp": np.arange(64) < 9}, {"random_state": 5}])
def test_options_of_recall_are_passed_on(options):
    memory = HopfieldMemory(temperature=0.5, max_iter=5, random_state=0).fit(PATTERNS)
    display = EnergyPathsDisplay.from_estimator(memory, STARTS, **options)
    expected = memory.recall(STARTS, **options).energies
    np.testing.assert_array_equal([line.get_ydata() for line in display.lines_], expected)
    assert not np.array_equal(expected, memory.recall(STARTS).energies)
    assert memory.temperature == 0.5


def test_paths_without_endings():
    display = EnergyPathsDisplay([[3.0, 2.0], [1.0, 0.0]]).plot(line_kw={"color": "black"})
    assert [line.get_color() for line in display.lines_] == ["black", "black"]
    assert legend_of(display) == []


@pytest.mark.parametrize("endings", [["a stored pattern"], ["a stored pattern", "elsewhere"]])
def test_endings_that_do_not_fit(endings):
    with pytest.raises(ValueError, match=r"'endings' parameter of EnergyPathsDisplay .* 2 rows"):
        EnergyPathsDisplay([[3.0, 2.0], [1.0, 0.0]], endings=endings).plot()


# Errors of modules -----------------------------------------------------------


@pytest.fixture(scope="module")
def dsn():
    return DSNClassifier(3, n_modules=3, max_iter=2, random_state=0).fit(ROWS[:40], LABELS[:40])


def test_the_share_of_wrong_labels_of_each_module(dsn):
    display = ModuleErrorDisplay.from_estimator(dsn, ROWS[40:], LABELS[40:], name="test")
    wrong = [np.mean(found != LABELS[40:]) for found in dsn.staged_predict(ROWS[40:])]
    np.testing.assert_allclose(display.line_.get_ydata(), wrong)
    np.testing.assert_array_equal(display.line_.get_xdata(), [1, 2, 3])
    assert max(wrong) > 0
    assert legend_of(display) == ["test"]
    assert display.ax_.get_ylabel() == "share of wrong labels"


def test_the_training_error_of_each_module(dsn):
    display = ModuleErrorDisplay.from_estimator(dsn)
    expected = [module.error_after_ for module in dsn.modules_]
    np.testing.assert_array_equal(display.line_.get_ydata(), expected)
    assert legend_of(display) == []


def test_the_squared_error_of_a_regressor():
    targets = ROWS[:, :2] * 5
    dsn = DSNRegressor(3, n_modules=2, max_iter=2, random_state=0).fit(ROWS[:40], targets[:40])
    display = ModuleErrorDisplay.from_estimator(dsn, ROWS[40:], targets[40:])
    errors = [np.mean((found - targets[40:]) ** 2) for found in dsn.staged_predict(ROWS[40:])]
    np.testing.assert_allclose(display.line_.get_ydata(), errors)


def test_lines_in_axes_of_the_user_have_colours_of_ours():
    _, ax = plt.subplots()
    lines = [ModuleErrorDisplay([0.3, 0.2]).plot(ax).line_ for _ in range(3)]
    assert [line.get_color() for line in lines] == [BLUE, VERMILION, GREEN]


@pytest.mark.parametrize("data", [(ROWS,), (None, LABELS)])
def test_data_and_targets_belong_together(data, dsn):
    with pytest.raises(ValueError, match="needs both X and y, or neither"):
        ModuleErrorDisplay.from_estimator(dsn, *data)
