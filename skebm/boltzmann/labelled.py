"""A restricted Boltzmann machine with features and a label in its visible layer."""

from functools import partial
from typing import ClassVar

import numpy as np
import scipy.sparse
from scipy.special import softmax

from .._source import chunks
from .._streams import is_stream
from .._threads import for_each, one_blas_thread
from ..kernels.activations import logistic
from .bernoulli import BernoulliRBM
from .chains import ALGORITHMS, CD
from .conditionals import log_masses_of_choices
from .data import WholeNumbers
from .machine import settle
from .units import BernoulliUnits, SideBySide, SoftmaxUnits


class LabelCD(CD):
    """Contrastive divergence whose chains first draw the label given the features.

    Hidden states that are drawn given the label of the data reproduce it for any features, so that
    the dependence of the label on the features is not learned: on iris, the training accuracy was
    67 %, and with this draw 93 %. With it, the step of the weights also follows the gradient of log
    p(label | features), see H. Larochelle and Y. Bengio, "Classification using discriminative
    restricted Boltzmann machines", ICML 2008.
    """

    kind = "other"

    def _start(self, machine, v_data, h_data, address, out):
        label = label_of(machine)
        features = v_data.copy()
        features[:, label] = 0
        machine.inputs_of_odd(features, out)
        log_masses = log_masses_of_choices(machine, label, out + machine.hidden.bias)
        labels = softmax(log_masses, axis=1).astype(out.dtype)
        # Choices use columns of random numbers that no hidden unit uses.
        machine.visible.layers[-1].sample(labels, address)
        out += machine.coupling.of_lower(label).up(labels)
        settle(machine.hidden, out, address)


class LabelledRBM(BernoulliRBM):
    """A BernoulliRBM whose last visible units are softmax units: the label, one of them on.

    ``fit`` and ``partial_fit`` take features and labels separately; ``y`` is a one-hot ndarray of
    shape (n_samples, n_labels). In all other methods, such as sampling, the label is in the last
    columns of the visible states. Parameters are those of :class:`BernoulliRBM`.

    Attributes
    ----------
    n_labels_ : int
        Number of labels.
    """

    _algorithms: ClassVar = ALGORITHMS | {"cd": LabelCD}
    _kind_of_data = WholeNumbers

    def log_masses(self, rows):
        """Log of the unnormalised probability of each label given the features.

        Parameters
        ----------
        rows : Rows
            Features, without labels.

        Returns
        -------
        log_masses : ndarray of shape (n_samples, n_labels)
            In nats; float64.
        """
        machine = self.__skebm_model__(rows.dtype).machine
        out = np.empty((rows.shape[0], self.n_labels_))

        def evaluate(part, inputs):
            out[part] = log_masses_of_choices(machine, label_of(machine), inputs)

        _with_inputs(machine, rows, evaluate)
        return out

    def hidden_means(self, rows):
        """Mean hidden states given the features, averaged over the labels by their probabilities.

        Parameters
        ----------
        rows : Rows
            Features, without labels.

        Returns
        -------
        means : ndarray of shape (n_samples, n_components)
        """
        machine = self.__skebm_model__(rows.dtype).machine
        out = np.zeros((rows.shape[0], len(self.components_)), dtype=rows.dtype)

        def evaluate(part, inputs):
            log_masses = log_masses_of_choices(machine, label_of(machine), inputs)
            shares = softmax(log_masses, axis=1).astype(rows.dtype)
            for label, weights in enumerate(machine.weights[label_of(machine)]):
                means = inputs.copy()
                logistic(means, weights, 0, len(weights))
                means *= shares[:, label, None]
                out[part] += means

        _with_inputs(machine, rows, evaluate)
        return out

    def _with_targets(self, X, y):
        self.n_labels_ = y.shape[1]
        if is_stream(X):
            return X.map_named(partial(_chunk_with_labels, y))
        return with_labels(X, y)

    def _visible_units(self, bias):
        features, label = np.split(bias, [-self.n_labels_])
        return SideBySide([BernoulliUnits(features), SoftmaxUnits(label, [self.n_labels_])])


def label_of(machine):
    """Slice of the label in the visible units."""
    return machine.visible.places[-1]


def _with_inputs(machine, rows, function):
    """Call ``function(part, inputs of hidden units with bias, without label)`` for all rows."""
    of_features = machine.coupling.of_lower(slice(rows.shape[1]))

    def evaluate(part):
        inputs = np.empty((part.stop - part.start, machine.n_odd), dtype=rows.dtype)
        of_features.up_rows(rows, part, inputs)
        inputs += machine.hidden.bias
        function(part, inputs)

    with one_blas_thread():
        for_each(evaluate, chunks(rows.shape[0]))


def _chunk_with_labels(y, X, where):
    return with_labels(X, np.asarray(y[where.numbers]))


def with_labels(X, y):
    """Features and one-hot labels in one array, dense or CSR like the features."""
    if scipy.sparse.issparse(X):
        return scipy.sparse.hstack([X, y], format="csr", dtype=X.dtype)
    return np.hstack([X, y.astype(X.dtype, copy=False)])
