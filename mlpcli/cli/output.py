"""The one place that prints: names from files and options never reach a terminal raw."""

import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

import typer

from mlpcli.annotation import annotation
from mlpcli.terminal import is_live, printable, terminal_width

if TYPE_CHECKING:
    from rich.text import Text

    from mlpcli.show.curves import Canvas
    from mlpcli.show.format import Block

Result = TypeVar("Result")


def print_result(
    result: Result,
    as_text: "Callable[[Result], str | Sequence[Block]]",
    as_json: Callable[[Result], str],
    *,
    json: bool,
    markdown: bool = False,
    blocks: "Callable[[Result], Sequence[Block]] | None" = None,
    wrap: bool = True,
) -> None:
    """Print a result as one JSON object, as Markdown or, without these, for people.

    as_text: text, or its blocks, which can be Markdown too. blocks: those of the Markdown, if they
    are others. wrap: whether the text is prose and tables, whose lines are fitted to a terminal.
    """
    if json:
        echo(as_json(result))
        return
    text = blocks(result) if markdown and blocks else as_text(result)
    if not isinstance(text, str):
        from mlpcli.show.format import plain
        from mlpcli.show.markdown import markdown as as_markdown

        text = as_markdown(text) if markdown else plain(text)
    text = printable(text)
    typer.echo(_fitted(text, sys.stdout) if wrap and not markdown else text)


def print_next(*words: str) -> None:
    """Print the command that people run next, to people alone: on a terminal, on standard error."""
    if is_live(sys.stdout) and is_live(sys.stderr):
        echo(f"next: {_program()} {shlex.join(words)}", err=True)


def print_drawing(draw: "Callable[[Canvas], list[Text]]") -> None:
    """Print lines that fill the terminal, or 80 columns and 24 lines where there is none."""
    from mlpcli.show.console import console
    from mlpcli.show.curves import canvas

    screen = console(err=False)
    for line in draw(canvas(sys.stdout)):
        screen.print(line)


def moved(old: str, new: str) -> None:
    """Note on standard error that a deprecated option has become a command."""
    echo(f"note: {old} is now {new}; the old option will be removed", err=True)


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text to standard output or, with err, a message to standard error."""
    text = printable(text)
    typer.echo(_fitted(text, sys.stderr) if err else text, err=err, nl=nl)
    if err and (mark := annotation(text)):
        typer.echo(mark, err=True)


def say(text: str) -> None:
    """Print prose for people to standard output, fitted to a terminal."""
    typer.echo(_fitted(printable(text), sys.stdout))


def ask(prompt: str) -> str | None:
    """A line that is typed or piped in, without its end; None where there are no more.

    A line from a pipe is printed behind the prompt, so that the output reads like a session.
    """
    if isinstance(sys.stdin, TextIOWrapper) and sys.stdin.errors != "replace":
        sys.stdin.reconfigure(errors="replace")
    is_typed = sys.stdin is not None and sys.stdin.isatty()
    if is_typed:
        with suppress(ImportError):  # for editing the line; Windows has none, and needs none
            import readline  # noqa: F401
    try:
        line = input(prompt) if is_typed and sys.stdout and sys.stderr else _read_line()
    except EOFError:
        line = None
    if line is None or not is_typed:
        typer.echo(printable(prompt + (line or "")).rstrip() if not is_typed else "")
    return line


def _read_line() -> str | None:
    line = sys.stdin.readline() if sys.stdin else ""  # None if it was closed
    return line.removesuffix("\n") if line else None


def _program() -> str:
    """How to call this program: by its name or, where the shell would not find it, by its path."""
    path = Path(sys.argv[0])
    if shutil.which("mlp"):
        return "mlp"
    return shlex.quote(str(path)) if path.stem == "mlp" else "python -m mlpcli"


def _fitted(text: str, stream: TextIO | None) -> str:
    if (width := terminal_width(stream)) is None:
        return text
    from mlpcli.show.format import fitted  # imports rich

    return fitted(text, width)
