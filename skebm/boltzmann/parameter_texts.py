"""Descriptions of parameters and attributes that several Boltzmann machines with layers share.

See :mod:`skebm._parameter_texts` for how they are inserted into docstrings.
"""

from .._parameter_texts import texts

# All machines with layers.
OF_LAYERS = texts("""
    n_components : int
        Number of hidden units.
    batch_size : int
        Rows in a minibatch.
    n_iter : int
        Number of epochs, which are passes over the training data.
    verbose : int
        If positive, print one line per epoch.
    random_state : int, RandomState instance or None
        Source of the initial weights, of the order of the rows, and of all samples. Pass an int
        for the same result at each call, on any number of threads, see :ref:`random_numbers`.
    n_chains : int
        Number of persistent chains. None is ``batch_size``. Not used by "cd".
    n_replicas : int
        Number of temperatures of parallel tempering, from that of the model to one at which all
        units are independent. Only used by "pt" and ``sample``.
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}
        Factor of the learning rates in epoch e = 0, 1, ... of n: 1; 1 - e / n; 1 / sqrt(1 + e);
        (1 + cos(pi e / n)) / 2.
    solver : {"sgd", "adagrad", "rmsprop", "adam"}
        How steps follow from gradients. A step of "sgd" is the learning rate times the gradient.
        The others adapt the length of the step of each parameter, and need a lower learning rate,
        such as 0.001.
    momentum : float or sequence of float
        With "sgd": share of the last step that is added to the next, in [0, 1). It makes steps
        longer by the factor 1 / (1 - momentum): lower the learning rate as much. In an epoch before
        which n steps have been taken it is limited to 1 - 1 / (2 + n / 100), since the directions
        of the first steps soon change.
    nesterovs_momentum : bool
        Whether the momentum of "sgd" is Nesterov's; otherwise it is Polyak's.
    beta_1, beta_2 : float
        With "adam": shares of the averages of the gradients and of their squares that are kept, in
        [0, 1).
    epsilon : float
        What "adagrad", "rmsprop" and "adam" add to a divisor.
    alpha : float
        Strength of the penalty on the weights; biases are not penalised. The share of a weight that
        L2 takes in one step, ``learning_rate * alpha * (1 - l1_ratio)``, must be below 1.
    l1_ratio : float
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``. L1
        acts by its proximal step, so that weights become exactly zero and not only small.
    sparsity_target : float
        Mean activity, in (0, 1), to which the hidden units are drawn by changes of their biases.
        None leaves them alone.
    sparsity_cost : float
        How strongly they are drawn: in a step, a bias moves by the learning rate times this times
        the difference between the target and a moving average of the activity.
    centered : bool
        Whether the gradient is taken with respect to states from which moving averages have been
        subtracted. The likelihood becomes higher, sooner where most features are usually on or
        usually off; the result does not depend on which of two values is written as 1; and fewer
        hidden units have the same activity for all rows.
    shuffle : bool
        Whether the rows are visited in a new order in each epoch.
    early_stopping : bool
        Hold out some rows, stop when their mean pseudo-log-likelihood has not risen by more than
        ``tol`` nats for ``n_iter_no_change`` epochs, and keep the weights with the highest one.
        At most 1000 of the rows held out are scored.
    validation_fraction : float
        Share of the rows to hold out, in (0, 1). Only used with ``early_stopping``.
    n_iter_no_change : int
        Number of epochs without a gain after which training stops. Only used with
        ``early_stopping``.
    tol : float
        Smallest gain that counts, in nats per row. Only used with ``early_stopping``.
    reconstruction_tol : float
        Stop when the reconstruction error, see ``history_``, is not above this.
    warm_start : bool
        Whether ``fit`` goes on from where the last call ended.
    missing_values : float
        What marks a missing entry of the data, in training and in use, see
        :ref:`the user guide <missing_entries>`. If it is another number, NaN is refused.
    betas_ : ndarray of shape (n_replicas,)
        Inverse temperatures of the replicas, from 0 to 1, as they have adapted. Only with
        ``algorithm="pt"``.
    swap_rates_ : ndarray of shape (n_replicas - 1,)
        Probability that replicas at neighbouring temperatures swap, a moving average over the
        last steps. Below about 0.2, more replicas are needed. Only with ``algorithm="pt"``.
    n_iter_ : int
        Number of epochs that the last ``fit`` ran.
    """)

# Machines with one hidden layer.
OF_RBMS = texts("""
    n_gibbs_steps : int or sequence of int
        Steps of Gibbs sampling, each of both layers, for one learning step.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains. With ``algorithm="pt"``, those of all replicas, of
        shape (n_replicas, n_chains, n_components); the last ones are those of the model. Not there
        with "cd".
    history_ : dict of str to list of float
        Measurements after each epoch of the last ``fit``. On up to 50 training rows, always the
        same ones: "reconstruction_error", the squared difference of a row and its mean-field
        reconstruction, summed over features, mean over rows, and for real features in units of
        their variances; and "pseudo_likelihood", the mean of ``score_samples``. "dead_units" is the
        share of the hidden units whose means differ by less than 0.05 over up to 256 training rows;
        they begin anew before the next epoch, see the notes of :class:`BernoulliRBM`. "seconds" is
        the duration of the epoch. With ``early_stopping``, also "validation_pseudo_likelihood" of
        the rows held out, and "free_energy_gap", their mean free energy minus that of the training
        rows, which grows with over-fitting.
    loss_curve_ : list of float
        Minus ``history_["pseudo_likelihood"]``: the likelihood itself cannot be computed.
    """)

# Machines with one hidden layer and real-valued visible units.
OF_REAL_UNITS = texts("""
    learning_rate : float or sequence of float
        Length of a step for features of mean 0 and variance 1. Its direction is the gradient with
        respect to the means of the visible units: gradients of the weights and of the visible
        biases are multiplied by the variances. This and each other parameter that takes a sequence
        can change from epoch to epoch: the values share the ``n_iter`` epochs evenly, in their
        order.
    algorithm : {"cd", "pcd", "pt"}
        Where the Gibbs chains start. "cd", contrastive divergence: at the data of the minibatch,
        which is best for these units [3]_. "pcd", persistent contrastive divergence: where the
        last step left them. "pt", parallel tempering: as "pcd", and each chain swaps states with
        replicas of itself at higher temperatures.
    n_gibbs_steps : int or sequence of int
        Steps of Gibbs sampling, each of both layers, for one learning step. With a single one the
        likelihood may fall again in a long training.
    learn_variance : bool
        Whether the variances are learned, as their logarithms. They stay between 1e-4 and 100 times
        the variance of the feature in the data.
    variance_learning_rate : float
        Length of a step of the log-variances. None is a tenth of the learning rate.
    max_gradient_norm : float
        Largest Frobenius norm of the gradient of the weights; a longer gradient is scaled back to
        it, and the gradients of the biases with it. ``inf`` is no limit.
    sampler : {"gibbs", "gibbs-langevin"}
        How visible states are drawn given the hidden ones. "gibbs": independently of what they
        were. "gibbs-langevin": by Langevin dynamics from where they were [2]_, which for normal
        units has an exact step of any length. Draws without a state before them are independent:
        the first of a step with "pcd", and all with "pt".
    langevin_time : float
        Length of that step: a distance from the mean shrinks by the factor exp(-langevin_time).
    alpha : float
        Strength of the penalty on the weights divided by the variances, for features of variance 1.
        The share of a weight that L2 takes in one step, ``learning_rate * alpha * (1 - l1_ratio)``,
        must be below 1.
    """)
