"""Descriptions of parameters and attributes that several deep networks share.

See :mod:`skebm._parameter_texts` for how they are inserted into docstrings.
"""

from .._parameter_texts import texts

# Estimators with a stack of RBMs.
OF_STACKS = texts("""
    hidden_layer_sizes : int or sequence of int
        Number of units of each hidden layer, from the lowest to the highest.
    visible_units : {"auto", "bernoulli", "gaussian"}
        Visible units of the lowest RBM. "bernoulli": for data in [0, 1]. "gaussian": for real
        numbers of any scale; each feature is standardised. "auto": "bernoulli" where all values
        of the data are in [0, 1], and otherwise "gaussian".
    rbm_algorithm : {"cd", "pcd"}
        Where the Gibbs chains of the RBMs start, see :class:`BernoulliRBM`. This and each other
        parameter that starts with ``rbm_`` is the parameter of the RBMs that has this name without
        ``rbm_``. A sequence holds one value for each RBM. A value that changes from epoch to epoch
        is a sequence inside such a sequence: ``rbm_momentum=[(0.5, 0.9), (0.5, 0.9)]`` for two
        RBMs.
    rbm_n_gibbs_steps : int or sequence of int
        Steps of Gibbs sampling for each learning step of the RBMs.
    rbm_learning_rate : float or sequence of float
        Learning rate of the RBMs in their first epoch.
    rbm_learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}
        How the learning rate of the RBMs changes from epoch to epoch.
    rbm_n_iter : int or sequence of int
        Number of training epochs of each RBM.
    rbm_batch_size : int or sequence of int
        Rows in a minibatch of the RBMs.
    rbm_momentum : float or sequence of float
        Share of the last step of the RBMs that is added to the next, in [0, 1).
    rbm_alpha : float or sequence of float
        Strength of the L2 penalty on the weights of the RBMs.
    visible_units_ : {"bernoulli", "gaussian"}
        The visible units of the lowest layer: what ``visible_units`` said, or "auto" found.
    """)

# Networks that are fine-tuned by backpropagation.
OF_FINE_TUNING = texts("""
    pretrain : bool
        Whether the hidden layers are first trained as RBMs. False starts from random weights.
    solver : {"sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"}
        How the loss is minimised in fine-tuning. "lbfgs" uses all rows in each step. "cg",
        conjugate gradients, does ``n_line_searches`` line searches on each minibatch.
    alpha : float
        Strength of the penalty on the weights, divided by the number of rows in a minibatch.
        Biases are not penalised.
    l1_ratio : float
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``.
    max_gradient_norm : float
        Largest Euclidean norm of the gradient; a longer gradient is scaled back to it. No effect
        with "lbfgs" and "cg".
    batch_size : int or "auto"
        Rows in a minibatch of fine-tuning. "auto" is a hundredth of the rows, but at least 20 and
        at most 100; with "cg" it is 1000.
    learning_rate : {"constant", "linear", "invscaling", "cosine", "adaptive"}
        Factor of the learning rate in epoch e = 0, 1, ... of n: 1; 1 - e / n; 1 / sqrt(1 + e);
        (1 + cos(pi e / n)) / 2. "adaptive" divides the learning rate by 5 each time that training
        would otherwise stop because the loss no longer falls, until it is below 1e-6.
    max_iter : int
        Maximum number of epochs of fine-tuning; with "lbfgs", of iterations. No warning is given
        where they end before training has converged.
    n_line_searches : int
        Line searches on each minibatch. Only used by "cg".
    shuffle : bool
        Whether the rows are visited in a new order in each epoch of fine-tuning.
    random_state : int, RandomState instance or None
        Source of all random numbers. Pass an int for the same result at each call, on any number
        of threads.
    tol : float
        Smallest gain that counts, of the loss or of the validation score.
    verbose : int
        If positive, print one line per epoch: the layer, the epoch, what was measured, and the
        seconds that the layer or the fine-tuning still needs if it runs to its last epoch.
    warm_start : bool
        Whether ``fit`` goes on from where the last call ended: fine-tuning from the weights that
        are there and, after an interrupt, pre-training from the first layer that is missing.
    momentum : float
        Share of the last step that is added to the next, in [0, 1). Only used by "sgd".
    nesterovs_momentum : bool
        Whether to use Nesterov's momentum. Only used by "sgd".
    early_stopping : bool
        Hold out some of the rows that have a target, stop when their score has not risen by
        ``tol`` for ``n_iter_no_change`` epochs, and keep the weights with the highest score. With
        False, training stops when the loss has not fallen by ``tol`` for so many epochs, unless
        ``learning_rate`` is "linear" or "cosine": these always run to their last epoch.
    validation_fraction : float
        Share of the rows to hold out, in (0, 1). Only used with ``early_stopping``.
    beta_1 : float
        Decay of the mean of the gradients in "adam", in [0, 1).
    beta_2 : float
        Decay of the mean of the squared gradients in "adam", in [0, 1).
    epsilon : float
        Keeps divisors from zero in "adam", "rmsprop" and "adagrad".
    n_iter_no_change : int
        Number of epochs without a gain after which training stops.
    intercepts_ : list of ndarray
        Biases of each layer.
    mean_, scale_ : ndarray of shape (n_features,)
        With ``visible_units="gaussian"``: the mean that is subtracted from each feature, and the
        scale that it is then divided by, before it reaches the first layer; float64.
    n_layers_ : int
        Number of layers of units, the features and the outputs among them.
    history_ : dict of str to list of float
        What was measured in each epoch of fine-tuning: "loss", the mean over the rows as they were
        learned from, penalties included; "seconds"; with ``early_stopping`` "validation_score",
        the score of the rows held out.
    loss_curve_ : list of float
        The loss in each epoch of fine-tuning, ``history_["loss"]``.
    loss_ : float
        The loss in the last epoch. Not there where no epoch was run, or "lbfgs" found nothing to
        do.
    n_iter_ : int
        Number of epochs of fine-tuning.
    """)

# Networks with an output layer that predicts targets.
OF_PREDICTING = texts("""
    visible_units : {"auto", "bernoulli", "gaussian"}
        Visible units of the lowest RBM. "bernoulli": for data in [0, 1]; with ``pretrain=False``
        features of any range are taken as they are. "gaussian": for real numbers of any scale;
        each feature is standardised, also with ``pretrain=False``. "auto": "bernoulli" where all
        values of the data are in [0, 1], and otherwise "gaussian".
    activation : {"logistic", "tanh", "relu"}
        Activation of the hidden units. Those of RBMs are logistic: the others need
        ``pretrain=False``.
    dropout : float or sequence of float
        Probability in [0, 1) with which a hidden unit is set to zero in a step of fine-tuning: one
        number for all layers or one for each.
    input_dropout : float
        The same for the features.
    max_norm : float
        Largest Euclidean norm of the weights into a unit; longer ones are scaled back after each
        step. No effect with "lbfgs".
    learning_rate_init : float
        Learning rate in the first epoch of fine-tuning. The default is for "adam" and logistic
        units; with "relu", 0.003 was better. Not used by "lbfgs" and "cg".
    n_iter_output : int
        Number of these epochs, the first ones, that train the output layer alone.
    class_weight : dict, "balanced" or None
        Factor of the weights of the rows of each class in fine-tuning. "balanced": inversely
        proportional to the number of rows of the class.
    unlabeled : int, float or str
        Value of ``y`` that marks a row without a label, such as -1: it takes part in pre-training
        only. None: every value is a label.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    rbms_ : list of RBM
        The fitted RBMs, from the lowest layer to the highest, as pre-training left them; each has
        a ``history_``. Only with ``pretrain=True``.
    coefs_ : list of ndarray
        Weights of each layer, of shape (n_inputs, n_units), the output layer last.
    n_outputs_ : int
        Number of outputs of the network.
    out_activation_ : str
        Activation of the outputs.
    """)

# Generative networks.
OF_GENERATING = texts("""
    fine_tune : {"up_down"} or None
        "up_down" trains all layers together after the RBMs, by contrastive wake-sleep [1]_. The
        parameters from here to ``shuffle`` are for this alone. None leaves the layers as they are.
    n_gibbs_steps : int or sequence of int
        Gibbs steps of the highest RBM in each step of "up_down". The values of a sequence share
        the epochs evenly, in their order.
    batch_size : int
        Rows in a minibatch of "up_down".
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}
        Factor of the learning rate of "up_down" in epoch e = 0, 1, ... of n: 1; 1 - e / n;
        1 / sqrt(1 + e); (1 + cos(pi e / n)) / 2.
    learning_rate : float
        Learning rate of "up_down" in its first epoch.
    n_iter : int
        Number of epochs of "up_down".
    shuffle : bool
        Whether the rows are visited in a new order in each epoch of "up_down".
    random_state : int, RandomState instance or None
        Source of all random numbers of training, and of samples. Pass an int for the same result
        at each call, on any number of threads.
    verbose : int
        If positive, print one line per epoch: the layer, the epoch, what was measured, and the
        seconds that the layer or "up_down" still needs.
    warm_start : bool
        Whether ``fit`` goes on from where the last call ended: after an interrupt, with the first
        layer that is missing; where all are there, with ``n_iter`` more epochs of "up_down".
        With ``fine_tune=None`` a call that finds all layers there changes nothing.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    rbms_ : list of RBM
        The fitted RBMs, from the lowest layer to the highest; each has a ``history_``. The highest
        is a part of the model: "up_down" goes on with its weights and biases, but not with its
        ``h_samples_``; where there are labels, its visible units are the features of the layer
        below it and one unit for each class. The others stay as pre-training left them: the model
        has the weights and biases below instead of theirs.
    recognition_coefs_ : list of ndarray
        Weights upwards to each hidden layer but the highest, of shape (n_below, n_above).
    recognition_intercepts_ : list of ndarray
        Biases of these layers, given the layer below.
    generative_coefs_ : list of ndarray
        Weights downwards from each hidden layer but the highest, of shape (n_above, n_below).
    generative_intercepts_ : list of ndarray
        Biases of the layers that they lead to, the features first, given the layer above.
    history_ : dict of str to list of float
        What was measured in each epoch of "up_down": "reconstruction_error", the squared difference
        of a row and its mean given the lowest hidden layer as it was drawn, summed over features,
        mean over rows; "seconds".
    loss_curve_ : list of float
        ``history_["reconstruction_error"]``: the likelihood itself cannot be computed.
    n_iter_ : int
        Number of epochs of "up_down".
    """)
