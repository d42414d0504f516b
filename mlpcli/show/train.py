"""The result of a training: of one run, or of each of several with their mean."""

import json
from typing import Any

from mlpcli.api.multi_run import SeriesResult, TrainResult
from mlpcli.api.significance import Summary
from mlpcli.config.keys import settings
from mlpcli.config.load import changed_settings
from mlpcli.config.schema import Config
from mlpcli.show import selection
from mlpcli.show.format import METRICS, Block, counted, json_object, percent, pick
from mlpcli.training.progress import Metrics


def as_blocks(result: TrainResult | SeriesResult, *, trained: bool = True) -> list[Block]:
    """Facts line by line; of several runs, a table and their statistics.

    trained: whether anything was; else they are an earlier command's, and only the run is named.
    """
    if not trained:
        return [f"run: {result.run}"]
    return _series(result) if isinstance(result, SeriesResult) else _single(result)


def as_json(result: TrainResult | SeriesResult, *, trained: bool = True) -> str:
    """The same as one JSON object; trained: whether anything was."""
    already = {"already_finished": not trained}
    if isinstance(result, TrainResult):
        return json_object(_values(result) | already)
    kind = result.kind
    runs = [{kind: number, **_values(run)} for number, run in result.runs.items()]
    return json_object(
        {
            "run": result.run,
            "validation_accuracy": result.accuracy and result.accuracy.mean,
            **spread(result.accuracy),
            "seconds": _seconds(result),
            **already,
            f"{kind}s": runs,
        }
    )


def config_line(name: str, config: Config) -> str:
    """The config that a training has, and what differs from the defaults."""
    changed = changed_settings(config)
    changed.pop("data.name", None)
    words = [
        f"{settings()[key].name}={json.dumps(value, separators=(',', ':'))}"
        for key, value in changed.items()
    ]
    return f"config: {name}, {' '.join(words) or 'all as by default'}"


def mean_and_interval(summary: Summary, kind: str) -> str:
    """Statistics over several seeds or folds, as kind says, in two lines."""
    low, high = map(percent, summary.ci95)
    return (
        f"mean {percent(summary.mean)}, standard deviation {percent(summary.sd)}\n"
        f"95% interval of the mean: {low} to {high} (t, {summary.n} {kind}s)"
    )


def spread(summary: Summary | None) -> dict[str, Any]:
    """Standard deviation and interval of the mean, as every JSON object names them."""
    return {"sd": summary and summary.sd, "ci95": summary and summary.ci95}


def stop_reason(result: TrainResult) -> str:
    """Why the training stopped, in words."""
    record = result.record
    best = record.best.epoch if record.best else 0
    return {
        "target": f"target {METRICS[record.metric]} reached",
        "time_budget": "time budget used",
        "patience": f"no improvement for {counted(record.epochs - best, 'epoch')}",
    }.get(
        record.ended_by or "",
        f"{'all ' * (record.epochs > 1)}{counted(record.epochs, 'epoch')} done",
    )


def _single(result: TrainResult) -> list[Block]:
    record, values = result.record, _values(result)
    best = record.best.epoch if record.best else 0
    metrics = dict.fromkeys(["accuracy", record.metric])  # the one that decided, if it is another
    scores = [
        f"validation {METRICS[metric]}: {percent(values[f'validation_{metric}'])}"
        f" (epoch {best} of {record.epochs})"
        for metric in metrics
    ]
    if values["validation_accuracy"] is None:
        scores = [
            "validation: no images were kept for it, so the last weights are the best, and their "
            "probabilities are not calibrated"
        ]
    if result.selection.is_choice:
        scores.append(f"default: {selection.line(result.selection)}")
    return [
        f"run: {result.run}",
        *scores,
        *_temperature(result.selection.metrics or record.best),
        f"train loss: {values['train_loss']:.4f}",
        f"time: {record.seconds:.1f} s, {values['images_per_second']:,} images/s",
        f"parameters: {record.parameters:,}",
        f"stopped: {stop_reason(result)}",
    ]


def _temperature(epoch: Metrics | None) -> list[str]:
    """How the probabilities of the weights of an epoch are calibrated, if they are."""
    if not epoch or epoch.temperature is None:
        return []
    return [f"temperature: {epoch.temperature:.4g}, fitted on the validation images"]


def _series(result: SeriesResult) -> list[Block]:
    rows = [[result.kind, "validation accuracy", "best epoch", "seconds", "stop reason"]]
    for number, run in result.runs.items():
        record, values = run.record, _values(run)
        best = f"{record.best.epoch if record.best else 0} of {record.epochs}"
        accuracy, seconds = percent(values["validation_accuracy"]), f"{record.seconds:.1f}"
        rows.append([str(number), accuracy, best, seconds, str(record.ended_by)])
    return [
        f"run: {result.run}",
        rows,
        f"validation accuracy: {mean_and_interval(result.accuracy, result.kind)}"
        if result.accuracy
        else "validation: no images were kept for it",
        *_default(result),
        f"time: {_seconds(result) / len(result.runs):.1f} s a {result.kind}",
    ]


def _default(result: SeriesResult) -> list[str]:
    """Which weights the commands use without --weights, where they have a choice."""
    selections = {number: run.selection for number, run in result.runs.items()}
    return [f"default: {text}" for text in selection.of_series(selections, result.kind)]


def _seconds(result: SeriesResult) -> float:
    return round(sum(run.record.seconds for run in result.runs.values()), 3)


def _values(result: TrainResult) -> dict[str, Any]:
    """The JSON of a finished training, which has a best and a last epoch."""
    record = result.record
    assert record.best
    assert record.last
    return {
        "run": result.run,
        "epochs": record.epochs,
        "metric": record.metric,
        **pick(record.best, *(f"validation_{metric}" for metric in METRICS)),
        "temperature": (result.selection.metrics or record.best).temperature,
        "train_loss": record.last.train_loss,
        "seconds": record.seconds,
        "images_per_second": round(result.images_per_second),
        "parameters": record.parameters,
        "ended_by": record.ended_by,
        "weights": result.selection.weights,
        "selection": selection.as_json(result.selection),
    }
