"""How much memory a piece of work takes."""

import multiprocessing
import re
import tracemalloc
from pathlib import Path


def allocation_peak(run):
    """Return the bytes that NumPy and Python held at most while `run` ran."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def process_memory():
    """Return the bytes that the process has in memory now; NaN where there is no /proc."""
    return _from_status("VmRSS")


def process_peak():
    """Return the most bytes that the process has had in memory; NaN where there is no /proc.

    Not from `resource.getrusage`: there, a new process starts with the peak of its parent.
    """
    return _from_status("VmHWM")


def grown(work, few, rows):
    """Return by how many megabytes a new process grows that calls `work` with the rows.

    Before that it calls it with a few, for what is compiled. `work`, `few` and `rows` have to come
    through pickling; the last two are called to make the data.
    """
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_grow, args=(work, few, rows, results))
    process.start()
    found = results.get()
    process.join()
    return found


def _grow(work, few, rows, results):
    work(few())
    before = process_memory()
    work(rows())
    results.put((process_peak() - before) / 2**20)


def _from_status(name):
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    return 1024 * int(re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE).group(1))
