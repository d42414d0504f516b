"""Trials on the workers of a Dask scheduler, behind the same three calls as local ones."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_run import RESUME_HINT
from mlpcli.api.sweep_trial import Images, Outcome, Stopped, Task, run
from mlpcli.config.schema import Config
from mlpcli.errors import ClusterError, ConfigError, MlpError
from mlpcli.version import __version__

CONNECT_TIME = 30  # seconds to reach the scheduler
LOGGERS = ("distributed", "tornado", "asyncio")
PROBE = ".probe"  # a file of the sweep's folder that each worker must see


class Cluster:
    """The workers of a scheduler; raises ClusterError where it cannot be reached or is lost.

    A future counts only if it is finished, and the driver checks on the disk what it says: when a
    scheduler is killed, Dask hands out cancelled futures as if they were done.
    """

    def __init__(self, scheduler: str | None, scheduler_file: Path | None) -> None:
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
        self._tasks: dict[str, tuple[Task, Any]] = {}  # by key, with the future

    @property
    def size(self) -> int:
        """The workers that are there now."""
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def ask(self, planned: Planned) -> None:
        """Raise ClusterError unless each worker has one thread and sees what the driver sees.

        Workers that come later are asked by each trial, whose address they compute again.
        """
        if not planned.trials:
            return
        token, first = uuid.uuid4().hex, planned.trials[0]
        probe = planned.folder.path.resolve() / PROBE
        probe.write_text(token, encoding="ascii")
        settings = first.config.model_dump(mode="json")
        question = Task(first.address, str(probe.parent / first.address), settings)
        try:
            answers = self._client.run(_trouble, question, str(probe), token, __version__)
        except (OSError, AttributeError, ImportError, TypeError) as err:
            raise ClusterError(f"{self.place}: a worker has another mlp, or none: {err}") from err
        finally:
            probe.unlink(missing_ok=True)
        if troubles := [f"  {worker}: {text}" for worker, text in answers.items() if text]:
            raise ClusterError(f"{self.place}: these workers cannot be used", *troubles)

    def submit(self, task: Task) -> None:
        """As `Workers`."""
        key = f"mlp-{task.address}-{task.until}-{uuid.uuid4().hex[:8]}"
        future = self._client.submit(perform, task, key=key, pure=False)
        self._tasks[key] = (task, future)
        self._ended.add(future)

    def next(self) -> Outcome:
        """As `Workers`; raises ClusterError where the scheduler is lost."""
        from distributed import KilledWorker

        future = self._ended.next()
        task, _ = self._tasks.pop(future.key)
        if future.status == "finished":
            return Outcome(*future.result())
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                return Outcome(task.address, "failed", "it has killed its workers again and again")
            return Outcome(task.address, "died", f"{type(error).__name__}: {error}")
        raise ClusterError(f"{self.place}: the scheduler was lost; {RESUME_HINT}")

    def cancel(self) -> None:
        """As `Workers`; each trial notices it at its next step."""
        with suppress(OSError, RuntimeError, ValueError):
            if self._tasks:
                self._client.cancel([future for _, future in self._tasks.values()], force=True)
        with suppress(OSError, RuntimeError, ValueError):
            self._client.close(timeout=5)
        self._tasks.clear()


def perform(task: Task) -> tuple[str, str, str]:
    """What a worker does with a task: trains until it is done, or nobody waits for it any more."""
    from distributed import get_worker

    worker: Any = get_worker()
    images = worker.__dict__.setdefault("mlp_images", Images())
    key = worker.get_current_task()

    def is_unwanted() -> bool:
        state = worker.state.tasks.get(key)
        return state is None or state.state == "cancelled"

    try:
        outcome = run(Task(*task), images, is_unwanted)
    except Stopped:
        return task.address, "died", "cancelled"
    return outcome.address, outcome.status, outcome.reason


def _trouble(question: Task, probe: str, token: str, version: str, dask_worker: Any) -> str:
    """Why this worker cannot be used, or an empty text."""
    return next(_troubles(question, probe, token, version, dask_worker), "")


def _troubles(question: Task, probe: str, token: str, version: str, worker: Any) -> Iterator[str]:
    from mlpcli.api.sweep_plan import address_of
    from mlpcli.training.loader import load_split

    if version != __version__:
        yield f"has mlp {__version__}, the driver {version}"
    if (threads := worker.state.nthreads) != 1:
        yield f"has {threads} threads; start it with --nthreads 1"
    try:
        if Path(probe).read_text(encoding="ascii") != token:
            yield f"sees another {Path(probe).parent}"
    except OSError as err:
        yield f"does not see {Path(probe).parent}: {err.strerror}"
    config = Config.model_validate(question.config)
    try:
        files = load_split(config, "train", offline=question.offline).files
    except MlpError as err:
        yield f"{err}"
        return
    if address_of(config, files) != question.address:
        yield "has other data"
