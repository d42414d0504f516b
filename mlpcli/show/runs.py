"""Runs as CSV and JSON, and one of them, or several seeds or folds, in full."""

import json
from typing import Any

from mlpcli.api.run_columns import FIELDS, Line, differing, text
from mlpcli.api.runs import Listing, RunDetails, SeriesDetails, group
from mlpcli.config.schema import Metric
from mlpcli.runs.record import RunRecord
from mlpcli.show import selection
from mlpcli.show.format import METRICS, counted, csv_line, fixed, json_object, percent, pick, table
from mlpcli.show.train import mean_and_interval, spread


def as_csv(listing: Listing) -> str:
    """The runs with all their columns, or those that were asked for, below a header."""
    entries = listing.entries
    columns = listing.columns or (*FIELDS, *differing(entries))
    rows = ([_plain(entry.value(column)) for column in columns] for entry in entries)
    return "\n".join(map(csv_line, (columns, *rows)))


def as_json(listing: Listing) -> str:
    """The runs as one JSON object."""
    entries = listing.entries
    series = [_series_values(line) for line in group(entries) if line.kind]
    return json_object({"runs": entries, "series": series})


def _series_values(line: Line) -> dict[str, Any]:
    return {
        "run": line.run,
        "kind": line.kind,
        "n": len(line.entries),
        "accuracy": line.value("accuracy"),
        "sd": line.sd("accuracy"),
        "seconds": line.value("seconds"),
    }


def details_as_text(found: RunDetails | SeriesDetails) -> str:
    """A run's record and the settings in which it differs from the defaults; or several runs."""
    return _series(found) if isinstance(found, SeriesDetails) else _single(found)


def details_as_json(found: RunDetails | SeriesDetails) -> str:
    """The same as one JSON object."""
    if isinstance(found, RunDetails):
        return json_object(_values(found))
    members = [{found.kind: n, **_values(run)} for n, run in found.members.items()]
    accuracy = found.accuracy and found.accuracy.mean
    return json_object(
        {
            "run": found.run,
            "validation_accuracy": accuracy,
            **spread(found.accuracy),
            f"{found.kind}s": members,
        }
    )


def _single(run: RunDetails) -> str:
    record, changed, chosen = run.record, run.changed, run.selection
    best, data, e = record.best, record.data, record.environment
    images = ", ".join(
        counted(n, f"{what} image")
        for n, what in ((data.training_images, "training"), (data.validation_images, "validation"))
    )
    facts = {
        "run": run.run,
        "tags": " ".join(run.tags.tags),
        "note": run.tags.note,
        "status": record.status,
        "error": record.error,
        "data": f"{data.name}, {images}" if data.training_images else data.name,
        "parameters": f"{record.parameters:,}",
        "epochs": str(record.epochs),
        "stop reason": record.ended_by,
        "best": best
        and ", ".join(
            [
                f"epoch {best.epoch}",
                *(
                    f"validation {METRICS[name]} {percent(value)}"
                    for name, value in _scores(record)
                ),
                f"loss {fixed(best.validation_loss)}",
            ]
        ),
        "default": selection.line(chosen) if chosen and chosen.is_choice else None,
        "started": f"{record.started}, {record.seconds:.1f} s",
        "machine": f"{e.cpu}, {counted(e.threads, 'thread')}",
        "versions": f"mlpcli {e.mlpcli}, numpy {e.numpy}, Python {e.python}",
    }
    lines = [f"{term}: {fact}" for term, fact in facts.items() if fact]
    return "\n".join([*lines, *_settings(changed)])


def _series(found: SeriesDetails) -> str:
    first, *others = found.members.values()
    scores = [METRICS[name] for name, _ in _scores(first.record)]
    rows = [[found.kind, "status", *scores, "loss", "best epoch", "seconds"]]
    for number, (_, record, *_) in found.members.items():
        best = record.best
        cells = ["-"] * (len(scores) + 2)
        if best:
            cells = [percent(value) for _, value in _scores(record)]
            cells += [fixed(best.validation_loss), f"{best.epoch} of {record.epochs}"]
        rows.append([str(number), record.status, *cells, f"{record.seconds:.1f}"])
    names = (f"{found.kind}", "data.fold")
    changed = {key: value for key, value in first.changed.items() if key not in names}
    tags = dict.fromkeys(tag for run in (first, *others) for tag in run.tags.tags)
    notes = dict.fromkeys(run.tags.note for run in (first, *others) if run.tags.note)
    facts = {"tags": " ".join(tags), "note": "; ".join(notes)}
    selections = {n: run.selection for n, run in found.members.items() if run.selection}
    return "\n".join(
        [
            f"run: {found.run}, {counted(len(found.members), found.kind)}",
            *(f"{term}: {fact}" for term, fact in facts.items() if fact),
            *table(rows),
            *(
                [f"validation accuracy: {mean_and_interval(found.accuracy, found.kind)}"]
                if found.accuracy
                else []
            ),
            *(f"default: {text}" for text in selection.of_series(selections, found.kind)),
            *_settings(changed),
        ]
    )


def removed_as_text(runs: dict[str, int]) -> str:
    """The folders that were removed, one per line, with how many runs each held."""
    return "\n".join(
        f"{run}: removed{f' ({count} runs)' * (count > 1)}" for run, count in runs.items()
    )


def removed_as_json(runs: dict[str, int]) -> str:
    """The same as one JSON object."""
    return json_object({"removed": list(runs)})


def _scores(record: RunRecord) -> list[tuple[Metric, float | None]]:
    """The accuracy of the best epoch and, where another metric decided, that."""
    metrics: list[Metric] = ["accuracy", *([record.metric] if record.metric != "accuracy" else [])]
    return [(name, getattr(record.best, f"validation_{name}", None)) for name in metrics]


def _settings(changed: dict[str, Any]) -> list[str]:
    head = "settings other than the defaults:" if changed else "settings: the defaults"
    return [head, *(f"  {key}: {json.dumps(value)}" for key, value in changed.items())]


def _values(run: RunDetails) -> dict[str, Any]:
    return {
        **pick(run, "run", "changed"),
        "tags": run.tags.tags,
        "note": run.tags.note or None,
        "record": run.record.as_dict(),
        "selection": selection.as_json(run.selection),
    }


def _plain(value: Any) -> Any:
    """A value as a cell of CSV."""
    if isinstance(value, tuple):
        return " ".join(value)
    return text(value) if isinstance(value, list | dict | bool) else value
