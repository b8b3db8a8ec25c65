"""How a thread waits for another and can still be interrupted."""

from queue import Empty

# A signal that comes just before a thread falls asleep does not wake it.
_SECONDS_ASLEEP = 0.05


def take(queue):
    """Wait for the next thing in a queue, and let Python look for signals now and then."""
    while True:
        try:
            return queue.get(timeout=_SECONDS_ASLEEP)
        except Empty:
            continue
