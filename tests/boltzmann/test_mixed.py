"""MixedRBM: tables of several kinds of columns, by enumeration of its hidden and visible states."""

import itertools
import pickle
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import logsumexp
from sklearn.base import clone

from enumeration import all_states
from skebm import GaussianRBM, MixedRBM
from skebm.boltzmann.table import TableEncoder

NAN = np.nan


def make_table(n_rows=120, seed=0):
    """Columns of all kinds that depend on each other, in an order that mixes the kinds."""
    rng = np.random.default_rng(seed)
    sex = rng.integers(2, size=n_rows)
    wood = (sex + rng.integers(2, size=n_rows)) % 3
    return pd.DataFrame(
        {
            "height": 170 + 12 * sex + rng.normal(scale=5, size=n_rows),
            "wood": pd.Categorical(np.array(["oak", "ash", "fir"])[wood], ["oak", "fir", "ash"]),
            "sex": np.array(["f", "m"])[sex],
            "income": 1e5 * rng.gamma(2, 1 + wood),
            "children": rng.integers(4, size=n_rows),
        }
    )


def with_gaps(table, share=0.25, seed=1):
    return table.mask(np.random.default_rng(seed).random(table.shape) < share)


def fitted(table, **parameters):
    options = {"n_components": 3, "n_iter": 4, "random_state": 0} | parameters
    return MixedRBM(**options).fit(table)


class Table:
    """What a fitted MixedRBM says of rows, summed over its hidden states.

    All that is used is its published parameters and E = sum over real columns of ((v - b)^2 - 2 v W
    h) / (2 s) - sum over the units of the other columns that are on of (b + W h) - c h. Of what is
    missing, W h takes the means of the data as training has followed them, standardised.
    """

    def __init__(self, rbm):
        self.rbm = rbm
        self.h = all_states(len(rbm.components_))
        self.units = list(rbm.unit_names_)

    def unit(self, name, value):
        """Number of the unit that is on for a value of a column; None where there is none."""
        return self.units.index(f"{name}_{value}") if f"{name}_{value}" in self.units else None

    def input_of_means(self, name):
        """What a missing column adds to -E, for each hidden state."""
        rbm = self.rbm
        means = (rbm.mean_ + rbm.scale_ * rbm._means[0]) / rbm.variances_
        of_column = [unit == name or unit.startswith(f"{name}_") for unit in self.units]
        return self.h @ rbm.components_[:, of_column] @ means[of_column]

    def log_mass(self, row):
        """-E of the known columns of a row, for each hidden state."""
        rbm, names = self.rbm, self.rbm.feature_names_in_
        out = self.h @ rbm.intercept_hidden_
        for name, value, categories in zip(names, row, rbm.categories_, strict=True):
            k = self.units.index(name) if categories is None else self.unit(name, value)
            if pd.isna(value):
                out = out + self.input_of_means(name)
                continue
            if categories is None:
                b, s = rbm.intercept_visible_[k], rbm.variances_[k]
                out = out - ((value - b) ** 2 - 2 * value * self.h @ rbm.components_[:, k]) / 2 / s
            elif k is not None:
                out = out + rbm.intercept_visible_[k] + self.h @ rbm.components_[:, k]
        return out

    def log_integral(self, row, real):
        """The log of the sum over hidden states and of the integral over missing real columns."""
        rbm, out = self.rbm, self.log_mass(row)
        for name in real:
            k = self.units.index(name)
            b, s, moved = rbm.intercept_visible_[k], rbm.variances_[k], self.h @ rbm.components_
            mean, out = b + moved[:, k], out - self.input_of_means(name)
            out = out + (mean**2 - b**2) / (2 * s) + 0.5 * np.log(2 * np.pi * s)
        return logsumexp(out)

    def conditional(self, row, number, values=None):
        """p(column = each of its categories, or of some values | the known others)."""
        name, categories = self.rbm.feature_names_in_[number], self.rbm.categories_[number]
        asked = categories if categories is not None else values
        rows = [[*row[:number], value, *row[number + 1 :]] for value in asked]
        log_masses = np.array([logsumexp(self.log_mass(each)) for each in rows])
        if categories is None:
            without = [*row[:number], NAN, *row[number + 1 :]]
            return np.exp(log_masses - self.log_integral(without, [name]))
        return np.exp(log_masses - logsumexp(log_masses))

    def log_partition(self):
        names = self.rbm.feature_names_in_
        choices = [c if c is not None else [NAN] for c in self.rbm.categories_]
        real = [n for n, c in zip(names, self.rbm.categories_, strict=True) if c is None]
        return logsumexp([self.log_integral(row, real) for row in itertools.product(*choices)])


# Exact by enumeration --------------------------------------------------------


@pytest.mark.parametrize("gaps", [False, True])
def test_conditionals_of_every_column(gaps):
    table = make_table()
    table = with_gaps(table) if gaps else table
    rbm, rows = fitted(table), table[:12]
    exact = Table(rbm)
    for number, (name, categories) in enumerate(zip(rows, rbm.categories_, strict=True)):
        values = None if categories is not None else table[name].mean() + np.array([0, 3, -20])
        found = rbm.conditional_proba(rows, name, values)
        expected = [exact.conditional([*row], number, values) for row in rows.to_numpy(object)]
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        np.testing.assert_array_equal(found, rbm.conditional_proba(rows, number, values))
        if categories is not None:
            np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("gaps", [False, True])
def test_score_samples_is_the_sum_of_the_log_conditionals(gaps):
    table = make_table()
    table = with_gaps(table) if gaps else table
    rbm = fitted(table)
    exact, expected = Table(rbm), []
    for row in table[:12].to_numpy(object):
        total = 0.0
        for number, (value, categories) in enumerate(zip(row, rbm.categories_, strict=True)):
            if pd.isna(value):
                continue
            p = exact.conditional([*row], number, [value])
            total += np.log(p[0 if categories is None else categories.index(value)])
        expected.append(total)
    np.testing.assert_allclose(rbm.score_samples(table[:12]), expected, rtol=1e-7)


def test_log_likelihood():
    table = make_table()
    rbm = fitted(table)
    exact = Table(rbm)
    expected = [logsumexp(exact.log_mass(row)) for row in table[:9].to_numpy(object)]
    assert rbm.log_partition("exact").estimate != 0
    found = rbm.log_likelihood(table[:9])
    np.testing.assert_allclose(found, np.array(expected) - exact.log_partition(), rtol=1e-9)


def test_annealing_bounds_the_log_likelihood():
    rbm = fitted(make_table())
    exact = rbm.log_partition("exact").estimate
    annealed = rbm.log_partition("ais", n_temperatures=500, random_state=0)
    assert abs(annealed.estimate - exact) < 0.1


def test_samples_have_the_exact_marginals():
    rbm = fitted(make_table(), n_iter=40)
    exact, n = Table(rbm), 20_000
    samples = rbm.sample(n, random_state=0)
    log_z, names = exact.log_partition(), list(rbm.feature_names_in_)
    for number in (1, 2, 4):
        for category in rbm.categories_[number]:
            choices = [c if c is not None else [NAN] for c in rbm.categories_]
            choices[number] = [category]
            rows = itertools.product(*choices)
            log_mass = logsumexp([exact.log_integral(r, ["height", "income"]) for r in rows])
            p = np.exp(log_mass - log_z)
            share = (samples[names[number]] == category).mean()
            assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / n)


def test_a_table_of_real_columns_alone_is_a_gaussian_rbm():
    X = np.random.default_rng(0).normal([3, 100, -2], [1, 20, 0.1], size=(80, 3))
    parameters = {"n_components": 4, "n_iter": 3, "centered": False, "random_state": 0}
    mixed, gaussian = (RBM(**parameters).fit(X) for RBM in (MixedRBM, GaussianRBM))
    np.testing.assert_allclose(mixed.components_, gaussian.components_, rtol=1e-9)
    np.testing.assert_allclose(mixed.variances_, gaussian.variances_, rtol=1e-9)
    np.testing.assert_allclose(mixed.score_samples(X), gaussian.score_samples(X), rtol=1e-9)
    np.testing.assert_allclose(
        mixed.sample(5, random_state=0), gaussian.sample(5, random_state=0), rtol=1e-9
    )


def test_learns_what_one_column_says_of_another():
    table = make_table(400)
    rbm = fitted(table, n_components=8, n_iter=60)
    is_male = rbm.conditional_proba(table, "sex")[:, 1]
    assert ((is_male > 0.5) == (table["sex"] == "m")).mean() > 0.85
    samples = rbm.sample(4000, n_steps=300, random_state=0)
    heights = samples.groupby("sex")["height"].mean()
    assert 7 < heights["m"] - heights["f"] < 15
    # No woman has fir, and no man oak.
    woods = pd.crosstab(samples["sex"], samples["wood"], normalize="index")
    assert woods.loc["f", "fir"] < 0.15
    assert woods.loc["m", "oak"] < 0.15


# Tables in and out -----------------------------------------------------------


def test_pandas_in_and_out():
    table = make_table()
    rbm = fitted(table)
    for out in (rbm.sample(7, random_state=0), rbm.gibbs(table[5:12], random_state=0)):
        assert list(out) == list(table)
        assert (out.dtypes == table.dtypes).all()
        assert len(out) == 7
        assert out["children"].isin(range(4)).all()
    assert rbm.inverse_transform(rbm.transform(table)).shape == table.shape


def test_polars_in_and_out():
    table = pl.DataFrame({name: make_table()[name].to_list() for name in make_table()})
    rbm = fitted(table)
    out = rbm.sample(7, random_state=0)
    assert out.schema == table.schema
    gappy = table.with_columns(
        height=pl.when(pl.col("sex") == "f").then(None).otherwise(pl.col("height")),
        children=pl.when(pl.col("height") > 180).then(None).otherwise(pl.col("children")),
    )
    filled = fitted(gappy).impute(gappy, random_state=0)
    assert filled.schema == table.schema
    assert filled.null_count().sum_horizontal().item() == 0
    # The same numbers as from the same table in pandas.
    in_pandas = make_table().astype({"wood": str})
    np.testing.assert_array_equal(rbm.transform(table), fitted(in_pandas).transform(in_pandas))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, object])
def test_arrays_in_and_out(dtype):
    X = np.random.default_rng(0).integers(0, 40, size=(60, 3)).astype(dtype)
    X[:, 0] = X[:, 0] > 20
    rbm = fitted(X)
    assert rbm.categories_ == [[0, 1], None, None]
    for out in (rbm.sample(4, random_state=0), rbm.gibbs(X, random_state=0), rbm.impute(X)):
        assert isinstance(out, np.ndarray)
        assert out.dtype == dtype
    np.testing.assert_array_equal(rbm.impute(X), X)
    assert rbm.transform(X).dtype == (np.float32 if dtype is np.float32 else np.float64)


def test_lists_of_texts_and_numbers():
    rows = [["a", 1.5], ["b", 2.5], ["c", 0.0], ["a", None]]
    rbm = fitted(rows)
    assert rbm.categories_ == [["a", "b", "c"], None]
    out = rbm.impute(rows, random_state=0)
    assert [list(row) for row in out[:3]] == rows[:3]
    assert np.isfinite(out[3, 1])


def test_what_is_known_stays_and_the_index_too():
    table = make_table()
    table.index = range(1000, 1000 + len(table))
    gappy = with_gaps(table)
    gappy["wood"] = gappy["wood"].astype(table["wood"].dtype)
    filled = fitted(gappy).impute(gappy, random_state=0)
    pd.testing.assert_frame_equal(filled.where(gappy.notna()), gappy, check_dtype=False)
    assert filled.notna().all(axis=None)
    assert filled.index.equals(table.index)
    assert filled["wood"].dtype == table["wood"].dtype


def test_clamped_columns_keep_their_values():
    table = make_table()
    rbm = fitted(table)
    clamp = table.columns.isin(["wood", "height"])
    out = rbm.sample(init=table[:30], clamp=clamp, n_steps=5, random_state=0)
    assert (out["wood"].to_numpy() == table["wood"][:30].to_numpy()).all()
    np.testing.assert_allclose(out["height"], table["height"][:30])
    assert not (out["sex"].to_numpy() == table["sex"][:30].to_numpy()).all()
    with pytest.raises(ValueError, match="init has missing entries"):
        rbm.sample(init=with_gaps(table))


@pytest.mark.parametrize(
    ("values", "kind", "categories"),
    [
        ([0, 1, 1, 0] * 10, "binary", [0, 1]),
        ([0.5, 7.0, NAN, 0.5] * 10, "binary", [0.5, 7.0]),
        ([1, 2, 3, 2] * 10, "choice", [1, 2, 3]),
        ([1.0, 2.0, NAN, 5.0] * 10, "choice", [1.0, 2.0, 5.0]),
        ([1, 2, 3, 4], "real", None),  # too few rows for four categories
        ([1.5, 2.0, 3.0, 2.0] * 10, "real", None),
        (list(range(40)), "real", None),
        ([3.0] * 40, "real", None),
        ([True, True] * 20, "binary", [False, True]),
        (["b", "a", "c", None] * 10, "choice", ["a", "b", "c"]),
        (["b", 1, "a", 2] * 10, "choice", [1, 2, "a", "b"]),
        (["a"] * 40, "choice", ["a"]),
    ],
)
def test_what_a_column_is(values, kind, categories):
    column = TableEncoder(np.array(values, dtype=object)[:, None], "auto", "name").columns[0]
    assert (column.kind, column.categories) == (kind, categories)


def test_whole_numbers_are_categories_unless_only_what_is_declared_counts():
    X = np.array([[1, 0], [2, 1], [3, 0], [2, 1]] * 10)
    assert fitted(X).categories_ == [[1, 2, 3], [0, 1]]
    assert fitted(X, categories="declared").categories_ == [None, [0, 1]]
    assert fitted(X, categories={0: [3, 2, 1, 0]}).categories_ == [[3, 2, 1, 0], [0, 1]]
    assert fitted(X, categories={1: None}).categories_ == [[1, 2, 3], None]


def test_encoding_and_back_is_the_table():
    table = with_gaps(make_table())
    encoder = TableEncoder(table, "auto", "name")
    states = encoder.encode(table, np.float64)
    assert encoder.n_units == states.shape[1] == 1 + 3 + 4 + 2
    for number, place in enumerate(encoder.places):
        is_missing = table.iloc[:, number].isna().to_numpy()
        assert (np.isnan(states[:, place]).all(axis=1) == is_missing).all()
    whole = make_table()
    encoder = TableEncoder(whole, "auto", "name")
    pd.testing.assert_frame_equal(encoder.decode(encoder.encode(whole, np.float64)), whole)


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, pl.DataFrame])
def test_an_encoder_does_not_keep_the_rows(make):
    X = np.random.default_rng(0).normal(size=(2000, 3))
    assert len(pickle.dumps(TableEncoder(make(X), "auto", "name"))) < 5000
    if make is np.asarray:
        rbm = fitted(X, n_iter=0)
        held = [v for v in vars(rbm.encoder_).values() if isinstance(v, np.ndarray)]
        assert all(array.base is None for array in held)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("gap", [False, True])
def test_whole_numbers_stay_in_the_range_of_their_type(make, gap):
    rng = np.random.default_rng(0)
    counts = [None if gap else 3, *rng.poisson(2, 199).tolist()]
    dtype = pl.UInt8 if make is pl.DataFrame else "UInt8" if gap else np.uint8
    of_counts = (pl.Series if make is pl.DataFrame else pd.Series)(counts, dtype=dtype)
    rbm = fitted(make({"n": of_counts, "x": rng.normal(size=200)}), categories={"n": None})
    drawn = rbm.sample(500, random_state=0)["n"]
    assert drawn.dtype == of_counts.dtype
    values = drawn.to_numpy().astype(float)
    assert set(np.unique(values)) == set(range(int(values.max()) + 1))


def test_whole_numbers_among_objects_and_large_ones_stay_what_they_are():
    large = 2**53 + 1
    X = np.array([[n, "abc"[n % 3]] for n in range(59)] + [[large, "a"]], dtype=object)
    rbm = fitted(X)
    assert {type(value) for value in rbm.sample(9, random_state=0)[:, 0]} == {int}
    assert rbm.impute(X)[-1, 0] == large
    frame = pd.DataFrame({"n": [*range(59), large], "x": np.arange(60.0)})
    assert fitted(frame).impute(frame)["n"][59] == large


def test_arrays_of_texts_have_room_for_all_categories():
    X = np.array([["oak", "a"], ["maple", "b"], ["maple", "c"]] * 10)
    rbm = fitted(X, missing_values="?")
    filled = rbm.impute(np.array([["?", "b"]] * 20), random_state=0)
    assert set(filled[:, 0]) <= {"oak", "maple"}


def test_the_mark_of_pandas():
    table = pd.DataFrame({"a": [1.5, 2.5, pd.NA, 4.5] * 10, "b": ["x", pd.NA, "y", "z"] * 10})
    for X in (table, table.to_numpy(object)):
        for mark in (pd.NA, NAN, None):
            filled = pd.DataFrame(fitted(X, missing_values=mark).impute(X, random_state=0))
            assert filled.notna().all(axis=None)


def test_the_warning_of_empty_columns_names_them():
    table = make_table().assign(empty=NAN)[["empty", "height", "wood"]]
    with pytest.warns(UserWarning, match=r"any known value.*columns \['empty'\]"):
        fitted(table)


def test_missing_values_may_be_any_value():
    table = make_table().astype({"wood": str})
    by_nan = table.assign(sex=table["sex"].where(table["height"] < 175))
    by_mark = by_nan.assign(sex=by_nan["sex"].fillna("?"))
    expected, found = fitted(by_nan), fitted(by_mark, missing_values="?")
    assert found.categories_ == expected.categories_
    np.testing.assert_array_equal(found.components_, expected.components_)
    assert set(found.impute(by_mark, random_state=0)["sex"]) == {"f", "m"}


def test_the_unit_of_a_column_does_not_matter():
    table = make_table()
    larger = table.assign(height=1000 * table["height"] + 7)
    np.testing.assert_allclose(
        fitted(table).transform(table), fitted(larger).transform(larger), rtol=1e-6
    )


# Training in parts, and errors -----------------------------------------------


def test_partial_fit_keeps_the_categories_of_the_first_call():
    table = make_table()
    rbm = MixedRBM(3, random_state=0).partial_fit(table)
    few = table[table["sex"] == "f"][:10]
    assert rbm.partial_fit(few).categories_[2] == ["f", "m"]
    with pytest.raises(ValueError, match="unknown categories"):
        rbm.partial_fit(few.assign(sex="x"))
    assert rbm.transform(few).shape == (10, 3)


def test_unknown_categories():
    table = make_table()
    new = table[:5].assign(sex=["x", "f", "y", "m", "x"])
    rbm = fitted(table)
    with pytest.raises(ValueError, match=r"\['x', 'y'\].*'sex'.*None.*handle_unknown='missing'"):
        rbm.transform(new)
    rbm.set_params(handle_unknown="missing")
    as_missing = new.assign(sex=new["sex"].where(new["sex"].isin(["f", "m"])))
    np.testing.assert_array_equal(rbm.transform(new), rbm.transform(as_missing))
    filled = [rbm.impute(rows, random_state=0) for rows in (new, as_missing)]
    pd.testing.assert_frame_equal(*filled)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": "tall"}, "'height' was numeric .* 'tall'"),
        ({"height": np.inf}, "infinity, in column 'height'"),
    ],
)
def test_no_numbers(change, message):
    rbm, table = fitted(make_table()), make_table()
    with pytest.raises(ValueError, match=message):
        rbm.transform(table.astype({"height": object}).assign(**change))


@pytest.mark.parametrize(
    ("table", "parameters", "message"),
    [
        ({"day": pd.date_range("2020", periods=9)}, {}, "'day' has values of the dtype datetime64"),
        (
            {"day": [date(2020, 1, 1 + k) for k in range(9)]},
            {},
            "'day' has values of the type date",
        ),
        ({"day": pd.period_range("2020", periods=9)}, {}, "'day' has values of the type Period"),
        ({"a": [[1, 2]] * 9}, {}, "'a' has values of the type list"),
        ({"a": np.arange(9) * 1j}, {}, "'a' has values of the dtype complex128"),
        ({"id": 2**62 + np.arange(99)}, {}, r"'id' has whole numbers beyond 2\*\*53"),
        ({"a": [None] * 9, "b": range(9)}, {"categories": {"a": []}}, "no known value"),
        ({"a": range(9)}, {"categories": {"b": None}}, "names a column, 'b'"),
        ({"a": range(9)}, {"categories": "few"}, "'categories' parameter"),
        ({"a": range(9)}, {"handle_unknown": "ignore"}, "'handle_unknown' parameter"),
        ({"a": range(0)}, {}, r"0 sample\(s\)"),
        (pd.DataFrame(index=range(9)), {}, r"0 feature\(s\)"),
        (pd.DataFrame(np.eye(9, 2), columns=["a", "a"]), {}, "columns with different names"),
    ],
)
def test_errors_of_fit(table, parameters, message):
    with pytest.raises(ValueError, match=message):
        fitted(pd.DataFrame(table), **parameters)


def test_a_lazy_frame_has_to_be_collected():
    with pytest.raises(TypeError, match=r"LazyFrame. Pass X.collect\(\)"):
        MixedRBM().fit(pl.LazyFrame({"a": [1.0, 2.0]}))


@pytest.mark.parametrize("categories", ["auto", "declared"])
def test_a_number_that_is_rare_is_no_category(categories):
    # New rows have further values, as pixels at the border of an image.
    X = np.c_[np.r_[np.zeros(60), np.ones(4)], np.arange(64) % 2, np.arange(64) % 2 / 7]
    rbm = MixedRBM(2, n_iter=1, categories=categories, random_state=0).fit(X)
    assert rbm.categories_ == [None, [0, 1], [0, 1 / 7]]
    assert np.isfinite(rbm.transform([[2.0, 1, 0]])).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["weight"], "no column 'weight'"),
        ([5], "no column 5"),
        (["height"], "needs 'values', the points"),
        (["sex", [0.0]], "real numbers only; 'sex' is binary"),
    ],
)
def test_errors_of_conditional_proba(arguments, message):
    rbm, table = fitted(make_table()), make_table()
    with pytest.raises(ValueError, match=message):
        rbm.conditional_proba(table, *arguments)


def test_densities_integrate_to_one():
    table = make_table()
    rbm, values = fitted(table, n_iter=30), np.linspace(50, 300, 5001)
    density = rbm.conditional_proba(table[:6], "height", values)
    np.testing.assert_allclose(np.trapezoid(density, values, axis=1), 1, rtol=1e-6)


def test_a_clone_fits_the_same():
    table = with_gaps(make_table())
    rbm = fitted(table)
    np.testing.assert_array_equal(clone(rbm).fit(table).components_, rbm.components_)
