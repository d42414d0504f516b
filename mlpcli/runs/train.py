"""A training run, from settings to a folder that holds everything about it.

An epoch is written in this order: its line of metrics, last.safetensors, best.safetensors, the
record. `resume.py` mends a run that died between any two of them.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

from mlpcli.data import dataset
from mlpcli.data.dataset import Split
from mlpcli.data.preparation import light_share
from mlpcli.errors import CheckFailed, CheckpointError, Interrupted, MlpError
from mlpcli.runs import checkpoint, record
from mlpcli.runs.checkpoint import Checkpoint, Facts
from mlpcli.runs.events import logged
from mlpcli.runs.fit import Epoch, Progress, State, Step, ended_by, fit, rows
from mlpcli.runs.lock import check_free, held
from mlpcli.runs.preflight import preflight
from mlpcli.runs.settings import Config
from mlpcli.signals import Wish, deferred


class Notice(NamedTuple):
    """Something that looks wrong, though the training goes on."""

    text: str


Event = Notice | Step | Epoch


class Run(NamedTuple):
    """A training under way; its record is changed as it goes."""

    folder: Path
    config: Config
    split: Split
    threads: int  # at most
    lengths: tuple[tuple[int, int], ...]  # (steps done in all, `train.epochs` from then on)
    record: record.Record


@logged
def train(
    config: Config,
    folder: Path,
    *,
    overwrite: bool = False,
    offline: bool = False,
    look: bool = True,
    threads: int = 1,
) -> Generator[Event]:
    """Train and keep everything in folder; yields what `fit` yields, after it has been saved.

    look: whether to begin with what `preflight` finds, as notices. The test files are never
    opened. Raises MlpError, with the reason in run.json, when the run cannot go on, and
    Interrupted, with the state saved, when a signal asked for it.
    """
    check_free(folder)  # names the process that writes there, before it is called a run
    record.claim(folder, overwrite=overwrite)
    split = load(config, "train", offline=offline)
    rows(config, split)  # refuses a split that cannot be parted, before anything is written
    record.make(folder)
    with held(folder), polite(folder) as wish:
        record.claim(folder, overwrite=overwrite)  # again, now that no other can write here
        run = begin(config, folder, split, threads=threads)
        yield from follow(run, wish, look=look)


def polite(folder: Path) -> AbstractContextManager[Wish]:
    """While this lasts, the first signal waits for the end of a step, and for what is written."""
    return deferred(f"stopped at once; {_hint(folder)} from the last checkpoint")


def load(config: Config, split: str, *, offline: bool = False) -> Split:
    """The images that the settings name; split is "train" or "test"."""
    data = config.data
    return dataset.load(
        data.name,
        split,
        resize=data.resize,
        offline=offline,
        images=data.images if split == "train" else None,
    )


def begin(config: Config, folder: Path, split: Split, *, threads: int) -> Run:
    """A run before its first step, in a folder that is held; an earlier run there is removed."""
    record.create(folder, config)
    training, validation = map(len, rows(config, split))
    facts = record.begin(config, split, training=training, validation=validation, threads=threads)
    record.save(folder, facts)
    return Run(folder, config, split, threads, ((0, config.train.epochs),), facts)


def follow(
    run: Run, wish: Wish, *, since: State | None = None, look: bool = False
) -> Iterator[Event]:
    """Train to the end, keeping everything, or until a signal asks to stop.

    since: where an earlier process stopped; look: whether to begin with what `preflight` finds.
    """
    facts, event = run.record, None
    progress = since.progress if since else Progress()
    before, started = facts["seconds"], time.perf_counter()
    saved = started
    try:
        for text in preflight(run.config, run.split) if look else ():
            facts["warnings"].append(text)
            yield Notice(text)
        for event in course(run, since):
            now, progress = time.perf_counter(), event.progress
            facts["seconds"] = round(before + now - started, 3)
            if isinstance(event, Epoch):
                _keep(run, event)
                saved = now
            elif now - saved >= run.config.checkpoint.every_seconds:
                save(run, event, record.LAST)
                saved = now
            yield event
            if wish.signal is not None:
                save(run, event, record.LAST)
                raise Interrupted(f"after {_done(event)}; {_hint(run.folder)}", wish.signal)
        facts["status"] = "finished"
        facts["ended_by"] = ended_by(run.config, progress)
    except (Interrupted, GeneratorExit):
        facts["status"] = "interrupted"
        raise
    except MlpError as err:
        facts |= {"status": "failed", "error": str(err)}
        if isinstance(err, CheckFailed) and event is not None:
            save(run, event, record.LAST)  # the weights before the step that failed
        raise
    finally:
        # what ends the run is told, not that its record could not be written then
        with nullcontext() if facts["status"] == "finished" else suppress(CheckpointError):
            record.save(run.folder, facts)


def course(run: Run, since: State | None) -> Iterator[Step | Epoch]:
    """What `fit` yields, the number of epochs changing where it did in `run.lengths`."""
    ends = [updates for updates, _ in run.lengths[1:]]
    for (_, epochs), end in zip(run.lengths, [*ends, None], strict=True):
        if since and end is not None and since.updates >= end:
            continue
        train = run.config.train.model_copy(update={"epochs": epochs})
        config = run.config.model_copy(update={"train": train})
        for event in fit(config, run.split, threads=run.threads, since=since):
            yield event
            engine = event.engine
            if engine.steps == end and (
                isinstance(event, Epoch) or event.progress.step < event.steps
            ):
                since = State(event.progress, engine.steps, engine.params, engine.memory)
                break


def _keep(run: Run, epoch: Epoch) -> None:
    """Mutates the record; writes the epoch's metrics and weights."""
    metrics = epoch.metrics
    record.append(run.folder, metrics)
    save(run, epoch, record.LAST)
    if epoch.best:
        save(run, epoch, record.BEST)
        run.record["best"] = metrics._asdict()
    run.record.update(epochs=metrics.epoch, last=metrics._asdict())
    record.save(run.folder, run.record)


def save(run: Run, event: Step | Epoch, name: str) -> None:
    """Write a checkpoint; only last.safetensors holds what going on needs beside the weights."""
    engine = event.engine
    facts = Facts(
        config=run.config,
        classes=run.split.classes,
        data=run.split.files,
        light=light_share(run.split.images),
        progress=event.progress,
        updates=engine.steps,
        lengths=run.lengths,
    )
    memory = engine.memory if name == record.LAST else ()
    checkpoint.save(run.folder / name, Checkpoint(facts, engine.params, memory))


def _hint(folder: Path) -> str:
    return f"`mlp train --resume {folder}` goes on"


def _done(event: Step | Epoch) -> str:
    epoch, step, *_ = event.progress
    epochs = f"{epoch} epoch{'' if epoch == 1 else 's'}"
    return f"{epochs} and {step} step{'' if step == 1 else 's'}" if step else epochs
