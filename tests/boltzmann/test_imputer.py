"""RBMImputer: what is missing is filled in, and nothing else is changed."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skebm import MixedRBM, RBMImputer

QUICK = {"n_rounds": 1, "n_steps": 10, "random_state": 0}


def quick(**parameters):
    return RBMImputer(MixedRBM(4, n_iter=2), **(QUICK | parameters))


def make_numbers(n_rows=150, seed=0):
    """Six columns of which two numbers say most, and what is missing of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, 6)) * [1, 10, 1, 1, 100, 1] + 3
    X += 0.2 * X.std(axis=0) * rng.normal(size=X.shape)
    return X, rng.random(X.shape) < 0.2


def gappy_numbers():
    X, is_missing = make_numbers()
    return np.where(is_missing, np.nan, X)


def make_frame(n_rows=150, seed=0):
    rng = np.random.default_rng(seed)
    kind = rng.integers(3, size=n_rows)
    whole = pd.DataFrame(
        {
            "kind": np.array(["a", "b", "c"])[kind],
            "size": 5.0 * kind + rng.normal(size=n_rows),
            "age": rng.integers(20, 70, size=n_rows),
            "rare": np.array(["no", "yes"])[(kind == 2).astype(int)],
        },
        index=range(500, 500 + n_rows),
    )
    is_missing = rng.random(whole.shape) < 0.2
    is_missing[:, 2] = False
    return whole, is_missing


@pytest.fixture(scope="module")
def filled_numbers():
    """What is expected for ``make_numbers()``, by an imputer as it comes."""
    return RBMImputer(random_state=0).fit_transform(gappy_numbers())


def test_numbers_are_nearer_than_means_and_neighbours(filled_numbers):
    X, is_missing = make_numbers()
    gappy = gappy_numbers()
    filled = {
        "RBM": filled_numbers,
        "KNN": KNNImputer().fit_transform(gappy),
        "mean": np.where(is_missing, np.nanmean(gappy, axis=0), X),
    }
    error = {
        name: np.sqrt(np.mean(np.square((Y - X) / X.std(axis=0))[is_missing]))
        for name, Y in filled.items()
    }
    assert error["RBM"] < 0.9 * error["KNN"] < 0.9 * error["mean"]
    np.testing.assert_array_equal(filled["RBM"][~is_missing], X[~is_missing])


def test_categories_follow_from_the_other_columns():
    whole, is_missing = make_frame()
    filled = RBMImputer(random_state=0).fit_transform(whole.mask(is_missing))
    right = (filled == whole).to_numpy()
    assert right[~is_missing].all()
    for column, least in [(0, 0.8), (3, 0.9)]:
        # Where the size is known, which says it all.
        asked = is_missing[:, column] & ~is_missing[:, 1]
        assert right[asked, column].mean() > least


@pytest.mark.parametrize("sample_posterior", [False, True])
def test_frames_in_and_out(sample_posterior):
    whole, is_missing = make_frame()
    gappy = whole.mask(is_missing).astype({"age": whole["age"].dtype})
    options = {"sample_posterior": sample_posterior}
    filled = quick(**options).fit_transform(gappy)
    assert list(filled) == list(whole)
    assert (filled.dtypes == whole.dtypes).all()
    assert filled.index.equals(whole.index)
    assert filled.notna().all(axis=None)

    in_polars = pl.DataFrame(
        {c: gappy[c].astype(object).where(gappy[c].notna(), None).to_list() for c in gappy}
    )
    out = quick(**options).fit_transform(in_polars)
    assert out.schema == in_polars.schema
    assert out.to_dict(as_series=False) == filled.to_dict(orient="list")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_keep_their_dtype(dtype):
    X, is_missing = make_numbers()
    filled = quick().fit_transform(np.where(is_missing, np.nan, X).astype(dtype))
    assert filled.dtype == dtype
    assert np.isfinite(filled).all()


def test_columns_and_names_are_those_of_knn_imputer():
    X, is_missing = make_numbers()
    is_missing[:, 1], is_missing[:, 2] = True, False
    gappy = np.where(is_missing, np.nan, X)
    for empty in (False, True):
        for indicator in (False, True):
            options = {"keep_empty_features": empty, "add_indicator": indicator}
            imputers = quick(**options), KNNImputer(**options)
            ours, theirs = (imputer.fit_transform(gappy) for imputer in imputers)
            assert ours.shape == theirs.shape
            assert np.isfinite(ours).all()
            names = [list(imputer.get_feature_names_out()) for imputer in imputers]
            if empty:  # which KNNImputer does not name
                names[1].insert(1, "x1")
            assert names[0] == names[1]
            if empty:
                assert (ours[:, 1] == 0).all()
            if indicator:
                np.testing.assert_array_equal(ours[:, -5:], theirs[:, -5:])


def test_numbers_may_be_the_names_of_columns():
    X, is_missing = make_numbers()
    is_missing[:, 1], is_missing[:, 2] = True, False
    filled = quick(add_indicator=True).fit_transform(pd.DataFrame(X).mask(is_missing))
    assert list(filled)[:6] == [0, 2, 3, 4, 5, "missingindicator_x0"]


def test_set_output():
    X, is_missing = make_numbers()
    gappy = np.where(is_missing, np.nan, X)
    imputer = quick(add_indicator=True).set_output(transform="pandas")
    filled = imputer.fit_transform(gappy)
    assert list(filled) == list(imputer.get_feature_names_out())
    assert next(iter(filled)) == "x0"
    assert list(filled)[-1] == "missingindicator_x5"


def test_another_mark_of_what_is_missing():
    X, is_missing = make_numbers()
    by_nan = quick().fit_transform(np.where(is_missing, np.nan, X))
    by_mark = quick(missing_values=-999).fit_transform(np.where(is_missing, -999, X))
    np.testing.assert_array_equal(by_nan, by_mark)
    whole, is_missing = make_frame()
    marked = whole.mask(is_missing & (whole.dtypes == "str").to_numpy(), "?")
    assert not (quick(missing_values="?").fit_transform(marked) == "?").any(axis=None)


def test_the_same_each_time_and_for_each_call():
    X, is_missing = make_numbers()
    gappy = np.where(is_missing, np.nan, X)
    imputer = quick().fit(gappy)
    filled = imputer.transform(gappy)
    np.testing.assert_array_equal(imputer.transform(gappy), filled)
    np.testing.assert_array_equal(quick().fit_transform(gappy), filled)
    assert not np.array_equal(quick(random_state=1).fit_transform(gappy), filled)


@pytest.mark.parametrize("sample_posterior", [False, True])
def test_unknown_categories_are_filled_in_where_they_count_as_missing(sample_posterior):
    whole, _ = make_frame()
    machine = MixedRBM(4, n_iter=2, handle_unknown="missing")
    imputer = RBMImputer(machine, sample_posterior=sample_posterior, **QUICK).fit(whole)
    filled = imputer.transform(whole.assign(kind=["q", *whole["kind"][1:]]))
    assert filled["kind"].isin(["a", "b", "c"]).all()
    assert filled[1:].equals(whole[1:])
    with pytest.raises(ValueError, match="unknown categories"):
        quick().fit(whole).transform(whole.assign(kind="q"))


def test_draws_scatter_around_what_is_expected(filled_numbers):
    X, is_missing = make_numbers()
    gappy = gappy_numbers()
    expected = filled_numbers[is_missing]
    imputer = RBMImputer(sample_posterior=True, n_steps=20, random_state=0).fit(gappy)
    draws = np.array([imputer.transform(gappy)[is_missing] for _ in range(40)])
    # The truth is about as far from what is expected as the draws are.
    spread, errors = draws.std(axis=0), np.abs(X[is_missing] - expected)
    assert (np.abs(draws.mean(axis=0) - expected) < spread).mean() > 0.95
    assert (errors < 2 * spread).mean() > 0.7


def test_draws_differ_from_call_to_call_and_are_the_same_after_each_fit():
    gappy = gappy_numbers()
    imputer = quick(sample_posterior=True).fit(gappy)
    draws = [imputer.transform(gappy) for _ in range(2)]
    assert not np.array_equal(*draws)
    again = quick(sample_posterior=True).fit(gappy)
    np.testing.assert_array_equal(again.transform(gappy), draws[0])


def test_rows_without_gaps_come_out_as_they_are():
    X, _ = make_numbers()
    imputer = quick().fit(X)
    np.testing.assert_array_equal(imputer.transform(X), X)


def test_new_rows_and_new_gaps():
    X, is_missing = make_numbers(200)
    is_missing[:150] = False
    imputer = quick().fit(X[:150])
    filled = imputer.transform(np.where(is_missing, np.nan, X)[150:])
    assert np.isfinite(filled).all()


def test_in_a_pipeline():
    X, is_missing = make_numbers()
    y = X[:, 0] > np.median(X[:, 0])
    model = make_pipeline(quick(), LogisticRegression(max_iter=2000))
    assert model.fit(np.where(is_missing, np.nan, X), y).score(X, y) > 0.8


def test_the_machine_is_that_of_the_user():
    X, is_missing = make_numbers()
    gappy = np.where(is_missing, np.nan, X)
    given = MixedRBM(7, n_iter=3, momentum=0.5)
    imputer = RBMImputer(given, **QUICK).fit(gappy)
    assert imputer.estimator_.get_params()["n_components"] == 7
    assert imputer.estimator_.n_iter == 3
    assert not imputer.estimator_.warm_start
    assert not hasattr(given, "components_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"estimator": 3}, "'estimator' parameter"),
        ({"n_rounds": -1}, "'n_rounds' parameter"),
        ({"n_steps": 0}, "'n_steps' parameter"),
        ({"sample_posterior": "yes"}, "'sample_posterior' parameter"),
    ],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(ValueError, match=message):
        RBMImputer(**parameters).fit(make_numbers()[0])


def test_nothing_is_known():
    with pytest.raises(ValueError, match="at least one known entry"):
        quick().fit(np.full((5, 2), np.nan))
