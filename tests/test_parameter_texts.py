"""Texts that several classes share are filled into the docstrings of these classes."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

from skebm._parameter_texts import texts, with_texts

TABLE = texts("""
    alpha : float or {"a", "b"}
        Strength,
        of something.
    beta, gamma : float
        Two in one entry.
    coef_ : ndarray
        Weights.
    """)


class Described:
    """A class.

    Parameters
    ----------
    first : int
        A text of its own.
    alpha, beta,
    gamma, last

    Attributes
    ----------
    coef_, n_features_in_

    Notes
    -----
    alpha, beta
    """

    def __init__(self, first, *, alpha="a", beta=1.5, gamma=None, last=np.nan):
        pass


FILLED = """
A class.

Parameters
----------
first : int
    A text of its own.
alpha : str, default="a"
    The text of the last table.
beta, gamma : float, default=1.5, None
    Two in one entry.
last : float, default=np.nan
    Missing.

Attributes
----------
coef_ : ndarray
    Weights.
n_features_in_ : int
    Number of features seen during ``fit``.

Notes
-----
alpha, beta
"""


def test_lines_of_names_become_texts_with_the_defaults_of_the_class():
    last = texts("""
        last : float
            Missing.
        alpha : str
            The text of the last table.
        """)
    cls = type("Other", (Described,), {"__doc__": Described.__doc__})
    assert with_texts(TABLE, last)(cls) is cls
    assert cls.__doc__.strip() == FILLED.strip()
    # As the compiler of Python 3.13 keeps it, without the indentation.
    cls.__doc__ = inspect.cleandoc(Described.__doc__)
    assert with_texts(TABLE, last)(cls).__doc__.strip() == FILLED.strip()


def test_a_section_at_the_end_is_filled():
    class Short:
        """A class.

        Attributes
        ----------
        coef_
        """

    assert with_texts(TABLE)(Short).__doc__.endswith("coef_ : ndarray\n    Weights.\n")


def test_a_name_without_a_text_is_an_error():
    with pytest.raises(KeyError, match="last"):
        with_texts(TABLE)(type("Other", (Described,), {"__doc__": Described.__doc__}))


def test_without_docstrings_the_package_can_be_imported():
    code = "import skebm; print(skebm.DBNClassifier.__doc__, skebm.DBNClassifier(7))"
    command = [sys.executable, "-OO", "-c", code]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.startswith("None DBNClassifier(")
