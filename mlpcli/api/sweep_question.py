"""What each worker of a sweep is asked before its first trial, and how it answers."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from mlpcli import atomic, crash
from mlpcli.api.sweep_plan import address_of
from mlpcli.api.sweep_trial import Images, Outcome, Stopped, Task, run
from mlpcli.config.schema import Config
from mlpcli.errors import Interrupted, MlpError, OutputError
from mlpcli.runs.environment import blas_threads
from mlpcli.runs.sweep_folder import SweepFolder
from mlpcli.version import __version__

Run = Callable[[Task, Images, Callable[[], bool]], Outcome]

PROBE = ".probe"  # a file of the sweep's folder that each worker must see


class Question(NamedTuple):
    """What a worker must have or see, in words that any version of `mlp` understands."""

    version: str
    path: str  # of a file that was just written in the sweep's folder
    token: str  # its content


@contextmanager
def question(folder: SweepFolder) -> Iterator[Question]:
    """A question about a folder, which must be held; its file is there as long as this lasts."""
    asked = Question(__version__, str(folder.path.resolve() / PROBE), uuid.uuid4().hex)
    atomic.write(Path(asked.path), asked.token.encode())
    try:
        yield asked
    finally:
        with suppress(OSError):
            os.unlink(asked.path)


class Worker:
    """A process that performs tasks, with what it keeps between them; by default by `run`."""

    def __init__(self, run: Run = run) -> None:
        self._run, self._images = run, Images()
        self._answered: set[str] = set()  # tokens

    def perform(
        self, task: Task, asked: Question, is_unwanted: Callable[[], bool] = lambda: False
    ) -> Outcome:
        """As `run`, after the question has been answered once.

        Nobody reads what a worker prints, so an error that nobody foresaw is an outcome too.
        """
        try:
            if asked.token not in self._answered:
                if text := self.trouble(task, asked):
                    return Outcome(task.address, "refused", text)
                self._answered.add(asked.token)
            return self._run(task, self._images, is_unwanted)
        except (Interrupted, Stopped):
            raise
        except MlpError as err:
            return Outcome(task.address, "failed", str(err))
        except Exception as err:
            return Outcome(task.address, "failed", f"{_in_words(err)}; {_saved(err, task)}")

    def trouble(self, task: Task, asked: Question) -> str:
        """Why this process cannot be a worker of the sweep that has this task, or an empty text."""
        if asked.version != __version__:
            return f"has mlp {__version__}, the sweep {asked.version}"
        path = Path(asked.path)
        try:
            if path.read_text(encoding="ascii") != asked.token:
                return f"sees another {path.parent}"
        except OSError as err:
            return f"does not see {path.parent}: {err.strerror}"
        config = Config.model_validate(task.config)
        try:
            files = self._images.split(config, offline=task.offline).files
        except MlpError as err:
            return f"{err}"
        if address_of(config, files) != task.address:
            return "has other data than the sweep"
        if (threads := blas_threads()) > 1:
            return f"has {threads} BLAS threads; start it with OPENBLAS_NUM_THREADS=1"
        return ""


def _saved(err: Exception, task: Task) -> str:
    """Write the traceback into the sweep's folder; returns where it is."""
    path = SweepFolder(Path(task.folder).parent).error(task.address)
    try:
        text = crash.details(err, f"trial {task.address} of mlp sweep")
        atomic.write(path, text.encode(errors="backslashreplace"))
    except OutputError as refused:
        return f"{refused}"
    return f"the details are in {path}"


def _in_words(err: Exception) -> str:
    """An error that nobody foresaw, and where it arose.

    >>> try:
    ...     {}["a"]
    ... except KeyError as err:
    ...     _in_words(err).partition(" (")[0]
    "internal error: KeyError: 'a'"
    """
    message, _, _ = f"{type(err).__name__}: {err}".partition("\n")
    last = extract_tb(err.__traceback__)[-1]
    return f"internal error: {message} ({Path(last.filename).name}, line {last.lineno})"
