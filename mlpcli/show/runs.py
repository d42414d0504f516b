"""Runs as a table, as CSV, as JSON, and one of them in full."""

import csv
import json
from io import StringIO
from typing import Any

from mlpcli.api.runs import Entry, RunDetails
from mlpcli.show.format import counted, json_object, percent, table

COLUMNS = ("run", "data", "status", "accuracy", "loss", "epochs", "seconds", "seed")  # of the table


def as_text(entries: list[Entry]) -> str:
    """The runs, a line each, under a line of names."""
    if not entries:
        return "no runs"
    rows = [[_cell(name, getattr(entry, name)) for name in COLUMNS] for entry in entries]
    return "\n".join(table([list(COLUMNS), *rows]))


def as_csv(entries: list[Entry]) -> str:
    """The runs with all that is known of them, under a line of names."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Entry._fields)
    writer.writerows(entries)
    return text.getvalue().rstrip("\n")


def as_json(entries: list[Entry]) -> str:
    """The runs as one JSON object."""
    return json_object({"runs": entries})


def details_as_text(run: RunDetails) -> str:
    """A run's record and the settings in which it differs from the defaults."""
    record, changed = run.record, run.changed
    best, data, environment = record.best, record.data, record.environment
    images = (
        f", {data.training_images:,} training images, {data.validation_images:,} validation images"
    )
    lines = [f"run: {run.run}", f"status: {record.status}"]
    lines += [f"error: {record.error}"] if record.error else []
    lines += [
        f"data: {data.name}{images if data.training_images else ''}",
        f"parameters: {record.parameters:,}",
        f"epochs: {record.epochs}",
    ]
    lines += [f"stop reason: {record.ended_by}"] if record.ended_by else []
    if best:
        lines.append(
            f"best: epoch {best.epoch}, validation accuracy {percent(best.validation_accuracy)}, "
            f"loss {best.validation_loss:.4f}"
        )
    lines += [
        f"started: {record.started}, {record.seconds:.1f} s",
        f"machine: {environment.cpu}, {counted(environment.threads, 'thread')}",
        f"versions: mlpcli {environment.mlpcli}, numpy {environment.numpy}, "
        f"Python {environment.python}",
        "settings other than the defaults:" if changed else "settings: the defaults",
    ]
    return "\n".join([*lines, *(f"  {key}: {json.dumps(v)}" for key, v in changed.items())])


def details_as_json(run: RunDetails) -> str:
    """The same as one JSON object."""
    return json_object({"run": run.run, "changed": run.changed, "record": run.record.as_dict()})


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "accuracy":
        return percent(value)
    if name == "loss":
        return f"{value:.4f}"
    return f"{value:.1f}" if name == "seconds" else str(value)
