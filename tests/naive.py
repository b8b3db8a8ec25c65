"""Obviously right, slow twins of what is compiled: Python integers and plain NumPy in float64."""

from functools import cache

import numpy as np

WORD = 2**32


@cache  # of its four words each is asked for alone, and by one test after the other
def philox(counter, key):
    """Philox4x32-10: four words from a counter of four and a key of two, all Python ints."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high_0, low_0 = divmod(0xD2511F53 * c0, WORD)
        high_1, low_1 = divmod(0xCD9E8D57 * c2, WORD)
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = (k0 + 0x9E3779B9) % WORD, (k1 + 0xBB67AE85) % WORD
    return c0, c1, c2, c3


def uniform(seed, stream, row, column, dtype=np.float64):
    """The uniform number at an address: the middle of one of 2**32, or for float32 2**23, cells."""
    counter = column // 4, row, stream % WORD, stream // WORD
    word = philox(counter, (seed % WORD, seed // WORD))[column % 4]
    if dtype == np.float32:
        return (word // 2**9 + 0.5) / 2**23
    return (word + 0.5) / 2**32


def uniforms(seed, stream, shape, dtype=np.float64):
    """The uniform numbers of the rows from 0 and the columns from 0 on."""
    out = np.empty(shape)
    for row, column in np.ndindex(*shape):
        out[row, column] = uniform(seed, stream, row, column, dtype)
    return out


def normals(seed, stream, shape, dtype=np.float64):
    """Standard normals of the rows and columns from 0 on: Box and Muller's, four at a time."""
    n_rows, n_columns = shape
    n_quads = -(-n_columns // 4)
    quads = uniforms(seed, stream, (n_rows, 4 * n_quads), dtype).reshape(n_rows, n_quads, 4)
    radius = np.sqrt(-2 * np.log(quads[..., :2]))
    angle = 2 * np.pi * (quads[..., 2:] - 0.5)
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return both.reshape(n_rows, -1)[:, :n_columns]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def direction(data, chains, offsets, centered):
    """Gradient of the log-likelihood by W, b and c, from the statistics of both phases.

    Each phase is (visible rows, hidden rows, weights of the rows), the weights of a phase adding
    up to 1. Centred, the gradient is that of the machine with the energy
    -(v - mu) W (h - lam) - (v - mu) b' - (h - lam) c', whose b' and c' are kept while W moves:
    b = b' - W lam and c = c' - mu W move with it.
    """
    mu, lam = offsets if centered else (np.zeros_like(offset) for offset in offsets)

    def statistics(v, h, weights):
        return (v - mu).T @ ((h - lam) * weights[:, None]), weights @ v, weights @ h

    of_data, of_chains = statistics(*data), statistics(*chains)
    W, b, c = (x - y for x, y in zip(of_data, of_chains, strict=True))
    return W, b - W @ lam, c - mu @ W


def start_of_bernoulli(X, n_hidden, activity, random_state):
    """W, b and c where training starts: a random projection of the data, with room made for it."""
    n_rows, n_visible = X.shape  # of which every one varies
    mean, variance = X.mean(axis=0), X.var(axis=0)
    normal = random_state.normal(size=(n_hidden, n_visible))
    # Orthogonal vectors, of one visible unit each where there are as many hidden ones.
    vectors = normal if n_visible <= n_hidden else normal.T
    vectors = np.linalg.qr(vectors)[0] * np.sqrt(len(vectors))
    directions = vectors.T if n_visible <= n_hidden else vectors

    of_states = n_hidden * activity * (1 - activity)
    scale = min(6 / np.sqrt(of_states), 2 / np.sqrt(variance.sum()))
    W = scale * directions
    c = np.log(activity / (1 - activity)) * np.sqrt(1 + np.pi / 8 * scale**2 * variance.sum())
    on = X.sum(axis=0) + 0.5
    b = np.log(on / (n_rows + 1 - on))
    linear, quadratic = activity * W.sum(axis=1), activity * (1 - activity) * (W**2).sum(axis=1)
    return W, b - linear - quadratic * (0.5 - mean), c - mean @ W


def warmed_up(momentum, n_updates):
    """The momentum of an epoch before which so many steps have been taken."""
    return min(momentum, 1 - 1 / (2 + n_updates / 100))


class Learner:
    """Twin of `skebm.boltzmann.gradient.Learner`, drawing from the same addresses.

    With chains that persist (PCD), or with `chains=None` from the data (CD).
    """

    def __init__(self, parameters, chains, offsets, seed, next_stream, dtype, n_updates=0):
        self.n_updates = n_updates
        self.parameters = [np.array(p, dtype=np.float64) for p in parameters]
        self.velocity = [np.zeros_like(p) for p in self.parameters]
        self.chains = None if chains is None else np.array(chains, dtype=np.float64)
        self.offsets = [np.array(o, dtype=np.float64) for o in offsets]
        self.seed, self.next_stream, self.dtype = seed, next_stream, dtype

    def draw(self, mean):
        """States with these means, from the next stream."""
        states = uniforms(self.seed, self.next_stream, mean.shape, self.dtype) < mean
        self.next_stream += 1
        return states.astype(np.float64)

    def run_epoch(self, X, order, settings):
        size = settings.batch_size
        momentum = warmed_up(settings.momentum, self.n_updates)
        for start in range(0, len(order), size):
            self.step(X[order[start : start + size]], settings, momentum)
            self.n_updates += 1

    def step(self, v_data, settings, momentum):
        W, b, c = self.parameters
        h_data = sigmoid(v_data @ W + c)

        h = self.draw(h_data) if self.chains is None else self.chains
        v_chains = self.draw(sigmoid(h @ W.T + b))
        for _ in range(settings.n_gibbs_steps - 1):
            h = self.draw(sigmoid(v_chains @ W + c))
            v_chains = self.draw(sigmoid(h @ W.T + b))
        h_chains = sigmoid(v_chains @ W + c)
        if self.chains is not None:
            self.chains = self.draw(h_chains)

        rate = settings.offset_rate
        means = v_data.mean(axis=0), h_data.mean(axis=0)
        for offset, mean in zip(self.offsets, means, strict=True):
            offset[:] = (1 - rate) * offset + rate * mean

        data = v_data, h_data, np.full(len(v_data), 1 / len(v_data))
        chains = v_chains, h_chains, np.full(len(v_chains), 1 / len(v_chains))
        gradient = direction(data, chains, self.offsets, settings.centered)
        if settings.sparsity_target is not None:
            missing = settings.sparsity_target - self.offsets[1]
            gradient[2][:] += settings.sparsity_cost * missing

        self.velocity = [
            momentum * velocity + settings.learning_rate * g
            for velocity, g in zip(self.velocity, gradient, strict=True)
        ]
        W *= 1 - settings.learning_rate * settings.l2
        for parameter, velocity in zip(self.parameters, self.velocity, strict=True):
            parameter += velocity
        # The proximal step of L1: towards zero, and no further.
        W[:] = np.sign(W) * np.maximum(np.abs(W) - settings.learning_rate * settings.l1, 0)


class GaussianLearner:
    """Twin of `skebm.boltzmann.gradient.Learner` for real-valued visible units.

    Its W are means of visible states, v = b + W h; its velocity is that of W over the variances.
    """

    def __init__(self, parameters, chains, offsets, seed, next_stream, inertia=0.0, n_updates=0):
        self.n_updates = n_updates
        self.W, self.b, self.c, self.z = (np.array(p, dtype=np.float64) for p in parameters)
        self.velocity = [np.zeros_like(p) for p in (self.W, self.b, self.c)]
        self.chains = None if chains is None else np.array(chains, dtype=np.float64)
        self.offsets = [np.array(o, dtype=np.float64) for o in offsets]
        self.seed, self.next_stream, self.inertia = seed, next_stream, inertia

    def hidden_mean(self, v):
        return sigmoid(v / np.exp(self.z) @ self.W + self.c)

    def draw_hidden(self, mean):
        states = uniforms(self.seed, self.next_stream, mean.shape) < mean
        self.next_stream += 1
        return states.astype(np.float64)

    def draw_visible(self, h, previous=None):
        mean, share = self.b + h @ self.W.T, 1.0
        if previous is not None and self.inertia:
            mean = mean + self.inertia * (previous - mean)
            share = 1 - self.inertia**2
        normal = normals(self.seed, self.next_stream, mean.shape)
        self.next_stream += 1
        return mean + np.sqrt(share * np.exp(self.z)) * normal

    def run_epoch(self, X, order, settings):
        size = settings.batch_size
        momentum = warmed_up(settings.momentum, self.n_updates)
        for start in range(0, len(order), size):
            self.step(X[order[start : start + size]], settings, momentum)
            self.n_updates += 1

    def step(self, v_data, settings, momentum):
        h_data = self.hidden_mean(v_data)
        h = self.draw_hidden(h_data) if self.chains is None else self.chains
        v = self.draw_visible(h, v_data if self.chains is None else None)
        for _ in range(settings.n_gibbs_steps - 1):
            v = self.draw_visible(self.draw_hidden(self.hidden_mean(v)), v)
        h_chains = self.hidden_mean(v)
        if self.chains is not None:
            self.chains = self.draw_hidden(h_chains)

        for offset, rows in zip(self.offsets, (v_data, h_data), strict=True):
            offset += settings.offset_rate * (rows.mean(axis=0) - offset)
        mu, lam = (offset if settings.centered else 0 * offset for offset in self.offsets)
        s = np.exp(self.z)

        def statistics(v, h):
            alone = np.square(v - self.b) / (2 * s)
            return (
                (v - mu).T @ (h - lam) / len(v),
                v.mean(axis=0),
                h.mean(axis=0),
                (alone - v / s * (h @ self.W.T)).mean(axis=0),
            )

        pairs = zip(statistics(v_data, h_data), statistics(v, h_chains), strict=True)
        W, b, c, z = (of_data - of_chains for of_data, of_chains in pairs)
        gradient = W / s[:, None], b - W @ lam, c - mu / s @ W
        if settings.sparsity_target is not None:
            missing = settings.sparsity_target - self.offsets[1]
            gradient[2][:] += settings.sparsity_cost * missing

        rate = settings.learning_rate * min(1, settings.max_gradient_norm / np.linalg.norm(W))
        self.velocity = [
            momentum * velocity + rate * g
            for velocity, g in zip(self.velocity, gradient, strict=True)
        ]
        self.W *= 1 - settings.learning_rate * settings.l2
        self.W += s[:, None] * self.velocity[0]
        self.b += self.velocity[1]
        self.c += self.velocity[2]
        self.z += settings.variance_rate * z
