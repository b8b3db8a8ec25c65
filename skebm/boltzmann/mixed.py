"""The restricted Boltzmann machine for tables with columns of several kinds."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from .._checks import keep_parameters
from .._parameter_texts import with_texts
from .._source import all_of
from .._threads import one_blas_thread
from .._typing import Decay, Floats, RandomStateLike, StochasticSolver
from .conditionals import conditional_log_distribution
from .data import TABLE_CHECKS, Table
from .gaussian import REAL_UNITS_CHECKS, GaussianRBM
from .parameter_texts import OF_LAYERS, OF_RBMS, OF_REAL_UNITS
from .table import TableEncoder
from .units import BernoulliUnits, GaussianUnits, SideBySide, SoftmaxUnits


@with_texts(OF_LAYERS, OF_RBMS, OF_REAL_UNITS)
class MixedRBM(GaussianRBM):
    """Restricted Boltzmann machine of a table, with binary hidden units.

    The columns of a table become visible units: a column of two values becomes a binary unit, a
    column of categories a group of units of which exactly one is on, and a column of real numbers a
    Gaussian unit, as in :class:`GaussianRBM`. All of them are connected to the same hidden units,
    so the machine learns how columns of different kinds depend on each other. Samples and completed
    rows have the columns, dtypes and categories of the training data, and are DataFrames if these
    were. Entries may be missing, in training and in use. Sparse matrices are not accepted. See
    :ref:`the user guide <tables>`.

    Parameters
    ----------
    n_components
    categories : {"auto", "declared"} or dict, default="auto"
        How the kinds of the columns are determined. "declared": texts, objects, booleans and
        columns of a categorical dtype are categories, and so are numbers with only two distinct
        values, each in at least five rows. Other numbers are real. "auto": the same, and columns of
        whole numbers are also categories if they have at most ten distinct values, each in five
        rows on average. A dict maps the names of some columns, or their positions if there are no
        names, to a list of all categories, or to None for real numbers. Other columns are as with
        "auto".
    handle_unknown : {"error", "missing"}, default="error"
        What to do with a category that did not occur in the first call of ``fit`` or
        ``partial_fit``: raise an error, or treat it as a missing entry.
    learning_rate, batch_size, n_iter, verbose, random_state, algorithm, n_gibbs_steps, n_chains,
    n_replicas, learn_variance, variance_learning_rate, max_gradient_norm, sampler, langevin_time,
    learning_rate_schedule, solver, momentum, nesterovs_momentum, beta_1, beta_2, epsilon, alpha,
    l1_ratio, sparsity_target, sparsity_cost, centered, shuffle, early_stopping,
    validation_fraction, n_iter_no_change, tol, reconstruction_tol, warm_start
    missing_values : object, default=np.nan
        Marks missing entries, such as "?", in addition to NaN, None and other missing values of a
        DataFrame.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_units)
        Weights: how much a hidden unit that is on adds to the log-odds of a binary column, to the
        log-odds of a category, and to the mean of a real column.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units, float64.
    intercept_visible_ : ndarray of shape (n_units,)
        Biases of the visible units, float64.
    variances_ : ndarray of shape (n_units,)
        Variances of real columns given the hidden units, float64; 1 for other units.
    mean_, scale_ : ndarray of shape (n_units,)
        Mean and standard deviation with which real columns are standardised; 0 and 1 for other
        units.
    categories_ : list of list or None
        For each column its categories, or None for a column of real numbers. The visible unit of a
        binary column is on for the second one.
    unit_names_ : ndarray of str, of shape (n_units,)
        Names of the visible units, in their order: binary columns first, then categories, then real
        columns.
    encoder_ : TableEncoder
        Converts tables to states of the visible units, and back.
    h_samples_, betas_, swap_rates_, n_iter_, history_, loss_curve_
    n_features_in_ : int
        Number of columns seen during ``fit``.
    n_features_out_
    feature_names_in_ : ndarray of shape (n_features,)
        Names of columns seen during ``fit``, if all of them are strings.

    See Also
    --------
    RBMImputer : Fills in missing entries of a table with such a machine.
    GaussianRBM : The same for real columns alone.
    BernoulliRBM : The same for binary columns alone.

    Notes
    -----
    :meth:`score_samples` is the sum over columns of the log-probability of a binary or categorical
    column, or of the log-density of a real column in the units of the data, each given all other
    columns. It is exact up to rounding: hidden states are summed over, and the density of a real
    column is normalised by an integral in one dimension.

    References
    ----------
    .. [1] T. Tran, D. Phung and S. Venkatesh, "Mixed-variate restricted Boltzmann machines",
       ACML 2011.
    .. [2] R. Liao, S. Kornblith, M. Ren, D. J. Fleet and G. Hinton, "Gaussian-Bernoulli RBMs
       without tears", arXiv 2210.10318, 2022.
    .. [3] J. Melchior, N. Wang and L. Wiskott, "Gaussian-binary restricted Boltzmann machines for
       modeling natural image statistics", PLOS ONE 12, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import MixedRBM
    >>> X = np.array([["oak", 21.5], ["fir", 30.0], ["fir", 33.5], ["oak", None]], dtype=object)
    >>> rbm = MixedRBM(n_components=3, random_state=0).fit(X)
    >>> rbm.categories_
    [['fir', 'oak'], None]
    >>> rbm.transform(X).shape
    (4, 3)
    >>> rbm.conditional_proba(X, column=0).shape
    (4, 2)
    """

    # Parameters
    categories: Literal["auto", "declared"] | Mapping[Any, Any]
    handle_unknown: Literal["error", "missing"]

    # Fitted attributes
    categories_: list[list[Any] | None]
    unit_names_: NDArray[np.str_]
    encoder_: TableEncoder

    _parameter_checks: ClassVar = REAL_UNITS_CHECKS | TABLE_CHECKS

    # The variances of the data, minus the part that the initial weights explain.
    variances = None

    def __init__(
        self,
        n_components: int = 256,
        *,
        categories: Literal["auto", "declared"] | Mapping[Any, Any] = "auto",
        handle_unknown: Literal["error", "missing"] = "error",
        learning_rate: float | Sequence[float] = 0.05,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: RandomStateLike = None,
        algorithm: Literal["cd", "pcd", "pt"] = "cd",
        n_gibbs_steps: int | Sequence[int] = 5,
        n_chains: int | None = None,
        n_replicas: int = 10,
        learn_variance: bool = True,
        variance_learning_rate: float | None = None,
        max_gradient_norm: float = 10.0,
        sampler: Literal["gibbs", "gibbs-langevin"] = "gibbs",
        langevin_time: float = 0.5,
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
        missing_values: object = np.nan,
    ) -> None:
        keep_parameters(self, locals())

    _kind_of_data = Table

    def _scales_of(self, rows):
        mean, scale, is_constant = super()._scales_of(rows)
        is_real = self.encoder_.is_real
        return np.where(is_real, mean, 0), np.where(is_real, scale, 1), is_constant & is_real

    def _start_of(self, moments, n_rows):
        mean, variance, _ = super()._start_of(moments, n_rows)
        variance = np.where(self.encoder_.is_real, variance, moments.variance)
        units = self._visible_units(np.zeros_like(mean), np.zeros_like(mean))
        return mean, variance, units.with_mean(mean, n_rows).bias

    def _visible_units(self, bias, log_variance):
        encoder = self.encoder_
        sizes = [encoder.columns[number].n_units for number in encoder.of_kind("choice")]
        first_choice = len(encoder.of_kind("binary"))
        first_real = first_choice + sum(sizes)
        real = slice(first_real, None)
        of_real = log_variance[real], self._inertia, self._is_constant[real]
        layers = [
            BernoulliUnits(bias[:first_choice]),
            SoftmaxUnits(bias[first_choice:first_real], sizes),
            GaussianUnits(bias[real], *of_real),
        ]
        return SideBySide([layer for layer in layers if len(layer.bias)])

    # Methods for tables only

    def conditional_proba(
        self, X: Any, column: str | int, values: ArrayLike | None = None
    ) -> Floats:
        """Distribution of one column given the others, for each row.

        It is exact if all others are known: a sum over hidden states, without sampling. Missing
        entries of other columns are replaced by their means over the data, as in :meth:`transform`.
        The values in the column itself are not used.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows of a table.
        column : str or int
            Name or position of the column.
        values : array-like of shape (n_values,), default=None
            For a column of real numbers, the points at which its density is computed. For a column
            of categories it must be None.

        Returns
        -------
        P : ndarray of shape (n_samples, n_categories) or (n_samples, n_values)
            Probabilities of ``categories_[column]``, in this order; for a column of real numbers,
            densities at ``values``.
        """
        model, rows = self._model_and_rows(X)
        number = self.encoder_.number_of(column)
        kind, part = self.encoder_.columns[number].kind, self.encoder_.places[number]
        if (kind == "real") == (values is None):
            raise ValueError(
                f"{type(self).__name__}.conditional_proba needs 'values', the points at which to "
                f"compute a density, for columns of real numbers only; {column!r} is {kind}."
            )
        if kind == "real":
            points = check_array(values, ensure_2d=False, dtype=np.float64, input_name="values")
            states = (points.reshape(-1, 1) - model.mean[part]) / model.scale[part]
        else:
            states = np.eye(part.stop - part.start) if kind == "choice" else np.array([[0], [1]])
        v = all_of(rows)
        v[:, part] = 0
        with one_blas_thread():
            inputs = model.machine.inputs_of_odd(v) + model.machine.hidden.bias
            log_p = conditional_log_distribution(
                model.machine, kind, part, states.astype(v.dtype), inputs
            )
        if kind == "real":
            log_p -= np.log(model.scale[part])
        return np.exp(log_p).astype(v.dtype)
