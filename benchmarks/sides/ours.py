"""mlpcli's training step, fed with uint8 images as `training.loop` does: the only adapter."""

from contextlib import ExitStack
from typing import Any

import numpy as np

from benchmarks import images
from mlpcli.config.load import load_config
from mlpcli.data.dataset import Split
from mlpcli.nn.activation import RELU
from mlpcli.runs.environment import environment as machine
from mlpcli.training import build, threads
from mlpcli.training.loader import batches, prepare
from mlpcli.training.scoring import score
from mlpcli.version import __version__

VERSIONS = {"mlpcli": __version__, "numpy": np.__version__}


def environment() -> dict[str, Any]:
    """The machine, versions, the matrix library's kernel, and the threads of a training."""
    return machine(threads.cores()).as_dict()


class Trainer:
    """Variants: the update rules, "sgd" and "adam"."""

    def __init__(self, variant: str, seed: int, split: Split | None = None) -> None:
        self.config = load_config(None, [f"optimizer.name={variant}", f"seed={seed}"])
        self.data = prepare(self.config, split or images.load("train"))
        classes = len(self.data.split.classes)
        batch_size = self.config.train.batch_size
        self.stack = ExitStack()  # the team works as long as this trainer is there
        team = self.stack.enter_context(threads.thread_team(threads.cores(), batch_size=batch_size))
        self.engine, self.rule = build.make_engine(
            self.config, classes=classes, active_inputs=self.data.active_inputs, team=team
        )
        self.rng = np.random.default_rng(seed)

    def epoch(self, lr: float, images: int | None = None) -> float:
        """A pass over the training images, or over so many of them; returns the last loss."""
        order = self.rng.permutation(len(self.data.split.labels))[:images]
        for x, y in batches(self.config, self.data, order, epoch=1):
            loss = self.engine.step(x, y, self.rule, lr=lr)
        return loss

    def accuracy(self) -> float:
        """On the test images, a fraction."""
        return score(self.engine.params, images.load("test"), activation=RELU).accuracy
