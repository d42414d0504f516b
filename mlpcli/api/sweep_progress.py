"""How far the run of a trial has come, and how well it does, by what is on the disk."""

import math
from contextlib import suppress

from mlpcli.config.schema import Metric
from mlpcli.errors import CheckpointError
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.record import RunRecord


def is_done(folder: RunFolder, until: int | None) -> bool:
    """Whether a trial's run has finished or, where it is to pause, has come so far.

    Raises CheckpointError where its record is damaged.
    """
    if not folder.has_record() or folder.is_incomplete():
        return False
    record = folder.load_record()
    if record.status == "finished" or until is None:
        return record.status == "finished"
    with suppress(CheckpointError):
        return len(folder.load_metrics()) >= until and record.epochs >= until
    return False


def is_done_or_reset(folder: RunFolder, until: int | None) -> bool:
    """As `is_done`; a damaged record does not count, and is written again by a resumed run."""
    try:
        return is_done(folder, until)
    except CheckpointError:
        with suppress(OSError):
            (folder.path / "run.json").unlink()
        return False


def score(folder: RunFolder, metric: Metric, until: int | None = None) -> float | None:
    """The best value of the metric in a run's first epochs; None where there is none."""
    try:
        values = [each.validation(metric) for each in folder.load_metrics()[:until]]
    except CheckpointError:
        return None
    return max((value for value in values if not math.isnan(value)), default=None)


def record_of(folder: RunFolder) -> RunRecord | None:
    """A run's record; None where there is none that can be read."""
    try:
        return folder.load_record() if folder.has_record() else None
    except CheckpointError:
        return None
