"""Runs of one config with several seeds: a folder that holds a run's folder for each."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlpcli.api import significance
from mlpcli.api.resume import resume as resume_run
from mlpcli.api.significance import Summary
from mlpcli.api.trainer import Event
from mlpcli.api.trainer import train as train_run
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError, Interrupted
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.record import RunRecord


class Seed(NamedTuple):
    """One of the runs, under way."""

    seed: int
    folder: Path
    events: Iterator[Event]  # its training proceeds as they are taken


class TrainResult(NamedTuple):
    """The outcome of a training."""

    run: str  # the run's folder
    record: RunRecord


class SeedResults(NamedTuple):
    """The outcome of the trainings of several seeds."""

    run: str  # their folder
    runs: list[TrainResult]  # the lowest seed first
    accuracy: Summary  # of the validation accuracy of each run's best epoch


def train(
    config: Config,
    folder: Path,
    *,
    seeds: int,
    resume: bool = False,
    force: bool = False,
    offline: bool = False,
    preflight: bool = True,
    threads: int = 1,
) -> Iterator[Seed]:
    """Each run that is left to do; its events must be taken before the next is asked for.

    seeds: how many, from `config.seed` on. Each run is the one that this seed alone would give.
    resume: the folder has such runs; those that stopped are resumed, finished ones stay.
    Raises what training or resuming a single run does.
    """
    if config.seed + seeds > 2**63:
        raise ConfigError(f"--seeds: seeds must be below 2**63, got {config.seed + seeds - 1}")
    if not resume:
        RunFolder(folder).claim(overwrite=False)
    for seed in range(config.seed, config.seed + seeds):
        settings, run = config.replace(seed=seed), RunFolder(folder).seed_run(seed)
        events: Iterator[Event]
        if not (resume and run.holds_run()):
            events = train_run(
                settings, run.path, offline=offline, preflight=preflight, threads=threads
            )
        elif not _is_finished(run, settings):
            events = resume_run(settings, run.path, force=force, offline=offline, threads=threads)
        else:
            continue
        command = f"mlp train --resume {folder} --seeds {seeds}"
        yield Seed(seed, run.path, _with_hint(events, seed, command))


def _is_finished(run: RunFolder, config: Config) -> bool:
    """Whether the run was trained to the end with these settings."""
    finished = run.has_record() and run.load_record().status == "finished"
    return finished and run.load_config() == config


def _with_hint(events: Iterator[Event], seed: int, command: str) -> Iterator[Event]:
    """The events; the message of an interruption adds how to resume all seeds."""
    try:
        yield from events
    except Interrupted as err:
        message = f"seed {seed}: {err}; resume all seeds with `{command}`"
        raise Interrupted(message, err.exit_code - 128) from err


def results(folder: Path) -> SeedResults:
    """The finished runs of several seeds; raises CheckpointError as `finished_runs` does."""
    runs = [TrainResult(str(run), record) for run, record in finished_runs(folder).items()]
    best = [run.record.best for run in runs]
    accuracies = [epoch.validation_accuracy for epoch in best if epoch]
    return SeedResults(str(folder), runs, significance.accuracy_summary(accuracies))


def finished_runs(folder: Path) -> dict[RunFolder, RunRecord]:
    """Each run with its record, in the order of the seeds.

    Raises CheckpointError when one is not finished, or when there are fewer than two.
    """
    runs = {run: run.load_record() for run in RunFolder(folder).seed_runs()}
    for run, record in runs.items():
        if record.status != "finished":
            raise CheckpointError(
                f"{run}: expected a finished run, got one that is {record.status}; "
                f"resume it with `mlp train --resume {run}`"
            )
    if len(runs) < 2:
        raise CheckpointError(
            f"{folder}: expected runs of at least two seeds, got {len(runs)}; "
            f"`mlp train --resume {folder} --seeds 2` makes them"
        )
    return runs
