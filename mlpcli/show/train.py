"""The result of a training: of one run, or of each of several seeds with their mean."""

from typing import Any

from mlpcli.api.multi_seed import SeedResults, TrainResult
from mlpcli.api.significance import Summary
from mlpcli.show.format import counted, json_object, percent, table


def as_text(result: TrainResult | SeedResults) -> str:
    """Facts line by line; of several seeds, a table and their statistics."""
    return _seeds(result) if isinstance(result, SeedResults) else _single(result)


def as_json(result: TrainResult | SeedResults) -> str:
    """The same as one JSON object."""
    if isinstance(result, TrainResult):
        return json_object(_values(result))
    seeds = [{"seed": run.record.seed, **_values(run)} for run in result.runs]
    accuracy = {"validation_accuracy": result.accuracy.mean, **spread(result.accuracy)}
    return json_object({"run": result.run, **accuracy, "seconds": _seconds(result), "seeds": seeds})


def mean_and_interval(summary: Summary) -> str:
    """Statistics over seeds, in two lines."""
    low, high = map(percent, summary.ci95)
    return (
        f"mean {percent(summary.mean)}, standard deviation {percent(summary.sd)}\n"
        f"95% interval of the mean: {low} to {high} (t, {summary.n} seeds)"
    )


def spread(summary: Summary) -> dict[str, Any]:
    """Standard deviation and interval of the mean, as every JSON object names them."""
    return {"sd": summary.sd, "ci95": summary.ci95}


def stop_reason(result: TrainResult) -> str:
    """Why the training stopped, in words."""
    record = result.record
    best = record.best.epoch if record.best else 0
    return {
        "target": "target accuracy reached",
        "time_budget": "time budget used",
        "patience": f"no improvement for {counted(record.epochs - best, 'epoch')}",
    }.get(
        record.ended_by or "",
        f"{'all ' * (record.epochs > 1)}{counted(record.epochs, 'epoch')} done",
    )


def _single(result: TrainResult) -> str:
    record, values = result.record, _values(result)
    best = record.best.epoch if record.best else 0
    return (
        f"run: {result.run}\n"
        f"validation accuracy: {percent(values['validation_accuracy'])}"
        f" (epoch {best} of {record.epochs})\n"
        f"train loss: {values['train_loss']:.4f}\n"
        f"time: {record.seconds:.1f} s, {values['images_per_second']:,} images/s\n"
        f"parameters: {record.parameters:,}\n"
        f"stopped: {stop_reason(result)}"
    )


def _seeds(result: SeedResults) -> str:
    rows = [["seed", "validation accuracy", "best epoch", "seconds", "stop reason"]]
    for run in result.runs:
        record, values = run.record, _values(run)
        best = f"{record.best.epoch if record.best else 0} of {record.epochs}"
        accuracy, seconds = percent(values["validation_accuracy"]), f"{record.seconds:.1f}"
        rows.append([str(record.seed), accuracy, best, seconds, str(record.ended_by)])
    return "\n".join(
        [
            f"run: {result.run}",
            *table(rows),
            f"validation accuracy: {mean_and_interval(result.accuracy)}",
            f"time: {_seconds(result) / len(result.runs):.1f} s a seed",
        ]
    )


def _seconds(result: SeedResults) -> float:
    return round(sum(run.record.seconds for run in result.runs), 3)


def _values(result: TrainResult) -> dict[str, Any]:
    """The JSON of a finished training, which has a best and a last epoch."""
    record = result.record
    assert record.best
    assert record.last
    return {
        "run": result.run,
        "epochs": record.epochs,
        "validation_accuracy": record.best.validation_accuracy,
        "train_loss": record.last.train_loss,
        "seconds": record.seconds,
        "images_per_second": round(record.last.images_per_second),
        "parameters": record.parameters,
        "ended_by": record.ended_by,
    }
