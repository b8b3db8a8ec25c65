"""How training went, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from .style import axes_for, check_has, count_in_whole_numbers, next_colour, tidy_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What is drawn unless the user says what: the first of these that was measured.
_DEFAULT_METRICS = ("pseudo_likelihood", "loss", "reconstruction_error")

_LABELS = {
    "pseudo_likelihood": "pseudo-log-likelihood, nats a row",
    "free_energy_gap": "free energy gap, nats a row",
    "seconds": "seconds an epoch",
}


class HistoryDisplay:
    """A measurement after each epoch of training, beside that of rows held out.

    Parameters
    ----------
    history : dict of str to sequence of float
        Measurements, such as ``history_`` of an estimator.
    metric : str, default=None
        Which of them. None is the first that there is of "pseudo_likelihood", "loss" and
        "reconstruction_error". Where there is one of the same name with ``validation_`` before it,
        it is drawn too; a "validation_score" is a measurement of its own.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The measurement.
    validation_line_ : matplotlib Line2D or None
        That of rows held out, None if there is none.
    ax_ : matplotlib Axes
        The axes that hold them.
    figure_ : matplotlib Figure
        The figure that holds the axes.

    See Also
    --------
    ModuleErrorDisplay : How a stacking network gets better from module to module.

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
            Fitted, with an attribute ``history_``. Of a deep belief network this is fine-tuning;
            each of its ``rbms_`` has a history of its own.
        metric : str, default=None
            Which measurement. None is the first that there is of "pseudo_likelihood", "loss" and
            "reconstruction_error".
        name : str, default=None
            Label of the line, to tell it from others in the same axes.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.
        line_kw : dict, default=None
            Keyword arguments of ``plot`` for both lines.

        Returns
        -------
        display : HistoryDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the estimator has no history, or there is no such measurement.
        """
        stacks = "Modules of stacking networks are drawn by ModuleErrorDisplay."
        check_has(estimator, "history_", cls.__name__, stacks)
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
            Axes to draw in. None makes a figure.
        name : str, default=None
            Label of the line, to tell it from others in the same axes.
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
        ax.set(xlabel="epoch", ylabel=_LABELS.get(metric, metric.replace("_", " ")))
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
