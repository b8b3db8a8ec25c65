"""What every restricted Boltzmann machine is as an estimator: features, scores, likelihoods."""

from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .._deployment import twin_of
from .._source import DenseRows
from .._validation import FLOATS, Number, check_argument, keep_parameters, native
from . import inference
from .estimator import CHECKS as CHECKS_OF_ALL
from .estimator import BoltzmannEstimator

# What the parameters of all RBMs may be.
CHECKS = {"n_components": Number(Integral, "[1, inf)")} | CHECKS_OF_ALL


class BaseRBM(BoltzmannEstimator):
    """A restricted Boltzmann machine, whatever its visible units are.

    A subclass says how its model begins (``_new_model``), beside what every machine says.

    A deep network made of RBMs uses, besides what is public, four methods: ``__skebm_check__``
    before anything is trained, ``__skebm_model__`` for a trained machine and the way from numbers
    to its states and back, ``__skebm_rows__`` for the way from data to numbers, and
    ``__skebm_with__`` for an RBM with other weights. Where RBMs are to
    speak in the name of the network, it calls ``fit`` inside of
    :func:`~skebm._messages.messages_of`. What it asks of models and not of estimators, samples
    from streams of its own among it, are functions of :mod:`skebm.boltzmann.inference`.
    """

    _parameter_checks: ClassVar = CHECKS
    # As how many layers the visible and the hidden one count, see boltzmann/couplings.py.
    _copies: ClassVar = (1, 1)

    def __init__(
        self,
        n_components=256,
        *,
        learning_rate=0.1,
        batch_size=10,
        n_iter=10,
        verbose=0,
        random_state=None,
        algorithm="pcd",
        n_gibbs_steps=1,
        n_chains=None,
        n_replicas=10,
        learning_rate_schedule="linear",
        solver="sgd",
        momentum=0.0,
        nesterovs_momentum=False,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        alpha=0.0,
        l1_ratio=0.0,
        sparsity_target=None,
        sparsity_cost=0.1,
        centered=True,
        shuffle=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        reconstruction_tol=None,
        warm_start=False,
        missing_values=np.nan,
    ):
        keep_parameters(self, locals())

    # What it is

    def _first_model(self, X, rows, random_state, progress, commit):
        return self._new_model(rows, self._activity, random_state)

    @staticmethod
    def _attributes_of(model):
        return model.fitted_attributes() | {"_means": model.means, "_batch_size": model.batch_size}

    def _is_trained(self):
        return hasattr(self, "components_")

    def _check_sizes(self):
        if self._parameters.n_components != len(self.components_):
            raise ValueError(
                f"The 'n_components' parameter of {type(self).__name__} is {self.n_components!r}, "
                f"but the model to go on with has {len(self.components_)} hidden units. Fit anew "
                "with warm_start=False, or leave n_components as it was."
            )

    def __skebm_rows__(self, X):
        """Data, validated, as the rows of numbers that a :class:`Model` takes."""
        return self._rows(X)

    def __skebm_with__(self, model):
        """Another RBM, with the same parameters, for a model of other weights.

        What this one has measured while it was trained, and what it would go on from in further
        training, is shared.
        """
        return twin_of(self, vars(self) | self._attributes_of(model))

    # Features

    def transform(self, X):
        """Mean hidden activities, the probabilities P(h = 1 | v = X).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states; NaN marks what is missing, and has no part in the activities.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            Probabilities, of the type of ``X``.
        """
        model, rows = self._model_and_rows(X)
        return model.machine.transform(rows)

    def inverse_transform(self, X):
        """Mean visible states given hidden activities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Hidden activities, states or probabilities.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Means of the visible units, of the type of ``X``.
        """
        check_is_fitted(self)
        H = native(check_array(X, dtype=FLOATS, estimator=self))
        n_components = len(self.components_)
        if H.shape[1] != n_components:
            raise ValueError(
                f"X has {H.shape[1]} features, but {type(self).__name__}.inverse_transform is "
                f"expecting {n_components} features as input."
            )
        model = self.__skebm_model__(H.dtype)
        return self._data.given_back(model.to_data(model.machine.inverse_transform(DenseRows(H))))

    # Scores of rows

    def free_energy(self, X):
        """Free energy F(v) = -log of the sum over h of exp(-E(v, h)).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states; NaN marks what is missing.

        Returns
        -------
        F : ndarray of shape (n_samples,)
            Free energies in nats; -F(v) is log p(v) up to a constant of the model. Of a row with
            missing entries, that of the model of the known features alone, whose constant differs:
            compare rows that lack the same entries, or all rows by :meth:`score_samples`.
        """
        model, rows = self._model_and_rows(X)
        return model.machine.free_energy(rows)

    def score_samples(self, X):
        """Pseudo-log-likelihood, the sum over i of log p(v_i | all other v), for each row.

        Exact and deterministic. Of a row with missing entries, the sum over those that are known,
        given the others that are known.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states; NaN marks what is missing.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_samples,)
            In nats.
        """
        model, rows = self._model_and_rows(X)
        return model.machine.pseudo_log_likelihood(rows) - model.log_scale_of(rows)

    def score(self, X, y=None):
        """Mean pseudo-log-likelihood of the rows; the greater, the better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states; NaN marks what is missing.
        y : None
            Ignored; here for scikit-learn's conventions.

        Returns
        -------
        score : float
            In nats a row.
        """
        return float(self.score_samples(X).mean())

    def log_likelihood(self, X, log_partition=None):
        """Log-likelihood log p(v) = -F(v) - log Z of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states, none missing.
        log_partition : LogPartition or float, default=None
            What :meth:`log_partition` returned for this model, of which the estimate counts, or a
            number of nats: with ``log_partition=result.upper``, likelihoods are lower bounds in
            expectation. None calls ``log_partition(random_state=0)``, which takes a minute or
            more where both layers are large, at each call: nothing is kept.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, of the type of ``X``.
        """
        model, rows = self._model_and_rows(X, "log_likelihood")
        check_argument(self, "log_partition", log_partition, inference.LOG_PARTITION)
        model.warn_of_no_states(f"{type(self).__name__}.log_likelihood", rows)
        if log_partition is None:
            log_partition = self.__skebm_log_partition__()
        return -model.machine.free_energy(rows) - inference.in_nats(log_partition)

    def __skebm_log_partition__(self):
        """That which likelihoods take where none is given."""
        return self.log_partition(random_state=0)
