"""Which workers a sweep gets: of this machine, or of a Dask scheduler."""

from collections.abc import Sequence
from pathlib import Path

from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_cluster import Cluster
from mlpcli.api.sweep_plan import Trial
from mlpcli.api.sweep_workers import Pool, ThisProcess, Workers
from mlpcli.errors import ConfigError
from mlpcli.training.threads import cores


def size(workers: int | None, trials: int) -> int:
    """How many trials run at a time on this machine: as asked, else one for each core."""
    return max(1, min(workers or cores(), trials))


def chosen(
    planned: Planned,
    trials: Sequence[Trial],
    workers: int | None,
    scheduler: str | None = None,
    scheduler_file: Path | None = None,
) -> tuple[Workers, int]:
    """The workers that the options name, and how many they are; one is this process.

    The sweep's folder must be held, since workers of a scheduler are asked whether they see it.
    """
    if (workers is not None) + (scheduler is not None) + (scheduler_file is not None) > 1:
        raise ConfigError("--workers, --scheduler and --scheduler-file: give one of them")
    if scheduler is None and scheduler_file is None:
        count = size(workers, len(trials))
        return (ThisProcess() if count == 1 else Pool(count)), count
    cluster = Cluster(scheduler, scheduler_file)
    try:
        cluster.ask(planned)
    except BaseException:
        cluster.cancel()
        raise
    return cluster, max(1, cluster.size)
