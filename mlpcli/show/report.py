"""The page of `mlp report`: runs side by side, in one file that needs nothing else."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlpcli import atomic
from mlpcli.api.compare import SIGNIFICANCE_LEVEL
from mlpcli.api.report import Analysis, calibration_error
from mlpcli.checks.gradcheck import COMPLEX_TOLERANCE
from mlpcli.config.load import flat_settings
from mlpcli.errors import ConfigError
from mlpcli.show import plots, svg
from mlpcli.show.format import (
    count,
    counted,
    error,
    fixed,
    json_object,
    percent,
    points,
    probability,
    short,
)
from mlpcli.show.plots import Line
from mlpcli.show.run_view import RunView, ends, run_view
from mlpcli.version import __version__

GENERATOR = f"mlpcli {__version__}"
MARK = b'<meta name="generator" content="mlpcli '  # in the first lines of every report
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
HIDDEN = re.compile(  # characters that would change how the text around them looks, or break it
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class WrittenReport(NamedTuple):
    """A report and what it is about."""

    path: Path
    bytes: int
    analyses: Sequence[Analysis]


def page(analyses: Sequence[Analysis]) -> str:
    """The whole report as HTML; the first run is the one that others are compared with.

    Nothing that a run holds can become markup, and the same runs give the same text.
    """
    names = _names(analyses)
    runs = [
        run_view(analysis, name, i, first=analyses[0])
        for i, (analysis, name) in enumerate(zip(analyses, names, strict=True))
    ]
    one = len(runs) == 1
    return _template().render(
        generator=GENERATOR,
        subtitle=_subtitle(runs),
        sections={key: t for key, t in SECTIONS.items() if key != "comparison" or not one},
        runs=runs,
        whiskers=_whiskers(runs),
        settings=_settings(runs),
        plots=_training(runs),
        series=svg.SERIES,
        symbols=plots.SYMBOLS,
        limit=COMPLEX_TOLERANCE,
        significant=SIGNIFICANCE_LEVEL,
    )


def claim(path: Path) -> None:
    """Raise ConfigError where a report cannot be written; an earlier one may be replaced."""
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; name a file, such as {path / 'report.html'}")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: cannot write: {path.parent} is no folder")
    try:
        with path.open("rb") as file:
            ours = MARK in file.read(4096)
    except FileNotFoundError:
        return
    except OSError as err:
        raise ConfigError(f"{path}: cannot write: {err.strerror}") from err
    if not ours:
        raise ConfigError(f"{path}: exists and is no report; choose another --out")


def as_text(result: WrittenReport) -> str:
    """Where the report lies."""
    return f"report: {result.path} ({result.bytes / 1e3:,.0f} kB)"


def as_json(result: WrittenReport) -> str:
    """The same as one JSON object."""
    runs = [
        {
            "run": a.evaluation.run,
            "accuracy": a.evaluation.accuracy,
            "calibration_error": calibration_error(a.bins),
        }
        for a in result.analyses
    ]
    return json_object({"report": str(result.path), "bytes": result.bytes, "runs": runs})


def write(path: Path, analyses: Sequence[Analysis]) -> WrittenReport:
    """Write the report of some runs in one piece; raises OutputError."""
    data = page(analyses).encode()
    atomic.write(path, data)
    return WrittenReport(path, len(data), analyses)


def visible(value: Any) -> Any:
    r"""Text without characters that act on the text around them; they are spelt out.

    >>> visible("a\x1bb")
    'a\\x1bb'
    """
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), value)


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
    return environment.get_template("report.html.j2")


def _names(analyses: Sequence[Analysis]) -> list[str]:
    """The folders' names, or their paths where names are not enough to tell them apart."""
    names = [Path(each.evaluation.run).resolve().name for each in analyses]
    if len(set(names)) < len(names):
        names = [each.evaluation.run for each in analyses]
    return [visible(name) for name in names]


def _subtitle(runs: list[RunView]) -> str:
    if len(runs) > 1:
        return f"{len(runs)} runs side by side"
    started = runs[0].analysis.record.started
    return f"{runs[0].found.data}, trained {started[:16].replace('T', ' ')} UTC"


def _training(runs: list[RunView]) -> dict[str, str]:
    """The plots of all runs over the epochs."""
    drawn = {}
    for name, title, fields in (
        ("loss", "Loss in nats", ("train_loss", "validation_loss")),
        ("accuracy", "Accuracy, a fraction,", ("validation_accuracy",)),
        ("lr", "Learning rate", ("lr",)),
    ):
        lines, told = [], []
        for run in runs:
            epochs = [m.epoch for m in run.history]
            for field in fields:
                values = [float(getattr(m, field)) for m in run.history]
                dashed, ringed = field == "train_loss", field.startswith("validation")
                kept = run.analysis.metadata.progress.best_epoch if ringed else None
                lines.append(Line(epochs, values, run.series, dashed, kept))
                what = f"{run.name} " * (len(runs) > 1) + WORDS[field]
                told.append(ends(what, run.history, values))
        label = f"{title} by epoch: {'; '.join(told)}"
        drawn[name] = plots.curves(name, label, lines, percent=name == "accuracy")
    return drawn


def _whiskers(runs: list[RunView]) -> list[str]:
    """Each accuracy and its interval as lengths on one scale, for CSS."""
    low = min(run.interval[0] for run in runs)
    span = max(run.interval[1] for run in runs) - low
    return [
        ";".join(
            f"--{name}:{100 * (value - low) / span:.1f}%"
            for name, value in zip(
                ("low", "at", "high"),
                (run.interval[0], run.found.scores.accuracy, run.interval[1]),
                strict=True,
            )
        )
        for run in runs
    ]


def _settings(runs: list[RunView]) -> dict[str, list[str]]:
    """The settings in which the runs differ, with the value of each."""
    flat = [flat_settings(run.analysis.config) for run in runs]
    keys = dict.fromkeys(key for settings in flat for key in settings)
    values = {key: [str(settings.get(key, "-")) for settings in flat] for key in keys}
    return {key: each for key, each in values.items() if len(set(each)) > 1}
