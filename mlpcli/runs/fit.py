"""Training as a generator: it yields facts after every step and epoch, and never draws or saves."""

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import dataset
from mlpcli.data.dataset import INPUTS, Split, split_validation
from mlpcli.errors import CheckFailed, ConfigError
from mlpcli.nn import mlp, optim
from mlpcli.nn.activation import ACTIVATIONS, Activation
from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Params
from mlpcli.nn.schedule import SCHEDULES
from mlpcli.runs.batches import batches
from mlpcli.runs.scores import score
from mlpcli.runs.seeds import stream
from mlpcli.runs.settings import Adam, Config


class Metrics(NamedTuple):
    """What is known at the end of an epoch."""

    epoch: int  # from 1
    train_loss: float  # mean over the epoch's steps of what training lowers, in nats
    validation_loss: float  # cross-entropy, in nats
    validation_accuracy: float  # fraction
    lr: float  # at the last step
    seconds: float  # of the epoch's steps, without validation
    images_per_second: float


class Step(NamedTuple):
    """One update done; the next one changes the engine."""

    epoch: int  # from 1
    step: int  # within the epoch, from 1
    steps: int  # in an epoch
    loss: float  # of this batch before the update, in nats
    engine: Engine


class Epoch(NamedTuple):
    """One pass over the training images done; the next one changes the engine."""

    metrics: Metrics
    best: bool  # the highest validation accuracy so far
    engine: Engine


def fit(config: Config, split: Split) -> Iterator[Step | Epoch]:
    """Train on a split, keeping part of it for validation; yields each Step and each Epoch.

    Ends after `train.epochs`, or earlier when `train.patience` epochs brought no better accuracy.
    Raises CheckFailed when the loss is not finite, with the parameters left as they were.
    """
    train_rows, validation_rows = rows(config, split)
    lit = dataset.lit(split.images)
    engine, rule = start(config, classes=len(split.classes), lit=lit)
    steps = math.ceil(len(train_rows) / config.train.batch_size)
    best, best_epoch = -1.0, 0
    for epoch in range(1, config.train.epochs + 1):
        order = stream(config.seed, "order", epoch).permutation(train_rows)
        started, loss_sum = time.perf_counter(), 0.0
        for i, (x, y) in enumerate(batches(config, split, order, lit)):
            lr = _lr(config, ((epoch - 1) * steps + i) / (config.train.epochs * steps))
            loss = engine.step(x, y, rule, lr=lr)
            if not math.isfinite(loss):
                raise CheckFailed(
                    f"epoch {epoch}, step {i + 1}: the loss became {loss} at learning rate {lr:g}; "
                    "try a smaller one, e.g. --set optimizer.lr="
                    f"{config.optimizer.lr / 10:g}"
                )
            loss_sum += loss * len(x)
            yield Step(epoch, i + 1, steps, loss, engine)
        seconds = time.perf_counter() - started
        scores = score(engine.params, split, activation=_activation(config), rows=validation_rows)
        metrics = Metrics(
            epoch=epoch,
            train_loss=loss_sum / len(order),
            validation_loss=scores.loss,
            validation_accuracy=scores.accuracy,
            lr=lr,
            seconds=seconds,
            images_per_second=len(order) / seconds,
        )
        if better := scores.accuracy > best:
            best, best_epoch = scores.accuracy, epoch
        yield Epoch(metrics, better, engine)
        if config.train.patience and epoch - best_epoch >= config.train.patience:
            return


def rows(config: Config, split: Split) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of the training images to train on, and those kept for validation; both ascending."""
    n = len(split.labels)
    count = round(config.data.validation * n)
    if not 0 < count < n:
        raise ConfigError(
            f"data.validation: {config.data.validation} of {n:,} images is {count:,} to validate "
            f"on and {n - count:,} to train on; choose another fraction"
        )
    return split_validation(split.labels, count=count, rng=stream(config.seed, "validation"))


def initial(config: Config, *, classes: int, dtype: str = "float32") -> Params:
    """The configured network before its first step."""
    sizes = (INPUTS, *config.network.hidden, classes)
    return mlp.init(sizes, rng=stream(config.seed, "init"), dtype=dtype)


def start(
    config: Config, *, classes: int, lit: NDArray[np.intp] | None = None
) -> tuple[Engine, optim.Rule]:
    """The engine at its initial parameters, and the rule that updates them.

    lit: the inputs in use, in the order of a batch's columns; all without it.
    """
    optimizer = config.optimizer
    if isinstance(optimizer, Adam):
        rule = optim.adam(optimizer.beta1, optimizer.beta2, optimizer.eps)
    else:
        rule = optim.sgd(optimizer.momentum)
    engine = Engine(
        initial(config, classes=classes),
        batch_size=config.train.batch_size,
        lit=lit,
        activation=_activation(config),
        weight_decay=optimizer.weight_decay,
        slots=optim.SLOTS[optimizer.name],
    )
    return engine, rule


def _activation(config: Config) -> Activation:
    return ACTIVATIONS[config.network.activation]


def _lr(config: Config, progress: float) -> float:
    return config.optimizer.lr * SCHEDULES[config.schedule.name](progress)
