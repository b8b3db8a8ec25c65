"""How a stacking network gets better from module to module."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.metrics import mean_squared_error, zero_one_loss

from .style import axes_for, check_has, count_in_whole_numbers, next_colour, tidy_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Whether a network is a classifier, and what is then called an error.
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
        What kind of error it is.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The errors.
    ax_ : matplotlib Axes
        The axes that hold it.
    figure_ : matplotlib Figure
        The figure that holds the axes.

    See Also
    --------
    HistoryDisplay : How the training of other estimators went.

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
            Fitted.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Data to predict. None draws the squared error of the training rows instead, which the
            modules keep; of a regressor, it is that of standardised targets.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            What should be predicted. The error is the share of wrong labels for a classifier, and
            the squared error, mean over rows and outputs, for a regressor.
        name : str, default=None
            Label of the line, to tell it from others in the same axes.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.
        line_kw : dict, default=None
            Keyword arguments of ``plot``.

        Returns
        -------
        display : ModuleErrorDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the estimator has no modules, or only one of ``X`` and ``y`` is given.
        """
        others = "How others were trained is drawn by HistoryDisplay."
        check_has(estimator, "modules_", cls.__name__, others)
        if (X is None) != (y is None):
            raise ValueError(
                f"{cls.__name__}.from_estimator needs both X and y, or neither for the training "
                "error."
            )
        if X is None:
            errors = [module.error_after_ for module in estimator.modules_]
            error_name = "squared training error a row"
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
            Axes to draw in. None makes a figure.
        name : str, default=None
            Label of the line, to tell it from others in the same axes.
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
