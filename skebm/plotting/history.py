"""Measurements of a training, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from .style import axes_for, check_has, count_in_whole_numbers, next_colour, tidy_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# By default, the first of these that was measured is drawn.
_DEFAULT_METRICS = ("pseudo_likelihood", "loss", "reconstruction_error")

_LABELS = {
    "pseudo_likelihood": "pseudo-log-likelihood, nats per row",
    "free_energy_gap": "free energy gap, nats per row",
    "seconds": "seconds per epoch",
}


class HistoryDisplay:
    """A measurement after each epoch, on training rows and, if there are any, on rows held out.

    Parameters
    ----------
    history : dict of str to sequence of float
        Measurements, such as ``history_`` of an estimator.
    metric : str, default=None
        The measurement to draw. None: the first of "pseudo_likelihood", "loss" and
        "reconstruction_error" that is in the history. If there is also a measurement with this name
        after the prefix ``validation_``, it is drawn too.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The measurement on training rows.
    validation_line_ : matplotlib Line2D or None
        The measurement on rows held out; None if there is none.
    ax_ : matplotlib Axes
        The axes that contain them.
    figure_ : matplotlib Figure
        The figure that contains the axes.

    See Also
    --------
    ModuleErrorDisplay : The errors of the modules of a stacking network.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import BernoulliRBM
    >>> from skebm.plotting import HistoryDisplay
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(20, n_iter=5, early_stopping=True, random_state=0).fit(X)
    >>> display = HistoryDisplay.from_estimator(rbm)
    >>> len(display.line_.get_ydata())
    5
    """

    def __init__(
        self,
        history: Mapping[str, Sequence[float]],
        *,
        metric: str | None = None,
    ) -> None:
        self.history = history
        self.metric = metric

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        metric: str | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with an attribute ``history_``. In a deep belief network this is the
            history of fine-tuning; each of its ``rbms_`` has a separate history.
        metric : str, default=None
            The measurement to draw. None: the first of "pseudo_likelihood", "loss" and
            "reconstruction_error" that is in the history.
        name : str, default=None
            Label of the line in the legend, for several lines in the same axes.
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        line_kw : dict, default=None
            Keyword arguments of ``plot`` for both lines.

        Returns
        -------
        display : HistoryDisplay
            The display, which has been drawn.

        Raises
        ------
        ValueError
            If the estimator has no history, or there is no such measurement.
        """
        others = "It is for models that learn in steps."
        check_has(estimator, "history_", cls.__name__, others)
        return cls(estimator.history_, metric=metric).plot(ax, name=name, line_kw=line_kw)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        name: str | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the measurement.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        name : str, default=None
            Label of the line in the legend, for several lines in the same axes.
        line_kw : dict, default=None
            Keyword arguments of ``plot`` for both lines.

        Returns
        -------
        display : HistoryDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there is no such measurement.
        """
        metric = self._metric()
        held_out = self.history.get(f"validation_{metric}")
        ax = axes_for(self, ax)
        label = name or ("training" if held_out is not None else None)
        options = {"color": next_colour(ax), "label": label}
        self.line_ = self._draw(self.history[metric], options | (line_kw or {}))
        self.validation_line_ = None
        if held_out is not None:
            dashed = {"color": self.line_.get_color(), "linestyle": "--"}
            label = "held out" if name is None else f"{name}, held out"
            self.validation_line_ = self._draw(
                held_out, dashed | (line_kw or {}) | {"label": label}
            )
        tidy_lines(ax)
        count_in_whole_numbers(ax.xaxis)
        # The steps of a stacking network use all rows, those of all its modules in turn.
        step = "step" if "module" in self.history else "epoch"
        ax.set(xlabel=step, ylabel=_LABELS.get(metric, metric.replace("_", " ")))
        if label is not None:
            ax.legend()
        return self

    def _metric(self):
        known = [name for name in _DEFAULT_METRICS if name in self.history]
        metric = known[0] if self.metric is None and known else self.metric
        if metric not in self.history:
            raise ValueError(
                f"The 'metric' parameter of {type(self).__name__} must be one of "
                f"{sorted(self.history)}. Got {self.metric!r} instead."
            )
        return metric

    def _draw(self, values, options):
        (line,) = self.ax_.plot(range(1, len(values) + 1), values, **options)
        return line
