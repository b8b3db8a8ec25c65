"""Models for use alone: what only further training wants is left behind."""

from typing import Self

from sklearn.utils.validation import check_is_fitted


class Deployable:
    """Mixin: an estimator that can be copied without what only further training wants."""

    def without_training_state(self) -> Self:
        """A smaller copy of a fitted model that gives the same answers.

        What training would go on from is left out: averages and steps of solvers, persistent
        chains, sums over the training rows, callbacks. The copy shares the other arrays with the
        model. See :ref:`the user guide <saving>`.

        Returns
        -------
        model : estimator
            The copy. Methods that only read the model return what they returned; ``partial_fit``
            and ``fit`` with ``warm_start=True`` start afresh where they can do without, and
            otherwise raise an error.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the model is not fitted.
        """
        check_is_fitted(self)
        return _without_callbacks(self, self._attributes_for_use())

    def __skebm_for_workers__(self):
        """The same estimator without callbacks, which may not come through pickling."""
        return _without_callbacks(self, vars(self))

    def _attributes_for_use(self):
        """Attributes of the copy, by name: all but what only further training wants."""
        return vars(self)


def _without_callbacks(estimator, attributes):
    # scikit-learn keeps them, and where they stand in a training, under several such names.
    kept = {name: value for name, value in attributes.items() if "callback" not in name}
    return twin_of(estimator, kept)


def twin_of(estimator, attributes):
    """An estimator of the same class with these attributes, its parameters among them."""
    twin = type(estimator).__new__(type(estimator))
    vars(twin).update(attributes)
    return twin
