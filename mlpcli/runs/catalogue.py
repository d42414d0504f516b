"""The runs below a folder: found, filtered, sorted and removed. Only run folders are read."""

import operator
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.lock import LOCK
from mlpcli.runs import config as configs
from mlpcli.runs import record
from mlpcli.runs.lock import held


class Entry(NamedTuple):
    """One run, as a row of the list; None where it is not known."""

    run: str  # its folder
    data: str | None
    status: str  # of run.json, or "damaged"
    accuracy: float | None  # validation accuracy of the best epoch, a fraction
    loss: float | None  # its validation loss, in nats
    epochs: int | None  # done
    seconds: float | None
    seed: int | None
    parameters: int | None
    started: str | None  # ISO 8601, UTC


def find(folder: Path) -> list[Entry]:
    """Every run in a folder or deeper, by name; raises CheckpointError when there is no folder."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder; `mlp train` makes runs in runs/")
    return [_entry(path.parent) for path in sorted(folder.rglob(record.RECORD))]


def where(entries: Iterable[Entry], conditions: Sequence[str]) -> list[Entry]:
    """The runs that meet every condition `key=value`.

    key: a field of Entry, or a setting such as `optimizer.name`, which a run may lack.
    Raises ConfigError for what is no condition.
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


def changed(folder: Path) -> dict[str, Any]:
    """A run's settings that are not the defaults, by their dotted keys; raises ConfigError."""
    return configs.changed(configs.load(str(folder / record.CONFIG)))


def remove(folder: Path) -> None:
    """Remove a run's files and, when nothing else lies in it, its folder.

    Raises CheckpointError when no run lies there, or while a process is writing it.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such run folder")
    ours = [folder / name for name in record.OURS if (folder / name).is_file()]
    if seeds := record.members(folder):
        raise CheckpointError(
            f"{folder}: holds runs of several seeds; name each of them, such as {seeds[0]}"
        )
    if not ours:
        raise CheckpointError(f"{folder}: no run lies here, so nothing was removed")
    try:
        with held(folder):
            record.sweep(folder)
            for path in (*ours, folder / record.REPORT):
                path.unlink(missing_ok=True)
            record.forget_events(folder)
            (folder / LOCK).unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()
    except OSError as err:
        raise CheckpointError(f"{err.filename or folder}: cannot remove: {err.strerror}") from err


def _entry(folder: Path) -> Entry:
    try:
        facts = record.read(folder)
        best = facts["best"] or {}
        return Entry(
            run=str(folder),
            data=facts["data"]["name"],
            status=facts["status"],
            accuracy=best.get("validation_accuracy"),
            loss=best.get("validation_loss"),
            epochs=facts["epochs"],
            seconds=facts["seconds"],
            seed=facts["seed"],
            parameters=facts["parameters"],
            started=facts["started"],
        )
    except (CheckpointError, KeyError, TypeError, AttributeError):
        return Entry(str(folder), None, "damaged", *[None] * 7)


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
        return configs.flat(configs.load(str(folder / record.CONFIG)))
    except ConfigError:
        return {}
