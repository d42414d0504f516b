"""`mlp plot`: the metrics of each epoch of some runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np

from mlpcli.config.schema import Metric
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.record import RunRecord
from mlpcli.training.progress import Metrics

MAX_CURVES = 8  # as many as there are colors and symbols


class History(NamedTuple):
    """The epochs of one run."""

    run: str  # its folder
    record: RunRecord
    epochs: list[Metrics]  # at least one


class Track(NamedTuple):
    """What is drawn of a run, or of several as their mean."""

    name: str  # their folder
    note: str  # such as "mean of 12 seeds", or the status of a run that has not finished
    epochs: list[int]
    train_loss: list[float]  # nats
    validation_loss: list[float]  # nats; empty without validation images
    score: list[float]  # the metric on the validation images, a fraction; empty without them
    best: int  # epoch; 0 before there is one, and for a mean


class Plot(NamedTuple):
    """The runs, and what is drawn of them."""

    metric: Metric  # of every score: `train.metric` where all have the same
    histories: list[History]
    tracks: list[Track]


def plot(folders: Sequence[Path]) -> Plot:
    """The epochs of each run; a folder of several seeds or folds gives each, or their mean.

    They are drawn as their mean where there are more than MAX_CURVES runs in all.
    Raises CheckpointError for a run without epochs, and ConfigError for too many folders.
    """
    groups = [(folder, _members(RunFolder(folder))) for folder in folders]
    histories = [history for _, group in groups for history in group]
    if len(groups) > MAX_CURVES:
        raise ConfigError(f"plot: takes at most {MAX_CURVES} runs, got {len(groups)}")
    metrics = {history.record.metric for history in histories}
    metric: Metric = metrics.pop() if len(metrics) == 1 else "accuracy"
    if len(histories) <= MAX_CURVES:
        tracks = [_track(history, metric) for history in histories]
    else:
        tracks = [_mean(str(folder), group, metric) for folder, group in groups]
    return Plot(metric, histories, tracks)


def _members(folder: RunFolder) -> list[History]:
    """The run in a folder, or each of several seeds or folds."""
    runs = folder.series() or [folder]
    for run in runs:
        run.require()
    return list(map(_history, runs))


def _history(run: RunFolder) -> History:
    record = run.load_record()
    if record.status == "imported":
        raise CheckpointError(f"{run}: was imported, so it has no epochs to plot")
    epochs = run.load_metrics()
    if not epochs:
        raise CheckpointError(f"{run}: has no epochs to plot; its first one has not ended")
    return History(str(run), record, epochs)


def _track(history: History, metric: Metric) -> Track:
    epochs = history.epochs
    return Track(
        name=history.run,
        note="" if history.record.status == "finished" else history.record.status,
        epochs=[each.epoch for each in epochs],
        train_loss=[each.train_loss for each in epochs],
        validation_loss=_known([each.validation_loss for each in epochs]),
        score=_known([getattr(each, f"validation_{metric}") for each in epochs]),
        best=history.record.best.epoch if history.record.best else 0,
    )


def _known(values: Sequence[float | None]) -> list[float]:
    """The values, those that were not measured on a line between the others; none if none was."""
    known = [i for i, value in enumerate(values) if value is not None]
    if not known:
        return []
    measured = [value for value in values if value is not None]
    return [float(value) for value in np.interp(range(len(values)), known, measured)]


def _mean(name: str, group: Sequence[History], metric: Metric) -> Track:
    """The mean over several runs, as far as all of them have come."""
    tracks = [_track(history, metric) for history in group]
    if len(tracks) == 1:
        return tracks[0]

    def mean(values: Callable[[Track], list[float]]) -> list[float]:
        return [fmean(each) for each in zip(*map(values, tracks), strict=False)]

    train_loss = mean(lambda track: track.train_loss)
    kind = RunFolder(Path(name)).series_kind()
    return Track(
        name=name,
        note=f"mean of {len(tracks)} {kind}s",
        epochs=list(range(1, len(train_loss) + 1)),
        train_loss=train_loss,
        validation_loss=mean(lambda track: track.validation_loss),
        score=mean(lambda track: track.score),
        best=0,
    )
