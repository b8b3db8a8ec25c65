"""How a comparison is timed, and how its table looks."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# NumPy, SciPy, PyTorch and Numba each keep threads of their own, which go on spinning
# for some milliseconds after their last work. The next contender must not meet them.
PAUSE_SECONDS = 0.2


@dataclass
class Contender:
    """Something to be timed: `run` does the work of `n_epochs` epochs."""

    name: str
    run: Callable[[], Any]
    n_epochs: float = 1.0


@dataclass
class Timing:
    """The fastest turn of a contender: seconds an epoch, and what `run` returned."""

    seconds: float
    result: Any


def take_turns(contenders, n_repeats, clock=time.perf_counter):
    """Time contenders in turns, so that a drift of the machine favours none.

    The fastest turn counts: whatever else the machine does can only add time. Another ``clock`` is
    ``time.process_time``, of the processor for all threads: for one thread on a busy machine.

    Returns
    -------
    dict of str to Timing
    """
    best = {}
    for _ in range(n_repeats):
        for contender in contenders:
            timing = _time_one_turn(contender, clock)
            known = best.get(contender.name)
            if known is None or timing.seconds < known.seconds:
                best[contender.name] = timing
    return best


def _time_one_turn(contender, clock):
    time.sleep(PAUSE_SECONDS)
    start = clock()
    result = contender.run()
    return Timing((clock() - start) / contender.n_epochs, result)


def growth_exponent(sizes, seconds):
    """Fit p in seconds ~ size**p: 1 is linear growth."""
    return np.polyfit(np.log(sizes), np.log(seconds), deg=1)[0]


def print_ratios(title, timings, base, wanted):
    """Print seconds, how many times those of `base` they are, and the ratio wanted.

    Parameters
    ----------
    title : str
    timings : dict of str to Timing
    base : str
        The contender with which all are compared.
    wanted : dict of str to str
        For some contenders, the ratio that the project wants, in words.
    """
    print(f"\n{title}")
    print(f"  {'':<28}{'seconds':>10}{'/ ' + base:>12}   wanted")
    for name, timing in timings.items():
        ratio = timing.seconds / timings[base].seconds
        goal = wanted.get(name, "")
        print(f"  {name:<28}{timing.seconds:>10.3f}{ratio:>12.2f}   {goal}".rstrip())
