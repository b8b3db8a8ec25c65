"""Descriptions of parameters and attributes that several classes share.

In the docstring of a class, below "Parameters" or "Attributes", a line that contains only names is
replaced by the descriptions of these names when the module is imported. ``help``, the documentation
and doctests see the whole docstring. In the source, the descriptions are in the tables that are
passed to the decorator :func:`with_texts` of the class.
"""

import inspect
import re

_SECTION = re.compile(
    r"^(?P<title>(?:Parameters|Attributes)\n-+\n)(?P<entries>.*?\n)(?=\n[\w ]+\n-+\n|\Z)",
    re.MULTILINE | re.DOTALL,
)
_LINES_OF_NAMES = re.compile(r"^(?:\w+(?:, \w+)*,?\n)+", re.MULTILINE)


def texts(source):
    """Parse a section of a numpydoc docstring into a dict from each name to its entry.

    Parameters are written without defaults, which are taken from the constructor of each class.
    Names that share an entry must be listed together wherever it is used.
    """
    table = {}
    for entry in re.split(r"\n(?=\S)", inspect.cleandoc(source)):
        table |= dict.fromkeys(_names_of(entry), entry)
    return table


def with_texts(*tables):
    """Decorator that inserts descriptions into a docstring; later tables override earlier ones."""
    table = {name: entry for each in (COMMON, *tables) for name, entry in each.items()}

    def fill(cls):
        if cls.__doc__ is not None:  # ``python -OO`` keeps no docstrings
            cls.__doc__ = _filled(cls.__doc__, table, _defaults(cls))
        return cls

    return fill


def _filled(docstring, table, defaults):
    def texts_of(lines):
        entries = dict.fromkeys(table[name] for name in re.findall(r"\w+", lines[0]))
        return "".join(_with_default(entry, defaults) + "\n" for entry in entries)

    def filled(section):
        return section["title"] + _LINES_OF_NAMES.sub(texts_of, section["entries"])

    return _SECTION.sub(filled, inspect.cleandoc(docstring) + "\n")


def _names_of(entry):
    return entry.partition(" : ")[0].split(", ")


def _defaults(cls):
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name: _written(p.default) for p in parameters if p.default is not p.empty}


def _written(value):
    """A default as it is written in the source."""
    return "np.nan" if value != value else repr(value).replace("'", '"')


def _with_default(entry, defaults):
    """An entry with the defaults of its parameters; that of an attribute is unchanged."""
    heading, *text = entry.split("\n")
    found = [defaults[name] for name in _names_of(entry) if name in defaults]
    if found:
        heading += f", default={', '.join(found)}"
    return "\n".join([heading, *text])


# Shared by all estimators.
COMMON = texts("""
    n_features_in_ : int
        Number of features seen during ``fit``.
    n_features_out_ : int
        Number of features that ``transform`` returns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, if all of them are strings.
    """)
