"""From ``random_state`` to counter-based streams of random numbers."""

from dataclasses import dataclass

import numpy as np


@dataclass
class RandomStreams:
    """A seed, and the number of the next stream that nobody has drawn from.

    A number is addressed by (seed, stream, row, column), see :mod:`skebm.kernels.random`. Each
    event that draws takes streams of its own, so no number serves twice, and two runs with one
    seed draw the same numbers however their work was cut.
    """

    seed: int
    next_stream: int = 0

    @classmethod
    def from_random_state(cls, random_state):
        """Streams seeded by one draw from a NumPy ``RandomState``."""
        return cls(int(random_state.randint(np.iinfo(np.int64).max, dtype=np.int64)))

    def take(self, n_streams=1):
        """Number of the first of ``n_streams`` streams that nobody else will get."""
        first = self.next_stream
        self.next_stream += n_streams
        return first

    def generator(self):
        """A NumPy generator over a stream of its own, for permutations and the like."""
        return np.random.default_rng([self.seed, self.take()])

    def of_part(self, part):
        """Streams for one of several parts of the data that are learned from at the same time."""
        generator = np.random.default_rng([self.seed, self.next_stream, part])
        return RandomStreams(int(generator.integers(np.iinfo(np.int64).max)))

    def become(self, other):
        """Go on where other streams are."""
        self.seed, self.next_stream = other.seed, other.next_stream
