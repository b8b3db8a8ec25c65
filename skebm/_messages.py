"""Which estimator is named in errors, warnings and reports of an estimator inside another one.

The user has called the outer estimator, and knows its name and its parameters. The outer one sets
the name around a call of the inner one, which then asks here.
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
        Prefix of the names of parameters.
    layer : str
        Text before the name, which says which part of the estimator is meant; may be empty.
    report : callable or None
        Called with (epoch, measured) after each epoch, counted from 1. None: the inner estimator
        reports by itself.
    warnings_of_owner : tuple of str
        Warnings that the inner estimator leaves out, because the one that the user called gives
        them: "data", "dead units", or both.
    """

    estimator: str
    prefix: str = ""
    layer: str = ""
    report: Callable | None = None
    warnings_of_owner: tuple = ()


# The inner estimator, and how it is named. It holds for this estimator only, since a callback may
# train another one in the meantime.
_SPEAKER = ContextVar("speaker", default=(None, None))


@contextmanager
def messages_of(owner, part, *, prefix="", layer=1, report=None, warnings_of_owner=()):
    """Within this context, messages of an inner estimator name the one that the user called.

    Parameters
    ----------
    owner : estimator
        The outer estimator, which the user called.
    part : estimator
        The inner one.
    prefix : str
        Prefix that the outer estimator gives to the parameters of the inner one.
    layer : int
        Number of the hidden layer of the owner that is trained, counted from 1.
    report : callable, default=None
        Called with (epoch, measured) after each epoch, counted from 1, instead of the report of the
        inner estimator.
    warnings_of_owner : tuple of str, default=()
        Warnings that the owner gives itself, see :class:`Messages`.
    """
    name = type(owner).__name__
    messages = Messages(name, prefix, f"layer {layer} of ", report, warnings_of_owner)
    token = _SPEAKER.set((part, messages))
    try:
        yield
    finally:
        _SPEAKER.reset(token)


def messages_for(estimator):
    """How messages name an estimator: by its class, or by the outer estimator that called it."""
    part, messages = _SPEAKER.get()
    return messages if part is estimator else Messages(type(estimator).__name__)
