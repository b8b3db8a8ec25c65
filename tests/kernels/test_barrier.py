import os
import threading
import time

import numpy as np
import pytest
from numba import njit

from skebm.kernels.barrier import break_barrier, meet, new_barrier, wait_for

N_PROCESSORS = os.cpu_count() or 1


@njit(nogil=True)
def count_together(rank, size, barrier, counts, n_rounds, n_out_of_step):
    """Count rounds in step; ``n_out_of_step`` counts the sight of somebody in another round.

    Everybody counts between one meeting and the next, and looks at all others between that one
    and the one after: who comes through a meeting too early sees a count that is too low, and
    who is overtaken sees one that is too high.
    """
    for i in range(1, n_rounds + 1):
        counts[rank] = i
        meet(barrier, size)
        for other in range(size):
            n_out_of_step[rank] += counts[other] != i
        meet(barrier, size)


def check_that_threads_keep_step(barrier, size, n_rounds):
    counts, n_out_of_step = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    # Daemons: a barrier that never opens must not keep the test run from ending.
    threads = [
        threading.Thread(
            target=count_together,
            args=(rank, size, barrier, counts, n_rounds, n_out_of_step),
            daemon=True,
        )
        for rank in range(size)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads), "they never met"
    assert counts.tolist() == [n_rounds] * size
    assert n_out_of_step.tolist() == [0] * size


@pytest.mark.parametrize("size", [1, 2, 3, 2 * N_PROCESSORS + 1])
def test_nobody_goes_on_before_all_have_arrived(size):
    # With more threads than processors, a meeting waits for the system to switch between them.
    n_rounds = 10_000 if size <= N_PROCESSORS else 100
    check_that_threads_keep_step(new_barrier(), size, n_rounds)


def test_a_barrier_that_was_used_can_be_used_again_by_another_number_of_threads():
    barrier = new_barrier()
    for size in (2, 3, 2):
        check_that_threads_keep_step(barrier, size, 50)


@njit(nogil=True)
def meet_once(barrier, size, came_through):
    came_through[0] = meet(barrier, size)


def test_nobody_waits_at_a_broken_barrier():
    for broken_first in (True, False):
        barrier, came_through = new_barrier(), np.array([9])
        if broken_first:
            break_barrier(barrier)
        thread = threading.Thread(target=meet_once, args=(barrier, 2, came_through), daemon=True)
        thread.start()
        if not broken_first:
            thread.join(timeout=0.05)
            assert came_through == 9, "did not wait for the other"
            break_barrier(barrier)
        thread.join(timeout=60)
        assert not thread.is_alive(), "waits for ever"
        assert came_through == 0
    assert meet(new_barrier(), 1)


@njit(nogil=True)
def wait_for_a_flag(flags, n_naps, came_through):
    came_through[0] = wait_for(flags, 0, n_naps)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere threads that wait are never asleep")
@pytest.mark.parametrize("what", ["others", "flag"])
def test_a_thread_that_waits_long_leaves_the_processor_to_others(what):
    barrier, came_through = new_barrier(), np.array([9])
    function, arguments = meet_once, (barrier, 2, came_through)
    if what == "flag":
        function, arguments = wait_for_a_flag, (barrier, 1_000_000, came_through)
    function(*arguments[:-2], 1, np.array([9]))  # compiled
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    start = time.process_time()
    thread.start()
    time.sleep(0.4)
    used = time.process_time() - start
    assert came_through == 9
    break_barrier(barrier) if what == "others" else barrier.fill(1)
    thread.join(timeout=60)
    assert came_through == (what == "flag")
    assert used < 0.2


def test_a_flag_that_is_not_set_is_waited_for_as_long_as_wanted():
    flags = np.array([0, 1])
    assert wait_for(flags, 1, 0)
    assert not wait_for(flags, 0, 3)
