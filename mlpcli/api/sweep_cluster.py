"""Trials on the workers of a Dask scheduler, behind the same three calls as local ones."""

import logging
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mlpcli import atomic
from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_question import Question, Worker
from mlpcli.api.sweep_run import MAX_DEATHS, RESUME_HINT
from mlpcli.api.sweep_trial import Images, Outcome, Stopped, Task, run
from mlpcli.errors import ClusterError, ConfigError

CONNECT_TIME = 30  # seconds to reach the scheduler
LOGGERS = ("distributed", "tornado", "asyncio")
NO_MLP = (ImportError, AttributeError, TypeError)  # of a worker that cannot even read a task
STARTS = ".{}.starts"  # beside a trial's folder: a byte for each start that has not ended


class Cluster:
    """The workers of a scheduler; raises ClusterError where it cannot be reached or is lost.

    A future counts only if it is finished, and the driver checks on the disk what it says: when a
    scheduler is killed, Dask hands out cancelled futures as if they were done. asked: what each
    worker must answer before its first trial.
    """

    def __init__(
        self, scheduler: str | None, scheduler_file: Path | None, asked: Question | None = None
    ) -> None:
        try:
            from distributed import Client, as_completed
        except ImportError as err:
            raise ConfigError(
                "--scheduler: needs Dask; `pip install 'mlp-trainer[cluster]'` installs it"
            ) from err
        for name in list(logging.root.manager.loggerDict):
            if name.startswith(LOGGERS):  # each has a level of its own; what matters is raised
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self.place = str(scheduler or scheduler_file)
        where = (
            {"scheduler_file": str(scheduler_file)} if scheduler_file else {"address": scheduler}
        )
        if scheduler_file and not scheduler_file.is_file():
            raise ClusterError(f"{scheduler_file}: no such file; `dask scheduler` writes it")
        try:
            self._client = Client(timeout=CONNECT_TIME, set_as_default=False, **where)
        except (OSError, ValueError) as err:
            raise ClusterError(
                f"{self.place}: no scheduler answers: {err}".partition("\n")[0]
            ) from err
        self._ended = as_completed(loop=self._client.loop)
        self._asked = asked
        self._tasks: dict[str, tuple[Task, Any]] = {}  # by key, with the future
        self._refused: set[str] = set()  # addresses of workers

    @property
    def size(self) -> int:
        """The workers that are there now, one if there is none yet."""
        with self._connected():
            return max(1, len(self._addresses()))

    def ask(self, planned: Planned) -> None:
        """Raise ClusterError unless each worker has one thread and sees what the driver sees.

        Workers that come later are asked before their first trial.
        """
        if not planned.trials:
            return
        for path in planned.folder.path.glob(STARTS.format("*")):  # of an earlier command
            path.unlink(missing_ok=True)
        first = planned.trials[0]
        folder = planned.folder.trial(first.address).path.resolve()
        task = Task(first.address, str(folder), first.config.model_dump(mode="json"))
        values = tuple(task), tuple(self._asked or ())
        with self._connected():
            answers = self._client.run(answer, *values, on_error="return")
        if troubles := [
            f"  {worker}: {_line(found)}" for worker, found in answers.items() if found
        ]:
            raise ClusterError(f"{self.place}: these workers cannot be used", *troubles)

    def submit(self, task: Task) -> None:
        """As `Workers`."""
        key = f"mlp-{task.address}-{task.until}-{uuid.uuid4().hex[:8]}"
        with self._connected():
            others = sorted(self._addresses() - self._refused) if self._refused else None
            future = self._client.submit(
                perform,
                tuple(task),
                tuple(self._asked or ()),
                key=key,
                pure=False,
                workers=others,
                allow_other_workers=others is not None,  # else it would wait if they died
            )
        self._tasks[key] = (task, future)
        self._ended.add(future)

    def next(self) -> Outcome:
        """As `Workers`; raises ClusterError where the scheduler is lost, or no worker is left."""
        while True:
            with self._connected():
                future = self._ended.next()
                task, _ = self._tasks.pop(future.key)
                if future.status == "error":
                    return self._died(task, future.exception())
                if future.status != "finished":
                    raise CancelledError
                worker, values = future.result()
            outcome = Outcome(*values)
            if outcome.status != "refused":
                return outcome
            is_new = worker not in self._refused
            self._refused.add(worker)
            reason = f"{worker} cannot be used: it {outcome.reason}"
            with self._connected():
                others = self._addresses() - self._refused
            if not others:
                raise ClusterError(f"{self.place}: no worker is left; {reason}")
            self.submit(task)
            if is_new:
                return Outcome(task.address, "moved", reason)

    def _died(self, task: Task, error: Exception) -> Outcome:
        """The outcome of a task that ended without one."""
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            return Outcome(task.address, "died", "its workers died")
        if isinstance(error, NO_MLP):
            raise ClusterError(f"{self.place}: a worker {_line(error)}; {RESUME_HINT}")
        return Outcome(task.address, "died", f"{type(error).__name__}: {error}")

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Turn what Dask raises without a scheduler into a line."""
        try:
            yield
        except (OSError, CancelledError) as err:
            raise ClusterError(f"{self.place}: the scheduler was lost; {RESUME_HINT}") from err

    def _addresses(self) -> set[str]:
        return set(self._client.scheduler_info(n_workers=-1)["workers"])

    def cancel(self) -> None:
        """As `Workers`; each trial notices it at its next step."""
        with suppress(OSError, RuntimeError, ValueError):
            if self._tasks:
                self._client.cancel([future for _, future in self._tasks.values()], force=True)
        with suppress(OSError, RuntimeError, ValueError):
            self._client.close(timeout=5)
        self._tasks.clear()


def _line(found: str | Exception) -> str:
    """Why a worker cannot be used: what it says, or what went wrong when it was to say it."""
    text = found if isinstance(found, str) else f"has another mlp, or none: {found}"
    return text.partition("\n")[0]


def perform(task: tuple[Any, ...], asked: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """What a worker does with a task: trains until it is done, or nobody waits for it any more.

    Returns the worker's address and the outcome, in values that any version can read.
    """
    from distributed import get_worker

    worker: Any = get_worker()
    key = worker.get_current_task()

    def is_unwanted() -> bool:
        state = worker.state.tasks.get(key)
        lost = worker.status.name in ("closing", "closed", "failed")  # its scheduler, for one
        return lost or state is None or state.state == "cancelled"

    try:
        outcome = _own(worker).perform(Task(*task), Question(*asked), is_unwanted)
    except Stopped:
        outcome = Outcome(task[0], "died", "cancelled")
    return worker.address, tuple(outcome)


def answer(task: tuple[Any, ...], asked: tuple[str, ...], dask_worker: Any) -> str:
    """Why a worker cannot be used for a sweep, or an empty text."""
    if (threads := dask_worker.state.nthreads) != 1:
        return f"has {threads} threads; start it with --nthreads 1"
    return _own(dask_worker).trouble(Task(*task), Question(*asked))


def _own(worker: Any) -> Worker:
    """What a worker of Dask keeps from trial to trial."""
    logging.getLogger("distributed.worker").addFilter(_in_one_line)
    kept: Worker = worker.__dict__.setdefault("mlp_worker", Worker(_run_and_count))
    return kept


def _in_one_line(record: logging.LogRecord) -> bool:
    """Mutates a record of a connection that was lost: its line says it all without a traceback."""
    if record.exc_info and isinstance(record.exc_info[1], OSError):
        record.exc_info = None
    return True


def _run_and_count(task: Task, images: Images, is_unwanted: Callable[[], bool]) -> Outcome:
    """As `run`; a trial that has killed too many workers is given up.

    Dask starts a task again itself and blames all that a worker had waiting, so starts are counted
    on the disk: those before this one that have not ended are deaths.
    """
    starts = Path(task.folder).with_name(STARTS.format(task.address))
    if starts.exists() and starts.stat().st_size >= MAX_DEATHS:
        starts.unlink()
        return Outcome(task.address, "failed", f"given up after {MAX_DEATHS} deaths of its workers")
    atomic.append(starts, b".")
    try:
        return run(task, images, is_unwanted)
    finally:
        starts.unlink(missing_ok=True)
