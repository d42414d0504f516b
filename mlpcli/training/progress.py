"""What a training yields: its progress after a step, and its metrics after an epoch."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from mlpcli.config.schema import Metric
from mlpcli.nn.batch_statistics import Statistics
from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Params


class Progress(NamedTuple):
    """How far a training has come: with the engine's vectors, all that resuming depends on.

    Without a time budget it depends on the steps alone, not on the clock.
    """

    epoch: int = 0  # passes over the training images done, of which time may cut the last short
    step: int = 0  # steps of the next pass done
    loss_sum: float = 0.0  # over those steps, of nats times images
    best_epoch: int = 0  # the first with the highest `train.metric`; 0 before there is one
    best_score: float = -1.0  # its value on the validation images, a fraction
    used: float = 0.0  # seconds of `train.time_budget`; 0 without one


class State(NamedTuple):
    """What a training continues from."""

    progress: Progress
    updates: int  # steps done in all
    params: Params
    optimizer_state: tuple[Params, ...]  # as the engine has it, each in the shape of params
    statistics: tuple[Statistics, ...] = ()  # with network.batch_norm, of each hidden layer


class Metrics(BaseModel):
    """The metrics of an epoch; a line of metrics.jsonl is checked against it."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    epoch: int  # from 1
    train_loss: float  # mean of the training objective over the epoch's steps, in nats
    validation_loss: float | None  # cross-entropy, in nats; None where it was not measured
    validation_accuracy: float | None  # fraction
    validation_balanced_accuracy: float | None = None  # fraction; older runs lack these three
    validation_macro_f1: float | None = None  # fraction
    never_predicted: tuple[int, ...] | None = None  # classes with validation images, by number
    lr: float  # at the last step
    seconds: float  # of the epoch's steps, without validation; since it was resumed, if it was
    images_per_second: float
    validation_seconds: float | None = None  # of the validation after them; older runs lack it
    weight_norms: tuple[float, ...] | None = None  # Frobenius, of each W; None where not recorded
    gradient_norms: tuple[float, ...] | None = None  # of its gradient, for the epoch's last images
    temperature: float | None = None  # fitted to the validation images; None where it was not

    def validation(self, metric: Metric) -> float:
        """The metric on the validation images, a fraction; nan where it was not measured."""
        value = getattr(self, f"validation_{metric}")
        return math.nan if value is None else float(value)


def images_per_second(epochs: Sequence[Metrics]) -> float:
    """Training images a second in the steps of all these epochs together; 0 for none."""
    seconds = sum(epoch.seconds for epoch in epochs)
    images = sum(epoch.images_per_second * epoch.seconds for epoch in epochs)
    return images / seconds if seconds else 0.0


class Step(NamedTuple):
    """One update done; the next one changes the engine."""

    progress: Progress
    steps: int  # in an epoch
    seen: int  # images of this epoch so far
    done: float  # fraction of the training, by its epochs or its time budget
    loss: float  # of this batch before the update, in nats
    engine: Engine


class Epoch(NamedTuple):
    """One pass over the training images done; the next one changes the engine."""

    progress: Progress
    metrics: Metrics
    best: bool  # the highest `train.metric` so far
    engine: Engine
