"""`mlp runs`: the runs below a folder, listed, filtered, sorted and removed."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlpcli.api import run_columns
from mlpcli.api.run_columns import Entry, Line
from mlpcli.api.significance import Summary, accuracy_summary
from mlpcli.config.load import changed_settings
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import INCOMPLETE, RECORD, SERIES_KINDS, RunFolder
from mlpcli.runs.record import RunRecord
from mlpcli.runs.selection import Selection, select
from mlpcli.runs.tags import Tags


class Listing(NamedTuple):
    """The runs that `mlp runs` lists."""

    folder: Path  # below which they are
    lines: list[Line]
    columns: tuple[str, ...]  # that were asked for; none for those that tell most

    @property
    def entries(self) -> list[Entry]:
        """Every run in it."""
        return [entry for line in self.lines for entry in line.entries]


def list_runs(
    folder: Path,
    *,
    conditions: Sequence[str] = (),
    key: str | None = None,
    best: bool = False,
    limit: int | None = None,
    columns: Sequence[str] | None = None,
    members: bool = False,
) -> Listing:
    """The runs below a folder that meet every condition, as `where` and `sort` take them.

    key: the order; without one, and unless the best are to come first, that of their starts, of
    which a limit leaves the latest. members: list each of several seeds or folds on its own.
    """
    chosen = [run_columns.find(name, "--columns") for name in columns or () if name != "all"]
    entries = where(find(folder), conditions)
    if columns and "all" in columns:
        chosen = [*run_columns.FIELDS, *run_columns.differing(entries)]
    lines = [Line([entry]) for entry in entries] if members else group(entries)
    if best:
        metrics = {entry.metric for entry in entries if entry.metric}
        key = f"-{metrics.pop() if len(metrics) == 1 else 'accuracy'}"
    lines = sort(lines, key or "started")
    if limit is not None:
        lines = lines[:limit] if key else lines[-limit:]
    return Listing(folder, lines, tuple(chosen))


def find(folder: Path) -> list[Entry]:
    """Every run in a folder or deeper, by name; raises CheckpointError when there is no folder."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder; `mlp train` makes runs in runs/")
    found = {path.parent for name in (RECORD, INCOMPLETE) for path in folder.rglob(name)}
    paths = (path.relative_to(folder) for path in sorted(found))
    visible = (path for path in paths if not any(part.startswith(".") for part in path.parts))
    return [_entry(folder / path) for path in visible]


def where(entries: Iterable[Entry], conditions: Sequence[str]) -> list[Entry]:
    """The runs that meet every condition `key=value`.

    key: a column as `run_columns.find` takes it, or `tag`. Raises ConfigError for text that is not
    a condition.
    """
    tests = []
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not (name and equals):
            raise ConfigError(f"--where {condition}: expected key=value, e.g. --where data=mnist")
        tests.append((run_columns.find(name, f"--where {condition}"), value))
    return [entry for entry in entries if all(entry.matches(*test) for test in tests)]


def group(entries: Iterable[Entry]) -> list[Line]:
    """A line for each run, and one for all runs of a series."""
    lines: dict[str, Line] = {}
    for entry in entries:
        lines.setdefault(entry.series or entry.run, Line([])).entries.append(entry)
    return list(lines.values())


def sort(lines: Iterable[Line], key: str) -> list[Line]:
    """The lines by a column, highest first after a "-", those that lack it last.

    Raises ConfigError for another key.
    """
    column = run_columns.find(key.removeprefix("-"), f"--sort {key}")
    values = [(line.value(column), line) for line in lines]
    known = [(value, line) for value, line in values if value is not None]
    known.sort(key=lambda pair: _order(pair[0]), reverse=key.startswith("-"))
    return [line for _, line in [*known, *(pair for pair in values if pair[0] is None)]]


class RunDetails(NamedTuple):
    """One run in full."""

    run: str  # its folder
    record: RunRecord
    changed: dict[str, Any]  # settings that are not the defaults, by their dotted keys
    tags: Tags = Tags()
    selection: Selection | None = None  # of its weights, by `auto`


class SeriesDetails(NamedTuple):
    """The runs of several seeds or folds in full."""

    run: str  # their folder
    kind: str  # what they differ in, "seed" or "fold"
    members: dict[int, RunDetails]  # by seed or fold, the lowest first
    accuracy: Summary | None  # of each run's best validation accuracy, where at least two have one


def details(folder: Path) -> RunDetails | SeriesDetails:
    """What is known of a run or of several; raises CheckpointError or ConfigError."""
    run = RunFolder(folder)
    if not (kind := run.series_kind()):
        return _details(run)
    members = {member.number: _details(member) for member in run.series()}
    best = [member.record.best for member in members.values()]
    values = [epoch.validation_accuracy for epoch in best if epoch]
    known = [value for value in values if value is not None]
    summary = accuracy_summary(known) if len(known) > 1 else None
    return SeriesDetails(str(run), kind, members, summary)


def remove(folders: Sequence[Path]) -> Iterator[tuple[str, int]]:
    """Remove runs, and yield each folder with how many it held; first, whether all can be removed.

    Raises as `RunFolder.remove` does.
    """
    runs = [RunFolder(folder) for folder in dict.fromkeys(folders)]
    counts = [len(run.removable()) for run in runs]
    for run, count in zip(runs, counts, strict=True):
        run.remove()
        yield str(run), count


def _details(run: RunFolder) -> RunDetails:
    run.require()
    changed = changed_settings(run.load_config())
    return RunDetails(str(run), run.load_record(), changed, run.load_tags(), select(run))


def _entry(folder: Path) -> Entry:
    run = RunFolder(folder)
    kind, _, number = folder.name.partition("-")
    series = str(folder.parent) if kind in SERIES_KINDS and number.isdecimal() else None
    try:
        record = run.load_record()
    except CheckpointError:
        status = "incomplete" if run.is_incomplete() else "damaged"
        return Entry(str(folder), None, status, series=series)
    tags, note = _tags(run)
    best = record.best
    return Entry(
        run=str(folder),
        data=record.data.name,
        status=record.status,
        accuracy=best.validation_accuracy if best else None,
        loss=best.validation_loss if best else None,
        epochs=record.epochs,
        seconds=record.seconds,
        seed=record.seed,
        parameters=record.parameters,
        started=record.started,
        metric=record.metric,
        balanced_accuracy=best.validation_balanced_accuracy if best else None,
        macro_f1=best.validation_macro_f1 if best else None,
        tags=tags,
        note=note or None,
        series=series,
        settings=_settings(run),
    )


def _settings(run: RunFolder) -> dict[str, Any]:
    """A run's settings by their dotted keys; empty where they cannot be read."""
    try:
        return run.load_settings()
    except ConfigError:
        return {}


def _tags(run: RunFolder) -> Tags:
    """A run's tags and note; none where they cannot be read."""
    try:
        return run.load_tags()
    except CheckpointError:
        return Tags()


def _order(value: Any) -> tuple[str, Any]:
    """What orders values of one column, which may be of several types."""
    is_number = isinstance(value, int | float)
    return ("", value) if is_number else (type(value).__name__, value)
