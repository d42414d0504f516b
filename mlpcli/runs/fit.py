"""Training as a generator: it yields facts after every step and epoch, and never draws or saves."""

import itertools
import math
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import INPUTS, Split, split_validation
from mlpcli.errors import CheckFailed, ConfigError
from mlpcli.nn import mlp, optim
from mlpcli.nn.activation import ACTIVATIONS, Activation
from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Params
from mlpcli.nn.team import Team
from mlpcli.runs import recipe
from mlpcli.runs import threads as blas
from mlpcli.runs.batches import batches, inputs_in_use
from mlpcli.runs.clock import Clock
from mlpcli.runs.norms import norms
from mlpcli.runs.scores import score
from mlpcli.runs.seeds import stream
from mlpcli.runs.settings import Config


class Progress(NamedTuple):
    """How far a training has come: with the engine's vectors, all that going on depends on.

    Without a time budget it is the same for the same steps on whichever day.
    """

    epoch: int = 0  # passes over the training images done, of which time may cut the last short
    step: int = 0  # steps of the next pass done
    loss_sum: float = 0.0  # over those steps, of nats times images
    best_epoch: int = 0  # the first with the highest validation accuracy; 0 before there is one
    best_accuracy: float = -1.0  # its validation accuracy, a fraction
    used: float = 0.0  # seconds of `train.time_budget`; 0 without one


class State(NamedTuple):
    """What a training continues from."""

    progress: Progress
    updates: int  # steps done in all
    params: Params
    memory: tuple[Params, ...]  # what the update rule remembers, each in the shape of params


class Metrics(NamedTuple):
    """What is known at the end of an epoch."""

    epoch: int  # from 1
    train_loss: float  # mean over the epoch's steps of what training lowers, in nats
    validation_loss: float  # cross-entropy, in nats
    validation_accuracy: float  # fraction
    lr: float  # at the last step
    seconds: float  # of the epoch's steps, without validation; since it was resumed, if it was
    images_per_second: float
    weight_norms: list[float] | None = None  # Frobenius, of each W; None where not recorded
    gradient_norms: list[float] | None = None  # of its gradient, for the epoch's last images


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
    best: bool  # the highest validation accuracy so far
    engine: Engine


def fit(
    config: Config, split: Split, *, threads: int = 1, since: State | None = None
) -> Iterator[Step | Epoch]:
    """Train on a split, keeping part of it for validation; yields each Step and each Epoch.

    threads: at most so many share a step, and the bits of a result depend on their number; half as
    many make augmented batches meanwhile.
    since: where an earlier training stopped; going on gives the very bits it would have given,
    unless a time budget makes them depend on the clock.
    Ends with the first limit that `ended_by` finds; the time budget also cuts a pass short.
    Raises CheckFailed when a value is not finite, with the parameters left as they were.
    """
    with blas.team(threads, batch_size=config.train.batch_size) as team:
        yield from _fit(config, split, team, since, workers=threads // 2)


def _fit(
    config: Config, split: Split, team: Team, since: State | None, *, workers: int
) -> Iterator[Step | Epoch]:
    train_rows, validation_rows = rows(config, split)
    lit = inputs_in_use(config, split)
    engine, rule = start(config, classes=len(split.classes), lit=lit, team=team)
    at = since.progress if since else Progress()
    if since:
        engine.restore(since.params, since.memory, steps=since.updates)
    size = config.train.batch_size
    steps = math.ceil(len(train_rows) / size)
    total = config.train.epochs * steps
    clock = Clock(config.train.time_budget, used=at.used)
    judge = partial(
        score, split=split, activation=_activation(config), rows=validation_rows, team=team
    )
    if clock.budget is not None:
        with clock.ending():
            judge(engine.params)
    while ended_by(config, at) is None:
        epoch, first, started = at.epoch + 1, at.step, time.perf_counter()
        order = stream(config.seed, "order", epoch).permutation(train_rows)
        lr = recipe.lr(config, max((engine.steps - 1) / total, clock.done()))
        for x, y in batches(
            config, split, order, lit, epoch=epoch, first=first * size, workers=workers
        ):
            lr = recipe.lr(config, max(engine.steps / total, clock.done()))
            dropped = recipe.masks(config, x, "dropout", epoch, at.step)
            try:
                loss = engine.step(x, y, rule, lr=lr, masks=dropped)
            except FloatingPointError as err:
                raise CheckFailed(_not_finite(str(err), at, lr)) from err
            at = at._replace(
                step=at.step + 1, loss_sum=at.loss_sum + loss * len(x), used=clock.used()
            )
            seen = min(at.step * size, len(order))
            yield Step(at, steps, seen, max(engine.steps / total, clock.done()), loss, engine)
            if clock.is_up():
                break
        seconds = time.perf_counter() - started
        with clock.ending():
            scores = judge(engine.params)
            seen = min(at.step * size, len(order))  # fewer than all when the time was up
            weight_norms, gradient_norms = norms(
                engine, config, split, order[:seen], lit, epoch=epoch
            )
            metrics = Metrics(
                epoch=epoch,
                train_loss=at.loss_sum / seen,
                validation_loss=scores.loss,
                validation_accuracy=scores.accuracy,
                lr=lr,
                seconds=seconds,
                images_per_second=max(seen - first * size, 0) / seconds,
                weight_norms=weight_norms,
                gradient_norms=gradient_norms,
            )
            at = _after_pass(at, scores.accuracy, clock)
            yield Epoch(at, metrics, at.best_epoch == epoch, engine)


def ended_by(config: Config, at: Progress) -> str | None:
    """The limit that ends a training that has come this far, None before there is one.

    Its name is that of the setting in `train`: target, time_budget, patience or epochs. A budget
    ends nothing before the network has been judged once, so that a run always has its best.
    """
    train = config.train
    if train.target is not None and at.best_accuracy >= train.target:
        return "target"
    if train.time_budget is not None and at.epoch and at.used >= train.time_budget:
        return "time_budget"
    if train.patience is not None and at.epoch - at.best_epoch >= train.patience:
        return "patience"
    return "epochs" if at.epoch >= train.epochs else None


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


def sizes(config: Config, *, classes: int) -> tuple[int, ...]:
    """Width of every layer, input first."""
    return (INPUTS, *config.network.hidden, classes)


def parameters(sizes: tuple[int, ...]) -> int:
    """How many weights and biases a network of these widths has.

    >>> parameters((1024, 512, 256, 10))
    658698
    """
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(sizes))


def initial(config: Config, *, classes: int, dtype: str = "float32") -> Params:
    """The configured network before its first step."""
    return mlp.init(
        sizes(config, classes=classes),
        rng=stream(config.seed, "init"),
        scheme=config.network.init,
        dtype=dtype,
    )


def start(
    config: Config,
    *,
    classes: int,
    lit: NDArray[np.intp] | None = None,
    team: Team | None = None,
) -> tuple[Engine, optim.Rule]:
    """The engine at its initial parameters, and the rule that updates them.

    lit: the inputs in use, in the order of a batch's columns; all without it.
    team: the threads of a step; the caller's alone without it.
    """
    engine = Engine(
        initial(config, classes=classes),
        batch_size=config.train.batch_size,
        lit=lit,
        activation=_activation(config),
        weight_decay=recipe.penalty(config),
        decoupled_decay=config.optimizer.weight_decay - recipe.penalty(config),
        max_norm=config.network.max_norm,
        ema=config.train.ema,
        slots=len(optim.SLOTS[config.optimizer.name]),
        team=team,
    )
    return engine, recipe.rule(config)


def _after_pass(at: Progress, accuracy: float, clock: Clock) -> Progress:
    at = at._replace(epoch=at.epoch + 1, step=0, loss_sum=0.0)
    if accuracy > at.best_accuracy:
        at = at._replace(best_epoch=at.epoch, best_accuracy=accuracy)
    if clock.budget is not None and clock.is_up(endings=2):  # this one and that of another pass
        at = at._replace(used=clock.budget)
    return at


def _not_finite(name: str, at: Progress, lr: float) -> str:
    return (
        f"epoch {at.epoch + 1}, step {at.step + 1}: {name} is the first value that is not finite, "
        f"at learning rate {lr:g}; try a smaller one, e.g. --set optimizer.lr={lr / 10:g}"
    )


def _activation(config: Config) -> Activation:
    return ACTIVATIONS[config.network.activation]
