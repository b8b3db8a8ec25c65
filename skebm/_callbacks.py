"""scikit-learn's callbacks where scikit-learn has them (1.9 and later), silence elsewhere."""

from contextlib import nullcontext

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
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

    def with_callbacks(method):
        """Stand in for ``sklearn.callback.with_callbacks``."""
        return method


__all__ = ["CallbackSupportMixin", "with_callbacks"]
