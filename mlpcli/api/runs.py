"""`mlp runs`: the runs below a folder, listed, filtered, sorted and removed."""

import operator
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlpcli.config.load import changed_settings, flat_settings
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import INCOMPLETE, RECORD, RunFolder
from mlpcli.runs.record import RunRecord


class Entry(NamedTuple):
    """One run, as a row of the list; None where it is not known."""

    run: str  # its folder
    data: str | None
    status: str  # of run.json, or "damaged", or "incomplete"
    accuracy: float | None  # validation accuracy of the best epoch, a fraction
    loss: float | None  # its validation loss, in nats
    epochs: int | None  # done
    seconds: float | None
    seed: int | None
    parameters: int | None
    started: str | None  # ISO 8601, UTC


def list_runs(
    folder: Path, *, conditions: Sequence[str] = (), key: str = "started", descending: bool = False
) -> list[Entry]:
    """The runs below a folder that meet every condition, as `where` and `sort` take them."""
    return sort(where(find(folder), conditions), key, descending=descending)


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

    key: a field of Entry, or a setting such as `optimizer.name`, which a run may lack.
    Raises ConfigError for text that is not a condition.
    """
    tests = [_test(condition) for condition in conditions]
    return [entry for entry in entries if all(test(entry) for test in tests)]


def sort(entries: Iterable[Entry], key: str, *, descending: bool = False) -> list[Entry]:
    """The runs by a field of Entry, those that lack it last; raises ConfigError."""
    if key not in Entry._fields:
        raise ConfigError(f"--sort {key}: expected one of {', '.join(Entry._fields)}")
    value = operator.attrgetter(key)
    known = [entry for entry in entries if value(entry) is not None]
    unknown = [entry for entry in entries if value(entry) is None]
    return [*sorted(known, key=value, reverse=descending), *unknown]


class RunDetails(NamedTuple):
    """One run in full."""

    run: str  # its folder
    record: RunRecord
    changed: dict[str, Any]  # settings that are not the defaults, by their dotted keys


def details(folder: Path) -> RunDetails:
    """What is known of a run; raises CheckpointError or ConfigError."""
    run = RunFolder(folder)
    run.require()
    return RunDetails(str(run), run.load_record(), changed_settings(run.load_config()))


def remove(folder: Path) -> None:
    """As `RunFolder.remove`."""
    RunFolder(folder).remove()


def _entry(folder: Path) -> Entry:
    run = RunFolder(folder)
    try:
        record = run.load_record()
    except CheckpointError:
        status = "incomplete" if run.is_incomplete() else "damaged"
        return Entry(str(folder), None, status, *[None] * 7)
    return Entry(
        run=str(folder),
        data=record.data.name,
        status=record.status,
        accuracy=record.best.validation_accuracy if record.best else None,
        loss=record.best.validation_loss if record.best else None,
        epochs=record.epochs,
        seconds=record.seconds,
        seed=record.seed,
        parameters=record.parameters,
        started=record.started,
    )


def _test(condition: str) -> Callable[[Entry], bool]:
    key, equals, value = condition.partition("=")
    if not (key and equals):
        raise ConfigError(f"--where {condition}: expected key=value, e.g. --where data=mnist")
    if key in Entry._fields:
        return lambda entry: str(getattr(entry, key)) == value
    if "." not in key:
        raise ConfigError(
            f"--where {condition}: unknown key {key!r}; expected one of "
            f"{', '.join(Entry._fields)}, or a setting such as optimizer.name"
        )
    return lambda entry: str(_settings(Path(entry.run)).get(key)) == value


def _settings(folder: Path) -> dict[str, Any]:
    """A run's settings by their dotted keys; empty where they cannot be read."""
    try:
        return flat_settings(RunFolder(folder).load_config())
    except ConfigError:
        return {}
