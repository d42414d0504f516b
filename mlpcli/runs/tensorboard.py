"""TensorBoard event files of a run, with one value per metric and epoch.

They are rewritten when a run is resumed, so that each epoch is in them exactly once.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import RunFolder
from mlpcli.training.progress import Metrics

TAGS = {  # by the name of the metric; that of `train.metric` comes with it
    "train_loss": "loss/train",
    "validation_loss": "loss/validation",
    "validation_accuracy": "accuracy/validation",
    "lr": "lr",
    "images_per_second": "images_per_second",
}


def require_library(config: Config) -> None:
    """Raise ConfigError when `log.tensorboard` asks for event files that cannot be written."""
    if config.log.tensorboard and find_spec("tensorboardX") is None:
        raise ConfigError("log.tensorboard: needs tensorboardX; `pip install tensorboardX`")


@contextmanager
def event_log(config: Config, folder: RunFolder) -> Iterator[Callable[[Metrics], None]]:
    """A function that logs an epoch whose metrics are in the folder, if `log.tensorboard` asks.

    It raises CheckpointError when a file cannot be written.
    """
    writer, metric = None, config.train.metric
    tags = TAGS | {f"validation_{metric}": f"{metric}/validation"}

    def log(metrics: Metrics) -> None:
        nonlocal writer
        if not config.log.tensorboard:
            return
        epochs = [metrics] if writer else folder.load_metrics()  # this epoch among them
        try:
            writer = writer or _open(folder)
            _write(writer, epochs, tags)
        except OSError as err:
            raise CheckpointError(f"{folder.events}: cannot write: {err.strerror}") from err

    try:
        yield log
    finally:
        if writer:
            with suppress(OSError):  # every epoch was flushed
                writer.close()


def _open(folder: RunFolder) -> Any:
    """A writer of a new event file, in place of earlier ones."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    folder.remove_events()
    folder.events.mkdir(exist_ok=True)
    writer = EventsWriter(str(folder.events / "events"))
    start = SessionLog(status=SessionLog.START)  # what a reader had from epoch 1 on is void
    writer.write_event(Event(wall_time=time.time(), step=1, session_log=start))
    return writer


def _write(writer: Any, epochs: list[Metrics], tags: dict[str, str]) -> None:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.summary import scalar

    for metrics in epochs:
        for name, tag in tags.items():
            value = getattr(metrics, name)
            if value is None:  # there are no validation images
                continue
            summary = scalar(tag, value)
            writer.write_event(Event(wall_time=time.time(), step=metrics.epoch, summary=summary))
    writer.flush()
