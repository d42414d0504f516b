"""Help: it fits wide and narrow terminals, and its examples are understood."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from mlpcli.cli import app
from tests.cli.outcome import call, output

ROOT: Any = typer.main.get_command(app)


def commands(command: Any = ROOT, path: tuple[str, ...] = ("mlp",)) -> Iterator[tuple[str, Any]]:
    """Every command by its words, groups included."""
    yield " ".join(path), command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


def listed(command: Any) -> str:
    """The examples in a command's help."""
    return str(command.help).partition("Examples:")[2]


def examples(command: Any) -> list[list[str]]:
    """The words of each use of the program in a command's help."""
    return [shlex.split(use) for use in re.findall(r"\bmlp\b[^|>\n]*", listed(command))]


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
def test_every_command_has_help_with_readable_values(words: str) -> None:
    out = output(call(*words.split()[1:], "--help"))

    assert f"Usage: {words}" in out
    assert "<int range>" not in out


@pytest.mark.parametrize("columns", [80, 50])
@pytest.mark.parametrize("words", DOING)
def test_an_example_can_be_copied_from_every_terminal(words: str, columns: int) -> None:
    text = re.sub(r" \\\n +", " ", shown(words, columns))  # as a shell continues a line
    lines = {line.strip() for line in text.splitlines()}

    assert example_lines(words) <= lines


@pytest.mark.parametrize("columns", [120, 80, 60, 50])
@pytest.mark.parametrize("words", ALL)
def test_help_fits_the_terminal_without_a_break_inside_a_word(words: str, columns: int) -> None:
    text = shown(words, columns)

    assert len(text.splitlines()) > 3
    assert max(map(len, text.splitlines())) <= columns
    assert set(text.split()) - {"\\"} == set(shown(words, 1000).split())


def example_lines(words: str) -> set[str]:
    """The examples in a command's help, to be copied line by line."""
    return {line.strip() for line in listed(ALL[words]).splitlines() if "mlp " in line}


def shown(words: str, columns: int) -> str:
    """A command's help in a terminal of that width."""
    context = ALL[words].context_class(ALL[words], info_name=words, terminal_width=columns)
    return str(context.get_help())


@pytest.mark.parametrize("words", DOING)
def test_every_command_prints_json(words: str) -> None:
    options = {name for each in DOING[words].params for name in each.opts}

    # a JSON Schema is JSON already
    assert ("--json" in options) != (words == "mlp config schema")
