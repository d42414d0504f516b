"""`mlp reproduce`: a run trained again from its record, and the comparison of both."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mlpcli import atomic, lock
from mlpcli.api.resume import differences
from mlpcli.api.trainer import Event, begin, follow, save, stop_between_steps
from mlpcli.errors import CheckpointError, Interrupted
from mlpcli.runs import checkpoint, environment
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import CONFIG, RunFolder
from mlpcli.runs.record import RunRecord
from mlpcli.training.loader import TrainingData, load_split, prepare
from mlpcli.training.progress import Epoch, Metrics, Step

LOSS_TOLERANCE = 0.3  # of an epoch's losses where machines differ, as a fraction
MIN_LOSS = 0.1  # nats; smaller losses count as so much
ACCURACY_TOLERANCE = 0.02  # of the validation accuracy, as a fraction; two images in any case


class Recorded(NamedTuple):
    """A run that can be trained again."""

    folder: RunFolder
    last: Checkpoint  # how far it came
    data: TrainingData
    record: RunRecord
    metrics: list[Metrics]  # of each whole epoch


class Reproduction(NamedTuple):
    """How a run and its repetition compare."""

    run: str  # the run's folder
    verdict: Literal["identical", "close", "different"]
    epochs: int  # whole epochs compared
    since: int | None  # the first epoch that is not bit-identical
    loss: float  # largest difference of an epoch's losses, as a fraction of the run's
    accuracy: float  # largest difference of an epoch's validation accuracy, a fraction
    allowed: float  # tolerance of that, as a fraction
    weights: tuple[str, str]  # SHA-256 of the last weights, in the run and now
    environment: dict[str, tuple[Any, Any]]  # what differs: in the run, now


def recorded(folder: Path, *, offline: bool = False) -> Recorded:
    """The run in a folder, with its data; raises CheckpointError where the record is not enough."""
    run = RunFolder(folder)
    run.require()
    record = run.trained_record(
        lacks=f"there is no training to repeat; `mlp eval {folder}` evaluates its weights"
    )
    if not run.weights("last").exists():
        raise CheckpointError(f"{folder}: stopped before its first checkpoint; nothing to compare")
    last = run.load_checkpoint("last")
    why = "" if record.reproducible else "a time budget tied it to the clock"
    if forced := [f"{key}: {text}" for each in record.forced for key, text in each.items()]:
        why = why or f"--force changed it on the way ({'; '.join(forced)})"
    if why:
        raise CheckpointError(f"{folder}: cannot be repeated, since {why}")
    if changed := differences(last.metadata.config, run.load_config()):
        lines = [f"  {key}: {text}" for key, text in changed.items()]
        raise CheckpointError(f"{folder}: its {CONFIG} was changed since", *lines)
    metrics = run.load_metrics()[: last.metadata.progress.epoch]
    split = load_split(last.metadata.config, "train", offline=offline)
    if split.files != last.metadata.data:
        raise CheckpointError(f"{folder}: the training files are not those of the run")
    return Recorded(run, last, prepare(last.metadata.config, split), record, metrics)


def train_again(then: Recorded, folder: Path) -> Generator[Event]:
    """Train into folder as far as the run came; yields and raises as `train` does."""
    place = RunFolder(folder)
    place.claim(overwrite=False)
    place.make()
    metadata, threads = then.last.metadata, then.record.environment.threads
    config = metadata.config
    # without the target, at which the run may have stopped later than the repetition would
    config = config.replace(train=config.train.replace(target=None))
    with place.lock() as held, stop_between_steps(place) as request:
        run = begin(config, held, then.data, threads=threads)
        held.create(config, run.record)
        run.epoch_limits = metadata.epoch_limits
        for event in follow(run, request):
            yield event
            if not isinstance(event, Step | Epoch) or event.progress[:2] != metadata.progress[:2]:
                continue
            if event.progress.epoch < config.train.epochs:
                save(run, event, "last")
                return


@contextmanager
def repetition_folder(run: Path, out: Path | None) -> Iterator[Path]:
    """Where to repeat a run: out or, for as long as this lasts, a folder beside the run."""
    if out is not None:
        yield out
        return
    run = run.absolute()
    again = RunFolder(atomic.temporary(run))
    try:
        for leftover in (again.path, *atomic.leftovers(run)):
            _remove(RunFolder(leftover))
        again.path.mkdir(exist_ok=True)
    except OSError as err:
        raise CheckpointError(
            f"{run.parent}: cannot repeat the run here: {err.strerror}; name a folder by --out"
        ) from err
    try:
        yield again.path
    except Interrupted as err:
        raise Interrupted("the repetition was removed", err.exit_code - 128) from err
    finally:
        _remove(again)


def _remove(folder: RunFolder) -> None:
    """Remove a repetition, however far it came; what is the user's stays.

    Where the disk refuses, the next repetition tries again.
    """
    with suppress(CheckpointError):
        folder.remove()
    place = folder.path / lock.LOCK_FILE
    with suppress(CheckpointError, OSError):  # it was no run yet, or no more
        folder.sweep()
        if os.path.lexists(place) and lock.is_ours(place):
            place.unlink()
        folder.path.rmdir()


def compare(then: Recorded, folder: Path) -> Reproduction:
    """The comparison of a run and its repetition in folder."""
    again = RunFolder(folder)
    now = again.load_checkpoint("last")
    before, after = then.metrics, again.load_metrics()
    here = environment.environment(then.record.environment.threads)
    elsewhere = environment.differences(then.record.environments, here)
    since = _since(then.last, now, before, after)
    loss, accuracy = _distance(before, after)
    as_far = now.metadata.progress[:2] == then.last.metadata.progress[:2]
    allowed = max(ACCURACY_TOLERANCE, 2 / max(1, len(then.data.validation_rows)))
    close = as_far and loss <= LOSS_TOLERANCE and accuracy <= allowed and bool(elsewhere)
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
    then: Checkpoint, now: Checkpoint, before: list[Metrics], after: list[Metrics]
) -> int | None:
    """The first epoch that is not bit-identical; None when all are."""
    scores = ([*map(_scores, metrics)] for metrics in (before, after))
    for epoch, (one, other) in enumerate(zip_longest(*scores), 1):
        if one != other:
            return epoch
    vectors = [[*map(checkpoint.digest, (c.params, *c.optimizer_state))] for c in (then, now)]
    progress = then.metadata.progress
    if progress == now.metadata.progress and vectors[0] == vectors[1]:
        return None
    return progress.epoch + 1 if progress.step else progress.epoch


def _distance(before: list[Metrics], after: list[Metrics]) -> tuple[float, float]:
    """Largest differences over the epochs of both: of a loss, and of an accuracy."""
    losses, accuracies = [0.0], [0.0]
    for one, other in zip(before, after, strict=False):
        for a, b in zip(_scores(one)[:2], _scores(other)[:2], strict=True):
            losses.append(abs(a - b) / max(abs(a), MIN_LOSS))
        accuracies.append(abs(_scores(one)[2] - _scores(other)[2]))
    return max(losses), max(accuracies)


def _scores(metrics: Metrics) -> tuple[float, float, float]:
    """Losses and accuracy; 0 for what was not measured without validation images."""
    return metrics.train_loss, metrics.validation_loss or 0.0, metrics.validation_accuracy or 0.0
