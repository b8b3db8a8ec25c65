"""What a table of timings has to say about where it comes from."""

import datetime
import os
import platform
from importlib import metadata

PACKAGES = ("skebm", "numpy", "scipy", "scikit-learn", "numba", "torch")


def n_usable_cores():
    """Count the cores that this process may use, not those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def print_machine():
    """Print the machine, its present load, the versions and the date."""
    print(f"{_cpu_model()}, {n_usable_cores()} cores, {platform.system()}{_load()}")
    versions = [f"{name} {_version(name)}" for name in PACKAGES]
    print(", ".join([f"Python {platform.python_version()}", *versions]))
    print(datetime.date.today().isoformat())


def _cpu_model():
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            for line in cpuinfo:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _load():
    if not hasattr(os, "getloadavg"):
        return ""
    # A reader has to know whether the cores were shared with other work.
    return f", load average {os.getloadavg()[0]:.1f} at the start"


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
