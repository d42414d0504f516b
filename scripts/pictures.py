"""Draw the README's pictures, training.svg, report.png and playground.png, from real output.

Run as `python scripts/pictures.py`, on a quiet machine: the animation keeps the training's pace.
The command runs in a pseudo-terminal, and pyte turns its output into screens. Each of their lines
is drawn for as long as it stayed, and CSS shows and hides it, since code hosts run no scripts in
pictures. Readers who prefer reduced motion see the last screen. The report and the playground are
seen by Chromium, which draws a digit there.
"""

import io
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pyte
from PIL import Image, ImageOps
from playwright.sync_api import sync_playwright
from pyte.screens import Char

COLUMNS, ROWS = 66, 28
COMMAND = "mlp train mnist-fast --name first"
TYPED, READ = 0.7, 6.0  # seconds before the command's output begins, and after it
FRAME = 0.1  # seconds between two screens, at least
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
BIN = Path(sys.executable).parent  # where `mlp` is installed, beside this Python
CHROMIUM = shutil.which("chromium") or shutil.which("chrome")  # None: playwright's own
SIZE, CELL, LINE, MARGIN = 14, 8.4, 19, 16  # pixels: of the font, a cell's width and height, around
REPORT_WIDTH = 1280  # pixels of the window; on a page, as wide as the terminal
PLAYGROUND_HEIGHT = 870  # of the window: what is drawn, seen and thought
FIVE = "66,16 50,16 35,17 33,32 31,45 43,42 57,44 67,54 69,67 62,79 48,86 35,84 26,77"  # percent
COLORS = {
    "default": "#d1d7e0",
    "black": "#656c76",
    "red": "#f47067",
    "green": "#6bc46d",
    "brown": "#daaa3f",
    "blue": "#6cb6ff",
    "magenta": "#dcbdfb",
    "cyan": "#56d4dd",
}
STYLE = f"""
text {{ font: {SIZE}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }}
text {{ white-space: pre }}
.b {{ font-weight: bold }}
.past {{ visibility: hidden }}
"""
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))  # of Braille, by their bits


class Run(NamedTuple):
    """Neighboring cells of a line that look alike."""

    x: int  # column
    text: str
    color: str
    bold: bool


Line = tuple[Run, ...]


class Frame(NamedTuple):
    """The screen from a moment on."""

    second: float
    lines: list[Line]


def main() -> None:
    """Run the command in an empty folder and write the pictures of it and its report."""
    with tempfile.TemporaryDirectory() as folder:
        film = [Frame(TYPED + at, lines(screen)) for at, screen in screens(COMMAND, Path(folder))]
        picture, height = animation(film)
        (PICTURES / "training.svg").write_text(picture, encoding="utf-8")
        subprocess.run(["mlp", "report", "first"], cwd=folder, env=environment(), check=True)
        page = next(Path(folder).rglob("report.html"))
        screenshot(page, PICTURES / "report.png", REPORT_WIDTH, height)
        subprocess.run(["mlp", "playground", "first"], cwd=folder, env=environment(), check=True)
        page = next(Path(folder).rglob("playground.html"))
        screenshot(page, PICTURES / "playground.png", REPORT_WIDTH, PLAYGROUND_HEIGHT, stroke=FIVE)


def screens(command: str, folder: Path) -> Iterator[tuple[float, pyte.Screen]]:
    """The screen after each write by a command, and the seconds since its start."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    stream.feed(b"$ \x1b[1m" + command.encode() + b"\x1b[0m\r\n")
    yield -TYPED, screen
    start = time.monotonic()
    for data in output(shlex.split(command), folder):
        stream.feed(data.replace(b"\x1b[2m", b"\x1b[30m"))  # pyte knows no dim, so black is gray
        yield time.monotonic() - start, screen


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
    unwanted = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "CI"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    path = f"{BIN}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "TERM": "xterm-256color", "PATH": path}


def lines(screen: pyte.Screen) -> list[Line]:
    """The lines of a screen as they are now."""
    return [line(screen.buffer[y]) for y in range(ROWS)]


def line(row: Mapping[int, Char]) -> Line:
    """The runs of a line, without spaces around them."""
    cells = [(x, row[x]) for x in range(COLUMNS)]  # a row gives a blank for a cell never written
    runs = []
    for (color, bold), part in groupby(cells, lambda cell: (cell[1].fg, cell[1].bold)):
        chars = list(part)
        text = "".join(char.data for _, char in chars)
        if text.strip():
            start = chars[0][0] + len(text) - len(text.lstrip())
            runs.append(Run(start, text.strip(), COLORS[color], bold))
    return tuple(runs)


def animation(film: list[Frame]) -> tuple[str, int]:
    """A film as an SVG picture, and its height: a line is drawn for each time it is seen."""
    end = film[-1].second + READ
    seen: dict[tuple[float, float], list[str]] = {}
    used = max(y for frame in film for y, drawn in enumerate(frame.lines) if drawn) + 1
    for y in range(used):
        for start, stop, drawn in spans(film, y, end):
            if drawn:
                seen.setdefault((start, stop), []).append(line_picture(drawn, y))
    width, height = round(COLUMNS * CELL + 2 * MARGIN), used * LINE + 2 * MARGIN
    rules, groups = [], []
    for n, ((start, stop), parts) in enumerate(sorted(seen.items())):
        groups.append(f'<g class="{"" if stop == end else "past "}t{n}">\n{"".join(parts)}</g>\n')
        moments = {0: start == 0, start: True} | ({} if stop == end else {stop: False})
        states = (
            f"{100 * at / end:.2f}%{{visibility:{'visible' if on else 'hidden'}}}"
            for at, on in moments.items()
        )
        rules.append(f"@keyframes k{n} {{{''.join(states)}}}")
        rules.append(f".t{n} {{ animation: k{n} {end:.1f}s step-end infinite }}")
    motion = "\n".join(rules)
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">\n<title>{escape(COMMAND)}</title>\n'
        f"<style>{STYLE}@media (prefers-reduced-motion: no-preference) {{\n{motion}\n}}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#22272e"/>\n'
        f"{''.join(groups)}</svg>\n"
    )
    return picture, round(REPORT_WIDTH * height / width)


def spans(film: list[Frame], y: int, end: float) -> Iterator[tuple[float, float, Line]]:
    """From when to when a line of the screen was what; screens between two frames are left out."""
    shown = [film[0]]
    for frame, after in zip(film[1:], [*film[2:], None], strict=True):
        if after is None or after.second - shown[-1].second >= FRAME:
            shown.append(frame)
    for drawn, part in groupby(shown, lambda frame: frame.lines[y]):
        start = next(part).second
        later = (
            frame.second for frame in shown if frame.second > start and frame.lines[y] != drawn
        )
        yield start, next(later, end), drawn


def line_picture(drawn: Line, y: int) -> str:
    """The runs of a line: letters as text, the signs of drawings as paths that fit together."""
    parts = []
    for run in drawn:
        paths = "".join(
            sign(char, MARGIN + (run.x + i) * CELL, MARGIN + y * LINE)
            for i, char in enumerate(run.text)
        )
        if paths:
            parts.append(f'<path fill="{run.color}" d="{paths}"/>\n')
        for match in re.finditer(r"[^\s\u2500-\u28ff]+( [^\s\u2500-\u28ff]+)*", run.text):
            x, length = MARGIN + (run.x + match.start()) * CELL, len(match[0]) * CELL
            bold = ' class="b"' if run.bold else ""
            parts.append(
                f'<text x="{x:.1f}" y="{MARGIN + y * LINE + SIZE}" textLength="{length:.1f}" '
                f'fill="{run.color}"{bold}>{escape(match[0])}</text>\n'
            )
    return "".join(parts)


def sign(char: str, x: float, y: float) -> str:
    """The path of a box, block or Braille character in the cell at x, y; empty for any other."""
    middle, center = y + LINE / 2, x + CELL / 2
    if "\u2800" <= char <= "\u28ff":
        bits = ord(char) - 0x2800
        return "".join(
            box(x + CELL * (0.15 + column / 2), y + LINE * (0.06 + row / 4), 2.2, 2.2)
            for bit, (column, row) in enumerate(DOTS)
            if bits >> bit & 1
        )
    if "\u2581" <= char <= "\u2588":
        part = LINE * (ord(char) - 0x2580) / 8 * 0.8
        return box(x, y + LINE * 0.9 - part, CELL, part)
    return {
        "━": box(x, middle - 1.5, CELL, 3),
        "─": box(x, middle - 0.5, CELL, 1),
        "╌": box(x + 1, middle - 0.5, 2.4, 1) + box(x + 5.2, middle - 0.5, 2.4, 1),
        "│": box(center - 0.5, y, 1, LINE),
        "└": box(center - 0.5, y, 1, LINE / 2) + box(center - 0.5, middle - 0.5, CELL / 2 + 0.5, 1),
        "●": f"M{center - 3:.1f} {middle:.1f}a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
    }.get(char, "")


def box(x: float, y: float, width: float, height: float) -> str:
    """The path of a rectangle."""
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"


def screenshot(page: Path, picture: Path, width: int, height: int, *, stroke: str = "") -> None:
    """The top of a page in a window of that size, as a PNG of few colors.

    stroke: what to draw on the page first, in percent of its pad.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        window = browser.new_page(viewport={"width": width, "height": height})
        window.goto(page.as_uri())
        if stroke:
            points = [[int(v) / 100 for v in point.split(",")] for point in stroke.split()]
            window.evaluate("points => pad.set([{ width: 0.08, points }])", points)
            while not window.evaluate("isSettled"):
                window.wait_for_timeout(20)
        image = Image.open(io.BytesIO(window.screenshot()))
        browser.close()
    framed = ImageOps.expand(image.convert("RGB"), border=2, fill="#d1d9e0")
    framed.quantize(192, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    main()
