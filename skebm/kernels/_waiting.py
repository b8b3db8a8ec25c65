"""Interruptible waiting for other threads."""

from queue import Empty

# A signal that comes just before a thread falls asleep does not wake it.
_SECONDS_ASLEEP = 0.05


def take(queue):
    """Wait for the next item of a queue, and let Python check for signals regularly."""
    while True:
        try:
            return queue.get(timeout=_SECONDS_ASLEEP)
        except Empty:
            continue
