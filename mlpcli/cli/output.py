"""The one place that prints: names from files and options never reach a terminal raw."""

from collections.abc import Callable
from typing import TypeVar

import typer

from mlpcli.terminal import printable

Result = TypeVar("Result")


def print_result(
    result: Result,
    as_text: Callable[[Result], str],
    as_json: Callable[[Result], str],
    *,
    json: bool,
) -> None:
    """Print a result for people or, with json, as one JSON object."""
    echo(as_json(result) if json else as_text(result))


def moved(old: str, new: str) -> None:
    """Note on standard error that a deprecated option has become a command."""
    echo(f"note: {old} is now {new}; the old option will be removed", err=True)


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text to standard output or, with err, a message to standard error."""
    typer.echo(printable(text), err=err, nl=nl)
