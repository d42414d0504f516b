"""Results for standard output: facts one a line, or one JSON object."""

import json as json_
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlpcli.data.registry import DATASETS
from mlpcli.runs.analysis import Analysis, calibration_error
from mlpcli.runs.evaluate import Evaluation
from mlpcli.runs.record import Record
from mlpcli.runs.scores import ClassScores, by_class, wilson
from mlpcli.terminal import one_line

SCHEMA = 1  # of every JSON object printed; see docs/contract.md
WIDEST_MATRIX = 20  # classes; a larger confusion matrix is named by its largest entries


def as_json(facts: dict[str, Any]) -> str:
    """One JSON object on one line."""
    return json_.dumps({"schema": SCHEMA, **facts}, ensure_ascii=False)


def downloaded(paths: dict[str, list[Path]], *, json: bool) -> str:
    """Where the files of each data set lie now."""
    if json:
        sets = [{"name": name, "files": list(map(str, files))} for name, files in paths.items()]
        return as_json({"datasets": sets})
    return "\n".join(
        f"{name}: {len(files)} files in {files[0].parent}" for name, files in paths.items()
    )


def verified(held: dict[str, dict[str, bool]], *, json: bool) -> str:
    """Which files of each data set are in the cache with the right sum."""
    if json:
        sets = [{"name": n, "ok": all(files.values()), "files": files} for n, files in held.items()]
        return as_json({"ok": all(facts["ok"] for facts in sets), "datasets": sets})
    return "\n".join(
        f"{name}/{file}: {'right' if right else 'missing or wrong'}"
        for name, files in held.items()
        for file, right in files.items()
    )


def catalogue(held: dict[str, dict[str, bool]], *, json: bool) -> str:
    """The data sets that have a name, and whether they are in the cache."""
    facts: list[dict[str, Any]] = []
    for name, files in held.items():
        published = DATASETS[name]
        sizes = [f.size for f in ((published.archive,) if published.archive else published.files)]
        here = list(files.values())
        cached = "yes" if all(here) else "partly" if any(here) else "no"
        facts.append(
            {
                "name": name,
                "bytes": sum(filter(None, sizes)) if None not in sizes else None,
                "images": published.counts,
                "classes": len(published.classes),
                "licence": published.licence,
                "cached": cached,
                "citation": published.citation,
            }
        )
    if json:
        return as_json({"datasets": facts})
    rows = [["name", "download", "train", "test", "classes", "cached", "licence"]]
    for f in facts:
        size = "not stated" if f["bytes"] is None else f"{f['bytes'] / 1e6:,.1f} MB"
        images = [f"{f['images'][split]:,}" for split in ("train", "test")]
        rows.append([f["name"], size, *images, str(f["classes"]), f["cached"], f["licence"]])
    return "\n".join(table(rows))


def written(folder: Path, images: dict[str, int], *, json: bool) -> str:
    """Where a data set lies now, by how many images its splits have."""
    size = sum(file.stat().st_size for file in folder.iterdir())
    if json:
        return as_json({"folder": str(folder), "images": images, "bytes": size})
    counts = [f"{split} images: {count:,}" for split, count in images.items()]
    return "\n".join([f"folder: {folder}", *counts, f"size: {size / 1e6:,.1f} MB"])


def trained(folder: Path, run: Record, *, json: bool) -> str:
    """The result of a training run."""
    facts = training(folder, run)
    if json:
        return as_json(facts)
    return (
        f"run: {folder}\n"
        f"validation accuracy: {percent(facts['validation_accuracy'])}"
        f" (epoch {run['best']['epoch']} of {run['epochs']})\n"
        f"train loss: {facts['train_loss']:.4f}\n"
        f"time: {run['seconds']:.1f} s, {facts['images_per_second']:,} images/s\n"
        f"parameters: {facts['parameters']:,}\n"
        f"ended by: {facts['ended_by']}"
    )


def training(folder: Path, run: Record) -> dict[str, Any]:
    """What scripts learn of a training run."""
    return {
        "run": str(folder),
        "epochs": run["epochs"],
        "validation_accuracy": run["best"]["validation_accuracy"],
        "train_loss": run["last"]["train_loss"],
        "seconds": run["seconds"],
        "images_per_second": round(run["last"]["images_per_second"]),
        "parameters": run["parameters"],
        "ended_by": run.get("ended_by"),
    }


def evaluated(result: Evaluation, *, json: bool) -> str:
    """The scores of a run."""
    scores = result.scores
    low, high = wilson(scores.correct, scores.n)
    per_class = by_class(scores.confusion, result.classes)
    if json:
        return as_json(
            {
                "run": result.run,
                "data": result.data,
                "split": result.split,
                "weights": result.weights,
                "accuracy": scores.accuracy,
                "ci95": [low, high],
                "loss": scores.loss,
                "correct": scores.correct,
                "n": scores.n,
                "confusion": scores.confusion.tolist(),
                "classes": list(result.classes),
                "per_class": [c._asdict() for c in per_class],
            }
        )
    head = (
        f"{result.run} ({result.weights} weights) on the {result.split} split of {result.data}\n"
        f"accuracy: {percent(scores.accuracy)} ({scores.correct:,} of {scores.n:,} correct)\n"
        f"95 % interval: {percent(low)} to {percent(high)}\n"
        f"loss: {scores.loss:.4f}\n"
    )
    confusion = scores.confusion.tolist()
    few = len(result.classes) <= WIDEST_MATRIX
    return "\n".join(
        [
            head,
            *_classes(per_class),
            "",
            *(_matrix if few else _mistakes)(confusion, result.classes),
        ]
    )


def reported(path: Path, size: int, analyses: Sequence[Analysis], *, json: bool) -> str:
    """Where a report lies."""
    if not json:
        return f"report: {path} ({size / 1e3:,.0f} kB)"
    runs = [
        {
            "run": a.evaluation.run,
            "accuracy": a.evaluation.scores.accuracy,
            "calibration_error": calibration_error(a.bins),
        }
        for a in analyses
    ]
    return as_json({"report": str(path), "bytes": size, "runs": runs})


def percent(fraction: float) -> str:
    """A fraction for people."""
    return f"{100 * fraction:.2f} %"


def _classes(scores: list[ClassScores]) -> list[str]:
    rows = [["class", "images", "precision", "recall", "F1"]]
    for s in scores:
        fractions = ["-" if f is None else f"{f:.4f}" for f in (s.precision, s.recall, s.f1)]
        rows.append([s.name, str(s.n), *fractions])
    return table(rows)


def _matrix(confusion: list[list[int]], names: tuple[str, ...]) -> list[str]:
    """Confusion matrix by class number, since names can be long."""
    numbers = [str(i) for i in range(len(names))]
    head = ["rows: true class, columns: predicted class"]
    rows = [["", *numbers]]
    rows += [[n, *map(str, counts)] for n, counts in zip(numbers, confusion, strict=True)]
    return head + table(rows)


def _mistakes(confusion: list[list[int]], names: tuple[str, ...]) -> list[str]:
    """The ten largest entries off the diagonal."""
    pairs = [
        (count, names[i], names[j])
        for i, counts in enumerate(confusion)
        for j, count in enumerate(counts)
        if i != j and count
    ]
    rows = [["true", "predicted", "images"]]
    rows += [[true, called, str(n)] for n, true, called in sorted(pairs, reverse=True)[:10]]
    return ["most frequent mistakes", *table(rows)]


def table(rows: list[list[str]]) -> list[str]:
    """Rows of text as aligned lines: the first column to the left, the others to the right."""
    rows = [list(map(one_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
