"""Tables and ratings learned from chunks beside the same rows in memory: seconds, memory, quality.

    python benchmarks/table_streams.py
    python benchmarks/table_streams.py --cases ratings --rows 20000 --repeats 1

The rows are made by this script and written to files: a table of 20 columns, ten of which are real,
five categories and five whole numbers, a tenth of it missing; and ratings of 2,000 films by as many
users as there are rows, 30 each. All of them follow from a few hidden numbers of the row, so that
there is something to learn. Each case is fitted to the rows in memory, to a stream of the files,
and to a stream in rounds of four parts, in turns. The fastest counts, and the ratios say more than
the seconds. "MB" is by how much a process of its own grows that reads the files and fits. "score"
is on rows that are not learned from: the mean pseudo-log-likelihood in nats of tables, and the
negative error of ratings, each predicted from the others of its row.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse

import skebm
from _machine import print_machine
from _memory import grown
from _timing import Contender, take_turns

ROWS_OF_CHUNK = 1000
N_FILMS, N_RATINGS = 2000, 30
CASES = {
    "mixed": lambda: skebm.MixedRBM(50, n_iter=5, batch_size=20, random_state=0),
    "imputer": lambda: skebm.RBMImputer(n_rounds=2, random_state=0),
    "ratings": lambda: skebm.RatingRBM(50, random_state=0),
}


def table(number, n_rows=ROWS_OF_CHUNK):
    """A chunk of the table."""
    rng, weights = np.random.default_rng(number), np.random.default_rng(0)
    hidden = rng.normal(size=(n_rows, 4))
    columns = {f"size {k}": hidden @ weights.normal(size=4) for k in range(10)}
    for k in range(5):
        scores = hidden @ weights.normal(size=(4, 4)) + rng.gumbel(size=(n_rows, 4))
        columns[f"kind {k}"] = np.array(["ash", "elm", "fir", "oak"])[scores.argmax(axis=1)]
        columns[f"rings {k}"] = rng.poisson(20 * np.exp(hidden @ weights.normal(size=4) / 4))
    frame = pd.DataFrame(columns)
    noise = rng.normal(size=(n_rows, 10)) / 2
    frame.iloc[:, :10] += noise
    return frame.mask(rng.random(frame.shape) < 0.1)


def ratings(number, n_rows=ROWS_OF_CHUNK):
    """A chunk of ratings, from 1 to 5."""
    rng, weights = np.random.default_rng(number), np.random.default_rng(0)
    of_films = weights.normal(size=(4, N_FILMS))
    step = N_FILMS // N_RATINGS
    films = step * np.arange(N_RATINGS) + rng.integers(0, step, (n_rows, N_RATINGS))
    hidden = rng.normal(size=(n_rows, 4))
    values = 3 + np.einsum("nk,knj->nj", hidden, of_films[:, films]) / 2
    values = np.clip(np.rint(values + rng.normal(size=films.shape) / 2), 1, 5)
    entries = values.ravel(), films.ravel(), N_RATINGS * np.arange(n_rows + 1)
    return scipy.sparse.csr_array(entries, shape=(n_rows, N_FILMS))


def write(case, folder, n_chunks):
    """Write the chunks of a case to files."""
    for number in range(1, n_chunks + 1):
        name = folder / f"{number:06d}"
        if case == "ratings":
            scipy.sparse.save_npz(name.with_suffix(".npz"), ratings(number), compressed=False)
        else:
            table(number).to_parquet(name.with_suffix(".parquet"))


def data_of(kind, folder):
    """Rows of the files: in memory, or as a stream."""
    rows = skebm.stream(folder)
    if kind != "memory":
        return rows
    chunks = list(rows.tables())
    if scipy.sparse.issparse(chunks[0]):
        return scipy.sparse.vstack(chunks, format="csr")
    return pd.concat(chunks, ignore_index=True)


def few_of(case):
    """A few rows, for what is compiled."""
    return ratings(0, 200) if case == "ratings" else table(0, 200)


def fit(case, kind, X):
    """Fit the model of a case, and return it."""
    if kind != "rounds":
        return CASES[case]().fit(X)
    with skebm.data_parallel(4):
        return CASES[case]().fit(skebm.stream([X]) if not hasattr(X, "tables") else X)


def score(case, model):
    """That of rows which are not learned from."""
    rows = ratings(10**6) if case == "ratings" else table(10**6)
    return (model.estimator_ if case == "imputer" else model).score(rows)


def main():
    """Print a line for each case and each kind of data."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rows", type=int, default=100_000, help="a multiple of 1000")
    parser.add_argument("--repeats", type=int, default=2, help="turns of each; the fastest counts")
    options = parser.parse_args()
    print_machine()
    print(f"\n{'case':8} {'data':8} {'seconds':>8} {'ratio':>6} {'MB':>6} {'score':>9}")
    for case in options.cases:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(case, folder, options.rows // ROWS_OF_CHUNK)
            kinds = {kind: data_of(kind, folder) for kind in ("memory", "stream", "rounds")}
            for kind in kinds:
                fit(case, kind, few_of(case))  # compiles
            contenders = [Contender(kind, partial(fit, case, kind, X)) for kind, X in kinds.items()]
            timings = take_turns(contenders, options.repeats)
            few = partial(few_of, case)
            for kind, timing in timings.items():
                ratio = timing.seconds / timings["memory"].seconds
                rows = partial(data_of, kind, folder)
                megabytes = grown(partial(fit, case, kind), few, rows)
                print(
                    f"{case:8} {kind:8} {timing.seconds:8.2f} {ratio:6.2f} {megabytes:6.0f} "
                    f"{score(case, timing.result):9.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
