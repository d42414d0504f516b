"""The winner of a sweep on fresh seeds, since the best of many is partly the luckiest."""

from typing import NamedTuple

from mlpcli.api import significance
from mlpcli.api.significance import Summary
from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_plan import Trial, address_of, data_checksums
from mlpcli.api.sweep_progress import record_of
from mlpcli.api.sweep_results import Results
from mlpcli.config.schema import Metric
from mlpcli.errors import CheckpointError


class Confirmation(NamedTuple):
    """The winner, trained on seeds that did not choose it."""

    sweep: str  # its folder
    metric: Metric
    command: str  # that trains the winner
    claimed: float  # what the sweep has found of it
    seeds: dict[str, float]  # the metric, by fresh seed
    runs: tuple[str, ...]  # folders
    summary: Summary | None  # over the seeds, of at least two

    @property
    def values(self) -> list[float]:
        """The metric of each fresh seed."""
        return list(self.seeds.values())


def fresh_trials(
    planned: Planned, found: Results, count: int, *, offline: bool = False
) -> list[Trial]:
    """The winner with so many seeds that no trial has had; raises CheckpointError without one."""
    if found.best is None:
        raise CheckpointError(f"{planned.folder}: no config has finished; run the sweep first")
    first = max(trial.config.seed for trial in planned.trials) + 1
    checksums = data_checksums(offline=offline)
    configs = [found.best.replace(seed=first + i) for i in range(count)]
    return [Trial(address_of(config, checksums(config)), {}, config) for config in configs]


def confirmation(planned: Planned, found: Results, trials: list[Trial]) -> Confirmation:
    """The outcome of fresh trials; raises CheckpointError where one has not finished."""
    seeds: dict[str, float] = {}
    runs = [planned.folder.trial(trial.address) for trial in trials]
    for trial, folder in zip(trials, runs, strict=True):
        record = record_of(folder)
        if record is None or record.status != "finished" or record.best is None:
            raise CheckpointError(f"{folder}: this trial has not finished")
        seeds[f"{trial.config.seed}"] = record.best.validation(planned.metric)
    values = list(seeds.values())
    return Confirmation(
        sweep=str(planned.folder),
        metric=planned.metric,
        command=found.command or "",
        claimed=found.rows[0].mean or 0.0,
        seeds=seeds,
        runs=tuple(map(str, runs)),
        summary=significance.accuracy_summary(values) if len(values) > 1 else None,
    )
