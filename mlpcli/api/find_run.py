"""Which run is meant: by its folder, by its name below runs/, or the latest one."""

import json
from collections.abc import Iterator
from glob import iglob
from pathlib import Path

from mlpcli.errors import CheckpointError, nearest
from mlpcli.runs.folder import CONFIG, RECORD, RunFolder

RUNS = Path("runs")  # where `mlp train` puts them
USABLE = ("finished", "imported")  # by their status, runs whose network can be used
MAX_LISTED = 20


def find(name: str | Path) -> Path:
    """The folder of the run, or of the several runs, with this path or this name below runs/.

    A folder that is no run is returned as it is, for its caller to refuse. Raises CheckpointError
    for a name of nothing, for a file, and for a folder that only has runs in it, which are listed.
    """
    path = Path(name)
    folder = lookup(name) or path
    if folder.is_file():
        raise CheckpointError(f"{name}: is a file, not the folder of a run")
    if not folder.is_dir():
        names = [str(run.relative_to(RUNS)) for run in inside(RUNS)]
        near = nearest(str(path).removeprefix("runs/"), names)
        hint = f"did you mean {near!r}?" if near else "`mlp runs` lists the runs"
        raise CheckpointError(f"{name}: no such run; {hint if names else '`mlp train` makes one'}")
    if not is_run(folder) and (runs := list(inside(folder))):
        counted = f"{len(runs)} run{'s' * (len(runs) > 1)}"
        more = [f"  and {len(runs) - MAX_LISTED} more"] if runs[MAX_LISTED:] else []
        lines = [f"{name}: contains {counted}; choose one:", *(f"  {r}" for r in runs)]
        raise CheckpointError(*lines[: MAX_LISTED + 1], *more)
    return folder


def lookup(name: str | Path) -> Path | None:
    """The folder of the run, or of the several runs, with this path or this name below runs/."""
    return next((path for path in (Path(name), RUNS / name) if is_run(path)), None)


def short_name(folder: Path) -> str:
    """What to type for a run: its name below runs/, or its folder where that means another run."""
    name = str(folder.relative_to(RUNS)) if folder.is_relative_to(RUNS) else str(folder)
    return name if lookup(name) == folder else str(folder)


def is_run(path: Path) -> bool:
    """Whether a run lies there, or the runs of several seeds or folds."""
    run = RunFolder(path)
    return path.is_dir() and (run.config.is_file() or run.is_incomplete() or bool(run.series()))


def latest() -> Path:
    """The run below runs/ that finished or was imported last; raises CheckpointError."""
    records = [Path(file) for file in iglob(f"{RUNS}/**/{RECORD}", recursive=True)]
    for record in sorted(records, key=_modified, reverse=True):
        if _status(record) in USABLE:
            return record.parent
    raise CheckpointError(f"no finished run in {RUNS}/; `mlp train` makes one, or name its folder")


def inside(folder: Path) -> Iterator[Path]:
    """The runs in a folder or deeper, those of several seeds or folds as one, by name."""
    found = {Path(file).parent for file in iglob(f"{folder}/**/{CONFIG}", recursive=True)}
    merged = {run.parent if RunFolder(run.parent).series() else run for run in found}
    yield from sorted(run for run in merged if run != folder)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0


def _status(record: Path) -> str:
    """The status that a record has; empty where it cannot be read."""
    try:
        values = json.loads(record.read_bytes())
        return str(values.get("status", ""))
    except (OSError, ValueError, AttributeError):
        return ""
