"""The format of numbers, tables, CSV and JSON objects, shared by all results."""

import csv
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from typing import Any

from rich.cells import cell_len

from mlpcli.config.schema import Metric
from mlpcli.terminal import one_line, terminal_width

SCHEMA = 1  # of every JSON object printed; see docs/contract.md
FORMULA = re.compile(r"[=+\-@\t\r].", re.DOTALL)  # how it begins, for a spreadsheet
NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?")
Block = str | list[list[str]]  # of a result: a line, or the rows of a table, its head first
NOT_RECORDED = "not recorded"


def json_object(values: Any) -> str:
    """A mapping or record as one JSON object on one line, which names its schema.

    In it, records become objects, arrays lists, and numbers that are not finite null.
    """
    return json.dumps({"schema": SCHEMA, **_plain(values)}, ensure_ascii=False, allow_nan=False)


def pick(record: Any, *names: str) -> dict[str, Any]:
    """These attributes of a record, by their names."""
    return {name: getattr(record, name) for name in names}


def subject(split: str, data: str) -> str:
    """Which images of which data, in words.

    >>> subject("test", "mnist"), subject("all", "photos")
    ('the test split of mnist', 'all images of photos')
    """
    return f"all images of {data}" if split == "all" else f"the {split} split of {data}"


def csv_line(cells: Iterable[Any]) -> str:
    """One line of CSV, without its end.

    A spreadsheet would compute a text that begins as a formula does, so it gets an apostrophe.

    >>> csv_line(["=1+1", "-0.5", -0.5])
    "'=1+1,-0.5,-0.5"
    """
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(map(_inert, cells))
    return line.getvalue()


def _inert(cell: Any) -> Any:
    is_formula = isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def plain(blocks: Iterable[Block]) -> str:
    """Blocks as text."""
    lines = []
    for block in blocks:
        lines += [block] if isinstance(block, str) else table(block)
    return "\n".join(lines)


def table(rows: list[list[str]]) -> list[str]:
    """Rows of text, the head first, as aligned lines that fit the terminal on standard output."""
    return aligned(rows, terminal_width(sys.stdout))


def aligned(rows: list[list[str]], width: int | None) -> list[str]:
    """Rows as lines: the first column left-aligned, the others right-aligned.

    width: of the terminal, in columns; None if it does not matter. A table that is wider follows
    in parts, each with the first column, or as a list if that leaves no room for another.
    """
    rows = [list(map(one_line, row)) for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    room, gap, parts = width or math.inf, "  ", [range(1, len(widths))]
    if len(widths) > 1 and sum(widths) + 2 * len(parts[0]) > room:
        if sum(widths) + len(parts[0]) <= room:
            gap = " "
        elif widths[0] + 2 + max(widths[1:]) <= room:
            parts = _parts(widths, room)
        else:
            return _listed(rows)
    cells = [[_padded(row[i], n, left=not i) for i, n in enumerate(widths)] for row in rows]
    tables = [[gap.join([row[0], *(row[i] for i in part)]) for row in cells] for part in parts]
    return "\n\n".join("\n".join(map(str.rstrip, lines)) for lines in tables).split("\n")


def fitted(text: str, width: int | None) -> str:
    """Text whose lines are broken between words where they are wider; None: as it is.

    A command between backquotes is one word.
    """
    if width is None:
        return text
    return "\n".join(each for line in text.split("\n") for each in _broken(line, width))


METRICS: dict[Metric, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
}


def percent(fraction: Any, digits: int = 2) -> str:
    """A fraction in percent.

    >>> percent(0.98114)
    '98.11%'
    """
    return f"{100 * fraction:.{digits}f}%" if _is_number(fraction) else NOT_RECORDED


def points(difference: float) -> str:
    """A difference of fractions in percentage points.

    >>> points(0.0012)
    '+0.12'
    """
    return f"{100 * difference:+z.2f}"


def count(number: Any) -> str:
    """A whole number with thousands separators.

    >>> count(658698)
    '658,698'
    """
    return f"{number:,.0f}" if _is_number(number) else NOT_RECORDED


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is 1.

    >>> counted(1, "epoch"), counted(2, "epoch")
    ('1 epoch', '2 epochs')
    """
    return f"{number:,} {noun}" + "s" * (number != 1)


def fixed(number: Any, digits: int = 4) -> str:
    """A number with this many decimals."""
    return f"{number:,.{digits}f}" if _is_number(number) else NOT_RECORDED


def short(number: Any) -> str:
    """A number of any size with two significant digits.

    >>> short(8.6595e-08)
    '8.7e-08'
    """
    return f"{number:.2g}" if _is_number(number) else NOT_RECORDED


def error(number: float) -> str:
    """A small number in scientific notation.

    >>> error(3.04e-13)
    '3.0e-13'
    """
    return f"{number:.1e}"


def seconds(number: Any) -> str:
    """A time in its one or two largest units.

    >>> seconds(4.73), seconds(83.2), seconds(7321)
    ('4.7 s', '1 min 23 s', '2 h 2 min')
    """
    if not _is_number(number):
        return NOT_RECORDED
    if number < 60:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def probability(p: float) -> str:
    """A p-value.

    >>> probability(0.034), probability(1e-7)
    ('p = 0.034', 'p < 0.001')
    """
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def size(count: int) -> str:
    """A number of bytes.

    >>> size(512), size(658_698 * 4)
    ('0.5 kB', '2.6 MB')
    """
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def text(value: Any) -> str:
    """A value of a record; a list with commas."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _parts(widths: list[int], room: float) -> list[range]:
    """The columns beside the first one, in as many parts as needed."""
    parts, first, used = [], 1, widths[0]
    for i, each in enumerate(widths[1:], 1):
        if i > first and used + 2 + each > room:
            parts.append(range(first, i))
            first, used = i, widths[0]
        used += 2 + each
    return [*parts, range(first, len(widths))]


def _listed(rows: list[list[str]]) -> list[str]:
    head, lines = rows[0], list[str]()
    for first, *others in rows[1:]:
        lines += [first, *(f"  {n}: {cell}" for n, cell in zip(head[1:], others, strict=True))]
    return lines


def _padded(cell: str, width: int, *, left: bool) -> str:
    space = " " * (width - cell_len(cell))
    return cell + space if left else space + cell


def _broken(line: str, width: int) -> Iterator[str]:
    """The line, or the parts of one that is wider, indented by two more columns."""
    if cell_len(line) <= width:
        yield line
        return
    margin = " " * (len(line) - len(line.lstrip()) + 2)
    part = ""
    for word in re.findall(r"\s*(?:`[^`]*`|[^\s`]|`)+", line):
        if part and cell_len(part) + cell_len(word) > width:
            yield part
            part = margin + word.lstrip()
        else:
            part += word
    yield part


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
