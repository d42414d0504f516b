"""Options that several commands share, each defined once."""

import re
from typing import Annotated

import typer

ConfigOpt = Annotated[
    str | None,
    typer.Option(
        "--config", "-c", metavar="NAME|FILE", help="A shipped config's name, or a YAML file."
    ),
]
SetOpt = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a setting; repeatable."),
]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
QuietOpt = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
OfflineOpt = Annotated[bool, typer.Option("--offline", help="Never use the network.")]


def seconds(text: str) -> float:
    """A time with its unit, such as 20s, 2m or 1.5h, in seconds; without a unit it is in them."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not found:
        raise typer.BadParameter(f"expected a time such as 20s, 2m or 1h, got {text!r}")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
