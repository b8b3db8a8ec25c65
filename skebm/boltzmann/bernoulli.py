"""The restricted Boltzmann machine with binary visible units."""

import math

import numpy as np

from .._parameter_texts import with_texts
from .initial import initial_machine, share_of_scale
from .machine import Machine
from .model import Model
from .parameter_texts import OF_LAYERS, OF_RBMS
from .rbm import BaseRBM
from .units import BernoulliUnits


@with_texts(OF_LAYERS, OF_RBMS)
class BernoulliRBM(BaseRBM):
    """Restricted Boltzmann machine with binary visible and binary hidden units.

    Models data in [0, 1] by p(v) proportional to the sum over h of exp(-E(v, h)), with
    E(v, h) = -v W h - b v - c h. Learns by stochastic gradient ascent of the log-likelihood; the
    part of the gradient that cannot be computed is estimated by Gibbs sampling.

    A drop-in replacement for :class:`sklearn.neural_network.BernoulliRBM`, whose parameters,
    attributes and methods are here under the same names, with the same defaults. See :ref:`the user
    guide <boltzmann>` for how to choose the parameters.

    Parameters
    ----------
    n_components
    learning_rate : float or sequence of float, default=0.1
        Length of a step along the gradient of the mean log-likelihood. This and each other
        parameter that takes a sequence can change from epoch to epoch: the values share the
        ``n_iter`` epochs evenly, in their order.
    batch_size, n_iter, verbose, random_state
    algorithm : {"pcd", "cd", "pt"}, default="pcd"
        Where the Gibbs chains start. "pcd", persistent contrastive divergence: where the last
        step left them [1]_. "cd", contrastive divergence: at the data of the minibatch [2]_.
        "pt", parallel tempering: as "pcd", and each chain swaps states with replicas of itself
        at higher temperatures, so that it does not stay in one mode [5]_.
    n_gibbs_steps, n_chains, n_replicas, learning_rate_schedule
    solver : {"sgd", "adagrad", "rmsprop", "adam"}, default="sgd"
        How steps follow from gradients. A step of "sgd" is the learning rate times the gradient.
        Only "sgd" uses the compiled loop for data with many zeros, which is several times as fast.
        The others adapt the length of the step of each parameter, and need a lower learning rate,
        such as 0.001.
    momentum, nesterovs_momentum, beta_1, beta_2, epsilon, alpha, l1_ratio
    sparsity_target : float, default=None
        Mean activity, in (0, 1), to which the hidden units are drawn by changes of their biases
        [3]_. None leaves them alone.
    sparsity_cost
    centered : bool, default=True
        Whether the gradient is taken with respect to states from which moving averages have been
        subtracted [4]_. The likelihood becomes higher, sooner where most features are usually on or
        usually off; the result does not depend on which of two values is written as 1; and fewer
        hidden units have the same activity for all rows.
    shuffle, early_stopping, validation_fraction, n_iter_no_change, tol, reconstruction_tol,
    warm_start, missing_values

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights.
    intercept_hidden_
    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.
    h_samples_, betas_, swap_rates_, n_iter_, history_, loss_curve_, n_features_in_,
    n_features_out_, feature_names_in_

    See Also
    --------
    sklearn.neural_network.BernoulliRBM : The estimator that this one replaces.

    Notes
    -----
    The gradient uses probabilities of the hidden units, which have the same expectation as samples
    and a smaller variance. The visible states of the chains are samples. The data and the chains
    have equal weight, whatever the size of a minibatch.

    Hidden units start as a random projection of the data. Their weights have random directions;
    those of any two features are orthogonal if there are at least as many hidden units as features.
    All weights have the same scale, the largest with which the input of a hidden unit has a
    standard deviation of at most 2 over the rows, and the input of a visible unit one of at most 6.
    If the learning rate times the number of steps in an epoch is above 20, they start smaller:
    training soon makes them as large as they have to be.
    The biases are such that a hidden unit is on for about a fifth of the rows, or for
    ``sparsity_target``. Visible biases start at the log-odds of the means of the data, minus the
    mean input from the hidden units. Persistent chains start at this activity of hidden units.

    A hidden unit is dead if its activity is nearly the same for all rows. It carries no information
    about them, and the gradient would not revive it. ``fit`` counts dead units after each epoch,
    and replaces them by new random units before the next one; with ``warm_start`` also before the
    first. ``partial_fit`` does not. If more than a tenth are dead at the end, ``fit`` warns.

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
        """The fitted model, see :class:`~skebm.boltzmann.estimator.BoltzmannEstimator`."""
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
