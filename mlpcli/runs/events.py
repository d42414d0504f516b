"""TensorBoard event files of a run, made from its metrics: one value of each, an epoch.

They are made anew when a run goes on, so that no epoch is in them twice and none is missing.
"""

import time
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs import record
from mlpcli.runs.fit import Epoch, Metrics
from mlpcli.runs.settings import Config

TAGS = {  # by the name of the metric
    "train_loss": "loss/train",
    "validation_loss": "loss/validation",
    "validation_accuracy": "accuracy/validation",
    "lr": "lr",
    "images_per_second": "images_per_second",
}

P = ParamSpec("P")
T = TypeVar("T")
Training = Callable[Concatenate[Config, Path, P], Generator[T]]


def logged(training: Training[P, T]) -> Training[P, T]:
    """The same training, which writes event files too when `log.tensorboard` asks for them.

    Raises ConfigError before any work when the library is missing, and CheckpointError when a file
    cannot be written.
    """

    @wraps(training)
    def run(config: Config, folder: Path, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T]:
        if not config.log.tensorboard:
            yield from training(config, folder, *args, **kwargs)
            return
        if find_spec("tensorboardX") is None:
            need = "needs tensorboardX; `pip install 'mlpcli[tensorboard]'`"
            raise ConfigError(f"log.tensorboard: {need}")
        yield from _written(training(config, folder, *args, **kwargs), folder)

    return run


def _written(events: Generator[T], folder: Path) -> Generator[T]:
    writer = None
    try:
        for event in events:
            if isinstance(event, Epoch):
                new = [event.metrics] if writer else record.metrics(folder)  # this one is there
                writer = writer or _open(folder)
                _add(writer, new, folder)
            yield event
    finally:
        events.close()
        if writer:
            with suppress(OSError):  # every epoch was flushed
                writer.close()


def _open(folder: Path) -> Any:
    """A writer of a new event file, in place of earlier ones."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    record.forget_events(folder)
    try:
        (folder / record.EVENTS).mkdir(exist_ok=True)
        writer = EventsWriter(str(folder / record.EVENTS / "events"))
    except OSError as err:
        raise _unwritten(folder, err) from err
    start = SessionLog(status=SessionLog.START)  # what a reader had from epoch 1 on is void
    writer.write_event(Event(wall_time=time.time(), step=1, session_log=start))
    return writer


def _add(writer: Any, epochs: list[Metrics], folder: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.summary import scalar

    try:
        for metrics in epochs:
            for name, tag in TAGS.items():
                summary = scalar(tag, getattr(metrics, name))
                event = Event(wall_time=time.time(), step=metrics.epoch, summary=summary)
                writer.write_event(event)
        writer.flush()
    except OSError as err:
        raise _unwritten(folder, err) from err


def _unwritten(folder: Path, err: OSError) -> CheckpointError:
    return CheckpointError(f"{folder / record.EVENTS}: cannot write: {err.strerror}")
