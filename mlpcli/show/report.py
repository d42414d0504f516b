"""The page of `mlp report`: runs side by side, in one file that needs nothing else."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlpcli import files
from mlpcli.api.compare import SIGNIFICANCE_LEVEL
from mlpcli.api.report import Analysis, calibration_error, compared
from mlpcli.checks.gradcheck import COMPLEX_TOLERANCE
from mlpcli.config.load import dump_config, flat_settings
from mlpcli.show import pixels, plots, run_view
from mlpcli.show.format import (
    count,
    counted,
    error,
    fixed,
    json_object,
    percent,
    pick,
    points,
    probability,
    short,
)
from mlpcli.show.plots import Line
from mlpcli.show.run_view import RunView
from mlpcli.terminal import printable
from mlpcli.training.intervals import wilson
from mlpcli.training.scoring import by_class
from mlpcli.version import __version__

GENERATOR = f"mlpcli {__version__}"
SECTIONS = {
    "summary": "Summary",
    "comparison": "Comparison",
    "training": "Training",
    "confusion": "Confusion matrix",
    "mistakes": "Most confident mistakes",
    "calibration": "Calibration",
    "filters": "First-layer filters",
    "norms": "Weight and gradient norms",
    "gradient": "Gradient check",
    "reproduce": "How to reproduce it",
}
WORDS = {
    "train_loss": "on the training images",
    "validation_loss": "on the validation images",
    "validation_accuracy": "on the validation images",
    "lr": "at the last step",
}


class WrittenReport(NamedTuple):
    """A report and what it is about."""

    path: Path
    bytes: int
    analyses: Sequence[Analysis]


def page(analyses: Sequence[Analysis]) -> str:
    """The whole report as HTML; the first run is the one that others are compared with.

    Nothing that a run holds can become markup, and the same runs give the same text.
    """
    names, scores = _names(analyses), [a.evaluation.scores for a in analyses]
    runs = [
        RunView(name, i, a, run_view.thinned(a.metrics))
        for i, (name, a) in enumerate(zip(names, analyses, strict=True))
    ]
    intervals = [wilson(each.correct, each.n) for each in scores]
    return _template().render(
        generator=GENERATOR,
        sections=SECTIONS,
        runs=runs,
        facts=list(map(run_view.facts, analyses)),
        intervals=intervals,
        whiskers=_whiskers([each.accuracy for each in scores], intervals),
        settings=_settings(analyses),
        plots=_training(runs),
        limit=COMPLEX_TOLERANCE,
        significant=SIGNIFICANCE_LEVEL,
    )


def as_text(result: WrittenReport) -> str:
    """The path of the report, and its size."""
    return f"report: {result.path} ({result.bytes / 1e3:,.0f} kB)"


def as_json(result: WrittenReport) -> str:
    """The same as one JSON object."""
    runs = [
        pick(a.evaluation, "run", "accuracy") | {"calibration_error": calibration_error(a.bins)}
        for a in result.analyses
    ]
    return json_object({"report": str(result.path), "bytes": result.bytes, "runs": runs})


def write(path: Path, analyses: Sequence[Analysis]) -> WrittenReport:
    """Write the report of some runs in one piece; raises OutputError."""
    data = page(analyses).encode()
    files.write(path, data)
    return WrittenReport(path, len(data), analyses)


def visible(value: Any) -> Any:
    r"""Text without characters that act on the text around them; they are escaped.

    >>> visible("a\x1bb")
    'a\\u001bb'
    """
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return printable(value)


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("mlpcli", "show"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for form in (percent, points, count, counted, fixed, short, error, probability):
        environment.filters[form.__name__] = form
    environment.globals |= {"view": run_view, "pixels": pixels, "symbols": plots.SYMBOLS}
    for function in (by_class, calibration_error, compared, dump_config):
        environment.globals[function.__name__] = function
    return environment.get_template("report.html.j2")


def _names(analyses: Sequence[Analysis]) -> list[str]:
    """The folders' names, or their paths where two names are equal."""
    names = [Path(each.evaluation.run).resolve().name for each in analyses]
    if len(set(names)) < len(names):
        names = [each.evaluation.run for each in analyses]
    return [visible(name) for name in names]


def _training(runs: list[RunView]) -> dict[str, str]:
    """The plots of all runs over the epochs."""
    drawn = {}
    for name, title, fields in (
        ("loss", "Loss in nats", ("train_loss", "validation_loss")),
        ("accuracy", "Accuracy, a fraction,", ("validation_accuracy",)),
        ("lr", "Learning rate", ("lr",)),
    ):
        names, lines = [], []
        for run, field in product(runs, fields):
            if getattr(run.history[-1], field) is None:  # there are no validation images
                continue
            values = [float(getattr(m, field)) for m in run.history]
            best = run.analysis.metadata.progress.best_epoch
            ring = best if field.startswith("validation") else None
            epochs, dashed = [m.epoch for m in run.history], field == "train_loss"
            lines.append(Line(epochs, values, run.series, dashed, ring))
            names.append(f"{run.name} " * (len(runs) > 1) + WORDS[field])
        if not lines:
            continue
        label = plots.in_words(f"{title} by epoch", names, lines)
        drawn[name] = plots.curves(name, label, lines, percent=name == "accuracy")
    return drawn


def _whiskers(accuracies: list[float], intervals: list[tuple[float, float]]) -> list[str]:
    """Each accuracy and its interval as lengths on one scale, for CSS."""
    start = min(low for low, _ in intervals)
    scale = 100 / (max(high for _, high in intervals) - start)
    return [
        f"--low:{scale * (low - start):.1f}%;--at:{scale * (accuracy - start):.1f}%;"
        f"--high:{scale * (high - start):.1f}%"
        for accuracy, (low, high) in zip(accuracies, intervals, strict=True)
    ]


def _settings(analyses: Sequence[Analysis]) -> dict[str, list[str]]:
    """The settings in which the runs differ, with the value of each."""
    flat = [flat_settings(a.config) for a in analyses]
    keys = dict.fromkeys(key for settings in flat for key in settings)
    values = {key: [str(settings.get(key, "-")) for settings in flat] for key in keys}
    return {key: each for key, each in values.items() if len(set(each)) > 1}
