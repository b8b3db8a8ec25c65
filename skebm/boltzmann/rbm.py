"""Base class of restricted Boltzmann machines: features, scores, likelihoods."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from .._checks import Number, keep_parameters
from .._deployment import twin_of
from .._rows import DenseRows
from .._source import all_of
from .._typing import Decay, Floats, MatrixLike, RandomStateLike, StochasticSolver
from .._validation import FLOATS, native
from .estimator import LAYERED_CHECKS, BoltzmannEstimator
from .partition import LogPartition

# Valid parameters of all RBMs.
RBM_CHECKS = {"n_components": Number(Integral, "[1, inf)")} | LAYERED_CHECKS


class BaseRBM(BoltzmannEstimator):
    """A restricted Boltzmann machine with visible units of any kind.

    A subclass defines its model before training (``_new_model``), in addition to what every machine
    defines.

    A deep network of RBMs uses, in addition to public methods: ``__skebm_check__`` before training,
    ``__skebm_model__`` for a trained machine and the conversion of numbers to its states and back,
    ``__skebm_rows__`` for the conversion of data to numbers, and ``__skebm_with__`` for an RBM with
    other weights. If messages should name the network, it calls ``fit`` inside
    :func:`~skebm._messages.messages_of`. For operations on models, such as samples from its own
    streams, it calls functions of :mod:`skebm.boltzmann.inference`.
    """

    # Parameters
    n_components: int

    # Fitted attributes
    components_: Floats
    intercept_hidden_: Floats
    intercept_visible_: Floats

    _parameter_checks: ClassVar = RBM_CHECKS
    # Numbers of layers for which the visible and the hidden one count, see boltzmann/couplings.py.
    _copies: ClassVar = (1, 1)

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float | Sequence[float] = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: RandomStateLike = None,
        algorithm: Literal["cd", "pcd", "pt"] = "pcd",
        n_gibbs_steps: int | Sequence[int] = 1,
        n_chains: int | None = None,
        n_replicas: int = 10,
        learning_rate_schedule: Decay = "linear",
        solver: StochasticSolver = "sgd",
        momentum: float | Sequence[float] = 0.0,
        nesterovs_momentum: bool = False,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        alpha: float = 0.0,
        l1_ratio: float = 0.0,
        sparsity_target: float | None = None,
        sparsity_cost: float = 0.1,
        centered: bool = True,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        reconstruction_tol: float | None = None,
        warm_start: bool = False,
        missing_values: float = np.nan,
    ) -> None:
        keep_parameters(self, locals())

    # Model

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
                f"but the fitted model has {len(self.components_)} hidden units. To train a new "
                "one, call fit with warm_start=False; to continue, set n_components back."
            )

    def __skebm_rows__(self, X):
        """Validated data, as rows of numbers for a :class:`Model`."""
        return self._rows(X)

    def __skebm_with__(self, model):
        """Another RBM with the same parameters and with the weights of ``model``.

        Its history and the state for further training are those of this RBM.
        """
        return twin_of(self, vars(self) | self._attributes_of(model))

    # Features

    def transform(self, X: MatrixLike) -> Floats:
        """Mean hidden activities: the probabilities P(h = 1 | v = X).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states. NaN marks missing entries, which do not change the activities.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            Probabilities, with the dtype of ``X``.
        """
        model, rows = self._model_and_rows(X)
        return model.machine.transform(rows)

    def inverse_transform(self, X: ArrayLike) -> Any:
        """Mean visible states given hidden activities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            States or probabilities of the hidden units.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Means of the visible units, with the dtype of ``X``.
        """
        H = self._hidden_states(X, "inverse_transform")
        model = self.__skebm_model__(H.dtype)
        return self._data.given_back(model.to_data(model.machine.inverse_transform(DenseRows(H))))

    def _hidden_states(self, X, method):
        """Validated hidden states or activities from the argument of a method."""
        check_is_fitted(self)
        H = native(check_array(X, dtype=FLOATS, estimator=self))
        n_components = len(self.components_)
        if H.shape[1] != n_components:
            raise ValueError(
                f"X has {H.shape[1]} features, but {type(self).__name__}.{method} is "
                f"expecting {n_components} features as input."
            )
        return H

    def reconstruct(self, X: MatrixLike) -> Any:
        """Mean visible states given the mean hidden activities of each row.

        This is ``inverse_transform(transform(X))``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states. NaN marks missing entries, which do not change the activities.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Means of the visible units, with the dtype of ``X``.
        """
        model, rows = self._model_and_rows(X)
        H = DenseRows(model.machine.transform(rows))
        return self._data.given_back(model.to_data(model.machine.inverse_transform(H)))

    # Scores of rows

    def energy(self, X: MatrixLike, H: ArrayLike | None = None) -> Floats:
        """Energy E(v, h) of states of both layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states, none missing.
        H : array-like of shape (n_samples, n_components), default=None
            Hidden states, or means of them. None takes what :meth:`transform` returns.

        Returns
        -------
        energy : ndarray of shape (n_samples,)
            In nats, with the dtype of ``X``.

        Raises
        ------
        ValueError
            If values of ``X`` are missing, or if ``H`` has another shape.
        """
        model, rows = self._model_and_rows(X, "energy")
        if H is None:
            hidden = model.machine.transform(rows)
        else:
            hidden = self._hidden_states(H, "energy").astype(rows.dtype, copy=False)
            check_consistent_length(rows, hidden)
        return model.machine.energy(all_of(rows), hidden).astype(rows.dtype, copy=False)

    def free_energy(self, X: MatrixLike) -> Floats:
        """Free energy F(v) = -log of the sum over h of exp(-E(v, h)).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states; NaN marks missing entries.

        Returns
        -------
        F : ndarray of shape (n_samples,)
            Free energies in nats. -F(v) is log p(v) plus a constant of the model. For a row with
            missing entries, the model contains only the known features and has another constant:
            compare only rows in which the same entries are missing, or use :meth:`score_samples`.
        """
        model, rows = self._model_and_rows(X)
        return model.machine.free_energy(rows)

    def score_samples(self, X: MatrixLike) -> Floats:
        """Pseudo-log-likelihood, the sum over i of log p(v_i | all other v), for each row.

        It is exact and deterministic. For a row with missing entries, the sum is over the known
        entries, each given the other known ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states; NaN marks missing entries.

        Returns
        -------
        pseudo_log_likelihood : ndarray of shape (n_samples,)
            In nats.
        """
        model, rows = self._model_and_rows(X)
        return model.machine.pseudo_log_likelihood(rows) - model.log_scale_of(rows)

    def log_likelihood(
        self, X: MatrixLike, log_partition: LogPartition | float | None = None
    ) -> Floats:
        """Log-likelihood log p(v) = -F(v) - log Z of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states, none missing.
        log_partition : LogPartition or float, default=None
            The result of :meth:`log_partition` for this model, whose estimate is used, or a number
            in nats. With ``log_partition=result.upper``, the likelihoods are lower bounds in
            expectation. None calls ``log_partition(random_state=0)``, which takes a minute or more
            if both layers are large, and keeps the result until the model changes.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, with the dtype of ``X``.
        """
        model, rows = self._model_and_rows(X, "log_likelihood")
        log_z = self._log_z(log_partition)
        model.warn_of_no_states(f"{type(self).__name__}.log_likelihood", rows)
        return -model.machine.free_energy(rows) - log_z
