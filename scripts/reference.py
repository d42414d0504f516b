"""Refresh what is generated: the config schema, and the README's command reference from --help."""

import re
from pathlib import Path

from typer.testing import CliRunner

from mlpcli.cli import app
from mlpcli.runs import config

ROOT = Path(__file__).parent.parent
COMMANDS = ("download", "train", "eval", "gradcheck", "explain", "config", "data show")
START, END = "<!-- commands -->\n", "<!-- /commands -->"


def reference() -> str:
    """Every command's help, as the README shows it."""
    pages = []
    for command in COMMANDS:
        runner = CliRunner(env={"COLUMNS": "88", "NO_COLOR": "1", "TERM": "dumb"})
        text = runner.invoke(app, [*command.split(), "--help"], prog_name="mlp").stdout
        lines = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
        pages.append(f"### mlp {command}\n\n```text\n{lines}\n```\n")
    return "\n".join(pages)


def main() -> None:
    """Write both files."""
    schema = ROOT / "configs" / "config.schema.json"
    schema.write_text(config.schema(), encoding="utf-8")
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(START)}.*{re.escape(END)}", re.DOTALL)
    written = pattern.sub(lambda _: f"{START}\n{reference()}\n{END}", text)
    readme.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
