"""Runs as a table, as CSV, as JSON, and one of them in full."""

import csv
import json as json_
from io import StringIO
from typing import Any

from mlpcli.runs.catalogue import Entry
from mlpcli.show.numbers import counted
from mlpcli.show.text import as_json, table

COLUMNS = ("run", "data", "status", "accuracy", "loss", "epochs", "seconds", "seed")  # of the table


def as_table(entries: list[Entry]) -> str:
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


def as_object(entries: list[Entry]) -> str:
    """The runs as one JSON object."""
    return as_json({"runs": [entry._asdict() for entry in entries]})


def shown(run: str, record: dict[str, Any], changed: dict[str, Any], *, json: bool) -> str:
    """A run's record and the settings in which it differs from the defaults."""
    if json:
        return as_json({"run": run, "changed": changed, "record": record})
    best, data, environment = record["best"], record["data"], record["environment"]
    lines = [f"run: {run}", f"status: {record['status']}"]
    lines += [f"error: {record['error']}"] if "error" in record else []
    images = (
        f", {data['training_images']:,} images to train on, "
        f"{data['validation_images']:,} to validate on"
    )
    lines += [
        f"data: {data['name']}{images if data['training_images'] else ''}",
        f"parameters: {record['parameters']:,}",
        f"epochs: {record['epochs']}",
    ]
    lines += [f"ended by: {record['ended_by']}"] if record.get("ended_by") else []
    if best:
        lines.append(
            f"best: {100 * best['validation_accuracy']:.2f} % of the validation images, "
            f"loss {best['validation_loss']:.4f}, epoch {best['epoch']}"
        )
    lines += [
        f"started: {record['started']}, {record['seconds']:.1f} s",
        f"machine: {environment['cpu']}, {counted(environment['threads'], 'thread')}",
        f"versions: mlpcli {environment['mlpcli']}, numpy {environment['numpy']}, "
        f"Python {environment['python']}",
        "settings other than the defaults:" if changed else "settings: the defaults",
    ]
    lines += [f"  {key}: {json_.dumps(value)}" for key, value in changed.items()]
    return "\n".join(lines)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "accuracy":
        return f"{100 * value:.2f} %"
    if name == "loss":
        return f"{value:.4f}"
    return f"{value:.1f}" if name == "seconds" else str(value)
