"""Help: it fits wide and narrow terminals, and its examples are understood."""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import typer

from mlpcli.cli import app

ROOT: Any = typer.main.get_command(app)


def commands(command: Any = ROOT, path: tuple[str, ...] = ("mlp",)) -> Iterator[tuple[str, Any]]:
    """Every command by its words, groups included."""
    yield " ".join(path), command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


def examples(command: Any) -> list[list[str]]:
    """The words of each use of the program in a command's help."""
    _, _, listed = str(command.help).partition("Examples:")
    return [shlex.split(use) for use in re.findall(r"\bmlp\b[^|>\n]*", listed)]


ALL = dict(commands())
DOING = {words: c for words, c in ALL.items() if not getattr(c, "no_args_is_help", False)}


@pytest.mark.parametrize("words", DOING)
def test_every_command_has_an_example_of_itself(words: str) -> None:
    own = words.split()

    assert any(use[: len(own)] == own for use in examples(DOING[words]))


@pytest.mark.parametrize("words", DOING)
def test_every_example_is_understood(words: str) -> None:
    for name, *rest in examples(DOING[words]):
        command, ctx = ROOT, ROOT.make_context(name, rest)
        while ctx._protected_args:
            name, command, rest = command.resolve_command(ctx, ctx._protected_args + ctx.args)
            ctx = command.make_context(name, rest, parent=ctx)


@pytest.mark.parametrize("words", ALL)
def test_an_example_has_a_paragraph_and_an_option_a_readable_value(words: str) -> None:
    lines = [line.strip() for line in str(ALL[words].help).splitlines()]

    assert not [a for a, b in pairwise(lines) if a.startswith("mlp ") and b.startswith("mlp ")]
    assert "<int range>" not in ALL[words].get_help(ALL[words].context_class(ALL[words]))


@pytest.mark.parametrize("columns", [80, 50])
@pytest.mark.parametrize("words", ALL)
def test_help_fits_the_terminal(words: str, columns: int) -> None:
    command = ALL[words]
    text = command.context_class(command, info_name=words, terminal_width=columns).get_help()

    assert len(text.splitlines()) > 3
    assert max(map(len, text.splitlines())) <= columns
