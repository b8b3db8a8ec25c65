"""Results, and an end, whatever threads and processes there are."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from threadpoolctl import threadpool_info, threadpool_limits

from skebm import (
    BernoulliRBM,
    DBNClassifier,
    DBNRegressor,
    DeepAutoencoder,
    DeepBeliefNetwork,
    DSNClassifier,
    GaussianRBM,
    GenerativeDBNClassifier,
    _helpers,
    _threads,
)
from skebm._helpers import Helpers, Job, stop_if_abandoned
from skebm._rows import DenseRows
from skebm._threads import blocks_of, for_each, n_processors, one_blas_thread, run_team
from surroundings import team_of

each_algorithm = pytest.mark.parametrize("algorithm", ["pcd", "cd"])


def wide_rows(n_rows=60, n_features=260):
    """Wide enough for a team of several threads, and sparse."""
    return (np.random.default_rng(0).random((n_rows, n_features)) < 0.2).astype(np.float64)


def fit_and_use(seed, algorithm="pcd", n_iter=3):
    """A hash of everything that comes out."""
    X = wide_rows()
    rbm = BernoulliRBM(
        40,
        algorithm=algorithm,
        batch_size=20,
        n_iter=n_iter,
        momentum=0.5,
        centered=True,
        random_state=seed,
    ).fit(X)
    return joblib.hash(
        [
            rbm.components_,
            rbm.intercept_hidden_,
            rbm.intercept_visible_,
            rbm.transform(X),
            rbm.score_samples(X),
            rbm.gibbs(X, 2),
            rbm.sample(70, 3),
            rbm.impute(np.where(X > 0, X, np.nan), 4),
        ]
    )


@pytest.fixture
def team(monkeypatch):
    """A function that makes so many threads run together, whatever the machine has."""

    def set_up(size):
        helpers = Helpers(size - 1)
        monkeypatch.setattr(_threads, "_helpers", helpers)
        # However busy the machine is.
        monkeypatch.setattr(_threads, "_PATIENCE", 1_000_000)
        return helpers

    return set_up


# Blocks and teams ------------------------------------------------------------


@pytest.mark.parametrize("smallest", [1, 3, 32, 64])
@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_blocks_cover_the_range_and_start_at_multiples_of_four(smallest, most):
    for n in [1, 2, 3, 4, 5, 63, 64, 65, 127, 128, 129, 130, 259, 1000, 1001]:
        blocks = blocks_of(n, smallest, most)
        assert np.array_equal(np.concatenate([np.arange(n)[block] for block in blocks]), range(n))
        assert all(block.start % 4 == 0 for block in blocks)
        assert 1 <= len(blocks) <= most
        assert all(block.start < block.stop <= n for block in blocks)
        # All but the last are of one size, which is at least the smallest.
        sizes = {block.stop - block.start for block in blocks[:-1]}
        assert len(sizes) <= 1
        assert all(size >= smallest for size in sizes)
    assert blocks_of(0, smallest, most) == ()


def test_blocks_are_one_two_four_eight_or_many_so_that_threads_have_equal_shares():
    numbers = [len(blocks_of(64 * n, 64, most=20)) for n in range(1, 19)]
    assert numbers == [1, 2, 2, 4, 4, 4, 4, *[8] * 8, 16, 17, 18]


def test_blocks_are_more_than_four_where_these_are_large():
    numbers = {n: len(blocks_of(n, 32)) for n in (31, 100, 200, 767, 768, 1000, 1535, 1536, 9999)}
    assert list(numbers.values()) == [1, 2, 4, 4, 8, 8, 8, 16, 16]
    assert len(blocks_of(2000, 600)) == 2  # none is smaller than it may be


@pytest.mark.parametrize("size", [1, 2, 5])
def test_members_of_a_team_run_at_the_same_time_with_a_rank_each(size, team):
    team(size)
    everybody = threading.Barrier(size, timeout=60)
    seen = []

    def member(rank, n_members):
        everybody.wait()
        seen.append((rank, n_members, threading.get_ident()))

    run_team(member, size)
    assert sorted((rank, n) for rank, n, _ in seen) == [(rank, size) for rank in range(size)]
    assert len({thread for *_, thread in seen}) == size
    assert (0, size, threading.get_ident()) in seen


def test_a_team_is_never_larger_than_wanted_or_than_there_are_threads(team):
    sizes = []
    team(3)
    for most in (1, 2, 3, 10):
        run_team(lambda rank, size: sizes.append(size) if rank == 0 else None, most)
    assert sizes == [1, 2, 3, 3]


def test_teams_in_a_team_take_the_idle_threads_only(team):
    team(2)
    sizes = []
    both = threading.Barrier(2, timeout=60)

    def member(rank, size):
        both.wait()  # now nobody is idle
        run_team(lambda _, inner_size: sizes.append(inner_size), 2)
        both.wait()

    run_team(member, 2)
    assert sizes == [1, 1]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_of_any_member_is_raised_once_all_are_done(failing, team):
    team(3)
    done = []

    def member(rank, size):
        if rank == failing:
            raise ArithmeticError(rank)
        time.sleep(0.05)
        done.append(rank)

    with pytest.raises(ArithmeticError, match=str(failing)):
        run_team(member, 3)
    assert sorted(done) == sorted({0, 1, 2} - {failing})
    # And the threads are idle again.
    sizes = []
    run_team(lambda rank, size: sizes.append(size), 3)
    assert sizes == [3, 3, 3]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_each_block_is_done_once(size, team):
    team(size)
    done = []
    for n_blocks in (0, 1, 2, 7):
        done.clear()
        for_each(done.append, list(range(n_blocks)))
        assert sorted(done) == list(range(n_blocks))


def test_an_error_in_a_block_is_raised(team):
    team(2)
    for bad in range(4):
        with pytest.raises(ZeroDivisionError):
            for_each(lambda block, bad=bad: 1 / (block - bad), list(range(4)))


@pytest.mark.parametrize(("n_jobs", "most"), [(1, 1), (2, 2), (8, 3), (-1, 3), (-2, 2), (-9, 1)])
def test_n_jobs_bounds_the_threads(n_jobs, most, team, monkeypatch):
    team(3)
    monkeypatch.setattr(_threads, "n_processors", lambda: 3)
    threads = set()

    def work(_):
        threads.add(threading.get_ident())
        time.sleep(0.005)

    for_each(work, list(range(20)), n_jobs)
    assert len(threads) == most
    assert threading.get_ident() in threads


def test_a_helper_that_comes_late_is_not_waited_for(team, monkeypatch):
    helpers = team(2)
    run_team(lambda rank, size: None, 2)
    monkeypatch.setattr(_threads, "_PATIENCE", 0.001)
    late = threading.Event()
    # As if the system would not let the helper run: it is idle, and takes no job.
    jobs, helpers._jobs = helpers._jobs, SimpleQueue()
    sizes = []
    run_team(lambda rank, size: sizes.append(size), 2)
    for_each(sizes.append, [1, 1])
    assert sizes == [1, 1, 1]
    # It finds nothing to do when it comes.
    jobs.put(helpers._jobs.get())
    helpers._jobs = jobs
    run_team(lambda rank, size: late.set() if rank else None, 2)
    assert sizes == [1, 1, 1]


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS"])
@pytest.mark.parametrize(("value", "bound"), [("1", 1), ("1000", None), ("", None), ("2,3", None)])
def test_the_environment_bounds_the_threads(name, value, bound, monkeypatch):
    monkeypatch.delenv(name, raising=False)
    unbound = n_processors()
    monkeypatch.setenv(name, value)
    assert n_processors() == (bound or unbound)


# The same results ------------------------------------------------------------


@each_algorithm
def test_one_and_several_threads_give_the_same_bits(algorithm, team):
    results = []
    for size in (1, 2, 3):
        team(size)
        results.append(fit_and_use(0, algorithm))
    assert len(set(results)) == 1


def everything_of(model, *methods, X):
    """A hash of the parameters that were fitted, and of what methods make of `X`."""
    names = ("components_", "intercept_hidden_", "coefs_", "intercepts_", "modules_")
    fitted = [getattr(model, name) for name in names if hasattr(model, name)]
    return joblib.hash([fitted, *(getattr(model, method)(X) for method in methods)])


def fit_by_products(X, **params):
    """Grey rows, a thousand at a time: steps are matrix products."""
    rbm = BernoulliRBM(130, batch_size=1000, n_iter=1, momentum=0.5, random_state=0, **params)
    return everything_of(rbm.fit(X), X=X)


def fine_tune(X):
    model = DBNClassifier((140, 130), pretrain=False, batch_size=500, max_iter=2, random_state=0)
    return everything_of(model.fit(X, np.arange(len(X)) % 3), "predict_proba", X=X)


def use(X):
    rbm = BernoulliRBM(130, n_iter=0, random_state=0).fit(X)
    return everything_of(rbm, "transform", "score_samples", "gibbs", X=np.vstack([X] * 3))


def stack_modules(X):
    model = DSNClassifier(300, 2, max_iter=2, random_state=0)
    return everything_of(model.fit(X, np.arange(len(X)) % 3), "predict_proba", X=X)


@pytest.mark.parametrize(
    "work",
    [partial(fit_by_products, algorithm=name) for name in ("pcd", "cd", "pt")]
    + [fine_tune, use, stack_modules],
    ids=["PCD", "CD", "PT", "fine-tuning", "use", "stacking"],
)
def test_the_same_bits_by_one_two_three_and_sixteen_threads(work, monkeypatch):
    """Whatever the processors: both the threads that there are and those that work is cut for."""
    X = np.random.default_rng(0).random((1000, 260), dtype=np.float32)
    results = []
    for size in (1, 2, 3, 16):
        for module in (_threads, _helpers):
            monkeypatch.setattr(module, "n_processors", lambda size=size: size)
        helpers = team_of(size, monkeypatch)
        results.append(work(X))
        assert min(size, 4) - 1 <= helpers.most_offered <= size - 1
    assert len(set(results)) == 1


@each_algorithm
@pytest.mark.parametrize("size", [1, 2, 4])
def test_fits_at_the_same_time_give_what_they_give_in_turn(size, algorithm, team):
    team(size)
    in_turn = [fit_and_use(seed, algorithm) for seed in range(6)]
    assert len(set(in_turn)) == 6
    with ThreadPoolExecutor(3) as pool:
        together = pool.map(lambda seed: fit_and_use(seed, algorithm), range(6))
        assert list(together) == in_turn


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_fits_inside_joblib_give_what_they_give_outside(backend):
    here = [fit_and_use(seed) for seed in range(3)]
    with joblib.parallel_config(backend, n_jobs=2):
        there = joblib.Parallel()(joblib.delayed(fit_and_use)(seed) for seed in range(3))
    assert there == here


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")
@pytest.mark.parametrize("elsewhere", ["nothing", "a fit", "a start of a fit"])
def test_a_forked_child_can_fit(elsewhere):
    here = fit_and_use(0)  # with the parent's threads started, which the child has not
    context = one_blas_thread()
    # As if another thread were in the midst of a fit, or held a lock, when the fork comes.
    locked = _threads._blas._lock
    entered = {"nothing": nullcontext(), "a fit": context, "a start of a fit": locked}
    reader, writer = os.pipe()
    with entered[elsewhere]:
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(60)  # for a child that waits for threads it has not got
                os.write(writer, pickle.dumps(fit_and_use(0)))
            finally:
                os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, "the child hung or died"
    assert pickle.loads(answer) == here
    assert fit_and_use(0) == here  # the parent has lost nothing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")
def test_a_child_forked_while_another_thread_counts_zeros_can_count_them(monkeypatch):
    counting, counted = threading.Event(), threading.Event()
    count_nonzero = np.count_nonzero

    def count_slowly(array):
        if threading.current_thread() is not threading.main_thread():
            counting.set()
            counted.wait(60)
        return count_nonzero(array)

    monkeypatch.setattr(np, "count_nonzero", count_slowly)
    thread = threading.Thread(target=lambda: DenseRows(np.eye(4)).density)
    thread.start()
    assert counting.wait(60)
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # for a child that waits for a lock for ever
        os._exit(int(DenseRows(np.eye(4)).density != 0.25))
    counted.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_many_fits_of_different_estimators_at_the_same_time():
    X, y = np.random.default_rng(0).random((60, 16)), np.arange(60) % 2
    deep = {"hidden_layer_sizes": (12, 8), "rbm_n_iter": 1, "random_state": 0}
    estimators = [
        BernoulliRBM(12, n_iter=2, random_state=0),
        GaussianRBM(12, n_iter=2, random_state=0),
        DBNClassifier(**deep, max_iter=2),
        DBNRegressor(**deep, max_iter=2),
        DeepAutoencoder(**deep, max_iter=2),
        DeepBeliefNetwork(**deep, n_iter=2, fine_tune="up_down"),
        GenerativeDBNClassifier(**deep),
        DSNClassifier(8, n_modules=2, max_iter=2, random_state=0),
    ]

    def features(estimator):
        return joblib.hash(clone(estimator).fit(X, y).transform(X))

    in_turn = [features(estimator) for estimator in estimators] * 2
    with threadpool_limits(2, "blas"):
        with ThreadPoolExecutor(16) as pool:
            together = list(pool.map(features, estimators * 2))
        assert blas_threads() == {2}
    assert together == in_turn


# The first use of the package in a thread; a child that it forks; a process that it spawns; work
# that goes on when the main thread has ended; and work as the interpreter ends.
PLACES = """
import atexit
import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

def work(place):
    from skebm import BernoulliRBM, DBNClassifier
    from skebm._threads import for_each

    X = (np.random.default_rng(0).random((60, 260)) < 0.2).astype(float)
    rbm = BernoulliRBM(40, batch_size=20, n_iter=2, random_state=0).fit(X)
    dbn = DBNClassifier((8,), pretrain=False, max_iter=2).fit(X, X[:, 0] > 0)
    done = []
    for_each(done.append, list(range(8)))
    line = f"{place} {rbm.components_.sum():.6f} {len(dbn.predict(X))} {len(done)}\\n"
    os.write(1, line.encode())

def fork():
    child = os.fork()
    if child == 0:
        work("forked")
        os._exit(0)
    os.waitpid(child, 0)

if __name__ == "__main__":
    threads = [threading.Thread(target=work, args=["first"]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if hasattr(os, "fork"):
        threading.Thread(target=fork).start()
    process = multiprocessing.get_context("spawn").Process(target=work, args=["spawned"])
    process.start()
    process.join()
    atexit.register(work, "atexit")

    def late(place):
        time.sleep(0.3)
        work(place)

    threading.Thread(target=late, args=["thread"]).start()
    pool = ThreadPoolExecutor(2)
    for _ in range(2):
        pool.submit(late, "pool")
"""


def test_all_is_done_wherever_it_is_done(tmp_path):
    script = tmp_path / "places.py"
    script.write_text(PLACES)
    result = run(script)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    places = ["first"] * 2 + ["spawned", "thread", "pool", "pool", "atexit"]
    places += ["forked"] * hasattr(os, "fork")
    assert sorted(line.split()[0] for line in lines) == sorted(places), result.stderr
    assert len({line.split(maxsplit=1)[1] for line in lines}) == 1


# BLAS ------------------------------------------------------------------------


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_gets_its_threads_back_when_the_last_one_is_out():
    inside, outside = threading.Event(), threading.Event()

    def stay_until_the_other_has_left():
        with one_blas_thread():
            inside.set()
            assert outside.wait(60)
            counts.append(blas_threads())

    counts = []
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        assert before == {2}
        with one_blas_thread():
            thread = threading.Thread(target=stay_until_the_other_has_left)
            thread.start()
            assert inside.wait(60)
            counts.append(blas_threads())
        counts.append(blas_threads())  # one is out, the other still in
        outside.set()
        thread.join()
        assert counts == [{1}] * 3
        assert blas_threads() == before


@each_algorithm
def test_blas_has_its_threads_back_after_a_fit_and_after_a_failed_one(algorithm, monkeypatch):
    with threadpool_limits(2, "blas"):
        fit_and_use(0, algorithm)
        assert blas_threads() == {2}

        def fail(*_):
            assert blas_threads() == {1}
            raise KeyboardInterrupt

        from skebm.boltzmann import fused, learner

        monkeypatch.setattr(fused, "is_faster", lambda *_: False)
        monkeypatch.setattr(learner.Learner, "_run_epoch", fail)
        with pytest.raises(KeyboardInterrupt):
            fit_and_use(0, algorithm)
        assert blas_threads() == {2}


def test_blas_gets_its_threads_back_after_fits_at_the_same_time():
    with threadpool_limits(2, "blas"):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(fit_and_use, range(8)))
        assert blas_threads() == {2}


def interrupted_at_each_step(function, undone):
    """Call ``function`` and raise KeyboardInterrupt before each of its lines in turn.

    ``undone()`` is called after each, and says whether all is as it was. A line is interrupted when
    a call comes to it for the first time. A trace stops again where a block of ``with`` ends, at
    which Python looks for no signal before it has left the block; and, from Python 3.12 on, within
    a comprehension, where an exception of a trace leaves the lock of the block closed and a signal
    does not.
    """
    n_lines = 0
    while True:
        n_left = n_lines = n_lines + 1
        visited = set()

        def trace(frame, event, argument, visited=visited):
            nonlocal n_left
            if frame.f_code.co_filename != _threads.__file__:
                return None
            # The set keeps the frames, so that none of them has the name of one before.
            if event == "line" and (frame, frame.f_lineno) not in visited:
                visited.add((frame, frame.f_lineno))
                n_left -= 1
                if n_left == 0:
                    raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            function()
        except KeyboardInterrupt:
            sys.settrace(None)
            assert undone(), f"after line {n_lines}"
        else:
            sys.settrace(None)
            return n_lines


def test_blas_gets_its_threads_back_wherever_an_interrupt_comes(monkeypatch):
    """And no lock is left closed, which would be seen by other threads only."""

    def work():
        with one_blas_thread():
            counts.append(blas_threads())

    def in_another_thread(function):
        thread = threading.Thread(target=function, daemon=True)
        thread.start()
        thread.join(60)
        return not thread.is_alive()

    # Of this test alone: if it fails, those after it shall not wait for ever.
    monkeypatch.setattr(_threads, "_blas", _threads._blas.copy_for_child())
    with threadpool_limits(2, "blas"):
        counts = []
        n_lines = interrupted_at_each_step(
            work, lambda: blas_threads() == {2} and in_another_thread(work)
        )
        assert n_lines > 20
        # And it can still be limited.
        work()
        assert set(map(frozenset, counts)) == {frozenset({1})}
        assert blas_threads() == {2}


# Interrupts ------------------------------------------------------------------


def test_helpers_stop_when_their_caller_is_interrupted(team):
    team(3)
    begun, stopped = threading.Barrier(3, timeout=60), []

    def work(block):
        begun.wait()
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        try:
            while True:
                stop_if_abandoned()
                time.sleep(0.001)
        except BaseException:
            stopped.append(block)
            raise

    with pytest.raises(KeyboardInterrupt):
        for_each(work, list(range(10)))
    assert len(stopped) == 2
    # And they are idle again.
    sizes = []
    run_team(lambda rank, size: sizes.append(size), 3)
    assert sizes == [3, 3, 3]


INTERRUPTS = Path(__file__).parents[1] / "benchmarks" / "interrupts.py"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.skipif(not INTERRUPTS.exists(), reason="the script is not installed")
def test_ctrl_c_is_answered_at_once_and_as_what_it_is():
    # Samples that would take hours, loops of short calls, a search that takes any error for a bad
    # score: a few cases of many.
    cases = ["rbm sample", "rbm impute", "2 predict", "hebb recall", "adam fit", "search"]
    result = run(INTERRUPTS, "--cases", "9", "--only", *cases)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "9 interrupts" in result.stdout


# In a process of its own: what would go wrong is a thread that waits for ever.
INTERRUPTED = """
import numpy as np
from skebm import BernoulliRBM, _helpers, _threads
from skebm.boltzmann import fused

_helpers.n_processors = lambda: 3
_threads._PATIENCE = 1_000_000  # however busy the machine is
run_steps = fused.run_steps
X = (np.random.default_rng(0).random((60, 260)) < 0.2).astype(float)

def interrupted(rank, *arguments):
    # Ctrl-C reaches the caller before or after its part of the work; an error may hit a helper.
    if at == ("before", rank):
        raise KeyboardInterrupt
    run_steps(rank, *arguments)
    if at == ("after", rank):
        raise KeyboardInterrupt

for at in [("before", 0), ("after", 0), ("before", 1), ("after", 2)]:
    for algorithm in ("pcd", "cd"):
        rbm = BernoulliRBM(250, algorithm=algorithm, n_iter=1, random_state=0)
        fused.run_steps = interrupted
        try:
            rbm.fit(X)
        except KeyboardInterrupt:
            print(*at, algorithm, hasattr(rbm, "components_"), flush=True)
        fused.run_steps = run_steps
        rbm.fit(X)
"""


# Ctrl-C comes when a helper runs already: before another one is asked to, or before the caller
# has taken note of the first.
INTERRUPTED_EARLY = """
import numpy as np
from skebm import BernoulliRBM, _helpers, _threads

_helpers.n_processors = lambda: 3
_threads._PATIENCE = 1_000_000  # however busy the machine is
X = (np.random.default_rng(0).random((60, 260)) < 0.2).astype(float)
rbm = BernoulliRBM(250, n_iter=1, random_state=0).fit(X)
jobs = _threads._helpers._jobs

class Interrupted:
    def __init__(self):
        self.n_calls = 0

    def put(self, job):
        self.n_calls += 1
        if self.n_calls == 2 and when == "early":
            raise KeyboardInterrupt
        jobs.put(job)
        if self.n_calls == 2:
            raise KeyboardInterrupt

    def get(self):
        return jobs.get()

    def qsize(self):
        return jobs.qsize()

for when in ("early", "late"):
    _threads._helpers._jobs = Interrupted()
    try:
        rbm.fit(X)
    except KeyboardInterrupt:
        print(when, flush=True)
    _threads._helpers._jobs = jobs
    rbm.fit(X)
"""


def run_code(code):
    return run("-c", code)


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_interrupt_of_one_thread_does_not_leave_the_others_waiting():
    result = run_code(INTERRUPTED)
    places = ["before 0", "after 0", "before 1", "after 2"]
    expected = [f"{at} {algorithm} False" for at in places for algorithm in ("pcd", "cd")]
    assert result.stdout.splitlines() == expected, result.stderr
    assert result.returncode == 0


def test_an_interrupt_while_a_team_gathers_does_not_leave_its_first_members_waiting():
    result = run_code(INTERRUPTED_EARLY)
    assert result.stdout.splitlines() == ["early", "late"], result.stderr
    assert result.returncode == 0


def test_threads_that_others_have_started_leave_as_many_helpers_idle():
    """As those of Dask's workers do: together with our helpers they use each processor once."""
    helpers, barrier, n_offered = Helpers(3), threading.Barrier(2), []

    def lead(n):
        n_offered.append(n)
        barrier.wait(10)
        barrier.wait(10)

    def call():
        Job(lambda: None, lambda: None).run(helpers, 3, lead)

    other = threading.Thread(target=call)
    other.start()
    barrier.wait(10)
    # Those that the first one was offered have nothing to do, and are idle again soon.
    _wait_for_idle(helpers)
    Job(lambda: None, lambda: None).run(helpers, 3, n_offered.append)
    barrier.wait(10)
    other.join()

    def lead_with_a_job_inside(n):
        # It is the work of the same thread.
        _wait_for_idle(helpers)
        Job(lambda: None, lambda: None).run(helpers, 3, n_offered.append)

    Job(lambda: None, lambda: None).run(helpers, 3, lead_with_a_job_inside)
    assert n_offered == [3, 2, 3]


def _wait_for_idle(helpers):
    def n_idle():
        return len(helpers._idle) - helpers._jobs.qsize()

    end = time.monotonic() + 10
    while n_idle() < 3 and time.monotonic() < end:
        time.sleep(0.001)
    assert n_idle() == 3
