"""Draw the README's terminal picture, docs/pictures/train.svg, from what the commands really print.

Run as `python scripts/pictures.py`. The commands run in a pseudo-terminal, pyte keeps the screen
that their bytes make, and rich draws that screen. Needs a system with pseudo-terminals.
"""

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping
from io import StringIO
from itertools import groupby
from pathlib import Path

import pyte
from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.text import Text

COLUMNS, ROWS = 100, 30
COMMANDS = ("mlp train --config quickstart --name first", "mlp eval runs/first")
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "train.svg"
BIN = Path(sys.executable).parent  # where `mlp` lies, beside this Python
FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def main() -> None:
    """Run the commands in an empty folder and write the picture."""
    screen = pyte.HistoryScreen(COLUMNS, ROWS, history=1000, ratio=1)
    stream = pyte.ByteStream(screen)
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            stream.feed(b"\x1b[1m$ " + command.encode() + b"\x1b[0m\r\n")
            run(shlex.split(command), Path(folder), stream)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(svg(lines(screen)), encoding="utf-8")


def run(command: list[str], folder: Path, stream: pyte.ByteStream) -> None:
    """Feed a command's bytes to the emulator; raises CalledProcessError when it fails."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment()
    )
    os.close(theirs)
    try:
        while data := os.read(ours, 1 << 16):
            stream.feed(data)
    except OSError:  # Linux ends a pseudo-terminal with EIO, others with no bytes
        pass
    finally:
        os.close(ours)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, command)


def environment() -> dict[str, str]:
    """The caller's, without what would change size or colour, with this Python's `mlp` first."""
    unwanted = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    path = f"{BIN}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "TERM": "xterm-256color", "PATH": path}


def lines(screen: pyte.HistoryScreen) -> list[Text]:
    """Every line, those that left the screen at the top included, without empty ones at the end."""
    rows = [*screen.history.top, *(screen.buffer[y] for y in range(ROWS))]
    drawn = [line(row) for row in rows]
    while drawn and not drawn[-1].plain:
        drawn.pop()
    return drawn


def line(row: Mapping[int, Char]) -> Text:
    """One line of the screen with its colours."""
    cells = (row[x] for x in range(COLUMNS))  # a row gives a blank for a cell never written
    runs = [(look, "".join(cell.data for cell in part)) for look, part in groupby(cells, style)]
    text = Text.assemble(*((data, look) for look, data in runs))
    text.rstrip()
    return text


def style(cell: Char) -> Style:
    """The look of one cell in rich's terms."""
    return Style(
        color=colour(cell.fg),
        bgcolor=colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def colour(name: str) -> str:
    """A colour of pyte's by rich's name for it."""
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return name.replace("brown", "yellow").replace("bright", "bright_")


def svg(drawn: list[Text]) -> str:
    """The lines as a picture that loads nothing from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), color_system="truecolor")
    for text in drawn:
        console.print(text, soft_wrap=True, highlight=False)
    picture = FONTS.sub("", console.export_svg(title="mlp", unique_id="train"))
    return "\n".join(row.rstrip() for row in picture.splitlines()) + "\n"


if __name__ == "__main__":
    main()
