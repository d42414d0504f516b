"""The training loop as a generator: it yields each step and epoch, and never draws or saves."""

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

from mlpcli.config.schema import Config
from mlpcli.errors import CheckFailed
from mlpcli.nn import temperature
from mlpcli.nn.mlp import parameter_count
from mlpcli.nn.team import Team
from mlpcli.training import build
from mlpcli.training.loader import TrainingData, source
from mlpcli.training.norms import norms
from mlpcli.training.progress import Epoch, Metrics, Progress, State, Step
from mlpcli.training.rng import stream
from mlpcli.training.scoring import CHUNK_SIZE, Scores, scorer
from mlpcli.training.threads import step_team
from mlpcli.training.time_budget import TimeBudget

TRIAL_ROWS = CHUNK_SIZE  # validation images for each member, whose time tells that of all


def fit(
    config: Config, data: TrainingData, *, threads: int = 1, since: State | None = None
) -> Iterator[Step | Epoch]:
    """Train on the training rows of data and validate on the others; yields each Step and Epoch.

    threads: at most so many members share a step, and the exact result depends on their number.
    since: where an earlier training stopped; the result is bit-identical to that of an unbroken
    training, unless a time budget makes it depend on the clock.
    Ends for the first reason that `stop_reason` finds; the time budget also cuts a pass short. It
    runs from here on. With one, the caller saves after the first TRIAL_SAVES steps, so that it is
    known from the beginning how long that takes; and a validation after a pass is left out where
    it would leave time that nothing else fits into.
    Raises CheckFailed when a value is not finite, with the parameters left as they were.
    """
    budget = TimeBudget(config.train.time_budget, used=since.progress.used if since else 0.0)
    weights = parameter_count(build.layer_sizes(config, classes=len(data.split.classes)))
    with step_team(threads, batch_size=config.train.batch_size, weights=weights) as team:
        yield from _fit(config, data, team, since, budget)


def _fit(
    config: Config, data: TrainingData, team: Team, since: State | None, budget: TimeBudget
) -> Iterator[Step | Epoch]:
    order = team.zeros(len(data.train_rows), "int64")
    engine = build.make_engine(
        config,
        classes=len(data.split.classes),
        active_inputs=data.active_inputs,
        source=source(config, data, order, members=team.size),
        team=team,
    )
    at = since.progress if since else Progress()
    if since:
        _, updates, params, optimizer_state, statistics = since
        engine.restore(params, optimizer_state, steps=updates, statistics=statistics)
    size = config.train.batch_size
    steps = math.ceil(len(order) / size)
    total = config.train.epochs * steps
    learning_rate = build.learning_rate(config)
    rows = data.validation_rows
    score_rows = partial(
        scorer, lambda: engine.params, data.split, activation=build.activation(config), team=team
    )
    z = team.zeros((len(rows), len(data.split.classes)), "float32")  # outputs in the validation
    measure = score_rows(rows=rows, z=z)
    measure_some = score_rows(rows=rows[: TRIAL_ROWS * team.size])
    calibrated = len(rows) > 0 and config.train.calibration == "temperature"

    def validate() -> tuple[Scores | None, float | None]:
        scores = measure() if len(rows) else None
        return scores, temperature.fit(z, data.split.labels[rows]) if calibrated else None

    if budget.limit is not None and len(rows):
        budget.try_validation(measure_some, share=min(1.0, TRIAL_ROWS * team.size / len(rows)))
    while stop_reason(config, at) is None:
        epoch, first, started = at.epoch + 1, at.step, time.perf_counter()
        order[:] = stream(config.seed, "order", epoch).permutation(data.train_rows)
        # the metrics need it even if an earlier process did the last step of this epoch
        lr = learning_rate(max((engine.steps - 1) / total, budget.done()))
        for begin in range(first * size, len(order), size):
            lr = learning_rate(max(engine.steps / total, budget.done()))
            n = min(size, len(order) - begin)
            try:
                with budget.measured("step"):
                    loss = engine.step_at(n, epoch, begin, lr=lr)
            except FloatingPointError as err:
                raise CheckFailed(_not_finite(config, f"{err}", at.step + 1, at, lr)) from err
            loss_sum = at.loss_sum + loss * n
            at = at._replace(step=at.step + 1, loss_sum=loss_sum, used=budget.used())
            done = max(engine.steps / total, budget.done())
            with budget.after_step():
                yield Step(at, steps, begin + n, done, loss, engine)
            if budget.is_up():
                break
        seconds = time.perf_counter() - started
        # a validation may be left out in the end, if there has been one and there will be another
        may_wait = at.step == steps and at.best_epoch > 0 and epoch < config.train.epochs
        late = may_wait and len(rows) > 0 and budget.prefers_steps()
        with nullcontext() if late else budget.measured("validation"):
            started = time.perf_counter()
            try:
                scores, fitted = (None, None) if late else validate()
            except FloatingPointError as err:
                where = f"{err} of the validation images"
                raise CheckFailed(_not_finite(config, where, at.step, at, lr)) from err
            validation_seconds = time.perf_counter() - started
            seen = min(at.step * size, len(order))  # fewer than all when the time was up
            weight_norms, gradient_norms = norms(
                engine, min(size, seen), epoch, max(0, seen - size)
            )
            metrics = Metrics(
                epoch=epoch,
                train_loss=at.loss_sum / seen,
                **_validation_metrics(scores),
                lr=lr,
                seconds=seconds,
                images_per_second=max(seen - first * size, 0) / seconds,
                validation_seconds=validation_seconds if scores else None,
                weight_norms=weight_norms,
                gradient_norms=gradient_norms,
                temperature=fitted,
            )
        score = scores.value(config.train.metric) if scores else None
        at = _after_pass(at, score, budget, late=late)
        with budget.measured("saving"):
            yield Epoch(at, metrics, at.best_epoch == epoch, engine)


def stop_reason(config: Config, at: Progress) -> str | None:
    """The limit that ends a training that has come this far, None before there is one.

    Its name is that of the setting in `train`: target, time_budget, patience or epochs. A budget
    ends nothing before the network has been validated once, so that a run always has best weights.
    """
    train = config.train
    if train.target is not None and at.best_score >= train.target:
        return "target"
    if train.time_budget is not None and at.best_epoch and at.used >= train.time_budget:
        return "time_budget"
    if train.patience is not None and at.epoch - at.best_epoch >= train.patience:
        return "patience"
    return "epochs" if at.epoch >= train.epochs else None


def _validation_metrics(scores: Scores | None) -> dict[str, Any]:
    if scores is None:
        return {"validation_loss": None, "validation_accuracy": None}
    return {
        "validation_loss": scores.loss,
        "validation_accuracy": scores.accuracy,
        "validation_balanced_accuracy": scores.balanced_accuracy,
        "validation_macro_f1": scores.macro_f1,
        "never_predicted": scores.never_predicted,
    }


def _after_pass(at: Progress, score: float | None, budget: TimeBudget, *, late: bool) -> Progress:
    """The progress after a pass; late: whether its validation was left out, for more steps."""
    at = at._replace(epoch=at.epoch + 1, step=0, loss_sum=0.0)
    if late:
        return at._replace(used=budget.used())
    if score is None:  # without validation images, the last epoch counts as the best
        at = at._replace(best_epoch=at.epoch)
    elif score > at.best_score:
        at = at._replace(best_epoch=at.epoch, best_score=score)
    if budget.limit is None:
        return at
    return at._replace(used=budget.limit if budget.is_up(saving=True) else budget.used())


def _not_finite(config: Config, name: str, step: int, at: Progress, lr: float) -> str:
    return (
        f"epoch {at.epoch + 1}, step {step}: {name} is the first value that is not finite, at "
        f"learning rate {lr:g}; try --set optimizer.lr={config.optimizer.lr / 10:g}"
    )
