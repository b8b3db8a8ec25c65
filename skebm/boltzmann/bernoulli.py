"""The restricted Boltzmann machine with binary visible units."""

import math

import numpy as np

from .initial import initial_machine, share_of_scale
from .machine import Machine
from .model import Model
from .rbm import BaseRBM
from .units import BernoulliUnits


class BernoulliRBM(BaseRBM):
    """Restricted Boltzmann machine with binary visible and binary hidden units.

    Models data in [0, 1] by p(v) proportional to the sum over h of exp(-E(v, h)), with
    E(v, h) = -v W h - b v - c h. Learns by stochastic gradient ascent of the log-likelihood,
    whose intractable part is estimated by Gibbs sampling.

    A drop-in replacement for :class:`sklearn.neural_network.BernoulliRBM`: what that class has
    is here under the same names, with the same defaults. See :ref:`the user guide
    <boltzmann>` for how to choose the parameters.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.
    learning_rate : float or sequence of float, default=0.1
        Length of a step along the gradient of the mean log-likelihood. This and every other
        parameter that takes a sequence changes from epoch to epoch: the values share the
        ``n_iter`` epochs evenly, in their order.
    batch_size : int, default=10
        Rows in a minibatch.
    n_iter : int, default=10
        Epochs, passes over the training data.
    verbose : int, default=0
        If positive, print one line per epoch.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, of the order of the rows, and of all samples. Pass an int
        for the same result at each call, on any number of threads, see :ref:`random_numbers`.
    algorithm : {"pcd", "cd", "pt"}, default="pcd"
        Where the Gibbs chains start. "pcd", persistent contrastive divergence: where the last
        step left them [1]_. "cd", contrastive divergence: at the data of the minibatch [2]_.
        "pt", parallel tempering: as "pcd", and each chain swaps states with replicas of itself
        at higher temperatures, so that it does not stay in one mode [5]_.
    n_gibbs_steps : int or sequence of int, default=1
        Steps of Gibbs sampling, each of both layers, for one step of learning.
    n_chains : int, default=None
        Number of persistent chains. None is ``batch_size``. Not used by "cd".
    n_replicas : int, default=10
        Temperatures of parallel tempering, from that of the model to one where all units are
        independent. Used by "pt" and ``sample`` only.
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}, default="linear"
        Factor of the learning rate in epoch e = 0, 1, ... of n: 1; 1 - e / n; 1 / sqrt(1 + e);
        (1 + cos(pi e / n)) / 2.
    solver : {"sgd", "adagrad", "rmsprop", "adam"}, default="sgd"
        How steps follow from gradients. "sgd" goes the learning rate times the gradient, and is the
        one that the compiled loop for data with many zeros has: it is several times as fast there.
        The others adapt the length of the step of each parameter, and want a lower learning rate,
        such as 0.001.
    momentum : float or sequence of float, default=0.0
        Of "sgd": share of the last step that is added to the next, in [0, 1). It lengthens the
        steps by 1 / (1 - momentum): lower the learning rate as much. In an epoch before which n
        steps have been taken it is held to 1 - 1 / (2 + n / 100), since the first steps lead in
        directions that do not last.
    nesterovs_momentum : bool, default=False
        Whether the momentum of "sgd" is Nesterov's; Polyak's otherwise.
    beta_1, beta_2 : float, default=0.9, 0.999
        Of "adam": shares of the averages of gradients and of their squares that are kept, in
        [0, 1).
    epsilon : float, default=1e-8
        What "adagrad", "rmsprop" and "adam" add to a divisor.
    alpha : float, default=0.0
        Strength of the penalty on the weights; biases are free. The share of a weight that L2
        takes in one step, ``learning_rate * alpha * (1 - l1_ratio)``, must be below 1.
    l1_ratio : float, default=0.0
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``.
        L1 acts by its proximal step, so that weights become zero and not just small.
    sparsity_target : float, default=None
        Mean activity that the hidden units are drawn to, in (0, 1), by their biases [3]_. None
        leaves them alone.
    sparsity_cost : float, default=0.1
        How strongly: the biases move by the learning rate times this times the difference
        between the target and a moving average of the activity.
    centered : bool, default=True
        Take the gradient with respect to states from which moving averages have been subtracted
        [4]_. It leads to a higher likelihood, soonest where most features are usually on or
        usually off, does not depend on which of 0 and 1 is called on, and lets fewer hidden units
        fall silent for all rows.
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
    missing_values : float, default=np.nan
        What marks a missing entry of the data, in training and in use, see
        :ref:`the user guide <missing_entries>`. NaN is refused where it is another number.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.
    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains. With ``algorithm="pt"``, of all replicas, in an
        array of shape (n_replicas, n_chains, n_components) whose last are those of the model. Not
        with "cd".
    betas_ : ndarray of shape (n_replicas,)
        Inverse temperatures of the replicas, from 0 to 1, as they have adapted. Only with
        ``algorithm="pt"``.
    swap_rates_ : ndarray of shape (n_replicas - 1,)
        Probability that replicas at neighbouring temperatures swap, a moving average over the
        last steps. Below about 0.2, more replicas are needed. Only with ``algorithm="pt"``.
    n_iter_ : int
        Number of epochs that the last ``fit`` ran.
    history_ : dict of str to list of float
        Measurements after each epoch of the last ``fit``. On up to 50 training rows, always
        the same: "reconstruction_error", the squared difference of a row and its mean-field
        reconstruction, summed over features, mean over rows; and "pseudo_likelihood", the mean
        of ``score_samples``. "dead_units" is the share of the hidden units whose means differ
        by less than 0.05 over up to 256 rows of training, and which begin anew before the next
        epoch, see the notes. "seconds" is the duration of the epoch. With ``early_stopping``,
        also "validation_pseudo_likelihood" of the rows held out, and "free_energy_gap", their
        mean free energy less that of the training rows, which grows with over-fitting.
    loss_curve_ : list of float
        Minus ``history_["pseudo_likelihood"]``: the likelihood itself cannot be computed.
    n_features_in_ : int
        Number of features seen during ``fit``.
    n_features_out_ : int
        Number of features that ``transform`` returns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during ``fit``, if all of them are strings.

    See Also
    --------
    sklearn.neural_network.BernoulliRBM : The estimator that this one replaces.

    Notes
    -----
    The hidden states that enter the gradient are probabilities, which have the same expectation
    as samples and a smaller variance; the visible states of the chains are samples. A minibatch
    of any size weighs the data and the chains equally.

    Hidden units start as a random projection of the data. Their weights have random directions,
    orthogonal ones for any two features where there are as many hidden units, and one scale: the
    largest at which what goes into a hidden unit has a standard deviation of at most 2 over the
    rows, and what goes into a visible unit one of at most 6. Their biases are such that a unit is
    on for about a fifth of the rows, or for ``sparsity_target``. Visible biases start at the
    log-odds of the data's means, less what the hidden units add. Persistent chains start at the
    activity of the hidden units.

    A unit that says nearly the same of all rows tells nothing about them, and nothing in the
    gradient would bring it back. ``fit`` counts such dead units after each epoch, and has new ones
    start in their place before the next; so does ``fit`` with ``warm_start`` before its first.
    ``partial_fit`` leaves them alone. If more than a tenth are dead at the end, ``fit`` warns.

    References
    ----------
    .. [1] T. Tieleman, "Training restricted Boltzmann machines using approximations to the
       likelihood gradient", ICML 2008.
    .. [2] G. E. Hinton, "Training products of experts by minimizing contrastive divergence",
       Neural Computation 14, 2002.
    .. [3] H. Lee, C. Ekanadham and A. Y. Ng, "Sparse deep belief net model for visual area V2",
       NIPS 2007.
    .. [4] J. Melchior, A. Fischer and L. Wiskott, "How to center deep Boltzmann machines",
       Journal of Machine Learning Research 17, 2016.
    .. [5] G. Desjardins, A. Courville, Y. Bengio, P. Vincent and O. Delalleau, "Tempered Markov
       chain Monte Carlo for training of restricted Boltzmann machines", AISTATS 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import BernoulliRBM
    >>> X = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> rbm = BernoulliRBM(n_components=2, random_state=0).fit(X)
    >>> rbm.transform(X).shape
    (4, 2)
    >>> bool(rbm.score(X) < 0)
    True
    """

    def __skebm_model__(self, dtype=None):
        """What has been learned, see :class:`~skebm.boltzmann.rbm.BaseRBM`."""
        weights, *biases = (
            np.ascontiguousarray(array, dtype=self.components_.dtype if dtype is None else dtype)
            for array in (self.components_.T, self.intercept_visible_, self.intercept_hidden_)
        )
        visible, hidden = self._visible_units(biases[0]), BernoulliUnits(biases[1])
        machine = Machine.restricted(weights, visible, hidden, self._copies)
        return Model(machine, self._means, self._batch_size)

    def _new_model(self, rows, activity, random_state):
        with np.errstate(over="ignore"):
            moments = rows.moments()
        p, n_rows = self._parameters, rows.shape[0]
        visible = self._visible_units(moments.mean).with_mean(moments.mean, n_rows)
        rate, n_updates = float(np.ravel(p.learning_rate)[0]), math.ceil(n_rows / p.batch_size)
        share = share_of_scale(rate, n_updates)
        machine, means = initial_machine(
            visible,
            moments,
            p.n_components,
            activity,
            random_state,
            rows.dtype,
            share,
            self._copies,
        )
        return Model(machine, means, p.batch_size)

    def _visible_units(self, bias):
        return BernoulliUnits(bias)
