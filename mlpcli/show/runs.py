"""Runs as a table, as CSV, as JSON, and one of them in full."""

import json
from typing import Any

from mlpcli.api.runs import Entry, RunDetails
from mlpcli.show.format import counted, csv_line, fixed, json_object, percent, table

COLUMNS = ("run", "data", "status", "accuracy", "loss", "epochs", "seconds", "seed")  # of the table


def as_text(entries: list[Entry]) -> str:
    """The runs, one per line, below a header."""
    if not entries:
        return "no runs"
    rows = [[_cell(name, getattr(entry, name)) for name in COLUMNS] for entry in entries]
    return "\n".join(table([list(COLUMNS), *rows]))


def as_csv(entries: list[Entry]) -> str:
    """The runs with all their columns, below a header."""
    return "\n".join(map(csv_line, (Entry._fields, *entries)))


def as_json(entries: list[Entry]) -> str:
    """The runs as one JSON object."""
    return json_object({"runs": entries})


def details_as_text(run: RunDetails) -> str:
    """A run's record and the settings in which it differs from the defaults."""
    record, changed = run.record, run.changed
    best, data, e = record.best, record.data, record.environment
    images = (
        f"{data.training_images:,} training images, {data.validation_images:,} validation images"
    )
    facts = {
        "run": run.run,
        "status": record.status,
        "error": record.error,
        "data": f"{data.name}, {images}" if data.training_images else data.name,
        "parameters": f"{record.parameters:,}",
        "epochs": str(record.epochs),
        "stop reason": record.ended_by,
        "best": best
        and f"epoch {best.epoch}, validation accuracy {percent(best.validation_accuracy)}, "
        f"loss {fixed(best.validation_loss)}",
        "started": f"{record.started}, {record.seconds:.1f} s",
        "machine": f"{e.cpu}, {counted(e.threads, 'thread')}",
        "versions": f"mlpcli {e.mlpcli}, numpy {e.numpy}, Python {e.python}",
    }
    lines = [f"{term}: {fact}" for term, fact in facts.items() if fact]
    lines.append("settings other than the defaults:" if changed else "settings: the defaults")
    return "\n".join([*lines, *(f"  {key}: {json.dumps(v)}" for key, v in changed.items())])


def details_as_json(run: RunDetails) -> str:
    """The same as one JSON object."""
    return json_object({"run": run.run, "changed": run.changed, "record": run.record.as_dict()})


def removed_as_text(runs: list[str]) -> str:
    """The runs that were removed, one per line."""
    return "\n".join(f"{run}: removed" for run in runs)


def removed_as_json(runs: list[str]) -> str:
    """The same as one JSON object."""
    return json_object({"removed": runs})


def _cell(name: str, value: Any) -> str:
    form = {"accuracy": percent, "loss": "{:.4f}".format, "seconds": "{:.1f}".format}.get(name, str)
    return "-" if value is None else form(value)
