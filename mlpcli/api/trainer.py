"""Training that keeps everything about it in a run's folder.

An epoch is written in this order: its line of metrics, last.safetensors, best.safetensors, the
record. `resume.py` repairs a run that died between any two of them.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlpcli.config.schema import Config
from mlpcli.errors import CheckFailed, Interrupted, MlpError, TrainingError
from mlpcli.nn.team import MemberError
from mlpcli.runs import selection
from mlpcli.runs.checkpoint import Checkpoint, Metadata
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.record import RunRecord, new_record
from mlpcli.runs.tensorboard import event_log, require_library
from mlpcli.signals import StopRequest, deferred
from mlpcli.training import imbalance
from mlpcli.training.loader import TrainingData, load_split, prepare
from mlpcli.training.loop import fit, stop_reason
from mlpcli.training.preflight import preflight as preflight_findings
from mlpcli.training.progress import Epoch, Progress, State, Step
from mlpcli.training.time_budget import TRIAL_SAVES


class Notice(NamedTuple):
    """A warning about the training, which continues."""

    text: str


class Stage(NamedTuple):
    """What is done until the next event, such as "reading mnist"; "" for nothing special."""

    text: str


class AlreadyFinished(NamedTuple):
    """All that happens where nothing is left to train; the text says how to add more."""

    text: str


class DataSummary(NamedTuple):
    """What a training begins with."""

    images: int  # to train and to validate on
    size: tuple[int, int]  # height and width, in pixels
    classes: int
    smallest: int  # images of the class with the fewest
    largest: int  # and of that with the most
    validation: int  # of the images
    notes: tuple[str, ...]  # how the files were understood


Event = Notice | AlreadyFinished | Stage | DataSummary | Step | Epoch


@dataclass
class Run:
    """A training under way; its record is replaced as it proceeds."""

    folder: RunFolder
    config: Config
    data: TrainingData
    threads: int  # at most
    epoch_limits: tuple[tuple[int, int], ...]  # as in checkpoint.Metadata
    record: RunRecord


def train(
    config: Config,
    folder: Path,
    *,
    overwrite: bool = False,
    offline: bool = False,
    preflight: bool = True,
    threads: int = 1,
    until: int | None = None,
    data: TrainingData | None = None,
) -> Generator[Event]:
    """Train and keep everything in folder; yields what `fit` yields, after it has been saved.

    preflight: whether to yield the warnings of `preflight` first, as notices. until: pause after so
    many epochs, in the middle of the schedule, so that resuming gives the bits of an unbroken run.
    data: the prepared images of config, where the caller has them already. The test files are never
    opened. Raises MlpError, with the reason in run.json, when the run cannot continue, and
    Interrupted, with the state saved, when a signal asked for it.
    """
    require_library(config)
    place = RunFolder(folder)
    place.require_unlocked()  # before claim, since it names the process that writes there
    place.claim(overwrite=overwrite)
    yield reading_stage(config)
    data = data or prepare(config, load_split(config, "train", offline=offline))
    place.make()
    with place.lock() as held, stop_between_steps(place) as request:
        held.claim(overwrite=overwrite)  # again, now that no other can write here
        run = begin(config, held, data, threads=threads)
        held.create(config, run.record)
        yield from follow(run, request, preflight=preflight, until=until, first=summary(data))


def reading_stage(config: Config) -> Stage:
    """The stage in which the images are read, and fetched if they are not there."""
    return Stage(f"reading {config.data.name}")


def summary(data: TrainingData) -> DataSummary:
    """The images of a training in numbers."""
    split, rows, validation_rows = data[:3]
    n = len(rows) + len(validation_rows)
    used = split.labels[np.concatenate([rows, validation_rows])]
    sizes = np.bincount(used, minlength=len(split.classes))
    _, height, width = split.images.shape
    few, many, count = int(sizes.min()), int(sizes.max()), len(split.classes)
    return DataSummary(n, (height, width), count, few, many, len(validation_rows), split.notes)


def stop_between_steps(folder: RunFolder) -> AbstractContextManager[StopRequest]:
    """While this lasts, the first signal waits for the end of a step, and for what is written."""
    return deferred(f"stopped at once; {_hint(folder)} from the last checkpoint")


def begin(config: Config, folder: RunFolder, data: TrainingData, *, threads: int) -> Run:
    """A run before its first step, in a held folder, where nothing is written yet."""
    record = new_record(config, data, threads=threads)
    return Run(folder, config, data, threads, ((0, config.train.epochs),), record)


def follow(
    run: Run,
    request: StopRequest,
    *,
    since: State | None = None,
    first: DataSummary | None = None,
    preflight: bool = False,
    until: int | None = None,
) -> Iterator[Event]:
    """Train to the end, keeping everything, or until a signal asks to stop.

    since: where an earlier process stopped; first: what is yielded first; preflight, until: as for
    `train`.
    """
    event = None
    progress = since.progress if since else Progress()
    seconds = before = run.record.seconds
    try:
        if first:
            yield first
        yield from _warnings(run, rare=not since, preflight=preflight)
        with event_log(run.config, run.folder) as log:
            started = time.perf_counter()
            saved, trials = started, 0 if run.config.train.time_budget is None else TRIAL_SAVES
            for event in () if _is_reached(until, progress) else _events(run, since):
                now, progress = time.perf_counter(), event.progress
                seconds = round(before + now - started, 3)
                if isinstance(event, Epoch):
                    _keep(run, event, seconds=seconds)
                    run.folder.require_in_place("the run in it is saved; resume it there")
                    log(event.metrics)
                    saved = now
                elif trials or now - saved >= run.config.checkpoint.every_seconds:
                    trials = max(0, trials - 1)
                    save(run, event, "last")
                    run.folder.save_record(run.record.replace(seconds=seconds))
                    run.folder.require_in_place("the run in it is saved; resume it there")
                    saved = now
                yield event
                if request.signal is not None:
                    save(run, event, "last")
                    raise Interrupted(f"after {_done(event)}; {_hint(run.folder)}", request.signal)
                if _is_reached(until, progress):
                    break
            seconds = round(before + time.perf_counter() - started, 3)
        reason = stop_reason(run.config, progress)
        if reason is None:
            run.record = run.record.replace(status="paused")
            return
        finished = run.record.replace(status="finished", ended_by=reason)
        unpredicted = _unpredicted_classes(run, finished)
        warnings = dict.fromkeys([*finished.warnings, *unpredicted])  # a resumed run may have it
        run.record = finished.replace(warnings=tuple(warnings))
    except (Interrupted, GeneratorExit):
        run.record = run.record.replace(status="interrupted")
        raise
    except MemberError as err:
        message = _save_without_member(run, event, str(err))
        run.record = run.record.replace(status="failed", error=message)
        raise TrainingError(message) from err
    except MlpError as err:
        run.record = run.record.replace(status="failed", error=str(err))
        if isinstance(err, CheckFailed) and event is not None and event.engine.finite:
            save(run, event, "last")  # the weights before the step that failed
        raise
    finally:
        run.record = run.record.replace(seconds=seconds)
        # the error that ends the run is reported, not that its record could not be written then
        whole = run.record.status in ("finished", "paused")
        with nullcontext() if whole else suppress(MlpError):
            run.folder.save_record(run.record)
    run.folder.require_in_place("the run in it is finished")
    yield from map(Notice, unpredicted)


def _warnings(run: Run, *, rare: bool, preflight: bool) -> Iterator[Notice | Stage]:
    """What is to be said before the first step, which the record keeps."""
    texts = _rare_classes(run) if rare else []
    if preflight:
        yield Stage("checking images and settings")
        texts += [text for _, text in preflight_findings(run.config, run.data)]
        yield Stage("")
    for text in (*run.folder.lock_warnings(), *texts):
        run.record = run.record.replace(warnings=(*run.record.warnings, text))
        yield Notice(text)


def _is_reached(until: int | None, progress: Progress) -> bool:
    """Whether a training that is to pause after so many epochs has done them, and not a step more.

    One that was killed within an epoch continues to the end of that epoch.
    """
    return until is not None and progress.epoch >= until and not progress.step


def _rare_classes(run: Run) -> list[str]:
    """A warning of classes that the validation can hardly judge, if there are some."""
    split, rows, validation_rows, *_ = run.data
    if not len(validation_rows):
        return []
    labels = split.labels
    return imbalance.few_validation_images(labels[rows], labels[validation_rows], split.classes)


def _unpredicted_classes(run: Run, record: RunRecord) -> list[str]:
    """A warning of classes that the weights in use never predict, if there are some."""
    split, rows, *_ = run.data
    used = selection.select(run.folder, record=record)
    return imbalance.never_predicted(
        (used.metrics and used.metrics.never_predicted) or (),
        split.labels[rows],
        split.classes,
        weights=used.weights,
        weighted=run.config.train.class_weight != "none",
    )


def _events(run: Run, since: State | None) -> Iterator[Step | Epoch]:
    """What `fit` yields, the number of epochs changing where it did in `run.epoch_limits`."""
    ends = [updates for updates, _ in run.epoch_limits[1:]]
    for (_, epochs), end in zip(run.epoch_limits, [*ends, None], strict=True):
        if since and end is not None and since.updates >= end:
            continue
        config = run.config.replace(train=run.config.train.replace(epochs=epochs))
        for event in fit(config, run.data, threads=run.threads, since=since):
            yield event
            engine = event.engine
            ended = isinstance(event, Epoch) or event.progress.step < event.steps
            if ended and engine.steps == end:
                vectors = engine.params, engine.optimizer_state, engine.statistics
                since = State(event.progress, engine.steps, *vectors)
                break


def _keep(run: Run, epoch: Epoch, *, seconds: float) -> None:
    """Mutates the run's record; writes the epoch's metrics and weights."""
    metrics = epoch.metrics
    run.folder.append_metrics(metrics)
    save(run, epoch, "last")
    best = run.record.best
    if epoch.best:
        save(run, epoch, "best")
        best = metrics
    run.record = run.record.replace(epochs=metrics.epoch, best=best, last=metrics, seconds=seconds)
    run.folder.save_record(run.record)


def _save_without_member(run: Run, event: Step | Epoch | None, reason: str) -> str:
    """Save the last step, if nothing has changed since, after a process of the training was killed.

    Returns the message for the user.
    """
    if event is None or not event.engine.whole:
        return f"{reason}; {_hint(run.folder)} from the last checkpoint"
    save(run, event, "last")
    return f"{reason} after {_done(event)}; {_hint(run.folder)}"


def save(run: Run, event: Step | Epoch, which: str) -> None:
    """Write the "best" or "last" weights; only the last hold what resuming needs beside them."""
    engine = event.engine
    metadata = Metadata(
        config=run.config,
        classes=run.data.split.classes,
        data=run.data.split.files,
        light_share=run.data.light_share,
        white=run.data.split.white,
        inverted=run.data.split.light,
        placement=run.data.placement,
        traits=run.data.traits,
        progress=event.progress,
        updates=engine.steps,
        temperature=event.metrics.temperature if isinstance(event, Epoch) else None,
        epoch_limits=run.epoch_limits,
    )
    weights = Checkpoint(metadata, engine.params)
    if which == "last":
        weights = Checkpoint(metadata, engine.params, engine.optimizer_state, engine.statistics)
    run.folder.save_weights(which, weights)


def _hint(folder: RunFolder) -> str:
    return f"resume with `mlp train --resume {folder}`"


def _done(event: Step | Epoch) -> str:
    epoch, step, *_ = event.progress
    epochs = f"{epoch} epoch{'' if epoch == 1 else 's'}"
    return f"{epochs} and {step} step{'' if step == 1 else 's'}" if step else epochs
