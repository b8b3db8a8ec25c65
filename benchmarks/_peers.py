"""One training epoch of an RBM as others do it, to be timed beside ours.

All peers take minibatches in the order of the rows, use a fixed learning rate and keep
no record of their progress.
"""

from itertools import pairwise

import numpy as np
from scipy.linalg import get_blas_funcs
from sklearn import neural_network

try:
    import torch
except ImportError:
    torch = None

LEARNING_RATE = 0.05


def batches(X, batch_size):
    """Cut X into whole minibatches; a shorter tail is left out."""
    n_batches = len(X) // batch_size
    return [X[i * batch_size : (i + 1) * batch_size] for i in range(n_batches)]


def fit_sklearn(X, n_hidden, batch_size, n_epochs=1):
    """Fit scikit-learn's BernoulliRBM, which does PCD-1, in the dtype of X.

    It is `fit` because `partial_fit` would convert every batch to float64.
    """
    return neural_network.BernoulliRBM(
        n_components=n_hidden,
        learning_rate=LEARNING_RATE,
        batch_size=batch_size,
        n_iter=n_epochs,
        random_state=0,
    ).fit(X)


class TorchRBM:
    """CD-1 and PCD-1 by hand in PyTorch: in place, and without autograd.

    States are drawn by comparing with uniform numbers: on a CPU that is several times
    faster than `torch.bernoulli`.
    """

    def __init__(self, X, n_hidden, batch_size, algorithm):
        generator = torch.Generator().manual_seed(0)
        X = torch.from_numpy(X)
        n_visible = X.shape[1]
        self.batches = batches(X, batch_size)
        self.persistent = algorithm == "pcd"
        self.rate = LEARNING_RATE / batch_size

        self.weights = torch.randn((n_hidden, n_visible), generator=generator, dtype=X.dtype).mul_(
            0.01
        )
        self.visible_bias = X.new_zeros(n_visible)
        self.hidden_bias = X.new_zeros(n_hidden)

        self.hidden_data = X.new_empty((batch_size, n_hidden))
        self.hidden_model = X.new_empty((batch_size, n_hidden))
        self.hidden_states = X.new_zeros((batch_size, n_hidden))
        self.visible_states = X.new_empty((batch_size, n_visible))
        self.hidden_uniform = X.new_empty((batch_size, n_hidden))
        self.visible_uniform = X.new_empty((batch_size, n_visible))

    def epoch(self):
        with torch.inference_mode():
            for batch in self.batches:
                self._step(batch)

    def _step(self, visible_data):
        self._hidden_mean(visible_data, out=self.hidden_data)
        if not self.persistent:
            self._draw_hidden(self.hidden_data)
        self._draw_visible()
        self._hidden_mean(self.visible_states, out=self.hidden_model)
        self._update(visible_data)
        if self.persistent:
            self._draw_hidden(self.hidden_model)

    def _hidden_mean(self, visible, out):
        torch.addmm(self.hidden_bias, visible, self.weights.T, out=out).sigmoid_()

    def _draw_hidden(self, mean):
        torch.lt(self.hidden_uniform.uniform_(), mean, out=self.hidden_states)

    def _draw_visible(self):
        mean = self.visible_states
        torch.addmm(self.visible_bias, self.hidden_states, self.weights, out=mean)
        mean.sigmoid_()
        torch.lt(self.visible_uniform.uniform_(), mean, out=self.visible_states)

    def _update(self, visible_data):
        rate = self.rate
        self.weights.addmm_(self.hidden_data.T, visible_data, alpha=rate)
        self.weights.addmm_(self.hidden_model.T, self.visible_states, alpha=-rate)
        self.hidden_bias.add_(self.hidden_data.sum(0), alpha=rate)
        self.hidden_bias.sub_(self.hidden_model.sum(0), alpha=rate)
        self.visible_bias.add_(visible_data.sum(0), alpha=rate)
        self.visible_bias.sub_(self.visible_states.sum(0), alpha=rate)


class FiveProducts:
    """The five dense matrix products of a CD-1 or PCD-1 step, and nothing else.

    This is the floor for every implementation that treats states as dense numbers.
    BLAS reads arrays by columns, so every array here is handed over transposed: a view,
    where an array in the other order would be copied at each call.
    """

    def __init__(self, X, n_hidden, batch_size):
        rng = np.random.default_rng(0)
        n_visible = X.shape[1]
        self.batches_T = [batch.T for batch in batches(X, batch_size)]
        self.gemm = get_blas_funcs("gemm", (X,))

        # The products read these constant states and write elsewhere: with results fed
        # back, and no sigmoid between, the numbers would overflow.
        self.hidden_T = self._column_order(rng.random((n_hidden, batch_size)), X.dtype)
        self.visible_T = self._column_order(rng.random((n_visible, batch_size)), X.dtype)
        self.weights_T = self._column_order(
            rng.normal(scale=0.01, size=(n_hidden, n_visible)), X.dtype
        )
        self.hidden_out_T = np.empty_like(self.hidden_T)
        self.visible_out_T = np.empty_like(self.visible_T)

    @staticmethod
    def _column_order(array, dtype):
        return np.asarray(array, dtype=dtype, order="F")

    def epoch(self):
        for batch_T in self.batches_T:
            self._hidden_from(batch_T)
            self._visible_from_hidden()
            self._hidden_from(self.visible_T)
            self._add_outer_product(batch_T, 1e-6)
            self._add_outer_product(self.visible_T, -1e-6)

    def _hidden_from(self, visible_T):
        self.gemm(1, self.weights_T, visible_T, c=self.hidden_out_T, overwrite_c=1)

    def _visible_from_hidden(self):
        self.gemm(
            1,
            self.weights_T,
            self.hidden_T,
            trans_a=1,
            c=self.visible_out_T,
            overwrite_c=1,
        )

    def _add_outer_product(self, visible_T, rate):
        self.gemm(
            rate,
            self.hidden_T,
            visible_T,
            trans_b=1,
            beta=1,
            c=self.weights_T,
            overwrite_c=1,
        )


class TorchNetwork:
    """A classifier of logistic hidden units by hand in PyTorch: autograd and fused Adam.

    Parameters
    ----------
    sizes : list of int
        Numbers of inputs, of the units of each hidden layer, and of classes.
    dropout, input_dropout : float
    start : list of tuple (weights, bias)
        Tensors to start the hidden layers from, the weights of shape (n_units, n_inputs).
    """

    BATCH_SIZE = 100

    def __init__(self, sizes, dropout=0.0, input_dropout=0.0, start=()):
        torch.manual_seed(0)
        layers = [torch.nn.Dropout(input_dropout)] if input_dropout else []
        for k, (n_in, n_out) in enumerate(pairwise(sizes)):
            layer = torch.nn.Linear(n_in, n_out)
            if k < len(start):
                weights, bias = start[k]
                with torch.no_grad():
                    layer.weight.copy_(weights)
                    layer.bias.copy_(bias)
            layers.append(layer)
            if k < len(sizes) - 2:
                layers.append(torch.nn.Sigmoid())
                layers += [torch.nn.Dropout(dropout)] if dropout else []
        self.network = torch.nn.Sequential(*layers)
        self.solver = torch.optim.Adam(self.network.parameters(), lr=1e-3, fused=True)

    def epoch(self, X, y, learning_rate=1e-3):
        """Learn once from each row, in a random order."""
        self.network.train()
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        for group in self.solver.param_groups:
            group["lr"] = learning_rate
        for numbers in torch.randperm(len(X)).split(self.BATCH_SIZE):
            self.solver.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(self.network(X[numbers]), y[numbers])
            loss.backward()
            self.solver.step()

    def predict(self, X):
        """The most probable class of each row."""
        self.network.eval()
        with torch.inference_mode():
            return self.network(torch.from_numpy(X)).argmax(dim=1).numpy()


class TorchAutoencoder:
    """An autoencoder of logistic units and a linear code by hand in PyTorch, with fused Adam.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of features and of the units of each layer of the encoder.
    start : sequence of tuple (up, down, up_bias, down_bias)
        Arrays of RBMs to start from, ``up`` and ``down`` of shape (n_units, n_inputs).
    batch_size : int
    """

    def __init__(self, sizes, start=(), batch_size=200):
        torch.manual_seed(0)
        self._batch_size = batch_size
        way = [*sizes, *sizes[-2::-1]]
        linear = [torch.nn.Linear(n_in, n_out) for n_in, n_out in pairwise(way)]
        for k, (up, down, up_bias, down_bias) in enumerate(start):
            with torch.no_grad():
                linear[k].weight.copy_(torch.as_tensor(up))
                linear[k].bias.copy_(torch.as_tensor(up_bias))
                linear[-1 - k].weight.copy_(torch.as_tensor(down).T)
                linear[-1 - k].bias.copy_(torch.as_tensor(down_bias))
        layers = []
        for k, layer in enumerate(linear):
            layers.append(layer)
            if k not in (len(sizes) - 2, len(linear) - 1):  # neither the code nor the outputs
                layers.append(torch.nn.Sigmoid())
        self.network = torch.nn.Sequential(*layers)
        self.solver = torch.optim.Adam(self.network.parameters(), lr=1e-3, fused=True)

    def epoch(self, X, learning_rate=1e-3):
        """Learn once from each row, in a random order."""
        X = torch.from_numpy(X)
        loss = torch.nn.functional.binary_cross_entropy_with_logits
        for group in self.solver.param_groups:
            group["lr"] = learning_rate
        for numbers in torch.randperm(len(X)).split(self._batch_size):
            self.solver.zero_grad(set_to_none=True)
            rows = X[numbers]
            total = loss(self.network(rows), rows, reduction="sum") / len(rows)
            total.backward()
            self.solver.step()

    def squared_error(self, X):
        """Squared error of reconstruction, summed over features, mean over rows."""
        X = torch.from_numpy(X)
        with torch.inference_mode():
            return float(((torch.sigmoid(self.network(X)) - X) ** 2).sum(dim=1).mean())


class TorchLinearRBM(TorchRBM):
    """A TorchRBM with linear hidden units of unit variance."""

    def _hidden_mean(self, visible, out):
        torch.addmm(self.hidden_bias, visible, self.weights.T, out=out)

    def _draw_hidden(self, mean):
        torch.add(mean, self.hidden_uniform.normal_(), out=self.hidden_states)


class TorchDBM:
    """The steps of a deep Boltzmann machine by hand in PyTorch: in place, without autograd.

    Mean field for all rows until the last of them has settled, or for as many sweeps; draws of the
    hidden layers from there with the data held; Gibbs steps of persistent chains of three layers;
    the centred gradient of both phases, scaled back where it is too long.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_visible)
    model : DeepBoltzmannMachine
        Fitted, with two hidden layers. Its weights and biases are where this one begins, and its
        parameters hold here, too.
    """

    def __init__(self, X, model):
        X = torch.from_numpy(X)
        self.batches, self.n_chains = batches(X, model.batch_size), model.n_chains
        self.n_steps, self.n_clamped_steps = model.n_gibbs_steps, model.n_clamped_steps
        self.n_sweeps, self.tol = model.n_mean_field_steps, model.mean_field_tol
        self.rate, self.longest = model.learning_rate, model.max_gradient_norm
        self.weights = [torch.from_numpy(weights.copy()) for weights in model.coefs_]
        self.biases = [torch.from_numpy(bias.copy()) for bias in model.intercepts_]
        self.offsets = [torch.full_like(bias, 0.2) for bias in self.biases]
        self.chains = [(torch.rand(self.n_chains, len(b)) < 0.2).float() for b in self.biases]

    def epoch(self):
        with torch.inference_mode():
            for batch in self.batches:
                self._step(batch)

    def _step(self, v):
        of_data = v, *self._posterior(v)
        of_chains = self._chains()
        for offset, states in zip(self.offsets, of_data, strict=True):
            offset.lerp_(states.mean(0), 0.01)
        differences = [a.mean(0) - b.mean(0) for a, b in zip(of_data, of_chains, strict=True)]
        n_data, centred = (
            len(v),
            [
                [states - offset for states, offset in zip(phase, self.offsets, strict=True)]
                for phase in (of_data, of_chains)
            ],
        )
        gradients = []
        for k in range(len(self.weights)):
            (lower, upper), (chains_below, chains_above) = (phase[k : k + 2] for phase in centred)
            gradient = torch.mm(lower.T, upper).div_(n_data)
            gradient.addmm_(chains_below.T, chains_above, alpha=-1 / self.n_chains)
            gradients.append(gradient)
            differences[k].addmv_(gradient, self.offsets[k + 1], alpha=-1)
            differences[k + 1].addmv_(gradient.T, self.offsets[k], alpha=-1)
        norm = float(sum(gradient.square().sum() for gradient in gradients)) ** 0.5
        rate = self.rate * min(1.0, self.longest / max(norm, 1e-12))
        for parameter, up in zip(
            (*self.weights, *self.biases), (*gradients, *differences), strict=True
        ):
            parameter.add_(up, alpha=rate)

    def _posterior(self, v):
        """States of the hidden layers given data: means of the first, draws of the second."""
        (W, U), (_, c, d) = self.weights, self.biases
        of_data = torch.addmm(c, v, W)
        first = torch.sigmoid(2 * of_data - c)
        second = torch.sigmoid(torch.addmm(d, first, U))
        for _ in range(self.n_sweeps):
            means = first, second
            first = torch.addmm(of_data, second, U.T).sigmoid_()
            second = torch.addmm(d, first, U).sigmoid_()
            if self.tol > 0:
                changes = [
                    (new - old).abs_().mean(1).max()
                    for new, old in zip((first, second), means, strict=True)
                ]
                if max(changes) <= self.tol:
                    break
        for step in range(self.n_clamped_steps):
            if step > 0:
                second = torch.addmm(d, self._draw(first), U).sigmoid_()
            second = self._draw(second)
            first = torch.addmm(of_data, second, U.T).sigmoid_()
        return first, second

    def _chains(self):
        """States of the persistent chains, the first hidden layer as means."""
        (W, U), (b, c, d) = self.weights, self.biases
        v, first, second = self.chains
        for _ in range(self.n_steps):
            v = self._draw(torch.addmm(b, first, W.T).sigmoid_())
            second = self._draw(torch.addmm(d, first, U).sigmoid_())
            mean = torch.addmm(c, v, W).addmm_(second, U.T).sigmoid_()
            first = self._draw(mean)
        self.chains = v, first, second
        return v, mean, second

    @staticmethod
    def _draw(mean):
        return torch.lt(torch.rand_like(mean), mean).float()
