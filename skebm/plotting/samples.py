"""The states of Markov chains of a model."""

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
    """States of some Markov chains after given numbers of steps, one row of images per chain.

    If the last images of all rows look alike, the chains have reached the same mode. If the images
    of a row no longer change, its chain cannot leave its mode.

    Parameters
    ----------
    states : array-like of shape (n_chains, n_times, n_features)
        States of the chains at several times.
    steps : sequence of int, of length n_times, default=None
        Number of steps up to each of these times, written below the images.
    image_shape : tuple of int, default=None
        Height and width of the images, in pixels. None means square images.

    Attributes
    ----------
    images_ : ndarray of shape (n_chains, n_times)
        The AxesImage of each state.
    ax_ : matplotlib Axes
        The axes that contain them.
    figure_ : matplotlib Figure
        The figure that contains the axes.

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
            A fitted RBM or Boltzmann machine with the method ``gibbs``. A deep belief network is
            not possible, because each of its samples is drawn independently.
        n_chains : int, default=None
            Number of chains. None is the number of rows of ``init``, or 8 without ``init``.
        steps : sequence of int, default=(0, 1, 10, 100, 1000)
            Numbers of steps after which the states are drawn, ascending.
        init : array-like of shape (n_rows, n_features), default=None
            States to start from, as for :meth:`skebm.BernoulliRBM.sample`. None: random states.
        clamp : array-like of bool, of shape (n_features,) or (n_rows, n_features), default=None
            Units that keep the value that they have in ``init``.
        means : bool, default=False
            Draw the means of the visible units, given the means of the hidden ones, instead of the
            states, which are noisier.
        random_state : int, RandomState instance or None, default=None
            Source of the random numbers. None continues those of the estimator, see
            :ref:`random_numbers`.
        image_shape : tuple of int, default=None
            Height and width of the images, in pixels. None means square images.
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : SamplesDisplay
            The display, which has been drawn.

        Raises
        ------
        TypeError
            If the estimator has no method ``gibbs``.
        ValueError
            If ``steps`` are not ascending, or the shape does not fit the number of features.
        """
        if not hasattr(estimator, "gibbs"):
            raise TypeError(
                f"{cls.__name__}.from_estimator needs an estimator with the method gibbs, such as "
                f"an RBM. Got an instance of {type(estimator).__name__!r} instead. To draw samples "
                f"of it, pass what its sample method returns to {cls.__name__}(states)."
            )
        steps = list(steps)
        if not steps or np.any(np.diff(steps) <= 0):
            raise ValueError(
                f"The 'steps' parameter of {cls.__name__}.from_estimator must be ascending "
                f"numbers. Got {steps!r} instead."
            )
        if n_chains is None and init is None:
            n_chains = 8
        # One source of random numbers for all calls: with an int, each would draw the same ones.
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
        """Draw the states, all with the same colour scale.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in. None creates a new figure.
        im_kw : dict, default=None
            Keyword arguments of ``imshow``.

        Returns
        -------
        display : SamplesDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the shape does not fit the number of features, or the number of ``steps`` is not that
            of the times.
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
