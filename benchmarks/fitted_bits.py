"""Fingerprints of small fits, to see whether a change to the code has changed any number.

    python benchmarks/fitted_bits.py > before.txt
    ...                                             # the change
    python benchmarks/fitted_bits.py > after.txt
    diff before.txt after.txt

A line for each fit: over all types of numbers, storages, algorithms and options, and all methods.
With ``--each`` there is a line for each array instead, which says where a fit has begun to differ.

Bits depend on the machine, NumPy, the BLAS and Numba: compare runs of one machine only. Names of
classes and modules are not in the fingerprints, and neither are private attributes.
"""

import argparse
import dataclasses
import hashlib
import sys
import warnings
from functools import partial

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, is_classifier, is_regressor

from skebm import (
    BernoulliRBM,
    DBNClassifier,
    DBNRegressor,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DSNClassifier,
    DSNRegressor,
    GaussianRBM,
    GenerativeDBNClassifier,
    HopfieldMemory,
)

# 70 x 150 weights are enough for more than one tile of hidden units; 90 rows leave a minibatch
# that is not full.
N_ROWS, N_FEATURES = 90, 70


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", action="store_true", help="a line for each array")
    parser.add_argument("--only", default="", metavar="WORD", help="fits with WORD in their name")
    options = parser.parse_args()
    for name, (model, data) in cases().items():
        if options.only not in name:
            continue
        found = list(arrays_of_a_fit(model, data))
        if options.each:
            for part, array in found:
                print(f"{fingerprint([array])}  {name}: {part}")
        else:
            print(f"{fingerprint(array for _, array in found)}  {name} ({len(found)} arrays)")
        sys.stdout.flush()


# The fits --------------------------------------------------------------------

RBM = partial(BernoulliRBM, n_components=12, n_iter=3, random_state=0)
GAUSSIAN = partial(GaussianRBM, n_components=12, n_iter=3, random_state=0)
DBN = partial(DBNClassifier, (12, 9), rbm_n_iter=2, max_iter=3, random_state=0)
AUTOENCODER = partial(DeepAutoencoder, (12, 5), rbm_n_iter=2, max_iter=3, random_state=0)
GENERATIVE = partial(DeepBeliefNetwork, (12, 9), rbm_n_iter=2, n_iter=2, random_state=0)
GENERATIVE_CLASSIFIER = partial(
    GenerativeDBNClassifier, (12, 9), rbm_n_iter=2, n_iter=2, random_state=0
)
DSN = partial(DSNClassifier, 12, n_modules=2, max_iter=3, random_state=0)
MEMORY = partial(HopfieldMemory, max_iter=10, random_state=0)
ALL_OF_AN_RBM = {
    "momentum": [0.5, 0.8],
    "alpha": 0.01,
    "l1_ratio": 0.5,
    "sparsity_target": 0.1,
    "n_gibbs_steps": 2,
}


def cases():
    """{name: (model, data)}."""
    binary, grey, real = (make_rows(kind) for kind in ("binary", "grey", "real"))
    csr = scipy.sparse.csr_matrix(binary)
    full = 1 - binary  # few zeros: compiled loops list all of its units
    single = np.float32
    spins = 2 * binary - 1
    from_rbm = {"rbm": BernoulliRBM(n_iter=1), "init": "rbm"}
    return {
        # One RBM: by each algorithm, storage and type of numbers.
        "rbm pcd": (RBM(), binary),
        "rbm pcd float32": (RBM(), binary.astype(single)),
        "rbm pcd csr": (RBM(), csr),
        "rbm pcd csr float32": (RBM(), csr.astype(single)),
        "rbm pcd grey": (RBM(), grey),
        "rbm pcd full": (RBM(), full),
        "rbm pcd integers": (RBM(), binary.astype(np.uint8)),
        "rbm pcd wide": (RBM(n_components=150), binary),
        "rbm pcd wide float32": (RBM(n_components=150), grey.astype(single)),
        "rbm pcd products": (RBM(batch_size=N_ROWS, n_components=150), grey),
        "rbm pcd products float32": (RBM(batch_size=N_ROWS), full.astype(single)),
        "rbm cd": (RBM(algorithm="cd"), binary),
        "rbm cd float32": (RBM(algorithm="cd"), grey.astype(single)),
        "rbm cd products": (RBM(algorithm="cd", batch_size=N_ROWS), grey),
        "rbm pt": (RBM(algorithm="pt", n_replicas=4), binary),
        "rbm pt float32": (RBM(algorithm="pt", n_replicas=4), csr.astype(single)),
        # One RBM: options of training.
        "rbm batch of one": (RBM(batch_size=1), binary),
        "rbm chains": (RBM(n_chains=3, n_gibbs_steps=2), binary),
        "rbm plain": (RBM(centered=False), binary),
        "rbm momentum": (RBM(momentum=0.7), binary),
        "rbm momentum products": (RBM(momentum=0.7, batch_size=N_ROWS), grey),
        "rbm l2": (RBM(alpha=0.1), binary),
        "rbm l1": (RBM(alpha=0.1, l1_ratio=1.0), binary),
        "rbm sparsity": (RBM(sparsity_target=0.1), binary),
        "rbm everything": (RBM(**ALL_OF_AN_RBM), csr),
        "rbm everything products": (RBM(**ALL_OF_AN_RBM, batch_size=N_ROWS), grey),
        "rbm everything cd float32": (RBM(**ALL_OF_AN_RBM, algorithm="cd"), binary.astype(single)),
        "rbm early stopping": (RBM(early_stopping=True, n_iter=8, n_iter_no_change=2), binary),
        "rbm reconstruction": (RBM(reconstruction_tol=0.0, n_iter=8, n_iter_no_change=2), binary),
        "rbm unshuffled": (RBM(shuffle=False, learning_rate_schedule="cosine"), binary),
        "rbm warm start": (RBM(warm_start=True, momentum=0.5), binary),
        # Visible units of real numbers.
        "gaussian": (GAUSSIAN(), real),
        "gaussian float32": (GAUSSIAN(), real.astype(single)),
        "gaussian csr": (GAUSSIAN(), scipy.sparse.csr_matrix(real * binary)),
        "gaussian pcd": (GAUSSIAN(algorithm="pcd"), real),
        "gaussian pt": (GAUSSIAN(algorithm="pt", n_replicas=4), real),
        "gaussian variances": (GAUSSIAN(learn_variance=False, variances=1.0), real),
        "gaussian langevin": (GAUSSIAN(sampler="gibbs-langevin"), real),
        "gaussian everything": (GAUSSIAN(**ALL_OF_AN_RBM, max_gradient_norm=0.1), real),
        "gaussian early stopping": (GAUSSIAN(early_stopping=True, warm_start=True), real),
        # Deep networks.
        "dbn adam": (DBN(), binary),
        "dbn adam float32": (DBN(), csr.astype(single)),
        "dbn sgd": (DBN(solver="sgd", learning_rate="adaptive", alpha=0.1, l1_ratio=0.5), binary),
        "dbn rmsprop": (
            DBN(solver="rmsprop", pretrain=False, activation="tanh", max_norm=1.0),
            real,
        ),
        "dbn adagrad": (DBN(solver="adagrad", early_stopping=True), grey),
        "dbn lbfgs": (DBN(solver="lbfgs", dropout=0.0, input_dropout=0.0), binary),
        "dbn cg": (DBN(solver="cg", dropout=0.0, input_dropout=0.0, batch_size=40), binary),
        "dbn output first": (DBN(n_iter_output=2, class_weight={0: 2.0}), binary),
        "dbn regression": (DBNRegressor((12,), rbm_n_iter=2, max_iter=3, random_state=0), real),
        "dbn from random": (DBN(pretrain=False, max_gradient_norm=0.1), binary),
        "autoencoder": (AUTOENCODER(), grey),
        "autoencoder float32": (AUTOENCODER(code="logistic"), csr.astype(single)),
        "autoencoder binary": (AUTOENCODER(code="binary", corruption="masking"), binary),
        "autoencoder tied": (AUTOENCODER(tied=True, corruption="gaussian", code_noise=0.5), real),
        "autoencoder costs": (
            AUTOENCODER(code="logistic", sparsity_cost=0.1, contraction_cost=0.1),
            grey,
        ),
        "generative": (GENERATIVE(rbm_momentum=0.5), binary),
        "generative up-down": (GENERATIVE(fine_tune="up_down", rbm_algorithm="pcd"), csr),
        "generative float32": (GENERATIVE(fine_tune="up_down"), real.astype(single)),
        "generative classifier": (GENERATIVE_CLASSIFIER(rbm_alpha=0.01), binary),
        "generative classifier up-down": (GENERATIVE_CLASSIFIER(fine_tune="up_down"), real),
        "generative classifier float32": (GENERATIVE_CLASSIFIER(), csr.astype(single)),
        # Stacks and memories.
        "dsn": (DSN(), binary),
        "dsn float32": (DSN(alpha="loo", dropout=0.0), csr.astype(single)),
        "dsn warm-up": (DSN(warm_up=2, alpha="gcv", stack_method="predict_proba"), real),
        "dsn rbm": (DSN(**from_rbm, cv=2, stacking="last", emphasis=True), binary),
        "dsn early stopping": (DSN(early_stopping=True, input_dropout=0.1), grey),
        "dsn regression": (DSNRegressor(12, n_modules=2, max_iter=3, random_state=0), real),
        "memory hebb": (MEMORY(temperature=0.5), spins),
        "memory storkey float32": (MEMORY("storkey", update="sync"), spins.astype(single)),
        "memory dreaming": (MEMORY("dreaming", fit_intercept=True), spins),
        "memory dense": (MEMORY("dense"), spins),
        "memory softmax": (MEMORY("softmax", similarity="euclidean", binarize=None), real),
    }


def make_rows(kind):
    """Rows around four prototypes, so that there is something to learn."""
    rng = np.random.default_rng(0)
    means = rng.random((4, N_FEATURES))[rng.integers(4, size=N_ROWS)]
    if kind == "binary":
        return (rng.random(means.shape) < means**2).astype(float)
    noise = rng.normal(size=means.shape)
    real = 3 * means - 1 + 0.5 * noise
    return np.clip(real, 0, 1) if kind == "grey" else 10 * real


# What comes out of them ------------------------------------------------------

# Methods and what they are asked, in this order; those that a model does not have are left out.
QUESTIONS = {
    "transform": lambda ask, X: ask(X),
    "predict": lambda ask, X: ask(X),
    "predict_proba": lambda ask, X: ask(X),
    "decision_function": lambda ask, X: ask(X),
    "staged_predict": lambda ask, X: list(ask(X)),
    "score_samples": lambda ask, X: ask(X),
    "free_energy": lambda ask, X: ask(X),
    "energy": lambda ask, X: ask(X),
    "reconstruct": lambda ask, X: ask(X),
    "gibbs": lambda ask, X: ask(X, 3, random_state=1),
    "recall": lambda ask, X: ask(X[:9], random_state=1),
    "sample": lambda ask, X: ask(5, 4, random_state=1),
}
ANNEALING = {"n_temperatures": 30, "n_chains": 5, "n_burn_in": 5, "random_state": 1}


def arrays_of_a_fit(model, data):
    """Yield (name, array) for everything that comes out of a model: fitted, asked, gone on."""
    rows = data[:60]
    y = np.random.default_rng(1).integers(3, size=N_ROWS)
    y = y.astype(data.dtype) if is_regressor(model) else y
    labels = {"classes": np.arange(3)} if is_classifier(model) else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(data, y)
        yield from arrays_in(model, "fit")
        yield from answers(model, rows)
        if model.get_params().get("warm_start"):
            yield from arrays_in(model.fit(data, y), "warm fit")
        deep = isinstance(model, DBNClassifier)
        if hasattr(model, "partial_fit") and not (deep and model.early_stopping):
            yield from arrays_in(model.partial_fit(rows, y[:60], **labels), "partial_fit")


def answers(model, X):
    for name, question in QUESTIONS.items():
        if hasattr(model, name):
            yield from arrays_in(question(getattr(model, name), X), name)
    dense = X.toarray() if scipy.sparse.issparse(X) else X
    if hasattr(model, "inverse_transform"):
        yield from arrays_in(model.inverse_transform(model.transform(X)), "inverse_transform")
    if isinstance(model, BernoulliRBM | GaussianRBM):
        mask = np.random.default_rng(2).random(X.shape) < 0.3
        options = {"init": dense, "clamp": mask, "random_state": 1}
        yield "sample, clamped", model.sample(5, 4, **options)
        yield "sample, tempered", model.sample(5, 4, algorithm="pt", random_state=1)
        holes = np.where(mask, np.nan, dense)
        yield "impute", model.impute(holes[:20], 10, random_state=1)
        yield from arrays_in(model.log_partition("ais", **ANNEALING), "log_partition")
        if model.n_components <= 20:
            yield "log_likelihood", model.log_likelihood(X)


def arrays_in(thing, name):
    """Yield (name, array) for each array in lists, dicts and public attributes of estimators."""
    if isinstance(thing, BaseEstimator):
        fitted = {k: v for k, v in vars(thing).items() if k.endswith("_") and k[0] != "_"}
        yield from arrays_in(fitted, name)
    elif dataclasses.is_dataclass(thing):
        yield from arrays_in(vars(thing), name)
    elif isinstance(thing, dict):
        for key in sorted(thing, key=str):
            if key != "seconds":
                yield from arrays_in(thing[key], f"{name}, {key}")
    elif isinstance(thing, list | tuple):
        for number, part in enumerate(thing):
            yield from arrays_in(part, f"{name}, {number}")
    elif thing is not None:
        array = np.array(thing)  # a copy: to go on with a fit may change it in place
        assert array.dtype != object, f"{name} has no bits to compare: {thing}"
        yield name, array


def fingerprint(arrays):
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    main()
