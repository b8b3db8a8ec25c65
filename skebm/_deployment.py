"""Copies of models for use only, without the state that only further training needs."""

from typing import Self

from sklearn.utils.validation import check_is_fitted


class Deployable:
    """Mixin: an estimator that can be copied without the state that only training needs."""

    def without_training_state(self) -> Self:
        """A smaller copy of a fitted model that gives the same results.

        The copy lacks what only further training needs: averages and steps of solvers, persistent
        chains, sums over the training rows, callbacks. It shares the other arrays with the model.
        See :ref:`the user guide <saving>`.

        Returns
        -------
        model : estimator
            The copy. Methods that do not train return the same results. ``partial_fit``, and
            ``fit`` with ``warm_start=True``, start with a new state if this is possible, and
            otherwise raise an error.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the model is not fitted.
        """
        check_is_fitted(self)
        return _without_callbacks(self, self._attributes_for_use())

    def __skebm_for_workers__(self):
        """The same estimator without callbacks, which may not be picklable."""
        return _without_callbacks(self, vars(self))

    def _attributes_for_use(self):
        """Attributes of the copy, by name: all except those that only further training needs."""
        return vars(self)


def _without_callbacks(estimator, attributes):
    # scikit-learn stores callbacks and their state in several attributes with such names.
    kept = {name: value for name, value in attributes.items() if "callback" not in name}
    return twin_of(estimator, kept)


def twin_of(estimator, attributes):
    """An estimator of the same class with these attributes, which include its parameters."""
    twin = type(estimator).__new__(type(estimator))
    vars(twin).update(attributes)
    return twin
