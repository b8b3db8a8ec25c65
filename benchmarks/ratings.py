"""RatingRBM beside the usual predictors of ratings, and how time and memory grow.

    python benchmarks/ratings.py --data ratings.npz
    python benchmarks/ratings.py --data u1.base --test u1.test
    python benchmarks/ratings.py --growth 1000000 3000000 10000000

The file is an .npz with the arrays user, item and rating, or has lines of user, item and rating
that are separated by tabs, as u.data of MovieLens-100K has. Random tenths are held out, or what is
in the file of --test. Parameters were chosen on a tenth of the training ratings of seed 0.

GroupLens asks not to use MovieLens ml-latest-small for results that are shared as a benchmark:
figures on it compare methods on the same split of the same data, and are no published result.
Cite F. M. Harper and J. A. Konstan, "The MovieLens datasets: history and context", ACM TiiS 5(4),
2015.
"""

import argparse
import time

import numpy as np
import scipy.sparse

from _machine import print_machine
from _memory import process_memory, process_peak
from _timing import growth_exponent
from skebm import RatingRBM

# Chosen on a tenth of the training ratings of seed 0.
BY_USERS = {
    "n_components": 200,
    "degree": 1,
    "learning_rate": 0.015,
    "momentum": 0.8,
    "batch_size": 50,
    "n_iter": 20,
    "n_gibbs_steps": (1, 3),
    "half_size": 150.0,
    "prior_ratings": 8.0,
    "alpha": 0.005,
}
BY_ITEMS = {
    "n_components": 100,
    "degree": 2,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "batch_size": 100,
    "n_iter": 10,
    "n_gibbs_steps": 1,
    "half_size": 50.0,
    "prior_ratings": 5.0,
    "alpha": 0.005,
}

# A synthetic table has so many times fewer rows and items than ratings.
RATINGS_A_ROW, RATINGS_AN_ITEM = 100, 500


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FILE", help="ratings; without it, growth alone")
    parser.add_argument("--test", metavar="FILE", help="ratings to predict")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--inner", action="store_true", help="a tenth of the training ratings")
    parser.add_argument("--parts", action="store_true", help="what parts of the model do, instead")
    parser.add_argument("--growth", type=int, nargs="*", default=[], help="numbers of ratings")
    parser.add_argument("--same-shape", action="store_true", help="of all tables of --growth")
    options = parser.parse_args()
    print_machine()
    if options.data and not options.parts:
        compare(splits(options))
    if options.parts:
        show_parts(splits(options)[0])
    if options.growth:
        show_growth(options.growth, max(options.growth) if options.same_shape else None)


# Quality ---------------------------------------------------------------------


def read(path):
    """Return users, items and ratings of a file."""
    if path.endswith(".npz"):
        with np.load(path) as archive:
            return tuple(archive[name] for name in ("user", "item", "rating"))
    user, item, rating = np.loadtxt(path, delimiter="\t", usecols=(0, 1, 2)).T
    return user, item, rating


def splits(options):
    """Return (training triples, test triples) for each seed, numbered from 0 on."""
    parts = [read(path) for path in (options.data, options.test) if path]
    n_training = len(parts[0][0])
    user, item, rating = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    user, item = (np.unique(names, return_inverse=True)[1] for names in (user, item))
    triples = user, item, rating.astype(np.float64)
    if options.test:
        return [
            tuple(
                tuple(a[part] for a in triples)
                for part in (slice(n_training), slice(n_training, None))
            )
        ]
    result = []
    for seed in options.seeds:
        order = np.random.default_rng(seed).permutation(len(user))
        test, training = np.split(order, [len(user) // 10])
        if options.inner:
            test, training = np.split(training, [len(training) // 10])
        result.append(tuple(tuple(a[part] for a in triples) for part in (training, test)))
    return result


def compare(pairs):
    """Print the error and the seconds of each predictor, a column for each split."""
    n_users, n_items = (1 + max(max(t[k].max() for t in pair) for pair in pairs) for k in (0, 1))
    predictors = {
        "mean": mean,
        "biases": biases,
        "ALS, 20 factors": lambda *a: als(*a, 20),
        "ALS, 40 factors": lambda *a: als(*a, 40),
        "RatingRBM, by users": by_users,
        "RatingRBM, by items": by_items,
    }
    errors = {name: [] for name in [*predictors, "mean of both"]}
    seconds = {name: [] for name in predictors}
    # Compiled before anything is timed.
    by_users(tuple(a[:1000] for a in pairs[0][0]), pairs[0][1], n_users, n_items, n_iter=1)
    for training, test in pairs:
        found = {}
        for name, predict in predictors.items():
            start = time.perf_counter()
            found[name] = predict(training, test, n_users, n_items)
            seconds[name].append(time.perf_counter() - start)
        found["mean of both"] = (found["RatingRBM, by users"] + found["RatingRBM, by items"]) / 2
        for name, ratings in found.items():
            errors[name].append(np.sqrt(np.mean((ratings - test[2]) ** 2)))
    print(f"\n{'RMSE':<24}{'mean':>8}   by split")
    for name, values in errors.items():
        spent = f"{np.mean(seconds[name]):8.1f} s" if name in seconds else ""
        print(f"{name:<24}{np.mean(values):>8.4f}   {np.round(values, 4)}{spent}")


def mean(training, test, n_users, n_items):
    return np.full(len(test[2]), training[2].mean())


def biases(training, test, n_users, n_items):
    of_user, of_item, middle = find_biases(training, n_users, n_items)
    return middle + of_user[test[0]] + of_item[test[1]]


def find_biases(training, n_users, n_items, of_user=5.0, of_item=3.0):
    """Return ridge estimates of the biases of users and items, and the mean rating."""
    user, item, rating = training
    middle, b, c = rating.mean(), np.zeros(n_users), np.zeros(n_items)
    for _ in range(10):
        sums = np.bincount(item, rating - middle - b[user], n_items)
        c = sums / (np.bincount(item, minlength=n_items) + of_item)
        sums = np.bincount(user, rating - middle - c[item], n_users)
        b = sums / (np.bincount(user, minlength=n_users) + of_user)
    return b, c, middle


def als(training, test, n_users, n_items, n_factors, penalty=0.12, n_iter=10):
    """Predict by factors of what the biases leave, found by alternating least squares.

    The penalty of a row is times its number of ratings, as is usual.
    """
    user, item, rating = training
    b, c, middle = find_biases(training, n_users, n_items)
    rest = rating - middle - b[user] - c[item]
    X = scipy.sparse.csr_array((rest, (user, item)), shape=(n_users, n_items))
    rng = np.random.default_rng(0)
    P, Q = (0.1 * rng.normal(size=(n, n_factors)) for n in (n_users, n_items))
    by_item = X.T.tocsr()
    for _ in range(n_iter):
        solve(X, Q, P, penalty)
        solve(by_item, P, Q, penalty)
    return middle + b[test[0]] + c[test[1]] + np.sum(P[test[0]] * Q[test[1]], axis=1)


def solve(X, Q, P, penalty):
    """Write the factors of rows, given those of columns."""
    eye = penalty * np.eye(Q.shape[1])
    for row, (start, stop) in enumerate(zip(X.indptr[:-1], X.indptr[1:], strict=True)):
        if stop > start:
            A = Q[X.indices[start:stop]]
            left = A.T @ A + (stop - start) * eye
            P[row] = np.linalg.solve(left, A.T @ X.data[start:stop])


def by_users(training, test, n_users, n_items, **parameters):
    user, item, rating = training
    X = scipy.sparse.csr_array((rating.astype(np.float32), (user, item)), shape=(n_users, n_items))
    rbm = RatingRBM(random_state=0, **BY_USERS | parameters).fit(X)
    return rbm.predict(X, pairs=test[:2])


def by_items(training, test, n_users, n_items):
    user, item, rating = training
    X = scipy.sparse.csr_array((rating.astype(np.float32), (item, user)), shape=(n_items, n_users))
    rbm = RatingRBM(random_state=0, **BY_ITEMS).fit(X)
    return rbm.predict(X, pairs=(test[1], test[0]))


def show_parts(pair):
    """Print the error of the machine by users with one part less, or as in the paper."""
    training, test = pair
    sizes = [1 + max(t[k].max() for t in pair) for k in (0, 1)]
    print(f"\n{'by users, and':<40}{'RMSE':>8}")
    for name, change in {
        "all parts": {},
        "no smaller weights of long rows": {"half_size": np.inf},
        "a weight for each rating": {"degree": None},
    }.items():
        found = by_users(training, test, *sizes, **change)
        print(f"{name:<40}{np.sqrt(np.mean((found - test[2]) ** 2)):>8.4f}", flush=True)


# Growth ----------------------------------------------------------------------


def show_growth(numbers, n_of_shape):
    """Print the time of an epoch, and memory, for tables of ratings at random.

    Their users and items grow with the ratings, or are those of ``n_of_shape`` ratings.

    Seconds of the processors, all threads together, are what other work on the machine changes
    least.
    """
    rbm = RatingRBM(batch_size=1000, n_iter=2, n_gibbs_steps=1, random_state=0)
    rbm.fit(made_up(1000))  # compiled before anything is timed
    names = "ratings", "users", "items", "s an epoch", "of threads", "data, GB", "peak, GB"
    print("\n" + "".join(f"{name:>12}" for name in names))
    ratings, seconds = [], []
    for n_ratings in numbers:
        X = made_up(n_ratings, n_of_shape)
        before, start = process_memory() / 1e9, time.process_time()
        rbm.fit(X)
        seconds.append((time.process_time() - start) / rbm.n_iter_)
        ratings.append(X.nnz)
        shape = "".join(f"{n:>12}" for n in (X.nnz, *X.shape))
        numbers_of_fit = min(rbm.history_["seconds"]), seconds[-1], before, process_peak() / 1e9
        print(shape + "".join(f"{n:>12.2f}" for n in numbers_of_fit), flush=True)
    if len(numbers) > 1:
        print(f"seconds grow as ratings to the power of {growth_exponent(ratings, seconds):.2f}")


def made_up(n_ratings, n_of_shape=None):
    """Return about so many ratings 1 to 5, some items rated far more often than others."""
    rng = np.random.default_rng(0)
    n_of_shape = n_of_shape or n_ratings
    n_users, n_items = n_of_shape // RATINGS_A_ROW, n_of_shape // RATINGS_AN_ITEM
    user = rng.integers(n_users, size=n_ratings)
    item = (n_items * rng.random(n_ratings) ** 2).astype(np.int64)
    places = np.unique(user * n_items + item)
    user, item = np.divmod(places, n_items)
    rating = rng.integers(1, 6, size=len(places)).astype(np.float32)
    return scipy.sparse.csr_array((rating, (user, item)), shape=(n_users, n_items))


if __name__ == "__main__":
    main()
