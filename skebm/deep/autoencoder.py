"""Deep autoencoders: networks that encode data in a code and reconstruct them from it."""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from .._callbacks import with_callbacks
from .._checks import Flag, Number, Optional, Options, keep_parameters
from .._parameter_texts import with_texts
from .._rows import DenseRows
from .._scales import mean_and_common_scale
from .._source import all_of, of_parts
from .._streamed_rows import as_rows
from .._typing import (
    Decay,
    FloatPerLayer,
    Floats,
    IntPerLayer,
    MatrixLike,
    RandomStateLike,
    Solver,
    available_if,
)
from .._validation import FLOATS, row_weights, validated, warn_caller, warn_of_range
from ..boltzmann.initial import dead_units
from ..boltzmann.units import BernoulliUnits
from .feedforward import activations
from .objective import Corruption
from .parameter_texts import OF_FINE_TUNING, OF_STACKS
from .stack import STACK_CHECKS, BaseStack, Examples, learns_from_minibatches
from .unrolling import (
    Unrolled,
    layers_of_binary_code,
    layers_of_linear_code,
    sample_of,
    with_best_ways_back,
    with_tangents,
)

# Standard deviation of the noise that makes a logistic code binary.
_NOISE_OF_BINARY_CODE = 4.0

# Number of rows on which a code is checked, and the share of units that may be constant on them.
_N_ROWS_CHECKED = 256
_LARGEST_SHARE_DEAD = 0.1

# The columns with the smallest variances, together at most this share of the total, do not count
# for the squared error. A warning is given if the counting columns are fewer than this share of all
# non-constant columns.
_SHARE_THAT_DOES_NOT_COUNT, _SMALLEST_SHARE_OF_COLUMNS = 0.01, 0.2


@with_texts(OF_STACKS, OF_FINE_TUNING)
class DeepAutoencoder(BaseStack):
    """Deep autoencoder: a code for each row, from which the row can be reconstructed.

    The layers of the encoder are trained one after the other as restricted Boltzmann machines,
    each on the features that the one below computes. The encoder is then unrolled [1]_: a decoder
    leads from the code back to the data. Each of its layers starts as the ridge regression of the
    inputs of a layer of the encoder on its outputs, or, with ``tied``, as the transpose of that
    layer. Both halves are fine-tuned together by backpropagation.

    A code with fewer units than the data have features compresses, as principal components do. A
    wider one has to be kept from copying the data: by ``corruption`` (a denoising autoencoder
    [2]_), ``sparsity_cost``, ``contraction_cost`` [3]_ or ``code_noise``. With ``code="binary"``
    codes are zeros and ones, for hashing [4]_. See :ref:`the user guide <autoencoder>` for how to
    choose the parameters.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(500, 250, 30)
        Number of units of each layer of the encoder, from the lowest to the code. The decoder has
        the same numbers in reverse.
    code : {"linear", "logistic", "binary"}, default="linear"
        Values of the units of the code. "linear": real numbers. "logistic": numbers in (0, 1).
        "binary": 0 or 1; in training they are numbers in (0, 1), which noise drives to either end.
    tied : bool, default=False
        Whether the weights of the decoder are always the transposes of those of the encoder. With
        ``visible_units="gaussian"``, the lowest RBM then has the variances of the network's
        ``scale_`` instead of learning them.
    corruption : {"masking", "gaussian", "salt_and_pepper"} or None, default=None
        How rows are corrupted in each step of fine-tuning before they are encoded; the network
        learns to reconstruct them as they were. "masking" sets values to 0, "gaussian" adds normal
        numbers, "salt_and_pepper" sets values to the smallest or the largest one: 0 and 1, or for
        real numbers those of the data.
    corruption_level : float, default=0.3
        Share of the values that are set; for "gaussian", the standard deviation of what is added.
        For real numbers it is in units of ``scale_``, and the 0 of "masking" is the mean.
    code_noise : float, default=None
        Standard deviation of normal numbers that are added to the inputs of the units of the code
        in each step of fine-tuning. None is 4 for binary codes and 0 for others.
    sparsity_cost : float, default=0.0
        Strength of the penalty on the mean activity of each unit of the code: the
        Kullback-Leibler divergence from ``sparsity_target``, in nats, summed over units. Must be 0
        with a linear code.
    sparsity_target : float, default=0.05
        Mean activity, in (0, 1), for which that penalty is zero.
    contraction_cost : float, default=0.0
        Strength of the penalty on how much the code changes with the data: the squared Frobenius
        norm of its derivative, estimated along one random direction for each row.
    pretrain
    visible_units : {"auto", "bernoulli", "gaussian"}, default="auto"
        Kind of the data. "bernoulli": numbers in [0, 1]; outputs are logistic and the loss is the
        cross-entropy. "gaussian": real numbers; features are centred and divided by one number for
        all of them, outputs are linear, and the loss is half the squared error. "auto": "bernoulli"
        where all values are in [0, 1], and otherwise "gaussian".
    rbm_algorithm, rbm_n_gibbs_steps, rbm_learning_rate, rbm_learning_rate_schedule, rbm_n_iter,
    rbm_batch_size, rbm_momentum, rbm_alpha
    activation : {"logistic", "tanh", "relu"}, default="tanh"
        Activation of the hidden units except for the code. The logistic units of the RBMs become
        "tanh" units without a change in what the network computes, since ``tanh(x / 2)`` is
        ``2 logistic(x) - 1``. "relu" needs ``pretrain=False``.
    solver, alpha, l1_ratio, max_gradient_norm, batch_size, learning_rate
    learning_rate_init : float, default=0.001
        Learning rate in the first epoch of fine-tuning. Not used by "lbfgs" and "cg".
    max_iter : int, default=100
        Maximum number of epochs of fine-tuning; with "lbfgs", of iterations. 0 leaves the network
        as pre-training and unrolling made it. No warning is given where they end before training
        has converged.
    n_line_searches, shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum
    early_stopping : bool, default=False
        Hold out some rows, stop when their loss has not fallen by ``tol`` for more than
        ``n_iter_no_change`` epochs, and keep the weights with the lowest one. With False, training
        stops when the loss of the training rows has not fallen by ``tol`` for so many epochs,
        unless ``learning_rate`` is "linear" or "cosine": these always run to their last epoch.
    validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change

    Attributes
    ----------
    rbms_ : list of RBM
        The fitted RBMs, from the lowest layer to the highest, as pre-training left them; each has
        a ``history_``. Only with ``pretrain=True``. A linear or binary code has no RBM, see the
        notes.
    coefs_ : list of ndarray
        Weights of each layer, of shape (n_inputs, n_units): those of the encoder, then those of
        the decoder.
    intercepts_
    mean_, scale_ : ndarray of shape (n_features,)
        With ``visible_units="gaussian"``: the mean that is subtracted from each feature, and the
        scale that it is then divided by, which is the same for all, before it reaches the first
        layer; float64.
    n_layers_, history_, loss_curve_, loss_, n_iter_, visible_units_, n_features_in_,
    n_features_out_, feature_names_in_

    See Also
    --------
    BernoulliRBM : One layer alone.
    DBNClassifier : The same stack with classes on top.
    sklearn.decomposition.PCA : The linear autoencoder, solved exactly.

    Notes
    -----
    The loss is the cross-entropy of the features, in nats, or half their squared error, summed
    over features; for real numbers, in units of ``scale_``.

    RBMs here have binary hidden units. A linear code is therefore not pre-trained by contrastive
    divergence. Its weights start as those with the smallest error of reconstruction, weighted by
    the variances of the units below and to first order in the weights: these are principal axes,
    see the user guide. A binary code starts as the signs of such a code after a random rotation,
    so that each unit is on for half of the rows. Units of an RBM are mostly off, and the noise
    would hide what they say.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006.
    .. [2] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising
       autoencoders", Journal of Machine Learning Research 11, 2010.
    .. [3] S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive auto-encoders:
       explicit invariance during feature extraction", ICML 2011.
    .. [4] R. Salakhutdinov and G. Hinton, "Semantic hashing", International Journal of
       Approximate Reasoning 50, 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import DeepAutoencoder
    >>> X = load_digits().data / 16
    >>> model = DeepAutoencoder((64, 8), rbm_n_iter=5, max_iter=10, random_state=0).fit(X)
    >>> codes = model.transform(X)
    >>> codes.shape
    (1797, 8)
    >>> model.inverse_transform(codes).shape
    (1797, 64)
    """

    # Parameters
    alpha: float
    early_stopping: bool
    code: Literal["linear", "logistic", "binary"]
    tied: bool
    corruption: Literal["masking", "gaussian", "salt_and_pepper"] | None
    corruption_level: float
    code_noise: float | None
    sparsity_cost: float
    sparsity_target: float
    contraction_cost: float

    _parameter_checks: ClassVar = STACK_CHECKS | {
        "code": Options("linear", "logistic", "binary"),
        "tied": Flag(),
        "corruption": Optional(Options("masking", "gaussian", "salt_and_pepper")),
        "corruption_level": Number(Real, "[0, inf)"),
        "code_noise": Optional(Number(Real, "[0, inf)")),
        "sparsity_cost": Number(Real, "[0, inf)"),
        "sparsity_target": Number(Real, "(0, 1)"),
        "contraction_cost": Number(Real, "[0, inf)"),
        "max_iter": Number(Integral, "[0, inf)"),
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (500, 250, 30),
        *,
        code: Literal["linear", "logistic", "binary"] = "linear",
        tied: bool = False,
        corruption: Literal["masking", "gaussian", "salt_and_pepper"] | None = None,
        corruption_level: float = 0.3,
        code_noise: float | None = None,
        sparsity_cost: float = 0.0,
        sparsity_target: float = 0.05,
        contraction_cost: float = 0.0,
        pretrain: bool = True,
        visible_units: Literal["auto", "bernoulli", "gaussian"] = "auto",
        rbm_algorithm: Literal["cd", "pcd"] | Sequence[Literal["cd", "pcd"]] = "cd",
        rbm_n_gibbs_steps: IntPerLayer = 1,
        rbm_learning_rate: FloatPerLayer = 0.05,
        rbm_learning_rate_schedule: Decay = "linear",
        rbm_n_iter: int | Sequence[int] = 10,
        rbm_batch_size: int | Sequence[int] = 10,
        rbm_momentum: FloatPerLayer = 0.0,
        rbm_alpha: float | Sequence[float] = 0.0,
        activation: Literal["logistic", "tanh", "relu"] = "tanh",
        solver: Solver = "adam",
        alpha: float = 0.0,
        l1_ratio: float = 0.0,
        max_gradient_norm: float | None = None,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Decay | Literal["adaptive"] = "cosine",
        learning_rate_init: float = 0.001,
        max_iter: int = 100,
        n_line_searches: int = 3,
        shuffle: bool = True,
        random_state: RandomStateLike = None,
        tol: float = 1e-4,
        verbose: int = 0,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
    ) -> None:
        keep_parameters(self, locals())

    _pretrained_activations: ClassVar = ("logistic", "tanh")

    # Training

    @with_callbacks
    def fit(self, X: MatrixLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model to the data.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. None is 1 for all rows. In pre-training, a row is used
            as often as its weight says.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if the weights are no longer finite.

        Warns
        -----
        UserWarning
            If more than a tenth of the numbers in the code are nearly the same for all rows, and so
            carry no information.
        UserWarning
            If the network may learn to copy its input: the code is not narrower than the data, and
            there is neither corruption nor a penalty or noise on the code.

        Notes
        -----
        After an exception or Ctrl-C, the estimator keeps what was finished: the layers that were
        pre-trained, or the network after the last finished epoch. If nothing was finished, it is
        unchanged. With ``warm_start=True`` the next call continues from there.
        """
        with self._fitting(X, y) as work:
            self._train(self._read(X, sample_weight, work.is_first), work)
        return self

    @available_if(learns_from_minibatches)
    @with_callbacks
    def partial_fit(
        self, X: MatrixLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Continue fine-tuning, in one pass over these rows in minibatches.

        The first call, unless ``fit`` was called before, also pre-trains on these rows. The
        learning rate is ``learning_rate_init``. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, stream} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            As for :meth:`fit`. The estimator is then as it was.
        """
        with self._fitting(X, y, "partial_fit") as work:
            self._train_once(self._read(X, sample_weight, work.is_first), work)
        return self

    def _check(self):
        super()._check()
        if self._parameters.sparsity_cost and self.code == "linear":
            raise ValueError(
                f"The 'sparsity_cost' parameter of {type(self).__name__} needs code='logistic' or "
                f"code='binary', whose values are activities. Got {self.sparsity_cost!r} with "
                "code='linear'."
            )
        if (
            self.corruption in ("masking", "salt_and_pepper")
            and self._parameters.corruption_level > 1
        ):
            raise ValueError(
                f"The 'corruption_level' parameter of {type(self).__name__} must be a share, in "
                f"[0, 1], with corruption={self.corruption!r}. Got {self.corruption_level!r}."
            )

    def _read(self, X, sample_weight, is_first):
        X = self._read_data(X, is_first)
        weights = row_weights(sample_weight, X)
        if not weights.any():
            raise ValueError("sample_weight is zero for all rows. At least one must be positive.")

        def score(network, rows, numbers):
            unrolled = Unrolled(network.layers, self._has_binary_code())
            losses = of_parts(unrolled.losses, rows)
            return -float(np.average(losses, weights=weights[numbers]))

        return Examples(X, np.arange(X.shape[0]), weights, score)

    def _begin(self, X, is_first):
        super()._begin(X, is_first)
        rows = as_rows(X)
        self._warn_of_range(rows)
        self._learned_corruption = self.corruption
        if not is_first:
            return
        size = self._structure.sizes[-1]
        if size >= self.n_features_in_ and not self._is_kept_from_copying():
            warn_caller(
                f"The code of {type(self).__name__} has {size} units, and the data have only "
                f"{self.n_features_in_} features: it may learn to copy them. Use a smaller code, "
                "or set 'corruption', 'sparsity_cost', 'contraction_cost' or 'code_noise'."
            )
        self._feature_means = rows.moments().mean.astype(rows.dtype)
        self._extremes = self._find_extremes(rows)

    def _warn_of_range(self, rows):
        first_rbm_warns = self.pretrain and self._n_rbms()
        if self._structure.units_below(0).bounds and not first_rbm_warns:
            warn_of_range(type(self).__name__, rows)

    def _is_kept_from_copying(self):
        disturbed = self.corruption is not None and self._parameters.corruption_level > 0
        return (
            disturbed
            or self._parameters.sparsity_cost
            or self._parameters.contraction_cost
            or self._code_noise()
        )

    def _find_extremes(self, rows):
        """Smallest and largest value of the inputs of the network."""
        if self._structure.units_below(0).bounds:
            return self._structure.units_below(0).bounds
        low, high = rows.standardized(self.mean_, self.scale_).range()
        return float(low), float(high)

    def _mean_and_scale(self, rows):
        """One scale for all features, so that the squared error is that of the data."""
        mean_and_scale = mean_and_common_scale(rows, type(self).__name__)
        self._warn_of_columns_that_do_not_count(rows.moments().variance)
        return mean_and_scale

    def _warn_of_columns_that_do_not_count(self, variance):
        """Warn if a few columns dominate the squared error."""
        largest_first = np.sort(variance)[::-1]
        missing = variance.sum() - np.cumsum(largest_first)
        n_counting = 1 + np.argmax(missing <= _SHARE_THAT_DOES_NOT_COUNT * variance.sum())
        if n_counting < _SMALLEST_SHARE_OF_COLUMNS * np.count_nonzero(variance):
            warn_caller(
                f"{1 - _SHARE_THAT_DOES_NOT_COUNT:.0%} of the variance of the data is in "
                f"{n_counting} of {len(variance)} columns. {type(self).__name__} has one scale for "
                "all columns. It will hardly learn the others, and principal components may "
                "reconstruct the data better. If columns have different units, put a "
                "StandardScaler before it."
            )

    def _n_rbms(self):
        return super()._n_rbms() - (self.code != "logistic")

    def _new_rbms(self, streams):
        rbms = super()._new_rbms(streams)
        if rbms and self.tied:
            rbms[0].set_params(**self._structure.units_below(0).parameters_if_tied(self._scale()))
        return rbms

    def _encoder_layer(self, rbm, dtype):
        number = len(self.coefs_)
        up, _ = self._layers_of(rbm, number, dtype)
        return self._as_in_network(up, number)

    def _layers_of(self, rbm, number, dtype):
        """The layers of the encoder and the decoder for the RBM of a hidden layer."""
        mean, scale = getattr(self, "mean_", 0.0), getattr(self, "scale_", 1.0)
        return self._structure.units_below(number).layers(rbm, dtype, mean, scale)

    def _as_in_network(self, layer, number):
        """A layer of logistic units, converted to the network's activation at this position."""
        activations = ["data", *self._activations()]
        below, above = (name == "tanh" for name in activations[number : number + 2])
        return with_tangents(layer, below, above)

    def _pretrain(self, X, work):
        super()._pretrain(X, work)
        if self.pretrain and not self._is_complete():
            self._unroll(self._rows(X))
            work.commit()

    def _fine_tune(self, examples, *args):
        super()._fine_tune(examples, *args)
        rows = self._rows(examples.X)
        numbers = np.linspace(0, rows.shape[0] - 1, min(rows.shape[0], _N_ROWS_CHECKED))
        some = all_of(rows.subset(numbers.astype(np.intp)))
        codes = activations(self._layers(rows.dtype)[: self._structure.n_hidden], DenseRows(some))
        share = dead_units(codes).mean()
        if np.ptp(some, axis=0).any() and share > _LARGEST_SHARE_DEAD:
            self._warn_of_dead_code(share)

    def _warn_of_dead_code(self, share):
        warn_caller(
            f"{share:.0%} of the numbers in the code of {type(self).__name__} are nearly the same "
            "for all rows, and carry no information. Lower the 'learning_rate_init' parameter, "
            f"{self.learning_rate_init!r}, or 'rbm_learning_rate', {self.rbm_learning_rate!r}. If "
            "'sparsity_cost' or 'contraction_cost' are above 0, lower them as well."
        )

    def _unroll(self, rows):
        """Complete the network: add the code, if it is missing, and the decoder."""
        n = self._structure.n_hidden
        some = DenseRows(all_of(rows.subset(sample_of(rows.shape[0]))))
        layers = [self._layers_of(rbm, k, rows.dtype) for k, rbm in enumerate(self.rbms_)]
        if self._n_rbms() < n:
            layers.append(self._code_layers(some, [up for up, _ in layers]))
            self._append([self._as_in_network(layers[-1][0], n - 1)])
        if not self.tied and self.rbms_:
            # The decoder layer next to a binary code is kept: it is adapted to the noise.
            n_free = n - (self.code == "binary")
            layers[:n_free] = with_best_ways_back(layers[:n_free], some)
        down = [layer for _, layer in layers[::-1]]
        self._append([self._as_in_network(layer, n + k) for k, layer in enumerate(down)])

    def _code_layers(self, rows, below):
        """The layers to and from a code without an RBM."""
        streams = replace(self._streams)
        if below:
            rows = DenseRows(activations(below, rows))
        activation = self._structure.units_below(len(self.rbms_)).output_activation
        size, rng = self._structure.sizes[-1], streams.generator()
        if self.code == "linear":
            layers = layers_of_linear_code(rows, size, activation, rng)
        else:
            layers = layers_of_binary_code(rows, size, activation, rng, self.tied)
        self._streams = streams
        return layers

    def _upper_layers(self):
        activation = self._structure.made_with["activation"]
        down = [(n_units, activation) for n_units in self._structure.sizes[-2::-1]]
        return [*down, (self.n_features_in_, self._structure.units_below(0).output_activation)]

    def _activations(self):
        names = super()._activations()
        linear = self._structure.made_with["code"] == "linear"
        names[self._structure.n_hidden - 1] = "identity" if linear else "logistic"
        return names

    def _all_layers(self, examples, streams):
        is_new = not self._is_complete()
        layers = super()._all_layers(examples, streams)
        if is_new and layers[-1].activation == "logistic":
            bias = BernoulliUnits.from_mean(self._feature_means, examples.X.shape[0]).bias
            layers[-1] = replace(layers[-1], bias=bias.astype(layers[-1].bias.dtype))
        if self.tied:
            n = self._structure.n_hidden
            layers[n:] = [replace(layers[k], tied_to=2 * n - 1 - k) for k in range(n, 2 * n)]
        return layers

    def _objective(self):
        n = self._structure.n_hidden
        noise = self._code_noise()
        corruption = None
        if self.corruption is not None:
            corruption = Corruption(
                self.corruption, self._parameters.corruption_level, *self._extremes
            )
        return replace(
            super()._objective(),
            corruption=corruption,
            noise=(0.0,) * (n - 1) + (noise,) + (0.0,) * n if noise else (),
            sparse_layers=(n - 1,) if self._parameters.sparsity_cost else (),
            sparsity_cost=self._parameters.sparsity_cost,
            sparsity_target=self._parameters.sparsity_target,
            contracted_layers=n,
            contraction_cost=self._parameters.contraction_cost,
        )

    def _code_noise(self):
        if self._parameters.code_noise is None:
            return _NOISE_OF_BINARY_CODE if self.code == "binary" else 0.0
        return self._parameters.code_noise

    # Use

    def transform(self, X: MatrixLike, layer: int = -1) -> Floats:
        """Return the codes, or the values of another layer of the encoder.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        layer : int, default=-1
            Number of the layer, counted from 0; negative numbers count from the code.

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
            Codes or values, with the dtype of ``X``.
        """
        values = self._values(X, layer)
        is_code = self._hidden_layer_number(layer) == self._structure.n_hidden - 1
        return np.round(values, out=values) if is_code and self._has_binary_code() else values

    def inverse_transform(self, X: ArrayLike, layer: int = -1) -> Floats:
        """Decode codes, or the values of another layer of the encoder.

        Layers of the decoder have the same numbers as those of the encoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_units)
            Codes, or values of the layer.
        layer : int, default=-1
            Number of the layer, as for :meth:`transform`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Data, with the dtype of ``X``.
        """
        self._check_is_complete()
        number = self._hidden_layer_number(layer)
        H = self._structure.valid_units(X, number, self)
        layers = self._layers(H.dtype)[2 * self._structure.n_hidden - 1 - number :]
        return self._to_data(activations(layers, DenseRows(H)))

    def reconstruct(self, X: MatrixLike, layer: int = -1) -> Floats:
        """Encode rows and decode their codes, or the values of another layer of the encoder.

        A network that was trained with ``corruption`` has learned to correct its input. It accepts
        missing values, NaN, and estimates them from the others. They start at zero with "masking",
        and otherwise at the mean of the feature. ``np.where(np.isnan(X), model.reconstruct(X), X)``
        replaces the missing values only.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data. A dense array may have missing values if the last training had a ``corruption``.
        layer : int, default=-1
            Number of the layer, as for :meth:`transform`.

        Returns
        -------
        V : ndarray of shape (n_samples, n_features)
            Reconstructions of all values, with the dtype of ``X``.
        """
        self._check_is_complete()
        number, n_hidden = self._hidden_layer_number(layer), self._structure.n_hidden
        corrects = self._learned_corruption is not None
        rows = self._valid_rows(X, may_lack_values=corrects and not issparse(X))
        if number == n_hidden - 1:
            return self._to_data(self._unrolled(rows.dtype).reconstruct(rows))
        layers = self._layers(rows.dtype)
        there_and_back = layers[: number + 1] + layers[2 * n_hidden - 1 - number :]
        return self._to_data(activations(there_and_back, rows))

    def reconstruction_error(self, X: MatrixLike) -> Floats:
        """Squared error of the reconstruction of each row; the higher, the more unusual the row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        errors : ndarray of shape (n_samples,)
            Squared error, summed over features, in the squared units of the data and with the
            dtype of ``X``.
        """
        self._check_is_complete()
        rows = self._valid_rows(X)
        errors = self._unrolled(rows.dtype).squared_errors(rows)
        return errors * errors.dtype.type(self._scale() ** 2)

    def score_samples(self, X: MatrixLike) -> Floats:
        """Minus the squared error of the reconstruction of each row: unusual rows have low scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus :meth:`reconstruction_error`.
        """
        return -self.reconstruction_error(X)

    def score(self, X: MatrixLike, y: object = None) -> float:
        """Minus the squared error of reconstruction, averaged over rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            The mean of :meth:`score_samples`.
        """
        return float(self.score_samples(X).mean(dtype=np.float64))

    def _unrolled(self, dtype):
        return Unrolled(self._layers(dtype), self._has_binary_code())

    def _has_binary_code(self):
        return self._structure.made_with["code"] == "binary"

    def _valid_rows(self, X, may_lack_values=False):
        X = validated(
            self,
            X,
            accept_sparse="csr",
            dtype=FLOATS,
            ensure_all_finite="allow-nan" if may_lack_values else True,
            reset=False,
        )
        if may_lack_values:
            # With standardised data, the 0 of "masking" is the mean.
            is_zero = self._learned_corruption == "masking" and not hasattr(self, "mean_")
            start = 0 if is_zero else self._feature_means
            X = np.where(np.isnan(X), np.asarray(start, dtype=X.dtype), X)
        return self._rows(X)

    def _scale(self):
        return self.scale_[0] if hasattr(self, "scale_") else 1.0

    def _to_data(self, values):
        if hasattr(self, "scale_"):
            values *= self.scale_.astype(values.dtype)
            values += self.mean_.astype(values.dtype)
        return values
