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
        numbers of any scale; each feature is standardised. "auto": "bernoulli" if all values of the
        data are in [0, 1], otherwise "gaussian".
    rbm_algorithm : {"cd", "pcd"}
        Where the Gibbs chains of the RBMs start, see :class:`BernoulliRBM`. Each parameter whose
        name starts with ``rbm_`` is the parameter of the RBMs with the rest of the name. A sequence
        has one value for each RBM. To let a value change from epoch to epoch as well, put a
        sequence into this sequence: ``rbm_momentum=[(0.5, 0.9), (0.5, 0.9)]`` for two RBMs.
    rbm_n_gibbs_steps : int or sequence of int
        Number of steps of Gibbs sampling in one learning step of the RBMs.
    rbm_learning_rate : float or sequence of float
        Learning rate of the RBMs in their first epoch.
    rbm_learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}
        How the learning rate of the RBMs changes from epoch to epoch.
    rbm_n_iter : int or sequence of int
        Number of training epochs of each RBM.
    rbm_batch_size : int or sequence of int
        Number of rows in a minibatch of the RBMs.
    rbm_momentum : float or sequence of float
        Share of the previous step of the RBMs that is added to the next one, in [0, 1).
    rbm_alpha : float or sequence of float
        Strength of the L2 penalty on the weights of the RBMs.
    visible_units_ : {"bernoulli", "gaussian"}
        Visible units of the lowest layer: ``visible_units``, or the kind that "auto" has chosen.
    """)

# Networks that are fine-tuned by backpropagation.
OF_FINE_TUNING = texts("""
    pretrain : bool
        Whether the hidden layers are first trained as RBMs. If False, fine-tuning starts from
        random weights.
    solver : {"sgd", "adagrad", "rmsprop", "adam", "lbfgs", "cg"}
        How the loss is minimised in fine-tuning. "lbfgs" uses all rows in each step. "cg",
        conjugate gradients, does ``n_line_searches`` line searches on each minibatch. The others
        take one step on each minibatch.
    alpha : float
        Strength of the penalty on the weights, divided by the number of rows in a minibatch.
        Biases are not penalised.
    l1_ratio : float
        Share of L1 in the penalty ``alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) * |W|^2 / 2)``.
    max_gradient_norm : float
        Largest Euclidean norm of the gradient. A longer gradient is scaled down to it. None means
        that there is no limit. Not used by "lbfgs" and "cg".
    batch_size : int or "auto"
        Number of rows in a minibatch of fine-tuning. "auto" is a hundredth of the rows, but at
        least 20 and at most 100; with "cg" it is 1000.
    learning_rate : {"constant", "linear", "invscaling", "cosine", "adaptive"}
        Factor of the learning rate in epoch e = 0, 1, ... of n epochs. "constant": 1. "linear":
        1 - e / n. "invscaling": 1 / sqrt(1 + e). "cosine": (1 + cos(pi e / n)) / 2. "adaptive"
        divides the learning rate by 5 each time that training would otherwise stop because the
        loss no longer decreases, until the learning rate is below 1e-6.
    max_iter : int
        Maximum number of epochs of fine-tuning; with "lbfgs", of iterations. There is no warning
        if they end before training has converged.
    n_line_searches : int
        Number of line searches on each minibatch. Only used by "cg".
    shuffle : bool
        Whether the rows are visited in a new order in each epoch of fine-tuning.
    random_state : int, RandomState instance or None
        Source of all random numbers. Pass an int for the same result at each call, on any number
        of threads.
    tol : float
        Smallest improvement of the loss or of the validation score that counts.
    verbose : int
        If positive, print one line per epoch: the layer, the epoch, the measurements, and the
        remaining time in seconds of this layer or of fine-tuning, if it runs to its last epoch.
    warm_start : bool
        Whether ``fit`` continues from the result of the previous call: fine-tuning starts from the
        present weights. After an interruption, pre-training continues with the first layer that is
        missing.
    momentum : float
        Share of the previous step that is added to the next one, in [0, 1). Only used by "sgd".
    nesterovs_momentum : bool
        Whether to use Nesterov's momentum. Only used by "sgd".
    early_stopping : bool
        Hold out some of the rows that have a target, stop when their score has not risen by
        ``tol`` for more than ``n_iter_no_change`` epochs, and keep the weights with the highest
        score. If False, training stops when the loss has not decreased by ``tol`` for that many
        epochs, except if ``learning_rate`` is "linear" or "cosine": then it always runs to its
        last epoch.
    validation_fraction : float
        Share of the rows to hold out, in (0, 1). Only used with ``early_stopping``.
    beta_1 : float
        Decay rate of the moving average of the gradients in "adam", in [0, 1).
    beta_2 : float
        Decay rate of the moving average of the squared gradients in "adam", in [0, 1).
    epsilon : float
        Small number that "adam", "rmsprop" and "adagrad" add to a divisor, so that it is not zero.
    n_iter_no_change : int
        Number of epochs without an improvement. After one more such epoch, training stops, as in
        scikit-learn.
    intercepts_ : list of ndarray
        Biases of each layer.
    mean_, scale_ : ndarray of shape (n_features,)
        With ``visible_units="gaussian"``: before the first layer, ``mean_`` is subtracted from each
        row, and the result is divided by ``scale_``. Both are float64.
    n_layers_ : int
        Number of layers of units, including the features and the outputs.
    history_ : dict of str to list of float
        Measurements in each epoch of fine-tuning. "loss": the loss, including penalties, averaged
        over the rows; that of each row is measured just before the step that uses it. "seconds":
        the duration of the epoch. With ``early_stopping`` also "validation_score", the score of the
        rows held out.
    loss_curve_ : list of float
        The loss in each epoch of fine-tuning, ``history_["loss"]``.
    loss_ : float
        The loss in the last epoch. Not available if there was no epoch, or if "lbfgs" could not
        improve the weights.
    n_iter_ : int
        Number of epochs of fine-tuning.
    """)

# Networks with an output layer that predicts targets.
OF_PREDICTING = texts("""
    visible_units : {"auto", "bernoulli", "gaussian"}
        Visible units of the lowest RBM. "bernoulli": for data in [0, 1]; with ``pretrain=False``,
        features of any range are used unchanged. "gaussian": for real numbers of any scale; each
        feature is standardised, also with ``pretrain=False``. "auto": "bernoulli" if all values of
        the data are in [0, 1], otherwise "gaussian".
    activation : {"logistic", "tanh", "relu"}
        Activation of the hidden units. RBMs have logistic units, so "tanh" and "relu" need
        ``pretrain=False``.
    dropout : float or sequence of float
        Probability in [0, 1) with which a hidden unit is set to zero in a step of fine-tuning: one
        number for all hidden layers or one for each.
    input_dropout : float
        Probability in [0, 1) with which a feature is set to zero in a step of fine-tuning.
    max_norm : float
        Largest Euclidean norm of the weights of the inputs of a unit. Longer weight vectors are
        scaled down to it after each step. None means that there is no limit. Not used by "lbfgs".
    learning_rate_init : float
        Learning rate in the first epoch of fine-tuning. The default suits "adam" and logistic
        units; with "relu", 0.003 was better. Not used by "lbfgs" and "cg".
    n_iter_output : int
        Number of epochs at the beginning that train the output layer only. They are included in
        ``max_iter``.
    class_weight : dict, "balanced" or None
        Factor of the weights of the rows of each class in fine-tuning. "balanced": inversely
        proportional to the number of rows of the class. None: 1 for all classes.
    unlabeled : int, float or str
        Value of ``y`` that marks a row without a label, such as -1. Such rows are used in
        pre-training only. None: every value is a label.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes, sorted.
    rbms_ : list of RBM
        The fitted RBMs, from the lowest layer to the highest, as they were after pre-training. Each
        has a ``history_``. Only with ``pretrain=True``.
    coefs_ : list of ndarray
        Weights of each layer, of shape (n_inputs, n_units). The output layer is the last one.
    n_outputs_ : int
        Number of outputs of the network.
    out_activation_ : str
        Activation of the outputs.
    """)

# Generative networks.
OF_GENERATING = texts("""
    fine_tune : {"up_down"} or None
        "up_down" trains all layers together after the RBMs, by contrastive wake-sleep [1]_. The
        parameters from ``n_gibbs_steps`` to ``shuffle`` are only used by "up_down". None leaves the
        layers unchanged.
    n_gibbs_steps : int or sequence of int
        Number of steps of Gibbs sampling of the highest RBM in each step of "up_down". Each value
        of a sequence is used for an equal share of the epochs, in order.
    batch_size : int
        Number of rows in a minibatch of "up_down".
    learning_rate_schedule : {"constant", "linear", "invscaling", "cosine"}
        Factor of the learning rate of "up_down" in epoch e = 0, 1, ... of n epochs. "constant": 1.
        "linear": 1 - e / n. "invscaling": 1 / sqrt(1 + e). "cosine": (1 + cos(pi e / n)) / 2.
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
        If positive, print one line per epoch: the layer, the epoch, the measurements, and the
        remaining time in seconds of this layer or of "up_down".
    warm_start : bool
        Whether ``fit`` continues from the result of the previous call. After an interruption it
        continues with the first layer that is missing. If all layers are there, it runs ``n_iter``
        more epochs of "up_down", or changes nothing with ``fine_tune=None``.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes, sorted.
    rbms_ : list of RBM
        The fitted RBMs, from the lowest layer to the highest; each has a ``history_``. The highest
        one is a part of the model: "up_down" continues to train its weights and biases, but not its
        ``h_samples_``. If the model has labels, the visible units of the highest RBM are the units
        of the layer below and one unit for each class. The other RBMs stay as they were after
        pre-training: the model uses the weights and biases of the following attributes instead of
        theirs.
    recognition_coefs_ : list of ndarray
        Upward weights to each hidden layer except the highest, of shape (n_below, n_above).
    recognition_intercepts_ : list of ndarray
        Biases of these layers, given the layer below.
    generative_coefs_ : list of ndarray
        Downward weights from each hidden layer except the highest, of shape (n_above, n_below).
    generative_intercepts_ : list of ndarray
        Biases of the layers to which these weights lead, given the layer above. The features come
        first.
    history_ : dict of str to list of float
        Measurements in each epoch of "up_down". "reconstruction_error": the squared difference
        between a row and its mean given states of the lowest hidden layer, which are drawn given
        the row, summed over features and averaged over rows. "seconds": the duration of the epoch.
    loss_curve_ : list of float
        ``history_["reconstruction_error"]``, because the likelihood itself cannot be computed.
    n_iter_ : int
        Number of epochs of "up_down".
    """)
