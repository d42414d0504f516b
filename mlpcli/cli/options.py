"""Arguments and options that several commands share, each defined once.

The shell completes the name of a run, config or data set: see completion.py.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, cast, get_args

from typer import Argument, BadParameter, CallbackParam, Context, Option

from mlpcli.cli.completion import configs, datasets, runs, settings_words
from mlpcli.cli.output import echo
from mlpcli.errors import ConfigError, nearest

if TYPE_CHECKING:
    from mlpcli.config.schema import Metric


def _only_form(ctx: Context, param: CallbackParam, value: bool) -> bool:
    """Refuse --json beside --markdown, whichever is read later."""
    if value and ctx.params.get({"json": "markdown"}.get(str(param.name), "json")):
        raise ConfigError("--json and --markdown: give one of them")
    return value


RunArg = Annotated[
    str | None,
    Argument(
        metavar="[RUN]",
        help="A run's folder, or its name in runs/ (default: the latest finished run).",
        autocompletion=runs,
        show_default=False,
    ),
]
RunsArg = Annotated[
    list[str],
    Argument(metavar="RUN...", help="Runs, by folder or by name in runs/.", autocompletion=runs),
]
RunsOrLatestArg = Annotated[
    list[str] | None,
    Argument(
        metavar="[RUN]...",
        help="Runs, by folder or by name in runs/ (default: the latest finished run).",
        autocompletion=runs,
        show_default=False,
    ),
]
RunOpt = Annotated[
    str | None,
    Option(
        metavar="RUN",
        help="The trained network of a run; `latest` is the last that finished.",
        autocompletion=runs,
    ),
]
DataArg = Annotated[
    str, Argument(metavar="NAME|PATH", help="A data set's name or path.", autocompletion=datasets)
]
DataOpt = Annotated[
    str | None,
    Option(
        metavar="NAME|PATH", help="A data set (default: the config's).", autocompletion=datasets
    ),
]
OtherDataOpt = Annotated[
    str | None,
    Option(
        "--data",
        metavar="NAME|PATH",
        help="Other data (default: the run's).",
        autocompletion=datasets,
    ),
]
CONFIG = "A shipped config's name, or a YAML file."
ConfigArg = Annotated[str, Argument(metavar="NAME|FILE", help=CONFIG, autocompletion=configs)]
OptionalConfigArg = Annotated[
    str | None,
    Argument(metavar="[NAME|FILE]", help=CONFIG, autocompletion=configs, show_default=False),
]
ConfigOpt = Annotated[
    str | None, Option("--config", "-c", metavar="NAME|FILE", help=CONFIG, autocompletion=configs)
]
SetOpt = Annotated[
    list[str] | None,
    Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Change a setting; repeatable.",
        autocompletion=settings_words,
    ),
]
SplitOpt = Annotated[Literal["test", "validation", "train"], Option(help="Split to evaluate on.")]
Weights = Literal["auto", "best", "last"]
WeightsOpt = Annotated[
    Weights,
    Option(help="Best or last weights of the training; auto chooses by the validation images."),
]
OverwriteOpt = Annotated[bool, Option("--overwrite", help="Replace the run in the folder.")]
OverwriteFileOpt = Annotated[bool, Option("--overwrite", help="Replace any file of that name.")]
JsonOpt = Annotated[bool, Option("--json", callback=_only_form, help="Print one JSON object.")]
MarkdownOpt = Annotated[
    bool, Option("--markdown", callback=_only_form, help="Print Markdown, for a job's summary.")
]
JunitOpt = Annotated[
    Path | None, Option("--junit", metavar="FILE", help="Also write the checks as JUnit XML.")
]
GradescopeOpt = Annotated[
    Path | None, Option(metavar="FILE", help="Also write Gradescope's results.json.")
]
QuietOpt = Annotated[bool, Option("--quiet", "-q", help="Show no progress, only the result.")]
OfflineOpt = Annotated[bool, Option("--offline", help="Never use the network.")]


MAX_SERIES = 1000  # seeds or folds of one training
LATEST = ("latest", "last")  # names of the latest finished run


def flag(name: str, text: str) -> Any:
    """An option that takes no value."""
    return Option(name, help=text)


def out_option(metavar: str, text: str) -> Any:
    """The option --out of a command, with its own help."""
    return Option("--out", "-o", metavar=metavar, help=text)


def refuse_beside(option: str, others: Mapping[str, Any]) -> None:
    """Raise ConfigError where one of the other options is given, which would be ignored."""
    if given := [name for name, value in others.items() if value]:
        raise ConfigError(f"{option}: cannot be combined with {' and '.join(given)}")


def chosen_run(run: str | None) -> Path:
    """The folder of the run that an argument names or, without one, of the latest."""
    from mlpcli.api import find_run

    if run is not None and (run not in LATEST or Path(run).exists()):
        return find_run.find(run)
    folder = find_run.latest()
    echo(f"note: {folder}: the latest finished run", err=True)
    return folder


def chosen_runs(runs: list[str] | None) -> list[Path]:
    """The folders of the runs that arguments name or, without any, of the latest."""
    return [chosen_run(run) for run in runs] if runs else [chosen_run(None)]


def require_run(run: str | None, weights: str) -> None:
    """Raise ConfigError where --weights is given without --run, whose weights it chooses."""
    if weights != "auto" and not run:
        raise ConfigError("--weights: works only with --run")


def say_weights(weights: Weights, *folders: Path) -> None:
    """Say on standard error which weights `auto` takes of runs, where it has a choice."""
    from mlpcli.show.selection import notes

    for text in notes(folders, weights):
        echo(f"note: {text}", err=True)


def parse_duration(text: str) -> float:
    """Seconds of a time with its unit, such as 20s, 2m or 1.5h; the default unit is seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not match:
        raise BadParameter(f"expected a time such as 20s, 2m or 1h, got {text!r}")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def parse_count(text: str) -> int:
    """A number of seeds or folds."""
    if not (text.isdecimal() and 2 <= int(text) <= MAX_SERIES):
        raise BadParameter(f"expected a whole number in [2, {MAX_SERIES}], got {text!r}")
    return int(text)


class Threshold(NamedTuple):
    """The least value of a metric."""

    metric: "Metric"
    fraction: float


def parse_threshold(text: str) -> Threshold:
    """A fraction, which is the accuracy's, or `metric=fraction`.

    >>> parse_threshold("0.98")
    Threshold(metric='accuracy', fraction=0.98)
    >>> parse_threshold("macro_f1=0.9")
    Threshold(metric='macro_f1', fraction=0.9)
    """
    from mlpcli.config.schema import Metric

    metric, equals, number = text.rpartition("=")
    metric, metrics = metric if equals else "accuracy", get_args(Metric)
    if metric not in metrics:
        near = nearest(metric, metrics, cutoff=0.4)
        hint = f"did you mean {near!r}?" if near else f"expected one of {', '.join(metrics)}"
        raise BadParameter(f"unknown metric {metric!r}; {hint}")
    try:
        fraction = float(number)
    except ValueError:
        fraction = math.nan
    if not 0 <= fraction <= 1:
        raise BadParameter(f"expected a fraction such as 0.98, or METRIC=FRACTION, got {text!r}")
    return Threshold(cast("Metric", metric), fraction)
