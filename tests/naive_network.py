"""An obviously right twin of the training of networks: the loss, in plain NumPy in float64.

It knows no gradient: those come from finite differences of it. Values are complex numbers where
need be, so that a derivative along a direction is the imaginary part of a tiny complex step.
"""

import numpy as np

import naive
from skebm.kernels.random import fill_normal

STEP = 1e-30


def normals(seed, stream, shape, dtype=np.float64):
    """The normal numbers of the rows from 0 and the columns from 0 on; tested elsewhere."""
    out = np.empty(shape, dtype=dtype)
    for row in range(shape[0]):
        fill_normal(seed, stream, row, 0, out[row])
    return out.astype(np.float64)


HIDDEN = {
    "identity": lambda x: x,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: np.where(x.real > 0, x, 0),
}


def softmax_cross_entropy(x, target):
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    return -(target * np.log(p)).sum(axis=1)


def logistic_cross_entropy(x, target):
    p = 1 / (1 + np.exp(-x))
    return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(axis=1)


def squared_error(x, target):
    return ((x - target) ** 2).sum(axis=1) / 2


LOSSES = {
    "softmax": softmax_cross_entropy,
    "logistic": logistic_cross_entropy,
    "identity": squared_error,
}


class Loss:
    """The loss of a batch as a function of the arrays of all layers.

    Parameters
    ----------
    activations : list of str
    tied_to : list of int or None
    objective : skebm.deep.objective.Objective
    X, T, weights : ndarray
        Rows, targets, and how much each row counts.
    divisor : float
        Of the penalties on weights, and of the weighted losses.
    address : tuple
        Seed and first stream.
    """

    def __init__(self, activations, tied_to, objective, X, T, weights, divisor, address):
        self.activations, self.tied_to, self.objective = activations, tied_to, objective
        self.X, self.T = X.astype(np.float64), T.astype(np.float64)
        self.weights, self.divisor = weights.astype(np.float64) / divisor, divisor
        self.seed, self.stream = address
        self.n_layers = len(activations)

    def __call__(self, *arrays):
        """``arrays``: the weights of each layer that owns some, and its bias, layer by layer."""
        objective = self.objective
        weights, biases = self.unpack(arrays)
        values, hidden = self.forward(self.disturbed_data(), weights, biases)
        loss = self.weights @ LOSSES[self.activations[-1]](values, self.T)
        for k in objective.sparse_layers:
            loss += objective.sparsity_cost * self.sparsity(hidden[k])
        if objective.contraction_cost:
            loss += objective.contraction_cost * self.contraction(weights, biases)
        for w, tied in zip(weights, self.tied_to, strict=True):
            if tied is None:
                loss += objective.l1 * np.abs(w).sum() / self.divisor
                loss += objective.l2 * (w**2).sum() / 2 / self.divisor
        return loss

    def unpack(self, arrays):
        arrays, weights, biases = list(arrays), [], []
        for tied in self.tied_to:
            weights.append(arrays.pop(0) if tied is None else weights[tied].T)
            biases.append(arrays.pop(0))
        return weights, biases

    def uniforms(self, stream, shape):
        return naive.uniforms(self.seed, self.stream + stream, shape)

    def disturbed_data(self):
        X, corruption = self.X.copy(), self.objective.corruption
        if corruption is not None:
            stream = 2 * self.n_layers
            u = self.uniforms(stream, X.shape)
            if corruption.kind == "gaussian":
                X += corruption.level * normals(self.seed, self.stream + stream, X.shape)
            elif corruption.kind == "masking":
                X[u < corruption.level] = 0
            else:
                X[u < corruption.level] = corruption.high
                X[u < corruption.level / 2] = corruption.low
        return self.dropped(0, X)

    def dropped(self, k, values):
        if not self.objective.dropout:
            return values
        share = self.objective.dropout[k]
        kept = self.uniforms(k, values.shape) >= share
        return values * kept / (1 - share)

    def forward(self, values, weights, biases):
        """Inputs of the last activation, and what each hidden layer sends on."""
        hidden = []
        for k in range(self.n_layers):
            values = values @ weights[k] + biases[k]
            if self.objective.noise:
                stream = self.stream + self.n_layers + k
                values = values + self.objective.noise[k] * normals(self.seed, stream, values.shape)
            if k + 1 < self.n_layers:
                values = self.dropped(k + 1, HIDDEN[self.activations[k]](values))
                hidden.append(values)
        return values, hidden

    def sparsity(self, values):
        mean = np.average(values, axis=0, weights=self.weights)
        rho = self.objective.sparsity_target
        divergence = rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
        return self.weights.sum() * divergence.sum()

    def contraction(self, weights, biases):
        X = self.disturbed_data()
        stream = self.stream + 2 * self.n_layers + 1
        directions = normals(self.seed, stream, X.shape)
        _, hidden = self.forward(X + 1j * STEP * directions, weights, biases)
        code = hidden[self.objective.contracted_layers - 1]
        return self.weights @ ((code.imag / STEP) ** 2).sum(axis=1)
