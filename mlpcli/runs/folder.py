"""A run's folder: the names of its files, its lock, reading and writing.

config.yaml         every setting, defaults included
metrics.jsonl       a line per epoch, appended and flushed
best.safetensors    weights of the epoch with the highest validation accuracy
last.safetensors    final weights, and the state that the training resumes from
run.json            status, seed, data, environment, timings
tags.jsonl          where a person has given it tags or a note
events/             TensorBoard event files, where `log.tensorboard` asks for them
report.html         where `mlp report` puts it
.incomplete         present while a new run is put into the folder

Runs of several seeds share one folder, in subfolders seed-0, seed-1 and so on.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlpcli import atomic, files, lock
from mlpcli.config.load import dump_config, load_config
from mlpcli.config.saved import saved_settings
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, OutputError
from mlpcli.lock import LOCK_FILE
from mlpcli.runs import checkpoint, tags
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.ownership import is_ours
from mlpcli.runs.record import SCHEMA, RunRecord
from mlpcli.runs.tags import Tags
from mlpcli.training.progress import Metrics

MAX_FILE_SIZE = 50_000_000  # bytes of run.json and of metrics.jsonl
CONFIG, METRICS, RECORD = "config.yaml", "metrics.jsonl", "run.json"
SERIES_KINDS = ("seed", "fold")  # what several runs in a folder differ in
BEST, LAST = "best.safetensors", "last.safetensors"
RUN_FILES = (CONFIG, METRICS, RECORD, BEST, LAST)
OWN_FILES = (*RUN_FILES, tags.FILE, LOCK_FILE)  # beside the pages and the events
REPORT, PLAYGROUND = PAGES = ("report.html", "playground.html")
EVENTS, INCOMPLETE = "events", ".incomplete"
EVENT_FILES = "events.out.tfevents.*"
WHAT_INCOMPLETE_MEANS = b"A command of mlp that was to put a run here has not come to its end.\n"


@dataclass(frozen=True)
class RunFolder:
    """One run on disk, or the folder of several seeds' runs. It need not exist."""

    path: Path
    dir_fd: int | None = None  # while it is held: writing goes to where the folder is now
    lock_kind: lock.Kind = "kernel"

    def __str__(self) -> str:
        return str(self.path)

    @property
    def config(self) -> Path:
        """The file of its settings."""
        return self.path / CONFIG

    @property
    def events(self) -> Path:
        """The folder of its TensorBoard event files."""
        return self.path / EVENTS

    @property
    def report(self) -> Path:
        """The file of its report."""
        return self.path / REPORT

    @property
    def playground(self) -> Path:
        """The file of its playground."""
        return self.path / PLAYGROUND

    def weights(self, which: str) -> Path:
        """The file of its "best" or "last" weights."""
        return self.path / f"{which}.safetensors"

    def needs(self, path: Path) -> bool:
        """Whether a path is that of a file that the run needs."""
        return path.resolve() in [(self.path / name).resolve() for name in OWN_FILES]

    # several seeds or folds

    def member(self, kind: str, number: int) -> "RunFolder":
        """The folder of the run of one of several seeds or folds; kind is "seed" or "fold"."""
        return RunFolder(self.path / f"{kind}-{number}")

    @property
    def number(self) -> int:
        """The seed or fold of a member of a series."""
        return int(self.path.name.rpartition("-")[2])

    def series(self) -> list["RunFolder"]:
        """The folders of the runs of several seeds or folds, in order; none in that of one run."""
        return [run for run in self._members() if run.holds_run()]

    def series_kind(self) -> str | None:
        """What its runs differ in, "seed" or "fold"; None in the folder of one run."""
        return next((run.path.name.partition("-")[0] for run in self.series()), None)

    # making and claiming

    def require(self) -> None:
        """Raise CheckpointError unless this is the folder of one run."""
        self._require_folder()
        if runs := self.series():
            raise CheckpointError(f"{self}: contains several runs; choose one, such as {runs[0]}")
        if not self.config.is_file():
            raise CheckpointError(f"{self}: no {CONFIG} here; is this a run folder?")

    def holds_run(self) -> bool:
        """Whether a run lies here that can be resumed."""
        return self.config.is_file() and not self.is_incomplete()

    def is_incomplete(self) -> bool:
        """Whether a command that was to put a run here has not come to its end."""
        return os.path.lexists(self.path / INCOMPLETE)

    def claim(self, *, overwrite: bool) -> None:
        """Raise CheckpointError unless a run may be written here; changes nothing."""
        if self.path.exists() and not self.path.is_dir():
            raise CheckpointError(f"{self}: is a file; name a folder for the run")
        if self.series():
            raise CheckpointError(
                f"{self}: contains several runs; choose another --out, or resume them with "
                "--resume and --seeds or --folds"
            )
        if foreign := self._foreign():
            raise CheckpointError(f"{foreign}: was not written by mlp; choose another --out")
        if overwrite or self.is_incomplete():
            return
        if any((self.path / name).exists() for name in RUN_FILES):
            raise CheckpointError(
                f"{self}: already contains a run; choose another --out or use --overwrite"
            )

    def make(self) -> None:
        """Make the folder, to last; raises CheckpointError when that fails."""
        try:
            missing = [each for each in (self.path, *self.path.parents) if not each.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            for each in missing:
                atomic.sync(each.parent)
        except OSError as err:
            raise CheckpointError(f"{self}: cannot write the run here: {err.strerror}") from err

    @contextmanager
    def lock(self) -> Iterator["RunFolder"]:
        """The existing folder, held; raises CheckpointError naming the process that holds it."""

        def refuse(owner: str) -> None:
            hint = "wait for it or choose another folder"
            raise CheckpointError(f"{self}: process {owner} is writing a run here; {hint}")

        with ExitStack() as stack:
            try:
                dir_fd = os.open(self.path, os.O_RDONLY) if atomic.HAS_DIR_FD else None
                if dir_fd is not None:
                    stack.callback(os.close, dir_fd)
                kind = stack.enter_context(lock.folder_lock(self.path, refuse))
            except OSError as err:
                raise CheckpointError(f"{self}: cannot write the run here: {err.strerror}") from err
            held = replace(self, dir_fd=dir_fd, lock_kind=kind)
            held.require_in_place("nothing was written")
            yield held

    def require_unlocked(self) -> None:
        """Raise CheckpointError, as `lock` does, when a process holds the folder now."""
        if (self.path / LOCK_FILE).exists():
            with self.lock():
                pass

    def require_in_place(self, what: str) -> None:
        """Raise CheckpointError, saying what holds, when a held folder is no more at its path."""
        if self.dir_fd is None:
            return
        with suppress(OSError):
            if os.path.samestat(os.fstat(self.dir_fd), os.stat(self.path)):
                return
        place = _path_of(self.dir_fd)
        was = "was moved" if os.fstat(self.dir_fd).st_nlink else "was removed"
        if place:
            was += f" to {place}"
        raise CheckpointError(f"{self}: {was}; {what}")

    def lock_warnings(self) -> list[str]:
        """What there is to warn of in the way in which the folder is held."""
        if self.lock_kind == "kernel":
            return []
        return [lock.soft_warning(self.path)]

    def create(self, config: Config, record: RunRecord, weights: Checkpoint | None = None) -> None:
        """Put a run into the folder, which is held, in place of an earlier one.

        weights: both the best and the last. Until all of it is there, the folder counts as
        incomplete: no command uses it, and any may put a run there.
        """
        self._write(INCOMPLETE, WHAT_INCOMPLETE_MEANS)
        self._clear()
        self.save_config(config)
        self._write(METRICS, b"")
        if weights:
            for which in ("best", "last"):
                self.save_weights(which, weights)
        self.save_record(record)
        with self._changing():
            self._remove(INCOMPLETE)
            atomic.sync(self.path, dir_fd=self.dir_fd)

    def restart(self, config: Config, record: RunRecord) -> None:
        """Begin the run again that lies here, which has come to no checkpoint."""
        self.sweep()
        self.save_config(config)
        self._write(METRICS, b"")
        self.save_record(record)

    def sweep(self) -> None:
        """Remove the temporary files of killed processes."""
        with self._changing():
            for name in (*RUN_FILES, *PAGES, INCOMPLETE):
                atomic.sweep(self.path / name, dir_fd=self.dir_fd)

    def remove_events(self) -> None:
        """Remove the event files, and their folder when nothing else is in it."""
        if self.events.is_symlink():  # what it leads to is not the run's
            return
        for path in self.events.glob(EVENT_FILES):
            if is_ours(path):
                path.unlink(missing_ok=True)
        if self.events.is_dir() and not any(self.events.iterdir()):
            self.events.rmdir()

    def removable(self) -> list["RunFolder"]:
        """The run that lies here or, where there are several seeds or folds, their runs.

        Raises CheckpointError unless all of it can be removed.
        """
        if self.path.is_symlink():
            raise CheckpointError(f"{self}: is a link; name the folder that it leads to")
        if not self.path.is_dir():
            raise CheckpointError(f"{self}: no such run folder")
        if runs := [run for run in self._members() if run._is_removable()]:
            return [each for run in runs for each in run.removable()]
        if foreign := self._foreign():
            raise CheckpointError(f"{foreign}: was not written by mlp; nothing was removed")
        if not self._is_removable():
            raise CheckpointError(f"{self}: not a run folder; nothing was removed")
        self.require_unlocked()
        return [self]

    def remove(self) -> None:
        """Remove the run's files and, when nothing else is in it, the folder; or several runs.

        Raises CheckpointError when there is no run, or while a process is writing it.
        """
        runs = self.removable()
        try:
            for run in runs:
                with run.lock() as held:
                    held._remove(LOCK_FILE)  # while a file still tells that a run lay here
                    held._clear()
                    held._remove(INCOMPLETE)
                _remove_empty(run.path)
            _remove_empty(self.path)
        except OSError as err:
            raise CheckpointError(f"{err.filename or self}: cannot remove: {err.strerror}") from err

    # settings

    def load_config(self) -> Config:
        """Its settings; raises ConfigError."""
        return load_config(str(self.config))

    def save_config(self, config: Config) -> None:
        """Write its settings in one piece."""
        self._write(CONFIG, dump_config(config).encode())

    def load_settings(self) -> dict[str, Any]:
        """Every setting by its dotted key, read fast and hardly checked; raises ConfigError."""
        return saved_settings(self.config)

    # tags

    def load_tags(self) -> Tags:
        """Its tags and its note; raises CheckpointError when they cannot be read."""
        path = self.path / tags.FILE
        return tags.read(_content(path)) if os.path.lexists(path) else Tags()

    def add_tag_line(self, kind: str, text: str) -> None:
        """Change a tag or the note, as `tags.line` has it; a training may hold the folder."""
        path = self.path / tags.FILE
        before = _content(path) if os.path.lexists(path) else b""
        end = b"" if before.endswith(b"\n") or not before else b"\n"  # of a torn line
        with self._in_place():
            atomic.append(path, end + tags.line(kind, text), dir_fd=self.dir_fd)

    # record

    def has_record(self) -> bool:
        """Whether its record has been written."""
        return (self.path / RECORD).exists()

    def load_record(self) -> RunRecord:
        """Its record; raises CheckpointError when it is missing or damaged."""
        path = self.path / RECORD
        self._require_complete()
        try:
            return RunRecord.model_validate_json(_content(path))
        except ValidationError as err:
            first = err.errors()[0]
            place, said = ".".join(map(str, first["loc"])), first["msg"]
            reason = f"{place!r}: {said}" if place else said.removeprefix("Value error, ")
            raise CheckpointError(f"{path}: not the record of a run: {reason}") from err

    def save_record(self, record: RunRecord) -> None:
        """Write its record in one piece."""
        self._write(RECORD, record.to_json())

    def trained_record(self, *, lacks: str) -> RunRecord:
        """As `load_record`; raises CheckpointError for imported weights, saying what they lack."""
        record = self.load_record()
        if record.status == "imported":
            raise CheckpointError(f"{self}: was imported, so {lacks}")
        return record

    # metrics

    def append_metrics(self, metrics: Metrics) -> None:
        """Add an epoch's line to metrics.jsonl and flush it to the disk."""
        with self._in_place():
            atomic.append(self.path / METRICS, _line(metrics), dir_fd=self.dir_fd)

    def load_metrics(self) -> list[Metrics]:
        """The epochs in metrics.jsonl, in order, without an incomplete last line.

        Raises CheckpointError when the file is missing or damaged.
        """
        path = self.path / METRICS
        epochs: list[Metrics] = []
        for number, line in enumerate(_content(path).split(b"\n")[:-1], 1):
            try:
                epochs.append(Metrics.model_validate_json(line))
            except ValidationError as err:
                raise CheckpointError(f"{path}:{number}: not the metrics of an epoch") from err
            if epochs[-1].epoch != number:
                raise CheckpointError(f"{path}:{number}: expected epoch {number}")
        return epochs

    def cut_metrics(self, count: int) -> list[Metrics]:
        """Cut metrics.jsonl back to so many epochs, and return them."""
        self.sweep()
        epochs = self.require_metrics(count)
        self._write(METRICS, b"".join(map(_line, epochs)))
        return epochs

    def require_metrics(self, count: int) -> list[Metrics]:
        """The metrics of the first epochs; raises CheckpointError when there are fewer."""
        epochs = self.load_metrics()
        if len(epochs) < count:
            raise CheckpointError(
                f"{self.path / METRICS}: expected {count} epoch{'s' * (count > 1)}, "
                f"got {len(epochs)}; were lines removed?"
            )
        return epochs[:count]

    # weights

    def load_weights(self, which: str) -> Checkpoint:
        """Its "best" or "last" weights to use; raises CheckpointError where there are none."""
        return self.load_checkpoint(which).for_use()

    def load_checkpoint(self, which: str) -> Checkpoint:
        """The same as the training has them, with the rest that it resumes from."""
        self._require_folder()
        path = self.weights(which)
        if path.exists():
            return checkpoint.load(path)
        hint = "is this a run folder?"
        if self.weights("last").exists():
            hint = "it is written when an epoch ends; last.safetensors has what there is"
        elif runs := self.series():
            hint = f"name one of its runs, such as {runs[0]}"
        raise CheckpointError(f"{path}: no such file; {hint}")

    def save_weights(self, which: str, weights: Checkpoint) -> None:
        """Write its "best" or "last" weights in one piece."""
        with self._in_place():
            checkpoint.save(self.weights(which), weights, dir_fd=self.dir_fd)

    def _require_folder(self) -> None:
        if not self.path.is_dir():
            raise CheckpointError(f"{self}: no such run folder; `mlp train` makes one")
        self._require_complete()

    def _require_complete(self) -> None:
        if self.is_incomplete():
            raise CheckpointError(
                f"{self}: is incomplete: the command that was writing a run here did not finish; "
                "repeat it, or remove the folder with `mlp runs rm`"
            )

    def _foreign(self) -> Path | None:
        """What lies in the place of a file of the run and is none; raises CheckpointError."""
        paths = (self.path / name for name in OWN_FILES)
        try:
            return next((p for p in paths if os.path.lexists(p) and not is_ours(p)), None)
        except OSError as err:
            raise CheckpointError(f"{err.filename}: not readable: {err.strerror}") from err

    def _members(self) -> list["RunFolder"]:
        """The folders that have the name of one of several seeds or folds, in order."""
        names = [(kind, n) for kind in SERIES_KINDS for n in sorted(_numbers(self.path, kind))]
        return [self.member(*name) for name in names]

    def _is_removable(self) -> bool:
        """Whether the folder holds a run, or what a removal that was stopped has left of one."""
        return any(os.path.lexists(self.path / name) for name in (*RUN_FILES, INCOMPLETE))

    def _clear(self) -> None:
        """Remove a run's files from the folder, which is held.

        A run is whole without its pages, events and tags, which go first, and none without
        config.yaml, which goes next. Raises CheckpointError.
        """
        self.sweep()
        with self._changing():
            for name in PAGES:
                if is_ours(self.path / name):
                    self._remove(name)
            self.remove_events()
            for name in (tags.FILE, *RUN_FILES):
                self._remove(name)

    def _write(self, name: str, data: bytes) -> None:
        with self._in_place():
            atomic.write(self.path / name, data, dir_fd=self.dir_fd)

    def _remove(self, name: str) -> None:
        atomic.remove(self.path / name, dir_fd=self.dir_fd)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Where writing fails since the folder is gone, raise an error that says so."""
        try:
            yield
        except OutputError as err:
            if isinstance(err.__cause__, FileNotFoundError):
                self.require_in_place("nothing more could be saved")
            raise

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Raise CheckpointError in place of an OSError."""
        try:
            yield
        except OSError as err:
            raise CheckpointError(f"{self}: cannot write the run here: {err.strerror}") from err


def _remove_empty(folder: Path) -> None:
    """Remove a folder, if it is there and nothing is in it."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _line(metrics: Metrics) -> bytes:
    return (json.dumps({"schema": SCHEMA, **metrics.model_dump()}) + "\n").encode()


def _content(path: Path) -> bytes:
    """A file's bytes; raises CheckpointError when it is missing or absurdly large."""
    try:
        return files.read(path, limit=MAX_FILE_SIZE)
    except FileNotFoundError as err:
        raise CheckpointError(f"{path.parent}: no {path.name} here; is this a run folder?") from err
    except OSError as err:
        raise CheckpointError(f"{path}: not readable: {err.strerror or err}") from err


def _path_of(dir_fd: int) -> str | None:
    """Where an open folder is now, where the platform tells and it is not removed."""
    with suppress(OSError):
        path = os.readlink(f"/proc/self/fd/{dir_fd}")
        if os.path.isdir(path):
            return path
    return None


def _numbers(folder: Path, kind: str) -> Iterator[int]:
    """The numbers in the names of the folders seed-0, seed-1, ..."""
    for path in folder.glob(f"{kind}-*"):
        number = path.name.removeprefix(f"{kind}-")
        if number.isdecimal() and str(int(number)) == number:
            yield int(number)
