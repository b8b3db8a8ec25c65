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


def with_callbacks(method: _Method) -> _Method:
    """``sklearn.callback.with_callbacks`` where there is that, typed as what it decorates."""
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


__all__ = ["CallbackSupportMixin", "fitting", "with_callbacks"]
