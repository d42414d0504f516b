"""One seed, one stream of random numbers per purpose, and a place in each for every epoch.

A stream depends on (seed, purpose, counters) alone, never on what was drawn before: changing the
batch order cannot change the initial weights, and epoch 7 can be shuffled without epochs 1 to 6.
"""

import numpy as np

# only append: the position is part of every stream
PURPOSES = ("init", "validation", "order", "check", "dropout", "augment", "images")


def stream(seed: int, purpose: str, *counters: int, skip: int = 0) -> np.random.Generator:
    """The generator of one purpose, e.g. stream(0, "order", epoch).

    skip: how many random numbers of 64 bits are left out at its start.

    >>> bool(stream(0, "order", 3).random() == stream(0, "order", 3).random())
    True
    """
    key = (PURPOSES.index(purpose), *counters)
    bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key))
    return np.random.Generator(bits.advance(skip))
