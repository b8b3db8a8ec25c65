"""What `GaussianRBM` learns: likelihood, sources and features, beside other models.

    python benchmarks/grbm.py                              # everything: some minutes
    python benchmarks/grbm.py --faces olivetti.npz         # an .npz with X (400, 4096) and person
    python benchmarks/grbm.py --cases sources svm
    python benchmarks/grbm.py --figure grbm.png            # filters and samples

- likelihood: of held-out rows, mean in nats, between the bounds of annealing; beside independent
  normal features and factor analysis with as many factors. Digits have uniform noise of the width
  of a grey level, without which their densities mean nothing; a quarter is held out. Faces are
  reduced to 24 x 24 pixels; the last ten of forty people are held out.
- sources: two independent Laplace sources, rotated by 30 degrees; of three runs the one with the
  highest likelihood, which uses nothing but the data.
- svm: accuracy of a support vector machine on the features, five folds, beside principal components
  of the standardised data, as many.

What is trained with was chosen on rows held out of the training data.
"""

import argparse
import time

import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from sklearn.datasets import fetch_olivetti_faces, load_breast_cancer, load_digits
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from _machine import print_machine
from skebm import GaussianRBM

CASES = ("likelihood", "sources", "svm")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--faces",
        metavar="FILE",
        help="an .npz of the Olivetti faces; without it scikit-learn downloads them",
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--figure", metavar="FILE", help="draw filters and samples to this file")
    options = parser.parse_args()
    print_machine()
    if "likelihood" in options.cases:
        models = compare_likelihoods(options.faces)
        if options.figure:
            draw(models, options.figure)
    if "sources" in options.cases:
        recover_sources()
    if "svm" in options.cases:
        compare_features()


# Likelihood ------------------------------------------------------------------

N_COMPONENTS = 64
N_PEOPLE_HELD_OUT = 10


def digits():
    """Training and held-out rows in [0, 1]."""
    levels = load_digits().data
    noise = np.random.default_rng(0).random(levels.shape)
    rows = ((levels + noise) / 17).astype(np.float32)
    return train_test_split(rows, test_size=0.25, random_state=0)


def faces(path):
    """Training and held-out rows of 24 x 24 pixels in [0, 1], of different people."""
    if path is None:
        data = fetch_olivetti_faces()
        pixels, person = data.data, data.target
    else:
        with np.load(path) as archive:
            pixels, person = archive["X"] / 255, archive["person"]
    images = pixels.reshape(-1, 64, 64)
    small = [zoom(gaussian_filter(image, 1), 24 / 64, order=1, grid_mode=True, mode="nearest")
             for image in images]  # fmt: skip
    rows = np.reshape(small, (len(images), -1)).astype(np.float32)
    held_out = person >= person.max() + 1 - N_PEOPLE_HELD_OUT
    return rows[~held_out], rows[held_out]


def compare_likelihoods(path):
    print(f"\nlog-likelihood of held-out rows, {N_COMPONENTS} hidden units or factors")
    names = ("independent", "factors", "lower", "estimate", "upper", "seconds")
    print(f"{'':>8}" + "".join(f"{name:>13}" for name in names))
    models = {}
    for name, (train, test) in {"digits": digits(), "faces": faces(path)}.items():
        start = time.perf_counter()
        rbm = GaussianRBM(N_COMPONENTS, n_iter=50, random_state=0).fit(train)
        seconds = time.perf_counter() - start
        log_z = rbm.log_partition(random_state=0)
        values = [
            independent_normals(train, test),
            FactorAnalysis(N_COMPONENTS).fit(train.astype(np.float64)).score(test),
            *(rbm.log_likelihood(test, z).mean() for z in (log_z.upper, log_z, log_z.lower)),
            seconds,
        ]
        print(f"{name:>8}" + "".join(f"{value:>13.2f}" for value in values), flush=True)
        models[name] = rbm, train
    return models


def independent_normals(train, test):
    train, test = train.astype(np.float64), test.astype(np.float64)
    z = (test - train.mean(axis=0)) / train.std(axis=0)
    log_density = -0.5 * z**2 - np.log(train.std(axis=0)) - 0.5 * np.log(2 * np.pi)
    return log_density.sum(axis=1).mean()


def draw(models, path):
    """Filters, rows of data and samples of each model, as images."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(models), 3, figsize=(12, 4.3 * len(models)))
    for row, (name, (rbm, train)) in zip(axes, models.items(), strict=True):
        some = train[np.random.default_rng(0).permutation(len(train))[:N_COMPONENTS]]
        samples = rbm.sample(N_COMPONENTS, n_steps=2000, random_state=0)
        panels = [("filters", rbm.components_), ("data", some), ("samples", samples)]
        for axis, (title, images) in zip(row, panels, strict=True):
            signed = title == "filters"
            high = np.abs(images).max() if signed else images.max()
            low = -high if signed else images.min()
            axis.imshow(
                tiled(images, 0 if signed else low),
                cmap="RdBu_r" if signed else "gray",
                vmin=low,
                vmax=high,
            )
            axis.set_title(f"{name}: {title}")
            axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def tiled(rows, background):
    """One image of 8 by 8 images, a pixel apart."""
    side = int(np.sqrt(rows.shape[1]))
    images = np.pad(
        rows.reshape(8, 8, side, side),
        ((0, 0), (0, 0), (0, 1), (0, 1)),
        constant_values=background,
    )
    return images.transpose(0, 2, 1, 3).reshape(8 * (side + 1), -1)


# Sources ---------------------------------------------------------------------


def recover_sources():
    rng = np.random.default_rng(0)
    sources = rng.laplace(0, np.sqrt(0.5), (20_000, 2))
    angle = np.pi / 6
    mixing = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    X = sources @ mixing.T
    start = time.perf_counter()
    rbms = [
        GaussianRBM(
            4,
            learning_rate=0.1,
            batch_size=100,
            n_iter=60,
            variances=0.3,
            sparsity_target=0.1,
            sparsity_cost=0.5,
            random_state=seed,
        ).fit(X)
        for seed in range(3)
    ]
    rbm = max(rbms, key=lambda rbm: rbm.log_likelihood(X).mean())
    seconds = time.perf_counter() - start
    directions = rbm.components_ / np.linalg.norm(rbm.components_, axis=1, keepdims=True)
    print(f"\ntwo rotated Laplace sources, four hidden units, three runs of {seconds / 3:.1f} s")
    print(f"log-likelihood {rbm.log_likelihood(X).mean():.4f}, "
          f"independent normals {independent_normals(X, X):.4f}")  # fmt: skip
    print("cosine of each filter with both sources:")
    for cosines in directions @ mixing:
        print("".join(f"{cosine:>9.4f}" for cosine in cosines))


# Features for a classifier ---------------------------------------------------


def compare_features():
    print("\naccuracy of SVC on features, five folds (standard error of the mean)")
    print(f"{'':>8}{'features':>10}{'PCA':>18}{'GaussianRBM':>18}{'StandardScaler +':>18}")
    for name, load, n_components in [
        ("cancer", load_breast_cancer, 30),
        ("digits", load_digits, 64),
    ]:
        X, y = load(return_X_y=True)
        rbm = GaussianRBM(n_components, n_iter=30, random_state=0)
        pipelines = [
            make_pipeline(StandardScaler(), PCA(n_components, random_state=0), SVC()),
            make_pipeline(rbm, SVC()),
            make_pipeline(StandardScaler(), rbm, SVC()),
        ]
        line = f"{name:>8}{n_components:>10}"
        for pipeline in pipelines:
            folds = StratifiedKFold(5, shuffle=True, random_state=0)
            scores = cross_val_score(pipeline, X, y, cv=folds)
            error = scores.std(ddof=1) / np.sqrt(len(scores))
            line += f"{scores.mean():>10.4f} ({error:.4f})"
        print(line, flush=True)


if __name__ == "__main__":
    main()
