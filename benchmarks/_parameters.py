"""Parameters of an estimator from the command line."""

import ast


def parameters(pairs):
    """From words like ``name=value``, numbers and sequences as such: {name: value}."""
    split = (pair.split("=", maxsplit=1) for pair in pairs)
    return {name: _literal(value) for name, value in split}


def _literal(text):
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
