"""Runs of one config with several seeds: a folder that holds a run's folder for each."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mlpcli.errors import CheckpointError, ConfigError, Interrupted
from mlpcli.runs import config as configs
from mlpcli.runs import record, statistics
from mlpcli.runs.evaluate import Evaluation
from mlpcli.runs.record import Record
from mlpcli.runs.resume import resume as go_on
from mlpcli.runs.settings import Config
from mlpcli.runs.statistics import Summary
from mlpcli.runs.train import Event
from mlpcli.runs.train import train as begin


class Seed(NamedTuple):
    """One of the runs, under way."""

    seed: int
    folder: Path
    events: Iterator[Event]  # what its training yields, and goes on by


class Evaluations(NamedTuple):
    """The runs of several seeds, judged on the same split."""

    results: dict[int, Evaluation]  # by seed, the lowest first
    accuracy: Summary


def train(
    config: Config,
    folder: Path,
    *,
    seeds: int,
    resume: bool = False,
    force: bool = False,
    offline: bool = False,
    look: bool = True,
    threads: int = 1,
) -> Iterator[Seed]:
    """Each run that is left to do; its events must be taken before the next is asked for.

    seeds: how many, from `config.seed` on. Each is the run that this seed alone would give.
    resume: in a folder with such runs, which go on where they stopped or, if finished, stay.
    Raises what training or resuming a single run does.
    """
    if config.seed + seeds > 2**63:
        raise ConfigError(f"--seeds: seeds must be below 2**63, got {config.seed + seeds - 1}")
    if not resume:
        record.claim(folder, overwrite=False)
    for seed in range(config.seed, config.seed + seeds):
        own, place = config.model_copy(update={"seed": seed}), record.member(folder, seed)
        if not (resume and (place / record.CONFIG).exists()):
            events = begin(own, place, offline=offline, look=look, threads=threads)
        elif not _is_finished(place, own):
            events = go_on(own, place, force=force, offline=offline, threads=threads)
        else:
            continue
        yield Seed(seed, place, _told(events, seed, f"--resume {folder} --seeds {seeds}"))


def _is_finished(folder: Path, config: Config) -> bool:
    """Whether the run was trained to the end of these very settings."""
    if not (folder / record.RECORD).exists():
        return False
    finished: bool = record.read(folder)["status"] == "finished"
    return finished and configs.load(str(folder / record.CONFIG)) == config


def _told(events: Iterator[Event], seed: int, again: str) -> Iterator[Event]:
    """The events; an interruption also says how to go on with all seeds."""
    try:
        yield from events
    except Interrupted as err:
        told = f"seed {seed}: {err}; `mlp train {again}` with all seeds"
        raise Interrupted(told, err.exit_code - 128) from err


def first(folder: Path) -> Path:
    """The folder of the lowest seed's run; raises CheckpointError when there is none."""
    found = record.members(folder)
    if not found:
        raise CheckpointError(f"{folder}: no runs of several seeds; `mlp train --seeds` makes them")
    return found[0]


def records(folder: Path) -> dict[Path, Record]:
    """The record of each run, in the order of the seeds.

    Raises CheckpointError when one is not finished, or when there are fewer than two.
    """
    found = {place: record.read(place) for place in record.members(folder)}
    for place, run in found.items():
        if run["status"] != "finished":
            raise CheckpointError(
                f"{place}: expected a finished run, got one that is {run['status']}; "
                f"`mlp train --resume {place}` goes on"
            )
    if len(found) < 2:
        raise CheckpointError(
            f"{folder}: expected runs of at least two seeds, got {len(found)}; "
            f"`mlp train --resume {folder} --seeds 2` makes them"
        )
    return found


def evaluate(folder: Path, judge: Callable[[Path], Evaluation]) -> Evaluations:
    """Each run as judge, which is `evaluate` with its options, finds it."""
    results = {run["seed"]: judge(place) for place, run in records(folder).items()}
    return Evaluations(results, accuracy(each.scores.accuracy for each in results.values()))


def accuracy(fractions: Iterable[float]) -> Summary:
    """Mean accuracy and so on; the interval ends at 0 and 1."""
    found = statistics.summary(list(fractions))
    low, high = found.ci95
    return found._replace(ci95=(max(0.0, low), min(1.0, high)))
