"""Descriptions of parameters and attributes that several Boltzmann machines with layers share.

See :mod:`skebm._parameter_texts` for how they are inserted into docstrings.
"""

from .._parameter_texts import texts

# All machines with layers.
OF_LAYERS = texts("""
    n_components : int
        Number of hidden units.
    batch_size : int
        Number of rows in a minibatch.
    n_iter : int
        Number of epochs. An epoch is one pass over the training data.
    verbose : int
        If positive, print one line per epoch.
    random_state : int, RandomState instance or None
        Source of the initial weights, of the order of the rows, and of all samples. Pass an int
        for the same result at each call, on any number of threads, see :ref:`random_numbers`.
    n_chains : int
        Number of persistent chains. None means ``batch_size``. Not used by "cd".
    n_replicas : int
        Number of temperatures of parallel tempering, from the temperature of the model to one at
        which all units are independent. Only used by ``algorithm="pt"``, in training and in
        ``sample``.
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}
        Factor of the learning rates in epoch e = 0, 1, ... of n epochs. "constant": 1. "linear":
        1 - e / n. "invscaling": 1 / sqrt(1 + e). "cosine": (1 + cos(pi e / n)) / 2.
    solver : {"sgd", "adagrad", "rmsprop", "adam"}
        How a step is computed from the gradient. "sgd": the step is the learning rate times the
        gradient. The other solvers adapt the length of the step to each parameter. They need a
        lower learning rate, such as 0.001.
    momentum : float or sequence of float
        Only used by "sgd": share of the previous step that is added to the next one, in [0, 1).
        It makes steps longer by the factor 1 / (1 - momentum), so divide the learning rate by this
        factor. The directions of the first steps soon change. Therefore, in an epoch that starts
        after n steps, the momentum is at most 1 - 1 / (2 + n / 100).
    nesterovs_momentum : bool
        Only used by "sgd": whether the momentum is Nesterov's. Otherwise it is Polyak's.
    beta_1, beta_2 : float
        Only used by "adam": decay rates of the moving averages of the gradients and of their
        squares, in [0, 1).
    epsilon : float
        Small number that "adagrad", "rmsprop" and "adam" add to a divisor, so that it is not zero.
    alpha : float
        Strength of the penalty on the weights. Biases are not penalised. In one step, L2 shrinks
        each weight by the share ``learning_rate * alpha * (1 - l1_ratio)``, which must be below 1.
    l1_ratio : float
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``. L1
        is applied as a proximal step, so that weights become exactly zero and not only small.
    sparsity_target : float
        Mean activity of the hidden units, in (0, 1), that training aims at by changing their
        biases. None means that there is no target.
    sparsity_cost : float
        How strongly training aims at ``sparsity_target``. In each step, the bias of a hidden unit
        changes by the learning rate times ``sparsity_cost`` times the difference between the target
        and a moving average of the activity of the unit.
    centered : bool
        Whether the gradient is taken with respect to states from which moving averages have been
        subtracted. With centering, the likelihood becomes higher, and it does so sooner if most
        features are usually on or usually off. The result does not depend on which of two values
        is coded as 1, and fewer hidden units have the same activity for all rows.
    shuffle : bool
        Whether the rows are visited in a new order in each epoch.
    early_stopping : bool
        Hold out some rows, stop when their mean pseudo-log-likelihood has not risen by more than
        ``tol`` nats for ``n_iter_no_change`` epochs, and keep the weights for which it was highest.
        At most 1000 of the rows held out are scored.
    validation_fraction : float
        Share of the rows to hold out, in (0, 1). Only used with ``early_stopping``.
    n_iter_no_change : int
        Number of epochs without an improvement after which training stops. Only used with
        ``early_stopping``.
    tol : float
        Smallest improvement that counts, in nats per row. Only used with ``early_stopping``.
    reconstruction_tol : float
        Training stops when the reconstruction error, see ``history_``, is at most this. None means
        that the error does not end training.
    warm_start : bool
        Whether ``fit`` continues from the result of the previous call.
    missing_values : float
        Value that marks a missing entry of the data, in training and in use, see
        :ref:`the user guide <missing_entries>`. If it is not NaN, data with NaN raise an error.
    betas_ : ndarray of shape (n_replicas,)
        Inverse temperatures of the replicas, from 0 to 1. Training adapts them. Only with
        ``algorithm="pt"``.
    swap_rates_ : ndarray of shape (n_replicas - 1,)
        Probability that replicas at neighbouring temperatures swap their states, a moving average
        over the last steps. If it is below about 0.2, raise ``n_replicas``. Only with
        ``algorithm="pt"``.
    n_iter_ : int
        Number of epochs that the last ``fit`` ran.
    """)

# Machines with one hidden layer.
OF_RBMS = texts("""
    n_gibbs_steps : int or sequence of int
        Number of steps of Gibbs sampling in one learning step. A Gibbs step draws the states of
        both layers.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains. With ``algorithm="pt"`` they are the states of all
        replicas, of shape (n_replicas, n_chains, n_components); ``h_samples_[-1]`` are those at the
        temperature of the model. Not available with "cd".
    history_ : dict of str to list of float
        Measurements after each epoch of the last ``fit``. Two are made on up to 50 training rows,
        always the same ones. "reconstruction_error": the squared difference between a row and its
        mean-field reconstruction, summed over features and averaged over rows; for real features,
        in units of their variances. "pseudo_likelihood": the mean of ``score_samples``.
        "dead_units": the share of the hidden units whose means differ by less than 0.05 over up to
        256 training rows. These units are initialised again before the next epoch, see the notes of
        :class:`BernoulliRBM`. "seconds": the duration of the epoch. With ``early_stopping`` also
        "validation_pseudo_likelihood", that of the rows held out, and "free_energy_gap", the mean
        free energy of the rows held out minus that of the training rows, which grows when the model
        overfits.
    loss_curve_ : list of float
        Minus ``history_["pseudo_likelihood"]``, because the likelihood itself cannot be computed.
    """)

# Machines with one hidden layer and real-valued visible units.
OF_REAL_UNITS = texts("""
    learning_rate : float or sequence of float
        Length of a step, for features of mean 0 and variance 1. The step follows the gradient with
        respect to the means of the visible units: the gradients of the weights and of the visible
        biases are multiplied by the variances. Like every parameter that may be a sequence, it can
        change from epoch to epoch: each value of a sequence is used for an equal share of the
        ``n_iter`` epochs, in order.
    algorithm : {"cd", "pcd", "pt"}
        Where the Gibbs chains of a learning step start. "cd", contrastive divergence: at the data
        of the minibatch, which is best for these units [3]_. "pcd", persistent contrastive
        divergence: where they ended in the previous step. "pt", parallel tempering: as "pcd", and
        each chain swaps states with replicas of itself at higher temperatures.
    n_gibbs_steps : int or sequence of int
        Number of steps of Gibbs sampling in one learning step. A Gibbs step draws the states of
        both layers. With only one, the likelihood may decrease again in a long training.
    learn_variance : bool
        Whether the variances are learned. What is learned are their logarithms. Each variance stays
        between 1e-4 times and 100 times the variance of the feature in the data.
    variance_learning_rate : float
        Learning rate of the logarithms of the variances. None means a tenth of ``learning_rate``.
    max_gradient_norm : float
        Largest Frobenius norm of the gradient of the weights. If the norm is larger, the gradients
        of the weights and of the biases are multiplied by the factor that reduces it to this value.
        ``inf`` means that there is no limit.
    sampler : {"gibbs", "gibbs-langevin"}
        How visible states are drawn given the hidden ones. "gibbs": independently of the previous
        visible states. "gibbs-langevin": by a step of Langevin dynamics that starts at the previous
        visible states [2]_; for normal units, a step of any length is exact. Where there are no
        previous states, draws are independent: the first one of a learning step with "pcd", and all
        with "pt".
    langevin_time : float
        Length of that step. It multiplies the expected deviation from the mean by
        exp(-langevin_time).
    alpha : float
        Strength of the penalty on the weights divided by the variances, for features of variance 1.
        In one step, L2 shrinks each weight by the share
        ``learning_rate * alpha * (1 - l1_ratio)``, which must be below 1.
    """)
