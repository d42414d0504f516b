"""Draw the README's terminal pictures, docs/pictures/*.svg, from real command output.

Run as `python scripts/pictures.py`. The commands run in a pseudo-terminal, pyte turns their output
into a screen, and rich draws that screen. Requires a system with pseudo-terminals.
"""

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterable, Iterator, Mapping
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
LONGER = "mlp train --config quickstart --epochs 12 --name longer"
MOMENT = re.compile(r"epoch  9/12 .*\nepoch 10/12  ━.*\nrun .*\nloss .*\naccuracy .*best")
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
BIN = Path(sys.executable).parent  # where `mlp` is installed, beside this Python
FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def main() -> None:
    """Run the commands in an empty folder and write the pictures."""
    during: list[Text] = []
    with tempfile.TemporaryDirectory() as folder:
        for screen in screens([LONGER], Path(folder)):
            drawn = lines(screen)
            if MOMENT.search("\n".join(text.plain for text in drawn)):
                during = drawn
        *_, last = screens(COMMANDS, Path(folder))
    write("live", during)
    write("train", lines(last))


def screens(commands: Iterable[str], folder: Path) -> Iterator[pyte.HistoryScreen]:
    """The screen of a terminal, after each write by one of the commands."""
    screen = pyte.HistoryScreen(COLUMNS, ROWS, history=1000, ratio=1)
    stream = pyte.ByteStream(screen)
    for command in commands:
        stream.feed(b"\x1b[1m$ " + command.encode() + b"\x1b[0m\r\n")
        for data in output(shlex.split(command), folder):
            stream.feed(data)
            yield screen


def output(command: list[str], folder: Path) -> Iterator[bytes]:
    """A command's terminal output as bytes; raises CalledProcessError if it fails."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment()
    )
    os.close(theirs)
    try:
        while data := os.read(ours, 1 << 16):
            yield data
    except OSError:  # Linux ends a pseudo-terminal with EIO, other systems with an empty read
        pass
    finally:
        os.close(ours)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, command)


def environment() -> dict[str, str]:
    """The caller's, without variables that affect size or color, with this Python's `mlp` first."""
    unwanted = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    path = f"{BIN}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "TERM": "xterm-256color", "PATH": path}


def lines(screen: pyte.HistoryScreen) -> list[Text]:
    """Every line, including those scrolled off the top, without empty ones at the end."""
    rows = [*screen.history.top, *(screen.buffer[y] for y in range(ROWS))]
    drawn = [line(row) for row in rows]
    while drawn and not drawn[-1].plain:
        drawn.pop()
    return drawn


def line(row: Mapping[int, Char]) -> Text:
    """One line of the screen with its colors."""
    cells = (row[x] for x in range(COLUMNS))  # a row gives a blank for a cell never written
    runs = [(look, "".join(cell.data for cell in part)) for look, part in groupby(cells, style)]
    text = Text.assemble(*((data, look) for look, data in runs))
    text.rstrip()
    return text


def style(cell: Char) -> Style:
    """The style of one cell in rich's terms."""
    return Style(
        color=colour(cell.fg),
        bgcolor=colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def colour(name: str) -> str:
    """The rich name of a pyte color."""
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return name.replace("brown", "yellow").replace("bright", "bright_")


def write(name: str, drawn: list[Text]) -> None:
    """Write lines as a self-contained SVG picture."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), color_system="truecolor")
    for text in drawn:
        console.print(text, soft_wrap=True, highlight=False)
    picture = FONTS.sub("", console.export_svg(title="mlp", unique_id=name))
    rows = [f"{row.rstrip()}\n" for row in picture.splitlines()]
    (PICTURES / f"{name}.svg").write_text("".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
