"""The one way out of text: names from files and options never reach a terminal raw."""

import typer

from mlpcli.terminal import printable


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a result to standard output or, with err, a message to standard error."""
    typer.echo(printable(text), err=err, nl=nl)
