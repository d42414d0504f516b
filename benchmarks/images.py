"""The images of every side: MNIST where it is in the cache, as many of `synth` elsewhere."""

from functools import cache

from mlpcli.data import dataset
from mlpcli.data.dataset import Split
from mlpcli.errors import DataError

COUNT = 60_000  # training images of either


@cache
def load(split: str) -> Split:
    """The "train" or "test" split."""
    try:
        return dataset.load("mnist", split, offline=True)
    except DataError:
        return dataset.load("synth", split, drawn=COUNT if split == "train" else None)
