"""Which workers a sweep gets: of this machine, or of a Dask scheduler."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_cluster import Cluster
from mlpcli.api.sweep_plan import Trial
from mlpcli.api.sweep_question import question
from mlpcli.api.sweep_run import stopping
from mlpcli.api.sweep_workers import Pool, ThisProcess, Workers
from mlpcli.errors import ConfigError
from mlpcli.training.threads import cores


class Wanted(NamedTuple):
    """The workers that options name: of a scheduler, or so many of this machine."""

    workers: int | None = None
    scheduler: str | None = None
    scheduler_file: Path | None = None


@contextmanager
def chosen(
    planned: Planned, trials: Sequence[Trial], wanted: Wanted
) -> Iterator[tuple[Workers, int]]:
    """The workers of a sweep, and how many they are now; one is this process.

    Each is asked before its first trial whether it sees the sweep's folder, which must be held. At
    the end, none is left running; raises Interrupted where a signal asked to stop.
    """
    with question(planned.folder) as asked:
        if (count := _local(wanted, len(trials))) is not None:
            local = ThisProcess() if count == 1 else Pool(count, asked)
            with stopping(local):
                yield local, count
            return
        cluster = Cluster(wanted.scheduler, wanted.scheduler_file, asked)
        with stopping(cluster):
            cluster.ask(planned)
            yield cluster, cluster.size


def size(wanted: Wanted, trials: int) -> int:
    """How many trials run at a time; asks the scheduler, if there is one."""
    if (count := _local(wanted, trials)) is not None:
        return count
    cluster = Cluster(wanted.scheduler, wanted.scheduler_file)
    try:
        return cluster.size
    finally:
        cluster.cancel()


def _local(wanted: Wanted, trials: int) -> int | None:
    """As asked, else one for each core; None where a scheduler has them."""
    if sum(value is not None for value in wanted) > 1:
        raise ConfigError("--workers, --scheduler and --scheduler-file: give one of them")
    if wanted.scheduler is not None or wanted.scheduler_file is not None:
        return None
    return max(1, min(wanted.workers or cores(), trials))
