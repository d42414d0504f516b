"""One trial of a sweep: trained or resumed in its folder, on data that is read once a process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mlpcli.api.resume import resume
from mlpcli.api.sweep_plan import THREADS, address_of, data_key
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.data.dataset import Split
from mlpcli.errors import CheckpointError, Interrupted, MlpError, OutputError
from mlpcli.runs.folder import BEST, LAST, RunFolder
from mlpcli.training.loader import TrainingData, load_split, prepare

ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
STOP_TIME = 60.0  # seconds that a worker has to save its state
MAX_PREPARED = 8  # sets of training data kept, which differ in the seed
Keep = Literal["all", "best", "none"]  # which weights of a finished trial


class Task(NamedTuple):
    """What a worker is to do."""

    address: str
    folder: str
    config: dict[str, Any]  # settings, as YAML has them
    until: int | None = None  # epochs after which to pause
    keep: Keep = "all"
    offline: bool = False


class Outcome(NamedTuple):
    """How a worker's attempt at a task ended; the run's record has the rest."""

    address: str
    status: Literal["done", "failed", "died", "refused", "moved"]
    # died: with its worker; refused: its worker may not train it; moved: to another worker
    reason: str = ""


class Images:
    """The training data of the last trials, since reading it takes longer than a short trial."""

    def __init__(self) -> None:
        self._splits: OrderedDict[str, Split] = OrderedDict()
        self._prepared: OrderedDict[str, TrainingData] = OrderedDict()

    def of(self, config: Config, *, offline: bool) -> TrainingData:
        """The prepared images of a config; raises MlpError."""
        split = self.split(config, offline=offline)
        # all that `prepare` reads, so that trials share what does not differ
        read = (config.seed, config.network.batch_norm, config.train, config.augment)
        own = f"{data_key(config)} {read}"
        if own not in self._prepared:
            self._prepared[own] = prepare(config, split)
            while len(self._prepared) > MAX_PREPARED:
                self._prepared.popitem(last=False)
        return self._prepared[own]

    def split(self, config: Config, *, offline: bool) -> Split:
        """The images of a config as its files have them; raises MlpError."""
        key = data_key(config)
        if key not in self._splits:
            while self._splits:  # one at a time: each may be large
                self._splits.popitem()
                self._prepared.clear()
            self._splits[key] = load_split(config, "train", offline=offline)
        return self._splits[key]


class Stopped(Exception):
    """Nobody waits for the trial any more."""


def run(task: Task, images: Images, is_unwanted: Callable[[], bool] = lambda: False) -> Outcome:
    """Train a trial to its end, or until it is to pause; raises Interrupted with its state saved.

    What is there already stays: a trial that has come so far is left as it is. is_unwanted: asked
    after each step, whether to stop where the last checkpoint is; then raises Stopped.
    """
    folder = RunFolder(Path(task.folder))
    try:
        config = Config.model_validate(task.config)
        data = images.of(config, offline=task.offline)
        if address_of(config, data.split.files) != task.address:
            return Outcome(task.address, "refused", "has other data than the sweep")
        _await_release(folder, is_unwanted)
        more: dict[str, Any] = {"threads": THREADS, "until": task.until, "data": data}
        if folder.holds_run():
            events = resume(config, folder.path, **more)
        else:
            events = train(config, folder.path, preflight=False, **more)
        for _ in events:
            if is_unwanted():
                events.close()
                raise Stopped
        if folder.load_record().status == "finished":
            _remove_weights(folder, task.keep)
    except Interrupted:
        raise
    except MlpError as err:
        return Outcome(task.address, "failed", str(err))
    return Outcome(task.address, "done")


def _await_release(folder: RunFolder, is_unwanted: Callable[[], bool]) -> None:
    """Wait for a worker that still saves the trial, since its command or scheduler was killed."""
    deadline = time.monotonic() + STOP_TIME
    while True:
        try:
            return folder.require_unlocked()
        except CheckpointError:
            if is_unwanted():
                raise Stopped from None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _remove_weights(folder: RunFolder, keep: Keep) -> None:
    names = {"all": (), "best": (LAST,), "none": (LAST, BEST)}[keep]
    try:
        for name in names:
            (folder.path / name).unlink(missing_ok=True)
    except OSError as err:
        raise OutputError(f"{err.filename}: cannot remove: {err.strerror}") from err
