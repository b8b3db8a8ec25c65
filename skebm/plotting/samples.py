"""Chains of samples of a model, as they move."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from .image_grid import draw_image_grid, grid_size, range_of, sequences_of_images
from .style import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class SamplesDisplay:
    """States of some Markov chains after more and more steps, one row of images a chain.

    Rows that look alike at the right say that chains have come to the same mode; rows that no
    longer change say that they cannot leave it.

    Parameters
    ----------
    states : array-like of shape (n_chains, n_times, n_features)
        States of the chains at some times.
    steps : sequence of int, of length n_times, default=None
        The steps taken up to each of these times, to write below the images.
    image_shape : tuple of int, default=None
        Height and width of the images. None guesses a square.

    Attributes
    ----------
    images_ : ndarray of shape (n_chains, n_times)
        The AxesImage of each state.
    ax_ : matplotlib Axes
        The axes that hold them.
    figure_ : matplotlib Figure
        The figure that holds the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import BernoulliRBM
    >>> from skebm.plotting import SamplesDisplay
    >>> X = load_digits().data / 16
    >>> rbm = BernoulliRBM(n_components=20, random_state=0).fit(X)
    >>> display = SamplesDisplay.from_estimator(rbm, steps=[0, 1, 10, 100], random_state=0)
    >>> display.images_.shape
    (8, 4)
    """

    def __init__(
        self,
        states: ArrayLike,
        *,
        steps: Sequence[int] | None = None,
        image_shape: tuple[int, int] | None = None,
    ) -> None:
        self.states = states
        self.steps = steps
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        n_chains: int | None = None,
        *,
        steps: Sequence[int] = (0, 1, 10, 100, 1000),
        init: ArrayLike | None = None,
        clamp: ArrayLike | None = None,
        means: bool = False,
        random_state: int | np.random.RandomState | None = None,
        image_shape: tuple[int, int] | None = None,
        ax: "Axes | None" = None,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Run chains of a fitted model and draw them.

        Parameters
        ----------
        estimator : estimator
            Fitted, an RBM. A deep belief network draws each sample anew, so it has no chain to go
            on with.
        n_chains : int, default=None
            Number of chains. None is 8, or as many as ``init`` has rows.
        steps : sequence of int, default=(0, 1, 10, 100, 1000)
            After how many steps to draw the chains, in rising order.
        init : array-like of shape (n_rows, n_features), default=None
            States to start from, as for :meth:`skebm.BernoulliRBM.sample`. None starts at random.
        clamp : array-like of bool, of shape (n_features,) or (n_rows, n_features), default=None
            Units that keep the value which they have in ``init``.
        means : bool, default=False
            Draw the means of the visible units given the mean hidden ones in place of the states,
            which are noisier.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None goes on with the estimator's own.
        image_shape : tuple of int, default=None
            Height and width of the images. None guesses a square.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : SamplesDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If the estimator is no RBM.
        ValueError
            If ``steps`` do not rise, or the shape does not fit the number of features.
        """
        if not hasattr(estimator, "gibbs"):
            raise TypeError(
                f"{cls.__name__}.from_estimator needs an RBM, whose chains go on from the states "
                f"that they are in. Got an instance of {type(estimator).__name__!r} instead: draw "
                f"what its sample method returns with {cls.__name__}(states)."
            )
        steps = list(steps)
        if not steps or np.any(np.diff(steps) <= 0):
            raise ValueError(
                f"The 'steps' of {cls.__name__}.from_estimator must be numbers that rise. "
                f"Got {steps!r} instead."
            )
        if n_chains is None and init is None:
            n_chains = 8
        # Numbers for all calls from one source: from one int each would draw the same ones.
        draws = None if random_state is None else check_random_state(random_state)
        states = [estimator.sample(n_chains, steps[0], init=init, clamp=clamp, random_state=draws)]
        if clamp is not None and np.ndim(clamp) == 2:
            clamp = np.resize(clamp, states[0].shape)
        for n_more in np.diff(steps).tolist():
            last = states[-1]
            states.append(
                estimator.sample(None, n_more, init=last, clamp=clamp, random_state=draws)
            )
        if means:
            states = [estimator.inverse_transform(estimator.transform(v)) for v in states]
        display = cls(np.stack(states, axis=1), steps=steps, image_shape=image_shape)
        return display.plot(ax, im_kw=im_kw)

    def plot(self, ax: "Axes | None" = None, *, im_kw: dict[str, Any] | None = None) -> Self:
        """Draw the states, all on one scale.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : SamplesDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the shape does not fit the number of features, or there are not as many ``steps`` as
            times.
        """
        name = type(self).__name__
        tiles = sequences_of_images(self.states, self.image_shape, name)
        if self.steps is not None and len(self.steps) != tiles.shape[1]:
            raise ValueError(
                f"The 'steps' parameter of {name} must have one number for each of the "
                f"{tiles.shape[1]} times. Got {self.steps!r} instead."
            )
        ax = axes_for(self, ax, grid_size(*tiles.shape[:2]))
        labels = None if self.steps is None else [f"{count:,}" for count in self.steps]
        self.images_ = draw_image_grid(
            ax, tiles, range_of(tiles), column_labels=labels, im_kw=im_kw
        )
        ax.set_ylabel("chain")
        ax.set_xlabel("step" if labels is None else "steps of Gibbs sampling")
        return self
