"""Early stopping: how long training waits for an improvement."""


class Patience:
    """Counts consecutive scores without an improvement, and tells when there are too many.

    Parameters
    ----------
    n_without_gain : int
        Number of consecutive scores without an improvement at which training stops.
    is_gain : callable
        Takes a score and the best one before it; returns whether the score is a sufficient
        improvement. The first score always is.
    """

    def __init__(self, n_without_gain, is_gain):
        self._n_without_gain = n_without_gain
        self._is_gain = is_gain
        self._best = None
        self.renew()

    def renew(self):
        """Restart the count."""
        self._n_so_far = 0

    def take(self, score):
        """Take the next score (greater is better); return whether it is the best so far."""
        is_first = self._best is None
        gained = is_first or self._is_gain(score, self._best)
        self._n_so_far = 0 if gained else self._n_so_far + 1
        is_best = is_first or score > self._best
        if is_best:
            self._best = score
        return is_best

    @property
    def is_over(self):
        """Whether there were too many consecutive scores without an improvement."""
        return self._n_so_far >= self._n_without_gain
