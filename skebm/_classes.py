"""Checks of labels that all classifiers share."""

import numpy as np


def sorted_classes(classes):
    """The sorted unique labels of a collection, which may be a set."""
    if not hasattr(classes, "__array__"):
        classes = list(classes)
    return np.unique(classes)


def check_classes(estimator, classes):
    """Raise an error unless there are two classes or more."""
    if len(classes) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs at least two classes, but the data have only one "
            f"class: {classes[0]!r}."
        )


def check_classes_of_further_call(estimator, classes):
    """Raise an error if a later call of partial_fit passes other classes than the first."""
    if classes is not None and not np.array_equal(sorted_classes(classes), estimator.classes_):
        raise ValueError(
            f"classes={classes!r} is not the same as on the last call to partial_fit of "
            f"{type(estimator).__name__}, which was {estimator.classes_!r}."
        )


def check_labels(estimator, labels):
    """Raise an error if some labels are not among the classes."""
    unseen = np.setdiff1d(labels, estimator.classes_)
    if len(unseen):
        raise ValueError(
            f"{type(estimator).__name__}: y has labels that are not among the classes, "
            f"{unseen.tolist()}. The classes are {estimator.classes_.tolist()}."
        )


def one_hot(estimator, y, dtype):
    """Check the labels and encode them as one-hot vectors.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    check_labels(estimator, y)
    numbers = np.searchsorted(estimator.classes_, y)
    return np.eye(len(estimator.classes_), dtype=dtype)[numbers]
