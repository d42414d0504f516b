"""mlpcli's training step on `synth` of any size, a part of an epoch at a time."""

from functools import cache

from benchmarks.sides import ours
from mlpcli.data import dataset

VERSIONS = ours.VERSIONS
Trainer = ours.Trainer


def take(total: int, images: int, lr: float) -> None:
    """Train on so many images of a data set of `total`, in whole epochs or in a part of one."""
    trainer = _trainer(total)
    for first in range(0, images, total):
        trainer.epoch(lr, min(total, images - first))


@cache
def _trainer(total: int) -> Trainer:
    return Trainer("sgd", 0, dataset.load("synth", "train", drawn=total))
