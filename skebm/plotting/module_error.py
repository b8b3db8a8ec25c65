"""The errors of the modules of a stacking network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.metrics import mean_squared_error, zero_one_loss

from .style import axes_for, check_has, count_in_whole_numbers, next_colour, tidy_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The error and its name, by whether a network is a classifier.
_ERRORS = {
    True: (zero_one_loss, "share of wrong labels"),
    False: (mean_squared_error, "mean squared error"),
}


class ModuleErrorDisplay:
    """Error of the predictions of each module of a stacking network, from the bottom up.

    Parameters
    ----------
    errors : array-like of shape (n_modules,)
        Error of each module.
    error_name : str, default="error"
        Name of the error, written beside the axis.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The errors.
    ax_ : matplotlib Axes
        The axes that contain it.
    figure_ : matplotlib Figure
        The figure that contains the axes.

    See Also
    --------
    HistoryDisplay : Measurements during the training of other estimators.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import DSNClassifier
    >>> from skebm.plotting import ModuleErrorDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> dsn = DSNClassifier(20, n_modules=3, random_state=0).fit(X[:1500], y[:1500])
    >>> display = ModuleErrorDisplay.from_estimator(dsn, X[1500:], y[1500:], name="test")
    >>> len(display.line_.get_ydata())
    3
    """

    def __init__(self, errors: Sequence[float], *, error_name: str = "error") -> None:
        self.errors = errors
        self.error_name = error_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: ArrayLike | None = None,
        *,
        name: str | None = None,
        ax: "Axes | None" = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the errors of the modules of a fitted network.

        Parameters
        ----------
        estimator : DSNClassifier or DSNRegressor
            A fitted network.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Data to predict. None draws the squared error on the training rows, which the modules
            store; for a regressor, it is the error of standardised targets.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            True targets of ``X``. The error is the share of wrong labels for a classifier, and the
            squared error, averaged over rows and outputs, for a regressor.
        name : str, default=None
            Label of the line in the legend, for several lines in the same axes.
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        line_kw : dict, default=None
            Keyword arguments of ``plot``.

        Returns
        -------
        display : ModuleErrorDisplay
            The display, which has been drawn.

        Raises
        ------
        ValueError
            If the estimator has no modules, or only one of ``X`` and ``y`` is given.
        """
        others = "For estimators other than stacking networks, use HistoryDisplay."
        check_has(estimator, "modules_", cls.__name__, others)
        if (X is None) != (y is None):
            raise ValueError(
                f"{cls.__name__}.from_estimator needs both X and y, or neither for the training "
                "error."
            )
        if X is None:
            errors = [module.error_after_ for module in estimator.modules_]
            error_name = "squared training error per row"
        else:
            error, error_name = _ERRORS[is_classifier(estimator)]
            errors = [error(y, predicted) for predicted in estimator.staged_predict(X)]
        return cls(errors, error_name=error_name).plot(ax, name=name, line_kw=line_kw)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        name: str | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the errors.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        name : str, default=None
            Label of the line in the legend, for several lines in the same axes.
        line_kw : dict, default=None
            Keyword arguments of ``plot``.

        Returns
        -------
        display : ModuleErrorDisplay
            The display itself.
        """
        ax = axes_for(self, ax)
        numbers = np.arange(1, len(self.errors) + 1)
        options = {"color": next_colour(ax), "marker": "o", "label": name} | (line_kw or {})
        self.line_ = ax.plot(numbers, self.errors, **options)[0]
        tidy_lines(ax)
        count_in_whole_numbers(ax.xaxis)
        ax.set(xlabel="module", ylabel=self.error_name)
        if name is not None:
            ax.legend()
        return self
