"""In whose name an estimator speaks that is a part of another one: errors, warnings, reports.

The user has called the whole, and knows its name and its parameters; of its parts only the whole
needs to know. It says so around a call of the part, which then asks here.
"""

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Messages:
    """How an estimator is named in its messages, and where its reports go.

    Attributes
    ----------
    estimator : str
        Name of the estimator that the user called.
    prefix : str
        What stands before the name of a parameter in the names of that estimator's.
    layer : str
        Which part of it is meant, to stand before its name; empty for the whole.
    report : callable or None
        To be called with (epoch, measured) after each epoch, counted from 1; None leaves it to the
        part what it reports.
    left_to_whole : tuple of str
        What the part does not warn of, since the whole does: "data", "dead units", or both.
    """

    estimator: str
    prefix: str = ""
    layer: str = ""
    report: Callable | None = None
    left_to_whole: tuple = ()


# The part that speaks in the name of another, and how. It holds for this part only, since a
# callback may train another estimator meanwhile.
_SPEAKER = ContextVar("speaker", default=(None, None))


@contextmanager
def messages_of(owner, part, *, prefix="", layer=1, report=None, left_to_whole=()):
    """While the block runs, have the messages of a part name the estimator that the user called.

    Parameters
    ----------
    owner : estimator
        Whom the part belongs to.
    part : estimator
    prefix : str
        What stands before the name of a parameter of the part in the names of the owner's.
    layer : int
        Which of the owner's hidden layers the part is, counted from 1.
    report : callable, default=None
        Takes (epoch, measured) after each epoch, counted from 1, in place of the part's own report.
    left_to_whole : tuple of str, default=()
        What the owner warns of itself, see :class:`Messages`.
    """
    name = type(owner).__name__
    messages = Messages(name, prefix, f"layer {layer} of ", report, left_to_whole)
    token = _SPEAKER.set((part, messages))
    try:
        yield
    finally:
        _SPEAKER.reset(token)


def messages_for(estimator):
    """How an estimator is to be named in messages: as itself, or as the whole that has said so."""
    part, messages = _SPEAKER.get()
    return messages if part is estimator else Messages(type(estimator).__name__)
