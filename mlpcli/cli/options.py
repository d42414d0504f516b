"""Arguments and options that several commands share, each defined once.

What takes the name of a run, config or data set is completed by the shell: see complete.py.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli import completion
from mlpcli.errors import ConfigError


class Weights(StrEnum):
    """The weights a run keeps."""

    best = "best"
    last = "last"


RunArg = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run's folder.", autocompletion=completion.runs)
]
RunsArg = Annotated[
    list[Path],
    typer.Argument(metavar="RUN", help="Folders of runs.", autocompletion=completion.runs),
]
RunOpt = Annotated[
    Path | None,
    typer.Option(
        "--run", metavar="RUN", help="The trained network of a run.", autocompletion=completion.runs
    ),
]
DataArg = Annotated[
    str,
    typer.Argument(
        metavar="NAME|PATH", help="A data set's name or path.", autocompletion=completion.datasets
    ),
]
DataOpt = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME|PATH",
        help="A data set other than the run's.",
        autocompletion=completion.datasets,
    ),
]
ConfigArg = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE",
        help="A shipped config's name, or a YAML file.",
        autocompletion=completion.configs,
    ),
]

ConfigOpt = Annotated[
    str | None,
    typer.Option(
        "--config",
        "-c",
        metavar="NAME|FILE",
        help="A shipped config's name, or a YAML file.",
        autocompletion=completion.configs,
    ),
]
SetOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Change a setting; repeatable.",
        autocompletion=completion.changes,
    ),
]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
QuietOpt = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress, only the result.")]
OfflineOpt = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
WeightsOpt = Annotated[Weights, typer.Option("--weights", help="Best or final weights.")]


def refuse_settings_of(run: Path | None, config: str | None, changes: list[str] | None) -> None:
    """Raise ConfigError where settings are given beside a run, which has its own."""
    if run and (config or changes):
        raise ConfigError("--run: brings its own settings; leave out --config and --set")


def parse_duration(text: str) -> float:
    """Seconds of a time with its unit, such as 20s, 2m or 1.5h; the default unit is seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not found:
        raise typer.BadParameter(f"expected a time such as 20s, 2m or 1h, got {text!r}")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
