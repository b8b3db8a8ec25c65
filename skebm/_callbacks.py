"""scikit-learn's callbacks where scikit-learn has them (1.9 and later), silence elsewhere."""

from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from ._validation import all_or_nothing

_Method = TypeVar("_Method", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:

    class _SilentContext:
        """Takes the calls that a callback context takes and does nothing."""

        def subcontext(self, **_):
            return self

        def call_on_fit_task_begin(self, **_):
            return self

        def call_on_fit_task_end(self, **_):
            return False

        def propagate_callback_context(self, _):
            return nullcontext()

    class CallbackSupportMixin:
        """Stands in for ``sklearn.callback.CallbackSupportMixin``."""

        def _init_callback_context(self, **_):
            return _SilentContext()

    def _with_callbacks(method):
        return method


_Method = TypeVar("_Method", bound=Callable[..., Any])


def with_callbacks(method: _Method) -> _Method:
    """What ``sklearn.callback.with_callbacks`` makes of a method, which keeps its types."""
    return _with_callbacks(method)


@contextmanager
def fitting(estimator, progress, X, y):
    """While the block runs, have ``estimator`` fitted to ``X`` and ``y``: by all of it, or not.

    Callbacks are told by ``progress``, their context. Yields what
    :func:`~skebm._validation.all_or_nothing` yields.
    """
    progress.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    with all_or_nothing(estimator) as commit:
        yield commit
    progress.call_on_fit_task_end(estimator=estimator, X=X, y=y)


def tasks(estimator, progress, name, most, training):
    """Go through the parts of a training, such as epochs, each of which is a task for callbacks.

    Parameters
    ----------
    estimator : estimator
    progress : callback context
    name : str
        What a part is called.
    most : int
        How many there may be.
    training : object
        There are no more where its ``is_over`` is true, nor where a callback wants training to end.

    Yields
    ------
    number : int
        That of the part, counted from 0.
    """
    for number in range(most):
        if training.is_over:
            return
        task = progress.subcontext(task_name=name)
        task.call_on_fit_task_begin(estimator=estimator)
        yield number
        if task.call_on_fit_task_end(estimator=estimator):
            return


__all__ = ["CallbackSupportMixin", "fitting", "tasks", "with_callbacks"]
