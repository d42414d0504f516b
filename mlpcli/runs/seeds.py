"""One seed, one stream of random numbers per purpose, and a place in each for every epoch.

A stream depends on (seed, purpose, counters) alone, never on what was drawn before: changing the
batch order cannot change the initial weights, and epoch 7 can be shuffled without epochs 1 to 6.
"""

import numpy as np

PURPOSES = (
    "init",
    "validation",
    "order",
    "check",
    "dropout",
)  # only append: the position is part of every stream


def stream(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """The generator of one purpose, e.g. stream(0, "order", epoch).

    >>> bool(stream(0, "order", 3).random() == stream(0, "order", 3).random())
    True
    """
    key = (PURPOSES.index(purpose), *counters)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
