"""The folder of a sweep: its plan, its lock, and a run's folder for each trial.

sweep.json          the definitions and the trials, each with its address
lost.json           trials that ended without a record of their own, and why
ADDRESS/            the run of a trial, as `mlp train` makes it
ADDRESS-error.txt   the traceback of an error in it that nobody foresaw
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpcli import atomic, files, lock
from mlpcli.errors import CheckpointError
from mlpcli.runs.folder import RunFolder

PLAN, LOST, ERROR = "sweep.json", "lost.json", "{}-error.txt"
MAX_PLAN_SIZE = 200_000_000  # bytes


@dataclass(frozen=True)
class SweepFolder:
    """A sweep on disk. It need not exist."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def trial(self, address: str) -> RunFolder:
        """The folder of a trial's run."""
        return RunFolder(self.path / address)

    def error(self, address: str) -> Path:
        """The file with the traceback of a trial."""
        return self.path / ERROR.format(address)

    def holds_sweep(self) -> bool:
        """Whether a sweep has been begun here."""
        return (self.path / PLAN).is_file()

    def claim(self) -> None:
        """Raise CheckpointError unless a sweep may be written here; changes nothing."""
        if self.path.exists() and not self.path.is_dir():
            raise CheckpointError(f"{self}: is a file; name a folder for the sweep")
        run = RunFolder(self.path)
        if run.holds_run() or run.series():
            raise CheckpointError(f"{self}: holds a run; name another folder for the sweep")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The folder, made and held; raises CheckpointError where another process holds it."""

        def refuse(owner: str) -> None:
            hint = "wait for it, or name another folder"
            raise CheckpointError(f"{self}: process {owner} is running this sweep; {hint}")

        RunFolder(self.path).make()
        try:
            with lock.folder_lock(self.path, refuse):
                yield
        except OSError as err:
            raise CheckpointError(f"{self}: cannot write the sweep: {err.strerror}") from err

    def load_plan(self) -> dict[str, Any]:
        """The content of sweep.json; raises CheckpointError."""
        return self._load(PLAN, hint="is this the folder of a sweep?")

    def save_plan(self, values: dict[str, Any]) -> None:
        """Write sweep.json in one piece."""
        self._save(PLAN, values)

    def load_lost(self) -> dict[str, str]:
        """Why trials ended without a record that says so, by their addresses."""
        if not (self.path / LOST).exists():
            return {}
        return {str(key): str(value) for key, value in self._load(LOST, hint="").items()}

    def save_lost(self, reasons: dict[str, str]) -> None:
        """Write lost.json in one piece."""
        if reasons or (self.path / LOST).exists():
            self._save(LOST, reasons)

    def _load(self, name: str, *, hint: str) -> dict[str, Any]:
        path = self.path / name
        try:
            values = json.loads(files.read(path, limit=MAX_PLAN_SIZE))
        except FileNotFoundError as err:
            raise CheckpointError(f"{self}: no {name} here; {hint}") from err
        except OSError as err:
            raise CheckpointError(f"{path}: not readable: {err.strerror}") from err
        except ValueError as err:
            raise CheckpointError(f"{path}: damaged: {err}".partition("\n")[0]) from err
        if not isinstance(values, dict):
            raise CheckpointError(f"{path}: damaged: expected an object")
        return values

    def _save(self, name: str, values: dict[str, Any]) -> None:
        text = json.dumps({"schema": 1, **values} if name == PLAN else values, ensure_ascii=False)
        atomic.write(self.path / name, text.encode(errors="replace"))
