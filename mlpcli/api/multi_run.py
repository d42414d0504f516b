"""Runs of one config with several seeds or folds: a folder that holds a run's folder for each."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from mlpcli.api import significance
from mlpcli.api.resume import resume as resume_run
from mlpcli.api.significance import Summary
from mlpcli.api.trainer import DataSummary, Event
from mlpcli.api.trainer import train as train_run
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError, Interrupted
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.record import RunRecord
from mlpcli.runs.selection import Selection, choose
from mlpcli.training.progress import images_per_second


class Member(NamedTuple):
    """One of the runs, under way."""

    kind: str  # "seed" or "fold"
    number: int
    folder: Path
    events: Generator[Event]  # its training proceeds as they are taken


class TrainResult(NamedTuple):
    """The outcome of a training."""

    run: str  # the run's folder
    record: RunRecord
    images_per_second: float  # in the steps of all its epochs
    selection: Selection  # of its weights, by `auto`

    @classmethod
    def of(cls, run: RunFolder, record: RunRecord) -> Self:
        """That of a finished run; raises CheckpointError where its metrics cannot be read."""
        metrics = run.load_metrics()
        return cls(str(run), record, images_per_second(metrics), choose(record, metrics))


class SeriesResult(NamedTuple):
    """The outcome of the trainings of several seeds or folds."""

    run: str  # their folder
    kind: str  # what they differ in
    runs: dict[int, TrainResult]  # by seed or fold, the lowest first
    accuracy: Summary | None  # of each run's best validation accuracy; None where not measured


def train(
    config: Config,
    folder: Path,
    kind: str,
    count: int,
    *,
    resume: bool = False,
    force: bool = False,
    offline: bool = False,
    preflight: bool = True,
    threads: int = 1,
) -> Iterator[Member]:
    """Each run that is left to do; its events must be taken before the next is asked for.

    kind, count: how many "seed"s, from `config.seed` on, or the "fold"s of the training images.
    Each run is the one that its settings alone would give.
    resume: the folder has such runs; those that stopped are resumed, finished ones stay.
    Raises what training or resuming a single run does.
    """
    if not resume:
        RunFolder(folder).claim(overwrite=False)
    first = True
    for number, settings in _settings(config, kind, count):
        run = RunFolder(folder).member(kind, number)
        events: Generator[Event]
        if not (resume and run.holds_run()):
            events = train_run(
                settings, run.path, offline=offline, preflight=preflight, threads=threads
            )
        elif not _is_finished(run, settings):
            events = resume_run(settings, run.path, force=force, offline=offline, threads=threads)
        else:
            continue
        hint = f"resume all {kind}s with `mlp train --resume {folder} --{kind}s {count}`"
        if not first:  # all have the same data
            events = (event for event in events if not isinstance(event, DataSummary))
        first = False
        yield Member(kind, number, run.path, _with_hint(events, f"{kind} {number}", hint))


def _settings(config: Config, kind: str, count: int) -> Iterator[tuple[int, Config]]:
    """The settings of each run, with its number."""
    if kind == "fold":
        for fold in range(count):
            yield fold, config.replace(data=config.data.replace(folds=count, fold=fold))
        return
    if config.seed + count > 2**63:
        raise ConfigError(f"--seeds: seeds must be below 2**63, got {config.seed + count - 1}")
    for seed in range(config.seed, config.seed + count):
        yield seed, config.replace(seed=seed)


def _is_finished(run: RunFolder, config: Config) -> bool:
    """Whether the run was trained to the end with these settings."""
    finished = run.has_record() and run.load_record().status == "finished"
    return finished and run.load_config() == config


def _with_hint(events: Generator[Event], name: str, hint: str) -> Generator[Event]:
    """The events; the message of an interruption adds how to resume all runs."""
    try:
        yield from events
    except Interrupted as err:
        raise Interrupted(f"{name}: {err}; {hint}", err.exit_code - 128) from err


def results(folder: Path) -> SeriesResult:
    """The finished runs of several seeds or folds; raises as `finished_runs` does."""
    finished = finished_runs(folder)
    runs = {run.number: TrainResult.of(run, record) for run, record in finished.items()}
    best = [run.record.best for run in runs.values()]
    values = [epoch.validation_accuracy for epoch in best if epoch]
    accuracies = [value for value in values if value is not None]
    measured = len(accuracies) == len(values)
    summary = significance.accuracy_summary(accuracies) if measured else None
    return SeriesResult(str(folder), RunFolder(folder).series_kind() or "", runs, summary)


def finished_runs(folder: Path) -> dict[RunFolder, RunRecord]:
    """Each run with its record, in the order of the seeds or folds.

    Raises CheckpointError when one is not finished, or when there are fewer than two.
    """
    place = RunFolder(folder)
    runs = {run: run.load_record() for run in place.series()}
    for run, record in runs.items():
        if record.status != "finished":
            raise CheckpointError(
                f"{run}: expected a finished run, got one that is {record.status}; "
                f"resume it with `mlp train --resume {run}`"
            )
    if len(runs) < 2:
        kind = place.series_kind() or "seed"
        raise CheckpointError(
            f"{folder}: expected runs of at least two {kind}s, got {len(runs)}; "
            f"`mlp train --resume {folder} --{kind}s 2` makes them"
        )
    return runs
