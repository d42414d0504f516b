"""Curves over epochs, drawn in text: by the dots of braille characters, or in ASCII.

The library for this would be plotext. Its release 6.1.0 takes 120 ms of computing to import, most
of it for building its documentation; rich, which is loaded anyway, takes 38 ms on the same machine.
At 80x24 its legend covers the beginning of a curve, where a training changes most, it labels epochs
2.5 and 8.5, and two curves differ by color alone. Its interface became another one with release 6.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TextIO

from rich.text import Text

from mlpcli.terminal import (
    DEFAULT_HEIGHT,
    DEFAULT_WIDTH,
    is_unicode,
    terminal_height,
    terminal_width,
)

BRAILLE = 0x2800  # the character without dots
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # bits by column and row
MAX_WIDTH, MAX_HEIGHT = 120, 40  # columns and lines; a larger drawing shows no more
EPOCH_WIDTH = 6  # columns, at least, from one label of an epoch to the next
DASH, GAP = 3, 3  # dots
NO_MARKS: Mapping[int, str] = {}


class Canvas(NamedTuple):
    """What there is to draw on."""

    width: int  # columns
    height: int  # lines
    ascii_: bool  # nothing but ASCII can be shown


def canvas(stream: TextIO | None) -> Canvas:
    """A terminal without the line of its prompt, or what stands for it in a pipe."""
    width = min(terminal_width(stream) or DEFAULT_WIDTH, MAX_WIDTH)
    height = min(terminal_height(stream) or DEFAULT_HEIGHT, MAX_HEIGHT) - 1
    return Canvas(width, height, ascii_=not is_unicode(stream))


class Curve(NamedTuple):
    """One quantity over the epochs."""

    epochs: Sequence[int]
    values: Sequence[float]
    style: str  # of rich
    character: str  # that draws it in ASCII
    dashed: bool = False
    marks: Mapping[int, str] = NO_MARKS  # characters by epoch, drawn on the curve


class Scale(NamedTuple):
    """How values become heights and labels."""

    log: bool = False
    unit: str = ""  # behind each label


LINEAR = Scale()


class Cell(NamedTuple):
    """One character of a drawing."""

    bits: int  # the dots of a braille character; 0 where a character is drawn
    character: str
    style: str


Place = tuple[int, int]  # row and column of a cell, from the top left
Cells = dict[Place, Cell]


def panel(
    titles: Sequence[Text],
    curves: Sequence[Curve],
    *,
    on: Canvas,
    scale: Scale = LINEAR,
    epochs: bool = True,
) -> list[Text]:
    """A title, the curves beside an axis and, with epochs, their labels below; fills the canvas.

    titles: the same in ever fewer words; the first that fits is shown. The values must be positive
    where the scale is logarithmic.
    """
    width, height, ascii_ = on
    values = [value for curve in curves for value in curve.values]
    rows = max(2, height - 2 - epochs)
    to_y = math.log if scale.log else float
    low, high = min(values), max(values)
    labels = _labels(low, high, (rows + 1) // 2, scale)
    margin = max(6, *(len(label) + 1 for _, label in labels))
    columns = max(2, width - margin - 1)
    first = min(curve.epochs[0] for curve in curves)
    last = max(curve.epochs[-1] for curve in curves)

    across, down = (1, 1) if ascii_ else (2, 4)
    to_row = _onto(to_y(high), to_y(low), rows * down)
    to_column = _onto(first, last, columns * across)
    cells = _cells(curves, lambda x, y: (to_column(x), to_row(to_y(y))), ascii_=ascii_)
    by_row = {to_row(to_y(value)) // down: label for value, label in labels}
    bar, corner, line = "|+-" if ascii_ else "│└─"
    lines = [next((title for title in titles if title.cell_len <= width), titles[-1]).copy()]
    for row in range(rows):
        text = Text.assemble((f"{by_row.get(row, ''):>{margin - 1}} {bar}", "dim"))
        for column in range(columns):
            text.append(*_character(cells.get((row, column))))
        lines.append(text)
    lines.append(Text.assemble((" " * margin + corner + line * columns, "dim")))
    if epochs:
        labels_ = _epochs(first, last, columns, lambda epoch: to_column(epoch) // across)
        lines.append(Text.assemble((f"{'epoch':>{margin - 1}}  {labels_}", "dim")))
    for each in lines:
        each.rstrip()
        each.truncate(width)
    return lines


def beside(left: Sequence[Text], right: Sequence[Text], *, width: int) -> list[Text]:
    """Two panels of equal height side by side; width: columns from one beginning to the other."""
    lines = []
    for one, other in zip(left, right, strict=True):
        padded = one.copy()
        padded.pad_right(width - padded.cell_len)
        lines.append(Text.assemble(padded, other))
    return lines


def _onto(first: float, last: float, count: int) -> Callable[[float], int]:
    """Values from first to last, onto numbers from 0 to count - 1; a single value to the middle."""
    if first == last:
        return lambda _: count // 2
    return lambda value: round((value - first) / (last - first) * (count - 1))


def _cells(curves: Sequence[Curve], dot: Callable[[int, float], Place], *, ascii_: bool) -> Cells:
    """The curves, and above all lines their marks; dot: column and row of an epoch's value."""
    cells: Cells = {}
    across, down = (1, 1) if ascii_ else (2, 4)
    for curve in curves:
        pairs = zip(curve.epochs, curve.values, strict=True)
        _draw(cells, [dot(epoch, value) for epoch, value in pairs], curve, ascii_=ascii_)
    for curve in curves:
        for epoch, mark in curve.marks.items():
            column, row = dot(epoch, curve.values[curve.epochs.index(epoch)])
            cells[row // down, column // across] = Cell(0, mark, curve.style)
    return cells


def _draw(cells: Cells, points: Sequence[Place], curve: Curve, *, ascii_: bool) -> None:
    """Mutates cells: draws straight lines between points, given as column and row of their dots."""
    drawn = 0
    for (x0, y0), (x1, y1) in pairwise([points[0], *points]):
        length = max(abs(x1 - x0), abs(y1 - y0), 1)
        for i in range(length + 1):
            x, y = round(x0 + (x1 - x0) * i / length), round(y0 + (y1 - y0) * i / length)
            drawn += i > 0
            if ascii_:
                cells[y, x] = Cell(0, curve.character, curve.style)
            elif not curve.dashed or drawn % (DASH + GAP) < DASH:
                place = (y // 4, x // 2)
                before = cells.get(place, Cell(0, "", "")).bits
                cells[place] = Cell(before | DOTS[x % 2][y % 4], "", curve.style)


def _character(cell: Cell | None) -> tuple[str, str]:
    """What is shown of a cell, and its style."""
    if cell is None:
        return " ", ""
    return cell.character or chr(BRAILLE + cell.bits), cell.style


def _labels(low: float, high: float, count: int, scale: Scale) -> list[tuple[float, str]]:
    """At most about count round values in a range, with their texts; at least one."""
    if low == high:
        return [(low, f"{low:.4g}{scale.unit}")]
    if scale.log:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for factors in (range(1, 10), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
            values = [factor * 10.0**power for power in powers for factor in factors]
            values = [value for value in values if low <= value <= high]
            if len(values) <= count:
                break
        if len(values) > 1:
            return [(value, f"{value:g}") for value in values[:: math.ceil(len(values) / count)]]
    step, decimals = _step((high - low) / max(1, count))
    values = [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [(value, f"{value:.{decimals}f}{scale.unit}") for value in values or [low]]


def _step(least: float) -> tuple[float, int]:
    """The next 1, 2 or 5 times a power of ten, and its decimals.

    >>> _step(0.3), _step(0.0011), _step(7)
    ((0.5, 1), (0.002, 3), (10.0, 0))
    """
    power = math.floor(math.log10(least))
    factor = next(f for f in (1, 2, 5, 10) if f * 10.0**power >= least * (1 - 1e-9))
    power += factor == 10
    return (1 if factor == 10 else factor) * 10.0**power, max(0, -power)


def _epochs(first: int, last: int, columns: int, to_column: Callable[[int], int]) -> str:
    """The numbers of some epochs, the first and the last among them, each below its column."""
    step = max(1, round(_step((last - first) / max(1, columns // EPOCH_WIDTH) or 1)[0]))
    inner = [epoch for epoch in range(step, last, step) if epoch > first]
    line = ""
    end = columns - len(str(last)) if last > first else columns
    for epoch in (first, *inner):
        start = max(0, to_column(epoch) - len(str(epoch)) // 2)
        if (start == 0 or start > len(line)) and start + len(str(epoch)) < end:
            line = line.ljust(start) + str(epoch)
    return line.ljust(end) + str(last) if last > first else line
