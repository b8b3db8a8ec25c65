"""How much memory a piece of work takes."""

import sys
import tracemalloc

try:
    import resource
except ImportError:
    resource = None  # Windows


def allocation_peak(run):
    """Return the bytes that NumPy and Python held at most while `run` ran."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def process_peak():
    """Return the most bytes that the process has had in memory so far, or NaN."""
    if resource is None:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
