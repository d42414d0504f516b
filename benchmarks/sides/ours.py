"""mlpcli's training step, fed with uint8 images as `training.loop` does: the only adapter."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from benchmarks import images
from mlpcli.config.load import load_config
from mlpcli.data.dataset import Split
from mlpcli.nn.activation import RELU
from mlpcli.nn.mlp import parameter_count
from mlpcli.runs.environment import environment as machine
from mlpcli.training import build, threads
from mlpcli.training.loader import prepare, source
from mlpcli.training.scoring import score
from mlpcli.version import __version__

VERSIONS = {"mlpcli": __version__, "numpy": np.__version__}


def environment() -> dict[str, Any]:
    """The machine, versions, the matrix library's kernel, and the threads of a training."""
    return machine(threads.cores()).as_dict()


def steps(variant: str, lr: float) -> list[float]:
    """Seconds of each step of an epoch after another one, which is a warm-up."""
    trainer = Trainer(variant, 0)
    trainer.epoch(lr)
    return trainer.steps(lr)


class Trainer:
    """Variants: the update rules, "sgd" and "adam"."""

    def __init__(
        self,
        variant: str,
        seed: int,
        split: Split | None = None,
        *,
        members: int | None = None,
        batch_size: int = 128,
    ) -> None:
        """members: how many share a step, at most; by default as many as there are cores."""
        changes = [f"optimizer.name={variant}", f"seed={seed}", f"train.batch_size={batch_size}"]
        self.config = load_config(None, changes)
        data = prepare(self.config, split or images.load("train"))
        self.n, self.size = len(data.split.labels), self.config.train.batch_size
        self.stack = ExitStack()  # the team works as long as this trainer is there
        classes = len(data.split.classes)
        team = self.stack.enter_context(
            threads.step_team(
                members or threads.cores(),
                batch_size=self.size,
                weights=parameter_count(build.layer_sizes(self.config, classes=classes)),
            )
        )
        self.order = team.zeros(self.n, "int64")
        self.engine = build.make_engine(
            self.config,
            classes=classes,
            active_inputs=data.active_inputs,
            source=source(self.config, data, self.order, members=team.size),
            team=team,
        )
        self.rng = np.random.default_rng(seed)
        self.order[:] = self.rng.permutation(self.n)

    def epoch(self, lr: float, images: int | None = None) -> float:
        """A pass over the training images, or over so many of them; returns the last loss."""
        self.order[:] = self.rng.permutation(self.n)
        return [loss for loss, _ in self._steps(lr, images or self.n)][-1]

    def steps(self, lr: float) -> list[float]:
        """Seconds of each step of a pass."""
        self.order[:] = self.rng.permutation(self.n)
        return [seconds for _, seconds in self._steps(lr, self.n)]

    def _steps(self, lr: float, n: int) -> Iterator[tuple[float, float]]:
        """The loss and the seconds of each step over n images."""
        for start in range(0, n, self.size):
            began = time.perf_counter()
            loss = self.engine.step_at(min(self.size, n - start), 1, start, lr=lr)
            yield loss, time.perf_counter() - began

    def accuracy(self) -> float:
        """On the test images, a fraction."""
        return score(self.engine.params, images.load("test"), activation=RELU).accuracy
