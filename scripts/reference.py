"""Refresh what is generated: the config schema, and docs/commands.md from --help."""

from collections.abc import Iterator
from pathlib import Path

from typer.models import CommandInfo
from typer.testing import CliRunner

from mlpcli.cli import app
from mlpcli.config.load import json_schema

ROOT = Path(__file__).parent.parent
HEAD = "# Commands\n\nWhat each prints with `--help`. This page is made by `make docs`.\n\n"


def reference() -> str:
    """Every command's help, as the page shows it."""
    pages = []
    for command in commands():
        runner = CliRunner(env={"COLUMNS": "88", "NO_COLOR": "1", "TERM": "dumb"})
        text = runner.invoke(app, [*command.split(), "--help"], prog_name="mlp").stdout
        lines = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
        pages.append(f"## mlp {command}\n\n```text\n{lines}\n```\n")
    return "\n".join(pages)


def commands() -> Iterator[str]:
    """Every command in the order of the program; of a group's, those that show examples."""
    yield from map(_name, app.registered_commands)
    for group in app.registered_groups:
        assert group.typer_instance
        name = str(group.typer_instance.info.name)
        yield name
        for command in group.typer_instance.registered_commands:
            if "Examples:" in str(command.callback.__doc__):
                yield f"{name} {_name(command)}"


def _name(command: CommandInfo) -> str:
    return command.name or command.callback.__name__  # type: ignore[union-attr]  # always set


def main() -> None:
    """Write both files."""
    schema = ROOT / "configs" / "config.schema.json"
    schema.write_text(json_schema(), encoding="utf-8")
    (ROOT / "docs" / "commands.md").write_text(HEAD + reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
