"""A run trained again from its record, and how the two compare."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mlpcli.data.dataset import Split
from mlpcli.errors import CheckpointError, Interrupted
from mlpcli.runs import checkpoint, record
from mlpcli.runs import config as configs
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.environment import differing, environment
from mlpcli.runs.fit import Metrics, rows
from mlpcli.runs.lock import held
from mlpcli.runs.resume import FREE, differences
from mlpcli.runs.train import Event, Notice, begin, follow, load, polite, save

LOSS = 0.3  # how far an epoch's losses may be apart where machines differ, as a fraction
LEAST = 0.1  # nats; smaller losses count as so much
ACCURACY = 0.02  # the same for the validation accuracy, as a fraction; two images in any case


class Recorded(NamedTuple):
    """A run that can be trained again."""

    folder: Path
    last: Checkpoint  # how far it came
    split: Split
    record: record.Record
    metrics: list[Metrics]  # of each whole epoch

    @property
    def threads(self) -> int:
        """Threads of the products when it began."""
        return int(self.record["environment"]["threads"])


class Reproduction(NamedTuple):
    """How a run and its repetition compare."""

    run: str  # the run's folder
    verdict: Literal["identical", "close", "different"]
    epochs: int  # whole epochs compared
    since: int | None  # the first epoch whose bits differ
    loss: float  # largest difference of an epoch's losses, as a fraction of the run's
    accuracy: float  # largest difference of an epoch's validation accuracy, a fraction
    allowed: float  # tolerance of that, as a fraction
    weights: tuple[str, str]  # SHA-256 of the last weights, in the run and now
    environment: dict[str, tuple[Any, Any]]  # what differs: in the run, now


def recorded(folder: Path, *, offline: bool = False) -> Recorded:
    """The run in a folder, with its data; raises CheckpointError where the record is not enough."""
    record.require(folder)
    nothing = f"there is no training to repeat; `mlp eval {folder}` judges its weights"
    facts = record.trained(folder, lacks=nothing)
    path = folder / record.LAST
    if not path.exists():
        raise CheckpointError(f"{folder}: stopped before its first checkpoint; nothing to compare")
    last = checkpoint.load(path)
    if why := _unrepeatable(facts):
        raise CheckpointError(f"{folder}: cannot be repeated, since {why}")
    settings = configs.load(str(folder / record.CONFIG))
    changed = differences(last.facts.config, settings)
    if told := [f"  {key}: {text}" for key, text in changed.items() if key not in FREE]:
        raise CheckpointError(
            "\n".join([f"{folder}: its {record.CONFIG} was changed since", *told])
        )
    metrics = record.metrics(folder)[: last.facts.progress.epoch]
    split = load(last.facts.config, "train", offline=offline)
    if split.files != last.facts.data:
        raise CheckpointError(f"{folder}: the training files are others than those of the run")
    return Recorded(folder, last, split, facts, metrics)


def again(then: Recorded, folder: Path) -> Iterator[Event]:
    """Train into folder as far as the run came; yields and raises as `train` does."""
    record.claim(folder, overwrite=False)
    record.make(folder)
    facts = then.last.facts
    endless = facts.config.train.model_copy(update={"target": None})  # it may have come later
    config = facts.config.model_copy(update={"train": endless})
    with held(folder), polite(folder) as wish:
        run = begin(config, folder, then.split, threads=then.threads)
        for event in follow(run._replace(lengths=facts.lengths), wish):
            yield event
            if isinstance(event, Notice) or event.progress[:2] != facts.progress[:2]:
                continue
            if event.progress.epoch < config.train.epochs:
                save(run, event, record.LAST)
                return


@contextmanager
def place(run: Path, out: Path | None) -> Iterator[Path]:
    """Where to repeat a run: out or, for as long as this lasts, a folder beside the run."""
    if out is not None:
        yield out
        return
    beside = run.absolute().parent
    try:
        temporary = tempfile.TemporaryDirectory(prefix=f".{run.name}-", dir=beside)
    except OSError as err:
        raise CheckpointError(
            f"{beside}: cannot repeat the run here: {err.strerror}; name a folder by --out"
        ) from err
    with temporary as name:
        try:
            yield Path(name)
        except Interrupted as err:
            raise Interrupted("nothing of the repetition is kept", err.exit_code - 128) from err


def compare(then: Recorded, folder: Path) -> Reproduction:
    """What a run and its repetition in folder have in common."""
    now = checkpoint.load(folder / record.LAST)
    before, after = then.metrics, record.metrics(folder)
    elsewhere = differing(record.environments(then.record), environment(then.threads))
    since = _since(then.last, before, now, after)
    loss, accuracy = _distance(before, after)
    as_far = now.facts.progress[:2] == then.last.facts.progress[:2]
    _, validated = rows(then.last.facts.config, then.split)
    allowed = max(ACCURACY, 2 / len(validated))
    close = as_far and loss <= LOSS and accuracy <= allowed and bool(elsewhere)
    return Reproduction(
        run=str(then.folder),
        verdict="identical" if since is None else "close" if close else "different",
        epochs=min(len(before), len(after)),
        since=since,
        loss=loss,
        accuracy=accuracy,
        allowed=allowed,
        weights=(checkpoint.digest(then.last.params), checkpoint.digest(now.params)),
        environment=elsewhere,
    )


def _since(
    then: Checkpoint, before: list[Metrics], now: Checkpoint, after: list[Metrics]
) -> int | None:
    """The first epoch whose bits differ; None when none does."""
    for epoch, (one, other) in enumerate(zip_longest(before, after), 1):
        if one is None or other is None or _judged(one) != _judged(other):
            return epoch
    state = [(each.facts.progress, *map(checkpoint.digest, each.memory)) for each in (then, now)]
    if state[0] == state[1] and checkpoint.digest(then.params) == checkpoint.digest(now.params):
        return None
    progress = then.facts.progress
    return progress.epoch + 1 if progress.step else progress.epoch


def _distance(before: list[Metrics], after: list[Metrics]) -> tuple[float, float]:
    """Largest differences over the epochs of both: of a loss, and of an accuracy."""
    losses, accuracies = [0.0], [0.0]
    for one, other in zip(before, after, strict=False):
        for a, b in zip(_judged(one)[:2], _judged(other)[:2], strict=True):
            losses.append(abs(a - b) / max(abs(a), LEAST))
        accuracies.append(abs(one.validation_accuracy - other.validation_accuracy))
    return max(losses), max(accuracies)


def _judged(metrics: Metrics) -> tuple[float, float, float]:
    return metrics.train_loss, metrics.validation_loss, metrics.validation_accuracy


def _unrepeatable(run: record.Record) -> str | None:
    if not run.get("reproducible", True):
        return "a time budget tied it to the clock"
    forced = [f"{key}: {text}" for each in run.get("forced", []) for key, text in each.items()]
    return f"--force changed it on the way ({'; '.join(forced)})" if forced else None
