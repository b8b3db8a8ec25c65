"""Greedy pre-training: a stack of RBMs, each fitted to what the one below makes of the data."""

from ..boltzmann import BernoulliRBM, GaussianRBM
from .feedforward import Layer
from .progress import StageReport

FIRST_RBMS = {"bernoulli": BernoulliRBM, "gaussian": GaussianRBM}


def new_rbms(visible_units, parameters):
    """RBMs, not yet fitted, one for each hidden layer from the lowest on.

    Parameters
    ----------
    visible_units : {"bernoulli", "gaussian"}
        Visible units of the lowest RBM. Those of the others are the hidden units below them.
    parameters : list of dict
        What each RBM is made with.
    """
    first, *others = parameters
    return [FIRST_RBMS[visible_units](**first), *(BernoulliRBM(**other) for other in others)]


def fit_in_turn(rbms, X, owner, progress, n_fitted=0):
    """Fit each RBM to the mean hidden activities of the one below, and yield it when it is done.

    Parameters
    ----------
    rbms : list of RBM
        From the lowest on.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        What the lowest one learns from.
    owner : estimator
        Whom the RBMs belong to; its name stands in what is printed.
    progress : callback context
        Has room for a task for each RBM to fit.
    n_fitted : int, default=0
        Number of RBMs that are fitted already, and are left as they are.
    """
    for number, rbm in enumerate(rbms, start=1):
        if number > n_fitted:
            report = StageReport(owner, f"Layer {number} of {len(rbms)}", rbm.n_iter)
            task = progress.subcontext(task_name="layer")
            task.call_on_fit_task_begin(estimator=owner, X=X)
            with task.propagate_callback_context(rbm):
                rbm._fit(X, None, report)
            task.call_on_fit_task_end(estimator=owner, X=X)
            yield rbm
        if number < len(rbms):
            X = rbm.transform(X)


def encoder_layer(rbm, dtype):
    """The layer of a feed-forward network that gives the mean hidden activities of an RBM.

    That of a GaussianRBM takes standardised data.
    """
    machine = rbm._machine(dtype)
    return Layer(machine.weights, machine.hidden.bias, "logistic")
