"""Deep Boltzmann machines of tables, against sums over all states and integrals on a grid."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.utils import get_tags

from skebm import DBMClassifier, DeepBoltzmannMachine
from skebm.boltzmann.units import BernoulliUnits, GaussianUnits, SideBySide, SoftmaxUnits

# Some fits have more units than so little data has a use for.
pytestmark = pytest.mark.filterwarnings("ignore:.*have nearly the same activity:UserWarning")

SIZES = (3, 2)
HIDDEN = np.array(list(itertools.product([0.0, 1.0], repeat=sum(SIZES))))
WOODS, SEXES = ["ash", "fir", "oak"], ["f", "m"]


def make_table(n_rows=200, seed=0):
    """Columns of all kinds that depend on each other."""
    rng = np.random.default_rng(seed)
    sex = rng.integers(2, size=n_rows)
    wood = (sex + rng.integers(2, size=n_rows)) % 3
    return pd.DataFrame(
        {
            "height": 170 + 12 * sex + rng.normal(scale=5, size=n_rows),
            "wood": pd.Categorical.from_codes(wood, WOODS),
            "sex": np.array(SEXES)[sex],
        }
    )


def with_gaps(table, share=0.2, seed=1):
    return table.mask(np.random.default_rng(seed).random(table.shape) < share)


def machine_of(**parameters):
    return DeepBoltzmannMachine(
        **{"hidden_layer_sizes": SIZES, "visible_units": "mixed", "random_state": 0} | parameters
    )


@pytest.fixture(scope="module")
def model():
    """A machine whose columns and layers have much to say to each other."""
    model = machine_of(n_iter=3).fit(make_table())
    rng = np.random.default_rng(3)
    for weights in model.coefs_:
        weights[:] = rng.normal(scale=1.2, size=weights.shape)
    model.coefs_[0][-1] *= 0.5  # of the height
    return model


def log_masses(model, height, wood, sex):
    """-E of each hidden state, from published attributes alone; a density of the height.

    E = (z - b)^2 / (2 s) - z W h - sum over the units of wood and sex that are on of (b + W h)
    - c h - h U g - d g, with the standardised height z.
    """
    (W, U), (b, c, d) = model.coefs_, model.intercepts_
    h, g = HIDDEN[:, :3], HIDDEN[:, 3:]
    units = list(model.unit_names_)
    at = units.index("height")
    z = (height - model.mean_[at]) / model.scale_[at]
    s = model.variances_[at] / model.scale_[at] ** 2
    out = h @ c + g @ d + ((h @ U) * g).sum(axis=1)
    out = out - (z - b[at]) ** 2 / (2 * s) + z * h @ W[at]
    for name in (f"wood_{wood}", f"sex_{sex}"):
        if name in units:  # a binary column has one unit, for its second value
            out = out + b[units.index(name)] + h @ W[units.index(name)]
    return out - np.log(model.scale_[at])


GRID = np.linspace(0, 400, 2001)  # of heights, many deviations around the mean


@pytest.fixture(scope="module")
def joint(model):
    """log p(height, wood, sex) on the grid, of shape (n_woods, 2, n_heights), and log Z."""
    log_p = np.array(
        [
            [[logsumexp(log_masses(model, height, wood, sex)) for height in GRID] for sex in SEXES]
            for wood in WOODS
        ]
    )
    log_z = logsumexp(log_p) + np.log(GRID[1] - GRID[0])
    return log_p - log_z, log_z


def test_units_of_a_layer_within_a_layer_draw_as_those_of_one():
    def parts():
        return [
            BernoulliUnits(np.zeros(3)),
            SoftmaxUnits(np.zeros(3), [3]),
            GaussianUnits(np.zeros(2), np.zeros(2)),
            BernoulliUnits(np.zeros(6)),
        ]

    flat = SideBySide(parts())
    *visible, hidden = parts()
    nested = SideBySide([SideBySide(visible), hidden])
    drawn = [units.base_rate(50, (0, 0, 0)) for units in (flat, nested)]
    assert_array_equal(*drawn)


def test_likelihoods_by_enumeration(model, joint):
    log_p, log_z = joint
    table = make_table(6, seed=5)
    expected = [logsumexp(log_masses(model, *row)) - log_z for row in table.to_numpy(object)]
    found = model.log_likelihood(table)
    assert_allclose(found, expected, rtol=1e-6)
    # Of densities in the data's units.
    log_scale = np.log(model.scale_).sum()
    assert model.log_partition("exact").estimate == pytest.approx(log_z + log_scale, abs=1e-6)
    bound = model.score_samples(table)
    assert (bound <= found + 1e-9).all()
    assert (bound > found - 3).all()
    assert np.exp(log_p).sum() * (GRID[1] - GRID[0]) == pytest.approx(1)


def test_samples_have_the_distribution(model, joint):
    p = np.exp(joint[0]) * (GRID[1] - GRID[0])
    n = 8_000
    start = make_table(50)
    for table in (
        model.sample(n, 60, random_state=0),
        model.gibbs(model.sample(n, 60, init=start, random_state=1), 5, random_state=2),
    ):
        counts = pd.crosstab(table["wood"], table["sex"]).reindex(index=WOODS, columns=SEXES)
        assert_allclose(counts / n, p.sum(axis=2), atol=5 * np.sqrt(0.25 / n))
        mean, variance = (p * GRID).sum(), (p * GRID**2).sum() - (p * GRID).sum() ** 2
        assert table["height"].mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / n))
        assert table.dtypes.equals(start.dtypes)


def test_clamped_columns_stay_and_the_others_follow(model, joint):
    n, start = 8_000, pd.DataFrame({"height": [171.0], "wood": ["oak"], "sex": ["m"]})
    start = start.astype(make_table(1).dtypes)
    table = model.sample(n, 60, init=start, clamp=[False, True, False], random_state=0)
    assert (table["wood"] == "oak").all()
    p = np.exp(joint[0][WOODS.index("oak")])
    p /= p.sum()
    assert (table["sex"] == "m").mean() == pytest.approx(p[1].sum(), abs=5 * np.sqrt(0.25 / n))


def test_impute_finds_the_conditional_mean_and_mode(model, joint):
    row = pd.DataFrame({"height": [np.nan], "wood": [None], "sex": ["f"]}, index=["a"])
    row["wood"] = pd.Categorical(row["wood"], WOODS)
    filled = model.impute(row, 20_000, random_state=0)
    p = np.exp(joint[0][:, SEXES.index("f")])
    p /= p.sum()
    mean, deviation = (p * GRID).sum(), model.scale_.max()
    assert filled["height"].iloc[0] == pytest.approx(mean, abs=0.1 * deviation)
    assert filled["wood"].iloc[0] == WOODS[p.sum(axis=1).argmax()]
    assert list(filled.index) == ["a"]


@pytest.mark.parametrize(
    "options", [{}, {"pretrain": True, "rbm_n_iter": 3}, {"hidden_layer_sizes": (8, 5, 3)}]
)
def test_a_table_with_gaps_goes_through_all_methods(options):
    table = with_gaps(make_table(120))
    options = {"hidden_layer_sizes": (8, 5), "n_iter": 20, "algorithm": "pcd"} | options
    model = machine_of(**options).fit(table)
    assert model.visible_units_ == "mixed"
    assert model.categories_ == [None, WOODS, SEXES]
    assert list(model.feature_names_in_) == list(table)
    H = model.transform(table)
    assert H.shape == (120, options["hidden_layer_sizes"][-1])
    assert np.isfinite(model.score_samples(table)).all()
    for back in (
        model.inverse_transform(H[:4]),
        model.reconstruct(table[:4], layer=0),
        model.gibbs(table[:4], 2),
        model.sample(4, 2),
        model.impute(table[:4], 4),
    ):
        assert back.dtypes.equals(table.dtypes)
        assert back.shape == (4, 3)
        assert back["wood"].isin(WOODS).all()
    filled, known = model.impute(table, 10), table.notna()
    assert_array_equal(filled.to_numpy(object)[known], table.to_numpy(object)[known])
    before = model.coefs_[0].copy()
    model.partial_fit(table[:20])
    assert not np.array_equal(before, model.coefs_[0])
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.transform(table), model.transform(table))
    small = model.without_training_state()
    assert_array_equal(small.transform(table), model.transform(table))


def test_learns_what_columns_say_of_each_other():
    table = make_table(400)
    model = machine_of(hidden_layer_sizes=(16, 8), n_iter=30, learning_rate=0.05).fit(table)
    hidden = table.copy()
    hidden["sex"] = np.where(np.arange(400) < 200, table["sex"], None)
    filled = model.impute(hidden, 100, random_state=0)
    # By the height alone, 88 per cent are told apart.
    assert (filled["sex"] == table["sex"])[200:].mean() > 0.8


def test_arrays_and_what_marks_a_gap():
    rows = [["oak", 21.5], ["fir", 30.0], ["fir", "?"], ["?", 20.0], ["oak", 22.0]]
    X = np.array(rows, dtype=object)
    model = machine_of(missing_values="?", n_iter=1)
    filled = model.fit(X).impute(X)
    assert isinstance(filled, np.ndarray)
    assert filled[0].tolist() == rows[0]
    assert filled[3, 0] in ("oak", "fir")
    assert isinstance(filled[2, 1], float)
    numbers = make_table(40)[["height"]].to_numpy(np.float32)
    model = machine_of(n_iter=1).fit(numbers)
    assert model.transform(numbers).dtype == np.float32
    assert model.sample(2).dtype == np.float32


def test_unknown_categories():
    table, new = make_table(40), make_table(3)
    new["sex"] = ["f", "x", "m"]
    model = machine_of(n_iter=1).fit(table)
    with pytest.raises(ValueError, match=r"unknown categories \['x'\].*DeepBoltzmannMachine"):
        model.transform(new)
    model.set_params(handle_unknown="missing")
    new_gap = new.copy()
    new_gap.loc[1, "sex"] = None
    assert_array_equal(model.transform(new), model.transform(new_gap))


def test_greedy_rbms_read_tables_as_the_machine_does():
    table = make_table(60).astype({"wood": object})
    table.loc[3, "wood"] = "?"
    model = machine_of(
        pretrain=True, rbm_n_iter=1, n_iter=0, missing_values="?", categories={"sex": ["m", "f"]}
    ).fit(table)
    assert model.categories_[2] == ["m", "f"]
    assert model.rbms_[0].categories_ == model.categories_
    assert_allclose(model.coefs_[0], model.rbms_[0].__skebm_model__().machine.weights)


def test_parameters_that_do_not_fit():
    X = np.random.default_rng(0).random((20, 3))
    with pytest.raises(ValueError, match=r"missing_values.*DeepBoltzmannMachine"):
        DeepBoltzmannMachine(3, missing_values="?").fit(X)
    with pytest.raises(ValueError, match=r"visible_units.*DeepBoltzmannMachine"):
        DeepBoltzmannMachine(3, visible_units="table").fit(X)
    with pytest.raises(ValueError, match="handle_unknown"):
        machine_of(handle_unknown="ignore").fit(X)
    with pytest.raises(ValueError, match="DBMClassifier learns from numbers"):
        DBMClassifier(machine_of()).fit(X, X[:, 0] > 0.5)


def test_what_is_published_is_of_the_last_fit():
    model = machine_of(n_iter=1).fit(make_table(40))
    X = (np.random.default_rng(0).random((40, 3)) < 0.5).astype(float)
    model.set_params(visible_units="auto").fit(X)
    assert model.visible_units_ == "bernoulli"
    for name in ("encoder_", "categories_", "unit_names_", "mean_", "scale_", "variances_"):
        assert not hasattr(model, name)
    assert isinstance(model.sample(2), np.ndarray)
    # Parameters that are set later say nothing of what is fitted.
    model.set_params(visible_units="mixed")
    assert_array_equal(clone(model).fit(X).categories_, [[0.0, 1.0]] * 3)
    assert isinstance(model.sample(2), np.ndarray)


def test_tags():
    tags = get_tags(machine_of())
    assert tags.input_tags.string
    assert tags.input_tags.categorical
    assert tags.input_tags.allow_nan
    assert not tags.input_tags.sparse
    for visible_units in ("auto", "none of these", [1, 2], np.ones(2)):
        tags = get_tags(DeepBoltzmannMachine(visible_units=visible_units))
        assert tags.input_tags.sparse
    tags = get_tags(DeepBoltzmannMachine())
    assert tags.input_tags.sparse
    assert not tags.input_tags.string
