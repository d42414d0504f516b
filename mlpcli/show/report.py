"""The page of `mlp report`: runs side by side, in one file that needs nothing else."""

from collections.abc import Sequence
from itertools import groupby, product
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from mlpcli import files
from mlpcli.api.compare import SIGNIFICANCE_LEVEL
from mlpcli.api.find_run import short_name
from mlpcli.api.report import Analysis, ranking
from mlpcli.checks.gradcheck import COMPLEX_TOLERANCE
from mlpcli.config.load import dump_config
from mlpcli.runs.ownership import generator
from mlpcli.show import html, leaderboard, pixels, plots, run_view, selection
from mlpcli.show.eval import probabilities
from mlpcli.show.format import (
    METRICS,
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
from mlpcli.training.intervals import OF_METRIC
from mlpcli.training.scoring import by_class

SECTIONS = {
    "summary": "Summary",  # of a single run
    "comparison": "Comparison",  # of several
    "training": "Training",
    "confusion": "Confusion matrix",
    "mistakes": "Confident mistakes",
    "calibration": "Calibration",
    "filters": "Filters",
    "norms": "Weight norms",
    "gradient": "Gradient check",
    "reproduce": "Reproduce it",
}


class WrittenReport(NamedTuple):
    """A report and what it is about."""

    path: Path
    bytes: int
    analyses: Sequence[Analysis]


def page(analyses: Sequence[Analysis]) -> str:
    """The whole report as HTML.

    Nothing that a run holds can become markup, and the same runs give the same text.
    """
    runs = [
        RunView(name, i, a, run_view.thinned(a.metrics), run_view.notices(a))
        for i, (name, a) in enumerate(zip(_names(analyses), analyses, strict=True))
    ]
    several = len(runs) > 1
    left_out = "summary" if several else "comparison"
    ranks = ranking(analyses) if several else None
    return _template().render(
        generator=generator("report"),
        sections={key: title for key, title in SECTIONS.items() if key != left_out},
        runs=runs,
        metrics=run_view.metrics(analyses),
        ranking=ranks,
        ranked=leaderboard.order(runs, ranks),
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
        pick(a.evaluation, "run", "accuracy", "weights")
        | probabilities(a.evaluation)
        | {"selection": selection.as_json(a.evaluation.selection)}
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
    environment = html.environment().overlay(finalize=visible)
    for form in (percent, points, count, counted, fixed, short, error, probability):
        environment.filters[form.__name__] = form
    environment.globals |= {"view": run_view, "leaderboard": leaderboard, "pixels": pixels}
    environment.globals |= {"symbols": plots.SYMBOLS, "names": METRICS, "intervals": OF_METRIC}
    for function in (by_class, dump_config):
        environment.globals[function.__name__] = function
    return environment.get_template("report.html.j2")


def _names(analyses: Sequence[Analysis]) -> list[str]:
    """The folders' names or, where two are equal, what one types for the runs."""
    names = [Path(each.evaluation.run).resolve().name for each in analyses]
    if len(set(names)) < len(names):
        names = [short_name(Path(each.evaluation.run)) for each in analyses]
    return [visible(name) for name in names]


def _training(runs: list[RunView]) -> dict[str, str]:
    """The plots of all runs over the epochs, by their titles."""
    validation = "on the validation images"
    shown = [
        ("Loss", "train_loss", "on the training images"),
        ("Loss", "validation_loss", validation),
    ]
    for metric in dict.fromkeys(["accuracy", *(run_view.metric(run.analysis) for run in runs)]):
        name = METRICS[metric]
        shown.append((name[0].upper() + name[1:], f"validation_{metric}", validation))
    shown.append(("Learning rate", "lr", "at the last step"))
    drawn = {}
    for title, fields in groupby(shown, key=itemgetter(0)):
        names, lines = [], []
        for run, (_, field, words) in product(runs, fields):
            if any(getattr(m, field) is None for m in run.history):  # not measured
                continue
            lines.append(_line(run, field))
            names.append(f"{run.name} " * (len(runs) > 1) + words)
        if lines:
            label = plots.in_words(f"{title} by epoch", names, lines)
            percent = title not in ("Loss", "Learning rate")
            drawn[title] = plots.curves(
                title.lower().replace(" ", "-"), label, lines, percent=percent
            )
    return drawn


def _line(run: RunView, field: str) -> Line:
    values = [float(getattr(m, field)) for m in run.history]
    marked = run_view.epoch(run.analysis) if field.startswith("validation") else None
    return Line([m.epoch for m in run.history], values, run.series, field == "train_loss", marked)
