"""Descriptions of parameters and attributes that both stacking networks share.

See :mod:`skebm._parameter_texts` for how they are inserted into docstrings.
"""

from .._parameter_texts import texts

OF_STACKING = texts("""
    n_components : int
        Number of hidden units of each module.
    n_modules : int
        Number of modules; with ``early_stopping``, the maximum number.
    alpha : float or {"loo", "gcv"}
        Penalty on the squared output weights. It is added to the squared error summed over the
        rows, as in :class:`sklearn.linear_model.Ridge`. "loo" and "gcv" choose it for each module
        among 15 values from 1e-3 to 1e4, by the leave-one-out error or by generalised
        cross-validation, with the initial hidden weights of the module.
    dropout : float
        Probability in [0, 1) with which a hidden unit is dropped from a row. Units are not dropped
        at random: the error is the mean over all ways of dropping units. For linear outputs, this
        mean has a closed form, so that the solution and the steps stay exact.
    init : {"random", "rbm", "copy"}
        Initial hidden weights of a module. "random": normal random numbers, scaled for features
        that are centred and divided by their range. "rbm": the weights of a restricted Boltzmann
        machine that is trained on the inputs of the module. "copy": as "rbm" for the bottom module;
        each other module starts from the weights of the module below, with small random weights
        for its new inputs.
    rbm : BernoulliRBM
        The machine to train; its number of units and its random state are replaced. None is
        ``BernoulliRBM(algorithm="cd", learning_rate=0.05, momentum=0.5, alpha=2e-4)``.
    stacking : {"all", "last"}
        Whether the inputs of a module include the outputs of all modules below it, or only those of
        the module directly below.
    cv : int, cross-validation generator or iterable
        If given, the outputs that a module passes on for a training row come from a copy of the
        module that was trained without this row, as in
        :class:`sklearn.ensemble.StackingClassifier`. Then the modules above do not rely on outputs
        that were fitted to the same rows. It takes one additional training per fold for each module
        except the top one. An int is a number of folds. With ``early_stopping="cv"`` these are its
        folds, see there.
    warm_up : int
        Number of epochs of minibatch descent (Adam) before the full-batch steps. It helps with many
        rows, for which full-batch steps are slow. Not used if ``max_iter`` is 0.
    learning_rate_init : float
        Learning rate of the warm-up in its first step. It decreases to zero along a cosine.
    batch_size : int
        Number of rows in a minibatch of the warm-up.
    input_dropout : float
        Probability in [0, 1) with which an input is set to zero in a row of a minibatch of the
        warm-up. The other inputs are scaled up, so that means do not change.
    max_iter : int
        Maximum number of full-batch steps of fine-tuning for each module. 0 leaves the hidden
        weights at their initial values.
    emphasis : bool
        Whether rows that are predicted badly have a higher weight in fine-tuning:
        (1 + e / mean(e)) / 2 for a row of squared error e, computed again after every five steps.
        The final output weights are solved for without these weights.
    tol : float
        Smallest relative decrease of the error that counts.
    early_stopping : bool or {"auto", "cv"}
        True: hold out some rows, and keep the step of each module, and the number of modules, for
        which their squared error is the smallest. "cv": choose both by cross-validation of the
        whole stack, and then take so many steps on all rows. The folds are those of ``cv``, which
        has no other effect then, or five random ones. It takes one more training per fold. "auto"
        is "cv" for fewer than 2000 rows in memory, otherwise True; a single row is False.
    validation_fraction : float
        Share of the rows to hold out, in (0, 1). Only used where rows are held out.
    n_iter_no_change : int
        Number of steps without a decrease of the error after which the training of a module ends.
        The error is that of the training rows or, with ``early_stopping``, of the rows held out or
        left out.
    working_memory : float
        Memory in megabytes that the hidden activities of all rows may take. If they need more, they
        are never all in memory at once, and are computed twice per step. None is the
        ``working_memory`` of :func:`sklearn.get_config`, which is 1024 by default.
    verbose : int
        If positive, print one line per step.
    random_state : int, RandomState instance or None
        Source of the initial weights, of the minibatches and of the choice of the rows held out.
        Pass an int for the same result at each call, on any number of threads.
    n_jobs : int
        Maximum number of threads that share each chunk of rows, never more than there are
        processors: -1 is all processors, -2 all but one. None is all processors that are idle. The
        result does not depend on it.
    modules_ : list of Module
        The modules from the bottom up. Attributes of a module: ``components_`` of shape
        (n_components, n_inputs), ``intercept_hidden_``, ``coef_`` of shape (n_components,
        n_outputs), ``intercept_`` and ``alpha_``; ``error_before_`` and ``error_after_``, the
        squared error before and after fine-tuning, averaged over the training rows;
        ``error_curve_``, this error plus the penalties after each step; ``validation_curve_``, the
        squared error of the rows held out or left out; for classifiers ``sharpness_``, see
        :meth:`DSNClassifier.predict_proba`. The modules of a regressor predict standardised
        targets.
    early_stopping_ : {"cv", True, False}
        How the end of training was chosen: the value of ``early_stopping``, or the one that "auto"
        stood for.
    final_estimator_ : classifier or regressor
        The fitted ``final_estimator``. Only available if one was given.
    history_ : dict of str to list of float
        Measurements after each step of fine-tuning, module after module; with ``emphasis``, five
        steps count as one. "module": the number of
        the module, counted from 0 at the bottom. "loss": the squared error plus the penalties,
        divided by the number of rows. With ``early_stopping`` also "validation_error", the squared
        error averaged over the rows held out or left out.
    loss_curve_ : list of float
        The loss after each step, ``history_["loss"]``. It never increases within a module.
    n_iter_ : int
        Number of steps of fine-tuning of all modules together. A warm-up counts as one step, and so
        do five steps with ``emphasis``.
    """)
