"""Texts of the parameters and attributes of both stacking networks.

See :mod:`skebm._parameter_texts` for how the texts get into the docstrings.
"""

from .._parameter_texts import texts

OF_STACKING = texts("""
    n_components : int
        Number of hidden units of each module.
    n_modules : int
        Number of modules; with ``early_stopping``, the largest number.
    alpha : float or {"loo", "gcv"}
        Penalty on the squared output weights, which is added to the squared error summed over the
        rows, as in :class:`sklearn.linear_model.Ridge`. "loo" and "gcv" choose it for each module
        among 15 values from 1e-3 to 1e4, by the leave-one-out error or by generalised
        cross-validation with the hidden weights that the module starts from.
    dropout : float
        Probability in [0, 1) with which a hidden unit is dropped from a row. No unit is really
        dropped: the error is the mean over all ways of dropping units, which has a closed form for
        linear outputs, so that the solution and the steps stay exact.
    init : {"random", "rbm", "copy"}
        Hidden weights that a module starts from. "random": normal numbers, for features less their
        mean and scaled by their range. "rbm": a restricted Boltzmann machine that is trained on
        what the module sees. "copy": as "rbm" for the bottom module; each other module starts from
        the weights of the module below, with small random weights to its new inputs.
    rbm : BernoulliRBM
        The machine to train, except for its number of units and its random state. None is
        ``BernoulliRBM(algorithm="cd", learning_rate=0.05, momentum=0.5, alpha=2e-4)``.
    stacking : {"all", "last"}
        Whether a module sees the outputs of all modules below it or only those of the last one.
    cv : int, cross-validation generator or iterable
        If given, the outputs that a module passes on for a training row are those of modules that
        were trained without this row, as in :class:`sklearn.ensemble.StackingClassifier`. This
        keeps the modules above from trusting outputs that were fitted to these very rows, and takes
        one more training per fold of each module but the top one. An int is a number of folds.
    warm_up : int
        Epochs of minibatch descent (Adam) before the full-batch steps. It helps where there are
        many rows and full-batch steps are slow. No effect if ``max_iter`` is 0.
    learning_rate_init : float
        Learning rate of the warm-up in its first step. It falls to zero along a cosine.
    batch_size : int
        Rows in a minibatch of the warm-up.
    input_dropout : float
        Probability in [0, 1) with which an input is set to zero in a row of a minibatch; the
        others are scaled up to match.
    max_iter : int
        Maximum number of full-batch steps of fine-tuning for each module. 0 leaves the hidden
        weights as they started.
    emphasis : bool
        Give more weight in fine-tuning to rows that are predicted badly: (1 + e / mean(e)) / 2 for
        a row of squared error e, computed anew after every five steps. The final output weights are
        solved for without it.
    tol : float
        Smallest relative decrease of the error that counts.
    early_stopping : bool
        Hold out some rows, and keep the step of each module, and the number of modules, for which
        their squared error is the smallest.
    validation_fraction : float
        Share of the rows to hold out, in (0, 1). Only used with ``early_stopping``.
    n_iter_no_change : int
        Number of steps without a decrease of the error after which the training of a module ends.
        The error is that of the training rows or, with ``early_stopping``, of the rows held out.
    working_memory : float
        Megabytes that the hidden activities of all rows may take. If they need more, they are
        never held all at once, and are computed twice per step. None is the ``working_memory`` of
        :func:`sklearn.get_config`, which is 1024 unless it was changed.
    verbose : int
        If positive, print one line per step.
    random_state : int, RandomState instance or None
        Source of the starting weights, of the minibatches and of the rows held out. Pass an int
        for the same result at each call, on any number of threads.
    n_jobs : int
        Maximum number of threads that share each chunk of rows, never more than there are
        processors: -1 is all processors, -2 all but one. None takes all processors that are idle.
        The result does not depend on it.
    modules_ : list of Module
        The modules from the bottom up, each with plain arrays and numbers: ``components_`` of shape
        (n_components, n_inputs), ``intercept_hidden_``, ``coef_`` of shape (n_components,
        n_outputs), ``intercept_`` and ``alpha_``; ``error_before_`` and ``error_after_``, the mean
        squared error of a training row before and after fine-tuning; ``error_curve_``, that error
        with the penalties after each step; ``validation_curve_``, the squared error of the rows
        held out; of a classifier ``sharpness_``, see :meth:`DSNClassifier.predict_proba`. Those of
        a regressor are for standardised targets.
    final_estimator_ : classifier or regressor
        The fitted ``final_estimator``. Only if one was given.
    history_ : dict of str to list of float
        What was measured after each step of fine-tuning, of all modules in turn: "module", its
        number from 0 at the bottom; "loss", the squared error and the penalties, divided by the
        number of rows; with ``early_stopping`` "validation_error", the mean squared error of the
        rows held out.
    loss_curve_ : list of float
        The loss after each step, ``history_["loss"]``: it never rises within a module.
    n_iter_ : int
        Number of steps of fine-tuning, of all modules together; a warm-up counts as one.
    """)
