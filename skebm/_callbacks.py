"""scikit-learn's callbacks, which need version 1.9; with older versions nothing is called."""

from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from ._validation import all_or_nothing

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:

    class _SilentContext:
        """Has the methods of a callback context, which do nothing."""

        def subcontext(self, **_):
            return self

        def call_on_fit_task_begin(self, **_):
            return self

        def call_on_fit_task_end(self, **_):
            return False

        def propagate_callback_context(self, _):
            return nullcontext()

    class _WithoutCallbacks:
        """Stands in for ``sklearn.callback.CallbackSupportMixin``."""

        def _init_callback_context(self, **_):
            return _SilentContext()

    CallbackSupportMixin = _WithoutCallbacks

    def _with_callbacks(method):
        return method


_Method = TypeVar("_Method", bound=Callable[..., Any])


def with_callbacks(method: _Method) -> _Method:
    """Apply ``sklearn.callback.with_callbacks`` to a method, without changing its static type."""
    return _with_callbacks(method)


@contextmanager
def fitting(estimator, progress, X, y):
    """Context manager for fitting: the estimator is unchanged if the block raises an exception.

    Callbacks are called through ``progress``, their context. Yields what
    :func:`~skebm._validation.all_or_nothing` yields.
    """
    progress.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    with all_or_nothing(estimator) as commit:
        yield commit
    progress.call_on_fit_task_end(estimator=estimator, X=X, y=y)


def tasks(estimator, progress, name, most, training):
    """Iterate over the parts of a training, such as epochs; each is a task for callbacks.

    Parameters
    ----------
    estimator : estimator
    progress : callback context
    name : str
        Name of a part.
    most : int
        Largest number of parts.
    training : object
        Its attribute ``is_over`` ends the iteration, as does a callback that requests a stop.

    Yields
    ------
    number : int
        Index of the part, counted from 0.
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
