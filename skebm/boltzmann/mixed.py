"""The restricted Boltzmann machine of tables, whose columns are of several kinds."""

from typing import ClassVar

import numpy as np
from sklearn.utils import check_array

from .._source import all_of
from .._threads import one_blas_thread
from .._validation import (
    keep_parameters,
)
from .conditionals import conditional_log_distribution
from .data import CHECKS_OF_TABLES, Table
from .gaussian import CHECKS_OF_REAL_UNITS, GaussianRBM
from .units import BernoulliUnits, GaussianUnits, SideBySide, SoftmaxUnits


class MixedRBM(GaussianRBM):
    """Restricted Boltzmann machine of a table, with binary hidden units.

    The columns of a table become visible units: a column of two values a binary unit, one of
    categories a group of units exactly one of which is on, and one of real numbers a Gaussian unit,
    as those of :class:`GaussianRBM`. All are joined to the same hidden units, so that what one
    column says of another is learned whatever their kinds. Samples and filled-in rows come out as
    what came in: the same columns, types and categories, a DataFrame for a DataFrame. Entries may
    be missing, in training and in use. See :ref:`the user guide <tables>`.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.
    categories : {"auto", "declared"} or dict, default="auto"
        What columns are. "declared": texts, objects, booleans and what a DataFrame declares as
        categories are that, and so are numbers of just two values; other numbers are real. "auto":
        so are whole numbers of at most ten values, each of which is in five rows on average. A dict
        has for the names of some columns, or for their positions where they have no names, a list
        of all categories, or None for a column of real numbers; other columns are as with "auto".
    handle_unknown : {"error", "missing"}, default="error"
        What becomes of a category that was not there in the first call of ``fit`` or
        ``partial_fit``: an error, or a missing entry.
    learning_rate : float or sequence of float, default=0.05
        Length of a step, for features of mean 0 and variance 1, in the directions of the gradient
        by the means: those of the weights and visible biases are taken times the variances. This
        and every other parameter that takes a sequence changes from epoch to epoch: the values
        share the ``n_iter`` epochs evenly, in their order.
    batch_size : int, default=10
        Rows in a minibatch.
    n_iter : int, default=10
        Epochs, passes over the training data.
    verbose : int, default=0
        If positive, print one line per epoch.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, of the order of the rows, and of all samples. Pass an int
        for the same result at each call, on any number of threads, see :ref:`random_numbers`.
    algorithm : {"cd", "pcd", "pt"}, default="cd"
        Where the Gibbs chains start. "cd", contrastive divergence: at the data of the minibatch,
        which serves these units best [3]_. "pcd", persistent contrastive divergence: where the
        last step left them. "pt", parallel tempering: as "pcd", and each chain swaps states with
        replicas of itself at higher temperatures.
    n_gibbs_steps : int or sequence of int, default=5
        Steps of Gibbs sampling, each of both layers, for one step of learning. With a single one
        the likelihood may fall again in a long training.
    n_chains : int, default=None
        Number of persistent chains. None is ``batch_size``. Not used by "cd".
    n_replicas : int, default=10
        Temperatures of parallel tempering, from that of the model to one where all units are
        independent. Used by "pt" and ``sample`` only.
    learn_variance : bool, default=True
        Learn the variances, as their logarithms. They keep within 1e-4 and 100 times the variance
        of the feature in the data.
    variance_learning_rate : float, default=None
        Length of a step of the log-variances. None is a tenth of the learning rate.
    max_gradient_norm : float, default=10.0
        A gradient of the weights whose Frobenius norm is above this is shortened to it, and the
        gradients of the biases with it. ``inf`` never does.
    sampler : {"gibbs", "gibbs-langevin"}, default="gibbs"
        How visible states are drawn given the hidden ones. "gibbs": independently of what they
        were. "gibbs-langevin": by Langevin dynamics from where they were [2]_, which for normal
        units has an exact step of any length. A draw with nothing before it is independent: the
        first of a step with "pcd", and all with "pt".
    langevin_time : float, default=0.5
        Length of that step: a distance from the mean fades by the factor exp(-langevin_time).
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        Factor of the learning rates in epoch e = 0, 1, ... of n: 1; 1 - e / n; 1 / sqrt(1 + e);
        (1 + cos(pi e / n)) / 2.
    solver : {"sgd", "adagrad", "rmsprop", "adam"}, default="sgd"
        How steps follow from gradients. "sgd" goes the learning rate times the gradient, and is the
        one that the compiled loop for data with many zeros has: it is several times as fast there.
        The others adapt the length of the step of each parameter, and want a lower learning rate,
        such as 0.001.
    momentum : float or sequence of float, default=0.0
        Of "sgd": share of the last step that is added to the next, in [0, 1). It lengthens the
        steps by 1 / (1 - momentum): lower the learning rate as much. In an epoch before which n
        steps have been taken it is held to 1 - 1 / (2 + n / 100).
    nesterovs_momentum : bool, default=False
        Whether the momentum of "sgd" is Nesterov's; Polyak's otherwise.
    beta_1, beta_2 : float, default=0.9, 0.999
        Of "adam": shares of the averages of gradients and of their squares that are kept, in
        [0, 1).
    epsilon : float, default=1e-8
        What "adagrad", "rmsprop" and "adam" add to a divisor.
    alpha : float, default=0.0
        Strength of the penalty on the weights over the variances, for features of variance 1.
        The share of a weight that L2 takes in one step, ``learning_rate * alpha * (1 -
        l1_ratio)``, must be below 1.
    l1_ratio : float, default=0.0
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``.
    sparsity_target : float, default=None
        Mean activity that the hidden units are drawn to, in (0, 1), by their biases. None leaves
        them alone.
    sparsity_cost : float, default=0.1
        How strongly: the biases move by the learning rate times this times the difference
        between the target and a moving average of the activity.
    centered : bool, default=True
        Take the gradient with respect to states from which moving averages have been subtracted.
    shuffle : bool, default=True
        Visit the rows in a new order in each epoch.
    early_stopping : bool, default=False
        Hold out some rows, stop when their mean pseudo-log-likelihood has not risen by more than
        ``tol`` nats for ``n_iter_no_change`` epochs, and keep the weights with the highest one.
        Of the rows held out, at most 1000 are scored.
    validation_fraction : float, default=0.1
        Share of the rows to hold out, in (0, 1). Used with ``early_stopping`` only.
    n_iter_no_change : int, default=10
        Epochs to wait for a gain. Used with ``early_stopping`` only.
    tol : float, default=1e-4
        Smallest gain that counts, in nats per row. Used with ``early_stopping`` only.
    reconstruction_tol : float, default=None
        Stop when the reconstruction error, see ``history_``, is not above this.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last call ended.
    missing_values : object, default=np.nan
        What marks a missing entry, such as "?". NaN and None, and what else a DataFrame has for it,
        always do.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_units)
        Weights: what a hidden unit that is on adds to the log-odds of a binary visible unit and of
        one that stands for a category, and to the mean of a real column.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units, float64.
    intercept_visible_ : ndarray of shape (n_units,)
        Biases of the visible units, float64.
    variances_ : ndarray of shape (n_units,)
        Variances of real columns given the hidden units, float64; 1 for other units.
    mean_, scale_ : ndarray of shape (n_units,)
        Mean and standard deviation that real columns are standardised by; 0 and 1 for other units.
    categories_ : list of list or None
        For each column its categories, or None for one of real numbers. Of a binary column the
        visible unit is on for the second one.
    unit_names_ : ndarray of str, of shape (n_units,)
        Names of the visible units, in their order: binary columns first, then categories, then real
        columns.
    encoder_ : TableEncoder
        What makes states of the visible units from a table, and a table from them.
    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains, as for :class:`GaussianRBM`. Not with "cd".
    betas_, swap_rates_ : ndarray of shapes (n_replicas,) and (n_replicas - 1,)
        As for :class:`BernoulliRBM`. Only with ``algorithm="pt"``.
    n_iter_ : int
        Number of epochs that the last ``fit`` ran.
    history_ : dict of str to list of float
        As for :class:`GaussianRBM`.
    loss_curve_ : list of float
        Minus ``history_["pseudo_likelihood"]``.
    n_features_in_ : int
        Number of columns seen during ``fit``.
    n_features_out_ : int
        Number of features that ``transform`` returns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of columns seen during ``fit``, if all of them are strings.

    See Also
    --------
    RBMImputer : Fills in missing entries of a table by such a machine.
    GaussianRBM : The same for real columns alone.
    BernoulliRBM : The same for binary columns alone.

    Notes
    -----
    :meth:`score_samples` adds log-probabilities of binary columns and of choices, and log-densities
    of real columns in the units of the data, each given all other columns: exactly, by sums and by
    an integral of one dimension.

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

    _learns_from_chunks: ClassVar = False
    _parameter_checks: ClassVar = CHECKS_OF_REAL_UNITS | CHECKS_OF_TABLES

    # Those of the data, less what the initial weights account for.
    variances = None

    def __init__(
        self,
        n_components=256,
        *,
        categories="auto",
        handle_unknown="error",
        learning_rate=0.05,
        batch_size=10,
        n_iter=10,
        verbose=0,
        random_state=None,
        algorithm="cd",
        n_gibbs_steps=5,
        n_chains=None,
        n_replicas=10,
        learn_variance=True,
        variance_learning_rate=None,
        max_gradient_norm=10.0,
        sampler="gibbs",
        langevin_time=0.5,
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

    # What only a table is asked for

    def conditional_proba(self, X, column, values=None):
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
            values = check_array(values, ensure_2d=False, dtype=np.float64, input_name="values")
            states = (values.reshape(-1, 1) - model.mean[part]) / model.scale[part]
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
