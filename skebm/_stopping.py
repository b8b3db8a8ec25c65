"""When to stop: how long training waits for a gain."""


class Patience:
    """Counts the scores in a row that were no gain, and says when there were too many.

    Parameters
    ----------
    n_without_gain : int
        So many in a row are too many.
    is_gain : callable
        Takes a score and the best one before it; returns whether the one is enough of a gain over
        the other. The first score always is.
    """

    def __init__(self, n_without_gain, is_gain):
        self._n_without_gain = n_without_gain
        self._is_gain = is_gain
        self._best = None
        self.renew()

    def renew(self):
        """Wait for as many scores again."""
        self._n_so_far = 0

    def take(self, score):
        """Take the next score, the greater the better; return whether it is the best so far."""
        is_first = self._best is None
        gained = is_first or self._is_gain(score, self._best)
        self._n_so_far = 0 if gained else self._n_so_far + 1
        is_best = is_first or score > self._best
        if is_best:
            self._best = score
        return is_best

    @property
    def is_over(self):
        """Whether the last scores in a row without a gain are too many."""
        return self._n_so_far >= self._n_without_gain
