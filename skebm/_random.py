"""From ``random_state`` to counter-based streams of random numbers."""

from dataclasses import dataclass

import numpy as np


@dataclass
class RandomStreams:
    """A seed, and the number of the next unused stream.

    A number is addressed by (seed, stream, row, column), see :mod:`skebm.kernels.random`. Each
    event that draws takes new streams, so that no number is used twice. Two runs with the same seed
    draw the same numbers, however the work is divided.
    """

    seed: int
    next_stream: int = 0

    @classmethod
    def from_random_state(cls, random_state):
        """Streams seeded by one draw from a NumPy ``RandomState``."""
        return cls(int(random_state.randint(np.iinfo(np.int64).max, dtype=np.int64)))

    def take(self, n_streams=1):
        """Reserve ``n_streams`` streams, and return the number of the first."""
        first = self.next_stream
        self.next_stream += n_streams
        return first

    def generator(self):
        """A NumPy generator that is seeded with a new stream, for example for permutations."""
        return np.random.default_rng([self.seed, self.take()])

    def of_part(self, part):
        """Streams for one of the parts of the data in data-parallel training."""
        generator = np.random.default_rng([self.seed, self.next_stream, part])
        return RandomStreams(int(generator.integers(np.iinfo(np.int64).max)))

    def become(self, other):
        """Take the seed and the position of other streams."""
        self.seed, self.next_stream = other.seed, other.next_stream
