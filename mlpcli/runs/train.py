"""A training run, from settings to a folder that holds everything about it."""

import time
from collections.abc import Iterator
from pathlib import Path

from mlpcli.data import dataset
from mlpcli.data.dataset import Split
from mlpcli.errors import Interrupted, MlpError
from mlpcli.runs import checkpoint, record
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.fit import Epoch, Step, fit, initial, rows
from mlpcli.runs.settings import Config
from mlpcli.runs.signals import deferred


def train(
    config: Config, folder: Path, *, overwrite: bool = False, offline: bool = False
) -> Iterator[Step | Epoch]:
    """Train and keep everything in folder; yields what `fit` yields, after it has been saved.

    The test files are never opened. Raises MlpError, with the reason in run.json, when the run
    cannot go on, and Interrupted, with the weights saved, when a signal asked for it.
    """
    record.claim(folder, overwrite=overwrite)
    split = load(config, "train", offline=offline)
    training, validation = rows(config, split)
    params = initial(config, classes=len(split.classes))
    record.create(folder, config)
    run = record.begin(config, split, params, training=len(training), validation=len(validation))
    record.save(folder, run)
    started = time.perf_counter()
    try:
        with deferred() as wish:
            for event in fit(config, split):
                run["seconds"] = round(time.perf_counter() - started, 3)
                if isinstance(event, Epoch):
                    _keep(folder, run, event, config, split)
                yield event
                if wish.signal is not None:
                    raise _interrupted(folder, run, event, config, split, wish.signal)
        run["status"] = "finished"
    except (Interrupted, GeneratorExit):
        run["status"] = "interrupted"
        raise
    except MlpError as err:
        run |= {"status": "failed", "error": str(err)}
        raise
    finally:
        record.save(folder, run)


def load(config: Config, split: str, *, offline: bool = False) -> Split:
    """The images that the settings name; split is "train" or "test"."""
    data = config.data
    return dataset.load(
        data.name,
        split,
        resize=data.resize,
        offline=offline,
        images=data.images if split == "train" else None,
    )


def _keep(folder: Path, run: record.Record, epoch: Epoch, config: Config, split: Split) -> None:
    """Mutates run; writes the epoch's metrics and weights."""
    metrics = epoch.metrics
    kept = Checkpoint(epoch.engine.params, config, split.classes, metrics.epoch)
    if epoch.best:
        checkpoint.save(folder / record.BEST, kept)
        run["best"] = metrics._asdict()
    checkpoint.save(folder / record.LAST, kept)
    record.append(folder, metrics)
    run |= {"epochs": metrics.epoch, "last": metrics._asdict()}
    record.save(folder, run)


def _interrupted(
    folder: Path, run: record.Record, event: Step | Epoch, config: Config, split: Split, signal: int
) -> Interrupted:
    path = folder / record.LAST
    checkpoint.save(path, Checkpoint(event.engine.params, config, split.classes, run["epochs"]))
    return Interrupted(f"after {run['epochs']} whole epochs; the weights are in {path}", signal)
