"""Help: it fits wide and narrow terminals, and its examples are understood."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mlpcli.cli import app
from tests.cli.outcome import call, output, refusal

ROOT: Any = typer.main.get_command(app)


def commands(command: Any = ROOT, path: tuple[str, ...] = ("mlp",)) -> Iterator[tuple[str, Any]]:
    """Every command by its words, groups included."""
    yield " ".join(path), command
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
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


@pytest.mark.parametrize("words", [words for words in ALL if words != "mlp"])
def test_a_summary_is_short(words: str) -> None:
    summary = ALL[words].get_short_help_str(limit=1000)

    assert len(summary) <= 45
    assert summary.endswith(".")


def test_the_commands_stand_in_sections_and_three_examples_above() -> None:
    out = output(call("--help"))
    sections = re.findall(r"^(\w+):$", out, re.MULTILINE)

    assert sections == ["Options", "Train", "Inspect", "Use", "Verify", "Manage"]
    assert len(examples(ROOT)) == 3
    assert max(map(len, out.splitlines())) < 80
    assert all(f"\n  {name} " in out for name, c in ROOT.commands.items() if not c.hidden)


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        ("version", "--version"),
        ("-V", "--version"),
        ("help", "--help"),
        ("help train", "train --help"),
        ("help runs show", "runs show --help"),
    ],
)
def test_a_guess_does_what_the_command_does(guess: str, words: str) -> None:
    assert output(call(*guess.split())) == output(call(*words.split()))


def test_runs_are_listed_by_each_name_of_it() -> None:
    Path("runs").mkdir()

    assert {call(*words.split())[:2] for words in ("runs", "runs list", "ls")} == {(0, "no runs\n")}
    assert output(call("runs", "list", "--json")) == output(call("runs", "--json"))


def test_data_and_configs_are_listed() -> None:
    assert "fashion-mnist" in output(call("data", "list"))
    lines = {line.split()[0]: line for line in output(call("config", "list")).splitlines()}
    assert re.search(r"98\.\d\d% +\d+\.\d s  Plain MNIST: the workbook's network", lines["mnist"])
    assert re.search(r" - +-  The embedded digits", lines["quickstart"])


def test_help_of_what_does_not_exist_is_one_line() -> None:
    assert refusal("help", "trian") == "no such command 'trian'; see `mlp --help`"
    assert refusal("help", "runs", "xyz") == "no such command 'xyz'; see `mlp runs --help`"


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
    assert not re.search(r"<[a-z]", out)


# options without which something is not done, or is as the config has it
WITHOUT = {
    *("--lr", "--batch-size", "--hidden", "--optimizer", "--epochs", "--seed", "--dropout"),
    *("--config", "--set", "--time-budget", "--target", "--seeds", "--folds", "--fail-under"),
    *("--name", "--note", "--resume", "--run", "--section", "--question", "--where", "--confirm"),
    *("--scheduler", "--scheduler-file", "--from", "--answers", "--rubric", "--out"),
    *("--junit", "--gradescope", "--notebook", "--html", "--png"),
}


@pytest.mark.parametrize("words", DOING)
def test_every_default_stands_in_the_help(words: str) -> None:
    command = DOING[words]
    context = command.context_class(command, info_name=words, terminal_width=1000)
    silent = {
        each.opts[0]
        for each in command.params
        if each.param_type_name == "option" and not (each.is_flag or each.hidden or each.required)
        if "default: " not in each.get_help_record(context)[1]
    }

    assert silent <= WITHOUT


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
